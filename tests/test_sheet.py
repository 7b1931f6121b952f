"""Exercise sheets: every problem gives one, and nothing in it tells an answer."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from test_html import Page

import tutor
from tutor.cli import app
from tutor.errors import InputError, ToolError
from tutor.exercises import exercise
from tutor.problem.task_table import TASKS
from tutor.render import sheet, sheet_typst
from tutor.render.wording import words as said_in
from tutor.sheets import written

ROOT = Path(__file__).parents[1]
PROBLEMS = sorted((ROOT / "problems").rglob("*.yaml"))
SECRET = """
title: Secret
source: a book
notes: The first answer is secretnote.
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
    pages = (sheet.html("Sheet", [e]), sheet.latex("Sheet", [e]))
    for text in (*pages, sheet_typst.typst("Sheet", [e], lambda tex: tex.replace("\\", ""))):
        for secret in (
            "secretnote",
            "14002",
            "28004",
            "35005",
            "35006",
            "hidden",
            "0.125",
            "3×2",
            r"3\times2",
        ):
            assert secret not in text, secret
        assert "7001" in text and "(2 points)" in text
    assert all(v.value is None for v in e.variables.values() if v.kind != "given")
    assert e.variables["W"].dims == "?"  # its columns are for the student to find


def test_the_leak_test_can_fail() -> None:
    """Planted fault: the solutions' file does hold what the sheet must not."""
    solution = tutor.loads(SECRET).solve(checking=False).solution
    page = sheet.html_solutions("Sheet", [solution])
    assert "14002" in page and "secretnote" in page


def numbers(answer: Any) -> Iterator[str]:
    """The numbers of an expected answer that are long enough not to stand there by chance."""
    if isinstance(answer, dict | list):
        for x in answer.values() if isinstance(answer, dict) else answer:
            yield from numbers(x)
    elif answer is not None:
        yield from (
            n for n in re.findall(r"\d+(?:\.\d+)?", answer) if len(re.sub(r"\D", "", n)) > 2
        )


def leaks(text: str) -> list[str]:
    """Numbers of expected answers on the student's sheet of a problem, in any format.

    A number that is given cannot be a leak: a target that is reached, or a size that is kept.
    """
    raw = yaml.load(text, Loader=yaml.BaseLoader)  # everything as it was typed
    typed = " ".join(str(raw.get(k)) for k in ("given", "define", "network"))
    typed += " ".join(str({k: v for k, v in t.items() if k not in HIDDEN}) for t in tasks(raw))
    wanted = [n for t in tasks(raw) for n in numbers(t.get("answer"))]
    e = exercise(tutor.loads(text).problem)
    page = re.sub(r"<style>.*?</style>", "", sheet.html("Sheet", [e]), flags=re.DOTALL)
    document = sheet.latex("Sheet", [e]).split(r"\begin{document}")[1]
    found = []
    for shown in (page, re.sub(r"<[^>]*>", "", page), document):
        plain = re.sub(r"(?<=\d)(,|\\,|\{,\}|\u2009)(?=\d{3})", "", shown)
        for n in wanted:
            if n not in typed and re.search(rf"(?<![\d.]){re.escape(n)}(?!\d)", plain):
                found.append(n)
    return found


HIDDEN = ("answer", "text", "hint", "tolerance")


