"""The derivative with respect to a given under another name: w = vec(W)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import independent
from ..expr import Call, Expr, Name, Transpose
from ..graph import dims
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
    elif inner.value is not None and inner.value.data.ndim == 2:
        # columns of the inner result follow this file's vec; put them in the variable's order
        column = unrolls_by_column(ws, base.symbol.order)
        flat = np.arange(len(order)).reshape(ints(base.symbol.shape))
        at = np.argsort(flat.ravel("F" if column else "C"))[order]
        data = inner.value.data
        denominator = ws.problem.convention.layout == "denominator"
        value = Value(data[at, :] if denominator else data[:, at])
    return formula, value


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
