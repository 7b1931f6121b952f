"""Declarations for one expression: lines such as "A: matrix(m, n)"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .. import limits
from ..errors import InputError, did_you_mean
from ..expr import Expr, Num, names
from . import yaml
from .model import Given
from .schema import PROPERTIES
from .tree import Document
from .tree import Mapping as Section

_NAMED = re.compile(r"\s*([A-Za-z]\w*)\s*:\s*")

_PROPERTY = re.compile(rf"({'|'.join(PROPERTIES)})\s*\(")


def read(declarations: Sequence[str], functions: Sequence[str]) -> dict[str, Given]:
    """The declarations together, read as the `given` of a problem file."""
    if not declarations:
        return {}
    from .given import Reader

    lines = [_line(d) for d in declarations]
    document = yaml.clean(Document("declaration", "\n".join(lines)))
    if len(document.text) > limits.FILE_BYTES:
        raise InputError("the declarations are too long")
    section: Section = yaml.parse(document)
    return Reader(None, functions).read(section)


def _line(declaration: str) -> str:
    """The declaration as a line of YAML; `A:matrix(m, n)` will do."""
    found = _NAMED.match(declaration)
    if found is None or "\n" in declaration.strip():
        raise InputError(
            f"a declaration is a name and a shape, not `{declaration.strip()[:40]}`",
            hint='such as -d "A: matrix(m, n)"',
        )
    kind = declaration[found.end() :].strip()
    word = _PROPERTY.match(kind)
    if word is not None:
        sizes = kind[word.end() :].rstrip(") ") or "n, n"
        raise InputError(
            f"`{word[1]}` is a property of a shape, not a shape",
            hint=f'-d "{found[1]}: {{shape: [{sizes}], {word[1]}: true}}"',
        )
    return f"{found[1]}: {kind}"


def needed(declared: Mapping[str, Given], expr: Expr) -> None:
    """Every declared name is one of the expression, or a size in another declaration."""
    sizes = [d for g in declared.values() for d in g.shape or () if not isinstance(d, str)]
    used = {*names(expr), *(n for d in sizes for n in names(d))}
    numbers = {d.text for d in sizes if isinstance(d, Num)}
    for name, given in declared.items():
        number = given.value is not None and not given.value.shape and str(given.value.data[()])
        if name not in used and number not in numbers:  # n: 3 is put into matrix(n, n) at once
            hint = did_you_mean(name, used) or "it has " + ", ".join(f"`{n}`" for n in names(expr))
            raise InputError(
                f"`{name}` is declared, but the expression has no such name",
                hint=hint,
                where=given.where,
            )
