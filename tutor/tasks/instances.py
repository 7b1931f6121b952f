"""Random values for a problem without numbers, at which a check can be made."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from .. import independent, limits
from ..errors import InputError, ShapeError
from ..problem.elaborate import elaborate
from ..problem.instance import SEEDS, chosen, concrete, instance
from ..problem.lines import Line
from ..problem.model import Definition, Problem
from ..steps import Check, Text
from ..value import Value
from .workspace import Workspace

NOWHERE = Text("No random values were found at which the derivative exists.")

Instance = tuple[Workspace, dict[str, int]]


def at_some(
    ws: Workspace, of: Line, compared: Callable[[Workspace, dict[str, int]], Check | None]
) -> Check:
    """The comparison at the first random values at which everything it needs exists.

    A tall matrix may do where a wide one did not.
    """
    first = instance_of(ws, of)
    made = None
    for here, sizes in () if first is None else chain([first], instances_of(ws, of)):
        try:
            found = compared(here, sizes)
        except InputError:  # a value that only the derivative needs does not exist there
            continue
        if found is not None and np.isfinite(found.max_rel_error):
            return replace(found, at=listed_sizes(sizes))
        made = made or found
    return made or Check.impossible(NOWHERE)


def listed_sizes(sizes: Mapping[str, int]) -> str:
    """The sizes at which a check was made: m = 3, n = 5."""
    return ", ".join(f"{name} = {n}" for name, n in sizes.items())


def instance_of(ws: Workspace, *of: Line) -> Instance | None:
    """The problem at random values where `of` exist and have no kink, and the sizes there.

    None where none was found.
    """
    names = tuple(x.name for x in of)
    if names not in ws.instances:
        ws.instances[names] = next(instances_of(ws, *of), None)
    return ws.instances[names]


def instances_of(ws: Workspace, *of: Line) -> Iterator[Instance]:
    """All such places that are tried: values of both signs first, then positive ones, …"""
    problem = _at_the_point(ws)
    needed = {x.name for x in ws.graph.below(of)}
    for seed in range(SEEDS):
        sizes = chosen(ws.graph, seed)
        try:
            drawn = instance(problem, seed, ws.graph)
            drawn = replace(drawn, define=_only(drawn.define, needed))
            here = Workspace(drawn, elaborate(drawn, drawn.unknowns), checking=False)
            below = here.graph.below([here.line(x.name) for x in of])
            env = independent.forward(below, here.given_floats())
        except InputError:
            continue  # outside the domain, or a size that does not fit
        if not all(np.isfinite(v).all() for v in env.values()):
            continue
        if not all(_holds(line, env) for line in below):
            continue  # a singular matrix may have an inverse in floating point
        if independent.kink_distance(below, env) > independent.NEAR_KINK:
            used = {d.name for x in ws.graph.below(of) for d in _symbols(x)}
            yield here, {n: v for n, v in sizes.items() if n in used}


def _holds(line: Line, env: independent.Arrays) -> bool:
    if line.op is None or line.op.holds is None:
        return True
    arrays = [a for a in independent.operands(line, env) if a is not None]
    return line.op.holds(arrays, dict(line.parameters))


def too_large(ws: Workspace, *of: Line) -> bool:
    """Whether the arrays have more entries than a quick check can go through."""
    sizes = chosen(ws.graph)
    try:
        shapes = [concrete(x.leaf.node.shape, sizes) for x in ws.graph.below(of)]
    except ShapeError:
        return True
    return sum(math.prod(s) for s in shapes) > limits.INSTANCE_ELEMENTS


def _symbols(line: Line) -> list[Any]:
    return [s for d in line.leaf.shape if not isinstance(d, int) for s in d.free_symbols]


def _only(define: Sequence[Definition], needed: Collection[str]) -> tuple[Definition, ...]:
    """The definitions that the result depends on: others may have another domain."""
    return tuple(d for d in define if any(n in needed for n in d.names))


def _moved(number: np.ndarray | None) -> Value | None:
    return None if number is None else Value(number)


def _at_the_point(ws: Workspace) -> Problem:
    """The problem with the values of an update in place of the given ones."""
    given = {
        name: replace(g, value=_moved(ws.point[name])) if name in ws.point else g
        for name, g in ws.problem.given.items()
    }
    return replace(ws.problem, given=given)
