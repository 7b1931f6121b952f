"""Layers that change the size of an image otherwise: transposed convolutions, adaptive pools,
resampling, padding with zeros. `layers` says what the letters stand for.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor, prod

from ..errors import ShapeError
from ..steps import Text
from .arguments import (
    COUNT,
    EDGES,
    FACTORS,
    FLAG,
    OUTPUTS,
    PADDING,
    SPARE,
    WINDOW,
    WORD,
    Args,
    Argument,
)
from .layer_spec import Counts, LayerSpec, Reason, Rule, Shape, Window
from .layers_window import AXES, check_channels, conv_counts, conv_reason, needs_axes, slid
from .slides import Adaptive, Scaled, Spread

# --- transposed convolution ----------------------------------------------------------------------


def _spreads(x: Shape, a: Args) -> tuple[Spread, ...]:
    numbers = zip(
        AXES[len(x) - 1],
        x[1:],
        a["kernel_size"],
        a["stride"],
        a["padding"],
        a["dilation"],
        a["output_padding"],
        strict=True,
    )
    return tuple(Spread(axis, n, k, s, *p, d, o) for axis, n, k, s, p, d, o in numbers)


def _spread_shape(axes: int) -> Rule:
    def rule(x: Shape, a: Args) -> Shape:
        needs_axes(x, axes)
        check_channels(x, a)
        return slid(_spreads(x, a), a["out_channels"])

    return rule


def _spread_counts(x: Shape, a: Args, y: Shape) -> Counts:
    return conv_counts(x, a, y, x[1:], "in")


def _spread_reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
    k = y[0] // a["groups"] * prod(a["kernel_size"])
    words = "Each of the {m} inputs is multiplied by the {k} weights that spread it."
    return conv_reason(x, a, y), Text(words, {"m": prod(x), "k": k})


_TRANSPOSED = {
    "in_channels": Argument(COUNT, None),
    "out_channels": Argument(COUNT),
    "kernel_size": Argument(WINDOW),
    "stride": Argument(WINDOW, 1),
    "padding": Argument(PADDING, 0),
    "output_padding": Argument(SPARE, 0),
    "groups": Argument(COUNT, 1),
    "bias": Argument(FLAG, True),
    "dilation": Argument(WINDOW, 1),
    "padding_mode": Argument(WORD, "zeros", ("zeros",)),
}


def _transposed(axes: int) -> LayerSpec:
    return LayerSpec(
        f"ConvTranspose{axes}d",
        _TRANSPOSED,
        _spread_shape(axes),
        "Every filter gives one channel; each entry of the input is spread over a window of the "
        "output, and the windows lie a stride apart.",
        axes,
        _spreads,
        _spread_counts,
        "slides",
        _spread_reasons,
        note="one multiply-add for each entry of the input and each weight that it meets",
    )


# --- adaptive pools ------------------------------------------------------------------------------


def _adaptive(x: Shape, a: Args) -> tuple[Adaptive, ...]:
    axes = len(x) - 1
    sizes = zip(AXES[axes], x[1:], a["output_size"], strict=True)
    return tuple(Adaptive(axis, n, m or n) for axis, n, m in sizes)


def _adaptive_pool(kind: str, axes: int) -> LayerSpec:
    def rule(x: Shape, a: Args) -> Shape:
        needs_axes(x, axes)
        return slid(_adaptive(x, a), x[0])

    return LayerSpec(
        f"Adaptive{kind}Pool{axes}d",
        {"output_size": Argument(OUTPUTS)},
        rule,
        "Each channel is pooled on its own, to the size that the layer asks for.",
        axes,
        _adaptive,
        receptive="slides",
    )


# --- resampling and padding ----------------------------------------------------------------------

_MODES = ("nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear")
_MODE_AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_UPSAMPLE = {
    "size": Argument(OUTPUTS, None, left_out="`scale_factor` says it"),
    "scale_factor": Argument(FACTORS, None, left_out="`size` says it"),
    "mode": Argument(WORD, "nearest", _MODES),
    "align_corners": Argument(FLAG, None, left_out="false"),
    "recompute_scale_factor": Argument(FLAG, None, left_out="false"),
}


def _upsample_shape(x: Shape, a: Args) -> Shape:
    axes, mode = len(x) - 1, a["mode"]
    if axes not in AXES:
        raise ShapeError(f"the input has shape {list(x)}, but must be [channels, height, width]")
    if _MODE_AXES.get(mode, axes) != axes:
        fits = " or ".join(f"`{m}`" for m in _MODES if _MODE_AXES.get(m, axes) == axes)
        counted = "1 axis" if _MODE_AXES[mode] == 1 else f"{_MODE_AXES[mode]} axes"
        raise ShapeError(
            f"the mode `{mode}` is for {counted} besides the channels, but the "
            f"input {list(x)} has {axes}",
            hint=f"what fits: {fits}",
        )
    if (a["size"] is None) == (a["scale_factor"] is None):
        raise ShapeError(
            "Upsample needs either `size` or `scale_factor`",
            hint="`Upsample: {scale_factor: 2}` doubles every axis",
        )
    if a["align_corners"] is not None and mode not in _MODE_AXES:
        raise ShapeError(f"`align_corners` has no meaning with the mode `{mode}`")
    out = slid(_scaled(x, a), x[0])
    if min(out) < 1:
        raise ShapeError(f"the output {list(out)} would be empty: a factor is too small")
    return out


def _scaled(x: Shape, a: Args) -> tuple[Scaled, ...]:
    axes, mode = len(x) - 1, a["mode"]
    taps = 1 if mode.startswith("nearest") else 4 if mode == "bicubic" else 2
    corners = bool(a["align_corners"])
    sizes = _spread_over(a["size"], axes)
    factors = _spread_over(a["scale_factor"], axes)
    out = []
    for axis, n, size, factor in zip(AXES[axes], x[1:], sizes, factors, strict=True):
        m = size if size is not None else n if factor is None else floor(n * factor)
        if corners and taps > 1:
            ratio = Fraction(n - 1, m - 1) if m > 1 else Fraction(1)
        elif factor is not None and not a["recompute_scale_factor"]:
            ratio = 1 / Fraction(str(factor))
        else:
            ratio = Fraction(n, max(m, 1))
        centred = mode == "nearest-exact" or (taps > 1 and not corners)
        out.append(Scaled(axis, n, m, ratio or Fraction(1), taps, centred))
    return tuple(out)


def _spread_over(value: tuple | None, axes: int) -> tuple:
    """A bound value has one entry, or one per axis: the layer serves images of every order."""
    if value is None or len(value) == axes:
        return value or (None,) * axes
    if len(value) > 1:
        raise ShapeError(f"{len(value)} sizes are given, but the input has {axes} axes to resize")
    return value * axes


def _pads(x: Shape, a: Args) -> tuple[Window, ...]:
    axes = len(x) - 1
    return tuple(
        Window(axis, n, 1, 1, before, after, 1)
        for axis, n, (before, after) in zip(AXES[axes], x[1:], a["padding"], strict=True)
    )


def _zero_pad(axes: int) -> LayerSpec:
    def rule(x: Shape, a: Args) -> Shape:
        needs_axes(x, axes)
        return slid(_pads(x, a), x[0])

    return LayerSpec(
        f"ZeroPad{axes}d",
        {"padding": Argument(EDGES)},
        rule,
        "Zeros are put around each channel: an axis grows by those before it and those behind it.",
        axes,
        _pads,
        receptive="slides",
    )


def _shuffled(x: Shape, a: Args) -> Shape:
    needs_axes(x, 2)
    c, r = x[0], a["upscale_factor"]
    if c % r**2:
        raise ShapeError(
            f"{c} channels cannot be dealt out to blocks of {r}×{r} pixels",
            hint=f"the number of channels must be a multiple of {r**2}",
        )
    return c // r**2, x[1] * r, x[2] * r


def _shuffle_slides(x: Shape, a: Args) -> tuple[Scaled, ...]:
    r = a["upscale_factor"]
    return tuple(
        Scaled(axis, n, n * r, Fraction(1, r)) for axis, n in zip(AXES[2], x[1:], strict=True)
    )


_RESIZE_LAW = (
    "Each channel is resampled on its own: its sizes are multiplied by the scale factor and "
    "rounded down, or they are those asked for."
)

ROWS = (
    *(_transposed(axes) for axes in AXES),
    *(_adaptive_pool(kind, axes) for kind in ("Avg", "Max") for axes in AXES),
    LayerSpec("Upsample", _UPSAMPLE, _upsample_shape, _RESIZE_LAW, 0, _scaled, receptive="slides"),
    LayerSpec(
        "PixelShuffle",
        {"upscale_factor": Argument(COUNT)},
        _shuffled,
        "Groups of r² channels are dealt out to blocks of r×r pixels: no entry is lost or added.",
        0,
        _shuffle_slides,
        receptive="slides",
    ),
    *(_zero_pad(axes) for axes in AXES),
)
