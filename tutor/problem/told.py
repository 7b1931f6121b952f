"""Why an open size is what it is: the equations that fixed it, told one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..expr import Binary, Expr, Name, names
from ..graph import dims
from ..graph.dims import Dim, Unknown
from ..graph.unifier import Unifier
from ..notation.text import text
from ..steps import Text, all_of
from .origin import Origin, along, below, counted_entries, counted_rows, written
from .proof import Step, proof, whole
from .sides import Axis, axes_of, is_square, partner_of, role, subject_of


def because(unifier: Unifier, size: Dim) -> list[tuple[Text, Origin]]:
    """A sentence for each equation that the size rests on, and its place.

    Each one starts from what the file states, or from what an earlier one has shown.
    """
    found = [
        (sentence(unifier, step), step.equation.origin)
        for step in proof(unifier, _told(unifier, whole(unifier, size)))
        if isinstance(step.equation.origin, Origin)
    ]
    return [x for k, x in enumerate(found) if x[0] not in [t for t, _ in found[:k]]]


def might_repeat(unifier: Unifier, size: Dim) -> bool:
    """Whether a 1 that is repeated would have done as well as the size that is equal."""
    for step in proof(unifier, _told(unifier, whole(unifier, size))):
        origin = step.equation.origin
        if isinstance(origin, Origin) and isinstance(origin.term, Binary):
            orders = [len(v.shape) for _, v in origin.operands]
            if origin.op.name != "matmul" and len(orders) == 2 and min(orders) > 1:
                return True
    return False


def _told(unifier: Unifier, size: Dim) -> list[Unknown]:
    """The sizes to show; where no equation gives one, windows over it may have been counted."""
    own = dims.unknowns(size)
    over = [o for u in own if u not in unifier.equations for o in _over(unifier, u)]
    return [*own, *over]


def _over(unifier: Unifier, u: Unknown) -> list[Unknown]:
    """The outputs of windows that slide along an axis of this size."""
    return [o for o in unifier.outputs if u in unifier.below([o])]


def sentence(unifier: Unifier, step: Step) -> Text:
    """In {e}, {W} has 6 columns, so {x} needs 6 rows."""
    origin = step.equation.origin
    known = unifier.resolve(step.size)
    name, axis = _place(unifier, step)
    given = origin.lines.get(name)
    owner = Name(name) if given is None else written(Name(name), origin.lines)
    holes: dict[str, Any] = {"e": written(origin.term, origin.lines)}
    rows = along(given.leaf, axis, known) if given is not None else counted_entries(known)
    end = Text("{x} has {n}", {"x": owner, "n": rows})
    homogeneous = given is not None and "homogeneous" in given.properties
    if homogeneous:
        end = Text(
            "{x} is homogeneous, so it has {n} coordinates and the final 1",
            {"x": owner, "n": _number(known)},
            one="{x} is homogeneous, so it has {n} coordinate and the final 1",
        )
    if step.together:
        terms = {e.origin.term: e.origin for e in (step.equation, *step.together)}
        holes["e"] = all_of([written(t, o.lines) for t, o in terms.items()])
        return Text("{e} fit together only if {end}.", holes | {"end": end})
    axes = axes_of(unifier, origin)
    subject = subject_of(unifier, step, axes)
    if subject is None:
        return Text("{e} fits only if {end}.", holes | {"end": end})
    holes["t"] = subject.term
    if is_square(step, axes):
        return Text("In {e}, {t} must be square, with as many rows as columns.", holes)
    here = unifier.resolve(subject.size)
    holes["m"] = _counted(origin, subject, here)
    said = _because_of(unifier, step, axes, subject, holes)
    if subject.term == owner and not homogeneous:
        return Text("{this}.", {"this": said})
    path = _path(subject.term, name, origin)
    if path:
        holes = {"this": said, "f": all_of(path), "end": end}
        return Text("{this}; since {f}, {end}.", holes)
    return Text("{this}; {end}.", {"this": said, "end": end})


def _because_of(
    unifier: Unifier, step: Step, axes: Sequence[Axis], subject: Axis, holes: dict[str, Any]
) -> Text:
    """What the other side of the equation is, and what the subject needs therefore."""
    origin = step.equation.origin
    needed = unifier.resolve(subject.size)
    partner = partner_of(unifier, step, axes, subject)
    if partner is None:
        return Text("In {e}, {t} needs {m}", holes)
    there = unifier.resolve(partner.size)
    holes |= {"p": partner.term, "k": _counted(origin, partner, there)}
    total, share = (_whole(d) for d in (needed, there))
    if total and share and total > share and total % share == 0:
        holes |= {"r": total // share, "u": share, "v": total}
        return Text("In {e}, {p} has {k}, and {r} times {u} is {v}, so {t} needs {m}", holes)
    times = _multiple(unifier, step)
    if times is not None:
        return Text("In {e}, {p} has {k}, {r} times {u}, so {t} needs {m}", holes | times)
    return Text("In {e}, {p} has {k}, so {t} needs {m}", holes)


def _whole(d: Dim) -> int:
    return d if isinstance(d, int) else 0


def _number(d: Dim) -> int | str:
    return d if isinstance(d, int) else dims.one(d)


def _place(unifier: Unifier, step: Step) -> tuple[str, int]:
    """Whose size the step gives, and along which axis."""
    u = step.size
    if u in unifier.outputs:
        for line in step.equation.origin.lines.values():
            for k, d in enumerate(line.shape):
                if line.kind != "given" and d == u:
                    return line.name, k
    name, _, axis = str(u).rpartition(".")
    return name, int(axis)


def _path(term: Expr, name: str, origin: Origin) -> list[Expr]:
    """The definitions that lead from the term to a given: y = tanh(h), h = W x."""
    found: list[Expr] = []
    while isinstance(term, Name) and term.id != name and len(found) < 4:
        line = origin.lines.get(term.id)
        if line is None or line.formula is None:
            return []
        formula = written(line.formula, origin.lines)
        found.append(Binary("==", term, formula))
        inner = [n for n in names(formula) if n in origin.lines]
        if name in inner:
            return found
        rests = [n for n in inner if name in {x.name for x in below([origin.lines[n]])}]
        if not rests:
            return []
        term = Name(rests[0])
    return []


def _counted(origin: Origin, x: Axis, n: Dim) -> Text:
    """A column counts rows in a product, entries elsewhere."""
    if origin.op.name == "matmul" and len(x.val.shape) == 1:
        return counted_rows(n)
    counts = role(origin, x)
    if counts is not None and x.operand in (0, 1):  # a bias has entries
        return _count_role(counts, n)
    return along(x.val, x.axis, n)


def _multiple(unifier: Unifier, step: Step) -> dict[str, Any] | None:
    """What fills the sentence where the other side is a multiple of the size: four gates."""
    rate = None if isinstance(step.mine, int) else step.mine.coeff(step.size, 1)
    if rate is None or step.mine != rate * step.size or not (rate.is_Integer and rate > 1):
        return None
    return {"r": int(rate), "u": _number(unifier.resolve(step.size))}


def _count_role(role: str, n: Dim) -> Text:
    holes = {"n": n if isinstance(n, int) else dims.one(n)}
    if role == "outputs":
        return Text("{n} output channels", holes, one="{n} output channel")
    if role == "channels":
        return Text("{n} input channels", holes, one="{n} input channel")
    return Text("{n} examples", holes, one="{n} example")


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
        if isinstance(x, Binary) and x.op == "==":
            return f"`{text(x.left)} = {text(x.right)}`"
        return str(x) if isinstance(x, str | int) else f"`{text(x)}`"

    return re.sub(r"\{(\w+)\}", fill, t.english)
