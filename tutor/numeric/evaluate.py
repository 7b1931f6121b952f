"""Values of graph nodes: exact (SymPy numbers) or floating (float64)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from .. import limits
from ..errors import InputError
from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node, topological
from ..ops import KEPT
from ..ops.exact import TooLong
from ..ops.scalar import compiled, exact
from .cofactors import adjugate, determinant, is_singular, only_beside_determinants
from .contract import contract
from .order import work
from .relation import Relation

Env = Mapping[Node, np.ndarray]
Sizes = Mapping[sp.Expr, int]


def evaluate(
    roots: Iterable[Node], env: Env, sizes: Sizes | None = None, exact: bool | None = None
) -> list[np.ndarray]:
    """Values of the roots, given those of the leaves.

    Exact if every leaf is an object array, floating otherwise, unless `exact` says which (constants
    have no leaves). Raises TooLong when exact numbers
    grow beyond the limits (the caller then goes on with floats), InputError for a value that is
    not a finite real number.
    """
    roots = list(roots)
    order = topological(roots)
    leaves = [n for n in order if n.kind == "var"]
    missing = [n for n in leaves if n not in env]
    if missing:
        raise KeyError(missing[0].attr.name)
    is_exact = all(env[n].dtype == object for n in leaves) if exact is None else exact
    worker = _Work(sizes or {}, is_exact)
    value = _Values(worker)
    beside_det = only_beside_determinants(order, roots)
    for node in order:
        if node.kind == "rel":
            continue  # inside a product it is never written out
        if node.kind == "var":
            value[node] = env[node] if is_exact else _floats(env[node])
        elif node in beside_det and is_singular(value[node.args[0]]):
            worker.singular.add(node)
        else:
            value[node] = worker.apply(node, value)
    return [value[r] for r in roots]


def _floats(x: np.ndarray) -> np.ndarray:
    if x.dtype == object:
        flat = [float(v) for v in x.ravel()]
        return np.array(flat, dtype=float).reshape(x.shape)
    return x


def worker() -> _Work:
    """What prepares floating values outside `evaluate`: sizes, coefficients, parameters."""
    return _Work({}, False)


class _Values(dict[Node, np.ndarray]):
    """Values by node; an index relation becomes an array only when one is asked for."""

    def __init__(self, worker: _Work) -> None:
        super().__init__()
        self.worker = worker

    def __missing__(self, node: Node) -> np.ndarray:
        if node.kind != "rel":
            raise KeyError(node)
        self[node] = array = self.worker.relation(node)
        return array


class _Work:
    def __init__(self, sizes: Sizes, is_exact: bool) -> None:
        self.sizes = dict(sizes)
        self.exact = is_exact
        self.spent = 0
        self.singular: set[Node] = set()  # inverses that do not exist; det(A) A⁻¹ does

    def size(self, d: Dim) -> int:
        if isinstance(d, int):
            return d
        n = d.subs(self.sizes)
        if not n.is_Integer:
            raise KeyError(str(d))
        return int(n)

    def coef(self, c: sp.Expr) -> Any:
        if not c.is_number:
            c = c.subs(self.sizes)
            if not c.is_number:
                raise KeyError(str(c))  # a symbolic size without a number
        return c if self.exact else float(c)

    def apply(self, node: Node, value: Mapping[Node, np.ndarray]) -> np.ndarray:
        match node.kind:
            case "ein":
                result = self.ein(node, value)
            case "add":
                result = self.add(node, value)
            case "map":
                result = self.map(node.attr, value[node.args[0]])
            case _:
                name, parameters = node.attr
                arrays = [value[a] for a in node.args]
                self.spend(sum(a.size for a in arrays))
                forward = KEPT[name].forward
                assert forward is not None
                with np.errstate(all="ignore"):
                    result = np.asarray(forward(arrays, self.parameters(parameters)))
        return self.checked(result)

    def parameters(self, parameters: tuple[Any, ...]) -> tuple[Any, ...]:
        """The parameters with numbers for symbolic sizes."""
        return tuple(self.size(p) if isinstance(p, sp.Expr) else p for p in parameters)

    def spend(self, work: int) -> None:
        self.spent += work
        if self.exact and self.spent > limits.EXACT_MULTIPLY_ADDS:
            raise TooLong
        if self.spent > limits.MULTIPLY_ADDS:
            raise InputError(f"more than {limits.MULTIPLY_ADDS:,} multiply-adds")

    def relation(self, node: Node) -> np.ndarray:
        labels = tuple(range(node.order))
        size = {k: self.size(d) for k, d in enumerate(node.shape)}
        coefs, constant = node.attr
        r = Relation(tuple(self.size(c) for c in coefs), self.size(constant), labels)
        return contract([], [r], labels, size, self.exact)

    def ein(self, node: Node, value: Mapping[Node, np.ndarray]) -> np.ndarray:
        attr = node.attr
        size = {k: self.size(d) for k, d in enumerate(attr.sizes)}
        factors, relations = [], []
        pairs = list(zip(node.args, attr.labels, strict=True))
        for inverse in [a for a in node.args if a in self.singular]:
            pairs.remove((determinant(inverse), ()))
        for arg, labels in pairs:
            if arg in self.singular:
                factors.append((adjugate(value[arg.args[0]]), labels))
            elif arg.kind == "rel" and len(set(labels)) == len(labels):
                coefs, constant = arg.attr
                whole = tuple(self.size(c) for c in coefs)
                relations.append(Relation(whole, self.size(constant), labels))
            else:
                factors.append((value[arg], labels))
        entries = prod(size[k] for k in range(node.order))
        if entries > limits.ELEMENTS:
            raise InputError(
                f"a result of size {dims.text(node.shape)} has {entries:,} entries; "
                f"the limit is {limits.ELEMENTS:,}"
            )
        self.spend(work(factors, relations, range(node.order), size))
        result = contract(factors, relations, tuple(range(node.order)), size, self.exact)
        coef = self.coef(attr.coef)
        return result if coef == 1 else np.asarray(result * coef)

    def add(self, node: Node, value: Mapping[Node, np.ndarray]) -> np.ndarray:
        total: Any = None
        for c, arg in zip(node.attr, node.args, strict=True):
            coef = self.coef(c)
            term = value[arg] if coef == 1 else value[arg] * coef
            total = term if total is None else total + term
        self.spend(np.size(total) * len(node.args))
        return np.asarray(total, dtype=object if self.exact else float)

    def map(self, f: sp.Expr, x: np.ndarray) -> np.ndarray:
        if not f.free_symbols <= {sp.Symbol("t", real=True)}:
            f = f.subs(self.sizes)
        if not self.exact:
            with np.errstate(all="ignore"):
                return np.asarray(compiled(f)(x), dtype=float)
        self.spend(20 * x.size)
        known: dict[Any, Any] = {}
        flat = []
        for v in x.ravel():
            if v not in known:
                known[v] = exact(f, v)
            flat.append(known[v])
        result = np.empty(len(flat), dtype=object)
        result[:] = flat
        return result.reshape(x.shape)

    def checked(self, result: np.ndarray) -> np.ndarray:
        if not self.exact:
            if not np.isfinite(result).all():
                raise NotFinite
            return result
        return tidied(result)


def tidied(result: np.ndarray) -> np.ndarray:
    """Exact numbers in short form; TooLong where there is none, NotFinite for 1/0 and the like."""
    flat = [_tidy(v) for v in result.astype(object).ravel()]
    done = np.empty(len(flat), dtype=object)
    done[:] = flat
    return done.reshape(result.shape)


SATURATED = 26  # from here on, erf is 1 but for less than the smallest float


class NotFinite(InputError):
    """Overflow, division by zero, the logarithm of 0 …"""

    def __init__(self, message: str | None = None, hint: str | None = None) -> None:
        super().__init__(
            message
            or "the value is not a finite real number (a division by zero, the logarithm of "
            "a number that is not positive, or an overflow)",
            hint=hint,
        )


def _tidy(v: Any) -> Any:
    """An exact number in short form; TooLong when there is none."""
    if not isinstance(v, sp.Basic):
        return sp.Integer(int(v))
    if v.is_Integer:
        if abs(int(v)).bit_length() > 4 * limits.EXACT_DIGITS:
            raise TooLong
        return v
    if v.is_Rational:
        if max(abs(v.p), v.q) >= 10**limits.EXACT_DIGITS:
            raise TooLong
        return v
    if v.has(sp.zoo, sp.nan, sp.oo, -sp.oo) or v.is_real is False:
        raise NotFinite
    if v.is_Add or v.is_Mul:
        v = sp.expand(v)
    if sp.count_ops(v) > limits.EXACT_OPERATIONS:
        raise TooLong
    # 1 + erf(−800) has its first digit 278,000 places behind the point, and SymPy would find it
    if any(abs(e.args[0]) > SATURATED for e in v.atoms(sp.erf)):
        raise TooLong
    try:
        # term by term: what is left of 1 − erf(141) has 8,000 zeros before its first digit
        finite = all(math.isfinite(float(t)) for t in (v.args if v.is_Add else (v,)))
    except (OverflowError, TypeError):
        finite = False
    if not finite:  # exact, but beyond every float: exp(exp(exp(10)))
        raise NotFinite
    return v
