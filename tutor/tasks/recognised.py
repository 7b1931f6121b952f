"""Remarks on definitions typed by hand that have a name: exp(x)/(1 + exp(x)) is σ(x)."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from ..calculus.simplify import simplify, substitute
from ..calculus.standard import standard
from ..expr import Call, Expr, Name, Transpose, exchanged, walk
from ..graph.node import Node, T, topological
from ..notation.build import NoMatrixForm
from ..notation.text import text
from ..problem.lines import Line
from ..steps import Step, Text
from .workspace import Workspace

LONGEST = 80  # characters of what was typed, in a sentence
# what such terms end in
OUTERMOST = ("div", "mul", "log", "log1p", "exp", "sub", "mean", "pow", "sqrt")


def recognised_steps(ws: Workspace, lines: Sequence[Line]) -> list[Step]:
    """One remark for each line that is a named function typed out, the outermost ones only."""
    whole: dict[Node, Node] = {}
    for line in lines:
        if line.val is not None:
            whole[line.symbol] = substitute(line.val.node, whole)
    steps: list[Step] = []
    inside: set[Node] = set()
    for line in reversed(lines):
        if line.op is None or line.op.name not in OUTERMOST or whole[line.symbol] in inside:
            continue
        node = whole[line.symbol]
        short = standard(node) or _length(node, line)
        if short is None:
            continue
        inside.update(topological([node]))
        step = _remark(ws, line, short)
        if step is not None:
            steps.append(step)
    return steps[::-1]


def _length(node: Node, line: Line) -> Node | None:
    """A root of a sum of squares, or a sum divided by a number, which may be a length or a mean."""
    assert line.op is not None
    root = node.kind == "map" and node.attr == sp.sqrt(T) and line.op.name in ("sqrt", "pow")
    mean = node.kind == "ein" and len(node.args) == 1 and line.op.name == "div" and not node.order
    return simplify(node) if root or mean else None


def _remark(ws: Workspace, line: Line, short: Node) -> Step | None:
    try:
        name = ws.term(short)
    except NoMatrixForm:
        return None
    typed = _written_out(ws, line)
    call = name.arg if isinstance(name, Transpose) else name
    if typed is None or typed == name or not isinstance(call, Call):
        return None
    said = _said(call.func, {"typed": typed, "name": name})
    if said is None:
        return None
    return Step(
        f"name.{line.name}",
        "note",
        "definition",
        Text("{y} has a name", {"y": Name(line.name)}),
        why=said,
        uses=(f"forward.{line.name}",),
    )


def _said(function: str, terms: dict[str, Expr]) -> Text | None:
    match function:
        case "sigmoid":
            return Text("{typed} is {name}, the logistic function.", terms)
        case "tanh":
            return Text("{typed} is {name}, the hyperbolic tangent.", terms)
        case "softplus":
            return Text("{typed} is {name}, a smooth form of ReLU.", terms)
        case "softmax":
            return Text("{typed} is {name}.", terms)
        case "log_softmax":
            return Text("{typed} is {name}, the logarithm of the softmax.", terms)
        case "logsumexp":
            return Text("{typed} is {name}, a smooth form of the maximum.", terms)
        case "var":
            return Text("{typed} is {name}, the variance.", terms)
        case "std":
            return Text("{typed} is {name}, the standard deviation.", terms)
        case "mean":
            return Text("{typed} is {name}, the mean.", terms)
        case "norm2" | "frobenius":
            return Text("{typed} is {name}, a length.", terms)
        case _:
            return None


def _written_out(ws: Workspace, line: Line) -> Expr | None:
    """The line in the givens and the author's own names, as typed."""
    formula = line.formula
    autos = {x.name: x.formula for x in ws.graph.below([line]) if x.kind == "auto"}
    while formula is not None and any(isinstance(e, Name) and e.id in autos for e in walk(formula)):
        formula = exchanged(formula, lambda e: autos.get(e.id) if isinstance(e, Name) else None)
    return formula if formula is not None and len(text(formula)) <= LONGEST else None
