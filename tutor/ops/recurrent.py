"""Recurrent cells: one step in time, with PyTorch's order of gates and its two bias vectors.

Weights stack the gates: W_ih has the rows of all gates one after another, and so has W_hh. A column
x is one example; a matrix x is a batch, one example per row, and then h is one as well.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp

from ..graph import dims
from .base import Op, Val, Word, as_column, is_column, require
from .build import defined

NORMAL = (-1.0, 1.0)


def _checked(name: str, gates: int, x: Val, h: Val, w_ih: Val, w_hh: Val, more: dict[str, Val | None],
             w_hr: Val | None = None) -> bool:  # fmt: skip
    """Whether the operands are columns; every size is compared with the weights'.

    With W_hr the state h is a projection of the units, and has a size of its own.
    """
    require(all(w.order == 2 or w.row for w in (w_ih, w_hh)),
            f"the weights of {name} are matrices: W_ih is gates·hidden × input, W_hh gates·hidden × hidden",
            f"they have sizes {w_ih.dims} and {w_hh.dims}")  # fmt: skip
    rows, inputs = w_ih.shape
    hidden = state = w_hh.shape[1]
    if w_hr is not None:
        require((w_hr.order == 2 or w_hr.row) and dims.same(w_hr.shape[0], state),
                f"the projection W_hr of {name} has size {w_hr.dims}, but its rows are the "
                f"{dims.one(state)} columns of W_hh",
                "W_hr is state × units, W_hh gates·units × state")  # fmt: skip
        hidden = w_hr.shape[1]
    stacked = dims.dim(gates * dims.number(hidden))
    times = (
        f"{gates} gates of {dims.one(hidden)} units" if gates > 1 else f"{dims.one(hidden)} units"
    )
    for what, w in (("W_ih", w_ih), ("W_hh", w_hh)):
        stack, units = dims.resolved(w.shape[0]), dims.resolved(hidden)
        require(isinstance(units, int) or not isinstance(stack, int) or stack % gates == 0,
                f"{what} of {name} has {stack} rows, and {gates} gates do not divide them",
                f"the rows of {gates} gates are stacked, so their number is a multiple of {gates}")  # fmt: skip
        require(dims.same(w.shape[0], stacked),
                f"{what} of {name} has {dims.one(w.shape[0])} rows, but {times} need {dims.one(stacked)}")  # fmt: skip
    column = is_column(x) and (x.order == 1 or not dims.same(inputs, 1))
    size = x.node.shape[0] if column else x.node.shape[-1]
    require(x.order in (1, 2) and dims.same(size, inputs),
            f"the input x of {name} has size {x.dims}, but W_ih takes {inputs} features",
            "x is a column of features, or a batch with one example per row")  # fmt: skip
    for what, v in {"h": h, **more}.items():
        n = state if what == "h" else hidden
        if v is None or what.startswith("b"):
            bias = None if v is None else as_column(v)
            ok = bias is None or (bias.order == 1 and dims.same(bias.node.shape[0], rows))
            require(
                ok, f"the bias {what} of {name} has {rows} entries, not size {v.dims if v else ''}"
            )
            continue
        fits = is_column(v) and dims.same(v.node.shape[0], n)
        if not column:
            fits = dims.same_shape(v.shape, (x.shape[0], n))
        shape = f"{n}×1" if column else f"{dims.one(x.shape[0])}×{n}"
        require(fits,
                f"the state {what} of {name} has size {v.dims}, but must be {shape}",
                "x and the state are both columns, or both batches with one example per row")  # fmt: skip
    return column


def _affine(build: Any, column: bool, x: Any, w: Any, b: Any, name: Any = None) -> Any:
    """W x + b of a column, X Wᵀ + bᵀ of rows; `name` is for a product without a bias."""
    rows = build.val(w).shape[0]
    lost = rows == 1  # on paper 1×1 is a number, n×1 a column
    if column:
        y, size = build.binary("@", w, x, None if lost else name), (rows,)
    else:
        y = build.binary("@", x, build.transposed(w), None if lost else name)
        size = (build.val(x).shape[0], rows)
    if lost:
        y = build.call("reshape", y, rest=size, name=name)
    if b is None:
        return y
    return build.binary("+", y, b if column else build.transposed(b))


def _gates(build: Any, column: bool, a: Any, count: int) -> list[Any]:
    """The stacked gates, cut into equal parts."""
    size = build.val(a).node.shape[0 if column else -1]
    n = dims.number(size) / count
    ends = [dims.dim(k * n) for k in range(count + 1)]
    return [build.part(a, start, stop, 0 if column else 1) for start, stop in pairwise(ends)]


def _rnn(build: Any, x: Val, h: Val, W_ih: Val, W_hh: Val, b_ih: Val | None = None,
         b_hh: Val | None = None, nonlinearity: Word = "tanh") -> tuple[Any, ...]:  # fmt: skip
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)."""
    require(nonlinearity in ("tanh", "relu"), '`nonlinearity` is "tanh" or "relu"')
    column = _column(build, "rnn_cell", 1, x, h, W_ih, W_hh, {"b_ih": b_ih, "b_hh": b_hh})
    new = _affine(build, column, x, W_ih, b_ih)
    old = _affine(build, column, h, W_hh, b_hh)
    a = build.binary("+", new, old, "a")
    return (build.call(nonlinearity, a, name=build.result(0)),)


