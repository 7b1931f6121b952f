"""Definitions that generated PyTorch code brings along where it uses them, word for word."""

import torch  # pyright: ignore[reportMissingImports]


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


def layer_norm(x, dim=-1, eps=1e-5):
    """Entries less their mean, over the root of their variance plus eps."""
    t = x - torch.mean(x, dim=dim, keepdim=True)
    return t / torch.sqrt(torch.mean(t**2, dim=dim, keepdim=True) + eps)


def rms_norm(x, dim=-1, eps=0.0):
    """Entries over the root of the mean of their squares plus eps."""
    return x / torch.sqrt(torch.mean(x**2, dim=dim, keepdim=True) + eps)


def prod_others(x, dim=None):
    """For each entry the product of the others: of all of them, or along an axis."""
    if dim is None:
        return prod_others(x.reshape(-1), dim=0).reshape(x.shape)
    x = torch.movedim(x, dim, -1)
    one, back = torch.ones_like(x[..., :1]), torch.flip(x[..., 1:], (-1,))
    before = torch.cumprod(torch.cat([one, x[..., :-1]], dim=-1), dim=-1)
    after = torch.cumprod(torch.cat([one, back], dim=-1), dim=-1)
    return torch.movedim(before * torch.flip(after, (-1,)), -1, dim)


def prod_pairs(x):
    """Entry [..., i, j]: the product of all entries but i and j, 0 where i = j."""
    eye = torch.eye(x.shape[-1], dtype=torch.bool, device=x.device)
    left_out = eye[:, None] | eye
    rest = torch.where(left_out, 1.0, x[..., None, None, :]).prod(dim=-1)
    return torch.where(eye, 0.0, rest)


def elimination(n, like):
    """The matrix L with L vec(A) = vech(A) for an n×n matrix A."""
    order = [i + j * n for j in range(n) for i in range(j, n)]
    return torch.eye(n * n, dtype=like.dtype, device=like.device)[order]


def duplication(n, like):
    """The matrix D with D vech(A) = vec(A) for a symmetric n×n matrix A."""
    places = [(i, j) for j in range(n) for i in range(j, n)]
    order = [places.index((max(i, j), min(i, j))) for j in range(n) for i in range(n)]
    return torch.eye(len(places), dtype=like.dtype, device=like.device)[order]


def shared_largest(x, dim=None):
    """Equal parts of 1 at the largest entries, 0 elsewhere."""
    top = torch.amax(x, dim=() if dim is None else dim, keepdim=True)
    mask = (x == top).to(x.dtype)
    return mask / (mask.sum() if dim is None else mask.sum(dim, keepdim=True))


def pool_windows(x, size, stride, padding, dilation, outputs):
    """The entries of each window along a last axis, -inf where it leaves the array."""
    lead, n = x.ndim - len(size), len(size)
    for k in range(n):
        at = torch.arange(outputs[k], device=x.device)[:, None] * stride[k] - padding[k]
        at = at + torch.arange(size[k], device=x.device) * dilation[k]
        rows = x.shape[lead]
        inside = (at >= 0) & (at < rows)
        x = torch.movedim(x, lead, -1)[..., at.clamp(0, rows - 1)]
        x = torch.where(inside, x, float("-inf"))
    order = [*range(lead), *range(lead, x.ndim, 2), *range(lead + 1, x.ndim, 2)]
    return x.permute(order).reshape(*x.shape[:lead], *outputs, -1)


def one_hot(t, classes, like):
    """A last axis with a 1 at each index."""
    places = torch.arange(classes, device=like.device)
    return (torch.as_tensor(t, device=like.device)[..., None] == places).to(like.dtype)


def masked_softmax(x, mask, dim=-1):
    """softmax over the entries that the mask keeps, 0 at the others."""
    return torch.softmax(torch.where(mask != 0, x, float("-inf")), dim=dim)
