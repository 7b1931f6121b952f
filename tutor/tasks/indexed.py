"""Derivatives entry by entry: how their entries are written, and what to know to read them.

Where a derivative has no matrix form, its steps and its closed form are written so; `form: index`
asks for it beside the matrix form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..calculus.simplify import simplify, substitute
from ..expr import Binary, Call, Component, Expr, Name, Partial, Sum, walk
from ..graph import node as g
from ..graph.node import Node, topological
from ..notation.build import NoMatrixForm
from ..notation.index import At, component, index_term, subscripts, untransposed
from ..notation.text import text
from ..problem.lines import Line
from ..steps import Step, Text, in_turn
from .workspace import Workspace

LONG = 240  # characters of a closed form that still reads well
TREE = 400  # nodes of one that is tried


def taken(ws: Workspace) -> frozenset[str]:
    """Names that an index letter may not have."""
    return frozenset((*ws.graph.lines, *ws.graph.sizes))


def entry(ws: Workspace, node: Node, lead: int | None = None) -> Expr:
    """One entry of a derivative; raises NoMatrixForm.

    lead: of a Jacobian, how many axes are those of the result; None for a gradient
    """
    node = ws.whole(node)

    def at(n: Node, places: Sequence[At]) -> Expr:
        name = n.attr.name
        if lead is None or not (isinstance(name, tuple) and name[0] == "partial"):
            return component(untransposed(ws.leaf_term(n), n), places)
        of, wrt = Name(name[1]), Name(name[2])
        return Partial(component(of, places[:lead]), component(wrt, places[lead:]))

    return index_term(node, ws.leaf_term, taken(ws), at, ws.problem.convention.vec)


def entry_symbol(ws: Workspace, of: Line, wrt: Line, gradient: bool) -> Expr:
    """(∂L/∂x)_i of a gradient, ∂y_i/∂x_j of a Jacobian."""
    if gradient:
        at = subscripts(wrt.symbol.shape, taken(ws))
        return component(Partial(Name(of.name), Name(wrt.name)), at)
    lead = of.symbol.order
    at = subscripts((*of.symbol.shape, *wrt.symbol.shape), taken(ws))
    return Partial(component(Name(of.name), at[:lead]), component(Name(wrt.name), at[lead:]))


def second_entry_symbol(ws: Workspace, of: Line, first: Line, second: Line) -> Expr:
    """∂²L/∂x_i ∂x_j."""
    lead = first.symbol.order
    at = subscripts((*first.symbol.shape, *second.symbol.shape), taken(ws))
    rows, columns = component(Name(first.name), at[:lead]), component(Name(second.name), at[lead:])
    return Partial(Partial(Name(of.name), rows), columns)


def index_form(entries: Expr, formula: Expr) -> dict[str, str]:
    """The equation between entries, for the JSON result."""
    return {"index_form": f"{text(entries)} = {text(formula)}"}


def shortest_entry(
    ws: Workspace, nodes: Iterable[Callable[[], Node]], lead: int | None = None
) -> Expr | None:
    """The entry of the first node that has one which is short enough to read."""
    for make in nodes:
        node = make()
        found = [e for n in (node, named(ws, node)) if (e := _short(ws, n, lead)) is not None]
        if found:
            return min(found, key=lambda e: len(text(e)))
    return None


def _short(ws: Workspace, node: Node, lead: int | None) -> Expr | None:
    if tree_size(node) > TREE:
        return None
    try:
        term = entry(ws, node, lead)
    except NoMatrixForm:
        return None
    return term if len(text(term)) <= LONG else None


def named(ws: Workspace, node: Node) -> Node:
    """The node with the names of the lines whose functions stand in it: y for softmax(x)."""
    new = {
        line.val.node: line.symbol
        for line in ws.graph.lines.values()
        if line.val is not None and line.val.node.kind == "call"
    }
    return simplify(substitute(node, new)) if new else node


def tree_size(node: Node) -> int:
    """How many nodes the expression has when everything shared is written out."""
    size: dict[Node, int] = {}
    for n in topological([node]):
        size[n] = 1 + sum(size[a] for a in n.args)
    return size[node]


def free_entries(line: Line, node: Node) -> Node:
    """A gradient by a symmetric or diagonal matrix, from that with all entries free."""
    ij = (0, 1)
    diagonal = g.ein([(node, ij), (g.delta(line.symbol.shape[0]), ij)], ij)
    if "diagonal" in line.properties:
        return simplify(diagonal)
    return simplify(g.add([node, g.permute(node, (1, 0)), diagonal], [g.ONE, g.ONE, -g.ONE]))


# -- what to know to read them --------------------------------------------------------------------


def reading_steps(ws: Workspace, steps: Sequence[Step]) -> list[Step]:
    """What subscripts, Σ and δ mean, each said once in a solution."""
    shown = [x for s in steps for e in s.equation for x in walk(e)]
    if not any(isinstance(x, Component) for x in shown):
        return _products_but_one(ws, shown)
    mark = "delta" if "delta" not in taken(ws) else "delta_K"
    entries = [x for x in shown if isinstance(x, Component)]
    deltas = [x for x in entries if x.arg == Name(mark)]
    sums = [x for x in shown if isinstance(x, Sum)]
    winners = [x.arg for x in entries if isinstance(x.arg, Call) and x.arg.func == "winner"]
    beside = any(isinstance(i, Binary) for x in entries if x not in deltas for i in x.indices)
    said = [
        ("from 0", Text("Subscripts count from 0, as in x[0].")),
        ("beside", Text("An entry that lies outside its array counts as 0.") if beside else None),
        (
            "delta",
            Text("{d} is 1 where its two subscripts are equal, and 0 elsewhere.", {"d": Name(mark)})
            if deltas
            else None,
        ),
        (
            "sum",
            Text("A sum runs over all values that its letters can take.") if sums else None,
        ),
        (
            "winner",
            Text(
                "{w} is 1 at the entry that is the largest, and 0 elsewhere; subscripts beyond "
                "those of the result tell the place inside the window.",
                {"w": winners[0]},
            )
            if winners
            else None,
        ),
    ]
    new = [(k, t) for k, t in said if t is not None and f"subscripts: {k}" not in ws.said]
    if not new:
        return []
    ws.said.update(f"subscripts: {k}" for k, _ in new)
    why = in_turn(*(t for _, t in new))
    step = Step("note.subscripts", "note", "", Text("Reading the subscripts"), why=why)
    return [*_products_but_one(ws, shown), step]


def _products_but_one(ws: Workspace, shown: Sequence[Expr]) -> list[Step]:
    """What prod_others(x) is, a name that no book has."""
    found = [x for x in shown if isinstance(x, Call) and x.func == "prod_others" and not x.kwargs]
    if not found or "prod_others" in ws.said:
        return []
    ws.said.add("prod_others")
    p, (x, *_) = found[0], found[0].args
    why = Text(
        "Entry i of {p} is the product of all entries of {x} but entry i; where no entry is 0, {p} "
        "is {q}.",
        {"p": p, "x": x, "q": Binary("/", Call("prod", (x,)), x, elementwise=True)},
    )
    return [Step("note.products", "note", "", Text("Reading {p}", {"p": p}), why=why)]
