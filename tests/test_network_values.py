"""Networks with numbers: every layer's values and gradients against PyTorch's."""

from __future__ import annotations

import random
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pytest

import tutor
from tutor.errors import InputError, ShapeError
from tutor.problem.applied import apply_tree
from tutor.problem.elaborate import elaborate
from tutor.problem.layers import LAYERS
from tutor.problem.load import loads
from tutor.problem.model import Block, Given, Layer, Network
from tutor.problem.written import write_out
from tutor.tasks.chain import Chain
from tutor.tasks.workspace import Workspace
from tutor.value import Value

torch_networks = pytest.importorskip("tests.torch_networks", exc_type=ImportError)

import torch  # noqa: E402

from tests import torch_weights  # noqa: E402
from tests.test_networks import CONV3, HERE, layer, pick, random_parts  # noqa: E402

LOST = ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "RReLU")


def workspace(network: Network, x: np.ndarray, rng: np.random.Generator) -> tuple[Any, Any]:
    """The network at random weights, with L = Σ output ⊙ r."""
    given = {"input": Given("input", Value(x), None, HERE)}
    written = write_out(network, given, ())
    own = dict(written.given)
    for name in written.weights:
        shape = own[name].value.shape  # type: ignore[union-attr]
        own[name] = replace(own[name], value=Value(np.asarray(rng.normal(size=shape))))
    shape = (*x.shape[: x.ndim - len(network.input)], *apply_tree(network)[-1].output)
    given["r"] = Given("r", Value(rng.normal(size=shape)), None, HERE)
    base = loads("given: {output: 1, r: 1}\ndefine: {L: sum(output*r)}\ntasks: [graph]\n")
    made = replace(base, given={**own, **given}, define=(*written.define, *base.define))
    return written, Workspace(made, elaborate(made))


def compare(network: Network, x: np.ndarray, seed: int, wrt: int = 4) -> None:
    """Output, gradient of the input and of some weights, ours and torch's."""
    rng = np.random.default_rng(seed)
    tree = apply_tree(network)
    written, ws = workspace(network, x, rng)
    made = torch_networks.modules(tree).double().train()
    for module in made.modules():
        if isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0
        if type(module).__name__ in LOST:
            module.eval()  # a dropout is the identity here
    owners = {it.name: (it, module) for it, module in torch_weights.leaves(made, tree)}
    with torch.no_grad():
        for name, layer_name in written.weights.items():
            it, module = owners[layer_name]
            view = torch_weights.weight_of(module, it, name)
            view.copy_(torch.tensor(ws.numbers[name]))
    batched = x.ndim > len(network.input)
    words = tree[0].spec.type == "Embedding" if hasattr(tree[0], "spec") else False
    start = torch.tensor(x if batched else x[None])
    start = start.long() if words else start.requires_grad_()
    y = made(start)
    y = y if batched else y[0]
    ours = ws.paper(ws.graph["output"]).floats()  # type: ignore[union-attr]
    np.testing.assert_allclose(ours, y.detach().numpy(), rtol=1e-9, atol=1e-10)
    (y * torch.tensor(ws.numbers["r"]).reshape(y.shape)).sum().backward()
    loss = ws.graph["L"]
    if not words:
        ours = Chain(ws, loss, ws.graph["input"], gradient=True).final
        theirs = start.grad.numpy() if batched else start.grad.numpy()[0]
        if ours is None:
            assert not theirs.any()
        else:
            np.testing.assert_allclose(flat(ours.value), flat(theirs), rtol=1e-7, atol=1e-9)
    names = list(written.weights)
    for name in names if len(names) <= wrt else random.Random(seed).sample(names, wrt):
        it, module = owners[written.weights[name]]
        ours = Chain(ws, loss, ws.graph[name], gradient=True).final
        theirs = torch_weights.gradient_of(module, it, name).numpy()
        np.testing.assert_allclose(
            flat(ours.value), flat(theirs), rtol=1e-7, atol=1e-9, err_msg=name
        )


