"""Matrix notation into array code, term by term: what stands in the formula, in NumPy's words.

Both sides are terms; the printed code is the term's text. Columns and rows are 1-D arrays. Calls
have canonical names here, which a library spells at the very end. Whatever has no counterpart
raises NoCode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

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
from .functions import FUNCTIONS
from .kinds import Code, NoCode, best_order, flat, same, transposed, upright


class Translator:
    """leaves: what each name of the formula is; sizes: the symbolic sizes by name."""

    def __init__(
        self, leaves: Mapping[str, Code], sizes: Mapping[str, sp.Symbol], vec: str = "column"
    ) -> None:
        self.leaves = leaves
        self.sizes = sizes
        self.vec = vec
        self.inverted: dict[Expr, int] = {}  # matrices: how often a system is solved with each
        self.explicit: set[Expr] = set()  # matrices whose inverse is needed itself
        self.done: dict[Expr, Code] = {}

    def whole(self, e: Expr) -> Code:
        """The term's code. A matrix whose inverse is needed anyway is inverted once."""
        code = self.code(e)
        self.explicit |= {m for m, n in self.inverted.items() if n > 2}
        if self.explicit & self.inverted.keys():
            self.done.clear()
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
                return self.chain(_factors(e))
            case Binary("**", Call("norm2", (arg,), ()), Num("2")):
                return _squares(self.code(arg))
            case Binary("/", Num("1"), Num("2")):
                return Code(Num("0.5"), number=True)
            case Binary():
                return elementwise(e.op, self.code(e.left), self.code(e.right))
            case Call():
                return self.call(e)
            case Index():
                return self.index(e)
            case List():
                return _listed([self.code(x) for x in e.items])
            case _:
                raise NoCode(type(e).__name__)

    def name(self, e: Name) -> Code:
        if e.id in self.leaves:
            return self.leaves[e.id]
        if e.id in self.sizes:
            return Code(e, number=True)
        if e.id in ("pi", "e"):
            return Code(Call(e.id, ()), number=True)
        raise NoCode(e.id)

    # -- products ----------------------------------------------------------------------------

    def chain(self, factors: Sequence[Expr]) -> Code:
        """A matrix product, in the cheapest order; its scalars stand in front."""
        scalars: list[Code] = []
        arrays: list[Code] = []
        for e in factors:
            for f in self.peeled(e, scalars):
                c = flat(self.factor(f))
                (arrays if c.order else scalars).append(c)
        if not arrays:
            return _multiplied(scalars)
        arrays = self.folded(arrays)
        split = best_order(arrays)

        def build(i: int, j: int) -> Code:
            if i == j:
                return arrays[i]
            k = split[i, j]
            return self.product(build(i, k), build(k + 1, j))

        for a, b in pairwise(arrays):
            if not same(a.columns, b.rows):
                raise NoCode("a product of unfitting sizes")
        body = flat(self.settled(build(0, len(arrays) - 1)))
        return times(_multiplied(scalars), body) if scalars else body

    def peeled(self, e: Expr, scalars: list[Code]) -> Sequence[Expr]:
        """The factors inside c * A, A / c and -A, the numbers put aside."""
        while True:
            match e:
                case Neg():
                    scalars.append(Code(Neg(Num("1")), number=True))
                    e = e.arg
                case Binary("*" | "/") if self.code(e.right).order == 0:
                    one = self.code(e.right)
                    if e.op == "/":
                        one = Code(Binary("/", Num("1"), one.term), number=one.number)
                    scalars.append(one)
                    e = e.left
                case Binary("*") if self.code(e.left).order == 0:
                    scalars.append(self.code(e.left))
                    e = e.right
                case Binary("@"):
                    return [g for f in _factors(e) for g in self.peeled(f, scalars)]
                case _:
                    return [e]

    def folded(self, arrays: list[Code]) -> list[Code]:
        """Without identity matrices."""
        kept = [c for c in arrays if not (_is(c, "eye") and c.order == 2)]
        return kept or arrays[:1]

    def factor(self, e: Expr) -> Code:
        """A factor of a product; an inverse stays unevaluated until its neighbour is known."""
        turned = isinstance(e, Transpose)
        inner = e.arg if isinstance(e, Transpose) else e
        if isinstance(inner, Call) and inner.func == "inv" and len(inner.args) == 1:
            a = self.code(inner.args[0])
            if a.order == 2 and a.term not in self.explicit:
                whole = Code(Call("inverse of", (a.term,)), a.shape)
                return (
                    Code(Call("inverse of", (transposed(a).term,)), a.shape[::-1])
                    if turned
                    else whole
                )
        return self.code(e)

    def product(self, a: Code, b: Code) -> Code:
        """One matrix product."""
        if _is(a, "inverse of"):
            return self.solved(a, b)
        if _is(b, "inverse of"):
            return transposed(self.solved(transposed_inverse(b), transposed(a)))
        shape = tuple(d for d, axis in ((a.rows, 0), (b.columns, 1)) if _keeps(a, b, axis))
        if a.order == b.order == 1:
            if a.row and not b.row:
                return Code(Binary("@", a.term, b.term))
            if not a.row and b.row:
                return Code(Call("outer", (a.term, b.term)), (a.shape[0], b.shape[0]))
            raise NoCode("a product of two columns")
        row = a.order == 1
        for one, other, side in ((a, b, 0), (b, a, 1)):
            vector = _diagonal(one)
            if vector is not None:
                return _scaled_rows(vector, other, side)
        if (a.order == 1 and not a.row) or (b.order == 1 and b.row):
            a, b = upright(a), upright(b)
            return Code(Binary("@", a.term, b.term), (a.rows, b.columns))
        if _is(b, "ones") and b.order == 1:
            return Code(Call("sum", (a.term,), (("axis", Num("1")),)), shape)
        if _is(a, "ones") and a.order == 1:
            return Code(Call("sum", (b.term,), (("axis", Num("0")),)), shape, True)
        return Code(Binary("@", a.term, b.term), shape, row)

    def solved(self, a: Code, b: Code) -> Code:
        """inv(A) @ b, by solving a system."""
        b = self.settled(b)
        assert isinstance(a.term, Call)
        (matrix,) = a.term.args
        self.inverted[_untransposed(matrix)] = self.inverted.get(_untransposed(matrix), 0) + 1
        if b.order == 1 and b.row:
            b = upright(b)
        return Code(Call("linalg.solve", (matrix, b.term)), b.shape)

    def settled(self, c: Code) -> Code:
        """An inverse that met no neighbour is worked out."""
        if not _is(c, "inverse of"):
            return c
        assert isinstance(c.term, Call)
        (matrix,) = c.term.args
        plain = _untransposed(matrix)
        self.explicit.add(plain)
        term: Expr = Call("linalg.inv", (plain,))
        return Code(term if plain == matrix else Transpose(term), c.shape)

    def inverse(self, a: Code) -> Code:
        if a.order == 0:
            return Code(Binary("/", Num("1"), a.term), number=a.number)
        self.explicit.add(a.term)
        return Code(Call("linalg.inv", (a.term,)), a.shape)

    # -- calls -------------------------------------------------------------------------------

    def call(self, e: Call) -> Code:
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
        found = make([self.code(a) for a in e.args], keywords, self)
        if keywords:
            raise NoCode(f"{e.func}({', '.join(keywords)})")
        return found

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


