"""Products and sums over indices, on arrays.

Index relations are never multiplied out where that can be avoided: a relation that picks entries of
one factor becomes a gather (a convolution's windows), one that places entries of the result becomes
a scatter (its adjoint); relations over all axes of one factor (vec, reshape) first merge those axes
into one. What is left is multiplied two by two. Works on float64 and on object arrays of SymPy
numbers alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from .. import limits
from ..errors import InputError
from .blocks import cut, pieces
from .order import order
from .products import joined
from .relation import Labels, Relation, dense, merge
from .windows import larger_than_scattered, spread, view


def contract(
    factors: Sequence[tuple[np.ndarray, Labels]],
    relations: Sequence[Relation],
    out: Labels,
    size: dict[int, int],
    exact: bool,
) -> np.ndarray:
    """Σ Π factors · Π relations, with the axes `out`."""
    found = None if exact else pieces(factors, relations, out, size)
    if found is not None:
        return _by_pieces(factors, relations, out, size, *found)
    arrays = list(factors)
    pending = list(relations)
    size = dict(size)
    reshape_to: list[tuple[Labels, int]] = []  # merged output axes, to be split at the end
    for at, relation in enumerate(pending):
        others = pending[:at] + pending[at + 1 :]
        pending[at], arrays, out = merge(relation, arrays, others, out, size, reshape_to)
    scatters: list[tuple[Relation, int]] = []
    late = [] if exact else _better_scattered(pending, arrays, out, size)
    waiting = pending
    progress = True
    while waiting and progress:
        progress = False
        for relation in [r for r in waiting if r not in late]:
            others = [r for r in waiting if r is not relation]
            if _gather(relation, arrays, others, out, size):
                waiting.remove(relation)
                progress = True
    kept: list[Relation] = []
    for relation in waiting:
        label = _scatter_label(relation, arrays, [r for r in waiting if r is not relation], out)
        if label is None:
            kept.append(relation)
        else:
            scatters.append((relation, label))
    for relation in kept:
        ones = dense(relation, size, exact)
        arrays.append((ones.astype(arrays[0][0].dtype) if arrays else ones, relation.labels))
    inner = tuple(x for x in out if all(x != label for _, label in scatters))
    for relation, label in scatters:
        inner += tuple(x for x in relation.others(label) if x not in inner)
    result = _product(arrays, inner, size, exact)
    for relation, label in scatters:
        result, inner = _scatter(result, inner, relation, label, out, size, exact)
    result = np.transpose(result, [inner.index(x) for x in out])
    for labels, merged in reversed(reshape_to):
        axis = out.index(merged)
        shape = [*result.shape[:axis], *(size[x] for x in labels), *result.shape[axis + 1 :]]
        result = result.reshape(shape)
        out = out[:axis] + labels + out[axis + 1 :]
    return result


def _by_pieces(
    factors: Sequence[tuple[np.ndarray, Labels]],
    relations: Sequence[Relation],
    out: Labels,
    size: dict[int, int],
    label: int,
    step: int,
) -> np.ndarray:
    """The same, `step` places of a label at a time: side by side in the result, or added up."""
    result = np.zeros([size[x] for x in out], dtype=np.result_type(*(a for a, _ in factors)))
    for start in range(0, size[label], step):
        stop = min(start + step, size[label])
        part = contract(
            cut(factors, label, start, stop), relations, out, {**size, label: stop - start}, False
        )
        if label in out:
            result[(slice(None),) * out.index(label) + (slice(start, stop),)] = part
        else:
            result += part
    return result


def _better_scattered(
    relations: list[Relation], arrays: list, out: Labels, size: Mapping[int, int]
) -> list[Relation]:
    """The relations whose sums are to be placed in the result rather than picked from a factor."""
    found = []
    for relation in relations:
        label = _scatter_label(relation, arrays, [r for r in relations if r is not relation], out)
        if label is not None:
            found.append((relation, label))
    late, labels = [r for r, _ in found], [x for _, x in found]
    return late if late and larger_than_scattered(late, labels, arrays, out, size) else []


def _gather(
    relation: Relation, arrays: list, others: list[Relation], out: Labels, size: Mapping[int, int]
) -> bool:
    """Replace the relation and one factor by the factor's picked entries."""
    for label, coef in zip(relation.labels, relation.coefs, strict=True):
        if abs(coef) != 1 or label in out or any(label in r.labels for r in others):
            continue
        holders = [k for k, (_, labels) in enumerate(arrays) if label in labels]
        if len(holders) != 1:
            continue
        k = holders[0]
        array, labels = arrays[k]
        rest = relation.others(label)
        if labels.count(label) != 1 or set(rest) & set(labels):
            continue
        if prod(array.shape) // size[label] * prod(size[x] for x in rest) > 64 * limits.ELEMENTS:
            raise InputError("this needs more memory than is allowed")
        axis = labels.index(label)
        if array.dtype != object:
            picked = view(array, axis, relation, label, size)
            arrays[k] = (picked, (*labels[:axis], *rest, *labels[axis + 1 :]))
            return True
        index, inside = relation.solve(label, size)
        picked = np.take(array, np.clip(index, 0, size[label] - 1), axis=axis)
        picked = np.asarray(picked, dtype=array.dtype)  # NumPy unwraps one exact entry
        mask = inside.reshape((1,) * axis + inside.shape + (1,) * (array.ndim - axis - 1))
        if not inside.all():
            picked = np.where(mask, picked, sp.S.Zero)
        arrays[k] = (picked, (*labels[:axis], *rest, *labels[axis + 1 :]))
        return True
    return False


