"""Products: of matrices, of vectors, entry by entry; and the transpose."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph import dims
from ..graph import node as g
from ..graph.dims import Dim
from ..graph.node import ein
from .arithmetic import NORMAL, PAIRS, elementwise_plain, mul
from .base import Int, Op, Val, as_matrix, require
from .broadcast import mismatch


def matmul(a: Val, b: Val) -> Val:
    if a.order == 0 or b.order == 0:
        return _scaled_product(a, b)
    if max(a.order, b.order) >= 3:
        return _batched(a, b)
    left, right = as_matrix(a), as_matrix(b)
    if not dims.same(left.shape[1], right.shape[0]):
        raise _product_mismatch(a, b)
    out: tuple[str, ...] = ("r", "c")
    rows, cols = left.shape[0], right.shape[1]
    if cols == 1:
        out = ("r",)
    elif rows == 1:
        out = ("c",)
    if rows == 1 and cols == 1:
        out = ()
    # straight from the operands, so that no axis of size 1 is left behind
    la = {0: (), 1: ("k",) if a.row else ("r",), 2: ("r", "k")}[a.order]
    lb = {0: (), 1: ("c",) if b.row else ("k",), 2: ("k", "c")}[b.order]
    node = ein([(a.node, la), (b.node, lb)], out)
    return Val(node, row=rows == 1 and cols != 1, product=out == ())


def _scaled_product(a: Val, b: Val) -> Val:
    if a.product or b.product:
        return mul(a, b)
    error = mismatch(a, b, "multiply")
    error.hint = "`@` is the matrix product; to scale by a number use `*`"
    raise error


def _batched(a: Val, b: Val) -> Val:
    """NumPy's matmul: the last two axes multiply, the axes before them are a batch."""
    if a.row or b.row:
        error = ShapeError(
            f"cannot multiply `{{left}}` ({a.dims}) and `{{right}}` ({b.dims}): a row does not go "
            "with a tensor of order 3 or more",
        )
        error.pair = (a, b)
        raise error
    ca = ["m", "k"] if a.order >= 2 else ["k"]
    cb = ["k", "n"] if b.order >= 2 else ["k"]
    lead = max(a.order, b.order) - 2
    la = [f"b{lead - (a.order - 2) + i}" for i in range(a.order - len(ca))] + ca
    lb = [f"b{lead - (b.order - 2) + i}" for i in range(b.order - len(cb))] + cb
    size: dict[str, Any] = {}
    for v, labels in ((a, la), (b, lb)):
        for label, d in zip(labels, v.node.shape, strict=True):
            repeats = label.startswith("b") and 1 in (d, size.get(label))
            if label not in size or (repeats and d != 1):
                size[label] = d
            elif not repeats and not dims.same(size[label], d):
                raise _product_mismatch(a, b)
    for side, (v, labels) in enumerate(((a, la), (b, lb))):
        for i, (label, d) in enumerate(zip(labels, v.node.shape, strict=True)):
            if d == 1 and size[label] != 1:  # a batch axis of size 1 repeats
                labels[i] = f"{label}.{side}"
    out = [f"b{i}" for i in range(lead)] + [x for x in ("m", "n") if x in la + lb]
    return Val(ein([(a.node, la), (b.node, lb)], out, 1, size))


def _product_mismatch(a: Val, b: Val) -> ShapeError:
    error = mismatch(a, b, "multiply")
    if a.order <= 2 and b.order <= 2:
        columns, rows = as_matrix(a).shape[1], as_matrix(b).shape[0]
    else:
        columns, rows = a.node.shape[-1], b.node.shape[-2 if b.order >= 2 else -1]
    vectors = max(a.order, b.order) >= 3  # beside a tensor, a vector lies along what is summed
    error.hint = (
        f"`{{left}}` has {_count(columns, 'entry' if vectors and a.order == 1 else 'column')}, "
        f"`{{right}}` has {_count(rows, 'entry' if vectors and b.order == 1 else 'row')}"
    )
    if max(a.order, b.order) >= 3 and dims.equal(columns, rows):
        error.hint = "the last two axes multiply; the axes before them are a batch, and differ"
    return error


def _count(d: Dim, word: str) -> str:
    several = word.removesuffix("y") + ("ies" if word.endswith("y") else "s")
    return f"{dims.one(d)} {word if d == 1 else several}"


