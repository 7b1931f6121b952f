"""Products of one or two arrays over labelled axes, planned once and run many times.

A plan is a closure: axes are permuted and merged in ways that are known beforehand, so that a run
is one multiplication or one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from .relation import Labels

Unary = Callable[[Any], Any]
Binary = Callable[[Any, Any], Any]
Size = Mapping[int, int]


def single(labels: Labels, out: Labels, size: Size) -> Unary:
    """Σ x over the labels that `out` lacks; axes of `out` that x lacks are copies."""
    shape = tuple(size[x] for x in out)
    present = tuple(x for x in out if x in labels)
    spots = tuple(size[x] if x in labels else 1 for x in out)
    if len(set(labels)) < len(labels):
        number = {x: n for n, x in enumerate(dict.fromkeys(labels))}
        ins, outs = [number[x] for x in labels], [number[x] for x in present]
        return lambda x: np.broadcast_to(np.einsum(x, ins, outs).reshape(spots), shape)
    summed = tuple(k for k, x in enumerate(labels) if x not in out)
    left = tuple(x for x in labels if x in out)
    turn = tuple(left.index(x) for x in present)
    straight = turn == tuple(range(len(turn)))

    def run(x: Any) -> Any:
        y = np.add.reduce(x, axis=summed) if summed else x
        y = y if straight else y.transpose(turn)
        return y if spots == shape == np.shape(y) else np.broadcast_to(y.reshape(spots), shape)

    return run


def joined(a: Labels, b: Labels, out: Labels, size: Size) -> Binary:
    """Σ x y over the labels that `out` lacks."""
    inside = set(a) | set(b)
    keep = tuple(x for x in out if x in inside)
    lonely = [x for x in set(a) ^ set(b) if x not in out]
    if len(set(a)) < len(a) or len(set(b)) < len(b) or lonely:
        inner = _einsum(a, b, keep)
    elif all(x in out for x in set(a) & set(b)):
        inner = _entries(a, b, keep, size)
    else:
        inner = _matrices(a, b, keep, size)
    if keep == out:
        return inner
    widen = single(keep, out, size)
    return lambda x, y: widen(np.asarray(inner(x, y)))


def _einsum(a: Labels, b: Labels, out: Labels) -> Binary:
    number = {x: n for n, x in enumerate(dict.fromkeys(a + b))}
    la, lb, lo = ([number[x] for x in ls] for ls in (a, b, out))
    return lambda x, y: np.einsum(x, la, y, lb, lo)


def _entries(a: Labels, b: Labels, out: Labels, size: Size) -> Binary:
    """Nothing is summed: one multiplication of arrays that broadcast."""
    fit_a, fit_b = _placed(a, out, size), _placed(b, out, size)
    if fit_a is None and fit_b is None:
        return np.multiply
    if fit_a is None:
        return lambda x, y: x * fit_b(y)  # type: ignore[misc]
    if fit_b is None:
        return lambda x, y: fit_a(x) * y
    return lambda x, y: fit_a(x) * fit_b(y)


def _placed(labels: Labels, out: Labels, size: Size) -> Unary | None:
    """The axes in the order of `out`, with 1 where it has others; None if they fit as they are."""
    turn = tuple(labels.index(x) for x in out if x in labels)
    straight = turn == tuple(range(len(turn)))
    if straight and (not labels or out[len(out) - len(labels) :] == labels):
        return None
    shape = tuple(size[x] if x in labels else 1 for x in out)
    return lambda x: (x if straight else x.transpose(turn)).reshape(shape)


def _matrices(a: Labels, b: Labels, out: Labels, size: Size) -> Binary:
    """A matrix product, one for each index that both share and that stays."""
    batch = tuple(x for x in out if x in a and x in b)
    inner = tuple(x for x in a if x in b and x not in out)
    rows = tuple(x for x in out if x in a and x not in b)
    columns = tuple(x for x in out if x in b and x not in a)
    if not batch and len(inner) == 1:
        # the usual cases need no merging of axes
        flat = len(a) <= 2 and len(b) <= 2 and out == (*rows, *columns)
        if flat and a == (*rows, *inner) and b == (*inner, *columns):
            return np.dot
        if a == inner and b == (*columns, *inner) and len(b) == 2:
            return lambda x, y: np.dot(y, x)
    count = [prod(size[x] for x in ls) for ls in (batch, rows, inner, columns)]
    n, r, k, c = count
    turn_a = tuple(a.index(x) for x in (*batch, *rows, *inner))
    turn_b = tuple(b.index(x) for x in (*batch, *inner, *columns))
    shape_a, shape_b = ((n, r, k), (n, k, c)) if batch else ((r, k), (k, c))
    whole = (*batch, *rows, *columns)
    split = tuple(size[x] for x in whole)
    turn = tuple(whole.index(x) for x in out)

    def run(x: Any, y: Any) -> Any:
        product = np.matmul(
            x.transpose(turn_a).reshape(shape_a), y.transpose(turn_b).reshape(shape_b)
        )
        return product.reshape(split).transpose(turn)

    return run
