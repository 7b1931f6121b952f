"""hessian: the gradient's derivation, its closed form, and that differentiated once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import InputError, Where
from ..expr import Binary, Call, Expr, Name, Num, Partial
from ..graph import dims
from ..graph import node as g
from ..graph.dims import Dim
from ..notation.build import size_term
from ..notation.index import has_subscripts
from ..problem.lines import Line
from ..problem.model import Task
from ..steps import Step, TaskResult, Text, in_turn
from . import gradient
from .chain import size_text
from .chain_steps import chain_steps, local_steps
from .duplication import free_count, tied
from .extended import cut, told
from .forward import forward_steps, given_steps
from .free_entries import folded_value, free_slope, free_steps, second_symbol
from .hessian_check import checked
from .hessian_renamed import base_of, rearranged
from .hessian_sign import Sign, sign
from .indexed import index_form, reading_steps, second_entry_symbol, shortest_entry
from .numbers import approx, equation, exact_term
from .second import Twice, twice
from .undefined import defined
from .workspace import Workspace


def solve(ws: Workspace, task: Task) -> TaskResult:
    """The Hessian by one variable, or the mixed block by two (rows: first, columns: second)."""
    wrt = tuple(task.args["wrt"]) if not isinstance(task.args["wrt"], str) else (task.args["wrt"],)
    place = task.places.get("wrt", task.where)
    if not 1 <= len(wrt) <= 2:
        raise InputError(
            f"a Hessian is taken by one name or by two, not by {len(wrt)}",
            hint="ask for one block at a time: `wrt: [w, b]` is the block of w and b",
            where=place,
        )
    try:
        return derive(ws, task.id, task.args["of"], wrt, task.where)
    except InputError as error:
        raise error.at(place) from None


def derive(ws: Workspace, task_id: str, of: str, wrt: Sequence[str], place: Where) -> TaskResult:
    """The same, asked by name; `place` is where errors point."""
    target = ws.line(of)
    rows, columns = ws.line(wrt[0]), ws.line(wrt[-1])
    bases = [base_of(ws, target, ws.line(n)) for n in wrt]
    if any(bases):
        others = [b.name if b else n for n, b in zip(wrt, bases, strict=True)]
        inner = derive(ws, task_id, of, others, place)
        return rearranged(ws, inner, wrt, [ws.line(n) for n in wrt], bases)
    _accept(ws, target, rows, columns)
    below = ws.graph.below([target])
    steps = [*given_steps(ws, below), *forward_steps(ws, below)]
    here = cut(ws, list(dict.fromkeys(wrt)))
    target, rows, columns = here.line(of), here.line(rows.name), here.line(columns.name)
    # In denominator layout a Jacobian's rows are the variable: the block starts from the other one.
    turned = ws.problem.convention.layout == "denominator"
    first, second = (columns, rows) if turned else (rows, columns)
    slope = defined(gradient.solve(here, task_id, "gradient", of, first.name))
    formula = free_slope(here, target, first) if tied(first) else slope.formula
    steps += _gradient_steps(ws, here, slope, first)
    found = twice(here, target, first, second, formula, place)
    steps += _again_steps(found, target, first, formula, {s.id for s in steps}, task_id)
    symbol, shape = second_symbol(target, rows, columns), _shape(rows, columns)
    if g.is_zero(found.node):
        value = None if found.value is None else folded_value(here, found.value, first, second)
        found = replace(found, formula=_zero(shape), value=value)
    elif tied(rows) or tied(columns):
        more, found = free_steps(found, target, rows, columns)
        steps += more
    elif found.formula is None:
        entry = shortest_entry(here, [lambda: found.node], first.symbol.order)
        found = replace(found, formula=entry)
    entries, in_index = None, {}
    if found.formula is not None and has_subscripts(found.formula):
        entries = second_entry_symbol(here, target, first, second)
        in_index = {"form": "index", **index_form(entries, found.formula)}
    judged = sign(found.value) if found.value is not None and rows is columns else None
    steps += _closing(found, symbol, shape, rows, columns, judged, entries)
    steps += reading_steps(ws, steps)
    return TaskResult(
        id=task_id,
        task="hessian",
        subject={"of": of, "wrt": wrt[0] if len(wrt) == 1 else list(wrt)},
        heading=_heading(target, rows, columns),
        steps=tuple(steps),
        shape=shape,
        dims=dims.text(shape),
        jacobian_dims=None,
        symbol=symbol if entries is None or found.value is not None else entries,
        formula=found.formula,
        value=found.value,
        extra={"definite": judged.word if judged else None} | in_index,
        check=checked(ws, here, found, (target, first, second)),
    )


def _accept(ws: Workspace, target: Line, rows: Line, columns: Line) -> None:
    if not target.has_one_entry:
        raise InputError(
            f"`{target.name}` has size {target.dims}: a Hessian needs a scalar",
            hint="ask for its `jacobian`, or for the Hessian of a scalar such as its sum",
        )
    for a, b in ((rows, columns), (columns, rows)):
        if a is not b and ws.graph.depends(a, b):
            raise InputError(
                f"`{a.name}` is computed from `{b.name}`: a block of second derivatives needs "
                "variables that do not depend on each other"
            )


# -- what it is called ----------------------------------------------------------------------------


def _shape(rows: Line, columns: Line) -> tuple[Dim, ...]:
    if not rows.symbol.order and not columns.symbol.order:
        return ()
    return free_count(rows), free_count(columns)


def _heading(target: Line, rows: Line, columns: Line) -> Text:
    names = {"y": Name(target.name), "a": Name(rows.name), "b": Name(columns.name)}
    if rows is columns:
        return Text("Hessian of {y} with respect to {a}", names)
    return Text("Mixed second derivatives of {y}: rows {a}, columns {b}", names)


def _zero(shape: tuple[Dim, ...]) -> Expr:
    return Call("zeros", tuple(size_term(d) for d in shape)) if shape else Num("0")


# -- steps ----------------------------------------------------------------------------------------


def _gradient_steps(ws: Workspace, here: Workspace, slope: TaskResult, first: Line) -> list[Step]:
    """The gradient's derivation, or the task that has shown it."""
    of = slope.subject["of"]
    if tied(first):
        return [s for s in told(slope) if s.id not in ("constraint", "answer")]
    earlier = ws.derived.get((of, first.name)) if here is ws else None
    if earlier is None:
        return [
            replace(s, id="gradient", title=Text("The gradient")) if s.id == "answer" else s
            for s in told(slope)
        ]
    assert slope.symbol is not None
    members = equation(slope.symbol, slope.formula, exact_term(slope.value))
    return [
        Step(
            "gradient",
            "closed",
            "",
            Text("The gradient, from task {t}", {"t": earlier}),
            members,
            approx=approx(slope.value) if slope.value else None,
            shape=slope.shape or (),
        )
    ]


