"""Exercise sheets: problems in, files out. Everything is made before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .errors import CheckFailed, InputError, ToolError
from .exercises import exercise
from .problem.model import Problem
from .render import sheet, sheet_typst, typeset
from .render.sheet import Exercise
from .render.wording import plain
from .steps import Solution
from .tasks import solve
from .words import speaking

KINDS = (".pdf", ".tex", ".html")


def written(
    problems: Sequence[Problem],
    out: Path,
    title: str | None = None,
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
    if typesetter(out) == "Typst" and template is not None:
        raise ToolError(
            f"the template {template} is LaTeX, which needs pdflatex",
            hint="install TeX Live (texlive-latex-recommended), or write an HTML sheet",
        )
    with speaking(problems[0].language if problems else "en"):
        title = title or plain("Exercises")
        worked = plain("{title}: solutions", title=title)
    found = {out: _exercises(title, [exercise(p) for p in problems], out, text)}
    if solutions:
        solved = [solve(p) for p in problems]
        for p, s in zip(problems, solved, strict=True):
            if not s.ok:
                raise CheckFailed(
                    f"the independent check does not agree with the solution of “{p.title}”",
                    hint="run `tutor solve` on it; this is a fault of tutor",
                )
        beside = out.with_name(f"{out.stem}-solutions{out.suffix}")
        found[beside] = _solutions(worked, solved, out, text)
    return found


def typesetter(out: Path) -> str | None:
    """The program that typesets this file, or None where it needs none; ToolError without any."""
    return typeset.typesetter() if out.suffix.lower() == ".pdf" else None


def _exercises(title: str, e: Sequence[Exercise], out: Path, template: str | None) -> bytes:
    if out.suffix.lower() == ".html":
        return sheet.html(title, e, template).encode("utf-8")
    if typesetter(out) == "Typst":
        return typeset.from_typst(sheet_typst.typst(title, e, typeset.converter()))
    return _latex(sheet.latex(title, e, template), out)


def _solutions(title: str, s: Sequence[Solution], out: Path, template: str | None) -> bytes:
    if out.suffix.lower() == ".html":
        return sheet.html_solutions(title, s, template).encode("utf-8")
    if typesetter(out) == "Typst":
        return typeset.from_typst(sheet_typst.typst_solutions(title, s, typeset.converter()))
    return _latex(sheet.latex_solutions(title, s, template), out)


def _latex(document: str, out: Path) -> bytes:
    return typeset.to_pdf(document) if out.suffix.lower() == ".pdf" else document.encode("utf-8")


def _template(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"cannot read the template {path}: {reason}") from None
