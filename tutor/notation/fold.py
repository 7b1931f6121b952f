"""Blocks that are wider than the paper, folded at their signs into rows one under the other.

A block is made of blocks side by side, so that a sign between two of them stands in columns of its
own: the block can be cut there from top to bottom. Within brackets it is not cut.
"""

from __future__ import annotations

from dataclasses import dataclass

from .block import Block, pad, width

INDENT = 2  # of every row but the first
_SIGNS = {" + ": 0, " − ": 0, " ⊙ ": 1, " ⊘ ": 1, " ⋆ ": 1, " ⊗ ": 1}
_OPENING, _CLOSING = "[⎡⎢⎣", "]⎤⎥⎦"
_DEEPER, _HIGHER = "(⎛⎜⎝", ")⎞⎟⎠"
DEPTH = 3  # a cut within one more pair of parentheses is worth so many kinds of sign


@dataclass(frozen=True)
class Cut:
    """A column before which a block may be cut, and how much that is to be avoided."""

    at: int
    cost: int


def folded(b: Block, columns: int) -> Block | None:
    """The block in rows of at most `columns`; None if it cannot be cut so."""
    grid = [_columns(row) for row in b.lines]
    cuts = _cuts(grid, b.base)
    rows: list[Block] = []
    start = 0
    while True:
        room = columns - (INDENT if rows else 0)
        if b.width - start <= room:
            rows.append(_part(grid, start, b.width, b.base))
            break
        near = [c for c in cuts if start < c.at <= start + room]
        far = [c for c in near if c.at > start + room // 3] or near
        if not far:
            return None
        best = min(far, key=lambda c: (c.cost, -c.at))
        rows.append(_part(grid, start, best.at, b.base))
        start = best.at
    lines = [" " * (INDENT if k else 0) + x for k, row in enumerate(rows) for x in row.lines]
    size = max(map(width, lines))
    return Block(tuple(pad(x, size) for x in lines), rows[0].base)


def _columns(row: str) -> list[str]:
    """What stands in each column: a character with its marks; nothing behind a wide one."""
    cells: list[str] = []
    for c in row:
        match width(c):
            case 0 if cells:
                cells[-1] += c
            case 2:
                cells += [c, ""]
            case _:
                cells.append(c)
    return cells


def _cuts(grid: list[list[str]], base: int) -> list[Cut]:
    found: list[Cut] = []
    row = grid[base]
    brackets = parentheses = 0
    for k, c in enumerate(row):
        brackets += (c[:1] in _OPENING if c else 0) - (c[:1] in _CLOSING if c else 0)
        parentheses += (c[:1] in _DEEPER if c else 0) - (c[:1] in _HIGHER if c else 0)
        if brackets or not k:
            continue
        kind = _kind(grid, row, k)
        if kind is not None:
            found.append(Cut(k, parentheses * DEPTH + kind))
    return found


def _kind(grid: list[list[str]], row: list[str], k: int) -> int | None:
    """How bad a cut before column k is; None where there can be none."""
    if (sign := "".join(row[k : k + 3])) in _SIGNS:
        return _SIGNS[sign]
    if row[k] == "·" and not (row[k - 1].isdigit() and "".join(row[k : k + 3]).startswith("·10")):
        return 1
    if row[k] == " " and row[k - 1] == ",":
        return 2
    blank = all(cells[k] == " " for cells in grid)
    beside = "".join(row[k - 1 : k + 2])
    return 2 if blank and not any(s.strip() in beside for s in _SIGNS) else None


def _part(grid: list[list[str]], start: int, end: int, base: int) -> Block:
    """The columns from start to end, without empty lines above and below."""
    rows = ["".join(cells[start:end]) for cells in grid]
    if all(row[:1] == " " for row in rows if row):
        rows = [row[1:] for row in rows]
    used = [k for k, row in enumerate(rows) if row.strip(f" {_DEEPER}{_HIGHER}") or k == base]
    kept = [_columns(row) for row in rows[used[0] : used[-1] + 1]]
    size = max(map(len, kept))
    kept = [[*row, *" " * (size - len(row))] for row in kept]
    for column in range(size):
        for shapes in (_DEEPER, _HIGHER):
            _reach(kept, column, shapes)
    return Block(tuple("".join(row) for row in kept), base - used[0])


def _reach(rows: list[list[str]], column: int, shapes: str) -> None:
    """Give a parenthesis its ends again, where lines above or below it are gone."""
    small, top, middle, bottom = shapes
    found = [k for k, row in enumerate(rows) if row[column] and row[column] in shapes]
    runs: list[list[int]] = []
    for k in found:
        if runs and runs[-1][-1] == k - 1 and rows[k][column] not in (top, small):
            runs[-1].append(k)
        else:
            runs.append([k])
    for run in runs:
        for k in run:
            end = top if k == run[0] else bottom if k == run[-1] else middle
            rows[k][column] = small if len(run) == 1 else end
