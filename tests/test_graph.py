"""The graph's promises: one node per meaning, keys, deltas, broadcasts, depth."""

from __future__ import annotations

import gc
import itertools
import random
import time

import numpy as np
import paper_oracle as oracle
import pytest
import sympy as sp

from tutor.api import loads
from tutor.calculus.reverse import gradient, jacobian, pullback
from tutor.calculus.simplify import simplify, simplify_all, substitute
from tutor.graph import dims
from tutor.graph.interned import _table
from tutor.graph.node import (
    Node,
    T,
    add,
    broadcast,
    call,
    const,
    constant_of,
    delta,
    ein,
    is_delta,
    is_zero,
    map_,
    mul,
    permute,
    rel,
    scale,
    sub,
    sum_axes,
    var,
)
from tutor.numeric.evaluate import evaluate
from tutor.problem import loads as load_problem
from tutor.problem.elaborate import elaborate

n, m = dims.symbol("n"), dims.symbol("m")
A, B, C = var("A", (3, 5)), var("B", (5, 7)), var("C", (7, 3))
S = var("S", (5, 5), {"symmetric"})
Q = var("Q", (5, 5))
x, y, z = var("x", (5,)), var("y", (5,)), var("z", (3,))


def numbers(node: Node, **values: np.ndarray) -> np.ndarray:
    leaves = {"A": A, "B": B, "C": C, "Q": Q, "x": x, "y": y, "z": z}
    (out,) = evaluate([node], {leaves[k]: v for k, v in values.items()})
    return np.asarray(out, dtype=float)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape)


# -- interning -------------------------------------------------------------------------------------


def test_equal_construction_is_one_object() -> None:
    assert var("x", (5,)) is x
    assert var("x", (5,), {"positive"}) is not x
    assert var("x", (7,)) is not x
    assert ein([(A, "ij"), (B, "jk")], "ik") is ein([(A, "ab"), (B, "bc")], "ac")
    assert add([x, y]) is add([x, y])
    assert map_(sp.sin(T), x) is map_(sp.sin(T), x)
    assert const(2, (3,)) is const(2, (3,))
    assert delta(5) is rel((-1, 1), 0, (5, 5))  # one sign for one relation


def test_unused_nodes_are_freed() -> None:
    gc.collect()
    before = len(_table)
    kept = [map_(sp.sin(T), var(("temporary", k), (3,))) for k in range(50)]
    assert len(_table) >= before + 100
    del kept
    gc.collect()
    assert len(_table) <= before + 1


# -- keys ------------------------------------------------------------------------------------------


def test_key_ignores_order_and_names_of_labels() -> None:
    factors = [(A, "ij"), (B, "jk"), (C, "ki"), (x, "j"), (z, "i")]
    keys = {ein(list(p), "").key for p in itertools.permutations(factors)}
    assert len(keys) == 1
    rng = random.Random(1)
    for _ in range(20):
        letters = dict(zip("ijk", rng.sample("pqrstuvw", 3), strict=True))
        renamed = [(f, "".join(letters[c] for c in ls)) for f, ls in factors]
        assert ein(renamed, "").key in keys
    assert add([x, y]).key == add([y, x]).key
    assert add([x, y], [2, -1]).key == add([y, x], [-1, 2]).key


def test_key_of_tied_labels() -> None:
    """tr(QQQ) looks the same from every label: refinement alone cannot tell them apart."""
    cycle = [(Q, "ij"), (Q, "jk"), (Q, "kl"), (Q, "li")]
    keys = {ein(list(p), "").key for p in itertools.permutations(cycle)}
    assert len(keys) == 1
    two = ein([(Q, "ij"), (Q, "ji"), (Q, "kl"), (Q, "lk")], "")  # tr(QQ)²: other, same degrees
    assert two.key not in keys


DIFFERENT = [
    (Q, permute(Q, (1, 0))),
    (ein([(Q, "ij"), (x, "j")], "i"), ein([(Q, "ji"), (x, "j")], "i")),
    (ein([(Q, "ij"), (Q, "jk")], "ik"), ein([(Q, "ij"), (Q, "kj")], "ik")),
    (ein([(Q, "ij"), (Q, "jk")], "ik"), ein([(Q, "ij"), (Q, "jk")], "ki")),
    (
        ein([(Q, "ij"), (Q, "jk"), (Q, "kl"), (Q, "li")], ""),
        ein([(Q, "ij"), (Q, "jk"), (Q, "kl"), (Q, "il")], ""),
    ),
    (ein([(x, "i"), (y, "j")], "ij"), ein([(x, "j"), (y, "i")], "ij")),
    (mul(x, y), mul(x, x)),
    (add([x, y]), sub(x, y)),
    (x, scale(2, x)),
    (map_(sp.sin(T), x), map_(sp.cos(T), x)),
    (map_(T**2, x), map_(T**3, x)),
    (call("softmax", [Q], (0,), (5, 5)), call("softmax", [Q], (1,), (5, 5))),
    (call("where", [x, y, y], (), (5,)), call("where", [y, x, y], (), (5,))),
    (rel((1, -1), 1, (5, 5)), rel((1, -1), -1, (5, 5))),
    (rel((1, -1), 0, (3, 5)), rel((1, -1), 0, (5, 3))),
    (const(1, (5,)), const(1, (7,))),
    (const(1, (n,)), const(1, (m,))),
    (sum_axes(Q, [0]), sum_axes(Q, [1])),
]


