"""Numbers in arrays: exact (SymPy numbers in an object array) or floating (float64).

How they are printed is decided here. A decimal has six significant digits; it is marked as rounded
where they do not say the number exactly, and the sign before it is then ≈. An exact number prints
as a fraction, or, in a problem whose givens were typed with a decimal point, as a decimal where six
digits say it (7.3, not 73/10), and as a fraction where they do not and the fraction is short (1/3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd
from typing import Any

import numpy as np

from .expr import Binary, Expr, List, Neg, Num, exchanged

DIGITS = 6  # significant ones of a printed decimal
READABLE = 100  # a fraction with a smaller denominator is not a nuisance among decimals

_in_decimals: ContextVar[bool] = ContextVar("in_decimals", default=False)


@contextmanager
def in_decimals(wanted: bool) -> Iterator[None]:
    """Within it, exact numbers are printed as decimals where these are exact and short."""
    before = _in_decimals.set(wanted)
    try:
        yield
    finally:
        _in_decimals.reset(before)


class Cleaned(np.ndarray):
    """Floating values whose noise was replaced by 0: nobody can be sure of these zeros."""


@dataclass(frozen=True, eq=False)
class Value:
    """An array of numbers.

    `data` is an object array of SymPy numbers when the value is exact, float64 otherwise. A scalar
    has shape (); a column (n,); a row (1, n). `noise` marks the entries of floating values that
    are nothing but rounding errors: they print as 0. `decimals`: how exact numbers are printed, by
    default as the problem wants it within whose `in_decimals` the value is made.
    """

    data: np.ndarray
    noise: np.ndarray | None = None
    decimals: bool = field(default_factory=_in_decimals.get)

    def __post_init__(self) -> None:
        data = self.data
        assert isinstance(data, np.ndarray) and data.dtype in (np.dtype(object), np.dtype(float))
        if isinstance(data, Cleaned):
            object.__setattr__(self, "data", np.asarray(data))
            object.__setattr__(self, "noise", self.data == 0)

    @property
    def exact(self) -> bool:
        return self.data.dtype == object

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    def floats(self) -> np.ndarray:
        """The same numbers as float64."""
        if not self.exact:
            return self.data
        flat = [_float(x) for x in self.data.ravel()]
        return np.array(flat, dtype=float).reshape(self.data.shape)

    def numbers(self) -> Any:
        """Nested lists of floats (a bare float for a scalar)."""
        return self.floats().tolist()

    def strings(self) -> Any:
        """Nested lists of exact strings such as "pi/2", or None for floats."""
        if not self.exact:
            return None
        # SymPy's E is exp(1) in a problem, which may have an E of its own
        texts = (re.sub(r"\bE\b", "exp(1)", str(x)) for x in self.data.ravel())
        flat = np.array(list(texts), dtype=object)
        return flat.reshape(self.data.shape).tolist()

    def is_integral(self) -> bool:
        """Every entry is an integer, so that a decimal beside it would say nothing new."""
        return self.exact and all(x.is_Integer for x in self.data.ravel())

    def is_short(self) -> bool:
        """Whether the exact numbers still read well inside a formula."""
        if not self.exact:
            return True
        flat = self.data.ravel()[:64]
        if self.decimals and not all(_reads_well(x) for x in flat):
            return False
        lengths = [len(str(x)) for x in flat]
        return max(lengths, default=0) <= 28 and sum(x for x in lengths if x > 8) <= 60

    def shown(self) -> Expr:
        """The value as it is printed: exact while that is short, else rounded decimals."""
        return self.expr() if self.is_short() else self.decimal()

    def expr(self) -> Expr:
        """The value as a term: exact where exact, else rounded to six significant digits."""
        if not self.exact:
            return self.decimal()
        return _nest(self.data, _exact_decimal if self.decimals else _exact_term)

    def decimal(self, digits: int = DIGITS) -> Expr:
        """The value as a term of rounded decimals."""
        if self.exact:
            return _nest(self.data, lambda x: _decimal_of(x, digits))
        if self.noise is not None and self.noise.any():
            flat = [
                NOTHING if lost else decimal_term(x, digits)
                for x, lost in zip(self.data.ravel(), self.noise.ravel(), strict=True)
            ]
            terms = np.empty(len(flat), dtype=object)
            terms[:] = flat
            return _nest(terms.reshape(self.data.shape), lambda x: x)
        return _nest(self.data, lambda x: decimal_term(x, digits))


NOTHING = Num("0", rounded=True)


def _nest(data: np.ndarray, leaf: Any) -> Expr:
    if data.ndim == 0:
        return leaf(data[()])
    # The ellipsis keeps the last axis's items arrays; iterating would yield bare numbers.
    return List(tuple(_nest(data[i, ...], leaf) for i in range(len(data))))


def decimal_term(x: float, digits: int = DIGITS) -> Expr:
    """A rounded decimal; -1.5 becomes Neg(1.5), and whole floats lose their point."""
    text = f"{abs(float(x)):.{digits}g}"
    return _signed(text, x < 0, float(text) != abs(float(x)))


def is_decimal(x: Any) -> bool:
    """Whether six digits say an exact number: 73/10 is 7.3."""
    return x.is_Rational and _fraction(x) == Fraction(f"{float(x):.{DIGITS}g}")


def _decimal_of(x: Any, digits: int) -> Expr:
    """The decimal of an exact number."""
    number = _float(x)
    text = f"{abs(number):.{digits}g}"
    exact = x.is_Rational and abs(_fraction(x)) == Fraction(text)
    return _signed(text, number < 0, not exact)


def _signed(text: str, negative: bool, rounded: bool) -> Expr:
    term = Num(text, rounded=rounded)
    return Neg(term) if negative and float(text) != 0 else term


def _fraction(x: Any) -> Fraction:
    return Fraction(int(x.p), int(x.q))


def _float(x: Any) -> float:
    """An exact number as a float; 0 where nothing but zeros was found in its digits.

    SymPy cannot decide whether sin(1)² + cos(1)² − 1 is 0, and gives the last digits that it
    looked at, such as 4e-124, the precision 1.
    """
    if getattr(x, "is_Rational", True):
        return float(x)
    found = x.evalf()
    return 0.0 if getattr(found, "_prec", 0) == 1 else float(found)


def _reads_well(x: Any) -> bool:
    """Among decimals: 7.3 and 1/3, but neither 3596/1875 nor 100000001/10, a decimal too long."""
    if not x.is_Rational or x.q == 1 or is_decimal(x):
        return True
    ends = 10**7 % x.q == 0  # a decimal of at most seven places
    return x.q < READABLE and not ends


def _exact_term(x: Any) -> Expr:
    from .notation.scalars import term_of  # SymPy number -> term

    return term_of(x)


def _exact_decimal(x: Any) -> Expr:
    return with_decimals(_exact_term(x))


def with_decimals(e: Expr) -> Expr:
    """7.3 for 73/10, also inside: exp(−0.1). The factor of pi/2 is left alone."""
    return exchanged(e, _typed_as_decimal)


def _typed_as_decimal(e: Expr) -> Expr | None:
    match e:
        case Binary("/", Num(p), Num(q)) if p.isdigit() and q.isdigit() and int(q) > 1:
            text = f"{int(p) / int(q):.{DIGITS}g}"
            reduced = gcd(int(p), int(q)) == 1  # 4/2 is a quotient still to be worked out
            return Num(text) if reduced and Fraction(text) == Fraction(int(p), int(q)) else None
        case _:
            return None
