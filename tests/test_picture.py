"""Pictures of computational graphs: what is drawn, that it fits, and that it is drawn safely."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
import sympy

from tutor import limits
from tutor.errors import InputError, ToolError
from tutor.expr import Binary, Call, Expr, List, Name, Neg, Num, Partial, Transpose
from tutor.render import dot as dot_module
from tutor.render import drawing, font
from tutor.render import layout as layout_module
from tutor.render.layout import Box, Layout, layout
from tutor.render.picture import to_dot, to_pdf, to_png, to_svg
from tutor.steps import Diagram, DiagramEdge, DiagramNode
from tutor.value import Value

SVG = "{http://www.w3.org/2000/svg}"


# --- diagrams to draw ---------------------------------------------------------------------------


def label(e: Expr) -> str:
    """A plain notation of its own, so that these tests do not depend on the printers."""
    match e:
        case Num(text=text):
            return text
        case Name(id=name):
            return name
        case Neg(arg=arg):
            return "−" + label(arg)
        case Transpose(arg=arg):
            return label(arg) + "ᵀ"
        case Binary(op=op, left=left, right=right):
            return f"{label(left)} {op} {label(right)}"
        case Call(func=func, args=args):
            return f"{func}({', '.join(map(label, args))})"
        case List(items=items):
            return f"[{', '.join(map(label, items))}]"
        case Partial(of=of, wrt=wrt):
            return f"∂{label(of)}/∂{label(wrt)}"
    raise AssertionError(e)


def exact(entries: object) -> Value:
    array = np.array(entries, dtype=object)
    return Value(
        np.vectorize(sympy.sympify, otypes=[object])(array).astype(object).reshape(array.shape)
    )


def floats(entries: object) -> Value:
    return Value(np.array(entries, dtype=float))


def node(name: str, kind: str, op: str | None, term: Expr | None, shape: tuple[int, ...],
         value: Value | None = None, gradient: Value | None = None) -> DiagramNode:  # fmt: skip
    sides = {0: (1, 1), 1: (*shape, 1)}.get(len(shape), shape)
    dims = "×".join(map(str, sides))
    return DiagramNode(name, name, kind, op, term, shape, dims, value, gradient)


def diagram(nodes: list[DiagramNode], *edges: str, of: str | None = None) -> Diagram:
    dims = {n.id: n.dims for n in nodes}
    ends = [tuple(e.split(">")) for e in edges]
    return Diagram(tuple(nodes), tuple(DiagramEdge(a, b, dims[a], "1×1") for a, b in ends), of)


x, w, b, z1, z2, y = (Name(n) for n in ("x", "w", "b", "z1", "z2", "y"))

NEURON = diagram(
    [
        node("x", "input", None, None, (2,), exact([2, 1])),
        node("w", "parameter", None, None, (2,), exact(["pi/2", "pi"]), exact([-12, -6])),
        node("b", "input", None, None, (), exact(1), exact(6)),
        node("z1", "operation", "@", Binary("@", Transpose(w), x), (), exact("2*pi"), exact(-6)),
        node("z2", "operation", "sin", Call("sin", (z1,)), (), exact(0), exact(-6)),
        node("y", "operation", "-", Binary("-", z2, b), (), exact(-1), exact(-6)),
        node("L", "output", "**", Binary("**", y, Num("2")), (), exact(1), exact(1)),
    ],
    "x>z1", "w>z1", "z1>z2", "z2>y", "b>y", "y>L", of="L",
)  # fmt: skip

ONES = np.ones((6, 5))

TWICE = diagram(
    [
        node("x", "input", None, None, (2,), exact([2, 1]), exact([4, 2])),
        node("A", "parameter", None, None, (6, 5), floats(ONES), floats(ONES)),
        node("z1", "operation", "@", Binary("@", x, w), (1, 2)),
        node("z2", "operation", "*", Binary("*", z1, z1), (1, 2)),
        node("s", "output", "softmax", Call("softmax", (x, z1)), (3,)),
    ],
    "x>z1", "A>z1", "z1>z2", "z1>z2", "x>s", "z2>s", of="s",
)  # fmt: skip


def wide(n: int) -> Diagram:
    """A layered graph with crossing edges and labels."""
    nodes = [node(f"x{i}", "input", None, None, (i + 2,)) for i in range(n)]
    edges = []
    for i in range(n):
        nodes.append(node(f"h{i}", "operation", "+", Binary("+", x, y), (3, 3)))
        edges += [f"x{i}>h{i}", f"x{(i + 1) % n}>h{i}", f"h{i}>L"]
    nodes.append(node("L", "output", "sum", Call("sum", (x,)), ()))
    return diagram(nodes, *edges)


DIAGRAMS = {"neuron": NEURON, "twice": TWICE, "wide": wide(5)}


def draw_dot(d: Diagram, full: bool = True, title: str | None = "Title") -> str:
    return to_dot(d, values=full, gradients=full, title=title, names={}, label=label)


@pytest.fixture(params=["embedded", "system"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two programs that can lay out a graph."""
    if request.param == "embedded":
        monkeypatch.setenv("PATH", os.devnull)
    elif shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    return request.param


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)


