"""`tutor ops Conv2d`: every layer has a page, and torch agrees with what it says."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from tutor import catalogue, layer_pages
from tutor.cli import app
from tutor.errors import InputError
from tutor.notation.text import text
from tutor.problem.layer_spec import Counts
from tutor.problem.layers import LAYERS
from tutor.render import layer_page
from tutor.words import speaking

RUN = CliRunner()
NO_MODULE = {"Permute", "Select", "Parameter"}  # which torch.nn has under no such name


def agrees(type_: str) -> bool:
    """Whether torch gives the example the same output and as many parameters."""
    page, it = layer_pages.page(type_), layer_pages.example(LAYERS[type_])
    torch_networks = pytest.importorskip("tests.torch_networks", exc_type=ImportError)
    made = torch_networks.module(it)
    same = torch_networks.output(made, page.before, indices=type_ == "Embedding") == page.after
    return same and torch_networks.count(made) == page.parameters


@pytest.mark.parametrize("type_", LAYERS)
def test_every_layer_has_a_page(type_: str) -> None:
    page = layer_pages.page(type_)
    said = layer_page.page(page, 80)
    assert all(len(row) <= 80 for row in said.splitlines())
    assert not re.search(r"\{[a-z]+\}", said), "a hole was left open"
    assert [a.name for a in page.arguments] == list(LAYERS[type_].signature)
    for a in page.arguments:
        assert a.takes and (a.needed or a.otherwise), f"nothing is said of `{a.name}`"
    for w in page.worked:
        *_, last = w.equation
        assert int(text(last)) in (page.parameters, *page.after) or w.what == "multiply-adds"
    if page.parameters:
        assert {w.what for w in page.worked} >= {"parameters"}
    assert agrees(type_)


@pytest.mark.parametrize("type_", [t for t in LAYERS if t not in NO_MODULE])
def test_defaults_are_torch_s(type_: str) -> None:
    nn = pytest.importorskip("torch").nn
    theirs = inspect.signature(getattr(nn, type_).__init__).parameters
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in theirs.values()):
        pytest.skip("torch reads its arguments by position")
    for a in layer_pages.page(type_).arguments:
        if a.default is not None and a.name in theirs:
            default = theirs[a.name].default
            assert getattr(default, "__name__", default) == a.default, a.name


def test_a_layer_and_its_function_point_at_each_other() -> None:
    pairs = 0
    for type_ in LAYERS:
        page = layer_pages.page(type_)
        if page.same:
            assert type_ in catalogue.page(page.functions[0]).layers
            assert f"tutor ops {page.functions[0]}" in re.sub(r"\s+", " ", layer_page.page(page))
            pairs += 1
    assert pairs > 40
    assert "lstm_cell" in layer_pages.functions("LSTM")
    assert layer_pages.layers_of("batch_norm") == ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
    assert "GLU" not in layer_pages.layers_of("sigmoid")  # which multiplies as well


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Conv2d", "Conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0,"),
        ("Conv2d", "in_channels: a whole number of at least 1; left out: read off"),
        ("Conv2d", "size           nₒᵤₜ = ⌊(n + 2p − d·(k − 1) − 1)/s⌋ + 1 along each axis."),
        ("Conv2d", "parameters     N = k·k·Cᵢₙ·Cₒᵤₜ + Cₒᵤₜ"),
        ("Conv2d", "example        - Conv2d: {out_channels: 4, kernel_size: 3}"),
        ("Conv2d", "               N = 3·3·3·4 + 4 = 112"),
        ("Conv2d", "function       conv2d in `define` (see `tutor ops conv2d`)"),
        ("Conv2d", "padding_mode: zeros, reflect, replicate or circular; zeros by"),
        ("MaxPool2d", "each axis; left out: the kernel size"),
        ("Linear", "parameters     N = nᵢₙ·nₒᵤₜ + nₒᵤₜ"),
        ("ReLU", "parameters     none"),
    ],
)
def test_pages_of_layers(name: str, line: str) -> None:
    assert line in RUN.invoke(app, ["ops", name]).stdout


def test_a_page_as_data() -> None:
    found = json.loads(RUN.invoke(app, ["ops", "Conv2d", "--format", "json"]).stdout)
    assert found["kind"] == "layer" and found["functions"] == ["conv2d"]
    assert found["formulas"]["parameters"] == "k * k * C_in * C_out + C_out"
    assert found["example"]["output"] == [4, 6, 6] and found["example"]["parameters"] == 112
    assert [a["name"] for a in found["arguments"] if a["needed"]] == ["out_channels", "kernel_size"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("conv2D", "did you mean the function `conv2d` or the layer `Conv2d`?"),
        ("RELU", "did you mean the function `relu` or the layer `ReLU`?"),
        ("Cnv2d", "did you mean `Conv2d`?"),
        ("BatchNorm2D", "did you mean `BatchNorm2d`?"),
        ("residual", "a block of layers is written `Residual: "),
        ("qqq", "`tutor ops` lists them all"),
    ],
)
def test_unknown_names(name: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        catalogue.written(name, False, 80)
    assert (error.value.hint or "").startswith(hint)


@pytest.mark.parametrize("language", ["cs", "zh"])
def test_pages_speak(language: str) -> None:
    for name in ("Conv2d", "conv2d", "Embedding"):
        english = catalogue.written(name, False, 80)
        with speaking(language):
            assert catalogue.written(name, False, 80) != english


def test_a_wrong_count_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: without the biases the page no longer agrees with torch."""
    spec = LAYERS["Conv2d"]
    wrong = replace(spec, counts=lambda x, a, y: Counts(weights=spec.counts(x, a, y).weights))
    assert agrees("Conv2d")
    monkeypatch.setitem(LAYERS, "Conv2d", wrong)
    assert not agrees("Conv2d")
