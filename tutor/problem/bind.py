"""Arguments of a call matched to an operation's parameters, with PyTorch's and NumPy's freedoms."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError, did_you_mean
from ..expr import Call, Const, Expr, List, Name, Neg, Num, Str, names
from ..notation.text import text
from ..ops.base import Op
from . import values
from .expression import extent

if TYPE_CHECKING:
    from .elaborate import _Elaborator
    from .surface import Piece

SYNONYMS = {
    "dim": "axis", "dims": "axis", "keepdim": "keepdims", "a_min": "min", "a_max": "max",
    "ddof": "correction",
}  # fmt: skip
# torch's names for the first and the second operand, and for sizes that stand one after the other
FIRST, SECOND, SIZES = ("input", "self"), ("target", "other"), ("shape", "size", "dims", "reps")


@dataclass
class Bound:
    """operands in the operation's order (None: left out), other parameters, variadic sizes."""

    operands: list[Piece | None]
    parameters: dict[str, Any]
    rest: tuple[Any, ...]
    term: Call


class Binder:
    def __init__(self, elaborator: _Elaborator, op: Op, call: Call) -> None:
        self.elaborator = elaborator
        self.op = op
        self.call = call
        self.visible = [p for p in op.parameters if not p.name.startswith("_")]

    def fail(self, message: str, hint: str | None = None, span: Any = None) -> InputError:
        return InputError(message, hint=hint, span=span or self.call.span)

    def bind(self) -> Bound:
        args = list(self.call.args)
        variadic = next(
            (p for p in self.visible if p.kind is inspect.Parameter.VAR_POSITIONAL), None
        )
        given: dict[str, Expr] = {}
        rest: list[Expr] = []
        plain = [p for p in self.visible if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        if args and isinstance(args[0], Str) and self.words_first(variadic):
            given[self.words_first(variadic)] = args.pop(0)
        for p in plain:
            if args:
                given[p.name] = args.pop(0)
        if args and variadic is None:
            most = len(plain)
            raise self.fail(
                f"`{self.call.func}` takes at most {most} argument{'s' * (most != 1)}, "
                f"not {len(self.call.args)}",
                f"its arguments: {self.usage()}",
                extent(args[0]),
            )
        rest = args
        known = [p.name for p in self.visible if p is not variadic]
        if len(rest) == 2 and "axis" in known and _parts(rest[0]) and _whole(rest[1]):
            given["axis"] = rest.pop()  # concat([A, B], 1), as in torch
        for word, value in self.call.kwargs:
            key = self.called(word, known, plain)
            if variadic is not None and word in SIZES and not rest and key not in known:
                rest = [value]
            elif key not in known:
                hint = did_you_mean(key, known) or f"its arguments: {self.usage()}"
                raise self.fail(f"`{self.call.func}` has no argument `{key}`", hint, extent(value))
            elif key in given:
                raise self.fail(f"`{key}` is given twice", span=extent(value))
            else:
                given[key] = value
        if variadic is not None and len(rest) == 1 and isinstance(rest[0], List):
            rest = list(rest[0].items)
        missing = [
            p.name for p in plain if p.default is inspect.Parameter.empty and p.name not in given
        ]
        if missing:
            raise self.fail(
                f"`{self.call.func}` needs `{missing[0]}`", f"its arguments: {self.usage()}"
            )
        return self.converted(given, rest, variadic)

    def called(self, word: str, known: Sequence[str], plain: Sequence[inspect.Parameter]) -> str:
        """What the operation calls an argument that torch or NumPy call `word`."""
        if word in known:
            return word
        operands = [p.name for p in plain if self.op.takes_operand(p)]
        for words, place in ((FIRST, 0), (SECOND, 1)):
            if word in words and place < len(operands):
                return operands[place]
        if word == "weight" and "w" in known:
            return "w"
        return SYNONYMS.get(word, word)

    def converted(self, given: dict[str, Expr], rest: list[Expr], variadic: Any) -> Bound:
        operands: list[Piece | None] = []
        parameters: dict[str, Any] = {}
        shown: list[Expr] = []
        keywords: list[tuple[str, Expr]] = []
        gap = False
        for p in self.visible:
            if p is variadic:
                continue
            value = given.get(p.name)
            if self.op.takes_operand(p):
                piece = None
                self.refuse_none(value, p)
                if value is not None and not _is_none(value):
                    piece = self.elaborator.piece(value)
                    if gap:  # an argument before it is left out: only its name says which it is
                        keywords.append((p.name, piece.term))
                    else:
                        shown.append(piece.term)
                gap = gap or piece is None
                operands.append(piece)
                continue
            gap = True
            self.refuse_none(value, p)
            if value is not None:
                parameters[p.name] = self.convert(value, str(p.annotation), p.name)
                if p.name == self.words_first(variadic):
                    shown.append(value)
                    continue
                keywords.append((p.name, value))
        sizes: tuple[Any, ...] = ()
        if variadic is not None:
            if self.op.takes_operand(variadic):
                parts = [self.elaborator.piece(e) for e in rest]
                operands.extend(parts)
                shown.extend(p.term for p in parts)
            else:
                for e in rest:
                    if isinstance(e, List) or _is_none(e):
                        raise self.fail("a size is one number, or a name", span=extent(e))
                sizes = tuple(self.convert(e, str(variadic.annotation), "size") for e in rest)
                shown.extend(rest)
        term = Call(self.call.func, tuple(shown), tuple(keywords), self.call.span)
        return Bound(operands, parameters, sizes, term)

    def refuse_none(self, value: Expr | None, p: inspect.Parameter) -> None:
        """None means "left out", which only an argument with the default None may be."""
        if value is not None and _is_none(value) and p.default is not None:
            raise self.fail(f"`{p.name}` of `{self.call.func}` cannot be None", span=extent(value))

    def words_first(self, variadic: Any) -> str:
        """The parameter that stands before the operands: einsum("ij,jk->ik", A, B)."""
        if variadic is None or variadic is not self.visible[0]:
            return ""
        return next((p.name for p in self.visible if str(p.annotation) == "Word"), "")

    def usage(self) -> str:
        parts = []
        for p in self.visible:
            star = "*" if p.kind is inspect.Parameter.VAR_POSITIONAL else ""
            default = "" if p.default is inspect.Parameter.empty else f"={p.default}"
            parts.append(f"{star}{p.name}{default}")
        return ", ".join(parts)

    def convert(self, e: Expr, kind: str, name: str) -> Any:
        """A parameter's Python value."""
        if _is_none(e):
            return None
        if kind == "Word" or (kind == "Padding" and isinstance(e, Str)):
            if not isinstance(e, Str):
                raise self.fail(
                    f"`{name}` must be a word in quotes, not `{text(e)}`", span=extent(e)
                )
            return e.value
        if kind == "Flag":
            if not (isinstance(e, Const) and isinstance(e.value, bool)):
                raise self.fail(f"`{name}` must be True or False, not `{text(e)}`", span=extent(e))
            return e.value
        if kind == "Number":
            if names(e) and any(n not in ("pi", "e") for n in names(e)):
                raise self.fail(f"`{name}` must be a number, not `{text(e)}`", span=extent(e))
            return values.scalar(e)
        if kind in ("Dims", "Int", "Padding"):
            if isinstance(e, List):
                ends = kind == "Padding" or name == "padding"  # (before, after) of every axis
                if not ends and any(isinstance(x, List) for x in e.items):
                    raise self.fail(f"`{name}` is a number or a list of numbers", span=extent(e))
                return tuple(self.convert(x, kind, name) for x in e.items)
            if isinstance(e, Str):
                raise self.fail(f"`{name}` is a number here, not a word", span=extent(e))
            if isinstance(e, Name | Num | Neg) or names(e) or kind == "Dims":
                size = self.elaborator.sizes.dimension(e)
            else:
                size = self.elaborator.sizes.integer(e)
            if kind == "Dims":
                inside = not isinstance(size, int) or size > 0 or size == -1
                if not inside:
                    raise self.fail(f"a size must be at least 1, not {size}", span=extent(e))
            elif not isinstance(size, int):
                raise self.fail(f"`{name}` must be a number, not `{text(e)}`", span=extent(e))
            return size
        raise self.fail(f"`{name}` cannot be `{text(e)}`", span=extent(e))


def _is_none(e: Expr) -> bool:
    return isinstance(e, Const) and e.value is None


def _parts(e: Expr) -> bool:
    """A list of arrays, rather than one of numbers."""
    return isinstance(e, List) and not all(_whole(x) for x in e.items)


def _whole(e: Expr) -> bool:
    return isinstance(e.arg if isinstance(e, Neg) else e, Num)
