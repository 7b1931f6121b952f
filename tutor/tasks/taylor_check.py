"""A local model against the function that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import independent
from ..problem.lines import Line
from .duplication import free_entries, spread, tied
from .hessian_check import best, function, second_error
from .workspace import Workspace


def model_error(
    ws: Workspace, target: Line, variable: Line, coefficients: Sequence[np.ndarray]
) -> float:
    """How far value, slopes and curvature of the model are from those of the printed formulas.

    Infinite if the gap between the two does not shrink as fast as it must: like the step to the
    power of one more than the model's order.
    """
    whole, x = function(ws, target, [variable])
    if tied(variable) is not None:
        x = free_entries(x.reshape(variable.symbol.shape), variable)

    def f(at: np.ndarray) -> np.ndarray:
        return whole(spread(at, variable))

    value, slope, *rest = coefficients
    slope = slope.ravel()
    errors = [independent.relative_error(np.asarray(value).reshape(()), f(x))]
    along = [d.ravel() for d in independent.directions((x.size,))]
    got = np.array([slope @ d for d in along])
    wants = [
        np.array([independent.differences(f, x, d, h) for d in along]) for h in independent.STEPS
    ]
    errors.append(min(independent.relative_error(got, want) for want in wants))
    if rest:
        matrix = np.asarray(rest[0]).reshape(x.size, x.size)
        if tied(variable) is not None:
            errors.append(_free_error(f, x, matrix))
        elif variable.symbol.order == 2:  # vec by columns or rows, back to the array's own axes
            matrix = _rowwise(ws, variable, matrix)
        if tied(variable) is None:
            errors.append(second_error(ws, target, variable, variable, matrix))
    curvature = matrix if rest else None
    if not _shrinks(f, x, float(np.reshape(value, ())), slope, curvature):
        return float("inf")
    return max(errors)


def _free_error(f: Any, x: np.ndarray, matrix: np.ndarray) -> float:
    """Second derivatives by the free entries against second differences, and their symmetry."""
    along = independent.pairs(len(matrix))
    got = np.array([d @ matrix @ d for d in along])
    error = best(got, lambda d, h: independent.second_differences(f, x, d, h), along)
    return max(error, independent.relative_error(matrix, matrix.T))


def _rowwise(ws: Workspace, variable: Line, matrix: np.ndarray) -> np.ndarray:
    if ws.problem.convention.vec == "row":
        return matrix
    m, n = (int(d) for d in variable.symbol.shape)  # type: ignore[arg-type]
    order = np.arange(m * n).reshape(n, m).T.ravel()  # row-major entries in the columns' order
    return matrix[np.ix_(order, order)]


def _shrinks(f: Any, x: np.ndarray, value: float, slope: np.ndarray, curvature: Any) -> bool:
    """Whether the gap between model and function goes down with the right power of the step."""
    rng = np.random.Generator(np.random.PCG64(99))
    d = rng.standard_normal(x.size)
    d /= np.linalg.norm(d)
    power = 2 if curvature is None else 3

    def gap(h: float) -> float:
        model = value + h * (slope @ d)
        if curvature is not None:
            model += h * h / 2 * (d @ curvature @ d)
        return abs(float(f(x + h * d)) - model)

    floor = 1e-13 * max(1.0, abs(value), float(np.max(np.abs(slope), initial=0.0)))
    for h in (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4):
        near = gap(h / 4)
        if near <= floor or near <= gap(h) / 4 ** (power - 0.5):
            return True
    return False
