"""Code of the operations that a graph keeps whole, for arrays of any number of axes: one row each.

A builder gets the node and its operands' code. What has no row here is written through its matrix
notation, which knows scalars, vectors and matrices only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..expr import Binary, Call, Expr, Index, List, Name, Neg, Num
from ..graph.node import Node
from ..notation.scalars import term_of
from .kinds import ALL, Code, NoCode
from .matrices import tuple_of

Builder = Callable[[Node, Sequence[Code]], Expr]
LAST: Expr = Neg(Num("1"))


def numbers(items: Sequence[int]) -> Expr:
    return List(tuple(Num(str(k)) for k in items))


def axes_of(axes: Sequence[int]) -> Expr:
    """One axis as a number, several as a tuple, which NumPy insists on."""
    return Num(str(axes[0])) if len(axes) == 1 else tuple_of(tuple(Num(str(k)) for k in axes))


def _windows(node: Node, operands: Sequence[Code]) -> Expr:
    """The entries of every window of a pool, along a last axis."""
    size, stride, padding, dilation, outputs, *_ = node.attr[1]
    before = [p for p, _ in padding]
    given = (numbers(x) for x in (size, stride, before, dilation, outputs))
    return Call("pool_windows", (operands[0].term, *given))


def _pooled(node: Node, operands: Sequence[Code]) -> Expr:
    return Call("max", (_windows(node, operands),), (("axis", LAST),))


def _winners(node: Node, operands: Sequence[Code]) -> Expr:
    """Which entry of each window won: 1 there, the taps as the last axes."""
    name = "first_largest" if node.attr[1][5] == "first" else "shared_largest"
    found = Call(name, (_windows(node, operands),), (("axis", LAST),))
    return Call("reshape", (found, numbers([int(d) for d in node.shape])))


def _one_hot(node: Node, operands: Sequence[Code]) -> Expr:
    """A last axis with a 1 at each class index."""
    classes, ignored = node.attr[1]
    (t,) = operands
    hot = Call("one_hot", (t.term, term_of(classes)))
    if ignored is None:
        return hot
    number = Num(str(ignored)) if ignored >= 0 else Neg(Num(str(-ignored)))
    kept: Expr = Call("indicator", (Binary("!=", t.term, number),))
    if t.order:
        kept = Index(kept, (*(ALL,) * t.order, Name("None")))
    return Binary("*", hot, kept)


def _along(name: str) -> Builder:
    """softmax and its relatives along the axes of the node."""

    def build(node: Node, operands: Sequence[Code]) -> Expr:
        terms = tuple(c.term for c in operands)
        return Call(name, terms, (("axis", axes_of(node.attr[1])),))

    return build


def _normalized(node: Node, operands: Sequence[Code]) -> Expr:
    axes, (eps,), centred = node.attr[1]
    name = "layer_norm" if centred else "rms_norm"
    return Call(name, (operands[0].term,), (("axis", axes_of(axes)), ("eps", term_of(eps))))


def _deviation(node: Node, operands: Sequence[Code]) -> Expr:
    """One over the deviation that a normalisation divides by."""
    axes, (eps,), centred = node.attr[1]
    x, over = operands[0].term, ("axis", axes_of(axes))
    power: Expr = Call("mean", (Binary("**", x, Num("2")),), (over,))
    if centred:
        power = Call("var", (x,), (over, ("ddof", Num("0"))))
    inside = power if eps == 0 else Binary("+", power, term_of(eps))
    return Binary("/", Num("1"), Call("sqrt", (inside,)))


def _largest(node: Node, operands: Sequence[Code]) -> Expr:
    return Call("max", (operands[0].term,), (("axis", axes_of(node.attr[1][0])),))


def _winner(node: Node, operands: Sequence[Code]) -> Expr:
    axes, ties = node.attr[1]
    if len(axes) > 1:
        raise NoCode("the place of the largest entry along several axes")
    name = "first_largest" if ties == "first" else "shared_largest"
    return Call(name, (operands[0].term,), (("axis", axes_of(axes)),))


def _variance(node: Node, operands: Sequence[Code]) -> Expr:
    axes, correction = node.attr[1]
    more = (("axis", axes_of(axes)), ("ddof", term_of(correction)))
    return Call("var", (operands[0].term,), more)


def _chosen(node: Node, operands: Sequence[Code]) -> Expr:
    mask, yes, no = (c.term for c in operands)
    return Call("where", (Binary("!=", mask, Num("0")), yes, no))


def _power(node: Node, operands: Sequence[Code]) -> Expr:
    return Binary("**", operands[0].term, operands[1].term)


ALWAYS: dict[str, Builder] = {  # no matrix notation, or none that has code
    "max_pool": _pooled,
    "max_pool_winner": _winners,
    "one_hot": _one_hot,
    "masked_softmax": _along("masked_softmax"),
}
TENSORS: dict[str, Builder] = {  # where an array has more axes than a matrix
    "softmax": _along("softmax"),
    "log_softmax": _along("log_softmax"),
    "logsumexp": _along("logsumexp"),
    "normalized": _normalized,
    "rstd": _deviation,
    "max": _largest,
    "argmax_onehot": _winner,
    "var": _variance,
    "where": _chosen,
    "power": _power,
}


def builder_of(node: Node) -> Builder | None:
    """The row of a kept operation."""
    name = node.attr[0]
    deep = node.order > 2 or any(a.order > 2 for a in node.args)
    return ALWAYS.get(name) or (TENSORS.get(name) if deep else None)
