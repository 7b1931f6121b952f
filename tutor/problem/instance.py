"""A problem without numbers at one point: sizes and values drawn, so that it can be checked there.

Symbolic sizes become different primes, so that no two axes fit by accident, and quantities without
a value random ones that keep what is declared of them. A problem may have a domain (a logarithm, a
determinant): later seeds draw from narrower kinds of values, of which one will do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import sympy as sp

from ..errors import ShapeError, Where
from ..expr import (
    Expr,
    Name,
    Num,
    Transpose,
    exchanged,
)
from ..graph import dims
from ..value import Value
from .elaborate import elaborate
from .lines import Graph, Line
from .model import Definition, Given, Problem, Source

PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
KINDS = ("any", "positive", "definite", "fraction")  # what values are drawn, by the seed
LARGER = 3  # that many primes are left out where small arrays do not do: x[3] needs 4 entries
SEEDS = 3 * len(KINDS)  # how many attempts make sense
WHOLE = ("add", "sub", "neg", "index", "concat", "stack")  # keep whole numbers whole
# operands that hold class indices: drawn as whole numbers that every operation accepts
INDICES = {"cross_entropy": 1, "nll_loss": 1, "multi_margin_loss": 1, "embedding": 0}


def instance(problem: Problem, seed: int = 0, graph: Graph | None = None) -> Problem:
    """The problem with a number for every symbolic size and for every given without a value.

    Values that are given are kept. `graph` is the problem's own, if it is known already.
    """
    graph = graph or elaborate(problem, problem.unknowns)
    sizes = chosen(graph, seed)
    rng = np.random.Generator(np.random.PCG64(2024 + seed))
    kind = KINDS[seed % len(KINDS)]
    whole = indices(graph)
    given = {}
    for name, g in problem.given.items():
        value, shape = g.value, g.shape
        if value is None:
            line = graph[name]
            drawn = concrete(line.symbol.shape, sizes)
            value = Value(_drawn(rng, drawn, line.properties, kind, name in whole))
            # what was inferred stays known where only a part of the problem is drawn again
            shape = tuple(Num(str(n)) for n in drawn)
        elif shape is not None:
            shape = tuple(_size(d, sizes) for d in shape)
        given[name] = replace(g, value=value, shape=shape)
    define = tuple(replace(d, expr=with_sizes(d.expr, sizes)) for d in problem.define)
    return replace(problem, given=given, define=define)


def drawn(graph: Graph, shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Arrays of these shapes for the givens of these names, as `instance` draws them."""
    rng = np.random.Generator(np.random.PCG64(2024 + seed))
    kind, whole = KINDS[seed % len(KINDS)], indices(graph)
    return {
        name: _drawn(rng, shape, graph[name].properties, kind, name in whole)
        for name, shape in shapes.items()
    }


def chosen(graph: Graph, seed: int = 0) -> dict[str, int]:
    """The number for every symbolic size: pairwise different primes, or multiples of them.

    A multiple of 12 times the prime is taken where a size is divided by something.
    """
    if not graph.sizes:
        return {}
    fixed = _fixed(graph)
    free = [n for n in graph.sizes if n not in fixed]
    shift = seed // len(KINDS)
    primes = [p for p in PRIMES if p not in fixed.values()]
    primes = primes[LARGER:] if shift > 1 else primes
    orders = [primes, list(reversed(primes[: len(free)]))]
    if shift % 2:  # a tall matrix where a wide one did not do
        orders.reverse()
    candidates = [
        fixed | {n: factor * p for n, p in zip(free, order, strict=False)}
        for factor in (1, 2, 12)
        for order in orders
    ]
    for sizes in candidates:
        if len(sizes) == len(graph.sizes) and all(
            _is_size(d, sizes) for line in graph.lines.values() for d in line.symbol.shape
        ):
            return sizes
    return candidates[0]


def _fixed(graph: Graph) -> dict[str, int]:
    """Sizes with a name that a given value settles."""
    found = {}
    for line in graph.lines.values():
        if line.value is not None and len(line.value.shape) == len(line.leaf.shape):
            for d, n in zip(line.leaf.shape, line.value.shape, strict=True):
                if isinstance(d, sp.Symbol):
                    found.setdefault(d.name, n)
    return found


def _substituted(d: dims.Dim, sizes: Mapping[str, int]) -> dims.Dim:
    if isinstance(d, int):
        return d
    return dims.dim(d.subs({dims.symbol(n): v for n, v in sizes.items()}))


def _is_size(d: dims.Dim, sizes: Mapping[str, int]) -> bool:
    n = _substituted(d, sizes)
    return isinstance(n, int) and n >= 1


