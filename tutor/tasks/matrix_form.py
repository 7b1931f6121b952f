"""matrix_form: a convolution as a matrix product, both ways.

Unrolled row by row, y = T x with the doubly blocked Toeplitz matrix T of the kernel, and y = C w
with the im2col matrix C of the input, one window per row. T is the Jacobian of the convolution by
its input and C the one by its kernel (of one output channel), since it is linear in both. With
groups, C has the windows of all channels, and a kernel is 0 for the channels that it does not see.

A transposed convolution has the transpose of the matrix of the convolution that goes back from its
output to its input; a row of its C has the input's entries that fall on an output, by their taps.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import sympy as sp

from ..calculus.reverse import jacobian
from ..errors import InputError
from ..expr import Name, Neg, Transpose
from ..graph.node import var
from ..independent import relative_error
from ..ops.base import Val, integers
from ..problem.lines import Line
from ..steps import Check, TaskResult, Text
from ..value import Value
from .forward import forward_steps, given_steps
from .matrix_form_steps import Unrolled, free_names, side_by_side, told
from .workspace import Workspace, as_json

Order = Literal["C", "F"]  # row by row, column by column
SPATIAL = {"conv1d": 1, "conv2d": 2, "conv3d": 3}
SPREADING = {f"conv_transpose{n}d": n for n in (1, 2, 3)}


def solve(ws: Workspace, task_id: str, of: str) -> TaskResult:
    line = ws.line(of)
    if line.op is None or line.op.name not in {**SPATIAL, **SPREADING}:
        raise InputError(
            f"`{of}` is not a convolution, so it has no matrix form",
            hint="name a line of the form `conv2d(x, w)`",
        )
    value = ws.paper(line)
    if value is None:
        raise InputError(f"`{of}` has no value: give numbers for its input and kernel")
    x, w, bias = _operands(ws, line)
    if w.ndim == 1:
        x = x.ravel()  # a row of numbers, however it lies
    spread = line.op.name in SPREADING
    spatial = {**SPATIAL, **SPREADING}[line.op.name]
    layer = w.ndim == spatial + 2  # outputs × channels × taps; else one bare kernel
    column = "vec" in ws.problem.convention.stated and ws.problem.convention.vec == "column"
    order: Order = "F" if column else "C"
    same = column or x.ndim == 1 or ws.problem.convention.vec == "row"
    leaves = [Val(var("input", x.shape)), Val(var("kernel", w.shape))]
    node = line.op.define(*leaves, None, **line.parameters).node
    # the windows do not depend on the kernel: those of one output that sees all channels
    channels = x.shape[-spatial - 1] if layer else 1
    pair = (channels, 1) if spread else (1, channels)
    single = (*pair, *w.shape[2:]) if layer else w.shape
    one = Val(var("window", single))
    one_node = line.op.define(leaves[0], one, None, **{**line.parameters, "groups": 1}).node
    env = {leaves[0].node: x, leaves[1].node: w, one.node: np.full(single, sp.S.Zero)}
    from ..numeric.evaluate import TooLong, evaluate

    nodes = [jacobian(node, leaves[0].node), jacobian(one_node, one.node), node]
    try:
        by_input, by_kernel, result = evaluate(nodes, env)
    except TooLong:
        by_input, by_kernel, result = evaluate(
            nodes, {n: Value(v).floats() for n, v in env.items()}
        )
    toeplitz = _unrolled(by_input, node.order, order)
    channel = node.order - spatial - 1 if layer else None
    patches = _patches(by_kernel, node.order, channel, order)
    kernels = np.ravel(w, order)
    if layer:
        groups = integers(line.parameters.get("groups", 1), 1, "groups", 1)[0]
        kernels = _kernels(_by_output(w, groups) if spread else w, channels, order)
    outs = np.ravel(result, order)
    flat_x = np.ravel(x, order)
    direct = ws.reference(line)[line.name]
    with_t = toeplitz @ flat_x
    with_c = _columns(np.asarray(patches @ kernels), result.shape, spatial, order)
    error = max(
        relative_error(_floats(with_t), _floats(outs)),
        relative_error(_floats(with_c), _floats(outs)),
        relative_error(
            _floats(_with_bias(result, bias, spatial, layer)).reshape(np.shape(direct)), direct
        ),
    )
    unrolled = Unrolled(
        toeplitz, patches, flat_x, kernels, outs, bias is not None, column, layer, spatial,
        free_names(ws.graph.lines), "vec" if same else "flatten", spread,
    )  # fmt: skip
    added = [
        np.ravel(_with_bias(a.reshape(result.shape, order=order), bias, spatial, layer), order)
        for a in (with_t, with_c)
    ]
    number = ws.numbers[line.name]
    assert number is not None
    table = side_by_side(line, unrolled, number, *added)
    steps = [
        *given_steps(ws, ws.graph.below([line])),
        *forward_steps(ws, ws.graph.below([line])),
        *told(line, unrolled),
    ]
    return TaskResult(
        id=task_id,
        task="matrix_form",
        subject={"of": of},
        heading=Text("{y} as a matrix product", {"y": Name(of)}),
        steps=tuple(steps),
        shape=line.shape,
        dims=line.dims,
        symbol=Name(of),
        formula=line.formula,
        value=value,
        tables=() if table is None else (table,),
        extra={
            "toeplitz": Value(toeplitz).numbers(),
            "im2col": Value(patches).numbers(),
            "toeplitz_shape": [as_json(d) for d in toeplitz.shape],
            "im2col_shape": [as_json(d) for d in patches.shape],
            "order": "column" if column else "row",
        },
        check=_checked(spread, error) if ws.checking else None,
    )


def _checked(spread: bool, error: float) -> Check:
    if spread:
        return Check("copies of the kernel laid down one by one", error, error < 1e-9)
    return Check("direct loops over windows", error, error < 1e-9)


def _by_output(w: np.ndarray, groups: int) -> np.ndarray:
    """The kernel of a transposed convolution, inputs × outputs / groups × taps, as that of a
    convolution has it: outputs × inputs / groups × taps."""
    parts = np.split(w, groups)
    return np.concatenate([np.swapaxes(part, 0, 1) for part in parts])


def _operands(ws: Workspace, line: Line) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Input, kernel and bias as they stand in the formula."""
    arrays: list[np.ndarray | None] = []
    for term in line.terms:
        if term is None:
            arrays.append(None)
            continue
        inner, flips, sign = term, 0, 1
        while isinstance(inner, Transpose | Neg):
            flips += isinstance(inner, Transpose)
            sign = -sign if isinstance(inner, Neg) else sign
            inner = inner.arg
        if isinstance(inner, Name):
            found = ws.paper(ws.line(inner.id))
            assert found is not None
            data = found.data
        else:
            from ..problem.values import evaluate

            data = evaluate(inner).data
        data = data.T if flips % 2 and data.ndim == 2 else data
        arrays.append(data * sign if sign < 0 else data)
    x, w, *rest = arrays
    assert x is not None and w is not None
    return x, w, rest[0] if rest else None


