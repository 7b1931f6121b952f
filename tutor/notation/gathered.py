"""The factors of an entry: a product of them, equal ones as powers, and the sums over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from ..expr import Binary, Component, Expr, Name, Num, Sum, walk
from ..graph import dims
from ..graph.dims import Dim
from .build import size_term


def product_of(factors: Sequence[Expr]) -> Expr:
    """a · b / c for the factors a, 1/c and b."""
    tops = [f for f in factors if _below(f) is None]
    bottoms = [d for f in factors if (d := _below(f)) is not None]
    term: Expr = tops[0] if tops else Num("1")
    for f in tops[1:]:
        term = Binary("*", term, f)
    if not bottoms:
        return term
    down = bottoms[0]
    for d in bottoms[1:]:
        down = Binary("*", down, d)
    return Binary("/", term, down)


def _below(e: Expr) -> Expr | None:
    """c, of 1/c."""
    match e:
        case Binary("/", Num("1"), d):
            return d
        case _:
            return None


def gathered(body: Sequence[Expr], order: Mapping[str, int]) -> list[Expr]:
    """Equal factors as a power; entries of one array in the order of their subscripts."""

    def by_subscript(e: Expr) -> list[int]:
        return [order.get(x.id, len(order)) for x in walk(e) if isinstance(x, Name)]

    count: dict[Expr, int] = {}
    for b in body:
        count[b] = count.get(b, 0) + 1
    found = [b if n == 1 else Binary("**", b, Num(str(n))) for b, n in count.items()]
    ordered: list[Expr] = []
    for array, run in groupby(found, lambda b: b.arg if isinstance(b, Component) else None):
        entries = list(run)
        ordered += entries if array is None else sorted(entries, key=by_subscript)
    return ordered


def sums(letters: Sequence[str], ranged: Mapping[str, Dim], body: Expr) -> Expr:
    """Σ over the letters, with the last value of those whose range no array shows (`ranged`)."""
    plain = tuple(x for x in letters if x not in ranged)
    whole = Sum(plain, body) if plain else body
    for size in reversed(dict.fromkeys(ranged.values())):
        of_size = tuple(x for x, d in ranged.items() if d == size)
        whole = Sum(of_size, whole, size_term(dims.dim(dims.number(size) - 1)))
    return whole
