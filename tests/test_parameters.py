"""`parameters` and the layer table, against PyTorch, by hand, and with planted faults."""

from __future__ import annotations

import ast
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tutor.errors import InputError, ShapeError, Where
from tutor.expr import Name, Neg, Num
from tutor.graph import sizes
from tutor.problem import layers as layers_module
from tutor.problem.applied import Applied, Namer, apply_layer, apply_network
from tutor.problem.arguments import REQUIRED
from tutor.problem.layer_spec import Counts, total
from tutor.problem.layers import LAYERS
from tutor.problem.model import Convention, Layer, Network, Problem, Task
from tutor.render.json import plain
from tutor.tasks import parameters
from tutor.tasks.recount import recount_shape, same_sides

HERE = Where("file.yaml", 1, 1, "")
THERE = Where("file.yaml", 7, 3, "")


def layer(type_: str, **args: Any) -> Layer:
    return Layer(type_, args, HERE, dict.fromkeys(args, THERE))


def problem(shape: tuple[Any, ...], *layers: Layer) -> Problem:
    network = Network(shape, layers, HERE)
    return Problem("", None, None, (), Convention(), {}, (), network, ())


def solve(shape: tuple[Any, ...], *layers: Layer, **task: Any):
    return parameters.solve(problem(shape, *layers), Task("1", "parameters", {}, HERE, **task))


def output(type_: str, shape: tuple[int, ...], **args: Any) -> tuple[int, ...]:
    return apply_layer("it", layer(type_, **args), shape).output


# --- the size formula ----------------------------------------------------------------------------


def walked(n: int, k: int, s: int, before: int, after: int, d: int) -> int:
    """Windows counted one by one."""
    count, start = 0, -before
    while start + d * (k - 1) < n + after:
        count, start = count + 1, start + s
    return count


def test_output_size_counts_windows():
    rng = random.Random(1)
    for _ in range(2000):
        n, k, s, d = rng.randint(1, 30), rng.randint(1, 6), rng.randint(1, 5), rng.randint(1, 4)
        p = (rng.randint(0, 4), rng.randint(0, 4))
        expected = walked(n, k, s, *p, d)
        if expected:
            assert sizes.output_size(n, k, s, p, d) == expected
        else:
            with pytest.raises(sizes.NoWindowError):
                sizes.output_size(n, k, s, p, d)


def test_same_padding_gives_the_ceiling_and_an_odd_zero_at_the_end():
    rng = random.Random(2)
    for _ in range(1000):
        n, k, s, d = rng.randint(1, 30), rng.randint(1, 6), rng.randint(1, 5), rng.randint(1, 4)
        before, after = sizes.same_padding(n, k, s, d)
        assert sizes.output_size(n, k, s, (before, after), d) == -(-n // s)
        assert after - before in (0, 1)
        assert (before, after) == same_sides(n, k, s, d)
        if before + after:  # the least that does it
            assert walked(n, k, s, before, after - 1, d) < -(-n // s)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((5, 3, 1, 0, 5), "a kernel of 3 with dilation 5 spans 11, but there are only 5"),
        ((8, 3, 0), "the stride is 0"),
        ((8, 3, 1, 0, 0), "the dilation is 0"),
        ((8, 0), "the kernel size is 0"),
        ((8, 3, 1, -1), "the padding is -1"),
    ],
)
def test_output_size_refuses(arguments, words):
    with pytest.raises(ShapeError, match=words):
        sizes.output_size(*arguments)


def test_no_window_says_what_fits():
    with pytest.raises(ShapeError) as error:
        sizes.output_size(5, 3, 1, 0, 5)
    assert error.value.hint == (
        "what fits: a padding larger by 3 on both sides, or a kernel of 1, "
        "or a dilation of at most 2"
    )
    assert sizes.output_size(5, 3, 1, 3, 5) == 1
    assert sizes.output_size(5, 3, 1, 0, 2) == 1


# --- known numbers -------------------------------------------------------------------------------


