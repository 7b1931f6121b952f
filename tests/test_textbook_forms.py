"""Famous results, character by character: what is typed, by what it is derived, what is printed."""

from __future__ import annotations

import re

import pytest

from tutor.api import loads
from tutor.calculus.equal import equal
from tutor.calculus.reverse import jacobian
from tutor.calculus.simplify import simplify, substitute
from tutor.expr import Binary, Call, Name, Transpose
from tutor.graph.node import Node
from tutor.notation.build import transposed
from tutor.notation.jacobian import jacobian_term
from tutor.notation.text import text
from tutor.notation.unicode import unicode_text
from tutor.problem.elaborate import elaborate
from tutor.problem.expression import parse
from tutor.problem.lines import Graph
from tutor.steps import Variable
from tutor.tasks.workspace import Workspace

GIVEN = {
    **dict.fromkeys(["x", "y", "z", "v", "w", "mu"], "vector(n)"),
    **dict.fromkeys(("b", "r"), "vector(m)"),
    **dict.fromkeys(["A", "B", "W", "X", "Y"], "matrix(m, n)"),
    **dict.fromkeys(["M", "P", "Q"], "matrix(n, n)"),
    "K": "matrix(n, k)",
    "S": "{shape: [n, n], symmetric: true}",
    **dict.fromkeys(("a", "c", "t"), "scalar"),
}


def source(expression: str, wrt: str) -> str:
    names = {*re.findall(r"[A-Za-z_]\w*", expression), wrt}
    given = "".join(f"  {k}: {v}\n" for k, v in GIVEN.items() if k in names)
    return f"title: t\ngiven:\n{given}define:\n  OUT: {expression}\ntasks:\n"


def solved(expression: str, wrt: str, kind: str) -> str:
    """The closed form that the command prints."""
    document = source(expression, wrt) + f"  - {kind}: {{of: OUT, wrt: {wrt}}}\n"
    (task,) = loads(document).solve().tasks
    assert task.check is None or task.check.passed
    assert task.formula is not None
    return text(task.formula)


def whole(graph: Graph, name: str) -> Node:
    """The definition over the givens alone."""
    full: dict[Node, Node] = {}
    for line in graph.lines.values():
        if line.val is not None:
            full[line.leaf.node] = substitute(line.val.node, full)
    line = graph[name]
    return full.get(line.leaf.node) or (line.val.node if line.val else line.leaf.node)


def typed(expression: str, wrt: str) -> tuple[Graph, Node]:
    from tutor.problem import loads as read

    graph = elaborate(read(source(expression, wrt) + "  - graph\n"))
    return graph, whole(graph, "OUT")


def hessian(expression: str, wrt: str) -> str:
    from tutor.problem import loads as read

    problem = read(source(expression, wrt) + "  - graph\n")
    graph = elaborate(problem)
    y, x = whole(graph, "OUT"), graph[wrt].leaf.node
    node = simplify(jacobian(simplify(jacobian(y, x)), x))
    return text(jacobian_term(node, x.order, Workspace(problem, graph).leaf_term))


