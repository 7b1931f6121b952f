"""Layers and losses against torch.autograd in float64, and planted faults, one per family."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
import sympy as sp
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
TRANSPOSED3D = [
    ([(2, 3, 2), (3, 2, 1)], {}),
    ([(3, 2, 3, 2), (3, 5, 2, 1, 3), (5,)], {"stride": (2, 1, 3), "padding": (0, 0, 1)}),
    ([(2, 2, 2, 1, 3), (2, 3, 2, 2, 2), (3,)],
     {"stride": 2, "padding": 1, "output_padding": (1, 0, 1), "dilation": (1, 2, 1)}),
    ([(1, 4, 2, 3, 2), (4, 3, 1, 2, 2)], {"groups": 2, "dilation": (1, 1, 3)}),
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
        ("conv_transpose3d", bare(F.conv_transpose3d, 3), TRANSPOSED3D),
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
    *(([(7, 5), (7,)], {"reduction": r}) for r in ("mean", "sum", "none")),
    ([(5,), ()], {}), ([(2, 5, 3), (2, 3)], {}), ([(2, 5, 3), (2, 3)], {"reduction": "none"}),
]  # fmt: skip
COUNTED = [
    ([(7, 5), (7,)], {"ignore_index": 2}),
    ([(7, 5), (7,)], {"ignore_index": 1, "reduction": "none"}),
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
         [*PAIRS, ([(3, 5), (3, 5), (5,)], {}),
          ([(3, 5), (3, 5), (5,), (5,)], {"reduction": "none"}),
          ([(2, 3, 5), (2, 3, 5), (3, 1), (5,)], {}), ([(7,), (7,), (), ()], {})], NORMAL),
        ("kl_div", F.kl_div,
         [*PAIRS, *(([s, s], {"reduction": "batchmean"}) for s in ((3, 5), (7,)))],
         (0.1, 0.9)),
        ("kl_div", F.kl_div, [(s, {**given, "log_target": True}) for s, given in PAIRS], NORMAL),
    )
    for shapes, given in rows
] + [
    (name, indexed(f), shapes, given,
     classes(5, shapes[1]) if len(shapes[1]) < len(shapes[0]) else (0.1, 0.9))
    for name, f, rows in (
        ("cross_entropy", F.cross_entropy, with_weight([*INDEX, *COUNTED, *SMOOTH])),
        ("nll_loss", F.nll_loss, with_weight([*INDEX, *COUNTED])),
        ("multi_margin_loss", F.multi_margin_loss, with_weight(MARGIN)),
    )
    for shapes, given in rows
]  # fmt: skip

# -- normalisation and look-up --------------------------------------------------------------------


def statistics(f: Any) -> Any:
    """torch's batch_norm takes the batch's own statistics only when it is training."""

    def call(x: Any, *more: Any, **given: Any) -> Any:
        mean, var = (v.detach() for v in more[:2]) if more else (None, None)
        key = "training" if f is F.batch_norm else "use_input_stats"
        x2 = x[:, None] if x.ndim == 1 else x
        y = f(x2, mean, var, *more[2:], **{key: not more}, **given)
        return y[:, 0] if x.ndim == 1 else y

    return call


def last(f: Any) -> Any:
    def call(x: Any, *more: Any, normalized_shape: Any = None, **given: Any) -> Any:
        if normalized_shape is None:
            normalized_shape = x.shape[-1:]
        return f(x, tuple(normalized_shape), *more, **given)

    return call


def grouped(x: Any, *more: Any, num_groups: int, **given: Any) -> Any:
    return F.group_norm(x, num_groups, *more, **given)


EPS = {"eps": 0.3}
POSITIVE = (0.2, 2.0)
NORMS: list[Case] = [
    *(("batch_norm", statistics(F.batch_norm), shapes, given, POSITIVE) for shapes, given in (
        ([(5, 3)], {}), ([(7,)], {}), ([(5, 3)], EPS), ([(3, 2, 5)], {}), ([(2, 3, 2, 5)], {}),
        ([(2, 3, 2, 5, 2)], EPS), ([(5, 3), (3,), (3,)], {}), ([(2, 3, 5), (3,), (3,)], EPS),
        ([(5, 3), (3,), (3,), (3,), (3,)], {}), ([(2, 3, 5, 2), (3,), (3,), (3,), (3,)], EPS),
    )),
    *(("layer_norm", last(F.layer_norm), shapes, given, NORMAL) for shapes, given in (
        ([(7,)], {}), ([(3, 5)], {}), ([(2, 3, 5)], EPS), ([(3, 5), (5,)], {}),
        ([(3, 5), (5,), (5,)], EPS), ([(2, 3, 5), (3, 5), (3, 5)], {"normalized_shape": (3, 5)}),
        ([(2, 3, 5), (2, 3, 5)], {"normalized_shape": (2, 3, 5)}),
    )),
    *(("rms_norm", last(F.rms_norm), shapes, given, POSITIVE) for shapes, given in (
        ([(7,)], {}), ([(3, 5)], EPS), ([(3, 5), (5,)], {}),
        ([(2, 3, 5), (3, 5)], {"normalized_shape": (3, 5)}),
    )),
    *(("group_norm", grouped, shapes, given, NORMAL) for shapes, given in (
        ([(3, 6)], {"num_groups": 2}), ([(2, 6, 5), (6,), (6,)], {"num_groups": 3}),
        ([(2, 6, 3, 2)], {"num_groups": 6, **EPS}), ([(2, 5, 3), (5,)], {"num_groups": 1}),
    )),
    *(("instance_norm", statistics(F.instance_norm), shapes, given, POSITIVE) for shapes, given in (
        ([(2, 3, 5)], {}), ([(2, 3, 5, 2)], EPS), ([(2, 3, 2, 3, 2)], {}),
    )),
    ("embedding", lambda t, w: F.embedding(t.long(), w), [(7,), (5, 3)], {}, classes(5, (7,))),
    ("embedding", lambda t, w: F.embedding(t.long(), w), [(2, 3), (5, 7)], {}, classes(5, (2, 3))),
    ("embedding", lambda t, w: F.embedding(t.long(), w), [(), (5, 3)], {}, classes(5, ())),
    ("dropout", lambda x, p, m: x * m / (1 - p), [(3, 5), (), (3, 5)], {}, (0.1, 0.9)),
]  # fmt: skip


def test_instance_norm_with_given_statistics() -> None:
    """torch holds such statistics fixed: only its value and its gradient by the input compare."""
    shapes = [(2, 3, 5), (3,), (3,), (3,), (3,)]
    arrays = [np.random.default_rng(k).uniform(0.2, 2.0, size=s) for k, s in enumerate(shapes)]

    def f(x: Any, mean: Any, var: Any, w: Any, b: Any, **_: Any) -> Any:
        return F.instance_norm(x, mean.detach(), var.detach(), w, b, use_input_stats=False)

    compare("instance_norm", f, arrays, {"use_input_stats": False}, frozenset((1, 2)))


def test_stated_backward_of_a_normalisation_is_the_derived_one() -> None:
    """The rule that is kept whole against the quotient of sums, differentiated by the graph."""
    from tutor.calculus.reverse import pullback
    from tutor.graph import node as g
    from tutor.graph.node import T, const, ein, map_, var
    from tutor.numeric.evaluate import evaluate
    from tutor.ops.normalized import normalized

    rng = np.random.default_rng(4)
    for axes, centred in (
        ((1,), True),
        ((0,), True),
        ((0, 2), True),
        ((2,), False),
        ((1, 2), False),
    ):
        x, weights = var("x", (3, 5, 2)), var("w", (3, 5, 2))
        own, rest = (0, 1, 2), tuple(k for k in (0, 1, 2) if k not in axes)
        share = sp.Rational(1, int(np.prod([x.shape[k] for k in axes])))
        mean = g.broadcast(ein([(x, own)], rest, share), rest, x.shape)
        gap = g.sub(x, mean) if centred else x
        power = ein([(gap, own), (gap, own)], rest, share)
        plain = ein([(gap, own), (map_((T + sp.S.Half) ** sp.Rational(-1, 2), power), rest)], own)
        env = {x: rng.normal(size=(3, 5, 2)), weights: rng.normal(size=(3, 5, 2))}
        found = []
        for y in (normalized(x, axes, sp.S.Half, centred), plain):
            loss = ein([(y, own), (y, own), (weights, own)], ())
            (first,) = pullback(loss, const(1), [x])
            (second,) = pullback(ein([(first, own), (weights, own)], ()), const(1), [x])
            found.append(evaluate([y, first, second], env))
        for stated, derived in zip(*found, strict=True):
            np.testing.assert_allclose(stated, derived, rtol=1e-11, atol=1e-12)


# -- attention and recurrent cells ----------------------------------------------------------------


def attention(q: Any, k: Any, v: Any, mask: Any = None, scale: Any = None, **given: Any) -> Any:
    """torch's own, whose scale is a plain number; a tensor scales the queries."""
    if scale is not None:
        q, given = q * scale, {**given, "scale": 1.0}
    return F.scaled_dot_product_attention(q, k, v, mask, **given)


