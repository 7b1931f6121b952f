"""Receptive fields: how many input entries one output entry sees along each spatial axis.

The entries that output o sees form an interval. It moves on in a pattern: after `outputs` positions
it is the same again, `inputs` entries further on (a plain stack of windows has outputs = 1 and
inputs = the product of the strides so far, the jump). The field is the longest interval. Where
branches meet, an output sees what any of them sees. Borders are left aside, as usual: the field may
reach beyond the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, lcm

from ..problem.applied import Applied, AppliedPart
from ..problem.layer_spec import Slide

MOST = 512  # positions in a pattern
Size = tuple[int, ...] | None


@dataclass(frozen=True)
class Reach:
    """What the outputs 0 … outputs − 1 see along one axis, first and last entry of each."""

    intervals: tuple[tuple[int, int], ...] = ((0, 0),)
    inputs: int = 1

    @property
    def size(self) -> int:
        return max(last - first + 1 for first, last in self.intervals)

    @property
    def offset(self) -> int:
        """Where the field of the first output begins; below 0 in the padding."""
        return self.intervals[0][0]

    @property
    def jump(self) -> int | None:
        """How far the interval moves from one output to the next; None if not evenly."""
        return self.inputs if len(self.intervals) == 1 else None

    def at(self, o: int) -> tuple[int, int]:
        turns, place = divmod(o, len(self.intervals))
        first, last = self.intervals[place]
        return first + turns * self.inputs, last + turns * self.inputs

    def through(self, slide: Slide) -> Reach | None:
        """What the outputs of a layer behind this one see; None if the pattern is too long."""
        outputs, inputs = slide.period
        turns = len(self.intervals) // gcd(len(self.intervals), inputs)
        if outputs * turns > MOST:
            return None
        seen = []
        for o in range(outputs * turns):
            first, last = slide.source(o)
            seen.append((self.at(first)[0], self.at(last)[1]))
        return Reach(tuple(seen), self.inputs * (inputs * turns) // len(self.intervals))


Field = tuple[Reach, ...] | None  # one per axis; None where there are no spatial axes (any more)


def fields(parts: Sequence[AppliedPart], axes: int) -> dict[str, tuple[Field, Field]]:
    """The fields before and behind each layer, by the layers' names."""
    found: dict[str, tuple[Field, Field]] = {}
    _follow(parts, (Reach(),) * axes if axes > 0 else None, found)
    return found


def _follow(
    parts: Sequence[AppliedPart], field: Field, found: dict[str, tuple[Field, Field]]
) -> Field:
    for part in parts:
        before = field
        if isinstance(part, Applied):
            field = behind(part, before)
            found[part.name] = (before, field)
        elif part.parallel:
            field = _together([_follow(branch, before, found) for branch in part.branches])
        else:
            for branch in part.branches:
                field = _follow(branch, field, found)
    return field


def behind(layer: Applied, field: Field) -> Field:
    """The field behind one layer."""
    if field is None or layer.spec.receptive == "loses":
        return None
    if not layer.spec.slides:
        return field
    slides = layer.slides
    if len(slides) != len(field):
        return None
    reached = [reach.through(slide) for reach, slide in zip(field, slides, strict=True)]
    return None if None in reached else tuple(r for r in reached if r is not None)


def _together(branches: Sequence[Field]) -> Field:
    """Behind a block, along each axis all that one of the branches sees."""
    known = [b for b in branches if b is not None]
    if len(known) < len(branches):
        return None
    joined = [_hull(reaches) for reaches in zip(*known, strict=True)]
    return None if None in joined else tuple(r for r in joined if r is not None)


def _hull(reaches: Sequence[Reach]) -> Reach | None:
    """From the first entry that one of them sees to the last; None if they drift apart."""
    outputs = lcm(*(len(r.intervals) for r in reaches))
    inputs = {r.inputs * (outputs // len(r.intervals)) for r in reaches}
    if len(inputs) > 1 or outputs > MOST:
        return None
    seen = [[r.at(o) for r in reaches] for o in range(outputs)]
    hulls = [(min(first for first, _ in s), max(last for _, last in s)) for s in seen]
    return Reach(tuple(hulls), inputs.pop())


def size(field: Field) -> Size:
    return None if field is None else tuple(reach.size for reach in field)


def strides(field: Field) -> tuple[int | None, ...] | None:
    """Along each axis how far apart the fields of neighbouring outputs are; None if not evenly."""
    return None if field is None else tuple(reach.jump for reach in field)


def offsets(field: Field) -> Size:
    return None if field is None else tuple(reach.offset for reach in field)
