"""Gradients with respect to symmetric and diagonal matrices: each free entry counts once."""

from __future__ import annotations

import numpy as np

from ..expr import Binary, Call, Expr, Name, Num
from ..notation.build import in_front, size_term, transposed
from ..problem.lines import Line
from ..steps import Step, Text
from .chain import Chain


def symmetric(line: Line) -> bool:
    return bool({"symmetric", "diagonal"} & line.properties) and line.symbol.order == 2


def constrained(line: Line, gradient: np.ndarray) -> np.ndarray:
    """Of a symmetric variable each free entry counts once: G + Gᵀ − G∘I; of a diagonal one G∘I."""
    if not symmetric(line):
        return gradient
    diagonal = np.zeros_like(gradient)
    np.fill_diagonal(diagonal, np.diagonal(gradient))
    if gradient.dtype == object:
        import sympy as sp

        diagonal = np.where(np.eye(len(gradient)) == 1, gradient, sp.S.Zero)
    return diagonal if "diagonal" in line.properties else gradient + gradient.T - diagonal


def constrained_term(line: Line, free: Expr) -> Expr:
    """The same in a formula; `free` is the gradient with all entries free."""
    identity = Call("eye", (size_term(line.symbol.shape[0]),))
    diagonal = Binary("*", free, identity, elementwise=True)
    if "diagonal" in line.properties:
        return diagonal
    other = transposed(free, frozenset((line.name,)))
    both = in_front(Num("2"), free) if other == free else Binary("+", free, other)
    return Binary("-", both, diagonal)


def symmetry_steps(chain: Chain) -> list[Step]:
    if not symmetric(chain.wrt) or not chain.gradient:
        return []
    x = {"x": Name(chain.wrt.name)}
    if "diagonal" in chain.wrt.properties:
        why = Text(
            "Only the diagonal entries of {x} are free, so only they have a derivative: G ∘ I.", x
        )
    else:
        why = Text(
            "{x} is symmetric: entries (i, j) and (j, i) move together, so each free entry is "
            "counted once: G + Gᵀ − G ∘ I, where G treats all entries as free.",
            x,
        )
    return [Step("constraint", "chain", "symmetry", Text("Free entries of {x}", x), why=why)]