def texts(svg: str) -> list[str]:
    return [t.text or "" for t in ET.fromstring(svg).iter(f"{SVG}text")]


# --- what the picture says ----------------------------------------------------------------------


def test_every_label_is_drawn(engine: str) -> None:
    drawn = texts(to_svg(draw_dot(NEURON)))
    wanted = [
        "Title", "x", "= [2, 1]", "w", "= [pi / 2, pi]", "∂L/∂w = [−12, −6]", "•",
        "z1 = wᵀ @ x", "sin", "z2 = sin(z1)", "∂L/∂z2 = −6", "−", "y = z2 - b", "( )²",
        "L = y ** 2", "∂L/∂L = 1", "2×1", "given", "parameter", "operation", "output",
        "size of what flows (no label: a scalar)", "forward value", "gradient ∂L/∂·",
    ]  # fmt: skip
    assert [t for t in wanted if t not in drawn] == []
    assert "1×1" not in drawn and drawn.count("2×1") == 2


def test_values_and_gradients_only_on_request(embedded: None) -> None:
    drawn = texts(to_svg(draw_dot(NEURON, full=False, title=None)))
    assert [t for t in drawn if "=" in t] == [
        "z1 = wᵀ @ x",
        "z2 = sin(z1)",
        "y = z2 - b",
        "L = y ** 2",
    ]
    assert not [t for t in drawn if "value" in t or "gradient" in t or t == "Title"]


def test_a_node_used_twice_is_marked(embedded: None) -> None:
    dot = draw_dot(TWICE)
    marked = [line.split(":e")[0].strip() for line in dot.splitlines() if "arrowtail=dot" in line]
    assert marked == ["n0", "n2", "n2", "n0"]
    assert "used more than once: its gradients add" in texts(to_svg(dot))
    assert "used more than once" in texts(to_svg(draw_dot(TWICE, full=False)))
    assert "arrowtail" not in draw_dot(NEURON)


def test_an_output_without_edges_says_its_size(embedded: None) -> None:
    assert "3×1" in texts(to_svg(draw_dot(TWICE)))


VALUES = [
    (exact("pi/2"), ["= pi / 2"]),
    (exact([1, "1/3"]), ["= [1, 1 / 3]"]),
    (floats(2 / 3), ["≈ 0.6667"]),
    (floats([1.0, 2 / 3]), ["≈ [1, 0.6667]"]),
    (exact([[1, 0], [0, 1]]), ["= [[1, 0], [0, 1]]"]),
    (exact([["1234567/8", 0], [0, "pi/2"]]), ["[[1234567 / 8, 0],", "[0, pi / 2]]"]),
    (exact("12345678901234567/98765432109876543"), ["≈ 0.125"]),
    (floats([[0.12345] * 3] * 2), ["[[0.1235, 0.1235, 0.1235],", "[0.1235, 0.1235, 0.1235]]"]),
    (exact([2, 1, 0, 3, 1, 2]), ["= [2, 1, 0, 3, 1, 2]"]),
    (floats([-0.12345678] * 7), ["= (7×1 numbers)"]),
    (exact(np.zeros((4, 6), int).tolist()), ["= (4×6 numbers)"]),
    (floats(np.zeros((2, 2, 2))), ["= (2×2×2 numbers)"]),
]


