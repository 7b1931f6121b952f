"""Where the minus sign of a product stands: at its first factor, −2 Xᵀ (y − Xw)."""

from __future__ import annotations

from ..expr import Binary, Call, Expr, Index, Neg, Transpose
from .chains import with_powers


def led(e: Expr) -> Expr:
    """The term with every minus sign in front of a product moved to the product's first factor.

    Powers of a factor in a chain of products are gathered on the way.
    """
    match e:
        case Neg():
            return _negative(led(e.arg))
        case Binary():
            left, right = led(e.left), led(e.right)
            same = left is e.left and right is e.right
            whole = e if same else Binary(e.op, left, right, e.elementwise)
            return with_powers(whole) if e.op == "@" else whole
        case Call():
            args = tuple(led(a) for a in e.args)
            return e if args == e.args else Call(e.func, args, e.kwargs)
        case Transpose():
            arg = led(e.arg)
            return e if arg is e.arg else Transpose(arg)
        case Index():
            arg = led(e.arg)
            return e if arg is e.arg else Index(arg, e.items)
        case _:
            return e


def _negative(e: Expr) -> Expr:
    match e:
        case Neg():
            return e.arg
        case Binary("@" | "*" | "/"):
            return Binary(e.op, _negative(e.left), e.right, e.elementwise)
        case _:
            return Neg(e)
