"""Numbers that an array repeats: as such among functions of entries, else as a matrix of ones.

1 − tanh²(x) and x − mean(x) are read entry by entry. Beside products of matrices a number would be
misread: I − 𝟏𝟏ᵀ/n, and 2 Aᵀ(Ax − y) + 𝟏.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..expr import Binary, Call, Expr, Index, Name, Neg, Transpose
from ..graph.dims import Dim
from .build import chained, product, size_term

MATRICES = frozenset(("eye", "diag", "kron", "commutation", "inv"))


def reads_as_matrices(terms: Sequence[Expr], top: bool) -> bool:
    """Whether the terms are sums of products of matrices; of names, too, in a whole result."""
    return any(_is_matrix(e, top) for e in map(_body, terms))


def _body(e: Expr) -> Expr:
    """The term without numbers in front of it, below it, and transposition."""
    while True:
        match e:
            case Neg() | Transpose():
                e = e.arg
            case Binary("/") if not e.elementwise:
                e = e.left
            case Binary("*") if not e.elementwise:
                e = e.right
            case _:
                return e


def _is_matrix(e: Expr, top: bool) -> bool:
    match e:
        case Binary("@"):
            return True
        case Binary("+" | "-"):
            return _is_matrix(_body(e.left), top) or _is_matrix(_body(e.right), top)
        case Call():
            return e.func in MATRICES
        case Index(arg=Call("eye")):
            return True
        case Name():
            return top
        case _:
            return False


def is_centre(number: Expr, terms: Sequence[Expr]) -> bool:
    """mean(u) beside u: u − mean(u)."""
    match number:
        case Call("mean", (u,), ()):
            return u in terms
        case _:
            return False


def in_ones(number: Expr, shape: Sequence[Dim]) -> Expr:
    """The number times a column of ones, or a matrix of them."""
    first, *rest = (Call("ones", (size_term(d),)) for d in shape)
    return product([number], chained(first, Transpose(rest[0])) if rest else first)
