"""The rows of layers and losses that have modules of their own, in the table's order."""

from __future__ import annotations

from . import (
    adaptive,
    attention,
    classes,
    fold,
    lookup,
    losses,
    norm,
    normalized,
    recurrent,
    transposed,
)
from .base import Op

LAYERS: tuple[Op, ...] = (
    *losses.LOSSES,
    *classes.CLASSES,
    *adaptive.ADAPTIVE,
    *transposed.TRANSPOSED,
    *fold.FOLD,
    *norm.NORM,
    *lookup.LOOKUP,
    *attention.ATTENTION,
    *recurrent.RECURRENT,
)

INTERNAL: tuple[Op, ...] = (*normalized.INTERNAL,)
