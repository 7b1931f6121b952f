"""The `network` section: layer names and hyperparameters, checked against the layer table."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .. import limits
from ..errors import Where, did_you_mean
from ..expr import Name
from . import elsewhere, schema, tree
from .arguments import FLAG, WORD, Argument
from .model import Block, Layer, Network
from .tree import Node, Scalar

Part = Layer | Block

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][+-]?[0-9]+)?\Z")
_TRUTH = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


@dataclass
class Reader:
    """`sizes` are the given integers; a name that is none of them must be among `free`."""

    sizes: Mapping[str, int]
    free: Collection[str]
    used: dict[str, Where] = field(default_factory=dict)  # symbolic names, with their first place

    def read(self, node: Node) -> Network:
        section = schema.mapping(node, "`network`")
        schema.check_keys(section, schema.NETWORK_KEYS, "`network`")
        start, stack = section.get("input"), section.get("layers")
        if start is None:
            raise schema.fail("`input` is missing", node, "such as `input: [3, 128, 128]`")
        if stack is None:
            raise schema.fail("`layers` is missing", node, "a list such as `- ReLU`")
        items = start.items if isinstance(start, tree.Sequence) else (start,)
        if not 1 <= len(items) <= 4:
            hint = "a number of features, [length, features] or [channels, height, width]"
            raise schema.fail("`input` has one to four sizes", start, hint)
        sizes = tuple(self._size(item) for item in items)
        layers = self._parts(stack, "`layers`", 0)
        if not layers:
            raise schema.fail("`layers` is an empty list", stack)
        seed = section.get("seed")
        number = 0 if seed is None else schema.integer(seed, "`seed` of the network")
        return Network(sizes, layers, node.where(), number)

    # --- blocks ----------------------------------------------------------------------------------

    def _parts(self, node: Node, what: str, depth: int) -> tuple[Part, ...]:
        if depth > limits.NETWORK_DEPTH:
            raise schema.fail(f"blocks are nested deeper than {limits.NETWORK_DEPTH}", node)
        items = schema.sequence(node, what).items
        return tuple(self._part(item, depth) for item in items)

    def _part(self, node: Node, depth: int) -> Part:
        key, body = _keyed(node)
        if key.text not in BLOCKS:
            return self._layer(key, body)
        kind, where, inner = key.text, key.where(), depth + 1
        usage = f"write `{BLOCKS[kind]}`"
        if body is None or (isinstance(body, Scalar) and body.is_null):
            raise schema.fail(f"{kind} needs its layers", key, usage)
        if kind == "Sequential" or (kind == "Residual" and isinstance(body, tree.Sequence)):
            if not isinstance(body, tree.Sequence):
                found = schema.found(body)
                raise schema.fail(f"the layers of {kind} must be a list, not {found}", body, usage)
            layers = self._parts(body, f"the layers of {kind}", inner)
            return Block(kind, (layers,) if kind == "Sequential" else (layers, ()), where)
        given = schema.mapping(body, kind, usage)
        schema.check_keys(given, _BLOCK_KEYS[kind], kind)
        needed = _BLOCK_KEYS[kind][0]
        if (first := given.get(needed)) is None:
            raise schema.fail(f"{kind} needs `{needed}`", key, usage)
        if kind == "Residual":
            shortcut = given.get("shortcut")
            other = () if shortcut is None else self._parts(shortcut, "`shortcut`", inner)
            return Block(kind, (self._parts(first, "`body`", inner), other), where)
        if kind == "Repeat":
            times = self._whole(given.get("times"), key, "`times` of Repeat", 1)
            return Block(kind, (self._parts(first, "`of`", inner),), where, times=times)
        lists = schema.sequence(first, "`branches`").items
        if not lists:
            raise schema.fail("`branches` is an empty list", first)
        dim = given.get("dim")
        return Block(
            kind,
            tuple(self._parts(item, "a branch", inner) for item in lists),
            where,
            dim=1 if dim is None else self._whole(dim, dim, "`dim` of Concat", None),
        )

    def _whole(self, node: Node | None, near: Node, what: str, least: int | None) -> int:
        if node is None:
            raise schema.fail(f"{what} is missing", near, f"write `{BLOCKS['Repeat']}`")
        if isinstance(node, Scalar) and _NAME.match(node.text) and node.text not in self.sizes:
            hint = "it cannot be an unknown: the layers of the network must be known"
            raise schema.fail(f"{what} must be a whole number, not `{node.text}`", node, hint)
        value = self._single(node, what, ())
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or (least is not None and value < least):
            wanted = "a whole number" + ("" if least is None else f" of at least {least}")
            raise schema.fail(f"{what} must be {wanted}, not {schema.found(node)}", node)
        return value

    # --- sizes and layers ------------------------------------------------------------------------

    def _size(self, node: Node) -> Any:
        if isinstance(node, Scalar) and _NAME.match(node.text) and node.text not in self.sizes:
            self.used.setdefault(node.text, node.where())  # any new name is a symbolic size
            return Name(node.text)
        value = self._single(node, "a size of `input`", ())
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            found = schema.found(node)
            asks = isinstance(node, Scalar) and node.text == "?"
            hint = "write a name in its place, such as `n`, and ask for all numbers that fit: "
            hint += "`solve_shape: {unknown: n, so_that: {output: […]}}`"
            raise schema.fail(
                f"a size of `input` must be a positive integer, not {found}",
                node,
                hint if asks else None,
            )
        if value > limits.DIMENSION:
            raise schema.fail(f"a size may be at most {limits.DIMENSION}", node)
        return value

    def _layer(self, key: Scalar, body: Node | None) -> Layer:
        from .layers import LAYERS
        from .shorthand import called, named

        if key.text not in LAYERS:
            hint = called(key.text, self._trial) or elsewhere.instead(key.text, BLOCKS)
            raise schema.fail(f"unknown layer `{key.text[:40]}`", key, hint)
        spec = LAYERS[key.text]
        args: dict[str, Any] = {}
        places: dict[str, Where] = {}
        if body is not None and not (isinstance(body, Scalar) and body.is_null):
            hint = None
            if not isinstance(body, tree.Mapping):
                hint = named(key.text, body, self._trial)
            given = schema.mapping(body, f"the arguments of {key.text}", hint)
            entries = elsewhere.without_idle(spec, given)
            schema.check_keys(replace(given, entries=entries), spec.arguments, key.text)
            for name, value in entries:
                what = f"`{name.text}` of {key.text}"
                args[name.text] = self._argument(value, what, spec.signature[name.text])
                places[name.text] = value.where()
        for name in spec.required:
            if name not in args:
                hint = f"write `{key.text}: {{{name}: …}}`"
                raise schema.fail(f"{key.text} needs `{name}`", key, hint)
        return Layer(key.text, args, key.where(), places)

    def _trial(self, node: Node) -> Part:
        """A layer that is only tried: the names in it do not count as used."""
        return Reader(self.sizes, self.free)._part(node, 0)

    def _argument(self, node: Node, what: str, argument: Argument) -> Any:
        if isinstance(node, tree.Sequence):
            if not node.items:
                raise schema.fail(f"{what} is an empty list", node)
            return tuple(self._argument(item, what, argument) for item in node.items)
        if isinstance(node, Scalar) and _NAME.match(node.text) and node.text not in self.sizes:
            hint = elsewhere.word(what, node.text)
            if hint is not None and node.text not in (*argument.words, *self.free):
                raise schema.fail(f"{what} cannot be `{node.text}`", node, hint)
            if argument.kind in (WORD, FLAG) and not _TRUTH.match(node.text) and not node.is_null:
                return node.text  # no unknown: `bind` says which words there are
        return self._single(node, what, argument.words)

    def _single(self, node: Node, what: str, words: Collection[str]) -> Any:
        """An integer, a decimal, true or false, null, a word of the layer, or a name."""
        if isinstance(node, Scalar) and node.is_null and node.text:
            return None
        item = schema.scalar(node, what)
        text = item.text
        if item.style or text in words:
            return text
        if _TRUTH.match(text):
            return text.lower() == "true"
        if _INTEGER.match(text):
            return int(text)
        if _DECIMAL.match(text) and abs(float(text)) != float("inf"):
            return float(text)
        if not _NAME.match(text):
            raise schema.fail(f"{what} cannot be {schema.found(node)}", node)
        if text in self.sizes:
            return self.sizes[text]
        if text not in self.free:
            hint = did_you_mean(text, [*words, *self.free]) or (
                f"an unknown is asked for by a task `solve_shape: {{unknown: {text}, so_that: …}}`"
            )
            raise schema.fail(f"unknown name `{text[:40]}`", node, hint)
        self.used.setdefault(text, node.where())
        return Name(text)


BLOCKS = {
    "Sequential": "Sequential: [Linear: {out_features: 10}, ReLU]",
    "Residual": "Residual: {body: [Linear: {out_features: 10}, ReLU], shortcut: []}",
    "Repeat": "Repeat: {times: 3, of: [Linear: {out_features: 10}, ReLU]}",
    "Concat": "Concat: {branches: [[ReLU], [Tanh]], dim: 1}",
}
_BLOCK_KEYS = {
    "Residual": ("body", "shortcut"),
    "Repeat": ("of", "times"),
    "Concat": ("branches", "dim"),
}


def _keyed(node: Node) -> tuple[Scalar, Node | None]:
    """The name of a layer or block, and what stands behind its colon."""
    key, body = node, None
    if isinstance(node, tree.Mapping):
        if len(node.entries) != 1:
            place = node.entries[1][0] if node.entries else node
            raise schema.fail("a layer is one key with its arguments", place, _LAYER_HINT)
        key, body = node.entries[0]
    if not isinstance(key, Scalar) or key.is_null:
        raise schema.fail(f"a layer is a name, not {schema.found(key)}", key, _LAYER_HINT)
    return key, body


_LAYER_HINT = "write `- ReLU` or `- Linear: {out_features: 10}`"
