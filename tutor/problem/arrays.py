"""Arithmetic on arrays of numbers by the rules of paper: vectors are columns.

Arrays are SymPy numbers in an object array, or float64. A column has shape (n,), a row (1, n).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from .. import limits
from ..errors import InputError, ShapeError, Span
from ..expr import Binary
from ..value import Value

_HUGE = 10**limits.EXACT_DIGITS


def size_text(shape: tuple[int, ...]) -> str:
    """`2×3`; a column of n is n×1, a scalar 1×1."""
    dims = (*shape, 1) if len(shape) == 1 else shape
    return "×".join(str(n) for n in dims) or "1×1"


def transposed(data: np.ndarray) -> np.ndarray:
    """A column becomes a row and a row a column; beyond matrices the last two axes swap."""
    if data.ndim == 0:
        return data
    if data.ndim == 1:
        return data.reshape(1, -1)
    return data.ravel() if data.shape[0] == 1 and data.ndim == 2 else np.swapaxes(data, -1, -2)


def pack(items: list[Any], shape: tuple[int, ...]) -> Value:
    """Numbers in row-major order as a value: floating if one of them is."""
    if any(isinstance(x, float) for x in items):
        return Value(np.array([float(x) for x in items], dtype=float).reshape(shape))
    data = np.empty(len(items), dtype=object)
    data[:] = items
    return Value(data.reshape(shape))


def binary(term: Binary, left: Any, right: Any) -> Value:
    """`left op right`; the errors point at the operator."""
    for value, part in ((left, term.left), (right, term.right)):
        if not isinstance(value, Value):
            raise InputError("a number is expected", span=part.span)
    exact = left.exact and right.exact
    a, b = (left.data, right.data) if exact else (left.floats(), right.floats())
    if term.op == "@" and a.ndim and b.ndim:
        return checked(_product(a, b, term.span), term.span)
    a, b = _aligned(a, b, term)
    if term.op in _COMPARE:
        test = _COMPARE[term.op]
        pairs = zip(*(x.ravel() for x in np.broadcast_arrays(a, b)), strict=True)
        answers = [sympy.Integer(int(bool(test(x, y)))) for x, y in pairs]
        return pack(answers, np.broadcast_shapes(a.shape, b.shape))
    if term.op == "**" and exact and _is_long_power(a, b):
        a, b = Value(a).floats(), Value(b).floats()
    with np.errstate(all="ignore"):
        result = _ARITHMETIC[term.op](a, b)
    return checked(np.asarray(result, dtype=a.dtype), term.span)


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "@": np.multiply,  # by a scalar
    "/": np.divide,
    "**": np.power,
}
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
    "==": lambda x, y: sympy.Eq(x, y),
    "!=": lambda x, y: sympy.Ne(x, y),
}


def _is_long_power(a: np.ndarray, b: np.ndarray) -> bool:
    """An exact power would be too long to work out, or too long to read."""
    exponent = max((abs(x) for x in b.ravel() if x.is_Rational), default=0)
    lengths = (max(x.p.bit_length(), x.q.bit_length()) for x in a.ravel() if x.is_Rational)
    bits = max(lengths, default=0)
    return bool(exponent > limits.CONSTANT_EXPONENT or bits * exponent > limits.CONSTANT_BITS)


def _aligned(a: np.ndarray, b: np.ndarray, term: Binary) -> tuple[np.ndarray, np.ndarray]:
    """The operands for an elementwise operation: a column meets a matrix as a column."""
    shapes = (a.shape, b.shape)
    if {a.ndim, b.ndim} == {1, 2}:
        a, b = (x.reshape(-1, 1) if x.ndim == 1 else x for x in (a, b))
    try:
        joint = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        joint = None
    outer = max(a.ndim, b.ndim) <= 2 and joint not in (a.shape, b.shape)
    if joint is None or outer:
        sizes = f"{size_text(shapes[0])} and {size_text(shapes[1])}"
        raise ShapeError(
            f"`{term.op}` cannot join values of size {sizes}",
            hint="equal sizes fit, a scalar with anything, a column or row with a matrix",
            span=term.span,
        )
    return a, b


def _product(a: np.ndarray, b: np.ndarray, span: Span) -> np.ndarray:
    sizes = f"{size_text(a.shape)} and {size_text(b.shape)}"
    if a.ndim == 1:  # a column; only a row can follow it
        a = a.reshape(-1, 1)
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    if a.shape[-1] != inner:
        hint = "for the inner product of two columns write `a.T @ b`"
        both = a.shape[-1] == 1 and b.ndim == 1
        message = f"`@` needs inner sizes that agree; these are {sizes}"
        raise ShapeError(message, hint=hint if both else None, span=span)
    work = a.size * (b.size // inner)
    if work > limits.MULTIPLY_ADDS:
        raise InputError(f"more than {limits.MULTIPLY_ADDS} multiply-adds", span=span)
    if work > limits.EXACT_MULTIPLY_ADDS:
        a, b = Value(a).floats(), Value(b).floats()
    try:
        with np.errstate(all="ignore"):
            result = np.matmul(a, b)
    except ValueError:
        raise ShapeError(f"`@` cannot join values of size {sizes}", span=span) from None
    return result.reshape(()) if np.size(result) == 1 else result


def checked(data: np.ndarray, span: Span) -> Value:
    """The value, if every number of it is real, finite and of reasonable length."""
    if data.dtype != object:
        if np.isnan(data).any():
            raise InputError("the result is not a real number", span=span)
        if not np.isfinite(data).all():
            raise InputError("the result is not finite", span=span)
        return Value(data)
    long = False
    for x in data.ravel():
        if x.is_Rational and x.is_finite:
            long = long or abs(x.p) >= _HUGE or x.q >= _HUGE
        else:
            _real(x, span)
    return checked(Value(data).floats(), span) if long else Value(data)


def _real(x: Any, span: Span) -> None:
    if x in (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
        raise InputError("the result is not finite", span=span)
    try:
        number = complex(x)
    except (OverflowError, TypeError):
        number = complex("inf")
    if x.is_real is False or (x.is_real is None and number.imag != 0):
        raise InputError("the result is not a real number", span=span)
    if not np.isfinite(number):
        raise InputError("the result is too large for floating point", span=span)
