"""The pitfalls that engines of this kind fall into, one test each, with the fault planted.

Each name says what went wrong somewhere once; the comment says how it shows.
"""

from __future__ import annotations

import builtins
import gc
import sys
import time
from collections.abc import Callable
from typing import Any

import expression_rows as table
import numpy as np
import paper_oracle as oracle
import pytest
import sympy as sp
from test_expressions_table import Derived, derived

import tutor
from tutor.calculus import equal as comparison
from tutor.calculus import factors
from tutor.calculus import simplify as simplification
from tutor.calculus.equal import equal
from tutor.calculus.reverse import gradient, jacobian
from tutor.calculus.simplify import simplify
from tutor.errors import InputError
from tutor.graph import interned, products, sums
from tutor.graph import node as g
from tutor.graph.node import Node, T, map_
from tutor.notation.text import text
from tutor.numeric.evaluate import evaluate
from tutor.problem.expression import parse
from tutor.render.terminal import terminal

N = sp.Symbol("n", integer=True, positive=True)


def deviation(name: str) -> float:
    """Of a row of the table, derived anew, from its stated derivative; infinite if it breaks."""
    try:
        d = Derived(table.BY_ID[name])
        want = d.read(d.row["expected"])
        return max(oracle.error(d.paper(n), want) for n in (d.raw, d.node))
    except Exception:  # a planted fault may also make shapes disagree
        return np.inf


def value(node: Node, **env: Any) -> np.ndarray:
    leaves = {n.attr.name: n for n in g.topological([node]) if n.kind == "var"}
    known = {leaves[k]: np.asarray(v, dtype=float) for k, v in env.items() if k in leaves}
    return np.asarray(evaluate([node], known, {N: 3})[0], dtype=float)


def shown(given: str, define: str, task: str) -> str:
    """A solution as a reader sees it, lines joined."""
    solved = tutor.loads(f"given:\n{given}define:\n{define}tasks:\n  - {task}\n").solve()
    assert solved.solution.ok
    return " ".join(terminal(solved.solution, width=400).split())


# -- 1 -------------------------------------------------------------------------------------------


def test_01_index_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fresh labels that start again collide with labels in use: layer norm is off, little else."""
    assert deviation("ml_layernorm") < 1e-9
    right = products.fresh_labels
    for module in [m for n, m in sys.modules.items() if n.startswith("tutor.")]:
        if getattr(module, "fresh_labels", None) is right:
            monkeypatch.setattr(module, "fresh_labels", lambda n: tuple(range(10_000, 10_000 + n)))
    assert deviation("ml_layernorm") > 1e-6


# -- 2 -------------------------------------------------------------------------------------------


def test_02_dead_indices_count_as_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label that a delta removed, left in the table of sizes, multiplies by n."""
    names = ("ml_attention", "mc_detAXB", "ml_lse_hess")
    assert all(deviation(n) < 1e-9 for n in names)
    right = products._drop_deltas

    def forgetful(parts: Any, out: Any, size: dict[Any, Any]) -> Any:
        before = dict(size)
        found = right(parts, out, size)
        size.update({k: d for k, d in before.items() if k not in size})
        return found

    monkeypatch.setattr(products, "_drop_deltas", forgetful)
    assert deviation("ml_lse_hess") > 1e-3


# -- 3 -------------------------------------------------------------------------------------------


def test_03_a_map_does_not_commute_with_a_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """exp(Σx) is not Σexp(x), while exp(Xᵀ) is exp(X)ᵀ."""
    X = g.var("X", (N, 5))
    at = np.arange(15.0).reshape(3, 5) / 10
    rows = g.sum_axes(X, [1])
    assert np.allclose(value(map_(sp.exp(T), rows), X=at), np.exp(at.sum(axis=1)))
    turned = g.permute(X, (1, 0))
    assert map_(sp.exp(T), turned) is g.permute(map_(sp.exp(T), X), (1, 0))
    monkeypatch.setattr(sums, "summed_once", lambda labels: True)
    monkeypatch.setattr(sums, "all", lambda found: True, raising=False)
    wrong = map_(sp.exp(T), rows)
    assert not np.allclose(value(wrong, X=at), np.exp(at.sum(axis=1)))


