"""Many renderings of one Solution: every problem in every format, the same steps in order."""

from __future__ import annotations

import json as _json
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import tutor
from tutor.exercises import exercise
from tutor.notation.block import width
from tutor.render import sheet
from tutor.render.html import html
from tutor.render.json import json
from tutor.render.latex import latex
from tutor.render.markdown import markdown
from tutor.render.notebook import notebook
from tutor.render.outline import visible
from tutor.render.terminal import terminal
from tutor.render.typst import typst
from tutor.steps import Solution

PROBLEMS = sorted((Path(__file__).parents[1] / "problems").rglob("*.yaml"))
LEVELS = (0, 1, 2)
POINTS = 5.0  # a box that sticks out further than this is seen


@cache
def solved(path: Path) -> Solution:
    return tutor.load(path).solve(checking=False).solution


def _book(solution: Solution, level: int) -> str:
    cells = _json.loads(notebook(solution, level=level))["cells"]
    return "\n".join("".join(c["source"]) for c in cells)


# a format, and the numbers of steps as they stand in it
FORMATS: dict[str, tuple[Callable[[Solution, int], str], str]] = {
    "terminal": (lambda s, n: terminal(s, level=n), r"^ {3,4} ?(\d+)\. "),
    "markdown": (lambda s, n: markdown(s, level=n), r"^(\d+)\. "),
    "notebook": (_book, r"^(\d+)\. "),
    "latex": (lambda s, n: latex(s, level=n), r"^\\textbf\{(\d+)\.\} "),
    "html": (lambda s, n: html(s, level=n, graph=False), r'<li value="(\d+)">'),
    "typst": (
        lambda s, n: typst(s, lambda tex: "x", level=n),
        r"^(?:#block\(sticky: true\)\[)?#strong\[(\d+)\.\] ",
    ),
}


def numbers(solution: Solution, kind: str, level: int) -> list[int]:
    render, mark = FORMATS[kind]
    return [int(k) for k in re.findall(mark, render(solution, level), re.MULTILINE)]


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda p: p.stem)
def test_every_format_has_the_same_steps(path: Path) -> None:
    solution = solved(path)
    for level in LEVELS:
        shown = [visible(t, level) for t in solution.tasks]
        wanted = [n.number for steps in shown for n in steps if n.step.kind != "given"]
        for kind in FORMATS:
            assert numbers(solution, kind, level) == wanted, (kind, level)
    ids = [[s["id"] for s in t["steps"]] for t in _json.loads(json(solution))["tasks"]]
    assert ids == [[s.id for s in t.steps] for t in solution.tasks]


def test_a_step_left_out_would_be_seen() -> None:
    from dataclasses import replace

    path = next(p for p in PROBLEMS if p.stem == "sine_neuron")
    solution = solved(path)
    (k, task) = next((k, t) for k, t in enumerate(solution.tasks) if len(t.steps) > 3)
    shorter = replace(task, steps=task.steps[:-1])
    tasks = (*solution.tasks[:k], shorter, *solution.tasks[k + 1 :])
    for kind in FORMATS:
        cut = replace(solution, tasks=tasks)
        assert numbers(cut, kind, 2) != numbers(solution, kind, 2)


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda p: p.stem)
def test_a_terminal_of_80_columns_is_wide_enough(path: Path) -> None:
    for level in LEVELS:
        rows = terminal(solved(path), width=80, level=level).splitlines()
        assert [row for row in rows if width(row) > 80] == []


def overfull(log: str) -> list[str]:
    """Complaints of TeX about boxes that stick out visibly."""
    found = re.findall(r"^Overfull \\[hv]box \((\d+\.\d+)pt too .*$", log, re.MULTILINE)
    return [f"{points} pt" for points in found if float(points) > POINTS]


def test_the_checker_sees_a_box_that_sticks_out() -> None:
    row = r"Overfull \hbox ({}pt too wide) in paragraph at lines 3--4"
    assert overfull(row.format("7.25")) == ["7.25 pt"] and overfull(row.format("2.1")) == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.parametrize("path", PROBLEMS, ids=lambda p: p.stem)
def test_latex_is_set_within_the_page(path: Path, tmp_path: Path) -> None:
    for level in LEVELS:
        (tmp_path / "page.tex").write_text(latex(solved(path), level=level), encoding="utf-8")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        log = (tmp_path / "page.log").read_text(encoding="latin-1")
        assert done.returncode == 0, [r for r in log.splitlines() if r.startswith("!")]
        assert overfull(log) == [], level


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.parametrize("kind", ["exercises", "solutions"])
def test_all_problems_make_one_book(kind: str, tmp_path: Path) -> None:
    """The LaTeX of all of them compiles in one go, as a sheet and as its solutions."""
    if kind == "solutions":
        book = sheet.latex_solutions("All", [solved(p) for p in PROBLEMS])
    else:
        book = sheet.latex("All", [exercise(tutor.load(p).problem) for p in PROBLEMS])
    (tmp_path / "book.tex").write_text(book, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "book.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    log = (tmp_path / "book.log").read_text(encoding="latin-1")
    assert done.returncode == 0, [r for r in log.splitlines() if r.startswith("!")]
    assert overfull(log) == [] and "Warning" not in log
