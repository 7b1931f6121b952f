"""update: one or a few steps of gradient descent, each worked out, exact where possible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from ..errors import InputError
from ..expr import Binary, Expr, Name, Partial
from ..graph.dims import number
from ..problem import values
from ..problem.lines import Line
from ..steps import Check, Step, TaskResult, Text
from ..value import Value
from . import gradient
from .chain import paper_value
from .numbers import approx, equation, exact_term, substituted
from .workspace import Workspace


def learnable(ws: Workspace, of: str, wrt: Sequence[str]) -> tuple[Line, list[Line]]:
    """The loss and the parameters, which must be given and have values."""
    target = ws.line(of)
    if not target.has_one_entry:
        raise InputError(f"`{of}` has size {target.dims}: gradient descent needs a scalar")
    lines = [ws.line(n) for n in wrt]
    for line in lines:
        if line.op is not None:
            raise InputError(
                f"`{line.name}` is computed from other quantities; only a given one can be updated"
            )
        if ws.numbers[line.name] is None:
            raise InputError(f"`{line.name}` has no value to update")
    if ws.numbers[target.name] is None:
        raise InputError(f"`{of}` has no value: some of the given quantities have none")
    return target, lines


def rate_of(rate: Expr) -> sp.Expr:
    value = values.scalar(rate)
    return number(value if isinstance(value, sp.Expr) else float(value))


def solve(
    ws: Workspace, task_id: str, of: str, wrt: Sequence[str], rate: Expr, steps: int
) -> tuple[TaskResult, Workspace]:
    """One or several steps w ← w − rate · ∂L/∂w; also the workspace at the new point."""
    target, lines = learnable(ws, of, wrt)
    alpha = rate_of(rate)
    shown: list[Step] = []
    checks: list[Check] = []
    here = ws
    for k in range(steps):
        new: dict[str, np.ndarray] = {}
        for line in lines:
            earlier = ws.derived.get((of, line.name))
            result = gradient.solve(here, task_id, "gradient", of, line.name)
            if result.check is not None:
                checks.append(result.check)
            assert result.value is not None
            shown += _gradient_steps(result, line, k, earlier)
            moved = _moved(here, line, result.value, alpha)
            new[line.name] = moved
            shown.append(_update_step(here, target, line, rate, result.value, moved, k, steps))
        here = here.moved(new)
        here.shown = set(ws.graph.lines)
    final = {x.name: paper_value(x, array(here, x)) for x in lines}
    only = final[lines[0].name] if len(lines) == 1 else None
    worst = max((c.max_rel_error for c in checks), default=0.0)
    note = next((c.note for c in checks if c.note is not None), None)
    check = (
        Check("central differences", worst, all(c.passed for c in checks), note) if checks else None
    )
    result = TaskResult(
        id=task_id,
        task="update",
        subject={"of": of, "wrt": wrt[0] if len(wrt) == 1 else list(wrt)},
        heading=Text("Gradient step on {w}", {"w": Name(lines[0].name)})
        if len(lines) == 1
        else Text("Gradient step on all parameters"),
        steps=tuple(shown),
        shape=lines[0].leaf.shape if only else None,
        dims=lines[0].dims if only else None,
        symbol=new_name(lines[0]) if only else None,
        formula=rule(target, lines[0], rate) if only else None,
        value=only,
        extra={
            "final": {n: {"exact": v.strings(), "value": v.numbers()} for n, v in final.items()}
        },
        check=check,
    )
    return result, here


def array(ws: Workspace, line: Line) -> np.ndarray:
    value = ws.numbers[line.name]
    assert value is not None
    return value


def _moved(ws: Workspace, line: Line, slope: Value, alpha: sp.Expr) -> np.ndarray:
    """w − rate · gradient; exact if all three are."""
    old = Value(array(ws, line))
    g = slope.data.reshape(old.data.shape)
    if old.exact and slope.exact and not alpha.has(sp.Float):
        flat = [sp.expand(a - alpha * b) for a, b in zip(old.data.ravel(), g.ravel(), strict=True)]
        out = np.empty(len(flat), dtype=object)
        out[:] = flat
        return out.reshape(old.data.shape)
    return np.asarray(old.floats() - float(alpha) * Value(np.asarray(g)).floats())


def new_name(line: Line) -> Name:
    return Name(f"{line.name}_new")


def rule(target: Line, line: Line, rate: Expr) -> Expr:
    slope = Partial(Name(target.name), Name(line.name))
    return Binary("-", Name(line.name), Binary("*", rate, slope))


def _gradient_steps(result: TaskResult, line: Line, k: int, earlier: str | None) -> list[Step]:
    if k == 0 and earlier is None:
        return list(result.steps)
    names = {"w": Name(line.name)}
    why = (
        Text("From task {t}.", {"t": earlier})
        if k == 0 and earlier
        else Text("By the same formula, at the new point.")
    )
    assert result.symbol is not None and result.value is not None
    return [
        Step(
            f"gradient.{line.name}.{k + 1}",
            "chain",
            "chain rule",
            Text("The gradient at {w}", names),
            equation(result.symbol, result.formula if k == 0 else None, exact_term(result.value)),
            approx=approx(result.value),
            why=why,
            shape=line.leaf.shape,
        )
    ]


def _update_step(
    ws: Workspace,
    target: Line,
    line: Line,
    rate: Expr,
    slope: Value,
    new: np.ndarray,
    k: int,
    steps: int,
) -> Step:
    by_rule = rule(target, line, rate)
    old = ws.paper(line)
    assert old is not None
    partial = Partial(Name(target.name), Name(line.name))
    middle = substituted(by_rule, {Name(line.name): old, partial: slope})
    value = paper_value(line, new)
    title = Text("Update {w}", {"w": Name(line.name)})
    if steps > 1:
        title = Text("Update {w}, step {k}", {"w": Name(line.name), "k": str(k + 1)})
    why = (
        Text("Go against the gradient, by the learning rate {a}.", {"a": rate}) if k == 0 else None
    )
    return Step(
        f"update.{line.name}" + (f".{k + 1}" if steps > 1 else ""),
        "update",
        "gradient descent",
        title,
        equation(new_name(line), by_rule, middle, exact_term(value)),
        approx=approx(value),
        why=why,
        shape=line.leaf.shape,
        uses=("answer",),
        level=0,
    )
