"""1×L images with 1×k kernels, which conv1d and conv_transpose1d take as well as vectors."""

from __future__ import annotations

from ..graph import dims
from ..graph.node import Node, ein
from .base import Val, require


def image_rows(name: str, x: Val, w: Val, channels: str) -> tuple[Node, Node] | None:
    """The entries of a 1×L image and of its 1×k kernel; None where these are something else."""
    single = x.order == 2 and dims.same(x.node.shape[0], 1)
    if not (w.order == 2 and (x.order == 2 or x.row)) and not (w.row and single):
        return None
    require(all(v.row or v.node.shape[0] == 1 for v in (x, w)),
            f"{name} of sizes {x.dims} and {w.dims}: with a matrix for a kernel both must be 1×…",
            f"a layer's kernel has order 3: {channels} × taps")  # fmt: skip
    first, second = (v.node if v.row else ein([(v.node, "rc")], "c") for v in (x, w))
    return first, second


def as_row(v: Val, like: Val) -> Val:
    """A column as the row, or as the 1×L image, that the input was."""
    return Val(v.node, row=True) if like.row else Val(ein([(v.node, "c")], "rc", 1, {"r": 1}))
