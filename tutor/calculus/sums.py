"""Rules for sums: common numbers, common factors, functions of one argument, centred sums."""

from __future__ import annotations

from math import gcd
from typing import Any

import sympy as sp

from ..graph import node as g
from ..graph.node import Node, ein, map_, pieces
from .factors import flat, labelled, uses, with_factors
from .functions import merged

MOST_AXES = 2  # what is left of a term without the common factor must be a matrix at most


def content(node: Node) -> tuple[sp.Expr, Node]:
    """node = c · rest, for a sum: what all numbers in it share, and a sign that all of them have.

    Symbolic sizes count: 2x/n − 2 Σx/n² is 2/n (x − mean(x)). A sum of means keeps them.
    """
    if node.kind != "add":
        return g.ONE, node
    pairs = [c.as_coeff_Mul() for c in node.attr]
    if not all(c.is_Rational for c, _ in pairs):
        return g.ONE, node
    c = _shared([r for r, _ in pairs])
    if c != 1 and c.q != 1 and any(g.constant_of(a) is not None for a in node.args):
        c = g.ONE
    if all(r.is_negative for r, _ in pairs):
        c = -c
    c *= _shared_symbols(node, [s for _, s in pairs])
    return c, g.add(node.args, [x / c for x in node.attr]) if c != 1 else node


def _shared(numbers: list[sp.Expr]) -> sp.Expr:
    """The common factor of the numerators over that of the denominators."""
    tops = [abs(r.p) for r in numbers]
    bottoms = [r.q for r in numbers]
    return sp.Rational(gcd(*tops), gcd(*bottoms))


def _shared_symbols(node: Node, symbols: list[sp.Expr]) -> sp.Expr:
    """The powers of sizes that all terms carry, unless each of them is the count of a mean."""
    if all(s == 1 for s in symbols):
        return g.ONE
    powers = [s.as_powers_dict() for s in symbols]
    shared = g.ONE
    for base in powers[0]:
        exponents = [p.get(base, sp.S.Zero) for p in powers]
        if not all(e.is_number for e in exponents):
            continue
        if all(e.is_positive for e in exponents):
            shared *= base ** min(exponents)
        elif all(e.is_negative for e in exponents) and not all(
            _averages(t, base) for t in node.args
        ):
            shared *= base ** max(exponents)
    return shared


def _averages(term: Node, size: sp.Expr) -> bool:
    """Whether the term sums one factor over an axis of that size, which 1/size makes a mean."""
    if term.kind != "ein":
        return False
    count = uses(term)
    return any(
        count[x] == 1 for x in range(term.order, len(term.attr.sizes)) if term.attr.sizes[x] == size
    )


def content_out(node: Node) -> Node:
    """2B + 2C = 2 (B + C); −B − C = −(B + C)."""
    c, rest = content(node)
    if c == 1:
        return node
    return ein([(rest, tuple(range(node.order)))], tuple(range(node.order)), c)


# -- a sum over entries that vanishes -------------------------------------------------------------


def centred(node: Node, deep: bool = True) -> Node:
    """Σᵢ (xᵢ − mean(x)) = 0: a summed axis that one sum alone carries, taken term by term."""
    count = uses(node)
    for k, (factor, labels) in enumerate(labelled(node)):
        if factor.kind != "add":
            continue
        axes = [j for j, x in enumerate(labels) if x >= node.order and count[x] == 1]
        if not axes:
            continue
        parts = [g.sum_axes(t, axes) for t in factor.args]
        if deep:
            parts = [_opened(t) for t in parts]
        total = g.add(parts, factor.attr)
        terms = len(total.args) if total.kind == "add" else 1
        if not g.is_zero(total) and terms >= len(factor.args):
            continue
        factors = labelled(node)
        factors[k] = (total, tuple(x for j, x in enumerate(labels) if j not in axes))
        return with_factors(node, factors, gone=[labels[j] for j in axes])
    return node


def _opened(term: Node) -> Node:
    """A term of such a sum flat, and what is centred in it gone; no deeper."""
    term = flat(term) if term.kind == "ein" else term
    return centred(term, deep=False) if term.kind == "ein" else term


# -- functions of one argument --------------------------------------------------------------------


def one_function(node: Node) -> Node:
    """1 − tanh(u)² as one function of u, so that it can meet another one."""
    base = next((t.args[0] for t in node.args if t.kind == "map"), None)
    total = sp.S.Zero
    for c, t in zip(node.attr, node.args, strict=True):
        value = g.constant_of(t)
        if value is None and (t.kind != "map" or t.args[0] is not base):
            return node
        if value is not None and not value.is_number:
            return node
        total += c * (t.attr if value is None else value)
    assert base is not None
    return map_(total, base)


def functions_merged(node: Node) -> Node:
    """f(u) + g(u) as one function where that is shorter, also with equal factors around it."""
    terms = [_outside(c, t) for c, t in zip(node.attr, node.args, strict=True)]
    groups: dict[Any, list[int]] = {}
    for k, term in enumerate(terms):
        if term is not None:
            groups.setdefault(term[0], []).append(k)
    for members in groups.values():
        if len(members) < 2:
            continue
        f = merged((terms[k][1], terms[k][2]) for k in members)  # type: ignore[index]
        if f is None:
            continue
        first = members[0]
        new = terms[first][3](f)  # type: ignore[index]
        kept = [(c, t) for c, t in zip(node.attr, node.args, strict=True)]
        kept[first] = (g.ONE, new)
        kept = [pair for k, pair in enumerate(kept) if k not in members[1:]]
        return g.add([t for _, t in kept], [c for c, _ in kept])
    return node


