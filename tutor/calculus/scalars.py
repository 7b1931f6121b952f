"""Numbers that all terms of a sum carry, products over labels of their own: sum(y), xᵀA x."""

from __future__ import annotations

from ..graph import node as g
from ..graph.node import Node, ein
from .factors import labelled

MOST_ORDER = 2  # beyond it a product of a number and a sum has no matrix notation


def scalar_out(node: Node) -> Node:
    """s A − s B = s (A − B), where s may be a sum or a product of vectors."""
    if node.order not in range(1, MOST_ORDER + 1):
        return node
    apart = []
    for term in node.args:
        if term.kind != "ein" or not any(_is_closed(term, ls) for ls in term.attr.labels):
            return node
        apart.append(_numbers(term))
    for key in apart[0]:
        if all(key in other for other in apart):
            return _without(node, [other[key] for other in apart])
    return node


def _is_closed(term: Node, labels: tuple[int, ...]) -> bool:
    return bool(labels) and all(x >= term.order for x in labels)


def _numbers(term: Node) -> dict[bytes, list[int]]:
    """Factors that hang together by labels and reach no axis of the result, by what they are."""
    groups: list[tuple[list[int], set[int]]] = []
    for k, (_, labels) in enumerate(labelled(term)):
        members, seen, rest = [k], set(labels), []
        for other in groups:
            if other[1] & seen:
                members, seen = other[0] + members, seen | other[1]
            else:
                rest.append(other)
        groups = [*rest, (members, seen)]
    closed = [m for m, seen in groups if seen and all(x >= term.order for x in seen)]
    return {_product(term, sorted(m)).key: sorted(m) for m in closed}


def _product(term: Node, members: list[int]) -> Node:
    factors = labelled(term)
    own = {x for k in members for x in factors[k][1]}
    sizes = {x: d for x, d in enumerate(term.attr.sizes) if x in own}
    return ein([factors[k] for k in members], (), 1, sizes)


def _without(node: Node, places: list[list[int]]) -> Node:
    """The number in front of what is left of the terms; `places` are its factors in each."""
    number = _product(node.args[0], places[0])
    rest = []
    for term, gone in zip(node.args, places, strict=True):
        factors = labelled(term)
        lost = {x for k in gone for x in factors[k][1]}
        sizes = {x: d for x, d in enumerate(term.attr.sizes) if x not in lost}
        kept = [f for k, f in enumerate(factors) if k not in gone]
        rest.append(ein(kept, range(term.order), term.attr.coef, sizes))
    axes = tuple(range(node.order))
    return ein([(number, ()), (g.add(rest, node.attr), axes)], axes)
