"""Layers as a problem file uses them: two results, the names of steps, and messages that teach."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import tutor
from tutor.cli import app
from tutor.errors import InputError
from tutor.ops import Op
from tutor.ops.base import drawn
from tutor.ops.layers import LAYERS
from tutor.problem import loads
from tutor.problem.elaborate import elaborate
from tutor.problem.instance import INDICES
from tutor.tasks import gradient
from tutor.tasks import solve as run
from tutor.tasks.workspace import Workspace

CELL = """
given:
  x: [1, 2, -1]
  h0: [1/2, -1]
  c0: [1, 0]
  W: random(8, 3, seed=1)
  U: random(8, 2, seed=2)
define:
"""


def workspace(text: str) -> Workspace:
    problem = loads(text + "tasks: [graph]\n")
    return Workspace(problem, elaborate(problem))


def lines(text: str) -> list[str]:
    return list(workspace(text).graph.lines)


def value(ws: Workspace, name: str) -> np.ndarray:
    found = ws.paper(ws.graph[name])
    assert found is not None
    return found.floats()


def test_two_results_are_two_lines() -> None:
    ws = workspace(CELL + '  "h, c": lstm_cell(x, h0, c0, W, U)\n')
    a = value(ws, "W") @ value(ws, "x") + value(ws, "U") @ value(ws, "h0")
    i, f, g, o = (a[k : k + 2] for k in (0, 2, 4, 6))
    s = lambda v: 1 / (1 + np.exp(-v))  # noqa: E731
    c = s(f) * value(ws, "c0") + s(i) * np.tanh(g)
    np.testing.assert_allclose(value(ws, "c"), c, rtol=1e-12)
    np.testing.assert_allclose(value(ws, "h"), s(o) * np.tanh(c), rtol=1e-12)
    for name, gate in zip("ifgo", (s(i), s(f), np.tanh(g), s(o)), strict=True):
        np.testing.assert_allclose(value(ws, name), gate, rtol=1e-12)
    assert ws.graph["h"].kind == ws.graph["c"].kind == "defined"
    assert ws.graph["i"].kind == "auto"


def test_gradients_reach_through_both_results_and_two_steps() -> None:
    ws = workspace(
        CELL
        + '  "h1, c1": lstm_cell(x, h0, c0, W, U)\n'
        + '  "h2, c2": lstm_cell(x, h1, c1, W, U)\n'
        + "  L: sum(h2**2) + sum(c2)\n"
    )
    for wrt in ("U", "W", "c0", "h1", "c1"):
        found = gradient.solve(ws, "1", "gradient", "L", wrt)
        assert found.check is not None and found.check.passed, wrt
        assert found.check.max_rel_error < 1e-8


def test_names_of_steps_go_with_the_result() -> None:
    text = CELL + '  "h_2, c_2": lstm_cell(x, h0, c0, W, U)\n'
    assert {"a_2", "i_2", "f_2", "g_2", "o_2"} <= set(lines(text))
    taken = CELL.replace("  x:", "  i: 3\n  x:") + '  "h, c": lstm_cell(x, h0, c0, W, U)\n'
    assert "i_h" in lines(taken) and {"f", "g", "o"} <= set(lines(taken))
    twice = CELL + '  "h, c": lstm_cell(x, h0, c0, W, U)\n  "k, d": lstm_cell(x, h, c, W, U)\n'
    assert {"f", "f_k"} <= set(lines(twice))


def test_a_result_may_have_the_name_that_a_step_would_like() -> None:
    ws = workspace(
        CELL + '  "i, f": lstm_cell(x, h0, c0, W, U)\n  "h, c": lstm_cell(x, h0, c0, W, U)\n'
        "  A: attention(W, W, W)\n  B: attention(W, W, W)\n"
    )
    for ours, same in (("i", "h"), ("f", "c"), ("A", "B")):
        assert ws.graph[ours].kind == "defined"
        np.testing.assert_array_equal(value(ws, ours), value(ws, same))
    assert {"i_i", "f_i", "A_A"} <= set(ws.graph.lines)


def test_attention_shows_scores_and_weights() -> None:
    ws = workspace(
        "given:\n  Q: [[1, 0], [0, 1]]\n  K: [[1, 1], [1, 0], [0, 2]]\n  V: [[1], [2], [3]]\n"
        "  keep: [[1, 0, 1], [1, 1, 0]]\n"
        "define:\n  O: attention(Q, K, V)\n  P: attention(Q, K, V, keep == 1)\n"
        "  N: attention(Q, K, V, -100*(1 - keep), scale=1/2)\n"
    )
    assert ws.graph["S"].shape == ws.graph["A"].shape == (2, 3)
    np.testing.assert_allclose(value(ws, "A").sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(value(ws, "O"), value(ws, "A") @ [1, 2, 3], rtol=1e-12)
    assert (value(ws, "A_P") == 0).tolist() == [[False, True, False], [False, False, True]]
    e = np.exp([[1 / 2, 1 / 2, 0], [1 / 2, 0, 1]]) * [[1, 0, 1], [1, 1, 0]]
    np.testing.assert_allclose(value(ws, "N"), e @ [1, 2, 3] / e.sum(axis=1), rtol=1e-12)


def test_true_and_false_make_a_mask_that_keeps() -> None:
    text = (
        "given: {{Q: [[1, 2]], K: [[1, 1], [2, 0], [0, 3]], V: [[1], [2], [4]], m: {}}}\n"
        "define: {{O: 'attention(Q, K, V, m)'}}\n"
    )
    plain = np.exp(np.array([3.0, 2, 6]) / 2**0.5) * [1, 0, 1]
    for mask in ("[[true, false, true]]", "{value: [[True, False, True]]}"):
        kept = workspace(text.format(mask))
        np.testing.assert_allclose(
            np.ravel(value(kept, "O")), plain @ [1, 2, 4] / plain.sum(), rtol=1e-12
        )
    added = workspace(text.format("[[1, 0, 1]]"))  # numbers are added to the scores
    e = np.exp(np.array([3.0, 2, 6]) / 2**0.5 + [1, 0, 1])
    np.testing.assert_allclose(np.ravel(value(added, "O")), e @ [1, 2, 4] / e.sum(), rtol=1e-12)


def test_a_mask_stays_a_mask_when_it_is_turned_or_joined() -> None:
    text = (
        "given: {Q: [[1, 2], [0, 1]], V: [[1], [2]], m: [[true, true], [false, true]]}\n"
        "define: {O: 'attention(Q, Q, V, m.T)', P: 'attention(Q, Q, V, m * (m.T == 1))'}\n"
    )
    ws = workspace(text)
    assert value(ws, "A")[0, 1] == 0 < value(ws, "A")[1, 0]
    assert value(ws, "A_P").tolist() == [[1, 0], [0, 1]]
    sums = workspace(text.replace("m.T)'", "m + m.T)'"))  # numbers again: they are added
    assert value(sums, "A").min() > 0


def test_a_causal_mask_sees_nothing_later() -> None:
    ws = workspace(
        "given: {X: 'random(3, 2, seed=4)'}\n"
        "define: {O: 'scaled_dot_product_attention(X, X, X, is_causal=True)'}\n"
    )
    assert value(ws, "A")[np.triu_indices(3, 1)].tolist() == [0, 0, 0]
    np.testing.assert_allclose(value(ws, "O")[0], value(ws, "X")[0], rtol=1e-12)


def test_keyword_operands_print_so_that_they_can_be_read_again() -> None:
    ws = workspace(
        "given: {x: [1, 2, 6], w: [1, 2, 3]}\ndefine: {y: 'layer_norm(x, bias=w, eps=0.5)'}\n"
    )
    from tutor.notation.text import text

    formula = ws.graph["y"].formula
    assert formula is not None and text(formula) == "layer_norm(x, bias=w, eps=0.5)"


TWO = 'unpack them in a definition of their own: `"h, c": lstm_cell(…)`'
MATRICES = "given: {A: [[1, 2, 3], [4, 5, 6]], B: [[1, 2], [3, 4]], v: [1, 2, 3], t: [0, 1]}\n"


def y(expression: str) -> str:
    return MATRICES + f"define: {{y: '{expression}'}}"


MISTAKES = [
    (CELL + "  h: lstm_cell(x, h0, c0, W, U)\n", "lstm_cell` has 2 results", TWO),
    (CELL + "  h: sum(lstm_cell(x, h0, c0, W, U))\n", "lstm_cell` has 2 results", TWO),
    (CELL + '  "h, c, d": lstm_cell(x, h0, c0, W, U)\n', "lstm_cell` has 2 results", TWO),
    (CELL + '  "h, c": tanh(x)\n', "this operation has one result", ""),
    (CELL + '  "h, c": lstm_cell(x, h0, c0, U, W)\n', "4 gates of 3 units need 12", ""),
    (CELL + '  "h, c": lstm_cell(h0, h0, c0, W, U)\n', "W_ih takes 3 features", "x is a column"),
    (CELL + '  "h, c": lstm_cell(x, x, c0, W, U)\n', "the state h of lstm_cell has size 3×1",
     "both columns"),
    (CELL + '  "h, c": lstm_cell(x, h0, c0, W, U, x)\n', "the bias b_ih of lstm_cell has 8", ""),
    (CELL + "  h: gru_cell(x, h0, W, U)\n", "3 gates of 2 units need 6", ""),
    (y("attention(A, B, B)"), "(2×3) have 3 features and the keys `B` (2×2) have 2", ""),
    (y("attention(B, B, v)"), "the values of attention are the rows", ""),
    (y("attention(B, B, B, dropout=1)"), "no argument `dropout`", ""),
    (y("layer_norm(A, 2)"), "`normalized_shape` of layer_norm names", ""),
    (y("layer_norm(A, weight=t)"), "`t` of layer_norm has size 2×1, but needs 3 entries", ""),
    (y("batch_norm(A, v)"), "`running_mean` and `running_var` go together", ""),
    (y("group_norm(A, 2)"), "2 groups do not divide 3 channels", ""),
    (y("instance_norm(A)"), "batch × channels × space", ""),
    (y("embedding(A, t)"), "the table of embedding is a matrix", "indices come"),
    (y("dropout(v, 2, v)"), "`p` of dropout is the probability of losing", ""),
    (y("conv_transpose1d(v, t, stride=2, output_padding=2)"),
     "`output_padding` must be smaller than the stride", ""),
    (y("conv_transpose1d(v, t, padding=3)"), "cuts away all of the output", ""),
    (y("fold(A, 3, 2)"), "are not a number of channels times 2·2 taps", ""),
    (y("adaptive_avg_pool2d(v, 2)"), "an input of order 2 to 4", ""),
    (y("nll_loss(A, v)"), "need one class index per example", ""),
    (y("cross_entropy(A, t, weight=t)"), "one weight per class (3)", ""),
    (y("cross_entropy(A, t, label_smoothing=2)"), "from 0 to 1", ""),
    (y("huber_loss(v, v, delta=-1)"), "`delta` of huber_loss must be positive", ""),
    (y("kl_div(v, v, reduction=\"max\")"), "`reduction` of kl_div is", ""),
    (y("multi_margin_loss(A, t, p=3)"), "is 1 or 2, not 3", ""),
    (y("l1_loss(v, t)"), "`v` is 3×1 and `t` is 2×1", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "hint"), MISTAKES)
def test_mistakes_are_explained(text: str, message: str, hint: str) -> None:
    problem = loads(text.rstrip("\n") + "\ntasks: [graph]\n")
    with pytest.raises(InputError) as error:
        elaborate(problem)
    assert message in error.value.message
    assert hint in (error.value.hint or "")
    assert "Traceback" not in str(error.value) and "{" not in error.value.message
    assert error.value.where is not None


def test_a_class_out_of_range_says_how_to_leave_it_out() -> None:
    text = "given: {z: [1, 2, 3], t: -100}\ndefine: {L: 'cross_entropy(z, t)'}\n"
    with pytest.raises(InputError) as error:
        workspace(text)
    assert "an index is a whole number from 0 to 2, not -100" in error.value.message
    assert "ignore_index=-100" in (error.value.hint or "")


def test_the_gradient_of_unfold_reads_as_a_fold() -> None:
    from tutor.notation.text import text
    from tutor.tasks.printed import printed_value

    ws = workspace(
        "given: {I: [[1, 2, 3], [4, 5, 6], [7, 8, 9]]}\n"
        "define: {C: 'unfold(I, 2)', N: 'sum(C**2)'}\n"
    )
    found = gradient.solve(ws, "1", "gradient", "N", "I")
    assert found.formula is not None and found.value is not None
    assert text(found.formula).startswith("fold(") and text(found.formula).endswith("[0]")
    again = printed_value(ws, found.formula)
    assert again is not None
    np.testing.assert_allclose(again, found.value.floats(), rtol=1e-12)


def test_sizes_are_explained(tmp_path: Path) -> None:
    """The output of a transposed convolution has its own formula, not the windows'."""
    file = tmp_path / "sizes.yaml"
    file.write_text(
        "given: {x: [1, 2, -1], w: [1, 0, 2], X: 'random(2, 3, 4, 5, seed=1)'}\n"
        "define:\n"
        "  y: conv_transpose1d(x, w, stride=2, padding=1, output_padding=1)\n"
        "  P: max_pool3d(X, 2)\n"
        "  n: layer_norm(x)\n"
        "tasks: [{shapes: {of: [y, P, n]}}]\n",
        encoding="utf-8",
    )
    done = CliRunner().invoke(app, ["solve", str(file)])
    assert done.exit_code == 0, done.output
    text = " ".join(done.stdout.split())
    assert "output padding + 1 along each axis: 2·2 − 2·1 + 1·2 + 1 + 1 = 6" in text
    assert "depth ⌊(3 + 2·0 − 1·(2 − 1) − 1)/2⌋ + 1 = 1" in text
    assert "The size stays." in text and "Entry by entry" not in text


