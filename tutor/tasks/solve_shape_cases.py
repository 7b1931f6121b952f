"""Several unknowns in one window: the inequalities solved for one, number by number of the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..expr import Binary, Expr, Name
from ..problem.arguments import substitute
from ..steps import Text, in_turn
from .arithmetic import num
from .shape_search import Values
from .size_inverse import Interval, OpenWindow, Solved, solve_for

_SHOWN = 6


def case_steps(
    add: Callable[..., None],
    axes: Text,
    window: OpenWindow,
    wanted: Interval,
    solutions: Sequence[Values],
) -> None:
    """One sentence for each choice of the other letters that leads to a solution."""
    letter = _solved_last(window, solutions)
    if letter is None:
        return
    others = [n for n in window.letters() if n != letter]
    cases = sorted({tuple(s[n] for n in others) for s in solutions})
    if len(others) > 1 and len(cases) > _SHOWN:
        return  # too many to follow; the table has them
    lines = []
    for numbers in cases[:_SHOWN]:
        chosen = dict(zip(others, numbers, strict=True))
        solved = solve_for(put_in(window, chosen), wanted)
        if solved is not None:
            lines.append(_case(chosen, solved))
    if not lines:
        return
    if len(cases) > _SHOWN:
        lines.append(Text("And so on."))
    title = Text("Solve for {u} ({axes})", {"u": Name(letter), "axes": axes})
    add("closed", "integers in an interval", title, why=in_turn(*lines))


def put_in(window: OpenWindow, values: Values) -> OpenWindow:
    """The window with numbers for these letters."""
    numbers = {k: substitute(v, values) for k, v in vars(window).items() if k != "axis"}
    return replace(window, **numbers)


def _solved_last(window: OpenWindow, solutions: Sequence[Values]) -> str | None:
    """The letter to solve for: a padding or a size before a kernel, the stride last."""
    w = window
    order = [w.before, w.after, w.size, w.kernel, w.dilation, w.stride]
    for letter in dict.fromkeys(x.id for x in order if isinstance(x, Name)):
        rest = {k: v for k, v in solutions[0].items() if k != letter}
        if solve_for(put_in(window, rest), (1, 1)) is not None:
            return letter
    return None


def _case(chosen: Values, solved: Solved) -> Text:
    u, (least, most) = Name(solved.letter), solved.interval
    values: tuple[Expr, ...] = tuple(Binary("==", Name(n), num(v)) for n, v in chosen.items())
    holes = {"list": values, "u": u, "a": least, "b": most if most is not None else least}
    if solved.raw is not None:
        holes["low"] = Binary("<=", num(solved.raw[0]), solved.middle)
        holes["high"] = Binary("<=", solved.middle, num(solved.raw[1]))
    if most is None:
        return Text("For {list}: every {u} from {a} on.", holes)
    if solved.raw is None or solved.middle == u:
        words = "For {list}: {u} = {a}." if least == most else "For {list}: {u} is {a} to {b}."
        return Text(words, holes)
    if most == least + 1:
        return Text("For {list}: {low} and {high}, so {u} is {a} or {b}.", holes)
    if least == most:
        return Text("For {list}: {low} and {high}, so {u} = {a}.", holes)
    return Text("For {list}: {low} and {high}, so {u} is {a} to {b}.", holes)
