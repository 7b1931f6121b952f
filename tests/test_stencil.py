"""`stencil`: known kernels, exactness, the order of the error, and planted faults."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as Q
from math import factorial
from typing import Any

import pytest

from tutor.errors import InputError, Where
from tutor.expr import Binary, Neg, Num
from tutor.notation.text import text
from tutor.problem.model import Convention, Problem, Task
from tutor.render.json import plain
from tutor.tasks import stencil
from tutor.tasks.stencil_kernel import (
    cross,
    kernel,
    moment,
    observed_order,
    polynomial_error,
    solve_moments,
)

HERE = Where("file.yaml", 1, 1, "")


def solve(
    derivative: Any,
    accuracy: Any = None,
    dims: Any = 1,
    side: str = "central",
    conv: str = "correlation",
    **task: Any,
):
    args = {"derivative": derivative, "accuracy": accuracy, "dims": dims, "side": side}
    problem = Problem("", None, None, (), Convention(conv=conv), {}, (), None, ())
    return stencil.solve(problem, Task("1", "stencil", args, HERE, **task))


# derivative, accuracy, side: kernel, order, coefficient of the leading error
KNOWN = [
    (1, None, "central", "-1/2 0 1/2", 2, "1/6"),
    (1, 4, "central", "1/12 -2/3 0 2/3 -1/12", 4, "-1/30"),
    (2, None, "central", "1 -2 1", 2, "1/12"),
    (2, 4, "central", "-1/12 4/3 -5/2 4/3 -1/12", 4, "-1/90"),
    (3, None, "central", "-1/2 1 0 -1 1/2", 2, "1/4"),
    (4, 2, "central", "1 -4 6 -4 1", 2, "1/6"),
    (1, 3, "central", "1/12 -2/3 0 2/3 -1/12", 4, "-1/30"),  # an odd accuracy is exceeded
    (1, 1, "central", "-1/2 0 1/2", 2, "1/6"),
    (1, None, "forward", "-1 1", 1, "1/2"),
    (1, None, "backward", "-1 1", 1, "-1/2"),
    (1, 2, "forward", "-3/2 2 -1/2", 2, "-1/3"),
    (1, 2, "backward", "1/2 -2 3/2", 2, "-1/3"),
    (2, None, "forward", "1 -2 1", 1, "1"),
    (2, 2, "forward", "2 -5 4 -1", 2, "-11/12"),
    (3, None, "backward", "-1 3 -3 1", 1, "-3/2"),
]


@pytest.mark.parametrize(("derivative", "accuracy", "side", "weights", "order", "error"), KNOWN)
def test_known_kernels(derivative, accuracy, side, weights, order, error):
    result = solve(derivative, accuracy, side=side)
    assert result.extra["kernel"] == weights.split()
    assert result.extra["order"] == order
    assert result.extra["error"] == {"coefficient": error, "derivative": derivative + order}
    assert result.extra["minimal_size"] == derivative + 1
    assert result.check is not None and result.check.passed and result.check.max_rel_error == 0
    assert result.value is not None
    assert result.value.shape == result.shape == (len(weights.split()),)


def test_the_laplacian_is_the_sum_of_two_second_derivatives():
    result = solve(2, dims=2)
    assert result.extra["kernel"] == [["0", "1", "0"], ["1", "-4", "1"], ["0", "1", "0"]]
    assert result.extra["minimal_size"] == 3 and result.dims == "3×3"
    assert result.check is not None and result.check.passed
    wide = solve(2, 4, 2)
    assert wide.extra["kernel"][2] == ["-1/12", "4/3", "-5", "4/3", "-1/12"]
    assert [row[2] for row in wide.extra["kernel"]] == wide.extra["kernel"][2]
    one_sided = solve(2, 1, 2, "forward")
    assert one_sided.extra["kernel"] == [["2", "-2", "1"], ["-2", "0", "0"], ["1", "0", "0"]]
    assert wide.check and wide.check.passed and one_sided.check and one_sided.check.passed


def test_every_small_kernel_is_exact_of_its_order_and_no_shorter_one_exists():
    for side in ("central", "forward", "backward"):
        for derivative in range(1, 5):
            for accuracy in range(1, 5):
                k = kernel(derivative, accuracy, side)
                assert k.order >= accuracy
                for m in range(derivative + k.order):
                    wanted = factorial(derivative) if m == derivative else 0
                    assert k.moment(m) == wanted
                assert polynomial_error(k) == 0
                last = derivative + k.order  # the first power that it gets wrong
                assert k.moment(last) == k.error * factorial(last) != 0
                shorter = k.nodes[1:-1] if side == "central" else k.nodes[:-1]
                if side == "backward":
                    shorter = k.nodes[1:]
                if len(shorter) > derivative:
                    weights = solve_moments(shorter, derivative)
                    beyond = range(derivative + 1, derivative + accuracy)
                    assert any(moment(shorter, weights, m) for m in beyond)


def test_fewer_than_d_plus_one_entries_cannot_work():
    """d nodes: the moments below d vanish only for zero weights."""
    for derivative in range(1, 6):
        nodes = range(derivative)
        weights = solve_moments(nodes, derivative)  # the right-hand side is out of reach: all 0
        assert set(weights) == {0}
        assert len(kernel(derivative, 1, "forward").nodes) == derivative + 1


def test_the_order_is_observed_on_a_sine():
    for derivative, accuracy, side in ((1, 2, "central"), (2, 3, "forward"), (5, 2, "central")):
        k = kernel(derivative, accuracy, side)
        assert abs(observed_order(k) - k.order) < 0.1


# --- steps ---------------------------------------------------------------------------------------


def test_the_steps_lead_from_the_ansatz_to_the_kernel():
    result = solve(2)
    shown = [" = ".join(text(e) for e in s.equation) for s in result.steps]
    assert "S = c[-1] * f(x - h) + c[0] * f(x) + c[1] * f(x + h)" in shown
    assert [s for s in shown if s.startswith("M[")] == [
        "M[0] = c[-1] + c[0] + c[1] = 0",
        "M[1] = -c[-1] + c[1] = 0",
        "M[2] = c[-1] + c[1] = 2",
    ]
    assert "[c[-1], c[0], c[1]] = [1, -2, 1]" in shown
    assert "D**2 * f(x) = (f(x - h) - 2 * f(x) + f(x + h)) / h**2 + O(h**2)" in shown
    assert "n_min = 2 + 1 = 3" in shown
    for step in result.steps:
        for words in (step.title, step.why):
            assert words is None or plain(words)


@pytest.mark.parametrize(
    ("derivative", "side", "words"),
    [
        (1, "central", "changes the sign"),
        (2, "central", "it stays the same"),
        (1, "forward", "changes the sign"),
        (3, "backward", "changes the sign"),
    ],
)
def test_the_convention_is_said(derivative, side, words):
    last = solve(derivative, side=side).steps[-1]
    assert last.kind == "note" and last.why is not None and words in plain(last.why)


def test_true_convolution_flips_the_kernel():
    assert solve(1, conv="convolution").extra["kernel"] == ["1/2", "0", "-1/2"]
    flipped = solve(2, 1, 2, "forward", "convolution")
    assert flipped.extra["kernel"] == [["0", "0", "1"], ["0", "0", "-2"], ["1", "-2", "2"]]


# --- answers and errors --------------------------------------------------------------------------

HALF = Binary("/", Num("1"), Num("2"))


@pytest.mark.parametrize(
    ("answer", "correct", "note"),
    [
        ((Neg(HALF), Num("0"), HALF), True, None),
        ((Neg(Num("0.5")), Num("0"), Num("0.5")), True, None),
        ((HALF, Num("0"), Neg(HALF)), False, "flipped"),
        ((Neg(Num("1")), Num("0"), Num("1")), False, "multiple"),
        ((Neg(Num("1")), Num("1")), False, None),
        ((Neg(Num("1")), Num("1"), Num("1")), False, None),
        ({"minimal_size": Num("2"), "order": Num("2")}, True, None),
        ({"minimal_size": Num("3")}, False, None),
    ],
)
def test_answers(answer, correct, note):
    result = solve(1, answer=answer, answer_json="…").answer
    assert result is not None and result.correct is correct
    assert (result.note is None) if note is None else (result.note and note in plain(result.note))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0,), "`derivative` is 0"),
        ((1, 0), "`accuracy` is 0"),
        ((True,), "`derivative` is True"),
        ((1, 2, 2), "`dims: 2` is the Laplacian"),
        ((2, 2, 3), "`dims` is 3"),
        ((1, 2, 1, "centre"), "`side` is `centre`"),
        ((20, 20), "more than 25 entries"),
    ],
)
def test_errors(arguments, words):
    with pytest.raises(InputError, match=words):
        solve(*arguments)


def test_an_unknown_result_is_suggested():
    with pytest.raises(InputError) as error:
        solve(1, answer={"kernl": Num("1")})
    assert error.value.hint == "did you mean `kernel`?"


# --- the check can fail --------------------------------------------------------------------------


def test_the_check_finds_wrong_weights_and_a_wrong_order():
    good = kernel(2, 2, "central")
    assert stencil.recheck(good, None).passed
    wrong = replace(good, coefficients=(Q(1), Q(-2), Q(1, 2)))
    assert not stencil.recheck(wrong, None).passed
    boastful = replace(good, order=4)
    assert not stencil.recheck(boastful, None).passed
    modest = replace(good, order=1)
    assert not stencil.recheck(modest, None).passed


def test_the_check_finds_a_wrong_plane():
    good = kernel(2, 2, "central")
    plane = [list(row) for row in cross(good)]
    assert stencil.recheck(good, plane).passed
    plane[0][0] += 1
    check = stencil.recheck(good, plane)
    assert not check.passed and check.max_rel_error > 0
