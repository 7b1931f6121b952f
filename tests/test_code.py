"""Generated functions: each is compiled, run, and compared with the graph's own evaluation."""

from __future__ import annotations

import importlib.util
import inspect
import json
import shutil
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import paper_oracle as oracle
import pytest

import tutor
from tutor.codegen import function_of, source
from tutor.codegen.kinds import Code, best_order
from tutor.codegen.program import WIDTH, body, line
from tutor.derivation import Derivation, derivation
from tutor.errors import InputError, ShapeError
from tutor.expr import Binary, Call, Name, names
from tutor.problem.elaborate import elaborate
from tutor.problem.expression import parse
from tutor.tasks.workspace import Workspace

ROWS = json.loads((Path(__file__).parent / "data" / "matrix_expressions.json").read_text("utf-8"))
INSTALLED = [n for n in ("numpy", "torch", "jax") if importlib.util.find_spec(n) is not None]
TALL = {"x_trinv", "mc_logdet_gram"}  # need more rows than columns


def declared(shape: list[str]) -> str:
    kind = ("scalar", "vector", "matrix")[len(shape)]
    return kind + (f"({', '.join(shape)})" if shape else "")


@cache
def derived(name: str) -> Derivation:
    row = next(r for r in ROWS if r["id"] == name)
    shapes = [f"{k}: {declared(v)}" for k, v in row["vars"].items()]
    wrt = row["wrt"] if isinstance(row["wrt"], list) else [row["wrt"]]
    return derivation(row["expression"], wrt, shapes, kind=row["kind"], checking=False)


