"""Sizes that a problem declares or works out, and its givens as lines of the graph."""

from __future__ import annotations

import re
from typing import Any

import sympy as sp

from ..errors import InputError, did_you_mean
from ..expr import Binary, Expr, Name, Neg, Num, Slice, names
from ..graph import dims
from ..graph import node as g
from ..graph.dims import Dim
from ..graph.unifier import Unifier
from ..notation.text import text
from ..ops import OPS
from ..ops.base import Val
from . import values
from .expression import extent
from .lines import Line
from .model import Given


class Sizes:
    """The named sizes of a problem."""

    def __init__(self, unifier: Unifier) -> None:
        self.unifier = unifier
        self.known: dict[str, sp.Symbol] = {}
        self.open: dict[str, dims.Unknown] = {}  # for each `?`, by its name

    def collect(self, given: Given) -> None:
        """Take the names in a declared shape for sizes."""
        for d in given.shape or ():
            if not isinstance(d, str):
                for name in names(d):
                    if name != "?":
                        self.known.setdefault(name, dims.symbol(name))

    def line(self, given: Given) -> Line:
        """A given quantity as a line of the graph."""
        if given.shape is not None:
            shape = tuple(self.declared(d, given, k) for k, d in enumerate(given.shape))
        else:
            assert given.value is not None
            shape = given.value.shape
        properties = given.properties & {"symmetric", "diagonal", "positive"}
        leaf = Val(g.var(given.name, shape, properties), boolean="boolean" in given.properties)
        if "homogeneous" in given.properties:
            leaf = OPS["homogeneous"].define(leaf)
        return Line(
            given.name,
            "given",
            leaf,
            value=given.value,
            label=given.label,
            where=given.where,
            properties=given.properties,
        )

    def declared(self, d: Expr | str, given: Given, axis: int) -> Dim:
        if d == "?" or (isinstance(d, Name) and d.id == "?"):
            unknown = dims.unknown(f"{given.name}.{axis}")
            self.open[str(unknown)] = unknown
            return self.unifier.resolve(unknown)
        return self.dimension(d)  # type: ignore[arg-type]

    def shown(self, words: str) -> str:
        """The words with numbers, or `?`, in place of the names that open sizes have inside."""

        def one(m: re.Match[str]) -> str:
            unknown = self.open.get(m[0])
            return m[0] if unknown is None else dims.one(self.unifier.resolve(unknown))

        return re.sub(r"(?<![\w.])\w+\.\d+(?!\w)", one, words)

    def dimension(self, e: Expr) -> Dim:
        """An integer or symbolic size from a term."""
        match e:
            case Num():
                n = values.number(e.text)
                if n is None or not getattr(n, "is_Integer", False):
                    raise InputError(f"a size must be a whole number, not `{e.text}`", span=e.span)
                return int(n)
            case Name() if e.id in self.known:
                return self.known[e.id]
            case Name():
                raise InputError(
                    f"`{e.id}` is not a size", hint=did_you_mean(e.id, self.known), span=e.span
                )
            case Neg():
                return dims.dim(-dims.number(self.dimension(e.arg)))
            case Binary() if e.op in "+-*/" or e.op == "**":
                a, b = dims.number(self.dimension(e.left)), dims.number(self.dimension(e.right))
                value = {"+": a + b, "-": a - b, "*": a * b}.get(e.op)
                if value is None:
                    value = a / b if e.op == "/" else a**b
                return dims.dim(value)
            case _:
                raise InputError(
                    "a size is expected here: a number, a name, or + - * of them", span=extent(e)
                )

    def index_item(self, e: Expr) -> Any:
        if isinstance(e, Slice):
            return tuple(None if x is None else self.integer(x) for x in (e.start, e.stop, e.step))
        if isinstance(e, Name) and e.id not in self.known:
            raise InputError(
                f"an index must be a number, and `{e.id}` has none",
                hint="write one of the numbers 0, 1, 2, … in its place; the loss "
                f"−log(softmax(z)) at the entry {e.id} is `cross_entropy(z, {e.id})`",
                span=e.span,
            )
        return self.integer(e)

    def integer(self, e: Expr) -> int:
        n = self.dimension(e)
        if not isinstance(n, int):
            raise InputError(f"an index must be a number, not `{text(e)}`", span=extent(e))
        return n
