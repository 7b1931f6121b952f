"""The steps that add up the layers: parameters, weights, multiply-adds, memory."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ..expr import Expr
from ..problem.applied import Applied
from ..problem.layer_spec import total
from ..steps import Text, all_of
from .arithmetic import num, plus, times
from .drafts import StepList

FLOAT32_BYTES = 4
_LONGEST_SUM = 8  # of more layers those of each type are summed first


def total_steps(steps: StepList, layers: Sequence[Applied]) -> None:
    """The sums over all layers."""
    counted = [layer for layer in layers if layer.counts.weights]
    weights = [total(layer.counts.weights) for layer in counted]
    everything = [w + total(x.counts.biases) for w, x in zip(weights, counted, strict=True)]
    macs = [total(layer.counts.macs) for layer in counted]
    entries = sum(prod(layer.output) for layer in layers)
    _sum_step(
        steps,
        Text("Parameters in total"),
        counted,
        everything,
        Text("Layers without parameters add nothing."),
        level=0,
    )
    _sum_step(
        steps,
        Text("Weights, without the biases"),
        counted,
        weights,
        Text(
            "The other {n} parameters are biases.",
            {"n": biases},
            one="The other parameter is a bias.",
        )
        if (biases := sum(everything) - sum(weights))
        else Text("There are no biases."),
    )
    _sum_step(
        steps,
        Text("Multiply-adds in total, for one example"),
        counted,
        macs,
        Text("Biases, pools, norms and activations count 0."),
        level=0,
    )
    steps.add(
        "value",
        "sum",
        Text("Memory for all outputs of one example, in bytes"),
        (times(num(FLOAT32_BYTES), num(entries)), num(FLOAT32_BYTES * entries)),
        Text(
            "The outputs of all layers together have {n} entries; a number in single precision "
            "(float32) takes {b} bytes.",
            {"n": entries, "b": FLOAT32_BYTES},
        ),
    )


def _sum_step(
    steps: StepList,
    title: Text,
    layers: Sequence[Applied],
    numbers: Sequence[int],
    why: Text,
    level: int = 1,
) -> None:
    """The sum of the numbers that are not 0; of many, type by type."""
    terms = [n for n in numbers if n]
    if len(terms) > _LONGEST_SUM:
        by_type: dict[str, int] = {}
        for layer, n in zip(layers, numbers, strict=True):
            if n:
                by_type[layer.spec.type] = by_type.get(layer.spec.type, 0) + n
        terms = list(by_type.values())
        title = Text("{title} ({list})", {"title": title, "list": all_of(list(by_type))})
    steps.add("value", "sum", title, _sum(terms), why, level)


def _sum(terms: Sequence[int]) -> tuple[Expr, ...]:
    result = num(sum(terms))
    return (result,) if len(terms) < 2 else (plus(*map(num, terms)), result)
