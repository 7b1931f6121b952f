"""Equations that are affine in the unknown: J·x + c = 0, solved in matrix notation for any sizes.

scalar          x = −c/J
vector          A x = b            x = A⁻¹ b
matrix          A X = B            X = A⁻¹ B
                X B = C            X = C B⁻¹
                A X B = C          X = A⁻¹ C B⁻¹
anything else   K vec(X) = vec(C)  with K the Kronecker form of the sum
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp

from ..calculus.expand import expanded
from ..calculus.reverse import identity, pullback
from ..calculus.simplify import simplify, substitute
from ..errors import InputError
from ..expr import Binary, Call, Expr, Name, Num
from ..graph import node as g
from ..graph.node import Node, T, ein, is_delta, map_, pieces, topological
from ..notation.build import NoMatrixForm, chained, scaled, size_term
from ..notation.jacobian import jacobian_term
from ..steps import Text
from .stationary_terms import common_scalars, distributed, divided, multiple, opaque, terms, without
from .workspace import Workspace


@dataclass(frozen=True)
class Solved:
    """x = formula, with the equations on the way (left side, right side) and what it needs.

    invertible: matrices that have to be; factors: scalars that may not be zero
    curvature: the gradient's derivative without the common factors, or None if it is not constant
    scale: the common factors of all terms
    """

    formula: Expr
    equations: tuple[tuple[Expr, Expr], ...] = ()
    invertible: tuple[Expr, ...] = ()
    factors: tuple[Expr, ...] = ()
    rule: str = "linear equations"
    curvature: Node | None = None
    scale: tuple[sp.Expr, tuple[Node, ...]] = (sp.S.One, ())
    more: tuple[Expr, ...] = ()  # further solutions
    loose: tuple[tuple[Node, Expr], ...] = ()  # on what the equation hangs in an unclear way
    note: Text | None = None  # what else is to be said of them
    common: Expr | None = None  # a matrix in front of both sides
    bends: tuple[Node, Node] | None = None  # of inverses, c and c times what is positive definite
    dropped: tuple[Expr, ...] = ()  # positive factors of all terms, the unknown in them


@dataclass(frozen=True)
class Affine:
    linear: Node  # axes of the gradient, then those of the unknown
    constant: Node


def affine(slope: Node, x: Node) -> Affine | None:
    """The two parts of a gradient that is affine in x; None if it is not."""
    slope, whole = opaque(slope, x)
    linear = simplify(expanded(pullback(slope, identity(slope.shape), [x])[0]))
    if g.is_zero(linear) or x in topological([linear]):
        return None
    try:
        constant = simplify(expanded(substitute(slope, {x: g.zero(x.shape)})))
    except (InputError, ZeroDivisionError, ValueError):
        return None
    return Affine(substitute(expanded(linear), whole), substitute(constant, whole))


def reduced(a: Affine) -> tuple[Affine, list[Node], sp.Expr]:
    """Without what all terms have in common: the scalars, and the number of the first term."""
    scalars = common_scalars([a.linear, a.constant])
    c, first = terms(a.linear)[0]
    number = c * pieces(first)[0]
    linear = without(a.linear, scalars, number)
    constant = without(a.constant, scalars, number)
    return Affine(linear, constant), scalars, number


def solve(a: Affine, x: Node, name: str, ws: Workspace) -> Solved | None:
    """The solution of linear · x + constant = 0; None where it has no matrix notation."""
    plain, scalars, number = reduced(a)
    try:
        solved = _solved(plain, x, Name(name), ws)
        factors = tuple(ws.term(s) for s in scalars)
    except NoMatrixForm:
        return None
    return replace(
        solved,
        factors=factors + solved.factors,
        curvature=plain.linear,
        scale=(number, tuple(scalars)),
    )


def _solved(a: Affine, x: Node, unknown: Expr, ws: Workspace) -> Solved:
    right = distributed(sp.S.NegativeOne, a.constant)
    if x.order == 0:
        return _scalar(a.linear, right, unknown, ws)
    if x.order == 1:
        return _vector(a.linear, right, unknown, ws)
    if x.order == 2:
        return _matrix(a, right, unknown, ws)
    raise NoMatrixForm


def _scalar(linear: Node, right: Node, unknown: Expr, ws: Workspace) -> Solved:
    whole = simplify(ein([(map_(1 / T, linear), ()), (right, ())], ()))
    left = ws.term(linear)
    if left == Num("1"):
        return Solved(ws.term(right), ())
    return Solved(
        ws.term(whole),
        ((Binary("*", left, unknown), ws.term(right)),),
        factors=() if g.constant_of(linear) is not None else (left,),
    )


def _vector(linear: Node, right: Node, unknown: Expr, ws: Workspace) -> Solved:
    stripped = _stripped(linear, right)
    if stripped is not None:
        scalar, rest = stripped
        equation = (Binary("@", ws.term(linear), unknown), ws.term(right))
        quotient = divided(simplify(rest), scalar)
        needs = () if _is_inverse(linear) else (ws.term(linear),)
        front = ws.term(linear) if g.constant_of(scalar) == 1 else None
        return Solved(ws.term(quotient), (equation,), needs, common=front)
    scalar = multiple(linear)
    if scalar is not None:
        left = ws.term(scalar)
        own = unknown if left == Num("1") else Binary("*", left, unknown)
        needs = () if g.constant_of(scalar) is not None else (left,)
        solution = ws.term(divided(right, scalar))
        return Solved(solution, ((own, ws.term(right)),) if own != unknown else (), factors=needs)
    matrix, side = ws.term(linear), ws.term(right)
    number, own = _numbered(right, ws)
    solution = scaled(number, chained(Call("inv", (matrix,)), own))
    if g.is_zero(right):
        solution = Call("zeros", (size_term(right.shape[0]),))
    return Solved(
        solution,
        ((Binary("@", matrix, unknown), side),),
        (matrix,),
        rule="normal equations",
    )


def _stripped(linear: Node, right: Node) -> tuple[Node, Node] | None:
    """s and r, where the matrix is s·M and the right-hand side is M·r: then x = r/s."""
    parts = terms(linear)
    if len(parts) != 1 or is_delta(linear):
        return None
    coef, factors, out, _ = pieces(parts[0][1])
    matrices = [(f, labels) for f, labels in factors if labels]
    scalars = [(f, labels) for f, labels in factors if not labels]
    if len(matrices) != 1 or g.is_zero(right):
        return None
    matrix, labels = matrices[0]
    if is_delta(matrix) or matrix.order != 2 or set(labels) != set(out):
        return None
    turned = labels != out  # the matrix stands transposed
    rest = []
    for c, term in terms(right):
        own, inside, ends, sizes = pieces(term)
        places = [k for k, x in enumerate(inside) if _leads(*x, ends, matrix, turned)]
        if not places:
            return None
        at = places[0]
        other = next(x for x in inside[at][1] if x != ends[0])
        kept = inside[:at] + inside[at + 1 :]
        size = {k: d for k, d in sizes.items() if k != ends[0]}
        rest.append(ein(kept, (other,), c * own, size))
    return ein(scalars, (), parts[0][0] * coef), g.add(rest)


def _is_inverse(linear: Node) -> bool:
    return any(f.kind == "call" and f.attr[0] == "inv" for f in topological([linear]))


def _leads(f: Node, labels: tuple, ends: tuple, matrix: Node, turned: bool) -> bool:
    """Whether a factor is the matrix, with its first axis on the result."""
    if f.key != matrix.key or len(labels) != 2 or len(set(labels)) != 2:
        return False
    symmetric = "symmetric" in _properties(matrix)
    at = labels.index(ends[0]) if ends[0] in labels else None
    return at is not None and (symmetric or at == (1 if turned else 0))


def _properties(node: Node) -> frozenset[str]:
    inside = node.args[0] if node.kind == "call" and node.attr[0] == "inv" else node
    return inside.attr.properties if inside.kind == "var" else frozenset()


def _numbered(node: Node, ws: Workspace) -> tuple[sp.Expr, Expr]:
    """A right-hand side as a number and the rest: −2A⁻¹b rather than A⁻¹(−2b)."""
    if node.kind != "ein" or not node.args:
        return sp.S.One, ws.term(node)
    number = node.attr.coef
    return number, ws.term(g.scale(1 / number, node))


# -- an unknown matrix ----------------------------------------------------------------------------


def _matrix(a: Affine, right: Node, unknown: Expr, ws: Workspace) -> Solved:
    sides = [_sides(c, term) for c, term in terms(a.linear)]
    side = ws.term(right)
    if all(s is not None for s in sides):
        lefts = [s[0] for s in sides if s]
        rights = [s[1] for s in sides if s]
        if all(is_delta(r) for r in rights):
            return _left(simplify(_sum(sides, 0)), right, unknown, ws)
        if all(is_delta(x) for x in lefts):
            return _right(simplify(_sum(sides, 1)), right, unknown, ws)
        if len(sides) == 1 and sides[0] is not None:
            left, other, number = sides[0]
            m = ws.term(simplify(g.scale(number, left)))
            n = ws.term(simplify(g.permute(other, (1, 0))))
            equation = (Binary("@", Binary("@", m, unknown), n), side)
            inner = Binary("@", Binary("@", Call("inv", (m,)), side), Call("inv", (n,)))
            return Solved(inner, (equation,), (m, n), rule="normal equations")
    style = ws.problem.convention
    matrix = jacobian_term(simplify(a.linear), 2, ws.leaf_term, "numerator", style.vec)
    flat = Binary("@", Call("inv", (matrix,)), Call("vec", (side,)))
    sizes = tuple(size_term(d) for d in right.shape)
    equation = (Binary("@", matrix, Call("vec", (unknown,))), Call("vec", (side,)))
    return Solved(Call("unvec", (flat, *sizes)), (equation,), (matrix,))


def _sum(sides: list, k: int) -> Node:
    return g.add([g.scale(s[2], s[k]) for s in sides])


def _left(matrix: Node, right: Node, unknown: Expr, ws: Workspace) -> Solved:
    scalar = multiple(matrix)
    if scalar is not None:
        return _by_scalar(scalar, right, unknown, ws)
    m, side = ws.term(matrix), ws.term(right)
    number, own = _numbered(right, ws)
    solution = scaled(number, chained(Call("inv", (m,)), own))
    return Solved(solution, ((Binary("@", m, unknown), side),), (m,), rule="normal equations")


def _right(matrix: Node, right: Node, unknown: Expr, ws: Workspace) -> Solved:
    scalar = multiple(matrix)
    if scalar is not None:
        return _by_scalar(scalar, right, unknown, ws)
    turned = simplify(g.permute(matrix, (1, 0)))  # block between the result's and X's columns
    m, side = ws.term(turned), ws.term(right)
    number, own = _numbered(right, ws)
    solution = scaled(number, Binary("@", own, Call("inv", (m,))))
    return Solved(solution, ((Binary("@", unknown, m), side),), (m,), rule="normal equations")


def _by_scalar(scalar: Node, right: Node, unknown: Expr, ws: Workspace) -> Solved:
    left = ws.term(scalar)
    solution = ws.term(divided(right, scalar))
    if left == Num("1"):
        return Solved(solution)
    needs = () if g.constant_of(scalar) is not None else (left,)
    return Solved(solution, ((Binary("*", left, unknown), ws.term(right)),), factors=needs)


def _sides(c: sp.Expr, term: Node) -> tuple[Node, Node, sp.Expr] | None:
    """A term A_ia B_jb of the linear part as A, B and a number; None if it is no such product."""
    coef, factors, (i, j, a, b), sizes = pieces(term)
    group = {x: {x} for x in sizes}
    for _, labels in factors:
        merged = set().union(*(group[x] for x in labels)) if labels else set()
        for x in merged:
            group[x] = merged
    if group[i] & {j, b} or a not in group[i] or b not in group[j]:
        return None
    left = [(f, ls) for f, ls in factors if not ls or ls[0] in group[i]]
    right = [(f, ls) for f, ls in factors if ls and ls[0] in group[j]]
    if len(left) + len(right) != len(factors):
        return None

    def own(members: list, out: tuple[int, int]) -> Node:
        labels = {x for _, ls in members for x in ls} | set(out)
        return ein(members, out, 1, {x: d for x, d in sizes.items() if x in labels})

    return own(left, (i, a)), own(right, (j, b)), c * coef
