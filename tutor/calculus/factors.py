"""Factors of a product with their labels, and the search for a product inside another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..graph import dims
from ..graph.interned import is_symmetric
from ..graph.node import Node, delta, ein, pieces, zero

MOST_FACTORS = 24

Factor = tuple[Node, tuple[int, ...]]


def labelled(node: Node) -> list[Factor]:
    """The factors of a product with their labels."""
    return list(zip(node.args, node.attr.labels, strict=True))


def uses(node: Node) -> Counter[int]:
    """How often each label is carried; an output axis counts as one use."""
    count = Counter(x for labels in node.attr.labels for x in labels)
    count.update(range(node.order))
    return count


def with_factors(
    node: Node, factors: Sequence[Factor], coef: Any = None, gone: Sequence[int] = ()
) -> Node:
    """The product with other factors over the same labels; `gone` labels are summed no more.

    A label left in the sizes without a factor would count as a sum of ones.
    """
    attr = node.attr
    sizes = {k: d for k, d in enumerate(attr.sizes) if k not in gone}
    return ein(factors, tuple(range(node.order)), attr.coef if coef is None else coef, sizes)


def flat(node: Node) -> Node:
    """A (B C) = A B C, as long as the product stays of a readable length."""
    if not any(a.kind == "ein" and a.args for a in node.args):
        return node
    coef, factors, out, sizes = pieces(node)
    opened: list[Factor] = []
    waiting = len(factors)
    changed = False
    for factor, labels in factors:
        waiting -= 1
        inside = len(factor.args) if factor.kind == "ein" else 0
        if not inside or len(opened) + inside + waiting > MOST_FACTORS:
            opened.append((factor, labels))
            continue
        changed = True
        c, nested, inner_out, inner_sizes = pieces(factor)
        rename: dict[int, int] = dict(zip(inner_out, labels, strict=True))
        coef *= c
        for label, d in inner_sizes.items():
            if label not in rename:
                sizes[label] = d
        opened.extend((n, tuple(rename.get(x, x) for x in ls)) for n, ls in nested)
    return ein(opened, out, coef, sizes) if changed else node


def reshaped_back(node: Node) -> Node:
    """There and back moves nothing, vec or padding: Σ_p R[p, i, j] R[p, k, l] = δ_ik δ_jl."""
    factors = labelled(node)
    for k, (factor, labels) in enumerate(factors):
        if not (is_unrolling(factor) or is_padding(factor)) or labels[0] < node.order:
            continue
        if uses(node)[labels[0]] == 1:  # every i has one p, so that Σ_p is 1
            kept = [f for i, f in enumerate(factors) if i != k]
            return with_factors(node, kept, gone=[labels[0]])
        for j, (other, own) in enumerate(factors[:k]):
            if other is not factor or own[0] != labels[0] or uses(node)[labels[0]] != 2:
                continue
            deltas = [
                (delta(d), pair)
                for d, *pair in zip(factor.shape[1:], labels[1:], own[1:], strict=True)
            ]
            kept = [f for i, f in enumerate(factors) if i not in (j, k)]
            return with_factors(node, kept + deltas, gone=[labels[0]])
    return node


def off_the_padding(node: Node) -> Node:
    """Σ_p [p = i] [p = c + k] over i < n is zero where c lies behind the n entries."""
    factors = labelled(node)
    for factor, labels in factors:
        if not is_padding(factor):
            continue
        for unit, own in factors:
            if unit.kind != "rel" or unit.attr[0] not in ((1,), (1, -1)) or own[0] != labels[0]:
                continue
            if dims.number(dims.dim(unit.attr[1] - factor.shape[1])).is_nonnegative:
                return zero(node.shape)
    return node


def one_unit_axis(node: Node) -> Node:
    """Σ_k X[i, k] repeated along j is X[i, j], where both axes have one entry."""
    attr = node.attr
    carried = {x for labels in attr.labels for x in labels}
    free = [x for x in range(node.order) if attr.sizes[x] == 1 and x not in carried]
    summed = [x for x in carried if x >= node.order and attr.sizes[x] == 1]
    if not free or not summed:
        return node
    new = {x: free[0] for x in summed}
    factors = [(f, tuple(new.get(x, x) for x in labels)) for f, labels in labelled(node)]
    if any(len(set(labels)) < len(labels) for _, labels in factors):
        return node
    return with_factors(node, factors, gone=summed)


def is_padding(node: Node) -> bool:
    """Whether a relation is p = i with more places for p than for i: zeros behind a vector."""
    if node.kind != "rel" or node.attr != ((1, -1), 0):
        return False
    return bool(dims.number(dims.dim(node.shape[0] - node.shape[1])).is_positive)


def is_unrolling(node: Node) -> bool:
    """Whether a relation p = Σ strides·i numbers all entries of an array once."""
    if node.kind != "rel" or node.order < 2:
        return False
    (lead, *strides), constant = node.attr
    if lead != 1 or constant != 0:
        return False
    axes = [(dims.dim(-c), d) for c, d in zip(strides, node.shape[1:], strict=True)]
    stride: dims.Dim = 1
    while axes:
        at = next((k for k, (c, _) in enumerate(axes) if c == stride), None)
        if at is None:
            return False
        stride = dims.dim(stride * axes.pop(at)[1])
    return stride == node.shape[0]


def matched(
    body: Node, fixed: dict[int, int], node: Node, taken: set[int]
) -> tuple[set[int], set[int], dict[int, int]] | None:
    """Factors of `node` that together are `body`, the labels summed inside of them, all its labels.

    `fixed` gives labels of the node for output axes of the body. The labels summed inside the body
    must be of no other use.
    """
    factors = labelled(node)
    if body.kind != "ein":
        body_factors: list[Factor] = [(body, tuple(range(body.order)))]
        order = body.order
    else:
        body_factors, order = labelled(body), body.order
    count = uses(node)

    def search(at: int, names: dict[int, int], used: frozenset[int]) -> Any:
        if at == len(body_factors):
            return (names, used) if private(names, used) else None
        wanted, labels = body_factors[at]
        for k, (factor, own) in enumerate(factors):
            if factor is not wanted or k in used or k in taken:
                continue
            for order_of in (own, own[::-1]) if is_symmetric(factor) else (own,):
                new = dict(names)
                if all(new.setdefault(x, y) == y for x, y in zip(labels, order_of, strict=True)):
                    found = search(at + 1, new, used | {k})
                    if found is not None:
                        return found
        return None

    def private(names: dict[int, int], used: frozenset[int]) -> bool:
        inside = Counter(x for k in used for x in factors[k][1])
        inner = [y for x, y in names.items() if x >= order]
        outer = {y for x, y in names.items() if x < order}
        return (
            len(set(inner)) == len(inner)
            and not outer & set(inner)
            and all(y >= node.order and count[y] == inside[y] for y in inner)
        )

    found = search(0, fixed, frozenset())
    if found is None:
        return None
    names, used = found
    return set(used), {y for x, y in names.items() if x >= order}, names