def point(row: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Random values over pairwise different sizes."""
    rng = np.random.default_rng(zlib.crc32(row["id"].encode()))
    symbols = dict.fromkeys(d for v in row["vars"].values() for d in v if not d.isdigit())
    primes = [7, 5, 3, 2, 11] if row["id"] in TALL else rng.permutation([2, 3, 5, 7, 4]).tolist()
    sizes = dict(zip(symbols, primes, strict=False))
    found = {}
    for name, shape in row["vars"].items():
        x = rng.uniform(-1, 1, size=[sizes.get(d) or int(d) for d in shape])
        match row.get("assume", {}).get(name):
            case "positive":
                x = np.abs(x) + 0.5
            case "symmetric":
                x = x + x.T
            case "invertible":
                x = x + 3 * np.eye(len(x))
            case "posdef":
                x = x @ x.T + np.eye(len(x))
        found[name] = x
    return found, sizes


def run(code: str, name: str, library: str, values: dict[str, np.ndarray]) -> np.ndarray:
    """The printed function, executed as a user would."""
    space: dict[str, Any] = {}
    exec(compile(code, "generated", "exec"), space)
    f = space[name]
    found: dict[str, Any] = {p: values[p] for p in inspect.signature(f).parameters}
    if library == "torch":
        import torch

        found = {k: torch.tensor(v, dtype=torch.float64) for k, v in found.items()}
    if library == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)  # JAX computes in float32 unless told
        found = {k: jax.numpy.asarray(v) for k, v in found.items()}
    return np.asarray(f(**found), dtype=float)


def on_paper(x: np.ndarray) -> np.ndarray:
    return x[:, None] if x.ndim == 1 else x


@pytest.mark.parametrize("library", INSTALLED)
@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["id"])
def test_every_row_runs(row: dict[str, Any], library: str) -> None:
    d = derived(row["id"])
    values, sizes = point(row)
    want = np.asarray(oracle.Reader({**values, **sizes}).read(row["expected"]), dtype=float)
    code = d.code(library)
    got = on_paper(run(code, row["kind"], library, values))
    assert oracle.error(got, want if want.ndim else want.reshape(got.shape)) < 1e-9, code
    assert all(len(x) <= WIDTH for x in code.splitlines()), code


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["id"])
def test_callable_is_the_printed_function(row: dict[str, Any]) -> None:
    """Closures and text are two readings of one body."""
    d = derived(row["id"])
    values, _ = point(row)
    ws = Workspace(d.problem, elaborate(d.problem))
    f = function_of(ws, d.results[0], "numpy")
    printed = run(d.code("numpy"), row["kind"], "numpy", values)
    assert np.array_equal(np.asarray(f(**values)), printed)
    in_order = [values[n] for n in names(parse(row["expression"])) if n in values]
    assert np.array_equal(np.asarray(f(*in_order)), printed)


# -- what has its own rule in the generator -------------------------------------------------------

SHAPES = {
    "x": "vector(n)", "y": "vector(n)", "s": "scalar", "c": "scalar",
    "X": "matrix(n, n)", "Y": "matrix(n, n)", "Z": "matrix(n, n)", "W": "matrix(m, n)",
}  # fmt: skip
ENTRYWISE = (
    "exp", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
    "cosh", "tanh", "abs", "erf", "sigmoid", "relu", "leaky_relu", "elu", "selu", "gelu",
    "silu", "mish", "hardsigmoid", "hardswish", "softplus", "softsign", "logsigmoid",
    "square", "reciprocal",
)  # fmt: skip
CASES = [(f"sum({f}(x))", kind) for f in ENTRYWISE for kind in ("gradient", "hessian")]
CASES += [
    (e, "gradient")
    for e in (
        "sum(clip(x, -0.5, 0.5) * x)", "sum(where(x > 0.4, x**2, -x))", "sum((x > 0.4) * x**2)",
        "sum(maximum(x, y))", "sum(c * x)", "c * sum(x * y)", "var(x)", "std(x)",
        "var(X, axis=0) @ x", "norm_inf(x)", "prod(x)", "min(x)", "prod(W)",
        "sum(prod(W, axis=1))", "logsumexp(X, axis=0) @ x",
        "sum(softmax(X, axis=0) * Y)", "sum(softmax(X) * Y)", "sum(x.T * y.T)", "tr(X @ Y)",
        "quad_form(x, Y)", "5 + 0 * sum(x)", "mse_loss(x, y)", "huber_loss(x, y)",
        "sum(x**3) / n", "exp(-norm2(x - y)**2 / (2 * s**2))", "s**2", "sum(cumsum(x)**2)",
        "sum(tril(X)**2)", "sum(attention(X, Y, Z) * Z)", "sum(layer_norm(X) * Y)",
        "cross_entropy(X, Y)", "x.T @ inv(X) @ y", "sum(X) * 2", "X[0, 1]**2", "x[0] * x[1]",
    )
]  # fmt: skip
CASES += [
    (e, "jacobian")
    for e in (
        "sum(x * y) * x", "softmax(X)", "X @ x + y", "outer(x, y)", "x @ x.T", "X.T @ X",
        "kron(x, y)", "kron(X, Y)", "vec(X)", "diag(x) @ X", "diag(X)", "concat(x, y)",
        "X[:, 1]", "X[0]", "sum(X, axis=0)", "mean(X, axis=1)", "X + x", "x.T", "inv(X)",
        "X @ X @ X", "cholesky(X @ X.T + eye(n))", "solve(X, x)", "norm2(x)", "sum(X)",
        "3 * x", "sin(s) * s", "s * x", "[s, s**2]", "x**x", "2**x", "attention(X, Y, Z)",
        "layer_norm(x)", "vech(X)", "X / sum(X)", "x / (1 + x.T @ x)", "flip(x)", "W @ X",
        "tanh(W @ x)", "softmax(W @ X)", "prod(W, axis=0)", "prod(W, axis=1)", "prod(x) * x",
        "commutation(n, n) @ vec(X)",
    )
]  # fmt: skip
CASES += [
    (e, "hessian")
    for e in (
        "norm1(x)**2", "x[0] * x[1]", "norm2(X)", "det(X)", "prod(x)", "prod(X)",
        "sum(prod(W, axis=1))", "sum(prod(W, axis=0)**2)", "x.T @ x", "sum(X) * 2",
        "mse_loss(X, Y)", "sum(log(softmax(X)) * Y)", "sin(s) * s", "logsumexp(W @ x)",
    )
]  # fmt: skip


def case_point() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    found = {k: rng.uniform(0.1, 0.9, size=5) for k in "xy"}
    found |= {k: rng.uniform(0.1, 0.9, size=(5, 5)) for k in "XYZ"}
    found["X"] += 2 * np.eye(5)
    found["W"] = rng.uniform(-1, 1, size=(3, 5))
    return found | {"s": np.array(0.7), "c": np.array(1.3)}


def expected(d: Derivation, values: dict[str, np.ndarray]) -> np.ndarray:
    """The derivative's graph, evaluated by the numeric walker."""
    from tutor.calculus.reverse import identity, pullback
    from tutor.numeric.evaluate import evaluate
    from tutor.tasks.second import gradient_node, twice_node, written_out
    from tutor.tasks.unrolled import as_matrix

    ws = Workspace(d.problem, elaborate(d.problem))
    of, wrt = ws.line(d.of), ws.line(str(d.results[0].subject["wrt"]))
    kind = d.results[0].task
    if kind == "gradient":
        node, rows = gradient_node(ws, of, wrt), 0
    elif kind == "hessian":
        node, rows = twice_node(ws, of, wrt, wrt), wrt.symbol.order
    else:
        full = written_out(ws, of)
        node, rows = pullback(full, identity(full.shape), [wrt.symbol])[0], full.order
    env = {x.symbol: values[x.name] for x in ws.graph.lines.values() if x.op is None}
    sizes = {s: {"n": 5, "m": 3}[k] for k, s in ws.graph.sizes.items()}
    (array,) = evaluate([node], env, sizes)
    array = np.asarray(array, dtype=float)
    if kind == "gradient" or (kind == "hessian" and not array.ndim):
        return array
    return as_matrix(ws, array, rows).floats() if array.ndim else array.reshape(1, 1)


@cache
def case(expression: str, kind: str) -> Derivation:
    used = [n for n in names(parse(expression)) if n in SHAPES]
    wrt = next(n for n in ("W", "X", "x", "s") if n in used)
    shapes = [f"{n}: {SHAPES[n]}" for n in used]
    return derivation(expression, [wrt], shapes, kind=kind, checking=False)


@pytest.mark.parametrize("library", INSTALLED)
@pytest.mark.parametrize(("expression", "kind"), CASES, ids=[f"{k}-{e}" for e, k in CASES])
def test_functions(expression: str, kind: str, library: str) -> None:
    d = case(expression, kind)
    values = case_point()
    want = expected(d, values)
    code = d.code(library)
    got = run(code, kind, library, values)
    assert got.shape == want.shape, code
    assert oracle.error(np.atleast_1d(got), np.atleast_1d(want)) < 1e-9, code
    assert all(len(x) <= WIDTH for x in code.splitlines()), code


def test_a_convolution_is_an_einsum_over_windows() -> None:
    torch = pytest.importorskip("torch")
    text = "given:\n  x: tensor(2, 5, 5)\n  w: tensor(3, 2, 2, 2)\n"
    text += "define:\n  L: sum(conv2d(x, w, stride=2)**2)\ntasks:\n  - gradient: {of: L, wrt: w}\n"
    f = tutor.loads(text).solve(checking=False)["L"].gradient("w").compile()
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(2, 5, 5)), rng.normal(size=(3, 2, 2, 2))
    kernel = torch.tensor(w, requires_grad=True)
    (torch.nn.functional.conv2d(torch.tensor(x), kernel, stride=2) ** 2).sum().backward()
    assert oracle.error(f(x=x, w=w), kernel.grad.numpy()) < 1e-12


