"""Derivatives against central differences, closed forms against derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from .. import independent
from ..errors import InputError
from ..expr import Expr
from ..problem.lines import Line
from ..steps import Check, Text
from ..value import Value
from .chain import Chain
from .instances import at_some, too_large
from .printed import printed_error, printed_value
from .workspace import Workspace

ALL_KINKS = Text("The point is a kink from every side, so no difference can check it.")
AT_A_KINK = Text(
    "One of the steps has a kink or a tie at this point, so the check was made at a point next to "
    "it."
)

AT_AN_END = Text(
    "On one side of this point the function has no value, so the check was made elsewhere."
)

TOO_FINE = Text(
    "At this point floating-point numbers cancel or lose their digits, so no difference can check "
    "the result; at random values the same formula agrees with them."
)

ROUNDING = 1e-13  # of a value, relative: some hundred operations

Function = Callable[[np.ndarray], np.ndarray]
Shown = Callable[[Workspace, Chain], Value]  # the result as it is counted on paper


def check(
    ws: Workspace,
    chain: Chain,
    value: Value | None,
    formula: Expr | None = None,
    shown: Shown | None = None,
) -> Check | None:
    """The value against central differences, and the closed form as printed against the value.

    Without numbers the same is done at an instance: random values, different primes for the sizes.
    formula: what is printed. shown: the workspace's and the chain's result as it is counted on
    paper, which the printed formula has to give.
    """
    if chain.final is None or not ws.checking:
        return None
    if value is None or ws.numbers[chain.of.name] is None:  # 3x has a slope without an x
        here = ws.without([chain.wrt.name]) if chain.missing else ws
        return _at_instance(here, chain, formula, shown)
    note = None
    here = ws
    env = ws.reference(chain.of)
    if independent.kink_distance(chain.path, env) < independent.NEAR_KINK:
        moved = step_aside(ws, chain)
        if moved is None:
            return _at_the_kink(ws, chain)
        here = moved
        note = AT_A_KINK
    near = chain if here is ws else type(chain)(here, chain.of, chain.wrt, chain.gradient)
    error = derived_error(here, near)
    if not np.isfinite(error):  # the function has no value on one side of the point
        found = _at_instance(ws.without([chain.wrt.name]), chain, formula, shown)
        return found if found is None or found.note else replace(found, note=AT_AN_END)
    found = _verdict("central differences", error, _printed_error(here, near, formula, shown), note)
    if found.passed or not _is_exact(near) or not _undecided(here, near):
        return found
    elsewhere = _at_instance(ws.without([chain.wrt.name]), chain, formula, shown)
    proved = elsewhere is not None and elsewhere.passed and elsewhere.note is None
    return Check.impossible(TOO_FINE) if proved else found


def _is_exact(chain: Chain) -> bool:
    """Whether the derived value was found without floating-point numbers."""
    assert chain.final is not None and chain.final.value is not None
    return chain.final.value.dtype == object


def _undecided(ws: Workspace, chain: Chain) -> bool:
    """Whether differences of no two widths agree, as for sin at 1e15.

    Where they agree, about a slope of 0 within the rounding of f itself, they can tell that a
    derivative is wrong.
    """
    f, x = _as_function(ws, chain)
    size = _largest(f(x))
    for d in _directions(chain.wrt, x):
        scale = independent.moving_scale(x, d)
        found = [independent.differences(f, x, d, step) for step in independent.STEPS]
        rounding = [ROUNDING * size / (step * scale) for step in independent.STEPS[1:]]
        if not any(_alike(*three) for three in zip(found, found[1:], rounding, strict=False)):
            return True
    return False


def _alike(a: np.ndarray, b: np.ndarray, rounding: float) -> bool:
    """Whether two differences are the same number, but for the rounding of what was subtracted."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    return _largest(a - b) <= independent.AGREE * max(_largest(a), _largest(b)) + rounding


def _largest(values: np.ndarray) -> float:
    return float(np.max(np.abs(values))) if values.size else 0.0


def derived_error(ws: Workspace, chain: Chain) -> float:
    """The derived value against differences, and against the substituted closed form."""
    assert chain.final is not None and chain.final.value is not None
    derived = Value(chain.final.value).floats()
    error = difference_error(ws, chain, derived)
    try:
        closed = Value(ws.value_of(chain.closed())).floats()
    except KeyError:
        return error
    return max(error, independent.relative_error(closed, derived))


def _verdict(method: str, error: float, printed: float, note: Text | None) -> Check:
    if error < independent.AGREE <= printed:
        note = Text("The numbers agree, but the closed form as it is printed gives other ones.")
    worst = max(error, printed)
    return Check(method, worst, worst < independent.AGREE, note)


def _printed_error(
    ws: Workspace,
    chain: Chain,
    formula: Expr | None,
    shown: Shown | None,
    sizes: Mapping[str, int] | None = None,
) -> float:
    """How far the printed formula is from the derived value; 0 where it cannot be typed."""
    if formula is None or shown is None:
        return 0.0
    printed = printed_value(ws, formula, sizes)
    if printed is None:
        return 0.0
    return printed_error(printed, shown(ws, chain).floats())