def _column(build: Any, name: str, gates: int, x: Any, h: Any, w_ih: Any, w_hh: Any, more: Any,
            w_hr: Any = None) -> bool:  # fmt: skip
    vals = {k: None if v is None else build.val(v) for k, v in more.items()}
    down = None if w_hr is None else build.val(w_hr)
    return _checked(name, gates, *map(build.val, (x, h, w_ih, w_hh)), vals, down)


def _lstm(build: Any, x: Val, h: Val, c: Val, W_ih: Val, W_hh: Val, b_ih: Val | None = None,
          b_hh: Val | None = None, W_hr: Val | None = None) -> tuple[Any, ...]:  # fmt: skip
    """Gates i, f, g, o, in this order; c' = f ⊙ c + i ⊙ g and h' = o ⊙ tanh(c'), times W_hr."""
    more = {"c": c, "b_ih": b_ih, "b_hh": b_hh}
    column = _column(build, "lstm_cell", 4, x, h, W_ih, W_hh, more, W_hr)
    new = _affine(build, column, x, W_ih, b_ih)
    old = _affine(build, column, h, W_hh, b_hh)
    a = build.binary("+", new, old, "a")
    parts = _gates(build, column, a, 4)
    functions = ("sigmoid", "sigmoid", "tanh", "sigmoid")
    i, f, g, o = (
        build.call(func, part, name=name)
        for func, part, name in zip(functions, parts, "ifgo", strict=True)
    )
    kept, added = build.binary("*", f, c), build.binary("*", i, g)
    cell = build.binary("+", kept, added, build.result(1))
    if W_hr is None:
        return build.binary("*", o, build.call("tanh", cell), build.result(0)), cell
    units = build.binary("*", o, build.call("tanh", cell), "m")
    return _affine(build, column, units, W_hr, None, build.result(0)), cell


def _gru(build: Any, x: Val, h: Val, W_ih: Val, W_hh: Val, b_ih: Val | None = None,
         b_hh: Val | None = None) -> tuple[Any, ...]:  # fmt: skip
    """Gates r, z and candidate n = tanh(… + r ⊙ (W_hn h + b_hn)); h' = (1 − z) ⊙ n + z ⊙ h."""
    column = _column(build, "gru_cell", 3, x, h, W_ih, W_hh, {"b_ih": b_ih, "b_hh": b_hh})
    new = _affine(build, column, x, W_ih, b_ih)
    old = _affine(build, column, h, W_hh, b_hh)
    xr, xz, xn = _gates(build, column, new, 3)
    hr, hz, hn = _gates(build, column, old, 3)
    r = build.call("sigmoid", build.binary("+", xr, hr), name="r")
    z = build.call("sigmoid", build.binary("+", xz, hz), name="z")
    candidate = build.binary("+", xn, build.binary("*", r, hn))
    n = build.call("tanh", candidate, name="n")
    fresh = build.binary("*", build.binary("-", build.number(sp.S.One), z), n)
    return (build.binary("+", fresh, build.binary("*", z, h), build.result(0)),)


# -- the same for one example after another, in plain NumPy; used only by checks ------------------


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _by_example(step: Callable[..., Any], states: int) -> Callable[..., Any]:
    """`step` takes one example's vectors; biases default to 0."""

    def reference(x: np.ndarray, *more: Any, **given: Any) -> Any:
        old, (w_ih, w_hh, *biases) = more[:states], more[states:]
        b = [np.zeros(len(w_ih)) if v is None else np.ravel(v) for v in (*biases, None, None)[:2]]
        b += [v for v in biases[2:] if v is not None]
        if x.ndim == 1:
            return step(x, *old, w_ih, w_hh, *b, **given)
        rows = [step(x[k], *(s[k] for s in old), w_ih, w_hh, *b, **given) for k in range(len(x))]
        return tuple(np.stack(r) for r in zip(*rows, strict=True)) if states > 1 else np.stack(rows)

    return reference


def _rnn_step(x: Any, h: Any, w: Any, u: Any, b: Any, d: Any, nonlinearity: str = "tanh") -> Any:
    a = np.array([w[k] @ x + b[k] + u[k] @ h + d[k] for k in range(len(w))])
    return np.tanh(a) if nonlinearity == "tanh" else np.maximum(a, 0.0)


