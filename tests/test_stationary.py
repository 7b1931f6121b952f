"""Stationary points: textbook formulas, numbers by NumPy and SymPy, kinds, honesty, faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tutor.errors import InputError
from tutor.expr import Binary, Num
from tutor.notation.text import text
from tutor.problem import loads
from tutor.render.json import plain
from tutor.steps import TaskResult
from tutor.tasks import solve, stationary_affine, stationary_numbers, stationary_singular


def asked(given: str, expression: str, wrt: str) -> TaskResult:
    source = (
        f"title: t\ngiven: {{{given}}}\ndefine: {{f: '{expression}'}}\n"
        f"tasks: [{{stationary: {{of: f, wrt: {wrt}}}}}]\n"
    )
    return solve(loads(source)).tasks[0]


DATA = "X: 'matrix(m, n)', y: vector(m), w: vector(n), b: scalar"
SAMPLE = "X: 'matrix(n, d)', mu: vector(d)"
SPD = "{shape: [d, d], symmetric: true}"
FORMULAS: list[tuple[str, str, str, dict[str, str], str]] = [
    (DATA, "norm2(X@w - y)**2", "w", {"w": "inv(X.T @ X) @ X.T @ y"}, "minimum"),
    (
        DATA + ", lam: {shape: [], positive: true}",
        "norm2(X@w - y)**2 + lam*norm2(w)**2",
        "w",
        {"w": "inv(X.T @ X + lam * eye(n)) @ X.T @ y"},
        "minimum",
    ),
    (
        DATA + ", s: {shape: [m], positive: true}",
        "(X@w - y).T @ diag(s) @ (X@w - y)",
        "w",
        {"w": "inv(X.T @ diag(s) @ X) @ X.T @ (y * s)"},
        "minimum",
    ),
    ("x: vector(n), c: scalar", "norm2(x - c)**2", "c", {"c": "mean(x)"}, "minimum"),
    (SAMPLE, "frobenius(X - ones(n) @ mu.T)**2", "mu", {"mu": "mean(X, axis=0).T"}, "minimum"),
    (
        "X: 'matrix(n, d)', Y: 'matrix(n, k)', W: 'matrix(d, k)'",
        "frobenius(X@W - Y)**2",
        "W",
        {"W": "inv(X.T @ X) @ X.T @ Y"},
        "minimum",
    ),
    (
        "A: 'matrix(p, m)', B: 'matrix(n, q)', C: 'matrix(p, q)', W: 'matrix(m, n)'",
        "frobenius(A@W@B - C)**2",
        "W",
        {"W": "inv(A.T @ A) @ A.T @ C @ B.T @ inv(B @ B.T)"},
        "minimum",
    ),
    (f"S: {SPD}, A: {SPD}", "logdet(S) + tr(inv(S) @ A)", "S", {"S": "A"}, "undecided"),
    (f"P: {SPD}, A: {SPD}", "tr(P @ A) - logdet(P)", "P", {"P": "inv(A)"}, "undecided"),
    (
        SAMPLE + f", S: {SPD}",
        "n/2*logdet(S) + tr((X - ones(n) @ mu.T) @ inv(S) @ (X - ones(n) @ mu.T).T)/2",
        "[mu, S]",
        {"mu": "mean(X, axis=0).T", "S": "(X - ones(n) @ mu.T).T @ (X - ones(n) @ mu.T) / n"},
        "minimum",
    ),
    (
        "x: vector(n), m: scalar, v: {shape: [], positive: true}",
        "n/2*log(v) + norm2(x - m)**2/(2*v)",
        "[m, v]",
        {"m": "mean(x)", "v": "norm2(x - m)**2 / n"},
        "minimum",
    ),
    ("a: scalar, c: scalar, t: scalar", "a*t**2 + c*t", "t", {"t": "-(c / (2 * a))"}, "undecided"),
]


@pytest.mark.parametrize("row", FORMULAS, ids=lambda r: f"{r[1][:30]} by {r[2]}")
def test_formulas(row: tuple[str, str, str, dict[str, str], str]) -> None:
    given, expression, wrt, want, kind = row
    result = asked(given, expression, wrt)
    (solution,) = result.extra["solutions"]
    assert solution.keys() == want.keys()
    for name, formula in want.items():
        assert same(given, solution[name], formula), solution
    assert result.extra["kinds"] == [kind]
    assert result.check is not None
    assert result.check.passed


NLL = "(X - ones(n) @ mu.T) @ {P} @ (X - ones(n) @ mu.T).T"
ESTIMATES = [  # given, function, unknowns, kind, and the first words of why
    (SAMPLE + f", S: {SPD}", f"n/2*logdet(S) + tr({NLL.format(P='inv(S)')})/2", "S", "minimum",
     "Along a symmetric step H of S the second derivative at the solution is "
     "n * tr(inv(S) @ H @ inv(S) @ H) / 2. The solution comes from"),
    (SAMPLE + f", P: {SPD}", f"tr({NLL.format(P='P')})/2 - n/2*logdet(P)", "[mu, P]", "minimum",
     "In mu it is a bowl for every positive definite P. Along a symmetric step H of P"),
    (f"P: {SPD}, A: 'matrix(m, d)'", "logdet(P) - tr(A @ P @ A.T)", "P", "maximum",
     "Along a symmetric step H of P the second derivative at the solution is "
     "-tr(inv(P) @ H @ inv(P) @ H)."),
    (f"S: {SPD}, A: {SPD}", "logdet(S) + tr(inv(S) @ A)", "S", "undecided",
     "Along a symmetric step H of S the second derivative at the solution is "
     "tr(inv(S) @ H @ inv(S) @ H): if the solution is positive definite, this is a minimum."),
    (f"P: {SPD}, A: {SPD}", "logdet(P) - tr(P @ A)", "P", "undecided",
     "Along a symmetric step H of P the second derivative at the solution is "
     "-tr(inv(P) @ H @ inv(P) @ H): if the solution is positive definite, this is a maximum."),
    # a full matrix has skew directions too, along which it falls
    ("S: 'matrix(d, d)', A: 'matrix(m, d)'", "logdet(S) + tr(A @ inv(S) @ A.T)", "S", "undecided",
     "Without numbers it stays open"),
    (f"S: {SPD}, A: 'matrix(m, d)'", "logdet(S) - tr(A @ inv(S) @ A.T)", "S", "undecided",
     "Along a symmetric step H of S"),  # −AᵀA is not positive definite
    (f"S: {SPD}, a: scalar, A: 'matrix(m, d)'", "a*logdet(S) + tr(A @ inv(S) @ A.T)", "S",
     "undecided", "Without numbers it stays open"),
    ("x: vector(n), m: scalar, v: {shape: [], positive: true}",
     "-n/2*log(v) - norm2(x - m)**2/(2*v)", "v", "maximum",
     "In v the second derivative at the solution is"),
    ("x: vector(n), a: scalar, v: {shape: [], positive: true}", "a*log(v) + norm2(x)**2/v", "v",
     "undecided", "Without numbers it stays open"),
]  # fmt: skip


@pytest.mark.parametrize("row", ESTIMATES, ids=lambda r: f"{r[1][:30]} by {r[2]}")
def test_the_kind_of_an_estimate(row: tuple[str, str, str, str, str]) -> None:
    given, expression, wrt, kind, words = row
    result = asked(given, expression, wrt)
    assert result.extra["kinds"] == [kind]
    assert result.check is None or result.check.passed  # None: no S where it is defined
    (step,) = [s for s in result.steps if s.id == "kind"]
    assert step.why is not None and plain(step.why).startswith(words)


def test_the_gaussian_likelihood_has_its_minimum_there() -> None:
    """In plain NumPy: every small step, together in both, leads up; for a full S some lead down."""
    rng = np.random.default_rng(5)
    n, d = 7, 3
    data = rng.standard_normal((n, d)) @ np.diag([1.0, 2.0, 0.5]) + 1

    def nll(mu: np.ndarray, s: np.ndarray) -> float:
        away = data - mu
        return n / 2 * np.linalg.slogdet(s)[1] + np.trace(away @ np.linalg.inv(s) @ away.T) / 2

    mean = data.mean(axis=0)
    cov = (data - mean).T @ (data - mean) / n
    best = nll(mean, cov)
    for _ in range(200):
        step, h = 1e-2 * rng.standard_normal(d), 1e-2 * rng.standard_normal((d, d))
        assert nll(mean + step, cov + h + h.T) > best
        trace = np.trace(np.linalg.solve(cov, h + h.T) @ np.linalg.solve(cov, h + h.T)) * n / 2
        up = [nll(mean, cov + t * (h + h.T)) for t in (-1e-2, 1e-2)]
        assert (sum(up) - 2 * best) / 1e-4 == pytest.approx(trace, rel=1e-2)
    skew = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 0]])
    assert nll(mean, cov + 1e-2 * skew) < best


def same(given: str, a: str, b: str) -> bool:
    """Whether two formulas are equal, by the comparison of authors' answers."""
    source = (
        f"title: t\ngiven: {{{given}}}\ndefine: {{f: '{a}'}}\n"
        f"tasks: [{{evaluate: {{expr: f}}, answer: '{b}'}}]\n"
    )
    answer = solve(loads(source)).tasks[0].answer
    return answer is not None and answer.correct is True


