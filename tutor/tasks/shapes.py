"""shapes: the dimension of every variable and of every edge's Jacobian, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import InputError
from ..expr import Binary, Expr, Name, Partial
from ..graph import dims
from ..graph.fits import examples
from ..notation.names import size_words
from ..problem.lines import Line
from ..steps import Check, Step, Table, TaskResult, Text, in_turn
from .chain import jacobian_size, size_text
from .graph import gradient_size
from .renamed import rearranged_given
from .shape_reasons import edge_reason, reason
from .workspace import Workspace, as_json

BLANK = "_" * 12  # where a student writes
NOWHERE = Text("No values were found at which everything exists, so the sizes were not tried out.")
LONG = 24  # characters of a formula beside an automatic name


def solve(ws: Workspace, task_id: str, of: Sequence[str], edges: Any) -> TaskResult:
    lines, pairs, loss = asked(ws, of, edges)
    only_edges = not _names_variables(of, edges)
    layout = ws.problem.convention.layout
    steps, sizes, rows = [], {}, []
    for line in lines:
        why = reason(ws, line)
        steps.append(_variable_step(line, why))
        sizes[line.name] = {
            "shape": [as_json(d) for d in line.shape],
            "dims": line.dims,
            "why": why,
        }
        rows.append((called(line), size_words(line.dims), why))
    found, edge_rows = [], []
    for a, b in pairs:
        size = jacobian_size(a, b, layout)
        why = edge_reason(a, b, layout)
        if not {b.name, (rearranged_given(b) or b).name} & {x.name for x in ws.graph.below([a])}:
            holes = {"y": Name(a.name), "x": Name(b.name)}
            why = in_turn(why, Text("All entries are 0: {y} does not depend on {x}.", holes))
        found.append(_edge(a, b, layout))
        steps.append(_edge_step(a, b, size, why))
        written = size_words(size_text(size))
        edge_rows.append((Partial(Name(a.name), Name(b.name)), written, why))
    tables = []
    if rows and not only_edges:
        tables.append(Table((Text("Variable"), Text("Size"), Text("Why")), tuple(rows)))
    if edge_rows:
        tables.append(Table((Text("Derivative"), Text("Size"), Text("Why")), tuple(edge_rows)))
    if loss is not None:
        tables.append(_gradients(ws, loss, layout))
        told = {(e["of"], e["wrt"]) for e in found}
        below = [b for b in ws.graph.below([loss]) if b is not loss]
        found += [_edge(loss, b, layout) for b in below if (loss.name, b.name) not in told]
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


def asked(
    ws: Workspace, of: Sequence[str], edges: Any
) -> tuple[list[Line], list[tuple[Line, Line]], Line | None]:
    """The variables and the edges that a task is about; and the result, if it is about everything.

    The result is the only quantity of one entry that nothing else uses, if there is one.
    """
    lines = [ws.line(n) for n in of] or list(ws.graph.lines.values())
    if edges != "all":
        pairs = [(ws.line(a), ws.line(b)) for a, b in edges or ()]
        for a, b in pairs:
            if a is not b and a in ws.graph.below([b]):
                raise InputError(
                    f"`{a.name}` does not depend on `{b.name}`, but the other way round",
                    hint=f"write [{b.name}, {a.name}] for ∂{b.name}/∂{a.name}",
                )
        return lines, pairs, None
    pairs = [(u, o) for u in ws.graph.lines.values() for o in u.operands]
    users = ws.graph.consumers()
    ends = [x for x in ws.graph.lines.values() if x.op is not None and not users[x.name]]
    scalars = [x for x in ends if x.has_one_entry]
    return lines, pairs, scalars[0] if len(scalars) == 1 and not of else None


def blank(ws: Workspace, of: Sequence[str], edges: Any) -> tuple[Table, ...]:
    """The same tables for a student to fill in: names only, no size and no reason."""
    lines, pairs, loss = asked(ws, of, edges)
    tables = []
    if _names_variables(of, edges):
        rows = tuple((called(x), BLANK) for x in lines)
        tables.append(Table((Text("Variable"), Text("Size")), rows))
    if pairs:
        partials = tuple((Partial(Name(a.name), Name(b.name)), BLANK) for a, b in pairs)
        tables.append(Table((Text("Derivative"), Text("Size")), partials))
    if loss is not None:
        below = [b for b in ws.graph.below([loss]) if b is not loss]
        ends = tuple((Partial(Name(loss.name), Name(b.name)), BLANK, BLANK) for b in below)
        tables.append(Table(_GRADIENT_COLUMNS, ends))
    return tuple(tables)


_GRADIENT_COLUMNS = (Text("Derivative"), Text("Jacobian"), Text("Gradient"))


def _gradients(ws: Workspace, loss: Line, layout: str) -> Table:
    """∂L/∂· of all that the result depends on: as a Jacobian, and in the variable's shape."""
    rows = []
    for b in ws.graph.below([loss]):
        if b is not loss:
            sizes = size_text(jacobian_size(loss, b, layout)), gradient_size(b)
            rows.append((Partial(Name(loss.name), Name(b.name)), *map(size_words, sizes)))
    return Table(_GRADIENT_COLUMNS, tuple(rows))


