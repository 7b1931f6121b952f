"""Conditions under which a derivative exists, and signs that settle them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.test_checks import problem
from tutor.expr import Name
from tutor.ops import EVERY, OPERATORS, OPS
from tutor.ops.base import drawn
from tutor.problem.elaborate import elaborate
from tutor.problem.signs import Sign, sign, written
from tutor.render.json import plain
from tutor.steps import Step
from tutor.tasks import solve

GIVEN = {"X": "matrix(m, n)", "S": "matrix(n, n)", "w": "vector(n)", "v": "vector(n)",
         "a": "scalar", "b": "scalar",
         "p": '{shape: "vector(n)", positive: true}'}  # fmt: skip


def notes(expression: str, wrt: str, rule: str, given: dict[str, str] | None = None) -> list[Step]:
    given = given or GIVEN
    s = solve(problem(given, {"L": expression}, f"gradient: {{of: L, wrt: {wrt}}}"))
    return [x for x in s.tasks[0].steps if x.kind == "note" and x.rule == rule]


def said(expression: str, wrt: str, given: dict[str, str] | None = None) -> str | None:
    found = notes(expression, wrt, "condition", given)
    assert len(found) <= 1
    if not found:
        return None
    assert found[0].why is not None
    return plain(found[0].why)


PROVIDED = "The derivative exists provided that "

STATED = [
    ("logdet(S)", "S", "the determinant of S is positive"),
    ("w.T @ inv(X.T @ X) @ w", "w", "X.T @ X is invertible"),
    ("sum(log(X @ w))", "w", "every entry of X @ w is positive"),
    ("log(a)", "a", "a is positive"),
    ("log1p(a)", "a", "a is greater than −1"),
    ("sqrt(a * b)", "a", "a * b is positive"),
    ("a/b", "a", "b is not zero"),
    ("sum(w/v)", "w", "no entry of v is zero"),
    ("sum(reciprocal(w))", "w", "no entry of w is zero"),
    ("a**b", "a", "a is positive"),
    ("a**0.5", "a", "a is positive"),
    ("a**(-2)", "a", "a is not zero"),
    ("sum(w**1.5)", "w", "every entry of w is positive"),
    ("tan(a)", "a", "the cosine of a is not zero"),
    ("asin(a) + acos(b)", "a",
     "a lies strictly between −1 and 1 and b lies strictly between −1 and 1"),
    ("norm2(w - v)", "w", "w - v is not zero"),
    ("tr(matrix_power(S, -2))", "S", "S is invertible"),
    ("logdet(S) + w.T @ inv(S) @ w", "S", "the determinant of S is positive"),
    ("v.T @ (w/norm2(w))", "w", "w is not zero"),  # of the length and of the quotient: once
    ("exp(-b/(2*a**2))", "a", "a is not zero"),
    ("(v.T @ w)/(norm2(v)*norm2(w))", "w", "w is not zero and v is not zero"),
    ("(w.T @ S @ w)/(w.T @ w)", "w", "w is not zero"),
    ("sum(v/(3*a*w))", "w", "a is not zero and no entry of w is zero"),
    ("log(a) + 1/a + sqrt(a)", "a", "a is positive"),  # said once; positive is not zero
]  # fmt: skip


def test_the_formula_of_a_determinant_needs_an_inverse() -> None:
    formula = "The formula holds provided that "
    assert said("det(X.T @ X)", "X") == formula + "X.T @ X is invertible."
    assert said("det(S)/a", "S") == f"{PROVIDED}a is not zero. {formula}S is invertible."
    assert said("log(det(S))", "S") == PROVIDED + "det(S) is positive."  # says so itself
    singular = said("det(M)", "M", {"M": "[[1, 2], [2, 4]]"})
    assert singular == formula + "M is invertible. Here that is not so."


@pytest.mark.parametrize(("expression", "wrt", "condition"), STATED)
def test_conditions_are_stated(expression: str, wrt: str, condition: str) -> None:
    assert said(expression, wrt) == PROVIDED + condition + "."


NOT_STATED = [
    "sum((X @ w)**2)/m", "log(sum(exp(w)))", "sqrt(w.T @ w + 1)", "sum(log(sigmoid(w)))",
    "-sum(log(softmax(w)))", "norm2(X @ w)**2", "square(norm2(w))", "sum(w**3)/2",
    "sum(log(p))*a + sum(w)", "1/(1 + exp(-a)) + sum(w)", "log(2)*sum(w)", "sum(w)/sqrt(n)",
    "log1p(sum(w**2))", "sum(w/(1 + v**2))", "tr(matrix_power(S, 2)) + sum(w)",
    "log(sum(w*w) + a**2 + 1)", "(1 + w.T @ w)**0.5", "sum(exp(w)/sum(exp(w)))",
    "-sum(log(1 - sigmoid(w)))",
]  # fmt: skip


@pytest.mark.parametrize("expression", NOT_STATED)
def test_what_always_holds_is_not_stated(expression: str) -> None:
    assert said(expression, "w") is None


def test_with_numbers_it_is_said_that_they_hold() -> None:
    given = {"x": "[1, 2]", "c": "3"}
    words = said("sum(log(x))/c", "x", given)
    assert words == PROVIDED + "every entry of x is positive. Here that is so."
    words = said("log(c) + norm2(x)*c", "c", given)
    assert words == PROVIDED + "c is positive. Here that is so."


def test_the_condition_stands_before_the_answer() -> None:
    s = solve(problem(GIVEN, {"L": "log(a)"}, "gradient: {of: L, wrt: a}"))
    order = [x.rule if x.kind == "note" else x.kind for x in s.tasks[0].steps]
    assert order.index("condition") == order.index("closed") - 1
    quiet = solve(problem(GIVEN, {"L": "a**2"}, "gradient: {of: L, wrt: a}"))
    assert all(x.rule != "condition" for x in quiet.tasks[0].steps)


def test_kinks_are_told_without_numbers() -> None:
    (relu,) = notes("sum(relu(X @ w))", "w", "convention")
    assert relu.why is not None
    assert plain(relu.why).startswith("relu(X @ w) does not have a derivative everywhere: at X @ w")
    (largest,) = notes("max(w)", "w", "convention")
    assert largest.why is not None and "several entries are largest" in plain(largest.why)
    assert notes("sum(tanh(w))", "w", "convention") == []
    assert notes("norm2(w)", "w", "convention") == []  # said as a condition
    given = {"x": "[1, -2]"}
    assert notes("sum(relu(x))", "x", "convention", given) == []  # not at its kink
    assert len(notes("sum(relu(x))", "x", "convention", {"x": "[1, 0]"})) == 1


# -- the records ----------------------------------------------------------------------------------

WITH_CONDITION = [op for op in EVERY if op.condition is not None]


@pytest.mark.parametrize("op", WITH_CONDITION, ids=lambda op: op.name)
def test_conditions_hold_for_the_samples(op) -> None:  # type: ignore[no-untyped-def]
    assert op.holds is not None
    rng = np.random.default_rng(1)
    for shapes, parameters, domain in op.sample:
        assert op.holds([drawn(domain, rng, s) for s in shapes], dict(parameters))


@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("log", [[1.0, -1.0]]), ("log1p", [[-1.0, 2.0]]), ("sqrt", [[0.0]]), ("asin", [[1.0]]),
        ("acos", [[-1.5]]), ("reciprocal", [[0.0, 1.0]]), ("norm2", [[0.0, 0.0]]),
        ("inv", [[[1.0, 2.0], [2.0, 4.0]]]), ("logdet", [[[0.0, 1.0], [1.0, 0.0]]]),
        ("cholesky", [[[1.0, 2.0], [2.0, 1.0]]]),
    ],
)  # fmt: skip
def test_conditions_fail_where_they_should(name: str, arrays: list[list[float]]) -> None:
    holds = OPS[name].holds
    assert holds is not None and not holds([np.asarray(a) for a in arrays], {})


def test_conditions_of_operators() -> None:
    divided, raised = OPERATORS["/"].holds, OPERATORS["**"].holds
    assert divided is not None and raised is not None
    one, zero = np.array([1.0, 2.0]), np.array([1.0, 0.0])
    assert divided([zero, one], {}) and not divided([one, zero], {})
    assert raised([-one, np.array(2.0)], {}) and not raised([-one, np.array(0.5)], {})
    assert raised([-one, np.array(-1.0)], {}) and not raised([zero, np.array(-1.0)], {})


# -- signs ----------------------------------------------------------------------------------------

SIGNS = [
    ("exp(w)", Sign.POSITIVE), ("w*w", Sign.NONNEGATIVE), ("w.T @ w", Sign.NONNEGATIVE),
    ("w.T @ v", Sign.UNKNOWN), ("w @ w.T", Sign.UNKNOWN), ("X @ X.T", Sign.UNKNOWN),
    ("abs(w) + exp(v)", Sign.POSITIVE), ("abs(w) - exp(v)", Sign.UNKNOWN),
    ("abs(w)*exp(v)", Sign.NONNEGATIVE), ("exp(w)/n", Sign.POSITIVE), ("exp(w)/a", Sign.UNKNOWN),
    ("a**2", Sign.NONNEGATIVE), ("a**3", Sign.UNKNOWN), ("-exp(w)", Sign.UNKNOWN),
    ("sum(p)", Sign.POSITIVE), ("maximum(w, exp(v))", Sign.POSITIVE), ("relu(w)", Sign.NONNEGATIVE),
    ("minimum(w, exp(v))", Sign.UNKNOWN), ("mean(w**2)", Sign.NONNEGATIVE),
    ("0*exp(w)", Sign.NONNEGATIVE), ("p - 1", Sign.UNKNOWN), ("norm2(w)", Sign.NONNEGATIVE),
    ("log1p(exp(w))", Sign.POSITIVE), ("sin(w)", Sign.UNKNOWN), ("w*v", Sign.UNKNOWN),
    ("1 - sigmoid(w)", Sign.POSITIVE), ("1 - tanh(w)**2", Sign.POSITIVE), ("1 - w", Sign.UNKNOWN),
    ("1 - exp(w)", Sign.UNKNOWN), ("2 - sigmoid(w)", Sign.UNKNOWN), ("diag(exp(w))", Sign.UNKNOWN),
    ("sum(where(w > 0, w, v))", Sign.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "wanted"), SIGNS)
def test_signs(expression: str, wanted: Sign) -> None:
    graph = elaborate(problem(GIVEN, {"y": expression, "L": "sum(y)"}))
    assert sign(Name("y"), graph) == wanted


def test_signs_are_never_wrong_at_random_points() -> None:
    from tutor.problem.instance import instance
    from tutor.tasks.workspace import Workspace

    for expression, wanted in SIGNS:
        p = problem(GIVEN, {"y": expression, "L": "sum(y)"})
        for seed in range(4):
            at = instance(p, seed)
            ws = Workspace(at, elaborate(at), checking=False)
            y = np.asarray(ws.reference(ws.line("y"))["y"])
            if wanted is Sign.POSITIVE:
                assert (y > 0).all(), expression
            if wanted is Sign.NONNEGATIVE:
                assert (y >= 0).all(), expression


def test_automatic_names_are_written_out() -> None:
    graph = elaborate(problem(GIVEN, {"L": "sum(log(X @ w + 1))"}))
    line = next(x for x in graph.lines.values() if x.op is not None and x.op.name == "log")
    from tutor.notation.text import text

    term = line.terms[0]
    assert term is not None and text(term).startswith("z")
    assert text(written(term, graph)) == "X @ w + 1"


def test_a_norm_beside_the_path_needs_no_derivative() -> None:
    """‖w‖ has a value everywhere; that it has no slope at 0 does not matter for ∂/∂p."""
    assert said("norm2(w)**2 / sum(p)", "p") is None
    assert said("norm2(w) * sum(p)", "p") is None
    assert said("norm2(w) * sum(p)", "w") == PROVIDED + "w is not zero."
