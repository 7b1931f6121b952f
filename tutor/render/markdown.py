"""A solution as GitHub Markdown: mathematics in $…$ and ```math fences, everything else literal."""

from __future__ import annotations

from ..expr import Expr
from ..notation.latex import latex as formula
from ..notation.names import size_words
from ..steps import Solution, Table, TaskResult, Text
from . import escape, grid, pipes, statement
from .outline import (
    Numbered,
    conventions,
    given_equation,
    givens,
    groups,
    heading,
    results,
    tables,
    uses,
    verdicts,
    visible,
)
from .signs import chain, members
from .wording import in_its_language, plain, words

_MARKS = {"strong": ("**", "**"), "emphasis": ("*", "*"), "code": ("<code>", "</code>")}


@in_its_language
def markdown(solution: Solution, *, level: int = 1, picture: str | None = None) -> str:
    """The solution; `picture` is the file name of a diagram to show."""
    page = Page(solution, level)
    page.head(picture)
    for task in solution.tasks:
        page.task(task)
    page.notes()
    return "\n".join(page.out).rstrip("\n") + "\n"


class Page:
    def __init__(self, solution: Solution, level: int) -> None:
        self.solution = solution
        self.names = solution.variables
        self.level = level
        self.out: list[str] = []

    def math(self, e: Expr) -> str:
        return escape.markdown_math(formula(e, self.names))

    def inline(self, e: Expr) -> str:
        return _inline(formula(e, self.names))

    def words(self, text: Text) -> str:
        return words(text, self.inline, escape.markdown)

    def put(self, *rows: str) -> None:
        """A block of lines, followed by an empty one."""
        self.out += [*rows, ""]

    def display(self, body: str, indent: str = "") -> None:
        self.put(f"{indent}```math", indent + body, f"{indent}```")

    def head(self, picture: str | None) -> None:
        self.put(f"# {escape.markdown(self.solution.title)}")
        if self.solution.source:
            label = self.words(Text("Source:"))
            self.put(f"*{label}* {escape.markdown(self.solution.source)}")
        if self.solution.statement:
            self.statement(self.solution.statement)
        given = givens(self.solution)
        if given:
            self.put(f"## {self.words(Text('Given'))}")
            for v in given:
                size = f" ({escape.markdown(size_words(v.dims))})" if v.shape else ""
                shown = chain(given_equation(v), self.math, latex=True)
                self.out.append(f"- {_inline(shown)}{size}")
            self.out.append("")
        if picture:
            alternative = self.words(Text("computational graph"))
            self.put(f"![{alternative}](<{picture.replace('>', '%3E')}>)")
        said = conventions(self.solution)
        if said is not None and self.level > 0:
            self.put(f"*{self.words(Text('Conventions:'))}* {self.words(said)}")
        for warning in self.solution.warnings:
            self.put(f"> **{self.words(Text('Note.'))}** {self.words(warning)}")

    def notes(self) -> None:
        if self.solution.notes and self.level > 0:
            self.put(f"## {escape.markdown(plain('Notes'))}")
            self.statement(self.solution.notes)

    def written(self, content: tuple[statement.Inline, ...]) -> str:
        return statement.printed(content, escape.markdown, lambda t: _inline(t.latex), _MARKS)

    def statement(self, source: str) -> None:
        listing = False
        for part in statement.read(source):
            tex = part.content[0].tex if part.kind == "display" and part.content else None
            text = self.written(part.content)
            if listing and part.kind != "item":
                self.out.append("")
            listing = part.kind == "item"
            if part.table is not None:
                self.put(*pipes.to_markdown(part.table.each(self.written)))
            elif listing:
                self.out.append(f"{'-' if part.mark == '•' else part.mark} {text}")
            elif tex is not None:
                self.display(escape.markdown_math(tex.latex))
            else:
                self.put(f"### {text}" if part.kind == "heading" else text)
        if listing:
            self.out.append("")

    def task(self, task: TaskResult) -> None:
        self.put(f"## {self.words(heading(task))}")
        if task.text:
            self.statement(task.text)
        for title, run in groups(visible(task, self.level)):
            self.put(f"### {self.words(title)}")
            for n in run:
                self.step(n)
        for t in tables(task, self.level):
            self.table(t)
        for k, found in enumerate(results(task)):
            body = chain(found, self.math, latex=True)
            if k == 0:
                self.put(f"**{self.words(Text('Result'))}**")
            self.display(rf"\boxed{{{body}}}")
        self.verdict(task)

    def step(self, n: Numbered) -> None:
        step = n.step
        if step.kind == "given":
            shown = chain(members(step), self.math, latex=True)
            self.put(f"- {_inline(shown) if shown else self.words(step.title)}")
            return
        lead = f"{n.number}. "
        indent = " " * len(lead)
        title = self.words(step.title)
        if step.jacobian_dims:
            title += f" ({escape.markdown(size_words(step.jacobian_dims))})"
        if self.level > 1 and n.uses:
            title += f" {self.words(uses(n))}"
        self.put(lead + title)
        if step.equation:
            self.display(chain(members(step), self.math, latex=True), indent)
        if step.why is not None and self.level > 0:
            self.put(indent + self.words(step.why))
        if step.picture is not None and self.level > 0:
            self.display(escape.markdown_math(grid.to_latex(step.picture, self.names)), indent)
            self.put(indent + self.words(step.picture.words))

    def verdict(self, task: TaskResult) -> None:
        for good, said, note in verdicts(task):
            mark = {True: "✓", None: "?"}.get(good, "✗")
            more = f"; {self.words(note)}" if note is not None else ""
            self.put(f"{mark} {self.words(said)}{more}")

    def table(self, t: Table) -> None:
        if t.caption is not None:
            self.put(f"### {self.words(t.caption)}")
        self.out.append("| " + " | ".join(self.cell(c) for c in t.columns) + " |")
        rules = ("---:" if i in t.right else "---" for i in range(len(t.columns)))
        self.out.append("| " + " | ".join(rules) + " |")
        for depth, row in t.indented:
            indent = "&emsp;" * depth
            self.out.append(f"| {indent}" + " | ".join(self.cell(x) for x in row) + " |")
        self.out.append("")
        if t.note is not None:
            self.put(self.words(t.note))

    def cell(self, x: object) -> str:
        if x is None:
            return "–"
        if isinstance(x, Text):
            return self.words(x)
        if isinstance(x, str):
            return escape.markdown(x)
        if isinstance(x, bool | int):
            return str(x)
        if isinstance(x, float):
            return f"{x:.6g}"
        return self.inline(x)  # type: ignore[arg-type]


def _inline(body: str) -> str:
    r"""A formula in a sentence or a table cell, where Markdown would eat `\\` and split at `|`."""
    body = escape.markdown_math(body).replace(r"\\", r"\cr").replace("|", r"\vert ")
    return f"${body}$"
