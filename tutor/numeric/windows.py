"""Windows of floating-point arrays without index arrays: strided views, and sums of shifted slices.

A relation p = c + s·q + d·t picks, for every place q and tap t, one entry of an axis. Read from p
it is a view of the padded array, which a matrix product then copies once (im2col); written to p it
is one shifted slice per tap (col2im).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod

import numpy as np

from .relation import Labels, Relation


def steps(relation: Relation, label: int) -> tuple[int, tuple[int, ...]]:
    """The label's index as a constant and a step for each other label; its coefficient is ±1."""
    sign = relation.coef(label)
    return sign * relation.constant, tuple(-sign * relation.coef(x) for x in relation.others(label))


def view(
    array: np.ndarray, axis: int, relation: Relation, label: int, size: Mapping[int, int]
) -> np.ndarray:
    """The entries that the relation picks along an axis, with zeros outside; read only."""
    constant, by = steps(relation, label)
    counts = [size[x] for x in relation.others(label)]
    reach = [s * (n - 1) for s, n in zip(by, counts, strict=True)]
    first = constant + sum(min(r, 0) for r in reach)
    last = constant + sum(max(r, 0) for r in reach)
    before, after = max(0, -first), max(0, last - size[label] + 1)
    if before or after:
        shape = list(array.shape)
        shape[axis] += before + after
        padded = np.zeros(shape, dtype=array.dtype)
        inside = [slice(None)] * array.ndim
        inside[axis] = slice(before, before + size[label])
        padded[tuple(inside)] = array
        array = padded
    start = [slice(None)] * array.ndim
    start[axis] = slice(constant + before, None)
    stride = array.strides[axis]
    return np.lib.stride_tricks.as_strided(
        array[tuple(start)],
        (*array.shape[:axis], *counts, *array.shape[axis + 1 :]),
        (*array.strides[:axis], *(s * stride for s in by), *array.strides[axis + 1 :]),
        writeable=False,
    )


def spread(
    result: np.ndarray, inner: Labels, relation: Relation, label: int, size: Mapping[int, int]
) -> tuple[np.ndarray, Labels] | None:
    """Sums over a place and a tap into the label's axis, with its labels; None if not by slices."""
    turn = sorted(range(result.ndim), key=lambda k: -abs(result.strides[k]))  # as it lies in memory
    result, inner = result.transpose(turn), tuple(inner[k] for k in turn)
    tied = tuple(size[x] for x in relation.labels)
    found = _slices(inner, result.shape, relation, tied, label)
    if found is None:
        return None
    labels, shape, cuts = found
    target = np.zeros(shape, dtype=result.dtype)
    for part, into in cuts:
        target[into] += result[part]
    return target, labels


Index = tuple[slice | int, ...]
Slices = tuple[Labels, tuple[int, ...], list[tuple[Index, Index]]]


@lru_cache(maxsize=256)
def _slices(
    inner: Labels, shape: tuple[int, ...], relation: Relation, tied: tuple[int, ...], label: int
) -> Slices | None:
    """The result's labels and shape, and which slice is added to which; one for each tap."""
    size = {**dict(zip(inner, shape, strict=True)), **dict(zip(relation.labels, tied, strict=True))}
    others = relation.others(label)
    constant, by = steps(relation, label)
    if not 1 <= len(others) <= 2 or any(x not in inner for x in others):
        return None
    q, t = (0, 1) if len(others) == 1 or size[others[1]] <= size[others[0]] else (1, 0)
    place, step = others[q], by[q]
    tap, tap_step = (others[t], by[t]) if len(others) == 2 else (None, 0)
    if step <= 0:
        return None
    labels = tuple(label if x == place else x for x in inner if x != tap)
    cuts = []
    for k in range(1 if tap is None else size[tap]):
        offset = constant + tap_step * k
        low = max(0, -(offset // step))
        high = min(size[place], (size[label] - 1 - offset) // step + 1)
        if low < high:
            cut = {place: slice(low, high), tap: k}
            last = offset + step * (high - 1)
            into = {label: slice(offset + step * low, last + 1, step)}
            cuts.append((
                tuple(cut.get(x, slice(None)) for x in inner),
                tuple(into.get(x, slice(None)) for x in labels),
            ))  # fmt: skip
    return labels, tuple(size[x] for x in labels), cuts


def larger_than_scattered(
    relations: Sequence[Relation],
    labels: Sequence[int],
    factors: Sequence[Labels],
    out: Labels,
    size: Mapping[int, int],
) -> bool:
    """Whether gathering what these relations tie takes more room than scattering the result.

    labels: the output axis of each relation that a scatter would fill.
    """
    tied = {x for r in relations for x in r.labels}
    scattered = prod(size[x] for x in (tied | set(out)) - set(labels))
    gathered = {k: prod(size[x] for x in ls) for k, ls in enumerate(factors)}
    for r, label in zip(relations, labels, strict=True):
        choices = []
        for x in r.others(label):
            held = [k for k, ls in enumerate(factors) if x in ls]
            if abs(r.coef(x)) == 1 and len(held) == 1 and x not in out:
                growth = prod(size[y] for y in r.others(x)) // size[x]
                choices.append((gathered[held[0]] * growth, held[0]))
        if not choices:
            return True
        grown, k = min(choices)
        gathered[k] = grown
    return max(gathered.values()) > scattered
