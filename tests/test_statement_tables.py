"""Pipe tables in statements, in every format."""

from __future__ import annotations

import pytest

import tutor
from tutor.render import pipes, statement
from tutor.render.html import html
from tutor.render.latex import latex
from tutor.render.markdown import markdown
from tutor.render.terminal import terminal
from tutor.render.typst import typst
from tutor.steps import Solution

TABLE = """\
The data of three students:

| hours $x$ | grade | remark |
|:----------|------:|:------:|
| 7.3 | 1 | *slept* |
| $\\frac{1}{2}$ | 10.25 | `none` |

Fit a line.
"""


def solution(source: str) -> Solution:
    body = "".join(f"  {row}\n" for row in source.splitlines())
    text = f"title: T\nstatement: |\n{body}given: {{x: 1}}\ndefine: {{y: 2*x}}\ntasks: [forward]\n"
    return tutor.loads(text).solve(checking=False).solution


def test_a_table_is_one_part() -> None:
    parts = statement.read(TABLE)
    assert [p.kind for p in parts] == ["paragraph", "table", "paragraph"]
    table = parts[1].table
    assert table is not None and table.aligned == ("left", "right", "centre")
    assert [len(row) for row in table.rows] == [3, 3, 3]
    assert table.rows[2][0][0].kind == "math" and table.rows[1][2][0].kind == "emphasis"


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("| a | b |", ["a", "b"]),
        ("a | b", ["a", "b"]),
        ("| a |  |", ["a", ""]),
        (r"| a \| b | c |", ["a | b", "c"]),
        ("| `x|y` | $|x|$ |", ["`x|y`", "$|x|$"]),
        (r"| $\$|$ | 1 $ |", [r"$\$|$", "1 $"]),
    ],
)
def test_cells(row: str, found: list[str]) -> None:
    assert pipes.cells(row) == found


@pytest.mark.parametrize(
    "source",
    [
        "a | b\nno rule below",
        "| a | b |\n|---|\n",  # two cells, one rule
        "| a | b |",
        "the norm |x|\n---\n",
        "| a |\n| b |\n",
    ],
)
def test_what_is_no_table(source: str) -> None:
    assert all(p.kind != "table" for p in statement.read(source))


def test_rows_have_as_many_cells_as_the_head() -> None:
    found, taken = pipes.leading(["|a|b|", "|-|-|", "|1|", "|1|2|3|", "", "|x|"])
    assert found is not None and taken == 4
    assert found.rows == (("a", "b"), ("1", ""), ("1", "2"))


def test_a_table_may_follow_a_paragraph_at_once() -> None:
    kinds = [p.kind for p in statement.read("Text:\n| a |\n|---|\n| 1 |\nMore text.")]
    assert kinds == ["paragraph", "table", "paragraph"]


def test_terminal() -> None:
    shown = terminal(solution(TABLE))
    rows = (
        "    hours x  grade  remark\n"
        "    ───────  ─────  ──────\n"
        "    7.3          1  slept\n"
        "    1/2      10.25   none\n"
    )
    assert f"\n\n{rows}\n" in shown


def test_a_wide_table_is_wrapped_in_the_terminal() -> None:
    long = "word " * 40
    shown = terminal(solution(f"| a | b |\n|---|---|\n| {long} | {long} |\n"))
    assert max(map(len, shown.splitlines())) <= 80


def test_html() -> None:
    shown = html(solution(TABLE))
    assert '<th scope="col">hours <math>' in shown
    assert '<td class="right">10.25</td><td class="centre"><code>none</code></td>' in shown


def test_latex() -> None:
    shown = latex(solution(TABLE))
    assert r"\begin{tabular}{@{}lrc@{}} \textbf{hours $x$} & \textbf{grade} &" in shown
    assert r"$\frac{1}{2}$ & 10.25 & \texttt{none} \end{tabular}" in shown


def test_typst() -> None:
    shown = typst(solution(TABLE), lambda tex: tex)
    assert "columns: 3, align: (left, right, center,)" in shown
    assert "[#emph[" in shown


def test_markdown() -> None:
    shown = markdown(solution(TABLE + "\n| $|x|$ | a \\| b |\n|---|---|\n| 1 | 2 |\n"))
    assert "| --- | ---: | :---: |\n| 7.3 | 1 | *slept* |\n" in shown
    (row,) = [r for r in shown.splitlines() if r"a \| b" in r]
    assert row.count("|") - row.count(r"\|") == 3  # the ends, and one between two cells


def test_hostile_cells_are_escaped() -> None:
    source = "| <b>x</b> | #eval(1) |\n|---|---|\n| \\input{x} | & % _ |\n"
    assert "<b>" not in html(solution(source))
    assert r"\input{x}" not in latex(solution(source))
    assert "[#eval" not in typst(solution(source), lambda tex: tex)
