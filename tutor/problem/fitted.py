"""What windows leave to choose from: the numbers that an open size can be, and why these.

A floor throws away what is too much at the end, so that several numbers of entries have the same
number of windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.core.intfunc import igcd

from ..expr import Binary, Expr, Name
from ..graph import dims
from ..graph.dims import Dim, Unknown
from ..graph.sliding import Window
from ..graph.unifier import Choice, Sliding, Unifier
from ..notation.build import size_term
from ..ops.base import Val
from ..steps import Text, all_of
from .lines import Line
from .origin import Origin, along, spelled, written
from .told import because, plain

LISTED = 8  # numbers that are listed; of more, the first and the last are told


def choice_of(unifier: Unifier, u: Unknown) -> Choice | None:
    """What there was to choose from for a size that no equation fixes; None if it is not known."""
    return next((c for c in unifier.chosen if u in c.fit.sizes), None)


def forced(unifier: Unifier, u: Unknown, name: Expr, val: Val, axis: int) -> list[Text]:
    """Why only one number is left for the size of this axis."""
    choice = choice_of(unifier, u)
    found = [] if choice is None or u not in unifier.bound else why(unifier, choice)
    n = unifier.resolve(u)
    if choice is None or not isinstance(n, int):
        return []
    return [*found, Text("So {x} has {n}.", {"x": name, "n": along(val, axis, n)})]


def why(unifier: Unifier, choice: Choice) -> list[Text]:
    """The equations behind a choice, and what each window makes of them, the result's first."""
    found: list[Text] = []
    for s, _, _ in choice.windows:
        for told, _ in because(unifier, s.outputs) if isinstance(s.outputs, Unknown) else ():
            found += [told] if told not in found else []
    for p in choice.products:
        told = _product(unifier, p)
        found += [told] if told is not None and told not in found else []
    for s, window, outputs in reversed(choice.windows):
        told = _narrowed(unifier, choice, s, window, outputs)
        found += [told] if told is not None and told not in found else []
    return found


def _product(unifier: Unifier, p: Any) -> Text | None:
    if not isinstance(p.origin, Origin):
        return None
    left, right = (unifier.resolve(d) for d in (p.left, p.right))
    if isinstance(left, int):
        left, right = right, left
    whole = written(p.origin.term, p.origin.lines)
    holes = {"e": whole, "a": Binary("==", size_term(left), size_term(right))}
    if left == right:
        holes["a"] = size_term(left)
        return Text("The sizes in {e} give {a}.", holes)
    return Text("In {e}, {a}.", holes)


def _narrowed(
    unifier: Unifier, choice: Choice, s: Sliding, window: Window, outputs: Dim
) -> Text | None:
    """{y} has 7 entries along axis 1 only if {x} has 14 or 15 there."""
    if not isinstance(s.origin, Origin):
        return None
    many = choice.fit.values(outputs)
    place = _operand(unifier, s)
    numbers = None if many is None else window.inputs(many)
    if many is None or place is None or not numbers:
        return None
    k, axis = place
    term, val = s.origin.operands[k]
    y, result = _result(s.origin)
    target = result.leaf if result is not None else val
    there = axis + len(target.shape) - len(val.shape)
    inputs_ = counted(val, axis, numbers)
    if there == axis > 0 and k == 0 and len(val.shape) > 2:
        inputs_ = Text("{list} there", {"list": listed(numbers)})
    holes = {"y": y, "m": counted(target, there, many), "x": written(term, s.origin.lines)}
    return Text("{y} has {m} only if {x} has {n}.", holes | {"n": inputs_})


def _operand(unifier: Unifier, s: Sliding) -> tuple[int, int] | None:
    """Operand and axis where the window's size or kernel is open."""
    for d in (s.window.size, s.window.kernel):
        if isinstance(d, int):
            continue
        size = unifier.resolve(d)
        for k, (_, v) in enumerate(s.origin.operands):
            for j in reversed(range(len(v.shape))):
                if unifier.resolve(v.shape[j]) == size:
                    return k, j
    return None


def _result(origin: Origin) -> tuple[Expr, Line | None]:
    """What the operation's result is called, and its line if it is a definition's own."""
    whole = origin.term == origin.definition.expr and len(origin.definition.names) == 1
    if whole:
        name = origin.definition.names[0]
        return Name(name), origin.lines.get(name)
    return written(origin.term, origin.lines), None


def counted(val: Val, axis: int, numbers: Sequence[int]) -> Text:
    """14 or 15 rows."""
    if len(numbers) == 1:
        return along(val, axis, numbers[0])
    holes: dict[str, Any] = {"n": listed(numbers)}
    if len(val.shape) == 2:
        if axis == 0:
            return Text("{n} rows", holes, one="{n} row")
        return Text("{n} columns", holes, one="{n} column")
    if len(val.shape) == 1:
        return Text("{n} entries", holes, one="{n} entry")
    holes["k"] = axis
    return Text("{n} entries along axis {k}", holes, one="{n} entry along axis {k}")


