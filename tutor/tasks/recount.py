"""A second count of sizes and weights, by listing positions instead of the formula.

It shares no arithmetic with `graph/sizes.py` and the layer table, so that one checks the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from ..problem.applied import Applied
from ..problem.layers import LAYERS
from .recount_tensors import learned, products

Shape = tuple[int, ...]


def recounts(layer: Applied) -> bool:
    """Whether the functions below know the layer's type."""
    return layer.spec.type in LAYERS  # what has no row in _SHAPES keeps its shape


def starts(
    n: int,
    kernel: int,
    stride: int,
    before: int,
    after: int,
    dilation: int,
    ceil_mode: bool = False,
) -> range:
    """Where the windows begin, entry 0 being the first of the input: a stride apart."""
    last_tap = dilation * (kernel - 1)
    if not ceil_mode:
        return range(-before, n + after - last_tap, stride)
    # a window may hang over the end if it starts on the input and the one before did not reach it
    return range(-before, min(n, n + after - last_tap - 1 + stride), stride)


def same_sides(n: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """The zeros that let a window begin for every multiple of the stride below n."""
    last_start = range(0, n, stride)[-1]
    missing = max(0, last_start + dilation * (kernel - 1) - (n - 1))
    after = (missing + 1) // 2
    return missing - after, after


def recount_shape(
    type_: str, x: tuple[int, ...], args: Mapping[str, Any]
) -> tuple[int, ...] | None:
    """The output shape of a layer; None when it cannot act on `x`; `x` for any other layer."""
    if not _accepts(type_, x, args):
        return None
    if type_ in _SHAPES:
        return _SHAPES[type_](x, args)
    if "kernel_size" not in args:
        return x
    channels = _channels(x[0], args)
    if channels is None:
        return None
    out = [channels]
    for i, n in enumerate(x[1:]):
        if "output_padding" in args:
            found = _spread_places(i, n, args)
        else:
            slide = _slide(i, n, args)
            copied = {"reflect": n - 1, "circular": n}.get(args.get("padding_mode", ""))
            found = 0 if copied is not None and max(slide[3:5]) > copied else len(starts(*slide))
        if not found:
            return None
        out.append(found)
    return tuple(out)


def _accepts(type_: str, x: Shape, args: Mapping[str, Any]) -> bool:
    """Whether sizes that the layer names are the input's, and parts divide it."""
    features = x[-1] if type_ in _SEQUENCES else x[0]
    named = ("num_features", "num_channels", "input_size", "embed_dim", "d_model")
    if any(args.get(name) not in (None, features) for name in named):
        return False
    for parts in ("num_groups", "num_heads", "nhead"):
        if parts in args and len(range(0, features, args[parts])) * args[parts] != features:
            return False
    if type_ == "AvgPool3d" and any(k > n for k, n in zip(args["kernel_size"], x[1:], strict=True)):
        return False
    own = args.get("normalized_shape")
    return own is None or own == x[-len(own) :]


def _spread_places(i: int, n: int, args: Mapping[str, Any]) -> int:
    """The outputs of a transposed convolution: from tap 0 of entry 0 to the last of the last."""
    stride, dilation, more = (args[k][i] for k in ("stride", "dilation", "output_padding"))
    if more >= max(stride, dilation):
        return 0
    last = (
        range(0, n * stride, stride)[-1] + range(0, args["kernel_size"][i] * dilation, dilation)[-1]
    )
    before, after = args["padding"][i]
    return len(range(before, last + 1 + more - after))


def _linear(x: Shape, args: Mapping[str, Any]) -> Shape | None:
    return (*x[:-1], args["out_features"]) if args["in_features"] in (None, x[-1]) else None


def _flatten(x: Shape, args: Mapping[str, Any]) -> Shape:
    order = len(x) + 1
    first, last = args["start_dim"] % order - 1, args["end_dim"] % order - 1
    merged = 1
    for n in x[first : last + 1]:
        merged *= n
    return (*x[:first], merged, *x[last + 1 :])


def _unflatten(x: Shape, args: Mapping[str, Any]) -> Shape | None:
    i, sizes, known = args["dim"] % (len(x) + 1) - 1, args["unflattened_size"], 1
    for n in sizes:
        known *= abs(n)
    open_, rest = divmod(x[i], known)
    if rest or (-1 not in sizes and open_ != 1):
        return None
    return (*x[:i], *(open_ if n == -1 else n for n in sizes), *x[i + 1 :])


def _permute(x: Shape, args: Mapping[str, Any]) -> Shape:
    whole = (0, *x)
    return tuple(whole[d] for d in args["dims"])[1:]


def _select(x: Shape, args: Mapping[str, Any]) -> Shape:
    whole = [0, *x]
    del whole[args["dim"]]
    return tuple(whole[1:]) or (1,)


def _parameter(x: Shape, args: Mapping[str, Any]) -> Shape:
    if args["join"] == "add":
        return x
    whole = [0, *x]
    whole[args["dim"]] += (0, *(args["shape"] or x))[args["dim"]]
    return tuple(whole[1:])


def _adaptive(x: Shape, args: Mapping[str, Any]) -> Shape:
    return (x[0], *(m or n for n, m in zip(x[1:], args["output_size"], strict=True)))


def _upsample(x: Shape, args: Mapping[str, Any]) -> Shape:
    wanted = args["size"] or args["scale_factor"]
    wanted = wanted * (len(x) - 1) if len(wanted) == 1 else wanted
    if args["size"]:
        return (x[0], *(m or n for n, m in zip(x[1:], wanted, strict=True)))
    return (x[0], *(int(n * f) for n, f in zip(x[1:], wanted, strict=True)))


def _zero_pad(x: Shape, args: Mapping[str, Any]) -> Shape:
    sides = zip(x[1:], args["padding"], strict=True)
    return (x[0], *(len(range(-before, n + after)) for n, (before, after) in sides))


def _shuffle(x: Shape, args: Mapping[str, Any]) -> Shape:
    r = args["upscale_factor"]
    return (len(range(0, x[0], r * r)), *(len(range(n * r)) for n in x[1:]))


def _halved(x: Shape, args: Mapping[str, Any]) -> Shape | None:
    whole = [0, *x]
    if whole[args["dim"]] & 1:
        return None
    whole[args["dim"]] = len(range(0, whole[args["dim"]], 2))
    return tuple(whole[1:])


def _recurrent(x: Shape, args: Mapping[str, Any]) -> Shape:
    state = args.get("proj_size", 0) or args["hidden_size"]
    return x[0], state + state * args["bidirectional"]


_SEQUENCES = ("RNN", "GRU", "LSTM", "MultiheadAttention", "TransformerEncoderLayer")
_SHAPES: dict[str, Callable[[Shape, Mapping[str, Any]], Shape | None]] = {
    "Linear": _linear,
    "Bilinear": lambda x, args: (*x[:-1], args["out_features"]),
    "Embedding": lambda x, args: (*x, args["embedding_dim"]),
    "Flatten": _flatten,
    "Unflatten": _unflatten,
    "Permute": _permute,
    "Select": _select,
    "Parameter": _parameter,
    "Upsample": _upsample,
    "PixelShuffle": _shuffle,
    "GLU": _halved,
    "RNN": _recurrent,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    **{f"Adaptive{kind}Pool{n}d": _adaptive for kind in ("Avg", "Max") for n in (1, 2, 3)},
    **{f"ZeroPad{n}d": _zero_pad for n in (1, 2, 3)},
}


def _channels(c: int, args: Mapping[str, Any]) -> int | None:
    """The output channels, None when the layer's own channels or groups do not fit."""
    if "out_channels" not in args:
        for i, sides in enumerate(args["padding"]):
            if 2 * max(sides) > args["kernel_size"][i]:
                return None
        return c
    groups, filters = args["groups"], args["out_channels"]
    whole = c % groups == 0 and filters % groups == 0
    return filters if whole and args["in_channels"] in (None, c) else None


def _slide(i: int, n: int, args: Mapping[str, Any]) -> tuple[Any, ...]:
    kernel = args["kernel_size"][i]
    stride = (args["stride"] or args["kernel_size"])[i]
    dilation = args["dilation"][i] if "dilation" in args else 1
    if args["padding"] == "same":
        sides = same_sides(n, kernel, stride, dilation)
    else:
        sides = (0, 0) if args["padding"] == "valid" else args["padding"][i]
    return n, kernel, stride, *sides, dilation, args.get("ceil_mode", False)


def recount_weights(layer: Applied) -> tuple[int, int, int]:
    """(weights, biases, multiply-adds), from the arrays that are learned and what feeds a sum."""
    weights, biases = learned(layer)
    macs = sum(outputs * fan_in for outputs, fan_in in products(layer))
    return sum(map(prod, weights)), sum(map(prod, biases)), macs
