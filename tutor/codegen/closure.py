"""A function body as closures: what the printed code does, without running any text."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from ..errors import InputError, ToolError
from ..expr import Binary, Call, Expr, Index, List, Name, Neg, Num, Slice, Str, Transpose
from .function import Function

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "**": operator.pow, "@": operator.matmul, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_CONSTANTS = {"None": None, "True": True, "False": False}
_MODULES = {"np": "numpy", "torch": "torch", "jax": "jax", "jnp": "jax.numpy", "math": "math"}
Local = dict[str, Any]
Step = Callable[[Local], Any]


def compiled(f: Function) -> Callable[[Local], Any]:
    """From values of the parameters, by identifier, to the result."""
    make = _Closures(f.library.name)
    steps = [(n, make.step(e)) for n, e in (*f.sizes, *f.body.statements)]
    last = make.step(f.body.result)

    def run(local: Local) -> Any:
        for name, step in steps:
            local[name] = step(local)
        return last(local)

    return run


def installed(library: str) -> Any:
    """The library's module."""
    try:
        return import_module(library)
    except ImportError:
        raise ToolError(
            f"{library} is not installed", hint=f"install it with: pip install {library}"
        ) from None


class _Closures:
    def __init__(self, library: str) -> None:
        installed(library)
        self.helpers: Mapping[str, Any] = vars(import_module(f"{__package__}.helpers_{library}"))

    def function(self, name: str) -> Callable[..., Any]:
        first, *rest = name.split(".")
        if not rest:
            return {"": lambda *items: items, "int": int}.get(first) or self.helpers[first]
        found = import_module(_MODULES[first])
        for k, part in enumerate(rest):
            if not hasattr(found, part):
                found = import_module(".".join([_MODULES[first], *rest[: k + 1]]))
            else:
                found = getattr(found, part)
        return found

    def step(self, e: Expr) -> Step:
        match e:
            case Num() | Str():
                return _always(_constant(e))
            case Name():
                return self.name(e.id)
            case Neg():
                inner = self.step(e.arg)
                return lambda local: -inner(local)
            case Transpose():
                inner = self.step(e.arg)
                return lambda local: inner(local).T
            case Binary():
                left, right, do = self.step(e.left), self.step(e.right), _OPERATORS[e.op]
                return lambda local: do(left(local), right(local))
            case Call():
                return self.call(e)
            case Index():
                return self.index(e)
            case List():
                parts = [self.step(x) for x in e.items]
                return lambda local: [p(local) for p in parts]
            case Slice():
                ends = [_always(None) if x is None else self.step(x) for x in _ends(e)]
                return lambda local: slice(*[x(local) for x in ends])
            case _:
                raise InputError(f"no code for {type(e).__name__}")

    def name(self, name: str) -> Step:
        if name in _CONSTANTS:
            return _always(_CONSTANTS[name])
        first, *rest = name.split(".")
        if first in _MODULES:
            return _always(self.function(name))
        if not rest:
            return operator.itemgetter(name)
        (part,) = rest  # an array's shape, dtype or device
        return lambda local: getattr(local[first], part)

    def call(self, e: Call) -> Step:
        f = self.function(e.func)
        args = [self.step(a) for a in e.args]
        keywords = [(k, self.step(v)) for k, v in e.kwargs]
        if keywords:
            return lambda local: f(*[a(local) for a in args], **{k: v(local) for k, v in keywords})
        match args:  # the usual numbers of arguments without a list of them
            case [x]:
                return lambda local: f(x(local))
            case [x, y]:
                return lambda local: f(x(local), y(local))
            case [x, y, z]:
                return lambda local: f(x(local), y(local), z(local))
        return lambda local: f(*[a(local) for a in args])

    def index(self, e: Index) -> Step:
        inner = self.step(e.arg)
        if all(_is_constant(x) for x in e.items):
            known = tuple(_constant(x) for x in e.items)
            at = known[0] if len(known) == 1 else known
            return lambda local: inner(local)[at]
        items = [self.step(x) for x in e.items]
        if len(items) == 1:
            return lambda local: inner(local)[items[0](local)]
        return lambda local: inner(local)[tuple([x(local) for x in items])]


def _always(value: Any) -> Step:
    return lambda _: value


def _ends(e: Slice) -> tuple[Expr | None, ...]:
    return (e.start, e.stop, e.step)


def _is_constant(e: Expr | None) -> bool:
    match e:
        case None | Num() | Str():
            return True
        case Name():
            return e.id in _CONSTANTS
        case Slice():
            return all(_is_constant(x) for x in _ends(e))
        case _:
            return False


def _constant(e: Expr | None) -> Any:
    match e:
        case Num():
            return int(e.text) if e.text.isdigit() else float(e.text)
        case Str():
            return e.value
        case Name():
            return _CONSTANTS[e.id]
        case Slice():
            return slice(*(_constant(x) for x in _ends(e)))
        case _:
            return None
