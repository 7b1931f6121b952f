"""Operations that are several smaller ones, written out as lines: gates of a cell, scores, weights.

The rule itself stands in the operation's `expand`; this is the builder that turns its steps into
lines of the surface graph. Steps get names that go with the result's: the gate i of `h_2` is `i_2`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from ..errors import InputError
from ..expr import Binary, Call, Expr, Index, List, Name, Neg, Num, Slice, Transpose
from ..graph.dims import Dim
from ..notation.build import size_term
from ..notation.scalars import term_of
from ..ops import OPERATORS, OPS, STRUCTURE
from ..ops.base import Op, Val
from ..ops.build import Plain
from .lines import Line
from .surface import Piece, Surface, Wish

# operations with a step called z: with a number below it would read as an automatic name, so all
# their steps have the whole name of the result below
WITH_Z = ("gru_cell",)


def binary(
    surface: Surface, symbol: str, a: Piece, b: Piece, name: str | Wish | None, span: Any
) -> Piece:
    """A line for an operator between two operands."""
    op = OPERATORS[symbol]
    val = surface.apply(op, [a, b], {}, span)
    both = a.val.order > 0 and b.val.order > 0
    spread = (symbol in "*/" and both) or (symbol == "**" and a.val.order > 0)
    return surface.line(op, [a, b], {}, val, Binary(symbol, a.term, b.term, spread), name)


class _Given(str):
    """The author's name for a result: a step that would like the same letters gets others."""


class Lines(Plain):
    """A builder whose quantities are pieces: the same steps as `Plain`, each one a line."""

    def __init__(
        self, surface: Surface, names: Sequence[str | None], span: Any, of: str = ""
    ) -> None:
        self.surface = surface
        self.of = of
        self.names = names
        self.span = span

    def val(self, x: Piece) -> Val:
        return x.val

    def result(self, k: int) -> str | None:
        name = self.names[k]
        return None if name is None else _Given(name)

    def named(self, name: str | None) -> str | Wish | None:
        """A step's own name, with what follows the letters in the result's; a result's as it is."""
        if name is None or isinstance(name, _Given):
            return name
        result = self.names[0] or ""
        tail = re.fullmatch(r"[A-Za-z]*?(_?\d\w*|_\w+|)", result)
        end = tail.group(1) if tail else ""
        if self.of in WITH_Z and end.lstrip("_")[:1].isdigit():
            end = "_" + result.replace("_", "")
        return Wish(name, end, result, self.of)

    def number(self, value: sp.Expr) -> Piece:
        return Piece(super().number(value), term_of(value))

    def ones(self, *shape: Any) -> Piece:
        return Piece(super().ones(*shape), Call("ones", tuple(size_term(d) for d in shape)))

    def transposed(self, x: Piece) -> Piece:
        val = self.surface.apply(OPERATORS[".T"], [x], {}, self.span)
        return Piece(val, Transpose(x.term))

    def binary(self, symbol: str, a: Piece, b: Piece, name: str | None = None) -> Piece:
        return binary(self.surface, symbol, a, b, self.named(name), self.span)

    def part(self, x: Piece, start: Dim, stop: Dim, axis: int, name: str | None = None) -> Piece:
        op = STRUCTURE["x[i]"]
        whole: list[Expr] = [Slice(None, None, None)] * axis
        term = Index(x.term, (*whole, Slice(size_term(start), size_term(stop), None)))
        items = (*[(None, None, None)] * axis, (start, stop, None))
        val = self.surface.apply(op, [x], {"items": items}, self.span)
        return self.surface.line(op, [x], {"items": items}, val, term, self.named(name))

    def call(
        self, func: str, *operands: Piece, rest: Sequence[Any] = (), name: Any = None, **more: Any
    ) -> Piece:
        op, sizes = OPS[func], tuple(rest)
        val = self.surface.apply(op, list(operands), more, self.span, sizes)
        terms = tuple(p.term for p in operands)
        term = Call(func, (*terms, *(_integer(k) for k in sizes)))
        return self.surface.line(
            op, list(operands), more, val, term, self.named(name), terms, sizes
        )


def _integer(k: int) -> Expr:
    return Num(str(k)) if k >= 0 else Neg(Num(str(-k)))


def count_results(op: Op, names: int, span: Any) -> None:
    """Every result of an operation needs a name."""
    if names != max(len(op.results), 1):
        listed = ", ".join(op.results)
        raise InputError(
            f"`{op.name}` has {len(op.results)} results, which need as many names",
            hint=f'unpack them in a definition of their own: `"{listed}": {op.name}(…)`',
            span=span,
        )


def expanded(
    surface: Surface,
    op: Op,
    operands: Sequence[Piece | None],
    parameters: dict[str, Any],
    names: Sequence[str | None],
    span: Any,
) -> tuple[Piece, ...]:
    """The results of an operation, under these names (None: automatic ones)."""
    assert op.expand is not None
    own = [p.name for p in op.parameters if op.takes_operand(p)]
    given = dict(zip(own, operands, strict=True))
    with surface.naming(operands, span, op):
        return op.expand(Lines(surface, names, span, op.name), **given, **parameters)


def dimensional(e: Call, lines: Mapping[str, Line]) -> str | None:
    """`conv` and `max_pool` of vectors are the one-dimensional ones."""
    place = {"conv": 1, "max_pool": 0}.get(e.func)
    if place is None or len(e.args) <= place:
        return None
    operand = e.args[place]
    if isinstance(operand, Name) and operand.id in lines:
        flat = len(lines[operand.id].shape) == 1
    else:
        flat = isinstance(operand, List) and not isinstance(operand.items[0], List)
    return {"conv": "conv1d", "max_pool": "max_pool1d"}[e.func] if flat else None