@pytest.mark.parametrize(("value", "lines"), VALUES, ids=[str(v[1]) for v in VALUES])
def test_how_a_value_is_written(value: Value, lines: list[str]) -> None:
    assert dot_module._rows("", value, label) == lines


def test_a_gradient_in_rows_keeps_its_name() -> None:
    rows = dot_module._rows("∂L/∂W", floats([[0.12345] * 3] * 2), label)
    assert rows[0] == "∂L/∂W ≈" and len(rows) == 3


SYMBOLS = [
    ("+", (), None, "+"), ("-", (), None, "−"), ("@", (), None, "•"), ("*", (), None, "×"),
    ("*", (3,), None, "⊙"), ("sin", (), None, "sin"), ("conv2d", (3, 3), None, "⋆"),
    ("max_pool2d", (2, 2), None, "max"), ("sum", (), None, "Σ"), ("T", (1, 3), None, "( )ᵀ"),
    ("**", (), Binary("**", x, Num("2")), "( )²"), ("**", (), Binary("**", x, y), "( )ⁿ"),
    ("layer_norm", (3,), None, "layer norm"), ("add", (), None, "+"), ("sub", (), None, "−"),
    ("mul", (), None, "×"), ("pow", (), None, "( )ⁿ"), ("div", (), None, "÷"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "shape", "term", "symbol"), SYMBOLS)
def test_symbols(op: str, shape: tuple[int, ...], term: Expr | None, symbol: str) -> None:
    assert dot_module._symbol(node("q", "operation", op, term, shape)) == symbol
    assert font.bold().covers(symbol)


def test_text_alternative(embedded: None) -> None:
    root = ET.fromstring(to_svg(draw_dot(NEURON, full=False)))
    assert root.findtext(f"{SVG}title") == "Title"
    assert root.findtext(f"{SVG}desc") == (
        "Given x. Parameter w. Given b. Operation z1 = wᵀ @ x, from x (2×1) and w (2×1). "
        "Operation z2 = sin(z1), from z1. Operation y = z2 - b, from z2 and b. "
        "Output L = y ** 2, from y."
    )


def test_too_many_nodes() -> None:
    nodes = [node(f"x{i}", "input", None, None, ()) for i in range(limits.PICTURE_NODES + 1)]
    assert (
        to_dot(diagram(nodes[:-1]), names={}, label=label).count("label=") == limits.PICTURE_NODES
    )
    with pytest.raises(InputError, match="301 nodes, more than a picture of 300"):
        to_dot(diagram(nodes), names={}, label=label)


def test_an_empty_diagram(engine: str) -> None:
    assert texts(to_svg(draw_dot(diagram([])))) == ["Title"]


# --- that everything fits -----------------------------------------------------------------------


