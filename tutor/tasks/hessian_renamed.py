"""Second derivatives with respect to a given under another name: w = vec(W)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import InputError
from ..expr import Name
from ..problem.lines import Line
from ..steps import Step, TaskResult, Text
from ..value import Value
from .duplication import tied
from .numbers import approx, equation, exact_term
from .renamed import only_user, positions, rearranged_given
from .workspace import Workspace


def base_of(ws: Workspace, target: Line, variable: Line) -> Line | None:
    """The given that a variable is another name of, unless the result is written with the name."""
    base = rearranged_given(variable)
    if base is None or (ws.graph.depends(target, variable) and only_user(ws, base)):
        return None
    return base


def refuse_other_name(ws: Workspace, target: Line, variable: Line) -> None:
    """For tasks that do not translate between the two names."""
    base = base_of(ws, target, variable)
    if base is not None:
        raise InputError(
            f"`{variable.name}` holds the entries of `{base.name}` in another order",
            hint=f"ask with respect to `{base.name}`",
        )


def rearranged(
    ws: Workspace, inner: TaskResult, wrt: Sequence[str], variables: Sequence[Line],
    bases: Sequence[Line | None],
) -> TaskResult:  # fmt: skip
    """The block of the bases with its rows and columns in the variables' own order."""
    for x, b in zip(variables, bases, strict=True):
        if b is not None and tied(b):
            raise InputError(
                f"`{x.name}` holds the entries of `{b.name}`, which are not all free",
                hint=f"ask with respect to `{b.name}`",
            )
    orders = [
        None if b is None else positions(ws, x, b) for x, b in zip(variables, bases, strict=True)
    ]
    same = all(o is None or np.array_equal(o, np.arange(len(o))) for o in orders)
    formula = inner.formula if same else None
    value = inner.value
    if value is None and formula is None:
        name = next(b.name for b in bases if b is not None)
        raise InputError(
            "without numbers, second derivatives are not rearranged", hint=f"ask by `{name}`"
        )
    if value is not None and value.data.ndim == 2:
        rows, columns = (slice(None) if o is None else o for o in (orders[0], orders[-1]))
        value = Value(np.ascontiguousarray(value.data[rows][:, columns]))
    pairs = [(x, b) for x, b in zip(variables, bases, strict=True) if b is not None]
    x, b = pairs[0]
    names = {"w": Name(x.name), "W": Name(b.name)}
    step = Step(
        "renamed",
        "value",
        "rearrangement",
        Text("The same variable as {W}", names),
        equation(formula, exact_term(value)) if formula is not None and value is not None else (),
        approx=approx(value) if value is not None and formula is not None else None,
        why=Text(
            "{w} holds the entries of {W} in another order: rows and columns follow that order.",
            names,
        ),
        shape=inner.shape or (),
        uses=("answer",),
        level=0,
    )
    subject = {"of": inner.subject["of"], "wrt": wrt[0] if len(wrt) == 1 else list(wrt)}
    return replace(inner, subject=subject, steps=(*inner.steps, step), formula=formula, value=value)
