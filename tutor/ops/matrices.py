"""Matrices whose entries only move: triangles, diagonals, transposes; and quadratic forms."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from .. import limits
from ..errors import InputError
from ..graph import dims
from ..graph import node as g
from ..graph.dims import Dim
from ..graph.node import Node, call, ein
from .base import SAME_SIZE, Int, Op, Val, as_matrix, is_column, is_row, require
from .matrix import matmul, transpose

NORMAL = (-2.0, 2.0)


def square(x: Val, name: str) -> Node:
    """The operand as a square matrix."""
    require(x.order <= 2, f"{name} takes one matrix, not a tensor of size {x.dims}",
            "take one matrix out of it: `X[0]`")  # fmt: skip
    node = as_matrix(x)
    rows, columns = node.shape
    require(dims.same(rows, columns),
            f"{name} needs a square matrix; `{{left}}` has size {x.dims}")  # fmt: skip
    return node


def bounded(shape: Sequence[int]) -> None:
    """Refuse a result that is too large to be worked out."""
    entries = prod(shape)
    if entries > limits.ELEMENTS:
        raise InputError(
            f"a result of size {dims.text(shape)} has {entries:,} entries; "
            f"the limit is {limits.ELEMENTS:,}"
        )


def front_labels(lead: int) -> tuple[str, ...]:
    """Labels of the axes before an operation's own."""
    return tuple(f"y{k}" for k in range(lead))


def lower_ones(n: Dim) -> Node:
    """The n×n matrix with ones on and below the diagonal: tril(ones(n, n))."""
    return call("tril", [g.const(1, (n, n))], (0,), (n, n))


def _triangle(name: str) -> Any:
    def define(A: Val, diagonal: Int = 0) -> Val:
        require(A.order in (1, 2), f"{name} takes one matrix, not size {A.dims}")
        require(isinstance(diagonal, int), "`diagonal` is a whole number")
        node = as_matrix(A)
        return Val(call(name, [node], (diagonal,), node.shape))

    return define


def _triangle_forward(name: str) -> Any:
    def forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
        (a,) = arrays
        keep = np.asarray(getattr(np, name)(np.ones(a.shape), parameters[0]), dtype=bool)
        return np.where(keep, a, sp.S.Zero if a.dtype == object else 0.0)

    return forward


def _triangle_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    if lead == 0:
        return (call(*y.attr[:1], [g_], y.attr[1], y.shape),)
    mask = call(y.attr[0], [g.const(1, y.shape)], y.attr[1], y.shape)
    front = front_labels(lead)
    return (ein([(g_, (*front, "i", "j")), (mask, "ij")], (*front, "i", "j")),)


def _triangle_plain(name: str) -> Any:
    keep = getattr(np, name)
    return lambda A, diagonal=0: keep(A if A.ndim == 2 else A[:, None], diagonal)


# -- products and forms ----------------------------------------------------------------------------


def _quad_form(x: Val, P: Val) -> Val:
    require(is_column(x), f"quad_form takes a column and a matrix; `{{left}}` has size {x.dims}")
    node = square(P, "the second operand of quad_form")
    require(dims.same(as_matrix(x).shape[0], node.shape[0]),
            f"quad_form needs sizes n×1 and n×n, not {x.dims} and {P.dims}")  # fmt: skip
    if x.order == 2:
        return matmul(matmul(transpose(x), P), x)
    return Val(ein([(x.node, "i"), (node, "ij"), (x.node, "j")], ()), product=True)


def diagonal(x: Val) -> Val:
    """Of a vector the diagonal matrix, of a matrix its diagonal."""
    require(x.order in (1, 2), f"diag takes a vector or a matrix, not size {x.dims}")
    if x.order == 1:
        return Val(ein([(x.node, "i")], "ii"))
    if is_column(x) and not is_row(x):
        return Val(ein([(x.node, "ic")], "ii"))
    if is_row(x) and not is_column(x):
        return Val(ein([(x.node, "ci")], "ii"))
    return Val(ein([(square(x, "diag of a matrix"), "ii")], "i"))


def _diag_plain(x: np.ndarray) -> np.ndarray:
    return np.diag(x.ravel()) if x.ndim == 1 or (1 in x.shape and x.size > 1) else np.diag(x)


MATRICES: tuple[Op, ...] = (
    Op("quad_form", "x[n], P[n n] -> []", _quad_form,
       "{y} is the quadratic form xᵀPx, in which x stands twice.",
       "d(xᵀPx) = xᵀ(P + Pᵀ)dx + xᵀdP x", "product rule", "The Matrix Cookbook eq. 81", "xᵀPx",
       lambda x, P: np.ravel(x) @ P @ np.ravel(x),
       sample=(([(3,), (3, 3)], {}, NORMAL), ([(7,), (7, 7)], {}, NORMAL)),
       meaning="xᵀ P x = Σᵢⱼ xᵢ pᵢⱼ xⱼ"),
    Op("diag", "x[n] -> [n n], or A[n n] -> [n]", diagonal,
       "{y} holds the entries of {x} in other places; what is off the diagonal has no part in it.",
       "d diag(x) = diag(dx)", "rearrangement", "Magnus & Neudecker", "diag",
       _diag_plain, sample=(([(5,)], {}, NORMAL), ([(3, 3)], {}, NORMAL), ([(1, 5)], {}, NORMAL)),
       size="A vector fills the diagonal of a square matrix; of a matrix the diagonal is taken.",
       meaning="of a vector the matrix with it on the diagonal and 0 elsewhere; of a matrix "
               "its diagonal"),
    *(Op(name, "A[m n] -> [m n]", _triangle(name),
         "{y} keeps a triangle of {x}, entry by entry; the others are 0 and stay 0.",
         f"d {name}(A) = {name}(dA)", "rearrangement", f"torch.{name}", name,
         _triangle_plain(name),
         forward=_triangle_forward(name), vjp=_triangle_vjp,
         sample=(([(3, 5)], {}, NORMAL), ([(5, 3)], {"diagonal": 1}, NORMAL),
                 ([(5, 5)], {"diagonal": -1}, NORMAL)),
         meaning=f"the entries aᵢⱼ with {where}, and 0 elsewhere", size=SAME_SIZE)
      for name, where in (("tril", "j ≤ i + diagonal"), ("triu", "j ≥ i + diagonal"))),
)  # fmt: skip
