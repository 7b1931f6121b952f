"""The steps about one layer: output size, parameters, neurons, multiply-adds, receptive field."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ..expr import Binary, Expr, Name
from ..problem.applied import Applied
from ..problem.layer_spec import Product, Window, total
from ..steps import Step, Text
from . import size_equation
from .arithmetic import by, ceil_of, num, plus, times

Field = tuple[int, ...] | None


class StepList:
    """The list of steps, numbered as it grows."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.done: list[Step] = []

    def add(
        self,
        kind: str,
        rule: str,
        title: Text,
        equation: tuple[Expr, ...],
        why: Text,
        level: int = 1,
        shape: tuple[int, ...] = (),
    ) -> None:
        id_ = f"{self.task}.{len(self.done) + 1}"
        step = Step(id_, kind, rule, title, equation, why=why, shape=shape, level=level)
        self.done.append(step)


# --- one layer -----------------------------------------------------------------------------------


def layer_steps(steps: StepList, layer: Applied) -> None:
    windows = layer.windows
    if windows and len(set(_numbers(w) for w in windows)) == 1:
        axes = " and ".join(w.axis for w in windows)
        _size_step(steps, layer, windows[0], axes, "n_out", "")
    else:
        for w in windows:
            suffix = "" if len(windows) == 1 else f"_{w.axis[0]}"
            _size_step(steps, layer, w, w.axis, f"n{suffix}_out", suffix)
    title = Text("{layer}: {before} → {after}", _sizes(layer))
    steps.add("shape", "output shape", title, (), Text(layer.spec.law), shape=layer.output)
    counts = layer.counts
    if not counts.weights:
        return
    parameters = (*counts.weights, *counts.biases)
    steps.add(
        "closed",
        "parameter count",
        Text("{layer}: parameters", {"layer": layer.name}),
        _count(Name("N"), parameters),
        _parameter_reason(layer),
    )
    neurons = tuple(num(n) for n in layer.output)
    steps.add(
        "closed",
        "neuron count",
        Text("{layer}: neurons", {"layer": layer.name}),
        _worked(Name("neurons"), times(*neurons), prod(layer.output)),
        Text("Each entry of the output {shape} is one neuron.", {"shape": by(layer.output)}),
        level=2,
    )
    steps.add(
        "closed",
        "multiply-add count",
        Text("{layer}: multiply-adds", {"layer": layer.name}),
        _count(Name("MACs"), counts.macs),
        Text("Each output is a sum of {n} products; biases do not count.", {"n": _fan_in(layer)}),
    )


def _numbers(w: Window) -> tuple[Any, ...]:
    return (w.size, w.kernel, w.stride, w.before, w.after, w.dilation, w.ceil_mode)


def _sizes(layer: Applied) -> dict[str, Any]:
    return {"layer": layer.name, "before": by(layer.input), "after": by(layer.output)}


def _size_step(
    steps: StepList, layer: Applied, w: Window, axes: str, name: str, suffix: str
) -> None:
    if size_equation.drops_window(w):
        why = Text(
            "The size is rounded up, but the last window would start behind the input and is "
            "left out."
        )
    elif w.ceil_mode:
        why = Text("The size is rounded up: a last window may hang over the end.")
    elif layer.args["padding"] == "same":
        why = Text(
            "Padding “same” adds as many zeros as give {size} outputs (before: {before}, after: "
            "{after}), for a kernel that spans {span} entries.",
            {
                "before": w.before,
                "after": w.after,
                "size": ceil_of(Binary("/", num(w.size), num(w.stride))),
                "span": w.dilation * (w.kernel - 1) + 1,
            },
        )
    else:
        why = Text(
            "The window spans {span} of {n} entries with padding; it fits once, and once more for "
            "each whole stride of {s} that is left.",
            {
                "span": w.dilation * (w.kernel - 1) + 1,
                "n": w.size + w.before + w.after,
                "s": w.stride,
            },
        )
    title = Text("{layer}: {axes} of the output", {"layer": layer.name, "axes": axes})
    steps.add("shape", "output size", title, size_equation.chain(w, name, suffix), why)


