"""Arguments as torch and NumPy spell them; what cannot be meant is one message."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tutor.cli
from tutor import load
from tutor.api import loads
from tutor.errors import InputError

GIVEN = """
  v: [1, 2, 4]
  s: 2
  M: [[1, 2], [3, 5]]
  N: [[1, 0], [2, 1]]
  X: [[[1, 2], [3, 4]], [[5, 6], [7, 9]]]
  T: [0, 1]
  k: [1, -1]
  Y: reshape(arange(24), 1, 2, 3, 4)
  K: reshape(arange(18), 2, 1, 3, 3)
  I: reshape(arange(25), 1, 5, 5)
"""


def value(formula: str, folder: Path) -> Any:
    file = folder / "p.yaml"
    file.write_text(f"given:{GIVEN}\ndefine: {{y: '{formula}'}}\ntasks: [{{forward: {{of: y}}}}]\n")
    solved = load(file).solve()
    assert not solved.solution.failed
    return solved["y"].value


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("concat([M, N], 1)", "concat(M, N, axis=1)"),
        ("concat([M, N], -1)", "concat(M, N, axis=1)"),
        ("stack([v, v], 1)", "stack(v, v, axis=1)"),
        ("flatten(X, 1)", "reshape(X, 2, 4)"),
        ("flatten(X, start_dim=0, end_dim=1)", "reshape(X, 4, 2)"),
        ("flatten(Y, 1, -2)", "reshape(Y, 1, 6, 4)"),
        ("mse_loss(input=v, target=2*v)", "mse_loss(v, 2*v)"),
        ("cross_entropy(input=M, target=T)", "cross_entropy(M, T)"),
        ("linear(input=M, weight=N, bias=k)", "linear(M, N, k)"),
        ("conv2d(input=I, weight=K, padding=1)", "conv2d(I, K, padding=1)"),
        ("softmax(input=v, dim=0)", "softmax(v)"),
        ("clip(v, a_min=0, a_max=3)", "clip(v, 0, 3)"),
        ("clamp(v, min=2)", "clip(v, min=2)"),
        ("flip(v, dims=[0])", "flip(v, axis=0)"),
        ("permute(X, dims=(1, 0, 2))", "permute(X, 1, 0, 2)"),
        ("reshape(M, shape=(4, 1))", "reshape(M, 4, 1)"),
        ("tile(M, reps=(2, 1))", "tile(M, 2, 1)"),
        ("var(v, ddof=1)", "var(v, correction=1)"),
        ("maximum(input=M, other=N)", "maximum(M, N)"),
        ("logsumexp(M)", "log(sum(exp(M)))"),
        ("logsumexp(X, dim=(0, 2), keepdim=True)", "log(sum(exp(X), axis=(0, 2), keepdims=True))"),
    ],
)
def test_their_spelling_means_ours(theirs: str, ours: str, tmp_path: Path) -> None:
    np.testing.assert_allclose(value(theirs, tmp_path), value(ours, tmp_path), rtol=1e-12)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("eye(-1)", "a size must be at least 1"),
        ("zeros(-1)", "a size must be at least 1"),
        ("broadcast(v, 3, -1)", "a size must be at least 1"),
        ("duplication(-1)", "a size must be at least 1"),
        ("commutation(2, -1)", "a size must be at least 1"),
        ("zeros(None)", "a size is one number"),
        ("tile(M, [1, [2]], 2)", "a size is one number"),
        ("reshape(M, (2, 2), (2, 2))", "a size is one number"),
        ("adaptive_avg_pool2d(X, (1, 2, 3))", "one for each of the two axes"),
        ("concat(M, axis=(0, 1))", "one axis"),
        ("cumsum(M, axis=(0, 1))", "one axis"),
        ("softmax(M, axis=(0, 1))", "one axis"),
        ("masked_softmax(M, N, [0, 1])", "one axis"),
        ("stack(M, M, axis=None)", "`axis` of `stack` cannot be None"),
        ("hadamard(M, None)", "`b` of `hadamard` cannot be None"),
        ("where(v > 0, None, 2)", "`a` of `where` cannot be None"),
        ("dropout(v, None, v)", "`p` of `dropout` cannot be None"),
        ("softmax(v, dim=0, axis=0)", "`axis` is given twice"),
        ('max_pool2d(I, 2, padding="same")', "a number here, not a word"),
        ("flatten(X, 2, 1)", "there is no such part"),
        ("mse_loss(v, v, target=v)", "given twice"),
        ("relu(v, target=v)", "has no argument `target`"),
    ],
)
def test_what_cannot_be_meant_is_one_message(formula: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        value(formula, tmp_path)


@pytest.mark.parametrize("formula", ["transpose(s)", "logsumexp([1000, 1001])"])
def test_it_is_solved(formula: str, tmp_path: Path) -> None:
    assert value(formula, tmp_path)


def test_a_slip_in_a_name_of_two_letters_has_a_suggestion(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("given: {yz: 1}\ndefine: {L: 2*yy}\ntasks: [forward]\n")
    with pytest.raises(InputError, match="did you mean `yz`"):
        load(file)


def test_a_fault_of_ours_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Planted fault: what nobody foresaw is no traceback, and not the status of a wrong answer."""

    def broken(*_: object) -> None:
        raise ValueError("too many \x1b[31mvalues")

    monkeypatch.delenv("TUTOR_TRACEBACK", raising=False)
    monkeypatch.setattr(tutor.cli, "guarded", broken)
    monkeypatch.setattr(sys, "argv", ["tutor", "solve", "x.yaml"])
    with pytest.raises(SystemExit) as stopped:
        tutor.cli.main()
    said = capsys.readouterr().err
    assert stopped.value.code == 4
    assert "a fault of tutor" in said and "ValueError" in said and "report it" in said
    assert "Traceback" not in said and "\x1b" not in said
    monkeypatch.setenv("TUTOR_TRACEBACK", "1")
    with pytest.raises(ValueError):
        tutor.cli.main()


@pytest.mark.parametrize(
    ("expr", "want"),
    [("max_pool2d(Z, 2, 1, padding=[[1, 0], [0, 1]])", [[2, 2], [4, 4]]),
     ("avg_pool2d(Z, 2, 1, padding=[[1, 0], [0, 1]])", [[0.75, 0.5], [2.5, 1.5]]),
     ("conv2d(Z, eye(2), padding=[[1, 0], [0, 1]])", [[2, 0], [5, 2]])],
)  # fmt: skip
def test_padding_of_both_ends_of_every_axis(expr: str, want: list[list[float]]) -> None:
    text = f"given:\n  Z: [[1, 2], [3, 4]]\ntasks:\n  - evaluate: {{expr: '{expr}'}}\n"
    value = loads(text).solve().tasks[0].value
    assert value is not None and value.numbers() == want
