"""The chain rule along the student's own variables.

From the result back to the variable, one adjoint per line: ∂L/∂v is the sum, over the lines that
use v, of their adjoint times their local derivative. The adjoints are nodes over the lines' leaves
and over named upstream adjoints, so each step can be printed as it stands, evaluated as it stands,
and substituted into the next: closed form and numbers both come from these steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import numpy as np
import sympy as sp

from .. import limits
from ..calculus.reverse import identity, pullback
from ..calculus.simplify import simplify, substitute
from ..calculus.standard import derived_by_name
from ..errors import InputError
from ..expr import Call, Expr, Name, Num, Partial, Transpose
from ..graph import dims
from ..graph import node as g
from ..graph.node import Node, topological
from ..notation.build import NoMatrixForm, size_term, transposed
from ..notation.jacobian import jacobian_term
from ..notation.text import text
from ..numeric.evaluate import NotFinite
from ..ops.scalar import xlogx
from ..problem.lines import Line
from ..value import Value
from .duplication import without_swaps
from .indexed import LONG, entry, free_entries, shortest_entry, tree_size
from .workspace import Workspace

GIVENS, DEFINED, ALL = 0, 1, 2  # the names in which a closed form is written


@dataclass
class Adjoint:
    """∂of/∂line: the formula over leaves and upstream adjoints, and its value."""

    line: Line
    node: Node
    symbol: Node  # the leaf that stands for it in later formulas
    consumers: list[Line]
    value: np.ndarray | None
    bridged: bool = False  # the value is that of the closed form: a step before it has none


class Chain:
    """All adjoints between `of` and `wrt`, in the order in which they are found."""

    def __init__(self, ws: Workspace, of: Line, wrt: Line, gradient: bool = False) -> None:
        """gradient: `of` has one entry, and adjoints take the shape of their variable."""
        self.ws = ws
        self.gradient = gradient
        self.of = of
        self.wrt = wrt
        below = ws.graph.below([of])
        reach = {wrt.name}
        for line in below:
            if any(o.name in reach for o in line.operands):
                reach.add(line.name)
        self.path = [x for x in below if x.name in reach]
        self.lead = 0 if gradient else of.symbol.order
        self.adjoints: dict[str, Adjoint] = {}
        self.undefined: list[Line] = []  # lines at which the adjoint has no value at this point
        self.missing = False  # there are numbers, but at this point the derivative is none
        self.walk()
        if self.undefined:
            self.bridge()

    def walk(self) -> None:
        users = self.ws.graph.consumers()
        names = {x.name for x in self.path}
        seed = self.seed
        deadline = monotonic() + limits.DERIVATION_SECONDS
        for line in reversed(self.path):
            if line is self.of:
                continue
            if monotonic() > deadline:
                raise InputError(
                    f"this derivation takes more than {limits.DERIVATION_SECONDS} seconds",
                    hint="ask for the gradient of an earlier quantity, or use smaller arrays",
                )
            consumers = [u for u in users[line.name] if u.name in names]
            terms = []
            for user in consumers:
                assert user.val is not None
                upstream = seed if user is self.of else self.arriving(user)
                terms.append(pullback(user.val.node, upstream, [line.symbol])[0])
            node = simplify(g.add(terms))
            symbol = g.var(("partial", self.of.name, line.name), node.shape)
            try:
                value = self.value(node)
            except NotFinite:
                self.undefined.append(line)
                value = None
            self.adjoints[line.name] = Adjoint(line, node, symbol, consumers, value)

    def bridge(self) -> None:
        """‖x‖² at 0: a factor of a step has no value here, but what is left in the end has."""
        if self.final is None or self.final.value is not None:
            return
        try:
            self.final.value = self.ws.value_of(self.closed())
            self.final.bridged = True
        except (NotFinite, KeyError):
            self.missing = True

    def arriving(self, user: Line) -> Node:
        """The adjoint that stands at a later line, by name; zero itself where it is zero."""
        adjoint = self.adjoints[user.name]
        return adjoint.node if g.is_zero(adjoint.node) else adjoint.symbol

    def value(self, node: Node) -> np.ndarray | None:
        known = {a.symbol: a.value for a in self.adjoints.values() if a.value is not None}
        try:
            return self.ws.value_of(node, known)
        except KeyError:
            return None

    @property
    def final(self) -> Adjoint | None:
        return self.adjoints.get(self.wrt.name)

    # -- closed form -------------------------------------------------------------------------

    def closed(self, keep: int = GIVENS) -> Node:
        """The last adjoint with every upstream adjoint (and every line not kept) written out."""
        full: dict[Node, Node] = {}
        for line in self.ws.graph.below([self.of]):
            kept = keep == ALL or (keep == DEFINED and line.kind == "defined")
            if line.val is not None and not kept:
                full[line.symbol] = substitute(line.val.node, full)
        done: dict[Node, Node] = {}
        for adjoint in self.adjoints.values():
            done[adjoint.symbol] = substitute(adjoint.node, done | full)
        assert self.final is not None
        node = simplify(done[self.final.symbol])
        if keep != GIVENS or self.wrt.val is not None:
            return node
        return derived_by_name(node, full[self.of.symbol], self.seed, self.wrt.symbol)

    @property
    def seed(self) -> Node:
        """∂of/∂of."""
        front = self.of.val.node.shape if self.of.val else ()
        return g.const(1, front) if self.gradient else identity(front)

    def closed_term(self) -> Expr | None:
        """The closed form where it reads well: in the givens, else with the author's own names."""
        return self.first_short(GIVENS, DEFINED)

    def closed_by_name(self) -> Expr | None:
        """The closed form with the names of all lines, those of the steps between too."""
        return self.first_short(ALL)

    def first_short(self, *names: int) -> Expr | None:
        for keep in names:
            node = self.closed(keep)
            if tree_size(node) > LONG or without_value(self.ws, node):
                continue
            try:
                term = self.term(node, self.wrt)
            except NoMatrixForm:
                continue
            if len(text(term)) <= LONG:
                return term
        return None

    def closed_entry(self) -> Expr | None:
        """The closed form with subscripts; of a symmetric variable its free entries."""

        def form(keep: int) -> Callable[[], Node]:
            return lambda: self.freed(self.closed(keep))

        lead = None if self.gradient else self.lead
        return shortest_entry(self.ws, map(form, (GIVENS, DEFINED, ALL)), lead)

    def freed(self, node: Node) -> Node:
        tied = {"symmetric", "diagonal"} & self.wrt.properties
        return free_entries(self.wrt, node) if tied and self.gradient and node.order else node

    def term(self, node: Node, line: Line) -> Expr:
        """An adjoint as a term: a gradient in its variable's shape, a Jacobian as a matrix."""
        ws = self.ws
        if self.gradient:
            term = ws.term(node)
            return transposed(term) if line.leaf.row else term
        style = ws.problem.convention
        if g.is_zero(node):
            return zeros(jacobian_size(self.of, line, style.layout))
        term = jacobian_term(ws.whole(node), self.lead, self.jacobian_leaf, style.layout, style.vec)
        return without_swaps(term, line, style.layout == "denominator")

    def jacobian_leaf(self, node: Node) -> Expr:
        """A leaf among Jacobians: ∂y/∂z is the matrix that the layout makes of it.

        A node of order 1 is a column and (result, line) the axes of a matrix; the symbol may stand
        for the transpose of that.
        """
        name = node.attr.name
        if not (isinstance(name, tuple) and name[0] == "partial"):
            return self.ws.leaf_term(node)
        symbol = Partial(Name(name[1]), Name(name[2]))
        columns = node.order - self.lead
        as_row = self.lead == 0 and columns == 1
        if self.ws.problem.convention.layout == "denominator":
            return Transpose(symbol) if self.lead == 1 and columns <= 1 else symbol
        return Transpose(symbol) if as_row else symbol

    def matrix(self, adjoint: Adjoint) -> Expr | None:
        """The adjoint in terms of the next ones, in matrix notation."""
        try:
            return self.term(adjoint.node, adjoint.line)
        except NoMatrixForm:
            return None

    def formula(self, adjoint: Adjoint) -> Expr | None:
        """The same, with subscripts where matrices cannot say it."""
        found = self.matrix(adjoint)
        if found is not None:
            return found
        lead = None if self.gradient else self.lead
        found = shortest_entry(self.ws, [lambda: adjoint.node], lead)
        if found is not None:
            return found
        try:
            return entry(self.ws, adjoint.node, lead)
        except NoMatrixForm:
            return None


