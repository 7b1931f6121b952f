"""Linear algebra as a whole: second derivatives, exact numbers, sizes, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

from tutor.calculus.reverse import gradient, jacobian
from tutor.calculus.simplify import simplify, substitute
from tutor.errors import InputError, ShapeError
from tutor.graph.node import Node
from tutor.notation.jacobian import jacobian_term
from tutor.notation.matrix import matrix_term
from tutor.notation.text import text
from tutor.numeric.evaluate import evaluate
from tutor.ops import OPS
from tutor.ops.linalg import definite, well
from tutor.problem import loads
from tutor.problem.elaborate import elaborate
from tutor.problem.lines import Graph
from tutor.tasks.workspace import Workspace

GIVEN = {"X": "matrix(n, n)", "A": "matrix(m, n)", "B": "matrix(n, k)", "x": "vector(n)",
         "b": "vector(n)", "s": "scalar"}  # fmt: skip


def whole(graph: Graph, name: str) -> Node:
    """The definition over the givens alone."""
    full: dict[Node, Node] = {}
    for line in graph.lines.values():
        if line.val is not None:
            full[line.leaf.node] = substitute(line.val.node, full)
    return full[graph[name].leaf.node]


def problem(expression: str, given: dict[str, Any] | None = None) -> Any:
    rows = "".join(f"  {k}: {v}\n" for k, v in (given or GIVEN).items())
    return loads(f"given:\n{rows}define:\n  OUT: '{expression}'\ntasks:\n  - graph\n")


def node(expression: str, given: dict[str, Any] | None = None) -> tuple[Graph, Node]:
    graph = elaborate(problem(expression, given))
    return graph, whole(graph, "OUT")


def printed(expression: str, wrt: str, given: dict[str, Any] | None = None) -> str:
    loaded = problem(expression, given)
    graph = elaborate(loaded)
    y, x = whole(graph, "OUT"), graph[wrt].leaf.node
    d = simplify(jacobian(y, x))
    leaf = Workspace(loaded, graph).leaf_term
    return text(jacobian_term(d, y.order, leaf) if y.order else matrix_term(d, leaf))


def value(expression: str, given: dict[str, Any]) -> np.ndarray:
    graph, y = node(expression, given)
    env = dict(graph.constants)
    env |= {
        v.leaf.node: v.value.data for v in graph.lines.values() if v.kind == "given" and v.value
    }
    (array,) = evaluate([y], env)
    return array


# -- second derivatives ----------------------------------------------------------------------------

POINTS = {"X": well, "S": definite, "x": lambda rng, shape: rng.uniform(0.5, 2, size=shape)}
SECOND = [
    ("logdet(X)", "X"),
    ("det(X)", "X"),
    ("x.T @ inv(X) @ x", "X"),
    ("x.T @ inv(X) @ x", "x"),
    ("tr(matrix_power(X, -2))", "X"),
    ("sum(square(cholesky(S)) * X)", "S"),
    ("logdet(cholesky(S))", "S"),
    ("prod(x)", "x"),
    ("prod(x) ** 2", "x"),
    ("var(x)", "x"),
    ("std(x)", "x"),
    ("sum(var(X, axis=0) ** 2)", "X"),
    ("sum(square(kron(x, x)))", "x"),
    ("sum(square(vech(X)) * sum(X))", "X"),
    ("norm1(x) ** 3", "x"),
    ("sum(square(cumsum(x)))", "x"),
    ('einsum("i,ij,jk,k->", x, X, X, x)', "X"),
    ("sum(tril(X @ X) * X)", "X"),
    ('sum(square(pad(x, [1, 1], mode="reflect")))', "x"),
    ("frobenius(X) ** 3", "X"),
    ("norm_inf(x) ** 2", "x"),
]


@pytest.mark.parametrize(("expression", "wrt"), SECOND)
def test_second_derivatives(expression: str, wrt: str) -> None:
    """The Jacobian of the gradient, against central differences of the gradient."""
    declared = {"X": "matrix(3, 3)", "S": "matrix(3, 3)", "x": "vector(3)"}
    graph, y = node(expression, declared)
    rng = np.random.default_rng(17)
    env = {graph[k].leaf.node: POINTS[k](rng, tuple(graph[k].shape)) for k in declared}
    x = graph[wrt].leaf.node
    first = gradient(y, x)
    (second,) = evaluate([jacobian(first, x)], env)
    (shorter,) = evaluate([jacobian(simplify(first), x)], env)
    want = np.zeros_like(second)
    for at in np.ndindex(*x.shape):
        h = np.zeros(x.shape)
        h[at] = 1e-5
        (up,), (down,) = (evaluate([first], {**env, x: env[x] + s * h}) for s in (1, -1))
        want[(..., *at)] = (up - down) / 2e-5
    scale = max(1.0, float(np.max(np.abs(want))))
    assert np.max(np.abs(second - want)) < 1e-7 * scale
    assert np.max(np.abs(shorter - second)) < 1e-10 * scale


def test_a_third_derivative_of_a_product_with_a_zero() -> None:
    """∂³(abcd) = the one factor left, also where others are 0."""
    graph, y = node("prod(x)", {"x": "vector(4)"})
    x = graph["x"].leaf.node
    third = jacobian(jacobian(gradient(y, x), x), x)
    (got,) = evaluate([third], {x: np.array([0.0, 2.0, 0.0, 5.0])})
    assert got[0, 1, 2] == 5.0
    assert got[1, 2, 3] == got[0, 0, 1] == got[1, 1, 1] == 0.0
    assert got[0, 2, 3] == 2.0


# -- exact numbers ---------------------------------------------------------------------------------


def test_exact_values() -> None:
    given = {"X": [[2, 1], [1, 3]], "x": [1, 2]}
    assert value("inv(X)", given).tolist() == [
        [sp.Rational(3, 5), sp.Rational(-1, 5)],
        [sp.Rational(-1, 5), sp.Rational(2, 5)],
    ]
    assert value("det(X)", given) == 5
    assert value("logdet(X)", given) == sp.log(5)
    assert value("solve(X, x)", given).tolist() == [sp.Rational(1, 5), sp.Rational(3, 5)]
    assert value("matrix_power(X, 3)", given).tolist() == [[15, 20], [20, 35]]
    low = value("cholesky(X)", given)
    assert sp.simplify(
        sp.Matrix(low) * sp.Matrix(low).T - sp.Matrix([[2, 1], [1, 3]])
    ).is_zero_matrix
    assert value("var(x)", given) == sp.Rational(1, 4)
    assert value("std(x)", given) == sp.S.Half
    assert value("prod(x)", given) == 2
    assert value("argmax(x)", given) == 1
    assert value("argmax_onehot(x)", given).tolist() == [0, 1]
    assert value("kron(x, X)", given).tolist() == [[2, 1], [1, 3], [4, 2], [2, 6]]
    assert value("cumsum(x)", given).tolist() == [1, 3]


def test_exact_values_with_roots() -> None:
    given = {"X": [["sqrt(2)", 1], [1, "pi"]]}
    assert sp.simplify(value("det(X)", given)[()] - (sp.sqrt(2) * sp.pi - 1)) == 0
    product = sp.Matrix(value("inv(X) @ X", given))
    assert all(abs(float(v) - (i == j)) < 1e-15 for (i, j), v in np.ndenumerate(np.array(product)))


def test_large_exact_matrices_become_floats() -> None:
    """A 20×20 inverse in fractions would fill the page."""
    from tutor.numeric.evaluate import TooLong
    from tutor.ops import exact

    big = exact.objects([[sp.Rational(1, i + j + 1) for j in range(20)] for i in range(20)])
    with pytest.raises(TooLong):
        exact.inverse(big)
    four = exact.objects([[sp.pi ** (i * j) for j in range(4)] for i in range(4)])
    with pytest.raises(TooLong):
        exact.determinant(four)


def test_elimination_agrees_with_the_sum_over_permutations() -> None:
    from tutor.ops import exact

    rng = np.random.default_rng(3)
    for n in (1, 2, 3):
        a = exact.objects(
            [[sp.Rational(int(v), 3) for v in row] for row in rng.integers(-4, 5, (n, n))]
        )
        assert exact.determinant(a) == exact.leibniz(a)


# -- the constant matrices -------------------------------------------------------------------------


def test_constant_matrices_do_what_they_are_for() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=(3, 5))
    got = value("commutation(3, 5) @ vec(A)", {"A": a.tolist()})
    np.testing.assert_allclose(np.asarray(got, float), a.ravel("C"), rtol=1e-6)
    s = a @ a.T
    given = {"S": s.tolist()}
    np.testing.assert_allclose(
        np.asarray(value("duplication(3) @ vech(S) - vec(S)", given), float), 0, atol=1e-6
    )
    np.testing.assert_allclose(
        np.asarray(value("elimination(3) @ vec(S) - vech(S)", given), float), 0, atol=1e-12
    )
    both = value("elimination(3) @ duplication(3) - eye(6)", {"s": 1})
    assert not np.asarray(both, float).any()


@pytest.mark.parametrize("name", ["commutation", "duplication", "elimination"])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_constant_matrices_against_their_definition(name: str, n: int) -> None:
    sizes = (n, 2) if name == "commutation" else (n,)
    made = OPS[name].define(*sizes)
    (array,) = evaluate([made.node], {})
    want = OPS[name].reference(*sizes)
    assert array.shape == want.shape == tuple(made.shape)
    assert (np.asarray(array, float) == want).all()


def test_symbolic_sizes_are_resolved() -> None:
    graph, y = node("commutation(m, n) @ vec(A)")
    a = np.random.default_rng(0).normal(size=(3, 2))
    sizes = {graph.sizes["m"]: 3, graph.sizes["n"]: 2}
    (got,) = evaluate([y], {graph["A"].leaf.node: a}, sizes)
    np.testing.assert_allclose(got, a.ravel())
    graph, y = node("vech(X)")
    x = np.arange(9.0).reshape(3, 3)
    (got,) = evaluate([y], {graph["X"].leaf.node: x}, {graph.sizes["n"]: 3})
    assert got.tolist() == [0, 3, 6, 4, 7, 8]
    assert str(graph["OUT"].dims) == "n*(n + 1)/2×1"


# -- sizes -----------------------------------------------------------------------------------------

SIZES = [
    ("inv(X)", "n×n"),
    ("det(X)", "1×1"),
    ("solve(X, b)", "n×1"),
    ("solve(X, B)", "n×k"),
    ("kron(A, B)", "m*n×k*n"),
    ("kron(x, b)", "n**2×1"),
    ("kron(x.T, b)", "n×n"),
    ("kron(x.T, b.T)", "1×n**2"),
    ("diag(x)", "n×n"),
    ("diag(x.T)", "n×n"),
    ("diag(X)", "n×1"),
    ("tril(A)", "m×n"),
    ("prod(A, axis=0)", "1×n"),
    ("prod(A, axis=1)", "m×1"),
    ("prod(A, axis=-1)", "m×1"),
    ("var(A, dim=0, keepdim=True)", "1×n"),
    ("std(x.T)", "1×1"),
    ("cumsum(A, axis=-1)", "m×n"),
    ("cumsum(x.T)", "1×n"),
    ("argmax(A, axis=1)", "m×1"),
    ("stack(x, b)", "2×n"),
    ("stack([x, b], axis=1)", "n×2"),
    ("stack(x.T, b.T)", "2×n"),
    ("broadcast(x, n, m)", "n×m"),
    ("broadcast(x.T, m, n)", "m×n"),
    ("broadcast(s, n)", "n×1"),
    ("permute(A, 1, 0)", "n×m"),
    ("permute(A, [1, 0])", "n×m"),
    ("squeeze(x.T)", "n×1"),
    ("unsqueeze(x, 0)", "1×n"),
    ("unsqueeze(x, 1)", "n×1"),
    ("unsqueeze(A, -1)", "m×n×1"),
    ("tile(x, 3)", "3*n×1"),
    ("tile(A, 2, 1)", "2*m×n"),
    ("tile(x.T, 2)", "1×2*n"),
    ("flip(A, axis=0)", "m×n"),
    ("pad(x, [1, 2])", "(n + 3)×1"),
    ("pad(A, [1, 2])", "m×(n + 3)"),
    ("pad(A, [[1, 2], [0, 0]])", "(m + 3)×n"),
    ("pad(x.T, [1, 1])", "1×(n + 2)"),
    ('einsum("ij,jk->ki", A, B)', "k×m"),
    ('einsum("ij,j", A, x)', "m×1"),
    ('einsum("ij,jk,k->i", A, X, x)', "m×1"),
    ("matrix_power(X, 0)", "n×n"),
    ("quad_form(x, X)", "1×1"),
    ("transpose(A)", "n×m"),
    ("transpose(A, 0, 1)", "n×m"),
    ("norm1(A, axis=0)", "1×n"),
    ("frobenius(A)", "1×1"),
]


@pytest.mark.parametrize(("expression", "size"), SIZES)
def test_sizes(expression: str, size: str) -> None:
    graph, _ = node(expression)
    assert graph["OUT"].dims == size


def test_unknown_sizes_are_found() -> None:
    given = {"X": "matrix(?, ?)", "A": "matrix(m, 3)", "b": "vector(?)"}
    graph, _ = node("A @ inv(X) @ b", given)
    assert (graph["X"].shape, graph["b"].shape) == ((3, 3), (3,))
    graph, _ = node("solve(X, b) + A.T[:, 0]", given)
    assert graph["X"].shape == (3, 3)
    graph, _ = node('einsum("ij,jk->ik", A, X) @ b + A @ b', given)
    assert graph["b"].shape == (3,)


def test_a_row_or_column_or_1xn_matrix() -> None:
    """One row of a matrix and n×1 literals are input too."""
    given = {"R": [[1, 2, 3]], "C": [[1], [2]], "x": [1, 2, 3]}
    assert value("tr(R @ x)", given) == 14
    assert value("cumsum(x.T)", given).tolist() == [1, 3, 6]
    assert value("diag(C)", given).tolist() == [[1, 0], [0, 2]]
    assert value("inv(x.T @ x)", given) == sp.Rational(1, 14)
    assert value("prod(R)", given) == 6
    assert value("quad_form(C, eye(2))", given) == 5
    assert value("flip(R, axis=1)", given).tolist() == [[3, 2, 1]]
    assert value("squeeze(R)", given).tolist() == [1, 2, 3]
    assert value("kron(C, R)", given).tolist() == [[1, 2, 3], [2, 4, 6]]


# -- what is printed -------------------------------------------------------------------------------

PRINTED = [
    ("tr(X)", "X", "eye(n)"),
    ("det(X)", "X", "det(X) * inv(X).T"),
    ("logdet(X)", "X", "inv(X).T"),
    ("inv(X)", "X", "-kron(inv(X).T, inv(X))"),
    ("norm1(x)", "x", "sign(x)"),
    ("prod(x)", "x", "prod_others(x)"),
    ("cumsum(x)", "x", "tril(ones(n, n))"),
    ("quad_form(x, X)", "x", "(X + X.T) @ x"),
    ("tr(tril(X))", "X", "eye(n)"),
    ("argmax(x) * s", "s", "argmax(x)"),
    ('einsum("i,ij,j->", x, X, b)', "X", "x @ b.T"),
    ("solve(X, b)", "b", "inv(X)"),
]


@pytest.mark.parametrize(("expression", "wrt", "want"), PRINTED)
def test_printed(expression: str, wrt: str, want: str) -> None:
    assert printed(expression, wrt) in (want, "tril(eye(n))" if "tril" in expression else want)


# -- what is refused -------------------------------------------------------------------------------

REFUSED = [
    ("inv(A)", "inv needs a square matrix; `A` has size m×n"),
    ("det(A)", "det needs a square matrix; `A` has size m×n"),
    ("tr(x)", "tr needs a square matrix; `x` has size n×1"),
    ("cholesky(A)", "cholesky needs a square matrix"),
    ("solve(X, A)", "solve needs as many rows on both sides: `X` is n×n and `A` is m×n"),
    ("quad_form(A, X)", "quad_form takes a column and a matrix; `A` has size m×n"),
    ("inv(unsqueeze(X, 0))", "inv takes one matrix, not a tensor of size 1×n×n"),
    ("prod(A, axis=2)", "axis 2 does not exist in an array of size m×n"),
    ("var(x, axis=1)", "axis 1 does not exist in an array of size n×1"),
    ("cumsum(A)", "cumsum of a matrix needs `axis`"),
    ("matrix_power(X, 65)", "at most 64"),
    ("matrix_power(X)", "`matrix_power` needs `n`"),
    ('einsum("ij,jk", A)', "has indices for 2 operands, and there is 1"),
    ('einsum("ij,jk->il", A, B)', "has an index `l` that no operand has"),
    ('einsum("ij,jk->ii", A, B)', "has the index `i` twice"),
    ('einsum("ijk->i", A)', 'operand 1 of einsum has size m×n, but 3 indices "ijk"'),
    ('einsum("i2->i", A)', '`2` in "i2->i" is not an index'),
    ('einsum("ij->ij->i", A)', "is not of the form"),
    ('einsum("...j->j", A)', "ellipsis is not supported"),
    (
        'einsum("ij,ij->i", A, B)',
        'the index `i` of "ij,ij->i" runs over m entries of `A` (m×n) and over n of `B` (n×k)',
    ),
    ("einsum(A, B)", "einsum needs its indices in quotes"),
    ("permute(A, 0)", "permute needs each of the 2 axes of `A` once, not 0"),
    ("permute(A, 0, 2)", "axis 2 does not exist"),
    ("stack(x, A)", "cannot stack `x` (n×1) and `A` (m×n): stack needs parts of one size"),
    ("stack(x, b, axis=3)", "axis 3 does not exist in a stack"),
    ("broadcast(A, m, m)", "`A` of size m×n does not repeat to size m×m"),
    ("pad(A, [1])", "`pad` does not fit an array with 2 axes"),
    ('pad(A, [1, 1], mode="mirror")', '`mode` is "constant", "reflect"'),
    (
        "kron(unsqueeze(X, 0), X)",
        "kron takes matrices and vectors; `unsqueeze(X, 0)` has size 1×n×n",
    ),
    ("transpose(A, 0)", "transpose needs both axes"),
    ("unsqueeze(x, 2)", "axis 2 does not exist in the result, which has 2 axes"),
    ("frobenius(unsqueeze(X, 0))", "frobenius takes a matrix"),
    ("tile(A, 0)", "a size must be at least 1, not 0"),
]


@pytest.mark.parametrize(("expression", "message"), REFUSED)
def test_refused(expression: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        node(expression)
    assert message in caught.value.message
    assert "{" not in caught.value.message + (caught.value.hint or "")


def test_numbers_that_are_refused() -> None:
    for expression, rows, message in (
        ("inv(X)", [[1, 2], [2, 4]], "singular"), ("logdet(X)", [[1, 2], [2, 4]], "singular"),
        ("inv(X)", [[0.1234567, 0.2469134], [1, 2]], "singular"),
        ("solve(X, [1, 1])", [[0, 0], [0, 0]], "singular"),
        ("cholesky(X)", [[1, 2], [2, 1]], "positive definite"),
        ("cholesky(X)", [[1.2345678, 2], [2, 1]], "positive definite"),
        ("logdet(X)", [[0, 1], [1, 0]], "not a finite real number"),
        ("logdet(X)", [[0.1234567, 1], [1, 0]], "not a finite real number"),
    ):  # fmt: skip
        with pytest.raises(InputError) as caught:
            value(expression, {"X": rows})
        assert message in caught.value.message, expression


def test_padding_beyond_the_array_is_refused() -> None:
    for mode, pad in (("reflect", "[3, 0]"), ("circular", "[0, 4]"), ("replicate", "[-1, 0]")):
        with pytest.raises(ShapeError):
            node(f'pad(x, {pad}, mode="{mode}")', {"x": "vector(3)"})
    with pytest.raises(ShapeError):
        node("pad(x, [-2, -1])", {"x": "vector(3)"})


def test_a_variance_of_too_few_numbers_is_refused() -> None:
    with pytest.raises(ShapeError):
        node("var(x, correction=1)", {"x": "vector(1)"})


def test_results_that_would_not_fit_are_refused_before_they_are_made() -> None:
    for expression in ("kron(x, kron(x, x))", "commutation(200, 200) @ vec(x @ x.T)"):
        with pytest.raises(InputError) as caught:
            value(expression, {"x": [1.5] * 200})
        assert "the limit is" in caught.value.message
    with pytest.raises(InputError):
        value("duplication(100000)", {"x": 1})
    graph, y = node("prod(x)", {"x": "vector(200)"})
    x = graph["x"].leaf.node
    with pytest.raises(InputError):
        evaluate([jacobian(jacobian(gradient(y, x), x), x)], {x: np.ones(200)})


# -- planted faults --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["inv", "cholesky", "prod", "var", "kron", "det", "logdet", "tril"]
)
def test_a_rule_off_by_one_percent_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from test_gradients_torch_linalg import CASES, compare

    from tutor import ops
    from tutor.graph.node import scale

    right = ops.KEPT[name].vjp
    assert right is not None
    case = next(c for c in CASES if c[0] == name)
    arrays = [case[4](np.random.default_rng(1), s) for s in case[2]]
    compare(name, case[1], arrays, case[3])
    wrong = replace(
        ops.KEPT[name],
        vjp=lambda *a: tuple(scale(sp.Rational(101, 100), n) for n in right(*a) if n is not None),
    )
    monkeypatch.setitem(ops.KEPT, name, wrong)
    with pytest.raises(AssertionError):
        compare(name, case[1], arrays, case[3])


# -- conditions ------------------------------------------------------------------------------------


def test_conditions_hold_where_the_derivative_exists() -> None:
    eye, flat = np.eye(3), np.ones((3, 3))
    for name in ("inv", "logdet", "solve", "cholesky"):
        holds = OPS[name].holds
        assert holds is not None and OPS[name].condition
        assert holds([eye], {}) and not holds([flat], {}), name
    for name in ("norm2", "frobenius", "std"):
        holds = OPS[name].holds
        assert holds is not None and OPS[name].condition
        assert holds([np.arange(3.0)], {}) and not holds([np.zeros(3)], {}), name
    logdet = OPS["logdet"].holds
    assert logdet is not None and not logdet([-eye], {})


# -- what is printed can be typed ------------------------------------------------------------------

TYPED = [
    ("det(X)", "X"),
    ("logdet(X)", "X"),
    ("inv(X)", "X"),
    ("x.T @ inv(X) @ b", "X"),
    ("tr(X @ X.T @ X)", "X"),
    ("sum(solve(X, b))", "X"),
    ("solve(X, b)", "X"),
    ("tr(matrix_power(X, -2))", "X"),
    ("matrix_power(X, 2)", "X"),
    ("sum(cholesky(X @ X.T))", "X"),
    ("kron(x, b)", "x"),
    ("sum(kron(X, X))", "X"),
    ("sum(diag(x) @ X)", "x"),
    ("norm1(x)", "x"),
    ("norm_inf(x)", "x"),
    ("norm_inf(X)", "X"),
    ("frobenius(A)", "A"),
    ("quad_form(x, X)", "x"),
    ("tr(tril(X) @ X)", "X"),
    ("sum(triu(A, diagonal=1) * A)", "A"),
    ("prod(x)", "x"),
    ("sum(prod(A, axis=0))", "A"),
    ("sum(square(prod(A, axis=1)))", "A"),
    ("var(x)", "x"),
    ("var(A, correction=1)", "A"),
    ("sum(var(A, axis=0))", "A"),
    ("std(x)", "x"),
    ("sum(std(A, axis=1, correction=1))", "A"),
    ("sum(square(cumsum(x)))", "x"),
    ("cumsum(x)", "x"),
    ("sum(square(cumsum(A, axis=0)))", "A"),
    ("sum(square(vech(X)))", "X"),
    ("flip(x).T @ b", "x"),
    ('einsum("ij,jk->ik", A, B)', "A"),
    ("max(x) * argmax(x)", "x"),
    ("prod(x) * s", "x"),
    ("sum(square(stack(x, b)))", "x"),
    ("sum(square(broadcast(x, n, 3)))", "x"),
    ("commutation(n, n) @ vec(X)", "X"),
    ("inv(X).T @ b", "b"),
    ("sum(prod_others(x))", "x"),
]


@pytest.mark.parametrize(("expression", "wrt"), TYPED)
def test_closed_forms_can_be_typed(expression: str, wrt: str) -> None:
    """The printed derivative as a definition of its own has the value of the derivative."""
    from tutor.notation.build import NoMatrixForm

    loaded = problem(expression)
    graph = elaborate(loaded)
    y, x = whole(graph, "OUT"), graph[wrt].leaf.node
    d = simplify(jacobian(y, x))
    leaf = Workspace(loaded, graph).leaf_term
    try:
        term = jacobian_term(d, y.order, leaf) if y.order else matrix_term(d, leaf)
    except NoMatrixForm:
        assert expression in WITHOUT_MATRIX_FORM
        return
    again, typed = node(text(term))
    rng = np.random.default_rng(29)
    numbers = {"m": 5, "n": 3, "k": 2}
    point = {
        name: well(rng, tuple(numbers[str(d)] for d in graph[name].shape))
        if graph[name].shape
        else np.array(1.5)
        for name in GIVEN
    }
    values = [
        evaluate(
            [found],
            {g[k].leaf.node: v for k, v in point.items()} | dict(g.constants),
            {g.sizes[k]: v for k, v in numbers.items()},
        )[0]
        for g, found in ((graph, d), (again, typed))
    ]
    want = unrolled(values[0], y.order, x.order) if y.order else values[0]
    got = np.asarray(values[1], dtype=float).reshape(want.shape)
    np.testing.assert_allclose(got, np.asarray(want, dtype=float), rtol=1e-9, atol=1e-12)


WITHOUT_MATRIX_FORM = {"kron(x, b)", "sum(kron(X, X))", "sum(square(stack(x, b)))"}


def unrolled(array: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A Jacobian as rows(y) × columns(x), both unrolled column by column."""
    shape = array.shape
    array = array.transpose([*range(rows)][::-1] + [*range(rows, rows + columns)][::-1])
    return array.reshape(int(np.prod(shape[:rows])), -1)


