"""The steps about the layers: output size, parameters, neurons, multiply-adds, receptive field.

What holds for several layers in the same words and numbers is said once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from ..expr import Expr, Name
from ..problem.applied import Applied
from ..problem.layer_spec import Product, Window, axis_words, total
from ..steps import Step, Text, all_of, in_turn
from .arithmetic import by, num, plus, times
from .receptive import Field
from .slide_steps import numbers, told

_NAMED = 3  # layers and ranges of them that a title lists


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
        why: Text | None,
        level: int = 1,
        shape: tuple[int, ...] = (),
    ) -> None:
        id_ = f"{self.task}.{len(self.done) + 1}"
        step = Step(id_, kind, rule, title, equation, why=why, shape=shape, level=level)
        self.done.append(step)


@dataclass
class Draft:
    """A step before it is known for how many layers it holds."""

    kind: str
    rule: str
    topic: Text  # with a hole {layer}
    equation: tuple[Expr, ...]
    why: Text | None
    level: int = 1
    shape: tuple[int, ...] = ()
    about: str = ""  # the layer's type
    sizes: tuple[Any, ...] = ()
    layers: list[str] = field(default_factory=list)

    @property
    def key(self) -> tuple[Any, ...]:
        said = (_plain(self.topic), self.equation, _plain(self.why))
        return (self.rule, self.about, self.sizes, *said)


def _plain(words: Text | None) -> tuple[Any, ...]:
    return () if words is None else (words.message, *words.args.items())


def merged(drafts: Iterable[Draft]) -> list[Draft]:
    """Drafts that say the same become one, where the first stood."""
    found: dict[Any, Draft] = {}
    for draft in drafts:
        found.setdefault(draft.key, draft).layers.extend(draft.layers)
    return list(found.values())


def named(names: Sequence[str]) -> Text:
    """Layers of one type in words: `relu_1`, `relu_1 to relu_3`, `relu_1, relu_4 and 7 more`."""
    runs: list[list[str]] = []
    for name in dict.fromkeys(names):
        last = int(runs[-1][-1].rpartition("_")[2]) if runs else -1
        if int(name.rpartition("_")[2]) == last + 1:
            runs[-1].append(name)
        else:
            runs.append([name])
    runs = [part for run in runs for part in ([run] if len(run) > 2 else [[n] for n in run])]
    words = [
        Text("{a}", {"a": run[0]})
        if len(run) == 1
        else Text("{a} to {b}", {"a": run[0], "b": run[-1]})
        for run in runs
    ]
    if len(words) > _NAMED:
        rest = sum(len(run) for run in runs[_NAMED - 1 :])
        return Text("{some} and {n} more", {"some": tuple(words[: _NAMED - 1]), "n": rest})
    return all_of(words)


# --- one layer -----------------------------------------------------------------------------------


def layers_steps(
    steps: StepList, layers: Sequence[Applied], fields: Mapping[str, tuple[Field, Field]]
) -> None:
    """All steps about the layers, what several have in common told once."""
    drafts = [d for layer in layers for d in _drafts(layer)]
    laws = set()
    for draft in merged(_kept_together(drafts)):
        if draft.rule == "output shape":
            if (law := (draft.about, draft.why.message if draft.why else "")) in laws:
                draft.why = None
            laws.add(law)
        topic = replace(draft.topic, args={"layer": named(draft.layers), **draft.topic.args})
        steps.add(
            draft.kind, draft.rule, topic, draft.equation, draft.why, draft.level, draft.shape
        )
    for layer in layers:
        _field_steps(steps, layer, *fields[layer.name])


def _kept_together(drafts: Sequence[Draft]) -> list[Draft]:
    """Layers of one type that keep different shapes: the shapes are left to the table."""
    shapes: dict[str, set[tuple[int, ...]]] = {}
    for d in drafts:
        if d.topic.message == _KEPT:
            shapes.setdefault(d.about, set()).add(d.shape)
    out = []
    for d in drafts:
        if d.topic.message == _KEPT and len(shapes[d.about]) > 1:
            d.topic, d.shape = Text("{layer}: the same sizes in and out"), ()
        out.append(d)
    return out


_KEPT = "{layer}: {after}, as before"


def _drafts(layer: Applied) -> list[Draft]:
    drafts = _size_drafts(layer)
    sizes = {"before": by(layer.input), "after": by(layer.output)}
    if layer.spec.keeps:
        topic = Text(_KEPT, {"after": sizes["after"]})
    else:
        topic = Text("{layer}: {before} → {after}", sizes)
    law = Text(layer.spec.law)
    drafts.append(Draft("shape", "output shape", topic, (), law, 1, layer.output))
    counts = layer.counts
    if counts.weights:
        reasons = layer.spec.reasons(layer.input, layer.args, layer.output)
        parameters = (*counts.weights, *counts.biases)
        drafts.append(
            Draft(
                "shape",
                "parameter count",
                Text("{layer}: parameters"),
                _count(Name("N"), parameters),
                reasons[0],
            )
        )
        neurons = tuple(num(n) for n in layer.output)
        drafts.append(
            Draft(
                "shape",
                "neuron count",
                Text("{layer}: neurons"),
                _worked(Name("neurons"), times(*neurons), prod(layer.output)),
                Text(
                    "Each entry of the output {shape} is one neuron.", {"shape": by(layer.output)}
                ),
                2,
            )
        )
        if counts.macs:
            drafts.append(
                Draft(
                    "shape",
                    "multiply-add count",
                    Text("{layer}: multiply-adds"),
                    _count(Name("MACs"), counts.macs),
                    reasons[1],
                )
            )
    for draft in drafts:
        draft.about = layer.spec.type
        if draft.rule == "output shape":  # told with the sizes that it follows from
            draft.sizes = tuple(d.equation for d in drafts if d.rule == "output size")
        draft.layers.append(layer.name)
    return drafts


def _size_drafts(layer: Applied) -> list[Draft]:
    slides, drafts = layer.slides, []
    same = layer.args.get("padding") == "same"
    alike = len({numbers(s) for s in slides}) == 1
    for slide in slides[:1] if alike else slides:
        suffix = "" if alike else f"_{slide.axis[0]}"
        axes = axis_words([s.axis for s in slides] if alike else [slide.axis])
        equation, why = told(slide, f"n{suffix}_out", suffix, same)
        topic = Text("{layer}: {axes} of the output", {"axes": axes})
        drafts.append(Draft("shape", "output size", topic, equation, why))
    return drafts


def _letters(products: Sequence[Product]) -> Expr:
    return plus(*(times(*(symbol for symbol, _ in p)) for p in products))


def _figures(products: Sequence[Product]) -> Expr:
    return plus(*(times(*(num(n) for _, n in p)) for p in products))


def _count(name: Expr, products: Sequence[Product]) -> tuple[Expr, ...]:
    return (name, _letters(products), *_worked(name, _figures(products), total(products))[1:])


def _worked(name: Expr, figures: Expr, result: int) -> tuple[Expr, ...]:
    """name = figures = result, without saying the same number twice."""
    return (name, num(result)) if figures == num(result) else (name, figures, num(result))


# --- receptive field -----------------------------------------------------------------------------


def _field_steps(steps: StepList, layer: Applied, before: Field, after: Field) -> None:
    if before is None or after is None or not layer.slides:
        return
    told_axes: dict[Any, tuple[Text, list[str]]] = {}
    for i, slide in enumerate(layer.slides):
        r, jump, grown = before[i].size, before[i].jump, after[i].size
        if isinstance(slide, Window) and jump is not None:
            reach = times(num(slide.kernel - 1), num(slide.dilation), num(jump))
            equation = (Name("r"), plus(num(r), reach), num(grown))
            why = Text(
                "The field grows by the window's reach, in steps of the strides so far "
                "(their product is {j}).",
                {"j": jump},
            )
            if after[i].jump is not None:
                spread = Text(
                    "The fields of neighbouring outputs begin {j} apart, the first one at {o}, "
                    "where the input begins at 0.",
                    {"j": after[i].jump, "o": num(after[i].offset)},
                )
                why = in_turn(why, spread)
        else:
            equation = (Name("r"), num(grown))
            why = Text(
                "The inputs that one output sees, followed back to the start: {r}.", {"r": grown}
            )
        told_axes.setdefault((equation, _plain(why)), (why, []))[1].append(slide.axis)
    for (equation, _), (why, axes) in told_axes.items():
        names = {"layer": layer.name, "axis": axis_words(axes)}
        title = Text("{layer}: receptive field, {axis}", names)
        steps.add("shape", "receptive field", title, equation, why, level=2)
