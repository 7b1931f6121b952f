"""How many windows there are along axes of open size: the formula with letters in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..expr import Binary, Expr, Name
from ..graph.dims import Dim
from ..notation.build import size_term
from ..ops.base import integers
from ..ops.conv import sides
from ..problem.layer_spec import axis_words
from ..problem.lines import Line
from ..steps import Text
from .arithmetic import ceil_of, floor_of, num, plus, times
from .size_equation import ONE, numerator, spread
from .workspace import Workspace

_AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def open_windows(ws: Workspace, line: Line) -> Text | None:
    """⌊(n + 2p − d(k − 1) − 1)/s⌋ + 1 for each axis, letters left in; None if sizes are known."""
    assert line.op is not None
    n = int(line.op.name[-2])
    given: dict[str, Any] = dict(line.parameters)
    shapes = [_shape(ws, t) for t in line.terms[:2]]
    size = None if shapes[0] is None else shapes[0][-n:]
    pool = "pool" in line.op.name
    kernel = integers(given["kernel_size"], n, "kernel_size", 1) if pool else None
    if not pool and len(shapes) == 2 and shapes[1] is not None:
        kernel = shapes[1][-n:]
    if size is None or kernel is None:
        return None
    if all(isinstance(d, int) for d in (*size, *kernel)):
        return None
    step = given.get("stride")
    usual = kernel if pool else 1
    stride = integers(usual if step is None else step, n, "stride", 1)
    dilation = integers(given.get("dilation", 1), n, "dilation", 1)
    outputs = line.shape[-n:]
    found = {}
    for k, axis in enumerate(_AXES[n]):
        if given.get("padding", 0) == "same":
            formula = ceil_of(Binary("/", size_term(size[k]), num(stride[k])))
        else:
            before, after = sides(given.get("padding", 0), (0,) * n, (1,) * n, stride, dilation)[k]
            formula = _formula(
                size[k], kernel[k], stride[k], (before, after), dilation[k],
                bool(given.get("ceil_mode", False)),
            )  # fmt: skip
        result = size_term(outputs[k])
        plain = isinstance(outputs[k], int)
        found[axis] = Binary("==", formula, result) if plain else formula
    if len(set(found.values())) == 1:
        return Text("Windows along each axis: {e}.", {"e": next(iter(found.values()))})
    return Text("Windows: {list}.", {"list": _by_axis(found)})


def open_transposed(ws: Workspace, line: Line) -> Text | None:
    """(n − 1)·s − 2p + d(k − 1) + output_padding + 1 for each axis, letters left in.

    None if sizes are known.
    """
    assert line.op is not None
    n = int(line.op.name[-2])
    shapes = [_shape(ws, t) for t in line.terms[:2]]
    if len(shapes) < 2 or shapes[0] is None or shapes[1] is None:
        return None
    size, kernel = shapes[0][-n:], shapes[1][-n:]
    if all(isinstance(d, int) for d in (*shapes[0], *shapes[1])):
        return None
    given: dict[str, Any] = dict(line.parameters)
    options = [("stride", 1), ("padding", 0), ("dilation", 1), ("output_padding", 0)]
    s, p, d, q = (integers(given.get(name, usual), n, name) for name, usual in options)
    found = {}
    for k, axis in enumerate(_AXES[n]):
        terms = (num(s[k]), times(num(2), num(p[k])), num(d[k]), size_term(kernel[k]), num(q[k]))
        formula, outputs = spread(size_term(size[k]), *terms), line.shape[k - n]
        known = isinstance(outputs, int)
        found[axis] = Binary("==", formula, size_term(outputs)) if known else formula
    law = "(n − 1)·s − 2p + d·(k − 1) + output padding + 1 along each axis: {list}."
    return Text(law, {"list": _by_axis(found)})


def _by_axis(found: Mapping[str, Expr]) -> Text:
    """height e, width f"""
    parts = tuple(Text("{axis} {e}", {"axis": axis_words([a]), "e": e}) for a, e in found.items())
    return Text("{list}", {"list": parts})


def _formula(
    size: Dim, kernel: Dim, stride: int, padding: tuple[int, int], dilation: int, ceil: bool
) -> Expr:
    before, after = padding
    both = times(num(2), num(before)) if before == after else plus(num(before), num(after))
    over = numerator(size_term(size), both, num(dilation), size_term(kernel))
    if stride == 1:
        return plus(over, ONE)
    rounded = ceil_of if ceil else floor_of
    return plus(rounded(Binary("/", over, num(stride))), ONE)


def _shape(ws: Workspace, term: Expr | None) -> tuple[Dim, ...] | None:
    known = isinstance(term, Name) and term.id in ws.graph.lines
    return ws.graph[term.id].shape if known else None  # type: ignore[union-attr]
