"""Matrix notation: what is printed has the value of the node, and can be typed again."""

from __future__ import annotations

from typing import Any

import numpy as np
import paper_oracle as oracle
import pytest

from tutor.api import Solved, loads
from tutor.notation.text import text
from tutor.steps import TaskResult

POINT = {
    "x": np.array([0.7, -0.2, 1.3]),
    "y": np.array([1.1, 0.4, -0.6]),
    "u": np.array([0.5, -1.2]),
    "v": np.array([0.3, 0.9, -0.4, 0.8, -1.1, 0.2]),
    "a": np.array(0.6),
    "W": np.array([[0.5, -1.2, 0.3], [0.8, 1.1, -0.4]]),
    "Z": np.array([[1.5, 0.2, -0.3], [0.1, -0.7, 0.9]]),
    "Q": np.array([[0.2, 1.1, -0.5], [0.9, -0.3, 0.4], [-1.2, 0.6, 0.7]]),
    "P": np.array(
        [
            [1.0, -0.5, 0.25, 0.75],
            [0.3, 0.6, -0.9, 1.2],
            [-0.4, 0.8, 0.1, -0.2],
            [0.55, -0.65, 0.35, 0.45],
        ]
    ),
}


def solved(define: dict[str, str], tasks: list[str], head: str = "") -> Solved:
    lines = ["title: t", *([head] if head else []), "given:"]
    lines += [f"  {k}: {np.asarray(v).tolist()}" for k, v in POINT.items()] + ["define:"]
    lines += [f"  {k}: {t}" for k, t in define.items()] + ["tasks:", *(f"  - {t}" for t in tasks)]
    return loads("\n".join(lines) + "\n").solve()


def columns(x: Any) -> np.ndarray:
    x = np.asarray(x, dtype=float)
    return x[:, None] if x.ndim == 1 else x


def read(printed: str, define: dict[str, str], vec: str = "column") -> np.ndarray:
    reader = oracle.Reader({}, None, vec)
    reader.env = oracle.run(define, POINT, None, vec)
    return np.asarray(reader.read(printed), dtype=float)


def checked(result: TaskResult) -> np.ndarray:
    assert result.check is not None and result.check.passed
    assert result.value is not None
    return columns(result.value.numbers())


# loss, variable, what a textbook prints
GRADIENTS = [
    ("u.T @ W @ x", "W", "u @ x.T"),
    ("x.T @ W.T @ u", "W", "u @ x.T"),
    ("u.T @ W @ x", "x", "W.T @ u"),
    ("x.T @ Q @ x", "x", None),
    ("norm2(W @ x - u)**2", "W", None),
    ("sum(W @ x)", "x", None),
    ("sum(W)", "W", None),
    ("mean(W)", "W", None),
    ("mean(W @ x)", "x", None),
    ("sum(W * Z)", "W", "Z"),
    ("sum(tanh(W) * Z)", "W", None),
    ("sum(W, axis=0) @ x", "W", None),
    ("u.T @ sum(W, axis=1)", "W", None),
    ("sum(W + u)", "u", None),
    ("sum((W + x.T) * Z)", "x", None),
    ("sum((W * x.T) * Z)", "x", None),
    ("sum((W * u) * Z)", "u", None),
    ("a * sum(W)", "a", None),
    ("sum(a * W * Z)", "a", None),
    ("v.T @ vec(W)", "W", None),
    ("sum(unvec(v, 2, 3) * Z)", "v", None),
    ("sum(reshape(v, 2, 3) * Z)", "v", None),
    ("dot(flatten(W), v)", "W", None),
    ("sum(v[1:3] * u)", "v", None),
    ("v[4]**2", "v", None),
    ("sum(W[:, 1:] * Z[:, :2])", "W", None),
    ("dot(W[1], x)", "W", None),
    ("norm2(concat(x, u))**2", "u", None),
    ("max(x)", "x", None),
    ("max(W, axis=0) @ x", "W", None),
    ("max(W, axis=1).T @ u", "W", None),
    ("logsumexp(W, axis=0) @ x", "W", None),
    ("logsumexp(W, axis=0) @ x", "x", "logsumexp(W, axis=0).T"),
    ("logsumexp(W, axis=1).T @ u", "u", "logsumexp(W, axis=1)"),
    ("sum(softmax(W, axis=0) * Z)", "Z", "softmax(W, axis=0)"),
    ("sum(softmax(W) * Z)", "Z", "softmax(W)"),
    ("sum(log_softmax(W, axis=0) * Z)", "W", None),
    ("norm2(x - y)", "x", None),
    ("norm2(W)", "W", None),
    ("(x.T @ y) / (norm2(x) * norm2(y))", "x", None),
    ("sum(where(W > 0, Z, W))", "W", None),
    ("sum(max_pool2d(P, 3, stride=3, ceil_mode=True) * unvec(v[:4], 2, 2))", "P", None),
    ("dot(vec(max_pool2d(P, 3, stride=3, ceil_mode=True)), v[:4])", "v", None),
    ("sum(maximum(W, Z))", "W", None),
    ("sum(clip(W, -1, 1) * Z)", "W", None),
    ("sum(leaky_relu(W, 0.2) * Z)", "W", None),
    ("sum(elu(W, alpha=0.5))", "W", None),
    ("sum(softplus(W, beta=2))", "W", None),
    ("sum(gelu(W))", "W", None),
    ("sum(2**W)", "W", None),
    ("sum(W**3 / (1 + Z**2))", "Z", None),
    ("sum(sqrt(1 + W**2))", "W", None),
    ("sum(abs(W)**(3/2))", "W", None),
    ("x.T @ Q @ Q @ y", "Q", None),
    ("sum(Q @ Q @ Q)", "Q", None),
    ("sum(x @ y.T * Q)", "Q", None),
    ("homogeneous(x).T @ P @ homogeneous(y)", "x", None),
    ("-(x.T @ y)**2", "x", None),
    ("a**3 - 2*a", "a", None),
    ("exp(-(x.T @ x) / 2)", "x", None),
    ("sum(x[::-1] * y)", "x", None),
]


