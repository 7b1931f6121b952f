"""The functions that build a value: `eye(8)`, `reshape(arange(9), 3, 3)`, `random(3, 4, seed=0)`.

Names and meanings are NumPy's. Sizes are given as `f(2, 3)` or `f([2, 3])`. `randint` draws from
low to high - 1; `random` is standard normal. The same seed gives the same numbers everywhere
(`generator`).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import sympy

from .. import limits
from ..errors import InputError, ShapeError
from ..ops import kronecker
from ..value import Value
from . import generator
from .arrays import transposed


def _int(value: Any, what: str = "a size") -> int:
    if isinstance(value, Value) and value.shape == () and value.is_integral():
        return int(value.data[()])
    raise InputError(f"{what} must be an integer")


def _ints(args: tuple[Any, ...]) -> tuple[int, ...]:
    """`f(2, 3)` and `f([2, 3])` alike."""
    if len(args) == 1 and isinstance(args[0], Value) and args[0].data.ndim == 1:
        args = tuple(Value(np.asarray(x, dtype=args[0].data.dtype)) for x in args[0].data)
    return tuple(_int(a) for a in args)


def check_size(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, if a value of it may be built."""
    if any(n < 1 for n in shape):
        raise ShapeError(f"a size must be at least 1, not {min(shape)}")
    if len(shape) > limits.TENSOR_ORDER:
        raise ShapeError(f"more than {limits.TENSOR_ORDER} axes")
    if prod(shape) > limits.ELEMENTS:
        raise InputError(f"{prod(shape)} numbers; at most {limits.ELEMENTS} fit in one value")
    return shape


def _sizes(args: tuple[Any, ...]) -> tuple[int, ...]:
    return check_size(_ints(args))


def _value(x: Any) -> Value:
    if not isinstance(x, Value):
        raise InputError("a number or a list of numbers is expected")
    return x


def _filled(shape: tuple[int, ...], number: Any) -> Value:
    data = np.empty(shape, dtype=object)
    data.fill(number)
    return Value(data)


def _integers(numbers: Any, shape: tuple[int, ...]) -> Value:
    data = np.empty(prod(shape), dtype=object)
    data[:] = [sympy.Integer(int(n)) for n in numbers]
    return Value(data.reshape(shape))


def eye(n: Any, m: Any = None) -> Value:
    rows, columns = _sizes((n, n if m is None else m))
    return _integers(np.eye(rows, columns).ravel(), (rows, columns))


def commutation(m: Any, n: Any) -> Value:
    rows, columns = _sizes((m, n))
    return _selection(kronecker.commutation_matrix(rows, columns))


def duplication(n: Any) -> Value:
    return _selection(kronecker.duplication_matrix(*_sizes((n,))))


def elimination(n: Any) -> Value:
    return _selection(kronecker.elimination_matrix(*_sizes((n,))))


def _selection(matrix: np.ndarray) -> Value:
    return _integers(matrix.ravel(), matrix.shape)


def zeros(*shape: Any) -> Value:
    return _filled(_sizes(shape), sympy.Integer(0))


def ones(*shape: Any) -> Value:
    return _filled(_sizes(shape), sympy.Integer(1))


def arange(*ends: Any) -> Value:
    if not 1 <= len(ends) <= 3:
        raise InputError("`arange` takes a stop, or start, stop and step")
    numbers = [_int(x, "an end or step of `arange`") for x in ends]
    if len(numbers) == 3 and numbers[2] == 0:
        raise InputError("a step of 0")
    found = range(*numbers)
    check_size((len(found),))
    return _integers(found, (len(found),))


def linspace(start: Any, stop: Any, num: Any) -> Value:
    n = check_size((_int(num),))[0]
    a, b = _value(start), _value(stop)
    if a.shape or b.shape:
        raise InputError("the ends of `linspace` are numbers")
    first, last = a.data[()], b.data[()]
    steps = [first + (last - first) * sympy.Rational(i, max(1, n - 1)) for i in range(n)]
    if not (a.exact and b.exact):
        return Value(np.array([float(x) for x in steps], dtype=float))
    data = np.empty(n, dtype=object)
    data[:] = steps
    return Value(data)


