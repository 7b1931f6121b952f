"""A convolution as a matrix product: T and C stand for it at every input and kernel."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import tutor
from tutor.errors import InputError
from tutor.ops import OPS
from tutor.render.terminal import terminal
from tutor.tasks import matrix_form

CASES = [  # operation, input, kernel, what follows, the parameters for the reference
    ("conv1d", (7,), (3,), "stride=2, padding=1, dilation=2"),
    ("conv1d", (2, 7), (3, 2, 3), "stride=2, padding=2"),
    ("conv1d", (4, 7), (6, 2, 3), "groups=2"),
    ("conv1d", (2, 3, 5), (2, 3, 2), ""),
    ("conv1d", (1, 7), (1, 3), "stride=3"),
    ("conv2d", (5, 6), (2, 3), "stride=2, padding=1"),
    ("conv2d", (6, 7), (2, 2), "stride=(2, 3), padding=(1, 2), dilation=2"),
    ("conv2d", (5, 4), (3, 2), 'padding="same"'),
    ("conv2d", (2, 4, 5), (3, 2, 2, 3), "stride=(2, 1), padding=1, dilation=(2, 1)"),
    ("conv2d", (4, 4, 3), (2, 2, 3, 2), "groups=2, padding=1"),
    ("conv2d", (3, 3, 4), (6, 1, 2, 3), "groups=3, stride=2"),
    ("conv2d", (2, 2, 4, 3), (3, 2, 2, 2), "stride=2"),
    ("conv3d", (2, 2, 3, 2), (3, 2, 2, 2, 1), "padding=1, stride=2"),
]
WAYS = ("", "vec: column", "conv: convolution")


def text(case: tuple, way: str = "", bias: str = "") -> str:
    name, image, kernel, more = case
    size = lambda shape: ", ".join(map(str, shape))  # noqa: E731
    arguments = ", ".join(part for part in ("x", "w", bias and "b", more) if part)
    return (
        f"convention: {{{way}}}\n"
        "given:\n"
        f"  x: randint({size(image)}, low=-5, high=6, seed=1)\n"
        f"  w: randint({size(kernel)}, low=-3, high=4, seed=2)\n"
        + (f"  b: randint({bias}, low=-3, high=4, seed=3)\n" if bias else "")
        + f"define:\n  y: '{name}({arguments})'\n"
        "tasks:\n  - matrix_form: {of: y}\n"
    )


def direct(case: tuple, way: str, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The reference's loops, at any input and kernel."""
    name, more = case[0], case[3]
    given = eval(f"dict({more})")
    if way == "conv: convolution":
        n = int(name[4])
        w = np.flip(w, axis=tuple(range(w.ndim - n, w.ndim)))
    return np.asarray(OPS[name].reference(x, w, **given), dtype=float)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[1]}-{c[3]}")
@pytest.mark.parametrize("way", WAYS)
def test_the_matrices_are_the_convolution(case: tuple, way: str) -> None:
    task = tutor.loads(text(case, way)).solve().tasks[0]
    assert task.check is not None and task.check.passed and task.check.max_rel_error == 0
    order = "F" if way == "vec: column" else "C"
    T, C = (np.array(task.extra[k], dtype=float) for k in ("toeplitz", "im2col"))
    rng = np.random.default_rng(4)
    loaded = tutor.loads(text(case, way)).problem
    x, w = (loaded.given[n].value.floats() for n in "xw")
    spatial = int(case[0][4])
    # T knows the kernel only: it holds for every other input
    other = rng.integers(-9, 10, size=case[1]).astype(float)
    np.testing.assert_array_equal(T @ other.ravel(order), direct(case, way, other, w).ravel(order))
    # C knows the input only: it holds for every other kernel
    if "groups" in case[3]:
        return
    kernel = rng.integers(-9, 10, size=case[2]).astype(float)
    want = direct(case, way, x, kernel)
    if kernel.ndim == spatial + 2:
        channel = want.ndim - spatial - 1
        for k in range(len(kernel)):
            np.testing.assert_array_equal(
                C @ kernel[k].ravel(order), np.take(want, k, axis=channel).ravel(order)
            )
    else:
        np.testing.assert_array_equal(C @ kernel.ravel(order), want.ravel(order))


def test_everything_is_exact() -> None:
    thirds = (
        text(CASES[8])
        .replace("define:", "  third: 1/3\ndefine:\n  v: x * third")
        .replace("conv2d(x,", "conv2d(v,")
    )
    out = terminal(tutor.loads(thirds).solve().solution)
    windows = out[out.index("The windows as a matrix") : out.index("The kernels as columns")]
    assert "/3" in windows and "." not in windows.partition("Each row")[0]


@pytest.mark.parametrize("bias", ["3"])
def test_a_bias_is_added_afterwards(bias: str) -> None:
    for case in (CASES[1], CASES[8]):
        task = tutor.loads(text(case, "", bias)).solve().tasks[0]
        assert task.check is not None and task.check.max_rel_error == 0


def test_the_words_go_with_the_layer() -> None:
    def said(case: tuple) -> str:
        return " ".join(terminal(tutor.loads(text(case)).solve().solution).split())

    bare = said(("conv1d", (5,), (2,), ""))
    assert "a Toeplitz matrix." in bare and "doubly" not in bare
    assert "doubly blocked Toeplitz matrix." in said(("conv2d", (3, 3), (2, 2), ""))
    strided = said(CASES[6])
    assert "the stride keeps only some rows" in strided and "leaves gaps" in strided
    grouped = said(CASES[9])
    assert "different groups" in grouped and "does not see" in grouped
    assert "Each column is one output channel of y" in said(CASES[3])


