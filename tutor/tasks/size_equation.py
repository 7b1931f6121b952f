"""The output-size formula as terms, with letters and with numbers."""

from __future__ import annotations

from ..expr import Binary, Expr, Name, Num
from ..graph import sizes
from ..problem.layer_spec import Window
from ..problem.slides import Spread
from .arithmetic import ceil_of, floor_of, minus, num, plus, times

ONE = Num("1")


def numerator(n: Expr, padding: Expr, dilation: Expr, kernel: Expr) -> Expr:
    """n + padding − d(k − 1) − 1: how far the first window can still move."""
    span = times(dilation, minus(kernel, ONE))
    return minus(minus(plus(n, padding), span), ONE)


def _fraction(over: Expr, stride: Expr) -> Expr:
    return Binary("/", over, stride)


# floor((n + 2p − d(k − 1) − 1)/s) + 1, whatever the layer
GENERAL = plus(
    floor_of(
        _fraction(numerator(Name("n"), times(Num("2"), Name("p")), Name("d"), Name("k")), Name("s"))
    ),
    ONE,
)


def symbolic(window: Window, suffix: str = "") -> Expr:
    """floor((n + 2p − d(k − 1) − 1)/s) + 1 in letters."""
    if window.before == window.after:
        padding = times(Num("2"), Name("p" + suffix))
    else:
        padding = plus(Name(f"p{suffix}_1"), Name(f"p{suffix}_2"))
    letters = (Name(x + suffix) for x in "nks")
    n, k, s = letters
    over = numerator(n, padding, Name("d" + suffix), k)
    rounded = ceil_of if window.ceil_mode else floor_of
    return plus(rounded(_fraction(over, s)), ONE)


def chain(window: Window, name: str, suffix: str = "") -> tuple[Expr, ...]:
    """name = formula in letters = numbers put in = numbers worked out = result."""
    w, result = window, window.output
    if w.before == w.after:
        padding = times(Num("2"), num(w.before))
    else:
        padding = plus(num(w.before), num(w.after))
    over = numerator(num(w.size), padding, num(w.dilation), num(w.kernel))
    room = w.size + w.before + w.after - sizes.extent(w.kernel, w.dilation)
    rounded = ceil_of if w.ceil_mode else floor_of
    steps = [rounded(_fraction(over, num(w.stride))), rounded(_fraction(num(room), num(w.stride)))]
    if drops_window(w):
        counts = [minus(plus(x, ONE), ONE) for x in steps]
        return (Name(name), *counts, num(result))
    return (Name(name), symbolic(w, suffix), *(plus(x, ONE) for x in steps), num(result))


def drops_window(window: Window) -> bool:
    """With ceil_mode: the last window would start behind the input, so it is left out."""
    if not window.ceil_mode:
        return False
    w = window
    room = w.size + w.before + w.after - sizes.extent(w.kernel, w.dilation)
    return -(-room // w.stride) + 1 != w.output


def spread(n: Expr, stride: Expr, padding: Expr, dilation: Expr, kernel: Expr, spare: Expr) -> Expr:
    """(n − 1)·s − padding + d(k − 1) + spare + 1: the outputs of a transposed convolution."""
    last = times(minus(n, ONE), stride)
    reach = times(dilation, minus(kernel, ONE))
    return plus(minus(last, padding), reach, spare, ONE)


# (n − 1)·s − 2p + d(k − 1) + q + 1, whatever the layer
SPREAD = spread(*(Name(x) for x in "ns"), times(Num("2"), Name("p")), *map(Name, "dkq"))


def spread_chain(w: Spread, name: str, suffix: str = "") -> tuple[Expr, ...]:
    """name = formula in letters = numbers put in = result, for a transposed convolution."""
    n, k, s, d, q = (Name(x + suffix) for x in "nksdq")
    if w.before == w.after:
        letters, padding = times(Num("2"), Name("p" + suffix)), times(Num("2"), num(w.before))
    else:
        letters = plus(Name(f"p{suffix}_1"), Name(f"p{suffix}_2"))
        padding = plus(num(w.before), num(w.after))
    figures = (num(x) for x in (w.size, w.stride))
    return (
        Name(name),
        spread(n, s, letters, d, k, q),
        spread(*figures, padding, num(w.dilation), num(w.kernel), num(w.output_padding)),
        num(w.output),
    )
