"""What is unrolled inside of a function and rolled up around it: Σ_p [p = n t + i] f(u)_p.

It is the entry n t + i of f(u). Where u has its axis p from the same relation, as vec, reshape,
tile or kron make it, that is an entry of what was unrolled: cos(vec(A)) rolled up again is cos(A).
"""

from __future__ import annotations

from ..graph import dims
from ..graph.node import Node, add, ein, fresh, is_delta, map_, pieces, rel
from .factors import Factor, flat, is_unrolling, labelled, uses, with_factors

DEEPEST = 12  # functions and sums inside one another

_Done = dict[tuple[Node, int], Node | None]


def rolled_up(node: Node) -> Node:
    """The product without a summed axis that all its factors have unrolled alike."""
    count = uses(node)
    factors = labelled(node)
    for at, (relation, labels) in enumerate(factors):
        if not is_unrolling(relation) or len(set(labels)) < len(labels) or 1 in relation.shape:
            continue
        p, *parts = labels
        others = [k for k, (_, ls) in enumerate(factors) if p in ls and k != at]
        if p < node.order or not others or count[p] != len(others) + 1:
            continue
        found = _all_apart([factors[k] for k in others], p, relation, tuple(parts), {}, 0)
        if found is None:
            continue
        kept = [f for k, f in enumerate(factors) if k != at and k not in others]
        found = [_on_the_diagonal(f, ls) for f, ls in found]
        size = {k: d for k, d in enumerate(node.attr.sizes) if k != p}
        return ein([*kept, *found], range(node.order), node.attr.coef, size)
    return node


def rolled_up_in_terms(node: Node) -> Node:
    """The same where the relations stand in the terms of a sum: x ⊗ x has x twice."""
    factors = labelled(node)
    for at, (total, labels) in enumerate(factors):
        if total.kind != "add" or not all(_has_unrolling(a) for a in total.args):
            continue
        rest = factors[:at] + factors[at + 1 :]
        terms = []
        for a in total.args:
            term = flat(with_factors(node, [*rest, (a, labels)]))
            rolled = rolled_up(term) if term.kind == "ein" else term
            if rolled is term:
                break
            terms.append(rolled)
        else:
            return add(terms, total.attr)
    return node


def _has_unrolling(node: Node) -> bool:
    return node.kind == "ein" and any(is_unrolling(a) for a in node.args)


def through_a_diagonal(node: Node) -> Node:
    """diag(f(diag(u))) = f(u): the function of what stands on the diagonal."""
    factors = labelled(node)
    for k, (factor, labels) in enumerate(factors):
        inner = factor.args[0] if factor.kind == "map" else None
        if inner is None or inner.kind != "ein" or len(set(labels)) == len(labels):
            continue
        if any(is_delta(a) for a in inner.args):
            factors[k] = _on_the_diagonal(factor, labels)
            return with_factors(node, factors)
    return node


def only_place(node: Node) -> Node:
    """Along an axis of the result that has one place, the unit vector is 1."""
    factors = labelled(node)
    kept = [(f, ls) for f, ls in factors if not _is_one(f) or ls[0] >= node.order]
    return with_factors(node, kept) if len(kept) < len(factors) else node


def _is_one(node: Node) -> bool:
    return node.kind == "rel" and node.attr == ((1,), 0) and node.shape == (1,)


def _all_apart(
    factors: list[Factor], p: int, relation: Node, parts: tuple[int, ...], done: _Done, depth: int
) -> list[Factor] | None:
    """The factors with the axes `parts` where each had p."""
    found: list[Factor] = []
    for factor, labels in factors:
        if labels.count(p) != 1:
            return None
        axis = labels.index(p)
        new = _apart(factor, axis, relation, done, depth + 1)
        if new is None:
            return None
        found.append((new, (*labels[:axis], *parts, *labels[axis + 1 :])))
    return found


def _apart(node: Node, axis: int, relation: Node, done: _Done, depth: int) -> Node | None:
    """The array with the axes that the relation unrolls in place of the one; None where it cannot
    be said without the relation."""
    key = node, axis
    if key not in done:
        done[key] = None if depth > DEEPEST else _taken_apart(node, axis, relation, done, depth)
    return done[key]


def _taken_apart(node: Node, axis: int, relation: Node, done: _Done, depth: int) -> Node | None:
    match node.kind:
        case "map":
            inner = _apart(node.args[0], axis, relation, done, depth + 1)
            return None if inner is None else map_(node.attr, inner)
        case "add":
            terms = []
            for a in node.args:
                term = _apart(a, axis, relation, done, depth + 1)
                if term is None:
                    return None
                terms.append(term)
            return add(terms, node.attr)
        case "call" if node.attr[0] == "kron":
            return _product(written_out(node), axis, relation, done, depth)
        case "ein":
            return _product(node, axis, relation, done, depth)
        case _:
            return None


def _product(node: Node, axis: int, relation: Node, done: _Done, depth: int) -> Node | None:
    coef, factors, out, sizes = pieces(node)
    p = out[axis]
    if out.count(p) != 1:
        return None
    same = [k for k, (f, ls) in enumerate(factors) if f is relation and ls[0] == p]
    carriers = [f for k, f in enumerate(factors) if p in f[1] and k not in same[:1]]
    rest = [f for k, f in enumerate(factors) if p not in f[1] and k not in same[:1]]
    if same:
        parts = factors[same[0]][1][1:]
        if p in parts or len(set(parts)) < len(parts):
            return None
    else:
        parts = tuple(fresh() for _ in relation.shape[1:])
    found = _all_apart(carriers, p, relation, parts, done, depth)
    if found is None:
        return None
    size = {x: d for x, d in sizes.items() if x != p} | dict(
        zip(parts, relation.shape[1:], strict=True)
    )
    return ein([*rest, *found], (*out[:axis], *parts, *out[axis + 1 :]), coef, size)


def _on_the_diagonal(node: Node, labels: tuple[int, ...]) -> Factor:
    """A function of an array where two axes run together: of what stands on the diagonal."""
    if node.kind not in ("map", "add") or len(set(labels)) == len(labels):
        return node, labels
    kept = tuple(dict.fromkeys(labels))
    return _gathered(node, labels, kept), kept


def _gathered(node: Node, labels: tuple[int, ...], kept: tuple[int, ...]) -> Node:
    if node.kind == "map":
        return map_(node.attr, _gathered(node.args[0], labels, kept))
    if node.kind == "add":
        return add([_gathered(a, labels, kept) for a in node.args], node.attr)
    return ein([(node, labels)], kept)


def written_out(node: Node) -> Node:
    """A Kronecker product as a sum over places: entry (i p + k, j q + l) is A_ij B_kl."""
    labels: list[list[object]] = [[], []]
    out: list[object] = []
    moves = []
    kinds = node.attr[1]
    for axis, absent in ((0, "row"), (1, "column")):
        held = [k for k, kind in enumerate(kinds) if kind != absent]
        for k in held:
            labels[k].append((k, axis))
        if len(held) == 2:
            outer, inner = (
                node.args[k].shape[-1 if kinds[k] != "matrix" else axis] for k in (0, 1)
            )
            step = -dims.number(inner)
            relation = rel((1, step, -1), 0, (node.shape[len(out)], outer, inner))
            moves.append((relation, (("o", axis), *((k, axis) for k in held))))
            out.append(("o", axis))
        elif held:
            out.append((held[0], axis))
    pairs = [(a, ls) for a, ls in zip(node.args, labels, strict=True)]
    return ein([*pairs, *moves], out)
