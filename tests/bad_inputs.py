"""The table of bad inputs, and how its `gen:` texts are spelled out."""

from __future__ import annotations

import ast
import json
import operator
from pathlib import Path
from typing import Any

ITEMS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "bad_inputs.json").read_text(encoding="utf-8")
)


def items(kind: str) -> list[dict[str, Any]]:
    return [item for item in ITEMS if item["kind"] == kind]


def by_id(item_id: str) -> dict[str, Any]:
    return next(item for item in ITEMS if item["id"] == item_id)


def text_of(item: dict[str, Any]) -> str | bytes:
    """The text of an item; `gen:` is followed by a small Python expression, evaluated here."""
    text = item["text"]
    return _Generator().run(text[4:]) if text.startswith("gen:") else text


class _Generator:
    """Just enough of Python for the table: literals, +, *, %, join, range, bytes.fromhex."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def run(self, text: str) -> str | bytes:
        return self.value(ast.parse(text, mode="eval").body)

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self.names[node.id]
            case ast.BinOp():
                apply = {ast.Add: operator.add, ast.Sub: operator.sub}
                apply |= {ast.Mult: operator.mul, ast.Mod: operator.mod}
                return apply[type(node.op)](self.value(node.left), self.value(node.right))
            case ast.Tuple():
                return tuple(self.value(x) for x in node.elts)
            case ast.List():
                return [self.value(x) for x in node.elts]
            case ast.GeneratorExp(generators=[loop]):
                assert isinstance(loop.target, ast.Name)
                found = []
                for item in self.value(loop.iter):
                    self.names[loop.target.id] = item
                    found.append(self.value(node.elt))
                return found
            case ast.Call(func=ast.Name(id="range")):
                return range(*(self.value(x) for x in node.args))
            case ast.Call(func=ast.Attribute(attr="join") as function):
                return self.value(function.value).join(self.value(node.args[0]))
            case ast.Call(func=ast.Attribute(attr="fromhex")):
                return bytes.fromhex(self.value(node.args[0]))
            case _:
                raise ValueError(ast.dump(node))
