"""The record that an operation is, and the small vocabulary that records are written in.

Letters used throughout: `g` the upstream gradient ∂L/∂y of an operation's output `y`; axes
`n` batch, `c` channels in, `o` channels out, `h w` space, `i j` kernel.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph import dims
from ..graph.dims import Dim, Shape
from ..graph.node import Node, ein

# Annotations of `define` functions: what kind of argument a parameter takes.
Dims = Any  # sizes: an integer or symbolic size, or several
Int = Any  # an integer, or a tuple of them
Number = Any  # a constant number
Padding = Any  # integers, "same" or "valid"
Flag = Any
Word = Any


@dataclass(frozen=True, slots=True)
class Val:
    """A typed operand: a node, and whether a node of order 1 stands for a row.

    On paper a column is n×1 and a row 1×n; both are nodes of order 1.
    """

    node: Node
    row: bool = False
    product: bool = False  # a 1×1 product, which may go on in a longer matrix product
    boolean: bool = False  # true or false, as 1 or 0

    @property
    def shape(self) -> Shape:
        """The shape as a user counts it: (), (n,), (1, n), (m, n), …"""
        return (1, *self.node.shape) if self.row else self.node.shape

    @property
    def order(self) -> int:
        return self.node.order

    @property
    def dims(self) -> str:
        return dims.text(self.shape)


SAME_SIZE = "The size stays."


@dataclass(frozen=True)
class Op:
    """One operation of the table.

    name       as typed in a problem file
    signature  axes of operands and result, for people: "A[m k], B[k n] -> [m n]"
    define     typed operands and parameters -> typed result: shape rule and meaning in one;
               its parameters' names, order and defaults are the ones users type
    why        why the derivative is what it is; {y} the result, {x} the operand, by name
    why_scalar the same where both are scalars, if shorter words will do
    law        the derivative rule, in the usual notation
    rule       public name of the rule ("product rule")
    source     where the formula comes from
    symbol     what a node of a picture shows
    reference  an independent definition in plain NumPy, used only by checks
    forward    value of a node kept whole: (arrays, parameters) -> array; None: `define` expands
    vjp        its derivative: (g, lead, node) -> one node per operand (None: no derivative);
               g has `lead` extra axes before the node's own
    sample     safe operands for random tests: a list of (shapes, parameters, domain); a domain is
               a pair of bounds, or makes an array itself: (generator, shape) -> array
    kinks      where the derivative is a convention: (arrays, parameters) -> distance to the
               nearest kink, or None
    bends      the same for places where there is a derivative, but not one of it
    convention what is chosen there, in words
    condition  what {x} (or {y}, the result) must satisfy for the derivative to exist, in words that
               complete "provided that …": "{x} is invertible"; None if nothing
    holds      whether it does: (arrays, parameters) -> bool
    size       why the result has its size, in words, where that is not "entry by entry": {a} and
               {b} are the sizes of the first two operands, {n} the entries of the first
    meaning    the definition in the usual notation, where `define` keeps the operation whole
    expand     what the operation does, as smaller ones that become lines: see `build`
    results    names of the results, where there are several; `define` returns a tuple then
    """

    name: str
    signature: str
    define: Callable[..., Val]
    why: str
    law: str
    rule: str
    source: str
    symbol: str
    reference: Callable[..., Any]
    forward: Callable[..., Any] | None = None
    vjp: Callable[[Node, int, Node], Sequence[Node | None]] | None = None
    sample: Sequence[Any] = field(default=())
    kinks: Callable[..., Any] | None = None
    bends: Callable[..., Any] | None = None
    convention: str | None = None
    moves: bool = False  # only rearranges entries: its result is the same variable
    why_scalar: str | None = None
    condition: str | None = None
    holds: Callable[..., bool] | None = None
    size: str | None = None
    meaning: str | None = None
    expand: Callable[..., tuple[Any, ...]] | None = None
    results: tuple[str, ...] = ()
    constant: bool = False  # makes a constant array from sizes alone

    @cached_property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        return tuple(inspect.signature(self.define).parameters.values())

    @property
    def reduces(self) -> bool:
        """Whether it takes the entries along an axis together, such as a sum."""
        return any(p.name == "keepdims" for p in self.parameters)

    def takes_operand(self, p: inspect.Parameter) -> bool:
        return str(p.annotation).startswith("Val")

    def apply(
        self, operands: Sequence[Any], rest: Sequence[Any] = (), parameters: Mapping[str, Any] = {}
    ) -> Any:
        """Run `define`: the operands in their own order (None: left out), the others by name."""
        own = [p.name for p in self.parameters if self.takes_operand(p)]
        first = [p.name for p in self.parameters][: len(own)]
        if own == first:
            return self.define(*operands, *rest, **parameters)
        return self.define(**dict(zip(own, operands, strict=False)), **parameters)


# -- typed axes -----------------------------------------------------------------------------------


def drawn(domain: Any, rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    """Random operands from a sample's domain."""
    if callable(domain):
        return np.asarray(domain(rng, tuple(shape)), dtype=float)
    return rng.uniform(*domain, size=tuple(shape))


def require(ok: bool, message: str, hint: str | None = None) -> None:
    if not ok:
        raise ShapeError(message, hint=hint)


def positive(sizes: Sequence[Any]) -> None:
    """Sizes that are asked for, where -1 is no place to be filled in."""
    for d in sizes:
        require(not isinstance(d, int) or d >= 1, f"a size must be at least 1, not {d}")


def is_column(v: Val) -> bool:
    """A column, or an n×1 matrix, which works like one."""
    return (v.order == 1 and not v.row) or (v.order == 2 and v.node.shape[1] == 1)


def is_row(v: Val) -> bool:
    return v.row or (v.order == 2 and v.node.shape[0] == 1)


def as_matrix(v: Val) -> Node:
    """The node with both axes, 1 where paper counts 1."""
    if v.order == 2:
        return v.node
    if v.order == 0:
        return ein([(v.node, ())], ("r", "c"), 1, {"r": 1, "c": 1})
    label = "c" if v.row else "r"
    return ein([(v.node, (label,))], ("r", "c"), 1, {"r" if v.row else "c": 1})


def as_column(v: Val) -> Val:
    """An n×1 matrix, which works like a column, as the vector that it is; other operands stay."""
    if v.order == 2 and v.node.shape[1] == 1:
        return Val(ein([(v.node, ("r", "c"))], ("r",)))
    return v


def axes_of(v: Val, axis: Any, name: str = "axis") -> tuple[int, ...]:
    """Axes named by a user, as axes of the node; a row's axis 1 is its only one."""
    shape = v.shape
    if axis is None:
        return tuple(range(v.order))
    wanted = axis if isinstance(axis, tuple | list) else (axis,)
    found = []
    for a in wanted:
        ok = isinstance(a, int) and -len(shape) <= a < len(shape)
        require(ok, f"{name} {a} does not exist in an array of size {dims.text(shape)}")
        k = a % len(shape)
        found.append(k)
    return tuple(found)


def integers(x: Any, n: int, name: str, least: int = 0) -> tuple[int, ...]:
    """One integer for every axis, or one for each."""
    xs = tuple(x) if isinstance(x, tuple | list) else (x,) * n
    if len(xs) == 1:
        xs = xs * n
    ok = len(xs) == n and all(isinstance(v, int) and not isinstance(v, bool) for v in xs)
    require(ok, f"`{name}` must be an integer" + (f" or {n} of them" if n > 1 else ""))
    require(all(v >= least for v in xs), f"`{name}` must be at least {least}, not {min(xs)}")
    return xs


def size_text(d: Dim) -> str:
    return dims.one(d)
