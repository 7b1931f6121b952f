"""Lengths: ‖x‖ of a column, ‖A‖_F of a matrix, found behind sums of squares."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import sympy as sp

from ..expr import Binary, Call, Expr, Num, Transpose
from ..graph.node import Node, T, ein, pieces

MOST_PAIRS = 4  # of equal factors: every way to deal them out is tried

Labelled = Sequence[tuple[Node, tuple[int, ...]]]


def squared_length(term: Expr, order: int) -> Expr:
    """‖x‖² or ‖A‖_F²."""
    return Binary("**", Call("norm2" if order == 1 else "frobenius", (term,)), Num("2"))


def total(name: str, term: Expr, order: int) -> Expr:
    """The sum or mean of all entries; Σ |x| of a column is its 1-norm, Σ x² its squared length."""
    match term:
        case Call("abs", (x,)) if name == "sum" and order == 1:
            return Call("norm1", (x,))
        case Binary("**", x, Num("2")) if name == "sum":
            return squared_length(x, order)
    return Call(name, (term,))


def length_of(e: Expr) -> Expr | None:
    """‖x‖, when e is its square; the standard deviation of a variance."""
    match e:
        case Call("var"):
            return Call("std", e.args, e.kwargs)
        case Binary("**", Call("norm2" | "frobenius"), Num("2")):
            return e.left
        case Binary("@", Transpose(), _) if e.left.arg == e.right:  # type: ignore[union-attr]
            return Call("norm2", (e.right,))
    return None


def takes_root(f: sp.Expr) -> bool:
    """Whether a function takes a square root of its argument itself."""
    return any(p.base == T and (2 * p.exp).is_odd for p in f.atoms(sp.Pow))


def root_of(node: Node) -> Node | None:
    """The column or matrix M with node = Σ M ⊙ M, where a product was multiplied out: xᵀAᵀA x.

    None where the factors cannot be dealt out into two equal products.
    """
    if node.kind != "ein" or node.order or node.attr.coef != 1:
        return None
    _, factors, _, sizes = pieces(node)
    pairs = _pairs(factors)
    if pairs is None or not 2 <= len(pairs) <= MOST_PAIRS:
        return None
    first, *rest = pairs
    for turned in product((False, True), repeat=len(rest)):
        hands = [first, *((b, a) if t else (a, b) for (a, b), t in zip(rest, turned, strict=True))]
        one, other = [a for a, _ in hands], [b for _, b in hands]
        shared = _labels(one) & _labels(other)
        axes = [x for _, labels in one for x in labels if x in shared]
        axes = list(dict.fromkeys(axes))
        if len(axes) not in (1, 2):
            continue
        left, right = (ein(half, axes, 1, {x: sizes[x] for x in axes}) for half in (one, other))
        if left.key == right.key and left.order == len(axes):
            return left
    return None


def _pairs(factors: Labelled) -> list[tuple[tuple[Node, tuple[int, ...]], ...]] | None:
    """The factors in pairs of equal ones, in order."""
    waiting: dict[Node, list[tuple[Node, tuple[int, ...]]]] = {}
    for factor in factors:
        waiting.setdefault(factor[0], []).append(factor)
    if any(len(group) % 2 for group in waiting.values()):
        return None
    return [(group[k], group[k + 1]) for group in waiting.values() for k in range(0, len(group), 2)]


def _labels(half: Labelled) -> set[int]:
    return {x for _, labels in half for x in labels}
