"""Windows over sizes that are not numbers: where these may be open, and what stands for a result.

A result over open sizes has its shape and nothing else: no entry of it can be computed, and no
derivative, before all sizes are numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import InputError
from ..graph import dims
from ..graph import node as g
from ..graph.dims import Dim
from ..graph.node import Node
from ..graph.sizes import output_size
from ..graph.sliding import Window
from .base import Val, require

OPEN = " over open sizes"


def concrete(v: Val, what: str, last: int | None = None) -> tuple[int, ...]:
    """The sizes of the last axes (of all without a number), which have to be numbers here."""
    shape = v.node.shape if last is None else v.node.shape[-last:]
    hint = (
        "give these sizes numbers; for a size that is looked for, there is the task `solve_shape`"
    )
    if any(not isinstance(d, int) and d.has(dims.Unknown) for d in shape):
        hint = (
            "a window does not fix a `?`: write a number, or a name such as `h` and ask for all that "
            "fit: `solve_shape: {unknown: h, so_that: {…}}`"
        )
    require(all(isinstance(d, int) for d in shape),
            f"{what} of symbolic size {v.dims}: a window that slides needs numbers of entries",
            hint)  # fmt: skip
    return shape  # type: ignore[return-value]


def extents(v: Val, what: str, last: int) -> tuple[Dim, ...]:
    """The sizes of the last axes, along which a window slides: numbers, or open where they may be.

    Where only sizes are asked for, a window may slide along an axis of unknown size.
    """
    shape = tuple(map(dims.resolved, v.node.shape[-last:]))
    return shape if may_stay_open(*shape) else concrete(v, what, last)


def may_stay_open(*sizes: Dim) -> bool:
    """Whether a result over these sizes may be asked for: `?` to be found, or letters as they are."""
    unifier = dims.active()
    named = any(not isinstance(d, int) and not d.has(dims.Unknown) for d in sizes)
    return unifier is not None and unifier.slides and (unifier.letters or not named)


def numbers(*sizes: Dim) -> bool:
    return all(isinstance(d, int) for d in sizes)


def slid(
    size: Dim, kernel: Dim, stride: int, padding: tuple[int, int], dilation: int, ceil: bool = False
) -> Dim:
    """The number of windows along an axis; of an open size an open number."""
    if isinstance(size, int) and isinstance(kernel, int):
        return output_size(size, kernel, stride, padding, dilation, ceil)
    unifier = dims.active()
    assert unifier is not None
    outputs = unifier.slide(Window(size, kernel, stride, *padding, dilation, ceil))
    require(outputs is not None,
            f"no window of {dims.one(kernel)} fits along an axis of {dims.one(size)}, whatever number "
            "stands for the open size")  # fmt: skip
    assert outputs is not None
    return outputs


def held_open(*sizes: Dim) -> None:
    """Remember that these sizes need numbers before entries can be computed."""
    for d in sizes:
        slid(d, 1, 1, (0, 0), 1)


def unsettled(name: str, operands: Sequence[Node], shape: Sequence[Dim], *parameters: Any) -> Node:
    """Stands for a result over open sizes: it has its shape, and nothing else is asked of it."""
    return g.call(f"{name}{OPEN}", operands, parameters, shape)


def needs_numbers(node: Node) -> None:
    """Raise InputError if the node stands for a result over open sizes."""
    name = node.attr[0]
    if name.endswith(OPEN):
        raise InputError(
            f"a derivative through `{name.removesuffix(OPEN)}` needs a number for every size",
            hint="write numbers for the letters and `?` under its windows; only sizes can do "
            "without",
        )
