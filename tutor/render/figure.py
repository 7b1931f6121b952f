"""Which computational graphs a page draws, and where."""

from __future__ import annotations

from collections.abc import Mapping

from ..limits import PICTURE_NODES
from ..steps import Diagram, Solution, Table, TaskResult, Variable
from .dot import to_dot
from .outline import diagram_table, own_tables

READABLE = 9  # nodes of a graph whose words can still be read at the width of a page


def drawn(solution: Solution, *, paper: bool = False) -> dict[str, Diagram]:
    """The graphs to draw by the task that shows them; "" is the head of the page.

    The graph of the problem stands in the head, unless a task draws it itself, or on paper it
    would get too small. One with too many nodes is not drawn.
    """
    found = {t.id: t.diagram for t in solution.tasks if t.diagram is not None}
    if not found and solution.diagram is not None:
        head = solution.diagram
        found = {"": head} if not paper or len(head.nodes) <= 2 * READABLE else {}
    return {k: d for k, d in found.items() if len(d.nodes) <= PICTURE_NODES}


def tables(task: TaskResult, drawn: bool, level: int) -> tuple[Table, ...]:
    """The tables to show; a graph that is not drawn, or gets small on paper, is one of them."""
    if task.diagram is None or (drawn and len(task.diagram.nodes) <= READABLE):
        return own_tables(task, level)
    return (diagram_table(task.diagram), *own_tables(task, level))


def source(diagram: Diagram, names: Mapping[str, Variable]) -> str:
    """The graph as DOT, with what it knows of values and gradients."""
    values = any(n.value is not None for n in diagram.nodes)
    gradients = any(n.gradient is not None for n in diagram.nodes)
    return to_dot(diagram, values=values, gradients=gradients, title=None, names=names)
