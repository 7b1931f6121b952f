"""The operation table.

`OPS` holds every function that a problem may call, by name; `OPERATORS` and `STRUCTURE` the
operators, lists and indexing; `KEPT` the operations that a graph keeps as one node, whose records
know forward value and derivative. Adding an operation is one row in one of the modules' tuples.
"""

from __future__ import annotations

from . import (
    arithmetic,
    conv,
    einsum,
    elementwise,
    kronecker,
    layers,
    linalg,
    loss,
    matrices,
    matrix,
    padding,
    pool,
    rearrange,
    reduce,
    reshape,
    statistics,
)
from .base import Op, Val
from .reshape import STRUCTURE

_ROWS: tuple[Op, ...] = (
    *elementwise.ELEMENTWISE,
    *arithmetic.ARITHMETIC,
    *matrix.PRODUCTS,
    *matrices.MATRICES,
    *linalg.LINALG,
    *kronecker.KRONECKER,
    *reduce.REDUCE,
    *statistics.STATISTICS,
    *reshape.RESHAPE,
    *rearrange.REARRANGE,
    *padding.PAD,
    *einsum.EINSUM,
    *loss.LOSS,
    *conv.CONV,
    *pool.POOL,
    *layers.LAYERS,
)

OPERATORS: dict[str, Op] = {**arithmetic.OPERATORS, **matrix.OPERATORS}

OPS: dict[str, Op] = {op.name: op for op in (*_ROWS, OPERATORS[".T"])}  # also transpose(A)

ALIASES: dict[str, str] = {
    "maxpool1d": "max_pool1d",
    "maxpool2d": "max_pool2d",
    "maxpool3d": "max_pool3d",
    "conv": "conv2d",
    "max_pool": "max_pool2d",
    "clamp": "clip",
}

KEPT: dict[str, Op] = {
    op.name: op
    for op in (
        *_ROWS,
        *arithmetic.INTERNAL,
        *pool.INTERNAL,
        *loss.INTERNAL,
        *layers.INTERNAL,
    )
    if op.forward is not None
}

EVERY: tuple[Op, ...] = (*OPERATORS.values(), *STRUCTURE.values(), *_ROWS)

__all__ = ["ALIASES", "EVERY", "KEPT", "OPERATORS", "OPS", "STRUCTURE", "Op", "Val"]
