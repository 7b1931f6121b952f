"""Padding: zeros or another number around an array, its mirror image, its edge, or itself again."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import dims
from ..graph import node as g
from ..graph.node import Node, ein, rel
from .base import Number, Op, Padding, Val, Word, as_matrix, require
from .indexing import cut
from .open_sizes import held_open, may_stay_open, unsettled
from .reshape import NORMAL, joined

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "replicate", "edge": "replicate",
         "circular": "circular", "wrap": "circular"}  # fmt: skip
Pairs = tuple[tuple[int, int], ...]


def pairs(pad: Any, order: int) -> Pairs:
    """Entries before and after, for each axis, from any of the three ways to say it.

    An integer is for every axis; PyTorch's flat list starts with the last axis; NumPy's pairs are
    one for each axis, in order.
    """
    if isinstance(pad, int):
        return ((pad, pad),) * order
    hint = f"give {2 * order} numbers, the last axis first (PyTorch), or {order} pairs (NumPy)"
    require(isinstance(pad, tuple) and len(pad) > 0, "`pad` is a list of numbers or of pairs", hint)
    if all(isinstance(p, tuple) and len(p) == 2 for p in pad):
        require(len(pad) in (1, order), f"`pad` has {len(pad)} pairs for {order} axes", hint)
        return tuple(pad) * (order if len(pad) == 1 else 1)
    numbers = all(isinstance(p, int) for p in pad)
    require(numbers and len(pad) % 2 == 0 and len(pad) <= 2 * order,
            f"`pad` does not fit an array with {order} {'axis' if order == 1 else 'axes'}", hint)  # fmt: skip
    found = [(pad[k], pad[k + 1]) for k in range(0, len(pad), 2)]
    return tuple([(0, 0)] * (order - len(found)) + found[::-1])


def _pad(x: Val, pad: Padding, mode: Word = "constant", value: Number = 0) -> Val:
    require(
        mode in MODES, f'`mode` is "constant", "reflect", "replicate" or "circular", not "{mode}"'
    )
    require(x.order > 0, "a number has no axis to pad")
    ends = pairs(pad, len(x.shape))
    row = x.row and ends[0] == (0, 0)
    node = as_matrix(x) if x.row and not row else x.node
    if row:
        ends = ends[1:]
    inside = g.const(1, node.shape)
    for k, (before, after) in enumerate(ends):
        if (before, after) != (0, 0):
            node = _along(node, k, before, after, MODES[mode])
            inside = _zeros(inside, k, before, after) if MODES[mode] == "constant" else inside
    number = dims.number(value)
    if number != 0 and MODES[mode] == "constant":
        node = g.add([node, g.const(1, node.shape), inside], [1, number, -number])
    return Val(node, row)


def _along(node: Node, k: int, before: int, after: int, mode: str) -> Node:
    if mode == "constant":
        return _zeros(node, k, before, after)
    size = dims.resolved(node.shape[k])
    if not isinstance(size, int) and may_stay_open(size) and min(before, after) >= 0:
        spare = {"reflect": 0, "circular": 1}.get(mode, max(before, after))
        held_open(dims.dim(size - max(before, after) + spare))  # what is added has to be there
        shape = [dims.dim(d + (before + after) * (a == k)) for a, d in enumerate(node.shape)]
        return unsettled("pad", [node], shape, k, before, after, mode)
    require(isinstance(size, int), f'pad with mode="{mode}" needs the number for the size {size}')
    assert isinstance(size, int)
    most = {"reflect": size - 1, "circular": size}.get(mode)
    require(min(before, after) >= 0, f'only mode="constant" can cut entries off, not "{mode}"')
    require(most is None or max(before, after) <= most,
            f'mode="{mode}" can add at most {most} entries at each end of an axis of {size}')  # fmt: skip
    match mode:
        case "reflect":
            ahead = [(before, 0, -1)] if before else []
            behind = [(size - 2, size - 2 - after if size - 2 - after >= 0 else None, -1)]
            behind = behind if after else []
        case "circular":
            ahead = [(size - before, None, None)] if before else []
            behind = [(None, after, None)] if after else []
        case _:
            ahead, behind = [(0, 1, None)] * before, [(size - 1, None, None)] * after
    parts = [cut(node, k, s) for s in ahead] + [node] + [cut(node, k, s) for s in behind]
    return joined(parts, k)


def _zeros(node: Node, k: int, before: int, after: int) -> Node:
    """Zeros around the entries along an axis; a negative number cuts entries off."""
    size = dims.dim(node.shape[k] + before + after)
    require(not isinstance(size, int) or size > 0,
            f"`pad` cuts everything off an axis of {node.shape[k]} entries")  # fmt: skip
    own = tuple(range(node.order))
    move = rel((1, -1), before, (size, node.shape[k]))
    return ein([(node, own), (move, ("o", k))], tuple("o" if a == k else a for a in own))


def _pad_plain(x: np.ndarray, pad: Any, mode: str = "constant", value: Any = 0) -> np.ndarray:
    flat = [] if isinstance(pad, int) else list(np.ravel(np.array(pad)))
    if isinstance(pad, int):
        widths = np.full((x.ndim, 2), pad)
    elif isinstance(pad[0], int):
        widths = np.zeros((x.ndim, 2), dtype=int)
        for k in range(len(flat) // 2):
            widths[x.ndim - 1 - k] = flat[2 * k : 2 * k + 2]
    else:
        widths = np.broadcast_to(np.reshape(flat, (-1, 2)), (x.ndim, 2))
    for k, (low, high) in enumerate(widths):
        x = np.take(x, np.arange(max(-low, 0), x.shape[k] - max(-high, 0)), axis=k)
    name = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    given = {"constant_values": float(value)} if name == "constant" else {}
    return np.pad(x, np.maximum(widths, 0), name, **given)  # type: ignore[call-overload]


PAD: tuple[Op, ...] = (
    Op("pad", "x[...] -> [...]", _pad,
       "{y} holds {x} inside; what stands around it is constant, or a copy whose gradient comes back "
       "to the entry it copies.",
       "d pad(x) = pad(dx)", "rearrangement", "torch.nn.functional.pad", "pad", _pad_plain,
       sample=(([(5,)], {"pad": (1, 2)}, NORMAL), ([(3, 5)], {"pad": ((1, 0), (0, 2)), "value": 3}, NORMAL),
               ([(3, 5)], {"pad": (1, 2, 2, 0), "mode": "reflect"}, NORMAL),
               ([(5,)], {"pad": (2, 3), "mode": "circular"}, NORMAL),
               ([(3, 5)], {"pad": 1, "mode": "replicate"}, NORMAL),
               ([(1, 5)], {"pad": (2, 1)}, NORMAL), ([(5,)], {"pad": (-1, 1)}, NORMAL),
               ([(2, 3, 5)], {"pad": (1, 1), "mode": "edge"}, NORMAL)),
       size="The size, and what is added at the edges.",
       meaning="x with more entries before and after it: `value`, or copies of its own as the "
               "mode says; a negative number cuts off"),
)  # fmt: skip
