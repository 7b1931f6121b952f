"""Losses of a classifier: scores or log-probabilities against class indices or probabilities.

Batches are rows. The classes run along axis 1, or along axis 0 of one example's vector, as in
PyTorch. With a `weight` per class, or an index that is ignored, the mean divides by the weights of
the targets that count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import dims
from ..graph import node as g
from ..graph.dims import number
from ..graph.node import Node, T, call, ein, map_
from . import scalar as s
from .base import Int, Number, Op, Val, Word, as_column, require
from .loss import one_hot, reduce_loss

NORMAL = (-2.0, 2.0)


class _Targets:
    """Where the classes are, and what each example and class counts."""

    def __init__(self, name: str, z: Val, t: Val, weight: Val | None, ignored: int | None) -> None:
        require(z.order >= 1 and not z.row,
                f"the scores of {name} are a vector or a batch of rows, not size {z.dims}")  # fmt: skip
        self.axis = 0 if z.order == 1 else 1
        self.classes = z.node.shape[self.axis]
        self.own = tuple(range(z.order))
        self.rest = tuple(k for k in self.own if k != self.axis)
        sizes = tuple(z.node.shape[k] for k in self.rest)
        require(t.order == z.order - 1 and not t.row and dims.same_shape(t.node.shape, sizes),
                f"the scores `{{left}}` ({z.dims}) need one class index per example (from 0), "
                f"not `{{right}}` ({t.dims})")  # fmt: skip
        self.weight = class_weight(name, weight, self.classes)
        self.plain = self.weight is None and ignored is None
        self.hot = one_hot(t.node, self.classes, ignored)

    @property
    def hot_labels(self) -> tuple[int, ...]:
        return (*self.rest, self.axis)

    def counting(self) -> list[Any]:
        """Factors that are the target's weight at its class, and 0 elsewhere."""
        factors: list[Any] = [(self.hot, self.hot_labels)]
        if self.weight is not None:
            factors.append((self.weight, (self.axis,)))
        return factors

    def picked(self, x: Node, coef: int = 1) -> Node:
        """Per example: the entry at the target's class, times its weight."""
        return ein([*self.counting(), (x, self.own)], self.rest, coef)

    def weights(self) -> Node:
        return ein(self.counting(), self.rest)

    def reduced(self, losses: Node, reduction: str) -> Val:
        if reduction != "mean" or self.plain:
            return reduce_loss(Val(losses), reduction)
        total, count = (g.sum_axes(n, range(n.order)) for n in (losses, self.weights()))
        return Val(ein([(total, ()), (map_(1 / T, count), ())], ()))


def class_weight(name: str, weight: Val | None, classes: Any) -> Node | None:
    if weight is None:
        return None
    weight = as_column(weight)
    require(weight.order == 1 and dims.same(weight.node.shape[0], classes),
            f"{name} takes one weight per class ({classes}), not size {weight.dims}")  # fmt: skip
    return weight.node


def _cross_entropy(z: Val, t: Val, weight: Val | None = None, ignore_index: Int = None,
                   reduction: Word = "mean", label_smoothing: Number = 0) -> Val:  # fmt: skip
    """−Σ t log softmax(z), with t a class index (from 0) or probabilities."""
    smooth = number(label_smoothing)
    require(bool(0 <= smooth <= 1), "`label_smoothing` is a number from 0 to 1")
    if t.order == z.order:
        require(ignore_index is None, "`ignore_index` needs class indices, not probabilities")
        return _soft_targets(z, t, weight, reduction, smooth)
    at = _Targets("cross_entropy", z, t, weight, ignore_index)
    total = call("logsumexp", [z.node], (at.axis,), [z.node.shape[k] for k in at.rest])
    if at.plain:  # logsumexp(z) − z[t]: its gradient is softmax(z) − onehot(t)
        losses = g.sub(total, at.picked(z.node))
    else:
        losses = g.sub(g.mul(at.weights(), total), at.picked(z.node))
    if smooth != 0:
        share = smooth / number(at.classes)
        losses = g.add([losses, _spread(at, z.node, total)], [1 - smooth, share])
    return at.reduced(losses, reduction)


def _spread(at: _Targets, z: Node, total: Node) -> Node:
    """Σ over the classes of weight · (logsumexp(z) − z), of the examples that count."""
    keep = [] if at.plain else [(ein([(at.hot, at.hot_labels)], at.rest), at.rest)]
    own = [] if at.weight is None else [(at.weight, (at.axis,))]
    size = {at.axis: at.classes}
    return g.sub(
        ein([*keep, *own, (total, at.rest)], at.rest, 1, size),
        ein([*keep, *own, (z, at.own)], at.rest),
    )


