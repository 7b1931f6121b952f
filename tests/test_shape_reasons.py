"""Why a result has its size: each operation says it, and what it says is so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_operations import apply, operands

from tutor import load
from tutor.ops import EVERY, Op
from tutor.ops.base import SAME_SIZE
from tutor.render.json import json as to_json

SAMPLES = [
    pytest.param(op, k, id=f"{op.name}-{k}")
    for op in EVERY
    for k in range(len(op.sample))
    if op.expand is None
]
FORMULAS = ("conv", "max_pool", "avg_pool")  # these say it with the formula of a window


@pytest.mark.parametrize(("op", "k"), SAMPLES)
def test_no_operation_claims_a_size_that_it_does_not_have(op: Op, k: int) -> None:
    vals, _, _, given = operands(op, k)
    y, _ = apply(op, vals, given)
    if op.size is None and not op.reduces and not op.name.startswith(FORMULAS) and y.shape:
        # on paper a vector is a column, and goes with the columns of a matrix
        column = max(v.order for v in vals) == 2
        sizes = [(*v.shape, 1) if column and len(v.shape) == 1 else v.shape for v in vals]
        assert y.shape == vals[0].shape or y.shape == np.broadcast_shapes(*sizes)
    if op.size == SAME_SIZE:
        assert y.shape == vals[0].shape
    if op.reduces:
        assert y.order <= vals[0].order


def told(tmp_path: Path, given: str, formula: str) -> str:
    file = tmp_path / "p.yaml"
    file.write_text(f"given: {{{given}}}\ndefine: {{y: '{formula}'}}\ntasks: [shapes]\n")
    solved = load(file).solve()
    data = json.loads(to_json(solved.solution))
    assert data["tasks"][0]["check"]["passed"]
    return str(data["tasks"][0]["of"]["y"]["why"])


@pytest.mark.parametrize(
    ("given", "formula", "why"),
    [
        ("A: 'matrix(3, 5)', b: vector(5)", "A + b.T", "b.T is a row: it goes with each of the 3"),
        ("A: 'matrix(m, n)', b: vector(m)", "A * b", "b is a column: it goes with each of the n"),
        ("A: 'tensor(2, 3, 5)', b: 'matrix(3, 5)'", "A - b", "b is repeated along the axes"),
        ("A: 'matrix(3, 5)', b: scalar", "A * b", "Entry by entry, so the size stays."),
        ("A: 'matrix(3, 5)'", "sum(A, axis=0)", "One number for each column."),
        ("A: 'matrix(3, 5)'", "mean(A, axis=1)", "One number for each row."),
        ("A: 'tensor(2, 3, 5)'", "max(A, axis=1)", "The axis that is taken together disappears"),
        ("A: 'matrix(3, 5)'", "sum(A)", "A number."),
        ("a: vector(3)", "a.T @ a", "1×3 times 3×1: the inner sizes match"),
        ("A: 'matrix(3, 3)'", "A @ A", "3×3 times 3×3: the inner sizes match"),
        ("A: 'matrix(m, n)'", "vec(A)", "All m·n entries of a m×n matrix in one column."),
        ("A: 'matrix(3, 4)'", "flatten(A)", "The same 12 entries, read row by row."),
    ],
)
def test_what_is_said(given: str, formula: str, why: str, tmp_path: Path) -> None:
    assert told(tmp_path, given, formula).startswith(why)


def test_a_false_claim_is_seen() -> None:
    """Planted fault: a transpose that would say that the size stays."""
    from dataclasses import replace

    swapped = next(op for op in EVERY if op.name == "transpose")
    with pytest.raises(AssertionError):
        test_no_operation_claims_a_size_that_it_does_not_have(replace(swapped, size=SAME_SIZE), 0)
