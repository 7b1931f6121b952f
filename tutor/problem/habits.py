"""What a reader takes a name for, and what in a formula would surprise one."""

from __future__ import annotations

from ..expr import Binary, Expr, names
from ..notation.names import GREEK, parts
from ..ops.elementwise import ELEMENTWISE
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


# Small letters that are columns even where they only scale a number: x·(wᵀy).
VECTORS = frozenset(("u", "v", "w", "x", "z", "mu", "theta", "beta"))

# Losses whose target has the shape of the prediction.
TARGETED = frozenset((
    "mse_loss", "l1_loss", "huber_loss", "hinge_loss", "kl_div", "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
))  # fmt: skip
ENTRYWISE = frozenset(op.name for op in ELEMENTWISE)


def surprise(graph: Graph) -> float:
    """How much of it reads oddly: a scalar added to a vector, a vector to a matrix, a mean of one.

    A number that was made of many entries, as in x - mean(x), goes with a vector. A target of
    another shape than the prediction is odd, and a column that only ever meets numbers. So is a
    capital array under a column, as in x / T, where it does nothing else.
    """
    total = 2.0 * len(_beside_numbers(graph)) + 3.0 * _divisors(graph)
    total += 0.5 * sum(x.op is None and _is_small_matrix(x) for x in graph.lines.values())
    for line in graph.lines.values():
        if line.op is not None and line.op.name in TARGETED:
            predicted, target, *_ = (_operand(graph, t) for t in line.terms if t is not None)
            if predicted and target and predicted.leaf.order != target.leaf.order:
                total += 3
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


def _is_small_matrix(leaf: Line) -> bool:
    return leaf.leaf.order == 2 and not parts(leaf.name).base[:1].isupper()


def _beside_numbers(graph: Graph) -> set[str]:
    """Columns that stand beside scalars alone, one of which was made of arrays: y·log(wᵀx)."""
    columns = {x.name for x in graph.lines.values() if x.op is None and _may_be_number(x)}
    while True:
        within = {name: {name} for name in columns}  # of a line: the columns that it was made of
        found, refuted = set(), set()
        for line in graph.lines.values():
            own = {c for o in line.operands for c in within.get(o.name, ())}
            if not own:
                continue
            within[line.name] = own
            others = [o for o in line.operands if o.name not in within]
            if not _is_entrywise(line) or any(o.leaf.order for o in others):
                refuted |= own
            elif any(x.leaf.order and x.op is None for x in graph.below(others)):
                found |= own
        if not refuted:
            return found
        columns -= refuted


def _divisors(graph: Graph) -> int:
    """How many capital arrays are used entry by entry only, and divide what has fewer axes.

    A capital column that divides counts as well: it is a guess further off than a number.
    """
    return sum(
        leaf.op is None
        and leaf.leaf.order > 0
        and parts(leaf.name).base[:1].isupper()
        and _only_divides(graph, leaf)
        for leaf in graph.lines.values()
    )


def _only_divides(graph: Graph, leaf: Line) -> bool:
    made = {leaf.name}  # of this leaf and numbers, as T² or 2T
    divides = False
    for line in graph.lines.values():
        if line.op is None or not any(o.name in made for o in line.operands):
            continue
        if not _is_entrywise(line):
            return False
        if all(o.name in made for o in line.operands):
            made.add(line.name)
        elif isinstance(line.formula, Binary) and line.formula.op == "/":
            above, below = (_operand(graph, e) for e in (line.formula.left, line.formula.right))
            if above and below and below.name in made:
                divides |= leaf.leaf.order == 1 or above.leaf.order < leaf.leaf.order
    return divides


def _may_be_number(leaf: Line) -> bool:
    base = parts(leaf.name).base
    return leaf.leaf.order == 1 and base not in VECTORS and not base[:1].isupper()


def _is_entrywise(line: Line) -> bool:
    assert line.op is not None
    if _is_larger_of_two(line):
        return True
    arithmetic = isinstance(line.formula, Binary) and line.formula.op != "@"
    return arithmetic or line.op.name in ENTRYWISE


def _reduces(line: Line) -> bool:
    return line.op is not None and line.op.name in REDUCTIONS and not _is_larger_of_two(line)


def _is_larger_of_two(line: Line) -> bool:
    """max(0, x), but not max(x)."""
    named = line.op is not None and line.op.name in ("max", "min")
    return named and len([t for t in line.terms if t is not None]) == 2


def _operand(graph: Graph, e: Expr) -> Line | None:
    """The line of an operand; None of a number."""
    known = [n for n in names(e) if n in graph.lines]
    return graph[known[0]] if known else None