def _scatter_label(
    relation: Relation, arrays: list, others: list[Relation], out: Labels
) -> int | None:
    """An output axis that only this relation knows, if it shares no summed label with others."""
    shared = {x for r in others for x in r.labels if x not in out}
    if shared & set(relation.labels):
        return None
    for label, coef in zip(relation.labels, relation.coefs, strict=True):
        free = not any(label in labels for _, labels in arrays)
        if abs(coef) == 1 and label in out and free and not any(label in r.labels for r in others):
            return label
    return None


def _scatter(
    result: np.ndarray,
    inner: Labels,
    relation: Relation,
    label: int,
    out: Labels,
    size: Mapping[int, int],
    exact: bool,
) -> tuple[np.ndarray, Labels]:
    """Add every entry to the place along `label` that the relation names."""
    others = relation.others(label)
    kept = [x for x in others if x in out]  # these stay as axes beside the new one
    if not exact and not kept:
        quick = spread(result, inner, relation, label, size)
        if quick is not None:
            return quick
    rest = tuple(x for x in inner if x not in others)
    moved = np.transpose(result, [inner.index(x) for x in (*rest, *others)])
    index, inside = relation.solve(label, size)
    lead = moved.shape[: len(rest)]
    flat = moved.reshape(*lead, -1)[..., inside.ravel()]
    places = index.ravel()[inside.ravel()]
    shape = (*lead, *(size[x] for x in kept), size[label])
    base = np.zeros(shape, dtype=object if exact else result.dtype)
    if exact:
        base.fill(sp.S.Zero)
    target = base.reshape(prod(lead), -1)
    if kept:
        grids = np.meshgrid(*(np.arange(size[x]) for x in others), indexing="ij")
        row = np.zeros_like(index)
        for x in kept:
            row = row * size[x] + grids[others.index(x)]
        places = row.ravel()[inside.ravel()] * size[label] + places
    values = flat.reshape(prod(lead), -1)
    if len(np.unique(places)) == len(places):
        target[:, places] = values
    else:
        np.add.at(target, (slice(None), places), values)
    return target.reshape(shape), (*rest, *kept, label)


def _product(
    arrays: list[tuple[np.ndarray, Labels]], out: Labels, size: Mapping[int, int], exact: bool
) -> np.ndarray:
    """einsum, with broadcast output axes."""
    shape = tuple(size[x] for x in out)
    if prod(shape) > 64 * limits.ELEMENTS:
        raise InputError(
            f"an intermediate result has {prod(shape):,} entries, more than is allowed"
        )
    if not arrays:
        one = np.empty((), dtype=object if exact else float)
        one[()] = sp.S.One if exact else 1.0
        return np.array(np.broadcast_to(one, shape))
    arrays = _pairwise(arrays, out, size, exact)
    if not exact and len(arrays) == 2:
        (a, la), (b, lb) = _wide_last(arrays, out, size)
        result = np.asarray(joined(la, lb, out, size)(a, b))
        return result if result.flags.writeable else np.array(result)
    number: dict[int, int] = {}
    for _, labels in arrays:
        for x in labels:
            number.setdefault(x, len(number))
    present = [x for x in out if x in number]
    operands: list[Any] = []
    for array, labels in arrays:
        operands += [array, [number[x] for x in labels]]
    result = np.asarray(np.einsum(*operands, [number[x] for x in present]))
    if exact and result.dtype != object:
        result = result.astype(object)
    if len(present) < len(out):
        spots = [size[x] if x in number else 1 for x in out]
        result = np.broadcast_to(result.reshape(spots), shape)
    return np.array(result)


def _wide_last(
    arrays: list[tuple[np.ndarray, Labels]], out: Labels, size: Mapping[int, int]
) -> list[tuple[np.ndarray, Labels]]:
    """Two factors in the order that copies the larger one along its longest rows.

    A matrix product lays the first factor out as (kept, summed) and the second as (summed, kept).
    """
    small, large = sorted(arrays, key=lambda item: item[0].size)
    summed = [x for x in large[1] if x in small[1] and x not in out]
    kept = [x for x in out if x in large[1] and x not in small[1]]
    by_kept = size[kept[-1]] if kept else 0
    by_summed = size[summed[-1]] if summed else 0
    return [small, large] if by_kept >= by_summed else [large, small]


def _pairwise(
    arrays: list[tuple[np.ndarray, Labels]], out: Labels, size: Mapping[int, int], exact: bool
) -> list[tuple[np.ndarray, Labels]]:
    """Multiply two by two down to two factors, summing every label as soon as it is free.

    NumPy's own paths unwrap exact arrays of order 0 on the way, and multiply everything at once
    where an intermediate result is larger than what goes in and out.
    """
    todo = list(arrays)
    for i, j, keep in order([labels for _, labels in arrays], out, size):
        (a, la), (b, lb) = todo[i], todo[j]
        if prod(size[x] for x in keep) > 64 * limits.ELEMENTS:
            raise InputError("this needs more memory than is allowed")
        if exact:
            number = {x: n for n, x in enumerate(dict.fromkeys(la + lb))}
            spelled = [[number[x] for x in labels] for labels in (la, lb, keep)]
            product = np.einsum(a, spelled[0], b, spelled[1], spelled[2])
            product = np.asarray(product, dtype=object)
        else:
            product = np.asarray(joined(la, lb, keep, size)(a, b))
        todo = [*(x for k, x in enumerate(todo) if k not in (i, j)), (product, keep)]
    return todo
