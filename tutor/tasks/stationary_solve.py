"""The gradients set to zero, solved one unknown after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy as sp

from ..calculus.simplify import simplify, substitute
from ..errors import InputError
from ..expr import Expr
from ..graph.node import Node, topological
from ..notation.build import NoMatrixForm
from ..problem.lines import Line
from ..steps import Text
from . import stationary_affine as affine
from . import stationary_elementwise as elementwise
from . import stationary_inverse as inverse
from . import stationary_scalar as scalar
from .extended import extended, free_name, written
from .second import gradient_node, written_out
from .stationary_affine import Solved
from .stationary_conditions import divided_by_unknowns, singular
from .stationary_numbers import by_numbers, confirmed, from_formulas
from .stationary_outcome import Found, Outcome, used
from .stationary_sign import positive
from .stationary_singular import family, never_invertible, no_point, note, symbolic_note
from .stationary_terms import common_scalars, without
from .stationary_unsolved import NO_CLOSED_FORM, never_zero, why_not
from .workspace import Workspace

LARGEST = 200  # entries of an unknown up to which the rank of its equations is looked at


def search(ws: Workspace, of: Line, lines: Sequence[Line]) -> Outcome:
    """Closed forms for any sizes first, then numbers."""
    outcome = Outcome(valued=_valued(ws, of, lines))
    slopes = {x.name: gradient_node(ws, of, x) for x in lines}
    if len(lines) == 1 and _without_inverse(ws, lines[0], slopes[lines[0].name], outcome):
        return outcome
    outcome.found, left = _eliminated(ws, of, list(lines), slopes)
    outcome.note = next((f.solved.note for f in outcome.found if f.solved.note), None)
    solved = {f.name: f.solved for f in outcome.found}
    doubtful = divided_by_unknowns(ws, solved, [x.name for x in lines])
    closed = bool(outcome.found) and not left
    if closed and not (doubtful and _concrete(lines)) and _closed(ws, outcome):
        return outcome
    if not doubtful and any(never_zero(x, slopes[x.name], ws) for x in left):
        outcome.note = why_not(left, slopes, ws)
        outcome.found = []
        return outcome
    if outcome.valued or _concrete(lines):
        points, note = by_numbers(ws, lines, {x.name: gradient_node(ws, of, x) for x in lines})
        if points is not None:
            kept = [p for p in points if confirmed(ws, of, lines, p)]
            outcome.found, outcome.numeric, outcome.valued = [], True, True
            outcome.points = kept
            outcome.note = note if kept else Text("No real numbers solve these equations.")
            return outcome
    if closed and doubtful and _closed(ws, outcome):
        first, *rest = dict.fromkeys(doubtful)
        listed = Text("{a}", {"a": first})
        for e in rest:
            listed = Text("{a} or {b}", {"a": listed, "b": e})
        outcome.note = Text("Where {list} is zero, there may be further points.", {"list": listed})
        return outcome
    outcome.found = []
    if left and doubtful:
        outcome.note = NO_CLOSED_FORM
    elif left:
        outcome.note = why_not(left, slopes, ws)
    elif outcome.note is None:
        outcome.note = Text(
            "The matrix of these equations has no inverse at these numbers: either infinitely many "
            "points solve them, or none does."
        )
    return outcome


def _closed(ws: Workspace, outcome: Outcome) -> bool:
    """Whether the formulas hold; with numbers, `points` are set to their values."""
    if not outcome.valued:
        return True
    points = from_formulas(ws, outcome.alternatives())
    if points and not singular(ws, points, [f.solved for f in outcome.found]):
        outcome.points = points
    return bool(outcome.points)


def _without_inverse(ws: Workspace, line: Line, slope: Node, outcome: Outcome) -> bool:
    """A linear equation with a singular matrix: noted in the outcome."""
    if {"symmetric", "diagonal"} & line.properties or line.symbol not in topological([slope]):
        return False
    part = affine.affine(slope, line.symbol)
    if part is None:
        return False
    if outcome.valued:
        size = sp.prod(line.symbol.shape)
        found = family(ws, line, part) if size <= LARGEST else None
        if found is None:
            return False
        if found.point is None:
            outcome.note = no_point(found)
        else:
            outcome.family, outcome.note = found, note(line, found)
        return True
    if not never_invertible(part.linear):
        return False
    outcome.note = symbolic_note(line, part, ws)
    return True


def _valued(ws: Workspace, of: Line, lines: Sequence[Line]) -> bool:
    free = {x.name for x in lines}
    below = ws.graph.below([of])
    needed = [x for x in below if x.op is None and x.name not in free]
    known = all(ws.numbers[x.name] is not None for x in needed)
    return known and _concrete(lines)


def _concrete(lines: Sequence[Line]) -> bool:
    return all(isinstance(d, int) for x in lines for d in x.symbol.shape)


# -- closed forms ---------------------------------------------------------------------------------


def _eliminated(
    ws: Workspace, of: Line, lines: list[Line], slopes: dict[str, Node]
) -> tuple[list[Found], list[Line]]:
    """Solve for one unknown, put it into the other equations, and so on."""
    left, found = list(lines), []
    closed: set[str] = set()  # solved, without any unknown that is still open
    while left:
        known = _with_names(ws, of, left, closed)
        if known is not None:  # what is solved keeps its name: S in terms of μ
            line, solved = known
            found.append(Found(line.name, solved, slope=gradient_node(ws, of, line)))
            closed.add(line.name)
            left = [x for x in left if x is not line]
            continue
        choices: list[tuple[Line, Solved]] = []
        for line in left:
            solved = _solved(ws, line, slopes[line.name])
            if solved is not None:
                choices.append((line, solved))
        if not choices:
            return found, left
        names = {x.name for x in left}
        free = [(x, s) for x, s in choices if not (used(s) & (names - {x.name}))]
        line, solved = free[0] if free else choices[-1]
        if solved.more and len(left) > 1:
            return found, left  # several solutions would have to be followed one by one
        done = tuple(f.name for f in found)
        rest = None
        if done and slopes[line.name].key != gradient_node(ws, of, line).key:
            try:
                rest = ws.term(slopes[line.name])
            except NoMatrixForm:
                rest = None
        found.append(Found(line.name, solved, done, slopes[line.name], rest))
        if not used(solved) & (names - {line.name}):
            closed.add(line.name)
        left = [x for x in left if x is not line]
        if left:
            node = typed(ws, line, solved.formula)
            if node is None:
                return found, left
            for other in left:
                slopes[other.name] = simplify(substitute(slopes[other.name], {line.symbol: node}))
    return found, []


def _with_names(
    ws: Workspace, of: Line, left: Sequence[Line], closed: set[str]
) -> tuple[Line, Solved] | None:
    """An unknown whose own equation gives it in terms of those that are solved completely."""
    if not closed:
        return None
    others = {x.name for x in left}
    for line in left:
        solved = _solved(ws, line, gradient_node(ws, of, line))
        if solved is None or solved.more:
            continue
        if not used(solved) & (others - {line.name}):
            return line, solved
    return None


def _solved(ws: Workspace, line: Line, slope: Node) -> Solved | None:
    """From one equation; a positive factor of all its terms does not matter: exp(−xᵀx)·x = 0."""
    x = line.symbol
    scalars = [s for s in common_scalars([slope]) if x in topological([s]) and positive(s, ws)]
    if not scalars:
        return _from_equation(ws, line, slope)
    try:
        dropped = tuple(ws.term(s) for s in scalars)
    except NoMatrixForm:
        return None
    found = _from_equation(ws, line, simplify(without(slope, scalars, sp.S.One)))
    return None if found is None else replace(found, dropped=dropped, curvature=None)


def _from_equation(ws: Workspace, line: Line, slope: Node) -> Solved | None:
    x = line.symbol
    if x not in topological([slope]):
        return None
    tied = {"symmetric", "diagonal"} & line.properties
    if not tied:
        part = affine.affine(slope, x)
        if part is not None:
            found = affine.solve(part, x, line.name, ws)
            return None if found is None else _turned(found, line)
    if "diagonal" not in tied:
        try:
            found = inverse.solve(slope, x, line.name, ws)
        except NoMatrixForm:
            found = None
        if found is not None:
            return found
    if not x.order:
        return _scalar(ws, line, slope)
    if tied or "positive" in line.properties:
        return None
    found = elementwise.solve(slope, x, ws)
    return None if found is None else _turned(found, line)


def _turned(solved: Solved, line: Line) -> Solved:
    """Of a row, the formulas of its column transposed."""
    if not line.leaf.row:
        return solved
    from ..notation.build import transposed

    return replace(
        solved,
        formula=transposed(solved.formula),
        equations=tuple((transposed(a), transposed(b)) for a, b in solved.equations),
    )


def _scalar(ws: Workspace, line: Line, slope: Node) -> Solved | None:
    unknown = sp.Symbol(
        "unknown", real=True, positive=True if "positive" in line.properties else None
    )
    known: dict[sp.Symbol, Node] = {}
    expression = scalar.as_expression(slope, line.symbol, known, unknown)
    if expression is None or not expression.has(unknown):
        return None
    solutions = scalar.solve_one(expression, unknown)
    if not solutions:
        return None
    try:
        formulas = [scalar.term(s, known, ws) for s in solutions]
        loose = [(known[k], ws.term(known[k])) for k in scalar.divisors(expression, unknown, known)]
    except NoMatrixForm:
        return None
    return Solved(
        formulas[0],
        rule="one equation in one unknown",
        more=tuple(formulas[1:]),
        note=scalar.repeats(expression, unknown),
        loose=tuple(loose),
    )


def typed(ws: Workspace, line: Line, formula: Expr) -> Node | None:
    """The solution as a node over the givens, typed as it is printed."""
    assert line.where is not None
    name = free_name(ws, "solution")
    try:
        wide = extended(ws, {name: (formula, written(formula, line.where))})
    except InputError:
        return None
    node = written_out(wide, wide.line(name))
    if node.order == line.symbol.order:
        return simplify(node)
    return None
