"""How a convolution or pool of the graph slides: its windows, its operands, its sizes in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..expr import Binary, Expr, Name, Neg, Num, Transpose
from ..ops.base import integers
from ..ops.conv import sides
from ..problem import values
from ..problem.layer_spec import Window, axis_words
from ..problem.lines import Line
from ..steps import Text
from ..value import Value, decimal_term
from .size_equation import chain
from .workspace import Workspace

_SLIDES = r"(conv|max_pool|avg_pool)[123]d"
_AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def slides(line: Line) -> bool:
    return line.op is not None and re.fullmatch(_SLIDES, line.op.name) is not None


def windows(ws: Workspace, line: Line) -> list[Window]:
    """One per spatial axis, of a line for which `slides` holds."""
    assert line.op is not None
    n = int(line.op.name[-2])
    given: dict[str, Any] = dict(line.parameters)
    size = _sizes(ws, line.terms[0], n)
    if line.op.name.startswith("conv"):
        kernel = _sizes(ws, line.terms[1], n)
        stride = integers(given.get("stride", 1), n, "stride", 1)
    else:
        kernel = integers(given["kernel_size"], n, "kernel_size", 1)
        step = given.get("stride")
        stride = kernel if step is None else integers(step, n, "stride", 1)
    dilation = integers(given.get("dilation", 1), n, "dilation", 1)
    padding = sides(given.get("padding", 0), size, kernel, stride, dilation)
    axes = _AXES[n]
    rounds_up = bool(given.get("ceil_mode", False))
    return [
        Window(axes[k], size[k], kernel[k], stride[k], *padding[k], dilation[k], rounds_up)
        for k in range(n)
    ]


def _sizes(ws: Workspace, term: Expr | None, n: int) -> tuple[int, ...]:
    """Along the last axes, over which the window slides: these are always numbers."""
    return tuple(int(d) for d in _shape(ws, term)[-n:])


def _shape(ws: Workspace, term: Expr | None) -> tuple[Any, ...]:
    match term:
        case Name() if term.id in ws.graph.lines:
            return ws.graph[term.id].shape
        case Transpose():
            shape = _shape(ws, term.arg)
            return (1, *shape) if len(shape) == 1 else shape[::-1]
        case Neg():
            return _shape(ws, term.arg)
        case _:
            assert term is not None
            return values.evaluate(term).shape


def size_reason(ws: Workspace, line: Line) -> Text:
    """⌊(n + 2p − d(k − 1) − 1)/s⌋ + 1 windows along each axis, with the numbers."""
    found: dict[str, Expr] = {}
    for window in windows(ws, line):
        members = chain(window, "m")
        found[window.axis] = Binary("==", members[2], members[-1])
    if len(set(found.values())) == 1:
        return Text("Windows along each axis: {e}.", {"e": next(iter(found.values()))})
    return Text("Windows: {list}.", {"list": _by_axis(found)})


def transposed_reason(line: Line, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> Text:
    """(n − 1)·s − 2p + d(k − 1) + output_padding + 1 along each axis, with the numbers."""
    assert line.op is not None
    n = int(line.op.name[-2])
    given = dict(line.parameters)
    options = [("stride", 1), ("padding", 0), ("dilation", 1), ("output_padding", 0)]
    along = [integers(given.get(name, usual), n, name) for name, usual in options]
    found: dict[str, Expr] = {}
    for axis, size, taps, s, p, d, extra in zip(
        _AXES[n], sizes[-n:], kernel[-n:], *along, strict=True
    ):
        parts = [(size - 1, s), (2, -p), (d, taps - 1)]
        total: Expr = Binary("*", Num(str(size - 1)), Num(str(s)))
        if p:
            total = Binary("-", total, Binary("*", Num("2"), Num(str(p))))
        total = Binary("+", total, Binary("*", Num(str(d)), Num(str(taps - 1))))
        if extra:
            total = Binary("+", total, Num(str(extra)))
        result = sum(a * b for a, b in parts) + extra + 1
        found[axis] = Binary("==", Binary("+", total, Num("1")), Num(str(result)))
    equal = len(set(found.values())) == 1
    sizes_ = Text("{e}", {"e": next(iter(found.values()))}) if equal else _by_axis(found)
    if any(along[3]):
        law = "(n − 1)·s − 2p + d·(k − 1) + output padding + 1 along each axis: {list}."
    else:
        law = "(n − 1)·s − 2p + d·(k − 1) + 1 along each axis: {list}."
    return Text(law, {"list": sizes_})


def _by_axis(found: Mapping[str, Expr]) -> Text:
    """height e, width f"""
    parts = [Text("{axis} {e}", {"axis": axis_words([a]), "e": e}) for a, e in found.items()]
    return Text("{list}", {"list": tuple(parts)})


def operand(ws: Workspace, term: Expr | None) -> np.ndarray | None:
    """The numbers of an operand, or None where they are not known."""
    flips = isinstance(term, Transpose)
    inner = term.arg if isinstance(term, Transpose) else term
    if isinstance(inner, Name) and inner.id in ws.graph.lines:
        value = ws.paper(ws.graph[inner.id])
        data = None if value is None else value.data
    elif inner is None or isinstance(inner, Neg):
        return None
    else:
        data = values.evaluate(inner).data
    return data.T if flips and data is not None else data


def term(x: Any) -> Expr:
    """One number, exact or rounded."""
    if isinstance(x, float):
        return decimal_term(x)
    return Value(np.array(x, dtype=object)).shown()
