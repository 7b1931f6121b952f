"""Distribution over a sum, where what comes out is shorter; tried once, never in itself."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from ..graph import node as g
from ..graph.node import Node, T, ein, is_delta
from . import definitions, factors, inverses, products
from .expand import function_apart, multiplied_out
from .factors import labelled

MOST_TERMS = 4
MOST_COST = 24  # factors of a sum that is worth a trial


def cost(node: Node) -> int:
    """How much there is to read: factors, functions by what they are made of, missing axes."""
    known: dict[Node, int] = {}
    for n in _readable(node):
        known[n] = (
            _own_cost(n) + sum(known[a] for a in n.args) if _is_read_through(n) else _own_cost(n)
        )
    return known[node]


def _is_read_through(node: Node) -> bool:
    return node.kind in ("add", "ein")


def _readable(node: Node) -> list[Node]:
    """What one reads: products and sums with their operands, first; each node once."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack = [(node, False)]
    while stack:
        n, done = stack.pop()
        if done:
            order.append(n)
        elif n not in seen:
            seen.add(n)
            stack.append((n, True))
            if _is_read_through(n):
                stack.extend((a, False) for a in n.args)
    return order


def _own_cost(node: Node) -> int:
    if node.kind == "add":
        return 0
    if node.kind == "map":
        return 1 + (node.attr.count_ops() > 2)
    if node.kind != "ein":
        return 1
    carried = {x for labels in node.attr.labels for x in labels}
    return sum(x not in carried for x in range(node.order)) if carried else 0


SHORTEN = (
    factors.flat,
    factors.reshaped_back,
    factors.off_the_padding,
    inverses.cancelled,
    definitions.softmax,
    products.fused,
    products.own_power,
)


def _tidy(term: Node) -> Node:
    """A product after the rules that shorten it, each once."""
    for rule in SHORTEN:
        if term.kind == "ein":
            term = rule(term)
    return term


def over_a_sum(node: Node) -> Node:
    """u (v + w/u) = u v + w, where the sum meets what cancels in it; (I − 1 pᵀ) diag(p)."""
    sums = [k for k, a in enumerate(node.args) if a.kind == "add"]
    if len(sums) != 1 or len(node.args) > MOST_TERMS + 1:
        return node
    (k,) = sums
    inner = node.args[k]
    if len(inner.args) > MOST_TERMS:
        return node
    others = [a for j, a in enumerate(node.args) if j != k]
    identity = any(is_delta(x) for t in inner.args for x in (t, *t.args)) and all(
        a.order <= 1 for a in others
    )
    outside = {b for a in others for b in _bases(a)}
    meets = any(b in outside for t in inner.args for x in (t, *t.args) for b in _bases(x, True))
    moved = any(factors.is_padding(a) for a in others) and all(
        any(x.kind == "rel" for x in (t, *t.args)) for t in inner.args
    )
    if not others or not (identity or meets or moved):
        return node
    pairs, out = labelled(node), tuple(range(node.order))
    sizes = dict(enumerate(node.attr.sizes))
    parts = []
    for t in inner.args:
        own = [*pairs[:k], (t, pairs[k][1]), *pairs[k + 1 :]]
        parts.append(_tidy(ein(own, out, g.ONE, sizes)))
    new = g.add(parts, [node.attr.coef * c for c in inner.attr])
    return new if cost(new) < cost(node) + identity else node


def over_weights(node: Node) -> Node:
    """Σ p (c + u) = c + Σ p u for a softmax p and a number c, as its entries add up to 1."""
    pairs = labelled(node)
    for k, (inner, labels) in enumerate(pairs):
        if inner.kind != "add" or len(inner.args) > MOST_TERMS:
            continue
        if not any(g.constant_of(t) is not None for t in inner.args):
            continue
        uses = factors.uses(node)
        weights = (
            own[f.attr[1][0]]
            for f, own in pairs
            if f.kind == "call" and f.attr[0] == "softmax" and own == labels
        )
        if not any(x >= node.order and uses[x] == 2 for x in weights):
            continue
        out, sizes = tuple(range(node.order)), dict(enumerate(node.attr.sizes))
        parts = []
        for t in inner.args:
            new = ein([*pairs[:k], (t, labels), *pairs[k + 1 :]], out, g.ONE, sizes)
            parts.append(definitions.total_of_softmax(new) if new.kind == "ein" else new)
        return g.add(parts, [node.attr.coef * c for c in inner.attr])
    return node


