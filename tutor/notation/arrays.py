"""List terms as grids of entries, abbreviated when they are large."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..expr import Expr, List

SHOWN = 8  # longer axes show their ends only
ENDS = 3


@dataclass(frozen=True)
class Grid:
    """Rows of entries; None is an ellipsis. `size` is set when something was left out."""

    rows: tuple[tuple[Expr | None, ...], ...]
    size: str | None


def array_shape(e: Expr) -> tuple[int, ...] | None:
    """The shape of nested lists, () for anything else, None when ragged or empty."""
    if not isinstance(e, List):
        return ()
    inner = {array_shape(i) for i in e.items}
    if len(inner) != 1:
        return None
    (shape,) = inner
    return None if shape is None else (len(e.items), *shape)


def without_ones(e: List) -> tuple[List, str | None]:
    """An array of order 3 or more without axes of size 1, down to a matrix, and its whole size.

    A 1×1×3×3 kernel is drawn as its 3×3 matrix with the size beside it, not in nested brackets.
    """
    shape = array_shape(e)
    if not shape or len(shape) <= 2 or 1 not in shape:
        return e, None
    kept = list(range(len(shape)))
    for axis, n in enumerate(shape):
        if n == 1 and len(kept) > 2:
            kept.remove(axis)
    found = _squeezed(e, [axis in kept for axis in range(len(shape))])
    assert isinstance(found, List)
    return found, "×".join(map(str, shape))


def _squeezed(e: Expr, kept: list[bool]) -> Expr:
    if not kept or not isinstance(e, List):
        return e
    items = tuple(_squeezed(x, kept[1:]) for x in e.items)
    return List(items) if kept[0] else items[0]


def shorten(
    items: tuple[Expr, ...], shown: int = SHOWN, ends: int = ENDS
) -> tuple[Expr | None, ...]:
    """The items, or their first and last few with None between."""
    if len(items) <= shown:
        return items
    return (*items[:ends], None, *items[-ends:])


def slices(e: List) -> tuple[tuple[Expr | None, ...], str | None]:
    """A tensor's slices, fewer when they are large, and its size when something is left out."""
    shape = array_shape(e)
    if not shape:
        return shorten(e.items), None
    large = math.prod(shape[1:]) > 16
    kept = shorten(e.items, 3, 1) if large else shorten(e.items)
    cut = len(e.items) > len(kept) or max(shape) > SHOWN
    return kept, "×".join(map(str, shape)) if cut else None


def grid(e: List, ends: int | None = None) -> Grid | None:
    """A vector or matrix as a grid (a flat list is a column); None when it is neither.

    ends: keep no more than this many columns at either end, however few there are
    """
    shape = array_shape(e)
    if not shape or len(shape) > 2:
        return None
    count, columns = (*shape, 1)[:2]
    most, kept = (SHOWN, ENDS) if ends is None else (2 * ends, ends)
    shown = 2 * kept + 1 if columns > most else columns
    rows: list[tuple[Expr | None, ...]] = []
    for item in shorten(e.items):
        if item is None:
            rows.append((None,) * shown)
        else:
            rows.append(shorten(item.items, most, kept) if isinstance(item, List) else (item,))
    cut = count > SHOWN or columns > most
    return Grid(tuple(rows), f"{count}×{columns}" if cut else None)
