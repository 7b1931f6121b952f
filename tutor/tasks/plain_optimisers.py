"""The optimisers once more, in plain NumPy: the second opinion on the rules of `optimisers`.

Written down from torch.optim's documentation, as one would in a notebook; nothing is shared with
the table of rules, and only checks use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Memory = dict[str, Any]


def step(
    name: str, options: Mapping[str, float], w: np.ndarray, g: np.ndarray, memory: Memory, t: int
) -> np.ndarray:
    """The parameter after step t; `memory` is changed in place. `rate` is among the options.

    Newton's method is given its direction as g.
    """
    rate = options["rate"]
    decay = options.get("weight_decay", 0.0)
    if name == "newton":
        return w - rate * g
    if options.get("maximize"):
        g = -g
    if name == "adamw":
        w = w * (1 - rate * decay)
    elif decay:
        g = g + decay * w
    return _STEPS[name](options, w, g, memory, t)


def _sgd(
    o: Mapping[str, float], w: np.ndarray, g: np.ndarray, memory: Memory, t: int
) -> np.ndarray:
    mu = o.get("momentum", 0.0)
    if mu == 0:
        return w - o["rate"] * g
    if "momentum_buffer" in memory:
        memory["momentum_buffer"] = (
            mu * memory["momentum_buffer"] + (1 - o.get("dampening", 0.0)) * g
        )
    else:
        memory["momentum_buffer"] = np.array(g)
    ahead = g + mu * memory["momentum_buffer"] if o.get("nesterov") else memory["momentum_buffer"]
    return w - o["rate"] * ahead


def _adagrad(
    o: Mapping[str, float], w: np.ndarray, g: np.ndarray, memory: Memory, t: int
) -> np.ndarray:
    total = memory.get("sum", np.full_like(w, o["initial_accumulator_value"])) + np.square(g)
    memory["sum"] = total
    slower = o["rate"] / (1 + o["lr_decay"] * (t - 1))
    return w - slower * np.divide(g, np.sqrt(total) + o["eps"])


def _rmsprop(
    o: Mapping[str, float], w: np.ndarray, g: np.ndarray, memory: Memory, t: int
) -> np.ndarray:
    a = o["alpha"]
    memory["square_avg"] = a * memory.get("square_avg", 0.0) + (1 - a) * np.square(g)
    spread = memory["square_avg"]
    if o.get("centered"):
        memory["grad_avg"] = a * memory.get("grad_avg", 0.0) + (1 - a) * g
        spread = spread - np.square(memory["grad_avg"])
    scaled = np.divide(g, np.sqrt(spread) + o["eps"])
    if o["momentum"]:
        memory["momentum_buffer"] = o["momentum"] * memory.get("momentum_buffer", 0.0) + scaled
        scaled = memory["momentum_buffer"]
    return w - o["rate"] * scaled


def _adam(
    o: Mapping[str, float], w: np.ndarray, g: np.ndarray, memory: Memory, t: int
) -> np.ndarray:
    first, second = o["betas1"], o["betas2"]
    memory["exp_avg"] = first * memory.get("exp_avg", 0.0) + (1 - first) * g
    memory["exp_avg_sq"] = second * memory.get("exp_avg_sq", 0.0) + (1 - second) * np.square(g)
    squares = memory["exp_avg_sq"]
    if o.get("amsgrad"):
        squares = np.maximum(memory.get("max_exp_avg_sq", 0.0), squares)
        memory["max_exp_avg_sq"] = squares
    root = np.sqrt(squares) / np.sqrt(1 - np.power(second, float(t))) + o["eps"]
    return w - o["rate"] / (1 - np.power(first, float(t))) * np.divide(memory["exp_avg"], root)


_STEPS = {
    "sgd": _sgd, "momentum": _sgd, "nesterov": _sgd, "adagrad": _adagrad, "rmsprop": _rmsprop,
    "adam": _adam, "adamw": _adam,
}  # fmt: skip
