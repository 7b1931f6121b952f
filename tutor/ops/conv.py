"""Convolutions and pools.

One index relation, i = s·o + d·k − p, ties input position i to output position o and kernel tap k.
A convolution is a product of input, kernel and relations, so both its gradients follow from the
product rule: the kernel's is windows times upstream, the input's scatters the upstream back.
Cross-correlation, as in every framework, unless the file's convention flips the kernel.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from ..graph import node as g
from ..graph.node import Node, call, ein, rel
from ..graph.sizes import check_pool_padding, output_size, same_padding
from .base import Flag, Int, Op, Padding, Val, Word, integers, require

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


def _concrete(v: Val, what: str) -> tuple[int, ...]:
    require(all(isinstance(d, int) for d in v.node.shape),
            f"{what} of symbolic size {v.dims}: a convolution or pool needs numbers")  # fmt: skip
    return v.node.shape  # type: ignore[return-value]


def _window(
    size: int, out: int, kernel: int, stride: int, dilation: int, before: int, flip: bool
) -> Node:
    """1 where input i, output o and tap k meet."""
    if flip:
        return rel((1, -stride, dilation), dilation * (kernel - 1) - before, (size, out, kernel))
    return rel((1, -stride, -dilation), -before, (size, out, kernel))


def _conv(n: int, x: Val, w: Val, bias: Val | None, stride: Any, padding: Any, dilation: Any,
          groups: int, flip: bool) -> Val:  # fmt: skip
    name = f"conv{n}d"
    plain_image = n == 1 and w.order == 2 and (x.order == 2 or x.row)  # 1×L with a 1×k kernel
    if plain_image:
        xn = x.node if x.order == 2 else ein([(x.node, "c")], "rc", 1, {"r": 1})
        require(xn.shape[0] == 1 and w.node.shape[0] == 1,
                f"conv1d of sizes {x.dims} and {w.dims}: with a matrix for a kernel both must be 1×…",
                "a layer's kernel has order 3: outputs × channels × taps")  # fmt: skip
        inner = _conv(1, Val(ein([(xn, "rc")], "c")), Val(ein([(w.node, "rc")], "c")), bias, stride,
                      padding, dilation, groups, flip)  # fmt: skip
        return (
            Val(inner.node, row=True) if x.row else Val(ein([(inner.node, "c")], "rc", 1, {"r": 1}))
        )
    bare = w.order == n  # one channel in, one out
    require(bare or w.order == n + 2,
            f"{name} takes a kernel of order {n} (one channel) or {n + 2} (outputs × channels × …), "
            f"not size {w.dims}")  # fmt: skip
    orders = (n,) if bare else (n + 1, n + 2)
    require(x.order in orders,
            f"{name} with a kernel of size {w.dims} takes an input of order "
            f"{' or '.join(map(str, orders))}, not size {x.dims}")  # fmt: skip
    xs, ws = _concrete(x, "an input"), _concrete(w, "a kernel")
    size, kernel = xs[-n:], ws[-n:]
    s = integers(stride, n, "stride", 1)
    d = integers(dilation, n, "dilation", 1)
    p = sides(padding, size, kernel, s, d)
    out = [output_size(*z) for z in zip(size, kernel, s, p, d, strict=True)]
    relations = [
        (
            _window(size[k], out[k], kernel[k], s[k], d[k], p[k][0], flip),
            (f"i{k}", f"o{k}", f"k{k}"),
        )
        for k in range(n)
    ]
    space, taps, places = ([f"{c}{k}" for k in range(n)] for c in "iko")
    lead = ["n"] if x.order == n + 2 else []
    if bare:
        node = ein([(x.node, space), (w.node, taps), *relations], places)
        result = Val(node, x.row)
    else:
        node = _grouped(x, w, groups, lead, space, taps, places, relations)
        result = Val(node)
    if bias is None:
        return result
    outs = 1 if bare else ws[0]
    require(bias.order == 0 or (bias.order == 1 and bias.node.shape == (outs,)),
            f"the bias of {name} has one entry per output channel ({outs}), not size {bias.dims}")  # fmt: skip
    if bias.order == 0 or bare:
        b = bias.node if bias.order == 0 else ein([(bias.node, "o")], "")
        spread = g.broadcast(b, (), node.shape)
    else:
        spread = g.broadcast(bias.node, (len(lead),), node.shape)
    return Val(g.add([node, spread]), result.row)


def _grouped(x: Val, w: Val, groups: Any, lead: list[str], space: list[str], taps: list[str],
             places: list[str], relations: list[Any]) -> Node:  # fmt: skip
    (groups,) = integers(groups, 1, "groups", 1)
    channels, outs, per = x.node.shape[len(lead)], w.node.shape[0], w.node.shape[1]
    require(channels % groups == 0 and outs % groups == 0,
            f"{groups} groups do not divide {channels} input and {outs} output channels")  # fmt: skip
    require(channels == per * groups,
            f"the input has {channels} channels, the kernel expects {per * groups}",
            f"kernel: outputs × channels{' / groups' if groups > 1 else ''} × …")  # fmt: skip
    if groups == 1:
        factors = [(x.node, [*lead, "c", *space]), (w.node, ["o", "c", *taps]), *relations]
        return ein(factors, [*lead, "o", *places])
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


def _direct(n: int):
    """The definition as loops over every output entry and tap; used only by checks."""

    def reference(x: np.ndarray, w: np.ndarray, bias: Any = None, stride: Any = 1, padding: Any = 0,
                  dilation: Any = 1, groups: int = 1, _conv_: str = "correlation") -> np.ndarray:  # fmt: skip
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
        for o in range(w.shape[0]):
            first = o // each * per
            for at in np.ndindex(*out):
                for tap in np.ndindex(*kernel):
                    t = (
                        tuple(k - 1 - i for k, i in zip(kernel, tap, strict=True))
                        if _conv_ == "convolution"
                        else tap
                    )
                    i = tuple(
                        a * b + c * e - q[0] for a, b, c, e, q in zip(at, s, tap, d, p, strict=True)
                    )
                    if all(0 <= v < m for v, m in zip(i, size, strict=True)):
                        part = x[(slice(None), slice(first, first + per), *i)]
                        y[(slice(None), o, *at)] += part @ w[(o, slice(None), *t)]
        if bias is not None:
            y = y + np.reshape(np.broadcast_to(np.ravel(bias), (w.shape[0],)), (1, -1, *(1,) * n))
        y = y if batched else y[0]
        y = y[0] if bare else y
        return y[None, :] if row else y

    return reference


# -- pools ----------------------------------------------------------------------------------------


def _pool_geometry(n: int, name: str, x: Val, kernel: Any, stride: Any, padding: Any, dilation: Any,
                   ceil: bool) -> tuple[Any, ...]:  # fmt: skip
    require(
        n <= x.order <= n + 2, f"{name} takes an input of order {n} to {n + 2}, not size {x.dims}"
    )
    k = integers(kernel, n, "kernel_size", 1)
    s = k if stride is None else integers(stride, n, "stride", 1)
    d = integers(dilation, n, "dilation", 1)
    size = _concrete(x, "an input")[-n:]
    p = sides(padding, size, k, s, d)
    for kk, pp, dd in zip(k, p, d, strict=True):
        check_pool_padding(kk, pp, dd)
    out = tuple(output_size(*z, ceil) for z in zip(size, k, s, p, d, strict=True))
    return k, s, p, d, out


def _as_image(n: int, x: Val) -> tuple[Val, bool]:
    """A 1×L image in a 1-D pool is a row of it."""
    return (Val(x.node), True) if n == 1 and x.row else (x, False)


def _max_pool(n: int, x: Val, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool,
              ties: str) -> Val:  # fmt: skip
    x, row = _as_image(n, x)
    k, s, p, d, out = _pool_geometry(n, f"max_pool{n}d", x, kernel, stride, padding, dilation, ceil)
    shape = (*x.node.shape[: x.order - n], *out)
    return Val(call("max_pool", [x.node], (k, s, p, d, out, ties), shape), row)


def _max_pool1d(x: Val, kernel_size: Int, stride: Int = None, padding: Int = 0, dilation: Int = 1,
                ceil_mode: Flag = False, _ties: Word = "first") -> Val:  # fmt: skip
    return _max_pool(1, x, kernel_size, stride, padding, dilation, ceil_mode, _ties)


def _max_pool2d(x: Val, kernel_size: Int, stride: Int = None, padding: Int = 0, dilation: Int = 1,
                ceil_mode: Flag = False, _ties: Word = "first") -> Val:  # fmt: skip
    return _max_pool(2, x, kernel_size, stride, padding, dilation, ceil_mode, _ties)


def _windows(x: np.ndarray, parameters: Any) -> np.ndarray:
    """The entries of every window: lead axes, output axes, kernel axes; −∞ outside the input."""
    k, s, p, d, out, *_ = parameters
    n = len(k)
    lead = x.ndim - n
    lowest = -sp.oo if x.dtype == object else -np.inf
    for axis in range(n):
        place = lead + axis
        size = x.shape[place]
        index = (
            np.arange(out[axis])[:, None] * s[axis]
            + np.arange(k[axis])[None, :] * d[axis]
            - p[axis][0]
        )
        inside = (index >= 0) & (index < size)
        x = np.take(x, np.clip(index, 0, size - 1), axis=place)
        mask = inside.reshape((1,) * place + inside.shape + (1,) * (x.ndim - place - 2))
        x = np.where(mask, x, lowest)
        x = np.moveaxis(x, place + 1, -1)
    return x


def _pool_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    n = len(parameters[0])
    return np.asarray(np.max(_windows(arrays[0], parameters), axis=tuple(range(-n, 0))))


def _pool_vjp(g_: Node, lead: int, y: Node) -> tuple[Node]:
    k, s, p, d, out, _ = y.attr[1]
    n = len(k)
    x = y.args[0]
    front = tuple(f"y{j}" for j in range(lead))
    outer = tuple(f"b{j}" for j in range(x.order - n))
    space, taps, places = (tuple(f"{c}{j}" for j in range(n)) for c in "iko")
    winner = call("max_pool_winner", [x], y.attr[1], (*y.shape, *k))
    windows = [
        (_window(x.shape[-n + j], out[j], k[j], s[j], d[j], p[j][0], False),
         (space[j], places[j], taps[j]))
        for j in range(n)
    ]  # fmt: skip
    factors = [(g_, front + outer + places), (winner, outer + places + taps), *windows]
    return (ein(factors, front + outer + space),)


def _winner_forward(arrays: list[np.ndarray], parameters: Any) -> np.ndarray:
    from .reduce import _onehot_forward

    windows = _windows(arrays[0], parameters)
    n = len(parameters[0])
    axes = tuple(range(windows.ndim - n, windows.ndim))
    return _onehot_forward([windows], (axes, parameters[5]))


def _pool_kink(n: int):
    def distance(arrays: list[np.ndarray], given: dict[str, Any]) -> float:
        from .reduce import gap_to_tie

        x = np.asarray(arrays[0], dtype=float)
        v = Val(g.var("x", x.shape))
        geometry = _pool_geometry(n, "", v, given["kernel_size"], given.get("stride"),
                                  given.get("padding", 0), given.get("dilation", 1),
                                  given.get("ceil_mode", False))  # fmt: skip
        windows = _windows(x, geometry)
        return gap_to_tie(windows, tuple(range(windows.ndim - n, windows.ndim)))

    return distance


def _avg_pool(
    n: int, x: Val, kernel: Any, stride: Any, padding: Any, ceil: bool, count_pad: bool
) -> Val:
    x, row = _as_image(n, x)
    k, s, p, _, out = _pool_geometry(n, f"avg_pool{n}d", x, kernel, stride, padding, 1, ceil)
    outer = tuple(f"b{j}" for j in range(x.order - n))
    space, places = (tuple(f"{c}{j}" for j in range(n)) for c in "io")
    windows = [
        (_window(x.node.shape[-n + j], out[j], k[j], s[j], 1, p[j][0], False),
         (space[j], places[j], f"k{j}"))
        for j in range(n)
    ]  # fmt: skip
    total = ein([(x.node, outer + space), *windows], outer + places)
    weights = []  # per axis: one over the number of entries that count
    for j in range(n):
        size = x.node.shape[-n + j]
        low, high = (-p[j][0], size + p[j][1]) if count_pad else (0, size)
        counts = [
            sum(low <= o * s[j] + t - p[j][0] < high for t in range(k[j])) for o in range(out[j])
        ]
        if len(set(counts)) == 1:
            weights.append((g.const(sp.Rational(1, counts[0]), (out[j],)), (places[j],)))
        else:
            ones = [g.const(sp.Rational(1, c)) for c in counts]
            from .reshape import stacked

            weights.append((stacked(ones), (places[j],)))
    return Val(ein([(total, outer + places), *weights], outer + places), row)


def _avg_pool1d(x: Val, kernel_size: Int, stride: Int = None, padding: Int = 0, ceil_mode: Flag = False,
                count_include_pad: Flag = True) -> Val:  # fmt: skip
    return _avg_pool(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _avg_pool2d(x: Val, kernel_size: Int, stride: Int = None, padding: Int = 0, ceil_mode: Flag = False,
                count_include_pad: Flag = True) -> Val:  # fmt: skip
    return _avg_pool(2, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _pool_loops(n: int, average: bool):
    """The definition of a pool as loops over windows; used only by checks."""

    def reference(x: np.ndarray, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                  ceil_mode: bool = False, count_include_pad: bool = True, _ties: str = "first") -> np.ndarray:  # fmt: skip
        k = integers(kernel_size, n, "kernel_size", 1)
        s = k if stride is None else integers(stride, n, "stride", 1)
        d = integers(dilation, n, "dilation", 1)
        size = x.shape[-n:]
        p = sides(padding, size, k, s, d)
        out = [output_size(*z, ceil_mode) for z in zip(size, k, s, p, d, strict=True)]
        y = np.zeros((*x.shape[:-n], *out))
        for at in np.ndindex(*out):
            found, padded = [], 0
            for tap in itertools.product(*map(range, k)):
                i = tuple(
                    a * b + t * e - q[0] for a, b, t, e, q in zip(at, s, tap, d, p, strict=True)
                )
                if all(0 <= v < m for v, m in zip(i, size, strict=True)):
                    found.append(x[(..., *i)])
                elif all(-q[0] <= v < m + q[1] for v, m, q in zip(i, size, p, strict=True)):
                    padded += 1
            if average:
                y[(..., *at)] = sum(found) / (len(found) + padded * count_include_pad)
            else:
                y[(..., *at)] = np.max(np.stack(found), axis=0)
        return y

    return reference


_CONV_WHY = (
    "Every entry of {y} is the dot product of one window of the input with the kernel, so it is "
    "linear in {x}."
)
_POOL_WHY = (
    "Only the largest entry of each window reaches {y}, so the gradient goes to the winners."
)
_FIRST = "where several entries of a window are largest, the first one counts as the winner"
_DUMOULIN = "Dumoulin & Visin 2016, A guide to convolution arithmetic"
_K = "kernel_size"

CONV: tuple[Op, ...] = (
    Op("conv1d", "x[n c L], w[o c k], b[o] -> [n o l]", _conv1d, _CONV_WHY,
       "d(x ⋆ w) = dx ⋆ w + x ⋆ dw", "linear map", _DUMOULIN, "⋆", _direct(1),
       sample=(([(11,), (3,)], {}, NORMAL), ([(1, 11), (1, 3)], {"stride": 2, "padding": 1}, NORMAL),
               ([(3, 13), (5, 3, 2)], {"dilation": 3, "padding": 2}, NORMAL),
               ([(2, 3, 11), (5, 3, 3), (5,)], {"padding": "same"}, NORMAL),
               ([(4, 7), (6, 2, 3)], {"groups": 2}, NORMAL))),
    Op("conv2d", "x[n c H W], w[o c i j], b[o] -> [n o h w]", _conv2d, _CONV_WHY,
       "d(x ⋆ w) = dx ⋆ w + x ⋆ dw", "linear map", _DUMOULIN, "⋆", _direct(2),
       sample=(([(5, 7), (2, 3)], {}, NORMAL), ([(5, 7), (3, 2)], {"stride": (3, 2), "padding": 1}, NORMAL),
               ([(3, 5, 7), (2, 3, 2, 3), (2,)], {"padding": ((1, 0), (2, 1))}, NORMAL),
               ([(2, 3, 5, 7), (2, 3, 3, 2)], {"dilation": 2, "padding": (2, 1)}, NORMAL),
               ([(4, 5, 3), (2, 2, 3, 1)], {"groups": 2}, NORMAL),
               ([(5, 7), (2, 3)], {"_conv_": "convolution"}, NORMAL))),
    Op("max_pool1d", "x[n c L] -> [n c l]", _max_pool1d, _POOL_WHY, "d max = d(winner)", "maximum",
       _DUMOULIN, "maxpool", _pool_loops(1, False), kinks=_pool_kink(1), convention=_FIRST,
       sample=(([(11,)], {_K: 2}, NORMAL), ([(1, 7)], {_K: 2, "stride": 1}, NORMAL),
               ([(3, 11)], {_K: 3, "stride": 2, "padding": 1, "ceil_mode": True}, NORMAL))),
    Op("max_pool2d", "x[n c H W] -> [n c h w]", _max_pool2d, _POOL_WHY, "d max = d(winner)", "maximum",
       _DUMOULIN, "maxpool", _pool_loops(2, False), kinks=_pool_kink(2), convention=_FIRST,
       sample=(([(5, 7)], {_K: 2}, NORMAL), ([(1, 7)], {_K: (1, 2)}, NORMAL),
               ([(2, 3, 5, 7)], {_K: (3, 2), "stride": 1, "padding": 1}, NORMAL),
               ([(3, 7, 9)], {_K: 2, "dilation": 2, "stride": 3}, NORMAL))),
    Op("avg_pool1d", "x[n c L] -> [n c l]", _avg_pool1d,
       "Every entry of a window enters the average {y} with the same weight.",
       "d mean(window) = mean(d window)", "sum rule", _DUMOULIN, "avgpool", _pool_loops(1, True),
       sample=(([(11,)], {_K: 2}, NORMAL), ([(3, 11)], {_K: 3, "stride": 2, "padding": 1}, NORMAL))),
    Op("avg_pool2d", "x[n c H W] -> [n c h w]", _avg_pool2d,
       "Every entry of a window enters the average {y} with the same weight.",
       "d mean(window) = mean(d window)", "sum rule", _DUMOULIN, "avgpool", _pool_loops(2, True),
       sample=(([(5, 7)], {_K: 2}, NORMAL),
               ([(2, 3, 5, 7)], {_K: (3, 2), "stride": 2, "padding": 1, "count_include_pad": False}, NORMAL),
               ([(3, 7, 9)], {_K: 2, "stride": 3, "ceil_mode": True}, NORMAL))),
)  # fmt: skip

INTERNAL: tuple[Op, ...] = (
    Op("max_pool", "x[...] -> [...]", lambda x: x, _POOL_WHY, "d max = d(winner)", "maximum", _DUMOULIN,
       "maxpool", lambda x: x, forward=_pool_forward, vjp=_pool_vjp),
    Op("max_pool_winner", "x[...] -> [...]", lambda x: x, "The winner's place does not move.",
       "d onehot = 0", "constant", "definition", "winner", lambda x: x, forward=_winner_forward,
       vjp=lambda g_, lead, y: (None,)),
)  # fmt: skip
