"""An expected answer that is a formula: `answer: 2*X.T@(X@w - y)`.

Both formulas become nodes over the givens. Equal canonical forms are equal formulas; otherwise
values at random points decide. With numbers, the values at the problem's own point do. A formula
that is not equal is looked at for the usual slips: transposed, a factor, the sign, vec's order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from .. import independent
from ..calculus.equal import equal, shown_equal
from ..calculus.simplify import substitute
from ..errors import ShapeError, TutorError
from ..expr import (
    Binary,
    Call,
    Expr,
    List,
    Name,
    Neg,
    Partial,
    Transpose,
    children,
    names,
    walk,
)
from ..graph import dims
from ..graph import node as g
from ..graph.node import Node
from ..problem.elaborate import elaborate
from ..problem.instance import formula_definition
from ..steps import TaskResult, Text, all_of
from .chain import Chain
from .instances import instances_of, too_large
from .printed import paper_shape, printed_value
from .slips import AGREE, Slips, same_on_paper
from .workspace import Workspace


@dataclass(frozen=True)
class Typed:
    """A formula over the givens: its node, its size on paper, and what its constants hold."""

    node: Node
    shape: tuple[dims.Dim, ...]
    constants: Mapping[Node, np.ndarray]


@dataclass(frozen=True)
class Judgement:
    """correct: None where nothing could decide."""

    correct: bool | None
    note: Text | None = None


def as_formula(answer: Any) -> Expr:
    """Nested tuples of terms as one term."""
    return List(tuple(map(as_formula, answer))) if isinstance(answer, tuple | list) else answer


def is_formula(answer: Any, ws: Workspace) -> bool:
    """Whether the answer speaks of the problem's quantities or sizes."""
    known = {*ws.graph.lines, *ws.graph.sizes}
    return any(n in known for n in names(as_formula(answer)))


def judged_formula(
    ws: Workspace, result: TaskResult, ours: Expr | None, value: np.ndarray | None, wanted: Expr,
    tolerance: float | None = None,
) -> Judgement:  # fmt: skip
    """Whether `wanted` is the result: the term `ours` if there is one, its value at the point."""
    try:
        theirs = typed(ws, wanted)
    except ShapeError as error:
        return Judgement(False, _misfit(ws, wanted, error))
    shape = _shape(ws, result, ours, value)
    ours = None if ours is None else _written_out(ws, ours)
    words = Slips(ws, result, theirs.shape, shape)
    if value is not None:
        point = printed_value(ws, wanted)
        if point is not None:
            return _by_numbers(words, point, value, tolerance)
    our_typed = None if ours is None else _typed_or_none(ws, ours)
    if our_typed is not None and same_on_paper(theirs.shape, shape):
        verdict = _compared(theirs, our_typed)
        if verdict:
            return Judgement(True)
        if verdict is None and result.task not in ("gradient", "jacobian"):
            return Judgement(None, UNDECIDED)
        if verdict is False:  # it stays so; a random place only says where they differ
            return replace(_at_instances(words, wanted, ours), correct=False)
    return _at_instances(words, wanted, ours)


def _misfit(ws: Workspace, e: Expr, error: ShapeError) -> Text:
    """Which operation's operands have sizes that do not fit, as they are typed."""
    for part in reversed(list(walk(e))):  # the innermost one first
        if not isinstance(part, Binary | Call):
            continue
        try:
            typed(ws, part)
        except ShapeError:
            operands = children(part)
            try:
                sizes = [(x, dims.text(typed(ws, x).shape)) for x in operands]
            except TutorError:
                break
            listed = all_of([Text("{x} ({d})", {"x": x, "d": d}) for x, d in sizes])
            return Text("the sizes of {list} do not fit together in it", {"list": listed})
    return Text("it does not fit together: {m}", {"m": error.message})


UNDECIDED = Text("neither the form of the two formulas nor values could decide")


def typed(ws: Workspace, e: Expr) -> Typed:
    """The formula as a node over the givens; raises ShapeError or InputError."""
    definition = formula_definition(e, ws.graph.lines)
    problem = replace(ws.problem, define=(*ws.problem.define, definition))
    graph = elaborate(problem, problem.unknowns)
    full: dict[Node, Node] = {}
    for line in graph.lines.values():
        if line.val is not None:
            full[line.symbol] = substitute(line.val.node, full)
    line = graph[definition.names[0]]
    return Typed(substitute(line.leaf.node, full), line.leaf.shape, graph.constants)


