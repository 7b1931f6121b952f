"""Whether a matrix is its own transpose, found from how it is made.

Declared symmetric or diagonal leaves, deltas, functions and inverses of symmetric matrices, sums
that a swap of the axes only reorders, and products whose canonical form a swap leaves alone, such
as XᵀX. No is not a proof: a matrix may be symmetric for reasons that nothing here sees.
"""

from __future__ import annotations

from .interned import Ein, Node, is_delta, undecided

ENTRYWISE = frozenset(("inv", "power", "where"))  # symmetric operands make a symmetric result


def decide(node: Node) -> None:
    """Settle the node and what it rests on, operands first; iterative."""
    stack = [node]
    while stack:
        n = stack[-1]
        if n._symmetric is not None:
            stack.pop()
            continue
        if n.order != 2 or n.shape[0] != n.shape[1]:
            n._symmetric = False
            continue
        todo = [a for a in n.args if undecided(a)]
        if todo:
            stack.extend(todo)
            continue
        n._symmetric = _decided(n)


def _decided(n: Node) -> bool:
    match n.kind:
        case "var":
            return bool(n.attr.properties & {"symmetric", "diagonal"})
        case "rel":
            return is_delta(n) or n.attr[0][0] == n.attr[0][1]
        case "map":
            return bool(n.args[0]._symmetric)
        case "call":
            return n.attr[0] in ENTRYWISE and all(a._symmetric for a in n.args)
        case "add":
            return _sum(n)
        case _:
            return _product(n)


def _sum(n: Node) -> bool:
    """The transposes of the terms are the terms."""
    open_terms = [(c, a) for c, a in zip(n.attr, n.args, strict=True) if not a._symmetric]
    if len(open_terms) == 1:
        return False
    here, there = (
        sorted((str(c), *_code(a, swapped)) for c, a in open_terms) for swapped in (False, True)
    )
    return here == there


def _code(term: Node, swapped: bool) -> tuple[str, bytes]:
    """What is equal for two terms that are equal, the axes of this one exchanged or not."""
    from .canonical import encode_product  # which asks for the symmetry of its factors
    from .products import permute

    turned = term if term.kind == "ein" else permute(term, (1, 0))
    return str(turned.attr.coef), encode_product(turned, swapped is (term.kind == "ein"))


def _product(n: Node) -> bool:
    from .canonical import encode_product  # which asks for the symmetry of its factors

    attr: Ein = n.attr
    rows: list[tuple[int, int]] = []
    columns: list[tuple[int, int]] = []
    for a, labels in zip(n.args, attr.labels, strict=True):
        if is_delta(a) and set(labels) == {0, 1}:
            return True
        for position, x in enumerate(labels):
            if x < 2:
                mark = -1 if a._symmetric else position
                (rows, columns)[x].append((id(a), mark))
    if sorted(rows) != sorted(columns):
        return False
    return encode_product(n) == encode_product(n, swapped=True)
