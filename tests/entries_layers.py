"""Layers and losses written out entry by entry, as SymPy expressions (see test_gradients_sympy)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

Symbols = list[np.ndarray]
K = "kernel_size"
NORMAL = (-2, 2)


def objects(f: Callable[..., Any], shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(shape, dtype=object)
    for at in np.ndindex(*shape):
        out[at] = f(*at)
    return out


# -- windows --------------------------------------------------------------------------------------


def conv_transpose(n: int) -> Callable[..., np.ndarray]:
    """y[j] = Σ x[i] w[k] over all i, k with s·i + d·k − p = j."""

    def entries(x: Symbols, point: Any, stride: int = 1, padding: int = 0, output_padding: int = 0,
                groups: int = 1, dilation: int = 1) -> np.ndarray:  # fmt: skip
        image, w, *bias = x
        bare = w.ndim == n
        if bare:
            image, w = image[None], w[None, None]
        size, taps = image.shape[1:], w.shape[2:]
        out = [stride * (m - 1) - 2 * padding + dilation * (k - 1) + output_padding + 1
               for m, k in zip(size, taps, strict=True)]  # fmt: skip
        outs, each = w.shape[1] * groups, image.shape[0] // groups

        def entry(o: int, *at: int) -> Any:
            total: Any = bias[0][o] if bias else sp.S.Zero
            for c in range(image.shape[0]):
                if c // each != o // w.shape[1]:
                    continue
                for i in np.ndindex(*size):
                    for k in np.ndindex(*taps):
                        if all(stride * a + dilation * b - padding == j
                               for a, b, j in zip(i, k, at, strict=True)):  # fmt: skip
                            total += image[(c, *i)] * w[(c, o % w.shape[1], *k)]
            return total

        y = objects(entry, (outs, *out))
        return y[0] if bare else y

    return entries


def adaptive(x: Symbols, point: Any, output_size: Any) -> np.ndarray:
    v = x[0]
    h, w = v.shape[-2:]

    def entry(*at: int) -> Any:
        i, j = at[-2:]
        rows = range(i * h // output_size[0], -(-(i + 1) * h // output_size[0]))
        cols = range(j * w // output_size[1], -(-(j + 1) * w // output_size[1]))
        found = [v[(*at[:-2], r, c)] for r in rows for c in cols]
        return sum(found) / sp.Integer(len(found))

    return objects(entry, (*v.shape[:-2], *output_size))


def unfold(
    x: Symbols, point: Any, kernel_size: int, stride: int = 1, padding: int = 0
) -> np.ndarray:
    v = x[0] if x[0].ndim == 3 else x[0][None]
    k = kernel_size
    out = [(m + 2 * padding - k) // stride + 1 for m in v.shape[1:]]

    def entry(r: int, n: int) -> Any:
        c, i, j = r // k**2, r // k % k, r % k
        a, b = n // out[1] * stride + i - padding, n % out[1] * stride + j - padding
        inside = 0 <= a < v.shape[1] and 0 <= b < v.shape[2]
        return v[c, a, b] if inside else sp.S.Zero

    return objects(entry, (v.shape[0] * k * k, out[0] * out[1]))


def fold(x: Symbols, point: Any, output_size: Any, kernel_size: int, stride: int = 1) -> np.ndarray:
    v, k = x[0], kernel_size
    per_row = (output_size[1] - k) // stride + 1
    y = objects(lambda *_: sp.S.Zero, (v.shape[0] // k**2, *output_size))
    for (c, i, j), n in itertools.product(np.ndindex(len(y), k, k), range(v.shape[1])):
        place = n // per_row * stride + i, n % per_row * stride + j
        y[(c, *place)] += v[(c * k + i) * k + j, n]
    return y


POOLS = [([(2, 2, 3)], {K: 2}), ([(2, 3, 2)], {K: 2, "padding": 1})]
Rows = dict[str, tuple[Callable[..., np.ndarray], list[tuple[list, dict]], Any]]


def layers(conv: Any, pool: Any) -> Rows:
    """The rows; convolution and pools in n dimensions come from the caller's own table."""
    return {
        "conv3d": (
            conv(3),
            [
                ([(2, 2, 3), (1, 2, 2)], {}),
                ([(2, 2, 2, 1), (1, 2, 2, 1, 1), (1,)], {"stride": 2, "padding": 1}),
            ],
            NORMAL,
        ),
        "max_pool3d": (pool(3, True), POOLS, NORMAL),
        "avg_pool3d": (pool(3, False), POOLS, NORMAL),
        "adaptive_avg_pool2d": (
            adaptive,
            [([(3, 4)], {"output_size": (2, 3)}), ([(1, 4, 2)], {"output_size": (2, 1)})],
            NORMAL,
        ),
        "conv_transpose1d": (
            conv_transpose(1),
            [
                ([(3,), (2,)], {}),
                ([(3,), (2,)], {"stride": 2, "padding": 1}),
                ([(2, 2), (2, 1, 3), (2,)], {"groups": 2, "dilation": 2}),
                ([(2, 2), (2, 3, 2), (3,)], {"stride": 3, "output_padding": 2}),
            ],
            NORMAL,
        ),
        "conv_transpose2d": (
            conv_transpose(2),
            [
                ([(2, 2), (2, 3)], {}),
                ([(2, 2), (3, 2)], {"stride": 2, "padding": 1, "output_padding": 1}),
                ([(2, 2, 1), (2, 1, 1, 2), (2,)], {"groups": 2}),
            ],
            NORMAL,
        ),
        "unfold": (
            unfold,
            [([(3, 3)], {K: 2}), ([(2, 3, 2)], {K: 2, "stride": 2, "padding": 1})],
            NORMAL,
        ),
        "fold": (
            fold,
            [([(4, 4)], {"output_size": (3, 3), K: 2}),
             ([(8, 2)], {"output_size": (2, 4), K: 2, "stride": 2})],
            NORMAL,
        ),
    }  # fmt: skip
