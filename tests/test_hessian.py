"""Hessians: formulas, values against SymPy and torch-free differences, definiteness, checks."""

from __future__ import annotations

import numpy as np
import paper_oracle as oracle
import pytest
import sympy as sp

import tutor
from tutor.errors import InputError
from tutor.notation.text import text
from tutor.problem import loads
from tutor.steps import TaskResult
from tutor.tasks import hessian, hessian_check, second, solve
from tutor.tasks.hessian_sign import inertia, sign
from tutor.value import Value


def asked(given: str, define: str, task: str, convention: str = "") -> TaskResult:
    source = f"title: t\n{convention}given: {{{given}}}\ndefine: {{{define}}}\ntasks: [{task}]\n"
    return solve(loads(source)).tasks[0]


def by_hessian(given: str, expression: str, wrt: str, convention: str = "") -> TaskResult:
    return asked(given, f"f: '{expression}'", f"{{hessian: {{of: f, wrt: {wrt}}}}}", convention)


FORMULAS = [
    ("X: 'matrix(m, n)', y: vector(m), w: vector(n)", "norm2(X@w - y)**2", "w", "2 * X.T @ X"),
    ("A: 'matrix(n, n)', x: vector(n)", "x.T @ A @ x", "x", "A + A.T"),
    ("x: vector(n)", "sum(exp(x))", "x", "diag(exp(x))"),
    ("x: vector(n)", "logsumexp(x)", "x", "diag(softmax(x)) - softmax(x) @ softmax(x).T"),
    ("A: 'matrix(m, m)', X: 'matrix(m, n)'", "tr(X.T @ A @ X)", "X", "kron(eye(n), A + A.T)"),
    ("x: vector(n), y: vector(m), A: 'matrix(n, m)'", "x.T @ A @ y", "[x, y]", "A"),
    ("x: vector(n), y: vector(m), A: 'matrix(n, m)'", "x.T @ A @ y", "[y, x]", "A.T"),
    ("x: scalar, a: scalar", "a*x**3", "x", "6 * a * x"),
    ("a: vector(n), x: vector(n)", "a.T @ x", "x", "zeros(n, n)"),
]


@pytest.mark.parametrize(("given", "expression", "wrt", "formula"), FORMULAS)
def test_formula(given: str, expression: str, wrt: str, formula: str) -> None:
    result = by_hessian(given, expression, wrt)
    assert result.formula is not None
    assert text(result.formula) == formula
    assert result.check is not None
    assert result.check.passed
    assert result.check.max_rel_error < 1e-5
    assert result.value is None
    assert result.extra["definite"] is None


VALUES = [
    ("x: [1, 2]", "x.T @ [[2, 1], [5, 3]] @ x", "x"),
    ("x: [1/2, 1/3, 2]", "log(1 + x.T @ x) * sum(x)", "x"),
    ("x: [1/2, 1/3, 2]", "softmax(x).T @ [1, 2, 3]", "x"),
    ("x: 2", "x**3 * exp(-x)", "x"),
    ("x: [1, 2], A: [[1, 2], [3, 4]]", "norm2(A @ x)", "x"),
    ("W: [[1, 2], [3, 5]]", "det(W) * W[0, 0]", "W"),
    ("W: [[1, 2], [3, 5]]", "logdet(W @ W.T)", "W"),
    ("W: [[1, 2, 0], [3, 5, 1]], x: [1, 0, 2]", "sum(sigmoid(W @ x)**2)", "W"),
    ("x: [1, 2], y: [3, 1, 1]", "(x.T @ x) * exp(y[0] * x[1] - y[1])", "[x, y]"),
    ("x: [1, 2], y: 3", "sum(x**3) * y**2", "[y, x]"),
    ("x: [1, 2], y: 3", "sum(x**3) * y**2", "[x, y]"),
]


