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
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from weakref import WeakValueDictionary

import sympy as sp

from . import dims
from .dims import Dim, Shape

T = sp.Symbol("t", real=True)  # the argument of a `map`
ONE = sp.Integer(1)
Label = Hashable


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
    """See the module's docstring. Identity is equality of construction."""

    __slots__ = ("__weakref__", "_key", "args", "attr", "kind", "shape")

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

    @property
    def order(self) -> int:
        return len(self.shape)

    @property
    def key(self) -> bytes:
        """Digest, equal for nodes that differ only in the order of commuting parts."""
        stack = [self]
        while self._key is None:  # only what has no key yet, so that long chains stay linear
            node = stack[-1]
            todo = [a for a in node.args if a._key is None]
            if todo:
                stack.extend(todo)
            else:
                if node._key is None:
                    node._key = _digest(node)
                stack.pop()
        return self._key

    def __repr__(self) -> str:
        return f"<{self.kind} {self.attr} {self.shape}>"


_table: WeakValueDictionary[Any, Node] = WeakValueDictionary()


def _intern(kind: str, args: tuple[Node, ...], attr: Any, shape: Shape) -> Node:
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
    return _intern("var", (), Leaf(name, frozenset(properties)), shape)


def const(value: Any, shape: Sequence[Dim] = ()) -> Node:
    """An array whose every entry is the number (or size) `value`."""
    shape = tuple(dims.dim(d) for d in shape)
    return _intern("ein", (), Ein(dims.number(value), (), shape), shape)


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
    return _intern("rel", (), (coefs, constant), shape)


def delta(size: Dim) -> Node:
    """The Kronecker delta, the identity matrix of that size."""
    return rel((1, -1), 0, (size, size))


def is_delta(node: Node) -> bool:
    return (
        node.kind == "rel" and node.attr == ((1, -1), 0) and dims.same(node.shape[0], node.shape[1])
    )


def is_symmetric(node: Node) -> bool:
    """Whether swapping the two axes changes nothing."""
    return is_delta(node) or (node.kind == "var" and "symmetric" in node.attr.properties)


# -- constants ------------------------------------------------------------------------------------


def constant_of(node: Node) -> sp.Expr | None:
    """The number that fills the array, if it is a constant array."""
    if node.kind == "ein" and not node.args:
        return node.attr.coef
    return None


def is_zero(node: Node) -> bool:
    return node.kind == "ein" and not node.args and node.attr.coef == 0


# -- products and sums over indices ---------------------------------------------------------------

_fresh = itertools.count(10_000)  # a global counter: labels of nested eins never collide


def fresh() -> int:
    return next(_fresh)


def fresh_labels(n: int) -> tuple[int, ...]:
    return tuple(next(_fresh) for _ in range(n))


Factor = tuple[Node, Sequence[Label]]


def ein(
    factors: Sequence[Factor],
    out: Sequence[Label],
    coef: Any = ONE,
    sizes: Mapping[Any, Dim] | None = None,
) -> Node:
    """coef · Σ over the labels that `out` lacks of Π factor[labels].

    A label of `out` that no factor carries is a broadcast axis; its size comes from `sizes`.
    A repeated label of `out` puts the result on a diagonal.
    """
    coef = dims.number(coef)
    size: dict[Any, Dim] = dict(sizes or {})
    parts: list[tuple[Node, tuple[Any, ...]]] = []
    for node, labels in factors:
        coef = _take(node, tuple(labels), size, parts, coef)
    out = list(out)
    for axis, label in enumerate(out):  # a diagonal is a delta between two output axes
        if label in out[:axis]:
            out[axis] = twin = fresh()
            size[twin] = size[label]
            parts.append((delta(size[label]), (label, twin)))
    parts = _drop_deltas(parts, out, size)
    return _finish(parts, out, size, coef)


def _take(
    node: Node, labels: tuple[Any, ...], size: dict[Any, Dim], parts: list[Any], coef: sp.Expr
) -> sp.Expr:
    """Add one factor; views and constants dissolve into labels and the coefficient."""
    assert len(labels) == node.order, (node, labels)
    for label, d in zip(labels, node.shape, strict=True):
        known = size.setdefault(label, d)
        assert dims.same(known, d), f"label of size {known} meets an axis of size {d}"
        if isinstance(d, int):  # an integer is better news than an expression equal to it
            size[label] = d
    if node.kind == "ein" and len(node.args) <= 1:
        inner: Ein = node.attr
        coef = coef * inner.coef
        rename = dict(enumerate(labels))
        for k in range(node.order, len(inner.sizes)):
            rename[k] = fresh()
            size[rename[k]] = inner.sizes[k]
        for arg, arg_labels in zip(node.args, inner.labels, strict=True):
            parts.append((arg, tuple(rename[k] for k in arg_labels)))
    else:
        parts.append((node, labels))
    return coef


