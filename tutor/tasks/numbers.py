"""Numbers substituted into a formula, and values beside their decimals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..expr import (
    Binary,
    Call,
    Expr,
    Index,
    List,
    Name,
    Neg,
    Num,
    Partial,
    Transpose,
    walk,
)
from ..problem.lines import Line
from ..value import Value, with_decimals

LONGEST_SUM = 4  # products that are written out one by one
SHORT = 12  # entries of an array that still read well inside a formula


def substituted(e: Expr, numbers: Mapping[Expr, Value]) -> Expr | None:
    """The formula with values for its names; None where that would not help a reader."""
    used = [x for x in walk(e) if isinstance(x, Name | Partial) and x in numbers]
    if not used or isinstance(e, Name | Partial):
        return None
    if isinstance(e, Index) and e.arg in numbers:
        return None  # an entry that is looked up: the value says it all
    if any(numbers[x].data.size > SHORT for x in used):
        return None
    if sum(numbers[x].data.size for x in used) > 3 * SHORT:
        return None
    return _replace(e, numbers)


def dot_product(line: Line, numbers: Mapping[Expr, Value]) -> Expr | None:
    """wᵀx of two short vectors of numbers as w₁x₁ + w₂x₂ + …, the way it is done by hand."""
    if line.op is None or line.op.name not in ("matmul", "dot") or line.leaf.order:
        return None
    operands = [t.arg if isinstance(t, Transpose) else t for t in line.terms]
    if not all(x in numbers for x in operands):
        return None
    left, right = (numbers[x] for x in operands if x is not None)
    if left.data.size != right.data.size or not 2 <= left.data.size <= LONGEST_SUM:
        return None
    if not (left.is_short() and right.is_short()):
        return None
    a, b = (Value(v.data.ravel()).expr() for v in (left, right))
    assert isinstance(a, List) and isinstance(b, List)
    terms = [Binary("*", x, y) for x, y in zip(a.items, b.items, strict=True)]
    total: Expr = terms[0]
    for t in terms[1:]:
        total = Binary("+", total, t)
    return total


def _replace(e: Expr, numbers: Mapping[Expr, Value]) -> Expr:
    if isinstance(e, Name | Partial) and e in numbers:
        return numbers[e].shown()
    match e:
        case Transpose():
            return Transpose(_replace(e.arg, numbers))
        case Neg():
            return Neg(_replace(e.arg, numbers))
        case Binary():
            return Binary(
                e.op, _replace(e.left, numbers), _replace(e.right, numbers), e.elementwise
            )
        case Call():
            return Call(e.func, tuple(_replace(a, numbers) for a in e.args), e.kwargs)
        case List():
            return List(tuple(_replace(a, numbers) for a in e.items))
        case Index():
            entry = _entry(numbers[e.arg], e.items) if e.arg in numbers else None
            return entry.shown() if entry else Index(_replace(e.arg, numbers), e.items)
        case _:
            return e


def _entry(value: Value, items: tuple[Expr, ...]) -> Value | None:
    """One number of an array, x[0] or W[1, 2]; None for a part that is an array itself."""
    at: list[int] = []
    for i in items:
        match i:
            case Num(text) if text.isdigit():
                at.append(int(text))
            case Neg(Num(text)) if text.isdigit():
                at.append(-int(text))
            case _:
                return None
    if len(at) != value.data.ndim:
        return None
    lost = None if value.noise is None else np.asarray(value.noise[tuple(at)])
    return Value(np.asarray(value.data[tuple(at)], value.data.dtype), lost, value.decimals)


def exact_term(value: Value | None) -> Expr | None:
    """The value as the last member of an equation; None where only a decimal will be printed."""
    return value.expr() if value is not None and value.is_short() else None


def approx(value: Value) -> Expr | None:
    """Decimals beside an exact value that is not whole; None where they would say nothing new."""
    if not value.exact or value.is_integral():
        return None
    decimal = value.decimal()
    if not value.is_short():
        return decimal
    if value.data.size > SHORT or value.expr() == decimal:
        return None
    if all(x.is_Rational and x.q in (1, 2, 4, 5, 10) for x in value.data.ravel()):
        return None
    return decimal


def equation(*members: Expr | None) -> tuple[Expr, ...]:
    """A chain of equalities without repetitions; where decimals are wanted, 1/2 = 0.5 is one."""
    chain: list[Expr] = []
    for m in members:
        if m is None or (chain and chain[-1] == m):
            continue
        if chain and with_decimals(chain[-1]) == m:
            chain.pop()
        chain.append(m)
    return tuple(chain)
