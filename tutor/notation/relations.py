"""Index relations as matrix notation: vec, unvec, slices and padding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..expr import Call, Expr, Index, Slice, Transpose
from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node
from .build import Diagonal, NoMatrixForm, relation_term, size_term, transposed


@dataclass
class Item:
    """A factor and its labels: none of a scalar, one of a column, (rows, columns) of a matrix."""

    term: Expr
    labels: tuple[int, ...]
    turned: Expr | None = None  # the transpose, where it is known from the parts
    unit: bool = False  # a matrix with one row or column, an axis of which is not written

    @property
    def flipped(self) -> Expr:
        """The factor's transpose."""
        return transposed(self.term) if self.turned is None else self.turned


def without_units(item: Item, sizes: Mapping[int, Dim], out: Sequence[int]) -> Item:
    """The factor without summed axes of size 1: a 1×n matrix is a row, a 1×1 matrix a number."""
    rest = tuple(x for x in item.labels if x in out or sizes[x] != 1)
    if len(rest) == len(item.labels):
        return item
    first = len(item.labels) == 2 and rest == item.labels[1:]
    return Item(item.flipped if first else item.term, rest, unit=bool(rest))


def diagonal_of(item: Item) -> Item:
    """The diagonal of a square factor whose two labels are one."""
    return Item(Diagonal("diag", (item.term,)), item.labels[:1])


def as_matrix(node: Node, labels: tuple[int, ...]) -> Item | None:
    """A relation between two axes that no factor took in: a matrix of zeros and ones."""
    try:
        return Item(relation_term(node), labels) if node.order == 2 else None
    except NoMatrixForm:
        return None


def rearranged(
    item: Item, node: Node, labels: tuple[int, ...], sizes: Mapping[int, Dim], vec: str
) -> Item | None:
    """vec, unvec, an entry, a slice or padding: the factor after the relation moved its entries."""
    coefs, constant = node.attr
    outer = tuple(x for x in labels if x not in item.labels)
    coef = dict(zip(labels, coefs, strict=True))
    all_of_it = dims.same(
        dims.product([sizes[x] for x in item.labels]), dims.product([sizes[x] for x in outer])
    )
    here = constant == 0 and all_of_it
    if here and len(item.labels) == 2 and len(outer) == 1 and coef[outer[0]] == 1:
        i, j = item.labels
        for fast, slow in ((i, j), (j, i)):
            if coef[fast] == -1 and dims.same(-coef[slow], sizes[fast]):
                by_column = fast == i
                straight = by_column == (vec == "column")
                inner = item.term if straight else transposed(item.term)
                return Item(Call("vec", (inner,)), outer)
    if here and len(item.labels) == 1 and len(outer) == 2:
        (p,) = item.labels
        shape = tuple(size_term(sizes[x]) for x in outer)
        for fast, slow in (outer, outer[::-1]):
            unit = coef[p] == 1 and coef[fast] == -1
            if unit and dims.same(-coef[slow], sizes[fast]):
                straight = (fast == outer[0]) == (vec == "column")
                if straight:
                    return Item(Call("unvec", (item.term, *shape)), outer)
                swapped = Call("unvec", (item.term, *shape[::-1]))
                return Item(Transpose(swapped), outer)
    if len(item.labels) == 1 and len(outer) == 0 and node.order == 1:
        return Item(Index(item.term, (size_term(constant),)), ())
    if len(item.labels) == 1 and len(outer) == 1:
        return _shifted(item, coef, constant, outer, sizes)
    return None


def entries(
    item: Item, units: Mapping[int, Dim], alone: Callable[[int], bool]
) -> tuple[Item, set[int]] | None:
    """M[r, c], M[r, :] or M[:, c], where unit vectors pick rows and columns of a matrix.

    `units` has the place of the 1 by label; `alone` says of a label that only these two carry it.
    """
    if len(item.labels) != 2:
        return None
    picked = [x for x in item.labels if x in units and alone(x)]
    if not picked or item.labels[0] == item.labels[1]:
        return None
    whole = Slice(None, None, None)
    places = tuple(size_term(units[x]) if x in picked else whole for x in item.labels)
    entry = Index(item.term, places)
    if len(picked) == 2:
        return Item(entry, ()), set(picked)
    (rest,) = (x for x in item.labels if x not in picked)
    return Item(entry, (rest,)), set(picked)  # one row of a matrix, too, is a column


def _shifted(
    item: Item,
    coef: Mapping[int, Dim],
    constant: Dim,
    outer: tuple[int, ...],
    sizes: Mapping[int, Dim],
) -> Item | None:
    """A slice of a vector, or the vector with zeros around it."""
    (i,), (o,) = item.labels, outer
    n, m = sizes[i], sizes[o]
    if coef[i] == coef[o] == 1 and dims.same(n, m) and dims.dim(n - 1 - constant) == 0:
        return Item(Call("flip", (item.term,)), outer)
    if not all(isinstance(v, int) for v in (n, m, constant)):
        return None
    if coef[i] == 1 and coef[o] == -1:
        start = constant
    elif coef[i] == -1 and coef[o] == 1:
        start = -constant
    else:
        return None
    if start == 0 and m == n - 1:
        return None  # all but the last: the identity without a column, as for a final 1
    if start >= 0 and start + m <= n:  # a slice: item[start : start + m]
        whole = Slice(
            size_term(start) if start else None,
            size_term(start + m) if start + m < n else None,
            None,
        )
        return Item(Index(item.term, (whole,)), outer)
    if start <= 0 and n - start <= m:  # zeros around it
        parts = [Call("zeros", (size_term(-start),))] if start else []
        parts.append(item.term)
        if m - n + start:
            parts.append(Call("zeros", (size_term(m - n + start),)))
        return Item(Call("concat", tuple(parts)), outer)
    return None
