"""A network with its sizes: every layer bound to its arguments and input shape, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import limits
from ..errors import InputError, ShapeError
from ..expr import Name, Num
from .arguments import Args, UnknownSizeError, bind, substitute
from .layer_spec import Counts, LayerSpec, Shape, Window
from .layers import LAYERS

if TYPE_CHECKING:  # model imports numpy
    from .model import Layer, Network


class TooLargeError(ShapeError):
    """An output size is beyond the largest that is allowed."""


@dataclass(frozen=True)
class Applied:
    """A layer of a network with its sizes."""

    name: str
    layer: Layer
    spec: LayerSpec
    args: Args  # bound: every argument, windows and paddings per axis
    input: Shape
    output: Shape

    @property
    def windows(self) -> tuple[Window, ...]:
        return self.spec.windows(self.input, self.args) if self.spec.windows else ()

    @property
    def counts(self) -> Counts:
        return self.spec.counts(self.input, self.args, self.output)


def layer_names(layers: Sequence[Layer]) -> tuple[str, ...]:
    """A name for each layer: its type in lower case and a number (`conv2d_1`, `relu_1`, …)."""
    seen: dict[str, int] = {}
    names = []
    for layer in layers:
        seen[layer.type] = seen.get(layer.type, 0) + 1
        names.append(f"{layer.type.lower()}_{seen[layer.type]}")
    return tuple(names)


def apply_layer(
    name: str, layer: Layer, x: Shape, values: Mapping[str, int] | None = None
) -> Applied:
    """The layer on an input of shape `x`; `values` are numbers for names among its arguments."""
    spec = LAYERS[layer.type]
    args = bind(
        spec.type, spec.signature, spec.axes, layer.args, values or {}, layer.where, layer.places
    )
    try:
        y = spec.shape(x, args)
    except ShapeError as error:
        message = f"{name} ({spec.type}): {error.message}"
        raise type(error)(message, hint=error.hint).at(layer.where) from None
    for n in y:
        if n > limits.DIMENSION:
            raise TooLargeError(
                f"{name} ({spec.type}): the output {list(y)} has a size beyond {limits.DIMENSION}",
                where=layer.where,
            )
    return Applied(name, layer, spec, args, x, y)


def input_shape(network: Network, values: Mapping[str, int] | None = None) -> Shape:
    """The network's input as integers, names replaced by `values`."""
    shape = []
    for n in network.input:
        size = substitute(Name(n) if isinstance(n, str) else n, values or {})
        if isinstance(size, Num):
            size = int(size.text)
        if isinstance(size, Name):
            raise UnknownSizeError(size.id, "a size of the network's input", network.where)
        if not isinstance(size, int) or size < 1:
            raise InputError("the network's input has a size below 1", where=network.where)
        shape.append(size)
    return tuple(shape)


def apply_network(network: Network, values: Mapping[str, int] | None = None) -> tuple[Applied, ...]:
    """Every layer with its sizes, in order."""
    x = input_shape(network, values)
    applied = []
    for name, layer in zip(layer_names(network.layers), network.layers, strict=True):
        applied.append(apply_layer(name, layer, x, values))
        x = applied[-1].output
    return tuple(applied)
