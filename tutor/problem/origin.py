"""What is being worked out: an operation of a definition, and its operands with their sizes.

Equations between sizes remember it, and so does an error; so both can say where they came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import Where
from ..expr import Binary, Call, Expr, Name, Neg, Transpose, exchanged, names
from ..graph import dims
from ..notation.text import text
from ..ops import ALIASES
from ..ops.base import Op, Val
from ..steps import Text
from .expression import extent
from .lines import Line
from .model import Definition

LONG = 60  # characters of an operand before the middle of it is left out


@dataclass(frozen=True)
class Origin:
    """The operation `op`, written `term`, in a definition.

    operands: each as the author wrote it, with its type
    lines: everything that was defined before
    """

    op: Op
    term: Expr
    definition: Definition
    operands: tuple[tuple[Expr, Val], ...]
    lines: Mapping[str, Line]

    @property
    def where(self) -> Where:
        return self.definition.source.where(extent(self.term))


def written(term: Expr, lines: Mapping[str, Line]) -> Expr:
    """The term in the author's words: automatic names give way to what they stand for."""

    def formula(e: Expr) -> Expr | None:
        line = lines.get(e.id) if isinstance(e, Name) else None
        if line is None or line.kind != "auto" or line.formula is None:
            return None
        return written(line.formula, lines)

    return exchanged(term, formula)


def typed(origin: Origin) -> list[Expr]:
    """The operands as the author typed them, arguments by place included."""
    known = [written(t, origin.lines) for t, _ in origin.operands]
    match origin.term:
        case Binary(left=left, right=right):
            own = (left, right)
        case Call(args=args) if ALIASES.get(origin.term.func, origin.term.func) == origin.op.name:
            own = args
        case _:
            return known
    if len(own) < len(known):
        return known
    pairs = zip(own, known, strict=False)  # sizes come after the operands
    return [e if set(names(e)) == set(names(t)) else t for e, t in pairs]


def spelled(term: Expr) -> str:
    """The term as typed, without its middle if it is long."""
    whole = text(term)
    return whole if len(whole) <= LONG else f"{whole[: LONG // 2]}…{whole[-LONG // 3 :]}"


def trail(origin: Origin, most: int = 5) -> list[str]:
    """How the operands came by their sizes: a sentence for each that is not simply given."""
    terms, lines = [t for t, _ in origin.operands], origin.lines
    found: list[str] = []
    seen: set[str] = set()
    queue = typed(origin)
    own = [lines.get(t.id) if isinstance(t, Name) else None for t in terms]
    sizes = {spelled(e): x.dims for e, x in zip(queue, own, strict=True) if x is not None}
    while queue and len(found) < most:
        term = queue.pop(0)
        while isinstance(term, Transpose | Neg):
            term = term.arg
        line = lines.get(term.id) if isinstance(term, Name) else None
        formula = term if line is None else line.formula
        whole = spelled(term)
        if whole in seen or formula is None:
            continue
        seen.add(whole)
        formula = written(formula, lines)
        inner = [lines[n] for n in names(formula) if n in lines]
        queue += [Name(x.name) for x in inner]
        size = line.dims if line is not None else sizes.get(whole)
        if inner and size is not None:
            listed = _listed([f"`{x.name}` is {x.dims}" for x in inner])
            known = whole if line is None else f"{whole} = {spelled(formula)}"
            found.append(f"`{known}` is {size}: {listed}")
    return found


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def along(v: Val, k: int, n: dims.Dim) -> Text:
    """What there are as many of as the axis is long, and how many: 6 rows."""
    if len(v.shape) == 2:
        return counted_rows(n) if k == 0 else counted_columns(n)
    if len(v.shape) == 1:
        return counted_entries(n)
    holes = {"n": _count(n), "k": k}
    return Text("{n} entries along axis {k}", holes, one="{n} entry along axis {k}")


def counted_rows(n: dims.Dim) -> Text:
    return Text("{n} rows", {"n": _count(n)}, one="{n} row")


def counted_columns(n: dims.Dim) -> Text:
    return Text("{n} columns", {"n": _count(n)}, one="{n} column")


def counted_entries(n: dims.Dim) -> Text:
    return Text("{n} entries", {"n": _count(n)}, one="{n} entry")


def _count(n: dims.Dim) -> int | str:
    return n if isinstance(n, int) else dims.one(n)


def below(start: Iterable[Line]) -> list[Line]:
    """These lines and all that they rest on, nearest first."""
    found = {x.name: x for x in start}
    stack = list(found.values())
    while stack:
        for x in stack.pop(0).operands:
            if x.name not in found:
                found[x.name] = x
                stack.append(x)
    return list(found.values())
