"""Expected answers that are formulas: equal ones in another form, and slips with their reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.test_checks import source, status
from tutor.errors import InputError
from tutor.problem import load, loads
from tutor.render.json import json as render
from tutor.render.json import plain
from tutor.steps import Answer
from tutor.tasks import solve

GIVEN = {"X": "matrix(m, n)", "w": "vector(n)", "y": "vector(m)", "A": "matrix(n, n)",
         "S": '{shape: "matrix(n, n)", symmetric: true}', "a": "scalar"}  # fmt: skip
DEFINE = {"r": "X @ w - y", "L": "sum(r**2)", "q": "w.T @ A @ w", "Z": "A @ A",
          "p": "exp(w)/sum(exp(w))", "C": "log(sum(exp(w))) - y[0]*w[0]", "s": "w.T @ S @ w",
          "h": "sigmoid(a*w[0])"}  # fmt: skip
NUMBERS = {"X": "[[1, 2], [3, -1], [0.5, 2]]", "w": "[1, -2]", "y": "[0.3, 1, 2]",
           "A": "[[1, 2], [3, 5]]", "S": "{value: [[2, 1], [1, 3]], symmetric: true}",
           "a": "0.5"}  # fmt: skip
both = pytest.mark.parametrize("given", [GIVEN, NUMBERS], ids=["symbolic", "numbers"])


def judged(
    task: str, answer: str, given: dict[str, str] = GIVEN, head: str = "", define: dict = DEFINE
) -> Answer:
    text = source(given, define, f"{task}\n    answer: {answer}", head=head)
    found = solve(loads(text)).tasks[0].answer
    assert found is not None
    return found


def note(answer: Answer) -> str:
    assert answer.note is not None
    return plain(answer.note)


RIGHT = [
    ("gradient: {of: L, wrt: w}", "2*X.T@(X@w - y)"),
    ("gradient: {of: L, wrt: w}", "2*X.T@X@w - 2*X.T@y"),
    ("gradient: {of: L, wrt: w}", "2*(r.T@X).T"),
    ("gradient: {of: L, wrt: X}", "2*(X@w - y)@w.T"),
    ("gradient: {of: q, wrt: w}", "(A + A.T)@w"),
    ("gradient: {of: q, wrt: A}", "w@w.T"),
    ("gradient: {of: s, wrt: w}", "2*S@w"),  # S is symmetric
    ("gradient: {of: C, wrt: w}", "p - concat([y[0]], zeros(n - 1))"),
    ("gradient: {of: h, wrt: a}", "h*(1 - h)*w[0]"),
    ("jacobian: {of: r, wrt: w}", "X"),
    ("jacobian: {of: r, wrt: X}", "kron(w.T, eye(m))"),
    ("jacobian: {of: Z, wrt: A}", "kron(eye(n), A) + kron(A.T, eye(n))"),
    ("jacobian: {of: p, wrt: w}", "diag(p) - p@p.T"),
    ("evaluate: {expr: w.T @ w}", "norm2(w)**2"),
    ("forward: {of: L}", "(X@w - y).T@(X@w - y)"),
    ("forward: {of: L}", "{r: X@w - y, L: sum(r*r)}"),
]


@both
@pytest.mark.parametrize(("task", "answer"), RIGHT)
def test_equal_formulas_agree(task: str, answer: str, given: dict[str, str]) -> None:
    if given is NUMBERS:
        answer = answer.replace("eye(n)", "eye(2)").replace("eye(m)", "eye(3)")
        answer = answer.replace("n - 1", "1")
    quoted = answer if answer.startswith("{") else f'"{answer}"'
    found = judged(task, quoted, given)
    assert found.correct is True, found.note


WRONG = [
    ("gradient: {of: L, wrt: w}", "X.T@(X@w - y)", "a factor 2 is missing"),
    ("gradient: {of: L, wrt: w}", "4*X.T@r", "it is twice the result"),
    ("gradient: {of: L, wrt: w}", "2*X.T@(y - X@w)", "the sign is wrong: the result is the negat"),
    ("gradient: {of: L, wrt: w}", "X.T@(y - X@w)", "the sign is wrong, and a factor 2 is missing"),
    ("gradient: {of: L, wrt: w}", "6*X.T@r", "it differs by a factor: the result is 0.333333"),
    ("gradient: {of: L, wrt: w}", "2*r.T@X", "the transpose: a gradient has the size of w, "),
    ("gradient: {of: L, wrt: X}", "2*w@r.T", "the transpose: a gradient has the size of X, "),
    ("gradient: {of: q, wrt: A}", "w", "it has size "),
    ("gradient: {of: L, wrt: w}", "2*X@r", "the sizes of 2 * X ("),
    ("gradient: {of: q, wrt: w}", "2*A@w", "but the result has "),
    ("gradient: {of: h, wrt: a}", "h*w[0]", "but the result is "),
    ("jacobian: {of: r, wrt: w}", "X.T", "this is the transpose: right in denominator layout"),
    ("jacobian: {of: r, wrt: w}", "-X", "the sign is wrong"),
    ("evaluate: {expr: w.T @ w}", "norm2(w)", "it is "),
    ("forward: {of: L}", "{r: y - X@w}", "`r`: the sign is wrong"),
]  # fmt: skip


@both
@pytest.mark.parametrize(("task", "answer", "reason"), WRONG)
def test_wrong_formulas_are_explained(
    task: str, answer: str, reason: str, given: dict[str, str]
) -> None:
    quoted = answer if answer.startswith("{") else f'"{answer}"'
    found = judged(task, quoted, given)
    assert found.correct is False
    assert reason in note(found)


def test_without_numbers_the_sampled_values_are_shown() -> None:
    found = judged("gradient: {of: q, wrt: w}", "2*A@w")
    assert note(found).startswith("at random values (n = 5) its entry ")


def test_layouts_and_vec() -> None:
    task = "jacobian: {of: Z, wrt: A}"
    by_row = "kron(A, eye(n)) + kron(eye(n), A.T)"
    rows = "convention: {vec: row}"
    assert judged(task, by_row, head=rows).correct is True
    given = {**GIVEN, "B": "matrix(k, m)"}
    define = {**DEFINE, "Y": "B @ X"}
    task = "jacobian: {of: Y, wrt: X}"
    assert judged(task, "kron(eye(n), B)", given, define=define).correct is True
    found = judged(task, "kron(B, eye(n))", given, define=define)
    assert found.correct is False and "right where vec stacks rows" in note(found)
    found = judged(task, "kron(eye(n), B)", given, rows, define)
    assert found.correct is False and "right where vec stacks columns" in note(found)
    found = judged(task, "kron(eye(n), B.T)", given, define=define)
    assert "right in denominator layout" in note(found)
    head = "convention: {layout: denominator}"
    assert judged(task, "kron(eye(n), B.T)", given, head, define).correct is True
    found = judged(task, "kron(eye(n), B)", given, head, define)
    assert "right in numerator layout, but here denominator layout is used" in note(found)


def test_lists_of_formulas() -> None:
    given, define = {"a": "scalar", "b": "scalar"}, {"x": "[a, b]", "L": "x.T @ x * a"}
    task = "gradient: {of: L, wrt: x}"
    assert judged(task, '["2*a*a", "2*a*b"]', given, define=define).correct is True
    assert judged(task, '["2*a*a", "a*b"]', given, define=define).correct is False


def test_several_variables_have_an_answer_each() -> None:
    text = source(GIVEN, DEFINE, "gradient: {of: L, wrt: [w, X]}\n    answer: {X: 2*r@w.T, w: 2*r}")
    answers = {t.subject["wrt"]: t.answer for t in solve(loads(text)).tasks}
    assert answers["X"] is not None and answers["X"].correct is True
    assert answers["w"] is not None and answers["w"].correct is False


def test_a_constant_answer_of_a_problem_without_numbers() -> None:
    define = {"L": "sum(w)", "K": "3*a"}
    assert judged("gradient: {of: L, wrt: w}", "ones(n)", define=define).correct is True
    assert judged("gradient: {of: K, wrt: a}", "3", define=define).correct is True
    assert judged("gradient: {of: K, wrt: a}", "4", define=define).correct is False


def test_the_updates_of_an_update() -> None:
    task = "update: {of: L, wrt: w, rate: 0.1}"
    assert judged(task, "{w: w - 0.2*X.T@r}", NUMBERS).correct is True
    found = judged(task, "{w: w + 0.2*X.T@r}", NUMBERS)
    assert found.correct is False and note(found).startswith("`w`: its entry ")


def test_an_update_without_numbers() -> None:
    task = "update: {of: L, wrt: w, rate: 0.1}"
    assert judged(task, "w - 0.2*X.T@(X@w - y)").correct is True
    found = judged(task, "w - 0.1*X.T@(X@w - y)")
    assert found.correct is False and note(found).startswith("at random values (m = 3, n = 5) its")


def test_a_formula_is_taken_at_the_parameters_after_an_update() -> None:
    text = source(
        NUMBERS, DEFINE,
        "update: {of: L, wrt: w, rate: 0.1}\n    id: up",
        "gradient: {of: L, wrt: w, after: up}\n    answer: 2*X.T@(X@w - y)",
        "gradient: {of: L, wrt: w, after: up}\n    answer: 2*X.T@(X@[1, -2] - y)",
    )  # fmt: skip
    answers = [t.answer for t in solve(loads(text)).tasks[1:]]
    assert [a.correct for a in answers if a is not None] == [True, False]


def test_unknown_names_are_errors() -> None:
    with pytest.raises(InputError, match="unknown name `x`"):
        judged("gradient: {of: L, wrt: w}", "2*X.T@(x@w - y)")
    with pytest.raises(InputError) as caught:
        judged("gradient: {of: L, wrt: w}", "2*X.T@(X@ww - y)")
    assert caught.value.hint is not None and "`w`" in caught.value.hint
    assert caught.value.where is not None


def test_undecided_is_not_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where no point can be evaluated and the forms differ, nothing is claimed."""
    define = {"L": "log(-1 - a**2) + a**2"}
    answer = '"2*a + 2*a/(1 + a**2) + 0*log(-1 - a**2)"'
    found = judged("gradient: {of: L, wrt: a}", answer, {"a": "scalar"}, define=define)
    if found.correct is not True:  # the forms may be proved equal
        assert found.correct is None
    found = judged("gradient: {of: L, wrt: a}", "log(-1 - a**2)", {"a": "scalar"}, define=define)
    assert found.correct is None and "could decide" in note(found)
    path = tmp_path / "p.yaml"
    path.write_text(
        source({"a": "scalar"}, define, "gradient: {of: L, wrt: a}\n    answer: log(-1 - a**2)")
    )
    assert status(path, monkeypatch) == 0
    data = json.loads(render(solve(load(path))))
    assert data["tasks"][0]["answer"]["correct"] is None


