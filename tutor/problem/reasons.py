"""What an inferred problem took for granted, in sentences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..expr import Expr, Name, names, walk
from ..notation.text import text
from ..steps import Text, all_of
from .model import Given

# of a name of order 0, 1, 2
KINDS = ("{x} is a scalar", "{x} is a column vector", "{x} is a matrix")
PLURALS = ("{x} are scalars", "{x} are column vectors", "{x} are matrices")


def reasons(
    expr: Expr, orders: Mapping[str, int], habitual: Collection[str], given: Mapping[str, Given]
) -> tuple[Text, ...]:
    """Which orders were forced, which were chosen by habit, and where the sizes come from.

    orders: of the names that no declaration mentions; habitual: those that could have another.
    """
    found = []
    if habitual:
        found.append(
            Text(
                "Going by the letters, {list}."
                if len(habitual) > 1
                else "Going by its letter, {list}.",
                {"list": _listed([n for n in orders if n in habitual], orders)},
            )
        )
    must = [n for n in orders if n not in habitual]
    if must:
        found.append(
            Text("For the expression to make sense, {list}.", {"list": _listed(must, orders)})
        )
    found += _sizes(expr, given, orders)
    return tuple(found)


def _listed(wanted: Sequence[str], orders: Mapping[str, int]) -> Text:
    """A is a matrix, and x and y are column vectors."""
    clauses = []
    for order in (2, 1, 0):
        group = [n for n in wanted if orders[n] == order]
        if len(group) == 1:
            clauses.append(Text(KINDS[order], {"x": Name(group[0])}))
        elif group:
            clauses.append(Text(PLURALS[order], {"x": all_of([Name(n) for n in group])}))
    first, *rest = clauses
    for k, clause in enumerate(rest, 1):
        both = {"a": first, "b": clause}
        first = Text("{a}, and {b}", both) if k == len(rest) else Text("{a}, {b}", both)
    return first


# -- sizes ----------------------------------------------------------------------------------------


def _sizes(expr: Expr, given: Mapping[str, Given], free: Collection[str]) -> list[Text]:
    """For every size that two axes share: who got it from whom, and in which part."""
    axes = [
        (name, k, text(d))  # type: ignore[arg-type]
        for name, g in given.items()
        for k, d in enumerate(g.shape or ())
    ]
    found = []
    for at, (name, axis, size) in enumerate(axes):
        earlier = [a for a in axes[:at] if a[2] == size]
        if name not in free or not earlier:
            continue
        own = [a for a in earlier if a[0] == name]
        rest = [(len(text(_smallest(expr, a[0], name))), k, a) for k, a in enumerate(earlier)]
        other = own[0] if own else min(rest)[2]
        found.append(_shared(expr, given, (name, axis), other))
    return found


def _shared(
    expr: Expr, given: Mapping[str, Given], one: tuple[str, int], other: tuple[str, int, str]
) -> Text:
    where = _smallest(expr, one[0], other[0])
    holes = {"x": Name(one[0]), "y": Name(other[0]), "n": Name(other[2]), "e": where}
    mine, theirs = (_axis(given, n, k) for n, k in (one, other[:2]))
    if one[0] == other[0]:
        return Text("{x} is square.", holes)
    holes |= {"these": mine, "those": theirs}
    if mine == theirs:
        return Text("{x} has as many {these} as {y}, because of {e}.", holes)
    return Text("{x} has as many {these} as {y} has {those}, because of {e}.", holes)


def _axis(given: Mapping[str, Given], name: str, axis: int) -> Text:
    order = len(given[name].shape or ())
    if order == 2:
        return Text("rows") if axis == 0 else Text("columns")
    return Text("entries") if order == 1 else Text("entries along axis {k}", {"k": axis})


def _smallest(expr: Expr, a: str, b: str) -> Expr:
    """The smallest part of the expression in which both names occur."""
    best = expr
    for e in walk(expr):
        found = names(e)
        if a in found and b in found and len(text(e)) < len(text(best)):
            best = e
    return best
