"""Jacobians as matrices: plain ones for vectors, Kronecker products and vec for matrices.

A Jacobian node carries the axes of the result first, then those of the variable. In numerator
layout it is printed as rows(result) × columns(variable), both unrolled column by column (Magnus &
Neudecker); denominator layout is its transpose.
"""

from __future__ import annotations

from ..expr import Binary, Call, Expr
from ..graph import node as g
from ..graph.node import Node, pieces
from .build import NoMatrixForm, product, size_term, sum_term, transposed
from .matrix import Leaves, matrix_term
from .products import Product
from .scalars import term_of


def jacobian_term(node: Node, rows: int, leaf: Leaves, layout: str = "numerator") -> Expr:
    """The Jacobian of a result with `rows` axes, as a term; raises NoMatrixForm."""
    term = _numerator(node, rows, leaf)
    return transposed(term) if layout == "denominator" else term


def _numerator(node: Node, rows: int, leaf: Leaves) -> Expr:
    columns = node.order - rows
    if rows > 2 or columns > 2:
        raise NoMatrixForm
    if rows == 0:
        if columns == 0:
            return matrix_term(node, leaf)
        term = matrix_term(node, leaf)
        return transposed(Call("vec", (term,)) if columns == 2 else term)
    if columns == 0:
        term = matrix_term(node, leaf)
        return Call("vec", (term,)) if rows == 2 else term
    if rows == columns == 1:
        return matrix_term(node, leaf)
    if node.kind == "add":
        return sum_term([(c, _numerator(a, rows, leaf)) for c, a in zip(node.attr, node.args, strict=True)])
    return _kronecker(node, rows, leaf)


def _kronecker(node: Node, rows: int, leaf: Leaves) -> Expr:
    """One product: two blocks, each between one axis of the result and one of the variable."""
    coef, factors, out, sizes = pieces(node)
    top, side = out[:rows], out[rows:]
    diagonal = _diagonal(node, rows, leaf)
    if diagonal is not None:
        return diagonal
    groups = _connected(factors, out)
    scalars: list[Expr] = [] if coef == 1 else [term_of(coef)]
    blocks: list[tuple[tuple[int, ...], Expr]] = []
    for members, labels in groups:
        ends = tuple(x for x in out if x in labels)
        if len(ends) > 2:
            raise NoMatrixForm
        work = Product(g.ONE, list(ends), {x: d for x, d in sizes.items() if x in labels})
        for k in members:
            factor, ls = factors[k]
            if factor.kind == "rel":
                work.relation(factor, ls)
            else:
                work.item(matrix_term(factor, leaf), ls)
        term = work.finish()
        if ends:
            blocks.append((ends, term))
        else:
            scalars.append(term)
    covered = {x for ends, _ in blocks for x in ends}
    blocks += [((x,), Call("ones", (size_term(sizes[x]),))) for x in out if x not in covered]
    body = _assembled(top, side, blocks, sizes)
    return product(scalars, body)


def _assembled(top, side, blocks, sizes) -> Expr:
    """vec(dY) = (…) vec(dX) for the pattern of blocks."""
    by = {ends: term for ends, term in blocks}

    def block(i: int, a: int) -> Expr | None:
        return by.get((i, a))

    def alone(x: int) -> Expr | None:
        return by.get((x,))

    if len(top) == 2 and len(side) == 2:
        (i, j), (a, b) = top, side
        straight, straight2 = block(i, a), block(j, b)
        if straight is not None and straight2 is not None:
            return Call("kron", (straight2, straight))
        crossed, crossed2 = block(i, b), block(j, a)
        if crossed is not None and crossed2 is not None:
            swap = Call("commutation", (size_term(sizes[a]), size_term(sizes[b])))
            return Binary("@", Call("kron", (crossed2, crossed)), swap)
        left, right = by.get((i, j)), by.get((a, b))
        if left is not None and right is not None:
            return Binary("@", Call("vec", (left,)), transposed(Call("vec", (right,))))
    if len(top) == 1 and len(side) == 2:
        (i,), (a, b) = top, side
        if block(i, a) is not None and alone(b) is not None:
            return Call("kron", (transposed(alone(b)), block(i, a)))  # type: ignore[arg-type]
        if block(i, b) is not None and alone(a) is not None:
            return Call("kron", (block(i, b), transposed(alone(a))))  # type: ignore[arg-type]
    if len(top) == 2 and len(side) == 1:
        (i, j), (a,) = top, side
        if block(i, a) is not None and alone(j) is not None:
            return Call("kron", (alone(j), block(i, a)))  # type: ignore[arg-type]
        if block(j, a) is not None and alone(i) is not None:
            return Call("kron", (block(j, a), alone(i)))  # type: ignore[arg-type]
    raise NoMatrixForm


def _diagonal(node: Node, rows: int, leaf: Leaves) -> Expr | None:
    """δ_ia δ_jb M_ij: the elementwise case, diag(vec(M))."""
    if rows != 2 or node.order != 4:
        return None
    coef, factors, out, sizes = pieces(node)
    (i, j), (a, b) = out[:2], out[2:]
    rest = []
    found = set()
    for factor, labels in factors:
        if g.is_delta(factor) and set(labels) in ({i, a}, {j, b}):
            found.add(frozenset(labels))
        else:
            rest.append((factor, tuple({a: i, b: j}.get(x, x) for x in labels)))
    if len(found) != 2 or not rest or not any({i, j} & set(ls) for _, ls in rest):
        return None
    middle = g.ein(rest, (i, j), coef, sizes)
    return Call("diag", (Call("vec", (matrix_term(middle, leaf),)),))


def _connected(factors, out) -> list[tuple[list[int], set[int]]]:
    """Factors that share labels, output labels of deltas included."""
    groups: list[tuple[list[int], set[int]]] = []
    for k, (_, labels) in enumerate(factors):
        members, seen = [k], set(labels)
        rest = []
        for other in groups:
            if other[1] & seen:
                members = other[0] + members
                seen |= other[1]
            else:
                rest.append(other)
        groups = [*rest, (members, seen)]
    return groups


