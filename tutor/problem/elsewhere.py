"""What torch calls layers and arguments that a network has no row for, and what does the same."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import did_you_mean
from . import schema, tree
from .tree import Node, Scalar

if TYPE_CHECKING:
    from .layer_spec import LayerSpec

_NONE = "it is not among the layers"
_CELL = "{} runs its cell along a whole sequence; one step is a formula in `define`"
# torch's (or a paper's) names; an empty text where nothing here does the same
_INSTEAD = {
    "UpsamplingBilinear2d": "`Upsample: {scale_factor: 2, mode: bilinear, align_corners: true}` "
    "does the same",
    "UpsamplingNearest2d": "`Upsample: {scale_factor: 2}` does the same",
    "PixelUnshuffle": "",
    "ChannelShuffle": "`Unflatten`, `Permute` and `Flatten` one after the other do the same",
    "LPPool1d": "", "LPPool2d": "", "LPPool3d": "",
    "FractionalMaxPool2d": "", "FractionalMaxPool3d": "",
    "MaxUnpool1d": "", "MaxUnpool2d": "", "MaxUnpool3d": "",
    "Unfold": "`Conv2d` multiplies the same windows by its filters",
    "Fold": "`ConvTranspose2d` adds windows up where they overlap",
    "TransformerDecoderLayer": "it reads two inputs, and a network has one",
    "TransformerDecoder": "it reads two inputs, and a network has one",
    "Transformer": "it reads two inputs, and a network has one",
    "TransformerEncoder": "`Repeat: {times: 6, of: [TransformerEncoderLayer: {nhead: 8}]}` is one",
    "RNNCell": _CELL.format("`RNN`"),
    "GRUCell": _CELL.format("`GRU`"),
    "LSTMCell": _CELL.format("`LSTM`"),
    "Bilinear": "it reads two inputs, and a network has one",
    "CosineSimilarity": "it reads two inputs: write it in `define`",
    "PairwiseDistance": "it reads two inputs: write it in `define`",
    "EmbeddingBag": "`Embedding` looks the rows up; their sum or mean is a formula in `define`",
    "SyncBatchNorm": "on one machine the layer `BatchNorm1d`, `BatchNorm2d` or `BatchNorm3d` does "
    "the same",
    "Module": "`Sequential: […]` is a list of layers",
    "ModuleList": "`Sequential: […]` is a list of layers",
}  # fmt: skip
_LAZY = re.compile(r"Lazy(\w+)\Z")
_TYPES = ("", "null", "float32", "torch.float32", "torch.float")
_INDICES = re.compile(r"(Adaptive)?MaxPool[123]d\Z")


def instead(name: str, blocks: Iterable[str]) -> str:
    """What to say of a layer that there is not: what does the same, or a slip of the keyboard."""
    from .layers import LAYERS

    known = (*LAYERS, *blocks)
    if name in _INSTEAD:
        return (
            f"{_NONE}; {_INSTEAD[name]}" if _INSTEAD[name] else f"{_NONE}, and none does the same"
        )
    lazy = _LAZY.match(name)
    if lazy and lazy[1] in LAYERS:
        return f"write `{lazy[1]}`: the sizes of its input are always inferred"
    if name.endswith("Loss"):
        return "a loss stands in `define`, such as `L: mse_loss(output, t)`"
    return did_you_mean(name, known) or f"the layers are {', '.join(known)}"


def word(what: str, text: str) -> str | None:
    """A hint for a word of torch that an argument does not take; None for any other word."""
    if what == "`mode` of Upsample" and text == "area":
        return "`AdaptiveAvgPool2d: {output_size: […]}` takes the same means over areas"
    if what.startswith("`padding` of") and text in ("same", "valid"):
        return f"`padding: {text}` is for Conv1d, Conv2d and Conv3d; here it is a number"
    return None


def without_idle(spec: LayerSpec, given: tree.Mapping) -> tuple[tuple[Scalar, Node], ...]:
    """The entries without arguments of torch that change nothing in sizes and values."""
    kept = []
    for key, value in given.entries:
        said = value.text if isinstance(value, Scalar) else "[]"
        if key.text in spec.arguments:
            kept.append((key, value))
        elif key.text == "return_indices" and _INDICES.match(spec.type):
            if said.lower() != "false":
                raise schema.fail(
                    "`return_indices` must be false: a layer passes on one array, the maxima",
                    value,
                )
        elif key.text == "dtype":
            if said not in _TYPES:
                hint = "leave it out: bytes are counted for float32, and values are exact"
                raise schema.fail(f"`dtype` of {spec.type} cannot be chosen", value, hint)
        elif key.text != "device":
            kept.append((key, value))
    return tuple(kept)
