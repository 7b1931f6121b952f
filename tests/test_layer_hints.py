"""What a network's errors say to write instead, and that it works when it is written."""

from __future__ import annotations

import re

import pytest

import tutor
from tutor.errors import InputError
from tutor.problem import shorthand
from tutor.problem.applied import apply_network
from tutor.problem.layers import LAYERS
from tutor.render.json import plain


def file(stack: str, size: str = "[3, 8, 8]") -> str:
    return f"network:\n  input: {size}\n  layers:\n{stack}tasks: [parameters]\n"


def applied(source: str) -> tuple[int, ...]:
    network = tutor.loads(source).problem.network
    assert network is not None
    return apply_network(network)[-1].output


def hint(stack: str, size: str = "[3, 8, 8]") -> str:
    with pytest.raises(InputError) as error:
        applied(file(stack, size))
    return error.value.hint or ""


SHORT = [
    ("MaxPool2d: 2", "MaxPool2d: {kernel_size: 2}"),
    ("BatchNorm2d: 3", "BatchNorm2d: {num_features: 3}"),
    ("Linear: 10", "Linear: {out_features: 10}"),
    ("Linear: [8, 10]", "Linear: {in_features: 8, out_features: 10}"),
    ("Conv2d: [3, 16, 3]", "Conv2d: {in_channels: 3, out_channels: 16, kernel_size: 3}"),
    ("LayerNorm: [8, 8]", "LayerNorm: {normalized_shape: [8, 8]}"),
    ("Permute: [0, 2, 3, 1]", "Permute: {dims: [0, 2, 3, 1]}"),
    ("Dropout: 0.5", "Dropout: {p: 0.5}"),
    ("MaxPool2d(2)", "MaxPool2d: {kernel_size: 2}"),
    ("'MaxPool2d(3, stride=2, ceil_mode=True)'",
     "MaxPool2d: {kernel_size: 3, stride: 2, ceil_mode: true}"),
    ("'Conv2d(3, 16, (3, 1), bias=False)'",
     "Conv2d: {in_channels: 3, out_channels: 16, kernel_size: [3, 1], bias: false}"),
]  # fmt: skip


@pytest.mark.parametrize(("short", "long"), SHORT)
def test_an_argument_without_its_name(short: str, long: str) -> None:
    assert hint(f"    - {short}\n") == f"write `{long}`"
    assert applied(file(f"    - {long}\n"))


def test_what_is_missing_stays_open() -> None:
    assert hint("    - Conv2d: 16\n") == "write `Conv2d: {out_channels: 16, kernel_size: …}`"


@pytest.mark.parametrize("short", ["ReLU: 5", "Linear: wide", "Linear: 1.5", "MaxPool2d: [" +
                                   "1, " * 9 + "1]", "'Linear(3}, a: {b)'", "Linear: {a: {b: 1}}",
                                   "'Linear(" + "1, " * 99 + "1)'"])  # fmt: skip
def test_what_would_be_refused_is_not_suggested(short: str) -> None:
    assert not hint(f"    - {short}\n").startswith("write")


