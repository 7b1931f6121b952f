"""stationary: where the gradient vanishes, in closed form where there is one.

The gradients are derived, set to zero and solved one after the other; what one unknown is, is put
into the equations of the others. Every solution is checked against the printed formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..expr import Expr, Name
from ..graph import dims
from ..problem.lines import Line
from ..problem.model import Task
from ..steps import Check, Named, Step, TaskResult, Text
from ..value import Value
from . import gradient
from .chain import paper_value
from .extended import told, unvalued
from .hessian_renamed import refuse_other_name
from .second import term, twice_node
from .stationary_check import check_formulas, check_points, kind_at
from .stationary_definite import by_turns, if_definite
from .stationary_outcome import Found, Outcome
from .stationary_sign import never_negative, positive
from .stationary_singular import family_steps
from .stationary_solve import search
from .stationary_steps import (
    bowl,
    equation_steps,
    kind_step,
    note_steps,
    nothing_step,
    solution_steps,
    value_steps,
)
from .workspace import Workspace


def solve(ws: Workspace, task: Task) -> TaskResult:
    """All stationary points that are found, with the derivation."""
    wrt = task.args["wrt"]
    names = (wrt,) if isinstance(wrt, str) else tuple(dict.fromkeys(wrt))
    target = ws.line(task.args["of"])
    _accept(ws, task, target, [ws.line(n) for n in names])
    here = unvalued(ws, names)
    target, lines = here.line(target.name), [here.line(n) for n in names]
    steps: list[Step] = []
    slopes = []
    for line in lines:
        result = gradient.solve(here, task.id, "gradient", target.name, line.name)
        slopes.append(result)
        shown = {x.id for x in steps}
        steps += [_renamed(s, line) for s in told(result) if s.id not in shown]
    steps += equation_steps(here, target, lines, slopes)
    outcome = search(here, target, lines)
    steps += solution_steps(here, outcome)
    points = outcome.points
    kinds, why = _kinds(here, target, lines, outcome)
    check = _check(here, target, names, outcome) if ws.checking else None
    if check is not None and not check.passed and not outcome.found:
        points = []
    steps += value_steps(here, lines, outcome)
    if outcome.family is not None:
        steps += family_steps(here, target, lines[0], outcome.family)
    elif not outcome.found and not points:
        steps.append(nothing_step(target, lines, outcome))
    else:
        curvature = _curvature(here, target, lines, outcome)
        steps += kind_step(target, kinds, why, curvature, if_definite(here, outcome))
        steps += note_steps(outcome)
    return _result(here, task, target, lines, steps, outcome, kinds, check)


def _accept(ws: Workspace, task: Task, target: Line, lines: Sequence[Line]) -> None:
    if not target.has_one_entry:
        raise InputError(
            f"`{target.name}` has size {target.dims}: only a scalar has stationary points",
            hint="name a loss, or take the sum of squares of this quantity",
            where=task.places.get("of", task.where),
        )
    place = task.places.get("wrt", task.where)
    for line in lines:
        refuse_other_name(ws, target, line)
        if "homogeneous" in line.properties:
            raise InputError(
                f"`{line.name}` carries a constant 1, which cannot be solved for",
                hint="declare it as a plain vector",
                where=place,
            )
        if not ws.graph.depends(target, line):
            raise InputError(
                f"`{target.name}` does not depend on `{line.name}`: any value of it is as good",
                where=place,
            )
        for other in lines:
            if other is not line and ws.graph.depends(other, line):
                raise InputError(
                    f"`{other.name}` is computed from `{line.name}`: the unknowns must not depend "
                    "on each other",
                    where=place,
                )


def _renamed(step: Step, line: Line) -> Step:
    if step.id != "answer":
        return step
    title = Text("The gradient with respect to {w}", {"w": Name(line.name)})
    return replace(step, id=f"gradient.{line.name}", title=title, level=1)


# -- kinds and checks -----------------------------------------------------------------------------


def _constant_curvature(ws: Workspace, outcome: Outcome) -> bool:
    """Every equation was affine, with a second derivative that can never be negative."""
    return bool(outcome.found) and all(_bowl(ws, f) for f in outcome.found)


def _bowl(ws: Workspace, found: Found) -> bool:
    solved = found.solved
    if solved.curvature is None:
        return False
    number, scalars = solved.scale
    return (
        bool(number.is_positive)
        and all(positive(s, ws) for s in scalars)
        and never_negative(solved.curvature, ws)
    )


def _curvature(ws: Workspace, target: Line, lines: Sequence[Line], outcome: Outcome) -> Expr | None:
    """The second derivative of a quadratic in one column of unknowns, as a term."""
    if len(lines) > 1 or lines[0].symbol.order != 1 or len(outcome.found) != 1:
        return None
    if outcome.found[0].solved.curvature is None:
        return None
    return term(ws, twice_node(ws, target, lines[0], lines[0]), 1)


def _kinds(
    ws: Workspace, target: Line, lines: Sequence[Line], outcome: Outcome
) -> tuple[list[str], list[Text]]:
    """One kind per solution, and how it is seen."""
    convex = _constant_curvature(ws, outcome)
    kinds: list[str] = []
    reasons: list[Text] = []
    for point in outcome.points:
        at = ws.moved(point)
        own = [at.line(x.name) for x in lines]
        kind, why = kind_at(at, at.line(target.name), own, convex)
        kinds.append(kind)
        reasons.append(why)
    if outcome.found and not outcome.valued:
        seen = None if convex else by_turns(ws, lines, outcome)
        kinds = ["minimum" if convex else "undecided"] * outcome.count
        if seen is not None:
            kinds, reasons = [seen[0]], [seen[1]]
    return kinds, [bowl(target)] if convex else reasons


def _check(ws: Workspace, target: Line, names: Sequence[str], outcome: Outcome) -> Check | None:
    if outcome.points:
        return check_points(ws, target.name, names, outcome.points)
    if outcome.family is not None:
        return check_points(ws, target.name, names, outcome.family.samples(names[0]))
    if outcome.found and not outcome.valued:
        checks = [
            check_formulas(ws, target.name, names, formulas) for formulas in outcome.alternatives()
        ]
        done = [c for c in checks if c is not None]
        if len(done) < len(checks):
            return None
        return max(done, key=lambda c: c.max_rel_error)
    return None


# -- the result -----------------------------------------------------------------------------------


def _result(
    ws: Workspace,
    task: Task,
    target: Line,
    lines: Sequence[Line],
    steps: Sequence[Step],
    outcome: Outcome,
    kinds: Sequence[str],
    check: Check | None,
) -> TaskResult:
    from ..notation.text import text

    names = [x.name for x in lines]
    values = [
        {x.name: paper_value(x, np.asarray(p[x.name])) for x in lines} for p in outcome.points
    ]
    solutions: list[dict[str, Any]] = [{n: v.numbers() for n, v in p.items()} for p in values]
    if not solutions and outcome.found and not outcome.valued:
        solutions = [{n: text(f) for n, f in formulas} for formulas in outcome.alternatives()]
    single = len(names) == 1 and outcome.count == 1
    formula = outcome.found[0].solved.formula if single and outcome.found else None
    value: Value | None = values[0][names[0]] if single and values else None
    shown = single and bool(solutions)
    shape = lines[0].leaf.shape if shown else None
    several: tuple[Named, ...] = ()
    if len(names) > 1 and outcome.count == 1:
        formulas = {f.name: f.solved.formula for f in outcome.found}
        at = values[0] if values else {}
        several = tuple(Named(Name(n), formulas.get(n), at.get(n)) for n in names)
    extra: dict[str, Any] = {"solutions": solutions, "kinds": list(kinds)}
    if values:
        extra["exact_solutions"] = [{n: v.strings() for n, v in p.items()} for p in values]
    if outcome.note is not None:
        extra["note"] = outcome.note
    holes = {"y": Name(target.name), "x": tuple(Name(n) for n in names)}
    return TaskResult(
        id=task.id,
        task="stationary",
        subject={"of": target.name, "wrt": names[0] if len(names) == 1 else names},
        heading=Text("Where the gradient of {y} with respect to {x} vanishes", holes),
        steps=tuple(steps),
        shape=shape,
        dims=dims.text(shape) if shape is not None else None,
        symbol=Name(names[0]) if shown else None,
        formula=formula,
        value=value,
        several=several,
        extra=extra,
        check=check,
    )
