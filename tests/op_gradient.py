"""One operation of the table at a point: its value, and the gradient of ⟨value, weights⟩."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tutor.calculus.reverse import pullback
from tutor.graph.node import const, ein, var
from tutor.numeric.evaluate import TooLong, evaluate
from tutor.ops import EVERY, Op, Val

BY_NAME: dict[str, Op] = {op.name: op for op in EVERY}


def image(op: Op) -> bool:
    """Whether a 1×n operand is an image with one row (and not a row vector)."""
    return op.name.startswith(("conv", "max_pool", "avg_pool", "adaptive", "unfold", "fold"))


def applied(op: Op, shapes: Sequence[tuple[int, ...]], given: Mapping[str, Any]):
    vals = []
    for j, s in enumerate(shapes):
        row = len(s) == 2 and s[0] == 1 and not image(op)
        vals.append(Val(var(f"x{j}", s[1:] if row else s), row))
    parameters = dict(given)
    rest, which = parameters.pop("*", ()), parameters.pop("result", 0)
    y = op.apply(vals, rest, parameters)
    return vals, y[which] if op.results else y


def derived(op: Op, arrays: Sequence[np.ndarray], given: Mapping[str, Any], weights: np.ndarray):
    """Value and one gradient per operand, all in the shapes a user counts.

    `weights` has the value's shape. Exact if the arrays are and the numbers stay short.
    """
    vals, y = applied(op, [a.shape for a in arrays], given)
    assert tuple(y.shape) == weights.shape, (y.shape, weights.shape)
    w = var("w", y.node.shape)
    axes = tuple(range(y.order))
    loss = ein([(y.node, axes), (w, axes)], ())
    grads = pullback(loss, const(1), [v.node for v in vals])
    env = {v.node: a.reshape(v.node.shape) for v, a in zip(vals, arrays, strict=True)}
    env[w] = weights.reshape(y.node.shape)
    try:
        value, *parts = evaluate([y.node, *grads], env)
    except TooLong:
        env = {n: floats(a) for n, a in env.items()}
        value, *parts = evaluate([y.node, *grads], env)
    parts = [p.reshape(a.shape) for p, a in zip(parts, arrays, strict=True)]
    return value.reshape(weights.shape), parts


def floats(x: np.ndarray) -> np.ndarray:
    return np.array([float(v) for v in np.ravel(x)], dtype=float).reshape(np.shape(x))
