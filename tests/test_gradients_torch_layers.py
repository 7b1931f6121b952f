"""Layers and losses against torch.autograd in float64, and planted faults, one per family."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from test_gradients_torch import NORMAL, Case, K, compare, pooling, torch

F = torch.nn.functional


def bare(f: Any, n: int) -> Any:
    """torch wants channels; one image with one kernel has none."""

    def call(x: Any, w: Any, *bias: Any, _conv_: str = "correlation", **given: Any) -> Any:
        w = torch.flip(w, tuple(range(-n, 0))) if _conv_ == "convolution" else w
        if w.ndim == n:
            return f(x[None, None], w[None, None], *bias, **given)[0, 0]
        return f(x, w, *bias, **given)

    return call


def image(f: Any) -> Any:
    return lambda x, **given: f(x[None], **given)[0] if x.ndim == 2 else f(x, **given)


CONV3D = [
    ([(3, 4, 5), (2, 2, 3)], {}),
    ([(3, 5, 7), (2, 3, 2)], {"stride": (1, 2, 3), "padding": (1, 0, 1)}),
    ([(2, 3, 4, 5), (3, 2, 2, 1, 3), (3,)], {"padding": 1, "stride": 2}),
    ([(1, 4, 3, 2, 3), (2, 2, 2, 1, 2)], {"groups": 2, "dilation": (2, 1, 1)}),
    ([(2, 3, 5, 3, 5), (5, 3, 3, 3, 2), (5,)], {"padding": "same", "dilation": (1, 1, 2)}),
    ([(3, 3, 4, 3), (2, 3, 2, 1, 2)], {"_conv_": "convolution"}),
]  # fmt: skip
TRANSPOSED1D = [
    ([(5,), (3,)], {}), ([(5,), (3,)], {"stride": 3}), ([(7,), (4,)], {"stride": 2, "padding": 3}),
    ([(3, 5), (3, 2, 4), (2,)], {"stride": 3, "padding": 2, "output_padding": 1}),
    ([(2, 4, 3), (4, 3, 2)], {"groups": 2, "dilation": 3}),
    ([(2, 6, 5), (6, 1, 3), (3,)], {"groups": 3, "stride": 2, "output_padding": 1, "padding": 1}),
    ([(3, 5), (3, 2, 4)], {"dilation": 3, "stride": 2, "output_padding": 2}),
]  # fmt: skip
TRANSPOSED2D = [
    ([(2, 3), (3, 2)], {}), ([(3, 2), (2, 3)], {"stride": (2, 3), "padding": (1, 0)}),
    ([(3, 2, 3), (3, 2, 2, 3), (2,)], {"stride": 2, "padding": (0, 1), "output_padding": 1}),
    ([(2, 4, 2, 3), (4, 1, 3, 2)], {"groups": 2, "dilation": (1, 2)}),
    ([(2, 4, 3, 5), (4, 3, 3, 2), (6,)],
     {"groups": 2, "stride": (3, 2), "padding": 1, "output_padding": (2, 0), "dilation": (1, 2)}),
    ([(2, 3, 5, 2), (3, 5, 1, 1), (5,)], {"stride": 2}),
    ([(5, 3, 7), (5, 2, 4, 4)], {"stride": 2, "padding": 1}),
]  # fmt: skip
POOL3D = [
    ([(3, 4, 5)], {K: 2}), ([(2, 3, 4, 5)], {K: (2, 3, 2), "stride": (1, 2, 3), "padding": 1}),
    ([(2, 3, 5, 4, 3)], {K: 3, "stride": 2, "padding": (1, 0, 1), "ceil_mode": True}),
]  # fmt: skip
ADAPTIVE = [
    ([(5, 7)], {"output_size": (2, 3)}), ([(3, 6, 4)], {"output_size": (3, 2)}),
    ([(2, 3, 5, 7)], {"output_size": (None, 5)}), ([(3, 5, 7)], {"output_size": 1}),
    ([(2, 11, 13)], {"output_size": (7, 5)}), ([(1, 3, 2)], {"output_size": (5, 4)}),
]  # fmt: skip
UNFOLD = [
    ([(3, 5)], {K: 2}), ([(2, 5, 3)], {K: (2, 3), "stride": 2, "padding": 1}),
    ([(2, 3, 3, 5)], {K: 2, "dilation": (1, 2)}),
    ([(2, 3, 7, 5)], {K: (3, 2), "stride": (2, 1), "padding": (1, 2), "dilation": (2, 3)}),
]  # fmt: skip
FOLD = [
    ([(4, 8)], {"output_size": (3, 5), K: 2}), ([(2, 4, 4)], {"output_size": 3, K: 2}),
    ([(12, 6)], {"output_size": (5, 3), K: (2, 3), "stride": 2, "padding": 1}),
    ([(3, 30, 9)],
     {"output_size": (5, 7), K: (3, 2), "stride": (2, 3), "dilation": (1, 2), "padding": 1}),
]  # fmt: skip


def unfold(x: Any, **given: Any) -> Any:
    return F.unfold(x[None] if x.ndim == 2 else x, **given)


WINDOWS: list[Case] = [
    (name, f, shapes, given, NORMAL)
    for name, f, rows in (
        ("conv3d", bare(F.conv3d, 3), CONV3D),
        ("conv_transpose1d", bare(F.conv_transpose1d, 1), TRANSPOSED1D),
        ("conv_transpose2d", bare(F.conv_transpose2d, 2), TRANSPOSED2D),
        ("max_pool3d", pooling(3, "max"), POOL3D),
        ("avg_pool3d", pooling(3, "avg"), POOL3D),
        ("adaptive_avg_pool2d", image(F.adaptive_avg_pool2d), ADAPTIVE),
        ("unfold", unfold, UNFOLD),
        ("fold", F.fold, FOLD),
    )
    for shapes, given in rows
]

# -- losses ---------------------------------------------------------------------------------------


WEIGHTED = {  # torch does not differentiate these by their weights
    "cross_entropy", "nll_loss", "multi_margin_loss",
    "binary_cross_entropy", "binary_cross_entropy_with_logits",
}  # fmt: skip


def indexed(f: Any, after: tuple[str, ...] = ()) -> Any:
    """torch wants whole numbers for classes, and the weight by name."""

    def call(z: Any, t: Any, *weight: Any, **given: Any) -> Any:
        given = {"ignore_index": -100, **given} if f is not F.multi_margin_loss else given
        w = {"weight": weight[0].detach()} if weight else {}
        return f(z, t.long() if t.ndim < z.ndim else t, **w, **given)

    return call


def weighted(f: Any, *names: str) -> Any:
    def call(x: Any, y: Any, *more: Any, **given: Any) -> Any:
        return f(x, y, **{n: w.detach() for n, w in zip(names, more, strict=False)}, **given)

    return call


def classes(count: int, shape: tuple[int, ...]) -> Any:
    """Class indices in the shape of the targets, positive weights, any scores."""

    def draw(rng: np.random.Generator, s: tuple[int, ...]) -> np.ndarray:
        if s == shape:
            return rng.integers(count, size=s)
        return rng.uniform(0.2, 2.0, size=s) if s == (count,) else rng.uniform(-2, 2, size=s)

    return draw


PAIRS: list[Any] = [
    (shapes, {"reduction": r})
    for shapes in ([(7,), (7,)], [(3, 5), (3, 5)], [(2, 3, 5), (2, 3, 5)])
    for r in ("mean", "sum", "none")
]
INDEX: list[Any] = [
    ([(7, 5), (7,)], {}), ([(7, 5), (7,)], {"reduction": "sum"}), ([(7, 5), (7,)], {"reduction": "none"}),
    ([(5,), ()], {}), ([(2, 5, 3), (2, 3)], {}), ([(2, 5, 3), (2, 3)], {"reduction": "none"}),
]  # fmt: skip
COUNTED = [
    ([(7, 5), (7,)], {"ignore_index": 2}), ([(7, 5), (7,)], {"ignore_index": 1, "reduction": "none"}),
    ([(2, 5, 3), (2, 3)], {"ignore_index": 3}),
]  # fmt: skip
SMOOTH = [
    ([(7, 5), (7,)], {"label_smoothing": 0.3}), ([(5,), ()], {"label_smoothing": 0.1}),
    ([(7, 5), (7,)], {"label_smoothing": 0.2, "ignore_index": 4}),
    ([(7, 5), (7,)], {"label_smoothing": 0.2, "ignore_index": 4, "reduction": "none"}),
    ([(2, 5, 3), (2, 3)], {"label_smoothing": 1.0}),
    ([(7, 5), (7, 5)], {"label_smoothing": 0.3}), ([(5,), (5,)], {}), ([(2, 5, 3), (2, 5, 3)], {}),
]  # fmt: skip
MARGIN = [
    *INDEX[:4], ([(7, 5), (7,)], {"p": 2}), ([(7, 5), (7,)], {"margin": 0.3, "reduction": "sum"}),
    ([(5,), ()], {"margin": 2, "p": 2}),
]  # fmt: skip


def with_weight(rows: list[Any]) -> list[Any]:
    return rows + [([*shapes, (5,)], given) for shapes, given in rows]


LOSSES: list[Case] = [
    (name, f, shapes, given, domain)
    for name, f, rows, domain in (
        ("l1_loss", F.l1_loss, PAIRS, NORMAL),
        ("huber_loss", F.huber_loss, [*PAIRS, ([(3, 5), (3, 5)], {"delta": 0.3})], NORMAL),
        ("binary_cross_entropy", weighted(F.binary_cross_entropy, "weight"),
         [*PAIRS, ([(3, 5), (3, 5), (3, 5)], {}), ([(3, 5), (3, 5), (5,)], {"reduction": "sum"})],
         (0.1, 0.9)),
        ("binary_cross_entropy_with_logits",
         weighted(F.binary_cross_entropy_with_logits, "weight", "pos_weight"),
         [*PAIRS, ([(3, 5), (3, 5), (5,)], {}), ([(3, 5), (3, 5), (5,), (5,)], {"reduction": "none"}),
          ([(2, 3, 5), (2, 3, 5), (3, 1), (5,)], {}), ([(7,), (7,), (), ()], {})], NORMAL),
        ("kl_div", F.kl_div,
         [*PAIRS, ([(3, 5), (3, 5)], {"reduction": "batchmean"}), ([(7,), (7,)], {"reduction": "batchmean"})],
         (0.1, 0.9)),
        ("kl_div", F.kl_div, [(s, {**given, "log_target": True}) for s, given in PAIRS], NORMAL),
    )
    for shapes, given in rows
] + [
    (name, indexed(f), shapes, given, classes(5, shapes[1]) if len(shapes[1]) < len(shapes[0]) else (0.1, 0.9))
    for name, f, rows in (
        ("cross_entropy", F.cross_entropy, with_weight([*INDEX, *COUNTED, *SMOOTH])),
        ("nll_loss", F.nll_loss, with_weight([*INDEX, *COUNTED])),
        ("multi_margin_loss", F.multi_margin_loss, with_weight(MARGIN)),
    )
    for shapes, given in rows
]  # fmt: skip

CASES: list[Case] = [*WINDOWS, *LOSSES]


def drawn(case: Case) -> list[np.ndarray]:
    name, _, shapes, given, domain = case
    rng = np.random.default_rng(zlib.crc32(repr((name, shapes, given)).encode()))
    if callable(domain):
        return [np.asarray(domain(rng, s), dtype=float) for s in shapes]
    return [rng.uniform(*domain, size=s) for s in shapes]


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel lengths")
@pytest.mark.filterwarnings("ignore:reduction. .mean. divides the total loss")
@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c[0]}-{k}") for k, c in enumerate(CASES)])
def test_value_and_gradient(case: Case) -> None:
    name, f, _, given, _ = case
    fixed = frozenset((2, 3) if name in WEIGHTED else ())
    compare(name, f, drawn(case), given, fixed)
