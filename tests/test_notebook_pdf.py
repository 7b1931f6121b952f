"""Notebooks and PDF files of solutions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tutor
from tutor.cli import app
from tutor.errors import ToolError
from tutor.render.notebook import notebook
from tutor.render.typeset import to_pdf

ROOT = Path(__file__).parents[1]
SINE = ROOT / "problems" / "seeds" / "sine_neuron.yaml"
needs_tex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")


def test_notebook_has_a_cell_per_task() -> None:
    solution = tutor.load(SINE).solve(checking=False).solution
    book = json.loads(notebook(solution))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len(book["cells"]) == 1 + len(solution.tasks)
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
