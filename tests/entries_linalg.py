"""Linear algebra, reductions and rearrangements written out entry by entry, for the SymPy judge."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

Symbols = list[np.ndarray]
NORMAL = (-2, 2)


def objects(f: Callable[..., Any], shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(shape, dtype=object)
    for at in np.ndindex(*shape):
        out[at] = f(*at)
    return out


def scalar(value: Any) -> np.ndarray:
    return objects(lambda: value, ())


def rationals(x: np.ndarray) -> np.ndarray:
    return objects(lambda *at: sp.Rational(round(20 * x[at]), 20), x.shape)


def well(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Far from singular, where the array is square."""
    rng = np.random.default_rng(len(shapes[0]) + sum(map(sum, shapes)))
    drawn = [rng.uniform(-1, 1, size=s) for s in shapes]
    return [
        rationals(x + 3 * np.eye(len(x)) if x.ndim == 2 and len(x) == x.shape[1] else x)
        for x in drawn
    ]


def definite(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """A positive definite matrix with something skew added: only its symmetric part may count."""
    ((n, _),) = shapes
    rng = np.random.default_rng(n)
    x, skew = rng.uniform(-1, 1, size=(2, n, n))
    return [rationals(x @ x.T + np.eye(n) + skew - skew.T)]


def determinant(a: np.ndarray) -> sp.Expr:
    n = len(a)
    total = sp.S.Zero
    for p in itertools.permutations(range(n)):
        swaps = sum(p[i] > p[j] for i in range(n) for j in range(i + 1, n))
        total += (-1) ** swaps * sp.prod(a[i, p[i]] for i in range(n))
    return total


def inverse(a: np.ndarray) -> np.ndarray:
    """Cramer's rule."""
    whole = determinant(a)
    return objects(
        lambda i, j: (-1) ** (i + j) * determinant(np.delete(np.delete(a, j, 0), i, 1)) / whole,
        a.shape,
    )


def cholesky(x: Symbols, _: Any) -> np.ndarray:
    s = (x[0] + x[0].T) / 2
    n = len(s)
    low = objects(lambda *at: sp.S.Zero, (n, n))
    for j in range(n):
        low[j, j] = sp.sqrt(s[j, j] - sum(low[j, k] ** 2 for k in range(j)))
        for i in range(j + 1, n):
            low[i, j] = (s[i, j] - sum(low[i, k] * low[j, k] for k in range(j))) / low[j, j]
    return low


def power(x: Symbols, _: Any, n: int) -> np.ndarray:
    base = x[0] if n > 0 else inverse(x[0])
    result = base
    for _k in range(abs(n) - 1):
        result = np.dot(result, base)
    return result


def solve(x: Symbols, _: Any) -> np.ndarray:
    return np.dot(inverse(x[0]), x[1])


def kron(x: Symbols, _: Any) -> np.ndarray:
    vectors = all(v.ndim == 1 for v in x)
    a, b = (v[:, None] if v.ndim == 1 else v for v in x)
    (p, q), shape = b.shape, (len(a) * len(b), a.shape[1] * b.shape[1])
    full = objects(lambda i, j: a[i // p, j // q] * b[i % p, j % q], shape)
    return full[:, 0] if vectors else full


def vech(x: Symbols, _: Any) -> np.ndarray:
    n = len(x[0])
    return np.array([x[0][i, j] for j in range(n) for i in range(j, n)], dtype=object)


def diag(x: Symbols, _: Any) -> np.ndarray:
    (a,) = x
    if a.ndim == 2 and len(a) > 1:
        return np.array([a[i, i] for i in range(len(a))], dtype=object)
    v = a.ravel()
    return objects(lambda i, j: v[i] if i == j else sp.S.Zero, (v.size, v.size))


def triangle(keep: Callable[[int], bool]) -> Callable[..., np.ndarray]:
    def entries(x: Symbols, _: Any, diagonal: int = 0) -> np.ndarray:
        (a,) = x
        return objects(lambda i, j: a[i, j] if keep(j - i - diagonal) else sp.S.Zero, a.shape)

    return entries


def transpose(x: Symbols, _: Any, dim0: int = 0, dim1: int = 1) -> np.ndarray:
    (a,) = x
    if a.ndim == 1:
        return a[None]
    if a.ndim == 2 and len(a) == 1:
        return a[0]
    return np.moveaxis(a, (dim0, dim1), (dim1, dim0)) if a.ndim == 3 else a.T


def quad_form(x: Symbols, _: Any) -> np.ndarray:
    v, p = x
    n = len(v)
    return scalar(sum(v[i] * p[i, j] * v[j] for i in range(n) for j in range(n)))


def lines(f: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """A reduction along an axis; over axis 0 of a matrix it leaves a row."""

    def entries(x: Symbols, point: Any, axis: Any = None, **more: Any) -> np.ndarray:
        (v,) = x
        if axis is None or (v.ndim == 2 and len(v) == 1):
            return scalar(f(list(v.ravel()), point, **more))
        rows = np.moveaxis(v, axis, -1)
        y = objects(lambda *at: f(list(rows[at]), point, **more), rows.shape[:-1])
        return y[None, :] if v.ndim == 2 and axis % v.ndim == 0 else y

    return entries


def others(x: Symbols, _: Any, axis: Any = None, count: int = 1) -> np.ndarray:
    (v,) = x
    if count == 2:
        n = v.size
        return objects(
            lambda i, j: (
                sp.prod(v[k] for k in range(n) if k not in (i, j)) if i != j else sp.S.Zero
            ),
            (n, n),
        )
    axes = range(v.ndim) if axis is None else (axis % v.ndim,)

    def entry(*at: int) -> Any:
        near = (b for b in np.ndindex(*v.shape) if b != at)
        return sp.prod(
            v[b] for b in near if all(b[k] == at[k] for k in range(v.ndim) if k not in axes)
        )

    return objects(entry, v.shape)


def var(v: list[Any], _: Any, correction: int = 0) -> sp.Expr:
    mean = sum(v) / sp.Integer(len(v))
    return sum((a - mean) ** 2 for a in v) / sp.Integer(len(v) - correction)


def place(v: list[Any], point: Any) -> int:
    return max(range(len(v)), key=lambda k: point[v[k]])


def onehot(x: Symbols, point: Any, axis: Any = None) -> np.ndarray:
    (v,) = x
    rows = v.reshape(1, -1) if axis is None else np.moveaxis(v, axis, -1)
    y = objects(lambda *at: sp.Integer(place(list(rows[at[:-1]]), point) == at[-1]), rows.shape)
    return y.reshape(v.shape) if axis is None else np.moveaxis(y, -1, axis)


def cumsum(x: Symbols, _: Any, axis: int = -1) -> np.ndarray:
    rows = np.moveaxis(x[0], axis, -1)
    y = objects(lambda *at: sum(rows[at[:-1]][: at[-1] + 1]), rows.shape)
    return np.moveaxis(y, -1, axis)


def einsum(x: Symbols, _: Any, equation: str) -> np.ndarray:
    left, _arrow, out = equation.partition("->")
    terms = left.split(",")
    sizes = {k: d for t, v in zip(terms, x, strict=True) for k, d in zip(t, v.shape, strict=True)}
    y = objects(lambda *at: sp.S.Zero, tuple(sizes[k] for k in out))
    for place_ in itertools.product(*(range(d) for d in sizes.values())):
        at = dict(zip(sizes, place_, strict=True))
        factors = (v[tuple(at[k] for k in t)] for t, v in zip(terms, x, strict=True))
        y[tuple(at[k] for k in out)] += sp.prod(factors)
    return y


def pad(x: Symbols, _: Any, pad: Any, mode: str = "constant", value: Any = 0) -> np.ndarray:
    """One axis at a time: where an index beyond the ends reads from."""
    (v,) = x
    ends = pad if isinstance(pad[0], tuple) else [(0, 0)] * (v.ndim - 1) + [pad]
    for k, (before, after) in enumerate(ends):
        n = v.shape[k]
        rows = np.moveaxis(v, k, 0)
        parts = []
        for i in range(-before, n + after):
            if mode == "reflect":
                i = -i if i < 0 else 2 * (n - 1) - i if i >= n else i
            elif mode == "circular":
                i %= n
            elif mode == "replicate":
                i = min(max(i, 0), n - 1)
            blank = objects(lambda *at: sp.sympify(value), rows.shape[1:])
            parts.append(rows[i] if 0 <= i < n else blank)
        v = np.moveaxis(np.stack(parts), 0, k)
    return v


def tile(x: Symbols, _: Any, *reps: int) -> np.ndarray:
    (v,) = x
    v = v.reshape((1,) * (len(reps) - v.ndim) + v.shape)
    shape = tuple(r * d for r, d in zip(reps, v.shape, strict=True))
    return objects(lambda *at: v[tuple(i % d for i, d in zip(at, v.shape, strict=True))], shape)


def broadcast(x: Symbols, _: Any, *shape: int) -> np.ndarray:
    v = x[0][:, None] if x[0].ndim == 1 and len(shape) == 2 else x[0]
    v = v.reshape((1,) * (len(shape) - v.ndim) + v.shape)
    return objects(
        lambda *at: v[tuple(min(i, d - 1) for i, d in zip(at, v.shape, strict=True))], shape
    )


def flip(x: Symbols, _: Any, axis: Any = None) -> np.ndarray:
    (v,) = x
    axes = range(v.ndim) if axis is None else (axis % v.ndim,)
    return objects(
        lambda *at: v[tuple(v.shape[k] - 1 - i if k in axes else i for k, i in enumerate(at))],
        v.shape,
    )


def unsqueeze(x: Symbols, _: Any, axis: int) -> np.ndarray:
    shape = list(x[0].shape)
    shape.insert(axis if axis >= 0 else axis + len(shape) + 1, 1)
    return x[0].reshape(shape)


def squeeze(x: Symbols, _: Any, axis: Any = None) -> np.ndarray:
    kept = [d for k, d in enumerate(x[0].shape) if d != 1 or axis not in (None, k)]
    return x[0].reshape(kept)


AXES = [([(2, 3)], {}), ([(2, 3)], {"axis": 0}), ([(2, 3)], {"axis": -1}), ([(3,)], {}),
        ([(1, 3)], {})]  # fmt: skip
SQUARE = [([(2, 2)], {}), ([(3, 3)], {})]

Entries = dict[str, tuple[Callable[..., np.ndarray], list[tuple[list, dict]], Any]]

LINALG: Entries = {
    "tr": (lambda x, _: scalar(sum(x[0][i, i] for i in range(len(x[0])))), SQUARE, NORMAL),
    "det": (lambda x, _: scalar(determinant(x[0])), SQUARE, well),
    "logdet": (lambda x, _: scalar(sp.log(determinant(x[0]))), SQUARE, well),
    "inv": (lambda x, _: inverse(x[0]), SQUARE, well),
    "solve": (solve, [([(2, 2), (2,)], {}), ([(3, 3), (3,)], {}), ([(2, 2), (2, 3)], {})], well),
    "matrix_power": (power, [([(2, 2)], {"n": n}) for n in (1, 2, 3, 5, -1, -2)], well),
    "cholesky": (cholesky, SQUARE, definite),
    "kron": (
        kron,
        [
            ([(2, 3), (3, 2)], {}),
            ([(2,), (3,)], {}),
            ([(2,), (1, 3)], {}),
            ([(1, 2), (2, 2)], {}),
            ([(2, 2), (3,)], {}),
            ([(1, 2), (1, 3)], {}),
        ],
        NORMAL,
    ),
    "vech": (vech, SQUARE, NORMAL),
    "diag": (diag, [([(3,)], {}), ([(2, 2)], {}), ([(1, 3)], {})], NORMAL),
    "tril": (triangle(lambda d: d <= 0), [([(2, 3)], {}), ([(3, 3)], {"diagonal": 1})], NORMAL),
    "triu": (triangle(lambda d: d >= 0), [([(2, 3)], {}), ([(3, 3)], {"diagonal": -1})], NORMAL),
    "transpose": (
        transpose,
        [([(2, 3)], {}), ([(3,)], {}), ([(1, 3)], {}), ([(2, 1, 3)], {"dim0": 0, "dim1": 2})],
        NORMAL,
    ),
    "quad_form": (quad_form, [([(2,), (2, 2)], {}), ([(3,), (3, 3)], {})], NORMAL),
    "norm1": (lines(lambda v, p: sum(a * sp.sign(p[a]) for a in v)), AXES, NORMAL),
    "norm_inf": (
        lines(lambda v, p: max((a * sp.sign(p[a]) for a in v), key=lambda a: a.subs(p))),
        AXES,
        NORMAL,
    ),
    "frobenius": (
        lambda x, _: scalar(sp.sqrt(sum(a * a for a in x[0].ravel()))),
        [([(2, 3)], {}), ([(3,)], {})],
        NORMAL,
    ),
    "prod": (lines(lambda v, _: sp.prod(v)), AXES, NORMAL),
    "prod_others": (others, [*AXES, ([(3,)], {"count": 2})], NORMAL),
    "var": (lines(var), [*AXES, ([(3,)], {"correction": 1})], NORMAL),
    "std": (
        lines(lambda v, p, **k: sp.sqrt(var(v, p, **k))),
        [*AXES, ([(2, 3)], {"axis": 1, "correction": 1})],
        NORMAL,
    ),
    "cumsum": (
        cumsum,
        [
            ([(3,)], {}),
            ([(2, 3)], {"axis": 0}),
            ([(2, 3)], {"axis": 1}),
            ([(1, 3)], {}),
            ([(2, 2, 2)], {"axis": 1}),
        ],
        NORMAL,
    ),
    "argmax": (lines(lambda v, p: sp.Integer(place(v, p))), AXES, NORMAL),
    "argmax_onehot": (onehot, AXES, NORMAL),
    "einsum": (
        einsum,
        [
            ([(2, 3), (3, 2)], {"equation": "ij,jk->ik"}),
            ([(3, 3)], {"equation": "ii->"}),
            ([(3, 3)], {"equation": "ii->i"}),
            ([(2,), (2, 3), (3,)], {"equation": "i,ij,j->"}),
            ([(2, 2, 3), (2, 3)], {"equation": "bij,bj->bi"}),
        ],
        NORMAL,
    ),
    "pad": (
        pad,
        [
            ([(3,)], {"pad": (1, 2)}),
            ([(2, 3)], {"pad": (1, 2), "value": 3}),
            ([(2, 3)], {"pad": ((1, 0), (0, 2))}),
            ([(3,)], {"pad": (2, 1), "mode": "reflect"}),
            ([(3,)], {"pad": (2, 3), "mode": "circular"}),
            ([(2, 3)], {"pad": ((2, 1), (0, 3)), "mode": "replicate"}),
            ([(1, 3)], {"pad": (1, 1)}),
        ],
        NORMAL,
    ),
    "stack": (
        lambda x, _, axis=0: np.stack(
            [v[0] if v.ndim == 2 and len(v) == 1 else v for v in x], axis
        ),
        [
            ([(3,), (3,)], {}),
            ([(3,), (3,)], {"axis": 1}),
            ([(), ()], {}),
            ([(2, 3), (2, 3)], {"axis": -1}),
            ([(1, 3), (1, 3)], {}),
        ],
        NORMAL,
    ),
    "broadcast": (
        broadcast,
        [
            ([()], {"*": (2, 2)}),
            ([(2,)], {"*": (2, 3)}),
            ([(1, 3)], {"*": (2, 3)}),
            ([(2, 1)], {"*": (2, 2, 3)}),
        ],
        NORMAL,
    ),
    "permute": (
        lambda x, _, *axes: np.transpose(x[0], axes),
        [([(2, 1, 3)], {"*": (2, 0, 1)}), ([(2, 3)], {"*": (1, 0)})],
        NORMAL,
    ),
    "squeeze": (
        squeeze,
        [([(2, 1, 3)], {}), ([(2, 1, 1)], {"axis": 1}), ([(1, 3)], {}), ([(3,)], {"axis": 0})],
        NORMAL,
    ),
    "unsqueeze": (
        unsqueeze,
        [([(3,)], {"axis": 0}), ([(3,)], {"axis": 1}), ([(2, 3)], {"axis": -2})],
        NORMAL,
    ),
    "tile": (
        tile,
        [
            ([(3,)], {"*": (2,)}),
            ([(2, 3)], {"*": (2, 2)}),
            ([(2,)], {"*": (2, 3)}),
            ([(2, 1)], {"*": (3, 1, 2)}),
        ],
        NORMAL,
    ),
    "flip": (
        flip,
        [([(3,)], {}), ([(2, 3)], {"axis": 0}), ([(2, 3)], {}), ([(1, 3)], {"axis": 1})],
        NORMAL,
    ),
}

CONSTANT = {"commutation", "duplication", "elimination"}
