"""Numbers substituted into a formula, and values beside their decimals."""

from __future__ import annotations

from collections.abc import Mapping

from ..expr import (
    Binary, Call, Expr, Index, List, Name, Neg, Num, Partial, Transpose, walk,
)  # fmt: skip
from ..value import Value

SHORT = 12  # entries of an array that still read well inside a formula


def substituted(e: Expr, numbers: Mapping[Expr, Value]) -> Expr | None:
    """The formula with values for its names; None where that would not help a reader."""
    used = [x for x in walk(e) if isinstance(x, Name | Partial) and x in numbers]
    if not used or isinstance(e, Name | Partial):
        return None
    if any(numbers[x].data.size > SHORT for x in used):
        return None
    if sum(numbers[x].data.size for x in used) > 3 * SHORT:
        return None
    return _replace(e, numbers)


def _replace(e: Expr, numbers: Mapping[Expr, Value]) -> Expr:
    if isinstance(e, Name | Partial) and e in numbers:
        return shown(numbers[e])
    match e:
        case Transpose():
            return Transpose(_replace(e.arg, numbers))
        case Neg():
            return Neg(_replace(e.arg, numbers))
        case Binary():
            return Binary(e.op, _replace(e.left, numbers), _replace(e.right, numbers), e.elementwise)
        case Call():
            return Call(e.func, tuple(_replace(a, numbers) for a in e.args), e.kwargs)
        case List():
            return List(tuple(_replace(a, numbers) for a in e.items))
        case Index():
            return Index(_replace(e.arg, numbers), e.items)
        case _:
            return e


def shown(value: Value) -> Expr:
    """A value inside a formula: a row as the transpose of its column."""
    if value.data.ndim == 2 and value.shape[0] == 1 and value.shape[1] > 1:
        return Transpose(Value(value.data[0]).expr())
    return value.expr()


def approx(value: Value) -> Expr | None:
    """Decimals beside an exact value that is not whole; None where they would say nothing new."""
    if not value.exact or value.is_integral() or value.data.size > SHORT:
        return None
    if all(x.is_Rational and x.q in (1, 2, 4, 5, 10) for x in value.data.ravel()):
        return None
    return value.decimal()


def equation(*members: Expr | None) -> tuple[Expr, ...]:
    """A chain of equalities without repetitions."""
    chain: list[Expr] = []
    for m in members:
        if m is not None and (not chain or chain[-1] != m):
            chain.append(m)
    return tuple(chain)


ZERO = Num("0")
