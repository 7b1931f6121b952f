"""Paper rules for elementwise operations: which axis meets which.

A scalar or 1×1 matrix goes with anything; a column runs along the rows of a matrix with as many rows; a row along
its columns. Tensors of order 3 and more follow NumPy: axes are matched from the last one back, and
an axis of size 1 repeats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ShapeError
from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node, ein
from .base import Val, is_column, is_row


@dataclass(frozen=True)
class Aligned:
    """Two operands on common axes 0 … n−1; `left[k]` is where axis k of the left one lands.

    An axis of size 1 that repeats lands on a negative number of its own.
    """

    left: tuple[int, ...]
    right: tuple[int, ...]
    shape: tuple[Dim, ...]
    row: bool

    def product(self, a: Node, b: Node) -> Node:
        return ein([(a, self.left), (b, self.right)], self.out, 1, self.sizes)

    @property
    def out(self) -> tuple[int, ...]:
        return tuple(range(len(self.shape)))

    @property
    def sizes(self) -> dict[int, Dim]:
        return dict(enumerate(self.shape))

    def spread(self, node: Node, axes: tuple[int, ...]) -> Node:
        return ein([(node, axes)], self.out, 1, self.sizes)

    def both(self, a: Node, b: Node) -> tuple[Node, Node]:
        return self.spread(a, self.left), self.spread(b, self.right)


def align(a: Val, b: Val, operation: str) -> Aligned:
    sa, sb = a.node.shape, b.node.shape
    if a.order == 0 or b.order == 0:
        big = b if a.order == 0 else a
        axes = tuple(range(big.order))
        return Aligned(axes if a.order else (), axes if b.order else (), big.node.shape, big.row)
    if max(a.order, b.order) >= 3:
        return _trailing(a, b, operation)
    if a.order == b.order == 1 and a.row == b.row and dims.same(sa[0], sb[0]):
        return Aligned((0,), (0,), sa, a.row)
    if a.order == b.order == 2 and dims.same_shape(sa, sb):
        return Aligned((0, 1), (0, 1), sa, False)
    if is_column(a) and is_column(b) and dims.same(sa[0], sb[0]):
        return Aligned((0, -1)[: a.order], (0, -2)[: b.order], sa[:1], False)
    if is_row(a) and is_row(b) and dims.same(sa[-1], sb[-1]):
        return Aligned((-1, 0)[-a.order :], (-2, 0)[-b.order :], sa[-1:], True)
    for small, big, flipped in ((a, b, False), (b, a, True)):
        if big.order == 2:
            axes = None
            if is_column(small) and dims.same(small.node.shape[0], big.node.shape[0]):
                axes = (0, -1)[: small.order]
            elif is_row(small) and dims.same(small.node.shape[-1], big.node.shape[1]):
                axes = (-1, 1)[-small.order :]
            if axes is not None:
                pair = ((0, 1), axes) if flipped else (axes, (0, 1))
                return Aligned(pair[0], pair[1], big.node.shape, False)
    for small, big, flipped in ((a, b, False), (b, a, True)):
        if all(d == 1 for d in small.node.shape):  # a 1×1 matrix goes with anything, as a number
            axes, own = (-1, -2)[: small.order], tuple(range(big.order))
            pair = (own, axes) if flipped else (axes, own)
            return Aligned(pair[0], pair[1], big.node.shape, big.row)
    raise mismatch(a, b, operation)


def paired(a: Val, b: Val, name: str, number: bool = True) -> Aligned:
    """Two operands that a loss compares entry by entry: nothing is repeated but a number.

    A column against a row, or a column against a matrix, would make a loss of entries that do not
    belong together: PyTorch warns of it or refuses it, so it raises ShapeError. An n×1 matrix is a
    column. `number`: whether one operand may be a single number for all entries of the other.
    """
    single = [all(d == 1 for d in v.node.shape) for v in (a, b)]
    lines = [(is_column(v), is_row(v)) for v in (a, b)]
    both = any(one and other for one, other in zip(*lines, strict=True))
    if both and max(a.order, b.order) <= 2:
        k = 0 if lines[0][0] and lines[1][0] else -1
        fits = dims.same(a.node.shape[k], b.node.shape[k])
    else:
        fits = a.row == b.row and dims.same_shape(a.node.shape, b.node.shape)
    if fits or all(single) or (number and 0 in (a.order, b.order)):
        return align(a, b, "compare")
    error = ShapeError(
        f"{name} compares entry by entry, but `{{left}}` is {a.dims} and `{{right}}` is {b.dims}",
        hint=_where_they_part(a, b) if a.order == b.order else "both need the same size",
    )
    error.pair = (a, b)
    raise error


def _trailing(a: Val, b: Val, operation: str) -> Aligned:
    """NumPy's rule, from the last axis back."""
    n = max(len(a.shape), len(b.shape))
    if a.row or b.row:
        raise mismatch(a, b, operation)
    shape: list[Dim] = []
    left: list[int] = []
    right: list[int] = []
    for k in range(n):
        ka, kb = k - (n - a.order), k - (n - b.order)
        da = a.node.shape[ka] if ka >= 0 else 1
        db = b.node.shape[kb] if kb >= 0 else 1
        if not (da == 1 or db == 1 or dims.same(da, db)):
            raise mismatch(a, b, operation)
        size = db if da == 1 else da
        shape.append(size)
        if ka >= 0:
            left.append(k if da != 1 or size == 1 else -1 - k)
        if kb >= 0:
            right.append(k if db != 1 or size == 1 else -100 - k)
    return Aligned(tuple(left), tuple(right), tuple(shape), False)


