"""How far a long training is: on standard error, and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic

PATIENCE = 1.0  # seconds before anything is said
PAUSE = 0.2  # seconds between two lines


class Progress:
    """Called with the steps made, the steps in all and the loss; `close` wipes the line."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self.next = clock() + PATIENCE
        self.shown = 0

    def __call__(self, made: int, wanted: int, loss: float) -> None:
        now = self.clock()
        if now < self.next or not sys.stderr.isatty():
            return
        self.next = now + PAUSE
        line = f"step {made:,} of {wanted:,}, loss {loss:.6g}"
        sys.stderr.write("\r" + line.ljust(self.shown))
        sys.stderr.flush()
        self.shown = len(line)

    def close(self) -> None:
        if self.shown:
            sys.stderr.write("\r" + " " * self.shown + "\r")
            sys.stderr.flush()
            self.shown = 0
