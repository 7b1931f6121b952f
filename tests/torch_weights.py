"""Which of torch's parameters holds which weight of a written-out network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from tutor.problem.applied import Applied, AppliedPart

_CELL = re.compile(r"(W|b)_(ih|hh|hr)_\d+(?:_l(\d+))?(_reverse)?\Z")
_PLAIN = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias", "E": "weight"}
_PLAIN |= {"a": "weight", "P": "own"}


def applied(parts: Any) -> Iterator[Applied]:
    for part in parts:
        if isinstance(part, Applied):
            yield part
        else:
            for branch in part.branches:
                yield from applied(branch)


def leaves(made: nn.Module, parts: Any) -> Iterator[tuple[Applied, nn.Module]]:
    """Every layer with its module; `made` is `torch_networks.modules(parts)`."""
    for part, child in zip(parts, made.children(), strict=True):
        if isinstance(part, Applied):
            yield part, child
        else:
            for branch, inner in zip(part.branches, child.children(), strict=True):
                yield from leaves(inner, branch)


def weight_of(module: nn.Module, it: Applied, name: str) -> torch.Tensor | None:
    """The tensor (a view) that holds the weight of this name."""
    own = dict(module.named_parameters())
    inner = "inner." if any(n.startswith("inner.") for n in own) else ""
    cell = _CELL.match(name)
    if cell:
        kind = "weight" if cell[1] == "W" else "bias"
        return own[f"{inner}{kind}_{cell[2]}_l{cell[3] or 0}{cell[4] or ''}"]
    if it.spec.type in ("MultiheadAttention", "TransformerEncoderLayer"):
        return _attention(own, inner, it, name)
    letters = name.rsplit("_", 1)[0]
    found = own[inner + _PLAIN[letters]]
    return found.reshape(()) if it.spec.type == "PReLU" and found.numel() == 1 else found


def _attention(own: Any, inner: str, it: Applied, name: str) -> torch.Tensor:
    front = "self_attn." if it.spec.type == "TransformerEncoderLayer" else inner
    d = it.input[1]
    kind, letter, *rest = name.split("_")
    if kind in ("W", "b") and letter in "qkv":
        k = "qkv".index(letter)
        packed = own[front + ("in_proj_weight" if kind == "W" else "in_proj_bias")]
        return packed[k * d : (k + 1) * d]
    if kind in ("W", "b") and letter == "o":
        return own[front + ("out_proj.weight" if kind == "W" else "out_proj.bias")]
    if kind == "bias":
        return own[front + f"bias_{letter}"].reshape(d)
    part = {"W": "linear", "b": "linear", "gamma": "norm", "beta": "norm"}[kind] + rest[-1]
    return own[f"{part}.{'weight' if kind in ('W', 'gamma') else 'bias'}"]


def gradient_of(module: nn.Module, it: Applied, name: str) -> torch.Tensor:
    """The gradient that has arrived at a weight."""
    swapped = {id(p): p for p in module.parameters()}
    view = weight_of(module, it, name)
    assert view is not None
    base = view._base if view._base is not None else view
    grad = swapped[id(base)].grad
    assert grad is not None
    if base is view:
        return grad
    whole = grad.clone(memory_format=torch.contiguous_format)  # from its own place in memory
    return whole.as_strided(view.shape, view.stride(), view.storage_offset())


def parts_of(tree: tuple[AppliedPart, ...]) -> list[Applied]:
    return list(applied(tree))
