"""Sizes that a student may have meant: of the givens that an operation has, from one another.

Candidates only; `mistakes` tries each of them in the whole problem before it is suggested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..expr import Expr, Index, Name, Neg, Transpose, exchanged
from ..graph import dims
from ..graph.dims import Dim, Unknown
from ..notation.build import size_term
from .lines import Graph, Line
from .model import Given, Problem
from .origin import Origin

Resized = Mapping[str, tuple[int, ...]]  # givens, and the axes that change


def other_sizes(origin: Origin) -> Iterator[tuple[Resized, Dim]]:
    """Givens of the operation, axes of each, and a size of another operand to try there."""
    wanted = {
        name: line
        for name, line in origin.lines.items()
        if line.kind == "given" and any(_is(term, name) for term, _ in origin.operands)
    }
    yield from _alike(origin, wanted)
    for name, line in wanted.items():
        others = _sizes_beside(origin, [name])
        for axis, d in enumerate(line.shape):
            for size in others:
                if size != d and size != 1:
                    yield {name: (axis,)}, size
        if len(line.shape) == 2 and line.shape[0] == line.shape[1]:
            for size in others:
                if size not in (line.shape[0], 1):
                    yield {name: (0, 1)}, size


def _alike(origin: Origin, wanted: Mapping[str, Line]) -> Iterator[tuple[Resized, Dim]]:
    """Vectors of one size, such as a weight and a bias, which are wrong together."""
    for d in dict.fromkeys(line.shape[0] for line in wanted.values() if len(line.shape) == 1):
        group = [name for name, line in wanted.items() if line.shape == (d,)]
        if 1 < len(group) < len(wanted):
            for size in _sizes_beside(origin, group):
                if size not in (d, 1):
                    yield dict.fromkeys(group, (0,)), size


def _sizes_beside(origin: Origin, names: Sequence[str]) -> tuple[Dim, ...]:
    """The sizes, as far as they are known, of the operands that are none of these givens."""
    found = dict.fromkeys(
        dims.resolved(d)
        for term, v in origin.operands
        if not any(_is(term, name) for name in names)
        for d in (*v.shape, *((1,) if v.order == 1 else ()))
    )
    return tuple(d for d in found if isinstance(d, int) or not d.has(Unknown))


def letter_sizes(origin: Origin) -> Iterator[tuple[str, int]]:
    """A symbolic size of one operand, and a number of another that it would have to be."""
    own = [[dims.resolved(d) for d in v.shape] for _, v in origin.operands]
    for k, sizes in enumerate(own):
        numbers = [d for j, other in enumerate(own) if j != k for d in other if isinstance(d, int)]
        for d in sizes:
            if not isinstance(d, int) and d.is_Symbol and not d.has(Unknown):
                yield from ((str(d), n) for n in dict.fromkeys(numbers) if n > 1)


def _is(term: Expr, name: str) -> bool:
    while isinstance(term, Transpose | Neg | Index):
        term = term.arg
    return term == Name(name)


# -- followed -------------------------------------------------------------------------------------


def resized(problem: Problem, changes: Resized, size: Dim) -> Problem | None:
    """The problem with givens of another size; None where a size cannot be chosen freely."""
    new = dict(problem.given)
    for name, axes in changes.items():
        given = problem.given.get(name)
        changed = None if given is None else _resized(given, axes, size)
        if changed is None:
            return None
        new[name] = changed
    return replace(problem, given=new, network=None)


def _resized(given: Given, axes: Sequence[int], size: Dim) -> Given | None:
    if "symmetric" in given.properties or "diagonal" in given.properties:
        return None
    old = given.shape
    if given.value is not None:
        old = tuple(size_term(n) for n in given.value.shape)
    if not old:
        return None
    if "homogeneous" in given.properties:  # the shape counts the coordinates, without the 1
        if not isinstance(size, int) or size < 2:
            return None
        size -= 1
    shape = tuple(size_term(size) if k in axes else d for k, d in enumerate(old))
    return replace(given, shape=shape, value=None)


def renumbered(problem: Problem, name: str, size: int) -> Problem:
    """The problem with a number in place of a symbolic size."""

    def new(e: Expr) -> Expr | None:
        return size_term(size) if e == Name(name) else None

    given = {
        k: g
        if g.shape is None
        else replace(
            g, shape=tuple(d if isinstance(d, str) else exchanged(d, new) for d in g.shape)
        )
        for k, g in problem.given.items()
    }
    define = tuple(replace(d, expr=exchanged(d.expr, new)) for d in problem.define)
    return replace(problem, given=given, define=define, network=None)


def said(problem: Problem, changes: Resized, graph: Graph) -> str:
    """`b` of size 4×1; `w` with 2 entries, where these are typed in the file."""
    first = next(iter(changes))
    listed = " and ".join(f"`{name}`" for name in changes)
    given, line = problem.given[first], graph[first]
    if "homogeneous" in given.properties and isinstance(line.shape[0], int):
        return f"{listed} of shape [{line.shape[0] - 1}]"
    if given.value is not None and len(line.shape) == 1:
        return f"{listed} with {dims.one(line.shape[0])} entries"
    return f"{listed} of size {line.dims}"
