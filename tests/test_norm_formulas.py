"""Normalisations of images and sequences: gradients and local Jacobians as formulas."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tutor
from tutor.expr import Name
from tutor.notation import entrywise
from tutor.notation.text import text
from tutor.steps import Solution, Step
from tutor.tasks import gradient

CALLS = [
    ((3, 2, 5), "batch_norm(x)", None),
    ((2, 3, 5, 2), "batch_norm(x, weight=gamma)", 3),
    ((2, 3, 5, 2), "batch_norm(x, weight=gamma, eps=1/10)", 3),
    ((2, 3, 5, 2), "instance_norm(x)", None),
    ((2, 3, 2, 5), "instance_norm(x, weight=gamma)", 3),
    ((2, 3, 5), "layer_norm(x, weight=gamma)", 5),
    ((2, 3, 5), "layer_norm(x, [3, 5])", None),
    ((3, 2, 5), "rms_norm(x)", None),
]


def solved(shape: tuple[int, ...], call: str, channels: int | None, loss: str) -> Solution:
    sizes = ", ".join(map(str, shape))
    weight = f"  gamma: randint({channels}, low=1, high=4, seed=9)\n" if channels else ""
    wrt = "[x, gamma]" if channels else "x"
    return (
        tutor.loads(
            f"given:\n  x: randint({sizes}, low=-3, high=4, seed=3)\n"
            f"  W: randint({sizes}, low=-3, high=4, seed=5)\n{weight}"
            f"define:\n  y: {call}\n  L: {loss}\ntasks:\n  - gradient: {{of: L, wrt: {wrt}}}\n"
        )
        .solve()
        .solution
    )


def step(solution: Solution, name: str) -> Step:
    return next(s for t in solution.tasks for s in t.steps if s.id == name)


@pytest.mark.parametrize(("shape", "call", "channels"), CALLS)
@pytest.mark.parametrize("loss", ["sum(W*y)", "sum(W*y**2)"])
def test_against_torch(shape: tuple[int, ...], call: str, channels: int | None, loss: str) -> None:
    """The values are PyTorch's; a formula that is printed, typed again, gives them as well."""
    torch = pytest.importorskip("torch")
    solution = solved(shape, call, channels, loss)
    given = {n: v.value.floats() for n, v in solution.variables.items() if v.value is not None}
    tensors = {
        n: torch.tensor(np.array(given[n]), requires_grad=True)
        for n in ("x", "W", "gamma")
        if n in given
    }
    x, w = tensors["x"], tensors.get("gamma")
    eps = 0.1 if "eps" in call else 1e-5
    functional = torch.nn.functional
    if call.startswith("batch"):
        y = functional.batch_norm(x, None, None, w, training=True, eps=eps)
    elif call.startswith("instance"):
        y = functional.instance_norm(x, weight=w, eps=eps)
    elif call.startswith("layer"):
        y = functional.layer_norm(x, [3, 5] if "[" in call else [5], w, eps=eps)
    else:
        y = functional.rms_norm(x, [5], eps=0.0)
    (tensors["W"] * (y if loss == "sum(W*y)" else y**2)).sum().backward()
    for task in solution.tasks:
        assert task.value is not None and task.check is not None
        expected = tensors[task.subject["wrt"]].grad
        np.testing.assert_allclose(task.value.floats(), expected.numpy(), rtol=1e-9, atol=1e-10)
        assert task.check.passed and task.formula is not None, call


def test_the_gradient_of_an_image_is_a_formula() -> None:
    (task,) = solved((3, 2, 5), "batch_norm(x)", None, "sum(W*y)").tasks
    assert task.formula is not None
    assert text(task.formula) == (
        "(W - mean(W, axis=[0, 2], keepdims=True) - batch_norm(x) * mean(W * batch_norm(x), "
        "axis=[0, 2], keepdims=True)) * reshape(1 / sqrt(var(x, axis=[0, 2]) + 1/100000), 2, 1)"
    )


def test_the_local_derivative_and_the_paths_are_formulas() -> None:
    solution = solved((2, 3, 1, 2), "batch_norm(x, weight=gamma)", 3, "sum(W*y)")
    local = text(step(solution, "local.y.x").equation[1])
    assert "gamma[j] * delta[i, l] * delta[j, m] * delta[k, n]" in local
    assert text(step(solution, "path.x.hat").equation[1]) == "dL/dy * reshape(gamma, 3, 1, 1)"
    whole = step(solution, "together.x")
    assert text(whole.equation[1]).startswith("(m * dL/dx_hat - sum(dL/dx_hat, axis=[0, 2, 3]")
    assert "m == 4" in text(whole.why.args["m"])  # type: ignore[union-attr, arg-type]


def test_words_over_numbers_say_so() -> None:
    """`Everything written out` stands over letters only."""
    chain: Any = SimpleNamespace(wrt=SimpleNamespace(name="x", dims="4×4"), final=None)
    assert "numbers" in gradient._written_out(chain, "gradient", None).message
    assert "Everything" in gradient._written_out(chain, "gradient", Name("x")).message


def test_a_reshape_takes_no_axis_that_another_factor_needs() -> None:
    """Groups: the deviation is one per group, so the groups cannot be joined before it is used."""
    (task,) = solved((2, 4, 3), "group_norm(x, 2)", None, "sum(W*y**2)").tasks
    assert task.check is not None and task.check.passed
    if task.formula is not None:
        assert "sum(1 / sqrt" not in text(task.formula)


def test_a_wrong_axis_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A factor laid along another axis: the printed formula gives other numbers."""
    laid = entrywise._laid

    def astray(item, out, sizes):  # type: ignore[no-untyped-def]
        found = laid(item, out, sizes)
        if getattr(found.term, "func", "") == "reshape":
            term = found.term
            return entrywise.Laid(
                type(term)(term.func, (term.args[0], *term.args[:0:-1])), found.labels
            )
        return found

    monkeypatch.setattr(entrywise, "_laid", astray)
    (task,) = solved((5, 2, 2), "batch_norm(x)", None, "sum(W*y)").tasks
    assert task.check is not None and task.check.passed is False
