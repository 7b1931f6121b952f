"""Normalisation, dropout and activations: the shape stays (but for GLU). `layers` explains."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from ..errors import ShapeError
from ..expr import Name
from .arguments import AXIS, COUNT, FLAG, NUMBER, PROBABILITY, SIZES, WORD, Args, Argument
from .layer_spec import Counts, LayerSpec, Reason, Rule, Shape
from .layers_dense import axis, inner_axis

# --- normalisation -------------------------------------------------------------------------------

_LAW = "It shifts and scales the entries, so the shape stays."


def _channel_norm(type_: str, orders: tuple[int, ...], affine: bool) -> LayerSpec:
    """One mean and variance for each channel: orders are the numbers of axes of an example."""

    def rule(x: Shape, a: Args) -> Shape:
        if len(x) not in orders:
            wanted = " or ".join(f"{n} axes" if n > 1 else "1 axis" for n in orders)
            raise ShapeError(
                f"the input has shape {list(x)}, but {type_} takes {wanted}",
                hint=_fitting_norm(type_, len(x)),
            )
        if type_.startswith("Instance") and prod(x[1:]) == 1:
            raise ShapeError(
                f"each channel of the input {list(x)} has a single entry, which has no variance"
            )
        if a["num_features"] not in (None, x[0]):
            raise ShapeError(
                f"`num_features` is {a['num_features']}, but the input {list(x)} has {x[0]} "
                "channels",
                hint=f"write `num_features: {x[0]}`, or leave it out: it is inferred",
            )
        return x

    signature = {
        "num_features": Argument(COUNT, None),
        "eps": Argument(NUMBER, 1e-5),
        "momentum": Argument(NUMBER, 0.1),
        "affine": Argument(FLAG, affine),
        "track_running_stats": Argument(FLAG, affine),
        "bias": Argument(FLAG, True),
    }
    return LayerSpec(
        type_,
        signature,
        rule,
        _LAW,
        counts=_channel_counts,
        reasons=_channel_reasons,
        note="running means and variances are no parameters",
    )


def _fitting_norm(type_: str, order: int) -> str | None:
    fits = {1: "1d", 2: "1d", 3: "2d", 4: "3d"}.get(order)
    if fits is None or (order == 1 and type_.startswith("Instance")):
        return None
    return f"what fits: `{type_[:-2]}{fits}`"


def _channel_counts(x: Shape, a: Args, y: Shape) -> Counts:
    each = (((Name("C"), x[0]),),)
    if not a["affine"]:
        return Counts()
    return Counts(weights=each, biases=each if a["bias"] else ())


def _channel_reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
    words = "Each of the {C} channels has a scale γ" + (" and a shift β." if a["bias"] else ".")
    return ((words, {"C": x[0]}),) if a["affine"] else ()


def _group_shape(x: Shape, a: Args) -> Shape:
    if a["num_channels"] not in (None, x[0]):
        raise ShapeError(
            f"`num_channels` is {a['num_channels']}, but the input {list(x)} has {x[0]} channels",
            hint=f"write `num_channels: {x[0]}`, or leave it out: it is inferred",
        )
    if x[0] % a["num_groups"]:
        raise ShapeError(
            f"{a['num_groups']} groups do not divide the {x[0]} channels",
            hint=f"what fits: a divisor of {x[0]}",
        )
    return x


def _layer_norm_shape(x: Shape, a: Args) -> Shape:
    own = a["normalized_shape"]
    if own is not None and own != x[-len(own) :]:
        raise ShapeError(
            f"`normalized_shape` is {list(own)}, but the last axes of the input {list(x)} are "
            f"{list(x[-len(own) :])}",
            hint=f"`normalized_shape: {x[-1]}` is the last axis",
        )
    return x


def _layer_norm_counts(x: Shape, a: Args, y: Shape) -> Counts:
    if not a["elementwise_affine"]:
        return Counts()
    own = a["normalized_shape"] or x[-1:]
    names = [Name("n")] if len(own) == 1 else [Name(f"n_{i + 1}") for i in range(len(own))]
    each = (tuple(zip(names, own, strict=True)),)
    return Counts(weights=each, biases=each if a.get("bias") else ())


def _layer_norm_reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
    if not a["elementwise_affine"]:
        return ()
    own = a["normalized_shape"] or x[-1:]
    words = "Each of the {n} normalised entries has a scale γ"
    words += " and a shift β." if a.get("bias") else "."
    return ((words, {"n": prod(own)}),)


_NORMALISED = {"normalized_shape": Argument(SIZES, None)}
_LAST = "`normalized_shape` is the last axis unless it is given"

_NORMS = (
    _channel_norm("BatchNorm1d", (1, 2), True),
    _channel_norm("BatchNorm2d", (3,), True),
    _channel_norm("BatchNorm3d", (4,), True),
    _channel_norm("InstanceNorm1d", (2,), False),
    _channel_norm("InstanceNorm2d", (3,), False),
    _channel_norm("InstanceNorm3d", (4,), False),
    LayerSpec(
        "LayerNorm",
        {
            **_NORMALISED,
            "eps": Argument(NUMBER, 1e-5),
            "elementwise_affine": Argument(FLAG, True),
            "bias": Argument(FLAG, True),
        },
        _layer_norm_shape,
        _LAW,
        counts=_layer_norm_counts,
        reasons=_layer_norm_reasons,
        note=_LAST,
    ),
    LayerSpec(
        "RMSNorm",
        {
            **_NORMALISED,
            "eps": Argument(NUMBER, None),
            "elementwise_affine": Argument(FLAG, True),
        },
        _layer_norm_shape,
        "It scales the entries, so the shape stays.",
        counts=_layer_norm_counts,
        reasons=_layer_norm_reasons,
        note=_LAST,
    ),
    LayerSpec(
        "GroupNorm",
        {
            "num_groups": Argument(COUNT),
            "num_channels": Argument(COUNT, None),
            "eps": Argument(NUMBER, 1e-5),
            "affine": Argument(FLAG, True),
            "bias": Argument(FLAG, True),
        },
        _group_shape,
        _LAW,
        counts=_channel_counts,
        reasons=_channel_reasons,
    ),
    LayerSpec(
        "LocalResponseNorm",
        {
            "size": Argument(COUNT),
            "alpha": Argument(NUMBER, 1e-4),
            "beta": Argument(NUMBER, 0.75),
            "k": Argument(NUMBER, 1.0),
        },
        lambda x, a: x,
        "It divides each entry by a size of its neighbours in other channels: the shape stays.",
    ),
)

# --- dropout -------------------------------------------------------------------------------------

_INPLACE = {"inplace": Argument(FLAG, False)}


def _dropout(type_: str, what: str) -> LayerSpec:
    signature = {"p": Argument(PROBABILITY, 0.5), **_INPLACE}
    law = f"It sets {what} to zero at random in training, so the shape stays."
    return LayerSpec(type_, signature, _same_shape, law)


# --- activations ---------------------------------------------------------------------------------


def _same_shape(x: Shape, a: Args) -> Shape:
    if a.get("dim") is not None:
        axis(a["dim"], x, "dim")
    return x


def _activation(type_: str, signature: Mapping[str, Argument] | None = None) -> LayerSpec:
    law = "It acts on each entry, so the shape stays."
    if signature is _DIM:
        law = "It rescales the entries along one axis, so the shape stays."
    return LayerSpec(type_, signature or {}, _same_shape, law)


def _numbers(**defaults: float) -> dict[str, Argument]:
    return {name: Argument(NUMBER, default) for name, default in defaults.items()}


def _glu_shape(x: Shape, a: Args) -> Shape:
    i = inner_axis(a["dim"], x)
    if x[i] % 2:
        raise ShapeError(f"GLU halves its axis, but that has {x[i]} entries, an odd number")
    return (*x[:i], x[i] // 2, *x[i + 1 :])


def _prelu_shape(x: Shape, a: Args) -> Shape:
    if a["num_parameters"] not in (1, x[0]):
        raise ShapeError(
            f"`num_parameters` is {a['num_parameters']}, but the input {list(x)} has {x[0]} "
            "channels",
            hint=f"what fits: 1 for one slope in all, or {x[0]} for one per channel",
        )
    return x


def _prelu_counts(x: Shape, a: Args, y: Shape) -> Counts:
    return Counts(weights=(((Name("a"), a["num_parameters"]),),))


def _prelu_reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
    if a["num_parameters"] == 1:
        return (("One slope for negative entries is learned.", {}),)
    return (("One slope for negative entries is learned in each channel.", {}),)


def _image_rule(type_: str) -> Rule:
    def rule(x: Shape, a: Args) -> Shape:
        if len(x) != 3:
            wanted = "[channels, height, width]"
            raise ShapeError(f"the input has shape {list(x)}, but {type_} needs {wanted}")
        return x

    return rule


_DIM = {"dim": Argument(AXIS, None)}

ROWS = (
    *_NORMS,
    _dropout("Dropout", "entries"),
    _dropout("Dropout1d", "whole channels"),
    _dropout("Dropout2d", "whole channels"),
    _dropout("Dropout3d", "whole channels"),
    _dropout("AlphaDropout", "entries"),
    _activation("ReLU", _INPLACE),
    _activation("ReLU6", _INPLACE),
    _activation("LeakyReLU", {**_numbers(negative_slope=0.01), **_INPLACE}),
    LayerSpec(
        "PReLU",
        {"num_parameters": Argument(COUNT, 1), "init": Argument(NUMBER, 0.25)},
        _prelu_shape,
        "It acts on each entry, so the shape stays.",
        counts=_prelu_counts,
        reasons=_prelu_reasons,
    ),
    _activation("RReLU", {**_numbers(lower=1 / 8, upper=1 / 3), **_INPLACE}),
    _activation("ELU", {**_numbers(alpha=1.0), **_INPLACE}),
    _activation("CELU", {**_numbers(alpha=1.0), **_INPLACE}),
    _activation("SELU", _INPLACE),
    _activation("GELU", {"approximate": Argument(WORD, "none", ("none", "tanh"))}),
    _activation("SiLU", _INPLACE),
    _activation("Mish", _INPLACE),
    _activation("Sigmoid"),
    _activation("Tanh"),
    _activation("Softplus", _numbers(beta=1.0, threshold=20.0)),
    _activation("Softsign"),
    _activation("Softshrink", _numbers(lambd=0.5)),
    _activation("Hardshrink", _numbers(lambd=0.5)),
    _activation("Tanhshrink"),
    _activation("Hardsigmoid", _INPLACE),
    _activation("Hardswish", _INPLACE),
    _activation("Hardtanh", {**_numbers(min_val=-1.0, max_val=1.0), **_INPLACE}),
    _activation(
        "Threshold", {"threshold": Argument(NUMBER), "value": Argument(NUMBER), **_INPLACE}
    ),
    _activation("LogSigmoid"),
    _activation("Softmax", _DIM),
    _activation("Softmin", _DIM),
    _activation("LogSoftmax", _DIM),
    LayerSpec(
        "Softmax2d",
        {},
        _image_rule("Softmax2d"),
        "It rescales the channels at every position, so the shape stays.",
    ),
    LayerSpec(
        "GLU",
        {"dim": Argument(AXIS, -1)},
        _glu_shape,
        "One half of an axis gates the other, so the axis is half as long.",
        note="on the last axis of an image it would mix positions: `dim: 1` is usual there",
    ),
)
