"""A product over labels, worked off into matrix products, traces and Hadamard products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from ..expr import Binary, Call, Expr, Index, List, Name, Num, Slice, Transpose
from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node
from .build import NoMatrixForm, hadamard, product, relation_term, size_term, transposed
from .scalars import term_of


@dataclass
class Item:
    """A factor and its labels: none of a scalar, one of a column, (rows, columns) of a matrix."""

    term: Expr
    labels: tuple[int, ...]
    ones: bool = False


class Product:
    """coef · Σ Π items, with output labels `out` (at most two)."""

    def __init__(
        self, coef: sp.Expr, out: Sequence[int], sizes: dict[int, Dim], vec: str = "column"
    ) -> None:
        self.vec = vec
        self.coef = coef
        self.out = list(out)
        self.sizes = sizes
        self.items: list[Item] = []
        self.moves: list[tuple[Node, tuple[int, ...]]] = []

    def item(self, term: Expr, labels: Sequence[int]) -> None:
        self.items.append(Item(term, tuple(labels)))

    def relation(self, node: Node, labels: Sequence[int]) -> None:
        self.moves.append((node, tuple(labels)))

    def uses(self) -> Counter[int]:
        """How often a label is carried; an output counts as one use."""
        count = Counter(x for item in self.items for x in item.labels)
        count.update(x for _, labels in self.moves for x in labels)
        count.update(self.out)
        return count

    def finish(self) -> Expr:
        steps = (
            self.convolution,
            self.move,
            self.trace,
            self.squares,
            self.vector_product,
            self.matrix_product,
            self.hadamard,
            self.lone_sum,
            self.diagonal,
        )
        while any(step() for step in steps):
            pass
        if self.moves or len(self.out) > 2:
            raise NoMatrixForm
        return self.assembled()

    # -- relations ---------------------------------------------------------------------------

    def convolution(self) -> bool:
        """x, w and one window relation per axis: a convolution, or its gradient by the kernel.

        i = s·o + d·k − p. Summed over i and k it is conv(x, w); summed over i and o it is again a
        convolution, of x with the upstream gradient, where stride and dilation change places.
        """
        arrays = [x for x in self.items if x.labels]
        windows = [w for w in (_window(*move) for move in self.moves) if w is not None]
        if len(arrays) != 2 or not 0 < len(self.moves) == len(windows) <= 2:
            return False
        for x, w in (arrays, arrays[::-1]):
            found = _as_convolution(x, w, windows, self.out, self.sizes)
            if found is not None:
                self.replace(x, w, Item(found, tuple(self.out)))
                self.moves = []
                return True
        return False

    def move(self) -> bool:
        """vec, unvec, slices and padding around one factor."""
        count = self.uses()
        for at, (node, labels) in enumerate(self.moves):
            coefs, constant = node.attr
            if node.order == 2 and coefs == (1, -1) and constant == 0:
                self.moves.pop(at)
                self.items.append(Item(relation_term(node), labels))
                return True
            if node.order == 1 and labels[0] in self.out and count[labels[0]] == 2:
                whole = Call("eye", (size_term(node.shape[0]),))  # a column of the identity
                items = (Slice(None, None, None), size_term(constant))
                self.moves.pop(at)
                self.items.append(Item(Index(whole, items), labels))
                return True
            for k, item in enumerate(self.items):
                inner = [x for x in labels if x in item.labels and count[x] == 2]
                if len(inner) != len(item.labels) or not inner or set(inner) & set(self.out):
                    continue
                found = self.rearranged(item, node, labels)
                if found is not None:
                    self.items[k] = found
                    self.moves.pop(at)
                    return True
        return False

    def rearranged(self, item: Item, node: Node, labels: tuple[int, ...]) -> Item | None:
        coefs, constant = node.attr
        outer = tuple(x for x in labels if x not in item.labels)
        coef = dict(zip(labels, coefs, strict=True))
        if constant == 0 and len(item.labels) == 2 and len(outer) == 1 and coef[outer[0]] == 1:
            i, j = item.labels
            for fast, slow in ((i, j), (j, i)):
                if coef[fast] == -1 and dims.same(-coef[slow], self.sizes[fast]):
                    by_column = fast == i
                    straight = by_column == (self.vec == "column")
                    inner = item.term if straight else transposed(item.term)
                    return Item(Call("vec", (inner,)), outer)
        if constant == 0 and len(item.labels) == 1 and len(outer) == 2:
            (p,) = item.labels
            sizes = tuple(size_term(self.sizes[x]) for x in outer)
            for fast, slow in (outer, outer[::-1]):
                unit = coef[p] == 1 and coef[fast] == -1
                if unit and dims.same(-coef[slow], self.sizes[fast]):
                    straight = (fast == outer[0]) == (self.vec == "column")
                    if straight:
                        return Item(Call("unvec", (item.term, *sizes)), outer)
                    swapped = Call("unvec", (item.term, *sizes[::-1]))
                    return Item(Transpose(swapped), outer)
        if len(item.labels) == 1 and len(outer) == 0 and node.order == 1:
            return Item(Index(item.term, (size_term(constant),)), ())
        if len(item.labels) == 1 and len(outer) == 1:
            return self.shifted(item, coef, constant, outer)
        return None

    def shifted(
        self, item: Item, coef: dict[int, Dim], constant: Dim, outer: tuple[int, ...]
    ) -> Item | None:
        (i,), (o,) = item.labels, outer
        n, m = self.sizes[i], self.sizes[o]
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

    # -- one rule each -----------------------------------------------------------------------

    def trace(self) -> bool:
        """A[i, i]: the trace if i is summed here, else the diagonal."""
        count = self.uses()
        for k, item in enumerate(self.items):
            if len(item.labels) == 2 and item.labels[0] == item.labels[1]:
                i = item.labels[0]
                closed = count[i] == 2
                name, labels = ("tr", ()) if closed else ("diag", (i,))
                self.items[k] = Item(Call(name, (item.term,)), labels)
                return True
        return False

    def squares(self) -> bool:
        """Σ A ⊙ A = ‖A‖²; x ᵀx = ‖x‖² unless x is a plain name."""
        count = self.uses()
        for a, b in self.pairs():
            if set(a.labels) == set(b.labels) and a.labels and all(count[x] == 2 for x in a.labels):
                same = a.labels == b.labels
                right = b.term if same or len(b.labels) == 1 else transposed(b.term)
                if a.term == right and not (len(a.labels) == 1 and isinstance(a.term, Name)):
                    self.replace(a, b, Item(Binary("**", Call("norm2", (a.term,)), Num("2")), ()))
                elif len(a.labels) == 1:
                    self.replace(a, b, Item(Binary("@", transposed(a.term), b.term), ()))
                else:
                    both = Binary("*", a.term, right, elementwise=True)
                    self.replace(a, b, Item(Call("sum", (both,)), ()))
                return True
        return False

    def vector_product(self) -> bool:
        return self.along(lambda a, b: len(a.labels) + len(b.labels) == 3)

    def matrix_product(self) -> bool:
        return self.along(lambda a, b: len(a.labels) + len(b.labels) == 4)

    def along(self, fits) -> bool:
        """Multiply two factors over a label that is summed and belongs to them alone."""
        count = self.uses()
        for a, b in self.pairs():
            shared = [x for x in a.labels if x in b.labels and count[x] == 2]
            if not fits(a, b) or len(shared) != 1 or len(set(a.labels) & set(b.labels)) != 1:
                continue
            (k,) = shared
            self.replace(a, b, self.multiplied(a, b, k))
            return True
        return False

    def multiplied(self, a: Item, b: Item, k: int) -> Item:
        if len(a.labels) == 1 or len(b.labels) == 1:
            m, v = (b, a) if len(a.labels) == 1 else (a, b)
            left = m.term if m.labels[1] == k else transposed(m.term)
            rest = m.labels[0] if m.labels[1] == k else m.labels[1]
            return Item(Binary("@", left, v.term), (rest,))
        la = a.labels[0] if a.labels[1] == k else a.labels[1]
        lb = b.labels[0] if b.labels[1] == k else b.labels[1]
        first, second, lf, ls = a, b, la, lb
        order = {x: n for n, x in enumerate(self.out)}
        if order.get(lb, 99) < order.get(la, 99) or (
            la not in order and lb not in order and a.labels[0] == k and b.labels[1] == k
        ):
            first, second, lf, ls = b, a, lb, la
        left = first.term if first.labels[1] == k else transposed(first.term)
        right = second.term if second.labels[0] == k else transposed(second.term)
        return Item(Binary("@", left, right), (lf, ls))

    def hadamard(self) -> bool:
        """Two factors on the same labels."""
        for a, b in self.pairs():
            if a.labels and set(a.labels) == set(b.labels):
                right = b.term if a.labels == b.labels else transposed(b.term)
                self.replace(a, b, Item(hadamard(a.term, right), a.labels))
                return True
        return False

    def lone_sum(self) -> bool:
        """A label summed in one factor only."""
        count = self.uses()
        for k, item in enumerate(self.items):
            alone = [x for x in item.labels if count[x] == 1]
            if not alone:
                continue
            if self.drop_unit_axis(k, item, alone):
                return True
            whole = len(alone) == len(item.labels)
            gone = alone if whole else alone[:1]
            count_all = dims.number(dims.product([self.sizes[x] for x in gone]))
            name = "mean" if self.divides(count_all) else "sum"
            if whole:
                self.items[k] = Item(Call(name, (item.term,)), ())
                return True
            axis = item.labels.index(gone[0])
            reduced: Expr = Call(name, (item.term,), (("axis", Num(str(axis))),))
            rest = item.labels[1 - axis]
            self.items[k] = Item(transposed(reduced) if axis == 0 else reduced, (rest,))
            return True
        return False

    def drop_unit_axis(self, k: int, item: Item, alone: list[int]) -> bool:
        """An axis of size 1 is not summed on paper: a 1×n matrix is a row."""
        unit = next((x for x in alone if self.sizes[x] == 1), None)
        if unit is None:
            return False
        rest = tuple(x for x in item.labels if x != unit)
        flip = len(item.labels) == 2 and item.labels[0] == unit
        self.items[k] = Item(transposed(item.term) if flip else item.term, rest)
        return True

    def divides(self, size: sp.Expr) -> bool:
        """Take 1/size out of the coefficient, if it is there: the sum is then a mean."""
        if size == 1:
            return False
        times = self.coef * size
        if size.is_number:
            ok = self.coef.is_Rational and self.coef.q % int(size) == 0
        else:
            ok = not times.has(*size.free_symbols)
        if ok:
            self.coef = times
        return ok

    def diagonal(self) -> bool:
        """v[i] M[i, j] with i alive elsewhere: diag(v) M."""
        for a, b in self.pairs(ordered=False):
            if len(a.labels) == 1 and len(b.labels) == 2 and a.labels[0] in b.labels:
                d = Call("diag", (a.term,))
                if isinstance(b.term, Call) and b.term.func == "eye" and len(b.term.args) == 1:
                    term: Expr = d
                elif b.labels[0] == a.labels[0]:
                    term = Binary("@", d, b.term)
                else:
                    term = Binary("@", b.term, d)
                self.replace(b, a, Item(term, b.labels))
                return True
        return False

    # -- bookkeeping -------------------------------------------------------------------------

    def pairs(self, ordered: bool = True):
        for k, a in enumerate(self.items):
            for b in self.items[k + 1 :] if ordered else self.items:
                if a is not b:
                    yield a, b

    def replace(self, a: Item, b: Item, new: Item) -> None:
        self.items[next(k for k, x in enumerate(self.items) if x is a)] = new
        self.items = [x for x in self.items if x is not b]

    def assembled(self) -> Expr:
        scalars = [x.term for x in self.items if not x.labels]
        arrays = [x for x in self.items if x.labels]
        body: Expr | None = None
        if len(self.out) == 0:
            if arrays:
                raise NoMatrixForm
        elif len(self.out) == 1:
            if len(arrays) > 1 or (arrays and arrays[0].labels != tuple(self.out)):
                raise NoMatrixForm
            body = arrays[0].term if arrays else Call("ones", (size_term(self.sizes[self.out[0]]),))
        else:
            body = self.matrix_body(arrays)
        if self.coef != 1 or (body is None and not scalars):
            scalars.insert(0, term_of(self.coef))
        return product(scalars, body)

    def matrix_body(self, arrays: list[Item]) -> Expr:
        rows, cols = self.out
        if len(arrays) == 1 and set(arrays[0].labels) == {rows, cols}:
            item = arrays[0]
            return item.term if item.labels == (rows, cols) else transposed(item.term)
        left = [x.term for x in arrays if x.labels == (rows,)]
        right = [x.term for x in arrays if x.labels == (cols,)]
        if len(left) > 1 or len(right) > 1 or len(left) + len(right) != len(arrays):
            raise NoMatrixForm
        if not arrays:
            return Call("ones", (size_term(self.sizes[rows]), size_term(self.sizes[cols])))
        if not left and self.sizes[rows] == 1:
            return transposed(right[0])
        if not right and self.sizes[cols] == 1:
            return left[0]
        u = left[0] if left else Call("ones", (size_term(self.sizes[rows]),))
        v = right[0] if right else Call("ones", (size_term(self.sizes[cols]),))
        return Binary("@", u, transposed(v))


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
    x: Item, w: Item, windows: list[_Window], out: list[int], sizes: dict[int, Dim]
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
