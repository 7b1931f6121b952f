"""unfold and fold: windows as the columns of a matrix, and columns summed back into an image.

Both are kept whole, since each is the other's derivative and reads best under its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from ..graph import dims
from ..graph.node import Node, call
from .base import Int, Op, Val, integers, require
from .conv import NORMAL
from .open_sizes import extents, held_open, numbers, slid, unsettled


def _geometry(size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """Kernel, dilation, padding and stride per axis, and the number of windows along each."""
    k, d = integers(kernel_size, 2, "kernel_size", 1), integers(dilation, 2, "dilation", 1)
    p, s = integers(padding, 2, "padding"), integers(stride, 2, "stride", 1)
    both = [(before, before) for before in p]
    out = tuple(slid(*z) for z in zip(size, k, s, both, d, strict=True))
    return k, d, p, s, out


def _unfold(x: Val, kernel_size: Int, dilation: Int = 1, padding: Int = 0, stride: Int = 1) -> Val:
    require(2 <= x.order <= 4 and not x.row,
            f"unfold takes an image, with channels and a batch if there are any, not size {x.dims}")  # fmt: skip
    shape = extents(x, "an input", x.order)
    size = shape[-2:]
    k, *rest = _geometry(size, kernel_size, dilation, padding, stride)
    bare = x.order == 2
    channels = 1 if bare else shape[-3]
    held_open(*(d for d in shape if not isinstance(d, int)))
    lead = shape[: x.order - 3] if x.order == 4 else ()
    parameters = (size, k, *rest, bare)
    out = (*lead, dims.dim(channels * prod(k)), dims.product(rest[-1]))
    if not numbers(*shape):
        return Val(unsettled("unfold", [x.node], out, k, *rest))
    return Val(call("unfold", [x.node], parameters, out))


def _fold(x: Val, output_size: Int, kernel_size: Int, dilation: Int = 1, padding: Int = 0,
          stride: Int = 1) -> Val:  # fmt: skip
    require(x.order in (2, 3) and not x.row,
            f"fold takes a matrix of columns, or a batch of them, not size {x.dims}")  # fmt: skip
    shape = extents(x, "an input", x.order)
    held_open(*(d for d in shape if not isinstance(d, int)))
    size = integers(output_size, 2, "output_size", 1)
    k, *rest = _geometry(size, kernel_size, dilation, padding, stride)
    rows, columns = shape[-2:]
    unifier = dims.active()
    channels = None if unifier is None else unifier.part(rows, prod(k))
    if channels is None and isinstance(rows, int):
        channels = rows // prod(k)
    out = rest[-1]
    require(not isinstance(rows, int) or rows % prod(k) == 0,
            f"{rows} rows are not a number of channels times {k[0]}·{k[1]} taps")  # fmt: skip
    require(dims.same(columns, prod(out)),
            f"an image of {size[0]}×{size[1]} has {out[0]}·{out[1]} = {prod(out)} windows, "
            f"but `{{left}}` has {columns} columns")  # fmt: skip
    parameters = (size, k, *rest, False)
    assert channels is not None
    whole = (*shape[:-2], channels, *size)
    if not numbers(*shape):
        return Val(unsettled("fold", [x.node], whole, k, *rest))
    return Val(call("fold", [x.node], parameters, whole))


def _met(parameters: Any) -> Iterator[tuple[int, int, Any, Any]]:
    """For every tap (i, j): where it stands in an image with its padding."""
    _, k, d, _, s, out, _ = parameters
    for i, j in np.ndindex(*k):
        rows = slice(i * d[0], i * d[0] + s[0] * (out[0] - 1) + 1, s[0])
        columns = slice(j * d[1], j * d[1] + s[1] * (out[1] - 1) + 1, s[1])
        yield i, j, rows, columns


def _padded_size(parameters: Any) -> tuple[int, int]:
    size, _, _, p, *_ = parameters
    return size[0] + 2 * p[0], size[1] + 2 * p[1]


def _empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Zeros, exact ones if the entries are exact."""
    found = np.zeros(shape, dtype=dtype)
    if found.dtype.kind == "O":
        found.fill(sp.S.Zero)
    return found


def _unfold_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    """Any number of axes may stand before the image's."""
    (h, w), k, _, p, _, out, bare = parameters
    x = arrays[0][..., None, :, :] if bare else arrays[0]
    image = _empty((*x.shape[:-2], *_padded_size(parameters)), x.dtype)
    image[..., p[0] : p[0] + h, p[1] : p[1] + w] = x
    y = _empty((*x.shape[:-2], *k, *out), x.dtype)
    for i, j, rows, columns in _met(parameters):
        y[..., i, j, :, :] = image[..., rows, columns]
    return y.reshape(*x.shape[:-3], x.shape[-3] * prod(k), prod(out))


