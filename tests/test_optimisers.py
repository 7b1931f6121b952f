"""The optimisers against torch.optim, against a plain rewrite, and on exact first steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from tutor.errors import InputError
from tutor.problem import loads
from tutor.problem.task_table import OPTIMIZER_FLAGS, OPTIMIZER_NUMBERS, OPTIMIZERS, TASKS
from tutor.render.terminal import terminal
from tutor.steps import Solution, TaskResult
from tutor.tasks import optimisers as table
from tutor.tasks import solve
from tutor.tasks.optimiser_terms import compiled, formula

try:
    import torch
except ImportError:
    torch = None
needs_torch = pytest.mark.skipif(torch is None, reason="torch is not installed")

GIVEN = {
    "W": "[[0.5, -1.25, 0.75], [1, 0.25, -0.5]]",
    "b": "[0.125, -0.375]",
    "c": "0.625",
    "x": "[1.5, -0.5, 2]",
    "y": "[0.25, -1]",
}
DEFINE = {"z": "tanh(W @ x + b)", "L": "sum((c*z - y)**2) + 0.1*sum(W**2)*c"}
PARAMETERS = ("W", "b", "c")


def problem(tasks: list[str], given: Mapping[str, str] = GIVEN, define: Any = None) -> Any:
    rows = ["title: test", "given:"]
    rows += [f"  {k}: {v}" for k, v in given.items()]
    rows += ["define:"] + [f"  {k}: {v}" for k, v in (define or DEFINE).items()]
    rows += ["tasks:"] + [f"  - {t}" for t in tasks]
    return loads("\n".join(rows) + "\n")


def solved(tasks: list[str], given: Mapping[str, str] = GIVEN, define: Any = None) -> Solution:
    return solve(problem(tasks, given, define))


def final(result: TaskResult) -> dict[str, np.ndarray]:
    return {n: np.array(e["value"], dtype=float) for n, e in result.extra["final"].items()}


def options_text(options: Mapping[str, Any]) -> str:
    words = {True: "true", False: "false"}
    return "".join(f", {k}: {words.get(v, v) if isinstance(v, bool) else v}"
                   for k, v in options.items())  # fmt: skip


# -- torch ----------------------------------------------------------------------------------------

CLASSES = {n: o.torch for n, o in table.OPTIMISERS.items() if o.torch is not None}


def by_torch(name: str, options: Mapping[str, Any], rate: float, steps: int) -> dict[str, Any]:
    """The parameters after the steps, by torch's own optimiser in float64."""
    tensors = {n: torch.tensor(listed(v), dtype=torch.float64) for n, v in GIVEN.items()}
    for n in PARAMETERS:
        tensors[n].requires_grad_(True)
    known = dict(options)
    if name == "momentum":
        known = {"momentum": 0.9} | known
    if name == "nesterov":
        known = {"momentum": 0.9, "nesterov": True} | known
    optimiser = getattr(torch.optim, CLASSES[name])([tensors[n] for n in PARAMETERS], lr=rate,
                                                    **known)  # fmt: skip
    for _ in range(steps):
        optimiser.zero_grad()
        z = torch.tanh(tensors["W"] @ tensors["x"] + tensors["b"])
        c = tensors["c"]
        loss = ((c * z - tensors["y"]) ** 2).sum() + 0.1 * (tensors["W"] ** 2).sum() * c
        loss.backward()
        optimiser.step()
    return {n: tensors[n].detach().numpy() for n in PARAMETERS}


def listed(text: str) -> Any:
    import json

    return json.loads(text)


MOMENTUM = [
    {}, {"momentum": 0.5}, {"weight_decay": 0.1}, {"momentum": 0.75, "weight_decay": 0.05},
    {"momentum": 0.5, "dampening": 0.25}, {"momentum": 0.5, "nesterov": True},
    {"momentum": 0.6, "nesterov": True, "weight_decay": 0.2}, {"maximize": True},
    {"maximize": True, "weight_decay": 0.1, "momentum": 0.5},
]  # fmt: skip
BETAS = [
    {}, {"betas": [0.8, 0.9]}, {"eps": 1e-3}, {"weight_decay": 0.3}, {"weight_decay": 0},
    {"betas": [0.5, 0.75], "eps": 0.01, "weight_decay": 0.1}, {"amsgrad": True},
    {"amsgrad": True, "betas": [0.1, 0.2], "weight_decay": 0.1}, {"maximize": True},
    {"maximize": True, "amsgrad": True, "weight_decay": 0.2},
]  # fmt: skip
CASES: dict[str, list[dict[str, Any]]] = {
    "sgd": MOMENTUM,
    "momentum": [{}, *MOMENTUM[1:]],
    "nesterov": [{}, {"momentum": 0.5}, {"momentum": 0.5, "weight_decay": 0.1},
                 {"maximize": True}],
    "adagrad": [
        {}, {"lr_decay": 0.5}, {"weight_decay": 0.1}, {"initial_accumulator_value": 0.25},
        {"eps": 0.01, "lr_decay": 0.1, "weight_decay": 0.2, "initial_accumulator_value": 1},
        {"maximize": True, "weight_decay": 0.1},
    ],
    "rmsprop": [
        {}, {"alpha": 0.5}, {"momentum": 0.9}, {"centered": True}, {"weight_decay": 0.1},
        {"centered": True, "momentum": 0.5, "alpha": 0.9, "eps": 0.001, "weight_decay": 0.05},
        {"maximize": True, "centered": True},
    ],
    "adam": BETAS,
    "adamw": BETAS,
}  # fmt: skip


