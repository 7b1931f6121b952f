"""Equations in one scalar, and small systems of numbers, by SymPy; real solutions only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy as sp

from ..expr import Binary, Call, Expr, Neg, Num
from ..graph import node as g
from ..graph.node import Node, ein, pieces, topological
from ..notation.build import NoMatrixForm
from ..notation.scalars import term_of
from ..numeric.evaluate import NotFinite, TooLong, evaluate
from ..steps import Text
from .workspace import Workspace

OPERATIONS = 60  # of an equation that SymPy is asked to solve
UNKNOWNS = 4  # entries of a system
DEGREE = 12  # product of the degrees of a polynomial system


def as_expression(node: Node, x: Node, known: dict[sp.Symbol, Node], unknown: sp.Symbol):
    """A scalar node as a SymPy expression of the unknown; what does not contain it is a symbol.

    None where the unknown stands under a sum over an axis.
    """
    done: dict[Node, sp.Expr] = {}
    inside = {n for n in topological([node]) if _contains(n, x)}
    names = {n: s for s, n in known.items()}

    def constant(n: Node) -> sp.Expr:
        value = g.constant_of(n)
        if value is not None:
            return value
        if n.kind == "add" and all(a.kind == "var" for a in n.args):  # n − k by its parts
            return sp.Add(*(c * constant(a) for c, a in zip(n.attr, n.args, strict=True)))
        if n not in names:
            names[n] = sp.Symbol(f"k{len(known)}", real=True)
            known[names[n]] = n
        return names[n]

    for n in topological([node]):
        if n is x:
            done[n] = unknown
        elif n not in inside:
            if not n.order:
                done[n] = constant(n)
        elif n.order:
            return None
        elif n.kind == "map":
            (argument,) = n.args
            if argument not in done:
                return None
            done[n] = n.attr.subs(g.T, done[argument])
        elif n.kind == "add":
            done[n] = sp.Add(*(c * done[a] for c, a in zip(n.attr, n.args, strict=True)))
        elif n.kind == "ein":
            coef, factors, out, sizes = pieces(n)
            mine = [f for f, _ in factors if f in inside]
            rest = [(f, ls) for f, ls in factors if f not in inside]
            if any(f.order for f in mine):
                return None
            other = ein(rest, out, 1, sizes) if rest or sizes else g.const(1)
            done[n] = coef * constant(other) * sp.Mul(*(done[f] for f in mine))
        else:
            return None
    return done.get(node)


def _contains(node: Node, x: Node) -> bool:
    return x in topological([node])


def solve_one(equation: sp.Expr, unknown: sp.Symbol) -> list[sp.Expr] | None:
    """All real solutions of one equation; None if they are not found in closed form."""
    if sp.count_ops(equation) > OPERATIONS:
        return None
    if equation.has(sp.sin, sp.cos, sp.tan) and period(equation, unknown) is None:
        return None  # SymPy would give some of the solutions only
    try:
        top = sp.numer(sp.together(equation))
        if top.is_polynomial(unknown) and sp.degree(top, unknown) > DEGREE:
            return None
        found = sp.solve(equation, unknown)
    except (NotImplementedError, ValueError, TypeError, AttributeError):
        return None
    if not isinstance(found, list) or any(not isinstance(s, sp.Expr) for s in found):
        return None
    if _flat_in_parts(equation):
        return None  # step(x) = 0 on a whole half-line, of which SymPy tells nothing
    real = []
    for s in found:
        if s.has(sp.CRootOf, sp.Piecewise, sp.LambertW):
            return None
        if s.is_number:
            if abs(sp.im(s.evalf(30))) < sp.Float("1e-20"):
                real.append(sp.simplify(s))
        elif s.has(sp.I) or any(p.exp.is_Rational and p.exp.q > 2 for p in s.atoms(sp.Pow)):
            return None  # which of the roots are real depends on the symbols
        elif s.is_real is not False:
            real.append(sp.simplify(s))
    return sorted(real, key=lambda s: sp.default_sort_key(s) if not s.is_number else float(s))


def _flat_in_parts(equation: sp.Expr) -> bool:
    """Whether a function stands in it of which SymPy does not know where it vanishes."""
    known = (sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.sinh, sp.cosh, sp.tanh, sp.erf)
    smooth = {"sigmoid", "softplus"}
    return any(
        not isinstance(f, known) and f.func.__name__ not in smooth
        for f in equation.atoms(sp.Function)
    )


def divisors(
    equation: sp.Expr, unknown: sp.Symbol, known: Mapping[sp.Symbol, Node]
) -> list[sp.Symbol]:
    """The symbols in what solving divides by: leading coefficients and factors without the unknown.

    All symbols where the equation is no polynomial, as nothing tells then.
    """
    top = sp.numer(sp.together(equation))
    found: set[sp.Basic] = set()
    for factor in sp.Mul.make_args(sp.factor(top)):
        if factor.is_polynomial(unknown):
            found |= sp.LC(factor, unknown).free_symbols
        else:
            found |= factor.free_symbols
    return [k for k in known if k in found]


def period(equation: sp.Expr, unknown: sp.Symbol) -> sp.Expr | None:
    """After what the solutions repeat; None if they do not."""
    try:
        found = sp.periodicity(equation, unknown)
    except (NotImplementedError, ValueError, TypeError, AttributeError):
        return None
    return found if found is not None and found != 0 and found.is_number else None


def repeats(equation: sp.Expr, unknown: sp.Symbol) -> Text | None:
    """What to say of the solutions of a periodic equation."""
    found = period(equation, unknown) if equation.has(sp.sin, sp.cos, sp.tan) else None
    if found is None:
        return None
    return Text(
        "These are the solutions in one period; they repeat after {p}.", {"p": term_of(found)}
    )


def term(e: sp.Expr, known: Mapping[sp.Symbol, Node], ws: Workspace) -> Expr:
    """A solution as a term: its symbols are what they stand for."""
    if isinstance(e, sp.Symbol) and e in known:
        return ws.term(known[e])
    if not e.free_symbols & set(known):
        return term_of(e)
    if e.is_Add:
        total: Expr | None = None
        for part in e.as_ordered_terms():
            negative = part.could_extract_minus_sign()
            own = term(-part if negative else part, known, ws)
            if total is None:
                total = Neg(own) if negative else own
            else:
                total = Binary("-" if negative else "+", total, own)
        assert total is not None
        return total
    if e.is_Mul:
        c, _ = e.as_coeff_Mul()
        if c.is_negative:
            return Neg(term(-e, known, ws))
        top, bottom = sp.fraction(e)
        if bottom != 1:
            return Binary("/", term(top, known, ws), term(bottom, known, ws))
        product: Expr | None = None
        for part in e.as_ordered_factors():
            own = term(part, known, ws)
            product = own if product is None else Binary("*", product, own)
        assert product is not None
        return product
    if e.is_Pow:
        base, exponent = e.as_base_exp()
        if exponent == sp.S.Half:
            return Call("sqrt", (term(base, known, ws),))
        if exponent.is_negative:
            return Binary("/", Num("1"), term(1 / e, known, ws))
        return Binary("**", term(base, known, ws), term(exponent, known, ws))
    if isinstance(e, sp.exp | sp.log | sp.sin | sp.cos | sp.tan):
        return Call(e.func.__name__, (term(e.args[0], known, ws),))
    raise NoMatrixForm


# -- systems of numbers ---------------------------------------------------------------------------


def entries(node: Node, env: Mapping[Node, np.ndarray]) -> np.ndarray | None:
    """The node's entries as SymPy expressions, for leaves that hold numbers and symbols."""
    done: dict[Node, np.ndarray] = {}
    for n in topological([node]):
        if n in env:
            done[n] = env[n]
            continue
        if n.kind == "var":
            return None
        args = [done[a] for a in n.args]
        if all(
            not any(isinstance(v, sp.Basic) and v.free_symbols for v in a.ravel()) for a in args
        ):
            try:
                leaves = {a: v for a, v in zip(n.args, args, strict=True)}
                done[n] = evaluate(
                    [_rebased(n)], {_stand_in(a, k): leaves[a] for k, a in enumerate(n.args)}
                )[0]
                continue
            except (NotFinite, TooLong, KeyError):
                return None
        value = _entry(n, args)
        if value is None:
            return None
        done[n] = value
    return done[node]