def _lstm_step(x: Any, h: Any, c: Any, w: Any, u: Any, b: Any, d: Any, down: Any = None) -> Any:
    a = [w[k] @ x + b[k] + u[k] @ h + d[k] for k in range(len(w))]
    n = len(c)
    cell = np.array([
        _sigmoid(a[n + k]) * c[k] + _sigmoid(a[k]) * np.tanh(a[2 * n + k]) for k in range(n)
    ])  # fmt: skip
    units = np.array([_sigmoid(a[3 * n + k]) * np.tanh(cell[k]) for k in range(n)])
    return units if down is None else np.array([row @ units for row in down]), cell


def _gru_step(x: Any, h: Any, w: Any, u: Any, b: Any, d: Any) -> Any:
    n = len(h)
    xs, hs = ([m[k] @ v + e[k] for k in range(3 * n)] for m, v, e in ((w, x, b), (u, h, d)))
    new = []
    for k in range(n):
        r, z = _sigmoid(xs[k] + hs[k]), _sigmoid(xs[n + k] + hs[n + k])
        candidate = np.tanh(xs[2 * n + k] + r * hs[2 * n + k])
        new.append((1 - z) * candidate + z * h[k])
    return np.array(new)


_TORCH = "torch.nn."

RECURRENT: tuple[Op, ...] = (
    Op("rnn_cell", "x[i], h[k], W_ih[k i], W_hh[k k], b_ih[k], b_hh[k] -> h[k]", defined(_rnn),
       "The new state {y} is a function of one sum of products, which {x} enters linearly.",
       "dh' = (1 − h'²) ⊙ (W_ih dx + W_hh dh)", "chain rule", _TORCH + "RNNCell", "RNN",
       _by_example(_rnn_step, 1), expand=_rnn,
       meaning="h' = tanh(W_ih x + b_ih + W_hh h + b_hh)",
       sample=(([(3,), (2,), (2, 3), (2, 2)], {}, NORMAL),
               ([(3,), (2,), (2, 3), (2, 2), (2,), (2,)], {}, NORMAL),
               ([(5, 3), (5, 2), (2, 3), (2, 2), (2,), (2,)], {}, NORMAL),
               ([(3,), (2,), (2, 3), (2, 2), (2,)], {"nonlinearity": "relu"}, (0.1, 1.0))),
               size="The state keeps its size."),
    Op("gru_cell", "x[i], h[k], W_ih[3k i], W_hh[3k k], b_ih[3k], b_hh[3k] -> h[k]", defined(_gru),
       "The new state {y} mixes the old one and a candidate; {x} acts on gates and candidate alike, "
       "and the contributions add up.",
       "dh' = z ⊙ dh + (1 − z) ⊙ dn + (h − n) ⊙ dz", "chain rule", _TORCH + "GRUCell", "GRU",
       _by_example(_gru_step, 1), expand=_gru,
       meaning="r = σ(W_ir x + b_ir + W_hr h + b_hr), z likewise; "
       "n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn)); h' = (1 − z) ⊙ n + z ⊙ h. W_ih stacks the rows "
       "of r, z, n.",
       sample=(([(3,), (2,), (6, 3), (6, 2)], {}, NORMAL),
               ([(5, 3), (5, 2), (6, 3), (6, 2), (6,), (6,)], {}, NORMAL)),
               size="The state keeps its size."),
    Op("lstm_cell", "x[i], h[k], c[k], W_ih[4k i], W_hh[4k k], b_ih[4k], b_hh[4k], W_hr[k k] -> h[k], c[k]",
       defined(_lstm),
       "{y} depends on {x} through the gates, and the cell passes its own gradient on, times f.",
       "dc' = f ⊙ dc + c ⊙ df + i ⊙ dg + g ⊙ di", "chain rule", _TORCH + "LSTMCell", "LSTM",
       _by_example(_lstm_step, 2), expand=_lstm, results=("h", "c"),
       meaning="a = W_ih x + b_ih + W_hh h + b_hh, cut into four; i, f, o = σ and g = tanh of their "
       "parts, in the order i, f, g, o; c' = f ⊙ c + i ⊙ g; h' = o ⊙ tanh(c'), or W_hr (o ⊙ tanh(c')) if W_hr "
       "is given",
       sample=(([(3,), (2,), (2,), (8, 3), (8, 2)], {}, NORMAL),
               ([(5, 3), (5, 2), (5, 2), (8, 3), (8, 2), (8,), (8,)], {}, NORMAL),
               ([(3,), (2,), (3,), (12, 3), (12, 2), (12,), (12,), (2, 3)], {}, NORMAL)),
               size="The state keeps its size."),
)  # fmt: skip
