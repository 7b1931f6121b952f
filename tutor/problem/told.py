"""Why an open size is what it is: the equations that fixed it, told one after the other."""

from __future__ import annotations

import re
from typing import Any

from ..expr import Expr, Name
from ..graph import dims
from ..graph.dims import Dim, Unknown
from ..graph.unifier import Equation, Unifier
from ..notation.text import text
from ..ops.base import Val
from ..steps import Text
from .origin import Origin, along, counted_entries, counted_rows, written


def because(unifier: Unifier, size: Dim) -> list[tuple[Text, Origin]]:
    """A sentence for each equation that the size rests on, the first cause first; and its place."""
    found: list[tuple[Text, Origin]] = []
    seen: set[Unknown] = set()
    _collect(unifier, size, found, seen)
    return found


def _collect(
    unifier: Unifier, size: Dim, found: list[tuple[Text, Origin]], seen: set[Unknown]
) -> None:
    for u in dims.unknowns(size):
        equation = unifier.equations.get(u)
        if u in seen:
            continue
        seen.add(u)
        if equation is None:  # windows over it may have been told how many they are
            for outputs in _over(unifier, u):
                _collect(unifier, outputs, found, seen)
            continue
        for side in (equation.value, equation.left, equation.right):
            _collect(unifier, side, found, seen)
        if isinstance(equation.origin, Origin):
            found.append((sentence(unifier, equation), equation.origin))


def _over(unifier: Unifier, u: Unknown) -> list[Unknown]:
    """The outputs of windows that slide along an axis of this size."""
    return [o for o in unifier.outputs if u in unifier.below([o])]


def sentence(unifier: Unifier, equation: Equation) -> Text:
    """In {e}, {W} has 6 columns, so {x} needs 6 rows."""
    origin = equation.origin
    name, axis = _place(unifier, equation)
    whole = written(origin.term, origin.lines)
    holes: dict[str, Expr | Text] = {"e": whole, "x": Name(name)}
    places = [
        (k, j)
        for k, (_, v) in enumerate(origin.operands)
        for j, d in enumerate(v.shape)
        if equation.unknown in dims.unknowns(_half_resolved(unifier, d, equation.unknown))
    ]
    given = origin.lines.get(name)
    if given is not None:
        holes["x"] = written(Name(name), origin.lines)
    known = unifier.resolve(equation.unknown)
    holes["n"] = along(given.leaf, axis, known) if given is not None else counted_entries(known)
    end = Text("{x} has {n}", {"x": holes["x"], "n": holes["n"]})  # no term holds itself
    homogeneous = given is not None and "homogeneous" in given.properties
    if homogeneous:
        n = known if isinstance(known, int) else dims.one(known)
        end = Text(
            "{x} is homogeneous, so it has {n} coordinates and the final 1",
            {"x": holes["x"], "n": n},
            one="{x} is homogeneous, so it has {n} coordinate and the final 1",
        )
    holes["end"] = end
    if not places:
        return Text("{e} fits only if {end}.", holes)
    here = unifier.resolve(equation.unknown)
    if _is_square(equation, origin):
        holes["t"] = written(origin.operands[0][0], origin.lines)
        return Text("In {e}, {t} must be square, with as many rows as columns.", holes)
    paired = [p for p in places if _partner(unifier, equation, *p, here) is not None]
    k, j = (paired or places)[0]
    term, val = origin.operands[k]
    holes["t"] = written(term, origin.lines)
    here = unifier.resolve(val.shape[j])
    holes["m"] = _counted(origin, k, j, here)
    partner = _partner(unifier, equation, k, j, here)
    several = _multiple(unifier, equation)
    if several is not None:
        holes |= several
        said = Text("In {e}, {p} has {k}, {r} times {u}, so {t} needs {m}", holes)
        if holes["t"] == holes["x"]:
            return Text("{this}.", {"this": said})
        return Text("{this}; {end}.", {"this": said, "end": end})
    if partner is None:
        said = Text("In {e}, {t} needs {m}", holes)
    else:
        p, at = partner
        other, there = origin.operands[p]
        holes["p"] = written(other, origin.lines)
        holes["k"] = _counted(origin, p, at, unifier.resolve(there.shape[at]))
        said = Text("In {e}, {p} has {k}, so {t} needs {m}", holes)
    if holes["t"] == holes["x"] and not homogeneous:
        return Text("{this}.", {"this": said})
    return Text("{this}; {end}.", {"this": said, "end": end})


def _place(unifier: Unifier, equation: Equation) -> tuple[str, int]:
    """Whose size the unknown of an equation is, and along which axis."""
    u = equation.unknown
    if u in unifier.outputs:
        for line in equation.origin.lines.values():
            for k, d in enumerate(line.shape):
                if line.kind != "given" and d == u:
                    return line.name, k
    name, _, axis = str(u).rpartition(".")
    return name, int(axis)


