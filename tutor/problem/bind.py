"""Arguments of a call matched to an operation's parameters, with PyTorch's and NumPy's freedoms."""

from __future__ import annotations

import inspect
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

SYNONYMS = {"dim": "axis", "keepdim": "keepdims"}


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
        keywords = {SYNONYMS.get(k, k): v for k, v in self.call.kwargs}
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
        if variadic is not None and len(rest) == 1 and isinstance(rest[0], List):
            rest = list(rest[0].items)
        known = [p.name for p in self.visible if p is not variadic]
        for key, value in keywords.items():
            if key not in known:
                hint = did_you_mean(key, known) or f"its arguments: {self.usage()}"
                raise self.fail(f"`{self.call.func}` has no argument `{key}`", hint, extent(value))
            if key in given:
                raise self.fail(f"`{key}` is given twice", span=extent(value))
            given[key] = value
        missing = [
            p.name for p in plain if p.default is inspect.Parameter.empty and p.name not in given
        ]
        if missing:
            raise self.fail(
                f"`{self.call.func}` needs `{missing[0]}`", f"its arguments: {self.usage()}"
            )
        return self.converted(given, rest, variadic)

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
                if value is not None and not (isinstance(value, Const) and value.value is None):
                    piece = self.elaborator.piece(value)
                    if gap:  # an argument before it is left out: only its name says which it is
                        keywords.append((p.name, piece.term))
                    else:
                        shown.append(piece.term)
                gap = gap or piece is None
                operands.append(piece)
                continue
            gap = True
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
                sizes = tuple(self.convert(e, str(variadic.annotation), "size") for e in rest)
                shown.extend(rest)
        term = Call(self.call.func, tuple(shown), tuple(keywords), self.call.span)
        return Bound(operands, parameters, sizes, term)

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
        if isinstance(e, Const) and e.value is None:
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
                return tuple(self.convert(x, kind, name) for x in e.items)
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
