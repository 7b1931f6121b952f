"""`solve_shape`: the hyperparameters for which sizes come out as wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InputError, ShapeError, did_you_mean
from ..expr import Binary, Expr, List, Name
from ..problem.model import Problem, Task
from ..steps import Answer, Named, Table, TaskResult, Text, all_of
from ..value import Value
from .arithmetic import by, num, rational
from .shape_calls import chain_to
from .shape_chain import Chain
from .shape_ranges import exhaustive, ranges, without_end
from .shape_recheck import recheck
from .shape_search import Goal, Values, fits, search
from .solve_shape_result import TABLE_ROWS
from .solve_shape_steps import Explanation

_BOXED = 6


def solve(problem: Problem, task: Task) -> TaskResult:
    """All integer solutions in a bounded range, smallest first, with the equation behind them."""
    unknown = _unknown(task)
    goals = _goals(problem, task)
    _check_names(goals, unknown, task)
    spans = ranges(goals, unknown)
    solutions = search(goals, spans, unknown)
    complete = exhaustive(goals, spans)
    steps = Explanation(task.id, goals, spans, solutions, complete).steps()
    endless = without_end(goals, spans, solutions)
    names = {f"u{i}": Name(n) for i, n in enumerate(unknown)}
    single = unknown[0] if len(unknown) == 1 else None
    only = solutions[0][single] if single and len(solutions) == 1 else None
    return TaskResult(
        id=task.id,
        task="solve_shape",
        subject={
            "unknown": single or list(unknown),
            "so_that": {g.chain.node: list(g.target) for g in goals},
        },
        heading=_heading(names, goals),
        steps=tuple(steps),
        shape=None if only is None else (),
        symbol=Name(single) if only is not None and single else None,
        formula=None if only is None else num(only),
        value=None if only is None else _value(only),
        several=() if endless or only is not None else _boxed(unknown, solutions),
        extra={"solutions": [dict(s) for s in solutions]},
        tables=() if endless else _tables(unknown, solutions),
        check=recheck(goals, spans, solutions, unknown),
        answer=_answer(task, unknown, solutions, goals, complete),
        text=task.text,
        points=task.points,
        hint=task.hint,
    )


def _unknown(task: Task) -> tuple[str, ...]:
    unknown = task.args["unknown"]
    names = (unknown,) if isinstance(unknown, str | Name) else tuple(unknown)
    return tuple(dict.fromkeys(n.id if isinstance(n, Name) else n for n in names))


def _goals(problem: Problem, task: Task) -> tuple[Goal, ...]:
    place = task.places.get("so_that", task.where)
    goals = []
    for node, shape in task.args["so_that"].items():
        chain = chain_to(problem, node, place)
        target = _target(shape, place)
        if chain.order() != len(target):
            raise _wrong_axes(chain, target, place)
        goals.append(Goal(chain, target))
    if not goals:
        raise InputError("`so_that` names no node", hint="`so_that: {y: [16, 128]}`", where=place)
    return tuple(goals)


def _wrong_axes(chain: Chain, target: tuple[int, ...], place: Any) -> ShapeError:
    order = chain.order()
    said = "1 axis" if order == 1 else f"{order} axes"
    hint = None
    if chain.of_network:
        axes = (("features",), ("length", "features"), ("channels", "height", "width"))
        usual = f", as `[{', '.join(axes[order - 1])}]`" if order <= len(axes) else ""
        hint = f"a shape is written without the batch{usual}"
    message = f"`{chain.node}` has {said}, but {list(target)} has {len(target)}"
    return ShapeError(message, hint=hint, where=place)


def _target(shape: Any, place: Any) -> tuple[int, ...]:
    if isinstance(shape, List):
        shape = shape.items
    sizes = []
    for n in shape if isinstance(shape, tuple | list) else (shape,):
        exact = rational(n)
        if exact is None or exact.denominator != 1 or exact < 1:
            raise InputError("a wanted size must be a whole number of at least 1", where=place)
        sizes.append(int(exact))
    return tuple(sizes)


def _check_names(goals: Sequence[Goal], unknown: Sequence[str], task: Task) -> None:
    """Every unknown is used somewhere, and no other name is open."""
    used = tuple(dict.fromkeys(n for g in goals for n, _, _ in g.chain.uses()))
    for name in unknown:
        if name not in used:
            raise InputError(
                f"`{name}` is not an unknown on the way to "
                + " or ".join(f"`{g.chain.node}`" for g in goals),
                hint=did_you_mean(name, used)
                or f"write it in place of a number, as in `padding: {name}`",
                where=task.places.get("unknown", task.where),
            )
    for name in used:
        if name not in unknown:
            listed = ", ".join((*unknown, name))
            raise InputError(
                f"`{name}` has no value either",
                hint=f"give it a number, or solve for both: `unknown: [{listed}]`",
                where=task.places.get("unknown", task.where),
            )


def _heading(names: Mapping[str, Expr], goals: Sequence[Goal]) -> Text:
    wanted = [
        Text("{y} has shape {shape}", {"y": g.chain.called, "shape": by(g.target)}) for g in goals
    ]
    holes = {"names": tuple(names.values()), "goals": all_of(wanted)}
    return Text("Find {names} so that {goals}", holes)


def _value(number: int) -> Value:
    import numpy as np
    import sympy as sp

    data = np.empty((), dtype=object)
    data[()] = sp.Integer(number)
    return Value(data)


def _boxed(unknown: Sequence[str], solutions: Sequence[Values]) -> tuple[Named, ...]:
    """The solutions where they are few: one unknown at each of them, or several at the only one."""
    if not solutions or (len(unknown) > 1 and len(solutions) > 1) or len(solutions) > _BOXED:
        return ()
    return tuple(Named(Name(n), num(s[n]), _value(s[n])) for s in solutions for n in unknown)


def _tables(unknown: Sequence[str], solutions: Sequence[Values]) -> tuple[Table, ...]:
    if len(solutions) < 2 or _boxed(unknown, solutions):
        return ()
    columns = tuple(Text("{name}", {"name": Name(n)}) for n in unknown)
    rows = tuple(tuple(s[n] for n in unknown) for s in solutions[:TABLE_ROWS])
    return (Table(columns, rows, frozenset(range(len(unknown)))),)


def _answer(
    task: Task,
    unknown: Sequence[str],
    solutions: Sequence[Values],
    goals: Sequence[Goal],
    complete: bool,
) -> Answer | None:
    """Right is any one solution; a list is right when it is all of them.

    complete: whether there are no solutions but these; else an empty list stays undecided.
    """
    if task.answer is None:
        return None
    answer = task.answer.items if isinstance(task.answer, List) else task.answer
    if isinstance(answer, tuple | list) and len(unknown) == len(answer) > 1:
        in_order = dict(zip(unknown, answer, strict=True))
        answer = in_order if all(rational(a) is not None for a in answer) else answer
    if isinstance(answer, tuple | list):
        hits = [_hit(a, unknown, goals) for a in answer]
        if not hits and not solutions and not complete:
            return Answer(task.answer_json, None)
        different = len({str(h) for h in hits}) == len(hits)
        every = all(s in hits for s in solutions)
        return Answer(task.answer_json, None not in hits and different and every)
    hit = _hit(answer, unknown, goals)
    note = None
    if hit and solutions and hit != solutions[0]:
        smallest = tuple(Binary("==", Name(n), num(solutions[0][n])) for n in unknown)
        note = Text("This is a solution; the smallest is {list}.", {"list": smallest})
    return Answer(task.answer_json, hit is not None, note)


def _hit(answer: Any, unknown: Sequence[str], goals: Sequence[Goal]) -> Values | None:
    """One answer as a solution, None when it is none."""
    if not isinstance(answer, Mapping):
        answer = {unknown[0]: answer} if len(unknown) == 1 else {}
    if set(answer) != set(unknown):
        return None
    exact = {n: rational(answer[n]) for n in unknown}
    if any(x is None or x.denominator != 1 for x in exact.values()):
        return None
    values = {n: int(x) for n, x in exact.items() if x is not None}
    try:
        return values if fits(goals, values) else None
    except InputError:  # out of the range of the argument
        return None