@pytest.mark.parametrize("vec", ["column", "row"])
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize(("given", "expression", "wrt"), VALUES)
def test_value_against_a_second_reader(
    given: str, expression: str, wrt: str, layout: str, vec: str
) -> None:
    """Rows belong to the first name and columns to the second in both layouts."""
    convention = f"convention: {{layout: {layout}, vec: {vec}}}\n"
    result = by_hessian(given, expression, wrt, convention)
    assert result.value is not None
    assert result.check is not None
    assert result.check.passed
    problem = loads(f"title: t\ngiven: {{{given}}}\ntasks: [graph]\n")
    env = {n: g.value.floats() for n, g in problem.given.items() if g.value is not None}
    names = [n.strip() for n in wrt.strip("[]").split(",")]
    first, last = names[0], names[-1]

    def flat(x: np.ndarray) -> np.ndarray:
        return x.ravel("F" if vec == "column" else "C")

    def f(a: np.ndarray, b: np.ndarray) -> float:
        at = {**env}
        order = "F" if vec == "column" else "C"
        at[first] = at[first] + a.reshape(np.shape(env[first]), order=order)
        at[last] = at[last] + b.reshape(np.shape(env[last]), order=order)
        return float(np.squeeze(oracle.Reader(at, vec=vec).read(expression)))

    m, n = flat(env[first]).size, flat(env[last]).size
    want = np.zeros((m, n))
    h = 1e-3
    weights = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
    for i, j in np.ndindex(m, n):
        u, v = h * np.eye(m)[i], h * np.eye(n)[j]
        want[i, j] = (
            sum(p * q * f(s * u, t * v) for s, p in weights.items() for t, q in weights.items())
            / h**2
        )
    got = result.value.floats().reshape(want.shape)
    assert np.max(np.abs(got - want)) < 1e-6 * max(1.0, np.max(np.abs(want)))
    if result.value.shape:
        assert result.shape == (m, n)


def test_a_hessian_by_a_scalar_is_a_number() -> None:
    result = by_hessian("x: 2", "x**4", "x")
    assert result.shape == ()
    assert result.value is not None
    assert result.value.strings() == "48"
    assert result.extra["definite"] == "positive definite"


def test_the_chain_is_told_on_the_printed_gradient() -> None:
    result = by_hessian("X: 'matrix(m, n)', y: vector(m), w: vector(n)", "norm2(X@w - y)**2", "w")
    ids = [s.id for s in result.steps]
    assert ids.index("gradient") < ids.index("again") < ids.index("answer")
    again = next(s for s in result.steps if s.id == "again")
    assert text(again.equation[0]) == "g"
    assert text(again.equation[-1]) == "2 * X.T @ (X @ w - y)"
    assert len(ids) == len(set(ids))
    # the lines of the gradient use what the forward pass has computed already
    assert any(text(s.equation[-1]) == "X.T @ z2" for s in result.steps if s.equation)


def test_what_an_earlier_task_showed_is_not_repeated() -> None:
    source = (
        "title: t\ngiven: {x: vector(n)}\ndefine: {f: sum(x**3)}\n"
        "tasks: [{gradient: {of: f, wrt: x}}, {hessian: {of: f, wrt: x}}]\n"
    )
    result = solve(loads(source)).tasks[1]
    assert not any(s.id.startswith("chain.z1") and s.id == "local.f.z1" for s in result.steps)
    assert next(s for s in result.steps if s.id == "gradient").title.message.startswith(
        "The gradient, from task"
    )


def test_by_an_inner_quantity() -> None:
    """∂²L/∂z² of a logit: z is free, whatever it was computed from."""
    result = asked(
        "X: [[1, 2], [3, 4]], w: [1, -1]",
        "z: X @ w, L: sum(softplus(z))",
        "{hessian: {of: L, wrt: z}}",
    )
    s = 1 / (1 + np.exp(1.0))
    assert result.value is not None
    assert np.allclose(result.value.floats(), s * (1 - s) * np.eye(2))
    assert result.check is not None
    assert result.check.passed


def test_at_a_kink_the_check_steps_aside() -> None:
    result = by_hessian("x: [0, 2]", "sum(relu(x)**2)", "x")
    assert result.check is not None
    assert result.check.passed
    assert result.check.note is not None


