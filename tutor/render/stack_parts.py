"""The parts of a network's picture: boxes, chains, frames and branches, each around its spine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..stacks import LayerBlock, LayerBox
from .dot import shorten
from .scene import INK, Group, Path, Words, arrow, disc, rounded
from .wording import plain

GAP, SIDE = 27.0, 22.0  # between boxes; between branches
STUB = 13.0  # from a junction to the next bend
WIRE, SIZE = "#555555", "#444444"
WEIGHTED = ("#fbd98b", "#8a5a00")  # fill and outline of layers that learn
PLAIN = ("#ffffff", "#444444")
ENDS = ("#e4f0fb", "#2f6690")
FRAME = "#7a7a7a"
NAME, LINE, LABEL = (15.0, 20.0), (12.0, 15.5), 11.5  # size and height of a box's lines; labels

Canvas = list[Group]


@dataclass(frozen=True)
class Placed:
    """Something on the spine: how far it reaches to the left, to the right and down.

    paint: draws it, from the spine's x and the top's y
    through: the line that arrives goes on inside, so that it has no tip at the top
    """

    left: float
    right: float
    height: float
    paint: Callable[[float, float, Canvas], None]
    through: bool = False


def placed(part: LayerBox | LayerBlock) -> Placed:
    """The part with its extents."""
    if isinstance(part, LayerBox):
        return box(part.lines, WEIGHTED if part.weighted else PLAIN, part.output)
    if part.kind == "repeat":
        return _repeat(part)
    return _parallel(part)


def chain(parts: Sequence[Placed], labels: Sequence[str]) -> Placed:
    """Parts below one another, with arrows between and the size beside each."""

    def paint(x: float, y: float, out: Canvas) -> None:
        for k, part in enumerate(parts):
            part.paint(x, y, out)
            y += part.height
            if k < len(parts) - 1:
                line = (("M", x, y), ("L", x, y + GAP))
                wire(line, labels[k], (x + 6, y + GAP / 2 + 3), out, not parts[k + 1].through)
                y += GAP

    sizes = [_label_width(label) for label in labels[:-1]]
    height = sum(p.height for p in parts) + GAP * (len(parts) - 1)
    right = max([p.right for p in parts] + sizes)
    return Placed(max(p.left for p in parts), right, height, paint, parts[0].through)


def box(lines: Sequence[str], colours: tuple[str, str], output: str) -> Placed:
    """Lines in a frame, the first in bold."""
    words = [
        (shorten(line, 40), *(NAME if k == 0 else LINE), k == 0) for k, line in enumerate(lines)
    ]
    wide = max(Words(0, 0, w, size, heavy).width for w, size, _, heavy in words) + 22
    height = sum(tall for _, _, tall, _ in words) + 9

    def paint(x: float, y: float, out: Canvas) -> None:
        fill, stroke = colours
        shape = rounded(x, y + height / 2, wide, height, 4.0)
        items: list[Path | Words] = [Path(shape, fill, stroke, 1.6 if colours == WEIGHTED else 1.1)]
        at = y + 4.5
        for said, size, tall, heavy in words:
            items.append(Words(x, at + tall / 2 + 0.36 * size, said, size, heavy))
            at += tall
        out.append(Group("node", f"{', '.join(w for w, *_ in words)}: {output}", tuple(items)))

    return Placed(wide / 2, wide / 2, height, paint)


def end(name: str, size: str) -> Placed:
    """The box of the input or the output."""
    return box((name,), ENDS, size)


def _repeat(block: LayerBlock) -> Placed:
    """A frame around what comes several times, with their number."""
    (branch,) = block.branches
    inner = chain([placed(p) for p in branch], [p.output for p in branch])
    times = f"× {block.times}"
    room = Words(0, 0, times, NAME[0], True).width + 14

    def paint(x: float, y: float, out: Canvas) -> None:
        left, right = x - inner.left - 12, x + inner.right + 12 + room
        frame = rounded((left + right) / 2, y + height / 2, right - left, height, 9.0)
        words = Words(right - room + 2, y + height / 2 + 5, times, NAME[0], True, INK, False)
        said = plain("repeated {n} times", n=block.times)
        out.append(Group("frame", said, (Path(frame, None, FRAME, 1.2), words)))
        wire((("M", x, y), ("L", x, y + STUB)), "", (x, y), out, not inner.through)
        inner.paint(x, y + STUB, out)
        foot = y + STUB + inner.height
        wire((("M", x, foot), ("L", x, foot + STUB)), "", (x, foot), out, False)

    height = inner.height + 2 * STUB
    return Placed(inner.left + 12, inner.right + 12 + room, height, paint, True)


def _parallel(block: LayerBlock) -> Placed:
    """Branches beside one another; the tallest stands on the spine where there are two."""
    columns = [_column(branch) for branch in block.branches]
    ends = [branch[-1].output if branch else block.passed for branch in block.branches]
    offsets = _offsets(columns)
    tallest = max(c.height for c in columns)
    joint = box(("concat",), PLAIN, block.output) if block.kind == "concat" else None
    half, foot = (joint.left, joint.height) if joint else (9.0, 18.0)

    def paint(x: float, y: float, out: Canvas) -> None:
        below = y + STUB + tallest + GAP
        middle = below + foot / 2
        for column, offset, end in zip(columns, offsets, ends, strict=True):
            at, top = x + offset, y + STUB
            line = (("M", x, y), ("L", x, y + STUB / 2), ("L", at, y + STUB / 2))
            if column.height:
                wire((*line, ("L", at, top)), "", (at, top), out, not column.through)
                column.paint(at, top, out)
                line = (("M", at, top + column.height),)
            spot = (at + 6, top + column.height + GAP / 2 + 3)
            if offset == 0 or (joint and abs(offset) < half - 8):  # straight down into the box
                line = (*line, ("L", at, below))
            else:
                line = (
                    *line,
                    ("L", at, middle),
                    ("L", x + (half if offset > 0 else -half), middle),
                )
            wire(line, end, spot, out)
        if joint:
            joint.paint(x, below, out)
        else:
            out.append(
                Group("node", plain("sum: {size}", size=block.output), tuple(plus(x, middle)))
            )

    sides = [max(c.right, _label_width(e)) for c, e in zip(columns, ends, strict=True)]
    left = max(half, *(c.left - o for c, o in zip(columns, offsets, strict=True)))
    right = max(half, *(w + o for w, o in zip(sides, offsets, strict=True)))
    return Placed(left + 2, right + 2, STUB + tallest + GAP + foot, paint, True)


def _column(branch: Sequence[LayerBox | LayerBlock]) -> Placed:
    if not branch:
        return Placed(4.0, 4.0, 0.0, lambda x, y, out: None)
    return chain([placed(p) for p in branch], [p.output for p in branch])


def _offsets(columns: Sequence[Placed]) -> list[float]:
    """Where each branch stands, from the spine: of two the taller on it, more around it."""
    if len(columns) == 2:
        main = max((0, 1), key=lambda k: columns[k].height)
        found = [0.0, 0.0]
        found[1 - main] = columns[main].right + SIDE + columns[1 - main].left
        return found
    at, found = 0.0, []
    for column in columns:
        found.append(at + column.left)
        at += column.left + column.right + SIDE
    middle = (found[0] + found[-1]) / 2
    return [0.0 if abs(x - middle) < 1 else x - middle for x in found]


# --- strokes -------------------------------------------------------------------------------------


def wire(
    line: tuple[tuple[str | float, ...], ...],
    label: str,
    at: tuple[float, float],
    out: Canvas,
    tip: bool = True,
) -> None:
    """A line from corner to corner, the size that flows along it, and a tip at its end."""
    (_, a, b), (_, x, y) = line[-2], line[-1]
    end = (float(x), float(y))
    length = abs(float(x) - float(a)) + abs(float(y) - float(b))
    dx, dy = ((float(x) - float(a)) / length, (float(y) - float(b)) / length) if length else (0, 1)
    last = (end[0] - 7 * dx, end[1] - 7 * dy) if tip else end
    items: list[Path | Words] = [Path((*line[:-1], ("L", *last)), None, WIRE, 1.1)]
    if tip:
        items.append(Path(arrow(last, end), WIRE))
    if label:
        items.append(Words(*at, shorten(label, 30), LABEL, False, SIZE, False))
    out.append(Group("edge", label or plain("connection"), tuple(items)))


def plus(x: float, y: float) -> list[Path | Words]:
    """The sign of a sum, in a circle."""
    arms = ((("M", x - 5, y), ("L", x + 5, y)), (("M", x, y - 5), ("L", x, y + 5)))
    return [
        Path(disc(x, y, 9.0), PLAIN[0], PLAIN[1], 1.3),
        *(Path(arm, None, PLAIN[1], 1.6) for arm in arms),
    ]


def _label_width(label: str) -> float:
    return Words(0, 0, shorten(label, 30), LABEL).width + 10 if label else 0.0
