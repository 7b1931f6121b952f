"""Views and shifted slices of floats against the exact path, which looks every index up."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy as sp

from tutor.graph.node import Node, ein, rel, var
from tutor.numeric import contract, windows
from tutor.numeric.evaluate import evaluate

CASES = [
    (n, k, s, d, b, flip)
    for n, k, s, d, b in itertools.product((1, 5, 8), (1, 3), (1, 2, 3), (1, 2), (0, 2))
    for flip in (False, True)
    if n + 2 * b >= d * (k - 1) + 1
]


def products(n: int, k: int, s: int, d: int, b: int, flip: bool) -> list[Node]:
    """A convolution, its transpose, and its kernel's gradient, over three channels."""
    out = (n + 2 * b - d * (k - 1) - 1) // s + 1
    coefs, constant = ((1, -s, d), d * (k - 1) - b) if flip else ((1, -s, -d), -b)
    window = rel(coefs, constant, (n, out, k)), ("i", "o", "k")
    x, y, w = var("x", (3, n)), var("y", (2, out)), var("w", (2, 3, k))
    image, result, kernel = (x, ("c", "i")), (y, ("q", "o")), (w, ("q", "c", "k"))
    return [
        ein([image, kernel, window], ("q", "o")),
        ein([result, kernel, window], ("c", "i")),
        ein([image, result, window], ("q", "c", "k")),
        ein([image, window], ("c", "o", "k")),
        ein([image, window], ("c", "o")),
    ]


def whole(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    numbers = rng.integers(-9, 10, size=shape)
    return np.vectorize(sp.Integer, otypes=[object])(numbers)


def agree(n: int, k: int, s: int, d: int, b: int, flip: bool) -> bool:
    rng = np.random.default_rng(n + 10 * k + 100 * s + 1000 * d + 7 * b)
    nodes = products(n, k, s, d, b, flip)
    leaves = {a for node in nodes for a in node.args if a.kind == "var"}
    exact = {a: whole(rng, a.shape) for a in sorted(leaves, key=lambda a: a.attr.name)}
    floats = {a: v.astype(float) for a, v in exact.items()}
    pairs = zip(evaluate(nodes, exact), evaluate(nodes, floats), strict=True)
    return all(np.array_equal(a.astype(float), f) for a, f in pairs)


@pytest.mark.parametrize("case", CASES)
def test_floats_agree_with_exact_numbers(case: tuple) -> None:
    assert agree(*case)


def test_a_shift_by_one_tap_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = windows.steps

    def shifted(relation, label):
        constant, by = right(relation, label)
        return constant + 1, by

    monkeypatch.setattr(windows, "steps", shifted)
    assert not agree(8, 3, 2, 1, 2, False)


def test_no_index_arrays_and_no_scattered_additions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick path is the one that is taken: what it replaces may not run."""

    def never(*_: object) -> None:
        raise AssertionError("an index array was made")

    monkeypatch.setattr(contract.Relation, "solve", never)
    nodes = products(64, 3, 2, 1, 1, False)
    rng = np.random.default_rng(0)
    leaves = {a for node in nodes for a in node.args if a.kind == "var"}
    evaluate(nodes, {a: rng.normal(size=a.shape) for a in leaves})


def test_a_window_of_a_large_image_is_within_the_work_allowed() -> None:
    """The estimate counts what is multiplied, not the product of image and gradient."""
    from tutor.calculus.reverse import pullback
    from tutor.graph.node import const
    from tutor.ops import OPS, Val

    x, w = var("x", (3, 128, 128)), var("w", (16, 3, 3, 3))
    y = OPS["conv2d"].define(Val(x), Val(w), padding=1).node
    up = var("u", y.shape)
    grads = pullback(ein([(y, (0, 1, 2)), (up, (0, 1, 2))], ()), const(1), [x, w])
    rng = np.random.default_rng(1)
    env = {v: rng.normal(size=v.shape) for v in (x, w, up)}
    value, by_x, by_w = evaluate([y, *grads], env)
    pairing = np.sum(value * env[up])  # linear in each: ⟨y, u⟩ = ⟨x, ∂x⟩ = ⟨w, ∂w⟩
    np.testing.assert_allclose([np.sum(by_x * env[x]), np.sum(by_w * env[w])], pairing, rtol=1e-9)
