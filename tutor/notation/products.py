"""A product over labels, worked off into matrix products, traces and Hadamard products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sympy as sp

from ..expr import Call, Expr, Name, Num, Transpose
from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node, is_delta
from .build import (
    NoMatrixForm,
    chained,
    hadamard,
    product,
    relation_term,
    size_term,
    unit_term,
)
from .chains import axis_sum, dot, entry_sum, in_order
from .convolutions import convolution
from .norms import squared_length, total
from .relations import Item, as_matrix, diagonal_of, entries, rearranged, without_units
from .scalars import term_of


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

    def item(self, term: Expr, labels: Sequence[int], symmetric: bool = False) -> None:
        self.items.append(Item(term, tuple(labels), term if symmetric else None))

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
        found = convolution(self.items, self.moves, self.out, self.sizes)
        if found is None:
            return False
        gone, result, self.moves = found
        self.items = [*(x for x in self.items if not any(x is y for y in gone)), result]
        return True

    def move(self) -> bool:
        """vec, unvec, slices and padding around one factor."""
        count = self.uses()
        units = {ls[0]: node.attr[1] for node, ls in self.moves if node.order == 1}
        for k, item in enumerate(self.items):
            found = entries(item, units, lambda x: count[x] == 2 and x not in self.out)
            if found is not None:
                self.items[k], gone = found
                self.moves = [m for m in self.moves if m[0].order > 1 or m[1][0] not in gone]
                return True
        for at, (node, labels) in enumerate(self.moves):
            if is_delta(node):
                self.moves.pop(at)
                self.items.append(Item(relation_term(node), labels))
                return True
            if node.order == 1 and count[labels[0]] == 1:
                self.moves.pop(at)  # Σ over a unit vector is 1
                return True
            if node.order == 1 and labels[0] in self.out and count[labels[0]] == 2:
                self.moves.pop(at)
                self.items.append(Item(unit_term(node.shape[0], node.attr[1]), labels))
                return True
            for k, item in enumerate(self.items):
                inner = [x for x in labels if x in item.labels and count[x] == 2]
                if len(inner) != len(item.labels) or not inner or set(inner) & set(self.out):
                    continue
                found = rearranged(item, node, labels, self.sizes, self.vec)
                if found is not None:
                    self.items[k] = found
                    self.moves.pop(at)
                    return True
        numbered = enumerate(self.moves)
        first = next(((k, m) for k, move in numbered if (m := as_matrix(*move))), None)
        if first is not None:
            self.moves.pop(first[0])
            self.items.append(first[1])
        return first is not None

    # -- one rule each -----------------------------------------------------------------------

    def trace(self) -> bool:
        """A[i, i]: the trace if i is summed here, else the diagonal."""
        count = self.uses()
        for k, item in enumerate(self.items):
            if len(item.labels) == 2 and item.labels[0] == item.labels[1]:
                trace = Item(Call("tr", (item.term,)), ())
                self.items[k] = trace if count[item.labels[0]] == 2 else diagonal_of(item)
                return True
        return False

    def squares(self) -> bool:
        """Σ A ⊙ A = ‖A‖²; x ᵀx = ‖x‖² unless x is a plain name."""
        count = self.uses()
        for a, b in self.pairs():
            if set(a.labels) == set(b.labels) and a.labels and all(count[x] == 2 for x in a.labels):
                right = b.flipped if a.labels != b.labels and len(b.labels) > 1 else b.term
                if a.term == right and not (len(a.labels) == 1 and isinstance(a.term, Name)):
                    self.replace(a, b, Item(squared_length(a.term, len(a.labels)), ()))
                elif len(a.labels) == 1:
                    self.replace(a, b, Item(dot(a.term, a.flipped, b.term, b.flipped), ()))
                else:
                    self.replace(a, b, Item(entry_sum(a.term, b.term, a.labels == b.labels), ()))
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
            straight = m.labels[1] == k
            left, back = (m.term, m.flipped) if straight else (m.flipped, m.term)
            rest = m.labels[0] if straight else m.labels[1]
            return Item(chained(left, v.term), (rest,), chained(v.flipped, back))
        la = a.labels[0] if a.labels[1] == k else a.labels[1]
        lb = b.labels[0] if b.labels[1] == k else b.labels[1]
        first, second, lf, ls = a, b, la, lb
        order = {x: n for n, x in enumerate(self.out)}
        if order.get(lb, 99) < order.get(la, 99) or (
            la not in order and lb not in order and a.labels[0] == k and b.labels[1] == k
        ):
            first, second, lf, ls = b, a, lb, la
        left, left_back = first.term, first.flipped
        if first.labels[1] != k:
            left, left_back = left_back, left
        right, right_back = second.term, second.flipped
        if second.labels[0] != k:
            right, right_back = right_back, right
        return Item(chained(left, right), (lf, ls), chained(right_back, left_back))

    def hadamard(self) -> bool:
        """Two factors on the same labels."""
        for a, b in self.pairs():
            if a.labels and set(a.labels) == set(b.labels):
                right = b.term if a.labels == b.labels else b.flipped
                left_back, back = a.flipped, b.flipped if a.labels == b.labels else b.term
                self.replace(
                    a, b, Item(hadamard(a.term, right), a.labels, hadamard(left_back, back))
                )
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
                self.items[k] = Item(total(name, item.term, len(item.labels)), ())
                return True
            axis = item.labels.index(gone[0])
            rest = item.labels[1 - axis]
            reduced = axis_sum(name, item.term, item.flipped, axis, self.sizes[gone[0]])
            self.items[k] = Item(reduced, (rest,))
            return True
        return False

    def drop_unit_axis(self, k: int, item: Item, alone: list[int]) -> bool:
        """An axis of size 1 is not summed on paper: a 1×n matrix is a row."""
        if all(self.sizes[x] != 1 for x in alone):
            return False
        self.items[k] = without_units(item, self.sizes, [x for x in item.labels if x not in alone])
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
                d = Call("diag", (Call("vec", (a.term,)) if a.unit else a.term,))
                if isinstance(b.term, Call) and b.term.func == "eye" and len(b.term.args) == 1:
                    new = Item(d, b.labels, d)
                elif b.labels[0] == a.labels[0]:
                    new = Item(chained(d, b.term), b.labels, chained(b.flipped, d))
                else:
                    new = Item(chained(b.term, d), b.labels, chained(d, b.flipped))
                self.replace(b, a, new)
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
        scalars = in_order([x.term for x in self.items if not x.labels])
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
        if self.coef == 0:
            shape = tuple(size_term(self.sizes[x]) for x in self.out)
            return Call("zeros", shape) if shape else Num("0")
        if self.coef != 1 or (body is None and not scalars):
            scalars.insert(0, term_of(self.coef))
        return product(scalars, body)

    def matrix_body(self, arrays: list[Item]) -> Expr:
        rows, cols = self.out
        if len(arrays) == 1 and set(arrays[0].labels) == {rows, cols}:
            item = arrays[0]
            return item.term if item.labels == (rows, cols) else item.flipped
        left = [x.term for x in arrays if x.labels == (rows,)]
        right = [x.flipped for x in arrays if x.labels == (cols,)]
        if len(left) > 1 or len(right) > 1 or len(left) + len(right) != len(arrays):
            raise NoMatrixForm
        if not arrays:
            return Call("ones", (size_term(self.sizes[rows]), size_term(self.sizes[cols])))
        if not left and self.sizes[rows] == 1:
            return right[0]
        if not right and self.sizes[cols] == 1:
            return left[0]
        u = left[0] if left else Call("ones", (size_term(self.sizes[rows]),))
        v = right[0] if right else Transpose(Call("ones", (size_term(self.sizes[cols]),)))
        return chained(u, v)
