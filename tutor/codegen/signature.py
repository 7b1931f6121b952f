"""What a generated function takes, and the sizes that it reads off its arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from ..expr import Binary, Call, Expr, Index, Name, Num, names
from ..graph.dims import Dim, Shape
from .kinds import NoCode
from .program import RESERVED, Body


@dataclass(frozen=True)
class Parameter:
    name: str
    identifier: str
    shape: Shape  # of the array in code
    row: bool


def signature(
    draft: Body, accepted: Sequence[Parameter], sizes: Mapping[str, sp.Symbol]
) -> tuple[tuple[Parameter, ...], tuple[tuple[str, Expr], ...]]:
    """The parameters that the body needs, and the sizes read off them."""
    used = {n.split(".")[0] for e in draft.terms() for n in names(e)}
    needed = [p for p in accepted if p.identifier in used]
    wanted = [s for s in sizes if s in used]
    found: dict[str, Expr] = {}
    for size in wanted:
        symbol = sizes[size]
        place = _place(symbol, needed) or _place(symbol, accepted)
        if place is None:
            raise NoCode(f"the size {size}")
        p, e = place
        found[size] = e
        if p not in needed:
            needed.append(p)
    parameters = tuple(p for p in accepted if p in needed)
    return parameters, tuple(found.items())


def _place(symbol: sp.Symbol, parameters: Sequence[Parameter]) -> tuple[Parameter, Expr] | None:
    """A parameter whose shape says the size, and how."""
    for plain in (True, False):
        for p in parameters:
            for axis, d in enumerate(p.shape):
                read = Index(Name(f"{p.identifier}.shape"), (Num(str(axis)),))
                if d is symbol or d == symbol:
                    return p, read
                e = None if plain else _solved(d, symbol, read)
                if e is not None:
                    return p, e
    return None


def _solved(d: Dim, symbol: sp.Symbol, read: Expr) -> Expr | None:
    """n from d = a n + b."""
    if isinstance(d, int) or d.free_symbols != {symbol}:
        return None
    a = d.coeff(symbol, 1)
    b = sp.expand(d - a * symbol)
    if not (a.is_Integer and b.is_Integer):
        return None
    e: Expr = read
    if b != 0:
        e = Binary("-" if b > 0 else "+", e, Num(str(abs(int(b)))))
    return e if a == 1 else Call("int", (Binary("/", e, Num(str(int(a)))),))


def identifier(name: str) -> str:
    return f"{name}_" if name in RESERVED else name
