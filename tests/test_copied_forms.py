"""Closed forms of what copies, repeats, stacks and drops axes: right when typed again.

Each formula is read by the second reader, which shares no code with tutor, and must have the value
of the derivative; the check of the solution must see it too.
"""

from __future__ import annotations

import numpy as np
import pytest

from tutor.api import Solved, loads
from tutor.expr import Name
from tutor.graph.node import Node, ein, rel, topological, var
from tutor.notation.build import NoMatrixForm
from tutor.notation.matrix import matrix_term
from tutor.notation.sliding_axes import sliding
from tutor.notation.text import text
from tutor.numeric.evaluate import evaluate

MATRIX = "[[0.3, -0.7, 1.1], [0.4, 0.9, -1.3]]"
GIVEN = {
    "A": MATRIX,
    "B": "[[0.6, -0.2], [1.2, 0.5], [-0.8, 0.1]]",
    "x": "[0.5, -1.25]",
    "s": "1.5",
    "r": "[[0.75, -0.4]]",
    "T": f"[{MATRIX}]",
    "U": "[[[0.2], [-0.6]], [[1.4], [0.7]], [[-0.9], [0.3]]]",
}


def solved(
    define: dict[str, str], task: str, given: dict[str, str] = GIVEN, head: str = ""
) -> Solved:
    lines = [head, "given:", *(f"  {k}: {v}" for k, v in given.items()), "define:"]
    lines += [f'  {k}: "{v}"' for k, v in define.items()] + ["tasks:", f"  - {task}"]
    return loads("\n".join(lines) + "\n").solve()


def formula_of(s: Solved) -> str:
    """The closed form, of a solution whose check has compared it too."""
    result = s.tasks[0]
    assert s.solution.ok and result.check is not None and result.check.passed
    assert result.formula is not None
    return text(result.formula)


# -- Kronecker products and copies ----------------------------------------------------------------


@pytest.mark.parametrize("outer", ["sin", "exp", "tanh"])
@pytest.mark.parametrize(
    "copied",
    ["kron(eye(2), A)", "kron(A, eye(2))", "kron(eye(3), A)", "kron(A, eye(2)) @ ones(6, 5)"],
)
def test_a_kronecker_product_with_an_identity(outer: str, copied: str) -> None:
    """Two axes run together: no window slides over the one without the other."""
    s = solved({"out": copied, "L": f"sum({outer}(out))"}, "gradient: {of: L, wrt: A}")
    assert "conv" not in formula_of(s)


COPIES = [
    ("sum(sin(kron(eye(2), A)))", "A", "2 * cos(A)"),
    ("sum(sin(tile(A, 2, 2)))", "A", "4 * cos(A)"),
    ("sum(exp(tile(A, 2, 1)))", "A", "2 * exp(A)"),
    ("sum(sin(tile(x.T, 3)))", "x", "3 * cos(x)"),
    ("sum(sin(kron(ones(2, 3), A)))", "A", "6 * cos(A)"),
    ("sum(kron(A, B)**2)", "A", "2 * frobenius(B)**2 * A"),
    ("sum(kron(A, A)**2)", "A", "4 * frobenius(A)**2 * A"),
    ("sum(sin(kron(x, [1, 2, 3])))", "x", None),
    ("sum(sin(kron(x, x)))", "x", "2 * cos(x @ x.T) @ x"),
    ("sum(sin(vec(A)))", "A", "cos(A)"),
    ("sum(sin(kron(A, B)))", "A", None),
    ("sum(sin(kron(A, B)))", "B", None),
    ("sum(sin(kron(x, A)))", "A", None),
    ("sum(sin(kron(A, x)))", "x", None),
    ("sum(softmax(tile(A, 2, 2))**2)", "A", None),
    ("sum(softmax(tile(A, 2, 1))**2)", "A", None),
    ("sum(softmax(kron(A, ones(2, 2)))**2)", "A", None),
    ("sum(softmax(kron(A, B))**2)", "B", None),
    ("sum(sin(diag(A[0])))", "A", "eye(2)[:, 0] @ cos(A[0, :]).T"),
    ("sum(sin(diag(r[0])))", "r", "cos(r[0, :]).T"),
]


