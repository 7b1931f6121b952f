"""What layers compute that rearrange entries, or resample an image. `terms` explains the rules."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ..value import Value
from .applied import Applied
from .initial import Initial
from .layer_spec import Window
from .slides import Adaptive, Scaled
from .spelling import number, per_axis

if TYPE_CHECKING:
    from .written import Writer


# --- entries in other places ---------------------------------------------------------------------


def _reshaped(w: Writer, x: str, it: Applied) -> str:
    if it.input == it.output:
        return x
    if len(it.output) == 1 and not w.lead:
        return f"flatten({x})"
    return f"reshape({x}, {w.sizes(it.output)})"


def _permuted(w: Writer, x: str, it: Applied) -> str:
    order = len(it.input) + 1
    axes = [w.axis(d % order - 1) for d in it.args["dims"][1:]]
    return f"permute({x}, {[*range(len(w.lead)), *axes]})"


def _selected(w: Writer, x: str, it: Applied) -> str:
    k = it.args["dim"] % (len(it.input) + 1) - 1
    entry = it.args["index"] % it.input[k]
    chosen = f"{entry}:{entry + 1}" if len(it.input) == 1 else str(entry)
    return f"{x}[{':, ' * w.axis(k)}{chosen}]"


def _shuffled(w: Writer, x: str, it: Applied) -> str:
    r, (c, h, width) = it.args["upscale_factor"], it.input
    blocks = w.line(f"reshape({x}, {w.sizes((c // r**2, r, r, h, width))})", f"{it.name}_blocks")
    axes = [*range(len(w.lead)), *(w.axis(k) for k in (0, 3, 1, 4, 2))]
    dealt = w.line(f"permute({blocks}, {axes})", f"{it.name}_dealt")
    return f"reshape({dealt}, {w.sizes(it.output)})"


def _padded(w: Writer, x: str, it: Applied) -> str:
    pads = [(0, 0)] * (len(w.lead) + 1)
    pads += [(s.before, s.after) for s in it.slides if isinstance(s, Window)]
    return f"pad({x}, [{', '.join(f'[{a}, {b}]' for a, b in pads)}])"


def _parameter(w: Writer, x: str, it: Applied) -> str:
    own = it.args["shape"] or it.input
    name = w.weight("P", own, Initial("normal", 0.02))
    if it.args["join"] == "add":
        return f"{x} + {w.along_rows(name, own, it.input)}"
    k = it.args["dim"] % (len(it.input) + 1) - 1
    if w.lead:
        name = w.line(f"broadcast({name}, {w.sizes(own)})", f"{it.name}_repeated")
    return f"concat({name}, {x}, axis={w.axis(k)})"


# --- resampling: a matrix along each axis --------------------------------------------------------


def _resampled(w: Writer, x: str, it: Applied, matrices: list[np.ndarray]) -> str:
    """One matrix times each axis of every channel; equal ones are written once."""
    axes, names = "hwd"[: len(matrices)], []
    found: dict[tuple[Any, ...], str] = {}
    for k, m in enumerate(matrices):
        key = (m.shape, *m.ravel())
        if key not in found:
            found[key] = w.constant("UVT"[k], Value(m))
        names.append(found[key])
    front = "nc"[-len(w.lead) - 1 :]
    new = "abe"[: len(matrices)]
    equation = ",".join([*(a + b for a, b in zip(new, axes, strict=True)), front + axes])
    return f'einsum("{equation}->{front}{new}", {", ".join([*names, x])})'


def _upsample(w: Writer, x: str, it: Applied) -> str:
    mode = it.args["mode"]
    slides = [s for s in it.slides if isinstance(s, Scaled)]
    return _resampled(w, x, it, [_interpolation(s, mode) for s in slides])


def _interpolation(s: Scaled, mode: str) -> np.ndarray:
    """output × input: how much of each entry goes into each output entry, as torch interpolates."""
    m = np.full((s.output, s.size), sp.S.Zero, dtype=object)
    for o in range(s.output):
        if mode.startswith("nearest"):
            at = s.ratio * (o + Fraction(1, 2)) if s.centred else s.ratio * o
            m[o, min(int(at), s.size - 1)] = sp.S.One
            continue
        at = s.ratio * (o + Fraction(1, 2)) - Fraction(1, 2) if s.centred else s.ratio * o
        at = at if mode == "bicubic" else max(at, Fraction(0))
        first = at.numerator // at.denominator
        for k, weight in _shares(at - first, mode):
            entry = min(max(first + k, 0), s.size - 1)
            m[o, entry] += sp.Rational(weight.numerator, weight.denominator)
    return m


def _shares(t: Fraction, mode: str) -> list[tuple[int, Fraction]]:
    """The neighbours of a point t behind an entry, each with its weight."""
    if mode != "bicubic":
        return [(0, 1 - t), (1, t)]
    a = Fraction(-3, 4)

    def near(u: Fraction) -> Fraction:
        return (a + 2) * u**3 - (a + 3) * u**2 + 1

    def far(u: Fraction) -> Fraction:
        return a * u**3 - 5 * a * u**2 + 8 * a * u - 4 * a

    return [(-1, far(t + 1)), (0, near(t)), (1, near(1 - t)), (2, far(2 - t))]


def _adaptive(w: Writer, x: str, it: Applied) -> str:
    slides = [s for s in it.slides if isinstance(s, Adaptive)]
    kind, axes = ("max" if "Max" in it.spec.type else "avg"), len(slides)
    if kind == "avg" and axes == 2:
        return f"adaptive_avg_pool2d({x}, {per_axis(it.output[1:])})"
    if all(s.size % s.output == 0 for s in slides):
        kernel = per_axis([s.size // s.output for s in slides])
        return f"{kind}_pool{axes}d({x}, {kernel})"
    if kind == "max":
        raise w.refuse("an adaptive max pool whose windows differ in size has sizes, but no values")
    return _resampled(w, x, it, [_means(s) for s in slides])


def _means(s: Adaptive) -> np.ndarray:
    m = np.full((s.output, s.size), sp.S.Zero, dtype=object)
    for o in range(s.output):
        first, last = s.source(o)
        m[o, first : last + 1] = sp.Rational(1, last + 1 - first)
    return m


# --- neighbours in other channels ----------------------------------------------------------------


def _local_response(w: Writer, x: str, it: Applied) -> str:
    """x / (k + α · mean of the squares over neighbouring channels)^β."""
    a, shape = it.args, it.input
    n, rest = a["size"], prod(it.input[1:])
    flat = (1, shape[0], rest)
    squares = w.line(f"reshape(square({x}), {w.sizes(flat)})", f"{it.name}_squares")
    pads = [(0, 0)] * (len(w.lead) + 1) + [(n // 2, (n - 1) // 2), (0, 0)]
    padded = f"pad({squares}, [{', '.join(f'[{p}, {q}]' for p, q in pads)}])"
    means = w.line(f"avg_pool2d({padded}, [{n}, 1], stride=1)", f"{it.name}_means")
    back = w.line(f"reshape({means}, {w.sizes(shape)})", f"{it.name}_sizes")
    return f"{x}/({number(a['k'])} + {number(a['alpha'])}*{back})**{number(a['beta'])}"


TERMS = {
    "Flatten": _reshaped,
    "Unflatten": _reshaped,
    "Permute": _permuted,
    "Select": _selected,
    "PixelShuffle": _shuffled,
    **{f"ZeroPad{n}d": _padded for n in (1, 2, 3)},
    "Parameter": _parameter,
    "Upsample": _upsample,
    **{f"Adaptive{kind}Pool{n}d": _adaptive for kind in ("Avg", "Max") for n in (1, 2, 3)},
    "LocalResponseNorm": _local_response,
}