GRADIENTS = [
    # least squares
    ("norm2(X @ w - b)**2", "w", "2 * X.T @ (X @ w - b)"),
    ("norm2(b - X @ w)**2", "w", "-2 * X.T @ (b - X @ w)"),
    ("(X @ w - b).T @ (X @ w - b)", "w", "2 * X.T @ (X @ w - b)"),
    ("sum((X @ w - b)**2)", "w", "2 * X.T @ (X @ w - b)"),
    ("mean((X @ w - b)**2)", "w", "2 * X.T @ (X @ w - b) / m"),
    ("w.T @ X.T @ X @ w - 2 * b.T @ X @ w + b.T @ b", "w", "2 * X.T @ (X @ w - b)"),
    ("norm2(X @ w - b)**2 + a * norm2(w)**2", "w", "2 * (X.T @ (X @ w - b) + a * w)"),
    ("norm2(W @ x - b)**2", "W", "2 * (W @ x - b) @ x.T"),
    ("norm2(X - A @ Q)**2", "A", "-2 * (X - A @ Q) @ Q.T"),
    # quadratic forms
    ("x.T @ Q @ x", "x", "(Q + Q.T) @ x"),
    ("x.T @ S @ x", "x", "2 * S @ x"),
    ("(X @ w + b).T @ P1 @ (X @ w + b)".replace("P1", "X @ X.T"), "w",
     "2 * X.T @ X @ X.T @ (X @ w + b)"),
    ("x.T @ Q @ y", "Q", "x @ y.T"),
    ("x.T @ X.T @ X @ y", "X", "X @ (y @ x.T + x @ y.T)"),
    ("(X @ x + b).T @ A @ A.T @ (X @ x + b)", "X", "2 * A @ A.T @ (X @ x + b) @ x.T"),
    ("(x.T @ Q @ x) / (x.T @ x)", "x",
     "(Q + Q.T) @ x / (x.T @ x) - 2 * (x.T @ Q @ x) * x / (x.T @ x)**2"),
    # traces
    ("tr(Q)", "Q", "eye(n)"),
    ("tr(Q @ Q)", "Q", "2 * Q.T"),
    ("tr(X.T @ X)", "X", "2 * X"),
    ("tr(X.T @ A)", "X", "A"),
    ("tr(A @ Q @ A.T)", "Q", "A.T @ A"),
    ("tr(X.T @ B @ Q)", "X", "B @ Q"),
    ("tr(kron(Q, M))", "Q", "tr(M) * eye(n)"),
    # inverses and determinants
    ("det(Q)", "Q", "det(Q) * inv(Q).T"),
    ("det(M @ Q @ P)", "Q", "det(M @ Q @ P) * inv(Q).T"),
    ("det(inv(Q))", "Q", "-inv(Q).T / det(Q)"),
    ("logdet(Q)", "Q", "inv(Q).T"),
    ("log(det(Q))", "Q", "inv(Q).T"),
    ("logdet(X.T @ X)", "X", "2 * X @ inv(X.T @ X)"),
    ("tr(inv(Q))", "Q", "-inv(Q).T @ inv(Q).T"),
    ("tr(inv(Q) @ M)", "Q", "-inv(Q).T @ M.T @ inv(Q).T"),
    ("x.T @ inv(Q) @ y", "Q", "-inv(Q).T @ x @ y.T @ inv(Q).T"),
    ("sum(Q @ inv(Q) * M)", "M", "eye(n)"),
    ("(x - mu).T @ inv(S) @ (x - mu)", "x", "2 * inv(S) @ (x - mu)"),
    ("(x - mu).T @ inv(S) @ (x - mu)", "mu", "-2 * inv(S) @ (x - mu)"),
    ("logdet(S)", "S", "2 * inv(S) - inv(S) * eye(n)"),
    ("logdet(S) + (x - mu).T @ inv(S) @ (x - mu)", "S",
     "2 * (inv(S) - inv(S) @ (x - mu) @ (x - mu).T @ inv(S))"
     " - (inv(S) - inv(S) @ (x - mu) @ (x - mu).T @ inv(S)) * eye(n)"),
    ("b.T @ inv(X @ X.T + c * eye(m)) @ b", "X",
     "-2 * inv(X @ X.T + c * eye(m)) @ b @ b.T @ inv(X @ X.T + c * eye(m)) @ X"),
    # softmax, hand-typed and by name
    ("logsumexp(z)", "z", "softmax(z)"),
    ("log(sum(exp(z)))", "z", "softmax(z)"),
    ("log(sum(exp(z - max(z)))) + max(z)", "z", "softmax(z)"),
    ("log(sum(exp(W @ x)))", "W", "softmax(W @ x) @ x.T"),
    ("-y.T @ log(softmax(z))", "z", "sum(y) * softmax(z) - y"),
    ("-y.T @ log(exp(z) / sum(exp(z)))", "z", "sum(y) * softmax(z) - y"),
    ("logsumexp(W @ x) - b.T @ W @ x", "W", "(softmax(W @ x) - b) @ x.T"),
    ("sum(softmax(z))", "z", "zeros(n)"),
    ("-log(softmax(z)[3])", "z", "softmax(z) - eye(n)[:, 3]"),
    ("-log_softmax(W @ x)[1]", "x", "W.T @ (softmax(W @ x) - eye(m)[:, 1])"),
    ("x[2] * tanh(x[2])", "x",
     "(x[2] * (1 - tanh(x[2])**2) + tanh(x[2])) * eye(n)[:, 2]"),
    ("sum(exp(X) / sum(exp(X), axis=1) * W)", "X",
     "W * softmax(X) - diag((W * softmax(X)) @ ones(n)) @ softmax(X)"),
    # the logistic function
    ("1 / (1 + exp(-t))", "t", "sigmoid(t) * (1 - sigmoid(t))"),
    ("log(1 + exp(t))", "t", "sigmoid(t)"),
    ("sum(log(1 + exp(-b * (X @ w))))", "w", "-X.T @ (b * sigmoid(-b * (X @ w)))"),
    ("-(b.T @ log(sigmoid(X @ w)) + (1 - b).T @ log(1 - sigmoid(X @ w)))", "w",
     "X.T @ (sigmoid(X @ w) - b)"),
    ("sum(tanh(x))", "x", "1 - tanh(x)**2"),
    # lengths
    ("frobenius(A)", "A", "A / frobenius(A)"),
    ("norm2(X @ w)", "w", "X.T @ X @ w / norm2(X @ w)"),
    ("frobenius(A @ Q)", "A", "A @ Q @ Q.T / frobenius(A @ Q)"),
    ("norm2(X @ Q @ w)**3", "w", "3 * norm2(X @ Q @ w) * Q.T @ X.T @ X @ Q @ w"),
    ("sum(abs(X @ w))**2", "w", "2 * norm1(X @ w) * X.T @ sign(X @ w)"),
    ("norm1(A) * c", "c", "sum(abs(A))"),
    # padding
    ("homogeneous(x).T @ homogeneous(y)", "x", "y"),
    # norms, means, variances
    ("norm2(x)", "x", "x / norm2(x)"),
    ("sqrt(x.T @ x)", "x", "x / norm2(x)"),
    ("sqrt(sum(x**2))", "x", "x / norm2(x)"),
    ("norm2(x - mu)", "x", "(x - mu) / norm2(x - mu)"),
    ("sum(abs(x))", "x", "sign(x)"),
    ("(x.T @ y) / (norm2(x) * norm2(y))", "x",
     "y / (norm2(x) * norm2(y)) - (x.T @ y) * x / (norm2(x)**3 * norm2(y))"),
    ("mean((x - mean(x))**2)", "x", "2 * (x - mean(x)) / n"),
    ("var(x)", "x", "2 * (x - mean(x)) / n"),
    ("sum((x - mean(x)) / sqrt(var(x) + c))", "x", "zeros(n)"),
    ("v.T @ ((x - mean(x)) / sqrt(var(x) + c))", "x",
     "(v - mean(v)) / sqrt(var(x) + c)"
     " - (v.T @ (x - mean(x))) * (x - mean(x)) / (n * (var(x) + c)**(3/2))"),
    ("exp(-(x.T @ x) / 2)", "x", "-exp(-x.T @ x / 2) * x"),
    # typed by hand
    ("sum((x - sum(x) / n)**2) / n", "x", "2 * (x - mean(x)) / n"),
    ("sum((x - mean(x))**2) / (n - 1)", "x", "2 * (x - mean(x)) / (n - 1)"),
    ("sqrt(mean((x - mean(x))**2))", "x", "(x - mean(x)) / (n * std(x))"),
    ("v.T @ ((exp(x) - exp(-x)) / (exp(x) + exp(-x)))", "x", "v * (1 - tanh(x)**2)"),
    ("sum(log(1 + exp(x))**2)", "x", "2 * (sigmoid(x) * softplus(x))"),
    ("sum(x * sigmoid(x))", "x", "sigmoid(x) * (1 + x * (1 - sigmoid(x)))"),
    # one-sided functions and choices
    ("sum(maximum(x, 0)**2)", "x", "2 * relu(x)"),
    ("sum(maximum(x, y)**2)", "x", "2 * (x * (x >= y))"),
    ("sum(maximum(x, y))", "x", "where(x >= y, 1, 0)"),
    ("sum(abs(x)**2)", "x", "2 * x"),
    ("sum(where(x > 0, x**2, -x))", "x", "where(x > 0, 2 * x, -1)"),
    ("sum(where(x < 0, a * x, x))", "x", "where(x < 0, a, 1)"),
    ("sum(where(abs(x) < 1/2, x**2 / 2, abs(x) / 2 - 1/8))", "x",
     "where(abs(x) < 1/2, 2 * x, sign(x)) / 2"),
    ("sum(where(x == 0, 1, x) * y)", "x", "y * (x != 0)"),
    # numbers, powers, sums
    ("norm2(A @ x - b)**2 + sum(x)", "x", "2 * A.T @ (A @ x - b) + ones(n)"),
    ("x.T @ x + sum(x)", "x", "2 * x + ones(n)"),
    ("w.T @ (X - mean(X)).T @ b", "X",
     "b @ w.T - mean(b) * mean(w) * ones(m) @ ones(n).T"),
    ("tr(Q @ Q @ Q @ Q)", "Q", "4 * matrix_power(Q, 3).T"),
    ("y.T @ matrix_power(Q, 3) @ x", "Q",
     "y @ x.T @ matrix_power(Q, 2).T + Q.T @ y @ x.T @ Q.T + matrix_power(Q, 2).T @ y @ x.T"),
    ("norm2(X @ Q + ones(m) @ w.T)**2", "w", "2 * (X @ Q + ones(m) @ w.T).T @ ones(m)"),
    ("a * norm2(X @ w - b)**2", "a", "norm2(X @ w - b)**2"),
    ("a * sum((X @ w - b)**2)", "a", "norm2(X @ w - b)**2"),
    # order
    ("a * x.T @ Q @ x", "a", "x.T @ Q @ x"),
    ("(x.T @ y)**2", "x", "2 * (x.T @ y) * y"),
    ("det(P + t * Q)", "t", "det(P + t * Q) * tr(inv(P + t * Q) @ Q)"),
    ("tr(Q @ X.T @ X @ Q.T)", "Q", "2 * Q @ X.T @ X"),
    ("t * a**2 * c", "a", "2 * a * c * t"),
    ("sum((Q - Q.T)**2)", "Q", "4 * (Q - Q.T)"),
    ("det(Q)**2", "Q", "2 * det(Q)**2 * inv(Q).T"),
    ("sum(x * log(x / y))", "x", "1 + log(x / y)"),
    ("w.T @ S @ w - a * (w.T @ w - 1)", "a", "1 - w.T @ w"),
    ("sum(softmax(x) * log(softmax(x)))", "x",
     "log_softmax(x) * softmax(x) - (log_softmax(x).T @ softmax(x)) * softmax(x)"),
    ("a**a", "a", "a**a + a**a * log(a)"),
]  # fmt: skip

