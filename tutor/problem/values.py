"""Constant expressions into numbers: exact where they are exact.

Numbers are SymPy's (0.5 is 1/2), built by its constructors alone. A decimal of more than
`limits.MEASURED_DIGITS` significant digits is measured data, and makes the whole value floating;
so does an exact number that outgrows `limits.EXACT_DIGITS` digits. A flat list is a column (n,), a
list of lists a matrix; a transposed column is a row (1, n).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy

from .. import limits
from ..errors import InputError, ShapeError, Span, did_you_mean
from ..expr import (
    Binary,
    Call,
    Const,
    Expr,
    Index,
    List,
    Name,
    Neg,
    Num,
    Slice,
    Str,
    Transpose,
    children,
    walk,
)
from ..value import Value
from .arrays import binary, checked, pack, size_text, transposed
from .builders import BUILDERS
from .expression import extent

_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?\Z")

# name -> (exact, floating)
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sqrt": (sympy.sqrt, np.sqrt),
    "exp": (sympy.exp, np.exp),
    "log": (sympy.log, np.log),
    "log1p": (lambda x: sympy.log(1 + x), np.log1p),
    "sin": (sympy.sin, np.sin),
    "cos": (sympy.cos, np.cos),
    "tan": (sympy.tan, np.tan),
    "asin": (sympy.asin, np.arcsin),
    "acos": (sympy.acos, np.arccos),
    "atan": (sympy.atan, np.arctan),
    "sinh": (sympy.sinh, np.sinh),
    "cosh": (sympy.cosh, np.cosh),
    "tanh": (sympy.tanh, np.tanh),
    "abs": (sympy.Abs, np.abs),
    "sign": (sympy.sign, np.sign),
    "square": (lambda x: x**2, np.square),
    "reciprocal": (lambda x: 1 / x, lambda x: 1.0 / x),
    "sigmoid": (lambda x: 1 / (1 + sympy.exp(-x)), lambda x: 1.0 / (1.0 + np.exp(-x))),
}


def functions() -> tuple[str, ...]:
    """The names of the functions that a constant expression may call."""
    return (*FUNCTIONS, *BUILDERS)


def number(text: str) -> Any:
    """The number that `text` spells, exact or (measured data) a float; None if it is not one."""
    match = _NUMBER.match(text)
    if match is None or not (match[2] or match[3]):
        return None
    rounded = float(text)
    sign, whole, part, power = match[1], match[2], match[3] or "", match[4]
    digits = (whole + part).lstrip("0")
    if abs(rounded) == float("inf") or (rounded == 0 and digits):
        return None  # beyond floating point; and 10**power is not worked out
    if not digits:
        return sympy.Integer(0)
    if match[3] is None and power is None:
        return sympy.Integer(int(sign + whole))
    if len(digits.rstrip("0")) > limits.MEASURED_DIGITS:
        return rounded
    shift = int(power or 0) - len(part)
    mantissa = int(sign + digits)
    if shift >= 0:
        return sympy.Integer(mantissa * 10**shift)
    return sympy.Rational(mantissa, 10**-shift)


def evaluate(
    expr: Expr,
    sizes: Mapping[str, int] | None = None,
    known: Mapping[str, Value] | None = None,
) -> Value:
    """The value of a constant expression.

    sizes: the numbers of dimension names. known: values that the expression may use by name.
    """
    names: dict[str, Any] = {"e": Value(_scalar(sympy.E)), "pi": Value(_scalar(sympy.pi))}
    names |= {name: Value(_scalar(sympy.Integer(n))) for name, n in (sizes or {}).items()}
    names |= known or {}
    done: dict[int, Any] = {}
    # Parents come first in `walk`, so that its reverse has every term after its parts.
    for term in reversed(list(walk(expr))):
        done[id(term)] = _term(term, [done[id(c)] for c in children(term)], names)
    result = done[id(expr)]
    if not isinstance(result, Value):
        raise InputError("a number or a list of numbers is expected", span=extent(expr))
    return result


def scalar(expr: Expr, known: Mapping[str, Value] | None = None) -> Any:
    """The SymPy number or float that a constant expression without a shape comes to."""
    value = evaluate(expr, known=known)
    if value.shape != ():
        message = f"a single number is expected, not a value of size {size_text(value.shape)}"
        raise ShapeError(message, span=extent(expr))
    return value.data[()]


def _term(term: Expr, parts: list[Any], names: Mapping[str, Value]) -> Any:
    match term:
        case Num():
            value = number(term.text)
            return checked(pack([value], ()).data, term.span)
        case Name() if term.id in names:
            return names[term.id]
        case Name():
            hint = did_you_mean(term.id, [n for n in names if len(n) > 1 or len(term.id) == 1])
            raise InputError(f"`{term.id}` has no value here", hint=hint, span=term.span)
        case Str() | Const():
            return term.value
        case Neg():
            return Value(np.asarray(-parts[0].data, dtype=parts[0].data.dtype))
        case Transpose():
            return Value(transposed(parts[0].data))
        case Binary():
            return binary(term, parts[0], parts[1])
        case List():
            return _list(term, parts)
        case Slice():
            found = iter(parts)
            ends = (term.start, term.stop, term.step)
            return slice(*(None if x is None else _integer(next(found), x.span) for x in ends))
        case Index():
            return _index(term, parts)
        case Call():
            return _call(term, parts)
        case _:
            raise InputError("not a constant expression", span=term.span)


def _scalar(number: Any) -> np.ndarray:
    data = np.empty((), dtype=object)
    data[()] = number
    return data


def _integer(value: Any, span: Span) -> int:
    if isinstance(value, Value) and value.shape == () and value.is_integral():
        return int(value.data[()])
    raise InputError("an integer is expected", span=span)


def _list(term: List, parts: list[Any]) -> Value:
    for item, part in zip(term.items, parts, strict=True):
        if not isinstance(part, Value):
            raise InputError("a number is expected", span=item.span)
        if part.shape != parts[0].shape:
            raise ShapeError(
                f"a ragged list: this entry has size {size_text(part.shape)}, "
                f"the first one {size_text(parts[0].shape)}",
                span=extent(item),
            )
    if 1 + len(parts[0].shape) > limits.TENSOR_ORDER:
        raise ShapeError(f"more than {limits.TENSOR_ORDER} levels of lists", span=term.span)
    exact = all(p.exact for p in parts)
    return Value(np.stack([p.data if exact else p.floats() for p in parts]))


def _index(term: Index, parts: list[Any]) -> Value:
    data = parts[0].data
    keys = []
    if len(parts) - 1 > data.ndim:
        message = f"{len(parts) - 1} indices into a value of size {size_text(data.shape)}"
        raise ShapeError(message, span=term.span)
    for axis, (item, part) in enumerate(zip(term.items, parts[1:], strict=True)):
        key = part if isinstance(part, slice) else _integer(part, item.span)
        if isinstance(key, int) and not -data.shape[axis] <= key < data.shape[axis]:
            message = f"index {key} is outside an axis of {data.shape[axis]} entries"
            raise ShapeError(message, hint="indices count from 0", span=extent(item))
        if isinstance(key, slice) and key.step == 0:
            raise InputError("a step of 0", span=item.span)
        keys.append(key)
    found = data[tuple(keys)]
    if np.size(found) == 0:
        raise ShapeError("this slice is empty", span=term.span)
    return Value(found if isinstance(found, np.ndarray) else pack([found], ()).data)


def _call(term: Call, parts: list[Any]) -> Value:
    n = len(term.args)
    args = parts[:n]
    kwargs = dict(zip((name for name, _ in term.kwargs), parts[n:], strict=True))
    try:
        if term.func in BUILDERS:
            return BUILDERS[term.func](*args, **kwargs)
        if term.func not in FUNCTIONS:
            hint = did_you_mean(term.func, functions())
            raise InputError(f"`{term.func}` cannot be used in a value", hint=hint)
        if len(args) != 1 or kwargs or not isinstance(args[0], Value):
            raise InputError(f"`{term.func}` takes one value")
    except InputError as error:
        error.span = error.span or term.span
        raise
    except TypeError:  # arguments that the builder's signature does not have
        raise InputError(f"`{term.func}` does not take these arguments", span=term.span) from None
    exact, floating = FUNCTIONS[term.func]
    x = args[0]
    with np.errstate(all="ignore"):
        if not x.exact:
            return checked(np.asarray(floating(x.data), dtype=float), term.span)
        return checked(pack([exact(v) for v in x.data.ravel()], x.shape).data, term.span)
