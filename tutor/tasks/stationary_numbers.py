"""Stationary points in numbers: formulas evaluated, and small systems solved by their entries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from ..errors import InputError
from ..expr import Expr
from ..graph.node import Node
from ..problem.lines import Line
from ..steps import Text
from ..value import Value
from . import stationary_scalar as scalar
from .printed import printed_value
from .stationary_check import Point, evaluated, slope_error
from .workspace import Workspace


def from_formulas(ws: Workspace, alternatives: Sequence[Sequence[tuple[str, Expr]]]) -> list[Point]:
    """The formulas evaluated, those in which no other unknown occurs first."""
    points = []
    for formulas in alternatives:
        here, point = ws, {}
        try:
            for name, formula in formulas:
                point[name] = evaluated(here, formula, name)
                here = here.moved({name: point[name]})
        except (InputError, ValueError, ZeroDivisionError, np.linalg.LinAlgError):
            continue
        points.append(point)
    return points


def value_of_term(ws: Workspace, term: Expr) -> np.ndarray | None:
    """A term's value at the workspace's point as floats; None where it has none."""
    value = printed_value(ws, term)
    return None if value is None else np.asarray(value, dtype=float)


def confirmed(ws: Workspace, of: Line, lines: Sequence[Line], point: Point) -> bool:
    """Whether the function exists there and its gradient vanishes."""
    try:
        at = ws.moved(point)
        return slope_error(at, at.line(of.name), [at.line(x.name) for x in lines]) < 1e-6
    except InputError:
        return False


def by_numbers(
    ws: Workspace, lines: Sequence[Line], slopes: dict[str, Node]
) -> tuple[list[Point] | None, Text | None]:
    """Small systems by their entries; None where SymPy does not solve them."""
    symbols: list[sp.Symbol] = []
    env = dict(ws.leaves())
    if any(v.dtype != object for n, v in env.items() if n not in {x.symbol for x in lines}):
        return None, None
    for line in lines:
        if {"symmetric", "diagonal"} & line.properties:
            return None, None
        size = int(np.prod([int(d) for d in line.symbol.shape], dtype=int))  # type: ignore[arg-type]
        if len(symbols) + size > scalar.UNKNOWNS:
            return None, None
        positive = True if "positive" in line.properties else None
        own = [sp.Symbol(f"{line.name}_{k}", real=True, positive=positive) for k in range(size)]
        symbols += own
        flat = np.empty(size, dtype=object)
        flat[:] = own
        env[line.symbol] = flat.reshape(tuple(int(d) for d in line.symbol.shape))  # type: ignore[arg-type]
    equations: list[sp.Expr] = []
    for line in lines:
        found = scalar.entries(slopes[line.name], env)
        if found is None:
            return None, None
        if any(sp.count_ops(e) > 4 * scalar.OPERATIONS for e in found.ravel()):
            return None, None
        equations += [sp.simplify(e) for e in found.ravel()]
    solutions = scalar.solve_system(equations, symbols)
    if solutions is None:
        return None, None
    note = scalar.repeats(equations[0], symbols[0]) if len(symbols) == 1 else None
    points = []
    for s in solutions:
        at, point = 0, {}
        for line in lines:
            shape = tuple(int(d) for d in line.symbol.shape)  # type: ignore[arg-type]
            size = int(np.prod(shape, dtype=int))
            flat = np.empty(size, dtype=object)
            flat[:] = s[at : at + size]
            point[line.name] = _exact(flat.reshape(shape))
            at += size
        points.append(point)
    return points, note


def _exact(a: np.ndarray) -> np.ndarray:
    if any(x.has(sp.Float) for x in a.ravel()):
        return Value(a).floats()
    return a
