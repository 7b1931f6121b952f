"""Loss curves as a picture: one line per training, on axes with round numbers.

Lines differ in colour and in the shape of their marks, so that a greyscale print says the same. The
scale is logarithmic where the values span orders of magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..notation.names import superscript
from ..notation.unicode import unicode_text
from ..steps import Curve, Solution, Text, Variable
from .picture import written
from .scene import INK, Commands, Group, Path, Scene, Words, disc, polygon
from .sparkline import is_logarithmic
from .wording import plain, words

WIDTH, HEIGHT = 640.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 76.0, 24.0, 70.0, 54.0
COLOURS = ("#0b5cad", "#b3400e", "#23732c", "#6b3fa0", "#8a6d00", "#333333")
GRID = "#d9dde2"
MOST_POINTS = 400
MARKS = 9  # on each line
SIZE = 12.0  # of the text
HUGE = 1e300

Series = tuple[str, str, tuple[float, ...]]  # the name in the legend, the quantity, its values


def curves(solution: Solution) -> list[Series]:
    """Every training of the solution that left a curve; its task is named where there are more."""
    found = [(t.id, t.curve) for t in solution.tasks if t.curve is not None]
    return [(_label(i, c, len(found)), _quantity(c, solution.variables), c.values)
            for i, c in found]  # fmt: skip


def _label(task: str, curve: Curve, count: int) -> str:
    return plain(curve.label) if count == 1 else f"{task}: {plain(curve.label)}"


def _quantity(curve: Curve, names: Mapping[str, Variable]) -> str:
    return unicode_text(curve.quantity, names)


def to_svg(series: Sequence[Series], title: str) -> str:
    """The curves as an SVG document with a title and a text alternative."""
    return written(draw(series, title))


def to_pdf(series: Sequence[Series], title: str) -> bytes:
    """The curves as a PDF page with its fonts embedded."""
    from .pdf import to_page

    return to_page(draw(series, title))


def draw(series: Sequence[Series], title: str) -> Scene:
    """Axes, grid, lines, legend; `series` has at least one line."""
    everything = [v for _, _, values in series for v in values]
    frame = _Frame(everything, max(len(v) for _, _, v in series) - 1)
    quantities = list(dict.fromkeys(q for _, q, _ in series))
    what = ", ".join(quantities) + (plain(" (logarithmic scale)") if frame.logarithmic else "")
    legend_rows = len(series) if len(series) > 1 else 0
    height = HEIGHT + 20 * legend_rows
    groups = [
        Group("title", title, (Words(LEFT, 28, title, 16, True, INK, False),)),
        Group("axes", plain("Axes"), tuple(frame.axes(what))),
    ]
    for k, (label, _, values) in enumerate(series):
        colour = COLOURS[k % len(COLOURS)]
        points = [frame.place(x, y) for x, y in thinned(values)]
        items: list[Path | Words] = [Path(_line(points), None, colour, 1.8)]
        marks = _spread(points)
        items += [Path(_mark(k, x, y), colour) for x, y in marks]
        groups.append(Group("curve", label, tuple(items)))
    if legend_rows:
        rows: list[Path | Words] = []
        for k, (label, _, _) in enumerate(series):
            y = HEIGHT + 20 * k
            colour = COLOURS[k % len(COLOURS)]
            rows.append(Path(_line([(LEFT, y), (LEFT + 28, y)]), None, colour, 1.8))
            rows.append(Path(_mark(k, LEFT + 14, y), colour))
            rows.append(Words(LEFT + 38, y + 4, label, SIZE, False, INK, False))
        groups.append(Group("legend", plain("Legend"), tuple(rows)))
    return Scene(WIDTH, height + 8, title, _described(series), tuple(groups))


def thinned(values: Sequence[float]) -> list[tuple[int, float]]:
    """Points (steps made, value); of many, the highest and lowest of each stretch remain."""
    points = list(enumerate(values))
    if len(points) <= MOST_POINTS:
        return points
    size = math.ceil(2 * len(points) / MOST_POINTS)
    kept = {0, len(points) - 1}
    for start in range(0, len(points), size):
        stretch = range(start, min(start + size, len(points)))
        kept |= {min(stretch, key=values.__getitem__), max(stretch, key=values.__getitem__)}
    return [points[k] for k in sorted(kept)]


class _Frame:
    """The scales and what is drawn of them."""

    def __init__(self, values: Sequence[float], steps: int) -> None:
        self.logarithmic = is_logarithmic(values)
        self.steps = max(steps, 1)
        low, high = _bounded(min(values)), _bounded(max(values))
        if self.logarithmic:
            first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
            every = math.ceil((last - first) / 8)
            self.ticks = [float(e) for e in range(first, last + 1, every)]
            self.low, self.high = math.log10(low), math.log10(high)
            self.low = min(self.low, self.ticks[0])
            self.high = max(self.high, self.ticks[-1])
        else:
            step = nice(high / 5 - low / 5 or abs(high) / 5 or 1.0)
            first, last = math.floor(low / step), math.ceil(high / step)
            last = max(last, first + 1)
            self.ticks = [k * step for k in range(first, last + 1)]
            self.low, self.high = self.ticks[0], self.ticks[-1]

    def place(self, x: float, y: float) -> tuple[float, float]:
        at = math.log10(_bounded(y)) if self.logarithmic else _bounded(y)
        share = (at / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + wide * x / self.steps, HEIGHT - BOTTOM - high * share

    def axes(self, what: str) -> list[Path | Words]:
        items: list[Path | Words] = []
        right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
        for tick in self.ticks:
            value = 10.0**tick if self.logarithmic else tick
            _, y = self.place(0, value)
            items.append(Path(_line([(LEFT, y), (right, y)]), None, GRID, 1.0))
            text = number(value)
            size = Words(0, 0, text, SIZE).width
            items.append(Words(LEFT - 8 - size, y + 4, text, SIZE, False, INK, False))
        every = max(1, int(nice(self.steps / 6)))
        for k in range(0, self.steps + 1, every):
            x = LEFT + (right - LEFT) * k / self.steps
            items.append(Path(_line([(x, floor), (x, floor + 5)]), None, INK, 1.0))
            items.append(Words(x, floor + 20, number(k), SIZE))
        items.append(Path(_line([(LEFT, TOP - 8), (LEFT, floor), (right, floor)]), None, INK, 1.2))
        items.append(Words((LEFT + right) / 2, floor + 42, plain("steps made"), SIZE))
        items.append(Words(LEFT, TOP - 18, what, SIZE, False, INK, False))
        return items


def _bounded(x: float) -> float:
    """Round numbers beyond a value near the end of floating point would overflow."""
    return max(-HUGE, min(x, HUGE))


def nice(x: float) -> float:
    """The least of 1, 2, 5, 10 … times a power of ten that is not below x."""
    power = 10.0 ** math.floor(math.log10(x))
    for factor in (1, 2, 5, 10):
        if factor * power >= x * (1 - 1e-12):
            return factor * power
    return 10 * power


def number(x: float) -> str:
    """Six digits, powers of ten raised: 0.001, 10⁻⁵, 2.5·10⁸."""
    mantissa, e, exponent = f"{x:.6g}".replace("-", "−").partition("e")
    if not e:
        return mantissa
    raised = superscript(exponent.replace("+", "").replace("−0", "−").lstrip("0"))
    return f"10{raised}" if mantissa == "1" else f"{mantissa}·10{raised}"


def _line(points: Sequence[tuple[float, float]]) -> Commands:
    (x, y), *rest = points
    return (("M", x, y), *(("L", a, b) for a, b in rest))


def _spread(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(points) <= MARKS:
        return list(points)
    last = len(points) - 1
    return [points[round(k * last / (MARKS - 1))] for k in range(MARKS)]


def _mark(k: int, x: float, y: float) -> Commands:
    """A disc, a square, a triangle or a diamond."""
    match k % 4:
        case 0:
            return disc(x, y, 3.4)
        case 1:
            return polygon([(x - 3.2, y - 3.2), (x + 3.2, y - 3.2), (x + 3.2, y + 3.2),
                            (x - 3.2, y + 3.2)])  # fmt: skip
        case 2:
            return polygon([(x, y - 4.4), (x + 4, y + 3), (x - 4, y + 3)])
        case _:
            return polygon([(x, y - 4.6), (x + 4.6, y), (x, y + 4.6), (x - 4.6, y)])


def _described(series: Sequence[Series]) -> str:
    """The picture in words, for those who cannot see it."""
    sentences = []
    for label, quantity, values in series:
        steps = len(values) - 1
        lowest = min(range(len(values)), key=values.__getitem__)
        start, end, least = (number(values[k]) for k in (0, -1, lowest))
        holes = {"label": label, "L": quantity, "a": start, "b": end, "least": least, "k": lowest}
        said = Text(
            "{label}: {L} starts at {a} and is {b} after {n} steps; its lowest value, {least}, "
            "stands after {k}.",
            {**holes, "n": steps},
            one="{label}: {L} starts at {a} and is {b} after {n} step; its lowest value, {least}, "
            "stands after {k}.",
        )
        sentences.append(words(said, str, str))
    return " ".join(sentences)