@pytest.mark.parametrize(("loss", "wrt", "want"), GRADIENTS)
def test_gradient(loss: str, wrt: str, want: str | None) -> None:
    define = {"L": loss}
    (result,) = solved(define, [f"gradient: {{of: L, wrt: {wrt}}}"]).tasks
    value = checked(result)
    if result.formula is None:  # no matrix form: the steps use subscripts
        assert want is None
        return
    printed = text(result.formula)
    if want is not None:
        assert printed == want
    try:
        closed = read(printed, define)
    except oracle.Unreadable:
        return
    if closed.size == 1:  # a number stands for an array of it
        closed = np.broadcast_to(closed.reshape((1,) * value.ndim), value.shape)
    assert oracle.error(closed, value) < 1e-9, printed


# result, variable, the column-vec form in numerator layout, where one is expected
JACOBIANS = [
    ("W @ x", "x", "W"),
    ("W @ x", "W", "kron(x.T, eye(2))"),
    ("tanh(W @ x)", "x", None),
    ("W @ Q", "W", "kron(Q.T, eye(2))"),
    ("W @ Q", "Q", "kron(eye(3), W)"),
    ("W @ Q @ Q", "Q", None),
    ("W.T", "W", None),
    ("sin(W)", "W", "diag(vec(cos(W)))"),
    ("W * Z", "W", "diag(vec(Z))"),
    ("a * W", "a", "vec(W)"),
    ("a * x", "a", "x"),
    ("x @ u.T", "x", "kron(u, eye(3))"),
    ("x @ u.T", "u", "kron(eye(2), x)"),
    ("sum(W, axis=1)", "W", None),
    ("sum(W, axis=0)", "W", None),
    ("W @ W.T", "W", None),
    ("softmax(x)", "x", None),
    ("x / norm2(x)", "x", None),
    ("x.T @ W.T", "W", None),
    ("vec(W)", "W", None),
    ("norm2(x) * W", "x", None),
    ("W + u", "u", None),
    ("W + x.T", "x", None),
    ("homogeneous(x)", "x", None),
    ("(homogeneous(x * y)).T", "x", None),
    ("concat(u, x)", "u", None),
    ("concat(u[:1], x)", "u", None),
    ("x[1:]", "x", None),
    ("[a, a**2]", "a", None),
    ("reshape(outer(x, u), 2, 3)", "x", None),
    ("maximum(x.T, y.T) * x.T", "x", None),
]
CONVENTIONS = [
    (layout, vec) for layout in ("numerator", "denominator") for vec in ("column", "row")
]


@pytest.mark.parametrize(("layout", "vec"), CONVENTIONS)
@pytest.mark.parametrize(("result", "wrt", "want"), JACOBIANS)
def test_jacobian(result: str, wrt: str, want: str | None, layout: str, vec: str) -> None:
    define = {"Y": result}
    head = f"convention: {{layout: {layout}, vec: {vec}}}"
    (task,) = solved(define, [f"jacobian: {{of: Y, wrt: {wrt}}}"], head).tasks
    env = oracle.run(define, POINT, None, vec)

    def f(at: np.ndarray) -> np.ndarray:
        return oracle.run(define, {**POINT, wrt: at}, None, vec)["Y"]

    explicit = oracle.unrolled(oracle.differences(f, env[wrt]), env["Y"].ndim, layout, vec)
    value = checked(task).reshape(explicit.shape)
    assert oracle.error(value, explicit) < 1e-8
    if task.formula is None:
        assert want is None
        return
    printed = text(task.formula)
    if (layout, vec) == ("numerator", "column") and want is not None:
        assert printed == want
    try:
        closed = read(printed, define, vec)
    except oracle.Unreadable:
        return
    assert (
        oracle.error(closed.reshape(explicit.shape) if closed.size == 1 else closed, value) < 1e-9
    ), printed


def test_a_wrong_closed_form_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: the Kronecker factors in the wrong order."""
    from tutor.expr import Call
    from tutor.tasks import chain

    right = chain.jacobian_term

    def swapped(*args: Any, **more: Any) -> Any:
        term = right(*args, **more)
        if isinstance(term, Call) and term.func == "kron":
            return Call("kron", term.args[::-1])
        return term

    monkeypatch.setattr(chain, "jacobian_term", swapped)
    with pytest.raises(AssertionError):
        test_jacobian("W @ Q", "W", None, "numerator", "column")
