"""Small builders of terms: signs, quotients, transposes and sizes where a textbook puts them."""

from __future__ import annotations

import sympy as sp

from ..expr import Binary, Call, Expr, Index, Name, Neg, Num, Slice, Transpose, walk
from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node, is_delta
from .scalars import term_of


class NoMatrixForm(Exception):
    """The node needs subscripts."""


def size_term(d: Dim) -> Expr:
    return term_of(dims.factored(dims.number(d)))


def relation_term(node: Node) -> Expr:
    coefs, constant = node.attr
    if node.order == 2 and coefs == (1, -1) and constant == 0:
        if is_delta(node):
            return Call("eye", (size_term(node.shape[0]),))
        return Call("eye", tuple(size_term(d) for d in node.shape))
    if node.order == 1 and coefs == (1,):
        return unit_term(node.shape[0], constant)
    if node.order == 2:
        return _moved_identity(node)
    raise NoMatrixForm


def _moved_identity(node: Node) -> Expr:
    """Rows or columns of an identity, or one that is upside down: what slices and flips are."""
    coefs, constant = node.attr
    n, m = node.shape
    if coefs == (1, 1) and dims.same(n, m) and dims.same(constant, dims.dim(n - 1)):
        return Call("flip", (Call("eye", (size_term(n),)),), (("axis", Num("0")),))
    if coefs != (1, -1) or not all(isinstance(d, int) for d in (n, m, constant)):
        raise NoMatrixForm
    if m == 1 and 0 <= constant < n:
        return unit_term(n, constant)  # a column, and n×1 as the matrix is
    if n == 1 and 0 <= -constant < m:
        return Transpose(unit_term(m, -constant))
    whole = Slice(None, None, None)

    def part(start: int, length: int) -> Slice:
        return Slice(size_term(start) if start else None, size_term(start + length), None)

    if constant >= 0 and constant + m <= n:
        return Index(Call("eye", (size_term(n),)), (whole, part(constant, m)))
    if constant <= 0 and n - constant <= m:
        return Index(Call("eye", (size_term(m),)), (part(-constant, n), whole))
    raise NoMatrixForm


def unit_term(size: Dim, place: Dim) -> Expr:
    """A unit vector, as a column of the identity."""
    items = (Slice(None, None, None), size_term(place))
    return Index(Call("eye", (size_term(size),)), items)


# -- sums, products, quotients of terms -----------------------------------------------------------


def sum_term(terms: list[tuple[sp.Expr, Expr]]) -> Expr:
    """Σ c·term with minus signs where they belong."""
    total: Expr | None = None
    for c, term in terms:
        negative = bool(c.could_extract_minus_sign())
        part = scaled(-c if negative else c, term)
        if isinstance(part, Neg):
            part, negative = part.arg, not negative
        if total is None:
            total = Neg(part) if negative else part
        else:
            total = Binary("-" if negative else "+", total, part)
    assert total is not None
    return total


def scaled(c: sp.Expr, term: Expr) -> Expr:
    """c · term."""
    if c == 1:
        return term
    if isinstance(term, Num) and term.text == "1":
        return term_of(c)
    return product([term_of(c)], term)


def product(scalars: list[Expr], body: Expr | None) -> Expr:
    """Scalars in front of a body; factors 1/d gather in one denominator."""
    tops: list[Expr] = []
    bottoms: list[Expr] = []
    sign = False
    for s in scalars:
        if isinstance(s, Neg):
            sign, s = not sign, s.arg
        if isinstance(s, Binary) and s.op == "/" and not s.elementwise:
            bottoms.append(s.right)
            s = s.left
        if not (isinstance(s, Num) and s.text == "1"):
            tops.append(s)
    if body is not None:
        if isinstance(body, Neg):
            sign, body = not sign, body.arg
        tops.append(body)
    result: Expr = tops[0] if tops else Num("1")
    for k, t in enumerate(tops[1:], 1):
        last = k == len(tops) - 1 and body is not None
        result = in_front(result, t) if last else Binary("*", result, t)  # 2 (xᵀy) y
    if bottoms:
        down = bottoms[0]
        for b in bottoms[1:]:
            down = Binary("*", down, b)
        result = Binary("/", result, down)
    return Neg(result) if sign else result


def chained(a: Expr, b: Expr) -> Expr:
    """The matrix product a b, a chain of products as one chain without parentheses."""
    match b:
        case Binary("@"):
            return Binary("@", chained(a, b.left), b.right)
        case _:
            return Binary("@", a, b)


def in_front(factor: Expr, body: Expr) -> Expr:
    """factor · body, where a matrix product takes the number at its first matrix: 2 A B."""
    match body:
        case Binary("@"):
            return Binary("@", in_front(factor, body.left), body.right)
        case _:
            return Binary("*", factor, body)