def test_a_suggestion_that_was_not_tried_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: without the trial, `ReLU: {inplace: 5}` is suggested, which is refused."""
    monkeypatch.setattr(shorthand, "bind", lambda *a: {})
    assert hint("    - ReLU: 5\n") == "write `ReLU: {inplace: 5}`"


def test_every_layer_that_takes_one_number_has_a_hint_that_reads() -> None:
    found = 0
    for type_ in LAYERS:
        said = hint(f"    - {type_}: 1\n")
        if said.startswith("write") and "…" not in said:
            written = said.removeprefix("write `").removesuffix("`")
            assert tutor.loads(file(f"    - {written}\n")).problem.network, written
            found += 1
    assert found > 40


@pytest.mark.parametrize("block", ["Concat: [[ReLU], [Tanh]]", "Repeat: [ReLU]", "Residual: 3",
                                   "Sequential: {a: 3}"])  # fmt: skip
def test_a_block_that_is_written_otherwise(block: str) -> None:
    said = hint(f"    - {block}\n")
    assert said.startswith(f"write `{block.split(':')[0]}: ")
    written = said.removeprefix("write `").removesuffix("`")
    assert tutor.loads(file(f"    - {written}\n")).problem.network


def test_groups_that_fit_are_listed() -> None:
    stack = "    - Conv2d: {{out_channels: {}, kernel_size: 3, groups: 2}}\n"
    assert hint(stack.format(6)) == "what fits: 1 or 3"
    for groups in (1, 3):
        assert applied(file(stack.format(6).replace("groups: 2", f"groups: {groups}")))
    assert hint(stack.format(5)).startswith("what fits: 1 only")
    assert hint(stack.format(12), "[12, 8, 8]".replace("12", "9")) == "what fits: 1 or 3"


@pytest.mark.parametrize(("size", "type_", "sizes"), [
    ("784", "Conv2d", "[1, 28, 28]"), ("3072", "Conv2d", "[3, 32, 32]"),
    ("50", "Conv1d", "[1, 50]"),
    ("27", "Conv3d", "[1, 3, 3, 3]"), ("785", "Conv2d", ""),
])  # fmt: skip
def test_an_image_that_lies_flat(size: str, type_: str, sizes: str) -> None:
    stack = f"    - {type_}: {{out_channels: 4, kernel_size: 3}}\n"
    said = hint(stack, size)
    found = re.findall(r"`(Unflatten: .*)` before", said)
    assert (sizes in said) if sizes else said == ""
    for layer in found:
        assert applied(file(f"    - {layer}\n{stack}", size))


def test_a_batch_among_the_sizes() -> None:
    stack = "    - Conv2d: {out_channels: 4, kernel_size: 3}\n"
    assert "without the batch the input is [3, 28, 28]" in hint(stack, "[32, 3, 28, 28]")
    assert applied(file(stack, "[3, 28, 28]"))


def test_weights_by_their_name_in_torch() -> None:
    source = (
        "network:\n  input: 4\n"
        "  layers: [Linear: {out_features: 3}, ReLU, Linear: {out_features: 1}]\n"
        "define: {L: sum(output ** 2)}\ntasks: [gradient: {of: L, wrt: %s}]\n"
    )
    for name, wanted in (("linear_1_weight", "`W_1` and `b_1`"), ("linear_2.bias", "`W_2` and")):
        with pytest.raises(InputError) as error:
            tutor.loads(source % name)
        assert wanted in (error.value.hint or "")
    with pytest.raises(InputError) as error:
        tutor.loads(source % "linear_11_weight")  # of another layer
    assert "weights of" not in (error.value.hint or "")


def test_sizes_that_are_equal_by_chance_are_not_told_as_kept() -> None:
    stack = "    - Linear: {out_features: 8}\n    - ReLU\n"
    steps = tutor.loads(file(stack, "8")).solve().tasks[0].steps
    said = [plain(s.title) for s in steps]
    assert "linear_1: 8 → 8" in said and "relu_1: 8, as before" in said, said
    for type_ in LAYERS:
        if LAYERS[type_].keeps:
            for size in ("8", "[6, 4]", "[6, 4, 4]", "[6, 4, 4, 4]"):
                try:
                    found = applied(file(f"    - {type_}{_NEEDED.get(type_, '')}\n", size))
                except InputError:
                    continue
                assert found == tuple(int(n) for n in re.findall(r"\d", size)), type_


_NEEDED = {
    "LayerNorm": ": {normalized_shape: 4}",
    "RMSNorm": ": {normalized_shape: 4}",
    "GroupNorm": ": {num_groups: 2}",
    "LocalResponseNorm": ": {size: 3}",
    "MultiheadAttention": ": {num_heads: 2}",
    "TransformerEncoderLayer": ": {nhead: 2}",
    "Threshold": ": {threshold: 1, value: 0}",
}
