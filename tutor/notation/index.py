"""Index notation: what has no matrix form is written with subscripts and a sum.

∂L/∂w_k = Σ_o ∂L/∂y_o · x_{o+k}: an index relation is solved for one of its labels, which then
appears as a sum inside the subscript. Indices count from 0, an entry outside its array counts 0,
and an axis of size 1 has no subscript.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..expr import Binary, Call, Component, Expr, Name, Neg, Num, Sum, Transpose
from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node, constant_of, pieces
from .build import NoMatrixForm, product, scaled, size_term, sum_term
from .calls import call_term
from .matrix import Leaves, map_term
from .scalars import term_of

At = Expr | None  # the subscript of one axis
OUTPUT = ("i", "j", "k", "l", "m", "n", "p", "q")
SUMMED = ("r", "s", "t", "u", "v", "a", "b", "c", "d", "e")


def index_term(node: Node, leaf: Leaves, letters: Sequence[str] = OUTPUT) -> Expr:
    """One entry of the node, at the given index letters."""
    return _entry(node, subscripts(node.shape, letters), leaf, 0)


def subscripts(shape: Sequence[Dim], letters: Sequence[str] = OUTPUT) -> tuple[At, ...]:
    """An index letter per axis; None for an axis of size 1."""
    free = iter(letters)
    found: list[At] = []
    for d in shape:
        letter = None if d == 1 else next(free, None)
        if d != 1 and letter is None:
            raise NoMatrixForm
        found.append(None if letter is None else Name(letter))
    return tuple(found)


def component(e: Expr, at: Sequence[At]) -> Expr:
    """e with the subscripts that there are."""
    shown = tuple(x for x in at if x is not None)
    return Component(e, shown) if shown else e


def _entry(node: Node, at: tuple[At, ...], leaf: Leaves, depth: int) -> Expr:
    if depth > 3:
        raise NoMatrixForm
    match node.kind:
        case "var":
            return component(leaf(node), at)
        case "map":
            return map_term(node.attr, _entry(node.args[0], at, leaf, depth), False)
        case "add":
            terms = []
            for c, a in zip(node.attr, node.args, strict=True):
                value = constant_of(a)
                terms.append(
                    (c, term_of(value) if value is not None else _entry(a, at, leaf, depth))
                )
            return sum_term(terms)
        case "call":
            name = node.attr[0]
            args: list[Expr] = []
            for a in node.args:
                letters = subscripts(a.shape)
                args.append(leaf(a) if a.kind == "var" else _entry(a, letters, leaf, depth + 1))
            winner = name in ("max_pool_winner", "argmax_onehot")
            whole = Call("winner", tuple(args)) if winner else call_term(node, args)
            if node.order == 1 and isinstance(whole, Transpose):
                whole = whole.arg  # one subscript: no matter whether it is a row or a column
            return component(whole, at)
        case "ein":
            return _product(node, at, leaf, depth)
        case _:
            raise NoMatrixForm


def _product(node: Node, at: tuple[At, ...], leaf: Leaves, depth: int) -> Expr:
    coef, factors, out, sizes = pieces(node)
    letter: dict[int, At] = dict.fromkeys(x for x, d in sizes.items() if d == 1)
    letter |= dict(zip(out, at, strict=True))
    relations = [_without_units(f, ls, sizes) for f, ls in factors if f.kind == "rel"]
    plain = [(f, ls) for f, ls in factors if f.kind != "rel"]
    carried = {x for _, ls in plain for x in ls}
    solved: dict[int, tuple[tuple[tuple[Dim, int], ...], Dim]] = {}
    for coefs, constant, ls in relations:
        if not ls and constant == 0:
            continue
        pick = [
            (c, x)
            for c, x in zip(coefs, ls, strict=True)
            if c in (1, -1)
            and x not in letter
            and x not in solved
            and not any(x == y for s in solved.values() for _, y in s[0])
        ]
        if not pick:
            raise NoMatrixForm
        c, x = next(((c, x) for c, x in pick if x in carried), pick[0])
        rest = tuple(
            (dims.dim(-dims.number(d) * c), y) for d, y in zip(coefs, ls, strict=True) if y != x
        )
        solved[x] = (rest, dims.dim(dims.number(constant) * c))
    if any(x not in carried for x in solved):
        # its range would be lost: as part of another subscript it could leave it unnoticed
        raise NoMatrixForm
    names = iter(x for x in SUMMED[depth * 4 :])
    indices = []
    for label in sizes:
        if label not in letter and label not in solved:
            used = label in carried or any(label == y for s in solved.values() for _, y in s[0])
            if used:
                name = next(names, None)
                if name is None:
                    raise NoMatrixForm
                letter[label] = Name(name)
                indices.append(name)

    def subscript(label: int) -> At:
        if label in letter:
            return letter[label]
        rest, constant = solved[label]
        terms = [(dims.number(c), s) for c, y in rest if (s := subscript(y)) is not None]
        terms.sort(key=lambda item: item[0].could_extract_minus_sign())
        if constant != 0:
            terms.append((dims.number(constant), Num("1")))
        return sum_term(terms) if terms else size_term(constant)

    body: list[Expr] = []
    for factor, ls in plain:
        constant = constant_of(factor)
        if constant is not None:
            body.append(term_of(constant))
        else:
            body.append(_entry(factor, tuple(subscript(x) for x in ls), leaf, depth + 1))
    inside = product([], None) if not body else body[0]
    for b in body[1:]:
        inside = Binary("*", inside, b)
    whole = Sum(tuple(indices), inside) if indices else inside
    negative = bool(coef.could_extract_minus_sign())
    result = scaled(-coef if negative else coef, whole)
    return Neg(result) if negative else result


def _without_units(
    node: Node, labels: Sequence[int], sizes: dict[int, Dim]
) -> tuple[tuple[Dim, ...], Dim, tuple[int, ...]]:
    """A relation without its axes of size 1, whose index is always 0."""
    coefs, constant = node.attr
    kept = [(c, x) for c, x in zip(coefs, labels, strict=True) if sizes[x] != 1]
    return tuple(c for c, _ in kept), constant, tuple(x for _, x in kept)
