"""Why no values of the unknowns give the wanted shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

from ..errors import ShapeError
from ..expr import Name
from ..steps import Text, in_turn
from .shape_search import Goal, Values

_SHOWN = 6  # numbers in a sentence
_MOST = 2_000  # beyond so many candidates, trying them all takes too long


def reasons(goals: Sequence[Goal], spans: Mapping[str, range]) -> list[Text]:
    """For each axis that never gets its wanted size, the nearest sizes that it gets."""
    if prod(len(s) for s in spans.values()) > _MOST:
        return []
    found = []
    for goal in goals:
        shapes, refused = _attained(goal, spans)
        conflicts = _conflicts(goal, spans)
        found += conflicts
        if not shapes and conflicts:
            continue
        if not shapes:
            words = "No candidate fits through the layers to {y}."
            found.append(Text(words, {"y": goal.chain.called}))
            continue
        for axis, size in enumerate(goal.target):
            sizes = sorted({shape[axis] for shape in shapes})
            if size not in sizes:
                found.append(_missed(goal, axis, size, sizes, bool(refused)))
                found += _refusal(size, refused)
    return list(dict.fromkeys(found)) or _apart(goals, spans)


def _apart(goals: Sequence[Goal], spans: Mapping[str, range]) -> list[Text]:
    """Two axes that need different numbers of the one unknown, where each gets its size alone."""
    if len(spans) != 1:
        return []
    ((name, span),) = spans.items()
    needs: list[tuple[Text, list[int]]] = []
    for goal in goals:
        chain, size = goal.chain, goal.target
        shapes = {v: shape for v in span if (shape := _shape(goal, {name: v})) is not None}
        for axis, n in enumerate(size):
            fits = [v for v, shape in shapes.items() if shape[axis] == n]
            holes = {"i": axis + chain.of_network, "y": chain.called, "n": n}
            holes |= {"u": Name(name), "list": _listed(fits)}
            needs.append((Text("Axis {i} of {y} is {n} for {u} = {list}.", holes), fits))
    for k, (first, one) in enumerate(needs):
        for second, other in needs[:k]:
            if not set(one) & set(other):
                return [in_turn(second, first, Text("No number does both."))]
    return []


def _listed(numbers: Sequence[int]) -> Text:
    """A run of neighbours by its ends, other numbers one by one."""
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return Text("{a} to {b}", {"a": numbers[0], "b": numbers[-1]})
    shown = ", ".join(map(str, numbers[:_SHOWN])) + ", …" * (len(numbers) > _SHOWN)
    return Text("{a}", {"a": shown})


def _shape(goal: Goal, values: Values) -> tuple[int, ...] | None:
    try:
        return goal.relaxed.run(values)[0]
    except ShapeError:
        return None


def _refusal(size: int, refused: Sequence[tuple[Values, str]]) -> list[Text]:
    """Why the layers do not take what would give the size: an unknown that is this size itself."""
    for values, said in refused:
        for name, n in values.items():
            if n == size:
                holes = {"u": Name(name), "n": n, "why": said}
                return [Text("{u} = {n} does not fit: {why}.", holes)]
    return []


def _missed(goal: Goal, axis: int, size: int, sizes: Sequence[int], refused: bool) -> Text:
    """`refused`: whether other candidates do not fit through the layers at all."""
    near = [n for n in sizes if n < size][-1:] + [n for n in sizes if n > size][:1]
    chain = goal.chain
    i = axis + chain.of_network  # the batch is axis 0 of a network
    holes = {"i": i, "y": chain.called, "n": size, "a": near[0], "b": near[-1]}
    if len(sizes) == 1 and refused:
        words = "Axis {i} of {y} is never {n}: where all layers fit, it is {a}."
    elif len(sizes) == 1:
        words = "Axis {i} of {y} is never {n}, but always {a}: the unknowns do not change it."
    elif len(near) == 1:
        words = "Axis {i} of {y} is never {n}; the nearest that it gets is {a}."
    else:
        words = "Axis {i} of {y} is never {n}; the nearest that it gets is {a} or {b}."
    return Text(words, {k: v for k, v in holes.items() if f"{{{k}}}" in words})


def _attained(
    goal: Goal, spans: Mapping[str, range]
) -> tuple[list[tuple[int, ...]], list[tuple[Values, str]]]:
    """The node's shape for each candidate that fits through the layers; the others, and why not."""
    shapes, refused = [], []
    for combination in product(*spans.values()):
        values = dict(zip(spans, combination, strict=True))
        try:
            shapes.append(goal.relaxed.run(values)[0])
        except ShapeError as error:
            refused.append((values, error.message))
    return shapes, refused


def _conflicts(goal: Goal, spans: Mapping[str, range]) -> list[Text]:
    """Layers that are told a size that never arrives, or one name for two sizes."""
    arrive: dict[tuple[str, str], dict[int, None]] = {}
    told: dict[tuple[str, str], int | Name] = {}
    for combination in product(*spans.values()):
        try:
            demands = goal.relaxed.run(dict(zip(spans, combination, strict=True)))[1]
        except ShapeError:
            continue
        for d in demands:
            told[d.name, d.argument] = d.told
            arrive.setdefault((d.name, d.argument), {})[d.arrives] = None
    found, fixed = [], {}
    for (layer, argument), sizes in arrive.items():
        wanted = told[layer, argument]
        if isinstance(wanted, int) and wanted not in sizes:
            near = sorted(sizes, key=lambda n: (abs(n - wanted), n))[0]
            holes = {"layer": layer, "n": wanted, "a": near}
            words = "{layer} is told that {n} arrive, but what comes nearest to it is {a}."
            found.append(Text(words, holes))
        if isinstance(wanted, Name) and wanted.id not in spans and len(sizes) == 1:
            (size,) = sizes
            other, number = fixed.setdefault(wanted.id, (layer, size))
            if number != size:
                holes = {"u": wanted, "a": number, "b": size, "one": other, "other": layer}
                words = "{u} would have to be {a} at {one} and {b} at {other}."
                found.append(Text(words, holes))
    return found
