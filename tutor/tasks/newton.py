"""Newton's direction: H d = g, exact while that is short, with the Hessian by all parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from ..errors import InputError
from ..expr import Binary, Call, Expr, List, Name, Partial
from ..notation.build import NoMatrixForm
from ..notation.jacobian import jacobian_term
from ..notation.text import text
from ..numeric.evaluate import TooLong, tidied
from ..problem.lines import Line
from ..steps import Step, Text, in_turn
from ..value import Value
from .descent import Descent, Point
from .duplication import between, diagonal_of, duplication, free_name, free_term, tied, unit
from .numbers import approx, equation, exact_term
from .optimiser_terms import free

MOST = 400  # entries of all parameters together
MOST_EXACT = 5
SINGULAR = 1e12  # condition number from which a floating matrix counts as singular
LONG = 160  # characters of a Hessian's formula


@dataclass(frozen=True)
class Direction:
    """d with H d = g, all unrolled; `parts` are d in the shapes of the parameters."""

    hessian: np.ndarray
    gradient: np.ndarray
    vector: np.ndarray
    parts: list[np.ndarray]


def direction(descent: Descent, point: Point, slopes: Sequence[np.ndarray]) -> Direction:
    """Raises InputError where H is singular, or too large."""
    if descent.entries > MOST:
        raise InputError(
            f"Newton's method needs the whole Hessian: {descent.entries}² entries are too many",
            hint=f"it is offered for at most {MOST} entries; choose another `optimizer`",
        )
    try:
        h = descent.hessian(point)
    except TooLong:
        point = {n: Value(v).floats() for n, v in point.items()}
        h = descent.hessian(point)
    g = descent.unrolled(slopes)
    d = None if np.any(Value(g).floats()) else g * 0  # where nothing pulls, rest
    if d is None and h.dtype == object and g.dtype == object and len(g) <= MOST_EXACT:
        try:
            d = _exact(h, g)
        except TooLong:
            d = None
    if d is None:
        h, g = Value(h).floats(), Value(g).floats()
        with np.errstate(all="ignore"):
            if not np.linalg.cond(h) < SINGULAR:
                raise _singular()
            d = np.linalg.solve(h, g)
    return Direction(h, g, d, descent.rolled(d))


def _exact(h: np.ndarray, g: np.ndarray) -> np.ndarray:
    matrix = sp.Matrix(h.tolist())
    determinant = sp.expand(matrix.det())
    if determinant == 0 or abs(determinant.evalf(40)) < sp.Float("1e-30"):
        raise _singular()
    solved = matrix.LUsolve(sp.Matrix(g.tolist()))
    out = np.empty(len(g), dtype=object)
    out[:] = [sp.radsimp(x) for x in solved]
    return tidied(out)


def _singular() -> InputError:
    return InputError(
        "the Hessian is singular at this point: H d = g has no unique solution, so Newton's step "
        "does not exist",
        hint="add a term such as `0.01 * norm2(w)**2` to the loss, start elsewhere, or choose "
        "another `optimizer`",
    )


def definite(h: np.ndarray) -> bool:
    """Positive definite, so that the step goes downhill."""
    floats = Value(h).floats()
    return bool(np.linalg.eigvalsh((floats + floats.T) / 2).min() > 0)


# -- told -----------------------------------------------------------------------------------------


def direction_steps(
    descent: Descent, found: Direction, k: int, names: Sequence[Expr]
) -> list[Step]:
    """The Hessian and the system that is solved; `names` are those of d, one per parameter."""
    lines, target = descent.lines, descent.target
    taken = descent.ws.graph.lines
    tag = f".{k + 1}"
    slopes = [free_term(Partial(Name(target.name), Name(x.name)), x) for x in lines]
    if len(found.vector) == 1:
        return _scalar_steps(descent, found, tag, slopes[0], names[0], taken)
    big = Name(free(("H", "H_f"), taken))
    value = Value(found.hessian)
    rows = Text(
        "Row i, column j: the derivative of entry i of the gradient by entry j of the parameter."
        if len(lines) == 1
        else "Row i, column j: the derivative of entry i of the gradient by entry j of the "
        "parameters, unrolled one after another."
    )
    steps = [
        Step(
            f"hessian{tag}",
            "local",
            "second derivatives",
            Text("The Hessian of {L}", {"L": Name(target.name)}),
            equation(big, _formula(descent) if k == 0 else None, exact_term(value)),
            approx=approx(value),
            why=in_turn(rows, *_free(lines))
            if k == 0
            else Text("By the same formula, at the new point."),
            shape=found.hessian.shape,
        )
    ]
    stacked = slopes[0] if len(slopes) == 1 else List(tuple(slopes))
    direction_name = names[0] if len(names) == 1 else Name(free(("d", "step"), taken))
    vector = Value(found.vector)
    numbers = None
    if found.hessian.size <= 9:
        inverse = Call("inv", (value.shown(),))
        numbers = Binary("@", inverse, Value(found.gradient).shown())
    steps.append(
        Step(
            f"direction{tag}",
            "update",
            "Newton's direction",
            Text("Newton's direction"),
            equation(
                direction_name,
                Binary("@", Call("inv", (big,)), stacked),
                numbers,
                exact_term(vector),
            ),
            approx=approx(vector),
            why=_words(found, big, stacked, direction_name),
            shape=found.vector.shape,
            uses=(f"hessian{tag}",),
        )
    )
    return steps


def _free(lines: Sequence[Line]) -> list[Text]:
    """Which entries of symmetric and diagonal parameters count."""
    return [
        Text("Only the free entries of {x} move, {v}.", {"x": Name(x.name), "v": free_name(x)})
        for x in lines
        if tied(x) is not None
    ]


def _scalar_steps(
    descent: Descent, found: Direction, tag: str, slope: Expr, name: Expr, taken: object
) -> list[Step]:
    big = Name(free(("h", "H", "h_f"), taken))  # type: ignore[arg-type]
    h, d, g = (Value(x.reshape(())) for x in (found.hessian, found.vector, found.gradient))
    return [
        Step(
            f"hessian{tag}",
            "local",
            "second derivatives",
            Text("The second derivative of {L}", {"L": Name(descent.target.name)}),
            equation(big, _formula(descent), exact_term(h)),
            approx=approx(h),
        ),
        Step(
            f"direction{tag}",
            "update",
            "Newton's direction",
            Text("Newton's direction"),
            equation(
                name,
                Binary("/", slope, big),
                Binary("/", g.shown(), h.shown()),
                exact_term(d),
            ),
            approx=approx(d),
            why=_words(found, big, slope, name),
            uses=(f"hessian{tag}",),
        ),
    ]


def _words(found: Direction, big: Expr, slope: Expr, name: Expr) -> Text:
    solves = Text(
        "Where the slope of the quadratic model vanishes: {d} solves {Hd} = {g}."
        if len(found.vector) == 1
        else "The step to where the gradient of the quadratic model vanishes: {d} solves the "
        "system {Hd} = {g}.",
        {"g": slope, "d": name, "Hd": Binary("@", big, name)},
    )
    beware = Text(
        "Beware: {H} is not positive definite here, so the step need not go downhill; it "
        "heads for a saddle point or a maximum of the model."
        if len(found.vector) > 1
        else "Beware: {H} is not positive here, so the step goes to a maximum of the model.",
        {"H": big},
    )
    return in_turn(solves, None if definite(found.hessian) else beware)


def _formula(descent: Descent) -> Expr | None:
    """The Hessian in closed form, of one parameter, where it is short."""
    if len(descent.lines) > 1:
        return None
    node = descent.curvature[0][0]
    style = descent.ws.problem.convention
    (line,) = descent.lines
    if tied(line) == "diagonal":
        node = diagonal_of(node, (line, line))
    try:
        term = jacobian_term(node, node.order // 2, descent.ws.leaf_term, style.layout, style.vec)
    except NoMatrixForm:
        return None
    twice = duplication(line)
    if twice is not None:
        term = between(term, twice, twice, unit(line))
    return term if len(text(term)) <= LONG else None
