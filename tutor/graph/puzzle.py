"""Sizes that hang together by windows and equations: the whole numbers that they can be.

The bounds of all of them are narrowed until nothing changes; what is left is tried, number by
number, with the window formula itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import prod

import sympy as sp

from .sliding import Dim, Window

Range = tuple[int, int | None]  # the least and the largest number; None: no largest
Solutions = tuple[tuple[int, ...], ...]
Number = int | Fraction  # a fraction only where it has to be: integers are quicker
Terms = tuple[tuple[Number, tuple[int, ...]], ...]  # coefficients, and which sizes go with each
TRIES = 2000  # partial assignments that are looked at before a list counts as too long
SHORT = 500  # the same where one solution is looked for
ROUNDS = 60  # of narrowing; bounds that creep on are left where they are


class TooMany(Exception):  # a fork in the search
    """The numbers that fit cannot be listed."""


class Puzzle:
    """Sizes, and what windows and equations ask of them.

    parts: a window and its outputs; "=" and what is to be 0; ">" and what is to be 1 or more.
    What is no polynomial in the sizes is left out.
    """

    def __init__(self, sizes: list[sp.Symbol], parts: Sequence[object]) -> None:
        self.sizes = sizes
        self.index = {s: k for k, s in enumerate(sizes)}
        self.windows: list[tuple[Window, Terms, Terms, Terms]] = []
        # low ≤ Σ terms ≤ high
        self.bounds: list[tuple[Terms, int | None, int | None]] = []
        self.tries = 0
        for first, second in parts:  # type: ignore[misc]
            if isinstance(first, Window):
                self._window(first, second)
            else:
                terms = self._terms(second)
                if terms is not None:
                    self.bounds.append((terms, 0, 0) if first == "=" else (terms, 1, None))
        self.splits = [
            (u, *_split(terms, u), low, high)
            for terms, low, high in self.bounds
            for u in sorted({v for _, vs in terms for v in vs})
        ]

    def _window(self, w: Window, out: Dim) -> None:
        size, kernel, outs = (self._terms(d) for d in (w.size, w.kernel, out))
        between = self._terms(w.room - w.stride * (out - sp.S.One))
        room = self._terms(w.room)
        if size is None or kernel is None or outs is None or between is None or room is None:
            return
        self.windows.append((w, size, kernel, outs))
        s = w.stride
        over = (1 - s, 0 if w.hangs_over else s)  # with a last window that is left out, or not
        self.bounds.append((between, *(over if w.ceil else (0, s - 1))))
        if not w.ceil:
            self.bounds.append((room, 0, None))

    def _terms(self, d: Dim) -> Terms | None:
        """The size as a sum of products of the sizes; None if it is none."""
        found = []
        for term in sp.Add.make_args(sp.expand(sp.Integer(d) if isinstance(d, int) else d)):
            c, rest = term.as_coeff_Mul()
            if not c.is_Rational:
                return None
            which: list[int] = []
            for base, power in rest.as_powers_dict().items():
                if base == 1:
                    continue
                if base not in self.index or not (power.is_Integer and power > 0):
                    return None
                which += [self.index[base]] * int(power)
            number = int(c) if c.is_Integer else Fraction(int(c.p), int(c.q))
            found.append((number, tuple(which)))
        return tuple(found)

    # -- search ------------------------------------------------------------------------------

    def solved(self) -> tuple[tuple[Range, ...], Solutions | None] | None:
        """The range of every size, and all numbers that go together; None if nothing fits."""
        whole = self._narrowed([(1, None)] * len(self.sizes))
        if whole is None:
            return None
        self.tries = 0
        try:
            solutions = tuple(sorted(self._solutions(whole)))
        except TooMany:
            return tuple(self._exact(k, whole) for k in range(len(whole))), None
        if not solutions:
            return None
        return tuple((min(c), max(c)) for c in zip(*solutions, strict=True)), solutions

    def _exact(self, k: int, ranges: list[Range]) -> Range:
        """The range of one size from the first number that does fit."""
        first, last = ranges[k]
        for n in range(first, first + SHORT):
            self.tries = TRIES - SHORT
            if self._some([*ranges[:k], (n, n), *ranges[k + 1 :]]):
                return n, last
        return first, last

    def example(self, wishes: Sequence[int | None]) -> tuple[int, ...]:
        """Numbers that fit, the first ones as near to the wishes as can be."""
        ranges: list[Range] = [(1, None) for _ in self.sizes]
        order = sorted(range(len(wishes)), key=lambda k: wishes[k] is None)
        for k in order:
            narrower = self._narrowed(ranges)
            assert narrower is not None
            ranges = narrower
            first, last = ranges[k]
            near = max(first, min(wishes[k] or first, last or wishes[k] or first))
            more = range(near + 1, near + SHORT if last is None else last + 1)
            for n in (near, *range(near - 1, first - 1, -1), *more):
                inner = [*ranges[:k], (n, n), *ranges[k + 1 :]]
                self.tries = TRIES - SHORT
                if self._some(inner):
                    ranges = inner
                    break
        return tuple(first for first, _ in ranges)

    def has_some(self) -> bool:
        """Whether some numbers fit, as far as a short search tells."""
        self.tries = TRIES - SHORT
        return self._some([(1, None)] * len(self.sizes))

    def _some(self, ranges: list[Range]) -> bool:
        whole = self._narrowed(ranges)
        try:
            return whole is not None and next(self._solutions(whole), None) is not None
        except TooMany:
            return True

    def _solutions(self, ranges: list[Range]) -> Iterator[tuple[int, ...]]:
        self.tries += 1
        if self.tries > TRIES:
            raise TooMany
        open_ = [(b - a, k) for k, (a, b) in enumerate(ranges) if b is not None and b > a]
        if not open_:
            if any(b is None for _, b in ranges):
                raise TooMany
            numbers = tuple(a for a, _ in ranges)
            if self._holds(numbers):
                yield numbers
            return
        _, k = min(open_)
        first, last = ranges[k]
        assert last is not None
        if last - first > TRIES:
            raise TooMany
        for n in range(first, last + 1):
            inner = self._narrowed([*ranges[:k], (n, n), *ranges[k + 1 :]])
            if inner is not None:
                yield from self._solutions(inner)

    def _holds(self, numbers: Sequence[int]) -> bool:
        for terms, low, high in self.bounds:
            n = _value(terms, numbers)
            if (low is not None and n < low) or (high is not None and n > high):
                return False
        for w, size, kernel, outs in self.windows:
            n, k = _value(size, numbers), _value(kernel, numbers)
            if n.denominator != 1 or k.denominator != 1 or n < 1 or k < 1:
                return False
            if w.count(int(n), int(k)) != _value(outs, numbers):
                return False
        return True

    # -- bounds ------------------------------------------------------------------------------

    def _narrowed(self, ranges: list[Range]) -> list[Range] | None:
        """The ranges without what cannot fit; None if nothing can."""
        ranges = list(ranges)
        for _ in range(ROUNDS):
            before = list(ranges)
            for u, factor, rest, low, high in self.splits:
                new = _inverse(ranges[u], _extent(factor, ranges), _extent(rest, ranges), low, high)
                if new is None:
                    return None
                ranges[u] = new
            if ranges == before:
                break
        return ranges


Extent = tuple[Number | None, Number | None]


def _split(terms: Terms, u: int) -> tuple[Terms, Terms]:
    """a and b where the sum is a·u + b."""
    factor, rest = [], []
    for c, which in terms:
        if u in which:
            k = which.index(u)
            factor.append((c, which[:k] + which[k + 1 :]))
        else:
            rest.append((c, which))
    return tuple(factor), tuple(rest)


def _extent(terms: Terms, ranges: Sequence[Range]) -> Extent:
    """The least and the largest value of a sum; None where there is none."""
    low: Number | None = 0
    high: Number | None = 0
    for c, which in terms:
        least = c * prod(ranges[k][0] for k in which)
        ends = [ranges[k][1] for k in which]
        most = None if any(e is None for e in ends) else c * prod(ends)  # type: ignore[arg-type]
        if c < 0:
            least, most = most, least
        low = None if low is None or least is None else low + least
        high = None if high is None or most is None else high + most
    return low, high


def _inverse(
    own: Range, factor: Extent, rest: Extent, low: int | None, high: int | None
) -> Range | None:
    """The range of u where low ≤ factor·u + rest ≤ high."""
    least = None if low is None or rest[1] is None else low - rest[1]
    most = None if high is None or rest[0] is None else high - rest[0]
    a, b = factor
    if b is not None and b < 0:
        a, b = -b, None if a is None else -a
        least, most = None if most is None else -most, None if least is None else -least
    first, last = own
    if a is None or a <= 0:
        return own
    if most is not None:
        if most < 0:
            return None
        end = int(most // a)
        last = end if last is None else min(last, end)
    if least is not None and least > 0 and b is not None:
        first = max(first, int(-(-least // b)))
    return (first, last) if last is None or first <= last else None


def _value(terms: Terms, numbers: Sequence[int]) -> Number:
    return sum(c * prod(numbers[k] for k in which) for c, which in terms)
