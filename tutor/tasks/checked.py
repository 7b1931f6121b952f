"""Derivatives against central differences, closed forms against derivatives."""

from __future__ import annotations

import numpy as np

from .. import independent
from ..errors import InputError
from ..problem.lines import Line
from ..steps import Check, Text
from ..value import Value
from .chain import Chain
from .workspace import Workspace


def check(ws: Workspace, chain: Chain, value: Value | None) -> Check | None:
    """The value against central differences; the closed form against the value."""
    if value is None or chain.final is None or not ws.checking:
        return None
    note = None
    here = ws
    env = ws.reference(chain.of)
    if independent.kink_distance(chain.path, env) < independent.NEAR_KINK:
        moved = step_aside(ws, chain)
        if moved is None:
            return _at_the_kink(ws, chain)
        here = moved
        note = Text("The point lies at a kink or tie; the check was made at a point next to it.")
    near = chain if here is ws else Chain(here, chain.of, chain.wrt, chain.gradient)
    assert near.final is not None and near.final.value is not None
    derived = Value(near.final.value).floats()
    error = difference_error(here, near, derived)
    try:
        closed = Value(here.value_of(near.closed())).floats()
        error = max(error, independent.relative_error(closed, derived))
    except KeyError:
        pass
    return Check("central differences", error, error < independent.AGREE, note)


def _at_the_kink(ws: Workspace, chain: Chain) -> Check:
    """Where every point near by is a kink too, such as ties between zeros that relu made.

    Differences may agree even so, since both sides of such a tie are flat; where they do not, they
    say nothing.
    """
    assert chain.final is not None and chain.final.value is not None
    error = difference_error(ws, chain, Value(chain.final.value).floats())
    if error < independent.AGREE:
        note = Text("The point lies at a kink or tie, where the differences agree all the same.")
        return Check("central differences", error, True, note)
    note = Text("The point is a kink from every side, so no difference can check it.")
    return Check("none", 0.0, True, note)


def difference_error(ws: Workspace, chain: Chain, derived: np.ndarray) -> float:
    """The largest relative deviation from central differences along the chosen directions."""
    base = ws.reference(chain.of)
    moves = {line.name for line in chain.path}
    fixed = {name: value for name, value in base.items() if name not in moves}
    x = _reference_value(ws, chain.wrt)
    extra = 1 if "homogeneous" in chain.wrt.properties else 0

    def f(at: np.ndarray) -> np.ndarray:
        place = np.append(at, 1.0) if extra else at
        if chain.wrt.leaf.row:
            place = at[None, :]
        env = independent.forward(chain.path, {**fixed, chain.wrt.name: place})
        out = env[chain.of.name]
        if chain.gradient:
            return np.reshape(out, ())
        return out[0] if chain.of.leaf.row else out

    along = independent.directions(x.shape)
    if "symmetric" in chain.wrt.properties:  # entries (i, j) and (j, i) move together
        along = [d + d.T - np.diag(np.diag(d)) for d in along]
    got = np.array([np.tensordot(derived, d, axes=x.ndim) for d in along])
    best = np.inf
    for step in independent.STEPS:
        want = np.array([independent.differences(f, x, d, step) for d in along])
        best = min(best, independent.relative_error(got, want))
        if best < independent.AGREE:
            break
    return best


def _reference_value(ws: Workspace, line: Line) -> np.ndarray:
    number = ws.numbers[line.name]
    assert number is not None
    return Value(number).floats()


def step_aside(ws: Workspace, chain: Chain) -> Workspace | None:
    """The same problem at a point nearby that is not a kink."""
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
        if independent.kink_distance(chain.path, moved.reference(chain.of)) > independent.NEAR_KINK:
            return moved
    return None