WRITTEN = [
    ("logdet(A)**2", "(log det(A))²", r"(\log\det(A))^{2}"),
    ("matrix_power(X, -2)", "X⁻²", "X^{-2}"),
    ("matrix_power(X, n=3)", "X³", "X^{3}"),
    ("solve(X, b)", "X⁻¹b", "X^{-1} b"),
    ("quad_form(x - b, inv(X))", "(x − b)ᵀ X⁻¹(x − b)", r"(x - b)^{\top} X^{-1} (x - b)"),
    ("kron(A, B).T", "(A ⊗ B)ᵀ", r"(A \otimes B)^{\top}"),
    ("cholesky(X)", "chol(X)", r"\operatorname{chol}(X)"),
    ("norm_inf(x)", "‖x‖_∞", r"\lVert x \rVert_{\infty}"),
    ("frobenius(A)", "‖A‖_F", r"\lVert A \rVert_{F}"),
    ("commutation(m, n) @ duplication(n)", "KₘₓₙDₙ", r"\mathbf{K}_{m \times n} \mathbf{D}_{n}"),
    ("argmax_onehot(x)", "onehot argmax(x)", r"\operatorname{onehot}\operatorname{argmax}(x)"),
]


@pytest.mark.parametrize(("typed", "terminal", "tex"), WRITTEN)
def test_written_as_on_paper(typed: str, terminal: str, tex: str) -> None:
    from tutor.notation.latex import latex
    from tutor.notation.unicode import unicode_text
    from tutor.problem.expression import parse

    term = parse(typed)
    assert (unicode_text(term), latex(term)) == (terminal, tex)


