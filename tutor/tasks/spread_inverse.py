"""`solve_shape` for transposed convolutions, whose size formula has no floor, and for divisors.

n_out = (n − 1)·s − P + d(k − 1) + q + 1 is linear in each of its letters, so it is solved exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..expr import Binary, Expr, Name, Num
from ..problem.arguments import free_names
from ..problem.layer_spec import axis_words
from ..problem.layers_window import AXES
from ..steps import Text, all_of
from .arithmetic import num, plus, times
from .shape_chain import Stage
from .size_equation import spread
from .size_inverse import Letter, term

# what must divide what: the argument, and whose number of parts it is
DIVISORS = {
    "groups": "groups",
    "num_groups": "groups",
    "num_heads": "heads",
    "nhead": "heads",
}


@dataclass(frozen=True)
class OpenSpread:
    """One axis of a transposed convolution, whose numbers may be names still."""

    axis: str
    size: Letter
    kernel: Letter
    stride: Letter
    before: Letter
    after: Letter
    dilation: Letter
    spare: Letter

    def letters(self) -> tuple[str, ...]:
        return free_names(tuple(dict.fromkeys(v for k, v in vars(self).items() if k != "axis")))

    def formula(self) -> Expr:
        if self.before == self.after:
            padding = times(Num("2"), term(self.before))
        else:
            padding = plus(term(self.before), term(self.after))
        n, s, d, k, q = map(term, (self.size, self.stride, self.dilation, self.kernel, self.spare))
        return spread(n, s, padding, d, k, q)

    def at(self, number: int) -> int:
        """The outputs when the one open letter is this number."""
        n, k, s, a, b, d, q = (
            v if isinstance(v, int) else number for k, v in vars(self).items() if k != "axis"
        )
        return (n - 1) * s - a - b + d * (k - 1) + q + 1

    @property
    def linear(self) -> bool:
        """Whether there is one letter, and no product of it with itself."""
        squared = isinstance(self.size, Name) and self.size == self.stride
        squared |= isinstance(self.kernel, Name) and self.kernel == self.dilation
        return len(self.letters()) == 1 and not squared


def open_spreads(stage: Stage, body: Sequence[Letter]) -> tuple[OpenSpread, ...]:
    """The axes of a transposed convolution whose input has these spatial sizes."""
    args, axes = stage.layer.args, len(body)

    def spread_over(name: str, default: int) -> tuple[Any, ...]:
        value = args.get(name, default)
        return value if isinstance(value, tuple) else (value,) * axes

    kernels, strides = spread_over("kernel_size", 1), spread_over("stride", 1)
    dilations, spares = spread_over("dilation", 1), spread_over("output_padding", 0)
    paddings = [p if isinstance(p, tuple) else (p, p) for p in spread_over("padding", 0)]
    return tuple(
        OpenSpread(AXES[axes][i], n, kernels[i], strides[i], *paddings[i], dilations[i], spares[i])
        for i, n in enumerate(body)
    )


def spread_steps(
    add: Callable[..., None], stage: Stage, body: Sequence[Letter], target: Sequence[int]
) -> None:
    """The equation of each axis, and its solution where one letter is open."""
    alike: dict[Any, list[OpenSpread]] = {}
    for it, wanted in zip(open_spreads(stage, body), target, strict=True):
        if it.letters():
            key = (*(v for k, v in vars(it).items() if k != "axis"), wanted)
            alike.setdefault(key, []).append(it)
    if not alike:
        return
    n, s, d, k, q = (Name(x) for x in "nsdkq")
    add(
        "closed",
        "output size",
        Text("How far the windows reach"),
        (Name("n_out"), spread(n, s, times(Num("2"), Name("p")), d, k, q)),
        Text(
            "With {n} entries a stride {s} apart, a kernel of {k} taps, {d} apart (the dilation), "
            "{p} entries cut off on either side and an output padding {q}.",
            {letter: Name(letter) for letter in "nskdpq"},
        ),
    )
    for (*_, wanted), members in alike.items():
        axes = axis_words([it.axis for it in members])
        it = members[0]
        names = {"layer": stage.name, "axes": axes}
        add(
            "closed",
            "output size",
            Text("{layer}: the equation for the {axes}", names),
            (it.formula(), num(wanted)),
            Text("The output must have {n} entries along it.", {"n": wanted}),
        )
        if it.linear:
            _solved(add, axes, it, wanted)


def _solved(add: Callable[..., None], axes: Text, it: OpenSpread, wanted: int) -> None:
    u = Name(it.letters()[0])
    start, slope = it.at(0), it.at(1) - it.at(0)
    title = Text("Solve for {u} ({axes})", {"u": u, "axes": axes})
    if slope == 0:
        words = "The {axes} does not depend on {u}: it is {a}."
        add("closed", "linear equation", title, (), Text(words, {"axes": axes, "u": u, "a": start}))
        return
    rest = times(num(slope), u) if slope != 1 else u
    left = rest if start == 0 else plus(num(start), rest) if start > 0 else plus(rest, num(start))
    exact = Fraction(wanted - start, slope)
    if exact.denominator > 1:
        words = "Put in order: {e}, so {u} is {a}, which is no whole number."
    elif exact < 0:
        words = "Put in order: {e}, so {u} is {a}, which is negative."
    else:
        words = "Put in order: {e}, so {u} is {a}."
    equation = Binary("==", left, num(wanted))
    holes = {"e": equation, "u": u, "a": num(exact)}
    add("closed", "linear equation", title, (), Text(words, holes))


def divisor_names(stage: Stage) -> Iterator[tuple[str, str]]:
    """(unknown, what it counts) for unknowns that must divide the channels or the features."""
    for argument, parts in DIVISORS.items():
        name = stage.layer.args.get(argument)
        if isinstance(name, Name):
            yield name.id, parts


def divisor_step(
    add: Callable[..., None], stage: Stage, before: Sequence[Letter], target: Sequence[int]
) -> None:
    """Which numbers divide what must be divided."""
    for unknown, parts in divisor_names(stage):
        if parts == "heads":
            numbers, what = (before[-1],), Text("features")
        elif "out_channels" in stage.layer.args:
            numbers, what = (before[stage.lead], target[stage.lead]), Text("channels")
        else:
            numbers, what = (before[stage.lead],), Text("channels")
        if not all(isinstance(n, int) for n in numbers):
            continue
        whole = [n for n in numbers if isinstance(n, int)]
        fits = [g for g in range(1, min(whole) + 1) if all(n % g == 0 for n in whole)]
        both = all_of([str(n) for n in dict.fromkeys(whole)])
        add(
            "closed",
            "divisibility",
            Text("{u} must divide the {what}", {"u": Name(unknown), "what": what}),
            (),
            Text(
                "The {what} ({n}) are dealt out evenly to the {parts}, so {u} is one of {all}.",
                {
                    "what": what,
                    "n": both,
                    "parts": Text("heads") if parts == "heads" else Text("groups"),
                    "u": Name(unknown),
                    "all": ", ".join(map(str, fits[:16])) + (", …" if len(fits) > 16 else ""),
                },
            ),
        )
