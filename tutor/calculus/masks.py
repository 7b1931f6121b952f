"""Masks, arrays of 0 and 1: choices told by `where` instead of by sums of products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sympy as sp

from ..graph import node as g
from ..graph.node import Node, T, call, ein, map_
from ..graph.sums import split_coef
from ..ops.scalar import relu, step
from .distribution import cost
from .factors import labelled, with_factors
from .sides import KINKED, by_sides, is_zero_one, settled_on_side


def is_mask(node: Node) -> bool:
    """Whether every entry is known to be 0 or 1."""
    if node.kind == "var":
        return "boolean" in node.attr.properties
    if node.kind == "map":
        return is_zero_one(node.attr)
    if node.kind == "ein":
        value = g.constant_of(node)
        if value is not None:
            return value in (0, 1)
        return len(node.args) == 1 and node.attr.coef == 1 and _only_moves(node)
    return False


def _only_moves(node: Node) -> bool:
    (labels,) = node.attr.labels
    return all(x < node.order for x in labels) and is_mask(node.args[0])


def nonzero(mask: Node) -> Node:
    """1 where the mask is not 0."""
    return mask if is_mask(mask) else map_(step(sp.Abs(T)), mask)


# -- what a mask chooses --------------------------------------------------------------------------


def of_where(node: Node) -> Node:
    """where(m, a, a) = a; where(m, c, 0) = c ⊙ m; where(m, 0, c) = c ⊙ (1 − m)."""
    if node.kind != "call" or node.attr[0] != "where":
        return node
    mask, yes, no = node.args
    if yes.key == no.key:
        return yes
    if g.is_zero(no):
        return g.mul(yes, nonzero(mask))
    if g.is_zero(yes):
        return g.mul(no, opposite(mask))
    return node


def opposite(mask: Node) -> Node:
    """1 − m of 0s and 1s."""
    m = nonzero(mask)
    return g.sub(g.const(1, m.shape), m)


def two_sided(node: Node) -> Node:
    """2 relu(u) − 1 + step(u) = where(u > 0, 2u, −1): a sum of functions that differ by side."""
    f = node.attr
    if not f.is_Add or not f.has(step):
        return node
    for flag, yes, no in _ways(f):
        if yes != 0 and no != 0:
            u = node.args[0]
            return call("where", [map_(flag, u), map_(yes, u), map_(no, u)], (), node.shape)
    return node


def _ways(f: sp.Expr) -> Iterator[tuple[sp.Expr, sp.Expr, sp.Expr]]:
    """A mask, and f where it is 1 and where it is 0."""
    right, left = settled_on_side(f, 1), settled_on_side(f, -1)
    if right is not None and left is not None:
        middle = f.subs(T, 0)
        if middle == left.subs(T, 0):
            yield step(T), right, left
        elif middle == right.subs(T, 0):
            yield 1 - step(-T), right, left
        return
    flags = sorted(f.atoms(step), key=sp.default_sort_key)
    if len(flags) == 1:
        yield (
            flags[0],
            _with_mask(f, flags[0].args[0], True),
            _with_mask(f, flags[0].args[0], False),
        )


def _with_mask(f: sp.Expr, condition: sp.Expr, side: bool) -> sp.Expr:
    """f where step(condition) is 1, or where it is 0."""
    new = {
        step(condition): sp.Integer(int(side)),
        relu(condition): condition if side else sp.S.Zero,
    }
    return f.xreplace(new)


def one_sided(node: Node) -> Node:
    """u + relu(−u) = relu(u): a sum of functions of one argument, where its sides are simpler."""
    base = next((t.args[0] for t in node.args if t.kind == "map" and t.attr.has(*KINKED)), None)
    if base is None:
        return node
    total = sp.S.Zero
    for c, t in zip(node.attr, node.args, strict=True):
        value = g.constant_of(t)
        if t is base or (t.kind == "map" and t.args[0] is base):
            total += c * (T if t is base else t.attr)
        elif value is not None and value.is_number:
            total += c * value
        else:
            return node
    new = by_sides(total)
    return node if new == total else map_(new, base)


def under_mask(node: Node) -> Node:
    """(x + relu(u)) ⊙ (1 − step(u)) = x ⊙ (1 − step(u)): what a mask lets through of a factor."""
    factors = labelled(node)
    for k, (flag, labels) in enumerate(factors):
        if flag.kind != "map":
            continue
        side = isinstance(flag.attr, step)
        mask = flag.attr if side else 1 - flag.attr
        if not isinstance(mask, step):
            continue
        for j, (factor, own) in enumerate(factors):
            if j == k or own != labels:
                continue
            new = _settled(factor, flag.args[0], mask.args[0], side)
            if new is not factor and new.key != factor.key:
                factors[j] = (new, own)
                return with_factors(node, factors)
    return node


def known_flag(node: Node) -> Node:
    """[z ≠ 0] of what is 0 or 1 is that itself."""
    u = node.args[0]
    return u if node.attr == step(sp.Abs(T)) and is_mask(u) else node


def idempotent(node: Node) -> Node:
    """m ⊙ m = m for a mask that has a name."""
    factors = labelled(node)
    seen: set[Any] = set()
    kept = []
    for factor, labels in factors:
        flag = factor.kind == "var" and is_mask(factor)
        if flag and (factor, labels) in seen:
            continue
        seen.add((factor, labels))
        kept.append((factor, labels))
    return node if len(kept) == len(factors) else with_factors(node, kept)


def chosen(node: Node) -> Node:
    """2x ⊙ m − (1 − m) = where(m, 2x, −1), for the one mask that all of a sum depends on."""
    mask = _only_mask(node)
    if mask is None:
        return node
    base, condition = mask
    yes, no = (_settle_terms(node, base, condition, side) for side in (True, False))
    flag = base if condition is None else map_(step(condition), base)
    if g.is_zero(yes) or g.is_zero(no):
        new = g.mul(no, opposite(flag)) if g.is_zero(yes) else g.mul(yes, flag)
        return new if cost(new) < cost(node) else node
    if cost(yes) + cost(no) + 1 > cost(node) or split_coef(yes)[1] is split_coef(no)[1]:
        return node
    return call("where", [flag, yes, no], (), node.shape)


def number_inside(node: Node) -> Node:
    """where(m, 100, 1)/100 = where(m, 1, 1/100)."""
    if node.attr.coef == 1 or len(node.args) != 1 or node.args[0].kind != "call":
        return node
    (choice,) = node.args
    if choice.attr[0] != "where" or node.attr.labels[0] != tuple(range(node.order)):
        return node
    if len(node.attr.sizes) > node.order:
        return node
    mask, *branches = choice.args
    if all(g.constant_of(b) is None for b in branches):
        return node
    branches = [g.scale(node.attr.coef, b) for b in branches]
    return call("where", [mask, *branches], (), node.shape)


def _only_mask(node: Node) -> tuple[Node, sp.Expr | None] | None:
    found: dict[Any, tuple[Node, sp.Expr | None]] = {}
    for term in node.args:
        for factor, labels in _factors(term):
            for base, condition in _masks_in(factor):
                if tuple(labels) != tuple(range(node.order)):
                    return None
                found[base.key, condition] = base, condition
    return next(iter(found.values())) if len(found) == 1 else None


def _factors(term: Node) -> Sequence[tuple[Node, tuple[int, ...]]]:
    return labelled(term) if term.kind == "ein" else [(term, tuple(range(term.order)))]


def _masks_in(factor: Node) -> Iterator[tuple[Node, sp.Expr | None]]:
    """The argument and the condition of every step in a function; a named mask has none."""
    if factor.kind == "map":
        for part in sorted(factor.attr.atoms(step), key=sp.default_sort_key):
            yield factor.args[0], part.args[0]
    elif factor.kind == "var" and is_mask(factor):
        yield factor, None


def _settle_terms(node: Node, base: Node, condition: sp.Expr | None, side: bool) -> Node:
    """The sum where the mask is 1, or where it is 0."""
    terms = []
    for term in node.args:
        if term.kind == "ein" and term.args:
            own = tuple(range(term.order))  # of a sum over all entries, others count too
            pairs = [
                (_settled(f, base, condition, side) if tuple(ls) == own else f, ls)
                for f, ls in labelled(term)
            ]
            sizes = dict(enumerate(term.attr.sizes))
            terms.append(ein(pairs, tuple(range(term.order)), term.attr.coef, sizes))
        else:
            terms.append(_settled(term, base, condition, side))
    return g.add(terms, node.attr)


def _settled(factor: Node, base: Node, condition: sp.Expr | None, side: bool) -> Node:
    """A factor where the mask is 1, or where it is 0; a named mask has no condition."""
    if condition is None:
        return g.const(int(side), factor.shape) if factor is base else factor
    if factor.kind == "add":
        return g.add([_settled(a, base, condition, side) for a in factor.args], factor.attr)
    if factor.kind == "call" and factor.attr[0] == "where":
        same = factor.args[0] is map_(step(condition), base)
        return factor.args[1 if side else 2] if same else factor
    if factor.kind != "map" or factor.args[0] is not base:
        return factor
    return map_(_with_mask(factor.attr, condition, side), base)
