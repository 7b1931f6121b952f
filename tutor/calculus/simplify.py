"""Shorter equal forms of a node. Every rule keeps the shape and is checked by evaluation in tests.

    flatten   a product of products is one product (up to a cap)
    content   a common number of all terms of a sum stands in front of it, the first term positive
    fuse      f(u) ⊙ g(u) is (f·g)(u); u ⊙ 1/u cancels

Like terms, deltas, constants and views are the constructors' work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from ..graph import node as g
from ..graph.node import Node, T, ein, map_, pieces, topological

MOST_FACTORS = 24


def rebuilt(node: Node, args: list[Node]) -> Node:
    """The node with other operands of the same shapes."""
    if all(a is b for a, b in zip(args, node.args, strict=True)):
        return node
    match node.kind:
        case "ein":
            attr = node.attr
            factors = list(zip(args, attr.labels, strict=True))
            return ein(factors, tuple(range(node.order)), attr.coef, dict(enumerate(attr.sizes)))
        case "add":
            return g.add(args, node.attr)
        case "map":
            return map_(node.attr, args[0])
        case _:
            name, parameters = node.attr
            return g.call(name, args, parameters, node.shape)


def substitute(node: Node, new: dict[Node, Node]) -> Node:
    """The node with leaves replaced by other nodes of their shape."""
    done: dict[Node, Node] = {}
    for n in topological([node]):
        done[n] = new[n] if n in new else rebuilt(n, [done[a] for a in n.args])
    return done[node]


def simplify(node: Node) -> Node:
    """The node with every rule applied, operands first."""
    return simplify_all([node])[0]


def simplify_all(nodes: Sequence[Node]) -> list[Node]:
    """The same for several nodes; what they share is worked on once."""
    done: dict[Node, Node] = {}
    for n in topological(nodes):
        m = rebuilt(n, [done[a] for a in n.args])
        if m.kind == "ein":
            m = _product(m)
        elif m.kind == "add":
            m = _sum(m)
        done[n] = m
    return [done[n] for n in nodes]


def flattened(node: Node) -> Node:
    """Products inside a product opened, functions of one argument merged."""
    return _product(node) if node.kind == "ein" else node


def _product(node: Node) -> Node:
    coef, factors, out, sizes = pieces(node)
    flat: list[tuple[Node, tuple[int, ...]]] = []
    for factor, labels in factors:
        inside = len(factor.args) if factor.kind == "ein" else 0
        if factor.kind == "add":
            c, rest = content(factor)
            coef *= c
            flat.append((rest, labels))
        elif inside and len(flat) + inside <= MOST_FACTORS:
            c, nested, inner_out, inner_sizes = pieces(factor)
            rename: dict[int, int] = dict(zip(inner_out, labels, strict=True))
            coef *= c
            for label, d in inner_sizes.items():
                if label not in rename:
                    sizes[label] = d
            flat.extend((n, tuple(rename.get(x, x) for x in ls)) for n, ls in nested)
        else:
            flat.append((factor, labels))
    return ein(_fused(flat), out, coef, sizes)


def _fused(factors: list[tuple[Node, tuple[int, ...]]]) -> list[tuple[Node, tuple[int, ...]]]:
    """Merge factors that are functions of one argument at the same labels."""
    groups: dict[Any, list[int]] = {}
    for k, (node, labels) in enumerate(factors):
        base = node.args[0] if node.kind == "map" else node
        groups.setdefault((base.key, labels), []).append(k)
    result: list[tuple[Node, tuple[int, ...]] | None] = list(factors)
    for members in groups.values():
        maps = [k for k in members if factors[k][0].kind == "map"]
        if len(members) < 2 or not maps:
            continue
        base = factors[maps[0]][0].args[0]
        f = sp.Mul(*(factors[k][0].attr if k in maps else T for k in members))
        result[members[0]] = (map_(f, base), factors[members[0]][1])
        for k in members[1:]:
            result[k] = None
    return [r for r in result if r is not None]


def content(node: Node) -> tuple[sp.Expr, Node]:
    """node = c · rest with integer-free, sign-normalised rest, for a sum."""
    if node.kind != "add" or not all(c.is_Rational for c in node.attr):
        return g.ONE, node
    # over symbols the gcd of rationals; a sum that starts with a minus gets it in front
    common = sp.gcd_terms(sp.Add(*(abs(c) * sp.Symbol(f"u{k}") for k, c in enumerate(node.attr))))
    c = abs(common.as_coeff_Mul()[0])
    constants = [g.constant_of(a) is not None for a in node.args]
    if c != 1 and any(constants) and c.q != 1:
        c = sp.Integer(1)
    if c == 0:
        c = sp.Integer(1)
    if node.attr[0].is_negative and all(x.is_negative for x in node.attr):
        c = -c
    return c, g.add(node.args, [x / c for x in node.attr]) if c != 1 else node


def _sum(node: Node) -> Node:
    c, rest = content(node)
    if c == 1:
        return node
    return ein([(rest, tuple(range(node.order)))], tuple(range(node.order)), c)