@pytest.mark.parametrize(
    ("matrix", "want"),
    [
        ("[[1, 2], [2, 4]]", [[4, -2], [-2, 1]]),
        ("[[0]]", [[1]]),
        ("[[1.5, 3.25], [3.0, 6.5]]", [[6.5, -3.0], [-3.25, 1.5]]),
        ("[[1, 2, 3], [4, 5, 6], [7, 8, 9]]", [[-3, 6, -3], [6, -12, 6], [-3, 6, -3]]),
    ],
)
@pytest.mark.parametrize("power", ["", " + 3 * tr(A)"])
def test_a_determinant_has_its_gradient_at_a_singular_matrix(
    matrix: str, want: list[list[float]], power: str
) -> None:
    """The cofactors, worked out by hand."""
    from tutor.api import loads

    document = f"title: t\ngiven: {{A: {matrix}}}\ndefine: {{L: det(A){power}}}\n"
    (task,) = loads(document + "tasks: [{gradient: {of: L, wrt: A}}]\n").solve().tasks
    assert task.value is not None and task.check is not None and task.check.passed
    whole = np.array(want) + (3 * np.eye(len(want)) if power else 0)
    assert np.allclose(task.value.floats(), whole)


def test_an_inverse_of_its_own_is_still_refused_at_a_singular_matrix() -> None:
    from tutor.api import loads

    document = "title: t\ngiven: {A: [[1, 2], [2, 4]]}\ndefine: {L: det(A) * tr(inv(A))}\n"
    with pytest.raises(InputError, match="invertible"):
        loads(document + "tasks: [{gradient: {of: L, wrt: A}}]\n").solve()
