"""Interned nodes of the typed expression graph, in Einstein notation.

    var    a leaf: a named quantity                     attr: Leaf
    rel    a 0/1 tensor, 1 where Σ c_j i_j = c          attr: (coefficients c_j, constant c)
    ein    coef · Σ Π factors[labels]                   attr: Ein; factors in the user's order
    add    Σ c_k · term_k, all of one shape             attr: the c_k
    map    f applied to every entry, f a SymPy          attr: f
           expression in the one symbol T
    call   an operation of the table that is kept       attr: (operation name, parameters)
           whole: softmax, max, inv, det …

`rel` covers everything that only moves entries: the Kronecker delta (i − j = 0), a convolution's
window (i − s·o − d·k = −p), vec and reshape (p − i − m·j = 0), slices, concatenation, flips. No
operation of that kind needs a derivative rule of its own.

Nodes are interned: equal construction gives the same object, so sharing is kept and passes can
memoise by identity. `key` is the same for nodes that are equal up to the order of commuting
factors and terms; `args` keeps the order in which the user wrote them. Constructors normalise
locally (views, deltas, constants, like terms) and refuse ill-shaped nodes; nothing here recurses,
so that deep graphs are safe.

This module is the one to import from: `interned` has the node type and the leaves, `products` and
`sums` the other constructors.
"""

from __future__ import annotations

from .dims import Dim
from .interned import (
    ONE,
    Ein,
    Node,
    T,
    call,
    const,
    constant_of,
    delta,
    is_delta,
    is_zero,
    rel,
    topological,
    var,
    zero,
)
from .products import (
    broadcast,
    ein,
    fresh,
    fresh_labels,
    mul,
    permute,
    pieces,
    scale,
    sum_axes,
)
from .sums import add, divide, map_, power, sub

__all__ = [
    "ONE",
    "Dim",
    "Ein",
    "Node",
    "T",
    "add",
    "broadcast",
    "call",
    "const",
    "constant_of",
    "delta",
    "divide",
    "ein",
    "fresh",
    "fresh_labels",
    "is_delta",
    "is_zero",
    "map_",
    "mul",
    "permute",
    "pieces",
    "power",
    "rel",
    "scale",
    "sub",
    "sum_axes",
    "topological",
    "var",
    "zero",
]
