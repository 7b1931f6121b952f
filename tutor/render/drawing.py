"""The look of a picture: what stands where becomes paths and texts.

Colours carry meaning twice: each kind of node has its own outline as well as its own fill, and the
fills differ in lightness, so that a greyscale print says the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..steps import Text
from .dot import BACKWARD, LINES
from .layout import Box, Layout, Wire, text_of
from .scene import INK, Group, Path, Scene, Words, arrow, disc, polygon, rounded
from .wording import plain, words

MARGIN = 18.0
COLOURS = {"value": "#0d5a25", "gradient": BACKWARD, "size": "#444444"}
SYMBOLS = ("symbol", "mark", "word")  # roles of the line that shows the operation
WIRE = "#555555"
LEGEND = 12.0  # size of its text


@dataclass(frozen=True)
class Kind:
    """How a kind of node is drawn, and what the legend calls it."""

    fill: str
    stroke: str
    weight: float
    legend: Text
    said: Text  # a sentence about {it}


KINDS = {
    "input": Kind("#e4f0fb", "#2f6690", 1.3, Text("given"), Text("Given {it}.")),
    "parameter": Kind("#fbd98b", "#8a5a00", 1.6, Text("parameter"), Text("Parameter {it}.")),
    "operation": Kind("#ffffff", "#444444", 1.1, Text("operation"), Text("Operation {it}.")),
    "output": Kind("#cfb8e3", "#5b3a82", 1.3, Text("output"), Text("Output {it}.")),
}


def draw(layout: Layout) -> Scene:
    """Everything at its place, with title, legend and a text alternative."""
    title = text_of(layout.attributes.get("label", ""))
    legend = _entries(layout)
    wide = max(layout.width, 360.0, Words(0, 0, title, 16, True).width)
    # Rather a little wider than a legend that breaks.
    whole = sum(_entry_width(entry) for entry in legend)
    wide = whole if wide < whole < 1.4 * wide else wide
    head = MARGIN + (30 if title else 0)
    left = MARGIN + (wide - layout.width) / 2
    # From the topmost thing, since Graphviz has kept room there for its own title.
    highest, lowest = _span(layout)
    top = head - highest
    groups = []
    if title:
        words = Words(MARGIN, MARGIN + 14, title, 16, True, INK, False)
        groups.append(Group("title", title, (words,)))
    boxes = {box.name: box for box in layout.boxes}
    groups += [_wire(wire, boxes, left, top) for wire in layout.wires]
    groups += [_node(box, left, top) for box in layout.boxes]
    below = top + lowest + 26
    rows = _flow(legend, wide)
    items = tuple(item for i, row in enumerate(rows) for item in _row(row, below + 24 * i))
    if items:
        groups.append(Group("legend", plain("Legend"), items))
    height = below + 24 * len(rows) - 12 + MARGIN if rows else below
    return Scene(
        wide + 2 * MARGIN,
        height,
        title or plain("Computational graph"),
        _describe(layout),
        tuple(groups),
    )


def _span(layout: Layout) -> tuple[float, float]:
    """The highest and the lowest y of anything in the graph."""
    ys = [y for b in layout.boxes for y in (b.y - b.height / 2, b.y + b.height / 2)]
    for wire in layout.wires:
        ys += [y for _, y in wire.curve]
        if wire.label_at is not None:
            ys += [wire.label_at[1] - 8, wire.label_at[1] + 8]
    return min(ys, default=0.0), max(ys, default=0.0)


# --- nodes and edges ---------------------------------------------------------------------------


def _lines(box: Box) -> list[tuple[str, str]]:
    """The lines of a node's label, each with its role."""
    _, *roles = box.attributes.get("class", "operation").split()
    return list(zip(roles, text_of(box.attributes.get("label", "")).split("\n"), strict=False))


def _kind(box: Box) -> str:
    kind = box.attributes.get("class", "operation").split()[0]
    return kind if kind in KINDS else "operation"


def _node(box: Box, left: float, top: float) -> Group:
    kind = _kind(box)
    x, y = box.x + left, box.y + top
    items: list[Path | Words] = _outline(kind, x, y, box.width, box.height)
    lines = _lines(box)
    y -= sum(LINES[role][2] for role, _ in lines) / 2
    for role, line in lines:
        size, heavy, tall = LINES[role]
        # Capitals are 0.73 of the size high; their middle goes to the middle of the line.
        baseline = y + tall / 2 + 0.36 * size
        items.append(Words(x, baseline, line, size, heavy, COLOURS.get(role, INK)))
        y += tall
    said = ", ".join([words(KINDS[kind].legend, str, str), *(line for _, line in lines)])
    return Group(f"node {kind}", said, tuple(items))


def _outline(kind: str, x: float, y: float, w: float, h: float) -> list[Path | Words]:
    look = KINDS[kind]
    if kind == "parameter":
        cut = min(14.0, h / 3)
        corners = ((0, h / 2), (cut, 0), (w - cut, 0), (w, h / 2), (w - cut, h), (cut, h))
        shape = polygon([(x - w / 2 + a, y - h / 2 + b) for a, b in corners])
    else:
        shape = rounded(x, y, w, h, min(14.0, h / 2) if kind == "input" else 2.0)
    paths: list[Path | Words] = [Path(shape, look.fill, look.stroke, look.weight)]
    if kind == "output":
        paths.append(Path(rounded(x, y, w - 7, h - 7, 1.0), None, look.stroke, look.weight))
    return paths


