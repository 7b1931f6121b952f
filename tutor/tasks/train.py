"""train: many steps of gradient descent, of which the losses and the last point are told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from .. import independent
from ..calculus.reverse import pullback
from ..calculus.simplify import simplify_all, substitute
from ..errors import InputError
from ..expr import Expr, Name, Partial
from ..graph.node import Node, const
from ..numeric.evaluate import NotFinite, TooLong, evaluate
from ..problem.lines import Line
from ..steps import Check, Step, Table, TaskResult, Text
from ..value import Value
from .chain import Chain, paper_value
from .chain_steps import has_subscripts, subscripted
from .checked import difference_error
from .numbers import approx, equation, exact_term
from .update import array, learnable, new_name, rate_of, rule
from .workspace import Workspace

MOST_EXACT_STEPS = 20


class Descent:
    """The loss and all its gradients as nodes over the givens, evaluated step after step."""

    def __init__(self, ws: Workspace, target: Line, lines: Sequence[Line]) -> None:
        self.ws = ws
        self.lines = lines
        full: dict[Node, Node] = {}
        for line in ws.graph.below([target]):
            if line.val is not None:
                full[line.symbol] = substitute(line.val.node, full)
        self.loss = full.get(target.symbol, target.symbol)
        self.slopes = simplify_all(
            pullback(self.loss, const(1, self.loss.shape), [x.symbol for x in lines])
        )
        self.env = ws.leaves()

    def at(self, point: dict[str, np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        env = dict(self.env)
        exact = all(p.dtype == object for p in point.values())
        if not exact:
            env = {n: Value(v).floats() for n, v in env.items()}
        for line in self.lines:
            env[line.symbol] = point[line.name]
        loss, *slopes = evaluate([self.loss, *self.slopes], env)
        return loss.reshape(()), slopes


def solve(
    ws: Workspace,
    task_id: str,
    of: str,
    wrt: Sequence[str],
    rate: Expr,
    steps: int,
    report: int | None,
) -> tuple[TaskResult, Workspace]:
    """`steps` gradient steps; the loss before each reported step, and the final parameters."""
    target, lines = learnable(ws, of, wrt)
    alpha = rate_of(rate)
    every = report or max(1, steps // 10)
    descent = Descent(ws, target, lines)
    point = {x.name: array(ws, x) for x in lines}
    if steps > MOST_EXACT_STEPS or alpha.has(sp.Float):
        point = {n: Value(v).floats() for n, v in point.items()}
    history: list[tuple[int, np.ndarray]] = []
    for k in range(1, steps + 1):
        try:
            try:
                loss, slopes = descent.at(point)
            except TooLong:
                point = {n: Value(v).floats() for n, v in point.items()}
                loss, slopes = descent.at(point)
        except NotFinite:
            raise InputError(
                f"the training diverged: at step {k} the loss is no longer a finite number",
                hint="a smaller `rate` keeps the steps from overshooting",
            ) from None
        if k == 1 or k % every == 0:
            history.append((k, loss))
        point = {x.name: _step(point[x.name], s, alpha) for x, s in zip(lines, slopes, strict=True)}
    here = ws.moved(point)
    here.shown = set(ws.graph.lines)
    final_loss = here.numbers[target.name]
    assert final_loss is not None
    final = {x.name: paper_value(x, array(here, x)) for x in lines}
    only = final[lines[0].name] if len(lines) == 1 else None
    rows = [(k, Value(np.asarray(v)).decimal()) for k, v in history]
    rows.append(
        (Text("after step {k}", {"k": str(steps)}), Value(np.asarray(final_loss)).decimal())
    )
    result = TaskResult(
        id=task_id,
        task="train",
        subject={"of": of, "wrt": wrt[0] if len(wrt) == 1 else list(wrt)},
        heading=Text(
            "Training {names} for {k} steps",
            {
                "names": Text(
                    ", ".join(f"{{n{j}}}" for j in range(len(lines))),
                    {f"n{j}": Name(x.name) for j, x in enumerate(lines)},
                ),
                "k": str(steps),
            },
        ),
        steps=tuple(_train_steps(ws, target, lines, rate, final)),
        shape=lines[0].leaf.shape if only else None,
        dims=lines[0].dims if only else None,
        symbol=new_name(lines[0]) if only else None,
        value=only,
        extra={
            "history": [{"step": k, "loss": float(v[()])} for k, v in history],
            "final_loss": float(np.asarray(final_loss).reshape(())[()]),
            "final": {n: {"exact": v.strings(), "value": v.numbers()} for n, v in final.items()},
        },
        tables=(
            Table(
                (Text("Step"), Text("{L} before the step", {"L": Name(target.name)})),
                tuple(rows),
                frozenset({0, 1}),
            ),
        ),
        check=_check_training(ws, here, target, descent),
    )
    return result, here


def _step(w: np.ndarray, g: np.ndarray, alpha: sp.Expr) -> np.ndarray:
    if w.dtype == object and g.dtype == object:
        return np.asarray(w - g * alpha, dtype=object)  # NumPy unwraps arrays of order 0
    return np.asarray(Value(w).floats() - float(alpha) * Value(g).floats())


def _train_steps(
    ws: Workspace,
    target: Line,
    lines: Sequence[Line],
    rate: Expr,
    final: dict[str, Value],
) -> list[Step]:
    steps = []
    for line in lines:
        chain = Chain(ws, target, line, gradient=True)
        formula = None
        if chain.final is not None:
            formula = chain.closed_term()
            if formula is None:
                formula = chain.formula(chain.final)
        if formula is not None:
            symbol = _named(target, line, formula)
            steps.append(
                Step(
                    f"gradient.{line.name}",
                    "closed",
                    "chain rule",
                    Text("The gradient that every step uses"),
                    (symbol, formula),
                    shape=line.leaf.shape,
                )
            )
        steps.append(
            Step(
                f"rule.{line.name}",
                "update",
                "gradient descent",
                Text("Each step updates {w}", {"w": Name(line.name)}),
                (new_name(line), rule(target, line, rate)),
                why=Text("Go against the gradient, by the learning rate {a}.", {"a": rate}),
                shape=line.leaf.shape,
            )
        )
    for line in lines:
        value = final[line.name]
        steps.append(
            Step(
                f"answer.{line.name}",
                "value",
                "substitution",
                Text("{w} after the last step", {"w": Name(line.name)}),
                equation(new_name(line), exact_term(value)),
                approx=approx(value),
                shape=line.leaf.shape,
                level=0,
            )
        )
    return steps


def _check_training(ws: Workspace, here: Workspace, target: Line, descent: Descent) -> Check | None:
    """The gradients that the steps took, by differences at the first and the last point."""
    if not ws.checking:
        return None
    worst = 0.0
    for place in (ws, here):
        _, slopes = descent.at({x.name: Value(array(place, x)).floats() for x in descent.lines})
        for line, slope in zip(descent.lines, slopes, strict=True):
            chain = Chain(place, target, line, gradient=True)
            env = place.reference(target)
            if independent.kink_distance(chain.path, env) < independent.NEAR_KINK:
                continue
            derived = Value(slope).floats()
            worst = max(worst, difference_error(place, chain, derived))
    return Check(
        "central differences at the first and the last point", worst, worst < independent.AGREE
    )


def _named(target: Line, line: Line, formula: Expr) -> Expr:
    symbol = Partial(Name(target.name), Name(line.name))
    return subscripted(symbol, line) if has_subscripts(formula) else symbol
