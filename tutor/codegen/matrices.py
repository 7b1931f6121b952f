"""Traces, inverses, Kronecker products, constant and rearranged matrices, in array code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..expr import Binary, Call, Expr, Index, List, Num, Transpose
from ..graph import dims
from ..graph.dims import Dim
from .arithmetic import times
from .kinds import Code, NoCode, transposed, upright

if TYPE_CHECKING:
    from .translate import Translator

Arguments = list[Code]
Keywords = dict[str, Expr]
Builder = Callable[[Arguments, Keywords, "Translator"], Code]


def tuple_of(items: tuple[Expr, ...]) -> Expr:
    """A tuple: a call of nothing, which prints as its parentheses."""
    return Call("", items)


def trace(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    (x,) = args
    if x.order != 2:
        raise NoCode("a trace")
    if isinstance(x.term, Binary) and x.term.op == "@":
        right = transposed(Code(x.term.right, (1, 1))).term
        return Code(Call("sum", (Binary("*", x.term.left, right),)))
    return Code(Call("trace", (x.term,)))


def matrix(name: str, scalar: bool = True) -> Builder:
    def build(args: Arguments, keywords: Keywords, _: Translator) -> Code:
        (x,) = args
        if x.order != 2:
            raise NoCode(name)
        return Code(Call(name, (x.term,)), () if scalar else x.shape)

    return build


def logdet(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    (x,) = args
    if x.order != 2:
        raise NoCode("logdet")
    return Code(Index(Call("linalg.slogdet", (x.term,)), (Num("1"),)))


def diag(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    (x,) = args
    if x.order == 0:
        raise NoCode("diag of a scalar")
    n = x.shape[0]
    return Code(Call("diag", (x.term,)), (n, n) if x.order == 1 else (n,))


def kron(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    a, b = args
    if a.order == 0 or b.order == 0:
        return times(a, b) if a.order == 0 else times(b, a)
    if a.order == b.order == 1:
        if a.row == b.row:
            return Code(Call("kron", (a.term, b.term)), (_times(a.shape[0], b.shape[0]),), a.row)
        column, row = (b, a) if a.row else (a, b)
        return Code(Call("outer", (column.term, row.term)), (column.shape[0], row.shape[0]))
    a, b = upright(a), upright(b)
    shape = (_times(a.shape[0], b.shape[0]), _times(a.shape[1], b.shape[1]))
    return Code(Call("kron", (a.term, b.term)), shape)


def _times(a: Dim, b: Dim) -> Dim:
    return dims.dim(dims.number(a) * dims.number(b))


def vec(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    (x,) = args
    if x.order < 2:
        return Code(x.term, x.shape)
    term = transposed(x).term if t.vec == "column" else x.term
    return Code(Call("ravel", (term,)), (_times(*x.shape),))


def unvec(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    v, m, n = args
    shape = (t.size(m), t.size(n))
    if t.vec == "column":
        whole = Call("reshape", (v.term, tuple_of((n.term, m.term))))
        return Code(Transpose(whole), shape)
    return Code(Call("reshape", (v.term, tuple_of((m.term, n.term)))), shape)


def constant(name: str) -> Builder:
    def build(args: Arguments, keywords: Keywords, t: Translator) -> Code:
        shape = tuple(t.size(a) for a in args)
        terms = tuple(a.term for a in args)
        if name == "eye":
            return Code(Call("eye", terms), shape * (2 if len(shape) == 1 else 1))
        size = terms[0] if len(terms) == 1 else tuple_of(terms)
        return Code(Call(name, (size,)), shape)

    return build


def commutation(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    m, n = args
    size = _times(t.size(m), t.size(n))
    return Code(Call("commutation", (m.term, n.term)), (size, size))


def concat(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    if any(a.order != 1 or a.row for a in args):
        raise NoCode("concat of matrices")
    total = dims.dim(sum(dims.number(a.shape[0]) for a in args))
    return Code(Call("concat", (List(tuple(a.term for a in args)),)), (total,))


def triangle(name: str) -> Builder:
    """The elimination and duplication matrices."""

    def build(args: Arguments, keywords: Keywords, t: Translator) -> Code:
        n = dims.number(t.size(args[0]))
        free, all_ = dims.dim(n * (n + 1) / 2), dims.dim(n * n)
        shape = (free, all_) if name == "elimination" else (all_, free)
        return Code(Call(name, (args[0].term,)), shape)

    return build
