"""Hessians as compiled functions, against the closed form written by hand, torch and JAX.

Each case: an expression, what a person would write for its Hessian, and the loss for the peers.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import tutor

from .harness import Measured, Row, loops

ROUNDS = 9
CLOSE = 1e-8
LAYERS = 10

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    what: str
    expression: str
    wrt: str
    shapes: Mapping[str, str]
    arrays: Arrays
    by_hand: Callable[..., np.ndarray]
    loss: Callable[[Any, Mapping[str, Any]], Any]  # (library, arrays) -> the scalar


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _logistic_by_hand(X: np.ndarray, w: np.ndarray, y: np.ndarray) -> np.ndarray:
    p = _sigmoid(y * (X @ w))
    return X.T @ ((y * y * p * (1 - p))[:, None] * X)


def _relu_net(x: Any, weights: list[Any], relu: Callable[[Any], Any]) -> Any:
    for W in weights:
        x = relu(W @ x)
    return x


def _relu_net_by_hand(x: np.ndarray, **weights: np.ndarray) -> np.ndarray:
    jacobian = np.eye(len(x))
    for k in range(1, LAYERS + 1):
        W = weights[f"W{k}"]
        z = W @ x
        jacobian = (z > 0)[:, None] * (W @ jacobian)
        x = np.maximum(z, 0)
    e = np.exp(x - x.max())
    p = e / e.sum()
    return jacobian.T @ (p[:, None] * jacobian) - np.outer(p @ jacobian, p @ jacobian)


def cases() -> list[Case]:
    rng = np.random.default_rng(1)
    n, k = 300, 100
    weights = {f"W{i}": rng.standard_normal((30, 30)) / 4 for i in range(1, LAYERS + 1)}
    net = "x"
    for i in range(1, LAYERS + 1):
        net = f"relu(W{i} @ {net})"
    return [
        Case(
            f"quadratic, n = {n}", "x.T @ A @ x", "x", {"A": "matrix(n, n)", "x": "vector(n)"},
            {"A": rng.standard_normal((n, n)), "x": rng.standard_normal(n)},
            lambda A, x: A + A.T, lambda lib, a: a["x"] @ a["A"] @ a["x"],
        ),
        Case(
            f"logistic regression, n = {n}", "sum(log(1 + exp(-y * (X @ w))))", "w",
            {"X": "matrix(m, n)", "w": "vector(n)", "y": "vector(m)"},
            {"X": rng.standard_normal((n, n)), "w": rng.standard_normal(n) / 10,
             "y": rng.choice([-1.0, 1.0], size=n)},
            _logistic_by_hand,
            lambda lib, a: lib.log(1 + lib.exp(-a["y"] * (a["X"] @ a["w"]))).sum(),
        ),
        Case(
            f"matrix factorisation, {k}×5", "norm2(X - U @ V.T)**2", "U",
            {"X": "matrix(m, n)", "U": "matrix(m, k)", "V": "matrix(n, k)"},
            {"X": rng.standard_normal((k, k)), "U": rng.standard_normal((k, 5)),
             "V": rng.standard_normal((k, 5))},
            lambda X, U, V: 2 * np.kron(V.T @ V, np.eye(len(U))),
            lambda lib, a: ((a["X"] - a["U"] @ a["V"].T) ** 2).sum(),
        ),
        Case(
            f"{LAYERS}-layer ReLU network, width 30, logsumexp", f"logsumexp({net})", "x",
            {"x": "vector(n)", **{name: "matrix(n, n)" for name in weights}},
            {"x": rng.standard_normal(30), **weights},
            _relu_net_by_hand,
            lambda lib, a: lib.log(lib.exp(_relu_net(
                a["x"], [a[w] for w in weights], getattr(lib, "relu", None) or _jax_relu)).sum()),
        ),
    ]  # fmt: skip


def _jax_relu(x: Any) -> Any:
    return importlib.import_module("jax").nn.relu(x)


def in_torch(case: Case) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(1)
    arrays = {k: torch.tensor(v) for k, v in case.arrays.items()}
    hessian = torch.func.hessian(lambda x: case.loss(torch, {**arrays, case.wrt: x}))
    return lambda: hessian(arrays[case.wrt])


def in_jax(case: Case) -> Callable[[], Any]:
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")  # one thread, like all
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    arrays = {k: jax.numpy.asarray(v) for k, v in case.arrays.items()}
    hessian = jax.jit(jax.hessian(lambda x: case.loss(jax.numpy, {**arrays, case.wrt: x})))
    return lambda: hessian(arrays[case.wrt]).block_until_ready()


def measured(case: Case) -> Row:
    """Refuses to time what is not right."""
    derived = tutor.derive(
        case.expression, case.wrt, kind="hessian", checking=False,
        declare=[f"{name}: {shape}" for name, shape in case.shapes.items()],
    )  # fmt: skip
    function = derived.compile("numpy")
    want = case.by_hand(**case.arrays)
    got = np.asarray(function(**_taken(derived, case.arrays)))
    assert got.shape == want.shape and np.max(np.abs(got - want)) <= CLOSE * np.max(np.abs(want))
    arguments = _taken(derived, case.arrays)
    compared: dict[str, Callable[[], object]] = {
        "ours": lambda: function(**arguments),
        "hand": lambda: case.by_hand(**case.arrays),
    }
    if importlib.util.find_spec("torch"):
        compared["torch.func.hessian"] = in_torch(case)
    if importlib.util.find_spec("jax"):
        compared["jitted jax.hessian"] = in_jax(case)
    found = loops(compared, ROUNDS)
    others = [f"{name} takes {found[name] / found['hand']:.1f} times as long as by hand"
              for name in compared if " " in name or "." in name]  # fmt: skip
    return Row(
        f"compiled Hessian: {case.what}",
        Measured(found["ours"]),
        "by hand",
        Measured(found["hand"]),
        "≤ 1.2",
        "; ".join(others),
    )


def _taken(derived: Any, arrays: Arrays) -> dict[str, np.ndarray]:
    """The arguments that the function has: a Hessian may not depend on all of them."""
    import inspect

    names = inspect.signature(derived.compile("numpy")).parameters
    return {k: v for k, v in arrays.items() if k in names}


def rows() -> list[Row]:
    return [measured(case) for case in cases()]
