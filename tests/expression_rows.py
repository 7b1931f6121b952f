"""The two tables of derivatives that the literature prints, and points at which they are compared.

Each row: an expression with symbolic sizes, what it is derived by, and the derivative as a text of
the same language. `assume` says where the form holds; `declared` what the problem file says of a
variable, so that each free entry counts once. A point is drawn again until both expressions are
finite and of a moderate size there; sizes are pairwise different, so that no transpose can hide.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import paper_oracle as oracle

Row = dict[str, Any]
DATA = Path(__file__).parent / "data"
FILES = ("matrix_expressions.json", "more_expressions.json")
ROWS: list[Row] = [r for f in FILES for r in json.loads((DATA / f).read_text("utf-8"))]
BY_ID = {r["id"]: r for r in ROWS}
LARGEST = 1e3
DRAWS = 200


def variables(row: Row) -> list[str]:
    """What it is derived by, once or twice."""
    if isinstance(row["wrt"], list):
        return row["wrt"]
    return [row["wrt"]] * (2 if row["kind"] == "hessian" else 1)


def problem(row: Row, expression: str) -> str:
    lines = ["title: row", "given:"]
    for name, shape in row["vars"].items():
        kind = ("scalar", "vector", "matrix", "tensor")[len(shape)]
        text = kind + (f"({', '.join(shape)})" if shape else "")
        mark = row.get("declared", {}).get(name)
        if mark:
            text = f"{{shape: [{', '.join(shape)}], {mark}: true}}"
        lines.append(f"  {name}: {text}")
    return "\n".join([*lines, "define:", f"  OUT: {expression}", "tasks:", "  - graph", ""])


def drawn(row: Row, salt: int) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Values of the variables, and pairwise different sizes by name."""
    rng = np.random.default_rng(zlib.crc32(f"{salt} {row['id']}".encode()))
    names = list(dict.fromkeys(d for v in row["vars"].values() for d in v if not d.isdigit()))
    order = rng.permutation([2, 3, 5, 7] if len(names) <= 4 else [2, 3, 4, 5, 7])
    sizes = {n: int(d) for n, d in zip(names, order, strict=False)}
    values = {}
    for name, shape in row["vars"].items():
        x = rng.uniform(-1, 1, size=[sizes[d] if d in sizes else int(d) for d in shape])
        values[name] = _assumed(x, row["assume"].get(name))
    return values, sizes


def _assumed(x: np.ndarray, what: str | None) -> np.ndarray:
    match what:
        case None | "invertible":
            return x
        case "positive":
            return np.abs(x) + 0.5
        case "large":
            return np.abs(x) + 7.5
        case "half":
            return np.asarray(x / 2)
        case "symmetric":
            return x + x.T
        case "diagonal":
            return np.diag(np.diagonal(x))
        case "definite":
            return x @ x.T / len(x) + np.eye(len(x))
        case "posdef":  # a positive determinant; not symmetric, so that no transpose can hide
            return np.eye(len(x)) + x / (2 * np.sqrt(len(x)))
    raise ValueError(what)


def point(row: Row) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """The first draw at which the expression and its stated derivative are moderate."""
    for salt in range(DRAWS):
        values, sizes = drawn(row, salt)
        reader = oracle.Reader({**values, **sizes})
        try:
            with np.errstate(all="ignore"):
                both = [np.abs(reader.read(row[k])) for k in ("expression", "expected")]
        except np.linalg.LinAlgError:
            continue
        if all(np.isfinite(x).all() and np.max(x, initial=0) < LARGEST for x in both):
            return values, sizes
    raise AssertionError(f"no point for {row['id']}")


def by_differences(row: Row) -> np.ndarray:
    """The derivative by central differences of the expression alone, as paper has it."""
    values, sizes = point(row)

    def f(**at: np.ndarray) -> np.ndarray:
        return oracle.Reader({**values, **sizes, **at}).read(row["expression"])

    names = variables(row)
    first, last = names[0], names[-1]
    if row["kind"] == "hessian":

        def inner(at: np.ndarray) -> np.ndarray:
            def g(x: np.ndarray) -> np.ndarray:
                return f(**{first: x}) if first == last else f(**{last: at, first: x})

            return _derivative(row, g, at if first == last else values[first], first, 2e-3)

        found = _derivative(row, inner, values[last], last, 2e-3)
        return oracle.unrolled(found, values[first].ndim, "numerator", "column")
    found = _derivative(row, lambda x: f(**{first: x}), values[first], first, 1e-3)
    if row["kind"] == "gradient":
        return found[:, None] if found.ndim == 1 else found
    y = np.shape(f())
    if len(y) == 2 and y[1] == 1:  # a column
        found = found.reshape((y[0], *values[first].shape))
        y = y[:1]
    return oracle.unrolled(found, len(y), "numerator", "column")


def _derivative(row: Row, f: Any, x: np.ndarray, name: str, h: float) -> np.ndarray:
    mark = row.get("declared", {}).get(name)
    if mark is None:
        return oracle.differences(f, x, h)
    found = np.zeros_like(x)  # only free entries move; two that are one move together
    for i in range(len(x)):
        for j in range(i + 1):
            if i == j or mark == "symmetric":
                unit = np.zeros_like(x)
                unit[i, j] = unit[j, i] = 1.0
                along = oracle.differences(lambda t, u=unit: f(x + t * u), np.array(0.0), h)
                found[i, j] = found[j, i] = along
    return found
