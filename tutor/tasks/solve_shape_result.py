"""The last steps of `solve_shape`: the solution put back, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..expr import Binary, Name
from ..steps import Text
from . import no_solution
from .arithmetic import by, num
from .shape_search import Goal, Values
from .slide_steps import told

_LISTED = 12

Add = Callable[..., None]


def found(add: Add, spans: Mapping[str, range], solutions: Sequence[Values]) -> None:
    smallest, count = solutions[0], len(solutions)
    if len(spans) == 1:
        (name,) = spans
        if count == 1:
            why, holes = "It is the only solution ", {}
        else:
            shown = ", ".join(str(s[name]) for s in solutions[:_LISTED])
            dots = " …" if count > _LISTED else ""
            why, holes = "The smallest of {n} solutions ({all}) ", {"all": shown + dots}
        add(
            "closed",
            "solution",
            Text("Solution"),
            (Name(name), num(smallest[name])),
            Text(why + "among {u} = {a} to {b}.", {**holes, "n": count} | _range(spans, name)),
            level=0,
        )
        return
    values = [Binary("==", Name(n), num(v)) for n, v in smallest.items()]
    equations = {f"e{i}": e for i, e in enumerate(values)}
    within, holes = _within(spans)
    listed = ", ".join(f"{{{k}}}" for k in equations)
    words = "The only solution is " if count == 1 else "The smallest of {n} solutions is "
    add(
        "closed",
        "solution",
        Text("Solution"),
        why=Text(f"{words}{listed}, among {within}.", {**equations, **holes, "n": count}),
        level=0,
    )


def _range(spans: Mapping[str, range], name: str) -> dict[str, Any]:
    span = spans[name]
    return {"u": Name(name), "a": span[0], "b": span[-1]}


def _within(spans: Mapping[str, range]) -> tuple[str, dict[str, Any]]:
    """The ranges that were searched: words and their holes."""
    words, holes = [], {}
    for i, name in enumerate(spans):
        holes |= {f"{k}{i}": v for k, v in _range(spans, name).items()}
        words.append(f"{{u{i}}} = {{a{i}}} to {{b{i}}}")
    return " and ".join(words), holes


def verify(add: Add, goal: Goal, solution: Values) -> None:
    """The sizes with the solution put in."""
    used = {i for _, i, _ in goal.chain.uses()}
    x = goal.chain.first(solution)
    for i, stage in enumerate(goal.chain.stages):
        layers, x = stage.run(x, solution)
        if stage.is_block or (i not in used and not (used == {-1} and layers[0].windows)):
            continue
        seen = set()
        for slide in layers[0].slides:
            chain = told(slide, "n_out", "", False)[0][2:]
            if not chain or chain in seen:
                continue
            seen.add(chain)
            title = Text("{layer}: put it back ({a})", {"layer": stage.name, "a": slide.axis})
            add("check", "output size", title, chain, level=2)
    title = Text("{y} has shape {shape}", {"y": Name(goal.chain.node), "shape": by(x)})
    add("check", "output shape", title, why=Text("As wanted."), shape=x)


def none(add: Add, goals: Sequence[Goal], spans: Mapping[str, range]) -> None:
    within, holes = _within(spans)
    add(
        "note",
        "no solution",
        Text("There is no solution"),
        why=Text(f"No whole numbers {within} give the wanted shape.", holes),
        level=0,
    )
    for why in no_solution.reasons(goals, spans):
        add("note", "no solution", Text("Why not"), why=why, level=0)
