"""Random problems, solved by the tutor and by an evaluator that shares nothing with it.

For every program: the value, the gradient or Jacobian (in the file's layout and vec) against
torch.autograd, or central differences where torch is absent; the printed closed form, read by
Python's own parser, against the value; and the tutor's own check must agree with its result.
"""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import paper_oracle as oracle
import pytest
from random_programs import Maker, Program

from tutor.api import Solved, loads
from tutor.calculus.reverse import identity as unit
from tutor.calculus.reverse import pullback
from tutor.calculus.simplify import simplify, substitute
from tutor.graph.node import Node
from tutor.notation.text import text
from tutor.numeric.evaluate import NotFinite, evaluate
from tutor.problem import loads as load_problem
from tutor.problem.elaborate import elaborate
from tutor.steps import TaskResult

try:
    import torch
except ImportError:
    torch = None

CLOSE = 1e-8 if torch is not None else 1e-5  # central differences are the oracle without torch

CONVENTIONS = [
    (layout, vec) for layout in ("numerator", "denominator") for vec in ("column", "row")
]
SHARP = (11150, 12331)  # programs next to the zero of a norm
BLOCKS = 12  # of each kind of program
EACH = 9  # programs in a block
TOO_LARGE = 1e5  # values beyond this say little about a derivative


@dataclass
class Case:
    """A program with its values by the second evaluator, or None where they are unusable."""

    seed: int
    program: Program
    layout: str
    vec: str
    wrt: list[str]
    env: dict[str, Any]

    @property
    def kind(self) -> str:
        return "gradient" if self.program.result == "L" else "jacobian"

    def source(self) -> str:
        tasks = [f"{self.kind}: {{of: {self.program.result}, wrt: {n}}}" for n in self.wrt]
        head = f"convention: {{layout: {self.layout}, vec: {self.vec}}}"
        return self.program.yaml(tasks, head=head)

    def function(self, name: str) -> Any:
        def f(at: Any) -> Any:
            env = {**self.program.env(), name: at}
            return oracle.run(self.program.define, env, None, self.vec)[self.program.result]

        return f

    def derivative(self, name: str) -> np.ndarray:
        """∂result/∂name as a gradient in the name's shape, or as rows × columns."""
        if torch is not None:
            p = self.program
            j = oracle.autograd(p.define, p.env(), p.result, name, self.vec)
        else:
            j = oracle.differences(self.function(name), self.env[name])
        return self.arranged(j)

    def arranged(self, j: np.ndarray) -> np.ndarray:
        if self.kind == "gradient":
            return j
        rows = np.ndim(self.env[self.program.result])
        return oracle.unrolled(j, rows, self.layout, self.vec)

    def smooth(self, name: str, derivative: np.ndarray) -> bool:
        """Whether differences to both sides agree with the derivative: no kink at the point."""
        f, x = self.function(name), self.env[name]
        if not two_sided(f, x):
            return False
        return oracle.error(self.arranged(oracle.differences(f, x, 1e-5)), derivative) < 1e-3


def two_sided(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, h: float = 1e-6) -> bool:
    """Whether the slopes to the right and to the left are the same along every axis."""
    here = np.asarray(f(x), dtype=float)
    for at in np.ndindex(*x.shape):
        step = np.zeros_like(x, dtype=float)
        step[at] = h
        right = (np.asarray(f(x + step), dtype=float) - here) / h
        left = (here - np.asarray(f(x - step), dtype=float)) / h
        scale = 1 + max(np.max(np.abs(right), initial=0), np.max(np.abs(left), initial=0))
        if np.max(np.abs(right - left), initial=0) > 1e-2 * scale:
            return False
    return True


def rearranges(definition: str) -> bool:
    """A definition that only moves the entries of one name is the same variable."""
    e = ast.parse(definition, mode="eval").body
    while True:
        match e:
            case ast.Name():
                return True
            case ast.Attribute():
                e = e.value
            case ast.Call(func=ast.Name(id="vec" | "unvec" | "reshape" | "flatten")):
                e = e.args[0]
            case _:
                return False


