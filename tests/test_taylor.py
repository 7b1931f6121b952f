"""Local models: coefficients against SymPy's series, models against functions, faults in both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from tutor.errors import InputError, ShapeError
from tutor.notation.text import text
from tutor.problem import loads
from tutor.steps import TaskResult
from tutor.tasks import solve, taylor
from tutor.value import Value


def asked(given: str, expression: str, more: str = "") -> TaskResult:
    source = (
        f"title: t\ngiven: {{{given}}}\ndefine: {{f: '{expression}'}}\n"
        f"tasks: [{{taylor: {{of: f, wrt: x{more}}}}}]\n"
    )
    return solve(loads(source)).tasks[0]


X = sp.Symbol("x")
SERIES = [
    ("exp(x)", sp.exp(X), 0),
    ("sin(x)", sp.sin(X), sp.pi / 6),
    ("log(1 + x)", sp.log(1 + X), 0),
    ("sqrt(x)", sp.sqrt(X), 4),
    ("x**3 - 2*x", X**3 - 2 * X, 2),
    ("1/(1 - x)", 1 / (1 - X), sp.Rational(1, 2)),
]


@pytest.mark.parametrize(("expression", "function", "at"), SERIES, ids=[s[0] for s in SERIES])
def test_coefficients(expression: str, function: sp.Expr, at: sp.Expr) -> None:
    result = asked("x: scalar", expression, f", at: {at}")
    want = [sp.diff(function, X, k).subs(X, at) / sp.factorial(k) for k in range(3)]
    got = result.extra["coefficient_values"]
    assert np.allclose(got, [float(c) for c in want])
    if at == 2:
        assert result.extra["coefficients"] == ["4", "10", "6"]
    assert result.check is not None
    assert result.check.passed


def test_the_model_of_a_scalar() -> None:
    result = asked("x: 0", "exp(x)")
    assert result.formula is not None
    assert text(result.formula) == "1 + x + x**2 / 2"
    assert result.extra["coefficients"] == ["1", "1", "1/2"]


def test_the_model_of_a_vector_can_be_evaluated() -> None:
    result = asked("x: [1, 2]", "x[0]**2 * x[1]")
    f, slope, half = result.extra["coefficients"]
    assert (f, slope, half) == ("2", ["4", "1"], [["2", "1"], ["1", "0"]])
    assert result.formula is not None
    define = f"define: {{T: '{text(result.formula)}'}}"
    again = loads(f"title: t\ngiven: {{x: [3, 1]}}\n{define}\ntasks: [forward]\n")
    value = solve(again).tasks[0].value
    assert value is not None
    # 2 + [4, 1]·[2, −1] + [2, −1] [[2, 1], [1, 0]] [2, −1]ᵀ
    assert float(value.data[()]) == 2 + 7 + 4


@pytest.mark.parametrize("vec", ["column", "row"])
def test_of_a_matrix(vec: str) -> None:
    source = (
        f"title: t\nconvention: {{vec: {vec}}}\n"
        "given: {x: [[1, 2, 1], [3, 4, 1]], b: [1, 0, 2]}\n"
        "define: {f: 'sum(exp(x @ b)) + x[0, 1]**2 * x[1, 0]'}\n"
        "tasks: [{taylor: {of: f, wrt: x, at: 'zeros(2, 3)'}}]\n"
    )
    result = solve(loads(source)).tasks[0]
    assert result.check is not None
    assert result.check.passed


def test_first_order_and_symbols() -> None:
    result = asked("x: vector(n), c: vector(n)", "sum(x**3)", ", order: 1, at: c")
    assert result.formula is not None
    assert text(result.formula) == "sum(c**3) + 3 * ((c**2).T @ (x - c))"
    assert len(result.extra["coefficients"]) == 2
    assert result.extra["coefficient_values"] == [None, None]
    assert result.check is not None
    assert result.check.passed


def test_errors_have_a_place() -> None:
    with pytest.raises(ShapeError, match="3×1") as caught:
        asked("x: [1, 2]", "sum(x)", ", at: [1, 2, 3]")
    assert caught.value.where is not None
    assert caught.value.where.line == 4
    with pytest.raises(InputError, match="made of a scalar"):
        asked("x: [1, 2]", "2*x")
    with pytest.raises(InputError, match="from 1 to 2"):
        asked("x: [1, 2]", "sum(x)", ", order: 3")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_wrong_coefficient_is_caught(monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    whole = taylor._pieces

    def wrong(*args):
        found, steps = whole(*args)
        value = found[place].value
        assert value is not None
        found[place] = replace(found[place], value=Value(np.asarray(value.floats() * 1.001)))
        return found, steps

    monkeypatch.setattr(taylor, "_pieces", wrong)
    result = asked("x: [1, 2]", "exp(x[0]) * sin(x[1])")
    assert result.check is not None
    assert not result.check.passed


TIED = [
    ("symmetric", "logdet(x) + tr(A @ x @ x)"),
    ("symmetric", "a.T @ inv(x) @ a"),
    ("diagonal", "a.T @ x @ x @ a + logdet(x)"),
    ("diagonal", "tr(A @ x @ A @ x) + tr(x @ A)"),
]
CENTRE = {"symmetric": [[3, 1, 0], [1, 4, 1], [0, 1, 5]],
          "diagonal": [[2, 0, 0], [0, 3, 0], [0, 0, 4]]}  # fmt: skip
MATRIX, VECTOR = [[1, 2, 0], [0, 1, 1], [2, 0, 1]], [1, 2, -1]


def numbers(expression: str, x: object, centre: object) -> float:
    """The value of an expression of x and of the letters that a model holds."""
    given = f"x: {x}, A_0: {centre}, A: {MATRIX}, a: {VECTOR}"
    source = f"title: t\ngiven: {{{given}}}\ndefine: {{v: '{expression}'}}\ntasks: [forward]\n"
    value = solve(loads(source), checking=False).tasks[0].value
    assert value is not None
    return float(value.floats())


@pytest.mark.parametrize("vec", ["column", "row"])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("kind", "expression"), TIED)
def test_of_a_matrix_whose_entries_are_tied(
    kind: str, expression: str, order: int, vec: str
) -> None:
    """With symbols and with numbers; the printed model comes as near as its order promises."""
    centre = np.array(CENTRE[kind], dtype=float)
    step = np.array([[1.0, -2, 1], [-2, 1, 0.5], [1, 0.5, -1]])
    step = step if kind == "symmetric" else np.diag(np.diag(step))
    for value in ("shape: [n, n]", f"value: {CENTRE[kind]}"):
        size = ("matrix(n, n)", "vector(n)") if "shape" in value else (MATRIX, VECTOR)
        source = (
            f"convention: {{vec: {vec}}}\ngiven: {{x: {{{value}, {kind}: true}}, A: '{size[0]}', "
            f"a: '{size[1]}'}}\ndefine: {{f: '{expression}'}}\n"
            f"tasks: [{{taylor: {{of: f, wrt: x, order: {order}}}}}]\n"
        )
        result = solve(loads(source)).tasks[0]
        assert result.check is not None and result.check.passed
        assert result.formula is not None
        shown = text(result.formula).replace("(n)", "(3)")
        gaps = []
        for t in (4e-2, 1e-2):
            at = (centre + t * step).tolist()
            gaps.append(
                abs(numbers(expression, at, CENTRE[kind]) - numbers(shown, at, CENTRE[kind]))
            )
        assert gaps[1] < 1e-9 or gaps[0] / gaps[1] > 4 ** (order + 0.8), shown


def test_of_a_symmetric_matrix_against_torch() -> None:
    torch = pytest.importorskip("torch")
    source = (
        f"given: {{x: {{value: {CENTRE['symmetric']}, symmetric: true}}, A: {MATRIX}}}\n"
        "define: {f: 'logdet(x) + tr(A @ x @ x)'}\ntasks: [{taylor: {of: f, wrt: x}}]\n"
    )
    value, slope, half = solve(loads(source)).tasks[0].extra["coefficient_values"]
    matrix = torch.tensor(MATRIX, dtype=torch.float64)
    places = [(i, j) for j in range(3) for i in range(j, 3)]

    def f(v):
        s = torch.zeros(3, 3, dtype=torch.float64)
        for k, (i, j) in enumerate(places):
            unit = torch.zeros(3, 3, dtype=torch.float64)
            unit[i, j] = unit[j, i] = 1
            s = s + v[k] * unit
        return torch.logdet(s) + torch.trace(matrix @ s @ s)

    v = torch.tensor([CENTRE["symmetric"][i][j] for i, j in places], dtype=torch.float64)
    assert value == pytest.approx(f(v).item())
    assert np.allclose(slope, torch.autograd.functional.jacobian(f, v).numpy())
    assert np.allclose(half, torch.autograd.functional.hessian(f, v).numpy() / 2)


@pytest.mark.parametrize("place", [1, 2])
def test_a_pair_that_counts_once_only_is_caught(
    monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """The fault that is made with symmetric matrices: a pair of entries not counted twice."""
    whole = taylor._pieces

    def wrong(*args):
        found, steps = whole(*args)
        value = found[place].value
        assert value is not None
        data = value.floats().copy()
        data[1] /= 2
        if place == 2:
            data[:, 1] /= 2
        found[place] = replace(found[place], value=Value(data))
        return found, steps

    source = (
        "given: {x: {value: [[3, 1], [1, 4]], symmetric: true}}\n"
        "define: {f: 'logdet(x) + tr(x @ x)'}\ntasks: [{taylor: {of: f, wrt: x}}]\n"
    )
    assert solve(loads(source)).tasks[0].check.passed
    monkeypatch.setattr(taylor, "_pieces", wrong)
    assert solve(loads(source)).tasks[0].check.passed is False


def test_a_homogeneous_vector_is_refused() -> None:
    with pytest.raises(InputError, match="is declared homogeneous"):
        asked("x: {value: [1, 2], homogeneous: true}", "sum(x**2)")