def test_the_layer_of_the_exercise():
    conv = layer("Conv2d", out_channels=16, kernel_size=3, stride=1, padding="same")
    result = solve((3, 128, 128), conv)
    (row,) = result.extra["layers"]
    assert row == {
        "name": "conv2d_1",
        "type": "Conv2d",
        "output_shape": [16, 128, 128],
        "parameters": 448,
        "weights": 432,
        "biases": 16,
        "formula": "3*3*3*16 + 16",
        "neurons": 262144,
        "macs": 7077888,
        "activation_memory": 1048576,
        "receptive_field": 3,
        "field_stride": 1,
        "field_offset": -1,
    }
    assert result.extra["total_parameters"] == 448
    assert result.extra["total_macs"] == 7077888
    assert result.check is not None and result.check.passed


# rows: input, layer, output shape, parameters, formula
ROWS = [
    ((3, 32, 32), layer("Conv2d", out_channels=8, kernel_size=(3, 5), bias=False), [8, 30, 28],
     360, "3*5*3*8"),
    ((6, 9, 9), layer("Conv2d", out_channels=4, kernel_size=3, groups=2), [4, 7, 7],
     112, "3*3*3*4 + 4"),
    ((3, 9, 9), layer("Conv2d", out_channels=3, kernel_size=3, groups=3, padding="valid"),
     [3, 7, 7], 30, "3*3*1*3 + 3"),
    ((4, 20), layer("Conv1d", out_channels=5, kernel_size=3, stride=2, dilation=2), [5, 8],
     65, "3*4*5 + 5"),
    ((7, 10), layer("Conv1d", out_channels=2, kernel_size=4, padding=((1, 2),)), [2, 10],
     58, "4*7*2 + 2"),
    ((784,), layer("Linear", out_features=10), [10], 7850, "784*10 + 10"),
    ((5, 8), layer("Linear", out_features=3, bias=False), [5, 3], 24, "8*3"),
    ((2, 7, 7), layer("MaxPool2d", kernel_size=2), [2, 3, 3], 0, "0"),
    ((2, 7, 7), layer("MaxPool2d", kernel_size=2, ceil_mode=True), [2, 4, 4], 0, "0"),
    ((2, 7, 7), layer("AvgPool2d", kernel_size=3, stride=1, padding=1), [2, 7, 7], 0, "0"),
    ((2, 3, 5), layer("Flatten"), [30], 0, "0"),
    ((2, 3, 5), layer("Flatten", start_dim=2), [2, 15], 0, "0"),
    ((2, 3, 5), layer("Softmax", dim=-1), [2, 3, 5], 0, "0"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "it", "out", "count", "formula"), ROWS)
def test_rows(shape, it, out, count, formula):
    result = solve(shape, it)
    (row,) = result.extra["layers"]
    assert (row["output_shape"], row["parameters"], row["formula"]) == (out, count, formula)
    assert row["weights"] + row["biases"] == count
    assert result.check is not None and result.check.passed and result.check.note is None


def test_receptive_fields_grow_with_strides_and_end_at_the_flatten():
    result = solve(
        (3, 64, 64),
        layer("Conv2d", out_channels=4, kernel_size=3),
        layer("MaxPool2d", kernel_size=2),
        layer("ReLU"),
        layer("Conv2d", out_channels=4, kernel_size=(3, 5), dilation=(1, 2)),
        layer("Flatten"),
        layer("Linear", out_features=2),
    )
    fields = [row["receptive_field"] for row in result.extra["layers"]]
    assert fields == [3, 4, 4, [8, 20], None, None]
    apart = [row["field_stride"] for row in result.extra["layers"]]
    assert apart == [1, 2, 2, 2, None, None]
    begins = [row["field_offset"] for row in result.extra["layers"]]
    assert begins == [0, 0, 0, 0, None, None]


def test_the_first_field_begins_in_the_padding():
    result = solve(
        (1, 32, 32),
        layer("Conv2d", out_channels=2, kernel_size=5, padding=(2, 0), stride=2),
        layer("Conv2d", out_channels=2, kernel_size=3, padding=1),
    )
    rows = result.extra["layers"]
    assert [row["field_offset"] for row in rows] == [[-2, 0], [-4, -2]]
    assert [row["field_stride"] for row in rows] == [2, 2]


def test_layer_names_count_each_type():
    layers = (layer("Linear"), layer("ReLU"), layer("Linear"))
    assert tuple(map(Namer(), layers)) == ("linear_1", "relu_1", "linear_2")


