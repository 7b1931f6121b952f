"""What is printed today is what was read and found good: see `tests/golden.py`."""

from __future__ import annotations

import difflib

import pytest

from tests.golden import FOLDER, FORMATS, PROBLEMS, rendered


@pytest.mark.parametrize("problem", PROBLEMS)
def test_renderings_are_the_golden_ones(problem: str) -> None:
    for path, text in rendered(problem).items():
        wanted = path.read_text(encoding="utf-8")
        changes = difflib.unified_diff(
            wanted.splitlines(), text.splitlines(), "golden", "now", n=1, lineterm=""
        )
        assert text == wanted, "\n".join(
            [f"{path.name} has changed; if that is right: python -m tests.golden", *changes][:40]
        )


def test_no_golden_file_is_left_over() -> None:
    stems = {p.split("/")[-1] for p in PROBLEMS}
    assert {p.name for p in FOLDER.iterdir()} == {f"{s}.{e}" for s in stems for e in FORMATS}
