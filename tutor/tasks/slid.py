"""A line that slides windows, with its numbers: input, kernel and output with all their axes.

i = s·o + d·k − p ties input position i, output position o and tap k, along each axis. A transposed
convolution reads it the other way round. Everything worked out by hand follows from these pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ..expr import Expr, Index, Num
from ..ops.base import integers
from ..problem.layer_spec import Window
from ..problem.lines import Line
from ..steps import Place
from .windows import operand, slides, windows
from .workspace import Workspace

At = tuple[int, ...]
MOST = 8  # rows or columns of an array that is drawn, with its padding


@dataclass(frozen=True)
class Slid:
    """x: (examples, channels, *space); w: (outputs, channels per group, *taps), as it is slid,
    None for a pool; y: (examples, outputs, *places)."""

    line: Line
    kind: str  # conv | max | avg
    windows: list[Window]
    x: np.ndarray
    w: np.ndarray | None
    y: np.ndarray
    groups: int
    lead: int  # axes before the space that the input itself has: 0, 1 or 2
    flipped: bool  # the convention turns the kernel around
    split: bool  # ties share the gradient

    @property
    def space(self) -> int:
        return len(self.windows)

    @property
    def layered(self) -> bool:
        return self.lead > 0

    def inside(self, i: At) -> bool:
        return all(0 <= k < w.size for k, w in zip(i, self.windows, strict=True))

    def met(self, place: At, tap: At) -> At:
        """The input position that a tap meets; outside of the input in the padding."""
        return tuple(
            w.stride * o + w.dilation * k - w.before
            for o, k, w in zip(place, tap, self.windows, strict=True)
        )

    @property
    def taps(self) -> list[At]:
        return list(product(*(range(w.kernel) for w in self.windows)))

    @property
    def places(self) -> list[At]:
        return list(np.ndindex(*self.y.shape[2:]))

    def whole_place(self) -> At:
        """The first place whose window has the fewest entries in the padding."""

        def outside(place: At) -> int:
            return sum(not self.inside(self.met(place, tap)) for tap in self.taps)

        return min(self.places, key=outside)

    def channels_of(self, out: int) -> range:
        """The input channels that an output channel sees."""
        if self.w is None:
            return range(out, out + 1)
        per = self.w.shape[1]
        first = out // (self.w.shape[0] // self.groups) * per
        return range(first, first + per)

    def outputs_of(self, channel: int) -> range:
        """The output channels that see an input channel."""
        if self.w is None:
            return range(channel, channel + 1)
        each = self.w.shape[0] // self.groups
        first = channel // self.w.shape[1] * each
        return range(first, first + each)

    # -- names -------------------------------------------------------------------------------

    def of_input(self, e: Expr, example: int, channel: int) -> Expr:
        """The part of the input, or of its gradient, that belongs to one channel."""
        return part(e, (example, channel)[2 - self.lead :])

    def of_output(self, e: Expr, example: int, out: int) -> Expr:
        return part(e, (example, out)[2 - self.lead :])

    def of_kernel(self, e: Expr, out: int, channel: int) -> Expr:
        """`channel` counts within the group."""
        return part(e, (out, channel)) if self.layered else e


def part(e: Expr, lead: At) -> Expr:
    return Index(e, tuple(Num(str(k)) for k in lead)) if lead else e


def slid(ws: Workspace, line: Line) -> Slid | None:
    """The numbers of a line that slides; None where it does not, or where one is not known."""
    if not slides(line) or line.op is None or ws.numbers[line.name] is None:
        return None
    sliding = windows(ws, line)
    n = len(sliding)
    x = operand(ws, line.terms[0])
    y = ws.numbers[line.name]
    if x is None or y is None or any(w.ceil_mode for w in sliding):
        return None
    conv = line.op.name.startswith("conv")
    w = operand(ws, line.terms[1]) if conv else None
    if conv and w is None:
        return None
    # conv1d of a 1×L image with a 1×k kernel, or of a row, has no channel of its own
    bare = w is not None and (w.ndim == n or (n == 1 and w.ndim == 2))
    lead = 0 if bare or (not conv and line.leaf.row) else x.ndim - n
    x = _full(x, [v.size for v in sliding], lead)
    flipped = line.parameters.get("_conv_") == "convolution"
    if w is not None:
        w = w.reshape(*(w.shape[:2] if not bare else (1, 1)), *(v.kernel for v in sliding))
        if flipped:
            w = np.flip(w, tuple(range(2, w.ndim)))
    counts = line.leaf.node.shape[-n:]
    outs = x.shape[1] if w is None else w.shape[0]
    groups = integers(line.parameters.get("groups", 1), 1, "groups", 1)[0]
    return Slid(
        line, "conv" if conv else line.op.name[:3], sliding, x, w,
        y.reshape(x.shape[0], outs, *(int(d) for d in counts)), groups, lead, flipped,
        line.parameters.get("_ties") == "split",
    )  # fmt: skip


def _full(x: np.ndarray, sizes: list[int], lead: int) -> np.ndarray:
    """With an axis of examples and one of channels."""
    front = x.shape[:lead] if lead else ()
    return x.reshape(*(1,) * (2 - len(front)), *front, *sizes)


def operand_name(line: Line, k: int) -> Expr:
    term = line.terms[k]
    assert term is not None
    return term


def cell(at: At) -> Place:
    """A place in an array that is drawn: one row where there is one axis."""
    return (at[0], at[1]) if len(at) == 2 else (0, at[0])


def small(*arrays: np.ndarray) -> bool:
    """Whether arrays of one or two axes can be drawn."""
    return all(a.ndim < 3 and max(a.shape, default=0) <= MOST for a in arrays)


def at_place(e: Expr, at: At) -> Expr:
    """One entry by its numbers: e[1, 0]; of a part e[0] it is e[0, 1, 0]."""
    numbers = tuple(Num(str(k)) for k in at)
    return Index(e.arg, (*e.items, *numbers)) if isinstance(e, Index) else Index(e, numbers)
