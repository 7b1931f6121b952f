"""Losses that compare two arrays entry by entry: targets, labels of ±1, probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from ..graph import dims
from ..graph import node as g
from ..graph.dims import number
from ..graph.node import Node, T, map_
from . import scalar as s
from .base import Flag, Number, Op, Val, Word, require
from .broadcast import paired, paper
from .loss import reduce_loss

NORMAL, INSIDE = (-2.0, 2.0), (0.1, 0.9)


def _l1_loss(x: Val, y: Val, reduction: Word = "mean") -> Val:
    at = paired(x, y, "l1_loss")
    return reduce_loss(Val(map_(sp.Abs(T), g.sub(*at.both(x.node, y.node))), at.row), reduction)


def _huber_loss(x: Val, y: Val, reduction: Word = "mean", delta: Number = 1) -> Val:
    require(bool(number(delta) > 0), "`delta` of huber_loss must be positive")
    at = paired(x, y, "huber_loss")
    gap = g.sub(*at.both(x.node, y.node))
    return reduce_loss(Val(map_(s.huber(T, number(delta)), gap), at.row), reduction)


def _weighted(losses: Node, row: bool, weight: Val | None, reduction: str) -> Val:
    if weight is not None:
        losses = g.mul(_trailing(weight, losses, "weight"), losses)
    return reduce_loss(Val(losses, row), reduction)


def _trailing(v: Val, like: Node, name: str) -> Node:
    """A weight along the last axes of the losses, as NumPy broadcasts it."""
    skip = like.order - v.order
    sizes = like.shape[max(skip, 0) :]
    fits = skip >= 0 and all(
        d == 1 or dims.same(d, e) for d, e in zip(v.node.shape, sizes, strict=True)
    )
    require(fits, f"`{name}` of size {v.dims} does not go with losses of size {dims.text(like.shape)}",
            "it is one number, or has the sizes of the last axes")  # fmt: skip
    axes = [skip + k if d == e else -1 - k
            for k, (d, e) in enumerate(zip(v.node.shape, sizes, strict=True))]  # fmt: skip
    return g.broadcast(v.node, axes, like.shape)


def _bce(p: Val, y: Val, weight: Val | None = None, reduction: Word = "mean") -> Val:
    """−(y log p + (1 − y) log(1 − p))."""
    at = paired(p, y, "binary_cross_entropy", number=False)
    chance, label = at.both(p.node, y.node)
    other = g.sub(g.const(1, label.shape), label)
    hit, miss = map_(sp.log(T), chance), map_(sp.log(1 - T), chance)
    losses = g.add([g.mul(label, hit), g.mul(other, miss)], [-1, -1])
    return _weighted(losses, at.row, weight, reduction)


def _bce_logits(z: Val, y: Val, weight: Val | None = None, reduction: Word = "mean",
                pos_weight: Val | None = None) -> Val:  # fmt: skip
    """softplus(z) − y z; with a weight of the positive class (1 − y) z + (1 + (w − 1) y) softplus(−z)."""
    at = paired(z, y, "binary_cross_entropy_with_logits", number=False)
    score, label = at.both(z.node, y.node)
    if pos_weight is None:
        losses = g.sub(map_(s.softplus(T, sp.S.One), score), g.mul(label, score))
        return _weighted(losses, at.row, weight, reduction)
    positive = g.mul(_trailing(pos_weight, label, "pos_weight"), label)
    misses = g.sub(score, g.mul(label, score))
    factor = g.add([g.const(1, label.shape), positive, label], [1, 1, -1])
    gap = map_(s.softplus(T, sp.S.One), g.scale(-1, score))
    return _weighted(g.add([misses, g.mul(factor, gap)]), at.row, weight, reduction)


def _kl_div(log_q: Val, p: Val, reduction: Word = "mean", log_target: Flag = False) -> Val:
    """p (log p − log q), and 0 where p is 0; the target comes second, as in PyTorch."""
    at = paired(log_q, p, "kl_div")
    log, target = at.both(log_q.node, p.node)
    if log_target:
        losses = g.mul(map_(sp.exp(T), target), g.sub(target, log))
    else:
        losses = g.sub(map_(s.xlogx(T), target), g.mul(target, log))
    if reduction != "batchmean":
        require(reduction in ("mean", "sum", "none"),
                '`reduction` of kl_div is "mean", "batchmean", "sum" or "none"')  # fmt: skip
        return reduce_loss(Val(losses, at.row), reduction)
    require(losses.order >= 1, "`batchmean` needs a batch")
    size = 1 if at.row else losses.shape[0]
    return Val(g.scale(1 / number(size), g.sum_axes(losses, range(losses.order))))


def _hinge_loss(s_: Val, y: Val, reduction: Word = "mean") -> Val:
    at = paired(s_, y, "hinge_loss")
    agreement = at.product(s_.node, y.node)
    short = g.sub(g.const(1, agreement.shape), agreement)
    return reduce_loss(Val(map_(s.relu(T), short), at.row), reduction)


# -- plain definitions, used only by checks -------------------------------------------------------


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction == "batchmean":
        return np.sum(losses) / len(losses)
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](losses)


def _plain(f: Callable[..., Any]) -> Callable[..., Any]:
    def reference(x: np.ndarray, y: np.ndarray, reduction: str = "mean", **given: Any) -> Any:
        column = x.ndim == 1 or y.ndim == 1
        a, b = paper(x, y)
        losses = np.asarray(f(a, b, **given))
        if column and losses.ndim == 2 and losses.shape[1] == 1:
            losses = losses[:, 0]
        return _reduced(losses, reduction)

    return reference


def _huber_plain(x: Any, y: Any, delta: Any = 1) -> Any:
    d, gap = float(delta), np.abs(x - y)
    return np.where(gap <= d, gap**2 / 2, d * (gap - d / 2))


def _alike(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as columns where one is a column and the other n×1."""
    shape = min(np.shape(x), np.shape(y), key=len)
    return np.reshape(x, shape), np.reshape(y, shape)


