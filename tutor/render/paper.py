"""Plain-text building blocks for the terminal: wrapped words, equations, tables, boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..expr import Expr, List, walk
from ..notation.arrays import grid, slices, without_ones
from ..notation.block import Block, beside, line, matrix, pad, width
from ..notation.fold import folded
from ..notation.unicode import layout, unicode_text
from ..steps import Table, Text, Variable
from . import escape
from .signs import signed
from .wording import words

GLUE = "\u00a0"  # holds a short formula together while its sentence is wrapped
GLUED = 24


def sentence(text: Text, names: Mapping[str, Variable]) -> str:
    """A sentence with its mathematics in one-line Unicode."""

    def math(e: Expr) -> str:
        out = unicode_text(e, names)
        return out.replace(" ", GLUE) if len(out) <= GLUED else out

    return words(text, math, escape.terminal)


def wrap(text: str, columns: int) -> list[str]:
    """Words filled into lines of at most `columns`; longer words are cut."""
    out: list[str] = []
    current = ""
    for whole in text.split(" "):
        for k, word in enumerate(_pieces(whole)):
            joined = current + word if k or not current else f"{current} {word}"
            if width(joined) <= columns:
                current = joined
                continue
            if current:
                out.append(current)
            while width(word) > columns:
                cut = _fitting(word, columns)
                out.append(word[:cut])
                word = word[cut:]
            current = word
    if current or not out:
        out.append(current)
    return [row.replace(GLUE, " ") for row in out]


# what cannot begin or end a line of Chinese
NO_START = "，。、；：！？）》」』”’％…"
NO_END = "（《「『“‘"


def _pieces(word: str) -> list[str]:
    """The parts of a word that may stand on different lines: Chinese has no blanks."""
    if word.isascii():
        return [word] if word else []
    parts: list[str] = []
    for c in word:
        last = parts[-1][-1] if parts else ""
        wide = last and (width(last) == 2 or width(c) == 2)
        if wide and c not in NO_START and last not in NO_END:
            parts.append(c)
        elif parts:
            parts[-1] += c
        else:
            parts.append(c)
    return parts


def _fitting(word: str, columns: int) -> int:
    cut = 1
    while cut < len(word) and width(word[: cut + 1]) <= columns:
        cut += 1
    return cut


def member(e: Expr, columns: int, names: Mapping[str, Variable]) -> Block:
    """A term as a block at most `columns` wide: upright arrays, folded at signs, else wrapped."""
    tall = layout(e, names)
    if tall.width <= columns:
        return tall
    if isinstance(e, List) and (piled := pile(e, columns, names)) is not None:
        return piled
    if isinstance(e, List) and (corners := cut(e, columns, names)) is not None:
        return corners
    flat = unicode_text(e, names)
    if _is_full_of_arrays(e, flat, names) and (several := folded(tall, columns)) is not None:
        return several
    rows = wrap(flat, columns)
    size = max(map(width, rows))
    return Block(tuple(pad(r, size) for r in rows), 0)


def _is_full_of_arrays(e: Expr, flat: str, names: Mapping[str, Variable]) -> bool:
    """Whether a third of the term is numbers in arrays, or there is a matrix among them."""
    arrays = [x for x in walk(e) if isinstance(x, List)]
    if any(isinstance(x, List) for a in arrays for x in a.items):
        return True
    return 3 * sum(width(unicode_text(a, names)) for a in arrays) > width(flat)


def cut(e: List, columns: int, names: Mapping[str, Variable]) -> Block | None:
    """A matrix too wide to stand: its first and last columns and its size, if they fit."""
    for ends in (3, 2, 1):
        found = grid(e, ends)
        if found is None or found.size is None:
            return None
        rows = [
            [
                ("⋮" if all(y is None for y in row) else "…")
                if x is None
                else unicode_text(x, names)
                for x in row
            ]
            for row in found.rows
        ]
        block = beside(matrix(rows), f" ({found.size})")
        if block.width <= columns:
            return block
    return None


def pile(e: List, columns: int, names: Mapping[str, Variable]) -> Block | None:
    """A tensor too wide to stand side by side: its slices one under the other, if they fit."""
    e, whole = without_ones(e)
    kept, size = slices(e)
    size = whole or size
    if not isinstance(e.items[0], List) or not isinstance(e.items[0].items[0], List):
        return None
    rows: list[str] = []
    for item in kept:
        rows += ["⋮"] if item is None else layout(item, names).lines
    rows += [f"({size})"] if size else []
    widest = max(map(width, rows))
    return Block(tuple(pad(r, widest) for r in rows), 0) if widest <= columns else None


def equation(
    members: Sequence[Expr],
    columns: int,
    names: Mapping[str, Variable],
) -> list[Block]:
    """e0 = e1 = … ≈ d as blocks to print one under the other, broken at the signs."""
    first = member(members[0], columns, names)
    indent = min(first.width, 10)
    rows = [first]
    ended = False  # the last member took several rows: what follows begins a new one
    for mark, e in signed(members):
        piece = beside(f" {mark} ", layout(e, names))
        if rows[-1].width + piece.width <= columns and not ended:
            rows[-1] = beside(rows[-1], piece)
        else:
            lead = f"{' ' * indent} {mark} "
            rows.append(beside(lead, member(e, columns - len(lead), names)))
            ended = piece.width > columns - indent and not isinstance(e, List)
    return rows


def row_of(blocks: Sequence[Block], columns: int, gap: int = 3) -> list[Block]:
    """Blocks packed side by side into as few rows as they need."""
    rows: list[Block] = []
    for b in blocks:
        if rows and rows[-1].width + gap + b.width <= columns:
            rows[-1] = beside(rows[-1], " " * gap, b)
        else:
            rows.append(b)
    return rows


def flush_right(b: Block, note: str, columns: int) -> Block:
    """`b` with a note at the right edge of its base line, if there is room."""
    gap = columns - b.width - width(note)
    return beside(b, line(" " * gap + note)) if note and gap >= 2 else b


def cell(x: object, names: Mapping[str, Variable]) -> str:
    if x is None:
        return "–"
    if isinstance(x, Text):
        return sentence(x, names).replace(GLUE, " ")
    if isinstance(x, str):
        return escape.terminal(x)
    if isinstance(x, bool | int):
        return str(x)
    if isinstance(x, float):
        return f"{x:.6g}".replace("-", "−")
    return unicode_text(x, names)  # type: ignore[arg-type]


def table(t: Table, columns: int, names: Mapping[str, Variable]) -> list[str]:
    """The table as lines no wider than `columns`; the widest columns are wrapped until it fits."""
    head = [cell(c, names) for c in t.columns]
    gap = 2
    for indent in (2, 1, 0):
        body = [[cell(x, names) for x in row] for row in t.rows]
        for row, (depth, _) in zip(body, t.indented, strict=True):
            row[0] = GLUE * indent * depth + row[0]
        sizes = [max(map(width, column)) for column in zip(head, *body, strict=True)]
        if sum(sizes) + gap * (len(sizes) - 1) <= columns:
            break
    aligned = ["right" if k in t.right else "left" for k in range(len(head))]
    return ruled(head, body, columns, aligned)


def ruled(
    head: Sequence[str], body: Sequence[Sequence[str]], columns: int, aligned: Sequence[str]
) -> list[str]:
    """Cells in columns with a rule below the head; the widest are wrapped until it fits."""
    gap = 2
    sizes = [max(map(width, column)) for column in zip(head, *body, strict=True)]
    while sum(sizes) + gap * (len(sizes) - 1) > columns and max(sizes) > 4:
        widest = sizes.index(max(sizes))
        sizes[widest] -= 1
    out = _row(head, sizes, aligned)
    out.append((" " * gap).join("─" * s for s in sizes))
    for row in body:
        out += _row(row, sizes, aligned)
    return out


def _row(cells: Sequence[str], sizes: Sequence[int], aligned: Sequence[str]) -> list[str]:
    wrapped = [wrap(c, s) for c, s in zip(cells, sizes, strict=True)]
    out = []
    for i in range(max(map(len, wrapped))):
        parts = [
            pad(w[i] if i < len(w) else "", s, align)
            for w, s, align in zip(wrapped, sizes, aligned, strict=True)
        ]
        out.append("  ".join(parts).rstrip())
    return out


def boxed(rows: Sequence[str]) -> list[str]:
    size = max(map(width, rows))
    middle = [f"│ {pad(r, size)} │" for r in rows]
    return [f"┌{'─' * (size + 2)}┐", *middle, f"└{'─' * (size + 2)}┘"]