def case(seed: int, depth: int, exact: bool, kinks: bool = True) -> Case | None:
    maker = Maker(seed, depth, exact, kinks)
    program = maker.make()
    layout, vec = CONVENTIONS[seed % 4]
    with np.errstate(all="ignore"):
        env = oracle.run(program.define, program.env(), None, vec)
    if any(not np.isfinite(v).all() or np.max(np.abs(v)) > TOO_LARGE for v in env.values()):
        return None
    inner = [n for n, t in program.define.items() if n != program.result and not rearranges(t)]
    names = [*program.given, *inner]
    maker.rng.shuffle(names)
    return Case(seed, program, layout, vec, names[:2], env)


@dataclass
class Tally:
    counts: Counter = field(default_factory=Counter)

    def __iadd__(self, other: Tally) -> Tally:
        self.counts += other.counts
        return self


def examine(c: Case) -> Tally:
    """Everything that must hold of one program."""
    tally, source = Tally(), c.source()
    try:
        solved = loads(source).solve()
    except Exception as error:
        if isinstance(error, NotFinite) and (torch is None or singular(c)):
            tally.counts["no derivative"] += 1
            return tally
        raise AssertionError(f"seed {c.seed}: {error!r}\n{source}") from error
    value = np.asarray(solved[c.program.result].value, dtype=float)
    want = np.asarray(c.env[c.program.result], dtype=float)
    assert oracle.error(value.ravel(), want.ravel()) < 1e-9, (c.seed, source)
    for name, result in zip(c.wrt, solved.tasks, strict=True):
        derivative(c, name, result, tally, source)
    tally.counts["programs"] += 1
    return tally


def singular(c: Case) -> bool:
    """Whether some derivative does not exist: the norm of a zero vector."""
    return any(not np.isfinite(c.derivative(n)).all() for n in c.wrt)


def two_axes(x: Any) -> np.ndarray:
    x = np.asarray(x, dtype=float)
    return x[:, None] if x.ndim == 1 else x


def derivative(c: Case, name: str, result: TaskResult, tally: Tally, source: str) -> None:
    where = f"seed {c.seed}, d{c.program.result}/d{name}\n{source}"
    want = c.derivative(name)
    if result.undefined is not None and (torch is None or not np.isfinite(want).all()):
        assert result.value is None, where
        tally.counts["no derivative"] += 1
        return
    assert result.value is not None, where
    got = two_axes(result.value.numbers())
    if c.kind == "jacobian":
        got = got.reshape(want.shape)
    if oracle.error(got, want) > CLOSE:
        assert not c.smooth(name, want), f"{where}{got}\n{want}"
        tally.counts["kinks"] += 1
        return
    tally.counts["derivatives"] += 1
    if c.smooth(name, want):
        assert result.check is not None and result.check.passed, f"{where}{result.check}"
    if result.formula is None or "form" in result.extra:
        return  # subscripts are read by test_index_form
    printed = text(result.formula)
    reader = oracle.Reader({}, None, c.vec)
    reader.env = dict(c.env)
    try:
        with np.errstate(all="ignore"):
            closed = np.asarray(reader.read(printed), dtype=float)
    except oracle.Unreadable:
        return  # subscripts, or an adjoint known by name
    except Exception as error:
        raise AssertionError(f"{where}{printed}: {error!r}") from error
    if closed.size == 1 or printed == "0":
        closed = np.broadcast_to(closed.reshape((1,) * want.ndim), want.shape)
    assert oracle.error(closed, want) < 1e-7, f"{where}{printed}\n{closed}\n{want}"
    tally.counts["closed forms"] += 1


