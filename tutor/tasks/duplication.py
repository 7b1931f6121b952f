"""The free entries of symmetric and diagonal matrices, and the matrices that count them.

The free entries of a symmetric S are vech(S), those on and below the diagonal column by column, and
vec(S) = D vech(S) with the duplication matrix D. So a Jacobian J with vec(dy) = J vec(dS) for every
symmetric dS becomes J D, and second derivatives H become Dᵀ H D, for D is constant (Magnus and
Neudecker, Matrix Differential Calculus, ch. 3 and 10). J and H are not unique: transposing dS
changes neither side; J D and Dᵀ H D are. The free entries of a diagonal S are diag(S): the rows and
columns of the diagonal stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import sympy as sp

from ..calculus.simplify import simplify
from ..expr import Binary, Call, Expr, Name, Neg, Num, Transpose
from ..graph import dims
from ..graph import node as g
from ..graph.dims import Dim
from ..graph.node import Node
from ..notation.build import in_front, size_term
from ..ops.kronecker import lower, triangular
from ..problem.lines import Line
from ..value import Value
from .stationary_terms import distributed


def tied(line: Line) -> str | None:
    """symmetric or diagonal, where not all entries of the variable are free."""
    if line.symbol.order != 2:
        return None
    return next((p for p in ("diagonal", "symmetric") if p in line.properties), None)


def free_name(line: Line) -> Expr:
    """What second derivatives are taken by: w, vec(W), vech(S) or diag(S)."""
    name = Name(line.name)
    match tied(line):
        case "symmetric":
            return Call("vech", (name,))
        case "diagonal":
            return Call("diag", (name,))
        case _:
            return Call("vec", (name,)) if line.symbol.order > 1 else name


def free_count(line: Line) -> Dim:
    match tied(line):
        case "symmetric":
            return triangular(line.symbol.shape[0])
        case "diagonal":
            return line.symbol.shape[0]
        case _:
            return dims.product(line.symbol.shape)


# -- numbers --------------------------------------------------------------------------------------


def folded(matrix: np.ndarray, rows: Line, columns: Line) -> np.ndarray:
    """Of second derivatives with all entries free those by the free ones: Dᵀ H D.

    matrix: (all entries of rows, all of columns), unrolled either by rows or by columns: the two
    places of a pair are added up in both cases.
    """
    return _folded(_folded(matrix, rows).T, columns).T


def folded_columns(jacobian: Value, line: Line, turned: bool) -> Value:
    """Of a Jacobian with all entries free the one by the free entries: J D.

    turned: the variable's entries are the rows.
    """
    if tied(line) is None:
        return jacobian
    data = _folded(jacobian.data, line) if turned else _folded(jacobian.data.T, line).T
    return Value(np.ascontiguousarray(data))


def _folded(matrix: np.ndarray, line: Line) -> np.ndarray:
    kind = tied(line)
    if kind is None:
        return matrix
    n = line.symbol.shape[0]
    assert isinstance(n, int)
    if kind == "diagonal":
        return matrix[np.arange(n) * (n + 1)]
    i, j = np.array(lower(n)).T
    total = matrix[i + n * j].copy()
    apart = i != j
    total[apart] += matrix[j + n * i][apart]
    return total


def free_entries(matrix: np.ndarray, line: Line) -> np.ndarray:
    """Of a matrix like the variable its free entries; of any other variable itself."""
    kind = tied(line)
    if kind is None:
        return matrix
    if kind == "diagonal":
        return np.diagonal(matrix).copy()
    i, j = np.array(lower(len(matrix))).T
    return matrix[i, j]


def free_term(matrix: Expr, line: Line) -> Expr:
    """The same as a term: vech(G) or diag(G)."""
    kind = tied(line)
    if kind == "diagonal":
        if isinstance(matrix, Call) and matrix.func == "diag":
            return matrix.args[0]  # the vector that it was made of
        return Call("diag", (matrix,))
    return matrix if kind is None else Call("vech", (matrix,))


def placed(entries: np.ndarray, line: Line) -> np.ndarray:
    """The reverse of `free_entries`: the whole matrix, exact if its entries are."""
    n = line.symbol.shape[0]
    assert isinstance(n, int)
    whole = np.full((n, n), sp.S.Zero if entries.dtype == object else 0.0, dtype=entries.dtype)
    if tied(line) == "diagonal":
        np.fill_diagonal(whole, entries)
    else:
        i, j = np.array(lower(n)).T
        whole[i, j] = whole[j, i] = entries
    return whole


def spread(direction: np.ndarray, line: Line) -> np.ndarray:
    """A direction in the free entries as one of all entries, unrolled."""
    return direction if tied(line) is None else placed(direction, line).ravel()


# -- nodes ----------------------------------------------------------------------------------------


def diagonal_of(node: Node, lines: Sequence[Line | None]) -> Node:
    """The node with one axis instead of two for each diagonal variable.

    lines: for every group of axes its variable, or None for one axis that is not a variable's.
    """
    labels: list[str] = []
    out: list[str] = []
    for k, line in enumerate(lines):
        own = [f"{k}.{a}" for a in range(1 if line is None else line.symbol.order)]
        kept = own
        if line is not None and tied(line) == "diagonal":
            own, kept = [own[0], own[0]], own[:1]
        labels += own
        out += kept
    node = distributed(sp.S.One, node)
    terms, coefs = (node.args, node.attr) if node.kind == "add" else ((node,), (1,))
    diagonals = [simplify(g.ein([(t, tuple(labels))], tuple(out))) for t in terms]
    return simplify(g.add(diagonals, coefs))


# -- formulas -------------------------------------------------------------------------------------


def duplication(line: Line) -> Expr | None:
    """D of a symmetric matrix."""
    if tied(line) != "symmetric":
        return None
    return Call("duplication", (size_term(line.symbol.shape[0]),))


def between(e: Expr, left: Expr | None, right: Expr | None, unit: Expr) -> Expr:
    """Dᵀ e D with D where it is given, and commutation matrices swallowed by it: K D = D.

    unit: the identity that is left of a commutation matrix alone.
    """
    return around(_without_swaps(e, left is not None, right is not None, unit), left, right)


def without_swaps(e: Expr, line: Line, on_the_left: bool) -> Expr:
    """A Jacobian by a symmetric or diagonal variable: dSᵀ = dS, so K vec(dS) = vec(dS)."""
    return _without_swaps(e, on_the_left, not on_the_left, unit(line)) if tied(line) else e


def unit(line: Line) -> Expr:
    """The identity of the size of vec(S)."""
    return Call("eye", (size_term(dims.product(line.symbol.shape)),))


def around(e: Expr, left: Expr | None, right: Expr | None) -> Expr:
    """leftᵀ e right; a number stays in front."""
    if left is None and right is None:
        return e
    match e:
        case Neg():
            return Neg(around(e.arg, left, right))
        case Binary("*", Num()):
            return in_front(e.left, around(e.right, left, right))
        case Binary("/", _, Num()):
            return Binary("/", around(e.left, left, right), e.right)
    unit = isinstance(e, Call) and e.func == "eye" and len(e.args) == 1
    factors = [Transpose(left)] if left else []
    factors += [] if unit else _factors(e)
    return _product([*factors, right] if right else factors)


def _factors(e: Expr) -> list[Expr]:
    if isinstance(e, Binary) and e.op == "@":
        return [*_factors(e.left), e.right]
    return [e]


def _product(factors: Sequence[Expr]) -> Expr:
    return reduce(lambda a, b: Binary("@", a, b), factors)


def _without_swaps(e: Expr, left: bool, right: bool, unit: Expr) -> Expr:
    """Without commutation matrices at the ends that a duplication matrix stands at: K D = D."""
    match e:
        case Binary("+" | "-"):
            ours, theirs = (_without_swaps(x, left, right, unit) for x in (e.left, e.right))
            same = ours == theirs and e.op == "+"
            return in_front(Num("2"), ours) if same else Binary(e.op, ours, theirs)
        case Neg():
            return Neg(_without_swaps(e.arg, left, right, unit))
        case Binary("*", Num()):
            return in_front(e.left, _without_swaps(e.right, left, right, unit))
        case Binary("/", _, Num()):
            return Binary("/", _without_swaps(e.left, left, right, unit), e.right)
    factors = _factors(e)
    while left and factors and _swaps(factors[0]):
        factors = factors[1:]
    while right and factors and _swaps(factors[-1]):
        factors = factors[:-1]
    return _product(factors) if factors else unit


def _swaps(e: Expr) -> bool:
    return isinstance(e, Call) and e.func == "commutation"