def _at_instance(
    ws: Workspace, chain: Chain, formula: Expr | None, shown: Shown | None
) -> Check | None:
    """The same derivation at random values, compared in the same way."""
    if too_large(ws, chain.of):
        return None
    return at_some(ws, chain.of, lambda *at: _compared_at(*at, chain, formula, shown))


def _compared_at(
    here: Workspace,
    sizes: Mapping[str, int],
    chain: Chain,
    formula: Expr | None,
    shown: Shown | None,
) -> Check | None:
    """The derivation made again at that point, and the printed formula there."""
    of, wrt = here.line(chain.of.name), here.line(chain.wrt.name)
    near = type(chain)(here, of, wrt, chain.gradient)
    if near.final is None or near.final.value is None:
        return None
    error = derived_error(here, near)
    printed = _printed_error(here, near, formula, shown, sizes)
    return _verdict("central differences at random values", error, printed, None)


def _at_the_kink(ws: Workspace, chain: Chain) -> Check:
    """Where every point near by is a kink too, such as ties between zeros that relu made.

    Differences may agree even so, since both sides of such a tie are flat; where they do not, they
    say nothing.
    """
    assert chain.final is not None and chain.final.value is not None
    error = difference_error(ws, chain, Value(chain.final.value).floats())
    if error < independent.AGREE:
        note = Text(
            "One of the steps has a kink or a tie at this point; the differences agree all the "
            "same."
        )
        return Check("central differences", error, True, note)
    return Check.impossible(ALL_KINKS)


def _as_function(ws: Workspace, chain: Chain) -> tuple[Function, np.ndarray]:
    """The result as a function of the variable, and the point."""
    moves = {line.name for line in chain.path}
    still = [line for line in ws.graph.below([chain.of]) if line.name not in moves]
    given = {name: value for name, value in ws.given_floats().items() if name not in moves}
    fixed = independent.forward(still, given)
    x = _reference_value(ws, chain.wrt)
    run = independent.Pass(chain.path, chain.of.name)
    extra = 1 if "homogeneous" in chain.wrt.properties else 0

    def f(at: np.ndarray) -> np.ndarray:
        place = np.append(at, 1.0) if extra else at
        if chain.wrt.leaf.row:
            place = at[None, :]
        out = run({**fixed, chain.wrt.name: place})[chain.of.name]
        if chain.gradient:
            return np.reshape(out, ())
        return out[0] if chain.of.leaf.row else out

    return f, x


def _directions(wrt: Line, x: np.ndarray) -> list[np.ndarray]:
    found = (_together(wrt, d) for d in independent.directions(x.shape))
    return [d for d in found if d.any()]


def _together(wrt: Line, direction: np.ndarray) -> np.ndarray:
    """Entries (i, j) and (j, i) of a symmetric matrix move together, of a diagonal one none."""
    if "diagonal" in wrt.properties:
        return np.diag(np.diag(direction))
    if "symmetric" not in wrt.properties:
        return direction
    return direction + direction.T - np.diag(np.diag(direction))


def difference_error(ws: Workspace, chain: Chain, derived: np.ndarray) -> float:
    """The largest relative deviation from central differences along the chosen directions."""
    f, x = _as_function(ws, chain)

    def derived_along(direction: np.ndarray) -> np.ndarray:
        whole = derived.shape[: derived.ndim - x.ndim]
        return (derived.reshape(-1, x.size) @ direction.ravel()).reshape(whole)

    best = np.inf
    if x.size > independent.FULL_DIFFERENCES:  # a large variable: the cheap way first
        got, want, scale = [], [], independent.moving_scale(x)
        for d in (_together(chain.wrt, d) for d in independent.random_directions(x.shape)):
            got.append(derived_along(d))
            want.append(independent.two_point_differences(f, x, d, scale))
        best = independent.relative_error(np.array(got), np.array(want))
    if best < independent.AGREE:
        return best
    along = _directions(chain.wrt, x)
    slopes = np.array([derived_along(d) for d in along])
    for step in independent.STEPS:
        want = np.array([independent.differences(f, x, d, step) for d in along])
        best = min(best, independent.relative_error(slopes, want))
        if best < independent.AGREE:
            break
    return best


def _reference_value(ws: Workspace, line: Line) -> np.ndarray:
    number = ws.numbers[line.name]
    assert number is not None
    return Value(number).floats()


def step_aside(ws: Workspace, chain: Chain, bends: bool = False) -> Workspace | None:
    """The same problem at a point nearby that is not a kink; nor a bend, where that is asked."""
    rng = np.random.Generator(np.random.PCG64(2024))
    givens = [
        x for x in ws.graph.below([chain.of]) if x.op is None and ws.numbers[x.name] is not None
    ]
    for attempt in range(40):
        size = 0.02 * (1 + attempt // 10)
        point = {}
        for line in givens:
            if line.kind != "given":
                continue
            x = _reference_value(ws, line)
            point[line.name] = np.asarray(x + size * rng.standard_normal(x.shape))
        try:
            moved = ws.moved(point)
        except InputError:
            continue
        nearest = independent.kink_distance(chain.path, moved.reference(chain.of), bends)
        if nearest > independent.NEAR_KINK:
            return moved
    return None
