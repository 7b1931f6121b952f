"""Layers and arguments that torch has and a network has not; sizes that a layer is told."""

from __future__ import annotations

import pytest

import tutor
from tutor.errors import InputError
from tutor.exercises import exercise
from tutor.render import sheet, stack
from tutor.render.json import plain
from tutor.stacks import LayerBlock, LayerBox, Stack
from tutor.steps import TaskResult


def file(layer: str, size: str = "[3, 8, 8]", tasks: str = "[parameters]") -> str:
    return f"network: {{input: {size}, layers: [{layer}]}}\ntasks: {tasks}\n"


def solved(source: str) -> TaskResult:
    return tutor.loads(source).solve().solution.tasks[0]


def said(task: TaskResult) -> str:
    return " ".join(plain(w) for s in task.steps for w in (s.title, s.why) if w is not None)


REFUSED = [
    ("PixelUnshuffle: {downscale_factor: 2}", "unknown layer", "none does the same"),
    ("UpsamplingNearest2d: {scale_factor: 2}", "unknown layer", "`Upsample: {scale_factor: 2}`"),
    ("GRUCell: {hidden_size: 2}", "unknown layer", "`GRU` runs its cell"),
    ("LazyConv2d: {}", "unknown layer", "write `Conv2d`"),
    ("MSELoss", "unknown layer", "a loss stands in `define`"),
    ("Relu", "unknown layer", "did you mean `ReLU`?"),
    ("Conv2d: {out_channels: 2, kernel_size: 3, padding_mode: mirror}", "but must be `zeros`", ""),
    ("Linear: {out_features: 2, bias: no}", "but must be true or false", ""),
    ("RNN: {hidden_size: 2, nonlinearity: sigmoid}", "but must be `tanh` or `relu`", ""),
    ("Upsample: {scale_factor: 2, mode: area}", "cannot be `area`", "`AdaptiveAvgPool2d:"),
    ("ConvTranspose2d: {out_channels: 2, kernel_size: 2, padding: same}", "cannot be `same`",
     "here it is a number"),
    ("Repeat: {times: n, of: [ReLU]}", "must be a whole number, not `n`", "cannot be an unknown"),
    ("MaxPool2d: {kernel_size: 2, return_indices: true}", "must be false", ""),
    ("Linear: {out_features: 2, dtype: float64}", "cannot be chosen", "leave it out"),
    ("GroupNorm: {num_groups: 2}", "2 groups do not divide", "must divide 3: 1, 3"),
    ("AdaptiveAvgPool2d: [2, 2]", "must be a mapping", "{output_size: [2, 2]}"),
    ("ConvTranspose2d: {out_channels: 2, kernel_size: 2, padding: 9}", "takes away all",
     "at most 4 at each end"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "message", "hint"), REFUSED)
