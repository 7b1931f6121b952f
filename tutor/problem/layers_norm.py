"""Normalisation: the shape stays. `layers` explains the letters."""

from __future__ import annotations

from math import prod

from ..errors import ShapeError
from ..expr import Name
from ..steps import Text
from .arguments import COUNT, FLAG, NUMBER, SIZES, Args, Argument
from .layer_spec import Counts, LayerSpec, Reason, Shape, divisors, told_otherwise

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
            given = a["num_features"]
            message = f"`num_features` is {given}, but the input {list(x)} has {x[0]} channels"
            raise told_otherwise("num_features", message, x[0])
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
    if a["bias"]:
        words = "Each of the {C} channels has a scale γ and a shift β."
    else:
        words = "Each of the {C} channels has a scale γ."
    return (Text(words, {"C": x[0]}),) if a["affine"] else ()


def _group_shape(x: Shape, a: Args) -> Shape:
    if a["num_channels"] not in (None, x[0]):
        message = (
            f"`num_channels` is {a['num_channels']}, but the input {list(x)} has {x[0]} channels"
        )
        raise told_otherwise("num_channels", message, x[0])
    if x[0] % a["num_groups"]:
        raise ShapeError(
            f"{a['num_groups']} groups do not divide the {x[0]} channels",
            hint=f"`num_groups` must divide {x[0]}: {divisors(x[0])}",
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
    if a.get("bias"):
        words = "Each of the {n} normalised entries has a scale γ and a shift β."
    else:
        words = "Each of the {n} normalised entries has a scale γ."
    return (Text(words, {"n": prod(own)}),)


_NORMALISED = {"normalized_shape": Argument(SIZES, None)}
_LAST = "`normalized_shape` is the last axis unless it is given"


def _response_shape(x: Shape, a: Args) -> Shape:
    if len(x) < 2:
        raise ShapeError(
            f"the input has shape {list(x)}, but must be [channels, …] with at least one more axis",
            hint=f"one entry for each channel is written {[*x, 1]}",
        )
    return x


ROWS = (
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
            "eps": Argument(NUMBER, None, left_out="0"),
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
        _response_shape,
        "It divides each entry by a size of its neighbours in other channels: the shape stays.",
    ),
)
