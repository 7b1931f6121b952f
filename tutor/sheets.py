"""Exercise sheets: problems in, files out. Everything is made before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .errors import CheckFailed, InputError
from .exercises import exercise
from .problem.model import Problem
from .render import sheet
from .tasks import solve

KINDS = (".pdf", ".tex", ".html")


def written(
    problems: Sequence[Problem],
    out: Path,
    title: str = "Exercises",
    solutions: bool = False,
    template: Path | None = None,
) -> dict[Path, bytes]:
    """The files of a sheet: the exercises, and the solutions beside them if asked for.

    The exercises' file is made from the problems alone, before anything is solved.
    """
    kind = out.suffix.lower()
    if kind not in KINDS:
        raise InputError(
            f"{out} is not the name of a sheet", hint=f"it must end with {', '.join(KINDS)}"
        )
    text = _template(template)
    exercises = [exercise(p) for p in problems]
    make = sheet.html if kind == ".html" else sheet.latex
    found = {out: _bytes(make(title, exercises, text), kind)}
    if solutions:
        solved = [solve(p) for p in problems]
        for p, s in zip(problems, solved, strict=True):
            if not s.ok:
                raise CheckFailed(
                    f"the independent check does not agree with the solution of “{p.title}”",
                    hint="run `tutor solve` on it; this is a fault of tutor",
                )
        worked = sheet.html_solutions if kind == ".html" else sheet.latex_solutions
        beside = out.with_name(f"{out.stem}-solutions{out.suffix}")
        found[beside] = _bytes(worked(f"{title}: solutions", solved, text), kind)
    return found


def _template(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"cannot read the template {path}: {reason}") from None


def _bytes(document: str, kind: str) -> bytes:
    if kind != ".pdf":
        return document.encode("utf-8")
    from .render.typeset import to_pdf

    return to_pdf(document)
