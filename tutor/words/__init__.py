"""The language of what is printed.

An English sentence is its own key, as in gettext; a catalogue is a PO file of a language beside
this module. A renderer speaks the language of the solution it prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "cs", "zh")  # English, Czech, simplified Chinese
HTML_CODES = {"zh": "zh-Hans"}

_spoken: ContextVar[str] = ContextVar("language", default="en")

# what tests put here is told of every message that a catalogue lacks
on_missing: list[Callable[[str, str], None]] = []


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Within it, words come out in this language."""
    if language not in LANGUAGES:
        raise ValueError(f"no catalogue for {language!r}")
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def language() -> str:
    """The language spoken now."""
    return _spoken.get()


def html_code() -> str:
    """The same as an HTML `lang` attribute has it."""
    return HTML_CODES.get(language(), language())


def translated(message: str) -> str:
    """The message in the language spoken now, its {holes} still open; else in English."""
    spoken = _spoken.get()
    if spoken == "en" or not message:
        return message
    found = catalogue(spoken).get(message)
    if found is None:
        for tell in on_missing:
            tell(spoken, message)
        return message
    return found


@cache
def catalogue(spoken: str) -> Mapping[str, str]:
    """Every translated message of a language."""
    import polib  # only for those who do not read English

    entries = polib.pofile(str(FOLDER / f"{spoken}.po"), encoding="utf-8")
    return {e.msgid: e.msgstr for e in entries if e.msgstr and not e.obsolete and not e.fuzzy}