def _factors(e: Expr) -> list[Expr]:
    """a @ b @ c, however bracketed."""
    found: list[Expr] = []
    stack = [e]
    while stack:
        top = stack.pop()
        if isinstance(top, Binary) and top.op == "@":
            stack += [top.right, top.left]
        elif isinstance(top, Transpose) and isinstance(top.arg, Binary) and top.arg.op == "@":
            stack += [Transpose(top.arg.left), Transpose(top.arg.right)]
        elif isinstance(top, Transpose) and isinstance(top.arg, Transpose):
            stack.append(top.arg.arg)
        else:
            found.append(top)
    return found


def _is(c: Code, func: str) -> bool:
    return isinstance(c.term, Call) and c.term.func == func


def _keeps(a: Code, b: Code, axis: int) -> bool:
    return (a.order == 2 or not a.row) if axis == 0 else (b.order == 2 or b.row)


def _untransposed(e: Expr) -> Expr:
    return e.arg if isinstance(e, Transpose) else e


def transposed_inverse(c: Code) -> Code:
    assert isinstance(c.term, Call)
    inner = transposed(Code(c.term.args[0], c.shape[::-1]))
    return Code(Call("inverse of", (inner.term,)), c.shape[::-1])


def _diagonal(c: Code) -> Code | None:
    """d of diag(d)."""
    if _is(c, "diag") and c.order == 2:
        assert isinstance(c.term, Call)
        return Code(c.term.args[0], c.shape[:1])
    return None


