"""Gradients with respect to symmetric and diagonal matrices: each free entry counts once."""

from __future__ import annotations

import numpy as np

from ..expr import Binary, Call, Expr, Name, Num
from ..notation.build import in_front, size_term, transposed
from ..problem.lines import Line
from ..steps import Step, Text
from .chain import Chain
from .workspace import free_columns


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


def free_steps(chain: Chain) -> list[Step]:
    """Which entries of the variable the derivative has a place for, where that is a choice."""
    line = chain.wrt
    names: dict[str, object] = {"x": Name(line.name)}
    if "homogeneous" in line.properties:
        names |= {"i": free_columns(line), "s": size_term(line.leaf.shape[0])}
        words = (
            "The final 1 of {x} is fixed, so the derivative has no place for it. {i} is the "
            "identity of size {s} without its last column."
        )
        return [_note(chain, "The final 1 of {x}", words, names)]
    if symmetric(line) and not chain.gradient:
        kind = "symmetric" if "symmetric" in line.properties else "diagonal"
        words = (
            "{x} is " + kind + ", but this Jacobian counts all its entries as free, each with a "
            "column of its own. "
        )
        if chain.ws.problem.convention.layout == "denominator":
            words = words.replace("a column", "a row")
        if kind == "symmetric":
            words += (
                "If entries (i, j) and (j, i) move together, their two places have to be added; a "
                "gradient asked by {x} does so."
            )
        else:
            words += "Only those on the diagonal can move; a gradient asked by {x} keeps only them."
        return [_note(chain, "All entries of {x} count as free", words, names)]
    return []


def _note(chain: Chain, title: str, words: str, names: dict[str, object]) -> Step:
    name = f"free.{chain.of.name}.{chain.wrt.name}"
    return Step(name, "note", "free entries", Text(title, names), why=Text(words, names))


def symmetry_steps(chain: Chain) -> list[Step]:
    """From the gradient with all entries free, G, to the one with respect to the free entries."""
    if not symmetric(chain.wrt) or not chain.gradient or chain.final is None:
        return []
    taken = {*chain.ws.graph.lines, *chain.ws.graph.sizes}
    free = Name(next(n for n in ("G", "F", "G_free", "G_all") if n not in taken))
    x = {"x": Name(chain.wrt.name), "g": free}
    whole = constrained_term(chain.wrt, free)
    if "diagonal" in chain.wrt.properties:
        why = "{g} would be the gradient if all entries of {x} were free; only those on the "
        why += "diagonal are, so only they have a derivative: {w}."
    else:
        why = "{g} would be the gradient if all entries of {x} were free. But {x} is symmetric: "
        why += "entries (i, j) and (j, i) move together, and each pair counts once: {w}."
    formula = chain.closed_term()
    return [
        Step(
            "constraint",
            "chain",
            "symmetry",
            Text("Free entries of {x}", x),
            () if formula is None else (free, formula),
            why=Text(why, {**x, "w": whole}),
        )
    ]
