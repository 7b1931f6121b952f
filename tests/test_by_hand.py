"""Convolutions and pools worked by hand: one entry forward, both gradients back, their formulas."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator

import numpy as np
import pytest

import tutor
from tutor.notation.text import text
from tutor.render.grid_text import to_rows
from tutor.steps import Picture, Solution, Step, TaskResult
from tutor.tasks import conv_back, pool_backward, window_entry
from tutor.tasks.slid import Slid

ARRAYS = """given:
  x: [[1, 2, 0], [0, 1, 3], [2, 1, 1]]
  K: [[1, 0], [2, -1]]
  v: [1, 2, 0, 3, 1]
  w: [1, -1, 2]
  X: reshape(arange(18), 2, 3, 3)
  W: randint(2, 2, 2, 2, low=-2, high=2, seed=1)
  b: [1, -1]
"""


def solved(definition: str, wrt: str, conventions: str = "") -> Solution:
    return (
        tutor.loads(
            f"{conventions}{ARRAYS}define:\n  y: {definition}\n  L: sum(y**2)/2\n"
            f"tasks:\n  - gradient: {{of: L, wrt: {wrt}}}\n"
        )
        .solve()
        .solution
    )


def steps(solution: Solution, start: str) -> list[Step]:
    return [s for t in solution.tasks for s in t.steps if s.id.startswith(start)]


# -- formulas -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "wrt", "formula"),
    [
        ("conv2d(x, K, padding=1)", "x", "conv_transpose2d(y, K, padding=1)"),
        ("conv2d(x, K, padding=1)", "K", "conv2d(x, y, padding=1)"),
        ("conv2d(x, K, stride=2)", "x", "conv_transpose2d(y, K, stride=2, output_padding=1)"),
        ("conv2d(x, K, stride=2)", "K", "conv2d(x, y, dilation=2)[:2, :2]"),
        ("conv2d(x, K, padding=[[0, 1], [0, 1]])", "x", "conv_transpose2d(y, K)[:3, :3]"),
        ("conv2d(x, K, padding=[[1, 0], [1, 0]])", "x", "conv_transpose2d(y, K)[1:4, 1:4]"),
        ("conv1d(v, w, dilation=2)", "v", "conv_transpose1d(y, w, dilation=2)"),
        ("conv1d(v, w, dilation=2)", "w", "conv1d(v, y, stride=2)"),
        ("conv1d(v, w, stride=2)", "w", "conv1d(v, y, dilation=2)"),
        ("conv_transpose2d(x, K)", "x", "conv2d(y, K)"),
        ("conv2d(X, W, b)", "X", "conv_transpose2d(y, W)"),
        ("conv2d(X, W, b)", "b", "sum(y, axis=[1, 2])"),
        (
            "conv2d(X, W, b)",
            "W",
            "permute(conv2d(unsqueeze(X, 1), unsqueeze(y, 1)), 1, 0, 2, 3)",
        ),
        ("avg_pool2d(x, 2, stride=1)", "x", "conv_transpose2d(y, ones(2, 2)) / 4"),
        # five entries, of which the windows leave the last one out: no reshape into 2×2
        ("avg_pool1d(v, 2)", "v", "conv_transpose1d(y, ones(2), stride=2, output_padding=1) / 2"),
        ("X * 2", "X", "4 * X"),
        ("reshape(X, 18)", "X", "X"),
    ],
)
def test_closed_form(definition: str, wrt: str, formula: str) -> None:
    (task,) = solved(definition, wrt).tasks
    whole = re.sub(r"\by\b", definition, formula)  # in the givens, where that is short
    assert task.formula is not None and text(task.formula) in (formula, whole)
    assert task.check is not None and task.check.passed  # the printed text, typed again


@pytest.mark.parametrize(
    ("wrt", "formula"),
    [
        ("x", "conv_transpose2d(ones(2, 2), K, stride=2, output_padding=1)"),
        ("K", "conv2d(x, ones(2, 2), dilation=2)[:2, :2]"),
    ],
)
def test_an_upstream_of_ones(wrt: str, formula: str) -> None:
    source = (
        "given: {x: 'reshape(arange(25), 5, 5)', K: [[1, 0], [2, -1]]}\n"
        "define: {L: 'sum(conv2d(x, K, stride=2))'}\n"
        f"tasks:\n  - gradient: {{of: L, wrt: {wrt}}}\n"
    )
    (task,) = tutor.loads(source).solve().solution.tasks
    assert task.formula is not None and text(task.formula) == formula
    assert task.check is not None and task.check.passed


def cases(count: int) -> Iterator[tuple[str, str]]:
    """Random convolutions with everything that they take."""
    draw = random.Random(5)
    for seed in range(count):
        n, lead = draw.choice((1, 2, 2)), draw.choice((0, 1, 2))
        k, s, d = ([draw.randint(1, most) for _ in range(n)] for most in (3, 3, 2))
        p = [draw.randint(0, 2) for _ in range(n)]
        pairs = [[draw.randint(0, 2), draw.randint(0, 2)] for _ in range(n)]
        size = [(a - 1) * b + 1 + draw.randint(0, 3) for a, b in zip(k, d, strict=True)]
        c, o = draw.randint(1, 3), draw.randint(1, 3)
        front = ([], [c], [2, c])[lead]
        sizes, taps = [*front, *size], [*([o, c] if lead else []), *k]
        names = [
            f"{name}: randint({', '.join(map(str, dims))}, low=-3, high=3, seed={seed + at})"
            for at, (name, dims) in enumerate({"x": sizes, "K": taps}.items())
        ]
        padding = draw.choice((p, pairs))
        call = f"conv{n}d(x, K, stride={s}, padding={padding}, dilation={d})"
        yield f"given:\n  {names[0]}\n  {names[1]}\n", call


@pytest.mark.parametrize(("given", "call"), list(cases(14)))
def test_random_convolution(given: str, call: str) -> None:
    """Formulas hold, and both gradients are told by hand with products that add up."""
    source = f"{given}define: {{y: '{call}', L: sum(y**2)}}\ntasks:\n"
    source += "  - gradient: {of: L, wrt: [x, K]}\n"
    solution = tutor.loads(source).solve().solution
    for task in solution.tasks:
        assert task.check is not None and task.check.passed, call
        for step in task.steps:
            if step.picture is not None:
                assert adds_up(step.picture), (call, step.id)
    assert len(steps(solution, "hand.x")) == 1, call
    assert len(steps(solution, "hand.K")) == 1, call


def adds_up(picture: Picture) -> bool:
    """Framed entries times framed entries, summed over the pairs, against the framed result."""
    *parts, result = picture.grids
    if picture.signs[0] != "⋆":
        return True

    def framed(k: int) -> np.ndarray:
        g = parts[k]
        return np.array([number(text(g.cells[i][j] or g.name)) for i, j in g.framed])

    total = sum(float(framed(k) @ framed(k + 1)) for k in range(0, len(parts), 2))
    (at,) = result.framed
    return np.isclose(total, number(text(result.cells[at[0]][at[1]] or result.name)))


def number(s: str) -> float:
    top, _, bottom = s.partition("/")
    return float(top) / float(bottom or 1)


def test_the_check_of_pictures_notices() -> None:
    (step,) = steps(solved("conv2d(x, K, padding=1)", "K"), "hand.K")
    picture = step.picture
    assert picture is not None and adds_up(picture)
    first, *rest = picture.grids
    moved = type(first)(first.name, first.cells, first.padding, first.framed[::-1])
    assert not adds_up(Picture((moved, *rest), picture.signs, picture.words))


# -- words and pictures ---------------------------------------------------------------------------


def test_one_entry_with_the_window_that_it_comes_from() -> None:
    (step,) = steps(solved("conv2d(x, K, padding=1)", "K"), "entry.")
    members = [text(e) for e in step.equation]
    assert members == [
        "y[1, 1]",
        "x[0, 0] * K[0, 0] + x[0, 1] * K[0, 1] + x[1, 0] * K[1, 0] + x[1, 1] * K[1, 1]",
        "1*1 + 2*0 + 0*2 + 1 * -1",
        "0",
    ]


def test_a_layer_adds_its_channels_and_its_bias() -> None:
    solution = solved("conv2d(X, W, b, stride=2, padding=1)", "[W, X]")
    (entry,) = steps(solution, "entry.")
    assert text(entry.equation[0]) == "y[0, 1, 1]" and entry.picture is not None
    assert entry.picture.signs == ("⋆", "+", "⋆", "→")
    assert [text(g.name) for g in entry.picture.grids] == [
        "X[0]",
        "W[0, 0]",
        "X[1]",
        "W[0, 1]",
        "y[0]",
    ]
    (back,) = steps(solution, "hand.X")
    assert back.picture is not None and len(back.picture.grids[0].padding) == 12  # 16 − 4 entries


def test_the_input_gets_the_flipped_kernel() -> None:
    (step,) = steps(solved("conv2d(x, K, padding=1)", "x"), "hand.x")
    assert [text(e) for e in step.equation[:2]] == ["dL/dx", "conv2d(G, flip(K))"]
    (turned,) = steps(solved("conv2d(x, K)", "x", "convention: {conv: convolution}\n"), "hand.x")
    assert text(turned.equation[1]) == "conv2d(G, flip(K))"  # there conv turns it back
    assert turned.picture is not None and text(turned.picture.grids[1].name) == "K"


def test_the_array_of_the_upstream_gets_a_name_that_is_free() -> None:
    source = (
        ARRAYS
        + "define:\n  G: conv2d(x, K)\n  L: sum(G**2)/2\ntasks:\n  - gradient: {of: L, wrt: x}\n"
    )
    (step,) = steps(tutor.loads(source).solve().solution, "hand.x")
    assert text(step.equation[1]) == "conv2d(G_0, flip(K))"


def test_a_bias_has_its_own_reason() -> None:
    local = steps(solved("conv2d(X, W, b)", "b"), "local.y.b")
    assert local[0].why is not None and "each output channel" in local[0].why.message
    local = steps(solved("conv2d(X, W, b)", "W"), "local.y.W")
    assert local[0].why is not None and "dot product" in local[0].why.message


@pytest.mark.parametrize(
    ("definition", "conventions", "members"),
    [
        (
            "max_pool2d(x, 2, stride=1)",
            "",
            ["(dL/dx)[1, 2]", "(dL/dy)[0, 1] + (dL/dy)[1, 1]", "3 + 3", "6"],
        ),
        ("avg_pool2d(x, 2)", "", ["(dL/dx)[0, 0]", "(dL/dy)[0, 0] / 4", "1/4"]),
        (
            "max_pool1d([3, 3, 1, 0], 2)",
            "convention: {ties: split}\n",
            ["(dL/dp)[0]", "(dL/dy)[0] / 2", "3/2"],
        ),
    ],
)  # fmt: skip
def test_a_pool_backwards(definition: str, conventions: str, members: list[str]) -> None:
    p = "  p: [3, 3, 1, 0]\n" if "[3, 3" in definition else ""
    source = ARRAYS.replace("given:\n", f"given:\n{p}") if p else ARRAYS
    name = "p" if p else "x"
    solution = (
        tutor.loads(
            f"{conventions}{source}define:\n  y: {definition.replace('[3, 3, 1, 0]', 'p')}\n"
            f"  L: sum(y**2)/2\ntasks:\n  - gradient: {{of: L, wrt: {name}}}\n"
        )
        .solve()
        .solution
    )
    (step,) = steps(solution, "hand.")
    assert [text(e) for e in step.equation] == members


def test_every_format_shows_the_arrays() -> None:
    from tutor.render.html import html
    from tutor.render.json import json as as_json
    from tutor.render.latex import latex
    from tutor.render.markdown import markdown
    from tutor.render.terminal import terminal
    from tutor.render.typst import typst

    solution = solved("conv2d(X, W, b, stride=2, padding=1)", "X")
    (step,) = steps(solution, "hand.X")
    assert step.picture is not None
    assert "flip(W[0, 0])" in terminal(solution) and "[ ] frames an entry" in terminal(solution)
    assert terminal(solution).count("frames an entry") == 1  # said once
    assert html(solution).count("<svg") >= 2 and r"\boxed" in latex(solution)
    assert r"\boxed" in markdown(solution)
    assert "<svg" in typst(solution, lambda *tex: tex[0])
    data = json.loads(as_json(solution))
    (found,) = (s["picture"] for s in data["tasks"][0]["steps"] if s["id"] == "hand.X")
    assert found["arrays"][0]["name"] == "G[0]" and found["signs"] == ["⋆", "+", "⋆", "→"]
    assert found["arrays"][0]["cells"][0][1] == "0" and [0, 1] in found["arrays"][0]["padding"]


def test_arrays_as_text() -> None:
    (step,) = steps(solved("max_pool2d(x, 2, stride=1)", "x"), "entry.")
    assert step.picture is not None
    assert to_rows(step.picture, {}, 60) == [
        "       x                     ",
        "⎡[1 ] [2*]  0  ⎤        y    ",
        "⎢[0 ] [1 ]  3* ⎥ →  ⎡[2]  3 ⎤",
        "⎣ 2*   1    1  ⎦    ⎣ 2   3 ⎦",
    ]


def test_arrays_too_wide_for_the_terminal_are_left_out() -> None:
    (step,) = steps(solved("conv2d(x, K, padding=1)", "x"), "entry.")
    assert step.picture is not None
    assert to_rows(step.picture, {}, 20) == [] and to_rows(step.picture, {}, 40)


# -- the guards -----------------------------------------------------------------------------------


def test_what_does_not_add_up_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the three compares its products with the derived value."""
    before = solved("conv2d(x, K, padding=1)", "[x, K]")
    assert len(steps(before, "hand.")) == 2 and len(steps(before, "entry.")) == 1
    right = Slid.met
    monkeypatch.setattr(Slid, "met", lambda s, o, k: tuple(i + 1 for i in right(s, o, k)))
    wrong = solved("conv2d(x, K, padding=1)", "K")
    assert steps(wrong, "hand.") == [] and steps(wrong, "entry.")[0].picture is None
    monkeypatch.setattr(Slid, "met", right)
    monkeypatch.setattr(pool_backward, "len_of", lambda *a: 3)
    assert steps(solved("avg_pool2d(x, 2)", "x"), "hand.") == []


