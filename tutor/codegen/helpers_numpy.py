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


def layer_norm(x, axis=-1, eps=1e-5):
    """Entries less their mean, over the root of their variance plus eps."""
    t = x - np.mean(x, axis=axis, keepdims=True)
    return t / np.sqrt(np.mean(t**2, axis=axis, keepdims=True) + eps)


def rms_norm(x, axis=-1, eps=0.0):
    """Entries over the root of the mean of their squares plus eps."""
    return x / np.sqrt(np.mean(x**2, axis=axis, keepdims=True) + eps)


def prod_others(x, axis=None):
    """For each entry the product of the others: of all of them, or along an axis."""
    if axis is None:
        return prod_others(x.ravel(), axis=0).reshape(x.shape)
    x = np.moveaxis(x, axis, -1)
    one = np.ones_like(x[..., :1])
    before = np.cumprod(np.concatenate([one, x[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([one, x[..., :0:-1]], axis=-1), axis=-1)
    return np.moveaxis(before * after[..., ::-1], -1, axis)


def prod_pairs(x):
    """Entry [..., i, j]: the product of all entries but i and j, 0 where i = j."""
    eye = np.eye(x.shape[-1], dtype=bool)
    left_out = eye[:, None] | eye
    rest = np.where(left_out, 1.0, x[..., None, None, :]).prod(axis=-1)
    return np.where(eye, 0.0, rest)


def elimination(n):
    """The matrix L with L vec(A) = vech(A) for an n×n matrix A."""
    order = [i + j * n for j in range(n) for i in range(j, n)]
    return np.eye(n * n)[order]


def duplication(n):
    """The matrix D with D vech(A) = vec(A) for a symmetric n×n matrix A."""
    places = [(i, j) for j in range(n) for i in range(j, n)]
    order = [places.index((max(i, j), min(i, j))) for j in range(n) for i in range(n)]
    return np.eye(len(places))[order]


def shared_largest(x, axis=None):
    """Equal parts of 1 at the largest entries, 0 elsewhere."""
    mask = (x == np.max(x, axis=axis, keepdims=True)).astype(float)
    return mask / np.sum(mask, axis=axis, keepdims=True)


def pool_windows(x, size, stride, padding, dilation, outputs):
    """The entries of each window along a last axis, -inf where it leaves the array."""
    lead, n = x.ndim - len(size), len(size)
    for k in range(n):
        places = np.arange(outputs[k])[:, None] * stride[k] - padding[k]
        places = places + np.arange(size[k]) * dilation[k]
        rows = x.shape[lead]
        inside = (places >= 0) & (places < rows)
        x = np.moveaxis(x, lead, -1)[..., np.clip(places, 0, rows - 1)]
        x = np.where(inside, x, -np.inf)
    order = [*range(lead), *range(lead, x.ndim, 2), *range(lead + 1, x.ndim, 2)]
    return np.transpose(x, order).reshape(*x.shape[:lead], *outputs, -1)


def one_hot(t, classes):
    """A last axis with a 1 at each index."""
    return np.where(np.asarray(t)[..., None] == np.arange(classes), 1.0, 0.0)


def masked_softmax(x, mask, axis=-1):
    """softmax over the entries that the mask keeps, 0 at the others."""
    x = np.where(mask != 0, x, -np.inf)
    t = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return t / np.sum(t, axis=axis, keepdims=True)
