"""Products entry by entry of arrays that lack axes of each other, as NumPy spreads them.

A factor that lacks axes is reshaped to have size 1 there; what is summed within is a sum or a mean
that keeps its axes, so that it goes with the others again: x − mean(x, axis=[0, 2], keepdims=True).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from ..expr import Call, Const, Expr, List, Num
from ..graph import dims
from ..graph.dims import Dim
from .build import NoMatrixForm, hadamard, size_term
from .conv_parts import permuted
from .relations import Item
from .sliding_axes import Labels


@dataclass(frozen=True)
class Laid:
    """A factor that spreads over the axes of the result; `labels` are those it really has."""

    term: Expr
    labels: Labels


def entrywise(
    arrays: Sequence[Item], out: Labels, sizes: Mapping[int, Dim], coef: sp.Expr
) -> tuple[Laid, sp.Expr]:
    """The product, and the coefficient that is left once sums have become means."""
    rest, done = list(arrays), []
    while any(x not in out for item in rest for x in item.labels):
        part = _connected(rest, out)
        rest = [x for x in rest if not any(x is y for y in part)]
        summed, coef = _summed(part, out, sizes, coef)
        done.append(summed)
    found = [*(_laid(item, out, sizes) for item in rest), *done]
    if not found:
        raise NoMatrixForm
    term = found[0].term
    for factor in found[1:]:
        term = hadamard(term, factor.term)
    carried = {x for factor in found for x in factor.labels}
    return Laid(term, tuple(x for x in out if x in carried)), coef


def _connected(arrays: list[Item], out: Labels) -> list[Item]:
    """The factors that a first summed label ties together."""
    first = next(item for item in arrays if any(x not in out for x in item.labels))
    tied = {x for x in first.labels if x not in out}
    while True:
        part = [item for item in arrays if tied & set(item.labels)]
        more = {x for item in part for x in item.labels if x not in out}
        if more == tied:
            return part
        tied = more


def _summed(
    part: list[Item], out: Labels, sizes: Mapping[int, Dim], coef: sp.Expr
) -> tuple[Laid, sp.Expr]:
    """The product of the factors, summed over what the result lacks."""
    every = {x for item in part for x in item.labels}
    whole = next((item for item in part if set(item.labels) == every), None)
    if whole is None or len(set(whole.labels)) < len(whole.labels):
        raise NoMatrixForm
    term = whole.term
    for item in part:
        if item is not whole:
            term = hadamard(term, _laid(item, whole.labels, sizes).term)
    kept = tuple(x for x in whole.labels if x in out)
    count = dims.number(dims.product([sizes[x] for x in whole.labels if x not in out]))
    name = "sum"
    if count != 1 and count.is_number and coef.is_Rational and coef.q % int(count) == 0:
        name, coef = "mean", coef * count
    if not kept:
        return Laid(Call(name, (term,)), ()), coef
    axes = tuple(Num(str(k)) for k, x in enumerate(whole.labels) if x not in out)
    over: tuple[tuple[str, Expr], ...] = (("axis", axes[0] if len(axes) == 1 else List(axes)),)
    in_place = len(whole.labels) == len(out) and all(
        x == y for x, y in zip(whole.labels, out, strict=True) if x in out
    )
    if in_place:
        return Laid(Call(name, (term,), (*over, ("keepdims", Const(True)))), kept), coef
    return _laid(Item(Call(name, (term,), over), kept), out, sizes), coef


def _laid(item: Item, out: Labels, sizes: Mapping[int, Dim]) -> Laid:
    """The factor with its axes in the order of the result, and axes of size 1 where it has none."""
    if len(set(item.labels)) < len(item.labels):
        raise NoMatrixForm
    labels = tuple(x for x in out if x in item.labels)
    if not labels:
        return Laid(item.term, ())
    e = permuted(item.term, item.labels, labels)
    span = out[out.index(labels[0]) :]
    if span == labels:
        return Laid(e, labels)
    shape = tuple(size_term(sizes[x]) if x in labels else Num("1") for x in span)
    return Laid(Call("reshape", (e, *shape)), labels)


def with_bias(terms: list[tuple[sp.Expr, Expr | None]]) -> list[tuple[sp.Expr, Expr | None]]:
    """A convolution plus a number for each of its channels as the convolution with that bias."""
    for j, (sign, conv) in enumerate(terms):
        if not (isinstance(conv, Call) and conv.func.startswith("conv") and len(conv.args) == 2):
            continue
        ones = (Num("1"),) * int(conv.func[-2])
        for k, (other, bias) in enumerate(terms):
            fits = isinstance(bias, Call) and bias.func == "reshape" and bias.args[2:] == ones
            if fits and isinstance(bias, Call) and sign == other == 1:
                whole = Call(conv.func, (*conv.args, bias.args[0]), conv.kwargs)
                return [(sign, whole) if i == j else t for i, t in enumerate(terms) if i != k]
    return terms
