"""Where the minus sign of a product stands: at its first factor, −2 Xᵀ (y − Xw)."""

from __future__ import annotations

from ..expr import Binary, Call, Expr, Index, Neg, Transpose


def led(e: Expr) -> Expr:
    """The term with every minus sign in front of a product moved to the product's first factor."""
    match e:
        case Neg():
            return _negative(led(e.arg))
        case Binary():
            left, right = led(e.left), led(e.right)
            if left is e.left and right is e.right:
                return e
            return Binary(e.op, left, right, e.elementwise)
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
