"""The gradients of a convolution by hand: windows times upstream, and the flipped kernel slid back.

With y[o] = Σₖ w[k] x[s·o + d·k − p]:
∂L/∂w[k] = Σₒ (∂L/∂y)[o] · x[s·o + d·k − p]: the upstream slides over the input as a kernel would,
  its entries s apart, in steps of d.
∂L/∂x[i] = Σₖ w[k] · G[i + p − d·k], where G has (∂L/∂y)[o] at s·o and zeros elsewhere: the flipped
  kernel slides over the upstream, spread by the stride and with zeros around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from ..expr import Call, Expr, List, Name, Num, Partial
from ..steps import Grid, Picture, Place, Step, Text, in_turn
from ..value import Value
from .chain import Adjoint, Chain, paper_value
from .numbers import approx, equation, exact_term
from .pool_backward import pool_steps
from .slid import MOST, At, Slid, at_place, cell, operand_name, slid
from .sliding import MOST_CHANNELS, cells, drawable, grid_of, input_grid
from .window_entry import MOST_TERMS, plus, products, same, summed

Pairs = list[tuple[Any, Any]]


def by_hand(chain: Chain, adjoint: Adjoint) -> list[Step]:
    """How the gradient of an operand of something that slides is worked out; [] for others."""
    if not chain.gradient or adjoint.value is None or len(adjoint.consumers) != 1:
        return []
    (user,) = adjoint.consumers
    s = slid(chain.ws, user)
    places = [k for k, t in enumerate(user.terms) if t == Name(adjoint.line.name)]
    if s is None or len(places) != 1:
        return []
    upstream = np.ones(s.y.shape, dtype=object) * sp.S.One
    if user is not chain.of:
        found = chain.adjoints[user.name].value
        if found is None:
            return []
        upstream = found.reshape(s.y.shape)
    back = Back(s, chain.of.name, adjoint, upstream)
    if s.w is None:
        return pool_steps(s, back.of, back.wrt, upstream, adjoint.value.reshape(s.x.shape))
    return (back.to_input, back.to_kernel, list)[places[0]]()


@dataclass(frozen=True)
class Back:
    s: Slid
    result: str
    adjoint: Adjoint
    upstream: np.ndarray  # as the output: (examples, outputs, *places)

    @property
    def wrt(self) -> Partial:
        return Partial(Name(self.result), Name(self.adjoint.line.name))

    @property
    def of(self) -> Expr:
        """What arrives from above."""
        return Partial(Name(self.result), Name(self.s.line.name))

    def step(
        self, kind: str, title: Text, members: tuple[Expr, ...], why: Text, picture: Picture | None,
        decimal: Expr | None = None,
    ) -> Step:  # fmt: skip
        name = self.adjoint.line.name
        return Step(
            f"{kind}.{name}", "chain", "convolution backwards", title, members, approx=decimal,
            why=why, uses=(f"chain.{name}",), picture=picture,
        )  # fmt: skip

    # -- the kernel: windows times upstream --------------------------------------------------

    def to_kernel(self) -> list[Step]:
        s = self.s
        assert s.w is not None and self.adjoint.value is not None
        value = self.adjoint.value.reshape(s.w.shape)
        value = np.flip(value, tuple(range(2, value.ndim))) if s.flipped else value
        tap = max(s.taps, key=lambda t: (self.count(t), tuple(-k for k in t)))
        pairs = self.kernel_pairs(tap)
        total = summed(a * b for a, b in pairs)
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
            why = in_turn(why, Text("The stride sets them {n} apart.", {"n": _each(steps)}))
        if s.x.shape[0] > 1:
            why = in_turn(why, Text("All examples are added up."))
        title = Text("One entry of the gradient at {w} by hand", {"w": w})
        picture = self.kernel_picture(tap, value, shown)
        members = equation(left, work, exact_term(number))
        return [self.step("hand", title, members, why, picture, approx(number))]

    def count(self, tap: At) -> int:
        return sum(self.s.inside(self.s.met(place, tap)) for place in self.s.places)

    def kernel_pairs(self, tap: At) -> Pairs:
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

    # -- the input: the flipped kernel over the spread upstream ------------------------------

    def to_input(self) -> list[Step]:
        s = self.s
        assert s.w is not None and self.adjoint.value is not None
        value = self.adjoint.value.reshape(s.x.shape)
        spread, between = self.spread(0)
        outs = list(s.outputs_of(0))
        parts = [(self.spread(o)[0], np.flip(s.w[o, 0])) for o in outs]
        whole = sum((_correlated(g, w, s) for g, w in parts), start=_zeros(value.shape[2:]))
        if not all(same(a, b) for a, b in zip(whole.ravel(), value[0, 0].ravel(), strict=True)):
            return []
        x, w = operand_name(s.line, 0), operand_name(s.line, 1)
        G = Name("G")
        holes = {"G": G, "g": self.of, "w": w, "x": x, "d": self.wrt}
        kernel = w if s.flipped else Call("flip", (w,))
        dilation = _keyword("dilation", [v.dilation for v in s.windows])
        number = Value(value if value.dtype == float else np.asarray(value, dtype=object))
        product_ = Call(f"conv{s.space}d", (G, kernel), dilation) if not s.layered else None
        shown = paper_value(self.adjoint.line, self.adjoint.value)
        members = (
            equation(self.wrt, product_, exact_term(shown))
            if product_
            else self.entry(parts, value)
        )
        why = self.told(outs, holes)
        if not members:
            return []
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
                "What {x}[i] gave to {y}[o] through {w}[k] comes back the same way. Going back, the "
                "kernel slides unturned over {G}, which holds {g}.",
                {**holes, "y": Name(s.line.name)},
            )
        else:
            why = Text(
                "Every entry of {x} gets back what its windows received. Going back, the kernel is "
                "flipped and slides over {G}, which holds {g}.",
                holes,
            )
        if any(k > 1 for k in strides):
            why = in_turn(
                why,
                Text(
                    "Between the entries of {g} stand zeros, so that they are {n} apart, as the "
                    "windows were.",
                    {**holes, "n": _each(strides)},
                ),
            )
        if any(k > 0 for k in around):
            why = in_turn(
                why,
                Text(
                    "In front of it stand d(k − 1) − p = {n} zeros: a full correlation, less what "
                    "the padding had added.",
                    {"n": _each(around)},
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
        """The entry that is worked by hand: one in the middle."""
        return tuple((v.size - 1) // 2 for v in self.s.windows)

    def entry(self, parts: list[Any], value: np.ndarray) -> tuple[Expr, ...]:
        """One entry of a channel's gradient, with the products that it is."""
        s, place = self.s, self.place()
        pairs: Pairs = []
        for g, w in parts:
            for tap in s.taps:
                at = tuple(
                    i + v.dilation * k for i, k, v in zip(place, tap, s.windows, strict=True)
                )
                if g[at] != 0:
                    pairs.append((g[at], w[tap]))
        left = at_place(s.of_input(self.wrt, 0, 0), place)
        number = exact_term(Value(np.asarray(value[(0, 0, *place)], dtype=value.dtype)))
        work = plus(products(pairs)) if 0 < len(pairs) <= MOST_TERMS else None
        return equation(left, work, number) if work else ()

    def input_picture(self, parts: list[Any], zeros: set[At], value: np.ndarray) -> Picture | None:
        s, place = self.s, self.place()
        drawn = [a for p in parts for a in p] + [value[0, 0]]
        if s.space > 2 or len(parts) > MOST_CHANNELS or any(max(a.shape) > MOST + 2 for a in drawn):
            return None
        window = [
            tuple(i + v.dilation * k for i, k, v in zip(place, tap, s.windows, strict=True))
            for tap in s.taps
        ]
        pale: tuple[Place, ...] = tuple(sorted(cell(j) for j in zeros))
        grids: list[Grid] = []
        for o, (g, w) in zip(s.outputs_of(0), parts, strict=True):
            frame = tuple(cell(at) for at in window)
            grids.append(Grid(s.of_output(Name("G"), 0, o), cells(g), pale, frame))
            kernel = s.of_kernel(operand_name(s.line, 1), o, 0)
            name = kernel if s.flipped else Call("flip", (kernel,))
            grids.append(grid_of(name, w, s.taps))
        grids.append(grid_of(s.of_input(self.wrt, 0, 0), value[0, 0], [place]))
        signs = ("⋆", *("+", "⋆") * (len(parts) - 1), "→")
        words = Text(
            "{G} is {g} with the zeros between and around its entries. The framed window of {G}, "
            "times the kernel entry by entry and summed, gives the framed entry of {d}.",
            {"G": Name("G"), "g": self.of, "d": self.wrt},
        )
        return Picture(tuple(grids), signs, words)


# -- small things ---------------------------------------------------------------------------------


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


def _each(numbers: list[int]) -> str:
    """2, or 2 and 3 along two axes."""
    return str(numbers[0]) if len(set(numbers)) == 1 else " × ".join(map(str, numbers))
