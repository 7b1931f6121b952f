"""HTML pages: well formed, literal where an author typed, readable without a script."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

import tutor
from tutor.cli import app
from tutor.exercises import exercise
from tutor.render import sheet
from tutor.render.html import html

ROOT = Path(__file__).parents[1]
PROBLEMS = sorted((ROOT / "problems").rglob("*.yaml"))
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Checks nesting, and keeps tags, attributes and text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda p: p.stem)
def test_every_problem_has_a_page(path: Path) -> None:
    solution = tutor.load(path).solve(checking=False).solution
    page = Page(html(solution))
    names = [tag for tag, _ in page.tags]
    assert names.count("h1") == 1 and names.count("main") == 1
    assert "script" not in names and "link" not in names and "iframe" not in names
    assert not any(a.startswith("on") for _, attrs in page.tags for a in attrs)
    outside = [v for _, attrs in page.tags for k, v in attrs.items() if k in ("src", "href")]
    assert not [v for v in outside if v and not v.startswith("#")]
    assert "merror" not in names, "a formula was not understood"


def test_the_checker_sees_a_tag_left_open() -> None:
    with pytest.raises(AssertionError):
        Page("<main><p>text</main>")


HOSTILE = [
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "&lt;b&gt; & \"quotes' ",
    "$\\href{javascript:alert(1)}{x}$",
    "</style><svg onload=alert(1)>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_literal(text: str) -> None:
    source = json.dumps(text)
    problem = tutor.loads(
        f"title: {source}\nsource: {source}\nstatement: {source}\n"
        "given: {x: 2}\ndefine: {y: x**2}\n"
        f"tasks:\n  - gradient: {{of: y, wrt: x}}\n    text: {source}\n"
    )
    page = Page(html(problem.solve().solution))
    assert not any(tag in ("script", "img", "iframe") for tag, _ in page.tags)
    assert not any(a.startswith("on") for _, attrs in page.tags for a in attrs)
    if text.startswith("<"):
        assert page.text.count(text) >= 3


def test_steps_fold_and_formulas_are_mathml() -> None:
    path = ROOT / "problems" / "seeds" / "sine_neuron.yaml"
    done = CliRunner().invoke(app, ["solve", str(path), "--format", "html"])
    assert done.exit_code == 0
    page = Page(done.stdout)
    names = [tag for tag, _ in page.tags]
    assert names.count("details") > 4 and names.count("math") > 40 and "svg" in names
    assert re.search(r"<li value=\"1\">", done.stdout)
    assert "agrees with the expected answer" in page.text


def test_long_formulas_are_broken_at_signs() -> None:
    path = ROOT / "problems" / "networks" / "softmax_cross_entropy.yaml"
    source = html(tutor.load(path).solve(checking=False).solution)
    rows = re.findall(r'<div class="formula"[^>]*>(.*?)</div>', source, re.DOTALL)
    pieces = [len(re.findall("<math", row)) for row in rows]
    assert max(pieces) > 2 and min(pieces) == 1
    assert '<math displaystyle="true"><mo form="infix">=</mo>' in source
    # what cannot be broken is reached from the keyboard, the rest is no stop on the way
    assert 0 < source.count('class="formula" tabindex="0"') < len(rows) / 2


def test_an_exact_number_with_e_is_compared() -> None:
    problem = tutor.loads(
        "given: {x: 1, E: 3}\ndefine: {y: exp(x)}\n"
        "tasks:\n  - forward: {of: [y]}\n    answer: {y: 2.7183}\n"
    )
    (task,) = problem.solve().tasks
    assert task.answer is not None and task.answer.correct
    assert task.extra["values"]["y"]["exact"] == "exp(1)"


# -- a validator ----------------------------------------------------------------------------------

BROKEN = """<!DOCTYPE html><html lang="en"><head><title>x</title></head>
<body><p><div>x</div></p><img src="a.png"><ul><p>x</p></ul></body></html>"""


def _validator() -> list[str] | None:
    """The command of the Nu HTML checker, of the npm package vnu-jar where node finds it."""
    if shutil.which("node") is None or shutil.which("java") is None:
        return None
    found = subprocess.run(
        ["node", "-p", "require.resolve('vnu-jar/build/dist/vnu.jar')"],
        capture_output=True,
        text=True,
        check=False,
    )
    return ["java", "-jar", found.stdout.strip()] if found.returncode == 0 else None


def invalid(command: list[str], pages: list[Path]) -> dict[str, list[str]]:
    """The errors and warnings of the pages that have any."""
    done = subprocess.run(
        [*command, "--format", "json", "--stdout", "--exit-zero-always", *map(str, pages)],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    found: dict[str, list[str]] = {}
    for said in json.loads(done.stdout)["messages"]:
        if "composing character" not in said["message"]:  # the bar of an overlined formula
            found.setdefault(Path(said["url"]).stem, []).append(said["message"])
    return found


@pytest.mark.slow
def test_every_page_is_valid(tmp_path: Path) -> None:
    command = _validator()
    if command is None:
        pytest.skip("needs java, node and the npm package vnu-jar")
    pages = {"broken": BROKEN}
    for path in PROBLEMS:
        problem = tutor.load(path)
        solution = problem.solve(checking=False).solution
        pages[f"{path.parent.name}-{path.stem}"] = html(solution)
        pages[f"sheet-{path.stem}"] = sheet.html("Sheet", [exercise(problem.problem)])
        pages[f"solutions-{path.stem}"] = sheet.html_solutions("Solutions", [solution])
    for name, source in pages.items():
        (tmp_path / f"{name}.html").write_text(source, encoding="utf-8")
    found = invalid(command, sorted(tmp_path.glob("*.html")))
    assert found.pop("broken")  # planted
    assert found == {}
