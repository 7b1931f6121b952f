r"""A solution as a complete LaTeX document: plain pdflatex and what always comes with it, ASCII."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..expr import Expr, Name
from ..notation.names import size_words
from ..notation.tex_text import tex_text
from ..steps import Solution, TaskResult, Text, Variable, in_turn
from . import breaking, escape, grid
from .figure import tables
from .latex_writer import ENDLESS, Writer
from .outline import (
    Equation,
    Numbered,
    conventions,
    given_equation,
    givens,
    groups,
    heading,
    results,
    uses,
    verdicts,
    visible,
)
from .preamble import file_name, preamble
from .signs import LATEX, chain, members, signed
from .wording import in_its_language, plain


@in_its_language
def latex(
    solution: Solution,
    *,
    level: int = 1,
    picture: str | None = None,
    pictures: Mapping[str, str] | None = None,
) -> str:
    """The document.

    picture: the file name of a diagram to include in the head
    pictures: those of diagrams that tasks draw, by the task's id
    """
    return Document(solution, level, picture, pictures).whole()


class Document(Writer):
    def __init__(
        self,
        solution: Solution,
        level: int,
        picture: str | None,
        pictures: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(solution.variables)
        self.solution = solution
        self.level = level
        self.picture = picture
        self.pictures = pictures or {}

    def whole(self) -> str:
        body = self.body()
        return "\n".join([preamble() + r"\begin{document}", *body, r"\end{document}"]) + "\n"

    def body(self) -> list[str]:
        """What stands between \\begin{document} and \\end{document}."""
        self.head()
        for task in self.solution.tasks:
            self.task(task)
        self.notes()
        return self.out

    # the sheet ---------------------------------------------------------------------------------

    def head(self) -> None:
        self.par(rf"{{\LARGE\bfseries\raggedright {escape.latex(self.solution.title)}\par}}")
        self.source()
        self.out.append(r"\vspace{2pt}\hrule\vspace{6pt}")
        self.given()
        if self.picture:
            self.include(self.picture)
        self.conventions()
        for warning in self.solution.warnings:
            self.par(rf"\textbf{{{self.words(Text('Note.'))}}} {self.words(warning)}")

    def conventions(self) -> None:
        said = conventions(self.solution)
        if said is not None and self.level > 0:
            self.par(rf"{{\small {self.words(in_turn(Text('Conventions:'), said))}}}")

    def include(self, picture: str) -> None:
        """A picture in its own size, or as large as the page allows."""
        self.out.append(rf"\drawing{{{file_name(picture)}}}")

    def notes(self) -> None:
        if self.solution.notes and self.level > 0:
            self.heading(plain("Notes"))
            self.statement(self.solution.notes)

    def heading(self, title: str) -> None:
        self.out.append(rf"\heading{{{escape.latex(title)}}}")

    def source(self) -> None:
        if self.solution.source:
            said = Text("Source: {source}", {"source": self.solution.source})
            self.par(rf"{{\small {self.words(said)}}}")

    def given(self, heading: str = r"\heading{%s}") -> None:
        """The statement and what is given."""
        if self.solution.statement:
            self.statement(self.solution.statement)
        given = givens(self.solution)
        if given:
            self.out.append(heading % self.words(Text("Given")))
            for row in self.packed(given):
                self.display(r" \qquad ".join(row))

    def packed(self, given: list[Variable]) -> list[list[str]]:
        """Given values, several to a line."""
        rows: list[list[str]] = []
        used = 0
        for v in given:
            name = Name(v.name)
            if v.value is None:
                shown = self.math(name)
                if v.shape:
                    shown += rf"\ (\text{{{tex_text(size_words(v.dims))}}})"
                size = 16
            else:
                ((sign, value),) = signed(given_equation(v))
                shown = f"{self.math(name)} {LATEX[sign]} {self.math(value)}"
                size = 8 + self.size(value)
            if not rows or used + size > breaking.ROW:
                rows.append([])
                used = 0
            rows[-1].append(shown)
            used += size
        return rows

    def task(self, task: TaskResult) -> None:
        self.out.append(rf"\heading{{{self.words(heading(task))}}}")
        if task.text:
            self.statement(task.text)
        for title, run in groups(visible(task, self.level)):
            self.par(rf"\smallskip\textit{{{self.words(title)}}}\nopagebreak")
            for n in run:
                self.step(n)
        if task.id in self.pictures:
            self.include(self.pictures[task.id])
        for t in tables(task, task.id in self.pictures, self.level):
            self.table(t)
        for found in results(task):
            self.result(found, task)
        self.verdict(task)

    def step(self, n: Numbered) -> None:
        step = n.step
        if step.kind == "given":
            if step.equation:
                self.equation(members(step))
            else:
                self.par(self.words(step.title))
            return
        rests = f" {self.words(uses(n))}" if self.level > 1 and n.uses else ""
        why = f" {self.words(step.why)}" if step.why is not None and self.level > 0 else ""
        self.out.append(rf"\textbf{{{n.number}.}} {self.words(step.title)}{rests}")
        if step.equation:
            dims = f"({tex_text(size_words(step.jacobian_dims))})" if step.jacobian_dims else ""
            self.equation(members(step), note=dims)
        else:
            self.out.append(r"\par\nopagebreak")
        if why:
            self.remark(why)
        if step.picture is not None and self.level > 0:
            self.display(grid.to_latex(step.picture, self.names))
            self.remark(self.words(step.picture.words))

    def remark(self, shown: str) -> None:
        self.par(
            rf"\nopagebreak\hspace*{{1.5em}}\parbox[t]{{0.93\linewidth}}{{\small {shown.strip()}}}"
        )

    def equation(
        self,
        members: Sequence[Expr],
        note: str = "",
        frame: str = "{}",
    ) -> None:
        """e0 = e1 = … on lines of its own; endless formulas are printed as typed."""
        if any(self.size(m) > ENDLESS for m in members):
            self.par(chain(members, self.inline))
            return
        *first, last = breaking.equation(members, self.names)
        for body in first:
            self.display(frame.replace("{}", body))
        self.display(frame.replace("{}", last), note)

    def result(self, found: Equation, task: TaskResult) -> None:
        note = breaking.size_note(task.dims if task.shape else None, found, self.names)
        dims = f"({tex_text(note)})" if note else ""
        self.equation(found, dims, r"\boxed{{}}")

    def verdict(self, task: TaskResult) -> None:
        for good, said, note in verdicts(task):
            mark = {True: r"\passed{}", None: "? "}.get(good, r"\failed{}")
            more = f"; {self.words(note)}" if note is not None else ""
            self.par(rf"{mark}{self.words(said)}{more}")
