"""Closed forms of what copies, repeats, stacks and drops axes: right when typed again.

Each formula is read by the second reader, which shares no code with tutor, and must have the value
of the derivative; the check of the solution must see it too.
"""

from __future__ import annotations

import pytest

from tutor.api import Solved, loads
from tutor.notation.text import text

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