@pytest.mark.parametrize(("loss", "wrt", "want"), COPIES)
def test_gradients_of_copies(loss: str, wrt: str, want: str | None) -> None:
    """Not told as convolutions, which have nothing to do with them."""
    printed = formula_of(solved({"L": loss}, f"gradient: {{of: L, wrt: {wrt}}}"))
    assert "conv" not in printed
    assert want in (None, printed)


ONE_ENTRY = {"x": "[0.7]", "y": "[0.3, 0.4]", "A": "[[0.25, -1.5]]"}


@pytest.mark.parametrize(
    ("out", "wrt"),
    [("tile(x, 4)", "x"), ("sin(tile(x, 4))", "x"), ("kron(x, y)", "x"), ("sin(kron(y, x))", "x"),
     ("exp(kron(x, x))", "x"), ("sin(tile(A, 3, 1))", "A"), ("sin(tile(A, 1, 3))", "A"),
     ("sin(kron(A, x))", "A"), ("sin(kron(x, A))", "x"), ("exp(kron(A, y))", "A")],
)  # fmt: skip
def test_blocks_of_one_place(out: str, wrt: str) -> None:
    """A factor with one entry, or one row: its axis is none on paper."""
    formula_of(solved({"out": out}, f"jacobian: {{of: out, wrt: {wrt}}}", ONE_ENTRY))
    loss = {"out": out, "L": "sum(out**3)"}
    formula_of(solved(loss, f"gradient: {{of: L, wrt: {wrt}}}", ONE_ENTRY))


@pytest.mark.parametrize("copied", ["tile(A, 2, 3)", "kron(A, ones(2, 3))", "tile(A, 1, 2)"])
def test_a_sum_over_copies(copied: str) -> None:
    """Where the gradient of the copies is a name of its own, they are summed by a reshape."""
    s = solved({"out": copied, "L": "sum(softmax(out)**2)"}, "gradient: {of: L, wrt: A}")
    (step,) = [x for x in s.tasks[0].steps if x.id == "chain.A"]
    shown = text(step.equation[1])
    assert shown.startswith("sum(reshape(") and "conv" not in shown
    assert s.solution.ok


def test_a_window_that_moves_by_its_own_length_is_one() -> None:
    """Where the problem has a convolution, its gradients are told as convolutions."""
    given = {"X": "[[1, 2, 0.5, -1], [0.25, 1, 3, 2]]", "K": "[[1, -1], [0.5, 2]]"}
    define = {"L": "sum(sin(conv2d(X, K, stride=2)))"}
    for wrt, call in (("K", "conv2d("), ("X", "conv_transpose2d(")):
        printed = formula_of(solved(define, f"gradient: {{of: L, wrt: {wrt}}}", given))
        assert printed.startswith(call)


# -- axes of size 1 in Jacobians ------------------------------------------------------------------

UNITS = [
    ("unsqueeze(A, -1)", "A", "commutation(2, 3)"),
    ("unsqueeze(A, 1)", "A", "commutation(2, 3)"),
    ("unsqueeze(A, 0)", "A", "commutation(2, 3)"),
    ("2 * unsqueeze(A, 0)", "A", "2 * commutation(2, 3)"),
    ("squeeze(T, 0)", "T", "commutation(3, 2)"),
    ("T[0]", "T", "commutation(3, 2)"),
    ("sum(T, axis=0)", "T", "commutation(3, 2)"),
    ("T[0].T", "T", "eye(6)"),
    ("sin(T)", "T", None),
    ("sin(unsqueeze(A, 0))", "A", None),
    ("squeeze(T, 0) @ B", "T", None),
    ("unsqueeze(A @ B, 1)", "A", None),
    ("unsqueeze(A @ B, 1)", "B", None),
    ("pad(T, [1, 0], mode='replicate')", "T", None),
    ("pad(T, [1, 1, 1, 1], mode='circular')", "T", None),
    ("softmax(squeeze(U, 2) @ A)", "U", None),
    ("squeeze(U, 2) @ A + 3", "U", None),
    ("T - U[0, 0, 0] * T", "T", None),
]


