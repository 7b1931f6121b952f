"""Chains of matrix products: which way round, sums along an axis, powers of a factor."""

from __future__ import annotations

from collections.abc import Sequence

from ..expr import Binary, Call, Expr, Name, Neg, Num, Transpose, walk
from ..graph.dims import Dim
from .build import chained, in_front, size_term


def dot(a: Expr, a_turned: Expr, b: Expr, b_turned: Expr) -> Expr:
    """aᵀb or bᵀa, the one with fewer transposes: xᵀAx, not xᵀAᵀx."""
    one, other = chained(a_turned, b), chained(b_turned, a)
    return other if _turns(other) < _turns(one) else one


def _turns(e: Expr) -> int:
    return sum(isinstance(x, Transpose) for x in walk(e))


def entry_sum(a: Expr, b: Expr, straight: bool) -> Expr:
    """Σ of the entries of A ⊙ B; of A ⊙ Bᵀ it is the trace of A B."""
    if straight:
        return Call("sum", (Binary("*", a, b, elementwise=True),))
    return Call("tr", (chained(a, b),))


def axis_sum(name: str, term: Expr, turned: Expr, axis: int, size: Dim) -> Expr:
    """Row sums M 𝟏, or column sums Mᵀ 𝟏; a mean keeps its name. Either is a column."""
    if name == "sum":
        return chained(turned if axis == 0 else term, Call("ones", (size_term(size),)))
    mean = Call(name, (term,), (("axis", Num(str(axis))),))
    return Transpose(mean) if axis == 0 else mean


# -- powers ---------------------------------------------------------------------------------------


def with_powers(e: Expr) -> Expr:
    """X X X as X³ and Xᵀ Xᵀ as (X²)ᵀ, in a chain."""
    factors = _factors(e)
    number = None
    if isinstance(factors[0], Binary) and factors[0].op == "*" and _is_number(factors[0].left):
        number, factors[0] = factors[0].left, factors[0].right
    runs: list[tuple[Expr, int]] = []
    for base, n in map(_counted, factors):
        if runs and runs[-1][0] == base and _is_name(base):
            runs[-1] = base, runs[-1][1] + n
        else:
            runs.append((base, n))
    if len(runs) == len(factors):
        return e
    powers = [_power(f, n) for f, n in runs]
    whole = powers[0]
    for p in powers[1:]:
        whole = Binary("@", whole, p)
    return whole if number is None else in_front(number, whole)


def _counted(e: Expr) -> tuple[Expr, int]:
    """X³ as X and 3, (X²)ᵀ as Xᵀ and 2."""
    match e:
        case Call("matrix_power", (Name() as base, Num(n))):
            return base, int(n)
        case Transpose(Call("matrix_power", (Name() as base, Num(n)))):
            return Transpose(base), int(n)
        case _:
            return e, 1


def _factors(e: Expr) -> list[Expr]:
    found: list[Expr] = []
    while isinstance(e, Binary) and e.op == "@":
        found.append(e.right)
        e = e.left
    return [e, *found[::-1]]


def _is_number(e: Expr) -> bool:
    return isinstance(e.arg if isinstance(e, Neg) else e, Num)


def _is_name(e: Expr) -> bool:
    return isinstance(e.arg if isinstance(e, Transpose) else e, Name)


def _power(e: Expr, n: int) -> Expr:
    if n == 1:
        return e
    if isinstance(e, Transpose):
        return Transpose(Call("matrix_power", (e.arg, Num(str(n)))))
    return Call("matrix_power", (e, Num(str(n))))


# -- scalars --------------------------------------------------------------------------------------


def in_order(scalars: Sequence[Expr]) -> list[Expr]:
    """Neighbouring letters in the order of the alphabet: 2xy."""
    found = list(scalars)
    start = 0
    while start < len(found):
        end = start
        while end < len(found) and isinstance(found[end], Name):
            end += 1
        found[start:end] = sorted(found[start:end], key=lambda e: e.id.lower())  # type: ignore[union-attr]
        start = max(end, start + 1)
    return found
