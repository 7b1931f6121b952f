"""Two-dimensional text: blocks of lines that know which line stands on the baseline."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass


def width(s: str) -> int:
    """Columns that `s` takes on a terminal."""
    return len(s) if s.isascii() else sum(_cells(c) for c in s)


def _cells(c: str) -> int:
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def pad(s: str, to: int, align: str = "left") -> str:
    """`s` padded with spaces to `to` columns; align is left, right or centre."""
    gap = max(0, to - width(s))
    before = {"left": 0, "right": gap, "centre": gap // 2}[align]
    return " " * before + s + " " * (gap - before)


@dataclass(frozen=True)
class Block:
    """Lines of equal width; `base` is the index of the one on the baseline."""

    lines: tuple[str, ...]
    base: int = 0

    @property
    def width(self) -> int:
        return width(self.lines[0])

    @property
    def height(self) -> int:
        return len(self.lines)


def line(s: str) -> Block:
    return Block((s,))


def beside(*blocks: Block | str) -> Block:
    """Blocks side by side on a common baseline."""
    parts = [line(b) if isinstance(b, str) else b for b in blocks]
    if all(b.height == 1 for b in parts):
        return line("".join(b.lines[0] for b in parts))
    above = max(b.base for b in parts)
    below = max(b.height - b.base for b in parts)
    rows = [""] * (above + below)
    for b in parts:
        for i in range(len(rows)):
            j = i - above + b.base
            rows[i] += b.lines[j] if 0 <= j < b.height else " " * b.width
    return Block(tuple(rows), above)


def raised(b: Block, mark: str) -> Block:
    """`b` with a superscript at its upper right."""
    rows = [pad("", width(mark))] * b.height
    rows[0] = mark
    return Block(tuple(x + y for x, y in zip(b.lines, rows, strict=True)), b.base)


_FENCES = {
    "(": ("⎛", "⎜", "⎝"),
    ")": ("⎞", "⎟", "⎠"),
    "[": ("⎡", "⎢", "⎣"),
    "]": ("⎤", "⎥", "⎦"),
    "|": ("│", "│", "│"),
    "‖": ("║", "║", "║"),
}


def fence(mark: str, height: int, base: int) -> Block:
    """A bracket as tall as what it encloses."""
    if height == 1:
        return line(mark)
    top, middle, bottom = _FENCES[mark]
    return Block((top, *[middle] * (height - 2), bottom), base)


def enclose(b: Block, left: str = "(", right: str = ")") -> Block:
    return beside(fence(left, b.height, b.base), b, fence(right, b.height, b.base))


def matrix(rows: Sequence[Sequence[str]]) -> Block:
    """Cells in brackets: numbers aligned on the decimal point, other columns centred."""
    columns = [_column(c) for c in zip(*rows, strict=True)]
    lines = tuple("  ".join(cells) for cells in zip(*columns, strict=True))
    return enclose(Block(lines, (len(lines) - 1) // 2), "[", "]")


def _column(cells: Sequence[str]) -> list[str]:
    if not all(_numeric(c) or c in "⋮⋯⋱…" for c in cells):
        size = max(map(width, cells))
        return [pad(c, size, "centre") for c in cells]
    split = [c.partition(".") for c in cells]
    whole = max(width(before) for before, _, _ in split)
    padded = [pad(before, whole, "right") + point + after for before, point, after in split]
    size = max(map(width, padded))
    return [pad(c, size) for c in padded]


def _numeric(cell: str) -> bool:
    return cell.lstrip("−").replace(".", "", 1).isdigit()


def partial(of: Block | str, x: Block | str) -> Block:
    """∂of/∂x."""
    return beside("∂", of, "/∂", x)


def second_partial(of: Block | str, x: Block | str, z: Block | str | None = None) -> Block:
    """∂²of/∂x ∂z, or ∂²of/∂x²."""
    return beside("∂²", of, "/∂", x, *(("²",) if z is None else (" ∂", z)))
