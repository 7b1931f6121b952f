"""Blocks between the axes of a result and those of a variable, as Kronecker products."""

from __future__ import annotations

from collections.abc import Sequence

from ..expr import Binary, Call, Expr, Num
from ..graph import node as g
from ..graph.dims import Dim
from ..graph.node import Node, pieces
from .build import NoMatrixForm, chained, is_identity, size_term, transposed

Block = tuple[tuple[int, ...], Expr]
Factor = tuple[Node, tuple[int, ...]]


def assembled(
    top: Sequence[int],
    side: Sequence[int],
    blocks: list[Block],
    sizes: dict[int, Dim],
    vec: str,
) -> Expr:
    """vec(dY) = (…) vec(dX) for the pattern of blocks.

    By columns the block of the second axis stands first, vec(A X B) = (Bᵀ ⊗ A) vec(X); by rows the
    block of the first one does, (A ⊗ Bᵀ).
    """
    by = dict(blocks)

    def outer(x: int, y: int) -> Expr | None:
        """The block between two axes that two vectors span."""
        if (x, y) in by:
            return by[x, y]
        return chained(by[x,], transposed(by[y,])) if (x,) in by and (y,) in by else None

    def kron(first: Expr, second: Expr) -> Expr:
        pair = (second, first) if vec == "column" else (first, second)
        if all(map(is_identity, pair)):
            m, n = (e.args[0] for e in pair)  # type: ignore[union-attr]
            whole = isinstance(m, Num) and isinstance(n, Num)
            both = Num(str(int(m.text) * int(n.text))) if whole else Binary("*", m, n)  # type: ignore[union-attr]
            return Call("eye", (Binary("**", m, Num("2")) if m == n and not whole else both,))
        return Call("kron", pair)

    if len(top) == 2 and len(side) == 2:
        (i, j), (a, b) = top, side
        straight = outer(i, a), outer(j, b)
        if straight[0] is not None and straight[1] is not None:
            return kron(*straight)  # type: ignore[arg-type]
        crossed = outer(i, b), outer(j, a)
        if crossed[0] is not None and crossed[1] is not None:
            order = (a, b) if vec == "column" else (b, a)
            swap = Call("commutation", tuple(size_term(sizes[x]) for x in order))
            middle = kron(*crossed)  # type: ignore[arg-type]
            return swap if is_identity(middle) else chained(middle, swap)
        if (i, j) in by and (a, b) in by:
            return chained(Call("vec", (by[i, j],)), transposed(Call("vec", (by[a, b],))))
    if len(top) == 1 and len(side) == 2:
        (i,), (a, b) = top, side
        if (i, a) in by and (b,) in by:
            return kron(by[i, a], transposed(by[b,]))
        if (i, b) in by and (a,) in by:
            return kron(transposed(by[a,]), by[i, b])
        if (i,) in by and (a, b) in by:
            return chained(by[i,], transposed(Call("vec", (by[a, b],))))
    if len(top) == 2 and len(side) == 1:
        (i, j), (a,) = top, side
        if (i, a) in by and (j,) in by:
            return kron(by[i, a], by[j,])
        if (j, a) in by and (i,) in by:
            return kron(by[i,], by[j, a])
        if (i, j) in by and (a,) in by:
            return chained(Call("vec", (by[i, j],)), transposed(by[a,]))
    if len(top) == len(side) == 1:
        (i,), (a,) = top, side
        whole = outer(i, a)
        if whole is not None:
            return whole
    raise NoMatrixForm


# -- the elementwise case -------------------------------------------------------------------------


def elementwise(node: Node, rows: int) -> Node | None:
    """M, where the Jacobian is δ_ia δ_jb M_ij, or M that stands for diag(vec(M))."""
    if rows != 2 or node.order != 4:
        return None
    coef, factors, out, sizes = pieces(node)
    (i, j), (a, b) = out[:2], out[2:]
    rest = []
    found = set()
    for factor, labels in factors:
        if g.is_delta(factor) and set(labels) in ({i, a}, {j, b}):
            found.add(frozenset(labels))
        else:
            rest.append((factor, tuple({a: i, b: j}.get(x, x) for x in labels)))
    if len(found) != 2 or not rest or not any({i, j} & set(ls) for _, ls in rest):
        return None
    # the columns' labels are gone: left in the sizes, they would count as summed
    return g.ein(rest, (i, j), coef, {x: d for x, d in sizes.items() if x not in (a, b)})


def split_diagonal(node: Node, rows: int) -> tuple[Node | None, Node, Node | None] | None:
    """Jacobian = diag(vec(L)) J diag(vec(R)): what joins the axes of the result, or the variable's.

    None where nothing joins them.
    """
    coef, factors, out, sizes = pieces(node)
    top, side = out[:rows], out[rows:]
    for placed in _placements(factors, top, side):
        found = _split(coef, placed, top, side, sizes)
        if found is not None:
            return found
    return None


def _placements(
    factors: Sequence[Factor], top: Sequence[int], side: Sequence[int]
) -> list[list[Factor]]:
    """The factors as they are; with δ_ia, those on a moved to i, and those on i moved to a."""
    pairs = [
        (x, y)
        for f, ls in factors
        if g.is_delta(f)
        for x, y in (ls, ls[::-1])
        if x in top and y in side
    ]
    placements = [list(factors)]
    for rename in ({y: x for x, y in pairs}, dict(pairs)):
        placements.append(
            [(f, ls if g.is_delta(f) else tuple(rename.get(x, x) for x in ls)) for f, ls in factors]
        )
    return placements


def _split(
    coef: object,
    factors: Sequence[Factor],
    top: tuple[int, ...],
    side: tuple[int, ...],
    sizes: dict[int, Dim],
) -> tuple[Node | None, Node, Node | None] | None:
    out = top + side
    left: list[Factor] = []
    right: list[Factor] = []
    rest: list[Factor] = []
    for members, labels in connected(factors, frozenset(out)):
        ends = {x for x in out if x in labels}
        parts = [factors[k] for k in members]
        if len(top) == 2 and ends == set(top):
            left += parts
        elif len(side) == 2 and ends == set(side):
            right += parts
        else:
            rest += parts
    if (not left and not right) or not rest:
        return None

    def part(parts: list[Factor], ends: Sequence[int], c: object = 1) -> Node | None:
        own = {x for _, ls in parts for x in ls} | set(ends)
        return g.ein(parts, ends, c, {x: d for x, d in sizes.items() if x in own})

    middle = part(rest, out, coef)
    assert middle is not None
    return part(left, top) if left else None, middle, part(right, side) if right else None


def connected(
    factors: Sequence[Factor], cut: frozenset[int] = frozenset()
) -> list[tuple[list[int], set[int]]]:
    """Factors that hang together by labels, those of `cut` not counted, and all their labels."""
    groups: list[tuple[list[int], set[int]]] = []
    for k, (_, labels) in enumerate(factors):
        members, seen = [k], set(labels)
        rest = []
        for other in groups:
            if (other[1] & seen) - cut:
                members = other[0] + members
                seen |= other[1]
            else:
                rest.append(other)
        groups = [*rest, (members, seen)]
    return groups
