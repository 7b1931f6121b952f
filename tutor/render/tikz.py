"""A computational graph as a TikZ picture, to be included in a LaTeX document."""

from __future__ import annotations

from collections.abc import Iterable

from . import escape
from .drawing import draw
from .layout import layout
from .scene import Path, Scene, Words

POINTS = 0.75  # of a CSS pixel


def to_tikz(dot: str) -> str:
    """The graph of a DOT text as a `tikzpicture`; it needs \\usepackage{tikz} and nothing else."""
    return picture(draw(layout(dot)))


def picture(scene: Scene) -> str:
    """Any scene as a `tikzpicture`."""
    return "\n".join(_picture(scene)) + "\n"


def _picture(scene: Scene) -> Iterable[str]:
    colours = {c: f"tutor{k}" for k, c in enumerate(_colours(scene))}
    yield r"% needs \usepackage{tikz} in the preamble"
    for colour, name in colours.items():
        yield rf"\definecolor{{{name}}}{{HTML}}{{{colour.removeprefix('#').upper()}}}"
    yield r"\begin{tikzpicture}[x=0.75pt, y=-0.75pt, line join=round]"
    for group in scene.groups:
        said = escape.latex(group.title).replace("%", "")
        yield f"% {group.role}: {said}"
        for item in group.items:
            yield _words(item, colours) if isinstance(item, Words) else _path(item, colours)
    yield r"\end{tikzpicture}"


def _colours(scene: Scene) -> list[str]:
    found = []
    for group in scene.groups:
        for item in group.items:
            parts = (item.colour,) if isinstance(item, Words) else (item.fill, item.stroke)
            found += [c for c in parts if c]
    return list(dict.fromkeys(found))


def _path(path: Path, colours: dict[str, str]) -> str:
    options = []
    if path.fill:
        options.append(f"fill={colours[path.fill]}")
    if path.stroke:
        options += [f"draw={colours[path.stroke]}", f"line width={_n(path.weight * POINTS)}pt"]
    return rf"\path[{', '.join(options)}] {_route(path)};"


def _route(path: Path) -> str:
    words = []
    for name, *numbers in path.data:
        xs = [_n(float(x)) for x in numbers]
        points = [f"({a},{b})" for a, b in zip(xs[::2], xs[1::2], strict=True)]
        match name:
            case "M":
                words.append(points[0])
            case "L":
                words.append(f"-- {points[0]}")
            case "C":
                words.append(f".. controls {points[0]} and {points[1]} .. {points[2]}")
            case _:
                words.append("-- cycle")
    return " ".join(words)


def _words(words: Words, colours: dict[str, str]) -> str:
    size = words.size * POINTS
    weight = r"\bfseries" if words.heavy else ""
    font = rf"\sffamily{weight}\fontsize{{{_n(size)}}}{{{_n(1.2 * size)}}}\selectfont"
    anchor = "base" if words.middle else "base west"
    # Latin letters are narrower or wider in the document's font; the boxes leave room for that
    return (
        rf"\node[anchor={anchor}, inner sep=0pt, text={colours[words.colour]}, font={font}] "
        rf"at ({_n(words.x)},{_n(words.y)}) {{{escape.latex(words.text)}}};"
    )


def _n(x: float) -> str:
    return f"{x:.2f}".rstrip("0").rstrip(".")
