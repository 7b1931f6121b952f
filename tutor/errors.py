"""What can go wrong, as one tree.

    TutorError                  everything that the command line turns into one message
    ├── InputError      (2)     the file, the expression or the command is wrong: yours to fix
    │   └── ShapeError  (2)     two sizes disagree
    ├── CheckFailed     (3)     the independent check disagrees with the derivation: ours to fix
    └── ToolError       (4)     an external program or an output file failed

The number is the exit status. The place deep down raises with the local fact (and, inside an
expression, the span of characters it concerns); the loader adds file, line and column once, on
the way out (`InputError.at`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Span = tuple[int, int]  # half-open range of characters inside one expression


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a source text: line and column count from 1, in characters."""

    path: str
    line: int
    column: int
    text: str  # the whole source line
    width: int = 1  # how many characters the caret underlines


class TutorError(Exception):
    status = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """What Python prints below a traceback."""
        return self.message if self.hint is None else f"{self.message}\n  {self.hint}"


class InputError(TutorError):
    """Bad input: says what was found, what was expected, and where."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        span: Span | None = None,
        where: Where | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.span = span
        self.where = where

    def at(self, where: Where) -> InputError:
        """Add the place, unless a more precise one is known already."""
        if self.where is None:
            self.where = where
        return self


class ShapeError(InputError):
    """Two sizes disagree; the message names both operands with their shapes.

    notes: how they came by these sizes, one sentence each
    pair: the two operands that do not go together, where the message has holes for them
    failed: the operation, for whoever finds the words
    """

    notes: tuple[str, ...] = ()
    pair: tuple[Any, ...] = ()
    failed: Any = None


REPORT = "this is a fault of tutor; please report it with the problem"


class CheckFailed(TutorError):
    status = 3


class ToolError(TutorError):
    status = 4


# What other libraries call a function, where no slip of the keyboard leads to the name here.
ELSEWHERE = {
    "trace": "tr", "swish": "silu", "norm": "norm2", "inverse": "inv", "ln": "log",
    "expit": "sigmoid", "logistic": "sigmoid", "sgn": "sign", "heaviside": "step",
    "average": "mean", "slogdet": "logdet", "log_sum_exp": "logsumexp", "fabs": "abs",
    "identity": "eye", "bce_loss": "binary_cross_entropy", "expand": "broadcast",
    "view": "reshape", "matmul": "dot", "cat": "concat", "concatenate": "concat",
}  # fmt: skip


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` is most likely a slip of, if any is close."""
    known = sorted(set(known))
    if ELSEWHERE.get(name.lower()) in known:
        return ELSEWHERE[name.lower()]
    folded = {k.lower(): k for k in known}
    if name.lower() in folded:
        return folded[name.lower()]
    cutoff = 0.5 if len(name) == 2 else 0.6  # one of two letters
    found = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint such as ``did you mean `sin`?``, or None."""
    close = nearest(name, known)
    return f"did you mean `{close}`?" if close else None
