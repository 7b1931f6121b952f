r"""The pieces of a LaTeX page: formulas, words, statements and tables, for plain pdflatex."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..expr import Expr
from ..notation.latex import latex as formula
from ..notation.text import text
from ..steps import Table, Text, Variable
from . import breaking, escape, latex_table, paper, pipes, statement
from .wording import words

ENDLESS = 600  # a formula longer than this is printed as typed, broken anywhere

_MARKS = {
    "strong": (r"\textbf{", "}"),
    "emphasis": (r"\emph{", "}"),
    "code": (r"\texttt{", "}"),
}


_MATRIX = re.compile(
    r"(\\begin\{bmatrix\})((?:(?!\\begin\{bmatrix\}).)*?)(\\end\{bmatrix\})", re.DOTALL
)


def spaced(formula_: str) -> str:
    """Rows of fractions a little further apart, which TeX would set touching one another."""
    return _MATRIX.sub(
        lambda m: m[1] + (m[2].replace(r" \\ ", r" \\[3pt] ") if "frac" in m[2] else m[2]) + m[3],
        formula_,
    )


def _written(content: tuple[statement.Inline, ...]) -> str:
    return statement.printed(content, escape.latex, lambda tex: f"${tex.latex}$", _MARKS)


class Writer:
    """Collects the rows of a document in `out`."""

    def __init__(self, names: Mapping[str, Variable]) -> None:
        self.names = names
        self.out: list[str] = []

    def math(self, e: Expr) -> str:
        return spaced(formula(e, self.names))

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
        self.out.append(rf"\formula{{{spaced(body)}}}{{{tag}}}")

    def statement(self, source: str) -> None:
        items: list[str] = []
        for part in statement.read(source):
            shown = _written(part.content)
            if part.kind == "item":
                mark = r"$\bullet$" if part.mark == "•" else escape.latex(part.mark)
                items.append(rf"\item[{mark}] {shown}")
                continue
            self.flush(items)
            tex = part.content[0].tex if part.kind == "display" else None
            if part.table is not None:
                self.out.append(pipes.to_latex(part.table.each(_written)))
            elif tex is not None:
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

    def table(self, t: Table) -> None:
        if t.caption is not None:
            self.par(
                rf"\room{{6\baselineskip}}\smallskip\textit{{{self.words(t.caption)}}}\nopagebreak"
            )
        head = [rf"\textbf{{{self.cell(c)}}}" for c in t.columns]
        rows = [[self.cell(x) for x in row] for row in t.rows]
        plain = [[paper.cell(x, self.names) for x in row] for row in (t.columns, *t.rows)]
        for row, looks, (depth, _) in zip(rows, plain[1:], t.indented, strict=True):
            row[0] = rf"\hspace*{{{depth}em}}{row[0]}" if depth else row[0]
            looks[0] = "  " * depth + looks[0]
        if latex_table.breaks(plain):
            self.out.append(latex_table.broken(head, rows, plain, t.right))
        else:
            self.out += latex_table.table(head, rows, t.right)
        if t.note is not None:
            self.par(rf"{{\small {self.words(t.note)}}}")

    def paragraph(self, words_: str, size: int) -> str:
        """A long cell is set as a small paragraph."""
        if size <= latex_table.CELL:
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
