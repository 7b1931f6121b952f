"""evaluate: the value of any expression over the problem's names."""

from __future__ import annotations

from dataclasses import replace

from ..expr import Expr, Name
from ..graph import dims
from ..problem.elaborate import elaborate
from ..problem.model import Definition, Source
from ..steps import TaskResult, Text
from .forward import check_forward, forward_steps, given_steps
from .workspace import Workspace


def solve(ws: Workspace, task_id: str, expr: Expr, source: Source) -> TaskResult:
    """The expression becomes one more definition, and its line's value is the answer."""
    name = "value"
    while name in ws.graph.lines or name in ws.graph.sizes:
        name += "_"
    extra = Definition((name,), expr, source, source.where((0, 1)))
    problem = replace(ws.problem, define=(*ws.problem.define, extra))
    wider = Workspace(problem, elaborate(problem, problem.unknowns), ws.point, ws.checking)
    wider.shown = ws.shown
    line = wider.line(name)
    lines = wider.graph.below([line])
    steps = [*given_steps(wider, lines), *forward_steps(wider, lines)]
    ws.shown.discard(name)
    value = wider.paper(line)
    return TaskResult(
        id=task_id,
        task="evaluate",
        subject={"expr": source.text},
        heading=Text("The value of {e}", {"e": expr}),
        steps=tuple(steps),
        shape=line.shape,
        dims=dims.text(line.shape),
        symbol=expr if not isinstance(expr, Name) else Name(expr.id),
        formula=expr,
        value=value,
        check=check_forward(wider, lines),
    )
