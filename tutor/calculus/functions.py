"""Rules for functions of one argument: a short fixed list, each result cached per expression.

Never `sympy.simplify`: it is slow, and turns 1 − tanh² into cosh⁻².
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, reduce
from typing import cast

import sympy as sp

from ..graph import node as g
from ..graph.node import Node, T, ein, map_
from ..ops.scalar import sigmoid, softplus, step
from .sides import by_sides

MOST_OPERATIONS = 80
LARGEST = 10**9  # decimals with a common factor like 1e-31 would leave longer integers: they stay
S = sp.Symbol("s", positive=True)
E = sp.Symbol("e", positive=True)


def tidied(node: Node) -> Node:
    """The function in its short form, a number in front of the node."""
    number, f = tidy(node.attr)
    if number == 1 and f == node.attr:
        return node
    return g.scale(number, map_(f, node.args[0]))


@lru_cache(maxsize=4096)
def tidy(f: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """f as number · rest: exponentials as logistic functions where these are shorter."""
    if not f.has(T) or sp.count_ops(f) > MOST_OPERATIONS:
        return g.ONE, f
    number, rest = _common(_logistic(_softplus(by_sides(f)))).as_coeff_Mul()
    factors = []
    for a in sp.Mul.make_args(rest):
        if a.is_Add:
            c, rest = a.primitive()
            if not _long(rest):
                a, number = rest, number * c
        factors.append(a)
    return number, factors[0] if len(factors) == 1 else sp.Mul(*factors)


# -- the logistic function ------------------------------------------------------------------------


def _logistic(f: sp.Expr) -> sp.Expr:
    """Rational functions of exp(c t) that are polynomials in σ(c t), written as such."""
    if not f.has(sigmoid) and not (f.has(sp.exp) and f.has(sp.Add)):
        return f
    if _only_exponentials(f):
        return _as_polynomial(f)
    if f.is_Mul:
        inside = [a for a in f.args if _only_exponentials(a)]
        others = [a for a in f.args if not _only_exponentials(a)]
        return sp.Mul(_as_polynomial(sp.Mul(*inside)), *(_logistic(a) for a in others))
    if f.is_Add:
        inside = [a for a in f.args if _only_exponentials(a)]
        others = [a for a in f.args if not _only_exponentials(a)]
        return sp.Add(_as_polynomial(sp.Add(*inside)), *(_logistic(a) for a in others))
    if f.is_Pow and f.exp.is_number:
        return _logistic(f.base) ** f.exp
    return f


def _rates(f: sp.Expr, kind: type) -> list[sp.Expr]:
    """The c of every exp(c t), or of every σ(c t)."""
    return sorted({a.args[0] / T for a in f.atoms(kind)}, key=sp.default_sort_key)


def _only_exponentials(f: sp.Expr) -> bool:
    """Whether t occurs in f in exp(c t) and σ(c t) only, c rational, and f is rational in them."""
    rates = [*_rates(f, sp.exp), *_rates(f, sigmoid)]
    if not all(c.is_Rational and c != 0 for c in rates):
        return False
    inner = f.replace(lambda e: isinstance(e, sp.exp | sigmoid), lambda e: E)
    return not inner.has(T) and inner.is_rational_function(E)


def _as_polynomial(f: sp.Expr) -> sp.Expr:
    """A rational function of exponentials as a factored polynomial in σ, or as it is."""
    exps, sigs = _rates(f, sp.exp), _rates(f, sigmoid)
    if not exps and len(sigs) <= 1:  # one logistic function: factor what is a polynomial in it
        if not sigs or not f.has(sp.Add):
            return f
        positive = bool(sigs[0].is_positive)
        poly = f.subs(sigmoid(sigs[0] * T), S if positive else 1 - S)
        return _factored(poly, abs(sigs[0]), f) if poly.is_polynomial(S) else f
    base = reduce(sp.gcd, (abs(c) for c in (*exps, *sigs)))
    whole = f.subs({sigmoid(c * T): E ** (c / base) / (1 + E ** (c / base)) for c in sigs})
    whole = whole.subs({sp.exp(c * T): E ** (c / base) for c in exps})
    top, bottom = (sp.Poly(p, E) for p in sp.fraction(sp.cancel(sp.together(whole))))
    steps = [m for p in (top, bottom) for (m,) in p.monoms()]
    step = reduce(sp.igcd, steps)
    if not step:
        return f
    quotient = (top.as_expr() / bottom.as_expr()).subs(E, E ** sp.Rational(1, step))
    poly = sp.cancel(quotient.subs(E, S / (1 - S)))
    if not poly.is_polynomial(S):
        return f
    return _factored(poly, base * step, f)


def _in_factors(poly: sp.Expr) -> tuple[sp.Expr, list[tuple[sp.Expr, int]]]:
    """A polynomial in S as a number and powers of factors S, 1 − S, 1 − 2S …"""
    number, factors = sp.factor_list(poly, S)  # type: ignore[misc]
    parts = []
    for p, n in factors:
        if p.is_Add and p.subs(S, 0).is_negative:  # 1 − σ, not σ − 1
            p, number = -p, number * (-1) ** n
        parts.append((p, n))
    return number, parts


def _factored(poly: sp.Expr, rate: sp.Expr, f: sp.Expr) -> sp.Expr:
    """A polynomial in σ(rate · t) in factors σ, 1 − σ, 1 − 2σ …; 1 − σ alone is σ(−rate · t)."""
    number, parts = _in_factors(poly)
    s = sigmoid(rate * T)
    if parts == [(1 - S, 1)] and f.has(sp.exp):
        return number * sigmoid(-rate * T)
    if parts == [(1 - 2 * S, 1)] and f.has(sp.exp):
        return -number * sp.tanh(rate * T / 2)
    return sp.Mul(number, *(p.subs(S, s) ** n for p, n in parts))


def _softplus(f: sp.Expr) -> sp.Expr:
    """log(1 + exp(c t)) is softplus(c t)."""
    new = {}
    for e in f.atoms(sp.log):
        inside = e.args[0] - 1
        if isinstance(inside, sp.exp) and (inside.args[0] / T).is_Rational:
            new[e] = softplus(inside.args[0], sp.S.One)
    return cast(sp.Expr, f.xreplace(new)) if new else f


def _common(f: sp.Expr) -> sp.Expr:
    """σ(t) + t σ(t) (1 − σ(t)) = σ(t) (1 + t (1 − σ(t))): what all terms of a sum share."""
    if not f.is_Add:
        return f
    sigs = _rates(f, sigmoid)
    if len(sigs) == 1:
        poly = f.subs(sigmoid(sigs[0] * T), S)
        if poly.is_polynomial(T, S) and poly.has(T):
            return _shared_logistic(poly, sigmoid(sigs[0] * T), f)
    shared = sp.factor_terms(f)
    if not shared.is_Mul or _long(shared):
        return f
    return shared if sp.count_ops(shared) < sp.count_ops(f) else f


def _long(f: sp.Expr) -> bool:
    """Whether it holds integers that are too long to read."""
    return any(abs(n) > LARGEST for n in f.atoms(sp.Integer))


def _shared_logistic(poly: sp.Expr, s: sp.Expr, f: sp.Expr) -> sp.Expr:
    """A sum of powers of t times polynomials in σ, with the factors that all of these share."""
    terms = [(m, c) for (m,), c in sp.Poly(poly, T).terms()]
    shared = reduce(sp.gcd, (c for _, c in terms))
    if not shared.has(S):
        return f
    if shared.subs(S, sp.Rational(1, 4)).is_negative:  # σ (1 − σ) is positive, as its factors
        shared = -shared

    def written(p: sp.Expr) -> sp.Expr:
        number, parts = _in_factors(p)
        return sp.Mul(number, *(q.subs(S, s) ** n for q, n in parts))

    rest = [T**m * written(sp.cancel(c / shared)) for m, c in terms]
    return written(shared) * sp.Add(*rest)


# -- arguments ------------------------------------------------------------------------------------


def sign_out(node: Node) -> Node:
    """f(−u) as a function of u, so that u and −u meet; a negative sum in the same way."""
    u = node.args[0]
    if u.kind != "ein" or not u.args or not u.attr.coef.could_extract_minus_sign():
        return node
    return map_(node.attr.subs(T, -T), g.scale(-1, u))


def size_out(node: Node) -> Node:
    """step(u/2) = step(u): the size of a number in front makes no difference."""
    u, f = node.args[0], node.attr
    if u.kind != "ein" or not u.args or not u.attr.coef.is_number or abs(u.attr.coef) == 1:
        return node
    signs = {e: sp.Dummy() for e in f.atoms(step, sp.sign) if _is_sign(e)}
    if not signs or f.xreplace(signs).has(T):  # each its own letter: 1 − step(t) is not 0
        return node
    return map_(f, g.scale(1 / abs(u.attr.coef), u))


def number_in(node: Node) -> Node:
    """tanh(2u/2) = tanh(u): a number in front goes inside where the function is shorter then."""
    u, f = node.args[0], node.attr
    if u.kind != "ein" or not u.args or not u.attr.coef.is_Rational or u.attr.coef == 1:
        return node
    inside = f.subs(T, u.attr.coef * T)
    if sp.count_ops(inside) >= sp.count_ops(f):
        return node
    return map_(inside, g.scale(1 / u.attr.coef, u))


def _is_sign(e: sp.Expr) -> bool:
    return isinstance(e, step | sp.sign) and e.args[0] in (T, -T, sp.Abs(T))


def merged(pairs: Iterable[tuple[sp.Expr, sp.Expr]]) -> sp.Expr | None:
    """Σ c·f as one function, where that is shorter than the sum."""
    pairs = list(pairs)
    total = sp.Add(*(c * f for c, f in pairs))
    number, short = tidy(total)
    if sp.count_ops(number * short) < sum(1 + sp.count_ops(f) for _, f in pairs):
        return number * short
    return None


def argument(u: Node, labels: tuple[int, ...]) -> Node:
    """u at labels that are its output's: a view of it."""
    return ein([(u, labels)], tuple(range(len(labels))))
