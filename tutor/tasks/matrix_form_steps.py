"""How a convolution as a matrix product is told: T and what it does, C and what it does."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import numpy as np

from ..expr import Binary, Call, Expr, Index, Name, Num
from ..notation.arrays import SHOWN
from ..problem.lines import Line
from ..steps import Grid, Picture, Step, Table, Text, in_turn
from ..value import Value
from .numbers import equation
from .sliding import cells
from .windows import term

DRAWN = 20  # rows and columns of a matrix that is drawn in full
FRAMED = 12  # with more, frames or long numbers would make it too wide
ROWS = 12  # entries that stand side by side


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
    unroll: str = "vec"  # what takes an array apart: flatten, where vec means another order
    spread: bool = False  # of a transposed convolution

    def column(self, e: Expr) -> Expr:
        return Call(self.unroll, (e,))


def told(line: Line, u: Unrolled) -> list[Step]:
    T, C, K = (Name(n) for n in u.names)
    x, w = (t for t in line.terms[:2] if t is not None)
    vec_x, vec_w, vec_y = map(u.column, (x, w, Name(line.name)))
    left = None if u.biased else vec_y  # with a bias the product is not yet the result
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
            picture=_drawn(T, u.toeplitz),
        ),
        Step(
            "toeplitz.product",
            "value",
            "convolution as a matrix",
            Text("Times the unrolled input"),
            equation(left, Binary("@", T, vec_x), Value(np.asarray(u.y)).expr()),
            why=_apart(line, x, vec_x, T) if u.unroll == "flatten" else None,
            shape=u.y.shape,
        ),
        Step(
            "im2col",
            "closed",
            "im2col",
            Text("What falls on each output") if u.spread else Text("The windows as a matrix"),
            equation(C, Value(u.patches).expr()),
            why=in_turn(_windows(u), _bias(u)),
            shape=u.patches.shape,
            jacobian_dims="×".join(map(str, u.patches.shape)),
            level=0,
            picture=_drawn(C, u.patches),
        ),
        *columns,
        Step(
            "im2col.product",
            "value",
            "im2col",
            Text("Times the kernels") if u.layer else Text("Times the unrolled kernel"),
            equation(Binary("@", C, K), Value(product).expr())
            if u.layer
            else equation(left, Binary("@", C, vec_w), Value(product).expr()),
            why=Text(
                "Each column is one output channel of {y}, unrolled {way}.",
                {"y": Name(line.name), "way": _way(u)},
            )
            if u.layer
            else None,
            shape=product.shape,
        ),
    ]


def _drawn(name: Name, data: np.ndarray) -> Picture | None:
    """A matrix in full, where a formula shows its corners only; what is not 0 is framed."""
    if not SHOWN < max(data.shape) <= DRAWN:
        return None
    if max(data.shape) > FRAMED:
        if max(len(str(x)) for x in data.ravel()) > 2:
            return None
        return Picture((Grid(name, cells(data)),), (), Text("{M} in full.", {"M": name}))
    framed = tuple((int(i), int(j)) for i, j in np.argwhere(Value(data).floats() != 0))
    words = Text("{M} in full; framed is what is not 0.", {"M": name})
    return Picture((Grid(name, cells(data), framed=framed),), (), words)


def side_by_side(
    line: Line, u: Unrolled, direct: np.ndarray, by_input: np.ndarray, by_kernel: np.ndarray
) -> Table | None:
    """Every entry three ways: by the definition, with T, with C; all unrolled in one order."""
    if direct.size > ROWS:
        return None
    T, C, K = (Name(n) for n in u.names)
    x, w = (t for t in line.terms[:2] if t is not None)
    kernels: Expr = K if u.layer else u.column(w)
    names = [Binary("@", T, u.column(x)), Binary("@", C, kernels)]
    if u.biased:
        b = line.terms[2]
        assert b is not None
        names = [Binary("+", e, b) for e in names]
    order = "F" if u.by_columns else "C"
    places = np.ravel(np.arange(direct.size).reshape(direct.shape), order)
    rows = []
    for k, values in zip(
        places, zip(np.ravel(direct, order), by_input, by_kernel, strict=True), strict=True
    ):
        at = np.unravel_index(int(k), direct.shape)
        entry = Index(Name(line.name), tuple(Num(str(i)) for i in at))
        rows.append((entry, *(term(v) for v in values)))
    heads = (
        Text("Entry"),
        Text("by the definition"),
        *(Text("as {product}", {"product": e}) for e in names),
    )
    return Table(heads, tuple(rows), frozenset((1, 2, 3)))


def free_names(taken: Container[str]) -> tuple[str, str, str]:
    """T, C and K, or others where the author uses these."""
    one, two, three = (
        next(n for n in (letter, f"{letter}_c", f"{letter}_conv", letter) if n not in taken)
        for letter in "TCK"
    )
    return one, two, three


def _way(u: Unrolled) -> Text:
    return Text("column by column") if u.by_columns else Text("row by row")


def _apart(line: Line, x: Expr, flat: Expr, T: Expr) -> Text:
    return Text(
        "{flat} takes the entries of {x} row by row. The Jacobian of {y} with respect to {x} has "
        "the entries of {T} in another order, as vec stacks columns.",
        {"flat": flat, "x": x, "y": Name(line.name), "T": T},
    )


def _windows(u: Unrolled) -> Text:
    holes = {"C": Name(u.names[1]), "way": _way(u)}
    if u.spread:
        return Text(
            "Each row of {C} belongs to one output, unrolled {way}: for every entry of the kernel "
            "it has the input that this entry carries there, and 0 where there is none.",
            holes,
        )
    return Text("Each row of {C} is one window of the input, unrolled {way} (im2col).", holes)


def _bias(u: Unrolled) -> Text | None:
    return Text("The bias is added afterwards.") if u.biased else None


def _numbers(line: Line, name: str, spatial: int) -> list[int]:
    value = line.parameters.get(name, 1)
    return [int(v) for v in value] if isinstance(value, tuple | list) else [int(value)] * spatial


def _matrix(line: Line, u: Unrolled) -> Text:
    plain = all(s == 1 for s in _numbers(line, "stride", u.spatial))
    kind = KINDS[u.spatial - 1]
    holes = {"T": Name(u.names[0]), "way": _way(u), "kind": kind}
    if plain:
        rows = (
            "Unrolled {way}, each row of {T} holds the kernel where its window lies and zeros "
            "elsewhere; the next row has it one place further: a {kind}."
        )
    else:
        rows = (
            "Unrolled {way}, each row of {T} holds the kernel where its window lies and zeros "
            "elsewhere; the next row has it further on by the stride: a {kind} of which the stride "
            "keeps only some rows."
        )
    if u.spread:
        rows = (
            "Unrolled {way}, each column of {T} holds the kernel where the copy of one input lies "
            "and zeros elsewhere. So {T} is the transpose of the matrix of the convolution with "
            "the same kernel, stride and padding, which goes from the output back to the input."
        )
    apart = any(d > 1 for d in _numbers(line, "dilation", u.spatial))
    channels = None
    if u.layer:
        channels = Text(
            "There is one such block for each pair of an output and an input channel; it is 0 if "
            "they are in different groups."
            if _numbers(line, "groups", 1)[0] > 1
            else "There is one such block for each pair of an output and an input channel."
        )
    return in_turn(
        Text(rows, holes),
        Text("The dilation leaves gaps between its entries.") if apart else None,
        channels,
        _bias(u),
    )


KINDS = (
    Text("Toeplitz matrix"),
    Text("doubly blocked Toeplitz matrix"),
    Text("triply blocked Toeplitz matrix"),
)


def _kernels(line: Line) -> Text:
    if _numbers(line, "groups", 1)[0] > 1:
        return Text(
            "One column per output channel, with zeros for the channels of other groups, which it "
            "does not see."
        )
    return Text("One column per output channel.")
