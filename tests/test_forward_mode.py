"""Forward mode against reverse mode, on every operation; formulas are in the expressions table."""

from __future__ import annotations

import numpy as np
import pytest
from test_operations import CASES, apply, core, operands

from tutor.calculus import forward
from tutor.calculus.forward import pushforward
from tutor.calculus.reverse import identity, jacobian
from tutor.graph import node as g
from tutor.graph.node import Node
from tutor.independent import relative_error
from tutor.numeric.evaluate import evaluate


def by_forward(y: Node, x: Node) -> Node:
    """The Jacobian by pushing every direction of x at once."""
    return pushforward(y, {x: identity(x.shape)}, x.shape)


@pytest.mark.parametrize(("op", "k", "result"), CASES)
def test_operations(op, k, result) -> None:
    vals, leaves, arrays, given = operands(op, k)
    y, _ = apply(op, vals, dict(given))
    y = y[result] if op.results else y
    env = {leaf: core(v, a) for leaf, v, a in zip(leaves, vals, arrays, strict=True)}
    rng = np.random.default_rng(3)
    leads = {n: g.var(("d", n.attr.name), n.shape) for n in leaves}
    move = {leads[n]: rng.uniform(-1, 1, size=np.shape(env[n])) for n in leaves}
    weights = rng.uniform(0.5, 1.5, size=y.node.shape)
    (tangent,) = evaluate([pushforward(y.node, leads)], env | move)
    # ⟨weights, dy⟩ = ⟨gradient of ⟨weights, y⟩, dx⟩
    w = g.var("w", y.node.shape)
    axes = tuple(range(y.order))
    loss = g.ein([(y.node, axes), (w, axes)], ())
    slopes = evaluate([jacobian(loss, n) for n in leaves], env | {w: weights})
    want = sum(
        float(np.sum(np.asarray(s, float) * move[leads[n]]))
        for s, n in zip(slopes, leaves, strict=True)
    )
    got = float(np.sum(np.asarray(tangent, float) * weights))
    assert got == pytest.approx(want, rel=1e-9, abs=1e-9)


def test_several_directions_at_once() -> None:
    x, v = g.var("x", (3,)), g.var("V", (3, 2))
    y = g.map_(g.T**3, x)
    (got,) = evaluate(
        [pushforward(y, {x: v}, (2,))],
        {x: np.array([1.0, 2.0, 3.0]), v: np.arange(6.0).reshape(3, 2)},
    )
    assert np.allclose(got, [[0, 3], [24, 36], [108, 135]])


def test_what_does_not_move_has_the_tangent_zero() -> None:
    x, y = g.var("x", (3,)), g.var("y", (2,))
    assert g.is_zero(pushforward(y, {x: g.var("dx", (3,))}))


def test_a_planted_fault_is_caught(monkeypatch) -> None:
    """A rule that forgets one factor gives another Jacobian than reverse mode."""
    x = g.var("x", (3,))
    y = g.ein([(x, (0,)), (x, (0,)), (g.map_(g.T**2, x), (0,))], ())
    env = {x: np.array([1.0, 2.0, 3.0])}
    right = evaluate([by_forward(y, x)], env)[0]
    whole = forward._factor
    monkeypatch.setattr(
        forward, "_factor", lambda n, k, t, trail: g.scale(1 if k else 0, whole(n, k, t, trail))
    )
    (wrong,) = evaluate([by_forward(y, x)], env)
    (want,) = evaluate([jacobian(y, x)], env)
    assert relative_error(right, want) < 1e-12
    assert relative_error(wrong, want) > 0.1
