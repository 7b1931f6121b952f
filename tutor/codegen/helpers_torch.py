"""Definitions that generated PyTorch code brings along where it uses them, word for word."""

import torch


def step(x):
    """1 where x is positive, 0 elsewhere."""
    return (x > 0).to(x.dtype)


def first_largest(x, dim=None):
    """1 at the first of the largest entries, 0 elsewhere."""
    if dim is None:
        return first_largest(x.reshape(-1), dim=0).reshape(x.shape)
    return torch.zeros_like(x).scatter(dim, torch.argmax(x, dim=dim, keepdim=True), 1.0)


def commutation(m, n, like):
    """The matrix K with K vec(A) = vec(A.T) for an m×n matrix A."""
    order = torch.arange(m * n, device=like.device).reshape(n, m).T.reshape(-1)
    return torch.eye(m * n, dtype=like.dtype, device=like.device)[order]


def indicator(condition, like):
    """1 where the condition holds, 0 elsewhere."""
    return condition.to(like.dtype)


def kron(a, b):
    """The Kronecker product, of transposed matrices too."""
    return torch.kron(a.contiguous(), b.contiguous())
