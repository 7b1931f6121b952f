"""How a convolution as a matrix product is told: T and what it does, C and what it does."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import numpy as np

from ..expr import Binary, Call, Name
from ..problem.lines import Line
from ..steps import Step, Text
from ..value import Value
from .numbers import equation


@dataclass(frozen=True)
class Unrolled:
    """T (outputs × inputs), C (windows × kernel entries), and x, the kernels and y as columns.

    kernels: (entries,) for a bare kernel, (entries, outputs) for a layer.
    """

    toeplitz: np.ndarray
    patches: np.ndarray
    x: np.ndarray
    kernels: np.ndarray
    y: np.ndarray
    biased: bool
    by_columns: bool
    layer: bool
    spatial: int
    names: tuple[str, str, str]  # what T, C and the kernels as columns are called


def told(line: Line, u: Unrolled) -> list[Step]:
    T, C, K = (Name(n) for n in u.names)
    x, w = (t for t in line.terms[:2] if t is not None)
    vec_x, vec_w, vec_y = (Call("vec", (e,)) for e in (x, w, Name(line.name)))
    product = np.asarray(u.patches @ u.kernels)
    columns = [] if not u.layer else [
        Step(
            "im2col.kernels",
            "closed",
            "im2col",
            Text("The kernels as columns"),
            equation(K, Value(u.kernels).expr()),
            why=_kernels(line),
            shape=u.kernels.shape,
            jacobian_dims="×".join(map(str, u.kernels.shape)),
            level=0,
        )
    ]  # fmt: skip
    return [
        Step(
            "toeplitz",
            "closed",
            "convolution as a matrix",
            Text("The kernel as a matrix"),
            equation(T, Value(u.toeplitz).expr()),
            why=_matrix(line, u),
            shape=u.toeplitz.shape,
            jacobian_dims="×".join(map(str, u.toeplitz.shape)),
            level=0,
        ),
        Step(
            "toeplitz.product",
            "value",
            "convolution as a matrix",
            Text("Times the unrolled input"),
            equation(vec_y, Binary("@", T, vec_x), Value(np.asarray(u.y)).expr()),
            shape=u.y.shape,
        ),
        Step(
            "im2col",
            "closed",
            "im2col",
            Text("The windows as a matrix"),
            equation(C, Value(u.patches).expr()),
            why=Text(
                "Each row of {C} is one window of the input, unrolled {way} (im2col).{b}",
                {"C": C, "way": _way(u), "b": _bias(u)},
            ),
            shape=u.patches.shape,
            jacobian_dims="×".join(map(str, u.patches.shape)),
            level=0,
        ),
        *columns,
        Step(
            "im2col.product",
            "value",
            "im2col",
            Text("Times the kernels") if u.layer else Text("Times the unrolled kernel"),
            equation(Binary("@", C, K), Value(product).expr())
            if u.layer
            else equation(vec_y, Binary("@", C, vec_w), Value(product).expr()),
            why=Text(
                "Each column is one output channel of {y}, unrolled {way}.",
                {"y": Name(line.name), "way": _way(u)},
            )
            if u.layer
            else None,
            shape=product.shape,
        ),
    ]


def free_names(taken: Container[str]) -> tuple[str, str, str]:
    """T, C and K, or others where the author uses these."""
    one, two, three = (
        next(n for n in (letter, f"{letter}_c", f"{letter}_conv", letter) if n not in taken)
        for letter in "TCK"
    )
    return one, two, three


def _way(u: Unrolled) -> Text:
    return Text("column by column") if u.by_columns else Text("row by row")


def _bias(u: Unrolled) -> Text | str:
    return Text(" The bias is added afterwards.") if u.biased else ""


def _numbers(line: Line, name: str, spatial: int) -> list[int]:
    value = line.parameters.get(name, 1)
    return [int(v) for v in value] if isinstance(value, tuple | list) else [int(value)] * spatial


def _matrix(line: Line, u: Unrolled) -> Text:
    plain = all(s == 1 for s in _numbers(line, "stride", u.spatial))
    kinds = ("Toeplitz matrix", "doubly blocked Toeplitz matrix", "triply blocked Toeplitz matrix")
    kind = Text(kinds[u.spatial - 1])
    if plain:
        shape = Text("the next row has it one place further: a {kind}.", {"kind": kind})
    else:
        shape = Text(
            "the next row has it further on by the stride: a {kind} of which the stride keeps "
            "only some rows.",
            {"kind": kind},
        )
    apart = any(d > 1 for d in _numbers(line, "dilation", u.spatial))
    gaps = Text(" The dilation leaves gaps between its entries.") if apart else ""
    channels: Text | str = ""
    if u.layer:
        channels = Text(" There is one such block for each pair of an output and an input channel")
        grouped = _numbers(line, "groups", 1)[0] > 1
        channels = Text(
            "{c}; it is 0 if they are in different groups." if grouped else "{c}.", {"c": channels}
        )
    return Text(
        "Unrolled {way}, each row of {T} holds the kernel where its window lies and zeros "
        "elsewhere; {shape}{gaps}{channels}{b}",
        {
            "T": Name(u.names[0]),
            "way": _way(u),
            "shape": shape,
            "gaps": gaps,
            "channels": channels,
            "b": _bias(u),
        },
    )


def _kernels(line: Line) -> Text:
    if _numbers(line, "groups", 1)[0] > 1:
        return Text(
            "One column per output channel, with zeros for the channels of other groups, which it "
            "does not see."
        )
    return Text("One column per output channel.")
