"""In what a wrong formula differs from the result: the usual slips, each with its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import independent
from ..expr import Name
from ..graph import dims
from ..steps import TaskResult, Text
from ..value import Value
from .chain import Chain
from .constrained import constrained_gradient, whole_symbol
from .duplication import tied
from .workspace import Workspace

AGREE = 1e-9  # relative: two ways of computing the same number


def on_paper(shape: Sequence[dims.Dim]) -> tuple[dims.Dim, ...]:
    return (*shape, 1, 1)[:2] if len(shape) < 2 else tuple(shape)


def same_on_paper(a: Sequence[dims.Dim], b: Sequence[dims.Dim]) -> bool:
    return dims.same_shape(on_paper(a), on_paper(b))


@dataclass(frozen=True)
class Slips:
    """What is wrong, in words."""

    ws: Workspace
    result: TaskResult
    theirs: tuple[dims.Dim, ...]
    ours: tuple[dims.Dim, ...]
    here: Workspace | None = None  # where the values were worked out, if not at the ws

    def transposed(self) -> Text:
        layout = self.ws.problem.convention.layout
        args: dict[str, Any] = {
            "a": dims.text(on_paper(self.theirs)),
            "b": dims.text(on_paper(self.ours)),
        }
        square = same_on_paper(self.theirs, self.ours)
        if self.result.task == "jacobian":
            if layout == "numerator":
                said = Text(
                    "this is the transpose: right in denominator layout, but here numerator layout "
                    "is used"
                )
            else:
                said = Text(
                    "this is the transpose: right in numerator layout, but here denominator layout "
                    "is used"
                )
            if square:
                return said
            return Text("{this}, in which the size is {b}, not {a}", {"this": said, **args})
        if self.result.task == "gradient":
            args["x"] = Name(str(self.result.subject["wrt"]))
            if square:
                return Text(
                    "this is the transpose: entry (i, j) of a gradient belongs to that of {x}",
                    args,
                )
            return Text("this is the transpose: a gradient has the size of {x}, {b}, not {a}", args)
        if square:
            return Text("this is the transpose of the result")
        return Text("this is the transpose of the result, which is {b}, not {a}", args)

    def sizes(self) -> Text:
        args = {"a": dims.text(on_paper(self.theirs)), "b": dims.text(on_paper(self.ours))}
        return Text("it has size {a}, but the result has size {b}", args)

    def slip(self, theirs: np.ndarray, ours: np.ndarray) -> Text | None:
        """Places that move together, a constant factor, or an array unrolled in the other order."""
        if self.result.task == "gradient" and (said := self._every_place(theirs)) is not None:
            return said
        scale = float(np.max(np.abs(theirs), initial=0.0))
        if scale > 0:
            at = np.unravel_index(int(np.argmax(np.abs(theirs))), theirs.shape)
            ratio = float(ours[at] / theirs[at])
            if independent.relative_error(ratio * theirs, ours) <= AGREE:
                return _factor(ratio, ours.size)
        if self.result.task == "jacobian" and self._other_vec(theirs, ours):
            return Text(
                "the entries are right, but in another order: right where vec stacks rows"
                if self.ws.problem.convention.vec == "column"
                else "the entries are right, but in another order: right where vec stacks columns"
            )
        return None

    def _every_place(self, theirs: np.ndarray) -> Text | None:
        """The gradient by a symmetric or diagonal variable as if all its entries were free."""
        ws = self.here or self.ws
        of, wrt = (ws.line(self.result.subject[k]) for k in ("of", "wrt"))
        kind = tied(wrt)
        if kind is None:
            return None
        chain = Chain(ws, of, wrt, gradient=True)
        if chain.final is None or chain.final.value is None:
            return None
        free = Value(chain.final.value).floats()
        whole = whole_symbol(chain)
        holes = {"g": whole, "x": Name(wrt.name), "w": constrained_gradient(chain, whole)}
        # xᵀSy is yᵀSx as S is its own transpose: only the symmetric part of G is certain
        same = (free, free.T, (free + free.T) / 2)
        if any(independent.relative_error(theirs, one) <= AGREE for one in same):
            return Text(
                "it is the gradient {g} in which every entry of {x} moves by itself; but {x} is "
                "diagonal, so only the entries on the diagonal can move: {w}"
                if kind == "diagonal"
                else "it is the gradient {g} in which every entry of {x} moves by itself; but {x} "
                "is symmetric, so each pair of entries counts once: {w}",
                holes,
            )
        if kind == "symmetric" and independent.relative_error(theirs, free + free.T) <= AGREE:
            return Text(
                "it is right off the diagonal; but an entry on the diagonal of {x} stands in one "
                "place only, so it counts once: with {g} for the gradient in which every entry "
                "moves by itself, the result is {w}",
                holes,
            )
        return None

    def _other_vec(self, theirs: np.ndarray, ours: np.ndarray) -> bool:
        graph = (self.here or self.ws).graph
        of, wrt = (graph[self.result.subject[k]] for k in ("of", "wrt"))
        shapes = [of.leaf.node.shape, wrt.symbol.shape]
        if self.ws.problem.convention.layout == "denominator":
            shapes.reverse()
        orders = []
        for shape, n in zip(shapes, ours.shape, strict=True):
            if len(shape) == 2 and all(isinstance(d, int) for d in shape):
                orders.append(np.arange(n).reshape([int(d) for d in shape]).ravel("F"))
            else:
                orders.append(np.arange(n))
        rows, columns = orders
        back = [np.argsort(rows), np.argsort(columns)]
        return any(
            independent.relative_error(theirs[r][:, c], ours) <= AGREE
            for r, c in ((rows, columns), back)
        )

    def entry(self, theirs: np.ndarray, ours: np.ndarray) -> Text:
        """The entry that differs most."""
        gap = np.where(np.isfinite(theirs), np.abs(theirs - ours), np.inf)
        at = np.unravel_index(int(np.argmax(gap)), gap.shape)
        args = {"a": f"{float(theirs[at]):.6g}", "b": f"{float(ours[at]):.6g}"}
        if ours.size == 1:
            return Text("it is {a}, but the result is {b}", args)
        plain = [str(k + 1) for k, n in zip(at, ours.shape, strict=True) if n > 1]
        args["k"] = plain[0] if len(plain) == 1 else f"({', '.join(plain)})"
        return Text("its entry {k} is {a}, but the result has {b}", args)


def _factor(ratio: float, entries: int) -> Text | None:
    """A factor that a slip explains; of a single number any ratio is some factor."""
    for number, words in (
        (-1.0, Text("the sign is wrong: the result is the negative of this")),
        (2.0, Text("a factor 2 is missing")),
        (0.5, Text("it is twice the result")),
        (-2.0, Text("the sign is wrong, and a factor 2 is missing")),
        (-0.5, Text("the sign is wrong, and it is twice as large as the result")),
    ):
        if abs(ratio - number) < AGREE:
            return words
    if entries == 1 or ratio == 0:
        return None
    return Text("it differs by a factor: the result is {r} times this", {"r": f"{ratio:.6g}"})
