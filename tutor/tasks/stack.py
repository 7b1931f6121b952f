"""A network's make-up in a line: blocks in brackets, repeats folded with ×n."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
    folded: list[tuple[str, int]] = []
    for part in parts:
        name, times = _named(part)
        if folded and folded[-1][0] == name:
            times += folded.pop()[1]
        folded.append((name, times))
    words = (name if times == 1 else f"{times} × {name}" for name, times in folded)
    return ", ".join(words) or "the input itself"


def _named(part: Layer | Block) -> tuple[str, int]:
    """What stands in the line, and how many times."""
    if isinstance(part, Layer):
        return part.type + _size(part.args), 1
    if part.kind == "Repeat":
        (inner,) = part.branches
        if len(inner) == 1:
            name, times = _named(inner[0])
            return name, times * part.times
        return f"({_row(inner)})", part.times
    if part.kind == "Sequential":
        return f"({_row(part.branches[0])})", 1
    if part.kind == "Residual":
        body, shortcut = part.branches
        other = f"plus [{_row(shortcut)}]" if shortcut else "plus the input"
        return f"([{_row(body)}] {other})", 1
    branches = " beside ".join(f"[{_row(branch)}]" for branch in part.branches)
    return f"({branches}, joined)", 1


def _size(args: Mapping[str, Any]) -> str:
    found = next((args[name] for name in _SHOWN if name in args), None)
    return "" if found is None else f" {found}"
