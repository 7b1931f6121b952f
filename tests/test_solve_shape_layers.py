"""`solve_shape` that names layers of a network, against a loop over modules of torch."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import pytest
import yaml

import tutor
from tutor.errors import InputError
from tutor.problem.layer_names import layer_names
from tutor.problem.load import loads
from tutor.problem.written import write_out
from tutor.tasks import shape_search

torch = pytest.importorskip("torch")
nn = torch.nn

# an argument that torch needs and a file may leave out: the axis of the input that it repeats
READ_OFF = {"in_channels": 1, "num_channels": 1, "in_features": -1, "num_features": 1,
            "embed_dim": -1, "input_size": -1}  # fmt: skip


def file(size: str, layers: str, unknown: str, so_that: str) -> str:
    return (
        f"network:\n  input: {size}\n  layers: [{layers}]\n"
        f"tasks:\n  - solve_shape: {{unknown: {unknown}, so_that: {so_that}}}\n"
    )


def at(value: Any, numbers: Mapping[str, int]) -> Any:
    """Names replaced by numbers, lists by tuples."""
    if isinstance(value, list):
        return tuple(at(v, numbers) for v in value)
    if isinstance(value, dict):
        return {k: at(v, numbers) for k, v in value.items()}
    return numbers.get(value, value) if isinstance(value, str) else value


class Walk:
    """Sends a batch through the layers of a file, one torch module at a time."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self.numbers, self.shapes = numbers, {}
        self.counted: dict[str, int] = {}

    def parts(self, parts: Sequence[Any], x: torch.Tensor) -> torch.Tensor:
        for part in parts:
            ((type_, body),) = part.items() if isinstance(part, dict) else ((part, {}),)
            x = self.part(type_, body, x)
        return x

    def part(self, type_: str, body: Any, x: torch.Tensor) -> torch.Tensor:
        if type_ == "Sequential":
            return self.parts(body, x)
        if type_ == "Repeat":
            for _ in range(body["times"]):
                x = self.parts(body["of"], x)
            return x
        if type_ in ("Residual", "Concat"):
            lists = body["branches"] if type_ == "Concat" else [body["body"], body["shortcut"]]
            ends = [self.parts(branch, x) for branch in lists]
            if type_ == "Residual" and ends[0].shape != ends[1].shape:
                raise ValueError("torch would stretch them")
            return self.seen(type_, sum(ends) if type_ == "Residual" else torch.cat(ends, 1))
        return self.seen(type_, self.layer(type_, at(body, self.numbers), x))

    def layer(self, type_: str, args: dict[str, Any], x: torch.Tensor) -> torch.Tensor:
        module = getattr(nn, type_)
        takes = inspect.signature(module.__init__).parameters
        for name, axis in READ_OFF.items():
            if name in takes and name not in args:
                args[name] = x.shape[axis]
        least = [args.get(k, 1) for k in ("kernel_size", "stride", "dilation")]
        if min(min(v) if isinstance(v, tuple) else v for v in least) < 1:
            raise ValueError("meta tensors do not mind, others do")
        spare = args.get("output_padding", 0)
        if spare and spare >= max(args.get("stride", 1), args.get("dilation", 1)):
            raise ValueError("meta tensors do not mind, others do")
        y = module(**args, **({"device": "meta"} if "device" in takes else {}))(x)
        if not y.numel():
            raise ValueError("nothing is left")
        return y

    def seen(self, type_: str, y: torch.Tensor) -> torch.Tensor:
        self.counted[type_] = self.counted.get(type_, 0) + 1
        self.shapes[f"{type_.lower()}_{self.counted[type_]}"] = tuple(y.shape[1:])
        return y


def by_force(text: str, most: int) -> Iterator[dict[str, int]]:
    """All numbers up to `most` for which torch gives every node its size."""
    network, (task,) = (yaml.safe_load(text)[k] for k in ("network", "tasks"))
    asked = task["solve_shape"]
    names = asked["unknown"] if isinstance(asked["unknown"], list) else [asked["unknown"]]
    wanted = {k: tuple(v) for k, v in asked["so_that"].items()}
    for numbers in product(range(most + 1), repeat=len(names)):
        walk = Walk(dict(zip(names, numbers, strict=True)))
        try:
            size = at(network["input"], walk.numbers)
            walk.shapes["output"] = tuple(
                walk.parts(network["layers"], torch.zeros(2, *size, device="meta")).shape[1:]
            )
        except (RuntimeError, ValueError, ZeroDivisionError, AssertionError, UserWarning):
            continue
        if all(walk.shapes[k] == v for k, v in wanted.items()):
            yield walk.numbers  # type: ignore[misc]


