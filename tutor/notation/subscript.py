"""Subscripts: sums of index letters and sizes, and the ranges through which they run.

A subscript such as i + r − 1 or n − 1 − i is a linear form over letters. Whether it can leave its
axis decides what may be written with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from ..expr import Binary, Call, Component, Expr, Name, Num
from ..graph import dims
from ..graph.dims import Dim
from .build import sum_term
from .scalars import term_of


@dataclass(frozen=True)
class Linear:
    """Σ c·letter + constant; the letters in the order in which they are written."""

    terms: tuple[tuple[str, Dim], ...] = ()
    constant: Dim = 0

    @property
    def letters(self) -> tuple[str, ...]:
        return tuple(x for x, _ in self.terms)

    @property
    def is_letter(self) -> bool:
        return len(self.terms) == 1 and self.terms[0][1] == 1 and self.constant == 0


def letter(name: str) -> Linear:
    return Linear(((name, 1),))


def combined(parts: Iterable[tuple[Dim, Linear]], constant: Dim = 0) -> Linear:
    """Σ c·form + constant, like letters gathered."""
    total: dict[str, Dim] = {}
    for c, form in parts:
        for x, a in form.terms:
            total[x] = dims.dim(total.get(x, 0) + a * c)
        constant = dims.dim(constant + form.constant * c)
    return Linear(tuple((x, a) for x, a in total.items() if a != 0), constant)


def bounds(form: Linear, sizes: Mapping[str, Dim]) -> tuple[Dim, Dim] | None:
    """The least and the largest value; None where the sign of a coefficient is not known."""
    low = high = dims.number(form.constant)
    for x, c in form.terms:
        number = dims.number(c)
        far = number * (dims.number(sizes[x]) - 1)
        if number.is_positive:
            high += far
        elif number.is_negative:
            low += far
        else:
            return None
    return dims.dim(low), dims.dim(high)


def stays_within(form: Linear, size: Dim, sizes: Mapping[str, Dim]) -> bool:
    """Whether the subscript provably runs from 0 to at most size − 1."""
    ends = bounds(form, sizes)
    if ends is None:
        return False
    low, high = ends
    return _never_negative(low) and _never_negative(dims.dim(dims.number(size) - 1 - high))


def _never_negative(d: Dim) -> bool:
    """A polynomial in positive whole numbers: shifted by 1, no coefficient is negative."""
    number = dims.number(d)
    symbols = sorted(number.free_symbols, key=str)
    if not symbols:
        return bool(number >= 0)
    shifted = sp.expand(number.subs({s: s + 1 for s in symbols}, simultaneous=True))
    if not shifted.is_polynomial(*symbols):
        return False
    return all(c >= 0 for c in sp.Poly(shifted, *symbols).coeffs())


# -- as terms -------------------------------------------------------------------------------------


def subscript_term(form: Linear, order: Mapping[str, int]) -> Expr:
    """i + r − 1: letters first, in their order, then sizes and numbers; minus signs last."""
    terms = sorted(form.terms, key=lambda item: order.get(item[0], len(order)))
    parts: list[tuple[sp.Expr, Expr]] = []
    for x, c in terms:
        parts += [(dims.number(c) * factor, part) for factor, part in _letter_terms(x)]
    rest = dims.number(form.constant)
    for part in rest.as_ordered_terms() if rest != 0 else ():
        number, size = part.as_coeff_Mul()
        parts.append((number, term_of(size)))
    parts.sort(key=lambda item: bool(item[0].could_extract_minus_sign()))
    return sum_term(parts) if parts else Num("0")


def _letter_terms(name: str) -> list[tuple[int, Expr]]:
    """A letter; ⌊i/c⌋ for the quotient i//c, i − c·⌊i/c⌋ for the rest i%c."""
    for mark in (QUOTIENT, REST):
        i, found, c = name.partition(mark)
        if found:
            quotient = Call("floor", (Binary("/", Name(i), Num(c)),))
            return [(1, quotient)] if mark == QUOTIENT else [(1, Name(i)), (-int(c), quotient)]
    return [(1, Name(name))]


