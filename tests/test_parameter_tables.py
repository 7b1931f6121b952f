"""The tables of `parameters`: figures, totals, indented blocks, folded repeats, every format."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tutor
from tutor.notation.unicode import unicode_text
from tutor.problem.applied import apply_tree, flat
from tutor.render.html import html
from tutor.render.latex import latex
from tutor.render.markdown import markdown
from tutor.render.notebook import notebook
from tutor.render.paper import sentence
from tutor.render.terminal import terminal
from tutor.render.typst import typst
from tutor.steps import Solution, Table, Text
from tutor.tasks.layer_rows import FEW, rows

FOLDER = Path(__file__).parents[1] / "problems" / "networks"
FILES = [p for p in sorted(FOLDER.glob("*.yaml")) if "\n  - parameters" in p.read_text("utf-8")]
CONV = "Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}"


def solved(layers: str, input_: str = "[4, 32, 32]", head: str = "") -> Solution:
    text = f"{head}network:\n  input: {input_}\n  layers: {layers}\ntasks: [parameters]\n"
    return tutor.loads(text).solve().solution


def of_level(solution: Solution, level: int) -> list[Table]:
    return [t for t in solution.tasks[0].tables if level in t.levels]


def plain(text: Text) -> str:
    return sentence(text, {}).replace("\u00a0", " ")


def said(cell: Any) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, Text):
        return plain(cell)
    return str(cell) if isinstance(cell, str | int) else unicode_text(cell)


def summed(table: Table, column: int) -> int:
    """The column added up by a reader: what stands below "3 ×" three times."""
    total = 0
    factors: list[tuple[int, int]] = []  # depth of each "n ×" that is still open, and n
    for depth, row in list(table.indented)[:-1]:
        while factors and factors[-1][0] >= depth:
            factors.pop()
        if found := re.fullmatch(r"(\d+) ×", said(row[0])):
            factors.append((depth, int(found[1])))
        elif isinstance(row[column], int):
            count = row[column]
            for _, n in factors:
                count *= n
            total += count
    return total


# --- figures -------------------------------------------------------------------------------------


def test_all_figures_stand_in_two_tables() -> None:
    first, second = of_level(
        solved(
            f"[{CONV}, ReLU, MaxPool2d: {{kernel_size: 2}}, Flatten, Linear: {{out_features: 2}}]"
        ),
        1,
    )
    shown = [[said(x) for x in row] for row in (first.columns, *first.rows)]
    assert shown == [
        ["Layer", "Output", "Weights", "Biases", "Parameters", "Neurons"],
        ["input", "4×32×32", "–", "–", "–", "–"],
        ["conv2d_1", "4×32×32", "144", "4", "148", "4096"],
        ["relu_1", "4×32×32", "0", "0", "0", "4096"],
        ["maxpool2d_1", "4×16×16", "0", "0", "0", "1024"],
        ["flatten_1", "1024", "0", "0", "0", "1024"],
        ["linear_1", "2", "2048", "2", "2050", "2"],
        ["total", "–", "2192", "6", "2198", "10242"],
    ]
    assert [[said(x) for x in row] for row in (second.columns, *second.rows)] == [
        ["Layer", "Multiply-adds", "Bytes", "Field", "Stride", "Offset"],
        ["conv2d_1", "147456", "16384", "3", "1", "−1"],
        ["relu_1", "0", "16384", "3", "1", "−1"],
        ["maxpool2d_1", "0", "4096", "4", "2", "−1"],
        ["flatten_1", "0", "4096", "–", "–", "–"],
        ["linear_1", "2048", "8", "–", "–", "–"],
        ["total", "149504", "40968", "–", "–", "–"],
    ]


WINDOW = "Conv2d: {out_channels: 2, kernel_size: [3, 5], stride: [1, 2], padding: [1, 0]}"


@pytest.mark.parametrize(
    ("layers", "input_", "row"),
    [  # the last layer: field, stride and offset
        (f"[{WINDOW}]", "[1, 9, 9]", ["3 × 5", "1 × 2", "−1 × 0"]),
        ("[Upsample: {scale_factor: 2}, Conv2d: {out_channels: 1, kernel_size: 3}]", "[1, 9, 9]",
         ["2", "–", "0"]),
        ("[ConvTranspose2d: {out_channels: 1, kernel_size: [3, 1], stride: [2, 1]}]", "[1, 9, 9]",
         ["2 × 1", "– × 1", "−1 × 0"]),
        ("[Linear: {out_features: 3}]", "8", []),
        ("[Linear: {out_features: 3}]", "[5, 8]", []),
    ],
)  # fmt: skip
def test_fields_in_the_table(layers: str, input_: str, row: list[str]) -> None:
    table = of_level(solved(layers, input_), 1)[1]
    assert [said(x) for x in table.rows[-2][3:]] == row
    assert (table.note is not None and "left out" in plain(table.note)) == ("–" in "".join(row))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
@pytest.mark.parametrize("level", [1, 2])
def test_columns_add_up_to_the_totals(path: Path, level: int) -> None:
    solution = tutor.load(path).solve().solution
    extra = solution.tasks[0].extra
    first, second = of_level(solution, level)
    keys = ["weights", "biases", "parameters", "neurons"]
    for column, key in enumerate(keys, 2):
        assert summed(first, column) == first.rows[-1][column] == extra[f"total_{key}"]
        assert extra[f"total_{key}"] == sum(row[key] for row in extra["layers"])
    for column, key in enumerate(["macs", "activation_memory"], 1):
        assert summed(second, column) == second.rows[-1][column] == extra[f"total_{key}"]
    assert [said(row[0]) for row in first.rows[1:]] == [said(row[0]) for row in second.rows]


def test_a_column_that_does_not_add_up_is_seen() -> None:
    table = of_level(tutor.load(FOLDER / "gpt2_small.yaml").solve().solution, 1)[0]
    fewer = [row for row in table.rows if said(row[0]) != "12 ×"]
    assert summed(replace(table, rows=tuple(fewer), depths=()), 2) != table.rows[-1][2]


# --- blocks and repeats --------------------------------------------------------------------------

TREES = [
    # layers, and each row's depth and label
    (f"[{CONV}, Residual: [{CONV}, ReLU]]",
     ["0 conv2d_1", "0 Residual (+ input)", "1 conv2d_2", "1 relu_1"]),
    (f"[Residual: {{body: [{CONV}], shortcut: [{CONV}, ReLU]}}]",
     ["0 Residual (+ shortcut)", "1 conv2d_1", "1 shortcut", "2 conv2d_2", "2 relu_1"]),
    (f"[Concat: {{branches: [[], [{CONV}]]}}, ReLU]",
     ["0 Concat (+ input)", "1 conv2d_1", "0 relu_1"]),
    (f"[Concat: {{branches: [[{CONV}], [], [ReLU]]}}]",
     ["0 Concat (+ input)", "1 branch 1", "2 conv2d_1", "1 branch 3", "2 relu_1"]),
    (f"[Concat: {{branches: [[{CONV}], [ReLU]]}}]",
     ["0 Concat", "1 branch 1", "2 conv2d_1", "1 branch 2", "2 relu_1"]),
    (f"[Sequential: [{CONV}, Repeat: {{times: 2, of: [ReLU]}}]]",
     ["0 conv2d_1", "0 relu_1", "0 relu_2"]),
]  # fmt: skip
FOLDED = [
    (f"[Repeat: {{times: 30, of: [{CONV}, ReLU]}}]", ["0 30 ×", "1 conv2d_1", "1 relu_1"]),
    # written out as well, and only what is equal: the first has other channels
    ("[" + ", ".join(["Conv2d: {out_channels: 7, kernel_size: 3, padding: 1}, ReLU"] * 30) + "]",
     ["0 conv2d_1", "0 29 ×", "1 relu_1", "1 conv2d_2", "0 relu_30"]),
    (f"[Repeat: {{times: 9, of: [Repeat: {{times: 4, of: [{CONV}, ReLU]}}, Dropout]}}]",
     ["0 9 ×", "1 4 ×", "2 conv2d_1", "2 relu_1", "1 dropout_1"]),
    (f"[Repeat: {{times: 21, of: [Residual: [{CONV}, ReLU]]}}]",
     ["0 21 ×", "1 Residual (+ input)", "2 conv2d_1", "2 relu_1"]),
    (f"[Repeat: {{times: 41, of: [ReLU]}}, Repeat: {{times: 2, of: [{CONV}]}}]",
     ["0 41 ×", "1 relu_1", "0 conv2d_1", "0 conv2d_2"]),
    (f"[Residual: {{body: [Repeat: {{times: 20, of: [{CONV}, ReLU]}}], shortcut: [{CONV}]}}]",
     ["0 Residual (+ shortcut)", "1 20 ×", "2 conv2d_1", "2 relu_1", "1 shortcut", "2 conv2d_21"]),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "expected"), [*TREES, *FOLDED])
def test_blocks_are_indented_and_repeats_folded(layers: str, expected: Sequence[str]) -> None:
    first, second = of_level(solved(layers), 1)
    shown = [f"{depth} {said(row[0])}" for depth, row in first.indented]
    assert shown == ["0 input", *expected, "0 total"]
    assert [f"{depth} {said(row[0])}" for depth, row in second.indented] == shown[1:]
    assert summed(first, 4) == first.rows[-1][4]
    assert summed(second, 1) == second.rows[-1][1]
    note = plain(first.note or Text(""))
    assert ("Indented rows" in note) == any("(" in x or "Concat" in x for x in expected)
    assert ("the rows below it" in note) == any("×" in x for x in expected)


@pytest.mark.parametrize("layers", [layers for layers, _ in FOLDED])
def test_in_detail_every_layer_has_its_row(layers: str) -> None:
    solution = solved(layers)
    names = {row["name"] for row in solution.tasks[0].extra["layers"]}
    assert len(names) > FEW
    for table in of_level(solution, 2):
        assert names < {said(row[0]) for row in table.rows}


def test_figures_that_grow_are_told_from_first_to_last() -> None:
    table = of_level(solved(f"[Repeat: {{times: 50, of: [{CONV}]}}]"), 1)[1]
    assert [said(x) for x in table.rows[1]] == [
        "conv2d_1", "147456", "16384", "3…101", "1", "−1…−50"
    ]  # fmt: skip
    assert table.note is not None and "a…b" in plain(table.note)


def test_a_folded_row_stands_for_layers_that_are_alike() -> None:
    for path in FILES:
        network = tutor.load(path).problem.network
        assert network is not None
        tree = apply_tree(network)
        listed = rows(tree, fold=True)
        named = [layer.name for row in listed for layer in row.layers]
        assert sorted(named) == sorted(layer.name for layer in flat(tree))
        for row in listed:
            alike = {(x.spec.type, x.input, x.output, repr(x.args)) for x in row.layers}
            assert len(alike) == (1 if row.layers else 0)


def test_a_thousand_layers_are_read_at_a_glance() -> None:
    solution = solved(f"[{CONV}, Repeat: {{times: 333, of: [{CONV}, BatchNorm2d, ReLU]}}]")
    assert all(len(t.rows) <= 7 for t in of_level(solution, 1))
    assert len(terminal(solution).splitlines()) < 100


# --- formats -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
@pytest.mark.parametrize("language", ["en", "cs", "zh"])
def test_the_text_of_all_levels_stays_within_80_columns(path: Path, language: str) -> None:
    from tutor.notation.block import width

    solution = replace(tutor.load(path).solve().solution, language=language)
    for level in range(3):
        text = terminal(solution, level=level)
        assert max(map(width, text.splitlines())) <= 80
        for row in solution.tasks[0].extra["layers"] if level == 2 else ():
            assert re.search(rf"^ *{row['name']} ", text, re.MULTILINE)


SHOWN = solved(f"[{CONV}, Residual: [{CONV}, ReLU]]")
FORMATS = {
    "terminal": (terminal, "Sizes and parameters", "      relu_1  "),
    "markdown": (markdown, "### Sizes and parameters", r"| &emsp;relu\_1 |"),
    "notebook": (lambda s, level: "".join(
        line for cell in json.loads(notebook(s, level=level))["cells"] for line in cell["source"]),
        "### Sizes and parameters", r"| &emsp;relu\_1 |"),
    "html": (html, "<caption>Sizes and parameters</caption>",
             '<td style="padding-left:1.7rem">relu_1</td>'),
    "latex": (latex, r"\textit{Sizes and parameters}", r"\hspace*{1em}relu\_1 &"),
    "typst": (lambda s, level: typst(s, lambda tex: tex, level=level),
              '=== #"Sizes and parameters"', '[#h(1em)#"relu_1";]'),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_shows_caption_depth_and_note(name: str) -> None:
    show, caption, row = FORMATS[name]
    for level in range(3):
        text = show(SHOWN, level=level)
        assert caption in text and row in text
        for head in ("Weights", "Biases", "Neurons", "Bytes", "Field", "Stride", "Offset"):
            assert head in text
        assert ("Indented" in text) == (level > 0)


def test_long_tables_are_broken_by_pages_in_latex() -> None:
    short = latex(SHOWN)
    assert r"\begin{longtable}" not in short and r"\begin{tabular}" in short
    long = latex(tutor.load(FOLDER / "resnet50.yaml").solve().solution)
    assert long.count(r"\begin{longtable}") == 2
    # head and first row hold the width of every column, so that all pages are alike
    head, rest = long.split(r"\begin{longtable}")[1].split(r"\endhead")
    first = rest.split(r"\\ conv2d\_1 &")[0]
    assert head.count(r"\widest{") == first.count(r"\widest{") == 6
    assert "adaptiveavgpool2d" in head  # the longest name, though on another page


# --- steps ---------------------------------------------------------------------------------------

STEPS = [
    # layers, input; a step's title, equation, and what is said
    ("[Conv2d: {out_channels: 1, kernel_size: 5, padding: 2, dilation: 2}]", "[1, 28, 28]",
     "conv2d_1: receptive field, height and width",
     "rₒᵤₜ = r + (k − 1)·d·j = 1 + (5 − 1)·2·1 = 9",
     "Windows move on by one entry, so fields still begin 1 apart. The first window begins 2 "
     "entries before the layer's input, so the first field begins at 0 − 2·1 = −2."),
    ("[MaxPool2d: {kernel_size: 2}, MaxPool2d: {kernel_size: 3, stride: 2}]", "[1, 28, 28]",
     "maxpool2d_2: receptive field, height and width",
     "rₒᵤₜ = r + (k − 1)·d·j = 2 + (3 − 1)·1·2 = 6",
     "Windows move on by 2 entries, so fields now begin 2·2 = 4 apart. The first window begins at "
     "the first entry, so the first field still begins at 0."),
    ("[ConvTranspose2d: {out_channels: 1, kernel_size: 3, stride: 2}]", "[1, 9, 9]",
     "convtranspose2d_1: receptive field, height and width", "rₒᵤₜ = 2",
     "Followed back to the network's input, an output sees at most 2 entries; the fields of "
     "neighbouring outputs are not all equally far apart."),
    ("[AdaptiveAvgPool1d: {output_size: 1}]", "[1, 9]",
     "adaptiveavgpool1d_1: receptive field, length", "rₒᵤₜ = 9",
     "Followed back to the network's input, an output sees 9 entries."),
    ("[Linear: {out_features: 3}]", "4", "linear_1: neurons", "3",
     "Each entry of an output of size 3 is one neuron."),
    ("[Linear: {out_features: 3}]", "4", "Weights, without the biases", "12",
     "The other 3 parameters are biases."),
    ("[Linear: {out_features: 3}, ReLU]", "4", "Memory for all outputs of one example, in bytes",
     "4·6 = 24", "The outputs of all layers together have 6 entries; a number in single precision "
     "(float32) takes 4 bytes."),
    (f"[{', '.join([CONV] * 8)}, BatchNorm2d]", "[4, 8, 8]",
     "Parameters in total (Conv2d and BatchNorm2d)", "1184 + 8 = 1192",
     "Layers without parameters add nothing."),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "input_", "title", "equation", "why"), STEPS)
def test_steps(layers: str, input_: str, title: str, equation: str, why: str) -> None:
    steps = solved(layers, input_).tasks[0].steps
    (step,) = (s for s in steps if plain(s.title) == title)
    assert " = ".join(map(unicode_text, step.equation)) == equation
    assert step.why is not None and plain(step.why).endswith(why)


def test_the_growth_of_fields_is_explained_once() -> None:
    text = terminal(solved(f"[{CONV}, {CONV}, MaxPool2d: {{kernel_size: 2}}]"), level=2)
    assert text.count("neighbouring fields") + text.count("neighbouring\n") == 1


def test_norms_and_tables_of_words_are_not_called_neurons() -> None:
    steps = solved("[BatchNorm2d]").tasks[0].steps
    assert not [s for s in steps if s.rule == "neuron count"]
