"""Stacking, repeating and reordering along axes. Each is an index relation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import dims
from ..graph import node as g
from ..graph.dims import Dim
from ..graph.node import Node, ein, rel
from .base import SAME_SIZE, Dims, Int, Op, Val, as_matrix, axes_of, positive, require
from .matrix import transpose
from .reshape import NORMAL, flat_sizes

_MOVES = "{y} holds the entries of {x} in other places; every entry is copied once, with weight 1."
_COPIES = "{y} holds copies of {x}; an entry of {x} collects the gradients of all its copies."


def one_axis(axis: Any, order: int, what: str) -> int:
    """An axis that counts from the front; a negative one from the back."""
    ok = isinstance(axis, int) and -order <= axis < order
    require(ok, f"axis {axis} does not exist in {what}")
    return axis % order


def _stack(*parts: Val, axis: Int = 0) -> Val:
    require(len(parts) > 0, "stack needs at least one part")
    require(isinstance(axis, int), "stack makes one new axis")
    first = parts[0]
    for k, p in enumerate(parts[1:], 1):
        ok = p.row == first.row and dims.same_shape(p.node.shape, first.node.shape)
        require(ok, f"cannot stack `{{left}}` ({first.dims}) and `{{operand{k}}}` ({p.dims}): "
                    "stack needs parts of one size")  # fmt: skip
    at = one_axis(axis, first.order + 1, f"a stack of parts of size {first.dims}")
    require(not first.row or at == 0, "rows are stacked below one another, along axis 0",
            "stack their transposes for columns side by side")  # fmt: skip
    own = tuple(range(first.order))
    out = (*own[:at], "o", *own[at:])
    terms = [
        ein([(rel((1,), k, (len(parts),)), ("o",)), (p.node, own)], out)
        for k, p in enumerate(parts)
    ]
    return Val(g.add(terms))


def _broadcast(x: Val, *shape: Dims) -> Val:
    sizes = flat_sizes(shape)
    positive(sizes)
    node = x.node
    if x.row or (x.order == 1 and len(sizes) == 2):
        node = as_matrix(x)  # a column is n×1 and repeats to the right, a row is 1×n
    fits = node.order <= len(sizes)
    at = len(sizes) - node.order
    axes = []
    for k, d in enumerate(node.shape):
        repeats = fits and d == 1 and sizes[at + k] != 1
        fits = fits and (repeats or dims.same(d, sizes[at + k]))
        axes.append(-1 - k if repeats else at + k)
    require(fits, f"`{{left}}` of size {x.dims} does not repeat to size {dims.text(sizes)}",
            "axes are matched from the last one back; an axis of size 1 repeats")  # fmt: skip
    return Val(g.broadcast(node, axes, sizes))


def _broadcast_plain(x: np.ndarray, *shape: Any) -> np.ndarray:
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple) else shape
    return np.broadcast_to(x[:, None] if x.ndim == 1 and len(sizes) == 2 else x, sizes)


def _permute(x: Val, *axes: Int) -> Val:
    order = tuple(axes[0]) if len(axes) == 1 and isinstance(axes[0], tuple) else axes
    n = len(x.shape)
    found = [one_axis(a, n, f"an array of size {x.dims}") for a in order]
    require(sorted(found) == list(range(n)),
            f"permute needs each of the {n} axes of `{{left}}` once, not {', '.join(map(str, order))}")  # fmt: skip
    if x.row:
        return x if found == [0, 1] else transpose(x)
    return Val(g.permute(x.node, found))


def _squeeze(x: Val, axis: Int = None) -> Val:
    """Drop axes of size 1; one that is not of size 1 stays, as in PyTorch."""
    wanted = tuple(range(len(x.shape))) if axis is None else axes_of(x, axis)
    gone = {k for k in wanted if x.shape[k] == 1}
    if x.row:
        node = ein([(x.node, "i")], () if 1 in gone else "i")
        return Val(node, row=0 not in gone and 1 not in gone)
    return Val(g.sum_axes(x.node, sorted(gone)))


def _squeeze_plain(x: np.ndarray, axis: Any = None) -> np.ndarray:
    wanted = range(x.ndim) if axis is None else np.atleast_1d(axis) % x.ndim
    return x.reshape([d for k, d in enumerate(x.shape) if not (k in wanted and d == 1)])


def _unsqueeze(x: Val, axis: Int) -> Val:
    n = len(x.shape)
    at = one_axis(axis, n + 1, f"the result, which has {n + 1} axes")
    if x.order == 1 and not x.row and at == 0:
        return Val(x.node, row=True)
    node = as_matrix(x) if x.row else x.node
    own = tuple(range(node.order))
    return Val(ein([(node, own)], (*own[:at], "new", *own[at:]), 1, {"new": 1}))


def _tile(x: Val, *reps: Dims) -> Val:
    """NumPy's tile: the whole array repeated along each axis; new axes come first."""
    times = flat_sizes(reps)
    require(not any(isinstance(r, int) and r < 1 for r in times), "tile repeats at least once")
    own = list(x.shape)
    n = max(len(own), len(times))
    times = (*(1,) * (n - len(times)), *times)
    if x.row and n == 2 and times[0] == 1:
        return Val(_tiled(x.node, (times[1],)), row=True)
    node = as_matrix(x) if x.row else x.node
    return Val(_tiled(node, times))


