"""One entry of what slides, worked by hand: which window meets which kernel entry, with numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import sympy as sp

from ..expr import Binary, Call, Expr, Name, Num
from ..notation.build import NoMatrixForm
from ..notation.index import component, index_term, subscripts
from ..problem.lines import Line
from ..steps import Step, Text, in_turn
from ..value import Value
from . import transposed_entry
from .numbers import approx, equation, exact_term
from .slid import At, Slid, at_place, operand_name, slid
from .sliding import forward_picture, winners_at
from .transposed_entry import plus
from .windows import operand, slides, term
from .workspace import Workspace

MOST_NAMES = 4  # products written with names before the numbers
MOST_TERMS = 12  # products written with numbers


def entry_steps(ws: Workspace, line: Line) -> list[Step]:
    """How one entry of a convolution or pool comes about; [] for other operations."""
    if line.op is None or not (slides(line) or line.op.name.startswith("conv_transpose")):
        return []
    law = index_law(ws, line)
    s = slid(ws, line)
    if s is not None and len(s.taps) < 2 and len(s.channels_of(0)) < 2:
        return []  # every entry times one number
    turned = line.op.name.startswith("conv_transpose")
    backwards = transposed_entry.worked(ws, line) if turned else None
    worked = None if s is None else _worked(ws, s)
    if backwards is not None:
        value, members, words = backwards
        why = words if law is None else _with_law(words, law)
        return [_step(line, members, why, approx(value), _title(line))]
    if worked is None:
        if law is None:
            return []
        return [_step(line, law, _COUNTED, None, Text("An entry of {y}", {"y": Name(line.name)}))]
    assert s is not None
    place, members, words = worked
    why = words if law is None else _with_law(words, law)
    value = Value(np.asarray(s.y[(0, 0, *place)], dtype=s.y.dtype))
    step = _step(line, members, why, approx(value), _title(line))
    return [Step(**{**vars(step), "picture": forward_picture(s, place)})]


def _title(line: Line) -> Text:
    return Text("One entry of {y} by hand", {"y": Name(line.name)})


def _with_law(words: Text, law: tuple[Expr, Expr]) -> Text:
    formula = Binary("==", law[0], law[1])
    general = Text("In general {formula}; indices count from 0.", {"formula": formula})
    return in_turn(words, general)


_COUNTED = Text("Indices count from 0; an entry outside of its array counts 0.")


def _step(
    line: Line, members: tuple[Expr, ...], why: Text, decimal: Expr | None, title: Text
) -> Step:
    return Step(
        f"entry.{line.name}",
        "forward",
        "index formula",
        title,
        members,
        approx=decimal,
        why=why,
        uses=(f"forward.{line.name}",),
    )


def index_law(ws: Workspace, line: Line) -> tuple[Expr, Expr] | None:
    """yᵢⱼ and the sum over the window that it is, where index notation has it."""
    if line.op is None or line.op.name.startswith("max") or line.val is None:
        return None
    try:
        law = index_term(ws.whole(line.val.node), ws.leaf_term)
        return component(Name(line.name), subscripts(line.leaf.node.shape)), law
    except NoMatrixForm:
        return None


def _worked(ws: Workspace, s: Slid) -> tuple[At, tuple[Expr, ...], Text] | None:
    """Place, chain of equal terms, and what they say; None where that would be too long."""
    place = s.whole_place()
    result = at_place(s.of_output(Name(s.line.name), 0, 0), place)
    value = exact_term(Value(np.asarray(s.y[(0, 0, *place)], dtype=s.y.dtype)))
    if s.kind == "conv":
        found = _convolved(ws, s, place)
    elif s.kind == "max":
        found = _largest(s, place)
    else:
        found = _averaged(s, place)
    if found is None:
        return None
    letters, numbers, total, words = found
    if not same(total, s.y[(0, 0, *place)]):
        return None
    return place, equation(result, letters, numbers, value), words


Found = tuple[Expr | None, Expr, Any, Text]


def _convolved(ws: Workspace, s: Slid, place: At) -> Found | None:
    assert s.w is not None
    x, w = operand_name(s.line, 0), operand_name(s.line, 1)
    letters: list[Expr] = []
    pairs: list[tuple[Any, Any]] = []
    for k, c in enumerate(s.channels_of(0)):
        for tap in s.taps:
            i = s.met(place, tap)
            inside = s.inside(i)
            pairs.append((s.x[(0, c, *i)] if inside else sp.S.Zero, s.w[(0, k, *tap)]))
            own = tuple(v.kernel - 1 - t for t, v in zip(tap, s.windows, strict=True))
            met = at_place(s.of_input(x, 0, c), i) if inside else Num("0")
            weight = at_place(s.of_kernel(w, 0, k), own if s.flipped else tap)
            letters.append(Binary("*", met, weight))
    if len(pairs) > MOST_TERMS:
        return None
    total, bias = summed(a * b for a, b in pairs), _bias(ws, s)
    numbers: list[Expr] = products(pairs)
    if bias is not None:
        letters.append(s.of_output(operand_name(s.line, 2), 0, 0) if s.lead == 1 else _first(s))
        numbers.append(term(bias))
        total = total + bias
    written = plus(letters) if len(pairs) <= MOST_NAMES else None
    start = s.met(place, s.taps[0])
    if s.flipped:
        words = Text(
            "Convolution turns the kernel around: the first entry of the window meets the last "
            "entry of the kernel, and so on."
        )
    elif s.inside(start):
        words = Text(
            "Its window starts at {x}; each entry of the window meets the kernel entry at the "
            "same place.",
            {"x": at_place(s.of_input(x, 0, s.channels_of(0)[0]), start)},
        )
    else:
        words = Text(
            "Its window starts in the padding; each entry of the window meets the kernel entry at "
            "the same place."
        )
    if len(s.channels_of(0)) > 1:
        words = in_turn(words, Text("The products of all channels are added."))
    return written, plus(numbers), total, words


def _first(s: Slid) -> Expr:
    """The bias of the first output channel."""
    b = operand_name(s.line, 2)
    return at_place(b, (0,)) if s.layered else b


def _bias(ws: Workspace, s: Slid) -> Any:
    if len(s.line.terms) < 3 or s.line.terms[2] is None:
        return None
    bias = operand(ws, s.line.terms[2])
    return None if bias is None else bias.ravel()[0]


def _largest(s: Slid, place: At) -> Found | None:
    met = [i for i in (s.met(place, tap) for tap in s.taps) if s.inside(i)]
    if len(met) > MOST_TERMS:
        return None
    x = s.of_input(operand_name(s.line, 0), 0, 0)
    letters = Call("max", tuple(at_place(x, i) for i in met)) if len(met) <= MOST_NAMES else None
    numbers = Call("max", tuple(term(s.x[(0, 0, *i)]) for i in met))
    (winner, *more) = winners_at(s, 0, 0, place)
    name = at_place(x, winner)
    if more:
        words = Text(
            "The largest entry of the window; {n} of them are equal.", {"n": 1 + len(more)}
        )
    else:
        words = Text("The largest entry of the window is the winner, {x}.", {"x": name})
    return letters, numbers, s.x[(0, 0, *winner)], words


def _averaged(s: Slid, place: At) -> Found | None:
    met = [s.met(place, tap) for tap in s.taps]
    inside = [i for i in met if s.inside(i)]
    count = averaged_over(s, place)
    if len(met) > MOST_TERMS or count is None:
        return None
    x = s.of_input(operand_name(s.line, 0), 0, 0)
    over = Num(str(count))
    letters = [at_place(x, i) for i in inside]
    numbers = [term(s.x[(0, 0, *i)]) for i in inside]
    written = Binary("/", plus(letters), over) if len(inside) <= MOST_NAMES else None
    total = summed(s.x[(0, 0, *i)] for i in inside) / sp.Integer(count)
    words = Text("The sum of the window, divided by its {n} entries.", {"n": count})
    return written, Binary("/", plus(numbers), over), total, words


def averaged_over(s: Slid, place: At) -> int | None:
    """By how many entries a window's sum is divided."""
    if s.line.parameters.get("divisor_override") is not None:
        return None
    if s.line.parameters.get("count_include_pad", True):
        return len(s.taps)
    return sum(s.inside(s.met(place, tap)) for tap in s.taps)


# -- sums of products -----------------------------------------------------------------------------


def products(pairs: Iterable[tuple[Any, Any]]) -> list[Expr]:
    return [Binary("*", term(a), term(b)) for a, b in pairs]


def summed(numbers: Iterable[Any]) -> Any:
    total: Any = sp.S.Zero
    for x in numbers:
        total = total + x
    return total


def same(a: Any, b: Any) -> bool:
    """Equal numbers, up to rounding where they are floats."""
    exact = not isinstance(a, float) and not isinstance(b, float)
    if exact and sp.simplify(a - b) == 0:
        return True
    return bool(np.isclose(float(a), float(b), rtol=1e-9, atol=1e-12))
