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


# What a course names: the contract's list of functions, by family.
CONTRACT = """
exp log log1p sqrt sin cos tan asin acos atan sinh cosh tanh abs sign erf sigmoid relu leaky_relu
prelu elu selu gelu silu mish hardsigmoid hardswish softplus softsign logsigmoid square reciprocal
clip maximum minimum where
tr det logdet inv solve cholesky outer dot kron vec unvec vech diag norm1 norm2 norm_inf frobenius
quad_form eye transpose hadamard commutation duplication elimination
sum mean max min argmax prod var std logsumexp cumsum
reshape flatten concat stack pad homogeneous broadcast einsum permute squeeze unsqueeze tile flip
linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d max_pool1d max_pool2d max_pool3d
avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool2d unfold fold batch_norm layer_norm group_norm
instance_norm rms_norm softmax log_softmax embedding dropout attention
scaled_dot_product_attention rnn_cell gru_cell lstm_cell
mse_loss l1_loss huber_loss cross_entropy nll_loss binary_cross_entropy
binary_cross_entropy_with_logits kl_div hinge_loss multi_margin_loss
"""


def test_no_operation_of_the_contract_is_missing() -> None:
    """Each has a row, compared with SymPy, PyTorch or both, with differences and exactly."""
    found = compared.counts()
    from test_gradients_sympy import CONSTANT

    for name in CONTRACT.split():
        assert name in found, name
        sympy_, torch_, _, differences, forward, exact = found[name]
        if name in CONSTANT:
            continue
        assert (sympy_ or torch_) and differences and forward and exact, name
