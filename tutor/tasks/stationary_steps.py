"""The steps that tell how stationary points are found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from ..calculus.simplify import simplify
from ..expr import Expr, Name, Num, Partial
from ..graph import node as g
from ..notation.build import NoMatrixForm
from ..problem.lines import Line
from ..steps import Step, TaskResult, Text, all_of, in_turn
from .chain import paper_value
from .constrained import constrained_term, whole_name
from .numbers import approx, equation, exact_term
from .second import gradient_node
from .stationary_conditions import never_zero
from .stationary_outcome import Found, Outcome, used
from .stationary_sign import never_negative
from .workspace import Workspace

KINDS = {
    "minimum": Text("a minimum"),
    "maximum": Text("a maximum"),
    "saddle": Text("a saddle: on some sides it goes up from there, on others down"),
    "undecided": Text("a stationary point of which the second derivative does not tell the kind"),
}


def equation_steps(
    ws: Workspace, target: Line, lines: Sequence[Line], slopes: Sequence[TaskResult]
) -> list[Step]:
    """Each gradient equal to zero."""
    steps = []
    for k, (line, slope) in enumerate(zip(lines, slopes, strict=True)):
        names: dict[str, object] = {"y": Name(target.name), "w": Name(line.name)}
        symbol: Expr = Partial(Name(target.name), Name(line.name))
        formula = slope.formula
        why = None
        if k == 0:
            why = Text(
                "Where {y} is smallest or largest, it does not react to a small change of {w}.",
                names,
            )
        if "symmetric" in line.properties:  # G + Gᵀ − G∘I vanishes exactly where G + Gᵀ does
            symbol, formula = whole_name(ws), _free(ws, target, line)
            names |= {"g": symbol, "c": constrained_term(line, symbol, own=True)}
            why = Text(
                "The gradient by the free entries, {c}, vanishes exactly where {g} does, for {g} "
                "is symmetric like {w}.",
                names,
            )
        steps.append(
            Step(
                f"equation.{line.name}",
                "equation",
                "stationary point",
                Text("The equation for {w}", {"w": Name(line.name)}),
                equation(symbol, formula, Num("0")),
                why=why,
                shape=line.leaf.shape,
                uses=(f"gradient.{line.name}",),
            )
        )
    return steps


def _free(ws: Workspace, target: Line, line: Line) -> Expr | None:
    """The gradient by a symmetric matrix with all entries free, made symmetric if it is not."""
    node = gradient_node(ws, target, line)
    other = simplify(g.permute(node, (1, 0)))
    if other.key != node.key:
        node = simplify(g.add([node, other], [sp.Rational(1, 2)] * 2))
    try:
        return ws.term(node)
    except NoMatrixForm:
        return None


def solution_steps(ws: Workspace, outcome: Outcome) -> list[Step]:
    """From each equation to the unknown."""
    steps: list[Step] = []
    for k, found in enumerate(outcome.found):
        steps += _solving(ws, found, [f.name for f in outcome.found[:k]])
    return steps


def _solving(ws: Workspace, found: Found, earlier: Sequence[str]) -> list[Step]:
    line = ws.line(found.name)
    names: dict[str, object] = {"w": Name(found.name)}
    steps = []
    if found.equation is not None:
        before = {"list": tuple(Name(n) for n in found.after)}
        steps.append(
            Step(
                f"put.{found.name}",
                "solution",
                "substitution",
                Text("Put in {list}", before),
                equation(found.equation, Num("0")),
                why=Text(
                    "With what is known of {list}, this is left for {w}.",
                    {**before, **names},
                ),
                shape=line.leaf.shape,
            )
        )
    if found.solved.dropped:
        factors = {"list": all_of(found.solved.dropped), **names}
        steps.append(
            Step(
                f"dropped.{found.name}",
                "solution",
                "common factor",
                Text("A common factor"),
                why=Text("{list} is never zero, so the equation can be divided by it.", factors),
                shape=line.leaf.shape,
                uses=(f"equation.{found.name}",),
            )
        )
    for k, (left, right) in enumerate(found.solved.equations):
        title = Text("Rearranged")
        if found.solved.rule == "normal equations" and found.solved.curvature is not None:
            gram = never_negative(found.solved.curvature, ws)
            title = Text("The normal equations") if gram else Text("Linear equations")
        why = None
        if found.solved.rule.startswith("multiplied"):
            why = Text("Multiplied by {w} from the left and from the right.", names)
            if found.solved.scale[0] != 1:
                why = Text(
                    "Multiplied by {w} from the left and from the right; a number that all terms "
                    "have in common is divided out.",
                    names,
                )
        elif found.solved.rule.startswith("inverse"):
            why = Text("The equation gives the inverse of {w}.", names)
        elif found.solved.factors or found.solved.scale[0] != 1:
            why = Text(
                "What all terms have in common is divided out; {w} stays on the left.", names
            )
        else:
            why = Text("What contains {w} stays on the left.", names)
        steps.append(
            Step(
                f"rearranged.{found.name}.{k}",
                "solution",
                found.solved.rule,
                title,
                (left, right),
                why=why,
                shape=line.leaf.shape,
                uses=(f"equation.{found.name}",),
            )
        )
    formulas = (found.solved.formula, *found.solved.more)
    for k, formula in enumerate(formulas):
        steps.append(
            Step(
                f"solution.{found.name}" + (f".{k + 1}" if len(formulas) > 1 else ""),
                "solution",
                found.solved.rule,
                Text("Solved for {w}", names)
                if len(formulas) == 1
                else Text("Solution {k} for {w}", {**names, "k": str(k + 1)}),
                (Name(found.name), formula),
                why=_conditions(ws, found, earlier),
                shape=line.leaf.shape,
                uses=(f"rearranged.{found.name}.0", f"equation.{found.name}"),
                level=0,
            )
        )
    return steps


def _conditions(ws: Workspace, found: Found, earlier: Sequence[str]) -> Text | None:
    """What the solution needs."""
    parts = [Text("{x} is invertible", {"x": e}) for e in dict.fromkeys(found.solved.invertible)]
    for e in dict.fromkeys(found.solved.factors):
        if never_zero(e, ws):
            continue
        parts.append(Text("{x} is not zero", {"x": e}))
    given = Text("Provided that {list}.", {"list": all_of(parts)}) if parts else None
    named = [Name(n) for n in dict.fromkeys(earlier) if n in used(found.solved)]
    if found.solved.common is not None:
        front = Text(
            "{m} stands in front of both sides and can be left out.", {"m": found.solved.common}
        )
        given = in_turn(front, given)
    if not named:
        return given
    stands = Text("Here {list} stands for the solution found above.", {"list": all_of(named)})
    return in_turn(stands, given)


def value_steps(ws: Workspace, lines: Sequence[Line], outcome: Outcome) -> list[Step]:
    """The numbers of each solution."""
    steps = []
    if outcome.numeric and outcome.points:
        why = Text(
            "With the numbers put in, these are equations for the entries of the unknowns. "
            "Their real solutions:"
        )
        steps.append(Step("system", "solution", "system of equations", Text("Solved"), why=why))
    formulas = {f.name: f.solved.formula for f in outcome.found if not f.solved.more}
    shown = [e for f in outcome.found for e in (f.solved.formula, *f.solved.more)]
    several = len(outcome.points) > 1
    for k, point in enumerate(outcome.points, 1):
        for line in lines:
            value = paper_value(line, np.asarray(point[line.name]))
            number = exact_term(value)
            if number in shown and approx(value) is None:
                continue  # the formula is the number
            words = "Solution {k}: {w}" if several else "{w} in numbers"
            steps.append(
                Step(
                    f"point.{line.name}" + (f".{k}" if several else ""),
                    "solution" if outcome.numeric else "value",
                    "substitution",
                    Text(words, {"w": Name(line.name), "k": k}),
                    equation(Name(line.name), formulas.get(line.name), number),
                    approx=approx(value) or (None if value.is_short() else value.decimal()),
                    shape=line.leaf.shape,
                    level=0,
                )
            )
    return steps


def bowl(target: Line) -> Text:
    """Of a function whose second derivative is constant and positive semidefinite."""
    return Text(
        "The second derivative is the same everywhere and never negative in any direction: {y} is "
        "a bowl, and this is its minimum.",
        {"y": Name(target.name)},
    )


def kind_step(
    target: Line,
    kinds: Sequence[str],
    reasons: Sequence[Text],
    curvature: Expr | None,
    open_: Text | None = None,
) -> list[Step]:
    """Minimum, maximum or saddle, and how it is seen.

    curvature: the second derivative, where it is constant and its sign open; open_: on what the
    kind hangs
    """
    if not kinds:
        return []
    if len(reasons) == 1 and len(kinds) == 1:
        found = reasons[0]
        why = (
            found
            if "bowl" in found.message
            else in_turn(found, Text("This is {kind}.", {"kind": KINDS[kinds[0]]}))
        )
    elif not reasons:
        why = open_ or Text(
            "Without numbers it stays open whether this is a minimum, a maximum or neither."
        )
        if curvature is not None:
            why = Text(
                "The second derivative is {h}, the same everywhere: if it is positive definite, "
                "this is the minimum; if it is negative definite, the maximum.",
                {"h": curvature},
            )
    else:
        parts = [
            Text("Solution {k} is {kind}. ({why})", {"k": i, "kind": KINDS[k], "why": r})
            for i, (k, r) in enumerate(zip(kinds, reasons, strict=False), 1)
        ]
        why = in_turn(*parts)
    return [Step("kind", "note", "second derivative test", Text("Which kind?"), why=why)]


def nothing_step(target: Line, lines: Sequence[Line], outcome: Outcome) -> Step:
    return Step(
        "answer",
        "note",
        "",
        Text("Not solved"),
        why=outcome.note or Text("No closed form was found."),
        uses=tuple(f"equation.{x.name}" for x in lines),
        level=0,
    )


def note_steps(outcome: Outcome) -> list[Step]:
    if outcome.note is None:
        return []
    if any(f.solved.note is outcome.note for f in outcome.found) or outcome.numeric:
        return [Step("repeats", "note", "periodic", Text("And all the others"), why=outcome.note)]
    return [Step("further", "note", "", Text("What this leaves out"), why=outcome.note)]
