"""The second opinion: values and derivatives by a method that shares no code with the derivation.

Forward values come from walking the printed formulas with each operation's `reference` (plain
NumPy; loops for convolutions and pools). Derivatives come from central differences of those.
Nothing here knows the graph, its rules, or simplification.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache

import numpy as np

from .errors import InputError
from .expr import Expr, List, Name, Neg, Num, Transpose
from .ops import OPERATORS
from .problem import values
from .problem.lines import Line

# Steps of the five-point difference. At the first, truncation h⁴ and rounding 1e-16/h are both
# about 1e-12; where the function bends sharply a shorter one is better. A wrong derivative is wrong
# at every step.
STEPS = (1e-3, 1e-4, 1e-5, 1e-6)
QUICK_STEP = 3e-5  # of a two-point difference: truncation h² against rounding 1e-16/h
NEAR_KINK = 1e-3
SMALL = 1e-6  # an entry below this has no scale of its own
AGREE = 1e-6  # relative error up to which a derivative counts as confirmed
SECOND_STEPS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4)
AGREE_SECOND = 1e-5  # the same for a second derivative: its differences are rounded twice
FULL_SECOND = 8
FULL_DIFFERENCES = 64  # entries up to which every one is checked, random directions beyond
DIRECTIONS = 8

Arrays = dict[str, np.ndarray]


def forward(lines: Sequence[Line], given: Mapping[str, np.ndarray]) -> Arrays:
    """Values of the lines, in order, from the given ones; arrays as a user counts axes."""
    env: Arrays = dict(given)
    for line in lines:
        if line.name in env:
            continue
        if line.op is None:
            if line.value is None:
                raise InputError(f"`{line.name}` has no value")
            env[line.name] = line.value.floats()
            continue
        with np.errstate(all="ignore"):
            more = {"_rows": _rows(line)} if "_rows" in _named(line.op.reference) else {}
            try:
                result = line.op.reference(*operands(line, env), *line.rest, **_plain(line), **more)
            except np.linalg.LinAlgError as error:
                raise InputError(f"`{line.name}` does not exist here: {error}") from None
        env[line.name] = _as_stated(np.asarray(result, dtype=float), line)
    return env


def _as_stated(result: np.ndarray, line: Line) -> np.ndarray:
    """NumPy cannot tell an n×1 matrix from a column: axes of size 1 follow the stated size."""
    size = tuple(d for d in result.shape if d != 1)
    if all(isinstance(d, int) for d in line.shape) and size == tuple(
        d for d in line.shape if d != 1
    ):
        return result.reshape([int(d) for d in line.shape])
    return result


def operands(line: Line, env: Arrays) -> list[np.ndarray | None]:
    rows = {o.name for o in line.operands if o.leaf.row}
    return [None if t is None else inline(t, env, rows) for t in line.terms]


def _plain(line: Line) -> dict[str, object]:
    """Parameters that the reference takes."""
    assert line.op is not None
    known = _named(line.op.reference)
    return {k: v for k, v in line.parameters.items() if not k.startswith("_") or k in known}


@lru_cache(maxsize=256)
def _named(reference: Callable[..., object]) -> tuple[str, ...]:
    import inspect

    return tuple(inspect.signature(reference).parameters) if callable(reference) else ()


def _rows(line: Line) -> tuple[bool, ...]:
    """Which operands are rows: as arrays they look like matrices with one row."""
    leaves = {o.name: o.leaf for o in line.operands}
    found = []
    for term in line.terms:
        turned = isinstance(term, Transpose)
        name = term.arg if turned else term
        leaf = leaves.get(name.id) if isinstance(name, Name) else None
        found.append(leaf is not None and leaf.node.order == 1 and leaf.row != turned)
    return tuple(found)


def inline(e: Expr, env: Arrays, rows: Collection[str] = ()) -> np.ndarray:
    """An operand as written: a name, a transpose, a sign, or a constant."""
    match e:
        case Name() if e.id in env:
            return env[e.id]
        case Transpose(Name()) if e.arg.id in env and e.arg.id not in rows:
            x = env[e.arg.id]  # a 1×n matrix becomes n×1; only a row becomes a column
            return x[None, :] if x.ndim == 1 else x.T
        case Transpose():
            return OPERATORS[".T"].reference(inline(e.arg, env, rows))
        case Neg():
            return -inline(e.arg, env, rows)
        case List() | Num():
            return values.evaluate(e).floats()
        case _:
            return values.evaluate(e, known=None).floats()


def kink_distance(lines: Sequence[Line], env: Arrays) -> float:
    """How near the point is to a place where some operation has no derivative."""
    nearest = np.inf
    for line in lines:
        if line.op is not None and line.op.kinks is not None:
            arrays = [a for a in operands(line, env) if a is not None]
            nearest = min(nearest, float(line.op.kinks(arrays, dict(line.parameters))))
    return nearest


def differences(
    f: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    direction: np.ndarray,
    step: float = STEPS[0],
) -> np.ndarray:
    """The derivative of f at x along a direction, by the five-point central difference."""
    scale = float(np.median(np.abs(x[direction != 0])))  # of the entries that move
    h = step * (scale if scale > SMALL else 1.0) / float(np.max(np.abs(direction)))
    near = f(x + h * direction) - f(x - h * direction)
    far = f(x + 2 * h * direction) - f(x - 2 * h * direction)
    return (8 * near - far) / (12 * h)


def two_point_differences(
    f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, direction: np.ndarray
) -> np.ndarray:
    """The same by two points only: half the work, and enough where it agrees."""
    scale = float(np.median(np.abs(x[direction != 0])))
    h = QUICK_STEP * (scale if scale > SMALL else 1.0) / float(np.max(np.abs(direction)))
    return (f(x + h * direction) - f(x - h * direction)) / (2 * h)


def second_differences(
    f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, direction: np.ndarray, step: float
) -> np.ndarray:
    """The second derivative of f at x along a direction, by the five-point central difference."""
    scale = float(np.median(np.abs(x[direction != 0])))
    h = step * (scale if scale > SMALL else 1.0) / float(np.max(np.abs(direction)))
    near = f(x + h * direction) + f(x - h * direction)
    far = f(x + 2 * h * direction) + f(x - 2 * h * direction)
    return (16 * near - far - 30 * f(x)) / (12 * h * h)


def pairs(size: int) -> list[np.ndarray]:
    """Directions whose second derivatives fix a Hessian: every axis and every pair of axes;
    random ones for a large variable."""
    if size > FULL_SECOND:
        rng = np.random.Generator(np.random.PCG64(54321))
        return [rng.standard_normal(size) for _ in range(2 * DIRECTIONS)]
    eye = np.eye(size)
    both = [eye[i] + s * eye[j] for i in range(size) for j in range(i) for s in (1, -1)]
    return [*eye, *both]


def directions(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Unit vectors for a small variable, random directions for a large one."""
    size = int(np.prod(shape))
    if size <= FULL_DIFFERENCES:
        eye = np.eye(size)
        return [row.reshape(shape) for row in eye]
    rng = np.random.Generator(np.random.PCG64(12345))
    return [rng.standard_normal(shape) for _ in range(DIRECTIONS)]


def relative_error(got: np.ndarray, want: np.ndarray) -> float:
    """The largest deviation, relative to the largest entry (or to 1e-3, near zero)."""
    if got.shape != want.shape:
        return float("inf")
    if got.size == 0:
        return 0.0
    if not (np.isfinite(got).all() and np.isfinite(want).all()):
        return float("inf")
    scale = max(float(np.max(np.abs(want))), float(np.max(np.abs(got))), 1e-3)
    return float(np.max(np.abs(got - want))) / scale
