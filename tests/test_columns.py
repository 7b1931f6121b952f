"""n×1 matrices as operands of one-dimensional windows: they work like columns."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tests.test_checks import source
from tutor.errors import ShapeError
from tutor.problem import loads
from tutor.problem.elaborate import elaborate
from tutor.render.json import data
from tutor.render.terminal import terminal
from tutor.tasks import solve

X, K, k, x = "[[1], [-2], [3], [5], [4]]", "[[1], [2]]", "[1, 2]", "[1, -2, 3, 5, 4]"
GIVEN = {"X": f'"{X}"', "K": f'"{K}"', "k": k, "x": x}

# with n×1 matrices; the same with vectors
PAIRS = [
    ("conv1d(X, k)", "conv1d(x, k)"),
    ("conv1d(x, K, stride=2, padding=1)", "conv1d(x, k, stride=2, padding=1)"),
    ("conv1d(X, K, dilation=2)", "conv1d(x, k, dilation=2)"),
    ("conv1d(X, K, 3)", "conv1d(x, k, 3)"),
    ("conv1d(X, k.T)", "conv1d(x, k)"),
    ("conv_transpose1d(X, k.T)", "conv_transpose1d(x, k)"),
    ("conv(X, k)", "conv(x, k)"),
    ("conv_transpose1d(X, K, stride=2)", "conv_transpose1d(x, k, stride=2)"),
    ("conv_transpose1d(x, K)", "conv_transpose1d(x, k)"),
    ("conv_transpose1d(X, k, padding=1)", "conv_transpose1d(x, k, padding=1)"),
    ("max_pool1d(X, 2)", "max_pool1d(x, 2)"),
    ("max_pool1d(X, kernel_size=3, stride=1, padding=0)", "max_pool1d(x, 3, 1)"),
    ("avg_pool1d(X, 2, stride=1)", "avg_pool1d(x, 2, stride=1)"),
]


def answers(expression: str, *wrt: str) -> list[Any]:
    """The value of y, and the gradients of a sum of its squares."""
    define = {"y": f'"{expression}"', "L": "sum(y**2) + sum(y)"}
    names = ", ".join(wrt)
    tasks = ["forward: {of: y}", f"gradient: {{of: L, wrt: [{names}]}}"]
    solution = solve(loads(source(GIVEN, define, *tasks)))
    assert all(t.check is not None and t.check.passed for t in solution.tasks)
    return [np.asarray(t["value"]) for t in data(solution)["tasks"]]


@pytest.mark.parametrize(("matrices", "vectors"), PAIRS)
def test_a_column_matrix_is_a_vector(matrices: str, vectors: str) -> None:
    wrt = [n for n in "XKxk" if re.search(rf"\b{n}\b", matrices)]
    got = answers(matrices, *wrt)
    want = answers(vectors, *[n.lower() for n in wrt])
    assert got[0].shape == want[0].shape
    for a, b, name in zip(got, want, ["", *wrt], strict=True):
        assert np.array_equal(a.ravel(), b.ravel())
        assert a.ndim == (2 if name.isupper() else 1)


@pytest.mark.parametrize("level", [0, 2])
def test_a_literal_convolution_is_solved_by_every_task(level: int) -> None:
    tasks = ["forward", "matrix_form: {of: y}", "gradient: {of: L, wrt: c}", "shapes"]
    define = {"y": '"conv1d(eye(4, 1), [1, 2])"', "L": "c * sum(y)"}
    solution = solve(loads(source({"c": "3"}, define, *tasks)))
    found = data(solution)
    assert found["variables"]["y"]["exact"] == ["1", "0", "0"]
    assert found["tasks"][1]["toeplitz"] == [[1, 2, 0, 0], [0, 1, 2, 0], [0, 0, 1, 2]]
    assert all(r.check is not None and r.check.passed for r in solution.tasks)
    assert ("z₁ = squeeze" in terminal(solution, level=level)) == (level > 0)


def test_channels_of_length_one_stay_channels() -> None:
    """Where PyTorch's reading has a meaning, it is the one that holds."""
    shapes = {
        "max_pool1d(X, 1)": (5, 1),
        "max_pool1d(X, 2, padding=1)": (5, 1),
        "avg_pool1d(X, 3, stride=1, padding=1)": (5, 1),
        "conv1d([[7]], [[2]])": (1, 1),
    }
    for expression, shape in shapes.items():
        lines = elaborate(loads(source(GIVEN, {"y": f'"{expression}"'}, "forward"))).lines
        assert lines["y"].shape == shape, expression


@pytest.mark.parametrize(
    "expression", ["conv1d(X, [[1, 2]])", "conv1d(X, [1, 2, 3, 4, 5, 6])", "max_pool1d(X, 7)"]
)
def test_what_fits_in_no_way_is_refused(expression: str) -> None:
    with pytest.raises(ShapeError) as caught:
        elaborate(loads(source(GIVEN, {"y": f'"{expression}"'}, "forward")))
    assert caught.value.where is not None


def test_values_and_gradients_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    t, w = (torch.tensor(v, dtype=torch.float64, requires_grad=True)
            for v in ([1, -2, 3, 5, 4], [1, 2]))  # fmt: skip
    y = torch.nn.functional.conv1d(t[None, None], w[None, None], stride=2, padding=1).ravel()
    ((y**2).sum() + y.sum()).backward()
    value, by_x, by_k = answers("conv1d(X, K, stride=2, padding=1)", "X", "K")
    assert value.tolist() == y.tolist()
    assert by_x.ravel().tolist() == t.grad.tolist() and by_k.ravel().tolist() == w.grad.tolist()


def test_a_row_is_one_channel_of_a_layer() -> None:
    given = {"x": "[1, 2, 3]", "K": "[[[1, 2], [3, 4]]]"}
    define = {"y": "conv_transpose1d(x.T, K)", "z": '"conv_transpose1d([[1, 2, 3]], K)"'}
    define |= {"L": "sum(y**2)"}
    solution = solve(loads(source(given, define, "forward", "gradient: {of: L, wrt: [x, K]}")))
    found = data(solution)
    assert found["variables"]["y"]["value"] == found["variables"]["z"]["value"]
    assert found["variables"]["y"]["shape"] == [2, 4]
    assert all(t.check is not None and t.check.passed for t in solution.tasks)
