"""Exercise sheets as LaTeX and HTML: statements, questions, points, room for answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import InputError
from ..expr import Expr, List, Name
from ..steps import Solution, Table, Text, Variable
from . import escape
from .html import Page as HtmlPage
from .html import document as html_document
from .latex import Document as LatexPage
from .preamble import PREAMBLE

ROOM = 2.2  # centimetres of empty paper per question, and per point if there are points


@dataclass(frozen=True)
class Question:
    """A task as a question: the author's own words, or `words` where there are none."""

    label: str  # (a), (b) …
    text: str | None
    words: Text
    points: float | None
    tables: tuple[Table, ...] = ()  # to be filled in, in place of empty room


@dataclass(frozen=True)
class Exercise:
    """A problem without anything that would answer it."""

    title: str
    source: str | None
    statement: str | None
    variables: Mapping[str, Variable]  # values of givens only
    definitions: tuple[tuple[tuple[str, ...], Expr], ...]
    layers: tuple[str, ...]
    questions: tuple[Question, ...]

    @property
    def points(self) -> float | None:
        counted = [q.points for q in self.questions if q.points is not None]
        return sum(counted) if counted else None


def label(k: int) -> str:
    return f"({chr(97 + k)})" if k < 26 else f"({k + 1})"


def latex(title: str, exercises: Sequence[Exercise], template: str | None = None) -> str:
    """The sheet as a LaTeX document."""
    rows: list[str] = []
    for number, e in enumerate(exercises, 1):
        rows += _latex_exercise(number, e)
    return filled(template or LATEX, escape.latex(title), "\n".join(rows))


def latex_solutions(title: str, solutions: Sequence[Solution], template: str | None = None) -> str:
    """The worked solutions of the same exercises, one after the other."""
    rows: list[str] = []
    for number, s in enumerate(solutions, 1):
        page = LatexPage(s, 1, None)
        rows.append(rf"\heading{{Exercise {number}}}")
        rows += page.body()
    return filled(template or LATEX, escape.latex(title), "\n".join(rows))


def html(title: str, exercises: Sequence[Exercise], template: str | None = None) -> str:
    """The sheet as one HTML page."""
    rows = [f"<header><h1>{escape.html(title)}</h1></header>"]
    for number, e in enumerate(exercises, 1):
        rows += _html_exercise(number, e)
    if template is not None:
        return filled(template, escape.html(title), "\n".join(rows))
    return html_document(title, rows)


def html_solutions(title: str, solutions: Sequence[Solution], template: str | None = None) -> str:
    rows = [f"<header><h1>{escape.html(title)}</h1></header>"]
    for number, s in enumerate(solutions, 1):
        page = HtmlPage(s, 1)
        page.head(True, f"Exercise {number}. ")
        for task in s.tasks:
            page.task(task)
        page.notes()
        rows += page.out
    if template is not None:
        return filled(template, escape.html(title), "\n".join(rows))
    return html_document(title, rows)


# -- templates ------------------------------------------------------------------------------------

LATEX = (
    PREAMBLE
    + r"""\begin{document}
{\LARGE\bfseries\raggedright {{title}}\par}
\vspace{2pt}\hrule\vspace{6pt}
{{body}}
\end{document}
"""
)

_HOLE = re.compile(r"\{\{(title|body)\}\}")


def filled(template: str, title: str, body: str) -> str:
    """An instructor's template with {{title}} and {{body}} filled in."""
    if "{{body}}" not in template:
        raise InputError(
            "the template has no place for the exercises",
            hint="write {{body}} where they belong, and {{title}} where the title does",
        )
    return _HOLE.sub(lambda m: title if m[1] == "title" else body, template)


# -- one exercise ---------------------------------------------------------------------------------


def blank(e: Exercise) -> Solution:
    """The exercise as a page without tasks: what the renderers know how to begin."""
    return Solution(e.title, e.source, e.statement, {}, e.variables, (), relevant=frozenset())


def _points(points: float | None) -> str:
    if points is None:
        return ""
    return f" ({points:g} point{'' if points == 1 else 's'})"


def _room(q: Question) -> float:
    return ROOM * max(1.0, min(q.points or 1.0, 6.0))


def definitions(e: Exercise) -> list[tuple[Expr, Expr]]:
    found: list[tuple[Expr, Expr]] = []
    for names, expr in e.definitions:
        left: Expr = Name(names[0]) if len(names) == 1 else List(tuple(map(Name, names)))
        found.append((left, expr))
    return found


def _latex_exercise(number: int, e: Exercise) -> list[str]:
    page = LatexPage(blank(e), 1, None)
    page.heading(f"Exercise {number}. {e.title}{_points(e.points)}")
    if e.source:
        page.par(rf"{{\small Source: {escape.latex(e.source)}}}")
    page.given()
    for left, right in definitions(e):
        page.equation((left, right))
    for layer in e.layers:
        page.par(rf"\texttt{{{escape.latex(layer)}}}")
    for q in e.questions:
        page.out.append(rf"\medskip\textbf{{{q.label}}}{escape.latex(_points(q.points))} ")
        if q.text:
            page.statement(q.text)
        else:
            page.par(page.words(q.words))
        for t in q.tables:
            page.table(t)
        if not q.tables:
            page.out.append(rf"\vspace{{{_room(q):.1f}cm}}")
    return page.out


def _html_exercise(number: int, e: Exercise) -> list[str]:
    page = HtmlPage(blank(e), 1)
    page.head(False, f"Exercise {number}. ", _points(e.points))
    page.put('<div class="definitions">')
    for left, right in definitions(e):
        page.put(page.display(left, right))
    for layer in e.layers:
        page.put(f"<p><code>{escape.html(layer)}</code></p>")
    page.put("</div>", '<ol class="questions">')
    for q in e.questions:
        page.put(
            f'<li><b>{q.label}</b><span class="points">{escape.html(_points(q.points))}</span>'
        )
        if q.text:
            page.statement(q.text)
        else:
            page.put(f"<p>{page.words(q.words)}</p>")
        for t in q.tables:
            page.table(t)
        room = f'<div class="room" style="height:{_room(q):.1f}cm"></div>'
        page.put("</li>" if q.tables else f"{room}</li>")
    page.put("</ol>")
    return page.out
