"""Linear algebra, reductions and rearrangements against torch.autograd in float64."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tutor.ops.linalg import definite, well

torch = pytest.importorskip("torch")
from test_gradients_torch import axis, compare  # noqa: E402

F = torch.nn.functional


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(-2, 2, size=shape)


def skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Positive definite, with something skew added."""
    x = rng.uniform(-1, 1, size=shape)
    return definite(rng, shape) + x - x.T


def vec(a: Any) -> Any:
    return a.T.reshape(-1)


def vech(a: Any) -> Any:
    return torch.cat([a[j:, j] for j in range(len(a))])


def kron(a: Any, b: Any) -> Any:
    if a.ndim == b.ndim == 1:
        return torch.kron(a, b)
    return torch.kron(*(x[:, None] if x.ndim == 1 else x for x in (a, b)))


def diag(x: Any) -> Any:
    return torch.diag(x.reshape(-1) if 1 in x.shape else x)


def spread(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, axis: Any = None, correction: int = 0) -> Any:
        y = f(x, dim=axis, correction=correction)
        return y[None, :] if x.ndim == 2 and axis in (0, -2) else y

    return call


def pad(x: Any, pad: Any, mode: str = "constant", value: Any = 0) -> Any:
    if mode == "constant":
        return F.pad(x, pad, mode, value)
    batch = 1 + len(pad) // 2 - x.ndim  # axes that torch wants in the other modes
    return F.pad(x[(None,) * batch], pad, mode)[(0,) * batch]


def largest(v: Any) -> Any:
    """torch shares max over everything between ties; there are none here."""
    return torch.linalg.vector_norm(v, ord=float("inf"))


Case = tuple[str, Callable[..., Any], list[tuple[int, ...]], dict[str, Any], Callable[..., Any]]

LINALG: list[Case] = [
    ("tr", torch.trace, [(5, 5)], {}, normal),
    ("det", torch.linalg.det, [(5, 5)], {}, normal),
    ("det", torch.linalg.det, [(2, 2)], {}, normal),
    ("logdet", torch.logdet, [(5, 5)], {}, well),
    ("inv", torch.linalg.inv, [(5, 5)], {}, well),
    ("solve", lambda a, b: torch.linalg.solve(a, b), [(5, 5), (5,)], {}, well),
    ("solve", lambda a, b: torch.linalg.solve(a, b), [(5, 5), (5, 3)], {}, well),
    *(("matrix_power", torch.linalg.matrix_power, [(3, 3)], {"n": n}, well)
      for n in (1, 2, 3, 6, 7, -1, -3)),
    ("cholesky", lambda a: torch.linalg.cholesky((a + a.T) / 2), [(5, 5)], {}, skewed),
    ("kron", kron, [(2, 3), (5, 7)], {}, normal), ("kron", kron, [(3,), (5,)], {}, normal),
    ("kron", kron, [(3,), (1, 5)], {}, normal), ("kron", kron, [(1, 5), (3,)], {}, normal),
    ("kron", kron, [(2, 3), (1, 5)], {}, normal),
    ("vech", vech, [(5, 5)], {}, normal), ("diag", diag, [(5,)], {}, normal),
    ("diag", diag, [(5, 5)], {}, normal),
    ("tril", torch.tril, [(3, 5)], {}, normal),
    ("tril", torch.tril, [(5, 3)], {"diagonal": -1}, normal),
    ("triu", torch.triu, [(3, 5)], {"diagonal": 2}, normal),
    ("triu", torch.triu, [(5, 5)], {}, normal),
    ("transpose", torch.transpose, [(2, 3, 5)], {"dim0": 0, "dim1": -1}, normal),
    ("quad_form", lambda x, p: x @ p @ x, [(5,), (5, 5)], {}, normal),
    ("frobenius", torch.linalg.norm, [(3, 5)], {}, normal),
    ("norm_inf", largest, [(7,)], {}, normal), ("norm_inf", largest, [(3, 5)], {}, normal),
]  # fmt: skip

REDUCTIONS: list[Case] = [
    (name, f, shapes, given, normal)
    for name, f in (
        ("norm1", axis(lambda x, **k: torch.sum(torch.abs(x), **k))),
        ("var", spread(torch.var)), ("std", spread(torch.std)),
    )
    for shapes, given in (
        ([(3, 5)], {}), ([(7, 2)], {"axis": 0}), ([(5, 7)], {"axis": -1}), ([(11,)], {}),
        ([(2, 5, 3)], {"axis": 1}), ([(2, 5, 3)], {"axis": (0, 2)}),
    )
] + [
    ("var", spread(torch.var), [(7,)], {"correction": 1}, normal),
    ("std", spread(torch.std), [(3, 5)], {"axis": 1, "correction": 1}, normal),
    ("prod", axis(torch.prod), [(7,)], {}, normal),
    ("prod", axis(torch.prod), [(3, 5)], {}, normal),
    ("prod", axis(torch.prod), [(3, 5)], {"axis": 0}, normal),
    ("prod", axis(torch.prod), [(2, 3, 5)], {"axis": -1}, normal),
    ("argmax", axis(lambda x, **k: torch.argmax(x, **k).double()), [(3, 5)], {"axis": 1}, normal),
    ("argmax", axis(lambda x, **k: torch.argmax(x, **k).double()), [(3, 5)], {}, normal),
    ("cumsum", lambda x, axis=0: torch.cumsum(x, axis), [(7,)], {}, normal),
    ("cumsum", lambda x, axis: torch.cumsum(x, axis), [(3, 5)], {"axis": 0}, normal),
    ("cumsum", lambda x, axis: torch.cumsum(x, axis), [(2, 3, 5)], {"axis": -1}, normal),
]  # fmt: skip

