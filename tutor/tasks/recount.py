"""A second count of sizes and weights, by listing positions instead of the formula.

It shares no arithmetic with `graph/sizes.py` and the layer table, so that one checks the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..problem.applied import Applied


def recounts(layer: Applied) -> bool:
    """Whether the functions below know the layer's type."""
    slides = "kernel_size" in layer.args
    return slides or layer.spec.type in ("Linear", "Flatten") or layer.input == layer.output


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
    if type_ == "Linear":
        fits = args["in_features"] in (None, x[-1])
        return (*x[:-1], args["out_features"]) if fits else None
    if type_ == "Flatten":
        order = len(x) + 1
        first, last = args["start_dim"] % order - 1, args["end_dim"] % order - 1
        merged = 1
        for n in x[first : last + 1]:
            merged *= n
        return (*x[:first], merged, *x[last + 1 :])
    if "kernel_size" not in args:
        return x
    channels = _channels(x[0], args)
    if channels is None:
        return None
    out = [channels]
    for i, n in enumerate(x[1:]):
        windows = starts(*_slide(i, n, args))
        if not len(windows):
            return None
        out.append(len(windows))
    return tuple(out)


def _channels(c: int, args: Mapping[str, Any]) -> int | None:
    """The output channels, None when the layer's own channels or groups do not fit."""
    if "out_channels" not in args:
        for i, sides in enumerate(args["padding"]):
            taps = args["dilation"][i] if "dilation" in args else 1
            if 2 * max(sides) > taps * (args["kernel_size"][i] - 1) + 1:
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
    """(weights, biases, multiply-adds), from one neuron's inputs and the number of neurons."""
    args, x, y = layer.args, layer.input, layer.output
    if layer.spec.type == "Linear":
        fan_in, filters = x[-1], y[-1]
    elif "out_channels" in args:
        fan_in, filters = x[0] // args["groups"], y[0]
        for k in args["kernel_size"]:
            fan_in *= k
    else:
        return 0, 0, 0
    neurons = 1
    for n in y:
        neurons *= n
    return fan_in * filters, filters if args["bias"] else 0, fan_in * neurons
