"""Second derivatives by the free entries of a symmetric or diagonal matrix: Dᵀ H D."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..expr import Binary, Call, Expr, Name, Partial, Transpose
from ..graph import dims
from ..problem.lines import Line
from ..steps import Step, Text
from ..value import Value
from .chain import Chain
from .duplication import (
    around,
    between,
    diagonal_of,
    duplication,
    folded,
    free_count,
    free_name,
    tied,
    unit,
    without_swaps,
)
from .extended import free_name as unused
from .numbers import approx, equation, exact_term
from .second import Twice, term
from .workspace import Workspace


def free_slope(ws: Workspace, target: Line, first: Line) -> Expr | None:
    """The gradient that `gradient` calls G: every place of the variable counted by itself."""
    chain = Chain(ws, target, first, True)
    return None if chain.final is None else chain.closed_term()


def folded_value(ws: Workspace, value: Value, first: Line, second: Line) -> Value:
    """The same of a printed block, whose rows are `first` unless the layout turns it."""
    if not (tied(first) or tied(second)):
        return value
    turned = ws.problem.convention.layout == "denominator"
    rows, columns = (second, first) if turned else (first, second)
    return Value(np.ascontiguousarray(folded(value.data, rows, columns)))


def second_symbol(target: Line, rows: Line, columns: Line) -> Expr:
    """∂²L/∂w² of a scalar, ∂²L/∂w ∂wᵀ of a vector, ∂²L/∂vec(W) ∂vec(W)ᵀ of a matrix."""
    top, side = free_name(rows), free_name(columns)
    side = Transpose(side) if columns.symbol.order else side
    return Partial(Partial(Name(target.name), top), side)


def free_steps(found: Twice, target: Line, rows: Line, columns: Line) -> tuple[list[Step], Twice]:
    """From H, which counts every place by itself, to the second derivatives by the free entries."""
    turned = found.ws.problem.convention.layout == "denominator"
    first, second = (columns, rows) if turned else (rows, columns)
    whole = Name(unused(found.ws, "H", "M", "H_all"))
    left, right = duplication(rows), duplication(columns)
    formula, product = found.formula, None
    if "diagonal" in (tied(rows), tied(columns)):
        rows_kept = 1 if tied(first) == "diagonal" else first.symbol.order
        formula = term(found.ws, diagonal_of(found.node, (first, second)), rows_kept)
    else:
        product = around(whole, left, right)
    if formula is not None:
        formula = between(formula, left, right, unit(rows if left else columns))
    value = None if found.value is None else folded_value(found.ws, found.value, first, second)
    steps = [
        Step(
            "all",
            "chain",
            "second derivative",
            Text("Every place counted by itself"),
            *_whole(found, whole, columns),
            shape=(dims.product(rows.symbol.shape), dims.product(columns.symbol.shape)),
            uses=("again",),
        ),
        Step(
            "free",
            "chain",
            "free entries",
            Text("Free entries only"),
            () if product is None else (second_symbol(target, rows, columns), product),
            why=_why(rows, columns),
            shape=(free_count(rows), free_count(columns)),
            uses=("all",),
        ),
    ]
    return steps, replace(found, formula=formula, value=value)


def _whole(found: Twice, whole: Name, columns: Line) -> tuple[tuple[Expr, ...], Expr | None]:
    """H as formula and number, and its decimals."""
    formula, value = found.formula, found.value
    if formula is not None:
        shorter = without_swaps(formula, columns, on_the_left=False)
        if shorter != formula:  # the same for symmetric changes only: another number
            formula, value = shorter, None
    members = equation(whole, formula, exact_term(value))
    return members if len(members) > 1 else (), None if value is None else approx(value)


# -- words ----------------------------------------------------------------------------------------


def _why(rows: Line, columns: Line) -> Text:
    kinds = {tied(rows), tied(columns)} - {None}
    first = rows if tied(rows) else columns
    holes: dict[str, Any] = {"x": Name(first.name), "v": free_name(first)}
    if rows is not columns and tied(rows) and tied(columns):
        holes |= {"y": Name(columns.name), "w": free_name(columns)}
        if kinds == {"diagonal"}:
            return Text(
                "{x} and {y} are diagonal: only {v} and {w} can move, so only their rows and "
                "columns stay.",
                holes,
            )
        return Text(
            "Only the free entries of {x} and {y} count, {v} and {w}: the two places of an entry "
            "off the diagonal of a symmetric matrix move together and are added up, and a "
            "diagonal matrix has only its diagonal.",
            holes,
        )
    if kinds == {"diagonal"}:
        if rows is columns:
            return Text(
                "{x} is diagonal: only the entries {v} can move, so of all second derivatives "
                "their rows and columns stay.",
                holes,
            )
        return Text(
            "{x} is diagonal: only the entries {v} can move, so only they have a place.", holes
        )
    d = duplication(first)
    assert d is not None
    holes |= {"d": d, "s": Call("vec", (Name(first.name),)), "p": Binary("@", d, holes["v"])}
    if rows is columns:
        return Text(
            "{x} is symmetric, so only its entries on and below the diagonal are free. {v} stacks "
            "them column by column, and {s} = {p}: the duplication matrix {d} puts every entry "
            "off the diagonal into its two places. It is constant, so the chain rule only "
            "multiplies by it from both sides (Magnus and Neudecker).",
            holes,
        )
    return Text(
        "{x} is symmetric, so only its entries on and below the diagonal are free. {v} stacks "
        "them column by column, and {s} = {p}: the duplication matrix {d} puts every entry off "
        "the diagonal into its two places. It is constant, so the chain rule only multiplies by "
        "it on the side of {x} (Magnus and Neudecker).",
        holes,
    )