def turned(node: Node) -> Node:
    """−(a − b) = b − a."""
    if node.attr.coef != -1 or len(node.args) != 1 or node.args[0].kind != "add":
        return node
    (inner,), (labels,) = node.args, node.attr.labels
    if labels != tuple(range(node.order)) or len(inner.args) != 2:
        return node
    first, second = inner.attr
    if not (first.is_positive and second.is_negative):
        return node
    return g.add(inner.args[::-1], [-second, -first])


def through_views(node: Node) -> Node:
    """Xᵀ − (X − Y)ᵀ = Yᵀ: a sum that is only moved or repeated, opened where its terms meet."""
    for k, term in enumerate(node.args):
        if term.kind != "ein" or len(term.args) != 1 or term.args[0].kind != "add":
            continue
        (inner,), (labels,) = term.args, term.attr.labels
        if any(x >= node.order for x in labels) or len(set(labels)) < len(labels):
            continue
        sizes = dict(enumerate(term.attr.sizes))
        parts = [ein([(t, labels)], range(node.order), term.attr.coef, sizes) for t in inner.args]
        opened = [node.attr[k] * c for c in inner.attr]
        new = g.add(
            [*node.args[:k], *parts, *node.args[k + 1 :]],
            [*node.attr[:k], *opened, *node.attr[k + 1 :]],
        )
        # every term that meets another one of its kind leaves one term less
        if new.kind != "add" or len(new.args) < len(node.args) + len(parts) - 1:
            return new
    return node


def over_outer_products(node: Node) -> Node:
    """A (u ⊗ v + w ⊗ z) term by term, where the sum has three axes and more only as outer products.

    Matrix notation exists for the terms, not for their sum.
    """
    if len(node.args) < 2:
        return node
    for k, inner in enumerate(node.args):
        if inner.kind != "add" or inner.order < 3 or len(inner.args) > MOST_TERMS:
            continue
        products_only = all(
            t.kind == "ein" and t.args and all(a.order <= 2 for a in t.args) for t in inner.args
        )
        if not products_only:
            continue
        pairs, out = labelled(node), tuple(range(node.order))
        sizes = dict(enumerate(node.attr.sizes))
        parts = []
        for t in inner.args:
            own = [*pairs[:k], (t, pairs[k][1]), *pairs[k + 1 :]]
            parts.append(_tidy(ein(own, out, g.ONE, sizes)))
        return g.add(parts, [node.attr.coef * c for c in inner.attr])
    return node


def _bases(node: Node, quotients: bool = False) -> Iterator[Node]:
    """What a factor is a function of; with `quotients` only of those that could cancel."""
    if node.kind == "call" and node.attr[0] == "inv":
        yield from (node.args[0], *node.args[0].args)
    if node.kind != "map":
        if not quotients:
            yield node
        return
    if quotients and not sp.denom(node.attr).has(T):
        return
    u = node.args[0]
    yield u
    if u.kind == "ein" and len(u.args) == 1:
        yield u.args[0].args[0] if u.args[0].kind == "map" else u.args[0]


def out_of_products(node: Node) -> Node:
    """b (1 − σ) − (1 − b) σ = b − σ: products in a sum multiplied out, where that is shorter."""
    candidates = [k for k, t in enumerate(node.args) if _opens(t)]
    before = cost(node)
    if not candidates or len(node.args) > MOST_TERMS or before > MOST_COST:
        return node
    terms = list(node.args)
    for k in candidates:
        terms[k] = _opened(terms[k])
    new = g.add(terms, node.attr)
    return new if cost(new) < before else node


def _opens(term: Node) -> bool:
    """A product elementwise with a sum in it, or a function that is a sum."""
    if term.kind == "map":
        return any(a.is_Add for a in sp.Mul.make_args(term.attr))
    if term.kind != "ein" or len(term.args) < 2:
        return False
    return any(a.kind == "add" or (a.kind == "map" and _opens(a)) for a in term.args)


def _opened(term: Node) -> Node:
    if term.kind == "map":
        return function_apart(term)
    args = [function_apart(a) if a.kind == "map" and _opens(a) else a for a in term.args]
    pairs = list(zip(args, term.attr.labels, strict=True))
    sizes = dict(enumerate(term.attr.sizes))
    return multiplied_out(ein(pairs, tuple(range(term.order)), term.attr.coef, sizes))