def cell(f: Any, states: int) -> Any:
    """torch's cells take batches and biases; `result` picks one of two."""

    def call(x: Any, *more: Any, result: int = 0, nonlinearity: str = "tanh") -> Any:
        one = x.ndim == 1
        state = [s[None] if one else s for s in more[:states]]
        w, u, *biases = more[states:]
        biases += [torch.zeros(len(w), dtype=x.dtype)] * (2 - len(biases))
        step = torch.rnn_relu_cell if nonlinearity == "relu" else f
        old = tuple(state) if states > 1 else state[0]
        y = step(x[None] if one else x, old, w, u, *biases)
        y = y[result] if states > 1 else y
        return y[0] if one else y

    return call


ATTENTION = [
    ([(3, 2), (5, 2), (5, 7)], {}), ([(3, 2), (5, 2), (5, 7), (3, 5)], {}),
    ([(3, 2), (1, 2), (1, 5)], {}),
    ([(2, 2), (1, 2), (1, 1)], {}), ([(1, 5), (3, 5), (3, 2)], {}), ([(3, 1), (5, 1), (5, 2)], {}),
    ([(2, 3, 5), (2, 7, 5), (2, 7, 3)], {}), ([(2, 3, 5), (2, 7, 5), (2, 7, 3), (3, 7)], {}),
    ([(2, 5, 3, 2), (2, 5, 7, 2), (2, 5, 7, 3)], {}), ([(3, 2), (5, 2), (5, 7), (3, 5), ()], {}),
]  # fmt: skip
CAUSAL = [
    ([(3, 2), (3, 2), (3, 5)], {"is_causal": True}),
    ([(2, 5, 3), (2, 2, 3), (2, 2, 7)], {"is_causal": True}),
    ([(5, 3), (7, 3), (7, 2)], {"is_causal": True}), *ATTENTION[:2],
]  # fmt: skip
SEQUENCES: list[Case] = [
    *(("attention", attention, shapes, given, NORMAL) for shapes, given in ATTENTION),
    *(("scaled_dot_product_attention", attention, s, given, NORMAL) for s, given in CAUSAL),
    *(("masked_softmax", lambda z, m: torch.softmax(z, -1), [s, s], {}, (0.5, 1.5))
      for s in ((7,), (3, 5))),
    *(("rnn_cell", cell(torch.rnn_tanh_cell, 1), [(*lead, 3), (*lead, 1), (1, 3), (1, 1)], {},
       NORMAL)
      for lead in ((), (5,))),
    *(("lstm_cell", cell(torch.lstm_cell, 2), [(*lead, 1), (*lead, 1), (*lead, 1), (4, 1), (4, 1)],
       {"result": 1}, NORMAL) for lead in ((), (5,))),
    *((name, cell(f, states),
       [(*lead, 3), *[(*lead, 2)] * states, (g * 2, 3), (g * 2, 2), *[(g * 2,)] * b], given, NORMAL)
      for name, f, states, g, more in (
          ("rnn_cell", torch.rnn_tanh_cell, 1, 1, ({}, {"nonlinearity": "relu"})),
          ("gru_cell", torch.gru_cell, 1, 3, ({},)),
          ("lstm_cell", torch.lstm_cell, 2, 4, ({"result": 0}, {"result": 1})),
      )
      for lead in ((), (5,), (2,))
      for b in (0, 1, 2)
      for given in more),
]  # fmt: skip


