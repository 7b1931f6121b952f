"""Rules for products: functions of one argument merged, powers of products and of sums."""

from __future__ import annotations

from typing import Any

import sympy as sp

from ..graph.node import Node, T, add, call, const, ein, fresh, map_
from .factors import Factor, labelled, matched, with_factors


def fused(node: Node) -> Node:
    """f(u) ⊙ g(u) = (f·g)(u), where both stand at the same labels; u ⊙ 1/u cancels."""
    factors = labelled(node)
    groups: dict[Any, list[int]] = {}
    for k, (factor, labels) in enumerate(factors):
        base = factor.args[0] if factor.kind == "map" else factor
        groups.setdefault((base.key, labels), []).append(k)
    merged: dict[int, Factor | None] = {}
    for members in groups.values():
        maps = [k for k in members if factors[k][0].kind == "map"]
        if len(members) < 2 or not maps:
            continue
        base = factors[maps[0]][0].args[0]
        f = sp.Mul(*(factors[k][0].attr if k in maps else T for k in members))
        merged |= dict.fromkeys(members[1:])
        merged[members[0]] = (map_(f, base), factors[members[0]][1])
    if not merged:
        return node
    kept = [merged.get(k, factor) for k, factor in enumerate(factors)]
    return with_factors(node, [f for f in kept if f is not None])


# -- powers of products ---------------------------------------------------------------------------


def power_of(factor: Node) -> sp.Expr | None:
    """p, where the factor is u**p."""
    if factor.kind != "map":
        return None
    base, exponent = factor.attr.as_base_exp()
    return exponent if base == T and exponent.is_number else None


def powers_apart(node: Node) -> Node:
    """(2 s t)**p = 2**p s**p t**p for scalars: a whole p, or positive numbers in front."""
    for k, factor in enumerate(node.args):
        p = power_of(factor)
        if p is None or not p.is_Integer:
            continue
        u = factor.args[0]
        if u.kind != "ein" or u.order or u.attr.sizes or not u.args:
            continue
        parts = [(map_(T**p, a), ()) for a in u.args]
        factors = labelled(node)
        factors[k : k + 1] = parts
        return with_factors(node, factors, node.attr.coef * u.attr.coef**p)
    return node


def quotient_apart(node: Node) -> Node:
    """x ⊘ (x ⊘ y) = y: a whole power of an elementwise product, where its factors all meet."""
    factors = labelled(node)
    for k, (factor, labels) in enumerate(factors):
        p = power_of(factor)
        if p is None or not (p.is_Integer and p.is_negative):
            continue
        u = factor.args[0]
        if u.kind != "ein" or not u.order or len(u.attr.sizes) > u.order or len(u.args) < 2:
            continue
        if any(a.kind == "rel" for a in u.args):  # zero nearly everywhere: it has no quotient
            continue
        own = [(a, tuple(labels[x] for x in ls)) for a, ls in labelled(u)]
        rest = factors[:k] + factors[k + 1 :]
        around = {_base(f, ls) for f, ls in rest}
        if not all(_base(a, ls) in around for a, ls in own):
            continue
        apart = [(map_(T**p, a), ls) for a, ls in own]
        whole = with_factors(node, [*rest, *apart], node.attr.coef * u.attr.coef**p)
        new = fused(whole) if whole.kind == "ein" else whole
        if new.kind != "ein" or len(new.args) < len(node.args):
            return new
    return node


def _base(factor: Node, labels: tuple[int, ...]) -> tuple[bytes, tuple[int, ...]]:
    """What a factor is a function of, and where it stands."""
    return (factor.args[0] if factor.kind == "map" else factor).key, labels


def squared(node: Node) -> Node:
    """det(X) · det(X) = det(X)²: a number that stands twice in a product."""
    factors = labelled(node)
    for k, (factor, labels) in enumerate(factors):
        if factor.kind != "call" or factor.order:
            continue
        same = [j for j, (other, _) in enumerate(factors) if other is factor]
        if len(same) > 1:
            factors[k] = (map_(T ** len(same), factor), labels)
            return with_factors(node, [f for j, f in enumerate(factors) if j not in same[1:]])
    return node


def own_power(node: Node) -> Node:
    """u s(u)**p = s(u)**(p+1), where s is a sum of products: xᵀx / ‖x‖ = ‖x‖."""
    factors = labelled(node)
    for k, (factor, labels) in enumerate(factors):
        p = power_of(factor)
        if p is None:
            continue
        s = factor.args[0]
        if s.kind != "ein" or len(s.attr.sizes) == s.order:
            continue
        found = matched(s, dict(enumerate(labels)), node, {k})
        if found is None:
            continue
        members, gone, _ = found
        factors[k] = (map_(T ** (p + 1), s), labels)
        kept = [f for j, f in enumerate(factors) if j not in members]
        return with_factors(node, kept, node.attr.coef / s.attr.coef, gone)
    return node


def raised(node: Node) -> Node:
    """a ⊙ a^(b − 1) = a^b, where the exponent is not a number."""
    factors = labelled(node)
    for k, (factor, labels) in enumerate(factors):
        if factor.kind != "call" or factor.attr[0] != "power":
            continue
        base, exponent = factor.args
        for j, (other, own) in enumerate(factors):
            if other is base and own == labels:
                more = add([exponent, const(1, exponent.shape)])
                if more.kind == "add":  # a^(b + 1) is no shorter
                    continue
                factors[k] = (call("power", [base, more], (), factor.shape), labels)
                return with_factors(node, factors[:j] + factors[j + 1 :])
    return node


# -- unit vectors ---------------------------------------------------------------------------------


def sifted(node: Node) -> Node:
    """e_k[i] v[i] = e_k[i] v[k]: what meets a unit vector on an axis of the result is one entry."""
    factors = labelled(node)
    for at, (unit, labels) in enumerate(factors):
        if unit.kind != "rel" or unit.order != 1 or labels[0] >= node.order:
            continue
        (x,) = labels
        others = [k for k, (f, ls) in enumerate(factors) if x in ls and k != at]
        if not others or any(factors[k][0].kind == "rel" for k in others):
            continue
        size = dict(enumerate(node.attr.sizes))
        for k in others:
            twin = fresh()
            size[twin] = size[x]
            f, ls = factors[k]
            factors[k] = (f, tuple(twin if y == x else y for y in ls))
            factors.append((unit, (twin,)))
        return ein(factors, range(node.order), node.attr.coef, size)
    return node
