"""Normalisations, cross-entropy, attention and recurrences worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tutor
from tutor.expr import Partial, walk
from tutor.notation.text import text
from tutor.render.json import plain
from tutor.steps import Solution, Step
from tutor.tasks import norm_paths, over_time, scores, transposed_entry
from tutor.value import Value


def solved(given: str, define: str, wrt: str) -> Solution:
    source = f"given: {{{given}}}\ndefine:\n{define}tasks:\n  - gradient: {{of: L, wrt: {wrt}}}\n"
    return tutor.loads(source).solve().solution


def steps(solution: Solution, start: str) -> list[Step]:
    return [s for t in solution.tasks for s in t.steps if s.id.startswith(start)]


def value(e: object) -> np.ndarray:
    """The numbers of a term that is a list, or a sum or difference of lists."""
    from tutor.problem.values import evaluate

    return np.asarray(Value(evaluate(e).data).floats())  # type: ignore[arg-type]


BATCH = "X: [[1, 2], [3, 1], [2, 6]], g: [1, 2], b: [0, 1], R: [[1, 0], [0, 1], [2, 1]]"


@pytest.mark.parametrize(
    ("given", "define", "paths"),
    [
        (BATCH, '  Y: batch_norm(X, weight=g, bias=b, eps=0)\n  L: sum(R*Y)\n', 3),
        (BATCH, '  Y: batch_norm(X)\n  L: sum(R*Y)\n', 3),
        (BATCH, '  Y: layer_norm(X, [2], g, b)\n  L: sum(R*Y)\n', 3),
        (BATCH, '  Y: rms_norm(X, [2], g)\n  L: sum(R*Y)\n', 2),
        ("X: [1, 2, 6], r: [1, 0, 2]", '  Y: layer_norm(X, eps=0)\n  L: r.T@Y\n', 3),
        (
            'X: "randint(2, 2, 2, low=-3, high=3, seed=3)", '
            'R: "randint(2, 2, 2, low=-3, high=3, seed=4)"',
            '  Y: instance_norm(X)\n  L: sum(R*Y)\n',
            3,
        ),
    ],
)  # fmt: skip
def test_paths_of_a_normalisation_add_up(given: str, define: str, paths: int) -> None:
    solution = solved(given, define, "X")
    found = [s for s in steps(solution, "path.X.") if not s.id.endswith("hat")]
    assert len(found) == paths
    total = sum(value(s.equation[1] if len(s.equation) > 1 else s.approx) for s in found)
    (task,) = solution.tasks
    assert task.value is not None and np.allclose(np.asarray(total), task.value.floats(), atol=1e-5)
    last = found[-1].why
    assert last is not None and ("three" if paths == 3 else "two") in last.args["b"].message


def test_the_parts_of_a_normalisation() -> None:
    found = steps(solved(BATCH, "  Y: batch_norm(X, eps=0)\n  L: sum(R*Y)\n", "X"), "part.")
    assert [text(e) for e in found[0].equation] == ["mu", "mean(X, axis=0)", "[[2, 3]]"]
    assert text(found[1].equation[1]) == "sqrt(var(X, axis=0))"
    assert text(found[2].equation[1]) == "(X - mu) / sigma"


def test_parts_take_names_that_are_free() -> None:
    given = BATCH.replace("R:", "mu: 1, R:")
    found = steps(solved(given, "  Y: batch_norm(X, eps=0)\n  L: mu*sum(R*Y)\n", "X"), "part.")
    assert text(found[0].equation[0]) == "mu_Y"


def test_weight_and_bias_have_one_path() -> None:
    define = "  Y: batch_norm(X, weight=g, bias=b)\n  L: sum(R*Y)\n"
    (scale,) = steps(solved(BATCH, define, "g"), "local.Y.g")
    (shift,) = steps(solved(BATCH, define, "b"), "local.Y.b")
    assert scale.why is not None and "scales" in scale.why.message
    assert shift.why is not None and "added" in shift.why.message


def test_running_statistics_have_no_paths() -> None:
    given = BATCH + ", m: [1, 1], v: [1, 2]"
    assert steps(solved(given, "  Y: batch_norm(X, m, v)\n  L: sum(R*Y)\n", "X"), "path.") == []


# -- cross-entropy --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "formula"),
    [
        ("z: [1, 2, 0], t: 1", "softmax(z) - [0, 1, 0]"),
        ("z: [1, 2, 0], t: [1/2, 1/4, 1/4]", "softmax(z) - [1/2, 1/4, 1/4]"),
        ("z: [[1, 2], [0, 1]], t: [1, 0]", "(softmax(z) - [[0, 1], [1, 0]]) / 2"),
    ],
)
def test_probabilities_less_targets(given: str, formula: str) -> None:
    solution = solved(given, "  L: cross_entropy(z, t)\n", "z")
    (step,) = steps(solution, "scores.")
    assert text(step.equation[1]) == formula and step.approx is not None
    (task,) = solution.tasks
    assert task.value is not None
    assert np.allclose(value(step.approx), task.value.floats(), atol=1e-5)


@pytest.mark.parametrize(
    ("given", "call"),
    [
        ("z: [1, 2, 0], t: 1", "cross_entropy(z, t, label_smoothing=0.1)"),
        ("z: [1, 2, 0], t: [1, 1, 0]", "cross_entropy(z, t)"),
    ],
)
def test_other_targets_keep_the_formula_only(given: str, call: str) -> None:
    assert steps(solved(given, f"  L: {call}\n", "z"), "scores.") == []


# -- recurrences and attention --------------------------------------------------------------------

CELL = "x1: [1, 0], x2: [0, 1], h0: [1, 0], W: [[0.5, 0], [0, 0.5]], U: [[0.1, 0.2], [0.3, 0.4]]"


@pytest.mark.parametrize(
    "define",
    [
        "  h1: rnn_cell(x1, h0, W, U)\n  h2: rnn_cell(x2, h1, W, U)\n  L: sum(h2**2)/2\n",
        "  h1: tanh(W@x1 + U@h0)\n  h2: tanh(W@x2 + U@h1)\n  L: sum(h2)\n",
    ],
)
@pytest.mark.parametrize("wrt", ["U", "W"])
def test_the_sum_over_time(define: str, wrt: str) -> None:
    solution = solved(CELL, define, wrt)
    (step,) = steps(solution, "time.")
    (task,) = solution.tasks
    assert task.value is not None and step.why is not None
    assert np.allclose(value(step.equation[1]), task.value.floats(), atol=1e-5)
    ends = step.why.args["steps"].args
    assert text(ends["some"].args["h"]) == "h1" and text(ends["last"].args["h"]) == "h2"


def test_two_uses_that_are_no_recurrence() -> None:
    define = "  a: tanh(W@x1)\n  b: tanh(W@x2)\n  L: sum(a) + sum(b)\n"
    assert steps(solved(CELL, define, "W"), "time.") == []


def test_an_lstm_through_two_steps() -> None:
    given = (
        "x: [1, 2], h0: [0], c0: [1], W: [[1, 0], [0, 1], [1, 1], [1, -1]], U: [[1], [0], [2], [1]]"
    )
    define = (
        '  "h1, c1": lstm_cell(x, h0, c0, W, U)\n  "h2, c2": lstm_cell(x, h1, c1, W, U)\n'
        "  L: sum(h2)\n"
    )
    solution = solved(given, define, "U")
    (task,) = solution.tasks
    assert task.check is not None and task.check.passed
    (step,) = steps(solution, "time.")
    assert task.value is not None
    assert np.allclose(value(step.equation[1]), task.value.floats(), atol=1e-4)


def test_the_shapes_of_an_attention() -> None:
    given = "Q: [[1, 0], [0, 1]], K: [[1, 1], [0, 1], [1, 0]], V: [[1, 0, 1], [0, 2, 1], [1, 1, 1]]"
    (step,) = steps(solved(given, "  O: attention(Q, K, V)\n  L: sum(O)\n", "Q"), "shapes.")
    assert step.why is not None
    holes = step.why.args
    assert (holes["q"], holes["k"], holes["v"], holes["s"], holes["o"]) == (
        "2×2", "3×2", "3×3", "2×3", "2×3",
    )  # fmt: skip
    assert text(holes["K"]) == "K" and text(holes["A"]) == "A"


def test_the_target_of_a_cross_entropy_has_its_own_name() -> None:
    (step,) = steps(solved("z: [1, 2, 0], T: 1", "  L: cross_entropy(z, T)\n", "z"), "scores.")
    said = plain(step.why)
    assert "one_hot(T): 1 at the right class" in said and "Together: p − one_hot(T)." in said


@pytest.mark.parametrize("more", ["", ", stride=2"])
def test_a_convolution_that_turns_its_kernel_says_so(more: str) -> None:
    source = (
        "given: {x: [[1, 2, 3], [4, 5, 6], [7, 8, 9]], w: [[1, 0], [2, -1]]}\n"
        f"define: {{y: 'conv2d(x, w{more})'}}\ntasks: [forward: {{of: y}}]\n"
    )
    turned = "convention: {conv: convolution}\n" + source
    said = [plain(steps(tutor.loads(s).solve().solution, "forward.y")[0].why)
            for s in (source, turned)]  # fmt: skip
    assert "turn" not in said[0].lower() and said[1].startswith("Turn the kernel around")


def test_a_hessian_of_a_cross_entropy_says_what_is_constant() -> None:
    source = (
        "given: {z: [1, 2, 0], T: 1}\ndefine: {L: 'cross_entropy(z, T)'}\n"
        "tasks: [hessian: {of: L, wrt: z}]\n"
    )
    (step,) = steps(tutor.loads(source).solve().solution, "again")
    assert "one_hot(T) is constant, and the Jacobian of a softmax p" in plain(step.why)


# -- the guards -----------------------------------------------------------------------------------


def test_what_does_not_add_up_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    norm = "  Y: batch_norm(X)\n  L: sum(R*Y)\n"
    assert steps(solved(BATCH, norm, "X"), "path.")
    right = norm_paths._told
    monkeypatch.setattr(norm_paths, "_told", lambda *a: right(*a)[:2])
    assert [s for s in steps(solved(BATCH, norm, "X"), "path.")] == []
    monkeypatch.setattr(scores, "_one_hot", lambda given, p: Value(np.eye(3)[0]))
    assert steps(solved("z: [1, 2, 0], t: 1", "  L: cross_entropy(z, t)\n", "z"), "scores.") == []
    cell = "  h1: rnn_cell(x1, h0, W, U)\n  h2: rnn_cell(x2, h1, W, U)\n  L: sum(h2**2)/2\n"
    real = over_time.pullback
    monkeypatch.setattr(over_time, "pullback", lambda y, u, xs: [over_time.simplify(
        tutor_twice(real(y, u, xs)[0]))])  # fmt: skip
    assert steps(solved(CELL, cell, "U"), "time.") == []


def tutor_twice(node):  # type: ignore[no-untyped-def]
    from tutor.graph.node import add

    return add([node, node])


def test_the_sentences_of_a_flipped_convolution_are_true() -> None:
    source = """
