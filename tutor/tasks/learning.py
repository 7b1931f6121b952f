"""What update and train share: the loss and its parameters, names, entries of the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..problem.lines import Line
from ..problem.model import Task
from ..value import Value
from .optimiser_plan import Plan
from .workspace import Workspace


def learnable(ws: Workspace, of: str, wrt: Sequence[str]) -> tuple[Line, list[Line]]:
    """The loss, which must be a scalar, and the parameters, which must be given."""
    target = ws.line(of)
    if not target.has_one_entry:
        raise InputError(f"`{of}` has size {target.dims}: gradient descent needs a scalar")
    lines = [ws.line(n) for n in wrt]
    for line in lines:
        if line.op is not None:
            raise InputError(
                f"`{line.name}` is computed from other quantities; only a given one can be updated"
            )
    return target, lines


def valued(ws: Workspace, target: Line, lines: Sequence[Line]) -> bool:
    """Whether the loss and every parameter have numbers."""
    return all(ws.numbers[x.name] is not None for x in (target, *lines))


def names_of(task: Task) -> tuple[str, ...]:
    wrt = task.args["wrt"]
    return (wrt,) if isinstance(wrt, str) else tuple(wrt)


def array(ws: Workspace, line: Line) -> np.ndarray:
    value = ws.numbers[line.name]
    assert value is not None
    return value


def entries(values: Mapping[str, Value]) -> dict[str, Any]:
    return {n: {"exact": v.strings(), "value": v.numbers()} for n, v in values.items()}


def subject(task: Task, chosen: Plan) -> dict[str, Any]:
    names = names_of(task)
    found: dict[str, Any] = {
        "of": task.args["of"],
        "wrt": names[0] if len(names) == 1 else list(names),
    }
    return found if chosen.optimiser.name == "sgd" else found | {"optimizer": chosen.optimiser.name}
