"""directional: how a result moves when a variable moves, told forwards, line by line."""

from __future__ import annotations

import numpy as np
import sympy as sp

from .. import independent
from ..expr import Binary, Call, Expr, Name, Num, Partial, Transpose
from ..graph import dims
from ..notation.build import size_term
from ..notation.index import has_subscripts
from ..problem.model import Task
from ..steps import Check, Step, TaskResult, Text, all_of
from ..value import Value
from .chain import Chain, paper_value
from .checked import ALL_KINKS, AT_A_KINK, step_aside
from .direction import moving
from .extended import free_name, renamed
from .forward import forward_steps, given_steps
from .hessian_check import function
from .hessian_renamed import refuse_other_name
from .instances import at_some
from .motion import Differential, Motion
from .no_value import NoDerivative
from .numbers import approx, equation, exact_term, substituted
from .printed import printed_error, printed_value
from .undefined import SOMEWHERE, reason
from .workspace import Workspace


def solve(ws: Workspace, task: Task) -> TaskResult:
    """The derivative of `of` along a direction of `wrt`: a Jacobian-vector product."""
    target, variable = ws.line(task.args["of"]), ws.line(task.args["wrt"])
    refuse_other_name(ws, target, variable)
    below = ws.graph.below([target])
    steps = [*given_steps(ws, below), *forward_steps(ws, below)]
    motion = moving(ws, task)
    wide, target, variable = motion.ws, motion.of, motion.wrt
    formula, value = _answer(motion)
    symbol = Name(motion.final.name if motion.final else free_name(wide, f"d{target.name}"))
    steps += [_direction_step(motion), *_motion_steps(motion)]
    steps += _closing_steps(motion, symbol, formula, value)
    steps += _gradient_steps(motion, value)
    holes = {"y": Name(target.name), "x": Name(variable.name)}
    return TaskResult(
        id=task.id,
        task="directional",
        subject={"of": target.name, "wrt": variable.name, "along": task.sources["along"].text},
        heading=Text("Derivative of {y} along a direction of {x}", holes),
        steps=tuple(steps),
        shape=target.shape,
        dims=dims.text(target.shape),
        symbol=symbol,
        formula=formula,
        value=value,
        check=_check(ws, task, motion, formula, value),
    )


# -- the answer -----------------------------------------------------------------------------------


def _answer(motion: Motion) -> tuple[Expr | None, Value | None]:
    """Read off the last differential."""
    target, along = motion.of, motion.along
    if target is motion.wrt:
        return Name(along.name), motion.ws.paper(along)
    if motion.final is None:
        sizes = target.shape
        formula = Call("zeros", tuple(size_term(d) for d in sizes)) if sizes else Num("0")
        whole = [d for d in sizes if isinstance(d, int)]
        if len(whole) < len(sizes):
            return formula, None
        return formula, Value(np.full(whole, sp.S.Zero, dtype=object))
    number = motion.final.value
    if number is None and _has_point(motion):
        raise NoDerivative(_why(motion))
    formula = motion.closed_term()
    if formula is not None and isinstance(along.formula, Name):  # the author's own name for it
        formula = renamed(formula, {along.name: along.formula})
    return formula, None if number is None else paper_value(target, number)


def _why(motion: Motion) -> Text:
    """What has no derivative, or merely none along this direction."""
    chain = Chain(motion.ws, motion.of, motion.wrt)
    return reason(chain) if chain.missing else SOMEWHERE


# -- steps ----------------------------------------------------------------------------------------


def _direction_step(motion: Motion) -> Step:
    along = motion.along
    value = motion.ws.paper(along)
    holes = {"x": Name(motion.wrt.name), "d": Name(along.name)}
    return Step(
        "direction",
        "tangent",
        "",
        Text("The direction"),
        equation(Name(along.name), along.formula, exact_term(value)),
        approx=approx(value) if value else None,
        why=Text("{x} starts to move with the velocity {d}; everything else follows.", holes),
        shape=along.shape,
    )


def _motion_steps(motion: Motion) -> list[Step]:
    """One step per line on the way, from the variable to the result."""
    ws = motion.ws
    numbers: dict[Expr, Value] = {}
    for line in (*ws.graph.below([motion.of]), motion.along):
        value = ws.paper(line)
        if value is not None:
            numbers[Name(line.name)] = value
    steps = []
    for d in motion.found.values():
        term = motion.term(d.node, d.line)
        value = None if d.value is None else paper_value(d.line, d.value)
        indexed = term is not None and has_subscripts(term)
        middle = substituted(term, numbers) if term and value is not None and not indexed else None
        members = equation(Name(d.name), None if indexed else term, middle, exact_term(value))
        steps.append(
            Step(
                f"tangent.{d.line.name}",
                "tangent",
                d.line.op.rule if d.line.op else "",
                Text("Differential of {z}", {"z": Name(d.line.name)}),
                members if len(members) > 1 else (),
                approx=approx(value) if value is not None else None,
                why=_reason(motion, d),
                shape=d.line.shape,
                uses=tuple(f"tangent.{o.name}" for o in d.line.operands),
            )
        )
        if value is not None:
            numbers[Name(d.name)] = value
    return steps


