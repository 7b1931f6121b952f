"""How layers other than windows move along an axis: transposed convolution, adaptive pools,
resampling.

`layer_spec.Window` is the fourth kind. Legend: `n` entries along the axis, `m` outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor, gcd

from ..errors import ShapeError


@dataclass(frozen=True)
class Spread:
    """A transposed convolution: every input entry is spread over k outputs, a stride apart."""

    axis: str
    size: int
    kernel: int
    stride: int
    before: int
    after: int
    dilation: int
    output_padding: int

    @property
    def output(self) -> int:
        """(n − 1)·s − before − after + d(k − 1) + output_padding + 1, at least 1."""
        if self.output_padding >= max(self.stride, self.dilation):
            raise ShapeError(
                f"an output padding of {self.output_padding} is too large for the stride "
                f"{self.stride} and the dilation {self.dilation}",
                hint="what fits: an output padding of at most "
                f"{max(self.stride, self.dilation) - 1}",
            )
        outputs = self.full - self.before - self.after
        if outputs < 1:
            raise ShapeError(
                f"a padding of {self.before} + {self.after} takes away all of the {self.full} "
                "outputs",
                hint=f"what fits: a padding of at most {(self.full - 1) // 2} at each end",
            )
        return outputs

    @property
    def full(self) -> int:
        """The outputs before the padding is cut off."""
        reach = self.dilation * (self.kernel - 1)
        return (self.size - 1) * self.stride + reach + self.output_padding + 1

    @property
    def period(self) -> tuple[int, int]:
        return self.stride, 1

    def source(self, o: int) -> tuple[int, int]:
        """Tap t carries input i to output i·s + d·t − before."""
        hits = []
        tried = min(self.kernel, self.stride)  # the remainders come round after a stride
        for taps in (range(tried), range(self.kernel - 1, self.kernel - 1 - tried, -1)):
            for t in taps:
                place = o + self.before - self.dilation * t
                if place % self.stride == 0:
                    hits.append(place // self.stride)
                    break
        if not hits:  # between the taps: no input reaches it
            nearest = (o + self.before) // self.stride
            return nearest, nearest
        return hits[-1], hits[0]


@dataclass(frozen=True)
class Adaptive:
    """An adaptive pool: output o covers the inputs from floor(o·n/m) to ceil((o + 1)·n/m) − 1."""

    axis: str
    size: int
    output: int

    @property
    def period(self) -> tuple[int, int]:
        shared = gcd(self.size, self.output)
        return self.output // shared, self.size // shared

    def source(self, o: int) -> tuple[int, int]:
        return o * self.size // self.output, -(-(o + 1) * self.size // self.output) - 1

    @property
    def widest(self) -> int:
        """The entries under the widest window."""
        outputs, _ = self.period
        return max(last - first + 1 for first, last in map(self.source, range(min(outputs, 4096))))


@dataclass(frozen=True)
class Scaled:
    """Resampling: output o is read off at `ratio`·o (nearest), or between its neighbours.

    taps: how many input entries one output mixes: 1 nearest, 2 linear, 4 cubic
    centred: positions are those of the entries' middles, not of their left edges
    """

    axis: str
    size: int
    output: int
    ratio: Fraction
    taps: int = 1
    centred: bool = False

    @property
    def period(self) -> tuple[int, int]:
        return self.ratio.denominator, self.ratio.numerator

    def source(self, o: int) -> tuple[int, int]:
        half = Fraction(1, 2) if self.centred else 0
        place = (o + half) * self.ratio
        if self.taps == 1:
            return floor(place), floor(place)
        place -= half
        first = floor(place)
        if place == first:  # on an entry: its neighbours have the weight 0
            return first, first
        more = self.taps // 2 - 1
        return first - more, first + 1 + more
