"""Functions along axes, in array code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..expr import Binary, Call, Expr, List, Neg, Num
from .kinds import Code, NoCode

if TYPE_CHECKING:
    from .translate import Translator

Arguments = list[Code]
Keywords = dict[str, Expr]
Builder = Callable[[Arguments, Keywords, "Translator"], Code]


def _axis(x: Code, keywords: Keywords) -> int | None:
    """The axis of the array; None for all."""
    given = keywords.pop("axis", None)
    if given is None:
        return None
    if isinstance(given, List) and len(given.items) == 1:
        (given,) = given.items
    negative = isinstance(given, Neg)
    value = given.arg if isinstance(given, Neg) else given
    if not isinstance(value, Num):
        raise NoCode("an axis")
    k = -int(value.text) if negative else int(value.text)
    paper = 2 if x.row or x.order == 2 else max(x.order, 1)
    k %= paper
    if x.row:
        if k == 0:
            raise NoCode("the axis of length 1")
        return 0
    return k


def reduction(name: str) -> Builder:
    def build(args: Arguments, keywords: Keywords, t: Translator) -> Code:
        (x,) = args
        axis = _axis(x, keywords)
        if x.order == 0:
            return x
        if axis is None or x.order == 1:
            match x.term:
                case Binary("*", left, right) if name == "sum" and t.vectors(left, right):
                    return Code(Binary("@", left, right))
            return Code(Call(name, (x.term,)))
        kept = x.shape[1 - axis]
        return Code(Call(name, (x.term,), (("axis", Num(str(axis))),)), (kept,), axis == 0)

    return build


def variance(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    (x,) = args
    less = keywords.pop("correction", Num("0"))
    axis = _axis(x, keywords)
    if x.order == 0:
        raise NoCode("the variance of a scalar")
    whole = axis is None or x.order == 1
    over = () if whole else (("axis", Num(str(axis))),)
    term = Call("var", (x.term,), (*over, ("ddof", less)))
    return Code(term) if whole else Code(term, (x.shape[1 - axis],), axis == 0)


def along(name: str, reduces: bool) -> Builder:
    """softmax and its relatives: along the last axis unless they say otherwise."""

    def build(args: Arguments, keywords: Keywords, _: Translator) -> Code:
        (x,) = args
        axis = _axis(x, keywords)
        if x.order == 0:
            raise NoCode(f"{name} of a scalar")
        if axis is None and reduces and x.order == 2:
            raise NoCode(f"{name} of a whole matrix")
        at = x.order - 1 if axis is None else axis
        last = at == x.order - 1
        more = () if last else (("axis", Num(str(at))),)
        whole = Call(name, (x.term,), more)
        if not reduces:
            return Code(whole, x.shape, x.row)
        if x.order == 1:
            return Code(whole)
        return Code(whole, (x.shape[1 - at],), at == 0)

    return build


def winner(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    """Where the largest entry is; among ties the first, or all of them in equal parts."""
    (x,) = args
    if x.order == 0:
        raise NoCode("the largest of one")
    name = "shared_largest" if t.ties == "split" else "first_largest"
    axis = _axis(x, keywords)
    more = () if axis is None or x.order == 1 else (("axis", Num(str(axis))),)
    return Code(Call(name, (x.term,), more), x.shape, x.row)


def norm2(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    (x,) = args
    if x.order == 0:
        return Code(Call("abs", (x.term,)))
    axis = _axis(x, keywords)
    if axis is None or x.order == 1:
        return Code(Call("linalg.norm", (x.term,)))
    more = (("axis", Num(str(axis))),)
    return Code(Call("linalg.norm", (x.term,), more), (x.shape[1 - axis],), axis == 0)


def of_absolute(name: str) -> Builder:
    reduce = reduction(name)

    def build(args: Arguments, keywords: Keywords, t: Translator) -> Code:
        x = args[0]
        return reduce([Code(Call("abs", (x.term,)), x.shape, x.row)], keywords, t)

    return build


def normalization(name: str, axis: int | None) -> Builder:
    """Entries less their mean, over their deviation: along the last axis, or the given one."""

    def build(args: Arguments, keywords: Keywords, _: Translator) -> Code:
        (x,) = args
        if x.order == 0 or "normalized_shape" in keywords:
            raise NoCode(name)
        more = (("axis", Num(str(axis))),) if axis is not None and x.order > 1 else ()
        if "eps" in keywords:
            more = (*more, ("eps", keywords.pop("eps")))
        return Code(Call(name, (x.term,), more), x.shape, x.row)

    return build


def others(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    """For each entry the product of the others; with count=2 for each pair of entries."""
    (x,) = args
    count = keywords.pop("count", Num("1"))
    axis = _axis(x, keywords)
    if x.order == 0 or (count != Num("1") and (count != Num("2") or x.order > 1)):
        raise NoCode("products without three of the factors")
    if count == Num("2"):
        return Code(Call("prod_pairs", (x.term,)), x.shape * 2)
    more = () if axis is None or x.order == 1 else (("axis", Num(str(axis))),)
    return Code(Call("prod_others", (x.term,), more), x.shape, x.row)
