"""Arrays of true and false among the givens: masks."""

from __future__ import annotations

import sympy as sp

from ..value import Value
from .arrays import pack
from .tree import Mapping, Node, Scalar, Sequence

TRUTH = {"true": 1, "True": 1, "false": 0, "False": 0}


def only_truth(node: Node) -> bool:
    """Whether a given value is true, false, or lists of nothing else."""
    stack, found = [node], False
    while stack:
        part = stack.pop()
        if isinstance(part, Sequence):
            stack.extend(part.items)
        elif isinstance(part, Scalar) and not part.style and part.text.strip() in TRUTH:
            found = True
        else:
            return False
    return found


def truth_value(node: Node) -> Value:
    """1 for true, 0 for false."""
    assert isinstance(node, Scalar)
    return pack([sp.Integer(TRUTH[node.text.strip()])], ())


def inner_value(node: Node) -> Node:
    """The value of a given, also where it is written as a mapping."""
    inner = node.get("value") if isinstance(node, Mapping) else None
    return node if inner is None else inner
