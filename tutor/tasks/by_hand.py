"""What is worked by hand beside the formulas: forward after a line, backward after an adjoint."""

from __future__ import annotations

from ..problem.lines import Line
from ..steps import Step, Text
from . import attention_shapes, conv_backward, norm_paths, over_time, scores, window_entry
from .chain import Adjoint, Chain
from .workspace import Workspace


def forward_by_hand(ws: Workspace, line: Line) -> list[Step]:
    return [
        *window_entry.entry_steps(ws, line),
        *norm_paths.parts(ws, line),
        *attention_shapes.told(ws, line),
    ]


def backward_by_hand(chain: Chain, adjoint: Adjoint) -> list[Step]:
    if not chain.gradient or adjoint.value is None or adjoint.bridged:
        return []
    return [
        *conv_backward.steps(chain, adjoint),
        *norm_paths.paths(chain, adjoint),
        *scores.less_targets(chain, adjoint),
        *over_time.summed(chain, adjoint),
    ]


def local_reason(user: Line, operand: Line) -> Text | None:
    """Why the derivative by a bias or a weight is what it is; None where the row says it."""
    return conv_backward.local_reason(user, operand) or norm_paths.local_reason(user, operand)
