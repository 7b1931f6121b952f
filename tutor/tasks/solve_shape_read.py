"""The steps of `solve_shape` for sizes that a layer is told and that its input has already."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import prod

from ..errors import ShapeError
from ..expr import Binary, Expr, Name
from ..steps import Text
from .arithmetic import by, num
from .shape_search import Goal, Values


def read_steps(
    add: Callable[..., None], goals: Sequence[Goal], names: Collection[str], values: Values
) -> None:
    """Follow the sizes to each layer that takes one of the names, and read the number off there."""
    done: set[str] = set()
    for goal in goals:
        wanted = {n for n, _, _ in goal.chain.uses()} & set(names) - done
        if not wanted:
            continue
        try:
            _, demands = goal.relaxed.run(values)
        except ShapeError:
            continue
        here = [d for d in demands if isinstance(d.told, Name) and d.told.id in wanted]
        last = here[-1].name
        x = goal.chain.first(values)
        for stage in goal.chain.stages:
            for d in here:
                assert isinstance(d.told, Name)
                if d.name in (stage.name, *stage.names) and d.told.id not in done:
                    done.add(d.told.id)
                    _read(add, d.name, d.told, d.arrives, d.input, d.channels)
            if last in (stage.name, *stage.names):
                break
            layers, y = stage.run(x, values)
            flattens = not stage.is_block and layers[0].spec.type == "Flatten" and len(x) > 1
            holes = {"layer": stage.name, "x": by(x), "y": by(y)}
            add(
                "shape",
                "output shape",
                Text("{layer}: {x} → {y}", holes),
                (_product(x), num(prod(x))) if flattens and len(y) == 1 else (),
                shape=y,
            )
            x = y


def _read(
    add: Callable[..., None],
    layer: str,
    name: Name,
    arrives: int,
    x: Sequence[int],
    channels: bool,
) -> None:
    holes = {"layer": layer, "n": arrives, "x": by(tuple(x))}
    if channels:
        why = Text("{layer} takes as many channels as arrive: its input {x} has {n}.", holes)
    elif len(x) == 1:
        why = Text("{layer} takes as many features as arrive: its input has {n} entries.", holes)
    else:
        words = "{layer} takes as many features as arrive: the last axis of its input {x} has {n}."
        why = Text(words, holes)
    title = Text("{layer}: what arrives is {u}", {"layer": layer, "u": name})
    add("closed", "input size", title, (name, num(arrives)), why)


def _product(sizes: Sequence[int]) -> Expr:
    """3·32·32, not multiplied out."""
    term: Expr = num(sizes[0])
    for n in sizes[1:]:
        term = Binary("*", term, num(n))
    return term
