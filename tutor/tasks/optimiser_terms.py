"""An optimiser's formulas at work: terms with the problem's names, arithmetic on arrays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from ..expr import Binary, Call, Expr, Name, Neg, Num
from ..numeric.evaluate import NotFinite, tidied
from ..problem.expression import parse

Arrays = Mapping[str, Any]


@lru_cache(maxsize=256)
def formula(text: str) -> Expr:
    """A rule's formula as a term."""
    return parse(text)


# -- arithmetic -----------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def compiled(text: str) -> Callable[[Arrays], Any]:
    """The formula as a function of its symbols' numbers: exact ones or floats, not both."""
    return _function(formula(text))


_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
}


def _function(e: Expr) -> Callable[[Arrays], Any]:
    match e:
        case Name():
            name = e.id
            return lambda x: x[name]
        case Num():
            number = int(e.text)
            return lambda _: number
        case Call(func="sqrt"):
            inside = _function(e.args[0])
            return lambda x: _sqrt(inside(x))
        case Call(func="maximum"):
            a, b = map(_function, e.args)
            return lambda x: _larger(a(x), b(x))
        case Neg():
            turned = _function(e.arg)
            return lambda x: -turned(x)
        case Binary():
            left, right, operation = _function(e.left), _function(e.right), _OPERATIONS[e.op]
            return lambda x: operation(left(x), right(x))
        case _:
            raise AssertionError(e)


def _sqrt(x: Any) -> Any:
    if isinstance(x, sp.Basic):
        return sp.sqrt(x)
    if isinstance(x, np.ndarray) and x.dtype == object:
        return np.frompyfunc(sp.sqrt, 1, 1)(x)
    return np.sqrt(x)


def _larger(a: Any, b: Any) -> Any:
    if any(isinstance(x, sp.Basic) or np.asarray(x).dtype == object for x in (a, b)):
        return np.frompyfunc(sp.Max, 2, 1)(a, b)
    return np.maximum(a, b)


def exact_value(text: str, numbers: Arrays) -> np.ndarray:
    """The formula at exact numbers. Raises TooLong where they grow too long, NotFinite for 1/0."""
    result = compiled(text)(numbers)
    array = np.empty(np.shape(result), dtype=object)
    array[...] = result
    return tidied(array)


def float_value(text: str, numbers: Arrays) -> np.ndarray:
    """The formula at float64 numbers; raises NotFinite for 1/0 and overflow."""
    with np.errstate(all="ignore"):
        result = np.asarray(compiled(text)(numbers), dtype=float)
    if not np.isfinite(result).all():
        raise NotFinite
    return result


# -- terms ----------------------------------------------------------------------------------------


def replaced(e: Expr, terms: Mapping[str, Expr]) -> Expr:
    """The term with other terms for its names; what a name stands for is not looked into."""
    match e:
        case Name():
            return terms.get(e.id, e)
        case Neg():
            return Neg(replaced(e.arg, terms))
        case Binary():
            left, right = replaced(e.left, terms), replaced(e.right, terms)
            return Binary(e.op, left, right, e.elementwise)
        case Call():
            return Call(e.func, tuple(replaced(a, terms) for a in e.args), e.kwargs)
        case _:
            return e


def elementwise(e: Expr, arrays: Collection[str]) -> Expr:
    """Products, quotients and powers of arrays marked as entry by entry."""
    return _marked(e, arrays)[0]


def _marked(e: Expr, arrays: Collection[str]) -> tuple[Expr, bool]:
    match e:
        case Name():
            return e, e.id in arrays
        case Call():
            args = [_marked(a, arrays) for a in e.args]
            return Call(e.func, tuple(a for a, _ in args), e.kwargs), any(b for _, b in args)
        case Binary():
            (left, a), (right, b) = _marked(e.left, arrays), _marked(e.right, arrays)
            entries = (a and b) if e.op in ("*", "/") else (a and e.op == "**")
            return Binary(e.op, left, right, entries), a or b
        case _:
            return e, False


def free(candidates: Collection[str], taken: Collection[str], suffix: str = "") -> str:
    """The first candidate that the problem does not use itself."""
    for name in candidates:
        if name + suffix not in taken:
            return name + suffix
    last = [*candidates][-1] + suffix
    count = 2
    while f"{last}{count}" in taken:
        count += 1
    return f"{last}{count}"