CONV = "Conv2d: {out_channels: 8, kernel_size: "
ROWS = {
    "the first layer": (
        "[3, 12, 12]",
        "Conv2d: {out_channels: 8, kernel_size: 5, padding: p}, ReLU, MaxPool2d: {kernel_size: 2}",
        "p",
        "{conv2d_1: [8, 12, 12]}",
    ),
    "behind a pool": (
        "[3, 12, 12]",
        "Conv2d: {out_channels: 8, kernel_size: 5, padding: p}, ReLU, MaxPool2d: {kernel_size: 2}",
        "p",
        "{maxpool2d_1: [8, 6, 6]}",
    ),
    "two nodes": (
        "[3, 12, 12]",
        "Conv2d: {out_channels: 8, kernel_size: 5, padding: p}, ReLU, MaxPool2d: {kernel_size: 2}",
        "p",
        "{relu_1: [8, 10, 10], output: [8, 5, 5]}",
    ),
    "nodes that disagree": (
        "[3, 12, 12]",
        "Conv2d: {out_channels: 8, kernel_size: 5, padding: p}, MaxPool2d: {kernel_size: 2}",
        "p",
        "{conv2d_1: [8, 12, 12], output: [8, 5, 5]}",
    ),
    "inside a Residual": (
        "[8, 9, 9]",
        "Residual: {body: [Conv2d: {out_channels: 8, kernel_size: 5, padding: p}], shortcut: []}",
        "p",
        "{conv2d_1: [8, 9, 9]}",
    ),
    "a Residual": (
        "[8, 9, 9]",
        "Residual: {body: [Conv2d: {out_channels: 8, kernel_size: 5, padding: p}], shortcut: "
        "[]}, ReLU",
        "p",
        "{residual_1: [8, 9, 9]}",
    ),
    "behind a Residual": (
        "[3, 9, 9]",
        "Conv2d: {out_channels: 8, kernel_size: 3, padding: p}, Residual: {body: [Conv2d: "
        "{out_channels: 8, kernel_size: 3, padding: 1}], shortcut: []}, MaxPool2d: "
        "{kernel_size: 2}",
        "p",
        "{maxpool2d_1: [8, 5, 5]}",
    ),
    "a shortcut": (
        "[4, 8, 8]",
        "Residual: {body: [Conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: "
        "1}], shortcut: [Conv2d: {out_channels: 8, kernel_size: 1, stride: s}]}, ReLU",
        "s",
        "{relu_1: [8, 4, 4]}",
    ),
    "channels on both sides": (
        "[4, 8, 8]",
        "Residual: {body: [Conv2d: {out_channels: c, kernel_size: 3, padding: 1}], shortcut: "
        "[Conv2d: {out_channels: c, kernel_size: 1}]}",
        "c",
        "{residual_1: [6, 8, 8]}",
    ),
    "a Repeat": (
        "[3, 16, 16]",
        "Repeat: {times: 3, of: [Conv2d: {out_channels: 8, kernel_size: 3, stride: s, "
        "padding: 1}, ReLU]}",
        "s",
        "{conv2d_3: [8, 2, 2]}",
    ),
    "inside a Repeat": (
        "[3, 16, 16]",
        "Repeat: {times: 3, of: [Conv2d: {out_channels: 8, kernel_size: 3, stride: s, "
        "padding: 1}]}",
        "s",
        "{conv2d_2: [8, 4, 4]}",
    ),
    "a Sequential in a Repeat": (
        "[3, 16, 16]",
        "Repeat: {times: 2, of: [Sequential: [Conv2d: {out_channels: 8, kernel_size: 3, "
        "padding: p}, MaxPool2d: {kernel_size: 2}]]}",
        "p",
        "{conv2d_1: [8, 16, 16], maxpool2d_2: [8, 4, 4]}",
    ),
    "a Concat": (
        "[3, 6, 6]",
        "Concat: {branches: [[Conv2d: {out_channels: a, kernel_size: 1}], [Conv2d: "
        "{out_channels: 8, kernel_size: 3, padding: p}]]}",
        "[a, p]",
        "{concat_1: [14, 6, 6]}",
    ),
    "features": (
        "[1, 8, 8]",
        "Conv2d: {out_channels: 2, kernel_size: 3, padding: p}, Flatten, Linear: "
        "{in_features: 72, out_features: 10}",
        "p",
        "{linear_1: [10]}",
    ),
    "channels by features": (
        "[1, 8, 8]",
        "Conv2d: {out_channels: c, kernel_size: 3}, Flatten, Linear: {in_features: 72, "
        "out_features: 10}",
        "c",
        "{linear_1: [10]}",
    ),
    "no such features": (
        "[1, 8, 8]",
        "Conv2d: {out_channels: c, kernel_size: 3}, Flatten",
        "c",
        "{flatten_1: [100]}",
    ),
    "groups": (
        "[12, 4, 4]",
        "Conv2d: {out_channels: 18, kernel_size: 3, groups: g}, ReLU",
        "g",
        "{conv2d_1: [18, 2, 2]}",
    ),
    "groups of a norm": (
        "[12, 4, 4]",
        "GroupNorm: {num_groups: g}",
        "g",
        "{groupnorm_1: [12, 4, 4]}",
    ),
    "output padding": (
        "[4, 5, 5]",
        "ConvTranspose2d: {out_channels: 3, kernel_size: 3, stride: 2, padding: 1, "
        "output_padding: q}",
        "q",
        "{convtranspose2d_1: [3, 10, 10]}",
    ),
    "too much output padding": (
        "[4, 5, 5]",
        "ConvTranspose2d: {out_channels: 3, kernel_size: 3, stride: 2, padding: 1, "
        "output_padding: q}",
        "q",
        "{convtranspose2d_1: [3, 11, 11]}",
    ),
    "three of a transposed one": (
        "[4, 3, 3]",
        "ConvTranspose2d: {out_channels: 3, kernel_size: 4, stride: s, padding: p, "
        "output_padding: q}, Tanh",
        "[s, p, q]",
        "{tanh_1: [3, 7, 7]}",
    ),
    "dilation": (
        "[1, 20]",
        "Conv1d: {out_channels: 1, kernel_size: 3, dilation: d}",
        "d",
        "{conv1d_1: [1, 12]}",
    ),
    "no such dilation": (
        "[1, 20]",
        "Conv1d: {out_channels: 1, kernel_size: 3, dilation: d}",
        "d",
        "{conv1d_1: [1, 13]}",
    ),
    "kernel and dilation": (
        "[1, 20]",
        "Conv1d: {out_channels: 1, kernel_size: k, dilation: d}",
        "[k, d]",
        "{conv1d_1: [1, 12]}",
    ),
    "the input": (
        "[3, N, M]",
        "Conv2d: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}, MaxPool2d: "
        "{kernel_size: 3, stride: 2, padding: 1}",
        "[N, M]",
        "{maxpool2d_1: [8, 2, 3]}",
    ),
    "the input's channels": (
        "[c, 8, 8]",
        "MaxPool2d: {kernel_size: 2}, Flatten",
        "c",
        "{maxpool2d_1: [5, 4, 4], flatten_1: [80]}",
    ),
    "one name twice": (
        "[3, 9, 9]",
        "Conv2d: {out_channels: a, kernel_size: k}, ReLU, Conv2d: {out_channels: b, "
        "kernel_size: k}",
        "[a, b, k]",
        "{conv2d_1: [4, 7, 7], conv2d_2: [9, 5, 5]}",
    ),
    "a padding between": (
        "[3, 5, 5]",
        "ZeroPad2d: {padding: p}, Conv2d: {out_channels: 2, kernel_size: 3}",
        "p",
        "{conv2d_1: [2, 7, 7]}",
    ),
    "rounded up": (
        "[3, 20, 20]",
        "MaxPool2d: {kernel_size: 3, stride: s, ceil_mode: true}",
        "s",
        "{maxpool2d_1: [3, 7, 7]}",
    ),
    "heads": (
        "[7, 12]",
        "LayerNorm: {normalized_shape: 12}, Linear: {out_features: h}",
        "h",
        "{linear_1: [7, 12]}",
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_layers_against_torch(row: tuple[str, str, str, str]) -> None:
    text = file(*row)
    most = (15, 12, 6)[row[2].count(",")]
    (result,) = tutor.loads(text).solve().tasks
    assert result.check is not None and result.check.passed
    found = [s for s in result.extra["solutions"] if max(s.values()) <= most]
    key = lambda s: tuple(s.values())  # noqa: E731
    assert sorted(found, key=key) == sorted(by_force(text, most), key=key)


def test_the_loop_finds_what_there_is() -> None:
    found = {
        name: list(by_force(file(*ROWS[name]), 6)) for name in ("features", "no such features")
    }
    assert found == {"features": [{"p": 0}], "no such features": []}


def test_a_planted_fault_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solutions that are one too few differ from torch's."""
    right = shape_search.fits
    monkeypatch.setattr(shape_search, "fits", lambda goals, v: right(goals, v) and v != {"g": 2})
    with pytest.raises(AssertionError):
        test_layers_against_torch(ROWS["groups"])


BLOCK = f"Residual: {{body: [{CONV}3, padding: 1}}], shortcut: []}}"
NET = f"{CONV}3, padding: p}}, ReLU, {BLOCK}, Flatten"


@pytest.mark.parametrize(
    ("node", "hint"),
    [
        ("conv2d_9", "the layers of this type are `conv2d_1` to `conv2d_2`"),
        ("conv2d", "the layers of this type are `conv2d_1` to `conv2d_2`"),
        ("Conv2d", "the layers of this type are `conv2d_1` to `conv2d_2`"),
        ("flaten_1", "did you mean `flatten_1`?"),
        ("flatten", "did you mean `flatten_1`?"),
        ("resdual_1", "did you mean `residual_1`?"),
        ("outptu", "did you mean `output`?"),
        ("xyz", "the layers are `conv2d_1`, `relu_1`, `conv2d_2`, `residual_1`, `flatten_1`"),
    ],
)
def test_an_unknown_layer_suggests_one(node: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        tutor.loads(file("[3, 8, 8]", NET, "p", f"{{{node}: [8, 8, 8]}}"))
    assert error.value.hint == hint


@pytest.mark.parametrize(
    ("so_that", "message", "hint"),
    [
        ("{flatten_1: [8, 8, 8]}", "`flatten_1` has 1 axis, but", "as `[features]`"),
        ("{conv2d_1: [2, 8, 8, 8]}", "`conv2d_1` has 3 axes, but", "[channels, height, width]"),
        ("{input: [3, 8, 8]}", "`p` is not an unknown on the way to `input`", "padding: p"),
    ],
)
def test_other_mistakes(so_that: str, message: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        tutor.loads(file("[3, 8, 8]", NET, "p", so_that)).solve()
    assert message in error.value.message and hint in (error.value.hint or "")


def test_names_are_those_of_the_definitions() -> None:
    """A layer, and the end of a block, is called the same whether the sizes are known or not."""
    twice = f"Concat: {{branches: [[ReLU], [{BLOCK}]]}}, Repeat: {{times: 2, of: [Tanh]}}"
    text = f"network:\n  input: [3, 8, 8]\n  layers: [{CONV}3}}, {BLOCK}, {twice}]\n"
    network = loads(text).network
    assert network is not None
    written = [name for d in write_out(network, {}, ()).define for name in d.names]
    assert written[-1] == "output"
    assert [*layer_names(network)][: len(written) - 1] == written[:-1]
    assert layer_names(network)[-1] == "tanh_2"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            (
                "[c, 8, 8]",
                "Conv2d: {out_channels: 4, kernel_size: 3}",
                "c",
                "{conv2d_1: [4, 6, 6]}",
            ),
            "Every c from 1 on fits.",
        ),
        (
            (
                "[1, 20]",
                "Conv1d: {out_channels: 1, kernel_size: 1, dilation: d}",
                "d",
                "{conv1d_1: [1, 20]}",
            ),
            "Every d from 1 on fits.",
        ),
        (
            (
                "[1, 8, 8]",
                "Conv2d: {out_channels: 2, kernel_size: 3, padding: p}, Flatten, Linear: "
                "{in_features: 72, out_features: 10}",
                "p",
                "{linear_1: [10]}",
            ),
            "flatten_1: 2×6×6 → 72",
        ),
        (
            (
                "[1, 8, 8]",
                "Conv2d: {out_channels: 2, kernel_size: 3, padding: p}, Flatten, Linear: "
                "{in_features: 72, out_features: 10}",
                "p",
                "{linear_1: [10]}",
            ),
            "│ p = 0 │",
        ),
        (
            (
                "[1, N, N]",
                "Conv2d: {out_channels: 2, kernel_size: 3}, Flatten",
                "N",
                "{flatten_1: [99]}",
            ),
            "Axis 1 of flatten_1 is never 99; the nearest that it gets is 98 or 128.",
        ),
        (
            (
                "[4, 8, 8]",
                "Residual: {body: [Conv2d: {out_channels: 8, kernel_size: 3, stride: s, "
                "padding: 1}], shortcut: [Conv2d: {out_channels: 8, kernel_size: 1, stride: "
                "2}]}",
                "s",
                "{residual_1: [8, 4, 4]}",
            ),
            "conv2d_2: 4×8×8 → 8×4×4",
        ),
    ],
)
def test_what_is_said(row: tuple[str, str, str, str], words: str) -> None:
    assert words in tutor.loads(file(*row)).solve().text()


def test_a_name_for_two_things() -> None:
    net = f"network: {{input: [3, 8, 8], layers: [{CONV}3, padding: p}}]}}\n"
    rest = "tasks:\n  - solve_shape: {unknown: p, so_that: {conv2d_1: [2, 8, 8]}}\n"
    clash = "given:\n  x: tensor(3, 8, 8)\ndefine:\n  conv2d_1: max_pool2d(x, 2, padding=p)\n"
    with pytest.raises(InputError, match="a layer of the network, and a definition as well"):
        tutor.loads(net + clash + rest).solve()