# --- steps, table, answers -----------------------------------------------------------------------


def test_steps_show_formula_numbers_and_result():
    conv = layer("Conv2d", out_channels=16, kernel_size=3, padding=1)
    result = solve((3, 128, 128), conv, layer("Flatten"), layer("Linear", out_features=2))
    from tutor.notation.text import text

    shown = [" = ".join(text(e) for e in s.equation) for s in result.steps]
    assert any(s.endswith("= floor(127/1) + 1 = 128") for s in shown)
    assert "N = k * k * C_in * C_out + C_out = 3*3*3*16 + 16 = 448" in shown
    assert "448 + 524290 = 524738" in shown
    assert "432 + 524288 = 524720" in shown  # without the biases
    assert "4*524290 = 2097160" in shown  # bytes of all outputs
    ids = [s.id for s in result.steps]
    assert len(set(ids)) == len(ids)
    for step in result.steps:
        for words in (step.title, step.why):
            assert words is None or plain(words)


@pytest.mark.parametrize(
    ("answer", "correct"),
    [
        (Num("448"), True),
        (Num("432"), False),
        (Neg(Num("448")), False),
        ({"total_parameters": Num("448"), "total_macs": Num("7077888")}, True),
        ({"total_parameters": Num("448"), "total_macs": Num("7077889")}, False),
        ({"output_shape": (Num("16"), Num("128"), Num("128"))}, True),
        ({"output_shape": (Num("16"), Num("128"))}, False),
        ({"conv2d_1": Num("448"), "total_weights": Num("432")}, True),
    ],
)
def test_answers(answer, correct):
    conv = layer("Conv2d", out_channels=16, kernel_size=3, padding="same")
    result = solve((3, 128, 128), conv, answer=answer, answer_json="…")
    assert result.answer is not None and result.answer.correct is correct


def test_an_unknown_result_is_suggested():
    with pytest.raises(InputError) as error:
        solve((4,), layer("ReLU"), answer={"total_macks": Num("0")})
    assert error.value.hint == "did you mean `total_macs`?"


# --- errors that teach ---------------------------------------------------------------------------

ERRORS = [
    ((3, 8), layer("Conv2d", out_channels=4, kernel_size=3),
     r"conv2d_1 \(Conv2d\): the input has shape \[3, 8\], but must be \[channels, height, width\]"),
    ((3, 8, 2), layer("Conv2d", out_channels=4, kernel_size=3),
     "width: a kernel of 3 spans 3, but"),
    ((6, 8, 8), layer("Conv2d", out_channels=8, kernel_size=3, groups=4),
     "4 groups do not divide the 6 input channels"),
    ((6, 8, 8), layer("Conv2d", out_channels=8, kernel_size=3, in_channels=3),
     "`in_channels` is 3, but the input"),
    ((3, 8, 8), layer("MaxPool2d", kernel_size=2, padding=2),
     "more than half the (kernel|window) of 2"),
    ((3, 8, 8), layer("Conv2d", out_channels=8, kernel_size=3, stride=0),
     "`stride` of Conv2d is 0"),
    ((3, 8, 8), layer("Conv2d", out_channels=8, kernel_size=(3, 3, 3)), "has 3 entries"),
    ((3, 8, 8), layer("Conv2d", out_channels=8, kernel_size=3, padding="sam"), "is `sam`"),
    ((3, 8, 8), layer("Conv2d", out_channels=True, kernel_size=3), "is true"),
    ((3, 8, 8), layer("Conv2d", kernel_size=3), "Conv2d needs `out_channels`"),
    ((3, 8, 8), layer("Conv2d", out_channels=2, kernel_size=3, pading=1), "no argument `pading`"),
    ((3, 8, 8), layer("Linear", in_features=192, out_features=2), "the last axis of the input"),
    ((3, 8, 8), layer("Flatten", start_dim=0), "is the batch"),
    ((3, 8, 8), layer("Flatten", start_dim=3, end_dim=1), "lies behind"),
    ((3, 8, 8), layer("Softmax", dim=4), "has the axes 0"),
    ((3, 8, 8), layer("Linear", out_features=2**31), "more than the largest size"),
    ((1, 1, 2**31 - 1), layer("Flatten"), None),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "it", "words"), ERRORS)
