"""YAML text into a tree with positions, by the rules of YAML 1.2 and none of its machinery.

Scalars stay text until the schema types them. What makes YAML surprising or dangerous is an error
with a place: duplicate keys, tags, anchors, aliases, merge keys, directives, second documents,
keys that are not text, invisible characters. Only PyYAML's event stream is used: its composers
crash on deep nesting and its constructors follow YAML 1.1.
"""

from __future__ import annotations

import re
import stat
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml as pyyaml

from .. import limits
from ..errors import InputError
from .tree import NULLS, SPLIT, Document, Mapping, Node, Scalar, Sequence, is_split

_LOADER: Any = getattr(pyyaml, "CLoader", pyyaml.Loader)

# C0 (but tab and line feed), C1, line and paragraph separators, bidirectional controls, the byte
# order mark, non-characters: none can be seen, and several change what a reader sees.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)

_SYNTAX_HINTS = (
    ("mapping values are not allowed", "text that contains `: ` needs quotes"),
    ("expected ',' or ']'", "inside [ ] quote a lone `?` and text that contains , [ ] { } or `: `"),
    ("expected ',' or '}'", "inside { } quote a lone `?` and text that contains , [ ] { } or `: `"),
    ("cannot start any token", "text that starts with @ ` % & * ! or a tab needs quotes"),
    (
        "unknown escape",
        "in double quotes a backslash is written \\\\; single quotes take it as it is",
    ),
    ("expected <block end>", "check that the lines of this block start in the same column"),
    ("could not find expected ':'", "write `key: value`"),
    ("unexpected end of stream", "a quote is not closed"),
)


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a regular file, or of standard input for "-"; never more than the limit."""
    cap = limits.FILE_BYTES
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(cap + 1)
        else:
            path = Path(path)
            info = path.stat()
            if stat.S_ISDIR(info.st_mode):
                raise InputError(f"{path}: is a folder, not a problem file")
            if not stat.S_ISREG(info.st_mode):
                raise InputError(
                    f"{path}: is not a regular file", hint="use - to read standard input"
                )
            with path.open("rb") as file:
                data = file.read(cap + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: cannot be read ({reason.lower()})") from None
    if len(data) > cap:
        raise InputError(f"{path}: larger than {cap // 1024} KiB, the most a problem file may be")
    return data


def decode(data: bytes, path: str) -> Document:
    """UTF-8 bytes as a document without invisible characters; one leading BOM is dropped."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        rest = data[error.start :].decode("utf-8", errors="replace")
        document = Document(path, before + rest)
        raise InputError(
            f"not UTF-8 text: byte 0x{data[error.start]:02x}",
            hint="save the file as UTF-8",
            where=document.where(len(before)),
        ) from None
    return clean(Document(path, text))


def clean(document: Document) -> Document:
    """The document, if every character of it can be seen."""
    text = document.text
    for match in INVISIBLE.finditer(text):
        at = match.start()
        if match.group() == "\r" and text[at + 1 : at + 2] == "\n":
            continue
        raise InputError(
            f"the file contains an invisible character, {describe(match.group())}",
            hint="remove it",
            where=document.where(at),
        )
    return document


def describe(char: str) -> str:
    """`U+202E RIGHT-TO-LEFT OVERRIDE`."""
    return f"U+{ord(char):04X} {unicodedata.name(char, 'CONTROL CHARACTER')}".strip()


def parse(document: Document) -> Mapping:
    """The tree of a problem file: one document, a mapping at the top."""
    try:
        return _Builder(document).root()
    except pyyaml.MarkedYAMLError as error:
        raise _syntax(document, error) from None
    except pyyaml.YAMLError as error:
        raise InputError(f"not valid YAML: {error}", where=document.where(0)) from None


def _syntax(document: Document, error: pyyaml.MarkedYAMLError) -> InputError:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or "unreadable"
    hint = next((hint for part, hint in _SYNTAX_HINTS if part in problem), None)
    at = min(mark.index, len(document.text)) if mark else 0
    if "cannot start any token" in problem and document.text[at : at + 1] == "\t":
        problem, hint = "a tab in the indentation", "indent with spaces"
    if "unknown escape" in problem:
        at += 1  # the letter, not the backslash
    context = f" {error.context}" if error.context and "next token" not in error.context else ""
    return InputError(f"not valid YAML: {problem}{context}", hint=hint, where=document.where(at))


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    event: Any
    children: list[Node] = field(default_factory=list)
    keys: dict[str, Scalar] = field(default_factory=dict)

    @property
    def flow(self) -> bool:
        return bool(self.event.flow_style)

    @property
    def expects_key(self) -> bool:
        return isinstance(self.event, pyyaml.MappingStartEvent) and len(self.children) % 2 == 0


