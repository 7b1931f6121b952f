"""A picture as a PDF page: vectors, and text that can be searched and copied.

Written directly, for it is a page of paths in one embedded font family: no library, no external
program, the same bytes every time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from . import font
from .scene import Path, Scene, Words

SCALE = 0.75  # a scene counts in CSS pixels (96 per inch), a page in points (72)


def to_page(scene: Scene) -> bytes:
    """The scene as a one-page PDF document."""
    fonts = (font.regular(), font.bold())
    items = [item for group in scene.groups for item in group.items]
    used: list[dict[int, str]] = [{}, {}]
    for item in items:
        if isinstance(item, Words):
            used[item.heavy].update(_glyphs(fonts[item.heavy], item.text))
    # Paths keep the scene's y, downwards; text is turned upright again at each line.
    flip = f"{SCALE} 0 0 -{SCALE} 0 {_n(scene.height * SCALE)} cm"
    content = "\n".join([flip, "1 J 1 j", *(_operators(item, fonts) for item in items)])
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (en) "
        b"/ViewerPreferences << /DisplayDocTitle true >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_n(scene.width * SCALE)} "
        f"{_n(scene.height * SCALE)}] /Contents 4 0 R "
        "/Resources << /Font << /F0 6 0 R /F1 11 0 R >> >> >>".encode(),
        _stream(content.encode()),
        f"<< /Title {_text(scene.title)} /Subject {_text(scene.description)} >>".encode(),
    ]
    for face, glyphs in zip(fonts, used, strict=True):
        objects += _font(face, glyphs, 1 + len(objects))
    return _file(objects)


def _n(x: float) -> str:
    return f"{x:.2f}".rstrip("0").rstrip(".")


def _rgb(colour: str) -> str:
    return " ".join(_n(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))


def _text(text: str) -> str:
    return "<FEFF" + text.encode("utf-16-be").hex().upper() + ">"


def _operators(item: Path | Words, fonts: tuple[font.Font, font.Font]) -> str:
    if isinstance(item, Words):
        codes = "".join(f"{g:04X}" for g in _glyph_run(fonts[item.heavy], item.text))
        return (
            f"BT {_rgb(item.colour)} rg /F{int(item.heavy)} {_n(item.size)} Tf "
            f"1 0 0 -1 {_n(item.left)} {_n(item.y)} Tm <{codes}> Tj ET"
        )
    said = []
    if item.fill:
        said.append(f"{_rgb(item.fill)} rg")
    if item.stroke:
        said.append(f"{_rgb(item.stroke)} RG {_n(item.weight)} w")
    names = {"M": "m", "L": "l", "C": "c", "Z": "h"}
    for name, *numbers in item.data:
        said.append(" ".join([*(_n(float(x)) for x in numbers), names[str(name)]]))
    said.append({(True, True): "B", (True, False): "f", (False, True): "S"}.get(
        (bool(item.fill), bool(item.stroke)), "n"))  # fmt: skip
    return " ".join(said)


# --- the embedded font -------------------------------------------------------------------------


def _glyph_run(face: font.Font, text: str) -> Iterable[int]:
    # A character the font lacks shows as U+FFFD, the sign for just that.
    return (face.glyphs.get(ord(c), face.glyphs[0xFFFD]) for c in text)


def _glyphs(face: font.Font, text: str) -> dict[int, str]:
    known = (c if ord(c) in face.glyphs else "\ufffd" for c in text)
    return dict(zip(_glyph_run(face, text), known, strict=True))


def _font(face: font.Font, used: dict[int, str], first: int) -> list[bytes]:
    """Five objects: the font, its glyph numbering, its measures, its file, its way back to text."""

    def em(units: int) -> int:
        return round(units * 1000 / face.units)

    widths = " ".join(f"{g} [{em(face.advance(g))}]" for g in sorted(used))
    box = " ".join(str(em(x)) for x in face.box)
    pairs = "".join(
        f"<{g:04X}> <{used[g].encode('utf-16-be').hex().upper()}>\n" for g in sorted(used)
    )
    # A block of the map holds at most 100 pairs.
    rows = pairs.splitlines()
    blocks = [rows[i : i + 100] for i in range(0, len(rows), 100)]
    back = (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CMapName /Text def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
        + "".join(f"{len(b)} beginbfchar\n" + "\n".join(b) + "\nendbfchar\n" for b in blocks)
        + "endcmap\nend\nend\n"
    )
    data = font.subset(face, used)
    name = f"/TUTORA+{face.name}"  # six letters and a plus mark a subset
    return [
        f"<< /Type /Font /Subtype /Type0 /BaseFont {name} /Encoding /Identity-H "
        f"/DescendantFonts [{first + 1} 0 R] /ToUnicode {first + 4} 0 R >>".encode(),
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont {name} /CIDSystemInfo "
        "<< /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /CIDToGIDMap /Identity "
        f"/FontDescriptor {first + 2} 0 R /W [{widths}] >>".encode(),
        f"<< /Type /FontDescriptor /FontName {name} /Flags 4 /FontBBox [{box}] /ItalicAngle 0 "
        f"/Ascent {em(face.ascent)} /Descent {em(face.descent)} /CapHeight 729 /StemV 80 "
        f"/FontFile2 {first + 3} 0 R >>".encode(),
        _stream(data, f"/Length1 {len(data)} "),
        _stream(back.encode()),
    ]


# --- the file ----------------------------------------------------------------------------------


def _stream(data: bytes, extra: str = "") -> bytes:
    packed = zlib.compress(data, 9)
    head = f"<< {extra}/Length {len(packed)} /Filter /FlateDecode >>\nstream\n"
    return head.encode() + packed + b"\nendstream"


def _file(objects: list[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)
