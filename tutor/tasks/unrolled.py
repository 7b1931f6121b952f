"""Jacobian arrays as matrices: rows × columns in the layout and vec of the problem."""

from __future__ import annotations

import numpy as np

from .. import limits
from ..errors import InputError
from ..value import Value
from .chain import Chain
from .workspace import Workspace


def unrolled(ws: Workspace, chain: Chain, jacobian: np.ndarray) -> Value:
    """A Jacobian array as the rows × columns matrix of the chosen layout and vec."""
    return as_matrix(ws, jacobian, chain.of.leaf.node.order)


def as_matrix(ws: Workspace, jacobian: np.ndarray, rows: int) -> Value:
    """The same; the first `rows` axes are those of the result."""
    a = _flatten_axes(jacobian, 0, rows, unrolls_by_column(ws, rows))
    columns = jacobian.ndim - rows
    a = _flatten_axes(a, 1, columns, unrolls_by_column(ws, columns))
    if ws.problem.convention.layout == "denominator":
        a = a.T
    if a.size > limits.ELEMENTS:
        raise InputError(f"the Jacobian has {a.size:,} entries; the limit is {limits.ELEMENTS:,}")
    return Value(np.ascontiguousarray(a))


def unrolls_by_column(ws: Workspace, order: int) -> bool:
    """vec by columns for matrices; tensors of order 3 and more go row by row."""
    return ws.problem.convention.vec == "column" and order <= 2


def _flatten_axes(a: np.ndarray, start: int, count: int, column: bool) -> np.ndarray:
    """Merge `count` axes from `start` on into one."""
    shape = a.shape
    inner = shape[start : start + count]
    if column and count > 1:
        order = list(range(a.ndim))
        order[start : start + count] = reversed(order[start : start + count])
        a = np.transpose(a, order)
    size = int(np.prod(inner)) if inner else 1
    return a.reshape(*shape[:start], size, *shape[start + count :])
