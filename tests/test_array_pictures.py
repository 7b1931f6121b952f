"""Pictures of arrays: the window, the kernel, the entry that comes out, the winners of a pool."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import tutor
from tutor.render import grid
from tutor.render.html import html
from tutor.render.markdown import markdown
from tutor.steps import Picture

ROOT = Path(__file__).parents[1]


def pictures(text: str) -> list[Picture]:
    solution = tutor.loads(text).solve().solution
    return [s.picture for t in solution.tasks for s in t.steps if s.picture is not None]


def problem(definition: str, conventions: str = "") -> str:
    return (
        f"{conventions}given:\n"
        "  X: [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]]\n"
        f"  K: [[1, 2], [3, 4]]\n  F: [[5, 5], [5, 5]]\n"
        f"define: {{Y: {definition}}}\ntasks:\n  - forward:\n"
    )


def test_a_convolution_shows_window_kernel_and_entry() -> None:
    (found,) = pictures(problem('"conv2d(X, K)"'))
    x, k, y = found.grids
    assert x.framed == ((0, 0), (0, 1), (1, 0), (1, 1)) and not x.padding
    assert len(k.framed) == 4 and y.framed == ((0, 0),) and found.signs == ("⋆", "→")
    assert grid.said(k, {}) == "K: [1] [2]; [3] [4]."
    assert grid.said(y, {}).startswith("Y: [34] 44 54;")


def test_the_framed_entries_are_what_the_sentence_says() -> None:
    """Window times kernel, summed, is the framed entry: for padding, dilation and flips."""
    for definition, conventions in [
        ('"conv2d(X, K, padding=1)"', ""),
        ('"conv2d(X, K, dilation=2)"', ""),
        ('"conv2d(X, K, stride=2, padding=1)"', ""),
        ('"conv2d(X, K)"', "convention: {conv: convolution}\n"),
    ]:
        (found,) = pictures(problem(definition, conventions))
        x, k, y = found.grids
        values = [[float(getattr(g.cells[i][j], "text", "nan")) for i, j in g.framed]
                  for g in (x, k, y)]  # fmt: skip
        assert np.dot(values[0], values[1]) == values[2][0], definition


def test_padding_is_marked() -> None:
    (found,) = pictures(problem('"conv2d(X, K, padding=1)"'))
    x = found.grids[0]
    assert len(x.cells) == 6 and len(x.padding) == 36 - 16 and (0, 0) in x.padding


def test_a_pool_shows_its_winners() -> None:
    (found,) = pictures(problem('"max_pool2d(X, 3, stride=1)"'))
    assert found.grids[0].winners == ((2, 2), (2, 3), (3, 2), (3, 3))
    (found,) = pictures(problem('"max_pool2d(F, 2)"'))
    assert found.grids[0].winners == ((0, 0),), "the first of equal entries"
    (found,) = pictures(problem('"max_pool2d(F, 2)"', "convention: {ties: split}\n"))
    assert len(found.grids[0].winners) == 4
    (found,) = pictures(problem('"avg_pool2d(X, 2)"'))
    assert found.grids[0].winners == ()


@pytest.mark.parametrize(
    "definition",
    ['"max_pool2d(X, 3, stride=2, ceil_mode=True)"', '"X @ X"', '"conv2d(kron(X, X), K)"'],
)
def test_what_is_too_large_or_does_not_slide_has_no_picture(definition: str) -> None:
    assert pictures(problem(definition)) == []


def test_the_pictures_are_said_in_words() -> None:
    path = ROOT / "problems" / "seeds" / "pooling.yaml"
    solution = tutor.load(path).solve(checking=False).solution
    svgs = re.findall(r'<div class="arrays".*?</svg>', html(solution), re.DOTALL)
    assert len(svgs) == 2
    for svg in svgs:
        assert "<title>The framed window of X gives the framed entry of" in svg
        assert re.search(r"<desc>X: \[0\] \[1\] \[2\] 3; .*</desc>", svg)
    text = markdown(solution)
    assert r"\boxed{\mathbf{10}}" in text and "The framed window of" in text
    assert 'class="arrays"' not in html(solution, level=0)


def test_a_training_has_a_curve_on_its_page() -> None:
    path = ROOT / "problems" / "seeds" / "learn_kernel.yaml"
    solution = tutor.load(path).solve(checking=False).solution
    found = re.findall(r"<figure>.*?</figure>", html(solution), re.DOTALL)
    curves = [f for f in found if 'class="curve"' in f]
    assert len(curves) == sum(t.curve is not None for t in solution.tasks) > 0
    for figure in curves:
        assert re.search(r"<figcaption>The course of .* at the end[^:]*\.</figcaption>", figure)
        assert "<desc>" in figure
