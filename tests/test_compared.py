"""The page about comparisons says what the tests do."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import compared


def test_the_page_is_up_to_date() -> None:
    text = compared.PAGE.read_text(encoding="utf-8")
    assert text == compared.page(text), "run `python -m tests.compared --write`"


def test_every_operation_has_a_second_opinion() -> None:
    """Central differences for each, and SymPy or PyTorch as well; constants have no derivative."""
    from test_gradients_sympy import CONSTANT

    for name, (sympy_, torch_, _, differences, *_) in compared.counts().items():
        assert differences or name in CONSTANT | {"copy"}, name  # copy: `b: a`, nothing to draw
        assert sympy_ or torch_ or name in CONSTANT, name


def test_a_missing_case_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    import test_gradients_torch

    text = compared.PAGE.read_text(encoding="utf-8")
    monkeypatch.setattr(test_gradients_torch, "CASES", test_gradients_torch.CASES[1:])
    assert compared.page(text) != text
