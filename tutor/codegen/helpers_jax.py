"""Definitions that generated JAX code brings along where it uses them, word for word."""

import jax.numpy as jnp  # pyright: ignore[reportMissingImports]


def first_largest(x, axis=None):
    """1.0 at the first of the largest entries, 0.0 elsewhere."""
    if axis is None:
        return first_largest(x.ravel(), axis=0).reshape(x.shape)
    places = jnp.arange(x.shape[axis])
    shape = [-1 if k == axis % x.ndim else 1 for k in range(x.ndim)]
    winner = jnp.argmax(x, axis=axis, keepdims=True)
    return (places.reshape(shape) == winner).astype(x.dtype)


def commutation(m, n):
    """The matrix K with K vec(A) = vec(A.T) for an m×n matrix A."""
    order = jnp.arange(m * n).reshape(n, m).T.ravel()
    return jnp.eye(m * n)[order]
