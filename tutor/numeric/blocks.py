"""Long batches piece by piece, so that the windows of one piece stay in the cache.

Windows hold every entry once for each kernel entry that meets it: those of a whole batch are many
times as large as the batch. Images do not meet each other, so that a product over a batch is the
products over its pieces: side by side if the result has the batch, added up if it does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from .relation import Labels, Relation

BLOCK = 1 << 18  # entries of windows at a time: 2 MiB of float64

Factors = Sequence[tuple[np.ndarray, Labels]]


def pieces(
    factors: Sequence[Labels],
    relations: Sequence[Relation],
    out: Labels,
    size: Mapping[int, int],
) -> tuple[int, int] | None:
    """The label to cut along and how much of it at a time; None if everything is short.

    It is the first axis of the largest factor, if no relation ties it. Cutting what is summed adds
    up one result per piece, which pays off only for a result that is small beside the factors.
    """
    if not factors or not relations:
        return None
    labels = max(factors, key=lambda ls: prod(size[x] for x in ls))
    label = labels[0] if labels else None
    if label is None or size[label] == 1 or any(label in r.labels for r in relations):
        return None
    if any(ls.count(label) > 1 for ls in factors):
        return None
    tied = {x for r in relations for x in r.labels}
    windows = prod(size[x] for x in tied | set(labels))
    windows //= prod(max(size[x] for x in r.labels) for r in relations)
    if windows <= BLOCK:
        return None
    if label not in out and size[label] * prod(size[x] for x in out) > prod(
        size[x] for x in labels
    ):
        return None
    return label, max(1, size[label] * BLOCK // windows)


def cut(factors: Factors, label: int, start: int, stop: int) -> list[tuple[np.ndarray, Labels]]:
    """The factors between two places of a label."""
    return [
        (array[(slice(None),) * labels.index(label) + (slice(start, stop),)], labels)
        if label in labels
        else (array, labels)
        for array, labels in factors
    ]
