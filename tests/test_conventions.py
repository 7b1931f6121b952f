"""One derivation in every convention: layouts, vec, adjoints or Jacobians along paths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tutor
from tests import random_programs
from tests.test_checks import source
from tutor.errors import InputError
from tutor.expr import Binary, Name
from tutor.notation.names import size_words
from tutor.notation.text import text
from tutor.problem import loads
from tutor.problem.elaborate import elaborate
from tutor.render.json import plain
from tutor.render.markdown import markdown
from tutor.render.terminal import terminal
from tutor.steps import Solution, Step, TaskResult, Text
from tutor.tasks import paths, solve
from tutor.tasks.printed import printed_value
from tutor.tasks.workspace import Workspace

GIVEN = {"X": "matrix(m, n)", "w": "vector(n)", "y": "vector(m)", "A": "matrix(n, n)",
         "B": "matrix(k, m)"}  # fmt: skip
DEFINE = {"r": "X @ w - y", "L": "sum(r**2)", "q": "w.T @ A @ w", "Z": "A @ A", "Y": "B @ X",
          "h": "tanh(X @ w)"}  # fmt: skip
ADJOINT = {"style": "adjoint"}
PATHS = {"style": "jacobian"}


def run(tasks: list[str], convention: dict[str, str], given: dict = GIVEN) -> Solution:
    inner = ", ".join(f"{k}: {v}" for k, v in convention.items())
    return solve(loads(source(given, DEFINE, *tasks, head=f"convention: {{{inner}}}")))


def the_step(result: TaskResult, rule: str) -> Step:
    (found,) = [s for s in result.steps if s.rule == rule]
    return found


def why(step: Step) -> str:
    assert step.why is not None
    return plain(step.why)


# -- the style of Jacobians -----------------------------------------------------------------------

TASKS = ["gradient: {of: L, wrt: [w, X]}", "gradient: {of: q, wrt: [w, A]}",
         "jacobian: {of: r, wrt: [w, X]}", "jacobian: {of: Z, wrt: A}", "jacobian: {of: Y, wrt: X}",
         "jacobian: {of: h, wrt: w}"]  # fmt: skip


@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize("vec", ["column", "row"])
def test_both_styles_have_the_same_answers(layout: str, vec: str) -> None:
    shape = {"layout": layout, "vec": vec}
    one, other = run(TASKS, shape | ADJOINT), run(TASKS, shape | PATHS)
    assert len(one.tasks) == len(other.tasks) == 9
    for a, b in zip(one.tasks, other.tasks, strict=True):
        assert a.formula == b.formula and a.shape == b.shape and a.dims == b.dims
        assert b.check is not None and b.check.passed


def test_a_path_tells_symbols_sizes_matrices_and_product() -> None:
    result = run([TASKS[0]], PATHS).tasks[0]
    step = next(s for s in result.steps if s.kind == "chain")
    text = [plain_term(e) for e in step.equation]
    assert text[0] == "dL/dz3 @ dz3/dr @ dr/dz1 @ dz1/dw" or text[0].count("d") >= 6
    assert text[-1] == "2 * r.T @ X"
    assert why(step).endswith("(1×m)(m×m)(m×m)(m×n) gives 1×n.")
    assert step.jacobian_dims == "1×n"
    closing = next(s for s in result.steps if s.id == "answer")
    assert "in the shape of w, n×1: that is the gradient" in why(closing)


def test_the_denominator_layout_multiplies_the_other_way_round() -> None:
    result = run([TASKS[0]], {**PATHS, "layout": "denominator"}).tasks[0]
    step = next(s for s in result.steps if s.kind == "chain")
    assert why(step).endswith("(n×m)(m×m)(m×m)(m×1) gives n×1.")
    first = step.equation[0]
    while isinstance(first, Binary):
        first = first.left
    assert plain_term(first) == "dz1/dw"


def test_a_quotient_by_a_number_is_turned_without_a_bracket() -> None:
    """The local derivative of a norm is r/‖r‖ in denominator layout, not (rᵀ/‖r‖)ᵀ."""
    source = """convention: {layout: denominator}
