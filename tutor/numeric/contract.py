"""Products and sums over indices, on arrays.

Index relations are never multiplied out where that can be avoided: a relation that picks entries of
one factor becomes a gather (a convolution's windows), one that places entries of the result becomes
a scatter (its adjoint); relations over all axes of one factor (vec, reshape) first merge those axes
into one. What is left is multiplied two by two. Works on float64 and on object arrays of SymPy
numbers alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

import numpy as np
import sympy as sp

from .. import limits
from ..errors import InputError
from .blocks import cut, pieces
from .order import Size
from .pairs import Run, product
from .relation import Factor, Labels, Relation, dense, merge
from .windows import larger_than_scattered, spread, view

Factors = Sequence[tuple[np.ndarray, Labels]]


def contract(
    factors: Factors, relations: Sequence[Relation], out: Labels, size: Size, exact: bool
) -> np.ndarray:
    """Σ Π factors · Π relations, with the axes `out`."""
    run = planned([labels for _, labels in factors], relations, out, size, exact)
    return run([array for array, _ in factors])


def planned(
    labels: Sequence[Labels], relations: Sequence[Relation], out: Labels, size: Size, exact: bool
) -> Run:
    """The same, as a function of the arrays: what can be said without them is said once."""
    found = None if exact else pieces(labels, relations, out, size)
    if found is not None:
        return _by_pieces(labels, relations, out, size, *found)
    size = dict(size)
    factors = [Factor(ls) for ls in labels]
    pending = list(relations)
    reshape_to: list[tuple[Labels, int]] = []  # merged output axes, to be split at the end
    for at, relation in enumerate(pending):
        others = pending[:at] + pending[at + 1 :]
        pending[at], out = merge(relation, factors, others, out, size, reshape_to)
    late = [] if exact else _better_scattered(pending, factors, out, size)
    waiting = pending
    progress = True
    while waiting and progress:
        progress = False
        for relation in [r for r in waiting if r not in late]:
            others = [r for r in waiting if r is not relation]
            if _gather(relation, factors, others, out, size, exact):
                waiting.remove(relation)
                progress = True
    scatters: list[tuple[Relation, int]] = []
    kept: list[Relation] = []
    for relation in waiting:
        label = _scatter_label(relation, factors, [r for r in waiting if r is not relation], out)
        if label is None:
            kept.append(relation)
        else:
            scatters.append((relation, label))
    constants = [dense(r, size, exact) for r in kept]
    inner = tuple(x for x in out if all(x != label for _, label in scatters))
    for relation, label in scatters:
        inner += tuple(x for x in relation.others(label) if x not in inner)
    whole = [f.labels for f in factors] + [r.labels for r in kept]
    multiply = product(whole, inner, size, exact)
    prepare = [f.prepared for f in factors]

    def run(arrays: Sequence[np.ndarray]) -> np.ndarray:
        ready = [f(a) for f, a in zip(prepare, arrays, strict=True)]
        ready += [c.astype(arrays[0].dtype) if len(arrays) else c for c in constants]
        result, axes, target = multiply(ready), inner, out
        for relation, label in scatters:
            result, axes = _scatter(result, axes, relation, label, target, size, exact)
        result = np.transpose(result, [axes.index(x) for x in target])
        for own, merged in reversed(reshape_to):
            axis = target.index(merged)
            shape = [*result.shape[:axis], *(size[x] for x in own), *result.shape[axis + 1 :]]
            result = result.reshape(shape)
            target = target[:axis] + own + target[axis + 1 :]
        return result

    return run


def _by_pieces(
    labels: Sequence[Labels],
    relations: Sequence[Relation],
    out: Labels,
    size: Size,
    label: int,
    step: int,
) -> Run:
    """The same, `step` places of a label at a time: side by side in the result, or added up."""
    whole = range(0, size[label], step)
    lengths = {min(step, size[label] - start) for start in whole}
    plans = {n: planned(labels, relations, out, {**size, label: n}, False) for n in lengths}
    shape = [size[x] for x in out]

    def run(arrays: Sequence[np.ndarray]) -> np.ndarray:
        result = np.zeros(shape, dtype=np.result_type(*arrays))
        for start in whole:
            stop = min(start + step, size[label])
            held = cut(list(zip(arrays, labels, strict=True)), label, start, stop)
            part = plans[stop - start]([array for array, _ in held])
            if label in out:
                result[(slice(None),) * out.index(label) + (slice(start, stop),)] = part
            else:
                result += part
        return result

    return run


def _better_scattered(
    relations: list[Relation], factors: Sequence[Factor], out: Labels, size: Size
) -> list[Relation]:
    """The relations whose sums are to be placed in the result rather than picked from a factor."""
    found = []
    for relation in relations:
        label = _scatter_label(relation, factors, [r for r in relations if r is not relation], out)
        if label is not None:
            found.append((relation, label))
    late, places = [r for r, _ in found], [x for _, x in found]
    held = [f.labels for f in factors]
    return late if late and larger_than_scattered(late, places, held, out, size) else []


def _gather(
    relation: Relation,
    factors: Sequence[Factor],
    others: list[Relation],
    out: Labels,
    size: Size,
    exact: bool,
) -> bool:
    """Replace the relation and one factor by the factor's picked entries."""
    for label, coef in zip(relation.labels, relation.coefs, strict=True):
        if abs(coef) != 1 or label in out or any(label in r.labels for r in others):
            continue
        holders = [f for f in factors if label in f.labels]
        if len(holders) != 1:
            continue
        (factor,) = holders
        rest = relation.others(label)
        if factor.labels.count(label) != 1 or set(rest) & set(factor.labels):
            continue
        axis = factor.labels.index(label)
        picked = (*factor.labels[:axis], *rest, *factor.labels[axis + 1 :])
        if prod(size[x] for x in picked) > 64 * limits.ELEMENTS:
            raise InputError("this needs more memory than is allowed")
        pick = _picked if exact else view
        factor.then(partial(pick, axis=axis, relation=relation, label=label, size=size), picked)
        return True
    return False


def _picked(array: np.ndarray, axis: int, relation: Relation, label: int, size: Size) -> np.ndarray:
    """The entries that the relation picks along an axis of exact numbers, with zeros outside."""
    index, inside = relation.solve(label, size)
    picked = np.take(array, np.clip(index, 0, size[label] - 1), axis=axis)
    picked = np.asarray(picked, dtype=array.dtype)  # NumPy unwraps one exact entry
    mask = inside.reshape((1,) * axis + inside.shape + (1,) * (array.ndim - axis - 1))
    return picked if inside.all() else np.where(mask, picked, sp.S.Zero)


def _scatter_label(
    relation: Relation, factors: Sequence[Factor], others: list[Relation], out: Labels
) -> int | None:
    """An output axis that only this relation knows, if it shares no summed label with others."""
    shared = {x for r in others for x in r.labels if x not in out}
    if shared & set(relation.labels):
        return None
    for label, coef in zip(relation.labels, relation.coefs, strict=True):
        free = not any(label in f.labels for f in factors)
        if abs(coef) == 1 and label in out and free and not any(label in r.labels for r in others):
            return label
    return None


def _scatter(
    result: np.ndarray,
    inner: Labels,
    relation: Relation,
    label: int,
    out: Labels,
    size: Size,
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