def test_refused(layer: str, message: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        tutor.loads(file(layer)).solve()
    assert message in error.value.message and hint in (error.value.hint or "")


@pytest.mark.parametrize("layer", ["MaxPool2d: {kernel_size: 2, return_indices: false}",
                                   "Linear: {out_features: 2, dtype: float32, device: cpu}",
                                   "Upsample: {scale_factor: 2, mode: nearest}"])  # fmt: skip
def test_arguments_that_change_nothing(layer: str) -> None:
    assert solved(file(layer)).extra["output_shape"]


TOLD = ["Linear: {in_features: 8, out_features: 5}",
        "Conv2d: {in_channels: 3, out_channels: 4, kernel_size: 3}"]  # fmt: skip


@pytest.mark.parametrize("layer", TOLD)
def test_inside_a_repeat_only_leaving_it_out_fits(layer: str) -> None:
    with pytest.raises(InputError) as error:
        solved(file(f"Repeat: {{times: 2, of: [{layer}]}}"))
    assert (error.value.hint or "").startswith("leave out `in_")
    open_ = layer.replace("in_features: 8, ", "").replace("in_channels: 3, ", "")
    assert solved(file(f"Repeat: {{times: 2, of: [{open_}]}}")).extra["output_shape"]


def test_a_weight_that_there_is_not() -> None:
    source = """
network: {input: 3, layers: [Linear: {out_features: 2, bias: %s}]}
given: {input: [1, 2, 3], b_1: [1, 2]}
tasks: [forward]
"""
    words = "nothing uses it"
    for bias, spare in (("false", True), ("true", False)):
        warnings = tutor.loads(source % bias).solve().solution.warnings
        assert any(words in plain(w) for w in warnings) is spare


def test_a_batch_comes_first() -> None:
    source = """
network: {input: [3, 4], layers: [RNN: {hidden_size: 2%s}]}
given: {input: [[[1,2,3,4],[1,0,1,0],[0,0,1,1]], [[1,2,3,4],[1,0,1,0],[0,0,1,1]]]}
tasks: [forward]
"""
    for more, told in (("", True), (", batch_first: true", False)):
        warnings = tutor.loads(source % more).solve().solution.warnings
        assert any("counts the examples" in plain(w) for w in warnings) is told


def test_same_with_a_stride() -> None:
    layer = "Conv2d: {out_channels: 1, kernel_size: 3, padding: same, stride: %d}"
    assert "PyTorch refuses" in said(solved(file(layer % 2)))
    assert "PyTorch refuses" not in said(solved(file(layer % 1)))


# -- solve_shape ----------------------------------------------------------------------------------

CONV = "Conv2d: {out_channels: 3, kernel_size: 5, stride: s, padding: 1, dilation: 2}"


def test_two_unknowns_of_one_layer_have_an_equation() -> None:
    asks = "[solve_shape: {unknown: [n, s], so_that: {output: [3, 12, 12]}}]"
    words = said(solved(file(CONV, "[2, n, n]", asks)))
    assert "several layers" not in words and "Larger numbers were not tried" in words
    assert "the equation for the height and width" in words


def test_two_axes_that_need_different_numbers() -> None:
    asks = "[solve_shape: {unknown: p, so_that: {output: [8, 15, %d]}}]"
    layer = "Conv2d: {out_channels: 8, kernel_size: 5, stride: 2, padding: p}"
    words = said(solved(file(layer, "[3, 32, 32]", asks % 16)))
    assert "Axis 2 of output is 15 for p = 1. Axis 3 of output is 16 for p = 2. No number" in words
    assert "No number does both" not in said(solved(file(layer, "[3, 32, 32]", asks % 15)))


def test_parameters_beside_a_question() -> None:
    asks = "[solve_shape: {unknown: g, so_that: {output: [4, 6, 6]}}, parameters]"
    layer = "Conv2d: {out_channels: 4, kernel_size: 3, groups: g}"
    with pytest.raises(InputError) as error:
        tutor.loads(file(layer, "[4, 8, 8]", asks)).solve()
    assert "`parameters` needs a number" in (error.value.hint or "")


# -- shapes of edges ------------------------------------------------------------------------------

CHAIN = """
given: {W: "matrix(2, 3)", x: vector(3), u: vector(2)}
define: {z: W @ x, a: tanh(z), L: u.T @ a}
tasks: [shapes: {edges: %s}]
"""


@pytest.mark.parametrize(("edges", "message"), [
    ("[[W, L]]", "`W` does not depend on `L`"),
    ("[[L, W], [L, W]]", "[L, W] stands twice"),
    ("[]", "is empty"),
])  # fmt: skip
def test_edges_that_are_none(edges: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        solved(CHAIN % edges)
    assert message in error.value.message


def test_a_derivative_that_is_zero_says_so() -> None:
    assert "All entries are 0" in said(solved(CHAIN % "[[z, u]]"))
    assert "All entries are 0" not in said(solved(CHAIN % "[[z, W]]"))


@pytest.mark.parametrize("layout", ["numerator", "denominator"])
def test_a_sheet_states_the_layout(layout: str) -> None:
    problem = tutor.loads(CHAIN % "all" + f"convention: {{layout: {layout}}}\n").problem
    for page in (sheet.latex("T", [exercise(problem)]), sheet.html("T", [exercise(problem)])):
        assert f"Conventions: {layout} layout" in page


def test_a_sheet_without_jacobians_states_none() -> None:
    problem = tutor.loads(CHAIN.replace("shapes: {edges: %s}", "forward")).problem
    assert "layout" not in sheet.html("T", [exercise(problem)]).split("<body")[-1]


# -- picture --------------------------------------------------------------------------------------


def test_the_legend_speaks_of_weights_where_there_are_any() -> None:
    for weighted in (True, False):
        box = LayerBox(("Layer",), weighted, "4")
        frame = LayerBlock("repeat", ((box,),), 2, "4")
        scene = stack.draw(Stack("4", (frame,)), "")
        legend = str(next(g for g in scene.groups if g.role == "legend"))
        assert ("weights of its own" in legend) is weighted and "repeated" in legend


def test_the_input_itself_carries_its_size() -> None:
    box = LayerBox(("Layer",), False, "5")
    block = LayerBlock("concat", ((box,), ()), 1, "12", "7")
    edges = [g.title for g in stack.draw(Stack("7", (block,)), "").groups if g.role == "edge"]
    assert edges.count("7") == 2  # into the block, and past the layer