def sweep(seeds: range, depth: int, exact: bool) -> Tally:
    total = Tally()
    for seed in seeds:
        found = case(seed, depth, exact)
        if found is not None:
            total += examine(found)
    return total


@pytest.mark.parametrize("block", range(BLOCKS))
def test_floating(block: int) -> None:
    tally = sweep(range(100 * block, 100 * block + EACH), depth=2 + block % 2, exact=False)
    assert tally.counts["derivatives"] >= EACH  # nothing is skipped in silence
    assert tally.counts["closed forms"] >= EACH // 2


@pytest.mark.parametrize("block", range(BLOCKS))
def test_exact(block: int) -> None:
    tally = sweep(range(50_000 + 100 * block, 50_000 + 100 * block + EACH), depth=2, exact=True)
    assert tally.counts["derivatives"] >= EACH // 2


# seeds that once found something: (seed, depth, exact)
FOUND = [
    (1, 2, False), (2, 2, False), (15, 2, False), (18, 2, False), (21, 2, False), (89, 3, False),
    (95, 3, False), (1247, 2, False), (1313, 2, False), (1655, 2, False), (2186, 3, False),
    (2244, 3, False), (2270, 3, False), (2325, 3, False), (10504, 4, False), (11150, 4, False),
    (12231, 4, False), (12331, 4, False), (12489, 4, False), (12577, 4, False), (5012, 2, True),
    (5236, 2, True), (5241, 2, True), (5291, 2, True), (1178, 2, False), (1470, 2, False),
]  # fmt: skip


@pytest.mark.parametrize(("seed", "depth", "exact"), FOUND)
def test_found(seed: int, depth: int, exact: bool) -> None:
    if torch is None and seed in SHARP:
        pytest.skip("bends too sharply for differences; needs torch as the oracle")
    found = case(seed, depth, exact)
    assert found is not None
    examine(found)


# -- exact against floating ------------------------------------------------------------------------


def test_exact_results_equal_floating_ones() -> None:
    """The same problem with every number spelled as measured data."""
    compared = 0
    for seed in range(60_000, 60_040):
        found = case(seed, 2, True, kinks=False)
        if found is None:
            continue
        exact = loads(found.source()).solve(checking=False)
        found.program.given = {
            k: (s, v.astype(float) * (1 + 1e-15)) for k, (s, v) in found.program.given.items()
        }
        floating = loads(found.source()).solve(checking=False)
        for a, b in zip(exact.tasks, floating.tasks, strict=True):
            assert a.value is not None and b.value is not None
            assert oracle.error(b.value.floats(), a.value.floats()) < 1e-8, found.source()
            compared += a.value.exact
    assert compared >= 20


# -- simplification --------------------------------------------------------------------------------


def whole(problem_text: str, result: str, wrt: str) -> tuple[Node, dict[Node, np.ndarray], Node]:
    """The derivative over the givens, not simplified; values of the leaves; the leaf of `wrt`."""
    graph = elaborate(load_problem(problem_text))
    full: dict[Node, Node] = {}
    for line in graph.lines.values():
        if line.val is not None:
            full[line.leaf.node] = substitute(line.val.node, full)
    y, x = graph[result], graph[wrt].leaf.node
    node = full[y.leaf.node]
    env = dict(graph.constants)
    for line in graph.lines.values():
        if line.value is not None:
            env[line.leaf.node] = line.value.floats().reshape(line.leaf.node.shape)
    (raw,) = pullback(node, unit(node.shape), [x])
    return raw, env, node


def test_simplified_nodes_have_the_same_value() -> None:
    count = 0
    for seed in range(70_000, 70_080):
        found = case(seed, 3, False)
        if found is None or found.program.result not in found.program.define:
            continue
        given = [n for n in found.wrt if n in found.program.given]
        if not given or found.program.shapes[found.program.result][0] == "m":
            continue
        raw, env, node = whole(found.source(), found.program.result, given[0])
        if not any(n.kind == "var" for n in (raw, *raw.args)) and not raw.args:
            continue
        short, again = simplify(raw), simplify(simplify(raw))
        want, a, b, y, z = evaluate([raw, short, again, node, simplify(node)], env)
        assert oracle.error(a, want) < 1e-9, found.source()
        assert oracle.error(b, want) < 1e-9, found.source()
        assert oracle.error(z, y) < 1e-9, found.source()
        count += 1
    assert count >= 20


