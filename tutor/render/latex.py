r"""A solution as a complete LaTeX document: plain pdflatex, amsmath and graphicx, ASCII source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..expr import Expr, Name
from ..notation.latex import latex as formula
from ..notation.names import size_words
from ..notation.tex_text import tex_text
from ..notation.text import text
from ..steps import Solution, Table, TaskResult, Text, Variable
from . import breaking, escape, grid, statement
from .outline import (
    Equation,
    Numbered,
    answer_words,
    check_words,
    conventions,
    given_term,
    givens,
    groups,
    heading,
    result,
    tables,
    uses,
    visible,
)
from .preamble import PREAMBLE, file_name
from .wording import in_its_language, plain, words

ENDLESS = 600  # a formula longer than this is printed as typed, broken anywhere
CELL = 48  # a table cell longer than this is a small paragraph
TABLE_LINES = 40  # of a table before it is continued in another

_MARKS = {
    "strong": (r"\textbf{", "}"),
    "emphasis": (r"\emph{", "}"),
    "code": (r"\texttt{", "}"),
}


@in_its_language
def latex(solution: Solution, *, level: int = 1, picture: str | None = None) -> str:
    """The document; `picture` is the file name of a diagram to include."""
    return Document(solution, level, picture).whole()


class Document:
    def __init__(self, solution: Solution, level: int, picture: str | None) -> None:
        self.solution = solution
        self.names = solution.variables
        self.level = level
        self.picture = picture
        self.out: list[str] = []

    def whole(self) -> str:
        body = self.body()
        return "\n".join([PREAMBLE + r"\begin{document}", *body, r"\end{document}"]) + "\n"

    def body(self) -> list[str]:
        """What stands between \\begin{document} and \\end{document}."""
        self.head()
        for task in self.solution.tasks:
            self.task(task)
        self.notes()
        return self.out

    # pieces ------------------------------------------------------------------------------------

    def math(self, e: Expr) -> str:
        return formula(e, self.names)

    def size(self, e: Expr) -> int:
        return breaking.size(e, self.names)

    def typed(self, e: Expr) -> str:
        """The input syntax, which may be broken anywhere."""
        return rf"\texttt{{\small {escape.latex(text(e))}}}"

    def inline(self, e: Expr) -> str:
        if self.size(e) > ENDLESS:
            return self.typed(e)
        if self.size(e) > breaking.ROW // 2:
            return rf"\fitinline{{{self.math(e)}}}"
        return f"${self.math(e)}$"

    def words(self, text: Text) -> str:
        return words(text, self.inline, escape.latex)

    def par(self, text: str) -> None:
        self.out.append(text + r"\par")

    def display(self, body: str, tag: str = "") -> None:
        self.out.append(rf"\formula{{{body}}}{{{tag}}}")

    # the sheet ---------------------------------------------------------------------------------

    def head(self) -> None:
        self.par(rf"{{\LARGE\bfseries\raggedright {escape.latex(self.solution.title)}\par}}")
        self.source()
        self.out.append(r"\vspace{2pt}\hrule\vspace{6pt}")
        self.given()
        if self.picture:
            self.out += [
                r"\begin{center}",
                rf"\includegraphics[width=\linewidth,height=0.4\textheight,keepaspectratio]"
                rf"{{{file_name(self.picture)}}}",
                r"\end{center}",
            ]
        said = conventions(self.solution)
        if said is not None and self.level > 0:
            self.par(rf"{{\small {self.words(Text('Conventions:'))} {self.words(said)}}}")
        for warning in self.solution.warnings:
            self.par(rf"\textbf{{{self.words(Text('Note.'))}}} {self.words(warning)}")

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

    def statement(self, source: str) -> None:
        items: list[str] = []
        for part in statement.read(source):
            shown = statement.printed(
                part.content, escape.latex, lambda tex: f"${tex.latex}$", _MARKS
            )
            if part.kind == "item":
                mark = r"$\bullet$" if part.mark == "•" else escape.latex(part.mark)
                items.append(rf"\item[{mark}] {shown}")
                continue
            self.flush(items)
            tex = part.content[0].tex if part.kind == "display" else None
            if tex is not None:
                self.display(tex.latex)
            elif part.kind == "heading":
                self.par(rf"\textbf{{{shown}}}")
            else:
                self.par(shown)
        self.flush(items)

    def flush(self, items: list[str]) -> None:
        if items:
            self.out += [r"\begin{itemize}\setlength{\itemsep}{0pt}", *items, r"\end{itemize}"]
            items.clear()

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
                value = given_term(v.value, self.solution)
                shown = f"{self.math(name)} = {self.math(value)}"
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
        for t in tables(task):
            self.table(t)
        found = result(task)
        if found is not None:
            self.result(found, task)
        self.verdict(task)

    def step(self, n: Numbered) -> None:
        step = n.step
        if step.kind == "given":
            if step.equation:
                self.equation(step.equation, step.approx)
            else:
                self.par(self.words(step.title))
            return
        rests = f" {self.words(uses(n))}" if self.level > 1 and n.uses else ""
        why = f" {self.words(step.why)}" if step.why is not None and self.level > 0 else ""
        self.out.append(rf"\textbf{{{n.number}.}} {self.words(step.title)}{rests}")
        if step.equation:
            dims = f"({tex_text(size_words(step.jacobian_dims))})" if step.jacobian_dims else ""
            self.equation(step.equation, step.approx, note=dims)
        else:
            self.par("")
        if why:
            self.remark(why)
        if step.picture is not None and self.level > 0:
            self.display(grid.to_latex(step.picture, self.names))
            self.remark(self.words(step.picture.words))

    def remark(self, shown: str) -> None:
        self.par(rf"\hspace*{{1.5em}}\parbox[t]{{0.93\linewidth}}{{\small {shown.strip()}}}")

    def equation(
        self,
        members: Sequence[Expr],
        decimal: Expr | None = None,
        sign: str = r"\approx",
        note: str = "",
        frame: str = "{}",
    ) -> None:
        """e0 = e1 = … on lines of its own; endless formulas are printed as typed."""
        if any(self.size(m) > ENDLESS for m in members):
            self.par(" = ".join(self.inline(m) for m in members))
            return
        *first, last = breaking.equation(members, self.names, decimal, sign)
        for body in first:
            self.display(frame.replace("{}", body))
        self.display(frame.replace("{}", last), note)

    def result(self, found: Equation, task: TaskResult) -> None:
        sign = "=" if found.exact else r"\approx"
        dims = f"({tex_text(size_words(task.dims))})" if task.shape and task.dims else ""
        self.equation(found.members, found.decimal, sign, dims, r"\boxed{{}}")

    def verdict(self, task: TaskResult) -> None:
        if task.check is not None:
            mark = r"\passed{}" if task.check.passed else r"\failed{}"
            note = f"; {self.words(task.check.note)}" if task.check.note is not None else ""
            self.par(rf"{mark}{self.words(check_words(task.check))}{note}")
        if task.answer is not None:
            mark = {True: r"\passed{}", None: "? "}.get(task.answer.correct, r"\failed{}")
            note = f"; {self.words(task.answer.note)}" if task.answer.note is not None else ""
            self.par(rf"{mark}{self.words(answer_words(task))}{note}")

    def table(self, t: Table) -> None:
        head = " & ".join(rf"\textbf{{{self.cell(c)}}}" for c in t.columns)
        spec = "".join("r" if i in t.right else "l" for i in range(len(t.columns)))
        for rows in self.pages(t):
            body = rf"{head} \\ \hline " + r" \\ ".join(rows)
            self.out.append(
                rf"\smallskip\fit{{\linewidth}}{{\small\begin{{tabular}}{{@{{}}{spec}@{{}}}} "
                rf"{body} \end{{tabular}}}}\par\smallskip"
            )

    def pages(self, t: Table) -> Iterator[list[str]]:
        """The rows, in tables that fit on a page."""
        rows: list[str] = []
        lines = 0
        for row in t.rows:
            cells = [self.cell(x) for x in row]
            tall = max(len(c) // CELL + c.count(r"\\") for c in cells) + 1
            if rows and lines + tall > TABLE_LINES:
                yield rows
                rows, lines = [], 0
            rows.append(" & ".join(cells))
            lines += tall
        yield rows

    def paragraph(self, words_: str, size: int) -> str:
        """A long cell is set as a small paragraph."""
        if size <= CELL:
            return words_
        return rf"\parbox[t]{{8cm}}{{\raggedright\strut {words_}\strut}}"

    def cell(self, x: object) -> str:
        if x is None:
            return "--"
        if isinstance(x, Text):
            if len(x.message) > ENDLESS:
                x = Text(x.message[:ENDLESS] + "…", x.args)
            return self.paragraph(self.words(x), len(x.message))
        if isinstance(x, str):
            x = x if len(x) <= ENDLESS else x[:ENDLESS] + "…"
            return self.paragraph(escape.latex(x), len(x))
        if isinstance(x, bool | int):
            return str(x)
        if isinstance(x, float):
            return f"${x:.6g}$"
        if self.size(x) > ENDLESS // 2:  # type: ignore[arg-type]
            return self.cell(text(x))  # type: ignore[arg-type]
        return rf"\roomy{{{self.math(x)}}}"  # type: ignore[arg-type]
