"""Full distribution: products over sums, whole powers of sums, sums inside functions apart.

The form is long and nobody reads it; two formulas that reach the same one are equal. What would
grow beyond a limit stays as it is, which costs a proof, never correctness.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy as sp

from ..graph import node as g
from ..graph.node import Node, T, ein, map_, topological
from ..ops.scalar import sigmoid
from . import factors, products
from .rewrite import rebuilt

MOST_TERMS = 96
MOST_POWER = 4


def expanded(node: Node) -> Node:
    """The node with every product distributed over every sum."""
    done: dict[Node, Node] = {}
    for n in topological([node]):
        m = rebuilt(n, [done[a] for a in n.args])
        if m.kind == "map":
            m = function_apart(m)
        elif m.kind == "ein":
            m = multiplied_out(flattened(m))
        done[n] = m
    return done[node]


def _terms(node: Node) -> list[tuple[sp.Expr, Node]]:
    if node.kind == "add":
        return list(zip(node.attr, node.args, strict=True))
    return [(g.ONE, node)]


def multiplied_out(node: Node) -> Node:
    """One product of sums as a sum of products."""
    if node.kind != "ein" or all(a.kind != "add" for a in node.args):
        return node
    count = 1
    for a in node.args:
        count *= len(a.args) if a.kind == "add" else 1
    if count > MOST_TERMS:
        return node
    out, sizes = tuple(range(node.order)), dict(enumerate(node.attr.sizes))
    parts: list[tuple[sp.Expr, list[tuple[Node, tuple[int, ...]]]]] = [(node.attr.coef, [])]
    for a, labels in zip(node.args, node.attr.labels, strict=True):
        parts = [(c * d, [*fs, (t, labels)]) for c, fs in parts for d, t in _terms(a)]
    return g.add([flattened(ein(fs, out, c, sizes)) for c, fs in parts])


def function_apart(node: Node) -> Node:
    """f(u) with f a sum: a sum of functions; a power of a sum, or u times a function: a product."""
    if node.kind != "map":
        return node
    u, f = node.args[0], _apart(node.attr)
    own = tuple(range(u.order))
    parts = []
    for term in sp.Add.make_args(f):
        number, rest = term.as_coeff_Mul()
        power, rest = _power_of_argument(rest)
        factors = [(u, own)] * power
        if rest != 1:
            factors.append((map_(rest, u), own))
        part = ein(factors, own, number, dict(enumerate(u.shape)))
        parts.append(multiplied_out(flattened(part)))
    return g.add(parts)


def _power_of_argument(f: sp.Expr) -> tuple[int, sp.Expr]:
    """f = T^k · rest with a small whole k."""
    for a in sp.Mul.make_args(f):
        base, exponent = a.as_base_exp()
        if base == T and exponent.is_Integer and 0 < exponent <= MOST_POWER:
            return int(exponent), f / a
    return 0, f


def flattened(node: Node) -> Node:
    """One flat product with its functions of one argument merged."""
    for rule in (factors.flat, products.fused):
        if node.kind == "ein":
            node = rule(node)
    return node


@lru_cache(maxsize=4096)
def _apart(f: sp.Expr) -> sp.Expr:
    """f multiplied out, with one spelling of the logistic function."""
    spelled: Any = f.replace(
        lambda e: isinstance(e, sigmoid) and e.args[0].could_extract_minus_sign(),
        lambda e: 1 - sigmoid(-e.args[0]),
    )
    return sp.expand(spelled, deep=False, log=False, power_base=False, power_exp=False)
