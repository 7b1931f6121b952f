"""A JSON Schema of problem files, for editors: out of the tables that read them.

Draft 7, which editors' YAML services know best. An editor sees keys, words and layers with it;
names, expressions and sizes are judged by `tutor` itself, so the schema accepts every good file and
some bad ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..words import LANGUAGES
from . import arguments, described, schema
from .layer_spec import LayerSpec
from .layers import LAYERS
from .task_table import COMMON_KEYS, TASKS, Arg

Schema = dict[str, Any]

_SCALAR: Schema = {"type": ["number", "string", "boolean"]}
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_NAMES: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


_LITERAL = _ref("literal")  # a number, an expression or nested lists of these
_SIZES: Schema = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}

_TOP: Mapping[str, Schema] = {
    "title": _TEXT,
    "source": _TEXT,
    "statement": _TEXT,
    "notes": _TEXT,
    "tags": _NAMES,
    "language": {"enum": list(LANGUAGES)},
    "convention": _ref("convention"),
    "given": {"type": "object", "additionalProperties": {"anyOf": [_LITERAL, _ref("given")]}},
    "define": {"type": "object", "additionalProperties": _TEXT},
    "network": _ref("network"),
    "tasks": {"type": "array", "items": _ref("task")},
}
_GIVEN: Mapping[str, Schema] = {
    "value": _LITERAL,
    "shape": _SIZES,
    "file": _TEXT,
    **dict.fromkeys(schema.PROPERTIES, _FLAG),
    "label": _TEXT,
}
_NETWORK: Mapping[str, Schema] = {"input": _SIZES, "layers": _ref("layers"), "seed": _COUNT}
_COMMON: Mapping[str, Schema] = {
    "id": _TEXT,
    "text": _TEXT,
    "points": {"type": "number", "minimum": 0},
    "answer": {"anyOf": [_LITERAL, {"type": "object"}]},
    "tolerance": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    "hint": _TEXT,
}
_KINDS: Mapping[str, Schema] = {
    "node": _TEXT,
    "nodes": _NAMES,
    "expression": _LITERAL,
    "flag": _FLAG,
    "edges": {
        "anyOf": [
            {"const": "all"},
            {"type": "array", "items": {**_NAMES, "minItems": 2, "maxItems": 2}},
        ]
    },
    "unknowns": _NAMES,
    "targets": {"type": "object", "additionalProperties": _SIZES, "minProperties": 1},
    "report": {"anyOf": [{"type": "string", "pattern": "^every [0-9]+$"}, _COUNT]},
    "state": {"anyOf": [_LITERAL, {"type": "object"}]},
    "after": _TEXT,
}


def json_schema() -> Schema:
    """The whole schema; raises KeyError for a key that has no row or no words here."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A problem file of tutor",
        **_object(schema.TOP_KEYS, _TOP, described.TOP),
        "definitions": {
            "literal": {"anyOf": [_SCALAR, {"type": "array", "items": _LITERAL, "minItems": 1}]},
            "given": _object(schema.GIVEN_KEYS, _GIVEN, described.GIVEN),
            "convention": _object(
                schema.CONVENTIONS,
                {key: {"enum": list(words)} for key, words in schema.CONVENTIONS.items()},
                described.CONVENTION,
            ),
            "network": {
                **_object(schema.NETWORK_KEYS, _NETWORK, described.NETWORK),
                "required": ["input", "layers"],
            },
            "layers": {"type": "array", "items": _ref("layer")},
            "layer": _layer(),
            "task": _task(),
        },
    }


def _object(keys: Iterable[str], types: Mapping[str, Schema], words: Mapping[str, str]) -> Schema:
    """A mapping of these keys and no others, each with its type and its words."""
    return {
        "type": "object",
        "properties": {key: {**types[key], "description": words[key]} for key in keys},
        "additionalProperties": False,
    }


def _one_of(alone: Iterable[str], properties: Mapping[str, Schema], named: Iterable[str]) -> Schema:
    """A word that stands alone, or a mapping with exactly one of the names that need arguments."""
    return {
        "anyOf": [
            {"enum": list(alone)},
            {
                "type": "object",
                "properties": dict(properties),
                "additionalProperties": False,
                "oneOf": [{"required": [name]} for name in named],
            },
        ]
    }


# --- tasks ---------------------------------------------------------------------------------------


def _task() -> Schema:
    common = _object(COMMON_KEYS, _COMMON, described.COMMON)["properties"]
    own = {kind: _arguments(args) for kind, args in TASKS.items()}
    return _one_of(_alone(TASKS), {**own, **common}, TASKS)


def _alone(tasks: Mapping[str, Mapping[str, Arg]]) -> list[str]:
    return [kind for kind, args in tasks.items() if not any(a.required for a in args.values())]


def _arguments(args: Mapping[str, Arg]) -> Schema:
    needed = [name for name, arg in args.items() if arg.required]
    body: Schema = {
        "type": "object" if needed else ["object", "null"],
        "properties": {name: _value(arg) for name, arg in args.items()},
        "additionalProperties": False,
    }
    return {**body, "required": needed} if needed else body


def _value(arg: Arg) -> Schema:
    if arg.kind == "word":
        return {"enum": list(arg.words)}
    if arg.kind == "integer":
        return {"type": "integer", "minimum": arg.least, "maximum": arg.most}
    return {**_KINDS[arg.kind], "description": described.KINDS[arg.kind]}


# --- layers --------------------------------------------------------------------------------------


def _layer() -> Schema:
    layers = _ref("layers")
    blocks: dict[str, Schema] = {
        "Sequential": layers,
        "Residual": {"anyOf": [layers, _block(body=layers, shortcut=layers)]},
        "Repeat": _block(of=layers, times={"type": ["integer", "string"]}),
        "Concat": _block(branches={"type": "array", "items": layers}, dim={"type": "integer"}),
    }
    own = {name: _hyperparameters(spec) for name, spec in LAYERS.items()}
    alone = [name for name, spec in LAYERS.items() if not spec.required]
    return _one_of(alone, {**own, **blocks}, [*LAYERS, *blocks])


def _block(**parts: Schema) -> Schema:
    """A block of layers; its first key is needed."""
    return {
        "type": "object",
        "properties": parts,
        "required": [next(iter(parts))],
        "additionalProperties": False,
    }


def _hyperparameters(spec: LayerSpec) -> Schema:
    """A hyperparameter may be a name that `solve_shape` asks for, so text is always possible."""
    return {
        "type": "object" if spec.required else ["object", "null"],
        "description": spec.law,
        "properties": {name: _hyperparameter(a) for name, a in spec.signature.items()},
        "required": list(spec.required),
        "additionalProperties": False,
    }


def _hyperparameter(argument: arguments.Argument) -> Schema:
    if argument.kind == arguments.FLAG:
        return _FLAG
    default = argument.default
    known = default is not arguments.REQUIRED
    return {"description": f"default: {default}".lower()} if known else {}
