"""What the layers of a network are called, and which one a name that none has may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import did_you_mean

if TYPE_CHECKING:  # model imports numpy
    from .applied import Namer
    from .model import Block, Layer, Network

_LISTED = 12  # names in a hint


def layer_names(network: Network) -> tuple[str, ...]:
    """The layers as `parameters` prints them, repeats written out, and where branches meet.

    The end of a block with branches has the name that it has as a definition: `residual_1`.
    """
    from .applied import Namer, check_size

    check_size(network)
    return tuple(_names(network.layers, Namer()))


def _names(parts: Sequence[Layer | Block], name: Namer) -> Iterator[str]:
    from .applied import PARALLEL
    from .model import Block

    for part in parts:
        if not isinstance(part, Block):
            yield name(part)
            continue
        for branch in part.branches * part.times:
            yield from _names(branch, name)
        if part.kind in PARALLEL:
            yield name.joint(part)


def nearest_layer(name: str, layers: Sequence[str]) -> str | None:
    """A hint for a name that no layer has: those of the same type, or the nearest, or all."""
    type_ = re.sub(r"_?[0-9]*\Z", "", name.lower())
    alike = [x for x in layers if x.rsplit("_", 1)[0] in (type_, name.lower())]
    if len(alike) > 1:
        return f"the layers of this type are `{alike[0]}` to `{alike[-1]}`"
    if alike:
        return f"did you mean `{alike[0]}`?"
    shown = ", ".join(f"`{x}`" for x in layers[:_LISTED]) + ", …" * (len(layers) > _LISTED)
    return did_you_mean(name, layers) or (f"the layers are {shown}" if layers else None)
