"""Rules for inverses and determinants."""

from __future__ import annotations

import sympy as sp

from ..graph import node as g
from ..graph.node import Node, T, call, ein, is_delta, map_, scale
from .factors import labelled, matched, with_factors


def inverse(node: Node) -> Node:
    return call("inv", [node], (), node.shape)


def of_call(node: Node) -> Node:
    """inv, det and logdet of an inverse, a transpose, a multiple, a product of square matrices."""
    name = node.attr[0]
    if name not in ("inv", "det", "logdet"):
        return node
    a = node.args[0]
    if is_delta(a):
        return {"inv": a, "det": g.const(1), "logdet": g.zero(())}[name]
    if a.kind == "call" and a.attr[0] == "inv":
        b = a.args[0]
        if name == "inv":
            return b
        whole = call(name, [b], (), ())
        return map_(1 / T, whole) if name == "det" else scale(-1, whole)
    if a.kind != "ein" or not a.args:
        return node
    chain = _chain(a)
    if chain is None:
        return node
    coef, scalars, factors = chain
    if name == "inv":
        return _reversed_product(a, coef, scalars, factors)
    if len(factors) == 1 and coef == 1 and not scalars:  # a transpose
        return call(name, [factors[0][0]], (), ())
    return node


Chain = tuple[sp.Expr, list[Node], list[tuple[Node, bool]]]


def _chain(a: Node) -> Chain | None:
    """A matrix as number · scalars · product of square matrices, each with whether transposed."""
    scalars = [f for f, ls in labelled(a) if not ls]
    rest = [(f, ls) for f, ls in labelled(a) if ls]
    here, factors = 0, []
    while rest:
        k = next((k for k, (_, ls) in enumerate(rest) if here in ls), None)
        if k is None:
            return None
        f, ls = rest.pop(k)
        if len(ls) != 2 or ls[0] == ls[1] or f.shape[0] != f.shape[1]:
            return None
        flipped = ls[1] == here
        factors.append((f, flipped))
        here = ls[0] if flipped else ls[1]
        if sum(here in ls for _, ls in rest) != (0 if here == 1 else 1):
            return None
    if here != 1 or not factors:
        return None
    return a.attr.coef, scalars, factors


def _reversed_product(
    a: Node, coef: sp.Expr, scalars: list[Node], factors: list[tuple[Node, bool]]
) -> Node:
    """inv(c A B) = inv(B) inv(A) / c."""
    parts: list[g.Factor] = [(map_(1 / T, s), ()) for s in scalars]
    last = len(factors)
    for k, (f, flipped) in enumerate(reversed(factors)):
        row = 0 if k == 0 else 1 + k
        column = 1 if k == last - 1 else 2 + k
        parts.append((inverse(f), (column, row) if flipped else (row, column)))
    return ein(parts, (0, 1), 1 / coef)


def cancelled(node: Node) -> Node:
    """inv(A) A and A inv(A) are the identity, also in the midst of a product; det(A) / det(A)."""
    factors = labelled(node)
    for k, (factor, labels) in enumerate(factors):
        if factor.kind != "call" or factor.attr[0] != "inv" or labels[0] == labels[1]:
            continue
        body = factor.args[0]
        for near, far, side in ((labels[1], labels[0], 0), (labels[0], labels[1], 1)):
            if near < node.order:
                continue
            found = matched(body, {side: near}, node, {k})
            if found is None:
                continue
            members, gone, names = found
            end = names[1 - side]
            carried = sum(ls.count(near) for _, ls in factors)
            inside = sum(factors[j][1].count(near) for j in members)
            if carried != inside + 1 or inside != 1 or end == near:
                continue
            kept = [f for j, f in enumerate(factors) if j not in members and j != k]
            kept.append((g.delta(body.shape[0]), (far, end)))
            c = body.attr.coef if body.kind == "ein" else 1
            return with_factors(node, kept, node.attr.coef / c, {*gone, near})
    return node