@pytest.mark.parametrize("library", INSTALLED)
@pytest.mark.parametrize("ties", ["first", "split"])
@pytest.mark.parametrize(
    ("value", "loss"), [("[1, 3, 3]", "max(x)**2"), ("[[1, 3], [3, 3]]", "sum(max(x, axis=1)**2)")]
)
def test_ties_go_where_the_problem_says(value: str, loss: str, ties: str, library: str) -> None:
    text = f"convention: {{ties: {ties}}}\ngiven:\n  x: {value}\ndefine:\n  L: {loss}\n"
    d = tutor.loads(f"{text}tasks:\n  - gradient: {{of: L, wrt: x}}\n").solve()["L"].gradient("x")
    x = np.array(parse_list(value))
    assert np.array_equal(run(d.code(library), "gradient", library, {"x": x}), d.value)


def parse_list(value: str) -> list[Any]:
    return json.loads(value.replace("1,", "1.0,"))


@pytest.mark.parametrize("library", INSTALLED)
def test_constant_arrays(library: str) -> None:
    d = tutor.derive("norm2([[1, -2], [3, 1/2]] @ x)**2", wrt="x")
    x = np.array([0.3, 0.7])
    A = np.array([[1.0, -2], [3, 0.5]])
    assert np.allclose(run(d.code(library), "gradient", library, {"x": x}), 2 * A.T @ (A @ x))