def _floats(x: np.ndarray) -> np.ndarray:
    return Value(np.asarray(x)).floats()


def _unrolled(j: np.ndarray, rows: int, order: Order) -> np.ndarray:
    """The Jacobian array as a matrix, both sides unrolled in the given order."""
    axes = list(range(j.ndim))
    if order == "F":
        axes = axes[:rows][::-1] + axes[rows:][::-1]
    n = int(np.prod(j.shape[:rows])) if rows else 1
    return np.transpose(j, axes).reshape(n, -1)


def _patches(j: np.ndarray, rows: int, channel: int | None, order: Order) -> np.ndarray:
    """One window per row: the Jacobian by the kernel, of a layer's one output channel."""
    if channel is None:
        return _unrolled(j, rows, order)
    return _unrolled(np.take(j, 0, axis=channel), rows - 1, order)


def _kernels(w: np.ndarray, channels: int, order: Order) -> np.ndarray:
    """A layer's kernels, one column per output channel: 0 for the channels of other groups."""
    outs, own = w.shape[:2]
    groups = channels // own
    columns = []
    for k in range(outs):
        whole = np.full((channels, *w.shape[2:]), sp.S.Zero, dtype=w.dtype)
        first = k // (outs // groups) * own
        whole[first : first + own] = w[k]
        columns.append(np.ravel(whole, order))
    return np.stack(columns, axis=1)


def _columns(product: np.ndarray, shape: tuple[int, ...], spatial: int, order: Order) -> np.ndarray:
    """im2col's product unrolled as the result is: its columns are the output channels."""
    if product.ndim == 1:
        return product
    channel = len(shape) - spatial - 1
    rest = [d for k, d in enumerate(shape) if k != channel]
    parts = [product[:, k].reshape(rest, order=order) for k in range(product.shape[1])]
    return np.ravel(np.stack(parts, axis=channel), order)


def _with_bias(
    result: np.ndarray, bias: np.ndarray | None, spatial: int, layer: bool
) -> np.ndarray:
    if bias is None:
        return result
    if not layer or bias.ndim == 0:
        return result + bias.ravel()[0]
    return result + bias.reshape((-1,) + (1,) * spatial)