def test_the_normal_equations_are_printed() -> None:
    result = asked(DATA, "norm2(X@w - y)**2", "w")
    step = next(s for s in result.steps if s.title.message == "The normal equations")
    assert [text(e) for e in step.equation] == ["X.T @ X @ w", "X.T @ y"]
    last = next(s for s in result.steps if s.id == "solution.w")
    assert last.why is not None
    assert plain(last.why) == "Provided that X.T @ X is invertible."


def test_with_numbers_by_numpy() -> None:
    result = asked("X: [[1, 0], [1, 1], [1, 3]], y: [1, 2, 2], w: [0, 0]", "norm2(X@w - y)**2", "w")
    x, y = np.array([[1, 0], [1, 1], [1, 3]]), np.array([1, 2, 2])
    want = np.linalg.lstsq(x, y, rcond=None)[0]
    assert result.value is not None
    assert np.allclose(result.value.floats(), want)
    assert result.value.exact
    assert result.extra["kinds"] == ["minimum"]
    assert result.check is not None
    assert result.check.passed


NUMBERS: list[tuple[str, str, str, list[dict[str, Any]], list[str]]] = [
    ("t: 0", "t**3 - 3*t", "t", [{"t": -1}, {"t": 1}], ["maximum", "minimum"]),
    ("t: 1", "t**4", "t", [{"t": 0}], ["minimum"]),
    ("t: 1", "-t**4 + 7", "t", [{"t": 0}], ["maximum"]),
    ("t: 1", "t**3", "t", [{"t": 0}], ["saddle"]),
    ("t: 1", "exp(t) - 3*t", "t", [{"t": np.log(3)}], ["minimum"]),
    (
        "u: 0, v: 0",
        "u**4 + v**4 - 4*u*v",
        "[u, v]",
        [{"u": -1, "v": -1}, {"u": 0, "v": 0}, {"u": 1, "v": 1}],
        ["minimum", "saddle", "minimum"],
    ),
    ("p: [0, 0]", "p.T @ [[1, 2], [2, 1]] @ p + p[0]", "p", [{"p": [1 / 6, -1 / 3]}], ["saddle"]),
    ("p: [0, 0]", "p[0]**2 - 2*p[0] - p[1]**2", "p", [{"p": [1, 0]}], ["saddle"]),
    ("x: [1, 2, 3, 6], c: 0", "sum((x - c)**2)", "c", [{"c": 3}], ["minimum"]),
    (
        "x: [1, 2, 3, 6], m: scalar, v: {shape: [], positive: true}",
        "2*log(v) + norm2(x - m)**2/(2*v)",
        "[m, v]",
        [{"m": 3, "v": 3.5}],
        ["minimum"],
    ),
    (
        "A: [[2, 1], [1, 3]], S: {value: [[1, 0], [0, 1]], symmetric: true}",
        "logdet(S) + tr(inv(S) @ A)",
        "S",
        [{"S": [[2, 1], [1, 3]]}],
        ["minimum"],
    ),
]


