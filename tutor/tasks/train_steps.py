"""A training told: the gradients, the rules, where it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..expr import Expr, Name, Partial
from ..notation.index import has_subscripts
from ..steps import Step, Text
from ..value import Value
from .chain import Chain
from .indexed import entry_symbol
from .numbers import approx, equation, exact_term
from .optimiser_plan import Plan
from .optimiser_steps import Symbols, rule_steps, setting_steps
from .workspace import Workspace


def train_steps(
    ws: Workspace, chosen: Plan, symbols: Sequence[Symbols], final: Mapping[str, Value]
) -> list[Step]:
    steps: list[Step] = []
    for one in symbols:
        formula = _slope(ws, one)
        if formula is not None:
            steps.append(
                Step(
                    f"gradient.{one.line.name}",
                    "closed",
                    "chain rule",
                    Text("The gradient that every step uses"),
                    (_named(ws, one, formula), formula),
                    shape=one.line.leaf.shape,
                )
            )
    steps += setting_steps(symbols)
    for one in symbols:
        told = rule_steps(one, 0, 2, {}, {}, "")  # as from the second step on
        w = {"w": Name(one.line.name)}
        *first, last = told
        last = Step(
            f"rule.{one.line.name}",
            "update",
            last.rule,
            Text("Each step updates {w}", w),
            last.equation,
            why=last.why,
            shape=last.shape,
        )
        steps += [*first, last]
        if chosen.optimiser.second_order:
            steps[-1] = _newton_rule(one, last)
    for one in symbols:
        value = final[one.line.name]
        steps.append(
            Step(
                f"answer.{one.line.name}",
                "value",
                "substitution",
                Text("{w} after the last step", {"w": Name(one.line.name)}),
                equation(one.name("w"), exact_term(value)),
                approx=approx(value),
                shape=one.line.leaf.shape,
                level=0,
            )
        )
    return steps


def _newton_rule(one: Symbols, step: Step) -> Step:
    why = Text(
        "Here {d} solves H {d} = {g}, where H is the Hessian by all parameters.",
        {"d": one.terms["d"], "g": one.terms["G"]},
    )
    return replace(step, why=why)


def _slope(ws: Workspace, one: Symbols) -> Expr | None:
    chain = Chain(ws, one.target, one.line, gradient=True)
    if chain.final is None:
        return None
    found = chain.closed_term()
    return chain.formula(chain.final) if found is None else found


def _named(ws: Workspace, one: Symbols, formula: Expr) -> Expr:
    if has_subscripts(formula):
        return entry_symbol(ws, one.target, one.line, gradient=True)
    return Partial(Name(one.target.name), Name(one.line.name))
