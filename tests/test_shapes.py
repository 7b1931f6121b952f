"""The shapes task, its blank form on exercise sheets, and the picture of the backward graph."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tutor
from tutor.errors import InputError
from tutor.exercises import exercise
from tutor.problem.elaborate import elaborate
from tutor.render import picture, sheet
from tutor.render.json import plain
from tutor.steps import Diagram, Table, TaskResult, Text
from tutor.tasks.graph import diagram
from tutor.tasks.workspace import Workspace

ROOT = Path(__file__).parents[1]
SINE = ROOT / "problems" / "seeds" / "sine_neuron.yaml"
LAYER = """
given: {W: "matrix(4, 6)", x: {shape: ["?"], homogeneous: true}, y: vector(4)}
define:
  z: W @ x
  L: sum((z - y)**2)
tasks:
  - shapes
"""


def solved(text: str) -> TaskResult:
    (task,) = tutor.loads(text).solve().solution.tasks
    assert task.check is not None and task.check.passed
    return task


def edges(task: TaskResult) -> dict[str, str]:
    return {f"d{e['of']}/d{e['wrt']}": e["dims"] for e in task.extra["edges"]}


def words(table: Table, row: int, column: int = -1) -> str:
    cell = table.rows[row][column]
    return plain(cell) if isinstance(cell, Text) else str(cell)


# -- sizes ----------------------------------------------------------------------------------------


def test_every_edge_and_every_gradient() -> None:
    task = solved(LAYER)
    found = edges(task)
    assert found["dz/dW"] == "4×24" and found["dz/dx"] == "4×5"
    assert found["dL/dW"] == "1×24" and found["dL/dx"] == "1×5" and found["dL/dz"] == "1×4"
    gradients = {e["wrt"]: e["gradient"] for e in task.extra["edges"] if e["of"] == "L"}
    assert gradients["W"] == "4×6" and gradients["x"] == "5×1"  # the final 1 is not free
    assert len(task.tables) == 3


def test_the_other_layout() -> None:
    found = edges(solved("convention: {layout: denominator}\n" + LAYER))
    assert found["dz/dW"] == "24×4" and found["dL/dW"] == "24×1" and found["dL/dz"] == "4×1"


def test_a_matrix_counts_as_its_vec() -> None:
    (_, table, _) = solved(LAYER).tables
    assert words(table, 0) == (
        "4 rows for the entries of z, 24 columns for those of W; vec(W) is 24×1."
    )


def test_sizes_against_jacobians() -> None:
    """The table's sizes are those of Jacobians that are worked out."""
    text = LAYER.replace("matrix(4, 6)", "matrix(2, 3)").replace("vector(4)", "vector(2)")
    found = edges(solved(text))
    for wrt in ("W", "x", "z", "y"):
        asked = text.replace("- shapes", f"- jacobian: {{of: L, wrt: {wrt}}}")
        task = tutor.loads(asked).solve().solution.tasks[0]
        assert task.jacobian_dims == found[f"dL/d{wrt}"], wrt


def test_symbolic_products() -> None:
    text = (
        "given: {W: 'matrix(m, n)', x: vector(n)}\ndefine: {z: W @ x}\n"
        "tasks:\n  - shapes: {edges: [[z, W]]}\n"
    )
    assert edges(solved(text)) == {"dz/dW": "m×m*n"}


def test_the_table_fits_80_columns() -> None:
    text = tutor.loads(LAYER).solve().text()
    assert max(map(len, text.splitlines())) <= 80


def test_an_intermediate_says_what_it_is() -> None:
    text = tutor.loads(LAYER).solve().text()
    assert "z₁ = z − y" in text


# -- blanks on exercise sheets --------------------------------------------------------------------


def test_a_sheet_gets_the_table_without_its_sizes() -> None:
    e = exercise(tutor.loads(LAYER).problem)
    (question,) = e.questions
    assert [len(t.rows) for t in question.tables] == [7, 6, 6]
    for text in (sheet.html("Sheet", [e]), sheet.latex("Sheet", [e])):
        assert text.count("______") >= 19 or text.count(r"\_\_\_\_") >= 19
        for secret in ("24", "6×1", "5×1", "1×4", "free"):
            assert secret not in re.split(r"</style>|\\begin{document}", text)[-1], secret