def flat(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, dtype=float).ravel()


def one(type_: str, x: tuple[int, ...], args: Any) -> Network:
    return Network(x, (Layer(type_, args, HERE),), HERE)


SEQUENCES = ("RNN", "GRU", "LSTM", "MultiheadAttention", "TransformerEncoderLayer")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("type_", [t for t in LAYERS if t != "ConvTranspose3d"])
def test_values_and_gradients_of_a_layer(type_: str) -> None:
    """Random arguments; a single example, a batch, and a batch of one by turns."""
    rng, numbers = random.Random(type_), np.random.default_rng(len(type_))
    wanted, done = (3 if type_ in SEQUENCES else 6), 0
    for case in range(400):
        x, args = pick(rng, type_)
        network = one(type_, x, args)
        try:
            (it,) = apply_tree(network)
        except ShapeError:
            continue
        if prod(x) > 120 or prod(it.output) > 300:
            continue
        batch = ((), (3,), (1,))[case % 3]
        if type_ == "Embedding":
            start = numbers.integers(30, size=(*batch, *x)).astype(float)
        else:
            start = numbers.normal(size=(*batch, *x))
        try:
            compare(network, start, case)
        except ValueError as error:  # torch's: a batch norm of one example
            assert "more than 1" in str(error)
            continue
        except InputError as error:
            assert known_refusal(type_, x, batch, str(error)), (x, args, error)
            continue
        done += 1
        if done == wanted:
            break
    assert done >= min(2, wanted)


def known_refusal(type_: str, x: tuple[int, ...], batch: tuple[int, ...], said: str) -> bool:
    """What has sizes but no values, and says so."""
    if "only one value to average over" in said:
        return "Norm" in type_ and prod(x[1:]) == 1
    if "has sizes, but no values" in said:
        return type_.startswith(("AdaptiveMax", "AvgPool", "Embedding"))
    return type_.startswith("BatchNorm") and batch != (3,) and prod(x[1:]) == 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", [(), (3,), (1,)])
@pytest.mark.parametrize(("projected", "hidden"), [(1, 2), (2, 3), (1, 4)])
def test_an_lstm_with_a_projection(batch: tuple[int, ...], projected: int, hidden: int) -> None:
    cases = [(True, 1, False), (False, 2, False), (True, 2, True)]
    for case, (bias, layers, both) in enumerate(cases):
        args = {"hidden_size": hidden, "proj_size": projected, "bias": bias, "num_layers": layers}
        network = one("LSTM", (2, 3), {**args, "bidirectional": both})
        start = np.random.default_rng(case).normal(size=(*batch, 2, 3))
        compare(network, start, case, wrt=6)


BENT = [
    ("Softplus", {"beta": 3, "threshold": 4}),
    ("Softplus", {"beta": 0.5, "threshold": 0.25}),
    ("Softplus", {"beta": 2, "threshold": 30}),
    ("Hardtanh", {"min_val": -0.25, "max_val": 1.5}),
    ("Threshold", {"threshold": 0.5, "value": -3}),
    ("RReLU", {"lower": 0.25, "upper": 0.75}),
    ("CELU", {"alpha": 2.5}),
    ("ELU", {"alpha": 2.5}),
    ("LeakyReLU", {"negative_slope": 0.3}),
    ("Softshrink", {"lambd": 0.2}),
    ("Hardshrink", {"lambd": 0.2}),
    ("GELU", {"approximate": "tanh"}),
]


@pytest.mark.parametrize(("type_", "args"), BENT)
def test_no_number_of_an_activation_is_left_unused(type_: str, args: dict[str, Any]) -> None:
    """Every argument away from its default, on entries where it matters."""
    x = np.linspace(-3.05, 4.05, 12).reshape(3, 4)
    compare(one(type_, (4,), args), x, 1)
    plain = tutor.loads(
        f"given: {{input: {x[0].tolist()}}}\nnetwork: {{input: 4, layers: [{type_}: "
        f"{{{', '.join(f'{k}: {v}' for k, v in args.items())}}}]}}\ntasks: [forward]"
    )
    (task,) = plain.solve().solution.tasks
    assert task.check is not None and task.check.passed


