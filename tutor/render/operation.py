"""Pages about operations, as text and as JSON: what `tutor ops` prints."""

from __future__ import annotations

import json as _json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..expr import Expr
from ..notation.block import pad
from ..notation.names import size_words
from ..notation.text import text
from ..notation.unicode import unicode_text
from ..steps import Variable
from . import paper
from .wording import plain


@dataclass(frozen=True)
class Entry:
    """A line of the list."""

    name: str
    signature: str
    law: str
    kind: str = "operation"  # or "layer"


@dataclass(frozen=True)
class Result:
    """A derivative of the example: ∂y/∂x, its closed form (None: needs subscripts), its size."""

    symbol: Expr
    formula: Expr | None
    dims: str


@dataclass(frozen=True)
class Page:
    """All there is to say about one operation. Texts are sentences or formulas as people write."""

    name: str
    usage: str  # the call with its defaults
    signature: str
    definition: Expr | None  # what it expands to, over the example's names
    meaning: str | None  # the definition in the usual notation, where it is kept whole
    rule: str
    law: str
    why: str
    condition: str | None
    convention: str | None
    size: str  # why the result has its size
    source: str
    layers: tuple[str, ...]  # of a network, which compute this
    declared: Mapping[str, Variable]  # the example's operands
    call: Expr | None  # the example: y = call
    result: str  # what the example calls its result
    results: tuple[Result, ...]


def listing(entries: Iterable[Entry], width: int = 80) -> str:
    """One line per operation: name, axes, rule; then one per layer: its constructor, its rule."""
    entries = list(entries)
    rows = [(e.name, e.signature, e.law) for e in entries if e.kind == "operation"]
    names, axes = (min(max(len(r[k]) for r in rows), most) for k, most in ((0, 18), (1, 30)))
    lines = []
    for name, signature, law in rows:
        if len(name) > names:  # a long name stands alone
            lines.append(f"  {name}")
            name = ""
        if len(signature) > axes:  # long axes take the room of the rule
            for row in paper.wrap(signature, width - names - 4):
                lines.append(f"  {name:<{names}}  {row}")
                name = ""
            signature = ""
        for row in paper.wrap(law, max(width - names - axes - 6, 24)) or [""]:
            lines.append(f"  {name:<{names}}  {signature:<{axes}}  {row}".rstrip())
            name = signature = ""
    layers = [e for e in entries if e.kind == "layer"]
    if layers:
        lines += ["", *paper.wrap(plain("Layers of a network, as torch.nn has them:"), width)]
    names = max((len(e.name) for e in layers), default=0)
    for e in layers:
        for i, row in enumerate(paper.wrap(e.law, max(width - names - 4, 24))):
            lines.append(f"  {'' if i else e.name:<{names}}  {row}")
    return "\n".join(lines) + "\n"


def page(p: Page, width: int = 80) -> str:
    """One operation, as a page of text."""
    first, *more = paper.wrap(p.usage, width - 4)
    rows = [first, *("    " + r for r in more), "", *field(plain("axes"), p.signature, width)]
    if p.definition is not None:
        rows += field(plain("definition"), unicode_text(p.definition, p.declared), width)
    elif p.meaning:
        rows += field(plain("definition"), p.meaning, width)
    rows += field(plain("size"), p.size, width)
    rows += field(plain("derivative"), f"{p.law}   ({plain(p.rule)})", width)
    rows += field(plain("why"), p.why, width)
    if p.condition:
        rows += field(plain("provided"), plain("that {it}.", it=p.condition), width)
    if p.convention:
        said = f"{p.convention[0].upper()}{p.convention[1:]}"
        rows += field(plain("convention"), plain("{it}.", it=said), width)
    if p.call is not None:
        rows += field(plain("example"), _example(p), width)
        for r in p.results:
            symbol = unicode_text(r.symbol, p.declared)
            form = (
                plain("only with subscripts") if r.formula is None else "= " + _shown(r.formula, p)
            )
            rows += field("", f"{symbol} {form}   ({size_words(r.dims)})", width)
    if p.layers:
        words = "{names} in a `network` (see `tutor ops {first}`)"
        said = plain(words, names=plain(", ").join(p.layers), first=p.layers[0])
        rows += field(plain("layer"), said, width)
    rows += field(plain("source"), p.source, width)
    return "\n".join(rows) + "\n"


def _shown(e: Expr, p: Page) -> str:
    return unicode_text(e, p.declared)


def _example(p: Page) -> str:
    assert p.call is not None
    call = f"{p.result} = {text(p.call)}"
    sizes = [
        plain("{x} is {size}", x=name, size=size_words(v.dims)) for name, v in p.declared.items()
    ]
    if not sizes:
        return call
    return plain("{call}, where {sizes}", call=call, sizes=plain(", ").join(sizes))


def field(label: str, words: str, width: int, indent: int = 14) -> list[str]:
    """A label with its words, wrapped."""
    rows = paper.wrap(words, max(width - indent, 30)) or [""]
    return [f"  {pad(label, indent - 2)}{rows[0]}", *(" " * indent + r for r in rows[1:])]


def data(p: Page) -> dict[str, Any]:
    """The page as JSON data; formulas in the input syntax."""
    return {
        "name": p.name,
        "kind": "operation",
        "usage": p.usage,
        "signature": p.signature,
        "definition": text(p.definition) if p.definition is not None else p.meaning,
        "size": p.size,
        "rule": p.rule,
        "law": p.law,
        "why": p.why,
        "condition": p.condition,
        "convention": p.convention,
        "source": p.source,
        "layers": list(p.layers),
        "example": None
        if p.call is None
        else {
            "given": {name: v.dims for name, v in p.declared.items()},
            "define": {p.result: text(p.call)},
            "derivatives": [
                {
                    "of": text(r.symbol),
                    "formula": None if r.formula is None else text(r.formula),
                    "dims": r.dims,
                }
                for r in p.results
            ],
        },
    }


def json(pages: Page | Iterable[Entry]) -> str:
    """One page, or the list, as JSON."""
    if isinstance(pages, Page):
        dumped: Any = data(pages)
    else:
        dumped = [
            {"name": e.name, "kind": e.kind, "signature": e.signature, "law": e.law} for e in pages
        ]
    return _json.dumps(dumped, ensure_ascii=False, indent=1) + "\n"
