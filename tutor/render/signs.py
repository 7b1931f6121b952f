"""The signs between the members of an equation: ≈ beside a rounded number, else =."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from ..expr import EQUAL, NEAR, Expr, is_rounded
from ..steps import Step

LATEX = {EQUAL: "=", NEAR: r"\approx"}


def members(step: Step) -> tuple[Expr, ...]:
    """The step's whole chain, with the decimal at its end."""
    if step.approx is None or not step.equation:
        return step.equation
    return (*step.equation, step.approx)


def signed(chained: Sequence[Expr]) -> Iterator[tuple[str, Expr]]:
    """Every member but the first, with the sign before it."""
    rounded = [is_rounded(e) for e in chained]
    for (before, here), e in zip(pairwise(rounded), chained[1:], strict=True):
        yield NEAR if before or here else EQUAL, e


def chain(chained: Sequence[Expr], show: Callable[[Expr], str], *, latex: bool = False) -> str:
    """e0 = e1 ≈ e2 on one line; nothing where there are no members."""
    shown = [show(e) for e in chained[:1]]
    shown += [f"{LATEX[sign] if latex else sign} {show(e)}" for sign, e in signed(chained)]
    return " ".join(shown)
