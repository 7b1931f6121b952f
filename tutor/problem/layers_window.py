"""Layers that slide a window: convolutions and pools. `layers` says what the letters stand for."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, prod

from ..errors import ShapeError
from ..expr import Binary, Expr, Name
from ..graph import sizes
from ..steps import Text
from .arguments import CONV_PADDING, COUNT, FLAG, PADDING, WINDOW, WORD, Args, Argument
from .layer_spec import Counts, LayerSpec, Reason, Rule, Shape, Slide, Window, told_otherwise

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
_PLACES = {1: "L", 2: "HW", 3: "DHW"}
SUFFIX = {1: ("",), 2: ("_h", "_w"), 3: ("_d", "_h", "_w")}


def needs_axes(x: Shape, axes: int) -> None:
    if len(x) == axes + 1:
        return
    wanted = ", ".join(("channels", *AXES[axes]))
    message = f"the input has shape {list(x)}, but must be [{wanted}]"
    raise ShapeError(message, hint=_right_axes(x, axes))


def _right_axes(x: Shape, axes: int) -> str | None:
    """What gives a layer that slides along so many axes an input with these and channels."""
    if len(x) == axes:
        return f"one channel is written [1, {', '.join(map(str, x))}]"
    if len(x) == 4 and axes == 2:
        return (
            f"sizes are those of one example: without the batch the input is {list(x[1:])}, "
            f"if {x[0]} is the number of examples"
        )
    if len(x) == 3 and axes == 1:
        return "along height and width slides the layer with 2d in its name"
    if len(x) == 1:
        for channels in (1, 3):
            side = round((x[0] / channels) ** (1 / axes))
            if channels * side**axes == x[0]:
                sizes = [channels, *[side] * axes]
                return (
                    f"`Unflatten: {{dim: 1, unflattened_size: {sizes}}}` before it gives these axes"
                )
    return None


def _windows(x: Shape, a: Args) -> tuple[Window, ...]:
    axes = len(x) - 1
    kernels, strides = a["kernel_size"], a["stride"] or a["kernel_size"]
    dilations = a.get("dilation") or (1,) * axes
    windows = []
    for i, (n, k, s, d) in enumerate(zip(x[1:], kernels, strides, dilations, strict=True)):
        padding = a["padding"]
        if padding == "same":
            sides = sizes.same_padding(n, k, s, d)
        else:
            sides = (0, 0) if padding == "valid" else padding[i]
        before, after = sides
        windows.append(Window(AXES[axes][i], n, k, s, before, after, d, a.get("ceil_mode", False)))
    return tuple(windows)


def slid(slides: Sequence[Slide], channels: int) -> Shape:
    """The shape behind these slides; an error names its axis."""
    out = [channels]
    for slide in slides:
        try:
            out.append(slide.output)
        except ShapeError as error:
            message = f"{slide.axis}: {error.message}"
            raise type(error)(message, hint=error.hint) from None
    return tuple(out)


def check_channels(x: Shape, a: Args) -> None:
    """The layer's own input channels are the input's, and the groups divide both sides."""
    c_in, c_out, groups = x[0], a["out_channels"], a["groups"]
    if a["in_channels"] not in (None, c_in):
        message = (
            f"`in_channels` is {a['in_channels']}, but the input {list(x)} has {c_in} channels"
        )
        raise told_otherwise("in_channels", message, c_in)
    for what, channels in (("input", c_in), ("output", c_out)):
        if channels % groups:
            raise ShapeError(
                f"{groups} groups do not divide the {channels} {what} channels",
                hint=f"what fits: {_divisors(c_in, c_out)}",
            )


def _divisors(c_in: int, c_out: int) -> str:
    """The numbers of groups that are possible, in words: all of them, if they are few."""
    common = gcd(c_in, c_out)
    if common == 1:
        return f"1 only, since {c_in} (input) and {c_out} (output) have no other common divisor"
    fits = [str(g) for g in range(1, min(common, 64) + 1) if common % g == 0]
    if common > 64:
        fits.append("…")
    return ", ".join(fits[:-1]) + " or " + fits[-1] if common <= 64 else ", ".join(fits)


def _conv_shape(axes: int) -> Rule:
    def rule(x: Shape, a: Args) -> Shape:
        needs_axes(x, axes)
        check_channels(x, a)
        windows = _windows(x, a)
        for w in windows:
            _check_edge(w, a["padding_mode"])
        return slid(windows, a["out_channels"])

    return rule


def _check_edge(w: Window, mode: str) -> None:
    """A mirror image needs entries beside the edge, a repetition as many as it adds."""
    most = {"reflect": w.size - 1, "circular": w.size}.get(mode)
    if most is None or max(w.before, w.after) <= most:
        return
    raise ShapeError(
        f"{w.axis}: `padding_mode: {mode}` can add at most {most} at each end of an axis of "
        f"{w.size}, not {max(w.before, w.after)}",
        hint=f"what fits: a padding of at most {most}, or another `padding_mode`",
    )


def _pool_shape(axes: int, strict: bool) -> Rule:
    def rule(x: Shape, a: Args) -> Shape:
        needs_axes(x, axes)
        for w in _windows(x, a):
            if strict and w.size < w.kernel:
                raise ShapeError(
                    f"{w.axis}: torch's AvgPool3d refuses a kernel of {w.kernel} on {w.size} "
                    "entries, even with padding",
                    hint=f"what fits: a kernel of at most {w.size}",
                )
            try:
                sizes.check_pool_padding(w.kernel, (w.before, w.after), w.dilation)
            except ShapeError as error:
                raise ShapeError(f"{w.axis}: {error.message}", hint=error.hint) from None
        return slid(_windows(x, a), x[0])

    return rule


def conv_counts(x: Shape, a: Args, y: Shape, places: Shape, at: str) -> Counts:
    """Counts of a layer whose filters stand at `places`, an area H_out × W_out or H_in × W_in."""
    axes, groups = len(x) - 1, a["groups"]
    kernel = tuple(zip(_symbols("k", a["kernel_size"]), a["kernel_size"], strict=True))
    c_in: Expr = Name("C_in")
    if groups > 1:
        c_in = Binary("/", c_in, Name("g"))
    filters = ((c_in, x[0] // groups), (Name("C_out"), y[0]))
    positions = tuple((Name(f"{s}_{at}"), n) for s, n in zip(_PLACES[axes], places, strict=True))
    return Counts(
        weights=((*kernel, *filters),),
        biases=(((Name("C_out"), y[0]),),) if a["bias"] else (),
        macs=((*positions, *kernel, *filters),),
    )


def _conv_counts(x: Shape, a: Args, y: Shape) -> Counts:
    return conv_counts(x, a, y, y[1:], "out")


def _symbols(letter: str, numbers: Sequence[int]) -> tuple[Expr, ...]:
    """k, k for a square kernel; k_h, k_w otherwise."""
    if len(set(numbers)) == 1:
        return (Name(letter),) * len(numbers)
    return tuple(Name(letter + suffix) for suffix in SUFFIX[len(numbers)])


def conv_reason(x: Shape, a: Args, y: Shape) -> Reason:
    """Why a convolution has so many parameters."""
    groups = a["groups"]
    k = x[0] // groups * prod(a["kernel_size"])
    if groups == x[0] > 1:
        seen = Text(
            "Each of the {n} filters sees a single channel (a depthwise convolution)",
            {"n": y[0]},
        )
    elif groups > 1:
        seen = Text(
            "With {g} groups each of the {n} filters sees {c} of {C} channels",
            {"g": groups, "n": y[0], "c": x[0] // groups, "C": x[0]},
        )
    elif x[0] == 1:
        words = "Each of the {n} filters reaches over the one channel"
        seen = Text(words, {"n": y[0]}, one="The one filter reaches over the one channel")
    else:
        seen = Text(
            "Each of the {n} filters reaches through all {C} channels",
            {"n": y[0], "C": x[0]},
            one="The one filter reaches through all {C} channels",
        )
    if a["bias"]:
        return Text(
            "{filters}: {k} weights and one bias, whatever the size of the input.",
            {"filters": seen, "k": k},
        )
    return Text(
        "{filters}: {k} weights, whatever the size of the input.", {"filters": seen, "k": k}
    )


def _conv_reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
    k = x[0] // a["groups"] * prod(a["kernel_size"])
    words = "Each of the {m} outputs is a sum of {k} products."
    return conv_reason(x, a, y), Text(words, {"m": prod(y), "k": k})


CONV = {
    "in_channels": Argument(COUNT, None),
    "out_channels": Argument(COUNT),
    "kernel_size": Argument(WINDOW),
    "stride": Argument(WINDOW, 1),
    "padding": Argument(CONV_PADDING, 0, ("same", "valid")),
    "dilation": Argument(WINDOW, 1),
    "groups": Argument(COUNT, 1),
    "bias": Argument(FLAG, True),
    "padding_mode": Argument(WORD, "zeros", ("zeros", "reflect", "replicate", "circular")),
}
_POOL = {
    "kernel_size": Argument(WINDOW),
    "stride": Argument(WINDOW, None, left_out="the kernel size"),
    "padding": Argument(PADDING, 0),
}
_MAX_POOL = {**_POOL, "dilation": Argument(WINDOW, 1), "ceil_mode": Argument(FLAG, False)}
_AVG_POOL = {
    **_POOL,
    "ceil_mode": Argument(FLAG, False),
    "count_include_pad": Argument(FLAG, True),
}

_CONV_LAW = "Every filter gives one channel; along each axis there is one output per window."
_POOL_LAW = "Each channel is pooled on its own; along each axis there is one output per window."


def _conv(axes: int) -> LayerSpec:
    return LayerSpec(
        f"Conv{axes}d",
        CONV,
        _conv_shape(axes),
        _CONV_LAW,
        axes,
        _windows,
        _conv_counts,
        "slides",
        _conv_reasons,
    )


def _pool(kind: str, axes: int, **more: Argument) -> LayerSpec:
    signature = (_MAX_POOL if kind == "Max" else _AVG_POOL) | more
    rule, type_ = _pool_shape(axes, kind == "Avg" and axes == 3), f"{kind}Pool{axes}d"
    return LayerSpec(type_, signature, rule, _POOL_LAW, axes, _windows, receptive="slides")


_DIVISOR = {"divisor_override": Argument(COUNT, None, left_out="the entries of the window")}

ROWS = (
    _conv(1),
    _conv(2),
    _conv(3),
    _pool("Max", 1),
    _pool("Max", 2),
    _pool("Max", 3),
    _pool("Avg", 1),
    _pool("Avg", 2, **_DIVISOR),
    _pool("Avg", 3, **_DIVISOR),
)
