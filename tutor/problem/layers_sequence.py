"""Layers on sequences [length, features]: recurrent ones and attention. `layers` explains."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import ShapeError
from ..expr import Name, Num
from ..steps import Text, in_turn
from .arguments import AMOUNT, COUNT, FLAG, NUMBER, PROBABILITY, WORD, Args, Argument
from .layer_spec import (
    Counts,
    Factor,
    LayerSpec,
    Product,
    Reason,
    Shape,
    divisors,
    told_otherwise,
)

L, D = Name("L"), Name("d")


def _sequence(x: Shape, given: int | None, argument: str) -> int:
    """The features of a sequence; an error when it is none, or has others than the layer says."""
    if len(x) != 2:
        raise ShapeError(
            f"the input has shape {list(x)}, but must be a sequence [length, features]",
            hint="`Flatten: {start_dim: 2}`, then `Permute: {dims: [0, 2, 1]}` make one of an image"
            if len(x) == 3
            else None,
        )
    if given not in (None, x[1]):
        message = f"`{argument}` is {given}, but the input {list(x)} has {x[1]} features"
        raise told_otherwise(argument, message, x[1])
    return x[1]


def _product(*factors: Factor) -> Product:
    """The factors without plain ones; names keep theirs."""
    return tuple(f for f in factors if f[1] != 1 or isinstance(f[0], Name))


def _times(n: int) -> Factor:
    return Num(str(n)), n


# --- recurrent -----------------------------------------------------------------------------------

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def _recurrent_shape(x: Shape, a: Args) -> Shape:
    _sequence(x, a["input_size"], "input_size")
    projected = a.get("proj_size", 0)
    if projected >= a["hidden_size"]:
        raise ShapeError(
            f"`proj_size` is {projected}, but must be smaller than `hidden_size` {a['hidden_size']}"
        )
    return x[0], (2 if a["bidirectional"] else 1) * (projected or a["hidden_size"])


def _recurrent_weights(gates: int, x: Shape, a: Args) -> tuple[Product, ...]:
    layers, both = a["num_layers"], 2 if a["bidirectional"] else 1
    hidden = (Name("H"), a["hidden_size"])
    projected = a.get("proj_size", 0)
    out = (Name("P"), projected) if projected else hidden
    stacked = (_times(both), _times(gates), hidden)
    products = [_product(*stacked, (Name("n_in"), x[1]))]
    products.append(_product(_times(layers), *stacked, out))
    if layers > 1:
        products.append(_product(_times(layers - 1), *stacked, _times(both), out))
    if projected:
        products.append(_product(_times(layers), _times(both), hidden, out))
    return tuple(products)


def _recurrent(type_: str, **more: Argument) -> LayerSpec:
    gates = _GATES[type_]

    def counts(x: Shape, a: Args, y: Shape) -> Counts:
        weights = _recurrent_weights(gates, x, a)
        two = (2 if a["bidirectional"] else 1) * a["num_layers"]
        bias = _product(_times(2), _times(two), _times(gates), (Name("H"), a["hidden_size"]))
        return Counts(
            weights, (bias,) if a["bias"] else (), tuple(((L, x[0]), *p) for p in weights)
        )

    def reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
        if gates == 1:
            owner = Text("The cell")
        elif type_ == "GRU":
            owner = Text("Each of the {g} gates", {"g": gates})
        else:
            owner = Text("Each of the {g} gates (the cell's candidate counts as one)", {"g": gates})
        holes = {"it": owner, "n": x[1], "H": a["hidden_size"]}
        if a["bias"]:
            said = Text(
                "{it} has weights for the {n} inputs and for the {H} entries of the state before, "
                "and two bias vectors, as torch has them.",
                holes,
            )
        else:
            said = Text(
                "{it} has weights for the {n} inputs and for the {H} entries of the state before.",
                holes,
            )
        more = Text("Every further layer takes the output of the one below.")
        back = Text("A second cell reads the sequence backwards.")
        return (
            in_turn(
                said, more if a["num_layers"] > 1 else None, back if a["bidirectional"] else None
            ),
            Text("Every weight is used once at each of the {L} steps.", {"L": x[0]}),
        )

    signature: Mapping[str, Argument] = {
        "input_size": Argument(COUNT, None),
        "hidden_size": Argument(COUNT),
        "num_layers": Argument(COUNT, 1),
        **({"nonlinearity": Argument(WORD, "tanh", ("tanh", "relu"))} if gates == 1 else {}),
        "bias": Argument(FLAG, True),
        "batch_first": Argument(FLAG, False),
        "dropout": Argument(PROBABILITY, 0.0),
        "bidirectional": Argument(FLAG, False),
        **more,
    }
    return LayerSpec(
        type_,
        signature,
        _recurrent_shape,
        "The state after every step is an output: the length stays.",
        counts=counts,
        receptive="loses",
        reasons=reasons,
        note="the output of all steps goes on; `Select: {dim: 1, index: -1}` keeps the last",
    )


# --- attention -----------------------------------------------------------------------------------


def _heads(d: int, heads: int, argument: str) -> None:
    if d % heads:
        raise ShapeError(
            f"{heads} heads do not divide the {d} features",
            hint=f"`{argument}` must divide {d}: {divisors(d)}",
        )


def _attention_shape(x: Shape, a: Args) -> Shape:
    d = _sequence(x, a["embed_dim"], "embed_dim")
    _heads(d, a["num_heads"], "num_heads")
    for name in ("kdim", "vdim"):
        if a[name] not in (None, d):
            raise ShapeError(
                f"`{name}` is {a[name]}, but in a stack of layers queries, keys and values are "
                f"all the input, which has {d} features",
                hint=f"leave `{name}` out",
            )
    return x


def _attention_counts(x: Shape, a: Args, y: Shape) -> Counts:
    length, d = x
    four = (_times(4), (D, d), (D, d))
    keys = length + a["add_bias_kv"] + a["add_zero_attn"]
    biases: list[Product] = [(_times(4), (D, d))] if a["bias"] else []
    if a["add_bias_kv"]:
        biases.append((_times(2), (D, d)))
    pairs = (_times(2), (L, length), (Name("S") if keys > length else L, keys), (D, d))
    return Counts((four,), tuple(biases), ((_times(4), (L, length), (D, d), (D, d)), pairs))


def _attention_reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
    if a["bias"]:
        words = (
            "Queries, keys, values and the output are each made by a {d}×{d} matrix with a bias."
        )
    else:
        words = "Queries, keys, values and the output are each made by a {d}×{d} matrix."
    heads = Text("The number of heads only cuts the features into parts, so it does not matter.")
    return in_turn(Text(words, {"d": x[1]}), heads), Text(
        "Four products with matrices at every position; then each query meets each key, and "
        "each weight its value, in {d} features.",
        {"d": x[1]},
    )


def _encoder_shape(x: Shape, a: Args) -> Shape:
    _heads(_sequence(x, a["d_model"], "d_model"), a["nhead"], "nhead")
    return x


def _encoder_counts(x: Shape, a: Args, y: Shape) -> Counts:
    length, d = x
    one, inner = (D, d), (Name("F"), a["dim_feedforward"])
    weights = ((_times(4), one, one), (_times(2), one, inner), (_times(2), one))
    biases = ((_times(4), one), (inner,), (one,), (_times(2), one)) if a["bias"] else ()
    macs = (
        (_times(4), (L, length), one, one),
        (_times(2), (L, length), (L, length), one),
        (_times(2), (L, length), one, inner),
    )
    return Counts(weights, biases, macs)


def _encoder_reasons(x: Shape, a: Args, y: Shape) -> tuple[Reason, ...]:
    words = Text(
        "Attention has four {d}×{d} matrices, the feed-forward part two matrices between {d} and "
        "{F} features, and the two layer norms {d} scales each.",
        {"d": x[1], "F": a["dim_feedforward"]},
    )
    biases = Text(
        "The biases come to 4·{d}, then {F} and {d}, then 2·{d}.",
        {"d": x[1], "F": a["dim_feedforward"]},
    )
    return in_turn(words, biases if a["bias"] else None), Text(
        "At every position the four projections and the two layers of the feed-forward part; "
        "and each of the {L} queries meets each of the {L} keys, and each weight its value.",
        {"L": x[0]},
    )


ROWS = (
    _recurrent("RNN"),
    _recurrent("GRU"),
    _recurrent("LSTM", proj_size=Argument(AMOUNT, 0)),
    LayerSpec(
        "MultiheadAttention",
        {
            "embed_dim": Argument(COUNT, None),
            "num_heads": Argument(COUNT),
            "dropout": Argument(PROBABILITY, 0.0),
            "bias": Argument(FLAG, True),
            "add_bias_kv": Argument(FLAG, False),
            "add_zero_attn": Argument(FLAG, False),
            "kdim": Argument(COUNT, None, left_out="read off the input"),
            "vdim": Argument(COUNT, None, left_out="read off the input"),
            "batch_first": Argument(FLAG, False),
        },
        _attention_shape,
        "Every position becomes a weighted mean over all positions, so the shape stays.",
        counts=_attention_counts,
        receptive="loses",
        reasons=_attention_reasons,
        note="self-attention: queries, keys and values are all the input",
    ),
    LayerSpec(
        "TransformerEncoderLayer",
        {
            "d_model": Argument(COUNT, None),
            "nhead": Argument(COUNT),
            "dim_feedforward": Argument(COUNT, 2048),
            "dropout": Argument(PROBABILITY, 0.1),
            "activation": Argument(WORD, "relu", ("relu", "gelu")),
            "layer_norm_eps": Argument(NUMBER, 1e-5),
            "batch_first": Argument(FLAG, False),
            "norm_first": Argument(FLAG, False),
            "bias": Argument(FLAG, True),
        },
        _encoder_shape,
        "Attention and a feed-forward part, each added to its input: the shape stays.",
        counts=_encoder_counts,
        receptive="loses",
        reasons=_encoder_reasons,
    ),
)
