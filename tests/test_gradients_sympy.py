"""Every operation against SymPy, entry by entry.

Each operation is written out a second time below, as one SymPy expression per output entry over one
symbol per input entry; SymPy differentiates that. Operands are tiny and rational, so that most
comparisons are between exact numbers.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from entries_layers import CLASS_INDICES, layers
from entries_linalg import CONSTANT as MATRICES
from entries_linalg import LINALG
from op_gradient import BY_NAME, derived

T = sp.Symbol("T", real=True)
PHI = (1 + sp.erf(T / sp.sqrt(2))) / 2
TANH_GELU = T / 2 * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (T + sp.Rational("0.044715") * T**3)))
SELU = (sp.Rational("1.6732632423543772848170429916717"),
        sp.Rational("1.0507009873554804934193349852946"))  # fmt: skip


def sides(positive: Any, negative: Any) -> sp.Expr:
    return sp.Piecewise((positive, T > 0), (negative, True))


# textbook definitions in T; (expression, where the points are drawn, parameters)
SCALAR: dict[str, list[tuple[Any, tuple[int, int], dict[str, Any]]]] = {
    "exp": [(sp.exp(T), (-2, 2), {})],
    "log": [(sp.log(T), (1, 4), {})],
    "log1p": [(sp.log(1 + T), (1, 4), {})],
    "sqrt": [(sp.sqrt(T), (1, 4), {})],
    "sin": [(sp.sin(T), (-2, 2), {})],
    "cos": [(sp.cos(T), (-2, 2), {})],
    "tan": [(sp.sin(T) / sp.cos(T), (-1, 1), {})],
    "asin": [(sp.asin(T), (-1, 1), {})],
    "acos": [(sp.acos(T), (-1, 1), {})],
    "atan": [(sp.atan(T), (-2, 2), {})],
    "sinh": [((sp.exp(T) - sp.exp(-T)) / 2, (-2, 2), {})],
    "cosh": [((sp.exp(T) + sp.exp(-T)) / 2, (-2, 2), {})],
    "tanh": [((sp.exp(T) - sp.exp(-T)) / (sp.exp(T) + sp.exp(-T)), (-2, 2), {})],
    "abs": [(sides(T, -T), (-2, 2), {})],
    "sign": [(sides(1, -1), (-2, 2), {})],
    "erf": [(sp.erf(T), (-2, 2), {})],
    "sigmoid": [(1 / (1 + sp.exp(-T)), (-2, 2), {})],
    "relu": [(sides(T, 0), (-2, 2), {})],
    "step": [(sides(1, 0), (-2, 2), {})],
    "leaky_relu": [(sides(T, T / 100), (-2, 2), {}),
                   (sides(T, T / 5), (-2, 2), {"negative_slope": sp.Rational(1, 5)})],
    "elu": [(sides(T, sp.exp(T) - 1), (-2, 2), {}),
            (sides(T, (sp.exp(T) - 1) / 2), (-2, 2), {"alpha": sp.Rational(1, 2)})],
    "selu": [(SELU[1] * sides(T, SELU[0] * (sp.exp(T) - 1)), (-2, 2), {})],
    "gelu": [(T * PHI, (-2, 2), {}), (TANH_GELU, (-2, 2), {"approximate": "tanh"})],
    "silu": [(T / (1 + sp.exp(-T)), (-2, 2), {})],
    "mish": [(T * sp.tanh(sp.log(1 + sp.exp(T))), (-2, 2), {})],
    "hardsigmoid": [(sp.Piecewise((0, T < -3), (1, T > 3), ((T + 3) / 6, True)), (-5, 5), {})],
    "hardswish": [(sp.Piecewise((0, T < -3), (T, T > 3), (T * (T + 3) / 6, True)), (-5, 5), {})],
    "softplus": [(sp.log(1 + sp.exp(T)), (-2, 2), {}),
                 (sp.log(1 + sp.exp(2 * T)) / 2, (-2, 2), {"beta": sp.Integer(2)})],
    "softsign": [(sides(T / (1 + T), T / (1 - T)), (-2, 2), {})],
    "logsigmoid": [(-sp.log(1 + sp.exp(-T)), (-2, 2), {})],
    "square": [(T * T, (-2, 2), {})],
    "reciprocal": [(1 / T, (1, 4), {})],
    "clip": [(sp.Piecewise((-1, T < -1), (sp.S.Half, sp.S.Half < T), (T, True)), (-2, 2),
              {"min": sp.Integer(-1), "max": sp.S.Half}),
             (sp.Piecewise((0, T < 0), (T, True)), (-2, 2), {"min": sp.Integer(0)})],
}  # fmt: skip

# -- operations of several entries: symbols, their values and parameters -> output entries ---------

Symbols = list[np.ndarray]


def objects(f: Callable[..., Any], shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(shape, dtype=object)
    for at in np.ndindex(*shape):
        out[at] = f(*at)
    return out


def paired(x: Symbols) -> tuple[np.ndarray, np.ndarray]:
    """Paper broadcasting: a vector beside a matrix is a column."""
    order = max(v.ndim for v in x)
    a, b = (v[:, None] if v.ndim == 1 and order == 2 else v for v in x)
    shape = np.broadcast_shapes(a.shape, b.shape)
    return np.broadcast_to(a, shape), np.broadcast_to(b, shape)


def binary(f: Callable[[Any, Any], Any]) -> Callable[..., np.ndarray]:
    def entries(x: Symbols, point: dict[Any, Any]) -> np.ndarray:
        a, b = paired(x)
        return objects(lambda *at: f(a[at], b[at]), a.shape)

    return entries


def choice(f: Callable[[Any, Any], bool]) -> Callable[..., np.ndarray]:
    """The operand that wins at the point."""

    def entries(x: Symbols, point: dict[Any, Any]) -> np.ndarray:
        a, b = paired(x)
        return objects(lambda *at: a[at] if f(point[a[at]], point[b[at]]) else b[at], a.shape)

    return entries


def mask(f: Callable[[Any, Any], bool]) -> Callable[..., np.ndarray]:
    def entries(x: Symbols, point: dict[Any, Any]) -> np.ndarray:
        a, b = paired(x)
        return objects(lambda *at: sp.Integer(bool(f(point[a[at]], point[b[at]]))), a.shape)

    return entries


def where(x: Symbols, point: dict[Any, Any]) -> np.ndarray:
    m, a, b = x
    return objects(lambda *at: a[at] if point[m[at]] != 0 else b[at], a.shape)


def matmul(x: Symbols, point: dict[Any, Any]) -> np.ndarray:
    a, b = x
    if max(a.ndim, b.ndim) == 3:
        wide = np.broadcast_to(b, (a.shape[0], *b.shape[-2:]))
        return objects(
            lambda n, i, j: sum(a[n, i, k] * wide[n, k, j] for k in range(a.shape[2])),
            (a.shape[0], a.shape[1], wide.shape[2]),
        )
    a = a[:, None] if a.ndim == 1 else a
    b = b[:, None] if b.ndim == 1 else b
    full = objects(
        lambda i, j: sum(a[i, k] * b[k, j] for k in range(a.shape[1])), (len(a), b.shape[1])
    )
    if full.shape[1] == 1:
        return full[0, 0:1].reshape(()) if len(full) == 1 else full[:, 0]
    return full


def along(f: Callable[[list[Any], dict[Any, Any]], Any]) -> Callable[..., np.ndarray]:
    """A reduction of the entries along an axis; over axis 0 of a matrix it leaves a row."""

    def entries(x: Symbols, point: dict[Any, Any], axis: Any = None, **_: Any) -> np.ndarray:
        (v,) = x
        if axis is None:
            return objects(lambda: f(list(v.ravel()), point), ())
        lines = np.moveaxis(v, axis, -1)
        y = objects(lambda *at: f(list(lines[at]), point), lines.shape[:-1])
        return y[None, :] if v.ndim == 2 and axis == 0 else y

    return entries


def each(f: Callable[[list[Any], int], Any]) -> Callable[..., np.ndarray]:
    """A function of all entries along an axis (the last one), for each of them."""

    def entries(x: Symbols, point: dict[Any, Any], axis: int = -1) -> np.ndarray:
        lines = np.moveaxis(x[0], axis, -1)
        y = objects(lambda *at: f(list(lines[at[:-1]]), at[-1]), lines.shape)
        return np.moveaxis(y, -1, axis)

    return entries


def reduced(losses: np.ndarray, reduction: str) -> np.ndarray:
    if reduction == "none":
        return losses
    total = sum(losses.ravel(), sp.S.Zero)
    out = np.empty((), dtype=object)
    out[()] = total / losses.size if reduction == "mean" else total
    return out


def mse(x: Symbols, point: Any, reduction: str = "mean") -> np.ndarray:
    return reduced((x[0] - x[1]) ** 2, reduction)


def lse(v: list[Any]) -> sp.Expr:
    return sp.log(sum(map(sp.exp, v)))


def cross_entropy(x: Symbols, point: Any, reduction: str = "mean") -> np.ndarray:
    z, t = (np.atleast_2d(v) for v in x)
    rows = [sum(b * (lse(list(zs)) - a) for a, b in zip(zs, ts, strict=True))
            for zs, ts in zip(z, t, strict=True)]  # fmt: skip
    losses = np.array(rows, dtype=object)
    return reduced(losses.reshape(()) if x[0].ndim == 1 else losses, reduction)


def linear(x: Symbols, point: Any) -> np.ndarray:
    v, w, *bias = x
    y = np.dot(v, w.T)
    return y + bias[0] if bias else y


def vec(x: Symbols, point: Any, _vec: str = "column") -> np.ndarray:
    a = x[0]
    order = itertools.product(range(a.shape[1]), range(a.shape[0]))
    return np.array([a[i, j] for j, i in order], dtype=object)


def unvec(x: Symbols, point: Any, *shape: int) -> np.ndarray:
    m, n = shape
    return objects(lambda i, j: x[0][i + m * j], (m, n))


def reshape(x: Symbols, point: Any, *shape: int) -> np.ndarray:
    return np.array(list(x[0].ravel()), dtype=object).reshape(shape)


def concat(x: Symbols, point: Any, axis: int = 0) -> np.ndarray:
    return np.concatenate(x, axis=axis)


def index(x: Symbols, point: Any, items: Any) -> np.ndarray:
    y = x[0][tuple(slice(*i) if isinstance(i, tuple) else i for i in items)]
    return np.array(y, dtype=object)


def conv(n: int) -> Callable[..., np.ndarray]:
    """y[o] = Σ x[s·o + d·k − p] w[k] over channels and taps, with zeros outside."""

    def entries(x: Symbols, point: Any, stride: int = 1, padding: int = 0, dilation: int = 1,
                groups: int = 1, _conv_: str = "correlation") -> np.ndarray:  # fmt: skip
        image, w, *bias = x
        bare = w.ndim == n
        if bare:
            image, w = image[None], w[None, None]
        size, taps = image.shape[1:], w.shape[2:]
        out = [(a + 2 * padding - dilation * (k - 1) - 1) // stride + 1
               for a, k in zip(size, taps, strict=True)]  # fmt: skip
        per = w.shape[1]

        def entry(o: int, *at: int) -> Any:
            total: Any = bias[0][o] if bias else sp.S.Zero
            for c in range(per):
                for k in np.ndindex(*taps):
                    i = tuple(
                        stride * a + dilation * t - padding for a, t in zip(at, k, strict=True)
                    )
                    if all(0 <= v < m for v, m in zip(i, size, strict=True)):
                        tap = tuple(m - 1 - t for m, t in zip(taps, k, strict=True)) \
                            if _conv_ == "convolution" else k  # fmt: skip
                        channel = o * groups // w.shape[0] * per + c
                        total = total + image[(channel, *i)] * w[(o, c, *tap)]
            return total

        y = objects(entry, (w.shape[0], *out))
        return y[0] if bare else y

    return entries


def pool(n: int, largest: bool) -> Callable[..., np.ndarray]:
    def entries(x: Symbols, point: dict[Any, Any], kernel_size: int, stride: int | None = None,
                padding: int = 0, ceil_mode: bool = False, count_include_pad: bool = True,
                dilation: int = 1) -> np.ndarray:  # fmt: skip
        v, k = x[0], kernel_size
        s = stride or k
        size = v.shape[-n:]
        room = [m + 2 * padding - dilation * (k - 1) - 1 for m in size]
        out = [(-(-r // s) if ceil_mode else r // s) + 1 for r in room]
        out = [
            o - (ceil_mode and (o - 1) * s >= m + padding) for o, m in zip(out, size, strict=True)
        ]

        def entry(*at: int) -> Any:
            lead, place = at[: v.ndim - n], at[v.ndim - n :]
            found, count = [], 0
            for t in itertools.product(range(k), repeat=n):
                i = tuple(s * a + dilation * b - padding for a, b in zip(place, t, strict=True))
                if all(0 <= p < m for p, m in zip(i, size, strict=True)):
                    found.append(v[(*lead, *i)])
                count += all(-padding <= p < m + padding for p, m in zip(i, size, strict=True))
            if largest:
                return max(found, key=lambda a: point[a])
            return sum(found) / sp.Integer(count if count_include_pad else len(found))

        return objects(entry, (*v.shape[: v.ndim - n], *out))

    return entries


def prelu(x: Symbols, point: Any) -> np.ndarray:
    a, w = x
    slope = np.broadcast_to(w.reshape(1, -1) if w.ndim else w, a.shape)
    return np.array(
        [v if point[v] > 0 else u * v for v, u in zip(a.ravel(), slope.ravel(), strict=True)],
        dtype=object,
    ).reshape(a.shape)


def norm(v: list[Any], _: Any) -> sp.Expr:
    return sp.sqrt(sum(a * a for a in v))


PAIRS = [([(2, 3), (2, 3)], {}), ([(), (3,)], {}), ([(2,), (2, 3)], {}), ([(2, 3), (1, 3)], {})]
AXES = [([(2, 3)], {}), ([(2, 3)], {"axis": 0}), ([(2, 3)], {"axis": 1}), ([(3,)], {})]
SOFT = [([(3,)], {}), ([(2, 3)], {}), ([(2, 3)], {"axis": 0})]
K = "kernel_size"

# name -> (explicit entries, [(shapes, parameters)], domain)
ENTRIES: dict[str, tuple[Callable[..., np.ndarray], list[tuple[list, dict]], tuple[int, int]]] = {
    "add": (binary(lambda a, b: a + b), PAIRS, (-2, 2)),
    "sub": (binary(lambda a, b: a - b), PAIRS, (-2, 2)),
    "mul": (binary(lambda a, b: a * b), PAIRS, (-2, 2)),
    "hadamard": (binary(lambda a, b: a * b), PAIRS, (-2, 2)),
    "div": (binary(lambda a, b: a / b), PAIRS, (1, 3)),
    "pow": (binary(lambda a, b: a**b), [*PAIRS[:1], ([(3,), ()], {}), ([(), (3,)], {})], (1, 3)),
    "neg": (lambda x, point: -x[0], [([(2, 3)], {})], (-2, 2)),
    "transpose": (
        lambda x, point: x[0].T if x[0].ndim == 2 else x[0][None],
        [([(2, 3)], {}), ([(3,)], {})],
        (-2, 2),
    ),
    "matmul": (
        matmul,
        [
            ([(2, 3), (3, 2)], {}),
            ([(2, 3), (3,)], {}),
            ([(1, 3), (3,)], {}),
            ([(1, 3), (3, 2)], {}),
            ([(3,), (1, 2)], {}),
            ([(2, 1, 3), (2, 3, 2)], {}),
            ([(2, 1, 3), (3, 2)], {}),
        ],
        (-2, 2),
    ),
    "maximum": (choice(lambda a, b: a >= b), PAIRS, (-2, 2)),
    "minimum": (choice(lambda a, b: a <= b), PAIRS, (-2, 2)),
    "compare >": (mask(lambda a, b: a > b), PAIRS, (-2, 2)),
    "compare <": (mask(lambda a, b: a < b), PAIRS, (-2, 2)),
    "compare >=": (mask(lambda a, b: a >= b), PAIRS, (-2, 2)),
    "compare <=": (mask(lambda a, b: a <= b), PAIRS, (-2, 2)),
    "compare ==": (mask(lambda a, b: a == b), PAIRS, (-2, 2)),
    "compare !=": (mask(lambda a, b: a != b), PAIRS, (-2, 2)),
    "where": (where, [([(2, 3)] * 3, {})], (-2, 2)),
    "prelu": (prelu, [([(2, 3), ()], {}), ([(2, 3), (3,)], {})], (-2, 2)),
    "outer": (lambda x, point: np.multiply.outer(*x), [([(2,), (3,)], {})], (-2, 2)),
    "dot": (
        lambda x, point: objects(lambda: sum((x[0] * x[1]).ravel()), ()),
        [([(3,), (3,)], {}), ([(2, 3), (2, 3)], {})],
        (-2, 2),
    ),
    "sum": (along(lambda v, _: sum(v)), AXES, (-2, 2)),
    "mean": (along(lambda v, _: sum(v) / sp.Integer(len(v))), AXES, (-2, 2)),
    "max": (along(lambda v, point: max(v, key=lambda a: point[a])), AXES, (-2, 2)),
    "min": (along(lambda v, point: min(v, key=lambda a: point[a])), AXES, (-2, 2)),
    "norm2": (along(norm), AXES, (-2, 2)),
    "softmax": (each(lambda v, k: sp.exp(v[k]) / sum(map(sp.exp, v))), SOFT, (-2, 2)),
    "log_softmax": (each(lambda v, k: v[k] - lse(v)), SOFT, (-2, 2)),
    "logsumexp": (
        along(lambda v, _: lse(v)),
        [([(3,)], {}), ([(2, 3)], {"axis": 0}), ([(2, 3)], {"axis": 1})],
        (-2, 2),
    ),
    "linear": (
        linear,
        [([(3,), (2, 3), (2,)], {}), ([(3, 2), (3, 2), (3,)], {}), ([(3,), (2, 3)], {})],
        (-2, 2),
    ),
    "mse_loss": (
        mse,
        [
            ([(3,), (3,)], {}),
            ([(2, 3), (2, 3)], {"reduction": "sum"}),
            ([(2, 3), (2, 3)], {"reduction": "none"}),
        ],
        (-2, 2),
    ),
    "cross_entropy": (
        cross_entropy,
        [
            ([(3,), (3,)], {}),
            ([(2, 3), (2, 3)], {}),
            ([(2, 3), (2, 3)], {"reduction": "sum"}),
            ([(2, 3), (2, 3)], {"reduction": "none"}),
        ],
        (1, 2),
    ),
    "vec": (vec, [([(2, 3)], {})], (-2, 2)),
    "unvec": (unvec, [([(6,)], {"*": (2, 3)})], (-2, 2)),
    "reshape": (reshape, [([(2, 3)], {"*": (3, 2)}), ([(6,)], {"*": (1, 2, 3)})], (-2, 2)),
    "flatten": (lambda x, point: x[0].ravel(), [([(2, 3)], {}), ([(2, 1, 3)], {})], (-2, 2)),
    "concat": (
        concat,
        [([(2,), (3,)], {}), ([(2, 3), (1, 3)], {}), ([(2, 3), (2, 1)], {"axis": 1})],
        (-2, 2),
    ),
    "homogeneous": (lambda x, point: np.append(x[0], sp.S.One), [([(3,)], {})], (-2, 2)),
    "copy": (lambda x, point: x[0], [([(2, 3)], {})], (-2, 2)),
    "list": (lambda x, point: np.stack(x), [([(), ()], {}), ([(3,), (3,)], {})], (-2, 2)),
    "index": (
        index,
        [
            ([(3,)], {"items": (2,)}),
            ([(3,)], {"items": (-1,)}),
            ([(3,)], {"items": ((None, None, -1),)}),
            ([(2, 3)], {"items": (1,)}),
            ([(2, 3)], {"items": (0, 2)}),
            ([(2, 3)], {"items": ((None, None, None), (1, 3, None))}),
            ([(2, 3)], {"items": ((None, None, None), (None, None, 2))}),
        ],
        (-2, 2),
    ),
    "conv1d": (
        conv(1),
        [
            ([(5,), (2,)], {}),
            ([(5,), (3,)], {"stride": 2, "padding": 1}),
            ([(2, 4), (3, 2, 2), (3,)], {"dilation": 2, "padding": 1}),
            ([(4, 3), (2, 2, 2)], {"groups": 2}),
            ([(5,), (3,)], {"_conv_": "convolution"}),
        ],
        (-2, 2),
    ),
    "conv2d": (
        conv(2),
        [
            ([(3, 4), (2, 3)], {}),
            ([(3, 4), (2, 3)], {"stride": 2, "padding": 1}),
            ([(2, 2, 3), (1, 2, 2, 1), (1,)], {"dilation": 1}),
            ([(3, 5), (2, 2)], {"dilation": 2}),
            ([(4, 2, 3), (2, 2, 1, 2)], {"groups": 2}),
            ([(3, 4), (2, 3)], {"_conv_": "convolution", "padding": 1}),
        ],
        (-2, 2),
    ),
    "max_pool1d": (
        pool(1, True),
        [
            ([(5,)], {K: 2}),
            ([(2, 5)], {K: 3, "stride": 2, "padding": 1}),
            ([(5,)], {K: 2, "ceil_mode": True}),
        ],
        (-2, 2),
    ),
    "max_pool2d": (
        pool(2, True),
        [
            ([(3, 4)], {K: 2}),
            ([(3, 5)], {K: 2, "stride": 1, "padding": 1}),
            ([(3, 5)], {K: 2, "ceil_mode": True}),
            ([(3, 4)], {K: 2, "dilation": 2, "stride": 1}),
        ],
        (-2, 2),
    ),
    "avg_pool1d": (
        pool(1, False),
        [
            ([(5,)], {K: 2}),
            ([(2, 5)], {K: 3, "stride": 2, "padding": 1}),
            ([(5,)], {K: 2, "ceil_mode": True}),
        ],
        (-2, 2),
    ),
    "avg_pool2d": (
        pool(2, False),
        [
            ([(3, 4)], {K: 2}),
            ([(3, 5)], {K: 2, "stride": 1, "padding": 1}),
            ([(3, 5)], {K: 2, "padding": 1, "count_include_pad": False}),
            ([(3, 5)], {K: 2, "ceil_mode": True}),
        ],
        (-2, 2),
    ),
}

ENTRIES |= layers(conv, pool)
ENTRIES |= LINALG

CONSTANT = {"eye", "ones", "zeros"} | MATRICES  # no operands


def cases() -> list[Any]:
    found = []
    for name, rows in SCALAR.items():
        for k, (f, domain, given) in enumerate(rows):
            entries = elementwise(f)
            found.append(pytest.param(name, entries, [(2, 3)], given, domain, id=f"{name}-{k}"))
    for name, (entries, samples, domain) in ENTRIES.items():
        for k, (shapes, given) in enumerate(samples):
            found.append(pytest.param(name, entries, shapes, given, domain, id=f"{name}-{k}"))
    return found + [
        pytest.param(*row, id=f"{row[0]}-index-{k}") for k, row in enumerate(CLASS_INDICES)
    ]


def elementwise(f: sp.Expr) -> Callable[..., np.ndarray]:
    return lambda x, point, **_: objects(lambda *at: f.subs(T, x[0][at]), x[0].shape)


def points(name: str, shapes: list[tuple[int, ...]], domain: tuple[int, int]) -> list[np.ndarray]:
    """Pairwise different rationals, none of them a whole number: no ties and no kinks."""
    if callable(domain):
        return domain(shapes)
    low, high = domain
    count = sum(int(np.prod(s)) for s in shapes)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    pool_ = [k for k in range(low * 40 + 1, high * 40) if k % 20]
    chosen = iter(rng.permutation(pool_)[:count])
    return [objects(lambda *_: sp.Rational(int(next(chosen)), 40), s) for s in shapes]


def test_every_operation_is_covered() -> None:
    assert SCALAR.keys() | ENTRIES.keys() | CONSTANT == BY_NAME.keys()


@pytest.mark.parametrize(("name", "entries", "shapes", "given", "domain"), cases())
def test_entries(name: str, entries: Any, shapes: Any, given: dict, domain: Any) -> None:
    arrays = points(name, shapes, domain)
    symbols = [
        objects(lambda *at, j=j: sp.Symbol(f"x{j}_{'_'.join(map(str, at))}", real=True), a.shape)
        for j, a in enumerate(arrays)
    ]
    point = {s: v for x, a in zip(symbols, arrays, strict=True)
             for s, v in zip(x.ravel(), a.ravel(), strict=True)}  # fmt: skip
    more = {k: v for k, v in given.items() if k != "*"}
    explicit = np.asarray(entries(symbols, point, *given.get("*", ()), **more), dtype=object)
    weights = objects(lambda *at: sp.Rational(3 + sum((k + 2) * i for k, i in enumerate(at)), 7),
                      explicit.shape)  # fmt: skip
    value, grads = derived(BY_NAME[name], arrays, given, weights)
    for got, want in zip(value.ravel(), explicit.ravel(), strict=True):
        equal(got, sp.sympify(want).subs(point))
    for symbol, gradient in zip(symbols, grads, strict=True):
        for x, got in zip(symbol.ravel(), gradient.ravel(), strict=True):
            parts = [
                w * sp.diff(e, x)
                for w, e in zip(weights.ravel(), explicit.ravel(), strict=True)
                if getattr(e, "free_symbols", set()) & {x}
            ]
            equal(got, sum(parts, sp.S.Zero).subs(point))


def equal(got: Any, want: sp.Expr) -> None:
    """Exactly, where both are rational; to 13 digits otherwise."""
    if isinstance(got, sp.Rational) and want.is_Rational:
        assert got == want
    else:
        scale = max(1.0, abs(float(want)))
        assert abs(float(got) - float(want)) < 1e-13 * scale * 10


@pytest.mark.parametrize("name", ["matmul", "conv2d", "sum", "vec", "mul"])
def test_linear_operations_stay_exact(name: str) -> None:
    """The comparison above is between exact numbers, not between rounded ones."""
    _, samples, domain = ENTRIES[name]
    shapes, given = samples[0]
    arrays = points(name, shapes, domain)
    more = {k: v for k, v in given.items() if k != "*"}
    shape = ENTRIES[name][0](arrays, {}, *given.get("*", ()), **more).shape
    value, grads = derived(BY_NAME[name], arrays, given, objects(lambda *_: sp.S.Half, shape))
    assert all(isinstance(v, sp.Rational) for a in (value, *grads) for v in a.ravel())


def test_a_rule_off_by_one_percent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault in the softmax rule."""
    from dataclasses import replace

    from tutor import ops
    from tutor.graph.node import scale

    right = ops.KEPT["softmax"]
    assert right.vjp is not None
    wrong = replace(
        right, vjp=lambda *a: tuple(scale(sp.Rational(101, 100), n) for n in right.vjp(*a))
    )
    monkeypatch.setitem(ops.KEPT, "softmax", wrong)
    entries, samples, domain = ENTRIES["softmax"]
    with pytest.raises(AssertionError):
        test_entries("softmax", entries, samples[0][0], {}, domain)
