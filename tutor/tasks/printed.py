"""A formula as it is printed, evaluated: the term is typed again and worked out in plain NumPy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .. import independent
from ..errors import InputError, ShapeError, TutorError
from ..expr import Expr, names
from ..notation.text import text
from ..ops import ALIASES, OPS
from ..problem.elaborate import elaborate
from ..problem.expression import parse
from ..problem.instance import formula_problem, with_sizes
from ..value import Value
from .workspace import Workspace


def printed_value(
    ws: Workspace,
    formula: Expr,
    sizes: Mapping[str, int] | None = None,
) -> np.ndarray | None:
    """The value of the printed text at the workspace's point; None where it cannot be typed.

    The text is read again, its names stand for the values of the given and defined quantities, and
    every operation is worked out by its plain reference. `sizes` has the numbers of symbolic sizes.
    """
    sizes = sizes or {}
    values: dict[str, Value] = {}
    for name in names(formula):
        line = ws.graph.lines.get(name)
        if line is None:
            if name in sizes or name in ("pi", "e"):
                continue
            return None
        value = ws.paper(line)
        if value is None or line.kind == "auto":
            return None
        values[name] = Value(value.floats())
    try:
        term = parse(text(formula), (*OPS, *ALIASES), (*values, *sizes))
    except TutorError:
        return None  # display only: subscripts, adjoints, the place of a maximum
    rows = frozenset(n for n in values if ws.graph[n].leaf.row)
    problem, result = formula_problem(ws.problem, with_sizes(term, sizes), values, rows)
    try:
        graph = elaborate(problem)
    except ShapeError:
        return np.array(np.nan)  # what does not fit is wrong
    except TutorError:
        return None
    line = graph[result]
    given = {x.name: x.value.floats() for x in graph.lines.values() if x.value is not None}
    try:
        return np.asarray(independent.forward(graph.below([line]), given)[result])
    except InputError:  # such as the inverse of a singular matrix
        return None


def paper_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A scalar is 1×1, a column n×1."""
    return (*shape, 1, 1)[:2] if len(shape) < 2 else shape


def printed_error(printed: np.ndarray, derived: np.ndarray) -> float:
    """The largest relative deviation; infinite where the sizes on paper differ."""
    if paper_shape(printed.shape) != paper_shape(derived.shape):
        return float("inf")
    return independent.relative_error(printed.reshape(derived.shape), derived)
