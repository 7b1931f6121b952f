"""A solution as a Typst document, for the embedded typesetter: the page that LaTeX would print.

Everything literal goes through string literals, so that no text can become code; a formula in whose
Typst form code could stand is printed as it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..expr import Expr
from ..notation.latex import latex as formula
from ..notation.text import text as typed
from ..notation.unicode import unicode_text
from ..steps import Diagram, Picture, Solution, Table, TaskResult, Text, Variable, in_turn
from ..words import language
from . import breaking, escape, figure, grid, paper, pipes, statement
from .outline import (
    Numbered,
    conventions,
    given_equation,
    givens,
    groups,
    heading,
    results,
    size_words,
    uses,
    verdicts,
    visible,
)
from .signs import chain, members
from .wording import in_its_language, plain, words

Convert = Callable[[str], str]  # a LaTeX formula into a Typst one

CHINESE_FONTS = (
    "Noto Serif CJK SC", "Noto Sans CJK SC", "Source Han Serif SC", "Source Han Sans SC",
    "Songti SC", "PingFang SC", "SimSun", "Microsoft YaHei", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "AR PL UMing CN", "Droid Sans Fallback",
)  # fmt: skip
PREAMBLE = """#set document(date: none)
#set page(paper: "a4", margin: 2.2cm, numbering: "1")
#set text(font: ({{fonts}}), size: 10.5pt, lang: "{{lang}}")
#set par(spacing: 0.8em, leading: 0.6em)
#show heading.where(level: 1): set text(size: 17pt)
#show heading.where(level: 2): set block(above: 1.6em, below: 0.8em)
#show heading.where(level: 3): set text(size: 10.5pt, style: "italic", weight: "regular")
#show math.equation.where(block: true): set align(left)
#let quiet(body) = text(size: 9pt, fill: luma(35%), body)
// no wider than the page: shrunk only when it must be
#let fit(body) = layout(room => {
  let wanted = measure(body).width
  if wanted > room.width { scale(room.width / wanted * 100%, reflow: true, body) } else { body }
})
#let drawing(body) = layout(room => {
  let wanted = measure(body)
  let factor = calc.min(0.75, room.width / wanted.width, 600pt / wanted.height)
  align(center, scale(factor * 100%, reflow: true, body))
})
#let mono = text.with(font: "DejaVu Sans Mono", size: 0.85em)
#let formula(body, note: none) = block(width: 100%, inset: (left: 2em), breakable: false, grid(
  columns: (1fr, auto), column-gutter: 1em, align: (left + horizon, right + horizon),
  fit(body), if note != none { quiet(note) }))
#let result(body, note: none) = formula(
  box(stroke: 0.6pt, inset: 5pt, body), note: note)
