"""Reverse mode: the derivative of a node as nodes of the same graph.

The adjoint of a node n carries the axes of the differentiated result first, then those of n, so
that gradients, Jacobians and (applied twice) Hessians are one computation. The rules:

    ein, factor k   upstream × all other factors, summed to the labels of factor k
    add             c · upstream
    map f(u)        upstream ⊙ f′(u)
    rel             a constant: it moves entries and never changes
    call            the operation's own record
"""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import node as g
from ..graph.node import Ein, Node, ein, fresh, fresh_labels, map_, topological
from ..ops import KEPT
from ..ops.open_sizes import needs_numbers
from ..ops.scalar import derivative


def identity(shape: Sequence[g.Dim]) -> Node:
    """The derivative of an array with respect to itself: a product of deltas."""
    n = len(shape)
    if n == 0:
        return g.const(1)
    deltas = [(g.delta(d), (k, n + k)) for k, d in enumerate(shape)]
    return ein(deltas, tuple(range(2 * n)))


def pullback(y: Node, upstream: Node, leaves: Sequence[Node]) -> list[Node]:
    """For each leaf x, Σ upstream · ∂y/∂x.

    `upstream` has shape (lead…, *y.shape); each result has shape (lead…, *x.shape).
    """
    lead = upstream.order - y.order
    front = upstream.shape[:lead]
    order = topological([y])
    wanted = set(leaves)
    reaches: set[Node] = set()
    for node in order:
        if node in wanted or any(a in reaches for a in node.args):
            reaches.add(node)
    adjoint: dict[Node, list[Node]] = {y: [upstream]}
    for node in reversed(order):
        if node not in reaches or node not in adjoint or node in wanted:
            continue
        total = g.add(adjoint.pop(node))
        if g.is_zero(total):
            continue
        parts: dict[Node, list[Node]] = {}
        for operand, part in contributions(node, total, lead, reaches):
            parts.setdefault(operand, []).append(part)
        for operand, own in parts.items():  # the walk runs backwards; sums read forwards
            adjoint[operand] = own + adjoint.get(operand, [])
    return [g.add(adjoint[x]) if x in adjoint else g.zero((*front, *x.shape)) for x in leaves]


def contributions(
    node: Node, total: Node, lead: int, reaches: set[Node]
) -> list[tuple[Node, Node]]:
    """What the adjoint of a node passes on to each operand that matters."""
    axes = tuple(range(total.order))
    own = axes[lead:]
    match node.kind:
        case "ein":
            return [
                (a, _ein_rule(node, k, total, lead))
                for k, a in enumerate(node.args)
                if a in reaches
            ]
        case "add":
            pairs = zip(node.args, node.attr, strict=True)
            return [(a, g.scale(c, total)) for a, c in pairs if a in reaches]
        case "map":
            slope = map_(derivative(node.attr), node.args[0])
            return [(node.args[0], ein([(total, axes), (slope, own)], axes))]
        case "call":
            needs_numbers(node)
            rule = KEPT[node.attr[0]].vjp
            assert rule is not None, node.attr
            parts = rule(total, lead, node)
            return [
                (a, p)
                for a, p in zip(node.args, parts, strict=True)
                if p is not None and a in reaches
            ]
        case _:
            return []


def _ein_rule(node: Node, k: int, total: Node, lead: int) -> Node:
    attr: Ein = node.attr
    names = fresh_labels(len(attr.sizes))
    size = dict(zip(names, attr.sizes, strict=True))
    front = fresh_labels(lead)
    size.update(zip(front, total.shape[:lead], strict=True))
    factors = [(total, front + names[: node.order])]
    for j, (a, labels) in enumerate(zip(node.args, attr.labels, strict=True)):
        if j != k:
            factors.append((a, tuple(names[x] for x in labels)))
    target = [names[x] for x in attr.labels[k]]
    for position, label in enumerate(target):  # a repeated label, as in the trace: a delta
        if label in target[:position]:
            twin = fresh()
            size[twin] = size[label]
            factors.append((g.delta(size[label]), (label, twin)))
            target[position] = twin
    return ein(factors, front + tuple(target), attr.coef, size)


def jacobian(y: Node, x: Node) -> Node:
    """∂y/∂x with the axes of y first, then those of x."""
    return pullback(y, identity(y.shape), [x])[0]


def gradient(y: Node, x: Node) -> Node:
    """∂y/∂x of a scalar: an array of the shape of x."""
    assert y.order == 0
    return jacobian(y, x)
