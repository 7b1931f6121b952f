"""Cross-entropy by hand: the probabilities less the target, with numbers."""

from __future__ import annotations

import numpy as np
import sympy as sp

from ..expr import Binary, Call, Name, Num, Partial
from ..graph.node import call
from ..steps import Step, Text, in_turn
from ..value import Value
from .chain import Adjoint, Chain
from .numbers import SHORT, equation
from .windows import operand


def less_targets(chain: Chain, adjoint: Adjoint) -> list[Step]:
    """p − y for class indices or probabilities; the result is compared with the derived value."""
    (user, *more) = adjoint.consumers
    z = adjoint.line
    plain = user.op is not None and user.op.name == "cross_entropy" and not more
    if not plain or user.terms[0] != Name(z.name) or z.symbol.order > 2 or adjoint.value is None:
        return []
    if set(user.parameters) - {"reduction"} or any(t is not None for t in user.terms[2:]):
        return []
    if user is not chain.of or adjoint.value.size > SHORT:
        return []
    p = Value(chain.ws.value_of(call("softmax", [z.symbol], (z.symbol.order - 1,), z.symbol.shape)))
    given = operand(chain.ws, user.terms[1])
    if given is None:
        return []
    targets = _one_hot(np.asarray(given), p.data)
    reduction = user.parameters.get("reduction", "mean")
    count = p.data.shape[0] if p.data.ndim == 2 and reduction == "mean" else 1
    if not np.allclose(targets.floats().sum(-1), 1):
        return []  # then p counts as often as the targets add up to
    found = (p.floats() - targets.floats()) / count
    if reduction == "none" or not np.allclose(found, Value(adjoint.value).floats(), atol=1e-9):
        return []
    one = Call("softmax", (Name(z.name),))
    exact, rounded = (Binary("-", e, targets.expr()) for e in (one, p.decimal()))
    if count > 1:
        exact, rounded = (Binary("/", e, Num(str(count))) for e in (exact, rounded))
    holes = {"L": Name(user.name), "z": Name(z.name), "p": one, "t": user.terms[1]}
    if given.shape == p.data.shape:
        why = Text(
            "{L} is log Σ exp({z}) less the scores weighted with {t} (whose entries add up to 1). "
            "The slope of the first is exp({z})/Σ exp({z}), the probabilities p = {p}; that of the "
            "second is {t}. Together: p less the target.",
            holes,
        )
    else:
        why = Text(
            "{L} is log Σ exp({z}) less the score of the right class. The slope of the first is "
            "exp({z})/Σ exp({z}), the probabilities p = {p}; that of the second is {o}: 1 at the "
            "right class and 0 elsewhere. Together: p − {o}.",
            holes | {"o": Call("one_hot", (user.terms[1],))},
        )
    if count > 1:
        why = in_turn(why, Text("The mean over {n} examples divides by {n}.", {"n": count}))
    return [
        Step(
            f"scores.{z.name}",
            "chain",
            "derivative of cross-entropy",
            Text("Probabilities less targets"),
            equation(Partial(Name(chain.of.name), Name(z.name)), exact),
            approx=rounded,
            why=why,
            uses=(f"chain.{z.name}",),
        )
    ]


def _one_hot(given: np.ndarray, p: np.ndarray) -> Value:
    if given.shape == p.shape:
        return Value(given)
    out = np.full(p.shape, sp.S.Zero, dtype=object)
    for at, k in np.ndenumerate(given):
        out[(*at, int(k))] = sp.S.One
    return Value(out)
