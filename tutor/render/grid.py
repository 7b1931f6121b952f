"""Arrays drawn cell by cell: a window on its input, the kernel, the entry that comes out."""

from __future__ import annotations

from collections.abc import Mapping

from ..expr import Expr
from ..notation.functions import STARS
from ..notation.latex import latex
from ..notation.unicode import unicode_text
from ..steps import Grid, Picture, Variable
from . import escape
from .picture import written
from .scene import INK, Group, Path, Scene, Words, rounded
from .wording import plain, words

Names = Mapping[str, Variable]

CELL, SIZE, HEAD, GAP = 32.0, 14.0, 26.0, 44.0
EDGE = 6.0
PALE, LINE, FRAME, WASH, WINNER = "#f2f3f5", "#b6bcc4", "#0b5cad", "#dceafb", "#a3380b"


def to_svg(picture: Picture, names: Names) -> str:
    """The picture as an SVG element with a text alternative."""
    svg = written(draw(picture, names))
    return svg[svg.index("<svg") :].rstrip()


def draw(picture: Picture, names: Names) -> Scene:
    """The grids from left to right, each under its name."""
    sizes = [_cell(g, names) for g in picture.grids]
    tall = max(len(g.cells) for g in picture.grids) * CELL
    groups: list[Group] = []
    x = EDGE
    for k, (g, size) in enumerate(zip(picture.grids, sizes, strict=True)):
        wide = size * len(g.cells[0])
        y = HEAD + (tall - CELL * len(g.cells)) / 2
        groups.append(Group("array", said(g, names), tuple(_grid(g, x, y, size, names))))
        x += wide
        if k < len(picture.signs):
            sign = Words(x + GAP / 2, HEAD + tall / 2 + 6, picture.signs[k], 18, False, INK)
            groups.append(Group("sign", picture.signs[k], (sign,)))
            x += GAP
    title = words(picture.words, lambda e: unicode_text(e, names), escape.terminal)
    description = " ".join(said(g, names) for g in picture.grids)
    return Scene(x + EDGE, HEAD + tall + EDGE, title, description, tuple(groups))


def _cell(g: Grid, names: Names) -> float:
    widest = max(
        Words(0, 0, unicode_text(c, names), SIZE, True).width if c is not None else 0
        for row in g.cells
        for c in row
    )
    return max(CELL, widest + 12)


def _grid(g: Grid, x: float, y: float, size: float, names: Names) -> list[Path | Words]:
    wide = size * len(g.cells[0])
    out: list[Path | Words] = [Words(x + wide / 2, y - 8, unicode_text(g.name, names), 14, True)]
    middles = {
        (i, j): (x + size * (j + 0.5), y + CELL * (i + 0.5))
        for i, row in enumerate(g.cells)
        for j in range(len(row))
    }
    for place, (cx, cy) in middles.items():
        fill = WASH if place in g.framed else PALE if place in g.padding else "#ffffff"
        out.append(Path(rounded(cx, cy, size, CELL, 0.01), fill, LINE))
    for cx, cy in (middles[p] for p in g.framed):
        out.append(Path(rounded(cx, cy, size - 1, CELL - 1, 0.01), None, FRAME, 2.0))
    for cx, cy in (middles[p] for p in g.winners):
        out.append(Path(rounded(cx, cy, size - 8, CELL - 8, (CELL - 8) / 2), None, WINNER, 1.6))
    for (i, j), (cx, cy) in middles.items():
        cell = g.cells[i][j]
        if cell is not None:
            colour = "#59616b" if (i, j) in g.padding else INK
            text = unicode_text(cell, names)
            out.append(Words(cx, cy + 5, text, SIZE, (i, j) in g.winners, colour))
    return out


def said(g: Grid, names: Names) -> str:
    """The array in words, row by row; framed entries in brackets, winners with a star."""

    def entry(i: int, j: int, cell: Expr | None) -> str:
        text = plain("empty") if cell is None else unicode_text(cell, names)
        text += "*" if (i, j) in g.winners else ""
        return f"[{text}]" if (i, j) in g.framed else text

    rows = (
        " ".join(entry(i, j, cell) for j, cell in enumerate(row)) for i, row in enumerate(g.cells)
    )
    return f"{unicode_text(g.name, names)}: {'; '.join(rows)}."


def to_latex(picture: Picture, names: Names) -> str:
    """The arrays as a formula: framed entries in boxes, winners in bold."""

    def entry(g: Grid, i: int, j: int) -> str:
        cell = g.cells[i][j]
        tex = "" if cell is None else latex(cell, names)
        if (i, j) in g.padding and tex:
            tex = rf"\scriptstyle {tex}"
        if (i, j) in g.winners:
            tex = rf"\mathbf{{{tex}}}"
        return rf"\boxed{{{tex}}}" if (i, j) in g.framed else tex

    def array(g: Grid) -> str:
        rows = (" & ".join(entry(g, i, j) for j in range(len(r))) for i, r in enumerate(g.cells))
        body = r" \\ ".join(rows)
        return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"

    signs = {**STARS, "→": r"\rightarrow", "+": "+", "": r"\quad"}
    first, *rest = map(array, picture.grids)
    return first + "".join(f" {signs[s]} {a}" for s, a in zip(picture.signs, rest, strict=True))