def _soft_targets(z: Val, t: Val, weight: Val | None, reduction: str, smooth: Any) -> Val:
    require(z.order >= 1, "the scores of cross_entropy are a vector or a batch of rows")
    require(dims.same_shape(t.node.shape, z.node.shape),
            f"the scores `{{left}}` ({z.dims}) and the probabilities `{{right}}` ({t.dims}) differ in size",
            "probabilities have the size of the scores; class indices are a vector, one index per row")  # fmt: skip
    axis = 0 if z.order == 1 else 1
    own = tuple(range(z.order))
    target = t.node
    if smooth != 0:
        even = g.const(smooth / number(z.node.shape[axis]), target.shape)
        target = g.add([target, even], [1 - smooth, 1])
    factors = [(target, own), (call("log_softmax", [z.node], (axis,), z.node.shape), own)]
    scale = class_weight("cross_entropy", weight, z.node.shape[axis])
    if scale is not None:
        factors.insert(0, (scale, (axis,)))
    return reduce_loss(Val(ein(factors, tuple(k for k in own if k != axis), -1)), reduction)


def _nll_loss(log_p: Val, t: Val, weight: Val | None = None, ignore_index: Int = None,
              reduction: Word = "mean") -> Val:  # fmt: skip
    at = _Targets("nll_loss", log_p, t, weight, ignore_index)
    return at.reduced(at.picked(log_p.node, -1), reduction)


def _multi_margin_loss(z: Val, t: Val, p: Int = 1, margin: Number = 1, weight: Val | None = None,
                       reduction: Word = "mean") -> Val:  # fmt: skip
    """Σ over the wrong classes of max(0, margin − z[t] + z[j])ᵖ, divided by the classes."""
    require(p in (1, 2), f"`p` of multi_margin_loss is 1 or 2, not {p}")
    require(z.order in (1, 2), f"multi_margin_loss takes a vector or rows of scores, not {z.dims}")
    at = _Targets("multi_margin_loss", z, t, weight, None)
    right = ein([(at.hot, at.hot_labels), (z.node, at.own)], at.rest)
    spread = g.broadcast(right, at.rest, z.node.shape)
    gap = g.add([g.const(margin, z.node.shape), spread, z.node], [1, -1, 1])
    wrong = g.sub(g.const(1, at.hot.shape), at.hot)
    factors: list[Any] = [(wrong, at.hot_labels), (map_(s.relu(T) ** p, gap), at.own)]
    if at.weight is not None:
        factors.insert(0, (at.weights(), at.rest))
    return reduce_loss(Val(ein(factors, at.rest, 1 / number(at.classes))), reduction)


# -- the definitions as loops over examples, used only by checks ----------------------------------

Example = Callable[[np.ndarray, Any, np.ndarray], tuple[float, float]]


def _looped(example: Example, x: np.ndarray, t: np.ndarray, weight: Any, reduction: str,
            ignored: Any = None, weighted_mean: bool = True) -> Any:  # fmt: skip
    """`example` gives an example's loss and what it counts in the mean."""
    scores = x[None] if x.ndim == 1 else x
    rows = np.moveaxis(scores, 1, -1)
    single = np.ndim(t) < x.ndim
    targets = t if x.ndim > 1 else np.asarray(t)[None]
    targets = targets if single else np.moveaxis(targets, 1, -1)
    w = np.ones(rows.shape[-1]) if weight is None else np.ravel(weight)
    losses, counts = np.zeros(rows.shape[:-1]), np.zeros(rows.shape[:-1])
    for at in np.ndindex(*rows.shape[:-1]):
        target = round(float(targets[at])) if single else targets[at]
        if not single or target != ignored:
            within = not single or target in range(rows.shape[-1])
            require(within, f"a class index is none of 0 to {rows.shape[-1] - 1}")
            losses[at], counts[at] = example(rows[at], target, w)
    if reduction == "none":
        return losses[0] if x.ndim == 1 else losses
    divisor = counts.sum() if weighted_mean and single else losses.size
    return losses.sum() / (divisor if reduction == "mean" else 1)


def _cross_entropy_plain(z: np.ndarray, t: np.ndarray, weight: Any = None, ignore_index: Any = None,
                         reduction: str = "mean", label_smoothing: Any = 0) -> Any:  # fmt: skip
    def example(row: np.ndarray, target: Any, w: np.ndarray) -> tuple[float, float]:
        p = np.eye(len(row))[target] if isinstance(target, int) else target
        smooth = float(label_smoothing)
        p = (1 - smooth) * p + smooth / len(row)
        logs = row - np.logaddexp.reduce(row)
        return -float(np.sum(w * p * logs)), w[target] if isinstance(target, int) else 1.0

    return _looped(example, z, t, weight, reduction, ignore_index)


