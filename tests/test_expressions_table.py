"""Derivatives that the literature prints, with symbolic sizes, against the stated forms."""

from __future__ import annotations

import json
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import paper_oracle as oracle
import pytest

from tutor.calculus.reverse import gradient, jacobian
from tutor.calculus.simplify import simplify, substitute
from tutor.graph.node import Node
from tutor.notation.jacobian import jacobian_term
from tutor.notation.matrix import matrix_term
from tutor.notation.text import text
from tutor.numeric.evaluate import evaluate
from tutor.problem import loads
from tutor.problem.elaborate import elaborate
from tutor.problem.lines import Graph
from tutor.tasks.workspace import Workspace

ROWS = json.loads((Path(__file__).parent / "data" / "matrix_expressions.json").read_text("utf-8"))

# rows whose functions do not exist yet, and the function that each one waits for
NOT_YET = {
    "mc_tr": "tr", "mc_trAXB": "tr", "mc_trAXTB": "tr", "mc_trX2B": "tr", "mc_trXTBX": "tr",
    "mc_trAXBX": "tr", "mc_trAXBXTC": "tr", "mc_trXk": "tr", "mc_trAinvXB": "inv",
    "mc_aTinvXb": "inv", "mc_det": "det", "mc_detAXB": "det", "mc_logdet": "logdet",
    "mc_logdet_gram": "logdet", "mc_invJ": "inv", "ml_norm1": "norm1", "ml_gauss_S": "logdet",
    "x_logdet_hess": "logdet", "x_det_hess": "det", "x_quadinv_hess": "inv", "x_ridge_dual": "inv",
    "x_trinv": "tr",
}  # fmt: skip
READY = [pytest.param(r, id=r["id"]) for r in ROWS if r["id"] not in NOT_YET]

# functions that closed forms use and that expressions cannot call yet
FORMULA_ONLY = {"diag", "kron", "commutation", "tr", "argmax_onehot"}


def declared(shape: list[str]) -> str:
    kind = ("scalar", "vector", "matrix")[len(shape)]
    return kind + (f"({', '.join(shape)})" if shape else "")


def problem(row: dict[str, Any], expression: str) -> str:
    given = "".join(f"  {k}: {declared(v)}\n" for k, v in row["vars"].items())
    return f"title: row\ngiven:\n{given}define:\n  OUT: {expression}\ntasks:\n  - graph\n"


def sizes(row: dict[str, Any]) -> dict[str, int]:
    """Pairwise different primes for the symbolic sizes."""
    names = list(dict.fromkeys(d for v in row["vars"].values() for d in v))
    rng = np.random.default_rng(zlib.crc32(row["id"].encode()))
    return dict(zip(names, (int(p) for p in rng.permutation([2, 3, 5, 7])), strict=False))