def test_what_is_no_convolution_is_refused() -> None:
    file = "given: {x: [1, 2]}\ndefine: {y: 2 * x}\ntasks: [matrix_form: {of: y}]\n"
    with pytest.raises(InputError, match="not a convolution"):
        tutor.loads(file).solve()


@pytest.mark.parametrize("name", ["_unrolled", "_patches", "_kernels"])
def test_a_planted_fault_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = getattr(matrix_form, name)

    def shifted(*args: object) -> np.ndarray:
        found = right(*args).copy()
        found.flat[0] += sp.S.One
        return found

    monkeypatch.setattr(matrix_form, name, shifted)
    check = tutor.loads(text(CASES[9])).solve().tasks[0].check
    assert check is not None and not check.passed


def test_names_of_the_file_are_not_taken() -> None:
    named = text(CASES[3]).replace("  w:", "  K:").replace("(x, w", "(x, K").replace("y", "T")
    out = terminal(tutor.loads(named).solve().solution)
    assert "flatten(T) = T_c flatten(x)" in out and "K_c =" in out and "CK_c =" in out


@pytest.mark.parametrize(
    ("given", "call"),
    [
        ("x: [1, 2, 3, 4, 5], K: [1, -1]", "conv1d(x, K, dilation=2)"),
        ("x: [1, 2, 3, 4, 5], K: [1, -1]", "conv1d(x, K, 3, stride=2)"),
        ("x: [[1, 2, 0], [0, 1, 3], [2, 1, 1]], K: [[1, 0], [2, -1]]", "conv2d(x, K, padding=1)"),
        ("x: 'reshape(arange(18), 2, 3, 3)', K: 'reshape(arange(16), 2, 2, 2, 2)', b: [1, -1]",
         "conv2d(x, K, b, stride=2, padding=1)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("vec", ["row", "column"])
def test_three_ways_side_by_side(given: str, call: str, vec: str) -> None:
    """Every entry by the definition, with T and with C; they are the same, exactly."""
    from tutor.notation.text import text

    source = (
        f"convention: {{vec: {vec}}}\ngiven: {{{given}}}\ndefine: {{y: '{call}'}}\n"
        "tasks:\n  - matrix_form: {of: y}\n"
    )
    (task,) = loads_and_solves(source)
    if task.value.data.size > 12:
        assert task.tables == ()
        return
    (table,) = task.tables
    assert len(table.rows) == task.value.data.size
    for entry, *values in table.rows:
        assert len({text(v) for v in values}) == 1
        at = tuple(int(text(i)) for i in entry.items)
        assert float(as_number(text(values[0]))) == float(task.value.data[at])


def as_number(number: str) -> float:
    return float(number)


def loads_and_solves(source: str):  # type: ignore[no-untyped-def]
    return tutor.loads(source).solve().solution.tasks


def test_a_matrix_too_wide_for_a_formula_is_drawn() -> None:
    source = (
        "given: {x: [[1, 2, 0], [0, 1, 3], [2, 1, 1]], K: [[1, 0], [2, -1]]}\n"
        "define: {y: 'conv2d(x, K)'}\ntasks:\n  - matrix_form: {of: y}\n"
    )
    (task,) = loads_and_solves(source)
    (step,) = [s for s in task.steps if s.id == "toeplitz"]
    assert step.picture is not None
    (grid,) = step.picture.grids
    assert len(grid.cells) == 4 and len(grid.cells[0]) == 9
    assert grid.framed[:3] == ((0, 0), (0, 3), (0, 4))
    (patches,) = [s for s in task.steps if s.id == "im2col"]
    assert patches.picture is None  # 4×4 stands in the formula


def test_row_by_row_is_not_called_vec_where_vec_stacks_columns() -> None:
    source = "given: {x: [[1, 2, 3], [4, 5, 6], [7, 8, 9]], w: [[1, 0], [2, -1]]}\n"
    source += "define: {y: 'conv2d(x, w)'}\ntasks: [matrix_form: {of: y}]\n"
    out = terminal(tutor.loads(source).solve().solution)
    assert "flatten(y) = T flatten(x)" in out and "vec(" not in out
    assert "has the entries of T in another order" in " ".join(out.split())
    for vec in ("row", "column"):
        out = terminal(tutor.loads(f"convention: {{vec: {vec}}}\n{source}").solve().solution)
        assert "vec(y) = T vec(x)" in out and "flatten" not in out
    flat = source.replace("[[1, 2, 3], [4, 5, 6], [7, 8, 9]]", "[1, 2, 3]")
    out = terminal(tutor.loads(flat.replace("[[1, 0], [2, -1]]", "[1, -1]").replace("2d", "1d"))
                   .solve().solution)  # fmt: skip
    assert "vec(y) = T vec(x)" in out and "flatten" not in out


@pytest.mark.parametrize(("entry", "drawn"), [("-1", True), ("0.25", False)])
def test_a_wide_matrix_of_short_numbers_is_drawn_in_full(entry: str, drawn: bool) -> None:
    source = f"""
given: {{x: {[[1, 2, 3, 4]] * 4}, w: [[1, 2, 3], [0, {entry}, 1], [2, 0, 1]]}}
define: {{y: "conv2d(x, w, stride=2, padding=1)"}}
tasks: [{{matrix_form: {{of: y}}}}]
"""
    shown = terminal(tutor.loads(source).solve().solution)
    assert ("T in full." in shown) == drawn
    assert max(len(row) for row in shown.splitlines()) <= 80
