"""Matrices that are positive semidefinite whatever stands in them: XᵀX, Xᵀ D X with D positive."""

from __future__ import annotations

import sympy as sp

from ..graph import node as g
from ..graph.node import Node, is_delta, pieces
from ..value import Value
from .stationary_terms import terms
from .workspace import Workspace


def never_negative(node: Node, ws: Workspace) -> bool:
    """Whether a matrix is of the form Σ c MᵀM or Σ c Mᵀ D M with c > 0 and a positive diagonal D:
    positive semidefinite for whatever stands in it."""
    return all(_gram(c, term, ws) for c, term in terms(node))


def _gram(c: sp.Expr, term: Node, ws: Workspace) -> bool:
    coef, factors, out, _ = pieces(term)
    if not (c * coef).is_positive:
        return False
    scalars = [f for f, labels in factors if not labels]
    if not all(positive(f, ws) for f in scalars):
        return False
    factors = [(f, labels) for f, labels in factors if labels]
    half = len(out) // 2
    swap = dict(zip(out, out[half:] + out[:half], strict=True)) if half else {}
    rest = list(factors)
    inner: dict[int, int] = {}
    while rest:
        f, labels = rest.pop(0)
        if is_delta(f) and half and set(labels) in [{a, swap[a]} for a in out]:
            continue
        twin = next(
            (
                k
                for k, (h, other) in enumerate(rest)
                if h.key == f.key and _mirrored(labels, other, swap, inner)
            ),
            None,
        )
        if twin is None:
            if len(labels) == 1 and labels[0] not in out and positive(f, ws):
                continue  # a positive weight on a summed index
            return False
        other = rest.pop(twin)[1]
        inner |= {a: b for a, b in zip(labels, other, strict=True) if a not in swap}
    return all(a == b for a, b in inner.items())


def _mirrored(labels: tuple, other: tuple, swap: dict, inner: dict) -> bool:
    for a, b in zip(labels, other, strict=True):
        if a in swap:
            if swap[a] != b:
                return False
        elif a != b or inner.get(a, b) != b:
            return False
    return True


def positive(node: Node, ws: Workspace) -> bool:
    value = g.constant_of(node)
    if value is not None:
        return bool(value.is_positive)
    if node.kind == "var":
        line = ws.graph.lines.get(node.attr.name) if isinstance(node.attr.name, str) else None
        if "positive" in node.attr.properties:
            return True
        number = ws.numbers.get(line.name) if line is not None else None
        return number is not None and bool((Value(number).floats() > 0).all())
    if node.kind == "map":
        f = node.attr
        if f.func.__name__ in ("exp", "sigmoid", "softplus", "cosh"):
            return True
        if f.is_Pow and f.base == g.T and f.exp.is_even and f.exp.is_negative:
            return True  # where it has a value at all
        return (f == 1 / g.T or (f.is_Pow and f.base == g.T)) and positive(node.args[0], ws)
    if node.kind == "ein":
        coef, factors, _, _ = pieces(node)
        return bool(coef.is_positive) and all(positive(f, ws) for f, _ in factors)
    if node.kind == "add":
        return all(c.is_positive for c in node.attr) and all(positive(a, ws) for a in node.args)
    return node.kind == "call" and node.attr[0] == "softmax"
