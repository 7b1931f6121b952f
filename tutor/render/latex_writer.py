r"""The pieces of a LaTeX page: formulas, words, statements and tables, for plain pdflatex."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..expr import Expr
from ..notation.latex import latex as formula
from ..notation.text import text
from ..steps import Table, Text, Variable
from . import breaking, escape, statement
from .wording import words

ENDLESS = 600  # a formula longer than this is printed as typed, broken anywhere
CELL = 48  # a table cell longer than this is a small paragraph
TABLE_LINES = 40  # of a table before it is continued in another

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