def test_by_a_homogeneous_vector() -> None:
    result = asked(
        "x: {value: [2, 3], homogeneous: true}, A: [[1, 2, 0], [0, 1, 1], [3, 0, 1]]",
        "f: x.T @ A @ x",
        "{hessian: {of: f, wrt: x}}",
    )
    assert result.value is not None
    assert result.value.floats().tolist() == [[2, 2], [2, 2]]
    assert result.check is not None
    assert result.check.passed


# -- definite or not ------------------------------------------------------------------------------

SIGNS = [
    ([[2, 1], [1, 2]], "positive definite"),
    ([[1, 1], [1, 1]], "positive semidefinite"),
    ([[-2, 1], [1, -2]], "negative definite"),
    ([[-1, 1], [1, -1]], "negative semidefinite"),
    ([[1, 2], [2, 1]], "indefinite"),
    ([[0, 0], [0, 0]], "positive semidefinite"),
    ([[0, 1], [1, 0]], "indefinite"),
    ([[4, 0, 0], [0, 0, 0], [0, 0, 1]], "positive semidefinite"),
    ([[4, 1, 0, 0], [1, 3, 0, 0], [0, 0, 1, 2], [0, 0, 2, 5]], "positive definite"),
]


@pytest.mark.parametrize(("rows", "word"), SIGNS)
def test_definiteness(rows: list[list[int]], word: str) -> None:
    exact = np.array([[sp.Integer(x) for x in row] for row in rows], dtype=object)
    assert sign(Value(exact)).word == word
    assert sign(Value(np.array(rows, dtype=float))).word == word


def test_inertia_against_eigenvalues() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        n = int(rng.integers(1, 6))
        a = rng.integers(-3, 4, size=(n, n))
        a = a + a.T
        if rng.random() < 0.5:  # a singular one
            v = rng.integers(-2, 3, size=(n, 1))
            a = v @ v.T
        values = np.linalg.eigvalsh(a)
        want = (int((values > 1e-9).sum()), int((abs(values) <= 1e-9).sum()))
        assert inertia(sp.Matrix(a.tolist()))[:2] == want


# -- errors and planted faults --------------------------------------------------------------------

REFUSED = [
    ("x: vector(n)", "2*x", "x", "needs a scalar"),
    ("x: vector(n), y: scalar, z: scalar", "x.T @ x * y * z", "[x, y, z]", "by one name or by two"),
]


