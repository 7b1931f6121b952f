"""Sums, means, extrema and norms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy as sp

from ..graph import dims
from ..graph import node as g
from ..graph.node import Node, T, call, ein, map_
from .arithmetic import maximum, minimum
from .base import Flag, Int, Op, Val, Word, axes_of, require

NORMAL = (-2.0, 2.0)
REDUCED = (([(3, 5)], {}, NORMAL), ([(3, 5)], {"axis": 0}, NORMAL), ([(3, 5)], {"axis": 1}, NORMAL),
           ([(7,)], {}, NORMAL), ([(2, 3, 5)], {"axis": (0, 2)}, NORMAL),
           ([(3, 5)], {"axis": 1, "keepdims": True}, NORMAL))  # fmt: skip


def reduced(
    x: Val, axis: Any, keepdims: bool, make: Callable[[Node, tuple[int, ...]], Node]
) -> Val:
    """Apply a reduction over the axes a user named; over axis 0 of a matrix it leaves a row."""
    if x.row:
        shape_axes = axes_of(x, axis) if axis is not None else (0, 1)
        require(1 in shape_axes or axis is None, "axis 0 of a row has one entry only")
        node = make(x.node, (0,))
        return Val(node, product=axis is not None)  # 1×1 on paper, so that it goes on in `@`
    axes = axes_of(x, axis)
    node = make(x.node, axes)
    if keepdims and x.order >= 3:
        keep = [k for k in range(x.order) if k not in axes]
        return Val(g.broadcast(node, keep, [1 if k in axes else d for k, d in enumerate(x.shape)]))
    return Val(node, row=x.order == 2 and axes == (0,))


def _sum(x: Val, axis: Int = None, keepdims: Flag = False) -> Val:
    return reduced(x, axis, keepdims, g.sum_axes)


def _mean(x: Val, axis: Int = None, keepdims: Flag = False) -> Val:
    def make(node: Node, axes: Sequence[int]) -> Node:
        count = dims.product([node.shape[k] for k in axes])
        return g.scale(1 / dims.number(count), g.sum_axes(node, axes))

    return reduced(x, axis, keepdims, make)


def _max(
    x: Val, y: Val | None = None, axis: Int = None, keepdims: Flag = False, _ties: Word = "first"
) -> Val:
    if y is not None:
        return maximum(x, y, _ties)
    return reduced(x, axis, keepdims, lambda n, axes: whole_max(n, axes, _ties))


def _min(
    x: Val, y: Val | None = None, axis: Int = None, keepdims: Flag = False, _ties: Word = "first"
) -> Val:
    if y is not None:
        return minimum(x, y, _ties)

    def make(node: Node, axes: Sequence[int]) -> Node:  # min x = −max(−x)
        return g.scale(-1, whole_max(g.scale(-1, node), axes, _ties))

    return reduced(x, axis, keepdims, make)


def whole_max(node: Node, axes: Sequence[int], ties: str = "first") -> Node:
    keep = [d for k, d in enumerate(node.shape) if k not in axes]
    return call("max", [node], (tuple(axes), ties), keep)


def _max_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    return np.asarray(np.max(arrays[0], axis=parameters[0]))


def _max_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    axes, ties = y.attr[1]
    x = y.args[0]
    winner = call("argmax_onehot", [x], (axes, ties), x.shape)
    front = tuple(f"y{k}" for k in range(lead))
    own = tuple(range(x.order))
    out = tuple(k for k in own if k not in axes)
    return (ein([(g_, front + out), (winner, own)], front + own),)


def onehot_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    """1 at the first maximum over the axes (or shared between all of them)."""
    axes, ties = parameters
    x = arrays[0]
    keep = [k for k in range(x.ndim) if k not in axes]
    moved = np.transpose(x, [*keep, *axes])
    flat = moved.reshape([x.shape[k] for k in keep] + [-1])
    hit = np.asarray(flat == np.max(flat, axis=-1, keepdims=True), dtype=bool)
    one, nothing = (sp.S.One, sp.S.Zero) if x.dtype == object else (1.0, 0.0)
    if ties == "split":
        share = np.sum(hit, axis=-1, keepdims=True)
        if x.dtype == object:
            share = np.vectorize(sp.Integer, otypes=[object])(share)
        mask = np.where(hit, one, nothing) / share
    else:
        first = np.cumsum(hit, axis=-1) == 1
        mask = np.where(hit & first, one, nothing)
    return np.transpose(mask.reshape(moved.shape), np.argsort([*keep, *axes]))


def gap_to_tie(x: np.ndarray, axes: Sequence[int] | None) -> float:
    """The distance between the largest and the second largest entry, at its smallest."""
    axes = tuple(range(x.ndim)) if axes is None else axes
    keep = [k for k in range(x.ndim) if k not in axes]
    flat = np.transpose(x, [*keep, *axes]).reshape([x.shape[k] for k in keep] + [-1])
    if flat.size < 2 or flat.shape[flat.ndim - 1] < 2:
        return np.inf
    top = np.sort(flat, axis=-1)
    gaps = top[..., -1] - top[..., -2]
    return float(np.min(gaps))


def tie(sign: float) -> Callable[..., float]:
    def distance(arrays: list[np.ndarray], given: dict[str, Any]) -> float:
        if len(arrays) > 1:
            return float(np.min(np.abs(arrays[0] - arrays[1])))
        axis = given.get("axis")
        axes = None if axis is None else tuple(np.atleast_1d(axis) % arrays[0].ndim)
        return gap_to_tie(sign * arrays[0], axes)

    return distance


def _norm2(x: Val, axis: Int = None, keepdims: Flag = False) -> Val:
    def make(node: Node, axes: Sequence[int]) -> Node:
        own = tuple(range(node.order))
        keep = tuple(k for k in own if k not in axes)
        return map_(sp.sqrt(T), ein([(node, own), (node, own)], keep))

    return reduced(x, axis, keepdims, make)


def _norm1(x: Val, axis: Int = None, keepdims: Flag = False) -> Val:
    return reduced(x, axis, keepdims, lambda node, axes: g.sum_axes(map_(sp.Abs(T), node), axes))


def _norm_inf(x: Val, axis: Int = None, keepdims: Flag = False, _ties: Word = "first") -> Val:
    return reduced(
        x, axis, keepdims, lambda node, axes: whole_max(map_(sp.Abs(T), node), axes, _ties)
    )


def _frobenius(A: Val) -> Val:
    require(A.order <= 2, f"frobenius takes a matrix, not a tensor of size {A.dims}")
    return _norm2(A)


def _not_zero(arrays: list[np.ndarray], given: dict[str, Any]) -> bool:
    """Whether the vectors whose length is taken have one."""
    return bool(np.all(np.sum(np.abs(arrays[0]), axis=given.get("axis")) > 0))


def _largest_size(arrays: list[np.ndarray], given: dict[str, Any]) -> float:
    """Distance to the nearest tie of |x|, or to a change of sign of the winner."""
    size = np.abs(arrays[0])
    return min(tie(1.0)([size], given), float(np.min(np.max(size, axis=given.get("axis")))))


def plain_reduction(f: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy reduction in the paper's shapes: no row or column survives as more than it is."""

    def reference(
        x: np.ndarray, *other: np.ndarray, axis: Any = None, keepdims: bool = False
    ) -> Any:
        other = tuple(o for o in other if o is not None)
        if other:
            return {np.max: np.maximum, np.min: np.minimum}[f](x, *other)
        if x.ndim == 2 and x.shape[0] == 1 and axis != 0:
            return f(x)
        y = f(x, axis=axis, keepdims=keepdims and x.ndim > 2)
        return y[None, :] if x.ndim == 2 and axis in (0, (0,)) else y

    return reference