convention: {conv: convolution}
given: {x: [[1, 2, 0], [0, -1, 3], [2, 1, 1]], w: [[1, 0], [2, -1]]}
define: {y: "conv2d(x, w)", L: sum(y**2)}
tasks: [{gradient: {of: L, wrt: x}}]
"""
    solution = tutor.loads(source).solve().solution
    (entry,) = steps(solution, "entry.y")
    assert entry.why is not None and "turns the kernel around" in str(entry.why)
    assert "same place" not in str(entry.why)
    assert solution.tasks[0].check is not None and solution.tasks[0].check.passed


def test_the_other_gelu_is_named_in_the_closed_form() -> None:
    solution = solved("x: [-1.42, 0.5]", '  y: gelu(x, approximate="tanh")\n  L: sum(y*y)\n', "x")
    (result,) = solution.tasks
    assert result.check is not None and result.check.passed
    assert result.formula is not None and 'gelu(x, approximate="tanh")' in text(result.formula)


def test_what_stands_by_the_names_of_steps_is_not_called_written_out() -> None:
    given = "x1: [1], x2: [2], h0: [0.5], c0: [0], W: [[1], [0], [1], [2]], U: [[1], [2], [0], [1]]"
    given += ", b: [0, 0, 0, 0]"
    define = """
  "h1, c1": lstm_cell(x1, h0, c0, W, U, b)
  "h2, c2": lstm_cell(x2, h1, c1, W, U, b)
  L: sum(h2)
