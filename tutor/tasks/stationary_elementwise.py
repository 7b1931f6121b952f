"""Equations that hold entry by entry: one scalar equation, solved for every entry at once."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from ..calculus.simplify import simplify
from ..graph import node as g
from ..graph.node import Node, T, ein, map_, pieces, topological
from ..notation.build import NoMatrixForm
from . import stationary_scalar as scalar
from .stationary_affine import Solved
from .workspace import Workspace


def solve(slope: Node, x: Node, ws: Workspace) -> Solved | None:
    """The one solution of slope = 0, where entry k of the slope contains entry k of x alone."""
    unknown = sp.Symbol("unknown", real=True)
    known: dict[sp.Symbol, Node] = {}
    expression = _expression(slope, x, known, unknown)
    if expression is None or not expression.has(unknown):
        return None
    solutions = scalar.solve_one(expression, unknown)
    periodic = scalar.repeats(expression, unknown) is not None
    if solutions is None or len(solutions) != 1 or periodic:
        return None  # of several, each entry could take any one
    node = _node(solutions[0], known, x)
    if node is None:
        return None
    try:
        formula = ws.term(simplify(node))
        divisors = scalar.divisors(expression, unknown, known)
        loose = tuple((known[k], ws.term(known[k])) for k in divisors)
    except NoMatrixForm:
        return None
    return Solved(formula, rule="one equation for every entry", loose=loose)


def _expression(
    node: Node, x: Node, known: dict[sp.Symbol, Node], unknown: sp.Symbol
) -> sp.Expr | None:
    """Entry k of the node as an expression of entry k of x; what does not contain x is a symbol."""
    order = topological([node])
    inside: set[Node] = set()
    for n in order:
        if n is x or any(a in inside for a in n.args):
            inside.add(n)
    names: dict[Node, sp.Symbol] = {}
    own = tuple(range(x.order))

    def constant(n: Node) -> sp.Expr:
        value = g.constant_of(n)
        if value is not None:
            return value
        if n not in names:
            names[n] = sp.Symbol(f"k{len(names)}", real=True)
            known[names[n]] = n
        return names[n]

    done: dict[Node, sp.Expr] = {x: unknown}
    for n in order:
        if n is x or n not in inside:
            continue
        if n.shape != x.shape:
            return None
        if n.kind == "map":
            done[n] = n.attr.subs(T, done[n.args[0]])
        elif n.kind == "add":
            terms = [done[a] if a in inside else constant(a) for a in n.args]
            done[n] = sp.Add(*(c * t for c, t in zip(n.attr, terms, strict=True)))
        elif n.kind == "ein":
            coef, factors, out, sizes = pieces(n)
            if set(sizes) != set(out) or any(labels not in (out, ()) for _, labels in factors):
                return None
            if any(f in inside and len(labels) != len(own) for f, labels in factors):
                return None
            done[n] = coef * sp.Mul(*(done[f] if f in inside else constant(f) for f, _ in factors))
        else:
            return None
    return done.get(node)


def _node(e: sp.Expr, known: Mapping[sp.Symbol, Node], x: Node) -> Node | None:
    """A solution as an array of x's shape; None where functions of several symbols stand in it."""
    own = tuple(range(x.order))
    sizes = dict(zip(own, x.shape, strict=True))
    used = [k for k in known if k in e.free_symbols]
    if not used:
        return g.const(e, x.shape)
    if len(used) == 1:
        node = known[used[0]]
        spread = node if node.order else ein([(node, ())], own, 1, sizes)
        return map_(e.subs(used[0], T), spread)
    if not isinstance(e, sp.Add | sp.Mul):
        return None
    parts = [_node(a, known, x) for a in e.args]
    found = [p for p in parts if p is not None]
    if len(found) < len(parts):
        return None
    return g.add(found) if isinstance(e, sp.Add) else ein([(p, own) for p in found], own)
