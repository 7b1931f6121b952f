"""The gradient of a convolution by its kernel, by hand: windows times upstream.

With y[o] = Σₖ w[k] x[s·o + d·k − p], ∂L/∂w[k] = Σₒ (∂L/∂y)[o] · x[s·o + d·k − p]: the upstream
slides over the input as a kernel would, its entries s apart, in steps of d.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from ..expr import Name
from ..steps import Grid, Picture, Step, Text, in_turn
from ..value import Value
from .conv_back import Back, each
from .numbers import approx, equation, exact_term
from .slid import At, at_place, operand_name
from .sliding import MOST_CHANNELS, drawable, grid_of, input_grid
from .window_entry import MOST_TERMS, plus, products, same, summed


class ToKernel(Back):
    """One entry of the kernel's gradient; the sum is compared with the derived value."""

    def steps(self) -> list[Step]:
        s = self.s
        assert s.w is not None and self.adjoint.value is not None
        value = self.adjoint.value.reshape(s.w.shape)
        value = np.flip(value, tuple(range(2, value.ndim))) if s.flipped else value
        tap = max(s.taps, key=lambda t: (self.count(t), tuple(-k for k in t)))
        pairs = self.kernel_pairs(tap)
        total = summed(a * b for a, b in pairs)
        if not pairs:
            return []  # the kernel lies in the padding only
        if not same(total, value[(0, 0, *tap)]):
            return []
        own = tuple(w.kernel - 1 - k for w, k in zip(s.windows, tap, strict=True))
        shown = own if s.flipped else tap
        left = at_place(s.of_kernel(self.wrt, 0, 0), shown)
        number = Value(np.asarray(value[(0, 0, *tap)], dtype=value.dtype))
        work = plus(products(pairs)) if len(pairs) <= MOST_TERMS else None
        x, w = operand_name(s.line, 0), operand_name(s.line, 1)
        holes = {"x": x, "w": w, "y": Name(s.line.name), "g": self.of, "d": self.wrt}
        why = Text(
            "Windows times upstream: as the window moves, each entry of {w} meets one entry of {x} "
            "for every entry of {y}. Its gradient adds up the entries that it meets, each times "
            "{g} at that place.",
            holes,
        )
        steps = [w.stride for w in s.windows]
        if any(k > 1 for k in steps):
            why = in_turn(why, Text("The stride sets them {n} apart.", {"n": each(steps)}))
        if s.x.shape[0] > 1:
            why = in_turn(why, Text("All examples are added up."))
        if s.layered:
            formula = Text(
                "In the formula each channel of {x} goes in as an example of its own, so that it "
                "meets every output channel of {g}; for that the axes change places.",
                holes,
            )
            if s.groups > 1:
                formula = Text(
                    "In the formula the groups stay groups, and the channels of each go in one "
                    "after the other as examples, so that they meet the output channels of {g} in "
                    "their own group only; for that the axes change places.",
                    holes,
                )
            why = in_turn(why, formula)
        title = Text("One entry of the gradient at {w} by hand", {"w": w})
        picture = self.kernel_picture(tap, value, shown)
        members = equation(left, work, exact_term(number))
        return [self.step("hand", title, members, why, picture, approx(number))]

    def count(self, tap: At) -> int:
        return sum(self.s.inside(self.s.met(place, tap)) for place in self.s.places)

    def kernel_pairs(self, tap: At) -> list[tuple[Any, Any]]:
        """What the tap meets in the first channel, and the upstream of the first output there."""
        s, pairs = self.s, []
        for n, place in product(range(s.x.shape[0]), s.places):
            i = s.met(place, tap)
            if s.inside(i):
                pairs.append((s.x[(n, 0, *i)], self.upstream[(n, 0, *place)]))
        return pairs

    def kernel_picture(self, tap: At, value: np.ndarray, shown: At) -> Picture | None:
        s = self.s
        if not drawable(s) or s.x.shape[0] > MOST_CHANNELS:
            return None
        grids: list[Grid] = []
        for n in range(s.x.shape[0]):
            met = [s.met(place, tap) for place in s.places]
            name = s.of_input(operand_name(s.line, 0), n, 0)
            grids.append(input_grid(s, name, s.x[n, 0], met))
            upstream = s.of_output(self.of, n, 0)
            grids.append(grid_of(upstream, self.upstream[n, 0], s.places))
        data = value[0, 0]
        data = np.flip(data) if s.flipped else data
        grids.append(grid_of(s.of_kernel(self.wrt, 0, 0), data, [shown]))
        signs = ("⋆", *("+", "⋆") * (s.x.shape[0] - 1), "→")
        words = Text(
            "The framed entries of {x}, times {g} entry by entry and summed, give the framed entry "
            "of {d}.",
            {"x": operand_name(s.line, 0), "g": self.of, "d": self.wrt},
        )
        return Picture(tuple(grids), signs, words)