def test_same_number() -> None:
    assert window_entry.same(0.1 + 0.2, 0.3) and not window_entry.same(0.3, 0.31)
    assert conv_back.each([2, 2]) == "2" and conv_back.each([2, 3]) == "2 × 3"


def test_a_kernel_that_meets_only_padding() -> None:
    source = (
        "given: {x: [[2], [1], [3]], K: [[1], [2], [-1]]}\n"
        "define: {y: 'conv2d(x, K, stride=[3, 2], padding=[[2, 0], [1, 0]])', L: sum(y**2)}\n"
        "tasks:\n  - gradient: {of: L, wrt: [x, K]}\n"
    )
    solution = tutor.loads(source).solve().solution
    assert all(t.check is not None and t.check.passed for t in solution.tasks)
    assert steps(solution, "hand.K") == []


def test_one_pixel_arrays_with_channels() -> None:
    """Spatial axes of size 1 beside channels: no picture that would not fit, no crash."""
    source = (
        "given:\n  x: randint(3, 1, 2, low=-3, high=3, seed=0)\n"
        "  K: randint(3, 3, 1, 2, low=-3, high=3, seed=1)\n"
        "define: {y: 'conv2d(x, K, stride=[1, 3], padding=[0, 1])', L: sum(y)}\n"
        "tasks:\n  - gradient: {of: L, wrt: [x, K]}\n"
    )
    results: tuple[TaskResult, ...] = tutor.loads(source).solve().solution.tasks
    assert all(t.check is not None and t.check.passed for t in results)
