"""Rounding errors: what is noise prints as 0, what is small and right does not."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sympy as sp

import tutor
from tutor.graph import node as g
from tutor.graph.node import Node, T
from tutor.numeric import rounding
from tutor.numeric.evaluate import evaluate
from tutor.render.json import json as as_json
from tutor.render.terminal import terminal
from tutor.steps import Solution
from tutor.value import Cleaned, Value


def solved(given: str, define: str, *tasks: str) -> Solution:
    listed = "".join(f"  - {t}\n" for t in tasks)
    source = f"title: T\ngiven: {{{given}}}\ndefine:\n{define}tasks:\n{listed}"
    return tutor.loads(source).solve(checking=False).solution


x = g.var("x", (3,))


def total(node: Node) -> Node:
    return g.ein([(node, (0,))], ())


# -- soundness: the bound holds against exact arithmetic -------------------------------------------

NODES = {
    "sum": total(x),
    "square of a sum": g.ein([(total(x), ()), (total(x), ())], ()),
    "difference": g.add([x, g.ein([(total(x), ()), (g.const(1, (3,)), (0,))], (0,))], [3, -1]),
    "squares": g.ein([(x, (0,)), (x, (0,))], ()),
    "polynomial": g.map_(T**3 - 3 * T**2 + 3 * T - 1, x),
}


def worst(node: Node) -> float:
    """The largest share of its bound that an error takes, over random leaves."""
    draw = np.random.default_rng(7)
    found = 0.0
    for _ in range(200):
        digits = draw.integers(-(10**6), 10**6, 3)
        floats = digits / 10**6
        rational = np.array([sp.Rational(int(d), 10**6) for d in digits], dtype=object)
        exact = evaluate([node], {x: rational})[0]
        floating = evaluate([node], {x: floats}, exact=False)[0]
        error = rounding.error_of(node, {x: floats}, {})
        assert error is not None
        for a, b, bound in zip(floating.ravel(), exact.ravel(), np.ravel(error), strict=True):
            difference = abs(float(sp.Rational(float(a)) - b))  # both without any rounding
            found = max(found, difference / (float(bound) + 1e-300))
    return found


@pytest.mark.parametrize("name", NODES)
def test_the_error_is_no_larger_than_what_is_said(name: str) -> None:
    assert 0.01 < worst(NODES[name]) <= rounding.SAFETY


def test_a_bound_that_is_too_small_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: roundings that are counted as if they were a thousand times smaller."""
    monkeypatch.setattr(rounding, "UNIT", rounding.UNIT / 1000)
    assert all(worst(node) > rounding.SAFETY for node in NODES.values())


def test_noise_is_what_is_no_larger_than_its_error() -> None:
    floats = np.array([0.1, 0.2, -0.3])
    found = evaluate([NODES["sum"]], {x: floats}, exact=False)[0]
    assert found != 0  # 5.6e-17, and exactly it is 0
    assert rounding.noise(found, np.asarray(rounding.error_of(NODES["sum"], {x: floats}, {}))).all()
    assert not rounding.noise(found, np.asarray(0.0)).any()


# -- what is noise, and what is not ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "formula", "is_zero"),
    [
        ("z: [0.1234567, 2.2345678, -1.5]", "sum(softmax(z)) - 1", True),
        ("z: [0.1234567, 2.2345678, -1.5]", "sum(z - mean(z))", True),
        ("z: [0.1234567, 0.2345678]", "z[0]*z[1]/z[1] - z[0]", True),
        ("z: 0.1234567", "sin(4*atan(z/z))", True),
        ("z: 0.1234567", "(z + 1)**2 - z**2 - 2*z - 1", True),
        ("z: -40.1234567", "exp(z)", False),
        ("z: -40.1234567", "sigmoid(z)", False),
        ("z: [40.1234567, 0]", "softmax(z)[1]", False),
        ("z: 0.0000001234567", "z**3", False),
        ("z: 0.0000001234567", "sin(z**3)", False),
        ("z: [1e-20, 0.1234567]", "z[0]*z[1]", False),
        ("z: 30.1234567", "log1p(exp(-z))", False),
    ],
)
def test_forward_values(given: str, formula: str, is_zero: bool) -> None:
    solution = solved(given, f"  y: {formula}\n", "forward")
    found = solution.variables["y"].value
    assert found is not None and not found.exact
    if is_zero:
        assert abs(found.floats()) < 1e-14
        assert found.floats() == 0 or found.noise is not None
        assert "y ≈ 0 " in terminal(solution) or "y = 0 " in terminal(solution)
    else:
        assert (found.floats() != 0 and found.noise is None) or not np.any(found.noise)
        assert "⁻" in terminal(solution)


