"""Derivatives that the literature prints, with symbolic sizes, against the stated forms.

Every row of `expression_rows`: the stated derivative agrees with central differences; tutor's,
raw and simplified, in reverse and in forward mode, agrees with both; its formula is in matrix
notation wherever the literature's is, has the right value when Python's parser reads it, and gives
an equal graph when it is typed back in.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import expression_rows as table
import numpy as np
import paper_oracle as oracle
import pytest

from tutor.calculus.equal import equal
from tutor.calculus.forward import pushforward
from tutor.calculus.reverse import gradient, identity, jacobian
from tutor.calculus.simplify import simplify, substitute
from tutor.errors import InputError
from tutor.graph.node import Node
from tutor.notation.build import NoMatrixForm
from tutor.notation.jacobian import jacobian_term
from tutor.notation.matrix import matrix_term
from tutor.notation.text import text
from tutor.numeric.evaluate import evaluate
from tutor.problem import loads
from tutor.problem.elaborate import elaborate
from tutor.problem.lines import Graph
from tutor.tasks.constrained import constrained, constrained_term, symmetric
from tutor.tasks.workspace import Workspace

ROWS = [pytest.param(r, id=r["id"]) for r in table.ROWS]

# rows without matrix notation although the stated form has one, and why
NO_MATRIX_FORM: dict[str, str] = {}

# rows whose formula cannot be typed back in, and why
NOT_TYPED: dict[str, str] = {}


def has_order_3(row: table.Row) -> bool:
    """Batches: paper has no matrix notation for them."""
    return any(len(shape) > 2 for shape in row["vars"].values())


def whole(graph: Graph, name: str) -> Node:
    """The definition over the givens alone."""
    full: dict[Node, Node] = {}
    for line in graph.lines.values():
        if line.val is not None:
            full[line.leaf.node] = substitute(line.val.node, full)
    return full[graph[name].leaf.node]


class Derived:
    def __init__(self, row: table.Row) -> None:
        self.row = row
        self.values, self.sizes = table.point(row)
        loaded = loads(table.problem(row, row["expression"]))
        self.graph = elaborate(loaded)
        self.y = whole(self.graph, "OUT")
        self.lines = [self.graph[n] for n in table.variables(row)]
        first, *rest = (line.leaf.node for line in self.lines)
        self.raw = (jacobian if row["kind"] == "jacobian" else gradient)(self.y, first)
        for x in rest:
            self.raw = jacobian(self.raw, x)
        self.node = simplify(self.raw)
        self.rows = {"gradient": 0, "hessian": first.order}.get(row["kind"], self.y.order)
        self.leaf = Workspace(loaded, self.graph).leaf_term

    @property
    def is_matrix(self) -> bool:
        """Whether the result is shown as rows × columns."""
        return self.row["kind"] != "gradient" and self.node.order > 0

    @property
    def counts_once(self) -> bool:
        """A gradient by a symmetric or diagonal variable."""
        return self.row["kind"] == "gradient" and symmetric(self.lines[0])

    @property
    def forward(self) -> Node:
        """The same derivative in forward mode."""
        node = self.y
        for line in self.lines:
            x = line.leaf.node
            node = pushforward(node, {x: identity(x.shape)}, x.shape)
        return node

    @property
    def printed(self) -> str:
        if self.is_matrix:
            return text(jacobian_term(self.node, self.rows, self.leaf))
        term = matrix_term(self.node, self.leaf)
        return text(constrained_term(self.lines[0], term) if self.counts_once else term)

    def value(self, node: Node) -> np.ndarray:
        env = {self.graph[k].leaf.node: v for k, v in self.values.items()}
        dims = {self.graph.sizes[k]: n for k, n in self.sizes.items() if k in self.graph.sizes}
        (array,) = evaluate([node], env, dims)
        return np.asarray(array, dtype=float)

    def paper(self, node: Node) -> np.ndarray:
        """The value as paper has it: columns n×1, Jacobians rows × columns."""
        array = self.value(node)
        if self.is_matrix:
            return oracle.unrolled(array, self.rows, "numerator", "column")
        if self.counts_once:
            array = constrained(self.lines[0], array)
        return array[:, None] if array.ndim == 1 else array

    def read(self, expression: str) -> np.ndarray:
        reader = oracle.Reader({**self.values, **self.sizes})
        found = np.asarray(reader.read(expression), dtype=float)
        if expression == "0":  # the zero of any size
            return np.zeros(self.paper(self.node).shape)
        return found.reshape(1, 1) if self.is_matrix and found.ndim == 0 else found


@cache
def derived(name: str) -> Derived:
    return Derived(table.BY_ID[name])


def test_the_tables_are_whole() -> None:
    assert len(table.ROWS) >= 150
    assert len(table.BY_ID) == len(table.ROWS)
    assert {r["kind"] for r in table.ROWS} == {"gradient", "jacobian", "hessian"}
    assert all(r["source"] for r in table.ROWS)
    assert (NO_MATRIX_FORM.keys() | NOT_TYPED.keys()) <= table.BY_ID.keys()


@pytest.mark.parametrize("row", ROWS)
def test_equals_the_stated_derivative(row: table.Row) -> None:
    d = derived(row["id"])
    want = d.read(row["expected"])
    assert oracle.error(d.paper(d.raw), want) < 1e-9
    assert oracle.error(d.paper(d.node), want) < 1e-9  # simplification changed nothing


@pytest.mark.parametrize("row", ROWS)
def test_equals_central_differences(row: table.Row) -> None:
    """Both the stated derivative and the derived one."""
    d = derived(row["id"])
    want = table.by_differences(row)
    assert oracle.error(d.paper(d.raw), want) < 1e-6
    assert oracle.error(d.read(row["expected"]).reshape(want.shape), want) < 1e-6


@pytest.mark.parametrize("row", ROWS)
def test_forward_mode_agrees(row: table.Row) -> None:
    d = derived(row["id"])
    assert oracle.error(d.value(d.forward), d.value(d.raw)) < 1e-10


@pytest.mark.parametrize("row", ROWS)
def test_is_written_in_matrix_notation(row: table.Row) -> None:
    """And the formula, read by Python's parser, has the value."""
    d = derived(row["id"])
    try:
        printed = d.printed
    except NoMatrixForm:
        assert has_order_3(row) or row["id"] in NO_MATRIX_FORM, row["expected"]
        return
    assert row["id"] not in NO_MATRIX_FORM, printed
    assert oracle.error(d.read(printed), d.paper(d.node)) < 1e-9, printed


