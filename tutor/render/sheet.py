"""Exercise sheets as LaTeX and HTML: statements, questions, points, room for answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from ..errors import InputError
from ..expr import Expr, List, Name
from ..steps import Solution, Table, Text, Variable
from ..words import speaking
from . import escape
from .html import Page as HtmlPage
from .html import document as html_document
from .latex import Document as LatexPage
from .outline import points
from .preamble import preamble
from .wording import plain, spoken_as, words

ROOM = 2.2  # centimetres of empty paper per question, and per point if there are points


@dataclass(frozen=True)
class Question:
    """A task as a question: the author's own words, or `words` where there are none."""

    label: str  # (a), (b) …
    text: str | None
    words: Text
    points: float | None
    tables: tuple[Table, ...] = ()  # to be filled in, in place of empty room
    height: float | None = None  # of the room at least, in centimetres


@dataclass(frozen=True)
class Exercise:
    """A problem without anything that would answer it."""

    title: str
    source: str | None
    statement: str | None
    variables: Mapping[str, Variable]  # values of givens only
    definitions: tuple[tuple[tuple[str, ...], Expr], ...]
    input: str | None  # the size of a network's input
    layers: tuple[tuple[int, str], ...]  # how deep in blocks, and the layer as it is typed
    questions: tuple[Question, ...]
    language: str = "en"
    conventions: Mapping[str, str] = field(default_factory=dict)
    relevant: frozenset[str] = frozenset()  # the conventions that the answers depend on

    @property
    def points(self) -> float | None:
        counted = [q.points for q in self.questions if q.points is not None]
        return sum(counted) if counted else None


def label(k: int) -> str:
    return f"({chr(97 + k)})" if k < 26 else f"({k + 1})"


def blank(e: Exercise) -> Solution:
    """The exercise as a page without tasks: what the renderers know how to begin."""
    return Solution(
        e.title,
        e.source,
        e.statement,
        e.conventions,
        e.variables,
        (),
        relevant=e.relevant,
        language=e.language,
    )


def definitions(e: Exercise) -> list[tuple[Expr, Expr]]:
    found: list[tuple[Expr, Expr]] = []
    for names, expr in e.definitions:
        left: Expr = Name(names[0]) if len(names) == 1 else List(tuple(map(Name, names)))
        found.append((left, expr))
    return found


def network(e: Exercise) -> list[Text]:
    """What stands above the layers of a network."""
    if e.input is None:
        return []
    return [Text("A network takes an input of the size {size}:", {"size": e.input})]


def numbered(number: int) -> str:
    return plain("Exercise {n}.", n=number)


def heading(number: int, e: Exercise) -> str:
    return f"{numbered(number)} {e.title} {worth(e)}".rstrip()


def worth(thing: Exercise | Question) -> str:
    """The points in words, or nothing."""
    return "" if thing.points is None else words(points(thing.points), str, str)


def room(q: Question) -> float:
    return max(q.height or 0.0, ROOM * max(1.0, min(q.points or 1.0, 6.0)))


# -- templates ------------------------------------------------------------------------------------

_HOLE = re.compile(r"\{\{ *([A-Za-z_]\w*) *\}\}")
_FILLED = ("title", "body")
_HEAD = re.compile(r"<title>.*?</title>|<!--.*?-->", re.DOTALL | re.IGNORECASE)


def filled(template: str, title: str, body: str, braces: bool = False) -> str:
    """An instructor's template with {{title}} and {{body}} filled in.

    braces: the template's language has uses of its own for {{word}}, as LaTeX does; only what
        looks like a mistyped place holder is refused there
    """
    names = [m[1] for m in _HOLE.finditer(template)]
    for name in names:
        near = get_close_matches(name.lower(), _FILLED, 1)
        if name not in _FILLED and (near or not braces):
            raise InputError(
                f"the template has a place holder {{{{{name}}}}} that nothing fills",
                hint=f"did you mean {{{{{near[0]}}}}}?"
                if near
                else "there are {{title}} and {{body}}",
            )
    if "body" not in names:
        raise InputError(
            "the template has no place for the exercises",
            hint="write {{body}} where they belong, and {{title}} where the title does",
        )
    contents = {"title": title, "body": body}
    return _HOLE.sub(lambda m: contents.get(m[1], m[0]), template)


def shows_title(template: str | None) -> bool:
    """Whether the page of an HTML template has the title in it, so that the body needs none."""
    return template is not None and any(
        m[1] == "title" for m in _HOLE.finditer(_HEAD.sub("", template))
    )


# -- LaTeX ----------------------------------------------------------------------------------------

