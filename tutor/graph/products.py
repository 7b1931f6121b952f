"""Products and sums over indices: the constructor `ein`, and what is a short word for it."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import sympy as sp

from . import dims
from .dims import Dim
from .interned import ONE, Ein, Node, delta, intern, is_delta, is_symmetric, zero

Label = Hashable
_fresh = itertools.count(10_000)  # a global counter: labels of nested eins never collide


def fresh() -> int:
    return next(_fresh)


def fresh_labels(n: int) -> tuple[int, ...]:
    return tuple(next(_fresh) for _ in range(n))


Factor = tuple[Node, Sequence[Label]]


def ein(
    factors: Sequence[Factor],
    out: Sequence[Label],
    coef: Any = ONE,
    sizes: Mapping[Any, Dim] | None = None,
) -> Node:
    """coef · Σ over the labels that `out` lacks of Π factor[labels].

    A label of `out` that no factor carries is a broadcast axis; its size comes from `sizes`.
    A repeated label of `out` puts the result on a diagonal.
    """
    coef = dims.number(coef)
    size: dict[Any, Dim] = dict(sizes or {})
    parts: list[tuple[Node, tuple[Any, ...]]] = []
    for node, labels in factors:
        coef = _take(node, tuple(labels), size, parts, coef)
    out = list(out)
    for axis, label in enumerate(out):  # a diagonal is a delta between two output axes
        if label in out[:axis]:
            out[axis] = twin = fresh()
            size[twin] = size[label]
            parts.append((delta(size[label]), (label, twin)))
    parts = _drop_deltas(parts, out, size)
    return _finish(parts, out, size, coef)


def _take(
    node: Node, labels: tuple[Any, ...], size: dict[Any, Dim], parts: list[Any], coef: sp.Expr
) -> sp.Expr:
    """Add one factor; views and constants dissolve into labels and the coefficient."""
    assert len(labels) == node.order, (node, labels)
    for label, d in zip(labels, node.shape, strict=True):
        known = size.setdefault(label, d)
        assert dims.same(known, d), f"label of size {known} meets an axis of size {d}"
        if isinstance(d, int):  # an integer is better news than an expression equal to it
            size[label] = d
    if node.kind == "ein" and len(node.args) <= 1:
        inner: Ein = node.attr
        coef = dims.shortened(coef * inner.coef)
        rename = dict(enumerate(labels))
        for k in range(node.order, len(inner.sizes)):
            rename[k] = fresh()
            size[rename[k]] = inner.sizes[k]
        for arg, arg_labels in zip(node.args, inner.labels, strict=True):
            parts.append((arg, tuple(rename[k] for k in arg_labels)))
    else:
        parts.append((node, labels))
    return coef


def _drop_deltas(parts: list[Any], out: list[Any], size: dict[Any, Dim]) -> list[Any]:
    """δ_ij with i summed renames i to j."""
    changed = True
    while changed:
        changed = False
        for at, (node, labels) in enumerate(parts):
            if not is_delta(node):
                continue
            i, j = labels
            if i == j:
                parts = parts[:at] + parts[at + 1 :]
            elif i not in out or j not in out:
                gone, kept = (i, j) if i not in out else (j, i)
                rest = parts[:at] + parts[at + 1 :]
                parts = [(n, tuple(kept if x == gone else x for x in ls)) for n, ls in rest]
                size.pop(gone, None)
            else:
                continue
            changed = True
            break
    return parts


def _finish(parts: list[Any], out: list[Any], size: dict[Any, Dim], coef: sp.Expr) -> Node:
    """Canonical labels, broadcast sums into the coefficient, trivial products to their factor."""
    shape = tuple(size[label] for label in out)
    if coef == 0:
        return zero(shape)
    number = {label: k for k, label in enumerate(out)}
    for _, labels in parts:
        for label in labels:
            number.setdefault(label, len(number))
    for label, d in size.items():  # a summed label that no factor carries counts its size
        if label not in number:
            coef = coef * d
    used = {label for _, labels in parts for label in labels}
    sizes: list[Dim] = [1] * len(number)
    for label, k in number.items():
        sizes[k] = size[label]
    parts = [
        (n, tuple(sorted(ls, key=number.__getitem__)) if is_symmetric(n) else ls) for n, ls in parts
    ]
    if coef == 1 and len(parts) == 1 and len(used) == len(out):
        node, labels = parts[0]
        if tuple(number[x] for x in labels) == tuple(range(node.order)) == tuple(range(len(out))):
            return node
    attr = Ein(coef, tuple(tuple(number[x] for x in ls) for _, ls in parts), tuple(sizes))
    return intern("ein", tuple(n for n, _ in parts), attr, shape)


def summed_once(labels: Sequence[Any]) -> bool:
    return len(set(labels)) == len(labels)


def pieces(
    node: Node,
) -> tuple[sp.Expr, list[tuple[Node, tuple[int, ...]]], tuple[int, ...], dict[int, Dim]]:
    """A node as a product with fresh labels: coefficient, factors, output labels, sizes."""
    if node.kind != "ein":
        out = fresh_labels(node.order)
        return ONE, [(node, out)], out, dict(zip(out, node.shape, strict=True))
    attr: Ein = node.attr
    names = fresh_labels(len(attr.sizes))
    factors = [
        (a, tuple(names[k] for k in ls)) for a, ls in zip(node.args, attr.labels, strict=True)
    ]
    return attr.coef, factors, names[: node.order], dict(zip(names, attr.sizes, strict=True))


def scale(coef: Any, node: Node) -> Node:
    """coef · node."""
    if coef == 1:
        return node
    labels = tuple(range(node.order))
    if node.kind == "ein":
        attr: Ein = node.attr
        new = dims.shortened(attr.coef * dims.number(coef))
        if new == 0:
            return zero(node.shape)
        if new == 1 and len(node.args) == 1:
            return ein([(node.args[0], attr.labels[0])], labels, 1, dict(enumerate(attr.sizes)))
        return intern("ein", node.args, Ein(new, attr.labels, attr.sizes), node.shape)
    return ein([(node, labels)], labels, coef)


def permute(node: Node, axes: Sequence[int]) -> Node:
    """Axis k of the result is axis axes[k] of the node (NumPy's transpose)."""
    return ein([(node, tuple(range(node.order)))], tuple(axes))


def mul(a: Node, b: Node) -> Node:
    """Elementwise product of two arrays of one shape (a scalar goes with anything)."""
    la = tuple(range(a.order))
    lb = tuple(range(b.order))
    return ein([(a, la), (b, lb)], la if a.order >= b.order else lb)


def broadcast(node: Node, axes: Sequence[int], shape: Sequence[Dim]) -> Node:
    """An array of `shape` whose axes[k] runs along axis k of the node, the others repeat it."""
    return ein([(node, tuple(axes))], tuple(range(len(shape))), 1, dict(enumerate(shape)))


def sum_axes(node: Node, axes: Sequence[int]) -> Node:
    keep = tuple(k for k in range(node.order) if k not in axes)
    return ein([(node, tuple(range(node.order)))], keep)
