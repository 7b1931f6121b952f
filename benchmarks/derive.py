"""The expression tables: closed forms derived by tutor, and by SymPy entry by entry."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sympy as sp
from sympy.core.cache import clear_cache

import tutor
from tutor.errors import InputError
from tutor.notation.text import text as formula_text
from tutor.problem.expression import parse

from . import peer_sympy
from .harness import calls

TABLE = Path(__file__).parent / "data" / "expressions.json"
EVERY = Path(__file__).parents[1] / "tests" / "data"
ROUNDS = 7
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Case:
    """One row of the table that today's operations cover."""

    record: dict[str, Any]
    loaded: Any

    def ours(self) -> str | None:
        """The whole derivation with its steps, without the check, up to the closed form as text."""
        (result,) = self.loaded.solve(checking=False).tasks
        return None if result.formula is None else formula_text(result.formula)

    def peer(self) -> sp.Matrix:
        record = self.record
        env = {**_sizes(record), **_symbols(record)}
        value = peer_sympy.written_out(parse(record["expression"]), env)
        return peer_sympy.derivative(value, env[record["wrt"]], record["kind"])


def text(record: dict[str, Any]) -> str:
    """The row as a problem file, with symbolic sizes."""
    kinds = ("scalar", "vector", "matrix", "tensor")
    wrt = record["wrt"] if isinstance(record["wrt"], str) else f"[{', '.join(record['wrt'])}]"
    lines = []
    for name, shape in record["vars"].items():
        declared = kinds[len(shape)] + (f"({', '.join(shape)})" if shape else "")
        if name in record.get("symmetric", ()):
            declared = f"{{shape: [{', '.join(shape)}], symmetric: true}}"
        lines.append(f"  {name}: {declared}\n")
    return (
        f"given:\n{''.join(lines)}define:\n  f: {json.dumps(record['expression'])}\n"
        f"tasks:\n  - {record['kind']}: {{of: f, wrt: {wrt}}}\n"
    )


def records() -> list[dict[str, Any]]:
    return json.loads(TABLE.read_text(encoding="utf-8"))


def covered() -> tuple[list[Case], list[str], list[str]]:
    """The rows that can be derived today, those that need what is not there, those that crash."""
    cases, missing, crashed = [], [], []
    for record in records():
        try:
            case = Case(record, tutor.loads(text(record)))
            case.ours()
        except InputError:
            missing.append(record["id"])
        except Exception:  # a crash is a result: it is shown in the table
            crashed.append(record["id"])
        else:
            cases.append(case)
    return cases, missing, crashed


def _sizes(record: dict[str, Any]) -> dict[str, sp.Matrix]:
    return {n: sp.Matrix([[k]]) for n, k in peer_sympy.sizes(record["vars"]).items()}


def _symbols(record: dict[str, Any]) -> dict[str, sp.Matrix]:
    return peer_sympy.symbols(record["vars"], peer_sympy.sizes(record["vars"]))


def numbers(formula: str, record: dict[str, Any]) -> list[float]:
    """A formula's entries at a fixed point."""
    env = _sizes(record)
    at = 0
    for name, symbols in _symbols(record).items():
        point = symbols.applyfunc(lambda _: 0)
        for k in range(len(point)):
            at += 1
            point[k] = sp.Float(0.3 + (at * 0.7548776662466927) % 1)
        env[name] = point + point.T if name in record.get("symmetric", ()) else point
    return [float(x) for x in peer_sympy.written_out(parse(formula), env)]


def agrees(case: Case) -> bool:
    """The derived closed form and the table's have the same entries."""
    formula = case.ours()
    if formula is None:
        return False
    try:
        ours, theirs = (numbers(f, case.record) for f in (formula, case.record["expected"]))
    except (KeyError, ValueError, TypeError, sp.ShapeError):
        return False
    return len(ours) == len(theirs) and all(
        abs(a - b) <= TOLERANCE * (1 + abs(b)) for a, b in zip(ours, theirs, strict=True)
    )


@dataclass(frozen=True)
class Result:
    """Median seconds of ours and of the peer over the rows, and how the rows came out."""

    ours: float
    peer: float
    derived: int
    right: int
    missing: tuple[str, ...]
    crashed: tuple[str, ...]


def measured(rounds: int = ROUNDS) -> Result:
    cases, missing, crashed = covered()
    times = [calls({"ours": case.ours, "peer": case.peer}, rounds, clear_cache) for case in cases]
    return Result(
        statistics.median(t["ours"] for t in times),
        statistics.median(t["peer"] for t in times),
        len(cases),
        sum(agrees(case) for case in cases),
        tuple(missing),
        tuple(crashed),
    )


def every() -> list[float]:
    """Seconds of each row of the tests' tables, from the loaded problem to the closed form."""
    found = []
    for path in sorted(EVERY.glob("*_expressions.json")):
        for record in json.loads(path.read_text(encoding="utf-8")):
            loaded = tutor.loads(text(record))
            times = calls({"ours": lambda p=loaded: p.solve(checking=False)}, ROUNDS, clear_cache)
            found.append(times["ours"])
    return found
