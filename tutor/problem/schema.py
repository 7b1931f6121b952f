"""What a problem file may hold: one table per thing, and the readers that type one value each.

A reader takes a node of the YAML tree and returns a typed value, or raises with the node's place,
what was expected and the nearest allowed word.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from .. import limits
from ..errors import InputError, did_you_mean
from ..expr import Expr
from . import tree
from .expression import CONSTANTS, parse
from .lexer import check_name
from .model import Source
from .tree import Node, Scalar

TOP_KEYS = (
    "title", "source", "statement", "notes", "tags", "language", "convention", "given", "define",
    "network", "tasks",
)  # fmt: skip
GIVEN_KEYS = (
    "value", "shape", "file", "symmetric", "diagonal", "positive", "homogeneous", "label",
)  # fmt: skip
PROPERTIES = ("symmetric", "diagonal", "positive", "homogeneous")
DECLARATIONS = {"scalar": (0, 0), "vector": (1, 1), "matrix": (2, 2), "tensor": (1, 8)}  # sizes
CONVENTIONS = {
    "layout": ("numerator", "denominator"),
    "vec": ("column", "row"),
    "conv": ("correlation", "convolution"),
    "ties": ("first", "split"),
    "style": ("adjoint", "jacobian"),
}
NETWORK_KEYS = ("input", "layers", "seed")

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
_ID = re.compile(r"[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*\Z")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\Z", re.IGNORECASE)


def fail(message: str, node: Node, hint: str | None = None) -> InputError:
    return InputError(message, hint=hint, where=node.where())


def found(node: Node) -> str:
    """What stands there, for messages."""
    if isinstance(node, tree.Mapping):
        return "a mapping"
    if isinstance(node, tree.Sequence):
        return "a list"
    assert isinstance(node, Scalar)
    if node.is_null:
        return "nothing"
    return f"`{node.text[:40]}`"


def mapping(node: Node, what: str, hint: str | None = None) -> tree.Mapping:
    if not isinstance(node, tree.Mapping):
        raise fail(f"{what} must be a mapping of keys to values, not {found(node)}", node, hint)
    return node


def sequence(node: Node, what: str) -> tree.Sequence:
    if not isinstance(node, tree.Sequence):
        raise fail(f"{what} must be a list, not {found(node)}", node)
    return node


def scalar(node: Node, what: str) -> Scalar:
    if not isinstance(node, Scalar) or node.is_null:
        raise fail(f"{what} must be text or a number, not {found(node)}", node)
    return node


def text(node: Node, what: str) -> str:
    return scalar(node, what).text


def flag(node: Node, what: str) -> bool:
    if isinstance(node, Scalar) and node.style == "" and node.text in (*_TRUE, *_FALSE):
        return node.text in _TRUE
    words = {"yes": "true", "on": "true", "no": "false", "off": "false"}
    word = words.get(node.text.lower()) if isinstance(node, Scalar) else None
    hint = f"write `{word}`" if word else None
    raise fail(f"{what} must be true or false, not {found(node)}", node, hint)


def integer(node: Node, what: str, least: int = 0, most: int = limits.DIMENSION) -> int:
    if not isinstance(node, Scalar) or not _INTEGER.match(node.text):
        raise fail(f"{what} must be an integer, not {found(node)}", node)
    value = int(node.text)
    if not least <= value <= most:
        raise fail(f"{what} must be from {least} to {most}, not {value}", node)
    return value


def decimal(node: Node, what: str, least: float, most: float, open_: bool = False) -> float:
    """A number in [least, most], or in (least, most] if `open_`."""
    if not isinstance(node, Scalar) or not _DECIMAL.match(node.text):
        raise fail(f"{what} must be a number, not {found(node)}", node)
    value = float(node.text)
    if not least <= value <= most or (open_ and value == least):
        bounds = f"above {least:g} and at most {most:g}" if open_ else f"{least:g} to {most:g}"
        raise fail(f"{what} must be {bounds}, not {node.text}", node)
    return value


def word(node: Node, what: str, words: Collection[str]) -> str:
    value = text(node, what)
    if value not in words:
        hint = did_you_mean(value, words) or f"expected {listing(words)}"
        raise fail(f"{what} cannot be `{value[:40]}`", node, hint)
    return value


def listing(words: Collection[str]) -> str:
    return ", ".join(f"`{w}`" for w in words)


def check_keys(node: tree.Mapping, allowed: Collection[str], what: str) -> None:
    for key, _ in node.entries:
        if key.text in allowed:
            continue
        hint = did_you_mean(key.text, allowed) or f"the keys here are {listing(allowed)}"
        if not allowed:
            hint = f"{what} takes no arguments"
        if node.flow or ")" in key.text:
            hint = _split_hint(node) or hint
        raise fail(f"unknown key `{key.text[:40]}` in {what}", key, hint)


def _split_hint(node: tree.Mapping) -> str | None:
    """A comma inside ( ) ends a value in { }; what follows it looks like a key."""
    for _, value in node.entries:
        if tree.is_split(value):
            return tree.SPLIT
    return None


def name(
    key: Scalar,
    span: tuple[int, int] | None,
    functions: Collection[str],
    section: Node | None = None,
) -> str:
    """A name that may be declared; `span` is its part of the key, or None for the whole."""
    start, end = span or (0, len(key.text))
    value = key.text[start:end]
    try:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", value) or value in ("True", "False", "None"):
            shown = f"`{value[:40]}`" if value else "an empty text"
            split = _split_hint(section) if isinstance(section, tree.Mapping) else None
            hint = split or "letters, digits and _, beginning with a letter"
            raise InputError(f"{shown} cannot be a name", hint=hint)
        check_name(value)
        if value in functions:
            raise InputError(f"`{value}` is the name of a function", hint=f"try `{value}_1`")
        if value in DECLARATIONS or (value in CONSTANTS and value != "e"):
            raise InputError(f"`{value}` has a meaning of its own", hint=f"try `{value}_1`")
    except InputError as error:
        raise error.at(key.where(start, end)) from None
    return value


def task_id(node: Node) -> str:
    value = text(node, "`id`")
    if len(value) > limits.NAME_CHARACTERS or not _ID.match(value) or _DEVICES.match(value):
        hint = "letters, digits and _, with single . or - between"
        raise fail(f"`{value[:40]}` cannot be an id", node, hint)
    return value


def spelled(node: Node, what: str) -> Source:
    """The text of an expression: a scalar, or a list in [ ] as it stands in the file."""
    if isinstance(node, tree.Sequence) and node.document.text[node.start] == "[":
        raw = node.document.text[node.start : node.end]
        return Source(re.sub(r"[\r\n]", " ", raw), node)
    if not isinstance(node, Scalar) or node.is_null:
        hint = (
            "write a list in an expression as [a, b]" if isinstance(node, tree.Sequence) else None
        )
        raise fail(f"{what} must be an expression, not {found(node)}", node, hint)
    return Source(node.text, node)


def expression(
    node: Node,
    what: str,
    functions: Collection[str] | None,
    names: Collection[str] | None,
    *,
    unknown: bool = False,
) -> tuple[Expr, Source]:
    """An expression and its source; errors point into it."""
    source = spelled(node, what)
    try:
        return parse(source.text, functions, names, unknown=unknown), source
    except InputError as error:
        if tree.is_split(node) or any(map(tree.is_split, getattr(node, "items", ()))):
            error.hint = tree.SPLIT
        raise located(error, source) from None


def located(error: InputError, source: Source) -> InputError:
    """The error with its place in the file, worked out from its span."""
    return error.at(source.where(error.span or (0, len(source.text))))


def references(
    node: Node, what: str, known: Collection[str], owners: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """One name or a list of different names, each of them known; see `reference`."""
    if not isinstance(node, tree.Sequence):
        return (reference(node, what, known, owners),)
    if not node.items:
        raise fail(f"{what} is an empty list", node)
    names: list[str] = []
    for item in node.items:
        value = reference(item, what, known, owners)
        if value in names:
            raise fail(f"`{value}` stands twice in {what}", item)
        names.append(value)
    return tuple(names)


def reference(
    node: Node, what: str, known: Collection[str], owners: Mapping[str, str] | None = None
) -> str:
    """A known name. `owners` has the layer of each weight, for who asks as torch calls them."""
    value = text(node, what)
    if value not in known:
        hint = _weights_of(value, owners or {}) or did_you_mean(value, known)
        if hint is None and not re.fullmatch(r"\w+", value):
            hint = "give the expression a name in `define`"
        raise fail(f"unknown name `{value[:40]}`", node, hint)
    return value


def _weights_of(value: str, owners: Mapping[str, str]) -> str | None:
    """For `linear_1_weight` or `linear_1.weight`: the names of the layer's weights."""
    for layer in dict.fromkeys(owners.values()):
        if re.match(rf"{re.escape(layer)}(?![0-9])", value):
            own = [f"`{name}`" for name, owner in owners.items() if owner == layer]
            if len(own) == 1:
                return f"the weight of {layer} is {own[0]}"
            return f"the weights of {layer} are {', '.join(own[:-1])} and {own[-1]}"
    return None
