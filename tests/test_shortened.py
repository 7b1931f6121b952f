"""Closed forms with names for what repeats: the same formula, and shorter to read."""

from __future__ import annotations

import pytest

from tests import expression_rows as table
from tests.test_checks import source
from tutor.calculus.equal import equal
from tutor.expr import Binary, Expr, Name, exchanged
from tutor.graph.node import add
from tutor.notation.text import text
from tutor.problem import loads
from tutor.problem.elaborate import elaborate
from tutor.render.json import data, plain
from tutor.render.latex import latex
from tutor.render.terminal import terminal
from tutor.steps import Solution, Step, TaskResult, Text
from tutor.tasks import solve
from tutor.tasks.second import written_out
from tutor.tasks.shortened import LEAST, LONG, SAVED
from tutor.tasks.workspace import Workspace

GIVEN = {"A": "matrix(n, n)", "B": "matrix(n, m)", "C": "matrix(n, n)", "X": "matrix(n, m)",
         "y": "vector(n)", "s": "scalar", "w": "vector(m)"}  # fmt: skip

CASES = [  # function, by what, the shorter form, and what stands for what
    ("tr(C @ inv(A + B@B.T))", "B", "-(M.T @ C.T @ M.T + M @ C @ M) @ B",
     ["M == inv(A + B @ B.T)"]),
    ("y.T @ inv(X@X.T + s*eye(n)) @ y", "X", "-2 * M @ y @ y.T @ M @ X",
     ["M == inv(X @ X.T + s * eye(n))"]),
    ("logdet(A + B@B.T) * tr(inv(A + B@B.T))", "A",
     "tr(M) * M.T - logdet(A + B @ B.T) * M.T @ M.T", ["M == inv(A + B @ B.T)"]),
]  # fmt: skip


def solved(expression: str, wrt: str, kind: str = "gradient", **more: str) -> Solution:
    return solve(
        loads(source({**GIVEN, **more}, {"f": expression}, f"{kind}: {{of: f, wrt: {wrt}}}"))
    )


def the_step(task: TaskResult) -> Step:
    (step,) = [s for s in task.steps if s.id == "shortened"]
    return step


def definitions(step: Step) -> list[tuple[str, Expr]]:
    """The names, in the order in which they were given, and what they stand for."""
    assert step.why is not None
    found: list[tuple[str, Expr]] = []

    def collect(x: object) -> None:
        if isinstance(x, Text):
            for part in x.args.values():
                collect(part)
        elif isinstance(x, Binary) and x.op == "==" and isinstance(x.left, Name):
            found.append((x.left.id, x.right))

    collect(step.why)
    return found


def written(step: Step) -> Expr:
    """The shorter form with everything put back in."""
    formula = step.equation[-1]
    for name, part in reversed(definitions(step)):
        formula = exchanged(formula, lambda x, n=name, p=part: p if x == Name(n) else None)
    return formula


@pytest.mark.parametrize(("expression", "wrt", "short", "named"), CASES)
def test_what_repeats_gets_a_name(expression: str, wrt: str, short: str, named: list[str]) -> None:
    (task,) = solved(expression, wrt).tasks
    step = the_step(task)
    assert text(step.equation[-1]) == short
    assert [text(Binary("==", Name(n), e)) for n, e in definitions(step)] == named
    assert task.formula is not None and written(step) == task.formula


def test_the_shorter_form_can_be_typed_in() -> None:
    """As definitions of a problem file it is the same function of the givens."""
    expression, wrt, short, (named,) = CASES[0]
    (task,) = solved(expression, wrt).tasks
    assert task.formula is not None
    name, part = named.split(" == ")
    define = {name: f'"{part}"', "g": f'"{short}"', "h": f'"{text(task.formula)}"'}
    problem = loads(source(GIVEN, define, "graph"))
    ws = Workspace(problem, elaborate(problem))
    g, h = (written_out(ws, ws.line(n)) for n in "gh")
    assert equal(g, h).equal and not equal(g, add([h, h])).equal


def test_the_result_stays_complete() -> None:
    """JSON and the frame hold the formula without further names."""
    solution = solved(CASES[0][0], "B")
    (task,) = data(solution)["tasks"]
    assert "M" not in task["formula"] and "M" not in task["latex"]
    assert "M" not in terminal(solution).rpartition("┌")[2]


def test_every_format_lists_the_names() -> None:
    solution = solved(CASES[0][0], "B")
    assert "Here M = (A + BBᵀ)⁻¹." in terminal(solution)
    assert r"Here $M = (\mathbf{A} + \mathbf{B} \mathbf{B}^{\top})^{-1}$." in latex(solution)


def test_letters_that_are_taken_are_not_used() -> None:
    (task,) = solved(CASES[1][0], "X", M="matrix(m, k)").tasks
    assert [n for n, _ in definitions(the_step(task))] == ["K"]


@pytest.mark.parametrize(
    ("expression", "wrt"), [("norm2(X@w - y)**2", "w"), ("tr(inv(A))", "A"), ("logdet(A)", "A")]
)
def test_short_formulas_stay_as_they_are(expression: str, wrt: str) -> None:
    (task,) = solved(expression, wrt).tasks
    assert all(s.id != "shortened" for s in task.steps)


def test_numbers_need_no_names() -> None:
    given = {"A": "[[2, 1], [1, 3]]", "B": "[[1, 0], [1, 1]]", "C": "[[1, 2], [0, 1]]"}
    (task,) = solved(CASES[0][0], "B", **given).tasks
    assert task.value is not None and all(s.id != "shortened" for s in task.steps)


def test_the_rows_of_the_tables() -> None:
    """Wherever a name is given it is worth it, and put back in it gives the formula."""
    found = 0
    for row in table.ROWS:
        kind = {"gradient": "gradient", "hessian": "hessian"}.get(row["kind"], "jacobian")
        wrt = row["wrt"] if isinstance(row["wrt"], str) else f"[{', '.join(row['wrt'])}]"
        asked = table.problem(row, row["expression"]).partition("tasks:")[0]
        asked += f"tasks:\n  - {kind}: {{of: OUT, wrt: {wrt}}}\n"
        for task in solve(loads(asked), checking=False).tasks:
            for step in (s for s in task.steps if s.id == "shortened"):
                found += 1
                assert task.formula is not None and written(step) == task.formula
                assert len(text(task.formula)) >= LONG
                assert len(text(task.formula)) - len(text(step.equation[-1])) >= SAVED
                assert all(len(text(e)) >= LEAST for _, e in definitions(step))
    assert found > 3


def test_words() -> None:
    step = the_step(solved(CASES[0][0], "B").tasks[0])
    assert step.why is not None and plain(step.why) == "Here M == inv(A + B @ B.T)."
