"""The two sides of an equation between sizes: which axes of which parts of a term they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..expr import Expr, Name, walk
from ..graph import dims
from ..graph.dims import Dim
from ..graph.unifier import Unifier
from ..ops.base import Val
from .origin import Origin, written
from .proof import Step, whole

GATES = {"lstm_cell": 4, "gru_cell": 3}


@dataclass(frozen=True)
class Axis:
    """One axis of a part of what is being worked out; operand: its number, None of an argument."""

    term: Expr
    val: Val
    axis: int
    operand: int | None

    @property
    def size(self) -> Dim:
        return self.val.shape[self.axis]


def axes_of(unifier: Unifier, origin: Origin) -> list[Axis]:
    """All axes of the operands, or of what stands for them in the author's own words."""
    term = written(origin.term, origin.lines)
    own = {str(x): x for x in walk(term)}
    found, hidden = [], False
    for k, (e, v) in enumerate(origin.operands):
        e = written(e, origin.lines)
        if str(e) not in own and not isinstance(e, Name):
            hidden = True
            continue
        found += [Axis(e, v, a, k) for a in range(len(v.shape))]
    if hidden or not found:
        for line in origin.lines.values():
            e = written(Name(line.name), origin.lines)
            if str(e) in own and e != term and all(e != x.term for x in found):
                found += [Axis(e, line.leaf, a, None) for a in range(len(line.shape))]
    return found


def subject_of(unifier: Unifier, step: Step, axes: Sequence[Axis]) -> Axis | None:
    """The axis that the step says something about."""
    exact = [x for x in axes if whole(unifier, x.size) == step.mine]
    if exact and step.equation.origin.op.name == "matmul":
        inner = [x for x in exact if x.operand is not None and _is_inner(x)]
        exact = inner or exact
    if exact:
        return exact[0]
    return next((x for x in axes if step.size in dims.unknowns(whole(unifier, x.size))), None)


def partner_of(unifier: Unifier, step: Step, axes: Sequence[Axis], subject: Axis) -> Axis | None:
    """The axis that the subject is compared with, its size known by then."""
    origin = step.equation.origin
    known = [x for x in axes if _is_known(unifier, step, x)]
    if origin.op.name in GATES and len(subject.val.shape) == 2:
        gates = _of_gates(unifier, step, known, subject)
        if gates is not None:
            return gates
    if origin.op.name == "matmul" and subject.operand is not None and _is_inner(subject):
        inner = [x for x in known if x.operand not in (None, subject.operand) and _is_inner(x)]
        if inner:
            return inner[0]
    own = role(origin, subject)
    if own is not None:
        alike = [x for x in known if x.operand != subject.operand and role(origin, x) == own]
        return alike[0] if alike else None
    size = unifier.resolve(subject.size)
    best = None
    for x in known:
        if x.term == subject.term:
            continue
        exact = whole(unifier, x.size) == step.other
        if exact or unifier.resolve(x.size) == size:
            rank = (not exact, bool(dims.unknowns(x.size)), x.axis != subject.axis)
            if best is None or rank < best[0]:
                best = rank, x
    return best[1] if best is not None else None


def _is_known(unifier: Unifier, step: Step, x: Axis) -> bool:
    """Whether the file states the size, or a step shows it that this one rests on."""
    own = [u for u in dims.unknowns(whole(unifier, x.size)) if u in unifier.equations]
    return all(u in step.needs for u in own)


def _of_gates(unifier: Unifier, step: Step, known: Sequence[Axis], subject: Axis) -> Axis | None:
    """The other axis of stacked weights: all rows, or the units, of which there are columns."""
    rate = GATES[step.equation.origin.op.name]
    total = unifier.resolve(step.mine)
    for x in reversed(known):
        size = unifier.resolve(x.size)
        if len(x.val.shape) != 2 or x.axis == subject.axis:
            continue
        if x.axis == 0 and subject.axis == 1 and size == total != unifier.resolve(step.size):
            return x
        if x.axis == 1 and subject.axis == 0 and dims.dim(rate * size) == total:
            return x
    return None


def is_square(step: Step, axes: Sequence[Axis]) -> bool:
    """Whether the two sizes of one operand were compared with each other."""
    if step.equation.origin.op.name == "matmul":
        return False
    sides = {step.equation.left, step.equation.right}
    shapes = {x.operand: x.val.shape for x in axes if len(x.val.shape) == 2}
    square = [k for k, shape in shapes.items() if set(shape) == sides]
    pairs = [
        pair
        for k, one in shapes.items()
        for j, other in shapes.items()
        if k != j
        for pair in zip(one, other, strict=True)
    ]
    return bool(square) and not any(set(pair) <= sides for pair in pairs)


def role(origin: Origin, x: Axis) -> str | None:
    """What an axis of a convolution's operand counts; None for any other operation."""
    match = re.fullmatch(r"conv([123])d", origin.op.name)
    k, j = x.operand, x.axis
    if match is None or k is None or len(origin.operands[1][1].shape) != int(match[1]) + 2:
        return None
    space = len(origin.operands[k][1].shape) - int(match[1])
    if k == 2:
        return "outputs"
    if k == 1:
        return ("outputs", "channels")[j] if j < 2 else None
    return "channels" if j == space - 1 else "examples" if j < space else None


def _is_inner(x: Axis) -> bool:
    """Whether a product sums over the axis of this factor."""
    n = len(x.val.shape)
    return x.axis == (n - 1 if x.operand == 0 else max(n - 2, 0))
