"""Small helpers for tasks that count: integers as terms, and an author's answer as a number."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from .. import limits
from ..expr import Binary, Call, Expr, List, Neg, Num


def num(value: int | Fraction) -> Expr:
    """An integer or a fraction as a term."""
    if value < 0:
        return Neg(num(-value))
    if isinstance(value, Fraction) and value.denominator > 1:
        return Binary("/", Num(str(value.numerator)), Num(str(value.denominator)))
    return Num(str(int(value)))


def times(*factors: Expr) -> Expr:
    out = factors[0]
    for factor in factors[1:]:
        out = Binary("*", out, factor)
    return out


def plus(*terms: Expr) -> Expr:
    """A sum; a negative term is subtracted."""
    out = terms[0]
    for term in terms[1:]:
        out = Binary("-", out, term.arg) if isinstance(term, Neg) else Binary("+", out, term)
    return out


def minus(left: Expr, right: Expr) -> Expr:
    return Binary("-", left, right)


def floor_of(e: Expr) -> Expr:
    return Call("floor", (e,))


def ceil_of(e: Expr) -> Expr:
    return Call("ceil", (e,))


def by(shape: Sequence[Any]) -> str:
    """A shape in words: 16×128×128."""
    return "×".join(str(n) for n in shape) or "1"


def rational(e: Any) -> Fraction | None:
    """The exact value of a numeric term (`-1/12`, `2**3`, `0.5`), or None when it has none."""
    match e:
        case bool():
            return None
        case int() | Fraction():
            return Fraction(e)
        case Num():
            return Fraction(e.text)
        case Neg():
            inner = rational(e.arg)
            return None if inner is None else -inner
        case Binary(op=op):
            left, right = rational(e.left), rational(e.right)
            if left is None or right is None:
                return None
            return _operate(op, left, right)
    return None


def _operate(op: str, a: Fraction, b: Fraction) -> Fraction | None:
    match op:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / b if b else None
        case "**" if b.denominator == 1 and abs(b) <= limits.CONSTANT_EXPONENT and (a or b > 0):
            return a ** int(b)
    return None


def agrees(answer: Any, result: Any, tolerance: float | None = None) -> bool:
    """Whether an author's answer (nested terms) is `result` (nested lists of exact numbers)."""
    counts = result if isinstance(result, list) else [result]
    if tolerance is None and _whole(answer) and all(type(n) is int for n in counts):
        return _plain(answer) == result
    import numpy as np

    from ..graph.dims import number
    from .answers import difference

    shape = np.shape(np.array(result, dtype=object))
    flat = np.empty(int(np.prod(shape)), dtype=object)
    flat[:] = [number(x) for x in np.array(result, dtype=object).ravel()]
    return difference(answer, flat.reshape(shape), tolerance) is None


def _whole(answer: Any) -> bool:
    """Whether an answer is whole numbers, in lists or alone: those are compared as they are."""
    if isinstance(answer, List):
        return all(map(_whole, answer.items))
    if isinstance(answer, tuple | list):
        return all(map(_whole, answer))
    return isinstance(answer, Num) and answer.text.isdecimal()


def _plain(answer: Any) -> Any:
    items = answer.items if isinstance(answer, List) else answer
    return [_plain(x) for x in items] if isinstance(items, tuple | list) else int(answer.text)
