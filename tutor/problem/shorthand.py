"""How a layer would be written whose arguments a file gives as torch does: by their places.

A problem file names every argument; this is for the hint only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..errors import InputError
from . import tree, yaml
from .arguments import AXES, EDGES, OUTPUTS, SIZES, SPLIT, bind
from .layers import LAYERS
from .model import Layer
from .tree import Node, Scalar

_CALL = re.compile(r"(\w+)\s*\((.*)\)\s*\Z", re.DOTALL)
_KEYWORD = re.compile(r"\s*([A-Za-z_]\w*)\s*=(.*)", re.DOTALL)
_LISTS = (AXES, EDGES, OUTPUTS, SIZES, SPLIT)  # a list is one value of these
_OPEN = "…"
LONG = 160  # characters of a suggestion; beyond, it is no slip

Read = Callable[[Node], object]


def named(type_: str, body: Node, read: Read) -> str | None:
    """`MaxPool2d: 2` with the name of the argument, if `read` takes it."""
    spec = LAYERS[type_]
    if isinstance(body, tree.Sequence) and not (
        spec.arguments and spec.signature[spec.arguments[0]].kind in _LISTS
    ):
        return _tried(type_, [_typed(item) for item in body.items], {}, read)
    return _tried(type_, [_typed(body)], {}, read)


def called(text: str, read: Read) -> str | None:
    """`MaxPool2d(2, stride=1)` with the names of the arguments, if `read` takes it."""
    found = _CALL.match(text)
    if found is None or found[1] not in LAYERS:
        return None
    values: list[str] = []
    keywords: dict[str, str] = {}
    for part in _split(found[2]):
        keyword = _KEYWORD.fullmatch(part)
        if keyword:
            keywords[keyword[1]] = _yaml(keyword[2])
        else:
            values.append(_yaml(part))
    return _tried(found[1], values, keywords, read)


def _tried(type_: str, values: Sequence[str], keywords: dict[str, str], read: Read) -> str | None:
    spec = LAYERS[type_]
    places = spec.required if len(values) <= len(spec.required) else spec.arguments
    if len(values) > len(places):
        return None
    args = dict(zip(places, values, strict=False)) | keywords
    args |= {name: _OPEN for name in spec.required if name not in args}
    written = f"{type_}: {{{', '.join(f'{k}: {v}' for k, v in args.items())}}}" if args else type_
    if len(written) > LONG:
        return None
    try:
        layer = read(yaml.parse(tree.Document("", written.replace(_OPEN, "1"))))
        assert isinstance(layer, Layer)
        bind(type_, spec.signature, spec.axes, layer.args, {}, layer.where, layer.places)
    except InputError:
        return None
    return f"write `{written}`"


def _typed(node: Node) -> str:
    if isinstance(node, tree.Sequence):
        return "[" + ", ".join(map(_typed, node.items)) + "]"
    return node.text if isinstance(node, Scalar) else "{}"


def _split(arguments: str) -> list[str]:
    """The parts between commas that stand in no bracket."""
    parts, depth = [""], 0
    for char in arguments:
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part for part in parts if part.strip()]


def _yaml(value: str) -> str:
    """A Python value as it is typed in YAML."""
    words = {"True": "true", "False": "false", "None": "null"}
    value = value.strip().replace("(", "[").replace(")", "]")
    return words.get(value, value)
