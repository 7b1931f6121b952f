"""What a reader takes a name for, and what in a formula would surprise one."""

from __future__ import annotations

from ..expr import Binary, Expr, names
from ..notation.names import GREEK, parts
from .lines import Graph

# Letters of numbers, and the Greek ones but for those of vectors: means and weights.
SCALARS = frozenset("stkdnmpqij") | (set(GREEK) - {"mu", "theta", "beta"})


def habit(name: str) -> tuple[int, int, int]:
    """The orders that a name may have, in the order in which a reader would guess them."""
    base = parts(name).base
    if base[:1].isupper():
        return (2, 1, 0)
    return (0, 1, 2) if base in SCALARS or (len(base) > 1 and base not in GREEK) else (1, 0, 2)


def surprise(graph: Graph) -> float:
    """How much of it reads oddly: a scalar added to a vector, a vector to a matrix."""
    total = 0.0
    for line in graph.lines.values():
        e = line.formula
        if isinstance(e, Binary) and e.op in "+-":
            orders = [_order(graph, x) for x in (e.left, e.right)]
            if None not in orders and orders[0] != orders[1]:
                total += 4 if 0 in orders else 0.5
    return total


def _order(graph: Graph, e: Expr) -> int | None:
    """The order of an operand; None of a number."""
    known = [n for n in names(e) if n in graph.lines]
    return graph[known[0]].leaf.order if known else None
