"""Remarks on definitions typed by hand that have a name: exp(x)/(1 + exp(x)) is σ(x)."""

from __future__ import annotations

from collections.abc import Sequence

from ..calculus.simplify import substitute
from ..calculus.standard import standard
from ..expr import Call, Expr, Name, exchanged, walk
from ..graph.node import Node, topological
from ..notation.build import NoMatrixForm
from ..notation.text import text
from ..problem.lines import Line
from ..steps import Step, Text
from .workspace import Workspace

LONGEST = 80  # characters of what was typed, in a sentence

SENTENCES = {
    "sigmoid": "{typed} is {name}, the logistic function.",
    "tanh": "{typed} is {name}, the hyperbolic tangent.",
    "softplus": "{typed} is {name}, a smooth form of ReLU.",
    "softmax": "{typed} is {name}.",
    "log_softmax": "{typed} is {name}, the logarithm of the softmax.",
    "logsumexp": "{typed} is {name}, a smooth form of the maximum.",
    "var": "{typed} is {name}, the variance.",
}


def recognised_steps(ws: Workspace, lines: Sequence[Line]) -> list[Step]:
    """One remark for each line that is a named function typed out, the outermost ones only."""
    whole: dict[Node, Node] = {}
    for line in lines:
        if line.val is not None:
            whole[line.symbol] = substitute(line.val.node, whole)
    steps: list[Step] = []
    inside: set[Node] = set()
    for line in reversed(lines):
        if line.val is None or whole[line.symbol] in inside:
            continue
        node = whole[line.symbol]
        short = standard(node)
        if short is None:
            continue
        inside.update(topological([node]))
        step = _remark(ws, line, short)
        if step is not None:
            steps.append(step)
    return steps[::-1]


def _remark(ws: Workspace, line: Line, short: Node) -> Step | None:
    try:
        name = ws.term(short)
    except NoMatrixForm:
        return None
    function = next((e.func for e in walk(name) if isinstance(e, Call)), "")
    typed = _written_out(ws, line)
    sentence = SENTENCES.get(function)
    if sentence is None or typed is None or typed == name:
        return None
    return Step(
        f"name.{line.name}",
        "note",
        "definition",
        Text("{y} has a name", {"y": Name(line.name)}),
        why=Text(sentence, {"typed": typed, "name": name}),
        uses=(f"forward.{line.name}",),
    )


def _written_out(ws: Workspace, line: Line) -> Expr | None:
    """The line in the givens and the author's own names, as typed."""
    formula = line.formula
    autos = {x.name: x.formula for x in ws.graph.below([line]) if x.kind == "auto"}
    while formula is not None and any(isinstance(e, Name) and e.id in autos for e in walk(formula)):
        formula = exchanged(formula, lambda e: autos.get(e.id) if isinstance(e, Name) else None)
    return formula if formula is not None and len(text(formula)) <= LONGEST else None
