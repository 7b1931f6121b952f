"""Jacobians as matrices: plain ones for vectors, Kronecker products and vec for matrices.

A Jacobian node carries the axes of the result first, then those of the variable. In numerator
layout it is printed as rows(result) × columns(variable), both unrolled column by column (Magnus &
Neudecker); denominator layout is its transpose.
"""

from __future__ import annotations

from ..expr import Binary, Call, Expr, Neg, Transpose
from ..graph import node as g
from ..graph.interned import is_symmetric
from ..graph.node import Node, pieces
from ..graph.sums import split_coef
from .build import (
    NoMatrixForm,
    chained,
    is_identity,
    product,
    scaled,
    size_term,
    sum_term,
    transposed,
)
from .copies import narrow
from .kronecker import assembled, connected, elementwise, split_diagonal
from .matrix import Leaves, unsigned_term
from .products import Product
from .scalars import term_of
from .signs import led
from .unrolling import joined_axis, unrolled_pair


def jacobian_term(
    node: Node, rows: int, leaf: Leaves, layout: str = "numerator", vec: str = "column"
) -> Expr:
    """The Jacobian of a result with `rows` axes, as a term; raises NoMatrixForm."""
    orders = rows, node.order - rows
    node, rows = _without_unit_axes(node, rows)
    node = turned_sides(node, rows, orders, vec)
    if node.order == 0:
        return led(_numerator(node, rows, leaf, vec))
    if layout == "denominator" and node.kind == "add" and 0 < rows < node.order > 2:
        parts = [transposed(_numerator(a, rows, leaf, vec)) for a in node.args]
        return led(sum_term(list(zip(node.attr, parts, strict=True))))
    term = _numerator(node, rows, leaf, vec)
    return led(transposed(term) if layout == "denominator" else term)


def _without_unit_axes(node: Node, rows: int) -> tuple[Node, int]:
    """Without axes of size 1: vec does not see them, and the rows × columns are the same."""
    unit = [k for k, d in enumerate(node.shape) if d == 1]
    if not unit:
        return node, rows
    left = rows - sum(k < rows for k in unit)
    if node.kind == "add":
        return g.add([_without_unit_axes(a, rows)[0] for a in node.args], node.attr), left
    coef, factors, out, sizes = pieces(node)
    kept = tuple(x for k, x in enumerate(out) if k not in unit)
    return narrow(g.ein(factors, kept, coef, sizes)), left


def turned_sides(node: Node, rows: int, orders: tuple[int, int], vec: str) -> Node:
    """An array of order three or more is unrolled row by row: where axes of size 1 leave a matrix
    of it, that is vec by columns of the transpose.

    orders: how many axes result and variable had.
    """
    axes = list(range(node.order))
    for start, count, order in ((0, rows, orders[0]), (rows, node.order - rows, orders[1])):
        if vec == "column" and count == 2 and order > 2:
            axes[start : start + 2] = start + 1, start
    return _permuted(node, axes) if axes != sorted(axes) else node


def _permuted(node: Node, axes: list[int]) -> Node:
    """Term by term, so that a sum stays one."""
    if node.kind == "add":
        return g.add([_permuted(a, axes) for a in node.args], node.attr)
    coef, factors, out, sizes = pieces(node)
    return g.ein(factors, tuple(out[k] for k in axes), coef, sizes)


def _numerator(node: Node, rows: int, leaf: Leaves, vec: str) -> Expr:
    columns = node.order - rows
    if rows > 2 or columns > 2:
        raise NoMatrixForm
    if rows == 0:
        if columns == 0:
            return unsigned_term(node, leaf, vec)
        term = unsigned_term(node, leaf, vec)
        return transposed(_unrolled(node, term)) if columns == 2 else _row(node, term, leaf, vec)
    if columns == 0:
        term = unsigned_term(node, leaf, vec)
        return _unrolled(node, term) if rows == 2 else term
    if rows == columns == 1:
        try:
            return unsigned_term(node, leaf, vec)
        except NoMatrixForm:
            if node.kind != "add":
                return _joined(node, rows, leaf, vec)
    if node.kind == "add":
        return sum_term(
            [(c, _numerator(a, rows, leaf, vec)) for c, a in zip(node.attr, node.args, strict=True)]
        )
    merged = unrolled_pair(node, rows, vec)
    if merged is not None:
        term = _numerator(merged.node, merged.rows, leaf, vec)
        if merged.swap is None:
            return term
        if is_identity(term):
            return merged.swap
        return chained(merged.swap, term) if merged.on_top else chained(term, merged.swap)
    middle = elementwise(node, rows)
    if middle is not None:
        return _diagonal(middle, leaf, vec)
    try:
        return _kronecker(node, rows, leaf, vec)
    except NoMatrixForm:
        parts = split_diagonal(node, rows)
        if parts is None:
            return _joined(node, rows, leaf, vec)
    left, inner, right = parts
    term = _numerator(inner, rows, leaf, vec)
    if left is not None:
        term = chained(_diagonal(left, leaf, vec), term)
    return term if right is None else chained(term, _diagonal(right, leaf, vec))


def _row(node: Node, column: Expr, leaf: Leaves, vec: str) -> Expr:
    """The transpose of a column: rᵀA/‖r‖ rather than (Aᵀr/‖r‖)ᵀ."""
    plain = transposed(column)
    if not isinstance(plain, Transpose) or not isinstance(plain.arg, Binary) or node.kind != "ein":
        return plain
    coef, factors, out, sizes = pieces(node)
    unit = g.fresh()
    row = g.ein(factors, (unit, *out), coef, {**sizes, unit: 1})
    try:
        return unsigned_term(row, leaf, vec)
    except NoMatrixForm:
        return plain


def _joined(node: Node, rows: int, leaf: Leaves, vec: str) -> Expr:
    """With an axis that joins two, as vec and kron do, taken as these two."""
    parts = joined_axis(node, rows, vec)
    if parts is None:
        raise NoMatrixForm
    return _numerator(*parts, leaf, vec)


def _diagonal(node: Node, leaf: Leaves, vec: str) -> Expr:
    """diag(vec(M)): an elementwise product with M, numbers in front."""
    number, rest = split_coef(node)
    term = Call("diag", (Call("vec", (led(unsigned_term(rest, leaf, vec)),)),))
    return scaled(number, term)


def _unrolled(node: Node, term: Expr) -> Expr:
    """vec of a matrix; of one with a single row or column, the column that it is."""
    if node.shape[0] == 1:
        return transposed(term)
    if node.shape[1] == 1:
        return term
    return Neg(Call("vec", (term.arg,))) if isinstance(term, Neg) else Call("vec", (term,))


def _kronecker(node: Node, rows: int, leaf: Leaves, vec: str) -> Expr:
    """One product: two blocks, each between one axis of the result and one of the variable."""
    coef, factors, out, sizes = pieces(node)
    top, side = out[:rows], out[rows:]
    scalars: list[Expr] = [] if coef == 1 else [term_of(coef)]
    blocks: list[tuple[tuple[int, ...], Expr]] = []
    for members, labels in connected(factors):
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
                work.item(unsigned_term(factor, leaf, vec), ls, is_symmetric(factor))
        term = work.finish()
        if ends:
            blocks.append((ends, term))
        else:
            scalars.append(term)
    covered = {x for ends, _ in blocks for x in ends}
    blocks += [((x,), Call("ones", (size_term(sizes[x]),))) for x in out if x not in covered]
    return product(scalars, assembled(top, side, blocks, sizes, vec))