def _stand_in(a: Node, k: int) -> Node:
    return g.var(("argument", k), a.shape)


def _rebased(n: Node) -> Node:
    """The node over plain leaves in place of its operands."""
    from ..calculus.rewrite import rebuilt

    return rebuilt(n, [_stand_in(a, k) for k, a in enumerate(n.args)])


def _entry(n: Node, args: list[np.ndarray]) -> np.ndarray | None:
    if n.kind == "map":
        flat = [n.attr.subs(g.T, v) for v in args[0].ravel()]
        return _filled(flat, args[0].shape)
    if n.kind == "add":
        total = sum(c * a for c, a in zip(n.attr, args, strict=True))
        return _filled(list(np.ravel(total)), np.shape(total))
    if n.kind == "ein":
        return _product(n, args)
    if n.kind == "call" and n.attr[0] == "inv":
        matrix = sp.Matrix(*args[0].shape, list(args[0].ravel()))
        return _filled(list(matrix.inv()), args[0].shape)
    if n.kind == "call" and n.attr[0] == "det":
        matrix = sp.Matrix(*args[0].shape, list(args[0].ravel()))
        return _filled([matrix.det()], ())
    return None


def _product(n: Node, args: list[np.ndarray]) -> np.ndarray | None:
    sizes = n.attr.sizes
    if not all(isinstance(d, int) for d in sizes):
        return None
    if int(np.prod(sizes, dtype=float)) > 4096:
        return None
    out = _filled([sp.S.Zero] * int(np.prod(sizes[: n.order], dtype=int)), sizes[: n.order])
    for at in np.ndindex(*sizes):
        value = n.attr.coef
        for a, labels in zip(args, n.attr.labels, strict=True):
            value = value * a[tuple(at[k] for k in labels)]
        out[at[: n.order]] += value
    return out