# -- every layer through the whole pipeline -------------------------------------------------------


def spelled(x: object) -> str:
    if isinstance(x, tuple | list):
        return "[" + ", ".join(map(spelled, x)) + "]"
    return f'"{x}"' if isinstance(x, str) else str(x)


def rounded(op: Op, k: int) -> list[np.ndarray]:
    shapes, _, domain = op.sample[k]
    rng = np.random.default_rng(k + 17)
    return [np.round(drawn(domain, rng, s), 2) for s in shapes]


def problem_of(op: Op, k: int) -> tuple[str, list[str]]:
    """A sample as a problem: all operands by name, the sum of the squared results as the loss."""
    arrays, given = rounded(op, k), op.sample[k][1]
    names = [p.name for p in op.parameters if op.takes_operand(p)][: len(arrays)]
    values = [f"  g{n}: {spelled(a.tolist())}" for n, a in zip(names, arrays, strict=True)]
    words = [f"{n}=g{n}" for n in names] + [f"{n}={spelled(v)}" for n, v in given.items()]
    call = f"{op.name}({', '.join(words)})"
    results = ", ".join(f"R{r}" for r in op.results or ("",))
    loss = " + ".join(f"sum(R{r}**2)" for r in op.results or ("",))
    lines = ["given:", *values, "define:", f"  '{results}': {call}", f"  Loss: {loss}"]
    return "\n".join(lines) + "\n", [f"g{n}" for n in names]


