"""Functions with a kink at 0: relu, |t|, sign and step, told by their two sides.

What holds at the kink itself is kept: a rewrite is made where both sides and the value at 0 agree.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import cast

import sympy as sp

from ..graph.node import T
from ..ops.scalar import relu, step

KINKED = (step, relu, sp.Abs, sp.sign)
RIGHT = sp.Symbol("r", positive=True)


@lru_cache(maxsize=4096)
def by_sides(f: sp.Expr) -> sp.Expr:
    """step(t) relu(t) as relu(t), |t| sign(t) as t, step(t)² as step(t); or f as it is."""
    if not f.has(*KINKED):
        return f
    f = _with(f, _is_power_of_mask, lambda e: e.base)
    f = _with(f, _is_flag_of_mask, lambda e: e.args[0])
    f = _with(f, _is_size_of_mask, lambda e: -e.args[0])
    f = _with(f, _is_flag_of_mask, lambda e: e.args[0])
    right, left = _on_side(f, 1), _on_side(f, -1)
    if right is None or left is None:
        return f
    new = _from_sides(right, left, f.subs(T, 0))
    return f if new is None or sp.count_ops(new) > sp.count_ops(f) else new


def _with(
    f: sp.Expr, is_one: Callable[[sp.Expr], bool], new: Callable[[sp.Expr], sp.Expr]
) -> sp.Expr:
    """f with subterms replaced."""
    return cast(sp.Expr, f.replace(is_one, new))


def is_zero_one(f: sp.Expr) -> bool:
    """Whether f is 0 or 1 everywhere: step(…), 1 − step(…), products of these."""
    if isinstance(f, step):
        return True
    if f.is_Mul:
        return all(is_zero_one(a) for a in f.args)
    return bool(f.is_Add) and isinstance(1 - f, step)


def _is_power_of_mask(e: sp.Expr) -> bool:
    return e.is_Pow and e.exp.is_Integer and e.exp.is_positive and is_zero_one(e.base)


def _is_flag_of_mask(e: sp.Expr) -> bool:
    """step(m), |m|, step(|m|) are m itself."""
    return isinstance(e, step | sp.Abs) and is_zero_one(e.args[0])


def _is_size_of_mask(e: sp.Expr) -> bool:
    """|m − 1| is 1 − m."""
    return isinstance(e, sp.Abs) and is_zero_one(-e.args[0])


def _on_side(f: sp.Expr, side: int) -> sp.Expr | None:
    """f for t > 0, or for t < 0, where it is a polynomial there."""
    settled = settled_on_side(f, side)
    if settled is None:
        return None
    settled = sp.expand(settled)
    return settled if settled.is_polynomial(T) else None


def settled_on_side(f: sp.Expr, side: int) -> sp.Expr | None:
    """f with its kinked functions replaced by what they are on that side; None if one is open."""
    if not f.has(*KINKED):
        return f
    args = [settled_on_side(a, side) for a in f.args]
    if any(a is None for a in args):
        return None
    if not isinstance(f, KINKED):
        return f.func(*args)
    (inner,) = args
    there = inner.subs(T, side * RIGHT)  # type: ignore[union-attr]
    if there.is_zero:
        return sp.S.Zero
    if there.is_positive:
        return inner if isinstance(f, relu | sp.Abs) else sp.S.One
    if there.is_negative:
        return {sp.Abs: -inner, sp.sign: sp.S.NegativeOne}.get(f.func, sp.S.Zero)  # type: ignore[operator]
    return None


def _from_sides(right: sp.Expr, left: sp.Expr, middle: sp.Expr) -> sp.Expr | None:
    if right == left:
        return right if middle == right.subs(T, 0) else None
    if left == 0:
        return _one_sided(right, middle)
    if right == 0:
        new = _one_sided(sp.expand(left.subs(T, -T)), middle)
        return None if new is None else new.subs(T, -T)
    if sp.expand(right + left) == 0 and middle == 0:
        if not right.has(T):
            return right * sp.sign(T)
        return right / T * sp.Abs(T) if not (right / T).has(T) else None
    return None


def _one_sided(right: sp.Expr, middle: sp.Expr) -> sp.Expr | None:
    """What is `right` for t > 0, `middle` at 0 and 0 for t < 0."""
    start = right.subs(T, 0)
    number, rest = right.as_independent(T, as_Add=False)
    base, power = rest.as_base_exp()
    if base == T and middle == 0:
        return number * relu(T) ** power
    if middle == 0:
        return right * step(T)
    return right * (1 - step(-T)) if middle == start else None
