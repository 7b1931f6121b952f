"""A solution as JSON: the reference form, keys and order as the contract states them."""

from __future__ import annotations

import json as _json
import math
from collections.abc import Mapping
from typing import Any

from ..expr import Expr, Name
from ..notation.latex import latex
from ..notation.text import text
from ..steps import Answer, Check, Picture, Shape, Solution, Step, TaskResult, Text, Variable
from ..value import Value
from .escape import json_text
from .signs import chain, members
from .wording import in_its_language, words

SCHEMA = 1


def json(solution: Solution) -> str:
    """The solution as one JSON object; never NaN or Infinity."""
    return written(data(solution))


def written(tree: dict[str, Any]) -> str:
    """JSON data as text, every invisible character as an escape sequence."""
    return json_text(_json.dumps(tree, ensure_ascii=False, allow_nan=False, indent=1)) + "\n"


@in_its_language
def data(solution: Solution) -> dict[str, Any]:
    """The same object before it is written out."""
    names = solution.variables
    return {
        "schema": SCHEMA,
        "title": solution.title,
        "conventions": dict(solution.conventions),
        "variables": {name: _variable(v, names) for name, v in names.items()},
        "tasks": [_task(t, names) for t in solution.tasks],
        "warnings": [plain(w) for w in solution.warnings],
    }


def plain(t: Text) -> str:
    """A sentence with its mathematics in the input syntax."""
    return words(t, text, lambda s: s)


def shape_json(shape: Shape) -> list[int | str]:
    """Integers, and symbolic sizes as SymPy prints them."""
    return [n if isinstance(n, int) else _size(n) for n in shape]


def _size(n: Any) -> str | int:
    if isinstance(n, Expr):
        return text(n)
    return int(n) if getattr(n, "is_Integer", False) else str(n)


def _variable(v: Variable, names: Mapping[str, Variable]) -> dict[str, Any]:
    return {
        "kind": v.kind,
        "shape": shape_json(v.shape),
        "dims": v.dims,
        **_numbers(v.value),
        "latex": latex(Name(v.name), names),
    }


def _numbers(value: Value | None) -> dict[str, Any]:
    if value is None:
        return {"exact": None, "value": None}
    return {"exact": value.strings(), "value": clean(value.numbers())}


def _task(t: TaskResult, names: Mapping[str, Variable]) -> dict[str, Any]:
    out: dict[str, Any] = {"id": t.id, "task": t.task}
    out |= clean(t.subject)
    for key, given in (("text", t.text), ("points", t.points), ("hint", t.hint)):
        if given is not None:
            out[key] = given
    if t.shape is not None:
        out |= {"shape": shape_json(t.shape), "dims": t.dims}
    if t.jacobian_dims is not None:
        out["jacobian_dims"] = t.jacobian_dims
    if t.formula is not None or t.shape is not None:
        out["formula"] = None if t.formula is None else text(t.formula)
        out["latex"] = None if t.formula is None else latex(t.formula, names)
    if t.value is not None or t.shape is not None:
        out |= _numbers(t.value)
    if t.diagram is not None:
        out["dot"] = _dot(t, names)
    out |= clean(t.extra)
    out["steps"] = [_step(s, names) for s in t.steps]
    out["check"] = None if t.check is None else _check(t.check)
    out["answer"] = None if t.answer is None else _answer(t.answer)
    return out


def _dot(t: TaskResult, names: Mapping[str, Variable]) -> str:
    from .dot import to_dot  # measures labels with the shipped font: only where one is drawn

    assert t.diagram is not None
    values, gradients = bool(t.subject.get("values")), bool(t.subject.get("gradients"))
    return to_dot(t.diagram, values=values, gradients=gradients, names=names)


def _step(s: Step, names: Mapping[str, Variable]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "id": s.id,
        "kind": s.kind,
        "rule": s.rule,
        "title": plain(s.title),
        "latex": chain(members(s), lambda e: latex(e, names), latex=True),
        "text": chain(members(s), text) or ("" if s.why is None else plain(s.why)),
        "shape": shape_json(s.shape),
    }
    return out if s.picture is None else out | {"picture": _picture(s.picture)}


def _picture(p: Picture) -> dict[str, Any]:
    """Arrays side by side; places are [row, column], an empty cell is null."""
    arrays = [
        {
            "name": text(g.name),
            "cells": [[None if c is None else text(c) for c in row] for row in g.cells],
            "padding": [list(at) for at in g.padding],
            "framed": [list(at) for at in g.framed],
            "winners": [list(at) for at in g.winners],
        }
        for g in p.grids
    ]
    return {"arrays": arrays, "signs": list(p.signs), "words": plain(p.words)}


def _check(c: Check) -> dict[str, Any]:
    error = None if c.passed is None else clean(c.max_rel_error)
    out = {"method": c.words, "max_rel_error": error, "passed": c.passed}
    return out if c.note is None else out | {"note": plain(c.note)}


def _answer(a: Answer) -> dict[str, Any]:
    out = {"given": clean(a.given), "correct": a.correct}
    return out if a.note is None else out | {"note": plain(a.note)}


def clean(x: Any) -> Any:
    """JSON-ready data with null for what JSON cannot say (NaN, infinities)."""
    if isinstance(x, Text):
        return plain(x)
    if isinstance(x, Mapping):
        return {str(k): clean(v) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return [clean(v) for v in x]
    if isinstance(x, float):
        return float(x) if math.isfinite(x) else None
    return x
