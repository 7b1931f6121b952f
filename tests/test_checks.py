"""Problems without numbers are checked at random values; the printed closed form is checked too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

from tutor import cli, independent
from tutor.calculus.reverse import identity, pullback
from tutor.calculus.simplify import simplify
from tutor.derivation import derivation
from tutor.errors import InputError
from tutor.expr import Binary, Call, Expr, List, Neg, Num, Transpose
from tutor.graph.node import permute, scale
from tutor.notation.text import text
from tutor.problem import loads
from tutor.problem.elaborate import elaborate
from tutor.problem.instance import KINDS, SEEDS, chosen, instance
from tutor.problem.model import Problem
from tutor.render.json import data
from tutor.render.terminal import terminal
from tutor.tasks import checked, instances, solve
from tutor.tasks.chain import Chain
from tutor.tasks.printed import printed_error
from tutor.tasks.second import written_out
from tutor.tasks.workspace import Workspace
from tutor.value import Value

LEAST_SQUARES = {"X": "matrix(m, n)", "w": "vector(n)", "y": "vector(m)"}
NUMBERS = {"X": "[[1, 2], [3, -1], [0.5, 2]]", "w": "[1, -2]", "y": "[0.3, 1, 2]"}


def source(given: dict[str, str], define: dict[str, str], *tasks: str, head: str = "") -> str:
    lines = ["title: t", *([head] if head else []), "given:"]
    lines += [f"  {k}: {v}" for k, v in given.items()] + ["define:"]
    lines += [f"  {k}: {v}" for k, v in define.items()] + ["tasks:"]
    return "\n".join([*lines, *(f"  - {t}" for t in tasks)]) + "\n"


def problem(given: dict[str, str], define: dict[str, str], *tasks: str) -> Problem:
    return loads(source(given, define, *tasks or ("graph",)))


# -- the instance ---------------------------------------------------------------------------------


def test_sizes_are_different_primes() -> None:
    p = problem({"A": "matrix(m, n)", "x": "vector(2*n+1)", "y": "vector(k)"}, {"L": "sum(y)/k"})
    for seed in range(SEEDS):
        sizes = chosen(elaborate(p), seed)
        assert set(sizes) == {"m", "n", "k"}
        assert len(set(sizes.values())) == 3 and all(sp.isprime(v) for v in sizes.values())
        at = instance(p, seed)
        shapes = {k: g.value.shape for k, g in at.given.items() if g.value is not None}
        m, n, k = (sizes[s] for s in "mnk")
        assert shapes == {"A": (m, n), "x": (2 * n + 1,), "y": (k,)}
        assert all(isinstance(d, int) for x in elaborate(at).lines.values() for d in x.shape)


def test_a_size_that_is_divided_is_a_multiple() -> None:
    p = problem({"x": "vector(2*n)"}, {"y": "reshape(x, n, 2)", "L": "sum(y**2)"})
    assert all(v >= 3 for v in chosen(elaborate(p)).values())
    p = problem({"x": "vector(n/4)"}, {"L": "sum(x**2)"})
    sizes = chosen(elaborate(p))
    assert sizes["n"] % 4 == 0


def test_values_that_are_given_are_kept() -> None:
    p = problem({"x": "vector(2)", "a": "[3, 4]", "c": "1/3"}, {"L": "c * a.T @ x"})
    at = instance(p)
    for name in ("a", "c"):
        kept, before = at.given[name].value, p.given[name].value
        assert kept is not None and before is not None
        assert (kept.data == before.data).all()
    drawn = at.given["x"].value
    assert drawn is not None and drawn.shape == (2,)


@pytest.mark.parametrize("seed", range(len(KINDS)))
def test_declared_properties_are_respected(seed: int) -> None:
    given = {
        "S": '{shape: "matrix(n, n)", symmetric: true}',
        "D": '{shape: "matrix(n, n)", diagonal: true}',
        "p": '{shape: "vector(n)", positive: true}',
        "x": '{shape: "vector(n)", homogeneous: true}',
        "U": "matrix(n, n)",
    }
    at = instance(problem(given, {"L": "sum(S) + sum(D) + sum(p) + sum(x) + sum(U)"}), seed)
    value = {k: g.value.floats() for k, g in at.given.items() if g.value is not None}
    assert (value["S"] == value["S"].T).all()
    assert (value["D"] == np.diag(np.diag(value["D"]))).all()
    assert (value["p"] > 0).all()
    n = len(value["p"])
    assert value["x"].shape == (n,) and elaborate(at)["x"].shape == (n + 1,)
    if KINDS[seed] == "definite":
        assert (np.linalg.eigvalsh(value["U"]) > 0).all()


def test_the_same_seed_draws_the_same_values() -> None:
    p = problem(LEAST_SQUARES, {"L": "sum((X @ w - y)**2)"})
    one, two, other = instance(p, 0), instance(p, 0), instance(p, 1)
    for name in LEAST_SQUARES:
        a, b, c = (q.given[name].value for q in (one, two, other))
        assert a is not None and b is not None and c is not None
        assert (a.data == b.data).all() and not (a.data == c.data).all()


# -- what is checked ------------------------------------------------------------------------------

SYMBOLIC = [
    (LEAST_SQUARES, "sum((X @ w - y)**2)/m", "w", "m = 3, n = 5"),
    (LEAST_SQUARES, "sum((X @ w - y)**2)/m", "X", "m = 3, n = 5"),
    ({"x": "vector(n)"}, "log(sum(log(x)))", "x", "n = 3"),  # needs all x > 1
    ({"x": "vector(n)"}, "sum(asin(sqrt(x)))", "x", "n = 3"),
    ({"a": "scalar", "b": "scalar"}, "sqrt(a) * b**3", "a", ""),
    ({"x": "vector(4)", "A": "matrix(n, 4)"}, "norm2(A @ x)", "x", "n = 3"),
    ({"z": "vector(k)", "t": "scalar"}, "cross_entropy(z, t)", "z", "k = 3"),
    ({"z": "matrix(b, k)", "t": "vector(b)"}, "cross_entropy(z, t)", "z", "b = 3, k = 5"),
    ({"x": "vector(n)", "c": "vector(n)"}, "c.T @ relu(x)", "x", "n = 3"),
]


@pytest.mark.parametrize(("given", "expression", "wrt", "sizes"), SYMBOLIC)
def test_symbolic_derivatives_are_checked(
    given: dict[str, str], expression: str, wrt: str, sizes: str
) -> None:
    s = solve(problem(given, {"L": expression}, f"gradient: {{of: L, wrt: {wrt}}}"))
    check = s.tasks[0].check
    assert check is not None and check.passed and s.tasks[0].value is None
    assert check.words == "central differences at random values" + (f", {sizes}" if sizes else "")
    assert check.max_rel_error < 1e-8


def test_jacobians_and_layouts_are_checked() -> None:
    for head in ("", "convention: {layout: denominator, vec: row}"):
        text = source(
            {"A": "matrix(m, n)", "X": "matrix(n, k)", "w": "vector(n)"},
            {"Z": "A @ X", "r": "A @ w"},
            "jacobian: {of: Z, wrt: [A, X]}", "jacobian: {of: r, wrt: [A, w]}",
            head=head,
        )  # fmt: skip
        s = solve(loads(text))
        assert len(s.tasks) == 4
        for t in s.tasks:
            assert t.check is not None and t.check.passed, t.subject
            assert "m = 3" in t.check.words


def test_partly_valued_problems_keep_their_values() -> None:
    given = {"x": "[1, 2]", "A": "matrix(n, 2)", "y": "vector(n)"}
    s = solve(problem(given, {"L": "sum((A @ x - y)**2)"}, "gradient: {of: L, wrt: x}"))
    check = s.tasks[0].check
    assert check is not None and check.passed and check.words.endswith("random values, n = 3")


def test_a_constant_slope_at_an_open_point_is_checked() -> None:
    """The derivative has a value although its variable has none."""
    s = solve(problem({"a": "scalar", "c": "2"}, {"L": "c*a"}, "gradient: {of: L, wrt: a}"))
    assert s.tasks[0].value is not None and s.tasks[0].value.numbers() == 2
    check = s.tasks[0].check
    assert check is not None and check.passed and check.method.endswith("random values")


def test_large_arrays_are_left_alone() -> None:
    s = solve(problem({"W": "matrix(300, 400)", "x": "vector(400)"}, {"L": "sum(W @ x)"},
                      "gradient: {of: L, wrt: x}"))  # fmt: skip
    assert s.tasks[0].check is None


def test_no_check_without_a_point_in_the_domain() -> None:
    s = solve(problem({"x": "scalar"}, {"L": "log(-1 - x**2)"}, "gradient: {of: L, wrt: x}"))
    check = s.tasks[0].check
    assert check is not None and check.method == "none" and check.note is not None


# -- planted faults -------------------------------------------------------------------------------


def without_transposes(e: Expr | None) -> Expr | None:
    match e:
        case Transpose():
            return without_transposes(e.arg)
        case Neg():
            return replace(e, arg=without_transposes(e.arg))
        case Binary():
            return replace(e, left=without_transposes(e.left), right=without_transposes(e.right))
        case Call():
            return replace(e, args=tuple(without_transposes(a) for a in e.args))
        case List():
            return replace(e, items=tuple(without_transposes(a) for a in e.items))
        case _:
            return e


@pytest.mark.parametrize("given", [LEAST_SQUARES, NUMBERS], ids=["symbolic", "numbers"])
@pytest.mark.parametrize("wrt", ["w", "X"])
def test_a_lost_transpose_in_the_printed_formula_is_noticed(
    given: dict[str, str], wrt: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(source(given, {"L": "sum((X @ w - y)**2)"}, f"gradient: {{of: L, wrt: {wrt}}}"))
    right = Chain.closed_term
    assert status(path, monkeypatch) == 0
    monkeypatch.setattr(Chain, "closed_term", lambda self: without_transposes(right(self)))
    assert status(path, monkeypatch) == 3
    check = solve(loads(path.read_text())).tasks[0].check
    assert check is not None and not check.passed
    assert check.note is not None and "as it is printed" in check.note.message


@pytest.mark.parametrize("given", [LEAST_SQUARES, NUMBERS], ids=["symbolic", "numbers"])
def test_a_factor_in_the_printed_formula_is_noticed(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    p = problem(given, {"L": "sum((X @ w - y)**2)"}, "gradient: {of: L, wrt: w}")
    right = Chain.closed_term

    def wrong(self: Chain) -> Expr:
        return Binary("*", Num("3"), right(self))  # type: ignore[arg-type]

    assert solve(p).ok
    monkeypatch.setattr(Chain, "closed_term", wrong)
    assert not solve(p).ok


def test_a_square_matrix_without_its_transpose_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both have the same size only the numbers can tell."""
    p = problem({"A": "matrix(n, n)", "x": "vector(n)"}, {"L": "x.T @ A @ A @ x"},
                "gradient: {of: L, wrt: A}")  # fmt: skip
    right = Chain.closed_term

    def wrong(self: Chain) -> Expr:
        return Transpose(right(self))  # type: ignore[arg-type]

    assert solve(p).ok
    monkeypatch.setattr(Chain, "closed_term", wrong)
    assert not solve(p).ok


