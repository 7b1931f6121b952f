"""A network's layers as text that other programs draw: Graphviz's DOT language and Mermaid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..stacks import LayerBlock, LayerBox, Stack
from . import font
from .dot import quote, shorten
from .mermaid import literal
from .wording import plain

Part = LayerBox | LayerBlock


@dataclass(frozen=True)
class _Node:
    id: str
    lines: tuple[str, ...]
    kind: str  # end | weighted | plain | sum | concat


@dataclass
class _Flat:
    """Nodes and edges, frames as pairs of lines around what they hold."""

    nodes: list[_Node | str] = field(default_factory=list)  # a str opens a frame, "" closes one
    edges: list[tuple[str, str, str]] = field(default_factory=list)
    count: int = 0

    def node(self, lines: Sequence[str], kind: str) -> str:
        name = f"n{self.count}"
        self.count += 1
        self.nodes.append(_Node(name, tuple(lines), kind))
        return name

    def chain(self, parts: Sequence[Part], source: str, size: str) -> tuple[str, str]:
        """The last node of the parts, and the size of what comes out of it."""
        for part in parts:
            source, size = self.one(part, source, size), part.output
        return source, size

    def one(self, part: Part, source: str, size: str) -> str:
        if isinstance(part, LayerBox):
            end = self.node(part.lines, "weighted" if part.weighted else "plain")
            self.edges.append((source, end, size))
            return end
        if part.kind == "repeat":
            self.nodes.append(f"× {part.times}")
            end, _ = self.chain(part.branches[0], source, size)
            self.nodes.append("")
            return end
        ends = [self.chain(branch, source, size) for branch in part.branches]
        joint = self.node(("+",) if part.kind == "sum" else ("concat",), part.kind)
        self.edges += [(end, joint, said) for end, said in ends]
        return joint


def _flat(stack: Stack) -> _Flat:
    flat = _Flat()
    start = flat.node((plain("input"),), "end")
    end, size = flat.chain(stack.parts, start, stack.input)
    last = flat.node((plain("output"),), "end")
    flat.edges.append((end, last, size))
    return flat


_DOT = {
    "end": 'style="filled,rounded" fillcolor="#e4f0fb" color="#2f6690"',
    "weighted": 'style="filled,rounded" fillcolor="#fbd98b" color="#8a5a00"',
    "plain": "style=rounded",
    "sum": "shape=circle",
    "concat": "style=rounded",
}


def to_dot(stack: Stack, title: str | None) -> str:
    """A complete DOT graph from top to bottom; repeats are clusters."""
    return "\n".join(_dot_lines(_flat(stack), title)) + "\n"


def _dot_lines(flat: _Flat, title: str | None) -> Iterator[str]:
    yield "digraph {"
    yield '  graph [rankdir=TB charset="utf-8" style=rounded]'
    if title:
        yield f"  graph [labelloc=t label={quote(shorten(title, 90))}]"
    yield f'  node [fontname="{font.FAMILY}" fontsize=12 shape=box]'
    yield f'  edge [fontname="{font.FAMILY}" fontsize=11]'
    indent, frames = "  ", 0
    for node in flat.nodes:
        if node == "":
            indent = indent[2:]
            yield f"{indent}}}"
        elif isinstance(node, str):
            yield f"{indent}subgraph cluster_{frames} {{"
            indent += "  "
            yield f"{indent}graph [label={quote(node)} labelloc=t labeljust=r]"
            frames += 1
        else:
            lines = quote(*(shorten(line, 40) for line in node.lines))
            yield f"{indent}{node.id} [label={lines} {_DOT[node.kind]}]"
    for source, target, size in flat.edges:
        yield f"  {source} -> {target} [label={quote('  ' + shorten(size, 30) + '  ')}]"
    yield "}"


_MERMAID = {
    "end": ("([", "])"),
    "weighted": ("[", "]"),
    "plain": ("(", ")"),
    "sum": ("((", "))"),
    "concat": ("(", ")"),
}


def to_mermaid(stack: Stack, title: str | None) -> str:
    """A Mermaid flowchart from top to bottom; repeats are subgraphs."""
    return "\n".join(_mermaid_lines(_flat(stack), title)) + "\n"


def _mermaid_lines(flat: _Flat, title: str | None) -> Iterator[str]:
    if title:
        yield f'---\ntitle: "{literal(shorten(title, 90))}"\n---'
    yield "flowchart TB"
    indent, frames, weighted = "  ", 0, []
    for node in flat.nodes:
        if node == "":
            indent = indent[2:]
            yield f"{indent}end"
        elif isinstance(node, str):
            yield f'{indent}subgraph r{frames}["{literal(node)}"]'
            indent += "  "
            frames += 1
        else:
            start, end = _MERMAID[node.kind]
            said = "<br/>".join(literal(shorten(line, 40)) for line in node.lines)
            yield f'{indent}{node.id}{start}"{said}"{end}'
            if node.kind == "weighted":
                weighted.append(node.id)
    for source, target, size in flat.edges:
        label = f'|"{literal(shorten(size, 30))}"|' if size else ""
        yield f"  {source} -->{label} {target}"
    if weighted:
        yield "  classDef weights fill:#fbd98b,stroke:#8a5a00"
        yield f"  class {','.join(weighted)} weights"
