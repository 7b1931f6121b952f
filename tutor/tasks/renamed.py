"""The derivative with respect to a given under another name: w = vec(W)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import independent
from ..errors import InputError
from ..expr import Binary, Call, Expr, Name, Transpose
from ..graph import dims
from ..notation.build import chained, size_term
from ..problem.lines import Line
from ..steps import TaskResult
from ..value import Value
from .unrolled import unrolls_by_column
from .workspace import Workspace


def rearranged_given(line: Line) -> Line | None:
    """The given that this line only rearranges (w = vec(W)), or None."""
    base = line
    while base.op is not None and base.op.moves and len(base.operands) == 1:
        inside = base.operands[0]
        if "homogeneous" in inside.properties:
            return None
        same = dims.same(dims.product(inside.symbol.shape), dims.product(base.symbol.shape))
        if not same or base.op.name == "index":
            return None
        base = inside
    return base if base is not line and base.op is None else None


def only_user(ws: Workspace, base: Line) -> bool:
    """Whether the given is used through the renamed variable alone."""
    users = ws.graph.consumers()[base.name]
    return all(rearranged_given(u) is base for u in users) and len(users) == 1


def renamed(
    ws: Workspace, kind: str, inner: TaskResult, variable: Line, base: Line
) -> tuple[Expr | None, Value | None]:
    """∂L/∂vec(W) from ∂L/∂W, formula and value: the same entries in another order."""
    order = unrolling(ws, variable, base)
    value, formula = inner.value, inner.formula
    if kind == "gradient":
        if inner.value is not None:
            data = inner.value.data.ravel()[order].reshape(ints(variable.symbol.shape))
            value = Value(data[None, :] if variable.leaf.row else data)
        formula = _rearranged_term(variable, base, formula)
        return formula, value
    moved = positions(ws, variable, base)
    same = moved is None or np.array_equal(moved, np.arange(len(moved)))
    denominator = ws.problem.convention.layout == "denominator"
    if not same:
        formula = _commuted(ws, variable, base, formula, denominator)
        if formula is None and value is None:
            raise InputError(
                "without numbers, the columns of this Jacobian are not rearranged",
                hint=f"ask by `{base.name}`",
            )
    if not same and value is not None and value.data.ndim == 2:
        assert moved is not None
        data = value.data[moved, :] if denominator else value.data[:, moved]
        value = Value(np.ascontiguousarray(data))
    return formula, value


def positions(ws: Workspace, variable: Line, base: Line) -> np.ndarray | None:
    """Which position of the unrolled base each position of the unrolled variable is.

    None where the sizes are symbolic and nothing moves; [−1] where something moves there.
    """
    if not all(isinstance(d, int) for d in base.symbol.shape):
        plain = variable.op is not None and variable.op.name == "vec"
        if plain and variable.operands == (base,) and base.symbol.order == 2:
            return None  # vec itself
        return np.array([-1])
    entries = unrolling(ws, variable, base)  # row-major entry of the base, by row-major entry
    own = np.arange(len(entries)).reshape(ints(variable.symbol.shape))
    own = own.ravel("F" if unrolls_by_column(ws, variable.symbol.order) else "C")
    theirs = np.arange(len(entries)).reshape(ints(base.symbol.shape))
    place = np.argsort(theirs.ravel("F" if unrolls_by_column(ws, base.symbol.order) else "C"))
    return place[entries[own]]


def _commuted(
    ws: Workspace, variable: Line, base: Line, formula: Expr | None, denominator: bool
) -> Expr | None:
    """The Jacobian by V = Wᵀ of size n×m is that by W times Kₙₘ, as vec(V) = Kₘₙ vec(W)."""
    if formula is None or variable.formula != Transpose(Name(base.name)):
        return None
    if base.symbol.order != 2:
        return None
    m, n = (size_term(d) for d in base.symbol.shape)
    by_column = unrolls_by_column(ws, 2)
    inner, outer = (m, n) if by_column else (n, m)
    match formula:
        case Binary("/") if not formula.elementwise:  # the number below stays outside
            body, below = formula.left, formula.right
        case _:
            body, below = formula, None
    if denominator:
        whole = chained(Call("commutation", (inner, outer)), body)
    else:
        whole = chained(body, Call("commutation", (outer, inner)))
    return whole if below is None else Binary("/", whole, below)


def ints(shape: Sequence[dims.Dim]) -> tuple[int, ...]:
    return tuple(d for d in shape if isinstance(d, int))


def unrolling(ws: Workspace, variable: Line, base: Line) -> np.ndarray:
    """Which row-major entry of the base each entry of the variable is; empty for symbolic sizes."""
    shape = base.symbol.shape
    if not all(isinstance(d, int) for d in shape):
        return np.arange(0)
    numbers = np.arange(int(np.prod(ints(shape)))).reshape(ints(shape)).astype(float)
    env = independent.forward(ws.graph.below([variable]), {base.name: numbers})
    return np.ravel(env[variable.name]).astype(int)


def _rearranged_term(variable: Line, base: Line, formula: Expr | None) -> Expr | None:
    if formula is None or variable.formula is None or variable.operands != (base,):
        return None
    return _swap(variable.formula, Name(base.name), formula)


def _swap(e: Expr, old: Expr, new: Expr) -> Expr:
    if e == old:
        return new
    match e:
        case Call():
            return Call(e.func, tuple(_swap(a, old, new) for a in e.args), e.kwargs)
        case Transpose():
            return Transpose(_swap(e.arg, old, new))
        case _:
            return e
