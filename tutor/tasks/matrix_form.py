"""matrix_form: a convolution as a matrix product, both ways.

Unrolled row by row, y = T x with the doubly blocked Toeplitz matrix T of the kernel, and y = C w
with the im2col matrix C of the input, one window per row. T is the Jacobian of the convolution by
its input and C the one by its kernel (of one output channel), since it is linear in both.
"""

from __future__ import annotations

import numpy as np

from ..calculus.reverse import jacobian
from ..errors import InputError
from ..expr import Binary, Call, Name, Neg, Transpose
from ..graph.node import var
from ..independent import relative_error
from ..ops.base import Val
from ..problem.lines import Line
from ..steps import Check, Step, TaskResult, Text
from ..value import Value
from .forward import forward_steps, given_steps
from .numbers import equation
from .workspace import Workspace, as_json


def solve(ws: Workspace, task_id: str, of: str) -> TaskResult:
    line = ws.line(of)
    if line.op is None or line.op.name not in ("conv1d", "conv2d"):
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
    leaves = [Val(var("input", x.shape)), Val(var("kernel", w.shape))]
    convolution = line.op.define(*leaves, None, **line.parameters)
    env = {leaves[0].node: x, leaves[1].node: w}
    node = convolution.node
    column = "vec" in ws.problem.convention.stated and ws.problem.convention.vec == "column"
    order = "F" if column else "C"
    from ..numeric.evaluate import TooLong, evaluate

    nodes = [jacobian(node, leaves[0].node), jacobian(node, leaves[1].node), node]
    try:
        by_input, by_kernel, result = evaluate(nodes, env)
    except TooLong:
        by_input, by_kernel, result = evaluate(
            nodes, {n: Value(v).floats() for n, v in env.items()}
        )
    toeplitz = _unrolled(by_input, node.order, order)
    patches = _patches(by_kernel, node.order, w, order)
    outs = np.ravel(result, order)
    flat_x, flat_w = np.ravel(x, order), _kernels(w, order)
    direct = ws.reference(line)[line.name]
    error = max(
        relative_error(_floats(toeplitz @ flat_x), _floats(outs)),
        relative_error(_columns(_floats(patches @ flat_w), result, w, order), _floats(outs)),
        relative_error(_floats(_with_bias(result, bias)).reshape(np.shape(direct)), direct),
    )
    steps = [
        *given_steps(ws, ws.graph.below([line])),
        *forward_steps(ws, ws.graph.below([line])),
        *_steps(line, toeplitz, patches, flat_x, flat_w, outs, bias is not None, column),
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
        extra={
            "toeplitz": Value(toeplitz).numbers(),
            "im2col": Value(patches).numbers(),
            "toeplitz_shape": [as_json(d) for d in toeplitz.shape],
            "im2col_shape": [as_json(d) for d in patches.shape],
            "order": "column" if column else "row",
        },
        check=Check("direct loops over windows", error, error < 1e-9) if ws.checking else None,
    )


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


def _unrolled(j: np.ndarray, rows: int, order: str) -> np.ndarray:
    """The Jacobian array as a matrix, both sides unrolled in the given order."""
    axes = list(range(j.ndim))
    if order == "F":
        axes = axes[:rows][::-1] + axes[rows:][::-1]
    n = int(np.prod(j.shape[:rows])) if rows else 1
    return np.transpose(j, axes).reshape(n, -1)


def _is_layer(w: np.ndarray) -> bool:
    """outputs × channels × taps: order 3 in one dimension, 4 in two; else one bare kernel."""
    return w.ndim >= 3


def _channel(result_order: int, w: np.ndarray) -> int:
    """Which axis of the result counts output channels."""
    return result_order - (w.ndim - 2) - 1


def _patches(j: np.ndarray, rows: int, w: np.ndarray, order: str) -> np.ndarray:
    """One window per row: of a layer, the part that belongs to the first output channel."""
    if not _is_layer(w):
        return _unrolled(j, rows, order)
    one_output = np.take(j, 0, axis=_channel(rows, w))
    return _unrolled(np.take(one_output, 0, axis=rows - 1), rows - 1, order)


def _kernels(w: np.ndarray, order: str) -> np.ndarray:
    """The kernel unrolled; of a layer, one column per output channel."""
    if _is_layer(w):
        return np.stack([np.ravel(k, order) for k in w], axis=1)  # type: ignore[call-overload]
    return np.ravel(w, order)  # type: ignore[call-overload]


def _columns(product: np.ndarray, result: np.ndarray, w: np.ndarray, order: str) -> np.ndarray:
    """im2col's product unrolled as the result is: its columns are the output channels."""
    if product.ndim == 1:
        return product
    channel = _channel(result.ndim, w)
    rest = [d for k, d in enumerate(result.shape) if k != channel]
    parts = [product[:, k].reshape(rest, order=order) for k in range(product.shape[1])]  # type: ignore[call-overload]
    return np.ravel(np.stack(parts, axis=channel), order)  # type: ignore[call-overload]


def _with_bias(result: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    if bias is None:
        return result
    if bias.ndim == 0:
        return result + bias
    if result.ndim < 2:
        return result + bias.ravel()[0]
    spatial = 2 if result.ndim >= 3 else 1
    return result + bias.reshape((-1,) + (1,) * spatial)


def _steps(
    line: Line,
    toeplitz: np.ndarray,
    patches: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    y: np.ndarray,
    biased: bool,
    column: bool,
) -> list[Step]:
    way = "column by column" if column else "row by row"
    operands = [t for t in line.terms if t is not None]
    vec_x, vec_w, vec_y = (Call("vec", (e,)) for e in (operands[0], operands[1], Name(line.name)))
    note = Text(" The bias is added afterwards.") if biased else None
    why = Text(
        "Unrolled "
        + way
        + ", each row of T holds the kernel where its window lies and zeros elsewhere; "
        "a step to the right shifts it by the stride: T is a doubly blocked Toeplitz matrix.{b}",
        {"b": note or ""},
    )
    other = Text(
        "Each row of C is one window of the input, unrolled " + way + " (im2col); "
        "the kernel is one column per output channel.{b}",
        {"b": note or ""},
    )
    return [
        Step(
            "toeplitz",
            "closed",
            "convolution as a matrix",
            Text("The kernel as a matrix"),
            equation(Name("T"), Value(toeplitz).expr()),
            why=why,
            shape=toeplitz.shape,
            jacobian_dims="×".join(map(str, toeplitz.shape)),
            level=0,
        ),
        Step(
            "toeplitz.product",
            "value",
            "convolution as a matrix",
            Text("Times the unrolled input"),
            equation(vec_y, Binary("@", Name("T"), vec_x), Value(np.asarray(y)).expr()),
            shape=y.shape,
        ),
        Step(
            "im2col",
            "closed",
            "im2col",
            Text("The windows as a matrix"),
            equation(Name("C"), Value(patches).expr()),
            why=other,
            shape=patches.shape,
            jacobian_dims="×".join(map(str, patches.shape)),
            level=0,
        ),
        Step(
            "im2col.product",
            "value",
            "im2col",
            Text("Times the unrolled kernel"),
            equation(
                vec_y if w.ndim == 1 else Name("Y"),
                Binary("@", Name("C"), vec_w if w.ndim == 1 else Name("K")),
                Value(np.asarray(patches @ w)).expr(),
            ),
            shape=(patches @ w).shape,
        ),
    ]
