"""Definitions that generated NumPy code brings along where it uses them, word for word."""

import math

import numpy as np


def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow."""
    t = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, t) / (1.0 + t)


def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)), without overflow."""
    t = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return t / np.sum(t, axis=axis, keepdims=True)


def log_softmax(x, axis=-1):
    """log(softmax(x)), without overflow."""
    t = x - np.max(x, axis=axis, keepdims=True)
    return t - np.log(np.sum(np.exp(t), axis=axis, keepdims=True))


def logsumexp(x, axis=-1):
    """log(sum(exp(x))), without overflow."""
    top = np.max(x, axis=axis, keepdims=True)
    return np.log(np.sum(np.exp(x - top), axis=axis)) + np.squeeze(top, axis=axis)


def elu(x, alpha):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def erf(x):
    """The error function, entry by entry."""
    return np.vectorize(math.erf, otypes=[float])(x)


def first_largest(x, axis=None):
    """1.0 at the first of the largest entries, 0.0 elsewhere."""
    mask = np.zeros_like(x, dtype=float)
    if axis is None:
        mask[np.unravel_index(np.argmax(x), x.shape)] = 1.0
    else:
        np.put_along_axis(mask, np.argmax(x, axis=axis, keepdims=True), 1.0, axis=axis)
    return mask


def commutation(m, n):
    """The matrix K with K vec(A) = vec(A.T) for an m×n matrix A."""
    order = np.arange(m * n).reshape(n, m).T.ravel()
    return np.eye(m * n)[order]
