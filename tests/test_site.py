"""The documentation as a site: complete, and built without a warning."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT
from tutor.problem.task_table import TASKS

DOCS = ROOT / "docs"


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = {
        row
        for block in re.findall(r"```\{toctree\}\n(.*?)```", index, re.DOTALL)
        for row in block.splitlines()
        if row and not row.startswith(":")
    }
    pages = {p.stem for p in DOCS.glob("*.md")} - {"index"}
    assert {row for row in listed if not row.startswith("generated/")} == pages


def test_the_generated_pages_follow_from_the_code(tmp_path: Path) -> None:
    sys.path.insert(0, str(DOCS))
    try:
        import gallery
        import reference
    finally:
        sys.path.remove(str(DOCS))
    table = gallery.operations()
    assert "| `softmax` |" in table and "| `@` |" in table
    path = ROOT / "problems" / "seeds" / "pooling.yaml"
    solution = gallery.tutor.load(path).solve(checking=False).solution
    assert (gallery.drawing(solution) or "").startswith("<?xml")
    page = gallery.solved(solution, path, "graph.svg")
    assert "![computational graph](<graph.svg>)" in page
    assert "```{math}" in page and "```math" not in page and "tasks:" in page
    assert "](docs/" not in gallery.contributing()
    keys = reference.page()
    assert "| `notes` | remarks" in keys and "| `ties` | **`first`**, `split` |" in keys
    for task in TASKS:
        assert f"\n## `{task}`\n" in keys


def test_a_key_without_words_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: a new key of the schema that the page would not explain."""
    from tutor.problem import schema

    monkeypatch.syspath_prepend(str(DOCS))
    import reference

    monkeypatch.setattr(schema, "TOP_KEYS", (*schema.TOP_KEYS, "brandnew"))
    with pytest.raises(KeyError, match="brandnew"):
        reference.page()


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    for name in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(name)
    command = [sys.executable, "-m", "sphinx", "-W", "-q", str(DOCS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tutorial.html").exists()
