"""Operands that fit or do not fit together, as a file gives them: words, never a traceback.

What PyTorch makes of the same sizes is in test_shapes_torch; here are the words, ways to write a
column, large scores, and the checks' own arrays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tutor
from tutor import independent
from tutor.errors import CheckFailed, InputError, ShapeError
from tutor.ops import OPS
from tutor.problem.elaborate import elaborate
from tutor.problem.load import loads
from tutor.steps import Solution
from tutor.tasks.graph import diagram
from tutor.tasks.workspace import Workspace

GIVEN = """
given:
  B: [[1, 2], [3, 4]]
  C: [[1, 0], [5, 7]]
  X: [[1, 2], [3, 4], [0, 1]]
  P: [[0.2, 0.3], [0.5, 0.6], [0.1, 0.9]]
  v: [1, 5]
  c: [[1], [5]]
  p: [0.5, 0.2]
  q: [[0.3], [0.9]]
  t: [0, 1]
"""


def solved(expression: str, *tasks: str, given: str = GIVEN) -> Solution:
    asked = "".join(f"  - {t}\n" for t in tasks or ("forward", "shapes"))
    text = f'{given}define:\n  y: "{expression}"\n  L: sum(y)\ntasks:\n{asked}'
    return tutor.loads(text).solve().solution


def value(expression: str, **more: Any) -> np.ndarray:
    solution = solved(expression, **more)
    assert all(t.check is not None and t.check.passed for t in solution.tasks), expression
    found = solution.variables["y"].value
    assert found is not None
    return found.floats()


# -- sizes that a loss compares -------------------------------------------------------------------

COMPARED = ("mse_loss", "l1_loss", "huber_loss", "kl_div", "hinge_loss",
            "binary_cross_entropy", "binary_cross_entropy_with_logits")  # fmt: skip
APART = [  # a column against a row, against a matrix with as many rows, and simply other sizes
    ("p", "v.T", "`p`", "`v.T`", "1×2"),
    ("p", "P.T", "`p`", "`P.T`", "2×3"),
    ("P", "B", "`P`", "`B`", "2×2"),
    ("p", "P[:, 0]", "2×1", "`P[:, 0]`", "3×1"),
    ("p.T", "P", "`p.T`", "1×2", "3×2"),
]


@pytest.mark.parametrize("loss", COMPARED)
@pytest.mark.parametrize("case", APART)
def test_a_loss_compares_what_has_the_same_size(loss: str, case: tuple[str, ...]) -> None:
    a, b, *said = case
    for task in ("forward", "shapes", "gradient: {of: L, wrt: P}"):
        with pytest.raises(ShapeError) as error:
            solved(f"{loss}({a}, {b})", task)
        for words in said:
            assert words in error.value.message, error.value.message


@pytest.mark.parametrize("loss", COMPARED)
def test_a_column_is_a_column_however_it_is_written(loss: str) -> None:
    want = value(f"{loss}(p, v/10)")
    for a, b in (("p", "c/10"), ("reshape(p, 2, 1)", "v/10"), ("reshape(p, 2, 1)", "c/10"),
                 ("p.T", "v.T/10"), ("p.T", "c.T/10"), ("reshape(p, 1, 2)", "v.T/10")):  # fmt: skip
        np.testing.assert_allclose(value(f"{loss}({a}, {b})"), want, rtol=1e-12)


@pytest.mark.parametrize("loss", COMPARED)
def test_one_number_for_all_entries(loss: str) -> None:
    """A scalar goes with anything, but PyTorch's binary cross-entropies want every label."""
    if loss.startswith("binary"):
        with pytest.raises(ShapeError, match=r"compares entry by entry"):
            solved(f"{loss}(p, 1)")
        return
    want = value(f"{loss}(p, 1 + 0*p)")
    np.testing.assert_allclose(value(f"{loss}(p, 1)"), want, rtol=1e-12)


def test_the_weights_of_binary_cross_entropy_beside_an_n_by_1_column() -> None:
    for loss in COMPARED[-2:]:
        want = value(f"{loss}(p, t, weight=v)")
        for labels in ("reshape(t, 2, 1)", "t"):
            np.testing.assert_allclose(value(f"{loss}(p, {labels}, weight=v)"), want, rtol=1e-12)


@pytest.mark.parametrize("loss", ["nll_loss", "cross_entropy", "multi_margin_loss"])
def test_class_indices_are_a_column(loss: str) -> None:
    assert value(f"{loss}(B, t)").shape == ()
    for wrong in ("t.T", "reshape(t, 1, 2)", "P[:, 0]"):
        with pytest.raises(ShapeError, match=r"one class index per example|differ in size"):
            solved(f"{loss}(B, {wrong})")


# -- a bias, a weight -----------------------------------------------------------------------------


