"""Exact determinants, inverses and Cholesky factors of small matrices of SymPy numbers.

Rational matrices are worked off by elimination in fractions. Entries such as π or √2 have no cheap
test for zero, so only very small matrices of them stay exact. Raises TooLong beyond either limit;
the caller then goes on with floats.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from .. import limits


class TooLong(Exception):
    """Exact arithmetic would take too long, or its numbers outgrow the page."""


def rational(a: np.ndarray) -> list[list[Fraction]] | None:
    """The matrix in fractions; None if an entry is not rational."""
    if not all(isinstance(v, sp.Rational) for v in a.ravel()):
        return None
    if len(a) > limits.EXACT_MATRIX:
        raise TooLong
    return [[Fraction(int(v.p), int(v.q)) for v in row] for row in a]


def determinant(a: np.ndarray) -> Any:
    rows = rational(a)
    if rows is None:
        return leibniz(a)
    value = Fraction(1)
    for k in range(len(rows)):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k] != 0), None)
        if pivot is None:
            return sp.S.Zero
        if pivot != k:
            rows[k], rows[pivot] = rows[pivot], rows[k]
            value = -value
        value *= rows[k][k]
        for i in range(k + 1, len(rows)):
            _subtract(rows[i], rows[k], rows[i][k] / rows[k][k])
    return number(value)


def leibniz(a: np.ndarray) -> Any:
    """The sum over permutations, in one form in which a zero shows.

    Multiplied out, sums of sines and roots soon have more terms than anybody reads, and each
    would be tried for a simpler form.
    """
    if len(a) > limits.EXACT_IRRATIONAL or _terms(a) > limits.EXACT_OPERATIONS:
        raise TooLong
    total = sp.S.Zero
    for p in permutations(range(len(a))):
        sign = (-1) ** sum(p[i] > p[j] for j in range(len(p)) for i in range(j))
        total += sign * prod((a[i, j] for i, j in enumerate(p)), start=sp.S.One)
    total = sp.expand(total)
    return sp.S.Zero if total.equals(0) else total


def _terms(a: np.ndarray) -> int:
    """How many products the determinant of numbers that are no fractions has, multiplied out."""
    count = [[len(sp.Add.make_args(v)) if v != 0 else 0 for v in row] for row in a]
    orders = permutations(range(len(a)))
    return sum(prod(count[i][j] for i, j in enumerate(p)) for p in orders)


def inverse(a: np.ndarray) -> np.ndarray | None:
    """The inverse; None of a singular matrix."""
    rows = rational(a)
    n = len(a)
    if rows is None:
        return _adjugate(a)
    rows = [row + [Fraction(i == j) for j in range(n)] for i, row in enumerate(rows)]
    for k in range(n):
        pivot = next((i for i in range(k, n) if rows[i][k] != 0), None)
        if pivot is None:
            return None
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [v / rows[k][k] for v in rows[k]]
        for i in range(n):
            if i != k:
                _subtract(rows[i], rows[k], rows[i][k])
    return objects([[number(v) for v in row[n:]] for row in rows])


def _adjugate(a: np.ndarray) -> np.ndarray | None:
    whole = leibniz(a)
    if whole == 0:
        return None
    n = len(a)
    found = [[sp.S.Zero] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(a, j, axis=0), i, axis=1)
            found[i][j] = (-1) ** (i + j) * leibniz(minor) / whole
    return objects(found)


def cholesky(a: np.ndarray) -> np.ndarray | None:
    """The lower triangular L with L Lᵀ = a, through a = M D Mᵀ; None if a is not positive definite."""
    rows = rational(a)
    if rows is None:
        raise TooLong
    n = len(rows)
    unit = [[Fraction(i == j) for j in range(n)] for i in range(n)]
    scale: list[Fraction] = []
    for j in range(n):
        d = rows[j][j] - sum((unit[j][k] ** 2 * scale[k] for k in range(j)), Fraction(0))
        if d <= 0:
            return None
        scale.append(d)
        for i in range(j + 1, n):
            done = sum((unit[i][k] * unit[j][k] * scale[k] for k in range(j)), Fraction(0))
            unit[i][j] = (rows[i][j] - done) / d
    roots = [sp.sqrt(number(d)) for d in scale]
    return objects([[number(unit[i][j]) * roots[j] for j in range(n)] for i in range(n)])


def _subtract(row: list[Fraction], pivot: list[Fraction], factor: Fraction) -> None:
    """row − factor · pivot, in place."""
    if factor:
        for k, v in enumerate(pivot):
            if v:
                row[k] -= factor * v


def number(f: Fraction) -> sp.Rational:
    return sp.Rational(f.numerator, f.denominator)


def objects(rows: list[list[Any]]) -> np.ndarray:
    out = np.empty((len(rows), len(rows[0])), dtype=object)
    for i, row in enumerate(rows):
        out[i, :] = row
    return out
