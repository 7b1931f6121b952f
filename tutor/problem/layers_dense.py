"""Linear layers, and the table of embeddings. `layers` explains the letters."""

from __future__ import annotations

from math import prod

from ..errors import ShapeError
from ..expr import Name
from ..steps import Text, in_turn
from .arguments import COUNT, FLAG, INDEX, NUMBER, Args, Argument
from .layer_spec import Counts, LayerSpec, Reason, Shape, told_otherwise

# --- linear --------------------------------------------------------------------------------------


def _linear_shape(x: Shape, a: Args) -> Shape:
    *leading, last = x
    if a["in_features"] not in (None, last):
        given = a["in_features"]
        message = f"`in_features` is {given}, but the last axis of the input {list(x)} has {last}"
        if leading and given == prod(x):
            raise ShapeError(message, hint="put a `Flatten` before it")
        raise told_otherwise("in_features", message, last)
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
    *leading, n_in = x
    if a["bias"]:
        words = "Each of the {n} outputs has {k} weights and one bias."
    else:
        words = "Each of the {n} outputs has {k} weights."
    shared = Text("All positions share them.") if leading else None
    products = Text("Each output is a sum of {k} products.", {"k": n_in})
    return in_turn(Text(words, {"n": y[-1], "k": n_in}), shared), products


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
    if a["bias"]:
        words = "Each of the {n} outputs has a matrix of {a}×{b} weights and one bias."
    else:
        words = "Each of the {n} outputs has a matrix of {a}×{b} weights."
    return (
        Text(words, {"n": y[-1], "a": first, "b": second}),
        Text("One multiply-add for each weight and each position."),
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
    return (Text(words, {"d": a["embedding_dim"], "V": a["num_embeddings"]}),)


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
            "in1_features": Argument(COUNT, None, left_out="read off the input"),
            "in2_features": Argument(COUNT, None, left_out="read off the input"),
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
            "padding_idx": Argument(INDEX, None, left_out="no row is special"),
            "max_norm": Argument(NUMBER, None, left_out="no limit"),
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
)
