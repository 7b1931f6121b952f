"""How a training went: whether it diverged, and why; whether it came to rest.

Gradient descent on a quadratic multiplies the deviation along an eigenvector of the Hessian by
1 − α λ in every step, so it converges only for α < 2/λ_max; heavy-ball momentum moves that bound to
2 (1 + μ)/λ_max (Polyak 1964).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..expr import Binary, Expr, Name, Num, sign_before
from ..numeric.evaluate import NotFinite
from ..steps import Step, Text
from ..value import Value, decimal_term
from .descent import Descent
from .optimiser_plan import Plan

if TYPE_CHECKING:
    from .train import Run

MOST = 200  # entries up to which the Hessian is worth its price here
TAIL = 3  # losses that must rise one after the other
STILL = 1e-9  # relative change over the second half that counts as none
RESTS = 10  # steps from which such a plateau is worth a remark


def diverged(losses: Sequence[float]) -> bool:
    """The loss ended above where it began, and its last quarter only rose.

    A plateau, an oscillation and a slow start do none of that.
    """
    tail = losses[-max(TAIL, len(losses) // 4) :]
    if len(losses) < TAIL:
        return False
    rises = all(b > a for a, b in pairwise(tail))
    return rises and losses[-1] > losses[0]


def rests_from(losses: Sequence[float]) -> int | None:
    """The step from which the loss hardly changes any more, if that is half of the time."""
    if len(losses) < RESTS:
        return None
    still = STILL * (max(losses) - min(losses))
    low = high = losses[-1]
    start = len(losses)
    while start and max(high, losses[start - 1]) - min(low, losses[start - 1]) <= still:
        start -= 1
        low, high = min(low, losses[start]), max(high, losses[start])
    return start + 1 if start <= len(losses) // 2 else None


def course_steps(
    descent: Descent, plan: Plan, run: Run, final_loss: float, wanted: int
) -> list[Step]:
    """Remarks on the course of the training, where there is something to remark."""
    loss = Name(descent.target.name)
    losses = run.losses if run.stopped is not None else [*run.losses, final_loss]
    found = []
    if run.rounded_from is not None and run.rounded_from > 1:
        words = Text(
            "From step {k} on the numbers are rounded: the exact ones would grow too long.",
            {"k": str(run.rounded_from)},
        )
        found.append(_note("rounded", "rounding", Text("Rounded numbers"), words))
    judged = [-x for x in losses] if "maximize" in plan.flags else losses
    if run.stopped is not None or diverged(judged):
        words = _divergence(descent, plan, run, losses, loss)
        found.append(_note("diverged", "divergence", Text("The training diverges"), words))
    elif (words := _on_the_edge(descent, plan, loss)) is not None:
        found.append(_note("edge", "divergence", Text("A rate on the edge"), words))
    elif plan.optimiser.second_order and losses[-1] > losses[0]:
        words = Text(
            "{L} has grown: Newton's method seeks any point where the gradient vanishes, a maximum "
            "or a saddle as well as a minimum, and between them the Hessian is not positive "
            "definite.",
            {"L": loss},
        )
        found.append(_note("uphill", "divergence", Text("Not a descent"), words))
    elif (start := rests_from(losses)) is not None:
        words = Text("From step {k} on {L} hardly changes any more.", {"k": str(start), "L": loss})
        found.append(_note("rest", "convergence", Text("The training comes to rest"), words))
    return found


def _note(key: str, rule: str, title: Text, words: Text) -> Step:
    return Step(f"note.{key}", "note", rule, title, why=words)


def _divergence(
    descent: Descent, plan: Plan, run: Run, losses: Sequence[float], loss: Expr
) -> Text:
    if run.stopped is not None:
        what = Text(
            "Step {k} comes upon a number that is too large for floating point, so the training "
            "stops; told is the last point at which {L} was finite.",
            {"k": str(run.stopped), "L": loss},
        )
    else:
        ends = {"L": loss, "a": decimal_term(losses[0]), "b": decimal_term(losses[-1])}
        what = (
            Text("{L} has fallen from {a} to {b}, and it is still falling.", ends)
            if "maximize" in plan.flags
            else Text("{L} has grown from {a} to {b}, and it is still growing.", ends)
        )
    why = _reason(descent, plan, loss)
    if why is None:
        why = Text("The steps overshoot: a smaller `rate` is the first thing to try.")
    return Text("{what} {why}", {"what": what, "why": why})


def _on_the_edge(descent: Descent, plan: Plan, loss: Expr) -> Text | None:
    """Gradient descent on a quadratic with the rate 2/λ_max: it neither diverges nor converges."""
    if plan.flags or not descent.is_quadratic:
        return None
    found = _eigenvalues(descent, plan)
    if found is None or found[0] < 0 or abs(plan.option("alpha") * found[1] - 2) > 1e-9:
        return None
    bound = Binary("/", Num("2"), Name("lambda_max"))
    most = decimal_term(found[1])
    holes = {"L": loss, "b": bound, "l": most, "lmax": Name("lambda_max")}
    holes["is_l"] = sign_before(most)
    return Text(
        "{L} is quadratic, and the largest eigenvalue of its Hessian is {lmax} {is_l} {l}. The "
        "rate is exactly {b}: along that direction each step turns the deviation round and keeps "
        "its length, so it jumps to and fro for ever. Any smaller rate converges.",
        holes,
    )


def _eigenvalues(descent: Descent, plan: Plan) -> tuple[float, float] | None:
    """The least and the largest of the Hessian at the start; None where it is of no use."""
    heavy = plan.flags <= {"momentum"} and plan.optimiser.name in ("sgd", "momentum")
    if not heavy or descent.has_symmetry or descent.entries > MOST:
        return None
    start = {x.name: descent.ws.numbers[x.name] for x in descent.lines}
    try:
        point = {n: Value(x).floats() for n, x in start.items() if x is not None}
        h = Value(descent.hessian(point)).floats()
    except (NotFinite, InputError, KeyError):
        return None
    eigenvalues = np.linalg.eigvalsh((h + h.T) / 2)
    return float(eigenvalues.min()), float(eigenvalues.max())


def _reason(descent: Descent, plan: Plan, loss: Expr) -> Text | None:
    """The rate against the curvature, for gradient descent and its heavy-ball form."""
    found = _eigenvalues(descent, plan)
    if found is None:
        return None
    least, largest = found
    rate, mu = plan.option("alpha"), plan.option("mu")
    quadratic = descent.is_quadratic
    most = decimal_term(largest)
    holes: dict[str, object] = {
        "L": loss,
        "lmax": Name("lambda_max"),
        "l": most,
        "is_l": sign_before(most),
        "rate": plan.rate,
        "least": decimal_term(least),
    }
    if largest > 0 and rate > 2 * (1 + mu) / largest:
        two: Expr = Num("2")
        if mu:
            two = Binary("*", two, Binary("+", Num("1"), Name("mu")))
        holes["bound"] = Binary("/", two, Name("lambda_max"))
        ends = {"b": 2 * (1 + mu) / largest, "factor": abs(1 - rate * largest)}
        for name, number in ends.items():
            holes[name] = decimal_term(number)
            holes[f"is_{name}"] = sign_before(decimal_term(number))
        if quadratic and mu == 0:
            words = (
                "{L} is quadratic, and the largest eigenvalue of its Hessian is {lmax} {is_l} {l}. "
                "Each step multiplies the deviation along that direction by |1 − {rate} · {l}| "
                "{is_factor} {factor}; gradient descent converges only for a rate below {bound} "
                "{is_b} {b}."
            )
        elif quadratic:
            words = (
                "{L} is quadratic, and the largest eigenvalue of its Hessian is {lmax} {is_l} {l}. "
                "With momentum the steps converge only for a rate below {bound} {is_b} {b}."
            )
        else:
            words = (
                "At the start the largest eigenvalue of the Hessian of {L} is {lmax} {is_l} {l}, "
                "and a rate above {bound} {is_b} {b} overshoots there."
            )
        return Text(words, holes)
    if quadratic and least < 0:
        return Text(
            "{L} is quadratic, and its Hessian has the negative eigenvalue {least}: {L} has no "
            "minimum, so no rate would help.",
            holes,
        )
    return None
