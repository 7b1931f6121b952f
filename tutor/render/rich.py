"""Results as a notebook shows them: pieces of HTML with a style of their own, no ids, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.resources import files

from ..expr import Expr
from ..notation.latex import latex
from ..notation.unicode import unicode_text
from ..steps import Solution, Step, TaskResult, Variable
from . import sheet
from .escape import html as _plain
from .html import Page
from .json import plain
from .outline import Numbered, result
from .signs import chain
from .wording import in_its_language, spoken_as


@in_its_language
def solution(solved: Solution) -> str:
    """A worked solution; its steps fold."""
    page = Page(solved, 1)
    page.head(True)
    for task in solved.tasks:
        page.task(task)
    page.notes()
    return _framed(page.out)


def exercise(e: sheet.Exercise) -> str:
    """A problem: statement, givens, definitions and questions, without answers."""
    with spoken_as(e.language, e.conventions):
        return _exercise(e)


def _exercise(e: sheet.Exercise) -> str:
    page = Page(sheet.blank(e), 1)
    page.head(False)
    for left, right in sheet.definitions(e):
        page.put(page.display(left, right))
    page.put(*(f"<p>{page.words(w)}</p>" for w in sheet.network(e)))
    for depth, layer in e.layers:
        page.put(f'<p style="margin-left:{1.5 * (depth + 1):g}em"><code>{_plain(layer)}</code></p>')
    page.put('<ol class="questions">')
    for q in e.questions:
        page.put(f"<li><b>{q.label}</b> ")
        if q.text:
            page.statement(q.text)
        else:
            page.put(f"<p>{page.words(q.words)}</p>")
        page.put("</li>")
    page.put("</ol>")
    return _framed(page.out)


def formula(task: TaskResult, names: Mapping[str, Variable]) -> str | None:
    """What the task found, as LaTeX between dollars: its formula, and its value if it has one."""
    members: list[Expr] = [] if task.symbol is None else [task.symbol]
    members += [] if task.formula is None else [task.formula]
    if task.value is not None:
        members += [m for m in result(task) if m not in members]
    tex = chain(members, lambda m: latex(m, names), latex=True)
    return rf"$\displaystyle {tex}$" if tex else None


@dataclass(frozen=True)
class ShownStep(Step):
    """A step that knows the names of its problem, so that a notebook can typeset it."""

    names: Mapping[str, Variable] = field(default_factory=dict, repr=False, compare=False)
    language: str = field(default="en", repr=False, compare=False)
    conventions: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        """The title and, where it is short, the equation, on one line."""
        with spoken_as(self.language, self.conventions):
            said = plain(self.title)
            shown = chain(self.equation, lambda e: unicode_text(e, self.names))
        return f"<Step {said}: {shown}>" if 0 < len(shown) <= 120 else f"<Step {said}>"

    def _repr_html_(self) -> str:
        page = _loose(self.names)
        page.put("<ul>" if self.kind == "given" else '<ol class="single">')
        with spoken_as(self.language, self.conventions):
            page.step(Numbered(1, self, ()))
        page.put("</ul>" if self.kind == "given" else "</ol>")
        return _framed(page.out)


class ShownSteps(tuple[ShownStep, ...]):
    """The steps of a derivation; a notebook shows them as a numbered list."""

    def __repr__(self) -> str:
        return "\n".join(f"{k}. {str(step)[6:-1]}" for k, step in enumerate(self, 1))

    def _repr_html_(self) -> str:
        page = _loose(self[0].names if self else {})
        shown = [s for s in self if s.kind != "given" and s.level <= 1]
        page.put("<ol>")
        for k, step in enumerate(shown, 1):
            with spoken_as(step.language, step.conventions):
                page.step(Numbered(k, step, ()))
        page.put("</ol>")
        return _framed(page.out)


def steps(
    found: Sequence[Step],
    names: Mapping[str, Variable],
    language: str = "en",
    conventions: Mapping[str, str] | None = None,
) -> ShownSteps:
    """The steps, each with what it needs to be shown."""
    own = {"names": names, "language": language, "conventions": conventions or {}}
    return ShownSteps(
        ShownStep(**{f.name: getattr(s, f.name) for f in fields(Step)}, **own) for s in found
    )


def _loose(names: Mapping[str, Variable]) -> Page:
    return Page(Solution("", None, None, {}, names, ()), 1)


def _framed(rows: Sequence[str]) -> str:
    """The rows in a box whose style reaches nothing outside of it."""
    style = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    style = style.replace(":root", ":scope").replace("body {", ":scope {", 1)
    return (
        f'<div class="tutor-page"><style>@scope (.tutor-page) {{\n{style}}}</style>\n'
        + "\n".join(rows)
        + "\n</div>"
    )
