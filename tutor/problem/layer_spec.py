"""What one row of the layer table holds, and the numbers that its rules give.

Shapes are per example, without the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from ..expr import Expr
from ..graph import sizes
from .arguments import REQUIRED, Args, Argument

Shape = tuple[int, ...]
Factor = tuple[Expr, int]  # a symbol and its number: (C_in, 3)
Product = tuple[Factor, ...]


@dataclass(frozen=True)
class Counts:
    """Weights, biases and multiply-adds, each a sum of products of named factors."""

    weights: tuple[Product, ...] = ()
    biases: tuple[Product, ...] = ()
    macs: tuple[Product, ...] = ()


def total(products: Sequence[Product]) -> int:
    """The number that a sum of products comes to."""
    return sum(prod(number for _, number in product) for product in products)


@dataclass(frozen=True)
class Window:
    """How a layer slides along one axis."""

    axis: str  # "length", "height", "width"
    size: int
    kernel: int
    stride: int
    before: int
    after: int
    dilation: int
    ceil_mode: bool = False

    @property
    def output(self) -> int:
        padding = (self.before, self.after)
        return sizes.output_size(
            self.size, self.kernel, self.stride, padding, self.dilation, self.ceil_mode
        )


Rule = Callable[[Shape, Args], Shape]


def _no_counts(x: Shape, a: Args, y: Shape) -> Counts:
    return Counts()


@dataclass(frozen=True)
class LayerSpec:
    """One layer of torch.nn.

    signature: arguments in torch's order
    axes: how many axes it slides along (0: none)
    windows: one `Window` per such axis; None for a layer that does not slide
    shape: input shape and bound arguments -> output shape; raises ShapeError
    counts: input shape, arguments, output shape -> weights, biases and multiply-adds
    receptive: what becomes of the receptive field: it "slides", "keeps" or "loses" it
    law: what the layer does to the shape, in one sentence
    """

    type: str
    signature: Mapping[str, Argument]
    shape: Rule
    law: str
    axes: int = 0
    windows: Callable[[Shape, Args], tuple[Window, ...]] | None = None
    counts: Callable[[Shape, Args, Shape], Counts] = _no_counts
    receptive: str = "keeps"

    @property
    def arguments(self) -> tuple[str, ...]:
        return tuple(self.signature)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(n for n, a in self.signature.items() if a.default is REQUIRED)

    def words(self, argument: str) -> tuple[str, ...]:
        """The strings that an argument may hold; any other word in a file is a name."""
        return self.signature[argument].words