def overlaps(placed: Layout) -> list[str]:
    """Which boxes, labels or texts are in each other's way."""

    def apart(p: tuple[float, ...], q: tuple[float, ...], gap: float) -> bool:
        dx, dy = abs(p[0] - q[0]), abs(p[1] - q[1])
        return dx >= (p[2] + q[2]) / 2 + gap or dy >= (p[3] + q[3]) / 2 + gap

    def frame(box: Box) -> tuple[float, ...]:
        return box.x, box.y, box.width, box.height

    labels = [
        (*wire.label_at, font.regular().width(wire.label, 11.5), 11.0)
        for wire in placed.wires
        if wire.label_at is not None
    ]
    found = [
        f"{p.name} and {q.name}"
        for p, q in combinations(placed.boxes, 2)
        if not apart(frame(p), frame(q), 4)
    ]
    found += ["two labels" for p, q in combinations(labels, 2) if not apart(p, q, 0)]
    found += [
        f"a label on {box.name}"
        for box in placed.boxes
        for at in labels
        if not apart(frame(box), at, 0)
    ]
    for box in placed.boxes:
        lines = drawing._lines(box)
        if sum(dot_module.LINES[role][2] for role, _ in lines) > box.height:
            found.append(f"{box.name} is too low")
        for role, line in lines:
            size, heavy, _ = dot_module.LINES[role]
            if (font.bold() if heavy else font.regular()).width(line, size) > box.width - 16:
                found.append(f"{box.name} is too narrow for {line}")
    return found


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", DIAGRAMS)
def test_nothing_overlaps(name: str, full: bool, engine: str) -> None:
    placed = layout(draw_dot(DIAGRAMS[name], full))
    assert len(placed.boxes) == len(DIAGRAMS[name].nodes)
    assert len(placed.wires) == len(DIAGRAMS[name].edges)
    assert overlaps(placed) == []
    starts = {box.name: box.x for box in placed.boxes}
    assert all(starts[wire.tail] < starts[wire.head] for wire in placed.wires)


def test_the_overlap_test_sees_overlaps(embedded: None) -> None:
    placed = layout(draw_dot(NEURON))
    first, second, *rest = placed.boxes
    moved = replace(placed, boxes=(first, replace(second, x=first.x, y=first.y + 20), *rest))
    assert "n0 and n1" in overlaps(moved)
    narrow = replace(placed, boxes=(replace(first, width=30), second, *rest))
    assert any("too narrow" in fault for fault in overlaps(narrow))
    wire = next(w for w in placed.wires if w.label)
    onto = replace(wire, label_at=(second.x, second.y))
    assert "a label on n1" in overlaps(replace(placed, wires=(onto,)))


def test_everything_is_inside_the_page(engine: str) -> None:
    for name, one in DIAGRAMS.items():
        scene = drawing.draw(layout(draw_dot(one)))
        for group in scene.groups:
            for item in group.items:
                if isinstance(item, drawing.Words):
                    inside = item.left >= 8 and item.left + item.width <= scene.width - 8
                    assert inside and 8 <= item.y <= scene.height - 8, (name, item.text)


def test_kinds_differ_in_shape_and_in_grey() -> None:
    greys = sorted(_luminance(kind.fill) for kind in drawing.KINDS.values())
    assert min(b - a for a, b in pairwise(greys)) > 0.09
    shapes = {
        kind: str([path.data for path in drawing._outline(kind, 0, 0, 80, 40)])  # type: ignore[union-attr]
        for kind in drawing.KINDS
    }
    assert len(set(shapes.values())) == len(shapes)