def _reason(motion: Motion, d: Differential) -> Text:
    movers = [o for o in d.line.operands if o is motion.wrt or o.name in motion.found]
    z = Name(d.line.name)
    if len(movers) == 1:
        first = movers[0]
        name = motion.along.name if first is motion.wrt else motion.found[first.name].name
        return Text("The local derivative of {z}, applied to {d}.", {"z": z, "d": Name(name)})
    listed = all_of([Name(o.name) for o in movers])
    return Text("{list} move, and what each of them does to {z} adds up.", {"list": listed, "z": z})


def _closing_steps(
    motion: Motion, symbol: Name, formula: Expr | None, value: Value | None
) -> list[Step]:
    holes = {"y": Name(motion.of.name), "x": Name(motion.wrt.name), "d": Name(motion.along.name)}
    words = (
        "The rate at which {y} changes while {x} moves with the velocity {d}."
        if motion.final or motion.of is motion.wrt
        else "{y} does not depend on {x}, so it stays where it is."
    )
    members = equation(symbol, formula, exact_term(value))
    return [
        Step(
            "answer",
            "closed",
            "forward mode",
            Text("Put together"),
            members if len(members) > 1 else (),
            approx=approx(value) if value is not None else None,
            why=Text(words, holes),
            shape=motion.of.shape,
            uses=(f"tangent.{motion.of.name}",),
            level=0,
        )
    ]


def _slope(motion: Motion) -> Value | None:
    """The gradient by reverse mode, of a scalar."""
    target, variable = motion.of, motion.wrt
    if not target.has_one_entry or motion.final is None:
        return None
    chain = Chain(motion.ws, target, variable, True)
    if chain.final is None or chain.final.value is None:
        return None
    return paper_value(variable, chain.final.value)


def _gradient_steps(motion: Motion, value: Value | None) -> list[Step]:
    """Of a scalar, the same number is the gradient times the direction."""
    slope = _slope(motion)
    direction = motion.ws.paper(motion.along)
    if slope is None or direction is None or value is None or motion.wrt.symbol.order > 1:
        return []
    symbol, d = Partial(Name(motion.of.name), Name(motion.wrt.name)), Name(motion.along.name)
    if motion.wrt.symbol.order == 0:
        product: Expr = Binary("*", symbol, d)
    elif motion.wrt.leaf.row:
        product = Binary("@", symbol, Transpose(d))
    else:
        product = Binary("@", Transpose(symbol), d)
    middle = substituted(product, {symbol: slope, d: direction})
    return [
        Step(
            "gradient",
            "note",
            "gradient times direction",
            Text("The same from the gradient"),
            equation(product, middle, exact_term(value)),
            approx=approx(value),
            why=Text(
                "For a scalar, the derivative along a direction is the gradient times it; with a "
                "direction of length 1 it is largest where the direction is that of the gradient."
            ),
            uses=("answer",),
        )
    ]


# -- the second opinion ---------------------------------------------------------------------------


def _check(
    ws: Workspace, task: Task, motion: Motion, formula: Expr | None, value: Value | None
) -> Check | None:
    """A central difference along the direction, here or at an instance of the problem."""
    if not ws.checking:
        return None
    if motion.final is None:
        return Check("the definitions do not mention the variable", 0.0, True)
    if value is None or not _has_point(motion):  # sum(x) moves as dx says, without an x

        def compared(at: Workspace, sizes: dict[str, int]) -> Check:
            error = _error(moving(at, task, sizes), formula, sizes)
            method = "central differences at random values"
            return Check(method, error, error < independent.AGREE)

        return at_some(ws, ws.line(motion.of.name), compared)
    note, near = None, motion
    env = motion.ws.reference(motion.of)
    if independent.kink_distance(motion.path, env) < independent.NEAR_KINK:
        moved = step_aside(motion.ws, Chain(motion.ws, motion.of, motion.wrt))
        if moved is None:
            return Check.impossible(ALL_KINKS)
        near = Motion(moved, motion.of, motion.wrt, motion.along)
        note = AT_A_KINK
    error = _error(near, formula, {})
    return Check("central difference along the direction", error, error < independent.AGREE, note)


def _has_point(motion: Motion) -> bool:
    ws = motion.ws
    below = ws.graph.below([motion.of, motion.along])
    return all(ws.numbers[x.name] is not None for x in below if x.op is None)


def _error(motion: Motion, formula: Expr | None, sizes: dict[str, int]) -> float:
    """The last differential against a difference, reverse mode and the printed formula."""
    final, ws = motion.final, motion.ws
    direction = ws.paper(motion.along)
    if final is None or final.value is None or direction is None:
        return float("inf")
    f, x = function(ws, motion.of, [motion.wrt])
    d = direction.floats().ravel()
    got = paper_value(motion.of, final.value).floats()
    got = got.reshape(()) if motion.of.has_one_entry else got
    if not d.any():
        return float(np.max(np.abs(got)))
    wants = [independent.differences(f, x, d, h) for h in independent.STEPS]
    error = min(independent.relative_error(got, want.reshape(got.shape)) for want in wants)
    slope = _slope(motion)
    if slope is not None:
        both = np.asarray(np.sum(slope.floats().ravel() * d))
        error = max(error, independent.relative_error(got, both))
    printed = None if formula is None else printed_value(ws, formula, sizes)
    if printed is not None:
        error = max(error, printed_error(printed, paper_value(motion.of, final.value).floats()))
    return error