@pytest.mark.parametrize("x", ["B", "X", "v", "v.T", "reshape(X, 1, 3, 2)"])
def test_the_bias_of_a_linear_layer(x: str) -> None:
    """A column written as n×1 is that column: it never adds a number for each example."""
    want = value(f"linear({x}, C, v)")
    np.testing.assert_allclose(value(f"linear({x}, C, c)"), want, rtol=1e-12)
    if x != "v":  # rows of outputs take a row as well
        np.testing.assert_allclose(value(f"linear({x}, C, v.T)"), want, rtol=1e-12)
    for wrong in ("B", "X", "P[:, 0]", "reshape(v, 1, 1, 2)"):
        with pytest.raises(ShapeError, match=r"cannot add the bias .* gives 2 outputs"):
            solved(f"linear({x}, C, {wrong})")


ROUND = "[[[1, 2, 0], [3, 1, 1]], [[0, 1, 2], [1, 0, 4]]]"
CELLS = f"""
given:
  W: [[1, 2], [3, 4], [0, 1], [1, 1], [2, 0], [1, 3], [0, 2], [1, 0]]
  x: [0.1, 0.2]
  X: [[0.1, 0.2], [0.3, 0.4], [1, 0]]
  I: {ROUND}
  K: [[[1], [2]], [[0], [1]]]
  a: [1, 2, 3, 4, 5, 6, 7, 8]
  n: [[1], [2], [3], [4], [5], [6], [7], [8]]
"""
COLUMNS = [
    "layer_norm(X, weight={0}[:2], bias={0}[2:4])",
    "rms_norm(X, weight={0}[:2])",
    "batch_norm(X, weight={0}[:2], bias={0}[2:4])",
    "batch_norm(X, running_mean={0}[:2], running_var={0}[2:4])",
    "group_norm(I, 2, weight={0}[:2], bias={0}[2:4])",
    "instance_norm(I, weight={0}[:2], bias={0}[2:4])",
    "conv1d(I, K, {0}[:2])",
    "conv_transpose1d(I, K, {0}[:2])",
    "cross_entropy(X, ones(3), weight={0}[:2])",
    "rnn_cell(x, x, W[:2], W[2:4], {0}[:2], {0}[2:4])",
    "rnn_cell(X, X, W[:2], W[2:4], {0}[:2], {0}[2:4])",
    "gru_cell(X, X, W[:6], W[2:], {0}[:6], {0}[2:])",
]


@pytest.mark.parametrize("call", COLUMNS)
def test_an_n_by_1_matrix_is_a_bias_or_a_weight(call: str) -> None:
    want = value(call.format("a"), given=CELLS)
    np.testing.assert_allclose(value(call.format("n"), given=CELLS), want, rtol=1e-12)
    with pytest.raises(ShapeError):
        solved(call.format("n.T"), given=CELLS)


def test_groups_that_do_not_divide_are_named() -> None:
    given = "given: {x: 'tensor(3, 9, 9)', w: 'tensor(2, 1, 3, 3)'}\n"
    with pytest.raises(ShapeError, match="2 groups do not divide the 3 input channels"):
        solved("conv2d(x, w, groups=2)", "shapes", given=given)


WORDS = [
    ("a.T @ T", "cannot multiply `a.T` (1×3) and `T` (3×3×4): a row does not go with a tensor"),
    ("a ** b", "cannot raise `a` (3×1) to the power `b` (2×1)"),
    ("a / b", "cannot divide `a` (3×1) by `b` (2×1)"),
    ("a * b", "cannot multiply `a` (3×1) and `b` (2×1)"),
]


@pytest.mark.parametrize(("expression", "words"), WORDS)
def test_what_cannot_be_done_is_said_with_both_sizes(expression: str, words: str) -> None:
    given = "given: {a: vector(3), b: vector(2), T: 'tensor(3, 3, 4)'}\n"
    with pytest.raises(ShapeError) as error:
        solved(expression, "shapes", given=given)
    assert words in error.value.message


# -- large scores ---------------------------------------------------------------------------------

LARGE = [
    "softplus(x)", "softplus(x, beta=3)", "softplus(x, beta=2, threshold=5)", "logsigmoid(x)",
    "sigmoid(x)", "gelu(x)", "mish(x)", "silu(x)", "tanh(x)", "elu(x)", "softmax(x)",
    "log_softmax(x)",
    "logsumexp(x)", "cross_entropy(x, 1)", "cross_entropy(x, [0.3, 0.7])",
    "nll_loss(log_softmax(x), 1)", "binary_cross_entropy_with_logits(x, [1, 0])",
    "binary_cross_entropy_with_logits(x, [1, 0], pos_weight=[2, 1])", "attention(X, X, X)",
    "scaled_dot_product_attention(X, X, X)", "attention(X, X, X, mask=B)",
]  # fmt: skip


