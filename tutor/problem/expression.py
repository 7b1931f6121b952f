"""Text into terms: the expression grammar, read by a precedence parser that evaluates nothing.

    comparison   a < b, not chained         < <= > >= == !=
    sum          left to right              + -
    product      left to right              * / @
    sign         looser than a power        -x**2 is -(x**2)
    power        right to left              x**-y, a**b**c is a**(b**c)
    postfix      .T, [index, …], call(…)

Lists and tuples are the same thing; `(a)` is only grouping. Text and True, False, None stand only
as arguments of calls. `pi` is a constant, and so is `e` where no name `e` is declared. A term's
span is its text, but that of an operator (`Neg`, `Binary`, `Transpose`) is the operator's own;
`extent` gives the whole.
"""

from __future__ import annotations

from collections.abc import Collection

from ..errors import InputError, did_you_mean
from ..expr import (
    Binary,
    Call,
    Const,
    Expr,
    Index,
    List,
    Name,
    Neg,
    Num,
    Slice,
    Span,
    Str,
    Transpose,
    walk,
)
from .constants import Folder
from .cursor import Cursor, shown
from .lexer import Token, check_name

CONSTANTS = ("pi", "e")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_SUM, _PRODUCT, _SIGN, _POWER = 2, 3, 4, 5
_LEVEL = {**dict.fromkeys(COMPARISONS, 1), "+": _SUM, "-": _SUM}
_LEVEL |= {"*": _PRODUCT, "/": _PRODUCT, "@": _PRODUCT, "**": _POWER}
_WORDS = {"True": True, "False": False, "None": None}


def parse(
    text: str,
    functions: Collection[str] | None = None,
    names: Collection[str] | None = None,
    *,
    unknown: bool = False,
) -> Expr:
    """The term that `text` spells.

    functions, names: when given, any other is an error with the nearest one suggested.
    unknown: accept `?` where a value stands, as Name("?"): an unknown dimension.
    """
    return _Parser(text, functions, names, unknown).whole()


def extent(e: Expr) -> Span:
    """The range of characters that the whole term covers, without enclosing brackets."""
    spans = [x.span for x in walk(e)]
    return min(s for s, _ in spans), max(e for _, e in spans)


