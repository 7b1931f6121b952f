"""Terms in the input syntax: what `text` prints, the parser reads back to an equal term."""

from __future__ import annotations

from ..expr import (
    Binary,
    Call,
    Component,
    Const,
    Expr,
    Index,
    List,
    Name,
    Neg,
    Num,
    Partial,
    Slice,
    Str,
    Sum,
    Transpose,
    walk,
)
from .precedence import SYNTAX, SYNTAX_NEG, Level


def text(e: Expr) -> str:
    """The term as typed. Display-only terms print as `dL/dw`, `y[i]` and `sum_k(…)`."""
    return _print(e)[0]


def _print(e: Expr) -> tuple[str, Level]:
    match e:
        case Num():
            return e.text, Level.ATOM
        case Name():
            return e.id, Level.ATOM
        case Str():
            quote = "'" if '"' in e.value else '"'
            return f"{quote}{e.value}{quote}", Level.ATOM
        case Const():
            return str(e.value), Level.ATOM
        case Call():
            given = [text(a) for a in e.args] + [f"{k}={text(v)}" for k, v in e.kwargs]
            return f"{e.func}({', '.join(given)})", Level.ATOM
        case Neg():
            level, least = SYNTAX_NEG
            return "-" + _at(e.arg, least), level
        case Binary():
            return _binary(e)
        case Transpose():
            return _head(e.arg) + ".T", Level.ATOM
        case Slice():
            start, stop = (text(x) if x is not None else "" for x in (e.start, e.stop))
            step = f":{text(e.step)}" if e.step is not None else ""
            return f"{start}:{stop}{step}", Level.COMPARE
        case Index():
            return f"{_head(e.arg)}[{', '.join(text(i) for i in e.items)}]", Level.ATOM
        case List():
            return f"[{', '.join(text(i) for i in e.items)}]", Level.ATOM
        case Partial():
            return f"d{_at(e.of, Level.ATOM)}/d{_at(e.wrt, Level.ATOM)}", Level.UNARY
        case Component():
            return f"{_head(e.arg)}[{', '.join(text(i) for i in e.indices)}]", Level.ATOM
        case Sum():
            over = "" if e.last is None else f", range({text(e.last)} + 1)"
            return f"sum_{'_'.join(e.indices)}({text(e.body)}{over})", Level.ATOM


def _binary(e: Binary) -> tuple[str, Level]:
    level, left, right = SYNTAX[e.op]
    if e.op == "*" and not e.elementwise and isinstance(e.left, Binary) and e.left.op == "@":
        left = Level.UNARY  # (x.T @ y) * x: the same to the parser, and easier on the reader
    if e.op == "@" and isinstance(e.left, Binary) and e.left.elementwise:
        left = Level.UNARY  # (v * u) @ x.T
    if e.op == "/" and isinstance(e.right, Partial):
        right = Level.POWER  # a / dL/dw would read as (a/dL)/dw
    tight = e.op == "**" or (e.op in "*/" and _constant(e.left) and _constant(e.right))
    op = e.op if tight else f" {e.op} "
    return f"{_at(e.left, left)}{op}{_at(e.right, right)}", level


def _constant(e: Expr) -> bool:
    """A number such as pi/2, whose parts stand close together."""
    return all(isinstance(x, Num | Binary) or x == Name("pi") for x in walk(e))


def _at(e: Expr, least: Level) -> str:
    out, level = _print(e)
    return out if level >= least else f"({out})"


def _head(e: Expr) -> str:
    """What `.T` or `[…]` may follow; a bare number may not (`2.T`)."""
    return f"({text(e)})" if isinstance(e, Num) else _at(e, Level.ATOM)
