"""Arrays to draw for what slides: the input in its padding, the window, the kernel, the result."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np

from ..expr import Call, Expr, Name, Num
from ..steps import Grid, Picture, Place, Text, in_turn
from ..value import Value
from .slid import MOST, At, Slid, cell, operand_name
from .windows import term

MOST_CHANNELS = 3  # arrays of one kind side by side


def forward_picture(s: Slid, place: At) -> Picture | None:
    """The window at a place of the first example and output channel, and the entry it gives."""
    channels = s.channels_of(0)
    if not drawable(s) or len(channels) > MOST_CHANNELS:
        return None
    window = [s.met(place, tap) for tap in s.taps]
    grids: list[Grid] = []
    for k, c in enumerate(channels):
        winners = won(s, 0, c) if s.kind == "max" else ()
        name = s.of_input(operand_name(s.line, 0), 0, c)
        grids.append(input_grid(s, name, s.x[0, c], window, winners))
        if s.w is not None:
            kernel = s.of_kernel(operand_name(s.line, 1), 0, k)
            kernel = Call("flip", (kernel,)) if s.flipped else kernel
            grids.append(grid_of(kernel, s.w[0, k], s.taps))
    grids.append(grid_of(s.of_output(Name(s.line.name), 0, 0), s.y[0, 0], [place]))
    pair = ("⋆",) if s.w is not None else ()
    signs = (*pair, *(("+", *pair) * (len(channels) - 1)), "→")
    return Picture(tuple(grids), signs, _words(s, len(channels) > 1, bool(grids[0].winners)))


def drawable(s: Slid) -> bool:
    """Whether the arrays have at most two axes and few rows and columns."""
    outside = [w.before + w.size + w.after for w in s.windows]
    return s.space < 3 and max(outside) <= MOST


def _words(s: Slid, several: bool, won_: bool) -> Text:
    x, y = operand_name(s.line, 0), Name(s.line.name)
    if s.w is None:
        if won_:
            return Text(
                "The framed window of {x} gives the framed entry of {y}; then the window moves on. "
                "The largest entry of each window is marked.",
                {"x": x, "y": y},
            )
        return Text(
            "The framed window of {x} gives the framed entry of {y}; then the window moves on.",
            {"x": x, "y": y},
        )
    w = operand_name(s.line, 1)
    slides = Call("flip", (w,)) if s.flipped else w
    holes: dict[str, Any] = {"x": x, "w": slides, "y": y}
    if len(s.line.terms) > 2 and s.line.terms[2] is not None:
        holes["b"] = operand_name(s.line, 2)
        said = Text(
            "The framed window of {x}, times {w} entry by entry and summed, plus {b}, gives the "
            "framed entry of {y}; then the window moves on.",
            holes,
        )
    else:
        said = Text(
            "The framed window of {x}, times {w} entry by entry and summed, gives the framed entry "
            "of {y}; then the window moves on.",
            holes,
        )
    if several:
        said = in_turn(said, Text("Every channel has its own kernel; what they give is added."))
    if s.flipped:
        turned = Text("Convolution turns {w} around first; here it stands turned.", {"w": w})
        said = in_turn(said, turned)
    return said


# -- arrays ---------------------------------------------------------------------------------------


def input_grid(
    s: Slid, name: Expr, x: np.ndarray, framed: Iterable[At], winners: Iterable[At] = ()
) -> Grid:
    """An array of the input's size in its padding; positions are those of the array."""
    zero = None if s.kind == "max" else Num("0")
    sides = [(w.before, w.after) for w in s.windows]
    (top, bottom), (left, right) = sides if len(sides) == 2 else [(0, 0), *sides]
    rows = cells(x)
    wide = len(rows[0]) + left + right
    around: list[tuple[Expr | None, ...]] = [(zero,) * wide]
    body = [((zero,) * left) + row + ((zero,) * right) for row in rows]
    whole = (*around * top, *body, *around * bottom)
    inside = {(i + top, j + left) for i in range(len(rows)) for j in range(len(rows[0]))}
    padding = tuple(p for p in product(range(len(whole)), range(wide)) if p not in inside)

    def moved(at: At) -> Place:
        i, j = cell(at)
        return i + top, j + left

    seen = {p for p in product(range(len(whole)), range(wide))}
    frame = tuple(p for p in map(moved, framed) if p in seen)
    return Grid(name, whole, padding, frame, tuple(sorted(map(moved, winners))))


def grid_of(name: Expr, data: np.ndarray, framed: Iterable[At] = ()) -> Grid:
    return Grid(name, cells(data), framed=tuple(cell(at) for at in framed))


def cells(data: Any) -> tuple[tuple[Expr | None, ...], ...]:
    return tuple(tuple(term(x) for x in row) for row in np.atleast_2d(data))


# -- winners --------------------------------------------------------------------------------------


def winners_at(s: Slid, example: int, channel: int, place: At) -> list[At]:
    """The largest entries of a window: the first of equals, or all where ties share."""
    inside = [i for i in (s.met(place, tap) for tap in s.taps) if s.inside(i)]
    exact = s.x[example, channel]
    floats = Value(exact).floats()
    top = max((floats[i] for i in inside), default=None)
    found = [i for i in inside if floats[i] == top]
    return found if s.split else found[:1]


def won(s: Slid, example: int, channel: int) -> list[At]:
    """All positions that some window keeps."""
    found = {i for place in s.places for i in winners_at(s, example, channel, place)}
    return sorted(found)
