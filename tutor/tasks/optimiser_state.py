"""What an optimiser remembers at the start: zero, or what the task's `state:` says.

    state: {v: [1, 2], t: 3}              one value for every parameter, or for the only one
    state: {v: {W: [[1, 0]], b: 0}}       one per parameter
    state: {W: {v: [[1, 0]]}, b: {v: 0}}  the same the other way round
    state: [1, 2]                         where only one thing is remembered

torch's names (`momentum_buffer`, `exp_avg`, `square_avg`, `step` …) are understood too. As in torch
`t` counts the steps that have been made: after `t: 3` comes step 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from ..errors import InputError, did_you_mean
from ..expr import Expr
from ..graph import dims
from ..problem import values
from ..problem.lines import Line
from ..problem.model import Task
from ..value import Value
from .optimisers import Optimiser
from .workspace import Workspace

State = dict[str, dict[str, np.ndarray]]  # parameter -> symbol -> array
STEPS = ("t", "step")


def initial_state(
    ws: Workspace,
    task: Task,
    optimiser: Optimiser,
    active: Sequence[str],
    lines: Sequence[Line],
    start: Any,
) -> tuple[State, frozenset[str], int]:
    """The state, the symbols that the file gives, and the steps made before.

    active: the symbols that the rules in force remember; start: what they begin with.
    """
    try:
        given, done = _read(ws, task.args.get("state"), optimiser, active, lines)
    except InputError as error:
        raise error.at(task.places.get("state", task.where)) from None
    state: State = {}
    for line in lines:
        shape = line.symbol.shape
        state[line.name] = {}
        for symbol in active:
            if line.name in given.get(symbol, {}):
                state[line.name][symbol] = given[symbol][line.name]
            elif all(isinstance(d, int) for d in shape):
                zeros = np.empty(shape, dtype=object)
                zeros.fill(start)
                exact = not (isinstance(start, sp.Basic) and start.has(sp.Float))
                state[line.name][symbol] = zeros if exact else zeros.astype(float)
    return state, frozenset(given), done


def _read(
    ws: Workspace,
    written: Any,
    optimiser: Optimiser,
    active: Sequence[str],
    lines: Sequence[Line],
) -> tuple[dict[str, dict[str, np.ndarray]], int]:
    if written is None:
        return {}, 0
    if not active and not optimiser.counts:
        raise InputError(f"`{optimiser.name}` remembers nothing here, so it takes no `state`")
    if not isinstance(written, Mapping):
        if len(active) != 1:
            names = ", ".join(f"`{s}`" for s in active)
            raise InputError(
                f"`state` of {optimiser.name} must say what it gives: {names}",
                hint=f"write `state: {{{active[0]}: …}}`",
            )
        written = {active[0]: written}
    names = {x.name: x for x in lines}
    found: dict[str, dict[str, np.ndarray]] = {}
    done = 0
    for key, value in written.items():
        symbol = _symbol(optimiser, key)
        if key in names and symbol is None:
            if not isinstance(value, Mapping):
                raise InputError(f"`state` of `{key}` must be a mapping, such as {{v: 0}}")
            for inner, x in value.items():
                symbol = _known(optimiser, active, inner, ())
                found.setdefault(symbol, {})[key] = _array(ws, x, names[key], inner)
            continue
        if key in STEPS and optimiser.counts:
            done = _steps(ws, value, key)
            continue
        symbol = _known(optimiser, active, key, names)
        entries = value if isinstance(value, Mapping) else dict.fromkeys(names, value)
        for name, x in entries.items():
            if name not in names:
                raise InputError(
                    f"`{name}` in `state` is not updated by this task",
                    hint=did_you_mean(name, names) or "its parameters: " + ", ".join(names),
                )
            found.setdefault(symbol, {})[name] = _array(ws, x, names[name], key)
    return found, done


def _symbol(optimiser: Optimiser, key: str) -> str | None:
    """The symbol that a key of `state` means: its own letter or torch's name."""
    return next((s for s, torch in optimiser.states.items() if key in (s, torch)), None)


def _known(optimiser: Optimiser, active: Sequence[str], key: str, names: Any) -> str:
    symbol = _symbol(optimiser, key)
    if symbol in active and symbol is not None:
        return symbol
    words = [*active, *(optimiser.states[s] for s in active), *names]
    words += ["t"] if optimiser.counts else []
    what = "remembers nothing" if not active else f"remembers {', '.join(f'`{s}`' for s in active)}"
    raise InputError(
        f"`{key}` is not in the state of {optimiser.name}",
        hint=did_you_mean(key, words) or f"with these options {optimiser.name} {what}",
    )


def _value(ws: Workspace, x: Any, key: str) -> Value:
    if isinstance(x, Mapping):
        raise InputError(f"`{key}` in `state` must be a number or a list, not a mapping")
    expr: Expr = x
    return values.evaluate(expr, known=given_values(ws))


def _steps(ws: Workspace, x: Any, key: str) -> int:
    value = _value(ws, x, key)
    if value.shape != () or not value.is_integral() or value.data[()] < 0:
        raise InputError(f"`{key}` in `state` must be the number of steps made so far")
    return int(value.data[()])


def _array(ws: Workspace, x: Any, line: Line, key: str) -> np.ndarray:
    """The value in the parameter's own axes; a single number stands for every entry."""
    data = _value(ws, x, key).data
    shape = tuple(int(d) for d in line.symbol.shape)  # type: ignore[arg-type]
    if data.ndim == 0:
        return np.array(np.broadcast_to(data, shape))
    if tuple(d for d in data.shape if d != 1) != tuple(d for d in shape if d != 1):
        raise InputError(
            f"`{key}` in `state` has size {dims.text(data.shape)}, "
            f"but `{line.name}` has {line.dims}"
        )
    return data.reshape(shape)


def given_values(ws: Workspace) -> dict[str, Value]:
    """The given names with a value, for expressions in a task's own arguments."""
    found = {n: ws.paper(x) for n, x in ws.graph.lines.items() if x.op is None}
    return {n: v for n, v in found.items() if v is not None}
