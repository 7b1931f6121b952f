"""Pools: the largest entry or the mean of every window.

A maximum is kept whole as a node; its derivative is the 0/1 tensor of the winners, spread back over
the windows. An average is a sum over the windows' relation, as a convolution is.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import sympy as sp

from ..graph import node as g
from ..graph.node import Node, call, ein
from ..graph.sizes import check_pool_padding, output_size
from .base import Flag, Int, Op, Val, Word, integers, require
from .conv import DUMOULIN, NORMAL, geometry, sides, window
from .open_sizes import extents, numbers, unsettled
from .reduce import gap_to_tie, onehot_forward
from .reshape import stacked


def _pool_geometry(n: int, name: str, x: Val, kernel: Any, stride: Any, padding: Any, dilation: Any,
                   ceil: bool) -> tuple[Any, ...]:  # fmt: skip
    require(
        n <= x.order <= n + 2, f"{name} takes an input of order {n} to {n + 2}, not size {x.dims}"
    )
    k = integers(kernel, n, "kernel_size", 1)
    s = k if stride is None else integers(stride, n, "stride", 1)
    d = integers(dilation, n, "dilation", 1)
    p, out = geometry(padding, extents(x, "an input", n), k, s, d, ceil)
    for kk, pp, dd in zip(k, p, d, strict=True):
        check_pool_padding(kk, pp, dd)
    return k, s, p, d, out


def _as_image(n: int, x: Val) -> tuple[Val, bool]:
    """A 1×L image in a 1-D pool is a row of it."""
    return (Val(x.node), True) if n == 1 and x.row else (x, False)


def _max_pool(n: int, x: Val, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool,
              ties: str) -> Val:  # fmt: skip
    x, row = _as_image(n, x)
    k, s, p, d, out = _pool_geometry(n, f"max_pool{n}d", x, kernel, stride, padding, dilation, ceil)
    shape = (*x.node.shape[: x.order - n], *out)
    if not numbers(*x.node.shape[-n:]):
        return Val(unsettled(f"max_pool{n}d", [x.node], shape, k, s, p, d, ceil), row)
    return Val(call("max_pool", [x.node], (k, s, p, d, out, ties), shape), row)


def _max_pool1d(x: Val, kernel_size: Int, stride: Int = None, padding: Int = 0, dilation: Int = 1,
                ceil_mode: Flag = False, _ties: Word = "first") -> Val:  # fmt: skip
    return _max_pool(1, x, kernel_size, stride, padding, dilation, ceil_mode, _ties)


def _max_pool2d(x: Val, kernel_size: Int, stride: Int = None, padding: Int = 0, dilation: Int = 1,
                ceil_mode: Flag = False, _ties: Word = "first") -> Val:  # fmt: skip
    return _max_pool(2, x, kernel_size, stride, padding, dilation, ceil_mode, _ties)


def _max_pool3d(x: Val, kernel_size: Int, stride: Int = None, padding: Int = 0, dilation: Int = 1,
                ceil_mode: Flag = False, _ties: Word = "first") -> Val:  # fmt: skip
    return _max_pool(3, x, kernel_size, stride, padding, dilation, ceil_mode, _ties)


def _windows(x: np.ndarray, parameters: Any) -> np.ndarray:
    """The entries of every window: lead axes, output axes, kernel axes; −∞ outside the input."""
    if x.dtype != object:
        return _view(x, parameters)
    k, s, p, d, out, *_ = parameters
    n = len(k)
    lead = x.ndim - n
    lowest = -sp.oo if x.dtype == object else -np.inf
    for axis in range(n):
        place = lead + axis
        size = x.shape[place]
        index = (
            np.arange(out[axis])[:, None] * s[axis]
            + np.arange(k[axis])[None, :] * d[axis]
            - p[axis][0]
        )
        inside = (index >= 0) & (index < size)
        x = np.take(x, np.clip(index, 0, size - 1), axis=place)
        mask = inside.reshape((1,) * place + inside.shape + (1,) * (x.ndim - place - 2))
        x = np.where(mask, x, lowest)
        x = np.moveaxis(x, place + 1, -1)
    return x


def _view(x: np.ndarray, parameters: Any) -> np.ndarray:
    """The same of floats without a copy of every window."""
    k, s, p, d, out, *_ = parameters
    n = len(k)
    lead, size = x.shape[: x.ndim - n], x.shape[x.ndim - n :]
    spans = [(o - 1) * b + e * (t - 1) + 1 for o, b, e, t in zip(out, s, d, k, strict=True)]
    whole = [max(m, before + r) for m, (before, _), r in zip(spans, p, size, strict=True)]
    padded = np.full((*lead, *whole), -np.inf)
    inside = tuple(slice(q[0], q[0] + r) for q, r in zip(p, size, strict=True))
    padded[(..., *inside)] = x
    by = padded.strides[x.ndim - n :]
    return np.lib.stride_tricks.as_strided(
        padded,
        (*lead, *out, *k),
        (*padded.strides[: x.ndim - n], *(a * b for a, b in zip(by, s, strict=True)),
         *(a * e for a, e in zip(by, d, strict=True))),
        writeable=False,
    )  # fmt: skip


def _pool_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    windows = _windows(arrays[0], parameters)
    taps = (windows[(..., *tap)] for tap in np.ndindex(*parameters[0]))
    return np.asarray(functools.reduce(np.maximum, taps))


def _pool_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    k, s, p, d, out, _ = y.attr[1]
    n = len(k)
    x = y.args[0]
    front = tuple(f"y{j}" for j in range(lead))
    outer = tuple(f"b{j}" for j in range(x.order - n))
    space, taps, places = (tuple(f"{c}{j}" for j in range(n)) for c in "iko")
    winner = call("max_pool_winner", [x], y.attr[1], (*y.shape, *k))
    windows = [
        (window(x.shape[-n + j], out[j], k[j], s[j], d[j], p[j][0], False),
         (space[j], places[j], taps[j]))
        for j in range(n)
    ]  # fmt: skip
    factors = [(g_, front + outer + places), (winner, outer + places + taps), *windows]
    return (ein(factors, front + outer + space),)


def _winner_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    windows = _windows(arrays[0], parameters)
    n = len(parameters[0])
    axes = tuple(range(windows.ndim - n, windows.ndim))
    if windows.dtype == object or parameters[5] != "first":
        return onehot_forward([windows], (axes, parameters[5]))
    flat = windows.reshape(*windows.shape[: windows.ndim - n], -1)
    mask = np.zeros(flat.shape)
    np.put_along_axis(mask, np.argmax(flat, axis=-1)[..., None], 1.0, axis=-1)
    return mask.reshape(windows.shape)


def _pool_kink(n: int):
    def distance(arrays: list[np.ndarray], given: dict[str, Any]) -> float:
        x = np.asarray(arrays[0], dtype=float)
        v = Val(g.var("x", x.shape))
        geometry = _pool_geometry(n, "", v, given["kernel_size"], given.get("stride"),
                                  given.get("padding", 0), given.get("dilation", 1),
                                  given.get("ceil_mode", False))  # fmt: skip
        windows = _windows(x, geometry)
        return gap_to_tie(windows, tuple(range(windows.ndim - n, windows.ndim)))

    return distance


def _avg_pool(
    n: int, x: Val, kernel: Any, stride: Any, padding: Any, ceil: bool, count_pad: bool
) -> Val:
    x, row = _as_image(n, x)
    k, s, p, _, out = _pool_geometry(n, f"avg_pool{n}d", x, kernel, stride, padding, 1, ceil)
    if not numbers(*x.node.shape[-n:]):
        shape = (*x.node.shape[: x.order - n], *out)
        return Val(unsettled(f"avg_pool{n}d", [x.node], shape, k, s, p, ceil, count_pad), row)
    outer = tuple(f"b{j}" for j in range(x.order - n))
    space, places = (tuple(f"{c}{j}" for j in range(n)) for c in "io")
    windows = [
        (window(x.node.shape[-n + j], out[j], k[j], s[j], 1, p[j][0], False),
         (space[j], places[j], f"k{j}"))
        for j in range(n)
    ]  # fmt: skip
    total = ein([(x.node, outer + space), *windows], outer + places)
    weights = []  # per axis: one over the number of entries that count
    for j in range(n):
        size = x.node.shape[-n + j]
        low, high = (-p[j][0], size + p[j][1]) if count_pad else (0, size)
        counts = [
            sum(low <= o * s[j] + t - p[j][0] < high for t in range(k[j])) for o in range(out[j])
        ]
        if len(set(counts)) == 1:
            weights.append((g.const(sp.Rational(1, counts[0]), (out[j],)), (places[j],)))
        else:
            ones = [g.const(sp.Rational(1, c)) for c in counts]
            weights.append((stacked(ones), (places[j],)))
    return Val(ein([(total, outer + places), *weights], outer + places), row)


def _avg_pool1d(x: Val, kernel_size: Int, stride: Int = None, padding: Int = 0, ceil_mode: Flag = False,
                count_include_pad: Flag = True) -> Val:  # fmt: skip
    return _avg_pool(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _avg_pool2d(x: Val, kernel_size: Int, stride: Int = None, padding: Int = 0, ceil_mode: Flag = False,
                count_include_pad: Flag = True) -> Val:  # fmt: skip
    return _avg_pool(2, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _avg_pool3d(x: Val, kernel_size: Int, stride: Int = None, padding: Int = 0, ceil_mode: Flag = False,
                count_include_pad: Flag = True) -> Val:  # fmt: skip
    return _avg_pool(3, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _pool_loops(n: int, average: bool):
    """The definition of a pool as loops over windows; used only by checks."""

    def reference(x: np.ndarray, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                  ceil_mode: bool = False, count_include_pad: bool = True, _ties: str = "first") -> np.ndarray:  # fmt: skip
        k = integers(kernel_size, n, "kernel_size", 1)
        s = k if stride is None else integers(stride, n, "stride", 1)
        d = integers(dilation, n, "dilation", 1)
        size = x.shape[-n:]
        p = sides(padding, size, k, s, d)
        out = [output_size(*z, ceil_mode) for z in zip(size, k, s, p, d, strict=True)]
        y = np.zeros((*x.shape[:-n], *out))
        for at in np.ndindex(*out):
            found, padded = [], 0
            for tap in itertools.product(*map(range, k)):
                i = tuple(
                    a * b + t * e - q[0] for a, b, t, e, q in zip(at, s, tap, d, p, strict=True)
                )
                if all(0 <= v < m for v, m in zip(i, size, strict=True)):
                    found.append(x[(..., *i)])
                elif all(-q[0] <= v < m + q[1] for v, m, q in zip(i, size, p, strict=True)):
                    padded += 1
            if average:
                y[(..., *at)] = sum(found) / (len(found) + padded * count_include_pad)
            else:
                y[(..., *at)] = np.max(np.stack(found), axis=0)
        return y

    return reference


_POOL_WHY = (
    "Only the largest entry of each window reaches {y}, so the gradient goes to the winners."
)
_FIRST = "where several entries of a window are largest, the first one counts as the winner"
_K = "kernel_size"

POOL: tuple[Op, ...] = (
    Op("max_pool1d", "x[n c L] -> [n c l]", _max_pool1d, _POOL_WHY, "d max = d(winner)", "maximum",
       DUMOULIN, "maxpool", _pool_loops(1, False), kinks=_pool_kink(1), convention=_FIRST,
       sample=(([(11,)], {_K: 2}, NORMAL), ([(1, 7)], {_K: 2, "stride": 1}, NORMAL),
               ([(3, 11)], {_K: 3, "stride": 2, "padding": 1, "ceil_mode": True}, NORMAL)),
               meaning="y[c, i] = the largest x[c, s·i + d·u − p] over all u of the window"),
    Op("max_pool2d", "x[n c H W] -> [n c h w]", _max_pool2d, _POOL_WHY, "d max = d(winner)", "maximum",
       DUMOULIN, "maxpool", _pool_loops(2, False), kinks=_pool_kink(2), convention=_FIRST,
       sample=(([(5, 7)], {_K: 2}, NORMAL), ([(1, 7)], {_K: (1, 2)}, NORMAL),
               ([(2, 3, 5, 7)], {_K: (3, 2), "stride": 1, "padding": 1}, NORMAL),
               ([(3, 7, 9)], {_K: 2, "dilation": 2, "stride": 3}, NORMAL)),
               meaning="y[c, i, j] = the largest x[c, s·i + d·u − p, s·j + d·v − p] over all u "
                       "and v of the window"),
    Op("max_pool3d", "x[n c D H W] -> [n c d h w]", _max_pool3d, _POOL_WHY, "d max = d(winner)",
       "maximum", DUMOULIN, "maxpool", _pool_loops(3, False), kinks=_pool_kink(3), convention=_FIRST,
       sample=(([(3, 4, 5)], {_K: 2}, NORMAL),
               ([(1, 2, 3, 4, 5)], {_K: (2, 3, 2), "stride": (1, 2, 3), "padding": 1}, NORMAL)),
               meaning="y[c, h, i, j] = the largest x[c, s·h + d·t − p, s·i + d·u − p, s·j + "
                       "d·v − p] over all t, u and v of the window"),
    Op("avg_pool1d", "x[n c L] -> [n c l]", _avg_pool1d,
       "Every entry of a window enters the average {y} with the same weight.",
       "d mean(window) = mean(d window)", "sum rule", DUMOULIN, "avgpool", _pool_loops(1, True),
       sample=(([(11,)], {_K: 2}, NORMAL), ([(3, 11)], {_K: 3, "stride": 2, "padding": 1}, NORMAL)),
       meaning="y[c, i] = the mean of x[c, s·i + u − p] over all u of the window"),
    Op("avg_pool2d", "x[n c H W] -> [n c h w]", _avg_pool2d,
       "Every entry of a window enters the average {y} with the same weight.",
       "d mean(window) = mean(d window)", "sum rule", DUMOULIN, "avgpool", _pool_loops(2, True),
       sample=(([(5, 7)], {_K: 2}, NORMAL),
               ([(2, 3, 5, 7)], {_K: (3, 2), "stride": 2, "padding": 1, "count_include_pad": False}, NORMAL),
               ([(3, 7, 9)], {_K: 2, "stride": 3, "ceil_mode": True}, NORMAL)),
               meaning="y[c, i, j] = the mean of x[c, s·i + u − p, s·j + v − p] over all u and "
                       "v of the window"),
    Op("avg_pool3d", "x[n c D H W] -> [n c d h w]", _avg_pool3d,
       "Every entry of a window enters the average {y} with the same weight.",
       "d mean(window) = mean(d window)", "sum rule", DUMOULIN, "avgpool", _pool_loops(3, True),
       sample=(([(3, 4, 5)], {_K: 2}, NORMAL),
               ([(2, 3, 4, 5)], {_K: (2, 3, 2), "stride": 2, "padding": 1, "count_include_pad": False}, NORMAL)),
               meaning="y[c, h, i, j] = the mean of x[c, s·h + t − p, s·i + u − p, s·j + v − "
                       "p] over all t, u and v of the window"),
)  # fmt: skip

INTERNAL: tuple[Op, ...] = (
    Op("max_pool", "x[...] -> [...]", lambda x: x, _POOL_WHY, "d max = d(winner)", "maximum", DUMOULIN,
       "maxpool", lambda x: x, forward=_pool_forward, vjp=_pool_vjp),
    Op("max_pool_winner", "x[...] -> [...]", lambda x: x, "The winner's place does not move.",
       "d onehot = 0", "constant", "definition", "winner", lambda x: x, forward=_winner_forward,
       vjp=lambda g_, lead, y: (None,)),
)  # fmt: skip
