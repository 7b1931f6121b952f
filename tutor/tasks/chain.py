"""The chain rule along the student's own variables.

From the result back to the variable, one adjoint per line: ∂L/∂v is the sum, over the lines that
use v, of their adjoint times their local derivative. The adjoints are nodes over the lines' leaves
and over named upstream adjoints, so each step can be printed as it stands, evaluated as it stands,
and substituted into the next: closed form and numbers both come from these steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np

from .. import limits
from ..calculus.reverse import identity, pullback
from ..calculus.simplify import simplify, substitute
from ..errors import InputError
from ..expr import Binary, Expr, Name, Partial
from ..graph import dims
from ..graph import node as g
from ..graph.node import Node, topological
from ..notation.build import NoMatrixForm, transposed
from ..notation.index import component, index_term, subscripts
from ..notation.jacobian import jacobian_term
from ..notation.text import text
from ..numeric.evaluate import NotFinite
from ..problem.lines import Line
from ..steps import Step, Text
from ..value import Value
from .numbers import approx, equation, exact_term, substituted
from .workspace import Workspace

LONG = 160  # characters of a closed form that still reads well


@dataclass
class Adjoint:
    """∂of/∂line: the formula over leaves and upstream adjoints, and its value."""

    line: Line
    node: Node
    symbol: Node  # the leaf that stands for it in later formulas
    consumers: list[Line]
    value: np.ndarray | None


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
        self.walk()

    def walk(self) -> None:
        users = self.ws.graph.consumers()
        names = {x.name for x in self.path}
        front = self.of.val.node.shape if self.of.val else ()
        seed = g.const(1, front) if self.gradient else identity(front)
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
            self.adjoints[line.name] = Adjoint(line, node, symbol, consumers, self.value(node))

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

    def closed(self, keep_defined: bool = False) -> Node:
        """The last adjoint with every upstream adjoint (and every line) written out."""
        full: dict[Node, Node] = {}
        for line in self.ws.graph.below([self.of]):
            if line.val is not None and not (keep_defined and line.kind == "defined"):
                full[line.symbol] = substitute(line.val.node, full)
        done: dict[Node, Node] = {}
        for adjoint in self.adjoints.values():
            done[adjoint.symbol] = substitute(adjoint.node, done | full)
        assert self.final is not None
        return simplify(done[self.final.symbol])

    def closed_term(self) -> Expr | None:
        """The closed form where it reads well: in the givens, else with the author's own names."""
        for keep in (False, True):
            node = self.closed(keep)
            if tree_size(node) > LONG:
                continue
            try:
                term = self.term(node, self.wrt)
            except NoMatrixForm:
                continue
            if len(text(term)) <= LONG:
                return term
        return None

    def term(self, node: Node, line: Line) -> Expr:
        """An adjoint as a term: a gradient in its variable's shape, a Jacobian as a matrix."""
        ws = self.ws
        if self.gradient:
            term = ws.term(node)
            return transposed(term) if line.leaf.row else term
        style = ws.problem.convention
        return jacobian_term(node, self.lead, ws.leaf_term, style.layout, style.vec)

    def formula(self, adjoint: Adjoint) -> Expr | None:
        """The adjoint in terms of the next ones: in matrices, or with subscripts."""
        try:
            return self.term(adjoint.node, adjoint.line)
        except NoMatrixForm:
            if not self.gradient:
                return None
            try:
                return index_term(adjoint.node, self.ws.leaf_term)
            except NoMatrixForm:
                return None


def tree_size(node: Node) -> int:
    """How many nodes the expression has when everything shared is written out."""
    size: dict[Node, int] = {}
    for n in topological([node]):
        size[n] = 1 + sum(size[a] for a in n.args)
    return size[node]


def paper_value(ws: Workspace, line: Line, number: np.ndarray) -> Value:
    """A gradient in the variable's own shape; a homogeneous vector's has no entry for its 1."""
    return Value(number[None, :] if line.leaf.row else number)


