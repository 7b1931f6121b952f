"""What rearranges or picks entries, and learned arrays that are no layer. `layers` explains."""

from __future__ import annotations

from math import prod

from ..errors import ShapeError
from ..expr import Name
from ..steps import Text
from .arguments import AXES, AXIS, INDEX, SIZES, SPLIT, WORD, Args, Argument
from .layer_spec import Counts, LayerSpec, Reason, Shape

# --- reshaping -----------------------------------------------------------------------------------


def axis(value: int, x: Shape, what: str) -> int:
    """The axis counted from 0 at the batch."""
    order = len(x) + 1
    if not -order <= value < order:
        raise ShapeError(
            f"`{what}` is {value}, but the input {list(x)} has the axes 0 (the batch) to "
            f"{order - 1}"
        )
    return value % order


def _flatten_shape(x: Shape, a: Args) -> Shape:
    start, end = axis(a["start_dim"], x, "start_dim"), axis(a["end_dim"], x, "end_dim")
    if start == 0:
        raise ShapeError(
            "`start_dim` 0 is the batch: flattening it mixes the examples",
            hint="`start_dim: 1` flattens each example",
        )
    if start > end:
        raise ShapeError(f"`start_dim` {a['start_dim']} lies behind `end_dim` {a['end_dim']}")
    return (*x[: start - 1], prod(x[start - 1 : end]), *x[end:])


def inner_axis(value: int, x: Shape, what: str = "dim") -> int:
    """The axis of one example, counted from 0; the batch is refused."""
    found = axis(value, x, what)
    if found == 0:
        raise ShapeError(
            f"`{what}` 0 is the batch, which a layer leaves alone",
            hint=f"the axes of one example are 1 to {len(x)}",
        )
    return found - 1


def _unflatten_shape(x: Shape, a: Args) -> Shape:
    i, sizes = inner_axis(a["dim"], x), a["unflattened_size"]
    known = prod(n for n in sizes if n != -1)
    if x[i] % known or (-1 not in sizes and known != x[i]):
        product = " × ".join("?" if n < 0 else str(n) for n in sizes)
        raise ShapeError(
            f"{x[i]} entries cannot be written as {product}",
            hint=f"the sizes must multiply to {x[i]}",
        )
    return (*x[:i], *(x[i] // known if n == -1 else n for n in sizes), *x[i + 1 :])


def _permute_shape(x: Shape, a: Args) -> Shape:
    dims = a["dims"]
    if sorted(d % (len(x) + 1) if -len(x) <= d <= len(x) else -1 for d in dims) != list(
        range(len(x) + 1)
    ):
        hint = ", ".join(map(str, (0, *reversed(range(1, len(x) + 1)))))
        raise ShapeError(
            f"`dims` {list(dims)} must name each of the axes 0 (the batch) to {len(x)} once",
            hint=f"`dims: [{hint}]` turns the axes of one example round",
        )
    if dims[0] % (len(x) + 1) != 0:
        raise ShapeError("`dims` must begin with 0: the batch stays the first axis")
    return tuple(x[d % (len(x) + 1) - 1] for d in dims[1:])


def _select_shape(x: Shape, a: Args) -> Shape:
    i, k = inner_axis(a["dim"], x), a["index"]
    if not -x[i] <= k < x[i]:
        raise ShapeError(f"`index` is {k}, but the axis has the entries 0 to {x[i] - 1}")
    return (*x[:i], *x[i + 1 :]) or (1,)


# --- learned arrays that are no layer ------------------------------------------------------------


def _parameter_shape(x: Shape, a: Args) -> Shape:
    own = a["shape"] or x
    if a["join"] == "add":
        fits = len(own) <= len(x) and all(
            n in (1, m) for n, m in zip(own[::-1], x[::-1], strict=False)
        )
        if not fits:
            raise ShapeError(
                f"a parameter of shape {list(own)} cannot be added to the input {list(x)}",
                hint=f"`shape: {list(x)}` fits; so does a 1 in place of a size",
            )
        return x
    i = inner_axis(a["dim"], x)
    if len(own) != len(x) or any(
        n != m for j, (n, m) in enumerate(zip(own, x, strict=True)) if j != i
    ):
        raise ShapeError(
            f"a parameter of shape {list(own)} cannot be put in front of the input {list(x)} "
            f"along the axis {a['dim']}",
            hint=f"`shape: {[*x[:i], 1, *x[i + 1 :]]}` adds one entry",
        )
    return (*x[:i], own[i] + x[i], *x[i + 1 :])


def _parameter_counts(x: Shape, a: Args, y: Shape) -> Counts:
    own = a["shape"] or x
    names = [Name("n")] if len(own) == 1 else [Name(f"n_{i + 1}") for i in range(len(own))]
    return Counts(weights=(tuple(zip(names, own, strict=True)),))


def _parameter_reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
    return (Text("Every entry of the array is learned."),)


ROWS = (
    LayerSpec(
        "Flatten",
        {"start_dim": Argument(AXIS, 1), "end_dim": Argument(AXIS, -1)},
        _flatten_shape,
        "The entries are written one after the other, row by row: the sizes multiply.",
        receptive="loses",
    ),
    LayerSpec(
        "Unflatten",
        {"dim": Argument(AXIS), "unflattened_size": Argument(SPLIT)},
        _unflatten_shape,
        "One axis is folded into several, row by row: their sizes multiply to its own.",
        receptive="loses",
    ),
    LayerSpec(
        "Permute",
        {"dims": Argument(AXES)},
        _permute_shape,
        "The axes change places; the entries stay the same.",
        receptive="loses",
        note="torchvision.ops.Permute; the batch is axis 0",
    ),
    LayerSpec(
        "Select",
        {"dim": Argument(AXIS), "index": Argument(INDEX)},
        _select_shape,
        "One entry of an axis is kept, such as the first token or the last step.",
        receptive="loses",
        note="x.select(dim, index) of torch, which has no layer for it",
    ),
    LayerSpec(
        "Parameter",
        {
            "shape": Argument(SIZES, None, left_out="the sizes of the input"),
            "join": Argument(WORD, "add", ("add", "concat")),
            "dim": Argument(AXIS, 1),
        },
        _parameter_shape,
        "A learned array is added to the input, or put in front of it along one axis.",
        counts=_parameter_counts,
        reasons=_parameter_reasons,
        note="torch.nn.Parameter: position embeddings (`join: add`) and class tokens "
        "(`join: concat`, in front along `dim`)",
    ),
    LayerSpec("Identity", {}, lambda x, a: x, "Nothing happens, so the shape stays."),
)
