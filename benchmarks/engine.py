"""The engine alone: networks by scalars, long chains, derivations that are hard to simplify."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from sympy.core.cache import clear_cache

import tutor
from tutor.calculus.reverse import pullback
from tutor.graph import node as g
from tutor.graph.node import Node, T, map_

from .harness import Measured, Row, calls

ROUNDS = 7
WIDTH = 8
LAYERS = (4, 16, 64, 256)


# -- a network whose weights are scalars ----------------------------------------------------------


def network(
    scalar: Callable[[str], Any], tanh: Callable[[Any], Any], total: Callable[[list[Any]], Any],
    times: Callable[[Any, Any], Any],
) -> tuple[Any, list[Any]]:  # fmt: skip
    """Σ (tanh(V tanh(W x + a) + b) − t)², neuron by neuron, and its 144 parameters."""
    parameters: list[Any] = []

    def parameter(name: str) -> Any:
        parameters.append(scalar(name))
        return parameters[-1]

    values = [scalar(f"x{j}") for j in range(WIDTH)]
    for layer in ("W", "V"):
        values = [
            tanh(total([*(times(parameter(f"{layer}{i}_{j}"), v) for j, v in enumerate(values)),
                        parameter(f"{layer}{i}")]))
            for i in range(WIDTH)
        ]  # fmt: skip
    gaps = [total([y, scalar(f"t{i}")]) for i, y in enumerate(values)]
    return total([times(d, d) for d in gaps]), parameters


def scalars() -> Row:
    loss, parameters = network(lambda n: g.var(n, ()), lambda u: map_(sp.tanh(T), u), g.add, g.mul)
    theirs, symbols = network(
        lambda n: sp.Symbol(n, real=True), sp.tanh, lambda xs: sp.Add(*xs), lambda a, b: a * b
    )
    found = calls(
        {
            "ours": lambda: pullback(loss, g.const(1), parameters),
            "peer": lambda: [sp.diff(theirs, s) for s in symbols],
        },
        ROUNDS,
        clear_cache,
    )
    return Row(
        f"all gradients of a 2-layer network of width {WIDTH}, scalar by scalar",
        Measured(found["ours"]),
        "sympy.diff",
        Measured(found["peer"]),
        "≤ 1/200",
        f"{len(parameters)} parameters; ratio 1/{found['peer'] / found['ours']:.0f}",
    )


# -- a long chain ---------------------------------------------------------------------------------


def tanh_chain(layers: int) -> list[Node]:
    """All gradients of ‖tanh(Wₖ … tanh(W₁ x))‖², with a symbolic size."""
    n = sp.Symbol("n", integer=True, positive=True)
    h = g.var("x", (n,))
    weights = [g.var(f"W{k}", (n, n)) for k in range(layers)]
    for W in weights:
        h = map_(sp.tanh(T), g.ein([(W, "ij"), (h, "j")], "i"))
    return pullback(g.ein([(h, "i"), (h, "i")], ()), g.const(1), weights)


def chain() -> Row:
    found = calls({str(k): (lambda k=k: tanh_chain(k)) for k in LAYERS}, ROUNDS, lambda: None)
    listed = ", ".join(f"{k}: {found[str(k)] * 1000:.1f} ms" for k in LAYERS)
    each = [found[str(k)] / k for k in (LAYERS[0], LAYERS[-1])]
    return Row(
        "all gradients of a 64-layer tanh chain, symbolic sizes",
        Measured(found["64"]),
        "",
        None,
        "≤ 100 ms, linear",
        f"layers and time: {listed}; a layer takes {each[1] / each[0]:.2f} times as long among "
        f"{LAYERS[-1]} as among {LAYERS[0]}",
    )


# -- three hard ones ------------------------------------------------------------------------------

HARD = {
    "attention by the queries": (
        "gradient", "sum(G * (softmax(Q @ K.T / sqrt(d), axis=1) @ V))", "Q",
        {"G": "matrix(n, p)", "Q": "matrix(n, d)", "K": "matrix(m, d)", "V": "matrix(m, p)"}, 1.383,
    ),
    "cross-entropy, Hessian": (
        "hessian", "-y.T @ log(softmax(z))", "z", {"y": "vector(n)", "z": "vector(n)"}, 1.232,
    ),
    "logistic regression, Hessian": (
        "hessian", "sum(log(1 + exp(-y * (X @ w))))", "w",
        {"y": "vector(m)", "X": "matrix(m, n)", "w": "vector(n)"}, 0.741,
    ),
}  # fmt: skip


def hard() -> list[Row]:
    """Derived with all steps, simplified, and printed; the other engine's time is a quotation."""

    def derive(name: str) -> str | None:
        kind, expression, wrt, shapes, _ = HARD[name]
        return tutor.derive(expression, wrt, kind=kind, checking=False, **shapes).formula

    found = calls({k: (lambda k=k: derive(k)) for k in HARD}, ROUNDS, clear_cache)
    return [
        Row(
            f"{name}: derived, simplified, printed",
            Measured(found[name]),
            "tensorgrad, quoted",
            Measured(quoted),
            "≤ 1/10",
            f"{name}: {derive(name)}",
        )
        for name, (*_, quoted) in HARD.items()
    ]
