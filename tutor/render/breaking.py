r"""Equations in LaTeX, broken where a person would: at =, then at the outermost signs of a term."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from ..expr import Expr
from ..notation.latex import latex
from ..notation.names import size_words
from ..notation.tex_parts import below_bracket
from ..notation.unicode import layout
from ..steps import Variable
from . import signs
from .signs import LATEX

ROW = 76  # characters of a formula that fit on a line, by its Unicode width
LINES = 30  # lines of one unbreakable formula; more are printed as several

Names = Mapping[str, Variable]


def size(e: Expr, names: Names) -> int:
    """How wide a term is, roughly: in characters of its Unicode layout."""
    return layout(e, names).width


def size_note(dims: str | None, terms: Iterable[Expr | None], names: Names) -> str:
    """The size to print beside an equation, but where an array in it says its size."""
    if not dims:
        return ""
    below = below_bracket(dims)
    return "" if any(t and below in latex(t, names) for t in terms) else size_words(dims)


def equation(members: Sequence[Expr], names: Names) -> list[str]:
    """e0 = e1 = … as formulas to print one under the other; one whenever it fits on a page."""
    signed = [(LATEX[sign], e) for sign, e in signs.signed(members)]
    first = latex(members[0], names)
    sizes = [size(e, names) for e in members]
    if sum(sizes) + 3 * len(sizes) <= ROW:
        return [" ".join([first, *(f"{mark} {latex(e, names)}" for mark, e in signed)])]
    if not signed:
        lead, *rest = broken(members[0], names)
        return [_aligned([f"&{lead}", *(rf"&\qquad {r}" for r in rest)])]
    out: list[list[str]] = [[]]
    lines = 0
    for i, (mark, e) in enumerate(signed):
        lead, *rest = broken(e, names)
        height = max(layout(e, names).height, len(rest) + 1)
        if out[-1] and lines + height > LINES:
            out.append([])
            lines = 0
        lines += height
        before = first if i == 0 else ""
        out[-1] += [f"{before} &{mark} {lead}", *(rf"&\qquad {r}" for r in rest)]
    return [_aligned(rows) for rows in out]


def _aligned(rows: list[str]) -> str:
    body = r" \\ ".join(rows)
    return rf"\begin{{aligned}} {body} \end{{aligned}}"


def broken(e: Expr, names: Names) -> list[str]:
    """A term on one line, or a long one on several; what cannot be broken is made to fit."""
    used = size(e, names)
    if used <= ROW:
        return [latex(e, names)]
    rows = _rows(latex(e, names), used, ROW)
    return [row if width <= ROW else rf"\fitpart{{{row}}}" for row, width in rows]


def summands(e: Expr, names: Names, wide: int) -> list[str]:
    """The pieces of a term that is wider than `wide`, each with the sign before it."""
    used = size(e, names)
    if used <= wide:
        return [latex(e, names)]
    return [row for row, _ in _rows(latex(e, names), used, wide)]


# -- one term in several rows -------------------------------------------------------------------

_TOKEN = re.compile(
    r"\\(?:begin|end)\{\w+\}|\\(?:left|right)(?:\\[A-Za-z]+|\\.|.)"
    r"|\\(?:operatorname|text)\{(?P<word>[^{}]*)\}|\\(?P<name>[A-Za-z]+)|\\.|.",
    re.DOTALL,
)
_SIGNS = ("+", "-", r"\odot", r"\oslash", r"\cdot", r"\star", r"\ast", r"\otimes")
_FONTS = ("mathbf", "mathrm", "hat", "bar", "tilde", "frac", "sqrt", "quad", "qquad")
_FUNCTIONS = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "max", "min", "det")
_MATRIX = re.compile(r"\\begin\{(\w+)\}((?:(?!\\begin).)*?)\\end\{\1\}", re.DOTALL)
_SHORT = 12.0  # a denominator up to here may stand before the rest as 1/n


def _rows(tex: str, used: float, room: float) -> list[tuple[str, float]]:
    """A formula `used` wide in rows no wider than `room`, if that can be, and their widths."""
    tex = _flat(tex)
    scale = used / max(1.0, _width(tex))
    return [(_balanced(row), _width(row) * scale) for row in _fitted(tex, room / scale)]


def _fitted(tex: str, room: float) -> list[str]:
    """Cut at the outermost signs, then within parentheses, and packed into few rows."""
    parts = [tex] if _width(tex) <= room else _parts(tex)
    if len(parts) == 1:
        return parts
    rows: list[str] = []
    for part in parts:
        for row in _fitted(part, room):
            if rows and _width(rows[-1]) + _width(row) <= room:
                rows[-1] += f" {row}"
            else:
                rows.append(row)
    return rows


def _parts(tex: str) -> list[str]:
    """The formula, cut before those of its signs that stand in the fewest parentheses."""
    cuts = _cuts(tex)
    least = min((rank for rank, _ in cuts), default=(0, 0))
    places = [0, *(at for rank, at in cuts if rank == least), len(tex)]
    return [tex[a:b].strip() for a, b in pairwise(places)]


def _cuts(tex: str) -> list[tuple[tuple[int, int], int]]:
    """Where it could be cut: before signs; a formula without any, after commas.

    Each place has a rank, the best first: how many parentheses are around it, then sums before
    products.
    """
    signs: list[tuple[tuple[int, int], int]] = []
    commas: list[tuple[tuple[int, int], int]] = []
    hard = depth = 0  # braces, within which nothing is cut; parentheses
    before = ""
    for found in _TOKEN.finditer(tex):
        token = found[0]
        if token == "{" or token.startswith(r"\begin"):
            hard += 1
        elif token == "}" or token.startswith(r"\end"):
            hard -= 1
        elif token in ("(", r"\lVert") or token.startswith(r"\left"):
            depth += 1
        elif token in (")", r"\rVert") or token.startswith(r"\right"):
            depth -= 1
        elif token in _SIGNS and not hard and _is_operand(before):
            signs.append(((depth, token not in "+-"), found.start()))
        elif token == "," and not hard and tex[found.end() :].strip():
            commas.append(((depth, 2), found.end()))
        before = token if token.strip() else before
    return signs or commas


def _is_operand(token: str) -> bool:
    """Whether a sign behind this token stands between two operands."""
    opening = ("", "(", ",", "=", r"\lVert", *_SIGNS)
    return token not in opening and not token.startswith(r"\left")


def _flat(tex: str) -> str:
    """A fraction by something short as a product, whose second factor can be cut."""
    if not tex.startswith(r"\frac{"):
        return tex
    above = _group(tex, len(r"\frac"))
    below = _group(tex, above)
    over, under = tex[len(r"\frac{") : above - 1], tex[above + 1 : below - 1]
    if below != len(tex) or _width(under) > _SHORT:
        return tex
    if all(rank > (0, 0) for rank, _ in _cuts(over)):
        return rf"\frac{{1}}{{{under}}} {over}"
    return rf"\frac{{1}}{{{under}}} \left( {over} \right)"


def _group(tex: str, start: int) -> int:
    """Where the group in braces that begins at `start` ends."""
    depth = 0
    for found in _TOKEN.finditer(tex, start):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    return len(tex)


def _balanced(row: str) -> str:
    r"""Every \left of a row has its \right in the row: an invisible one where it was cut off."""
    opened = closed = 0
    for found in _TOKEN.finditer(row):
        if found[0].startswith(r"\left"):
            opened += 1
        elif found[0].startswith(r"\right"):
            opened, closed = (opened - 1, closed) if opened else (0, closed + 1)
    return r"\left. " * closed + row + r" \right." * opened


def _width(tex: str) -> float:
    """About how many characters wide a formula is."""
    tex = _MATRIX.sub(lambda m: "x" * _matrix_width(m[2]), tex)
    total = 0.0
    for found in _TOKEN.finditer(tex):
        token, word, name = found[0], found["word"], found["name"]
        if token in _SIGNS:
            total += 3
        elif word is not None:
            total += len(word)
        elif name is not None:
            total += len(name) if name in _FUNCTIONS else 0 if name in _FONTS else 1
        elif token not in "{}^_& " and not token.startswith((r"\begin", r"\end")):
            total += 1
    return total


def _matrix_width(body: str) -> int:
    rows = [row.split("&") for row in body.split(r"\\")]
    return 2 + max(round(sum(_width(cell) + 2 for cell in row)) for row in rows)
