"""The steps about the layers: output size, parameters, neurons, multiply-adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from ..expr import Expr, Name
from ..problem.applied import Applied
from ..problem.layer_spec import Product, axis_words, total
from ..steps import Text, in_turn
from .arithmetic import by, num, plus, times
from .drafts import Draft, StepList, merged, named
from .field_steps import field_drafts
from .receptive import Field
from .slide_steps import numbers, told


def layers_steps(
    steps: StepList, layers: Sequence[Applied], fields: Mapping[str, tuple[Field, Field]]
) -> None:
    """All steps about the layers, what several have in common told once."""
    drafts = _kept_together([d for layer in layers for d in _drafts(layer)])
    seen = [d for layer in layers for d in field_drafts(layer, *fields[layer.name])]
    laws = set()
    for draft in merged([*drafts, *seen]):
        why = draft.why
        about = draft.about if draft.rule == "output shape" else ""
        if draft.law is not None and (law := (about, draft.law.message)) not in laws:
            why = in_turn(draft.law, why)
            laws.add(law)
        topic = replace(draft.topic, args={"layer": named(draft.layers), **draft.topic.args})
        steps.add(draft.kind, draft.rule, topic, draft.equation, why, draft.level, draft.shape)


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
    drafts.append(Draft("shape", "output shape", topic, (), None, 1, layer.output, law))
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
        if counts.macs:
            drafts.append(_neurons(layer))
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


def _neurons(layer: Applied) -> Draft:
    figures = times(*(num(n) for n in layer.output))
    return Draft(
        "shape",
        "neuron count",
        Text("{layer}: neurons"),
        _worked(figures, num(prod(layer.output))),
        Text("Each entry of an output of size {size} is one neuron.", {"size": by(layer.output)}),
        2,
    )


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
    return (name, _letters(products), *_worked(_figures(products), num(total(products))))


def _worked(figures: Expr, result: Expr) -> tuple[Expr, ...]:
    """figures = result, without saying the same number twice."""
    return (result,) if figures == result else (figures, result)
