"""The node type, its table, and what is made of no other nodes: leaves, constants, relations."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import sympy as sp

from . import dims
from .dims import Dim, Shape

T = sp.Symbol("t", real=True)  # the argument of a `map`
ONE = sp.Integer(1)


@dataclass(frozen=True, slots=True)
class Leaf:
    name: Hashable
    properties: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ein:
    """Labels are small integers: 0 … order−1 are the output axes, the others are summed."""

    coef: sp.Expr
    labels: tuple[tuple[int, ...], ...]  # per factor
    sizes: tuple[Dim, ...]  # per label


class Node:
    """See `node`, which lists the kinds. Identity is equality of construction."""

    __slots__ = ("__weakref__", "_key", "_symmetric", "args", "attr", "kind", "shape")

    kind: str
    args: tuple[Node, ...]
    attr: Any
    shape: Shape

    def __init__(self, kind: str, args: tuple[Node, ...], attr: Any, shape: Shape) -> None:
        self.kind = kind
        self.args = args
        self.attr = attr
        self.shape = shape
        self._key: bytes | None = None
        self._symmetric: bool | None = None

    @property
    def order(self) -> int:
        return len(self.shape)

    @property
    def key(self) -> bytes:
        """Digest, equal for nodes that differ only in the order of commuting parts."""
        if self._key is None:
            from .canonical import digest  # which knows nodes

            stack = [self]
            while stack:  # only what has no key yet, so that long chains stay linear
                node = stack[-1]
                todo = [a for a in node.args if a._key is None]
                if todo:
                    stack.extend(todo)
                else:
                    if node._key is None:
                        node._key = digest(node)
                    stack.pop()
            assert self._key is not None
        return self._key

    def __repr__(self) -> str:
        return f"<{self.kind} {self.attr} {self.shape}>"


_table: WeakValueDictionary[Any, Node] = WeakValueDictionary()


def intern(kind: str, args: tuple[Node, ...], attr: Any, shape: Shape) -> Node:
    handle = (kind, args, attr, shape)
    node = _table.get(handle)
    if node is None:
        node = Node(kind, args, attr, shape)
        _table[handle] = node
    return node


def topological(roots: Iterable[Node]) -> list[Node]:
    """Every node below the roots, operands first; iterative."""
    seen: set[int] = set()
    order: list[Node] = []
    stack: list[tuple[Node, bool]] = [(r, False) for r in reversed(list(roots))]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
            continue
        if id(node) in seen:
            continue
        seen.add(id(node))
        stack.append((node, True))
        stack.extend((a, False) for a in reversed(node.args) if id(a) not in seen)
    return order


# -- leaves ---------------------------------------------------------------------------------------


def var(name: Hashable, shape: Sequence[Dim], properties: Iterable[str] = ()) -> Node:
    shape = tuple(dims.dim(d) for d in shape)
    return intern("var", (), Leaf(name, frozenset(properties)), shape)


def const(value: Any, shape: Sequence[Dim] = ()) -> Node:
    """An array whose every entry is the number (or size) `value`."""
    shape = tuple(dims.dim(d) for d in shape)
    return intern("ein", (), Ein(dims.number(value), (), shape), shape)


def zero(shape: Sequence[Dim]) -> Node:
    return const(0, shape)


def rel(coefs: Sequence[Dim], constant: Dim, shape: Sequence[Dim]) -> Node:
    """1 where Σ coefs[j]·i_j = constant, else 0."""
    coefs, shape = tuple(dims.dim(c) for c in coefs), tuple(dims.dim(d) for d in shape)
    constant = dims.dim(constant)
    assert len(coefs) == len(shape)
    lead = coefs[0]
    if lead == -1:  # one sign for one relation
        coefs, constant = tuple(-c for c in coefs), dims.dim(-constant)
    return intern("rel", (), (coefs, constant), shape)


def delta(size: Dim) -> Node:
    """The Kronecker delta, the identity matrix of that size."""
    return rel((1, -1), 0, (size, size))


def is_delta(node: Node) -> bool:
    return (
        node.kind == "rel" and node.attr == ((1, -1), 0) and dims.same(node.shape[0], node.shape[1])
    )


def undecided(node: Node) -> bool:
    """Whether nobody has asked yet if the node is symmetric."""
    return node._symmetric is None


def is_symmetric(node: Node) -> bool:
    """Whether swapping the two axes is known to change nothing; see `symmetry`."""
    if node._symmetric is None:
        from .symmetry import decide  # which knows the other kinds

        decide(node)
    return bool(node._symmetric)


# -- constants ------------------------------------------------------------------------------------


def constant_of(node: Node) -> sp.Expr | None:
    """The number that fills the array, if it is a constant array."""
    if node.kind == "ein" and not node.args:
        return node.attr.coef
    return None


def is_zero(node: Node) -> bool:
    return node.kind == "ein" and not node.args and node.attr.coef == 0


# -- operations kept whole ------------------------------------------------------------------------


def call(
    name: str, args: Sequence[Node], parameters: tuple[Any, ...], shape: Sequence[Dim]
) -> Node:
    """An operation of the table as one node; its record knows value and derivative."""
    return intern("call", tuple(args), (name, parameters), tuple(dims.dim(d) for d in shape))