def _filled(flat: list, shape: tuple) -> np.ndarray:
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return out.reshape(shape)


def solve_system(
    equations: Sequence[sp.Expr], unknowns: Sequence[sp.Symbol]
) -> list[tuple[sp.Expr, ...]] | None:
    """All real solutions of a small system; None if they are not found in closed form."""
    equations = [sp.numer(sp.together(e)) for e in equations]
    equations = [e for e in equations if e != 0]
    if any(sp.count_ops(e) > OPERATIONS for e in equations) or len(unknowns) > UNKNOWNS:
        return None
    if len(unknowns) == 1 and len(equations) == 1:
        found = solve_one(equations[0], unknowns[0])
        return None if found is None else [(s,) for s in found]
    degree = 1
    for e in equations:
        if not e.is_polynomial(*unknowns):
            return None
        degree *= max(1, sp.Poly(e, *unknowns).total_degree())
    if degree > DEGREE:
        return None
    try:
        found = sp.solve(equations, list(unknowns), dict=True)
    except (NotImplementedError, ValueError, TypeError):
        return None
    real = []
    for s in found:
        if any(u not in s or s[u].free_symbols or s[u].has(sp.CRootOf) for u in unknowns):
            return None
        if all(abs(sp.im(s[u].evalf(30))) < sp.Float("1e-20") for u in unknowns):
            real.append(tuple(sp.simplify(s[u]) for u in unknowns))
    return sorted(real, key=lambda s: tuple(float(v) for v in s))
