"""Layers and losses written out entry by entry, as SymPy expressions (see test_gradients_sympy)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

Symbols = list[np.ndarray]
K = "kernel_size"
NORMAL = (-2, 2)


def objects(f: Callable[..., Any], shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(shape, dtype=object)
    for at in np.ndindex(*shape):
        out[at] = f(*at)
    return out


# -- windows --------------------------------------------------------------------------------------


def conv_transpose(n: int) -> Callable[..., np.ndarray]:
    """y[j] = Σ x[i] w[k] over all i, k with s·i + d·k − p = j."""

    def entries(x: Symbols, point: Any, stride: int = 1, padding: int = 0, output_padding: int = 0,
                groups: int = 1, dilation: int = 1) -> np.ndarray:  # fmt: skip
        image, w, *bias = x
        bare = w.ndim == n
        if bare:
            image, w = image[None], w[None, None]
        size, taps = image.shape[1:], w.shape[2:]
        out = [stride * (m - 1) - 2 * padding + dilation * (k - 1) + output_padding + 1
               for m, k in zip(size, taps, strict=True)]  # fmt: skip
        outs, each = w.shape[1] * groups, image.shape[0] // groups

        def entry(o: int, *at: int) -> Any:
            total: Any = bias[0][o] if bias else sp.S.Zero
            for c in range(image.shape[0]):
                if c // each != o // w.shape[1]:
                    continue
                for i in np.ndindex(*size):
                    for k in np.ndindex(*taps):
                        if all(stride * a + dilation * b - padding == j
                               for a, b, j in zip(i, k, at, strict=True)):  # fmt: skip
                            total += image[(c, *i)] * w[(c, o % w.shape[1], *k)]
            return total

        y = objects(entry, (outs, *out))
        return y[0] if bare else y

    return entries


def adaptive(x: Symbols, point: Any, output_size: Any) -> np.ndarray:
    v = x[0]
    h, w = v.shape[-2:]

    def entry(*at: int) -> Any:
        i, j = at[-2:]
        rows = range(i * h // output_size[0], -(-(i + 1) * h // output_size[0]))
        cols = range(j * w // output_size[1], -(-(j + 1) * w // output_size[1]))
        found = [v[(*at[:-2], r, c)] for r in rows for c in cols]
        return sum(found) / sp.Integer(len(found))

    return objects(entry, (*v.shape[:-2], *output_size))


def unfold(
    x: Symbols, point: Any, kernel_size: int, stride: int = 1, padding: int = 0
) -> np.ndarray:
    v = x[0] if x[0].ndim == 3 else x[0][None]
    k = kernel_size
    out = [(m + 2 * padding - k) // stride + 1 for m in v.shape[1:]]

    def entry(r: int, n: int) -> Any:
        c, i, j = r // k**2, r // k % k, r % k
        a, b = n // out[1] * stride + i - padding, n % out[1] * stride + j - padding
        inside = 0 <= a < v.shape[1] and 0 <= b < v.shape[2]
        return v[c, a, b] if inside else sp.S.Zero

    return objects(entry, (v.shape[0] * k * k, out[0] * out[1]))


def fold(x: Symbols, point: Any, output_size: Any, kernel_size: int, stride: int = 1) -> np.ndarray:
    v, k = x[0], kernel_size
    per_row = (output_size[1] - k) // stride + 1
    y = objects(lambda *_: sp.S.Zero, (v.shape[0] // k**2, *output_size))
    for (c, i, j), n in itertools.product(np.ndindex(len(y), k, k), range(v.shape[1])):
        place = n // per_row * stride + i, n % per_row * stride + j
        y[(c, *place)] += v[(c * k + i) * k + j, n]
    return y


# -- losses ---------------------------------------------------------------------------------------


def reduced(losses: np.ndarray, reduction: str) -> np.ndarray:
    if reduction == "none":
        return losses
    total = sum(losses.ravel(), sp.S.Zero)
    size = {"mean": losses.size, "sum": 1, "batchmean": len(losses) if losses.ndim else 1}[
        reduction
    ]
    return objects(lambda: total / sp.Integer(size), ())


def pairwise(f: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """A loss of two entries; a branch is chosen at the point. Weights come after, if any."""

    def entries(
        x: Symbols, point: dict[Any, Any], reduction: str = "mean", **given: Any
    ) -> np.ndarray:
        def entry(*at: int) -> Any:
            values = [v[at[len(at) - v.ndim :]] for v in x]
            return f(lambda e: sp.sympify(e).subs(point), *values, **given)

        return reduced(objects(entry, x[0].shape), reduction)

    return entries


def huber(at: Any, a: Any, b: Any, delta: Any = sp.S.One) -> Any:
    d = a - b
    if at(sp.Abs(d)) <= delta:
        return d**2 / 2
    return delta * ((d if at(d) > 0 else -d) - delta / 2)


def bce(at: Any, p: Any, y: Any, w: Any = 1) -> Any:
    return -w * (y * sp.log(p) + (1 - y) * sp.log(1 - p))


def bce_logits(at: Any, z: Any, y: Any, w: Any = 1, positive: Any = 1) -> Any:
    p = 1 / (1 + sp.exp(-z))
    return -w * (positive * y * sp.log(p) + (1 - y) * sp.log(1 - p))


def kl(at: Any, log_q: Any, p: Any, log_target: bool = False) -> Any:
    return sp.exp(p) * (p - log_q) if log_target else p * (sp.log(p) - log_q)


def indexed(f: Callable[..., Any], mean_by_weight: bool = True) -> Callable[..., np.ndarray]:
    """A loss of one example: scores, the index of its class, weights -> loss."""

    def entries(x: Symbols, point: dict[Any, Any], reduction: str = "mean",
                ignore_index: Any = None, **given: Any) -> np.ndarray:  # fmt: skip
        z, t, *more = x
        rows, targets = (z, t) if z.ndim == 2 else (z[None], t.reshape(1))
        w = list(more[0]) if more else [sp.S.One] * rows.shape[1]
        losses, total = [], sp.S.Zero
        for row, target in zip(rows, targets, strict=True):
            k = int(point[target])
            counts = k != ignore_index
            losses.append(
                f(lambda e: e.subs(point), list(row), k, w, **given) if counts else sp.S.Zero
            )
            total += w[k] if counts else 0
        if reduction == "none":
            return np.array(losses, dtype=object).reshape(t.shape)
        divisor = {"sum": 1, "mean": total if mean_by_weight else len(losses)}[reduction]
        return objects(lambda: sum(losses) / sp.sympify(divisor), ())

    return entries


def cross_entropy(at: Any, z: list, k: int, w: list, label_smoothing: Any = 0) -> Any:
    logs = [v - sp.log(sum(map(sp.exp, z))) for v in z]
    even = -sum(a * b for a, b in zip(w, logs, strict=True)) / len(z)
    return -(1 - label_smoothing) * w[k] * logs[k] + label_smoothing * even


def margin(at: Any, z: list, k: int, w: list, p: int = 1, margin: Any = 1) -> Any:
    gaps = [margin - z[k] + v for j, v in enumerate(z) if j != k]
    return w[k] * sum(v**p for v in gaps if at(v) > 0) / len(z)


def classes(indices: list[int]) -> Any:
    """Points whose second operand holds these class indices, the others positive rationals."""

    def draw(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        count = iter(range(3, 200, 4))
        drawn = [objects(lambda *_: sp.Rational(next(count) * 7 % 37, 19), s) for s in shapes]
        drawn[1] = np.array([sp.Integer(k) for k in indices], dtype=object).reshape(shapes[1])
        return drawn

    return draw


# -- normalisation and look-up --------------------------------------------------------------------


def normed(group: Callable[..., Any], centred: bool = True) -> Callable[..., np.ndarray]:
    """`group(place, order, parameters)` names what a place is averaged with."""

    def entries(x: np.ndarray, eps: Any, **given: Any) -> np.ndarray:
        members: dict[Any, list[Any]] = {}
        for at in np.ndindex(*x.shape):
            members.setdefault(group(at, x.ndim, **given), []).append(x[at])

        def entry(*at: int) -> Any:
            values = members[group(at, x.ndim, **given)]
            mean = sum(values) / sp.Integer(len(values)) if centred else sp.S.Zero
            spread = sum((v - mean) ** 2 for v in values) / sp.Integer(len(values))
            return (x[at] - mean) / sp.sqrt(spread + eps)

        return objects(entry, x.shape)

    return entries


SMALL = sp.Rational(1, 100_000)


def channels(name: str) -> Callable[..., np.ndarray]:
    rule = {
        "batch_norm": normed(lambda at, order: at[1] if order > 1 else 0),
        "instance_norm": normed(lambda at, order: at[:2]),
        "group_norm": normed(lambda at, order, per: (at[0], at[1] // per)),
    }[name]

    def entries(x: Symbols, point: Any, eps: Any = SMALL, num_groups: int = 0,
                use_input_stats: bool = True) -> np.ndarray:  # fmt: skip
        v, *more = x
        if len(more) >= 2 and (name == "batch_norm" or not use_input_stats):
            mean, var, *more = more
            y = objects(lambda *at: (v[at] - mean[at[1]]) / sp.sqrt(var[at[1]] + eps), v.shape)
        else:
            groups = {"per": v.shape[1] // num_groups} if num_groups else {}
            y = rule(v, eps, **groups)
        if more:
            w, b = more
            return objects(lambda *at: y[at] * w[at[1]] + b[at[1]], v.shape)
        return y

    return entries


def trailing(centred: bool) -> Callable[..., np.ndarray]:
    rule = normed(lambda at, order, count: at[: order - count], centred)

    def entries(
        x: Symbols, point: Any, eps: Any = None, normalized_shape: Any = (0,)
    ) -> np.ndarray:
        v, *more = x
        count = len(normalized_shape)
        y = rule(v, (SMALL if centred else 0) if eps is None else eps, count=count)
        y = y * more[0] if more else y  # along the last axes
        return y + more[1] if len(more) > 1 else y

    return entries


def embedding(x: Symbols, point: dict[Any, Any]) -> np.ndarray:
    t, w = x
    return objects(lambda *at: w[int(point[t[at[:-1]]]), at[-1]], (*t.shape, w.shape[1]))


def dropout(x: Symbols, point: Any) -> np.ndarray:
    return objects(lambda *at: x[0][at] * x[2][at] / (1 - x[1][()]), x[0].shape)


def table_rows(indices: list[int]) -> Any:
    draw = classes([0])

    def points(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        t = np.array([sp.Integer(k) for k in indices][: int(np.prod(shapes[0]))], dtype=object)
        return [t.reshape(shapes[0]), draw([shapes[1], ()])[0]]

    return points


# -- attention and recurrent cells ----------------------------------------------------------------


def masked(x: Symbols, point: dict[Any, Any], axis: int = -1) -> np.ndarray:
    z, mask = (np.moveaxis(v, axis, -1) for v in x)

    def entry(*at: int) -> Any:
        kept = [k for k in range(z.shape[-1]) if point[mask[(*at[:-1], k)]] != 0]
        total = sum(sp.exp(z[(*at[:-1], k)]) for k in kept)
        return sp.exp(z[at]) / total if at[-1] in kept else sp.S.Zero

    return np.moveaxis(objects(entry, z.shape), -1, axis)


def attention(x: Symbols, point: Any, is_causal: bool = False) -> np.ndarray:
    q, k, v, *more = x
    bias = more[0] if more else np.full((len(q), len(k)), sp.S.Zero)
    scale = more[1][()] if len(more) > 1 else 1 / sp.sqrt(q.shape[1])

    def entry(i: int, j: int) -> Any:
        seen = range(i + 1) if is_causal else range(len(k))
        e = [sp.exp(scale * sum(q[i] * k[n]) + bias[i, n]) for n in seen]
        return sum(a * v[n, j] for a, n in zip(e, seen, strict=True)) / sum(e)

    return objects(entry, (len(q), v.shape[1]))


def sigma(x: Any) -> Any:
    return 1 / (1 + sp.exp(-x))


def stacked(x: Any, w: Any, b: Any) -> list[Any]:
    return [sum(w[k] * x) + (b[k] if b is not None else 0) for k in range(len(w))]


def rnn(x: Symbols, point: dict[Any, Any], nonlinearity: str = "tanh") -> np.ndarray:
    v, h, w, u, *b = x
    pairs = zip(
        stacked(v, w, b[0] if b else None), stacked(h, u, b[1] if b[1:] else None), strict=True
    )
    sums = [a + c for a, c in pairs]
    if nonlinearity == "relu":
        return np.array([a if a.subs(point) > 0 else sp.S.Zero for a in sums], dtype=object)
    return np.array([sp.tanh(a) for a in sums], dtype=object)


def gru(x: Symbols, point: Any) -> np.ndarray:
    v, h, w, u, b, d = x
    a, c, n = stacked(v, w, b), stacked(h, u, d), len(h)
    out = []
    for k in range(n):
        r, z = sigma(a[k] + c[k]), sigma(a[n + k] + c[n + k])
        out.append((1 - z) * sp.tanh(a[2 * n + k] + r * c[2 * n + k]) + z * h[k])
    return np.array(out, dtype=object)


def lstm(x: Symbols, point: Any, result: int = 0) -> np.ndarray:
    v, h, c, w, u = x
    a, n = [p + q for p, q in zip(stacked(v, w, None), stacked(h, u, None), strict=True)], len(h)
    cells = [sigma(a[n + k]) * c[k] + sigma(a[k]) * sp.tanh(a[2 * n + k]) for k in range(n)]
    return np.array(
        [sigma(a[3 * n + k]) * sp.tanh(e) if result == 0 else e for k, e in enumerate(cells)],
        dtype=object,
    )


def zeros_and_ones(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Scores and a mask that loses every third entry."""
    (z,) = classes([0])([shapes[0], ()])[:1]
    count = iter(range(1000))
    return [z, objects(lambda *_: sp.Integer(next(count) % 3 > 0), shapes[1])]