def _bce_plain(p: np.ndarray, y: np.ndarray, weight: Any = None, reduction: str = "mean") -> Any:
    p, y = _alike(p, y)
    losses = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return _reduced(losses * (1.0 if weight is None else weight), reduction)


def _bce_logits_plain(z: np.ndarray, y: np.ndarray, weight: Any = None, pos_weight: Any = None,
                      reduction: str = "mean") -> Any:  # fmt: skip
    z, y = _alike(z, y)
    positive = 1.0 if pos_weight is None else pos_weight
    hit, miss = -np.logaddexp(0.0, -z), -np.logaddexp(0.0, z)  # log σ(z) and log(1 − σ(z))
    losses = -(positive * y * hit + (1 - y) * miss)
    return _reduced(losses * (1.0 if weight is None else weight), reduction)


def _kl_plain(log_q: Any, p: Any, log_target: bool = False) -> Any:
    p = np.exp(p) if log_target else p
    return np.where(p > 0, p * (np.log(np.where(p > 0, p, 1.0)) - log_q), 0.0)


def _gap(arrays: list[np.ndarray], given: dict[str, Any]) -> float:
    a, b = paper(*arrays[:2])
    return float(np.min(np.abs(a - b), initial=np.inf))


def _at_the_margin(arrays: list[np.ndarray], given: dict[str, Any]) -> float:
    s_, y = paper(*arrays[:2])
    return float(np.min(np.abs(1 - s_ * y), initial=np.inf))


def _past_delta(arrays: list[np.ndarray], given: dict[str, Any]) -> float:
    """How far the differences are from δ, where a square goes over into a straight line."""
    a, b = paper(*arrays[:2])
    delta = float(number(given.get("delta", 1)))  # type: ignore[arg-type]
    return float(np.min(np.abs(np.abs(a - b) - delta), initial=np.inf))


def _inside(arrays: list[np.ndarray], given: dict[str, Any]) -> bool:
    return bool(np.all((arrays[0] > 0) & (arrays[0] < 1)))


PAIRS = (([(7,), (7,)], {}, NORMAL), ([(3, 5), (3, 5)], {"reduction": "sum"}, NORMAL),
         ([(3, 5), (3, 5)], {"reduction": "none"}, NORMAL))  # fmt: skip
_TORCH = "torch.nn.functional."

