"""A point at which a derivative does not exist: the formula is shown, the value is not, and why."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.test_checks import source
from tutor import cli
from tutor.errors import InputError
from tutor.problem import loads
from tutor.render.html import html
from tutor.render.json import data
from tutor.render.latex import latex
from tutor.render.markdown import markdown
from tutor.render.terminal import terminal
from tutor.steps import Solution
from tutor.tasks import checked, solve

GIVEN = {"x": "[0, 0]", "z": "[0, 4]", "s": "0", "a": "[1, 2]"}

# definition, by what: the formula, and why it has no value
CORNER = "{f} has no derivative at {e}: its graph has a corner there."
ONLY = "{f} has a derivative only where {c}; {e}."
CASES = [
    ("norm2(x)", "x", "x / norm2(x)", CORNER.format(f="norm2(x)", e="x == 0")),
    ("norm2(x - s*a)", "s", None, CORNER.format(f="norm2(x - s * a)", e="x - s * a == 0")),
    ("frobenius(x @ a.T)", "x", None, CORNER.format(f="frobenius(x @ a.T)", e="x @ a.T == 0")),
    ("sqrt(s)", "s", "1 / (2 * sqrt(s))",
     ONLY.format(f="sqrt(s)", c="s is positive", e="here s == 0")),
    ("sum(sqrt(z))", "z", "1 / sqrt(z) / 2",
     ONLY.format(f="sqrt(z)", c="every entry of z is positive", e="at this point that is not so")),
    ("a.T @ sqrt(x)", "x", "a / sqrt(x) / 2",
     ONLY.format(f="sqrt(x)", c="every entry of x is positive", e="here x == 0")),
    ("s**(1/2)", "s", None, None),
    ("asin(cos(s))", "s", None,
     ONLY.format(f="asin(cos(s))", c="cos(s) lies strictly between −1 and 1",
                 e="here cos(s) == 1")),
    ("std(z - z + x) + sum(x)", "x", None, None),
]  # fmt: skip


def solved(given: dict[str, str], define: dict[str, str], *tasks: str, head: str = "") -> Solution:
    return solve(loads(source(given, define, *tasks, head=head)))


def no_numbers(tree: Any) -> bool:
    return json.dumps(tree, allow_nan=False) is not None


@pytest.mark.parametrize("style", ["adjoint", "jacobian"])
@pytest.mark.parametrize(("expression", "wrt", "formula", "why"), CASES)
def test_the_formula_stands_without_a_value(
    style: str, expression: str, wrt: str, formula: str | None, why: str | None
) -> None:
    define = {"L": expression, "M": "a.T @ z + s"}
    tasks = [f"gradient: {{of: L, wrt: {wrt}}}", "gradient: {of: M, wrt: z}"]
    found = data(solved(GIVEN, define, *tasks, head=f"convention: {{style: {style}}}"))
    first, second = found["tasks"]
    assert first["value"] is None and first["exact"] is None and first["formula"]
    assert formula is None or first["formula"] == formula
    assert first["check"]["passed"] and first["check"]["method"].endswith("at random values")
    assert first["steps"][-1]["title"] == "No value at this point"
    assert len(found["warnings"]) == 1
    if why is not None:
        assert found["warnings"] == [f"Task 1: {why}"]
        assert first["steps"][-1]["text"].startswith(why)
    assert second["value"] == [1, 2] and second["check"]["passed"]
    assert no_numbers(found)


def test_a_value_that_exists_is_not_taken_away() -> None:
    """Factors of 0/0 that cancel, a kink with a convention, an end of the domain."""
    define = {"p": "norm2(x)**2", "r": "sum(relu(x))", "e": "s**(3/2)"}
    tasks = [f"gradient: {{of: {of}, wrt: {x}}}" for of, x in (("p", "x"), ("r", "x"), ("e", "s"))]
    found = data(solved(GIVEN, define, *tasks))
    assert [t["value"] for t in found["tasks"]] == [[0, 0], [0, 0], 0]
    assert found["warnings"] == [] and all(t["check"]["passed"] for t in found["tasks"])


def test_tasks_that_need_the_derivative_go_on_without_numbers() -> None:
    define = {"L": "norm2(x)", "M": "a.T @ x", "c": "s**(3/2)"}
    tasks = [
        "hessian: {of: L, wrt: x}",
        "directional: {of: L, wrt: x, along: [1, 2]}",
        "taylor: {of: L, wrt: x, order: 1}",
        "update: {of: L, wrt: x, rate: 1}",
        "train: {of: L, wrt: x, rate: 1, steps: 3}",
        "update: {of: L, wrt: x, rate: 0.5, optimizer: newton}",
        "hessian: {of: c, wrt: s}",
        "gradient: {of: L, wrt: x, after: '4'}",
        "gradient: {of: M, wrt: x}",
    ]
    solution = solved(GIVEN, define, *tasks)
    found = data(solution)
    *without, last = found["tasks"]
    assert all(t.get("value") is None for t in without)
    assert all(t.undefined is not None for t in solution.tasks[:-1])
    assert [t.get("formula") for t in without] == [
        "eye(2) / norm2(x) - x @ x.T / norm2(x)**3",
        "x.T @ dx / norm2(x)",
        "norm2(a_0) + (a_0 / norm2(a_0)).T @ (x - a_0)",
        "x - x / norm2(x)",
        None,
        None,
        "3 / (4 * sqrt(s))",
        None,
    ]
    assert all(t["check"] is None or t["check"]["passed"] for t in found["tasks"])
    assert last["value"] == [1, 2] and len(found["warnings"]) == 8
    assert "Task 8: Task 4 led to no new point." in found["warnings"]
    assert no_numbers(found)


def test_other_quantities_may_be_unknown() -> None:
    """What the point decides is said although no value could be worked out anyway."""
    given = {"s": "0", "x": "[0, 0]", "c": "scalar", "v": "vector(2)"}
    define = {"L": "c*sqrt(s)", "M": "norm2(x)*sum(v) + x.T @ v", "N": "c*s**2"}
    wrt = (("L", "s"), ("M", "x"), ("N", "s"))
    found = data(solved(given, define, *(f"gradient: {{of: {a}, wrt: {b}}}" for a, b in wrt)))
    assert [t["formula"] for t in found["tasks"]] == [
        "c / (2 * sqrt(s))",
        "sum(v) * x / norm2(x) + v",
        "2 * c * s",
    ]
    assert found["warnings"] == [
        "Task 1: " + ONLY.format(f="sqrt(s)", c="s is positive", e="here s == 0"),
        "Task 2: " + CORNER.format(f="norm2(x)", e="x == 0"),
    ]
    assert all(t["value"] is None and t["check"]["passed"] for t in found["tasks"])


def test_a_picture_says_why_a_gradient_is_left_out() -> None:
    tasks = ["graph: {values: true, gradients: true}", "graph: {values: true, gradients: false}"]
    solution = solved({"x": "[0, 0]"}, {"r": "2*x", "L": "norm2(r)"}, *tasks)
    first, second = solution.tasks
    assert first.undefined is not None and second.undefined is None
    (step,) = first.steps
    assert step.why == first.undefined
    nodes = data(solution)["tasks"][0]["nodes"]
    assert [n["gradient"] for n in nodes] == [None, None, None]
    assert data(solution)["warnings"] == ["Task 1: " + CORNER.format(f="norm2(r)", e="r == 0")]


def test_answers() -> None:
    """A formula may agree; numbers cannot, where there are none."""
    define = {"L": "norm2(x)"}
    asked = "gradient: {of: L, wrt: x}\n    answer: "
    solution = solved(GIVEN, define, *(asked + a for a in ("x/norm2(x)", "x", "[0, 0]", "0*x")))
    answers = [t.answer for t in solution.tasks]
    assert [a and a.correct for a in answers] == [True, False, False, False]


def test_every_format_says_why() -> None:
    solution = solved(GIVEN, {"L": "sqrt(s)"}, "gradient: {of: L, wrt: s}")
    for render in (terminal, markdown, latex, html):
        shown = render(solution)
        assert shown.count("has a derivative only where") == 2  # at the top, and in the task
        assert "No value at this point" in shown
    assert "√s has a derivative only where s is positive; here s = 0." in terminal(solution)


@pytest.mark.parametrize(
    ("expression", "status"), [("sqrt(s)", 0), ("log(s)", 2), ("1/s", 2), ("log(s - 1)", 2)]
)
def test_exit_status_and_an_undefined_value(
    expression: str,
    status: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a derivative there is still a solution; without a value of L there is none."""
    file = tmp_path / "p.yaml"
    file.write_text(source({"s": "0"}, {"L": expression}, "gradient: {of: L, wrt: s}"))
    monkeypatch.setattr(sys, "argv", ["tutor", "solve", str(file)])
    try:
        code = cli.main() or 0
    except SystemExit as end:
        code = end.code
    assert code == status
    if status:
        assert "p.yaml:5:3: the value of `L` is not a finite real number" in capsys.readouterr().err


def test_the_check_at_random_values_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted fault in the formula's derivation is seen although the point has no value."""
    right = checked.difference_error
    monkeypatch.setattr(
        checked, "difference_error", lambda ws, chain, x: right(ws, chain, x * (1 + 1e-3))
    )
    (task,) = solved(GIVEN, {"L": "sqrt(s)"}, "gradient: {of: L, wrt: s}").tasks
    assert task.check is not None and task.check.passed is False


def test_torch_agrees_that_there_is_none() -> None:
    torch = pytest.importorskip("torch")
    for f, point in ((torch.sqrt, 0.0), (lambda t: torch.asin(torch.cos(t)), 0.0)):
        t = torch.tensor(point, dtype=torch.float64, requires_grad=True)
        f(t).backward()
        assert not np.isfinite(t.grad.item())


def test_the_error_stays_one_for_callers_of_a_single_task() -> None:
    from tutor.steps import Text
    from tutor.tasks.no_value import NoDerivative

    error = NoDerivative(Text("why"))
    assert isinstance(error, InputError) and error.why == Text("why") and error.hint