def _letters(products: Sequence[Product]) -> Expr:
    return plus(*(times(*(symbol for symbol, _ in p)) for p in products))


def _figures(products: Sequence[Product]) -> Expr:
    return plus(*(times(*(num(n) for _, n in p)) for p in products))


def _count(name: Expr, products: Sequence[Product]) -> tuple[Expr, ...]:
    return (name, _letters(products), *_worked(name, _figures(products), total(products))[1:])


def _worked(name: Expr, figures: Expr, result: int) -> tuple[Expr, ...]:
    """name = figures = result, without saying the same number twice."""
    return (name, num(result)) if figures == num(result) else (name, figures, num(result))


def _fan_in(layer: Applied) -> int:
    return total(layer.counts.weights) // _filters(layer)


def _filters(layer: Applied) -> int:
    """The output channels of a convolution, the output features of a linear layer."""
    return layer.output[0] if layer.spec.axes else layer.output[-1]


def _parameter_reason(layer: Applied) -> Text:
    bias = layer.args["bias"]
    if not layer.spec.axes:
        words = "Each of the {n} outputs has {k} weights" + (" and one bias." if bias else ".")
    elif layer.args["groups"] > 1:
        words = "With {g} groups each of the {n} filters sees {c} of {C} channels: {k} weights" + (
            " and one bias each." if bias else " each."
        )
    else:
        words = "Each of the {n} filters reaches through all {C} channels: {k} weights" + (
            " and one bias." if bias else "."
        )
    if layer.spec.axes:
        words += " They are shared by all positions, so the image's size does not matter."
    holes: dict[str, Any] = {"n": _filters(layer), "k": _fan_in(layer), "C": layer.input[0]}
    if "{g}" in words:
        groups = layer.args["groups"]
        holes |= {"g": groups, "c": layer.input[0] // groups}
    return Text(words, {k: v for k, v in holes.items() if f"{{{k}}}" in words})


# --- receptive field -----------------------------------------------------------------------------


def receptive_fields(layers: Sequence[Applied], axes: int) -> list[Field]:
    """How many input entries one output entry sees along each spatial axis, layer by layer.

    r grows by (k − 1)·d·j, where j is the product of the strides so far; padding does not matter.
    None where there is no spatial axis (any more).
    """
    field: Field = (1,) * axes if axes else None
    jump = [1] * axes
    fields = []
    for layer in layers:
        if layer.spec.receptive == "loses":
            field = None
        elif field is not None and layer.windows:
            windows = layer.windows
            field = tuple(
                r + (w.kernel - 1) * w.dilation * j
                for r, w, j in zip(field, windows, jump, strict=True)
            )
            jump = [j * w.stride for j, w in zip(jump, windows, strict=True)]
        fields.append(field)
    return fields


def field_steps(steps: StepList, layers: Sequence[Applied], fields: Sequence[Field]) -> None:
    jumps = [1, 1]
    before: Field = (1, 1)
    for layer, field in zip(layers, fields, strict=True):
        if field is None:
            return
        windows = layer.windows
        distinct = {
            (r, _numbers(w)[1:], j) for r, w, j in zip(before, windows, jumps, strict=False)
        }
        for i, w in enumerate(windows):
            if i and len(distinct) == 1:
                continue
            figures = plus(num(before[i]), times(num(w.kernel - 1), num(w.dilation), num(jumps[i])))
            axis = " and ".join(x.axis for x in windows) if len(distinct) == 1 else w.axis
            steps.add(
                "closed",
                "receptive field",
                Text("{layer}: receptive field, {axis}", {"layer": layer.name, "axis": axis}),
                (Name("r"), figures, num(field[i])),
                Text(
                    "The field grows by the window's reach, in steps of the strides so far "
                    "(their product is {j}).",
                    {"j": jumps[i]},
                ),
                level=2,
            )
        jumps = [j * w.stride for j, w in zip(jumps, windows, strict=False)] or jumps
        before = field
