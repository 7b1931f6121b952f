"""The arrays that each layer learns, listed one by one with their sizes, and its sums of products.

A second count beside the formulas of the layer table: `learned` lists arrays as a framework would
store them, `products` goes through the outputs of each product and multiplies by what feeds one.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from ..problem.applied import Applied

Arrays = list[tuple[int, ...]]

_NORMS = ("BatchNorm", "InstanceNorm", "GroupNorm")
_RECURRENT = {"RNN": 1, "GRU": 3, "LSTM": 4}


def learned(layer: Applied) -> tuple[Arrays, Arrays]:
    """The shapes of all weights, and of all biases."""
    args, x, y, type_ = layer.args, layer.input, layer.output, layer.spec.type
    if type_ == "Linear":
        weights, bias = [(y[-1], x[-1])], (y[-1],)
    elif type_.startswith("ConvTranspose"):
        weights, bias = [(x[0], y[0] // args["groups"], *args["kernel_size"])], (y[0],)
    elif type_.startswith("Conv"):
        weights, bias = [(y[0], x[0] // args["groups"], *args["kernel_size"])], (y[0],)
    elif type_ == "Bilinear":
        weights, bias = [(y[-1], *_sides(x[-1], args))], (y[-1],)
    elif type_ == "Embedding":
        return [(args["num_embeddings"], args["embedding_dim"])], []
    elif type_ == "Parameter":
        return [args["shape"] or x], []
    elif type_ == "PReLU":
        return [(args["num_parameters"],)], []
    elif type_.startswith(_NORMS):
        return ([(x[0],)], [(x[0],)] if args["bias"] else []) if args["affine"] else ([], [])
    elif type_ in ("LayerNorm", "RMSNorm"):
        own = args["normalized_shape"] or x[-1:]
        if not args["elementwise_affine"]:
            return [], []
        return [own], [own] if args.get("bias") else []
    elif type_ in _RECURRENT:
        return _recurrent(x[-1], args, _RECURRENT[type_])
    elif type_ == "MultiheadAttention":
        return _attention(x[-1], args)
    elif type_ == "TransformerEncoderLayer":
        return _encoder(x[-1], args)
    else:
        return [], []
    return weights, [bias] if args["bias"] else []


def _sides(n: int, args: Any) -> tuple[int, int]:
    first, second = args["in1_features"], args["in2_features"]
    if first is None and second is None:
        return n, n
    return (n - second if first is None else first), (n - first if second is None else second)


def _recurrent(features: int, args: Any, gates: int) -> tuple[Arrays, Arrays]:
    weights, biases = [], []
    hidden, projected = args["hidden_size"], args.get("proj_size", 0)
    state = projected or hidden
    ways = ("forwards", "backwards") if args["bidirectional"] else ("forwards",)
    for _ in range(args["num_layers"]):
        for _ in ways:
            weights += [(gates * hidden, features), (gates * hidden, state)]
            if projected:
                weights.append((projected, hidden))
            if args["bias"]:
                biases += [(gates * hidden,), (gates * hidden,)]
        features = state * len(ways)
    return weights, biases


def _attention(d: int, args: Any) -> tuple[Arrays, Arrays]:
    biases = [(3 * d,), (d,)] if args["bias"] else []
    if args["add_bias_kv"]:
        biases += [(1, 1, d), (1, 1, d)]
    return [(3 * d, d), (d, d)], biases


def _encoder(d: int, args: Any) -> tuple[Arrays, Arrays]:
    inner = args["dim_feedforward"]
    weights = [(3 * d, d), (d, d), (inner, d), (d, inner), (d,), (d,)]
    biases = [(3 * d,), (d,), (inner,), (d,), (d,), (d,)]
    return weights, biases if args["bias"] else []


def products(layer: Applied) -> Iterator[tuple[int, int]]:
    """(outputs, products that each sums up), for every product of the layer."""
    args, x, y, type_ = layer.args, layer.input, layer.output, layer.spec.type
    if type_ == "Linear":
        yield prod(y), x[-1]
    elif type_.startswith("ConvTranspose"):  # seen from the inputs: each is spread
        yield prod(x), y[0] // args["groups"] * prod(args["kernel_size"])
    elif type_.startswith("Conv"):
        yield prod(y), x[0] // args["groups"] * prod(args["kernel_size"])
    elif type_ == "Bilinear":
        yield prod(y), prod(_sides(x[-1], args))
    elif type_ in _RECURRENT:
        for rows, columns in learned(layer)[0]:
            yield x[0] * rows, columns
    elif type_ in ("MultiheadAttention", "TransformerEncoderLayer"):
        length, d = x
        keys = length + args.get("add_bias_kv", False) + args.get("add_zero_attn", False)
        yield from ((length * d, d),) * 4
        yield length * keys, d
        yield length * d, keys
        if "dim_feedforward" in args:
            yield length * args["dim_feedforward"], d
            yield length * d, args["dim_feedforward"]
