"""A network as a picture of its layers shows it: boxes, and blocks of boxes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerBox:
    """A layer of a network, with those behind it that keep the size.

    lines: name and arguments of the layer, then the names of those behind it
    weighted: whether it learns anything
    output: the size of what comes out
    """

    lines: tuple[str, ...]
    weighted: bool
    output: str


@dataclass(frozen=True)
class LayerBlock:
    """Layers that belong together.

    kind: repeat (one branch, `times` times over) | sum | concat (branches from one input, joined)
    passed: the size of the input where a branch is nothing but it
    """

    kind: str
    branches: tuple[tuple[LayerBox | LayerBlock, ...], ...]
    times: int
    output: str
    passed: str = ""


@dataclass(frozen=True)
class Stack:
    """A network as a picture of its layers shows it."""

    input: str
    parts: tuple[LayerBox | LayerBlock, ...]