@pytest.mark.parametrize("row", NUMBERS, ids=lambda r: f"{r[1]} by {r[2]}")
def test_numbers(row: tuple[str, str, str, list[dict[str, Any]], list[str]]) -> None:
    given, expression, wrt, want, kinds = row
    result = asked(given, expression, wrt)
    solutions = result.extra["solutions"]
    assert len(solutions) == len(want), solutions
    for ours, theirs in zip(solutions, want, strict=True):
        assert ours.keys() == theirs.keys()
        for name in theirs:
            assert np.allclose(ours[name], theirs[name])
    assert result.extra["kinds"] == kinds
    assert result.check is not None
    assert result.check.passed
    ids = [s.id for s in result.steps]
    assert len(ids) == len(set(ids))


def test_a_periodic_equation_says_so() -> None:
    result = asked("t: 1", "cos(t)", "t")
    assert [s["t"] for s in result.extra["solutions"]] == [0.0, pytest.approx(np.pi)]
    note = result.extra["note"]
    assert "repeat" in plain(note)
    assert text(note.args["p"]) == "2*pi"


NOT_SOLVED = [
    ("t: 1", "sin(exp(t)) + t**2", "t", "No closed form"),
    ("t: 1, k: 2", "3*t + k", "t", "never zero"),
    ("t: 1", "t**2 + exp(t)", "t", "No closed form"),
    ("x: [1, 2], w: [1, 1]", "norm2(w - softmax(w) - x)**2", "w", "No closed form"),
    ("a: vector(n), x: vector(n)", "a.T @ x", "x", "does not contain it"),
    ("X: [[1, 1], [1, 1]], y: [1, 2], w: [0, 0]", "norm2(X@w - y)**2", "w", ""),
    ("t: 1", "t**2 + 1/t**2 - 3*exp(t)", "t", "No closed form"),
]


