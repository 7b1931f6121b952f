"""det(A) A⁻¹ where A is singular: the cofactors are there all the same.

The derivative of a determinant is printed as det(A) A⁻ᵀ. At a singular A neither factor will do
alone, but the product is the adjugate, which has no division in it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from ..errors import InputError
from ..graph.node import Node, call
from ..ops import exact
from ..ops.linalg import invertible


def determinant(inverse: Node) -> Node:
    """det(A), beside inv(A)."""
    return call("det", inverse.args, (), ())


def only_beside_determinants(order: Sequence[Node], roots: Collection[Node]) -> set[Node]:
    """The inverses that are used in products with as many determinants of their matrix only."""
    wanted = {n for n in order if n.kind == "call" and n.attr[0] == "inv"}
    if not wanted:
        return wanted
    for node in order:
        for inverse in [a for a in node.args if a in wanted]:
            beside = node.args.count(determinant(inverse)) if node.kind == "ein" else 0
            if beside < node.args.count(inverse):
                wanted.discard(inverse)
    return wanted - set(roots)


def is_singular(a: np.ndarray) -> bool:
    if a.dtype != object:
        return not invertible(a)
    try:
        return exact.determinant(a) == 0
    except (InputError, exact.TooLong):
        return False


def adjugate(a: np.ndarray) -> np.ndarray:
    """The transposed cofactors: determinants of what is left without a row and a column."""
    n = len(a)
    out = np.empty((n, n), dtype=a.dtype)
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(a, j, axis=0), i, axis=1)
            if a.dtype == object:
                whole = exact.determinant(minor) if n > 1 else exact.number(exact.Fraction(1))
            else:
                whole = np.linalg.det(minor) if n > 1 else 1.0
            out[i, j] = (-1) ** (i + j) * whole
    return out
