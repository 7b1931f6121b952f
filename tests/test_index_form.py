"""Derivatives entry by entry: every formula with subscripts is worked out and compared.

The formulas of `expression_rows`, and those of operations that have no matrix form; the values are
those of the nodes, which other tests compare with differences. Sizes are different primes, so that
no letter can stand for another one.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

import expression_rows as table
import numpy as np
import paper_oracle as oracle
import pytest
import random_programs
from index_reader import IndexReader
from test_expressions_table import Derived

import tutor
from tutor.derivation import derivation
from tutor.expr import Name
from tutor.graph.node import ein, rel, var
from tutor.notation.build import NoMatrixForm
from tutor.notation.index import index_term, subscripts
from tutor.notation.text import text
from tutor.problem import loads
from tutor.problem.elaborate import elaborate
from tutor.tasks.chain import Chain
from tutor.tasks.indexed import entry, taken
from tutor.tasks.workspace import Workspace

ENTRIES = 40  # of one array that are worked out


def places(shape: tuple[int, ...], salt: str) -> list[tuple[int, ...]]:
    """All places, or as many as are worked out."""
    rng = np.random.default_rng(zlib.crc32(salt.encode()))
    every = list(np.ndindex(*shape))
    chosen = rng.permutation(len(every))[:ENTRIES]
    return [every[k] for k in sorted(chosen)]


def letters_of(node: Any, avoid: frozenset[str]) -> list[str]:
    return [x.id for x in subscripts(node.shape, avoid) if x is not None]  # type: ignore[union-attr]


@pytest.mark.parametrize("row", [pytest.param(r, id=r["id"]) for r in table.ROWS])
def test_the_entries_of_a_derivative_are_those_of_its_formula(row: table.Row) -> None:
    derived = Derived(row)
    ws = Workspace(loads(table.problem(row, row["expression"])), derived.graph)
    avoid = frozenset((*derived.graph.lines, *derived.graph.sizes))
    lead = derived.rows if row["kind"] != "gradient" else None
    try:
        formula = text(entry(ws, derived.node, lead))
    except NoMatrixForm:
        pytest.skip("no formula with subscripts")
    array = derived.value(derived.node)
    squeezed = array.reshape([n for n in array.shape if n != 1])
    where = list(places(squeezed.shape, row["id"]))
    if "_t_u_v_a(" in formula:  # each entry sums over six letters
        where = where[:2]
    reader = IndexReader({**derived.values, **derived.sizes})
    found = reader.entries(formula, letters_of(derived.node, avoid), where)
    np.testing.assert_allclose(found, [squeezed[p] for p in where], rtol=1e-8, atol=1e-8)


def test_few_derivatives_of_the_tables_have_no_formula_with_subscripts() -> None:
    missing = []
    for row in table.ROWS:
        derived = Derived(row)
        ws = Workspace(loads(table.problem(row, row["expression"])), derived.graph)
        try:
            entry(ws, derived.node, derived.rows if row["kind"] != "gradient" else None)
        except NoMatrixForm:
            missing.append(row["id"])
    assert len(missing) <= len(table.ROWS) // 20, missing


def row(expression: str, wrt: str, kind: str = "jacobian", **shapes: str) -> table.Row:
    sizes = {name: shape.split() for name, shape in shapes.items()}
    assume = {"S": "definite"} if "S" in shapes else {}
    return {"id": f"{expression} by {wrt}", "expression": expression, "wrt": wrt, "kind": kind,
            "vars": sizes, "assume": assume}  # fmt: skip


NO_MATRIX = [
    row("conv2d(x, K)", "K", x="5 7", K="2 3"),
    row("conv2d(x, K)", "x", x="5 7", K="2 3"),
    row("conv2d(x, K, stride=2, padding=1)", "x", x="5 7", K="2 3"),
    row("conv2d(x, K, stride=2, padding=1)", "K", x="5 7", K="2 3"),
    row("conv2d(x, K, dilation=2)", "K", x="5 7", K="2 3"),
    row("conv2d(x, K, dilation=2)", "x", x="5 7", K="2 3"),
    row("conv2d(exp(x), K, padding=1)", "K", x="5 7", K="2 3"),
    row("conv1d(cos(x), w, padding=2)", "w", x="7", w="3"),
    row("kron(A, B)", "A", A="m n", B="p q"),
    row("kron(A, B)", "B", A="m n", B="p q"),
    row("cholesky(S)", "S", S="n n"),
    row("diag(x)", "x", x="n"),
    row("diag(diag(A))", "A", A="n n"),
    row("tile(A, (2, 1))", "A", A="m n"),
    row("tile(A, (1, 3))", "A", A="m n"),
    row("X.T @ diag(y) @ X", "y", X="m n", y="m"),
    row("Z**2", "Z", Z="a b c"),
    row("sin(Z) * Z", "Z", Z="a b c"),
    row("A @ B", "A", A="b m n", B="b n p"),
    row("A @ B", "B", A="b m n", B="b n p"),
    row("softmax(softmax(x))", "x", x="n"),
    row("softmax(X)", "X", X="m n"),
    row("sum(sin(B @ C), axis=1)", "C", B="m n", C="n p"),
    row('einsum("ijk,kl->ijl", A, B)', "A", A="a b c", B="c d"),
    row('einsum("ijk,kl->ijl", A, B)', "B", A="a b c", B="c d"),
    row("vec(A.T)", "A", A="m n"),
    row("A[1:3, 2]", "A", A="5 7"),
    row("reshape(A, 3, 10)", "A", A="5 6"),
    row("sum(A @ B)", "B", "gradient", A="b m n", B="b n p"),
    row("sum(conv2d(x, K)**2)", "K", "hessian", x="5 7", K="2 3"),
    row("sum(tanh(A @ x)**2)", "A", "hessian", A="m n", x="n"),
    row("sum(homogeneous(x)) / (1 + w.T @ w)", "w", "gradient", x="5", w="n"),
    row("avg_pool2d(relu(eye(5, 7) + W), (2, 3))[:, 0]", "W", W="5 7"),
    row("sum(avg_pool2d(relu(eye(5, 7) + W), (2, 3))[:, 0]) * x", "x", W="5 7", x="n"),
    row("max_pool2d(x, 2)", "x", x="4 6"),
    row("max_pool2d(x, 3, stride=1, padding=1)", "x", x="4 5"),
    row("sum(max_pool1d(x, 2)**3)", "x", "gradient", x="6"),
    row("avg_pool2d(x, 2)", "x", x="4 6"),
    row("conv1d(x, K, padding=1, groups=2)", "x", x="4 3", K="4 2 2"),
    row("conv1d(x, K, padding=1, groups=2)", "K", x="4 3", K="6 2 2"),
]


class Drawn(Derived):
    """A derivative that no table states, at random values."""

    def __init__(self, case: table.Row, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(table, "point", lambda r: table.drawn(r, 0))
        super().__init__(case)


def formula_of(case: table.Row, monkeypatch: pytest.MonkeyPatch) -> tuple[Derived, str, list[str]]:
    """The derivative, its formula with subscripts, and the letters of its axes."""
    derived = Drawn(case, monkeypatch)
    ws = Workspace(loads(table.problem(case, case["expression"])), derived.graph)
    avoid = frozenset((*derived.graph.lines, *derived.graph.sizes))
    lead = derived.rows if case["kind"] != "gradient" else None
    return derived, text(entry(ws, derived.node, lead)), letters_of(derived.node, avoid)


def winners(case: table.Row, values: dict[str, Any]) -> dict[str, Any]:
    """The 0/1 array that `winner(x)` stands for: windows, then places in them."""
    if "max_pool" not in case["expression"]:
        return {}
    (k, s, p), x = WINDOWS[case["id"]], values["x"]
    padded = np.pad(x, p, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (k,) * x.ndim)
    windows = windows[(slice(None, None, s),) * x.ndim]
    flat = windows.reshape(*windows.shape[: x.ndim], -1)
    onehot = np.arange(flat.shape[-1]) == flat.argmax(-1)[..., None]
    return {"winner(x)": onehot.reshape(windows.shape) * 1.0}


WINDOWS = {
    "max_pool2d(x, 2) by x": (2, 2, 0),
    "max_pool2d(x, 3, stride=1, padding=1) by x": (3, 1, 1),
    "sum(max_pool1d(x, 2)**3) by x": (2, 2, 0),
}


@pytest.mark.parametrize("case", [pytest.param(r, id=r["id"]) for r in NO_MATRIX])
def test_entries_of_what_has_no_matrix_form(
    case: table.Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived, formula, letters = formula_of(case, monkeypatch)
    array = derived.value(derived.node)
    where = places(array.shape, case["id"])
    reader = IndexReader({**derived.values, **derived.sizes, **winners(case, derived.values)})
    found = reader.entries(formula, letters, where)
    np.testing.assert_allclose(found, [array[p] for p in where], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("case", [pytest.param(r, id=r["id"]) for r in NO_MATRIX[:12]])
def test_a_planted_fault_in_a_formula_is_seen(
    case: table.Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two letters exchanged, or a subscript moved by one, change some entry."""
    derived, formula, letters = formula_of(case, monkeypatch)
    array = derived.value(derived.node)
    where = list(np.ndindex(*array.shape))
    last = letters[-1]
    wrong = re.sub(rf"\b{last}\b", f"{last} + 1", formula)
    assert wrong != formula
    reader = IndexReader({**derived.values, **derived.sizes})
    found = np.array(reader.entries(wrong, letters, where))
    assert np.max(np.abs(found - array.ravel())) > 1e-3


