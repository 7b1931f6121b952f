"""The gradients of what slides by hand: of a convolution by kernel and input, of a pool."""

from __future__ import annotations

import numpy as np
import sympy as sp

from ..expr import Name
from ..problem.lines import Line
from ..steps import Step, Text
from .chain import Adjoint, Chain
from .conv_to_input import ToInput
from .conv_to_kernel import ToKernel
from .pool_backward import pool_steps
from .slid import slid


def steps(chain: Chain, adjoint: Adjoint) -> list[Step]:
    """How the gradient of an operand of something that slides is worked out; [] for others."""
    if not chain.gradient or adjoint.value is None or len(adjoint.consumers) != 1:
        return []
    (user,) = adjoint.consumers
    s = slid(chain.ws, user)
    places = [k for k, t in enumerate(user.terms) if t == Name(adjoint.line.name)]
    if s is None or len(places) != 1:
        return []
    upstream = np.ones(s.y.shape, dtype=object) * sp.S.One
    if user is not chain.of:
        found = chain.adjoints[user.name].value
        if found is None:
            return []
        upstream = found.reshape(s.y.shape)
    G = Name(next(n for n in ("G", "G_0", "G_spread", "G") if n not in chain.ws.graph.lines))
    kinds = (ToInput, ToKernel)
    if places[0] >= len(kinds):
        return []  # of a bias the formula says it all
    back = kinds[places[0]](s, chain.of.name, adjoint, upstream, G)
    if s.w is None:
        return pool_steps(s, back.of, back.wrt, upstream, adjoint.value.reshape(s.x.shape))
    return back.steps()


def local_reason(user: Line, operand: Line) -> Text | None:
    """Why the derivative by a bias is what it is; None for everything else."""
    conv = user.op is not None and user.op.name.startswith("conv")
    if not conv or user.terms[2:] != (Name(operand.name),) or user.operands.count(operand) != 1:
        return None
    names = {"y": Name(user.name), "b": Name(operand.name)}
    if operand.leaf.order == 0:
        return Text(
            "{b} is added to every entry of {y}, so its gradient adds up what arrives at all of "
            "them.",
            names,
        )
    return Text(
        "{b} holds a number for each output channel, which is added to all its entries, so its "
        "gradient adds up what arrives at all entries of the channel.",
        names,
    )
