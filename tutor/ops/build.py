"""Operations that are several smaller ones, such as an attention or a recurrent cell.

Their rule (`Op.expand`) is written once, against a builder. `Plain` computes with typed operands,
which gives the operation's `define`; a problem's elaboration passes a builder of its own, which makes
a line with a name out of every step, so that a solution shows scores, weights and gates.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from ..graph import node as g
from .arithmetic import OPERATORS as ELEMENTWISE
from .base import Val
from .matrix import OPERATORS as PRODUCTS
from .reshape import STRUCTURE

BINARY = {**ELEMENTWISE, **PRODUCTS}


class Plain:
    """A builder whose quantities are typed operands; names do not matter to it."""

    def val(self, x: Any) -> Val:
        """The typed operand that a quantity is."""
        return x

    def result(self, k: int) -> Any:
        """To be passed as the name of the step that gives result k."""
        return None

    def number(self, value: sp.Expr) -> Any:
        return Val(g.const(value))

    def ones(self, *shape: Any) -> Any:
        return Val(g.const(1, shape))

    def transposed(self, x: Any) -> Any:
        return PRODUCTS[".T"].define(x)

    def binary(self, symbol: str, a: Any, b: Any, name: Any = None) -> Any:
        return BINARY[symbol].define(a, b)

    def part(self, x: Any, start: int, stop: int, axis: int, name: Any = None) -> Any:
        """Entries start … stop − 1 along an axis."""
        return STRUCTURE["x[i]"].define(x, (*[(None, None, None)] * axis, (start, stop, None)))

    def call(
        self, func: str, *operands: Any, rest: Sequence[Any] = (), name: Any = None, **more: Any
    ) -> Any:
        from . import OPS

        return OPS[func].apply(operands, rest, more)


def defined(expand: Callable[..., tuple[Any, ...]]) -> Callable[..., Any]:
    """The `define` of an operation that is given by its expansion; several results are a tuple."""

    def define(*operands: Any, **parameters: Any) -> Any:
        results = expand(Plain(), *operands, **parameters)
        return results[0] if len(results) == 1 else results

    whole = inspect.signature(expand)
    define.__signature__ = whole.replace(  # type: ignore[attr-defined]
        parameters=list(whole.parameters.values())[1:]
    )
    return define