def unbounded(name: str, options: Mapping[str, Any]) -> bool:
    """Whether many steps uphill leave the numbers that there are: the loss has no maximum."""
    return "maximize" in options and name in ("sgd", "momentum", "nesterov")


ROWS = [(n, o, s) for n, rows in CASES.items() for o in rows for s in (1, 3)]


@needs_torch
@pytest.mark.parametrize(("name", "options", "steps"), ROWS, ids=str)
def test_update_equals_torch(name: str, options: dict[str, Any], steps: int) -> None:
    task = (f"update: {{of: L, wrt: [W, b, c], rate: 0.0625, optimizer: {name}, steps: {steps}"
            f"{options_text(options)}}}")  # fmt: skip
    result = solved([task]).tasks[0]
    want = by_torch(name, options, 0.0625, steps)
    for n, value in final(result).items():
        np.testing.assert_allclose(value, want[n], rtol=1e-10, atol=1e-12)
    assert result.check is not None and result.check.passed


@needs_torch
@pytest.mark.parametrize(
    ("name", "options"),
    [
        (n, o)
        for n, rows in CASES.items()
        for o in (rows[0], rows[1], rows[-1])
        if not unbounded(n, o)
    ],
    ids=str,
)
def test_train_equals_torch(name: str, options: dict[str, Any]) -> None:
    task = (f"train: {{of: L, wrt: [W, b, c], rate: 0.0625, optimizer: {name}, steps: 40"
            f"{options_text(options)}}}")  # fmt: skip
    result = solved([task]).tasks[0]
    want = by_torch(name, options, 0.0625, 40)
    for n, value in final(result).items():
        np.testing.assert_allclose(value, want[n], rtol=1e-10, atol=1e-11)
    assert result.check is not None and result.check.passed


@needs_torch
def test_newton_joins_all_parameters() -> None:
    """With several parameters the Hessian is that of all of them together."""
    result = solved(["update: {of: L, wrt: [W, b, c], optimizer: newton}"]).tasks[0]
    start = torch.tensor(
        np.concatenate([np.ravel(listed(GIVEN[n])) for n in PARAMETERS]), dtype=torch.float64
    )
    x, y = (torch.tensor(listed(GIVEN[n]), dtype=torch.float64) for n in "xy")

    def loss(v: Any) -> Any:
        w, b, c = v[:6].reshape(2, 3), v[6:8], v[8]
        return ((c * torch.tanh(w @ x + b) - y) ** 2).sum() + 0.1 * (w**2).sum() * c

    h = torch.autograd.functional.hessian(loss, start)
    g = torch.autograd.functional.jacobian(loss, start)
    want = (start - torch.linalg.solve(h, g)).numpy()
    got = np.concatenate([np.ravel(v) for v in final(result).values()])
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11)
    assert result.check is not None and result.check.passed


# -- state ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in CASES if n != "sgd"])
def test_state_goes_on_where_it_stopped(name: str) -> None:
    """Two steps are one step, and one more from its parameters and its state."""
    extra = ", momentum: 0.5, centered: true" if name == "rmsprop" else ""
    two = solved([f"update: {{of: L, wrt: [W, b, c], rate: 0.125, optimizer: {name}, steps: 2"
                  f"{extra}}}"]).tasks[0]  # fmt: skip
    one = solved([f"update: {{of: L, wrt: [W, b, c], rate: 0.125, optimizer: {name}{extra}}}"])
    state = one.tasks[0].extra["state"]
    symbols = list(state["W"])
    moved = {n: str(v["value"]) for n, v in one.tasks[0].extra["final"].items()}
    rows = []
    for symbol in symbols:
        values = [f"{n}: {state[n][symbol]['value']}" for n in PARAMETERS]
        rows.append(f"{symbol}: {{{', '.join(values)}}}")
    if name in ("adam", "adamw", "adagrad"):
        rows.append("t: 1")
    text = ", ".join(rows)
    again = solved([f"update: {{of: L, wrt: [W, b, c], rate: 0.125, optimizer: {name}{extra}, "
                    f"state: {{{text}}}}}"], {**GIVEN, **moved}).tasks[0]  # fmt: skip
    for n, value in final(two).items():
        np.testing.assert_allclose(final(again)[n], value, rtol=1e-12)
    assert again.check is not None and again.check.passed


