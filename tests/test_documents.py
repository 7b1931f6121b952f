"""Every example of README and docs does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documents import (
    PAGES,
    ROOT,
    Example,
    Scratch,
    examples,
    fault,
    setup_commands,
    unused_files,
    with_tables,
)
from tutor.ops import OPS
from tutor.problem.task_table import OPTIMIZERS, TASKS

EXAMPLES = [e for page in PAGES for e in examples(page)]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_example(example: Example, tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, examples(example.page))
    assert fault(example, scratch) is None


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_no_file_is_written_in_vain(page: Path) -> None:
    assert unused_files(examples(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_tables_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == with_tables(text), "run `python -m tests.documents`"


def test_readme_promises_what_there_is() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| ([^|]+?) \| (.+) \|$", text, re.MULTILINE))
    names = {row: set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", cell))))
             for row, cell in table.items()}  # fmt: skip
    assert names["tasks"] - {"answer"} == set(TASKS)
    rows = ("elementwise", "linear algebra", "reductions", "shapes", "layers", "losses")
    assert set().union(*(names[row] for row in rows)) <= set(OPS)
    assert names["optimisers"] == set(OPTIMIZERS)


def test_pages_have_examples() -> None:
    kinds = {(e.page.name, e.kind) for e in EXAMPLES}
    assert {("README.md", "yaml"), ("README.md", "console"), ("README.md", "python")} <= kinds
    assert ("problem-files.md", "yaml") in kinds


def test_set_up_takes_one_line_each() -> None:
    first, second = setup_commands()
    assert first.count("\n") == second.count("\n") == 1
    assert "tutor solve problems/seeds/" in first and "--png" in first
    assert "[test]" in second and "pytest" in second


# -- the checkers themselves ----------------------------------------------------------------------

PROBLEM = """\
given: {x: [1, 2]}
define: {y: x.T @ x}
tasks:
  - gradient: {of: y, wrt: x}
    answer: [2, 4]
"""

PLANTED = [
    ("yaml", PROBLEM, None),
    ("yaml", PROBLEM.replace("[2, 4]", "[2, 5]"), "the answer is wrong"),
    ("console", "$ echo a\na\n$ false\n$ echo $?\n1\n", None),
    ("console", "$ echo a\nb\n", "prints"),
    ("console", "$ echo a\n", "prints"),
    ("console", "$ echo relative error 1e-9\nrelative error 2e-9\n", None),
    ("sh", "true\n", None),
    ("sh", "false\ntrue\n", "exit status 1"),
    ("python", ">>> 1 + 1\n2\n", None),
    ("python", ">>> 1 + 1\n3\n", "Expected"),
]


@pytest.mark.parametrize(("kind", "text", "words"), PLANTED)
def test_planted_faults(kind: str, text: str, words: str | None, tmp_path: Path) -> None:
    found = fault(Example(tmp_path / "page.md", 1, kind, text), Scratch(tmp_path, ()))
    assert found is None if words is None else found is not None and words in found


def test_planted_statement(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        fault(Example(tmp_path / "p.md", 1, "python", "assert 1 == 2\n"), Scratch(tmp_path, ()))


def test_planted_unused_file(tmp_path: Path) -> None:
    written = Example(tmp_path / "p.md", 1, "yaml", "# a.yaml\ngiven: {x: 1}\n")
    reads = Example(tmp_path / "p.md", 9, "console", "$ tutor solve a.yaml\n")
    assert unused_files([written]) == ["a.yaml"]
    assert unused_files([written, reads]) == []


def test_planted_table() -> None:
    stale = "<!-- layers: made -->\n\nLayers: `Nothing`.\n\n<!-- end -->\n"
    assert "`Linear`" in with_tables(stale) and "Nothing" not in with_tables(stale)
    assert with_tables(with_tables(stale)) == with_tables(stale)


def test_planted_page(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("```sh\na\n```\n```sh\nb\n```\n```text\nc\n```\n```sh\nd\n```\n")
    assert [(e.line, e.text) for e in examples(page)] == [(10, "d\n")]
