"""Simplification: the forms it must reach, and the values it must keep."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from tutor.calculus import products
from tutor.calculus import simplify as module
from tutor.calculus.factors import MOST_FACTORS
from tutor.calculus.reverse import gradient
from tutor.calculus.simplify import simplify, substitute
from tutor.calculus.sums import content
from tutor.graph.node import (
    Node,
    T,
    add,
    broadcast,
    call,
    const,
    constant_of,
    divide,
    ein,
    map_,
    mul,
    permute,
    power,
    scale,
    sum_axes,
    topological,
    var,
)
from tutor.numeric.evaluate import evaluate

x, y, v = var("x", (5,)), var("y", (5,)), var("v", (3,))
A, B, Q = var("A", (3, 5)), var("B", (5, 7)), var("Q", (5, 5))
a = var("a", ())
SIN, COS, TANH, EXP = sp.sin(T), sp.cos(T), sp.tanh(T), sp.exp(T)


def matvec(M: Node, u: Node) -> Node:
    return ein([(M, "ij"), (u, "j")], "i")


def dot(p: Node, q: Node) -> Node:
    return ein([(p, "i"), (q, "i")], "")


# raw, simplified
EQUAL: dict[str, tuple[Node, Node]] = {
    "x / x": (divide(x, x), const(1, (5,))),
    "x * x": (mul(x, x), ein([(x, "i"), (x, "i")], "i")),
    "exp(x) / exp(x)": (mul(map_(EXP, x), map_(1 / EXP, x)), const(1, (5,))),
    "x * x**2": (mul(x, power(x, 2)), power(x, 3)),
    "sin(x) * cos(x)": (mul(map_(SIN, x), map_(COS, x)), map_(SIN * COS, x)),
    "A (B C) = A B C": (
        ein([(A, "ij"), (ein([(B, "jk"), (B, "lk")], "jl"), "jl")], "il"),
        ein([(A, "ij"), (B, "jk"), (B, "lk")], "il"),
    ),
    "3x + 6y = 3 (x + 2y)": (
        add([x, y], [3, 6]), ein([(add([x, y], [1, 2]), "i")], "i", 3)),
    "-x - y = -(x + y)": (add([x, y], [-1, -1]), ein([(add([x, y]), "i")], "i", -1)),
    "x - x": (add([x, x], [1, -1]), const(0, (5,))),
    "(xᵀ)ᵀ": (permute(permute(Q, (1, 0)), (1, 0)), Q),
    "2 (3 x)": (scale(2, scale(3, x)), scale(6, x)),
    "sum(ones * a)": (sum_axes(broadcast(a, (), (5,)), [0]), scale(5, a)),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUAL)
def test_reaches_the_short_form(name: str) -> None:
    raw, short = EQUAL[name]
    assert simplify(raw).key == short.key


KEPT = {
    "x + y": add([x, y]),
    "x - y": add([x, y], [1, -1]),
    "half x + third y": add([x, y], [sp.Rational(1, 2), sp.Rational(1, 3)]),
    "1 - tanh²": map_(1 - TANH**2, x),
    "softmax": call("softmax", [x], (0,), (5,)),
    "x y with different labels": ein([(x, "i"), (y, "j")], "ij"),
    "x_i x_j": ein([(x, "i"), (x, "j")], "ij"),
    "sin(x_i) x_j": ein([(map_(SIN, x), "i"), (x, "j")], "ij"),
    "Q_ij Q_ji": ein([(Q, "ij"), (Q, "ji")], ""),
}


@pytest.mark.parametrize("name", [k for k in KEPT if not k.startswith("half")])
def test_leaves_alone_what_is_short(name: str) -> None:
    assert simplify(KEPT[name]).key == KEPT[name].key


SUMS = [*KEPT.values(), *(raw for raw, _ in EQUAL.values()),
        gradient(ein([(map_(TANH, matvec(A, x)), "i"), (map_(TANH, matvec(A, x)), "i")], ""), x),
        gradient(map_(sp.sqrt(T), dot(add([x, y], [1, -1]), add([x, y], [1, -1]))), x),
        gradient(ein([(call("softmax", [matvec(A, x)], (0,), (3,)), "i"), (v, "i")], ""), A),
        mul(add([x, y], [2, 4]), add([x, y], [sp.Rational(1, 2), sp.Rational(-3, 2)])),
        ein([(add([Q, permute(Q, (1, 0))], [2, 2]), "ij"), (x, "j")], "i"),
        divide(add([x, const(1, (5,))], [2, 2]), add([x, const(3, (5,))], [4, 4])),
        scale(sp.pi, add([x, y], [sp.sqrt(2), sp.sqrt(2)]))]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SUMS)))
def test_keeps_shape_and_value(number: int) -> None:
    raw = SUMS[number]
    short = simplify(raw)
    rng = np.random.default_rng(number)
    env = {n: rng.uniform(0.5, 2, size=n.shape) for n in topological([raw]) if n.kind == "var"}
    assert short.shape == raw.shape
    assert simplify(short).key == short.key  # nothing is left to do
    before, after = evaluate([raw, short], env)
    np.testing.assert_allclose(np.asarray(after, float), np.asarray(before, float), rtol=1e-11)


def test_content_is_positive_and_exact() -> None:
    for coefs in ([4, 6], [-4, 6], [-4, -6], [sp.Rational(2, 3), sp.Rational(4, 9)], [1, 1]):
        c, rest = content(add([x, y], coefs))
        assert c != 0
        back = scale(c, rest)
        assert simplify(add([back, add([x, y], coefs)], [1, -1])).key == const(0, (5,)).key or (
            constant_of(simplify(add([back, add([x, y], coefs)], [1, -1]))) == 0
        )


def test_long_products_are_not_flattened_without_end() -> None:
    node = Q
    for _ in range(60):
        node = ein([(node, "ij"), (Q, "jk")], "ik")
    short = simplify(node)
    most = max(len(n.args) for n in topological([short]))
    assert most <= MOST_FACTORS + 1
    M = np.random.default_rng(0).normal(size=(5, 5)) / 3
    (got,) = evaluate([short], {Q: M})
    np.testing.assert_allclose(got, np.linalg.matrix_power(M, 61), rtol=1e-9)


def test_substitution_replaces_every_occurrence() -> None:
    node = add([mul(x, y), map_(SIN, x), matvec(Q, x)])
    new = substitute(node, {x: map_(EXP, y)})
    assert x not in topological([new])
    rng = np.random.default_rng(1)
    values = {y: rng.normal(size=5), Q: rng.normal(size=(5, 5))}
    got, want = evaluate([new], values)[0], evaluate([node], {**values, x: np.exp(values[y])})[0]
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_a_wrong_fusion_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: functions of one argument meet without a look at their labels."""
    right = products.fused

    def careless(node: Node) -> Node:
        if node.order == 2 and len(node.args) == 2 and len({len(a.shape) for a in node.args}) == 1:
            labels = node.attr.labels[0]
            same = [(a, labels) for a in node.args]
            return right(ein(same, range(2), 1, dict(enumerate(node.attr.sizes))))
        return right(node)

    rules = tuple(careless if r is right else r for r in module.RULES["ein"])
    monkeypatch.setitem(module.RULES, "ein", rules)
    with pytest.raises(AssertionError):
        for number in range(len(SUMS)):
            test_keeps_shape_and_value(number)
