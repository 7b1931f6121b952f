"""Convolutions.

One index relation, i = s·o + d·k − p, ties input position i to output position o and kernel tap k.
A convolution is a product of input, kernel and relations, so both its gradients follow from the
product rule: the kernel's is windows times upstream, the input's scatters the upstream back.
Cross-correlation, as in every framework, unless the file's convention flips the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import dims
from ..graph import node as g
from ..graph.dims import Dim
from ..graph.node import Node, ein, rel
from ..graph.sizes import output_size, same_padding
from .base import Int, Op, Padding, Val, Word, as_column, integers, require
from .open_sizes import extents, held_open, numbers, slid, unsettled
from .rows import as_row, image_rows

NORMAL = (-2.0, 2.0)
Sides = tuple[tuple[int, int], ...]


def sides(padding: Any, sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int],
          dilation: Sequence[int]) -> Sides:  # fmt: skip
    """Padding before and after, per axis."""
    n = len(sizes)
    if padding == "valid":
        return ((0, 0),) * n
    if padding == "same":
        return tuple(same_padding(*z) for z in zip(sizes, kernel, stride, dilation, strict=True))
    require(not isinstance(padding, str), '`padding` is an integer, "same" or "valid"')
    if isinstance(padding, tuple | list) and padding and isinstance(padding[0], tuple | list):
        pairs = tuple(tuple(p) for p in padding)
        require(len(pairs) == n and all(len(p) == 2 for p in pairs),
                f"`padding` needs {n} pairs (before, after)")  # fmt: skip
        return pairs  # type: ignore[return-value]
    return tuple((p, p) for p in integers(padding, n, "padding"))


def geometry(
    padding: Any, size: Sequence[Dim], kernel: Sequence[Dim], stride: Sequence[int],
    dilation: Sequence[int], ceil: bool = False,
) -> tuple[Sides, tuple[Dim, ...]]:  # fmt: skip
    """Padding and number of windows per axis; both are numbers where all sizes are."""
    if padding == "same" and not numbers(*size, *kernel):  # ⌈n/s⌉ windows, whatever the kernel
        nothing = ((0, 0),) * len(size)
        return nothing, tuple(map(slid, size, (1,) * len(size), stride, nothing, dilation))
    p = sides(padding, size, kernel, stride, dilation)  # type: ignore[arg-type]
    along = zip(size, kernel, stride, p, dilation, strict=True)
    return p, tuple(slid(*axis, ceil) for axis in along)


def window(
    size: int, out: int, kernel: int, stride: int, dilation: int, before: int, flip: bool
) -> Node:
    """1 where input i, output o and tap k meet."""
    if flip:
        return rel((1, -stride, dilation), dilation * (kernel - 1) - before, (size, out, kernel))
    return rel((1, -stride, -dilation), -before, (size, out, kernel))


def _conv(n: int, x: Val, w: Val, bias: Val | None, stride: Any, padding: Any, dilation: Any,
          groups: int, flip: bool) -> Val:  # fmt: skip
    name = f"conv{n}d"
    rows = image_rows(name, x, w, "outputs × channels") if n == 1 else None
    if rows is not None:
        inner = _conv(1, *map(Val, rows), bias, stride, padding, dilation, groups, flip)
        return as_row(inner, x)
    if n == 1 and w.order == 3 and x.row:  # a row is one channel
        x = Val(ein([(x.node, "c")], "rc", 1, {"r": 1}))
    bare = w.order == n  # one channel in, one out
    require(bare or w.order == n + 2,
            f"{name} takes a kernel of order {n} (one channel) or {n + 2} (outputs × channels × …), "
            f"not size {w.dims}")  # fmt: skip
    orders = (n,) if bare else (n + 1, n + 2)
    require(x.order in orders,
            f"{name} with the kernel `{{right}}` ({w.dims}) takes an input with "
            f"{' or '.join(map(str, orders))} axes, not `{{left}}` ({x.dims})",
            "a layer's input is channels × space, a batch has one more axis in front")  # fmt: skip
    size, kernel = extents(x, "an input", n), extents(w, "a kernel", n)
    s = integers(stride, n, "stride", 1)
    d = integers(dilation, n, "dilation", 1)
    p, out = geometry(padding, size, kernel, s, d)
    known = numbers(*size, *kernel)
    relations = [
        (
            window(size[k], out[k], kernel[k], s[k], d[k], p[k][0], flip),
            (f"i{k}", f"o{k}", f"k{k}"),
        )
        for k in range(n)
        if known
    ]  # type: ignore[arg-type]
    space, taps, places = ([f"{c}{k}" for k in range(n)] for c in "iko")
    lead = ["n"] if x.order == n + 2 else []
    if bare:
        node = unsettled(name, [x.node, w.node], out, s, p, d)
        if known:
            node = ein([(x.node, space), (w.node, taps), *relations], places)
        result = Val(node, x.row)
    else:
        (groups,) = integers(groups, 1, "groups", 1)
        shape = (*x.node.shape[: len(lead)], w.node.shape[0], *out)
        node = unsettled(name, [x.node, w.node], shape, s, p, d, groups)
        if _matching(x, w, groups, len(lead)) and known:
            node = _grouped(x, w, groups, lead, space, taps, places, relations)
        result = Val(node)
    bias = None if bias is None else as_column(bias)
    if bias is None:
        return result
    outs = 1 if bare else w.node.shape[0]
    require(bias.order == 0 or (bias.order == 1 and dims.same(bias.node.shape[0], outs)),
            f"the bias `{{operand2}}` ({bias.dims}) of {name} needs one entry per output channel: {outs}")  # fmt: skip
    if bias.order == 0 or bare:
        b = bias.node if bias.order == 0 else ein([(bias.node, "o")], "")
        spread = g.broadcast(b, (), node.shape)
    else:
        spread = g.broadcast(bias.node, (len(lead),), node.shape)
    return Val(g.add([node, spread]), result.row)


def _matching(x: Val, w: Val, groups: int, lead: int) -> bool:
    """Compare the channels of input and kernel; whether all that is needed of them is known."""
    channels, outs, per = x.node.shape[lead], w.node.shape[0], w.node.shape[1]
    for side, d in (("input", dims.resolved(channels)), ("output", dims.resolved(outs))):
        require(not isinstance(d, int) or d % groups == 0,
                f"{groups} groups do not divide the {d} {side} channels")  # fmt: skip
    wanted = dims.dim(dims.number(per) * groups)
    require(dims.same(channels, wanted),
            f"the input `{{left}}` ({x.dims}) has {dims.one(channels)} channels, the kernel `{{right}}` "
            f"({w.dims}) expects {dims.one(wanted)}",
            f"a kernel is outputs × channels{' / groups' if groups > 1 else ''} × space")  # fmt: skip
    if groups == 1 or numbers(channels, outs):
        return True
    unifier = dims.active()
    whole = unifier.part(outs, groups) if unifier is not None and unifier.slides else None
    require(whole is not None,
            f"{groups} groups need the numbers of channels, not {dims.one(channels)} and {dims.one(outs)}")  # fmt: skip
    held_open(channels, outs)
    return False


def _grouped(x: Val, w: Val, groups: int, lead: list[str], space: list[str], taps: list[str],
             places: list[str], relations: list[Any]) -> Node:  # fmt: skip
    channels, outs, per = x.node.shape[len(lead)], w.node.shape[0], w.node.shape[1]
    if groups == 1:
        factors = [(x.node, [*lead, "c", *space]), (w.node, ["o", "c", *taps]), *relations]
        return ein(factors, [*lead, "o", *places])
    assert isinstance(outs, int)
    which = rel((1, -per, -1), 0, (channels, groups, per))
    whose = rel((1, -(outs // groups), -1), 0, (outs, groups, outs // groups))
    factors = [(x.node, [*lead, "c", *space]), (w.node, ["o", "q", *taps]),
               (which, ("c", "g", "q")), (whose, ("o", "g", "h")), *relations]  # fmt: skip
    return ein(factors, [*lead, "o", *places])


def _conv1d(x: Val, w: Val, bias: Val | None = None, stride: Int = 1, padding: Padding = 0,
            dilation: Int = 1, groups: Int = 1, _conv_: Word = "correlation") -> Val:  # fmt: skip
    return _conv(1, x, w, bias, stride, padding, dilation, groups, _conv_ == "convolution")


def _conv2d(x: Val, w: Val, bias: Val | None = None, stride: Int = 1, padding: Padding = 0,
            dilation: Int = 1, groups: Int = 1, _conv_: Word = "correlation") -> Val:  # fmt: skip
    return _conv(2, x, w, bias, stride, padding, dilation, groups, _conv_ == "convolution")


def _conv3d(x: Val, w: Val, bias: Val | None = None, stride: Int = 1, padding: Padding = 0,
            dilation: Int = 1, groups: Int = 1, _conv_: Word = "correlation") -> Val:  # fmt: skip
    return _conv(3, x, w, bias, stride, padding, dilation, groups, _conv_ == "convolution")


def _direct(n: int):
    """The definition as loops over channels and taps; used only by checks."""

    def reference(x: np.ndarray, w: np.ndarray, bias: Any = None, stride: Any = 1, padding: Any = 0,
                  dilation: Any = 1, groups: int = 1, _conv_: str = "correlation") -> np.ndarray:  # fmt: skip
        if n == 1 and w.ndim == 2 and x.ndim == 1:  # a row is a kernel like any other
            w = w[0]
        if n == 1 and w.ndim == 2:
            y = reference(x[0], w[0], bias, stride, padding, dilation, 1, _conv_)
            return y[None, :]
        bare, batched = w.ndim == n, x.ndim == n + 2
        row = n == 1 and bare and x.ndim == 2
        x = x[0] if row else x
        if bare:
            x, w = x[None], w[None, None]
        if not batched:
            x = x[None]
        size, kernel = x.shape[-n:], w.shape[-n:]
        s, d = integers(stride, n, "stride", 1), integers(dilation, n, "dilation", 1)
        p = sides(padding, size, kernel, s, d)
        out = [output_size(*z) for z in zip(size, kernel, s, p, d, strict=True)]
        y = np.zeros((x.shape[0], w.shape[0], *out))
        per, each = w.shape[1], w.shape[0] // groups
        padded = np.pad(x, [(0, 0), (0, 0), *p])
        for tap in np.ndindex(*kernel):
            flip = _conv_ == "convolution"
            t = tuple(k - 1 - i for k, i in zip(kernel, tap, strict=True)) if flip else tap
            met = tuple(  # what this tap meets, at every place of the output
                slice(i * e, i * e + b * (m - 1) + 1, b)
                for i, e, b, m in zip(tap, d, s, out, strict=True)
            )
            for o in range(w.shape[0]):
                first = o // each * per
                for c in range(per):
                    y[:, o] += w[(o, c, *t)] * padded[(slice(None), first + c, *met)]
        if bias is not None:
            y = y + np.reshape(np.broadcast_to(np.ravel(bias), (w.shape[0],)), (1, -1, *(1,) * n))
        y = y if batched else y[0]
        y = y[0] if bare else y
        return y[None, :] if row else y

    return reference


_CONV_WHY = (
    "Every entry of {y} is the dot product of one window of the input with the kernel, so it is "
    "linear in {x}."
)
_OUTSIDE = "; x is 0 outside, and the convention `conv: convolution` turns w round"
DUMOULIN = "Dumoulin & Visin 2016, A guide to convolution arithmetic"

CONV: tuple[Op, ...] = (
    Op("conv1d", "x[n c L], w[o c k], b[o] -> [n o l]", _conv1d, _CONV_WHY,
       "d(x ⋆ w) = dx ⋆ w + x ⋆ dw", "linear map", DUMOULIN, "⋆", _direct(1),
       sample=(([(11,), (3,)], {}, NORMAL), ([(1, 11), (1, 3)], {"stride": 2, "padding": 1}, NORMAL),
               ([(3, 13), (5, 3, 2)], {"dilation": 3, "padding": 2}, NORMAL),
               ([(2, 3, 11), (5, 3, 3), (5,)], {"padding": "same"}, NORMAL),
               ([(4, 7), (6, 2, 3)], {"groups": 2}, NORMAL)),
       meaning="y[o, i] = Σ x[c, s·i + d·u − p] w[o, c, u] + b[o] over c and u" + _OUTSIDE),
    Op("conv2d", "x[n c H W], w[o c i j], b[o] -> [n o h w]", _conv2d, _CONV_WHY,
       "d(x ⋆ w) = dx ⋆ w + x ⋆ dw", "linear map", DUMOULIN, "⋆", _direct(2),
       sample=(([(5, 7), (2, 3)], {}, NORMAL), ([(5, 7), (3, 2)], {"stride": (3, 2), "padding": 1}, NORMAL),
               ([(3, 5, 7), (2, 3, 2, 3), (2,)], {"padding": ((1, 0), (2, 1))}, NORMAL),
               ([(2, 3, 5, 7), (2, 3, 3, 2)], {"dilation": 2, "padding": (2, 1)}, NORMAL),
               ([(4, 5, 3), (2, 2, 3, 1)], {"groups": 2}, NORMAL),
               ([(5, 7), (2, 3)], {"_conv_": "convolution"}, NORMAL)),
       meaning="y[o, i, j] = Σ x[c, s·i + d·u − p, s·j + d·v − p] w[o, c, u, v] + b[o] over c, u and v" + _OUTSIDE),
    Op("conv3d", "x[n c D H W], w[o c k i j], b[o] -> [n o d h w]", _conv3d, _CONV_WHY,
       "d(x ⋆ w) = dx ⋆ w + x ⋆ dw", "linear map", DUMOULIN, "⋆", _direct(3),
       sample=(([(3, 4, 5), (2, 2, 3)], {"stride": (1, 2, 1), "padding": (1, 0, 1)}, NORMAL),
               ([(2, 3, 4, 5), (3, 2, 2, 1, 3), (3,)], {"padding": 1, "stride": 2}, NORMAL),
               ([(1, 4, 3, 2, 3), (2, 2, 2, 1, 2)], {"groups": 2, "dilation": (2, 1, 1)}, NORMAL)),
       meaning="y[o, h, i, j] = Σ x[c, s·h + d·t − p, s·i + d·u − p, s·j + d·v − p] w[o, c, t, u, v] + b[o] "
       "over c, t, u and v" + _OUTSIDE),
)  # fmt: skip
