"""Every layer and block against PyTorch over random arguments; fields against a traced gradient."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import tutor
from tutor.errors import InputError, ShapeError, Where
from tutor.problem import joints
from tutor.problem.applied import Applied, apply_layer, apply_network, apply_tree, flat
from tutor.problem.arguments import bind
from tutor.problem.layer_spec import total
from tutor.problem.layers import LAYERS
from tutor.problem.load import load
from tutor.problem.model import Block, Layer, Network
from tutor.render.json import plain
from tutor.tasks import parameters, receptive
from tutor.tasks.layer_steps import named
from tutor.tasks.recount import recount_shape, recount_weights, recounts

torch_networks = pytest.importorskip("tests.torch_networks", exc_type=ImportError)

HERE = Where("file.yaml", 1, 1, "")
FOLDER = Path(__file__).parents[1] / "problems" / "networks"
FILES = [p for p in sorted(FOLDER.glob("*.yaml")) if "\n  - parameters" in p.read_text("utf-8")]


def layer(type_: str, **args: Any) -> Layer:
    return Layer(type_, args, HERE)


# --- random arguments ----------------------------------------------------------------------------


def axes_of(type_: str) -> int:
    return int(type_[-2]) if type_.endswith("d") and type_[-2].isdigit() else 0


def per_axis(rng: random.Random, axes: int, least: int, most: int) -> Any:
    if rng.random() < 0.5:
        return rng.randint(least, most)
    return tuple(rng.randint(least, most) for _ in range(axes))


def image(rng: random.Random, axes: int, most: int = 9) -> tuple[int, ...]:
    return (rng.choice([2, 4, 6]), *(rng.randint(1, most) for _ in range(axes)))


def sequence(rng: random.Random) -> tuple[int, ...]:
    return rng.randint(1, 7), rng.choice([4, 6, 8, 12])


def conv(rng: random.Random, type_: str) -> tuple[tuple[int, ...], dict[str, Any]]:
    axes = axes_of(type_)
    x = image(rng, axes)
    groups = rng.choice([1, 1, 2, 4])
    args: dict[str, Any] = {
        "out_channels": rng.choice([2, 4, 8]), "groups": groups, "bias": rng.random() < 0.5,
        "kernel_size": per_axis(rng, axes, 1, 4), "stride": per_axis(rng, axes, 1, 3),
        "padding": per_axis(rng, axes, 0, 2), "dilation": per_axis(rng, axes, 1, 3),
    }  # fmt: skip
    if "Transpose" in type_:
        args["output_padding"] = per_axis(rng, axes, 0, 2)
    elif rng.random() < 0.4:
        args["padding_mode"] = rng.choice(["reflect", "replicate", "circular"])
        args["padding"] = per_axis(rng, axes, 0, 4)
    return x, args


def pool(rng: random.Random, type_: str) -> tuple[tuple[int, ...], dict[str, Any]]:
    axes = axes_of(type_)
    args = {
        "kernel_size": per_axis(rng, axes, 1, 4),
        "padding": per_axis(rng, axes, 0, 1),
        "ceil_mode": rng.random() < 0.5,
    }
    if type_.startswith("Max") and rng.random() < 0.5:
        args |= {"dilation": per_axis(rng, axes, 1, 3), "padding": per_axis(rng, axes, 0, 3)}
    if rng.random() < 0.7:
        args["stride"] = per_axis(rng, axes, 1, 3)
    return image(rng, axes), args


def adaptive(rng: random.Random, type_: str) -> tuple[tuple[int, ...], dict[str, Any]]:
    axes = axes_of(type_)
    sizes = per_axis(rng, axes, 1, 9)
    if isinstance(sizes, tuple) and type_.startswith("AdaptiveAvg") and axes > 1:
        sizes = tuple(rng.choice([n, None]) for n in sizes)
    return image(rng, axes, 12), {"output_size": sizes}


def recurrent(rng: random.Random, type_: str) -> tuple[tuple[int, ...], dict[str, Any]]:
    args: dict[str, Any] = {
        "hidden_size": rng.randint(2, 6), "num_layers": rng.randint(1, 3),
        "bias": rng.random() < 0.5, "bidirectional": rng.random() < 0.5,
    }  # fmt: skip
    if type_ == "LSTM":
        args["proj_size"] = rng.choice([0, 0, 1, 2])
    return sequence(rng), args


def upsample(rng: random.Random, type_: str) -> tuple[tuple[int, ...], dict[str, Any]]:
    axes = rng.randint(1, 3)
    linear = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}[axes]
    mode = rng.choice(["nearest", "nearest-exact", *linear])
    args: dict[str, Any] = {"mode": mode}
    if mode in linear and rng.random() < 0.5:
        args["align_corners"] = rng.random() < 0.5
    if rng.random() < 0.5:
        args["size"] = per_axis(rng, axes, 1, 12)
    else:
        one = rng.random() < 0.5
        factors = tuple(rng.choice([0.5, 1.5, 2, 2.3, 3]) for _ in range(axes))
        args["scale_factor"] = factors[0] if one else factors
    return image(rng, axes), args


def pick(rng: random.Random, type_: str) -> tuple[tuple[int, ...], dict[str, Any]]:
    """A random input and random arguments for a layer, some of them ill."""
    axes, flag = axes_of(type_), rng.random() < 0.5
    if type_.startswith("Conv"):
        return conv(rng, type_)
    if type_.startswith(("MaxPool", "AvgPool")):
        return pool(rng, type_)
    if type_.startswith("Adaptive"):
        return adaptive(rng, type_)
    if type_.startswith("ZeroPad"):
        sides = rng.choice([2, tuple(rng.randint(0, 3) for _ in range(2 * axes))])
        return image(rng, axes), {"padding": sides}
    if type_.startswith(("BatchNorm", "InstanceNorm")):
        x = image(rng, axes)
        return x[: 1 + axes * (flag or axes > 1 or type_[0] == "I")], {
            "affine": rng.random() < 0.5,
            "bias": flag,
        }
    if type_ in ("RNN", "GRU", "LSTM"):
        return recurrent(rng, type_)
    if type_ == "Upsample":
        return upsample(rng, type_)
    some = image(rng, rng.randint(0, 3))
    n = some[-1]
    match type_:
        case "Linear":
            return some, {"out_features": rng.randint(1, 9), "bias": flag}
        case "Bilinear":
            cut = {"in1_features": 1, "in2_features": n - 1} if flag and n > 1 else {}
            return some, {"out_features": rng.randint(1, 5), "bias": rng.random() < 0.5, **cut}
        case "Embedding":
            return (rng.randint(1, 9),), {"num_embeddings": 30, "embedding_dim": rng.randint(1, 9)}
        case "Flatten":
            start = rng.randint(1, len(some))
            return some, {"start_dim": start, "end_dim": rng.randint(start, len(some))}
        case "Unflatten":
            return (4, 12), {"dim": 2, "unflattened_size": rng.choice([(3, 4), (-1, 6), (2, 5)])}
        case "Permute":
            dims = list(range(1, len(some) + 1))
            rng.shuffle(dims)
            return some, {"dims": (0, *dims)}
        case "Select":
            return (3, 5, 4), {"dim": rng.randint(1, 3), "index": rng.randint(-4, 4)}
        case "Parameter":
            x = sequence(rng)
            if flag:
                return x, {"shape": (rng.randint(1, 3), x[1]), "join": "concat"}
            return x, {"shape": rng.choice([x, x[1:], (1, x[1]), (x[0], 1)])}
        case "GroupNorm":
            return image(rng, 2), {"num_groups": rng.choice([1, 2, 3]), "affine": flag}
        case "LayerNorm" | "RMSNorm":
            own = some[-rng.randint(1, len(some)) :]
            more = {"bias": flag} if type_ == "LayerNorm" else {}
            return some, {"normalized_shape": own, "elementwise_affine": rng.random() < 0.7, **more}
        case "MultiheadAttention":
            args = {k: rng.random() < 0.5 for k in ("bias", "add_bias_kv", "add_zero_attn")}
            return sequence(rng), {"num_heads": rng.choice([1, 2, 3, 4]), **args}
        case "TransformerEncoderLayer":
            args = {"nhead": rng.choice([1, 2, 4]), "dim_feedforward": rng.randint(1, 20)}
            return sequence(rng), {**args, "bias": flag, "norm_first": rng.random() < 0.5}
        case "PReLU":
            return some, {"num_parameters": rng.choice([1, some[0]])}
        case "Hardtanh":
            return some, {"min_val": rng.uniform(-2, 1), "max_val": rng.uniform(-1, 2)}
        case "Softplus":
            return some, {"beta": rng.choice([0.5, 1, 3]), "threshold": rng.choice([0.5, 4, 30])}
        case "Threshold":
            return some, {"threshold": 0.1, "value": 20}
        case "GLU":
            return some, {"dim": rng.choice([-1, 1])}
        case "PixelShuffle":
            return (rng.choice([4, 8, 9, 6]), 3, 5), {"upscale_factor": rng.choice([2, 3])}
        case "LocalResponseNorm":
            return image(rng, 2), {"size": 5}
        case "Dropout1d" | "Dropout2d" | "Dropout3d":
            return image(rng, axes), {}
        case "Softmax2d":
            return image(rng, 2), {}
        case "Softmax" | "Softmin" | "LogSoftmax":
            return some, {"dim": rng.choice([1, -1, 3])}
    return some, {}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("type_", LAYERS)
def test_layer_against_torch(type_: str) -> None:
    """Both refuse, or both give the same shape and number of parameters; so does the recount."""
    rng = random.Random(type_)
    fits = 0
    for _ in range(120):
        x, args = pick(rng, type_)
        it = layer(type_, **args)
        try:
            applied = apply_layer("it", it, x)
        except ShapeError:
            applied = None
        if applied is None:
            assert refused(type_, it, x), (x, args)
            continue
        made = torch_networks.module(applied)
        assert torch_networks.output(made, x, type_ == "Embedding") == applied.output, (x, args)
        counts = applied.counts
        assert total((*counts.weights, *counts.biases)) == torch_networks.count(made), (x, args)
        biases = sum(p.numel() for n, p in made.named_parameters() if "bias" in n)
        assert total(counts.biases) == biases, (x, args)
        assert recounts(applied)
        assert recount_shape(type_, x, applied.args) == applied.output, (x, args)
        ours = (total(counts.weights), total(counts.biases), total(counts.macs))
        assert recount_weights(applied) == ours, (x, args)
        if counts.weights:
            reasons = applied.spec.reasons(x, applied.args, applied.output)
            assert len(reasons) == 1 + bool(counts.macs)
            for words in reasons:
                assert plain(words) and "{" not in plain(words)
        fits += 1
    assert fits >= 20


def refused(type_: str, it: Layer, x: tuple[int, ...]) -> bool:
    """Whether torch refuses the layer, or its input, too."""
    spec = LAYERS[type_]
    args = bind(type_, spec.signature, spec.axes, it.args, {}, HERE, {})
    try:
        made = torch_networks.module(Applied("it", it, spec, args, x, x))
    except (RuntimeError, ValueError, AssertionError):
        return True
    return torch_networks.refuses(made, x, type_ == "Embedding")


def test_multiply_adds_of_attention_against_torchs_count() -> None:
    """torch's own flop counter, two operations for each multiply-add."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    cases = [
        ((5, 8), layer("MultiheadAttention", num_heads=2)),
        ((7, 12), layer("TransformerEncoderLayer", nhead=3, dim_feedforward=10)),
        ((4, 6), layer("Linear", out_features=5)),
        ((4, 9, 8), layer("Conv2d", out_channels=6, kernel_size=3, groups=2, stride=2)),
        ((4, 5, 6), layer("ConvTranspose2d", out_channels=6, kernel_size=4, stride=2, padding=1)),
    ]
    for x, it in cases:
        applied = apply_layer("it", it, x)
        made = torch_networks.module(applied).train()
        with FlopCounterMode(display=False) as counter:
            made(torch.randn(1, *x))
        assert 2 * total(applied.counts.macs) == counter.get_total_flops(), it


