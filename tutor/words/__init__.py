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


def _czech(count: object) -> int:
    """One, two to four, and all others, such as n."""
    if not isinstance(count, int):
        return 2
    return 0 if count == 1 else 1 if 2 <= count <= 4 else 2


# which of a catalogue's plural forms a count takes
FORMS: Mapping[str, Callable[[object], int]] = {"cs": _czech, "zh": lambda count: 0}

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


def translated(message: str, one: str | None = None, count: object = None) -> str:
    """The message in the language spoken now, its {holes} still open; else in English.

    one: its singular, where it has one; count: how many there are, or any other value.
    """
    spoken = _spoken.get()
    if spoken == "en" or not message:
        return one if one is not None and count == 1 else message
    found = catalogue(spoken).get(message)
    if found is None:
        for tell in on_missing:
            tell(spoken, message)
        return message
    return found[0] if one is None else found[FORMS[spoken](count)]


@cache
def catalogue(spoken: str) -> Mapping[str, tuple[str, ...]]:
    """Every translated message of a language, with its plural forms if it has any."""
    import polib  # only for those who do not read English

    entries = polib.pofile(str(FOLDER / f"{spoken}.po"), encoding="utf-8")
    found: dict[str, tuple[str, ...]] = {}
    for e in entries:
        if e.obsolete or e.fuzzy:
            continue
        if e.msgid_plural:
            found[e.msgid_plural] = tuple(e.msgstr_plural[k] for k in sorted(e.msgstr_plural))
        elif e.msgstr:
            found[e.msgid] = (e.msgstr,)
    return found