JACOBIANS = [
    ("A @ x", "x", "A"),
    ("A @ x", "A", "kron(x.T, eye(m))"),
    ("M @ Q @ P", "Q", "kron(P.T, M)"),
    ("inv(Q)", "Q", "-kron(inv(Q).T, inv(Q))"),
    ("W.T", "W", "commutation(m, n)"),
    ("Q.T @ Q", "Q", "kron(Q.T, eye(n)) @ commutation(n, n) + kron(eye(n), Q.T)"),
    ("x @ x.T", "x", "kron(x, eye(n)) + kron(eye(n), x)"),
    ("vec(W)", "W", "eye(m * n)"),
    ("flatten(W)", "W", "commutation(m, n)"),
    ("softmax(z)", "z", "diag(softmax(z)) - softmax(z) @ softmax(z).T"),
    ("exp(z) / sum(exp(z))", "z", "diag(softmax(z)) - softmax(z) @ softmax(z).T"),
    ("exp(z - max(z)) / sum(exp(z - max(z)))", "z",
     "diag(softmax(z)) - softmax(z) @ softmax(z).T"),
    ("log(softmax(z))", "z", "eye(n) - ones(n) @ softmax(z).T"),
    ("x / norm2(x)", "x", "eye(n) / norm2(x) - x @ x.T / norm2(x)**3"),
    ("tanh(W @ x)", "x", "diag(1 - tanh(W @ x)**2) @ W"),
    ("tanh(W)", "W", "diag(vec(1 - tanh(W)**2))"),
    ("W @ tanh(Q)", "Q", "kron(eye(n), W) @ diag(vec(1 - tanh(Q)**2))"),
    ("tanh(Q @ M)", "Q", "diag(vec(1 - tanh(Q @ M)**2)) @ kron(M.T, eye(n))"),
    ("outer(x, y) * Q", "x", "diag(vec(Q)) @ kron(y, eye(n))"),
    ("norm2(x)**2 * W", "x", "2 * vec(W) @ x.T"),
    ("exp(x) / (1 + exp(x))", "x", "diag(sigmoid(x) * (1 - sigmoid(x)))"),
    ("(exp(2 * x) - 1) / (exp(2 * x) + 1)", "x", "diag(1 - tanh(x)**2)"),
    ("x - mean(x)", "x", "eye(n) - ones(n) @ ones(n).T / n"),
    ("(x - mean(x)) / std(x)", "x",
     "(eye(n) - ones(n) @ ones(n).T / n) / std(x)"
     " - (x - mean(x)) @ (x - mean(x)).T / (n * std(x)**3)"),
    ("W * W", "W", "2 * diag(vec(W))"),
    ("inv(P + t * Q)", "t", "-vec(inv(P + t * Q) @ Q @ inv(P + t * Q))"),
]  # fmt: skip

