"""Every message is translated into every language, and nothing English is printed elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import polib
import pytest
from click.testing import CliRunner

import tutor
from tests import messages
from tests.test_architecture import loaded
from tests.test_problems import FILES, named, problem, solution
from tutor import catalogue, layer_pages, sheets, words
from tutor.cli import app
from tutor.derivation import derivation
from tutor.notation.block import width
from tutor.render import layer_page, operation
from tutor.render.html import html
from tutor.render.json import data
from tutor.render.latex import latex
from tutor.render.markdown import markdown
from tutor.render.notebook import notebook
from tutor.render.paper import wrap
from tutor.render.terminal import terminal
from tutor.render.typst import typst
from tutor.render.wording import words as filled
from tutor.steps import Solution, Text, all_of, in_turn
from tutor.words import speaking, translated

LANGUAGES = messages.TRANSLATED
every_language = pytest.mark.parametrize("language", LANGUAGES)


@cache
def wanted() -> tuple[dict[str, messages.Message], list[str]]:
    return messages.messages()


@contextmanager
def strict() -> Iterator[list[str]]:
    """The messages that a catalogue lacked meanwhile."""
    lacking: list[str] = []

    def tell(language: str, message: str) -> None:
        lacking.append(f"{language}: {message!r}")

    words.on_missing.append(tell)
    try:
        yield lacking
    finally:
        words.on_missing.remove(tell)


# the catalogues ----------------------------------------------------------------------------------


def test_every_message_is_a_literal() -> None:
    assert wanted()[1] == []


def test_there_are_as_many_messages_as_one_expects() -> None:
    """The tool would find nothing missing if it found no messages at all."""
    found = wanted()[0]
    assert len(found) > 1000
    for message in ("Forward pass", "Derivative of {y} with respect to {x}", "product rule"):
        assert message in found


@every_language
def test_a_catalogue_is_complete(language: str) -> None:
    assert messages.faults(wanted()[0], messages.catalogue(language), language) == []


@every_language
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("removed", "missing"),
        ("emptied", "not translated"),
        ("unsure", "not translated"),
        ("another hole", "other holes"),
        ("a hole less", "other holes"),
        ("a message that is no more", "obsolete"),
        ("a plural form less", "not translated"),
        ("another singular", "another singular"),
    ],
)
def test_a_planted_fault_is_found(language: str, fault: str, said: str) -> None:
    entries = messages.catalogue(language)
    entry = next(e for e in entries if messages.key(e) == "Gradient of {y} with respect to {x}")
    plural = next(e for e in entries if messages.key(e) == "{n} rows")
    match fault:
        case "removed":
            entries.remove(entry)
        case "emptied":
            entry.msgstr = ""
        case "unsure":
            entry.flags.append("fuzzy")
        case "another hole":
            entry.msgstr += " {z}"
        case "a hole less":
            entry.msgstr = entry.msgstr.replace("{y}", "y")
        case "a message that is no more":
            entries.append(polib.POEntry(msgid="No one says this.", msgstr="…"))
        case "a plural form less":
            plural.msgstr_plural[0] = ""
        case "another singular":
            plural.msgid = "{n} line"
    assert any(f.startswith(said) for f in messages.faults(wanted()[0], entries, language))


@pytest.mark.parametrize(
    "source",
    [
        'Text(f"{a} is {b}")',
        'Text("one " + more)',
        'Text("one" + " two")',
        "def f(x):\n    return Text(x)",
        'def f():\n    x = "a"\n    x += "b"\n    return Text(x)',
        'def f(n):\n    return Text("{n} rows", {"n": n}, one=f"{n} row")',
    ],
)
def test_what_is_no_literal_is_found(source: str) -> None:
    assert messages.read(source, "some.py")[1]


def test_literals_are_read_where_they_stand() -> None:
    source = (
        'KINDS = {"a": "first"}\n'
        "def f(x, up):\n"
        '    words = "second" if x else "third"\n'
        '    Check("fourth", 0.0, True)\n'
        '    Text(KINDS[x]); Text(words); Text("{n} fifths", {"n": x}, one="{n} fifth")\n'
        '    return Text({1: "sixth"}.get(x, "seventh"))\n'
    )
    found, unread = messages.read(source, "some.py")
    assert unread == []
    assert [(m.many, m.one) for m in found] == [
        ("fourth", None), ("first", None), ("second", None), ("third", None),
        ("{n} fifths", "{n} fifth"), ("sixth", None), ("seventh", None),
    ]  # fmt: skip


# what is printed ---------------------------------------------------------------------------------


def widest(text: str) -> int:
    return max(map(width, text.splitlines()))


def told(path: Path, language: str) -> Solution:
    return replace(solution(path), language=language)


@every_language
@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_problem_is_told_in_full(path: Path, language: str) -> None:
    """In all detail, as text and as JSON, without a message that has no translation."""
    with strict() as lacking:
        text = terminal(told(path, language), level=2)
        reference = data(told(path, language))
    assert lacking == []
    assert reference["title"] == solution(path).title
    if language == "zh":
        rows = text.splitlines()
        assert max(map(width, rows)) <= max(
            80, *map(width, terminal(solution(path), level=2).splitlines())
        )


SEEDS = [f for f in FILES if f.stem in ("sine_neuron", "pooling", "dimensions")]


@every_language
@pytest.mark.parametrize("path", SEEDS, ids=named)
def test_pages_are_told_in_full(path: Path, language: str) -> None:
    with strict() as lacking:
        page = html(told(path, language))
        tex = latex(told(path, language))
        assert typst(told(path, language), lambda formula: "x")
        assert markdown(told(path, language)) and notebook(told(path, language))
    assert lacking == []
    assert f'<html lang="{words.HTML_CODES.get(language, language)}">' in page
    assert "U+" not in tex, "every character of the language has to be set"
    assert tex.isascii() == (language != "zh")


@every_language
@pytest.mark.parametrize("kind", [".html", ".tex"])
def test_a_sheet_is_told_in_full(tmp_path: Path, kind: str, language: str) -> None:
    problems = [replace(problem(p), language=language) for p in SEEDS]
    with strict() as lacking:
        made = sheets.written(problems, tmp_path / f"sheet{kind}", solutions=True)
    assert lacking == []
    with speaking(language):
        exercise = translated("Exercise {n}.").replace("{n}", "2")
    questions, solutions = made.values()
    if kind == ".html" or language == "zh":  # accents are commands in LaTeX
        assert exercise.encode() in questions and exercise.rstrip("。").encode() in solutions


@every_language
def test_pages_of_operations_are_told_in_full(language: str) -> None:
    with strict() as lacking, speaking(language):
        for entry in catalogue.entries():
            operation.page(catalogue.page(entry.name))
        for entry in layer_pages.entries():
            layer_page.page(layer_pages.page(entry.name))
    assert lacking == []


@every_language
def test_a_derivation_tells_what_it_assumes(language: str) -> None:
    with strict() as lacking:
        found = derivation("norm2(A@x - y)**2", ["x"], language=language)
        terminal(found.on_screen())
        found.json()
    assert lacking == []


def test_names_stay_what_programs_look_for() -> None:
    """Rules, kinds, methods and keys of the JSON do not change with the language."""
    path = SEEDS[0]
    english, czech = data(solution(path)), data(told(path, "cs"))
    assert english.keys() == czech.keys()
    for a, b in zip(english["tasks"], czech["tasks"], strict=True):
        assert [s["rule"] for s in a["steps"]] == [s["rule"] for s in b["steps"]]
        assert [s["latex"] for s in a["steps"]] == [s["latex"] for s in b["steps"]]
        assert a["check"] == b["check"] and a.get("value") == b.get("value")
    titles = [
        [s["title"] for t in told["tasks"] for s in t["steps"] if s["kind"] == "chain"]
        for told in (english, czech)
    ]
    assert titles[0] and all(a != b for a, b in zip(*titles, strict=True))


def plain(text: Text, language: str) -> str:
    with speaking(language):
        return filled(text, str, str)


@pytest.mark.parametrize(
    ("count", "czech"),
    [
        (1, "1 řádek"),
        (2, "2 řádky"),
        (4, "4 řádky"),
        (5, "5 řádků"),
        (0, "0 řádků"),
        ("n", "n řádků"),
    ],
)
def test_plurals(count: int | str, czech: str) -> None:
    text = Text("{n} rows", {"n": count}, one="{n} row")
    assert plain(text, "cs") == czech
    assert plain(text, "zh") == f"{count} 行"
    assert plain(text, "en") == ("1 row" if count == 1 else f"{count} rows")


def test_lists_and_sentences_join_as_the_language_does() -> None:
    assert plain(all_of(["a", "b", "c"]), "cs") == "a, b a c"
    assert plain(all_of(["a", "b", "c"]), "zh") == "a、b 和 c"
    assert plain(all_of(["a"]), "cs") == "a"
    both = in_turn(Text("As given."), None, Text("A number."))
    assert plain(both, "zh") == "按所给。一个数。"
    assert plain(both, "cs") == "Jak je dáno. Číslo."


def test_english_is_spoken_again_afterwards() -> None:
    with speaking("cs"):
        assert translated("Given") == "Dáno"
        with speaking("zh"):
            assert translated("Given") == "已知"
        assert words.language() == "cs"
    assert translated("Given") == "Given"
    with pytest.raises(ValueError, match="no catalogue"), speaking("xx"):
        pass


def test_what_no_catalogue_knows_stays_english_and_is_noticed() -> None:
    with strict() as lacking, speaking("cs"):
        assert translated("No one says this.") == "No one says this."
    assert lacking == ["cs: 'No one says this.'"]


def test_what_an_author_wrote_is_never_looked_up() -> None:
    source = (
        "language: cs\ntitle: Given\nsource: Result\ngiven: {x: 2}\ndefine: {y: x**2}\n"
        "tasks: [{gradient: {of: y, wrt: x}, text: Numbers, id: Check}]\n"
    )
    text = tutor.loads(source).solve().text()
    for word in ("Given\n═════", "Result", "  Numbers", "Check: "):
        assert word in text
    assert "Dáno" in text


def test_english_needs_no_catalogue() -> None:
    """Nor does anyone before something is printed in another language."""
    solve = (
        "import tutor\n"
        "tutor.loads('given: {x: 2}\\ndefine: {y: x**2}\\ntasks: [forward]').solve().text()"
    )
    assert "polib" not in loaded(solve) and "sympy" in loaded(solve)
    assert "polib" in loaded(solve.replace("solve()", "solve(language='cs')"))
    assert not {"polib", "sympy", "numpy"} & loaded("import tutor.words")


# lines of Chinese --------------------------------------------------------------------------------


def test_chinese_breaks_between_characters() -> None:
    rows = wrap("梯度与变量大小相同，这样更新才成立。", 12)
    assert rows == ["梯度与变量大", "小相同，这样", "更新才成立。"]
    assert all(width(r) <= 12 for r in rows)


def test_punctuation_begins_no_line() -> None:
    rows = wrap("一二三四五，六七八九十", 10)
    assert rows == ["一二三四", "五，六七八", "九十"]
    assert wrap("甲乙丙丁（戊己）", 10) == ["甲乙丙丁", "（戊己）"]


def test_words_of_letters_stay_whole_in_chinese() -> None:
    assert wrap("关于 softmax 的导数", 12) == ["关于 softmax", "的导数"]


# the command line --------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "word"), [([], "Given"), (["--language", "cs"], "Dáno")])
def test_the_option_and_the_file_choose(tmp_path: Path, option: list[str], word: str) -> None:
    path = tmp_path / "a.yaml"
    body = "given: {x: 2}\ndefine: {y: x**2}\ntasks: [forward]\n"
    path.write_text(body, encoding="utf-8")
    done = CliRunner().invoke(app, ["solve", str(path), *option])
    assert done.exit_code == 0 and word in done.output
    path.write_text("language: zh\n" + body, encoding="utf-8")
    done = CliRunner().invoke(app, ["solve", str(path), *option])
    assert done.exit_code == 0 and ("已知" if not option else word) in done.output


def test_the_api_takes_a_language() -> None:
    told = tutor.derive("x**2", wrt="x", x="scalar", language="cs").text()
    assert "Gradient f podle x" in told
    source = "given: {x: 2}\ndefine: {y: x**2}\ntasks: [forward]\n"
    assert "前向传播" in tutor.loads(source).solve(language="zh").text()
    derivative = tutor.derive("x**2", wrt="x", x="scalar", language="zh")
    assert "关于" in repr(derivative.steps) and "关于" in derivative.steps._repr_html_()
    problem = tutor.loads(f"language: cs\n{source}")
    assert "Dáno" in problem._repr_html_() and "Proveďte" in problem._repr_html_()
