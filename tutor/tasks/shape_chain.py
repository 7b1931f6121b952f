"""A chain of layers from declared sizes to a node, runnable for any values of the unknown names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..expr import Name
from ..problem.applied import Applied, apply_layer, apply_parts, flat
from ..problem.arguments import UnknownSizeError, free_names, substitute
from ..problem.layer_spec import Shape
from ..problem.model import Block, Layer

Part = Layer | Block


@dataclass(frozen=True)
class Stage:
    """A layer or a block with branches, on the entries behind `lead` batch axes; `channel` adds and
    drops one channel. names: of the layers in a block, in order
    """

    name: str
    part: Part
    lead: int = 0
    channel: bool = False
    names: tuple[str, ...] = ()

    @property
    def layer(self) -> Layer:
        """The layer, where the stage is no block."""
        assert isinstance(self.part, Layer)
        return self.part

    @property
    def is_block(self) -> bool:
        return isinstance(self.part, Block)

    def run(self, x: Shape, values: Mapping[str, int]) -> tuple[tuple[Applied, ...], Shape]:
        """The layers with their sizes, and the output's shape."""
        if isinstance(self.part, Layer):
            done = apply_layer(self.name, self.part, self.inner(x), values)
            return (done,), self.outer(x, done.output)
        names = iter(self.names)
        (block,) = apply_parts((self.part,), x, lambda layer: next(names), values)
        return tuple(flat((block,))), block.output

    def inner(self, x: Shape) -> Shape:
        body = x[self.lead :]
        return (1, *body) if self.channel else body

    def outer(self, x: Shape, y: Shape) -> Shape:
        return (*x[: self.lead], *(y[1:] if self.channel else y))


@dataclass(frozen=True)
class Chain:
    """`start` holds integers and names; each stage acts on the shape before it."""

    node: str
    start: tuple[Any, ...]
    stages: tuple[Stage, ...]
    where: Any
    of_network: bool = False

    @property
    def called(self) -> Name | str:
        """The node in a sentence: a variable, or a layer as the table of layers lists it."""
        layer = self.of_network and self.node not in ("input", "output")
        return self.node if layer else Name(self.node)

    def first(self, values: Mapping[str, int]) -> Shape:
        sizes = substitute(self.start, values)
        for name in free_names(sizes):
            raise UnknownSizeError(name, f"a size on the way to `{self.node}`", self.where)
        return sizes

    def run(self, values: Mapping[str, int]) -> tuple[tuple[Applied, ...], Shape]:
        """Every layer with its sizes, and the node's shape."""
        x, applied = self.first(values), []
        for stage in self.stages:
            layers, x = stage.run(x, values)
            applied.extend(layers)
        return tuple(applied), x

    def before(self, stage: int) -> tuple[tuple[str, Shape, Shape], ...]:
        """Name, input and output shape of every stage before one; none while sizes are open."""
        if free_names(self.start):
            return ()
        x, done = self.start, []
        for earlier in self.stages[:stage]:
            y = earlier.run(x, {})[1]
            done.append((earlier.name, x, y))
            x = y
        return tuple(done)

    def order(self) -> int:
        """The number of axes of the node's shape, whatever the unknown sizes are."""
        order = len(self.start)
        for stage in self.stages:
            order = _order(stage.part, order - stage.lead) + stage.lead
        return order

    def uses(self) -> Iterator[tuple[str, int, str]]:
        """(name, stage, argument) for every name in it; the start is stage −1.

        The arguments of a transposed convolution are "spread padding", "spread stride" and so on:
        there a larger stride gives more outputs.
        """
        for name in free_names(self.start):
            yield name, -1, "input"
        for i, stage in enumerate(self.stages):
            for layer in layers_in(stage.part):
                spread = "spread " if layer.type.startswith("ConvTranspose") else ""
                for argument, value in layer.args.items():
                    for name in free_names(value):
                        yield name, i, spread + argument


def layers_in(part: Part) -> Iterator[Layer]:
    """The layers of a part, repeats once."""
    if isinstance(part, Layer):
        yield part
        return
    for branch in part.branches:
        for inner in branch:
            yield from layers_in(inner)


def _order(part: Part, order: int) -> int:
    """The number of axes behind a part."""
    if isinstance(part, Block):
        for _ in range(part.times if part.kind == "Repeat" else 1):
            for inner in part.branches[0]:
                order = _order(inner, order)
        return order
    args = part.args
    match part.type:
        case "Flatten":
            first, last = (
                args.get(name, start) % (order + 1)
                for name, start in (("start_dim", 1), ("end_dim", -1))
            )
            return order - max(last - first, 0)
        case "Unflatten":
            sizes = args["unflattened_size"]
            return order + len(sizes if isinstance(sizes, tuple) else (sizes,)) - 1
        case "Embedding":
            return order + 1
        case "Select":
            return max(order - 1, 1)
    return order
