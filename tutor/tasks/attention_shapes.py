"""The matrices of an attention with their shapes: who is a row, who is a column."""

from __future__ import annotations

from ..expr import Name
from ..problem.lines import Line
from ..steps import Step, Text
from .workspace import Workspace


def told(ws: Workspace, line: Line) -> list[Step]:
    """After softmax(scores) @ values: every matrix with its size and what its axes are."""
    if line.op is None or line.op.name != "matmul" or len(line.operands) != 2:
        return []
    weights, values = line.operands
    if weights.op is None or weights.op.name not in ("softmax", "masked_softmax"):
        return []
    if weights.leaf.order < 2 or values.leaf.order != weights.leaf.order:
        return []
    scores = weights.operands[0]
    factors = _factors(scores)
    if factors is None or f"shapes.{line.name}" in ws.said:
        return []
    queries, keys = factors
    ws.said.add(f"shapes.{line.name}")
    holes = {
        "Q": Name(queries.name), "q": queries.dims, "K": Name(keys.name), "k": keys.dims,
        "V": Name(values.name), "v": values.dims, "S": Name(scores.name), "s": scores.dims,
        "A": Name(weights.name), "a": weights.dims, "O": Name(line.name), "o": line.dims,
    }  # fmt: skip
    return [
        Step(
            f"shapes.{line.name}",
            "forward",
            "shapes of an attention",
            Text("The shapes in it"),
            why=Text(
                "{Q} has a row for each query ({q}), {K} and {V} a row for each key ({k} and {v}). "
                "The scores {S} compare every query with every key, queries × keys ({s}); softmax "
                "goes along the rows, so each row of the weights {A} ({a}) adds up to 1; a row of "
                "{O} ({o}) is the mean of the rows of {V} with these weights.",
                holes,
            ),
            uses=(f"forward.{line.name}",),
        )
    ]


def _factors(scores: Line) -> tuple[Line, Line] | None:
    """The two matrices whose product the scores are, behind a scale and a mask."""
    line: Line | None = scores
    for _ in range(4):
        if line is None or line.op is None:
            return None
        arrays = [o for o in line.operands if o.leaf.order > 1]
        if line.op.name == "matmul" and len(arrays) == 2:
            first, second = arrays
            return first, _unturned(second)
        line = arrays[0] if arrays else None
    return None


def _unturned(line: Line) -> Line:
    """The matrix behind a transpose that has its own line."""
    moved = line.op is not None and line.op.name in ("transpose", "permute") and line.kind == "auto"
    return line.operands[0] if moved else line