"""


@in_its_language
def typst(solution: Solution, convert: Convert, *, level: int = 1) -> str:
    """The document; `convert` raises ValueError for a formula that it does not know."""
    page = Page(solution, convert, level)
    page.head()
    for task in solution.tasks:
        page.task(task)
    page.notes()
    return document(page.out)


def document(rows: Sequence[str]) -> str:
    """A whole document around the rows of its body."""
    fonts = ["New Computer Modern", *(CHINESE_FONTS if language() == "zh" else ())]
    quoted = ", ".join(_string(f) for f in fonts)
    head = PREAMBLE.replace("{{lang}}", language()).replace("{{fonts}}", f"{quoted},")
    return head + "\n".join(rows) + "\n"


def literal(text: str) -> str:
    """Text as an expression that is only text."""
    return f"#{_string(escape.terminal(text))};" if text else ""


def _string(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


_WORD = re.compile(r"#text\[((?:[A-Za-z0-9 _]|\\_)+)\]")
_MARKS = {"strong": ("#strong[", "]"), "emphasis": ("#emph[", "]"), "code": ("#mono[", "]")}


class Page:
    def __init__(self, solution: Solution, convert: Convert, level: int) -> None:
        self.solution = solution
        self.names = solution.variables
        self.convert = convert
        self.level = level
        self.drawn = figure.drawn(solution, paper=True)
        self.out: list[str] = []

    # pieces ------------------------------------------------------------------------------------

    def tex(self, source: str) -> str | None:
        """A formula without code in it, or None."""
        try:
            found = self.convert(re.sub(r"\\(fitpart|boxed)(?=\{)", "", source))
        except ValueError:
            return None
        found = _WORD.sub(lambda m: _string(m[1].replace("\\", "")), found)
        return None if "#" in found or "$" in found else found

    def math(self, e: Expr) -> str:
        found = self.tex(formula(e, self.names))
        return f"${found}$" if found is not None else f"#raw({_string(typed(e))});"

    def words(self, text: Text) -> str:
        return words(text, self.math, literal)

    def put(self, row: str) -> None:
        self.out += [row, ""]

    def display(self, source: str, note: str = "", kind: str = "formula") -> None:
        found = self.tex(source)
        body = f"$ {found} $" if found is not None else f"#raw({_string(source)});"
        self.put(f"#{kind}([{body}]{f', note: [{note}]' if note else ''})")

    def equation(
        self,
        members: Sequence[Expr],
        note: str = "",
        kind: str = "formula",
    ) -> None:
        *first, last = breaking.equation(members, self.names)
        for body in first:
            self.display(body, kind=kind)
        self.display(last, note, kind)

    # the sheet ---------------------------------------------------------------------------------

    def head(self, number: str = "") -> None:
        """Title to conventions; an exercise of a sheet has a `number`."""
        self.put(f"{'==' if number else '='} {literal(number + self.solution.title)}")
        self.source()
        self.given()
        if "" in self.drawn:
            self.figure(self.drawn[""])
        self.conventions()
        for warning in self.solution.warnings:
            self.put(f"#strong[{self.words(Text('Note.'))}] {self.words(warning)}")

    def conventions(self) -> None:
        said = conventions(self.solution)
        if said is not None and self.level > 0:
            self.put(f"#quiet[{self.words(in_turn(Text('Conventions:'), said))}]")

    def figure(self, diagram: Diagram) -> None:
        from . import picture

        svg = _string(picture.to_svg(figure.source(diagram, self.names)))
        alt = _string(plain("The computational graph"))
        self.put(f'#drawing(image(bytes({svg}), format: "svg", alt: {alt}))')

    def notes(self) -> None:
        if self.solution.notes and self.level > 0:
            self.put(f"== {literal(plain('Notes'))}")
            self.statement(self.solution.notes)

    def source(self) -> None:
        if self.solution.source:
            said = Text("Source: {source}", {"source": self.solution.source})
            self.put(f"#quiet[{self.words(said)}]")

    def given(self) -> None:
        """The statement and what is given."""
        if self.solution.statement:
            self.statement(self.solution.statement)
        given = givens(self.solution)
        if given:
            self.put(f"=== {self.words(Text('Given'))}")
            shown = "#h(2em)\n".join(map(self.value, given))
            self.put(f"#block(inset: (left: 2em))[{shown}]")

    def value(self, v: Variable) -> str:
        members = given_equation(v)
        source = chain(members, lambda e: formula(e, self.names), latex=True)
        note = breaking.size_note(v.dims if v.shape else None, members, self.names)
        size = f" #quiet[({literal(note)})]" if note else ""
        found = self.tex(source)
        shown = f"$display({found})$" if found is not None else self.inline_tex(source)
        return f"#box(inset: (y: 3pt))[{shown}{size}]"

    def written(self, content: tuple[statement.Inline, ...]) -> str:
        return statement.printed(content, literal, lambda t: self.inline_tex(t.latex), _MARKS)

    def statement(self, source: str) -> None:
        for part in statement.read(source):
            tex = part.content[0].tex if part.kind == "display" and part.content else None
            shown = self.written(part.content)
            if part.table is not None:
                self.put(pipes.to_typst(part.table.each(self.written)))
            elif tex is not None:
                self.display(tex.latex)
            elif part.kind == "item":
                self.put(f"- {shown}" if part.mark == "•" else f"{literal(part.mark)} {shown}")
            else:
                self.put(f"#strong[{shown}]" if part.kind == "heading" else shown)

    def inline_tex(self, source: str) -> str:
        found = self.tex(source)
        return f"${found}$" if found is not None else f"#raw({_string(source)});"

    def task(self, task: TaskResult) -> None:
        self.put(f"== {self.words(heading(task))}")
        if task.text:
            self.statement(task.text)
        for title, run in groups(visible(task, self.level)):
            self.put(f"=== {self.words(title)}")
            for n in run:
                self.step(n)
        if task.id in self.drawn:
            self.figure(self.drawn[task.id])
        for t in figure.tables(task, task.id in self.drawn, self.level):
            self.table(t)
        for found in results(task):
            note = breaking.size_note(task.dims if task.shape else None, found, self.names)
            self.equation(found, literal(note), "result")
        self.verdict(task)

    def step(self, n: Numbered) -> None:
        step = n.step
        if step.kind == "given" and step.equation:
            self.equation(members(step))
            return
        lead = "" if step.kind == "given" else f"#strong[{n.number}.] "
        rests = f" {self.words(uses(n))}" if self.level > 1 and n.uses else ""
        title = f"{lead}{self.words(step.title)}{rests}"
        follows = step.equation or (step.why is not None and self.level > 0)
        self.put(f"#block(sticky: true)[{title}]" if follows else title)
        if step.equation:
            dims = literal(size_words(step.jacobian_dims)) if step.jacobian_dims else ""
            self.equation(members(step), note=dims)
        if step.why is not None and self.level > 0:
            self.put(f"#pad(left: 1.5em, quiet[{self.words(step.why)}])")
        if step.picture is not None and self.level > 0:
            self.arrays(step.picture)

    def arrays(self, picture: Picture) -> None:
        svg = _string(grid.to_svg(picture, self.names))
        said = _string(words(picture.words, lambda e: unicode_text(e, self.names), str))
        self.put(
            f'#pad(left: 2em)[#image(bytes({svg}), format: "svg", alt: {said})\n'
            f"#quiet[{self.words(picture.words)}]]"
        )

    def verdict(self, task: TaskResult) -> None:
        for good, said, note in verdicts(task):
            mark = {True: "$checkmark$", None: "?"}.get(good, "$times$")
            more = f"; {self.words(note)}" if note is not None else ""
            self.put(f"{mark} {self.words(said)}{more}")

    def table(self, t: Table) -> None:
        align = ", ".join("right" if i in t.right else "left" for i in range(len(t.columns)))
        head = ", ".join(f"[#strong[{self.cell(c)}]]" for c in t.columns)
        rows = []
        for depth, row in t.indented:
            cells = [f"[{self.cell(x)}]" for x in row]
            cells[0] = f"[#h({depth}em){cells[0][1:]}" if depth else cells[0]
            rows.append(", ".join(cells))
        if t.caption is not None:
            self.put(f"=== {self.words(t.caption)}")
        self.put(
            f"#fit(table(columns: {len(t.columns)}, align: ({align},), "
            "stroke: (x, y) => (bottom: 0.4pt + luma(70%)), inset: (x: 4pt, y: 5pt),\n"
            f"  table.header({head}),\n  " + ",\n  ".join(rows) + "))"
        )
        if t.note is not None:
            self.put(f"#quiet[{self.words(t.note)}]")

    def cell(self, x: object) -> str:
        if isinstance(x, Text):
            return self.words(x)
        if x is None or isinstance(x, str | bool | int | float):
            return literal(paper.cell(x, self.names))
        return self.math(x)  # type: ignore[arg-type]