def jacobian_size(of: Line, wrt: Line, layout: str) -> tuple[dims.Dim, dims.Dim]:
    """Rows × columns of ∂of/∂wrt, both unrolled."""
    rows = dims.product(of.leaf.node.shape)
    columns = dims.product(wrt.symbol.shape)
    return (rows, columns) if layout == "numerator" else (columns, rows)


def size_text(size: tuple[dims.Dim, dims.Dim]) -> str:
    return "×".join(dims.one(d) for d in size)


def local_steps(chain: Chain, task_id: str) -> list[Step]:
    """∂line/∂operand for every line on the path that no earlier task has derived."""
    ws = chain.ws
    names = {x.name for x in chain.path}
    steps: list[Step] = []
    known: dict[str, list[Expr]] = {}
    for line in chain.path:
        for operand in line.operands:
            if operand.name not in names or line.val is None or line is chain.wrt:
                continue
            earlier = ws.local_in.setdefault((line.name, operand.name), task_id)
            if earlier != task_id:
                known.setdefault(earlier, []).append(Partial(Name(line.name), Name(operand.name)))
            else:
                steps.append(_local_step(ws, line, operand))
    return [_known_step("local", t, partials) for t, partials in known.items()] + steps


def _known_step(kind: str, task: str, partials: list[Expr]) -> Step:
    holes = {f"p{k}": p for k, p in enumerate(partials)}
    listed = ", ".join("{" + k + "}" for k in holes)
    return Step(
        f"{kind}.task{task}",
        kind,
        "",
        Text("Known from task {t}: " + listed, {"t": task, **holes}),
    )


def _local_step(ws: Workspace, line: Line, operand: Line) -> Step:
    layout = ws.problem.convention.layout
    term, value = local_term(ws, line, operand, layout)
    size = jacobian_size(line, operand, layout)
    op = line.op
    assert op is not None
    scalars = line.leaf.order == operand.leaf.order == 0
    why = op.why_scalar if scalars and op.why_scalar else op.why
    return Step(
        f"local.{line.name}.{operand.name}",
        "local",
        op.rule,
        Text(
            "Derivative of {y} with respect to {x}",
            {"y": Name(line.name), "x": Name(operand.name)},
        ),
        equation(Partial(Name(line.name), Name(operand.name)), term, value) if term else (),
        why=Text(why, {"y": Name(line.name), "x": Name(operand.name)}),
        shape=size,
        jacobian_dims=size_text(size),
        uses=(f"forward.{line.name}",),
    )


def local_node(line: Line, operand: Line) -> Node:
    assert line.val is not None
    return simplify(pullback(line.val.node, identity(line.val.node.shape), [operand.symbol])[0])


def local_term(
    ws: Workspace, line: Line, operand: Line, layout: str
) -> tuple[Expr | None, Expr | None]:
    """The local Jacobian as a term, and its value where that is a short scalar or vector."""
    node = local_node(line, operand)
    rows = line.leaf.node.order
    try:
        term: Expr | None = jacobian_term(
            node, rows, ws.leaf_term, layout, ws.problem.convention.vec
        )
    except NoMatrixForm:
        term = None
    value = None
    if node.order == 0:
        try:
            value = Value(ws.value_of(node)).expr()
        except (KeyError, NotFinite):
            value = None
    return term, value