def _names_variables(of: Sequence[str], edges: Any) -> bool:
    return bool(of) or not edges or edges == "all"


def called(line: Line) -> Expr:
    """The name; of an intermediate that the author did not name, also what it stands for."""
    from ..notation.text import text

    short = line.kind == "auto" and line.formula is not None and len(text(line.formula)) <= LONG
    return Binary("==", Name(line.name), line.formula) if short else Name(line.name)  # type: ignore[arg-type]


def _variable_step(line: Line, why: Text) -> Step:
    return Step(
        f"shape.{line.name}",
        "shape",
        "size of a variable",
        Text("{x} is {size}", {"x": Name(line.name), "size": line.dims}),
        (Name(line.name), line.formula) if line.formula else (),
        why=why,
        shape=line.shape,
        jacobian_dims=line.dims,
        level=2,
    )


def _edge_step(a: Line, b: Line, size: tuple[dims.Dim, dims.Dim], why: Text) -> Step:
    text = size_text(size)
    return Step(
        f"shape.{a.name}.{b.name}",
        "shape",
        "size of a Jacobian",
        Text("{x} is {size}", {"x": Partial(Name(a.name), Name(b.name)), "size": text}),
        why=why,
        shape=size,
        jacobian_dims=text,
        level=2,
    )


def _edge(a: Line, b: Line, layout: str) -> dict[str, Any]:
    size = jacobian_size(a, b, layout)
    return {
        "of": a.name,
        "wrt": b.name,
        "shape": [as_json(d) for d in size],
        "dims": size_text(size),
        "gradient": gradient_size(b) if a.has_one_entry else None,
    }


def _heading(variables: bool, derivatives: bool) -> Text:
    if variables and derivatives:
        return Text("Sizes of variables and derivatives")
    return Text("Sizes of variables") if variables else Text("Sizes of derivatives")


def check(ws: Workspace, lines: Sequence[Line], pairs: Sequence[tuple[Line, Line]]) -> Check | None:
    """Run the definitions on arrays of the stated sizes, and see that the results have theirs."""
    import numpy as np

    from .. import independent
    from ..errors import CheckFailed
    from ..problem.instance import SEEDS, drawn

    if not ws.checking:
        return None
    number: dict[Any, int] = {}
    for symbol in ws.graph.sizes.values():
        number[symbol] = (5, 7, 11, 13, 17, 19)[len(number) % 6]
    number |= examples(ws.graph.fits, number)  # under a window not every number will do
    given = {name: np.asarray(float(number[d])) for name, d in ws.graph.sizes.items()}
    open_, total = {}, 0
    for line in ws.graph.lines.values():
        if line.op is None:
            shape = tuple(_size(d, number) for d in line.shape)
            total += int(np.prod([float(d) for d in shape]))
            if total > 10**6:
                return None
            value = ws.paper(line)
            if value is None:
                open_[line.name] = shape
            else:
                given[line.name] = value.floats()
    for seed in range(SEEDS):  # an inverse or an index does not exist for every array
        try:
            arrays = {**given, **drawn(ws.graph, open_, seed)}
            env = independent.forward(list(ws.graph.lines.values()), arrays)
            break
        except InputError:
            continue
        except CheckFailed:
            return _ran(False)
    else:
        return Check.impossible(NOWHERE)
    every = {x.name: x for x in (*lines, *(p for pair in pairs for p in pair))}
    ok = all(np.shape(env[n]) == tuple(_size(d, number) for d in x.shape) for n, x in every.items())
    return _ran(ok)


def _ran(ok: bool) -> Check:
    return Check("running the definitions on arrays of these sizes", 0.0 if ok else 1.0, ok)


def _size(d: Any, number: dict[Any, int]) -> int:
    return d if isinstance(d, int) else int(d.subs(number))
