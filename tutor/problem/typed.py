"""How the author typed a value."""

from __future__ import annotations

import re

from .tree import Node, Scalar, Sequence
from .truth import inner_value

_DECIMAL = re.compile(r"(?<![\w.])(?:\d+\.\d*|\.\d+|\d+(?=[eE][+-]?\d))")


def decimals(node: Node) -> bool:
    """Whether a number in the value has a decimal point, or an exponent as in 1e-3."""
    node = inner_value(node)
    if isinstance(node, Sequence):
        return any(decimals(item) for item in node.items)
    return isinstance(node, Scalar) and _DECIMAL.search(node.text) is not None
