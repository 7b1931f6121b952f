"""An error as the text that a person reads: place, message, source line with a caret, hint."""

from __future__ import annotations

import unicodedata

from ..errors import InputError, ShapeError, TutorError, Where

_WIDTH = 72  # characters of the source line shown at most, around the caret
_TAB = "    "


def render_error(error: TutorError) -> str:
    """The message for standard error, without a final line break.

    Everything that comes from the user is escaped: no control character and no change of writing
    direction reaches the terminal.
    """
    where = error.where if isinstance(error, InputError) else None
    lines = []
    if where is None:
        lines.append(escape(error.message))
    else:
        place = f"{escape(where.path)}:{where.line}:{where.column}"
        lines.append(f"{place}: {escape(error.message)}")
        lines.extend(_excerpt(where))
    if isinstance(error, ShapeError):
        lines.extend(f"  {escape(note)}" for note in error.notes)
    if error.hint:
        lines.append(f"  {escape(error.hint)}")
    return "\n".join(lines)


def escape(text: str) -> str:
    """The text with every invisible character spelled: \\x1b, \\u202e."""
    return "".join(c if _visible(c) else _spelled(c) for c in text)


def _visible(char: str) -> bool:
    return char == " " or char.isprintable() or unicodedata.category(char) == "Zs"


def _spelled(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _excerpt(where: Where) -> list[str]:
    """The source line and the caret under it, cut to a window when the line is long."""
    text = where.text
    start = min(where.column - 1, len(text))
    end = min(start + max(1, where.width), max(len(text), start + 1))
    first = 0
    if len(text) > _WIDTH:
        first = max(0, min(start - _WIDTH // 2, len(text) - _WIDTH))
    last = min(len(text), first + _WIDTH)
    before = "…" if first else ""
    after = "…" if last < len(text) else ""
    lead = before + "".join(_shown(c) for c in text[first:start])
    marked = "".join(_shown(c) for c in text[start : min(end, last)])
    rest = "".join(_shown(c) for c in text[min(end, last) : last]) + after
    number = f"{where.line:>5}"
    margin = " " * len(number)
    caret = " " * _columns(lead) + "^" * max(1, _columns(marked))
    return [f"{number} | {lead}{marked}{rest}".rstrip(), f"{margin} | {caret}"]


def _shown(char: str) -> str:
    return _TAB if char == "\t" else escape(char)


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(_columns_of(c) for c in text)


def _columns_of(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
