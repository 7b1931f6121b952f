"""Digests of nodes: the same for nodes that differ only in the order of commuting parts.

The form of a product is independent of factor order and of label names: colour refinement on
the bipartite graph of factors and labels; where labels stay tied, each is tried first and the
smallest encoding wins, within a budget (beyond it the form is still valid, merely not canonical:
two equal products may then count as different).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any

from .dims import Shape
from .interned import Ein, Node, is_symmetric

BUDGET = 48


@lru_cache(maxsize=20_000)
def _name(x: Any) -> bytes:
    return str(x).encode()


def _hash(*parts: bytes) -> bytes:
    h = blake2b(digest_size=16)
    for p in parts:
        h.update(len(p).to_bytes(4, "big"))
        h.update(p)
    return h.digest()


def _shape_name(shape: Shape) -> bytes:
    return b",".join(_name(d) for d in shape)


def digest(node: Node) -> bytes:
    """The key of a node whose operands have theirs."""
    match node.kind:
        case "var":
            marks = ",".join(sorted(node.attr.properties))
            return _hash(
                b"var", repr(node.attr.name).encode(), marks.encode(), _shape_name(node.shape)
            )
        case "rel":
            return _hash(b"rel", _name(node.attr), _shape_name(node.shape))
        case "map":
            return _hash(b"map", _name(node.attr), node.args[0].key)
        case "call":
            return _hash(b"call", _name(node.attr), *(a.key for a in node.args))
        case "add":
            terms = sorted(a.key + _name(c) for a, c in zip(node.args, node.attr, strict=True))
            return _hash(b"add", *terms)
        case _:
            mark = _name(node.attr.coef)
            return _hash(b"ein", mark, _shape_name(node.shape), encode_product(node))


def encode_product(node: Node, swapped: bool = False) -> bytes:
    """The canonical form of a product; `swapped` exchanges its first two axes."""
    attr: Ein = node.attr
    other = {0: 1, 1: 0} if swapped else {}
    factors = [
        (a.key, tuple(other.get(x, x) for x in labels), is_symmetric(a))
        for a, labels in zip(node.args, attr.labels, strict=True)
    ]
    colours = [b"o%d" % k if k < node.order else b"s" + _name(d) for k, d in enumerate(attr.sizes)]
    budget = [BUDGET]
    return _search(factors, colours, node.order, budget)


def _refine(factors: list, colours: list[bytes]) -> list[bytes]:
    count = len(set(colours))
    while True:
        incidence: list[list[bytes]] = [[] for _ in colours]
        for key, labels, swaps in factors:
            around = [colours[k] for k in labels]
            if swaps:
                around.sort()
            for position, k in enumerate(labels):
                mark = b"" if swaps else b"%d" % position
                incidence[k].append(_hash(key, mark, *around))
        colours = [_hash(c, *sorted(seen)) for c, seen in zip(colours, incidence, strict=True)]
        if len(set(colours)) == count:
            return colours
        count = len(set(colours))


def _search(factors: list, colours: list[bytes], order: int, budget: list[int]) -> bytes:
    if len(colours) > order:
        colours = _refine(factors, colours)
    classes: dict[bytes, list[int]] = {}
    for k in range(order, len(colours)):
        classes.setdefault(colours[k], []).append(k)
    tied = [ks for _, ks in sorted(classes.items()) if len(ks) > 1]
    if not tied or budget[0] <= 0:
        return _encode(factors, colours, order)
    best = None
    for k in tied[0]:
        budget[0] -= 1
        trial = list(colours)
        trial[k] = _hash(b"first", trial[k])
        code = _search(factors, trial, order, budget)
        best = code if best is None else min(best, code)
        if budget[0] <= 0:
            break
    assert best is not None
    return best


def _encode(factors: list, colours: list[bytes], order: int) -> bytes:
    ranked = sorted(range(order, len(colours)), key=lambda k: colours[k])
    number = {k: k for k in range(order)} | {k: order + r for r, k in enumerate(ranked)}
    rows = []
    for key, labels, swaps in factors:
        named = [number[k] for k in labels]
        if swaps:
            named.sort()
        rows.append(key + bytes(str(named), "ascii"))
    return b"|".join(sorted(rows))