def test_errors(shape, it, words):
    if words is None:  # the largest size is still a size
        assert solve(shape, it).extra["output_shape"] == [2**31 - 1]
        return
    with pytest.raises(InputError, match=words) as error:
        solve(shape, it)
    assert error.value.where is not None


def test_a_flatten_is_suggested():
    with pytest.raises(ShapeError) as error:
        solve((3, 8, 8), layer("Linear", in_features=192, out_features=2))
    assert error.value.hint == "put a `Flatten` before it"


@pytest.mark.parametrize(
    ("shape", "it"),
    [
        ((3, Name("n"), 8), layer("ReLU")),
        ((3, 8, 8), layer("MaxPool2d", kernel_size=Name("n"))),
        ((3, 8, 8), layer("MaxPool2d", kernel_size=(2, Name("n")))),
    ],
)
def test_an_unknown_size_points_to_solve_shape(shape, it):
    with pytest.raises(InputError, match="`n`, which has no value") as error:
        solve(shape, it)
    assert "solve_shape: {unknown: n" in (error.value.hint or "")


def test_a_network_is_needed():
    bare = replace(problem((1,)), network=None)
    with pytest.raises(InputError, match="needs a `network`"):
        parameters.solve(bare, Task("1", "parameters", {}, HERE))


# --- the check can fail --------------------------------------------------------------------------


def test_the_check_finds_a_wrong_count_and_a_wrong_size():
    network = problem((3, 9, 9), layer("Conv2d", out_channels=4, kernel_size=3)).network
    assert network is not None
    (good,) = apply_network(network)
    assert parameters.recheck([good]).passed

    def without_bias(x: Any, a: Any, y: Any) -> Counts:
        return replace(good.counts, biases=())

    (pool,) = apply_network(Network((2, 6), (layer("MaxPool1d", kernel_size=2),), HERE))
    for bad in (
        replace(good, output=(4, 8, 7)),
        replace(pool, output=(2, 4)),
        replace(pool, output=(2, 3, 1)),
        replace(good, spec=replace(good.spec, counts=without_bias)),
    ):
        check = parameters.recheck([bad])
        assert not check.passed and check.max_rel_error > 0


def test_a_layer_that_cannot_be_recounted_is_named():
    spec = replace(LAYERS["ReLU"], type="Doubling", shape=lambda x, a: (2 * x[0],))
    odd = Applied("odd", layer("ReLU"), spec, {"inplace": False}, (3,), (6,))
    note = parameters.recheck([odd]).note
    assert note is not None and "Doubling" in plain(note)


# --- against PyTorch -----------------------------------------------------------------------------