def values(row: dict[str, Any]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(zlib.crc32(b"values" + row["id"].encode()))
    dims, found = sizes(row), {}
    for name, shape in row["vars"].items():
        x = rng.uniform(-1, 1, size=[dims[d] for d in shape])
        match row["assume"].get(name):
            case "positive":
                x = np.abs(x) + 0.5
            case "symmetric":
                x = x + x.T
        found[name] = x
    return found


def whole(graph: Graph, name: str) -> Node:
    """The definition over the givens alone."""
    full: dict[Node, Node] = {}
    for line in graph.lines.values():
        if line.val is not None:
            full[line.leaf.node] = substitute(line.val.node, full)
    return full[graph[name].leaf.node]


class Derived:
    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row
        loaded = loads(problem(row, row["expression"]))
        self.graph = elaborate(loaded)
        self.y = whole(self.graph, "OUT")
        self.x = self.graph[row["wrt"]].leaf.node
        first = jacobian(self.y, self.x) if row["kind"] == "jacobian" else gradient(self.y, self.x)
        self.raw = jacobian(first, self.x) if row["kind"] == "hessian" else first
        self.node = simplify(self.raw)
        self.rows = {"gradient": 0, "hessian": self.x.order}.get(row["kind"], self.y.order)
        self.leaf = Workspace(loaded, self.graph).leaf_term

    @property
    def printed(self) -> str:
        if self.rows:
            return text(jacobian_term(self.node, self.rows, self.leaf))
        return text(matrix_term(self.node, self.leaf))

    def value(self, node: Node) -> np.ndarray:
        env = {self.graph[k].leaf.node: v for k, v in values(self.row).items()}
        dims = {self.graph.sizes[k]: n for k, n in sizes(self.row).items()}
        (array,) = evaluate([node], env, dims)
        return np.asarray(array, dtype=float)

    def matrix(self, node: Node) -> np.ndarray:
        """The value as paper has it: columns n×1, Jacobians rows × columns."""
        array = self.value(node)
        if self.rows:
            return oracle.unrolled(array, self.rows, "numerator", "column")
        return array[:, None] if array.ndim == 1 else array

    def read(self, expression: str) -> np.ndarray:
        reader = oracle.Reader({**values(self.row), **sizes(self.row)})
        return np.asarray(reader.read(expression), dtype=float)


@cache
def derived(name: str) -> Derived:
    return Derived(next(r for r in ROWS if r["id"] == name))


def test_every_row_is_ready_or_listed() -> None:
    assert NOT_YET.keys() <= {r["id"] for r in ROWS}
    assert len(READY) == 55
    assert len(ROWS) == len(READY) + len(NOT_YET)


@pytest.mark.parametrize("row", READY)
def test_equals_the_stated_derivative(row: dict[str, Any]) -> None:
    d = derived(row["id"])
    want = d.read(row["expected"])
    assert oracle.error(d.matrix(d.node), want) < 1e-10
    assert oracle.error(d.matrix(d.raw), want) < 1e-10  # simplification changed nothing


@pytest.mark.parametrize("row", READY)
def test_equals_central_differences(row: dict[str, Any]) -> None:
    d = derived(row["id"])
    x = values(row)[row["wrt"]]

    def f(at: np.ndarray) -> np.ndarray:
        reader = oracle.Reader({**values(row), **sizes(row), row["wrt"]: at})
        return reader.read(row["expression"])

    if row["kind"] == "hessian":
        want = oracle.differences(lambda at: oracle.differences(f, at, 2e-3), x, 2e-3)
    else:
        want = oracle.differences(f, x)
    assert oracle.error(d.value(d.raw).ravel(), want.ravel()) < 1e-6


@pytest.mark.parametrize("row", READY)
def test_printed_text_has_the_value(row: dict[str, Any]) -> None:
    d = derived(row["id"])
    assert oracle.error(d.read(d.printed), d.matrix(d.node)) < 1e-10, d.printed


@pytest.mark.parametrize("row", READY)
def test_printed_text_can_be_typed(row: dict[str, Any]) -> None:
    """The closed form as the definition of a second problem has the same value and size."""
    d = derived(row["id"])
    printed = d.printed
    if any(f"{name}(" in printed for name in FORMULA_ONLY):
        pytest.skip("the closed form uses a function that cannot be typed yet")
    again = elaborate(loads(problem(row, printed)))
    out = again["OUT"]
    y = out.val.node if out.op is None else whole(again, "OUT")
    env = {again[k].leaf.node: v for k, v in values(row).items()}
    dims = {again.sizes[k]: n for k, n in sizes(row).items()}
    (array,) = evaluate([y], env, dims)
    got = np.asarray(array, dtype=float)
    want = d.matrix(d.node)
    assert not again["OUT"].leaf.row or want.shape[0] == 1
    assert oracle.error(got.reshape(want.shape), want) < 1e-10, printed


# what a textbook prints, character by character
PRINTED = {
    "mc_linear": "a",
    "mc_bilin_X": "a @ b.T",
    "mc_fro2": "2 * X",
    "mc_AXB_J": "kron(B.T, A)",
    "mc_quad_hess": "B + B.T",
    "ml_lsq": "2 * X.T @ (X @ w - y)",
    "ml_lsq_hess": "2 * X.T @ X",
    "ml_lsq_W": "2 * (W @ x - y) @ x.T",
    "ml_softmax_jac": "diag(softmax(z)) - softmax(z) @ softmax(z).T",
    "ml_lse_hess": "diag(softmax(z)) - softmax(z) @ softmax(z).T",
    "x_elemJ": "diag(vec(cos(A * B) * B))",
}


@pytest.mark.parametrize("name", PRINTED)
def test_reads_like_a_textbook(name: str) -> None:
    printed = derived(name).printed.replace("2 * (X.T @ X)", "2 * X.T @ X")
    printed = printed.replace("2 * (X.T @ (X @ w - y))", "2 * X.T @ (X @ w - y)")
    printed = printed.replace("2 * ((W @ x - y) @ x.T)", "2 * (W @ x - y) @ x.T")
    assert printed == PRINTED[name]


def test_a_wrong_rule_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: the product rule is off by one per cent."""
    from tutor.calculus import reverse
    from tutor.graph.node import scale

    right = reverse._ein_rule
    monkeypatch.setattr(reverse, "_ein_rule", lambda *a: scale(1.01, right(*a)))
    row = next(r for r in ROWS if r["id"] == "ml_lsq")
    d = Derived(row)
    assert oracle.error(d.matrix(d.node), d.read(row["expected"])) > 1e-3


def test_a_lost_transpose_is_noticed() -> None:
    """Planted fault: the expected form of a square case without its transpose."""
    d = derived("mc_quad_gram")
    assert oracle.error(d.read("X @ (b @ c.T + b @ c.T)"), d.matrix(d.node)) > 1e-2
