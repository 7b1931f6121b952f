"""What a reader takes a name for, and what in a formula would surprise one."""

from __future__ import annotations

from ..expr import Binary, Expr, names
from ..notation.names import GREEK, parts
from .lines import Graph, Line

# Letters of numbers, and the Greek ones but for those of vectors: means and weights.
SCALARS = frozenset("stkdnmpqij") | (set(GREEK) - {"mu", "theta", "beta"})


def habit(name: str) -> tuple[int, int, int]:
    """The orders that a name may have, in the order in which a reader would guess them."""
    base = parts(name).base
    if base[:1].isupper():
        return (2, 1, 0)
    return (0, 1, 2) if base in SCALARS or (len(base) > 1 and base not in GREEK) else (1, 0, 2)


# Functions of many entries: of a single number they would say nothing.
REDUCTIONS = frozenset((
    "sum", "mean", "max", "min", "prod", "var", "std", "cumsum", "argmax", "softmax", "log_softmax",
    "logsumexp", "norm1", "norm2", "norm_inf", "frobenius",
))  # fmt: skip


def surprise(graph: Graph) -> float:
    """How much of it reads oddly: a scalar added to a vector, a vector to a matrix, a mean of one.

    A number that was made of many entries, as in x - mean(x), goes with a vector.
    """
    total = 0.0
    for line in graph.lines.values():
        e = line.formula
        if isinstance(e, Binary) and e.op in "+-":
            operands = [_operand(graph, x) for x in (e.left, e.right)]
            orders = [o.leaf.order for o in operands if o is not None]
            if len(orders) == 2 and orders[0] != orders[1]:
                made = any(o.leaf.order == 0 and _reduces(o) for o in operands if o)
                total += 4 if 0 in orders and not made else 0.5
        if _reduces(line) and line.operands and line.operands[0].leaf.order == 0:
            total += 6
    return total


def _reduces(line: Line) -> bool:
    return line.op is not None and line.op.name in REDUCTIONS


def _operand(graph: Graph, e: Expr) -> Line | None:
    """The line of an operand; None of a number."""
    known = [n for n in names(e) if n in graph.lines]
    return graph[known[0]] if known else None
