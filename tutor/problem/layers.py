"""The layers of a `network`: one table row each, its functions just above.

To add a layer: write its rules (shape, windows, counts) and add one row to `_ROWS`. Nothing else
knows the layers by name. Shapes are per example, without the batch; axis 0 of torch's documentation
is the batch, so that axis 1 is the first one here. Legend: `x` the input's shape, `a` the bound
arguments, `y` the output's shape; `n` entries along an axis, `k` kernel size, `s` stride, `p`
padding, `d` dilation, `C` channels, `g` groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from ..errors import ShapeError
from ..expr import Binary, Expr, Name
from ..graph import sizes
from .arguments import (
    AXIS,
    CONV_PADDING,
    COUNT,
    FLAG,
    NUMBER,
    PADDING,
    WINDOW,
    WORD,
    Args,
    Argument,
)
from .layer_spec import Counts, LayerSpec, Rule, Shape, Window

# --- layers that slide a window ------------------------------------------------------------------

_AXES = {1: ("length",), 2: ("height", "width")}
_SUFFIX = {1: ("",), 2: ("_h", "_w")}


def _needs_axes(x: Shape, axes: int) -> None:
    if len(x) == axes + 1:
        return
    wanted = ", ".join(("channels", *_AXES[axes]))
    missing = len(x) == axes
    raise ShapeError(
        f"the input has shape {list(x)}, but must be [{wanted}]",
        hint=f"one channel is written [1, {', '.join(map(str, x))}]" if missing else None,
    )


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
        windows.append(Window(_AXES[axes][i], n, k, s, before, after, d, a.get("ceil_mode", False)))
    return tuple(windows)


def _slid(x: Shape, a: Args, channels: int) -> Shape:
    out = [channels]
    for window in _windows(x, a):
        try:
            out.append(window.output)
        except ShapeError as error:
            message = f"{window.axis}: {error.message}"
            raise type(error)(message, hint=error.hint) from None
    return tuple(out)


def _conv_shape(axes: int) -> Rule:
    def rule(x: Shape, a: Args) -> Shape:
        _needs_axes(x, axes)
        c_in, c_out, groups = x[0], a["out_channels"], a["groups"]
        if a["in_channels"] not in (None, c_in):
            raise ShapeError(
                f"`in_channels` is {a['in_channels']}, but the input {list(x)} has {c_in} channels",
                hint=f"write `in_channels: {c_in}`, or leave it out: it is inferred",
            )
        for what, channels in (("input", c_in), ("output", c_out)):
            if channels % groups:
                raise ShapeError(
                    f"{groups} groups do not divide the {channels} {what} channels",
                    hint="what fits: a number that divides both "
                    f"{c_in} (input) and {c_out} (output)",
                )
        return _slid(x, a, c_out)

    return rule


def _pool_shape(axes: int) -> Rule:
    def rule(x: Shape, a: Args) -> Shape:
        _needs_axes(x, axes)
        for w in _windows(x, a):
            try:
                sizes.check_pool_padding(w.kernel, (w.before, w.after), w.dilation)
            except ShapeError as error:
                raise ShapeError(f"{w.axis}: {error.message}", hint=error.hint) from None
        return _slid(x, a, x[0])

    return rule


def _conv_counts(x: Shape, a: Args, y: Shape) -> Counts:
    axes, groups = len(x) - 1, a["groups"]
    kernel = tuple(zip(_symbols("k", a["kernel_size"]), a["kernel_size"], strict=True))
    c_in: Expr = Name("C_in")
    if groups > 1:
        c_in = Binary("/", c_in, Name("g"))
    filters = ((c_in, x[0] // groups), (Name("C_out"), y[0]))
    places = tuple((Name(f"n{s}_out"), n) for s, n in zip(_SUFFIX[axes], y[1:], strict=True))
    return Counts(
        weights=((*kernel, *filters),),
        biases=(((Name("C_out"), y[0]),),) if a["bias"] else (),
        macs=((*places, *kernel, *filters),),
    )


def _symbols(letter: str, numbers: Sequence[int]) -> tuple[Expr, ...]:
    """k, k for a square kernel; k_h, k_w otherwise."""
    if len(set(numbers)) == 1:
        return (Name(letter),) * len(numbers)
    return tuple(Name(letter + suffix) for suffix in _SUFFIX[len(numbers)])


# --- linear --------------------------------------------------------------------------------------


def _linear_shape(x: Shape, a: Args) -> Shape:
    *leading, last = x
    if a["in_features"] not in (None, last):
        flat = leading and a["in_features"] == prod(x)
        raise ShapeError(
            f"`in_features` is {a['in_features']}, but the last axis of the input {list(x)} "
            f"has {last}",
            hint="put a `Flatten` before it"
            if flat
            else f"write `in_features: {last}`, or leave it out: it is inferred",
        )
    return (*leading, a["out_features"])


def _linear_counts(x: Shape, a: Args, y: Shape) -> Counts:
    *leading, n_in = x
    *_, n_out = y
    both = ((Name("n_in"), n_in), (Name("n_out"), n_out))
    positions = ((Name("m"), prod(leading)),) if leading else ()
    return Counts(
        weights=(both,),
        biases=((both[1],),) if a["bias"] else (),
        macs=((*positions, *both),),
    )


# --- reshaping and elementwise -------------------------------------------------------------------


def _axis(value: int, x: Shape, what: str) -> int:
    """The axis counted from 0 at the batch."""
    order = len(x) + 1
    if not -order <= value < order:
        raise ShapeError(
            f"`{what}` is {value}, but the input {list(x)} has the axes 0 (the batch) to "
            f"{order - 1}"
        )
    return value % order


def _flatten_shape(x: Shape, a: Args) -> Shape:
    start, end = _axis(a["start_dim"], x, "start_dim"), _axis(a["end_dim"], x, "end_dim")
    if start == 0:
        raise ShapeError(
            "`start_dim` 0 is the batch: flattening it mixes the examples",
            hint="`start_dim: 1` flattens each example",
        )
    if start > end:
        raise ShapeError(f"`start_dim` {a['start_dim']} lies behind `end_dim` {a['end_dim']}")
    return (*x[: start - 1], prod(x[start - 1 : end]), *x[end:])


def _same_shape(x: Shape, a: Args) -> Shape:
    if a.get("dim") is not None:
        _axis(a["dim"], x, "dim")
    return x


# --- the table -----------------------------------------------------------------------------------

_CONV = {
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
    "stride": Argument(WINDOW, None),  # None: the kernel size
    "padding": Argument(PADDING, 0),
}
_MAX_POOL = {**_POOL, "dilation": Argument(WINDOW, 1), "ceil_mode": Argument(FLAG, False)}
_AVG_POOL = {
    **_POOL,
    "ceil_mode": Argument(FLAG, False),
    "count_include_pad": Argument(FLAG, True),
}
_INPLACE = {"inplace": Argument(FLAG, False)}
_DIM = {"dim": Argument(AXIS, None)}

_CONV_LAW = "Every filter gives one channel; along each axis there is one output per window."
_POOL_LAW = "Each channel is pooled on its own; along each axis there is one output per window."


def _conv(axes: int) -> LayerSpec:
    return LayerSpec(
        f"Conv{axes}d", _CONV, _conv_shape(axes), _CONV_LAW, axes, _windows, _conv_counts, "slides"
    )


def _pool(kind: str, axes: int, **more: Argument) -> LayerSpec:
    signature = (_MAX_POOL if kind == "Max" else _AVG_POOL) | more
    rule, type_ = _pool_shape(axes), f"{kind}Pool{axes}d"
    return LayerSpec(type_, signature, rule, _POOL_LAW, axes, _windows, receptive="slides")


def _activation(type_: str, signature: Mapping[str, Argument] | None = None) -> LayerSpec:
    law = "It acts on each entry, so the shape stays."
    if signature is _DIM:
        law = "It rescales the entries along one axis, so the shape stays."
    return LayerSpec(type_, signature or {}, _same_shape, law)


_ROWS = (
    _conv(1),
    _conv(2),
    LayerSpec(
        "Linear",
        {
            "in_features": Argument(COUNT, None),
            "out_features": Argument(COUNT),
            "bias": Argument(FLAG, True),
        },
        _linear_shape,
        "Every output is a weighted sum along the last axis; there is one per output feature.",
        counts=_linear_counts,
        receptive="loses",
    ),
    _pool("Max", 1),
    _pool("Max", 2),
    _pool("Avg", 1),
    _pool("Avg", 2, divisor_override=Argument(COUNT, None)),
    LayerSpec(
        "Flatten",
        {"start_dim": Argument(AXIS, 1), "end_dim": Argument(AXIS, -1)},
        _flatten_shape,
        "The entries are written one after the other, row by row: the sizes multiply.",
        receptive="loses",
    ),
    _activation("ReLU", _INPLACE),
    _activation("LeakyReLU", {"negative_slope": Argument(NUMBER, 0.01), **_INPLACE}),
    _activation("ELU", {"alpha": Argument(NUMBER, 1.0), **_INPLACE}),
    _activation("SELU", _INPLACE),
    _activation("GELU", {"approximate": Argument(WORD, "none", ("none", "tanh"))}),
    _activation("SiLU", _INPLACE),
    _activation("Mish", _INPLACE),
    _activation("Sigmoid"),
    _activation("Tanh"),
    _activation("Softplus", {"beta": Argument(NUMBER, 1.0), "threshold": Argument(NUMBER, 20.0)}),
    _activation("Softsign"),
    _activation("Hardsigmoid", _INPLACE),
    _activation("Hardswish", _INPLACE),
    _activation("LogSigmoid"),
    _activation("Softmax", _DIM),
    _activation("LogSoftmax", _DIM),
    _activation("Identity"),
)

LAYERS: dict[str, LayerSpec] = {row.type: row for row in _ROWS}
