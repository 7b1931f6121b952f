"""First derivatives by symmetric and diagonal matrices: each free entry counts once."""

from __future__ import annotations

import numpy as np

from ..expr import Binary, Call, Expr, Name, Num, Partial, walk
from ..graph import dims
from ..graph.interned import is_symmetric
from ..notation.build import NoMatrixForm, in_front, size_term, transposed
from ..notation.jacobian import jacobian_term
from ..notation.text import text
from ..problem.lines import Line
from ..steps import Step, Text
from .chain import LONG, Chain, size_text, tree_size
from .duplication import (
    around,
    between,
    diagonal_of,
    duplication,
    free_count,
    free_name,
    tied,
    unit,
)
from .extended import free_name as unused
from .workspace import Workspace, free_columns


def symmetric(line: Line) -> bool:
    return tied(line) is not None


def whole_symbol(chain: Chain) -> Expr:
    """What stands for the last adjoint: ∂L/∂w, or G or J where every place of S counts by itself.

    Paths are products of Jacobians by S, and keep that name.
    """
    if not symmetric(chain.wrt) or type(chain) is not Chain:
        return Partial(Name(chain.of.name), Name(chain.wrt.name))
    return whole_name(chain.ws, chain.gradient)


def whole_name(ws: Workspace, gradient: bool = True) -> Name:
    """G or J, or another letter where the problem has these."""
    return Name(unused(ws, *(MATRICES if gradient else JACOBIANS)))


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


MATRICES, JACOBIANS = ("G", "H", "U", "Q", "grad"), ("J", "M", "U", "jac")  # names for them
SHORT = 40  # characters of G that still read well three times in one formula


def constrained_term(line: Line, free: Expr, own: bool = False) -> Expr:
    """The same in a formula; `free` is G. own: it is known to be its own transpose."""
    identity = Call("eye", (size_term(line.symbol.shape[0]),))
    diagonal = Binary("*", free, identity, elementwise=True)
    if "diagonal" in line.properties:
        return diagonal
    other = transposed(free, frozenset((line.name,)))
    both = in_front(Num("2"), free) if own or other == free else Binary("+", free, other)
    return Binary("-", both, diagonal)


def constrained_gradient(chain: Chain, free: Expr) -> Expr:
    """The closed form by the free entries, in terms of the one that counts every place."""
    return constrained_term(chain.wrt, free, is_symmetric(chain.closed()))


def put_together(chain: Chain, formula: Expr | None) -> Expr | None:
    """The formula as the last step shows it: with the name G where it is long."""
    if formula is None or not symmetric(chain.wrt) or not chain.gradient:
        return formula
    free = chain.closed_term() or chain.closed_by_name()
    if free is None or len(text(free)) <= SHORT:
        return formula
    return constrained_gradient(chain, whole_symbol(chain))


def free_steps(chain: Chain) -> list[Step]:
    """Which entries of the variable the derivative has a place for, where that is a choice."""
    line = chain.wrt
    names: dict[str, object] = {"x": Name(line.name)}
    if "homogeneous" in line.properties:
        names |= {"i": free_columns(line), "s": size_term(line.leaf.shape[0])}
        closed = chain.closed_term()
        words = Text("The final 1 of {x} is fixed, so the derivative has no place for it.", names)
        if closed is not None and names["i"] in walk(closed):
            words = Text(
                "The final 1 of {x} is fixed, so the derivative has no place for it. {i} is the "
                "identity of size {s} without its last column.",
                names,
            )
        return [_note(chain, Text("The final 1 of {x}", names), words)]
    return []


def _note(chain: Chain, title: Text, words: Text) -> Step:
    name = f"free.{chain.of.name}.{chain.wrt.name}"
    return Step(name, "note", "free entries", title, why=words)


def symmetry_steps(chain: Chain) -> list[Step]:
    """From G or J, which count every place by itself, to the derivative by the free entries."""
    if not symmetric(chain.wrt) or chain.final is None:
        return []
    return [_gradient_step(chain) if chain.gradient else _jacobian_step(chain)]


def _gradient_step(chain: Chain) -> Step:
    whole = whole_symbol(chain)
    x = {"x": Name(chain.wrt.name), "g": whole, "w": constrained_gradient(chain, whole)}
    words = (
        "{g} counts every place of {x} by itself. But {x} is symmetric: entries (i, j) and (j, i) "
        "move together, and each pair counts once: {w}."
    )
    if tied(chain.wrt) == "diagonal":
        words = (
            "{g} counts every place of {x} by itself. But {x} is diagonal: only the entries on "
            "the diagonal can move, so only they have a derivative: {w}."
        )
    formula = chain.closed_term()
    return Step(
        "constraint",
        "chain",
        "symmetry",
        Text("Free entries of {x}", x),
        () if formula is None else (whole, formula),
        why=Text(words, x),
        uses=(f"chain.{chain.wrt.name}",),
    )


def _jacobian_step(chain: Chain) -> Step:
    """∂y/∂vech(S) = J D, or the columns of the diagonal."""
    whole, line = whole_symbol(chain), chain.wrt
    d = duplication(line)
    turned = chain.ws.problem.convention.layout == "denominator"
    v = free_name(line)
    x: dict[str, object] = {"x": Name(line.name), "j": whole, "v": v}
    size = free_jacobian_size(chain.of, line, "denominator" if turned else "numerator")
    members: tuple[Expr, ...] = ()
    if d is None:
        words = (
            "{j} counts every place of {x} by itself. But {x} is diagonal: only the entries {v} "
            "can move, so only they have a place in the Jacobian."
        )
    else:
        x |= {"d": d, "s": Call("vec", (Name(line.name),)), "p": Binary("@", d, v)}
        words = (
            "{j} counts every place of {x} by itself. But {x} is symmetric: only its entries on "
            "and below the diagonal are free. {v} stacks them column by column, and {s} = {p} "
            "with the duplication matrix {d}, which puts every entry off the diagonal into its "
            "two places."
        )
        product = around(whole, *((d, None) if turned else (None, d)))
        members = (Partial(Name(chain.of.name), v), product)
    return Step(
        "constraint",
        "chain",
        "symmetry",
        Text("Free entries of {x}", x),
        members,
        why=Text(words, x),
        shape=size,
        jacobian_dims=size_text(size),
        uses=(f"chain.{line.name}",),
    )


def free_jacobian_size(of: Line, wrt: Line, layout: str) -> tuple[dims.Dim, dims.Dim]:
    """Rows × columns of a Jacobian, with a place for each free entry."""
    rows, columns = dims.product(of.leaf.node.shape), free_count(wrt)
    return (rows, columns) if layout == "numerator" else (columns, rows)


def constrained_jacobian(chain: Chain, formula: Expr | None) -> Expr | None:
    """The closed form by the free entries; `formula` counts every place by itself."""
    line, style = chain.wrt, chain.ws.problem.convention
    if tied(line) == "symmetric":
        d = duplication(line)
        left, right = (d, None) if style.layout == "denominator" else (None, d)
        return None if formula is None else between(formula, left, right, unit(line))
    node = diagonal_of(chain.closed(), (*(None,) * chain.lead, line))
    if tree_size(node) > LONG:
        return None
    try:
        leaf = chain.jacobian_leaf
        term = jacobian_term(chain.ws.whole(node), chain.lead, leaf, style.layout, style.vec)
    except NoMatrixForm:
        return None
    return term if len(text(term)) <= LONG else None
