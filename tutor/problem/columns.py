"""n×1 matrices where a one-dimensional window slides: they work like columns.

The operation itself tells channels × length from a vector by the number of axes, so a matrix that
is a column becomes one by a line of its own, `squeeze(x, axis=1)`. Only where the operation has no
meaning for the matrix as it stands: channels of length 1 stay channels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..expr import Call, Num
from ..graph import dims
from ..graph.sizes import NoWindowError
from ..ops import OPS
from ..ops.base import Op, Val
from .surface import Piece, Surface

if TYPE_CHECKING:
    from .bind import Bound

_CONVOLUTIONS = ("conv1d", "conv_transpose1d")
_POOLS = ("max_pool1d", "avg_pool1d")


def with_columns(surface: Surface, op: Op, bound: Bound, span: Any) -> Bound:
    """The same call, in which n×1 matrices that are meant as columns are vectors."""
    if op.name not in (*_CONVOLUTIONS, *_POOLS):
        return bound
    operands = list(bound.operands)
    if op.name in _POOLS:
        chosen = [0] if _too_short(op, operands[0], bound.parameters) else []
    else:
        chosen = _of_convolution(operands[0], operands[1])
    args = list(bound.term.args)  # the operands come first, and none of these is left out
    for k in chosen:
        piece = operands[k]
        assert piece is not None
        operands[k] = found = _vector(surface, piece, span)
        args[k] = found.term
    return replace(bound, operands=operands, term=replace(bound.term, args=tuple(args)))


def _of_convolution(x: Piece | None, w: Piece | None) -> list[int]:
    """Which of input (0) and kernel (1) are columns; a 1×L image has a 1×k kernel."""
    assert x is not None and w is not None
    image = x.val.shape[:-1] == (1,)
    chosen = []
    if _is_column(w.val) and not (image and w.val.shape == (1, 1)):
        chosen.append(1)
    if _is_column(x.val) and (chosen or w.val.order == 1):
        chosen.append(0)
    return sorted(chosen)


def _too_short(op: Op, x: Piece | None, parameters: Any) -> bool:
    """Whether the window does not fit in the 1 entry that each of n channels would have."""
    if x is None or not _is_column(x.val) or not isinstance(x.val.node.shape[0], int):
        return False
    try:
        op.apply([x.val], (), parameters)
    except NoWindowError:
        return True
    except InputError:  # said where the call is made
        return False
    return False


def _is_column(v: Val) -> bool:
    return v.order == 2 and dims.dim(v.node.shape[1]) == 1


def _vector(surface: Surface, piece: Piece, span: Any) -> Piece:
    op = OPS["squeeze"]
    axis = {"axis": 1}
    val = surface.apply(op, [piece], axis, span)
    term = Call("squeeze", (piece.term,), (("axis", Num("1")),))
    return surface.line(op, [piece], axis, val, term, None)
