"""The surface graph: the student's own names, one operation per line, in the student's order.

Each line knows what it computes twice: as a term over the names of its operands (what is printed)
and as a node over their leaves (what is differentiated and evaluated).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from ..errors import Where
from ..expr import Expr
from ..graph import dims
from ..graph.dims import Shape
from ..graph.fits import Fit
from ..graph.node import Node, topological
from ..ops.base import Op, Val
from ..steps import Text
from ..value import Value
from .model import Convention


@dataclass(frozen=True, eq=False)
class Line:
    """One named quantity.

    kind     given | defined (by the author) | auto (an intermediate that got a name)
    leaf     stands for the quantity inside other lines
    val      what it computes, over the leaves of its operands; None for a given
    formula  the same as a term; None for a given
    value    of a given, or of a constant definition
    """

    name: str
    kind: str
    leaf: Val
    val: Val | None = None
    formula: Expr | None = None
    op: Op | None = None
    operands: tuple[Line, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    terms: tuple[Expr | None, ...] = ()  # the operation's operands as written; None if left out
    rest: tuple[object, ...] = ()  # sizes given one after another: reshape(x, 2, 3)
    value: Value | None = None
    label: str | None = None
    where: Where | None = None
    properties: frozenset[str] = frozenset()
    part: str = ""  # of an operation that is written as several: `gru_cell.r` is its reset gate

    @property
    def shape(self) -> Shape:
        """As a user counts it; with the final 1 of a homogeneous vector."""
        return self.leaf.shape

    @property
    def dims(self) -> str:
        return dims.text(self.shape)

    @property
    def free_shape(self) -> Shape:
        """The size of what can change: without the final 1 of a homogeneous vector."""
        return self.symbol.shape if "homogeneous" in self.properties else self.shape

    @property
    def has_one_entry(self) -> bool:
        """A scalar, or an array that holds just one number."""
        return dims.product(self.leaf.node.shape) == 1

    @property
    def symbol(self) -> Node:
        """The leaf that derivatives are taken with respect to: the free entries."""
        node = self.leaf.node
        if node.kind == "var":
            return node
        # a homogeneous vector: the coordinates, without the final 1
        return next(n for n in topological([node]) if n.kind == "var")


@dataclass(frozen=True)
class Graph:
    """Lines in an order in which operands come first, and what their constants hold."""

    lines: Mapping[str, Line]
    constants: Mapping[Node, np.ndarray]
    sizes: Mapping[str, sp.Symbol]  # symbolic dimensions by name
    convention: Convention
    reasons: Mapping[str, Sequence[Text]] = field(default_factory=dict)  # of sizes left open by `?`
    fits: Sequence[Fit] = ()  # which numbers the symbolic sizes under windows can be

    def __getitem__(self, name: str) -> Line:
        return self.lines[name]

    def below(self, targets: Iterable[Line]) -> list[Line]:
        """The lines that the targets depend on, themselves included, operands first."""
        wanted: set[str] = set()
        stack = [t.name for t in targets]
        while stack:
            name = stack.pop()
            if name not in wanted:
                wanted.add(name)
                stack.extend(o.name for o in self.lines[name].operands)
        return [x for x in self.lines.values() if x.name in wanted]

    def consumers(self) -> dict[str, list[Line]]:
        """Who uses each line directly."""
        users: dict[str, list[Line]] = {name: [] for name in self.lines}
        for line in self.lines.values():
            for operand in line.operands:
                users[operand.name].append(line)
        return users

    def depends(self, target: Line, on: Line) -> bool:
        return any(x is on for x in self.below([target]))