# -- 4 -------------------------------------------------------------------------------------------

SIGNS = ("(a - b) - (b - a)", "-(a - b) * (b - a)", "sum((b - a) * (a - b)) * (a - b)",
         "-sigmoid(-(a - b))", "(a - b) / (b - a) - 1", "-(-(a - b)) + (b - a) * 2")  # fmt: skip


@pytest.mark.parametrize("expression", SIGNS)
def test_04_signs_settle(expression: str) -> None:
    """Normalising signs against an order that is not stored never ends."""
    row = {"id": "signs", "kind": "jacobian", "expression": expression, "expected": "a",
           "vars": {"a": ["n"], "b": ["n"]}, "wrt": "a", "source": "", "assume": {}}  # fmt: skip
    d = Derived(row)
    assert simplify(d.node) is d.node
    assert simplify(simplify(d.y)) is simplify(d.y)


def test_04_the_order_of_the_author_stays() -> None:
    for expression in ("a - b", "b - a"):
        row = {"id": "order", "kind": "gradient", "expression": f"1/2 * norm2({expression})**2",
               "vars": {"a": ["n"], "b": ["n"]}, "wrt": "a", "expected": "a - b", "source": "",
               "assume": {}}  # fmt: skip
        printed = Derived(row).printed
        assert printed in {"a - b": ("a - b",), "b - a": ("-(b - a)", "a - b")}[expression]


# -- 5, 6, 13 ------------------------------------------------------------------------------------


def chain(layers: int, gated: bool = False) -> tuple[Node, list[Node]]:
    """norm2 of a tanh network's output, squared; gated layers use their input twice."""
    h = g.var("x", (N,))
    weights = [g.var(f"W{k}", (N, N)) for k in range(layers)]
    for W in weights:
        z = map_(sp.tanh(T), g.ein([(W, "ij"), (h, "j")], "i"))
        h = g.mul(h, z) if gated else z
    return g.ein([(h, "i"), (h, "i")], ()), weights


