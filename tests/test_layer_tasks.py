"""`after`, `taylor` and `directional` on every layer, loss, attention and cell."""

from __future__ import annotations

import numpy as np
import pytest
from test_layers_in_problems import problem_of

import tutor
from tutor.ops import OPS, Op

NAMES = """
linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d max_pool1d max_pool2d max_pool3d
avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool2d unfold fold batch_norm layer_norm group_norm
instance_norm rms_norm softmax log_softmax logsumexp dropout attention scaled_dot_product_attention
rnn_cell gru_cell lstm_cell mse_loss l1_loss huber_loss cross_entropy nll_loss binary_cross_entropy
binary_cross_entropy_with_logits kl_div hinge_loss multi_margin_loss prelu gelu cumsum
"""


def first_sample(op: Op) -> int:
    """The first whose parameters can be typed, of few axes if there is one."""
    typed = [
        k
        for k, (_, given, _) in enumerate(op.sample)
        if not any(n.startswith(("_", "*")) or "None" in str(v) for n, v in given.items())
    ]
    return min(typed, key=lambda k: len(op.sample[k][0][0]) > 2)


@pytest.mark.parametrize("kind", NAMES.split())
def test_every_layer_in_every_task(kind: str) -> None:
    """A step, what comes after it, the local model and a slope: each is checked by differences."""
    op = OPS[kind]
    text, names = problem_of(op, first_sample(op))
    name = names[0]
    size = op.sample[first_sample(op)][0][0]
    along = f"ones({', '.join(map(str, size))})" if size else "1"
    tasks = (
        f"  - update: {{of: Loss, wrt: {name}, rate: 0.001}}\n    id: u\n"
        f"  - gradient: {{of: Loss, wrt: {name}, after: u}}\n"
        "  - forward: {of: [Loss], after: u}\n"
        f"  - directional: {{of: Loss, wrt: {name}, along: '{along}'}}\n"
    )
    if len(size) < 3:  # a local model is told of numbers, vectors and matrices
        tasks += f"  - taylor: {{of: Loss, wrt: {name}, order: 1}}\n"
    solution = tutor.loads(f"{text}tasks:\n{tasks}").solve().solution
    step, gradient, forward, slope, *model = solution.tasks
    for task in (step, gradient, forward, slope, *model):
        assert task.check is not None and task.check.passed, (task.task, task.check)
    assert gradient.value is not None and slope.value is not None
    before = tutor.loads(f"{text}tasks:\n  - gradient: {{of: Loss, wrt: {name}}}\n").solve()
    (old,) = before.solution.tasks
    assert old.value is not None
    # the slope along ones is the sum of the gradient's entries
    total = float(np.sum(old.value.floats()))
    assert np.isclose(float(slope.value.floats()), total, rtol=1e-9, atol=1e-12)
    # and after the step we stand elsewhere
    assert np.isfinite(gradient.value.floats()).all()


SECOND = ["conv1d", "avg_pool1d", "layer_norm", "softmax", "cross_entropy", "rnn_cell", "mse_loss"]


@pytest.mark.parametrize("name", SECOND)
def test_quadratic_models(name: str) -> None:
    """Of second order, where the arrays are small."""
    op = OPS[name]
    text, (first, *_) = problem_of(op, first_sample(op))
    model = f"tasks:\n  - taylor: {{of: Loss, wrt: {first}, order: 2}}\n"
    (task,) = tutor.loads(text + model).solve().solution.tasks
    assert task.check is not None and task.check.passed