HESSIANS = [
    ("x.T @ Q @ x", "x", "Q + Q.T"),
    ("norm2(X @ w - b)**2", "w", "2 * X.T @ X"),
    ("logsumexp(z)", "z", "diag(softmax(z)) - softmax(z) @ softmax(z).T"),
    ("norm2(x)", "x", "eye(n) / norm2(x) - x @ x.T / norm2(x)**3"),
    ("sum(log(1 + exp(-b * (X @ w))))", "w",
     "X.T @ diag(b * b * (sigmoid(b * (X @ w)) * (1 - sigmoid(b * (X @ w))))) @ X"),
    ("sum((X @ w)**3)", "w", "6 * X.T @ diag(X @ w) @ X"),
    ("logdet(Q)", "Q", "-kron(inv(Q), inv(Q).T) @ commutation(n, n)"),
    ("-y.T @ log(softmax(z))", "z",
     "sum(y) * (diag(softmax(z)) - softmax(z) @ softmax(z).T)"),
    ("sum(maximum(x, 0)**2)", "x", "2 * diag(step(x))"),
    ("sum(maximum(x, y)**2)", "x", "2 * diag(x >= y)"),
    ("sum(relu(1 - b * (X @ w))**2)", "w",
     "2 * X.T @ diag(b * b * step(1 - b * (X @ w))) @ X"),
    ("sum((x - sum(x) / n)**2) / n", "x", "2 * (eye(n) - ones(n) @ ones(n).T / n) / n"),
    ("sum(x * sigmoid(x))", "x",
     "diag(sigmoid(x) * (1 - sigmoid(x)) * (2 + x * (1 - 2 * sigmoid(x))))"),
    ("sum(gelu(x))", "x", "diag(sqrt(2/pi) * (exp(-x**2 / 2) * (2 - x**2))) / 2"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "wrt", "want"), GRADIENTS)
