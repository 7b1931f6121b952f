"""shapes: the dimension of every variable and of every edge's Jacobian, with the reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..expr import Name, Partial
from ..graph import dims
from ..problem.lines import Line
from ..steps import Check, Step, Table, TaskResult, Text
from .chain import jacobian_size, size_text
from .windows import size_reason, slides, transposed_reason
from .workspace import Workspace, as_json


def solve(ws: Workspace, task_id: str, of: Sequence[str], edges: Any) -> TaskResult:
    lines = [ws.line(n) for n in of] or list(ws.graph.lines.values())
    only_edges = bool(edges) and edges != "all" and not of
    layout = ws.problem.convention.layout
    if edges == "all":
        pairs = [(u, o) for u in ws.graph.lines.values() for o in u.operands]
    else:
        pairs = [(ws.line(a), ws.line(b)) for a, b in edges or ()]
    steps, sizes, rows = [], {}, []
    for line in lines:
        why = reason(ws, line)
        steps.append(
            Step(
                f"shape.{line.name}",
                "shape",
                "size of a variable",
                Text("{x} is " + line.dims, {"x": Name(line.name)}),
                (Name(line.name), line.formula) if line.formula else (),
                why=why,
                shape=line.shape,
                jacobian_dims=line.dims,
                level=2,
            )
        )
        sizes[line.name] = {
            "shape": [as_json(d) for d in line.shape],
            "dims": line.dims,
            "why": why,
        }
        rows.append((Name(line.name), line.dims, why))
    found, edge_rows = [], []
    for a, b in pairs:
        size = jacobian_size(a, b, layout)
        text = size_text(size)
        found.append(
            {"of": a.name, "wrt": b.name, "shape": [as_json(d) for d in size], "dims": text}
        )
        why = edge_reason(a, b, layout)
        steps.append(
            Step(
                f"shape.{a.name}.{b.name}",
                "shape",
                "size of a Jacobian",
                Text("{g} is " + text, {"g": Partial(Name(a.name), Name(b.name))}),
                why=why,
                shape=size,
                jacobian_dims=text,
                level=2,
            )
        )
        edge_rows.append((Partial(Name(a.name), Name(b.name)), text, why))
    tables = []
    if rows and not only_edges:
        tables.append(Table((Text("Variable"), Text("Size"), Text("Why")), tuple(rows)))
    if edge_rows:
        tables.append(Table((Text("Derivative"), Text("Size"), Text("Why")), tuple(edge_rows)))
    return TaskResult(
        id=task_id,
        task="shapes",
        subject={},
        heading=_heading(bool(rows) and not only_edges, bool(edge_rows)),
        steps=tuple(steps),
        extra={"of": sizes, "edges": found},
        tables=tuple(tables),
        check=check(ws, lines, pairs),
    )


def _heading(variables: bool, derivatives: bool) -> Text:
    if variables and derivatives:
        return Text("Sizes of variables and derivatives")
    return Text("Sizes of variables") if variables else Text("Sizes of derivatives")


def _rows(n: object, name: str) -> str:
    return f"{n} {name}" + ("" if n == 1 else "s")


def reason(ws: Workspace, line: Line) -> Text:
    name = {"x": Name(line.name)}
    given = ws.problem.given.get(line.name)
    if "homogeneous" in line.properties:
        n = line.symbol.shape[0]
        open_ = given is not None and given.shape is not None and "?" in given.shape
        user = next(iter(ws.graph.consumers()[line.name]), None)
        if open_ and user is not None and user.formula is not None:
            return Text(
                "{z} needs {total} rows here; {x} is homogeneous: {n} coordinates and a final 1.",
                {"z": user.formula, "total": str(line.shape[0]), "n": str(n), **name},
            )
        return Text("{n} coordinates and the final 1 of homogeneous coordinates.", {"n": str(n)})
    if line.op is None:
        if given is not None and given.shape is not None and "?" in given.shape:
            user = next(iter(ws.graph.consumers()[line.name]), None)
            if user is not None and user.formula is not None:
                return Text("The only size with which {z} fits.", {"z": user.formula})
        return Text("As given.") if line.leaf.order else Text("A number.")
    parts = {f"d{k}": o.dims for k, o in enumerate(line.operands)}
    if line.op.name == "matmul" and len(line.operands) == 2:
        a, b = (_term_dims(line, k, ws) for k in (0, 1))
        return Text(
            "{a} times {b}: the inner sizes match, the outer ones remain.", {"a": a, "b": b}
        )
    if line.op.name == "vec":
        return Text(
            "All {n} entries of a {d0} matrix in one column.",
            {"n": str(dims.product(line.operands[0].shape)), **parts},
        )
    if line.op.name == "homogeneous":
        return Text("{d0} and one more entry, the final 1.", parts)
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
    listed = ", ".join("{" + k + "}" for k in parts)
    return Text("From " + listed + " by {op}.", {**parts, "op": line.op.name.replace("_", " ")})


def _term_dims(line: Line, k: int, ws: Workspace) -> str:
    from ..expr import Neg, Transpose

    term = line.terms[k]
    flip = False
    while isinstance(term, Transpose | Neg):
        flip ^= isinstance(term, Transpose)
        term = term.arg
    if isinstance(term, Name) and term.id in ws.graph.lines:
        text = ws.graph[term.id].dims
        return "×".join(reversed(text.split("×"))) if flip and text.count("×") == 1 else text
    return "a constant"


def edge_reason(a: Line, b: Line, layout: str) -> Text:
    holes = {
        "y": Name(a.name),
        "x": Name(b.name),
        "m": str(dims.product(a.leaf.node.shape)),
        "n": str(dims.product(b.symbol.shape)),
        "rows": _rows(
            dims.product((a.leaf.node if layout == "numerator" else b.symbol).shape), "row"
        ),
        "columns": _rows(
            dims.product((b.symbol if layout == "numerator" else a.leaf.node).shape), "column"
        ),
    }
    if "homogeneous" in b.properties:
        return Text("{y} has {m} entries, {x} has {n} free ones (the final 1 is fixed).", holes)
    if layout == "numerator":
        return Text("{rows} for the entries of {y}, {columns} for those of {x}.", holes)
    return Text("{rows} for the entries of {x}, {columns} for those of {y}.", holes)


def check(ws: Workspace, lines: Sequence[Line], pairs: Sequence[tuple[Line, Line]]) -> Check | None:
    """Run the definitions on arrays of the stated sizes, and see that the results have theirs."""
    import numpy as np

    from .. import independent

    if not ws.checking:
        return None
    number: dict[Any, int] = {}
    for symbol in ws.graph.sizes.values():
        number[symbol] = (5, 7, 11, 13, 17, 19)[len(number) % 6]
    rng = np.random.Generator(np.random.PCG64(1))
    given = {name: np.asarray(float(number[d])) for name, d in ws.graph.sizes.items()}
    total = 0
    for line in ws.graph.lines.values():
        if line.op is None:
            shape = tuple(_size(d, number) for d in line.shape)
            total += int(np.prod([float(d) for d in shape]))
            if total > 10**6:
                return None
            value = ws.paper(line)
            given[line.name] = (
                value.floats() if value is not None else rng.uniform(0.5, 1.5, size=shape)
            )
    try:
        env = independent.forward(list(ws.graph.lines.values()), given)
    except (ValueError, IndexError):
        return Check("running the definitions on arrays of these sizes", 1.0, False)
    every = {x.name: x for x in (*lines, *(p for pair in pairs for p in pair))}
    ok = all(np.shape(env[n]) == tuple(_size(d, number) for d in x.shape) for n, x in every.items())
    return Check("running the definitions on arrays of these sizes", 0.0 if ok else 1.0, ok)


def _size(d: Any, number: dict[Any, int]) -> int:
    return d if isinstance(d, int) else int(d.subs(number))