@pytest.mark.parametrize(("given", "expression", "wrt", "words"), NOT_SOLVED)
def test_what_cannot_be_solved_is_said(given: str, expression: str, wrt: str, words: str) -> None:
    result = asked(given, expression, wrt)
    assert result.extra["solutions"] == []
    assert result.extra["kinds"] == []
    assert result.value is None
    assert words in plain(result.extra["note"])
    assert any(s.id.startswith("equation.") for s in result.steps)


def test_errors_have_a_place() -> None:
    for given, expression, wrt, words in [
        ("x: [1, 2]", "2*x", "x", "only a scalar"),
        ("x: [1, 2], y: 3", "sum(x)", "y", "does not depend"),
        ("x: {value: [1], homogeneous: true}", "x.T @ x", "x", "carries a constant"),
    ]:
        with pytest.raises(InputError, match=words) as caught:
            asked(given, expression, wrt)
        assert caught.value.where is not None
        assert caught.value.where.line == 4


@pytest.mark.parametrize(
    "given",
    ["X: [[1, 0], [1, 1], [1, 3]], y: [1, 2, 2], w: [0, 0]", DATA],
    ids=["numbers", "sizes"],
)
def test_a_wrong_solution_is_caught(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    whole = stationary_affine.solve

    def wrong(*args):
        found = whole(*args)
        assert found is not None
        return replace(found, formula=Binary("*", Num("1.001"), found.formula))

    monkeypatch.setattr(stationary_affine, "solve", wrong)
    result = asked(given, "norm2(X@w - y)**2", "w")
    assert result.check is not None
    assert not result.check.passed


def test_wrong_numbers_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points of a system at which the gradient does not vanish never reach the page."""
    whole = stationary_numbers.scalar.solve_system
    monkeypatch.setattr(
        stationary_numbers.scalar,
        "solve_system",
        lambda *args: [*(whole(*args) or []), tuple(u * 0 + 7 for u in args[1])],
    )
    result = asked("u: 0, v: 0", "u**4 + v**4 - 4*u*v", "[u, v]")
    assert len(result.extra["solutions"]) == 3


# -- what must not be claimed ---------------------------------------------------------------------


def test_dividing_by_an_unknown_loses_no_solutions() -> None:
    """2xy = 0 divided by y leaves x = 0, and with it −1 = 0; but y = 0 solves the system."""
    result = asked("x: scalar, y: scalar", "x**2*y - y", "[x, y]")
    assert result.extra["solutions"] == [{"x": -1.0, "y": 0.0}, {"x": 1.0, "y": 0.0}]


def test_a_factor_that_is_never_zero_loses_nothing() -> None:
    result = asked("x: scalar, y: scalar", "exp(x)*(y**2 - 1) + y", "[x, y]")
    assert result.extra["solutions"] == [{"x": pytest.approx(-np.log(2)), "y": -1.0}]
    assert "note" not in result.extra


def test_a_solution_divided_by_an_unknown_says_what_it_leaves_out() -> None:
    result = asked("x: scalar, y: scalar", "x*exp(y) + x**2*y", "[x, y]")
    assert "further points" in plain(result.extra["note"])


SINGULAR = [  # a point of the solutions, the directions in which they go on, the kind
    ("A: [[1, 2], [2, 4]], x: vector(2)", "x.T @ A @ x", "x", "t * [-2, 1]", "minimum"),
    ("A: [[1, 2], [2, 4]], x: vector(2)", "-x.T @ A @ x", "x", "t * [-2, 1]", "maximum"),
    (
        "X: [[1, 2], [2, 4]], y: [0, 1], w: vector(2)",
        "norm2(X @ w - y)**2",
        "w",
        "[2/5, 0] + t * [-2, 1]",
        "minimum",
    ),
    (
        "h: [1, 2, 3], v: vector(3)",
        "(v.T @ h)**2",
        "v",
        "t_1 * [-2, 1, 0] + t_2 * [-3, 0, 1]",
        "minimum",
    ),
    ("x: vector(3)", "x[0]**2 - x[1]**2", "x", "t * [0, 0, 1]", "saddle"),
    ("a: 0, x: scalar", "a*x**2", "x", "t", "same value everywhere"),
]


@pytest.mark.parametrize(("given", "expression", "wrt", "points", "kind"), SINGULAR)
def test_a_singular_matrix_gives_no_single_point(
    given: str, expression: str, wrt: str, points: str, kind: str
) -> None:
    result = asked(given, expression, wrt)
    assert result.extra["solutions"] == []
    family = next(s for s in result.steps if s.id.startswith("family."))
    assert text(family.equation[-1]) == points
    assert not any(s.id.startswith("solution.") for s in result.steps)
    words = next(s for s in result.steps if s.id == "kind").why
    assert words is not None and kind in plain(words)
    assert result.check is not None and result.check.passed


def test_a_singular_matrix_of_decimals() -> None:
    """Directions that were found in floating point: vᵀh = 0 for all of them."""
    result = asked(
        "x: [1, 2], W: [[1, 0], [1, 1], [0, 2]], v: vector(3)", "(v.T @ tanh(W @ x))**2", "v"
    )
    assert result.extra["solutions"] == []
    assert any("rank is 1, not 3" in plain(s.why) for s in result.steps if s.why)
    assert result.check is not None and result.check.passed


@pytest.mark.parametrize(
    ("given", "expression", "wrt"),
    [
        ("h: vector(n), v: vector(n)", "(v.T @ h)**2", "v"),
        ("X: 'matrix(2, 3)', w: vector(3), y: vector(2)", "norm2(X @ w - y)**2", "w"),
    ],
)
def test_a_matrix_that_is_never_invertible(given: str, expression: str, wrt: str) -> None:
    result = asked(given, expression, wrt)
    assert result.extra["solutions"] == []
    assert "never be inverted" in plain(result.extra["note"])


def test_contradicting_equations() -> None:
    given = "A: [[1, 2], [2, 4]], b: [1, 1], x: vector(2)"
    result = asked(given, "x.T @ A @ x - b.T @ x", "x")
    assert result.extra["solutions"] == []
    assert "contradict" in plain(result.extra["note"])


def test_a_wrong_direction_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = stationary_singular._exact
    monkeypatch.setattr(
        stationary_singular,
        "_exact",
        lambda *args: (whole(*args)[0], tuple(d + 1 for d in whole(*args)[1]), 1),
    )
    result = asked("A: [[1, 2], [2, 4]], x: vector(2)", "x.T @ A @ x", "x")
    assert result.check is not None and not result.check.passed


def test_the_rate_of_a_binomial() -> None:
    result = asked("k: scalar, n: scalar, p: scalar", "k*log(p) + (n - k)*log(1 - p)", "p")
    assert result.extra["solutions"] == [{"p": "k / n"}]
    assert result.check is not None and result.check.passed


ENTRIES = [
    ("x: vector(n), a: {shape: vector(n), positive: true}", "sum(exp(x)) - a.T@x", "log(a)"),
    ("x: vector(n), a: vector(n)", "sum((x - a)**4)", "a"),
    ("X: 'matrix(m, n)', A: 'matrix(m, n)'", "sum((X - A)**4)", "A"),
]


@pytest.mark.parametrize(("given", "expression", "formula"), ENTRIES)
def test_equations_that_hold_entry_by_entry(given: str, expression: str, formula: str) -> None:
    name = given[0]
    result = asked(given, expression, name)
    assert result.extra["solutions"] == [{name: formula}]
    assert result.check is not None and result.check.passed
    assert result.check.method != "none"


def test_entries_with_a_choice_are_not_solved() -> None:
    """(x² − 1)² is least at 1 and at −1 in every entry: eight points, not two."""
    result = asked("x: vector(5)", "sum((x**2 - 1)**2)", "x")
    assert result.extra["solutions"] == []
    assert "No closed form" in plain(result.extra["note"])


@pytest.mark.parametrize("expression", ["relu(x)", "abs(x)", "relu(x - 1)**2"])
def test_a_flat_part_is_not_denied(expression: str) -> None:
    """The gradient of relu vanishes for all x ≤ 0: to say that nothing solves it would be false."""
    result = asked("x: scalar", expression, "x")
    assert result.extra["solutions"] == []
    said = plain(result.extra["note"])
    assert ("No closed form" if "**" in expression else "flat stretches") in said


@pytest.mark.parametrize("expression", ["logsumexp(x)", "sum(exp(x))", "-sum(exp(-x))"])
def test_a_gradient_of_one_sign_is_never_zero(expression: str) -> None:
    result = asked("x: vector(n)", expression, "x")
    assert result.extra["solutions"] == []
    assert "never zero" in plain(result.extra["note"])


def test_a_positive_factor_is_divided_out() -> None:
    result = solve(
        loads(
            "given: {x: vector(2), a: [1, 3]}\ndefine: {f: exp(-(x - a).T @ (x - a))}\n"
            "tasks: [{stationary: {of: f, wrt: x}}]\n"
        )
    ).tasks[0]
    assert result.value is not None
    assert result.value.numbers() == [1.0, 3.0]
    assert result.extra["kinds"] == ["maximum"]
    words = [s.why.message for s in result.steps if s.why is not None]
    assert any("divided by it" in w for w in words)
    assert result.check is not None
    assert result.check.passed


def test_a_factor_that_may_vanish_is_not_divided_out() -> None:
    """x·(xᵀx) is zero at 0 by its factor as well; (xᵀx − 1)·x must not lose the sphere."""
    result = solve(
        loads(
            "given: {x: vector(n)}\ndefine: {f: (x.T @ x - 1)**2}\n"
            "tasks: [{stationary: {of: f, wrt: x}}]\n"
        )
    ).tasks[0]
    assert result.extra["solutions"] == []


def test_several_unknowns_are_framed_together() -> None:
    from tutor.render.terminal import terminal

    solution = solve(
        loads(
            "given: {x: [1, 2, 6], m: scalar, v: {shape: scalar, positive: true}}\n"
            "define: {N: 3/2*log(v) + norm2(x - m)**2/(2*v)}\n"
            "tasks: [{stationary: {of: N, wrt: [m, v]}}]\n"
        )
    )
    (result,) = solution.tasks
    assert [(str(x.symbol.id), x.value.strings()) for x in result.several] == [
        ("m", "3"),
        ("v", "14/3"),
    ]
    framed = [row for row in terminal(solution).splitlines() if "│" in row]
    assert len(framed) == 2
    assert "m = 3" in framed[0]
    assert "v = 14/3" in framed[1]


def test_the_covariance_is_told_in_terms_of_the_mean_found_before() -> None:
    from pathlib import Path

    import tutor

    path = Path(__file__).parent.parent / "problems/matrix_calculus/gaussian_mle.yaml"
    solved = tutor.load(path).solve()
    text = solved.text()
    assert "stands for the solution found above" in text
    assert "n·Σ = " in text
    assert "Σ⁻¹ stands in front of both sides" in text