def reshape(x: Any, *shape: Any) -> Value:
    data, wanted = _value(x).data, _ints(shape)
    if wanted.count(-1) == 1 and data.size % max(1, -prod(wanted)) == 0:
        wanted = tuple(data.size // -prod(wanted) if n == -1 else n for n in wanted)
    check_size(wanted)
    if prod(wanted) != data.size:
        raise ShapeError(f"{data.size} numbers do not fill {'×'.join(map(str, wanted))}")
    return Value(data.reshape(wanted))


def _operands(args: tuple[Any, ...]) -> list[np.ndarray]:
    """Several values, or one list of them, which has become one value: its parts."""
    if len(args) == 1:
        data = _value(args[0]).data
        if data.ndim:
            args = tuple(Value(np.asarray(part, dtype=data.dtype)) for part in data)
    values = [_value(x) for x in args]
    if not values:
        raise InputError("at least one value is expected")
    check_size((sum(max(1, v.data.size) for v in values),))
    exact = all(v.exact for v in values)
    return [v.data if exact else v.floats() for v in values]


def concat(*args: Any, axis: Any = None) -> Value:
    at = 0 if axis is None else _int(axis, "an axis")
    data = _operands(args)
    if at in (1, -1) and all(x.ndim <= 2 for x in data):  # side by side: columns are n×1
        data = [x.reshape(-1, 1) if x.ndim == 1 else x for x in data]
    data = [x.reshape(1) if x.ndim == 0 else x for x in data]
    try:
        return Value(np.concatenate(data, axis=at))
    except ValueError:
        sizes = ", ".join("×".join(map(str, x.shape)) for x in data)
        raise ShapeError(f"values of size {sizes} do not join along axis {at}") from None


def stack(*args: Any, axis: Any = None) -> Value:
    at = 0 if axis is None else _int(axis, "an axis")
    data = _operands(args)
    try:
        return Value(np.stack(data, axis=at))
    except ValueError:
        raise ShapeError("`stack` needs values of one size, and an axis of the result") from None


def diag(x: Any) -> Value:
    data = _value(x).data
    if data.ndim == 2 and 1 not in data.shape:
        return Value(np.diag(data).copy())
    entries = data.ravel()
    n = check_size((len(entries), len(entries)))[0]
    result = zeros(_integers([n, n], (2,))).data if data.dtype == object else np.zeros((n, n))
    result[np.arange(n), np.arange(n)] = entries
    return Value(result)


def tile(x: Any, *reps: Any) -> Value:
    data, times = _value(x).data, _sizes(reps)
    check_size((data.size * prod(times),))
    return Value(np.tile(data, times))


def flip(x: Any, axis: Any = None) -> Value:
    data = _value(x).data
    at = None if axis is None else _int(axis, "an axis")
    if at is not None and not -data.ndim <= at < data.ndim:
        raise ShapeError(f"axis {at} of a value with {data.ndim} axes")
    return Value(np.array(np.flip(data, at), dtype=data.dtype))


def transpose(x: Any) -> Value:
    return Value(transposed(_value(x).data))


def random(*shape: Any, seed: Any = None) -> Value:
    sizes = _sizes(shape)
    start = 0 if seed is None else _int(seed, "a seed")
    return Value(generator.normal(prod(sizes), start).reshape(sizes))


def randint(*shape: Any, low: Any, high: Any, seed: Any = None) -> Value:
    sizes = _sizes(shape)
    least, end = _int(low, "`low`"), _int(high, "`high`")
    if not 0 < end - least <= limits.DIMENSION:
        raise InputError("`randint` draws from low to high - 1, so high must be above low")
    start = 0 if seed is None else _int(seed, "a seed")
    return _integers(generator.integers(prod(sizes), least, end, start), sizes)


BUILDERS: dict[str, Callable[..., Value]] = {
    f.__name__: f
    for f in (
        arange, commutation, concat, diag, duplication, elimination, eye, flip, linspace, ones,
        randint, random, reshape, stack, tile, transpose, zeros,
    )
}  # fmt: skip
