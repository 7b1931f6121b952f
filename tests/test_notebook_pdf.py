"""Notebooks and PDF files of solutions."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import tutor
from tutor.cli import app
from tutor.errors import ToolError
from tutor.render import figure
from tutor.render.notebook import notebook
from tutor.render.typeset import pdf, to_pdf
from tutor.render.typst import literal, typst

ROOT = Path(__file__).parents[1]
SINE = ROOT / "problems" / "seeds" / "sine_neuron.yaml"
needs_tex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")


def test_notebook_has_a_cell_per_task() -> None:
    solution = tutor.load(SINE).solve(checking=False).solution
    book = json.loads(notebook(solution))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len(book["cells"]) == 1 + len(solution.tasks) + 1  # head, tasks, notes
    assert book["cells"][-1]["source"][0] == "## Notes\n"
    assert len({c["id"] for c in book["cells"]}) == len(book["cells"])
    text = "".join(book["cells"][0]["source"])
    assert text.startswith("# A sine neuron") and "```" not in text and "$$" in text
    loss = "".join("".join(c["source"]) for c in book["cells"])
    assert loss.count("$$") % 2 == 0


def test_notebook_is_valid() -> None:
    nbformat = pytest.importorskip("nbformat")
    done = CliRunner().invoke(app, ["solve", str(SINE), "--format", "ipynb"])
    nbformat.validate(nbformat.reads(done.stdout, as_version=4))


@needs_tex
def test_pdf_is_made_and_the_same_twice(tmp_path: Path) -> None:
    out = tmp_path / "sine.pdf"
    pages = []
    for _ in range(2):
        done = CliRunner().invoke(app, ["solve", str(SINE), "--format", "pdf", "-o", str(out)])
        assert done.exit_code == 0, done.output
        assert done.stderr == "typeset with pdflatex\n"
        pages.append(out.read_bytes())
    assert pages[0].startswith(b"%PDF") and pages[0] == pages[1]


def test_without_pdflatex_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolError) as error:
        to_pdf("x")
    assert error.value.status == 4 and "pdflatex" in error.value.message


@needs_tex
def test_a_faulty_document_is_an_error() -> None:
    with pytest.raises(ToolError) as error:
        to_pdf(r"\documentclass{article}\begin{document}\nonsense\end{document}")
    assert "Undefined control sequence" in error.value.message


@needs_tex
def test_the_document_cannot_read_or_run_anything(tmp_path: Path) -> None:
    secret = tmp_path / "secret.tex"
    secret.write_text("found", encoding="utf-8")
    for body in (rf"\input{{{secret}}}", r"\immediate\write18{touch ran}\input{ran}"):
        with pytest.raises(ToolError):
            to_pdf(rf"\documentclass{{article}}\begin{{document}}{body}\end{{document}}")


@needs_tex
def test_a_pdf_shows_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture of the graph task is on the page, in place of a table of its nodes."""
    from tutor.render import typeset

    seen: dict[str, bytes] = {}
    documents: list[str] = []
    make = typeset.to_pdf

    def kept(document: str, files: dict[str, bytes] | None = None) -> bytes:
        seen.update(files or {})
        documents.append(document)
        return make(document, files)

    monkeypatch.setattr(typeset, "to_pdf", kept)
    page, program = pdf(tutor.load(SINE).solve(checking=False).solution)
    assert program == "pdflatex" and page.startswith(b"%PDF")
    assert list(seen) == ["graph-0.pdf"] and seen["graph-0.pdf"].startswith(b"%PDF")
    body = documents[0].split(r"\begin{document}")[1]
    assert body.count(r"\drawing{graph-0.pdf}") == 1 and r"\textbf{computes}" not in body


# -- without TeX ----------------------------------------------------------------------------------

PROBLEMS = sorted((ROOT / "problems").rglob("*.yaml"))
HOSTILE = [
    '#panic("x")',
    '"); #panic("x")',
    "] #panic() [",
    "$ #panic() $",
    '#import "@preview/cetz:0.3.0"',
    "\\ // /* `x` @ref <label> = * _ ~ --- \\u{1F600}",
]


def test_text_for_typst_is_a_string_and_ends_there() -> None:
    assert literal('a"b\\c') == '#"a\\"b\\\\c";'


def test_without_any_typesetter_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(ToolError) as error:
        pdf(tutor.load(SINE).solve(checking=False).solution)
    assert error.value.status == 4
    assert "neither pdflatex nor the embedded typesetter" in error.value.message
    assert "tutor[pdf]" in (error.value.hint or "")


def test_the_embedded_typesetter_makes_the_same_file_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("typst")
    pytest.importorskip("tylax")
    monkeypatch.setenv("PATH", "")
    out = tmp_path / "sine.pdf"
    pages = []
    for _ in range(2):
        done = CliRunner().invoke(app, ["solve", str(SINE), "--format", "pdf", "-o", str(out)])
        assert done.exit_code == 0, done.output
        assert done.stderr == "typeset with Typst\n"
        pages.append(out.read_bytes())
    assert pages[0].startswith(b"%PDF") and pages[0] == pages[1]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_literal_in_typst(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("typst")
    pytest.importorskip("tylax")
    monkeypatch.setenv("PATH", "")
    source = json.dumps(text)
    label = json.dumps(r"\text{" + text + "}")
    problem = tutor.loads(
        f"title: {source}\nsource: {source}\nstatement: {source}\n"
        f"given: {{x: {{value: 2, label: {label}}}}}\ndefine: {{y: x**2}}\n"
        f"tasks:\n  - gradient: {{of: y, wrt: x}}\n    text: {source}\n"
    )
    page, program = pdf(problem.solve().solution)
    assert program == "Typst" and page.startswith(b"%PDF")


def test_a_formula_that_would_be_code_is_printed_as_typed() -> None:
    solution = tutor.load(SINE).solve(checking=False).solution
    document = typst(solution, lambda tex: "#panic()")
    assert "#panic" not in document and '#raw("' in document


@pytest.mark.slow
@pytest.mark.parametrize("path", PROBLEMS, ids=lambda p: p.stem)
def test_every_problem_is_set_without_tex(path: Path) -> None:
    typesetter = pytest.importorskip("typst")
    tylax = pytest.importorskip("tylax")
    solution = tutor.load(path).solve(checking=False).solution
    document = typst(solution, tylax.latex_to_typst)
    pictures = document.count('format: "svg", alt: ')
    assert pictures >= len(figure.drawn(solution, paper=True))
    assert "#raw(" not in document, "a formula was not understood"
    page, warnings = typesetter.compile_with_warnings(document.encode(), timestamp=0)
    assert page.startswith(b"%PDF") and not warnings