def test_gradient(expression: str, wrt: str, want: str) -> None:
    assert solved(expression, wrt, "gradient") == want


@pytest.mark.parametrize(("expression", "wrt", "want"), JACOBIANS)
def test_jacobian(expression: str, wrt: str, want: str) -> None:
    assert solved(expression, wrt, "jacobian") == want


@pytest.mark.parametrize(("expression", "wrt", "want"), HESSIANS)
def test_hessian(expression: str, wrt: str, want: str) -> None:
    assert hessian(expression, wrt) == want


DECLARED = {"S"}  # a symmetric variable's gradient counts each free entry once: another formula


@pytest.mark.parametrize(
    ("expression", "wrt", "want"), [r for r in GRADIENTS if r[1] not in DECLARED]
)
def test_the_printed_gradient_is_equal_to_the_derivative(
    expression: str, wrt: str, want: str
) -> None:
    """Typed in again it is shown equal, or at least has the values; never by luck of one point."""
    graph, y = typed(expression, wrt)
    derivative = jacobian(y, graph[wrt].leaf.node)
    _, again = typed(want, wrt)
    if again.order < derivative.order:  # a number stands for an array of it
        pytest.skip("a scalar formula for a constant array")
    found = equal(derivative, again)
    assert found.equal
    assert found.shown or found.points >= 3
    other = equal(derivative, typed(f"{want} + {wrt} / 7", wrt)[1])
    assert other.equal is False
    assert other.deviation is not None and other.deviation > 1e-6


