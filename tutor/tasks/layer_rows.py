"""The layers of a network as the rows of a table: blocks indented, repeats folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..problem.applied import Applied, AppliedBlock, AppliedPart
from ..problem.layer_spec import Shape
from ..steps import Text

FEW = 40  # layers that a table lists one by one, whatever repeats
_PERIOD = 24  # the most parts that are folded as one

Copies = Sequence[Sequence[AppliedPart]]  # parts in a row, once for each time that they come


@dataclass(frozen=True)
class Row:
    """A row: layers, or a block, or where one begins.

    layers: one layer, or those that it stands for, the same in every repetition; none for a block
    output: of what it names; None where a branch or a repetition begins
    times: how often what stands below it comes, one after the other; 1 but for a repetition
    """

    depth: int
    label: Text | str
    layers: tuple[Applied, ...] = ()
    output: Shape | None = None
    times: int = 1


def rows(parts: Sequence[AppliedPart], fold: bool) -> list[Row]:
    """A row for each layer and block; with `fold` only the first of those that repeat."""
    return list(_rows([parts], 0, _Keys() if fold else None))


def _unrolled(parts: Sequence[AppliedPart], keys: _Keys | None) -> list[AppliedPart]:
    """The parts, those of each Sequential and of each Repeat that is not folded among them."""
    found: list[AppliedPart] = []
    for part in parts:
        if isinstance(part, Applied) or part.parallel or (keys and _repeats(part, keys)):
            found.append(part)
            continue
        for branch in part.branches:
            found += _unrolled(branch, keys)
    return found


def _repeats(block: AppliedBlock, keys: _Keys) -> bool:
    """Whether the branches of a Repeat are the same, and long enough to be said once."""
    branches = [_unrolled(b, keys) for b in block.branches]
    first, *rest = [list(map(keys, b)) for b in branches]
    return all(b == first for b in rest) and _saves(branches[0], len(branches))


def _rows(copies: Copies, depth: int, keys: _Keys | None) -> Iterator[Row]:
    copies = [_unrolled(copy, keys) for copy in copies]
    own = list(map(keys, copies[0])) if keys else []
    k = 0
    while k < len(copies[0]):
        times, period = _run(copies[0][k:], own[k:]) if keys else (1, 1)
        again = [
            copy[k + i * period : k + (i + 1) * period] for copy in copies for i in range(times)
        ]
        if times > 1:
            yield _times(depth, times)
            yield from _rows(again, depth + 1, keys)
        else:
            yield from _part([copy[0] for copy in again], depth, keys)
        k += times * period


def _part(copies: Sequence[AppliedPart], depth: int, keys: _Keys | None) -> Iterator[Row]:
    """A layer or a block, which is the same in all copies but for the layers' names."""
    first = copies[0]
    if isinstance(first, Applied):
        layers = tuple(c for c in copies if isinstance(c, Applied))
        yield Row(depth, first.name, layers, first.output)
        return
    blocks = [c for c in copies if isinstance(c, AppliedBlock)]
    if not first.parallel:
        yield _times(depth, len(first.branches))
        yield from _rows([branch for c in blocks for branch in c.branches], depth + 1, keys)
        return
    yield Row(depth, _block(first), output=first.output)
    filled = [i for i, branch in enumerate(first.branches) if branch]
    for i in filled:
        below = depth + 1
        title = _branch(first, i) if len(filled) > 1 else None
        if title is not None:
            yield Row(below, title)
            below += 1
        yield from _rows([c.branches[i] for c in blocks], below, keys)


def _times(depth: int, times: int) -> Row:
    return Row(depth, Text("{n} ×", {"n": times}), times=times)


def _block(block: AppliedBlock) -> Text:
    bare = not all(block.branches)  # a branch without layers is the input itself
    if block.block.kind == "Residual":
        return Text("Residual (+ input)") if bare else Text("Residual (+ shortcut)")
    return Text("Concat (+ input)") if bare else Text("Concat")


def _branch(block: AppliedBlock, i: int) -> Text | None:
    if block.block.kind == "Concat":
        return Text("branch {n}", {"n": i + 1})
    return Text("shortcut") if i else None


def _saves(parts: Sequence[AppliedPart], times: int) -> bool:
    """Whether rows are saved where parts that come so many times are said once."""
    return (times - 1) * len(parts) > 1 or (times > 1 and isinstance(parts[0], AppliedBlock))


def _run(parts: Sequence[AppliedPart], keys: Sequence[int]) -> tuple[int, int]:
    """How many times the first parts come one after the other, and how many parts that is each."""
    best, period = 1, 1
    for p in range(1, min(_PERIOD, len(keys) // 2) + 1):
        times = 1
        while keys[times * p : (times + 1) * p] == keys[:p]:
            times += 1
        if times * p > best * period and _saves(parts[:p], times):
            best, period = times, p
    return best, period


class _Keys:
    """Numbers for parts, the same for those that are equal but for the layers' names."""

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}
        self.of: dict[int, int] = {}  # by identity: the same part is asked for often

    def __call__(self, part: AppliedPart) -> int:
        if id(part) not in self.of:
            self.of[id(part)] = self.known.setdefault(self._figures(part), len(self.known))
        return self.of[id(part)]

    def _figures(self, part: AppliedPart) -> Any:
        if isinstance(part, Applied):
            return part.spec.type, part.input, repr(part.args)
        branches = tuple(tuple(map(self, _unrolled(b, self))) for b in part.branches)
        return part.block.kind, part.block.dim, part.input, branches