def _matmul_plain(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if max(a.ndim, b.ndim) >= 3:
        return np.matmul(a, b)
    full = (a[:, None] if a.ndim == 1 else a) @ (b[:, None] if b.ndim == 1 else b)
    if full.shape[1] == 1:
        return full[0, 0] if full.shape[0] == 1 else full[:, 0]
    return full


def transpose(x: Val) -> Val:
    if x.order == 2:
        return Val(g.permute(x.node, (1, 0)))
    require(
        x.order < 3,
        f"`.T` of `{{left}}` ({x.dims}) is ambiguous: it has {x.order} axes",
        "say which two change places",
    )
    return Val(x.node, not x.row if x.order == 1 else False)


def swapped(A: Val, dim0: Int = None, dim1: Int = None) -> Val:
    if dim0 is None and dim1 is None:
        return transpose(A)
    if dim0 is None or dim1 is None:
        raise ShapeError("transpose needs both axes, `dim0` and `dim1`, or none")
    n = len(A.shape)
    for a in (dim0, dim1):
        require(isinstance(a, int) and -n <= a < n,
                f"axis {a} does not exist in an array of size {A.dims}")  # fmt: skip
    i, j = dim0 % n, dim1 % n
    if A.row:
        return transpose(A) if i != j else A
    axes = list(range(n))
    axes[i], axes[j] = j, i
    return Val(g.permute(A.node, axes))


def _swapped_plain(x: np.ndarray, dim0: Any = None, dim1: Any = None) -> np.ndarray:
    if dim0 is not None and x.ndim > 2:
        return np.swapaxes(x, dim0, dim1)
    if dim0 is not None and dim0 % x.ndim == dim1 % x.ndim:
        return x
    if x.ndim == 1:
        return x[None, :]
    return x.ravel() if x.ndim == 2 and x.shape[0] == 1 else x.T


def _outer(a: Val, b: Val) -> Val:
    require(a.order == 1 and b.order == 1,
            f"outer takes two vectors, not `{{left}}` ({a.dims}) and `{{right}}` ({b.dims})")  # fmt: skip
    return Val(ein([(a.node, "i"), (b.node, "j")], "ij"))


def _dot(a: Val, b: Val) -> Val:
    ok = a.order == b.order and dims.same_shape(a.node.shape, b.node.shape)
    if not ok:
        raise mismatch(a, b, "take the dot product of")
    axes = tuple(range(a.order))
    return Val(ein([(a.node, axes), (b.node, axes)], ()), product=True)


OPERATORS: dict[str, Op] = {
    "@": Op("matmul", "A[m k], B[k n] -> [m n]", matmul,
            "{y} is linear in {x}.",
            "d(A B) = dA B + A dB", "linear map",
            "Magnus & Neudecker, Matrix Differential Calculus", "·",
            _matmul_plain,
            sample=(([(3, 5), (5, 7)], {}, NORMAL), ([(3, 5), (5,)], {}, NORMAL),
                    ([(1, 5), (5,)], {}, NORMAL), ([(1, 5), (5, 7)], {}, NORMAL),
                    ([(5,), (1, 7)], {}, NORMAL), ([(2, 3, 5), (2, 5, 7)], {}, NORMAL),
                    ([(2, 3, 5), (5, 7)], {}, NORMAL)),
            size="{a} times {b}: the inner sizes match, the outer ones remain.",
            meaning="yᵢⱼ = Σₖ aᵢₖ bₖⱼ"),
    ".T": Op("transpose", "A[m n] -> [n m]", swapped,
             "{y} holds the entries of {x} in other places.", "d(Aᵀ) = (dA)ᵀ", "rearrangement",
             "elementary linear algebra", "ᵀ", _swapped_plain, moves=True,
             sample=(([(3, 5)], {}, NORMAL), ([(7,)], {}, NORMAL), ([(1, 5)], {}, NORMAL),
                     ([(2, 3, 5)], {"dim0": 0, "dim1": -1}, NORMAL)),
             size="Rows become columns, and columns rows.",
             meaning="yᵢⱼ = aⱼᵢ"),
}  # fmt: skip

PRODUCTS: tuple[Op, ...] = (
    Op("outer", "a[m], b[n] -> [m n]", _outer,
       "{y} is linear in {x}: every entry is a product a_i b_j.", "d(a bᵀ) = da bᵀ + a dbᵀ",
       "linear map", "elementary linear algebra", "⊗", np.multiply.outer,
       sample=(([(3,), (5,)], {}, NORMAL),),
       size="A row for each entry of the first, a column for each entry of the second.",
       meaning="yᵢⱼ = aᵢ bⱼ"),
    Op("dot", "a[n], b[n] -> []", _dot, "{y} is linear in {x}: a sum of products a_i b_i.",
       "d(aᵀb) = bᵀda + aᵀdb", "linear map", "elementary linear algebra", "·",
       lambda a, b: np.sum(a * b), sample=(([(7,), (7,)], {}, NORMAL), ([(3, 5), (3, 5)], {}, NORMAL)),
       meaning="Σᵢ aᵢ bᵢ"),
    Op("hadamard", "a[...], b[...] -> [...]", mul,
       "{y} is a product entry by entry; with the other factor held fixed it is linear in {x}.",
       "d(a ⊙ b) = da ⊙ b + a ⊙ db", "product rule", "elementary calculus", "⊙",
       elementwise_plain(np.multiply), sample=PAIRS,
       meaning="the product entry by entry: aᵢ bᵢ"),
)  # fmt: skip
