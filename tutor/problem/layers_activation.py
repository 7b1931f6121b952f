"""Activations and dropout: the shape stays (but for GLU). `layers` explains the letters."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import ShapeError
from ..expr import Name
from ..steps import Text
from .arguments import AXIS, COUNT, FLAG, NUMBER, PROBABILITY, WORD, Args, Argument
from .layer_spec import Counts, LayerSpec, Reason, Rule, Shape
from .layers_reshape import axis, inner_axis

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


def _hardtanh_shape(x: Shape, a: Args) -> Shape:
    if a["min_val"] >= a["max_val"]:
        raise ShapeError(
            f"`min_val` {a['min_val']} is not below `max_val` {a['max_val']}",
            hint="Hardtanh keeps x between the two",
        )
    return x


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
        return (Text("One slope for negative entries is learned."),)
    return (Text("One slope for negative entries is learned in each channel."),)


def _image_rule(type_: str) -> Rule:
    def rule(x: Shape, a: Args) -> Shape:
        if len(x) != 3:
            wanted = "[channels, height, width]"
            raise ShapeError(f"the input has shape {list(x)}, but {type_} needs {wanted}")
        return x

    return rule


_DIM = {"dim": Argument(AXIS, None, left_out="sizes only: the values need it")}

ROWS = (
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
    LayerSpec(
        "Hardtanh",
        {**_numbers(min_val=-1.0, max_val=1.0), **_INPLACE},
        _hardtanh_shape,
        "It acts on each entry, so the shape stays.",
    ),
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
