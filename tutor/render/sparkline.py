"""A curve as one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
WIDE = 100.0  # largest by smallest from which the scale is logarithmic


def is_logarithmic(values: Sequence[float]) -> bool:
    """All values are positive, and they differ by orders of magnitude."""
    return bool(values) and min(values) > 0 and max(values) > WIDE * min(values)


def sparkline(values: Sequence[float], columns: int) -> str:
    """The values as bars, at most `columns` of them, evenly spaced; the first and last are kept."""
    if len(values) > columns:
        last = len(values) - 1
        values = [values[round(k * last / (columns - 1))] for k in range(columns)]
    logarithmic = is_logarithmic(values)
    heights = [math.log(v) if logarithmic else v for v in values]
    low, high = min(heights), max(heights)
    if not high > low:
        return BARS[0] * len(heights)
    top = len(BARS) - 1
    # halves first: the difference of two huge numbers of different sign would overflow
    unit = high / 2 - low / 2
    return "".join(BARS[round(top * ((h / 2 - low / 2) / unit))] for h in heights)