def steps_of(f: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many nodes f asks for."""
    count = 0
    right = interned.intern

    def counted(*a: Any) -> Node:
        nonlocal count
        count += 1
        return right(*a)

    with monkeypatch.context() as patch:
        for module in (interned, products, sums):
            patch.setattr(module, "intern", counted)
        f()
    return count


@pytest.mark.parametrize("gated", [False, True])
def test_05_work_grows_with_the_graph_not_with_the_tree(
    gated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial inside a trial, or a helper without a memory, doubles the work with each layer."""

    def derive(layers: int) -> None:
        y, weights = chain(layers, gated)
        simplify(gradient(y, weights[0]))

    short, long = (steps_of(lambda n=n: derive(n), monkeypatch) for n in (8, 32))
    assert long < 4 * 1.6 * short  # four times the layers; a tree would have millions


def test_06_products_are_flattened_up_to_a_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the cap, nested products become one of all factors, in more than squared time."""

    def nested() -> Node:
        h = g.var("x", (N,))
        for k in range(60):
            h = g.mul(h, g.add([g.var(f"a{k}", (N,)), g.var(f"b{k}", (N,))]))
        return h

    def widest() -> int:
        return max(len(n.args) for n in g.topological([simplify(nested())]) if n.kind == "ein")

    assert widest() <= factors.MOST_FACTORS
    monkeypatch.setattr(factors, "MOST_FACTORS", 1_000)
    assert widest() > 50


# -- 7 -------------------------------------------------------------------------------------------


def test_07_sympys_simplify_stays_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes 0.1 s a piece and writes 1 − tanh² as 1/cosh²."""

    def never(*a: Any, **k: Any) -> None:
        raise AssertionError("sympy.simplify was called")

    for name in ("simplify", "trigsimp", "powsimp", "radsimp", "ratsimp"):
        monkeypatch.setattr(sp, name, never)
    for name in ("ml_mlp_W1", "x_rnn2", "ml_layernorm", "ml_logreg_hess"):
        d = Derived(table.BY_ID[name])
        assert "cosh" not in d.printed
    assert "1 - tanh(W1 @ x + b1)**2" in Derived(table.BY_ID["ml_mlp_W1"]).printed


# -- 8 -------------------------------------------------------------------------------------------

PAIRS = (
    ("sigmoid(-x)", "1 - sigmoid(x)"), ("exp(x) / sum(exp(x))", "softmax(x)"),
    ("log(sum(exp(x)))", "logsumexp(x)"), ("(x - 1)**2 * (x + 1)", "x**3 - x**2 - x + 1"),
    ("tanh(x)", "2 * sigmoid(2 * x) - 1"), ("sin(x)**2 + cos(x)**2", "ones(n)"),
)  # fmt: skip


def typed(expression: str) -> Node:
    row = {"id": "pair", "kind": "jacobian", "expression": expression, "expected": "x",
           "vars": {"x": ["n"]}, "wrt": "x", "source": "", "assume": {}}  # fmt: skip
    return Derived(row).y if "x" in expression else g.const(1, (sp.Symbol("n"),))


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_08_nobody_is_told_wrong_by_symbols_alone(
    left: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expanded forms of one thing may differ; values decide, also when no proof is found."""
    a = typed(left)
    b = typed(right) if "x" in right else g.const(1, a.shape)
    assert equal(a, b).equal
    assert equal(a, g.scale(sp.Rational(101, 100), b)).equal is False
    monkeypatch.setattr(comparison, "shown_equal", lambda a, b: False)
    verdict = equal(a, b)
    assert verdict.equal and not verdict.shown and verdict.points > 1


# -- 9 -------------------------------------------------------------------------------------------


def test_09_square_sizes_do_not_hide_which_axis() -> None:
    """A column adds to the columns, a row to the rows, also of a square matrix; tests use m ≠ n."""
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    given = "  A: [[1, 2], [3, 4]]\n  v: [10, 20]\n"
    solved = tutor.loads(
        f"given:\n{given}define:\n  C: A + v\n  R: A + v.T\ntasks:\n  - forward\n"
    ).solve()
    column, row = (np.asarray(solved[k].value, dtype=float) for k in ("C", "R"))
    assert np.array_equal(column, A + np.array([[10.0], [20.0]]))
    assert np.array_equal(row, A + np.array([10.0, 20.0]))
    for r in table.ROWS:
        sizes = table.drawn(r, 0)[1]
        assert len(set(sizes.values())) == len(sizes), r["id"]


# -- 10 ------------------------------------------------------------------------------------------


def test_10_a_sum_over_an_absent_index_counts_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Σᵢ a = n a, a mean's slope is 1/n; a size that is forgotten shows in the value."""
    a = g.var("a", ())
    total = g.sum_axes(g.broadcast(a, (), (N,)), [0])
    assert value(total, a=2.0) == 6.0
    x = g.var("x", (N,))
    mean = g.scale(1 / N, g.sum_axes(x, [0]))
    assert np.allclose(value(gradient(mean, x), x=np.ones(3)), 1 / 3)
    assert "mean(" in derived("ml_layernorm").printed
    names = ("x_batchnorm_vec", "fn_var_hess", "ml_center_form")
    assert all(deviation(n) < 1e-9 for n in names)

    right = products._finish

    def sizeless(parts: Any, out: Any, size: dict[Any, Any], coef: Any) -> Node:
        used = {x for _, ls in parts for x in ls} | set(out)
        return right(parts, out, {k: d for k, d in size.items() if k in used}, coef)

    monkeypatch.setattr(products, "_finish", sizeless)
    assert value(g.sum_axes(g.broadcast(a, (), (N,)), [0]), a=2.0) == 2.0


# -- 11 ------------------------------------------------------------------------------------------


def test_11_symmetric_variables_are_another_question() -> None:
    """S⁻ᵀ with all entries free; 2 S⁻¹ − S⁻¹∘I where each free entry counts once."""
    S = np.array([[2.0, 0.5], [0.5, 1.0]])
    inverse = np.linalg.inv(S)
    for mark, want in (("", inverse.T), (", symmetric: true", 2 * inverse - inverse * np.eye(2))):
        given = f"  S: {{value: {S.tolist()}{mark}}}\n"
        solved = tutor.loads(
            f"given:\n{given}define:\n  L: logdet(S)\ntasks:\n  - gradient: {{of: L, wrt: S}}\n"
        ).solve()
        (result,) = solved.tasks
        assert result.value is not None and solved.solution.ok
        assert np.allclose(result.value.floats(), want)
        page = terminal(solved.solution, width=400)
        assert ("each pair counts once" in " ".join(page.split())) == bool(mark)


# -- 12 ------------------------------------------------------------------------------------------

CONDITIONS = (
    ("X: matrix(n, n)", "tr(inv(X))", "X is invertible"),
    ("X: matrix(n, n)", "logdet(X)", "the determinant of X is positive"),
    ("X: vector(n)", "sum(log(X))", "every entry of X is positive"),
    ("X: vector(n)", "norm2(X)", "X is not zero"),
    ("X: vector(n)", "sum(sqrt(X))", "every entry of X is positive"),
    ("X: vector(n)", "max(X)", "several entries are largest"),
    ("X: vector(n)", "sum(relu(X))", "the slope is taken to be 0"),
)


@pytest.mark.parametrize(("given", "expression", "words"), CONDITIONS)
def test_12_conditions_are_stated(given: str, expression: str, words: str) -> None:
    page = shown(f"  {given}\n", f"  L: {expression}\n", "gradient: {of: L, wrt: X}")
    assert words in page


# -- 13 ------------------------------------------------------------------------------------------


def test_13_no_pass_recurses_over_the_graph() -> None:
    """Deriving, simplifying and evaluating 2,000 layers within 120 frames more than now."""
    depth = len(_frames())
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 120)
    try:
        x = g.var("x", ())
        y: Node = x
        for _ in range(1_000):
            y = g.add([map_(sp.tanh(T), y), x])
        slope = simplify(jacobian(y, x))
        (number,) = evaluate([slope], {x: np.array(0.3)})
        assert slope.key and np.isfinite(number)
    finally:
        sys.setrecursionlimit(limit)


def _frames() -> list[Any]:
    found, frame = [], sys._getframe()
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


# -- 14 ------------------------------------------------------------------------------------------


def test_14_exact_scalars_stay_arrays() -> None:
    """NumPy turns object arrays without axes into bare SymPy numbers after each operation."""
    x = g.var("x", ())
    v = g.var("v", (3,))
    half = np.empty((), dtype=object)
    half[()] = sp.Rational(1, 2)
    three = np.array([sp.Integer(1), sp.Integer(2), sp.pi], dtype=object)
    total = g.sum_axes(v, [0])
    nodes = [g.add([x, total]), map_(T**2, x), g.mul(x, total), g.ein([(v, "i"), (v, "i")], ()),
             g.call("logsumexp", [v], (0,), ()), gradient(g.mul(x, total), x)]  # fmt: skip
    for array in evaluate(nodes, {x: half, v: three}):
        assert isinstance(array, np.ndarray) and array.shape == () and array.dtype == object


# -- 15 ------------------------------------------------------------------------------------------

TEXTS = ("(x**2).T", "x**2", "(-x)**2", "-x**2", "a / (b * c)", "a / b * c", "a / b / c",
         "a - (b - c)", "a - b - c", "-(a + b)", "(-a) * b", "a * -b", "(A @ B).T", "A @ B.T",
         "A @ (B @ c)", "(a * b) @ c", "a * (b @ c)", "2 ** (-x)", "(a**b)**c", "a**b**c",
         "(a + b).T @ c", "-(A @ b)", "x.T.T", "(a < b) * c", "A[0].T", "(x.T @ y)**2")  # fmt: skip


@pytest.mark.parametrize("expression", TEXTS)
def test_15_print_and_parse_are_inverse(expression: str) -> None:
    """Precedence goes wrong in `(x**2).T`, in a leading minus and in `a / (b * c)`."""
    term = parse(expression)
    assert parse(text(term)) == term


# -- 16 ------------------------------------------------------------------------------------------

HOSTILE = ('__import__("os").system("true")', "(1).__class__", "lambda: 0", "x if x else x",
           "[c for c in x]", "x.__class__", "exec(x)", "open(x)", "f'{x}'", "x := 1", "*x", "x; x",
           "().__class__.__bases__", "getattr(x, 'T')", "globals()")  # fmt: skip


@pytest.mark.parametrize("expression", HOSTILE)
def test_16_expressions_are_never_executed(
    expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*a: Any, **k: Any) -> None:
        raise AssertionError("input was executed")

    quoted = expression.replace("\\", "\\\\").replace('"', '\\"')
    text_ = f'given:\n  x: [1, 2]\ndefine:\n  L: "{quoted}"\ntasks:\n  - forward\n'
    shown("  x: [1, 2]\n", "  L: sum(x)\n", "forward")  # imports what it needs, dataclasses and all
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "eval", never)
        patch.setattr(builtins, "exec", never)
        patch.setattr(sp, "sympify", never)
        with pytest.raises(InputError):
            tutor.loads(text_).solve()


