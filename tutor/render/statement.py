"""The Markdown subset of a problem's statement, as data that each renderer prints its own way.

Paragraphs, headings, lists, pipe tables, **strong**, *emphasis*, `code`, $inline$ and $$display$$
mathematics.
Everything else (HTML, links, images) is literal text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..notation.tex import Tex, parse
from . import pipes
from .pipes import Pipes


@dataclass(frozen=True)
class Inline:
    """kind: text | code | math | strong | emphasis; `tex` is of safe mathematics."""

    kind: str
    text: str = ""
    tex: Tex | None = None
    children: tuple[Inline, ...] = ()


@dataclass(frozen=True)
class Part:
    """kind: paragraph | heading | item | table | display; `mark` is an item's bullet or number."""

    kind: str
    content: tuple[Inline, ...]
    mark: str = ""
    table: Pipes[tuple[Inline, ...]] | None = None


_DISPLAY = re.compile(r"(?<!\\)\$\$(.+?)(?<!\\)\$\$", re.DOTALL)
_HEADING = re.compile(r"#{1,6}\s+(.*)")
_ITEM = re.compile(r"\s*(?:([-*+])|(\d{1,3})[.)])\s+(.*)")
_INLINE = re.compile(
    r"(?P<escape>\\[\\`*_{}\[\]()#+.!$-])"
    r"|`(?P<code>[^`]+)`"
    r"|\$(?P<math>(?:\\.|[^$\\])+)\$"
    r"|\*\*(?P<strong>(?:[^*]|\*(?!\*))+)\*\*"
    r"|(?<![*\w])\*(?P<emphasis>[^*\s](?:[^*]*[^*\s])?)\*(?!\w)",
    re.DOTALL,
)


def read(source: str) -> tuple[Part, ...]:
    """The statement's parts in order."""
    out: list[Part] = []
    for i, piece in enumerate(_DISPLAY.split(source)):
        if i % 2:
            out.append(Part("display", (_math(piece, display=True),)))
        else:
            out += _blocks(piece)
    return tuple(out)


def _blocks(source: str) -> list[Part]:
    out: list[tuple[str, str, str | Pipes[str]]] = []  # kind, mark, text
    fresh = True
    rows = source.splitlines()
    rest = iter(range(len(rows)))
    for k in rest:
        row = rows[k]
        table, taken = pipes.leading(rows[k:])
        if table is not None:
            out.append(("table", "", table))
            for _ in range(taken - 1):
                next(rest)
            fresh = True
        elif not row.strip():
            fresh = True
        elif found := _HEADING.fullmatch(row.strip()):
            out.append(("heading", "", found[1].rstrip("# ")))
            fresh = True
        elif found := _ITEM.fullmatch(row):
            out.append(("item", f"{found[2]}." if found[2] else "•", found[3]))
            fresh = False
        elif fresh or not out:
            out.append(("paragraph", "", row.strip()))
            fresh = False
        else:
            kind, mark, text = out[-1]
            out[-1] = (kind, mark, f"{text} {row.strip()}")
    return [
        Part(kind, inline(x), mark) if isinstance(x, str) else Part(kind, (), table=x.each(inline))
        for kind, mark, x in out
    ]


def inline(source: str) -> tuple[Inline, ...]:
    """The marks inside one paragraph."""
    out: list[Inline] = []
    end = 0
    for found in _INLINE.finditer(source):
        _text(out, source[end : found.start()])
        end = found.end()
        kind = found.lastgroup or ""
        text = found[kind]
        if kind == "escape":
            _text(out, text[1:])
        elif kind == "math":
            out.append(_math(text))
        elif kind == "code":
            out.append(Inline("code", text))
        else:
            out.append(Inline(kind, children=inline(text)))
    _text(out, source[end:])
    return tuple(out)


def _text(out: list[Inline], text: str) -> None:
    if text and out and out[-1].kind == "text":
        out[-1] = Inline("text", out[-1].text + text)
    elif text:
        out.append(Inline("text", text))


def _math(source: str, *, display: bool = False) -> Inline:
    tex = parse(source)
    if tex is None:  # not in the safe subset: the author's characters, dollars and all
        fence = "$$" if display else "$"
        return Inline("text", f"{fence}{source}{fence}")
    return Inline("math", source, tex)


def printed(
    content: tuple[Inline, ...],
    escape: Callable[[str], str],
    math: Callable[[Tex], str],
    marks: dict[str, tuple[str, str]],
) -> str:
    """The content for one target; `marks` gives the opening and closing of each kind."""
    out = ""
    for x in content:
        before, after = marks.get(x.kind, ("", ""))
        if x.tex is not None:
            inner = math(x.tex)
        elif x.children:
            inner = printed(x.children, escape, math, marks)
        else:
            inner = escape(x.text)
        out += before + inner + after
    return out