def _scaled_rows(d: Code, other: Code, side: int) -> Code:
    """diag(d) M or M diag(d): rows or columns of M times the entries of d."""
    if other.order == 1:
        return Code(Binary("*", d.term, other.term), other.shape, other.row)
    if side == 0:
        return Code(Binary("*", upright(d).term, other.term), other.shape)
    return Code(Binary("*", other.term, d.term), other.shape)


def _squares(c: Code) -> Code:
    """‖x‖²."""
    if c.order == 1:
        return Code(Binary("@", c.term, c.term))
    squares = Binary("**", c.term, Num("2"))
    return Code(squares) if c.order == 0 else Code(Call("sum", (squares,)))


def _multiplied(scalars: Sequence[Code]) -> Code:
    """The product of scalars: signs and numbers in front, divisors behind."""
    minus = Neg(Num("1"))
    negative = sum(s.term == minus for s in scalars) % 2 == 1
    rest = sorted((s for s in scalars if s.term != minus), key=lambda s: not s.number)
    total = Code(Num("1"), number=True)
    for s in rest:
        t = s.term
        if isinstance(t, Binary) and t.op == "/" and t.left == Num("1"):
            both = Binary("/", total.term, t.right)
            total = Code(both, number=total.number and s.number)
        else:
            total = times(total, s)
    return negated(total) if negative else total


def negated(c: Code) -> Code:
    if isinstance(c.term, Neg):
        return Code(c.term.arg, c.shape, c.row, c.number)
    return Code(Neg(c.term), c.shape, c.row, c.number)


def times(s: Code, c: Code, op: str = "*") -> Code:
    """A scalar times (or below) an array, at the smallest of its parts."""
    term = c.term
    if s.term == Neg(Num("1")) and op == "*":
        return negated(c)
    if isinstance(term, Neg) and op == "*" and c.order:
        return negated(times(s, Code(term.arg, c.shape, c.row)))
    if isinstance(term, Call) and c.order and term.func in ("outer", "kron", "diag"):
        first, *rest = term.args
        at = 0 if not (isinstance(first, Call) and first.func == "eye") or not rest else 1
        part = _scaled(s, term.args[at], op)
        args = tuple(part if k == at else a for k, a in enumerate(term.args))
        return Code(Call(term.func, args, term.kwargs), c.shape, c.row)
    return Code(_scaled(s, term, op), c.shape, c.row, s.number and c.number)


def _scaled(s: Code, term: Expr, op: str) -> Expr:
    if op == "/":
        return Binary("/", term, s.term)
    if s.term == Num("1"):
        return term
    return Binary("*", s.term, term)


def elementwise(op: str, a: Code, b: Code) -> Code:
    """Sums, Hadamard products and quotients, comparisons, powers: the paper's rules for sizes."""
    number = a.number and b.number
    if op == "*" and a.order == 0:
        return times(a, b)
    if op in "*/" and b.order == 0:
        return times(b, a, op) if op == "/" or a.order else Code(Binary(op, a.term, b.term))
    if a.order == 0 or b.order == 0:
        big = b if a.order == 0 else a
        return Code(Binary(op, a.term, b.term), big.shape, big.row, number)
    if a.order == b.order == 1:
        if a.row != b.row:
            raise NoCode("a column and a row")
        return Code(Binary(op, a.term, b.term), a.shape, a.row)
    if a.order == b.order:
        if all(map(same, a.shape, b.shape)):
            return Code(Binary(op, a.term, b.term), a.shape)
        raise NoCode("sizes that do not fit")
    if {a.order, b.order} != {1, 2}:
        raise NoCode("a column and a row")
    small, big = (a, b) if a.order == 1 else (b, a)
    if 1 in big.shape:
        thin = flat(big)
        if thin.order != 1 or thin.row != small.row:
            raise NoCode("a column and a row")
        return elementwise(op, thin, b) if a is big else elementwise(op, a, thin)
    spread = small if small.row else upright(small)
    left, right = (spread, big) if a is small else (big, spread)
    return Code(Binary(op, left.term, right.term), big.shape)


def _listed(parts: list[Code]) -> Code:
    if any(p.order for p in parts) or any(p.number for p in parts):
        raise NoCode("a list of arrays")
    return Code(Call("array", (List(tuple(p.term for p in parts)),)), (len(parts),))
