"""One entry of a transposed convolution, worked by hand: which inputs reach it, by which tap.

i = s·o + d·k − p as in a convolution, read the other way round: input position o puts the kernel,
times its entry, into the output from s·o − p on; output position i collects what falls on it. Where
the convention turns the kernel around, tap k is the entry that stands k from its end.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from ..expr import Binary, Expr, Name
from ..ops.base import integers
from ..problem.lines import Line
from ..steps import Text, in_turn
from ..value import Value
from .numbers import equation, exact_term
from .slid import At, at_place, operand_name, part
from .windows import operand, term
from .workspace import Workspace

MOST_NAMES = 4  # products written with names before the numbers
MOST_TERMS = 12  # products written with numbers


def worked(ws: Workspace, line: Line) -> tuple[Value, tuple[Expr, ...], Text] | None:
    """Value, chain of equal terms and what they say; None where that is not known or too long."""
    if line.op is None:
        return None
    turned = line.parameters.get("_conv_") == "convolution"
    n = int(line.op.name[-2])
    x, w, y = operand(ws, line.terms[0]), operand(ws, line.terms[1]), ws.numbers[line.name]
    if x is None or w is None or y is None or line.leaf.row or w.ndim not in (n, n + 2):
        return None
    bare = w.ndim == n
    if x.ndim not in ((n,) if bare else (n + 1, n + 2)) or y.ndim != x.ndim:
        return None
    lead = (0,) * (x.ndim - n)  # the first example, the first output channel
    groups = integers(line.parameters.get("groups", 1), 1, "groups", 1)[0]
    channels: list[At] = [()] if bare else [(c,) for c in range(w.shape[0] // groups)]
    place, pairs = _fullest(line, x.shape[-n:], w.shape[-n:], y.shape[-n:])
    if len(pairs) < 2 or len(pairs) * len(channels) > MOST_TERMS:
        return None
    letters: list[Expr] = []
    numbers: list[Expr] = []
    total: Any = 0
    for channel, (o, k) in product(channels, pairs):
        own = tuple(m - 1 - j for j, m in zip(k, w.shape[-n:], strict=True)) if turned else k
        at_x, at_w = (*lead[: -1 if channel else None], *channel), (*channel, *(0,) * len(channel))
        letters.append(
            Binary(
                "*",
                at_place(part(operand_name(line, 0), at_x), o),
                at_place(part(operand_name(line, 1), at_w), own),
            )
        )
        a, b = x[(*at_x, *o)], w[(*at_w, *own)]
        numbers.append(Binary("*", term(a), term(b)))
        total = total + a * b
    bias = operand(ws, line.terms[2]) if len(line.terms) > 2 and line.terms[2] is not None else None
    if bias is not None:
        name = operand_name(line, 2)
        letters.append(name if bare else at_place(name, (0,)))
        numbers.append(term(bias.ravel()[0]))
        total = total + bias.ravel()[0]
    found = y[(*lead, *place)]
    if not np.isclose(float(total), float(found), rtol=1e-9, atol=1e-12):
        return None
    value = Value(np.asarray(found, dtype=y.dtype))
    written = plus(letters) if len(numbers) <= MOST_NAMES else None
    result = at_place(part(Name(line.name), lead), place)
    words = Text(
        "Copies of the kernel overlap: {e} collects the {n} products that fall on it.",
        {"e": result, "n": len(numbers) if bias is None else len(numbers) - 1},
    )
    if turned:
        words = in_turn(words, Text("The convolution turns the kernel around before it is copied."))
    return value, equation(result, written, plus(numbers), exact_term(value)), words


def _fullest(
    line: Line, size: tuple[int, ...], kernel: tuple[int, ...], out: tuple[int, ...]
) -> tuple[At, list[tuple[At, At]]]:
    """The first output position on which the most falls, with the input positions and taps."""
    n = len(size)
    stride, padding, dilation = (
        integers(line.parameters.get(name, usual), n, name)
        for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    along: list[tuple[int, list[tuple[int, int]]]] = []
    for a in range(n):
        meeting = [
            [
                (o, k)
                for o in range(size[a])
                for k in range(kernel[a])
                if stride[a] * o + dilation[a] * k - padding[a] == i
            ]
            for i in range(out[a])
        ]
        best = max(range(out[a]), key=lambda i, m=meeting: len(m[i]))
        along.append((best, meeting[best]))
    place = tuple(i for i, _ in along)
    pairs = [
        (tuple(o for o, _ in some), tuple(k for _, k in some))
        for some in product(*(meeting for _, meeting in along))
    ]
    return place, pairs


def plus(terms: list[Expr]) -> Expr:
    total = terms[0]
    for t in terms[1:]:
        total = Binary("+", total, t)
    return total