# --- blocks --------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(6))
def test_values_and_gradients_of_nested_blocks(seed: int) -> None:
    """Residual, Concat, Repeat and Sequential inside one another."""
    rng = random.Random(seed)
    while True:
        network = Network((4, 5, 4), random_parts(rng, 2), HERE)
        try:
            tree = apply_tree(network)
        except ShapeError:
            continue
        if 2 <= len(torch_weights.parts_of(tree)) <= 12:
            break
    start = np.random.default_rng(seed).normal(size=((2,) if seed % 2 else ()) + (4, 5, 4))
    compare(network, start, seed, wrt=3)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", [(), (2,)])
def test_a_block_of_every_kind(batch: tuple[int, ...]) -> None:
    norm, relu = layer("BatchNorm2d"), layer("ReLU")
    parts = (
        Block("Repeat", ((Block("Residual", ((CONV3, norm, relu), ()), HERE),),), HERE, times=2),
        Block("Concat", ((CONV3,), (layer("MaxPool2d", kernel_size=1),), ()), HERE),
        Block("Sequential", ((layer("Dropout"), layer("Flatten")),), HERE),
        layer("Linear", out_features=3),
        layer("Softmax", dim=1),
    )
    network = Network((2, 4, 4), parts, HERE)
    compare(network, np.random.default_rng(5).normal(size=(*batch, 2, 4, 4)), 5, wrt=99)


# --- in a problem file ---------------------------------------------------------------------------

SMALL = """
given:
  input: [1, 2]
  {more}
network:
  input: 2
  layers:
    - Linear: {{out_features: 3}}
    - ReLU
    - Dropout
    - Linear: {{out_features: 1, bias: false}}
define: {{L: sum(output**2)}}
tasks:
  - forward
  - gradient: {{of: L, wrt: [W_2, input]}}
"""


def test_given_weights_are_taken_and_the_others_are_drawn() -> None:
    result = tutor.loads(SMALL.format(more="W_1: [[1, 0], [0, 1], [1, 1]]")).solve()
    values = {name: v.value for name, v in result.solution.variables.items()}
    assert values["W_1"].strings() == [["1", "0"], ["0", "1"], ["1", "1"]]
    assert values["W_2"].shape == (1, 3) and values["b_1"].shape == (3,)
    assert all(len(x.split("/")[-1]) <= 3 for x in values["b_1"].strings())  # two decimals


def test_the_same_file_has_the_same_weights_and_another_seed_has_others() -> None:
    def first(text: str) -> object:
        return tutor.loads(text).solve().solution.variables["W_1"].value.strings()

    text = SMALL.format(more="")
    assert first(text) == first(text)
    assert first(text) != first(text.replace("input: 2\n", "input: 2\n  seed: 7\n"))


def test_what_is_assumed_is_said() -> None:
    said = [w.message for w in tutor.loads(SMALL.format(more="")).solve().solution.warnings]
    assert any(m.startswith("Dropout lets everything through") for m in said)
    assert any("drawn at random" in m for m in said)


def test_a_weight_of_another_size_and_an_input_of_another_size_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"`W_1` is a weight of linear_1 .* \[3, 2\]"):
        loads(SMALL.format(more="W_1: [[1, 0], [0, 1]]"))
    with pytest.raises(ShapeError, match=r"`input` has the shape \[3\]"):
        loads(SMALL.format(more="").replace("input: [1, 2]", "input: [1, 2, 3]"))


def test_a_weight_may_be_defined() -> None:
    """Tied weights: W_2 is a row of W_1."""
    text = SMALL.format(more="").replace("define: {", "define: {W_2: 'W_1[:, 0].T', ")
    result = tutor.loads(text.replace("wrt: [W_2, input]", "wrt: W_1")).solve()
    assert result.solution.tasks[-1].check.passed


