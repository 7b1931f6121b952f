"""Diagonal matrices, which are products with deltas between axes of the result."""

from __future__ import annotations

from ..graph import node as g
from ..graph.node import Node, ein, is_delta
from .factors import Factor, labelled, with_factors
from .masks import is_mask

Place = dict[int, int]  # the second axis of a diagonal: the first


def on_diagonal(node: Node) -> Node:
    """δ_ij v[j] = δ_ij v[i]: what stands beside a delta is written on the axis in front."""
    place = _deltas(node)
    if not place:
        return node
    changed = False
    factors = []
    for factor, labels in labelled(node):
        moved = tuple(place.get(x, x) for x in labels)
        inside = all(x in place or x in place.values() for x in labels)
        if not is_delta(factor) and moved != labels and inside and len(set(moved)) == len(labels):
            labels, changed = moved, True
        factors.append((factor, labels))
    return with_factors(node, factors) if changed else node


def _deltas(node: Node) -> Place:
    """The pairs of axes of the result that deltas join, if no axis is in two of them."""
    pairs = [
        (min(labels), max(labels))
        for factor, labels in labelled(node)
        if is_delta(factor) and all(x < node.order for x in labels)
    ]
    axes = [x for pair in pairs for x in pair]
    return {b: a for a, b in pairs} if len(set(axes)) == len(axes) else {}


def added(node: Node) -> Node:
    """diag(u) + diag(v) = diag(u + v); I − diag(f(u)) = diag(1 − f(u))."""
    if node.order not in (2, 4):
        return node
    place: Place | None = None
    inside: dict[int, list[Factor]] = {}
    for k, term in enumerate(node.args):
        found = _diagonal(term)
        if found is None or (place is not None and found[0] != place):
            continue
        place, inside[k] = found
    if place is None or len(inside) < 2:
        return node
    whole = [k for k, rest in inside.items() if any(labels for _, labels in rest)]
    if not whole:
        return node
    simple = all(_is_function(inside[k]) for k in whole)
    members = [k for k, rest in inside.items() if k in whole or (simple and not rest)]
    if len(members) < 2:
        return node
    kept = sorted(set(place.values()))
    number = {x: k for k, x in enumerate(kept)}
    shape = {k: node.shape[x] for x, k in number.items()}
    parts, coefs = [], []
    for k in members:
        term = node.args[k]
        own = term.attr if term.kind == "ein" else None
        sizes = dict(shape)
        if own is not None:
            carried = {x for _, labels in inside[k] for x in labels if x >= term.order}
            sizes |= {x + node.order: own.sizes[x] for x in carried}
        rest = [
            (f, tuple(number[x] if x < node.order else x + node.order for x in labels))
            for f, labels in inside[k]
        ]
        parts.append(ein(rest, range(len(kept)), 1 if own is None else own.coef, sizes))
        coefs.append(node.attr[k])
    total = g.add(parts, coefs)
    deltas = [(g.delta(node.shape[a]), (a, b)) for b, a in sorted(place.items())]
    merged = ein([*deltas, (total, kept)], range(node.order))
    terms = [
        (g.ONE, merged) if k == members[0] else (c, t)
        for k, (c, t) in enumerate(zip(node.attr, node.args, strict=True))
        if k == members[0] or k not in members
    ]
    return g.add([t for _, t in terms], [c for c, _ in terms])


def _diagonal(term: Node) -> tuple[Place, list[Factor]] | None:
    """The axes that deltas join, and the other factors, where the term has its diagonal only."""
    if is_delta(term):
        return {1: 0}, []
    if term.kind != "ein" or not term.args:
        return None
    place = _deltas(term)
    if 2 * len(place) != term.order or not place:
        return None
    rest = []
    for factor, labels in labelled(term):
        if is_delta(factor) and all(x < term.order for x in labels):
            continue
        if any(x in place for x in labels):
            return None
        rest.append((factor, labels))
    used = {x for _, labels in rest for x in labels}
    if any(x not in used for x in range(term.order, len(term.attr.sizes))):
        return None
    return place, rest


def _is_function(rest: list[Factor]) -> bool:
    return len(rest) == 1 and (rest[0][0].kind == "map" or is_mask(rest[0][0]))
