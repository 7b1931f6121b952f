"""PyTorch modules for the layers and blocks of a network: the oracle of its sizes and counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from tutor.problem.applied import Applied, AppliedPart


class Wrapped(nn.Module):
    """A module with a function for what it does, where torch.nn has no such layer."""

    def __init__(self, call: Any, **modules: nn.Module) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        self.call = call

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(self, x)


def module(it: Applied) -> nn.Module:
    """torch's module with the arguments of the file, and input sizes filled in."""
    type_, args, x = it.spec.type, dict(it.layer.args), it.input
    inferred = {
        "in_channels": x[0],
        "in_features": x[-1],
        "num_features": x[0],
        "num_channels": x[0],
        "normalized_shape": x[-1],
        "input_size": x[-1],
        "embed_dim": x[-1],
        "d_model": x[-1],
    }
    args |= {k: v for k, v in inferred.items() if k in it.spec.signature and k not in args}
    if type_ in ("RNN", "GRU", "LSTM"):
        inner = getattr(nn, type_)(**args | {"batch_first": True})
        return Wrapped(lambda self, t: self.inner(t)[0], inner=inner)
    if type_ == "MultiheadAttention":
        inner = nn.MultiheadAttention(**args | {"batch_first": True})
        return Wrapped(lambda self, t: self.inner(t, t, t)[0], inner=inner)
    if type_ == "TransformerEncoderLayer":
        return nn.TransformerEncoderLayer(**args | {"batch_first": True})
    if type_ == "Bilinear":
        first = args.setdefault("in1_features", x[-1])
        args.setdefault("in2_features", x[-1])
        cut = first != x[-1]
        return Wrapped(
            lambda self, t: self.inner(*(t.split([first, x[-1] - first], -1) if cut else (t, t))),
            inner=nn.Bilinear(**args),
        )
    if type_ == "Parameter":
        return _parameter(it)
    if type_ == "Permute":
        return Wrapped(lambda self, t: t.permute(args["dims"]))
    if type_ == "Select":
        return Wrapped(lambda self, t: t.select(args["dim"], args["index"]))
    return getattr(nn, type_)(**args)


def _parameter(it: Applied) -> nn.Module:
    own = nn.Parameter(torch.zeros(it.args["shape"] or it.input))
    if it.args["join"] == "add":
        made = Wrapped(lambda self, t: t + self.own)
    else:
        front = lambda self, t: self.own.expand(len(t), *self.own.shape)  # noqa: E731
        made = Wrapped(lambda self, t: torch.cat([front(self, t), t], it.args["dim"]))
    made.register_parameter("own", own)
    return made


def modules(parts: Sequence[AppliedPart]) -> nn.Module:
    """The whole stack as one module."""
    return nn.Sequential(*(module(p) if isinstance(p, Applied) else _block(p) for p in parts))


def _block(part: Any) -> nn.Module:
    branches = {f"b{i}": modules(branch) for i, branch in enumerate(part.branches)}
    ends = lambda self, t: [getattr(self, name)(t) for name in branches]  # noqa: E731
    if part.block.kind == "Residual":
        return Wrapped(lambda self, t: sum(ends(self, t)), **branches)
    if part.block.kind == "Concat":
        return Wrapped(lambda self, t: torch.cat(ends(self, t), part.block.dim), **branches)
    return nn.Sequential(*branches.values())


def count(made: nn.Module) -> int:
    return sum(p.numel() for p in made.parameters())


def refuses(made: nn.Module, shape: Sequence[int], indices: bool) -> bool:
    """Whether torch refuses the input, computing or not, or has nothing left of it."""
    kind = torch.long if indices else torch.float32
    for device in ("cpu", "meta"):
        try:
            y = made.to(device)(torch.zeros(2, *shape, dtype=kind, device=device))
        except (RuntimeError, ValueError, AssertionError, IndexError, TypeError):
            return True
        if not y.numel():
            return True
    return False


def output(made: nn.Module, shape: Sequence[int], indices: bool = False) -> tuple[int, ...]:
    """The output's shape for a batch of two examples, without computing anything."""
    made = made.to("meta").eval()
    kind = torch.long if indices else torch.float32
    return tuple(made(torch.zeros(2, *shape, dtype=kind, device="meta")).shape[1:])
