"""The `given` section: literals, builders, declarations and files into `Given` records."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import limits
from ..errors import InputError, ShapeError
from ..expr import Binary, Call, Expr, Name, Neg, Num, names, walk
from ..value import Value
from . import schema, tree
from .arrays import pack, size_text
from .expression import extent
from .model import Given, Source
from .tree import Node, Scalar
from .truth import inner_value, only_truth, truth_value
from .typed import decimals
from .values import evaluate, functions, number

_DECLARATION = re.compile(rf"\s*({'|'.join(schema.DECLARATIONS)})\s*(\(|$)")
_SHORT = 10**15
Shape = tuple[Expr | str, ...]


@dataclass
class Reader:
    """Reads the section in two passes: values first, in order, then shapes.

    A value may use the values above it. A size may be the name of any given integer, and is then
    that integer; any other name is a symbolic size.
    """

    folder: Path | None
    reserved: Collection[str]  # names of functions
    values: dict[str, Value] = field(default_factory=dict)
    _entries: dict[str, Any] = field(default_factory=dict)  # images repeat a few numbers

    def read(self, section: tree.Mapping) -> dict[str, Given]:
        keys = {
            schema.name(key, None, self.reserved, section): (key, node)
            for key, node in section.entries
        }
        found: dict[str, Given] = {}
        for name, (key, node) in keys.items():
            value, source = self._value(node, list(keys))
            if value is not None:
                self.values[name] = value
            kind = frozenset({"boolean"} if only_truth(inner_value(node)) else ())
            found[name] = Given(name, value, None, key.where(), source, kind, None, decimals(node))
        return {name: self._shaped(found[name], node) for name, (_, node) in keys.items()}

    def sizes(self) -> dict[str, int]:
        """The given integers, which may stand for sizes."""
        return {
            name: int(value.data[()])
            for name, value in self.values.items()
            if value.shape == () and value.is_integral()
        }

    # -- values ------------------------------------------------------------------------------

    def _value(self, node: Node, given: Collection[str]) -> tuple[Value | None, Source | None]:
        if isinstance(node, tree.Mapping):
            schema.check_keys(node, schema.GIVEN_KEYS, "a given name")
            inner, file = node.get("value"), node.get("file")
            if inner is not None and file is not None:
                raise schema.fail("`value` and `file` exclude each other", file)
            if file is not None:
                return self._file(file), None
            if inner is None:
                if node.get("shape") is None:
                    raise schema.fail("`value`, `shape` or `file` is missing", node)
                return None, None
            if isinstance(inner, tree.Mapping):
                raise schema.fail("`value` must be a number, a list or an expression", inner)
            node = inner
        if isinstance(node, tree.Sequence):
            return self._nested(node, given), None
        if is_declaration(node):
            return None, None
        source = schema.spelled(node, "a given value")
        return self._scalar(node, given), source

    def _nested(self, node: tree.Sequence, given: Collection[str]) -> Value:
        """Lists of scalars, of one size at every level."""
        flat: list[Any] = []

        def shape_of(part: Node, level: int) -> tuple[int, ...]:
            if not isinstance(part, tree.Sequence):
                flat.append(self._entry(part, given))
                return ()
            if not part.items:
                raise schema.fail("an empty list has no numbers", part)
            if level >= limits.TENSOR_ORDER:
                raise schema.fail(f"more than {limits.TENSOR_ORDER} levels of lists", part)
            first = shape_of(part.items[0], level + 1)
            for item in part.items[1:]:
                shape = shape_of(item, level + 1)
                if shape != first:
                    raise ShapeError(
                        f"a ragged list: this entry {_holds(shape)}, the first one {_holds(first)}",
                        where=item.where(),
                    )
            return (len(part.items), *first)

        shape = shape_of(node, 0)
        return pack(flat, shape)

    def _entry(self, node: Node, given: Collection[str]) -> Any:
        text = node.text if isinstance(node, Scalar) else ""
        if text in self._entries:
            return self._entries[text]
        if len(text) <= limits.NUMBER_CHARACTERS:
            quick = number(text)
            if isinstance(quick, float) or (quick is not None and abs(quick.p) + quick.q < _SHORT):
                return quick  # what the parser would say, without its cost
        value = self._scalar(node, given)
        if value.shape != ():
            message = f"a number is expected here, not a value of size {size_text(value.shape)}"
            raise schema.fail(message, node)
        return self._entries.setdefault(text, value.data[()])

    def _scalar(self, node: Node, given: Collection[str]) -> Value:
        if only_truth(node):
            return truth_value(node)
        known = (*functions(), *schema.DECLARATIONS)
        names_ = (*given, *schema.DECLARATIONS)
        expr, source = schema.expression(node, "a given value", known, names_)
        try:
            for term in walk(expr):
                if isinstance(term, Call) and term.func in schema.DECLARATIONS:
                    raise InputError("a declaration stands alone", span=term.span)
                if isinstance(term, Name) and term.id in given and term.id not in self.values:
                    raise InputError(
                        f"`{term.id}` has no value yet",
                        hint=f"`{term.id}` must be given above, with a value; "
                        "what depends on unknowns goes into `define`",
                        span=term.span,
                    )
            return evaluate(expr, known=self.values)
        except InputError as error:
            raise schema.located(error, source) from None

    def _file(self, node: Node) -> Value:
        from .files import read_array

        return read_array(node, schema.text(node, "`file`"), self.folder)

    # -- shapes ------------------------------------------------------------------------------

    def _shaped(self, given: Given, node: Node) -> Given:
        if not isinstance(node, tree.Mapping):
            if given.value is None:
                return replace(given, shape=self._declared(node))
            return given
        declared = node.get("shape")
        inner = node.get("value")
        if declared is None and given.value is None and inner is not None:
            declared = inner  # {value: matrix(m, n)} declares as well
        shape = None if declared is None else self._shape(declared)
        properties = []
        for prop in schema.PROPERTIES:
            wanted = node.get(prop)
            if wanted is not None and schema.flag(wanted, f"`{prop}`"):
                properties.append(prop)
                self._check_property(prop, given.value, shape, wanted)
        if given.value is not None and shape is not None:
            assert declared is not None
            _check_agreement(given.value, shape, "homogeneous" in properties, declared)
            if all(isinstance(n, Num) for n in shape):
                shape = None if "homogeneous" not in properties else shape
        label = node.get("label")
        return replace(
            given,
            shape=shape,
            properties=given.properties | frozenset(properties),
            label=None if label is None else schema.text(label, "`label`"),
        )

    def _shape(self, node: Node) -> Shape:
        """`[4, 6]`, one size, or a declaration."""
        if isinstance(node, Scalar) and is_declaration(node):
            return self._declared(node)
        items = node.items if isinstance(node, tree.Sequence) else (node,)
        if len(items) > limits.TENSOR_ORDER:
            raise schema.fail(f"more than {limits.TENSOR_ORDER} axes", node)
        shape = []
        for item in items:
            expr, source = schema.expression(item, "a size", (), None, unknown=True)
            shape.append(self._size(expr, source))
        return tuple(shape)

    def _declared(self, node: Node) -> Shape:
        expr, source = schema.expression(
            node, "a declaration", schema.DECLARATIONS, None, unknown=True
        )
        if isinstance(expr, Name) and expr.id == "scalar":
            return ()
        if not isinstance(expr, Call):
            kind = expr.id if isinstance(expr, Name) else ""
            example = {"vector": "vector(n)", "matrix": "matrix(m, n)"}.get(kind, "tensor(3, 8, 8)")
            raise schema.located(
                InputError(f"`{kind}` needs its sizes", hint=f"such as {example}"), source
            )
        least, most = schema.DECLARATIONS[expr.func]
        count = len(expr.args)
        if expr.kwargs or not least <= count <= most:
            wanted = {0: "no size", 1: "one size", 2: "two sizes"}[least]
            message = f"`{expr.func}` takes {wanted}{' or more (up to 8)' if most > 2 else ''}"
            raise schema.located(InputError(message, span=expr.span), source)
        return tuple(self._size(arg, source) for arg in expr.args)

    def _size(self, expr: Expr, source: Source) -> Expr | str:
        """A size with the given integers filled in; constants are worked out."""
        if isinstance(expr, Name) and expr.id == "?":
            return "?"
        known = self.sizes()
        try:
            free = [n for n in names(expr) if n not in known]
            for term in walk(expr):
                if isinstance(term, Name) and term.id in ("?", "pi"):
                    raise InputError("a size is an integer, a name or `?`", span=term.span)
                if isinstance(term, Name) and term.id in self.reserved:
                    raise InputError(f"`{term.id}` is the name of a function", span=term.span)
                if not isinstance(term, Num | Name | Binary | Neg):
                    span = term.span
                    raise InputError("a size is an integer or a formula of names", span=span)
                if isinstance(term, Binary) and term.op not in ("+", "-", "*", "/", "**"):
                    raise InputError(f"`{term.op}` has no place in a size", span=term.span)
                if isinstance(term, Name) and term.id in self.values and term.id not in known:
                    message = f"`{term.id}` is given, but not as an integer"
                    raise InputError(message, span=term.span)
            if free:
                return _filled(expr, known)
            value = evaluate(expr, known=self.values)
            if not value.is_integral():
                raise InputError("a size must be an integer")
            size = int(value.data[()])
            if size < 1:
                raise InputError(f"a size must be at least 1, not {size}")
            if size > limits.DIMENSION:
                raise InputError(f"a size may be at most {limits.DIMENSION}")
            return Num(str(size), span=expr.span)
        except InputError as error:
            error.span = error.span or extent(expr)
            raise schema.located(error, source) from None

    def _check_property(
        self, prop: str, value: Value | None, shape: Shape | None, node: Node
    ) -> None:
        sizes: tuple[Any, ...] = value.shape if value is not None else shape or ()
        square = len(sizes) == 2 and (sizes[0] == sizes[1] or "?" in sizes)
        if prop in ("symmetric", "diagonal") and not square:
            raise schema.fail(f"only a square matrix can be {prop}", node)
        if prop == "homogeneous" and len(sizes) != 1:
            raise schema.fail("only a vector can be homogeneous", node)
        if value is None:
            return
        numbers = value.floats()
        holds = {
            "symmetric": lambda: bool((numbers == numbers.T).all()),
            "diagonal": lambda: not numbers[~np.eye(len(numbers), dtype=bool)].any(),
            "positive": lambda: bool((numbers > 0).all()),
        }
        if prop in holds and not holds[prop]():
            raise schema.fail(f"the value is not {prop}", node)


def is_declaration(node: Node) -> bool:
    return isinstance(node, Scalar) and _DECLARATION.match(node.text) is not None


def _holds(shape: tuple[int, ...]) -> str:
    return f"has size {'×'.join(map(str, shape))}" if shape else "is a number"


def _filled(expr: Expr, known: Mapping[str, int]) -> Expr:
    """The size with the given integers in place of their names."""
    match expr:
        case Name() if expr.id in known:
            value = known[expr.id]
            term = Num(str(abs(value)), span=expr.span)
            return Neg(term, span=expr.span) if value < 0 else term
        case Neg():
            return replace(expr, arg=_filled(expr.arg, known))
        case Binary():
            left, right = _filled(expr.left, known), _filled(expr.right, known)
            return replace(expr, left=left, right=right)
        case _:
            return expr


def _check_agreement(value: Value, shape: Shape, homogeneous: bool, node: Node) -> None:
    """The declared integers are the value's sizes; a homogeneous 1 may be spelled out."""
    sizes = value.shape
    fits = len(sizes) == len(shape) and all(
        not isinstance(want, Num) or int(want.text) in ((n, n - 1) if homogeneous else (n,))
        for n, want in zip(sizes, shape, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"the value has size {size_text(sizes)}, which is not the declared shape",
            where=node.where(),
        )
