"""A problem at a point: the surface graph, the values of its lines, and their printing.

Values are kept in the graph's own axes (a row has one); `paper` gives them as a user counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .. import independent
from ..calculus.simplify import simplify, substitute
from ..errors import InputError
from ..expr import Binary, Call, Expr, Name, Partial, Transpose
from ..graph import dims
from ..graph import node as g
from ..graph.node import Node
from ..notation.build import as_column, size_term
from ..notation.matrix import matrix_term
from ..numeric.evaluate import NotFinite, TooLong, evaluate
from ..numeric.rounding import cleaned, error_of, is_suspect, noise
from ..problem.lines import Graph, Line
from ..problem.model import Problem
from ..problem.origin import spelled, written
from ..steps import Variable
from ..value import Value


class Workspace:
    """Lines and their values.

    `point` replaces the values of givens: after an update by others, and None takes one away.
    """

    def __init__(
        self,
        problem: Problem,
        graph: Graph,
        point: Mapping[str, np.ndarray | None] | None = None,
        checking: bool = True,
    ) -> None:
        self.problem = problem
        self.checking = checking
        self.derived: dict[tuple[str, str], str] = {}  # (of, wrt) -> the task that showed it
        # (line, operand) and (of, line) -> the task and the variable that showed it
        self.local_in: dict[tuple[str, str], tuple[str, str]] = {}
        self.adjoint_in: dict[tuple[str, str], tuple[str, str]] = {}
        self.said: set[str] = set()  # what has been explained once
        # names -> the problem at random values where they exist, and its sizes; see `checked`
        self.instances: dict[tuple[str, ...], tuple[Workspace, dict[str, int]] | None] = {}
        self.graph = graph
        self.point = dict(point or {})
        self.shown: set[str] = set()  # lines whose forward step an earlier task has printed
        self.numbers: dict[str, np.ndarray | None] = {}
        self.errors: dict[Node, np.ndarray] = {}  # of lines with entries that may be noise
        for line in graph.lines.values():
            self.numbers[line.name] = self.evaluated(line)

    def moved(self, point: Mapping[str, np.ndarray]) -> Workspace:
        """The same problem at another point."""
        return Workspace(self.problem, self.graph, {**self.point, **point}, self.checking)

    def without(self, names: Iterable[str]) -> Workspace:
        """The same problem and the same tale, where these and what they rest on have no values."""
        below = self.graph.below([self.line(n) for n in names])
        point = {**self.point, **{x.name: None for x in below if x.op is None}}
        new = Workspace(self.problem, self.graph, point, self.checking)
        new.derived, new.local_in, new.adjoint_in = self.derived, self.local_in, self.adjoint_in
        new.said, new.shown = self.said, self.shown
        return new

    # -- values ------------------------------------------------------------------------------

    def evaluated(self, line: Line) -> np.ndarray | None:
        if line.name in self.point:
            return self.point[line.name]
        if line.op is None:
            return None if line.value is None else line.value.data.reshape(_concrete(line))
        assert line.val is not None
        if any(self.numbers[o.name] is None for o in line.operands):
            return None
        try:
            number = self.raw_value(line.val.node)
            self.doubt(line, number)
            return number
        except NotFinite as error:
            typed = spelled(written(Name(line.name), self.graph.lines))
            error.message = f"the value of `{typed}` is not a finite real number"
            error.hint = (
                "a division by zero, the logarithm of a number that is not positive, or an overflow"
            )
            if line.where:
                error.at(line.where)
            raise
        except InputError as error:
            raise error.at(line.where) if line.where else error from None
        except KeyError:  # a symbolic size
            return None

    def value_of(self, node: Node, extra: Mapping[Node, np.ndarray] | None = None) -> np.ndarray:
        """The value of a node over the lines' leaves; exact if everything it needs is.

        What is nothing but rounding errors is 0.
        """
        number = self.raw_value(node, extra)
        error = self.rounding(node, number, extra)
        return number if error is None else cleaned(number, error)

    def raw_value(self, node: Node, extra: Mapping[Node, np.ndarray] | None = None) -> np.ndarray:
        """The same as it was computed: log(1 − σ(36)) needs the last digit of the difference."""
        env = self.leaves() | dict(extra or {})
        try:
            return evaluate([node], env)[0]
        except TooLong:
            floats = {n: Value(v).floats() for n, v in env.items()}
            return evaluate([node], floats, exact=False)[0]

    def rounding(
        self, node: Node, number: np.ndarray, extra: Mapping[Node, np.ndarray] | None = None
    ) -> np.ndarray | None:
        """The errors of a value, where some entry is small enough to ask."""
        if not is_suspect(number):
            return None
        return error_of(node, self.leaves() | dict(extra or {}), self.errors)

    def doubt(self, line: Line, number: np.ndarray) -> None:
        """Keep the errors of a line: it is computed with as it is, and printed without noise."""
        assert line.val is not None
        error = self.rounding(line.val.node, number)
        if error is not None:
            self.errors[line.symbol] = error

    def leaves(self) -> dict[Node, np.ndarray]:
        env = dict(self.graph.constants)
        for line in self.graph.lines.values():
            number = self.numbers.get(line.name)
            if number is not None:
                env[line.symbol] = number
        return env

    def paper(self, line: Line) -> Value | None:
        """The value with the axes a user counts; a homogeneous vector with its final 1."""
        number = self.numbers[line.name]
        if number is None:
            return None
        if "homogeneous" in line.properties:
            number = self.value_of(line.leaf.node)
        error = self.errors.get(line.symbol)
        lost = None if error is None or error.shape != number.shape else noise(number, error)
        if line.leaf.row:
            number, lost = number[None, :], None if lost is None else lost[None, :]
        return Value(number, lost, self.problem.in_decimals)

    # -- the second opinion ------------------------------------------------------------------

    def given_floats(self) -> dict[str, np.ndarray]:
        found = {}
        for line in self.graph.lines.values():
            if line.op is None:
                value = self.paper(line)
                if value is not None:
                    found[line.name] = value.floats()
        return found

    def reference(
        self, target: Line, override: Mapping[str, np.ndarray] | None = None
    ) -> independent.Arrays:
        """Values of everything below the target by the independent method."""
        given = {**self.given_floats(), **(override or {})}
        return independent.forward(self.graph.below([target]), given)

    # -- names and terms ---------------------------------------------------------------------

    def line(self, name: str) -> Line:
        try:
            return self.graph[name]
        except KeyError:
            from ..errors import did_you_mean

            free = self.problem.unknowns
            if free and any(name in d.names for d in self.problem.define):
                listed = " and ".join(f"`{n}`" for n in sorted(free))
                raise InputError(
                    f"`{name}` has no size yet: it rests on {listed}, asked for in `solve_shape`",
                    hint="write this task in a file of its own, with a number in that place",
                ) from None
            raise InputError(
                f"unknown name `{name}`", hint=did_you_mean(name, self.graph.lines)
            ) from None

    def leaf_term(self, node: Node) -> Expr:
        """How a leaf prints: a line's name, an adjoint ∂L/∂z, a constant as written."""
        name = node.attr.name
        if isinstance(name, tuple):
            if name[0] == "partial":
                partial = Partial(Name(name[1]), Name(name[2]))
                # a node of order 1 is a column; a row's gradient is a row
                scalar = self.graph[name[1]].has_one_entry
                return Transpose(partial) if scalar and self.graph[name[2]].leaf.row else partial
            from ..problem.expression import parse

            written = parse(name[2])
            if node.order == 1 and isinstance(written, Transpose):
                return as_column(written.arg)  # a node of order 1 is a column
            return as_column(written) if node.order == 1 or 1 in node.shape else written
        line = self.graph[name]
        if "homogeneous" in line.properties and node is line.symbol:  # without its final 1
            return Binary("@", Transpose(free_columns(line)), Name(name))
        return Transpose(Name(name)) if line.leaf.row else Name(name)

    def whole(self, node: Node) -> Node:
        """The node with one leaf for each homogeneous vector that stands in it as a whole."""
        new = {
            line.leaf.node: g.var(line.name, line.leaf.node.shape)
            for line in self.graph.lines.values()
            if "homogeneous" in line.properties
        }
        return simplify(substitute(node, new)) if new else node

    def term(self, node: Node) -> Expr:
        return matrix_term(self.whole(node), self.leaf_term, self.problem.convention.vec)

    def variables(self) -> dict[str, Variable]:
        return {
            line.name: Variable(
                line.name,
                "given" if line.kind == "given" else "defined",
                line.shape,
                dims.text(line.shape),
                self.paper(line),
                line.label,
            )
            for line in self.graph.lines.values()
        }


def free_columns(line: Line) -> Expr:
    """The identity without its last column: it adds a place for the 1 of a homogeneous vector."""
    n, m = (size_term(d) for d in (*line.leaf.shape, *line.symbol.shape))
    return Call("eye", (n, m))


def _concrete(line: Line) -> tuple[int, ...]:
    shape: list[int] = []
    for d in line.symbol.shape:
        assert isinstance(d, int)
        shape.append(d)
    return tuple(shape)


def as_json(x: Any) -> Any:
    """A size for JSON: an integer or its text."""
    return x if isinstance(x, int) else str(x)