@pytest.mark.parametrize(
    ("expression", "shapes", "written"),
    [
        (
            "conv1d(x, K, groups=2)",
            {"x": "4 3", "K": "4 2 2"},
            "sum_r_s(x[r + 2 * floor(i / 2), j + s] * K[i, r, s])",
        ),
        ("avg_pool2d(x, 2)", {"x": "4 6"}, "sum_r_s(x[2 * i + r, 2 * j + s], range(1 + 1)) / 4"),
    ],
)
def test_sums_say_the_range_that_no_array_shows(
    expression: str, shapes: dict[str, str], written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived = Drawn(row(expression, "x", **shapes), monkeypatch)
    ws = Workspace(loads(table.problem(derived.row, expression)), derived.graph)
    assert text(index_term(derived.y, ws.leaf_term)) == written


def test_an_index_whose_range_no_array_shows_keeps_it() -> None:
    """g[2k + c, 2(i − k) + b] alone would read a neighbour where i − k is out of range."""
    g = var("g", (4, 4)), ("r", "l")
    window = rel((1, -1, -1), 0, (3, 2, 2)), ("i", "o", "k")
    columns = rel((1, -2, -1), 0, (4, 2, 2)), ("l", "o", "b")
    rows = rel((1, -2, -1), 0, (4, 2, 2)), ("r", "k", "c")
    node = ein([g, window, columns, rows], ("i", "b", "c"))
    formula = text(index_term(node, lambda n: Name(n.attr.name)))
    data = np.random.default_rng(5).uniform(-1, 1, (4, 4))
    wanted = np.zeros((3, 2, 2))
    for i, b, c, k, o in np.ndindex(3, 2, 2, 2, 2):
        wanted[i, b, c] += data[2 * k + c, 2 * o + b] * (i == o + k)
    found = IndexReader({"g": data}).entries(formula, "ijk", np.ndindex(3, 2, 2))
    np.testing.assert_allclose(found, wanted.ravel(), rtol=1e-12)


def test_a_function_of_what_lies_outside_is_not_asked_for() -> None:
    """exp(x)[o + k − 1] counts 0 outside; exp(x[o + k − 1]) would be 1 there."""
    _, formula, _ = formula_of_text("conv1d(exp(x), w, padding=1)", "w", x="5", w="3")
    assert formula == "exp(x)[i + j - 1]"


def formula_of_text(expression: str, wrt: str, **shapes: str) -> tuple[str, str, str]:
    """What `tutor derive` says: the entry, its formula, and both as one equation."""
    declared = [f"{n}: {('vector', 'matrix')[len(s.split()) - 1]}({', '.join(s.split())})"
                for n, s in shapes.items()]  # fmt: skip
    (result,) = derivation(expression, (wrt,), declared, index=True, checking=False).results
    whole = str(result.extra["index_form"])
    entry_, formula = whole.split(" = ")
    return entry_, formula, whole


@pytest.mark.parametrize(
    ("expression", "wrt", "shapes", "whole"),
    [
        ("conv2d(x, K)", "K", {"x": "5 6", "K": "2 3"}, "df[i, j]/dK[k, l] = x[i + k, j + l]"),
        ("A @ X @ B", "X", {"A": "m n", "X": "n p", "B": "p q"},
         "df[i, j]/dX[k, l] = B[l, j] * A[i, k]"),
        ("softmax(x)", "x", {"x": "n"}, "df[i]/dx[j] = f[i] * delta[i, j] - f[i] * f[j]"),
        ("norm2(A @ x - y)**2", "x", {"A": "m n", "x": "n", "y": "m"},
         "(df/dx)[i] = 2 * sum_r((sum_s(A[r, s] * x[s]) - y[r]) * A[r, i])"),
        ("sum(i * delta**2)", "delta", {"delta": "n", "i": "n"}, "(df/ddelta)[j] = "),
    ],
)  # fmt: skip
def test_index_form_on_request(
    expression: str, wrt: str, shapes: dict[str, str], whole: str
) -> None:
    assert formula_of_text(expression, wrt, **shapes)[2].startswith(whole)


def test_letters_are_no_names_of_the_problem() -> None:
    """i, r and delta are taken by the author."""
    found = formula_of_text("i * (r.T @ delta)", "i", i="m", r="n", delta="n")[2]
    assert found == "df[j]/di[k] = delta_K[j, k] * sum_s(r[s] * delta[s])"


def test_a_task_may_ask_for_subscripts() -> None:
    problem = (
        "given: {A: [[1, 2], [3, 4], [5, 7]], x: [1, -1]}\n"
        "define: {y: A @ x, L: y.T @ y}\n"
        "tasks:\n"
        "  - gradient: {of: L, wrt: x, form: index}\n"
        "  - jacobian: {of: y, wrt: A, form: index}\n"
        "  - hessian: {of: L, wrt: x, form: index}\n"
    )
    solution = tutor.loads(problem).solve().solution
    assert solution.ok
    found = [t.extra["index_form"] for t in solution.tasks]
    assert found == [
        "(dL/dx)[i] = 2 * sum_r_s(A[r, s] * x[s] * A[r, i])",
        "dy[i]/dA[j, k] = x[k] * delta[i, j]",
        "d(dL/dx[i])/dx[j] = 2 * sum_r(A[r, i] * A[r, j])",
    ]
    for task in solution.tasks:
        steps = [s.id for s in task.steps]
        assert "entries" in steps and task.steps[steps.index("entries")].equation
    assert '"index_form"' in json.dumps([dict(t.extra) for t in solution.tasks])


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_entry_by_entry(seed: int) -> None:
    program = random_programs.Maker(seed, depth=3).make()
    problem = loads(program.yaml(["graph"]))
    ws = Workspace(problem, elaborate(problem))
    of, wrt = ws.line(program.result), ws.line(next(iter(program.given)))
    chain = Chain(ws, of, wrt, gradient=of.has_one_entry)
    if chain.final is None or chain.final.value is None:
        pytest.skip("it does not depend on that")
    node = chain.closed()
    try:
        formula = text(entry(ws, node, None if chain.gradient else chain.lead))
    except NoMatrixForm:
        pytest.skip("no formula with subscripts")
    array = np.asarray(ws.value_of(node), dtype=float)
    array = array.reshape([n for n in array.shape if n != 1])
    where = places(array.shape, str(seed))
    try:
        reader = IndexReader(program.env())
        found = reader.entries(formula, letters_of(node, taken(ws)), where)
    except (oracle.Unreadable, TypeError):
        pytest.skip("the places of maxima are for people")
    np.testing.assert_allclose(found, [array[p] for p in where], rtol=1e-7, atol=1e-9)


def test_what_has_no_entries_to_say_says_nothing() -> None:
    """A zero, and the derivative of something by itself."""
    problem = (
        "given: {x: [1, 2], y: [3, 4], A: [[1, 2], [3, 4], [5, 7]]}\n"
        "define: {f: x.T @ x, w: vec(A), z: A @ x}\n"
        "tasks:\n"
        "  - gradient: {of: f, wrt: y, form: index}\n"
        "  - gradient: {of: f, wrt: f, form: index}\n"
        "  - jacobian: {of: z, wrt: w, form: index}\n"
    )
    zero, itself, through = tutor.loads(problem).solve().solution.tasks
    assert "index_form" not in zero.extra and "index_form" not in itself.extra
    assert through.extra["index_form"] == "dz[i]/dA[j, k] = x[k] * delta[i, j]"
