"""Softmax and its relatives, dense layers, losses, and constant arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from ..errors import ShapeError
from ..graph import dims
from ..graph import node as g
from ..graph.node import Node, T, call, ein, map_
from .arithmetic import add
from .base import (
    SAME_SIZE,
    Dims,
    Flag,
    Int,
    Op,
    Val,
    Word,
    as_column,
    as_matrix,
    axes_of,
    is_column,
    positive,
    require,
)
from .broadcast import paired, paper
from .matrix import matmul, transpose
from .reduce import _mean, _sum, plain_reduction, reduced

NORMAL = (-2.0, 2.0)


def _axis(x: Val, axis: Any) -> int:
    if x.row:
        require(axis in (None, 1, -1), "a row has its entries along axis 1")
        return 0
    require(x.order >= 1, "a softmax of a scalar is always 1")
    require(axis is None or isinstance(axis, int), "a softmax acts along one axis")
    return axes_of(x, -1 if axis is None else axis)[0]


def _softmax(x: Val, axis: Int = None) -> Val:
    return Val(call("softmax", [x.node], (_axis(x, axis),), x.node.shape), x.row)


def _log_softmax(x: Val, axis: Int = None) -> Val:
    return Val(call("log_softmax", [x.node], (_axis(x, axis),), x.node.shape), x.row)


def _logsumexp(x: Val, axis: Int = None, keepdims: Flag = False) -> Val:
    require(x.order >= 1, "logsumexp takes a vector or a matrix, not a number")

    def make(node: Node, axes: Sequence[int]) -> Node:
        for k in sorted(axes, reverse=True):  # log Σᵢ Σⱼ exp = log Σᵢ exp(log Σⱼ exp)
            shape = [d for j, d in enumerate(node.shape) if j != k]
            node = call("logsumexp", [node], (k,), shape)
        return node

    return reduced(x, axis, keepdims, make)


def _shifted(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """exp(x − max) and max: the same quotient without overflow; exact numbers need no shift."""
    if x.dtype == object:
        return np.vectorize(sp.exp, otypes=[object])(x), np.full((1,) * x.ndim, sp.S.Zero)
    top = np.max(x, axis=axis, keepdims=True)
    return np.exp(x - top), top


def _softmax_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    (axis,) = parameters
    e, _ = _shifted(arrays[0], axis)
    return e / np.sum(e, axis=axis, keepdims=True)


def _logsumexp_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    (axis,) = parameters
    e, top = _shifted(arrays[0], axis)
    total = np.sum(e, axis=axis)
    log = np.vectorize(sp.log, otypes=[object]) if e.dtype == object else np.log
    return np.asarray(
        log(total)
        + np.squeeze(np.broadcast_to(top, np.sum(e, axis=axis, keepdims=True).shape), axis)
    )


def _log_softmax_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    (axis,) = parameters
    return arrays[0] - np.expand_dims(_logsumexp_forward(arrays, parameters), axis)


def _labels(lead: int, y: Node) -> tuple[tuple[str, ...], tuple[int, ...]]:
    return tuple(f"y{k}" for k in range(lead)), tuple(range(y.order))


def softmax_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    """y ⊙ (g − ⟨g, y⟩)."""
    (axis,) = y.attr[1]
    front, own = _labels(lead, y)
    inner = ein([(g_, front + own), (y, own)], front + tuple(k for k in own if k != axis))
    less = ein([(inner, front + tuple(k for k in own if k != axis)), (y, own)], front + own)
    return (g.sub(ein([(g_, front + own), (y, own)], front + own), less),)


def _log_softmax_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    """g − softmax(x) Σ g."""
    (axis,) = y.attr[1]
    front, own = _labels(lead, y)
    p = call("softmax", y.args, y.attr[1], y.shape)
    total = ein([(g_, front + own)], front + tuple(k for k in own if k != axis))
    rest = front + tuple(k for k in own if k != axis)
    return (g.sub(g_, ein([(total, rest), (p, own)], front + own)),)


def _logsumexp_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    (axis,) = y.attr[1]
    x = y.args[0]
    front, own = _labels(lead, x)
    p = call("softmax", [x], (axis,), x.shape)
    return (ein([(g_, front + tuple(k for k in own if k != axis)), (p, own)], front + own),)


def _linear(x: Val, weight: Val, bias: Val | None = None) -> Val:
    """torch's linear: W x + b for a column, X Wᵀ + bᵀ for a batch of rows."""
    weight = Val(as_matrix(weight)) if weight.row else weight
    require(
        weight.order == 2, f"the weight of linear is a matrix (out × in), not size {weight.dims}"
    )
    features = x.node.shape[-1] if x.order else 1
    require(
        x.order > 0 and dims.same(features, weight.node.shape[1]),
        f"linear cannot apply the weight `{{right}}` ({weight.dims}) to `{{left}}` ({x.dims})",
        f"the weight is outputs × inputs: it takes {dims.one(weight.node.shape[1])} features, "
        f"and `{{left}}` has {dims.one(features)}",
    )
    column = is_column(x) and x.order == 1
    y = matmul(weight, x) if column else matmul(x, transpose(weight))
    if column and y.order == 0:
        y = Val(g.broadcast(y.node, (), (1,)))
    if bias is None:
        return y
    outs, b = weight.node.shape[0], as_column(bias)
    fits = b.order == 0 or (
        (b.order == 1 and (not b.row or not column) and dims.same(b.node.shape[0], outs))
        or (not column and dims.same_shape(b.shape, (1, outs)))
    )
    if not fits:
        raise ShapeError(
            f"linear cannot add the bias `{{bias}}` ({bias.dims}): the weight `{{right}}` "
            f"({weight.dims}) gives {dims.one(outs)} outputs",
            hint="the bias needs one entry for each output",
        )
    return add(y, Val(b.node, row=not column and b.order == 1 and y.order < 3))


