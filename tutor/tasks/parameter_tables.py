"""The tables of `parameters`: what each layer has, and what it costs and sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..problem.applied import AppliedPart
from ..problem.layer_spec import Shape
from ..steps import Table, Text, in_turn
from .arithmetic import by, num
from .layer_rows import FEW, Row, rows
from .parameter_totals import FLOAT32_BYTES

Figures = Mapping[str, Mapping[str, Any]]  # by the layers' names, as in the JSON result

_COUNTS = {
    "weights": Text("Weights"),
    "biases": Text("Biases"),
    "parameters": Text("Parameters"),
    "neurons": Text("Neurons"),
}
_COSTS = {"macs": Text("Multiply-adds"), "activation_memory": Text("Bytes")}
_FIELDS = {
    "receptive_field": Text("Field"),
    "field_stride": Text("Stride"),
    "field_offset": Text("Offset"),
}


def tables(
    start: Shape, parts: Sequence[AppliedPart], figures: Figures, totals: Mapping[str, Any]
) -> tuple[Table, ...]:
    """Two tables, once more with every layer in detail where repeats are folded.

    totals: of the columns that have one
    """
    every = rows(parts, fold=False)
    folded = rows(parts, fold=True) if len(figures) > FEW else every
    found = []
    for listed, levels in ((folded, range(2)), (every, range(2, 3))):
        both = _counts(start, listed, figures, totals), _costs(start, listed, figures, totals)
        if len(folded) == len(every):
            return both
        found += [replace(t, levels=levels) for t in both]
    return tuple(found)


def _counts(
    start: Shape, listed: Sequence[Row], figures: Figures, totals: Mapping[str, Any]
) -> Table:
    """Output, weights, biases, parameters and neurons."""
    cells: list[tuple[Any, ...]] = [("input", by(start), *(None for _ in _COUNTS))]
    for row in listed:
        output = "" if row.output is None else by(row.output)
        cells.append((row.label, output, *_cells(row, _COUNTS, figures)))
    cells.append((Text("total"), None, *(totals[k] for k in _COUNTS)))
    types = [layer.spec.type for row in listed for layer in row.layers[:1]]
    note = in_turn(
        Text(
            "Weights and biases together are the parameters. Each entry of a layer's output is one "
            "neuron; the total adds up those of all layers, activations and pools too."
        ),
        Text("The scales of a norm are counted as weights, its shifts as biases.")
        if any("Norm" in t for t in types)
        else None,
        *_about_blocks(listed),
    )
    columns = (Text("Layer"), Text("Output"), *_COUNTS.values())
    caption = Text("Sizes and parameters")
    right = frozenset(range(2, len(columns)))
    return Table(columns, tuple(cells), right, caption, note, _depths(listed))


def _costs(
    start: Shape, listed: Sequence[Row], figures: Figures, totals: Mapping[str, Any]
) -> Table:
    """Multiply-adds, memory and, where there is one, the receptive field with its stride."""
    known = [f for f in figures.values() if f["receptive_field"] is not None]
    keys = {**_COSTS, **_FIELDS} if known else _COSTS
    cells: list[tuple[Any, ...]] = [(row.label, *_cells(row, keys, figures)) for row in listed]
    cells.append((Text("total"), *(totals.get(k) for k in keys)))
    strides = [f["field_stride"] for f in known]
    uneven = any(s is None or (isinstance(s, list) and None in s) for s in strides)
    grown = any(isinstance(x, Text) and x.message == _RANGE for row in cells for x in row)
    note = in_turn(
        Text(
            "Multiply-adds and bytes are for one example. Biases, pools, norms and activations "
            "count no multiply-adds; each entry of an output takes {n} bytes in single precision "
            "(float32).",
            {"n": FLOAT32_BYTES},
        ),
        _FIELD_NOTE if known else None,
        Text("A stride is left out where it is not the same all along.") if uneven else None,
        Text("{a}…{b}: from the first time to the last.", {"a": "a", "b": "b"}) if grown else None,
    )
    caption = Text("Work, memory and receptive field") if known else Text("Work and memory")
    columns = (Text("Layer"), *keys.values())
    right = frozenset(range(1, len(columns)))
    return Table(columns, tuple(cells), right, caption, note, _depths(listed, 0))


_RANGE = "{a}…{b}"
_FIELD_NOTE = Text(
    "Field: how many entries of the network's input one entry of the output depends on, along each "
    "axis. Stride: how far the fields of neighbouring outputs are apart. Offset: where the field "
    "of the first output begins, the first entry of the input being number 0; the numbers below 0 "
    "lie in the padding."
)


def _depths(listed: Sequence[Row], before: int = 1) -> tuple[int, ...]:
    """Of the rows between the input and the total; none where nothing is indented."""
    depths = (*(0,) * before, *(row.depth for row in listed), 0)
    return depths if any(depths) else ()


def _about_blocks(listed: Sequence[Row]) -> list[Text]:
    """What is indented, and what stands for several."""
    said = []
    if any(row.output is not None and not row.layers for row in listed):
        said.append(
            Text(
                "Indented rows belong to the block above them, which stands with its own output. "
                "Adding and joining is not a layer and counts nothing."
            )
        )
    folds = [row.times for row in listed if row.times > 1]
    if folds:
        said.append(
            Text(
                "“{n} ×”: the rows below it come {n} times, one time after the other. Their names "
                "and figures are those of the first time; the totals count all of them.",
                {"n": folds[0]},
            )
        )
    return said


def _cells(row: Row, keys: Mapping[str, Text], figures: Figures) -> list[Any]:
    """The figures of a row; of several layers those of the first and the last, if they differ."""
    if not row.layers:
        return ["" for _ in keys]
    first, last = (figures[layer.name] for layer in (row.layers[0], row.layers[-1]))
    return [_from_to(_figure(first[k]), _figure(last[k])) for k in keys]


def _figure(value: Any) -> Any:
    """A figure as a cell; of several axes that differ, one beside the other."""
    if isinstance(value, int) and value < 0:
        return num(value)
    if not isinstance(value, list):
        return value
    first, *rest = [Text("–") if n is None else _figure(n) for n in value]
    for n in rest:
        first = Text("{a} × {b}", {"a": first, "b": n})
    return first


def _from_to(a: Any, b: Any) -> Any:
    return a if a == b else Text(_RANGE, {"a": a, "b": b})
