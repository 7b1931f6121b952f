"""Numbers as they are written on paper."""

from __future__ import annotations

from .block import Block, line
from .names import superscript
from .precedence import Level


def numeral(text: str) -> tuple[Block, Level]:
    """1e-3 as 10⁻³."""
    mantissa, e, exponent = text.lower().partition("e")
    if not e:
        return line(text), Level.ATOM
    small = superscript(str(int(exponent))) or ""
    factor = "" if mantissa in ("1", "1.0") else f"{mantissa}·"
    return line(f"{factor}10{small}"), Level.MUL if factor else Level.POWER
