"""What solving found: formulas in the order of solving, points, or a family of points."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..expr import Expr, Name, walk
from ..graph.node import Node
from ..steps import Text
from .stationary_affine import Solved
from .stationary_check import Point
from .stationary_singular import Family


@dataclass(frozen=True)
class Found:
    """One unknown's solution; `after`: unknowns whose solutions were put in before.

    slope: the gradient that was set to zero
    """

    name: str
    solved: Solved
    after: tuple[str, ...] = ()
    slope: Node | None = None
    equation: Expr | None = None  # what remained for it after that, if anything was put in


@dataclass
class Outcome:
    """found: in the order of solving. points: with numbers, one mapping per solution."""

    found: list[Found] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    valued: bool = False  # all quantities have values, so that points are numbers or missing
    numeric: bool = False  # the points were found from the numbers, not from formulas
    note: Text | None = None
    family: Family | None = None  # infinitely many, of linear equations with a singular matrix
    remaining: list[tuple[str, Expr]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many solutions there are."""
        if self.valued:
            return len(self.points)
        return 1 + sum(len(f.solved.more) for f in self.found) if self.found else 0

    def alternatives(self) -> list[list[tuple[str, Expr]]]:
        """Every solution as formulas in an order in which they can be evaluated."""
        order: list[Found] = []
        rest = list(self.found)
        while rest:  # those first in which no other unknown stands that is not evaluated yet
            open_ = {f.name for f in rest}
            ready = [f for f in rest if not (used(f.solved) & (open_ - {f.name}))]
            order += ready or rest
            rest = [f for f in rest if f not in order]
        choices: list[list[tuple[str, Expr]]] = [[]]
        for f in order:
            formulas = (f.solved.formula, *f.solved.more)
            choices = [[*c, (f.name, e)] for c in choices for e in formulas]
        return choices


def used(solved: Solved) -> set[str]:
    return {x.id for x in walk(solved.formula) if isinstance(x, Name)}