def _wire(wire: Wire, boxes: dict[str, Box], left: float, top: float) -> Group:
    curve = [(x + left, y + top) for x, y in wire.curve]
    data: list[tuple[str | float, ...]] = [("M", *curve[0])]
    for i in range(1, len(curve) - 2, 3):
        data.append(("C", *curve[i], *curve[i + 1], *curve[i + 2]))
    items: list[Path | Words] = []
    colour = BACKWARD if wire.backward else WIRE
    if wire.root is not None and wire.backward:
        tip = wire.root[0] + left, wire.root[1] + top
        items.append(Path(arrow(curve[0], tip), colour))
    elif wire.root is not None:
        root = wire.root[0] + left, wire.root[1] + top
        data[0] = ("M", *root)
        data.insert(1, ("L", *curve[0]))
        items.append(Path(disc(*root), WIRE))
    items.insert(0, Path(tuple(data), None, colour, 1.1))
    if wire.tip is not None:
        items.append(Path(arrow(curve[-1], (wire.tip[0] + left, wire.tip[1] + top)), WIRE))
    if wire.label and wire.label_at is not None:
        x, y = wire.label_at
        ink = BACKWARD if wire.backward else COLOURS["size"]
        items.append(Words(x + left, y + top + 4, wire.label, 11.5, False, ink))
    tail, head = (_called(boxes[name]) for name in (wire.tail, wire.head))
    if wire.backward:
        ends = plain("back from {a} to {b}", a=head, b=tail)
    else:
        ends = plain("from {a} to {b}", a=tail, b=head)
    return Group("edge", ends + (f", {wire.label}" if wire.label else ""), tuple(items))


# --- legend and text alternative ---------------------------------------------------------------

Entry = tuple[str, str]  # (kind, "dot", "wire", or the role of a line; what it means)


def _entries(layout: Layout) -> list[Entry]:
    present = {_kind(box) for box in layout.boxes}
    roles = {role for box in layout.boxes for role, _ in _lines(box)}
    entries = [
        (kind, words(look.legend, str, str)) for kind, look in KINDS.items() if kind in present
    ]
    forward = [wire for wire in layout.wires if not wire.backward]
    if "jacobians" in layout.attributes:
        entries.append(("wire", plain("derivative along the edge, and the size of its Jacobian")))
    elif any(wire.label for wire in forward):
        entries.append(("wire", plain("size of what flows (no label: a scalar)")))
    elif forward:
        entries.append(("wire", plain("a scalar flows")))
    if len(forward) < len(layout.wires):
        tails = [wire.tail for wire in layout.wires if wire.backward]
        if len(set(tails)) < len(tails):
            said = plain("gradient that flows back, and its size; where several arrive, they add")
        else:
            said = plain("gradient that flows back, and its size")
        entries.append(("back", said))
    if any(wire.root is not None for wire in forward):
        if "gradient" in roles:
            entries.append(("dot", plain("used more than once: its gradients add")))
        else:
            entries.append(("dot", plain("used more than once")))
    if "value" in roles:
        entries.append(("value", plain("forward value")))
    if "gradient" in roles:
        entries.append(
            ("gradient", text_of(layout.attributes.get("gradient", "")) or plain("gradient"))
        )
    return entries


def _entry_width(entry: Entry) -> float:
    swatch = 0.0 if entry[0] in COLOURS else 34.0
    return swatch + Words(0, 0, entry[1], LEGEND).width + 22


def _flow(entries: list[Entry], wide: float) -> list[list[Entry]]:
    rows: list[list[Entry]] = []
    used = wide + 1
    for entry in entries:
        needed = _entry_width(entry)
        if used + needed - 22 > wide:
            rows.append([])
            used = 0.0
        rows[-1].append(entry)
        used += needed
    return rows


def _row(row: list[Entry], y: float) -> list[Path | Words]:
    items: list[Path | Words] = []
    x = MARGIN
    for what, meaning in row:
        start, colour = x, INK
        if what in COLOURS:
            colour = COLOURS[what]
        else:
            start += 34
            if what in KINDS:
                items += _outline(what, x + 14, y, 27, 17)
            else:
                colour = BACKWARD if what == "back" else INK
                a, b, tip = (x + 28, x + 7, x) if what == "back" else (x, x + 21, x + 28)
                stroke = BACKWARD if what == "back" else WIRE
                items.append(Path((("M", a, y), ("L", b, y)), None, stroke, 1.1))
                items.append(Path(arrow((b, y), (tip, y)), stroke))
                if what == "dot":
                    items.append(Path(disc(x + 3, y), WIRE))
        items.append(Words(start, y + 4, meaning, LEGEND, False, colour, False))
        x += _entry_width((what, meaning))
    return items


def _called(box: Box) -> str:
    """What a node is called in words: its name, without the formula."""
    for role, line in _lines(box):
        if role not in SYMBOLS:
            return line.split(" = ")[0]
    return box.name


def _describe(layout: Layout) -> str:
    """The picture in words, for those who cannot see it."""
    boxes = {box.name: box for box in layout.boxes}
    into: dict[str, list[str]] = {name: [] for name in boxes}
    for wire in layout.wires:
        size = f" ({wire.label})" if wire.label and not wire.backward else ""
        into[wire.head].append(_called(boxes[wire.tail]) + size)
    sentences = []
    for box in layout.boxes:
        said = ", ".join(text for role, text in _lines(box) if role not in SYMBOLS)
        if into[box.name]:
            sources = plain(" and ").join(into[box.name])
            said = plain("{it}, from {sources}", it=said, sources=sources)
        sentences.append(words(replace(KINDS[_kind(box)].said, args={"it": said}), str, str))
    for wire in reversed(layout.wires):
        if wire.backward:
            tail, head = _called(boxes[wire.tail]), _called(boxes[wire.head])
            sentences.append(plain("Back from {a} to {b} flows {g}.", a=head, b=tail, g=wire.label))
    return " ".join(sentences)
