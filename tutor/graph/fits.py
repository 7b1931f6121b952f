"""Which whole numbers fit the sizes that equations and windows leave open.

A number of windows does not tell how long the input is: floor((n + p − r)/s) + 1 is the same for s
numbers n. Sizes that hang together make a `Puzzle`; each is solved by itself.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from .puzzle import Puzzle, Range, Solutions
from .sliding import Dim, Window


@dataclass(frozen=True)
class Fit:
    """The numbers that a few sizes, which hang together, can be.

    solutions: all of them, if these are few enough to be listed
    """

    sizes: tuple[sp.Symbol, ...]
    bounds: tuple[Range, ...]
    solutions: Solutions | None
    puzzle: Puzzle = field(compare=False, repr=False)

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
        put = [dict(zip(self.sizes, map(sp.Integer, s), strict=True)) for s in self.solutions]
        return tuple(sorted({int(d.xreplace(numbers)) for numbers in put}))


def examples(found: Sequence[Fit], wished: Mapping[sp.Symbol, int]) -> dict[sp.Symbol, int]:
    """Numbers that fit together for the sizes of these groups, near the wished ones."""
    chosen: dict[sp.Symbol, int] = {}
    for fit in found:
        wishes = [wished.get(u) for u in fit.sizes]
        chosen |= dict(zip(fit.sizes, fit.puzzle.example(wishes), strict=True))
    return {u: n for u, n in chosen.items() if u in wished}


def fits(
    windows: Sequence[tuple[Window, Dim]], equations: Sequence[Dim], positive: Sequence[Dim] = ()
) -> tuple[Fit, ...] | None:
    """What each group of sizes that hang together can be; None if nothing fits.

    windows: each with the number of its outputs; equations: what is to be 0; positive: what is to
    be 1 or more. What is no polynomial in the sizes is left out.
    """
    found = []
    for puzzle in _puzzles(windows, equations, positive):
        solved = puzzle.solved()
        if solved is None:
            return None
        found.append(Fit(tuple(puzzle.sizes), *solved, puzzle))
    return tuple(found)


def possible(
    windows: Sequence[tuple[Window, Dim]], equations: Sequence[Dim], positive: Sequence[Dim] = ()
) -> bool:
    """Whether some numbers fit, as far as a short search tells."""
    return all(p.has_some() for p in _puzzles(windows, equations, positive))


# -- groups of sizes that hang together -----------------------------------------------------------


def _puzzles(
    windows: Sequence[tuple[Window, Dim]], equations: Sequence[Dim], positive: Sequence[Dim]
) -> Iterator[Puzzle]:
    windows, names = _without_floors(windows)
    equations, positive = ([_plain(d, names) for d in ds] for ds in (equations, positive))
    sizes = {d for w, out in windows for d in (w.size, out)}
    equations = [e for k, d in enumerate(equations) for e in _factored(d, k, sizes)]
    parts: list[tuple[set[sp.Symbol], object]] = [
        *((symbols(w.size, w.kernel, out), (w, out)) for w, out in windows),
        *((symbols(d), ("=", d)) for d in equations),
        *((symbols(d), (">", d)) for d in positive),
    ]
    groups: list[tuple[set[sp.Symbol], list[object]]] = []
    for own, part in parts:
        if own:
            met = [g for g in groups if g[0] & own]
            joined = own.union(*(g[0] for g in met))
            members = [p for g in met for p in g[1]]
            groups = [g for g in groups if not g[0] & own] + [(joined, [*members, part])]
    for own, members in groups:
        yield Puzzle(sorted(own, key=str), members)


def symbols(*sizes: Dim) -> set[sp.Symbol]:
    """The symbols in these sizes."""
    return {s for d in sizes if not isinstance(d, int) for s in d.free_symbols}  # type: ignore[misc]


def _without_floors(
    windows: Sequence[tuple[Window, Dim]],
) -> tuple[list[tuple[Window, Dim]], dict[sp.Expr, sp.Expr]]:
    """A size of its own for the outputs of every window that are written as a floor."""
    names: dict[sp.Expr, sp.Expr] = {}
    found = []
    for w, out in windows:
        constant, whole = out.as_coeff_Add() if isinstance(out, sp.Expr) else (out, 0)
        inner = replace(w, size=_plain(w.size, names), kernel=_plain(w.kernel, names))
        if isinstance(whole, sp.floor | sp.Min) and whole not in names:
            y = sp.Dummy(f"outputs {len(found)}", integer=True, positive=True)
            names[whole] = y - constant
        found.append((inner, _plain(out, names)))
    return found, names


def _factored(d: Dim, k: int, sizes: Container[Dim]) -> list[Dim]:
    """The equation d = 0 with a size of its own for each sum that is a factor: a·(n − 1) = 12.

    Such a factor is one of the sizes, so at least 1; the bounds of n are found by way of it.
    """
    if isinstance(d, int):
        return [d]
    constant, rest = d.as_coeff_Add()
    found: list[Dim] = []
    product = sp.S.One
    for base, power in sp.factor(rest).as_powers_dict().items():
        sign = next((c for c in (1, -1) if base.is_Add and c * base in sizes), 0)
        if sign and power.is_Integer:
            y = sp.Dummy(f"factor {k} {len(found)}", integer=True, positive=True)
            found.append(sp.expand(sign * base - y))
            base = sign * y
        product *= base**power
    return [d] if not found else [*found, product + constant]


def _plain(d: Dim, names: Mapping[sp.Expr, sp.Expr]) -> Dim:
    return d if isinstance(d, int) else d.xreplace(dict(names))