# -- variables of special kinds --------------------------------------------------------------------


def solved(
    given: dict[str, str], define: dict[str, str], tasks: list[str], head: str = ""
) -> Solved:
    lines = ["title: t", *([head] if head else []), "given:"]
    lines += [f"  {k}: {v}" for k, v in given.items()] + ["define:"]
    lines += [f"  {k}: {v}" for k, v in define.items()] + ["tasks:"]
    return loads("\n".join([*lines, *(f"  - {t}" for t in tasks)]) + "\n").solve()


def numbers(result: TaskResult) -> np.ndarray:
    assert result.check is not None and result.check.passed
    assert result.value is not None
    return result.value.floats()


SYMMETRIC = [
    "a.T @ S @ b", "a.T @ S @ S @ b", "sum(S * S * W)", "a.T @ S @ b + a.T @ S.T @ b",
    "sum(tanh(S @ W))", "norm2(S)**2", "logsumexp(S @ a)", "max(S @ b)", "sum(exp(S) @ W @ S.T)",
]  # fmt: skip


@pytest.mark.parametrize("expression", SYMMETRIC)
def test_symmetric_variables(expression: str) -> None:
    """Move the free entries one at a time, both places together."""
    S = np.array([[0.5, 0.2, -0.3], [0.2, 0.7, 0.4], [-0.3, 0.4, -0.6]])
    env = {"S": S, "a": np.array([0.3, -0.5, 0.8]), "b": np.array([0.9, 0.1, -0.7]),
           "W": np.array([[0.1, 0.5, -0.2], [0.3, -0.4, 0.6], [0.7, 0.2, 0.9]])}  # fmt: skip
    given = {k: str(v.tolist()) for k, v in env.items()}
    given["S"] = f"{{value: {given['S']}, symmetric: true}}"
    result = solved(given, {"L": expression}, ["gradient: {of: L, wrt: S}"]).tasks[0]
    want = np.zeros((3, 3))
    for i in range(3):
        for j in range(i + 1):
            E = np.zeros((3, 3))
            E[i, j] = E[j, i] = 1.0

            def f(t: np.ndarray, E: np.ndarray = E) -> Any:
                return oracle.run({"L": expression}, {**env, "S": S + t * E})["L"]

            want[i, j] = want[j, i] = oracle.differences(f, np.array(0.0))
    assert oracle.error(numbers(result), want) < 1e-8


@pytest.mark.parametrize("layout", ["numerator", "denominator"])
def test_homogeneous_variables(layout: str) -> None:
    """The final 1 is not free: no row or column of the Jacobian belongs to it."""
    W = np.array([[1.0, -2.0, 0.5, 3.0], [0.25, 1.5, -1.0, 2.0]])
    x = np.array([0.3, -0.7, 1.1])
    given = {"W": str(W.tolist()), "x": f"{{value: {x.tolist()}, homogeneous: true}}"}
    tasks = ["jacobian: {of: z, wrt: x}", "gradient: {of: L, wrt: x}", "gradient: {of: L, wrt: W}"]
    s = solved(
        given, {"z": "tanh(W @ x)", "L": "norm2(z)**2"}, tasks, f"convention: {{layout: {layout}}}"
    )
    z = np.tanh(W @ np.append(x, 1))
    J = (1 - z**2)[:, None] * W[:, :3]
    np.testing.assert_allclose(numbers(s.tasks[0]), J if layout == "numerator" else J.T, rtol=1e-12)
    np.testing.assert_allclose(numbers(s.tasks[1]), 2 * z @ J, rtol=1e-12)
    want = np.outer(2 * z * (1 - z**2), np.append(x, 1))
    np.testing.assert_allclose(numbers(s.tasks[2]), want, rtol=1e-12)