# -- the table ------------------------------------------------------------------------------------

PAIRS = [([(3,), (3,)], {}), ([(2, 2), (2, 2)], {"reduction": "sum"}),
         ([(2, 2), (2, 2)], {"reduction": "none"})]  # fmt: skip
TENTH, HALF = sp.Rational(1, 10), sp.S.Half
INDEXED = [([(2, 3), (2,)], {}), ([(2, 3), (2,), (3,)], {}),
           ([(2, 3), (2,), (3,)], {"reduction": "none"})]  # fmt: skip
IGNORED = [([(2, 3), (2,)], {"ignore_index": 0}), ([(2, 3), (2,), (3,)], {"ignore_index": 2})]
SMOOTH = [([(2, 3), (2,), (3,)], {"label_smoothing": TENTH}),
          ([(2, 3), (2,)], {"label_smoothing": TENTH, "ignore_index": 2})]  # fmt: skip
POOLS = [([(2, 2, 3)], {K: 2}), ([(2, 3, 2)], {K: 2, "padding": 1})]
Rows = dict[str, tuple[Callable[..., np.ndarray], list[tuple[list, dict]], Any]]


def layers(conv: Any, pool: Any) -> Rows:
    """The rows; convolution and pools in n dimensions come from the caller's own table."""
    return {
        "conv3d": (
            conv(3),
            [
                ([(2, 2, 3), (1, 2, 2)], {}),
                ([(2, 2, 2, 1), (1, 2, 2, 1, 1), (1,)], {"stride": 2, "padding": 1}),
            ],
            NORMAL,
        ),
        "max_pool3d": (pool(3, True), POOLS, NORMAL),
        "avg_pool3d": (pool(3, False), POOLS, NORMAL),
        "adaptive_avg_pool2d": (
            adaptive,
            [([(3, 4)], {"output_size": (2, 3)}), ([(1, 4, 2)], {"output_size": (2, 1)})],
            NORMAL,
        ),
        "conv_transpose1d": (
            conv_transpose(1),
            [
                ([(3,), (2,)], {}),
                ([(3,), (2,)], {"stride": 2, "padding": 1}),
                ([(2, 2), (2, 1, 3), (2,)], {"groups": 2, "dilation": 2}),
                ([(2, 2), (2, 3, 2), (3,)], {"stride": 3, "output_padding": 2}),
            ],
            NORMAL,
        ),
        "conv_transpose2d": (
            conv_transpose(2),
            [
                ([(2, 2), (2, 3)], {}),
                ([(2, 2), (3, 2)], {"stride": 2, "padding": 1, "output_padding": 1}),
                ([(2, 2, 1), (2, 1, 1, 2), (2,)], {"groups": 2}),
            ],
            NORMAL,
        ),
        "conv_transpose3d": (
            conv_transpose(3),
            [
                ([(2, 1, 2), (1, 2, 2)], {"stride": 2}),
                ([(2, 1, 2, 1), (2, 1, 2, 1, 1), (2,)], {"groups": 2, "dilation": 2}),
            ],
            NORMAL,
        ),
        "unfold": (
            unfold,
            [([(3, 3)], {K: 2}), ([(2, 3, 2)], {K: 2, "stride": 2, "padding": 1})],
            NORMAL,
        ),
        "fold": (
            fold,
            [([(4, 4)], {"output_size": (3, 3), K: 2}),
             ([(8, 2)], {"output_size": (2, 4), K: 2, "stride": 2})],
            NORMAL,
        ),
        "l1_loss": (pairwise(lambda at, a, b: a - b if at(a - b) > 0 else b - a), PAIRS, NORMAL),
        "huber_loss": (
            pairwise(huber), [*PAIRS, ([(2, 2), (2, 2)], {"delta": HALF})], NORMAL,
        ),
        "binary_cross_entropy": (
            pairwise(bce), [*PAIRS, ([(2, 2), (2, 2), (2,)], {})], (0, 1),
        ),
        "binary_cross_entropy_with_logits": (
            pairwise(bce_logits),
            [*PAIRS, ([(2, 2), (2, 2), (2,), (2,)], {"reduction": "sum"})],
            (0, 2),
        ),
        "kl_div": (
            pairwise(kl),
            [*PAIRS, ([(2, 3), (2, 3)], {"reduction": "batchmean"}),
             ([(3,), (3,)], {"log_target": True})],
            (0, 2),
        ),
        "hinge_loss": (
            pairwise(lambda at, s, y: 1 - y * s if at(1 - y * s) > 0 else sp.S.Zero), PAIRS, NORMAL,
        ),
        "nll_loss": (
            indexed(lambda at, z, k, w: -w[k] * z[k]), [*INDEXED, *IGNORED], classes([2, 0]),
        ),
        "multi_margin_loss": (
            indexed(margin, False),
            [*INDEXED, ([(2, 3), (2,)], {"p": 2}), ([(2, 3), (2,), (3,)], {"margin": HALF})],
            classes([2, 0]),
        ),
        "batch_norm": (
            channels("batch_norm"),
            [([(3, 2)], {}), ([(3,)], {"eps": HALF}), ([(2, 2), (2,), (2,)], {}),
             ([(2, 2), (2,), (2,), (2,), (2,)], {"eps": HALF}), ([(2, 1, 3)], {})],
            (0, 2),
        ),
        "instance_norm": (
            channels("instance_norm"),
            [([(1, 2, 3)], {}), ([(1, 2, 2), (2,), (2,), (2,), (2,)], {"use_input_stats": False})],
            (0, 2),
        ),
        "group_norm": (
            channels("group_norm"),
            [([(2, 4)], {"num_groups": 2}),
             ([(1, 2, 2), (2,), (2,)], {"num_groups": 1, "eps": HALF})],
            NORMAL,
        ),
        "layer_norm": (
            trailing(True),
            [([(3,)], {}), ([(2, 3)], {"eps": HALF}), ([(2, 3), (3,), (3,)], {}),
             ([(2, 2), (2, 2)], {"normalized_shape": (2, 2)})],
            NORMAL,
        ),
        "rms_norm": (
            trailing(False),
            [([(3,)], {}), ([(2, 3)], {"eps": HALF}), ([(2, 3), (3,)], {})],
            NORMAL,
        ),
        "embedding": (
            embedding, [([(3,), (3, 2)], {}), ([(), (3, 2)], {}), ([(2, 2), (3, 2)], {})],
            table_rows([2, 0, 2, 1]),
        ),
        "masked_softmax": (
            masked,
            [([(3,), (3,)], {}), ([(2, 3), (2, 3)], {}), ([(3, 2), (3, 2)], {"axis": 0})],
            zeros_and_ones,
        ),
        "attention": (
            attention,
            [([(2, 2), (3, 2), (3, 2)], {}), ([(2, 1), (2, 1), (2, 2), (2, 2)], {}),
             ([(2, 2), (2, 2), (2, 2), (2, 2), ()], {})],
            NORMAL,
        ),
        "scaled_dot_product_attention": (
            attention, [([(2, 2), (2, 2), (2, 2)], {"is_causal": True})], NORMAL,
        ),
        "rnn_cell": (
            rnn,
            [([(2,), (2,), (2, 2), (2, 2)], {}), ([(2,), (1,), (1, 2), (1, 1), (1,), (1,)], {}),
             ([(2,), (2,), (2, 2), (2, 2)], {"nonlinearity": "relu"})],
            NORMAL,
        ),
        "gru_cell": (gru, [([(2,), (2,), (6, 2), (6, 2), (6,), (6,)], {})], NORMAL),
        "lstm_cell": (
            lstm,
            [([(2,), (2,), (2,), (8, 2), (8, 2)], {}),
             ([(1,), (2,), (2,), (8, 1), (8, 2)], {"result": 1})],
            NORMAL,
        ),
        "dropout": (dropout, [([(3,), (), (3,)], {}), ([(2, 2), (), (2, 2)], {})], (0, 1)),
    }  # fmt: skip


# class indices for `cross_entropy`, which has its row for probabilities in the other table
CLASS_INDICES = [
    ("cross_entropy", indexed(cross_entropy), shapes, given, classes([1, 2]))
    for shapes, given in [*INDEXED, *IGNORED, *SMOOTH]
]
