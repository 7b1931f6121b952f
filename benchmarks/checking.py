"""The check of a gradient: a network with ten thousand parameters, in random directions."""

from __future__ import annotations

from typing import Any

import numpy as np

import tutor
from tutor import independent
from tutor.problem.elaborate import elaborate
from tutor.tasks.chain import Chain
from tutor.tasks.checked import difference_error
from tutor.tasks.workspace import Workspace
from tutor.value import Value

from .harness import Measured, Row, loops

ROUNDS = 7
BATCH, INPUTS, WIDTH, OUTPUTS = 256, 80, 125, 20


def text() -> str:
    return (
        "given:\n"
        f"  X: random({BATCH}, {INPUTS}, seed=1)\n  T: random({BATCH}, {OUTPUTS}, seed=2)\n"
        f"  W: random({INPUTS}, {WIDTH}, seed=3)\n  V: random({WIDTH}, {OUTPUTS}, seed=4)\n"
        "define:\n  H: tanh(X @ W / 10)\n  Y: H @ V / 10\n  L: mse_loss(Y, T)\n"
        "tasks:\n  - graph\n"
    )


def reverse_pass(X: np.ndarray, T: np.ndarray, W: np.ndarray, V: np.ndarray) -> tuple[Any, ...]:
    """Value and gradients by W and V, as one would write them."""
    H = np.tanh(X @ W / 10)
    Y = H @ V / 10
    D = 2 * (Y - T) / Y.size
    return X.T @ ((D @ V.T / 10) * (1 - H * H) / 10), H.T @ D / 10


def row() -> Row:
    problem = tutor.loads(text()).problem
    ws = Workspace(problem, elaborate(problem))
    chain = Chain(ws, ws.line("L"), ws.line("W"), True)
    assert chain.final is not None and chain.final.value is not None
    derived = Value(chain.final.value).floats()
    given = ws.given_floats()
    by_hand = reverse_pass(**given)
    assert np.allclose(derived, by_hand[0])
    assert difference_error(ws, chain, derived) < 1e-6
    ways = len(independent.directions(derived.shape))
    found = loops(
        {
            "check": lambda: difference_error(ws, chain, derived),
            "pass": lambda: reverse_pass(**given),
        },
        ROUNDS,
    )
    return Row(
        f"check of a gradient by {INPUTS * WIDTH:,} parameters, {ways} random directions",
        Measured(found["check"]),
        "one reverse pass by hand",
        Measured(found["pass"]),
        "≤ 10",
        "",
    )
