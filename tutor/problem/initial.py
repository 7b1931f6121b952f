"""The numbers that a network's weights start from, where the file gives none.

The distributions are torch's defaults; the numbers are rounded, so that they can be written on
paper. The same file gives the same numbers everywhere (`generator`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10, prod, sqrt

import numpy as np
import sympy as sp

from ..value import Value
from . import generator

EXACT = 1_000  # a weight of more entries is floating: nobody works with it on paper
_STREAM = 1_000_003  # between the seeds of two networks: more weights than a network has


@dataclass(frozen=True)
class Initial:
    """How the entries of a weight are drawn.

    kind: uniform (from -size to size), normal (with the deviation size), constant (all are size)
    """

    kind: str
    size: float


ONES, ZEROS = Initial("constant", 1), Initial("constant", 0)


def fan_in(n: int) -> Initial:
    """Uniform within ±1/√n for n products per output: of linear layers, convolutions and cells."""
    return Initial("uniform", 1 / sqrt(n))


def xavier(rows: int, columns: int) -> Initial:
    """Uniform within ±√(6/(rows + columns)): of the projections of attention."""
    return Initial("uniform", sqrt(6 / (rows + columns)))


def drawn(initial: Initial, shape: Sequence[int], seed: int, number: int) -> Value:
    """The entries of the network's weight of this number."""
    count, digits = prod(shape), _digits(initial)
    stream = seed * _STREAM + number
    if initial.kind == "constant":
        raw = np.full(count, float(initial.size))
    elif initial.kind == "normal":
        raw = generator.normal(count, stream) * initial.size
    else:
        z = generator.draws(stream, 0, count)
        raw = ((z >> np.uint64(11)).astype(float) / 2.0**52 - 1.0) * initial.size
    steps = np.rint(raw * 10**digits).astype(int)
    if count > EXACT:
        return Value((steps / 10**digits).reshape(tuple(shape)))
    data = np.empty(count, dtype=object)
    data[:] = [sp.Rational(int(k), 10**digits) for k in steps]
    return Value(data.reshape(tuple(shape)))


def _digits(initial: Initial) -> int:
    """Decimals that keep two significant digits of the largest numbers, and two at least."""
    if initial.kind == "constant":
        return 3
    return max(2, 1 - floor(log10(initial.size)))
