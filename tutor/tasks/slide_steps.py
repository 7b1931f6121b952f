"""How a layer's output size comes about along one axis: the equation, and the reason in words."""

from __future__ import annotations

from fractions import Fraction

from ..expr import Binary, Expr, Name, Num
from ..problem.layer_spec import Slide, Window
from ..problem.slides import Adaptive, Scaled, Spread
from ..steps import Text, in_turn
from . import size_equation
from .arithmetic import ceil_of, floor_of, num, plus, times

Told = tuple[tuple[Expr, ...], Text]


def numbers(slide: Slide) -> tuple:
    """All but the axis: axes with the same numbers are told together."""
    return tuple(v for k, v in vars(slide).items() if k != "axis")


def told(slide: Slide, name: str, suffix: str, same: bool) -> Told:
    """The chain of equal terms for the output size, and why; `same`: the padding is "same"."""
    match slide:
        case Window(kernel=1, stride=1) if slide.before or slide.after:
            return _padded(slide, name)
        case Window():
            return size_equation.chain(slide, name, suffix), _window_reason(slide, same)
        case Spread():
            return size_equation.spread_chain(slide, name, suffix), _spread_reason(slide)
        case Adaptive():
            return (Name(name), num(slide.output)), _adaptive_reason(slide)
        case Scaled():
            return _scaled(slide, name)
    raise TypeError(slide)


def _padded(w: Window, name: str) -> Told:
    figures = plus(num(w.size), num(w.before), num(w.after))
    why = Text("{a} before and {b} behind.", {"a": w.before, "b": w.after})
    return (Name(name), figures, num(w.output)), why


def _window_reason(w: Window, same: bool) -> Text:
    span = w.dilation * (w.kernel - 1) + 1
    if size_equation.drops_window(w):
        return Text(
            "The size is rounded up, but the last window would start behind the input and is "
            "left out."
        )
    if w.ceil_mode:
        return Text("The size is rounded up: a last window may hang over the end.")
    if same:
        return Text(
            "Padding “same” adds as many zeros as give {size} outputs (before: {before}, after: "
            "{after}), for a kernel that spans {span} entries.",
            {
                "before": w.before,
                "after": w.after,
                "size": ceil_of(Binary("/", num(w.size), num(w.stride))),
                "span": span,
            },
        )
    padded = w.before or w.after
    n = w.size + w.before + w.after
    spans = Text(
        "The window spans {span} of {n} entries with padding"
        if padded
        else "The window spans {span} of {n} entries",
        {"span": span, "n": n},
    )
    if n == span:
        return Text("{spans}, all there are: it fits once.", {"spans": spans})
    if w.stride == 1:
        words = "{spans}; it fits once, and once more for each entry that is left."
        return Text(words, {"spans": spans})
    words = "{spans}; it fits once, and once more for each whole stride of {s} that is left."
    return Text(words, {"spans": spans, "s": w.stride})


def _spread_reason(w: Spread) -> Text:
    said = Text(
        "The first input fills {span} entries of the output, and every further one begins {n} "
        "later.",
        {"span": w.dilation * (w.kernel - 1) + 1, "n": w.stride},
        one="The first input fills {span} entries of the output, and every further one begins one "
        "later.",
    )
    more = Text("The output padding adds {q}.", {"q": w.output_padding})
    cut = Text("The padding is cut off at both ends.")
    return in_turn(said, more if w.output_padding else None, cut if w.before or w.after else None)


def _adaptive_reason(w: Adaptive) -> Text:
    holes = {"n": w.size, "m": w.output, "k": w.widest}
    if w.output == w.size:
        return Text("The size is there already: each window holds a single entry.")
    if w.output == 1:
        return Text("One window covers all {n} entries.", {"n": w.size})
    if w.size % w.output == 0:
        return Text("The {n} entries are cut into {m} windows of {k}.", holes)
    return Text("The {n} entries are covered by {m} windows of at most {k}.", holes)


def _scaled(w: Scaled, name: str) -> Told:
    factor = Fraction(w.output, w.size)
    if 1 / w.ratio == factor:
        return (Name(name), times(_number(factor), num(w.size)), num(w.output)), Text(
            "Every axis is scaled by {f}.", {"f": _number(factor)}
        )
    exact = 1 / w.ratio
    if int(exact * w.size) == w.output:
        figures = floor_of(times(_number(exact), num(w.size)))
        return (Name(name), figures, num(w.output)), Text(
            "The scaled size is rounded down to a whole number."
        )
    return (Name(name), num(w.output)), Text("The size is the one that the layer asks for.")


def _number(x: Fraction) -> Expr:
    if x.denominator == 1:
        return num(int(x))
    decimal = f"{float(x):g}"
    if Fraction(decimal) == x:
        return Num(decimal)
    return Binary("/", num(x.numerator), num(x.denominator))
