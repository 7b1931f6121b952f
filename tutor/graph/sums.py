"""Sums of nodes and elementwise maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from . import dims
from .interned import ONE, Node, T, const, constant_of, intern, zero
from .products import ein, mul, scale, summed_once


def split_coef(node: Node) -> tuple[sp.Expr, Node]:
    """node = c · rest, with the numeric coefficient taken out of a product."""
    if node.kind == "ein" and node.attr.coef != 1 and node.args:
        return node.attr.coef, scale(1 / node.attr.coef, node)
    return ONE, node


def add(terms: Sequence[Node], coefs: Sequence[Any] | None = None) -> Node:
    """Σ coefs[k]·terms[k]: flattened, like terms merged, zeros dropped, in the order given."""
    shape = terms[0].shape
    if len(terms) == 1:  # a difference keeps the sign that it was written with
        return scale(ONE if coefs is None else coefs[0], terms[0])
    flat: list[tuple[sp.Expr, Node]] = []
    for k, node in enumerate(terms):
        assert dims.same_shape(node.shape, shape), (node.shape, shape)
        c = dims.number(coefs[k]) if coefs is not None else ONE
        if node.kind == "add":
            flat.extend((c * d, t) for d, t in zip(node.attr, node.args, strict=True))
        else:
            d, rest = split_coef(node)
            if rest.kind == "add":
                flat.extend((c * d * e, t) for e, t in zip(rest.attr, rest.args, strict=True))
            else:
                flat.append((c * d, rest))
    merged: dict[bytes, list[Any]] = {}
    number = sp.Integer(0)
    place = len(flat)
    for at, (c, node) in enumerate(flat):
        value = constant_of(node)
        if value is not None:
            number, place = number + c * value, min(place, at)
        elif node.key in merged:
            merged[node.key][0] = _total(merged[node.key][0], c)
        else:
            merged[node.key] = [c, node, at]
    kept = [(at, c, node) for c, node, at in merged.values() if c != 0]
    if number != 0:
        kept.append((place, number, const(1, shape)))
        kept.sort(key=lambda item: item[0])
    if not kept:
        return zero(shape)
    if len(kept) == 1:
        return scale(kept[0][1], kept[0][2])
    return intern("add", tuple(n for *_, n in kept), tuple(c for _, c, _ in kept), shape)


def _total(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """a + b, quotients of sizes over one denominator: 1/n − 1/(n + 1) is 1/(n (n + 1))."""
    total = a + b
    if total.is_Add and not total.is_polynomial(*total.free_symbols):
        whole = sp.factor(total)
        return whole if sp.count_ops(whole) <= sp.count_ops(total) else total
    return total


def sub(a: Node, b: Node) -> Node:
    return add([a, b], [1, -1])


# -- elementwise maps -----------------------------------------------------------------------------


def map_(f: sp.Expr, u: Node) -> Node:
    """f applied to every entry of u; f is a SymPy expression in T."""
    if f == T:
        return u
    if not f.has(T):
        return const(f, u.shape)
    value = constant_of(u)
    if value is not None and (value.is_number or _is_algebraic(f, value)):
        return const(f.subs(T, value), u.shape)
    if u.kind == "map":
        return map_(f.subs(T, u.attr), u.args[0])
    if u.kind == "ein" and len(u.args) == 1 and u.attr.coef == 1:
        labels = u.attr.labels[0]
        if summed_once(labels) and all(k < u.order for k in labels):
            # a mere transpose or broadcast: apply f first, so that there is one form
            inner = map_(f, u.args[0])
            return ein([(inner, labels)], tuple(range(u.order)), 1, dict(enumerate(u.shape)))
    number, rest = f.as_coeff_Mul()
    if number != 1:  # a number in front of a function stands in front of the node
        return scale(number, map_(rest, u))
    return intern("map", (u,), f, u.shape)


def _is_algebraic(f: sp.Expr, size: sp.Expr) -> bool:
    """Whether f of a size is a number in front of the rest: 1/n, 1/(n − 1), √n."""
    if f.is_rational_function(T):
        return True
    return bool(size.is_positive) and f.as_base_exp()[0] == T


def power(u: Node, exponent: Any) -> Node:
    return map_(T ** dims.number(exponent), u)


def divide(a: Node, b: Node) -> Node:
    """Elementwise quotient; b is a scalar or of a's shape."""
    return mul(a, map_(1 / T, b))