def test_exit_status(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    for answer, expected in (("2*X.T@r", 0), ("X.T@r", 1)):
        path.write_text(source(GIVEN, DEFINE, f"gradient: {{of: L, wrt: w}}\n    answer: {answer}"))
        assert status(path, monkeypatch) == expected


BOTH_SIGNS = [
    ("x.T@x/2", "abs(x)", False),
    ("x.T@x/2", "sqrt(x*x)", False),
    ("x.T@x/2", "x + 0*x", True),
    ("x.T@x/2", "x + 1e-9", False),
    ("sum(relu(x))", "ones(n)", False),
    ("norm1(x)", "ones(n)", False),
    ("norm1(x)", "x/abs(x)", True),
    ("sum(x**3)", "3*x*abs(x)", False),
    ("sum(maximum(x, a))", "ones(n)", False),
    ("sum(softplus(x))", "sigmoid(abs(x))", False),
    ("sum(softplus(x))", "exp(x)/(1 + exp(x))", True),
]


@pytest.mark.parametrize(("f", "answer", "right"), BOTH_SIGNS)
def test_formulas_that_agree_on_one_side_only_differ(f: str, answer: str, right: bool) -> None:
    import tutor

    problem = tutor.loads(
        f'given: {{x: vector(n), a: vector(n)}}\ndefine: {{f: "{f}"}}\n'
        f'tasks:\n  - gradient: {{of: f, wrt: x}}\n    answer: "{answer}"\n'
    )
    (task,) = problem.solve().solution.tasks
    assert task.answer is not None and task.answer.correct is right
    assert task.check is not None and task.check.passed


TIED = {"S": '{shape: "matrix(n, n)", symmetric: true, positive: true}',
        "D": '{shape: "matrix(n, n)", diagonal: true}', "x": "vector(n)",
        "y": "vector(n)"}  # fmt: skip
TIED_DEFINE = {"d": "logdet(S)", "q": "x.T @ S @ y", "p": "x.T @ D @ y"}


@pytest.mark.parametrize(
    ("task", "answer", "said"),
    [
        ("gradient: {of: d, wrt: S}", "inv(S)", "each pair of entries counts once: "),
        ("gradient: {of: d, wrt: S}", "2*inv(S)", "an entry on the diagonal of S stands"),
        ("gradient: {of: q, wrt: S}", "y@x.T", "each pair of entries counts once: "),
        ("gradient: {of: q, wrt: S}", "x@y.T", "each pair of entries counts once: "),
        ("gradient: {of: q, wrt: S}", "x@y.T + y@x.T", "it is right off the diagonal"),
        ("gradient: {of: p, wrt: D}", "x@y.T", "only the entries on the diagonal can move"),
    ],
)  # fmt: skip
def test_every_place_by_itself_is_recognised(task: str, answer: str, said: str) -> None:
    found = judged(task, answer, TIED, define=TIED_DEFINE)
    assert found.correct is False and said in note(found), note(found)
    wrong = judged(task, f"{answer} + 3*eye(n)", TIED, define=TIED_DEFINE)
    assert wrong.correct is False and "its entry" in note(wrong)
