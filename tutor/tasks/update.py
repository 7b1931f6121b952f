"""update and train: steps of gradient descent, exact where possible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from .. import independent
from ..calculus.reverse import pullback
from ..calculus.simplify import simplify_all, substitute
from ..errors import InputError
from ..expr import Binary, Expr, Name, Partial
from ..graph.dims import number
from ..graph.node import Node, const
from ..numeric.evaluate import NotFinite, TooLong, evaluate
from ..problem import values
from ..problem.lines import Line
from ..steps import Check, Step, Table, TaskResult, Text
from ..value import Value
from . import gradient
from .chain import Chain, has_subscripts, paper_value, subscripted
from .numbers import approx, equation, exact_term, substituted
from .workspace import Workspace

MOST_EXACT_STEPS = 20


def learnable(ws: Workspace, of: str, wrt: Sequence[str]) -> tuple[Line, list[Line]]:
    """The loss and the parameters, which must be given and have values."""
    target = ws.line(of)
    if not target.has_one_entry:
        raise InputError(f"`{of}` has size {target.dims}: gradient descent needs a scalar")
    lines = [ws.line(n) for n in wrt]
    for line in lines:
        if line.op is not None:
            raise InputError(
                f"`{line.name}` is computed from other quantities; only a given one can be updated"
            )
        if ws.numbers[line.name] is None:
            raise InputError(f"`{line.name}` has no value to update")
    if ws.numbers[target.name] is None:
        raise InputError(f"`{of}` has no value: some of the given quantities have none")
    return target, lines


def rate_of(rate: Expr) -> sp.Expr:
    value = values.scalar(rate)
    return number(value if isinstance(value, sp.Expr) else float(value))


def solve(
    ws: Workspace, task_id: str, of: str, wrt: Sequence[str], rate: Expr, steps: int
) -> tuple[TaskResult, Workspace]:
    """One or several steps w ← w − rate · ∂L/∂w; also the workspace at the new point."""
    target, lines = learnable(ws, of, wrt)
    alpha = rate_of(rate)
    shown: list[Step] = []
    checks: list[Check] = []
    here = ws
    for k in range(steps):
        new: dict[str, np.ndarray] = {}
        for line in lines:
            earlier = ws.derived.get((of, line.name))
            result = gradient.solve(here, task_id, "gradient", of, line.name)
            if result.check is not None:
                checks.append(result.check)
            assert result.value is not None
            shown += _gradient_steps(here, result, line, k, earlier)
            moved = _moved(here, line, result.value, alpha)
            new[line.name] = moved
            shown.append(_update_step(here, target, line, rate, result.value, moved, k, steps))
        here = here.moved(new)
        here.shown = set(ws.graph.lines)
    final = {x.name: paper_value(here, x, _array(here, x)) for x in lines}
    only = final[lines[0].name] if len(lines) == 1 else None
    worst = max((c.max_rel_error for c in checks), default=0.0)
    note = next((c.note for c in checks if c.note is not None), None)
    check = (
        Check("central differences", worst, all(c.passed for c in checks), note) if checks else None
    )
    result = TaskResult(
        id=task_id,
        task="update",
        subject={"of": of, "wrt": wrt[0] if len(wrt) == 1 else list(wrt)},
        heading=Text("Gradient step on {w}", {"w": Name(lines[0].name)})
        if len(lines) == 1
        else Text("Gradient step on all parameters"),
        steps=tuple(shown),
        shape=lines[0].leaf.shape if only else None,
        dims=lines[0].dims if only else None,
        symbol=_new_name(lines[0]) if only else None,
        formula=_rule(target, lines[0], rate) if only else None,
        value=only,
        extra={
            "final": {n: {"exact": v.strings(), "value": v.numbers()} for n, v in final.items()}
        },
        check=check,
    )
    return result, here


def _array(ws: Workspace, line: Line) -> np.ndarray:
    value = ws.numbers[line.name]
    assert value is not None
    return value


def _moved(ws: Workspace, line: Line, slope: Value, alpha: sp.Expr) -> np.ndarray:
    """w − rate · gradient; exact if all three are."""
    old = Value(_array(ws, line))
    g = slope.data.reshape(old.data.shape)
    if old.exact and slope.exact and not alpha.has(sp.Float):
        flat = [sp.expand(a - alpha * b) for a, b in zip(old.data.ravel(), g.ravel(), strict=True)]
        out = np.empty(len(flat), dtype=object)
        out[:] = flat
        return out.reshape(old.data.shape)
    return np.asarray(old.floats() - float(alpha) * Value(np.asarray(g)).floats())


def _new_name(line: Line) -> Name:
    return Name(f"{line.name}_new")


def _rule(target: Line, line: Line, rate: Expr) -> Expr:
    slope = Partial(Name(target.name), Name(line.name))
    return Binary("-", Name(line.name), Binary("*", rate, slope))


def _gradient_steps(
    ws: Workspace, result: TaskResult, line: Line, k: int, earlier: str | None
) -> list[Step]:
    if k == 0 and earlier is None:
        return list(result.steps)
    names = {"w": Name(line.name)}
    why = (
        Text("From task {t}.", {"t": earlier})
        if k == 0 and earlier
        else Text("By the same formula, at the new point.")
    )
    assert result.symbol is not None and result.value is not None
    return [
        Step(
            f"gradient.{line.name}.{k + 1}",
            "chain",
            "chain rule",
            Text("The gradient at {w}", names),
            equation(result.symbol, result.formula if k == 0 else None, exact_term(result.value)),
            approx=approx(result.value),
            why=why,
            shape=line.leaf.shape,
        )
    ]


def _update_step(
    ws: Workspace,
    target: Line,
    line: Line,
    rate: Expr,
    slope: Value,
    new: np.ndarray,
    k: int,
    steps: int,
) -> Step:
    rule = _rule(target, line, rate)
    old = ws.paper(line)
    assert old is not None
    partial = Partial(Name(target.name), Name(line.name))
    middle = substituted(rule, {Name(line.name): old, partial: slope})
    value = paper_value(ws, line, new)
    title = Text("Update {w}", {"w": Name(line.name)})
    if steps > 1:
        title = Text("Update {w}, step {k}", {"w": Name(line.name), "k": str(k + 1)})
    why = (
        Text("Go against the gradient, by the learning rate {a}.", {"a": rate}) if k == 0 else None
    )
    return Step(
        f"update.{line.name}" + (f".{k + 1}" if steps > 1 else ""),
        "update",
        "gradient descent",
        title,
        equation(_new_name(line), rule, middle, exact_term(value)),
        approx=approx(value),
        why=why,
        shape=line.leaf.shape,
        uses=("answer",),
        level=0,
    )


# -- training -------------------------------------------------------------------------------------


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


def train(
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
    point = {x.name: _array(ws, x) for x in lines}
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
    final = {x.name: paper_value(here, x, _array(here, x)) for x in lines}
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
        steps=tuple(_train_steps(ws, descent, target, lines, rate, final, here)),
        shape=lines[0].leaf.shape if only else None,
        dims=lines[0].dims if only else None,
        symbol=_new_name(lines[0]) if only else None,
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
    descent: Descent,
    target: Line,
    lines: Sequence[Line],
    rate: Expr,
    final: dict[str, Value],
    here: Workspace,
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
                (_new_name(line), _rule(target, line, rate)),
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
                equation(_new_name(line), exact_term(value)),
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
        _, slopes = descent.at({x.name: Value(_array(place, x)).floats() for x in descent.lines})
        for line, slope in zip(descent.lines, slopes, strict=True):
            chain = Chain(place, target, line, gradient=True)
            env = place.reference(target)
            if independent.kink_distance(chain.path, env) < independent.NEAR_KINK:
                continue
            derived = Value(slope).floats()
            worst = max(worst, gradient.difference_error(place, chain, derived))
    return Check(
        "central differences at the first and the last point", worst, worst < independent.AGREE
    )


def _named(target: Line, line: Line, formula: Expr) -> Expr:
    symbol = Partial(Name(target.name), Name(line.name))
    return subscripted(symbol, line) if has_subscripts(formula) else symbol
