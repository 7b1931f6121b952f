"""Entries that are picked: NumPy's basic indexing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import dims
from ..graph.node import Node, ein, rel
from .base import Val, require
from .open_sizes import held_open, may_stay_open


def index(x: Val, items: Any) -> Val:
    """NumPy's basic indexing: an item is an integer or (start, stop, step), None where left out."""
    node = x.node
    if x.row and len(items) == 2:
        first, last = items
        require(first in (0, -1) or isinstance(first, tuple), "a row has only row 0")
        return (
            index(Val(node), (last,)) if isinstance(first, int) else Val(cut(node, 0, last), True)
        )
    require(len(items) <= len(x.shape), f"{len(items)} indices for an array of size {x.dims}")
    gone = 0
    for k, item in enumerate(items):
        node = cut(node, k - gone, item)
        gone += isinstance(item, int)
    row = x.row and node.order == 1
    # one row of a matrix, W[0] or W[0, :], is a vector: a column on paper
    return Val(node, row)


def cut(node: Node, axis: int, item: Any) -> Node:
    size = node.shape[axis]
    own = tuple(range(node.order))
    if isinstance(item, int):
        inside = not isinstance(size, int) or -size <= item < size
        require(inside, f"index {item} is outside an axis of {size} entries")
        if dims.unknowns(size) and may_stay_open(
            size
        ):  # it has the entry only if it is long enough
            held_open(dims.dim(size - item) if item >= 0 else dims.dim(size + item + 1))
        at = item if item >= 0 else dims.dim(size + item)
        pick = rel((1,), at, (size,))
        return ein([(node, own), (pick, (axis,))], tuple(k for k in own if k != axis))
    start, stop, step = item
    if start is None and stop is None and step is None:
        return node
    left, right = (0 if d is None else d for d in (start, stop))
    if dims.unknowns(size) and step is None and left >= 0 and (stop is None or right < 0):
        return _symbolic_cut(node, axis, left, dims.dim(size + right), certain=True)
    if not isinstance(size, int) and step is None and start is not None and stop is not None:
        return _symbolic_cut(node, axis, start, stop)
    require(
        isinstance(size, int),
        f"a slice of an axis of symbolic size {dims.one(size)} needs its number",
    )
    chosen = range(*slice(start, stop, step).indices(size))
    require(len(chosen) > 0, f"the slice is empty: the axis has {size} entries")
    shift = rel((1, -chosen.step), chosen.start, (size, len(chosen)))
    out = tuple("o" if k == axis else k for k in own)
    return ein([(node, own), (shift, (axis, "o"))], out)


def _symbolic_cut(node: Node, axis: int, start: Any, stop: Any, certain: bool = False) -> Node:
    """Entries start … stop − 1 of a symbolic axis, where it is certain that it has them."""
    size = node.shape[axis]
    first, last, whole = (dims.number(d) for d in (start, stop, size))
    inside = first.is_nonnegative and (last - first).is_positive and (whole - last).is_nonnegative
    require(certain or bool(inside),
            f"a slice from {start} to {stop} of an axis of symbolic size {dims.one(size)} needs its number")  # fmt: skip
    shift = rel((1, -1), dims.dim(first), (size, dims.dim(last - first)))
    own = tuple(range(node.order))
    out = tuple("o" if k == axis else k for k in own)
    return ein([(node, own), (shift, (axis, "o"))], out)


def index_plain(x: np.ndarray, items: Any, _rows: tuple[bool, ...] = (True,)) -> Any:
    """A row has one axis on paper; a matrix with one row has two."""
    if x.ndim == 2 and x.shape[0] == 1 and len(items) == 1 and _rows[0]:
        x = x[0] if isinstance(items[0], int) else x
    return x[tuple(slice(*i) if isinstance(i, tuple) else i for i in items)]
