"""The lines of the surface graph as they are made, one operation each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from .. import limits
from ..errors import InputError, ShapeError
from ..expr import Expr, Name, Neg, Num, names
from ..graph import node as g
from ..ops import OPERATORS, OPS
from ..ops.base import Op, Val
from .lines import Line
from .model import Definition, Problem
from .origin import Origin, spelled, typed, written
from .sizes import Sizes

KEEP_MASKS = ("mul", "hadamard", "maximum", "minimum", "index", "tril", "triu")  # and, or, parts


@dataclass(frozen=True)
class Piece:
    """A subterm after elaboration: what it is, and how it prints inside a larger term."""

    val: Val
    term: Expr


@dataclass(frozen=True)
class Wish:
    """A name that an automatic line would like: letters, and what follows them in its result's.

    If that is taken, it is the letters with the whole name of the result below: `S_B`. The line
    plays a part in an operation: `of` and the letters say which.
    """

    name: str
    tail: str = ""
    result: str = ""
    of: str = ""


class Surface:
    """All lines so far, and the names that are taken."""

    def __init__(self, problem: Problem, sizes: Sizes) -> None:
        self.sizes = sizes
        self.lines: dict[str, Line] = {}
        self.definition: Definition | None = None  # the one that is being elaborated
        self.inside: list[Expr] = []  # its terms that are, from the whole down to the innermost
        self.taken = set(problem.given) | {n for d in problem.define for n in d.names}
        self.counter = 0
        self.automatics: dict[tuple[str, Val], Line] = {}  # by operation and what it computes
        self.said = {
            "_vec": problem.convention.vec,
            "_ties": problem.convention.ties,
            "_conv_": problem.convention.conv,
        }

    def apply(
        self,
        op: Op,
        operands: list[Any],
        parameters: Mapping[str, Any],
        span: Any,
        rest: tuple[Any, ...] = (),
    ) -> Val:
        """Run the operation's definition; a shape error gets the operands' own words."""
        args = [p.val if isinstance(p, Piece) else p for p in operands]
        hidden = self.hidden(op)
        with self.naming(operands, span, op):
            val = op.apply(args, rest, {**parameters, **hidden})
        if val.order > limits.TENSOR_ORDER:
            raise ShapeError(
                f"the result has order {val.order}; the limit is {limits.TENSOR_ORDER}", span=span
            )
        masks = [p.val.boolean for p in operands if isinstance(p, Piece)]
        if masks and all(masks) and (op.moves or op.name in KEEP_MASKS):
            val = replace(val, boolean=True)
        return val

    @contextmanager
    def naming(self, operands: Sequence[Any], span: Any, op: Op) -> Iterator[None]:
        """A shape error from inside gets the operands' own words, and a place.

        operands: in the operation's order, None for one that is left out
        """
        pieces = [p for p in operands if isinstance(p, Piece)]
        origin = self.origin(op, pieces)
        self.sizes.unifier.origin = origin
        try:
            yield
        except InputError as error:
            own = [p.name for p in op.parameters if op.takes_operand(p)]
            pairs = zip_longest(operands, own, fillvalue="")
            present = [(p, name) for p, name in pairs if isinstance(p, Piece)]
            words = (
                [written(p.term, self.lines) for p in pieces] if origin is None else typed(origin)
            )
            terms = [(p.val, spelled(e), name) for (p, name), e in zip(present, words, strict=True)]
            named = _named(error, terms, span, origin)
            named.message = self.sizes.shown(named.message)
            named.hint = self.sizes.shown(named.hint) if named.hint else None
            raise named from None

    def origin(self, op: Op, pieces: Sequence[Piece]) -> Origin | None:
        """What equations between sizes, and errors, are to remember."""
        if self.definition is None or not self.inside:
            return None
        operands = tuple((p.term, p.val) for p in pieces)
        return Origin(op, self.inside[-1], self.definition, operands, self.lines)

    def line(
        self,
        op: Op,
        pieces: list[Piece],
        parameters: Mapping[str, Any],
        val: Val,
        term: Expr,
        name: str | Wish | None,
        terms: tuple[Expr | None, ...] = (),
        rest: tuple[Any, ...] = (),
    ) -> Piece:
        """An operation becomes a line of its own, under its name or the next automatic one."""
        used = tuple(self.lines[n] for n in dict.fromkeys(names(term)) if n in self.lines)
        plain = all(isinstance(t, Num | Neg | Name) for t in terms or (p.term for p in pieces))
        if not used and plain and op in OPERATORS.values():
            return Piece(val, term)  # arithmetic on numbers and sizes stays where it is
        known = self.known(op, val, term) if name is None else None
        if known is not None:
            return Piece(known.leaf, Name(known.name))
        kind = "defined" if isinstance(name, str) else "auto"
        part = f"{name.of}.{name.name}" if isinstance(name, Wish) else ""
        name = name if isinstance(name, str) else self.automatic(name)
        marks = ("boolean",) if val.boolean else ()
        leaf = Val(g.var(name, val.node.shape, marks), val.row, val.product, val.boolean)
        hidden = self.hidden(op)
        self.lines[name] = Line(
            name,
            kind,
            leaf,
            val,
            term,
            op,
            used,
            {**parameters, **hidden},
            terms or tuple(p.term for p in pieces),
            rest,
            where=self.definition.where if self.definition else None,
            part=part,
        )
        if kind == "auto":
            self.automatics.setdefault((op.name, val), self.lines[name])
        return Piece(leaf, Name(name))

    def known(self, op: Op, val: Val, term: Expr) -> Line | None:
        """The automatic line that computes the same already: a repeated term is one quantity."""
        line = self.automatics.get((op.name, val))
        return line if line is not None and line.formula == term else None

    def hidden(self, op: Op) -> dict[str, str]:
        """What the file's conventions say to an operation."""
        return {k: v for k, v in self.said.items() if any(p.name == k for p in op.parameters)}

    def automatic(self, wish: Wish | None = None) -> str:
        """The name that is wished for, if it is free; else the next number."""
        if wish is not None:
            for name in (wish.name + wish.tail, f"{wish.name}_{wish.result}"):
                if self.free(name):
                    return name
        while True:
            self.counter += 1
            name = f"z{self.counter}"
            if self.free(name):
                return name

    def free(self, name: str) -> bool:
        used = name in self.taken or name in self.lines or name in self.sizes.known
        return not used and name not in OPS and name not in ("e", "pi") and not name.endswith("_")


def _named(
    error: InputError, operands: list[tuple[Val, str, str]], span: Any, origin: Origin | None
) -> ShapeError:
    """The same error with {left}, {right}, {operand2} or {weight} filled by the operands as typed.

    operands: each one's type, the term, and the name of the parameter
    """
    holes = {f"`{{operand{k}}}`": f"`{term}`" for k, (_, term, _) in enumerate(operands)}
    holes |= {f"`{{{name}}}`": f"`{term}`" for _, term, name in operands}
    pair = getattr(error, "pair", ()) or [v for v, _, _ in operands]
    for hole, val in zip(("`{left}`", "`{right}`"), pair, strict=False):
        known = (f"`{term}`" for v, term, _ in operands if v is val)
        holes[hole] = next(known, "an intermediate result")

    def fill(message: str) -> str:
        return re.sub(r"`\{\w+\}`", lambda m: holes.get(m[0], m[0]), message)

    hint = fill(error.hint) if error.hint else None
    named = ShapeError(fill(error.message), hint=hint, span=error.span or span, where=error.where)
    named.failed = getattr(error, "failed", None) or origin
    return named
