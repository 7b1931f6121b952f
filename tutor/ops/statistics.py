"""Products, variances, running sums, and the places of largest entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from ..graph import dims
from ..graph import node as g
from ..graph.node import Node, T, call, ein, map_
from .base import SAME_SIZE, Flag, Int, Op, Val, Word, axes_of, require
from .matrices import bounded, front_labels, lower_ones
from .reduce import NORMAL, REDUCED, onehot_forward, plain_reduction, reduced, tie

# -- products: order d is the product without d of the factors, and each order's slope is the next -


def _prod(x: Val, axis: Int = None, keepdims: Flag = False) -> Val:
    if x.order == 0:
        axes_of(x, axis)
        return x
    return reduced(x, axis, keepdims, lambda node, axes: _without(node, tuple(axes), 0))


def _prod_others(x: Val, axis: Int = None, count: Int = 1) -> Val:
    """For each entry the product of the others; with count=2 for each pair of entries."""
    require(isinstance(count, int) and count >= 1, "`count` is the number of factors left out")
    require(x.order > 0, "prod_others takes a vector or a matrix, not a number")
    require(count == 1 or x.order == 1, "prod_others leaves out several factors of a vector only")
    axes = (0,) if x.row else axes_of(x, axis)
    node = _without(x.node, axes, count)
    if count == 1:
        kept = [k for k in range(x.order) if k not in axes]
        node = ein([(node, (*kept, *axes))], tuple(range(x.order)))
    return Val(node, x.row and count == 1)


def _without(node: Node, axes: tuple[int, ...], order: int) -> Node:
    """Entry [kept, i₁, …, i_d] is the product of all entries but those at i₁ … i_d.

    It is 0 where two of the places are one, since no factor stands in the product twice.
    """
    kept = [d for k, d in enumerate(node.shape) if k not in axes]
    places = [node.shape[k] for k in axes]
    return call("prod", [node], (axes, order), [*kept, *places * order])


def _prod_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    (x,) = arrays
    axes, order = parameters
    kept = [k for k in range(x.ndim) if k not in axes]
    lead, places = [x.shape[k] for k in kept], [x.shape[k] for k in axes]
    bounded([*lead, *places * order])
    flat = np.transpose(x, [*kept, *axes]).reshape([*lead, -1])
    return np.asarray(_omitted(flat, order)).reshape([*lead, *places * order])


def _omitted(x: np.ndarray, order: int) -> np.ndarray:
    """Products along the last axis without `order` of the factors; no division, so zeros are fine."""
    if order == 0:
        return np.prod(x, axis=-1)
    one, nothing = (sp.S.One, sp.S.Zero) if x.dtype == object else (1.0, 0.0)
    if order == 1:
        ones = np.full((*x.shape[:-1], 1), one)
        before = np.multiply.accumulate(np.concatenate([ones, x[..., :-1]], axis=-1), axis=-1)
        after = np.concatenate([ones, x[..., :0:-1]], axis=-1)
        return before * np.multiply.accumulate(after, axis=-1)[..., ::-1]
    slices = []
    for i in range(x.shape[-1]):
        rest = x.copy()
        rest[..., i] = one
        part = _omitted(rest, order - 1)
        for axis in range(1, order):
            index = [slice(None)] * part.ndim
            index[-axis] = slice(i, i + 1)
            part[tuple(index)] = nothing
        slices.append(part)
    return np.stack(slices, axis=x.ndim - 1)


def _prod_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    axes, order = y.attr[1]
    (x,) = y.args
    front = front_labels(lead)
    kept = [k for k in range(x.order) if k not in axes]
    places = [(d, k) for d in range(order) for k in axes]
    rest = _without(x, axes, order + 1)
    factors = [(g_, (*front, *kept, *places)), (rest, (*kept, *places, *axes))]
    return (ein(factors, (*front, *range(x.order))),)


def _others_plain(x: np.ndarray, axis: Any = None, count: int = 1) -> np.ndarray:
    """One product after another, with the places left out by a mask."""
    if count > 1:
        flat = x.ravel()
        y = np.zeros((flat.size,) * count)
        for places in np.ndindex(*y.shape):
            if len(set(places)) == count:
                y[places] = np.prod(np.delete(flat, places))
        return y
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis) % x.ndim)
    y = np.zeros(x.shape)
    for at in np.ndindex(*x.shape):
        line = tuple(slice(None) if k in axes else i for k, i in enumerate(at))
        alone = np.ones(x.shape)
        alone[at] = 0.0
        y[at] = np.prod(np.where(alone[line] > 0, x[line], 1.0))
    return y


# -- variances -------------------------------------------------------------------------------------


def _var(x: Val, axis: Int = None, correction: Int = 0, keepdims: Flag = False) -> Val:
    return reduced(x, axis, keepdims, lambda node, axes: _variance(node, axes, correction))


def _std(x: Val, axis: Int = None, correction: Int = 0, keepdims: Flag = False) -> Val:
    def make(node: Node, axes: Sequence[int]) -> Node:
        return map_(sp.sqrt(T), _variance(node, axes, correction))

    return reduced(x, axis, keepdims, make)


def _variance(node: Node, axes: Sequence[int], correction: Any) -> Node:
    require(isinstance(correction, int), "`correction` is a whole number")
    count = dims.product([node.shape[k] for k in axes])
    require(not isinstance(count, int) or count > correction,
            f"a variance of {count} numbers with correction {correction} divides by "
            f"{dims.dim(count - correction)}")  # fmt: skip
    kept = [d for k, d in enumerate(node.shape) if k not in axes]
    return call("var", [node], (tuple(axes), correction), kept)


def _var_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    (x,) = arrays
    axes, correction = parameters
    count = int(np.prod([x.shape[k] for k in axes]))
    require(count > correction,
            f"a variance of {count} numbers with correction {correction} divides by {count - correction}")  # fmt: skip
    if x.dtype != object:
        return np.asarray(np.var(x, axis=axes, ddof=correction))
    gaps = x - np.sum(x, axis=axes, keepdims=True) * sp.Rational(1, count)
    return np.asarray(np.sum(gaps * gaps, axis=axes) * sp.Rational(1, count - correction))


def _var_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    axes, correction = y.attr[1]
    (x,) = y.args
    front = front_labels(lead)
    own = tuple(range(x.order))
    kept = tuple(k for k in own if k not in axes)
    count = dims.number(dims.product([x.shape[k] for k in axes]))
    mean = g.scale(1 / count, g.sum_axes(x, axes))
    gaps = g.sub(x, g.broadcast(mean, kept, x.shape))
    slope = ein([(g_, (*front, *kept)), (gaps, own)], (*front, *own), 2 / (count - correction))
    return (slope,)


def _plain_var(root: bool) -> Any:
    def reference(
        x: np.ndarray, axis: Any = None, correction: int = 0, keepdims: bool = False
    ) -> Any:
        def f(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> Any:
            mean = np.mean(x, axis=axis, keepdims=True)
            count = x.size / mean.size
            y = np.sum((x - mean) ** 2, axis=axis, keepdims=keepdims) / (count - correction)
            return np.sqrt(y) if root else y

        return plain_reduction(f)(x, axis=axis, keepdims=keepdims)

    return reference


def _spread(arrays: list[np.ndarray], given: dict[str, Any]) -> float:
    """The smallest standard deviation."""
    return float(np.min(np.std(arrays[0], axis=given.get("axis"))))


# -- running sums ----------------------------------------------------------------------------------


def _cumsum(x: Val, axis: Int = None) -> Val:
    """Σ over the entries up to and including each: a product with tril(ones(n, n))."""
    require(x.order > 0, "cumsum takes a vector, not a number")
    require(axis is None or isinstance(axis, int), "cumsum goes along one axis")
    if x.row:
        require(axis in (None, 1, -1), "a row has its entries along axis 1")
        k = 0
    else:
        require(axis is not None or x.order == 1, "cumsum of a matrix needs `axis`")
        (k,) = axes_of(x, 0 if axis is None else axis)
    own = tuple(range(x.order))
    mask = lower_ones(x.node.shape[k])
    return Val(
        ein([(mask, ("o", k)), (x.node, own)], tuple("o" if a == k else a for a in own)), x.row
    )


# -- places ----------------------------------------------------------------------------------------


def _argmax(x: Val, axis: Int = None, keepdims: Flag = False) -> Val:
    require(axis is None or isinstance(axis, int), "argmax takes one axis, or none")

    def make(node: Node, axes: Sequence[int]) -> Node:
        kept = [d for k, d in enumerate(node.shape) if k not in axes]
        return call("argmax", [node], (tuple(axes),), kept)

    return reduced(x, axis, keepdims, make)


def _argmax_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    """The place of the first maximum; over all axes it counts row by row."""
    (x,) = arrays
    (axes,) = parameters
    hot = np.asarray(onehot_forward([x], (axes, "first")), dtype=float)
    kept = [k for k in range(x.ndim) if k not in axes]
    flat = np.transpose(hot, [*kept, *axes]).reshape([*(x.shape[k] for k in kept), -1])
    place = np.argmax(flat, axis=-1)
    if x.dtype == object:
        return np.vectorize(sp.Integer, otypes=[object])(place)
    return np.asarray(place, dtype=float)


def _argmax_onehot(x: Val, axis: Int = None, _ties: Word = "first") -> Val:
    axes = tuple(range(x.order)) if x.row else axes_of(x, axis)
    return Val(call("argmax_onehot", [x.node], (axes, _ties), x.node.shape), x.row)


def _onehot_plain(
    x: np.ndarray, axis: Any = None, _rows: tuple[bool, ...] = (False,)
) -> np.ndarray:
    """1 at the first entry that equals the maximum along the axis, one line at a time."""
    if axis is None or _rows[0]:
        return (np.arange(x.size) == int(np.argmax(x))).reshape(x.shape) * 1.0
    if isinstance(axis, tuple | list):  # these axes as one, at the end
        own = tuple(range(-len(axis), 0))
        moved = np.moveaxis(x, axis, own)
        lines = moved.reshape(*moved.shape[: -len(axis)], -1)
        return np.moveaxis(_onehot_plain(lines, -1).reshape(moved.shape), own, axis)
    return np.apply_along_axis(lambda v: np.eye(len(v))[int(np.argmax(v))], axis, x)


_PLACE = "The place of the largest entry does not move when {x} changes a little."
_LINES = (([(3, 5)], {}, NORMAL), ([(3, 5)], {"axis": 0}, NORMAL), ([(3, 5)], {"axis": 1}, NORMAL),
          ([(7,)], {}, NORMAL), ([(1, 5)], {}, NORMAL), ([(2, 3, 5)], {"axis": -1}, NORMAL))  # fmt: skip
_SPREADS = (*REDUCED, ([(3, 5)], {"axis": 0, "correction": 1}, NORMAL))

STATISTICS: tuple[Op, ...] = (
    Op("prod", "x[...] -> [...]", _prod,
       "Each entry of {x} is multiplied by all the others, so its slope is the product of the others.",
       "d Πx = Σ (Π of the others) dx", "product rule", "elementary calculus", "Π",
       plain_reduction(np.prod), forward=_prod_forward, vjp=_prod_vjp, sample=REDUCED,
       meaning="x₁ · x₂ · … · xₙ"),
    Op("prod_others", "x[...] -> [...]", _prod_others,
       "Each entry of {y} is a product of the entries of {x} but one, and changes with all of these.",
       "dyᵢ = Σ over k ≠ i of (the product of all xⱼ with j ≠ i, k) dxₖ", "product rule", "elementary calculus", "Π",
       _others_plain,
       sample=(([(5,)], {}, NORMAL), ([(5,)], {"count": 2}, NORMAL), ([(2, 3)], {}, NORMAL),
               ([(3, 5)], {"axis": 0}, NORMAL), ([(3, 5)], {"axis": 1}, NORMAL),
               ([(1, 5)], {}, NORMAL), ([(2, 3, 2)], {"axis": 1}, NORMAL)),
       meaning="yᵢ = the product of all xⱼ with j ≠ i",
       size="An entry for each entry that is left out."),
    Op("var", "x[...] -> [...]", _var,
       "{y} averages the squared distances from the mean. The mean moves as well, but that changes "
       "nothing at first order, since the distances add up to 0.",
       "d var(x) = 2/(n − correction) (x − mean(x))ᵀdx", "derivative of the variance",
       "elementary statistics; torch.var with correction=0", "var", _plain_var(False),
       forward=_var_forward, vjp=_var_vjp, sample=_SPREADS,
       meaning="Σᵢ (xᵢ − mean(x))² / (n − correction)"),
    Op("std", "x[...] -> [...]", _std,
       "The standard deviation {y} is the root of the variance.",
       "d std(x) = (x − mean(x))ᵀdx / ((n − correction) std(x))", "derivative of the variance",
       "elementary statistics; torch.std with correction=0", "std", _plain_var(True), sample=_SPREADS,
       kinks=_spread, convention="where all entries are equal the standard deviation has no gradient",
       condition="the entries of {x} are not all equal",
       holds=lambda arrays, given: _spread(arrays, given) > 0,
       meaning="√(Σᵢ (xᵢ − mean(x))² / (n − correction))"),
    Op("cumsum", "x[...] -> [...]", _cumsum,
       "Each entry of {x} stands in its own running sum and in all later ones.",
       "d cumsum(x) = cumsum(dx)", "sum rule", "elementary calculus; torch.cumsum", "cumsum",
       lambda x, axis=None: np.cumsum(x, axis=x.ndim - 1 if axis is None else axis),
       sample=(([(7,)], {}, NORMAL), ([(3, 5)], {"axis": 0}, NORMAL), ([(3, 5)], {"axis": -1}, NORMAL),
               ([(1, 5)], {}, NORMAL), ([(2, 3, 5)], {"axis": 1}, NORMAL)),
       size=SAME_SIZE,
       meaning="yᵢ = x₁ + … + xᵢ"),
    Op("argmax", "x[...] -> [...]", _argmax, _PLACE, "d argmax(x) = 0", "constant",
       "torch.argmax; places count from 0", "argmax",
       plain_reduction(lambda x, axis=None, keepdims=False: np.argmax(x, axis=axis, keepdims=keepdims)),
       forward=_argmax_forward, vjp=lambda g_, lead, y: (None,), sample=_LINES, kinks=tie(1.0),
       convention="where several entries are largest, the first one counts as the winner",
       meaning="the place of the largest entry, counted from 0"),
    Op("argmax_onehot", "x[...] -> [...]", _argmax_onehot,
       "The mask {y} is 1 at the largest entry of {x} and 0 elsewhere; it does not move.",
       "d onehot = 0", "constant", "definition", "onehot", _onehot_plain,
       forward=onehot_forward, vjp=lambda g_, lead, y: (None,), kinks=tie(1.0),
       sample=(*_LINES, ([(2, 3, 5)], {"axis": (0, 2)}, NORMAL)),
       convention="where several entries are largest, the first one counts as the winner",
       meaning="1 at the place of the largest entry, 0 everywhere else",
       size=SAME_SIZE),
)  # fmt: skip
