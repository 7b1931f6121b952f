"""Operations that only move entries. Each is an index relation, so none has a rule of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import dims
from ..graph import node as g
from ..graph.dims import Dim
from ..graph.node import Node, ein, rel
from .base import Dims, Int, Op, Val, Word, as_matrix, axes_of, is_column, require
from .indexing import index, index_plain

NORMAL = (-2.0, 2.0)


def strides(shape: Sequence[Dim], column: bool) -> list[Dim]:
    """How far one step along each axis moves in the unrolled vector."""
    order = range(len(shape)) if column else reversed(range(len(shape)))
    steps: list[Dim] = [1] * len(shape)
    far: Dim = 1
    for k in order:
        steps[k] = far
        far = dims.dim(far * shape[k])
    return steps


def unroll(node: Node, column: bool) -> Node:
    """All entries in one column, column by column or row by row."""
    if node.order == 1:
        return node
    total = dims.product(node.shape)
    steps = [-dims.number(s) for s in strides(node.shape, column)]
    own = tuple(range(node.order))
    relation = rel([1, *steps], 0, [total, *node.shape])
    return ein([(node, own), (relation, ("p", *own))], ("p",))


def roll(node: Node, shape: Sequence[Dim], column: bool) -> Node:
    """The inverse of unroll."""
    if len(shape) == 1:
        return node
    steps = [-dims.number(s) for s in strides(shape, column)]
    relation = rel([1, *steps], 0, [node.shape[0], *shape])
    own = tuple(range(len(shape)))
    return ein([(node, ("p",)), (relation, ("p", *own))], own)


def _vec(x: Val, _vec: Word = "column") -> Val:
    return Val(unroll(x.node if x.order else as_matrix(x), _vec == "column"))


def _unvec(v: Val, *shape: Dims, _vec: Word = "column") -> Val:
    sizes = flat_sizes(shape)
    _same_count(v, sizes)
    return _shaped(roll(unroll(v.node, False), sizes, _vec == "column"))


def _reshape(x: Val, *shape: Dims) -> Val:
    return _shaped(reshaped(x, flat_sizes(shape)))


def reshaped(x: Val, sizes: tuple[Dim, ...]) -> Node:
    if sizes.count(-1) == 1:
        known = dims.product([d for d in sizes if d != -1])
        total = dims.product(x.node.shape)
        rest = dims.dim(dims.number(total) / dims.number(known))
        sizes = tuple(rest if d == -1 else d for d in sizes)
    _same_count(x, sizes)
    if x.order == 0:
        return g.broadcast(x.node, (), sizes)
    flat = unroll(x.node, False)
    return roll(flat, sizes, False)


def flat_sizes(shape: tuple[Any, ...]) -> tuple[Dim, ...]:
    if len(shape) == 1 and isinstance(shape[0], tuple | list):
        shape = tuple(shape[0])
    require(bool(shape), "the new shape is missing")
    return tuple(shape)


def _same_count(x: Val, sizes: Sequence[Dim]) -> None:
    whole = all(not isinstance(d, int) or d > 0 for d in sizes)
    ok = whole and dims.same(dims.product(x.node.shape), dims.product(sizes))
    require(
        ok,
        f"`{{left}}` ({x.dims}) has {dims.one(dims.product(x.node.shape))} entries; "
        f"size {dims.text(sizes)} needs {dims.one(dims.product(sizes))}",
    )


def _shaped(node: Node) -> Val:
    """A 1×n result of a reshape is a matrix with one row."""
    return Val(node)


def _flatten(x: Val, start_dim: Int = 0, end_dim: Int = -1) -> Val:
    """All axes from `start_dim` to `end_dim` as one; without them the entries of a column."""
    paper = x.shape or (1, 1)
    require(isinstance(start_dim, int) and isinstance(end_dim, int), "flatten takes two axes")
    first, last = (k + len(paper) if k < 0 else k for k in (start_dim, end_dim))
    require(0 <= first <= last < len(paper),
            f"flatten from axis {start_dim} to axis {end_dim} of {x.dims}: there is no such part")  # fmt: skip
    if (first, last) == (0, len(paper) - 1):
        return Val(unroll(x.node if x.order else as_matrix(x), False))
    return _reshape(x, *paper[:first], dims.product(paper[first : last + 1]), *paper[last + 1 :])


def _flatten_plain(x: np.ndarray, start_dim: int = 0, end_dim: int = -1) -> np.ndarray:
    last = end_dim % max(x.ndim, 1)
    return np.reshape(x, (*x.shape[:start_dim], -1, *x.shape[last + 1 :]))


def _concat(*parts: Val, axis: Int = 0) -> Val:
    require(len(parts) > 0, "concat needs at least one part")
    require(isinstance(axis, int), "concat goes along one axis")
    parts = tuple(Val(g.broadcast(p.node, (), (1,))) if p.order == 0 else p for p in parts)
    order = max(p.order for p in parts)
    rows = all(p.row for p in parts)
    if rows and axis in (1, -1):
        return Val(joined([p.node for p in parts], 0), row=True)
    if order == 2 or any(p.row for p in parts) or (order == 1 and axis == 1):
        parts = tuple(Val(as_matrix(p)) if p.order < 2 else p for p in parts)
    require(len({p.order for p in parts}) == 1, "concat needs parts of one order",
            "sizes: " + ", ".join(p.dims for p in parts))  # fmt: skip
    (k,) = axes_of(parts[0], axis)
    for i, p in enumerate(parts[1:], 1):
        for j, (a, b) in enumerate(zip(parts[0].node.shape, p.node.shape, strict=True)):
            require(j == k or dims.same(a, b),
                    f"cannot concat `{{left}}` ({parts[0].dims}) and `{{operand{i}}}` ({p.dims}) "
                    f"along axis {axis}: these sizes do not fit",
                    f"only axis {k} may differ, and axis {j} has {dims.one(a)} and {dims.one(b)} entries")  # fmt: skip
    return Val(joined([p.node for p in parts], k))


def joined(nodes: Sequence[Node], axis: int) -> Node:
    """The nodes one after another along the axis: a sum of shifted copies."""
    total: Dim = 0
    for n in nodes:
        total = dims.dim(total + n.shape[axis])
    terms = []
    offset: Dim = 0
    for n in nodes:
        shift = rel((1, -1), offset, (total, n.shape[axis]))
        own = tuple(range(n.order))
        out = tuple("o" if k == axis else k for k in own)
        terms.append(ein([(n, own), (shift, ("o", axis))], out))
        offset = dims.dim(offset + n.shape[axis])
    return g.add(terms)


def stacked(nodes: Sequence[Node]) -> Node:
    """The nodes as the slices of a new first axis."""
    terms = []
    for k, n in enumerate(nodes):
        own = tuple(range(n.order))
        terms.append(ein([(rel((1,), k, (len(nodes),)), ("o",)), (n, own)], ("o", *own)))
    return g.add(terms)


def _list(*parts: Val) -> Val:
    """[f, g]: of scalars a column, of columns or rows a matrix with these rows."""
    require(len(parts) > 0, "an empty list has no size")
    for p in parts[1:]:
        require(dims.same_shape(p.node.shape, parts[0].node.shape),
                f"the entries of a list must have one size, not {parts[0].dims} and {p.dims}")  # fmt: skip
    return Val(stacked([p.node for p in parts]))


def _homogeneous(x: Val) -> Val:
    require(is_column(x), f"homogeneous takes a column, not size {x.dims}")
    node = x.node if x.order == 1 else ein([(x.node, "rc")], "r")
    return Val(joined([node, g.const(1, (1,))], 0))


def _concat_plain(*parts: np.ndarray, axis: int = 0) -> Any:
    parts = tuple(np.atleast_1d(p) for p in parts)
    if max(p.ndim for p in parts) == 2 or axis == 1:
        parts = tuple(p[:, None] if p.ndim == 1 else p for p in parts)
    return np.concatenate(parts, axis=axis)


_MOVES = "{y} holds the entries of {x} in other places; every entry is copied once, with weight 1."

RESHAPE: tuple[Op, ...] = (
    Op("vec", "A[m n] -> [m*n]", _vec, _MOVES, "d vec(A) = vec(dA)", "rearrangement",
       "Magnus & Neudecker", "vec", lambda a, _vec="column": np.ravel(a, "F" if _vec == "column" else "C"),
       moves=True, sample=(([(3, 5)], {}, NORMAL), ([(7,)], {}, NORMAL)),
       size="All {n} entries of a {a} matrix in one column.",
       meaning="the columns of A one below the other; with the convention `vec: row` its rows"),
    Op("unvec", "v[m*n] -> [m n]", _unvec, _MOVES, "d unvec(v) = unvec(dv)", "rearrangement",
       "Magnus & Neudecker", "unvec",
       lambda v, *shape, _vec="column": np.reshape(v, flat_sizes(shape), "F" if _vec == "column" else "C"),
       moves=True, sample=(([(15,)], {"*": (3, 5)}, NORMAL),),
       size="The {n} entries fill a matrix of the size asked for.",
       meaning="the matrix with vec(A) = v"),
    Op("reshape", "x[...] -> [...]", _reshape, _MOVES, "d reshape(x) = reshape(dx)", "rearrangement",
       "NumPy, row-major", "reshape", lambda x, *shape: np.reshape(x, flat_sizes(shape)),
       moves=True, sample=(([(3, 10)], {"*": (5, 6)}, NORMAL), ([(2, 3, 5)], {"*": (6, -1)}, NORMAL),
                           ([(30,)], {"*": (2, 3, 5)}, NORMAL)),
       size="The same {n} entries, in the size asked for.",
       meaning="the same entries, read and written row by row"),
    Op("flatten", "x[...] -> [n]", _flatten, _MOVES, "d flatten(x) = flatten(dx)", "rearrangement",
       "torch.flatten", "flatten", _flatten_plain, moves=True,
       sample=(([(2, 3, 5)], {}, NORMAL), ([(2, 3, 5)], {"start_dim": 1}, NORMAL),
               ([(2, 3, 5)], {"start_dim": 0, "end_dim": -2}, NORMAL)),
       size="The same {n} entries, read row by row.",
       meaning="all entries, read row by row"),
    Op("concat", "x[...], ... -> [...]", _concat,
       "{y} contains {x} as a block; the other entries do not depend on it.",
       "d concat(a, b) = concat(da, db)", "rearrangement", "definition", "concat", _concat_plain,
       sample=(([(3,), (5,)], {}, NORMAL), ([(3, 5), (2, 5)], {}, NORMAL),
               ([(3, 5), (3, 2)], {"axis": 1}, NORMAL), ([(), (5,)], {}, NORMAL)),
       size="The parts stand one behind the other along an axis, where their sizes add.",
       meaning="the parts one after the other along `axis`"),
    Op("homogeneous", "x[n] -> [n+1]", _homogeneous,
       "{y} is {x} with a final 1; the 1 does not move, so the last row of the Jacobian is zero.",
       "d [x; 1] = [dx; 0]", "rearrangement", "Hartley & Zisserman, ch. 2", "[·; 1]",
       lambda x: np.append(x, 1.0), sample=(([(7,)], {}, NORMAL),),
       size="{a} and one more entry, the final 1.",
       meaning="x with a 1 below it"),
)  # fmt: skip

STRUCTURE: dict[str, Op] = {
    "copy": Op("copy", "x[...] -> [...]", lambda x: x, "{y} is another name for {x}.", "dy = dx",
               "rearrangement", "definition", "=", lambda x: x, moves=True),
    "[]": Op("list", "x[...], ... -> [k ...]", _list,
             "{y} lists its operands; {x} is one of its entries.", "d [a, b] = [da, db]",
             "rearrangement", "definition", "[ , ]", lambda *xs: np.stack(xs),
             sample=(([(), (), ()], {}, NORMAL), ([(5,), (5,)], {}, NORMAL)),
       size="One entry for each part.",
       meaning="the operands one after the other along a new first axis"),
    "x[i]": Op("index", "x[...] -> [...]", index,
               "{y} copies some entries of {x}; the others do not matter to it.",
               "d x[i] = dx[i]", "rearrangement", "NumPy's basic indexing", "[i]", index_plain,
               sample=(([(7,)], {"items": (2,)}, NORMAL), ([(7,)], {"items": ((1, 6, 2),)}, NORMAL),
                       ([(3, 5)], {"items": ((None, None, None), (1, 3, None))}, NORMAL),
                       ([(3, 5)], {"items": (0, 2)}, NORMAL),
                       ([(3, 5)], {"items": (1,)}, NORMAL),
                       ([(5,)], {"items": ((None, None, -1),)}, NORMAL)),
       size="The entries that are picked.",
       meaning="the entries that the subscripts name, counted from 0; a:b ends before b"),
}  # fmt: skip
