"""Products of many factors: the order they are taken in changes the work, never the result."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
import sympy as sp

from tutor.numeric import pairs
from tutor.numeric.contract import contract
from tutor.numeric.order import order, work
from tutor.numeric.relation import Relation

SIZES = {0: 2, 1: 3, 2: 5, 3: 2, 4: 3, 5: 4, 6: 2}
Case = tuple[list[tuple[int, ...]], tuple[int, ...]]


def cases(count: int = 60) -> list[Case]:
    """Random factors over at most seven labels; the result has some of them."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(count):
        factors = [
            tuple(rng.choice(7, size=rng.integers(0, 4), replace=False).tolist())
            for _ in range(rng.integers(2, 7))
        ]
        inside = sorted({x for f in factors for x in f})
        out = tuple(int(x) for x in rng.permutation(inside)[: rng.integers(0, 4)])
        found.append((factors, out))
    return found


def filled(factors: list[tuple[int, ...]], exact: bool) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    whole = [rng.integers(-4, 5, size=[SIZES[x] for x in f]) for f in factors]
    if not exact:
        return [np.asarray(x, dtype=float) for x in whole]
    found = []
    for x in whole:
        array = np.empty(x.shape, dtype=object)
        array[...] = np.vectorize(sp.Integer, otypes=[object])(x) if x.size else x
        found.append(array)
    return found


def by_einsum(arrays: list[np.ndarray], case: Case) -> np.ndarray:
    factors, out = case
    operands: list[object] = []
    for array, labels in zip(arrays, factors, strict=True):
        operands += [np.asarray(array, dtype=float), list(labels)]
    return np.einsum(*operands, list(out))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("case", cases(), ids=str)
def test_any_order_gives_the_same_sum(case: Case, exact: bool) -> None:
    factors, out = case
    arrays = filled(factors, exact)
    got = contract(list(zip(arrays, factors, strict=True)), [], out, dict(SIZES), exact)
    assert np.array_equal(np.asarray(got, dtype=float), by_einsum(arrays, case))
    if exact:
        assert got.dtype == object


def test_a_label_summed_too_early_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above has teeth: an order that drops an axis gives other numbers."""
    right = pairs.order

    def hasty(*args: object) -> list:
        (i, j, keep), *rest = right(*args)  # type: ignore[arg-type]
        return [(i, j, keep[:-1]), *rest]

    monkeypatch.setattr(pairs, "order", hasty)
    case: Case = ([(0, 1), (1, 2), (2, 3)], (0, 3))
    arrays = filled(case[0], False)
    try:
        got = contract(list(zip(arrays, case[0], strict=True)), [], (0, 3), dict(SIZES), False)
    except (ValueError, IndexError, KeyError):
        return
    assert not np.array_equal(got, by_einsum(arrays, case))


def cost(factors: list[tuple[int, ...]], out: tuple[int, ...], size: dict[int, int]) -> int:
    todo, total = list(factors), 0
    for i, j, keep in order(factors, out, size):
        total += prod(size[x] for x in {*todo[i], *todo[j]})
        todo = [*(x for k, x in enumerate(todo) if k not in (i, j)), keep]
    return total + prod(size[x] for x in {x for f in todo for x in f})


def test_a_chain_is_not_multiplied_all_at_once() -> None:
    n = 100
    chain, size = [(0, 1), (3, 4), (1, 2), (2, 3)], dict.fromkeys(range(5), n)
    assert cost(chain, (0, 4), size) == 3 * n**3
    assert work([(None, labels) for labels in chain], [], (0, 4), size) == 3 * n**3
    ends = [(0, 1), (1, 2), (2, 3), (3,)]
    assert cost(ends, (0,), size) == 3 * n**2  # from the right, vector by vector


def test_an_unlucky_order_of_factors_is_no_reason_to_refuse() -> None:
    """Three matrices of a thousand rows, the outer two first: 10¹² as they stand, 2·10⁹ in fact."""
    size = dict.fromkeys(range(4), 1000)
    assert work([(None, (0, 1)), (None, (2, 3)), (None, (1, 2))], [], (0, 3), size) == 2 * 10**9


def test_relations_count_once() -> None:
    """A convolution of 100 entries by 9: one multiply-add for each place of each window."""
    size = {0: 92, 1: 9, 2: 100}
    windows = Relation((1, 1, -1), 0, (0, 1, 2))
    assert work([(None, (2,)), (None, (1,))], [windows], (0,), size) == 92 * 9
