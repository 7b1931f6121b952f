"""The shipped DejaVu Sans: how wide a text is, and which glyph draws a character.

Boxes are measured with the very font that draws them, so that a picture is the same on every
machine, whatever fonts are installed there.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path

FOLDER = Path(__file__).parent / "fonts"
FAMILY = "DejaVu Sans"


@dataclass(frozen=True)
class Font:
    """A TrueType font: the numbers that measuring and embedding need."""

    name: str  # the PostScript name
    path: Path
    units: int  # per em
    ascent: int
    descent: int  # negative
    box: tuple[int, int, int, int]
    glyphs: dict[int, int]  # character -> glyph
    advances: tuple[int, ...]  # of the glyphs, in font units

    def covers(self, text: str) -> bool:
        """Every character of `text` has a glyph."""
        return all(ord(c) in self.glyphs for c in text)

    def width(self, text: str, size: float) -> float:
        """How wide `text` is drawn at `size`."""
        return sum(self._advance(c) for c in text) * size / self.units

    def advance(self, glyph: int) -> int:
        # A monospaced tail of hmtx repeats the last advance.
        return self.advances[min(glyph, len(self.advances) - 1)]

    def _advance(self, c: str) -> float:
        glyph = self.glyphs.get(ord(c))
        if glyph is not None:
            return self.advance(glyph)
        if unicodedata.combining(c):
            return 0
        # Another font must draw it: room for the widest it is likely to be.
        return self.units * (1.0 if unicodedata.east_asian_width(c) in "WF" else 0.8)


@cache
def regular() -> Font:
    return _read(FOLDER / "DejaVuSans.ttf", "DejaVuSans")


@cache
def bold() -> Font:
    return _read(FOLDER / "DejaVuSans-Bold.ttf", "DejaVuSans-Bold")


def files() -> list[str]:
    return [str(FOLDER / "DejaVuSans.ttf"), str(FOLDER / "DejaVuSans-Bold.ttf")]


def subset(font: Font, glyphs: Iterable[int]) -> bytes:
    """The font file with the outlines of these glyphs only, numbered as before."""
    data = font.path.read_bytes()
    tables = _tables(data)
    where, size = tables[b"loca"]
    long = struct.unpack_from(">h", data, tables[b"head"][0] + 50)[0] == 1
    loca = struct.unpack_from(f">{size // 4}L" if long else f">{size // 2}H", data, where)
    places = loca if long else tuple(2 * x for x in loca)
    start = tables[b"glyf"][0]

    def outline(glyph: int) -> bytes:
        return data[start + places[glyph] : start + places[glyph + 1]]

    wanted: set[int] = set()
    waiting = [0, *glyphs]
    while waiting:
        glyph = waiting.pop()
        if glyph not in wanted:
            wanted.add(glyph)
            waiting += _components(outline(glyph))
    parts = [outline(g) if g in wanted else b"" for g in range(len(places) - 1)]
    ends = accumulate(map(len, parts), initial=0)
    kept = {b"glyf": b"".join(parts), b"loca": struct.pack(f">{len(places)}L", *ends)}
    for tag in (b"cmap", b"head", b"hhea", b"hmtx", b"maxp"):
        offset, length = tables[tag]
        kept[tag] = data[offset : offset + length]
    kept[b"head"] = kept[b"head"][:50] + struct.pack(">h", 1) + kept[b"head"][52:]  # long offsets
    return _file(kept)


def _components(outline: bytes) -> list[int]:
    """The glyphs that a composite glyph (such as a letter with an accent) is made of."""
    if len(outline) < 10 or struct.unpack_from(">h", outline)[0] >= 0:
        return []
    found, at, more = [], 10, True
    while more:
        flags, glyph = struct.unpack_from(">HH", outline, at)
        found.append(glyph)
        words = 2 if flags & 0x0001 else 1  # the size of its two offsets
        scale = 2 if flags & 0x0008 else 4 if flags & 0x0040 else 8 if flags & 0x0080 else 0
        at += 4 + 2 * words + scale
        more = bool(flags & 0x0020)
    return found


def _file(tables: dict[bytes, bytes]) -> bytes:
    count = len(tables)
    power = 1 << (count.bit_length() - 1)
    search = 16 * power, power.bit_length() - 1, 16 * (count - power)
    head, body = struct.pack(">LHHHH", 0x00010000, count, *search), b""
    for tag in sorted(tables):
        padded = tables[tag] + b"\0" * (-len(tables[tag]) % 4)
        total = sum(struct.unpack(f">{len(padded) // 4}L", padded)) & 0xFFFFFFFF
        place = 12 + 16 * count + len(body)
        head += struct.pack(">4sLLL", tag, total, place, len(tables[tag]))
        body += padded
    return head + body


def _tables(data: bytes) -> dict[bytes, tuple[int, int]]:
    """Where each table of a font file starts, and its length."""
    records = (
        struct.unpack_from(">4sLLL", data, 12 + 16 * i)
        for i in range(struct.unpack_from(">H", data, 4)[0])
    )
    return {tag: (offset, length) for tag, _, offset, length in records}


def _read(path: Path, name: str) -> Font:
    data = path.read_bytes()
    tables = {tag: offset for tag, (offset, _) in _tables(data).items()}
    head, hhea = tables[b"head"], tables[b"hhea"]
    count = struct.unpack_from(">H", data, hhea + 34)[0]
    metrics = struct.unpack_from(f">{2 * count}h", data, tables[b"hmtx"])
    ascent, descent = struct.unpack_from(">hh", data, hhea + 4)
    return Font(
        name=name,
        path=path,
        units=struct.unpack_from(">H", data, head + 18)[0],
        ascent=ascent,
        descent=descent,
        box=struct.unpack_from(">4h", data, head + 36),
        glyphs=_characters(data, tables[b"cmap"]),
        advances=metrics[::2],
    )


def _characters(data: bytes, cmap: int) -> dict[int, int]:
    """The font's map from characters to glyphs (its full Unicode table, format 12)."""
    for i in range(struct.unpack_from(">H", data, cmap + 2)[0]):
        table = cmap + struct.unpack_from(">L", data, cmap + 8 + 8 * i)[0]
        if struct.unpack_from(">H", data, table)[0] == 12:
            found: dict[int, int] = {}
            for j in range(struct.unpack_from(">L", data, table + 12)[0]):
                first, last, glyph = struct.unpack_from(">LLL", data, table + 16 + 12 * j)
                found.update((c, glyph + c - first) for c in range(first, last + 1))
            return found
    raise AssertionError("the shipped font has no full Unicode table")