class _Builder:
    """Events into nodes, with an explicit stack: nesting costs no recursion."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0
        self.documents = 0
        self.stack: list[_Open] = []
        self.top: Node | None = None

    def root(self) -> Mapping:
        events: Iterator[Any] = pyyaml.parse(self.document.text, Loader=_LOADER)
        for event in events:
            if isinstance(event, pyyaml.DocumentStartEvent):
                self._start_document(event)
            elif isinstance(event, pyyaml.CollectionEndEvent):
                self._add(self._close(self.stack.pop(), event))
            elif isinstance(event, pyyaml.NodeEvent):
                self._check(event)
                if isinstance(event, pyyaml.CollectionStartEvent):
                    if self.stack and self.stack[-1].expects_key:
                        raise self._bad_key(event, "a list or mapping")
                    self.stack.append(_Open(event))
                else:
                    self._add(self._scalar(event))
        if self.top is None:
            raise InputError("the file is empty", where=self.document.where(0))
        assert isinstance(self.top, Mapping)  # _check lets nothing else be the root
        return self.top

    def _error(self, message: str, event: Any, hint: str | None = None) -> InputError:
        start = min(event.start_mark.index, len(self.document.text))
        return InputError(message, hint=hint, where=self.document.where(start))

    def _start_document(self, event: Any) -> None:
        self.documents += 1
        if event.version or event.tags:
            raise self._error("a directive (%YAML, %TAG) is not allowed", event)
        if self.documents > 1:
            raise self._error(
                "a second document: a problem file holds one",
                event,
                hint="remove the `---` line, or split the file",
            )

    def _check(self, event: Any) -> None:
        """What is refused at first sight, before anything is built."""
        for what, sign, present in (
            ("an alias", "*", isinstance(event, pyyaml.AliasEvent)),
            ("an anchor", "&", event.anchor is not None),
            ("a tag", "!", getattr(event, "tag", None) is not None),
        ):
            if present:
                hint = f"put text that starts with {sign} in quotes"
                raise self._error(f"{what} ({sign}) is not allowed", event, hint)
        if not self.stack and not isinstance(event, pyyaml.MappingStartEvent):
            if getattr(event, "value", None) in NULLS:
                raise self._error("the file is empty", event)
            hint = "write `key: value` lines, such as `title: A sine neuron`"
            raise self._error("a problem file is a mapping of keys to values", event, hint)
        self.nodes += 1
        if self.nodes > limits.YAML_NODES:
            raise self._error(f"more than {limits.YAML_NODES} values in one file", event)
        is_collection = isinstance(event, pyyaml.CollectionStartEvent)
        if is_collection and len(self.stack) >= limits.YAML_DEPTH:
            raise self._error(f"nested deeper than {limits.YAML_DEPTH} levels", event)

    def _flow(self) -> bool:
        return bool(self.stack) and self.stack[-1].flow

    def _scalar(self, event: Any) -> Scalar:
        start, end = event.start_mark.index, event.end_mark.index
        node = Scalar(self.document, start, end, self._flow(), event.value, event.style or "")
        found = INVISIBLE.search(event.value)  # only an escape can bring one in here
        if found:
            raise InputError(
                f"the text contains an invisible character, {describe(found.group())}",
                hint="remove it",
                where=node.where(found.start(), found.end()),
            )
        return node

    def _close(self, opened: _Open, end: Any) -> Node:
        start, stop = opened.event.start_mark.index, end.end_mark.index
        items = opened.children
        if isinstance(opened.event, pyyaml.SequenceStartEvent):
            return Sequence(self.document, start, stop, self._flow(), tuple(items))
        values = zip(opened.keys.values(), items[1::2], strict=True)
        return Mapping(self.document, start, stop, self._flow(), tuple(values))

    def _add(self, node: Node) -> None:
        if not self.stack:
            self.top = node
            return
        parent = self.stack[-1]
        if parent.expects_key:
            assert isinstance(node, Scalar)  # a collection was refused when it began
            self._key(parent, node)
        parent.children.append(node)

    def _key(self, parent: _Open, key: Scalar) -> None:
        if key.is_null:
            raise self._bad_key(parent.event if key.text == "" else None, "nothing (null)", key)
        if key.style == "" and key.text == "<<":
            raise InputError("a merge key (<<) is not allowed", where=key.where())
        first = parent.keys.setdefault(key.text, key)
        if first is not key:
            message = f"duplicate key `{key.text}` (first on line {first.line})"
            hint = SPLIT if any(is_split(x) for x in parent.children) else None
            raise InputError(message, hint=hint, where=key.where())

    def _bad_key(self, event: Any, what: str, key: Scalar | None = None) -> InputError:
        """A `?` that begins a complex key is nearly always an unknown dimension."""
        at = event.start_mark.index if event else 0
        question = event is not None and self.document.text[at : at + 1] == "?"
        hint = "put a `?` that stands alone in quotes" if question else None
        place = self.document.where(at) if key is None or question else key.where()
        return InputError(f"a key must be text, but this one is {what}", hint=hint, where=place)
