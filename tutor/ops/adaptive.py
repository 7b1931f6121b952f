"""Pools whose windows follow from the output size that is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from ..graph import node as g
from ..graph.node import Node, ein
from .base import Int, Op, Val, integers, require
from .conv import NORMAL, window
from .open_sizes import extents, held_open, numbers, unsettled


def _adaptive_avg_pool2d(x: Val, output_size: Int) -> Val:
    """Windows from ⌊o·H/h⌋ up to ⌈(o+1)·H/h⌉, along both axes; None keeps an axis as it is."""
    require(2 <= x.order <= 4 and not x.row,
            f"adaptive_avg_pool2d takes an input of order 2 to 4, not size {x.dims}")  # fmt: skip
    size = extents(x, "an input", 2)
    wanted = output_size if isinstance(output_size, tuple | list) else (output_size,) * 2
    require(len(wanted) == 2, "`output_size` is one number, or one for each of the two axes")
    if not numbers(*size):
        held_open(*size)
        kept = [o is None for o in wanted]
        told = integers([o or 1 for o in wanted], 2, "output_size", 1)
        shape = [n if keep else o for n, o, keep in zip(size, told, kept, strict=True)]
        name = "adaptive_avg_pool2d"
        return Val(unsettled(name, [x.node], (*x.node.shape[: x.order - 2], *shape)))
    out = integers([n if o is None else o for n, o in zip(size, wanted, strict=False)], 2,
                   "output_size", 1)  # fmt: skip
    node = _averaged(x.node, x.order - 2, out[0])
    return Val(_averaged(node, x.order - 1, out[1]))


def _averaged(node: Node, axis: int, out: int) -> Node:
    """Means of `out` windows along one axis."""
    size = node.shape[axis]
    assert isinstance(size, int)
    own = tuple(range(node.order))
    after = tuple("o" if k == axis else k for k in own)
    if size % out == 0:  # windows of one size, side by side
        k = size // out
        windows = window(size, out, k, k, 1, 0, False)
        return ein([(node, own), (windows, (axis, "o", "t"))], after, sp.Rational(1, k))
    terms = []
    for o in range(out):
        start, end = o * size // out, -(-(o + 1) * size // out)
        cut = g.rel((1, -1), start, (size, end - start))
        place = g.rel((1,), o, (out,))
        factors = [(node, own), (cut, (axis, "t")), (place, ("o",))]
        terms.append(ein(factors, after, sp.Rational(1, end - start)))
    return g.add(terms)


def _adaptive_loops(x: np.ndarray, output_size: Any) -> np.ndarray:
    """The definition as loops over the output; used only by checks."""
    pair = output_size if isinstance(output_size, tuple | list) else (output_size,) * 2
    h, w = (n if o is None else o for n, o in zip(x.shape[-2:], pair, strict=True))
    y = np.zeros((*x.shape[:-2], h, w))
    for i, j in np.ndindex(h, w):
        rows = [
            r for r in range(x.shape[-2]) if i * x.shape[-2] / h - 1 < r < (i + 1) * x.shape[-2] / h
        ]
        cols = [
            c for c in range(x.shape[-1]) if j * x.shape[-1] / w - 1 < c < (j + 1) * x.shape[-1] / w
        ]
        y[..., i, j] = np.mean([x[..., r, c] for r in rows for c in cols], axis=0)
    return y


ADAPTIVE: tuple[Op, ...] = (
    Op("adaptive_avg_pool2d", "x[n c H W] -> [n c h w]", _adaptive_avg_pool2d,
       "Every entry of {y} is the mean of one window, so an entry of {x} passes on one over the "
       "window's size, in every window that holds it.", "d mean(window) = mean(d window)", "sum rule",
       "torch.nn.functional.adaptive_avg_pool2d", "avgpool", _adaptive_loops,
       meaning="the mean of the rows from ⌊o H/h⌋ up to ⌈(o + 1) H/h⌉, and of columns likewise",
       sample=(([(5, 7)], {"output_size": (2, 3)}, NORMAL), ([(3, 6, 4)], {"output_size": (3, 2)}, NORMAL),
               ([(2, 3, 5, 7)], {"output_size": (None, 5)}, NORMAL),
               ([(3, 5)], {"output_size": 1}, NORMAL)),
       size="As many windows along each axis as are asked for."),
)  # fmt: skip
