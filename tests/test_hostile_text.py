"""Text made to break out of a format: literal in every one of them, or refused with a place."""

from __future__ import annotations

import json as _json
from typing import Any

import pytest
from test_html import Page
from test_rich import shown

import tutor
from tests.bad_inputs import items, text_of
from tutor.errors import InputError
from tutor.render import sheet, sheet_typst
from tutor.render.html import html
from tutor.render.latex import latex
from tutor.render.markdown import markdown
from tutor.render.notebook import notebook
from tutor.render.terminal import terminal
from tutor.render.typst import typst

ITEMS = [i for i in items("output") if not i["id"].startswith("O-name-")]
LIVE = {"script", "img", "iframe", "object", "embed", "form", "link", "base"}


def problem(text: str) -> Any:
    """The text as title, source, statement, notes and question."""
    source = _json.dumps(text)
    return tutor.loads(
        f"title: {source}\nsource: {source}\nstatement: {source}\nnotes: {source}\n"
        "given: {x: 2}\ndefine: {y: x**2}\n"
        f"tasks:\n  - gradient: {{of: y, wrt: x}}\n    text: {source}\n"
    )


def inert(page: Page) -> None:
    """Nothing on the page runs, loads or leads anywhere."""
    for tag, attrs in page.tags:
        assert tag not in LIVE
        assert not [a for a in attrs if a.startswith("on")], attrs
        assert not (attrs.get("href") or attrs.get("src") or "").strip(), attrs


@pytest.mark.parametrize("item", ITEMS, ids=lambda i: i["id"])
def test_text_does_nothing_in_any_format(item: dict[str, Any]) -> None:
    from tutor.exercises import exercise

    text = text_of(item)
    assert isinstance(text, str)
    try:
        loaded = problem(text)
        solved = loaded.solve(checking=False)
    except InputError as error:
        assert error.where is not None or error.span is not None
        return
    solution = solved.solution
    inert(Page(html(solution)))
    asked = [exercise(loaded.problem)]
    inert(Page(sheet.html(text, asked)))
    inert(Page(sheet.html_solutions(text, [solution])))
    inert(shown(loaded))
    inert(shown(solved))
    for shown_text in (terminal(solution), markdown(solution)):
        assert not [c for c in shown_text if ord(c) < 32 and c != "\n"]
    book = _json.loads(notebook(solution))
    assert {c["cell_type"] for c in book["cells"]} == {"markdown"}
    assert latex(solution).isascii()
    assert sheet.latex(text, asked).isascii() and sheet.latex_solutions(text, [solution]).isascii()
    documents = (
        typst(solution, lambda tex: "x"),
        sheet_typst.typst(text, asked, lambda tex: "x"),
        sheet_typst.typst_solutions(text, [solution], lambda tex: "x"),
    )
    for row in "\n".join(documents).splitlines():  # what is not in a string is ours
        outside = "".join(_outside_of_strings(row))
        assert "panic" not in outside and "import" not in outside and "read(" not in outside


def _outside_of_strings(row: str) -> list[str]:
    """The parts of a line of Typst that stand outside of its string literals."""
    parts, inside, skip = [""], False, False
    for c in row:
        if skip:
            skip = False
        elif inside and c == "\\":
            skip = True
        elif c == '"':
            inside = not inside
        elif not inside:
            parts[-1] += c
    assert not inside, "a string is left open"
    return parts


def test_the_checker_sees_code_outside_of_strings() -> None:
    assert _outside_of_strings(r'#"a\" #panic()" #panic()') == ["# #panic()"]
    with pytest.raises(AssertionError):
        inert(Page('<p onclick="x">y</p>'))