def mismatch(a: Val, b: Val, operation: str) -> ShapeError:
    """Names both sizes, and says where they part; the elaborator adds names, place and what fits."""
    joint = {"divide": "by", "raise": "to the power"}.get(operation, "and")
    error = ShapeError(
        f"cannot {operation} `{{left}}` ({a.dims}) {joint} `{{right}}` ({b.dims}): "
        "these sizes do not fit",
        hint=_where_they_part(a, b),
    )
    error.pair = (a, b)
    return error


def _where_they_part(a: Val, b: Val) -> str | None:
    orders = (a.order, b.order)
    if max(orders) >= 3:
        return _trailing_fact(a, b)
    if min(orders) == 0:
        return None  # a number goes with anything
    if orders == (1, 1):
        if a.row != b.row:
            return f"`{{left}}` is a {_line(a)}, `{{right}}` a {_line(b)}"
        return f"`{{left}}` has {_one(a, 0)} entries, `{{right}}` has {_one(b, 0)}"
    if orders == (2, 2):
        parts = [
            f"{_one(a, k)} and {_one(b, k)} {word}"
            for k, word in enumerate(("rows", "columns"))
            if not dims.equal(a.node.shape[k], b.node.shape[k])
        ]
        return "`{left}` and `{right}` have " + ", and ".join(parts)
    small, big, near, far = (a, b, "left", "right") if a.order == 1 else (b, a, "right", "left")
    k = 1 if small.row else 0
    return (
        f"a {_line(small)} needs as many entries as the matrix has {('rows', 'columns')[k]}: "
        f"`{{{near}}}` has {_one(small, 0)}, `{{{far}}}` has {_one(big, k)}"
    )


def _line(v: Val) -> str:
    return "row" if v.row else "column"


def _one(v: Val, k: int) -> str:
    return dims.one(v.node.shape[k])


def _trailing_fact(a: Val, b: Val) -> str:
    if a.row or b.row:
        return "a row goes with a matrix, not with a tensor of order 3 or more: drop its `.T`"
    rule = "axes are matched from the last one back"
    for back in range(1, min(a.order, b.order) + 1):
        da, db = a.node.shape[-back], b.node.shape[-back]
        if not (da == 1 or db == 1 or dims.equal(da, db)):
            return (
                f"{rule}: axis {a.order - back} of `{{left}}` has {dims.one(da)} entries, "
                f"axis {b.order - back} of `{{right}}` has {dims.one(db)}"
            )
    return rule


def paper(*arrays: np.ndarray) -> list[np.ndarray]:
    """NumPy arrays with columns as n×1 where they meet a matrix: the rules above for checks."""
    order = max(x.ndim for x in arrays)
    if order != 2:
        return list(arrays)
    return [x[:, None] if x.ndim == 1 else x for x in arrays]
