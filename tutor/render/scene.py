"""What a picture is made of: paths and lines of text, which SVG and PDF write alike.

One unit is a CSS pixel; y grows downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import font

INK = "#1f2328"
ROUND = 0.5523  # where the control points of a quarter circle stand

Point = tuple[float, float]
Commands = tuple[tuple[str | float, ...], ...]  # ("M", x, y) ("L", x, y) ("C", six numbers) ("Z",)


@dataclass(frozen=True)
class Path:
    """A line or an area, closed or open."""

    data: Commands
    fill: str | None = None
    stroke: str | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Words:
    """One line of text; `x` is its middle, or its left end."""

    x: float
    y: float  # of the baseline
    text: str
    size: float
    heavy: bool = False
    colour: str = INK
    middle: bool = True

    @property
    def left(self) -> float:
        return self.x - self.width / 2 if self.middle else self.x

    @property
    def width(self) -> float:
        return (font.bold() if self.heavy else font.regular()).width(self.text, self.size)


@dataclass(frozen=True)
class Group:
    """What belongs together: a node, an edge, the legend. `title` says it in words."""

    role: str
    title: str
    items: tuple[Path | Words, ...]


@dataclass(frozen=True)
class Scene:
    width: float
    height: float
    title: str
    description: str
    groups: tuple[Group, ...]


# --- shapes --------------------------------------------------------------------------------------


def polygon(points: list[Point]) -> Commands:
    """Straight lines from corner to corner."""
    (x, y), *rest = points
    return (("M", x, y), *(("L", a, b) for a, b in rest), ("Z",))


def rounded(x: float, y: float, w: float, h: float, r: float) -> Commands:
    """A box around (x, y) with corners of radius r."""
    a, t, e, b, k = x - w / 2, y - h / 2, x + w / 2, y + h / 2, r * (1 - ROUND)
    return (
        ("M", a + r, t), ("L", e - r, t), ("C", e - k, t, e, t + k, e, t + r),
        ("L", e, b - r), ("C", e, b - k, e - k, b, e - r, b),
        ("L", a + r, b), ("C", a + k, b, a, b - k, a, b - r),
        ("L", a, t + r), ("C", a, t + k, a + k, t, a + r, t), ("Z",),
    )  # fmt: skip


def arrow(start: Point, tip: Point) -> Commands:
    """The head of an arrow."""
    dx, dy = tip[0] - start[0], tip[1] - start[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    nx, ny = -dy / length * 3.2, dx / length * 3.2
    return polygon([(start[0] + nx, start[1] + ny), tip, (start[0] - nx, start[1] - ny)])


def disc(x: float, y: float, r: float = 3.6) -> Commands:
    return rounded(x, y, 2 * r, 2 * r, r)