class _Parser(Cursor):
    def __init__(
        self,
        text: str,
        functions: Collection[str] | None,
        names: Collection[str] | None,
        unknown: bool,
    ) -> None:
        super().__init__(text)
        self.functions = functions
        self.names = names
        self.unknown = unknown
        self.folder = Folder()

    def whole(self) -> Expr:
        if self.token.kind == "end":
            raise InputError("an expression is expected here", span=(0, 1))
        result = self.expression()
        if self.token.kind != "end":
            raise self.unexpected_after_value()
        return result

    def expression(self, level: int = 1) -> Expr:
        """Everything that binds at least as tightly as `level`."""
        left = self.prefix()
        while self.token.kind == "op" and _LEVEL.get(self.token.text, 0) >= level:
            operator = self.advance()
            own = _LEVEL[operator.text]
            if own == _POWER:  # right-associative; a sign may follow
                self.enter(operator)
                right = self.expression(_SIGN)
                self.depth -= 1
            else:
                right = self.expression(own + 1)
            left = Binary(operator.text, left, right, span=operator.span)
            self.folder.binary(left, extent)
            if own == 1 and self.at(*COMPARISONS):
                raise InputError(
                    "comparisons cannot be chained",
                    hint="write `(a < b) * (b < c)`",
                    span=self.token.span,
                )
        return left

    def prefix(self) -> Expr:
        if not self.at("-", "+"):
            return self.postfix(self.atom())
        operator = self.advance()
        self.enter(operator)
        inner = self.expression(_POWER)
        self.depth -= 1
        if operator.text == "+":
            return inner
        return self.folder.negation(Neg(inner, span=operator.span))

    def postfix(self, term: Expr) -> Expr:
        while True:
            if self.at("."):
                dot = self.advance()
                if self.token.kind != "name" or self.token.text != "T":
                    end = self.token.end if self.token.kind == "name" else dot.end
                    raise InputError(
                        "`.T` (transpose) is the only attribute",
                        hint="functions are called: `sum(x)`, not `x.sum()`",
                        span=(dot.start, end),
                    )
                term = Transpose(term, span=(dot.start, self.advance().end))
            elif self.at("["):
                term = self.index(term)
            elif self.at("("):
                raise self.not_callable(term)
            else:
                return term

    def not_callable(self, term: Expr) -> InputError:
        what = "a number" if isinstance(term, Num) else "this value"
        hint = "to multiply write `*` before the bracket"
        return InputError(f"{what} cannot be called", hint=hint, span=self.token.span)

    def atom(self) -> Expr:
        token = self.token
        if token.kind == "number":
            return self.folder.number(Num(self.advance().text, span=token.span))
        if token.kind == "name":
            return self.name()
        if self.at("("):
            return self.group()
        if self.at("["):
            self.enter(self.advance())
            items = self.items("]", token)
            self.depth -= 1
            return List(items, span=(token.start, self.close("]", token).end))
        if self.at("?") and self.unknown:
            return Name("?", span=self.advance().span)
        if token.kind == "text":
            raise InputError(
                "text stands only as an argument of its own",
                hint='as in padding="same"',
                span=token.span,
            )
        if token.kind == "end":
            raise InputError("the expression ends where a value is expected", span=token.span)
        hint = None
        if token.text in ("*", "**"):
            hint = "there are no starred arguments, and every operator stands between two values"
        elif self.at("?"):
            hint = "`?` stands only for an unknown dimension, as in matrix(?, 4)"
        raise InputError(
            f"a value is expected here, not {shown(token)}", hint=hint, span=token.span
        )

    def group(self) -> Expr:
        """`(a)` groups; `(a, b)` and `(a,)` are lists."""
        opened = self.advance()
        self.enter(opened)
        if self.at(")"):
            raise InputError("a value is expected between ( )", span=self.token.span)
        first = self.expression()
        if self.at(","):
            self.advance()
            rest = () if self.at(")") else self.items(")", opened)
            closed = self.close(")", opened)
            self.depth -= 1
            return List((first, *rest), span=(opened.start, closed.end))
        self.close(")", opened)
        self.depth -= 1
        return first

    def items(self, bracket: str, opened: Token) -> tuple[Expr, ...]:
        """Values with commas between, and perhaps one at the end, up to the bracket."""
        if self.at(bracket):
            raise InputError("an empty list", span=(opened.start, self.token.end))
        found = [self.none() or self.expression()]
        while self.at(","):
            self.advance()
            if self.at(bracket):
                break
            found.append(self.none() or self.expression())
        return tuple(found)

    def name(self) -> Expr:
        token = self.advance()
        called = self.at("(")
        word = token.text
        if word in _WORDS:
            raise InputError(f"`{word}` stands only as an argument of its own", span=token.span)
        check_name(word, token.span)
        if called:
            return self.call(token)
        names, functions = self.names, self.functions
        if names is None or word in names or word in CONSTANTS:
            return Name(word, span=token.span)
        if functions is not None and word in functions:
            raise InputError(
                f"the function `{word}` needs its arguments", hint=f"`{word}(…)`", span=token.span
            )
        known = [*names, "pi"] if len(word) > 1 else names
        raise InputError(f"unknown name `{word}`", hint=did_you_mean(word, known), span=token.span)

    def call(self, function: Token) -> Expr:
        word = function.text
        if self.functions is not None and word not in self.functions:
            if self.names is not None and word in self.names:
                raise InputError(
                    f"`{word}` is a name, not a function",
                    hint=f"to multiply write `{word} * (…)`",
                    span=function.span,
                )
            hint = did_you_mean(word, self.functions)
            raise InputError(f"unknown function `{word}`", hint=hint, span=function.span)
        opened = self.advance()
        self.enter(opened)
        self.calls += 1
        args: list[Expr] = []
        kwargs: dict[str, Expr] = {}
        while not self.at(")"):
            self.argument(args, kwargs)
            if not self.at(","):
                break
            self.advance()
        closed = self.close(")", opened)
        self.depth -= 1
        self.calls -= 1
        span = (function.start, closed.end)
        return Call(word, tuple(args), tuple(kwargs.items()), span=span)

    def argument(self, args: list[Expr], kwargs: dict[str, Expr]) -> None:
        start = self.token
        if start.kind == "name" and self.peek().text == "=":
            self.advance()
            self.advance()
            check_name(start.text, start.span)
            if start.text in kwargs:
                raise InputError(f"`{start.text}` is given twice", span=start.span)
            kwargs[start.text] = self.argument_value()
        elif kwargs:
            raise InputError("a positional argument after a keyword argument", span=start.span)
        else:
            args.append(self.argument_value())

    def argument_value(self) -> Expr:
        """An expression, or what stands nowhere else: text, True, False, None."""
        token = self.token
        if token.kind == "text":
            return Str(self.advance().text, span=token.span)
        if token.kind == "name" and token.text in _WORDS:
            return Const(_WORDS[self.advance().text], span=token.span)
        return self.expression()

    def index(self, term: Expr) -> Expr:
        opened = self.advance()
        self.enter(opened)
        if self.at("]"):
            raise InputError("an index is expected between [ ]", span=self.token.span)
        items = [self.index_item()]
        while self.at(","):
            self.advance()
            if self.at("]"):
                break
            items.append(self.index_item())
        closed = self.close("]", opened)
        self.depth -= 1
        return Index(term, tuple(items), span=(opened.start, closed.end))

    def index_item(self) -> Expr:
        """A position, or start:stop:step with any of them missing."""
        first = self.token
        parts: list[Expr | None] = [None if self.at(":") else self.expression()]
        end = first.end
        while self.at(":") and len(parts) < 3:
            end = self.advance().end
            parts.append(None if self.at(":", ",", "]") else self.expression())
        if len(parts) == 1 and parts[0] is not None:
            return parts[0]
        last = parts[-1]
        end = end if last is None else extent(last)[1]
        start, stop, step = [*parts, None][:3]
        return Slice(start, stop, step, span=(first.start, end))
