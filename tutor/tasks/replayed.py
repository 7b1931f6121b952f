"""update and train checked: gradients against differences, steps against the plain optimisers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from .. import independent
from ..problem.lines import Line
from ..problem.task_table import OPTIMIZER_FLAGS
from ..value import Value
from . import plain_optimisers
from .optimiser_plan import Plan
from .optimisers import SYMBOLS
from .workspace import Workspace

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Moment:
    """One step: where it began, the gradients there, what the rules were given, where it led."""

    point: Arrays
    slopes: Arrays
    moves: Arrays  # the gradients, or Newton's direction
    new: Arrays


def check_replayed(
    ws: Workspace, plan: Plan, target: Line, lines: Sequence[Line], moments: Sequence[Moment]
) -> tuple[float, bool]:
    """The largest relative error of the steps when they are made again, and whether it is small.

    The plain optimisers start where the steps started and are given the same gradients; these are
    checked for themselves, and Newton's direction by H d = g with second differences.
    """
    worst = 0.0
    options = plain_options(plan)
    for line in lines:
        name = line.name
        w = Value(moments[0].point[name]).floats()
        memory = {
            plan.optimiser.states[s]: np.array(Value(plan.state[name][s]).floats())
            for s in plan.given_state
        }
        for k, moment in enumerate(moments):
            slope = Value(moment.moves[name]).floats()
            t = plan.done + k + 1
            w = plain_optimisers.step(plan.optimiser.name, options, w, slope, memory, t)
            error = independent.relative_error(Value(moment.new[name]).floats(), w)
            worst = max(worst, error)
    if plan.optimiser.second_order:
        for moment in moments:
            worst = max(worst, direction_error(ws, target, lines, moment))
    return worst, worst < independent.AGREE


def plain_options(plan: Plan) -> dict[str, float]:
    """The options by torch's names, as plain numbers."""
    found: dict[str, float] = {}
    for option, symbols in SYMBOLS.items():
        for count, (symbol, *_) in enumerate(symbols, 1):
            if symbol in plan.exact:
                key = f"{option}{count}" if len(symbols) > 1 else option
                found[key] = float(plan.exact[symbol])
    return found | {flag: 1.0 for flag in OPTIMIZER_FLAGS if flag in plan.flags}


def gradient_error(
    ws: Workspace, target: Line, lines: Sequence[Line], moment: Moment
) -> float | None:
    """The gradients of one step against central differences; None at a kink."""
    f, path = _loss(ws, target, lines, moment.point)
    flat = _flat(lines, moment.point)
    env = f.values(flat)
    if independent.kink_distance(path, env) < independent.NEAR_KINK:
        return None
    slopes = _flat(lines, moment.slopes)
    best = np.inf
    units = independent.directions((len(flat),))
    got = np.array([slopes @ d for d in units])
    along = [_together(lines, d) for d in units]
    for step in independent.STEPS:
        want = np.array(
            [independent.differences(f, flat, d, step) if np.any(d) else 0.0 for d in along]
        )
        best = min(best, independent.relative_error(got, want))
        if best < independent.AGREE:
            break
    return float(best)


def direction_error(ws: Workspace, target: Line, lines: Sequence[Line], moment: Moment) -> float:
    """H d against g, both by differences of the loss."""
    f, path = _loss(ws, target, lines, moment.point)
    flat = _flat(lines, moment.point)
    if independent.kink_distance(path, f.values(flat)) < independent.NEAR_KINK:
        return 0.0
    d = _flat(lines, moment.moves)
    if not np.any(d):
        return 0.0
    best = np.inf
    units = [_together(lines, u) for u in independent.directions((len(flat),))]
    units = [u for u in units if np.any(u)]
    scales = [independent.moving_scale(flat, u) for u in units]  # near 0, x has none of its own

    def slopes(x: np.ndarray, step: float) -> np.ndarray:
        along = zip(units, scales, strict=True)
        return np.array([independent.differences(f, x, u, step, s) for u, s in along])

    for step in independent.STEPS[:2]:
        bent = independent.differences(partial(slopes, step=step), flat, d, step)
        best = min(best, independent.relative_error(bent, slopes(flat, step)))
    return float(best)


class _Loss:
    """The loss as a function of all parameters' entries, by the independent forward pass."""

    def __init__(self, path: Sequence[Line], fixed: Arrays, target: Line, lines: Sequence[Line]):
        self.path = path
        self.fixed = fixed
        self.target = target
        self.lines = lines

    def values(self, flat: np.ndarray) -> independent.Arrays:
        place, at = {}, 0
        for line in self.lines:
            shape = tuple(int(d) for d in line.symbol.shape)  # type: ignore[arg-type]
            size = int(np.prod(shape))
            x = flat[at : at + size].reshape(shape)
            at += size
            if "homogeneous" in line.properties:
                x = np.append(x, 1.0)
            place[line.name] = x[None, :] if line.leaf.row else x
        return independent.forward(self.path, {**self.fixed, **place})

    def __call__(self, flat: np.ndarray) -> np.ndarray:
        return np.reshape(self.values(flat)[self.target.name], ())


def _loss(
    ws: Workspace, target: Line, lines: Sequence[Line], point: Arrays
) -> tuple[_Loss, list[Line]]:
    below = ws.graph.below([target])
    moved = {x.name for x in lines}
    for line in below:
        if any(o.name in moved for o in line.operands):
            moved.add(line.name)
    path = [x for x in below if x.name in moved]
    fixed = {n: v for n, v in ws.reference(target).items() if n not in moved}
    return _Loss(path, fixed, target, lines), path


def _flat(lines: Sequence[Line], arrays: Arrays) -> np.ndarray:
    return np.concatenate([Value(arrays[x.name]).floats().ravel() for x in lines])


def _together(lines: Sequence[Line], direction: np.ndarray) -> np.ndarray:
    """A direction in the free entries as one of all: (i, j) and (j, i) of a symmetric one move."""
    moved, at = direction.copy(), 0
    for line in lines:
        shape = tuple(int(d) for d in line.symbol.shape)  # type: ignore[arg-type]
        count = int(np.prod(shape))
        block = direction[at : at + count].reshape(shape)
        if len(shape) == 2 and {"symmetric", "diagonal"} & line.properties:
            own = np.diag(np.diag(block))
            block = own if "diagonal" in line.properties else block + block.T - own
            moved[at : at + count] = block.ravel()
        at += count
    return moved
