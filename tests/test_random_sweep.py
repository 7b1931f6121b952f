"""A few hundred programs of the sweep, and the sweep itself under planted faults.

The whole of it: python -m tests.random_sweep --count 5000 --seed 1
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import random_sweep as sweeping

from tutor import ops
from tutor.graph.node import Node, scale

BLOCKS = 8
EACH = 40


@pytest.mark.parametrize("block", range(BLOCKS))
def test_programs(block: int) -> None:
    first = 100_000 + 1_000 * block
    report = sweeping.sweep(range(first, first + EACH), depth=4)
    assert not report.failures
    derived = sum(n for name, n in report.counts.items() if " " in name and "no " not in name)
    assert derived >= EACH - 4  # nothing is skipped in silence
    assert report.counts["printed"] >= EACH // 2
    assert report.counts["typed"] >= EACH // 2


# seeds that once found something, and what
FOUND = {
    85: "a constant whose exact value is too long", 134: "a sum inside a trace",
    168: "a tie between exact numbers", 196: "the slope of a sign", 550: "a result of order 6",
    866: "a transposed product of columns", 1069: "the same in a Kronecker product",
    1116: "the slope of the absolute value of a root", 1669: "the winners of a pool in print",
    3224: "a derivative of a constant", 3318: "a product with zeros",
    4806: "the transposed diagonal of a matrix", 4958: "a condition on a rounded zero",
    13092: "the transposed diagonal once more",
}  # fmt: skip


@pytest.mark.parametrize("seed", FOUND)
def test_found(seed: int) -> None:
    report = sweeping.sweep(range(seed, seed + 1), depth=4)
    assert not report.failures


def test_programs_use_every_kind_of_operation() -> None:
    used: set[str] = set()
    kinds = set()
    for seed in range(900):
        q = sweeping.question(seed, 4)
        kinds.add((q.mode, q.kind))
        for text in q.program.define.values():
            used |= set(re.findall(r"([a-z_0-9]+)\(", text))
    wanted = """inv det logdet solve quad_form tr cholesky kron matrix_power diag tril triu prod var
        std cumsum einsum norm1 norm2 norm_inf frobenius softmax log_softmax logsumexp max where
        maximum conv1d conv2d max_pool2d avg_pool2d concat reshape vec unvec cross_entropy mse_loss
        sigmoid tanh relu"""
    assert set(wanted.split()) <= used
    assert len(kinds) == 9


# -- planted faults -------------------------------------------------------------------------------


def failures(seeds: range) -> str:
    return "\n".join(what for _, what in sweeping.sweep(seeds, depth=3).failures)


def mentioning(name: str) -> list[int]:
    """Seeds whose programs call a function."""
    calls = f"{name}("
    return [
        s for s in range(300) if calls in " ".join(sweeping.question(s, 3).program.define.values())
    ]


@pytest.mark.parametrize("name", ["inv", "logdet", "softmax", "kron", "max"])
def test_a_wrong_rule_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off by one in a thousand. Forward mode uses the same record: only differences can tell."""
    right = ops.KEPT[name].vjp
    assert right is not None

    def wrong(*a: Any) -> Any:
        return tuple(n if n is None else scale(1.001, n) for n in right(*a))

    monkeypatch.setitem(ops.KEPT, name, replace(ops.KEPT[name], vjp=wrong))
    assert any("raw: off by" in failures(range(s, s + 1)) for s in mentioning(name))


def test_a_wrong_forward_mode_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tutor.calculus import forward

    right = forward._factor
    monkeypatch.setattr(forward, "_factor", lambda *a: scale(1.001, right(*a)))
    assert "forward: off by" in failures(range(40))


def test_a_wrong_simplification_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = sweeping.simplify

    def wrong(node: Node) -> Node:
        return scale(1.001, right(node))

    monkeypatch.setattr(sweeping, "simplify", wrong)
    assert "simple: off by" in failures(range(40))


def test_a_lost_transpose_in_print_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = sweeping.text
    monkeypatch.setattr(sweeping, "text", lambda term: right(term).replace(".T", ""))
    report = sweeping.sweep(range(40), depth=3)
    assert len(report.failures) > 5  # a wrong value, or sizes that do not fit


def test_a_lost_bracket_is_noticed_by_both_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    right = sweeping.text
    monkeypatch.setattr(
        sweeping, "text", lambda term: right(term).replace("(", "((").replace(")", ") + 1)", 1)
    )
    assert sweeping.sweep(range(30), depth=3).failures
