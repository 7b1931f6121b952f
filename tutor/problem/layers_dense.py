"""Linear layers and lookups, and what only rearranges entries. `layers` explains the letters."""

from __future__ import annotations

from math import prod

from ..errors import ShapeError
from ..expr import Name
from .arguments import AXES, AXIS, COUNT, FLAG, NUMBER, SIZES, SPLIT, WORD, Args, Argument
from .layer_spec import Counts, LayerSpec, Reason, Shape

# --- linear --------------------------------------------------------------------------------------


def _linear_shape(x: Shape, a: Args) -> Shape:
    *leading, last = x
    if a["in_features"] not in (None, last):
        flat = leading and a["in_features"] == prod(x)
        raise ShapeError(
            f"`in_features` is {a['in_features']}, but the last axis of the input {list(x)} "
            f"has {last}",
            hint="put a `Flatten` before it"
            if flat
            else f"write `in_features: {last}`, or leave it out: it is inferred",
        )
    return (*leading, a["out_features"])


def _linear_counts(x: Shape, a: Args, y: Shape) -> Counts:
    *leading, n_in = x
    *_, n_out = y
    both = ((Name("n_in"), n_in), (Name("n_out"), n_out))
    positions = ((Name("m"), prod(leading)),) if leading else ()
    return Counts(
        weights=(both,),
        biases=((both[1],),) if a["bias"] else (),
        macs=((*positions, *both),),
    )


def _linear_reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
    words = "Each of the {n} outputs has {k} weights" + (" and one bias." if a["bias"] else ".")
    if len(x) > 1:
        words += " All positions share them."
    products = "Each output is a sum of {k} products."
    return (words, {"n": y[-1], "k": x[-1]}), (products, {"k": x[-1]})


def _bilinear_sides(x: Shape, a: Args) -> tuple[int, int]:
    """The two inputs: both the whole last axis, or its first and its second part."""
    n, first, second = x[-1], a["in1_features"], a["in2_features"]
    if first is None and second is None:
        return n, n
    first = n - second if first is None else first
    second = n - first if second is None else second
    if first + second != n and not first == second == n:
        raise ShapeError(
            f"inputs with {first} and {second} features do not make up the {n} entries of the "
            f"last axis of {list(x)}",
            hint=f"their sum must be {n} (the axis is cut in two), or both must be {n} (the "
            "layer sees its input twice)",
        )
    return first, second


def _bilinear_shape(x: Shape, a: Args) -> Shape:
    first, second = _bilinear_sides(x, a)
    if min(first, second) < 1:
        raise ShapeError(f"one of the two inputs would have {min(first, second)} features")
    return (*x[:-1], a["out_features"])


def _bilinear_counts(x: Shape, a: Args, y: Shape) -> Counts:
    first, second = _bilinear_sides(x, a)
    out = (Name("n_out"), y[-1])
    both = ((Name("n_1"), first), (Name("n_2"), second), out)
    positions = ((Name("m"), prod(x[:-1])),) if len(x) > 1 else ()
    return Counts((both,), ((out,),) if a["bias"] else (), ((*positions, *both),))


def _bilinear_reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
    first, second = _bilinear_sides(x, a)
    words = "Each of the {n} outputs has a matrix of {a}×{b} weights"
    words += " and one bias." if a["bias"] else "."
    return (
        (words, {"n": y[-1], "a": first, "b": second}),
        ("One multiply-add for each weight and each position.", {}),
    )


# --- embedding -----------------------------------------------------------------------------------


def _embedding_shape(x: Shape, a: Args) -> Shape:
    pad, n = a["padding_idx"], a["num_embeddings"]
    if pad is not None and not -n <= pad < n:
        raise ShapeError(f"`padding_idx` is {pad}, but the table has the rows 0 to {n - 1}")
    return (*x, a["embedding_dim"])


def _embedding_counts(x: Shape, a: Args, y: Shape) -> Counts:
    table = ((Name("V"), a["num_embeddings"]), (Name("d"), a["embedding_dim"]))
    return Counts(weights=(table,))


def _embedding_reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
    words = "The table has one row of {d} numbers for each of the {V} words."
    return ((words, {"d": a["embedding_dim"], "V": a["num_embeddings"]}),)


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
    return (("Every entry of the array is learned.", {}),)


ROWS = (
    LayerSpec(
        "Linear",
        {
            "in_features": Argument(COUNT, None),
            "out_features": Argument(COUNT),
            "bias": Argument(FLAG, True),
        },
        _linear_shape,
        "Every output is a weighted sum along the last axis; there is one per output feature.",
        counts=_linear_counts,
        receptive="loses",
        reasons=_linear_reasons,
    ),
    LayerSpec(
        "Bilinear",
        {
            "in1_features": Argument(COUNT, None),
            "in2_features": Argument(COUNT, None),
            "out_features": Argument(COUNT),
            "bias": Argument(FLAG, True),
        },
        _bilinear_shape,
        "Every output is a bilinear form of two inputs; there is one per output feature.",
        counts=_bilinear_counts,
        receptive="loses",
        reasons=_bilinear_reasons,
        note="its two inputs are both the input, or, with sizes that add up to the last axis, "
        "the two parts of it",
    ),
    LayerSpec(
        "Embedding",
        {
            "num_embeddings": Argument(COUNT),
            "embedding_dim": Argument(COUNT),
            "padding_idx": Argument(AXIS, None),
            "max_norm": Argument(NUMBER, None),
            "norm_type": Argument(NUMBER, 2.0),
            "scale_grad_by_freq": Argument(FLAG, False),
            "sparse": Argument(FLAG, False),
        },
        _embedding_shape,
        "Every index of the input is replaced by its row of a table, which is a new last axis.",
        counts=_embedding_counts,
        receptive="loses",
        reasons=_embedding_reasons,
        note="a lookup: no multiply-adds",
    ),
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
        {"dim": Argument(AXIS), "index": Argument(AXIS)},
        _select_shape,
        "One entry of an axis is kept, such as the first token or the last step.",
        receptive="loses",
        note="x.select(dim, index) of torch, which has no layer for it",
    ),
    LayerSpec(
        "Parameter",
        {
            "shape": Argument(SIZES, None),
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
