"""graph: the computational graph as data for a picture, with values and gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import limits
from ..calculus.reverse import pullback
from ..errors import InputError
from ..expr import Num
from ..graph import dims
from ..graph import node as g
from ..problem.instance import indices
from ..problem.lines import Line
from ..steps import Diagram, DiagramEdge, DiagramNode, TaskResult, Text
from ..value import Value, in_decimals
from .chain import Chain, jacobian_size, paper_value, size_text
from .renamed import rearranged_given
from .undefined import reason, with_reason
from .workspace import Workspace, as_json


def solve(ws: Workspace, task_id: str, values: bool, gradients: bool) -> TaskResult:
    picture = diagram(ws, values, gradients)
    result = TaskResult(
        id=task_id,
        task="graph",
        subject={"values": values, "gradients": gradients},
        heading=Text("The computational graph"),
        extra={
            "nodes": [_node_json(n) for n in picture.nodes],
            "edges": [
                {"from": e.source, "to": e.target, "jacobian_dims": e.jacobian_dims}
                for e in picture.edges
            ],
        },
        diagram=picture,
    )
    why = _undefined(ws, picture) if gradients else None
    return result if why is None else with_reason(result, why)


def _undefined(ws: Workspace, picture: Diagram) -> Text | None:
    """Why some nodes that have a value have no gradient at this point."""
    if picture.gradient_of is None:
        return None
    loss = ws.line(picture.gradient_of)
    bare = {n.id for n in picture.nodes if n.gradient is None}
    for line in reversed(ws.graph.below([loss])):
        if line is loss or line.name not in bare or ws.numbers[line.name] is None:
            continue
        chain = Chain(ws, loss, line, gradient=True)
        if chain.missing:
            return reason(chain)
    return None


def _node_json(n: DiagramNode) -> Mapping[str, Any]:
    return {
        "id": n.id,
        "name": n.name,
        "kind": n.kind,
        "op": n.op,
        "shape": [as_json(d) for d in n.shape],
        "value": None if n.value is None else n.value.numbers(),
        "gradient": None if n.gradient is None else n.gradient.numbers(),
    }


def diagram(
    ws: Workspace, values: bool = True, gradients: bool = False, backward: bool = False
) -> Diagram:
    """The picture's nodes and edges, in the order of the lines.

    backward: edges say which gradient flows back along them, and its size. Raises InputError if
    there is no single scalar result to start from.
    """
    lines = list(ws.graph.lines.values())
    if len(lines) > limits.PICTURE_NODES:
        raise InputError(
            f"a picture of {len(lines)} nodes is too large; the limit is {limits.PICTURE_NODES}"
        )
    users = ws.graph.consumers()
    trained = {n for t in ws.problem.tasks if "wrt" in t.args for n in _names(t.args["wrt"])}
    loss = _loss(ws, lines) if gradients or backward else None
    if backward and loss is None:
        raise InputError(
            "there is no scalar result from which gradients would flow back",
            hint="define one that nothing else uses, or ask for the gradient of one in `tasks`",
        )
    with in_decimals(ws.problem.in_decimals):
        slope = _gradients(ws, loss) if loss and gradients else {}
    flows = _flows(ws, loss) if loss and backward else set()
    nodes = []
    for line in lines:
        if line.op is None:
            kind = "parameter" if line.name in trained else "input"
        else:
            kind = "operation" if users[line.name] or rearranged_given(line) else "output"
        nodes.append(
            DiagramNode(
                id=line.name,
                name=line.name,
                kind=kind,
                op=_symbol(line),
                label=line.formula if line.op else None,
                shape=line.shape,
                dims=dims.text(line.shape),
                value=ws.paper(line) if values else None,
                gradient=slope.get(line.name),
            )
        )
    layout = ws.problem.convention.layout
    edges = tuple(
        DiagramEdge(
            o.name,
            line.name,
            dims.text(o.shape),
            size_text(jacobian_size(line, o, layout)),
            gradient_size(o) if (o.name, line.name) in flows else None,
        )
        for line in lines
        for o in line.operands
    )
    return Diagram(tuple(nodes), edges, loss.name if loss else None)


def _flows(ws: Workspace, loss: Line) -> set[tuple[str, str]]:
    """The edges along which a gradient flows back: a class index, say, gets none."""
    reached, found = {loss.name}, set()
    for line in reversed(ws.graph.below([loss])):
        if line.name not in reached or line.val is None:
            continue
        upstream = g.var(("partial", loss.name, line.name), line.val.node.shape)
        slopes = pullback(line.val.node, upstream, [o.symbol for o in line.operands])
        for operand, slope in zip(line.operands, slopes, strict=True):
            if not g.is_zero(slope):
                reached.add(operand.name)
                found.add((operand.name, line.name))
    return found


def gradient_size(line: Line) -> str:
    """Of ∂L/∂line for a scalar L: that of the variable, without a final 1 that is not free."""
    fixed = "homogeneous" in line.properties
    return dims.text(line.symbol.shape) if fixed else line.dims


def _symbol(line: Line) -> str | None:
    """What the picture shows big: a power shows its exponent."""
    if line.op is None:
        return None
    if line.op.name == "pow" and isinstance(line.terms[1], Num) and line.terms[1].text in _SMALL:
        return "(·)" + _SMALL[line.terms[1].text]
    return line.op.symbol


_SMALL = {"2": "²", "3": "³", "4": "⁴"}


def _names(wrt: Any) -> tuple[str, ...]:
    return (wrt,) if isinstance(wrt, str) else tuple(wrt)


def _loss(ws: Workspace, lines: list[Line]) -> Line | None:
    """The scalar that the tasks differentiate, else the only one that nothing else uses."""
    asked = [t.args["of"] for t in ws.problem.tasks if "wrt" in t.args]
    named = [ws.graph[n] for n in asked if n in ws.graph.lines and ws.graph[n].has_one_entry]
    if named:
        return named[-1]
    users = ws.graph.consumers()
    ends = [x for x in lines if x.op is not None and not users[x.name] and x.has_one_entry]
    return ends[0] if len(ends) == 1 else None


def _gradients(ws: Workspace, loss: Line) -> dict[str, Value]:
    """The gradient of the loss at every node that it depends on and that has a value."""
    found, whole = {}, indices(ws.graph)
    for line in ws.graph.below([loss]):
        if line is loss:
            continue
        if ws.numbers[line.name] is None:
            continue
        final = Chain(ws, loss, line, gradient=True).final
        if final is not None and final.value is not None:
            if line.name in whole and not final.value.any():
                continue  # an index of a class does not move
            found[line.name] = paper_value(line, final.value)
    return found