def test_only_what_is_asked_for() -> None:
    text = LAYER.replace("- shapes", "- shapes: {of: [x, z], edges: [[L, W]]}")
    (question,) = exercise(tutor.loads(text).problem).questions
    assert [len(t.rows) for t in question.tables] == [2, 1]
    other = LAYER.replace("- shapes", "- forward")
    assert exercise(tutor.loads(other).problem).questions[0].tables == ()


# -- the backward graph ---------------------------------------------------------------------------


def backward(text: str) -> tuple[Diagram, Workspace]:
    problem = tutor.loads(text).problem
    ws = Workspace(problem, elaborate(problem))
    return diagram(ws, values=False, backward=True), ws


def test_each_edge_carries_the_shape_of_its_gradient() -> None:
    shown, ws = backward(LAYER)
    found = {(e.source, e.target): e.gradient_dims for e in shown.edges}
    assert found["W", "z"] == "4×6" and found["x", "z"] == "5×1" and found["z1", "z2"] == "4×1"
    assert shown.gradient_of == "L" and None not in found.values()
    kinds = ("svg", "mermaid", "dot", "tikz")
    drawn = picture.drawn(shown, kinds, values=False, gradients=False, backward=True,
                          title=None, names=ws.variables())  # fmt: skip
    svg = drawn["svg"].decode()
    assert "Back from L = sum(z₂) to" not in svg  # names, not formulas
    assert "Back from z to W flows ∂L/∂W: 4×6." in svg
    assert svg.count("∂L/∂W: 4×6") == 3  # drawn, said by its edge, and in the description
    assert "gradient that flows back, and its size" in svg
    assert '-.->|"∂L#47;∂W: 4×6"| n0' in drawn["mermaid"].decode()
    assert "dir=back" in drawn["dot"].decode()


def test_what_the_result_does_not_depend_on_keeps_its_arrow() -> None:
    shown, _ = backward(LAYER.replace("  L:", "  w: vec(W)\n  L:"))
    found = {(e.source, e.target): e.gradient_dims for e in shown.edges}
    assert found["W", "w"] is None and found["W", "z"] == "4×6"


def test_sizes_on_edges_are_those_of_the_gradients() -> None:
    """Where there are numbers: each gradient has the size that the picture gives."""
    problem = tutor.load(SINE).problem
    ws = Workspace(problem, elaborate(problem))
    shown = diagram(ws, gradients=True, backward=True)
    values = {n.id: n.gradient for n in shown.nodes}
    for e in shown.edges:
        value = values[e.source]
        assert value is not None
        sides = (*value.shape, 1, 1)[: max(2, len(value.shape))]
        assert "×".join(map(str, sides)) == e.gradient_dims


def test_without_a_scalar_result_there_is_nothing_to_flow() -> None:
    with pytest.raises(InputError, match="no scalar result"):
        backward("given: {x: vector(3)}\ndefine: {y: 2 * x}\ntasks: [shapes]\n")


def test_no_gradient_flows_to_indices_and_comparisons() -> None:
    shown, _ = backward(
        "given: {z: [1, 2, 3], t: 2, E: [[1, 2, 3], [4, 5, 6]], k: 1}\n"
        "define: {y: 'z + embedding(k, E)', L: 'cross_entropy(y, t) + sum(z > 1)'}\n"
        "tasks: [{gradient: {of: L, wrt: z}}]\n"
    )
    flowing = {(e.source, e.target) for e in shown.edges if e.gradient_dims is not None}
    ends = {source for source, _ in flowing}
    assert {"z", "E", "y"} <= ends and not ends & {"t", "k"}
    assert ("z", "y") in flowing
    compared = [e for e in shown.edges if e.source == "z" and e.target not in ("y",)]
    assert compared and all(e.gradient_dims is None for e in compared)


@pytest.mark.parametrize(("edge", "zero"), [("[z, w]", False), ("[z, x]", False), ("[z, u]", True)])
def test_a_derivative_of_nothing_but_zeros_is_told(edge: str, zero: bool, tmp_path: Path) -> None:
    """w is W under another name, so z depends on it; u stands in no formula of z."""
    file = tmp_path / "p.yaml"
    file.write_text(
        "given: {x: vector(3), W: 'matrix(2, 3)', u: vector(2)}\n"
        "define: {w: vec(W), z: W @ x, v: 2*u}\n"
        f"tasks: [shapes: {{edges: [{edge}]}}]\n"
    )
    (task,) = tutor.load(file).solve().solution.tasks
    assert ("All entries are 0" in str(task.steps[-1].why)) is zero
