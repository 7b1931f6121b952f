"""Normalisations entry by entry, in plain NumPy; used only by checks."""

from __future__ import annotations

from typing import Any

import numpy as np

EPS = 1e-5


def _entrywise(x: np.ndarray, group: Any, eps: Any, centred: bool = True) -> np.ndarray:
    """`group(place)` names what a place is averaged with."""
    members: dict[Any, list[tuple[int, ...]]] = {}
    for at in np.ndindex(*x.shape):
        members.setdefault(group(at), []).append(at)
    y = np.zeros_like(x)
    for places in members.values():
        values = [x[at] for at in places]
        mean = sum(values) / len(values) if centred else 0.0
        spread = sum((v - mean) ** 2 for v in values) / len(values) + float(eps)
        for at in places:
            y[at] = (x[at] - mean) / spread**0.5
    return y


def _along(v: Any, order: int, axis: int) -> Any:
    return np.reshape(v, [-1 if k == axis else 1 for k in range(order)])


def _shifted(y: np.ndarray, weight: Any, bias: Any, axis: int) -> np.ndarray:
    y = y if weight is None else y * _along(weight, y.ndim, axis)
    return y if bias is None else y + _along(bias, y.ndim, axis)


def _channelwise(x: np.ndarray, mean: Any, var: Any, weight: Any, bias: Any, eps: Any, group: Any,
                 axis: int) -> np.ndarray:  # fmt: skip
    if mean is None:
        y = _entrywise(x, group, eps)
    else:
        root = np.sqrt(np.asarray(var) + float(eps))
        y = (x - _along(mean, x.ndim, axis)) / _along(root, x.ndim, axis)
    return _shifted(y, weight, bias, axis)


def batch_norm(x: np.ndarray, running_mean: Any = None, running_var: Any = None,
                 weight: Any = None, bias: Any = None, eps: Any = EPS) -> np.ndarray:  # fmt: skip
    axis = 1 if x.ndim > 1 else 0
    group = (lambda at: at[1]) if x.ndim > 1 else (lambda at: 0)
    return _channelwise(x, running_mean, running_var, weight, bias, eps, group, axis)


def instance_norm(x: np.ndarray, running_mean: Any = None, running_var: Any = None,
                    weight: Any = None, bias: Any = None, use_input_stats: bool = True,
                    eps: Any = EPS) -> np.ndarray:  # fmt: skip
    mean = None if use_input_stats else running_mean
    return _channelwise(x, mean, running_var, weight, bias, eps, lambda at: at[:2], 1)


def _trailing_plain(
    x: np.ndarray, weight: Any, bias: Any, shape: Any, eps: Any, centred: bool
) -> Any:
    count = 1 if shape is None else len(np.atleast_1d(shape))
    y = _entrywise(x, lambda at: at[: x.ndim - count], eps, centred)
    y = y if weight is None else y * np.reshape(weight, x.shape[x.ndim - count :])
    return y if bias is None else y + np.reshape(bias, x.shape[x.ndim - count :])


def layer_norm(x: np.ndarray, weight: Any = None, bias: Any = None, normalized_shape: Any = None,
                 eps: Any = EPS) -> np.ndarray:  # fmt: skip
    return _trailing_plain(x, weight, bias, normalized_shape, eps, True)


def rms_norm(x: np.ndarray, weight: Any = None, normalized_shape: Any = None, eps: Any = None) -> np.ndarray:  # fmt: skip
    return _trailing_plain(x, weight, None, normalized_shape, eps or 0, False)


def group_norm(x: np.ndarray, weight: Any = None, bias: Any = None, num_groups: int = 1,
                 eps: Any = EPS) -> np.ndarray:  # fmt: skip
    per = x.shape[1] // num_groups
    return _shifted(_entrywise(x, lambda at: (at[0], at[1] // per), eps), weight, bias, 1)