_FIRST = "where several entries are largest, the first one counts as the winner"

REDUCE: tuple[Op, ...] = (
    Op("sum", "x[...] -> [...]", _sum,
       "Every entry of {x} enters the sum {y} once, with weight 1.", "d Σx = Σ dx", "sum rule",
       "elementary calculus", "Σ", plain_reduction(np.sum), sample=REDUCED,
       meaning="Σ xᵢ over all entries, or over those along `axis`"),
    Op("mean", "x[...] -> [...]", _mean,
       "Every entry of {x} enters the mean {y} with weight one over their number.",
       "d mean(x) = mean(dx)", "sum rule", "elementary calculus", "mean", plain_reduction(np.mean),
       sample=REDUCED,
       meaning="Σ xᵢ / n over all n entries, or over those along `axis`"),
    Op("max", "x[...] -> [...]", _max,
       "Only the largest entry of {x} moves {y}, so the whole gradient goes to it.",
       "d max(x) = dx at the winner", "maximum", "definition", "max", plain_reduction(np.max),
       forward=_max_forward, vjp=_max_vjp, sample=REDUCED, kinks=tie(1.0), convention=_FIRST,
       meaning="the largest entry, or the larger of two operands entry by entry"),
    Op("min", "x[...] -> [...]", _min,
       "Only the smallest entry of {x} moves {y}, so the whole gradient goes to it.",
       "d min(x) = dx at the winner", "maximum", "definition", "min", plain_reduction(np.min),
       sample=REDUCED, kinks=tie(-1.0), convention=_FIRST.replace("largest", "smallest"),
       meaning="the smallest entry, or the smaller of two operands entry by entry"),
    Op("norm2", "x[...] -> [...]", _norm2,
       "The length {y} grows fastest in the direction of {x}: its gradient is the unit vector.",
       "d ‖x‖ = xᵀdx / ‖x‖", "derivative of the norm", "The Matrix Cookbook eq. 129", "‖·‖",
       plain_reduction(lambda x, axis=None, keepdims=False: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))),
       sample=REDUCED, kinks=lambda arrays, given: float(np.min(np.sqrt(np.sum(arrays[0] ** 2, axis=given.get("axis"))))),
       convention="at the zero vector the norm has no gradient", condition="{x} is not zero",
       holds=_not_zero,
       meaning="√(Σᵢ xᵢ²)"),
    Op("norm1", "x[...] -> [...]", _norm1,
       "{y} adds the absolute values of {x}; each grows with slope 1 away from zero, so the gradient is the sign.",
       "d ‖x‖₁ = sign(x)ᵀdx", "derivative of the norm", "elementary calculus", "‖·‖₁",
       plain_reduction(lambda x, axis=None, keepdims=False: np.sum(np.abs(x), axis=axis, keepdims=keepdims)),
       sample=REDUCED, kinks=lambda arrays, _: float(np.min(np.abs(arrays[0]))),
       convention="at a zero entry the sign counts as 0",
       meaning="Σᵢ |xᵢ|"),
    Op("norm_inf", "x[...] -> [...]", _norm_inf,
       "Only the entry of {x} that is largest in size moves {y}: the gradient is its sign, at its place.",
       "d ‖x‖_∞ = sign(x) dx at the winner", "maximum", "elementary calculus", "‖·‖_∞",
       plain_reduction(lambda x, axis=None, keepdims=False: np.max(np.abs(x), axis=axis, keepdims=keepdims)),
       sample=REDUCED, kinks=_largest_size,
       convention="where several entries are largest in size, the first one counts as the winner",
       meaning="the largest |xᵢ|"),
    Op("frobenius", "A[m n] -> []", _frobenius,
       "The Frobenius norm {y} is the length of all entries in one vector; its gradient has length 1.",
       "d ‖A‖_F = tr(Aᵀ dA) / ‖A‖_F", "derivative of the norm", "The Matrix Cookbook eq. 129", "‖·‖_F",
       lambda A: np.sqrt(np.sum(A * A)), sample=(([(3, 5)], {}, NORMAL), ([(7,)], {}, NORMAL)),
       kinks=lambda arrays, given: float(np.sqrt(np.sum(arrays[0] ** 2))),
       convention="at the zero matrix the norm has no gradient", condition="{A} is not zero",
       holds=_not_zero,
       meaning="√(Σᵢⱼ aᵢⱼ²)"),
)  # fmt: skip