@pytest.mark.parametrize("pair", DIFFERENT)
def test_key_tells_different_things_apart(pair: tuple[Node, Node]) -> None:
    a, b = pair
    assert a.key != b.key
    if a.shape == b.shape:
        assert not is_zero(sub(a, b))


def test_keys_of_random_products_agree_with_values() -> None:
    """Equal keys have equal values, and shuffled products equal keys."""
    leaves = {Q: normal(5, 5), x: normal(5), y: normal(5) + 1}
    rng = random.Random(7)
    seen: dict[bytes, np.ndarray] = {}
    for _ in range(300):
        letters = "ijk"
        factors = [(f, tuple(rng.choice(letters) for _ in range(f.order)))
                   for f in rng.choices([Q, x, y], k=rng.randint(2, 4))]  # fmt: skip
        carried = sorted({c for _, ls in factors for c in ls})
        out = tuple(rng.sample(carried, rng.randint(0, min(2, len(carried)))))
        node = ein(factors, out)
        shuffled = ein(rng.sample(factors, len(factors)), out)
        assert node.key == shuffled.key
        (value,) = evaluate([node], leaves)
        if node.key in seen:
            np.testing.assert_allclose(seen[node.key], value, rtol=1e-9)
        seen[node.key] = value
    assert len(seen) > 100


def test_symmetric_variables_may_be_transposed() -> None:
    assert ein([(S, "ij"), (x, "j")], "i").key == ein([(S, "ji"), (x, "j")], "i").key
    assert not is_zero(sub(Q, permute(Q, (1, 0))))


# -- deltas and dead labels ------------------------------------------------------------------------


def test_deltas_vanish() -> None:
    assert ein([(delta(5), "ij"), (x, "j")], "i") is x
    assert ein([(A, "ij"), (delta(5), "jk"), (B, "kl")], "il") is ein([(A, "ij"), (B, "jl")], "il")
    assert ein([(delta(5), "ij"), (delta(5), "jk")], "ik") is delta(5)
    assert not is_delta(rel((1, -1), 0, (3, 5)))  # a rectangular identity cuts
    kept = ein([(rel((1, -1), 0, (3, 5)), "ij"), (x, "j")], "i")
    assert numbers(kept, x=normal(5)).tolist() == normal(5)[:3].tolist()


def test_traces_of_deltas_count() -> None:
    assert constant_of(ein([(delta(5), "ii")], "")) == 5
    assert constant_of(ein([(delta(n), "ii")], "")) == n
    assert constant_of(ein([(delta(n), "ij"), (delta(n), "ij")], "")) == n


def test_dead_labels_multiply_by_their_size() -> None:
    ones = const(1, (n, m))
    assert constant_of(sum_axes(ones, [0, 1])) == n * m
    total = ein([(x, "i"), (const(2, (7,)), "k")], "i")
    assert total is scale(14, x)
    spread = broadcast(x, (0,), (5, 7))
    assert sum_axes(spread, [1]) is scale(7, x)
    assert sum_axes(broadcast(var("v", (n,)), (0,), (n, m)), [1]) is scale(m, var("v", (n,)))


def test_broadcast_repeats() -> None:
    v = normal(5)
    np.testing.assert_array_equal(numbers(broadcast(x, (0,), (5, 3)), x=v), np.tile(v[:, None], 3))
    np.testing.assert_array_equal(numbers(broadcast(x, (1,), (3, 5)), x=v), np.tile(v, (3, 1)))


def test_repeated_output_label_is_a_diagonal() -> None:
    v = normal(5)
    np.testing.assert_array_equal(numbers(ein([(x, "i")], "ii"), x=v), np.diag(v))
    M = normal(5, 5)
    np.testing.assert_array_equal(numbers(ein([(Q, "ii")], "i"), Q=M), np.diag(M))
    np.testing.assert_allclose(numbers(ein([(Q, "ii")], ""), Q=M), np.trace(M))


def test_like_terms_merge() -> None:
    assert add([x, y, x], [1, 1, -1]) is y
    assert add([x, x]) is scale(2, x)
    assert add([scale(2, x), add([x, y])]) is add([x, y], [3, 1])
    transposed = ein([(x, "i"), (Q, "ji")], "j")
    assert is_zero(sub(ein([(Q, "ij"), (x, "j")], "i"), transposed))
    assert add([const(2, (5,)), x, const(-2, (5,))]) is x