def _linear_plain(x: np.ndarray, weight: np.ndarray, bias: Any = None) -> np.ndarray:
    y = np.tensordot(x, weight, axes=(x.ndim - 1, 1))
    return y if bias is None else y + np.ravel(bias)


def reduce_loss(x: Val, reduction: str) -> Val:
    require(reduction in ("mean", "sum", "none"), '`reduction` is "mean", "sum" or "none"')
    if reduction == "none":
        return x
    return _mean(x) if reduction == "mean" else _sum(x)


def _mse_loss(x: Val, y: Val, reduction: Word = "mean") -> Val:
    at = paired(x, y, "mse_loss")
    return reduce_loss(Val(map_(T**2, g.sub(*at.both(x.node, y.node))), at.row), reduction)


def _plain_loss(f: Any) -> Any:
    def reference(x: np.ndarray, y: np.ndarray, reduction: str = "mean") -> Any:
        return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](f(*paper(x, y)))

    return reference


def one_hot(t: Node, classes: Any, ignored: int | None = None) -> Node:
    """A last axis with a 1 at each class index; none at the index that is to be ignored."""
    return call("one_hot", [t], (classes, ignored), (*t.shape, classes))


def _one_hot_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    classes, ignored = parameters
    t = arrays[0]
    for v in t.ravel():
        whole = float(v) == int(v) and (0 <= v < classes or v == ignored)
        hint = "to leave examples out, name their index: `ignore_index=-100`" if v == -100 else None
        require(bool(whole), f"an index is a whole number from 0 to {classes - 1}, not {v}", hint)
    index = np.vectorize(int, otypes=[int])(t) if t.size else t.astype(int)
    mask = np.arange(classes) == index[..., None]
    if ignored is not None:
        mask = mask & (index != ignored)[..., None]
    if t.dtype == object:
        return np.where(mask, sp.S.One, sp.S.Zero)
    return mask * 1.0


# -- constant arrays ------------------------------------------------------------------------------


def _eye(n: Dims, m: Dims = None) -> Val:
    sizes = (n, n if m is None else m)
    positive(sizes)
    return Val(g.rel((1, -1), 0, sizes))


def _fill(value: int) -> Any:
    def define(*shape: Dims) -> Val:
        sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        require(bool(sizes), "the size is missing")
        positive(sizes)
        return Val(g.const(value, sizes))

    return define


def _plain_axis(f: Any) -> Any:
    def reference(x: np.ndarray, axis: Any = None) -> Any:
        return f(x, -1 if axis is None else axis)

    return reference


def _soft(x: np.ndarray, axis: int) -> np.ndarray:
    top = np.max(x, axis=axis, keepdims=True)  # exp of large scores is beyond the largest float
    return np.exp(x - top) / np.sum(np.exp(x - top), axis=axis, keepdims=True)


def _lse(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> Any:
    top = np.max(x, axis=axis, keepdims=True)
    y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis=axis)


AXES = (
    ([(7,)], {}, NORMAL),
    ([(3, 5)], {}, NORMAL),
    ([(3, 5)], {"axis": 0}, NORMAL),
    ([(1, 5)], {}, NORMAL),
)
_GOODFELLOW = "Goodfellow, Bengio & Courville, Deep Learning, ch. 6"
_CONSTANT = "{y} is a constant."