def _written_out(ws: Workspace, e: Expr) -> Expr:
    """The formula with closed forms for the gradients that it names: w − 0.1 ∂L/∂w."""
    match e:
        case Partial(Name(of), Name(wrt)) if of in ws.graph.lines and wrt in ws.graph.lines:
            chain = Chain(ws, ws.line(of), ws.line(wrt), ws.line(of).has_one_entry)
            closed = chain.closed_term() if chain.final is not None else None
            return e if closed is None else closed
        case Neg() | Transpose():
            return replace(e, arg=_written_out(ws, e.arg))
        case Binary():
            return replace(e, left=_written_out(ws, e.left), right=_written_out(ws, e.right))
        case _:
            return e


def _typed_or_none(ws: Workspace, e: Expr) -> Typed | None:
    from ..notation.text import text
    from ..problem.expression import parse

    try:
        return typed(ws, parse(text(e)))
    except TutorError:
        return None


def _compared(a: Typed, b: Typed) -> bool | None:
    left, right = _without_units(a.node), _without_units(b.node)
    constants = {**a.constants, **b.constants}
    if shown_equal(left, right):
        return True
    return equal(left, right, constants).equal


def _without_units(node: Node) -> Node:
    """The node without axes of size 1: a column is an n×1 matrix."""
    return g.sum_axes(node, tuple(k for k, d in enumerate(node.shape) if d == 1))


def _shape(
    ws: Workspace, result: TaskResult, ours: Expr | None, value: np.ndarray | None
) -> tuple[dims.Dim, ...]:
    """The result's size on paper."""
    if isinstance(ours, Name) and ours.id in ws.graph.lines:
        return ws.graph[ours.id].shape
    if result.shape is not None:
        return result.shape
    return () if value is None else value.shape


# -- by values ------------------------------------------------------------------------------------


PLACES = 3


def _at_instances(words: Slips, wanted: Expr, ours: Expr | None) -> Judgement:
    """Both formulas at random values; equal only if they agree at every place."""
    ws, result = words.ws, words.result
    used = [*names(wanted), *(names(ours) if ours is not None else ())]
    used += [x for k in ("of", "wrt") if isinstance(x := result.subject.get(k), str)]
    needed = [ws.graph[n] for n in dict.fromkeys(used) if n in ws.graph.lines]
    if too_large(ws, *needed):
        return Judgement(None, UNDECIDED)
    found = Judgement(None, UNDECIDED)
    for here, sizes in islice(instances_of(ws, *needed), PLACES):
        theirs = printed_value(here, wanted, sizes)
        number = _our_value(here, result, ours, sizes)
        if theirs is None or number is None:
            continue
        found = _by_numbers(replace(words, here=here), theirs, number, None, sizes)
        if not found.correct:
            break
    return found


def _our_value(
    here: Workspace, result: TaskResult, ours: Expr | None, sizes: Mapping[str, int]
) -> np.ndarray | None:
    if ours is not None:
        value = printed_value(here, ours, sizes)
        if value is not None:
            return value
    if result.task not in ("gradient", "jacobian"):
        return None
    from .gradient import shown_value

    of, wrt = (here.line(result.subject[k]) for k in ("of", "wrt"))
    chain = Chain(here, of, wrt, result.task == "gradient")
    if chain.final is None or chain.final.value is None:
        return None
    return shown_value(here, chain, result.task).floats()


def _by_numbers(
    words: Slips,
    theirs: np.ndarray,
    ours: np.ndarray,
    tolerance: float | None,
    drawn: Mapping[str, int] | None = None,
) -> Judgement:
    """Whether two arrays agree; `drawn` are the sizes of random values that they come from."""
    ours = np.asarray(ours, dtype=float)
    a, b = (x.reshape(paper_shape(x.shape)) for x in (theirs, ours))
    allowed = AGREE if tolerance is None else tolerance
    if a.shape == b.shape and independent.relative_error(a, b) <= allowed:
        return Judgement(True)
    if a.ndim == 2 and a.T.shape == b.shape and independent.relative_error(a.T, b) <= allowed:
        return Judgement(False, words.transposed())
    if a.shape != b.shape:
        return Judgement(False, words.sizes())
    slip = words.slip(a, b)
    if slip is not None or drawn is None:
        return Judgement(False, slip or words.entry(a, b))
    entry = words.entry(a, b)
    if not drawn:
        return Judgement(False, Text("at random values {it}", {"it": entry}))
    sizes = ", ".join(f"{n} = {size}" for n, size in drawn.items())
    note = Text("at random values ({sizes}) {it}", {"sizes": sizes, "it": entry})
    return Judgement(False, note)
