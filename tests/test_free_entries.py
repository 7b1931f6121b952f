"""Derivatives by symmetric and diagonal matrices: each free entry once, in every order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import paper_oracle as oracle
import pytest

from tutor.errors import InputError
from tutor.notation.text import text
from tutor.ops.kronecker import lower
from tutor.problem import loads
from tutor.steps import TaskResult
from tutor.tasks import duplication, free_entries, hessian, solve
from tutor.value import Value

S2 = "{value: [[2, 1], [1, 3]], symmetric: true}"
S3 = "{value: [[3, 1, 0], [1, 4, 1], [0, 1, 5]], symmetric: true}"
T2 = "{value: [[2, 0], [0, 3]], diagonal: true}"


def asked(given: str, expression: str, task: str, convention: str = "") -> TaskResult:
    source = f"title: t\n{convention}given: {{{given}}}\ndefine: {{f: '{expression}'}}\n"
    return solve(loads(source + f"tasks: [{task}]\n")).tasks[0]


def by(kind: str, wrt: str) -> str:
    return f"{{{kind}: {{of: f, wrt: {wrt}}}}}"


# -- an oracle that knows nothing of duplication matrices ------------------------------------------


def placed(kind: str | None, at: np.ndarray, free: np.ndarray, vec: str) -> np.ndarray:
    """The array at which only the free entries have moved."""
    out = np.array(at, dtype=float)
    if kind is None:
        return out + free.reshape(out.shape, order="F" if vec == "column" else "C")
    if kind == "diagonal":
        return out + np.diag(free)
    count = iter(free)
    for j in range(len(out)):
        for i in range(j, len(out)):
            step = next(count)
            out[i, j] += step
            if i != j:
                out[j, i] += step
    return out


def size(kind: str | None, at: np.ndarray) -> int:
    n = len(np.atleast_1d(at))
    return {"symmetric": n * (n + 1) // 2, "diagonal": n}.get(kind or "", np.size(at))


def function(
    given: str, expression: str, vec: str
) -> tuple[Callable[..., np.ndarray], dict[str, np.ndarray], dict[str, str | None]]:
    problem = loads(f"title: t\ngiven: {{{given}}}\ntasks: [graph]\n")
    env = {n: g.value.floats() for n, g in problem.given.items() if g.value is not None}
    kinds: dict[str, str | None] = {
        n: next((k for k in ("diagonal", "symmetric") if k in g.properties), None)
        for n, g in problem.given.items()
    }

    def f(moves: dict[str, np.ndarray]) -> np.ndarray:
        at = {n: placed(kinds[n], x, moves[n], vec) if n in moves else x for n, x in env.items()}
        return np.asarray(oracle.Reader(at, vec=vec).read(expression), dtype=float)

    return f, env, kinds


WEIGHTS = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}


def second(given: str, expression: str, rows: str, columns: str, vec: str) -> np.ndarray:
    f, env, kinds = function(given, expression, vec)
    m, n = size(kinds[rows], env[rows]), size(kinds[columns], env[columns])
    want, h = np.zeros((m, n)), 1e-3
    for i, j in np.ndindex(m, n):
        for s, p in WEIGHTS.items():
            for t, q in WEIGHTS.items():
                u, v = s * h * np.eye(m)[i], t * h * np.eye(n)[j]
                moves = {rows: u, columns: v} if rows != columns else {rows: u + v}
                want[i, j] += p * q * float(np.squeeze(f(moves))) / h**2
    return want


def first(given: str, expression: str, wrt: str, vec: str) -> np.ndarray:
    f, env, kinds = function(given, expression, vec)
    n, h = size(kinds[wrt], env[wrt]), 1e-3
    columns = []
    for j in range(n):
        total = sum(p * f({wrt: t * h * np.eye(n)[j]}) for t, p in WEIGHTS.items())
        columns.append(np.ravel(total, order="F" if vec == "column" else "C") / h)
    return np.column_stack(columns)


CASES = [
    (f"S: {S2}", "logdet(S)", "S", "S"),
    (f"S: {S3}", "logdet(S)", "S", "S"),
    (f"S: {S2}, B: [[1, 2], [0, 1]]", "tr(B @ S @ S)", "S", "S"),
    (f"S: {S3}, x: [1, 2, 1]", "x.T @ S @ S @ S @ x", "S", "S"),
    (f"S: {S2}, a: [1, 3]", "a.T @ inv(S) @ a + log(det(S))**2", "S", "S"),
    (f"S: {S2}", "sum(exp(S)) + tr(S)**3", "S", "S"),
    (f"T: {T2}, B: [[1, 2], [0, 1]]", "logdet(T) + tr(T @ B @ T @ B.T)", "T", "T"),
    (f"T: {T2}, x: [1, 2], B: [[1, 2], [4, 1]]", "x.T @ T @ B @ T @ x", "T", "T"),
    (f"T: {T2}", "sum(exp(T) * T)", "T", "T"),
    (f"S: {S2}, x: [1, 2]", "x.T @ S @ S @ x", "x", "S"),
    (f"S: {S2}, x: [1, 2], B: [[1, 2], [4, 1]]", "x.T @ B @ S @ x", "S", "x"),
    (f"S: {S2}, B: [[1, 2], [4, 1]]", "tr(B @ S @ B)", "S", "B"),
    (f"T: {T2}, B: [[1, 2], [4, 1]]", "tr(B @ T @ T @ B)", "B", "T"),
    (f"S: {S2}, T: {T2}, B: [[1, 2], [4, 1]]", "tr(B @ S @ T @ T)", "S", "T"),
    (f"S: {S2}, T: {T2}, B: [[1, 2], [4, 1]]", "tr(B @ S @ T @ T)", "T", "S"),
    (f"S: {S2}, R: {S3}, A: [[1, 0, 2], [2, 1, 1]]", "tr(S @ A @ R @ A.T @ S)", "S", "R"),
    (f"S: {S2}, a: 2", "a**2 * logdet(S)", "a", "S"),
    (f"S: {S2}, a: [1, 1]", "a.T @ S @ a", "S", "S"),
]


@pytest.mark.parametrize("vec", ["column", "row"])
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize(("given", "expression", "rows", "columns"), CASES)
def test_second_derivatives_over_the_free_entries(
    given: str, expression: str, rows: str, columns: str, layout: str, vec: str
) -> None:
    convention = f"convention: {{layout: {layout}, vec: {vec}}}\n"
    wrt = rows if rows == columns else f"[{rows}, {columns}]"
    result = asked(given, expression, by("hessian", wrt), convention)
    want = second(given, expression, rows, columns, vec)
    assert result.value is not None
    assert result.value.shape == want.shape == result.shape
    scale = max(1.0, np.max(np.abs(want)))
    assert np.max(np.abs(result.value.floats() - want)) < 1e-6 * scale
    assert result.check is not None
    assert result.check.passed


@pytest.mark.parametrize("vec", ["column", "row"])
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize(
    ("given", "expression", "wrt"),
    [
        (f"S: {S2}, B: [[1, 2], [0, 1]]", "tr(B @ S)", "S"),
        (f"S: {S2}, B: [[1, 2], [0, 1]]", "B @ S", "S"),
        (f"S: {S2}, B: [[1, 2], [0, 1]]", "S @ B @ S", "S"),
        (f"S: {S3}", "inv(S)", "S"),
        (f"S: {S3}, x: [1, 2, 0]", "S @ S @ x", "S"),
        (f"T: {T2}, B: [[1, 2], [0, 1]]", "B @ T", "T"),
        (f"T: {T2}, B: [[1, 2], [0, 1]]", "tr(B @ T @ T)", "T"),
        (f"S: {S2}", "sum(S @ S)", "S"),
    ],
)
def test_jacobians_over_the_free_entries(
    given: str, expression: str, wrt: str, layout: str, vec: str
) -> None:
    convention = f"convention: {{layout: {layout}, vec: {vec}}}\n"
    result = asked(given, expression, by("jacobian", wrt), convention)
    want = first(given, expression, wrt, vec)
    want = want if layout == "numerator" else want.T
    assert result.value is not None
    assert result.value.shape == want.shape == result.shape
    assert np.max(np.abs(result.value.floats() - want)) < 1e-7
    assert result.check is not None
    assert result.check.passed


@pytest.mark.parametrize(
    "given", [f"S: {S2}, B: [[1, 2], [5, 1]]", f"S: {T2}, B: [[1, 2], [5, 1]]"]
)
def test_gradient_and_jacobian_of_a_scalar_hold_the_same_numbers(given: str) -> None:
    slope = asked(given, "tr(B @ S @ S)", by("gradient", "S")).value
    row = asked(given, "tr(B @ S @ S)", by("jacobian", "S")).value
    assert slope is not None
    assert row is not None
    entries = [slope.floats()[i, j] for i, j in lower(2)]
    if "diagonal" in given:
        entries = list(np.diag(slope.floats()))
    assert row.floats().ravel().tolist() == pytest.approx(entries)


# -- formulas --------------------------------------------------------------------------------------

N = "S: {shape: [n, n], symmetric: true}"
DIAGONAL = "T: {shape: [n, n], diagonal: true}"

FORMULAS = [
    (N, "logdet(S)", "S", "-(duplication(n).T @ kron(inv(S), inv(S)) @ duplication(n))"),
    (N, "tr(S @ S)", "S", "2 * duplication(n).T @ duplication(n)"),
    (f"{N}, x: vector(n)", "x.T @ S @ x", "S", "zeros(n * (n + 1) / 2, n * (n + 1) / 2)"),
    (f"{N}, x: vector(n)", "x.T @ S @ x", "[x, S]",
     "2 * kron(x.T, eye(n)) @ duplication(n)"),
    (DIAGONAL, "logdet(T)", "T", "-inv(T) * inv(T)"),
    (f"{DIAGONAL}, A: 'matrix(n, n)', B: 'matrix(n, n)'", "tr(A @ T @ B @ T)", "T",
     "B * A.T + A * B.T"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expression", "wrt", "formula"), FORMULAS)
def test_formula_with_symbolic_sizes(given: str, expression: str, wrt: str, formula: str) -> None:
    result = asked(given, expression, by("hessian", wrt))
    assert result.formula is not None
    assert text(result.formula) == formula
    assert result.check is not None
    assert result.check.passed
    assert "random values" in result.check.method


def test_swaps_are_swallowed() -> None:
    """A transposed S gives a commutation matrix, and K D = D."""
    result = asked(f"{N}, B: 'matrix(n, n)'", "S.T @ B", by("jacobian", "S"))
    assert result.formula is not None
    assert text(result.formula) == "kron(B.T, eye(n)) @ duplication(n)"


def test_the_steps_say_why() -> None:
    result = asked(f"S: {S2}", "logdet(S)", by("hessian", "S"))
    by_id = {s.id: s for s in result.steps}
    assert by_id["free"].why is not None
    assert "duplication matrix" in by_id["free"].why.message
    assert "Magnus" in by_id["free"].why.message
    assert text(by_id["free"].equation[-1]) == "duplication(2).T @ H @ duplication(2)"
    assert text(by_id["all"].equation[1]) == "-kron(inv(S), inv(S))"
    assert result.extra["definite"] == "negative definite"
    assert result.dims == "3×3"


def test_another_name_of_a_symmetric_matrix_is_refused() -> None:
    for kind, of in (("hessian", "w.T @ w"), ("jacobian", "2*w")):
        source = f"given: {{S: {S2}}}\ndefine: {{w: vec(S), f: {of}, g: tr(S)}}\n"
        with pytest.raises(InputError, match="not all free"):
            solve(loads(source + f"tasks: [{{{kind}: {{of: g, wrt: w}}}}]\n"))


def test_against_torch() -> None:
    torch = pytest.importorskip("torch")
    start = torch.tensor([[3.0, 1, 0], [1, 4, 1], [0, 1, 5]], dtype=torch.float64)
    x = torch.tensor([1.0, 2, 1], dtype=torch.float64)
    places = lower(3)

    def f(free):
        s = torch.zeros(3, 3, dtype=torch.float64)
        for k, (i, j) in enumerate(places):
            unit = torch.zeros(3, 3, dtype=torch.float64)
            unit[i, j] = unit[j, i] = 1
            s = s + free[k] * unit
        return torch.logdet(s) + x @ s @ torch.linalg.inv(s @ s) @ s @ s @ s @ x

    free = torch.stack([start[i, j] for i, j in places])
    want = torch.autograd.functional.hessian(f, free).numpy()
    given = f"S: {S3}, x: [1, 2, 1]"
    expression = "logdet(S) + x.T @ S @ inv(S @ S) @ S @ S @ S @ x"
    result = asked(given, expression, by("hessian", "S"))
    assert result.value is not None
    assert np.max(np.abs(result.value.floats() - want)) < 1e-9


# -- planted faults --------------------------------------------------------------------------------


def test_pairs_that_are_not_added_up_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(matrix: np.ndarray, line) -> np.ndarray:
        return (
            matrix if duplication.tied(line) is None else matrix[[i + 2 * j for i, j in lower(2)]]
        )

    monkeypatch.setattr(duplication, "_folded", wrong)
    result = asked(f"S: {S2}", "logdet(S)", by("hessian", "S"))
    assert result.check is not None
    assert not result.check.passed


def test_a_formula_without_duplication_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_entries, "between", lambda e, left, right, unit: e)
    result = asked(f"S: {S2}", "logdet(S)", by("hessian", "S"))
    assert result.check is not None
    assert not result.check.passed


def test_a_wrong_value_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = free_entries.folded_value

    def wrong(*args) -> Value:
        return Value(whole(*args).data * 1001 / 1000)

    monkeypatch.setattr(free_entries, "folded_value", wrong)
    result = asked(f"S: {S2}", "logdet(S)", by("hessian", "S"))
    assert result.check is not None
    assert not result.check.passed
    assert hessian.folded_value is whole


@pytest.mark.parametrize(
    ("expression", "kind", "formula"),
    [
        ("logdet(S) + tr(S @ S)", "hessian", None),
        ("B @ S", "jacobian", "kron(eye(n), B) @ duplication(n)"),
    ],
)
def test_the_code_gives_the_same_numbers(expression: str, kind: str, formula: str | None) -> None:
    import tutor

    declared = {"S": "{shape: [n, n], symmetric: true}"}
    numbers = {"S": S2, **({"B": "[[1, 2], [0, 1]]"} if "B" in expression else {})}
    d = tutor.derive(expression, "S", kind=kind, **declared)
    assert formula is None or d.formula == formula
    f = d.compile("numpy")
    arrays = {"S": np.array([[2.0, 1], [1, 3]]), "B": np.array([[1.0, 2], [0, 1]])}
    got = f(**{n: arrays[n] for n in numbers})
    want = tutor.derive(expression, "S", kind=kind, **numbers).value
    assert np.allclose(got, want)
