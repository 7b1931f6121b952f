"""Generated functions as the text of a module: imports, helpers, definitions."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from ..expr import Call, Expr, Name, walk
from ..graph.dims import Shape
from ..notation.build import size_term
from ..notation.text import text
from .function import Function
from .libraries import Library
from .program import WIDTH, line
from .signature import Parameter

_BUILT_IN = ("", "int")


def module(functions: Sequence[Function]) -> str:
    """Everything that the functions need, and they themselves, ready to paste."""
    library = functions[0].library
    calls = {n for f in functions for n in _called(f)}
    helpers = [n for n in sorted(calls) if "." not in n and n not in _BUILT_IN]
    definitions = [_helper(library.name, n) for n in helpers]
    parts = [*definitions, *(_definition(f) for f in functions)]
    code = "\n\n\n".join(parts)
    return f"{_imports(library, code)}\n\n\n{code}\n"


def _imports(library: Library, code: str) -> str:
    """The import lines whose names occur."""
    wanted = list(library.imports)
    kept = [w for w in wanted if f"{w.split()[-1]}." in code]
    if "math." in code:
        return "\n".join(["import math", "", *kept])
    return "\n".join(kept)


def _called(f: Function) -> list[str]:
    found = []
    for e in (*(e for _, e in f.sizes), *f.body.terms()):
        for x in walk(e):
            if isinstance(x, Call):
                found.append(x.func)
            elif isinstance(x, Name) and "." in x.id:
                found.append(x.id)
    return found


@lru_cache(maxsize=8)
def _sources(library: str) -> dict[str, str]:
    """The helpers' own source text, by name; the modules are read, not imported."""
    source = files(__package__).joinpath(f"helpers_{library}.py").read_text("utf-8")
    return {
        f.name: ast.get_source_segment(source, f) or ""
        for f in ast.parse(source).body
        if isinstance(f, ast.FunctionDef)
    }


def _helper(library: str, name: str) -> str:
    return _sources(library)[name]


# -- one definition -------------------------------------------------------------------------------


def _definition(f: Function) -> str:
    rows = [*_header(f), *_docstring(f)]
    rows += [f"    {n} = {line(e)}" for n, e in _unpacked(f)]
    rows += [f"    {n} = {line(e)}" for n, e in f.body.statements]
    rows.append(f"    return {line(f.body.result)}")
    return "\n".join(rows)


def _header(f: Function) -> list[str]:
    typed = [f"{p.identifier}: {_type(p.shape, f.library)}" for p in f.parameters]
    end = f") -> {_type(f.shape, f.library)}:"
    one = f"def {f.name}({', '.join(typed)}{end}"
    if len(one) <= WIDTH:
        return [one]
    middle = f"    {', '.join(typed)}"
    if len(middle) <= WIDTH:
        return [f"def {f.name}(", middle, end]
    return [f"def {f.name}(", *(f"    {t}," for t in typed), end]


def _type(shape: Shape, library: Library) -> str:
    return library.array if shape else library.scalar


_KINDS = {"gradient": "Gradient", "jacobian": "Jacobian", "hessian": "Hessian"}


def described(f: Function) -> str:
    """What the function computes, its formula, and the shape of every array."""
    variables = " and ".join(dict.fromkeys(f.wrt))
    title = f"{_KINDS[f.kind]} of {f.title} with respect to {variables}."
    rows = textwrap.wrap(title, WIDTH - 7, break_long_words=False)
    if f.formula is not None:
        rows += ["", *textwrap.wrap(f.formula, WIDTH - 4, break_long_words=False)]
    rows.append("")
    rows += [f"{p.identifier}: {_size(p)}" for p in f.parameters]
    rows.append(f"Returns {_returned(f)}.")
    return "\n".join(rows)


def _docstring(f: Function) -> list[str]:
    first, *rest = described(f).split("\n")
    return ['    """' + first, *(f"    {r}" if r else "" for r in rest), '    """']


def _size(p: Parameter) -> str:
    return _shape(p.shape) + (", a row" if p.row else "")


def _shape(shape: Shape) -> str:
    if not shape:
        return "a scalar"
    inner = ", ".join(text(size_term(d)) for d in shape)
    return f"shape ({inner},)" if len(shape) == 1 else f"shape ({inner})"


def _returned(f: Function) -> str:
    return "a scalar" if not f.shape else f"an array of {_shape(f.shape)}"


def _unpacked(f: Function) -> list[tuple[str, Expr]]:
    """The sizes; both of one matrix in one assignment."""
    rows: list[tuple[str, Expr]] = []
    rest = dict(f.sizes)
    for p in f.parameters:
        names = [str(d) for d in p.shape]
        want = [f"{p.identifier}.shape[{k}]" for k in range(len(names))]
        if len(names) > 1 and all(
            n in rest and line(rest[n]) == w for n, w in zip(names, want, strict=True)
        ):
            rows.append((", ".join(names), Name(f"{p.identifier}.shape")))
            for n in names:
                rest.pop(n)
    return [*rows, *rest.items()]