@pytest.mark.parametrize("vec", ["column", "row"])
def test_the_same_variable_under_another_name(vec: str) -> None:
    """w = vec(W) is W in another order, also where the loss is written with W."""
    W = np.array([[1.0, -2.0, 0.5], [0.25, 1.5, -1.0]])
    x = np.array([0.3, -0.7, 1.1])
    order = "F" if vec == "column" else "C"
    G = np.outer(2 * (W @ x), x)
    for loss in ("norm2(W @ x)**2", "norm2(unvec(w, 2, 3) @ x)**2"):
        tasks = [
            "gradient: {of: L, wrt: w}",
            "jacobian: {of: L, wrt: w}",
            "gradient: {of: L, wrt: W}",
        ]
        s = solved({"W": str(W.tolist()), "x": str(x.tolist())}, {"w": "vec(W)", "L": loss}, tasks,
                   f"convention: {{vec: {vec}}}")  # fmt: skip
        np.testing.assert_allclose(numbers(s.tasks[0]), G.ravel(order), rtol=1e-12)
        np.testing.assert_allclose(numbers(s.tasks[1]), G.ravel(order)[None], rtol=1e-12)
        np.testing.assert_allclose(numbers(s.tasks[2]), G, rtol=1e-12)


@pytest.mark.parametrize("steps", [1, 3])
def test_gradients_after_an_update(steps: int) -> None:
    """All gradients at the old point; `after` asks at the new one."""
    w, x, b = np.array([0.5, -1.0]), np.array([2.0, 0.25]), 0.75
    tasks = [
        f"update: {{of: L, wrt: [w, b], rate: 0.1, steps: {steps}}}\n    id: moved",
        "gradient: {of: L, wrt: w, after: moved}",
        "evaluate: {expr: L + sum(w), after: moved}",
    ]
    given = {"w": str(w.tolist()), "x": str(x.tolist()), "b": str(b), "t": "1/3"}
    s = solved(given, {"y": "sigmoid(w.T @ x + b)", "L": "(y - t)**2"}, tasks)

    def slope(w: np.ndarray, b: float) -> float:
        y = 1 / (1 + math.exp(-(w @ x + b)))
        return 2 * (y - 1 / 3) * y * (1 - y)

    for _ in range(steps):
        g = slope(w, b)
        w, b = w - 0.1 * g * x, b - 0.1 * g
    np.testing.assert_allclose(numbers(s.tasks[1]), slope(w, b) * x, rtol=1e-10)
    y = 1 / (1 + math.exp(-(w @ x + b)))
    value = s.tasks[2].value
    assert value is not None
    np.testing.assert_allclose(value.floats(), (y - 1 / 3) ** 2 + w.sum(), rtol=1e-10)


def test_a_variable_used_many_times() -> None:
    x = np.array([0.3, -0.7, 1.1])
    define = {
        "p": "tanh(x)",
        "q": "p * x",
        "L": "p.T @ q + sum(q**2) + norm2(x - p)**2 + max(x) * sum(p)",
    }
    s = solved(
        {"x": str(x.tolist())}, define, [f"gradient: {{of: L, wrt: {n}}}" for n in ("x", "p", "q")]
    )
    for name, result in zip(("x", "p", "q"), s.tasks, strict=True):

        def f(at: Any, name: str = name) -> Any:
            return oracle.run(define, {"x": x, name: at})["L"]

        at = oracle.run(define, {"x": x})[name]
        assert oracle.error(numbers(result), oracle.differences(f, at)[:, 0]) < 1e-8


# -- planted faults: the tutor's own check, and the tests above ------------------------------------


