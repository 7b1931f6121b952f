"""Graphs as Mermaid and TikZ text."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

import tutor
from tutor.cli import app
from tutor.errors import InputError
from tutor.problem.elaborate import elaborate
from tutor.render import picture
from tutor.tasks.graph import diagram
from tutor.tasks.workspace import Workspace

ROOT = Path(__file__).parents[1]
SINE = ROOT / "problems" / "seeds" / "sine_neuron.yaml"
HOSTILE = '"]; click n0 "javascript:alert(1)" %% <script> \\write18{ls} #x; $&_^~'


def drawn(kind: str, title: str | None = None, path: Path = SINE) -> str:
    problem = tutor.load(path).problem
    ws = Workspace(problem, elaborate(problem))
    found = picture.drawn(
        diagram(ws, values=True, gradients=True), [kind],
        values=True, gradients=True, title=title, names=ws.variables(),
    )  # fmt: skip
    return found[kind].decode()


def test_mermaid_has_every_node_and_edge() -> None:
    text = drawn("mermaid")
    nodes = re.findall(r"^  (n\d+)[\[({]", text, re.MULTILINE)
    edges = re.findall(r"^  (n\d+) -->(?:\|[^|]*\|)? (n\d+)$", text, re.MULTILINE)
    assert len(nodes) == len(set(nodes)) == 9 and len(edges) == 8
    assert {a for e in edges for a in e} == set(nodes)
    assert "z₁ = wᵀx" in text and 'n1{{"w' in text and "∂L#47;∂w = #91;−12, −6#93;" in text


def test_hostile_titles_stay_text() -> None:
    head = drawn("mermaid", HOSTILE).split("flowchart")[0]
    assert '"]' not in head and "<script" not in head and "%%" not in head
    tikz = drawn("tikz", HOSTILE)
    assert r"\write" not in tikz and "<script>" not in tikz
    for row in tikz.splitlines():  # nothing leaves a comment or a node
        assert row.count("{") - row.count(r"\{") == row.count("}") - row.count(r"\}")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.parametrize("title", [None, HOSTILE])
def test_tikz_compiles(title: str | None, tmp_path: Path) -> None:
    if subprocess.run(["kpsewhich", "tikz.sty"], capture_output=True, check=False).returncode:
        pytest.skip("needs TikZ")
    body = drawn("tikz", title)
    head = r"\documentclass{article}\usepackage{tikz}\begin{document}"
    source = head + body + r"\end{document}"
    (tmp_path / "t.tex").write_text(source, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path, capture_output=True, check=False, text=True, errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, [r for r in done.stdout.splitlines() if r.startswith("!")]


def test_the_command_writes_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["graph", str(SINE), "--mermaid", "--tikz"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "sine_neuron.mmd").read_text(encoding="utf-8").startswith("---\ntitle: ")
    assert r"\begin{tikzpicture}" in (tmp_path / "sine_neuron.tex").read_text(encoding="utf-8")


def test_jacobians_on_the_edges(tmp_path: Path) -> None:
    """Each edge says its derivative and the size that the table of `shapes` gives it."""
    text = (
        "given: {x: [1, 2], W: [[1, 0], [0, 1], [1, 1]]}\n"
        "define: {z: W @ x, L: sum(z**2)}\ntasks: [shapes]\n"
    )
    (task,) = tutor.loads(text).solve().tasks
    wanted = {(e["wrt"], e["of"]): e["dims"] for e in task.extra["edges"]}
    file = tmp_path / "p.yaml"
    file.write_text(text, encoding="utf-8")
    for kind in ("dot", "mermaid", "svg"):
        out = tmp_path / f"out.{kind}"
        CliRunner().invoke(
            app, ["graph", str(file), f"--{kind}", "--jacobians", "-o", str(out)],
            catch_exceptions=False,
        )  # fmt: skip
        drawn = out.read_text(encoding="utf-8")
        assert f": {wanted['W', 'z']}" in drawn and wanted["W", "z"] == "3×6"
        assert f": {wanted['x', 'z']}" in drawn and wanted["x", "z"] == "3×2"


def test_jacobians_and_gradients_do_not_share_the_edges(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("given: {x: 1}\ndefine: {y: x**2}\n", encoding="utf-8")
    with pytest.raises(InputError, match="take one"):
        CliRunner().invoke(
            app, ["graph", str(file), "--jacobians", "--backward"], catch_exceptions=False
        )


def test_a_gradient_that_comes_in_parts_is_called_so(tmp_path: Path) -> None:
    file, out = tmp_path / "p.yaml", tmp_path / "g.dot"
    file.write_text(
        "given: {W: [[1, 2], [3, 4]], x: [1, 2]}\ndefine: {L: sum(W @ x) + sum(W**2)}\n",
        encoding="utf-8",
    )
    done = CliRunner().invoke(app, ["graph", str(file), "--dot", "--backward", "-o", str(out)])
    assert done.exit_code == 0, done.output
    dot = out.read_text(encoding="utf-8")
    assert dot.count("part of ∂L/∂") == 2 and "part of ∂L/∂x" not in dot


def test_a_network_is_drawn_in_blocks_unless_values_are_asked_for(tmp_path: Path) -> None:
    file, out = tmp_path / "p.yaml", tmp_path / "g.dot"
    file.write_text(
        "network: {input: 3, layers: [{Linear: {out_features: 2}}, ReLU]}\n"
        "tasks: [parameters, graph]\n",
        encoding="utf-8",
    )
    assert CliRunner().invoke(app, ["graph", str(file), "--dot", "-o", str(out)]).exit_code == 0
    layers = out.read_text(encoding="utf-8")
    assert "ReLU" in layers and "Linear" in layers
    asked = ["graph", str(file), "--dot", "--jacobians", "-o", str(out)]
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert "Linear" not in out.read_text(encoding="utf-8")
