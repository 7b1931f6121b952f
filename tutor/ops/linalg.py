"""Linear algebra: traces, determinants, inverses, and the Cholesky factor.

`inv`, `det`, `logdet` and `cholesky` are kept whole, so that closed forms print them; the others
are products over indices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from ..errors import InputError
from ..graph import dims
from ..graph import node as g
from ..graph.node import Node, T, call, ein, map_
from . import exact
from .base import SAME_SIZE, Int, Op, Val, as_matrix, require
from .matrices import NORMAL, front_labels, lower_ones, square
from .matrix import matmul

SINGULAR = 1e15  # a condition number from which floats cannot tell a matrix from a singular one
MOST_POWER = 64


def singular(name: str) -> InputError:
    return InputError(
        f"{name} needs an invertible matrix, and this one is singular: its determinant is 0",
        hint="check its values; a small multiple of the identity added to it makes it invertible",
    )


# -- traces, determinants, inverses ----------------------------------------------------------------


def _tr(A: Val) -> Val:
    if A.order == 0:
        return A
    return Val(ein([(square(A, "tr"), "ii")], ()))


def _det(A: Val) -> Val:
    return A if A.order == 0 else Val(call("det", [square(A, "det")], (), ()))


def _logdet(A: Val) -> Val:
    if A.order == 0:
        return Val(map_(sp.log(T), A.node))
    return Val(call("logdet", [square(A, "logdet")], (), ()))


def inverse(A: Val) -> Val:
    if A.order == 0:
        return Val(map_(1 / T, A.node), product=A.product)
    node = square(A, "inv")
    return Val(call("inv", [node], (), node.shape))


def _solve(A: Val, b: Val) -> Val:
    node = square(A, "solve")
    require(
        b.order <= 2, f"the right-hand side of solve is a column or a matrix, not size {b.dims}"
    )
    rows = as_matrix(b).shape[0]
    require(dims.same(node.shape[0], rows),
            f"solve needs as many rows on both sides: `{{left}}` is {A.dims} and `{{right}}` is {b.dims}")  # fmt: skip
    return matmul(inverse(A), b)


def _det_forward(arrays: list[np.ndarray], _: Any) -> Any:
    (a,) = arrays
    return exact.determinant(a) if a.dtype == object else np.linalg.det(a)


def _logdet_forward(arrays: list[np.ndarray], _: Any) -> Any:
    (a,) = arrays
    if a.dtype == object:
        value = exact.determinant(a)
        if value == 0:
            raise singular("logdet")
        return sp.log(value) if value.is_positive else np.asarray(sp.nan, dtype=object)
    sign, value = np.linalg.slogdet(a)
    if sign == 0:
        raise singular("logdet")
    return value if sign > 0 else np.nan


def _inv_forward(arrays: list[np.ndarray], _: Any) -> np.ndarray:
    (a,) = arrays
    if a.dtype == object:
        found = exact.inverse(a)
        if found is None:
            raise singular("inv")
        return found
    if not invertible(a):
        raise singular("inv")
    return np.linalg.inv(a)


def invertible(a: np.ndarray) -> bool:
    """Whether floats can tell the matrix from a singular one."""
    return bool(np.isfinite(a).all()) and bool(np.linalg.cond(np.atleast_2d(a)) < SINGULAR)


def _det_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    front = front_labels(lead)
    return (ein([(g_, front), (y, ()), (_inv(y.args[0]), "ji")], (*front, "i", "j")),)


def _logdet_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    front = front_labels(lead)
    return (ein([(g_, front), (_inv(y.args[0]), "ji")], (*front, "i", "j")),)


def _inv_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    """−Bᵀ G Bᵀ with B the inverse itself."""
    front = front_labels(lead)
    factors = [(y, "ai"), (g_, (*front, "a", "b")), (y, "jb")]
    return (ein(factors, (*front, "i", "j"), -1),)


def _inv(node: Node) -> Node:
    return call("inv", [node], (), node.shape)


def _matrix_power(A: Val, n: Int) -> Val:
    node = square(A, "matrix_power")
    require(isinstance(n, int), "the exponent of matrix_power is a whole number")
    require(abs(n) <= MOST_POWER,
            f"the exponent of matrix_power is at most {MOST_POWER} in size, not {n}")  # fmt: skip
    if n == 0:
        return Val(g.delta(node.shape[0]))
    base = node if n > 0 else _inv(node)
    power: Node | None = None
    left = abs(n)
    while left:  # by squaring
        if left % 2:
            power = base if power is None else ein([(base, "ij"), (power, "jk")], "ik")
        left //= 2
        if left:
            base = ein([(base, "ij"), (base, "jk")], "ik")
    assert power is not None
    return Val(power)


# -- Cholesky --------------------------------------------------------------------------------------


def _cholesky(A: Val) -> Val:
    node = square(A, "cholesky")
    return Val(call("cholesky", [node], (), node.shape))


def _cholesky_forward(arrays: list[np.ndarray], _: Any) -> np.ndarray:
    (a,) = arrays
    a = (a + a.T) / 2
    found = exact.cholesky(a) if a.dtype == object else None
    if a.dtype != object:
        try:
            found = np.linalg.cholesky(a)
        except np.linalg.LinAlgError:
            found = None
    if found is None:
        raise InputError(
            "cholesky needs a positive definite matrix, and this one is not: "
            "some eigenvalue of its symmetric part is 0 or negative"
        )
    return found


def _cholesky_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    """sym(L⁻ᵀ Φ(Lᵀ G) L⁻¹); Φ keeps the lower triangle and halves the diagonal."""
    n = y.shape[0]
    front = front_labels(lead)
    phi = g.add([lower_ones(n), g.delta(n)], [1, -sp.S.Half])
    back = _inv(y)
    factors = [(back, "ai"), (y, "ka"), (g_, (*front, "k", "b")), (phi, "ab"), (back, "bj")]
    one = ein(factors, (*front, "i", "j"), sp.S.Half)
    swapped = (*range(lead), lead + 1, lead)
    return (g.add([one, g.permute(one, swapped)]),)


def well(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A sample's domain: square matrices far from singular, with a positive determinant."""
    x = rng.uniform(-1.0, 1.0, size=shape)
    if len(shape) != 2 or shape[0] != shape[1]:
        return x
    return x / len(x) + np.diag(rng.uniform(1.5, 3.0, size=len(x)))


