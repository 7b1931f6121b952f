"""Whether a symmetric matrix is definite, and the words for how that is seen."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import sympy as sp

from ..steps import Text
from ..value import Value, decimal_term

POSITIVE, NEGATIVE = "positive definite", "negative definite"
SEMI_POSITIVE, SEMI_NEGATIVE = "positive semidefinite", "negative semidefinite"
INDEFINITE = "indefinite"

MINORS = 3  # up to this size leading minors are shown
EXACT = 10  # up to this size signs are counted exactly
ZERO = 1e-10  # an eigenvalue below this part of the largest counts as rounding


@dataclass(frozen=True)
class Sign:
    """word: one of the five; why: how it is seen."""

    word: str
    why: Text


FEW = {
    POSITIVE: "{eigenvalues} are all positive: it is positive definite.",
    NEGATIVE: "{eigenvalues} are all negative: it is negative definite.",
    SEMI_POSITIVE: "{eigenvalues} are positive or zero: it is positive semidefinite.",
    SEMI_NEGATIVE: "{eigenvalues} are negative or zero: it is negative semidefinite.",
    INDEFINITE: "{eigenvalues} are of both signs: it is indefinite.",
}
MANY = {
    POSITIVE: "{eigenvalues}: it is positive definite.",
    NEGATIVE: "{eigenvalues}: it is negative definite.",
    SEMI_POSITIVE: "{eigenvalues}: it is positive semidefinite.",
    SEMI_NEGATIVE: "{eigenvalues}: it is negative semidefinite.",
    INDEFINITE: "{eigenvalues}: it is indefinite.",
}


def sign(value: Value, whose: str = "it") -> Sign:
    """Definite or not, of a symmetric matrix (n, n) or a second derivative ().

    whose: "it" or "hessian", as the reason calls it.
    """
    data = value.data.reshape(1, 1) if value.data.ndim == 0 else value.data
    n = len(data)
    scalar = n == 1
    if value.exact and n <= EXACT and all(x.is_Rational for x in data.ravel()):
        matrix = sp.Matrix(n, n, list(data.ravel()))
        word = _word(*inertia(matrix))
        if scalar:
            return Sign(word, _scalar_words(word))
        if n <= MINORS and word in (POSITIVE, NEGATIVE):
            return Sign(word, _minor_words(word, matrix, whose))
        return Sign(word, _eigenvalue_words(word, value.floats().reshape(n, n), whose))
    floats = value.floats().reshape(n, n)
    word = _word(*_counted(_eigenvalues(floats)))
    words = _scalar_words(word) if scalar else _eigenvalue_words(word, floats, whose)
    return Sign(word, words)


def inertia(matrix: sp.Matrix) -> tuple[int, int, int]:
    """How many eigenvalues are positive, zero, negative, of an exact symmetric matrix.

    All roots of the characteristic polynomial are real, so Descartes' rule of signs is exact:
    as many positive ones as its coefficients change sign.
    """
    n = matrix.rows
    coefficients = matrix.charpoly().all_coeffs()
    zero = 0
    while zero < n and coefficients[n - zero] == 0:
        zero += 1
    signs = [c > 0 for c in coefficients if c != 0]
    positive = sum(a != b for a, b in pairwise(signs))
    return positive, zero, n - zero - positive


def _eigenvalues(matrix: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh((matrix + matrix.T) / 2)


def _counted(eigenvalues: np.ndarray) -> tuple[int, int, int]:
    largest = float(np.max(np.abs(eigenvalues))) if eigenvalues.size else 0.0
    positive = int(np.sum(eigenvalues > ZERO * largest))
    negative = int(np.sum(eigenvalues < -ZERO * largest))
    return positive, len(eigenvalues) - positive - negative, negative


def _word(positive: int, zero: int, negative: int) -> str:
    if positive and negative:
        return INDEFINITE
    if negative:
        return SEMI_NEGATIVE if zero else NEGATIVE
    return SEMI_POSITIVE if zero else POSITIVE


# -- words ----------------------------------------------------------------------------------------


def _scalar_words(word: str) -> Text:
    return Text(
        {
            POSITIVE: "The second derivative is positive: the function curves upwards here.",
            NEGATIVE: "The second derivative is negative: the function curves downwards here.",
        }.get(word, "The second derivative is zero: the function does not curve here.")
    )


def _minor_words(word: str, matrix: sp.Matrix, whose: str) -> Text:
    minors = [matrix[:k, :k].det() for k in range(1, matrix.rows + 1)]
    listed = {"list": tuple(Value(_cell(m)).expr() for m in minors)}
    whole = Text(
        "Its leading minors {list}" if whose == "it" else "The Hessian's leading minors {list}",
        listed,
    )
    if word == POSITIVE:
        return Text("{minors} are all positive: it is positive definite.", {"minors": whole})
    return Text(
        "{minors} alternate in sign, the first negative: it is negative definite.",
        {"minors": whole},
    )


def _cell(x: sp.Expr) -> np.ndarray:
    out = np.empty((), dtype=object)
    out[()] = x
    return out


SHOWN = 6  # eigenvalues that are listed


def _eigenvalue_words(word: str, matrix: np.ndarray, whose: str) -> Text:
    found = _eigenvalues(matrix)
    largest = float(np.max(np.abs(found)))
    found = np.where(np.abs(found) <= ZERO * largest, 0.0, found)
    if largest == 0:
        return Text("It is the zero matrix: all its eigenvalues are 0.")
    if len(found) <= SHOWN:
        whole = Text(
            "Its eigenvalues {list}" if whose == "it" else "The Hessian's eigenvalues {list}",
            {"list": tuple(decimal_term(x, 4) for x in found)},
        )
        return Text(FEW[word], {"eigenvalues": whole})
    whole = Text(
        "Its eigenvalues lie between {a} and {b}"
        if whose == "it"
        else "The Hessian's eigenvalues lie between {a} and {b}",
        {"a": decimal_term(found[0], 4), "b": decimal_term(found[-1], 4)},
    )
    return Text(MANY[word], {"eigenvalues": whole})
