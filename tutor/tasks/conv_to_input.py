"""The gradient of a convolution by its input, by hand: the flipped kernel slid over the upstream.

With y[o] = Σₖ w[k] x[s·o + d·k − p], ∂L/∂x[i] = Σₖ w[k] · D[i + p − d·k], where D has (∂L/∂y)[o] at
s·o and zeros elsewhere. G is D with the zeros in front that make it start where i does.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from ..expr import Call, Expr, List, Name, Num
from ..steps import Grid, Picture, Place, Step, Text, in_turn
from ..value import Value
from .chain import paper_value
from .conv_back import Back, each
from .numbers import approx, equation, exact_term
from .slid import MOST, At, Slid, at_place, cell, operand_name
from .sliding import MOST_CHANNELS, cells, grid_of
from .window_entry import MOST_TERMS, plus, products, same

Parts = list[tuple[np.ndarray, np.ndarray]]  # of each output channel: G and the flipped kernel


class ToInput(Back):
    """The whole of it for bare arrays, one entry of it for a layer; compared with the derived."""

    def steps(self) -> list[Step]:
        s = self.s
        assert s.w is not None and self.adjoint.value is not None
        value = self.adjoint.value.reshape(s.x.shape)
        between = self.spread(0)[1]
        outs = list(s.outputs_of(0))
        parts = [(self.spread(o)[0], np.flip(s.w[o, 0])) for o in outs]
        whole = sum((_correlated(g, w, s) for g, w in parts), start=_zeros(value.shape[2:]))
        if not all(same(a, b) for a, b in zip(whole.ravel(), value[0, 0].ravel(), strict=True)):
            return []
        x, w = operand_name(s.line, 0), operand_name(s.line, 1)
        holes = {"G": self.G, "g": self.of, "y": Name(s.line.name), "x": x}
        kernel = Call("flip", (w,))  # a file whose conv flips the kernel turns it back
        dilation = _keyword("dilation", [v.dilation for v in s.windows])
        number = Value(value if value.dtype == float else np.asarray(value, dtype=object))
        product_ = Call(f"conv{s.space}d", (self.G, kernel), dilation) if not s.layered else None
        shown = paper_value(self.adjoint.line, self.adjoint.value)
        members = (
            equation(self.wrt, product_, exact_term(shown))
            if product_
            else self.entry(parts, value)
        )
        why = self.told(outs, holes)
        title = Text("The gradient at {x} as a convolution", {"x": x})
        picture = self.input_picture(parts, between, value)
        decimal = approx(
            shown if product_ else Value(np.asarray(number.data[(0, 0, *self.place())]))
        )
        return [self.step("hand", title, members, why, picture, decimal)]

    def told(self, outs: list[int], holes: dict[str, Any]) -> Text:
        s = self.s
        strides = [v.stride for v in s.windows]
        around = [v.dilation * (v.kernel - 1) - v.before for v in s.windows]
        if s.flipped:
            why = Text(
                "Each entry of {x} went into several entries of {y}; going back it collects from "
                "them in the opposite order. The convolution had turned the kernel around, so now "
                "it slides as it stands over {G}, which holds {g}.",
                holes,
            )
        else:
            why = Text(
                "Each entry of {x} went into several entries of {y}; going back it collects from "
                "them in the opposite order. So the flipped kernel slides over {G}, which holds "
                "{g}.",
                holes,
            )
        if any(k > 1 for k in strides):
            why = in_turn(
                why,
                Text(
                    "Between the entries of {g} stand zeros, so that they are {n} apart, as the "
                    "windows were.",
                    {**holes, "n": each(strides)},
                ),
            )
        if any(k > 0 for k in around):
            why = in_turn(
                why,
                Text(
                    "In front of it stand d(k − 1) − p = {n} zeros: a full correlation, less what "
                    "the padding had added.",
                    {"n": each(around)},
                ),
            )
        if s.layered:
            message = Text(
                "An input channel reaches every output channel that sees it, so its gradient is "
                "the sum over these {n}.",
                {"n": len(outs)},
                "An input channel reaches one output channel here.",
            )
            why = in_turn(why, message)
        return why

    def spread(self, out: int) -> tuple[np.ndarray, set[At]]:
        """G of the first example: the upstream, its zeros, and where these are."""
        s = self.s
        sizes = [v.size + v.dilation * (v.kernel - 1) for v in s.windows]
        data, zeros = _zeros(tuple(sizes)), set()
        for j in product(*(range(n) for n in sizes)):
            at, fits = [], True
            for k, v, m in zip(j, s.windows, s.y.shape[2:], strict=True):
                place, rest = divmod(k + v.before - v.dilation * (v.kernel - 1), v.stride)
                fits = fits and rest == 0 and 0 <= place < m
                at.append(place)
            if fits:
                data[j] = self.upstream[(0, out, *at)]
            else:
                zeros.add(j)
        return data, zeros

    def place(self) -> At:
        """The entry that is worked by hand: the first that gets back most."""
        zeros = self.spread(0)[1]
        places = list(np.ndindex(*(v.size for v in self.s.windows)))
        return max(places, key=lambda i: sum(j not in zeros for j in self.window(i)))

    def window(self, place: At) -> list[At]:
        """Where the kernel lies on G for an entry of the input's gradient."""
        s = self.s
        return [
            tuple(i + v.dilation * k for i, k, v in zip(place, tap, s.windows, strict=True))
            for tap in s.taps
        ]

    def entry(self, parts: Parts, value: np.ndarray) -> tuple[Expr, ...]:
        """One entry of a channel's gradient, with the products that it is."""
        s, place = self.s, self.place()
        pairs: list[tuple[Any, Any]] = []
        for g, w in parts:
            for tap, at in zip(s.taps, self.window(place), strict=True):
                if g[at] != 0:
                    pairs.append((g[at], w[tap]))
        left = at_place(s.of_input(self.wrt, 0, 0), place)
        number = exact_term(Value(np.asarray(value[(0, 0, *place)], dtype=value.dtype)))
        work = plus(products(pairs)) if 0 < len(pairs) <= MOST_TERMS else None
        return equation(left, work, number)

    def input_picture(self, parts: Parts, zeros: set[At], value: np.ndarray) -> Picture | None:
        s, place = self.s, self.place()
        drawn = [a for p in parts for a in p] + [value[0, 0]]
        if s.space > 2 or len(parts) > MOST_CHANNELS or any(max(a.shape) > MOST + 2 for a in drawn):
            return None
        window = self.window(place)
        pale: tuple[Place, ...] = tuple(sorted(cell(j) for j in zeros))
        grids: list[Grid] = []
        for o, (g, w) in zip(s.outputs_of(0), parts, strict=True):
            frame = tuple(cell(at) for at in window)
            grids.append(Grid(s.of_output(self.G, 0, o), cells(g), pale, frame))
            kernel = s.of_kernel(operand_name(s.line, 1), o, 0)
            name = kernel if s.flipped else Call("flip", (kernel,))
            grids.append(grid_of(name, w, s.taps))
        grids.append(grid_of(s.of_input(self.wrt, 0, 0), value[0, 0], [place]))
        signs = ("⋆", *("+", "⋆") * (len(parts) - 1), "→")
        words = Text(
            "{G} is {g} with the zeros between and around its entries. The framed window of {G}, "
            "times the kernel entry by entry and summed, gives the framed entry of {d}.",
            {"G": self.G, "g": self.of, "d": self.wrt},
        )
        return Picture(tuple(grids), signs, words)


def _zeros(shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, sp.S.Zero, dtype=object)


def _correlated(g: np.ndarray, w: np.ndarray, s: Slid) -> np.ndarray:
    """Every window of g times w, summed: stride 1, the convolution's own dilation."""
    out = _zeros(tuple(v.size for v in s.windows))
    for tap in s.taps:
        cut = tuple(
            slice(v.dilation * k, v.dilation * k + v.size)
            for k, v in zip(tap, s.windows, strict=True)
        )
        out = out + w[tap] * g[cut]
    return out


def _keyword(name: str, numbers: list[int]) -> tuple[tuple[str, Expr], ...]:
    if all(n == 1 for n in numbers):
        return ()
    if len(set(numbers)) == 1:
        return ((name, Num(str(numbers[0]))),)
    return ((name, List(tuple(Num(str(n)) for n in numbers))),)
