"""The candidates of a search tried again, windows counted by their positions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod

from ..problem.arguments import bind
from ..problem.layer_spec import Shape
from ..problem.layers import LAYERS
from ..problem.model import Layer
from ..steps import Check, Text
from .recount import recount_shape
from .shape_chain import Part
from .shape_search import Goal, Values

RECOUNTED = 5_000  # candidates that the check goes through


def recheck(
    goals: Sequence[Goal],
    spans: Mapping[str, range],
    solutions: Sequence[Values],
    names: Sequence[str] | None = None,
) -> Check:
    """Try the candidates again, counting windows by their positions instead of the formula.

    Every solution and its neighbours are tried; of the other candidates all, or evenly spread ones
    when they are many. Names without a range are tried up to twice their largest value.
    """
    rest = [n for n in names or () if n not in spans]
    largest = max((s[n] for s in solutions for n in rest), default=50)
    spans = {**spans, **{n: range(1, 2 * largest + 1) for n in rest}}
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
        "direct count, candidate by candidate",
        wrong / max(len(tried), 1),
        wrong == 0,
        at="" if wrong == 0 else f"{wrong}/{len(tried)}",
        tally=_tally(len(tried), count),
    )


def _tally(tried: int, count: int) -> Text:
    if tried == count:
        return (
            Text("all {n} candidates tried again", {"n": f"{count:,}"})
            if count > 1
            else Text("the candidate tried again")
        )
    holes = {"k": f"{tried:,}", "n": f"{count:,}"}
    return Text("{k} of {n} candidates tried again, the solutions and others", holes)


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
