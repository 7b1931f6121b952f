"""Sentences with holes, filled for one target in the language spoken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from ..expr import Expr
from ..notation.names import size_words
from ..notation.sliding_axes import convolving
from ..steps import Solution, Text
from ..words import language, speaking, translated

_HOLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SIZE = re.compile(r"[\w()⌊⌋/, +*×-]*")  # h*n×m, to be written h·n×m
# blanks that holes leave between Chinese characters, or beside their punctuation
_MARKS = "，。、；：！？（）“”"
_CHINESE = re.compile(
    rf"(?<=[{_MARKS}]) +|(?<=[\u4e00-\u9fff]) +(?=[\u4e00-\u9fff])| +(?=[{_MARKS}])"
)

_P = ParamSpec("_P")
_R = TypeVar("_R")


def words(text: Text, math: Callable[[Expr], str], escape: Callable[[str], str]) -> str:
    """The sentence, translated, with its holes filled; what is not mathematics is escaped.

    A hole without an argument stays as it stands. This is not `str.format`: `{0.__class__}` is
    only text.
    """
    message = translated(text.message, text.one, text.args.get("n"))
    out: list[str] = []
    end = 0
    for hole in _HOLE.finditer(message):
        if hole[1] not in text.args:
            continue
        out.append(escape(message[end : hole.start()]))
        out.append(_fill(text.args[hole[1]], math, escape))
        end = hole.end()
    out.append(escape(message[end:]))
    said = "".join(out)
    return _CHINESE.sub("", said) if language() == "zh" else said


def _fill(arg: object, math: Callable[[Expr], str], escape: Callable[[str], str]) -> str:
    if isinstance(arg, Text):
        return words(arg, math, escape)
    if isinstance(arg, tuple):
        return escape(translated(", ")).join(_fill(x, math, escape) for x in arg)
    if isinstance(arg, str):
        return escape(size_words(arg) if _SIZE.fullmatch(arg) else arg)
    if isinstance(arg, int):
        return escape(str(arg))
    if isinstance(arg, float):
        return escape(f"{arg:.6g}")
    return math(arg)  # type: ignore[arg-type]


def plain(message: str, **holes: str | int | float) -> str:
    """Words without mathematics, as they are: for a picture, or to be escaped later."""
    return words(Text(message, holes), str, str)


@contextmanager
def spoken_as(language: str, conventions: Mapping[str, str]) -> Iterator[None]:
    """Within it, words are of this language, and signs mean what these conventions say."""
    with speaking(language), convolving(conventions.get("conv", "correlation")):
        yield


def in_its_language(
    render: Callable[Concatenate[Solution, _P], _R],
) -> Callable[Concatenate[Solution, _P], _R]:
    """A renderer that speaks the language of the solution which it prints."""

    @wraps(render)
    def spoken(solution: Solution, *args: Any, **kwargs: Any) -> _R:
        with spoken_as(solution.language, solution.conventions):
            return render(solution, *args, **kwargs)

    return spoken  # type: ignore[return-value]
