"""Matrix notation into array code, term by term: what stands in the formula, in NumPy's words.

Both sides are terms; the printed code is the term's text. Columns and rows are 1-D arrays. Calls
have canonical names here, which a library spells at the very end. Whatever has no counterpart
raises NoCode.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from ..expr import (
    Binary,
    Call,
    Expr,
    Index,
    List,
    Name,
    Neg,
    Num,
    Slice,
    Transpose,
)
from ..graph import dims
from ..graph.dims import Dim
from ..notation.functions import rewrite
from .arithmetic import elementwise, listed, negated, squares
from .functions import ANY_ORDER, FUNCTIONS
from .kinds import Code, NoCode, transposed
from .products import Products, factors_of, small_power

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


class Translator(Products):
    """leaves: what each name of the formula is; sizes: the symbolic sizes by name."""

    def __init__(
        self,
        leaves: Mapping[str, Code],
        sizes: Mapping[str, sp.Symbol],
        vec: str = "column",
        ties: str = "first",
    ) -> None:
        super().__init__()
        self.leaves = leaves
        self.sizes = sizes
        self.vec = vec
        self.ties = ties
        self.done: dict[Expr, Code] = {}

    def whole(self, e: Expr) -> Code:
        """The term's code. A matrix whose inverse is needed anyway is inverted once."""
        code = self.code(e)
        self.explicit |= {m for m, n in self.inverted.items() if n > 2}
        if self.explicit & self.inverted.keys():
            self.done.clear()
            self.made.clear()
            code = self.code(e)
        return code

    def code(self, e: Expr) -> Code:
        found = self.done.get(e)
        if found is None:
            found = self.done[e] = self.fresh(e)
        return found

    def fresh(self, e: Expr) -> Code:
        match e:
            case Num():
                return Code(e, number=True)
            case Name():
                return self.name(e)
            case Neg():
                return negated(self.code(e.arg))
            case Transpose():
                return transposed(self.code(e.arg))
            case Binary("@"):
                return self.chain(factors_of(e))
            case Binary("**", Call("norm2", (arg,), ()), Num("2")):
                return squares(self.code(arg))
            case Binary("/", Num("1"), Num("2")):
                return Code(Num("0.5"), number=True)
            case Binary(op) if op in COMPARISONS:
                found = elementwise(op, self.code(e.left), self.code(e.right))
                return Code(Call("indicator", (found.term,)), found.shape, found.row)
            case Binary():
                return elementwise(e.op, self.code(e.left), self.code(e.right))
            case Call():
                return self.call(e)
            case Index():
                return self.index(e)
            case List():
                return listed([self.code(x) for x in e.items])
            case _:
                raise NoCode(type(e).__name__)

    def vectors(self, *terms: Expr) -> bool:
        """Whether all of them are names of 1-D arrays."""
        known = {c.term for c in self.leaves.values() if c.order == 1}
        return all(e in known for e in terms)

    def name(self, e: Name) -> Code:
        if e.id in self.leaves:
            return self.leaves[e.id]
        if e.id in self.sizes:
            return Code(e, number=True)
        if e.id in ("pi", "e"):
            return Code(Call(e.id, ()), number=True)
        raise NoCode(e.id)

    # -- calls -------------------------------------------------------------------------------

    def call(self, e: Call) -> Code:
        if e.func == "matrix_power":
            return self.power(e)
        plain = rewrite(e)
        if not isinstance(plain, Call):
            return self.code(plain)
        if e.func == "solve":
            return self.chain((Call("inv", (e.args[0],)), e.args[1]))
        if e.func == "inv":
            return self.inverse(self.code(e.args[0]))
        make = FUNCTIONS.get(e.func)
        if make is None:
            raise NoCode(e.func)
        keywords = dict(e.kwargs)
        args = [self.code(a) for a in e.args]
        if any(a.order > 2 for a in args) and (keywords or e.func not in ANY_ORDER):
            raise NoCode(e.func)  # the rows speak of vectors and matrices
        found = make(args, keywords, self)
        if keywords:
            raise NoCode(f"{e.func}({', '.join(keywords)})")
        return found

    def power(self, e: Call) -> Code:
        factors = small_power(e)
        if factors is not None:
            return self.chain(factors)
        base, n = e.args
        a = self.code(base)
        return Code(Call("linalg.matrix_power", (a.term, n)), a.shape)

    def size(self, c: Code) -> Dim:
        """The size that a number spells."""
        if not c.number:
            raise NoCode("a size that is computed")
        return self._size(c.term)

    def _size(self, e: Expr) -> Dim:
        match e:
            case Num():
                if not e.text.isdigit():
                    raise NoCode("a size that is no integer")
                return int(e.text)
            case Name():
                return self.sizes[e.id]
            case Binary("+" | "-" | "*" | "**"):
                a, b = (dims.number(self._size(x)) for x in (e.left, e.right))
                return dims.dim({"+": a + b, "-": a - b, "*": a * b, "**": a**b}[e.op])
            case _:
                raise NoCode("a size that is computed")

    def index(self, e: Index) -> Code:
        inner = self.code(e.arg)
        items = [_item(x) for x in e.items]
        if inner.order != len(items) or inner.row:
            raise NoCode("an index")
        shape = tuple(
            self.length(x, d)
            for x, d in zip(e.items, inner.shape, strict=True)
            if isinstance(x, Slice)
        )
        row = inner.order == 2 and not isinstance(e.items[0], Slice)
        return Code(Index(inner.term, tuple(items)), shape, row and len(shape) == 1)

    def length(self, s: Slice, size: Dim) -> Dim:
        if s.step is not None:
            raise NoCode("a step")
        start, stop = (None if x is None else self._size(x) for x in (s.start, s.stop))
        return dims.dim(dims.number(size if stop is None else stop) - dims.number(start or 0))


def _item(e: Expr) -> Expr:
    if isinstance(e, Num | Name | Slice):
        return e
    raise NoCode("an index")
