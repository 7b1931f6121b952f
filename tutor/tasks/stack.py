"""A network's make-up in a line: blocks in brackets, repeats folded with n ×."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..problem.layers import LAYERS
from ..problem.model import Block, Layer
from ..steps import Text

# what a reader wants to know of a layer at a glance
_SHOWN = ("out_channels", "out_features", "hidden_size", "embedding_dim")


def has_blocks(parts: Sequence[Layer | Block]) -> bool:
    return any(isinstance(part, Block) for part in parts)


def in_words(parts: Sequence[Layer | Block]) -> Text:
    """The layers in order; what comes several times in a row is named once."""
    return Text("{stack}.", {"stack": _row(parts)})


def _row(parts: Sequence[Layer | Block]) -> str:
    return ", ".join(_items(parts)) or "the input itself"


def _items(parts: Sequence[Layer | Block]) -> list[str]:
    """What changes sizes; where nothing does, everything."""
    weighty = [p for p in parts if isinstance(p, Block) or _changes(p)]
    folded: list[tuple[str, int]] = []
    for part in weighty or parts:
        name, times = _named(part)
        if folded and folded[-1][0] == name:
            times += folded.pop()[1]
        folded.append((name, times))
    return [name if times == 1 else f"{times} × {name}" for name, times in folded]


def _changes(layer: Layer) -> bool:
    return LAYERS[layer.type].receptive != "keeps" or layer.type == "Parameter"


def _named(part: Layer | Block) -> tuple[str, int]:
    """What stands in the line, and how many times."""
    if isinstance(part, Layer):
        return part.type + _size(part.args), 1
    if part.kind in ("Repeat", "Sequential"):
        (inner,) = part.branches
        items = _items(inner)
        alone = len(items) == 1 and not items[0][0].isdigit()
        return (items[0] if alone else f"({', '.join(items)})"), part.times
    if part.kind == "Residual":
        body, shortcut = part.branches
        other = f" beside {_row(shortcut)}" if shortcut else ""
        return f"Residual ({_row(body)}{other})", 1
    return f"Concat ({'; '.join(_row(branch) for branch in part.branches)})", 1


def _size(args: Mapping[str, Any]) -> str:
    found = next((args[name] for name in _SHOWN if name in args), None)
    return "" if found is None else f" {found}"
