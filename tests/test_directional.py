"""Directional derivatives: values, formulas, the told steps, and faults in them."""

from __future__ import annotations

import numpy as np
import paper_oracle as oracle
import pytest

from tutor.calculus import forward
from tutor.errors import InputError, ShapeError
from tutor.graph import node as g
from tutor.notation.text import text
from tutor.problem import loads
from tutor.steps import TaskResult
from tutor.tasks import solve


def asked(given: str, expression: str, along: str, wrt: str = "x") -> TaskResult:
    source = (
        f"title: t\ngiven: {{{given}}}\ndefine: {{f: '{expression}'}}\n"
        f"tasks: [{{directional: {{of: f, wrt: {wrt}, along: {along}}}}}]\n"
    )
    return solve(loads(source)).tasks[0]


CASES = [
    ("x: [1, 2]", "x.T @ x", "[1, -1]", "-2"),
    ("x: 3", "x**2", "2", "12"),
    ("x: [1, 2], u: [3, 4]", "sin(x) * u", "u", None),
    ("x: [1, 2]", "softmax(x)", "[1, 0]", None),
    ("x: [1, 2], A: [[1, 2], [3, 4], [5, 6]]", "A @ x", "2*x", None),
    ("x: [1, 2]", "x @ x.T", "[0, 1]", None),
    ("x: [[1, 2], [3, 4]]", "x @ x.T", "[[1, 0], [0, -1]]", None),
    ("x: [[1, 2], [3, 4]]", "det(x)", "[[0, 1], [0, 0]]", "-3"),
    ("x: [[1, 2], [3, 4]]", "inv(x)", "[[0, 1], [0, 0]]", None),
    ("x: [1, 2, -3]", "max(x) + sum(relu(x))", "[1, 1, 1]", "3"),
    ("x: [1, 2], y: 2", "y * sum(x)", "1", "3", "y"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[1]} along {c[2]}")
def test_against_a_second_reader(case: tuple) -> None:
    given, expression, along, exact, *wrt = case
    name = wrt[0] if wrt else "x"
    result = asked(given, expression, f"'{along}'", name)
    assert result.check is not None
    assert result.check.passed
    assert result.value is not None
    problem = loads(f"title: t\ngiven: {{{given}}}\ntasks: [graph]\n")
    env = {n: v.value.floats() for n, v in problem.given.items() if v.value is not None}
    reader = oracle.Reader(env)
    shape = np.shape(env[name])
    d = np.asarray(reader.read(along.replace("],[", "], [")), dtype=float).reshape(shape)

    def f(t: float) -> np.ndarray:
        return np.asarray(oracle.Reader({**env, name: env[name] + t * d}).read(expression), float)

    h = 1e-3
    want = (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)
    got = result.value.floats()
    assert np.max(np.abs(got.ravel() - want.ravel())) < 1e-6 * max(1.0, np.max(np.abs(want)))
    if exact is not None:
        assert result.value.strings() == exact


def test_the_formula_names_the_direction() -> None:
    result = asked(
        "A: 'matrix(m, n)', b: vector(m), x: vector(n), v: vector(n)", "norm2(A@x - b)**2", "v"
    )
    assert result.formula is not None
    assert text(result.formula) in ("2 * (A @ x - b).T @ A @ v", "2 * ((A @ x - b).T @ A @ v)")
    assert result.value is None
    assert result.check is not None
    assert result.check.passed
    assert result.shape == ()


def test_every_line_has_its_differential() -> None:
    result = asked("x: [1, 2]", "sum(exp(x) * x)", "[1, 0]")
    ids = [s.id for s in result.steps if s.kind == "tangent"]
    assert ids == ["direction", "tangent.z1", "tangent.z2", "tangent.f"]
    last = next(s for s in result.steps if s.id == "gradient")
    assert text(last.equation[0]) == "(df/dx).T @ dx"


def test_a_direction_that_depends_on_the_point_is_held_fixed() -> None:
    """Along x itself: the derivative of a function of degree 3 is 3 times the function."""
    result = asked("x: [1, 2]", "sum(x)**3", "x")
    assert result.value is not None
    assert result.value.strings() == "81"


def test_nothing_moves() -> None:
    source = (
        "title: t\ngiven: {x: [1, 2], y: [3]}\ndefine: {f: 2*y}\n"
        "tasks: [{directional: {of: f, wrt: x, along: [1, 1]}},"
        " {directional: {of: x, wrt: x, along: [1, 5]}}]\n"
    )
    still, itself = solve(loads(source)).tasks
    assert still.value is not None
    assert still.value.numbers() == [0.0]
    assert itself.value is not None
    assert itself.value.numbers() == [1.0, 5.0]


def test_errors_have_a_place() -> None:
    with pytest.raises(ShapeError, match="3×1") as caught:
        asked("x: [1, 2]", "sum(x)", "[1, 2, 3]")
    assert caught.value.where is not None
    assert (caught.value.where.line, caught.value.hint is not None) == (4, True)
    with pytest.raises(InputError, match="unknown name `u`"):
        asked("x: [1, 2]", "sum(x)", "u")
    with pytest.raises(InputError, match="has to be symmetric too"):
        asked("x: {value: [[1, 2], [2, 1]], symmetric: true}", "sum(x)", "[[0, 1], [0, 0]]")
    with pytest.raises(InputError, match="has to be diagonal too"):
        asked("x: {value: [[1, 0], [0, 1]], diagonal: true}", "sum(x)", "[[0, 1], [1, 0]]")


SYMMETRIC = "x: {value: [[2, 1], [1, 3]], symmetric: true}"


@pytest.mark.parametrize(
    ("given", "f", "along"),
    [
        (SYMMETRIC, "logdet(x)", "[[1, 2], [2, 0]]"),
        (SYMMETRIC + ", B: [[1, 2], [0, 1]]", "B @ x @ x", "[[1, 2], [2, 0]]"),
        ("x: {value: [[2, 0], [0, 3]], diagonal: true}", "tr(x @ x @ x)", "[[1, 0], [0, 2]]"),
        ("x: {shape: [n, n], symmetric: true}, u: {shape: [n, n], symmetric: true}",
         "logdet(x)", "u"),
    ],
)  # fmt: skip
def test_along_a_symmetric_direction(given: str, f: str, along: str) -> None:
    result = asked(given, f, along)
    assert result.formula is not None
    assert result.check is not None
    assert result.check.passed


@pytest.mark.parametrize("f", ["sum(x)", "[[1, 2], [0, 1]] @ x"])
def test_a_rate_that_is_known_without_a_point_is_checked(f: str) -> None:
    result = asked("x: vector(2)", f, "[1, 5]")
    assert result.value is not None
    assert result.check is not None
    assert result.check.passed
    assert "random values" in result.check.method


@pytest.mark.parametrize("given", ["x: [1, 2]", "x: vector(n)"])
def test_a_wrong_rule_is_caught(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    whole = forward._factor
    monkeypatch.setattr(
        forward, "_factor", lambda n, k, t, trail: g.scale(2 if k else 1, whole(n, k, t, trail))
    )
    result = asked(given, "x.T @ exp(x)", "x")
    assert result.check is not None
    assert not result.check.passed


def test_a_symmetric_matrix_is_not_transposed() -> None:
    result = asked("x: [1, 2], M: {value: [[2, 1], [1, 3]], symmetric: true}", "x.T @ M @ x", "x")
    assert result.formula is not None
    assert text(result.formula) == "2 * (x.T @ M @ x)"
