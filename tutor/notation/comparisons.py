"""Masks as comparisons: step(x − y) as x > y inside `where`, 1 − step(y − x) as x ≥ y."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from ..expr import Binary, Expr, Num
from ..graph import node as g
from ..graph.node import Node, T
from ..ops.scalar import relu, step

FLIPPED = {">": "<", ">=": "<=", "!=": "!=", "==": "=="}
Side = tuple[bool, Expr]  # whether it is a number only, and the term


def condition_term(
    node: Node, write: Callable[[Node], Expr], function: Callable[[sp.Expr], Expr], strict: bool
) -> Expr | None:
    """The comparison that a mask is; `strict` also for step(u), which has a name of its own.

    `write` makes a term of a node, `function` one of a function of the node's argument.
    """
    if node.kind != "map":
        return None
    found = _compared(node.attr, strict)
    if found is None:
        return None
    op, h = found
    if h in (T, -T):
        return _joined(op, *_of_node(node.args[0], 1 if h == T else -1, write))
    return _joined(op, *_of_function(h, function))


def extreme(node: Node) -> tuple[str, Node, Node] | None:
    """a + relu(b − a) as maximum(a, b), a − relu(a − b) as minimum(a, b)."""
    if node.kind != "add":
        return None
    for k, (c, part) in enumerate(zip(node.attr, node.args, strict=True)):
        if part.kind != "map" or part.attr not in (relu(T), relu(-T)) or c not in (1, -1):
            continue
        way = 1 if part.attr == relu(T) else -1
        rest = [(d, a) for j, (d, a) in enumerate(zip(node.attr, node.args, strict=True)) if j != k]
        a = g.add([t for _, t in rest], [d for d, _ in rest])
        b = g.add([a, part.args[0]], [1, c * way])
        lead = len(b.args) if b.kind == "add" else 1
        if lead < (len(part.args[0].args) if part.args[0].kind == "add" else 2):
            return ("maximum" if c == 1 else "minimum"), a, b
    return None


def _compared(f: sp.Expr, strict: bool) -> tuple[str, sp.Expr] | None:
    """f as a comparison of h with 0."""
    opposite = 1 - f if f.is_Add else None
    mask = f if opposite is None else opposite
    if not isinstance(mask, step):
        return None
    h = mask.args[0]
    if isinstance(h, sp.Abs):
        return ("!=" if opposite is None else "=="), h.args[0]
    if opposite is not None:
        return ">=", -h
    return (">", h) if strict else None


def mask_term(f: sp.Expr, function: Callable[[sp.Expr], Expr]) -> Expr | None:
    """1 − step(h) as a comparison, where only functions of one argument are at hand."""
    found = _compared(f, False)
    if found is None:
        return None
    op, h = found
    return _joined(op, *_of_function(h, function))


def _joined(op: str, left: Side, right: Side) -> Expr:
    """A number goes to the right."""
    if left[0] and not right[0]:
        return Binary(FLIPPED[op], right[1], left[1])
    return Binary(op, left[1], right[1])


def _of_node(u: Node, sign: int, write: Callable[[Node], Expr]) -> tuple[Side, Side]:
    """What stands with a plus, and what with a minus, in u or −u."""
    pairs = zip(u.attr, u.args, strict=True) if u.kind == "add" else [(sp.S.One, u)]
    if u.kind == "ein" and u.args:
        pairs = [(u.attr.coef, g.scale(1 / u.attr.coef, u))]
    sides: tuple[list, list] = ([], [])
    for c, a in pairs:
        c = sign * c
        negative = bool(c.could_extract_minus_sign())
        sides[negative].append((-c if negative else c, a))

    for here, there in (sides, sides[::-1]):
        numbers = [t for t in here if g.constant_of(t[1]) is not None]
        if numbers and len(numbers) < len(here) and not there:  # x > −1, not x + 1 > 0
            here[:] = [t for t in here if t not in numbers]
            there.extend((-c, a) for c, a in numbers)

    def side(terms: list) -> Side:
        if not terms:
            return True, Num("0")
        whole = g.add([a for _, a in terms], [c for c, _ in terms])
        return g.constant_of(whole) is not None, write(whole)

    return side(sides[0]), side(sides[1])


def _of_function(h: sp.Expr, function: Callable[[sp.Expr], Expr]) -> tuple[Side, Side]:
    h = sp.expand(h)
    terms = sp.Add.make_args(h)
    rates = [abs(a.as_coeff_Mul()[0]) for a in terms if a.has(T)]
    if len(rates) == 1:  # |x| < 1/2, not 2|x| < 1
        terms = [a / rates[0] for a in terms]
    minus = sp.Add(*(-a for a in terms if a.could_extract_minus_sign()))
    plus = sp.Add(*(a for a in terms if not a.could_extract_minus_sign()))
    return (not plus.has(T), function(plus)), (not minus.has(T), function(minus))