PLAIN = {"w": "[1, 2]"}
SQUARE = {"L": "w.T @ w"}


@pytest.mark.parametrize(
    "state",
    ["{v: [3, 4]}", "{w: {v: [3, 4]}}", "{v: {w: [3, 4]}}", "[3, 4]", "{momentum_buffer: [3, 4]}"],
)
def test_ways_to_write_a_state(state: str) -> None:
    task = f"update: {{of: L, wrt: w, rate: 0.1, optimizer: momentum, state: {state}}}"
    # v = 0.9·[3, 4] + [2, 4]
    assert solved([task], PLAIN, SQUARE).tasks[0].value.strings() == ["53/100", "31/25"]


def test_a_dampened_first_step_takes_the_whole_gradient_unless_there_is_a_state() -> None:
    task = "update: {of: L, wrt: w, rate: 0.1, optimizer: momentum, dampening: 0.5%s}"
    first = solved([task % ""], PLAIN, SQUARE).tasks[0]
    later = solved([task % ", state: {v: 0}"], PLAIN, SQUARE).tasks[0]
    assert first.value.strings() == ["4/5", "8/5"]  # v = g
    assert later.value.strings() == ["9/10", "9/5"]  # v = 0.9·0 + 0.5·g


# -- exact ----------------------------------------------------------------------------------------


def test_exact_first_steps() -> None:
    """L = wᵀw at (1, 2): the gradient is (2, 4)."""
    names = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "newton")
    tasks = [f"update: {{of: L, wrt: w, optimizer: {n}, rate: 1/10}}" for n in names]
    found = {n: t.value.strings() for n, t in zip(names, solved(tasks, PLAIN, SQUARE).tasks,
                                                  strict=True)}  # fmt: skip
    e, f = sp.Rational(1, 10**8), sp.Rational(1, 10**10)
    tenth, w = sp.Rational(1, 10), (1, 2)
    kept = [sp.Rational(999, 1000) * x for x in w]
    want = {
        "sgd": [x - tenth * 2 * x for x in w],
        "momentum": [x - tenth * 2 * x for x in w],
        "nesterov": [x - tenth * sp.Rational(19, 10) * 2 * x for x in w],
        "adagrad": [x - tenth * 2 * x / (2 * x + f) for x in w],
        "rmsprop": [x - tenth * 2 * x / (sp.Rational(2, 10) * x + e) for x in w],
        "adam": [x - tenth * 2 * x / (2 * x + e) for x in w],
        "adamw": [k - tenth * 2 * x / (2 * x + e) for k, x in zip(kept, w, strict=True)],
        "newton": [x - tenth * x for x in w],
    }
    assert found == {n: [str(x) for x in v] for n, v in want.items()}


def test_roots_stay_symbols() -> None:
    """AdaGrad's second step divides by √(2² + 1.8²) = √724/10."""
    task = "update: {of: L, wrt: w, rate: 1/10, optimizer: adagrad, eps: 0, steps: 2}"
    value = solved([task], {"w": "1"}, {"L": "w**2"}).tasks[0].value
    assert value.exact
    # w₁ = 1 − 0.1 = 0.9, g = 1.8, s = 4 + 3.24
    want = sp.Rational(9, 10) - sp.Rational(18, 100) / sp.sqrt(sp.Rational(724, 100))
    assert sp.simplify(sp.sympify(str(value.data[()])) - want) == 0


def test_newton_reaches_the_minimum_of_a_quadratic_in_one_step() -> None:
    given = {"A": "[[3, 1], [1, 2]]", "b": "[1, 1]", "x": "[7, -5]"}
    result = solved(["update: {of: f, wrt: x, optimizer: newton}"], given,
                    {"f": "(x.T @ A @ x)/2 - b.T @ x"}).tasks[0]  # fmt: skip
    assert result.value.strings() == ["1/5", "2/5"]
    assert "positive definite" not in terminal(replace_tasks(result))


def replace_tasks(result: TaskResult) -> Solution:
    s = solved(["forward"], PLAIN, SQUARE)
    return replace(s, tasks=(result,))


