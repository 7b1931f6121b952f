"""A computational graph as a Mermaid flowchart, which GitHub and many wikis draw."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from ..notation.unicode import unicode_text
from ..steps import Diagram, DiagramNode, Variable
from .dot import BACKWARD, derivative, flowing, node_lines, shorten

# every kind has its own outline as well as its own fill
_SHAPES = {
    "input": ("([", "])"),
    "parameter": ("{{", "}}"),
    "operation": ("[", "]"),
    "output": ("[[", "]]"),
}
_LITERAL = re.compile(r"[^\w .,:;=()+\-−·×≈∂ᵀ⊙]")


def to_mermaid(
    diagram: Diagram,
    *,
    values: bool = False,
    gradients: bool = False,
    backward: bool = False,
    jacobians: bool = False,
    title: str | None = None,
    names: Mapping[str, Variable],
) -> str:
    """The diagram as Mermaid text, from left to right; `backward` adds dotted arrows back.

    `jacobians` names each edge by its derivative and the size of that.
    """
    rows = [*_rows(diagram, values, gradients, jacobians, title, names)]
    if backward:
        rows += _back(diagram, names)
    return "\n".join(rows) + "\n"


def _back(diagram: Diagram, names: Mapping[str, Variable]) -> Iterable[str]:
    ids = {node.id: f"n{k}" for k, node in enumerate(diagram.nodes)}
    flows = [edge for edge in diagram.edges if edge.gradient_dims is not None]
    for edge in flows:
        said = literal(flowing(diagram, edge, lambda e: unicode_text(e, names)))
        yield f'  {ids[edge.target]} -.->|"{said}"| {ids[edge.source]}'
    if flows:
        first = len(diagram.edges)
        numbers = ",".join(str(first + k) for k in range(len(flows)))
        yield f"  linkStyle {numbers} stroke:{BACKWARD},color:{BACKWARD}"


def _rows(
    diagram: Diagram,
    values: bool,
    gradients: bool,
    jacobians: bool,
    title: str | None,
    names: Mapping[str, Variable],
) -> Iterable[str]:
    if title:
        yield f'---\ntitle: "{literal(shorten(title, 90))}"\n---'
    yield "flowchart LR"
    ids = {node.id: f"n{k}" for k, node in enumerate(diagram.nodes)}
    uses = Counter(edge.source for edge in diagram.edges)
    for node in diagram.nodes:
        start, end = _SHAPES[node.kind]
        lines = _lines(node, diagram, values, gradients, not uses[node.id], names)
        yield f'  {ids[node.id]}{start}"{"<br/>".join(map(literal, lines))}"{end}'
    for edge in diagram.edges:
        said = "" if edge.dims in ("", "1×1") else edge.dims
        if jacobians:
            said = derivative(diagram, edge, lambda e: unicode_text(e, names))
        label = f'|"{literal(said)}"|' if said else ""
        yield f"  {ids[edge.source]} -->{label} {ids[edge.target]}"


def _lines(
    node: DiagramNode,
    diagram: Diagram,
    values: bool,
    gradients: bool,
    last: bool,
    names: Mapping[str, Variable],
) -> list[str]:
    def write(e):
        return unicode_text(e, names)

    return [line for _, line in node_lines(node, diagram, values, gradients, last, write)]


def literal(line: str) -> str:
    """Characters that Mermaid or HTML might obey, as Mermaid's entity codes."""
    return _LITERAL.sub(lambda m: f"#{ord(m[0])};", line)
