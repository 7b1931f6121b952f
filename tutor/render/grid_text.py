"""Arrays drawn cell by cell as text: framed entries in brackets, winners with a star."""

from __future__ import annotations

from collections.abc import Mapping

from ..notation.block import Block, beside, enclose, pad, width
from ..notation.unicode import unicode_text
from ..steps import Grid, Picture, Text, Variable, all_of
from .paper import row_of

Names = Mapping[str, Variable]

MARKS = {  # what stands around an entry
    "framed": Text("[ ] frames an entry"),
    "winner": Text("* marks a winner"),
    "padding": Text("· is a zero that was put in"),
    "outside": Text("· lies outside"),
}


def to_rows(picture: Picture, names: Names, columns: int) -> list[str]:
    """The arrays side by side, in as many rows as they need; none where one is too wide."""
    parts = []
    for k, g in enumerate(picture.grids):
        block = grid_block(g, names)
        sign = picture.signs[k] if k < len(picture.signs) else ""
        parts.append(beside(block, f" {sign}") if sign else block)
    if any(b.width > columns for b in parts):
        return []
    return [row for b in row_of(parts, columns, 2) for row in b.lines]


def grid_block(g: Grid, names: Names) -> Block:
    """One array under its name."""
    cells = [[_cell(g, i, j, names) for j in range(len(row))] for i, row in enumerate(g.cells)]
    size = max(width(c) for row in cells for c in row)
    lines = tuple(" ".join(pad(c, size, "right") for c in row) for row in cells)
    body = enclose(Block(lines, (len(lines) - 1) // 2), "[", "]")
    name = unicode_text(g.name, names)
    wide = max(body.width, width(name))
    rows = (pad(name, wide, "centre"), *(pad(x, wide, "centre") for x in body.lines))
    return Block(rows, body.base + 1)


def _cell(g: Grid, i: int, j: int, names: Names) -> str:
    """Every cell takes the columns of its marks, so that numbers stay in line."""
    cell = g.cells[i][j]
    text = "·" if cell is None or (i, j) in g.padding else unicode_text(cell, names)
    if g.winners:
        text += "*" if (i, j) in g.winners else " "
    if g.framed:
        text = f"[{text}]" if (i, j) in g.framed else f" {text} "
    return text


def legend(picture: Picture, known: set[str]) -> Text | None:
    """What the marks mean that are not yet `known`, which it adds to."""
    grids = picture.grids
    used = {
        "framed": any(g.framed for g in grids),
        "winner": any(g.winners for g in grids),
        "padding": any(g.cells[i][j] is not None for g in grids for i, j in g.padding),
        "outside": any(g.cells[i][j] is None for g in grids for i, j in g.padding),
    }
    new = [k for k, yes in used.items() if yes and k not in known]
    known.update(new)
    return Text("{marks}.", {"marks": all_of([MARKS[k] for k in new])}) if new else None