def test_text_contrasts_with_its_node() -> None:
    for kind in drawing.KINDS.values():
        for colour in (*drawing.COLOURS.values(), drawing.INK):
            high, low = sorted((_luminance(kind.fill), _luminance(colour)), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, (kind.legend, colour)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(f * p for f, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_dot_file_has_the_colours_of_the_drawing() -> None:
    assert list(dot_module.KINDS) == list(drawing.KINDS)
    for name, look in drawing.KINDS.items():
        assert f'fillcolor="{look.fill}" color="{look.stroke}"' in dot_module.KINDS[name]


# --- hostile text -------------------------------------------------------------------------------

# what an author writes -> what is drawn, when it fits
HOSTILE = [
    ('"', '"'),
    ('"]; evil [label="', '"]; evil [label="'),
    ("back\\", "back\\"),
    ('\\"', '\\"'),
    ("\\N \\G \\nabla", "\\N \\G \\nabla"),
    ("\\l\\r\\E\\T\\H\\L", "\\l\\r\\E\\T\\H\\L"),
    ("<x, y>", "<x, y>"),
    ("<b>bold</b>", "<b>bold</b>"),
    ("<<b>x</b>>", "<<b>x</b>>"),
    ("&amp; &lt; &#65;", "&amp; &lt; &#65;"),
    ("a & b", "a & b"),
    ("]]>", "]]>"),
    ('"><script>alert(1)', '"><script>alert(1)'),
    ("-->", "-->"),
    ("a\x01b", "a\\x01b"),
    ("a\x00b", "a\\x00b"),
    ("a\nb\tc", "a b c"),
    ("\x1b]0;pwn\x07", "\\x1b]0;pwn\\x07"),
    ("abc\u202efdp", "abc\\u202efdp"),
    ("zero\u200bwidth", "zero\\u200bwidth"),
    ("\ud800", "\\ud800"),
    ("\uffff\ufffe", "\\uffff\\ufffe"),
    ("\U0010ffff", "\\U0010ffff"),
    ("{0.__class__}", "{0.__class__}"),
    ("%s %n", "%s %n"),
    ("javascript:alert(1)", "javascript:alert(1)"),
    ("y\u0302", "ŷ"),
    ("名前", "名前"),
    ("//", "//"),
    ("/* */ #", "/* */ #"),
]  # fmt: skip


def drawn_as(text: str) -> list[str]:
    """Everything drawn for a diagram whose every text is `text`."""
    nodes = [
        node(text, "parameter", None, None, (2,)),
        node(text, "output", text, Name(text), (3,)),
    ]
    given, output = (replace(n, id=str(i), dims=text) for i, n in enumerate(nodes))
    one = Diagram((given, output), (DiagramEdge("0", "1", text, text),), text)
    return texts(
        to_svg(to_dot(one, values=True, gradients=True, title=text, names={}, label=label))
    )


def faults(text: str, shown: str) -> list[str]:
    """What is drawn otherwise than it should be."""
    try:
        *drawn, _parameter, _output, _size = drawn_as(text)
    except (ToolError, ET.ParseError) as e:
        return [str(e)]
    # title, edge, the given's name, the operation's symbol, the output's name and size
    symbol = shown.replace("_", " ")
    wanted = [shown, shown, shown, symbol, shown, shown]
    return [] if drawn == wanted else [t for t in drawn if t not in wanted] or ["another number"]


@pytest.mark.parametrize(("text", "shown"), HOSTILE, ids=[ascii(t[0][:20]) for t in HOSTILE])
def test_text_is_shown_and_never_obeyed(text: str, shown: str, engine: str) -> None:
    assert faults(text, shown) == []


@pytest.mark.parametrize(
    "text", ['"', '"]; evil [label="', "back\\", "\\N \\G \\nabla", "&amp; &lt; &#65;"]
)
def test_what_is_not_escaped_is_noticed(
    text: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dot_module, "quote", lambda *lines: '"' + "\\n".join(lines) + '"')
    assert faults(text, text) != []


def test_what_is_not_made_visible_is_noticed(
    embedded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dot_module, "clean", lambda text: text)
    for text, shown in HOSTILE:
        if not text.isprintable() and text.isascii():
            assert faults(text, shown) != [], ascii(text)
    assert faults("abc\u202efdp", "abc\\u202efdp") == ["abc\u202efdp"] * 6


def test_long_text_is_abbreviated(engine: str) -> None:
    drawn = drawn_as("x" * 16_400)  # Graphviz reads no string of 16 384 bytes
    assert [len(line) for line in drawn[:6]] == [90, 24, 24, 20, 24, 24]
    assert all(line.endswith("x…") for line in drawn[:6])


@pytest.mark.parametrize("text", [t for t, _ in HOSTILE])
def test_a_title_never_becomes_markup(text: str, embedded: None) -> None:
    root = ET.fromstring(to_svg(draw_dot(NEURON, title=text)))
    allowed = {SVG + tag for tag in ("svg", "title", "desc", "rect", "g", "path", "text")}
    assert {e.tag for e in root.iter()} <= allowed
    assert not [a for e in root.iter() for a in e.attrib if "href" in a or a.startswith("on")]


# --- PNG and PDF --------------------------------------------------------------------------------


def png_size(data: bytes) -> tuple[int, int]:
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[-8:-4] == b"IEND"
    return struct.unpack(">II", data[16:24])


def test_png(embedded: None) -> None:
    svg = to_svg(draw_dot(NEURON))
    size = [float(ET.fromstring(svg).attrib[k]) for k in ("width", "height")]
    for scale in (1, 2):
        got = png_size(to_png(svg, scale))
        assert all(abs(g - scale * s) <= 1 for g, s in zip(got, size, strict=True))
    # The words are really drawn: with the shipped font, on any machine.
    wordless = re.sub(r"<text.*?</text>", "", svg)
    assert len(to_png(wordless)) < 0.6 * len(to_png(svg))


def test_an_enormous_png_is_scaled_down() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="16000" height="10"></svg>'
    assert png_size(to_png(svg, 2))[0] == 16_000


def pdf_faults(data: bytes) -> list[str]:
    """What is wrong with the structure of a PDF file."""
    start = int(data.rsplit(b"startxref\n", 1)[1].split()[0])
    rows = data[start:].split(b"trailer")[0].splitlines()
    faults = [] if data.startswith(b"%PDF-1.") and rows[0] == b"xref" else ["no table"]
    for number, row in enumerate(rows[3:], 1):
        if not data[int(row[:10]) :].startswith(b"%d 0 obj\n" % number):
            faults.append(f"object {number} is not where the table says")
    for match in re.finditer(rb"/Length (\d+) /Filter /FlateDecode >>\nstream\n", data):
        end = match.end() + int(match[1])
        if data[end : end + 10] != b"\nendstream":
            faults.append("a stream has another length")
        zlib.decompress(data[match.end() : end])
    return faults


def test_pdf(embedded: None) -> None:
    data = to_pdf(draw_dot(NEURON))
    assert pdf_faults(data) == []
    assert len(data) < 60_000  # only the glyphs that are used
    assert pdf_faults(data.replace(b"/Lang (en)", b"/Lang (eng)"))


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext")
def test_pdf_text_can_be_copied(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(to_pdf(draw_dot(NEURON)))
    done = subprocess.run(
        ["pdftotext", "a.pdf", "-"], cwd=tmp_path, capture_output=True, check=True
    )
    said = done.stdout.decode()
    assert not done.stderr
    wanted = ["Title", "z2 = sin(z1)", "∂L/∂w = [−12, −6]", "•", "2×1", "z1 = wᵀ @ x"]
    assert [t for t in wanted if t not in said] == []


def test_font_subset_keeps_the_parts_of_an_accented_letter(tmp_path: Path) -> None:
    face = font.regular()
    glyphs = [face.glyphs[ord(c)] for c in "ŷ"]
    part = font.subset(face, glyphs)
    assert len(part) < 60_000 < len(face.path.read_bytes())
    where, size = font._tables(part)[b"loca"]
    places = struct.unpack_from(f">{size // 4}L", part, where)
    filled = {g for g in range(len(places) - 1) if places[g + 1] > places[g]}
    assert {*glyphs, face.glyphs[ord("y")]} <= filled and len(filled) <= 6
    for offset, length in font._tables(part).values():
        assert offset % 4 == 0 and offset + length <= len(part)


def test_widths_are_those_of_the_font() -> None:
    assert font.regular().width("x", 2048) == 1212
    assert font.regular().width("x\u0302", 2048) == 1212  # a combining mark takes no room
    assert font.bold().width("x", 2048) > 1212
    notation = "wᵀx ∂L/∂α = ½·(y − ŷ)² ⊙ x̄₁ᵢⱼ √ ‖ ⊗ ≤ ∈ ℝ … ⁻¹ ⋆ • ∇ Σ Π ∞ ⌊⌋"
    assert [c for c in notation if not font.regular().covers(c)] == []
    assert not font.regular().covers("名")


# --- programs that fail -------------------------------------------------------------------------

FAKES = [
    ("kill -SEGV $$", "`dot` crashed (signal 11)"),
    ("exit 0", "`dot` wrote nothing"),
    ("echo no >&2; exit 3", "`dot` failed with status 3 (no)"),
    ("echo not json", "Graphviz's answer is not readable"),
    ('echo \'{"bb": "0,0,1,1", "objects": [{"_gvid": 0}]}\'', "answer is not readable"),
]


@pytest.fixture
def fake_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def install(script: str) -> None:
        program = tmp_path / "dot"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return install


def no_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    layout_module._engine.cache_clear()
    monkeypatch.setitem(sys.modules, "wasmtime", None)


@pytest.fixture(autouse=True)
def _fresh_engine(request: pytest.FixtureRequest) -> Iterable[None]:
    yield
    if "fails" in request.node.name:
        layout_module._engine.cache_clear()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell script")
@pytest.mark.parametrize(("script", "message"), FAKES)
def test_dot_fails(script: str, message: str, fake_dot, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dot(script)
    assert "z2 = sin(z1)" in texts(to_svg(draw_dot(NEURON)))  # the embedded one steps in
    no_embedded(monkeypatch)
    with pytest.raises(ToolError) as caught:
        to_svg(draw_dot(NEURON))
    assert message in caught.value.message
    assert "the embedded Graphviz is not installed" in caught.value.message
    assert "pip install" in (caught.value.hint or "")


def test_everything_missing_fails(embedded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    no_embedded(monkeypatch)
    with pytest.raises(ToolError, match="`dot` is not on PATH; the embedded Graphviz is not"):
        to_pdf(draw_dot(NEURON))


def test_a_slow_dot_fails(fake_dot, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dot("exec /bin/sleep 20")
    monkeypatch.setattr(layout_module, "SECONDS", 0.2)
    no_embedded(monkeypatch)
    with pytest.raises(ToolError, match=r"took longer than 0\.2 s"):
        to_svg(draw_dot(NEURON))


def test_png_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ToolError, match="resvg-py is not installed"):
        to_png("<svg/>")


def test_png_of_something_else() -> None:
    with pytest.raises(ToolError, match="cannot draw the PNG"):
        to_png("not a picture")


def test_an_engine_survives_a_bad_graph(embedded: None) -> None:
    before = to_svg(draw_dot(NEURON))
    with pytest.raises(ToolError):
        to_svg("digraph {")
    assert to_svg(draw_dot(NEURON)) == before


# --- the same bytes -----------------------------------------------------------------------------

PROGRAM = """
import hashlib, sys
sys.path[:0] = sys.argv[1:]
from test_picture import hashes
print(*hashes())
"""


def hashes() -> list[str]:
    dot = draw_dot(NEURON)
    svg = to_svg(dot)
    parts = [dot.encode(), svg.encode(), to_png(svg), to_pdf(dot)]
    return [hashlib.sha256(part).hexdigest() for part in parts]


def test_same_input_same_bytes_even_without_a_home(embedded: None) -> None:
    folders = [str(Path(__file__).parent), str(Path(dot_module.__file__).parents[2])]
    # Another process, other hashes, no HOME, and a cache folder that cannot be written.
    env = {"PYTHONHASHSEED": "7", "PATH": os.devnull, "XDG_CACHE_HOME": os.devnull}
    if "SYSTEMROOT" in os.environ:
        env["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    command = [sys.executable, "-c", PROGRAM, *folders]
    done = subprocess.run(command, env=env, capture_output=True, check=True)
    assert done.stdout.decode().split() == hashes() == hashes()


def test_json_can_hold_the_dot_text() -> None:
    for text, _ in HOSTILE:
        dot = draw_dot(NEURON, title=text)
        assert json.loads(json.dumps(dot)) == dot and dot.encode()
