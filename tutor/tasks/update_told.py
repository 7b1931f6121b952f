"""update without numbers: the gradients and the rules as formulas; and how a gradient is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import InputError
from ..expr import Binary, Expr, Name
from ..graph import dims
from ..notation.index import has_subscripts
from ..problem.lines import Line
from ..problem.model import Task
from ..steps import Check, Step, TaskResult, Text
from . import gradient
from .learning import subject
from .numbers import approx, equation, exact_term
from .optimiser_plan import Plan
from .optimiser_steps import Symbols, rule_steps, setting_steps
from .workspace import Workspace


def symbolic(
    ws: Workspace, task: Task, chosen: Plan, target: Line, lines: list[Line]
) -> TaskResult:
    """Without numbers: the gradients and the rules as formulas."""
    if chosen.optimiser.second_order:
        raise InputError(
            "Newton's step needs numbers: some quantity here has no value",
            hint="ask for the `hessian` to see its formula",
        )
    steps: list[Step] = []
    symbols = [Symbols(ws, chosen, target, x, len(lines) == 1) for x in lines]
    closed: dict[str, Expr | None] = {}
    checks: list[Check] = []
    for line in lines:
        found = gradient.solve(ws, task.id, "gradient", target.name, line.name)
        own = gradient_steps(found, line, 0, ws.derived.get((target.name, line.name)))
        steps += own if len(lines) == 1 else apart(own, line)
        closed[line.name] = found.formula
        checks += [] if found.check is None else [found.check]
    steps += setting_steps(symbols)
    for one in symbols:
        told = rule_steps(one, 0, chosen.done + 1, {}, {}, "")
        formula = closed[one.line.name]
        if chosen.plain and formula is not None and not has_subscripts(formula):
            *first, last = told
            whole = _written_out(last.equation[-1], one.terms["G"], formula)
            told = [*first, _longer(last, whole)]
        steps += told
    alone = symbols[0] if len(lines) == 1 else None
    result = steps[-1].equation[-1]  # written out where that is possible
    return TaskResult(
        id=task.id,
        task="update",
        subject=subject(task, chosen),
        heading=heading(chosen, lines, 1),
        steps=tuple(steps),
        shape=lines[0].free_shape if alone else None,
        dims=dims.text(lines[0].free_shape) if alone else None,
        symbol=alone.name("w") if alone else None,
        formula=result if alone else None,
        extra={"final": {x.name: {"exact": None, "value": None} for x in lines}},
        check=_worst(checks),
    )


def _worst(checks: Sequence[Check]) -> Check | None:
    """Of the gradients' checks the one that fails, or agrees least."""
    return max(checks, key=lambda c: (not c.passed, c.max_rel_error), default=None)


def _written_out(rule: Expr, slope: Expr, formula: Expr) -> Expr:
    """w − α ∂L/∂w with the closed form of the gradient."""
    assert isinstance(rule, Binary)
    if rule.right == slope:  # a rate of 1
        return Binary("-", rule.left, formula)
    assert isinstance(rule.right, Binary)
    assert rule.right.right == slope
    return Binary("-", rule.left, Binary("*", rule.right.left, formula))


def _longer(step: Step, member: Expr) -> Step:
    return replace(step, equation=(*step.equation, member))


def heading(chosen: Plan, lines: Sequence[Line], steps: int) -> Text:
    parts = {
        "names": tuple(Name(x.name) for x in lines),
        "o": Text(chosen.optimiser.title),
        "n": steps,
    }
    if chosen.plain:
        return Text("{n} gradient steps on {names}", parts, one="Gradient step on {names}")
    return Text("{o}: {n} steps on {names}", parts, one="{o}: a step on {names}")


def apart(steps: Sequence[Step], line: Line) -> list[Step]:
    """The steps of one of several gradients, with ids of their own."""
    ids = {s.id: f"{s.id}.of.{line.name}" for s in steps}
    return [replace(s, id=ids[s.id], uses=tuple(ids.get(u, u) for u in s.uses)) for s in steps]


def gradient_steps(result: TaskResult, line: Line, k: int, earlier: str | None) -> list[Step]:
    if k == 0 and earlier is None:
        return list(result.steps)
    names = {"w": Name(line.name)}
    why = (
        Text("From task {t}.", {"t": earlier})
        if k == 0 and earlier
        else Text("By the same formula, at the new point.")
    )
    assert result.symbol is not None
    value, formula = result.value, result.formula if k == 0 else None
    if formula is not None and has_subscripts(formula):
        formula = None  # it is one entry, and the numbers are all of them
    return [
        Step(
            f"gradient.{line.name}.{k + 1}",
            "chain",
            "chain rule",
            Text("The gradient at {w}", names),
            equation(result.symbol, formula, exact_term(value)),
            approx=approx(value) if value is not None else None,
            why=why,
            shape=line.free_shape,
        )
    ]