def definite(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A sample's domain: positive definite matrices."""
    x = rng.uniform(-1.0, 1.0, size=shape)
    return x @ x.T / len(x) + np.eye(len(x))


def _solve_plain(A: np.ndarray, b: np.ndarray) -> Any:
    return b / A if np.ndim(A) == 0 else np.linalg.solve(A, b)


def _plain(f: Any) -> Any:
    """NumPy's function; a scalar is a 1×1 matrix."""
    return lambda A: f(np.atleast_2d(A))


_COOKBOOK = "The Matrix Cookbook"
_INVERTIBLE = "{A} is invertible"


def _holds(arrays: list[np.ndarray], _: Any) -> bool:
    return invertible(arrays[0])


def _is_definite(arrays: list[np.ndarray], _: Any) -> bool:
    a = np.atleast_2d(arrays[0])
    return bool(np.linalg.eigvalsh((a + a.T) / 2)[0] > 0)


SQUARES = (([(3, 3)], {}, well), ([(5, 5)], {}, well))

LINALG: tuple[Op, ...] = (
    Op("tr", "A[n n] -> []", _tr,
       "The trace {y} adds the diagonal entries of {x}: each of them counts once, the others not at all.",
       "d tr(A) = tr(dA)", "trace rule", f"{_COOKBOOK} eq. 36", "tr",
       _plain(np.trace), sample=(([(3, 3)], {}, NORMAL), ([(7, 7)], {}, NORMAL)),
       meaning="Σᵢ aᵢᵢ"),
    Op("det", "A[n n] -> []", _det,
       "A determinant changes with each entry by that entry's cofactor; all cofactors together are the determinant times the transposed inverse where {x} is invertible.",
       "d det(A) = det(A) tr(A⁻¹ dA)", "derivative of the determinant", f"{_COOKBOOK} eq. 41", "det",
       _plain(np.linalg.det), forward=_det_forward, vjp=_det_vjp, sample=SQUARES,
       meaning="Σ over all permutations p of ± a₁ₚ₍₁₎ · … · aₙₚ₍ₙ₎, − for an odd number of swaps"),
    Op("logdet", "A[n n] -> []", _logdet,
       "The derivative of log det(A) is the one of the determinant divided by it: the transposed inverse.",
       "d log det(A) = tr(A⁻¹ dA)", "derivative of log det", f"{_COOKBOOK} eq. 57", "log det",
       _plain(lambda A: np.log(np.linalg.det(A))), forward=_logdet_forward, vjp=_logdet_vjp, sample=SQUARES,
       condition="the determinant of {A} is positive",
       holds=lambda arrays, _: bool(np.linalg.slogdet(np.atleast_2d(arrays[0]))[0] > 0) and invertible(arrays[0]),
       meaning="the natural logarithm of det(A); A needs a positive determinant"),
    Op("inv", "A[n n] -> [n n]", inverse,
       "From A A⁻¹ = I follows dA A⁻¹ + A d(A⁻¹) = 0, so the inverse stands on both sides of the change.",
       "d(A⁻¹) = −A⁻¹ dA A⁻¹", "derivative of the inverse", f"{_COOKBOOK} eq. 59", "⁻¹",
       _plain(np.linalg.inv), forward=_inv_forward, vjp=_inv_vjp, sample=SQUARES,
       condition=_INVERTIBLE, holds=_holds,
       meaning="the matrix with A A⁻¹ = A⁻¹ A = I",
       size=SAME_SIZE),
    Op("solve", "A[n n], b[n] or b[n k] -> [n] or [n k]", _solve,
       "{y} is A⁻¹ b: linear in b, and an inverse in A.",
       "d(A⁻¹ b) = A⁻¹ (db − dA A⁻¹ b)", "derivative of the inverse", f"{_COOKBOOK} eq. 59", "A⁻¹b",
       _solve_plain, sample=(([(3, 3), (3,)], {}, well), ([(3, 3), (3, 2)], {}, well),
                             ([(5, 5), (5,)], {}, well)),
       condition="{A} is invertible", holds=_holds,
       size="Times the matrix it gives the right-hand side, whose size it has.",
       meaning="the x with A x = b"),
    Op("matrix_power", "A[n n] -> [n n]", _matrix_power,
       "{y} is a product of equal factors, and each of them changes in turn.",
       "d(Aᵏ) = Σ Aⁱ dA Aᵏ⁻¹⁻ⁱ", "product rule", f"{_COOKBOOK} eq. 90", "Aᵏ",
       lambda A, n: np.linalg.matrix_power(A, n),
       sample=tuple(([(3, 3)], {"n": n}, well) for n in (2, 3, 5, -1, -2, 1)),
       size=SAME_SIZE,
       meaning="A · … · A with n factors; a negative n multiplies as many inverses"),
    Op("cholesky", "A[n n] -> [n n]", _cholesky,
       "From L Lᵀ = A follows dL Lᵀ + L dLᵀ = dA; the triangle of L⁻¹ dA L⁻ᵀ, with half its diagonal, "
       "is L⁻¹ dL.",
       "dL = L Φ(L⁻¹ dA L⁻ᵀ)", "derivative of the Cholesky factor",
       "Murray 2016, Differentiation of the Cholesky decomposition", "chol",
       lambda A: np.linalg.cholesky((A + A.T) / 2), forward=_cholesky_forward, vjp=_cholesky_vjp,
       sample=(([(3, 3)], {}, definite), ([(5, 5)], {}, definite)),
       condition="{A} is symmetric and positive definite", holds=_is_definite,
       convention="only the symmetric part of {x} is read, so its derivative is symmetric",
       meaning="the lower triangular L with L Lᵀ = A and a positive diagonal",
       size=SAME_SIZE),
)  # fmt: skip
