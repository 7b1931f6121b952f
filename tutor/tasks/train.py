"""train: many steps of an optimiser, of which the losses and the last point are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import independent
from ..errors import InputError
from ..expr import Name
from ..numeric.evaluate import NotFinite, TooLong
from ..problem.lines import Line
from ..problem.model import Task
from ..steps import Check, Curve, Table, TaskResult, Text
from ..value import Value
from . import newton
from .chain import paper_value
from .descent import Descent, finite
from .divergence import course_steps
from .learning import array, entries, learnable, names_of, subject, valued
from .optimiser_plan import Plan, plan
from .optimiser_steps import Symbols, source_steps
from .replayed import Moment, check_replayed, gradient_error
from .train_steps import train_steps
from .undefined import demand
from .workspace import Workspace

MOST_EXACT_STEPS = 20
CHECKED_STEPS = 5  # steps from the first that are made again in plain floating point
OFTEN = 64  # steps between two reports of progress

Progress = Callable[[int, int, float], None]  # steps made, steps in all, loss


@dataclass
class Run:
    """What a training leaves behind.

    point: the final parameters; losses: before every step, as floats; reported: the same as they
    are printed, at the steps that are told; stopped: the step that came upon a number that is not
    finite, or None. The point is then the last one with a finite loss.
    """

    point: dict[str, np.ndarray]
    losses: list[float] = field(default_factory=list)
    reported: list[tuple[int, np.ndarray]] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    stopped: int | None = None
    rounded_from: int | None = None


def solve(
    ws: Workspace, task: Task, progress: Progress | None = None
) -> tuple[TaskResult, Workspace]:
    """All steps; the loss before each reported one, and the final parameters."""
    target, lines = learnable(ws, task.args["of"], names_of(task))
    for line in (*lines, target):
        if ws.numbers[line.name] is None:
            what = (
                "has no value to update"
                if line is not target
                else ("has no value: some of the given quantities have none")
            )
            raise InputError(f"`{line.name}` {what}")
    assert valued(ws, target, lines)
    chosen = plan(ws, task, lines)
    descent = Descent(ws, target, lines)
    run = trained(descent, chosen, task.args["steps"], task.args["report"], progress)
    if not run.losses:
        for line in lines:
            demand(ws, target, line)
        raise InputError(f"the gradient of `{target.name}` is not a finite number at the start")
    try:
        here = ws.moved(run.point)
    except NotFinite as error:
        raise InputError(f"the training leads to a point where {error.message}") from None
    here.shown = set(ws.graph.lines)
    return _result(ws, here, task, chosen, descent, run), here


# -- the loop -------------------------------------------------------------------------------------


def trained(
    descent: Descent, chosen: Plan, steps: int, every: int, progress: Progress | None = None
) -> Run:
    """The steps from the workspace's point: exact while that stays short, then in float64."""
    lines = descent.lines
    run = Run({x.name: array(descent.ws, x) for x in lines})
    state: dict[str, Any] = {n: dict(s) for n, s in chosen.state.items()}
    k = 1
    if steps <= MOST_EXACT_STEPS and chosen.is_exact:
        k, state = _exactly(descent, chosen, steps, every, run, state)
    if k <= steps and run.stopped is None:
        if all(x.dtype == object for x in run.point.values()):
            run.rounded_from = k
        _quickly(descent, chosen, range(k, steps + 1), every, run, state, progress)
    return run


def _exactly(
    descent: Descent, chosen: Plan, steps: int, every: int, run: Run, state: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """The first step that was not made because its numbers are too long or not exact."""
    for k in range(1, steps + 1):
        if any(x.dtype != object for x in run.point.values()):
            return k, state
        try:
            loss, slopes = descent.at(run.point)
            if loss.dtype != object:
                return k, state
            moves = _moves(descent, chosen, run.point, slopes, k)
            found = {
                x.name: chosen.moved(run.point[x.name], m, state[x.name], chosen.done + k)
                for x, m in zip(descent.lines, moves, strict=True)
            }
        except TooLong:
            return k, state
        except NotFinite:
            run.stopped = k
            run.point = dict(run.moments[-1].point) if run.moments else run.point
            return k, state
        run.losses.append(float(loss[()]))
        if k == 1 or k % every == 0:
            run.reported.append((k, loss))
        new = {n: f["w"] for n, f in found.items()}
        _remember(descent, run, slopes, moves, new)
        state = {n: chosen.kept(f, state[n]) for n, f in found.items()}
        run.point = new
    return steps + 1, state


def _quickly(
    descent: Descent,
    chosen: Plan,
    numbers: range,
    every: int,
    run: Run,
    state: dict[str, Any],
    progress: Progress | None,
) -> None:
    """The same by the prepared program, with all parameters in one vector."""
    lines, names = descent.lines, [x.name for x in descent.lines]
    shapes = [tuple(int(d) for d in x.symbol.shape) for x in lines]  # type: ignore[arg-type]
    cuts = np.cumsum([int(np.prod(s)) for s in shapes])[:-1]

    def apart(flat: np.ndarray) -> list[np.ndarray]:
        return [p.reshape(s) for p, s in zip(np.split(flat, cuts), shapes, strict=True)]

    def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.ravel(a) for a in arrays])

    w = joined([Value(run.point[n]).floats() for n in names])
    memory = {s: joined([Value(state[n][s]).floats() for n in names]) for s in state[names[0]]}
    with suppress(NotFinite):  # the program has no limits of its own: here they are enforced
        descent.at({n: Value(run.point[n]).floats() for n in names})
    step = chosen.stepper()
    places = before = apart(w)
    for k in numbers:
        loss, slopes = descent.fast(places)
        if not finite(loss, slopes):
            run.stopped, places = k, before
            break
        run.losses.append(loss)
        if k == 1 or k % every == 0:
            run.reported.append((k, np.asarray(loss)))
        point = dict(zip(names, places, strict=True))
        moves = _moves(descent, chosen, point, slopes, k)
        with np.errstate(all="ignore"):
            new, memory = step(w, joined(moves), memory, chosen.done + k)
        if not np.isfinite(new).all():
            run.stopped = k
            break
        w, before, places = new, places, apart(new)
        if len(run.moments) < CHECKED_STEPS or k == numbers[-1]:
            run.point = point
            _remember(descent, run, slopes, moves, dict(zip(names, places, strict=True)))
        if progress is not None and k % OFTEN == 0:
            progress(k, numbers[-1], loss)
    run.point = dict(zip(names, places, strict=True))


