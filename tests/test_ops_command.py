"""`tutor ops`: every operation has a page, and what the page derives is right."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from tutor import catalogue
from tutor.cli import app
from tutor.errors import InputError
from tutor.ops import EVERY, OPS, Op
from tutor.render import operation

RUN = CliRunner()
LISTED = [op for op in EVERY if op.name != "copy"]


@pytest.mark.parametrize("op", LISTED, ids=lambda op: op.name)
def test_every_operation_has_a_page(op: Op) -> None:
    page = catalogue.page(op.name)
    text = operation.page(page, 80)
    for words in ("axes", "derivative", "why", "source"):
        assert f"  {words} " in text
    assert "{" not in text, "a hole was left open"
    assert all(len(row) <= 80 for row in text.splitlines())
    assert json.loads(operation.json(page))["name"] == op.name
    # a function is defined by what it expands to, in words, or by its example
    if op.name in OPS and op.forward is not None and not op.constant:
        assert page.meaning or page.definition, f"`{op.name}` is kept whole and has no definition"


def test_the_list_names_every_operation_once() -> None:
    done = RUN.invoke(app, ["ops"])
    assert done.exit_code == 0
    names = [row.split()[0] for row in done.stdout.splitlines() if row[2:3].strip()]
    assert len(names) == len(set(names)) == len(LISTED)
    assert {"softmax", "@", "*", ".T", "conv2d"} <= set(names)
    assert all(len(row) <= 80 for row in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("softmax", "∂y/∂x = diag(softmax(x)) − softmax(x) softmax(x)ᵀ (m×m)"),
        ("sigmoid", "∂y/∂x = diag(σ(x) ⊙ (1 − σ(x))) (m×m)"),
        ("@", "∂y/∂a = bᵀ ⊗ Iₘ (m·p×m·n)"),
        ("norm2", "∂y/∂x = x/‖x‖ (m×1)"),
        ("maxpool2d", "max_pool2d(x, kernel_size, "),
    ],
)
def test_pages_say_what_a_textbook_says(name: str, line: str) -> None:
    assert line in RUN.invoke(app, ["ops", name]).stdout


def test_json_is_json() -> None:
    listed = json.loads(RUN.invoke(app, ["ops", "--format", "json"]).stdout)
    assert {"name": "relu", "signature": "x[...] -> [...]"}.items() <= next(
        e for e in listed if e["name"] == "relu"
    ).items()
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
