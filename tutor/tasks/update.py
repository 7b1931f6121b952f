"""update: one or a few steps of an optimiser, each worked out, exact where possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InputError
from ..graph import dims
from ..numeric.evaluate import NotFinite, TooLong
from ..problem.lines import Line
from ..problem.model import Task
from ..steps import Check, Step, TaskResult, Text
from ..value import Value
from . import gradient, newton
from .chain import paper_value
from .descent import Descent
from .learning import array, entries, learnable, names_of, subject, valued
from .optimiser_plan import Plan, plan
from .optimiser_steps import (
    Symbols,
    rule_steps,
    setting_steps,
    source_steps,
    update_formula,
)
from .replayed import Moment, check_replayed
from .undefined import defined
from .update_told import apart, gradient_steps, heading, symbolic
from .workspace import Workspace

MOST_TOLD = 20  # steps; for more there is `train`

Arrays = dict[str, np.ndarray]


def solve(ws: Workspace, task: Task) -> tuple[TaskResult, Workspace | None]:
    """The steps, and the workspace at the new point (None where there are no numbers)."""
    target, lines = learnable(ws, task.args["of"], names_of(task))
    chosen = plan(ws, task, lines)
    if not valued(ws, target, lines):
        return symbolic(ws, task, chosen, target, lines), None
    if task.args["steps"] > MOST_TOLD:
        raise InputError(
            f"`update` tells every step, so it makes at most {MOST_TOLD}",
            hint=f"write `train: {{…, steps: {task.args['steps']}}}` for more",
        )
    told = _Told(ws, task, chosen, target, lines)
    return told.run()


class _Told:
    """The steps of one update, computed and told at once."""

    def __init__(
        self, ws: Workspace, task: Task, chosen: Plan, target: Line, lines: list[Line]
    ) -> None:
        self.ws = ws
        self.task = task
        self.plan = chosen
        self.target = target
        self.lines = lines
        self.count = task.args["steps"]
        alone = len(lines) == 1
        self.symbols = [Symbols(ws, chosen, target, x, alone) for x in lines]
        self.steps: list[Step] = []
        self.checks: list[Check] = []
        self.moments: list[Moment] = []
        self.rounded = False

    def run(self) -> tuple[TaskResult, Workspace]:
        here = self.ws
        state: dict[str, Any] = {n: dict(s) for n, s in self.plan.state.items()}
        for k in range(self.count):
            slopes = [self.slope(here, line, k) for line in self.lines]
            if k == 0:
                self.steps += setting_steps(self.symbols, state)
            here, state = self.step(here, slopes, state, k)
        return self.result(here, state), here

    def slope(self, here: Workspace, line: Line, k: int) -> np.ndarray:
        """The gradient at the old point, derived the first time and recalled then."""
        of = self.target.name
        earlier = self.ws.derived.get((of, line.name))
        result = defined(gradient.solve(here, self.task.id, "gradient", of, line.name))
        if result.check is not None:
            self.checks.append(result.check)
        assert result.value is not None
        own = gradient_steps(result, line, k, earlier)
        self.steps += own if len(self.lines) == 1 else apart(own, line)
        return result.value.data.reshape(array(here, line).shape)

    def step(
        self, here: Workspace, slopes: list[np.ndarray], state: dict[str, Any], k: int
    ) -> tuple[Workspace, dict[str, Any]]:
        t = self.plan.done + k + 1
        point = {x.name: array(here, x) for x in self.lines}
        moves = slopes
        if self.plan.optimiser.second_order:
            descent = Descent(here, self.target, self.lines)
            found = newton.direction(descent, point, slopes)
            names = [s.terms["d"] for s in self.symbols]
            self.steps += newton.direction_steps(descent, found, k, names)
            moves = found.parts
        new: Arrays = {}
        after: dict[str, Any] = {}
        tag = f".{k + 1}" if self.count > 1 else ""
        for one, slope in zip(self.symbols, moves, strict=True):
            name = one.line.name
            found_ = self.moved(point[name], slope, state[name], t)
            known = {"w": point[name], "G": slope, **state[name]}
            last = one is self.symbols[-1] and len(self.symbols) > 1 and k == 0
            note = (
                Text("All gradients were taken at the old point: the parameters move together.")
                if last
                else None
            )
            self.steps += rule_steps(one, k, t, known, found_, tag, note)
            new[name] = found_["w"]
            after[name] = self.plan.kept(found_, state[name])
        self.moments.append(Moment(point, dict(zip(point, slopes, strict=True)),
                                   dict(zip(point, moves, strict=True)), new))  # fmt: skip
        try:
            moved = here.moved(new)
        except NotFinite as error:
            raise _overshot(k + 1, error) from None
        moved.shown = set(self.ws.graph.lines)
        return moved, after

    def moved(self, w: np.ndarray, slope: np.ndarray, state: Arrays, t: int) -> Arrays:
        """The rules at this point, exact while the numbers stay short."""
        try:
            try:
                return self.plan.moved(w, slope, state, t)
            except TooLong:
                self.rounded = True
                floats = {s: Value(x).floats() for s, x in state.items()}
                return self.plan.moved(Value(w).floats(), Value(slope).floats(), floats, t)
        except NotFinite:
            hint = "a smaller `rate`"
            if "epsilon" in self.plan.exact and self.plan.exact["epsilon"] == 0:
                hint = "an `eps` above 0 keeps an entry whose gradient is 0 from becoming 0/0"
            raise InputError("this step does not lead to a finite number", hint=hint) from None

    def result(self, here: Workspace, state: Mapping[str, Any]) -> TaskResult:
        lines, target = self.lines, self.target
        final = {x.name: paper_value(x, array(here, x)) for x in lines}
        only = final[lines[0].name] if len(lines) == 1 else None
        if self.rounded and all(x.dtype == object for x in self.moments[0].point.values()):
            self.steps.append(
                Step(
                    "note.rounded",
                    "note",
                    "rounding",
                    Text("Rounded numbers"),
                    why=Text("The exact numbers would grow too long here, so they are rounded."),
                )
            )
        self.steps += source_steps(self.plan)
        extra: dict[str, Any] = {"final": entries(final)}
        if any(state.values()):
            extra["state"] = {
                x.name: entries({s: paper_value(x, a) for s, a in state[x.name].items()})
                for x in lines
                if state[x.name]
            }
        return TaskResult(
            id=self.task.id,
            task="update",
            subject=subject(self.task, self.plan),
            heading=heading(self.plan, lines, self.count),
            steps=tuple(self.steps),
            shape=lines[0].free_shape if only else None,
            dims=dims.text(lines[0].free_shape) if only else None,
            symbol=self.symbols[0].name("w") if only else None,
            formula=update_formula(self.symbols[0]) if only else None,
            value=only,
            extra=extra,
            check=self.check(target),
        )

    def check(self, target: Line) -> Check | None:
        if not self.checks:
            return None
        worst = max(c.max_rel_error for c in self.checks)
        passed = all(c.passed for c in self.checks)
        note = next((c.note for c in self.checks if c.note is not None), None)
        error, agrees = check_replayed(self.ws, self.plan, target, self.lines, self.moments)
        method = (
            "central differences"
            if self.plan.plain
            else "central differences, and the steps once more in plain floating point"
        )
        return Check(method, max(worst, error), passed and agrees, note)


def _overshot(k: int, error: InputError) -> InputError:
    return InputError(
        f"step {k} leads to a point where {error.message}", hint="a smaller `rate` may help"
    )
