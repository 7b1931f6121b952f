"""Jacobians of what unrolls, repeats, cuts and turns arrays round, as matrices."""

from __future__ import annotations

import expression_rows as table
import numpy as np
import paper_oracle as oracle
import pytest
from test_index_form import Drawn, row

from tutor.derivation import derivation
from tutor.notation.jacobian import jacobian_term
from tutor.notation.text import text
from tutor.problem import loads
from tutor.tasks import solve

FORMS = [
    (row("vec(A @ X @ B)", "X", A="m n", X="n p", B="p q"), "kron(B.T, A)"),
    (row("vec(A @ X @ B)", "A", A="m n", X="n p", B="p q"), "kron(B.T @ X.T, eye(m))"),
    (row("vec(X.T)", "X", X="m n"), "commutation(m, n)"),
    (row("kron(x, a)", "x", x="m", a="n"), "kron(eye(m), a)"),
    (row("kron(x, a)", "a", x="m", a="n"), "kron(x, eye(n))"),
    (row("kron(A @ x, x)", "x", A="m n", x="n"), "kron(A, x) + kron(A @ x, eye(n))"),
    (row("tile(x, 2)", "x", x="n"), "kron(ones(2), eye(n))"),
    (row("flip(x)", "x", x="n"), "flip(eye(n), axis=0)"),
    (row("flip(A, axis=0)", "A", A="m n"), "kron(eye(n), flip(eye(m), axis=0))"),
    (row("flip(A, axis=1)", "A", A="m n"), "kron(flip(eye(n), axis=0), eye(m))"),
    (row("x[1:3]", "x", x="5"), "eye(5)[:, 1:3].T"),
    (row("A[1:3]", "A", A="5 n"), "kron(eye(n), eye(5)[:, 1:3].T)"),
    (row("x[3]", "x", x="5"), "eye(5)[:, 3].T"),
]


@pytest.mark.parametrize(("case", "expected"), [pytest.param(*f, id=f[0]["id"]) for f in FORMS])
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize("vec", ["column", "row"])
def test_form_and_value(
    case: table.Row, expected: str, layout: str, vec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived = Drawn(case, monkeypatch)
    if vec == "row" and "vec" in case["expression"]:
        pytest.skip("vec( ) itself would be another function")
    found = text(jacobian_term(derived.node, derived.rows, derived.leaf, layout, vec))
    if (layout, vec) == ("numerator", "column"):
        assert found == expected
    wanted = oracle.unrolled(derived.value(derived.node), derived.rows, layout, vec)
    np.testing.assert_allclose(derived.read(found), wanted, rtol=1e-12, atol=1e-12)


def test_vec_by_rows_puts_the_factors_the_other_way_round() -> None:
    (result,) = derivation(
        "vec(A @ X @ B)", ("X",), conventions={"vec": "row"}, checking=True
    ).results
    assert result.formula is not None and text(result.formula) == "kron(A, B.T)"
    assert result.check is not None and result.check.passed


ODD_IDENTITIES = [  # an identity with more rows than columns is none
    ("Y: reshape(unvec(homogeneous(x), 5, 2), 2, 5)", "x",
     "commutation(5, 2) @ commutation(5, 2) @ eye(10, 9)"),
    ("Y: vec(unvec(homogeneous(x), 5, 2).T)", "x", "commutation(5, 2) @ eye(10, 9)"),
    # the diagonal of a constant matrix is a column, and its transpose a row
    ("Y: dot(softmax(v), diag(ones(5, 5)))", "v",
     "(diag(ones(5, 5)) * softmax(v) - (diag(ones(5, 5)).T @ softmax(v)) * softmax(v)).T"),
    ("Y: 2 * diag(eye(5) + 1).T @ (v * v)", "v", None),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "wrt", "formula"), ODD_IDENTITIES)
def test_what_only_looks_like_its_own_transpose(
    definition: str, wrt: str, formula: str | None
) -> None:
    source = f"given: {{x: vector(9), v: vector(5)}}\ndefine:\n  {definition}\n"
    (task,) = solve(loads(source + f"tasks: [jacobian: {{of: Y, wrt: {wrt}}}]\n")).tasks
    assert task.check is not None and task.check.passed
    assert task.formula is not None
    assert formula is None or text(task.formula) == formula


def test_a_mask_of_equal_entries_keeps_its_size() -> None:
    """Beside `where` one number will do for all entries; as a diagonal it needs all of them."""
    source = "given: {v: vector(2), x: vector(2)}\ndefine: {Y: 'where(ones(2)*sum(v) > 0, v, x)'}\n"
    (task,) = solve(loads(source + "tasks: [jacobian: {of: Y, wrt: x}]\n")).tasks
    assert task.check is not None and task.check.passed
    assert task.formula is not None
    assert text(task.formula) == "diag(sum(v) * ones(2) <= 0)"