# -- equality -------------------------------------------------------------------------------------

EQUAL = [
    ("A @ (x + y)", "A @ x + A @ y", True),
    ("norm2(x + y)**2", "x.T @ x + 2 * y.T @ x + y.T @ y", True),
    ("sum((x + y)**3)", "sum(x**3 + 3 * x**2 * y + 3 * x * y**2 + y**3)", True),
    ("softmax(z)", "exp(z) / sum(exp(z))", True),
    ("sigmoid(x) * (1 - sigmoid(x))", "sigmoid(x) - sigmoid(x)**2", True),
    ("sigmoid(-x)", "1 - sigmoid(x)", True),
    ("inv(M @ Q)", "inv(Q) @ inv(M)", True),
    ("inv(Q).T", "inv(Q.T)", True),
    ("tr(M @ Q @ P)", "tr(P @ M @ Q)", True),
    ("(M @ Q).T", "Q.T @ M.T", True),
    ("S @ x", "S.T @ x", True),
    ("2 * X.T @ (X @ w - b)", "-2 * X.T @ (b - X @ w)", True),
]
BY_VALUES = [
    ("sin(x)**2 + cos(x)**2", "x / x"),
    ("log(t**2)", "2 * log(t)"),
    ("logdet(M @ Q)", "logdet(M) + logdet(Q)"),
    ("tanh(t)", "2 * sigmoid(2 * t) - 1"),
]
DIFFERENT = [
    ("Q @ x", "Q.T @ x"),
    ("A @ x", "2 * A @ x"),
    ("tr(M @ Q @ P)", "tr(M @ P @ Q)"),
    ("X.T @ (X @ w - b)", "X.T @ (b - X @ w)"),
    ("mean(x)", "sum(x)"),
    ("inv(M @ Q)", "inv(M) @ inv(Q)"),
]


def pair(left: str, right: str) -> tuple[Node, Node]:
    """Two expressions over the same leaves."""
    document = source(f"{left} + 0 * ({right})", "x").split("define:")[0]
    both = document + f"define:\n  LEFT: {left}\n  RIGHT: {right}\ntasks:\n  - graph\n"
    from tutor.problem import loads as read

    graph = elaborate(read(both))
    return whole(graph, "LEFT"), whole(graph, "RIGHT")


@pytest.mark.parametrize(("left", "right", "shown"), EQUAL)
def test_shown_equal(left: str, right: str, shown: bool) -> None:
    found = equal(*pair(left, right))
    assert (found.equal, found.shown, found.points) == (True, shown, 0)