@pytest.mark.parametrize("vec", ["column", "row"])
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize(("out", "wrt", "want"), UNITS)
def test_an_axis_of_size_one_in_a_jacobian(
    out: str, wrt: str, want: str | None, layout: str, vec: str
) -> None:
    """An array of order three is unrolled row by row, also where it is no more than a matrix."""
    head = f"convention: {{vec: {vec}, layout: {layout}}}"
    s = solved({"out": out}, f"jacobian: {{of: out, wrt: {wrt}}}", head=head)
    result = s.tasks[0]
    assert s.solution.ok and result.check is not None and result.check.passed
    if want is not None and (vec, layout) == ("column", "numerator"):
        assert result.formula is not None and text(result.formula) == want


def test_the_check_sees_a_jacobian_unrolled_the_wrong_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from tutor.notation import jacobian

    monkeypatch.setattr(jacobian, "turned_sides", lambda node, rows, order, vec: node)
    s = solved({"out": "unsqueeze(A, 0)"}, "jacobian: {of: out, wrt: A}")
    assert not s.solution.ok


# -- numbers among arrays -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss",
    ["sum((T - 1)**2)", "mean((T - 2.5)**2)", "sum((U + s)**2)", "sum(sin(U - s))",
     "sum(sin(2 - U))", "sum(max(T, 2))", "sum(relu(1 - U))", "mse_loss(U, 2.5)",
     "sum((T - 1) * (T + 3) * s)"],
)  # fmt: skip
def test_a_number_among_the_entries_of_an_array(loss: str) -> None:
    wrt = "U" if "U" in loss else "T"
    formula_of(solved({"L": loss}, f"gradient: {{of: L, wrt: {wrt}}}"))


@pytest.mark.parametrize(
    ("out", "wrt", "want"),
    [("prod(s)", "s", "1"), ("sin(prod(x[0]))", "x", None), ("prod(s) * s", "s", "2 * s")],
)
def test_the_product_of_one_number(out: str, wrt: str, want: str | None) -> None:
    printed = formula_of(solved({"out": out}, f"gradient: {{of: out, wrt: {wrt}}}"))
    assert "prod" not in printed and want in (None, printed)


# -- 0 log 0 --------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["sin(kl_div(q, p))", "sin(out)", "exp(-kl_div(q, p))"])
def test_a_closed_form_has_a_value_where_a_target_is_zero(loss: str) -> None:
    """0·log 0 is 0 in the loss but no number where it is typed: the loss keeps its name then."""
    given = {"q": "[-1, -2]", "p": "[0, 1]"}
    define = {"out": "kl_div(q, p)", "L": loss}
    for task in ("gradient", "hessian"):
        printed = formula_of(solved(define, f"{task}: {{of: L, wrt: q}}", given))
        assert "log" not in printed
    given["p"] = "[0.25, 0.75]"
    printed = formula_of(solved(define, "gradient: {of: L, wrt: q}", given))
    assert "log(p)" in printed


# -- blocks as nodes ------------------------------------------------------------------------------

a, b = var("a", (2,)), var("b", (3,))
M, N = var("M", (2, 5)), var("N", (3, 7))
ROWS = rel((1, -3, -1), 0, (6, 2, 3))
COLUMNS = rel((1, -7, -1), 0, (35, 5, 7))
BLOCKS: list[tuple[Node, str | None]] = [
    (ein([(M, "ts"), (N, "ij"), (ROWS, "pti"), (COLUMNS, "qsj")], "pq"), "kron(M, N)"),
    (ein([(M, "ts"), (N, "ij"), (ROWS, "pti"), (COLUMNS, "qsj")], "qp"), "kron(M.T, N.T)"),
    (ein([(N, "ij"), (ROWS, "pti"), (COLUMNS, "qsj")], "pq"), "tile(N, 2, 5)"),
    (ein([(M, "ts"), (ROWS, "pti"), (COLUMNS, "qsj")], "pq"), "kron(M, ones(3, 7))"),
    (ein([(N, "ij"), (ROWS, "pti")], "pj"), "tile(N, 2, 1)"),
    (ein([(N, "ij"), (ROWS, "pti")], "jp"), "tile(N.T, 1, 2)"),
    (ein([(M, "ts"), (ROWS, "pti")], "ps"), "kron(M, ones(3))"),
    (ein([(M, "ts"), (COLUMNS, "qsj")], "tq"), "kron(M, ones(1, 7))"),
    (ein([(a, "t"), (N, "ij"), (ROWS, "pti")], "pj"), "kron(a, N)"),
    (ein([(M, "ts"), (b, "i"), (ROWS, "pti")], "ps"), "kron(M, b)"),
    (ein([(M, "ts"), (b, "i"), (ROWS, "pti")], "sp"), "kron(M.T, b.T)"),
    (ein([(a, "t"), (b, "i"), (ROWS, "pti")], "p"), "kron(a, b)"),
    (ein([(b, "i"), (ROWS, "pti")], "p"), "tile(b, 2)"),
    (ein([(a, "t"), (ROWS, "pti")], "p"), "kron(a, ones(3))"),
    # no Kronecker product: a column in common, or a factor without its place in the blocks
    (ein([(M, "ts"), (var("H", (3, 5)), "is"), (ROWS, "pti")], "ps"), None),
    (ein([(var("c", (5,)), "s"), (N, "ij"), (ROWS, "pti"), (COLUMNS, "qsj")], "pq"), None),
]


