"""Sentences with holes, filled for one target."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..expr import Expr
from ..steps import Text

_HOLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def words(text: Text, math: Callable[[Expr], str], escape: Callable[[str], str]) -> str:
    """The sentence with its holes filled; everything that is not mathematics is escaped.

    A hole without an argument stays as it stands. This is not `str.format`: `{0.__class__}` is
    only text.
    """
    out: list[str] = []
    end = 0
    for hole in _HOLE.finditer(text.message):
        if hole[1] not in text.args:
            continue
        out.append(escape(text.message[end : hole.start()]))
        out.append(_fill(text.args[hole[1]], math, escape))
        end = hole.end()
    out.append(escape(text.message[end:]))
    return "".join(out)


def _fill(arg: object, math: Callable[[Expr], str], escape: Callable[[str], str]) -> str:
    if isinstance(arg, Text):
        return words(arg, math, escape)
    if isinstance(arg, str):
        return escape(arg)
    if isinstance(arg, int):
        return escape(str(arg))
    if isinstance(arg, float):
        return escape(f"{arg:.6g}")
    return math(arg)  # type: ignore[arg-type]
