"""What each layer of a network computes, as text in the language of `define`.

A rule takes the writer, the name of the input and the applied layer, and gives the expression of
the result; what is several steps is written as lines of its own. `layers` says what a layer does to
sizes; here is what it does to numbers. Axes are those of one example, `w.axis` counts the batch in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from ..steps import Text
from . import terms_activation, terms_resize, terms_sequence
from .applied import Applied
from .initial import ONES, ZEROS, Initial, fan_in
from .spelling import number, per_axis, sides
from .written import Writer

Rule = Callable[[Writer, str, Applied], str]


# --- linear --------------------------------------------------------------------------------------


def _linear(w: Writer, x: str, it: Applied) -> str:
    n, m = it.input[-1], it.output[-1]
    operands = [x, w.weight("W", (m, n), fan_in(n))]
    if it.args["bias"]:
        operands.append(w.weight("b", (m,), fan_in(n)))
    return f"linear({', '.join(operands)})"


def _bilinear(w: Writer, x: str, it: Applied) -> str:
    from .layers_dense import _bilinear_sides as cut

    (first, second), m = cut(it.input, it.args), it.output[-1]
    one = two = x
    if first != it.input[-1]:
        front = ", ".join([":"] * (len(w.lead) + len(it.input) - 1))
        front += ", " if front else ""
        one = w.line(f"{x}[{front}:{first}]", f"{it.name}_left")
        two = w.line(f"{x}[{front}{first}:]", f"{it.name}_right")
    weight = w.weight("W", (m, first, second), fan_in(first))
    at = "abcd"[: len(w.lead) + len(it.input) - 1]
    text = f'einsum("oij,{at}i,{at}j->{at}o", {weight}, {one}, {two})'
    if not it.args["bias"]:
        return text
    bias = w.weight("b", (m,), fan_in(first))
    return f"{text} + {w.along_rows(bias, (m,), it.output)}"


def _embedding(w: Writer, x: str, it: Applied) -> str:
    a = it.args
    if a["padding_idx"] is not None or a["max_norm"] is not None:
        raise w.refuse("an Embedding with `padding_idx` or `max_norm` has sizes, but no values")
    table = (a["num_embeddings"], a["embedding_dim"])
    return f"embedding({x}, {w.weight('E', table, Initial('normal', 1))})"


# --- convolutions and pools ----------------------------------------------------------------------


def _conv(w: Writer, x: str, it: Applied) -> str:
    a, axes = it.args, len(it.input) - 1
    spreads = it.spec.spreads
    name = f"conv_transpose{axes}d" if spreads else f"conv{axes}d"
    if spreads and axes == 3:
        raise w.refuse("a ConvTranspose3d has sizes, but no values")
    c_in, c_out, groups = it.input[0], it.output[0], a["groups"]
    filters = (c_in, c_out // groups) if spreads else (c_out, c_in // groups)
    shape = (*filters, *a["kernel_size"])
    start = fan_in(prod(shape[1:]))
    operands = [x, w.weight("W", shape, start)]
    if a["bias"]:
        operands.append(w.weight("b", (c_out,), start))
    padding = a["padding"]
    if not spreads and a["padding_mode"] != "zeros":
        operands[0] = _edges(w, x, it)
        padding = 0
    for key in ("stride", "dilation"):
        if set(a[key]) != {1}:
            operands.append(f"{key}={per_axis(a[key])}")
    if isinstance(padding, str):
        operands.append(f'padding="{padding}"')
    elif padding and any(p != (0, 0) for p in padding):
        operands.append(f"padding={sides(padding)}")
    if groups > 1:
        operands.append(f"groups={groups}")
    if spreads and any(a["output_padding"]):
        operands.append(f"output_padding={per_axis(a['output_padding'])}")
    return f"{name}({', '.join(operands)})"


def _edges(w: Writer, x: str, it: Applied) -> str:
    """The input with an edge that is not zero, as a line of its own."""
    pads = [(0, 0)] * (len(w.lead) + 1) + [(s.before, s.after) for s in it.windows]
    mode = it.args["padding_mode"]
    return w.line(f'pad({x}, {_pairs(pads)}, mode="{mode}")', f"{it.name}_padded")


def _pairs(pads: Sequence[tuple[int, int]]) -> str:
    return "[" + ", ".join(f"[{a}, {b}]" for a, b in pads) + "]"


def _pool(w: Writer, x: str, it: Applied) -> str:
    a, axes = it.args, len(it.input) - 1
    kind = "max" if it.spec.type.startswith("Max") else "avg"
    more = [per_axis(a["kernel_size"])]
    if a["stride"] not in (None, a["kernel_size"]):
        more.append(f"stride={per_axis(a['stride'])}")
    if any(p != (0, 0) for p in a["padding"]):
        more.append(f"padding={sides(a['padding'])}")
    if set(a.get("dilation") or (1,)) != {1}:
        more.append(f"dilation={per_axis(a['dilation'])}")
    if a["ceil_mode"]:
        more.append("ceil_mode=True")
    divisor = a.get("divisor_override")
    if kind == "avg" and not a["count_include_pad"] and divisor is None:
        more.append("count_include_pad=False")
    text = f"{kind}_pool{axes}d({x}, {', '.join(more)})"
    if divisor is None:
        return text
    if a["ceil_mode"]:
        raise w.refuse("`divisor_override` with `ceil_mode` has sizes, but no values")
    return f"{text}*{prod(a['kernel_size'])}/{divisor}"


# --- normalisation -------------------------------------------------------------------------------


def _affine(w: Writer, it: Applied, shape: Sequence[int], flag: str) -> list[str]:
    """Scale and shift as keyword arguments."""
    if not it.args[flag]:
        return []
    scale = f"weight={w.weight('gamma', shape, ONES)}"
    if not it.args.get("bias"):
        return [scale]
    return [scale, f"bias={w.weight('beta', shape, ZEROS)}"]


def _eps(a: Any, usual: float | None = 1e-5) -> list[str]:
    return [] if a["eps"] == usual else [f"eps={number(a['eps'])}"]


def _batch_norm(w: Writer, x: str, it: Applied) -> str:
    channels = it.input[:1]
    more = _affine(w, it, channels, "affine") + _eps(it.args)
    mean, variance = w.running("mu"), w.running("var")
    if (
        mean is not None
        and variance is not None
        and len(channels) == len(it.input)
        and (w.batch in (None, 1))
    ):  # a column or a row: entry by entry
        at = {
            n: w.along_rows(n.split("=")[-1], channels, channels) for n in (mean, variance, *more)
        }
        scaled = f"({x} - {at[mean]})/sqrt({at[variance]} + {number(it.args['eps'])})"
        for name, sign in zip((n for n in more if not n.startswith("eps")), "*+", strict=False):
            scaled += f"{sign}{at[name]}"
        return scaled
    if mean is not None and variance is not None:
        more = [mean, variance, *more]
        return w.over_batch(x, "batch_norm", more)
    if not w.lead and prod(it.input[1:]) == 1:
        raise w.refuse(
            "a batch norm needs several entries of each channel, but `input` is a single example",
            hint=f"give a batch as `input`, or the running statistics `{w.numbered('mu')}` and "
            f"`{w.numbered('var')}`, as in evaluation",
        )
    w.say("batch norm", _BATCH_NORM)
    return w.over_batch(x, "batch_norm", more)


_BATCH_NORM = Text(
    "A batch norm takes mean and variance of the examples given, as in training. As in evaluation "
    "it would take running statistics: give them the names mu and var with the layer's number."
)


def _instance_norm(w: Writer, x: str, it: Applied) -> str:
    more = _affine(w, it, it.input[:1], "affine") + _eps(it.args)
    return w.over_batch(x, "instance_norm", more)


def _group_norm(w: Writer, x: str, it: Applied) -> str:
    more = [str(it.args["num_groups"]), *_affine(w, it, it.input[:1], "affine"), *_eps(it.args)]
    return w.over_batch(x, "group_norm", more)


def _layer_norm(w: Writer, x: str, it: Applied) -> str:
    own = it.args["normalized_shape"] or it.input[-1:]
    rms = it.spec.type == "RMSNorm"
    more = [x]
    if len(own) > 1:
        more.append("[" + ", ".join(map(str, own)) + "]")
    more += _affine(w, it, own, "elementwise_affine") + _eps(it.args, None if rms else 1e-5)
    return f"{'rms_norm' if rms else 'layer_norm'}({', '.join(more)})"


TERMS: dict[str, Rule] = {
    **{f"Conv{n}d": _conv for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": _conv for n in (1, 2, 3)},
    **{f"{kind}Pool{n}d": _pool for kind in ("Max", "Avg") for n in (1, 2, 3)},
    **terms_resize.TERMS,
    **terms_sequence.TERMS,
    **terms_activation.TERMS,
    "Linear": _linear,
    "Bilinear": _bilinear,
    "Embedding": _embedding,
    **{f"BatchNorm{n}d": _batch_norm for n in (1, 2, 3)},
    **{f"InstanceNorm{n}d": _instance_norm for n in (1, 2, 3)},
    "GroupNorm": _group_norm,
    "LayerNorm": _layer_norm,
    "RMSNorm": _layer_norm,
}
