"""Products of many arrays over labelled axes, two at a time; exact numbers go through einsum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from .. import limits
from ..errors import InputError
from .order import Size, order
from .products import Binary, joined
from .relation import Labels

Run = Callable[[Sequence[np.ndarray]], np.ndarray]


def product(factors: Sequence[Labels], out: Labels, size: Size, exact: bool) -> Run:
    """The sum of products, with broadcast output axes, two factors at a time.

    NumPy's own paths unwrap exact arrays of order 0 on the way, and multiply everything at once
    where an intermediate result is larger than what goes in and out.
    """
    shape = tuple(size[x] for x in out)
    if prod(shape) > 64 * limits.ELEMENTS:
        raise InputError(
            f"an intermediate result has {prod(shape):,} entries, more than is allowed"
        )
    todo = list(factors)
    steps: list[tuple[int, int, Binary]] = []
    for i, j, keep in order(factors, out, size):
        if prod(size[x] for x in keep) > 64 * limits.ELEMENTS:
            raise InputError("this needs more memory than is allowed")
        steps.append((i, j, _pair(todo[i], todo[j], keep, size, exact)))
        todo = [*(x for k, x in enumerate(todo) if k not in (i, j)), keep]
    if len(todo) == 2 and not exact:
        swapped, two = _wide_last(todo[0], todo[1], out, size)

    def run(arrays: Sequence[np.ndarray]) -> np.ndarray:
        held = list(arrays)
        for i, j, multiply in steps:
            both = multiply(held[i], held[j])
            held = [*(x for k, x in enumerate(held) if k not in (i, j)), both]
        if not held:
            one = np.empty((), dtype=object if exact else float)
            one[()] = sp.S.One if exact else 1.0
            return np.array(np.broadcast_to(one, shape))
        if len(held) == 2 and not exact:
            result = np.asarray(two(*(reversed(held) if swapped else held)))
            return result if result.flags.writeable else np.array(result)
        return _einsum(held, todo, out, shape, exact)

    return run


def _pair(a: Labels, b: Labels, keep: Labels, size: Size, exact: bool) -> Binary:
    """The product of two factors on the way."""
    if not exact:
        multiply = joined(a, b, keep, size)
        return lambda x, y: np.asarray(multiply(x, y))
    number = {x: n for n, x in enumerate(dict.fromkeys(a + b))}
    la, lb, lo = ([number[x] for x in labels] for labels in (a, b, keep))
    return lambda x, y: np.asarray(np.einsum(x, la, y, lb, lo), dtype=object)


def _einsum(
    arrays: Sequence[np.ndarray], labels: Sequence[Labels], out: Labels, shape: Labels, exact: bool
) -> np.ndarray:
    """One array, or two of exact numbers."""
    number: dict[int, int] = {}
    for x in (x for ls in labels for x in ls):
        number.setdefault(x, len(number))
    present = [x for x in out if x in number]
    operands: list[Any] = []
    for array, ls in zip(arrays, labels, strict=True):
        operands += [array, [number[x] for x in ls]]
    result = np.asarray(np.einsum(*operands, [number[x] for x in present]))
    if exact and result.dtype != object:
        result = result.astype(object)
    if len(present) < len(out):
        spots = [n if x in number else 1 for x, n in zip(out, shape, strict=True)]
        result = np.broadcast_to(result.reshape(spots), shape)
    return np.array(result)


def _wide_last(a: Labels, b: Labels, out: Labels, size: Size) -> tuple[bool, Binary]:
    """Whether to swap two factors so that the larger one is copied along its longest rows; and
    their product in that order.

    A matrix product lays the first factor out as (kept, summed) and the second as (summed, kept).
    """
    swapped = prod(size[x] for x in a) > prod(size[x] for x in b)
    small, large = (b, a) if swapped else (a, b)
    summed = [x for x in large if x in small and x not in out]
    kept = [x for x in out if x in large and x not in small]
    by_kept = size[kept[-1]] if kept else 0
    by_summed = size[summed[-1]] if summed else 0
    if by_kept < by_summed:
        swapped, small, large = not swapped, large, small
    return swapped, joined(small, large, out, size)
