"""Formulas full of arrays, folded into rows that fit."""

from __future__ import annotations

import pytest

from tutor.expr import Binary, Call, Expr, List, Name, Num
from tutor.notation.block import Block, width
from tutor.notation.fold import folded
from tutor.notation.unicode import layout
from tutor.render import paper


def column(*numbers: str) -> List:
    return List(tuple(Num(n) for n in numbers))


LONG = column("0.123456", "2.234567", "1.5")
SUM = Binary("+", Call("softmax", (LONG,)), Binary("-", LONG, Call("relu", (LONG,))))


def total(*terms: Expr) -> Expr:
    out = terms[0]
    for t in terms[1:]:
        out = Binary("+", out, t)
    return out


@pytest.mark.parametrize("columns", [30, 40, 60])
def test_rows_fit_and_nothing_is_lost(columns: int) -> None:
    block = layout(total(*[LONG] * 6, SUM))
    found = folded(block, columns)
    assert found is not None and found.width <= columns
    assert all(width(row) == found.width for row in found.lines)
    numbers = "".join(block.lines)
    for n in ("0.123456", "2.234567", "1.5"):
        assert "".join(found.lines).count(n) == numbers.count(n)


def test_the_rows_begin_with_the_sign() -> None:
    found = folded(layout(total(LONG, LONG, LONG)), 30)
    assert found is not None
    assert found.lines == (
        "⎡0.123456⎤   ⎡0.123456⎤",
        "⎢2.234567⎥ + ⎢2.234567⎥",
        "⎣1.5     ⎦   ⎣1.5     ⎦",
        "    ⎡0.123456⎤         ",
        "  + ⎢2.234567⎥         ",
        "    ⎣1.5     ⎦         ",
    )
    assert found.base == 1


def test_what_fits_stays_as_it_is() -> None:
    block = layout(LONG)
    assert folded(block, block.width) == block


def test_no_cut_within_brackets() -> None:
    wide = List((column("11111111", "22222222"), column("33333333", "44444444")))
    assert folded(layout(wide), 12) is None


def test_parentheses_keep_their_ends() -> None:
    """What is cut within parentheses has no half of a tall one left over."""
    call = Call("cross_entropy", (LONG, LONG), (("reduction", Name("none")),))
    found = folded(layout(call), 38)
    assert found is not None
    for shapes in ("⎛⎜⎝", "⎞⎟⎠"):
        text = "".join(found.lines)
        assert text.count(shapes[0]) == text.count(shapes[2])


def test_wide_characters_and_marks_keep_their_columns() -> None:
    block = Block(("数 + x̂ + y",), 0)
    found = folded(block, 6)
    assert found is not None
    assert [row.strip() for row in found.lines] == ["数 + x̂", "+ y"]


def test_the_next_member_begins_a_row_of_its_own() -> None:
    blocks = paper.equation((Name("y"), total(*[LONG] * 6), LONG), 50, {})
    assert [b.lines[b.base].split()[0] for b in blocks] == ["y", "=", "="]


def test_words_with_a_small_list_are_wrapped_as_text() -> None:
    short = Call("one_hot", (column("0", "1", "2"),))
    long = total(*[Binary("*", Name(f"name_{k}"), Name("weight")) for k in range(9)], short)
    rows = paper.member(long, 50, {}).lines
    assert "[0, 1, 2]" in "".join(rows)