LOSS: tuple[Op, ...] = (
    Op("softmax", "z[... k] -> [... k]", _softmax,
       "Entries of {y} that add up to 1 share one denominator, so each depends on all the entries "
       "of {x} beside it: their Jacobian is diag(p) − p pᵀ.", "dp = p ⊙ (dz − pᵀdz)", "derivative of softmax",
       _GOODFELLOW, "softmax", _plain_axis(_soft), forward=_softmax_forward, vjp=softmax_vjp,
       sample=AXES, meaning="pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ)",
       size=SAME_SIZE),
    Op("log_softmax", "z[... k] -> [... k]", _log_softmax,
       "The logarithm of a softmax is z minus logsumexp(z), and the gradient of logsumexp is the "
       "softmax.", "d log p = dz − pᵀdz", "derivative of log-softmax", _GOODFELLOW, "log softmax",
       _plain_axis(lambda x, axis: x - _lse(x, axis, True)), forward=_log_softmax_forward,
       vjp=_log_softmax_vjp, sample=AXES, meaning="zᵢ − log Σⱼ exp(zⱼ)",
       size=SAME_SIZE),
    Op("logsumexp", "z[... k] -> [...]", _logsumexp,
       "The gradient of logsumexp is the softmax of its argument.", "d lse(z) = pᵀdz",
       "derivative of logsumexp", _GOODFELLOW, "lse", plain_reduction(_lse),
       forward=_logsumexp_forward, vjp=_logsumexp_vjp,
       sample=(([(7,)], {}, NORMAL), ([(3, 5)], {"axis": 1}, NORMAL), ([(3, 5)], {"axis": 0}, NORMAL),
               ([(1, 5)], {"axis": 1}, NORMAL), ([(2, 3, 5)], {"axis": 1, "keepdims": True}, NORMAL),
               ([(3, 5)], {}, NORMAL), ([(2, 3, 5)], {"axis": (0, 2)}, NORMAL)),
       meaning="log Σⱼ exp(zⱼ)"),
    Op("linear", "x[n i], W[o i], b[o] -> [n o]", _linear,
       "A linear layer {y} is linear in {x}: W x + b.", "d(W x + b) = dW x + W dx + db",
       "linear map", "torch.nn.functional.linear", "linear", _linear_plain,
       sample=(([(5,), (3, 5), (3,)], {}, NORMAL), ([(7, 5), (3, 5), (3,)], {}, NORMAL),
               ([(5,), (3, 5)], {}, NORMAL)),
       size="One output for each row of the weights.",
       meaning="W x + b, with W for the weight; of a batch with an example in each row x Wᵀ + b"),
    Op("mse_loss", "x[...], y[...] -> []", _mse_loss,
       "{y} averages the squares of the differences, and the slope of a square is twice its base.",
       "d mse = 2/n (x − y)ᵀ(dx − dy)", "power rule", "torch.nn.functional.mse_loss", "MSE",
       _plain_loss(lambda x, y: (x - y) ** 2),
       sample=(([(7,), (7,)], {}, NORMAL), ([(3, 5), (3, 5)], {"reduction": "sum"}, NORMAL),
               ([(3, 5), (3, 5)], {"reduction": "none"}, NORMAL)),
               meaning='the mean of (xᵢ − yᵢ)²; with the reduction "sum" their sum, with '
                       '"none" each of them'),
    Op("eye", "-> [n m]", _eye, _CONSTANT, "d I = 0", "constant", "definition", "I",
       lambda n, m=None: np.eye(n, m), constant=True,
       size="The size asked for.",
       meaning="1 on the diagonal, 0 elsewhere"),
    Op("ones", "-> [...]", _fill(1), _CONSTANT, "d 1 = 0", "constant", "definition", "1",
       lambda *shape: np.ones(shape), constant=True,
       size="The size asked for.",
       meaning="1 everywhere"),
    Op("zeros", "-> [...]", _fill(0), _CONSTANT, "d 0 = 0", "constant", "definition", "0",
       lambda *shape: np.zeros(shape), constant=True,
       size="The size asked for.",
       meaning="0 everywhere"),
)  # fmt: skip

INTERNAL: tuple[Op, ...] = (
    Op("one_hot", "t[...] -> [... k]", lambda x: x, "A class index does not move.", "d onehot = 0",
       "constant", "definition", "onehot", lambda x: x,
       forward=_one_hot_forward,
       vjp=lambda g_, lead, y: (None,)),
)  # fmt: skip
