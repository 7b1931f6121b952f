"""Sums, products and powers of terms that are code already: signs, scalars and sizes."""

from __future__ import annotations

from collections.abc import Sequence

from ..expr import Binary, Call, Expr, List, Neg, Num
from .kinds import Code, NoCode, flat, same, upright


def squares(c: Code) -> Code:
    """‖x‖²."""
    if c.order == 1:
        return Code(Binary("@", c.term, c.term))
    each = Binary("**", c.term, Num("2"))
    return Code(each) if c.order == 0 else Code(Call("sum", (each,)))


def multiplied(scalars: Sequence[Code]) -> Code:
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
    if op == "*" and as_truth(a) == a:
        b = as_truth(b)
    elif op == "*" and as_truth(b) == b:
        a = as_truth(a)
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


def as_truth(c: Code) -> Code:
    """Zeros and ones as truth values, which an array of numbers is multiplied by just as well."""
    match c.term:
        case Call("indicator", (condition,)):
            return Code(condition, c.shape, c.row)
        case Call("step", (x,)):
            return Code(Binary(">", x, Num("0")), c.shape, c.row)
        case _:
            return c


def listed(parts: list[Code]) -> Code:
    """A list literal: of scalars a column, of numbers a constant array."""
    if all(p.number for p in parts):
        return Code(Call("constant", (List(tuple(map(_decimal, parts))),)), (len(parts),))
    if any(p.order or p.number for p in parts):
        rows = [p.term.args[0] if _is_constant(p) else None for p in parts]  # type: ignore[union-attr]
        if None in rows or len({p.shape for p in parts}) != 1:
            raise NoCode("a list of arrays")
        return Code(Call("constant", (List(tuple(rows)),)), (len(parts), *parts[0].shape))
    return Code(Call("array", (List(tuple(p.term for p in parts)),)), (len(parts),))


def _is_constant(c: Code) -> bool:
    return isinstance(c.term, Call) and c.term.func == "constant"


def _decimal(c: Code) -> Expr:
    """A number as a float, so that the array is one of floats."""
    e = c.term.arg if isinstance(c.term, Neg) else c.term
    if isinstance(e, Num) and e.text.isdigit():
        e = Num(f"{e.text}.0")
        return Neg(e) if isinstance(c.term, Neg) else e
    return c.term