@pytest.mark.parametrize(("given", "expression", "wrt", "words"), REFUSED)
def test_refused(given: str, expression: str, wrt: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        by_hessian(given, expression, wrt)
    assert caught.value.where is not None
    assert caught.value.where.line == 4


def test_a_block_of_dependent_variables_is_refused() -> None:
    with pytest.raises(InputError, match="do not depend on each other"):
        asked("x: [1, 2]", "z: 2*x, f: z.T @ z", "{hessian: {of: f, wrt: [x, z]}}")


@pytest.mark.parametrize(("given", "value"), [("x: [1, 2]", True), ("x: vector(n)", False)])
def test_a_wrong_value_is_caught(monkeypatch: pytest.MonkeyPatch, given: str, value: bool) -> None:
    """A rule for second derivatives that is off by one part in a thousand fails the check."""
    whole = second.twice_node

    def wrong(*args):
        from tutor.graph import node as g

        return g.scale(sp.Rational(1001, 1000), whole(*args))

    monkeypatch.setattr(second, "twice_node", wrong)
    monkeypatch.setattr(hessian_check, "twice_node", wrong)
    monkeypatch.setattr(second, "_stated", lambda *args: None)
    result = by_hessian(given, "sum(x**3) + (x.T @ x)**2", "x")
    assert (result.value is not None) == value
    assert result.check is not None
    assert not result.check.passed


def test_a_wrong_formula_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from tutor.expr import Binary, Num

    whole = hessian.twice

    def wrong(*args):
        from dataclasses import replace

        found = whole(*args)
        return replace(found, formula=Binary("*", Num("2"), found.formula))

    monkeypatch.setattr(hessian, "twice", wrong)
    result = by_hessian("x: vector(n)", "sum(x**3)", "x")
    assert result.check is not None
    assert not result.check.passed


def test_a_lost_symmetry_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quadratic forms do not see an antisymmetric part: the check looks at it apart."""
    whole = hessian.twice

    def wrong(*args):
        from dataclasses import replace

        found = whole(*args)
        array = found.array.copy()
        array[0, 1] += 1
        array[1, 0] -= 1
        return replace(found, array=array)

    monkeypatch.setattr(hessian, "twice", wrong)
    result = by_hessian("x: [1, 2]", "x[0]**2 * x[1]", "x")
    assert result.check is not None
    assert not result.check.passed


@pytest.mark.parametrize("vec", ["column", "row"])
@pytest.mark.parametrize("form", ["vec(W)", "reshape(W, 6)", "W.T"])
def test_by_another_name_of_a_given(form: str, vec: str) -> None:
    """∂²L/∂w² is ∂²L/∂W² in the order of w, also when L was written with W."""
    head = f"title: t\nconvention: {{vec: {vec}}}\n"
    given = "given: {W: [[1, 2, 0], [3, 5, 1]], x: [1, 0, 2]}\n"
    f = "sum(exp(W @ x)) + W[0, 1]**2 * W[1, 0]"
    ask = "tasks: [{hessian: {of: L, wrt: w}}]\n"
    outside = solve(loads(head + given + f"define: {{w: '{form}', L: '{f}'}}\n" + ask)).tasks[0]
    back = {"vec(W)": "unvec(w, 2, 3)", "reshape(W, 6)": "reshape(w, 2, 3)", "W.T": "w.T"}[form]
    inside = f.replace("W", f"({back})").replace(f"({back})[", "V[")
    define = f"define: {{w: '{form}', V: '{back}', L: '{inside}'}}\n"
    direct = solve(loads(head + given + define + ask)).tasks[0]
    assert outside.value is not None
    assert direct.value is not None
    assert np.allclose(outside.value.floats(), direct.value.floats())
    assert np.any(outside.value.floats())
    assert direct.check is not None
    assert direct.check.passed


@pytest.mark.parametrize(
    ("f", "wrt", "given"),
    [
        ("y**2", "y", "{y: scalar}"),
        ("3*s", "s", "{s: scalar}"),
        ("x[0]*x[1]", "x", '{x: "vector(2)"}'),
        ("y*x.T@x", "y", '{y: scalar, x: "vector(3)"}'),
    ],
)
def test_a_hessian_known_without_a_point_is_checked(f: str, wrt: str, given: str) -> None:
    problem = tutor.loads(
        f'given: {given}\ndefine: {{f: "{f}"}}\ntasks:\n  - hessian: {{of: f, wrt: {wrt}}}\n'
    )
    (task,) = problem.solve().solution.tasks
    assert task.check is not None and task.check.passed and "random values" in task.check.method


BENDS = [
    ("x: [1, 3]", "huber_loss(x, 0*x)"),
    ("x: [1, 2]", "huber_loss(x, 0*x, delta=2)"),
    ("x: [0, 1]", "sum(softsign(x))"),
]


@pytest.mark.parametrize("kind", ["hessian", "taylor"])
@pytest.mark.parametrize(("given", "expression"), BENDS)
def test_where_only_the_second_derivative_jumps_the_check_steps_aside(
    given: str, expression: str, kind: str
) -> None:
    result = asked(given, f"f: '{expression}'", f"{{{kind}: {{of: f, wrt: x}}}}")
    assert result.check is not None
    assert result.check.passed
    assert result.check.note is not None
    assert "second derivative" in result.check.note.message


def test_at_a_bend_a_wrong_value_is_caught_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = second.twice_node

    def wrong(*args):
        from tutor.graph import node as g

        return g.scale(sp.Rational(1001, 1000), whole(*args))

    monkeypatch.setattr(hessian_check, "twice_node", wrong)
    result = by_hessian("x: [1, 3, 1/2]", "huber_loss(x, 0*x)", "x")
    assert result.check is not None
    assert not result.check.passed