LOSSES: tuple[Op, ...] = (
    Op("l1_loss", "x[...], y[...] -> []", _l1_loss,
       "{y} averages absolute differences, and the slope of |d| is the sign of d, however large d is.",
       "d L1 = 1/n sign(x − y)ᵀ(dx − dy)", "derivative of abs", _TORCH + "l1_loss", "L1",
       _plain(lambda x, y: np.abs(x - y)), kinks=_gap, sample=PAIRS,
       convention="where both are equal the slope is taken to be 0; every number in [−1, 1] would be "
       "a subgradient",
       meaning='the mean of |xᵢ − yᵢ|; with the reduction "sum" their sum, with "none" each of '
               'them'),
    Op("huber_loss", "x[...], y[...] -> []", _huber_loss,
       "{y} is a square near the target and a straight line beyond δ, so the slope is the difference, "
       "clipped to [−δ, δ].",
       "d H = 1/n clip(x − y, −δ, δ)ᵀ(dx − dy)", "derivative of huber", "Huber 1964; " + _TORCH + "huber_loss",
       "Huber", _plain(_huber_plain), bends=_past_delta,
       meaning="mean of ½ d² where |d| ≤ δ, else δ (|d| − ½ δ), with d = x − y",
       sample=(*PAIRS, ([(3, 5), (3, 5)], {"delta": 0.3, "reduction": "sum"}, NORMAL))),
    Op("binary_cross_entropy", "p[...], y[...], w[...] -> []", _bce,
       "The loss is −log p for a label of 1 and −log(1 − p) for a label of 0; the slopes −1/p and "
       "1/(1 − p) add up to (p − y)/(p(1 − p)).",
       "d BCE = 1/n Σ (p − y)/(p(1 − p)) dp", "derivative of cross-entropy",
       _TORCH + "binary_cross_entropy", "BCE", _bce_plain,
       condition="every probability lies strictly between 0 and 1", holds=_inside,
       sample=(([(7,), (7,)], {}, INSIDE), ([(3, 5), (3, 5)], {"reduction": "sum"}, INSIDE),
               ([(3, 5), (3, 5), (3, 5)], {"reduction": "none"}, INSIDE)),
               meaning="the mean of −yᵢ log pᵢ − (1 − yᵢ) log(1 − pᵢ)"),
    Op("binary_cross_entropy_with_logits", "z[...], y[...], w[...] -> []", _bce_logits,
       "Sigmoid and cross-entropy together: the gradient is the predicted probability minus the label.",
       "d BCE = 1/n (σ(z) − y)ᵀ dz", "derivative of cross-entropy",
       _TORCH + "binary_cross_entropy_with_logits", "BCE", _bce_logits_plain,
       sample=(([(7,), (7,)], {}, NORMAL), ([(3, 5), (3, 5)], {"reduction": "sum"}, NORMAL),
               ([(3, 5), (3, 5), (5,), (5,)], {"reduction": "none"}, (0.1, 2.0))),
               meaning="the mean of log(1 + exp(zᵢ)) − yᵢ zᵢ; `pos_weight` weighs the part of "
                       "the label 1"),
    Op("kl_div", "log_q[...], p[...] -> []", _kl_div,
       "In log q the loss is linear, with slope −p; in p the slope is log p + 1 − log q.",
       "d KL = Σ (log p + 1 − log q) dp − p d log q", "product rule", _TORCH + "kl_div", "KL",
       _plain(_kl_plain),
       sample=(([(7,), (7,)], {}, INSIDE), ([(3, 5), (3, 5)], {"reduction": "batchmean"}, INSIDE),
               ([(3, 5), (3, 5)], {"reduction": "none", "log_target": True}, NORMAL)),
               meaning='the mean of pᵢ (log pᵢ − log_qᵢ); with the reduction "sum" their sum'),
    Op("hinge_loss", "s[...], y[...] -> []", _hinge_loss,
       "A score on the right side with a margin of at least 1 costs nothing and gets no gradient; the "
       "others are pushed with slope −y.",
       "d H = −1/n Σ [y s < 1] (y ds + s dy)", "maximum", "Cortes & Vapnik 1995", "hinge",
       _plain(lambda s_, y: np.maximum(0.0, 1 - y * s_)),
       kinks=_at_the_margin,
       convention="exactly at the margin, y s = 1, the slope is taken to be 0", sample=PAIRS,
       meaning="the mean of max(0, 1 − sᵢ yᵢ)"),
)  # fmt: skip
