"""A place in a stream of tokens, and the errors for what cannot stand there."""

from __future__ import annotations

from .. import limits
from ..errors import InputError
from ..expr import Const
from .lexer import Token, tokens


class Cursor:
    """`token` is the current token, `depth` counts the brackets, signs and powers around it."""

    def __init__(self, text: str) -> None:
        self.stream = tokens(text)
        self.depth = 0
        self.calls = 0  # calls whose arguments are being read
        self.ahead: Token | None = None
        self.token = next(self.stream)

    def advance(self) -> Token:
        token = self.token
        self.token = self.ahead or next(self.stream)
        self.ahead = None
        return token

    def peek(self) -> Token:
        """The token after the current one."""
        self.ahead = self.ahead or next(self.stream)
        return self.ahead

    def at(self, *texts: str) -> bool:
        return self.token.kind == "op" and self.token.text in texts

    def none(self) -> Const | None:
        """None in a list among a call's arguments, where it keeps a size as it is."""
        here = self.calls and self.token.kind == "name" and self.token.text == "None"
        return Const(None, span=self.advance().span) if here else None

    def enter(self, token: Token) -> None:
        self.depth += 1
        if self.depth > limits.EXPRESSION_DEPTH:
            raise InputError(
                f"nested deeper than {limits.EXPRESSION_DEPTH} levels",
                hint="name parts of it in `define`",
                span=token.span,
            )

    def close(self, bracket: str, opened: Token) -> Token:
        if self.at(bracket):
            return self.advance()
        if self.token.kind == "end":
            raise InputError(f"`{opened.text}` is not closed", span=opened.span)
        raise self.unexpected_after_value()

    def unexpected_after_value(self) -> InputError:
        token = self.token
        hint = None
        if token.kind in ("name", "number") or self.at("(", "["):
            hint = "between two values goes `*` (elementwise) or `@` (matrix product)"
        if token.text in ("and", "or", "not", "in", "is", "if", "else", "for"):
            hint = f"`{token.text}` has no place in an expression; `where(x > 0, a, b)` chooses"
        if self.at("//"):
            hint = "division is written `/`"
        if self.at("="):
            hint = "a definition is written `name: expression`; equality is `==`"
        if self.at(":"):
            hint = "`:` stands only inside an index, as in W[:, 1:3]"
        if self.at("?"):
            hint = "`?` stands only for an unknown dimension, as in matrix(?, 4)"
        return InputError(f"unexpected {shown(token)}", hint=hint, span=token.span)


def shown(token: Token) -> str:
    """The token, for messages."""
    if token.kind == "end":
        return "the end"
    return f"text {token.text!r}" if token.kind == "text" else f"`{token.text}`"
