"""The normalised array z = (x − mean)/deviation, and one over the deviation, as nodes kept whole.

The derivative of z follows three paths (directly, through the mean, through the deviation); written
out in sums it could not be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from ..graph import dims
from ..graph import node as g
from ..graph.dims import number
from ..graph.node import Node, call, ein
from .base import Op, require


def normalized(x: Node, axes: Sequence[int], eps: Any, centred: bool = True) -> Node:
    """(x − mean)/√(var + ε) over the axes; not centred: x/√(mean of squares + ε)."""
    eps = number(eps)
    require(bool(eps >= 0), "`eps` must not be negative")
    return call("normalized", [x], (tuple(axes), (eps,), centred), x.shape)


def _moments(x: np.ndarray, parameters: Any) -> tuple[np.ndarray, np.ndarray]:
    """The entries, centred if they are to be, and one over their deviation (axes kept)."""
    axes, (eps,), centred = parameters
    count = int(np.prod([x.shape[k] for k in axes]))
    n = sp.Integer(count) if x.dtype == object else count
    if centred:
        x = x - np.sum(x, axis=axes, keepdims=True) / n
    power = np.sum(x * x, axis=axes, keepdims=True) / n
    if x.dtype == object:
        root = np.vectorize(sp.sqrt, otypes=[object])(power + eps)
        return x, np.asarray(sp.S.One / root, dtype=object)
    return x, 1.0 / np.sqrt(power + float(eps))


def _normalized_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    x, inverse = _moments(arrays[0], parameters)
    return np.asarray(x * inverse)


def _rstd_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    return np.squeeze(_moments(arrays[0], parameters)[1], axis=parameters[0])


def _axes(lead: int, y: Node, axes: Sequence[int]) -> tuple[Any, Any, Any]:
    own = tuple(range(y.order))
    return tuple(f"y{k}" for k in range(lead)), own, tuple(k for k in own if k not in axes)


def _normalized_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    """(g − mean(g) − z ⊙ mean(g ⊙ z)) / deviation; the mean's path only where one is taken."""
    axes, _, centred = y.attr[1]
    (x,) = y.args
    front, own, rest = _axes(lead, y, axes)
    share = 1 / number(dims.product([x.shape[k] for k in axes]))
    size = {k: x.shape[k] for k in own}
    along = ein([(g_, front + own), (y, own)], front + rest)
    paths = [g_, ein([(along, front + rest), (y, own)], front + own)]
    if centred:
        mean = ein([(g_, front + own)], front + rest)
        paths.insert(1, ein([(mean, front + rest)], front + own, 1, size))
    total = g.add(paths, [1, *[-share] * (len(paths) - 1)])
    inverse = call("rstd", [x], y.attr[1], [x.shape[k] for k in rest])
    return (ein([(total, front + own), (inverse, rest)], front + own),)


def _rstd_vjp(g_: Node, lead: int, r: Node) -> tuple[Node]:
    """−g r² z / n."""
    axes = r.attr[1][0]
    (x,) = r.args
    front, own, rest = _axes(lead, x, axes)
    share = 1 / number(dims.product([x.shape[k] for k in axes]))
    hat = call("normalized", [x], r.attr[1], x.shape)
    factors = [(g_, front + rest), (r, rest), (r, rest), (hat, own)]
    return (ein(factors, front + own, -share),)


WHY = (
    "An input of {y} counts along three paths: directly, through the mean, and through the "
    "deviation. So the arriving gradient loses its mean and its part along z, the normalised "
    "input, and is divided by the deviation. Scale and shift act on z linearly."
)
LAW = "dz = (dx − mean(dx) − z ⊙ mean(z ⊙ dx)) / √(var + ε)"
SOURCE = "Ioffe & Szegedy 2015, section 3"

INTERNAL: tuple[Op, ...] = (
    Op("normalized", "x[...] -> [...]", lambda x: x, WHY, LAW, "derivative of a normalisation",
       SOURCE, "z", lambda x: x, forward=_normalized_forward, vjp=_normalized_vjp,
       meaning="(x − mean) / √(var + ε)"),
    Op("rstd", "x[...] -> [...]", lambda x: x, "One over the deviation falls as the spread grows.",
       "d(1/σ) = −1/σ² mean(z ⊙ dx)", "derivative of a normalisation", SOURCE, "1/σ", lambda x: x,
       forward=_rstd_forward, vjp=_rstd_vjp, meaning="1 / √(var + ε)"),
)  # fmt: skip