def hadamard(a: Expr, b: Expr) -> Expr:
    """a ⊙ b, a plain name before a function: y ⊙ σ(u)."""
    if _plain(b) and not _plain(a):
        match a:
            case Binary("*", left, Call() | Binary()) if a.elementwise:
                return hadamard(hadamard(left, b), a.right)
            case Call():
                a, b = b, a
    if isinstance(b, Binary) and b.op == "/" and b.elementwise and b.left == Num("1"):
        return Binary("/", a, b.right, elementwise=True)
    if isinstance(a, Binary) and a.op == "/" and a.elementwise and a.left == Num("1"):
        return Binary("/", b, a.right, elementwise=True)
    return Binary("*", a, b, elementwise=True)


def _plain(e: Expr) -> bool:
    return isinstance(e.arg if isinstance(e, Transpose) else e, Name | Num)


def is_identity(e: Expr) -> bool:
    """eye(n); with two sizes it is none: it cuts entries off, or adds zeros."""
    return isinstance(e, Call) and e.func == "eye" and len(e.args) == 1


class Diagonal(Call):
    """The diagonal of a matrix, a column; `diag` of a vector is a matrix and its own transpose."""

    __slots__ = ()


def as_column(e: Expr) -> Expr:
    """A term for a column or a row: diag(M) in it, in sums and multiples too, is no matrix."""
    match e:
        case Call("diag"):
            return Diagonal(e.func, e.args, e.kwargs)
        case Neg():
            return Neg(as_column(e.arg))
        case Transpose():
            return Transpose(as_column(e.arg))
        case Binary("+" | "-" | "*" | "/"):
            return Binary(e.op, as_column(e.left), as_column(e.right), e.elementwise)
    return e


def transposed(e: Expr, symmetric: frozenset[str] = frozenset()) -> Expr:
    """eᵀ, pushed through products; the names in `symmetric` are their own transposes."""
    number, body = _leading_number(e)
    if number is not None:
        return in_front(number, transposed(body, symmetric))
    match e:
        case Transpose():
            return e.arg
        case Num():
            return e
        case Name() if e.id in symmetric:
            return e
        case Neg():
            return Neg(transposed(e.arg, symmetric))
        case Diagonal():
            return Transpose(e)
        case Call("eye", (_,)) | Call("diag") | Call("flip", (Call("eye", (_,)),)):
            return e
        case Call("inv", (arg,)) if transposed(arg, symmetric) == arg:
            return e
        case Call("kron", (a, b)):
            return Call("kron", (transposed(a, symmetric), transposed(b, symmetric)))
        case Call("commutation", (m, n)):
            return Call("commutation", (n, m))
        case Binary("*", _, Diagonal()) if not e.elementwise:
            return Binary("*", e.left, Transpose(e.right))
        case Binary("*", _, Call("eye", (_,)) | Call("diag")) if not e.elementwise:
            return e
        case Binary("*", _, Transpose()) if not e.elementwise:  # a number times a matrix
            return Binary("*", e.left, e.right.arg)  # type: ignore[union-attr]
        case Binary("/", Transpose() | Binary("@") | Call("eye", (_,))) if not e.elementwise:
            return Binary("/", transposed(e.left, symmetric), e.right)
        case Binary("@"):
            return chained(transposed(e.right, symmetric), transposed(e.left, symmetric))
        case Binary("*") if e.elementwise:
            left, right = transposed(e.left, symmetric), transposed(e.right, symmetric)
            return Binary("*", left, right, elementwise=True)
        case Binary("+" | "-"):
            pair = transposed(e.left, symmetric), transposed(e.right, symmetric)
            swapped = e.op == "+" and pair == (e.right, e.left)
            if pair == (e.left, e.right) or swapped:
                return e
            before, after = map(_turned, (e.left, e.right)), map(_turned, pair)
            saved = [b - a for b, a in zip(before, after, strict=True)]
            opens = min(saved) >= 0 and sum(saved) > 0  # (A − BᵀC)ᵀ stays in one piece
            return Binary(e.op, *pair) if opens else Transpose(e)
        case _:
            return Transpose(e)


def _turned(e: Expr) -> int:
    """How many transposes there are to read."""
    return sum(isinstance(x, Transpose) for x in walk(e))


def _leading_number(e: Expr) -> tuple[Expr | None, Expr]:
    """A number or minus sign at the first factor of a matrix product, and the rest."""
    match e:
        case Binary("@"):
            number, first = _leading_number(e.left)
            return number, e if number is None else Binary("@", first, e.right)
        case Binary("*", Num() | Neg(Num())) if not e.elementwise:
            return e.left, e.right
        case _:
            return None, e
