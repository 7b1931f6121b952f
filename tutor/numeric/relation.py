"""Index relations between axes: where they lead, and axes that are merged to make one simpler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np
import sympy as sp

from .. import limits
from ..errors import InputError

Labels = tuple[int, ...]


@dataclass(frozen=True)
class Relation:
    coefs: tuple[int, ...]
    constant: int
    labels: Labels

    def others(self, label: int) -> Labels:
        return tuple(x for x in self.labels if x != label)

    def coef(self, label: int) -> int:
        return self.coefs[self.labels.index(label)]

    def solve(self, label: int, size: Mapping[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Where `label` must stand for every combination of the others, and whether it exists."""
        others = self.others(label)
        total = np.full(tuple(size[x] for x in others), self.constant)
        for axis, x in enumerate(others):
            steps = np.arange(size[x]) * self.coef(x)
            total = total - steps.reshape([-1 if k == axis else 1 for k in range(len(others))])
        index = total * self.coef(label)  # the coefficient is ±1
        return index, (index >= 0) & (index < size[label])


class Factor:
    """One array of a product: the labels of its axes, and what is done to it beforehand."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.steps: list[Callable[[np.ndarray], np.ndarray]] = []

    def then(self, step: Callable[[np.ndarray], np.ndarray], labels: Labels) -> None:
        self.steps.append(step)
        self.labels = labels

    def prepared(self, array: np.ndarray) -> np.ndarray:
        for step in self.steps:
            array = step(array)
        return array


def merge(
    relation: Relation,
    factors: Sequence[Factor],
    others: list[Relation],
    out: Labels,
    size: dict[int, int],
    reshape_to: list,
) -> tuple[Relation, Labels]:
    """Unroll axes that only this relation ties, when its coefficients are their strides."""
    busy = {x for r in others for x in r.labels}
    for factor in factors:
        labels = factor.labels
        elsewhere = busy.union(out, *(f.labels for f in factors if f is not factor))
        own = [x for x in relation.labels if x in labels and x not in elsewhere]
        order = _strided(relation, own, size)
        if order is None or len(set(labels)) != len(labels):
            continue
        relation, merged = _merged(relation, order, size)
        rest = tuple(x for x in labels if x not in own)
        turn = [labels.index(x) for x in (*rest, *order)]
        shape = [size[x] for x in (*rest, merged)]
        factor.then(partial(_unrolled, turn=turn, shape=shape), (*rest, merged))
    inside = busy.union(*(f.labels for f in factors))
    own = [x for x in relation.labels if x in out and x not in inside]
    order = _strided(relation, own, size)
    if order is not None:
        relation, merged = _merged(relation, order, size)
        # the merged axis stands first and is split, then moved, at the end
        plain = tuple(x for x in out if x not in own)
        if out == plain[: out.index(order[0])] + order + plain[out.index(order[0]) :]:
            place = out.index(order[0])
            reshape_to.append((order, merged))
            return relation, (*plain[:place], merged, *plain[place:])
        return _split(relation, order, merged, size), out
    return relation, out


def _unrolled(array: np.ndarray, turn: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    return np.transpose(array, turn).reshape(shape)


def _strided(relation: Relation, own: list[int], size: Mapping[int, int]) -> Labels | None:
    """The axes from the slowest to the fastest, if each step is the product of the faster sizes."""
    if len(own) < 2:
        return None
    order = sorted(own, key=lambda x: (abs(relation.coef(x)), size[x]))
    step = relation.coef(order[0])
    for x in order:
        if relation.coef(x) != step:
            return None
        step *= size[x]
    return tuple(reversed(order))


def _merged(relation: Relation, order: Labels, size: dict[int, int]) -> tuple[Relation, int]:
    merged = max(size) + 1
    size[merged] = prod(size[x] for x in order)
    unit = relation.coef(order[-1])
    rest = [(c, x) for c, x in zip(relation.coefs, relation.labels, strict=True) if x not in order]
    coefs, labels = (*(c for c, _ in rest), unit), (*(x for _, x in rest), merged)
    return Relation(coefs, relation.constant, labels), merged


def _split(relation: Relation, order: Labels, merged: int, size: Mapping[int, int]) -> Relation:
    """Output axes that are not next to each other in stride order stay as they are."""
    at = relation.labels.index(merged)
    unit = relation.coefs[at]
    coefs, labels, step = [], [], unit
    for x in reversed(order):
        coefs.append(step)
        labels.append(x)
        step *= size[x]
    rest = [(c, x) for c, x in zip(relation.coefs, relation.labels, strict=True) if x != merged]
    return Relation(
        (*(c for c, _ in rest), *coefs), relation.constant, (*(x for _, x in rest), *labels)
    )


def dense(relation: Relation, size: Mapping[int, int], exact: bool) -> np.ndarray:
    """The relation as an array of zeros and ones."""
    shape = tuple(size[x] for x in relation.labels)
    if prod(shape) > 16 * limits.ELEMENTS:
        raise InputError("this needs more memory than is allowed")
    total = np.zeros(shape, dtype=int) - relation.constant
    for axis, (c, n) in enumerate(zip(relation.coefs, shape, strict=True)):
        total = total + (c * np.arange(n)).reshape(
            [-1 if k == axis else 1 for k in range(len(shape))]
        )
    hit = total == 0
    return np.where(hit, sp.S.One, sp.S.Zero) if exact else hit * 1.0
