"""Exercise sheets: every problem gives one, and nothing in it tells an answer."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from test_html import Page
from typer.testing import CliRunner

import tutor
from tutor.cli import app
from tutor.errors import InputError
from tutor.exercises import exercise
from tutor.problem.task_table import TASKS
from tutor.render import sheet
from tutor.sheets import written

ROOT = Path(__file__).parents[1]
PROBLEMS = sorted((ROOT / "problems").rglob("*.yaml"))
SECRET = """
title: Secret
source: a book
given: {x: [1, 2], W: "matrix(3, ?)", u: {value: [3]}}
define: {y: sum(x**2) * 7001, z: W @ x}
tasks:
  - gradient: {of: y, wrt: x}
    id: hiddenid
    answer: [14002, 28004]
    tolerance: 0.125
    hint: hiddenhint
    points: 2
  - evaluate: {expr: y + 1}
    text: Add **one** to $y$.
    answer: 35006
"""


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda p: p.stem)
def test_every_problem_makes_a_sheet(path: Path) -> None:
    e = exercise(tutor.load(path).problem)
    page = Page(sheet.html("Sheet", [e]))
    assert [tag for tag, _ in page.tags].count("ol") >= 1
    assert page.text.count("Exercise 1.") == 1
    tex = sheet.latex("Sheet", [e])
    assert tex.isascii() and tex.count(r"\textbf{(") >= len(e.questions)


def test_no_answer_leaks() -> None:
    problem = tutor.loads(SECRET).problem
    e = exercise(problem)
    for text in (sheet.html("Sheet", [e]), sheet.latex("Sheet", [e])):
        for secret in ("14002", "28004", "35005", "35006", "hidden", "0.125", "3×2", r"3\times2"):
            assert secret not in text, secret
        assert "7001" in text and "(2 points)" in text
    assert all(v.value is None for v in e.variables.values() if v.kind != "given")
    assert e.variables["W"].dims == "?"  # its columns are for the student to find


def test_the_leak_test_can_fail() -> None:
    """Planted fault: the solutions' file does hold what the sheet must not."""
    solution = tutor.loads(SECRET).solve(checking=False).solution
    assert "14002" in sheet.html_solutions("Sheet", [solution])


def test_questions_are_sentences_for_every_task() -> None:
    asked = {}
    for path in PROBLEMS:
        problem = tutor.load(path).problem
        for task, q in zip(problem.tasks, exercise(problem).questions, strict=True):
            asked[task.kind] = q.words
    assert {"gradient", "forward", "shapes", "update", "parameters"} <= asked.keys() <= TASKS.keys()
    from tutor.render.json import plain

    for kind, words in asked.items():
        said = plain(words)
        assert re.fullmatch(r"[A-Z].*[.?](\)|$).*", said), (kind, said)
        assert not re.search(r"\{\w+\}", said), said


def test_files_and_templates(tmp_path: Path) -> None:
    problem = tutor.loads(SECRET).problem
    files = written([problem], tmp_path / "a.html", "T & <T>", solutions=True)
    assert [p.name for p in files] == ["a.html", "a-solutions.html"]
    assert "T &amp; &lt;T&gt;" in files[tmp_path / "a.html"].decode()
    template = tmp_path / "t.tex"
    template.write_text("% {{title}}\n{{body}}", encoding="utf-8")
    made = written([problem], tmp_path / "a.tex", "Week 1", template=template)
    assert made[tmp_path / "a.tex"].startswith(b"% Week 1\n\\heading")
    template.write_text("nothing", encoding="utf-8")
    with pytest.raises(InputError, match="no place for the exercises"):
        written([problem], tmp_path / "a.tex", template=template)
    with pytest.raises(InputError, match="not the name of a sheet"):
        written([problem], tmp_path / "a.docx")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_the_command_makes_two_pdf_files(tmp_path: Path) -> None:
    out = tmp_path / "sheet.pdf"
    files = [str(p) for p in PROBLEMS[:2]]
    done = CliRunner().invoke(app, ["sheet", *files, "-o", str(out), "--solutions"])
    assert done.exit_code == 0, done.output
    assert out.read_bytes().startswith(b"%PDF")
    assert (tmp_path / "sheet-solutions.pdf").read_bytes().startswith(b"%PDF")
