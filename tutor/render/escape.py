"""Literal text for each target: what an author typed is shown, never obeyed."""

from __future__ import annotations

import re
import unicodedata
from html import escape as _html

from ..notation.tex_text import tex_text
from ..words import language

_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, bidirectional, surrogate, separators


def visible(text: str) -> str:
    r"""Control and bidirectional characters spelled out as \x1b and \u202e."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_code(c) if unicodedata.category(c) in _INVISIBLE else c for c in text)


def _code(c: str) -> str:
    n = ord(c)
    return f"\\x{n:02x}" if n < 0x100 else f"\\u{n:04x}" if n < 0x10000 else f"\\U{n:08x}"


def terminal(text: str) -> str:
    """One line of text for a terminal; newlines and tabs become spaces."""
    return visible(" ".join(re.split(r"[\n\t\r]+", text)))


def html(text: str) -> str:
    """Text for HTML, in attributes too."""
    return _html(terminal(text), quote=True)


_MARKDOWN = re.compile(r"([\\`*_\[\]$|~])")
_LINE_START = re.compile(r"^(\s*)([#+=-]|\d+(?=[.)](?:\s|$)))")


def markdown(text: str) -> str:
    """Text for GitHub Markdown, where HTML is live: no markup, no tags, no mathematics."""
    text = terminal(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # the backslashes of `visible` are text too, so they are escaped with the rest
    text = _MARKDOWN.sub(r"\\\1", text)
    return _LINE_START.sub(_guard, text)


def _guard(found: re.Match[str]) -> str:
    """A list number or heading mark at the start of a line is only text."""
    mark = found[2]
    return f"{found[1]}&#{ord(mark[0])};{mark[1:]}"


def markdown_math(formula: str) -> str:
    """A formula inside Markdown: no tags, no links, and no $ that would end the formula."""
    for mark, instead in (("<", r"\lt "), (">", r"\gt "), (r"\$", "＄"), ("](", "]{}(")):
        formula = formula.replace(mark, instead)
    return formula


LONG_WORD = 30
_PIECE = 16


_CHINESE = re.compile("([\u3000-\u303f\u4e00-\u9fff\uff00-\uff60]+)")


def latex(text: str) -> str:
    """Text for LaTeX; very long words may be broken.

    Chinese characters stay where Chinese is spoken, for there the document has a font for them.
    """
    if language() == "zh":
        parts = _CHINESE.split(text)
        return "".join(x if k % 2 else _latin(x) for k, x in enumerate(parts))
    return _latin(text)


def _latin(text: str) -> str:
    return " ".join(_word(w) for w in text.split(" "))


def _word(word: str) -> str:
    if len(word) <= LONG_WORD:
        return tex_text(word)
    pieces = [word[i : i + _PIECE] for i in range(0, len(word), _PIECE)]
    return r"\allowbreak{}".join(map(tex_text, pieces))


_RAW_JSON = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def json_text(dumped: str) -> str:
    """JSON text with every control and bidirectional character as an escape sequence."""
    return _RAW_JSON.sub(lambda m: f"\\u{ord(m[0]):04x}", dumped)
