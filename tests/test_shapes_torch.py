"""Every shape rule against PyTorch's or NumPy's: both refuse, or both give the same shape."""

from __future__ import annotations

import random
import zlib
from collections import Counter

import pytest

pytest.importorskip("torch")

from tests.shape_kinds import KINDS, Call, Kind, paper
from tutor.errors import InputError
from tutor.graph.node import var
from tutor.ops import OPERATORS, OPS
from tutor.ops.base import Val

TIMES = 90  # argument sets of each kind; 90 × 57 kinds are about five thousand

# Where ours means to differ, and why: what the kinds' `except_` may answer.
EXCEPTIONS = {
    "neither operand has the size of the result": "x + y.T of two vectors is refused on paper",
    "an index has one size": "NumPy repeats an axis of size 1 under any letter, a sum does not",
    "a column may be given for n×1": "vectors are columns, so they have two axes if asked for two",
    "padding may make up for a small input, as in one and two dimensions":
        "torch's own avg_pool1d and avg_pool2d take it",
    "a bias has one entry for each output": "torch's documentation says so; it adds what it can",
    "one number is compared with every entry": "torch warns, but a scalar goes with anything here",
    "kl_div has the rule of the other losses": "torch repeats what it warns of elsewhere",
    "probabilities have the size of the scores": "only the numbers tell them from indices",
    "the trace of a matrix that is not square is refused": "torch sums its main diagonal",
    "nothing is left after the padding is cut away": "an array without entries has no derivative",
}  # fmt: skip


def ours(kind: Kind, c: Call) -> tuple[int, ...] | None:
    op = OPERATORS.get(kind.op) or OPS[kind.op]
    vals = [Val(var(f"x{k}", s)) for k, s in enumerate(c.shapes)]
    try:
        result = op.apply(vals, c.rest, c.more or {})
    except InputError:
        return None
    return tuple(result.shape)


def theirs(kind: Kind, c: Call) -> tuple[int, ...] | None:
    try:
        return kind.judge(c)
    except (RuntimeError, ValueError, IndexError, TypeError):
        return None


def outcome(kind: Kind, c: Call) -> str:
    """agree | refuse | the reason of an exception | DIFFERENT …"""
    a, b = ours(kind, c), theirs(kind, c)
    if a == b:
        return "refuse" if a is None else "agree"
    if a is not None and b is not None and paper(a) == paper(b):
        return "agree"  # n×1 is a column, 1×1 a number
    why = kind.except_(c)
    if why is not None:
        return why
    return f"DIFFERENT {kind.op} {c}: ours {a}, theirs {b}"


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: f"{k.op}{k.label}")
def test_same_shape_or_both_refuse(kind: Kind) -> None:
    rng = random.Random(zlib.crc32(f"{kind.op}{kind.label}".encode()))
    found = Counter(outcome(kind, kind.draw(rng)) for _ in range(TIMES))
    assert [x for x in found if x.startswith("DIFFERENT")] == []
    assert found["agree"] >= TIMES // 5  # the judge was not just refusing
    assert set(found) <= {"agree", "refuse", *EXCEPTIONS}


def test_errors_are_among_them() -> None:
    """Both sides refuse a good part of the sets, or the test above would say little."""
    rng = random.Random(7)
    found = Counter(outcome(k, k.draw(rng)) for k in KINDS for _ in range(20))
    assert found["refuse"] > 100 and found["agree"] > 400


def test_a_wrong_rule_is_seen() -> None:
    """Planted faults: a judge that is off by one, and one that accepts everything."""
    for kind in KINDS:
        rng = random.Random(3)
        off = Kind(kind.op, kind.draw, lambda c, k=kind: (*k.judge(c), 9), kind.except_)
        found = [outcome(off, off.draw(rng)) for _ in range(30)]
        assert any(x.startswith("DIFFERENT") for x in found), kind.op
    product = next(k for k in KINDS if k.op == "@")
    lax = Kind("@", product.draw, lambda c: (1,), product.except_)
    rng = random.Random(3)
    assert any(outcome(lax, lax.draw(rng)).startswith("DIFFERENT") for _ in range(30))


def test_every_exception_is_met() -> None:
    """The table does not keep what is no longer so."""
    met = set()
    for kind in KINDS:
        rng = random.Random(11)
        times = 600 if kind.op == "einsum" else 150  # its exceptions are rare
        met |= {outcome(kind, kind.draw(rng)) for _ in range(times)}
    unused = EXCEPTIONS.keys() - met
    assert unused == set(), unused
