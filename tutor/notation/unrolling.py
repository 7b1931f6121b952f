"""vec inside a Jacobian: two axes that are one, and one axis that is two."""

from __future__ import annotations

from dataclasses import dataclass

from ..expr import Call, Expr
from ..graph import dims
from ..graph import node as g
from ..graph.node import Node, pieces
from .build import size_term
from .kronecker import Factor


def is_vec(node: Node, positions: tuple[int, int, int], vec: str) -> bool:
    """Whether a relation is p = i + rows·j (or row by row), for the axes p, i, j at `positions`."""
    if node.kind != "rel" or node.order != 3:
        return False
    coefs, constant = node.attr
    p, i, j = positions
    fast, slow = (i, j) if vec == "column" else (j, i)
    lead = coefs[p]
    scaled = [dims.dim(c * lead) for c in coefs] if lead in (1, -1) else []
    return bool(scaled) and (
        constant == 0
        and scaled[fast] == -1
        and dims.same(-scaled[slow], node.shape[fast])
        and dims.same(node.shape[p], dims.dim(node.shape[i] * node.shape[j]))
    )


@dataclass(frozen=True)
class Unrolled:
    """A Jacobian whose two axes of one side are the one that a vec makes of them.

    `swap` is what that takes on the side in question, where the vec goes the other way.
    """

    node: Node
    rows: int
    swap: Expr | None
    on_top: bool


def unrolled_pair(node: Node, rows: int, vec: str) -> Unrolled | None:
    """The Jacobian with two axes that a vec joins taken as the one that they are."""
    coef, factors, out, sizes = pieces(node)
    count: dict[int, int] = {}
    for _, labels in factors:
        for x in labels:
            count[x] = count.get(x, 0) + 1
    for pair in (out[:rows], out[rows:]):
        if len(pair) != 2 or any(count.get(x) != 1 for x in pair):
            continue
        for k, (factor, labels) in enumerate(factors):
            if len(labels) != 3 or not set(pair) <= set(labels):
                continue
            (p,) = set(labels) - set(pair)
            places = labels.index(p), labels.index(pair[0]), labels.index(pair[1])
            straight = is_vec(factor, places, vec)
            if not straight and (vec != "column" or not is_vec(factor, places, "row")):
                continue
            on_top = pair == out[:rows]
            order = pair[::-1] if on_top else pair
            swap = Call("commutation", tuple(size_term(sizes[x]) for x in order))
            rest: list[Factor] = [f for j, f in enumerate(factors) if j != k]
            own = {x: d for x, d in sizes.items() if x not in pair}
            end = p
            if p in out:
                end = g.fresh()
                own[end] = sizes[p]
                rest.append((g.delta(sizes[p]), (p, end)))
            top = (end,) if on_top else out[:rows]
            side = out[rows:] if on_top else (end,)
            inner = g.ein(rest, (*top, *side), coef, own)
            return Unrolled(inner, len(top), None if straight else swap, on_top)
    return None


def joined_axis(node: Node, rows: int, vec: str) -> tuple[Node, int] | None:
    """The Jacobian with the one axis of a side, p = fast + size·slow, as the pair it unrolls.

    vec of that pair is the axis again, so that both have the same matrix.
    """
    coef, factors, out, sizes = pieces(node)
    for side in (out[:rows], out[rows:]):
        if len(side) != 1:
            continue
        (p,) = side
        joins = [k for k, (_, labels) in enumerate(factors) if p in labels]
        if len(joins) != 1:
            continue
        relation, labels = factors[joins[0]]
        for i, j in ((1, 2), (2, 1)):
            if len(labels) != 3 or labels[0] != p or not is_vec(relation, (0, i, j), vec):
                continue
            rest: list[Factor] = [f for k, f in enumerate(factors) if k != joins[0]]
            own = {x: d for x, d in sizes.items() if x != p}
            pair = []
            for x in (labels[i], labels[j]):
                end = x
                if x in out:
                    end = g.fresh()
                    own[end] = sizes[x]
                    rest.append((g.delta(sizes[x]), (x, end)))
                pair.append(end)
            top, columns = out[:rows], out[rows:]
            whole = (*pair, *columns) if side == top else (*top, *pair)
            return g.ein(rest, whole, coef, own), 2 if side == top else rows
    return None
