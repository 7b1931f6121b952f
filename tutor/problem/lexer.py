"""Characters into tokens, one at a time, so that the first error from the left is the one told.

What people paste from a document or type from another language is named, with what to write here.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from .. import limits
from ..errors import InputError
from ..expr import Span

# Python's, so that generated code and hand-written scripts can use every name of a problem.
KEYWORDS = frozenset(keyword.kwlist)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z")

_TOKEN = re.compile(
    r"(?P<space>[ \t]+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<op>\*\*|//|<=|>=|==|!=|[-+*/@<>=()\[\],:.?])"
)

_TRANSPOSE = "a transpose is written `.T`"
_ARGUMENT = 'text stands only as an argument of a function, as in padding="same"'
_ASCII_HINTS = {
    "^": "a power is written `**`",
    "!": "there is no factorial; not equal is written `!=`",
    "%": "there is no modulo",
    "|": "write `abs(x)`, or `norm2(x)` for a vector",
    "&": "there is no logical operator; comparisons give 0/1 masks, which may be multiplied",
    "~": "there is no logical operator; a mask `m` is turned around by `1 - m`",
    "#": "an expression holds no comment",
    ";": "one expression stands here, not several statements",
    "\\": "TeX and line continuations do not work here; names such as `alpha` need no backslash",
    "$": "write the expression without $",
    "{": "group with ( )",
    "}": "group with ( )",
    "\n": "one expression stands on one line; fold a long one with `>`",
    "?": "`?` stands only for an unknown dimension, as in matrix(?, 4)",
}
_GREEK = """
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda_ mu nu xi omicron pi rho sigma
    sigma tau upsilon phi chi psi omega
"""
_UNICODE_HINTS = {
    **dict.fromkeys("−–—‐‑‒", "-"),
    **dict.fromkeys("·×∙⋅∗⊙∘", "*"),
    **dict.fromkeys("÷∕⁄⊘", "/"),
    **dict.fromkeys("ᵀ⊤′’‘", ".T"),
    "²": "**2",
    "³": "**3",
    "⁻": "**-1, or inv(A) for a matrix",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "√": "sqrt(…)",
    "∑": "sum(…)",
    "Σ": "Sigma, or sum(…)",
    "⊗": "kron(A, B)",
    "‖": "norm2(…)",
    "∥": "norm2(…)",
    "“": '"',
    "”": '"',
    "∞": "a finite number",
    "…": "every argument",
    **{chr(0x3B1 + i): name for i, name in enumerate(_GREEK.split())},
}
_CYRILLIC = dict(zip("асеорхуіѕјАВЕКМНОРСТХ", "aceopxyisjABEKMHOPCTX", strict=True))


@dataclass(frozen=True, slots=True)
class Token:
    """`kind`: number, name, text, op or end. For text, `text` is the value without its quotes."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def span(self) -> tuple[int, int]:
        return (self.start, self.end)


def tokens(text: str) -> Iterator[Token]:
    """The tokens of one expression, then "end" for ever."""
    text = text.rstrip(" \t\r\n")
    if len(text) > limits.EXPRESSION_CHARACTERS:
        cap = limits.EXPRESSION_CHARACTERS
        raise InputError(f"the expression is longer than {cap} characters", span=(cap, cap + 1))
    at = count = 0
    brackets: list[bool] = []  # whether each open bracket is that of a call
    last = Token("start", "", 0, 0)
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            if text[at] in "'\"" and _may_be_argument(last, brackets):
                token = _string(text, at)
            else:
                value = last.kind in ("name", "number") or last.text in (")", "]")
                raise bad_character(text, at, after_value=value)
        elif match.lastgroup == "space":
            at = match.end()
            continue
        else:
            token = Token(str(match.lastgroup), match.group(), at, match.end())
        count += 1
        if count > limits.EXPRESSION_TOKENS:
            raise InputError(
                f"the expression has more than {limits.EXPRESSION_TOKENS} parts",
                hint="name parts of it in `define`",
                span=token.span,
            )
        if token.kind == "number":
            check_number(token.text, text, at)
        elif token.text in ("(", "["):
            brackets.append(token.text == "(" and last.kind == "name")
        elif token.text in (")", "]") and brackets:
            brackets.pop()
        at = token.end
        last = token
        yield token
    while True:
        yield Token("end", "", len(text), len(text) + 1)


