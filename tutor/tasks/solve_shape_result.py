"""The last steps of `solve_shape`: the solution put back, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..expr import Binary, Name
from ..problem.layer_spec import axis_words
from ..steps import Text, all_of, in_turn
from . import no_solution
from .arithmetic import by, num
from .shape_search import Goal, Values
from .slide_steps import told

_LISTED = 12
TABLE_ROWS = 100

Add = Callable[..., None]


def found(
    add: Add,
    spans: Mapping[str, range],
    solutions: Sequence[Values],
    endless: bool,
    complete: bool,
) -> None:
    """The solutions, or what there is to say of them.

    endless: no number is too large. complete: numbers outside the ranges are certain not to fit.
    """
    smallest, count = solutions[0], len(solutions)
    untried = None if complete else Text("Larger numbers were not tried.")
    if not spans:
        values = tuple(Binary("==", Name(n), num(v)) for n, v in smallest.items())
        why = Text("There is no other: the layers before fix the size.")
        if len(values) == 1:
            ((name, value),) = smallest.items()
            add("closed", "solution", Text("Solution"), (Name(name), num(value)), why, level=0)
        else:
            why = Text("The only solution is {list}: the layers before fix it.", {"list": values})
            add("closed", "solution", Text("Solution"), why=why, level=0)
        return
    if len(smallest) == 1:
        (name,) = smallest
        if endless:
            why = Text("Every {u} from {a} on fits.", {"u": Name(name), "a": smallest[name]})
            add("closed", "solution", Text("Solutions"), why=why, level=0)
            return
        holes = {"range": _within(spans)}
        if count > 1:
            shown = ", ".join(str(s[name]) for s in solutions[:_LISTED])
            dots = " …" if count > _LISTED else ""
            holes |= {"n": count, "all": shown + dots}
            why = Text("There are {n} solutions among {range}: {all}.", holes)
            add(
                "closed",
                "solution",
                Text("Solutions"),
                why=in_turn(why, untried, _cut(count)),
                level=0,
            )
            return
        why = in_turn(Text("It is the only solution among {range}.", holes), untried)
        add(
            "closed",
            "solution",
            Text("Solution"),
            (Name(name), num(smallest[name])),
            why,
            level=0,
        )
        return
    values = tuple(Binary("==", Name(n), num(v)) for n, v in smallest.items())
    holes = {"list": values, "range": _within(spans)}
    if count == 1:
        why = in_turn(Text("The only solution is {list}, among {range}.", holes), untried)
    else:
        words = "The smallest of {n} solutions is {list}, among {range}."
        why = in_turn(Text(words, {**holes, "n": count}), untried, _cut(count))
    add(
        "closed",
        "solution",
        Text("Solution"),
        why=why,
        level=0,
    )


def _cut(count: int) -> Text | None:
    """A word where the table is shorter than the list of solutions."""
    if count <= TABLE_ROWS:
        return None
    return Text("The table lists the first {k}.", {"k": TABLE_ROWS})


def _within(spans: Mapping[str, range]) -> Text:
    """The ranges that were searched."""
    return all_of(
        [
            Text("{u} = {a} to {b}", {"u": Name(name), "a": span[0], "b": span[-1]})
            for name, span in spans.items()
        ]
    )


def verify(add: Add, goal: Goal, solution: Values, followed: bool) -> None:
    """The sizes with the solution put in; where they had to be followed, through every layer."""
    used = {i for _, i, _ in goal.chain.uses()}
    x = goal.chain.first(solution)
    for i, stage in enumerate(goal.chain.stages):
        before = x
        layers, x = stage.run(x, solution)
        if followed:
            passed = [(stage.name, before, x)]
            if stage.is_block:
                passed = [*((it.name, it.input, it.output) for it in layers), *passed]
            for name, start, end in passed:
                holes = {"layer": name, "x": by(start), "y": by(end)}
                if start != end:
                    add("check", "output shape", Text("{layer}: {x} → {y}", holes), shape=end)
            continue
        if stage.is_block or (i not in used and not (used == {-1} and layers[0].windows)):
            continue
        seen = set()
        for slide in layers[0].slides:
            chain = told(slide, "n_out", "", False)[0][2:]
            if not chain or chain in seen:
                continue
            seen.add(chain)
            axis = axis_words([slide.axis])
            title = Text("{layer}: put it back ({a})", {"layer": stage.name, "a": axis})
            add("check", "output size", title, chain, level=2)
    title = Text("{y} has shape {shape}", {"y": goal.chain.called, "shape": by(x)})
    add("check", "output shape", title, why=Text("As wanted."), shape=x)


def none(add: Add, goals: Sequence[Goal], spans: Mapping[str, range], complete: bool) -> None:
    """complete: whether it is certain that values outside the ranges do not fit either."""
    title, why = Text("There is no solution"), None
    holes = {"range": _within(spans)} if spans else {}
    if not spans:
        pass  # the reasons follow
    elif complete:
        why = Text("No whole numbers {range} give the wanted shape, and larger ones cannot.", holes)
    else:
        title = Text("No solution found")
        words = "No whole numbers {range} give the wanted shape; others were not tried."
        why = Text(words, holes)
    add("note", "no solution", title, why=why, level=0)
    for why in no_solution.reasons(goals, spans):
        add("note", "no solution", Text("Why not"), why=why, level=0)
