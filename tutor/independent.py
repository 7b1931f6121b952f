"""The second opinion: values and derivatives by a method that shares no code with the derivation.

Forward values come from walking the printed formulas with each operation's `reference` (plain
NumPy; loops for convolutions and pools). Derivatives come from central differences of those.
Nothing here knows the graph, its rules, or simplification.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .errors import REPORT, CheckFailed, InputError
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

# what NumPy says of operands that a plain definition does not expect
FAULTS = (ArithmeticError, AssertionError, LookupError, TypeError, ValueError)
Arrays = dict[str, np.ndarray]


def forward(lines: Sequence[Line], given: Mapping[str, np.ndarray]) -> Arrays:
    """Values of the lines, in order, from the given ones; arrays as a user counts axes."""
    return Pass(lines)(given)


class Pass:
    """The way forward through lines, prepared once: a check goes it many times.

    result: the one value that is wanted; the others are let go of as soon as no line needs them,
    since memory that is given back stays in the cache.
    """

    def __init__(self, lines: Sequence[Line], result: str | None = None) -> None:
        spent = {} if result is None else _last_uses(lines, result)
        self.steps = [(x, _evaluation(x), spent.get(x.name, ())) for x in lines]

    def __call__(self, given: Mapping[str, np.ndarray]) -> Arrays:
        env: Arrays = dict(given)
        with np.errstate(all="ignore"):
            for line, value, spent in self.steps:
                if line.name in env:
                    continue
                try:
                    env[line.name] = value(env)
                except np.linalg.LinAlgError as error:
                    raise InputError(f"`{line.name}` does not exist here: {error}") from None
                except FAULTS as error:  # the derivation could, so one of the two is wrong
                    said = f"the independent check cannot work out `{line.name}`: {error}"
                    raise CheckFailed(said, hint=REPORT) from error
                for name in spent:
                    del env[name]
        return env


def _last_uses(lines: Sequence[Line], result: str) -> dict[str, list[str]]:
    """What no line needs after this one, by its name; the result is needed to the end."""
    found: dict[str, list[str]] = {}
    seen = {result}
    for line in reversed(lines):
        own = dict.fromkeys(o.name for o in line.operands if o.name not in seen)
        found[line.name] = list(own)
        seen |= own.keys()
    return found


def _evaluation(line: Line) -> Callable[[Arrays], np.ndarray]:
    """From the values before a line to its own."""
    if line.op is None:
        return lambda _: _given(line)
    reference, rest = line.op.reference, line.rest
    keywords = _plain(line)
    if "_rows" in _named(reference):
        keywords["_rows"] = _rows(line)
    rows = {o.name for o in line.operands if o.leaf.row}
    fetch = [_fetched(t, rows) for t in line.terms]
    shape = line.shape
    stated = tuple(int(d) for d in shape) if all(isinstance(d, int) for d in shape) else None

    def value(env: Arrays) -> np.ndarray:
        result = reference(*[f(env) for f in fetch], *rest, **keywords)
        return _as_stated(np.asarray(result, dtype=float), stated)

    def sized(env: Arrays) -> np.ndarray:
        known = {k: _sized(x, env) for k, x in keywords.items()}
        result = reference(*[f(env) for f in fetch], *(_sized(x, env) for x in rest), **known)
        return _as_stated(np.asarray(result, dtype=float), stated)

    return sized if any(map(_is_symbolic, (*rest, *keywords.values()))) else value


def _is_symbolic(x: Any) -> bool:
    """Whether a parameter has a size in it that is still a name."""
    if isinstance(x, tuple | list):
        return any(map(_is_symbolic, x))
    return bool(getattr(x, "free_symbols", None))


def _sized(x: Any, env: Arrays) -> Any:
    """The parameter with the numbers that stand for its sizes."""
    if isinstance(x, tuple | list):
        return tuple(_sized(y, env) for y in x)
    if not _is_symbolic(x):
        return x
    return int(x.subs({s: int(env[s.name]) for s in x.free_symbols}))


def _given(line: Line) -> np.ndarray:
    if line.value is None:
        raise InputError(f"`{line.name}` has no value")
    return line.value.floats()


def _fetched(e: Expr | None, rows: Collection[str]) -> Callable[[Arrays], np.ndarray | None]:
    """How to find an operand: most are names."""
    match e:
        case None:
            return lambda _: None
        case Name():
            return lambda env: env[e.id] if e.id in env else inline(e, env, rows)
        case Num():
            number = _number(e)
            return lambda _: number
        case _:
            return lambda env: inline(e, env, rows)


@lru_cache(maxsize=256)
def _number(e: Num) -> np.ndarray:
    found = values.evaluate(e).floats()
    found.flags.writeable = False  # every line that says 2 gets this one
    return found


def _as_stated(result: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:
    """NumPy cannot tell an n×1 matrix from a column: axes of size 1 follow the stated size."""
    if shape is None or result.shape == shape:
        return result
    if [d for d in result.shape if d != 1] == [d for d in shape if d != 1]:
        return result.reshape(shape)
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


def kink_distance(lines: Sequence[Line], env: Arrays, bends: bool = False) -> float:
    """How near the point is to a place where some operation has no derivative.

    bends: or, for second derivatives, none of its derivative.
    """
    nearest = np.inf
    for line in lines:
        if line.op is None:
            continue
        for distance in (line.op.kinks, line.op.bends if bends else None):
            if distance is not None:
                arrays = [a for a in operands(line, env) if a is not None]
                nearest = min(nearest, float(distance(arrays, dict(line.parameters))))
    return nearest


def differences(
    f: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    direction: np.ndarray,
    step: float = STEPS[0],
    scale: float | None = None,
) -> np.ndarray:
    """The derivative of f at x along a direction, by the five-point central difference.

    scale: the size of the entries that move, where it is not that of x
    """
    size = moving_scale(x, direction) if scale is None else scale
    h = step * size / float(np.max(np.abs(direction)))
    with np.errstate(invalid="ignore"):  # outside its domain f is infinite: so is the error then
        near = f(x + h * direction) - f(x - h * direction)
        far = f(x + 2 * h * direction) - f(x - 2 * h * direction)
        return (8 * near - far) / (12 * h)


def two_point_differences(
    f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, direction: np.ndarray, scale: float
) -> np.ndarray:
    """The same by two points only: half the work, and enough where it agrees."""
    h = QUICK_STEP * scale / max(float(direction.max()), -float(direction.min()))
    moved = h * direction
    with np.errstate(invalid="ignore"):
        return (f(x + moved) - f(x - moved)) / (2 * h)


def moving_scale(x: np.ndarray, direction: np.ndarray | None = None) -> float:
    """The size of the entries that a direction moves, or of all; 1 where they are about 0."""
    scale = float(np.median(np.abs(x if direction is None else x[direction != 0])))
    return scale if scale > SMALL else 1.0


def second_differences(
    f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, direction: np.ndarray, step: float
) -> np.ndarray:
    """The second derivative of f at x along a direction, by the five-point central difference."""
    h = step * moving_scale(x, direction) / float(np.max(np.abs(direction)))
    with np.errstate(invalid="ignore"):
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
    return list(random_directions(shape))


def random_directions(shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """One after the other: large variables fill the cache."""
    rng = np.random.Generator(np.random.PCG64(12345))
    for _ in range(DIRECTIONS):
        yield rng.random(shape) - 0.5


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
