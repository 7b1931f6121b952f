"""Numbers in arrays: exact (SymPy numbers in an object array) or floating (float64)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from .expr import Expr, List, Neg, Num


@dataclass(frozen=True, eq=False)
class Value:
    """An array of numbers.

    `data` is an object array of SymPy numbers when the value is exact, float64 otherwise. A scalar
    has shape (); a column (n,); a row (1, n).
    """

    data: np.ndarray

    def __post_init__(self) -> None:
        data = self.data
        assert isinstance(data, np.ndarray) and data.dtype in (np.dtype(object), np.dtype(float))

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
        flat = [float(x) for x in self.data.ravel()]
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
        lengths = [len(str(x)) for x in self.data.ravel()[:64]]
        return max(lengths, default=0) <= 28 and sum(x for x in lengths if x > 8) <= 60

    def shown(self) -> Expr:
        """The value as it is printed: exact while that is short, else rounded decimals."""
        return self.expr() if self.is_short() else self.decimal()

    def expr(self) -> Expr:
        """The value as a term: exact where exact, else rounded to six significant digits."""
        leaf = _exact_term if self.exact else decimal_term
        return _nest(self.data, leaf)

    def decimal(self, digits: int = 6) -> Expr:
        """The value as a term of rounded decimals."""
        return _nest(self.floats(), lambda x: decimal_term(x, digits))


def _nest(data: np.ndarray, leaf: Any) -> Expr:
    if data.ndim == 0:
        return leaf(data[()])
    # The ellipsis keeps the last axis's items arrays; iterating would yield bare numbers.
    return List(tuple(_nest(data[i, ...], leaf) for i in range(len(data))))


def decimal_term(x: float, digits: int = 6) -> Expr:
    """A rounded decimal; -1.5 becomes Neg(1.5), and whole floats lose their point."""
    text = f"{abs(float(x)):.{digits}g}"
    term = Num(text)
    return Neg(term) if x < 0 and float(text) != 0 else term


def _exact_term(x: Any) -> Expr:
    from .notation.scalars import term_of  # SymPy number -> term

    return term_of(x)