def _nll_plain(log_p: np.ndarray, t: np.ndarray, weight: Any = None, ignore_index: Any = None,
               reduction: str = "mean") -> Any:  # fmt: skip
    return _looped(
        lambda row, k, w: (-w[k] * row[k], w[k]), log_p, t, weight, reduction, ignore_index
    )


def _margin_plain(z: np.ndarray, t: np.ndarray, weight: Any = None, p: int = 1, margin: Any = 1,
                  reduction: str = "mean") -> Any:  # fmt: skip
    def example(row: np.ndarray, k: int, w: np.ndarray) -> tuple[float, float]:
        terms = [max(0.0, float(margin) - row[k] + v) ** p for j, v in enumerate(row) if j != k]
        return w[k] * sum(terms) / len(row), 1.0

    return _looped(example, z, t, weight, reduction)


def _margin_kink(arrays: list[np.ndarray], given: dict[str, Any]) -> float:
    if given.get("p", 1) == 2:
        return np.inf
    rows, targets = np.atleast_2d(arrays[0]), np.atleast_1d(arrays[1])
    margin = float(given.get("margin", 1))
    gaps = [abs(margin - row[round(k)] + v)
            for row, k in zip(rows, targets, strict=True)
            for j, v in enumerate(row) if j != round(k)]  # fmt: skip
    return float(min(gaps, default=np.inf))


def _drawn(classes: int, indices: tuple[int, ...]) -> Callable[..., np.ndarray]:
    """Class indices where the shape is the targets', positive weights, scores elsewhere."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        if shape == indices:
            return rng.integers(classes, size=shape)
        return rng.uniform(0.3, 2.0, size=shape)

    return draw


_TORCH = "torch.nn.functional."
_GOODFELLOW = "Goodfellow, Bengio & Courville, Deep Learning, ch. 6"

CLASSES: tuple[Op, ...] = (
    Op("cross_entropy", "z[n k], t[n] or t[n k], w[k] -> []", _cross_entropy,
       "Cross-entropy after softmax: its gradient is the predicted probabilities minus the target.",
       "dL = (p Σt − t)ᵀ dz", "derivative of cross-entropy", _GOODFELLOW, "CE", _cross_entropy_plain,
       meaning="−log softmax(z)[t], or −Σ t log softmax(z) for probabilities t; with weights the mean "
       "divides by the weights of the targets",
       sample=(([(5,), (5,)], {}, (0.1, 1.0)), ([(3, 5), (3, 5)], {"reduction": "sum"}, (0.1, 1.0)),
               ([(3, 5), (3, 5)], {"reduction": "none"}, (0.1, 1.0)),
               ([(3, 5), (3,)], {}, _drawn(5, (3,))),
               ([(3, 5), (3,), (5,)], {"label_smoothing": 0.2, "ignore_index": 4}, _drawn(4, (3,))),
               ([(3, 5), (3, 5), (5,)], {"label_smoothing": 0.1}, (0.1, 1.0))),
       size="One number for each example."),
    Op("nll_loss", "log_p[n k], t[n], w[k] -> []", _nll_loss,
       "{y} reads off minus the log-probability of the right class, so only that score gets a "
       "gradient.",
       "dL = −onehot(t)ᵀ d log p", "linear map", _TORCH + "nll_loss", "NLL", _nll_plain,
       meaning="−w[t] log_p[t]; the mean divides by the weights of the targets",
       sample=(([(3, 5), (3,)], {}, _drawn(5, (3,))), ([(5,), ()], {}, _drawn(5, ())),
               ([(7, 5), (7,), (5,)], {"ignore_index": 2}, _drawn(5, (7,))),
               ([(2, 5, 3), (2, 3)], {"reduction": "none"}, _drawn(5, (2, 3)))),
       size="One number for each example."),
    Op("multi_margin_loss", "z[n k], t[n], w[k] -> []", _multi_margin_loss,
       "A wrong class counts only if its score comes within the margin of the right one's: then its "
       "gradient is +1/k, and the right score's is −1/k for each of them.",
       "dL = 1/k Σⱼ [margin − z_t + z_j > 0] (dz_j − dz_t)", "maximum", _TORCH + "multi_margin_loss",
       "hinge", _margin_plain,
       meaning="1/k Σ over j ≠ t of max(0, margin − z[t] + z[j])ᵖ", kinks=_margin_kink,
       convention="where a wrong class is exactly at the margin, its slope is taken to be 0",
       sample=(([(3, 5), (3,)], {}, _drawn(5, (3,))), ([(5,), ()], {"p": 2}, _drawn(5, ())),
               ([(3, 5), (3,), (5,)], {"margin": 0.7, "reduction": "none"}, _drawn(5, (3,)))),
       size="One number for each example."),
)  # fmt: skip
