"""A closed form in which what repeats has a name: 2 M y yᵀ M X, where M = (X Xᵀ + s I)⁻¹."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..errors import InputError, Where
from ..expr import Binary, Call, Expr, Name, Neg, Partial, exchanged, walk
from ..notation.index import has_subscripts
from ..notation.text import text
from ..steps import Step, TaskResult, Text, all_of
from .extended import extended, free_name, written
from .numbers import equation
from .workspace import Workspace

LONG = 60  # characters of a formula from which on names help
LEAST = 12  # characters of a subterm that deserves one
SAVED = 20  # characters that a name has to save
MOST = 3  # names

LETTERS = {0: ("c", "s", "k"), 1: ("p", "u", "v"), 2: ("M", "K", "P")}  # by order


def shortened(ws: Workspace, result: TaskResult, place: Where | None) -> TaskResult:
    """The result with one more step after its closed form, if some subterm is worth a name.

    Nothing else changes: the formula of the result is the one without such names.
    """
    formula = result.formula
    if formula is None or result.value is not None or place is None or result.symbol is None:
        return result
    if any(isinstance(x, Partial) for x in walk(formula)) or has_subscripts(formula):
        return result
    short, named = with_names(ws, formula, place)
    if not named:
        return result
    holes = {"list": all_of([Binary("==", Name(n), e) for n, e in named])}
    step = Step(
        "shortened",
        "closed",
        "substitution",
        Text("Shorter, with a name for what repeats")
        if len(named) == 1
        else Text("Shorter, with names for what repeats"),
        equation(result.symbol, short),
        why=Text("Here {list}.", holes),
        shape=result.shape or (),
        uses=("answer",),
    )
    at = next((k for k, s in enumerate(result.steps) if s.id == "answer"), None)
    if at is None:
        return result
    steps = (*result.steps[: at + 1], step, *result.steps[at + 1 :])
    return replace(result, steps=steps)


def with_names(ws: Workspace, formula: Expr, place: Where) -> tuple[Expr, list[tuple[str, Expr]]]:
    """The formula with names, and what each of them stands for, in the order of use."""
    named: list[tuple[str, Expr]] = []
    if len(text(formula)) < LONG:
        return formula, named
    here = ws
    while len(named) < MOST:
        part = _worth_a_name(formula)
        if part is None:
            break
        found = _letter(here, part, place)
        if found is None:
            break
        name, here = found
        formula = exchanged(formula, lambda x, p=part, n=name: Name(n) if x == p else None)
        named.append((name, part))
    return formula, named


def _worth_a_name(formula: Expr) -> Expr | None:
    """The subterm whose name saves most; of equally good ones the first."""
    counts = Counter(
        x for x in walk(formula) if isinstance(x, Call | Binary | Neg) and x is not formula
    )
    best, most = None, SAVED - 1
    for part, times in counts.items():
        size = len(text(part)) if times > 1 else 0
        if size < LEAST:
            continue
        saved = (times - 1) * (size - 1)
        if saved > most:
            best, most = part, saved
    return best


def _letter(ws: Workspace, part: Expr, place: Where) -> tuple[str, Workspace] | None:
    """A free name that goes with its size, and the workspace in which it means the subterm."""
    probe = free_name(ws, "probe")
    try:
        leaf = extended(ws, {probe: (part, written(part, place))}).line(probe).leaf
        if leaf.order not in LETTERS or leaf.row:  # a letter is a column
            return None
        name = free_name(ws, *LETTERS[leaf.order])
        return name, extended(ws, {name: (part, written(part, place))})
    except InputError:
        return None