# --- receptive fields ----------------------------------------------------------------------------


def traced(parts: Any, x: tuple[int, ...]) -> list[int]:
    """The widest stretch of inputs that reach one output in the middle, along each axis."""
    import torch

    made = torch_networks.modules(parts)
    with torch.no_grad():
        for p in made.parameters():
            p.fill_(1.0)
    start = torch.ones(1, *x, requires_grad=True)
    y = made(start)
    widest = [0] * (len(x) - 1)
    middles = [range(n // 2 - 4, n // 2 + 4) for n in y.shape[2:]]
    for i in range(8):
        place = tuple(m[i] for m in middles)
        (grad,) = torch.autograd.grad(y[(0, 0, *place)], start, retain_graph=True)
        hit = grad[0].sum(0).nonzero()
        spans = (hit.max(0).values - hit.min(0).values + 1).tolist()
        widest = [max(a, b) for a, b in zip(widest, spans, strict=True)]
    return widest


CONV3 = layer("Conv2d", out_channels=2, kernel_size=3, padding=1)
CONV5 = layer("Conv2d", out_channels=3, kernel_size=5, padding=2)
WIDE = layer("Conv2d", out_channels=2, kernel_size=5)
STACKS = [
    (CONV3, CONV3, layer("AvgPool2d", kernel_size=2), CONV3),
    (layer("Conv2d", out_channels=2, kernel_size=(3, 5), dilation=(2, 1), stride=2), CONV3),
    (CONV3, layer("Upsample", scale_factor=2), CONV3),
    (layer("ConvTranspose2d", out_channels=2, kernel_size=4, stride=2, padding=1), CONV3),
    (layer("ConvTranspose2d", out_channels=2, kernel_size=3, stride=2), CONV3,
     layer("ConvTranspose2d", out_channels=2, kernel_size=5, stride=3)),
    (layer("AvgPool2d", kernel_size=2), CONV3,
     layer("ConvTranspose2d", out_channels=2, kernel_size=2, stride=2), CONV3),
    (layer("ZeroPad2d", padding=(1, 2, 0, 1)), CONV3),
    (Block("Residual", ((CONV3, CONV3), ()), HERE), CONV3),
    (Block("Concat", ((CONV3,), (CONV5,)), HERE), CONV3),
    (layer("Upsample", scale_factor=2, mode="bilinear"), CONV3),
    # branches that look different ways: behind them both are seen
    (Block("Concat", ((layer("ZeroPad2d", padding=(4, 0, 0, 4)), WIDE),
                      (layer("ZeroPad2d", padding=(0, 4, 3, 1)), WIDE)), HERE), CONV3),
    (Block("Residual", ((layer("ZeroPad2d", padding=(4, 0, 1, 3)), WIDE), (CONV3,)), HERE), CONV3),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stack", STACKS)
def test_receptive_field_is_what_a_gradient_reaches(stack: Any) -> None:
    tree = apply_tree(Network((2, 48, 48), stack, HERE))
    last = list(flat(tree))[-1].name
    assert list(receptive.size(receptive.fields(tree, 2)[last][1]) or ()) == traced(
        tree, (2, 48, 48)
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stack", STACKS)
def test_fields_lie_where_a_gradient_reaches(stack: Any) -> None:
    """First and last entry of the fields of several outputs: offset, stride and pattern."""
    import torch

    tree = apply_tree(Network((2, 48, 48), stack, HERE))
    field = receptive.fields(tree, 2)[list(flat(tree))[-1].name][1]
    assert field is not None
    made = torch_networks.modules(tree).double()
    with torch.no_grad():
        for p in made.parameters():
            p.fill_(1.0)
    start = torch.ones(1, 2, 48, 48, dtype=torch.float64, requires_grad=True)
    y = made(start)
    for place in [(i, i + 1) for i in range(0, y.shape[2] - 1, 3)]:
        (grad,) = torch.autograd.grad(y[(0, 0, *place)], start, retain_graph=True)
        hit = grad[0].sum(0).nonzero()
        for axis, (reach, o) in enumerate(zip(field, place, strict=True)):
            first, last = reach.at(o)
            if reach.jump is not None:
                assert first == reach.offset + o * reach.jump
                assert last == first + reach.size - 1
            if first >= 0 and last < 48:  # no border cuts it off
                assert [first, last] == [int(hit[:, axis].min()), int(hit[:, axis].max())]


def test_a_field_is_lost_with_the_axes_and_global_pools_see_everything() -> None:
    stack = (CONV3, layer("AdaptiveAvgPool2d", output_size=1), layer("Flatten"))
    tree = apply_tree(Network((1, 8, 8), stack, HERE))
    seen = receptive.fields(tree, 2)
    assert [receptive.size(seen[it.name][1]) for it in flat(tree)] == [(3, 3), (10, 10), None]


def test_branches_that_drift_apart_have_no_field_in_common() -> None:
    """One output of the strided branch is two inputs further on, one of the other a single one."""
    apart = (layer("Conv2d", out_channels=2, kernel_size=1, stride=2),)
    close = (layer("Conv2d", out_channels=2, kernel_size=5),)
    tree = apply_tree(Network((2, 8, 8), (Block("Concat", (apart, close), HERE), CONV3), HERE))
    seen = receptive.fields(tree, 2)
    assert [receptive.size(seen[it.name][1]) for it in flat(tree)] == [(1, 1), (5, 5), None]


# --- blocks --------------------------------------------------------------------------------------


def random_parts(rng: random.Random, depth: int) -> tuple[Any, ...]:
    parts: list[Any] = []
    for _ in range(rng.randint(1, 3)):
        same = layer("Conv2d", out_channels=4, kernel_size=3, padding=1)
        kind = rng.choice(["layer", "layer", "Sequential", "Repeat", "Residual", "Concat"])
        if depth == 0 or kind == "layer":
            parts.append(rng.choice([same, layer("ReLU"), layer("BatchNorm2d"), layer("Identity")]))
        elif kind == "Residual":
            ends = same, *random_parts(rng, 0), same
            other = rng.choice([(), (same,)])
            parts += [same, Block(kind, (ends, other), HERE)]
        elif kind == "Concat":
            branches = tuple(random_parts(rng, depth - 1) for _ in range(rng.randint(1, 3)))
            parts.append(Block(kind, (*branches, ()), HERE, dim=rng.choice([1, -3])))
        else:
            times = rng.randint(1, 3) if kind == "Repeat" else 1
            parts.append(Block(kind, (random_parts(rng, depth - 1),), HERE, times=times))
    return tuple(parts)


def test_random_nested_blocks_against_torch() -> None:
    rng = random.Random(9)
    kinds = set()
    for _ in range(60):
        network = Network((3, 6, 5), random_parts(rng, 2), HERE)
        tree = apply_tree(network)
        made = torch_networks.modules(tree)
        assert torch_networks.output(made, (3, 6, 5)) == tree[-1].output
        layers = apply_network(network)
        counted = sum(total((*it.counts.weights, *it.counts.biases)) for it in layers)
        assert counted == torch_networks.count(made)
        assert len({it.name for it in layers}) == len(layers)
        assert parameters.recheck(layers).passed
        kinds |= {p.block.kind for p in tree if hasattr(p, "block")}
    assert kinds == {"Sequential", "Repeat", "Residual", "Concat"}


DOWN = layer("Conv2d", out_channels=4, kernel_size=3, stride=2, padding=1)
BARE = layer("Conv2d", out_channels=3, kernel_size=3)
BLOCKS = [
    (Block("Residual", ((layer("Linear", out_features=3),), ()), HERE), (5,),
     r"ends with \[3\] and its shortcut with \[5\]", "Linear: {out_features: 3}"),
    (Block("Residual", ((DOWN,), ()), HERE), (2, 8, 8), "cannot be added",
     "Conv2d: {out_channels: 4, kernel_size: 1, stride: 2}"),
    (Block("Residual", ((BARE,), ()), HERE), (3, 8, 8),
     r"ends with \[3, 6, 6\]", "`padding: 1` in conv2d_1 would fit"),
    (Block("Residual", ((layer("Conv2d", out_channels=6, kernel_size=(3, 1), stride=2),), ()),
           HERE), (3, 8, 8), r"ends with \[6, 3, 4\]", "`padding: [1, 0]` in conv2d_1 and a "
     "shortcut of `Conv2d: {out_channels: 6, kernel_size: 1, stride: 2}` would fit"),
    (Block("Residual", ((layer("Conv1d", out_channels=6, kernel_size=1),), ()), HERE), (3, 8),
     "cannot be added", "a shortcut of `Conv1d: {out_channels: 6, kernel_size: 1}` would fit"),
    (Block("Residual", ((DOWN,), ()), HERE), (2, 7, 7), r"ends with \[4, 4, 4\]",
     "a shortcut of `Conv2d: {out_channels: 4, kernel_size: 1, stride: 2}` would fit"),
    (Block("Residual", ((layer("Flatten"),), ()), HERE), (3, 8, 8), r"ends with \[192\]", ""),
    (Block("Concat", ((layer("Conv2d", out_channels=3, kernel_size=1),),
                      (layer("Conv2d", out_channels=3, kernel_size=5),)), HERE), (3, 8, 8),
     "branch 1 of the Concat", "`padding: 2` in conv2d_2 would fit"),
    (Block("Concat", ((layer("Linear", out_features=3),), ()), HERE), (2, 5),
     r"branch 1 of the Concat ends with \[2, 3\] and branch 2 with \[2, 5\]", "`dim: 2`"),
    (Block("Concat", ((), ()), HERE, dim=0), (2, 5), "`dim` of Concat is 0", "`dim: 1`"),
    (Block("Repeat", ((layer("Linear", in_features=5, out_features=3),), ), HERE, times=2), (5,),
     "`in_features` is 5", "leave out `in_features`"),
    (Block("Repeat", ((layer("ReLU"),),), HERE, times=10_001), (5,), "10001 layers", ""),
    (Block("Repeat", ((),), HERE, times=10**9), (5,), "1000000000 layers", ""),
]  # fmt: skip


@pytest.mark.parametrize(("block", "shape", "words", "hint"), BLOCKS)
def test_blocks_that_do_not_fit(block: Block, shape: Any, words: str, hint: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        apply_tree(Network(shape, (block,), HERE))
    assert hint in (error.value.hint or "") and error.value.where is not None


def test_what_mends_a_block_is_tried_in_the_whole_network() -> None:
    """Followed as it is written, the suggestion gives a network that fits."""
    wanted = "      - Residual: {body: [Conv2d: {out_channels: 3, kernel_size: 3, padding: 1}]}"
    last = "      - Flatten\n      - Linear: {in_features: 192, out_features: 2}"
    text = f"network:\n  input: [3, 8, 8]\n  layers:\n{wanted}\n{last}\ntasks: [parameters]\n"
    network = tutor.loads(text).problem.network
    assert network is not None and apply_tree(network)
    bare = tutor.loads(text.replace(", padding: 1", "")).problem.network
    assert bare is not None
    with pytest.raises(ShapeError) as error:
        apply_tree(bare)
    assert error.value.hint == "`padding: 1` in conv2d_1 would fit"


def test_a_suggestion_for_a_block_that_was_not_tried_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Planted fault: without the trial a shortcut is suggested that does not fit."""
    monkeypatch.setattr(joints, "_applied", lambda *a: (None,))
    with pytest.raises(ShapeError) as error:
        apply_tree(Network((3, 8, 8), (Block("Residual", ((BARE,), ()), HERE),), HERE))
    assert "a shortcut of" in (error.value.hint or "")


def solved(network: str, task: str = "parameters") -> Any:
    return tutor.loads(f"network:\n{network}\ntasks:\n  - {task}\n").solve().tasks[0]


def test_blocks_in_a_file() -> None:
    task = solved(
        "  input: [3, 8, 8]\n  layers:\n"
        "    - Repeat:\n        times: 2\n        of:\n"
        "          - Residual:\n              body: [Conv2d: {out_channels: 3, kernel_size: 1}]\n"
        "    - Residual: [ReLU]\n"
        "    - Sequential: [Flatten, Linear: {out_features: 4}]\n"
        "    - Concat: {branches: [[Tanh], []]}"
    )
    rows = task.extra["layers"]
    types = ["Conv2d", "Conv2d", "ReLU", "Flatten", "Linear", "Tanh"]
    assert [r["type"] for r in rows] == types
    assert task.extra["output_shape"] == [8]
    said = [plain(s.why) for s in task.steps if s.rule == "structure"]
    assert said == [
        "2 × Residual (Conv2d 3), Residual (ReLU), (Flatten, Linear 4), "
        "Concat (Tanh; the input itself)."
    ]


WRONG = [
    ("Residual", "Residual needs its layers"),
    ("Residual: {shortcut: [ReLU]}", "Residual needs `body`"),
    ("Repeat: {of: [ReLU]}", "`times` of Repeat is missing"),
    ("Repeat: {times: 0, of: [ReLU]}", "must be a whole number of at least 1"),
    ("Concat: {branches: []}", "`branches` is an empty list"),
    ("Concat: {branch: [[ReLU]]}", "branch"),
    ("Residul: [ReLU]", "unknown layer `Residul`"),
    ("Sequential: " * 1 + "[" + "Sequential: [" * 11 + "ReLU" + "]" * 12, "nested deeper"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_ill_written_blocks(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        solved(f"  input: 3\n  layers:\n    - {text}")


REFUSED_BEHIND = [
    ("Linear: {out_features: 2}", "linear_1 before it gives real ones"),
    ("Embedding: {num_embeddings: 5, embedding_dim: 4}", "embedding_1 before it gives real ones"),
    ("Residual: {body: [Linear: {out_features: 4}], shortcut: []}", "linear_1 before it"),
    ("Repeat: {times: 2, of: [Embedding: {num_embeddings: 5, embedding_dim: 4}]}", "embedding_1"),
]


@pytest.mark.parametrize(("before", "words"), REFUSED_BEHIND)
def test_an_embedding_takes_whole_numbers(before: str, words: str) -> None:
    table = "Embedding: {num_embeddings: 5, embedding_dim: 2}"
    with pytest.raises(ShapeError, match=words) as error:
        solved(f"  input: [3, 4]\n  layers: [{before}, {table}]")
    assert error.value.where is not None
    moved = "Flatten, Unflatten: {dim: 1, unflattened_size: [4, 3]}, Permute: {dims: [0, 2, 1]}"
    assert solved(f"  input: [3, 4]\n  layers: [{moved}, {table}]")


def test_names_of_like_layers_are_gathered() -> None:
    assert plain(named(["relu_1"])) == "relu_1"
    assert plain(named(["relu_1", "relu_2", "relu_3"])) == "relu_1 to relu_3"
    assert plain(named(["relu_1", "relu_4"])) == "relu_1 and relu_4"
    assert plain(named([f"conv2d_{i}" for i in (1, 3, 5, 7, 8)])) == "conv2d_1, conv2d_3 and 3 more"


# --- solve_shape ---------------------------------------------------------------------------------


def solutions(text: str, unknown: str, target: str) -> list[dict[str, int]]:
    (task,) = (
        tutor.loads(
            f"network:\n{text}tasks:\n  - solve_shape: {{unknown: {unknown}, so_that: {target}}}\n"
        )
        .solve()
        .tasks
    )
    assert task.check is not None and task.check.passed
    for step in task.steps:
        for words in (step.title, step.why):
            assert words is None or plain(words)
    return task.extra["solutions"]


def spread_size(n: int, k: int, s: int, p: int, d: int, q: int) -> int:
    """The outputs of a transposed convolution, marked one by one; 0 when torch refuses."""
    reached = {i * s + t * d for i in range(n) for t in range(k)}
    return max(reached) + 1 + q - 2 * p if q < max(s, d) else 0


def test_transposed_convolutions_are_solved_as_by_trying() -> None:
    rng = random.Random(12)
    hits = 0
    for _ in range(40):
        fixed = {"k": rng.randint(1, 4), "s": rng.randint(1, 3), "p": rng.randint(0, 1),
                 "d": rng.randint(1, 2), "q": 0}  # fmt: skip
        open_ = rng.sample(list(fixed), rng.choice([1, 1, 2]))
        n, wanted = rng.randint(2, 6), rng.randint(2, 14)
        v = {x: x if x in open_ else fixed[x] for x in fixed}
        text = (
            f"  input: [2, {n}]\n  layers:\n    - ConvTranspose1d: {{out_channels: 3, "
            f"kernel_size: {v['k']}, stride: {v['s']}, padding: {v['p']}, dilation: {v['d']}, "
            f"output_padding: {v['q']}}}\n    - ReLU\n"
        )
        found = solutions(text, f"[{', '.join(open_)}]", f"{{output: [3, {wanted}]}}")
        most = max(n, wanted, 3)  # every unknown is tried at least up to the largest size
        small = [f for f in found if max(f.values()) <= most]
        expected = [
            dict(zip(open_, numbers, strict=True))
            for numbers in product(range(most + 1), repeat=len(open_))
            if min((x for name, x in zip(open_, numbers, strict=True) if name in "ksd"), default=1)
            and spread_size(n, **(fixed | dict(zip(open_, numbers, strict=True)))) == wanted
        ]
        assert sorted(small, key=str) == sorted(expected, key=str), text
        hits += bool(found)
    assert hits > 10


UNKNOWNS = [
    ("  input: [8, 7, 7]\n  layers:\n    - ConvTranspose2d: {out_channels: 4, kernel_size: 3, "
     "stride: 2, padding: 1, output_padding: q}\n", "q", "{output: [4, 14, 14]}", [{"q": 1}]),
    ("  input: [8, 7, 7]\n  layers:\n    - ConvTranspose2d: {out_channels: 4, kernel_size: 3, "
     "stride: s}\n", "s", "{output: [4, 14, 14]}", []),
    ("  input: [9, n, n]\n  layers:\n    - ConvTranspose2d: {out_channels: 4, kernel_size: 4, "
     "stride: 2, padding: 1}\n", "n", "{output: [4, 30, 30]}", [{"n": 15}]),
    ("  input: [10, 12]\n  layers:\n    - MultiheadAttention: {num_heads: h}\n", "h",
     "{output: [10, 12]}", [{"h": h} for h in (1, 2, 3, 4, 6, 12)]),
    ("  input: [6, 5, 5]\n  layers:\n    - GroupNorm: {num_groups: g}\n", "g",
     "{output: [6, 5, 5]}", [{"g": g} for g in (1, 2, 3, 6)]),
    ("  input: [6, 5, 5]\n  layers:\n    - Conv2d: {out_channels: 9, kernel_size: 1, groups: g}\n",
     "g", "{output: [9, 5, 5]}", [{"g": 1}, {"g": 3}]),
    ("  input: 7\n  layers:\n    - Embedding: {num_embeddings: 9, embedding_dim: 4}\n"
     "    - LSTM: {hidden_size: h, bidirectional: true}\n    - Select: {dim: 1, index: -1}\n",
     "h", "{output: [32]}", [{"h": 16}]),
    ("  input: [3, 9, 9]\n  layers:\n    - Residual:\n"
     "        - Conv2d: {out_channels: 3, kernel_size: 5, padding: p}\n", "p",
     "{output: [3, 9, 9]}", [{"p": 2}]),
    ("  input: [3, 9, 9]\n  layers:\n    - Concat: {branches: [[], [Conv2d: {out_channels: c, "
     "kernel_size: 1}]]}\n    - MaxPool2d: {kernel_size: 3}\n", "c", "{output: [8, 3, 3]}",
     [{"c": 5}]),
    ("  input: [3, 9, 9]\n  layers:\n    - Repeat: {times: 3, of: [Conv2d: {out_channels: 3, "
     "kernel_size: k}]}\n", "k", "{output: [3, 3, 3]}", [{"k": 3}]),
    ("  input: [4, 10, 10]\n  layers:\n    - Upsample: {size: [m, 12]}\n", "m",
     "{output: [4, 20, 12]}", [{"m": 20}]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "unknown", "target", "expected"), UNKNOWNS)
def test_unknowns_of_other_layers(text: str, unknown: str, target: str, expected: Any) -> None:
    assert solutions(text, unknown, target) == expected


# --- start-up ------------------------------------------------------------------------------------


def test_counting_a_network_needs_no_algebra() -> None:
    program = (
        "import sys; sys.argv = ['tutor', 'solve', sys.argv[1]]\n"
        "import atexit; atexit.register(lambda: print('sympy' in sys.modules, file=sys.stderr))\n"
        "from tutor.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(FOLDER / "lenet5.yaml")],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "61706" in done.stdout and done.stderr == "False\n"


# --- the check can fail --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "type_", ["LSTM", "MultiheadAttention", "Embedding", "BatchNorm2d", "Linear"]
)
def test_the_check_finds_a_planted_fault(type_: str) -> None:
    rng = random.Random(3)
    applied = None
    while applied is None or not applied.counts.weights:
        x, args = pick(rng, type_)
        try:
            applied = apply_layer("it_1", layer(type_, **args), x)
        except ShapeError:
            continue
    assert parameters.recheck([applied]).passed
    counts = applied.counts
    first = (*counts.weights[0][:-1], (counts.weights[0][-1][0], counts.weights[0][-1][1] + 1))
    bad = replace(counts, weights=(first, *counts.weights[1:]))
    wrong = replace(applied, spec=replace(applied.spec, counts=lambda x, a, y: bad))
    assert not parameters.recheck([wrong]).passed
    assert not parameters.recheck([replace(applied, output=(*applied.output, 2))]).passed


# --- known networks ------------------------------------------------------------------------------

PUBLISHED = {
    "lenet5": 61_706,
    "alexnet": 61_100_840,
    "vgg16": 138_357_544,
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "mobilenet_v2": 3_504_872,
    "gpt2_small": 124_439_808,
    "vit_b16": 86_567_656,
}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_known_network(path: Path) -> None:
    problem = tutor.load(path)
    task = problem.solve().tasks[0]
    assert task.check is not None and task.check.passed
    assert task.answer is not None and task.answer.correct
    if path.stem in PUBLISHED:
        assert task.extra["total_parameters"] == PUBLISHED[path.stem]
    network = load(path).network
    assert network is not None
    tree = apply_tree(network)
    made = torch_networks.modules(tree)
    assert torch_networks.count(made) == task.extra["total_parameters"]
    start = tuple(network.input)
    first = network.layers[0]
    indices = isinstance(first, Layer) and first.type == "Embedding"
    assert list(torch_networks.output(made, start, indices)) == task.extra["output_shape"]


def test_the_known_networks_are_there() -> None:
    assert set(PUBLISHED) <= {path.stem for path in FILES}
    assert len(FILES) >= 12


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_the_text_stays_within_80_columns(path: Path) -> None:
    shown = tutor.load(path).solve().text()
    assert max(map(len, shown.splitlines())) <= 80