def test_a_mask_of_true_and_false_keeps_what_is_true() -> None:
    """Every query keeps another set of keys; torch takes the mask as booleans."""
    from op_gradient import BY_NAME, derived

    rng = np.random.default_rng(8)
    scores, mask = rng.normal(size=(3, 5)), np.array([[1, 0, 0, 1, 1], [0, 0, 1, 0, 0], [1] * 5])
    weights = rng.normal(size=(3, 5))
    x = torch.tensor(scores, requires_grad=True)
    y = torch.softmax(x.masked_fill(torch.tensor(mask) == 0, -torch.inf), -1)
    y.backward(torch.tensor(weights))
    value, (by_score, by_mask) = derived(
        BY_NAME["masked_softmax"], [scores, mask * 1.0], {}, weights
    )
    np.testing.assert_allclose(value, y.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(by_score, x.grad.numpy(), rtol=1e-11, atol=1e-14)
    assert not by_mask.any()


CASES: list[Case] = [*WINDOWS, *LOSSES, *NORMS, *SEQUENCES]


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
    fixed = frozenset((2, 3) if name in WEIGHTED else (1, 2) if name == "batch_norm" else ())
    compare(name, f, drawn(case), given, fixed)


# -- planted faults, one per family ---------------------------------------------------------------


def fails(
    name: str, f: Any, shapes: list[tuple[int, ...]], given: dict, domain: Any = NORMAL
) -> None:
    with pytest.raises(AssertionError):
        compare(name, f, drawn((name, f, shapes, given, domain)), given)


def test_a_window_off_by_one_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tutor.ops import transposed

    right = transposed.window
    monkeypatch.setattr(
        transposed, "window", lambda a, b, k, s, d, p, flip: right(a, b, k, s, d, p + 1, flip)
    )
    fails(
        "conv_transpose1d", bare(F.conv_transpose1d, 1), [(7,), (3,)], {"stride": 2, "padding": 1}
    )


def test_a_mean_over_all_examples_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean of a weighted loss divides by the weights, not by the number of examples."""
    from tutor.ops import classes as module

    monkeypatch.setattr(
        module._Targets, "reduced", lambda self, x, r: module.reduce_loss(module.Val(x), r)
    )
    fails("nll_loss", indexed(F.nll_loss), [(7, 5), (7,), (5,)], {}, classes(5, (7,)))


def test_a_forgotten_path_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A normalisation whose backward leaves out the path through the deviation."""
    from dataclasses import replace

    from tutor import ops
    from tutor.ops import normalized

    def through_mean_only(g_: Any, lead: int, y: Any) -> Any:
        (x,) = y.args
        rstd = normalized.call("rstd", [x], y.attr[1], x.shape[:-1])
        less = normalized.g.broadcast(normalized.g.sum_axes(g_, (1,)), (0,), x.shape)
        total = normalized.g.add([g_, less], [1, -sp.Rational(1, int(x.shape[1]))])
        return (normalized.ein([(total, (0, 1)), (rstd, (0,))], (0, 1)),)

    wrong = replace(ops.KEPT["normalized"], vjp=through_mean_only)
    monkeypatch.setitem(ops.KEPT, "normalized", wrong)
    fails("layer_norm", last(F.layer_norm), [(3, 5)], {})


def test_a_transposed_score_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tutor.ops.build import Plain

    monkeypatch.setattr(Plain, "transposed", lambda self, x: x)
    fails("attention", attention, [(3, 3), (3, 3), (3, 3)], {})


def test_swapped_gates_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """i, g, f, o instead of i, f, g, o: every size still fits."""
    from tutor.ops import recurrent

    right = recurrent._gates
    monkeypatch.setattr(recurrent, "_gates", lambda *a: [right(*a)[k] for k in (0, 2, 1, 3)])
    f = cell(torch.lstm_cell, 2)
    fails("lstm_cell", f, [(3,), (2,), (2,), (8, 3), (8, 2)], {"result": 1})
