"""Attention: scores of queries against keys, softmax weights, a mean of the values.

One example is a matrix with one query, key or value per row; more axes in front are a batch (and
heads). The steps become lines of their own, so that each matrix is seen with its size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from ..graph import dims
from ..graph.dims import number
from ..graph.node import Node, call
from .base import SAME_SIZE, Flag, Int, Number, Op, Val, axes_of, require
from .broadcast import align
from .build import defined

NORMAL = (-1.0, 1.0)


# -- softmax over the entries that a mask keeps ---------------------------------------------------


def _masked_softmax(x: Val, mask: Val, axis: Int = None) -> Val:
    """exp(x)/Σ exp(x) over the entries with a mask of 1; 0 at the others."""
    require(x.order >= 1, "a softmax of a scalar is always 1")
    at = align(x, mask, "mask")
    require(dims.same_shape(at.shape, x.node.shape),
            f"the mask of size {mask.dims} does not fit scores of size {x.dims}")  # fmt: skip
    require(axis is None or isinstance(axis, int), "a softmax acts along one axis")
    (k,) = (0,) if x.row else axes_of(x, -1 if axis is None else axis)
    args = list(at.both(x.node, mask.node))
    return Val(call("masked_softmax", args, (k,), x.node.shape), x.row)


def _masked_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    (axis,) = parameters
    x, mask = arrays
    kept = np.asarray(mask != 0, dtype=bool)
    if x.dtype == object:
        e = np.where(kept, np.vectorize(sp.exp, otypes=[object])(x), sp.S.Zero)
    else:
        top = np.max(np.where(kept, x, -np.inf), axis=axis, keepdims=True)
        e = np.where(kept, np.exp(np.where(kept, x - top, 0.0)), 0.0)
    return np.asarray(e / np.sum(e, axis=axis, keepdims=True))


def _masked_vjp(g_: Node, lead: int, y: Node) -> tuple[Node, None]:
    """y ⊙ (g − ⟨g, y⟩): where y is 0, so is the gradient."""
    from .loss import softmax_vjp

    return softmax_vjp(g_, lead, y)[0], None


def _masked_plain(x: np.ndarray, mask: np.ndarray, axis: int = -1) -> np.ndarray:
    y = np.zeros_like(x)
    rows, keeps = np.moveaxis(x, axis, -1), np.moveaxis(np.broadcast_to(mask, x.shape), axis, -1)
    out = np.moveaxis(y, axis, -1)
    for at in np.ndindex(*rows.shape[:-1]):
        chosen = [k for k in range(rows.shape[-1]) if keeps[at][k] != 0]
        top = max((rows[at][k] for k in chosen), default=0.0)
        total = sum(np.exp(rows[at][k] - top) for k in chosen)
        for k in chosen:
            out[(*at, k)] = np.exp(rows[at][k] - top) / total
    return y


# -- attention ------------------------------------------------------------------------------------


def _attend(build: Any, name: str, q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: Any
            ) -> tuple[Any, ...]:  # fmt: skip
    _check(name, build.val(q), build.val(k), build.val(v))
    order, keys = build.val(k).order, build.val(k).shape[-2]
    if order <= 2:
        turned = build.transposed(k)
    else:
        swapped = (*range(order - 2), order - 1, order - 2)
        turned = build.call("permute", k, rest=swapped)
    width = sp.sqrt(number(build.val(q).node.shape[-1]))
    plain = scale is None and width == 1
    raw = build.binary("@", q, turned, "S" if plain and keys != 1 else None)
    if keys == 1 and order <= 2:  # on paper a column, but its rows still are one query each
        raw = build.call(
            "reshape", raw, rest=(build.val(q).shape[-2], 1), name="S" if plain else None
        )
    scores = raw
    if scale is not None:
        scores = build.binary("*", raw, scale, "S")
    elif not plain:
        scores = build.binary("/", raw, build.number(width), "S")
    if causal:
        rows, columns = build.val(scores).shape[-2:]
        mask = build.call("tril", build.ones(rows, columns), name="M")
        weights = build.call("masked_softmax", scores, mask, name="A")
    elif mask is not None and build.val(mask).boolean:
        weights = build.call("masked_softmax", scores, mask, name="A")
    else:
        scores = scores if mask is None else build.binary("+", scores, mask)
        weights = build.call("softmax", scores, name="A")
    return (build.binary("@", weights, v, build.result(0)),)


def _check(name: str, q: Val, k: Val, v: Val) -> None:
    for what, x in (("queries", q), ("keys", k), ("values", v)):
        require(x.order >= 2 or x.row, f"the {what} of {name} are the rows of a matrix, not {x.dims}",
                "one row per query, key or value; more axes in front are a batch")  # fmt: skip
    require(dims.same(q.node.shape[-1], k.node.shape[-1]),
            f"the queries `{{left}}` ({q.dims}) have {dims.one(q.node.shape[-1])} features and the keys "
            f"`{{right}}` ({k.dims}) have {dims.one(k.node.shape[-1])}",
            "a score is the dot product of a query and a key, so they need equally many features")  # fmt: skip
    require(dims.same(k.shape[-2], v.shape[-2]),
            f"`{{right}}` ({k.dims}) holds {dims.one(k.shape[-2])} keys, and `{{operand2}}` ({v.dims}) "
            f"{dims.one(v.shape[-2])} values", "each key has its value: both need equally many rows")  # fmt: skip


def _attention(build: Any, Q: Val, K: Val, V: Val, mask: Val | None = None,
               scale: Val | None = None) -> tuple[Any, ...]:  # fmt: skip
    """softmax(Q Kᵀ/√d + mask) V; a mask of true and false keeps where it is true."""
    return _attend(build, "attention", Q, K, V, mask, False, scale)


def _sdpa(build: Any, query: Val, key: Val, value: Val, attn_mask: Val | None = None,
          dropout_p: Number = 0, is_causal: Flag = False, scale: Val | None = None
          ) -> tuple[Any, ...]:  # fmt: skip
    """The same under PyTorch's names; causal: query i sees keys up to i."""
    require(dropout_p == 0, "`dropout_p` would lose random weights; use dropout(x, p, mask)")
    require(
        not (is_causal and attn_mask is not None), "`is_causal` and `attn_mask` exclude each other"
    )
    name = "scaled_dot_product_attention"
    return _attend(build, name, query, key, value, attn_mask, is_causal, scale)


