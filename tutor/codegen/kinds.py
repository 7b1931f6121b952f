"""What a term is in code: a number, a scalar, a 1-D array for a column or a row, a 2-D array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from ..expr import Binary, Call, Expr, Index, Name, Num, Slice, Transpose
from ..graph import dims
from ..graph.dims import Dim


class NoCode(Exception):
    """There is no code for this term; its graph may still have some."""


@dataclass(frozen=True)
class Code:
    """A Python expression (as a term: calls have dotted names) and what it evaluates to.

    shape   sizes of the array's axes
    row     whether an array of one axis stands for a row
    number  a Python number, made of literals and sizes alone
    """

    term: Expr
    shape: tuple[Dim, ...] = ()
    row: bool = False
    number: bool = False

    @property
    def order(self) -> int:
        return len(self.shape)

    @property
    def rows(self) -> Dim:
        return 1 if self.order == 0 or self.row else self.shape[0]

    @property
    def columns(self) -> Dim:
        return self.shape[-1] if self.row or self.order == 2 else 1


ALL = Slice(None, None, None)


def upright(c: Code) -> Code:
    """A 1-D array as the matrix with one column or one row that it is on paper."""
    if c.order == 2:
        return c
    items = (Name("None"), ALL) if c.row else (ALL, Name("None"))
    return Code(Index(c.term, items), (c.rows, c.columns))


def flat(c: Code) -> Code:
    """A matrix with one column or one row as a 1-D array; anything else as it is."""
    if c.order != 2 or 1 not in c.shape:
        return c
    if c.shape == (1, 1):
        return Code(Index(c.term, (Num("0"), Num("0"))))
    row = c.shape[0] == 1
    items = (Num("0"), ALL) if row else (ALL, Num("0"))
    return Code(Index(c.term, items), (c.shape[1] if row else c.shape[0],), row)


def transposed(c: Code) -> Code:
    if c.order == 0:
        return c
    if c.order == 1:
        return Code(c.term, c.shape, not c.row)
    if isinstance(c.term, Call) and c.term.func == "diag":
        return c
    term = _turned(c.term)
    return Code(c.term if term == c.term else _outside(c.term), c.shape[::-1])


def _outside(e: Expr) -> Expr:
    return e.arg if isinstance(e, Transpose) else Transpose(e)


def _turned(e: Expr) -> Expr:
    """The transpose pushed inwards, which shows whether the matrix is symmetric."""
    match e:
        case Binary("@"):
            return Binary("@", _turned(e.right), _turned(e.left))
        case Binary("+" | "-"):
            return Binary(e.op, _turned(e.left), _turned(e.right))
        case Binary("*", _, Call("eye", (_,))) | Call("eye", (_,)):
            return e
        case _:
            return _outside(e)


def same(a: Dim, b: Dim) -> bool:
    return dims.dim(dims.number(a) - dims.number(b)) == 0


def guess(d: Dim) -> int:
    """A size to weigh costs with."""
    return (
        d
        if isinstance(d, int)
        else int(sp.Integer(50) if d.is_Symbol else d.subs({s: 50 for s in d.free_symbols}))
    )


def best_order(factors: Sequence[Code]) -> tuple[int, dict[tuple[int, int], int]]:
    """How few numbers have to be multiplied in a chain of products, and where to split it for that.

    Of equally cheap splits the last one is taken: from left to right, without parentheses.
    """
    n = len(factors)
    size = [guess(f.rows) for f in factors] + [guess(factors[-1].columns)]
    cost = {(i, i): 0 for i in range(n)}
    split: dict[tuple[int, int], int] = {}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length - 1
            options = [
                (cost[i, k] + cost[k + 1, j] + size[i] * size[k + 1] * size[j + 1], -k)
                for k in range(i, j)
            ]
            cost[i, j], at = min(options)
            split[i, j] = -at
    return cost[0, n - 1], split