def scaled_rule(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    import sympy as sp

    from tutor import ops
    from tutor.graph.node import scale

    right = ops.KEPT[name]
    assert right.vjp is not None

    def wrong(*a: Any) -> Any:
        return tuple(n if n is None else scale(sp.Rational(101, 100), n) for n in right.vjp(*a))

    monkeypatch.setitem(ops.KEPT, name, replace(right, vjp=wrong))


FAULTY = {
    "softmax": "sum(c * softmax(W @ x))", "log_softmax": "sum(c * log_softmax(W @ x))",
    "logsumexp": "logsumexp(W @ x)", "max": "max(W @ x)",
    "max_pool": "sum(max_pool1d(concat(W @ x, c), 2))", "where": "sum(where(c > 0, W @ x, c))",
}  # fmt: skip
POINT = {"W": "[[0.5, -1.2], [0.3, 0.8], [1.1, 0.4]]", "x": "[0.7, -0.2]", "c": "[0.6, -0.9, 0.35]"}


@pytest.mark.parametrize("name", FAULTY)
def test_the_check_notices_a_wrong_rule(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = ["gradient: {of: L, wrt: x}"]
    before = solved(POINT, {"L": FAULTY[name]}, task)
    assert before.solution.ok
    scaled_rule(name, monkeypatch)
    after = solved(POINT, {"L": FAULTY[name]}, task)
    assert not after.solution.ok
    assert after.tasks[0].check is not None and after.tasks[0].check.max_rel_error > 1e-3


@pytest.mark.parametrize("rule", ["_ein_rule", "derivative"])
def test_the_check_notices_wrong_calculus(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tutor.calculus import reverse
    from tutor.graph.node import scale

    right = getattr(reverse, rule)
    wrong = (
        (lambda *a: scale(1.01, right(*a))) if rule == "_ein_rule" else (lambda f: right(f) * 1.01)
    )
    monkeypatch.setattr(reverse, rule, wrong)
    s = solved(POINT, {"L": "sum(tanh(W @ x))"}, ["gradient: {of: L, wrt: x}"])
    assert not s.solution.ok


def test_the_check_notices_a_lost_transpose(monkeypatch: pytest.MonkeyPatch) -> None:
    from tutor.calculus import reverse
    from tutor.graph.node import permute

    right = reverse._ein_rule

    def transposed(*a: Any) -> Node:
        n = right(*a)
        return permute(n, (1, 0)) if n.order == 2 and n.shape[0] == n.shape[1] else n

    monkeypatch.setattr(reverse, "_ein_rule", transposed)
    given = {
        "A": "[[0.5, -1.2], [0.3, 0.8]]",
        "B": "[[1, 2], [0.5, -1]]",
        "u": "[1, 2]",
        "v": "[3, 5]",
    }
    s = solved(given, {"L": "u.T @ A @ B @ v"}, ["gradient: {of: L, wrt: A}"])
    assert not s.solution.ok


def test_the_sweep_notices_a_wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    scaled_rule("max", monkeypatch)
    with pytest.raises(AssertionError):
        for seed in range(40):
            found = case(seed, 2, False)
            if found is not None and "max(" in found.source():
                examine(found)


def test_a_failed_check_exits_with_status_3(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from tutor.cli import main

    path = tmp_path / "p.yaml"
    given = "".join(f"  {k}: {v}\n" for k, v in POINT.items())
    path.write_text(
        f"title: t\ngiven:\n{given}define:\n  L: max(W @ x)\n"
        "tasks:\n  - gradient: {of: L, wrt: x}\n"
    )

    def status() -> int:
        monkeypatch.setattr("sys.argv", ["tutor", "solve", str(path)])
        try:
            return main() or 0
        except SystemExit as stop:
            return int(stop.code or 0)

    assert status() == 0
    scaled_rule("max", monkeypatch)
    assert status() == 3