# -- query by query, in plain NumPy; used only by checks ------------------------------------------


def _by_query(q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: Any = None, scale: Any = None,
              causal: bool = False) -> np.ndarray:  # fmt: skip
    lead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    q, k, v = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (q, k, v))
    bias = np.zeros((q.shape[-2], k.shape[-2])) if mask is None else mask
    bias = np.broadcast_to(bias, (*lead, q.shape[-2], k.shape[-2]))
    factor = q.shape[-1] ** -0.5 if scale is None else float(scale)
    y = np.zeros((*lead, q.shape[-2], v.shape[-1]))
    for *at, i in np.ndindex(*lead, q.shape[-2]):
        b = tuple(at)
        seen = range(min(i + 1, k.shape[-2])) if causal else range(k.shape[-2])
        scores = [factor * np.sum(q[b][i] * k[b][j]) + bias[b][i, j] for j in seen]
        e = [np.exp(score - max(scores)) for score in scores]
        for weight, j in zip(e, seen, strict=True):
            y[(*b, i)] += weight / sum(e) * v[b][j]
    return y


def _sdpa_plain(q: np.ndarray, k: np.ndarray, v: np.ndarray, attn_mask: Any = None, scale: Any = None,
                dropout_p: Any = 0, is_causal: bool = False) -> np.ndarray:  # fmt: skip
    return _by_query(q, k, v, attn_mask, scale, is_causal)


def _zero_or_one(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(0.5, 1.5, size=shape)


_WHY = (
    "{y} is a mean of the values, weighted by a softmax of scores: values enter linearly, queries and "
    "keys through the scores."
)
_LAW = "dO = A dV + dA V, dA = A ⊙ (dS − rowsum(A ⊙ dS)), dS = (dQ Kᵀ + Q dKᵀ)/√d"
_VASWANI = "Vaswani et al. 2017, section 3.2.1"

ATTENTION: tuple[Op, ...] = (
    Op("masked_softmax", "z[... k], mask[... k] -> [... k]", _masked_softmax,
       "The entries that the mask keeps share one denominator: their Jacobian is diag(p) − p pᵀ. The "
       "others are 0 and stay 0.",
       "dp = p ⊙ (dz − pᵀdz)", "derivative of softmax", _VASWANI, "softmax", _masked_plain,
       forward=_masked_forward, vjp=_masked_vjp,
       meaning="exp(z)/Σ exp(z) over the entries where the mask is not 0; 0 elsewhere",
       sample=(([(7,), (7,)], {}, _zero_or_one), ([(3, 5), (3, 5)], {}, _zero_or_one),
               ([(3, 5), (3, 5)], {"axis": 0}, _zero_or_one)),
       size=SAME_SIZE),
    Op("attention", "Q[... m d], K[... n d], V[... n e], mask[m n] -> [... m e]", defined(_attention),
       _WHY, _LAW, "chain rule", _VASWANI, "attention", _by_query, expand=_attention,
       meaning="softmax(Q Kᵀ/√d + mask) V, a softmax for every row; with a mask of true and false only "
       "the keys that it keeps take part",
       sample=(([(3, 2), (5, 2), (5, 7)], {}, NORMAL), ([(3, 2), (5, 2), (5, 3), (3, 5)], {}, NORMAL),
               ([(3, 2), (5, 2), (5, 3), (3, 5), ()], {}, NORMAL),
               ([(3, 2), (1, 2), (1, 5)], {}, NORMAL), ([(1, 2), (3, 2), (3, 5)], {}, NORMAL),
               ([(2, 3, 5), (2, 7, 5), (2, 7, 3)], {}, NORMAL)),
               size="One row for each query, as long as the values."),
    Op("scaled_dot_product_attention",
       "Q[... m d], K[... n d], V[... n e], mask[m n] -> [... m e]", defined(_sdpa), _WHY, _LAW,
       "chain rule", _VASWANI, "attention", _sdpa_plain, expand=_sdpa,
       meaning="softmax(Q Kᵀ/√d + mask) V, a softmax for every row; if causal, query i sees the keys "
       "up to i",
       sample=(([(3, 2), (5, 2), (5, 7)], {}, NORMAL), ([(3, 2), (3, 2), (3, 5)], {"is_causal": True}, NORMAL),
               ([(2, 1, 3, 5), (2, 1, 2, 5), (2, 1, 2, 7)], {}, NORMAL)),
               size="One row for each query, as long as the values."),
)  # fmt: skip
