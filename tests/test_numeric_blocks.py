"""Batches cut into pieces against the exact path, which is never cut; float32; memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import sympy as sp

from tutor.calculus.reverse import pullback
from tutor.graph.node import Node, const, ein, var
from tutor.numeric import blocks, contract
from tutor.numeric.evaluate import evaluate
from tutor.numeric.program import Program
from tutor.ops import OPS, Val

SHAPES = [  # operation, input, kernel, parameters
    ("conv2d", (5, 2, 7, 6), (3, 2, 3, 2), {"stride": (2, 1), "padding": 1}),
    ("conv2d", (4, 4, 5, 5), (6, 2, 2, 2), {"groups": 2, "dilation": 2}),
    ("conv1d", (7, 3, 11), (2, 3, 3), {"stride": 3, "padding": 2}),
    ("conv_transpose2d", (3, 2, 4, 3), (2, 3, 3, 2), {"stride": 2, "padding": 1}),
    ("conv3d", (3, 2, 3, 4, 3), (2, 2, 2, 2, 2), {}),
]


def layer(name: str, image: tuple, kernel: tuple, given: dict) -> tuple[list[Node], list[Node]]:
    """The layer and its gradients by input and kernel; the leaves x, w and upstream."""
    x, w = var("x", image), var("w", kernel)
    y = OPS[name].apply([Val(x), Val(w)], (), dict(given)).node
    up = var("u", y.shape)
    axes = tuple(range(y.order))
    grads = pullback(ein([(y, axes), (up, axes)], ()), const(1), [x, w])
    return [y, *grads], [x, w, up]


def agree(case: tuple) -> bool:
    nodes, leaves = layer(*case)
    rng = np.random.default_rng(5)
    whole = [rng.integers(-9, 10, size=v.shape) for v in leaves]
    to_sympy = np.vectorize(sp.Integer, otypes=[object])
    exact = evaluate(nodes, {v: to_sympy(a) for v, a in zip(leaves, whole, strict=True)})
    floats = evaluate(nodes, {v: a.astype(float) for v, a in zip(leaves, whole, strict=True)})
    return all(np.array_equal(a.astype(float), f) for a, f in zip(exact, floats, strict=True))


@pytest.mark.parametrize("case", SHAPES, ids=lambda c: f"{c[0]}-{c[1][0]}")
@pytest.mark.parametrize("block", [1, 100, 300])
def test_pieces_agree_with_the_whole(case: tuple, block: int, monkeypatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", block)
    cuts = []
    right = contract.cut
    monkeypatch.setattr(contract, "cut", lambda *a: cuts.append(a[1:]) or right(*a))
    assert agree(case)
    assert cuts or block > 1, "nothing was cut"


def test_a_lost_place_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 1)
    right = contract.cut

    def short(factors, label, start, stop):
        found = right(factors, label, start, stop)
        if start == 0:
            return found
        return [(a * 0 if k == 0 else a, ls) for k, (a, ls) in enumerate(found)]

    monkeypatch.setattr(contract, "cut", short)
    assert not agree(SHAPES[0])


@pytest.mark.parametrize("case", SHAPES, ids=lambda c: f"{c[0]}-{c[1][0]}")
def test_float32_stays_float32(case: tuple) -> None:
    nodes, leaves = layer(*case)
    rng = np.random.default_rng(6)
    arrays = [rng.normal(size=v.shape) for v in leaves]
    program = Program(nodes, leaves, {})
    for double, single in zip(program(arrays), program([a.astype(np.float32) for a in arrays]),
                              strict=True):  # fmt: skip
        assert single.dtype == np.float32 and double.dtype == np.float64
        np.testing.assert_allclose(single, double, rtol=0, atol=2e-5 * np.abs(double).max())


def test_a_batch_needs_the_room_of_a_few_images() -> None:
    """Beyond what goes in and out: at most three times the windows of one piece."""
    nodes, leaves = layer("conv2d", (16, 3, 64, 64), (8, 3, 3, 3), {})
    rng = np.random.default_rng(7)
    arrays = [rng.normal(size=v.shape) for v in leaves]
    program = Program(nodes, leaves, {})
    program(arrays)
    tracemalloc.start()
    kept = program(arrays)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    one_image = 3 * 9 * 62 * 62 * 8
    piece = max(one_image, blocks.BLOCK * 8)
    assert peak - sum(a.nbytes for a in kept) <= 3 * piece
    assert 16 * one_image > 3 * piece, "the windows of the whole batch would be seen here"
