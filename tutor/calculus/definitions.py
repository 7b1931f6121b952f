"""Definitions typed by hand, recognised: softmax, logsumexp, log softmax, norm, variance."""

from __future__ import annotations

import sympy as sp

from ..graph import dims
from ..graph import node as g
from ..graph.node import Node, T, call, ein, map_
from .factors import labelled, uses, with_factors
from .products import power_of

EXP = sp.exp(T)


def _total_of_exponentials(s: Node) -> tuple[Node, int, tuple[int, ...]] | None:
    """z, axis and labels where s = Σ exp(z) over one axis of z."""
    if s.kind != "ein" or len(s.args) != 1 or s.attr.coef != 1:
        return None
    (f,), (labels,) = s.args, s.attr.labels
    if f.kind != "map" or f.attr != EXP or len(set(labels)) < len(labels):
        return None
    summed = [a for a, x in enumerate(labels) if x >= s.order]
    if len(summed) != 1 or len(labels) != s.order + 1:
        return None
    return f.args[0], summed[0], labels


def of_function(node: Node) -> Node:
    """log Σ exp(z), log(softmax(z)), exp(log_softmax(z))."""
    f, u = node.attr, node.args[0]
    if f == sp.log(T):
        found = _total_of_exponentials(u)
        if found is not None:
            z, axis, labels = found
            shape = [d for k, d in enumerate(z.shape) if k != axis]
            whole = call("logsumexp", [z], (axis,), shape)
            return ein([(whole, [x for k, x in enumerate(labels) if k != axis])], range(u.order))
        if u.kind == "call" and u.attr[0] == "softmax":
            return call("log_softmax", u.args, u.attr[1], u.shape)
    if f == EXP and u.kind == "call" and u.attr[0] == "log_softmax":
        return call("softmax", u.args, u.attr[1], u.shape)
    return node


def norm_inside(node: Node) -> Node:
    """f(Σ x²) as f(xᵀx), the form that norms have."""
    u = node.args[0]
    if u.kind != "ein" or u.order or len(u.args) != 1 or u.attr.coef != 1:
        return node
    square = u.args[0]
    if square.kind != "map" or square.attr != T**2 or len(set(u.attr.labels[0])) < square.order:
        return node
    x, labels = square.args[0], u.attr.labels[0]
    return map_(node.attr, ein([(x, labels), (x, labels)], ()))


def softmax(node: Node) -> Node:
    """exp(z) / Σ exp(z) is softmax(z)."""
    factors = labelled(node)
    for r, (quotient, outer) in enumerate(factors):
        p = power_of(quotient)
        if p is None or not (p.is_Integer and p.is_negative):
            continue
        found = _total_of_exponentials(quotient.args[0])
        if found is None:
            continue
        z, axis, inner = found
        for k, (factor, labels) in enumerate(factors):
            if factor.kind != "map" or factor.args[0] is not z:
                continue
            if any(a != axis and labels[a] != outer[inner[a]] for a in range(z.order)):
                continue
            q = _exponent(factor.attr)
            if q is None:
                continue
            times = min(int(q), int(-p))
            whole = call("softmax", [z], (axis,), z.shape)
            left = sp.powsimp(factor.attr * sp.exp(-times * T))
            new = [*factors]
            new[k] = (map_(left, z), labels)
            new[r] = (map_(T ** (p + times), quotient.args[0]), outer)
            return with_factors(node, [*new[:k], *[(whole, labels)] * times, *new[k:]])
    return node


def _exponent(f: sp.Expr) -> sp.Expr | None:
    """q, where f = exp(q t) · rest with a whole positive q."""
    for a in sp.Mul.make_args(f):
        if isinstance(a, sp.exp):
            q = a.args[0] / T
            if q.is_Integer and q.is_positive:
                return q
    return None


def total_of_softmax(node: Node) -> Node:
    """The entries of a softmax add up to 1."""
    count = None
    for k, (factor, labels) in enumerate(labelled(node)):
        if factor.kind != "call" or factor.attr[0] != "softmax":
            continue
        count = count or uses(node)
        x = labels[factor.attr[1][0]]
        if x >= node.order and count[x] == 1:
            factors = labelled(node)
            return with_factors(node, factors[:k] + factors[k + 1 :], gone=[x])
    return node


# -- shifts ---------------------------------------------------------------------------------------