def test_newton_warns_of_a_saddle() -> None:
    s = solved(["update: {of: f, wrt: x, optimizer: newton}"], {"x": "[1, 1]"},
               {"f": "x[0]**2 - x[1]**2"})  # fmt: skip
    assert "not positive definite" in terminal(s)
    assert s.tasks[0].value.strings() == ["0", "0"]


SYMMETRIC = "{value: [[2, 1, 0], [1, 3, 1], [0, 1, 4]], symmetric: true}"
DIAGONAL = "{value: [[2, 0, 0], [0, 3, 0], [0, 0, 1]], diagonal: true}"
TIED = {"S": SYMMETRIC, "D": DIAGONAL, "b": "[1, 0, -1]", "A": "[[3, 1, 0], [1, 2, 0], [1, 0, 2]]"}
SMOOTH = "tr(A @ S @ S) + 3*norm2(b - 1)**2 + b.T @ S @ b / 9 + sum(exp(D @ b)) + tr(D @ A @ D)"
PLACES = [(i, j) for j in range(3) for i in range(j, 3)]


@pytest.mark.parametrize("vec", ["column", "row"])
def test_newton_by_the_free_entries_of_tied_matrices(vec: str) -> None:
    """In plain NumPy: gradient and Hessian by v = (vech S, b, diag D), by differences."""
    task = "update: {of: f, wrt: [S, b, D], optimizer: newton}"
    rows = ["title: t", f"convention: {{vec: {vec}}}", "given:"]
    rows += [f"  {k}: {v}" for k, v in TIED.items()]
    rows += ["define:", f"  f: '{SMOOTH}'", "tasks:", f"  - {task}", ""]
    (result,) = solve(loads("\n".join(rows))).tasks
    assert result.check is not None and result.check.passed
    a = np.array([[3, 1, 0], [1, 2, 0], [1, 0, 2.0]])

    def apart(v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        s = np.zeros((3, 3))
        for x, (i, j) in zip(v, PLACES, strict=False):
            s[i, j] = s[j, i] = x
        return s, v[6:9], np.diag(v[9:])

    def f(v: np.ndarray) -> float:
        s, b, d = apart(v)
        return float(np.trace(a @ s @ s) + 3 * np.sum((b - 1) ** 2) + b @ s @ b / 9
                     + np.exp(d @ b).sum() + np.trace(d @ a @ d))  # fmt: skip

    v = np.array([2, 1, 0, 3, 1, 4, 1, 0, -1, 2, 3, 1], dtype=float)
    eye, h = np.eye(12), 1e-3
    slope = np.array([(f(v + h * e) - f(v - h * e)) / (2 * h) for e in eye])
    bend = np.array([[(f(v + h * (p + q)) - f(v + h * (p - q)) - f(v - h * (p - q))
                       + f(v - h * (p + q))) / (4 * h * h) for p in eye] for q in eye])  # fmt: skip
    want = apart(v - np.linalg.solve(bend, slope))
    for name, expected in zip("SbD", want, strict=True):
        np.testing.assert_allclose(
            result.extra["final"][name]["value"], expected, rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize(
    ("given", "function", "want"),
    [
        (SYMMETRIC, "tr(x @ x) - 2*sum(x)", [["1", "1", "1"]] * 3),
        (
            DIAGONAL,
            "tr(A @ x @ x) - 6*tr(x)",
            [["1", "0", "0"], ["0", "3/2", "0"], ["0", "0", "3/2"]],
        ),
    ],
)
def test_newton_solves_a_tied_quadratic_at_once(given: str, function: str, want: Any) -> None:
    task = "update: {of: f, wrt: x, optimizer: newton, steps: 2}"
    result = solved([task], {"x": given, "A": TIED["A"]}, {"f": function}).tasks[0]
    assert result.extra["final"]["x"]["value"] == [[float(sp.Rational(q)) for q in r] for r in want]
    assert result.check is not None and result.check.passed
    words = "Only the free entries of x move"
    assert words in " ".join(terminal(replace_tasks(result)).split())


def test_a_pair_that_newton_counts_once_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from tutor.tasks import descent

    right = descent.folded

    def once(matrix: Any, rows: Any, columns: Any) -> Any:
        found = right(matrix, rows, columns).copy()
        found[1] /= 2
        return found

    task = "update: {of: f, wrt: S, optimizer: newton}"
    given, define = {"S": SYMMETRIC, "A": TIED["A"]}, {"f": "tr(A @ S @ S) + sum(S)"}
    assert solved([task], given, define).tasks[0].check.passed
    monkeypatch.setattr(descent, "folded", once)
    assert solved([task], given, define).tasks[0].check.passed is False


def test_a_zero_entry_is_no_false_alarm() -> None:
    """Differences of differences: near 0 an entry has no size of its own."""
    result = solved(["update: {of: f, wrt: W, optimizer: newton}"],
                    {"W": "[[1, 0], [0, 2]]", "A": "[[2, 1], [1, 3]]"},
                    {"f": "tr(A @ W @ W.T) + sum(W)"}).tasks[0]  # fmt: skip
    assert result.check is not None and result.check.passed


# -- the table ------------------------------------------------------------------------------------


def test_the_words_of_the_schema_are_those_of_the_table() -> None:
    assert tuple(table.OPTIMISERS) == OPTIMIZERS
    known = {*OPTIMIZER_NUMBERS, *OPTIMIZER_FLAGS}
    assert known == {o for row in table.OPTIMISERS.values() for o in row.options}
    assert known <= set(TASKS["update"]) and known <= set(TASKS["train"])
    for row in table.OPTIMISERS.values():
        for name, default in row.options.items():
            assert isinstance(default, bool) == (name in OPTIMIZER_FLAGS)
            assert isinstance(default, bool) or name in table.SYMBOLS


@needs_torch
def test_defaults_are_torch_s() -> None:
    for name, cls in CLASSES.items():
        own = getattr(torch.optim, cls)([torch.zeros(1)], lr=0.1).defaults
        for option, default in table.OPTIMISERS[name].options.items():
            if option == "momentum" and name in ("momentum", "nesterov"):
                continue  # torch's SGD leaves it at 0; here the name says that it is there
            value = default if isinstance(default, bool) else listed(default)
            theirs = list(own[option]) if option == "betas" else own[option]
            assert value == theirs, (name, option)


def test_formulas_use_known_symbols_only() -> None:
    from tutor.expr import Name, walk

    for row in table.OPTIMISERS.values():
        allowed = {"w", "G", "g", "t", "d", "w_tilde", "alpha_t"}
        allowed |= {s[0] for names in table.SYMBOLS.values() for s in names}
        for rule in row.rules:
            for text in filter(None, (rule.formula, rule.first)):
                used = {x.id for x in walk(formula(text)) if isinstance(x, Name)}
                assert used <= allowed | {*row.states} | {f"{s}_new" for s in row.states} | {
                    r.symbol for r in row.rules
                }
            for word in rule.when:
                assert word.removeprefix("-") in table.OPTIMISERS["sgd"].options | row.options


def test_exact_and_float_arithmetic_agree() -> None:
    rules = {r.formula for row in table.OPTIMISERS.values() for r in row.rules}
    rng = np.random.default_rng(3)
    for text in sorted(rules):
        from tutor.expr import Name, walk

        names = sorted({x.id for x in walk(formula(text)) if isinstance(x, Name)})
        exact = {n: sp.Rational(int(rng.integers(1, 50)), 51) for n in names}
        floats = {n: float(x) for n, x in exact.items()}
        assert float(compiled(text)(exact)) == pytest.approx(compiled(text)(floats), rel=1e-14)


# -- planted faults -------------------------------------------------------------------------------


def faulty(change: Callable[[Any], Any], name: str, monkeypatch: Any) -> None:
    row = table.OPTIMISERS[name]
    wrong = replace(row, rules=tuple(change(r) for r in row.rules))
    monkeypatch.setitem(table.OPTIMISERS, name, wrong)  # type: ignore[arg-type]


def instead(old: str, new: str) -> Callable[[Any], Any]:
    def change(rule: Any) -> Any:
        return replace(rule, formula=rule.formula.replace(old, new))

    return change


FAULTS = [
    ("momentum", "mu * v + g", "mu * v - g", {}),
    ("momentum", "mu * v + g", "v + g", {"steps": 2}),
    ("nesterov", "g + mu * v_new", "g + mu * v", {}),
    ("adagrad", "s + g**2", "g**2", {"steps": 2}),
    ("adagrad", "sqrt(s_new)", "s_new", {}),
    ("rmsprop", "(1 - rho)", "rho", {}),
    ("adam", "beta1**t", "beta1", {"steps": 2}),
    ("adam", "beta2**t", "beta2", {"steps": 2}),
    ("adam", "sqrt(v_hat) + epsilon", "sqrt(v_hat + epsilon)", {"eps": 0.1}),
    ("adamw", "(1 - alpha * lambda_)", "(1 + alpha * lambda_)", {}),
    ("newton", "w - alpha * d", "w + alpha * d", {}),
]


@pytest.mark.parametrize("kind", ["update", "train"])
@pytest.mark.parametrize(("name", "old", "new", "more"), FAULTS, ids=str)
def test_a_wrong_rule_fails_the_check(
    name: str, old: str, new: str, more: dict[str, Any], kind: str, monkeypatch: Any
) -> None:
    more = {"steps": 1} | more
    task = f"{kind}: {{of: L, wrt: [W, b, c], rate: 0.125, optimizer: {name}{options_text(more)}}}"
    assert any(old in r.formula for r in table.OPTIMISERS[name].rules)
    assert solved([task]).ok
    faulty(instead(old, new), name, monkeypatch)
    assert not solved([task]).ok


def test_a_wrong_hessian_fails_the_check(monkeypatch: Any) -> None:
    from tutor.tasks import newton

    sound = newton.direction

    def doubled(*args: Any) -> Any:
        found = sound(*args)
        half = [np.asarray(p * sp.Rational(1, 2) if p.dtype == object else p / 2)
                for p in found.parts]  # fmt: skip
        return replace(found, parts=half)

    monkeypatch.setattr(newton, "direction", doubled)
    for kind in ("update", "train"):
        task = f"{kind}: {{of: L, wrt: [b, c], optimizer: newton, steps: 1}}"
        assert not solved([task]).ok


def test_coupled_decay_in_adamw_is_caught(monkeypatch: Any) -> None:
    monkeypatch.setitem(table.OPTIMISERS, "adamw",  # type: ignore[arg-type]
                        replace(table.OPTIMISERS["adam"], name="adamw"))  # fmt: skip
    task = "update: {of: L, wrt: W, rate: 0.1, optimizer: adamw, weight_decay: 0.1, steps: 2}"
    assert not solved([task]).ok


def test_gradients_at_a_new_point_are_caught(monkeypatch: Any) -> None:
    """The second parameter's gradient taken after the first one has moved."""
    from tutor.tasks import descent

    sound = descent.Descent.at

    def late(self: Any, point: Any) -> Any:
        loss, slopes = sound(self, point)
        moved = dict(point)
        first = self.lines[0].name
        moved[first] = np.asarray(point[first] - slopes[0] * sp.Rational(1, 8), dtype=object)
        _, later = sound(self, moved)
        return loss, [slopes[0], *later[1:]]

    task = "train: {of: L, wrt: [b, c], rate: 0.125, steps: 2}"
    given = {"b": "2", "c": "3"}
    define = {"L": "b**2 * c + c**2 * b"}
    assert solved([task], given, define).ok
    monkeypatch.setattr(descent.Descent, "at", late)
    assert not solved([task], given, define).ok


# -- words ----------------------------------------------------------------------------------------


def lines_of(text: str) -> str:
    return " ".join(text.split())


def test_adam_is_told_with_numbers() -> None:
    task = "update: {of: L, wrt: w, rate: 0.1, optimizer: adam}"
    text = lines_of(terminal(solved([task], {"w": "3"}, {"L": "w**2"})))
    assert "mⁿᵉʷ = β₁·m + (1 − β₁) · ∂L/∂w = 0.9·0 + (1 − 0.9)·6 = 0.6" in text
    assert "vⁿᵉʷ = β₂·v + (1 − β₂)·(∂L/∂w)² = 0.999·0 + (1 − 0.999)·6² = 0.036" in text
    assert "= 0.6/(1 − 0.9¹) = 6" in text and "= 0.036/(1 − 0.999¹) = 36" in text
    assert "≈ 2.9" in text


def test_letters_of_the_problem_are_left_to_it() -> None:
    given = {"v": "2", "alpha": "1/4", "t": "1"}
    task = "update: {of: L, wrt: v, rate: alpha, optimizer: adam}"
    text = terminal(solved([task], given, {"L": "(v - t)**2"}))
    assert "vᵥ" in text  # the second moment is not called v
    assert "k = 1" in text  # nor the number of the step t


@pytest.mark.parametrize("format_", ["latex", "markdown", "json"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_format(name: str, format_: str) -> None:
    from importlib import import_module

    module = import_module(f"tutor.render.{format_}")
    tasks = [f"{k}: {{of: L, wrt: [W, b], rate: 0.5, optimizer: {name}, steps: 2}}"
             for k in ("update", "train")]  # fmt: skip
    out = getattr(module, format_)(solved(tasks))
    assert out and "Traceback" not in out and "nan" not in out.lower().replace("nant", "")


def test_a_parameter_without_a_value_gives_the_formula() -> None:
    given = {"W": "matrix(2, 2)", "x": "[1, 2]"}
    s = solved(["update: {of: L, wrt: W, rate: 0.5}"], given, {"L": "norm2(W @ x)**2"})
    (result,) = s.tasks
    assert result.value is None and result.extra["final"]["W"]["value"] is None
    text = lines_of(terminal(s))
    assert "Wⁿᵉʷ = W − 0.5 ∂L/∂W = W − 0.5·2Wxxᵀ" in text
    with pytest.raises(InputError, match="no numbers to go on from"):
        solved(["update: {of: L, wrt: W, rate: 0.5}\n    id: u", "evaluate: {expr: L, after: u}"],
               given, {"L": "norm2(W @ x)**2"})  # fmt: skip


@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if n != "newton"])
def test_formulas_of_every_optimiser(name: str) -> None:
    task = f"update: {{of: L, wrt: w, rate: 0.5, optimizer: {name}}}"
    s = solved([task], {"w": "vector(n)", "x": "vector(n)"}, {"L": "(w.T @ x)**2"})
    assert s.tasks[0].value is None and "wⁿᵉʷ" in terminal(s)


def test_after_works_with_every_optimiser() -> None:
    for name in OPTIMIZERS:
        s = solved([f"update: {{of: L, wrt: [W, b, c], rate: 1/4, optimizer: {name}}}\n    id: u",
                    "evaluate: {expr: c, after: u}", "gradient: {of: L, wrt: c, after: u}",
                    "forward: {of: [L], after: u}"])  # fmt: skip
        assert float(s.tasks[1].value.floats()) == pytest.approx(float(final(s.tasks[0])["c"]))
        assert s.ok


# -- mistakes -------------------------------------------------------------------------------------

MISTAKES = [
    ("optimizer: adam, momentum: 0.9", "`adam` has no `momentum`", "adam takes `betas`"),
    ("optimizer: momentum, betas: [0.9, 0.99]", "`momentum` has no `betas`", "momentum takes"),
    ("optimizer: newton, eps: 1", "`newton` has no `eps`", "only a `rate`"),
    ("optimizer: nesterov, dampening: 0.5", "`nesterov` has no `dampening`", "nesterov takes"),
    ("optimizer: adam, betas: 0.9", "`betas` must be two numbers", "[0.9, 0.999]"),
    ("optimizer: adam, betas: [0.9, 1]", "`betas` must be at least 0 and below 1", None),
    ("optimizer: adam, eps: -1", "`eps` must be at least 0", None),
    ("momentum: 0.9, momemtum: 1", "unknown key `momemtum`", "momentum"),
    ("optimizer: nesterov, momentum: 0", "Nesterov's step needs a `momentum` above 0", None),
    ("nesterov: true", "Nesterov's step needs a `momentum` above 0", None),
    ("state: {v: 1}", "`sgd` remembers nothing here", None),
    ("optimizer: momentum, state: {m: 1}", "`m` is not in the state of momentum", None),
    ("optimizer: momentum, state: {v: {x: 1}}", "`x` in `state` is not updated", None),
    ("optimizer: momentum, state: {v: [1, 2, 3]}", "`v` in `state` has size 3×1", None),
    ("optimizer: adam, state: {t: 1.5}", "must be the number of steps made so far", None),
    ("optimizer: adam, state: [1, 2]", "must say what it gives: `m`, `v`", None),
    ("optimizer: adam, state: {exp_agv: 1}", "`exp_agv` is not in the state", "exp_avg"),
]


@pytest.mark.parametrize(("arguments", "message", "hint"), MISTAKES, ids=lambda x: str(x)[:50])
def test_mistakes(arguments: str, message: str, hint: str | None) -> None:
    given = {"w": "[1, 2]", "x": "1"}
    with pytest.raises(InputError) as error:
        solved([f"update: {{of: L, wrt: w, rate: 0.1, {arguments}}}"], given, SQUARE)
    assert message in error.value.message
    assert error.value.where is not None
    assert hint is None or hint in (error.value.hint or "")


def test_a_missing_rate_is_asked_for() -> None:
    for name in OPTIMIZERS:
        task = f"update: {{of: L, wrt: w, optimizer: {name}}}"
        if name == "newton":
            assert solved([task], PLAIN, SQUARE).ok
        else:
            with pytest.raises(InputError, match="needs a learning rate"):
                solved([task], PLAIN, SQUARE)


def test_a_singular_hessian_is_said() -> None:
    for given in ({"w": "[1, 2]"}, {"w": "[1.2345678, 2.3456789]"}):
        with pytest.raises(InputError, match="singular"):
            solved(["update: {of: L, wrt: w, optimizer: newton}"], given, {"L": "sum(w)**2"})


def test_no_eps_and_no_gradient() -> None:
    with pytest.raises(InputError) as error:
        solved(["update: {of: L, wrt: w, rate: 1, optimizer: adagrad, eps: 0}"], {"w": "0"},
               {"L": "w**2"})  # fmt: skip
    assert "`eps` above 0" in (error.value.hint or "")


def test_long_updates_are_sent_to_train() -> None:
    with pytest.raises(InputError, match="at most 20"):
        solved(["update: {of: L, wrt: w, rate: 0.1, steps: 21}"], PLAIN, SQUARE)


def test_newton_rests_where_the_gradient_vanishes() -> None:
    task = "of: f, wrt: x, optimizer: newton, steps: %d"
    s = solved([f"update: {{{task % 1}}}", f"train: {{{task % 30}}}"], {"x": "0"}, {"f": "x**4"})
    assert s.ok
    assert [float(t.value.floats()) for t in s.tasks] == [0, 0]


def test_a_hessian_that_becomes_singular_names_the_step() -> None:
    """From 2, Newton's step on x³/6 + 2x leads to 0, where the second derivative x vanishes."""
    for steps in (5, 40):
        with pytest.raises(InputError) as error:
            solved([f"train: {{of: f, wrt: x, optimizer: newton, steps: {steps}}}"], {"x": "2"},
                   {"f": "x**3/6 + 2*x"})  # fmt: skip
        assert "step 2: the Hessian is singular" in error.value.message


# -- uphill ---------------------------------------------------------------------------------------

HILL = {"f": "-(x - 3)**2"}


def test_maximize_goes_uphill_and_says_so() -> None:
    (result,) = solved(
        ["update: {of: f, wrt: x, rate: 1/4, maximize: true}"], {"x": "1"}, HILL
    ).tasks
    assert result.value is not None and result.value.strings() == "2"
    told = [s for s in result.steps if s.id == "g.x"]
    assert told and told[0].why is not None and "larger" in told[0].why.message


def test_maximize_does_not_diverge_by_growing() -> None:
    task = "train: {of: f, wrt: x, rate: 1/10, maximize: true, steps: 30}"
    (up,) = solved([task], {"x": "1"}, HILL).tasks
    assert not [s for s in up.steps if s.id == "note.diverged"]
    (down,) = solved([task.replace("1/10", "2")], {"x": "1"}, HILL).tasks
    (note,) = [s for s in down.steps if s.id == "note.diverged"]
    assert note.why is not None and "fallen" in note.why.args["what"].message


def test_amsgrad_keeps_the_largest_second_moment() -> None:
    """Exactly: v falls in the second step, u does not."""
    task = ("update: {of: f, wrt: x, rate: 2, optimizer: adam, betas: [0, 1/2], eps: 0, "
            "amsgrad: true, steps: 2}")  # fmt: skip
    (result,) = solved([task], {"x": "1"}, {"f": "(x - 2)**2"}).tasks
    steps = {s.id: s for s in result.steps}
    assert "u.x.2" not in steps and "u_new.x.2" in steps
    state = result.extra["state"]["x"]
    # gradients −2 and 2: v = 2, then 3
    assert state["u"]["exact"] == state["v"]["exact"] == "3"
    (slow,) = solved([task.replace("rate: 2", "rate: 3/4")], {"x": "1"}, {"f": "(x - 2)**2"}).tasks
    # gradients −2 and −1/2: v = 2, then 9/8; the larger stays
    state = slow.extra["state"]["x"]
    assert (state["v"]["exact"], state["u"]["exact"]) == ("9/8", "2")


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "newton"])
def test_amsgrad_is_a_parameter_of_adam(name: str) -> None:
    with pytest.raises(InputError, match="amsgrad"):
        task = f"update: {{of: f, wrt: x, rate: 1, optimizer: {name}, amsgrad: true}}"
        solved([task], {"x": "1"}, HILL)


@needs_torch
def test_every_parameter_of_torch_that_changes_a_step() -> None:
    """What torch's optimisers take, but for what only says how they run."""
    import inspect

    how = {"foreach", "fused", "capturable", "differentiable"}
    how.add("decoupled_weight_decay")  # of Adam: that is `adamw`
    for name, class_ in CLASSES.items():
        own = inspect.signature(getattr(torch.optim, class_).__init__).parameters
        wanted = set(own) - {"self", "params", "lr"} - how
        ours = set(table.OPTIMISERS[name].options) | (
            {"nesterov", "dampening"} if name == "nesterov" else set()
        )
        assert wanted == ours, name


def test_a_homogeneous_vector_keeps_its_final_one() -> None:
    given = {"x": "{value: [1, 2], homogeneous: true}", "W": "[[1, 0, 1], [0, 1, 1]]"}
    (result,) = solved(["update: {of: L, wrt: x, rate: 0.1}"], given, {"L": "sum((W@x)**2)"}).tasks
    assert result.dims == "2×1" and result.shape == (2,)
    assert result.value is not None and result.value.data.tolist() == [
        sp.Rational(3, 5),
        sp.Rational(7, 5),
    ]
