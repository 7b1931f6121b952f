"""What activations and dropout compute, as text in the language of `define`. `terms` explains."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..steps import Text
from .applied import Applied
from .initial import Initial
from .spelling import number

if TYPE_CHECKING:
    from .written import Writer

Rule = Callable[["Writer", str, Applied], str]


def _entrywise(template: str) -> Rule:
    """An expression in {x} and the layer's arguments."""

    def rule(w: Writer, x: str, it: Applied) -> str:
        shown = {k: number(v) if isinstance(v, int | float) else v for k, v in it.args.items()}
        return template.format(x=x, **shown)

    return rule


def _function(name: str, *arguments: str) -> Rule:
    """A call with those of the layer's arguments that are not the usual ones."""

    def rule(w: Writer, x: str, it: Applied) -> str:
        more = []
        for key in arguments:
            value = it.args[key]
            if value != it.spec.signature[key].default:
                more.append(
                    f'{key}="{value}"' if isinstance(value, str) else f"{key}={number(value)}"
                )
        return f"{name}({', '.join([x, *more])})"

    return rule


def _identity(w: Writer, x: str, it: Applied) -> str:
    return x


def _dropout(w: Writer, x: str, it: Applied) -> str:
    mask = f"mask_{w.layer}"
    if mask in w.own:
        return f"dropout({x}, {number(it.args['p'])}, {mask})"
    w.say("dropout", _DROPOUT)
    return x


_DROPOUT = Text("Dropout lets everything through, as in evaluation.")


def _rrelu(w: Writer, x: str, it: Applied) -> str:
    w.say("rrelu", Text("RReLU takes the middle of its range as its slope, as in evaluation."))
    return f"leaky_relu({x}, ({number(it.args['lower'])} + {number(it.args['upper'])})/2)"


def _prelu(w: Writer, x: str, it: Applied) -> str:
    n = it.args["num_parameters"]
    slope = w.weight("a", (n,) if n > 1 else (), Initial("constant", it.args["init"]))
    if n == 1:
        return f"prelu({x}, {slope})"
    if len(it.input) == 1:
        return f"where({x} > 0, {x}, {x}*{w.along_rows(slope, (n,), it.input)})"
    return w.over_batch(x, "prelu", [slope])


def _softmax(name: str, sign: str = "") -> Rule:
    def rule(w: Writer, x: str, it: Applied) -> str:
        dim, order = it.args.get("dim"), len(it.input)
        if it.spec.type == "Softmax2d":
            k = 0
        elif dim is not None:
            k = dim % (order + 1) - 1
        elif order in (1, 3):  # torch's own choice: the axis 1 of a batch
            k = 0
        else:
            raise w.refuse("`dim` is missing", f"`{it.spec.type}: {{dim: -1}}` is the last axis")
        if k < 0:
            raise w.refuse("`dim` 0 is the batch: the examples would depend on one another")
        return f"{name}({sign}{x}, axis={w.axis(k)})"

    return rule


def _glu(w: Writer, x: str, it: Applied) -> str:
    k = w.axis(it.args["dim"] % (len(it.input) + 1) - 1)
    half = it.input[k - len(w.lead)] // 2
    before = ":, " * k
    return f"{x}[{before}:{half}]*sigmoid({x}[{before}{half}:])"


_RELU6 = "clip({x}, 0, 6)"
_SHRINK = "where({x} > {lambd}, {x} - {lambd}, where({x} < -{lambd}, {x} + {lambd}, 0))"
_CELU = "where({x} > 0, {x}, {alpha}*(exp(minimum({x}, 0)/{alpha}) - 1))"

TERMS: dict[str, Rule] = {
    **dict.fromkeys(("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout"), _dropout),
    "Identity": _identity,
    "ReLU": _function("relu"),
    "ReLU6": _entrywise(_RELU6),
    "LeakyReLU": _function("leaky_relu", "negative_slope"),
    "PReLU": _prelu,
    "RReLU": _rrelu,
    "ELU": _function("elu", "alpha"),
    "CELU": _entrywise(_CELU),
    "SELU": _function("selu"),
    "GELU": _function("gelu", "approximate"),
    "SiLU": _function("silu"),
    "Mish": _function("mish"),
    "Sigmoid": _function("sigmoid"),
    "Tanh": _function("tanh"),
    "Softplus": _function("softplus", "beta", "threshold"),
    "Softsign": _function("softsign"),
    "Softshrink": _entrywise(_SHRINK),
    "Hardshrink": _entrywise("where(abs({x}) > {lambd}, {x}, 0)"),
    "Tanhshrink": _entrywise("{x} - tanh({x})"),
    "Hardsigmoid": _function("hardsigmoid"),
    "Hardswish": _function("hardswish"),
    "Hardtanh": _entrywise("clip({x}, {min_val}, {max_val})"),
    "Threshold": _entrywise("where({x} > {threshold}, {x}, {value})"),
    "LogSigmoid": _function("logsigmoid"),
    "Softmax": _softmax("softmax"),
    "Softmin": _softmax("softmax", "-"),
    "LogSoftmax": _softmax("log_softmax"),
    "Softmax2d": _softmax("softmax"),
    "GLU": _glu,
}