def _drop_deltas(parts: list[Any], out: list[Any], size: dict[Any, Dim]) -> list[Any]:
    """δ_ij with i summed renames i to j."""
    changed = True
    while changed:
        changed = False
        for at, (node, labels) in enumerate(parts):
            if not is_delta(node):
                continue
            i, j = labels
            if i == j:
                parts = parts[:at] + parts[at + 1 :]
            elif i not in out or j not in out:
                gone, kept = (i, j) if i not in out else (j, i)
                rest = parts[:at] + parts[at + 1 :]
                parts = [(n, tuple(kept if x == gone else x for x in ls)) for n, ls in rest]
                size.pop(gone, None)
            else:
                continue
            changed = True
            break
    return parts


def _finish(parts: list[Any], out: list[Any], size: dict[Any, Dim], coef: sp.Expr) -> Node:
    """Canonical labels, broadcast sums into the coefficient, trivial products to their factor."""
    shape = tuple(size[label] for label in out)
    if coef == 0:
        return zero(shape)
    number = {label: k for k, label in enumerate(out)}
    for _, labels in parts:
        for label in labels:
            number.setdefault(label, len(number))
    for label, d in size.items():  # a summed label that no factor carries counts its size
        if label not in number:
            coef = coef * d
    used = {label for _, labels in parts for label in labels}
    sizes: list[Dim] = [1] * len(number)
    for label, k in number.items():
        sizes[k] = size[label]
    parts = [
        (n, tuple(sorted(ls, key=number.__getitem__)) if is_symmetric(n) else ls) for n, ls in parts
    ]
    if coef == 1 and len(parts) == 1 and len(used) == len(out):
        node, labels = parts[0]
        if tuple(number[x] for x in labels) == tuple(range(node.order)) == tuple(range(len(out))):
            return node
    attr = Ein(coef, tuple(tuple(number[x] for x in ls) for _, ls in parts), tuple(sizes))
    return _intern("ein", tuple(n for n, _ in parts), attr, shape)


def summed_once(labels: Sequence[Any]) -> bool:
    return len(set(labels)) == len(labels)


def pieces(
    node: Node,
) -> tuple[sp.Expr, list[tuple[Node, tuple[int, ...]]], tuple[int, ...], dict[int, Dim]]:
    """A node as a product with fresh labels: coefficient, factors, output labels, sizes."""
    if node.kind != "ein":
        out = fresh_labels(node.order)
        return ONE, [(node, out)], out, dict(zip(out, node.shape, strict=True))
    attr: Ein = node.attr
    names = fresh_labels(len(attr.sizes))
    factors = [
        (a, tuple(names[k] for k in ls)) for a, ls in zip(node.args, attr.labels, strict=True)
    ]
    return attr.coef, factors, names[: node.order], dict(zip(names, attr.sizes, strict=True))


def scale(coef: Any, node: Node) -> Node:
    """coef · node."""
    if coef == 1:
        return node
    labels = tuple(range(node.order))
    if node.kind == "ein":
        attr: Ein = node.attr
        new = attr.coef * dims.number(coef)
        if new == 0:
            return zero(node.shape)
        if new == 1 and len(node.args) == 1:
            return ein([(node.args[0], attr.labels[0])], labels, 1, dict(enumerate(attr.sizes)))
        return _intern("ein", node.args, Ein(new, attr.labels, attr.sizes), node.shape)
    return ein([(node, labels)], labels, coef)


def permute(node: Node, axes: Sequence[int]) -> Node:
    """Axis k of the result is axis axes[k] of the node (NumPy's transpose)."""
    return ein([(node, tuple(range(node.order)))], tuple(axes))


def mul(a: Node, b: Node) -> Node:
    """Elementwise product of two arrays of one shape (a scalar goes with anything)."""
    la = tuple(range(a.order))
    lb = tuple(range(b.order))
    return ein([(a, la), (b, lb)], la if a.order >= b.order else lb)


def broadcast(node: Node, axes: Sequence[int], shape: Sequence[Dim]) -> Node:
    """An array of `shape` whose axes[k] runs along axis k of the node, the others repeat it."""
    return ein([(node, tuple(axes))], tuple(range(len(shape))), 1, dict(enumerate(shape)))


def sum_axes(node: Node, axes: Sequence[int]) -> Node:
    keep = tuple(k for k in range(node.order) if k not in axes)
    return ein([(node, tuple(range(node.order)))], keep)


# -- sums -----------------------------------------------------------------------------------------


def split_coef(node: Node) -> tuple[sp.Expr, Node]:
    """node = c · rest, with the numeric coefficient taken out of a product."""
    if node.kind == "ein" and node.attr.coef != 1 and node.args:
        return node.attr.coef, scale(1 / node.attr.coef, node)
    return ONE, node


