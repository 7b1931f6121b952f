"""Canonical calls in the words of one library."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..expr import Binary, Call, Expr, Index, List, Name, Neg, Num, Transpose
from .libraries import Library

_ZERO = Num("0.0")

# Functions that a library writes with others: name -> (arguments -> term in canonical calls).
_NUMPY: Mapping[str, Callable[..., Expr]] = {
    "relu": lambda x: Call("maximum", (x, _ZERO)),
    "step": lambda x: Call("where", (Binary(">", x, Num("0")), Num("1.0"), _ZERO)),
    "softplus": lambda x: Call("logaddexp", (_ZERO, x)),
    "indicator": lambda c: Call("where", (c, Num("1.0"), _ZERO)),
    "positions": lambda n: Call("arange", (n,)),
}
_JAX: Mapping[str, Callable[..., Expr]] = {
    **{name: _NUMPY[name] for name in ("step", "softplus", "indicator", "positions")},
    "elu": lambda x, a: Call("jax.nn.elu", (x, a)),
}
_TORCH: Mapping[str, Callable[..., Expr]] = {
    "softplus": lambda x: Call("torch.nn.functional.softplus", (x,)),
    "elu": lambda x, a: Call("torch.nn.functional.elu", (x, a)),
}
_REWRITES = {"numpy": _NUMPY, "jax": _JAX, "torch": _TORCH}
_NEW = ("eye", "ones", "zeros", "constant")  # arrays out of nothing: of the type of another
# helpers that take it
_LIKE = ("commutation", "elimination", "duplication", "indicator", "one_hot")
_LAST = ("softmax", "log_softmax", "logsumexp")  # torch wants the axis said


def spelled(e: Expr, library: Library, like: str | None) -> Expr:
    """The term in the library's words; `like` is an array whose dtype new arrays take."""
    match e:
        case Call():
            return _call(e, library, like)
        case Neg():
            return Neg(spelled(e.arg, library, like))
        case Transpose():
            return Transpose(spelled(e.arg, library, like))
        case Binary():
            left, right = (spelled(x, library, like) for x in (e.left, e.right))
            return Binary(e.op, left, right)
        case Index():
            items = tuple(spelled(x, library, like) for x in e.items)
            return Index(spelled(e.arg, library, like), items)
        case List():
            return List(tuple(spelled(x, library, like) for x in e.items))
        case _:
            return e


def _call(e: Call, library: Library, like: str | None) -> Expr:
    rewrite = _REWRITES[library.name].get(e.func)
    if rewrite is not None:
        return spelled(rewrite(*e.args), library, like)
    args = tuple(spelled(a, library, like) for a in e.args)
    if e.func in ("pi", "e"):
        return Name(library.functions[e.func])
    keywords = dict(e.kwargs)
    if library.like:
        if e.func in _LAST:
            keywords.setdefault("axis", Neg(Num("1")))
        if e.func in _NEW and like is not None:
            keywords |= {"dtype": Name(f"{like}.dtype"), "device": Name(f"{like}.device")}
        if e.func == "positions" and like is not None:
            keywords |= {"device": Name(f"{like}.device")}
        if e.func in _LIKE and like is not None:
            args = (*args, Name(like))
    if e.func == "einsum" and library.name == "numpy":
        keywords["optimize"] = Name("True")
    named = tuple((library.keywords.get(k, k), v) for k, v in keywords.items())
    return Call(library.functions.get(e.func, e.func), args, named)