def _may_be_argument(last: Token, brackets: list[bool]) -> bool:
    return bool(brackets) and brackets[-1] and last.kind == "op" and last.text in ("(", ",", "=")


def _string(text: str, at: int) -> Token:
    end = text.find(text[at], at + 1)
    if end < 0:
        raise InputError("a quote that is not closed", span=(at, len(text)))
    for i in range(at + 1, end):
        if not " " <= text[i] <= "~" or text[i] == "\\":
            raise bad_character(text, i)
    return Token("text", text[at + 1 : end], at, end + 1)


def check_number(spelled: str, text: str, at: int) -> None:
    """Refuse a number that is too long, glued to a name, or beyond floating point."""
    end = at + len(spelled)
    follow = text[end : end + 1]
    if len(spelled) > limits.NUMBER_CHARACTERS:
        raise InputError(
            f"a number of more than {limits.NUMBER_CHARACTERS} characters", span=(at, end)
        )
    if follow.isascii() and (follow.isalpha() or follow == "_"):
        glued = re.match(r"\w+", text[at:], re.ASCII)
        whole = glued.group() if glued else spelled
        if re.fullmatch(r"[0-9]+(_[0-9]+)+", whole):
            hint = f"write `{whole.replace('_', '')}`"
        elif re.fullmatch(r"0([xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)", whole):
            hint = f"write `{int(whole, 0)}`"
        else:
            hint = f"to multiply write `{spelled}*{text[end : at + len(whole)]}`"
        raise InputError(f"`{whole[:40]}` is not a number", hint=hint, span=(at, at + len(whole)))
    value = float(spelled)
    if value == float("inf"):
        raise InputError("the number is too large (above about 1.8e308)", span=(at, end))
    if value == 0 and re.search("[1-9]", re.split("[eE]", spelled)[0]):
        raise InputError("the number is too small: it would become 0", span=(at, end))


def bad_character(text: str, at: int, after_value: bool = False) -> InputError:
    """The error for a character that has no place in an expression."""
    char = text[at]
    if char in "'\"":
        hint = _TRANSPOSE if char == "'" and after_value else _ARGUMENT
        return InputError(f"unexpected `{char}`", hint=hint, span=(at, at + 1))
    if char in _ASCII_HINTS:
        shown = "a line break" if char == "\n" else f"`{char}`"
        return InputError(f"unexpected {shown}", hint=_ASCII_HINTS[char], span=(at, at + 1))
    name = unicodedata.name(char, "CONTROL CHARACTER")
    printable = char.isprintable() and not char.isspace()
    shown = f"`{char}` (U+{ord(char):04X} {name})" if printable else f"U+{ord(char):04X} {name}"
    return InputError(f"unexpected character {shown}", hint=_instead(char), span=(at, at + 1))


def _instead(char: str) -> str:
    if char in _UNICODE_HINTS:
        return f"use `{_UNICODE_HINTS[char]}`"
    if char in _CYRILLIC:
        return f"use the Latin letter `{_CYRILLIC[char]}`"
    if char in "∂∇":
        return "derivatives are asked for by a task, such as gradient"
    if char.isspace():
        return "use an ordinary space"
    plain = unicodedata.normalize("NFKC", char)
    if plain != char and plain.isascii() and plain.isprintable():
        if char in "₀₁₂₃₄₅₆₇₈₉":
            return f"a subscript is written `_{plain}`, as in x_{plain}"
        if char in "⁰¹⁴⁵⁶⁷⁸⁹":
            return f"use `**{plain}`"
        return f"use `{plain}`"
    return "expressions are written in ASCII, with names such as `alpha`"


def check_name(word: str, span: Span | None = None) -> None:
    """Raise unless `word` may be the name of a variable or a function."""
    if word == "lambda":
        raise InputError("`lambda` is reserved", hint="write `lambda_`", span=span)
    if word in KEYWORDS:
        raise InputError(f"`{word}` is a reserved word", span=span)
    if not word[:1].isascii() or not word[:1].isalpha():
        raise InputError(f"a name begins with a letter, not as in `{word[:40]}`", span=span)
    if len(word) > limits.NAME_CHARACTERS:
        raise InputError(f"a name of more than {limits.NAME_CHARACTERS} characters", span=span)
