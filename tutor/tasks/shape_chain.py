"""A chain of layers from declared sizes to a node, runnable for any values of the unknown names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..problem.applied import Applied, apply_layer
from ..problem.arguments import UnknownSizeError, free_names, substitute
from ..problem.layer_spec import Shape
from ..problem.model import Layer


@dataclass(frozen=True)
class Stage:
    """A layer on the entries behind `lead` batch axes; `channel` adds and drops one channel."""

    name: str
    layer: Layer
    lead: int = 0
    channel: bool = False

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

    def first(self, values: Mapping[str, int]) -> Shape:
        sizes = substitute(self.start, values)
        for name in free_names(sizes):
            raise UnknownSizeError(name, f"a size on the way to `{self.node}`", self.where)
        return sizes

    def run(self, values: Mapping[str, int]) -> tuple[tuple[Applied, ...], Shape]:
        """Every layer with its sizes, and the node's shape."""
        x, applied = self.first(values), []
        for stage in self.stages:
            applied.append(apply_layer(stage.name, stage.layer, stage.inner(x), values))
            x = stage.outer(x, applied[-1].output)
        return tuple(applied), x

    def before(self, stage: int) -> tuple[Applied, ...]:
        """The layers before a stage; none when their sizes are not known yet."""
        if free_names(self.start):
            return ()
        return Chain(self.node, self.start, self.stages[:stage], self.where).run({})[0]

    def order(self) -> int:
        """The number of axes of the node's shape, whatever the unknown sizes are."""
        order = len(self.start)
        for stage in self.stages:
            if stage.layer.type == "Flatten":
                inner = order - stage.lead + 1
                args = stage.layer.args
                first, last = args.get("start_dim", 1) % inner, args.get("end_dim", -1) % inner
                order -= max(last - first, 0)
        return order

    def uses(self) -> Iterator[tuple[str, int, str]]:
        """(name, stage, argument) for every name in it; the start is stage −1."""
        for name in free_names(self.start):
            yield name, -1, "input"
        for i, stage in enumerate(self.stages):
            for argument, value in stage.layer.args.items():
                for name in free_names(value):
                    yield name, i, argument