def _fold_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    (h, w), k, _, p, _, out, bare = parameters
    x = arrays[0]
    y = x.reshape(*x.shape[:-2], x.shape[-2] // prod(k), *k, *out)
    image = _empty((*y.shape[:-4], *_padded_size(parameters)), x.dtype)
    for i, j, rows, columns in _met(parameters):
        image[..., rows, columns] = image[..., rows, columns] + y[..., i, j, :, :]
    found = image[..., p[0] : p[0] + h, p[1] : p[1] + w]
    return found[..., 0, :, :] if bare else found


def _unfold_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    return (call("fold", [g_], y.attr[1], (*g_.shape[:lead], *y.args[0].shape)),)


def _fold_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    return (call("unfold", [g_], y.attr[1], (*g_.shape[:lead], *y.args[0].shape)),)


def _pairs(*xs: Any) -> list[tuple[int, int]]:
    return [tuple(x) if isinstance(x, tuple | list) else (x, x) for x in xs]  # type: ignore[misc]


def _meetings(size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """(window, tap row, tap column, image row, image column), where the image has the place."""
    k, d, p, s = _pairs(kernel, dilation, padding, stride)
    out = [(size[j] + 2 * p[j] - d[j] * (k[j] - 1) - 1) // s[j] + 1 for j in range(2)]
    found = []
    for n, (a, b) in enumerate(np.ndindex(*out)):
        for i, j in np.ndindex(*k):
            row, column = a * s[0] + i * d[0] - p[0], b * s[1] + j * d[1] - p[1]
            if 0 <= row < size[0] and 0 <= column < size[1]:
                found.append((n, i * k[1] + j, row, column))
    return found, out[0] * out[1], k[0] * k[1]


def _unfold_loops(x: np.ndarray, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
                  stride: Any = 1) -> np.ndarray:  # fmt: skip
    image = x if x.ndim > 2 else x[None]
    met, windows, taps = _meetings(x.shape[-2:], kernel_size, dilation, padding, stride)
    y = np.zeros((*image.shape[:-2], taps, windows))
    for n, tap, row, column in met:
        y[..., tap, n] = image[..., row, column]
    return y.reshape(*image.shape[:-3], -1, windows)


def _fold_loops(x: np.ndarray, output_size: Any, kernel_size: Any, dilation: Any = 1,
                padding: Any = 0, stride: Any = 1) -> np.ndarray:  # fmt: skip
    (size,) = _pairs(output_size)
    met, windows, taps = _meetings(size, kernel_size, dilation, padding, stride)
    columns = x.reshape(*x.shape[:-2], -1, taps, windows)
    y = np.zeros((*columns.shape[:-2], *size))
    for n, tap, row, column in met:
        y[..., row, column] += columns[..., tap, n]
    return y


_K = "kernel_size"

FOLD: tuple[Op, ...] = (
    Op("unfold", "x[n c H W] -> [n c*i*j l]", _unfold,
       "{y} copies every window of {x} into a column; an entry goes back to its place from every "
       "window that holds it, and the copies' gradients add up.",
       "d unfold(x) = unfold(dx), and back: fold(g)", "linear map", "torch.nn.functional.unfold", "unfold",
       _unfold_loops, forward=_unfold_forward, vjp=_unfold_vjp,
       meaning="column n holds the entries of window n, channel by channel and row by row",
       sample=(([(3, 5)], {_K: 2}, NORMAL), ([(2, 5, 3)], {_K: (2, 3), "stride": 2, "padding": 1}, NORMAL),
               ([(2, 3, 3, 5)], {_K: 2, "dilation": (1, 2)}, NORMAL)),
       size="A column for each window, a row for each entry in it."),
    Op("fold", "x[n c*i*j l] -> [n c H W]", _fold,
       "{y} adds every column of {x} back at its window's place, so an entry of {x} reads the "
       "gradient there.",
       "d fold(x) = fold(dx), and back: unfold(g)", "linear map", "torch.nn.functional.fold", "fold", _fold_loops,
       forward=_fold_forward, vjp=_fold_vjp,
       meaning="the sum of all columns, each put back at its window's place",
       sample=(([(4, 8)], {"output_size": (3, 5), _K: 2}, NORMAL),
               ([(12, 6)], {"output_size": (5, 3), _K: (2, 3), "stride": 2, "padding": 1}, NORMAL),
               ([(2, 4, 4)], {"output_size": 3, _K: 2, "stride": 1}, NORMAL)),
       size="The image whose windows stand in the columns."),
)  # fmt: skip
