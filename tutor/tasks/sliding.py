"""How a convolution or pool slides, as arrays to draw: the first window, and where it comes out."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from ..expr import Expr, Name, Num
from ..problem.layer_spec import Window
from ..problem.lines import Line
from ..steps import Grid, Picture, Place, Text
from ..value import Value
from .windows import operand, slides, term, windows
from .workspace import Workspace

MOST = 8  # rows or columns of an array that is drawn, with its padding


def picture(ws: Workspace, line: Line) -> Picture | None:
    """The first window of a line that slides over one small array of numbers."""
    value = ws.paper(line) if slides(line) else None
    if value is None or line.op is None or "transpose" in line.op.name:
        return None
    sliding = windows(ws, line)
    x = operand(ws, line.terms[0])
    sizes = [w.size for w in sliding]
    outside = [w.before + w.size + w.after for w in sliding]
    if len(sliding) > 2 or x is None or x.size != np.prod(sizes) or max(outside) > MOST:
        return None
    if any(w.ceil_mode for w in sliding):
        return None
    places = [range(0, n - (w.kernel - 1) * w.dilation, w.stride)
              for n, w in zip(outside, sliding, strict=True)]  # fmt: skip
    counts = [len(p) for p in places]
    if value.data.size != np.prod(counts):
        return None
    conv = line.op.name.startswith("conv")
    zero = Num("0") if conv or line.op.name.startswith("avg") else None
    grids = [_input(line, x.reshape(sizes), sliding, zero)]
    if conv:
        w = operand(ws, line.terms[1])
        if w is None or w.size != np.prod([v.kernel for v in sliding]):
            return None
        w = w.reshape([v.kernel for v in sliding])
        if line.parameters.get("_conv_") == "convolution":
            w = w[tuple(slice(None, None, -1) for _ in sliding)]
        grids.append(Grid(_name(line, 1), _cells(w), framed=_all(w)))
    elif line.op.name.startswith("max"):
        split = line.parameters.get("_ties") == "split"
        numbers = Value(x).floats().reshape(sizes)
        grids[0] = _won(grids[0], np.atleast_2d(numbers), sliding, places, split)
    result = Grid(Name(line.name), _cells(value.data.reshape(counts)), framed=((0, 0),))
    signs = ("⋆", "→") if conv else ("→",)
    return Picture((*grids, result), signs, _words(line, conv, bool(grids[0].winners)))


def _words(line: Line, conv: bool, won: bool) -> Text:
    args = {"x": _name(line, 0), "y": Name(line.name)}
    if conv:
        args["w"] = _name(line, 1)
        biased = len(line.terms) > 2 and line.terms[2] is not None
        if biased:
            args["b"] = _name(line, 2)
        message = (
            "The framed window of {x}, times {w} entry by entry and summed, gives the framed entry "
            "of {y}; then the window moves on."
        )
        if biased:
            message = message.replace("summed,", "summed, plus {b},")
        if line.parameters.get("_conv_") == "convolution":
            message += " Convolution turns {w} around first; here it stands turned."
        return Text(message, args)
    message = "The framed window of {x} gives the framed entry of {y}; then the window moves on."
    if won:
        message += " The largest entry of each window is in bold."
    return Text(message, args)


def _name(line: Line, k: int) -> Expr:
    term = line.terms[k]
    assert term is not None
    return term


def _input(line: Line, x: np.ndarray, sliding: list[Window], zero: Expr | None) -> Grid:
    """The array in its padding, the first window framed."""
    x = np.atleast_2d(x)
    (top, bottom), (left, right) = _sides(sliding)
    rows = _cells(x)
    wide = x.shape[1] + left + right
    around: list[tuple[Expr | None, ...]] = [(zero,) * wide]
    body = [((zero,) * left) + row + ((zero,) * right) for row in rows]
    cells = (*around * top, *body, *around * bottom)
    inside = {(i + top, j + left) for i in range(x.shape[0]) for j in range(x.shape[1])}
    padding = tuple(p for p in product(range(len(cells)), range(wide)) if p not in inside)
    framed = _window((0,) * len(sliding), sliding)
    return Grid(_name(line, 0), cells, padding, tuple(framed))


def _sides(sliding: list[Window]) -> list[tuple[int, int]]:
    found = [(w.before, w.after) for w in sliding]
    return found if len(found) == 2 else [(0, 0), *found]


def _window(start: tuple[int, ...], sliding: list[Window]) -> list[Place]:
    """The cells of the window that begins there, in the padded array."""
    axes = [[s + k * w.dilation for k in range(w.kernel)]
            for s, w in zip(start, sliding, strict=True)]  # fmt: skip
    return [(p if len(p) == 2 else (0, *p)) for p in product(*axes)]  # type: ignore[misc]


def _won(
    grid: Grid, x: np.ndarray, sliding: list[Window], places: list[range], split: bool
) -> Grid:
    """The grid with the winner of each window: the first of equals, or all where ties share."""
    winners: list[Place] = []
    outside = set(grid.padding)
    (top_rows, _), (left_columns, _) = _sides(sliding)
    for start in product(*places):
        inside = [p for p in _window(start, sliding) if p not in outside]
        values = {p: x[p[0] - top_rows, p[1] - left_columns] for p in inside}
        if not values:
            continue
        top = max(values.values())
        won = [p for p in inside if values[p] == top]
        winners += [p for p in (won if split else won[:1]) if p not in winners]
    return Grid(grid.name, grid.cells, grid.padding, grid.framed, tuple(sorted(winners)))


def _cells(data: Any) -> tuple[tuple[Expr | None, ...], ...]:
    return tuple(tuple(term(x) for x in row) for row in np.atleast_2d(data))


def _all(data: np.ndarray) -> tuple[Place, ...]:
    rows = np.atleast_2d(data)
    return tuple((i, j) for i in range(rows.shape[0]) for j in range(rows.shape[1]))
