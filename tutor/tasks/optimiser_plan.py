"""An optimiser with the options and the state of one task: the rules that act, their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from ..errors import InputError, did_you_mean
from ..expr import Expr, List
from ..graph.dims import number
from ..numeric.evaluate import TooLong
from ..problem import values
from ..problem.expression import parse
from ..problem.lines import Line
from ..problem.model import Task
from ..problem.task_table import OPTIMIZER_FLAGS, OPTIMIZER_NUMBERS
from ..value import Value
from .optimiser_state import given_values, initial_state
from .optimiser_terms import compiled, exact_value, float_value
from .optimisers import OPTIMISERS, SYMBOLS, Optimiser, Rule
from .workspace import Workspace

ALIASES = {"g": "G", "alpha_t": "alpha", "w_tilde": "w"}  # where no rule computes the first
Numbers = dict[str, np.ndarray]
MOST_EXACT = 1_000  # entries of a parameter whose steps are still reckoned exactly


@dataclass(frozen=True)
class Plan:
    """What a step does.

    terms: of every symbol that stands for an option, the option as it is printed; exact: its
    number (a float where it was measured); state: of every parameter what it remembers at the
    start; done: steps that were made before.
    """

    optimiser: Optimiser
    rules: tuple[Rule, ...]
    flags: frozenset[str]  # the options that are there
    terms: Mapping[str, Expr]
    exact: Mapping[str, Any]
    state: Mapping[str, Mapping[str, np.ndarray]]
    given_state: frozenset[str]
    done: int

    @property
    def rate(self) -> Expr:
        return self.terms["alpha"]

    @property
    def is_exact(self) -> bool:
        return all(not x.has(sp.Float) for x in self.exact.values())

    @property
    def plain(self) -> bool:
        """Nothing but w ← w − α ∂L/∂w."""
        return len(self.rules) == 1 and not self.optimiser.second_order

    def option(self, symbol: str) -> float:
        return float(self.exact.get(symbol, 0))

    def formula(self, rule: Rule, t: int) -> str:
        """The rule's formula at step t, with the aliases of what no rule computes."""
        start = rule.symbol.removesuffix("_new") not in self.given_state
        return rule.first if rule.first is not None and t == 1 and start else rule.formula

    def moved(self, w: np.ndarray, slope: np.ndarray, state: Mapping[str, Any], t: int) -> Numbers:
        """Everything that step t computes of one parameter, by symbol; "w" is its new value.

        Exact if all of it is. Raises TooLong and NotFinite as `evaluate` does. A second-order
        method is given its direction as the slope.
        """
        arrays = {"w": w, "G": slope, **state}
        is_exact = self.is_exact and all(x.dtype == object for x in arrays.values())
        if is_exact and w.size > MOST_EXACT:
            raise TooLong
        known: dict[str, Any] = {}
        if is_exact:
            known |= self.exact | {"t": sp.Integer(t)}
        else:
            known |= {s: float(x) for s, x in self.exact.items()} | {"t": float(t)}
            arrays = {s: Value(x).floats() for s, x in arrays.items()}
        known |= arrays
        known["d"] = known["G"]
        known |= {a: known[b] for a, b in ALIASES.items()}
        found: Numbers = {}
        for rule in self.rules:
            work = exact_value if is_exact else float_value
            known[rule.symbol] = found[rule.symbol] = work(self.formula(rule, t), known)
        return found

    def kept(self, found: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> dict[str, Any]:
        """What is remembered after the step."""
        return {s: found.get(f"{s}_new", x) for s, x in state.items()}

    def stepper(self) -> Any:
        """The same on float64, quick and unchecked: (w, slope, state, t) -> new w, new state."""
        base = {s: float(x) for s, x in self.exact.items()}
        first = [(r.symbol, compiled(self.formula(r, 1))) for r in self.rules]
        later = [(r.symbol, compiled(r.formula)) for r in self.rules]

        def step(w: np.ndarray, slope: np.ndarray, state: Mapping[str, Any], t: int) -> Any:
            known = base | state
            known["w"] = known["w_tilde"] = w
            known["G"] = known["g"] = known["d"] = slope
            known["alpha_t"], known["t"] = base["alpha"], t
            for symbol, function in first if t == 1 else later:
                known[symbol] = function(known)
            return known["w"], {s: known.get(f"{s}_new", x) for s, x in state.items()}

        return step


def plan(ws: Workspace, task: Task, lines: list[Line]) -> Plan:
    """The task's optimiser, its options read and judged, its state filled in."""
    args = task.args
    optimiser = OPTIMISERS[args["optimizer"]]
    given = {n: args[n] for n in (*OPTIMIZER_NUMBERS, *OPTIMIZER_FLAGS) if args.get(n) is not None}
    for name in given:
        if name not in optimiser.options:
            raise _not_taken(optimiser, name).at(task.places.get(name, task.where))
    terms: dict[str, Expr] = {}
    exact: dict[str, Any] = {}
    flags: set[str] = set()
    for name, default in {"rate": optimiser.default_rate, **optimiser.options}.items():
        wanted = args["rate"] if name == "rate" else given.get(name)
        if isinstance(default, bool):
            flags |= {name} if (default if wanted is None else wanted) else set()
            continue
        try:
            found = _numbers(ws, optimiser, name, wanted, default)
        except InputError as error:
            source = task.sources.get(name)
            if source is not None and error.span is not None:
                error.at(source.where(error.span))
            raise error.at(task.places.get(name, task.where)) from None
        for (symbol, *_), (term, value) in zip(SYMBOLS[name], found, strict=True):
            terms[symbol], exact[symbol] = term, value
        if name != "rate" and any(value != 0 for _, value in found):
            flags.add(name)
    if optimiser.name == "nesterov":
        flags.add("nesterov")
    if "nesterov" in flags and ("momentum" not in flags or "dampening" in flags):
        raise InputError(
            "Nesterov's step needs a `momentum` above 0 and no `dampening`",
            hint="give a `momentum` such as 0.9",
        ).at(task.places.get("nesterov", task.places.get("momentum", task.where)))
    rules = tuple(r for r in optimiser.rules if _acts(r, flags))
    active = [s for s in optimiser.states if any(r.symbol == f"{s}_new" for r in rules)]
    start = exact.get("s_0", sp.S.Zero)
    state, given_state, done = initial_state(ws, task, optimiser, active, lines, start)
    return Plan(optimiser, rules, frozenset(flags), terms, exact, state, given_state, done)


def _acts(rule: Rule, flags: set[str]) -> bool:
    return all((w[1:] not in flags) if w.startswith("-") else (w in flags) for w in rule.when)


def _not_taken(optimiser: Optimiser, name: str) -> InputError:
    takes = ", ".join(f"`{o}`" for o in optimiser.options)
    hint = did_you_mean(name, optimiser.options)
    others = [o.name for o in OPTIMISERS.values() if name in o.options]
    hint = hint or (f"{optimiser.name} takes {takes}" if takes else None)
    who = " and ".join(filter(None, (", ".join(f"`{o}`" for o in others[:-1]), f"`{others[-1]}`")))
    return InputError(
        f"`{optimiser.name}` has no `{name}`: that is a parameter of {who}",
        hint=hint or f"{optimiser.name} takes only a `rate`, which is 1 unless you give one",
    )


_RANGES = {  # torch's own: least, and the bound that must stay above (None: no bound)
    "momentum": (0, None), "dampening": (None, None), "betas": (0, 1), "alpha": (0, None),
    "eps": (0, None), "weight_decay": (0, None), "lr_decay": (0, None),
    "initial_accumulator_value": (0, None), "rate": (None, None),
}  # fmt: skip


def _numbers(
    ws: Workspace, optimiser: Optimiser, name: str, wanted: Expr | None, default: Any
) -> list[tuple[Expr, Any]]:
    """The option's terms and numbers: two of `betas`, one of the others."""
    if wanted is None:
        if default is None:
            raise InputError(
                f"`{optimiser.name}` needs a learning rate", hint="such as `rate: 0.1`"
            )
        wanted = parse(default)
    parts = (wanted,)
    if name == "betas":
        if not isinstance(wanted, List) or len(wanted.items) != 2:
            raise InputError("`betas` must be two numbers", hint="such as [0.9, 0.999]")
        parts = wanted.items
    found = []
    for part in parts:
        value = scalar(ws, part)
        least, bound = _RANGES[name]
        if (least is not None and value < least) or (bound is not None and value >= bound):
            limits = f"at least {least}" + (f" and below {bound}" if bound is not None else "")
            raise InputError(f"`{name}` must be {limits}")
        found.append((part, value))
    return found


def scalar(ws: Workspace, e: Expr) -> sp.Expr:
    """The number that an expression in constants and given names comes to."""
    value = values.scalar(e, known=given_values(ws))
    return number(value if isinstance(value, sp.Expr) else float(value))
