"""A derivative without a value at the given point: which operation has none there, and why.

The formula is derived all the same, and holds wherever the derivative exists.
"""

from __future__ import annotations

from dataclasses import replace

from ..calculus.reverse import pullback
from ..expr import Binary, Expr, Name, Num
from ..graph import node as g
from ..numeric.evaluate import NotFinite
from ..problem.lines import Line
from ..problem.model import Task
from ..problem.origin import written
from ..steps import Step, TaskResult, Text
from ..value import Value
from .chain import Chain
from .conditions import CORNERS, ENTRYWISE, for_entries, needed, shown
from .no_value import NoDerivative
from .numbers import exact_term
from .workspace import Workspace

SOMEWHERE = Text("The derivative is not a finite number at this point.")


def reason(chain: Chain) -> Text:
    """Why there is no value: the first operation, from the result down, without a derivative."""
    found = _culprit(chain)
    if found is None:
        return SOMEWHERE
    user, operand = found
    whole = written(user.formula or Name(user.name), chain.ws.graph.lines)
    holes: dict[str, Expr | Text] = {"f": whole}
    place = _place(chain.ws, operand)
    if user.op is not None and user.op.name in CORNERS:
        if place is None:
            words = "{f} has no derivative at this point: its graph has a corner there."
            return Text(words, holes)
        words = "{f} has no derivative at {e}: its graph has a corner there."
        return Text(words, holes | {"e": place})
    condition = _condition(chain, user)
    if condition is None:
        return Text("{f} has no derivative at this point.", holes)
    holes["c"] = condition
    if place is None:
        words = "{f} has a derivative only where {c}; at this point that is not so."
        return Text(words, holes)
    return Text("{f} has a derivative only where {c}; here {e}.", holes | {"e": place})


def is_undefined(chain: Chain) -> bool:
    """Whether there is no derivative at the point, even if other quantities have no numbers."""
    if chain.missing or chain.final is None or chain.final.value is not None:
        return chain.missing
    return chain.ws.numbers[chain.wrt.name] is not None and _culprit(chain) is not None


def _culprit(chain: Chain) -> tuple[Line, Line] | None:
    """The line, and the operand by which its own derivative is not finite."""
    ws, names = chain.ws, {x.name for x in chain.path}
    for user in reversed(chain.path):
        for operand in user.operands:
            if operand.name not in names or user.val is None or user is chain.wrt:
                continue
            upstream = g.const(1, user.val.node.shape)
            try:
                ws.value_of(pullback(user.val.node, upstream, [operand.symbol])[0])
            except NotFinite:
                return user, operand
            except KeyError:  # without a value of its own
                continue
    return None


def _place(ws: Workspace, operand: Line) -> Expr | None:
    """x = 0, where the point is as short as that."""
    number = ws.numbers[operand.name]
    if number is None:
        return None
    term = written(Name(operand.name), ws.graph.lines)
    if not (number != 0).any():
        return Binary("==", term, Num("0"))
    value = exact_term(Value(number)) if number.size == 1 and number.ndim == 0 else None
    return None if value is None else Binary("==", term, value)


def _condition(chain: Chain, user: Line) -> Text | None:
    """What the operation needs, about the operand as the author wrote it."""
    wanted = needed(chain.ws.graph, user, chain.path)
    if wanted is None:
        return None
    words, place = wanted
    term = Name(user.name) if place is None else user.terms[place]
    if term is None:
        return None
    if user.op is not None and user.op.name in ENTRYWISE:
        words = for_entries(words, chain.ws, term)
    return Text(words, {"x": shown(chain.ws, term)})


# -- results --------------------------------------------------------------------------------------


def undefined_step(why: Text) -> Step:
    """The remark in the place of a value."""
    title = Text("No value at this point")
    return Step("undefined", "note", "condition", title, why=why, level=0)


def with_reason(result: TaskResult, why: Text | None) -> TaskResult:
    """A result without a value, with the reason, if there is one, as its last step."""
    if why is None or result.undefined is not None:
        return result
    said = why
    if result.formula is not None:
        said = Text("{why} The formula holds wherever the derivative exists.", {"why": why})
    return replace(result, steps=(*result.steps, undefined_step(said)), undefined=why)


def refused(task: Task, why: Text) -> TaskResult:
    """A task that has nothing to show without the derivative: the reason alone."""
    wrt = task.args.get("wrt", "")
    several = [] if isinstance(wrt, str) else list(wrt)
    subject = {"of": task.args["of"], "wrt": several[0] if len(several) == 1 else several or wrt}
    heading = Text("No result at this point")
    return TaskResult(
        task.id, task.kind, subject, heading, steps=(undefined_step(why),), undefined=why
    )


def demand(ws: Workspace, of: Line, wrt: Line) -> None:
    """Raises NoDerivative where the gradient has no value for want of a derivative."""
    chain = Chain(ws, of, wrt, gradient=True)
    if chain.missing:
        raise NoDerivative(reason(chain))


def defined(result: TaskResult) -> TaskResult:
    """The result, if it is not without a value for want of a derivative; raises NoDerivative."""
    if result.undefined is not None:
        raise NoDerivative(result.undefined)
    return result