def _moves(
    descent: Descent,
    chosen: Plan,
    point: dict[str, np.ndarray],
    slopes: list[np.ndarray],
    k: int,
) -> list[np.ndarray]:
    """What the rules are given: the gradients, or Newton's direction."""
    if not chosen.optimiser.second_order:
        return slopes
    try:
        return newton.direction(descent, point, slopes).parts
    except NotFinite:
        raise
    except InputError as error:
        error.message = f"step {k}: {error.message}"
        raise


def _remember(
    descent: Descent,
    run: Run,
    slopes: Sequence[np.ndarray],
    moves: Sequence[np.ndarray],
    new: dict[str, np.ndarray],
) -> None:
    """Of the first steps everything, for the check; of the others only the last one's gradients."""
    names = [x.name for x in descent.lines]
    moment = Moment(
        run.point, dict(zip(names, slopes, strict=True)), dict(zip(names, moves, strict=True)), new
    )
    run.moments.append(moment)


# -- told -----------------------------------------------------------------------------------------


def _result(
    ws: Workspace, here: Workspace, task: Task, chosen: Plan, descent: Descent, run: Run
) -> TaskResult:
    target, lines = descent.target, list(descent.lines)
    last = here.numbers[target.name]
    assert last is not None
    final_loss = float(np.asarray(last).reshape(())[()])
    final = {x.name: paper_value(x, array(here, x)) for x in lines}
    only = final[lines[0].name] if len(lines) == 1 else None
    symbols = [Symbols(ws, chosen, target, x, len(lines) == 1) for x in lines]
    done = len(run.losses) - (run.stopped is not None)
    steps = train_steps(ws, chosen, symbols, final)
    steps += source_steps(chosen)
    steps += course_steps(descent, chosen, run, final_loss, task.args["steps"])
    rows: list[tuple[Any, Any]] = [(k, Value(np.asarray(v)).decimal()) for k, v in run.reported]
    after = Text("after step {k}", {"k": str(done)})
    rows.append((after, Value(np.asarray(last).reshape(())).decimal()))
    extra: dict[str, Any] = {
        "history": [{"step": k, "loss": float(v[()])} for k, v in run.reported],
        "final_loss": final_loss,
        "final": entries(final),
    }
    if run.stopped is not None:
        extra["diverged"] = {"step": run.stopped}
    return TaskResult(
        id=task.id,
        task="train",
        subject=subject(task, chosen),
        heading=_heading(task, chosen, lines),
        steps=tuple(steps),
        shape=lines[0].leaf.shape if only else None,
        dims=lines[0].dims if only else None,
        symbol=symbols[0].name("w") if only else None,
        value=only,
        extra=extra,
        tables=(
            Table(
                (Text("Step"), Text("{L} before the step", {"L": Name(target.name)})),
                tuple(rows),
                frozenset({0, 1}),
            ),
        ),
        curve=Curve(
            Name(target.name),
            (*run.losses, final_loss) if run.stopped is None else tuple(run.losses),
            chosen.optimiser.title,
        ),
        check=_check(ws, chosen, descent, run),
    )


def _heading(task: Task, chosen: Plan, lines: Sequence[Line]) -> Text:
    holes = {"names": tuple(Name(x.name) for x in lines), "n": task.args["steps"]}
    trained = Text("Training {names} for {n} steps", holes, one="Training {names} for {n} step")
    if chosen.optimiser.name == "sgd" and chosen.plain:
        return trained
    return Text("{training}: {o}", {"training": trained, "o": Text(chosen.optimiser.title)})


def _check(ws: Workspace, chosen: Plan, descent: Descent, run: Run) -> Check | None:
    """The first steps made again, and the gradients there and at the last point by differences."""
    if not ws.checking or not run.moments:
        return None
    target, lines = descent.target, descent.lines
    first = [m for m in run.moments[:CHECKED_STEPS]]
    worst, passed = check_replayed(ws, chosen, target, lines, first)
    for moment in (run.moments[0], run.moments[-1]):
        error = gradient_error(ws, target, lines, moment)
        if error is not None:
            worst = max(worst, error)
            passed = passed and error < independent.AGREE
    return Check(
        "central differences at the first and the last step, and the first steps once more in "
        "plain floating point",
        worst,
        passed,
    )
