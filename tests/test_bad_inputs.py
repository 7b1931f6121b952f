"""Every bad expression and every bad file of the table ends in one message with the right place."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.bad_inputs import by_id, items, text_of
from tutor.errors import InputError, TutorError
from tutor.problem import loads, yaml
from tutor.problem.diagnostics import render_error
from tutor.problem.expression import parse
from tutor.problem.tree import Document
from tutor.problem.values import evaluate

NAMES = ("x", "y", "z", "X", "W", "b")
FUNCTIONS = ("exp", "log", "sqrt", "sin", "cos", "max", "sum", "mean", "where", "einsum", "norm2")

# Expressions of the table that the grammar allows, and why.
ALLOWED = {
    "X-num-octal": "leading zeros are read as in YAML 1.2: 010 is ten",
    "X-pow-chain": "legal, and read without expanding it",
    "X-pow-expand": "legal, and read without expanding it",
}

# Places that differ from the table's proposal, and why.
MOVED: dict[str, tuple[tuple[int, int], str]] = {
    "X-exec-import": ((1, 1), "the name is refused before its argument is read"),
    "X-lambda-call": ((1, 2), "`lambda` is refused before its colon"),
    "X-listcomp": ((1, 2), "a list is legal; the unknown name in it is not"),
    "X-tower3": ((1, 4), "the exponent is what is too large"),
}

# Files whose keys are not this project's: the same mistake, spelled with the keys it has.
ADAPTED = {
    "T-bool-yes": "given:\n  m: {value: [[1, 2], [2, 1]], symmetric: yes}\n",
    "T-underscore-int": "given: {x: 1_000}\n",
    "T-hex-int": "given: {x: 0x1F}\n",
    "T-float-1e3": "given: {lr: 1e3}\n",
    "T-float-1e-3": "given: {lr: 1e-3}\n",
    "T-tol-neg": "given: {x: 1}\ntasks:\n  - evaluate: {expr: x}\n    tolerance: -1e-6\n",
    "T-tol-huge": "given: {x: 1}\ntasks:\n  - evaluate: {expr: x}\n    tolerance: 1e300\n",
    "T-str-for-list": "tasks: x\n",
    "T-null-expr": "define:\n  y:\n",
    "T-def-shadow": "given: {x: scalar}\ndefine: {x: 3}\n",
    "T-name-builtin": "given: {exp: scalar}\n",
    "T-name-keyword": "given: {lambda: scalar}\n",
    "T-name-tex": "given: {'\\input{/etc/passwd}': scalar}\n",
    "T-name-empty": "given: {'': scalar}\n",
    "T-name-space": "given: {'a b': scalar}\n",
    "T-name-confusable": "given: {a: scalar, '\u0430': scalar}\n",
    "T-name-nfc": 'given: {"caf\\u00e9": scalar, "cafe\\u0301": scalar}\n',
    "O-name-dotdot": "tasks:\n  - forward:\n    id: ../../evil\n",
    "O-name-nul": 'tasks:\n  - forward:\n    id: "a\\0b"\n',
    "O-name-dot": "tasks:\n  - forward:\n    id: .\n",
    "O-name-win": "tasks:\n  - forward:\n    id: CON\n",
    "O-name-trail": "tasks:\n  - forward:\n    id: 'a. '\n",
    "O-name-long": f"tasks:\n  - forward:\n    id: {'x' * 300}\n",
    "O-name-colon": "tasks:\n  - forward:\n    id: a:b\n",
    "O-name-backslash": "tasks:\n  - forward:\n    id: ..\\..\\evil\n",
    "O-name-nfc": 'tasks:\n  - forward:\n    id: "caf\\u00e9"\n',
    "O-name-same": "tasks:\n  - forward:\n    id: a\n  - graph:\n    id: A\n",
}


def read_expression(item: dict[str, Any]) -> None:
    """Parse, and work the value out when the expression is constant."""
    text = text_of(item)
    assert isinstance(text, str)
    expr = parse(text, FUNCTIONS, NAMES)
    if item["expect"]["code"] == "E_DOMAIN":
        evaluate(expr)


def read_file(item: dict[str, Any]) -> None:
    text = ADAPTED.get(item["id"], text_of(item))
    if isinstance(text, bytes):
        yaml.parse(yaml.decode(text, "bad.yaml"))
    elif item["id"].startswith("Y-"):  # a fault of the YAML itself, whatever the keys
        yaml.parse(yaml.clean(Document("bad.yaml", text)))
    else:
        loads(text, "bad.yaml")


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in found]


@pytest.mark.parametrize("item", items("expr"), ids=ids(items("expr")))
def test_expression(item: dict[str, Any]) -> None:
    if item["id"] in ALLOWED:
        read_expression(item)
        return
    with pytest.raises(InputError) as caught:
        read_expression(item)
    assert caught.value.span is not None
    wanted = MOVED[item["id"]][0] if item["id"] in MOVED else item["expect"]["loc"]
    if wanted != "required":
        assert (1, caught.value.span[0] + 1) == tuple(wanted)
    assert_shown(caught.value)


FILES = items("yaml") + [by_id(i) for i in ADAPTED if i.startswith("O-")]


@pytest.mark.parametrize("item", FILES, ids=ids(FILES))
def test_file(item: dict[str, Any]) -> None:
    expect = item["expect"]
    started = time.monotonic()
    if expect["exit"] == 0:
        read_file(item)
        return
    with pytest.raises(InputError) as caught:
        read_file(item)
    assert time.monotonic() - started < (expect.get("max_s") or 5)
    where = caught.value.where
    assert where is not None
    if expect["loc"] not in ("required", None):
        assert [where.line, where.column] == expect["loc"]
    assert render_error(caught.value).startswith(f"bad.yaml:{where.line}:{where.column}: ")
    assert_shown(caught.value)


def assert_shown(error: TutorError) -> None:
    """Nothing in the message reaches the terminal but visible characters."""
    shown = render_error(error)
    assert all(c == "\n" or c.isprintable() for c in shown)
    assert not any(c in shown for c in "\u202e\x1b\x07\r")


def test_tables_name_items_that_exist() -> None:
    known = {item["id"] for item in items("expr") + items("yaml") + items("output")}
    assert {*ALLOWED, *MOVED, *ADAPTED} <= known


def test_every_item_is_refused_for_its_own_reason() -> None:
    """An adapted file without its fault loads, so that it is the fault which is refused."""
    loads("tasks:\n  - forward:\n    id: CONE\n")
    loads("given: {x: 1}\ntasks:\n  - evaluate: {expr: x}\n    tolerance: 1e-6\n")
    loads("given:\n  m: {value: [[1, 2], [2, 1]], symmetric: true}\n")
    loads("given: {a: scalar, lambda_: scalar, x: 1000}\ndefine: {y: a}\n")
