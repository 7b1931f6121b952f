"""What the two gradients of a convolution have in common when they are worked by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..expr import Expr, Name, Partial
from ..steps import Picture, Step, Text
from .chain import Adjoint
from .slid import Slid


@dataclass(frozen=True)
class Back:
    s: Slid
    result: str
    adjoint: Adjoint
    upstream: np.ndarray  # as the output: (examples, outputs, *places)
    G: Name  # the upstream with zeros between and around its entries

    @property
    def wrt(self) -> Partial:
        return Partial(Name(self.result), Name(self.adjoint.line.name))

    @property
    def of(self) -> Expr:
        """What arrives from above."""
        return Partial(Name(self.result), Name(self.s.line.name))

    def step(
        self, kind: str, title: Text, members: tuple[Expr, ...], why: Text, picture: Picture | None,
        decimal: Expr | None = None,
    ) -> Step:  # fmt: skip
        name = self.adjoint.line.name
        return Step(
            f"{kind}.{name}", "chain", "convolution backwards", title, members, approx=decimal,
            why=why, uses=(f"chain.{name}",), picture=picture,
        )  # fmt: skip


def each(numbers: list[int]) -> str:
    """2; 2 × 3 along two axes that differ."""
    return str(numbers[0]) if len(set(numbers)) == 1 else " × ".join(map(str, numbers))