def delta_term(form: Linear, order: Mapping[str, int], symbol: str) -> Expr:
    """δ_{a, b} for the relation form = 0, with plus signs on both sides where that is possible."""
    left = Linear(tuple((x, c) for x, c in form.terms if _positive(c)))
    right = Linear(tuple((x, dims.dim(-c)) for x, c in form.terms if not _positive(c)))
    if not left.terms:
        left, right = right, Linear((), form.constant)
    elif not right.terms or not _positive(form.constant):
        right = Linear(right.terms, dims.dim(-form.constant))
    else:
        left = Linear(left.terms, form.constant)
    first = [order.get(x, len(order)) for x in left.letters]
    second = [order.get(x, len(order)) for x in right.letters]
    if second and min(second) < min(first):
        left, right = right, left
    return Component(Name(symbol), (subscript_term(left, order), subscript_term(right, order)))


def _positive(d: Dim) -> bool:
    return not dims.number(d).could_extract_minus_sign()


# -- index relations, solved ----------------------------------------------------------------------


def renamed(form: Linear, names: Mapping[str, str]) -> Linear:
    return Linear(tuple((names.get(x, x), c) for x, c in form.terms), form.constant)


QUOTIENT, REST = "//", "%"  # i//2 and i%2 are letters too: the parts of i = 2u + v, 0 ≤ v < 2


def divided(
    relations: Sequence[Linear], inner: Collection[str], ranges: Mapping[str, Dim]
) -> tuple[dict[str, Linear], dict[str, Dim], list[Linear]]:
    """Summed letters u and v of i = c·u + v, v < c, as quotient and rest of i.

    Returns the values, the ranges of the new letters, and the relations that are left.
    """
    values: dict[str, Linear] = {}
    new: dict[str, Dim] = {}
    left: list[Linear] = []
    for relation in relations:
        found = None if values.keys() & set(relation.letters) else _division(relation, inner)
        u, v, i, c = found or ("", "", "", 0)
        whole = found and isinstance(ranges[u], int) and isinstance(ranges[i], int)
        if not whole or ranges[v] != c or ranges[i] > c * ranges[u]:
            left.append(relation)
            continue
        values |= {u: letter(f"{i}{QUOTIENT}{c}"), v: letter(f"{i}{REST}{c}")}
        new |= {f"{i}{QUOTIENT}{c}": ranges[u], f"{i}{REST}{c}": c}
    for x, value in values.items():
        left = [_replaced(r, x, value) for r in left]
    return values, new, left


def _division(relation: Linear, inner: Collection[str]) -> tuple[str, str, str, int] | None:
    """u, v, i and c of ±(i − c·u − v) = 0 with summed letters u and v, and c > 1."""
    fixed = [(x, c) for x, c in relation.terms if x not in inner]
    summed = [(x, c) for x, c in relation.terms if x in inner]
    if relation.constant != 0 or len(fixed) != 1 or len(summed) != 2:
        return None
    i, sign = fixed[0]
    if sign not in (1, -1) or QUOTIENT in i or REST in i:
        return None
    (v, one), (u, step) = sorted(((x, -c * sign) for x, c in summed), key=lambda t: t[1] != 1)
    return (u, v, i, step) if one == 1 and isinstance(step, int) and step > 1 else None


def eliminated(
    relations: Sequence[Linear],
    inner: Collection[str],
    carried: Collection[str],
    ranges: Mapping[str, Dim],
) -> tuple[dict[str, Linear], list[Linear]]:
    """Relations (form = 0) solved for summed letters, and the relations that are left.

    A letter may be replaced by what it is equal to where that cannot leave its range, or where an
    array carries it (`carried`), whose entries outside count 0.
    """
    values: dict[str, Linear] = {}
    left = list(relations)

    def next_one() -> tuple[int, str, Linear] | None:
        for wanted in (True, False):
            for k, relation in enumerate(left):
                for x, c in relation.terms:
                    if x not in inner or c not in (1, -1) or (x in carried) != wanted:
                        continue
                    others = Linear(
                        tuple(t for t in relation.terms if t[0] != x), relation.constant
                    )
                    value = combined([(-c, others)])
                    if wanted or stays_within(value, ranges[x], ranges):
                        return k, x, value
        return None

    while (found := next_one()) is not None:
        k, x, value = found
        left.pop(k)
        left = [_replaced(r, x, value) for r in left]
        values = {y: _replaced(v, x, value) for y, v in values.items()}
        values[x] = value
    return values, left


def _replaced(form: Linear, name: str, value: Linear) -> Linear:
    parts = [(c, value if x == name else letter(x)) for x, c in form.terms]
    return combined(parts, form.constant)