LATEX = r"""\begin{document}
{\LARGE\bfseries\raggedright {{title}}\par}
\vspace{2pt}\hrule\vspace{6pt}
{{body}}
\end{document}
"""


def latex(title: str, exercises: Sequence[Exercise], template: str | None = None) -> str:
    """The sheet as a LaTeX document."""
    rows: list[str] = []
    for number, e in enumerate(exercises, 1):
        with spoken_as(e.language, e.conventions):
            rows += _latex_exercise(number, e)
    return _latex_document(title, rows, template)


def latex_solutions(title: str, solutions: Sequence[Solution], template: str | None = None) -> str:
    """The worked solutions of the same exercises, one after the other."""
    rows: list[str] = []
    for number, s in enumerate(solutions, 1):
        with spoken_as(s.language, s.conventions):
            page = LatexPage(s, 1, None)
            rows.append(rf"\heading{{{escape.latex(numbered(number).rstrip('.'))}}}")
            rows += page.body()
    return _latex_document(title, rows, template)


def _latex_document(title: str, rows: Sequence[str], template: str | None) -> str:
    whole = template or preamble() + LATEX
    return filled(whole, escape.latex(title), "\n".join(rows), braces=True)


def _latex_exercise(number: int, e: Exercise) -> list[str]:
    page = LatexPage(blank(e), 1, None)
    page.heading(heading(number, e))
    page.source()
    page.given(r"\smallskip\textit{%s}\par\nopagebreak")
    for left, right in definitions(e):
        page.equation((left, right))
    for words_ in network(e):
        page.par(page.words(words_))
    for depth, layer in e.layers:
        typed = rf"\texttt{{\small {escape.latex(layer)}}}"
        page.out.append(rf"{{\parskip=0pt\leftskip={1.5 + 1.5 * depth:g}em\relax {typed}\par}}")
    page.conventions()
    for q in e.questions:
        page.out.append(rf"\medskip\textbf{{{q.label}}} {escape.latex(worth(q))} ")
        if q.text:
            page.statement(q.text)
        else:
            page.par(page.words(q.words))
        for t in q.tables:
            page.out.append(r"\nopagebreak")
            page.table(t)
        if not q.tables:
            page.out.append(rf"\vspace{{{room(q):.1f}cm}}")
    return page.out


# -- HTML -----------------------------------------------------------------------------------------


def html(title: str, exercises: Sequence[Exercise], template: str | None = None) -> str:
    """The sheet as one HTML page."""
    rows = _html_title(title, template)
    for number, e in enumerate(exercises, 1):
        with spoken_as(e.language, e.conventions):
            rows += _html_exercise(number, e)
    return _html_document(title, rows, template, [e.language for e in exercises])


def html_solutions(title: str, solutions: Sequence[Solution], template: str | None = None) -> str:
    """The worked solutions of the same exercises as one HTML page."""
    rows = _html_title(title, template)
    for number, s in enumerate(solutions, 1):
        with spoken_as(s.language, s.conventions):
            page = HtmlPage(s, 1)
            page.head(True, f"{numbered(number)} ")
            for task in s.tasks:
                page.task(task)
            page.notes()
            rows += page.out
    return _html_document(title, rows, template, [s.language for s in solutions])


def _html_title(title: str, template: str | None) -> list[str]:
    return [] if shows_title(template) else [f"<header><h1>{escape.html(title)}</h1></header>"]


def _html_document(
    title: str, rows: list[str], template: str | None, languages: Sequence[str]
) -> str:
    if template is not None:
        return filled(template, escape.html(title), "\n".join(rows))
    with speaking(languages[0] if languages else "en"):
        return html_document(title, rows)


def _html_exercise(number: int, e: Exercise) -> list[str]:
    page = HtmlPage(blank(e), 1)
    page.head(False, f"{numbered(number)} ", worth(e))
    page.put('<div class="definitions">')
    for left, right in definitions(e):
        page.put(page.display(left, right))
    page.put(*(f"<p>{page.words(w)}</p>" for w in network(e)))
    for depth, layer in e.layers:
        indent = f' style="margin-left:{1.5 * (depth + 1):g}em"'
        page.put(f'<p class="layer"{indent}><code>{escape.html(layer)}</code></p>')
    page.put("</div>", '<ol class="questions">')
    for q in e.questions:
        page.put(f'<li><b>{q.label}</b><span class="points">{escape.html(worth(q))}</span>')
        if q.text:
            page.statement(q.text)
        else:
            page.put(f"<p>{page.words(q.words)}</p>")
        for t in q.tables:
            page.table(t)
        empty = f'<div class="room" style="height:{room(q):.1f}cm"></div>'
        page.put("</li>" if q.tables else f"{empty}</li>")
    page.put("</ol>")
    return page.out
