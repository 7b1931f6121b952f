"""`tutor ops`: every operation has a page, and what the page derives is right."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from tutor import catalogue
from tutor.cli import app
from tutor.errors import InputError
from tutor.ops import EVERY, Op
from tutor.problem.layers import LAYERS
from tutor.render import operation

RUN = CliRunner()
LISTED = [op for op in EVERY if op.name != "copy"]


@pytest.mark.parametrize("op", LISTED, ids=lambda op: op.name)
def test_every_operation_has_a_page(op: Op) -> None:
    page = catalogue.page(op.name)
    text = operation.page(page, 80)
    for words in ("axes", "definition", "size", "derivative", "why", "source"):
        assert f"  {words} " in text
    assert "{" not in text, "a hole was left open"
    assert all(len(row) <= 80 for row in text.splitlines())
    assert json.loads(operation.json(page))["name"] == op.name
    assert page.meaning or page.definition, f"`{op.name}` has no definition"


def test_the_list_names_every_operation_once() -> None:
    done = RUN.invoke(app, ["ops"])
    assert done.exit_code == 0
    functions, _, layers = done.stdout.partition("Layers of a network, as torch.nn has them:\n")
    for listed, wanted in ((functions, len(LISTED)), (layers, len(LAYERS))):
        names = [row.split()[0] for row in listed.splitlines() if row[2:3].strip()]
        assert len(names) == len(set(names)) == wanted
    assert {"softmax", "@", "*", ".T", "conv2d"} <= set(functions.split())
    assert all(len(row) <= 80 for row in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("softmax", "∂y/∂x = diag(softmax(x)) − softmax(x) softmax(x)ᵀ (m×m)"),
        ("sigmoid", "∂y/∂x = diag(σ(x) ⊙ (1 − σ(x))) (m×m)"),
        ("@", "∂y/∂a = bᵀ ⊗ Iₘ (m·p×m·n)"),
        ("norm2", "∂y/∂x = x/‖x‖ (m×1)"),
        ("maxpool2d", "max_pool2d(x, kernel_size, "),
        ("conv2d", "y[o, i, j] = Σ x[c, s·i + d·u − p, s·j + d·v − p] w[o, c, u, v] +"),
        ("conv2d", "nₒᵤₜ = ⌊(n + 2p − d·(k − 1) − 1)/s⌋ + 1 along each axis"),
        ("conv2d", "Conv2d in a `network` (see `tutor ops Conv2d`)"),
        ("hardsigmoid", "0 where x ≤ −3, 1 where x ≥ 3, (x + 3)/6 between"),
        ("reshape", "The same n entries, in the size asked for."),
    ],
)
def test_pages_say_what_a_textbook_says(name: str, line: str) -> None:
    assert line in RUN.invoke(app, ["ops", name]).stdout


def test_json_is_json() -> None:
    listed = json.loads(RUN.invoke(app, ["ops", "--format", "json"]).stdout)
    rows = {e["name"]: e for e in listed}
    assert rows["relu"]["kind"] == "operation" and rows["relu"]["signature"] == "x[...] -> [...]"
    assert rows["ReLU"]["kind"] == "layer" and rows["ReLU"]["signature"] == "ReLU(inplace=False)"
    page = json.loads(RUN.invoke(app, ["ops", "softmax", "-f", "json"]).stdout)
    assert page["example"]["derivatives"][0]["formula"].startswith("diag(softmax(x))")


def test_unknown_operation_suggests_the_nearest() -> None:
    with pytest.raises(InputError) as error:
        catalogue.page("sofmax")
    assert "softmax" in (error.value.hint or "")


def test_a_wrong_rule_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: the example is derived from the record, not copied from anywhere."""
    from dataclasses import replace

    from tutor.calculus import reverse
    from tutor.ops import KEPT

    softmax = KEPT["softmax"]
    assert softmax.vjp is not None
    right = softmax.vjp
    wrong = replace(
        softmax, vjp=lambda g, lead, y: tuple(reverse.g.scale(2, p) for p in right(g, lead, y))
    )
    monkeypatch.setitem(KEPT, "softmax", wrong)
    assert "2" in operation.page(catalogue.page("softmax"), 80).split("example")[1]
