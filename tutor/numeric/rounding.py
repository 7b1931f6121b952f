"""Which floating values are rounding errors and nothing else.

Zero comes out of floating arithmetic as 1.1e-16 where terms cancel, while exp(−40) = 4e-18 is right
to the last digit: size alone does not tell them apart. So the rounding errors are followed through
the same nodes (running error analysis: Higham, Accuracy and Stability of Numerical Algorithms,
section 3.3). Every operation adds half a unit in the last place of what it computes, and carries on
the errors of its operands. An entry is noise if it is no larger than its own error.

The analysis is made only where some entry is so small beside the data that the question comes up.
It is of first order; of an operation that is kept whole it tries what errors of the operands do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from ..errors import InputError
from ..graph.node import Node, T, topological
from ..ops import KEPT
from ..ops.scalar import compiled
from ..value import Cleaned
from .contract import contract
from .evaluate import Env, evaluate, worker
from .relation import Relation

UNIT = 2.0**-53  # the relative error of one rounding
SMALL = 1e-9  # an entry that is so much smaller than 1, or than the largest one, may be noise
DYADIC = 2.0**20  # such multiples of 1/DYADIC are exact in floating point
SAFETY = 2.0

Errors = Mapping[Node, np.ndarray]


def is_suspect(value: np.ndarray) -> bool:
    """Whether an entry is so small that it may be noise; False for exact numbers."""
    if value.dtype == object or not value.size:
        return False
    size = np.abs(value)
    return bool(((size > 0) & (size < SMALL * max(1.0, float(size.max())))).any())


def noise(value: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Which entries are not 0, and no larger than their error."""
    return (value != 0) & (np.abs(value) <= SAFETY * error)


def cleaned(value: np.ndarray, error: np.ndarray) -> np.ndarray:
    """The values with 0 for their noise."""
    lost = noise(value, error)
    if not lost.any():
        return value
    found = value.copy()
    found[lost] = 0.0
    return found.view(Cleaned)


def error_of(root: Node, env: Env, known: Errors) -> np.ndarray | None:
    """The rounding error of the root's floating value, entry by entry; None where it is open.

    known: errors of leaves; any other leaf is right to its last digit.
    """
    with np.errstate(all="ignore"):
        try:
            found = _followed(root, env, known)
        except InputError:  # at a singular matrix, say
            return None
    return found if np.isfinite(found).all() else None


def _followed(root: Node, env: Env, known: Errors) -> np.ndarray:
    order = topological([root])
    floats = {n: v.astype(float) for n, v in env.items() if n in set(order)}
    plain = [n for n in order if n.kind != "rel"]
    value = dict(zip(plain, evaluate(plain, floats, exact=False), strict=True))
    work = worker()
    error: dict[Node, np.ndarray] = {}
    for node in plain:
        match node.kind:
            case "var":
                given = known.get(node)
                error[node] = _spelling(value[node]) if given is None else given
            case "ein":
                error[node] = _product(node, value, error, work)
            case "add":
                error[node] = _sum(node, value, error, work)
            case "map":
                x = node.args[0]
                error[node] = _function(node.attr, value[x], error[x])[1]
            case _:
                error[node] = _tried(node, value, error, work)
    return error[root]


def _spelling(x: np.ndarray) -> np.ndarray:
    """Of a leaf: none where it is an integer or a short binary fraction."""
    short = (x * DYADIC == np.rint(x * DYADIC)) & (np.abs(x) < 2.0**32)
    return np.where(short, 0.0, UNIT * np.abs(x))


def _sum(node: Node, value: Errors, error: Errors, work: Any) -> np.ndarray:
    out: Any = 0.0
    roundings = max(1, len(node.args) - 1)
    for c, arg in zip(node.attr, node.args, strict=True):
        size = abs(work.coef(c))
        own = np.abs(value[arg]) if arg.kind != "rel" else np.abs(work.relation(arg))
        carried = error[arg] if arg.kind != "rel" else 0.0
        out = out + size * (carried + UNIT * roundings * own)
    return np.asarray(out, dtype=float)


def _product(node: Node, value: Errors, error: Errors, work: Any) -> np.ndarray:
    """Σ |products| rounded, and each factor's error times the others."""
    size = {k: work.size(d) for k, d in enumerate(node.attr.sizes)}
    out = tuple(range(node.order))
    factors: list[tuple[np.ndarray, Any]] = []
    errors: list[np.ndarray] = []
    relations: list[Relation] = []
    for arg, labels in zip(node.args, node.attr.labels, strict=True):
        if arg.kind == "rel" and len(set(labels)) == len(labels):
            coefs, constant = arg.attr
            relations.append(Relation(tuple(map(work.size, coefs)), work.size(constant), labels))
            continue
        known = arg.kind != "rel"
        factors.append((np.abs(value[arg] if known else work.relation(arg)), labels))
        errors.append(error[arg] if known else np.zeros_like(factors[-1][0]))
    total = UNIT * (len(factors) + 1) * contract(factors, relations, out, size, False)
    for k, e in enumerate(errors):
        if e.any():
            changed = [*factors[:k], (e, factors[k][1]), *factors[k + 1 :]]
            total = total + contract(changed, relations, out, size, False)
    return np.asarray(total * abs(work.coef(node.attr.coef)), dtype=float)


def _function(f: sp.Expr, x: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A function of one variable at x, which is wrong by e: its value and error."""
    if f == T:
        return x, e
    if not f.has(T):
        number = np.full(x.shape, float(f))
        return number, _spelling(number)
    if f.is_Add or f.is_Mul:
        parts = [_function(a, x, e) for a in f.args]
        values = [v for v, _ in parts]
        whole = np.asarray(sum(values) if f.is_Add else np.prod(values, axis=0))
        error = np.zeros(x.shape)
        for k, (v, wrong) in enumerate(parts):
            if f.is_Add:
                error = error + wrong + UNIT * (len(parts) - 1) * np.abs(v)
            else:
                others = [np.abs(w) for j, w in enumerate(values) if j != k]
                error = error + wrong * np.prod(others, axis=0)
        return whole, error if f.is_Add else error + UNIT * len(parts) * np.abs(whole)
    inner, *parameters = f.args
    if any(p.has(T) for p in parameters):  # a power with x in its exponent, a case distinction
        return _moved(compiled(f), x, e)
    at, wrong = _function(inner, x, e)
    return _moved(compiled(f.func(T, *parameters)), at, wrong)


def _moved(
    f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, e: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    value = np.asarray(f(x), dtype=float)
    ends = [np.abs(np.asarray(f(x + step), dtype=float) - value) for step in (e, -e)]
    return value, np.maximum(*ends) + 2 * UNIT * np.abs(value)


def _tried(node: Node, value: Errors, error: Errors, work: Any) -> np.ndarray:
    """Of an operation that is kept whole: what it makes of errors in its operands."""
    name, parameters = node.attr
    forward = KEPT[name].forward
    assert forward is not None
    operands = [value[a] for a in node.args]
    wrong = [np.maximum(error[a], UNIT * np.abs(value[a])) for a in node.args]
    out = 2 * UNIT * np.abs(value[node])
    for signs in (1, -1), (-1, 1), (1, 1):
        moved = []
        for x, e in zip(operands, wrong, strict=True):
            pattern = np.resize(np.array(signs, dtype=float), x.size).reshape(x.shape)
            moved.append(x + pattern * e)
        found = np.asarray(forward(moved, work.parameters(parameters)), dtype=float)
        out = np.maximum(out, np.abs(found - value[node]))
    return out