@pytest.mark.parametrize("scores", ["[200, -200]", "[800, -800]", "[801, 800]"])
@pytest.mark.parametrize("expression", LARGE)
def test_large_scores_are_worked_out_and_checked(expression: str, scores: str) -> None:
    given = f"given: {{x: {scores}, X: [{scores}, [900, 800]], B: [[1, 1], [0, 1]]}}\n"
    wrt = "X" if "X" in expression else "x"
    solution = solved(expression, "forward", f"gradient: {{of: L, wrt: {wrt}}}", given=given)
    for task in solution.tasks:
        assert task.check is not None and task.check.passed is not False, task.check
    assert solution.tasks[0].check is not None and solution.tasks[0].check.passed


def test_softplus_is_straight_beyond_its_threshold() -> None:
    given = "given: {x: [0.5, 2, 30]}\n"
    found = value("softplus(x, beta=3, threshold=4)", given=given)
    np.testing.assert_allclose(found, [np.log1p(np.exp(1.5)) / 3, 2, 30], rtol=1e-14)
    task = "gradient: {of: L, wrt: x}"
    (slope,) = solved("softplus(x, beta=3, threshold=4)", task, given=given).tasks
    assert slope.check is not None and slope.check.passed and slope.value is not None
    np.testing.assert_allclose(slope.value.floats(), [1 / (1 + np.exp(-1.5)), 1, 1], rtol=1e-12)


# -- the checks themselves ------------------------------------------------------------------------


def test_a_plain_definition_that_fails_is_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: a reference that cannot take its operands ends in words, with status 3."""
    broken = replace(OPS["outer"], reference=lambda a, b: a + b)
    monkeypatch.setitem(OPS, "outer", broken)  # type: ignore[arg-type]
    given = "given: {a: [1, 2, 3], b: [1, 2]}\n"
    with pytest.raises(CheckFailed, match="cannot work out `y`") as error:
        solved("outer(a, b)", "forward", given=given)
    assert error.value.status == 3 and "fault of tutor" in (error.value.hint or "")
    (task,) = solved("outer(a, b)", "shapes", given=given).tasks
    assert task.check is not None and task.check.passed is False


def test_what_does_not_exist_is_no_fault() -> None:
    with pytest.raises(InputError, match="does not exist here"):
        text = "given: {A: [[1, 2], [2, 4.0]]}\ndefine: {y: inv(A)}\ntasks: [forward]\n"
        graph = elaborate(loads(text))
        independent.forward(list(graph.lines.values()), {"A": np.ones((2, 2))})


EXIST = [  # sizes exist without values; the check draws some for which the rest exists
    ("A: 'matrix(3, 3)'", "cholesky(A)"),
    ("A: {shape: [3, 3], symmetric: true}", "cholesky(A)"),
    ("A: 'matrix(3, 3)'", "log(A)"),
    ("E: 'matrix(2, 3)', t: vector(2)", "embedding(t + 1, E)"),
    ("E: 'matrix(2, 3)', t: vector(2)", "embedding(1 - t, E)"),
    ("Z: 'matrix(3, 4)', t: vector(3)", "nll_loss(Z, t)"),
    ("Z: 'matrix(3, 4)', t: vector(4)", "cross_entropy(Z, t[:3] + 1)"),
    ("B: 'matrix(4, 4)', b: vector(4)", "linear(B, B, b)"),
]


@pytest.mark.parametrize(("given", "expression"), EXIST)
def test_sizes_are_tried_with_values_that_fit(given: str, expression: str) -> None:
    (task,) = solved(expression, "shapes", given=f"given: {{{given}}}\n").tasks
    assert task.check is not None and task.check.passed


def test_sizes_without_values_that_fit_are_not_tried() -> None:
    (task,) = solved("log(0*a - 1)", "shapes", given="given: {a: vector(3)}\n").tasks
    assert task.check is not None and task.check.passed is not False
    given = "given: {a: vector(3), E: 'matrix(2, 3)'}\n"
    (task,) = solved("embedding(a + 7, E)", "shapes", given=given).tasks
    assert task.check is not None and task.check.passed is None and task.check.note is not None


def test_a_class_index_has_no_gradient_in_a_picture() -> None:
    text = "given: {Z: [[1, 2], [2, 1]], t: [0, 1]}\ndefine: {L: 'cross_entropy(Z, t)'}\n"
    problem = loads(text + "tasks: [graph]\n")
    ws = Workspace(problem, elaborate(problem))
    slopes = {n.id: n.gradient for n in diagram(ws, gradients=True).nodes}
    assert slopes["Z"] is not None and slopes["t"] is None
