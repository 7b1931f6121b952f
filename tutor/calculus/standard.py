"""Expressions that are a function with a name, typed out by hand: the name, and what it saves.

exp(x)/(1 + exp(x)) is σ(x). Derived as the quotient that it is, it gives the right slope in a form
that nobody prints; derived as σ it gives σ(1 − σ).
"""

from __future__ import annotations

import sympy as sp

from ..graph.node import Node, T, topological
from ..ops.scalar import sigmoid, softplus
from .distribution import cost
from .reverse import pullback
from .simplify import simplify

FUNCTIONS = (sigmoid, sp.tanh, softplus)
MOST_NODES = 150  # of an expression that a person typed
WHOLE = ("softmax", "log_softmax", "logsumexp", "var")
SHAPES = (sigmoid(T), sigmoid(-T), sp.tanh(T), softplus(T, sp.S.One))


def standard(node: Node) -> Node | None:
    """The expression by its name, where it is all that one named function is; None if it is not."""
    if not _could_be(node):
        return None
    short = simplify(node)
    return short if _names(short) - _names(node) and _is_named(short) else None


def by_name(y: Node) -> Node:
    """The expression with what is typed by hand in it written by its name, if there is any."""
    if not _could_be(y):
        return y
    short = simplify(y)
    return short if _names(short) - _names(y) else y


def derived_by_name(derivative: Node, y: Node, upstream: Node, x: Node) -> Node:
    """∂y/∂x taken after the named functions in y are recognised, where that is no longer."""
    short = by_name(y)
    if short is y or x not in topological([short]):
        return derivative
    other = simplify(pullback(short, upstream, [x])[0])
    return other if cost(other) <= cost(derivative) else derivative


def _could_be(node: Node) -> bool:
    """Whether exponentials stand in something else, or squares are summed up."""
    exponential = outside = False
    nodes = topological([node])
    if len(nodes) > MOST_NODES:
        return False
    for n in nodes:
        if n.kind != "map":
            continue
        if n.attr == T**2 and n.args[0].kind == "add":
            return True
        exponential = exponential or n.attr.has(sp.exp)
        outside = outside or n.attr.has(sp.log) or not n.attr.has(sp.exp)
        if n.attr.has(sp.exp) and not isinstance(n.attr, sp.exp):
            outside = True
    return exponential and outside


def _names(node: Node) -> set[str]:
    """The named functions in an expression."""
    found: set[str] = set()
    for n in topological([node]):
        if n.kind == "map":
            found.update(f.__name__ for f in FUNCTIONS if n.attr.has(f))
        elif n.kind == "call" and n.attr[0] in WHOLE:
            found.add(n.attr[0])
    return found


def _is_named(node: Node) -> bool:
    """One function of something, and nothing around it but a transposition."""
    if node.kind == "map":
        return node.attr in SHAPES
    if node.kind == "ein" and len(node.args) == 1 and node.attr.coef == 1:
        moves = len(node.attr.sizes) == node.order and len(set(node.attr.labels[0])) == node.order
        return moves and _is_named(node.args[0])
    return node.kind == "call" and node.attr[0] in WHOLE
