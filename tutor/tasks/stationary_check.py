"""Stationary points against the printed formulas, and what kind of points they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np

from .. import independent
from ..calculus.reverse import jacobian
from ..calculus.simplify import simplify
from ..errors import TutorError
from ..expr import Expr
from ..graph.dims import number
from ..notation.text import text
from ..problem.elaborate import elaborate
from ..problem.instance import PRIMES, instance, with_sizes
from ..problem.lines import Line
from ..problem.model import Problem
from ..steps import Check, Text
from ..value import Value
from .extended import cut, extended, free_name, written
from .hessian_check import function
from .hessian_sign import (
    INDEFINITE,
    NEGATIVE,
    POSITIVE,
    SEMI_NEGATIVE,
    SEMI_POSITIVE,
    sign,
)
from .instances import listed_sizes
from .second import gradient_node, twice_node, value_at
from .workspace import Workspace

Point = Mapping[str, np.ndarray]  # in the graph's own axes

MINIMUM, MAXIMUM, SADDLE, UNDECIDED = "minimum", "maximum", "saddle", "undecided"
HIGHEST = 8  # derivative that is looked at where lower ones vanish


# -- is the gradient zero there? ------------------------------------------------------------------


def slope_error(ws: Workspace, of: Line, lines: Sequence[Line]) -> float:
    """The gradient by differences at the workspace's point, relative to gradients near by.

    Of a symmetric variable only directions that keep it symmetric count, of a diagonal one those
    that keep it diagonal.
    """
    f, x = function(ws, of, list(lines))
    basis = free_directions(lines)
    rng = np.random.Generator(np.random.PCG64(7))
    away = 0.05 * max(1.0, float(np.max(np.abs(x)))) * (rng.standard_normal(len(basis)) @ basis)
    best = np.inf
    for step in independent.STEPS:
        here = np.array([independent.differences(f, x, d, step) for d in basis])
        near = np.array([independent.differences(f, x + away, d, step) for d in basis])
        if not np.isfinite(here).all():
            continue
        scale = float(np.max(np.abs(near))) if np.isfinite(near).all() else 1.0
        best = min(best, float(np.max(np.abs(here))) / max(scale, 1e-6))
        if best < independent.AGREE:
            break
    return best


def free_directions(lines: Sequence[Line]) -> np.ndarray:
    """One row per free entry: how the flat entries of all variables move with it."""
    blocks = []
    for line in lines:
        shape = tuple(int(d) for d in line.symbol.shape)  # type: ignore[arg-type]
        size = int(np.prod(shape, dtype=int))
        rows = np.eye(size).reshape(size, *shape)
        if len(shape) == 2 and {"symmetric", "diagonal"} & line.properties:
            n = shape[0]
            first, second = np.triu_indices(n)
            rows = np.array(
                [
                    np.maximum(rows[i * n + j], rows[j * n + i])
                    for i, j in zip(first, second, strict=True)
                    if i == j or "diagonal" not in line.properties
                ]
            )
        blocks.append(rows.reshape(len(rows), size))
    total = sum(b.shape[1] for b in blocks)
    out, at = [], 0
    for b in blocks:
        for row in b:
            whole = np.zeros(total)
            whole[at : at + b.shape[1]] = row
            out.append(whole)
        at += b.shape[1]
    return np.array(out)


def check_points(ws: Workspace, of: str, names: Sequence[str], points: Sequence[Point]) -> Check:
    """Every solution: the gradient of the printed formulas must vanish there."""
    worst = 0.0
    for point in points:
        at = ws.moved(point)
        worst = max(worst, slope_error(at, at.line(of), [at.line(n) for n in names]))
    method = "the gradient at the solution, by central differences"
    return Check(method, worst, worst < independent.AGREE)


def check_formulas(
    ws: Workspace, of: str, names: Sequence[str], formulas: Sequence[tuple[str, Expr]]
) -> Check | None:
    """The same at random values and sizes; None where no such values were found."""
    for sizes in _assignments(ws, of):
        for seed in range(4):
            try:
                at = _drawn(ws.problem, sizes, seed, names)
                for name, formula in formulas:
                    at = at.moved({name: evaluated(at, with_sizes(formula, sizes), name)})
                error = slope_error(at, at.line(of), [at.line(n) for n in names])
            except (TutorError, ValueError, AssertionError, np.linalg.LinAlgError):
                continue
            if np.isfinite(error):
                shown = {n: d for n, d in sizes.items() if n in _sizes_of(ws, of)}
                return Check(
                    "the gradient at the solution, by central differences at random values",
                    error,
                    error < independent.AGREE,
                    at=listed_sizes(shown),
                )
    return None


def _assignments(ws: Workspace, of: str) -> list[dict[str, int]]:
    """Numbers for the sizes, in several orders: an estimate may need more rows than columns."""
    mine = _sizes_of(ws, of)
    names = sorted(ws.graph.sizes, key=lambda n: n not in mine)
    first = permutations(PRIMES[: len(mine)])
    others = PRIMES[len(mine) : len(names)]
    orders = [(*order, *others) for order in list(first)[:24]]
    return [dict(zip(names, order, strict=True)) for order in orders]


def _sizes_of(ws: Workspace, of: str) -> set[str]:
    """The names of the sizes that the result has to do with."""
    shapes = [x.leaf.shape for x in ws.graph.below([ws.line(of)])]
    return {s.name for shape in shapes for d in shape for s in getattr(d, "free_symbols", ())}


def _drawn(
    problem: Problem, sizes: Mapping[str, int], seed: int, names: Sequence[str]
) -> Workspace:
    given = {}
    for name, x in problem.given.items():
        shape = x.shape
        if shape is not None:
            shape = tuple(d if isinstance(d, str) else with_sizes(d, sizes) for d in shape)
        given[name] = replace(x, shape=shape)
    define = tuple(replace(d, expr=with_sizes(d.expr, sizes)) for d in problem.define)
    drawn = instance(replace(problem, given=given, define=define), seed)
    at = Workspace(drawn, elaborate(drawn, drawn.unknowns), checking=False)
    return cut(at, [n for n in names if n in at.graph.lines])


def evaluated(ws: Workspace, formula: Expr, name: str) -> np.ndarray:
    """The formula's value in the variable's own axes; raises InputError where it has none."""
    line = ws.line(name)
    assert line.where is not None
    temporary = free_name(ws, "solution")
    wide = extended(ws, {temporary: (formula, written(formula, line.where))})
    found = wide.numbers[temporary]
    if found is None:
        raise ValueError(f"{text(formula)} has no value")
    shape = tuple(int(d) for d in line.symbol.shape)  # type: ignore[arg-type]
    if int(np.prod(shape, dtype=int)) != found.size:
        raise ValueError(f"{text(formula)} has another size than {name}")
    return found.reshape(shape)


# -- what kind of point? --------------------------------------------------------------------------


def kind_at(ws: Workspace, of: Line, lines: Sequence[Line], convex: bool) -> tuple[str, Text]:
    """minimum, maximum, saddle or undecided by the Hessian in the free entries, and why.

    convex: the Hessian is the same everywhere, so that a semidefinite one decides.
    """
    rows = []
    for a in lines:
        row = []
        for b in lines:
            array = value_at(ws, twice_node(ws, of, a, b))
            assert array is not None
            row.append(array.reshape(int(np.prod(a.symbol.shape, dtype=int)), -1))
        rows.append(np.concatenate(row, axis=1))
    whole = np.concatenate(rows, axis=0)
    basis = free_directions(lines)
    if len(basis) != len(whole):
        exact = whole.dtype == object
        basis = basis.astype(int).astype(object) if exact else basis
        whole = basis.dot(whole).dot(basis.T)
    one = len(whole) == 1
    seen = sign(Value(_tidy(whole)), "hessian")
    word, why = seen.word, seen.why
    if word == POSITIVE or (word == SEMI_POSITIVE and convex):
        return MINIMUM, why
    if word == NEGATIVE or (word == SEMI_NEGATIVE and convex):
        return MAXIMUM, why
    if word == INDEFINITE:
        return SADDLE, why
    if one and not lines[0].symbol.order:
        return _higher(ws, of, lines[0])
    return UNDECIDED, why


def _tidy(a: np.ndarray) -> np.ndarray:
    if a.dtype != object:
        return a.astype(float)
    flat = np.empty(a.size, dtype=object)
    flat[:] = [number(x) for x in a.ravel()]
    return flat.reshape(a.shape)


def _higher(ws: Workspace, of: Line, line: Line) -> tuple[str, Text]:
    """By the first derivative that does not vanish: of even order an extremum, else none."""
    node = gradient_node(ws, of, line)
    for order in range(2, HIGHEST + 1):
        node = simplify(jacobian(node, line.symbol))
        value = value_at(ws, node)
        if value is None:
            break
        if value[()] != 0:
            up = float(value[()]) > 0
            why = Text(
                "The first derivative that does not vanish there is number {k}, and it is positive."
                if up
                else "The first derivative that does not vanish there is number {k}, and it is "
                "negative.",
                {"k": order},
            )
            return SADDLE if order % 2 else (MINIMUM if up else MAXIMUM), why
    return UNDECIDED, Text("The second derivative vanishes there.")