SWEEP = [
    pytest.param(op, k, id=f"{op.name}-{k}")
    for op in LAYERS
    for k in range(min(3, len(op.sample)))
    if not any(n.startswith("_") or "None" in str(v) for n, v in op.sample[k][1].items())
]


@pytest.mark.parametrize(("op", "k"), SWEEP)
def test_every_layer_is_solved_and_checked(op: Op, k: int) -> None:
    text, names = problem_of(op, k)
    ws = workspace(text)
    fixed = INDICES.get(op.name)
    for place, name in enumerate(names):
        if place == fixed or (op.name == "masked_softmax" and place == 1):
            continue
        found = gradient.solve(ws, "1", "gradient", "Loss", name)
        assert found.check is not None and found.check.passed, (name, found.check)
        assert found.check.max_rel_error < 1e-6
        assert found.value is not None and found.value.shape == ws.graph[name].shape


# -- sizes that are names -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "gates", "wrt"),
    [("lstm_cell(x, h, c, W, U)", 4, "U"), ("gru_cell(x, h, W, U)", 3, "W")],
)
def test_a_cell_of_symbolic_size(cell: str, gates: int, wrt: str) -> None:
    """The gates are cut apart at m, 2m …; the gradient is checked at random sizes."""
    names = '"y, d"' if gates == 4 else "y"
    source = (
        f"given: {{x: vector(n), h: vector(m), c: vector(m), W: 'matrix({gates}*m, n)', "
        f"U: 'matrix({gates}*m, m)'}}\ndefine:\n  {names}: {cell}\n  L: sum(y)\n"
        f"tasks:\n  - shapes\n  - gradient: {{of: L, wrt: {wrt}}}\n"
    )
    shapes, gradient = tutor.loads(source).solve().solution.tasks
    assert shapes.check is not None and shapes.check.passed
    assert gradient.check is not None and gradient.check.passed
    assert gradient.dims == (f"{gates}*m×m" if wrt == "U" else f"{gates}*m×n")


