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


def _row(parts: Sequence[Layer | Block]) -> Text:
    items = tuple(_items(parts))
    return Text("{list}", {"list": items}) if items else Text("the input itself")


def _items(parts: Sequence[Layer | Block]) -> list[Text]:
    """What changes sizes; where nothing does, everything."""
    weighty = [p for p in parts if isinstance(p, Block) or _changes(p)]
    folded: list[tuple[Text, int]] = []
    for part in weighty or parts:
        name, times = _named(part)
        if folded and folded[-1][0] == name:
            times += folded.pop()[1]
        folded.append((name, times))
    return [
        name if times == 1 else Text("{n} × {layer}", {"n": times, "layer": name})
        for name, times in folded
    ]


def _changes(layer: Layer) -> bool:
    return LAYERS[layer.type].receptive != "keeps" or layer.type == "Parameter"


def _named(part: Layer | Block) -> tuple[Text, int]:
    """What stands in the line, and how many times."""
    if isinstance(part, Layer):
        return Text("{a}", {"a": part.type + _size(part.args)}), 1
    if part.kind in ("Repeat", "Sequential"):
        (inner,) = part.branches
        items = _items(inner)
        alone = len(items) == 1 and items[0].message != "{n} × {layer}"
        return (items[0] if alone else Text("({list})", {"list": tuple(items)})), part.times
    if part.kind == "Residual":
        body, shortcut = part.branches
        if not shortcut:
            return Text("Residual ({body})", {"body": _row(body)}), 1
        holes = {"body": _row(body), "shortcut": _row(shortcut)}
        return Text("Residual ({body} beside {shortcut})", holes), 1
    first, *rest = [_row(branch) for branch in part.branches]
    for branch in rest:
        first = Text("{these}; {this}", {"these": first, "this": branch})
    return Text("Concat ({branches})", {"branches": first}), 1


def _size(args: Mapping[str, Any]) -> str:
    found = next((args[name] for name in _SHOWN if name in args), None)
    return "" if found is None else f" {found}"