given: {x: vector(3), W: "matrix(2, 3)"}
define: {L: norm2(W @ x) ** 2}
tasks: [gradient: {of: L, wrt: x}]"""
    steps = tutor.loads(source).solve().tasks[0].steps
    said = [plain_term(s.equation[-1]) for s in steps if s.equation]
    assert "z1 / norm2(z1)" in said and not any("/ norm2(z1)).T" in e for e in said), said


def plain_term(e: object) -> str:
    from tutor.notation.text import text

    return text(e)  # type: ignore[arg-type]


def test_several_paths_are_added() -> None:
    result = run(["gradient: {of: q, wrt: w}"], PATHS).tasks[0]
    chain = [s for s in result.steps if s.kind == "chain"]
    assert [s.id for s in chain] == ["path.1", "path.2", "chain.w"]
    assert plain(chain[0].title).startswith("Path 1 through ")
    assert plain(chain[1].title) == "Path 2, directly"
    assert "along 2 paths" in why(chain[2])


def test_many_paths_fall_back_to_sums() -> None:
    given = {"x": "[0.3, 0.5]"}
    define = {"a": "x + 2*x", "b": "a + a*a", "c": "b + b*b", "d": "c + c*c", "L": "sum(d + d*d)"}
    task = "gradient: {of: L, wrt: x}"
    told = solve(loads(source(given, define, task, head="convention: {style: jacobian}"))).tasks[0]
    usual = solve(loads(source(given, define, task))).tasks[0]
    assert told.value is not None and usual.value is not None
    assert (told.value.floats() == usual.value.floats()).all()
    step = next(s for s in told.steps if s.id == "note.paths")
    assert int(str(step.title.args["n"])) > paths.MOST_PATHS
    assert any(s.id == "chain.x" for s in told.steps)
    assert not any(s.id.startswith("path.") for s in told.steps)


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_in_both_styles(seed: int) -> None:
    p = random_programs.Maker(seed, depth=3).make()
    kind = "gradient" if p.result == "L" else "jacobian"
    tasks = [f"{kind}: {{of: {p.result}, wrt: {name}}}" for name in p.given]
    layout = "denominator" if seed % 2 else "numerator"
    vec = "row" if seed % 3 == 0 else "column"
    heads = [f"convention: {{style: {s}, layout: {layout}, vec: {vec}}}"
             for s in ("adjoint", "jacobian")]  # fmt: skip
    one, other = (solve(loads(p.yaml(tasks, head=h))) for h in heads)
    for a, b in zip(one.tasks, other.tasks, strict=True):
        assert a.value is not None and b.value is not None and a.value.shape == b.value.shape
        assert np.allclose(a.value.floats(), b.value.floats(), rtol=1e-9, atol=1e-12)
        assert b.check is None or b.check.passed


def test_numbers_are_multiplied_out() -> None:
    given = {"X": "[[1, 2], [3, 4], [0, 1]]", "w": "[1, -1]", "y": "[1, 0, 2]",
             "A": "[[1, 2], [3, 4]]", "B": "[[1, 0, 1]]"}  # fmt: skip
    s = run(["gradient: {of: L, wrt: w}", "jacobian: {of: h, wrt: w}"], PATHS, given)
    step = next(x for x in s.tasks[0].steps if x.kind == "chain")
    assert plain_term(step.equation[-1]) == "[[-10, -22]]"
    assert s.tasks[0].value is not None and s.tasks[0].value.numbers() == [-10, -22]


def test_the_style_is_said() -> None:
    s = run(TASKS[:1], PATHS)
    assert "products of Jacobians along each path" in " ".join(terminal(s).split())
    with pytest.raises(InputError, match="style"):
        run(TASKS[:1], {"style": "forward"})


# -- layouts in words -----------------------------------------------------------------------------


def test_why_a_gradient_has_the_size_of_its_variable() -> None:
    s = run(["gradient: {of: L, wrt: [w, X]}", "gradient: {of: q, wrt: [w, A]}"], ADJOINT)
    said = [[x for x in t.steps if x.rule == "layout"] for t in s.tasks]
    assert [len(x) for x in said] == [1, 1, 0, 0], "once for a vector and once for a matrix"
    vector, matrix = why(said[0][0]), why(said[1][0])
    assert vector == (
        "The gradient has the size of w, so that an update w − alpha·dL/dw fits; "
        "as a Jacobian it is 1×n (numerator layout) or n×1 (denominator layout)."
    )
    wanted = "vec(dL/dX).T, 1×m·n (numerator layout, vec by columns), or its transpose."
    assert matrix.endswith(wanted)


def test_tensors_are_unrolled_by_rows_in_words_too() -> None:
    given, define = {"T": "random(2, 3, 4, seed=1)"}, {"L": "sum(T**2)"}
    (result,) = solve(loads(source(given, define, "gradient: {of: L, wrt: T}"))).tasks
    assert "vec by rows" in why(the_step(result, "layout"))


def test_a_jacobian_says_what_the_other_layout_gives() -> None:
    first, second = run(["jacobian: {of: r, wrt: w}", "jacobian: {of: Y, wrt: X}"], {}).tasks
    assert why(the_step(first, "layout")) == (
        "Numerator layout: rows belong to r, columns to w. "
        "In denominator layout it is the transpose, X.T (n×m)."
    )
    assert why(the_step(second, "layout")) == (
        "In denominator layout it is the transpose, kron(eye(n), B.T) (m·n×k·n). "
        "Here vec stacks columns; stacking rows gives kron(B, eye(n))."
    )
    (other,) = run(["jacobian: {of: r, wrt: w}"], {"layout": "denominator"}).tasks
    assert why(the_step(other, "layout")) == (
        "Denominator layout: rows belong to w, columns to r. "
        "In numerator layout it is the transpose, X (m×n)."
    )


def holes(text: Text) -> dict[str, Any]:
    """What fills the sentence and those inside of it."""
    found = dict(text.args)
    for x in text.args.values():
        found |= holes(x) if isinstance(x, Text) else {}
    return found


def test_what_the_other_convention_would_give_is_what_it_gives() -> None:
    """The formula in the sentence is the one that the other file prints."""
    for task in (
        "jacobian: {of: r, wrt: w}",
        "jacobian: {of: Y, wrt: X}",
        "jacobian: {of: Z, wrt: A}",
    ):
        (here,) = run([task], {}).tasks
        step = the_step(here, "layout")
        assert step.why is not None
        (there,) = run([task], {"layout": "denominator"}).tasks
        said = holes(step.why)
        assert said["t"] == there.formula and said["s"] == size_words(there.dims)
        if "u" in step.why.args:
            (rows,) = run([task], {"vec": "row"}).tasks
            assert said["u"] == rows.formula


def test_numbers_have_no_layout() -> None:
    given = {"a": "2", "b": "3"}
    s = solve(loads(source(given, {"L": "a*b**2"}, "gradient: {of: L, wrt: [a, b]}")))
    assert not [x for t in s.tasks for x in t.steps if x.rule == "layout"]


def test_layouts_are_shown_by_every_renderer() -> None:
    s = run(["gradient: {of: L, wrt: w}"], {})
    for shown in (terminal(s), markdown(s)):
        assert "gradient has the size of" in shown
    from tutor.render.latex import latex

    assert "gradient has the size of" in latex(s)
    lines = terminal(s).split("Layout\n")[1].split("┌")[0].strip().splitlines()
    assert len(lines) <= 2


def test_local_jacobians_follow_the_layout() -> None:
    for layout, wanted in (("numerator", "X"), ("denominator", "X.T")):
        (result,) = run(["gradient: {of: L, wrt: w}"], {"layout": layout}).tasks
        local = next(x for x in result.steps if x.id.startswith("local.") and x.id.endswith(".w"))
        assert plain_term(local.equation[1]) == wanted
        assert local.jacobian_dims == ("m×n" if layout == "numerator" else "n×m")


# -- another name for a given ---------------------------------------------------------------------


@pytest.mark.parametrize("form", ["W.T", "vec(W)", "reshape(W, 2, 3)", "flip(W, axis=0)"])
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize("vec", ["column", "row"])
def test_a_jacobian_by_another_name_has_its_columns_in_that_order(
    form: str, layout: str, vec: str
) -> None:
    """Against the Jacobian of the same result typed with the other name as the given."""
    W = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 2.0]]) / 4
    back = {"W.T": "V.T", "vec(W)": "unvec(V, 3, 2)" if vec == "column" else "reshape(V, 3, 2)",
            "reshape(W, 2, 3)": "reshape(V, 3, 2)",
            "flip(W, axis=0)": "flip(V, axis=0)"}[form]  # fmt: skip
    moved = {"W.T": W.T, "vec(W)": W.ravel("F" if vec == "column" else "C"),
             "reshape(W, 2, 3)": W.reshape(2, 3), "flip(W, axis=0)": W[::-1]}[form]  # fmt: skip
    head = f"convention: {{layout: {layout}, vec: {vec}}}"
    x = "[1, -2, 3]"
    there = {"W": str(W.tolist()), "x": x}, {"V": form, "y": "tanh(W.T @ x)"}
    here = {"V": str(moved.tolist()), "x": x}, {"y": f"tanh(({back}).T @ x)"}
    one, other = (
        solve(loads(source(*parts, "jacobian: {of: y, wrt: V}", head=head))).tasks[0]
        for parts in (there, here)
    )
    assert one.value is not None and other.value is not None
    assert np.allclose(one.value.floats(), other.value.floats())
    if one.formula is not None:  # what is printed gives those numbers
        problem = loads(source(*there, "graph", head=head))
        printed = printed_value(Workspace(problem, elaborate(problem)), one.formula)
        assert printed is not None and np.allclose(printed, one.value.floats())


def test_a_jacobian_by_a_transpose_is_commuted() -> None:
    given, define = {"W": "matrix(m, n)", "x": "vector(m)"}, {"V": "W.T", "y": "W.T @ x"}
    (task,) = solve(loads(source(given, define, "jacobian: {of: y, wrt: V}"))).tasks
    assert task.formula is not None
    assert text(task.formula) == "kron(eye(n), x.T) @ commutation(n, m)"


@pytest.mark.parametrize(
    ("loss", "wrt", "want"),
    [
        ("sum(maximum(B, C))", "B", [[0.5, 0], [0.5, 1]]),
        ("sum(maximum(B, C))", "C", [[0.5, 1], [0.5, 0]]),
        ("sum(max(B, C))", "B", [[0.5, 0], [0.5, 1]]),
        ("sum(minimum(B, C))", "B", [[0.5, 1], [0.5, 0]]),
        ("sum(min(B, C))", "C", [[0.5, 0], [0.5, 1]]),
    ],
)
def test_two_operands_that_tie_share_the_gradient(loss: str, wrt: str, want: list) -> None:
    given = {"B": "[[1, 2], [0, 4]]", "C": "[[1, 5], [0, 3]]"}
    task = f"gradient: {{of: g, wrt: {wrt}}}"
    for ties in ("split", "first"):
        head = f"convention: {{ties: {ties}}}"
        (found,) = solve(loads(source(given, {"g": loss}, task, head=head))).tasks
        first = np.where(np.array(want) == 0.5, 1.0 if wrt == "B" else 0.0, want)
        assert found.value is not None
        assert np.allclose(found.value.floats(), want if ties == "split" else first)


@pytest.mark.parametrize(
    ("of", "wrt", "layout", "want"),
    [
        ("r", "x", "numerator", "dr/dq @ A"),
        ("r", "x", "denominator", "A.T @ dr/dq"),
        ("r", "A", "numerator", "kron(x.T, dr/dq)"),
        ("r", "A", "denominator", "kron(x, dr/dq)"),
        ("s", "x", "numerator", "ds/dq @ A"),
        ("s", "x", "denominator", "A.T @ ds/dq"),
    ],
)
def test_a_step_uses_the_jacobian_that_an_earlier_one_showed(
    of: str, wrt: str, layout: str, want: str
) -> None:
    given = {"x": "vector(n)", "A": "matrix(n, n)", "M": "matrix(n, n)"}
    define = {"q": "A @ x", "r": "M @ q", "s": "sum(tanh(r))"}
    task = f"jacobian: {{of: {of}, wrt: {wrt}}}"
    head = f"convention: {{layout: {layout}}}"
    (found,) = solve(loads(source(given, define, task, head=head))).tasks
    (step,) = [x for x in found.steps if x.id == f"chain.{wrt}"]
    assert text(step.equation[-1]).replace("(dr/dq)", "dr/dq").replace("(ds/dq)", "ds/dq") == want


# -- which entries are free -----------------------------------------------------------------------

HOMOGENEOUS = [
    ("x.T @ x", "gradient", "2 * eye(3, 2).T @ x"),
    ("x.T @ x", "jacobian", "2 * x.T @ eye(3, 2)"),
    ("x.T @ A @ x", "gradient", "eye(3, 2).T @ A @ x + eye(3, 2).T @ A.T @ x"),
    ("sum(x)", "gradient", "ones(2)"),
    ("sum(exp(x))", "gradient", "eye(3, 2).T @ exp(x)"),
]


@pytest.mark.parametrize(("expression", "kind", "formula"), HOMOGENEOUS)
def test_formulas_leave_out_the_final_1(expression: str, kind: str, formula: str) -> None:
    """x has three entries, two of them free: what is printed has the size of what is free."""
    given = {"x": "{value: [2, 3], homogeneous: true}", "A": "[[1, 2, 3], [0, 1, 1], [2, 0, 1]]"}
    problem = loads(source(given, {"f": expression}, f"{kind}: {{of: f, wrt: x}}"))
    (result,) = solve(problem).tasks
    assert result.formula is not None and result.value is not None
    assert text(result.formula) == formula
    printed = printed_value(Workspace(problem, elaborate(problem)), result.formula)
    assert printed is not None
    np.testing.assert_allclose(printed.ravel(), result.value.floats().ravel())
    assert "has no place for it" in why(the_step(result, "free entries"))
    assert result.check is not None and result.check.passed


def test_local_derivatives_leave_out_the_final_1() -> None:
    given = {"x": "{value: [2, 3], homogeneous: true}"}
    (result,) = solve(loads(source(given, {"f": "x.T @ x"}, "gradient: {of: f, wrt: x}"))).tasks
    (local,) = [s for s in result.steps if s.id == "local.f.x"]
    assert text(local.equation[-1]) == "2 * x.T @ eye(3, 2)"


def test_a_formula_with_the_final_1_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Workspace.leaf_term
    monkeypatch.setattr(
        Workspace, "leaf_term", lambda self, node: Name("x") if node.order else whole(self, node)
    )
    given = {"x": "{value: [2, 3], homogeneous: true}"}
    (result,) = solve(loads(source(given, {"f": "x.T @ x"}, "gradient: {of: f, wrt: x}"))).tasks
    assert result.check is not None and not result.check.passed


@pytest.mark.parametrize("kind", ["symmetric", "diagonal"])
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
def test_a_jacobian_says_which_entries_are_free(kind: str, layout: str) -> None:
    """The gradient and the Jacobian count the same entries: each free one once."""
    rows = {"symmetric": [[2, 1], [1, 3]], "diagonal": [[2, 0], [0, 3]]}[kind]
    given = {"S": f"{{value: {rows}, {kind}: true}}"}
    tasks = ["gradient: {of: k, wrt: S}", "jacobian: {of: k, wrt: S}"]
    head = f"convention: {{layout: {layout}}}"
    slope, jacobian = solve(loads(source(given, {"k": "logdet(S)"}, *tasks, head=head))).tasks
    told = next(s for s in jacobian.steps if s.title.message == "Free entries of {x}")
    assert f"is {kind}: only" in why(told)
    assert "vec" not in why(the_step(slope, "layout"))
    G = np.linalg.inv(np.array(rows, dtype=float))
    free = 2 * G - np.diag(np.diag(G)) if kind == "symmetric" else np.diag(np.diag(G))
    assert jacobian.value is not None and slope.value is not None
    np.testing.assert_allclose(slope.value.floats(), free)
    lower = [free[0, 0], free[1, 0], free[1, 1]] if kind == "symmetric" else np.diag(free)
    size = (len(lower), 1) if layout == "denominator" else (1, len(lower))
    np.testing.assert_allclose(jacobian.value.floats(), np.reshape(lower, size), atol=1e-12)
