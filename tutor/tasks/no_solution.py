"""Why no values of the unknowns give the wanted shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

from ..errors import ShapeError
from ..expr import Name
from ..steps import Text
from .shape_search import Goal

_MOST = 2_000  # beyond so many candidates, trying them all takes too long


def reasons(goals: Sequence[Goal], spans: Mapping[str, range]) -> list[Text]:
    """For each axis that never gets its wanted size, the nearest sizes that it gets."""
    if prod(len(s) for s in spans.values()) > _MOST:
        return []
    found = []
    for goal in goals:
        shapes = _attained(goal, spans)
        if not shapes:
            words = "No candidate fits through the layers to {y}."
            found.append(Text(words, {"y": Name(goal.chain.node)}))
            continue
        for axis, size in enumerate(goal.target):
            sizes = sorted({shape[axis] for shape in shapes})
            if size not in sizes:
                found.append(_missed(goal, axis, size, sizes))
    return found


def _missed(goal: Goal, axis: int, size: int, sizes: Sequence[int]) -> Text:
    near = [n for n in sizes if n < size][-1:] + [n for n in sizes if n > size][:1]
    holes = {"i": axis, "y": Name(goal.chain.node), "n": size, "a": near[0], "b": near[-1]}
    if len(sizes) == 1:
        words = "Axis {i} of {y} is never {n}, but always {a}: the unknowns do not change it."
    elif len(near) == 1:
        words = "Axis {i} of {y} is never {n}; the nearest that it gets is {a}."
    else:
        words = "Axis {i} of {y} is never {n}; the nearest that it gets is {a} or {b}."
    return Text(words, {k: v for k, v in holes.items() if f"{{{k}}}" in words})


def _attained(goal: Goal, spans: Mapping[str, range]) -> list[tuple[int, ...]]:
    """The node's shape for every candidate that fits through the layers."""
    shapes = []
    for combination in product(*spans.values()):
        try:
            shapes.append(goal.chain.run(dict(zip(spans, combination, strict=True)))[1])
        except ShapeError:
            continue
    return shapes
