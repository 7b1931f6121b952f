"""A convolution layer, forward and both gradients, against PyTorch on one thread.

128×128 pixels, 3 channels, 16 filters of 3×3. Ours are the derivation's own nodes, prepared once
and run as training runs them; the values are compared before anything is timed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

from .harness import Measured, Row, loops

ROUNDS = 9
CASES = (
    (1, "float32", "≤ 1.0"),
    (32, "float32", "≤ 0.55"),
    (1, "float64", ""),
    (32, "float64", ""),
)
CLOSE = {"float32": 1e-4, "float64": 1e-10}


def rows() -> list[Row]:
    return [measured(*case) for case in CASES]


def measured(batch: int, kind: str, bar: str) -> Row:
    import numpy as np

    from tutor.calculus.reverse import pullback
    from tutor.graph.node import const, ein, var
    from tutor.numeric.program import Program
    from tutor.ops import OPS, Val

    x, w = var("x", (batch, 3, 128, 128)), var("w", (16, 3, 3, 3))
    y = OPS["conv2d"].define(Val(x), Val(w)).node
    up = var("u", y.shape)
    axes = tuple(range(y.order))
    grads = pullback(ein([(y, axes), (up, axes)], ()), const(1), [x, w])
    program = Program([y, *grads], [x, w, up], {})
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(v.shape).astype(kind) for v in (x, w, up)]
    compared: dict[str, Callable[[], object]] = {"ours": lambda: program(arrays)}
    if importlib.util.find_spec("torch"):
        compared["torch"] = in_torch(arrays)
        for ours, theirs in zip(program(arrays), in_torch(arrays)(), strict=True):
            assert str(ours.dtype) == kind
            assert np.max(np.abs(ours - theirs)) <= CLOSE[kind] * np.max(np.abs(theirs))
    found = loops(compared, ROUNDS)
    return Row(
        f"convolution 128×128×3→16, 3×3, forward + both gradients, {kind}, batch {batch}",
        Measured(found["ours"]),
        "PyTorch",
        Measured(found["torch"]) if "torch" in found else None,
        bar,
    )


def in_torch(arrays: list) -> Callable[[], list]:
    import torch

    torch.set_num_threads(1)
    x, w = (torch.tensor(a, requires_grad=True) for a in arrays[:2])
    up = torch.tensor(arrays[2])

    def run() -> list:
        x.grad = w.grad = None
        y = torch.nn.functional.conv2d(x, w)
        y.backward(up)
        return [y.detach().numpy(), x.grad.numpy(), w.grad.numpy()]  # type: ignore[union-attr]

    return run


def training() -> Row:
    """10,000 steps of the 2-2-2 network, from the loaded problem to the losses."""
    import time
    from pathlib import Path

    import tutor

    file = Path(__file__).parents[1] / "problems/optimisers/mazur.yaml"
    problem = tutor.load(file)
    began = time.perf_counter()
    solved = problem.solve()
    seconds = time.perf_counter() - began
    assert solved.solution.ok
    return Row(
        "10,000 training steps of a 2-2-2 network, with the whole exercise and its checks",
        Measured(seconds), "", None, "< 5 s",
    )  # fmt: skip
