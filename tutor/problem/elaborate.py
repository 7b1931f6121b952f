"""From a problem's definitions to the surface graph: one operation per line, every size known.

Sizes left open with `?` are unknowns; every comparison of sizes that an operation makes is an
equation between them, and the definitions are elaborated again with what it fixed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import sympy as sp

from .. import limits
from ..errors import InputError, ShapeError, did_you_mean
from ..expr import (
    Binary,
    Call,
    Expr,
    Index,
    List,
    Name,
    Neg,
    Num,
    Transpose,
    names,
    walk,
)
from ..graph import dims
from ..graph import node as g
from ..graph.node import Node
from ..graph.unifier import Unifier
from ..notation.text import text
from ..ops import ALIASES, OPERATORS, OPS, STRUCTURE
from ..ops.base import Val
from . import values
from .bind import Binder
from .columns import with_columns
from .expanded import binary, count_results, dimensional, expanded
from .expression import extent
from .fixed import constant_value
from .lines import Graph, Line
from .mistakes import explained
from .model import Definition, Problem
from .open import fresh, lettered, reasons, still_open
from .origin import Origin
from .sizes import Sizes
from .surface import Piece, Surface


def elaborate(problem: Problem, skip: frozenset[str] = frozenset()) -> Graph:
    """The surface graph of a problem.

    skip: names that stay unknown (hyperparameters and sizes that a solve_shape task asks for);
    definitions that need them are left out.
    """
    unifier = fresh(problem)
    try:
        graph = open_sizes(problem, unifier, skip)
    except ShapeError as error:
        raise explained(problem, error, unifier, lambda p: open_sizes(p, fresh(p), skip)) from None
    open_ = still_open(graph, unifier)
    if open_:
        letters = lettered(problem, graph, unifier, open_)
        unifier.name(letters)
        graph = open_sizes(problem, unifier, skip)
        sizes = {**graph.sizes, **{str(s): s for s in letters.values()}}
        graph = replace(graph, sizes=sizes)
    fits = tuple(choice.fit for choice in unifier.choices())
    return replace(graph, reasons=reasons(problem, graph, unifier, open_), fits=fits)


def open_sizes(problem: Problem, unifier: Unifier, skip: frozenset[str] = frozenset()) -> Graph:
    """The same where sizes may stay unknown; the unifier holds what was found out about them."""
    with dims.unifying(unifier):
        for _ in range(limits.TENSOR_ORDER * 8):
            known = dict(unifier.bound)
            elaborator = _Elaborator(problem, unifier, skip)
            graph = elaborator.graph()
            if unifier.bound == known and not unifier.settle():
                break
    if elaborator.postponed is not None:
        raise elaborator.postponed
    return graph


class _Elaborator:
    def __init__(self, problem: Problem, unifier: Unifier, skip: frozenset[str]) -> None:
        self.problem = problem
        self.skip = set(skip | problem.unwritten)
        self.sized: set[str] = set()  # names whose sizes rest on one that is looked for
        self.postponed: ShapeError | None = None  # of a definition that waits for an open size
        self.sizes = Sizes(unifier)
        self.surface = Surface(problem, self.sizes)
        self.lines = self.surface.lines
        self.constants: dict[Node, np.ndarray] = {}

    def graph(self) -> Graph:
        for given in self.problem.given.values():
            self.sizes.collect(given)
        for given in self.problem.given.values():
            self.lines[given.name] = self.sizes.line(given)
            sizes = [d for d in given.shape or () if not isinstance(d, str)]
            if any(n in self.skip for d in sizes for n in names(d)):
                self.sized.add(given.name)
        for definition in self.ordered():
            self.define(definition)
        if len(self.lines) > limits.GRAPH_NODES:
            raise InputError(f"more than {limits.GRAPH_NODES:,} operations")
        return Graph(self.lines, self.constants, self.sizes.known, self.problem.convention)

    # -- definitions -------------------------------------------------------------------------

    def ordered(self) -> list[Definition]:
        """Definitions with their operands first (the loader has excluded cycles)."""
        owner = {n: d for d in self.problem.define for n in d.names}
        done: dict[int, Definition] = {}
        stack = [(d, False) for d in reversed(self.problem.define)]
        while stack:
            d, ready = stack.pop()
            if id(d) in done:
                continue
            if ready:
                done[id(d)] = d
                continue
            stack.append((d, True))
            needs = [owner[n] for n in names(d.expr) if n in owner and owner[n] is not d]
            stack.extend((n, False) for n in reversed(needs) if id(n) not in done)
        return list(done.values())

    def define(self, definition: Definition) -> None:
        if any(n in self.skip for n in names(definition.expr)):
            self.skip.update(definition.names)
            return
        self.surface.definition, self.surface.inside = definition, []
        before = set(self.lines)
        rests = any(n in self.sized for n in names(definition.expr))
        if rests:
            self.sized.update(definition.names)
        try:
            if len(definition.names) > 1:
                self.unpack(definition)
            else:
                name = next(iter(definition.names))
                self.settle(self.piece(definition.expr, name), name, definition)
        except InputError as error:
            if error.span is not None:
                error.at(definition.source.where(error.span))
            error.at(definition.where)
            if not isinstance(error, ShapeError) or not (rests or self.is_open(error)):
                raise error from None
            if not rests:  # other definitions may fix the size
                self.postponed = self.postponed or error
            for name in set(self.lines) - before:
                del self.lines[name]
            self.skip.update(definition.names)

    def is_open(self, error: ShapeError) -> bool:
        """Whether an operand of what failed has a size that nothing has fixed by now."""
        operands = error.failed.operands if isinstance(error.failed, Origin) else ()
        sizes = [self.sizes.unifier.resolve(d) for _, v in operands for d in v.node.shape]
        return any(not isinstance(d, int) and d.has(dims.Unknown) for d in sizes)

    def unpack(self, definition: Definition) -> None:
        """The results of an operation that has several, each under its own name."""
        e, wanted = definition.expr, definition.names
        op = OPS.get(e.func) if isinstance(e, Call) else None
        if op is None or not op.results:
            raise InputError("this operation has one result", span=extent(e))
        count_results(op, len(wanted), extent(e))
        self.surface.inside = [e]
        bound = Binder(self, op, e).bind()  # type: ignore[arg-type]
        pieces = expanded(self.surface, op, bound.operands, bound.parameters, wanted, extent(e))
        for name, piece in zip(wanted, pieces, strict=True):
            self.settle(piece, name, definition)

    def settle(self, piece: Piece, name: str, definition: Definition) -> None:
        """The definition's own line, under the author's name."""
        if name in self.lines:
            return
        used = [self.lines[n] for n in names(piece.term) if n in self.lines]
        if not used:
            value = constant_value(piece.val, self.constants)
            leaf = Val(g.var(name, piece.val.node.shape), piece.val.row)
            known = {"value": value, "val": piece.val, "where": definition.where}
            self.lines[name] = Line(name, "defined", leaf, formula=piece.term, **known)
            return
        op, inner = STRUCTURE["copy"], piece.term
        if isinstance(piece.term, Transpose):
            op, inner = OPERATORS[".T"], piece.term.arg
        elif isinstance(piece.term, Neg):
            op, inner = OPERATORS["neg"], piece.term.arg
        self.surface.line(op, [piece], {}, piece.val, piece.term, name, (inner,))

    # -- terms -------------------------------------------------------------------------------

    def piece(self, e: Expr, name: str | None = None) -> Piece:
        """Elaborate a term; an operation becomes a line of its own."""
        self.surface.inside.append(e)
        found = self.elaborated(e, name)
        self.surface.inside.pop()
        return found

    def elaborated(self, e: Expr, name: str | None) -> Piece:
        if not isinstance(e, Name | Num) and not any(
            n in self.lines or n in self.sizes.known for n in names(e)
        ):
            constant = self.literal(e)
            if constant is not None:
                return constant
        match e:
            case Num():
                return Piece(self.number(e), e)
            case Name():
                return self.name(e)
            case Transpose():
                inner = self.piece(e.arg)
                return Piece(
                    self.surface.apply(OPERATORS[".T"], [inner], {}, e.span), Transpose(inner.term)
                )
            case Neg():
                inner = self.piece(e.arg)
                if isinstance(inner.term, Num) or not names(inner.term):
                    return Piece(Val(g.scale(-1, inner.val.node), inner.val.row), Neg(inner.term))
                return Piece(
                    self.surface.apply(OPERATORS["neg"], [inner], {}, e.span), Neg(inner.term)
                )
            case Binary():
                left, right = self.piece(e.left), self.piece(e.right)
                return binary(self.surface, e.op, left, right, name, e.span)
            case List():
                parts = [self.piece(x) for x in e.items]
                op = STRUCTURE["[]"]
                val = self.surface.apply(op, parts, {}, e.span)
                return self.surface.line(
                    op, parts, {}, val, List(tuple(p.term for p in parts)), name
                )
            case Index():
                inner = self.piece(e.arg)
                items = tuple(self.sizes.index_item(x) for x in e.items)
                op = STRUCTURE["x[i]"]
                val = self.surface.apply(op, [inner], {"items": items}, e.span)
                return self.surface.line(
                    op, [inner], {"items": items}, val, Index(inner.term, e.items), name
                )
            case Call():
                return self.call(e, name)
            case _:
                raise InputError(f"`{text(e)}` is not a quantity", span=extent(e))

    def number(self, e: Num) -> Val:
        n = values.number(e.text)
        return Val(g.const(n))

    def name(self, e: Name) -> Piece:
        if e.id in self.lines:
            return Piece(self.lines[e.id].leaf, Name(e.id))
        if e.id in self.sizes.known:
            return Piece(Val(g.const(self.sizes.known[e.id])), Name(e.id))
        if e.id in ("pi", "e"):
            return Piece(Val(g.const(sp.pi if e.id == "pi" else sp.E)), Name(e.id))
        raise InputError(
            f"unknown name `{e.id}`",
            span=e.span,
            hint=did_you_mean(e.id, [*self.lines, *self.sizes.known]),
        )

    def literal(self, e: Expr) -> Piece | None:
        """A term without names: a number, or an array that becomes a constant leaf."""
        if isinstance(e, Call) and e.func in OPS and OPS[e.func].constant:
            return None  # the graph knows these by their structure
        if any(isinstance(x, Call) and x.func not in values.functions() for x in walk(e)):
            return None
        value = values.evaluate(e)
        if value.data.ndim == 0:
            return Piece(Val(g.const(dims.number(value.data[()]))), e)
        row = value.data.ndim == 2 and value.shape[0] == 1 and isinstance(e, Transpose)
        data = value.data[0] if row else value.data
        leaf = g.var(("constant", len(self.constants), text(e)), data.shape)
        self.constants[leaf] = data
        return Piece(Val(leaf, row), e)

    def call(self, e: Call, name: str | None) -> Piece:
        func = dimensional(e, self.lines) or ALIASES.get(e.func, e.func)
        op = OPS.get(func)
        if op is None:
            raise InputError(
                f"unknown function `{e.func}`", hint=did_you_mean(e.func, OPS), span=e.span
            )
        bound = with_columns(self.surface, op, Binder(self, op, e).bind(), extent(e))
        if op.expand is not None:
            count_results(op, 1, e.span)
            return expanded(self.surface, op, bound.operands, bound.parameters, (name,), extent(e))[
                0
            ]
        pieces = [p for p in bound.operands if p is not None]
        terms = tuple(None if p is None else p.term for p in bound.operands)
        val = self.surface.apply(op, bound.operands, bound.parameters, e.span, bound.rest)
        if op.constant:
            return Piece(val, e)
        return self.surface.line(
            op, pieces, bound.parameters, val, bound.term, name, terms, bound.rest
        )
