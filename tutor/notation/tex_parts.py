"""Small parts of LaTeX formulas: numbers, words, sizes below brackets."""

from __future__ import annotations

from .precedence import Level
from .tex_text import tex_text

TIMES = r" \times "
THIN = r" \thinspace "


def below_bracket(size: str | None) -> str:
    """The size of an abbreviated array, below its bracket."""
    return "" if size is None else f"_{{{size.replace('×', TIMES)}}}"


def cut(label: str) -> str:
    return label if len(label) <= 40 else label[:39] + "…"


def word(words: str) -> str:
    """Words inside a formula, literally."""
    return rf"\text{{{tex_text(words)}}}"


def numeral(number: str) -> tuple[str, Level]:
    mantissa, e, exponent = number.lower().partition("e")
    if not e:
        return number, Level.ATOM
    factor = "" if mantissa in ("1", "1.0") else rf"{mantissa} \cdot "
    return f"{factor}10^{{{int(exponent)}}}", Level.MUL if factor else Level.POWER
