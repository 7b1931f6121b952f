"""Pictures of computational graphs: DOT in, SVG, PNG or PDF out.

Needs no installed program: Graphviz is used when it is there, the embedded one otherwise. The same
input gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ..errors import ToolError
from ..steps import Diagram, Variable
from ..words import language, speaking
from . import font
from .dot import to_dot
from .drawing import draw
from .layout import layout
from .scene import Group, Path, Scene, Words

__all__ = ["SUFFIXES", "drawn", "to_dot", "to_pdf", "to_png", "to_svg"]

# kind of picture: what its files end with
SUFFIXES = {"png": "png", "svg": "svg", "pdf": "pdf", "dot": "dot", "mermaid": "mmd", "tikz": "tex"}

PIXELS = 16_000  # longest side of a PNG


def drawn(
    diagram: Diagram,
    kinds: Iterable[str],
    *,
    values: bool,
    gradients: bool,
    backward: bool = False,
    jacobians: bool = False,
    title: str | None,
    names: Mapping[str, Variable],
) -> dict[str, bytes]:
    """The diagram in every kind asked for, as the bytes of a file."""
    said: dict[str, Any] = {
        "values": values, "gradients": gradients, "backward": backward, "jacobians": jacobians,
        "title": title,
    }  # fmt: skip
    source = to_dot(diagram, names=names, **said)
    found: dict[str, bytes] = {}
    for kind in kinds:
        match kind:
            case "dot":
                found[kind] = source.encode()
            case "mermaid":
                from .mermaid import to_mermaid

                found[kind] = to_mermaid(diagram, names=names, **said).encode()
            case "tikz":
                from .tikz import to_tikz

                found[kind] = to_tikz(source).encode()
            case "pdf":
                with lettered():
                    found[kind] = to_pdf(to_dot(diagram, names=names, **said))
            case "svg":
                found[kind] = to_svg(source).encode()
            case _:
                found[kind] = to_png(to_svg(source))
    return found


@contextmanager
def lettered() -> Iterator[None]:
    """Words that the shipped font can draw, which PDF pictures have: it has no Chinese."""
    with speaking("en" if language() == "zh" else language()):
        yield


def to_svg(dot: str) -> str:
    """The graph as an SVG document with a title and a text alternative."""
    return written(draw(layout(dot)))


def written(scene: Scene) -> str:
    """Any scene as an SVG document."""
    return "\n".join(_svg(scene)) + "\n"


def to_pdf(dot: str) -> bytes:
    """The graph as a PDF page with its fonts embedded."""
    from .pdf import to_page

    return to_page(draw(layout(dot)))


def to_png(svg: str, scale: float = 2) -> bytes:
    """An SVG document made by `to_svg` as a PNG; `scale` 2 is twice the size on screen.

    A picture that would be wider or higher than 16 000 pixels is drawn at a smaller scale.
    """
    try:
        import resvg_py
    except ImportError as e:
        raise ToolError(
            "cannot draw a PNG: the package resvg-py is not installed",
            hint="`pip install resvg-py`; `--svg` and `--pdf` do without it",
        ) from e
    size = re.search(r'<svg [^>]*width="([\d.]+)" height="([\d.]+)"', svg)
    if size is not None:
        scale = min(scale, PIXELS / max(float(size[1]), float(size[2])))
    words = "".join(re.findall(r">([^<]*)</text>", svg))
    try:
        return resvg_py.svg_to_bytes(
            svg_string=svg,
            zoom=scale,
            dpi=96,
            font_files=font.files(),
            # Other fonts only for a script that the shipped one lacks: loading them takes time.
            skip_system_fonts=font.regular().covers(words),
            font_family=font.FAMILY,
            sans_serif_family=font.FAMILY,
        )
    except (ValueError, RuntimeError, OSError) as e:
        raise ToolError(
            f"cannot draw the PNG: {e}", hint="`--svg` and `--pdf` write the same picture"
        ) from e


def _svg(scene: Scene) -> Iterable[str]:
    size = f'width="{_n(scene.width)}" height="{_n(scene.height)}"'
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    # No ids: several pictures may stand in one page.
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="0 0 {_n(scene.width)} {_n(scene.height)}" role="img" '
        f'font-family="{font.FAMILY}, Verdana, sans-serif">'
    )
    yield f"<title>{escape(scene.title)}</title>"
    yield f"<desc>{escape(scene.description)}</desc>"
    yield '<rect width="100%" height="100%" fill="#ffffff"/>'
    for group in scene.groups:
        yield from _group(group)
    yield "</svg>"


def _group(group: Group) -> Iterable[str]:
    yield f"<g class={quoteattr(group.role)}>"
    if group.role not in ("title", "legend"):
        yield f"<title>{escape(group.title)}</title>"
    for item in group.items:
        yield _words(item) if isinstance(item, Words) else _path(item)
    yield "</g>"


def _path(path: Path) -> str:
    data = " ".join(
        " ".join([str(name), *(_n(float(x)) for x in numbers)]) for name, *numbers in path.data
    )
    stroke = f' stroke="{path.stroke}" stroke-width="{_n(path.weight)}"' if path.stroke else ""
    return f'<path d="{data}" fill="{path.fill or "none"}"{stroke}/>'


def _words(words: Words) -> str:
    anchor = ' text-anchor="middle"' if words.middle else ""
    weight = ' font-weight="bold"' if words.heavy else ""
    return (
        f'<text x="{_n(words.x)}" y="{_n(words.y)}" font-size="{_n(words.size)}"{weight}{anchor} '
        f'fill="{words.colour}" xml:space="preserve">{escape(words.text)}</text>'
    )


def _n(x: float) -> str:
    return f"{x:.2f}".rstrip("0").rstrip(".")