@pytest.mark.parametrize(("left", "right"), BY_VALUES)
def test_equal_by_values(left: str, right: str) -> None:
    found = equal(*pair(left, right))
    assert (found.equal, found.shown) == (True, False)
    assert found.points >= 3 and found.deviation is not None and found.deviation < 1e-9


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_different(left: str, right: str) -> None:
    found = equal(*pair(left, right))
    assert found.equal is False and not found.shown
    assert found.points >= 1 and found.deviation is not None


def test_undecided_where_nothing_can_be_evaluated() -> None:
    found = equal(*pair("log(-t**2)", "t"))
    assert (found.equal, found.points) == (None, 0)


def test_nodes_of_other_shapes_are_different() -> None:
    assert equal(*pair("x", "A @ x")).equal is False


def test_the_symbolic_test_alone_never_says_different(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: simplification does nothing; the values still decide rightly."""
    from tutor.calculus import equal as module

    monkeypatch.setattr(module, "simplify", lambda node: node)
    monkeypatch.setattr(module, "expanded", lambda node: node)
    for left, right, _ in EQUAL:
        assert equal(*pair(left, right)).equal is True
    for left, right in DIFFERENT:
        assert equal(*pair(left, right)).equal is False


UNITS = [
    ("B: [[2]], M: [[3]], C: [[5]]", "B @ M @ C", "B", "C * M"),
    ("B: [[2]], M: [[3]], C: [[5]]", "B @ M @ C", "M", "B * C"),
    ("M: [[3]]", "M @ M @ M", "M", "2 * M * M + matrix_power(M, 2)"),
    ("X: [[1], [2], [4]], B: [[3]]", "X @ B @ X.T", "B", "vec(X @ X.T)"),
    ("x: [2], B: [[3]]", "diag(x) @ B @ diag(x)", "B", "x * x"),
    ("X: [[1], [2]], y: [3, 4]", "X.T @ diag(y) @ X", "X", "2 * (X.T * y.T)"),
    ("X: [[1, 4, 3]]", "max(X, axis=0)", "X", "diag(vec(argmax_onehot(X, axis=0).T))"),
    ("X: [[1, 4, 3]]", "X[0]", "X", "eye(3)"),
    ("B: [[2]], C: [[3]]", "tr(B.T @ C @ B)", "B", None),
    ("X: [[1], [2], [3]]", "logdet(X.T @ X + eye(1))", "X", None),
]


@pytest.mark.parametrize(("given", "expression", "wrt", "expected"), UNITS)
def test_axes_of_size_one_are_not_written(
    given: str, expression: str, wrt: str, expected: str | None
) -> None:
    kinds = ["hessian"] if expected is None else ["jacobian"]
    for kind in kinds:
        document = (
            f"title: t\ngiven: {{{given}}}\ndefine:\n  f: {expression}\n"
            f"tasks:\n  - {kind}: {{of: f, wrt: {wrt}}}\n"
        )
        (task,) = loads(document).solve().tasks
        assert task.check is not None and task.check.passed, task.check
        if expected is not None:
            assert task.formula is not None and text(task.formula) == expected


def test_a_closed_form_never_speaks_of_later_gradients() -> None:
    document = (
        "title: t\ngiven: {A: 'tensor(b, m, n)', B: 'tensor(b, n, p)'}\ndefine: {f: sum(A @ B)}\n"
    )
    (task,) = loads(document + "tasks: [{gradient: {of: f, wrt: A}}]\n").solve().tasks
    assert task.formula is not None and text(task.formula) == "sum_r(B[i, k, r])"


@pytest.mark.parametrize("expression", ["x.T @ x", "dot(x, x)", "x.T @ A.T @ x", "x * x"])
def test_what_stands_twice_is_not_called_linear(expression: str) -> None:
    given = "title: t\ngiven: {x: vector(n), A: 'matrix(n, n)'}\n"
    document = given + f"define: {{z: '{expression}', L: sum(z)}}\n"
    (task,) = loads(document + "tasks: [{gradient: {of: L, wrt: x}}]\n").solve().tasks
    twice = [s for s in task.steps if s.id == "local.z.x" and s.why is not None]
    if expression != "x.T @ A.T @ x":
        assert twice and twice[0].why is not None
        assert "linear" not in twice[0].why.message


@pytest.mark.parametrize(
    ("typed_in", "on_paper"),
    [
        ("2 * (x.T @ y) * y", "2·(xᵀy)·y"),
        ("a * (x.T @ Q @ x) * x / norm2(x)", "a·(xᵀQx)·x/‖x‖"),
        ("2 * X.T @ X", "2·XᵀX"),
        ("2 * a * t", "2at"),
        ("2 * a * x", "2a·x"),
        ("6 * sqrt(5)", "6√5"),
        ("68 * sqrt(5) / 5", "68√5/5"),
        ("matrix_power(Q, 3) @ x", "Q³x"),
        ("y * (x >= 0)", "y·[x ≥ 0]"),
        ("mse_loss(x, y, reduction='none')", 'mse_loss(x, y, reduction="none")'),
    ],
)
def test_on_paper(typed_in: str, on_paper: str) -> None:
    names = {
        k: Variable(k, "given", () if v == "scalar" else ("n",), "", None) for k, v in GIVEN.items()
    }
    assert unicode_text(parse(typed_in), names) == on_paper


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("exp(x) / (1 + exp(x))", "exp(x) / (1 + exp(x)) is sigmoid(x)"),
        ("(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
         "(exp(x) - exp(-x)) / (exp(x) + exp(-x)) is tanh(x)"),
        ("log(1 + exp(x))", "log(1 + exp(x)) is softplus(x)"),
        ("x * mean((x - mean(x))**2)", "mean((x - mean(x))**2) is var(x)"),
        ("exp(x) / sum(exp(x))", "exp(x) / sum(exp(x)) is softmax(x)"),
        ("x * sqrt(sum(x**2))", "sqrt(sum(x**2)) is norm2(x)"),
        ("x * sqrt(x.T @ x)", "sqrt(x.T @ x) is norm2(x)"),
        ("x * (sum(x) / n)", "sum(x) / n is mean(x)"),
        ("x * (x.T @ y) / 3", None),
        ("sigmoid(x)", None),
        ("exp(x) / (2 + exp(x))", None),
    ],
)  # fmt: skip
def test_a_definition_typed_by_hand_is_remarked_on(expression: str, sentence: str | None) -> None:
    document = source(expression, "x") + "  - jacobian: {of: OUT, wrt: x}\n"
    (task,) = loads(document).solve().tasks
    said = [
        f"{text(s.why.args['typed'])} is {text(s.why.args['name'])}"
        for s in task.steps
        if s.id.startswith("name.") and s.why is not None
    ]
    assert said == ([] if sentence is None else [sentence])


def test_a_repeated_term_is_one_quantity() -> None:
    document = source("(x - mu).T @ inv(S) @ (x - mu)", "x")
    graph = loads(document + "  - gradient: {of: OUT, wrt: x}\n").solve()
    formulas = [
        text(s.equation[1])
        for s in graph.tasks[0].steps
        if s.kind == "forward" and len(s.equation) > 1
    ]
    assert formulas.count("x - mu") == 1
    assert len(set(formulas)) == len(formulas)


# In denominator layout the steps of a Hessian turn sums whose terms are turned already.
A_T, B_T = Transpose(Name("A")), Transpose(Name("B"))


@pytest.mark.parametrize(
    ("term", "want"),
    [
        (Binary("-", Binary("@", A_T, Call("diag", (Name("x"),))), B_T), "diag(x) @ A - B"),
        (Binary("+", A_T, Name("c")), "(A.T + c).T"),
        (Binary("-", Name("A"), Binary("@", B_T, Name("C"))), "(A - B.T @ C).T"),
        (Binary("/", Call("eye", (Name("n"),)), Name("c")), "eye(n) / c"),
    ],
)
def test_a_transpose_goes_into_a_sum_only_where_all_of_it_gets_shorter(
    term: Binary, want: str
) -> None:
    assert text(transposed(term)) == want
