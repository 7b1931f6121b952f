"""Forward mode: how a node moves when its leaves move, as nodes of the same graph.

The tangent of a node carries its own axes first, then those of the direction (`trail`), so that one
direction, several, or a whole Jacobian are one computation. It is the dual of `reverse`:

    ein            one term per factor: that factor's tangent times all other factors
    add            Σ c · tangent
    map f(u)       tangent ⊙ f′(u)
    rel            a constant: zero
    call           the operation's own record, its Jacobian times the tangent
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..graph import node as g
from ..graph.node import Dim, Ein, Node, ein, fresh_labels, map_, topological
from ..ops import KEPT
from ..ops.open_sizes import needs_numbers
from ..ops.scalar import derivative
from .reverse import identity


def pushforward(y: Node, tangents: Mapping[Node, Node], trail: Sequence[Dim] = ()) -> Node:
    """The tangent of y, shape (*y.shape, *trail).

    `tangents` has that of every leaf that moves, shape (*x.shape, *trail).
    """
    trail = tuple(trail)
    moved: dict[Node, Node] = {}
    for node in topological([y]):
        if node in tangents:
            tangent = tangents[node]
        elif any(a in moved for a in node.args):
            tangent = _moved(node, moved, trail)
        else:
            continue
        if not g.is_zero(tangent):
            moved[node] = tangent
    return moved.get(y, g.zero((*y.shape, *trail)))


def _moved(node: Node, moved: Mapping[Node, Node], trail: tuple[Dim, ...]) -> Node:
    axes = tuple(range(node.order + len(trail)))
    own = axes[: node.order]
    match node.kind:
        case "ein":
            terms = [
                _factor(node, k, moved[a], trail) for k, a in enumerate(node.args) if a in moved
            ]
            return g.add(terms)
        case "add":
            pairs = [(a, c) for a, c in zip(node.args, node.attr, strict=True) if a in moved]
            return g.add([moved[a] for a, _ in pairs], [c for _, c in pairs])
        case "map":
            (inside,) = node.args
            slope = map_(derivative(node.attr), inside)
            return ein([(slope, own), (moved[inside], axes)], axes)
        case _:
            return _kept(node, moved, trail)


def _factor(node: Node, k: int, tangent: Node, trail: tuple[Dim, ...]) -> Node:
    """The product with its k-th factor replaced by that factor's tangent."""
    attr: Ein = node.attr
    names = fresh_labels(len(attr.sizes))
    ends = fresh_labels(len(trail))
    size = dict(zip(names, attr.sizes, strict=True)) | dict(zip(ends, trail, strict=True))
    factors = []
    for j, (a, labels) in enumerate(zip(node.args, attr.labels, strict=True)):
        own = tuple(names[x] for x in labels)
        factors.append((tangent, own + ends) if j == k else (a, own))
    return ein(factors, names[: node.order] + ends, attr.coef, size)


def _kept(node: Node, moved: Mapping[Node, Node], trail: tuple[Dim, ...]) -> Node:
    """A call's Jacobian, pulled back from the identity, times the operands' tangents."""
    needs_numbers(node)
    rule = KEPT[node.attr[0]].vjp
    assert rule is not None, node.attr
    n = node.order
    jacobians = rule(identity(node.shape), n, node)
    out, ends = fresh_labels(n), fresh_labels(len(trail))
    size = dict(zip(out, node.shape, strict=True)) | dict(zip(ends, trail, strict=True))
    terms = []
    for a, jacobian in zip(node.args, jacobians, strict=True):
        if a in moved and jacobian is not None:
            inner = fresh_labels(a.order)
            factors = [(jacobian, out + inner), (moved[a], inner + ends)]
            terms.append(ein(factors, out + ends, 1, size))
    return g.add(terms) if terms else g.zero((*node.shape, *trail))