@pytest.mark.parametrize("rule", ["_ein_rule", "derivative"])
def test_a_wrong_rule_is_noticed_without_numbers(
    rule: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tutor.calculus import reverse

    path = tmp_path / "p.yaml"
    path.write_text(source(LEAST_SQUARES, {"L": "sum(tanh(X @ w))"}, "gradient: {of: L, wrt: w}"))
    assert status(path, monkeypatch) == 0
    right = getattr(reverse, rule)
    wrong = (
        (lambda *a: scale(1.01, right(*a))) if rule == "_ein_rule" else (lambda f: right(f) * 1.01)
    )
    monkeypatch.setattr(reverse, rule, wrong)
    assert status(path, monkeypatch) == 3


def test_a_lost_transpose_in_a_rule_is_noticed_without_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tutor.calculus import reverse

    p = problem({"A": "matrix(n, n)", "B": "matrix(n, n)", "u": "vector(n)", "v": "vector(n)"},
                {"L": "u.T @ A @ B @ v"}, "gradient: {of: L, wrt: A}")  # fmt: skip
    assert solve(p).ok
    right = reverse._ein_rule

    def transposed(*a: Any) -> Any:
        n = right(*a)
        return permute(n, (1, 0)) if n.order == 2 and n.shape[0] == n.shape[1] else n

    monkeypatch.setattr(reverse, "_ein_rule", transposed)
    assert not solve(p).ok


def test_sizes_on_paper_are_compared() -> None:
    a = np.array([1.0, 2.0])
    assert printed_error(a, a) == 0 and printed_error(a[:, None], a) == 0
    assert printed_error(a[None, :], a) == np.inf
    assert printed_error(np.array(3.0), np.array([[3.0]])) == 0
    assert printed_error(a, 2 * a) > 0.1


def status(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["tutor", "solve", str(path)])
    try:
        return cli.main() or 0
    except SystemExit as stop:
        return int(stop.code or 0)


def test_an_instance_is_found_once_per_result(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    right = instances.instance
    monkeypatch.setattr(instances, "instance", lambda *a: calls.append(a) or right(*a))
    s = solve(
        problem(LEAST_SQUARES, {"L": "sum((X @ w - y)**2)"}, "gradient: {of: L, wrt: [w, X]}")
    )
    assert len(s.tasks) == 2 and len(calls) == 1


def test_one_row_of_a_matrix_prints_as_the_column_that_it_is() -> None:
    s = solve(problem({"W": "matrix(3, 4)", "x": "vector(4)"}, {"L": "(W @ x)[1]"},
                      "gradient: {of: L, wrt: x}"))  # fmt: skip
    assert s.ok and s.tasks[0].formula is not None and text(s.tasks[0].formula) == "W[1, :]"


def test_a_singular_point_is_passed_over() -> None:
    """XᵀX of a wide X has a determinant in floating point, and an inverse that says nothing."""
    s = solve(problem({"X": "matrix(m, n)"}, {"L": "logdet(X.T @ X)"}, "gradient: {of: L, wrt: X}"))
    check = s.tasks[0].check
    assert check is not None and check.passed and check.words.endswith("m = 5, n = 3")


def test_zeros_have_a_size() -> None:
    given = {"A": "matrix(m, n)", "c": "scalar", "x": "vector(n)"}
    define = {"z": "A*0 + c", "y": "A @ x", "L": "sum(x)"}
    tasks = ("jacobian: {of: z, wrt: A}", "jacobian: {of: y, wrt: c}", "gradient: {of: L, wrt: A}")
    printed = [text(t.formula) for t in solve(problem(given, define, *tasks)).tasks if t.formula]
    assert printed == ["zeros(m * n, m * n)", "zeros(m, 1)", "zeros(m, n)"]


def test_a_squared_length_has_a_gradient_at_zero() -> None:
    """The steps pass through w/‖w‖, which is 0/0 there; the closed form does not."""
    import tutor

    head = "given: {w: [0, 0], X: [[1, 2], [3, 4]], y: [0, 0]}\n"
    tail = "tasks:\n  - gradient: {of: L, wrt: w}\n"
    problem = tutor.loads(
        head + "define: {L: norm2(X @ w - y)**2 + 3*norm2(w)**2}\n" + tail + "    answer: [0, 0]\n"
        "  - hessian: {of: L, wrt: w}\n    answer: [[26, 28], [28, 46]]\n"
        "  - update: {of: L, wrt: w, rate: 0.1}\n    answer: [0, 0]\n"
    )
    for task in problem.solve().solution.tasks:
        assert task.answer is not None and task.answer.correct
        assert task.check is not None and task.check.passed


def test_a_large_gradient_is_checked_by_few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two points per direction where they agree; a planted fault is seen all the same."""
    given = {"X": "random(9, 20, seed=1)", "W": "random(20, 10, seed=2)"}
    problem = loads(source(given, {"L": "mean(tanh(X @ W)**2)"}, "graph"))
    ws = Workspace(problem, elaborate(problem))
    chain = Chain(ws, ws.line("L"), ws.line("W"), True)
    assert chain.final is not None and chain.final.value is not None
    right = Value(chain.final.value).floats()
    passes = []
    forward = independent.Pass.__call__
    monkeypatch.setattr(independent.Pass, "__call__", lambda *a: passes.append(1) or forward(*a))
    assert checked.difference_error(ws, chain, right) < independent.AGREE
    assert len(passes) <= 2 * independent.DIRECTIONS + 1
    assert checked.difference_error(ws, chain, right * (1 + 1e-5)) > independent.AGREE
    passes.clear()
    wrong = right.copy()
    wrong[3, 4] *= 1.01
    assert checked.difference_error(ws, chain, wrong) > independent.AGREE
    assert len(passes) > 4 * independent.DIRECTIONS


@pytest.mark.parametrize("formula", ["det(X.T @ A @ X)", "log(det(X.T @ X))"])
def test_a_tall_matrix_is_tried_where_a_wide_one_has_no_inverse(
    formula: str, recwarn: pytest.WarningsRecorder
) -> None:
    check = derivation(formula, ["X"]).solution.tasks[0].check
    assert check is not None and check.passed and check.words.endswith("m = 5, n = 3")
    assert not recwarn.list


def test_a_check_that_could_not_be_made_is_not_ticked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "SEEDS", 0)
    solved = derivation("sum(x**3)").solution
    check = solved.tasks[0].check
    assert check is not None and check.passed is None and solved.ok
    said = terminal(solved)
    assert "? Not checked. No random values were found" in said
    assert "✓" not in said and "relative error" not in said
    assert data(solved)["tasks"][0]["check"]["max_rel_error"] is None


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("sqrt(x[0])", "sqrt(x[0]) has a derivative only where x[0] is positive; here x[0] == 0."),
        ("sqrt(x[0]*x[1]) + x[1]", "sqrt(x[0] * x[1]) has a derivative only where x[0] * x[1] is "
         "positive; here x[0] * x[1] == 0."),
        ("x[0]**0.5", "x[0]**0.5 has a derivative only where x[0] is positive; here x[0] == 0."),
        ("sum(sqrt(x))", "sqrt(x) has a derivative only where every entry of x is positive; at "
         "this point that is not so."),
    ],
)  # fmt: skip
def test_where_a_derivative_is_missing_is_said_in_the_authors_words(
    formula: str, said: str
) -> None:
    given = {"x": "[0, 1, 1]"}
    (task,) = data(solve(problem(given, {"h": formula}, "gradient: {of: h, wrt: x}")))["tasks"]
    assert task["value"] is None and task["steps"][-1]["text"].startswith(said)


def test_a_value_that_is_missing_is_an_error_in_the_authors_words() -> None:
    asked = problem({"x": "[0, 1, 1]"}, {"h": "x[1] + 2*(1/x[0])"}, "gradient: {of: h, wrt: x}")
    with pytest.raises(InputError, match=r"the value of `1 / x\[0\]` is not a finite"):
        solve(asked)


FINE = {
    "sin(q)": "1e15",
    "sin(q)**2": "1e15",
    "(1 - cos(q))/q**2": "1e-9",
    "(exp(q) - 1 - q)/q**2": "1e-9",
    "sum(sin(q))": "[1e15, 2.5]",
}


@pytest.mark.parametrize("formula", FINE)
def test_a_point_where_no_difference_can_decide(formula: str) -> None:
    """The value is exact; floating-point numbers cancel there, which is no fault of it."""
    text = source({"q": FINE[formula]}, {"L": formula}, "gradient: {of: L, wrt: q}")
    solution = solve(loads(text))
    found = solution.tasks[0].check
    assert solution.ok and found is not None and found.passed is None
    assert found.note == checked.TOO_FINE


@pytest.mark.parametrize("rule", ["_ein_rule", "derivative"])
@pytest.mark.parametrize("formula", FINE)
def test_a_wrong_rule_is_noticed_where_no_difference_can_decide(
    formula: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At random values they can."""
    from tutor.calculus import reverse

    right = getattr(reverse, rule)
    wrong = (
        (lambda *a: scale(sp.Rational(101, 100), right(*a)))
        if rule == "_ein_rule"
        else (lambda f: right(f) * sp.Rational(101, 100))
    )
    monkeypatch.setattr(reverse, rule, wrong)
    formula_ = formula if rule == "derivative" else f"3*({formula})*q[0]" * ("[" in FINE[formula])
    formula_ = formula_ or f"3*({formula})*q"
    text = source({"q": FINE[formula]}, {"L": formula_}, "gradient: {of: L, wrt: q}")
    assert not solve(loads(text)).ok


@pytest.mark.parametrize(
    ("formula", "point"),
    [("x**2 - 2*x", "1"), ("sin(x)", "0"), ("cos(x)", "0"), ("x**4", "0"), ("x**2 - x**2 + 1", "3"),
     ("exp(-x**2)", "0"), ("sin(100*x)", "0.3"), ("1000000 + x**2", "0"), ("x**20", "1.5")],
)  # fmt: skip
def test_differences_decide_at_ordinary_points(formula: str, point: str) -> None:
    """A slope of 0 too: what is left of it is within the rounding of the function."""
    problem = loads(source({"x": point}, {"L": formula}, "gradient: {of: L, wrt: x}"))
    ws = Workspace(problem, elaborate(problem))
    chain = Chain(ws, ws.line("L"), ws.line("x"), True)
    assert chain.final is None or not checked._undecided(ws, chain)


@pytest.mark.parametrize(
    ("expression", "wrt"),
    [("var(maximum(x, y))", "x"), ("std(relu(x - y))", "y"), ("sum(selu(x / 2))", "x")],
)
def test_a_mask_at_one_entry_says_nothing_of_the_others(expression: str, wrt: str) -> None:
    """Simplified wrongly once: a mean over all entries under a mask, and selu(x/2)."""
    given = {"x": "[1, -2, 0.5, 3, -1]", "y": "[0.5, 1, -1, 4, -2]"}
    p = problem(given, {"L": expression}, f"gradient: {{of: L, wrt: {wrt}}}")
    (task,) = solve(p).tasks
    assert task.check is not None and task.check.passed and task.value is not None
    ws = Workspace(p, elaborate(p))
    whole = written_out(ws, ws.line("L"))
    raw = pullback(whole, identity(()), [ws.line(wrt).symbol])[0]
    for node in (raw, simplify(raw)):
        got = Value(ws.value_of(node)).floats()
        np.testing.assert_allclose(got, task.value.floats(), rtol=1e-9, atol=1e-12)
