"""A window along an axis whose size, or the kernel's, is not a number yet.

`sizes` has the formula in numbers; this is what can be said of it before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from .sizes import NoWindowError, output_size

Dim = int | sp.Expr
MOST = 5000  # sizes that are tried one by one


@dataclass(frozen=True)
class Window:
    """How something slides along an axis of `size` entries, where not all numbers are known."""

    size: Dim
    kernel: Dim = 1
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    ceil: bool = False

    @property
    def room(self) -> sp.Expr:
        """How far the first window can still move."""
        padding = self.before + self.after
        return sp.expand(self.size + padding - self.dilation * (self.kernel - sp.S.One) - 1)

    def count(self, size: int, kernel: int) -> int | None:
        """The number of windows; None if not even one fits."""
        padding = (self.before, self.after)
        try:
            return output_size(size, kernel, self.stride, padding, self.dilation, self.ceil)
        except NoWindowError:
            return None

    def inputs(self, outputs: Sequence[int]) -> tuple[int, ...] | None:
        """All sizes (or kernels, where the size is known) that have one of these outputs.

        None where both are open, or where there are too many.
        """
        wanted = set(outputs)
        if isinstance(self.kernel, int):
            span = self.dilation * (self.kernel - 1) + 1 - self.before - self.after
            first, last = min(outputs) - 2, max(outputs) + 1  # one window more or less: rounded up
            tried = range(max(1, first * self.stride + span), last * self.stride + span + 1)
            if len(tried) > MOST:
                return None
            return tuple(n for n in tried if self.count(n, self.kernel) in wanted)
        if isinstance(self.size, int) and self.size < MOST:
            tried = range(1, self.size + self.before + self.after + 1)
            return tuple(k for k in tried if self.count(self.size, k) in wanted)
        return None

    @property
    def formula(self) -> sp.Expr:
        """The number of windows as an expression in the sizes."""
        if self.stride == 1:
            return self.room + 1
        if not self.ceil:
            return sp.floor(self.room / self.stride) + 1
        last = sp.floor(sp.expand(self.size + self.before - sp.S.One) / self.stride)
        whole = sp.floor((self.room + self.stride - 1) / self.stride)
        return (whole if self.hangs_over else sp.Min(whole, last)) + 1

    @property
    def hangs_over(self) -> bool:
        """Whether a last window that is rounded up for certain starts on the input."""
        spans = self.dilation * (self.kernel - sp.S.One) + 1
        return bool((spans - self.after - self.stride).is_nonnegative)
