"""The value of a definition that rests on no variable."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..graph.node import Node
from ..ops.base import Val
from ..value import Value


def constant_value(val: Val, constants: Mapping[Node, np.ndarray]) -> Value | None:
    """The value from those of the constant leaves; None where it has none.

    constants: exact entries; floating point takes over where exact arithmetic is too slow.
    """
    from ..numeric.evaluate import TooLong, evaluate

    try:
        (array,) = evaluate([val.node], constants)
    except TooLong:
        floats = {n: Value(v).floats() for n, v in constants.items()}
        (array,) = evaluate([val.node], floats)
    except KeyError:
        return None
    return Value(array[None, :] if val.row else array)
