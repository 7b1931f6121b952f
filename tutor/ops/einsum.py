"""einsum: a product of arrays, summed over every letter that the result does not carry."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node, ein
from .base import Op, Val, Word, as_matrix, require
from .reshape import NORMAL

EXAMPLE = 'for example einsum("ij,jk->ik", A, B)'


def parsed(equation: Any, count: int) -> tuple[list[str], str]:
    """The letters of each operand and of the result."""
    require(isinstance(equation, str), "einsum needs its indices in quotes", EXAMPLE)
    plain = equation.replace(" ", "")
    require("." not in plain, "einsum with an ellipsis is not supported: give every axis a letter")
    left, arrow, right = plain.partition("->")
    terms = left.split(",")
    for letter in plain.replace("->", "").replace(",", ""):
        require(letter.isascii() and letter.isalpha(),
                f'`{letter}` in "{equation}" is not an index: indices are single letters', EXAMPLE)  # fmt: skip
    require("," not in right and "->" not in right,
            f'"{equation}" is not of the form "indices, indices -> indices"', EXAMPLE)  # fmt: skip
    require(len(terms) == count,
            f'"{equation}" has indices for {len(terms)} operand{"s" * (len(terms) != 1)}, and there '
            f"{'is' if count == 1 else 'are'} {count}")  # fmt: skip
    if not arrow:  # NumPy's rule: what stands once, in the order of the alphabet
        uses = Counter("".join(terms))
        return terms, "".join(sorted(x for x, n in uses.items() if n == 1))
    for letter in right:
        require(letter in left,
                f"the result of \"{equation}\" has an index `{letter}` that no operand has")  # fmt: skip
        require(right.count(letter) == 1,
                f"the result of \"{equation}\" has the index `{letter}` twice")  # fmt: skip
    return terms, right


def _einsum(*operands: Val, equation: Word = None) -> Val:
    terms, out = parsed(equation, len(operands))
    sizes: dict[str, Dim] = {}
    at: dict[str, int] = {}  # the operand in which a letter came first
    factors = []
    for k, (letters, v) in enumerate(zip(terms, operands, strict=True)):
        node = _axes(v, letters, k)
        for letter, d in zip(letters, node.shape, strict=True):
            known = sizes.setdefault(letter, d)
            at.setdefault(letter, k)
            require(dims.same(known, d),
                    f'the index `{letter}` of "{equation}" runs over {dims.one(known)} entries of '
                    f"`{{operand{at[letter]}}}` ({operands[at[letter]].dims}) and over {dims.one(d)} of "
                    f"`{{operand{k}}}` ({v.dims})")  # fmt: skip
        factors.append((node, letters))
    return Val(ein(factors, out, 1, sizes), product=out == "")


def _axes(v: Val, letters: str, k: int) -> Node:
    """The operand with as many axes as letters; a column may also be n×1 and a row 1×n."""
    if len(letters) == 2 and v.order == 1:
        return as_matrix(v)
    require(len(letters) == v.order,
            f'operand {k + 1} of einsum has size {v.dims}, but {len(letters)} '
            f'{"index" if len(letters) == 1 else "indices"} "{letters}"')  # fmt: skip
    return v.node


def _einsum_plain(*operands: np.ndarray, equation: str = "") -> Any:
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    arrays = []
    for letters, x in zip(terms, operands, strict=True):
        if len(letters) < x.ndim:
            x = x.reshape([d for d in x.shape if d != 1])
        arrays.append(x[:, None] if len(letters) > x.ndim else x)
    return np.einsum(equation, *arrays)


EINSUM: tuple[Op, ...] = (
    Op("einsum", '"ij,jk->ik", A[...], B[...] -> [...]', _einsum,
       "{y} is a sum of products in which {x} stands once in each term: it is linear in {x}.",
       "d einsum(A, B) = einsum(dA, B) + einsum(A, dB)", "product rule", "torch.einsum", "einsum",
       _einsum_plain,
       sample=(([(3, 5), (5, 2)], {"equation": "ij,jk->ik"}, NORMAL), ([(3, 3)], {"equation": "ii"}, NORMAL),
               ([(3, 5), (3, 5)], {"equation": "ij,ij->j"}, NORMAL), ([(3,), (5,)], {"equation": "i,j->ij"}, NORMAL),
               ([(2, 3, 5), (2, 5, 7)], {"equation": "bij,bjk->bik"}, NORMAL),
               ([(3, 3)], {"equation": "ii->i"}, NORMAL), ([(3, 5)], {"equation": "ij->ji"}, NORMAL),
               ([(3,), (3, 5), (5,)], {"equation": "i,ij,j->"}, NORMAL),
               ([(1, 5), (5,)], {"equation": "i,i->i"}, NORMAL)),
       size="The labels that are left are the axes.",
       meaning="the product of all operands, summed over every letter that is not behind the "
               "arrow"),
)  # fmt: skip
