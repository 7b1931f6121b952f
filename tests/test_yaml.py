"""The YAML tree: what each scalar says, and where each character of it stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tutor import limits
from tutor.errors import InputError
from tutor.problem import load, yaml
from tutor.problem.tree import Document, Mapping, Scalar, Sequence


def tree(text: str) -> Mapping:
    return yaml.parse(yaml.clean(Document("p.yaml", text)))


def value(text: str) -> Scalar:
    node = tree(text).entries[0][1]
    assert isinstance(node, Scalar)
    return node


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("y: no\n", "no"),
        ("n: 010\n", "010"),
        ("r: 1e-3\n", "1e-3"),
        ("d: 2024-13-45\n", "2024-13-45"),
        ("t: '~'\n", "~"),
        ("s: 12:30:45\n", "12:30:45"),
        ("e: sin(w.T @ x) - b\n", "sin(w.T @ x) - b"),
        ("e: matrix(?, 4)\n", "matrix(?, 4)"),
    ],
)
def test_scalars_stay_text(text: str, said: str) -> None:
    node = value(text)
    assert node.text == said
    assert not node.is_null


@pytest.mark.parametrize("text", ["a:\n", "a: ~\n", "a: null\n"])
def test_null(text: str) -> None:
    assert value(text).is_null


# text, a part of the scalar's text, and where that part stands: line, column, width
PLACES = [
    ("y: a + b\n", "b", (1, 8, 1)),
    ("\n\nyy:   a + bc # c\n", "bc", (3, 11, 2)),
    ("y: a +\n   bc\n", "bc", (2, 4, 2)),
    ("y: 'it''s bc'\n", "bc", (1, 11, 2)),
    ("y: 'it''s'\n", "s", (1, 9, 1)),
    ('y: "a \\u002b bc"\n', "bc", (1, 14, 2)),
    ('y: "a\\tbc"\n', "bc", (1, 8, 2)),
    ('y: "a\n\n  bc"\n', "bc", (3, 3, 2)),
    ('y: "a \\\n    bc"\n', "bc", (2, 5, 2)),
    ("y: |\n  a\n  bc\n", "bc", (3, 3, 2)),
    ("y: |\n  a\n\n    bc\n", "bc", (4, 5, 2)),
    ("y: >\n  a +\n  bc\n", "bc", (3, 3, 2)),
    ("y: >-\n\n  a +\n\n  bc\n  d\n", "bc", (5, 3, 2)),
    ("y: |2\n   a\n  bc\n", "bc", (3, 3, 2)),
    ("a: {y: [1, bc]}\n", "bc", (1, 12, 2)),
    ("x: 1\r\ny: a + bc\r\n", "bc", (2, 8, 2)),
    ("x: ｘ😀\ny: ｘ😀bc\n", "bc", (2, 6, 2)),
]


@pytest.mark.parametrize(("text", "part", "place"), PLACES)
def test_place_of_a_part(text: str, part: str, place: tuple[int, int, int]) -> None:
    node = next(s for s in scalars(tree(text)) if part in s.text)
    start = node.text.rindex(part)
    where = node.where(start, start + len(part))
    assert (where.line, where.column, where.width) == place
    assert where.text == text.splitlines()[where.line - 1]


def test_an_offset_by_one_would_be_noticed() -> None:
    node = value("y: 'it''s bc'\n")
    start = node.text.index("bc")
    assert node.where(start - 1, start + 1).column == 10  # not 11


def scalars(node: object) -> list[Scalar]:
    if isinstance(node, Scalar):
        return [node]
    if isinstance(node, Sequence):
        return [s for item in node.items for s in scalars(item)]
    assert isinstance(node, Mapping)
    return [s for key, item in node.entries for s in (key, *scalars(item))]


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(st.sampled_from("ab \n'\"\\:+ébc"), max_size=20),
    style=st.sampled_from(["'", '"', "|", ">"]),
    width=st.sampled_from([4, 80]),
)
def test_every_character_maps_to_itself(text: str, style: str, width: int) -> None:
    """A visible character of the text stands at its place in the file, escapes apart."""
    source = pyyaml.dump(
        {"key": text}, default_style=style, width=width, allow_unicode=True, Dumper=pyyaml.Dumper
    )
    if "!!" in source or "? " in source:
        return
    node = value(source)
    assert node.text == text
    for i, char in enumerate(text):
        where = node.where(i, i + 1)
        there = where.text[where.column - 1 : where.column]
        if char not in " \n":
            assert there in (char, "\\"), (source, i)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a: &x 1\n", "an anchor (&) is not allowed", (1, 4)),
        ("a: *x\n", "an alias (*) is not allowed", (1, 4)),
        ("a: !x 1\n", "a tag (!) is not allowed", (1, 4)),
        ("a: 1\n<<: 2\n", "a merge key (<<) is not allowed", (2, 1)),
        ("a: 1\n---\nb: 1\n", "a second document: a problem file holds one", (2, 1)),
        ("a: 1\nb: {c: 1, c: 2}\n", "duplicate key `c` (first on line 2)", (2, 11)),
        ('a: "\\u202e"\n', "the text contains an invisible character, U+202E", (1, 5)),
        ("a: b\x1bc\n", "the file contains an invisible character, U+001B", (1, 5)),
        ("a: b\rc: 1\n", "the file contains an invisible character, U+000D", (1, 5)),
        ("- 1\n", "a problem file is a mapping of keys to values", (1, 1)),
        ("# only a comment\n", "the file is empty", (1, 1)),
        ("a: [1, [?, 4]]\n", "a key must be text, but this one is nothing (null)", (1, 9)),
    ],
)
def test_refused(text: str, message: str, place: tuple[int, int]) -> None:
    with pytest.raises(InputError) as caught:
        tree(text)
    where = caught.value.where
    assert caught.value.message.startswith(message)
    assert where is not None
    assert (where.line, where.column) == place


def test_an_unquoted_call_that_yaml_splits_into_equal_keys_is_explained() -> None:
    with pytest.raises(InputError, match="duplicate key `8`") as caught:
        tree("x: {value: random(1, 8, 8, seed=1)}\n")
    assert caught.value.hint is not None
    assert "in quotes" in caught.value.hint


def test_nesting_limit_is_exact() -> None:
    deep = limits.YAML_DEPTH - 1  # the mapping around counts
    tree("a: " + "[" * deep + "]" * deep)
    with pytest.raises(InputError, match="nested deeper"):
        tree("a: " + "[" * (deep + 1) + "]" * (deep + 1))


def test_directive_and_bom() -> None:
    assert yaml.decode(b"\xef\xbb\xbfa: 1\n", "p").text == "a: 1\n"
    with pytest.raises(InputError, match="directive"):
        tree("%YAML 1.2\n---\na: 1\n")
    assert tree("---\na: 1\n...\n").keys() == ["a"]


def test_only_regular_files_of_limited_size(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"a: 1\n" + b"#" * limits.FILE_BYTES)
    for path, message in (
        (pipe, "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
        (tmp_path, "is a folder"),
        (tmp_path / "missing.yaml", "cannot be read"),
        (Path("a\0b"), "cannot be read"),
        (large, "larger than 256 KiB"),
    ):
        with pytest.raises(InputError, match=message):
            load(path)
    exact = tmp_path / "exact.yaml"
    exact.write_bytes(b"title: T\n".ljust(limits.FILE_BYTES, b"\n"))
    assert load(exact).title == "T"
