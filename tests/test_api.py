"""The Python interface, as SPEC and README show it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tutor
import tutor.derivation
from tutor.errors import InputError

PROBLEM = """
title: Least squares
given:
  X: [[1, 2], [3, 4], [5, 6]]
  w: [1, -1]
  y: [0, 1, 0]
define:
  r: X @ w - y
  L: r.T @ r
tasks:
  - gradient: {of: L, wrt: w}
"""


def test_derive() -> None:
    d = tutor.derive("norm2(A@x - y)**2", wrt="x", A="matrix(m, n)")
    assert d.formula == str(d) == "2 * A.T @ (A @ x - y)"
    assert "A" in str(d.latex)
    assert [str(n) for n in d.shape or ()] == ["n"]
    assert d.value is None and d.steps
    assert d.check is not None and d.check.passed
    assert d.assumed[0] == "Going by the letters, x and y are column vectors."
    assert "central differences" in d.text()


def test_derive_with_numbers() -> None:
    d = tutor.derive("x.T @ A @ x", wrt="x", x="[1, 2]", A="[[1, 0], [0, 3]]")
    assert d.exact == ["2", "12"]
    assert np.array_equal(d.value, [2.0, 12.0])


def test_names_that_are_words_of_the_function() -> None:
    d = tutor.derive("kind.T @ wrt", wrt="wrt", declare=["wrt: vector(n)", "kind: vector(n)"])
    assert d.formula == "kind"


def test_kind_layout_and_vec() -> None:
    assert tutor.derive("x.T @ B @ x", wrt="x", kind="hessian").formula == "B + B.T"
    assert tutor.derive("A @ x", wrt="x", layout="denominator").formula == "A.T"
    assert tutor.derive("A @ X", wrt="X", vec="row").formula == "kron(A, eye(p))"
    assert tutor.derive("sin(s)", s="scalar").formula == "cos(s)"


def test_compile() -> None:
    f = tutor.derive("norm2(A@x - y)**2", wrt="x").compile("numpy")
    rng = np.random.default_rng(0)
    A, x, y = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=5)
    assert np.allclose(f(A, x, y), 2 * A.T @ (A @ x - y))
    assert np.allclose(f(A=A, x=x, y=y), f(A, x, y=y))


def test_compile_for_torch() -> None:
    torch = pytest.importorskip("torch")
    f = tutor.derive("sum(log(1 + exp(-y * (X @ w))))", wrt="w").compile("torch")
    X = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64)
    w = torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([1.0, -1.0], dtype=torch.float64)
    torch.log1p(torch.exp(-y * (X @ w))).sum().backward()
    assert torch.allclose(f(X=X, w=w.detach(), y=y), w.grad)


def test_a_loaded_problem() -> None:
    solved = tutor.loads(PROBLEM).solve()
    d = solved["L"].gradient("w")
    X, w, y = np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([1.0, -1]), np.array([0.0, 1, 0])
    want = 2 * X.T @ (X @ w - y)
    assert np.allclose(d.value, want)
    f = d.compile()
    assert np.allclose(f(X=X, w=w, y=y), want)
    assert np.allclose(f(X, 2 * w, y), 2 * X.T @ (X @ (2 * w) - y))
    assert "def gradient(X: np.ndarray, w: np.ndarray, y: np.ndarray)" in d.code()


def test_hessian_of_a_loaded_problem() -> None:
    d = tutor.loads(PROBLEM).solve()["L"].hessian("w")
    X = np.array([[1.0, 2], [3, 4], [5, 6]])
    assert np.allclose(d.value, 2 * X.T @ X)
    assert np.allclose(d.compile()(X=X), 2 * X.T @ X)
    mixed = tutor.loads(PROBLEM).solve()["L"].hessian("w", "y")
    assert np.allclose(mixed.value, -2 * X.T)
    assert np.allclose(mixed.compile()(X=X), -2 * X.T)


def test_a_deep_network_is_written_through_its_shared_parts() -> None:
    """No closed form is short enough to print; the code is, since it names what it shares."""
    layers = 12
    given = "".join(f"  W{k}: matrix(n, n)\n" for k in range(layers))
    define = "".join(f"  h{k + 1}: tanh(W{k} @ h{k})\n" for k in range(layers))
    text = f"given:\n  h0: vector(n)\n{given}define:\n{define}  L: sum(h{layers}**2)\n"
    text += "tasks:\n  - gradient: {of: L, wrt: W0}\n"
    d = tutor.loads(text).solve(checking=False)["L"].gradient("W0")
    code = d.code()
    assert len(code.splitlines()) < 100
    rng = np.random.default_rng(1)
    Ws, h = [rng.normal(size=(4, 4)) / 2 for _ in range(layers)], rng.normal(size=4)

    def loss(first: np.ndarray) -> float:
        out = h
        for k, W in enumerate(Ws):
            out = np.tanh((first if k == 0 else W) @ out)
        return float(np.sum(out**2))

    found = d.compile()(h0=h, **{f"W{k}": W for k, W in enumerate(Ws)})
    direction = rng.normal(size=(4, 4))
    step = 1e-6
    want = (loss(Ws[0] + step * direction) - loss(Ws[0] - step * direction)) / (2 * step)
    assert abs(np.sum(found * direction) - want) < 1e-7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tutor.derive("A @ x"), "with respect to which"),
        (lambda: tutor.derive("A @ x", wrt="x", kind="gradient"), "needs a scalar"),
        (lambda: tutor.derive("A @ x", wrt="x", kind="curl"), "cannot be `curl`"),
        (lambda: tutor.derive("A @ x", wrt="x", layout="curly"), "cannot be `curly`"),
        (lambda: tutor.derive("A @ x", wrt="x").compile("julia"), "no code for `julia`"),
        (lambda: tutor.derive("A @ x", wrt="x", A="matrx(m, n)"), "matrx"),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_importing_tutor_is_light() -> None:
    run = "import sys, tutor; print('sympy' in sys.modules or 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_public_names() -> None:
    assert callable(tutor.derive) and tutor.derivation.KINDS
    with pytest.raises(AttributeError, match="no attribute 'x'"):
        tutor.x  # type: ignore[attr-defined]  # noqa: B018


# -- as a student types it ------------------------------------------------------------------------


def test_what_a_prompt_shows_is_short_and_always_the_same() -> None:
    loaded = tutor.loads(PROBLEM)
    solved = loaded.solve()
    d = tutor.derive("norm2(A@x - y)**2", wrt="x")
    assert repr(d) == "<Derivative ∂f/∂x = 2 * A.T @ (A @ x - y)>"
    assert repr(solved["L"]) == "<Quantity L = 6>"
    assert repr(solved["r"]) == "<Quantity r = [-1, -2, -1]>"
    assert repr(solved["L"].hessian("w")) == "<Derivative ∂²L/∂w ∂wᵀ = 2 * X.T @ X>"
    assert repr(loaded) == "<Problem 'Least squares', 1 task>"
    assert repr(solved) == "<Solved 'Least squares', 1 task, all checks passed>"
    last = tutor.derive("x**2", "x", x="scalar").steps[-1]
    assert repr(last) == "<Step Put together: ∂f/∂x = 2x>"


def test_the_steps_of_a_prompt_are_numbered_lines() -> None:
    shown = repr(tutor.derive("x**2", "x", x=3).steps).splitlines()
    assert shown[0] == "1. Given x: x = 3"
    assert shown[-1] == "5. Put together: ∂f/∂x = 2x = 6"


def test_one_name_in_a_list() -> None:
    assert tutor.derive("sum(x)", wrt=["x"]).formula == "ones(n)"
    with pytest.raises(InputError, match="one name at a time"):
        tutor.derive("x.T @ A @ x", wrt=["x", "A"])
    block = tutor.derive("x.T @ A @ y", wrt=["x", "y"], kind="hessian")
    assert block.formula == "A"


@pytest.mark.parametrize(
    ("expression", "wrt", "shapes", "words"),
    [
        (5, "x", {}, "an expression is text"),
        ("x**2", 5, {}, "takes a name"),
        ("x**2", [5], {}, "takes a name"),
        ("x**2", "x", {"x": object()}, "vector\\(n\\)"),
        ("x**2", "x", {"x": (1.5,)}, "a shape has whole numbers and names"),
        ("x**2", "x", {"declare": "x: scalar"}, "takes a list of lines"),
    ],
)
def test_wrong_types_are_type_errors(expression: Any, wrt: Any, shapes: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        tutor.derive(expression, wrt, **shapes)


def test_errors_speak_of_arguments_not_of_options() -> None:
    calls: list[Any] = [
        lambda: tutor.derive("x.T @ A @ x"),
        lambda: tutor.derive("A @ x + X", wrt="x", A="matrix(2, 3)", x="vector(4)"),
        lambda: tutor.derive("ones(k).T @ ones(k) * x", wrt="x"),
    ]
    for call in calls:
        with pytest.raises(InputError) as caught:
            call()
        assert "--" not in str(caught.value)
        assert "-d" not in str(caught.value)
    with pytest.raises(InputError, match="say wrt= and one of `x`, `A`"):
        tutor.derive("x.T @ A @ x")
    with pytest.raises(InputError, match=r'such as x="vector\(k\)"'):
        calls[2]()


def test_the_hint_is_part_of_what_python_prints() -> None:
    with pytest.raises(InputError) as caught:
        tutor.derive("x.T @ x", wrt="y")
    assert str(caught.value).splitlines() == ["the expression has no name `y`", "  it has `x`"]
    assert tutor.InputError is InputError


def test_shapes_and_values_of_python() -> None:
    d = tutor.derive("norm2(A @ x - b)**2", "x", A=np.array([[1.0, 0], [2, 1]]), x=[1, 2], b=(2,))
    assert d.shape == (2,) and d.value is None
    d = tutor.derive("norm2(A @ x)**2", "x", A=np.eye(2), x=np.array([1, 2]))
    assert d.value is not None and list(d.value) == [2.0, 4.0]
    assert tutor.derive("sum(x * s)", "x", s=3, x=(4,)).value == [3.0] * 4
    assert str(tutor.derive("A @ B", "B", A=("m", "k"), B=("k", 2)).formula) == "kron(eye(2), A)"
    assert tutor.derive("f * s", "f", f=()).formula == "s"


def test_a_quantity_moves_along_a_direction() -> None:
    q = tutor.loads(PROBLEM).solve()["L"]
    slope = q.gradient("w").value
    assert slope is not None
    for along in ([1, -2], np.array([1.0, -2.0]), "[1, -2]"):
        rate = q.directional("w", along)
        assert rate.value == slope[0] - 2 * slope[1]
        assert rate.check is not None and rate.check.passed
    assert q.taylor("w").result.extra["coefficient_values"][1] == list(slope)
    with pytest.raises(TypeError, match="a name is text"):
        q.gradient(["w"])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="3×1"):
        q.directional("w", [1, 2, 3])


def test_a_derivative_of_a_problem_shows_its_steps() -> None:
    d = tutor.loads(PROBLEM).solve()["L"].gradient("w")
    assert "Gradient of L with respect to w" in d.text()
    assert "check: central differences" in d.text()
    page = d._repr_html_()
    assert "Put together" in page and "<details" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["log(0)*x", "--wrt", "x"], "the result is not finite"),
        (["softmax(x, axis=3)", "--wrt", "x"], "would fit"),
    ],
)
def test_no_shape_is_asked_for_where_none_would_help(arguments: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        tutor.derivation.derivation(arguments[0], ["x"])
    assert "declare" not in (caught.value.hint or "")


def test_what_is_declared_has_to_occur() -> None:
    with pytest.raises(InputError, match="`Q` is declared, but") as caught:
        tutor.derivation.derivation("x.T @ A @ x", ["x"], ["Q: matrix(2, 3)"])
    assert caught.value.hint == "it has `x`, `A`"
    found = tutor.derivation.derivation("x.T @ A @ x", ["x"], ["A: matrix(n, n)", "n: 3"])
    assert found.results[0].shape == (3,)


def test_a_deep_expression_is_not_told_of_a_section_that_is_not_there() -> None:
    with pytest.raises(InputError) as caught:
        tutor.derivation.derivation("exp(" * 300 + "x" + ")" * 300, ["x"])
    assert caught.value.hint == "write a problem file, and name parts of it in its `define`"


def test_a_hessian_is_written_with_its_capital() -> None:
    with pytest.raises(InputError, match="a Hessian needs a scalar"):
        tutor.derive("A @ x", "x", kind="hessian")
