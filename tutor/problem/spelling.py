"""Numbers of a layer's arguments as they are typed in an expression."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any


def number(x: Any) -> str:
    """A whole float without its point; a negative one in brackets."""
    if isinstance(x, Fraction):
        text = str(x)
    else:
        text = str(int(x)) if float(x).is_integer() else repr(float(x))
    return f"({text})" if text.startswith("-") else text


def per_axis(values: Sequence[int]) -> str:
    """One number where all axes agree."""
    if len(set(values)) == 1:
        return str(values[0])
    return "[" + ", ".join(map(str, values)) + "]"


def sides(padding: Sequence[tuple[int, int]]) -> str:
    """A padding: one number, one per axis, or before and after of each axis."""
    if all(a == b for a, b in padding):
        return per_axis([a for a, _ in padding])
    return "[" + ", ".join(f"[{a}, {b}]" for a, b in padding) + "]"
