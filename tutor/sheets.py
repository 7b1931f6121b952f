"""Exercise sheets: problems in, files out. Everything is made before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from .errors import CheckFailed, InputError, ToolError
from .exercises import exercise
from .problem.model import Problem
from .render import sheet, sheet_typst, typeset
from .render.sheet import Exercise, label
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
    differs: Callable[[Problem, str], None] | None = None,
) -> dict[Path, bytes]:
    """The files of a sheet: the exercises, and the solutions beside them if asked for.

    The exercises' file is made from the problems alone, before anything is solved.
    differs: called with each task, "(b)", whose solution differs from its author's answer
    """
    kind = out.suffix.lower()
    if kind not in KINDS:
        raise InputError(
            f"{out} is not the name of a sheet", hint=f"it must end with {', '.join(KINDS)}"
        )
    if typesetter(out) == "Typst" and template is not None:
        raise ToolError(
            f"the template {template} is LaTeX, which needs pdflatex",
            hint="install TeX Live (texlive-latex-recommended), or write an HTML sheet",
        )
    text = _template(template, kind)
    with speaking(problems[0].language if problems else "en"):
        title = title or plain("Exercises")
        worked = plain("{title}: solutions", title=title)
    found = {out: _exercises(title, [exercise(p) for p in problems], out, text)}
    if solutions:
        solved = [solve(_lettered(p)) for p in problems]
        for p, s in zip(problems, solved, strict=True):
            if not s.ok:
                raise CheckFailed(
                    f"the independent check does not agree with the solution of “{p.title}”",
                    hint="run `tutor solve` on it; this is a fault of tutor",
                )
            for task in s.tasks:
                wrong = task.answer is not None and task.answer.correct is False
                if wrong and differs is not None:
                    differs(p, task.id)
        solved = [_handed_out(s) for s in solved]
        beside = out.with_name(f"{out.stem}-solutions{out.suffix}")
        found[beside] = _solutions(worked, solved, out, text)
    return found


def _lettered(problem: Problem) -> Problem:
    """The problem with its tasks named as the sheet names them: (a), (b) …"""
    labels = {t.id: label(k) for k, t in enumerate(problem.tasks)}
    tasks = []
    for t in problem.tasks:
        args = dict(t.args)
        if args.get("after"):
            args["after"] = labels[args["after"]]
        tasks.append(replace(t, id=labels[t.id], args=args))
    return replace(problem, tasks=tuple(tasks))


def _handed_out(solution: Solution) -> Solution:
    """Without the comparison with the author's answers, which concerns the author alone."""
    return replace(solution, tasks=tuple(replace(t, answer=None) for t in solution.tasks))


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


_HTML = re.compile(r"<(!doctype|html|head|body|h1|div|p)\b", re.IGNORECASE)


def _template(path: Path | None, kind: str) -> str | None:
    """The text of the template for a sheet of this kind; InputError if it is of another."""
    if path is None:
        return None
    try:
        found = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"cannot read the template {path}: {reason}") from None
    if kind == ".html" and (r"\begin{document}" in found or r"\documentclass" in found):
        raise InputError(
            f"the template {path} is LaTeX, but the sheet is HTML",
            hint="give -o a name that ends with .pdf or .tex, or write the template in HTML",
        )
    if kind != ".html" and r"\begin{document}" not in found:
        if _HTML.search(found):
            raise InputError(
                f"the template {path} is HTML, but a {kind} sheet needs LaTeX",
                hint="give -o a name that ends with .html, or write the template in LaTeX",
            )
        if kind == ".pdf":
            raise InputError(
                f"the template {path} is not a whole LaTeX document",
                hint=r"for a .pdf it must hold \documentclass, \begin{document} and {{body}}",
            )
    return found
