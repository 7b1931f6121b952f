"""In which order the equations between sizes show what each open size is.

The unifier solves for whatever unknown comes first, so that an equation may have fixed one size by
means of another that was found later. Here every equation is used again, from the sizes that the
file states on: a step needs nothing but what is stated or what an earlier step has shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from ..graph import dims
from ..graph.dims import Dim, Unknown
from ..graph.unifier import Equation, Unifier


@dataclass(frozen=True)
class Step:
    """An equation that gives `size`, since all other sizes in it are known by then.

    mine, other: its sides, `mine` the one with the size inside
    needs: the sizes in it that earlier steps have shown
    together: further equations, where none of them gives a size by itself
    """

    size: Unknown
    equation: Equation
    mine: Dim
    other: Dim
    needs: frozenset[Unknown]
    together: tuple[Equation, ...] = ()


def proof(unifier: Unifier, sizes: Iterable[Unknown]) -> tuple[Step, ...]:
    """The steps that show these sizes, each after those that it needs."""
    steps = every(unifier)
    wanted: set[Unknown] = set()
    stack = [u for u in sizes if u in steps]
    while stack:
        u = stack.pop()
        if u not in wanted:
            wanted.add(u)
            stack += steps[u].needs
    return tuple(s for u, s in steps.items() if u in wanted)


def every(unifier: Unifier) -> Mapping[Unknown, Step]:
    """A step for every size that an equation fixed, in the order in which they can be shown."""
    return _every(unifier, len(unifier.equations), len(unifier.bound))


@lru_cache(maxsize=4)
def _every(unifier: Unifier, _equations: int, _bound: int) -> Mapping[Unknown, Step]:
    found: dict[Unknown, Step] = {}
    waiting = [_Sides.of(unifier, e) for e in unifier.equations.values()]
    while waiting:
        left = []
        for sides in waiting:
            step = sides.step(unifier, found)
            if step is not None:
                found[step.size] = step
            elif sides.unknown - found.keys():
                left.append(sides)
        if len(left) == len(waiting):  # none gives a size by itself
            _together(left, found)
            break
        waiting = left
    return found


@dataclass(frozen=True)
class _Sides:
    """An equation with parts of sizes written as such, and its sizes that have to be shown."""

    equation: Equation
    left: Dim
    right: Dim
    unknown: frozenset[Unknown]

    @staticmethod
    def of(unifier: Unifier, e: Equation) -> _Sides:
        left, right = (whole(unifier, d) for d in (e.left, e.right))
        gap = _gap(left, right)
        own = frozenset(u for u in gap.atoms(Unknown) if u in unifier.equations)
        return _Sides(e, left, right, own)  # type: ignore[arg-type]

    def step(self, unifier: Unifier, found: Mapping[Unknown, Step]) -> Step | None:
        new = self.unknown - found.keys()
        if len(new) != 1:
            return None
        (u,) = new
        known = {v: unifier.resolve(v) for v in self.unknown - new}
        if not _gap(self.left, self.right).subs(known).expand().has(u):
            return None
        sides = (self.left, self.right)
        mine, other = sides if u in dims.unknowns(self.left) else sides[::-1]
        return Step(u, self.equation, mine, other, self.unknown - new)


def _together(left: Sequence[_Sides], found: dict[Unknown, Step]) -> None:
    """Sizes that several equations give only all at once."""
    groups: list[list[_Sides]] = []
    for sides in left:
        met = [g for g in groups if any(s.unknown & sides.unknown - found.keys() for s in g)]
        groups = [g for g in groups if g not in met]
        groups.append([*(s for g in met for s in g), sides])
    before = frozenset(found)
    for group in groups:
        own = frozenset().union(*(s.unknown for s in group))
        first, *rest = group
        for u in sorted(own - before, key=str):
            found[u] = Step(u, first.equation, first.left, first.right, own & before,
                            tuple(s.equation for s in rest))  # fmt: skip


def whole(unifier: Unifier, d: Dim) -> Dim:
    """The size with parts of other sizes written as what they are: a third of m."""
    parts = {u: dims.number(size) / of for (size, of), u in unifier.parts.items()}
    for _ in parts:
        if isinstance(d, int) or not d.has(*parts):
            break
        d = dims.dim(d.subs(parts))
    return d


def _gap(left: Dim, right: Dim) -> sp.Expr:
    return sp.expand(dims.number(left) - dims.number(right))
