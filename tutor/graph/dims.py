"""Sizes of axes: integers, symbols such as `n`, arithmetic on them, and unknowns to be inferred.

A dimension is a Python `int` or a SymPy expression in positive integer symbols. An unknown (`?` in
a problem file) is a symbol of its own kind; while a `Unifier` is active, every comparison of sizes
that an operation makes is an equation that may fix it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import sympy as sp
from sympy.core.intfunc import igcd, ilcm
from sympy.core.parameters import distribute
from sympy.printing.str import StrPrinter

if TYPE_CHECKING:
    from .unifier import Unifier

Dim = int | sp.Expr
Shape = tuple[Dim, ...]


class Unknown(sp.Symbol):
    """A size that the file leaves open with `?`."""


def a_size(d: Dim) -> bool:
    """Whether the size can be a positive whole number."""
    if isinstance(d, int):
        return d >= 1
    return not d.is_number and d.is_positive is not False and _can_be_whole(d)


def _can_be_whole(d: sp.Expr) -> bool:
    """Whether no divisor forbids it: n/2 can be whole, (2n + 1)/2 cannot."""
    terms = sp.expand(d).as_coefficients_dict()
    if not all(c.is_Rational for c in terms.values()):
        return True
    common = ilcm(1, *(c.q for c in terms.values()))
    rest = int(terms.pop(sp.S.One, sp.S.Zero) * common)
    return rest % igcd(common, *(int(c * common) for c in terms.values())) == 0


def number(x: object) -> sp.Expr:
    """A Python or SymPy number (or size) as a SymPy expression; never parses text."""
    if isinstance(x, sp.Expr):
        return x
    if isinstance(x, int):
        return sp.Integer(x)
    if isinstance(x, Fraction):
        return sp.Rational(x.numerator, x.denominator)
    if isinstance(x, float):
        return sp.Float(x)
    raise TypeError(f"not a number: {x!r}")


@lru_cache(maxsize=4096)
def shortened(c: sp.Expr) -> sp.Expr:
    """A number in front in factors: (n/2 − 1/2)/(n − 1)² is 1/(2 (n − 1))."""
    if c.is_number or not c.has(sp.Add) or c.is_Add:
        return c
    whole = sp.factor(c)
    return whole if sp.count_ops(whole) < sp.count_ops(c) else c


def symbol(name: str) -> sp.Symbol:
    """The symbolic size `name`: a positive integer."""
    return sp.Symbol(name, integer=True, positive=True)


def unknown(name: str) -> Unknown:
    return Unknown(name, integer=True, positive=True)


def unknowns(d: Dim) -> list[Unknown]:
    """The unknowns in a size, in a fixed order."""
    return [] if isinstance(d, int) else sorted(d.atoms(Unknown), key=str)


def dim(d: Dim) -> Dim:
    """Normal form: whole numbers as int, expressions expanded."""
    if isinstance(d, int):
        return d
    if d.is_Symbol:
        return d
    d = sp.expand(d)
    return int(d) if d.is_Integer else d


_active: ContextVar[Unifier | None] = ContextVar("unifier", default=None)


@contextmanager
def unifying(unifier: Unifier) -> Iterator[Unifier]:
    token = _active.set(unifier)
    try:
        yield unifier
    finally:
        _active.reset(token)


def same(a: Dim, b: Dim) -> bool:
    """Whether two sizes are equal (and, for an unknown one, from now on are)."""
    if a is b or a == b:
        return True
    if isinstance(a, int) and isinstance(b, int):
        return False
    if dim(a - b) == 0:
        return True
    unifier = _active.get()
    return unifier is not None and unifier.equate(a, b)


def equal(a: Dim, b: Dim) -> bool:
    """Whether two sizes are known to be equal; an unknown one stays as it is."""
    a, b = resolved(a), resolved(b)
    return a == b or (not (isinstance(a, int) and isinstance(b, int)) and dim(a - b) == 0)


def resolved(d: Dim) -> Dim:
    """The size with the unknowns that are known by now."""
    unifier = _active.get()
    return d if unifier is None or isinstance(d, int) else unifier.resolve(d)


def same_shape(a: Sequence[Dim], b: Sequence[Dim]) -> bool:
    return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))


def active() -> Unifier | None:
    return _active.get()


def product(shape: Sequence[Dim]) -> Dim:
    total: Dim = 1
    for d in shape:
        total = dim(total * d)
    return total


def text(shape: Sequence[Dim]) -> str:
    """The size on paper: `2×1` for a column of two, `1×1` for a scalar, `3×8×8` for a tensor."""
    if len(shape) == 0:
        return "1×1"
    if len(shape) == 1:
        return f"{one(shape[0])}×1"
    return "×".join(one(d) for d in shape)


def one(d: Dim) -> str:
    """One size as text, in parentheses when it is a sum; `?` stands for one that is still open."""
    if isinstance(d, int):
        return str(d)
    d = resolved(d)
    if isinstance(d, int):
        return str(d)
    open_ = {u: sp.Dummy("?") for u in unknowns(d)}  # two that differ are not to cancel
    shown = factored(d.xreplace(open_) if open_ else d)
    words = _Printer().doprint(shown)
    return f"({words})" if isinstance(shown, sp.Add) else words


class _Printer(StrPrinter):
    """SymPy's text, with ⌊ ⌋ for the whole part."""

    def _print_Dummy(self, e: sp.Expr) -> str:  # noqa: N802 SymPy's name for it
        return e.name  # type: ignore[attr-defined]

    def _print_floor(self, e: sp.Expr) -> str:
        return f"⌊{self.doprint(e.args[0])}⌋"

    def _print_Min(self, e: sp.Expr) -> str:  # noqa: N802 SymPy's name for it
        return f"min({', '.join(map(self.doprint, e.args))})"


def factored(d: sp.Expr) -> sp.Expr:
    """n(n + 1)/2 rather than n²/2 + n/2, also inside of ⌊ ⌋; other sums stay."""
    if d.has(sp.floor):
        product: sp.Expr = sp.factor(d)  # type: ignore[assignment]
        d = product if sp.count_ops(product) <= sp.count_ops(d) else d
        with distribute(False):  # 2(n + 1) stays
            return d.replace(sp.floor, lambda e: sp.floor(sp.together(e), evaluate=False))
    halves = isinstance(d, sp.Add) and any(not t.as_coeff_Mul()[0].is_Integer for t in d.args)
    return sp.factor(d) if halves else d


def named(d: Dim) -> bool:
    """Whether the size is symbolic."""
    return not isinstance(d, int)