def test_a_network_alone_runs_forward() -> None:
    text = "given: {input: [1, -1]}\nnetwork: {input: 2, layers: [ReLU]}\ntasks: [forward]"
    (task,) = tutor.loads(text).solve().solution.tasks
    assert task.extra["values"]["output"]["value"] == [1.0, 0.0]


def test_a_network_that_is_only_counted_is_not_written_out() -> None:
    text = "network: {input: 2, layers: [ReLU]}\ntasks: [parameters]"
    assert loads(text).define == ()


def test_too_many_weights_to_draw() -> None:
    text = SMALL.format(more="").replace("out_features: 3", "out_features: 400000")
    with pytest.raises(InputError, match="numbers are drawn for at most 1,000,000"):
        loads(text)


def test_a_layer_without_values_says_so() -> None:
    text = (
        "network:\n  input: [1, 2, 2, 2]\n  layers:\n"
        "    - ConvTranspose3d: {out_channels: 1, kernel_size: 2}\ntasks: [forward]"
    )
    with pytest.raises(InputError, match="has sizes, but no values"):
        loads(text)


def test_all_weights_by_one_word() -> None:
    text = SMALL.format(more="") + "  - update: {of: L, wrt: weights, rate: 1}\n"
    task = tutor.loads(text).solve().solution.tasks[-1]
    assert list(task.extra["final"]) == ["W_1", "b_1", "W_2"]
    with pytest.raises(InputError, match="unknown name `weights`"):
        loads("given: {x: 1}\ndefine: {y: x**2}\ntasks:\n  - gradient: {of: y, wrt: weights}\n")


def test_the_reason_for_the_size_of_a_weight_is_its_layer() -> None:
    text = SMALL.format(more="").replace("  - forward", "  - shapes: {of: [W_2, input]}")
    (task, *_) = tutor.loads(text).solve().solution.tasks
    whys = [row[-1].message for row in task.tables[0].rows]
    assert whys == ["A weight of the layer {name}.", "As given."]


def test_running_statistics_and_a_mask_are_taken_as_in_torch() -> None:
    text = """
given:
  input: [[1, 2, -3], [0, 1, 2]]
  mu_2: [0.5, 1]
  var_2: [1, 4]
  mask_dropout_1: [[1, 0], [1, 1]]
network:
  input: 3
  layers: [Linear: {out_features: 2}, BatchNorm1d, Dropout: {p: 0.5}]
tasks: [forward]
"""
    one_row = text.replace(", [0, 1, 2]", "").replace(", [1, 1]]", "]")
    single = text.replace("[[1, 2, -3], [0, 1, 2]]", "[1, 2, -3]")
    for file in (text, one_row, single.replace("[[1, 0], [1, 1]]", "[1, 0]")):
        found = {n: v.value for n, v in tutor.loads(file).solve().solution.variables.items()}
        x, w, b = (torch.tensor(found[n].floats()) for n in ("input", "W_1", "b_1"))
        mean, variance = torch.tensor([0.5, 1.0]).double(), torch.tensor([1.0, 4.0]).double()
        y = torch.nn.functional.batch_norm((x @ w.T + b).reshape(-1, 2), mean, variance)
        y = y * torch.tensor(found["mask_dropout_1"].floats()) / 0.5
        np.testing.assert_allclose(flat(found["output"].floats()), flat(y.numpy()), rtol=1e-9)


def test_what_rests_on_an_unknown_size_is_left_out() -> None:
    text = """
network:
  input: [1, 6, 6]
  layers: [Conv2d: {out_channels: 2, kernel_size: 3, padding: p}, Flatten]
define: {L: sum(output), y: 1 + 1}
tasks:
  - solve_shape: {unknown: p, so_that: {output: [72]}}
"""
    solution = tutor.loads(text).solve().solution
    assert solution.tasks[0].extra["solutions"] == [{"p": 1}]
    assert "L" not in solution.variables
