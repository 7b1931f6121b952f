"""The YAML tree: nodes that know where every character of theirs stands in the file.

A node keeps indices into the document's text; lines and columns are worked out when an error needs
them. A scalar's text differs from its source where quotes, escapes and folded lines stand between;
`Scalar.where` follows the text back through them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from ..errors import Where

BREAKS = "\r\n"
NULLS = ("", "~", "null", "Null", "NULL")
_SKIP = {"x": 4, "u": 6, "U": 10}  # length of a double-quoted escape by its letter; others are 2


class Document:
    """A source text and the index of its lines."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.starts = [0]
        at = text.find("\n")
        while at >= 0:
            self.starts.append(at + 1)
            at = text.find("\n", at + 1)

    def position(self, index: int) -> tuple[int, int]:
        """Line and column, from 1, of the character at `index`."""
        line = bisect_right(self.starts, index)
        return line, index - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        start = self.starts[number - 1]
        end = self.text.find("\n", start)
        return (self.text[start:] if end < 0 else self.text[start:end]).rstrip("\r")

    def where(self, start: int, end: int | None = None) -> Where:
        """The place of the characters [start, end), underlined up to the end of the first line."""
        line, column = self.position(start)
        text = self.line(line)
        width = (start + 1 if end is None else end) - start
        return Where(self.path, line, column, text, max(1, min(width, len(text) - column + 1)))


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """`start` and `end` are indices into the document's text; `flow` says inside [ ] or { }."""

    document: Document
    start: int
    end: int
    flow: bool

    @property
    def line(self) -> int:
        return self.document.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.document.position(self.start)[1]

    def where(self, start: int = 0, end: int | None = None) -> Where:
        """The place of the characters [start, end) of this node's source."""
        stop = self.end if end is None else self.start + end
        return self.document.where(self.start + start, stop)


@dataclass(frozen=True, slots=True, eq=False)
class Scalar(Node):
    """`style` is "" for plain text, else the character that opens it: ' " | or >."""

    text: str
    style: str
    _map: list[int] = field(default_factory=list, repr=False)

    @property
    def is_null(self) -> bool:
        return self.style == "" and self.text in NULLS

    def where(self, start: int = 0, end: int | None = None) -> Where:
        """The place of the characters [start, end) of this scalar's text."""
        if not self._map:
            self._map.extend(_indices(self))
        last = len(self.text)
        stop = last if end is None else min(end, last)
        start = min(start, last)
        first = self._map[start]
        if stop <= start:
            return self.document.where(first)
        return self.document.where(first, self._map[stop - 1] + 1)


SPLIT = "inside { } and [ ], put an expression that contains a comma in quotes"


def is_split(node: Node) -> bool:
    """A comma inside ( ) ends a value in { } or [ ]: `{value: zeros(2, 3)}` holds `zeros(2`."""
    plain = isinstance(node, Scalar) and node.style == "" and node.flow
    return plain and node.text.count("(") > node.text.count(")")  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Mapping(Node):
    """Entries in the order of the file; keys are unique texts."""

    entries: tuple[tuple[Scalar, Node], ...]

    def keys(self) -> list[str]:
        return [key.text for key, _ in self.entries]

    def get(self, name: str) -> Node | None:
        return next((value for key, value in self.entries if key.text == name), None)


def _indices(node: Scalar) -> list[int]:
    """The source index of every character of the text, and of the place after the last."""
    source = node.document.text[node.start : node.end]
    read = _block if node.style in ("|", ">") else _flow
    found = [node.start + i for i in read(source, node.text, node.style)]
    # Too few can only mean a form not foreseen here: then the rest points at the end.
    end = min(node.end, len(node.document.text))
    return found + [end] * (len(node.text) + 1 - len(found))


def _flow(source: str, text: str, style: str) -> list[int]:
    """Plain and quoted scalars: walk the source and the text side by side."""
    out: list[int] = []
    at = 1 if style else 0
    stop = len(source) - at
    while at < stop and len(out) < len(text):
        char = source[at]
        if char in " \t\r\n":
            run = at
            while run < stop and source[run] in " \t\r\n":
                run += 1
            breaks = source.count("\n", at, run)
            # One line break folds into a space, more into one break fewer.
            out.extend(range(at, run) if not breaks else [at] * max(1, breaks - 1))
            at = run
        elif style == '"' and char == "\\":
            if source[at + 1] in BREAKS:  # an escaped line break stands for nothing
                at += 1
                while at < stop and source[at] in " \t\r\n":
                    at += 1
                continue
            out.append(at)
            at += _SKIP.get(source[at + 1], 2)
        else:
            out.append(at)
            at += 2 if style == "'" and char == "'" else 1
    out.append(at)
    return out


def _block(source: str, text: str, style: str) -> list[int]:
    """Block scalars: find each source line's content in the text, past its indentation."""
    out: list[int] = []
    head = source.find("\n") + 1
    at = 0
    for line in source[head:].split("\n"):
        content = line.rstrip("\r").lstrip(" ")
        begin = head + len(line.rstrip("\r")) - len(content)
        if content:
            # What folding left between the lines (blanks and breaks) belongs to the line before.
            while len(out) < len(text) and text[len(out)] in " \n" and text[len(out)] != content[0]:
                out.append(max(at, 0))
            out.extend(range(begin, begin + len(content)))
            at = begin + len(content)
        head += len(line) + 1
    out = out[: len(text)]
    out.extend([at] * (len(text) + 1 - len(out)))
    return out
