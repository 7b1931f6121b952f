"""What one row of the layer table holds, and the numbers that its rules give.

Shapes are per example, without the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

from ..errors import ShapeError
from ..expr import Expr
from ..graph import sizes
from ..steps import Text, all_of
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
    """How a convolution or a pool slides along one axis."""

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

    @property
    def period(self) -> tuple[int, int]:
        return 1, self.stride

    def source(self, o: int) -> tuple[int, int]:
        first = o * self.stride - self.before
        return first, first + self.dilation * (self.kernel - 1)


class Slide(Protocol):
    """What a layer does along one axis: which entries of its input one output entry sees.

    period: after so many outputs the pattern repeats, so many inputs further on
    source: the first and the last input entry of output `o`, borders aside
    """

    @property
    def axis(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def output(self) -> int: ...
    @property
    def period(self) -> tuple[int, int]: ...
    def source(self, o: int) -> tuple[int, int]: ...


Rule = Callable[[Shape, Args], Shape]


@dataclass(frozen=True)
class Told:
    """What failed: an argument says how many entries arrive, and others do."""

    argument: str


def told_otherwise(argument: str, message: str, arrives: int) -> ShapeError:
    """The error of a layer that is told another size than the one that arrives."""
    hint = f"write `{argument}: {arrives}`, or leave it out: it is inferred"
    error = ShapeError(message, hint=hint)
    error.failed = Told(argument)
    return error


# what an axis that something slides along is called
_AXIS = {
    "length": Text("length"),
    "depth": Text("depth"),
    "height": Text("height"),
    "width": Text("width"),
}


def axis_words(names: Sequence[str]) -> Text:
    """height and width"""
    return all_of([_AXIS[n] for n in names])


Reason = Text  # why there are so many parameters, or multiply-adds


def divisors(n: int) -> str:
    """The divisors of a number as a list; of a large one, the first ones."""
    fits = [str(d) for d in range(1, min(n, 64) + 1) if n % d == 0]
    return ", ".join([*fits, "…"] if n > 64 else fits)


def _no_counts(x: Shape, a: Args, y: Shape) -> Counts:
    return Counts()


def _no_reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
    return ()


@dataclass(frozen=True)
class LayerSpec:
    """One layer of a network.

    signature: arguments in torch's order
    axes: how many axes it slides along (0: none)
    slides: one `Slide` per such axis; None for a layer that does not slide
    shape: input shape and bound arguments -> output shape; raises ShapeError
    counts: input shape, arguments, output shape -> weights, biases and multiply-adds
    reasons: the same -> why there are so many parameters, and why so many multiply-adds
    receptive: what becomes of the receptive field: it "slides", "keeps" or "loses" it
    law: what the layer does to the shape, in one sentence
    note: what a user of torch should know about the layer here
    """

    type: str
    signature: Mapping[str, Argument]
    shape: Rule
    law: str
    axes: int = 0
    slides: Callable[[Shape, Args], tuple[Slide, ...]] | None = None
    counts: Callable[[Shape, Args, Shape], Counts] = _no_counts
    receptive: str = "keeps"
    reasons: Callable[[Shape, Args, Shape], tuple[Reason, ...]] = _no_reasons
    note: str = ""

    @property
    def windows(self) -> bool:
        """Whether it slides a window, as convolutions and pools do."""
        return self.receptive == "slides" and "stride" in self.signature and not self.spreads

    @property
    def spreads(self) -> bool:
        """Whether it is a transposed convolution."""
        return "output_padding" in self.signature

    @property
    def keeps(self) -> bool:
        """Whether its output always has its input's shape."""
        return not self.slides and "the shape stays" in self.law

    @property
    def arguments(self) -> tuple[str, ...]:
        return tuple(self.signature)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(n for n, a in self.signature.items() if a.default is REQUIRED)

    def words(self, argument: str) -> tuple[str, ...]:
        """The strings that an argument may hold; any other word in a file is a name."""
        return self.signature[argument].words
