"""`stencil`: the kernel of a derivative, derived from Taylor expansions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import factorial
from typing import Any

from ..errors import InputError, did_you_mean
from ..expr import Expr, List
from ..problem.model import Problem, Task
from ..steps import Answer, Check, TaskResult, Text
from ..value import Value
from .arithmetic import agrees, num, rational
from .stencil_kernel import (
    MOST_NODES,
    SIDE,
    SIDES,
    Kernel,
    cross,
    kernel,
    nodes_for,
    observed_order,
    polynomial_error,
)
from .stencil_steps import derivative_symbol, difference, laplace_symbol, steps

Weights = tuple[Any, ...]  # fractions, or rows of fractions


def solve(problem: Problem, task: Task) -> TaskResult:
    """The smallest kernel of the wanted derivative, accuracy and side, with its error."""
    derivative, accuracy, dims, side = _arguments(task)
    line = kernel(derivative, accuracy, side)
    plane = cross(line) if dims == 2 else None
    weights: Weights = line.coefficients if plane is None else plane
    flipped = problem.convention.conv == "convolution"
    shown = flip(weights) if flipped else weights
    value = _value(shown)
    error = line.error
    return TaskResult(
        id=task.id,
        task="stencil",
        subject={"derivative": derivative, "accuracy": accuracy, "dims": dims, "side": side},
        heading=_heading(derivative, dims, side),
        steps=tuple(steps(task.id, line, side, accuracy, plane, flipped)),
        shape=value.shape,
        dims="×".join(map(str, value.shape if dims == 2 else (*value.shape, 1))),
        symbol=laplace_symbol() if dims == 2 else derivative_symbol(derivative),
        formula=matrix(shown) if dims == 2 else difference(line),
        value=value,
        extra={
            "kernel": value.strings(),
            "minimal_size": derivative + 1,
            "nodes": list(line.nodes),
            "order": line.order,
            "error": {"coefficient": str(error), "derivative": derivative + line.order},
        },
        check=recheck(line, plane),
        answer=_answer(task, shown, flip(shown), line),
        text=task.text,
        points=task.points,
        hint=task.hint,
    )


def _arguments(task: Task) -> tuple[int, int, int, str]:
    def fail(argument: str, message: str, hint: str | None = None) -> InputError:
        return InputError(message, hint=hint, where=task.places.get(argument, task.where))

    derivative, side = task.args["derivative"], task.args.get("side") or "central"
    if side not in SIDES:
        raise fail(
            "side",
            f"`side` is `{side}`, but must be `central`, `forward` or `backward`",
            did_you_mean(side, SIDES),
        )
    dims = task.args.get("dims") or 1
    accuracy = task.args.get("accuracy")
    if accuracy is None:
        accuracy = 2 if side == "central" else 1
    for argument, number in (("derivative", derivative), ("accuracy", accuracy)):
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise fail(
                argument,
                f"`{argument}` is {number}, but must be a whole number of at least 1",
                "an integral is a sum: convolve with ones"
                if argument == "derivative" and number in (0, -1)
                else None,
            )
    if dims not in (1, 2):
        raise fail("dims", f"`dims` is {dims}, but must be 1 or 2")
    if dims == 2 and derivative != 2:
        raise fail(
            "dims",
            f"`dims: 2` is the Laplacian, the sum of two second derivatives, but `derivative` is "
            f"{derivative}",
            "write `derivative: 2`, or leave out `dims`: a kernel along one axis is a row",
        )
    if derivative + accuracy > 2 * MOST_NODES or _size(derivative, accuracy, side) > MOST_NODES:
        raise fail("accuracy", f"the kernel would have more than {MOST_NODES} entries")
    return derivative, accuracy, dims, side


def _size(derivative: int, accuracy: int, side: str) -> int:
    return len(nodes_for(derivative, accuracy, side))


def _heading(derivative: int, dims: int, side: str) -> Text:
    if dims == 2:
        return Text("Kernel of the Laplacian ({side} differences)", {"side": SIDE[side]})
    holes = {"d": derivative_symbol(derivative), "side": SIDE[side]}
    return Text("Kernel of the derivative {d} ({side} differences)", holes)


def flip(weights: Weights) -> Weights:
    """The kernel turned by half a turn, as true convolution wants it."""
    rows = tuple(flip(w) if isinstance(w, tuple) else w for w in weights)
    return rows[::-1]


def matrix(weights: Weights) -> Expr:
    """The kernel as a term."""
    return List(tuple(matrix(w) if isinstance(w, tuple) else num(w) for w in weights))


def _value(weights: Weights) -> Value:
    import numpy as np
    import sympy as sp

    plane = isinstance(weights[0], tuple)
    shape = (len(weights), len(weights[0])) if plane else (len(weights),)
    data = np.empty(shape, dtype=object)
    for i, row in enumerate(weights):
        for j, c in enumerate(row if plane else (row,)):
            data[(i, j) if plane else i] = sp.Rational(c.numerator, c.denominator)
    return Value(data)


def recheck(line: Kernel, plane: Sequence[Sequence[Fraction]] | None) -> Check:
    """Exact on the polynomials that it must differentiate exactly, of the right order on a sine."""
    worst = polynomial_error(line, plane)
    order = observed_order(line, plane)
    passed = worst == 0 and abs(order - line.order) < 0.1
    note = Text(
        "On a sine the error falls with the power {observed} of h; expected is {order}.",
        {"observed": f"{order:.3f}", "order": line.order},
    )
    return Check("exact polynomials, and a sine with two step sizes", float(worst), passed, note)


def _answer(task: Task, shown: Weights, other: Weights, line: Kernel) -> Answer | None:
    if task.answer is None:
        return None
    if isinstance(task.answer, Mapping):
        known = {"kernel": shown, "minimal_size": line.derivative + 1, "order": line.order}
        for key in task.answer:
            if key not in known:
                raise InputError(
                    f"`stencil` has no result `{key}`",
                    hint=did_you_mean(key, known) or "it has `kernel`, `minimal_size`, `order`",
                    where=task.places.get("answer", task.where),
                )
        correct = all(agrees(a, known[k], task.tolerance) for k, a in task.answer.items())
        return Answer(task.answer_json, correct)
    if agrees(task.answer, shown, task.tolerance):
        return Answer(task.answer_json, True)
    note = None
    if agrees(task.answer, other, task.tolerance):
        note = Text("This is the flipped kernel: convolution and cross-correlation differ in that.")
    elif _is_multiple(task.answer, shown):
        note = Text(
            "This is a multiple of the kernel: the moment that belongs to the derivative must be "
            "{n}.",
            {"n": factorial(line.derivative)},
        )
    return Answer(task.answer_json, False, note)


def _flat(x: Any) -> list[Fraction | None]:
    if isinstance(x, List):
        x = x.items
    if isinstance(x, tuple | list):
        return [n for part in x for n in _flat(part)]
    return [rational(x)]


def _is_multiple(answer: Any, weights: Weights) -> bool:
    got, want = _flat(answer), _flat(weights)
    if len(got) != len(want) or None in got:
        return False
    ratios = {g / w for g, w in zip(got, want, strict=True) if w and g is not None}
    zeros = all(g == 0 for g, w in zip(got, want, strict=True) if not w)
    return zeros and len(ratios) == 1
