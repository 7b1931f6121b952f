"""Why an open size is what it is: the equations that fixed it, told one after the other."""

from __future__ import annotations

import re

from ..expr import Expr, Name
from ..graph import dims
from ..graph.dims import Dim, Equation, Unifier, Unknown
from ..notation.text import text
from ..ops.base import Val
from ..steps import Text
from .origin import Origin, axis_word, counted, written


def because(unifier: Unifier, size: Dim) -> list[tuple[Text, Origin]]:
    """A sentence for each equation that the size rests on, the first cause first; and its place."""
    found: list[tuple[Text, Origin]] = []
    seen: set[Unknown] = set()
    _collect(unifier, size, found, seen)
    return found


def _collect(
    unifier: Unifier, size: Dim, found: list[tuple[Text, Origin]], seen: set[Unknown]
) -> None:
    for u in _unknowns(size):
        equation = unifier.equations.get(u)
        if u in seen or equation is None:
            continue
        seen.add(u)
        for side in (equation.value, equation.left, equation.right):
            _collect(unifier, side, found, seen)
        if isinstance(equation.origin, Origin):
            found.append((sentence(unifier, equation), equation.origin))


def _unknowns(d: Dim) -> list[Unknown]:
    return [] if isinstance(d, int) else sorted(d.atoms(Unknown), key=str)


def sentence(unifier: Unifier, equation: Equation) -> Text:
    """In {e}, {W} has 6 columns, so {x} needs 6 rows."""
    origin = equation.origin
    name, _, axis = str(equation.unknown).rpartition(".")
    whole = written(origin.term, origin.lines)
    holes: dict[str, Expr] = {"e": whole, "x": Name(name)}
    places = [
        (k, j)
        for k, (_, v) in enumerate(origin.operands)
        for j, d in enumerate(v.shape)
        if equation.unknown in _unknowns(_half_resolved(unifier, d, equation.unknown))
    ]
    given = origin.lines.get(name)
    known = unifier.resolve(equation.unknown)
    words = axis_word(given.leaf, int(axis)) if given is not None else "entries"
    end = f"{{x}} has {counted(known, words)}"
    homogeneous = given is not None and "homogeneous" in given.properties
    if homogeneous:
        end = f"{{x}} is homogeneous, so it has {counted(known, 'coordinates')} and the final 1"
    if not places:
        return Text(f"{{e}} fits only if {end}.", holes)
    here = unifier.resolve(equation.unknown)
    if {equation.left, equation.right} <= set(origin.operands[0][1].shape):
        holes["t"] = written(origin.operands[0][0], origin.lines)
        return Text("In {e}, {t} must be square, with as many rows as columns.", holes)
    paired = [p for p in places if _partner(unifier, origin, *p, here) is not None]
    k, j = (paired or places)[0]
    term, val = origin.operands[k]
    holes["t"] = written(term, origin.lines)
    here = unifier.resolve(val.shape[j])
    needs = f"{{t}} needs {counted(here, _word(origin, k, j))}"
    partner = _partner(unifier, origin, k, j, here)
    cause = "In {e}, " if partner is None else ""
    if partner is not None:
        p, at = partner
        other, there = origin.operands[p]
        holes["p"] = written(other, origin.lines)
        size = counted(unifier.resolve(there.shape[at]), _word(origin, p, at))
        cause = f"In {{e}}, {{p}} has {size}, so "
    if holes["t"] == Name(name) and not homogeneous:
        return Text(f"{cause}{needs}.", holes)
    return Text(f"{cause}{needs}; {end}.", holes)


def _half_resolved(unifier: Unifier, d: Dim, keep: Unknown) -> Dim:
    """The size with what is known put in, except for one unknown."""
    if isinstance(d, int):
        return d
    return dims.dim(d.subs({k: v for k, v in unifier.bound.items() if k != keep}))


def _word(origin: Origin, k: int, j: int) -> str:
    """A column counts rows in a product, entries elsewhere."""
    val = origin.operands[k][1]
    if origin.op.name == "matmul" and len(val.shape) == 1:
        return "rows"
    return axis_word(val, j)


def _partner(unifier: Unifier, origin: Origin, k: int, j: int, size: Dim) -> tuple[int, int] | None:
    """The operand and the axis that this one is compared with."""
    if origin.op.name == "matmul":
        other = origin.operands[1 - k][1]
        return (1 - k, _inner(other, 1 - k)) if _inner(origin.operands[k][1], k) == j else None
    for p, (_, v) in enumerate(origin.operands):
        axes = [j, *(a for a in range(len(v.shape)) if a != j)]
        for a in axes:
            if p != k and a < len(v.shape) and unifier.resolve(v.shape[a]) == size:
                return p, a
    return None


def _inner(v: Val, side: int) -> int:
    """The axis of a factor that a product sums over."""
    n = len(v.shape)
    return n - 1 if side == 0 else max(n - 2, 0)


def plain(t: Text) -> str:
    """The sentence for an error message: terms as typed, in backticks."""

    def fill(m: re.Match[str]) -> str:
        x = t.args.get(m[1])
        if isinstance(x, Text):
            return plain(x)
        return m[0] if x is None else str(x) if isinstance(x, str | int) else f"`{text(x)}`"

    return re.sub(r"\{(\w+)\}", fill, t.message)
