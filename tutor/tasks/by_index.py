"""`form: index`: the closed form entry by entry, beside the matrix form."""

from __future__ import annotations

from dataclasses import replace

from ..expr import Expr, Name
from ..graph.node import Node
from ..steps import Step, TaskResult, Text
from .chain import Chain
from .duplication import tied
from .extended import cut
from .indexed import entry_symbol, index_form, reading_steps, second_entry_symbol, shortest_entry
from .renamed import rearranged_given
from .second import twice_node
from .workspace import Workspace


def by_index(ws: Workspace, result: TaskResult) -> TaskResult:
    """The result of a gradient, jacobian or hessian task, with the step that says its entries."""
    if result.extra.get("form") == "index":
        return result
    of, wrt = str(result.subject["of"]), result.subject["wrt"]
    names = [wrt] if isinstance(wrt, str) else list(wrt)
    if not any(s.id == "answer" and s.equation for s in result.steps):
        return result
    bases = [rearranged_given(ws.line(n)) for n in names]
    names = [n if b is None else b.name for n, b in zip(names, bases, strict=True)]
    if of in names or not all(ws.graph.depends(ws.line(of), ws.line(n)) for n in names):
        return result  # one by itself, or a zero
    found = _second(ws, of, names) if result.task == "hessian" else _first(ws, result, of, names[0])
    why = None
    if result.task != "gradient" and any(tied(ws.line(n)) for n in names):
        why = Text("Here all entries of {x} count as free.", {"x": Name(names[0])})
    base = next((b for b in bases if b is not None), None)
    if base is not None:
        why = Text(
            "By the entries of {A}, which {w} holds.",
            {
                "A": Name(base.name),
                "w": Name(wrt if isinstance(wrt, str) else wrt[bases.index(base)]),
            },
        )
    if found is None:
        why = Text("With subscripts, this derivative is too long to read.")
    step = Step("entries", "closed", "index notation", Text("Entry by entry"), found or (),
                why=why, shape=result.shape or (), uses=("answer",), level=0)  # fmt: skip
    steps: list[Step] = []
    for s in result.steps:
        steps += [s, step] if s.id == "answer" else [s]
    steps += reading_steps(ws, [step])
    extra = dict(result.extra)
    if found is not None:
        extra |= index_form(*found)
    return replace(result, steps=tuple(steps), extra=extra)


def _first(ws: Workspace, result: TaskResult, of: str, wrt: str) -> tuple[Expr, Expr] | None:
    gradient = result.task == "gradient"
    target, variable = ws.line(of), ws.line(wrt)
    chain = Chain(ws, target, variable, gradient)
    if chain.final is None:
        return None
    entry = chain.closed_entry()
    return None if entry is None else (entry_symbol(ws, target, variable, gradient), entry)


def _second(ws: Workspace, of: str, names: list[str]) -> tuple[Expr, Expr] | None:
    here = cut(ws, list(dict.fromkeys(names)))
    target, first, second = here.line(of), here.line(names[0]), here.line(names[-1])

    def node() -> Node:
        return twice_node(here, target, first, second)

    entry = shortest_entry(here, [node], first.symbol.order)
    symbol = second_entry_symbol(here, target, first, second)
    return None if entry is None else (symbol, entry)
