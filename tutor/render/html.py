"""A solution as one HTML page: MathML, folding steps, no script, nothing fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

from ..expr import Expr
from ..notation.latex import latex as formula
from ..notation.names import size_words
from ..notation.text import text as typed
from ..notation.unicode import unicode_text
from ..steps import Curve, Diagram, Solution, Table, TaskResult, Text, in_turn
from ..words import html_code
from . import breaking, figure, grid, paper, pipes, statement
from .escape import html as _plain
from .mathml import MathML, scrolled
from .outline import (
    Equation,
    Numbered,
    conventions,
    curve_words,
    diagram_table,
    given_equation,
    givens,
    groups,
    heading,
    own_tables,
    points,
    results,
    uses,
    verdicts,
    visible,
)
from .signs import members
from .wording import in_its_language, plain, words

AS_TABLE = Text("The computational graph as a table")

_MARKS = {
    "strong": ("<strong>", "</strong>"),
    "emphasis": ("<em>", "</em>"),
    "code": ("<code>", "</code>"),
}


@in_its_language
def html(solution: Solution, *, level: int = 1, graph: bool = True) -> str:
    """The page; `graph` includes the computational graph where there is one."""
    page = Page(solution, level)
    page.head(graph)
    for task in solution.tasks:
        page.task(task)
    page.notes()
    return document(solution.title, page.out)


def document(title: str, rows: Sequence[str]) -> str:
    """A whole page around the rows of its body."""
    style = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    return (
        f'<!DOCTYPE html>\n<html lang="{html_code()}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_plain(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(rows)
        + "\n</main>\n</body>\n</html>\n"
    )


def _shrinking(svg: str) -> str:
    """The picture shrinks with the page down to three quarters, then it scrolls."""
    size = re.search(r'width="([\d.]+)"', svg)
    least = f' style="min-width:{0.75 * float(size[1]):.0f}px"' if size else ""
    return svg.replace("<svg", "<svg" + least, 1)


class Page:
    def __init__(self, solution: Solution, level: int) -> None:
        self.solution = solution
        self.names = solution.variables
        self.level = level
        self.drawn = figure.drawn(solution)
        self.mathml = MathML()
        self.out: list[str] = []

    # pieces ------------------------------------------------------------------------------------

    def math(self, e: Expr) -> str:
        found = self.mathml(formula(e, self.names), False)
        return found or f"<code>{_plain(typed(e))}</code>"

    def display(self, *members: Expr) -> str:
        """e0 = e1 = … on a line of its own, broken or scrolled where it is too wide."""
        return self.mathml.lines(members, self.names)

    def words(self, text: Text) -> str:
        return words(text, self.math, _plain)

    def put(self, *rows: str) -> None:
        self.out += rows

    # the sheet ---------------------------------------------------------------------------------

    def head(self, graph: bool, number: str = "", note: str = "") -> None:
        """Title to conventions; an exercise of a sheet has a `number`, and a note of its points."""
        solution = self.solution
        rank = "h2" if number else "h1"
        title = f"{_plain(number + solution.title)}"
        points = f' <span class="points">{_plain(note.strip())}</span>' if note else ""
        self.put("<header>", f"<{rank}>{title}{points}</{rank}>")
        if solution.source:
            said = self.words(Text("Source: {source}", {"source": solution.source}))
            self.put(f'<p class="source">{said}</p>')
        self.put("</header>")
        if solution.statement:
            self.put('<div class="statement">')
            self.statement(solution.statement)
            self.put("</div>")
        given = givens(solution)
        if given:
            label = self.words(Text("Given"))
            below = "h3" if number else "h2"
            self.put('<section class="given">', f"<{below}>{label}</{below}>", "<ul>")
            for v in given:
                members = given_equation(v)
                size = self.size(v.dims if v.shape else None, *members)
                self.put(f"<li>{self.display(*members)}{size}</li>")
            self.put("</ul>", "</section>")
        if graph and "" in self.drawn:
            self.figure(self.drawn[""])
        listed = conventions(solution)
        if listed is not None and self.level > 0:
            said = self.words(in_turn(Text("Conventions:"), listed))
            self.put(f'<p class="conventions">{said}</p>')
        for warning in solution.warnings:
            label = self.words(Text("Note."))
            self.put(f'<p class="note"><strong>{label}</strong> {self.words(warning)}</p>')

    def notes(self) -> None:
        """What the author remarks on source and answers, behind everything else."""
        if self.solution.notes and self.level > 0:
            self.put('<section class="notes">', f"<h2>{_plain(plain('Notes'))}</h2>")
            self.statement(self.solution.notes)
            self.put("</section>")

    def written(self, content: tuple[statement.Inline, ...]) -> str:
        return statement.printed(content, _plain, lambda t: self.tex(t.latex), _MARKS)

    def statement(self, source: str) -> None:
        listing = False
        for part in statement.read(source):
            tex = part.content[0].tex if part.kind == "display" and part.content else None
            shown = self.written(part.content)
            if listing and part.kind != "item":
                self.put("</ul>")
            if part.kind == "item" and not listing:
                self.put("<ul>")
            listing = part.kind == "item"
            if part.table is not None:
                self.put(*pipes.to_html(part.table.each(self.written)))
            elif listing:
                mark = "" if part.mark == "•" else f'<span class="mark">{_plain(part.mark)}</span> '
                self.put(f"<li{' class=marked' if mark else ''}>{mark}{shown}</li>")
            elif tex is not None:
                self.put(scrolled("display", self.tex(tex.latex, True)))
            else:
                self.put(f"<h3>{shown}</h3>" if part.kind == "heading" else f"<p>{shown}</p>")
        if listing:
            self.put("</ul>")

    def tex(self, source: str, display: bool = False) -> str:
        return self.mathml(source, display) or f"<code>{_plain(source)}</code>"

    def figure(self, diagram: Diagram) -> None:
        from . import picture

        svg = picture.to_svg(figure.source(diagram, self.names))
        svg = _shrinking(svg[svg.index("<svg") :].rstrip())
        self.put(
            "<figure>",
            scrolled("picture", svg),
            f"<figcaption><details><summary>{self.words(AS_TABLE)}</summary>",
        )
        self.table(diagram_table(diagram))
        self.put("</details></figcaption>", "</figure>")

    # tasks -------------------------------------------------------------------------------------

    def task(self, task: TaskResult) -> None:
        label = self.words(heading(replace(task, points=None)))
        if task.points is not None:
            label += f' <span class="points">{self.words(points(task.points))}</span>'
        self.put('<section class="task">', f"<h2>{label}</h2>")
        if task.text:
            self.put('<div class="question">')
            self.statement(task.text)
            self.put("</div>")
        for name, run in groups(visible(task, self.level)):
            self.put("<details open>", f"<summary><h3>{self.words(name)}</h3></summary>")
            given = run[0].step.kind == "given"
            self.put('<ul class="values">' if given else f'<ol start="{run[0].number}">')
            for n in run:
                self.step(n)
            self.put("</ul>" if given else "</ol>", "</details>")
        if task.id in self.drawn:
            self.figure(self.drawn[task.id])
        elif task.diagram is not None:
            self.table(diagram_table(task.diagram))
        for t in own_tables(task, self.level):
            self.table(t)
        if task.curve is not None and len(task.curve.values) > 1:
            self.course(task.curve)
        for found in results(task):
            self.result(task, found)
        self.verdict(task)
        self.put("</section>")

    def course(self, course: Curve) -> None:
        """The values from step to step as a line."""
        from . import curve

        quantity = unicode_text(course.quantity, self.names)
        label = plain(course.label)
        svg = curve.to_svg([(label, quantity, course.values)], label)
        shown = scrolled("picture", _shrinking(svg[svg.index("<svg") :].rstrip()))
        said = self.words(curve_words(course)).rstrip(":")
        self.put(f"<figure>{shown}", f"<figcaption>{said}.</figcaption></figure>")

    def step(self, n: Numbered) -> None:
        step = n.step
        if step.kind == "given":
            body = self.display(*members(step)) if step.equation else self.words(step.title)
            self.put(f"<li>{body}</li>")
            return
        size = size_words(step.jacobian_dims) if step.jacobian_dims else None
        tag = f' <span class="size">{_plain(size)}</span>' if size else ""
        title = f"{self.words(step.title)}{tag}"
        if self.level > 1 and n.uses:
            title += f' <span class="uses">{self.words(uses(n))}</span>'
        self.put(f'<li value="{n.number}"><p class="title">{title}</p>')
        if step.equation:
            self.put(self.display(*members(step)))
        if step.why is not None and self.level > 0:
            self.put(f'<p class="why">{self.words(step.why)}</p>')
        if step.picture is not None and self.level > 0:
            svg = scrolled("arrays", grid.to_svg(step.picture, self.names))
            said = self.words(step.picture.words)
            self.put(f"<figure>{svg}", f"<figcaption>{said}</figcaption></figure>")
        self.put("</li>")

    def result(self, task: TaskResult, found: Equation) -> None:
        label = self.words(Text("Result"))
        size = self.size(task.dims if task.shape else None, *found)
        body = self.display(*found)
        self.put(f'<div class="result"><span class="label">{label}</span>{body}{size}</div>')

    def size(self, dims: str | None, *terms: Expr | None) -> str:
        note = breaking.size_note(dims, terms, self.names)
        return f' <span class="size">{_plain(note)}</span>' if note else ""

    def verdict(self, task: TaskResult) -> None:
        for good, said, note in verdicts(task):
            more = f"; {self.words(note)}" if note is not None else ""
            kind, mark = {True: ("good", "✓"), None: ("open", "?")}.get(good, ("bad", "✗"))
            self.put(f'<p class="verdict {kind}">{mark} {self.words(said)}{more}</p>')

    def table(self, t: Table) -> None:
        self.put('<div class="table" tabindex="0">', "<table>")
        if t.caption is not None:
            self.put(f"<caption>{self.words(t.caption)}</caption>")
        self.put("<thead><tr>")
        right = [' class="right"' if i in t.right else "" for i in range(len(t.columns))]
        self.put(
            *(
                f'<th scope="col"{r}>{self.cell(c)}</th>'
                for c, r in zip(t.columns, right, strict=True)
            )
        )
        self.put("</tr></thead>", "<tbody>")
        for depth, row in t.indented:
            deep = [f' style="padding-left:{0.7 + depth:g}rem"' if depth else right[0], *right[1:]]
            cells = (f"<td{r}>{self.cell(x)}</td>" for x, r in zip(row, deep, strict=False))
            self.put("<tr>" + "".join(cells) + "</tr>")
        self.put("</tbody></table></div>")
        if t.note is not None:
            self.put(f'<p class="why">{self.words(t.note)}</p>')

    def cell(self, x: object) -> str:
        if isinstance(x, Text):
            return self.words(x)
        if x is None or isinstance(x, str | bool | int | float):
            return _plain(paper.cell(x, self.names))
        return self.math(x)  # type: ignore[arg-type]