def listed(numbers: Sequence[int]) -> Text:
    """27, 28 or 29; from 3 to 300."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) > LISTED:
        if last - first + 1 == len(numbers):
            return Text("{a} to {b}", {"a": first, "b": last})
        some = tuple(numbers[:LISTED])
        return Text("{some}, … or {last}", {"some": some, "last": last})
    *some, last = numbers
    if not some:
        return Text("{it}", {"it": last})
    return Text("{a} or {b}", {"a": tuple(some), "b": last})


def left_open(
    choice: Choice | None, u: Unknown, letter: Expr, others: Mapping[Any, Expr]
) -> Text | None:
    """What a letter can be.

    others: the letters of the sizes that hang together with it
    """
    numbers = choice.fit.numbers(u)
    first, last = choice.fit.bounds[choice.fit.sizes.index(u)]
    holes: dict[str, Any] = {"n": letter, "a": first, "b": last}
    if numbers is None:
        if last is not None:
            return Text("{n} is at least {a} and at most {b}; nothing else is known of it.", holes)
        return Text("Any number from {a} on will do for {n}.", holes) if first > 1 else None
    holes["list"] = listed(numbers)
    together = [x for v, x in others.items() if v != u and v in choice.fit.sizes]
    if together and _tied(choice, [v for v in others if v in choice.fit.sizes]):
        holes["m"] = all_of(together)
        return Text("So {n} is {list}, but not every one goes with every {m}.", holes)
    return Text("So {n} is {list}: all of these fit, and nothing says which it is.", holes)


def _tied(choice: Choice, sizes: Sequence[Any]) -> bool:
    """Whether the numbers of some sizes go together in some combinations only."""
    solutions = choice.fit.solutions or ()
    at = [choice.fit.sizes.index(u) for u in sizes]
    pairs = {tuple(s[k] for k in at) for s in solutions}
    count = 1
    for k in at:
        count *= len({s[k] for s in solutions})
    return len(pairs) < count


# -- where nothing fits ---------------------------------------------------------------------------


def left_over(line: Line, axis: int, unifier: Unifier) -> str:
    """The numbers that are left for an open size of a given; empty if nothing says so."""
    u = dims.unknown(f"{line.name}.{axis}")
    choice = next((c for c in unifier.choices() if u in c.fit.sizes), None)
    numbers = None if choice is None else choice.fit.numbers(u)
    if not numbers or u in unifier.bound:
        return ""
    return f"so `{line.name}` has {plain(counted(line.leaf, axis, numbers))}"


def no_multiple(origin: Origin) -> list[str]:
    """A size that is a multiple of some number whatever is open, beside one that is none."""
    for k, (_, v) in enumerate(origin.operands):
        for axis, d in enumerate(v.shape):
            rate = _rate(dims.resolved(d))
            for j, (_, w) in enumerate(origin.operands):
                if j == k or rate < 2:
                    continue
                for at, n in enumerate(map(dims.resolved, w.shape)):
                    if isinstance(n, int) and n % rate and _meet(origin, (k, axis), (j, at)):
                        low, high = n - n % rate, n - n % rate + rate
                        near = f"{low} or {high}" if low else f"{high}"
                        return [
                            f"`{_typed(origin, k)}` has a multiple of {rate}, whatever the `?` is, "
                            f"and {n} is none: `{_typed(origin, j)}` would need {near}, for example"
                        ]
    return []


def _typed(origin: Origin, k: int) -> str:
    """An operand as the author wrote it, also where its own line has been given up."""
    term = written(origin.operands[k][0], origin.lines)
    if isinstance(origin.term, Binary) and isinstance(term, Name) and term.id not in origin.lines:
        term = (origin.term.left, origin.term.right)[k]
    return spelled(term)


def _rate(d: Dim) -> int:
    """The number that divides a size whatever the open ones in it are: 64 of 64·?."""
    if isinstance(d, int):
        return 0
    parts = sp.expand(d).as_coefficients_dict().values()
    open_ = all(isinstance(s, Unknown) for s in d.free_symbols)
    return igcd(0, *map(int, parts)) if open_ and all(c.is_Integer for c in parts) else 0


def _meet(origin: Origin, one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether the operation compares these axes: of a product the inner ones."""
    (k, axis), (j, at) = one, other
    if origin.op.name != "matmul":
        return axis == at
    left, right = (axis, at) if k < j else (at, axis)
    first = origin.operands[min(k, j)][1]
    return left == len(first.shape) - 1 and right == max(
        len(origin.operands[max(k, j)][1].shape) - 2, 0
    )
