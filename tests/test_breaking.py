"""Long formulas in rows: nothing is lost, every row stands on its own, cuts stand at signs."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from tutor.notation.latex import latex
from tutor.problem.expression import parse
from tutor.render import breaking

LONG = [
    # a sum; a product of sums; a call within a call; a fraction; a matrix that cannot be cut
    "alpha + beta + gamma + delta + epsilon + zeta + eta + theta + kappa + lambda_ + mu + nu",
    "-((t - sigmoid(W @ sigmoid(V @ x + b) + c)) * sigmoid(V @ x + b) * (1 - sigmoid(V @ x + b)))"
    " @ x.T",
    "diag(softmax(A @ B.T / 2) @ C - softmax(A @ B.T / 2) @ D) @ (exp(A @ B.T) + exp(C @ D.T)) @ F",
    "(exp(x) * log(x) - sin(x) * cos(x) + tanh(x) * exp(2*x) - sqrt(x) * log(2*x)) / 2",
    "masked(softmax(A @ B), [[1, 2, 3, 4, 5, 6, 7, 8]], [[1, 2, 3, 4, 5, 6, 7, 8]])",
]
SMALL = 30


def rows(source: str, room: int) -> list[str]:
    return breaking.summands(parse(source), {}, room)


def whole(pieces: list[str]) -> str:
    """The rows put together again, without the invisible parentheses that make each complete."""
    joined = " ".join(re.sub(r"(\\left\. )+|( \\right\.)+$", "", row) for row in pieces)
    return re.sub(r"\s+", "", joined)


@pytest.mark.parametrize("source", LONG)
def test_nothing_is_lost(source: str) -> None:
    found = rows(source, SMALL)
    assert len(found) > 1
    expected = latex(parse(source), {})
    if expected.startswith(r"\frac{"):  # a fraction over something short becomes a product
        body = re.fullmatch(r"\\frac\{(.*)\}\{2\}", expected)
        assert body is not None
        expected = rf"\frac{{1}}{{2}} \left( {body[1]} \right)"
    assert whole(found) == re.sub(r"\s+", "", expected)


@pytest.mark.parametrize("source", LONG)
def test_every_row_is_a_formula_of_its_own(source: str) -> None:
    for room in (SMALL, breaking.ROW):
        for row in rows(source, room):
            for opening, closing in (("{", "}"), (r"\left", r"\right"), (r"\begin", r"\end")):
                assert row.count(opening) == row.count(closing), row
            assert row.strip() == row and row


@pytest.mark.parametrize("source", LONG)
def test_cuts_stand_before_signs_or_after_commas(source: str) -> None:
    for left, right in pairwise(rows(source, SMALL)):
        start = re.sub(r"^(\\left\. )+", "", right)
        end = re.sub(r"( \\right\.)+$", "", left)
        assert start.startswith(("+", "-", r"\odot", r"\cdot")) or end.endswith(",")


def test_the_outermost_sign_is_cut_first() -> None:
    found = rows("(aa + bb + cc + dd) * ee - (ff + gg + hh + kk) * mm", SMALL)
    assert len(found) == 2 and found[1].startswith("-")


def test_a_minus_that_is_no_difference_stays() -> None:
    found = rows("exp(-alpha - beta - gamma) * sin(-delta) + exp(-epsilon) * cos(-zeta - eta)", 20)
    assert not any(re.search(r"[(]$", row) for row in found)
    assert found[0].startswith(r"\exp")


def test_short_terms_are_left_alone() -> None:
    assert rows("a + b", SMALL) == ["a + b"]
    assert breaking.broken(parse("a + b"), {}) == ["a + b"]


def test_what_cannot_be_cut_is_made_to_fit() -> None:
    name = "w_" + "1" * 40
    (row,) = breaking.broken(parse(f"{name} @ {name.replace('w', 'v')}"), {})
    assert row.startswith(r"\fitpart{")


def test_sums_are_cut_before_products() -> None:
    found = rows("a * bb * cc * dd + ee * ff * gg + hh * kk * mm + nn * pp", 12)
    assert all(row.startswith("+") for row in found[1:])


@pytest.mark.parametrize(
    "source, dims, note",
    [
        ("[[1, 2]]", "1×2", "1×2"),
        ("[[[1, 2]]]", "1×1×2", ""),  # the array is drawn without its axes of size 1, and says so
        ("[[[1, 2]]]", "1×2", "1×2"),
        ("a + b", None, ""),
    ],
)
def test_a_size_is_said_once(source: str, dims: str | None, note: str) -> None:
    assert breaking.size_note(dims, [parse("y"), parse(source), None], {}) == note