def _tiled(node: Node, times: tuple[Dim, ...]) -> Node:
    ahead = len(times) - node.order
    labels: list[Any] = [f"i{k}" for k in range(node.order)]
    out: list[Any] = [f"new{k}" for k in range(ahead)]
    sizes: dict[Any, Dim] = dict(zip(out, times, strict=False))
    factors = []
    for k, d in enumerate(node.shape):
        r = times[ahead + k]
        if r == 1:
            out.append(labels[k])
        else:
            step = -dims.number(d)
            whole = dims.product([r, d])
            factors.append((rel((1, step, -1), 0, (whole, r, d)), (f"o{k}", f"r{k}", labels[k])))
            out.append(f"o{k}")
    return ein([(node, labels), *factors], out, 1, sizes)


def _flip(x: Val, axis: Int = None) -> Val:
    wanted = tuple(range(x.order)) if axis is None else axes_of(x, axis)
    if x.row:
        wanted = (0,) if axis is None or 1 in wanted else ()
    labels = list(range(x.order))
    out: list[Any] = list(labels)
    factors = []
    for k in sorted(set(wanted)):
        size = x.node.shape[k]
        factors.append((rel((1, 1), dims.dim(size - 1), (size, size)), (f"o{k}", k)))
        out[k] = f"o{k}"
    return Val(ein([(x.node, labels), *factors], out), x.row)


def _numbers(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape


REARRANGE: tuple[Op, ...] = (
    Op("stack", "x[...], ... -> [k ...]", _stack,
       "{y} holds {x} as one of its slices; the others do not depend on it.",
       "d stack(a, b) = stack(da, db)", "rearrangement", "torch.stack", "stack",
       lambda *xs, axis=0: np.stack([x[0] if x.ndim == 2 and len(x) == 1 else x for x in xs], axis),
       sample=(([(3,), (3,)], {}, NORMAL), ([(3,), (3,), (3,)], {"axis": 1}, NORMAL),
               ([(), ()], {}, NORMAL), ([(2, 3), (2, 3)], {"axis": -1}, NORMAL),
               ([(1, 5), (1, 5)], {}, NORMAL)),
       size="A new axis counts the parts.",
       meaning="the parts one after the other along a new axis"),
    Op("broadcast", "x[...] -> [...]", _broadcast, _COPIES, "d broadcast(x) = broadcast(dx)",
       "rearrangement", "torch.broadcast_to; a column repeats to the right", "broadcast",
       _broadcast_plain,
       sample=(([()], {"*": (3, 5)}, NORMAL), ([(3,)], {"*": (3, 5)}, NORMAL),
               ([(1, 5)], {"*": (3, 5)}, NORMAL), ([(3, 1)], {"*": (2, 3, 5)}, NORMAL)),
       size="The size asked for: entries are repeated.",
       meaning="copies of x along the axes that it lacks, or where it has size 1"),
    Op("permute", "x[...] -> [...]", _permute, _MOVES, "d permute(x) = permute(dx)", "rearrangement",
       "torch.permute", "permute", lambda x, *axes: np.transpose(x, _numbers(axes)), moves=True,
       sample=(([(2, 3, 5)], {"*": (2, 0, 1)}, NORMAL), ([(3, 5)], {"*": (-1, 0)}, NORMAL)),
       size="The same axes in another order.",
       meaning="axis k of y is axis `axes[k]` of x"),
    Op("squeeze", "x[...] -> [...]", _squeeze, _MOVES, "d squeeze(x) = squeeze(dx)", "rearrangement",
       "torch.squeeze", "squeeze", _squeeze_plain, moves=True,
       sample=(([(2, 1, 5)], {}, NORMAL), ([(1, 5)], {}, NORMAL), ([(2, 1, 5)], {"axis": 1}, NORMAL),
               ([(3, 5)], {"axis": 0}, NORMAL)),
       size="Axes of size 1 are dropped.",
       meaning="x without its axes of size 1, or without those in `axis`"),
    Op("unsqueeze", "x[...] -> [...]", _unsqueeze, _MOVES, "d unsqueeze(x) = unsqueeze(dx)",
       "rearrangement", "torch.unsqueeze", "unsqueeze", lambda x, axis: np.expand_dims(x, axis),
       moves=True, sample=(([(5,)], {"axis": 0}, NORMAL), ([(5,)], {"axis": 1}, NORMAL),
                           ([(3, 5)], {"axis": -1}, NORMAL)),
       size="A new axis of size 1.",
       meaning="x with a new axis of size 1 at the place `axis`"),
    Op("tile", "x[...] -> [...]", _tile, _COPIES, "d tile(x) = tile(dx)", "rearrangement",
       "NumPy's tile", "tile", lambda x, *reps: np.tile(x, _numbers(reps)),
       sample=(([(5,)], {"*": (3,)}, NORMAL), ([(2, 3)], {"*": (3, 2)}, NORMAL),
               ([(3,)], {"*": (2, 2)}, NORMAL), ([(1, 3)], {"*": (1, 2)}, NORMAL),
               ([(2, 3)], {"*": (2, 1, 1)}, NORMAL)),
       size="Copies stand side by side: sizes multiply.",
       meaning="copies of x side by side, as many along each axis as `reps` says"),
    Op("flip", "x[...] -> [...]", _flip, _MOVES, "d flip(x) = flip(dx)", "rearrangement",
       "NumPy's flip", "flip", lambda x, axis=None: np.flip(x, axis), moves=True,
       sample=(([(5,)], {}, NORMAL), ([(3, 5)], {"axis": 0}, NORMAL), ([(3, 5)], {}, NORMAL),
               ([(1, 5)], {"axis": 1}, NORMAL), ([(2, 3, 5)], {"axis": (0, -1)}, NORMAL)),
       size=SAME_SIZE,
       meaning="the entries in the opposite order along `axis`, or along all axes"),
)  # fmt: skip