def test_sizes_must_fit() -> None:
    with pytest.raises(AssertionError):
        ein([(A, "ij"), (A, "jk")], "ik")
    with pytest.raises(AssertionError):
        add([x, z])


# -- derivatives of the basic forms ----------------------------------------------------------------


def test_derivatives_of_basic_forms() -> None:
    quadratic = ein([(x, "i"), (Q, "ij"), (x, "j")], "")
    assert gradient(quadratic, x).key == add(
        [ein([(Q, "ij"), (x, "j")], "i"), ein([(Q, "ji"), (x, "j")], "i")]).key  # fmt: skip
    assert gradient(ein([(Q, "ii")], ""), Q) is delta(5)
    assert jacobian(x, x) is delta(5)
    assert is_zero(gradient(ein([(y, "i"), (y, "i")], ""), x))
    symmetric = ein([(x, "i"), (S, "ij"), (x, "j")], "")
    assert gradient(symmetric, x).key == ein([(S, "ij"), (x, "j")], "i", 2).key


def test_pullback_to_an_inner_node() -> None:
    inner = map_(sp.tanh(T), x)
    loss = ein([(inner, "i"), (inner, "i"), (y, "i")], "")
    (g,) = pullback(loss, const(1), [inner])
    v, w = normal(5), normal(5) + 2
    np.testing.assert_allclose(numbers(g, x=v, y=w), 2 * np.tanh(v) * w, rtol=1e-12)


def test_second_derivatives_are_symmetric() -> None:
    u = ein([(Q, "ij"), (x, "j")], "i")
    loss = ein([(map_(sp.exp(T), u), "i"), (y, "i")], "")
    H = simplify(jacobian(gradient(loss, x), x))
    M, v, w = normal(5, 5) / 3, normal(5), normal(5)
    got = numbers(H, Q=M, x=v, y=w)
    np.testing.assert_allclose(got, M.T @ np.diag(np.exp(M @ v) * w) @ M, rtol=1e-11)


# -- deep graphs -----------------------------------------------------------------------------------


def chain(layers: int, source: str = "") -> str:
    lines = [
        "title: deep",
        "given:",
        "  x0: [0.3, -0.2]",
        "  W: [[0.5, -0.4], [0.3, 0.6]]",
        "define:",
    ]
    lines += [f"  x{k + 1}: tanh(W @ x{k})" for k in range(layers)]
    lines += [f"  L: norm2(x{layers})**2", "tasks:", "  - gradient: {of: L, wrt: W}"]
    return "\n".join(lines) + "\n"


def test_2000_layers_do_not_recurse() -> None:
    W, h = var("W", (2, 2)), var("h", (2,))
    node = h
    for _ in range(2000):
        node = map_(sp.tanh(T), ein([(W, "ij"), (node, "j")], "i"))
    loss = ein([(node, "i"), (node, "i")], "")
    assert len(loss.key) == 16
    g = simplify(gradient(loss, W))
    assert substitute(simplify(loss), {h: h}).shape == ()
    w, v = np.array([[0.9, -0.4], [0.5, 0.8]]), np.array([0.3, -0.2])
    value, derivative = evaluate([loss, g], {W: w, h: v})

    def f(at: np.ndarray) -> np.ndarray:
        out = v
        for _ in range(2000):
            out = np.tanh(at @ out)
        return np.array(out @ out)

    np.testing.assert_allclose(value, f(w), rtol=1e-9)
    assert oracle.error(np.asarray(derivative, float), oracle.differences(f, w, 1e-4)) < 1e-6


def test_500_definitions_elaborate() -> None:
    graph = elaborate(load_problem(chain(500)))
    assert len(graph.lines) == 2 + 1001 + 1  # W @ x and tanh, the norm, its square


def test_a_deep_problem_is_solved() -> None:
    (result,) = loads(chain(20)).solve().tasks
    assert result.check is not None and result.check.passed


def test_a_chain_of_64_layers_takes_milliseconds() -> None:
    """Symbolic sizes; the bound is loose because machines differ."""
    h = dims.symbol("h")
    x0 = var("x", (h,))
    weights = [var(f"W{k}", (h, h)) for k in range(64)]
    node = x0
    for w in weights:
        node = map_(sp.tanh(T), ein([(w, "ij"), (node, "j")], "i"))
    loss = ein([(node, "i"), (node, "i")], "")
    best = min(timed(loss, weights) for _ in range(3))
    assert best < 2.0


def timed(loss: Node, weights: list[Node]) -> float:
    start = time.perf_counter()
    grads = simplify_all(pullback(loss, const(1), weights))
    assert len(grads) == 64
    return time.perf_counter() - start
