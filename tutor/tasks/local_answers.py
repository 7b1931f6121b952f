"""What an author's answer to `stationary` and `taylor` may name."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..expr import Expr
from ..problem.expression import parse
from ..problem.values import evaluate
from ..steps import TaskResult


def numbers(result: TaskResult) -> dict[str, np.ndarray]:
    """stationary: each unknown by name, a list of values where one scalar has several solutions.
    taylor: c0, c1, c2, and of a scalar variable all of them as one list."""
    extra = result.extra
    found: dict[str, np.ndarray] = {}
    if result.task == "stationary" and "exact_solutions" in extra:
        exact, floats = extra["exact_solutions"], extra["solutions"]
        names = list(floats[0])
        if len(floats) == 1:
            for name in names:
                found[name] = array(exact[0][name], floats[0][name])
        elif all(np.ndim(s[n]) == 0 for s in floats for n in names):
            for name in names:
                found[name] = _together([array(e[name], f[name]) for e, f in _pairs(exact, floats)])
        if len(names) == 1 and names[0] in found:
            found[""] = found[names[0]]
    if result.task == "taylor" and all(v is not None for v in extra["coefficient_values"]):
        exact, floats = extra["coefficients"], extra["coefficient_values"]
        each = [array(e, f) for e, f in _pairs(exact, floats)]
        found |= {f"c{k}": a for k, a in enumerate(each)}
        if all(a.ndim == 0 for a in each):
            found[""] = _together(each)
    return found


def formulas(result: TaskResult) -> dict[str, Expr | None]:
    """The unknowns of a problem without numbers, where there is one solution."""
    if result.task != "stationary" or len(result.extra["solutions"]) != 1:
        return {}
    (solution,) = result.extra["solutions"]
    found: dict[str, Expr | None] = {n: parse(s) for n, s in solution.items() if isinstance(s, str)}
    return found | {"": next(iter(found.values()))} if len(solution) == 1 and found else found


def _pairs(a: Any, b: Any) -> list[tuple[Any, Any]]:
    return list(zip(a, b, strict=True))


def array(exact: Any, floats: Any) -> np.ndarray:
    """An array of exact numbers from their strings, of floats where there are none."""
    nested = np.asarray(exact, dtype=object)
    if exact is None or not all(isinstance(s, str) for s in nested.ravel()):
        return np.asarray(floats, dtype=float)
    flat = np.empty(nested.size, dtype=object)
    flat[:] = [evaluate(parse(s)).data[()] for s in nested.ravel()]
    return flat.reshape(nested.shape)


def _together(each: list[np.ndarray]) -> np.ndarray:
    exact = all(a.dtype == object for a in each)
    out = np.empty(len(each), dtype=object if exact else float)
    out[:] = [a[()] if exact else float(a[()]) for a in each]
    return out
