"""Kronecker products, and the constant matrices that permute and select the entries of vec(A).

For A of size m×n: commutation(m, n) vec(A) = vec(Aᵀ). For A of size n×n: elimination(n) vec(A) =
vech(A), the lower triangle column by column; duplication(n) vech(A) = vec(A) where A is symmetric.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node, call, ein, rel
from .base import Dims, Op, Val, positive, require
from .matrices import NORMAL, bounded, front_labels, square
from .matrix import matmul, mul
from .reshape import unroll

# Which axes an operand has: both, only the rows of a column, only the columns of a row.
AXES = {"matrix": (0, 1), "column": (0,), "row": (1,)}


def _kind(v: Val) -> str:
    return "matrix" if v.order == 2 else "row" if v.row else "column"


def kron(A: Val, B: Val) -> Val:
    if A.order == 0 or B.order == 0:
        return mul(A, B)
    for v, hole in ((A, "{left}"), (B, "{right}")):
        require(v.order <= 2, f"kron takes matrices and vectors; `{hole}` has size {v.dims}")
    kinds = (_kind(A), _kind(B))
    shape = []
    for axis in (0, 1):
        if any(axis in AXES[k] for k in kinds):
            shape.append(
                dims.product([_size(v, k, axis) for v, k in zip((A, B), kinds, strict=True)])
            )
    return Val(call("kron", [A.node, B.node], kinds, shape), row=kinds == ("row", "row"))


def _size(v: Val, kind: str, axis: int) -> Dim:
    return v.node.shape[AXES[kind].index(axis)] if axis in AXES[kind] else 1


def _kron_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    full = [
        x if kind == "matrix" else x[:, None] if kind == "column" else x[None, :]
        for x, kind in zip(arrays, parameters, strict=True)
    ]
    bounded((full[0].shape[0] * full[1].shape[0], full[0].shape[1] * full[1].shape[1]))
    y = np.kron(*full)
    used = {axis for kind in parameters for axis in AXES[kind]}
    return y if len(used) == 2 else y.ravel()


def _kron_vjp(g_: Node, lead: int, y: Node) -> tuple[Node, Node]:
    """Entry (i p + k, j q + l) of A ⊗ B is A_ij B_kl; each factor is what the other is multiplied by."""
    front = front_labels(lead)
    labels: list[list[str]] = [[], []]
    own: list[str] = []
    moves = []
    for axis in (0, 1):
        held = [k for k, kind in enumerate(y.attr[1]) if axis in AXES[kind]]
        for k in held:
            labels[k].append(f"{'ab'[k]}{axis}")
        if len(held) == 2:
            outer, inner = (y.args[k].shape[AXES[y.attr[1][k]].index(axis)] for k in (0, 1))
            step = -dims.number(inner)
            size = y.shape[len(own)]
            moves.append(
                (rel((1, step, -1), 0, (size, outer, inner)), (f"o{axis}", f"a{axis}", f"b{axis}"))
            )
            own.append(f"o{axis}")
        elif held:
            own.append(f"{'ab'[held[0]]}{axis}")
    a, b = y.args
    upstream = (g_, (*front, *own))
    return (
        ein([upstream, (b, labels[1]), *moves], (*front, *labels[0])),
        ein([upstream, (a, labels[0]), *moves], (*front, *labels[1])),
    )


# -- constant matrices -----------------------------------------------------------------------------


def triangular(n: Dim) -> Dim:
    """The entries on and below the diagonal: n(n + 1)/2."""
    n = dims.number(n)
    return dims.dim(n * (n + 1) / 2)


def _one_size(n: Any, name: str) -> Dim:
    require(not isinstance(n, tuple | list), f"{name} takes one size")
    positive([n])
    return n


def commutation(m: Dims, n: Dims) -> Val:
    m, n = (
        _one_size(m, "each argument of commutation"),
        _one_size(n, "each argument of commutation"),
    )
    size = dims.product([m, n])
    return Val(call("commutation", [], (m, n), (size, size)))


def duplication(n: Dims) -> Val:
    n = _one_size(n, "duplication")
    return Val(call("duplication", [], (n,), (dims.product([n, n]), triangular(n))))


def elimination(n: Dims) -> Val:
    n = _one_size(n, "elimination")
    return Val(call("elimination", [], (n,), (triangular(n), dims.product([n, n]))))


def _vech(A: Val) -> Val:
    node = square(A, "vech")
    return matmul(elimination(node.shape[0]), Val(unroll(node, True)))


def lower(n: int) -> list[tuple[int, int]]:
    """The places on and below the diagonal, column by column."""
    return [(i, j) for j in range(n) for i in range(j, n)]


def _selection(rows: int, columns: int, ones: Sequence[tuple[int, int]]) -> np.ndarray:
    found = np.zeros((rows, columns))
    for at in ones:
        found[at] = 1.0
    return found


def commutation_matrix(m: int, n: int) -> np.ndarray:
    bounded((m * n, m * n))
    ones = [(j + n * i, i + m * j) for i in range(m) for j in range(n)]
    return _selection(m * n, m * n, ones)


def duplication_matrix(n: int) -> np.ndarray:
    bounded((n * n, n * (n + 1) // 2))
    places = lower(n)
    ones = [(i + n * j, k) for k, (i, j) in enumerate(places)]
    ones += [(j + n * i, k) for k, (i, j) in enumerate(places)]
    return _selection(n * n, len(places), ones)


def elimination_matrix(n: int) -> np.ndarray:
    bounded((n * (n + 1) // 2, n * n))
    places = lower(n)
    return _selection(len(places), n * n, [(k, i + n * j) for k, (i, j) in enumerate(places)])


def _vech_plain(A: np.ndarray) -> np.ndarray:
    A = np.atleast_2d(A)
    return np.concatenate([A[j:, j] for j in range(len(A))])


def _kron_plain(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    if A.ndim and B.ndim and max(A.ndim, B.ndim) == 2:
        A, B = (x[:, None] if x.ndim == 1 else x for x in (A, B))
    return np.kron(A, B)


def _commutation_plain(m: int, n: int) -> np.ndarray:
    """Row by row from K vec(E) = vec(Eᵀ) for every unit matrix E."""
    columns = []
    for k in range(m * n):
        unit = np.zeros(m * n)
        unit[k] = 1.0
        columns.append(unit.reshape((m, n), order="F").T.ravel("F"))
    return np.column_stack(columns)


def _elimination_plain(n: int) -> np.ndarray:
    units = np.eye(n * n)
    return np.column_stack([_vech_plain(u.reshape((n, n), order="F")) for u in units])


def _duplication_plain(n: int) -> np.ndarray:
    whole = np.tril(np.ones((n, n)))
    columns = []
    for place in np.argwhere(whole.T)[:, ::-1]:
        unit = np.zeros((n, n))
        unit[tuple(place)] = unit[tuple(place[::-1])] = 1.0
        columns.append(unit.ravel("F"))
    return np.column_stack(columns)


_MAGNUS = "Magnus & Neudecker, Matrix Differential Calculus, ch. 3"
_CONSTANT = "{y} is a constant."

KRONECKER: tuple[Op, ...] = (
    Op("kron", "A[m n], B[p q] -> [m*p n*q]", kron,
       "{y} holds a copy of the second factor for every entry of the first; it is linear in each of them.",
       "d(A ⊗ B) = dA ⊗ B + A ⊗ dB", "product rule", "Magnus & Neudecker, ch. 2", "⊗", _kron_plain,
       forward=_kron_forward, vjp=_kron_vjp,
       sample=(([(2, 3), (3, 2)], {}, NORMAL), ([(3,), (2,)], {}, NORMAL),
               ([(2, 3), (3,)], {}, NORMAL), ([(1, 3), (2, 2)], {}, NORMAL),
               ([(1, 3), (1, 2)], {}, NORMAL), ([(3,), (1, 2)], {}, NORMAL)),
       meaning="the block matrix whose blocks are aᵢⱼ B",
       size="Every entry of the first matrix becomes a block of the size of the second: rows multiply, and so do columns."),
    Op("vech", "A[n n] -> [n*(n+1)/2]", _vech,
       "{y} holds the lower triangle of {x}, column by column; the entries above it do not matter.",
       "d vech(A) = L vec(dA)", "rearrangement", _MAGNUS, "vech", _vech_plain,
       sample=(([(3, 3)], {}, NORMAL), ([(5, 5)], {}, NORMAL)),
       size="The entries on and below the diagonal of a {a} matrix.",
       meaning="the entries on and below the diagonal, column by column"),
    Op("commutation", "-> [m*n m*n]", commutation, _CONSTANT, "dK = 0", "constant", _MAGNUS, "K",
       _commutation_plain, forward=lambda arrays, sizes: commutation_matrix(*sizes),
       vjp=lambda g_, lead, y: (), constant=True,
       meaning="the matrix K with K vec(A) = vec(Aᵀ) for every A of size m×n",
       size="A row and a column for each entry of the matrix that vec unrolls."),
    Op("duplication", "-> [n*n n*(n+1)/2]", duplication, _CONSTANT, "dD = 0", "constant", _MAGNUS,
       "D", _duplication_plain, forward=lambda arrays, sizes: duplication_matrix(*sizes),
       vjp=lambda g_, lead, y: (), constant=True,
       meaning="the matrix D with D vech(A) = vec(A) for every symmetric A of size n×n",
       size="A row for each entry of the matrix, a column for each on and below its diagonal."),
    Op("elimination", "-> [n*(n+1)/2 n*n]", elimination, _CONSTANT, "dL = 0", "constant", _MAGNUS,
       "L", _elimination_plain, forward=lambda arrays, sizes: elimination_matrix(*sizes),
       vjp=lambda g_, lead, y: (), constant=True,
       meaning="the matrix L with L vec(A) = vech(A) for every A of size n×n",
       size="A row for each entry on and below the diagonal, a column for each entry of the matrix."),
)  # fmt: skip
