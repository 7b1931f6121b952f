"""Transposed convolutions: the adjoint of a convolution as an operation of its own.

The relation of a convolution, i = s·o + d·k − p, is read the other way round: every entry of the
input adds a copy of the kernel, scaled by it, to the output at the place s·i + d·k − p. So the
gradient with respect to the input is an ordinary convolution.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import dims
from ..graph import node as g
from ..graph.dims import Dim
from ..graph.node import Node, ein, rel
from .base import Int, Op, Val, Word, as_column, integers, require
from .conv import DUMOULIN, NORMAL, window
from .open_sizes import extents, held_open, numbers, unsettled
from .rows import as_row, image_rows


def output_sizes(size: Any, kernel: Any, s: Any, p: Any, extra: Any, d: Any) -> tuple[Dim, ...]:
    """(n − 1)·s − 2p + d(k − 1) + output_padding + 1, along every axis."""
    found = []
    for n, k, ss, pp, e, dd in zip(size, kernel, s, p, extra, d, strict=True):
        require(e < max(ss, dd),
                f"`output_padding` must be smaller than the stride or the dilation, not {e}",
                "it chooses between the sizes that one stride maps to the same input")  # fmt: skip
        out = dims.dim((n - 1) * ss - 2 * pp + dd * (k - 1) + e + 1)
        if not isinstance(out, int):
            held_open(out)
        require(not isinstance(out, int) or out >= 1, f"a padding of {pp} cuts away all of the output: {out} entries are left",
                "in a transposed convolution `padding` makes the output smaller")  # fmt: skip
        found.append(out)
    return tuple(found)


def _transposed(n: int, x: Val, w: Val, bias: Val | None, stride: Any, padding: Any,
                output_padding: Any, groups: Any, dilation: Any, flip: bool) -> Val:  # fmt: skip
    name = f"conv_transpose{n}d"
    rows = image_rows(name, x, w, "inputs × outputs") if n == 1 else None
    if rows is not None:
        inner = _transposed(1, *map(Val, rows), bias, stride, padding, output_padding, groups,
                            dilation, flip)  # fmt: skip
        return as_row(inner, x)
    bare = w.order == n
    if n == 1 and w.order == 3 and x.row:  # a row is one channel
        x = Val(ein([(x.node, "c")], "rc", 1, {"r": 1}))
    require(bare or w.order == n + 2,
            f"{name} takes a kernel of order {n} (one channel) or {n + 2} (inputs × outputs × …), "
            f"not size {w.dims}")  # fmt: skip
    orders = (n,) if bare else (n + 1, n + 2)
    require(x.order in orders and not x.row,
            f"{name} with a kernel of size {w.dims} takes an input of order "
            f"{' or '.join(map(str, orders))}, not size {x.dims}")  # fmt: skip
    lead = ["n"] if x.order == n + 2 else []
    body = extents(x, "an input", x.order - len(lead))
    ws = extents(w, "a kernel", w.order)
    size, kernel, known = body[-n:], ws[-n:], numbers(*body, *ws)
    s, d = integers(stride, n, "stride", 1), integers(dilation, n, "dilation", 1)
    p, extra = integers(padding, n, "padding"), integers(output_padding, n, "output_padding")
    out = output_sizes(size, kernel, s, p, extra, d)
    space, taps, places = ([f"{c}{k}" for k in range(n)] for c in "iko")
    relations = [
        (window(out[k], size[k], kernel[k], s[k], d[k], p[k], flip), (f"o{k}", f"i{k}", f"k{k}"))
        for k in range(n)
        if known
    ]
    if not known:
        node = _open(name, x.node, w.node, (*x.node.shape[: len(lead)],), ws, out, groups)
    elif bare:
        node = ein([(x.node, space), (w.node, taps), *relations], places)
    else:
        (groups,) = integers(groups, 1, "groups", 1)
        node = _grouped(x.node, w.node, groups, lead, space, taps, places, relations)
    bias = None if bias is None else as_column(bias)
    if bias is None:
        return Val(node)
    outs = 1 if bare else dims.dim(ws[1] * groups)
    require(bias.order == 0 or (bias.order == 1 and dims.same(bias.node.shape[0], outs)),
            f"the bias of {name} has one entry per output channel ({dims.one(outs)}), not size {bias.dims}")  # fmt: skip
    if bare or bias.order == 0:
        b = bias.node if bias.order == 0 else ein([(bias.node, "o")], "")
        return Val(g.add([node, g.broadcast(b, (), node.shape)]))
    return Val(g.add([node, g.broadcast(bias.node, (len(lead),), node.shape)]))


def _open(name: str, x: Node, w: Node, lead: tuple[Dim, ...], kernel: tuple[Dim, ...],
          out: tuple[Dim, ...], groups: Any) -> Node:  # fmt: skip
    """The result over open sizes."""
    held_open(*x.shape[len(lead) :], *kernel)
    if len(kernel) == len(out):
        return unsettled(name, [x, w], out)
    (groups,) = integers(groups, 1, "groups", 1)
    channels = x.shape[len(lead)]
    require(dims.same(channels, kernel[0]),
            f"the input has {dims.one(channels)} channels, the kernel expects {dims.one(kernel[0])}",
            "the kernel of a transposed convolution is inputs × outputs / groups × …")  # fmt: skip
    return unsettled(name, [x, w], (*lead, dims.dim(kernel[1] * groups), *out), groups)


def _grouped(x: Node, w: Node, groups: int, lead: list[str], space: list[str], taps: list[str],
             places: list[str], relations: list[Any]) -> Node:  # fmt: skip
    channels, outs = x.shape[len(lead)], w.shape[1]
    assert isinstance(channels, int) and isinstance(outs, int)
    require(w.shape[0] == channels,
            f"the input has {channels} channels, the kernel expects {w.shape[0]}",
            "the kernel of a transposed convolution is inputs × outputs / groups × …")  # fmt: skip
    require(channels % groups == 0, f"{groups} groups do not divide {channels} input channels")
    if groups == 1:
        factors = [(x, [*lead, "c", *space]), (w, ["c", "o", *taps]), *relations]
        return ein(factors, [*lead, "o", *places])
    each = channels // groups
    whose = rel((1, -each, -1), 0, (channels, groups, each))
    which = rel((1, -outs, -1), 0, (outs * groups, groups, outs))
    factors = [(x, [*lead, "c", *space]), (w, ["c", "q", *taps]), (whose, ("c", "g", "h")),
               (which, ("o", "g", "q")), *relations]  # fmt: skip
    return ein(factors, [*lead, "o", *places])


def _conv_transpose1d(x: Val, w: Val, bias: Val | None = None, stride: Int = 1, padding: Int = 0,
                      output_padding: Int = 0, groups: Int = 1, dilation: Int = 1,
                      _conv_: Word = "correlation") -> Val:  # fmt: skip
    flip = _conv_ == "convolution"
    return _transposed(1, x, w, bias, stride, padding, output_padding, groups, dilation, flip)


def _conv_transpose2d(x: Val, w: Val, bias: Val | None = None, stride: Int = 1, padding: Int = 0,
                      output_padding: Int = 0, groups: Int = 1, dilation: Int = 1,
                      _conv_: Word = "correlation") -> Val:  # fmt: skip
    flip = _conv_ == "convolution"
    return _transposed(2, x, w, bias, stride, padding, output_padding, groups, dilation, flip)


def _conv_transpose3d(x: Val, w: Val, bias: Val | None = None, stride: Int = 1, padding: Int = 0,
                      output_padding: Int = 0, groups: Int = 1, dilation: Int = 1,
                      _conv_: Word = "correlation") -> Val:  # fmt: skip
    flip = _conv_ == "convolution"
    return _transposed(3, x, w, bias, stride, padding, output_padding, groups, dilation, flip)


def _painted(n: int):
    """The definition as a loop that paints one copy of the kernel per entry; only for checks."""

    def reference(x: np.ndarray, w: np.ndarray, bias: Any = None, stride: Any = 1, padding: Any = 0,
                  output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
                  _conv_: str = "correlation") -> np.ndarray:  # fmt: skip
        if n == 1 and w.ndim == 2 and x.ndim == 1:
            w = w[0]  # a row is a kernel like any other
        if n == 1 and w.ndim == 2:
            y = reference(x[0], w[0], bias, stride, padding, output_padding, 1, dilation, _conv_)
            return y[None, :]
        bare, batched = w.ndim == n, x.ndim == n + 2
        if bare:
            x, w = x[None], w[None, None]
        x = x if batched else x[None]
        w = np.flip(w, tuple(range(-n, 0))) if _conv_ == "convolution" else w
        s, d, p, extra = (np.array(v if isinstance(v, tuple | list) else (v,) * n)
                          for v in (stride, dilation, padding, output_padding))  # fmt: skip
        size, taps = np.array(x.shape[-n:]), np.array(w.shape[-n:])
        canvas = np.zeros(
            (len(x), w.shape[1] * groups, *((size - 1) * s + d * (taps - 1) + 1 + extra))
        )
        each = x.shape[1] // groups
        for b, c in np.ndindex(*x.shape[:2]):
            for i in np.ndindex(*size):
                for q, *tap in np.ndindex(*w.shape[1:]):
                    place = tuple(np.array(i) * s + np.array(tap) * d)
                    canvas[(b, c // each * w.shape[1] + q, *place)] += (
                        x[(b, c, *i)] * w[(c, q, *tap)]
                    )
        inside = tuple(slice(a, m - a) for a, m in zip(p, canvas.shape[2:], strict=True))
        y = canvas[(slice(None), slice(None), *inside)]
        if bias is not None:
            y = y + np.reshape(np.broadcast_to(np.ravel(bias), (y.shape[1],)), (1, -1, *(1,) * n))
        y = y if batched else y[0]
        return y[0] if bare else y

    return reference


_WHY = (
    "Every entry of the input adds a copy of the kernel, scaled by it, to the output {y}, so {y} is "
    "linear in {x}."
)
_LAW = "d(x ⋆ᵀ w) = dx ⋆ᵀ w + x ⋆ᵀ dw"

TRANSPOSED: tuple[Op, ...] = (
    Op("conv_transpose1d", "x[n c L], w[c o k], b[o] -> [n o l]", _conv_transpose1d, _WHY, _LAW,
       "linear map", DUMOULIN, "⋆ᵀ", _painted(1),
       meaning="y[s·i + d·k − p] collects x[i] w[k] over all i and k",
       sample=(([(5,), (3,)], {}, NORMAL), ([(5,), (3,)], {"stride": 2, "padding": 1}, NORMAL),
               ([(1, 5), (1, 3)], {"stride": 2, "padding": 1}, NORMAL),
               ([(3, 5), (3, 2, 4), (2,)], {"stride": 3, "padding": 2, "output_padding": 1}, NORMAL),
               ([(2, 4, 3), (4, 3, 2)], {"groups": 2, "dilation": 3}, NORMAL))),
    Op("conv_transpose2d", "x[n c H W], w[c o i j], b[o] -> [n o h w]", _conv_transpose2d, _WHY, _LAW,
       "linear map", DUMOULIN, "⋆ᵀ", _painted(2),
       meaning="y[s·i + d·k − p] collects x[i] w[k] over all i and k, along both axes",
       sample=(([(2, 3), (3, 2)], {}, NORMAL), ([(3, 2), (2, 3)], {"stride": (2, 3), "padding": 1}, NORMAL),
               ([(3, 2, 3), (3, 2, 2, 3), (2,)], {"stride": 2, "padding": (0, 1), "output_padding": 1}, NORMAL),
               ([(2, 4, 2, 3), (4, 1, 3, 2)], {"groups": 2, "dilation": (1, 2)}, NORMAL),
               ([(2, 3), (2, 2)], {"_conv_": "convolution", "stride": 2}, NORMAL))),
    Op("conv_transpose3d", "x[n c D H W], w[c o k i j], b[o] -> [n o d h w]", _conv_transpose3d, _WHY,
       _LAW, "linear map", DUMOULIN, "⋆ᵀ", _painted(3),
       meaning="y[s·i + d·k − p] collects x[i] w[k] over all i and k, along all three axes",
       sample=(([(2, 2, 3), (2, 1, 2)], {"stride": (1, 2, 1)}, NORMAL),
               ([(2, 1, 2, 3), (2, 3, 2, 2, 1), (3,)], {"stride": 2, "padding": (1, 0, 0), "output_padding": 1}, NORMAL),
               ([(1, 4, 2, 1, 2), (4, 1, 2, 1, 2)], {"groups": 2, "dilation": (1, 1, 2)}, NORMAL))),
)  # fmt: skip