def _again_steps(
    found: Twice, target: Line, first: Line, slope: Expr | None, shown: set[str], task_id: str
) -> list[Step]:
    """The gradient gets a name and is differentiated along its own chain."""
    names = {"y": Name(target.name), "x": Name(first.name)}
    if found.name is None:
        why = Text(
            "A Hessian is the Jacobian of the gradient: every entry of it is differentiated once "
            "more.",
            names,
        )
        match slope:
            case Binary("-", Call("softmax"), Call("one_hot") as target_):
                more = "{o} is constant, and the Jacobian of a softmax p is diag(p) − p pᵀ."
                why = in_turn(why, Text(more, {"o": target_}))
        return [Step("again", "again", "second derivative", Text("Once more"), why=why)]
    named = Name(found.name)
    words = (
        "A Hessian is the Jacobian of the gradient. {g} is the gradient of {y} with respect "
        "to {x}; it is differentiated once more, by the same rules."
    )
    if tied(first):
        words = (
            "A Hessian is the Jacobian of the gradient. {g} is the gradient of {y} with respect "
            "to {x}, every place counted by itself; it is differentiated once more, by the same "
            "rules."
        )
    why = Text(words, {**names, "g": named})
    symbol = None if tied(first) else Partial(Name(target.name), Name(first.name))
    line = found.ws.line(found.name)
    steps = [
        Step(
            "again",
            "again",
            "second derivative",
            Text("Call the gradient {g}", {"g": named}),
            equation(named, symbol, slope),
            why=why,
            shape=line.shape,
            uses=(f"chain.{first.name}",) if tied(first) else ("gradient",),
        )
    ]
    if found.chain is None:
        return steps
    below = found.ws.graph.below([line])
    for step in (
        *forward_steps(found.ws, below),
        *local_steps(found.chain, task_id),
        *chain_steps(found.chain, task_id),
    ):
        clash = step.id in shown
        if step.kind != "chain" and clash:
            continue
        steps.append(replace(step, id=f"again.{step.id}") if clash else step)
    return steps


def _closing(
    found: Twice,
    symbol: Expr,
    shape: tuple[Dim, ...],
    rows: Line,
    columns: Line,
    judged: Sign | None,
    entries: Expr | None,
) -> list[Step]:
    """entries: what the formula, which has subscripts then, is called."""
    value, formula = found.value, found.formula
    steps: list[Step] = []
    if entries is None:
        members = equation(symbol, formula, exact_term(value))
    elif value is None:
        members = equation(entries, formula)
    else:
        members = equation(symbol, exact_term(value))
        steps.append(Step("entries", "closed", "second derivative", Text("Entry by entry"),
                          equation(entries, formula), shape=shape, uses=("again",)))  # fmt: skip
    matrix = any(x.symbol.order > 1 and not tied(x) for x in (rows, columns))
    why = None
    if matrix:
        by = found.ws.problem.convention.vec
        why = Text(
            "A matrix variable counts as one long vector, its entries taken column by column."
            if by == "column"
            else "A matrix variable counts as one long vector, its entries taken row by row."
        )
    elif found.chain is None and found.name is not None and g.is_zero(found.node):
        why = Text("The gradient does not depend on {x}.", {"x": Name(columns.name)})
    if len(members) < 2 and value is None:
        why = Text(
            "Written out, this is too long to read; with numbers, its entries can be worked out."
        )
    steps += [
        Step(
            "answer",
            "closed",
            "second derivative",
            Text("The Hessian") if rows is columns else Text("The block"),
            members if len(members) > 1 or value is not None else (),
            approx=approx(value) if value is not None else None,
            why=why,
            shape=shape,
            jacobian_dims=size_text(shape) if len(shape) == 2 else None,  # type: ignore[arg-type]
            uses=("free",) if tied(rows) or tied(columns) else ("again",),
            level=0,
        )
    ]
    if judged is not None:
        steps.append(
            Step(
                "definite",
                "value",
                "definiteness",
                Text("Which way does it curve?"),
                why=judged.why,
                uses=("answer",),
            )
        )
    return steps