def add(terms: Sequence[Node], coefs: Sequence[Any] | None = None) -> Node:
    """Σ coefs[k]·terms[k]: flattened, like terms merged, zeros dropped, in the order given."""
    shape = terms[0].shape
    flat: list[tuple[sp.Expr, Node]] = []
    for k, node in enumerate(terms):
        assert dims.same_shape(node.shape, shape), (node.shape, shape)
        c = dims.number(coefs[k]) if coefs is not None else ONE
        if node.kind == "add":
            flat.extend((c * d, t) for d, t in zip(node.attr, node.args, strict=True))
        else:
            d, rest = split_coef(node)
            if rest.kind == "add":
                flat.extend((c * d * e, t) for e, t in zip(rest.attr, rest.args, strict=True))
            else:
                flat.append((c * d, rest))
    merged: dict[bytes, list[Any]] = {}
    number = sp.Integer(0)
    place = len(flat)
    for at, (c, node) in enumerate(flat):
        value = constant_of(node)
        if value is not None:
            number, place = number + c * value, min(place, at)
        elif node.key in merged:
            merged[node.key][0] += c
        else:
            merged[node.key] = [c, node, at]
    kept = [(at, c, node) for c, node, at in merged.values() if c != 0]
    if number != 0:
        kept.append((place, number, const(1, shape)))
        kept.sort(key=lambda item: item[0])
    if not kept:
        return zero(shape)
    if len(kept) == 1:
        return scale(kept[0][1], kept[0][2])
    return _intern("add", tuple(n for *_, n in kept), tuple(c for _, c, _ in kept), shape)


def sub(a: Node, b: Node) -> Node:
    return add([a, b], [1, -1])


# -- elementwise maps -----------------------------------------------------------------------------


def map_(f: sp.Expr, u: Node) -> Node:
    """f applied to every entry of u; f is a SymPy expression in T."""
    if f == T:
        return u
    if not f.has(T):
        return const(f, u.shape)
    value = constant_of(u)
    if value is not None and (value.is_number or f.is_polynomial(T)):
        return const(f.subs(T, value), u.shape)
    if u.kind == "map":
        return map_(f.subs(T, u.attr), u.args[0])
    if u.kind == "ein" and len(u.args) == 1 and u.attr.coef == 1:
        labels = u.attr.labels[0]
        if summed_once(labels) and all(k < u.order for k in labels):
            # a mere transpose or broadcast: apply f first, so that there is one form
            inner = map_(f, u.args[0])
            return ein([(inner, labels)], tuple(range(u.order)), 1, dict(enumerate(u.shape)))
    number, rest = f.as_coeff_Mul()
    if number != 1:  # a number in front of a function stands in front of the node
        return scale(number, map_(rest, u))
    return _intern("map", (u,), f, u.shape)


def power(u: Node, exponent: Any) -> Node:
    return map_(T ** dims.number(exponent), u)


def divide(a: Node, b: Node) -> Node:
    """Elementwise quotient; b is a scalar or of a's shape."""
    return mul(a, map_(1 / T, b))


# -- operations kept whole ------------------------------------------------------------------------


def call(
    name: str, args: Sequence[Node], parameters: tuple[Any, ...], shape: Sequence[Dim]
) -> Node:
    """An operation of the table as one node; its record knows value and derivative."""
    return _intern("call", tuple(args), (name, parameters), tuple(dims.dim(d) for d in shape))


# -- canonical digests ----------------------------------------------------------------------------


@lru_cache(maxsize=20_000)
def _name(x: Any) -> bytes:
    return str(x).encode()


def _hash(*parts: bytes) -> bytes:
    h = blake2b(digest_size=16)
    for p in parts:
        h.update(len(p).to_bytes(4, "big"))
        h.update(p)
    return h.digest()


def _shape_name(shape: Shape) -> bytes:
    return b",".join(_name(d) for d in shape)


def _digest(node: Node) -> bytes:
    """The key of a node whose operands have theirs."""
    match node.kind:
        case "var":
            marks = ",".join(sorted(node.attr.properties))
            return _hash(
                b"var", repr(node.attr.name).encode(), marks.encode(), _shape_name(node.shape)
            )
        case "rel":
            return _hash(b"rel", _name(node.attr), _shape_name(node.shape))
        case "map":
            return _hash(b"map", _name(node.attr), node.args[0].key)
        case "call":
            return _hash(b"call", _name(node.attr), *(a.key for a in node.args))
        case "add":
            terms = sorted(a.key + _name(c) for a, c in zip(node.args, node.attr, strict=True))
            return _hash(b"add", *terms)
        case _:
            from .canonical import encode_ein

            return _hash(b"ein", _name(node.attr.coef), _shape_name(node.shape), encode_ein(node))
