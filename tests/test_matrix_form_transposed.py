"""A transposed convolution as a matrix product: T at every input, C at every kernel, and T = Mᵀ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import tutor
from tutor.ops import OPS
from tutor.render.terminal import terminal
from tutor.tasks import matrix_form

CASES: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ("conv_transpose1d", (3,), (2,), {"stride": 2, "padding": 1}),
    ("conv_transpose1d", (1, 3), (1, 2), {"stride": 3}),
    ("conv_transpose1d", (2, 3), (2, 3, 2), {"stride": 2, "output_padding": 1}),
    ("conv_transpose1d", (4, 3), (4, 2, 2), {"groups": 2, "dilation": 2}),
    ("conv_transpose2d", (2, 3), (3, 2), {}),
    ("conv_transpose2d", (3, 2), (2, 3), {"stride": (2, 3), "padding": 1}),
    ("conv_transpose2d", (2, 2, 3), (2, 3, 2, 2), {"stride": 2, "padding": 1, "output_padding": 1}),
    ("conv_transpose2d", (2, 4, 2, 1), (4, 1, 2, 2), {"groups": 2}),
    ("conv_transpose3d", (2, 1, 2, 2), (2, 3, 2, 1, 2), {"stride": (1, 2, 2)}),
]
WAYS = ("", "vec: column", "conv: convolution")


def source(case: tuple, way: str = "", bias: int = 0) -> str:
    name, image, kernel, more = case
    given = {"x": image, "w": kernel, **({"b": (bias,)} if bias else {})}
    rows = [
        f"  {n}: randint({', '.join(map(str, s))}, low=-4, high=5, seed={k + 1})\n"
        for k, (n, s) in enumerate(given.items())
    ]
    call = ", ".join([*given, *(f"{k}={v}" for k, v in more.items())])
    return (
        f"convention: {{{way}}}\ngiven:\n{''.join(rows)}define:\n  y: '{name}({call})'\n"
        "tasks:\n  - matrix_form: {of: y}\n"
    )


def direct(case: tuple, way: str, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    name, _, _, more = case
    if way == "conv: convolution":
        n = int(name[-2])
        w = np.flip(w, axis=tuple(range(w.ndim - n, w.ndim)))
    return np.asarray(OPS[name].reference(x, w, **more), dtype=float)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[1]}-{c[3]}")
@pytest.mark.parametrize("way", WAYS)
def test_the_matrices_are_the_convolution(case: tuple, way: str) -> None:
    loaded = tutor.loads(source(case, way))
    task = loaded.solve().tasks[0]
    assert task.check is not None and task.check.passed and task.check.max_rel_error == 0
    order = "F" if way == "vec: column" else "C"
    T, C = (np.array(task.extra[k], dtype=float) for k in ("toeplitz", "im2col"))
    x, w = (loaded.problem.given[n].value.floats() for n in "xw")
    rng = np.random.default_rng(4)
    other = rng.integers(-9, 10, size=case[1]).astype(float)
    np.testing.assert_array_equal(T @ other.ravel(order), direct(case, way, other, w).ravel(order))
    if "groups" in case[3]:
        return
    kernel = rng.integers(-9, 10, size=case[2]).astype(float)
    want, spatial = direct(case, way, x, kernel), int(case[0][-2])
    if kernel.ndim < spatial + 2:
        np.testing.assert_array_equal(C @ kernel.ravel(order), want.ravel(order))
        return
    for k in range(kernel.shape[1]):
        one = np.take(want, k, axis=want.ndim - spatial - 1)
        np.testing.assert_array_equal(C @ kernel[:, k].ravel(order), one.ravel(order))


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[1]}-{c[3]}")
@pytest.mark.parametrize("way", ["", "vec: column"])
def test_it_is_the_transpose_of_the_matrix_of_a_convolution(case: tuple, way: str) -> None:
    """Of the one with the same kernel and parameters, from the output back to the input."""
    task = tutor.loads(source(case, way)).solve().tasks[0]
    more = {k: v for k, v in case[3].items() if k != "output_padding"}
    name = case[0].replace("_transpose", "")
    shape = task.value.data.shape  # type: ignore[union-attr]
    back = source((name, shape, case[2], more), way)
    found = tutor.loads(back).solve().tasks[0]
    np.testing.assert_array_equal(
        np.array(task.extra["toeplitz"], float), np.array(found.extra["toeplitz"], float).T
    )


def test_against_torch() -> None:
    torch = pytest.importorskip("torch")
    for case in (CASES[2], CASES[3], CASES[6], CASES[7], CASES[8]):
        task = tutor.loads(source(case)).solve().tasks[0]
        given = tutor.loads(source(case)).problem.given
        x, w = (torch.tensor(given[n].value.floats()) for n in "xw")
        y = getattr(torch.nn.functional, case[0])(x, w, **case[3])
        T = np.array(task.extra["toeplitz"], dtype=float)
        np.testing.assert_allclose(T @ x.numpy().ravel(), y.numpy().ravel(), atol=1e-12)


def test_a_bias_is_added_afterwards() -> None:
    for case, outs in ((CASES[2], 3), (CASES[6], 3)):
        task = tutor.loads(source(case, "", outs)).solve().tasks[0]
        assert task.check is not None and task.check.max_rel_error == 0


def test_the_words() -> None:
    said = " ".join(terminal(tutor.loads(source(CASES[6])).solve().solution).split())
    assert "the transpose of the matrix of the convolution" in said
    assert "belongs to one output" in said and "window" not in said.partition("What falls")[2]
    assert "copies of the kernel laid down one by one" in said


@pytest.mark.parametrize("name", ["_unrolled", "_patches", "_kernels", "_by_output"])
def test_a_planted_fault_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = getattr(matrix_form, name)

    def shifted(*args: object) -> np.ndarray:
        found = right(*args).copy()
        found.flat[0] += sp.S.One
        return found

    monkeypatch.setattr(matrix_form, name, shifted)
    check = tutor.loads(source(CASES[6])).solve().tasks[0].check
    assert check is not None and not check.passed
