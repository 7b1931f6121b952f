"""A problem with more definitions, or with a computed quantity set free: what second derivatives,
directions and expansions are told on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import Where
from ..expr import Binary, Call, Component, Expr, Index, List, Name, Neg, Num, Sum, Transpose
from ..notation.text import text
from ..ops import ALIASES, OPS
from ..problem.elaborate import elaborate
from ..problem.lines import Graph, Line
from ..problem.model import Definition, Source
from ..steps import Step, TaskResult
from .workspace import Workspace


@dataclass(frozen=True)
class _Place:
    """Stands for the source of an expression that the program wrote itself."""

    place: Where

    def where(self, *span: int) -> Where:
        return self.place


def written(expr: Expr, place: Where) -> Source:
    """The source of an expression that was not typed: errors point at the task that needs it."""
    return Source(text(expr), _Place(place))


def free_name(ws: Workspace, *wanted: str) -> str:
    """The first of the names that nothing has; else the last one with underscores."""
    taken = {*ws.graph.lines, *ws.graph.sizes, *OPS, *ALIASES, "pi", "e"}
    for name in wanted:
        if name not in taken:
            return name
    name = wanted[-1]
    while name in taken:
        name += "_"
    return name


def extended(ws: Workspace, added: Mapping[str, tuple[Expr, Source]]) -> Workspace:
    """The workspace with further definitions; raises InputError where they cannot be typed.

    What was cut free in `ws` stays so. Bookkeeping of what has been shown is copied: nothing that
    the new names say leaks into later tasks.
    """
    more = tuple(
        Definition((name,), expr, source, source.where((0, 1)))
        for name, (expr, source) in added.items()
    )
    problem = replace(ws.problem, define=(*ws.problem.define, *more))
    graph = elaborate(problem, problem.unknowns)
    graph = _freed(graph, [n for n in _free(ws.graph) if ws.graph[n].value is not None], ws)
    graph = _freed(graph, [n for n in _free(ws.graph) if ws.graph[n].value is None], None)
    wider = Workspace(problem, graph, ws.point, ws.checking)
    return inherited(wider, ws)


def inherited(here: Workspace, ws: Workspace) -> Workspace:
    """What `ws` has shown counts as shown; what is shown here does not count there."""
    here.shown = set(ws.shown)
    here.local_in = dict(ws.local_in)
    here.adjoint_in = dict(ws.adjoint_in)
    here.derived = dict(ws.derived)
    return here


def cut(ws: Workspace, names: Sequence[str]) -> Workspace:
    """The workspace in which computed quantities are variables of their own, at their value."""
    chosen = [n for n in names if ws.graph[n].op is not None]
    if not chosen:
        return ws
    graph = _freed(ws.graph, chosen, ws)
    return inherited(Workspace(ws.problem, graph, ws.point, ws.checking), ws)


def unvalued(ws: Workspace, names: Sequence[str]) -> Workspace:
    """The workspace in which these quantities, given or computed, are unknowns without a value."""
    graph = _freed(ws.graph, names, None)
    point = {n: v for n, v in ws.point.items() if n not in names}
    return inherited(Workspace(ws.problem, graph, point, checking=False), ws)


def _free(graph: Graph) -> list[str]:
    return [n for n, line in graph.lines.items() if line.op is None and line.kind == "freed"]


def _freed(graph: Graph, names: Sequence[str], ws: Workspace | None) -> Graph:
    """`ws` has the values that they keep."""
    lines = dict(graph.lines)
    for name in names:
        line = lines[name]
        lines[name] = Line(
            name,
            "freed",
            line.leaf,
            value=None if ws is None else ws.paper(ws.graph[name]),
            label=line.label,
            where=line.where,
            properties=line.properties,
        )
    wired: dict[str, Line] = {}
    for name, line in lines.items():  # every line over the new ones, so that identity holds
        operands = tuple(wired[o.name] for o in line.operands)
        same = all(x is y for x, y in zip(operands, line.operands, strict=True))
        wired[name] = line if same else replace(line, operands=operands)
    return Graph(wired, graph.constants, graph.sizes, graph.convention)


def folded(expr: Expr, lines: Sequence[Line]) -> Expr:
    """The expression with the names of the lines that compute its parts already."""
    names: dict[Expr, str] = {}
    for line in lines:
        if line.formula is not None and line.op is not None:
            names.setdefault(line.formula, line.name)
    return _fold(expr, names)


def _fold(e: Expr, names: Mapping[Expr, str]) -> Expr:
    match e:
        case Binary():
            left = e.left
            scaled = isinstance(left, Binary) and left.op == "*" and isinstance(left.left, Num)
            if e.op == "@" and scaled:  # 2(XᵀX) rather than (2Xᵀ)X
                assert isinstance(left, Binary)
                inner = Binary("@", left.right, e.right)
                return Binary("*", left.left, _fold(inner, names))
            e = Binary(e.op, _fold(left, names), _fold(e.right, names), e.elementwise)
        case Neg():
            e = Neg(_fold(e.arg, names))
        case Transpose():
            e = Transpose(_fold(e.arg, names))
        case Call():
            kwargs = tuple((k, v) for k, v in e.kwargs)
            e = Call(e.func, tuple(_fold(a, names) for a in e.args), kwargs)
        case Index():
            e = Index(_fold(e.arg, names), e.items)
        case List():
            e = List(tuple(_fold(a, names) for a in e.items))
    found = names.get(e)
    return e if found is None else Name(found)


def renamed(e: Expr, new: Mapping[str, Expr]) -> Expr:
    """The expression with other terms for some of its names."""

    def at(x: Expr) -> Expr:
        return renamed(x, new)

    match e:
        case Name():
            return new.get(e.id, e)
        case Neg() | Transpose():
            return replace(e, arg=at(e.arg))
        case Binary():
            return replace(e, left=at(e.left), right=at(e.right))
        case Call():
            return replace(e, args=tuple(map(at, e.args)))
        case List():
            return replace(e, items=tuple(map(at, e.items)))
        case Index():
            return replace(e, arg=at(e.arg))
        case Component():
            return replace(e, arg=at(e.arg))
        case Sum():
            return replace(e, body=at(e.body))
        case _:
            return e


def told(result: TaskResult) -> list[Step]:
    """A gradient's steps as part of another task: without the remark on layouts."""
    return [s for s in result.steps if s.rule != "layout"]