# -- 17 ------------------------------------------------------------------------------------------


def test_17_nodes_go_when_nobody_needs_them() -> None:
    """A table that keeps its nodes leaks."""
    gc.collect()
    before = len(interned._table)
    y, weights = chain(20)
    kept = simplify(gradient(y, weights[0]))
    assert len(interned._table) > before + 50
    del y, weights, kept
    gc.collect()
    assert len(interned._table) <= before


def test_17_what_came_before_changes_nothing_in_print() -> None:
    """An order taken from the history of the process shows in the formula."""
    names = ("mc_trAXBXTC", "ml_mlp_W1", "ml_rayleigh", "mn_hess_trAXTBX", "x_rnn2")
    first = [Derived(table.BY_ID[n]).printed for n in names]
    for n in reversed(names):
        chain(3)
        Derived(table.BY_ID[n])
    assert [Derived(table.BY_ID[n]).printed for n in reversed(names)] == first[::-1]


# -- 18 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("vec", "words"), [("column", "columns"), ("row", "rows")])
def test_18_kronecker_products_state_their_convention(vec: str, words: str) -> None:
    A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    solved = tutor.loads(
        f"convention: {{vec: {vec}}}\ngiven:\n  A: {A.tolist()}\n  X: [[1, 2], [3, 4], [5, 7]]\n"
        "define:\n  Y: A @ X\ntasks:\n  - jacobian: {of: Y, wrt: X}\n"
    ).solve()
    page = " ".join(terminal(solved.solution, width=400).split())
    assert f"vec stacks {words}" in page
    (result,) = solved.tasks
    assert result.value is not None
    want = np.kron(np.eye(2), A) if vec == "column" else np.kron(A, np.eye(2))
    assert np.array_equal(result.value.floats(), want)


def test_18_the_commutation_matrix_swaps() -> None:
    """K(m, n) vec(A) = vec(Aᵀ) for an m×n matrix, by columns."""
    solved = tutor.loads(
        "given:\n  A: [[1, 2, 3], [4, 5, 6]]\ndefine:\n  l: commutation(2, 3) @ vec(A)\n"
        "  r: vec(A.T)\ntasks:\n  - forward\n"
    ).solve()
    left, right = (np.asarray(solved[k].value, dtype=float) for k in ("l", "r"))
    assert np.array_equal(left, right) and left.tolist() == [1, 2, 3, 4, 5, 6]


def test_the_simplifier_is_quick_on_long_chains() -> None:
    """The gated chain of 16 layers took half a minute with helpers that forgot."""
    y, weights = chain(16, gated=True)
    began = time.perf_counter()
    simplify(gradient(y, weights[0]))
    assert time.perf_counter() - began < 5
    assert simplification.simplify is simplify