def shift(node: Node) -> Node:
    """softmax(z − max(z)) = softmax(z); logsumexp(z − max(z)) = logsumexp(z) − max(z)."""
    name = node.attr[0]
    if name not in ("softmax", "log_softmax", "logsumexp") or node.args[0].kind != "add":
        return node
    z, (axis,) = node.args[0], node.attr[1]
    terms = list(zip(z.attr, z.args, strict=True))
    for k, (c, t) in enumerate(terms):
        top = _repeated(t, axis)
        if top is None or top.kind != "call" or top.attr[0] != "max" or len(terms) < 2:
            continue
        rest = terms[:k] + terms[k + 1 :]
        inner = g.add([u for _, u in rest], [d for d, _ in rest])
        whole = call(name, [inner], (axis,), node.shape)
        if name != "logsumexp":
            return whole
        (labels,) = t.attr.labels
        own = [x - (x > axis) for x in labels]
        moved = ein([(top, own)], range(node.order), t.attr.coef, dict(enumerate(node.shape)))
        return g.add([whole, moved], [1, c])
    return node


def _repeated(t: Node, axis: int) -> Node | None:
    """u, where t repeats u along the axis."""
    if t.kind != "ein" or len(t.args) != 1 or axis in t.attr.labels[0]:
        return None
    labels = t.attr.labels[0]
    return t.args[0] if len(set(labels)) == len(labels) == len(t.attr.sizes) - 1 else None


def log_softmax(node: Node) -> Node:
    """z − logsumexp(z) = log_softmax(z)."""
    terms = list(zip(node.attr, node.args, strict=True))
    for k, (c, t) in enumerate(terms):
        for axis in range(node.order):
            u = _repeated(t, axis)
            if u is None or u.kind != "call" or u.attr != ("logsumexp", (axis,)):
                continue
            if t.attr.coef != 1 or t.attr.labels[0] != tuple(
                x for x in range(node.order) if x != axis
            ):
                continue
            z = u.args[0]
            j = next((j for j, (d, v) in enumerate(terms) if v is z and d == -c), None)
            if j is None:
                continue
            terms[j] = (-c, call("log_softmax", [z], (axis,), z.shape))
            del terms[k]
            return g.add([v for _, v in terms], [d for d, _ in terms])
    return node


# -- the variance ---------------------------------------------------------------------------------


def variance(node: Node) -> Node:
    """1/n Σ (x − mean(x))² is var(x); with 1/(n − 1) it is that with the correction."""
    if node.attr.coef == 1 or not any(a.kind == "map" and a.attr == T**2 for a in node.args):
        return node
    count = uses(node)
    factors = labelled(node)
    for k, (square, labels) in enumerate(factors):
        if square.kind != "map" or square.attr != T**2 or square.args[0].kind != "add":
            continue
        axes = tuple(j for j, x in enumerate(labels) if x >= node.order and count[x] == 1)
        x = _uncentred(square.args[0], axes)
        if x is None:
            continue
        number = dims.number(dims.product([x.shape[j] for j in axes]))
        for correction in (0, 1):
            coef = _without(node.attr.coef, number - correction)
            if coef is None:
                continue
            kept = [j for j in range(x.order) if j not in axes]
            whole = call("var", [x], (axes, correction), [x.shape[j] for j in kept])
            factors[k] = (whole, tuple(labels[j] for j in kept))
            return with_factors(node, factors, coef, [labels[j] for j in axes])
    return node


def variances(node: Node) -> Node:
    """The same in a sum, which keeps the numbers in front of its terms: var(x) + ε."""
    pairs = list(zip(node.attr, node.args, strict=True))
    for k, (c, term) in enumerate(pairs):
        if c == 1 or term.kind != "ein" or not term.args:
            continue
        whole = g.scale(c, term)
        new = variance(whole)
        if new is not whole:
            pairs[k] = (g.ONE, new)
            return g.add([t for _, t in pairs], [d for d, _ in pairs])
    return node


def _uncentred(gaps: Node, axes: tuple[int, ...]) -> Node | None:
    """x, where the node is x − mean(x) over these axes."""
    terms = list(zip(gaps.attr, gaps.args, strict=True))
    own = [(c, t) for c, t in terms if not _repeats(t, axes)]
    if not axes or not own or len(own) == len(terms):
        return None
    x = g.add([t for _, t in own], [c for c, _ in own])
    total = g.scale(1 / dims.number(dims.product([x.shape[j] for j in axes])), g.sum_axes(x, axes))
    kept = tuple(j for j in range(x.order) if j not in axes)
    return x if g.sub(x, g.broadcast(total, kept, x.shape)).key == gaps.key else None


def _repeats(term: Node, axes: tuple[int, ...]) -> bool:
    """Whether a term is the same along these axes."""
    if term.kind != "ein":
        return False
    return not any(x in axes for labels in term.attr.labels for x in labels)


def _without(coef: sp.Expr, number: sp.Expr) -> sp.Expr | None:
    """coef · number, if coef has 1/number in it."""
    times = coef * number
    if number.is_number:
        whole = coef.is_Rational and number > 1 and coef.q % int(number) == 0
        return times if whole else None
    return None if times.has(*number.free_symbols) else times
