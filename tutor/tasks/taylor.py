"""taylor: the local model of a scalar at a point: value, slope, and half the curvature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from .. import independent
from ..errors import InputError, ShapeError
from ..expr import Expr, Name
from ..graph import dims
from ..notation.build import NoMatrixForm, scaled
from ..notation.text import text
from ..problem.lines import Line
from ..problem.model import Task
from ..steps import Check, Step, TaskResult, Text, in_turn
from ..value import Value
from . import gradient, hessian
from .chain import LONG, tree_size
from .duplication import free_entries, free_term, tied
from .duplication import free_name as free_symbol
from .extended import cut, extended, free_name, renamed, told
from .forward import forward_steps, given_steps
from .free_entries import free_slope
from .hessian_renamed import refuse_other_name
from .numbers import approx, equation, exact_term
from .second import written_out
from .taylor_check import model_error
from .taylor_model import Piece
from .taylor_model import model as model_term
from .undefined import defined
from .workspace import Workspace


def solve(ws: Workspace, task: Task) -> TaskResult:
    """The model of order 1 or 2 around `at`; without it, around the given value."""
    target, variable = ws.line(task.args["of"]), ws.line(task.args["wrt"])
    order = task.args["order"]
    refuse_other_name(ws, target, variable)
    _accept(task, target, variable)
    here = cut(ws, [variable.name])
    point, value, name = _point(here, task, variable)
    steps = _point_steps(ws, target, variable, point, value, name)
    if value is not None:
        number_ = value.data[0] if variable.leaf.row else value.data
        here = here.moved({variable.name: number_})
        here.shown.update(n for n, x in here.graph.lines.items() if x.op is None)
    target, variable = here.line(target.name), here.line(variable.name)
    found, more = _pieces(here, task, target, variable, order)
    steps += more
    swap = {variable.name: point}
    found = [replace(p, formula=renamed(p.formula, swap) if p.formula else None) for p in found]
    model = model_term(found, variable, point)
    symbol = Name(free_name(ws, "T", "model"))
    steps += _closing_steps(symbol, target, variable, point, found, model, order)
    names = {"y": Name(target.name), "x": Name(variable.name)}
    words = "Linear model of {y} in {x}" if order == 1 else "Quadratic model of {y} in {x}"
    return TaskResult(
        id=task.id,
        task="taylor",
        subject={"of": target.name, "wrt": variable.name, "order": order},
        heading=Text(words, names),
        steps=tuple(steps),
        symbol=symbol,
        formula=model,
        extra=_coefficients(found, here.line(variable.name), value, point),
        check=_check(here, target, variable, found, more),
    )


def _accept(task: Task, target: Line, variable: Line) -> None:
    if not target.has_one_entry:
        raise InputError(
            f"`{target.name}` has size {target.dims}: a local model is made of a scalar",
            hint="take one entry of it, or its sum",
            where=task.places.get("of", task.where),
        )
    fixed = "homogeneous" in variable.properties
    if fixed or variable.symbol.order > 2:
        what = "is declared homogeneous" if fixed else f"has order {variable.symbol.order}"
        raise InputError(
            f"`{variable.name}` {what}: a local model needs a scalar, vector or matrix",
            where=task.places.get("wrt", task.where),
        )


def _point(ws: Workspace, task: Task, variable: Line) -> tuple[Expr, Value | None, str | None]:
    """The point as a term of the model, its value, and the name that the steps give it."""
    expr = task.args["at"]
    name = free_name(ws, "a", "a_0") if variable.symbol.order < 2 else free_name(ws, "A", "A_0")
    if expr is None:
        value = ws.paper(variable)
        return (Name(name) if value is None else value.shown()), value, name
    wide = extended(ws, {name: (expr, task.sources["at"])})
    line = wide.line(name)
    if not dims.same_shape(line.leaf.shape, variable.leaf.shape):
        raise ShapeError(
            f"the point `at` has size {line.dims}, but `{variable.name}` is {variable.dims}",
            hint=f"give one number for each entry of `{variable.name}`",
            where=task.places.get("at", task.where),
        )
    value = wide.paper(line)
    return (expr if value is None else value.shown()), value, name


def _point_steps(
    ws: Workspace,
    target: Line,
    variable: Line,
    point: Expr,
    value: Value | None,
    name: str | None,
) -> list[Step]:
    steps = given_steps(ws, ws.graph.below([target]))
    assert name is not None
    holes = {"x": Name(variable.name), "a": Name(name)}
    members = equation(Name(name), point)
    why = Text("The model is good near this value of {x}.", holes)
    return [
        *steps,
        Step(
            "point",
            "model",
            "",
            Text("The point {a}", holes),
            members if len(members) > 1 else (),
            approx=approx(value) if value is not None and value.is_short() else None,
            why=why,
            shape=variable.shape,
        ),
    ]


def _pieces(
    here: Workspace, task: Task, target: Line, variable: Line, order: int
) -> tuple[list[Piece], list[Step]]:
    """Value, gradient and half the Hessian, with the steps that derive them."""
    steps: list[Step] = forward_steps(here, here.graph.below([target]))
    if order == 2:
        second = hessian.derive(here, task.id, target.name, (variable.name,), task.where)
        steps += second.steps
    slope = defined(gradient.solve(here, task.id, "gradient", target.name, variable.name))
    if order == 1:
        steps += told(slope)
    steps = [
        replace(s, id="gradient" if order == 1 else "hessian", level=1) if s.id == "answer" else s
        for s in steps
        if s.id != "definite"
    ]
    found = [
        Piece(_own_term(here, target), here.paper(target)),
        _slope(here, target, variable, slope),
    ]
    if order == 2:
        found.append(Piece(second.formula, second.value))
    return found, steps


def _slope(ws: Workspace, target: Line, variable: Line, found: TaskResult) -> Piece:
    """The gradient; of a symmetric or diagonal matrix its free entries, one below the other."""
    formula, value = found.formula, found.value
    if tied(variable) == "diagonal":  # only these places of the whole gradient count
        formula = free_slope(ws, target, variable)
    if tied(variable) is not None:
        formula = None if formula is None else free_term(formula, variable)
        value = None if value is None else Value(free_entries(value.data, variable))
    return Piece(formula, value)


def _own_term(ws: Workspace, target: Line) -> Expr | None:
    """The function itself over the givens."""
    node = written_out(ws, target)
    if tree_size(node) <= LONG:
        try:
            term = ws.term(node)
        except NoMatrixForm:
            return Name(target.name)
        if len(text(term)) <= LONG:
            return term
    return Name(target.name)


def _closing_steps(
    symbol: Name,
    target: Line,
    variable: Line,
    point: Expr,
    found: Sequence[Piece],
    model: Expr | None,
    order: int,
) -> list[Step]:
    holes = {"y": Name(target.name), "x": Name(variable.name)}
    words = (
        "The tangent at the point: value, and gradient times the step away from it."
        if order == 1
        else "The value, the gradient times the step away from the point, and half the Hessian "
        "times that step twice: {y} and its model have the same value, slope and curvature there."
    )
    why = Text(words, holes)
    if tied(variable) is not None:
        more = Text("Only the free entries of {x} move, {v}.",
                    {"x": Name(variable.name), "v": free_symbol(variable)})  # fmt: skip
        why = in_turn(why, more)
    value = found[0]
    first = equation(Name(target.name), value.formula, exact_term(value.value))
    steps = [
        Step(
            "value",
            "model",
            "",
            Text("The value at the point"),
            first if len(first) > 1 else (),
            approx=approx(value.value) if value.value is not None else None,
        )
    ]
    steps.append(
        Step(
            "answer",
            "model",
            "Taylor's formula",
            Text("The model"),
            equation(symbol, model) if model is not None else (),
            why=why,
            uses=("value", "gradient", "hessian"),
            level=0,
        )
    )
    return steps


def _coefficients(
    found: Sequence[Piece], variable: Line, value: Value | None, point: Expr
) -> dict[str, Any]:
    """f(a), ∇f(a), H/2: exact strings where exact, decimals otherwise, formulas without values."""
    exact: list[Any] = []
    floats: list[Any] = []
    for k, piece in enumerate(found):
        if piece.value is None:
            exact.append(None if piece.formula is None else _half_text(piece.formula, k))
            floats.append(None)
            continue
        data = piece.value.data / 2 if k == 2 else piece.value.data
        shown = Value(np.asarray(data, dtype=piece.value.data.dtype).reshape(piece.value.shape))
        exact.append(shown.strings() if shown.exact else shown.numbers())
        floats.append(shown.numbers())
    return {
        "at": text(point) if value is None else value.strings() or value.numbers(),
        "coefficients": exact,
        "coefficient_values": floats,
    }


def _half_text(formula: Expr, k: int) -> str:
    return text(scaled(sp.Rational(1, 2), formula) if k == 2 else formula)


# -- the second opinion ---------------------------------------------------------------------------


def _check(
    here: Workspace, target: Line, variable: Line, found: Sequence[Piece], steps: Sequence[Step]
) -> Check | None:
    """Model and function side by side near the point; without numbers, at random values."""
    if not here.checking:
        return None
    if any(p.value is None for p in found):
        return _formulas(here, target, variable, len(found) - 1)
    bends = len(found) > 2
    env = here.reference(target)
    if independent.kink_distance(here.graph.below([target]), env, bends) < independent.NEAR_KINK:
        return _formulas(here, target, variable, len(found) - 1)
    error = model_error(here, target, variable, [p.value.floats() for p in found if p.value])
    tolerance = independent.AGREE if len(found) == 2 else independent.AGREE_SECOND
    return Check("function and model side by side", error, error < tolerance)


def _formulas(here: Workspace, target: Line, variable: Line, order: int) -> Check | None:
    """The checks of the gradient and the Hessian themselves."""
    if order == 1:
        return gradient.solve(here, "", "gradient", target.name, variable.name).check
    place = target.where or variable.where
    assert place is not None
    return hessian.derive(here, "", target.name, (variable.name,), place).check
