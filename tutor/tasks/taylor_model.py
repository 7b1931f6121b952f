"""The terms of a local model: f(a) + ∇f(a)ᵀ(x − a) + ½ (x − a)ᵀ H (x − a).

Of a symmetric or diagonal matrix x − a are the free entries, vech(X − A) or diag(X − A).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from ..expr import Binary, Call, Expr, List, Name, Neg, Num, Transpose, walk
from ..graph.dims import number
from ..notation.build import sum_term, transposed
from ..notation.scalars import term_of
from ..problem.lines import Line
from ..value import Value
from .duplication import free_term, tied

HALF = Binary("/", Num("1"), Num("2"))


@dataclass(frozen=True)
class Piece:
    """One coefficient, at the point: its formula there and its value."""

    formula: Expr | None
    value: Value | None

    @property
    def term(self) -> Expr | None:
        """What stands for it in the model."""
        return self.value.shown() if self.value is not None else self.formula

    @property
    def is_zero(self) -> bool:
        if self.value is not None:
            return not np.any(self.value.floats())
        return self.formula == Num("0")


def model(found: Sequence[Piece], variable: Line, point: Expr) -> Expr | None:
    """f(a) + ∇f(a)ᵀ(x − a) + ½ (x − a)ᵀ H (x − a), without what is zero."""
    x = Name(variable.name)
    zero = _zero(point)
    step: Expr = x if zero else _minus(x, point)
    terms: list[tuple[sp.Expr, Expr]] = []
    for k, piece in enumerate(found):
        if piece.is_zero:
            continue
        term = piece.term
        if term is None:
            return None
        if variable.symbol.order == 0:
            terms.append(_power(piece, term, step, k))
        else:
            body = _product(term, step, k, variable)
            terms.append((sp.S.One, Binary("*", HALF, body) if k == 2 else body))
    return sum_term(terms) if terms else Num("0")


def _minus(x: Expr, point: Expr) -> Expr:
    if isinstance(point, Neg):
        return Binary("+", x, point.arg)
    return Binary("-", x, point)


def _zero(point: Expr) -> bool:
    if isinstance(point, List):
        return all(_zero(p) for p in point.items)
    return point == Num("0")


def _power(piece: Piece, term: Expr, step: Expr, k: int) -> tuple[sp.Expr, Expr]:
    power: Expr | None = {0: None, 1: step}.get(k, Binary("**", step, Num(str(k))))
    if piece.value is not None and (piece.value.exact and piece.value.is_short()):
        c = piece.value.data[()] / (2 if k == 2 else 1)
        return (c, power) if power is not None else (sp.S.One, term_of(c))
    if piece.value is not None:
        c = piece.value.floats()[()] / (2 if k == 2 else 1)
        c = number(float(f"{c:.6g}"))
        return (c, power) if power is not None else (sp.S.One, term)
    if power is None:
        return sp.S.One, term
    product = Binary("*", term, power)
    return sp.S.One, Binary("*", HALF, product) if k == 2 else product


def _turned(e: Expr) -> Expr:
    """eᵀ, with a number in front kept there."""
    if isinstance(e, Binary) and e.op == "*" and not e.elementwise:
        return Binary("*", e.left, _turned(e.right))
    return Neg(_turned(e.arg)) if isinstance(e, Neg) else transposed(e)


def _row(e: Expr) -> Expr:
    """The transpose of a vector; diag(M) of a matrix is one, not a diagonal matrix."""
    made = any(isinstance(x, Call) and x.func == "diag" for x in walk(e))
    return Transpose(e) if made else _turned(e)


def _times(e: Expr, step: Expr) -> Expr:
    """e · step, with a number in front kept there."""
    if isinstance(e, Binary) and e.op == "*" and not e.elementwise:
        return Binary("*", e.left, _times(e.right, step))
    return Neg(_times(e.arg, step)) if isinstance(e, Neg) else Binary("@", e, step)


def _product(term: Expr, step: Expr, k: int, variable: Line) -> Expr:
    if k == 0:
        return term
    if tied(variable) is not None:
        flat = free_term(step, variable)
        if k == 1:
            return _times(_row(term), flat)
        return Binary("@", Binary("@", Transpose(flat), term), flat)
    if variable.symbol.order == 2:
        if k == 1:
            return Call("tr", (Binary("@", _turned(term), step),))
        flat = Call("vec", (step,))
        return Binary("@", Binary("@", Transpose(flat), term), flat)
    if variable.leaf.row:
        if k == 1:
            return Binary("@", step, _turned(term))
        return Binary("@", Binary("@", step, term), Transpose(step))
    if k == 1:
        return _times(_turned(term), step)
    return Binary("@", Binary("@", Transpose(step), term), step)