def _outside(c: sp.Expr, term: Node) -> Any:
    """A term with exactly one function: what is around it, its number, it, how to replace it."""
    if term.kind == "map":
        own = tuple(range(term.order))
        return (term.args[0].key, own, ()), c, term.attr, lambda f: map_(f, term.args[0])
    if term.kind != "ein":
        return None
    at = [k for k, a in enumerate(term.args) if a.kind == "map"]
    if len(at) != 1:
        return None
    (k,) = at
    own = term.attr.labels[k]
    rest = [(a.key, ls) for j, (a, ls) in enumerate(labelled(term)) if j != k]
    names = {x: n for n, x in enumerate(dict.fromkeys([*range(term.order), *own]))}
    for _, ls in sorted(rest, key=lambda r: r[0]):
        for x in ls:
            names.setdefault(x, len(names))
    around = tuple(sorted((key, tuple(names[x] for x in ls)) for key, ls in rest))
    base = term.args[k].args[0]

    def replaced(f: sp.Expr) -> Node:
        _, factors, out, sizes = pieces(term)
        factors[k] = (map_(f, base), factors[k][1])
        return ein(factors, out, g.ONE, sizes)

    handle = (base.key, tuple(names[x] for x in own), around, term.order)
    return handle, c * term.attr.coef, term.args[k].attr, replaced


# -- common factors -------------------------------------------------------------------------------


def factored(node: Node) -> Node:
    """B x + C x = (B + C) x; Xᵀ X w − Xᵀ y = Xᵀ (X w − y); for arrays of at most two axes.

    A factor is common where it stands in the same place: on the same axes of the result, and
    summed over the others. What is left of the terms must have the same axes everywhere.
    """
    if node.order > 2:
        return node
    terms = list(zip(node.attr, node.args, strict=True))
    found: dict[Any, dict[int, int]] = {}  # place of a factor -> {term: its number in it}
    for k, (_, term) in enumerate(terms):
        for j, place in _places(term, node.order):
            found.setdefault(place, {}).setdefault(k, j)
    best, gain = None, 0
    for place, members in found.items():
        if len(members) < 2 or (len(members) < len(terms) and _repeats(node, place, members)):
            continue
        worth = (len(members) - 1) * (1 + 2 * len(place[1]))
        if worth > gain:
            best, gain = members, worth
    if best is None:
        return node
    new = _factor_out(node, best)
    first = min(best)
    kept = [(g.ONE, new) if k == first else t for k, t in enumerate(terms)]
    kept = [t for k, t in enumerate(kept) if k == first or k not in best]
    return g.add([t for _, t in kept], [c for c, _ in kept])


def _repeats(node: Node, place: Any, members: dict[int, int]) -> bool:
    """Whether a matrix is there twice in one of the terms: Xᵀ Xᵀ a bᵀ + Xᵀ a bᵀ Xᵀ + …"""
    if len(place[1]) < 2:
        return False
    return any(sum(a.key == place[0] for a in node.args[k].args) > 1 for k in members)


def _places(term: Node, order: int) -> list[tuple[int, Any]]:
    """The factors of a term that may be common: its number, and what has to agree.

    That is the factor, the axes it stands on (-1 for one summed with the rest), and the axes of the
    result that the rest carries. A scalar goes with anything.
    """
    if term.kind != "ein":
        return []
    count = uses(term)
    reaching = _reaching(term)
    scalars = sum(not labels for labels in term.attr.labels)
    places = []
    for j, (factor, labels) in enumerate(labelled(term)):
        if factor.kind == "rel" or len(set(labels)) < len(labels):
            continue
        if not labels:
            if scalars == 1:
                places.append((j, (factor.key, (), None)))
            continue
        if not reaching & set(labels) or any(x >= order and count[x] < 2 for x in labels):
            continue
        left = frozenset(x for i, ls in enumerate(term.attr.labels) if i != j for x in ls)
        place = tuple(x if x < order else -1 for x in labels)
        left = frozenset(x for x in left if x < order)
        if len(left) + place.count(-1) <= MOST_AXES:
            places.append((j, (factor.key, place, left)))
    return places


def _reaching(term: Node) -> set[int]:
    """The labels that hang together with an axis of the result; the others belong to scalars."""
    reached = set(range(term.order))
    waiting = [set(labels) for labels in term.attr.labels]
    while True:
        near = [labels for labels in waiting if labels & reached]
        if not near:
            return reached
        reached.update(*near)
        waiting = [labels for labels in waiting if not labels & reached]


def _factor_out(node: Node, members: dict[int, int]) -> Node:
    """F (R₁ + R₂ + …) for the terms and the number of F in each."""
    parts, coefs = [], []
    outer: tuple[Any, ...] = ()
    lead = None
    axes: list[Any] = []
    for k, j in sorted(members.items()):
        term = node.args[k]
        attr = term.attr
        labels = attr.labels[j]
        rest = [f for i, f in enumerate(labelled(term)) if i != j]
        carried = {x for _, ls in rest for x in ls}
        kept = [x for x in range(node.order) if x in carried or not labels]
        inner = [x for x in labels if x >= node.order]
        kept = inner + kept if 0 in labels else kept + inner  # F R, or R F
        own_sizes = {x: d for x, d in enumerate(attr.sizes) if x in carried or x in kept}
        parts.append(ein(rest, kept, g.ONE, own_sizes))
        coefs.append(node.attr[k] * attr.coef)
        if lead is None:
            lead, outer, axes = term.args[j], labels, kept
    assert lead is not None
    total = g.add(parts, coefs)
    sizes = {x: d for x, d in enumerate(node.shape)}
    inside = [(lead, outer), (total, tuple(axes))]
    return ein(inside if _in_front(node, members) else inside[::-1], range(node.order), 1, sizes)


def _in_front(node: Node, members: dict[int, int]) -> bool:
    """Whether the common factor comes first in the first term."""
    return members[min(members)] == 0
