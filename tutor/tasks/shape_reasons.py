"""Why a variable, or the Jacobian along an edge, has its size: in words."""

from __future__ import annotations

from collections.abc import Sequence

from ..expr import Call, Expr, Name, Neg, Transpose
from ..graph import dims
from ..problem.lines import Line
from ..problem.origin import counted_columns, counted_entries, counted_rows
from ..steps import Text, all_of, in_turn
from .shape_windows import open_transposed, open_windows
from .windows import size_reason, slides, transposed_reason
from .workspace import Workspace


def reason(ws: Workspace, line: Line) -> Text:
    """Of one variable: as given, worked out from its operands, or forced by who uses it."""
    told = ws.graph.reasons.get(line.name)
    if told:
        return _one_after_another(told)
    if "homogeneous" in line.properties:
        n = dims.one(line.symbol.shape[0])
        return Text("{n} coordinates and the final 1 of homogeneous coordinates.", {"n": n})
    layer = ws.problem.weights.get(line.name)
    if layer is not None and line.op is None:
        return Text("A weight of the layer {name}.", {"name": Name(layer)})
    if line.op is None:
        return Text("As given.") if line.leaf.order else Text("A number.")
    if slides(line):
        return open_windows(ws, line) or size_reason(ws, line)
    if line.op.name.startswith("conv_transpose"):
        shapes = [ws.graph[t.id].shape for t in line.terms[:2] if isinstance(t, Name)]
        if len(shapes) == 2 and all(isinstance(d, int) for s in shapes for d in s):
            return transposed_reason(line, *(tuple(map(int, s)) for s in shapes))
        if (told := open_transposed(ws, line)) is not None:
            return told
    size = line.op.size
    if line.leaf.order == 0 and not (size and "{b}" in size):  # a product says why it is one
        return Text("A number.")
    if size is not None:
        return Text(size, _first_sizes(ws, line))
    if line.op.reduces:
        return _reduced(line)
    return _stretched(ws, line) or Text("Entry by entry, so the size stays.")


def _first_sizes(ws: Workspace, line: Line) -> dict[str, str]:
    """What the words of an operation may speak of: see `Op.size`."""
    holes = {}
    for hole, term in zip("ab", line.terms, strict=False):
        holes[hole] = _term_dims(term, ws)
    if line.operands:
        holes["n"] = dims.one(dims.product(line.operands[0].shape))
    return holes


def _reduced(line: Line) -> Text:
    """What is left where an axis was taken together."""
    if line.operands[0].leaf.order == 2 and line.leaf.order:
        if line.dims.startswith("1×"):
            return Text("One number for each column.")
        return Text("One number for each row.")
    return Text("The axis that is taken together disappears, or keeps the size 1.")


def _stretched(ws: Workspace, line: Line) -> Text | None:
    """Of an operation entry by entry: the operand that is repeated, because it is smaller."""
    said = []
    for term in line.terms:
        size = _term_dims(term, ws)
        if size in (line.dims, "1×1", _CONSTANT):
            continue
        m, n = (dims.one(d) for d in line.shape) if len(line.shape) == 2 else ("", "")
        if size == f"1×{n}":
            holes = {"x": term, "m": m}
            said.append(Text("{x} is a row: it goes with each of the {m} rows.", holes))
        elif size == f"{m}×1":
            holes = {"x": term, "n": n}
            said.append(Text("{x} is a column: it goes with each of the {n} columns.", holes))
        else:
            said.append(Text("{x} is repeated along the axes that it lacks.", {"x": term}))
    return in_turn(*said) if said else None


_CONSTANT = "a constant"


def _term_dims(term: Expr, ws: Workspace) -> str:
    flip = False
    while isinstance(term, Transpose | Neg):
        flip ^= isinstance(term, Transpose)
        term = term.arg
    if isinstance(term, Name) and term.id in ws.graph.lines:
        text = ws.graph[term.id].dims
        return "×".join(reversed(text.split("×"))) if flip and text.count("×") == 1 else text
    return _CONSTANT


def _one_after_another(sentences: Sequence[Text]) -> Text:
    return in_turn(*sentences)


# -- derivatives ----------------------------------------------------------------------------------


def edge_reason(a: Line, b: Line, layout: str) -> Text:
    """Of a Jacobian ∂a/∂b: what its rows and its columns stand for."""
    y, x = Name(a.name), Name(b.name)
    m, n = dims.product(a.leaf.node.shape), dims.product(b.symbol.shape)
    if "homogeneous" in b.properties:
        holes = {"y": y, "x": x, "m": counted_entries(m), "n": dims.one(n)}
        return Text("{y} has {m}, {x} has {n} free ones (the final 1 is fixed).", holes)
    first, second = ((m, a, y), (n, b, x)) if layout == "numerator" else ((n, b, x), (m, a, y))
    return Text(
        "{rows} for the entries of {y}, {columns} for those of {x}{vec}.",
        {
            "rows": counted_rows(first[0]),
            "columns": counted_columns(second[0]),
            "y": first[2],
            "x": second[2],
            "vec": _unrolled([first, second]),
        },
    )


def _unrolled(sides: Sequence[tuple[dims.Dim, Line, Expr]]) -> Text:
    """Which matrices count as columns: vec(W) is 24×1."""
    found = [
        (x, n, "vec" if line.leaf.order == 2 else "flatten")
        for n, line, x in sides
        if line.leaf.order >= 2
    ]
    if not found:
        return Text("")
    parts = [
        Text("{v} is {n}", {"v": Call(how, (x,)), "n": f"{dims.one(n)}×1"}) for x, n, how in found
    ]
    return Text("; {list}", {"list": all_of(parts)})
