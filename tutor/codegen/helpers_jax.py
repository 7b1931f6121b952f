"""Definitions that generated JAX code brings along where it uses them, word for word."""

import jax.numpy as jnp  # pyright: ignore[reportMissingImports]


def first_largest(x, axis=None):
    """1.0 at the first of the largest entries, 0.0 elsewhere."""
    if axis is None:
        return first_largest(x.ravel(), axis=0).reshape(x.shape)
    places = jnp.arange(x.shape[axis])
    shape = [-1 if k == axis % x.ndim else 1 for k in range(x.ndim)]
    winner = jnp.argmax(x, axis=axis, keepdims=True)
    return jnp.where(places.reshape(shape) == winner, 1.0, 0.0)


def commutation(m, n):
    """The matrix K with K vec(A) = vec(A.T) for an m×n matrix A."""
    order = jnp.arange(m * n).reshape(n, m).T.ravel()
    return jnp.eye(m * n)[order]


def layer_norm(x, axis=-1, eps=1e-5):
    """Entries less their mean, over the root of their variance plus eps."""
    t = x - jnp.mean(x, axis=axis, keepdims=True)
    return t / jnp.sqrt(jnp.mean(t**2, axis=axis, keepdims=True) + eps)


def rms_norm(x, axis=-1, eps=0.0):
    """Entries over the root of the mean of their squares plus eps."""
    return x / jnp.sqrt(jnp.mean(x**2, axis=axis, keepdims=True) + eps)


def prod_others(x, axis=None):
    """For each entry the product of the others: of all of them, or along an axis."""
    if axis is None:
        return prod_others(x.ravel(), axis=0).reshape(x.shape)
    x = jnp.moveaxis(x, axis, -1)
    one = jnp.ones_like(x[..., :1])
    before = jnp.cumprod(jnp.concatenate([one, x[..., :-1]], axis=-1), axis=-1)
    after = jnp.cumprod(jnp.concatenate([one, x[..., :0:-1]], axis=-1), axis=-1)
    return jnp.moveaxis(before * after[..., ::-1], -1, axis)


def prod_pairs(x):
    """Entry [..., i, j]: the product of all entries but i and j, 0 where i = j."""
    eye = jnp.eye(x.shape[-1], dtype=bool)
    left_out = eye[:, None] | eye
    rest = jnp.where(left_out, 1.0, x[..., None, None, :]).prod(axis=-1)
    return jnp.where(eye, 0.0, rest)


def elimination(n):
    """The matrix L with L vec(A) = vech(A) for an n×n matrix A."""
    order = [i + j * n for j in range(n) for i in range(j, n)]
    return jnp.eye(n * n)[jnp.array(order)]


def duplication(n):
    """The matrix D with D vech(A) = vec(A) for a symmetric n×n matrix A."""
    places = [(i, j) for j in range(n) for i in range(j, n)]
    order = [places.index((max(i, j), min(i, j))) for j in range(n) for i in range(n)]
    return jnp.eye(len(places))[jnp.array(order)]


def shared_largest(x, axis=None):
    """Equal parts of 1 at the largest entries, 0 elsewhere."""
    mask = jnp.where(x == jnp.max(x, axis=axis, keepdims=True), 1.0, 0.0)
    return mask / jnp.sum(mask, axis=axis, keepdims=True)


def pool_windows(x, size, stride, padding, dilation, outputs):
    """The entries of each window along a last axis, -inf where it leaves the array."""
    lead, n = x.ndim - len(size), len(size)
    for k in range(n):
        places = jnp.arange(outputs[k])[:, None] * stride[k] - padding[k]
        places = places + jnp.arange(size[k]) * dilation[k]
        rows = x.shape[lead]
        inside = (places >= 0) & (places < rows)
        x = jnp.moveaxis(x, lead, -1)[..., jnp.clip(places, 0, rows - 1)]
        x = jnp.where(inside, x, -jnp.inf)
    order = [*range(lead), *range(lead, x.ndim, 2), *range(lead + 1, x.ndim, 2)]
    return jnp.transpose(x, order).reshape(*x.shape[:lead], *outputs, -1)


def one_hot(t, classes):
    """A last axis with a 1 at each index."""
    return jnp.where(jnp.asarray(t)[..., None] == jnp.arange(classes), 1.0, 0.0)


def masked_softmax(x, mask, axis=-1):
    """softmax over the entries that the mask keeps, 0 at the others."""
    x = jnp.where(mask != 0, x, -jnp.inf)
    t = jnp.exp(x - jnp.max(x, axis=axis, keepdims=True))
    return t / jnp.sum(t, axis=axis, keepdims=True)
