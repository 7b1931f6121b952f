"""Second derivatives against second differences of the printed formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import independent
from ..expr import Expr
from ..problem.lines import Line
from ..steps import Check, Text
from ..value import Value
from .chain import Chain
from .checked import ALL_KINKS, AT_A_KINK, step_aside
from .duplication import folded, spread
from .extended import cut
from .free_entries import folded_value
from .instances import at_some
from .printed import printed_error, printed_value
from .second import Twice, block, twice_node, value_at
from .workspace import Workspace

AT_A_BEND = Text(
    "The second derivative of one of the steps jumps at this point, so the check was made at a "
    "point next to it."
)


def function(
    ws: Workspace, of: Line, variables: list[Line]
) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
    """The printed formulas as a function of the free entries of the variables, one after the
    other in a flat array; and the point at which the workspace stands."""
    below = ws.graph.below([of])
    names = {x.name for x in variables}
    moves = set(names)
    for line in below:
        if line.name not in moves and any(o.name in moves for o in line.operands):
            moves.add(line.name)
    base = ws.reference(of)
    fixed = {n: v for n, v in base.items() if n not in moves}
    path = [x for x in below if x.name in moves - names]
    starts = []
    for line in variables:
        number = ws.numbers[line.name]
        assert number is not None
        starts.append(Value(number).floats())
    sizes = [x.size for x in starts]

    def f(at: np.ndarray) -> np.ndarray:
        given = dict(fixed)
        pieces = np.split(at, np.cumsum(sizes)[:-1])
        for line, start, piece in zip(variables, starts, pieces, strict=True):
            given[line.name] = _placed(line, piece.reshape(start.shape))
        value = independent.forward(path, given)[of.name]
        return np.reshape(value, ()) if of.has_one_entry else value

    return f, np.concatenate([np.ravel(x) for x in starts])


def _placed(line: Line, x: np.ndarray) -> np.ndarray:
    """As a user counts it: a homogeneous vector with its final 1, a row with both axes."""
    if "homogeneous" in line.properties:
        return np.append(x, 1.0)
    return x[None, :] if line.leaf.row else x


def second_error(ws: Workspace, of: Line, first: Line, second: Line, block: np.ndarray) -> float:
    """The largest relative deviation of ∂²of/∂first∂second, an array with the axes of both.

    Also of its two halves from one another: a Hessian is symmetric. Of a symmetric or diagonal
    variable only the free entries move.
    """
    rows = int(np.prod(first.symbol.shape, dtype=int))
    matrix = folded(block.reshape(rows, -1), first, second)
    if first is second:
        error = independent.relative_error(matrix, matrix.T)
        f, x = function(ws, of, [first])
        along = independent.pairs(len(matrix))
        got = np.array([d @ matrix @ d for d in along])

        def twice(d: np.ndarray, h: float) -> np.ndarray:
            return independent.second_differences(f, x, spread(d, first), h)

        return max(error, best(got, twice, along))
    f, x = function(ws, of, [first, second])
    along = _both(*matrix.shape)
    got = np.array([u @ matrix @ v for u, v in along])

    def mixed(d: tuple[np.ndarray, np.ndarray], h: float) -> np.ndarray:
        # polarisation: what is left of two second derivatives is four times u′Hv
        u, v = spread(d[0], first), spread(d[1], second)
        plus, minus = (np.concatenate([u, s * v]) for s in (1, -1))
        difference = independent.second_differences
        return (difference(f, x, plus, h) - difference(f, x, minus, h)) / 4

    return best(got, mixed, along)


def _both(m: int, n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    if m * n <= independent.FULL_DIFFERENCES:
        return [(u, v) for u in np.eye(m) for v in np.eye(n)]
    rng = np.random.Generator(np.random.PCG64(54321))
    count = 2 * independent.DIRECTIONS
    return [(rng.standard_normal(m), rng.standard_normal(n)) for _ in range(count)]


def best(got: np.ndarray, difference: Callable, along: list) -> float:
    """The error at the best of several steps: a derivative that is wrong agrees at none."""
    least = np.inf
    for step in independent.SECOND_STEPS:
        want = np.array([difference(d, step) for d in along])
        least = min(least, independent.relative_error(got, want))
        if least < independent.AGREE_SECOND / 10:
            break
    return float(least)


# -- the task's check ------------------------------------------------------------------------------


def checked(
    ws: Workspace, here: Workspace, found: Twice, lines: tuple[Line, Line, Line]
) -> Check | None:
    """Second differences of the printed formulas, here or (without numbers) at an instance."""
    if not ws.checking:
        return None
    target, first, second = lines
    # a Hessian may be known where the point is not: that of y² is 2 everywhere
    missing = any(here.numbers[x.name] is None for x in lines if x.name in here.numbers)
    if found.array is None or missing:
        freed = [x.name for x in (first, second) if x.kind == "freed"]

        def compared(at: Workspace, sizes: dict[str, int]) -> Check:
            error = error_at(cut(at, freed), found.formula, lines, sizes)
            passed = error < independent.AGREE_SECOND
            return Check("second differences at random values", error, passed)

        return at_some(ws, ws.line(target.name), compared)
    array = Value(found.array).floats()
    env = here.reference(target)
    below = here.graph.below([target])
    if independent.kink_distance(below, env, bends=True) < independent.NEAR_KINK:
        smooth = independent.kink_distance(below, env) >= independent.NEAR_KINK
        moved = step_aside(here, Chain(here, target, first, True), bends=True)
        if moved is None:
            return Check.impossible(ALL_KINKS)
        error = error_at(moved, found.formula, lines, {})
        return Check("second differences", error, error < independent.AGREE_SECOND,
                     AT_A_BEND if smooth else AT_A_KINK)  # fmt: skip
    error = second_error(here, target, first, second, array)
    error = max(error, _formula_error(here, found.formula, found.value, {}))
    return Check("second differences", error, error < independent.AGREE_SECOND)


def error_at(
    at: Workspace, formula: Expr | None, lines: tuple[Line, Line, Line], sizes: dict[str, int]
) -> float:
    """The derivation made again at another point, and the printed formula there."""
    target, first, second = (at.line(x.name) for x in lines)
    array = value_at(at, twice_node(at, target, first, second))
    if array is None:
        return float("inf")
    error = second_error(at, target, first, second, Value(array).floats())
    shown = folded_value(at, block(at, array, first, second), first, second)
    return max(error, _formula_error(at, formula, shown, sizes))


def _formula_error(
    ws: Workspace, formula: Expr | None, value: Value | None, sizes: dict[str, int]
) -> float:
    if formula is None or value is None:
        return 0.0
    printed = printed_value(ws, formula, sizes)
    return 0.0 if printed is None else printed_error(printed, value.floats())
