"""What is positive, or at least not negative, whatever the values: read off the formulas.

A modest reader of signs: squares, exponentials, norms, sums and products of what has a sign. It
says "unknown" rather than search; conditions that it settles need not be stated.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from ..expr import Binary, Call, Expr, Index, List, Name, Neg, Num, Transpose
from .lines import Graph


class Sign(IntEnum):
    UNKNOWN = 0
    NONNEGATIVE = 1  # every entry
    POSITIVE = 2


_POSITIVE = {"exp", "sigmoid", "softmax", "softplus", "cosh", "ones"}
_NONNEGATIVE = {"abs", "square", "relu", "norm2", "norm1", "norm_inf", "frobenius", "var", "std"}
_KEEPS = {
    "sum", "mean", "max", "min", "prod", "sqrt", "vec", "unvec", "flatten", "reshape", "transpose",
    "concat", "stack", "maximum", "minimum", "broadcast", "tile", "squeeze", "unsqueeze",
    "permute", "flip", "log1p", "hadamard", "outer", "kron",
}  # fmt: skip


def sign(e: Expr, graph: Graph, known: Mapping[str, Sign] | None = None) -> Sign:
    """The sign of every entry of a term over the graph's names; `known` has what else is known."""
    done: dict[str, Sign] = dict(known or {})
    for line in graph.lines.values():  # operands come first
        if line.name in done:
            continue
        if "positive" in line.properties:
            done[line.name] = Sign.POSITIVE
        elif line.formula is not None:
            done[line.name] = _of(line.formula, done, graph)
    return _of(e, done, graph)


def _of(e: Expr, done: Mapping[str, Sign], graph: Graph) -> Sign:
    def at(x: Expr) -> Sign:
        return _of(x, done, graph)

    match e:
        case Num():
            return Sign.POSITIVE if any(c in "123456789" for c in e.text) else Sign.NONNEGATIVE
        case Name():
            constant = e.id in graph.sizes or e.id in ("pi", "e")
            return done.get(e.id, Sign.POSITIVE if constant else Sign.UNKNOWN)
        case Transpose() | Index():
            return at(e.arg)
        case List():
            return min((at(x) for x in e.items), default=Sign.UNKNOWN)
        case Binary("-", Num("1")) if _below_one(e.right, graph):
            return Sign.POSITIVE
        case Neg():
            return Sign.UNKNOWN
        case Binary("+"):
            a, b = at(e.left), at(e.right)
            return max(a, b) if min(a, b) > Sign.UNKNOWN else Sign.UNKNOWN
        case Binary("*") | Binary("@") if _mirrored(e, graph):
            return Sign.NONNEGATIVE
        case Binary("*") | Binary("@"):
            return min(at(e.left), at(e.right))
        case Binary("/"):
            return at(e.left) if at(e.right) == Sign.POSITIVE else Sign.UNKNOWN
        case Binary("**"):
            base = at(e.left)
            if base == Sign.POSITIVE:
                return base
            even = isinstance(e.right, Num) and e.right.text in ("2", "4", "6", "8")
            return Sign.NONNEGATIVE if even or base == Sign.NONNEGATIVE else Sign.UNKNOWN
        case Call():
            return _call(e, [at(a) for a in e.args], graph)
        case _:
            return Sign.UNKNOWN


def _below_one(e: Expr, graph: Graph) -> bool:
    """Whether every entry is less than 1, and so is its square."""
    if isinstance(e, Name) and e.id in graph.lines:
        formula = graph[e.id].formula
        return formula is not None and _below_one(formula, graph)
    if isinstance(e, Binary) and e.op == "**" and e.right == Num("2"):
        return _below_one(e.left, graph)
    return isinstance(e, Call) and e.func in ("sigmoid", "tanh")


def _call(e: Call, args: list[Sign], graph: Graph) -> Sign:
    if e.func in _POSITIVE:
        return Sign.POSITIVE
    if e.func in _NONNEGATIVE:
        return Sign.NONNEGATIVE
    if e.func == "dot" and len(e.args) == 2 and e.args[0] == e.args[1]:
        return Sign.NONNEGATIVE
    if e.func in ("maximum", "max") and len(args) == 2:
        return max(args)
    if e.func in _KEEPS and args:
        shape_only = e.func in ("reshape", "broadcast", "tile", "permute", "unvec", "unsqueeze")
        return args[0] if shape_only or e.kwargs else min(args)
    return Sign.UNKNOWN


def _mirrored(e: Binary, graph: Graph) -> bool:
    """x ⊙ x, or xᵀx of a column: a sum of squares."""
    if e.op == "*":
        return e.left == e.right
    left, right = written(e.left, graph), written(e.right, graph)
    inner = left.arg if isinstance(left, Transpose) else None
    if inner is None or inner != right:
        return False
    return (
        isinstance(right, Name)
        and right.id in graph.lines
        and (graph[right.id].leaf.order == 1 and not graph[right.id].leaf.row)
    )


def written(e: Expr, graph: Graph) -> Expr:
    """The term with every automatic name replaced by what it stands for."""
    from .instance import replaced

    return replaced(
        e,
        lambda n: graph[n].formula if n in graph.lines and graph[n].kind == "auto" else None,
    )
