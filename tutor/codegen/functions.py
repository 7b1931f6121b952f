"""Functions of formulas in array code: one table, name to builder.

A builder gets the arguments' code, the keywords (from which it takes those it knows) and the
translator, which knows sizes. Names of calls are canonical; see `libraries`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..expr import Binary, Call, Expr, Index, List, Name, Neg, Num, Transpose
from ..graph import dims
from ..graph.dims import Dim
from .kinds import Code, NoCode, transposed, upright

if TYPE_CHECKING:
    from .translate import Translator

Arguments = list[Code]
Keywords = dict[str, Expr]
Builder = Callable[[Arguments, Keywords, "Translator"], Code]


def tuple_of(items: tuple[Expr, ...]) -> Expr:
    """A tuple: a call of nothing, which prints as its parentheses."""
    return Call("", items)


# -- entry by entry -------------------------------------------------------------------------------


def _map(write: Callable[[Expr], Expr], number: str | None = None) -> Builder:
    """number: the function for a Python number, where the library's takes arrays only."""

    def build(args: Arguments, keywords: Keywords, _: Translator) -> Code:
        (x,) = args
        if x.number:
            if number is None:
                raise NoCode("a function of a number")
            return Code(Call(number, (x.term,)), number=True)
        return Code(write(x.term), x.shape, x.row)

    return build


def _plain(name: str) -> Builder:
    known = {"sqrt": "number.sqrt", "log": "number.log", "exp": "number.exp"}
    return _map(lambda x: Call(name, (x,)), known.get(name))


def _number(keywords: Keywords, key: str, default: str) -> Expr:
    return keywords.pop(key, Num(default))


