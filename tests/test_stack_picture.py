"""Pictures of a network's layers: nothing is lost, nothing overlaps, every format can be read."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner

from tutor import limits
from tutor.cli import app
from tutor.errors import InputError, Where
from tutor.problem.applied import apply_network
from tutor.problem.load import load, loads
from tutor.problem.model import Block, Layer, Network
from tutor.render.layout import layout
from tutor.render.scene import Group, Scene, Words
from tutor.render.scene import Path as Line
from tutor.render.stack import draw, drawn, told
from tutor.render.stack_text import to_dot
from tutor.stacks import LayerBlock, LayerBox
from tutor.tasks.blocks import stack

FOLDER = Path(__file__).parents[1] / "problems" / "networks"
FILES = [p for p in sorted(FOLDER.glob("*.yaml")) if "\nnetwork:" in p.read_text("utf-8")]
HERE = Where("file.yaml", 1, 1, "")
Part = LayerBox | LayerBlock


def unfolded(parts: Sequence[Part]) -> Iterator[str]:
    """The types of all layers, in the order of the network, with repeats written out."""
    for part in parts:
        if isinstance(part, LayerBox):
            first, *rest = part.lines
            yield first
            yield from (line.split(" ")[0] for line in rest if line[0].isupper())
        else:
            for _ in range(part.times):
                for branch in part.branches:
                    yield from unfolded(branch)


def layer(type_: str, **args: object) -> Layer:
    return Layer(type_, args, HERE)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_layer_is_in_the_picture_as_often_as_in_the_network(path: Path) -> None:
    network = load(path).network
    assert network is not None
    types = [it.spec.type for it in apply_network(network)]
    assert list(unfolded(stack(network).parts)) == types


def random_parts(rng: random.Random, depth: int) -> tuple[Layer | Block, ...]:
    same = layer("Conv2d", out_channels=4, kernel_size=3, padding=1)
    kinds = ["conv", "norm", "relu", "conv"] + ["repeat", "sum", "concat"] * (depth > 0)
    parts: list[Layer | Block] = []
    for _ in range(rng.randint(1, 4)):
        match rng.choice(kinds):
            case "conv":
                parts.append(same)
            case "norm":
                parts.append(layer("BatchNorm2d"))
            case "relu":
                parts.append(layer("ReLU"))
            case "repeat":
                inner = random_parts(rng, depth - 1)
                parts.append(Block("Repeat", (inner,), HERE, times=rng.randint(1, 3)))
            case "sum":
                parts.append(Block("Residual", (random_parts(rng, depth - 1), ()), HERE))
            case _:
                branches = (random_parts(rng, depth - 1), random_parts(rng, depth - 1))
                parts += [Block("Concat", branches, HERE), same]
    return (same, *parts)


@pytest.mark.parametrize("seed", range(60))
def test_folding_loses_nothing(seed: int) -> None:
    network = Network((4, 6, 6), random_parts(random.Random(seed), 2), HERE)
    types = [it.spec.type for it in apply_network(network)]
    picture = stack(network)
    assert list(unfolded(picture.parts)) == types
    assert not overlaps(draw(picture, "a title"))


# --- what stands where ---------------------------------------------------------------------------


def extent(group: Group) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a group."""
    xs, ys = [], []
    for item in group.items:
        if isinstance(item, Words):
            xs += [item.left, item.left + item.width]
            ys += [item.y - item.size, item.y + 0.2 * item.size]
        else:
            assert isinstance(item, Line)
            for _, *numbers in item.data:
                xs += [float(x) for x in numbers[::2]]
                ys += [float(y) for y in numbers[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def overlaps(scene: Scene) -> list[tuple[str, str]]:
    """Pairs of boxes that overlap, and boxes outside the picture."""
    boxes = [(g.title, extent(g)) for g in scene.groups if g.role == "node"]
    found = [
        (a, b)
        for (a, p), (b, q) in combinations(boxes, 2)
        if p[0] < q[2] and q[0] < p[2] and p[1] < q[3] and q[1] < p[3]
    ]
    for group in scene.groups:
        left, top, right, bottom = extent(group)
        if left < 0 or top < 0 or right > scene.width + 1 or bottom > scene.height + 1:
            found.append((group.title, "the edge"))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_no_box_overlaps_another(path: Path) -> None:
    problem = load(path)
    assert problem.network is not None
    scene = draw(stack(problem.network), problem.title)
    assert not overlaps(scene)
    for group in scene.groups:
        if group.role == "node" and any(isinstance(i, Words) for i in group.items):
            shape = extent(Group("", "", tuple(i for i in group.items if isinstance(i, Line))))
            words = extent(Group("", "", tuple(i for i in group.items if isinstance(i, Words))))
            assert shape[0] < words[0] and words[2] < shape[2], group.title


def test_the_check_for_overlaps_sees_one() -> None:
    network = loads("network: {input: 3, layers: [ReLU, Flatten]}").network
    assert network is not None
    scene = draw(stack(network), "")
    node = next(g for g in scene.groups if g.role == "node")
    twice = Scene(scene.width, scene.height, "", "", (*scene.groups, node))
    assert overlaps(twice)


# --- content -------------------------------------------------------------------------------------


def test_resnet_50_is_folded_and_its_sizes_stand_between() -> None:
    problem = load(FOLDER / "resnet50.yaml")
    assert problem.network is not None
    picture = stack(problem.network)
    repeats = [p.times for p in picture.parts if isinstance(p, LayerBlock) and p.kind == "repeat"]
    assert repeats == [2, 3, 5, 2]
    svg = drawn(picture, ["svg"], problem.title)["svg"].decode()
    words = [t.text for t in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("× 2") == 2 and "× 5" in words
    assert {"3×224×224", "64×112×112", "256×56×56", "2048×7×7", "1000"} <= set(words)


def test_layers_written_out_are_folded_too() -> None:
    layers = "[Linear: {out_features: 4}, ReLU, Linear: {out_features: 4}, ReLU, Flatten]"
    network = loads(f"network: {{input: 4, layers: {layers}}}").network
    assert network is not None
    first, second = stack(network).parts
    assert isinstance(first, LayerBlock) and first.times == 2
    assert isinstance(second, LayerBox) and second.lines == ("Flatten",)


def test_what_differs_is_not_folded() -> None:
    layers = "[Linear: {out_features: 4}, ReLU, Linear: {out_features: 5}, ReLU]"
    network = loads(f"network: {{input: 4, layers: {layers}}}").network
    assert network is not None
    assert len(stack(network).parts) == 2


def test_the_picture_in_words() -> None:
    network = loads("network: {input: 4, layers: [Residual: [Linear: {out_features: 4}]]}").network
    assert network is not None
    said = told(stack(network))
    assert said == ("Input of 4. Branch 1: Linear: 4. Branch 2: the input itself. Their sum: 4.")


def test_too_many_boxes() -> None:
    many = tuple(layer("Linear", out_features=k + 1) for k in range(limits.PICTURE_NODES + 1))
    with pytest.raises(InputError, match="too large"):
        stack(Network((4,), many, HERE))


# --- formats -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["unet", "gpt2_small", "lenet5"])
def test_every_format(name: str) -> None:
    problem = load(FOLDER / f"{name}.yaml")
    assert problem.network is not None
    picture = stack(problem.network)
    kinds = ["dot", "mermaid", "tikz", "pdf", "svg", "png"]
    found = drawn(picture, kinds, problem.title)
    assert found == drawn(picture, kinds, problem.title)
    assert found["pdf"].startswith(b"%PDF") and found["png"].startswith(b"\x89PNG")
    assert found["tikz"].decode().count("{tikzpicture}") == 2
    placed = layout(found["dot"].decode())
    mermaid = found["mermaid"].decode()
    assert mermaid.count(" --> ") + mermaid.count(" -->|") == len(placed.wires)
    assert len(re.findall(r"^ *subgraph", mermaid, re.M)) == len(
        re.findall(r"^ *end$", mermaid, re.M)
    )


def test_hostile_titles_stay_text() -> None:
    network = loads("network: {input: 4, layers: [ReLU]}").network
    assert network is not None
    title = 'a"]; b </title><script> \\end{tikzpicture}'
    found = drawn(stack(network), ["dot", "mermaid", "tikz", "svg"], title)
    assert len(layout(found["dot"].decode()).boxes) == 3
    ET.fromstring(found["svg"].decode())
    assert b"<script>" not in found["svg"] + found["mermaid"]
    assert found["tikz"].decode().count(r"\end{tikzpicture}") == 1


def test_dot_keeps_repeats_as_clusters() -> None:
    text = "network: {input: 4, layers: [Repeat: {times: 3, of: [Linear: {out_features: 4}]}]}"
    network = loads(text).network
    assert network is not None
    assert 'label="× 3"' in to_dot(stack(network), None)


# --- the command ---------------------------------------------------------------------------------


def run(tmp_path: Path, text: str, *options: str) -> tuple[int, str]:
    file, out = tmp_path / "p.yaml", tmp_path / "out.dot"
    file.write_text(text, encoding="utf-8")
    try:
        CliRunner().invoke(
            app, ["graph", str(file), "-o", str(out), *options], catch_exceptions=False
        )
    except InputError as error:
        return 2, error.message
    return 0, out.read_text(encoding="utf-8")


NETWORK = "network: {input: 2, layers: [Linear: {out_features: 1}]}\n"


def test_the_command_draws_layers_where_there_is_nothing_else(tmp_path: Path) -> None:
    status, text = run(tmp_path, NETWORK + "tasks: [parameters]")
    assert status == 0 and "rankdir=TB" in text and "Linear" in text


def test_the_command_draws_the_graph_of_a_network_with_a_loss(tmp_path: Path) -> None:
    both = NETWORK + "given: {input: [1, 2]}\ndefine: {L: sum(output**2)}"
    assert "rankdir=LR" in run(tmp_path, both)[1]
    assert "rankdir=TB" in run(tmp_path, both, "--blocks")[1]
    assert "2×1" in run(tmp_path, both, "--backward")[1]


def test_blocks_without_a_network_and_with_gradients(tmp_path: Path) -> None:
    assert "no `network`" in run(tmp_path, "given: {x: 1}\ndefine: {y: x}", "--blocks")[1]
    assert "shows sizes" in run(tmp_path, NETWORK, "--backward")[1]
