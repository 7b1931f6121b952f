"""Pages about the layers of a network, as text and as JSON: what `tutor ops Conv2d` prints."""

from __future__ import annotations

import json as _json
from dataclasses import dataclass
from typing import Any

from ..expr import Expr, Name, walk
from ..notation.text import text
from ..notation.unicode import unicode_text
from . import paper
from .operation import field
from .wording import plain

_INDENT = 17


@dataclass(frozen=True)
class ArgumentRow:
    """One argument of the constructor; `takes` and `otherwise` are in words."""

    name: str
    takes: str
    default: Any  # torch's; None also where there is none
    needed: bool
    otherwise: str  # what holds if it is left out


@dataclass(frozen=True)
class Worked:
    """Equal terms: a name, its formula, the formula with the example's numbers, the result."""

    what: str  # "size", "parameters" or "multiply-adds"
    equation: tuple[Expr, ...]

    @property
    def general(self) -> bool:
        """Whether its second term is a formula in letters."""
        return any(isinstance(x, Name) for x in walk(self.equation[1]))


@dataclass(frozen=True)
class LayerPage:
    """All there is to say about one layer of a network. Texts are sentences as people write."""

    name: str
    usage: str  # torch's constructor
    arguments: tuple[ArgumentRow, ...]
    law: str
    note: str
    line: str  # the example, as a line of a file
    before: tuple[int, ...]
    after: tuple[int, ...]
    parameters: int
    worked: tuple[Worked, ...]
    functions: tuple[str, ...]  # what computes it in `define`
    same: bool  # whether that is one function, which does the same


def page(p: LayerPage, width: int = 80) -> str:
    """One layer, as a page of text."""
    first, *more = paper.wrap(p.usage, width - 4)
    rows = [first, *("    " + r for r in more), ""]
    label = plain("arguments")
    for a in p.arguments:
        rows += field(label, _argument(a), width, _INDENT)
        label = ""
    if not p.arguments:
        rows += field(label, plain("none"), width, _INDENT)
    rows += field(plain("shape"), p.law, width, _INDENT)
    for w in p.worked:
        if not w.general:
            continue
        rule = unicode_text(w.equation[0]) + " = " + unicode_text(w.equation[1])
        if w.what == "size":
            rows += field(plain("size"), plain("{e} along each axis.", e=rule), width, _INDENT)
        elif w.what == "parameters":
            rows += field(plain("parameters"), rule, width, _INDENT)
        else:
            rows += field(plain("multiply-adds"), rule, width, _INDENT)
    if not p.parameters:
        rows += field(plain("parameters"), plain("none"), width, _INDENT)
    if p.note:
        rows += field(plain("note"), p.note, width, _INDENT)
    rows += field(plain("example"), f"- {p.line}", width, _INDENT)
    rows += field("", f"{_by(p.before)} → {_by(p.after)}", width, _INDENT)
    for w in p.worked:
        name, *numbers = w.equation[:1] + w.equation[1 + w.general :]
        equation = " = ".join(unicode_text(e) for e in (name, *numbers))
        rows += field("", equation, width, _INDENT)
    if p.functions:
        words = "made of {names} in `define` (see `tutor ops {first}`)"
        if p.same:
            words = "{names} in `define` (see `tutor ops {first}`)"
        said = plain(words, names=plain(", ").join(p.functions), first=p.functions[0])
        rows += field(plain("function"), said, width, _INDENT)
    return "\n".join(rows) + "\n"


def _argument(a: ArgumentRow) -> str:
    if a.needed:
        return plain("{name}: {takes}; needed", name=a.name, takes=a.takes)
    if a.default is not None:
        return plain("{name}: {takes}; {it} by default", name=a.name, takes=a.takes, it=a.otherwise)
    return plain("{name}: {takes}; left out: {it}", name=a.name, takes=a.takes, it=a.otherwise)


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "1"


def data(p: LayerPage) -> dict[str, Any]:
    """The page as JSON data; formulas in the input syntax."""
    rules = {w.what: w.equation for w in p.worked}
    return {
        "name": p.name,
        "kind": "layer",
        "usage": p.usage,
        "arguments": [
            {
                "name": a.name,
                "takes": a.takes,
                "needed": a.needed,
                "default": a.default,
                "otherwise": a.otherwise or None,
            }
            for a in p.arguments
        ],
        "law": p.law,
        "note": p.note or None,
        "formulas": {w.what: text(w.equation[1]) for w in p.worked if w.general},
        "example": {
            "line": p.line,
            "input": list(p.before),
            "output": list(p.after),
            "parameters": p.parameters,
            "worked": {what: [text(e) for e in chain] for what, chain in rules.items()},
        },
        "functions": list(p.functions),
        "same": p.same,
    }


def json(p: LayerPage) -> str:
    """The page as JSON."""
    return _json.dumps(data(p), ensure_ascii=False, indent=1) + "\n"
