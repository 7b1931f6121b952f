"""All integer values of unknown hyperparameters for which the sizes come out as wanted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from .. import limits
from ..errors import InputError, ShapeError
from ..graph.sizes import NoWindowError
from ..problem.applied import TooLargeError
from ..problem.arguments import bind
from ..problem.layer_spec import Shape
from ..problem.layers import LAYERS
from ..problem.model import Layer
from ..steps import Check
from .recount import recount_shape
from .shape_chain import Chain, Part, layers_in

MOST = 250_000  # candidates that may be tried one by one
RECOUNTED = 5_000  # candidates that the check goes through
# of these, more gives more outputs; of a kernel, a stride or a dilation, fewer
_SIZES = (
    "input", "out_channels", "spread out_channels", "out_features", "hidden_size",
    "embedding_dim", "output_size",
)  # fmt: skip
_SPREADS = ("spread kernel_size", "spread stride", "spread dilation", "spread output_padding")
_GROWS = ("padding", *_SIZES, *_SPREADS)
_MONOTONE = (*_GROWS, "kernel_size", "stride", "dilation", "spread padding")
_FROM_ZERO = {"padding", "spread padding", "spread output_padding"}

Values = dict[str, int]


@dataclass(frozen=True)
class Goal:
    """The node that ends a chain is to have this shape."""

    chain: Chain
    target: Shape


def roles(goals: Sequence[Goal], name: str) -> tuple[str, ...]:
    """The arguments in which an unknown stands, "input" for a declared size."""
    used = (a for g in goals for n, _, a in g.chain.uses() if n == name)
    return tuple(dict.fromkeys(used))


def ranges(goals: Sequence[Goal], unknown: Sequence[str]) -> dict[str, range]:
    """The values to be tried for each unknown, up to the largest size in sight.

    A padding starts at 0, everything else at 1. A declared size may need to be larger than the
    target, by the strides and kernels on the way. With several unknowns the ranges of windows'
    numbers are cut, so that all candidates together can be tried.
    """
    known = [n for g in goals for n in (*g.chain.start, *g.target) if isinstance(n, int)]
    largest = max(known, default=1)
    scale, reach = 1, 0
    for layer in (i for g in goals for s in g.chain.stages for i in layers_in(s.part)):
        args = layer.args
        scale *= _largest(args.get("stride") or args.get("kernel_size"))
        reach += _largest(args.get("kernel_size")) * _largest(args.get("dilation"))
        reach += 2 * _largest(args.get("padding"))
    out = {}
    for name in unknown:
        where = roles(goals, name)
        top = largest
        if where == ("input",):
            top = min(largest * scale + reach * scale, limits.DIMENSION)
        elif {"kernel_size", "spread padding"} & set(where):
            top = largest + reach
        if len(unknown) > 1 and not set(where) <= set(_SIZES):
            top = min(top, int(MOST ** (1 / len(unknown))))
        out[name] = range(0 if set(where) <= _FROM_ZERO else 1, top + 1)
    return out


def _largest(value: object) -> int:
    if isinstance(value, tuple | list):
        return max((_largest(x) for x in value), default=1)
    return value if isinstance(value, int) and value > 0 else 1


def search(goals: Sequence[Goal], spans: Mapping[str, range]) -> list[Values]:
    """Every solution in the ranges, smallest first (by sum, then in the order of the names)."""
    names = list(spans)
    inner = _innermost(goals, names, spans)
    outer = [n for n in names if n != inner]
    found = []
    if prod(len(spans[n]) for n in outer) > MOST:
        raise _too_many(goals)
    for combination in product(*(spans[n] for n in outer)):
        values = dict(zip(outer, combination, strict=True))
        for number in _fitting(goals, values, inner, spans[inner]):
            found.append({n: (values | {inner: number})[n] for n in names})
    return sorted(found, key=lambda s: (sum(s.values()), tuple(s.values())))


def _innermost(goals: Sequence[Goal], names: Sequence[str], spans: Mapping[str, range]) -> str:
    """The unknown that is solved for, not tried: one that outputs depend on monotonically."""
    monotone = [n for n in names if _direction(goals, n)]
    return max(monotone or names, key=lambda n: len(spans[n]))


def _direction(goals: Sequence[Goal], name: str) -> int:
    """+1 if sizes grow with it, −1 if they shrink, 0 if neither is certain."""
    where = roles(goals, name)
    if not where or any(a not in _MONOTONE for a in where):
        return 0
    signs = {1 if a in _GROWS else -1 for a in where}
    return signs.pop() if len(signs) == 1 else 0


def _fitting(goals: Sequence[Goal], values: Values, name: str, span: range) -> Iterator[int]:
    """The values of one unknown, the others fixed: by bisection where sizes are monotone."""
    direction = _direction(goals, name)
    candidates = span if direction >= 0 else span[::-1]
    if direction and len(span) > 8:
        # sizes never fall along `candidates`: the solutions are one run of neighbours
        def order(number: int) -> tuple[bool, bool]:
            return _order(goals, values | {name: number})

        try:
            low = bisect_left(candidates, True, key=lambda v: order(v)[0])
            high = bisect_left(candidates, True, lo=low, key=lambda v: order(v)[1])
            candidates = candidates[low:high]
        except _Undecided:
            pass
    if len(candidates) > MOST:
        raise _too_many(goals)
    yield from sorted(v for v in candidates if fits(goals, values | {name: v}))


def _too_many(goals: Sequence[Goal]) -> InputError:
    return InputError(
        f"there are more than {MOST} candidates to try for these unknowns",
        hint="give some of them a number, or make the sizes smaller",
        where=goals[0].chain.where,
    )


class _Undecided(Exception):  # a fork in the search
    """A layer refuses for another reason than its size."""


def _order(goals: Sequence[Goal], values: Values) -> tuple[bool, bool]:
    """(no size is too small, some size is too large)."""
    enough, beyond = True, False
    for goal in goals:
        try:
            shape = goal.chain.run(values)[1]
        except NoWindowError:
            return False, False
        except TooLargeError:
            beyond = True
            continue
        except ShapeError:
            raise _Undecided from None
        enough &= all(n >= t for n, t in zip(shape, goal.target, strict=True))
        beyond |= any(n > t for n, t in zip(shape, goal.target, strict=True))
    return enough, beyond and enough


def fits(goals: Sequence[Goal], values: Values) -> bool:
    """Whether every target comes out."""
    try:
        return all(goal.chain.run(values)[1] == goal.target for goal in goals)
    except ShapeError:
        return False


# --- the check -----------------------------------------------------------------------------------


def recheck(
    goals: Sequence[Goal], spans: Mapping[str, range], solutions: Sequence[Values]
) -> Check:
    """Try the candidates again, counting windows by their positions instead of the formula.

    Every solution and its neighbours are tried; of the other candidates all, or evenly spread ones
    when they are many.
    """
    names = list(spans)
    count = prod(len(s) for s in spans.values())
    every = max(1, -(-count // RECOUNTED))
    claimed = {tuple(s[n] for n in names) for s in solutions}
    spread = {_candidate(spans, i) for i in range(0, count, every)}
    tried = sorted(spread | claimed | set(_neighbours(spans, claimed)))
    wrong = sum(
        (candidate in claimed) != _recount(goals, dict(zip(names, candidate, strict=True)))
        for candidate in tried
    )
    return Check(
        "direct count of the windows, candidate by candidate",
        wrong / max(len(tried), 1),
        wrong == 0,
        at=f"{len(tried)}/{count}",
    )


def _candidate(spans: Mapping[str, range], index: int) -> tuple[int, ...]:
    """The candidate with this number, the last unknown running fastest."""
    out = []
    for span in reversed(list(spans.values())):
        index, place = divmod(index, len(span))
        out.append(span[place])
    return tuple(reversed(out))


def _neighbours(
    spans: Mapping[str, range], candidates: Iterable[tuple[int, ...]]
) -> Iterator[tuple[int, ...]]:
    for candidate in candidates:
        for i, span in enumerate(spans.values()):
            for number in (candidate[i] - 1, candidate[i] + 1):
                if number in span:
                    yield (*candidate[:i], number, *candidate[i + 1 :])


def _recount(goals: Sequence[Goal], values: Values) -> bool:
    for goal in goals:
        x: Shape = goal.chain.first(values)
        for stage in goal.chain.stages:
            y = _recount_part(stage.part, stage.inner(x), values)
            if y is None:
                return False
            x = stage.outer(x, y)
        if x != goal.target:
            return False
    return True


def _recount_part(part: Part, x: Shape, values: Values) -> Shape | None:
    """The shape behind a layer or a block, counted directly; None where it does not fit."""
    if isinstance(part, Layer):
        spec = LAYERS[part.type]
        args = bind(
            spec.type, spec.signature, spec.axes, part.args, values, part.where, part.places
        )
        return recount_shape(spec.type, x, args)
    ends: list[Shape] = []
    for branch in part.branches * part.times:
        y = ends[-1] if ends and part.kind in ("Sequential", "Repeat") else x
        for inner in branch:
            found = _recount_part(inner, y, values)
            if found is None:
                return None
            y = found
        ends.append(y)
    if part.kind in ("Sequential", "Repeat"):
        return ends[-1]
    i = len(x) if part.kind == "Residual" else part.dim % (len(ends[0]) + 1) - 1
    if len({(*end[:i], *end[i + 1 :]) for end in ends}) > 1:
        return None
    return (*ends[0][:i], sum(end[i] for end in ends), *ends[0][i + 1 :]) if i < len(x) else ends[0]
