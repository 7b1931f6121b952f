"""Second derivatives: the printed gradient becomes a line and is differentiated again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from .. import independent
from ..calculus.reverse import identity, pullback
from ..calculus.simplify import simplify, substitute
from ..calculus.standard import by_name
from ..errors import InputError, Where
from ..expr import Expr
from ..graph.node import Node
from ..notation.build import NoMatrixForm
from ..notation.jacobian import jacobian_term
from ..notation.text import text
from ..numeric.evaluate import NotFinite
from ..problem.lines import Line
from ..value import Value
from .chain import LONG, Chain, tree_size, without_value
from .constrained import MATRICES
from .extended import extended, folded, free_name, written
from .no_value import NoDerivative
from .stationary_terms import distributed
from .undefined import SOMEWHERE, reason
from .unrolled import as_matrix
from .workspace import Workspace

COLUMNS = ("g", "h", "u", "q", "grad")  # names for a gradient


@dataclass(frozen=True)
class Twice:
    """∂²of/∂first∂second.

    ws      where the gradient stands as a line, `name`; `chain` differentiates that line
    name    None where the gradient cannot be typed: then `node` is differentiated as it is
    node    the array with the axes of first, then those of second, over the givens
    array   its value
    """

    ws: Workspace
    name: str | None
    chain: Chain | None
    node: Node
    array: np.ndarray | None
    formula: Expr | None
    value: Value | None


def gradient_node(ws: Workspace, of: Line, first: Line) -> Node:
    """∂of/∂first with every line below written out; zero where `of` does not depend on it."""
    assert of.val is not None or of is first
    full = by_name(written_out(ws, of))
    seed = identity(()) if not of.symbol.order else _ones(of)
    return simplify(pullback(full, seed, [first.symbol])[0])


def _ones(of: Line) -> Node:
    from ..graph import node as g

    return g.const(1, of.symbol.shape)


def written_out(ws: Workspace, of: Line) -> Node:
    """A line over the givens alone."""
    full: dict[Node, Node] = {}
    for line in ws.graph.below([of]):
        if line.val is not None:
            full[line.symbol] = substitute(line.val.node, full)
    return full.get(of.symbol, of.symbol)


def twice_node(ws: Workspace, of: Line, first: Line, second: Line) -> Node:
    """The second derivative of the nodes themselves: reverse mode, applied twice."""
    slope = gradient_node(ws, of, first)
    return simplify(pullback(slope, identity(slope.shape), [second.symbol])[0])


def value_at(ws: Workspace, node: Node) -> np.ndarray | None:
    try:
        return ws.value_of(node)
    except (KeyError, NotFinite):
        return None


def twice(
    ws: Workspace, of: Line, first: Line, second: Line, slope: Expr | None, place: Where
) -> Twice:
    """The second derivative by way of the printed gradient `slope`, where that can be typed."""
    node = twice_node(ws, of, first, second)
    stated = _stated(ws, of, first, slope, place)
    scalar = not first.symbol.order and not second.symbol.order
    if stated is None:
        return _plain(ws, None, node, first, second)
    wide, name = stated
    chain = Chain(wide, wide.line(name), wide.line(second.name), scalar)
    if chain.final is None:  # the gradient does not depend on the second variable, or is it
        return _plain(wide, name, node, first, second)
    if chain.missing:
        raise NoDerivative(reason(chain))
    array = chain.final.value
    forms = [f for f in (chain.closed_term(), term(ws, node, first.symbol.order)) if f is not None]
    formula = min(forms, key=lambda f: len(text(f))) if forms else _by_name(chain)
    value = None if array is None else block(ws, array, first, second)
    return Twice(wide, name, chain, node, array, formula, value)


def _by_name(chain: Chain) -> Expr | None:
    """With the names of the steps between, the Jacobians among them if need be."""
    closed = chain.closed_by_name()
    return closed if closed is not None or chain.final is None else chain.formula(chain.final)


def _plain(ws: Workspace, name: str | None, node: Node, first: Line, second: Line) -> Twice:
    """Straight from the nodes."""
    try:
        array = ws.value_of(node)
    except KeyError:
        array = None
    except NotFinite:
        raise NoDerivative(SOMEWHERE) from None
    value = None if array is None else block(ws, array, first, second)
    return Twice(ws, name, None, node, array, term(ws, node, first.symbol.order), value)


def _stated(
    ws: Workspace, of: Line, first: Line, slope: Expr | None, place: Where
) -> tuple[Workspace, str] | None:
    """The workspace in which the gradient is a line, and its name."""
    if slope is None:
        return None
    name = free_name(ws, *(MATRICES if first.symbol.order > 1 else COLUMNS))
    body = folded(slope, ws.graph.below([of]))
    try:
        wide = extended(ws, {name: (body, written(body, place))})
        line = wide.line(name)
        same = line.leaf.node.shape == first.symbol.shape and line.leaf.row == first.leaf.row
        if not same or line.op is None or not _agrees(wide, ws, of, first, line):
            return None
    except InputError:
        return None
    return wide, name


def _agrees(wide: Workspace, ws: Workspace, of: Line, first: Line, line: Line) -> bool:
    """The typed gradient is the derived one: as an expression, or at least in numbers."""
    derived = gradient_node(ws, of, first)
    if simplify(written_out(wide, line)).key == derived.key:
        return True
    ours, theirs = wide.numbers[line.name], value_at(ws, derived)
    if ours is None or theirs is None:
        return False
    return independent.relative_error(Value(ours).floats(), Value(theirs).floats()) < 1e-9


def term(ws: Workspace, node: Node, rows: int) -> Expr | None:
    """The block as a term; None where it has no matrix form or would be too long.

    rows: how many of the node's axes are those of the first variable.
    """
    style = ws.problem.convention
    if tree_size(node) > LONG or without_value(ws, node):
        return None
    try:
        node = distributed(sp.S.One, ws.whole(node))
        if not node.order:
            return ws.term(node)
        found = jacobian_term(node, rows, ws.leaf_term, style.layout, style.vec)
    except NoMatrixForm:
        return None
    return found if len(text(found)) <= LONG else None


def block(ws: Workspace, array: np.ndarray, first: Line, second: Line) -> Value:
    """The array as a matrix, in the layout of the file; a scalar by scalars stays one."""
    if not first.symbol.order and not second.symbol.order:
        return Value(np.asarray(array))
    return as_matrix(ws, array, first.symbol.order)
