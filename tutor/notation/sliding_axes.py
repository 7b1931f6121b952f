"""Relations between the axes of a convolution: windows along an axis, and groups of channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..graph.node import Node

Labels = tuple[int, ...]
Move = tuple["Node", Labels]

_flips: ContextVar[bool] = ContextVar("flips", default=False)
_windows: ContextVar[bool] = ContextVar("windows", default=True)


@contextmanager
def convolving(convention: str) -> Iterator[None]:
    """Within it, what is written as conv is a `correlation`, or a `convolution`, which turns the
    kernel around."""
    before = _flips.set(convention == "convolution")
    try:
        yield
    finally:
        _flips.reset(before)


@contextmanager
def sliding(windows: bool) -> Iterator[None]:
    """Within it, blocks that fill an axis are windows, or are copies."""
    before = _windows.set(windows)
    try:
        yield
    finally:
        _windows.reset(before)


def windows_meant() -> bool:
    """Whether blocks that fill an axis are told as windows."""
    return _windows.get()


def flips() -> bool:
    """Whether a conv that is written now turns its kernel around."""
    return _flips.get()


def sign() -> str:
    """The operator between an input and its kernel."""
    return "∗" if flips() else "⋆"


@dataclass(frozen=True)
class Window:
    """i = step_a·a + step_b·b − before, by labels; along `back`, if any, the index runs down."""

    i: int
    a: int
    b: int
    step_a: int
    step_b: int
    before: int
    back: int | None = None

    @property
    def turned(self) -> Window:
        return replace(self, a=self.b, b=self.a, step_a=self.step_b, step_b=self.step_a)


def windows(moves: Sequence[Move]) -> list[Window] | None:
    """The relations as windows, in their order; None where one is something else."""
    found: list[Window] = []
    for node, labels in moves:
        coefs, constant = node.attr
        whole = all(isinstance(c, int) for c in (*coefs, constant, *node.shape))
        if len(labels) != 3 or not whole or coefs[0] != 1 or 0 in coefs:
            return None
        window = _window(labels, coefs, constant, node.shape)
        if window.before < 0:
            return None
        found.append(window)
    return found


def apart(ties: Sequence[Window]) -> bool:
    """Whether each window has axes of its own; in I ⊗ A one axis counts the blocks both ways."""
    labels = [x for v in ties for x in (v.i, v.a, v.b)]
    return len(set(labels)) == len(labels)


def _window(labels: Labels, coefs: tuple, constant: int, shape: tuple) -> Window:
    """i + p·a + q·b = constant; an axis whose term has the other sign is counted from its end."""
    (i, a, b), (_, p, q), (n, ends, taps) = labels, coefs, shape
    if p < 0 and q < 0:
        return Window(i, a, b, -p, -q, -constant)
    if p < 0:
        return Window(i, a, b, -p, q, q * (taps - 1) - constant, b)
    if q < 0:
        return Window(i, a, b, p, -q, p * (ends - 1) - constant, a)
    return Window(i, a, b, p, q, constant - n + 1, i)


@dataclass(frozen=True)
class Groups:
    """Channels in groups: `whole` counts the channels of one side, `within` those of one group;
    `other` counts the channels of the other side, of which no place in the group is named."""

    count: int
    whole: int
    within: int
    other: int


def grouped(
    carried: Sequence[Labels], moves: Sequence[Move], out: Labels, size: Mapping[int, int]
) -> tuple[Groups, list[Move]] | None:
    """The pair of relations that puts channels into groups, and the relations that are left."""
    uses = Counter(x for labels in (*carried, *(ls for _, ls in moves), out) for x in set(labels))
    for first, second in permutations(moves, 2):
        shared = set(first[1]) & set(second[1])
        if len(shared) != 1:
            continue
        (g,) = shared
        one, two = _split(first, g, size), _split(second, g, size)
        if uses[g] != 2 or one is None or two is None or uses[two[1]] != 1 or uses[one[1]] == 1:
            continue
        rest = [m for m in moves if m is not first and m is not second]
        return Groups(size[g], one[0], one[1], two[0]), rest
    return None


def _split(move: Move, group: int, size: Mapping[int, int]) -> tuple[int, int] | None:
    """(channel, place in the group) where channel = places · group + place."""
    node, labels = move
    coefs, constant = node.attr
    if len(set(labels)) != 3 or labels[0] == group or constant != 0 or coefs[0] != 1:
        return None
    (place,) = (x for x in labels[1:] if x != group)
    if any(x not in size for x in labels) or size[labels[0]] != size[place] * size[group]:
        return None
    fits = coefs[labels.index(group)] == -size[place] and coefs[labels.index(place)] == -1
    return (labels[0], place) if fits else None