def test_what_has_no_code_says_so() -> None:
    with pytest.raises(InputError, match="there is no code"):
        tutor.derive("sum(unfold(x, 2)**2)", wrt="x", x="tensor(2, 3, 4)").code()
    with pytest.raises(InputError, match="no code for `julia`"):
        tutor.derive("x.T @ x", wrt="x").code("julia")


# -- the text -------------------------------------------------------------------------------------


def code(expression: str, library: str = "numpy", **options: Any) -> str:
    return tutor.derive(expression, checking=False, **options).code(library)


def last(text: str) -> str:
    return text.rstrip().rsplit("\n", 1)[-1].strip()


GRADIENT = '''import numpy as np


def gradient(X: np.ndarray, w: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Gradient of norm2(X @ w - y)**2 with respect to w.

    2 * X.T @ (X @ w - y)

    X: shape (m, n)
    w: shape (n,)
    y: shape (m,)
    Returns an array of shape (n,).
    """
    return 2 * (X.T @ (X @ w - y))
'''


def test_a_whole_module() -> None:
    assert code("norm2(X @ w - y)**2", wrt="w") == GRADIENT


LAST = [
    ("norm2(A @ x - y)**2", "A", "gradient", "return np.outer(2 * (A @ x - y), x)"),
    ("sum((A @ x)**3)", "x", "hessian", "return 6 * (A.T * (A @ x) @ A)"),
    ("norm2(X - U @ V.T)**2", "U", "hessian", "return np.kron(2 * (V.T @ V), np.eye(m))"),
    ("y.T @ inv(A) @ b", "b", "gradient", "return np.linalg.solve(A.T, y)"),
    ("inv(A) @ b", "b", "jacobian", "return np.linalg.inv(A)"),
    ("logsumexp(z)", "z", "hessian", "return np.diag(p) - np.outer(p, p)"),
    ("det(A)", "A", "gradient", "return np.linalg.det(A) * np.linalg.inv(A).T"),
    ("v.T @ relu(W @ x)", "x", "gradient", "return W.T @ (v * (W @ x > 0))"),
    ("norm2(A @ B @ x)**2", "x", "hessian", "return 2 * (z.T @ z)"),
    ("norm2(inv(A) @ B @ x)**2", "x", "hessian", "return 2 * (u.T @ u)"),
    ("tr(X @ X @ X)", "X", "gradient", "return 3 * (X @ X).T"),
    ("sum(x)", "x", "gradient", "return np.ones(n)"),
    ("5 + 0 * sum(x)", "x", "gradient", "return np.zeros(n)"),
]


@pytest.mark.parametrize(("expression", "wrt", "kind", "want"), LAST)
def test_idioms(expression: str, wrt: str, kind: str, want: str) -> None:
    assert last(code(expression, wrt=wrt, kind=kind)) == want


def test_common_subexpressions_are_named_once() -> None:
    text = code("logdet(S) + (x - mu).T @ inv(S) @ (x - mu)", wrt="S")
    assert text.count("np.linalg.inv(S)") == 1
    assert text.count(" x - mu") == 1
    text = code("sum(log(1 + exp(-y * (X @ w))))", wrt="w", kind="hessian")
    statements = text.rpartition('"""')[2]
    assert statements.count("sigmoid(") == statements.count("X @ w") == 1


def test_both_halves_of_a_symmetric_product_are_one() -> None:
    """JᵀMJ multiplies the factors of J once, and its other half is a transpose."""
    layers = "x"
    for k in range(1, 5):
        layers = f"relu(W{k} @ {layers})"
    shapes = [f"W{k}: matrix(n, n)" for k in range(1, 5)]
    d = tutor.derive(
        f"logsumexp({layers})", wrt="x", kind="hessian", checking=False,
        declare=["x: vector(n)", *shapes],
    )  # fmt: skip
    text = d.code("numpy").rpartition('"""')[2]
    assert text.count("@ W2") == text.count("@ W1") == 1 and "W2.T" not in text
    rng = np.random.default_rng(4)
    values = {f"W{k}": rng.standard_normal((5, 5)) for k in range(1, 5)}
    values["x"] = rng.standard_normal(5)
    assert oracle.error(run(d.code(), "hessian", "numpy", values), relu_hessian(**values)) < 1e-12


