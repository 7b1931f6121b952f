"""The problem language as tables: every key of the schema and what may stand there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tutor.problem import schema
from tutor.problem.layers import LAYERS
from tutor.problem.model import Convention
from tutor.problem.network import BLOCKS
from tutor.problem.task_table import COMMON_KEYS, TASKS, Arg
from tutor.words import LANGUAGES

TOP = {
    "title": "what the problem is called (default: the name of the file)",
    "source": "where the exercise comes from",
    "statement": "the question in Markdown with `$mathematics$`",
    "notes": "remarks which may tell answers: solutions print them at the end, sheets never",
    "tags": "words to find it by",
    "language": "of the words around the mathematics",
    "convention": "which of two usual conventions holds, see below",
    "given": "names with their values or sizes",
    "define": "names with their expressions, in any order",
    "network": "a stack of layers",
    "tasks": "what is asked",
}
GIVEN = {
    "value": "a number, an exact expression, nested lists of them, or a builder such as `eye(3)`",
    "shape": "a list of sizes, for a name without a value",
    "file": "a `.npy` or `.csv` file beside the problem",
    "symmetric": "`true`: the entries above and below the diagonal are the same",
    "diagonal": "`true`: only the diagonal is free",
    "positive": "`true`: every entry is above 0",
    "homogeneous": "`true`: the last entry is a constant 1",
    "label": "LaTeX for display",
}
CONVENTION = {
    "layout": "of derivatives: ∂y/∂x has rows(y) × columns(x), or rows(x) × columns(y)",
    "vec": "stacks columns or rows",
    "conv": "keeps or flips the kernel",
    "ties": "in a maximum go to the first entry or share the gradient",
    "style": "of a derivation: one adjoint per variable, or products of Jacobians along each path",
}
NETWORK = {
    "input": "its size without the batch, such as `[3, 128, 128]`",
    "layers": "a list, one entry per layer",
    "seed": "of the weights that are drawn where values are asked for",
}
COMMON = {
    "id": "its name (default: its position)",
    "text": "the question in words",
    "points": "what it is worth",
    "answer": "what you expect: `tutor solve` says whether it agrees",
    "tolerance": "how far a decimal answer may be off",
    "hint": "for those who ask for one",
}
KINDS = {
    "node": "a name",
    "nodes": "a name or a list of names",
    "expression": "an expression",
    "integer": "an integer",
    "flag": "`true` or `false`",
    "edges": "`all`, or pairs of names",
    "unknowns": "a name or a list of names",
    "targets": "names with the sizes that they shall have",
    "report": "`every k`",
    "state": "the optimiser's state from earlier steps",
    "after": "the id of an earlier `update` or `train`",
}


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
