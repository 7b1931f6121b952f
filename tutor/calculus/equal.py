"""Whether two formulas are equal: by canonical form, else by values at random points.

A proof is one of two: the simplified difference is zero, or it is once all is multiplied out. Where
neither is found the formulas may still be equal, so that only values decide: at several random
points, with pairwise different prime sizes, so that a lost transpose cannot hide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from ..errors import InputError
from ..graph import dims
from ..graph import node as g
from ..graph.node import Node, topological
from ..numeric.evaluate import evaluate
from .expand import expanded
from .simplify import simplify

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
POINTS = 4
ATTEMPTS = 24
TOLERANCE = 1e-10


@dataclass(frozen=True)
class Verdict:
    """equal: True, False, or None where no point could be evaluated.

    shown      the equality is proved; otherwise it rests on values
    deviation  the largest relative difference at the points; None where none was evaluated
    points     how many points were evaluated
    """

    equal: bool | None
    shown: bool = False
    deviation: float | None = None
    points: int = 0


def equal(
    a: Node,
    b: Node,
    known: Mapping[Node, np.ndarray] | None = None,
    sizes: Mapping[sp.Expr, int] | None = None,
) -> Verdict:
    """Compare two nodes over the same leaves; nodes of different shapes are different.

    `known` holds the values of leaves that are constants (`Graph.constants`), `sizes` those of
    symbolic sizes; everything else is drawn.
    """
    if not dims.same_shape(a.shape, b.shape):
        return Verdict(False)
    if shown_equal(a, b):
        return Verdict(True, shown=True)
    return sampled(a, b, known or {}, sizes or {})


def shown_equal(a: Node, b: Node) -> bool:
    """Whether the canonical form proves it; False proves nothing."""
    if a.key == b.key:
        return True
    gap = simplify(g.sub(a, b))
    if g.is_zero(gap):
        return True
    return g.is_zero(simplify(expanded(gap))) or g.is_zero(expanded(gap))


# -- values ---------------------------------------------------------------------------------------


def sampled(
    a: Node, b: Node, known: Mapping[Node, np.ndarray], sizes: Mapping[sp.Expr, int]
) -> Verdict:
    """Compare the values at random points; the generator's seed is fixed."""
    leaves = [n for n in topological([a, b]) if n.kind == "var" and n not in known]
    symbols = [s for s in symbols_of([a, b]) if s not in sizes]
    if len(symbols) > len(PRIMES):
        return Verdict(None)
    worst, points = 0.0, 0
    for env, chosen in _points(leaves, symbols, sizes):
        try:
            pair = evaluate([a, b], {**known, **env}, chosen)
        except (InputError, KeyError, ArithmeticError, np.linalg.LinAlgError):
            continue
        x, y = (np.asarray(v, dtype=float) for v in pair)
        scale = max(float(np.max(np.abs(v), initial=0.0)) for v in (x, y))
        worst = max(worst, float(np.max(np.abs(x - y), initial=0.0)) / max(scale, 1e-3))
        points += 1
        if points == POINTS or worst > TOLERANCE:
            break
    if not points:
        return Verdict(None)
    return Verdict(worst <= TOLERANCE, deviation=worst, points=points)


def symbols_of(roots: Sequence[Node]) -> list[sp.Symbol]:
    """The symbolic sizes that the nodes mention, by name."""
    found: set[sp.Symbol] = set()

    def gather(x: object) -> None:
        if isinstance(x, sp.Basic):
            found.update(s for s in x.free_symbols if isinstance(s, sp.Symbol) and s != g.T)
        elif isinstance(x, tuple):
            for y in x:
                gather(y)

    for n in topological(roots):
        gather(n.shape)
        if n.kind == "ein":
            gather((n.attr.coef, n.attr.sizes))
        elif n.kind != "var":
            gather(n.attr)
    return sorted(found, key=str)


def _points(
    leaves: Sequence[Node], symbols: Sequence[sp.Symbol], sizes: Mapping[sp.Expr, int]
) -> Iterator[tuple[dict[Node, np.ndarray], dict[sp.Expr, int]]]:
    """Points, the domain changing where functions may need it: any, positive, definite."""
    rng = np.random.default_rng(20)
    pool = [p for p in PRIMES if p not in sizes.values()]
    pool = pool[: max(len(symbols) + 1, 4)]
    for attempt in range(ATTEMPTS):
        order = rng.permutation(len(pool))
        chosen = dict(sizes)
        chosen |= {s: pool[order[k]] for k, s in enumerate(symbols)} if symbols else {}
        make = DOMAINS[attempt % len(DOMAINS)]
        env = {}
        for leaf in leaves:
            shape = tuple(_number(d, chosen) for d in leaf.shape)
            if any(d < 1 for d in shape):
                break
            env[leaf] = constrained(leaf.attr.properties, make(rng, shape))
        else:
            yield env, chosen


def _number(d: dims.Dim, sizes: Mapping[sp.Expr, int]) -> int:
    return d if isinstance(d, int) else int(d.subs(sizes))


def _any(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(-2.0, 2.0, size=shape)


def _positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(0.3, 1.5, size=shape)


def _definite(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Positive numbers; square matrices near a positive definite one."""
    x = rng.uniform(0.3, 1.5, size=shape)
    if len(shape) == 2 and shape[0] == shape[1]:
        return x / shape[0] + 2.0 * np.eye(shape[0])
    return x


def _small(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(-0.5, 0.5, size=shape)


Domain = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
DOMAINS: tuple[Domain, ...] = (_any, _positive, _definite, _small)


def constrained(properties: frozenset[str], x: np.ndarray) -> np.ndarray:
    """The values with what was declared of the leaf."""
    if "positive" in properties:
        x = np.abs(x) + 0.1
    if x.ndim == 2 and x.shape[0] == x.shape[1]:
        if "diagonal" in properties:
            x = np.diag(np.diagonal(x))
        elif "definite" in properties:
            x = x @ x.T + np.eye(len(x))
        elif "symmetric" in properties:
            x = (x + x.T) / 2
    return x
