"""Arrays of order three and more: products of equals, sums over axes, convolutions, reshapes.

What paper has no sign for is written as the call that can be typed: permute, reshape, sum with its
axes. Everything else of that order is left to index notation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeGuard

from ..expr import Binary, Call, Expr, List, Num, Transpose
from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node, constant_of, pieces
from .build import NoMatrixForm, hadamard, product, size_term
from .conv_parts import called, permuted
from .convolutions import convolution
from .entrywise import Laid, entrywise
from .relations import Item
from .scalars import term_of

Term = Callable[[Node], Expr]
Labels = tuple[int, ...]


def is_tensor_product(node: Node) -> bool:
    """Whether a product has an array of order three or more in it."""
    return node.order > 2 or any(a.order > 2 for a in node.args if a.kind != "rel")


def tensor_product(node: Node, term: Term, partial: bool = False) -> Expr:
    """The product as a term; `term` writes the factors.

    partial: it may lack axes of the node, where it is added to what has them all.
    """
    coef, factors, out, sizes = pieces(node)
    items: list[Item] = []
    moves = []
    for factor, labels in factors:
        if factor.kind == "rel":
            moves.append((factor, labels))
            continue
        value = constant_of(factor)
        items.append(Item(term_of(value) if value is not None else term(factor), labels))
    scalars = [x.term for x in items if not x.labels]
    arrays = _together([x for x in items if x.labels])
    while moves:
        found = convolution(arrays, moves, out, sizes)
        if found is not None:
            gone, result, moves = found
            arrays = [*(a for a in arrays if not any(a is x for x in gone)), result]
        else:
            move = moves.pop(0)
            arrays = _reshaped(arrays, move, sizes, {*out, *(x for _, ls in moves for x in ls)})
        arrays = _together(arrays)
    whole: Laid | None = None
    try:
        while len(arrays) > 1:
            arrays = _multiplied(arrays, out)
        if partial and (not arrays or set(arrays[0].labels) != set(out)):
            raise NoMatrixForm
    except NoMatrixForm:
        if not arrays:  # a number that goes with every entry
            return product([term_of(coef), *scalars] if coef != 1 else scalars, None)
        whole, coef = entrywise(arrays, tuple(out), sizes, coef)
        if not partial and whole.labels != tuple(out):
            raise
    if coef != 1:
        scalars.insert(0, term_of(coef))
    if whole is not None:
        return product(scalars, whole.term)
    if not arrays:
        return product(scalars, Call("ones", tuple(size_term(sizes[x]) for x in out)))
    return product(scalars, _summed(arrays[0], tuple(out), sizes))


def _together(arrays: list[Item]) -> list[Item]:
    """Factors on the same labels as one: a ⊙ b."""
    found: list[Item] = []
    for item in arrays:
        for k, other in enumerate(found):
            if set(other.labels) == set(item.labels) and len(other.labels) == len(item.labels):
                right = permuted(item.term, item.labels, other.labels)
                found[k] = Item(hadamard(other.term, right), other.labels)
                break
        else:
            found.append(item)
    return found


def _multiplied(arrays: list[Item], out: Labels) -> list[Item]:
    """A matrix product along one axis, for every index of the leading ones."""
    for a in arrays:
        for b in arrays:
            if a is b:
                continue
            rest = {x for y in arrays if y is not a and y is not b for x in y.labels}
            summed = [x for x in a.labels if x in b.labels and x not in out and x not in rest]
            lead = [x for x in a.labels if x in b.labels and x not in summed]
            rows = [x for x in a.labels if x not in b.labels]
            columns = [x for x in b.labels if x not in a.labels]
            if not len(summed) == len(rows) == len(columns) == 1 or not lead:
                continue
            wanted = (*lead, *rows, *columns)
            if set(wanted) == set(out) and wanted != tuple(out):
                continue
            left = permuted(a.term, a.labels, (*lead, *rows, *summed))
            right = permuted(b.term, b.labels, (*lead, *summed, *columns))
            done = Item(Binary("@", left, right), wanted)
            return [*(y for y in arrays if y is not a and y is not b), done]
    raise NoMatrixForm


def _reshaped(
    arrays: list[Item], move: tuple[Node, Labels], sizes: Mapping[int, Dim], needed: set[int]
) -> list[Item]:
    """flat = Σ places, row by row: several axes as one, or one as several.

    Only axes that go with one array can go: those of `needed`, or of another array, are met again.
    """
    node, labels = move
    coefs, constant = node.attr
    one = [k for k, c in enumerate(coefs) if c == 1]
    if constant != 0 or not one or len(labels) < 2:
        raise NoMatrixForm
    flat = labels[one[0]]
    parts = tuple(x for x in labels if x != flat)
    step: Dim = 1
    for x in reversed(parts):
        if not dims.same(coefs[labels.index(x)], dims.dim(-dims.number(step))):
            raise NoMatrixForm
        step = dims.product([step, sizes[x]])
    if not dims.same(step, sizes[flat]):
        raise NoMatrixForm
    for k, item in enumerate(arrays):
        new = _exchanged(item.labels, parts, (flat,)) or _exchanged(item.labels, (flat,), parts)
        if new is None:
            continue
        others = {x for other in arrays if other is not item for x in other.labels}
        if (set(item.labels) - set(new)) & (others | needed):
            continue
        shape = tuple(size_term(sizes[x]) for x in new)
        whole = item.term.args[0] if _is_reshape(item.term) else item.term
        done = Item(Call("reshape", (whole, *shape)), new)
        return [*arrays[:k], done, *arrays[k + 1 :]]
    raise NoMatrixForm


def _is_reshape(e: Expr) -> TypeGuard[Call]:
    return isinstance(e, Call) and e.func == "reshape"


def _exchanged(have: Labels, old: Labels, new: Labels) -> Labels | None:
    """Labels with a run of them replaced; None where the run is not there."""
    n = len(old)
    for k in range(len(have) - n + 1):
        if have[k : k + n] == old:
            return (*have[:k], *new, *have[k + n :])
    return None


def _summed(item: Item, out: Labels, sizes: Mapping[int, Dim]) -> Expr:
    """The array summed over what the result lacks, its axes in the result's order."""
    more = tuple(x for x in out if x not in item.labels and sizes[x] == 1)
    if more and len(set(item.labels)) == len(item.labels):
        inner = _summed(item, tuple(x for x in out if x not in more), sizes)
        for x in more:
            inner = Call("unsqueeze", (inner, Num(str(out.index(x)))))
        return inner
    gone = [k for k, x in enumerate(item.labels) if x not in out]
    kept = tuple(x for x in item.labels if x in out)
    if set(kept) != set(out) or len(set(item.labels)) < len(item.labels):
        raise NoMatrixForm  # an axis that nothing carries, or a diagonal
    e = item.term
    if kept and gone and all(sizes[item.labels[k]] == 1 for k in gone) and len(item.labels) > 2:
        for k in reversed(gone):
            e = called("squeeze", e, k)
        gone = []
    if gone and not kept:
        return Call("sum", (e,))
    if gone:
        axes = tuple(Num(str(k)) for k in gone)
        e = Call("sum", (e,), (("axis", axes[0] if len(axes) == 1 else List(axes)),))
        if len(item.labels) == 2 and gone == [0]:
            return Transpose(e)  # on paper the sum over the rows of a matrix is a row
    return Transpose(e) if kept == out[::-1] and len(out) == 2 else permuted(e, kept, out)