SHAPES: list[Case] = [
    ("stack", lambda *x, axis=0: torch.stack(x, axis), [(3,), (3,)], {}, normal),
    ("stack", lambda *x, axis=0: torch.stack(x, axis), [(3, 5), (3, 5)], {"axis": 2}, normal),
    ("stack", lambda *x, axis=0: torch.stack(x, axis), [(3,), (3,)], {"axis": -1}, normal),
    ("pad", pad, [(3, 5)], {"pad": (1, 2)}, normal),
    ("pad", pad, [(3, 5)], {"pad": (1, 2, 0, 3), "value": 2}, normal),
    ("pad", pad, [(3, 5)], {"pad": (-1, 2)}, normal),
    ("pad", pad, [(5,)], {"pad": (2, 3), "mode": "reflect"}, normal),
    ("pad", pad, [(5,)], {"pad": (5, 1), "mode": "circular"}, normal),
    ("pad", pad, [(5,)], {"pad": (0, 3), "mode": "replicate"}, normal),
    ("pad", pad, [(3, 5)], {"pad": (1, 2, 2, 0), "mode": "reflect"}, normal),
    ("pad", pad, [(3, 5)], {"pad": (1, 2, 2, 0), "mode": "circular"}, normal),
    ("pad", pad, [(3, 5)], {"pad": (1, 2, 2, 0), "mode": "replicate"}, normal),
    ("broadcast", lambda x, *s: torch.broadcast_to(x, s), [(1, 3, 1)], {"*": (2, 3, 5)}, normal),
    ("permute", lambda x, *a: torch.permute(x, a), [(2, 3, 5)], {"*": (1, -1, 0)}, normal),
    ("squeeze", torch.squeeze, [(2, 1, 5)], {}, normal),
    ("squeeze", lambda x, axis: torch.squeeze(x, axis), [(2, 1, 1)], {"axis": -1}, normal),
    ("squeeze", lambda x, axis: torch.squeeze(x, axis), [(2, 3, 1)], {"axis": 1}, normal),
    ("unsqueeze", lambda x, axis: torch.unsqueeze(x, axis), [(2, 3)], {"axis": -2}, normal),
    ("tile", lambda x, *r: torch.tile(x, r), [(2, 3)], {"*": (2,)}, normal),
    ("tile", lambda x, *r: torch.tile(x, r), [(2, 3)], {"*": (2, 3, 1)}, normal),
    ("flip", lambda x, axis: torch.flip(x, axis), [(2, 3, 5)], {"axis": (0, 2)}, normal),
    *(("einsum", lambda *x, equation: torch.einsum(equation, *x), shapes, {"equation": e}, normal)
      for e, shapes in (
          ("ij,jk->ik", [(3, 5), (5, 7)]), ("ij,jk", [(3, 5), (5, 7)]), ("ba", [(3, 5)]),
          ("ii", [(5, 5)]), ("ii->i", [(5, 5)]), ("bij,bjk->bik", [(2, 3, 5), (2, 5, 7)]),
          ("i,j,k->ijk", [(2,), (3,), (5,)]), ("bhqd,bhkd->bhqk", [(2, 3, 5, 2), (2, 3, 7, 2)]),
          ("ij,ij->", [(3, 5), (3, 5)]), ("i,i->i", [(5,), (5,)]), ("ij->j", [(3, 5)]))),
]  # fmt: skip

CASES = [*LINALG, *REDUCTIONS, *SHAPES]


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c[0]}-{k}") for k, c in enumerate(CASES)])
def test_value_and_gradient(case: Case) -> None:
    name, f, shapes, given, domain = case
    rng = np.random.default_rng(zlib.crc32(repr((name, shapes, given)).encode()))
    compare(name, f, [domain(rng, s) for s in shapes], given)


def test_a_product_with_zeros() -> None:
    """No division by the entries: one zero leaves one slope, two leave none."""
    for x in ([2.0, 0.0, 3.0], [0.0, 5.0, 0.0], [0.0]):
        compare("prod", torch.prod, [np.array(x)], {})


def test_equal_entries_have_a_variance() -> None:
    compare("var", lambda x: torch.var(x, correction=0), [np.full(5, 2.0)], {})
