"""Sizes that a layer is told although its input has them: `in_features` of a Linear layer.

Such a size is no free choice. A chain is therefore run without it, as if the layer read it off, and
what arrives is compared with what was told; an unknown that stands nowhere else is solved that way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ShapeError
from ..expr import Name
from ..problem.layer_spec import Shape
from ..problem.layers import LAYERS
from ..problem.model import Block, Layer
from .shape_chain import Chain, Part

# the axis of an example whose size an argument repeats
READ_OFF = {
    "in_features": -1,
    "in_channels": 0,
    "num_features": 0,
    "num_channels": 0,
    "input_size": -1,
    "embed_dim": -1,
    "d_model": -1,
    "normalized_shape": -1,
}


@dataclass(frozen=True)
class Demand:
    """What the layer `name` is told under `argument`, and what arrives there."""

    name: str
    argument: str
    told: int | Name
    arrives: int
    input: Shape

    @property
    def channels(self) -> bool:
        return READ_OFF[self.argument] == 0


class Relaxed:
    """A chain whose layers are told no size that they can read off their input."""

    def __init__(self, chain: Chain) -> None:
        self._told: dict[int, Mapping[str, Any]] = {}
        stages = tuple(replace(s, part=self._part(s.part)) for s in chain.stages)
        self.chain = replace(chain, stages=stages)

    def _part(self, part: Part) -> Part:
        if isinstance(part, Block):
            inner = tuple(tuple(map(self._part, branch)) for branch in part.branches)
            return replace(part, branches=inner)
        signature = LAYERS[part.type].signature
        told = {
            k: v
            for k, v in part.args.items()
            if k in READ_OFF and k in signature and signature[k].default is None and v is not None
        }
        if not told:
            return part
        rest = {k: v for k, v in part.args.items() if k not in told}
        layer = Layer(part.type, rest, part.where, part.places)
        self._told[id(layer)] = told
        return layer

    def run(self, values: Mapping[str, int]) -> tuple[Shape, tuple[Demand, ...]]:
        """The node's shape, and every size that was told, in order."""
        layers, shape = self.chain.run(values)
        found = []
        for it in layers:
            for argument, value in self._told.get(id(it.layer), {}).items():
                sizes = value if isinstance(value, tuple | list) else (value,)
                first = READ_OFF[argument] if READ_OFF[argument] == 0 else -len(sizes)
                if len(sizes) > len(it.input):
                    raise ShapeError(
                        f"`{argument}` names more axes than the input of {it.name} has"
                    )
                found += [
                    Demand(it.name, argument, told, it.input[first + i], it.input)
                    for i, told in enumerate(sizes)
                ]
        return shape, tuple(found)


def read_off(
    runs: Sequence[Relaxed], values: Mapping[str, int], names: Collection[str]
) -> dict[str, int] | None:
    """The numbers that arrive where the names stand; None where no numbers do."""
    found: dict[str, int] = {}
    for relaxed in runs:
        try:
            _, demands = relaxed.run(values)
        except ShapeError:
            return None
        for d in demands:
            if not isinstance(d.told, Name) or d.told.id not in names:
                continue
            if found.setdefault(d.told.id, d.arrives) != d.arrives:
                return None
    return found