def tasks(raw: dict[str, Any]) -> list[dict[str, Any]]:
    return [t for t in raw["tasks"] if isinstance(t, dict)]


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda p: p.stem)
def test_no_problem_tells_its_answers(path: Path) -> None:
    """Title, source, statement and questions of the problems that come with tutor."""
    assert leaks(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("line", ["title: It is 14,002", "source: It is 28004"])
def test_an_answer_in_the_open_is_seen(line: str) -> None:
    """Planted faults: an author who writes the answer where students read it."""
    assert not leaks(SECRET)
    key = line.split(":")[0]
    source = re.sub(rf"^{key}: .*$", line, SECRET, flags=re.MULTILINE)
    assert leaks(source)


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


@pytest.mark.parametrize(
    ("name", "template", "said"),
    [
        ("a.pdf", "<html><body>{{body}}</body></html>", "is HTML, but a .pdf sheet needs LaTeX"),
        ("a.pdf", "{{title}} {{body}}", "not a whole LaTeX document"),
        ("a.tex", "<p>{{body}}</p>", "is HTML, but a .tex sheet needs LaTeX"),
        ("a.html", r"\begin{document}{{body}}\end{document}", "is LaTeX, but the sheet is HTML"),
        ("a.html", "<p>{{foo}} {{body}}</p>", r"a place holder \{\{foo\}\}"),
        ("a.tex", r"{\bf {{titel}}} {{body}}", r"a place holder \{\{titel\}\}"),
    ],
)
def test_templates_that_do_not_fit(name: str, template: str, said: str, tmp_path: Path) -> None:
    if name.endswith("pdf") and shutil.which("pdflatex") is None:
        pytest.skip("needs pdflatex")
    file = tmp_path / "template"
    file.write_text(template, encoding="utf-8")
    with pytest.raises(InputError, match=said) as error:
        written([tutor.loads(SECRET).problem], tmp_path / name, template=file)
    assert error.value.status == 2


def test_the_title_stands_once() -> None:
    e = exercise(tutor.loads(SECRET).problem)
    for template in (
        "<title>{{title}}</title><h1>{{title}}</h1>{{body}}",
        "<title>{{ title }}</title>{{ body }}",
        "{{body}}",
    ):
        assert sheet.html("My week", [e], template).count("<h1>My week</h1>") == (
            template != "{{body}}" or 1
        )
    assert "{{x}}" in sheet.latex("T", [e], r"\newcommand{\y}{{x}} {{body}}")


def test_solutions_are_lettered_as_the_sheet_and_differing_answers_reported(
    tmp_path: Path,
) -> None:
    file, out = tmp_path / "p.yaml", tmp_path / "s.html"
    file.write_text(SECRET.replace("28004", "38004"), encoding="utf-8")
    done = CliRunner().invoke(app, ["sheet", str(file), "-o", str(out), "--solutions"])
    assert done.exit_code == 1
    assert "the expected answer differs (Secret, task (a))" in done.stderr
    worked = (tmp_path / "s-solutions.html").read_text(encoding="utf-8")
    assert "<h2>(a) Gradient" in worked and "<h2>(b) " in worked
    assert "hiddenid" not in worked and "expected answer" not in worked
    file.write_text(SECRET, encoding="utf-8")
    done = CliRunner().invoke(app, ["sheet", str(file), "-o", str(out), "--solutions"])
    assert done.exit_code == 0 and "differs" not in done.stderr


def test_room_and_tables_follow_the_question() -> None:
    lines = "".join(f", a{k}: x * {k}" for k in range(2, 12))
    text = f"given: {{x: vector(2)}}\ndefine: {{y: sum(x){lines}}}\ntasks: [graph, forward]"
    drawn, run = exercise(tutor.loads(text).problem).questions
    assert sheet.room(drawn) > 2 * sheet.room(run)
    text = "network: {input: [3, 8, 8], layers: [Flatten, {Linear: {out_features: 4}}]}"
    (asked,) = exercise(tutor.loads(f"{text}\ntasks: [parameters]").problem).questions
    (table,) = asked.tables
    assert [row[0] for row in table.rows[:-1]] == ["flatten_1", "linear_1"]
    assert all(set(cell) == {"_"} for row in table.rows[:-1] for cell in row[1:])


def test_the_weights_of_a_network_do_not_tell_its_sizes() -> None:
    text = "network: {input: [3, 8, 8], layers: [Flatten, {Linear: {out_features: 4}}]}"
    e = exercise(tutor.loads(f"{text}\ntasks: [parameters, graph]").problem)
    assert all(v.kind != "given" for v in e.variables.values())
    assert not e.definitions and len(e.layers) == 2
    assert "192" not in sheet.html("Sheet", [e])


def test_a_step_is_asked_for_by_the_name_of_its_method() -> None:
    text = "given: {w: [1, 2]}\ndefine: {L: sum(w**2)}\ntasks:\n"
    text += "  - update: {of: L, wrt: w, rate: 0.1}\n"
    text += "  - update: {of: L, wrt: w, optimizer: adam, rate: 0.1}"
    first, second = exercise(tutor.loads(text).problem).questions
    assert "Make one step of gradient descent for" in said_in(first.words, str, str)
    assert "Make one step of Adam for" in said_in(second.words, str, str)


def test_a_network_shows_its_input_and_its_blocks() -> None:
    path = next(p for p in PROBLEMS if p.stem == "resnet18")
    e = exercise(tutor.load(path).problem)
    assert e.input == "3×224×224"
    assert (1, "Residual:") in e.layers and (2, "body:") in e.layers
    assert (3, "Conv2d(out_channels=64, kernel_size=3, padding=1, bias=False)") in e.layers
    for text in (sheet.html("Sheet", [e]), sheet.latex("Sheet", [e])):
        assert "A network takes an input of the size" in text


def pdf_text(path: Path) -> str:
    """What is written on the pages, and in the file's own description of itself."""
    command = ["pdftotext", "-layout", str(path), "-"]
    pages = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    about = subprocess.run(["pdfinfo", str(path)], capture_output=True, text=True, check=True)
    return pages + about.stdout


@pytest.mark.parametrize("program", ["pdflatex", "Typst"])
def test_the_command_makes_two_pdf_files(
    tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program == "Typst":
        pytest.importorskip("typst")
        pytest.importorskip("tylax")
        readable = shutil.which("pdftotext")
        monkeypatch.setenv("PATH", "")
    else:
        readable = shutil.which("pdftotext")
        if shutil.which("pdflatex") is None:
            pytest.skip("needs pdflatex")
    out, file = tmp_path / "sheet.pdf", tmp_path / "secret.yaml"
    file.write_text(SECRET, encoding="utf-8")
    done = CliRunner().invoke(app, ["sheet", str(file), "-o", str(out), "--solutions"])
    assert done.exit_code == 0, done.output
    beside = tmp_path / "sheet-solutions.pdf"
    assert done.stderr == f"wrote {out} with {program}\nwrote {beside} with {program}\n"
    assert out.read_bytes().startswith(b"%PDF") and beside.read_bytes().startswith(b"%PDF")
    monkeypatch.undo()
    if readable:
        assert "14002" in pdf_text(beside) and "secretnote" in pdf_text(beside)
        shown = pdf_text(out)
        assert "7001" in shown and "(2 points)" in shown and "Exercise 1" in shown
        assert not [s for s in ("14002", "28004", "35006", "hidden", "secretnote") if s in shown]


@pytest.mark.skipif(
    not (shutil.which("pdflatex") and shutil.which("pdftotext") and shutil.which("kpsewhich"))
    or subprocess.run(["kpsewhich", "lmodern.sty"], capture_output=True, check=False).returncode,
    reason="needs pdflatex with Latin Modern, and pdftotext",
)
def test_czech_pages_can_be_searched(tmp_path: Path) -> None:
    out, file = tmp_path / "cs.pdf", tmp_path / "secret.yaml"
    file.write_text(SECRET, encoding="utf-8")
    command = ["sheet", str(file), "-o", str(out), "--language", "cs", "--solutions"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "Příklad" in pdf_text(out) and "řešení" in pdf_text(tmp_path / "cs-solutions.pdf")


def test_a_latex_template_needs_latex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("typst")
    pytest.importorskip("tylax")
    monkeypatch.setenv("PATH", "")
    template = tmp_path / "t.tex"
    template.write_text("{{title}} {{body}}", encoding="utf-8")
    problem = tutor.loads(SECRET).problem
    with pytest.raises(ToolError, match="needs pdflatex") as error:
        written([problem], tmp_path / "a.pdf", template=template)
    assert error.value.status == 4


def test_without_any_typesetter_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "typst", None)
    file = tmp_path / "secret.yaml"
    file.write_text(SECRET, encoding="utf-8")
    done = CliRunner().invoke(app, ["sheet", str(file), "-o", str(tmp_path / "sheet.pdf")])
    assert isinstance(done.exception, ToolError) and done.exception.status == 4
    assert "neither pdflatex nor the embedded typesetter" in done.exception.message
    assert not (tmp_path / "sheet.pdf").exists()
