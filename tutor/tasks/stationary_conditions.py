"""What a solution was divided by: whether that may vanish, and whether it does at the numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from ..expr import Binary, Call, Expr, Name, Neg, Num, Transpose, walk
from ..graph.node import topological
from ..ops.linalg import invertible
from .stationary_affine import Solved
from .stationary_check import Point
from .stationary_numbers import value_of_term
from .workspace import Workspace

_POSITIVE = {"exp", "sigmoid", "softplus", "cosh"}


def divided_by_unknowns(
    ws: Workspace, found: Mapping[str, Solved], names: Collection[str]
) -> list[Expr]:
    """What a solution was divided by, where another unknown stands in it that may make it zero.

    There more solutions may hide: 2xy = 0 gives x = 0, but also y = 0.
    """
    doubtful = []
    for own, solved in found.items():
        others = set(names) - {own}
        for term in (*solved.factors, *solved.invertible):
            used = {x.id for x in walk(term) if isinstance(x, Name)}
            if used & others and not never_zero(term, ws):
                doubtful.append(term)
        symbols = {ws.line(n).symbol for n in others}
        for node, term in solved.loose:
            if symbols & set(topological([node])) and not never_zero(term, ws):
                doubtful.append(term)
    return doubtful


def never_zero(e: Expr, ws: Workspace) -> bool:
    """Whether a scalar is not zero, or a matrix invertible, whatever stands in it."""
    match e:
        case Neg() | Transpose():
            return never_zero(e.arg, ws)
        case Binary("/"):
            return never_zero(e.left, ws)  # where it exists, what it is divided by does not matter
        case Binary("*"):
            return never_zero(e.left, ws) and never_zero(e.right, ws)
        case Binary("**"):
            return never_zero(e.left, ws)
        case Call("inv"):
            return True
        case _:
            return _positive(e, ws)


def _positive(e: Expr, ws: Workspace) -> bool:
    match e:
        case Num():
            return float(e.text) > 0
        case Name():
            line = ws.graph.lines.get(e.id)
            if line is None:
                return e.id in ws.graph.sizes
            return not line.symbol.order and "positive" in line.properties
        case Binary("+" | "*" | "/"):
            return _positive(e.left, ws) and _positive(e.right, ws)
        case Binary("**"):
            return _positive(e.left, ws)
        case Call():
            return e.func in _POSITIVE
        case _:
            return False


def singular(ws: Workspace, points: Iterable[Point], found: Iterable[Solved]) -> bool:
    """Whether a matrix that was inverted, or a factor, is singular at one of the points.

    Zero as a right-hand side gives zero without ever inverting.
    """
    solutions = list(found)
    for point in points:
        at = ws.moved(point)
        for solved in solutions:
            for term in (*solved.invertible, *solved.factors):
                value = value_of_term(at, term)
                if value is not None and not invertible(np.atleast_2d(value)):
                    return True
    return False
