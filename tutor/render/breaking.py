r"""Equations in LaTeX, broken where a person would: at the signs, then between terms of a sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..expr import Binary, Expr
from ..notation.latex import latex
from ..notation.unicode import layout
from ..steps import Variable

ROW = 76  # characters of a formula that fit on a line, by its Unicode width
LINES = 30  # lines of one unbreakable formula; more are printed as several

Names = Mapping[str, Variable]


def size(e: Expr, names: Names) -> int:
    """How wide a term is, roughly: in characters of its Unicode layout."""
    return layout(e, names).width


def equation(
    members: Sequence[Expr], names: Names, decimal: Expr | None = None, sign: str = r"\approx"
) -> list[str]:
    """e0 = e1 = … as formulas to print one under the other; one whenever it fits on a page."""
    signed = [("=", m) for m in members[1:]]
    if decimal is not None:
        signed.append((sign, decimal))
    first = latex(members[0], names)
    sizes = [size(e, names) for e in (members[0], *(e for _, e in signed))]
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
    """A term on one line, or a long sum on several; what cannot be broken is made to fit."""
    if size(e, names) <= ROW:
        return [latex(e, names)]
    (first, used), *pieces = _terms(e, names)
    rows = [first]
    for piece, width in pieces:
        if used + width > ROW:
            rows.append(piece)
            used = width
        else:
            rows[-1] += f" {piece}"
            used += width
    return [rf"\fitpart{{{rows[0]}}}"] if len(rows) == 1 else rows


def summands(e: Expr, names: Names, wide: int) -> list[str]:
    """The terms of a sum that is wider than `wide`, each with the sign before it."""
    if size(e, names) <= wide:
        return [latex(e, names)]
    return [piece for piece, _ in _terms(e, names)]


def _terms(e: Expr, names: Names) -> list[tuple[str, int]]:
    """The terms of a sum with their sizes; only where their texts, joined, are the text of it."""
    whole = latex(e, names)
    found: list[tuple[str, int]] = []
    while isinstance(e, Binary) and e.op in ("+", "-"):
        left = latex(e.left, names)
        if not whole.startswith(left):
            break
        found.append((whole[len(left) :].strip(), size(e.right, names) + 3))
        whole, e = left, e.left
    return [(whole, size(e, names)), *reversed(found)]
