"""Finite-difference kernels from their moment equations, exactly.

With f(x + j·h) = Σ_k (j·h)^k/k! · f⁽ᵏ⁾(x), the sum Σ_j c_j f(x + j·h) is h^d f⁽ᵈ⁾(x) up to higher
terms exactly when its moments M_k = Σ_j c_j j^k are d! for k = d and 0 for the other small k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import factorial, log2
from typing import Any

from ..steps import Text

MOST_NODES = 25
SIDES = ("central", "forward", "backward")
SIDE = {"central": Text("central"), "forward": Text("forward"), "backward": Text("backward")}


@dataclass(frozen=True)
class Kernel:
    """Σ coefficients[i]·f(x + nodes[i]·h) / h^derivative.

    The result is the derivative + `error`·h^order·f⁽derivative + order⁾(x) + higher powers of h.
    """

    derivative: int
    nodes: tuple[int, ...]
    coefficients: tuple[Fraction, ...]
    order: int
    error: Fraction

    def moment(self, k: int) -> Fraction:
        return moment(self.nodes, self.coefficients, k)


def moment(nodes: Sequence[int], coefficients: Sequence[Fraction], k: int) -> Fraction:
    """M_k = Σ c_j j^k, with 0⁰ = 1."""
    return sum((c * j**k for j, c in zip(nodes, coefficients, strict=True)), Fraction(0))


def nodes_for(derivative: int, accuracy: int, side: str) -> tuple[int, ...]:
    """The fewest neighbouring nodes of that side which give at least the accuracy."""
    if side == "central":
        reach = (derivative + 1) // 2 - 1 + (accuracy + 1) // 2
        return tuple(range(-reach, reach + 1))
    nodes = range(derivative + accuracy)
    return tuple(nodes) if side == "forward" else tuple(-j for j in reversed(nodes))


def solve_moments(nodes: Sequence[int], derivative: int) -> tuple[Fraction, ...]:
    """The coefficients: a Vandermonde system with one equation for each node."""
    import sympy as sp

    size = len(nodes)
    system = sp.Matrix(size, size, lambda k, i: sp.Integer(nodes[i]) ** k)
    right = sp.Matrix(size, 1, lambda k, _: sp.factorial(derivative) if k == derivative else 0)
    return tuple(Fraction(int(c.p), int(c.q)) for c in system.LUsolve(right))


def kernel(derivative: int, accuracy: int, side: str) -> Kernel:
    """The kernel on the fewest nodes, with its leading error."""
    nodes = nodes_for(derivative, accuracy, side)
    coefficients = solve_moments(nodes, derivative)
    k = derivative + 1
    while not moment(nodes, coefficients, k):
        k += 1
    error = moment(nodes, coefficients, k) / factorial(k)
    return Kernel(derivative, nodes, coefficients, k - derivative, error)


def cross(k: Kernel) -> tuple[tuple[Fraction, ...], ...]:
    """The sum over both axes: the kernel along the row and along the column of the point."""
    middle = k.nodes.index(0)
    size = len(k.nodes)
    rows = [[Fraction(0)] * size for _ in range(size)]
    for i, c in enumerate(k.coefficients):
        rows[middle][i] += c
        rows[i][middle] += c
    return tuple(tuple(row) for row in rows)


# --- the check -----------------------------------------------------------------------------------

_POINT = (Fraction(2, 3), Fraction(-3, 5))
_STEP = Fraction(1, 2)


def polynomial_error(k: Kernel, weights: Sequence[Sequence[Fraction]] | None = None) -> Fraction:
    """The largest relative error on powers that the kernel must differentiate exactly.

    Those are x^m for m < d + order; in two dimensions x^m·y^n with both below it. `weights` is the
    two-dimensional kernel.
    """
    x, y = _POINT
    d, worst = k.derivative, Fraction(0)
    for m in range(d + k.order):
        if weights is None:
            got = _applied(k.nodes, k.coefficients, m, x) / _STEP**d
            worst = max(worst, _relative(got, _power_derivative(m, d, x)))
            continue
        for n in range(d + k.order):
            total = Fraction(0)
            for i, row in zip(k.nodes, weights, strict=True):
                total += _applied(k.nodes, row, m, x) * (y + i * _STEP) ** n
            exact = _power_derivative(m, d, x) * y**n + x**m * _power_derivative(n, d, y)
            worst = max(worst, _relative(total / _STEP**d, exact))
    return worst


def _applied(nodes: Sequence[int], row: Sequence[Fraction], m: int, x: Fraction) -> Fraction:
    pairs = zip(nodes, row, strict=True)
    return sum((c * (x + j * _STEP) ** m for j, c in pairs), Fraction(0))


def _power_derivative(m: int, d: int, x: Fraction) -> Fraction:
    return Fraction(0) if m < d else Fraction(factorial(m), factorial(m - d)) * x ** (m - d)


def _relative(got: Fraction, exact: Fraction) -> Fraction:
    return abs(got - exact) / max(abs(exact), Fraction(1))


def observed_order(k: Kernel, weights: Sequence[Sequence[Fraction]] | None = None) -> float:
    """How fast the error falls on sin x (in two dimensions sin x · cos 2y) when h is halved.

    With 60 digits, so that rounding plays no part even for high derivatives.
    """
    from mpmath import mp, mpf

    with mp.workdps(60):
        errors = [abs(_wave_error(k, weights, mpf(1) / n)) for n in (64, 128)]
        return log2(float(errors[0] / errors[1])) if errors[1] and errors[0] else 0.0


def _wave_error(k: Kernel, weights: Sequence[Sequence[Fraction]] | None, h: Any) -> Any:
    from mpmath import cos, mp, mpf, pi, sin

    x, y, d = mpf("0.7"), mpf("0.4"), k.derivative

    def number(c: Fraction) -> Any:
        return mpf(c.numerator) / c.denominator

    if weights is None:
        pairs = zip(k.nodes, k.coefficients, strict=True)
        got = mp.fsum(number(c) * sin(x + j * h) for j, c in pairs) / h**d
        return got - sin(x + d * pi / 2)
    got = (
        mp.fsum(
            number(c) * sin(x + j * h) * cos(2 * (y + i * h))
            for i, row in zip(k.nodes, weights, strict=True)
            for j, c in zip(k.nodes, row, strict=True)
        )
        / h**d
    )
    wave = sin(x + d * pi / 2) * cos(2 * y) + 2**d * sin(x) * cos(2 * y + d * pi / 2)
    return got - wave