def relu_hessian(x: np.ndarray, **weights: np.ndarray) -> np.ndarray:
    jacobian = np.eye(len(x))
    for W in weights.values():
        jacobian = (W @ x > 0)[:, None] * (W @ jacobian)
        x = np.maximum(W @ x, 0)
    p = np.exp(x) / np.exp(x).sum()
    return jacobian.T @ (np.diag(p) - np.outer(p, p)) @ jacobian


def test_a_product_that_is_there_transposed_is_not_taken_again() -> None:
    import sympy as sp

    from tutor.codegen.translate import Translator

    m, n = sp.symbols("m n", integer=True, positive=True)
    leaves = {k: Code(Name(k), (m, n)) for k in "XY"}
    e = Translator(leaves, {}).whole(parse("X.T @ Y + 2 * Y.T @ X")).term
    found = body(e, leaves)
    assert [line(e) for _, e in found.statements] == ["X.T @ Y"]
    assert line(found.result) == "z + 2 * z.T"
    gram = Translator(leaves, {}).whole(parse("X.T @ X + (X.T @ X).T")).term
    assert line(body(gram, leaves).result) == "z + z"


@pytest.mark.skipif("jax" not in INSTALLED, reason="JAX is not installed")
@pytest.mark.parametrize("name", ["ml_lsq_W", "ml_softmax_jac", "ml_max"])
def test_jax_traces_what_is_generated(name: str) -> None:
    """Under jax.jit the callable gives what it gives without."""
    import jax

    jax.config.update("jax_enable_x64", True)
    values, _ = point(next(r for r in ROWS if r["id"] == name))
    d = derived(name)
    f = function_of(Workspace(d.problem, elaborate(d.problem)), d.results[0], "jax")
    arrays = {k: jax.numpy.asarray(v) for k, v in values.items()}
    assert oracle.error(np.asarray(jax.jit(f)(**arrays)), np.asarray(f(**arrays))) < 1e-12


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_nothing_is_imported_or_defined_in_vain(library: str) -> None:
    for row in ROWS:
        text = derived(row["id"]).code(library)
        imports, _, rest = text.partition("\n\n\n")
        for statement in imports.split("\n"):
            if statement:
                assert f"{statement.split()[-1]}." in rest, text
        defined = [x[4 : x.index("(")] for x in text.splitlines() if x.startswith("def ")]
        for name in defined[:-1]:
            assert text.count(f"{name}(") > 1, text


def _ruff() -> str | None:
    beside = Path(sys.executable).with_name("ruff")
    return str(beside) if beside.exists() else shutil.which("ruff")


