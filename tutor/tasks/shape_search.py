"""All integer values of unknown hyperparameters for which the sizes come out as wanted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from ..errors import InputError, ShapeError
from ..graph.sizes import NoWindowError
from ..problem.applied import TooLargeError
from ..problem.layer_spec import Shape
from .shape_chain import Chain
from .shape_demands import Relaxed, read_off

MOST = 250_000  # candidates that may be tried one by one
# of these, more gives more outputs; of a kernel, a stride or a dilation, fewer
SIZES = (
    "input", "out_channels", "spread out_channels", "out_features", "hidden_size",
    "embedding_dim", "output_size",
)  # fmt: skip
_SPREADS = ("spread kernel_size", "spread stride", "spread dilation", "spread output_padding")
_GROWS = ("padding", *SIZES, *_SPREADS)
_MONOTONE = (*_GROWS, "kernel_size", "stride", "dilation", "spread padding")

Values = dict[str, int]


@dataclass(frozen=True)
class Goal:
    """The node that ends a chain is to have this shape."""

    chain: Chain
    target: Shape

    @cached_property
    def relaxed(self) -> Relaxed:
        """The chain without the sizes that layers can read off."""
        return Relaxed(self.chain)


def roles(goals: Sequence[Goal], name: str) -> tuple[str, ...]:
    """The arguments in which an unknown is free to be chosen, "input" for a declared size."""
    used = (a for g in goals for n, _, a in g.relaxed.chain.uses() if n == name)
    return tuple(dict.fromkeys(used))


def search(
    goals: Sequence[Goal], spans: Mapping[str, range], names: Sequence[str] | None = None
) -> list[Values]:
    """Every solution in the ranges, smallest first (by sum, then in the order of the names).

    Names without a range are those that layers read off.
    """
    names = list(spans) if names is None else names
    inner = _innermost(goals, list(spans), spans) if spans else None
    outer = [n for n in spans if n != inner]
    found = []
    if prod(len(spans[n]) for n in outer) > MOST:
        raise too_many(goals)
    for combination in product(*(spans[n] for n in outer)):
        values = dict(zip(outer, combination, strict=True))
        if inner is None:
            complete = _completed(goals, values, names)
            found += [complete] if complete is not None else []
        else:
            found += _fitting(goals, values, inner, spans[inner], names)
    found = [{n: s[n] for n in names} for s in found]
    return sorted(found, key=lambda s: (sum(s.values()), tuple(s.values())))


def _completed(goals: Sequence[Goal], values: Values, names: Sequence[str]) -> Values | None:
    """The values with those that layers read off; None where they do not fit."""
    rest = [n for n in names if n not in values]
    found = read_off([g.relaxed for g in goals], values, rest) if rest else {}
    whole = None if found is None else values | found
    return whole if whole is not None and fits(goals, whole) else None


def _innermost(goals: Sequence[Goal], names: Sequence[str], spans: Mapping[str, range]) -> str:
    """The unknown that is solved for, not tried: one that outputs depend on monotonically."""
    monotone = [n for n in names if direction(goals, n)]
    return max(monotone or names, key=lambda n: len(spans[n]))


def direction(goals: Sequence[Goal], name: str) -> int:
    """+1 if sizes grow with it, −1 if they shrink, 0 if neither is certain."""
    where = roles(goals, name)
    if not where or any(a not in _MONOTONE for a in where):
        return 0
    signs = {1 if a in _GROWS else -1 for a in where}
    return signs.pop() if len(signs) == 1 else 0


def _fitting(
    goals: Sequence[Goal], values: Values, name: str, span: range, names: Sequence[str]
) -> Iterator[Values]:
    """The solutions along one unknown: by bisection where sizes are monotone."""
    sign = direction(goals, name)
    candidates = span if sign >= 0 else span[::-1]
    if sign and len(span) > 8:
        # sizes never fall along `candidates`: the solutions are one run of neighbours
        try:
            low = bisect_left(
                candidates, True, key=lambda v: compared(goals, values | {name: v})[0]
            )
            high = bisect_left(
                candidates, True, lo=low, key=lambda v: all(compared(goals, values | {name: v}))
            )
            candidates = candidates[low:high]
        except Undecided:
            pass
    if len(candidates) > MOST:
        raise too_many(goals)
    for v in sorted(candidates):
        whole = _completed(goals, values | {name: v}, names)
        if whole is not None:
            yield whole


def too_many(goals: Sequence[Goal]) -> InputError:
    return InputError(
        f"there are more than {MOST} candidates to try for these unknowns",
        hint="give some of them a number, or make the sizes smaller",
        where=goals[0].chain.where,
    )


class Undecided(Exception):  # a fork in the search
    """A layer refuses for another reason than its size."""


def compared(goals: Sequence[Goal], values: Values) -> tuple[bool, bool]:
    """(no size is too small, some size is too large), of the wanted and of the told ones."""
    enough, beyond = True, False
    for goal in goals:
        try:
            shape, demands = goal.relaxed.run(values)
        except NoWindowError:
            return False, False
        except TooLargeError:
            beyond = True
            continue
        except ShapeError:
            raise Undecided from None
        pairs = [*zip(shape, goal.target, strict=True)]
        pairs += [(d.arrives, d.told) for d in demands if isinstance(d.told, int)]
        enough &= all(n >= t for n, t in pairs)
        beyond |= any(n > t for n, t in pairs)
    return enough, beyond


def fits(goals: Sequence[Goal], values: Values) -> bool:
    """Whether every target comes out."""
    try:
        return all(goal.chain.run(values)[1] == goal.target for goal in goals)
    except ShapeError:
        return False
