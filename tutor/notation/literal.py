"""Arrays written out entry by entry: [a, 2*b], [[1, rho], [rho, 1]]."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from ..graph import node as g
from ..graph.node import Node, ein

MOST_ENTRIES = 16
DEPTH = 8  # of sums in products in sums
Entries = Mapping[tuple[int, ...], Node]


def written_out(node: Node) -> Entries | None:
    """The entries that are not zero, where the node is a small sum of such; None if it is not.

    At least half of the entries must be there: a single one reads better as a column of eye.
    """
    if node.kind != "add" or not 1 <= node.order <= 2:
        return None
    total = 1
    for d in node.shape:
        if not isinstance(d, int):
            return None
        total *= d
    if total > MOST_ENTRIES:
        return None
    found = _entries(node, DEPTH)
    return found if found is not None and 2 * len(found) >= total else None


def _entries(node: Node, depth: int) -> Entries | None:
    if depth == 0:
        return None
    if node.kind == "rel":
        coefs, constant = node.attr
        return {(constant,): g.const(1)} if coefs == (1,) and isinstance(constant, int) else None
    if node.kind == "add":
        sums: dict[tuple[int, ...], list[tuple[object, Node]]] = {}
        for c, term in zip(node.attr, node.args, strict=True):
            part = _entries(term, depth - 1)
            if part is None:
                return None
            for place, entry in part.items():
                sums.setdefault(place, []).append((c, entry))
        return {k: g.add([e for _, e in v], [c for c, _ in v]) for k, v in sums.items()}
    return _product(node, depth) if node.kind == "ein" and node.args else None


def _product(node: Node, depth: int) -> Entries | None:
    """What carries axes of the result must be written out itself; the rest is a scalar."""
    inside, carrying = [], []
    for factor, labels in zip(node.args, node.attr.labels, strict=True):
        if any(x < node.order for x in labels):
            part = _entries(factor, depth - 1)
            if part is None or any(x >= node.order for x in labels):
                return None
            carrying.append((labels, part))
        else:
            inside.append((factor, labels))
    if {x for labels, _ in carrying for x in labels} != set(range(node.order)):
        return None
    sizes = {k: d for k, d in enumerate(node.attr.sizes) if k >= node.order}
    scalar = ein(inside, (), node.attr.coef, sizes)
    found: dict[tuple[int, ...], list[Node]] = {}
    for choice in product(*(part.items() for _, part in carrying)):
        place: dict[int, int] = {}
        fits = all(
            place.setdefault(x, i) == i
            for (labels, _), (at, _) in zip(carrying, choice, strict=True)
            for x, i in zip(labels, at, strict=True)
        )
        if fits:
            entry = ein([(scalar, ()), *((e, ()) for _, e in choice)], ())
            found.setdefault(tuple(place[x] for x in range(node.order)), []).append(entry)
    return {k: g.add(v) for k, v in found.items()}
