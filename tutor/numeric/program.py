"""Values of the same nodes again and again: prepared once, then nothing but arithmetic.

`evaluate` looks at each node anew: it plans every product, checks every value, counts the work. For
thousands of training steps that is most of the time. A `Program` fixes the order, folds what never
changes, plans each product once, and runs as a flat list of NumPy calls on float64. It does not
judge the values: a number that is not finite goes on as such, and the caller looks at the roots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from ..graph.node import Node, topological
from ..ops import KEPT
from ..ops.scalar import compiled
from .contract import planned
from .evaluate import evaluate, worker
from .order import order
from .products import joined, single
from .relation import Labels, Relation

Instruction = Callable[[], None]
Item = tuple[int, Labels]  # a slot and the labels of its axes


class Program:
    """The roots as functions of the leaves; everything else is constant.

    roots: nodes; leaves: the variables that change from run to run; constants: values of all other
    variables below the roots.
    """

    def __init__(
        self, roots: Sequence[Node], leaves: Sequence[Node], constants: Mapping[Node, np.ndarray]
    ) -> None:
        self.values: list[Any] = []
        self.code: list[Instruction] = []
        self.slot: dict[Node, int] = {}
        self.parts: dict[tuple[int, sp.Expr], int] = {}  # f at a slot, shared between maps
        self.worker = worker()
        self.leaves = [self.new() for _ in leaves]
        self.slot.update(zip(leaves, self.leaves, strict=True))
        order = topological(roots)
        moving: set[Node] = set(leaves)
        for node in order:
            if any(a in moving for a in node.args):
                moving.add(node)
        self.fold([n for n in order if n not in moving], moving, order, roots, constants)
        for node in order:
            if node not in self.slot and node in moving:
                self.slot[node] = self.compile(node)
        self.roots = [self.slot[r] for r in roots]

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Values of the roots at values of the leaves; the arrays are not kept apart.

        float64 as a rule; leaves that are all float32 are computed in float32 throughout.
        """
        for slot, array in zip(self.leaves, arrays, strict=True):
            self.values[slot] = array
        with np.errstate(all="ignore"):
            for instruction in self.code:
                instruction()
        return [_floats(self.values[r]) for r in self.roots]

    # -- building ----------------------------------------------------------------------------

    def new(self, value: Any = None) -> int:
        self.values.append(value)
        return len(self.values) - 1

    def fold(
        self,
        still: Sequence[Node],
        moving: set[Node],
        order: Sequence[Node],
        roots: Sequence[Node],
        constants: Mapping[Node, np.ndarray],
    ) -> None:
        """What no leaf reaches, computed once; relations inside a product stay relations."""
        wanted = {r for r in roots if r not in moving}
        for node in order:
            if node in moving:
                wanted |= {a for a in node.args if a not in moving and not _kept(node, a)}
        needed = [n for n in still if n in wanted]
        for node, value in zip(needed, evaluate(needed, constants), strict=True):
            self.slot[node] = self.new(value)

    def emit(self, function: Callable[..., Any], *sources: int) -> int:
        """One more instruction; the slot of its result."""
        values, target = self.values, self.new()
        if len(sources) == 1:
            (a,) = sources

            def run() -> None:
                values[target] = function(values[a])
        elif len(sources) == 2:
            a, b = sources

            def run() -> None:
                values[target] = function(values[a], values[b])
        else:

            def run() -> None:
                values[target] = function(*[values[s] for s in sources])

        self.code.append(run)
        return target

    def compile(self, node: Node) -> int:
        match node.kind:
            case "ein":
                return self.ein(node)
            case "add":
                return self.add(node)
            case "map":
                return self.map(node.attr, self.slot[node.args[0]])
            case "call":
                name, parameters = node.attr
                forward, plain = KEPT[name].forward, self.worker.parameters(parameters)
                assert forward is not None
                return self.emit(
                    lambda *arrays: forward(list(arrays), plain), *(self.slot[a] for a in node.args)
                )
            case kind:
                raise AssertionError(kind)

    def add(self, node: Node) -> int:
        coefs = [self.worker.coef(c) for c in node.attr]
        terms = [self.slot[a] for a in node.args]
        if len(terms) == 2 and coefs in ([1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]):
            if coefs[0] < 0:
                return self.emit(np.subtract, terms[1], terms[0])
            return self.emit(np.add if coefs[1] > 0 else np.subtract, *terms)

        def total(*arrays: Any) -> Any:
            result = coefs[0] * arrays[0]
            for c, x in zip(coefs[1:], arrays[1:], strict=True):
                result = result + c * x
            return result

        return self.emit(total, *terms)

    def map(self, f: sp.Expr, at: int) -> int:
        """f at a slot. Terms and factors are shared: σ(z) serves σ(z) and its slope σ(1 − σ)."""
        known = self.parts.get((at, f))
        if known is not None:
            return known
        moving = [a for a in f.args if a.free_symbols] if f.is_Add or f.is_Mul else []
        if not moving:
            slot = self.emit(compiled(f), at)
        else:
            operation = np.add if f.is_Add else np.multiply
            fixed = [float(a) for a in f.args if not a.free_symbols]
            slot = self.map(moving[0], at)
            for part in moving[1:]:
                slot = self.emit(operation, slot, self.map(part, at))
            if fixed:
                constant = sum(fixed) if f.is_Add else prod(fixed)
                slot = self.emit(lambda x: operation(x, constant), slot)
        self.parts[at, f] = slot
        return slot

    def ein(self, node: Node) -> int:
        attr = node.attr
        size = {k: self.worker.size(d) for k, d in enumerate(attr.sizes)}
        out: Labels = tuple(range(node.order))
        coef = self.worker.coef(attr.coef)
        pairs = list(zip(node.args, attr.labels, strict=True))
        relations = [
            Relation(tuple(map(self.worker.size, a.attr[0])), self.worker.size(a.attr[1]), labels)
            for a, labels in pairs
            if _kept(node, a, labels)
        ]
        items = [(self.slot[a], labels) for a, labels in pairs if not _kept(node, a, labels)]
        if relations:
            run = planned([labels for _, labels in items], relations, out, size, False)

            def tied(*arrays: Any) -> Any:
                result = run(arrays)
                return result if coef == 1 else coef * result

            return self.emit(tied, *(s for s, _ in items))
        for i, j, keep in order([labels for _, labels in items], out, size):
            (a, la), (b, lb) = items[i], items[j]
            both = self.emit(joined(la, lb, keep, size), a, b)
            items = [*(x for k, x in enumerate(items) if k not in (i, j)), (both, keep)]
        if len(items) == 1:
            ((slot, labels),) = items
            result = self.emit(single(labels, out, size), slot)
        else:
            (a, la), (b, lb) = items
            result = self.emit(joined(la, lb, out, size), a, b)
        return result if coef == 1 else self.emit(lambda x: coef * x, result)


def _floats(x: Any) -> np.ndarray:
    """An array of float32 if the leaves were, else of float64."""
    array = np.asarray(x)
    return array if array.dtype == np.float32 else np.asarray(array, dtype=float)


def _kept(node: Node, factor: Node, labels: Labels | None = None) -> bool:
    """The factor is a relation that `contract` turns into gathers and scatters."""
    if node.kind != "ein" or factor.kind != "rel":
        return False
    if labels is not None:
        return len(set(labels)) == len(labels)
    places = zip(node.args, node.attr.labels, strict=True)
    return all(len(set(ls)) == len(ls) for a, ls in places if a is factor)
