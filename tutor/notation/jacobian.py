"""Jacobians as matrices: plain ones for vectors, Kronecker products and vec for matrices.

A Jacobian node carries the axes of the result first, then those of the variable. In numerator
layout it is printed as rows(result) × columns(variable), both unrolled column by column (Magnus &
Neudecker); denominator layout is its transpose.
"""

from __future__ import annotations

from ..expr import Binary, Call, Expr, Num
from ..graph import node as g
from ..graph.interned import is_symmetric
from ..graph.node import Node, pieces
from .build import NoMatrixForm, product, size_term, sum_term, transposed
from .matrix import Leaves, matrix_term
from .products import Product
from .scalars import term_of


def jacobian_term(
    node: Node, rows: int, leaf: Leaves, layout: str = "numerator", vec: str = "column"
) -> Expr:
    """The Jacobian of a result with `rows` axes, as a term; raises NoMatrixForm."""
    term = _numerator(node, rows, leaf, vec)
    return transposed(term) if layout == "denominator" else term


def _numerator(node: Node, rows: int, leaf: Leaves, vec: str) -> Expr:
    columns = node.order - rows
    if rows > 2 or columns > 2:
        raise NoMatrixForm
    if rows == 0:
        if columns == 0:
            return matrix_term(node, leaf, vec)
        term = matrix_term(node, leaf, vec)
        return transposed(_unrolled(node, term) if columns == 2 else term)
    if columns == 0:
        term = matrix_term(node, leaf, vec)
        return _unrolled(node, term) if rows == 2 else term
    if rows == columns == 1:
        return matrix_term(node, leaf, vec)
    if node.kind == "add":
        return sum_term(
            [(c, _numerator(a, rows, leaf, vec)) for c, a in zip(node.attr, node.args, strict=True)]
        )
    return _kronecker(node, rows, leaf, vec)


def _unrolled(node: Node, term: Expr) -> Expr:
    """vec of a matrix; of one with a single row or column, the column that it is."""
    if node.shape[0] == 1:
        return transposed(term)
    return term if node.shape[1] == 1 else Call("vec", (term,))


def _kronecker(node: Node, rows: int, leaf: Leaves, vec: str) -> Expr:
    """One product: two blocks, each between one axis of the result and one of the variable."""
    coef, factors, out, sizes = pieces(node)
    top, side = out[:rows], out[rows:]
    diagonal = _diagonal(node, rows, leaf, vec)
    if diagonal is not None:
        return diagonal
    groups = _connected(factors, out)
    scalars: list[Expr] = [] if coef == 1 else [term_of(coef)]
    blocks: list[tuple[tuple[int, ...], Expr]] = []
    for members, labels in groups:
        ends = tuple(x for x in out if x in labels)
        if len(ends) > 2:
            raise NoMatrixForm
        own = {x: d for x, d in sizes.items() if x in labels}
        work = Product(g.ONE, list(ends), own, vec)
        for k in members:
            factor, ls = factors[k]
            if factor.kind == "rel":
                work.relation(factor, ls)
            else:
                work.item(matrix_term(factor, leaf, vec), ls, is_symmetric(factor))
        term = work.finish()
        if ends:
            blocks.append((ends, term))
        else:
            scalars.append(term)
    covered = {x for ends, _ in blocks for x in ends}
    blocks += [((x,), Call("ones", (size_term(sizes[x]),))) for x in out if x not in covered]
    body = _assembled(top, side, blocks, sizes, vec)
    return product(scalars, body)


def _assembled(top, side, blocks, sizes, vec) -> Expr:
    """vec(dY) = (…) vec(dX) for the pattern of blocks.

    By columns the block of the second axis stands first, vec(A X B) = (Bᵀ ⊗ A) vec(X); by rows the
    block of the first one does, (A ⊗ Bᵀ).
    """
    by = dict(blocks)

    def outer(x: int, y: int) -> Expr | None:
        """The block between two axes that two vectors span."""
        if (x, y) in by:
            return by[x, y]
        return Binary("@", by[x,], transposed(by[y,])) if (x,) in by and (y,) in by else None

    def kron(first: Expr, second: Expr) -> Expr:
        pair = (second, first) if vec == "column" else (first, second)
        if all(isinstance(e, Call) and e.func == "eye" and len(e.args) == 1 for e in pair):
            m, n = (e.args[0] for e in pair)  # type: ignore[union-attr]
            whole = isinstance(m, Num) and isinstance(n, Num)
            both = Num(str(int(m.text) * int(n.text))) if whole else Binary("*", m, n)  # type: ignore[union-attr]
            return Call("eye", (both,))
        return Call("kron", pair)

    if len(top) == 2 and len(side) == 2:
        (i, j), (a, b) = top, side
        straight = outer(i, a), outer(j, b)
        if straight[0] is not None and straight[1] is not None:
            return kron(*straight)  # type: ignore[arg-type]
        crossed = outer(i, b), outer(j, a)
        if crossed[0] is not None and crossed[1] is not None:
            order = (a, b) if vec == "column" else (b, a)
            swap = Call("commutation", tuple(size_term(sizes[x]) for x in order))
            middle = kron(*crossed)  # type: ignore[arg-type]
            identity = isinstance(middle, Call) and middle.func == "eye"
            return swap if identity else Binary("@", middle, swap)
        if (i, j) in by and (a, b) in by:
            return Binary("@", Call("vec", (by[i, j],)), transposed(Call("vec", (by[a, b],))))
    if len(top) == 1 and len(side) == 2:
        (i,), (a, b) = top, side
        if (i, a) in by and (b,) in by:
            return kron(by[i, a], transposed(by[b,]))
        if (i, b) in by and (a,) in by:
            return kron(transposed(by[a,]), by[i, b])
    if len(top) == 2 and len(side) == 1:
        (i, j), (a,) = top, side
        if (i, a) in by and (j,) in by:
            return kron(by[i, a], by[j,])
        if (j, a) in by and (i,) in by:
            return kron(by[i,], by[j, a])
    raise NoMatrixForm


def _diagonal(node: Node, rows: int, leaf: Leaves, vec: str) -> Expr | None:
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
    # the columns' labels are gone: left in the sizes, they would count as summed
    middle = g.ein(rest, (i, j), coef, {x: d for x, d in sizes.items() if x not in (a, b)})
    return Call("diag", (Call("vec", (matrix_term(middle, leaf, vec),)),))


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
