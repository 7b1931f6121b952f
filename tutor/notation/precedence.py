"""How tightly each construct binds: the one table that decides about parentheses.

Two columns, because paper and the input syntax differ: on paper a juxtaposed product (`Wx`) binds
tighter than ⊙, and −ab is the same ink whether it is (−a)b or −(ab); the input syntax is Python's.
"""

from __future__ import annotations

from enum import IntEnum

from ..expr import Binary, Expr, Neg, Partial


class Level(IntEnum):
    """Loosest first. An operand is parenthesised when it is looser than its place allows."""

    COMPARE = 1
    ADD = 2
    NEG = 3
    HADAMARD = 4  # ⊙ ⊘ ⊗ ⋆, on paper only
    MUL = 5
    UNARY = 6  # -x of the input syntax; a fraction on paper
    POWER = 7
    ATOM = 8  # names, numbers, calls, and what is written behind them (.T, [i])


COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")

# op: (its level, least level of the left operand, least level of the right operand)
SYNTAX: dict[str, tuple[Level, Level, Level]] = {
    **{op: (Level.COMPARE, Level.ADD, Level.ADD) for op in COMPARISONS},
    **{op: (Level.ADD, Level.ADD, Level.MUL) for op in "+-"},
    **{op: (Level.MUL, Level.MUL, Level.UNARY) for op in "*/@"},
    "**": (Level.POWER, Level.ATOM, Level.UNARY),
}
SYNTAX_NEG = (Level.UNARY, Level.UNARY)  # its own level, least level of the operand

PAPER: dict[str, tuple[Level, Level, Level]] = {
    **{op: (Level.COMPARE, Level.ADD, Level.ADD) for op in COMPARISONS},
    "+": (Level.ADD, Level.ADD, Level.NEG),
    "-": (Level.ADD, Level.ADD, Level.HADAMARD),
    "*": (Level.MUL, Level.MUL, Level.UNARY),
    "/": (Level.MUL, Level.MUL, Level.POWER),
    "@": (Level.MUL, Level.MUL, Level.UNARY),
    "**": (Level.POWER, Level.ATOM, Level.ADD),
    ".*": (Level.HADAMARD, Level.HADAMARD, Level.MUL),
    "./": (Level.HADAMARD, Level.HADAMARD, Level.MUL),
    "kron": (Level.HADAMARD, Level.MUL, Level.MUL),
}
PAPER_NEG = (Level.NEG, Level.HADAMARD)


def paper_op(e: Binary) -> str:
    """The row of PAPER that an operator prints by."""
    return f".{e.op}" if e.elementwise and e.op in ("*", "/") else e.op


def levels(e: Binary) -> tuple[Level, Level, Level]:
    """The row of PAPER for e; a quotient of a quotient keeps its parentheses: (∂L/∂y)/x."""
    level, left, right = PAPER[paper_op(e)]
    nested = e.op == "/" and not e.elementwise and _quotient(e.left)
    return level, Level.POWER if nested else left, right


def _quotient(e: Expr) -> bool:
    """Whether it ends in a quotient."""
    while isinstance(e, Binary) and e.op == "*" and not e.elementwise:
        e = e.right
    return isinstance(e, Partial) or (isinstance(e, Binary) and e.op == "/")


# Right operands that need no parentheses although they bind no tighter: a(bc) = (ab)c.
ASSOCIATIVE = {
    "+": frozenset("+-"),
    "*": frozenset("*@"),
    "@": frozenset("@"),
    ".*": frozenset((".*",)),
}


def associates(e: Binary, right: Expr) -> bool:
    """`e`'s right operand may stand without parentheses because the operation is associative."""
    if not isinstance(right, Binary) or leading_minus(right):
        return False
    return paper_op(right) in ASSOCIATIVE.get(paper_op(e), ())


def leading_minus(e: Expr) -> bool:
    """On paper, the term starts with a minus sign (so it cannot follow an operator bare)."""
    while isinstance(e, Binary) and e.op != "**":
        e = e.left
    return isinstance(e, Neg)


PRODUCTS = frozenset(("*", "/", "@", ".*", "./"))


def pull_minus(e: Binary) -> Expr:
    """(−a)b as −(ab), and c + (−a)b as c − ab: less ink, no parentheses."""
    if e.op == "+" and isinstance(e.right, Binary):
        right = pull_minus(e.right)
        return Binary("-", e.left, right.arg, e.elementwise) if isinstance(right, Neg) else e
    if paper_op(e) not in PRODUCTS:
        return e
    left = pull_minus(e.left) if isinstance(e.left, Binary) else e.left
    return Neg(Binary(e.op, left.arg, e.right, e.elementwise)) if isinstance(left, Neg) else e
