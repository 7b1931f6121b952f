"""The output-size formula solved for one of its letters.

floor(R/s) + 1 between t₁ and t₂, with R = n + P − d(k − 1) − 1, says exactly that

    (t₁ − 1)·s ≤ R   and   R < t₂·s

because a floor is m as long as its argument lies in [m, m + 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..expr import Binary, Expr, Name, Neg, Num
from ..graph.sizes import both_sides
from ..problem.arguments import free_names, substitute
from ..problem.layer_spec import axis_words
from ..problem.layers import LAYERS
from ..problem.layers_window import AXES
from ..steps import Text
from .arithmetic import floor_of, num, plus, times
from .shape_chain import Stage
from .size_equation import ONE, numerator

Interval = tuple[int, int]  # both ends included
Letter = int | Name


@dataclass(frozen=True)
class OpenWindow:
    """One axis of a sliding layer, whose numbers may be names still."""

    axis: str
    size: Letter
    kernel: Letter
    stride: Letter
    before: Letter
    after: Letter
    dilation: Letter

    def letters(self) -> tuple[str, ...]:
        """The names in it, each once."""
        numbers = (self.size, self.kernel, self.stride, self.before, self.after, self.dilation)
        return free_names(tuple(dict.fromkeys(numbers)))

    def room(self) -> Expr:
        """R as a term."""
        if self.before == self.after:
            padding = times(Num("2"), term(self.before))
        else:
            padding = plus(term(self.before), term(self.after))
        return numerator(term(self.size), padding, term(self.dilation), term(self.kernel))

    def formula(self) -> Expr:
        return plus(floor_of(Binary("/", self.room(), term(self.stride))), ONE)

    def inequalities(self, wanted: Interval) -> tuple[Expr, Expr]:
        """(t₁ − 1)·s ≤ R and R < t₂·s."""
        low, high = (_multiple(n, self.stride) for n in (wanted[0] - 1, wanted[1]))
        room = self.gathered()
        return Binary("<=", low, room), Binary("<", room, high)

    def gathered(self) -> Expr:
        """R with its numbers added up: 125 + 2p."""
        constant, terms = -1, []
        if isinstance(self.size, int):
            constant += self.size
        else:
            terms.append(self.size)
        sides = [x for x in (self.before, self.after) if isinstance(x, Name)]
        constant += sum(x for x in (self.before, self.after) if isinstance(x, int))
        if len(sides) == 2 and sides[0] == sides[1]:
            terms.append(times(Num("2"), sides[0]))
        else:
            terms += sides
        d, k = self.dilation, self.kernel
        if isinstance(d, int) and isinstance(k, int):
            constant -= d * (k - 1)
        elif isinstance(d, int):
            constant += d
            terms.append(Neg(_multiple(d, k)))
        elif isinstance(k, int):
            terms += [Neg(_multiple(k - 1, d))] if k > 1 else []
        else:
            terms.append(Neg(times(d, Binary("-", k, ONE))))
        if constant or not terms:
            leads = not terms or constant > 0 or isinstance(terms[0], Neg)
            terms.insert(0 if leads else len(terms), num(constant))
        return plus(*terms)


def _multiple(n: int, x: Letter) -> Expr:
    """n·x, worked out where x is a number."""
    if isinstance(x, int):
        return num(n * x)
    return x if n == 1 else times(num(n), x)


def term(x: Letter) -> Expr:
    return num(x) if isinstance(x, int) else x


def open_windows(
    stage: Stage, sizes: tuple[Any, ...], values: Mapping[str, int]
) -> tuple[OpenWindow, ...] | None:
    """The windows of a stage whose input has these sizes; None where the formula is another one.

    That is: the padding "same", rounding up, a transposed convolution, or a layer that does not
    slide.
    """
    if stage.is_block or "output_padding" in LAYERS[stage.layer.type].signature:
        return None
    args = {k: substitute(v, values) for k, v in stage.layer.args.items()}
    if "kernel_size" not in args or args.get("ceil_mode") or args.get("padding") == "same":
        return None
    body = sizes[stage.lead :] if stage.channel else sizes[stage.lead + 1 :]
    axes = len(body)
    kernels = _spread(args["kernel_size"], axes)
    strides = kernels if stage.layer.type[:3] in ("Max", "Avg") else (1,) * axes
    if args.get("stride") is not None:
        strides = _spread(args["stride"], axes)
    padding = args.get("padding", 0)
    paddings = _spread(0 if padding == "valid" else padding, axes)
    dilations = _spread(args.get("dilation", 1), axes)
    names = AXES[axes]
    return tuple(
        OpenWindow(names[i], body[i], kernels[i], strides[i], *_sides(paddings[i]), dilations[i])
        for i in range(axes)
    )


def _spread(value: Any, axes: int) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,) * axes


def _sides(padding: Any) -> tuple[Letter, Letter]:
    return padding if isinstance(padding, tuple) else (padding, padding)


def wanted_input(window: OpenWindow, wanted: Interval) -> Interval | None:
    """The input sizes for which the output lies in `wanted`; None while letters are open."""
    if free_names((window.kernel, window.stride, window.before, window.after, window.dilation)):
        return None
    k, s, d = window.kernel, window.stride, window.dilation
    before, after = both_sides((window.before, window.after))  # type: ignore[arg-type]
    assert isinstance(k, int) and isinstance(s, int) and isinstance(d, int)
    rest = d * (k - 1) + 1 - before - after
    return (wanted[0] - 1) * s + rest, wanted[1] * s - 1 + rest


@dataclass(frozen=True)
class Solved:
    """The inequalities solved for one letter: `between` holds what stands alone in them.

    factor·letter (plus a constant) lies in `raw`; the letter itself in `interval`, which is empty
    when its first end is above its second, and open above when the second is None.
    """

    letter: str
    middle: Expr
    raw: tuple[int, int] | None
    interval: tuple[int, int | None]


def solve_for(window: OpenWindow, wanted: Interval) -> Solved | None:
    """The one letter of the window; None when it stands in more than one place."""
    w, letters = window, window.letters()
    if len(letters) != 1:
        return None
    u = Name(letters[0])
    n, k, s, d = w.size, w.kernel, w.stride, w.dilation
    sides = [x for x in (w.before, w.after) if x == u]
    elsewhere = [x for x in (n, k, s, d) if x == u]
    if len(elsewhere) + bool(sides) > 1:
        return None
    padding = sum(x for x in (w.before, w.after) if isinstance(x, int))
    if s == u:
        assert isinstance(n, int) and isinstance(k, int) and isinstance(d, int)
        room = n + padding - d * (k - 1) - 1
        least = max(room // wanted[1] + 1, 1)
        most = room // (wanted[0] - 1) if wanted[0] > 1 else None
        return Solved(u.id, u, None, (least, most if room >= 0 else 0))
    assert isinstance(s, int)
    low, high = (wanted[0] - 1) * s, wanted[1] * s - 1  # R lies between them
    if sides:
        assert isinstance(n, int) and isinstance(k, int) and isinstance(d, int)
        rest = n + padding - d * (k - 1) - 1
        return _linear(u, len(sides), low - rest, high - rest, 0)
    if n == u:
        assert isinstance(k, int) and isinstance(d, int)
        rest = padding - d * (k - 1) - 1
        return _linear(u, 1, low - rest, high - rest, 1)
    assert isinstance(n, int)
    most, least = n + padding - 1 - low, n + padding - 1 - high  # d(k − 1) lies between them
    if k == u:
        assert isinstance(d, int)
        return _linear(u, d, least + d, most + d, 1)
    assert isinstance(k, int)
    if k == 1:
        return None  # a single tap has no spread: the dilation drops out
    return _linear(u, k - 1, least, most, 1)


def _linear(u: Name, factor: int, low: int, high: int, smallest: int) -> Solved:
    """low ≤ factor·u ≤ high in integers from `smallest` on."""
    middle = u if factor == 1 else times(num(factor), u)
    interval = (max(-(-low // factor), smallest), high // factor)
    return Solved(u.id, middle, (low, high), interval)


def grouped(
    windows: Sequence[OpenWindow], wanted: Sequence[Interval]
) -> list[tuple[Text, OpenWindow, Interval]]:
    """Axes with the same equation together."""
    groups: dict[Any, list[tuple[OpenWindow, Interval]]] = {}
    for window, interval in zip(windows, wanted, strict=True):
        letters = (window.size, window.kernel, window.stride, window.before, window.after)
        groups.setdefault((*letters, window.dilation, interval), []).append((window, interval))
    return [(axis_words([w.axis for w, _ in members]), *members[0]) for members in groups.values()]
