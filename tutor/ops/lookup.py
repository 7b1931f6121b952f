"""Entries that are chosen: rows of a table by their index, entries that a dropout keeps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.node import T, constant_of, ein, map_
from .base import SAME_SIZE, Op, Val, require
from .broadcast import align
from .loss import one_hot

NORMAL = (-2.0, 2.0)


def _embedding(indices: Val, weight: Val) -> Val:
    """The rows of `weight` with these indices, from 0; one vector for a single index."""
    require(weight.order == 2,
            f"the table of embedding is a matrix (entries × features), not size {weight.dims}",
            "the indices come first: embedding(indices, weight)")  # fmt: skip
    require(not indices.row, "the indices are a list, not a row")
    hot = one_hot(indices.node, weight.node.shape[0])
    own = tuple(range(indices.order))
    return Val(ein([(hot, (*own, "v")), (weight.node, ("v", "d"))], (*own, "d")))


def _embedding_plain(indices: np.ndarray, weight: np.ndarray) -> np.ndarray:
    within = all(round(v) in range(len(weight)) for v in np.ravel(indices).tolist())
    require(within, f"an index of embedding is none of 0 to {len(weight) - 1}")
    rows = [weight[round(float(k))] for k in np.ravel(indices)]
    return np.reshape(np.stack(rows), (*np.shape(indices), weight.shape[1]))


def _dropout(x: Val, p: Val, mask: Val) -> Val:
    """x ⊙ mask / (1 − p): what is kept grows, so that the expected value stays."""
    require(p.order == 0, f"`p` of dropout is one probability, not size {p.dims}")
    chance = constant_of(p.node)
    require(chance is None or not chance.is_number or bool(0 <= chance < 1),
            f"`p` of dropout is the probability of losing an entry, from 0 to below 1, not {chance}")  # fmt: skip
    at = align(x, mask, "mask")
    factors = [(x.node, at.left), (mask.node, at.right), (map_(1 / (1 - T), p.node), ())]
    return Val(ein(factors, at.out, 1, at.sizes), at.row)


def _dropout_plain(x: np.ndarray, p: Any, mask: np.ndarray) -> np.ndarray:
    return x * mask * (1 / (1 - p))


def _drawn(count: int, indices: tuple[int, ...]) -> Any:
    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.integers(count, size=shape) if shape == indices else rng.normal(size=shape)

    return draw


def _masked(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(0.1, 0.8, size=shape)


LOOKUP: tuple[Op, ...] = (
    Op("embedding", "t[...], W[v d] -> [... d]", _embedding,
       "{y} copies rows of the table; a row gets the sum of the gradients of all its copies, and a "
       "row that no index names gets 0.",
       "dW[k] = Σ over the copies of row k", "rearrangement", "torch.nn.functional.embedding",
       "rows", _embedding_plain,
       sample=(([(3,), (5, 2)], {}, _drawn(5, (3,))), ([(), (5, 3)], {}, _drawn(5, ())),
               ([(2, 3), (5, 7)], {}, _drawn(5, (2, 3)))),
       size="A row of the table for each index.",
       meaning="row t of the weight for each index t, counted from 0"),
    Op("dropout", "x[...], p[], mask[...] -> [...]", _dropout,
       "Entries that the mask loses get no gradient; those that it keeps were scaled by 1/(1 − p), "
       "and so is their gradient.",
       "d y = mask ⊙ dx / (1 − p)", "linear map", "Srivastava et al. 2014", "dropout", _dropout_plain,
       sample=(([(7,), (), (7,)], {}, _masked), ([(3, 5), (), (3, 5)], {}, _masked)),
       size=SAME_SIZE,
       meaning="x · mask/(1 − p), entry by entry"),
)  # fmt: skip