def without_value(ws: Workspace, node: Node) -> bool:
    """Whether a formula has no value where it is typed, though the numbers of the steps may exist:
    0·log 0, which is 0 but not on a calculator, or a number that became 0/0."""
    for part in topological([node]):
        if part.kind == "ein" and part.attr.coef.has(sp.nan, sp.zoo, sp.oo):
            return True
        if part.kind != "map" or not any(f.func is xlogx for f in part.attr.atoms(sp.Function)):
            continue
        try:
            if not np.all(ws.value_of(part.args[0]) != 0):
                return True
        except (KeyError, NotFinite):  # no numbers, or of an adjoint
            continue
    return False


def paper_value(line: Line, number: np.ndarray) -> Value:
    """A gradient in the variable's own shape; a homogeneous vector's has no entry for its 1."""
    return Value(number[None, :] if line.leaf.row else number)


def jacobian_size(of: Line, wrt: Line, layout: str) -> tuple[dims.Dim, dims.Dim]:
    """Rows × columns of ∂of/∂wrt, both unrolled."""
    rows = dims.product(of.leaf.node.shape)
    columns = dims.product(wrt.symbol.shape)
    return (rows, columns) if layout == "numerator" else (columns, rows)


def zeros(shape: tuple[dims.Dim, ...]) -> Expr:
    """The zero of that shape."""
    return Call("zeros", tuple(size_term(d) for d in shape)) if shape else Num("0")


def size_text(size: tuple[dims.Dim, dims.Dim]) -> str:
    return "×".join(dims.one(d) for d in size)
