"""Where results go: which renderer a format means, and how its text leaves the program."""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import REPORT, CheckFailed, ToolError

if TYPE_CHECKING:
    from .problem.model import Problem
    from .steps import Solution


class Format(StrEnum):
    terminal = "terminal"
    json = "json"
    latex = "latex"
    markdown = "markdown"
    html = "html"
    pdf = "pdf"
    ipynb = "ipynb"


class Language(StrEnum):
    en = "en"
    cs = "cs"
    zh = "zh"


class Level(StrEnum):
    brief = "brief"
    normal = "normal"
    detailed = "detailed"


def told_in(problem: Problem, language: Language | None) -> Problem:
    """The problem with words in the language asked for, else in its own."""
    return problem if language is None else replace(problem, language=language.value)


def rendered(
    solution: Solution,
    format: Format,
    out: Path | None,
    picture: str | None = None,
    level: Level = Level.normal,
) -> str | bytes:
    """The solution in a format, at a level of detail; `picture` is a file to include."""
    depth = list(Level).index(level)
    if format is Format.json:
        from .render.json import json

        return json(solution)
    if format is Format.latex:
        from .render.latex import latex

        return latex(solution, level=depth, picture=picture)
    if format is Format.pdf:
        from .render.typeset import pdf

        page, program = pdf(solution, level=depth)
        print(f"typeset with {program}", file=sys.stderr)
        return page
    if format is Format.ipynb:
        from .render.notebook import notebook

        return notebook(solution, level=depth)
    if format is Format.html:
        from .render.html import html

        return html(solution, level=depth)
    if format is Format.markdown:
        from .render.markdown import markdown

        return markdown(solution, level=depth, picture=picture)
    from .render.terminal import terminal

    colour = out is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return terminal(solution, width=width(), colour=colour, level=depth)


def width() -> int:
    """The terminal's width, within what reads well; 80 when the output is not a terminal."""
    if not sys.stdout.isatty():
        return 80
    from shutil import get_terminal_size

    return max(60, min(get_terminal_size().columns, 110))


def write(text: str | bytes, out: Path | None) -> None:
    """To a file, as a whole or not at all, or to standard output."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    if out is None or str(out) == "-":
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # the reader has left (`| head`): nothing more to say, and nothing to flush at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise ToolError(f"cannot write the result: {error.strerror}") from None
        return
    from .render.write import write_atomic

    write_atomic(out, data)


def stop_if_unchecked(solution: Solution) -> None:
    """Exit status 3, after the solution has been printed."""
    if solution.failed:
        names = ", ".join(t.id for t in solution.failed)
        raise CheckFailed(
            f"the independent check does not agree with the derivation (task {names}): "
            "do not trust this solution",
            hint=REPORT,
        )


def collect_garbage_again(mathematics: bool = True) -> None:
    """After the imports: what they made lives until the end, so it need not be searched again.

    mathematics: whether operations are needed; layers of a network are counted without them.
    """
    if mathematics:
        from . import ops  # noqa: F401

    gc.freeze()
    gc.enable()
