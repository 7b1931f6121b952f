"""A variable that is used again and again, as in an unrolled recurrence: what each use adds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .. import independent
from ..calculus.reverse import pullback
from ..calculus.simplify import simplify
from ..expr import Binary, Expr, Name, Partial
from ..problem.lines import Line
from ..steps import Step, Text, all_of
from ..value import Value
from .chain import Adjoint, Chain, paper_value
from .numbers import SHORT, approx, equation, exact_term

MOST = 4  # parts that are written out


def summed(chain: Chain, adjoint: Adjoint) -> list[Step]:
    """The parts in the order of the steps; their sum is compared with the derived value."""
    users = adjoint.consumers
    if adjoint.value is None or not 1 < len(users) <= MOST or adjoint.value.size > SHORT:
        return []
    if adjoint.line.kind != "given":
        return []
    ends = [_named(chain, u) for u in users]
    if None in ends or not _in_turn(chain, [e for e in ends if e is not None]):
        return []
    parts = []
    for user in users:
        assert user.val is not None
        upstream = chain.arriving(user) if user is not chain.of else None
        if upstream is None:
            return []
        node = simplify(pullback(user.val.node, upstream, [adjoint.line.symbol])[0])
        value = chain.value(node)
        if value is None:
            return []
        parts.append(value)
    total = sum(Value(v).floats() for v in parts)
    if independent.relative_error(np.asarray(total), Value(adjoint.value).floats()) > 1e-9:
        return []
    shown = [paper_value(adjoint.line, v).shown() for v in parts]
    terms: Expr = shown[0]
    for t in shown[1:]:
        terms = Binary("+", terms, t)
    whole = paper_value(adjoint.line, adjoint.value)
    steps = all_of([Text("{h}", {"h": Name(e.name)}) for e in ends if e is not None])
    return [
        Step(
            f"time.{adjoint.line.name}",
            "chain",
            "sum over time",
            Text("The sum over time for {x}", {"x": Name(adjoint.line.name)}),
            equation(
                Partial(Name(chain.of.name), Name(adjoint.line.name)), terms, exact_term(whole)
            ),
            approx=approx(whole),
            why=Text(
                "The same {x} works in every step, so its gradient adds up what the steps send "
                "back: here those of {steps}, in this order.",
                {"x": Name(adjoint.line.name), "steps": steps},
            ),
            uses=(f"chain.{adjoint.line.name}",),
        )
    ]


def _named(chain: Chain, line: Line) -> Line | None:
    """The author's line that a line first leads to, along the path."""
    users = chain.ws.graph.consumers()
    names = {x.name for x in chain.path}
    while line.kind != "defined":
        after = [u for u in users[line.name] if u.name in names]
        if len(after) != 1:
            joined = {u.name for u in after}
            ahead = [x for x in chain.path if x.kind == "defined" and _reaches(chain, line, x)]
            if not joined or not ahead:
                return None
            return ahead[0]
        (line,) = after
    return line


def _reaches(chain: Chain, line: Line, target: Line) -> bool:
    return chain.ws.graph.depends(target, line)


def _in_turn(chain: Chain, ends: list[Line]) -> bool:
    """Whether each end is a different one, and goes into the next: a recurrence."""
    return len({e.name for e in ends}) == len(ends) and all(
        chain.ws.graph.depends(b, a) for a, b in pairwise(ends)
    )
