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

import sympy as sp

Dim = int | sp.Expr
Shape = tuple[Dim, ...]


class Unknown(sp.Symbol):
    """A size that the file leaves open with `?`."""


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


def symbol(name: str) -> sp.Symbol:
    """The symbolic size `name`: a positive integer."""
    return sp.Symbol(name, integer=True, positive=True)


def unknown(name: str) -> Unknown:
    return Unknown(name, integer=True, positive=True)


def dim(d: Dim) -> Dim:
    """Normal form: whole numbers as int, expressions expanded."""
    if isinstance(d, int):
        return d
    if d.is_Symbol:
        return d
    d = sp.expand(d)
    return int(d) if d.is_Integer else d


class Unifier:
    """The equations between sizes that have been met, solved for the unknowns."""

    def __init__(self) -> None:
        self.bound: dict[sp.Expr, Dim] = {}

    def resolve(self, d: Dim) -> Dim:
        if isinstance(d, int) or not d.has(Unknown):
            return d
        for _ in range(len(self.bound) + 1):
            new = d.subs(self.bound) if not isinstance(d, int) else d
            if new == d:
                break
            d = dim(new)
            if isinstance(d, int):
                break
        return d

    def equate(self, a: Dim, b: Dim) -> bool:
        """Record a = b; False when it cannot hold."""
        gap = sp.expand(number(self.resolve(a)) - number(self.resolve(b)))
        if gap == 0:
            return True
        for u in sorted(gap.atoms(Unknown), key=str):
            rate = gap.coeff(u, 1)
            rest = sp.expand(gap - rate * u)
            if rate != 0 and not rest.has(u):
                value = dim(-rest / rate)
                if isinstance(value, int):
                    if value < 1:
                        return False
                elif value.is_Rational:
                    return False
                self.bound[u] = value
                return True
        return False


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


def same_shape(a: Sequence[Dim], b: Sequence[Dim]) -> bool:
    return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))


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
    """One size as text, in parentheses when it is a sum."""
    return f"({d})" if isinstance(d, sp.Add) else str(d)


def named(d: Dim) -> bool:
    """Whether the size is symbolic."""
    return not isinstance(d, int)
