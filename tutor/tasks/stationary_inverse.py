"""Equations in the inverse of the unknown, as covariance estimates have: c S⁻¹ − S⁻¹ A S⁻¹ = 0."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from ..calculus.expand import expanded
from ..calculus.simplify import simplify, substitute
from ..expr import Binary, Call, Expr, Name, Num
from ..graph import node as g
from ..graph.node import Node, ein, pieces, topological
from ..notation.build import NoMatrixForm
from .stationary_affine import Solved
from .stationary_terms import distributed, divided, opaque
from .workspace import Workspace


@dataclass
class _Parts:
    """c·P, P·M·P and the rest, P the inverse; turned: P stands transposed everywhere."""

    once: list[Node]  # the scalars c
    twice: list[Node]  # the matrices M
    rest: list[Node]
    turned: bool | None = None


def solve(slope: Node, x: Node, name: str, ws: Workspace) -> Solved | None:
    """The matrix at which the gradient vanishes; None where it does not have this form."""
    if x.order != 2:
        return None
    inverses = [
        n
        for n in topological([slope])
        if n.kind == "call" and n.attr[0] == "inv" and n.args[0] is x
    ]
    if len(inverses) != 1:
        return None
    p = g.var(("inverse", name), x.shape, x.attr.properties)
    hidden, whole = opaque(substitute(slope, {inverses[0]: p}), p)
    replaced = expanded(hidden)
    if x in topological([replaced]):
        return None
    parts = _parts(replaced, p, "symmetric" in x.attr.properties)
    if parts is None or not parts.once:
        return None
    for terms in (parts.once, parts.twice, parts.rest):
        terms[:] = [substitute(t, whole) for t in terms]
    try:
        if parts.twice and not parts.rest:
            return _between(parts, x, name, ws)
        if parts.rest and not parts.twice:
            return _alone(parts, x, name, ws)
    except NoMatrixForm:
        pass
    return None


def _parts(node: Node, p: Node, symmetric: bool) -> _Parts | None:
    found = _Parts([], [], [])
    pairs = zip(node.attr, node.args, strict=True) if node.kind == "add" else [(sp.S.One, node)]
    for c, term in pairs:
        if not _sorted(found, c, term, p, symmetric):
            return None
    return found


def _sorted(found: _Parts, c: sp.Expr, term: Node, p: Node, symmetric: bool) -> bool:
    coef, factors, out, sizes = pieces(term)
    mine = [labels for f, labels in factors if f is p]
    others = [(f, labels) for f, labels in factors if f is not p]
    if any(p in topological([f]) for f, _ in others):
        return False
    number = c * coef
    if not mine:
        found.rest.append(ein(others, out, number, sizes))
        return True
    if len(mine) == 1:
        if any(labels for _, labels in others) or set(mine[0]) != set(out):
            return False
        found.once.append(ein(others, (), number))
        return _oriented(found, mine[0] != out, symmetric)
    if len(mine) != 2:
        return False
    first = next((ls for ls in mine if out[0] in ls), None)
    last = next((ls for ls in mine if out[1] in ls), None)
    if first is None or last is None or first is last:
        return False
    a = first[1] if first[0] == out[0] else first[0]
    b = last[0] if last[1] == out[1] else last[1]
    if a == b:
        return False
    inner = {k: d for k, d in sizes.items() if k not in out}
    found.twice.append(ein(others, (a, b), number, inner))
    return _oriented(found, first[0] != out[0], symmetric) and _oriented(
        found, last[1] != out[1], symmetric
    )


def _oriented(found: _Parts, turned: bool, symmetric: bool) -> bool:
    if symmetric:
        found.turned = False
        return True
    if found.turned is None:
        found.turned = turned
    return found.turned == turned


def _balanced(node: Node, symmetric: bool) -> Node:
    """Of a symmetric unknown only the symmetric half of its gradient counts."""
    node = simplify(node)
    if not symmetric:
        return node
    other = simplify(g.permute(node, (1, 0)))
    if other.key == node.key:
        return node
    return simplify(g.add([node, other], [sp.Rational(1, 2)] * 2))


def _between(parts: _Parts, x: Node, name: str, ws: Workspace) -> Solved:
    """c P + P M P = 0: with X from both sides, c X + M = 0."""
    symmetric = "symmetric" in x.attr.properties
    middle = _balanced(g.add(parts.twice), symmetric)
    if parts.turned:
        middle = simplify(g.permute(middle, (1, 0)))
    scalar = simplify(g.add(parts.once))
    number = pieces(scalar)[0].as_coeff_Mul()[0]  # n Σ = DᵀD rather than n/2 Σ = DᵀD/2
    scalar = distributed(1 / number, scalar)
    right = simplify(distributed(-1 / number, middle))
    solution = divided(right, scalar)
    left, unknown = ws.term(scalar), Name(name)
    side = ws.term(right)
    own: Expr = unknown if left == Num("1") else Binary("*", left, unknown)
    formula = ws.term(solution)
    equation = ((own, side),) if own != unknown else ()
    needs = () if g.constant_of(scalar) is not None else (left,)
    rule = "multiplied by the unknown from both sides"
    bends = (simplify(g.add(parts.once)), g.scale(-1, middle)) if symmetric else None
    return Solved(formula, equation, (unknown,), needs, rule, scale=(number, ()), bends=bends)


def _alone(parts: _Parts, x: Node, name: str, ws: Workspace) -> Solved:
    """c P + M = 0: the inverse itself is known."""
    symmetric = "symmetric" in x.attr.properties
    rest = _balanced(g.add(parts.rest), symmetric)
    if parts.turned:
        rest = simplify(g.permute(rest, (1, 0)))
    scalar = simplify(g.add(parts.once))
    right = divided(distributed(sp.S.NegativeOne, rest), scalar)
    side = ws.term(right)
    inverse = Call("inv", (Name(name),))
    needs = () if g.constant_of(scalar) is not None else (ws.term(scalar),)
    rule = "inverse of both sides"
    bends = (g.scale(-1, scalar), rest) if symmetric else None
    return Solved(Call("inv", (side,)), ((inverse, side),), (side,), needs, rule, bends=bends)
