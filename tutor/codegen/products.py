"""Matrix products: their order, outer products, diagonals, and systems instead of inverses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile

from ..expr import Binary, Call, Expr, Name, Neg, Num, Transpose
from .arithmetic import as_truth, multiplied, times
from .kinds import Code, NoCode, best_order, flat, same, transposed, upright


class Products:
    """The part of a translator that multiplies matrices."""

    def __init__(self) -> None:
        self.inverted: dict[Expr, int] = {}  # matrices: how often a system is solved with each
        self.explicit: set[Expr] = set()  # matrices whose inverse is needed itself
        self.made: set[Expr] = set()  # products of two matrices

    def code(self, e: Expr) -> Code:
        raise NotImplementedError

    def chain(self, factors: Sequence[Expr]) -> Code:
        """A matrix product, in the cheapest order; its scalars stand in front."""
        scalars: list[Code] = []
        arrays: list[Code] = []
        for e in factors:
            for f in self.peeled(e, scalars):
                c = flat(self.factor(f))
                (arrays if c.order else scalars).append(c)
        if not arrays:
            return multiplied(scalars)
        arrays = self.folded(arrays)
        for a, b in pairwise(arrays):
            if not same(a.columns, b.rows):
                raise NoCode("a product of unfitting sizes")
        body = flat(self.settled(self.arranged(arrays)))
        return times(multiplied(scalars), body) if scalars else body

    def arranged(self, arrays: Sequence[Code]) -> Code:
        """The product in the cheapest order; in JᵀMJ, a J of several factors is worked out once."""
        cost, split = best_order(arrays)
        k = mirrored(arrays)
        if k > 1:
            half, middle = arrays[-k:], arrays[k:-k]
            parts, inner = best_order(half)[0], best_order(middle)[0] if middle else 0
            outer = [_whole(x) for x in (arrays[:k], middle, half) if x]
            if parts + inner + best_order(outer)[0] < cost:
                right = self.settled(self.arranged(half))
                centre = [self.arranged(middle)] if middle else []
                arrays = [transposed(right), *centre, right]
                _, split = best_order(arrays)

        def build(i: int, j: int) -> Code:
            if i == j:
                return arrays[i]
            k = split[i, j]
            return self.product(build(i, k), build(k + 1, j))

        return build(0, len(arrays) - 1)

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
                    return [g for f in factors_of(e) for g in self.peeled(f, scalars)]
                case _:
                    return [e]

    def folded(self, arrays: list[Code]) -> list[Code]:
        """Without identity matrices."""
        kept = [c for c in arrays if not (_is(c, "eye") and same(*c.shape))]
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
        if a.order == b.order == 2:
            return self.multiplied(a, b)
        return Code(Binary("@", a.term, b.term), shape, row)

    def multiplied(self, a: Code, b: Code) -> Code:
        """A product of matrices, or the transpose of one that is there already."""
        whole = Code(Binary("@", a.term, b.term), (a.rows, b.columns))
        turned = Binary("@", transposed(b).term, transposed(a).term)
        if whole.term not in self.made and turned in self.made:
            return transposed(Code(turned, whole.shape[::-1]))
        self.made.add(whole.term)
        return whole

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


def factors_of(e: Expr) -> list[Expr]:
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
        elif (power := small_power(top)) is not None:
            found += power
        elif isinstance(top, Transpose) and (power := small_power(top.arg)) is not None:
            found += [Transpose(x) for x in power]
        else:
            found.append(top)
    return found


def small_power(e: Expr) -> list[Expr] | None:
    """The factors of A² and A³, which are quicker to multiply than to look up."""
    match e:
        case Call("matrix_power", (base, Num("1" | "2" | "3" as n)), ()):
            return [base] * int(n)
        case _:
            return None


def mirrored(arrays: Sequence[Code]) -> int:
    """How many factors at the beginning, from outside in, are those at the end transposed."""
    pairs = zip(arrays[: len(arrays) // 2], reversed(arrays), strict=False)
    return sum(1 for _ in takewhile(lambda p: _turned(p[0]) == p[1], pairs))


def _turned(c: Code) -> Code:
    return transposed_inverse(c) if _is(c, "inverse of") else transposed(c)


def _whole(arrays: Sequence[Code]) -> Code:
    """Something of the product's size, to weigh costs with."""
    return Code(Name("product"), (arrays[0].rows, arrays[-1].columns))


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
    d = as_truth(d)
    if other.order == 1:
        return Code(Binary("*", d.term, other.term), other.shape, other.row)
    if side == 0:
        return Code(Binary("*", upright(d).term, other.term), other.shape)
    return Code(Binary("*", other.term, d.term), other.shape)
