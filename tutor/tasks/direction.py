"""A direction of a variable: one more line, along which everything moves."""

from __future__ import annotations

import numpy as np

from ..errors import InputError, ShapeError
from ..graph import dims
from ..graph.interned import is_symmetric
from ..problem.instance import with_sizes
from ..problem.lines import Line
from ..problem.model import Task
from ..value import Value
from .duplication import tied
from .extended import cut, extended, free_name
from .motion import Motion
from .workspace import Workspace


def moving(ws: Workspace, task: Task, sizes: dict[str, int] | None = None) -> Motion:
    """The direction as one more line, and every differential."""
    here = cut(ws, [task.args["wrt"]])
    expr = with_sizes(task.args["along"], sizes or {})
    name = free_name(here, f"d{task.args['wrt']}")
    wide = extended(here, {name: (expr, task.sources["along"])})
    variable, along = wide.line(task.args["wrt"]), wide.line(name)
    wanted = variable.free_shape
    if not dims.same_shape(along.leaf.shape, wanted):
        raise ShapeError(
            f"a direction of `{variable.name}` has its size, {dims.text(wanted)}; "
            f"this one has {along.dims}",
            hint=f"give one number for each entry of `{variable.name}`",
            where=task.places.get("along", task.where),
        )
    _refuse(task, variable, along, wide)
    return Motion(wide, wide.line(task.args["of"]), variable, along)


def _refuse(task: Task, variable: Line, along: Line, ws: Workspace) -> None:
    """A symmetric or diagonal matrix can only move to another one."""
    kind = tied(variable)
    if kind is None:
        return
    value = ws.numbers[along.name]
    if value is None:
        fits = kind == "symmetric" and is_symmetric((along.val or along.leaf).node)
    else:
        floats = Value(value).floats()
        other = floats.T if kind == "symmetric" else np.diag(np.diag(floats))
        fits = bool(np.array_equal(floats, other))
    if not fits:
        raise InputError(
            f"`{variable.name}` is {kind}, so a direction of it has to be {kind} too",
            hint="declare the direction so, or give its numbers",
            where=task.places.get("along", task.where),
        )
