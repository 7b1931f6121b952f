"""Differentials forwards: dz of every line from those of its operands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..calculus.forward import pushforward
from ..calculus.simplify import simplify, substitute
from ..expr import Binary, Expr, Name, Neg, Transpose
from ..graph import node as g
from ..graph.node import Node
from ..notation.build import NoMatrixForm, transposed
from ..notation.index import index_term
from ..notation.matrix import matrix_term
from ..notation.text import text
from ..numeric.evaluate import NotFinite
from ..problem.lines import Line
from .chain import LONG, tree_size
from .duplication import tied
from .extended import free_name
from .indexed import taken
from .workspace import Workspace


@dataclass
class Differential:
    """dz of one line: over the lines' leaves and the differentials of its operands."""

    line: Line
    name: str
    symbol: Node
    node: Node
    value: np.ndarray | None


class Motion:
    """The differentials of all lines between the variable and the result."""

    def __init__(self, ws: Workspace, of: Line, wrt: Line, along: Line) -> None:
        """along: the line whose leaf is the direction; it stays fixed, whatever it depends on."""
        self.ws, self.of, self.wrt, self.along = ws, of, wrt, along
        below = ws.graph.below([of])
        reach = {wrt.name}
        for line in below:
            if line.name not in reach and any(o.name in reach for o in line.operands):
                reach.add(line.name)
        self.path = [x for x in below if x.name in reach and x is not wrt]
        self.leaves: dict[Node, str] = {}
        self.found: dict[str, Differential] = {}
        start = _like(along.symbol, wrt)
        values: dict[Node, np.ndarray] = {}
        for line in self.path:
            assert line.val is not None
            moving = {o.symbol: self.arriving(o, start) for o in line.operands if o.name in reach}
            node = simplify(pushforward(line.val.node, moving))
            name = free_name(ws, f"d{line.name}")
            symbol = g.var(("differential", name), node.shape)
            self.leaves[symbol] = line.name
            try:
                value = ws.value_of(node, values)
            except (KeyError, NotFinite):
                value = None
            if value is not None:
                values[symbol] = value
            self.found[line.name] = Differential(line, name, symbol, node, value)

    def arriving(self, line: Line, start: Node) -> Node:
        """The differential that stands at an operand; zero itself where it is zero."""
        if line is self.wrt:
            return start
        d = self.found[line.name]
        return d.node if g.is_zero(d.node) else d.symbol

    @property
    def final(self) -> Differential | None:
        return self.found.get(self.of.name)

    def closed(self) -> Node:
        """The last differential over the givens and the direction."""
        full: dict[Node, Node] = {}
        for line in self.ws.graph.below([self.of]):
            if line.val is not None:
                full[line.symbol] = substitute(line.val.node, full)
        for d in self.found.values():
            full[d.symbol] = substitute(d.node, full)
        assert self.final is not None
        return simplify(full[self.final.symbol])

    def leaf(self, node: Node) -> Expr:
        name = node.attr.name
        if isinstance(name, tuple) and name[0] == "differential":
            line = self.ws.line(self.leaves[node])
            return Transpose(Name(name[1])) if line.leaf.row else Name(name[1])
        return self.ws.leaf_term(node)

    def term(self, node: Node, line: Line) -> Expr | None:
        """In the line's own shape; with subscripts where matrices cannot say it."""
        try:
            found = matrix_term(node, self.leaf, self.ws.problem.convention.vec)
            if not node.order:
                return self.turned(found)
            return transposed(found) if line.leaf.row else found
        except NoMatrixForm:
            pass
        try:
            return index_term(node, self.leaf, taken(self.ws))
        except NoMatrixForm:
            return None

    def turned(self, e: Expr) -> Expr:
        """A scalar product with the differential last: (Xw − y)ᵀ X dw, not dwᵀ Xᵀ(Xw − y)."""
        match e:
            case Binary("+" | "-"):
                return Binary(e.op, self.turned(e.left), self.turned(e.right))
            case Neg():
                return Neg(self.turned(e.arg))
            case Binary("/") if not e.elementwise:
                return Binary("/", self.turned(e.left), e.right)
            case Binary("*") if not e.elementwise:
                return Binary("*", e.left, self.turned(e.right))
            case Binary("@"):
                number, first, *rest = _factors(e)
                moving = {self.along.name, *(d.name for d in self.found.values())}
                if isinstance(first, Transpose) and first.arg in map(Name, moving):
                    own = [n for n, x in self.ws.graph.lines.items() if tied(x)]
                    product = transposed(_product([first, *rest]), frozenset(own))
                    return product if number is None else Binary("*", number, product)
        return e

    def closed_term(self) -> Expr | None:
        node = self.closed()
        if tree_size(node) > LONG:
            return None
        term = self.term(node, self.of)
        return term if term is not None and len(text(term)) <= LONG else None


def _like(direction: Node, variable: Line) -> Node:
    """The direction with the variable's own axes: a 1×n literal of a row has one."""
    if direction.order == variable.symbol.order + 1 and variable.leaf.row:
        return g.ein([(direction, ("row", "column"))], ("column",))
    return direction


def _factors(e: Expr) -> list[Any]:
    """The number in front of a matrix product, or None, and its factors."""
    factors: list[Expr] = []
    while isinstance(e, Binary) and e.op == "@":
        factors.insert(0, e.right)
        e = e.left
    if isinstance(e, Binary) and e.op == "*" and not e.elementwise:
        return [e.left, e.right, *factors]
    return [None, e, *factors]


def _product(factors: list[Expr]) -> Expr:
    total = factors[0]
    for f in factors[1:]:
        total = Binary("@", total, f)
    return total
