"""Which values of the unknowns are tried, and whether all others are ruled out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from .. import limits
from ..errors import ShapeError
from ..expr import Name
from ..graph.sizes import extent
from ..problem.model import Layer
from .shape_chain import layers_in
from .shape_search import MOST, SIZES, Goal, Undecided, compared, direction, fits, roles
from .spread_inverse import DIVISORS

_RUN = 10_000  # more numbers that fit in a row are not followed to their end
_FROM_ZERO = {"padding", "spread padding", "spread output_padding"}


def ranges(goals: Sequence[Goal], unknown: Sequence[str]) -> dict[str, range]:
    """The values to be tried for each unknown that no layer reads off.

    A padding starts at 0, everything else at 1; the end is the largest size in sight. A declared
    size may need to be larger than the target, by the strides and kernels on the way. A single
    unknown that sizes grow or shrink with is followed until they are past the target. With several
    unknowns the ranges of windows' numbers are cut, so that all candidates together can be tried.
    """
    known = [n for g in goals for n in (*g.chain.start, *g.target) if isinstance(n, int)]
    largest = max(known, default=1)
    scale, reach = 1, 0
    for layer in _layers(goals):
        args = layer.args
        scale *= _largest(args.get("stride") or args.get("kernel_size"))
        reach += _largest(args.get("kernel_size")) * _largest(args.get("dilation"))
        reach += 2 * _largest(args.get("padding"))
    free = [n for n in unknown if roles(goals, n)]
    out = {}
    for name in free:
        where = roles(goals, name)
        top = largest
        if where == ("input",):
            top = min(largest * scale + reach * scale, limits.DIMENSION)
        elif {"kernel_size", "spread padding"} & set(where):
            top = largest + reach
        elif set(where) & set(DIVISORS):
            top = max(top, _seen(goals, free))
        if len(free) > 1 and not set(where) <= set(SIZES):
            top = min(top, int(MOST ** (1 / len(free))))
        span = range(0 if set(where) <= _FROM_ZERO else 1, top + 1)
        out[name] = span if len(free) > 1 else _widened(goals, name, span)
    return out


def _layers(goals: Sequence[Goal]) -> Iterator[Layer]:
    for goal in goals:
        for stage in goal.chain.stages:
            yield from layers_in(stage.part)


def _largest(value: object) -> int:
    if isinstance(value, tuple | list):
        return max((_largest(x) for x in value), default=1)
    return value if isinstance(value, int) and value > 0 else 1


def _seen(goals: Sequence[Goal], unknown: Sequence[str]) -> int:
    """The largest size on the way when every unknown is 1; 1 if the layers do not fit then."""
    try:
        shapes = [
            size
            for goal in goals
            for layer in goal.relaxed.chain.run(dict.fromkeys(unknown, 1))[0]
            for size in (*layer.input, *layer.output)
        ]
    except ShapeError:
        return 1
    return max(shapes, default=1)


def _widened(goals: Sequence[Goal], name: str, span: range) -> range:
    """The range extended until the sizes are past the target, if they ever are."""
    sign, top, limit = direction(goals, name), span[-1], limits.DIMENSION
    if not sign or top >= limit:
        return span

    def past(v: int) -> bool:
        enough, beyond = compared(goals, {name: v})
        return beyond if sign > 0 else not enough

    def reached(v: int) -> bool:
        enough, beyond = compared(goals, {name: v})
        return enough if sign > 0 else not beyond

    try:
        if past(top):
            return span
        more = range(top + 1, limit + 1)
        first = top if reached(top) else None
        if first is None and reached(limit):
            first = more[bisect_left(more, True, key=reached)]
        last = more[bisect_left(more, True, key=past)] if past(limit) else None
        if last is not None and (first is None or last - first <= _RUN):
            return range(span[0], last + 1)
        if first is not None and first > top:
            return range(span[0], min(first + len(span), limit))
    except Undecided:
        pass
    return span


def exhaustive(goals: Sequence[Goal], spans: Mapping[str, range]) -> bool:
    """Whether it is certain that no values outside the ranges give the wanted sizes."""
    if not spans:
        return True  # every unknown is read off
    if len(spans) > 1:
        return False
    ((name, span),) = spans.items()
    if any(bound <= span[-1] for bound in _bounds(goals, name)):
        return True
    sign = direction(goals, name)
    if not sign:
        return False
    try:
        enough, beyond = compared(goals, {name: span[-1]})
        if beyond if sign > 0 else not enough:
            return True  # and further on it only gets worse
        enough, beyond = compared(goals, {name: limits.DIMENSION})
    except Undecided:
        return False
    return not enough if sign > 0 else beyond


def without_end(
    goals: Sequence[Goal], spans: Mapping[str, range], solutions: Sequence[Mapping[str, int]]
) -> bool:
    """Whether every number from the first solution on is one: beyond the range as well."""
    if len(spans) != 1 or len(solutions) < 2 or set(solutions[0]) != set(spans):
        return False
    ((name, span),) = spans.items()
    if len(solutions) != span[-1] - solutions[0][name] + 1 or not direction(goals, name):
        return False
    return fits(goals, {name: limits.DIMENSION})  # and sizes only grow, or only shrink, until there


def _bounds(goals: Sequence[Goal], name: str) -> Iterator[int]:
    """Numbers that the unknown cannot exceed, whatever the sizes are."""
    channels = _seen(goals, [name])
    if set(roles(goals, name)) <= set(DIVISORS) and channels > 1:
        yield channels
    for layer in _layers(goals):
        args = layer.args
        for argument, value in args.items():
            if value != Name(name):
                continue
            numbers = [args.get("kernel_size"), args.get("dilation", 1)]
            pads = argument == "padding" and "Pool" in layer.type
            if pads and all(isinstance(n, int) for n in numbers):
                yield extent(*numbers) // 2  # type: ignore[arg-type]
            numbers = [args.get("stride", 1), args.get("dilation", 1)]
            if argument == "output_padding" and all(isinstance(n, int) for n in numbers):
                yield max(numbers)  # type: ignore[type-var]
