"""Normalisations: entries less their mean, over their standard deviation.

What is averaged over is all that tells these operations apart; `normalized` does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from ..errors import ShapeError
from ..graph import dims
from ..graph import node as g
from ..graph.dims import Dim, number
from ..graph.node import Node, T, ein, map_, rel
from . import norm_reference as plain
from .base import SAME_SIZE, Dims, Flag, Int, Number, Op, Val, as_column, integers, require
from .normalized import LAW, SOURCE, WHY, normalized

NORMAL, POSITIVE = (-2.0, 2.0), (0.2, 2.0)
EPS = sp.Rational(1, 100_000)


def _affine(
    node: Node, axes: Sequence[int], weight: Val | None, bias: Val | None, name: str
) -> Node:
    """weight ⊙ node + bias, both running along the given axes."""
    sizes = tuple(node.shape[k] for k in axes)
    if weight is not None:
        scale = _fitting(weight, sizes, "the weight `{weight}`", name)
        node = g.mul(g.broadcast(scale, axes, node.shape), node)
    if bias is not None:
        shift = _fitting(bias, sizes, "the bias `{bias}`", name)
        node = g.add([node, g.broadcast(shift, axes, node.shape)])
    return node


def _fitting(v: Val, sizes: Sequence[Dim], what: str, name: str) -> Node:
    """One entry per channel, or for each entry along the last axes; an n×1 matrix is a column."""
    v = as_column(v) if len(sizes) == 1 else v
    if dims.same_shape(v.node.shape, sizes):
        return v.node
    entries = f"{dims.one(sizes[0])} entries" if len(sizes) == 1 else f"size {dims.text(sizes)}"
    each = "it holds one number for each feature of `{left}`"
    if name != "layer_norm" and name != "rms_norm":
        each = "it holds one number for each channel of `{left}`"
    raise ShapeError(f"{what} of {name} has size {v.dims}, but needs {entries}", hint=each)


def _several(node: Node, axes: Sequence[int], name: str) -> None:
    count = dims.product([node.shape[k] for k in axes])
    require(count != 1, f"{name} has only one value to average over, so it would return 0",
            "a batch of more than one example, or entries along further axes, are needed")  # fmt: skip


def _with_statistics(
    x: Node, mean: Val, var: Val, eps: Any, channel: Sequence[int], name: str
) -> Node:
    """(x − mean)/√(var + ε) with statistics that are given."""
    sizes = tuple(x.shape[k] for k in channel)
    middle, spread = (
        _fitting(v, sizes, f"`{what}`, here `{{{what}}}`,", name)
        for what, v in (("running_mean", mean), ("running_var", var))
    )
    inverse = map_((T + number(eps)) ** sp.Rational(-1, 2), spread)
    centred = g.sub(x, g.broadcast(middle, channel, x.shape))
    own = tuple(range(x.order))
    return ein([(centred, own), (inverse, tuple(channel))], own)


def _batch_norm(x: Val, running_mean: Val | None = None, running_var: Val | None = None,
                weight: Val | None = None, bias: Val | None = None, eps: Number = EPS) -> Val:  # fmt: skip
    """Over the batch (axis 0) and space, for each channel (axis 1) alone; a vector is one channel."""
    require(x.order >= 1 and not x.row,
            f"batch_norm takes a batch of rows (examples × features) or of images, not {x.dims}")  # fmt: skip
    channel = (1,) if x.order > 1 else ()
    if running_mean is not None or running_var is not None:
        require(running_mean is not None and running_var is not None,
                "`running_mean` and `running_var` go together")  # fmt: skip
        assert running_mean is not None and running_var is not None
        node = _with_statistics(x.node, running_mean, running_var, eps, channel, "batch_norm")
    else:
        axes = tuple(k for k in range(x.order) if k not in channel)
        _several(x.node, axes, "batch_norm")
        node = normalized(x.node, axes, eps)
    return Val(_affine(node, channel, weight, bias, "batch_norm"))


def _instance_norm(x: Val, running_mean: Val | None = None, running_var: Val | None = None,
                   weight: Val | None = None, bias: Val | None = None, use_input_stats: Flag = True,
                   eps: Number = EPS) -> Val:  # fmt: skip
    """Over space, for each example and channel alone."""
    require(x.order >= 3, f"instance_norm takes batch × channels × space, not size {x.dims}")
    axes = tuple(range(2, x.order))
    if use_input_stats:
        _several(x.node, axes, "instance_norm")
        node = normalized(x.node, axes, eps)
    else:
        require(running_mean is not None and running_var is not None,
                "without the input's statistics instance_norm needs `running_mean` and `running_var`")  # fmt: skip
        assert running_mean is not None and running_var is not None
        node = _with_statistics(x.node, running_mean, running_var, eps, (1,), "instance_norm")
    return Val(_affine(node, (1,), weight, bias, "instance_norm"))


def _last_axes(x: Val, normalized_shape: Any, name: str) -> tuple[int, ...]:
    require(x.order >= 1, f"{name} of a scalar has nothing to average over")
    if normalized_shape is None:
        return (x.order - 1,)
    wanted = normalized_shape if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    last = x.node.shape[x.order - len(wanted) :]
    require(1 <= len(wanted) <= x.order and dims.same_shape(last, tuple(wanted)),
            f"`normalized_shape` of {name} names the last sizes of `{{left}}` ({x.dims}), "
            f"not {dims.text(tuple(wanted))}")  # fmt: skip
    return tuple(range(x.order - len(wanted), x.order))


def _layer_norm(x: Val, normalized_shape: Dims = None, weight: Val | None = None,
                bias: Val | None = None, eps: Number = EPS) -> Val:  # fmt: skip
    axes = _last_axes(x, normalized_shape, "layer_norm")
    node = normalized(x.node, axes, eps)
    return Val(_affine(node, axes, weight, bias, "layer_norm"), x.row)


def _rms_norm(x: Val, normalized_shape: Dims = None, weight: Val | None = None,
              eps: Number = None) -> Val:  # fmt: skip
    axes = _last_axes(x, normalized_shape, "rms_norm")
    node = normalized(x.node, axes, 0 if eps is None else eps, centred=False)
    return Val(_affine(node, axes, weight, None, "rms_norm"), x.row)


def _group_norm(x: Val, num_groups: Int, weight: Val | None = None, bias: Val | None = None,
                eps: Number = EPS) -> Val:  # fmt: skip
    """Over the channels of a group and space, for each example alone."""
    require(x.order >= 2, f"group_norm takes batch × channels × …, not size {x.dims}")
    (groups,) = integers(num_groups, 1, "num_groups", 1)
    channels = x.node.shape[1]
    require(isinstance(channels, int), f"group_norm needs a number of channels, not {channels}")
    require(channels % groups == 0, f"{groups} groups do not divide {channels} channels")
    per = channels // groups
    split = rel((1, -per, -1), 0, (channels, groups, per)), ("c", "g", "q")
    space = tuple(range(2, x.order))
    apart = ein([(x.node, ("n", "c", *space)), split], ("n", "g", "q", *space))
    axes = tuple(range(2, apart.order))
    _several(apart, axes, "group_norm")
    hat = normalized(apart, axes, eps)
    node = ein([(hat, ("n", "g", "q", *space)), split], ("n", "c", *space))
    return Val(_affine(node, (1,), weight, bias, "group_norm"))


_RULE = "derivative of a normalisation"
_HALF = {"eps": sp.Rational(1, 2)}

NORM: tuple[Op, ...] = (
    Op("batch_norm", "x[n c ...], mean[c], var[c], w[c], b[c] -> [n c ...]", _batch_norm, WHY, LAW,
       _RULE, SOURCE, "batch norm", plain.batch_norm,
       meaning="w (x − mean)/√(var + ε) + b, with mean and variance over the batch and space, for each "
       "channel; or with the running ones, if they are given",
       sample=(([(5, 3)], {}, NORMAL), ([(5, 3), (3,), (3,)], {}, POSITIVE),
               ([(5, 3), (3,), (3,), (3,), (3,)], _HALF, POSITIVE), ([(3, 2, 5)], {}, NORMAL),
               ([(2, 3, 2, 5)], _HALF, NORMAL)),
       size=SAME_SIZE),
    Op("layer_norm", "x[... n], w[n], b[n] -> [... n]", _layer_norm, WHY, LAW, _RULE,
       "Ba, Kiros & Hinton 2016", "layer norm", plain.layer_norm,
       meaning="w (x − mean)/√(var + ε) + b, with mean and variance over the last axes",
       sample=(([(7,)], {}, NORMAL), ([(3, 5)], {}, NORMAL), ([(3, 5), (5,), (5,)], _HALF, NORMAL),
               ([(1, 5)], {}, NORMAL), ([(2, 3, 5), (3, 5)], {"normalized_shape": (3, 5)}, NORMAL)),
       size=SAME_SIZE),
    Op("group_norm", "x[n c ...], w[c], b[c] -> [n c ...]", _group_norm, WHY, LAW, _RULE,
       "Wu & He 2018", "group norm", plain.group_norm,
       meaning="w (x − mean)/√(var + ε) + b, with mean and variance over a group of channels and space, "
       "for each example",
       sample=(([(3, 6)], {"num_groups": 2}, NORMAL), ([(2, 6, 5), (6,), (6,)], {"num_groups": 3}, NORMAL),
               ([(2, 3, 5)], {"num_groups": 1}, NORMAL), ([(2, 3, 5)], {"num_groups": 3}, NORMAL)),
       size=SAME_SIZE),
    Op("instance_norm", "x[n c ...], mean[c], var[c], w[c], b[c] -> [n c ...]", _instance_norm, WHY, LAW,
       _RULE, "Ulyanov, Vedaldi & Lempitsky 2016", "instance norm", plain.instance_norm,
       meaning="w (x − mean)/√(var + ε) + b, with mean and variance over space, for each example and "
       "channel",
       sample=(([(2, 3, 5)], {}, NORMAL), ([(2, 3, 5, 2)], _HALF, NORMAL),
               ([(2, 3, 5), (3,), (3,), (3,), (3,)], {"use_input_stats": False}, POSITIVE)),
       size=SAME_SIZE),
    Op("rms_norm", "x[... n], w[n] -> [... n]", _rms_norm,
       "An input of {y} counts along two paths: directly, and through the root of the mean square. So "
       "the arriving gradient loses its part along z, the normalised input, and is divided by that root. A "
       "weight acts on z linearly.",
       "dz = (dx − z ⊙ mean(z ⊙ dx)) / √(mean(x²) + ε)", _RULE, "Zhang & Sennrich 2019", "RMS norm",
       plain.rms_norm,
       meaning="w x/√(mean(x²) + ε), with the mean over the last axes; ε is 0 unless given",
       sample=(([(7,)], {}, NORMAL), ([(3, 5), (5,)], {}, NORMAL), ([(3, 5)], _HALF, NORMAL),
               ([(2, 3, 5)], {"normalized_shape": (3, 5)}, NORMAL)),
       size=SAME_SIZE),
)  # fmt: skip
