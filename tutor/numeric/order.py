"""In which order the factors of a product over indices are multiplied, and how much work that is.

Two by two, and every label is summed as soon as no other factor has it: multiplied all at once,
a product of five matrices takes n⁶ multiply-adds instead of 4n³.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod

from .relation import Labels, Relation

Size = Mapping[int, int]
Step = tuple[int, int, Labels]  # the places of two factors, and the axes of their product
ENOUGH = 10**5  # multiply-adds up to which nobody looks for a better order


def order(factors: Sequence[Labels], out: Iterable[int], size: Size) -> list[Step]:
    """Products that leave two factors. Each takes its two away, and its result stands last.

    The next pair is the one that takes the fewest multiply-adds, or the one whose product is
    smallest beside its factors; whichever rule turns out cheaper.
    """
    if len(factors) < 3:
        return []
    wanted = set(out)
    found = [_greedy(factors, wanted, size, rule) for rule in (_work, _growth)]
    return min(found, key=lambda plan: plan[1])[0]


Rule = Callable[[set[int], set[int], set[int], Size], int]


def _work(a: set[int], b: set[int], keep: set[int], size: Size) -> int:
    return prod(size[x] for x in a | b)


def _growth(a: set[int], b: set[int], keep: set[int], size: Size) -> int:
    result, *parts = (prod(size[x] for x in labels) for labels in (keep, a, b))
    return result - sum(parts)


def _greedy(
    factors: Sequence[Labels], out: set[int], size: Size, rule: Rule
) -> tuple[list[Step], int]:
    """The steps by one rule, and their multiply-adds with those of the last product."""
    todo, steps, total = list(factors), [], 0
    while len(todo) > 2:
        sets = [set(labels) for labels in todo]

        def kept(i: int, j: int, sets: Sequence[set[int]] = tuple(sets)) -> set[int]:
            rest = (s for k, s in enumerate(sets) if k not in (i, j))
            return (sets[i] | sets[j]) & out.union(*rest)

        pairs = [(i, j) for j in range(len(todo)) for i in range(j)]
        i, j = min(pairs, key=lambda p: rule(sets[p[0]], sets[p[1]], kept(*p), size))
        keep = kept(i, j)
        total += _work(sets[i], sets[j], keep, size)
        axes = tuple(x for x in dict.fromkeys(todo[i] + todo[j]) if x in keep)
        steps.append((i, j, axes))
        todo = [*(x for k, x in enumerate(todo) if k not in (i, j)), axes]
    return steps, total + prod(size[x] for x in {x for labels in todo for x in labels})


# -- the work, where relations tie the labels ------------------------------------------------------


def work(
    factors: Sequence[tuple[object, Labels]],
    relations: Sequence[Relation],
    out: Iterable[int],
    size: Size,
) -> int:
    """Multiply-adds of the product; each relation fixes one label of its own.

    A relation counts from the first factor on that it touches: windows are never multiplied out.
    """
    wanted = set(out)
    queue = [set(labels) for _, labels in factors] or [set()]
    one_by_one = _total(queue, relations, wanted, size, _first)
    if one_by_one <= ENOUGH or len(queue) < 3:
        return one_by_one
    return min(one_by_one, _total(queue, relations, wanted, size, _cheapest))


class _Group:
    """Factors that are multiplied already: their labels, and the relations that tie these."""

    def __init__(self, labels: set[int], held: Sequence[Relation] = ()) -> None:
        self.labels = labels
        self.held = list(held)

    def with_(self, other: _Group, tied: Sequence[Relation]) -> _Group:
        labels = (self.labels | other.labels).union(*(r.labels for r in tied))
        return _Group(labels, [*self.held, *other.held, *tied])

    def entries(self, size: Size) -> int:
        free = prod(max(size[x] for x in r.labels) for r in self.held)
        return max(prod(size[x] for x in self.labels) // free, 1)


Choice = Callable[[list[_Group], Sequence[Relation], Size], tuple[int, int]]


def _first(groups: list[_Group], waiting: Sequence[Relation], size: Size) -> tuple[int, int]:
    return 0, 1


def _cheapest(groups: list[_Group], waiting: Sequence[Relation], size: Size) -> tuple[int, int]:
    def entries(pair: tuple[int, int]) -> int:
        a, b = (groups[k] for k in pair)
        return a.with_(b, _touched(waiting, a, b)).entries(size)

    return min(((i, j) for j in range(len(groups)) for i in range(j)), key=entries)


def _touched(waiting: Sequence[Relation], a: _Group, b: _Group) -> list[Relation]:
    return [r for r in waiting if (a.labels | b.labels) & set(r.labels)]


def _total(
    queue: Sequence[set[int]],
    relations: Sequence[Relation],
    out: set[int],
    size: Size,
    choice: Choice,
) -> int:
    """Multiply-adds pair by pair; the last pair meets the relations that nobody touched."""
    groups, waiting, total = [_Group(labels) for labels in queue], list(relations), 0
    if len(groups) == 1:
        groups.append(_Group(set()))
    while len(groups) > 1:
        i, j = choice(groups, waiting, size)
        a, b = groups[i], groups[j]
        rest = [g for k, g in enumerate(groups) if k not in (i, j)]
        tied = _touched(waiting, a, b) if rest else waiting
        waiting = [r for r in waiting if r not in tied]
        both = a.with_(b, tied)
        total += both.entries(size)
        both.labels &= out.union(*(g.labels for g in rest), *(r.labels for r in waiting))
        both.held = [r for r in both.held if both.labels >= set(r.labels)]
        groups = [both, *rest]
    return total