@pytest.mark.parametrize(("node", "want"), BLOCKS, ids=lambda x: x if isinstance(x, str) else "")
def test_blocks_that_fill_an_axis(node: Node, want: str | None) -> None:
    leaves = {n: Name(n.attr.name) for n in topological([node]) if n.kind == "var"}
    with sliding(False):
        try:
            printed = text(matrix_term(node, leaves.__getitem__))
        except NoMatrixForm:
            printed = None
    assert printed == want
    if want is None:
        return
    rng = np.random.default_rng(3)
    env = {n: rng.normal(size=n.shape) for n in leaves}
    given = {n.attr.name: str(v.tolist()) for n, v in env.items()}
    s = solved({"out": want}, "evaluate: {expr: out}", given)
    value = s.tasks[0].value
    assert value is not None
    np.testing.assert_allclose(value.floats(), evaluate([node], env)[0])


# -- reductions over axes of arrays of order three ------------------------------------------------

REDUCTIONS = [
    "max(X, axis=(0, 2))", "min(X, axis=(1, 2))", "max(X, axis=1)", "max(X)",
    "logsumexp(X, axis=0)", "logsumexp(X, axis=1)", "logsumexp(X, axis=2)", "softmax(X, axis=1)",
    "prod(X, axis=(0, 2))", "prod(X, axis=1)", "prod(X, axis=0)", "prod(X)",
    "var(X, axis=(0, 2))", "std(X, axis=1)", "mean(X, axis=(0, 1))", "cumsum(X, axis=1)",
]  # fmt: skip


@pytest.mark.parametrize("reduced", REDUCTIONS)
@pytest.mark.parametrize("loss", ["sum(sin(out) + out**2)", "sum(exp(out / 4))"])
def test_a_reduction_of_an_array_of_order_three(reduced: str, loss: str) -> None:
    x = np.round(np.random.default_rng(8).normal(size=(2, 3, 5)), 2)
    define = {"out": reduced, "L": loss}
    formula_of(solved(define, "gradient: {of: L, wrt: X}", {"X": str(x.tolist())}))


def test_a_norm_of_what_is_zero_keeps_its_names() -> None:
    """With W − W written out, x / ‖x‖ is 0/0 at every point, and no formula."""
    s = solved({"D": "A - A", "L": "norm2(D)"}, "gradient: {of: L, wrt: D}")
    result = s.tasks[0]
    assert result.value is None and result.undefined is not None
    assert result.formula is not None and text(result.formula) == "D / frobenius(D)"


@pytest.mark.parametrize(
    ("define", "value"),
    [({"z": "squeeze(unsqueeze(A, 1))", "L": "logsumexp(z)"}, "[[0.89, -0.49, -0.39]]"),
     ({"L": "logsumexp(vec(A))"}, "[[0.89, -0.49, -0.39]]"),
     ({"z": "kron(sin(A), ones(3))", "L": "logsumexp(vec(z))"}, "[[0.06], [-0.06], [0.2]]"),
     ({"L": "sum(softmax(A[0])**2)"}, "[[0.89, -0.49, -0.39]]"),
     ({"L": "sum(softmax(vec(A))**2)"}, "[[0.06], [-0.06], [0.2]]")],
)  # fmt: skip
def test_a_matrix_with_one_row_or_column_is_a_column_of_softmax(
    define: dict[str, str], value: str
) -> None:
    formula_of(solved(define, "gradient: {of: L, wrt: A}", {"A": value}))