@pytest.mark.skipif(_ruff() is None, reason="ruff is not installed")
@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_linted_and_formatted(library: str, tmp_path: Path) -> None:
    for row in ROWS:
        path = tmp_path / f"{row['id']}.py"
        path.write_text(derived(row["id"]).code(library), encoding="utf-8")
    ruff = _ruff()
    assert ruff is not None
    select = ["--isolated", "--line-length", "88"]
    rules = [*select, "--select", "E,F,I,B,UP,SIM,PIE"]
    found = subprocess.run(
        [ruff, "check", *rules, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout
    found = subprocess.run(
        [ruff, "format", "--diff", *select, str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout


# -- parts ----------------------------------------------------------------------------------------


def test_products_are_taken_in_the_cheapest_order() -> None:
    import sympy as sp

    n = sp.Symbol("n", integer=True, positive=True)
    matrix, column = Code(Name("A"), (n, n)), Code(Name("x"), (n,))
    assert best_order([matrix, matrix, column])[1][0, 2] == 0  # A (A x)
    row = Code(Name("x"), (n,), True)
    assert best_order([row, matrix, matrix])[1][0, 2] == 1  # (xᵀ A) A
    assert best_order([column, row, matrix])[1][0, 2] == 0  # x (xᵀ A)


def test_shared_terms_are_found_and_names_do_not_clash() -> None:
    z = Binary("@", Name("A"), Name("z"))
    found = body(Binary("*", Call("np.exp", (z,)), Binary("+", z, Name("z"))), {"A", "z"})
    assert [n for n, _ in found.statements] == ["z2"]
    assert line(found.result) == "np.exp(z2) * (z2 + z)"


def test_powers_are_spaced_as_formatters_do() -> None:
    f, two = Call("f", (Name("x"),)), parse("2")
    assert line(Binary("**", Name("x"), two)) == "x**2"
    assert line(Binary("**", f, two)) == "f(x) ** 2"
    assert line(parse("x**(3/2)")) == "x ** (3 / 2)"


def test_a_scalar_product_is_no_dot_product() -> None:
    """sum(c * x) with a scalar c must not become c @ x."""
    f = tutor.derive("sum(c * x) * s", wrt="s", c="scalar", x="vector(n)", s="scalar").compile()
    assert f(c=2.0, x=np.array([1.0, 3.0]), s=5.0) == 8.0


def test_planted_faults_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A generator that forgets a transpose gives another value or none."""
    from tutor.codegen import products

    row = next(r for r in ROWS if r["id"] == "ml_lsq_W")
    values, sizes = point(row)
    want = oracle.Reader({**values, **sizes}).read(row["expected"])
    ws = Workspace(derived(row["id"]).problem, elaborate(derived(row["id"]).problem))
    right = products.times
    monkeypatch.setattr(products, "times", lambda s, c, op="*": right(s, right(s, c, op), op))
    wrong = source(ws, derived(row["id"]).results, "numpy")
    assert oracle.error(run(wrong, "gradient", "numpy", values), np.asarray(want)) > 1e-2


# -- the callable ---------------------------------------------------------------------------------


def test_shapes_are_looked_at_first() -> None:
    f = tutor.derive("norm2(X @ w - y)**2", wrt="w", checking=False).compile()
    X, w, y = np.ones((4, 3)), np.ones(3), np.ones(4)
    assert np.array_equal(f(X, w, y), f(y=y, X=X, w=w))
    with pytest.raises(ShapeError, match="`w` has 2 entries, but 3 fit here") as info:
        f(X, np.ones(2), y)
    assert info.value.hint == "as many as `X` has columns (n)"
    with pytest.raises(ShapeError, match=r"`w` must be an array of one axis, \(n,\)") as info:
        f(X, np.ones((3, 1)), y)
    assert "ravel" in str(info.value.hint)
    with pytest.raises(InputError, match="needs `y`"):
        f(X, w)
    with pytest.raises(InputError, match="no argument `v`"):
        f(X, w, v=y)
    with pytest.raises(InputError, match="given twice"):
        f(X, w, y, w=w)
    with pytest.raises(InputError, match="takes 3 arrays"):
        f(X, w, y, y)


def test_shapes_that_fitted_once_do_not_excuse_others() -> None:
    f = tutor.derive("norm2(X @ w - y)**2", wrt="w", checking=False).compile()
    X, w, y = np.ones((4, 3)), np.ones(3), np.ones(4)
    for _ in range(2):
        f(X, w, y)
        with pytest.raises(ShapeError):
            f(X, np.ones(2), y)
        with pytest.raises(ShapeError):
            f(X=X, w=w, y=np.ones(3))
    assert f(np.ones((2, 2)), np.ones(2), np.ones(2)).shape == (2,)


def test_the_callable_describes_itself() -> None:
    f = tutor.derive("norm2(X @ w - y)**2", wrt="w", kind="hessian", checking=False).compile()
    assert f.__name__ == "hessian"
    assert list(inspect.signature(f).parameters) == ["X", "w", "y"]
    assert "Returns an array of shape (n, n)." in str(f.__doc__)
    X = np.arange(6.0).reshape(3, 2)
    assert np.allclose(f(X), 2 * X.T @ X)  # w and y have no part in it
    assert np.allclose(f(X, np.ones(2), np.ones(3)), 2 * X.T @ X)


def test_a_name_of_the_library_is_no_parameter() -> None:
    d = tutor.derive("np.T @ x", wrt="x", declare=["np: vector(n)", "x: vector(n)"])
    assert "def gradient(np_: np.ndarray)" in d.code()
    assert np.array_equal(d.compile()(np.array([3.0, 4.0]), np.ones(2)), [3.0, 4.0])
    assert np.array_equal(d.compile()(np=np.array([3.0, 4.0])), [3.0, 4.0])


def test_a_scalar_comes_out_as_a_float() -> None:
    f = tutor.derive("s**3", wrt="s", s="scalar").compile()
    assert isinstance(f(2.0), float) and f(2.0) == 12.0
