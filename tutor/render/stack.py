"""A network's layers as a picture: boxes from top to bottom, with the sizes of what flows between.

The structure says where everything stands, so no layout program is needed: parts of a chain stand
below one another on a common line (the spine), branches beside one another. A tall picture is cut
into columns, which are read from left to right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, sqrt

from ..stacks import LayerBlock, LayerBox, Stack
from ..steps import Text
from .dot import shorten
from .scene import INK, Group, Path, Scene, Words, rounded
from .stack_parts import (
    FRAME,
    GAP,
    PLAIN,
    SIDE,
    WEIGHTED,
    Canvas,
    Placed,
    chain,
    end,
    placed,
    plus,
    wire,
)
from .wording import plain
from .wording import words as filled

MARGIN = 18.0  # around all
TURN = 18.0  # from a column's foot to the bend
TALL = 900.0  # a picture that is higher is cut into columns


def drawn(stack: Stack, kinds: Iterable[str], title: str) -> dict[str, bytes]:
    """The network in every kind asked for, as the bytes of a file."""
    from . import picture, stack_text

    scene = draw(stack, title)
    found: dict[str, bytes] = {}
    for kind in kinds:
        match kind:
            case "dot":
                found[kind] = stack_text.to_dot(stack, title).encode()
            case "mermaid":
                found[kind] = stack_text.to_mermaid(stack, title).encode()
            case "tikz":
                from . import tikz

                found[kind] = tikz.picture(scene).encode()
            case "pdf":
                from .pdf import to_page

                with picture.lettered():
                    found[kind] = to_page(draw(stack, title))
            case "svg":
                found[kind] = picture.written(scene).encode()
            case _:
                found[kind] = picture.to_png(picture.written(scene))
    return found


def draw(stack: Stack, title: str) -> Scene:
    """The picture with title, legend and a text alternative."""
    last = stack.parts[-1].output if stack.parts else stack.input
    ends = [end(plain("input"), stack.input), *map(placed, stack.parts), end(plain("output"), last)]
    labels = [stack.input, *(part.output for part in stack.parts), ""]
    columns = _columns(ends, labels)
    head = MARGIN + (30.0 if title else 0.0)
    groups: Canvas = []
    if title:
        shown = shorten(title, 90)
        words = Words(MARGIN, MARGIN + 14, shown, 16, True, INK, False)
        groups.append(Group("title", shown, (words,)))
    x, lowest = MARGIN, head
    foot: tuple[float, float, str] | None = None
    for column, size in columns:
        spine = x + column.left
        top = head + (GAP if foot else 0.0)
        if foot:
            _over(foot, x - SIDE / 2, (spine, top), column.through, groups)
        column.paint(spine, top, groups)
        foot = (spine, top + column.height, size)
        lowest = max(lowest, top + column.height + (TURN if size else 0.0))
        x += column.left + column.right + SIDE
    lowest += 28
    wide = max(x - SIDE, MARGIN + Words(0, 0, shorten(title, 90), 16, True).width)
    wide = max(wide, _legend(stack, lowest, groups))
    return Scene(
        wide + MARGIN, lowest + 12 + MARGIN, shorten(title, 90) or plain("A network"), told(stack),
        tuple(groups),
    )  # fmt: skip


# --- columns -------------------------------------------------------------------------------------


def _columns(parts: Sequence[Placed], labels: Sequence[str]) -> list[tuple[Placed, str]]:
    """The chain, cut into columns of about the same height; each with the size that leaves it."""
    total = sum(p.height + GAP for p in parts)
    wide = max(p.left + p.right for p in parts) + SIDE
    whole = total <= TALL or max(p.height for p in parts) > total / 2
    count = 1 if whole else max(1, ceil(sqrt(total / wide / 1.6)))
    share = max(total / count, max(p.height for p in parts))
    groups = _filled(parts, share)
    while len(groups) > count:  # a little taller, until nothing is left over for one column more
        share *= 1.03
        groups = _filled(parts, share)
    return [
        (chain([parts[k] for k in own], [labels[k] for k in own]), labels[own[-1]])
        for own in groups
    ]


def _filled(parts: Sequence[Placed], share: float) -> list[list[int]]:
    """The numbers of the parts in columns that are no higher than `share`."""
    groups: list[list[int]] = [[]]
    filled = 0.0
    for k, part in enumerate(parts):
        if groups[-1] and filled + part.height > share:
            groups.append([])
            filled = 0.0
        groups[-1].append(k)
        filled += part.height + GAP
    return groups


def _over(
    foot: tuple[float, float, str], gutter: float, head: tuple[float, float], through: bool,
    out: Canvas,
) -> None:  # fmt: skip
    """From the foot of a column to the head of the next."""
    (x, y, label), (to, top) = foot, head
    turn = top - GAP + 6
    line = (("M", x, y), ("L", x, y + TURN), ("L", gutter, y + TURN), ("L", gutter, turn),
            ("L", to, turn), ("L", to, top))  # fmt: skip
    wire(line, label, (x + 6, y + TURN - 4), out, not through)


# --- legend and text alternative -----------------------------------------------------------------

_LEGEND = (
    ("weights", Text("has weights")),
    ("plain", Text("has none")),
    ("sum", Text("sum of the branches")),
    ("repeat", Text("repeated")),
    ("own", Text("repeated, each time with weights of its own")),
)


def _legend(stack: Stack, y: float, out: Canvas) -> float:
    """One row at the foot; how wide it is."""
    present = dict.fromkeys((key for key, _ in _LEGEND), False)
    _seen(stack.parts, present)
    present["repeat"] &= not present["own"]  # one entry for frames
    x, items = MARGIN, []
    for key, meaning in _LEGEND:
        if not present[key]:
            continue
        if key == "sum":
            items += plus(x + 13, y)
        elif key in ("repeat", "own"):
            items.append(Path(rounded(x + 13, y, 26, 16, 5.0), None, FRAME, 1.2))
        else:
            fill, stroke = WEIGHTED if key == "weights" else PLAIN
            heavy = 1.6 if key == "weights" else 1.1
            items.append(Path(rounded(x + 13, y, 26, 16, 3.0), fill, stroke, heavy))
        words = Words(x + 33, y + 4, filled(meaning, str, str), 12.0, False, INK, False)
        items.append(words)
        x += 33 + words.width + 20
    out.append(Group("legend", plain("Legend"), tuple(items)))
    return x - 20


def _seen(parts: Sequence[LayerBox | LayerBlock], present: dict[str, bool]) -> None:
    for part in parts:
        if isinstance(part, LayerBox):
            present["weights" if part.weighted else "plain"] = True
            continue
        key = {"concat": "plain", "repeat": "own" if _learns(part) else "repeat"}.get(part.kind)
        present[key or part.kind] = True
        for branch in part.branches:
            _seen(branch, present)


def _learns(part: LayerBox | LayerBlock) -> bool:
    if isinstance(part, LayerBox):
        return part.weighted
    return any(_learns(p) for branch in part.branches for p in branch)


def told(stack: Stack) -> str:
    """The picture in words, for those who cannot see it."""
    start = plain("Input of {size}.", size=stack.input)
    return " ".join([start, *_told(stack.parts)])


def _told(parts: Sequence[LayerBox | LayerBlock]) -> list[str]:
    said: list[str] = []
    for part in parts:
        if isinstance(part, LayerBox):
            said.append(f"{', '.join(part.lines)}: {part.output}.")
            continue
        if part.kind == "repeat":
            said.append(plain("{n} times:", n=part.times))
            said += _told(part.branches[0])
            said.append(plain("End of the repetition."))
            continue
        for k, branch in enumerate(part.branches, 1):
            said.append(plain("Branch {k}:", k=k))
            said += _told(branch) or [plain("the input itself.")]
        if part.kind == "sum":
            said.append(plain("Their sum: {size}.", size=part.output))
        else:
            said.append(plain("Their concatenation: {size}.", size=part.output))
    return said