def _is_square(equation: Equation, origin: Origin) -> bool:
    """Whether the two sizes of the first operand were compared with each other."""
    (_, first), *others = origin.operands
    sides = {equation.left, equation.right}
    if len(first.shape) != 2 or not sides <= set(first.shape):
        return False
    alike = [v.shape for _, v in others if len(v.shape) == 2]
    pairs = [pair for shape in alike for pair in zip(shape, first.shape, strict=True)]
    return not any(set(pair) <= sides for pair in pairs)


def _half_resolved(unifier: Unifier, d: Dim, keep: Unknown) -> Dim:
    """The size with what is known put in, except for one unknown."""
    if isinstance(d, int):
        return d
    return dims.dim(d.subs({k: v for k, v in unifier.bound.items() if k != keep}))


def _counted(origin: Origin, k: int, j: int, n: Dim) -> Text:
    """A column counts rows in a product, entries elsewhere."""
    val = origin.operands[k][1]
    if origin.op.name == "matmul" and len(val.shape) == 1:
        return counted_rows(n)
    role = _role(origin, k, j)
    if role is not None and k < 2:  # a bias has entries
        return _count_role(role, n)
    return along(val, j, n)


def _multiple(unifier: Unifier, equation: Equation) -> dict[str, Any] | None:
    """What fills the sentence where a number of rows is a multiple of the unknown: four gates."""
    origin, u = equation.origin, equation.unknown
    for one, other in ((equation.left, equation.right), (equation.right, equation.left)):
        rate = None if isinstance(one, int) else one.coeff(u, 1)
        total = unifier.resolve(other)
        if rate is None or one != rate * u or not (rate.is_Integer and rate > 1):
            continue
        for p, (term, val) in enumerate(origin.operands):
            for a, d in enumerate(val.shape):
                if d in (other, total):
                    rows = _counted(origin, p, a, total)
                    number = unifier.resolve(u)
                    times = number if isinstance(number, int) else dims.one(number)
                    return {
                        "p": written(term, origin.lines),
                        "k": rows,
                        "r": int(rate),
                        "u": times,
                    }
    return None


def _partner(
    unifier: Unifier, equation: Equation, k: int, j: int, size: Dim
) -> tuple[int, int] | None:
    """The operand and the axis that this one is compared with."""
    origin: Origin = equation.origin
    if origin.op.name == "matmul":
        other = origin.operands[1 - k][1]
        return (1 - k, _inner(other, 1 - k)) if _inner(origin.operands[k][1], k) == j else None
    role = _role(origin, k, j)
    if role is not None:
        for p, (_, v) in enumerate(origin.operands):
            for a in range(len(v.shape)):
                if p != k and _role(origin, p, a) == role:
                    return p, a
        return None
    found = []
    for p, (_, v) in enumerate(origin.operands):
        axes = [j, *(a for a in range(len(v.shape)) if a != j)]
        for a in axes:
            if p != k and a < len(v.shape) and unifier.resolve(v.shape[a]) == size:
                # the other side of the equation, else what was known by then
                open_ = bool(dims.unknowns(v.shape[a]))
                side = v.shape[a] in (equation.left, equation.right) and not (
                    open_ and equation.unknown in dims.unknowns(v.shape[a])
                )
                found.append((not side, open_, len(found), (p, a)))
    return min(found)[3] if found else None


def _role(origin: Origin, k: int, j: int) -> str | None:
    """What an axis of a convolution's operand counts; None for any other operation."""
    match = re.fullmatch(r"conv([123])d", origin.op.name)
    if match is None or len(origin.operands[1][1].shape) != int(match[1]) + 2:
        return None
    space = len(origin.operands[k][1].shape) - int(match[1])
    if k == 2:
        return "outputs"
    if k == 1:
        return ("outputs", "channels")[j] if j < 2 else None
    return "channels" if j == space - 1 else "examples" if j < space else None


def _count_role(role: str, n: Dim) -> Text:
    holes = {"n": n if isinstance(n, int) else dims.one(n)}
    if role == "outputs":
        return Text("{n} output channels", holes, one="{n} output channel")
    if role == "channels":
        return Text("{n} input channels", holes, one="{n} input channel")
    return Text("{n} examples", holes, one="{n} example")


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
        if isinstance(x, tuple):
            return ", ".join(map(shown, x))
        return m[0] if x is None else shown(x)

    def shown(x: Any) -> str:
        return str(x) if isinstance(x, str | int) else f"`{text(x)}`"

    return re.sub(r"\{(\w+)\}", fill, t.english)