def test_a_slice_that_may_not_fit_needs_numbers() -> None:
    with pytest.raises(InputError, match="needs its number"):
        tutor.loads("given: {x: vector(n)}\ndefine: {y: 'x[0:2]'}\ntasks: [shapes]\n").solve()


@pytest.mark.parametrize(
    ("call", "shape"),
    [
        ("adaptive_avg_pool2d(x, [None, 3])", (4, 3)),
        ("adaptive_avg_pool2d(x, (2, None))", (2, 6)),
        ("adaptive_avg_pool2d(x, output_size=[None, None])", (4, 6)),
    ],
)
def test_none_keeps_a_size(call: str, shape: tuple[int, int]) -> None:
    source = (
        f"given: {{x: 'reshape(arange(24), 4, 6)'}}\ndefine: {{y: '{call}'}}\ntasks: [forward]\n"
    )
    (task,) = tutor.loads(source).solve().solution.tasks
    assert task.shape == shape and task.check is not None and task.check.passed


@pytest.mark.parametrize("wrong", ["x * [None, 1]", "[None, 1]", "concat([x, None])", "x + None"])
def test_none_stands_nowhere_else(wrong: str) -> None:
    with pytest.raises(InputError):
        tutor.loads(f"given: {{x: [1, 2]}}\ndefine: {{y: '{wrong}'}}\ntasks: [forward]\n").solve()


@pytest.mark.parametrize("row", ["x.T", "unsqueeze(x, 0)"])
def test_a_row_is_one_channel_of_a_layer(row: str) -> None:
    problem = loads(
        "given: {x: [1, 2, 3, 4], K: [[[1, 2]], [[0, 1]]]}\n"
        f'define: {{y: "conv1d({row}, K)"}}\ntasks: [evaluate: {{expr: y}}]'
    )
    (result,) = run(problem).tasks
    assert result.value is not None
    assert result.value.floats().tolist() == [[5, 8, 11], [2, 3, 4]]
