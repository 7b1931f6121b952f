"""Steps about layers before it is known for how many of them they hold.

What holds for several layers in the same words and numbers is said once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..expr import Expr
from ..steps import Step, Text, all_of

_NAMED = 3  # layers and ranges of them that a title lists


class StepList:
    """The list of steps, numbered as it grows."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.done: list[Step] = []

    def add(
        self,
        kind: str,
        rule: str,
        title: Text,
        equation: tuple[Expr, ...],
        why: Text | None,
        level: int = 1,
        shape: tuple[int, ...] = (),
    ) -> None:
        id_ = f"{self.task}.{len(self.done) + 1}"
        step = Step(id_, kind, rule, title, equation, why=why, shape=shape, level=level)
        self.done.append(step)


@dataclass
class Draft:
    """A step before it is known for how many layers it holds; its law is said the first time."""

    kind: str
    rule: str
    topic: Text  # with a hole {layer}
    equation: tuple[Expr, ...]
    why: Text | None
    level: int = 1
    shape: tuple[int, ...] = ()
    law: Text | None = None
    about: str = ""  # the layer's type
    sizes: tuple[Any, ...] = ()
    layers: list[str] = field(default_factory=list)

    @property
    def key(self) -> tuple[Any, ...]:
        said = (said_key(self.topic), self.equation, said_key(self.why))
        return (self.rule, self.about, self.sizes, *said)


def said_key(words: Text | None) -> tuple[Any, ...]:
    """What tells a sentence from others."""
    return () if words is None else (words.message, *words.args.items())


def merged(drafts: Iterable[Draft]) -> list[Draft]:
    """Drafts that say the same become one, where the first stood."""
    found: dict[Any, Draft] = {}
    for draft in drafts:
        found.setdefault(draft.key, draft).layers.extend(draft.layers)
    return list(found.values())


def named(names: Sequence[str]) -> Text:
    """Layers of one type in words: `relu_1`, `relu_1 to relu_3`, `relu_1, relu_4 and 7 more`."""
    runs: list[list[str]] = []
    for name in dict.fromkeys(names):
        last = int(runs[-1][-1].rpartition("_")[2]) if runs else -1
        if int(name.rpartition("_")[2]) == last + 1:
            runs[-1].append(name)
        else:
            runs.append([name])
    runs = [part for run in runs for part in ([run] if len(run) > 2 else [[n] for n in run])]
    words = [
        Text("{a}", {"a": run[0]})
        if len(run) == 1
        else Text("{a} to {b}", {"a": run[0], "b": run[-1]})
        for run in runs
    ]
    if len(words) > _NAMED:
        rest = sum(len(run) for run in runs[_NAMED - 1 :])
        return Text("{some} and {n} more", {"some": tuple(words[: _NAMED - 1]), "n": rest})
    return all_of(words)
