"""Copies of arrays, and sums over them: blocks of equal size that fill an axis, p = n·t + i.

Such a relation joins the places t of the one factor of a Kronecker product with the places i of the
other. A window that moves by its own length is the same relation, so whether blocks are told as
windows is said from outside: they are where the problem has a convolution or a pool in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..expr import Call, Expr, Num
from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node, ein, pieces, rel
from .build import size_term, transposed
from .relations import Item
from .sliding_axes import Move, windows_meant


@dataclass(frozen=True)
class Block:
    """whole = size(place)·block + place, by labels."""

    whole: int
    block: int
    place: int


def in_blocks(moves: Sequence[Move]) -> bool:
    """Whether a relation joins blocks and is not to be told as a window."""
    return not windows_meant() and any(_block(m) for m in moves)


def _block(move: Move) -> Block | None:
    node, labels = move
    coefs, constant = node.attr
    if len(labels) != 3 or len(set(labels)) != 3 or coefs[0] != 1 or constant != 0:
        return None
    for place, block in ((2, 1), (1, 2)):
        n, m = node.shape[place], node.shape[block]
        step = dims.dim(-dims.number(n))
        fills = dims.same(node.shape[0], dims.product([n, m]))
        if fills and coefs[place] == -1 and dims.same(coefs[block], step):
            return Block(labels[0], labels[block], labels[place])
    return None


def narrow(node: Node) -> Node:
    """The product with blocks of one place, or one block, as the axis that is left of them."""
    if windows_meant() or node.kind != "ein":
        return node
    coef, factors, out, sizes = pieces(node)
    slim = [_narrow(f, ls) if f.kind == "rel" else (f, ls) for f, ls in factors]
    if all(a[0] is b[0] for a, b in zip(slim, factors, strict=True)):
        return node
    return ein(slim, out, coef, sizes)


def _narrow(relation: Node, labels: tuple[int, ...]) -> Move:
    if _block((relation, labels)) is None or 1 not in relation.shape[1:]:
        return relation, labels
    kept = [0, *(k for k in (1, 2) if relation.shape[k] != 1)]
    coefs, constant = relation.attr
    if len(kept) == 1:
        return relation, labels
    slim = rel([coefs[k] for k in kept], constant, [relation.shape[k] for k in kept])
    return slim, tuple(labels[k] for k in kept)


def copied(
    items: Sequence[Item], moves: Sequence[Move], out: Sequence[int], sizes: Mapping[int, Dim]
) -> tuple[tuple[Item, ...], Item, list[Move]] | None:
    """Factors that fill axes of the result in blocks: kron(A, B), or tile(B, 2, 3) where A is all
    ones. (Factors used up, the result, relations that are left.)"""
    if windows_meant() or not 0 < len(out) <= 2:
        return None
    found = [(m, b) for m in moves if (b := _block(m)) is not None and b.whole in out]
    blocks = {b.whole: b for _, b in found}
    uses = Counter(x for item in items for x in item.labels)
    uses.update(x for _, labels in moves for x in labels)
    uses.update(out)
    places = [x for b in blocks.values() for x in (b.block, b.place)]
    if not blocks or any(uses[p] != 2 for p in blocks) or any(uses[x] > 2 for x in places):
        return None
    first = [blocks[p].block if p in blocks else p for p in out]
    second = [blocks[p].place if p in blocks else p for p in out]
    used = [x for x in items if set(x.labels) & {*places, *out}]
    carried = [x for item in used for x in item.labels]
    if len(set(carried)) < len(carried) or not set(carried) <= {*places, *out}:
        return None
    result = _filled(used, first, second, set(blocks), out, sizes)
    if result is None:
        return None
    gone = [m for m, _ in found]
    return tuple(used), result, [m for m in moves if not any(m is x for x in gone)]


def _filled(
    used: list[Item],
    first: list[int],
    second: list[int],
    tied: set[int],
    out: Sequence[int],
    sizes: Mapping[int, Dim],
) -> Item | None:
    """The product of two factors on the axes `first` and `second`, or of one and ones."""

    def fits(item: Item, axes: list[int]) -> bool:
        """Whether a factor has its axis wherever blocks fill one of the result."""
        need = {x for x, p in zip(axes, out, strict=True) if p in tied}
        return need <= set(item.labels) <= set(axes)

    plain = [p for p in out if p not in tied]
    if len(used) == 1 and all(p in used[0].labels for p in plain):
        (one,) = used
        if fits(one, second):
            times = [
                size_term(sizes[x]) if p in tied else Num("1")
                for x, p in zip(first, out, strict=True)
            ]
            return Item(Call("tile", (_laid(one, second), *times)), tuple(out))
        if fits(one, first):
            shape = [
                size_term(sizes[x]) if p in tied else Num("1")
                for x, p in zip(second, out, strict=True)
            ]
            ones = Call("ones", tuple(shape[:1] if shape[1:] == [Num("1")] else shape))
            return Item(Call("kron", (_laid(one, first), ones)), tuple(out))
    if len(used) == 2:
        for a, b in (used, used[::-1]):
            whole = all((p in a.labels) != (p in b.labels) for p in plain)
            if whole and fits(a, first) and fits(b, second):
                return Item(Call("kron", (_laid(a, first), _laid(b, second))), tuple(out))
    return None


def _laid(item: Item, axes: Sequence[int]) -> Expr:
    """The factor as a matrix of these axes; one that has only the last of two is a row."""
    have = tuple(x for x in axes if x in item.labels)
    if len(have) == 2:
        return item.term if item.labels == have else item.flipped
    return transposed(item.term) if len(axes) == 2 and have == (axes[1],) else item.term