def _leaky_relu(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    x, slope = args[0], _number(keywords, "negative_slope", "0.01")
    chosen = (Binary(">", x.term, Num("0")), x.term, Binary("*", slope, x.term))
    return Code(Call("where", chosen), x.shape, x.row)


def _elu(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    x, alpha = args[0], _number(keywords, "alpha", "1.0")
    return Code(Call("elu", (x.term, alpha)), x.shape, x.row)


def _softplus(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    x, beta = args[0], _number(keywords, "beta", "1")
    if beta == Num("1"):
        return Code(Call("softplus", (x.term,)), x.shape, x.row)
    inner = Call("softplus", (Binary("*", beta, x.term),))
    return Code(Binary("/", inner, beta), x.shape, x.row)


def _clip(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    x = args[0]
    low, high = (keywords.pop(k, Name("None")) for k in ("min", "max"))
    return Code(Call("clip", (x.term, low, high)), x.shape, x.row)


def _gelu(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    (x,) = args
    if x.number:
        raise NoCode("gelu of a number")
    t, root = x.term, Call("number.sqrt", (Num("2"),))
    bell = Binary("+", Num("1"), Call("erf", (Binary("/", t, root),)))
    return Code(Binary("*", Binary("*", Num("0.5"), t), bell), x.shape, x.row)


def _two(name: str) -> Builder:
    def build(args: Arguments, keywords: Keywords, t: Translator) -> Code:
        from .translate import elementwise

        a, b = args
        both = elementwise("+", a, b)  # sizes by the rules of a sum
        assert isinstance(both.term, Binary)
        if a.number or b.number:
            raise NoCode(f"{name} of a number")
        return Code(Call(name, (both.term.left, both.term.right)), both.shape, both.row)

    return build


def _where(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    if len({(a.order, a.row) for a in args if a.order}) > 1 or not args[0].order:
        raise NoCode("where of different sizes")
    return Code(Call("where", tuple(a.term for a in args)), args[0].shape, args[0].row)


# -- along axes -----------------------------------------------------------------------------------


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


def _reduction(name: str) -> Builder:
    def build(args: Arguments, keywords: Keywords, _: Translator) -> Code:
        (x,) = args
        axis = _axis(x, keywords)
        if x.order == 0:
            return x
        if axis is None or x.order == 1:
            t = x.term
            if name == "sum" and x.order == 1 and isinstance(t, Binary) and t.op == "*":
                left, right = t.left, t.right
                if isinstance(left, Name) and isinstance(right, Name):
                    return Code(Binary("@", left, right))
            return Code(Call(name, (x.term,)))
        kept = x.shape[1 - axis]
        return Code(Call(name, (x.term,), (("axis", Num(str(axis))),)), (kept,), axis == 0)

    return build


def _along(name: str, reduces: bool) -> Builder:
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


def _winner(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    (x,) = args
    axis = _axis(x, keywords)
    more = () if axis is None or x.order == 1 else (("axis", Num(str(axis))),)
    return Code(Call("first_largest", (x.term,), more), x.shape, x.row)


def _norm2(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    (x,) = args
    if x.order == 0:
        return Code(Call("abs", (x.term,)))
    axis = _axis(x, keywords)
    if axis is None or x.order == 1:
        return Code(Call("linalg.norm", (x.term,)))
    more = (("axis", Num(str(axis))),)
    return Code(Call("linalg.norm", (x.term,), more), (x.shape[1 - axis],), axis == 0)


def _of_absolute(name: str) -> Builder:
    reduce = _reduction(name)

    def build(args: Arguments, keywords: Keywords, t: Translator) -> Code:
        x = args[0]
        return reduce([Code(Call("abs", (x.term,)), x.shape, x.row)], keywords, t)

    return build


# -- matrices -------------------------------------------------------------------------------------


def _trace(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    (x,) = args
    if x.order != 2:
        raise NoCode("a trace")
    if isinstance(x.term, Binary) and x.term.op == "@":
        right = transposed(Code(x.term.right, (1, 1))).term
        return Code(Call("sum", (Binary("*", x.term.left, right),)))
    return Code(Call("trace", (x.term,)))


def _matrix(name: str, scalar: bool = True) -> Builder:
    def build(args: Arguments, keywords: Keywords, _: Translator) -> Code:
        (x,) = args
        if x.order != 2:
            raise NoCode(name)
        return Code(Call(name, (x.term,)), () if scalar else x.shape)

    return build


def _logdet(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    (x,) = args
    if x.order != 2:
        raise NoCode("logdet")
    return Code(Index(Call("linalg.slogdet", (x.term,)), (Num("1"),)))


def _diag(args: Arguments, keywords: Keywords, _: Translator) -> Code:
    (x,) = args
    if x.order == 0:
        raise NoCode("diag of a scalar")
    n = x.shape[0]
    return Code(Call("diag", (x.term,)), (n, n) if x.order == 1 else (n,))


def _kron(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    a, b = args
    if a.order == 0 or b.order == 0:
        from .translate import times

        return times(a, b) if a.order == 0 else times(b, a)
    if a.order == b.order == 1:
        if a.row == b.row:
            return Code(Call("kron", (a.term, b.term)), (_times(a.shape[0], b.shape[0]),), a.row)
        column, row = (b, a) if a.row else (a, b)
        return Code(Call("outer", (column.term, row.term)), (column.shape[0], row.shape[0]))
    a, b = upright(a), upright(b)
    shape = (_times(a.shape[0], b.shape[0]), _times(a.shape[1], b.shape[1]))
    return Code(Call("kron", (a.term, b.term)), shape)


def _times(a: Dim, b: Dim) -> Dim:
    return dims.dim(dims.number(a) * dims.number(b))


def _vec(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    (x,) = args
    if x.order < 2:
        return Code(x.term, x.shape)
    term = transposed(x).term if t.vec == "column" else x.term
    return Code(Call("ravel", (term,)), (_times(*x.shape),))


def _unvec(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    v, m, n = args
    shape = (t.size(m), t.size(n))
    if t.vec == "column":
        whole = Call("reshape", (v.term, tuple_of((n.term, m.term))))
        return Code(Transpose(whole), shape)
    return Code(Call("reshape", (v.term, tuple_of((m.term, n.term)))), shape)


def _constant(name: str) -> Builder:
    def build(args: Arguments, keywords: Keywords, t: Translator) -> Code:
        shape = tuple(t.size(a) for a in args)
        terms = tuple(a.term for a in args)
        if name == "eye":
            return Code(Call("eye", terms), shape * (2 if len(shape) == 1 else 1))
        size = terms[0] if len(terms) == 1 else tuple_of(terms)
        return Code(Call(name, (size,)), shape)

    return build


def _commutation(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    m, n = args
    size = _times(t.size(m), t.size(n))
    return Code(Call("commutation", (m.term, n.term)), (size, size))


def _concat(args: Arguments, keywords: Keywords, t: Translator) -> Code:
    if any(a.order != 1 or a.row for a in args):
        raise NoCode("concat of matrices")
    total = dims.dim(sum(dims.number(a.shape[0]) for a in args))
    return Code(Call("concat", (List(tuple(a.term for a in args)),)), (total,))


def _x(write: Callable[[Expr], Expr]) -> Builder:
    return _map(write)


FUNCTIONS: dict[str, Builder] = {
    **{
        f: _plain(f)
        for f in (
            "exp", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
            "cosh", "tanh", "sign", "abs", "sigmoid", "relu", "erf", "step",
        )
    },
    "square": _x(lambda x: Binary("**", x, Num("2"))),
    "reciprocal": _x(lambda x: Binary("/", Num("1"), x)),
    "silu": _x(lambda x: Binary("*", x, Call("sigmoid", (x,)))),
    "mish": _x(lambda x: Binary("*", x, Call("tanh", (Call("softplus", (x,)),)))),
    "softsign": _x(lambda x: Binary("/", x, Binary("+", Num("1"), Call("abs", (x,))))),
    "logsigmoid": _x(lambda x: Neg(Call("softplus", (Neg(x),)))),
    "gelu": _gelu,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "softplus": _softplus,
    "clip": _clip,
    "maximum": _two("maximum"),
    "minimum": _two("minimum"),
    "where": _where,
    **{f: _reduction(f) for f in ("sum", "mean", "max", "min", "prod")},
    "softmax": _along("softmax", False),
    "log_softmax": _along("log_softmax", False),
    "logsumexp": _along("logsumexp", True),
    "argmax_onehot": _winner,
    "norm2": _norm2,
    "frobenius": _norm2,
    "norm1": _of_absolute("sum"),
    "norm_inf": _of_absolute("max"),
    "tr": _trace,
    "det": _matrix("linalg.det"),
    "cholesky": _matrix("linalg.cholesky", False),
    "tril": _matrix("tril", False),
    "triu": _matrix("triu", False),
    "logdet": _logdet,
    "diag": _diag,
    "kron": _kron,
    "vec": _vec,
    "unvec": _unvec,
    "eye": _constant("eye"),
    "ones": _constant("ones"),
    "zeros": _constant("zeros"),
    "commutation": _commutation,
    "concat": _concat,
}  # fmt: skip
