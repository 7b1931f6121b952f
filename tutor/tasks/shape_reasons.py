"""Why a variable, or the Jacobian along an edge, has its size: in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..expr import Call, Expr, Name, Neg, Transpose
from ..graph import dims
from ..problem.lines import Line
from ..problem.origin import counted_columns, counted_entries, counted_rows
from ..steps import Text, all_of, in_turn
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
    sizes = tuple(o.dims for o in line.operands)
    if line.op.name == "matmul" and len(line.operands) == 2:
        a, b = (_term_dims(line, k, ws) for k in (0, 1))
        return Text(
            "{a} times {b}: the inner sizes match, the outer ones remain.", {"a": a, "b": b}
        )
    if line.op.name == "vec":
        return Text(
            "All {n} entries of a {d} matrix in one column.",
            {"n": str(dims.product(line.operands[0].shape)), "d": sizes[0]},
        )
    if line.op.name == "homogeneous":
        return Text("{d} and one more entry, the final 1.", {"d": sizes[0]})
    if slides(line):
        return size_reason(ws, line)
    if line.op.name.startswith("conv_transpose"):
        shapes = [ws.graph[t.id].shape for t in line.terms[:2] if isinstance(t, Name)]
        if len(shapes) == 2 and all(isinstance(d, int) for s in shapes for d in s):
            return transposed_reason(line, *(tuple(map(int, s)) for s in shapes))
    if line.leaf.order == 0:
        return Text("A number.")
    if re.fullmatch(r"\w*softmax|\w+_norm|cumsum", line.op.name):
        return Text("The size stays.")
    elementwise = all(o.dims in (line.dims, "1×1") for o in line.operands)
    if elementwise:
        return Text("Entry by entry, so the size stays.")
    return Text("From {sizes} by {op}.", {"sizes": sizes, "op": line.op.name.replace("_", " ")})


def _term_dims(line: Line, k: int, ws: Workspace) -> str:
    term = line.terms[k]
    flip = False
    while isinstance(term, Transpose | Neg):
        flip ^= isinstance(term, Transpose)
        term = term.arg
    if isinstance(term, Name) and term.id in ws.graph.lines:
        text = ws.graph[term.id].dims
        return "×".join(reversed(text.split("×"))) if flip and text.count("×") == 1 else text
    return "a constant"


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
