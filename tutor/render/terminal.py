"""A solution as text for a terminal: a worked sheet, readable without colour."""

from __future__ import annotations

from ..expr import Name
from ..notation.block import Block, beside, line, width
from ..notation.names import size_words
from ..notation.unicode import layout
from ..steps import Picture, Solution, TaskResult, Text, Variable, in_turn
from . import escape, grid_text, paper, pipes, statement
from .outline import (
    Equation,
    Numbered,
    conventions,
    curve_words,
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
from .signs import members, signed
from .sparkline import sparkline
from .wording import in_its_language, plain

_STYLES = {"bold": "1", "dim": "2", "green": "32", "red": "1;31", "blue": "36"}
NARROWEST = 40


@in_its_language
def terminal(solution: Solution, *, width: int = 80, colour: bool = False, level: int = 1) -> str:
    """The worked solution; `level` is 0 (brief), 1 (normal) or 2 (detailed)."""
    sheet = _Sheet(solution, max(width, NARROWEST), colour, level)
    sheet.head()
    for task in solution.tasks:
        sheet.task(task)
    sheet.foot()
    return "\n".join(sheet.rows) + "\n"


def _plain(content: tuple[statement.Inline, ...]) -> str:
    """A piece of a statement in one line of characters."""
    return statement.printed(content, escape.terminal, lambda t: escape.terminal(t.plain), {})


class _Sheet:
    def __init__(self, solution: Solution, columns: int, colour: bool, level: int) -> None:
        self.solution = solution
        self.names = solution.variables
        self.columns = columns
        self.colour = colour
        self.level = level
        self.rows: list[str] = []
        self.marked: set[str] = set()  # marks of arrays that have been explained

    # lines -------------------------------------------------------------------------------------

    def put(self, row: str = "", style: str | None = None, indent: int = 0) -> None:
        row = row.rstrip()
        if row and self.colour and style:
            row = f"\x1b[{_STYLES[style]}m{row}\x1b[0m"
        self.rows.append(" " * indent + row if row else "")

    def blank(self) -> None:
        if self.rows and self.rows[-1]:
            self.rows.append("")

    def words(self, text: str, style: str | None = None, indent: int = 0, hang: int = 0) -> None:
        """Wrapped words; lines after the first are indented by `hang` more."""
        rows = paper.wrap(text, self.columns - indent - hang)
        for i, row in enumerate(rows):
            self.put(row, style, indent + (hang if i else 0))

    def blocks(self, blocks: list[Block], indent: int, style: str | None = None) -> None:
        for b in blocks:
            for row in b.lines:
                self.put(row, style, indent)

    def sentence(self, text: Text) -> str:
        return paper.sentence(text, self.names)

    # parts -------------------------------------------------------------------------------------

    def head(self) -> None:
        title = escape.terminal(self.solution.title)
        rows = paper.wrap(title, self.columns)
        for row in rows:
            self.put(row, "bold")
        self.put("═" * max(map(width, rows)), "bold")
        if self.solution.source:
            source = Text("Source: {source}", {"source": self.solution.source})
            self.words(self.sentence(source), "dim")
        if self.solution.statement:
            self.blank()
            self.statement(self.solution.statement)
        given = givens(self.solution)
        if given:
            self.blank()
            self.put(self.sentence(Text("Given")), "bold")
            self.blocks(paper.row_of([self.given(v) for v in given], self.columns - 4), 4)
        said = conventions(self.solution)
        if said is not None and self.level > 0:
            self.blank()
            self.words(self.sentence(in_turn(Text("Conventions:"), said)), "dim")
        for warning in self.solution.warnings:
            self.blank()
            self.words(f"! {self.sentence(warning)}", "red", hang=2)

    def statement(self, source: str) -> None:
        for k, part in enumerate(statement.read(source)):
            if k and part.kind not in ("item", "display"):
                self.blank()
            text = _plain(part.content)
            if part.table is not None:
                for row in pipes.to_rows(part.table.each(_plain), self.columns - 4):
                    self.put(row, None, 4)
            elif part.kind == "item":
                self.words(f"{part.mark} {text}", indent=4, hang=len(part.mark) + 1)
            elif part.kind == "display":
                self.words(text, indent=6)
            else:
                self.words(text, "bold" if part.kind == "heading" else None, indent=2)

    def given(self, v: Variable) -> Block:
        name = line(layout(Name(v.name), self.names).lines[0])
        if v.value is None:
            size = Text("({size}, no value)", {"size": size_words(v.dims)})
            said = self.sentence(size if v.shape else Text("(a scalar, no value)"))
            return beside(name, f" {said}")
        size = f"  ({size_words(v.dims)})" if v.shape else ""
        room = self.columns - 4 - name.width - 3 - len(size)
        ((sign, term),) = signed(given_equation(v))
        value = paper.member(term, room, self.names)
        said = any(size.strip() in row for row in value.lines)  # by an array that is not whole
        return beside(name, f" {sign} ", value, "" if said else size)

    def task(self, task: TaskResult) -> None:
        self.blank()
        rows = paper.wrap(self.sentence(heading(task)), self.columns - 3)
        for row in rows[:-1]:
            self.put(f"── {row}", "bold")
        last = f"── {rows[-1]} "
        self.put(last + "─" * (self.columns - width(last)), "bold")
        if task.text:
            self.statement(task.text)
        for title, run in groups(visible(task, self.level)):
            self.put(self.sentence(title), "blue", 2)
            if run[0].step.kind == "given":
                self.compact(run)
            else:
                for step in run:
                    self.step(step)
        for t in tables(task, self.level):
            if t.caption is not None:
                self.put(self.sentence(t.caption), "blue", 2)
            for row in paper.table(t, self.columns - 4, self.names):
                self.put(row, None, 4)
            if t.note is not None:
                self.words(self.sentence(t.note), "dim", 4)
        self.curve(task)
        self.result(task)
        self.verdict(task)

    def compact(self, run: list[Numbered]) -> None:
        """Givens need no words: side by side."""
        blocks: list[Block] = []
        for n in run:
            if n.step.equation:
                blocks += paper.equation(members(n.step), self.columns - 4, self.names)
            else:
                self.words(self.sentence(n.step.title), indent=4)
        self.blocks(paper.row_of(blocks, self.columns - 4), 4)

    def step(self, n: Numbered) -> None:
        step = n.step
        title = self.sentence(step.title)
        if self.level > 1 and n.uses:
            title += f"  {self.sentence(uses(n))}".replace(" ", paper.GLUE)
        lead = f"{n.number:>2}. "
        rows = paper.wrap(title, self.columns - 4 - len(lead))
        self.put(lead + rows[0], None, 4)
        for row in rows[1:]:
            self.put(row, None, 8)
        indent = 10
        room = self.columns - indent
        if step.equation:
            blocks = paper.equation(members(step), room, self.names)
            if step.jacobian_dims:
                note = f"({size_words(step.jacobian_dims)})"
                blocks[-1] = paper.flush_right(blocks[-1], note, room)
            self.blocks(blocks, indent)
        if step.why is not None and self.level > 0:
            self.words(self.sentence(step.why), "dim", 8)
        if step.picture is not None and self.level > 0:
            self.arrays(step.picture, indent)

    def arrays(self, picture: Picture, indent: int) -> None:
        """Arrays cell by cell, where the terminal is wide enough for them."""
        rows = grid_text.to_rows(picture, self.names, self.columns - indent)
        for row in rows:
            self.put(row, None, indent)
        if rows:
            marks = grid_text.legend(picture, self.marked)
            self.words(self.sentence(in_turn(picture.words, marks)), "dim", 8)

    def curve(self, task: TaskResult) -> None:
        """The course of a training as a row of bars."""
        if task.curve is None or len(task.curve.values) < 3:
            return
        bars = sparkline(task.curve.values, min(60, self.columns - 8))
        self.words(self.sentence(curve_words(task.curve)), indent=4)
        self.put(bars, None, 6)

    def result(self, task: TaskResult) -> None:
        rows = [row for found in results(task) for row in self.equation_rows(found, task)]
        for row in paper.boxed(rows) if rows else ():
            self.put(row, "bold", 2)

    def equation_rows(self, e: Equation, task: TaskResult) -> list[str]:
        room = self.columns - 6
        blocks = paper.equation(e, room, self.names)
        size = size_words(task.dims) if task.shape and task.dims else None
        said = any(f"({size})" in row for row in blocks[-1].lines)
        if size and not said and blocks[-1].width + len(size) + 4 <= room:
            blocks[-1] = beside(blocks[-1], f"  ({size})")
        return [row for b in blocks for row in b.lines]

    def verdict(self, task: TaskResult) -> None:
        for good, said, note in verdicts(task):
            mark, style = {True: ("✓", "green"), None: ("?", "dim")}.get(good, ("✗", "red"))
            more = f"; {self.sentence(note)}" if note is not None else ""
            self.words(f"{mark} {self.sentence(said)}{more}", style, 2, 2)

    def foot(self) -> None:
        if self.solution.notes and self.level > 0:
            self.blank()
            self.put(plain("Notes"), "bold")
            self.statement(self.solution.notes)
        if self.solution.failed:
            self.blank()
            said = Text(
                "The cross-check failed for task {ids}: do not rely on this result.",
                {"ids": tuple(t.id for t in self.solution.failed)},
            )
            self.words(f"✗ {self.sentence(said)}", "red")
