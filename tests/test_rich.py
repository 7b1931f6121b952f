"""What a notebook shows of problems, solutions, derivatives and steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_html import HOSTILE, Page

import tutor

ROOT = Path(__file__).parents[1]
SINE = ROOT / "problems" / "seeds" / "sine_neuron.yaml"


def shown(thing: object) -> Page:
    """The piece of HTML, checked to be one element that can stand on any page."""
    source = thing._repr_html_()  # type: ignore[attr-defined]
    page = Page(source)
    tags = [tag for tag, _ in page.tags]
    assert source.startswith('<div class="tutor-page">') and source.endswith("</div>")
    assert not {"html", "body", "head", "script", "link", "main"} & set(tags)
    assert ":root" not in source, "the style would reach the whole notebook"
    assert not [a for _, attrs in page.tags for a in attrs if a == "id" or a.startswith("on")]
    return page


def test_a_problem_shows_its_questions_and_no_answers() -> None:
    page = shown(tutor.load(SINE))
    assert "A sine neuron with an L2 loss" in page.text
    assert "Compute the loss between the prediction and the target." in page.text
    assert "expected answer" not in page.text and "Result" not in page.text


def test_a_solution_shows_its_steps() -> None:
    page = shown(tutor.load(SINE).solve(checking=False))
    tags = [tag for tag, _ in page.tags]
    assert tags.count("details") > 4 and "svg" in tags and "agrees with" in page.text


def test_a_derivative_is_a_formula() -> None:
    found = tutor.derive("norm2(A @ x - y)**2", wrt="x")
    assert found._repr_latex_() == (
        r"$\displaystyle \frac{\partial f}{\partial \mathbf{x}} = "
        r"2 \mathbf{A}^{\top} (\mathbf{A} \mathbf{x} - \mathbf{y})$"
    )
    with_numbers = tutor.load(SINE).solve()["L"].gradient("w")._repr_latex_()
    assert with_numbers is not None and with_numbers.endswith(
        r"= \begin{bmatrix} -12 \\ -6 \end{bmatrix}$"
    )


def test_steps_are_shown_alone_and_together() -> None:
    steps = tutor.load(SINE).solve()["L"].gradient("w").steps
    together = shown(steps)
    count = sum(s.kind != "given" and s.level <= 1 for s in steps)
    assert [tag for tag, _ in together.tags].count("li") == count > 3
    for step in steps:
        assert "math" in [tag for tag, _ in shown(step).tags]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_literal(text: str) -> None:
    source = json.dumps(text)
    problem = tutor.loads(
        f"title: {source}\nsource: {source}\nstatement: {source}\n"
        f"given: {{x: 2}}\ndefine: {{y: x**2}}\n"
        f"tasks:\n  - gradient: {{of: y, wrt: x}}\n    text: {source}\n"
    )
    for thing in (problem, problem.solve(checking=False)):
        page = shown(thing)
        assert not any(tag in ("script", "img", "iframe") for tag, _ in page.tags)


def test_a_notebook_runs(tmp_path: Path) -> None:
    """The notebook of a solution, and one that shows everything, run as they are."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    from tutor.render.notebook import notebook

    solved = tutor.load(SINE).solve(checking=False)
    book = nbformat.reads(notebook(solved.solution), as_version=4)
    lines = [
        "import tutor",
        f"p = tutor.load({str(SINE)!r})",
        "s = p.solve()",
        "d = s['L'].gradient('w')",
    ]
    book.cells.append(nbformat.v4.new_code_cell("\n".join(lines)))
    book.cells += [nbformat.v4.new_code_cell(t) for t in ("p", "s", "d", "d.steps", "d.steps[-1]")]
    nbclient.NotebookClient(book, timeout=120).execute()
    kinds = [set(o["data"]) for c in book.cells[-5:] for o in c["outputs"]]
    assert ["text/latex" in k if i == 2 else "text/html" in k for i, k in enumerate(kinds)] == [
        True
    ] * 5
