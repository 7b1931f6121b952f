"""Random numbers that are the same on every machine and in every release.

The generator is SplitMix64 in counter form: draw k (from 0) of seed s is mix(s + (k+1)·γ) modulo
2⁶⁴ with γ = 0x9E3779B97F4A7C15 and

    mix(z):  z ← (z ⊕ z≫30)·0xBF58476D1CE4E5B9;  z ← (z ⊕ z≫27)·0x94D049BB133111EB;  z ⊕ z≫31

A uniform number in [-1, 1) is (z ≫ 11)/2⁵² - 1. Normal numbers come in pairs by Marsaglia's polar
method from draws 2i and 2i+1; integers reject draws above the last whole multiple of the range.
Only +, -, *, / and square roots are used on floats, which IEEE 754 rounds the same everywhere; the
logarithm, which it does not, is summed here.
"""

from __future__ import annotations

import numpy as np

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_LN2 = 0.6931471805599453


def draws(seed: int, first: int, count: int) -> np.ndarray:
    """Draws first, …, first+count-1 of a seed, as unsigned 64-bit integers."""
    z = np.arange(first + 1, first + 1 + count, dtype=np.uint64)
    z = z * _GAMMA + np.array([seed % 2**64], dtype=np.uint64)
    z = (z ^ (z >> np.uint64(30))) * _M1
    z = (z ^ (z >> np.uint64(27))) * _M2
    return z ^ (z >> np.uint64(31))


def normal(count: int, seed: int) -> np.ndarray:
    """Standard normal numbers."""
    found: list[np.ndarray] = []
    have = at = 0
    while have < count:
        block = max(16, count - have)  # pairs; about 4 in 5 are kept
        z = draws(seed, at, 2 * block)
        at += 2 * block
        uniform = (z >> np.uint64(11)).astype(float) / 2.0**52 - 1.0
        u, v = uniform[0::2], uniform[1::2]
        s = u * u + v * v
        kept = (s > 0) & (s < 1)
        u, v, s = u[kept], v[kept], s[kept]
        scale = np.sqrt(-2.0 * _log(s) / s)
        pairs = np.stack([u * scale, v * scale], axis=1).ravel()
        found.append(pairs)
        have += len(pairs)
    return np.concatenate(found)[:count]


def integers(count: int, low: int, high: int, seed: int) -> list[int]:
    """Integers from low to high-1, each as likely as the others."""
    width = high - low
    limit = 2**64 - 2**64 % width
    found: list[int] = []
    at = 0
    while len(found) < count:
        block = count - len(found)
        found.extend(low + int(z) % width for z in draws(seed, at, block).tolist() if z < limit)
        at += block
    return found


def _log(x: np.ndarray) -> np.ndarray:
    """Natural logarithm, by log x = k ln 2 + 2 artanh((m-1)/(m+1)) with m in [√½, √2)."""
    m, k = np.frexp(x)
    small = m < 0.7071067811865476
    m = np.where(small, m * 2.0, m)
    k = k - small
    t = (m - 1.0) / (m + 1.0)
    square = t * t
    total = np.zeros_like(t)
    for n in range(25, -1, -2):  # t < 0.172, so t^27/27 is below the last digit
        total = total * square + (1.0 / n if n > 0 else 0.0)
    return k * _LN2 + 2.0 * t * total