@pytest.mark.parametrize(
    ("given", "define", "of", "wrt"),
    [
        ("z: [0.1234567, 2.2345678, -1.5]", "  y: sum(softmax(z))\n", "y", "z"),
        (
            "X: [[0.1234567, 2, 3.7], [1.1, -0.3, 0.9], [0.7, 0.2, 1]]",
            "  y: sum(batch_norm(X))\n",
            "y",
            "X",
        ),
        ("z: [0.1234567, 2.2345678, -1.5]", "  y: sum(z - mean(z))\n", "y", "z"),
        (
            "z: [0.1234567, 2.2345678, -1.5], c: 1.2345678",
            "  a: cross_entropy(z + c, 1)\n",
            "a",
            "c",
        ),
    ],
)
def test_gradients_that_are_zero(given: str, define: str, of: str, wrt: str) -> None:
    solution = solved(given, define, f"gradient: {{of: {of}, wrt: {wrt}}}")
    (task,) = solution.tasks
    assert task.value is not None
    assert not task.value.floats().any()
    box = terminal(solution).rpartition("┌")[2]
    assert "⁻" not in box and "0" in box
    assert json.loads(as_json(solution))["tasks"][0]["value"] is not None


def test_a_gradient_that_is_small_and_right() -> None:
    solution = solved(
        "z: [40.1234567, 0]", "  L: cross_entropy(z, 0)\n", "gradient: {of: L, wrt: z}"
    )
    (task,) = solution.tasks
    assert task.value is not None
    second = float(task.value.floats()[1])
    assert second == pytest.approx(np.exp(-40.1234567), rel=1e-9)
    assert "3.75495·10⁻¹⁸" in terminal(solution)


def test_what_is_computed_on_keeps_its_last_digits() -> None:
    """log(1 − σ(36)) is −36; a difference that had been made 0 would have no logarithm."""
    solution = solved("z: 36.1234567", "  d: 1 - sigmoid(z)\n  y: log(d)\n", "forward")
    found = solution.variables["y"].value
    assert found is not None and -36.8 < float(found.floats()) < -35


def test_noise_is_noise_in_what_follows() -> None:
    solution = solved(
        "z: [0.1234567, 2.2345678, -1.5]", "  s: sum(softmax(3*z)) - 1\n  y: 3*s\n", "forward"
    )
    y = solution.variables["y"].value
    assert y is not None
    assert y.floats() == 0 or (y.noise is not None and y.noise.all())


def test_exact_numbers_are_never_noise() -> None:
    tiny = np.array([sp.Rational(1, 10**20)], dtype=object)
    assert not rounding.is_suspect(tiny)


def test_a_cleaned_array_marks_its_zeros() -> None:
    found = rounding.cleaned(np.array([1.0, 1e-17]), np.array([1e-16, 1e-16]))
    assert isinstance(found, Cleaned)
    kept = Value(found)
    assert type(kept.data) is np.ndarray and kept.noise is not None
    assert kept.noise.tolist() == [False, True] and kept.numbers() == [1.0, 0.0]
    plain = np.array([1.0, 2.0])
    assert rounding.cleaned(plain, np.array([1e-16, 1e-16])) is plain


def test_undecided_where_the_analysis_fails() -> None:
    """At the logarithm of 0 nothing is said, and nothing is changed."""
    assert rounding.error_of(g.map_(sp.log(T), x), {x: np.zeros(3)}, {}) is None
