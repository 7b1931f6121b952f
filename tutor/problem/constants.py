"""Bounds on constant arithmetic, checked while parsing and without computing anything large.

`9**9**9` has 370 million digits and `2**-99999` no floating-point value: both are refused where
they stand, before any later pass could try to work them out.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from .. import limits
from ..errors import InputError
from ..expr import Binary, Expr, Neg, Num, Span


class Folder:
    """The exact values of the constant terms of one expression, as far as they are rational."""

    def __init__(self) -> None:
        # The term is kept beside its value, so that its id stays its own.
        self._values: dict[int, tuple[Expr, Fraction]] = {}

    def number(self, term: Num) -> Num:
        self._values[id(term)] = (term, Fraction(term.text))
        return term

    def negation(self, term: Neg) -> Neg:
        inner = self._of(term.arg)
        if inner is not None:
            self._values[id(term)] = (term, -inner)
        return term

    def binary(self, term: Binary, extent: Callable[[Expr], Span]) -> None:
        """Note the value of `term` if it has one; raise if it is out of bounds."""
        a, b = self._of(term.left), self._of(term.right)
        if b is None:
            return
        if term.op == "/" and b == 0:
            raise InputError("division by zero", span=term.span)
        if term.op == "**":
            if abs(b) > limits.CONSTANT_EXPONENT:
                raise InputError(
                    f"a constant exponent above {limits.CONSTANT_EXPONENT}", span=extent(term.right)
                )
            if a == 0 and b < 0:
                raise InputError("zero to a negative power has no value", span=term.span)
        if a is None:
            return
        value = _value(term.op, a, b)
        if value is None:
            return
        if _bits(value) > limits.CONSTANT_BITS:
            raise _too_large(term)
        self._values[id(term)] = (term, value)

    def _of(self, term: Expr) -> Fraction | None:
        found = self._values.get(id(term))
        return found[1] if found else None


def _value(op: str, a: Fraction, b: Fraction) -> Fraction | None:
    match op:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / b
        case "**" if b.denominator == 1 and a in (0, 1):
            return a if b else Fraction(1)
        case "**" if b.denominator == 1 and _bits(a) * abs(b) <= 2 * limits.CONSTANT_BITS:
            return a ** int(b)
        case "**" if b.denominator == 1:
            return Fraction(2) ** (limits.CONSTANT_BITS + 1)  # any value beyond the bound
        case _:
            return None


def _bits(x: Fraction) -> int:
    return max(abs(x.numerator).bit_length(), x.denominator.bit_length())


def _too_large(term: Binary) -> InputError:
    return InputError(f"a constant of more than {limits.CONSTANT_BITS} bits", span=term.span)
