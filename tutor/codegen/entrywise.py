"""Functions that act entry by entry, in array code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..expr import Binary, Call, Expr, Name, Num
from .arithmetic import elementwise
from .kinds import Code, NoCode

if TYPE_CHECKING:
    from .translate import Translator

Arguments = list[Code]
Keywords = dict[str, Expr]
Builder = Callable[[Arguments, Keywords, "Translator"], Code]


def mapped(write: Callable[[Expr], Expr], number: str | None = None) -> Builder:
    """number: the function for a Python number, where the library's takes arrays only."""

    def build(args: Arguments, keywords: Keywords, _: Translator) -> Code:
        (x,) = args
        if x.number:
            if number is None:
                raise NoCode("a function of a number")
            return Code(Call(number, (x.term,)), number=True)
        return Code(write(x.term), x.shape, x.row)

    return build


def plain(name: str) -> Builder:
    known = {"sqrt": "number.sqrt", "log": "number.log", "exp": "number.exp"}
    return mapped(lambda x: Call(name, (x,)), known.get(name))


def _number(keywords: Keywords, key: str, default: str) -> Expr:
    return keywords.pop(key, Num(default))


def leaky_relu(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    x, slope = args[0], _number(keywords, "negative_slope", "0.01")
    chosen = (Binary(">", x.term, Num("0")), x.term, Binary("*", slope, x.term))
    return Code(Call("where", chosen), x.shape, x.row)


def elu(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    x, alpha = args[0], _number(keywords, "alpha", "1.0")
    return Code(Call("elu", (x.term, alpha)), x.shape, x.row)


def softplus(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    x, beta = args[0], _number(keywords, "beta", "1")
    if beta == Num("1"):
        return Code(Call("softplus", (x.term,)), x.shape, x.row)
    inner = Call("softplus", (Binary("*", beta, x.term),))
    return Code(Binary("/", inner, beta), x.shape, x.row)


def clip(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    x = args[0]
    low, high = (keywords.pop(k, Name("None")) for k in ("min", "max"))
    return Code(Call("clip", (x.term, low, high)), x.shape, x.row)


def gelu(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    (x,) = args
    if x.number:
        raise NoCode("gelu of a number")
    if keywords.pop("approximate", None) is not None:
        raise NoCode("gelu with `approximate`")
    t, root = x.term, Call("number.sqrt", (Num("2"),))
    bell = Binary("+", Num("1"), Call("erf", (Binary("/", t, root),)))
    return Code(Binary("*", Binary("*", Num("0.5"), t), bell), x.shape, x.row)


def two(name: str) -> Builder:
    def build(args: Arguments, keywords: Keywords, t: Translator) -> Code:
        a, b = args
        both = elementwise("+", a, b)  # sizes by the rules of a sum
        assert isinstance(both.term, Binary)
        if a.number or b.number:
            raise NoCode(f"{name} of a number")
        return Code(Call(name, (both.term.left, both.term.right)), both.shape, both.row)

    return build


def where(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    condition, yes, no = args
    if len({(a.order, a.row) for a in args if a.order}) > 1 or not condition.order:
        raise NoCode("where of different sizes")
    if yes.number and no.number:
        if (yes.term, no.term) == (Num("1"), Num("0")):
            return condition
        raise NoCode("where of two numbers")
    match condition.term:
        case Call("indicator", (inner,)):
            test: Expr = inner
        case term:
            test = Binary("!=", term, Num("0"))
    return Code(Call("where", (test, yes.term, no.term)), condition.shape, condition.row)
