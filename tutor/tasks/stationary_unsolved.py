"""Why an equation was not solved, in words."""

from __future__ import annotations

from collections.abc import Sequence

from ..calculus.reverse import identity, pullback
from ..calculus.simplify import simplify
from ..expr import Name
from ..graph import node as g
from ..graph.node import Node, topological
from ..problem.lines import Line
from ..steps import Text
from .stationary_sign import positive
from .workspace import Workspace

NO_CLOSED_FORM = Text(
    "No closed form was found. The equation can still be solved by numbers, for instance by "
    "gradient descent or Newton's method."
)


def never_zero(line: Line, slope: Node, ws: Workspace) -> bool:
    """Whether no entry of the gradient can vanish: a constant, or of one sign by its form."""
    value = g.constant_of(slope)
    if value is not None:
        return bool(value.is_nonzero)
    return positive(slope, ws) or positive(simplify(g.scale(-1, slope)), ws)


def _jumps(line: Line, slope: Node) -> bool:
    """Whether the slope depends on the unknown, but is constant between its jumps: step, sign."""
    x = line.symbol
    if x not in topological([slope]):
        return False
    return g.is_zero(simplify(pullback(slope, identity(slope.shape), [x])[0]))


def why_not(left: Sequence[Line], slopes: dict[str, Node], ws: Workspace) -> Text:
    """The reason why these unknowns were not solved for."""
    if any(never_zero(x, slopes[x.name], ws) for x in left):
        return Text("This gradient is never zero: there is no stationary point.")
    for x in left:
        if _jumps(x, slopes[x.name]):
            return Text(
                "Between its jumps this gradient does not depend on {x}, so there is no equation "
                "to solve: look at the flat stretches and at the kinks one by one.",
                {"x": Name(x.name)},
            )
        if x.symbol not in topological([slopes[x.name]]):
            return Text(
                "What is left of the equation for {x} does not contain it: it holds for every "
                "value of {x}, or for none.",
                {"x": Name(x.name)},
            )
    return NO_CLOSED_FORM
