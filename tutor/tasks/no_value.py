"""What a task raises where a derivative that it needs does not exist at the given point."""

from __future__ import annotations

from ..errors import InputError
from ..steps import Text


class NoDerivative(InputError):
    """why: which operation has none, in a sentence for readers."""

    def __init__(self, why: Text) -> None:
        super().__init__(
            "the derivative has no value at this point",
            hint="ask at another point, or leave the values out for the formula",
        )
        self.why = why