def chain_steps(chain: Chain, task_id: str) -> list[Step]:
    """One step per adjoint, from the result back to the variable."""
    ws = chain.ws
    numbers: dict[Expr, Value] = {}
    for line in chain.ws.graph.below([chain.of]):
        v = ws.paper(line)
        if v is not None:
            numbers[Name(line.name)] = v
    steps: list[Step] = []
    known: dict[str, list[Expr]] = {}
    for adjoint in chain.adjoints.values():
        line = adjoint.line
        symbol = Partial(Name(chain.of.name), Name(line.name))
        earlier = ws.adjoint_in.setdefault((chain.of.name, line.name), task_id)
        if earlier != task_id and line is not chain.wrt:
            known.setdefault(earlier, []).append(symbol)
            if adjoint.value is not None and chain.gradient:
                numbers[symbol] = paper_value(ws, line, adjoint.value)
            continue
        term = chain.formula(adjoint)
        value = None
        if adjoint.value is not None and chain.gradient:
            value = paper_value(ws, line, adjoint.value)
        indexed = term is not None and has_subscripts(term)
        middle = (
            substituted(term, numbers)
            if term is not None and value is not None and not indexed
            else None
        )
        steps.append(
            Step(
                f"chain.{line.name}",
                "chain",
                "sum over paths" if len(adjoint.consumers) > 1 else "chain rule",
                Text(
                    "Gradient at {x}" if chain.gradient else "Jacobian at {x}",
                    {"x": Name(line.name)},
                ),
                equation(
                    symbol,
                    _along(chain, adjoint),
                    None if indexed else term,
                    middle,
                    exact_term(value),
                )
                if not indexed
                else equation(subscripted(symbol, line), term),
                approx=approx(value) if value is not None and not indexed else None,
                why=_reason(chain, adjoint),
                shape=line.leaf.shape
                if chain.gradient
                else jacobian_size(chain.of, line, ws.problem.convention.layout),
                jacobian_dims=None
                if chain.gradient
                else size_text(jacobian_size(chain.of, line, ws.problem.convention.layout)),
                uses=tuple(f"chain.{c.name}" for c in adjoint.consumers if c is not chain.of)
                + tuple(f"local.{c.name}.{line.name}" for c in adjoint.consumers),
            )
        )
        if indexed and value is not None:
            steps.append(
                Step(
                    f"value.{line.name}",
                    "chain",
                    "substitution",
                    Text("Numbers for the gradient at {x}", {"x": Name(line.name)}),
                    equation(symbol, exact_term(value)),
                    approx=approx(value),
                    shape=line.leaf.shape,
                    uses=(f"chain.{line.name}",),
                )
            )
        if value is not None:
            numbers[symbol] = value
    return [_known_step("chain", t, partials) for t, partials in known.items()] + steps


def has_subscripts(e: Expr) -> bool:
    from ..expr import Component, Sum, walk

    return any(isinstance(x, Component | Sum) for x in walk(e))


def subscripted(symbol: Expr, line: Line) -> Expr:
    return component(symbol, subscripts(line.symbol.shape))


def _along(chain: Chain, adjoint: Adjoint) -> Expr | None:
    """∂L/∂z · ∂z/∂x + …, where everything is a scalar (for arrays the order needs transposes)."""
    if not chain.gradient or adjoint.line.symbol.order or len(adjoint.consumers) > 3:
        return None
    total: Expr | None = None
    for user in adjoint.consumers:
        if user.leaf.node.order:
            return None
        local = Partial(Name(user.name), Name(adjoint.line.name))
        if user is chain.of:
            if len(adjoint.consumers) == 1:
                return None
            part: Expr = local
        else:
            part = Binary("*", Partial(Name(chain.of.name), Name(user.name)), local)
        total = part if total is None else Binary("+", total, part)
    return total


def _reason(chain: Chain, adjoint: Adjoint) -> Text:
    line, of = Name(adjoint.line.name), Name(chain.of.name)
    users = adjoint.consumers
    if len(users) > 1:
        listed: Sequence[Line] = users
        holes = {f"c{k}": Name(u.name) for k, u in enumerate(listed)}
        names = ", ".join("{" + k + "}" for k in holes)
        return Text(
            "{x} is used more than once (in "
            + names
            + "), so the contributions of all paths add up.",
            {"x": line, **holes},
        )
    (user,) = users
    if user is chain.of:
        return Text("{x} enters {y} directly.", {"y": of, "x": line})
    return Text(
        "{x} reaches {y} only through {z}: what arrived there, times the local derivative.",
        {"y": of, "x": line, "z": Name(user.name)},
    )
