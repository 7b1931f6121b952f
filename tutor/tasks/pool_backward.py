"""The gradient of a pool by hand: to the winners of a maximum, in equal shares for an average."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from ..expr import Binary, Expr, Name, Num, Partial
from ..steps import Picture, Step, Text, in_turn
from ..value import Value
from .numbers import approx, equation, exact_term
from .slid import At, Slid, at_place, operand_name
from .sliding import drawable, grid_of, input_grid, winners_at, won
from .window_entry import averaged_over, plus, same, summed
from .windows import term

MOST_TERMS = 6  # windows that one entry is in


def pool_steps(s: Slid, of: Expr, wrt: Expr, upstream: np.ndarray, value: np.ndarray) -> list[Step]:
    """of: ∂L/∂y; wrt: ∂L/∂x; upstream: the value of the former; value: that of the latter."""
    shares = _shares(s)
    if shares is None:
        return []
    arrived: dict[At, list[At]] = {}
    for place, inside in shares.items():
        for i in inside:
            arrived.setdefault(i, []).append(place)
    for i in np.ndindex(*value.shape[2:]):
        total = summed(upstream[(0, 0, *p)] / len_of(s, shares, p) for p in arrived.get(i, []))
        if not same(total, value[(0, 0, *i)]):
            return []
    chosen = max(sorted(arrived), key=lambda i: len(arrived[i]), default=None)
    if chosen is None or len(arrived[chosen]) > MOST_TERMS:
        return []
    terms = [_part(s, shares, of, p) for p in arrived[chosen]]
    numbers = [_number(s, shares, upstream, p) for p in arrived[chosen]]
    entry = Value(np.asarray(value[(0, 0, *chosen)], dtype=value.dtype))
    left = at_place(s.of_input(wrt, 0, 0), chosen)
    x = operand_name(s.line, 0)
    holes = {"x": x, "g": of, "d": wrt}
    variable = wrt.wrt.id if isinstance(wrt.wrt, Name) else s.line.name
    return [
        Step(
            f"hand.{variable}",
            "chain",
            "pool backwards",
            Text("One entry of the gradient at {x} by hand", {"x": x}),
            equation(left, plus(terms), plus(numbers), exact_term(entry)),
            approx=approx(entry),
            why=_told(s, len(arrived[chosen]), max(map(len, arrived.values())), holes),
            picture=_picture(s, of, wrt, upstream, value, chosen, arrived[chosen]),
        )
    ]


def _shares(s: Slid) -> dict[At, list[At]] | None:
    """Which entries share what arrives at a place, in the first channel."""
    if s.kind == "max":
        return {p: winners_at(s, 0, 0, p) for p in s.places}
    if averaged_over(s, s.places[0]) is None:
        return None
    return {p: [i for i in (s.met(p, t) for t in s.taps) if s.inside(i)] for p in s.places}


def len_of(s: Slid, shares: dict[At, list[At]], place: At) -> Any:
    """Into how many parts the upstream at a place is divided."""
    count = len(shares[place]) if s.kind == "max" else averaged_over(s, place)
    return sp.Integer(count or 1)


def _part(s: Slid, shares: dict[At, list[At]], of: Expr, place: At) -> Expr:
    one = at_place(s.of_output(of, 0, 0), place)
    count = int(len_of(s, shares, place))
    return one if count == 1 else Binary("/", one, Num(str(count)))


def _number(s: Slid, shares: dict[At, list[At]], upstream: np.ndarray, place: At) -> Expr:
    one = term(upstream[(0, 0, *place)])
    count = int(len_of(s, shares, place))
    return one if count == 1 else Binary("/", one, Num(str(count)))


def _told(s: Slid, here: int, most: int, holes: dict[str, Any]) -> Text:
    if s.kind != "max":
        why = Text(
            "An average spreads what arrives evenly: every entry of a window gets the same share "
            "of {g} at its place.",
            holes,
        )
    elif s.split:
        why = Text(
            "Each entry of {g} goes back to the largest entries of its window, in equal shares; "
            "all the others get 0.",
            holes,
        )
    else:
        why = Text(
            "Each entry of {g} goes back to the winner of its window; all the others get 0.", holes
        )
    if most > 1:
        why = in_turn(why, Text("Where windows overlap, an entry adds up what they send."))
    if s.lead:
        why = in_turn(why, Text("Every channel goes its own way."))
    return why


def _picture(
    s: Slid, of: Expr, wrt: Partial, upstream: np.ndarray, value: np.ndarray, chosen: At,
    places: list[At],
) -> Picture | None:  # fmt: skip
    if not drawable(s):
        return None
    x = operand_name(s.line, 0)
    holes = {"x": x, "g": of, "d": wrt}
    first = grid_of(s.of_output(of, 0, 0), upstream[0, 0], places)
    last = grid_of(s.of_input(wrt, 0, 0), value[0, 0], [chosen])
    if s.kind != "max":
        words = Text(
            "The framed entries of {g} give their share to the framed entry of {d}.", holes
        )
        return Picture((first, last), ("→",), words)
    winners = won(s, 0, 0)
    middle = input_grid(s, s.of_input(x, 0, 0), s.x[0, 0], [], winners)
    words = Text(
        "The entries of {g} go to the winners, which are marked in {x}. The framed ones of {g} "
        "arrive at the framed entry of {d}.",
        holes,
    )
    return Picture((middle, first, last), ("", "→"), words)
