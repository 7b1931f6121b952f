"""Exercise sheets as Typst documents: what `sheet` prints as LaTeX, for the embedded typesetter."""

from __future__ import annotations

from collections.abc import Sequence

from ..steps import Solution
from ..words import speaking
from .sheet import Exercise, blank, definitions, heading, network, numbered, room, worth
from .typst import Convert, Page, document, literal
from .wording import spoken_as


def typst(title: str, exercises: Sequence[Exercise], convert: Convert) -> str:
    """The sheet; `convert` raises ValueError for a formula that it does not know."""
    rows = [f"= {literal(title)}"]
    for number, e in enumerate(exercises, 1):
        with spoken_as(e.language, e.conventions):
            rows += _exercise(number, e, convert)
    return _spoken(rows, [e.language for e in exercises])


def typst_solutions(title: str, solutions: Sequence[Solution], convert: Convert) -> str:
    """The worked solutions of the same exercises, one after the other."""
    rows = [f"= {literal(title)}"]
    for number, s in enumerate(solutions, 1):
        with spoken_as(s.language, s.conventions):
            page = Page(s, convert, 1)
            page.head(f"{numbered(number)} ")
            for task in s.tasks:
                page.task(task)
            page.notes()
            rows += page.out
    return _spoken(rows, [s.language for s in solutions])


def _spoken(rows: Sequence[str], languages: Sequence[str]) -> str:
    with speaking(languages[0] if languages else "en"):
        return document(rows)


def _exercise(number: int, e: Exercise, convert: Convert) -> list[str]:
    page = Page(blank(e), convert, 1)
    page.put(f"== {literal(heading(number, e))}")
    page.source()
    page.given()
    for left, right in definitions(e):
        page.equation((left, right))
    for said in network(e):
        page.put(page.words(said))
    for depth, layer in e.layers:
        page.out.append(f"#block(inset: (left: {1.5 + 1.5 * depth:g}em), mono[{literal(layer)}])")
    page.put("")
    page.conventions()
    for q in e.questions:
        page.put("#v(0.4em)")
        page.out.append(f"#strong[{q.label}] {literal(worth(q))}".strip())  # and on in this line
        if q.text:
            page.statement(q.text)
        else:
            page.put(page.words(q.words))
        for t in q.tables:
            page.table(t)
        if not q.tables:
            page.put(f"#v({room(q):.1f}cm)")
    return page.out