@pytest.mark.parametrize("row", ROWS)
def test_the_formula_can_be_typed_back_in(row: table.Row) -> None:
    """As the definition of a second problem it is an equal graph, or has the same value there."""
    d = derived(row["id"])
    try:
        printed = d.printed
    except NoMatrixForm:
        pytest.skip("has no matrix notation")
    try:
        again = elaborate(loads(table.problem(row, printed)))
    except InputError as error:
        assert row["id"] in NOT_TYPED, f"{printed}: {error}"
        return
    assert row["id"] not in NOT_TYPED, printed
    out = again["OUT"]
    if printed == "0":
        return
    assert out.val is not None
    y = whole(again, "OUT") if out.op else out.val.node  # or a constant
    if not d.is_matrix and not d.counts_once:
        verdict = equal(y, d.node, {**d.graph.constants, **again.constants})
        assert verdict.equal or verdict.equal is None, printed
    env = {again[k].leaf.node: v for k, v in d.values.items()} | again.constants
    dims = {again.sizes[k]: n for k, n in d.sizes.items() if k in again.sizes}
    (array,) = evaluate([y], env, dims)
    got = np.asarray(array, dtype=float)
    want = d.paper(d.node)
    assert not out.leaf.row or want.shape[0] == 1
    assert oracle.error(got.reshape(want.shape), want) < 1e-9, printed


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
    "x_elemJ": "diag(vec(B * cos(A * B)))",
}


@pytest.mark.parametrize("name", PRINTED)
def test_reads_like_a_textbook(name: str) -> None:
    printed = derived(name).printed.replace("2 * (X.T @ X)", "2 * X.T @ X")
    printed = printed.replace("2 * (X.T @ (X @ w - y))", "2 * X.T @ (X @ w - y)")
    printed = printed.replace("2 * ((W @ x - y) @ x.T)", "2 * (W @ x - y) @ x.T")
    assert printed == PRINTED[name]


# -- planted faults -------------------------------------------------------------------------------


def test_a_wrong_rule_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: the product rule is off by one per cent."""
    from tutor.calculus import reverse
    from tutor.graph.node import scale

    right = reverse._ein_rule
    monkeypatch.setattr(reverse, "_ein_rule", lambda *a: scale(1.01, right(*a)))
    d = Derived(table.BY_ID["ml_lsq"])
    assert oracle.error(d.paper(d.node), d.read(d.row["expected"])) > 1e-3
    assert oracle.error(d.value(d.forward), d.value(d.raw)) > 1e-3


def test_a_wrong_table_is_noticed() -> None:
    """Planted fault: a stated derivative with the wrong sign disagrees with differences."""
    row: dict[str, Any] = {**table.BY_ID["mc_trAinvXB"], "expected": "(inv(X) @ B @ A @ inv(X)).T"}
    with pytest.raises(AssertionError):
        assert oracle.error(Derived(row).read(row["expected"]), table.by_differences(row)) < 1e-6


def test_a_lost_transpose_is_noticed() -> None:
    """Planted fault: the expected form of a square case without its transpose."""
    d = derived("mc_quad_gram")
    assert oracle.error(d.read("X @ (b @ c.T + b @ c.T)"), d.paper(d.node)) > 1e-2
