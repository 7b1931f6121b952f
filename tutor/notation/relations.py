"""Index relations as matrix notation: vec, unvec, slices, padding and convolutions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..expr import Call, Expr, Index, List, Num, Slice, Transpose
from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node
from .build import Diagonal, size_term, transposed


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


def rearranged(
    item: Item, node: Node, labels: tuple[int, ...], sizes: Mapping[int, Dim], vec: str
) -> Item | None:
    """vec, unvec, an entry, a slice or padding: the factor after the relation moved its entries."""
    coefs, constant = node.attr
    outer = tuple(x for x in labels if x not in item.labels)
    coef = dict(zip(labels, coefs, strict=True))
    if constant == 0 and len(item.labels) == 2 and len(outer) == 1 and coef[outer[0]] == 1:
        i, j = item.labels
        for fast, slow in ((i, j), (j, i)):
            if coef[fast] == -1 and dims.same(-coef[slow], sizes[fast]):
                by_column = fast == i
                straight = by_column == (vec == "column")
                inner = item.term if straight else transposed(item.term)
                return Item(Call("vec", (inner,)), outer)
    if constant == 0 and len(item.labels) == 1 and len(outer) == 2:
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


# -- convolutions ---------------------------------------------------------------------------------


def convolution(
    items: Sequence[Item],
    moves: Sequence[tuple[Node, tuple[int, ...]]],
    out: list[int],
    sizes: Mapping[int, Dim],
) -> tuple[Item, Item, Expr] | None:
    """x, w and one window relation per axis: a convolution, or its gradient by the kernel.

    i = s·o + d·k − p. Summed over i and k it is conv(x, w); summed over i and o it is again a
    convolution, of x with the upstream gradient, where stride and dilation change places.
    """
    arrays = [x for x in items if x.labels]
    windows = [w for w in (_window(*move) for move in moves) if w is not None]
    if len(arrays) != 2 or not 0 < len(moves) == len(windows) <= 2:
        return None
    for x, w in (arrays, arrays[::-1]):
        found = _as_convolution(x, w, windows, out, sizes)
        if found is not None:
            return x, w, found
    return None


@dataclass(frozen=True)
class _Window:
    """i = stride·o + dilation·k − before, with the labels of i, o and k."""

    i: int
    o: int
    k: int
    stride: int
    dilation: int
    before: int


def _window(node: Node, labels: tuple[int, ...]) -> _Window | None:
    coefs, constant = node.attr
    whole = all(isinstance(c, int) for c in (*coefs, constant, *node.shape))
    if len(labels) != 3 or not whole or coefs[0] != 1 or max(coefs[1:]) >= 0 or constant > 0:
        return None
    return _Window(*labels, -coefs[1], -coefs[2], -constant)


def _as_convolution(
    x: Item, w: Item, windows: list[_Window], out: list[int], sizes: Mapping[int, Dim]
) -> Expr | None:
    """conv(x, w) with its arguments, if the labels fit that way round."""
    forward = [v.o for v in windows] == out and w.labels == tuple(v.k for v in windows)
    backward = [v.k for v in windows] == out and w.labels == tuple(v.o for v in windows)
    if x.labels != tuple(v.i for v in windows) or not (forward or backward):
        return None
    strides, dilations, paddings = [], [], []
    for v in windows:
        stride, dilation = (v.stride, v.dilation) if forward else (v.dilation, v.stride)
        n, taps, wanted = (sizes[x] for x in ((v.i, v.k, v.o) if forward else (v.i, v.o, v.k)))
        assert isinstance(n, int) and isinstance(taps, int) and isinstance(wanted, int)
        span = dilation * (taps - 1) + 1
        # padding behind: as in front where that gives the wanted size, else just enough
        enough = max((wanted - 1) * stride + span - n - v.before, 0)
        fits = [a for a in (v.before, enough) if (n + v.before + a - span) // stride + 1 == wanted]
        if not fits:
            return None
        strides.append(stride)
        dilations.append(dilation)
        paddings.append((v.before, fits[0]))
    keywords: list[tuple[str, Expr]] = []
    if any(s != 1 for s in strides):
        keywords.append(("stride", _integers(strides)))
    if any(a != b for a, b in paddings):
        pairs = tuple(List(tuple(Num(str(n)) for n in p)) for p in paddings)
        keywords.append(("padding", List(pairs)))
    elif any(p != (0, 0) for p in paddings):
        keywords.append(("padding", _integers([p[0] for p in paddings])))
    if any(d != 1 for d in dilations):
        keywords.append(("dilation", _integers(dilations)))
    return Call(f"conv{len(windows)}d", (x.term, w.term), tuple(keywords))


def _integers(xs: Sequence[int]) -> Expr:
    """One number for all axes, or a list."""
    if len(set(xs)) == 1:
        return Num(str(xs[0]))
    return List(tuple(Num(str(x)) for x in xs))