def concrete(shape: tuple[dims.Dim, ...], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """A shape in numbers; raises ShapeError where one is not a positive integer."""
    found = []
    for d in shape:
        n = _substituted(d, sizes)
        if not isinstance(n, int) or n < 1:
            raise ShapeError(f"{d} is not a size at {dict(sizes)}")
        found.append(n)
    return tuple(found)


def _size(d: Expr | str, sizes: Mapping[str, int]) -> Expr | str:
    return d if isinstance(d, str) else with_sizes(d, sizes)


def with_sizes(e: Expr, sizes: Mapping[str, int]) -> Expr:
    """The term with numbers for the names of sizes."""
    return replaced(e, lambda n: Num(str(sizes[n])) if n in sizes else None)


def replaced(e: Expr, new: Callable[[str], Expr | None]) -> Expr:
    """The term with other terms for some names, and for names in those, again and again."""

    def at(x: Expr) -> Expr | None:
        other = new(x.id) if isinstance(x, Name) else None
        return None if other is None else replaced(other, new)

    return exchanged(e, at)


# -- values ---------------------------------------------------------------------------------------


def _drawn(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    properties: frozenset[str],
    kind: str,
    index: bool,
) -> np.ndarray:
    """Random values of one kind that keep the declared properties."""
    if index:  # 0 and 1; only one of them where a definition moves an index (t + 1)
        least, beyond = {"positive": (1, 2), "fraction": (0, 1)}.get(kind, (0, 2))
        return rng.integers(least, beyond, size=shape).astype(float)
    square = len(shape) == 2 and shape[0] == shape[1]
    if kind == "definite" and square and "diagonal" not in properties:
        a = rng.uniform(0.1, 1.0, size=shape)
        x = a @ a.T / shape[0] + np.eye(shape[0])
    elif kind == "fraction":
        x = rng.uniform(0.1, 0.9, size=shape)
    elif kind == "any" and "positive" not in properties:
        x = rng.uniform(0.4, 1.6, size=shape) * _signs(rng, shape)
    else:
        x = rng.uniform(0.3, 2.0, size=shape)
    x = np.asarray(x, dtype=float)
    if "diagonal" in properties:
        return x * np.eye(shape[0])
    return (x + x.T) / 2 if "symmetric" in properties else x


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Signs of both kinds wherever there are two entries: |x| must not pass for x."""
    count = int(np.prod(shape))
    signs = np.where(np.arange(count) % 2 == rng.integers(0, 2), 1.0, -1.0)
    return rng.permutation(signs).reshape(shape)


def indices(graph: Graph) -> frozenset[str]:
    """What is used as class indices, and what these are moved from by definitions."""
    found: set[str] = set()
    for line in graph.lines.values():
        place = INDICES.get(line.op.name) if line.op is not None else None
        if place is None or len(line.terms) <= place:
            continue
        term = line.terms[place]
        if isinstance(term, Name) and term.id in graph.lines:
            operand = graph[term.id]
            whole = place == 0 or operand.leaf.order < _order(graph, line, 0)
            if whole:
                found.update(x.name for x in _moved_from(operand))
    return frozenset(found)


def _moved_from(line: Line) -> list[Line]:
    """The line itself; where whole numbers stay whole, also what it is made from."""
    found = [line]
    for x in found:
        if x.op is not None and (x.op.moves or x.op.name in WHOLE):
            found += [o for o in x.operands if o not in found]
    return found


def _order(graph: Graph, line: Line, place: int) -> int:
    term = line.terms[place]
    return graph[term.id].leaf.order if isinstance(term, Name) and term.id in graph.lines else 0


# -- a formula at a point -------------------------------------------------------------------------


def formula_problem(
    like: Problem, formula: Expr, values: Mapping[str, Value], rows: frozenset[str]
) -> tuple[Problem, str]:
    """A problem whose one definition is the formula, over names with values; and its name.

    rows: the names that are rows (1×n), which a given value cannot be.
    """
    given: dict[str, Given] = {}
    define: list[Definition] = []
    source = Source("", _Nowhere())
    nowhere = source.where((0, 0))
    for name, value in values.items():
        if name in rows:
            column = _unused(f"{name}_column", values)
            given[column] = Given(column, Value(value.data[0]), None, nowhere)
            define.append(Definition((name,), Transpose(Name(column)), source, nowhere))
        else:
            given[name] = Given(name, value, None, nowhere)
    result = _unused("result", values)
    define.append(Definition((result,), formula, source, nowhere))
    return replace(like, given=given, define=tuple(define), network=None, tasks=()), result


def formula_definition(formula: Expr, taken: Mapping[str, object]) -> Definition:
    """The formula as one more definition, under a name that is free."""
    source = Source("", _Nowhere())
    return Definition((_unused("result", taken),), formula, source, source.where((0, 0)))


class _Nowhere:
    """The place of what stands in no file."""

    def where(self, start: int, end: int) -> Where:
        return Where("", 1, 1, "", 1)


def _unused(name: str, taken: Mapping[str, object]) -> str:
    while name in taken:
        name += "_"
    return name