"""
    (result,) = solved(given, define, "U").tasks
    last = next(s for s in result.steps if "Put together" in str(s.title))
    assert any(isinstance(x, Partial) for e in last.equation[1:] for x in walk(e))
    assert "By the names of the steps" in str(last.why)


TRANSPOSED = [
    ("x: [[1, 2], [3, -1]], w: [[1, 0, 2], [2, -1, 1], [0, 1, 1]]", "conv_transpose2d(x, w, stride=2, padding=1, output_padding=1)", "1*1 + 2*0 + 3*2 + -1 * 1"),  # noqa: E501
    ("x: [[1, 2, 3], [3, -1, 0]], w: [[[1, 0]], [[2, 1]]], b: [1]", "conv_transpose1d(x, w, b)", "1*0 + 2*1 + 3*1 + -1 * 2 + 1"),  # noqa: E501
    ("x: [[1, 2, 3], [3, -1, 0]], w: [[[1, 4]], [[2, 1]]]", "conv_transpose1d(x, w, groups=2)", "1*4 + 2*1"),  # noqa: E501
    ("x: [1, 2, 3], w: [1, 4, -2]", "conv_transpose1d(x, w, dilation=2, padding=1)", "1*4 + 3*1"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expression", "numbers"), TRANSPOSED)
def test_an_entry_of_a_transposed_convolution(given: str, expression: str, numbers: str) -> None:
    solution = solved(given, f'  y: "{expression}"\n  L: sum(y**2)\n', "x")
    (entry,) = steps(solution, "entry.y")
    assert numbers in [text(e) for e in entry.equation]
    assert "fall on it" in str(entry.why)


def test_a_wrong_place_of_a_transposed_convolution_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fullest = transposed_entry._fullest

    def moved(*args: Any) -> Any:
        place, pairs = fullest(*args)
        return (place[0] - 1, *place[1:]), pairs

    monkeypatch.setattr(transposed_entry, "_fullest", moved)
    given, expression, numbers = TRANSPOSED[0]
    solution = solved(given, f'  y: "{expression}"\n  L: sum(y**2)\n', "x")
    (entry,) = steps(solution, "entry.y")
    assert numbers not in [text(e) for e in entry.equation]
