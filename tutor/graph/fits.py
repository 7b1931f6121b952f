"""Which whole numbers fit the sizes that equations and windows leave open.

A number of windows does not tell how long the input is: floor((n + p − r)/s) + 1 is the same for s
numbers n. So the bounds of all open sizes are narrowed until nothing changes; what is left is
tried, number by number, with the window formula itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor, prod

import sympy as sp

from .sizes import NoWindowError, output_size

Dim = int | sp.Expr
Range = tuple[int, int | None]  # the least and the largest number; None: no largest
Terms = tuple[tuple[Fraction, tuple[int, ...]], ...]  # coefficients, and which sizes go with each
TRIES = 3000  # partial assignments that are looked at before a list counts as too long
ROUNDS = 60  # of narrowing; bounds that creep on are left where they are


@dataclass(frozen=True)
class Window:
    """How something slides along an axis of `size` entries, where not all numbers are known."""

    size: Dim
    kernel: Dim = 1
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    ceil: bool = False

    @property
    def room(self) -> sp.Expr:
        """How far the first window can still move."""
        padding = self.before + self.after
        return sp.expand(self.size + padding - self.dilation * (self.kernel - sp.S.One) - 1)

    def count(self, size: int, kernel: int) -> int | None:
        """The number of windows; None if not even one fits."""
        padding = (self.before, self.after)
        try:
            return output_size(size, kernel, self.stride, padding, self.dilation, self.ceil)
        except NoWindowError:
            return None

    @property
    def formula(self) -> sp.Expr:
        """The number of windows as an expression in the sizes."""
        if self.stride == 1:
            return self.room + 1
        if not self.ceil:
            return sp.floor(self.room / self.stride) + 1
        last = sp.floor(sp.expand(self.size + self.before - sp.S.One) / self.stride)
        whole = sp.floor((self.room + self.stride - 1) / self.stride)
        spans = self.dilation * (self.kernel - sp.S.One) + 1
        hangs_over = (spans - self.after - self.stride).is_nonnegative
        return (whole if hangs_over else sp.Min(whole, last)) + 1


@dataclass(frozen=True)
class Fit:
    """The numbers that a few sizes, which hang together, can be.

    solutions: all of them, if these are few enough to be listed
    """

    sizes: tuple[sp.Symbol, ...]
    bounds: tuple[Range, ...]
    solutions: tuple[tuple[int, ...], ...] | None

    def numbers(self, size: sp.Expr) -> tuple[int, ...] | None:
        """What one of the sizes can be, smallest first."""
        if self.solutions is None:
            return None
        k = self.sizes.index(size)
        return tuple(sorted({s[k] for s in self.solutions}))

    def values(self, d: Dim) -> tuple[int, ...] | None:
        """What a size that rests on these can be."""
        if self.solutions is None or isinstance(d, int):
            return None if self.solutions is None else (d,)  # type: ignore[return-value]
        found = (d.xreplace(_put(self.sizes, s)) for s in self.solutions)
        return tuple(sorted({int(n) for n in found}))


def _put(sizes: Sequence[sp.Symbol], numbers: Sequence[int]) -> dict[sp.Symbol, sp.Integer]:
    return {u: sp.Integer(n) for u, n in zip(sizes, numbers, strict=True)}


def fits(
    windows: Sequence[tuple[Window, Dim]], equations: Sequence[Dim], positive: Sequence[Dim] = ()
) -> tuple[Fit, ...] | None:
    """What each group of sizes that hang together can be; None if nothing fits.

    windows: each with the number of its outputs; equations: what is to be 0; positive: what is to
    be 1 or more. What is no polynomial in the sizes is left out.
    """
    found = []
    for puzzle in _puzzles(windows, equations, positive):
        fit = puzzle.fit()
        if fit is None:
            return None
        found.append(fit)
    return tuple(found)


def possible(
    windows: Sequence[tuple[Window, Dim]], equations: Sequence[Dim], positive: Sequence[Dim] = ()
) -> bool:
    """Whether some numbers fit, as far as a short search tells."""
    return all(p.has_some() for p in _puzzles(windows, equations, positive))


# -- groups of sizes that hang together -----------------------------------------------------------


def _puzzles(
    windows: Sequence[tuple[Window, Dim]], equations: Sequence[Dim], positive: Sequence[Dim]
) -> Iterator[_Puzzle]:
    windows = _without_floors(windows)
    parts: list[tuple[set[sp.Symbol], object]] = []
    for w, out in windows:
        parts.append((_symbols(w.size, w.kernel, out), (w, out)))
    parts += [(_symbols(d), ("=", d)) for d in equations]
    parts += [(_symbols(d), (">", d)) for d in positive]
    groups: list[tuple[set[sp.Symbol], list[object]]] = []
    for symbols, part in parts:
        if not symbols:
            continue
        met = [g for g in groups if g[0] & symbols]
        rest = [g for g in groups if not g[0] & symbols]
        joined = symbols.union(*(g[0] for g in met))
        groups = [*rest, (joined, [p for g in met for p in g[1]] + [part])]
    for symbols, members in groups:
        yield _Puzzle(sorted(symbols, key=str), members)


def _symbols(*sizes: Dim) -> set[sp.Symbol]:
    return {s for d in sizes if not isinstance(d, int) for s in d.free_symbols}  # type: ignore[misc]


def _without_floors(windows: Sequence[tuple[Window, Dim]]) -> list[tuple[Window, Dim]]:
    """A size of its own for the outputs of every window that are written as a floor."""
    names: dict[sp.Expr, sp.Expr] = {}
    found = []

    def plain(d: Dim) -> Dim:
        return d if isinstance(d, int) else d.xreplace(names)

    for w, out in windows:
        inner = replace(w, size=plain(w.size), kernel=plain(w.kernel))
        constant, whole = out.as_coeff_Add() if isinstance(out, sp.Expr) else (out, 0)
        if isinstance(whole, sp.floor) and whole not in names:
            y = sp.Dummy(f"outputs {len(found)}", integer=True, positive=True)
            names[whole] = y - constant
        found.append((inner, plain(out)))
    return found


# -- one group ------------------------------------------------------------------------------------


class _TooMany(Exception):  # a fork in the search
    """The numbers that fit cannot be listed."""


class _Puzzle:
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
        self.bounds.append((between, *((1 - s, s) if w.ceil else (0, s - 1))))
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
            found.append((Fraction(int(c.p), int(c.q)), tuple(which)))
        return tuple(found)

    # -- search ------------------------------------------------------------------------------

    def fit(self) -> Fit | None:
        whole = self._narrowed([(1, None)] * len(self.sizes))
        if whole is None:
            return None
        self.tries = 0
        try:
            solutions = tuple(sorted(self._solutions(whole)))
        except _TooMany:
            return Fit(tuple(self.sizes), tuple(whole), None)
        if not solutions:
            return None
        bounds = tuple((min(c), max(c)) for c in zip(*solutions, strict=True))
        return Fit(tuple(self.sizes), bounds, solutions)

    def has_some(self) -> bool:
        self.tries = TRIES // 2
        whole = self._narrowed([(1, None)] * len(self.sizes))
        try:
            return whole is not None and next(self._solutions(whole), None) is not None
        except _TooMany:
            return True

    def _solutions(self, ranges: list[Range]) -> Iterator[tuple[int, ...]]:
        self.tries += 1
        if self.tries > TRIES:
            raise _TooMany
        open_ = [(b - a, k) for k, (a, b) in enumerate(ranges) if b is not None and b > a]
        if not open_:
            if any(b is None for _, b in ranges):
                raise _TooMany
            numbers = tuple(a for a, _ in ranges)
            if self._holds(numbers):
                yield numbers
            return
        _, k = min(open_)
        first, last = ranges[k]
        assert last is not None
        if last - first > TRIES:
            raise _TooMany
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


Extent = tuple[Fraction | None, Fraction | None]


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
    low: Fraction | None = Fraction(0)
    high: Fraction | None = Fraction(0)
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
        end = floor(most / a)
        last = end if last is None else min(last, end)
    if least is not None and least > 0 and b is not None:
        first = max(first, ceil(least / b))
    return (first, last) if last is None or first <= last else None


def _value(terms: Terms, numbers: Sequence[int]) -> Fraction:
    return sum((c * prod(numbers[k] for k in which) for c, which in terms), Fraction(0))


def bounds_of(found: Sequence[Fit]) -> Mapping[sp.Symbol, Range]:
    """Of every size in these groups."""
    return {u: r for fit in found for u, r in zip(fit.sizes, fit.bounds, strict=True)}
