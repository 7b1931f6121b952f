"""Sums of products as lists of terms: common factors out, multiples of the identity found."""

from __future__ import annotations

import sympy as sp

from ..calculus.expand import expanded
from ..calculus.simplify import simplify, substitute
from ..graph import node as g
from ..graph.node import Node, T, ein, is_delta, map_, pieces, topological


def terms(node: Node) -> list[tuple[sp.Expr, Node]]:
    """Σ c · term, distributed."""
    node = expanded(node)
    if node.kind == "add":
        return list(zip(node.attr, node.args, strict=True))
    return [(sp.S.One, node)]


def scalar_factors(node: Node) -> list[Node]:
    """The factors of a product that are scalars and not numbers."""
    _, factors, _, _ = pieces(node)
    return [f for f, labels in factors if not labels and g.constant_of(f) is None]


def common_scalars(nodes: list[Node]) -> list[Node]:
    """Scalars that every term of every node has as a factor."""
    lists = [scalar_factors(t) for node in nodes if not g.is_zero(node) for _, t in terms(node)]
    if not lists:
        return []
    found = []
    for f in dict.fromkeys(lists[0]):
        if all(any(h.key == f.key for h in each) for each in lists):
            found.append(f)
    return found


def without(node: Node, scalars: list[Node], number: sp.Expr) -> Node:
    """The node with one of each scalar divided out, and a number."""
    if g.is_zero(node):
        return node
    parts = []
    for c, term in terms(node):
        coef, factors, out, sizes = pieces(term)
        kept = list(factors)
        for f in scalars:
            at = next(k for k, (h, _) in enumerate(kept) if h.key == f.key)
            del kept[at]
        parts.append(ein(kept, out, sp.nsimplify(c * coef / number), sizes))
    return g.add(parts)


def multiple(node: Node) -> Node | None:
    """s, where the matrix is s·I."""
    found = []
    for c, term in terms(node):
        coef, factors, out, _ = pieces(term)
        deltas = [f for f, labels in factors if is_delta(f) and set(labels) == set(out)]
        rest = [(f, labels) for f, labels in factors if not labels]
        if len(deltas) != 1 or len(rest) + 1 != len(factors):
            return None
        found.append(ein(rest, (), c * coef))
    return simplify(g.add(found))


def divided(node: Node, scalar: Node) -> Node:
    value = g.constant_of(scalar)
    if value is not None:
        return distributed(sp.simplify(1 / value), node)
    labels = tuple(range(node.order))
    inverse = map_(1 / T, scalar)
    return simplify(ein([(node, labels), (inverse, ())], labels))


def distributed(c: sp.Expr, node: Node) -> Node:
    """c · node, with c inside a sum, so that it prints as a − b rather than −(b − a)."""
    coef, factors, out, _ = pieces(node)
    if node.kind == "add":
        return g.add(node.args, [c * a for a in node.attr])
    if len(factors) == 1 and factors[0][0].kind == "add" and factors[0][1] == out:
        return distributed(c * coef, factors[0][0])
    return g.scale(c, node)


def opaque(node: Node, x: Node) -> tuple[Node, dict[Node, Node]]:
    """The node with a leaf for every sum that does not contain x, and what the leaves stand for.

    What is written as one difference, such as X − 1μᵀ, stays one when products are distributed.
    """
    order = topological([node])
    inside: set[Node] = set()
    for n in order:
        if n is x or any(a in inside for a in n.args):
            inside.add(n)
    back: dict[Node, Node] = {}
    new: dict[Node, Node] = {}
    for n in order:
        if n.kind == "add" and n not in inside:
            leaf = g.var(("whole", len(back)), n.shape)
            new[n] = leaf
            back[leaf] = n
    return substitute(node, new), back