def random_args(rng: random.Random, type_: str, channels: int) -> dict[str, Any]:
    axes = 1 if type_.endswith("1d") else 2

    def window(most: int) -> Any:
        if rng.random() < 0.5:
            return rng.randint(1, most)
        return tuple(rng.randint(1, most) for _ in range(axes))

    args: dict[str, Any] = {"kernel_size": window(4)}
    if type_.startswith("Conv"):
        groups = rng.choice([g for g in range(1, channels + 1) if channels % g == 0])
        args |= {"out_channels": groups * rng.randint(1, 3), "groups": groups}
        args |= {"bias": rng.random() < 0.5, "dilation": window(3), "stride": window(3)}
        args["padding"] = rng.choice([0, 1, 2, "valid", window(3)])
        if args["stride"] in (1, (1,) * axes) and rng.random() < 0.5:
            args["padding"] = "same"
        return args
    smallest = (
        args["kernel_size"] if isinstance(args["kernel_size"], int) else min(args["kernel_size"])
    )
    args |= {"padding": rng.randint(0, smallest // 2), "ceil_mode": rng.random() < 0.5}
    if rng.random() < 0.7:
        args["stride"] = window(4)
    if type_.startswith("Max"):
        args["dilation"] = window(2)
    return args


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "type_", ["Conv1d", "Conv2d", "MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d"]
)
def test_sliding_layers_against_torch(type_):
    torch = pytest.importorskip("torch")
    rng = random.Random(type_)
    fits = 0
    for _ in range(150):
        channels = rng.choice([1, 2, 3, 4, 6])
        axes = 1 if type_.endswith("1d") else 2
        shape = (channels, *(rng.randint(1, 13) for _ in range(axes)))
        args = random_args(rng, type_, channels)
        extra = {"in_channels": channels} if type_.startswith("Conv") else {}
        module = getattr(torch.nn, type_)(**extra, **args)
        try:
            expected = tuple(module(torch.zeros(1, *shape)).shape[1:])
        except RuntimeError:
            with pytest.raises(ShapeError):
                output(type_, shape, **args)
            continue
        fits += 1
        applied = apply_layer("it", layer(type_, **args), shape)
        assert applied.output == expected, (shape, args)
        assert recount_shape(type_, shape, applied.args) == expected
        counts = applied.counts
        parameters_ = sum(p.numel() for p in module.parameters())
        assert total((*counts.weights, *counts.biases)) == parameters_
    assert fits > 60


INFERRED = ("in_", "num_features", "num_channels", "normalized_shape", "input_size", "embed_dim",
            "d_model", "in1_features", "in2_features")  # fmt: skip
OUR_OWN = {"Parameter", "Permute", "Select"}  # no layers of torch.nn


def test_the_table_has_torchs_arguments_and_defaults():
    torch = pytest.importorskip("torch")
    import inspect

    # not for a layer of a stack, deprecated, or private
    left_out = {"device", "dtype", "return_indices", "min_value", "max_value", "_weight", "_freeze"}
    for name, spec in LAYERS.items():
        if name in OUR_OWN:
            continue
        theirs = []
        if name in ("RNN", "GRU", "LSTM"):
            first = inspect.signature(torch.nn.RNNBase.__init__).parameters
            names = [n for n in first if n not in ("self", "mode", *left_out)]
            names = [n for n in names if n != "proj_size" or name == "LSTM"]
            if name == "RNN":
                assert spec.signature["nonlinearity"].default == "tanh"
                assert torch.nn.RNN(1, 1).nonlinearity == "tanh"
                names.insert(3, "nonlinearity")
            assert spec.arguments == tuple(names), name
            theirs = [first[n] for n in names if n != "nonlinearity"]
        else:
            signature = inspect.signature(getattr(torch.nn, name).__init__).parameters
            kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
            theirs = [p for n, p in signature.items() if n != "self" and p.kind not in kinds]
            theirs = [p for p in theirs if p.name not in left_out]
            assert spec.arguments == tuple(p.name for p in theirs), name
        for p in theirs:
            ours = spec.signature[p.name].default
            if p.default is p.empty:
                assert ours is (None if p.name.startswith(INFERRED) else REQUIRED), (name, p.name)
            elif callable(p.default):
                assert ours == p.default.__name__
            else:
                assert ours == p.default, (name, p.name)


def test_macs_against_a_count_of_nonzero_contributions():
    """One multiply-add for each weight and each output that it reaches, padding included."""
    torch = pytest.importorskip("torch")
    rng = random.Random(5)
    for _ in range(10):
        channels = rng.choice([2, 4])
        args = random_args(rng, "Conv2d", channels) | {"bias": False, "padding": 0}
        shape = (channels, 9, 11)
        module = torch.nn.Conv2d(channels, **args)
        with torch.no_grad():
            module.weight.fill_(1.0)
            expected = int(module(torch.ones(1, *shape)).sum())
        counts = apply_layer("it", layer("Conv2d", **args), shape).counts
        assert total(counts.macs) == expected


@pytest.mark.parametrize(
    "module",
    [
        "layers",
        "layers_window",
        "layers_resize",
        "layers_dense",
        "layers_norm",
        "layers_reshape",
        "layers_activation",
        "layers_sequence",
        "layer_spec",
        "slides",
        "arguments",
        "applied",
    ],
)
def test_the_layer_table_imports_no_numerics(module):
    source = Path(layers_module.__file__ or "").with_name(f"{module}.py").read_text()
    imported = {
        alias.name if isinstance(node, ast.Import) else f"{node.module}"
        for node in ast.parse(source).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert not imported & {"numpy", "sympy", "model", "value"}
