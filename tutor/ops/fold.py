"""unfold and fold: windows as the columns of a matrix, and columns summed back into an image.

Both are the same relations between places, windows and taps, read in the two directions, so each
is the other's derivative.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..graph.node import ein, rel
from ..graph.sizes import output_size
from .base import Int, Op, Val, integers, require
from .conv import NORMAL, concrete, window


def _geometry(size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    k, d = integers(kernel_size, 2, "kernel_size", 1), integers(dilation, 2, "dilation", 1)
    p, s = integers(padding, 2, "padding"), integers(stride, 2, "stride", 1)
    out = [output_size(*z) for z in zip(size, k, s, p, d, strict=True)]
    relations = [
        (window(size[j], out[j], k[j], s[j], d[j], p[j], False), (f"i{j}", f"o{j}", f"k{j}"))
        for j in range(2)
    ]
    columns = rel((1, -out[1], -1), 0, (prod(out), *out))
    return k, out, [*relations, (columns, ("l", "o0", "o1"))]


def _rows(channels: int, k: Any) -> Any:
    """Row c·kh·kw + i·kw + j of the matrix belongs to channel c and tap (i, j)."""
    far = k[0] * k[1]
    return rel((1, -far, -k[1], -1), 0, (channels * far, channels, *k)), ("r", "c", "k0", "k1")


def _unfold(x: Val, kernel_size: Int, dilation: Int = 1, padding: Int = 0, stride: Int = 1) -> Val:
    require(2 <= x.order <= 4 and not x.row,
            f"unfold takes an image, with channels and a batch if there are any, not size {x.dims}")  # fmt: skip
    shape = concrete(x, "an input")
    node = x.node if x.order > 2 else ein([(x.node, "ab")], "cab", 1, {"c": 1})
    k, _, relations = _geometry(shape[-2:], kernel_size, dilation, padding, stride)
    channels = node.shape[-3]
    assert isinstance(channels, int)
    lead = ("n",) if x.order == 4 else ()
    factors = [(node, (*lead, "c", "i0", "i1")), *relations, _rows(channels, k)]
    return Val(ein(factors, (*lead, "r", "l")))


def _fold(x: Val, output_size: Int, kernel_size: Int, dilation: Int = 1, padding: Int = 0,
          stride: Int = 1) -> Val:  # fmt: skip
    require(x.order in (2, 3) and not x.row,
            f"fold takes a matrix of columns, or a batch of them, not size {x.dims}")  # fmt: skip
    shape = concrete(x, "an input")
    size = integers(output_size, 2, "output_size", 1)
    k, out, relations = _geometry(size, kernel_size, dilation, padding, stride)
    rows, columns = shape[-2:]
    require(rows % prod(k) == 0,
            f"{rows} rows are not a number of channels times {k[0]}·{k[1]} taps")  # fmt: skip
    require(columns == prod(out),
            f"an image of {size[0]}×{size[1]} has {out[0]}·{out[1]} = {prod(out)} windows, "
            f"but {{left}} has {columns} columns")  # fmt: skip
    lead = ("n",) if x.order == 3 else ()
    factors = [(x.node, (*lead, "r", "l")), *relations, _rows(rows // prod(k), k)]
    return Val(ein(factors, (*lead, "c", "i0", "i1")))


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
       "d unfold(x) = unfold(dx)", "rearrangement", "torch.nn.functional.unfold", "unfold",
       _unfold_loops,
       sample=(([(3, 5)], {_K: 2}, NORMAL), ([(2, 5, 3)], {_K: (2, 3), "stride": 2, "padding": 1}, NORMAL),
               ([(2, 3, 3, 5)], {_K: 2, "dilation": (1, 2)}, NORMAL))),
    Op("fold", "x[n c*i*j l] -> [n c H W]", _fold,
       "{y} adds every column of {x} back at its window's place, so an entry of {x} reads the "
       "gradient there.",
       "d fold(x) = fold(dx)", "linear map", "torch.nn.functional.fold", "fold", _fold_loops,
       sample=(([(4, 8)], {"output_size": (3, 5), _K: 2}, NORMAL),
               ([(12, 6)], {"output_size": (5, 3), _K: (2, 3), "stride": 2, "padding": 1}, NORMAL),
               ([(2, 4, 4)], {"output_size": 3, _K: 2, "stride": 1}, NORMAL))),
)  # fmt: skip
