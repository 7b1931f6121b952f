"""The problem language as tables: every key of the schema and what may stand there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tutor.problem import schema
from tutor.problem.described import COMMON, CONVENTION, GIVEN, KINDS, NETWORK, TOP
from tutor.problem.layers import LAYERS
from tutor.problem.model import Convention
from tutor.problem.network import BLOCKS
from tutor.problem.task_table import COMMON_KEYS, TASKS, Arg
from tutor.words import LANGUAGES


def page() -> str:
    """The tables as a page; raises KeyError where a key of the schema has no words here."""
    return "\n".join(
        [
            "# Every key of a problem file",
            "",
            "Made from the schema that reads the files. [Problem files](../problem-files.md) "
            "explains them with examples.",
            "",
            "## The file",
            "",
            *_keys(schema.TOP_KEYS, TOP),
            f"`language` is one of {_listed(LANGUAGES)}.",
            "",
            "## A name under `given`",
            "",
            *_keys(schema.GIVEN_KEYS, GIVEN),
            "## `convention`",
            "",
            "| key | choices, the default in bold | |",
            "| --- | --- | --- |",
            *(
                f"| `{key}` | {_choices(words, getattr(Convention(), key))} | {CONVENTION[key]} |"
                for key, words in schema.CONVENTIONS.items()
            ),
            "",
            "## `network`",
            "",
            *_keys(schema.NETWORK_KEYS, NETWORK),
            f"Its layers are blocks ({_listed(BLOCKS)}) and these modules of torch.nn: "
            f"{_listed(sorted(LAYERS))}.",
            "",
            "## Every task",
            "",
            *_keys(COMMON_KEYS, COMMON),
            *(row for name, args in TASKS.items() for row in _task(name, args)),
        ]
    )


def _keys(keys: Iterable[str], words: Mapping[str, str]) -> list[str]:
    return ["| key | |", "| --- | --- |", *(f"| `{k}` | {words[k]} |" for k in keys), ""]


def _task(name: str, args: Mapping[str, Arg]) -> list[str]:
    if not args:
        return [f"## `{name}`", "", "No arguments.", ""]
    head = ["| argument | what may stand there | if it is left out |", "| --- | --- | --- |"]
    rows = [f"| `{key}` | {_values(arg)} | {_default(arg)} |" for key, arg in args.items()]
    return [f"## `{name}`", "", *head, *rows, ""]


def _values(arg: Arg) -> str:
    return _listed(arg.words) if arg.kind == "word" else KINDS[arg.kind]


def _default(arg: Arg) -> str:
    if arg.required:
        return "it is needed"
    if arg.default is None:
        return ""
    if arg.default == ():
        return "all of them"
    return f"`{str(arg.default).lower() if isinstance(arg.default, bool) else arg.default}`"


def _choices(words: Iterable[str], default: str) -> str:
    return ", ".join(f"**`{w}`**" if w == default else f"`{w}`" for w in words)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{w}`" for w in words)
