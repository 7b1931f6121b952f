"""What kind of point an estimate is that no numbers are known of: one unknown after the other.

A covariance S and its inverse: where c S⁻¹ + S⁻¹ M S⁻¹ vanishes, its derivative along a symmetric H
is c S⁻¹ H S⁻¹ H-like, and the second derivative of the function is

    c tr(S⁻¹ H S⁻¹ H) = c ‖S^(−1/2) H S^(−1/2)‖²

which for a positive definite S has the sign of c. The same holds with −c for c S⁻¹ + M.

Several unknowns: if the first is the minimum for whatever the others are, and each later one with
the earlier put in, then f(x, y) ≥ f(x*(y), y) ≥ f(x*(y*), y*) near the solution.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..calculus.reverse import identity, pullback
from ..calculus.simplify import simplify, substitute
from ..expr import Binary, Call, Expr, Name, Transpose
from ..graph import node as g
from ..graph.node import Node, ein, topological
from ..notation.build import NoMatrixForm, chained, scaled
from ..problem.lines import Line
from ..steps import Text, in_turn
from .extended import free_name
from .stationary_check import MAXIMUM, MINIMUM
from .stationary_outcome import Found, Outcome
from .stationary_sign import never_negative, positive
from .stationary_solve import typed
from .stationary_terms import opaque
from .workspace import Workspace

Verdict = tuple[str, Text]


def by_turns(ws: Workspace, lines: Sequence[Line], outcome: Outcome) -> Verdict | None:
    """The kind of the one solution, and why; None where that stays open."""
    if outcome.count != 1 or len(outcome.found) != len(lines):
        return None
    names = {x.name: x for x in lines}
    definite = {names[f.name].symbol for f in outcome.found if _sign_of_inverse(ws, f) is not None}
    verdicts = [_verdict(ws, names[f.name], f, definite, len(lines) > 1) for f in outcome.found]
    found = [v for v in verdicts if v is not None]
    if len(found) < len(verdicts) or len({kind for kind, _ in found}) > 1:
        return None
    return found[0][0], in_turn(*(why for _, why in found))


def _verdict(
    ws: Workspace, line: Line, found: Found, definite: set[Node], others: bool
) -> Verdict | None:
    if found.solved.bends is not None:
        kind = _sign_of_inverse(ws, found)
        return None if kind is None else (kind, _by_trace(ws, found, kind))
    if found.solved.curvature is not None and _bowl(ws, found, definite):
        if not others:
            return None  # a bowl is told as one
        holes = {"x": Name(line.name), "list": _names(found, definite)}
        if not holes["list"]:
            return MINIMUM, Text("In {x} it is a bowl, whatever the others are.", holes)
        return MINIMUM, Text("In {x} it is a bowl for every positive definite {list}.", holes)
    return None if line.symbol.order else _by_second(ws, line, found)


def _names(found: Found, definite: set[Node]) -> tuple[Expr, ...]:
    """Of the definite matrices those that the bowl depends on."""
    assert found.solved.curvature is not None
    used = topological([found.solved.curvature])
    return tuple(Name(n.attr.name) for n in used if n in definite)


# -- inverses -------------------------------------------------------------------------------------


def _sign_of_inverse(ws: Workspace, found: Found) -> str | None:
    bends = found.solved.bends
    if bends is None:
        return None
    c, gram = bends
    for kind, sign in ((MINIMUM, 1), (MAXIMUM, -1)):
        if positive(g.scale(sign, c), ws) and never_negative(_hidden(g.scale(sign, gram)), ws):
            return kind
    return None


def _hidden(node: Node) -> Node:
    """With one leaf for each sum among the factors: X − 1μᵀ stays the one matrix that it is."""
    nowhere = g.var(("nowhere",), ())
    if node.kind == "add":
        return g.add([opaque(a, nowhere)[0] for a in node.args], node.attr)
    return opaque(node, nowhere)[0]


def _by_trace(ws: Workspace, found: Found, kind: str) -> Text:
    h = Name(free_name(ws, "H", "E"))
    holes = {
        "x": Name(found.name),
        "h": h,
        "q": _trace(ws, found, h),
        "m": Binary("@", Transpose(Name("M")), Name("M")),
    }
    words = (
        "Along a symmetric step {h} of {x} the second derivative at the solution is {q}. The "
        "solution comes from a matrix of the form {m} and has an inverse, so it is positive "
        "definite, and this is positive whatever {h} is, unless it is 0."
        if kind == MINIMUM
        else "Along a symmetric step {h} of {x} the second derivative at the solution is {q}. The "
        "solution comes from a matrix of the form {m} and has an inverse, so it is positive "
        "definite, and this is negative whatever {h} is, unless it is 0."
    )
    return Text(words, holes)


def if_definite(ws: Workspace, outcome: Outcome) -> Text | None:
    """Where only the sign of a covariance is open: what it would have to be."""
    if len(outcome.found) != 1 or outcome.count != 1:
        return None
    (found,) = outcome.found
    bends = found.solved.bends
    if bends is None:
        return None
    h = Name(free_name(ws, "H", "E"))
    holes = {"x": Name(found.name), "h": h, "q": _trace(ws, found, h)}
    if positive(bends[0], ws):
        words = (
            "Along a symmetric step {h} of {x} the second derivative at the solution is {q}: if "
            "the solution is positive definite, this is a minimum."
        )
    elif positive(g.scale(-1, bends[0]), ws):
        words = (
            "Along a symmetric step {h} of {x} the second derivative at the solution is {q}: if "
            "the solution is positive definite, this is a maximum."
        )
    else:
        return None
    return Text(words, holes)


def _trace(ws: Workspace, found: Found, h: Name) -> Expr:
    """c tr(S⁻¹ H S⁻¹ H)."""
    assert found.solved.bends is not None
    c = found.solved.bends[0]
    inverse = Call("inv", (Name(found.name),))
    trace = Call("tr", (chained(chained(inverse, h), chained(inverse, h)),))
    value = g.constant_of(c)
    if value is not None:
        return scaled(value, trace)
    try:
        return Binary("*", ws.term(c), trace)
    except NoMatrixForm:
        return trace


# -- bowls and scalars ----------------------------------------------------------------------------


def _bowl(ws: Workspace, found: Found, definite: set[Node]) -> bool:
    """A second derivative that is never negative, where these matrices are positive definite."""
    solved = found.solved
    assert solved.curvature is not None
    number, scalars = solved.scale
    return (
        bool(number.is_positive)
        and all(positive(s, ws) for s in scalars)
        and never_negative(_with_roots(solved.curvature, definite), ws)
    )


def _with_roots(node: Node, definite: set[Node]) -> Node:
    """S and S⁻¹ as RᵀR, which a positive definite matrix is."""
    new: dict[Node, Node] = {}
    for n in topological([node]):
        inverse = n.kind == "call" and n.attr[0] == "inv" and n.args[0] in definite
        if inverse or n in definite:
            root = g.var(("root", len(new)), n.shape)
            new[n] = ein([(root, (2, 0)), (root, (2, 1))], (0, 1))
    return simplify(substitute(node, new)) if new else node


def _by_second(ws: Workspace, line: Line, found: Found) -> Verdict | None:
    """A scalar, by the sign of the second derivative at the solution."""
    if found.slope is None:
        return None
    at = typed(ws, line, found.solved.formula)
    if at is None:
        return None
    second = pullback(found.slope, identity(()), [line.symbol])[0]
    value = simplify(substitute(second, {line.symbol: at}))
    for kind, sign in ((MINIMUM, 1), (MAXIMUM, -1)):
        if positive(simplify(g.scale(sign, value)), ws):
            words = (
                "In {x} the second derivative at the solution is {q}, which is positive."
                if kind == MINIMUM
                else "In {x} the second derivative at the solution is {q}, which is negative."
            )
            try:
                return kind, Text(words, {"x": Name(line.name), "q": ws.term(value)})
            except NoMatrixForm:
                return None
    return None
