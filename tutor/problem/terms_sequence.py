"""What recurrent layers and attention compute, step by step. `terms` explains the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..steps import Text
from .applied import Applied
from .initial import ONES, ZEROS, fan_in, xavier
from .spelling import number

if TYPE_CHECKING:
    from .written import Writer

# --- recurrent -----------------------------------------------------------------------------------

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def _recurrent(w: Writer, x: str, it: Applied) -> str:
    if w.batch == 1:  # on paper a batch of one would be rows: its one example is a list of columns
        w.batch = None
        alone = w.line(f"reshape({x}, {w.sizes(it.input)})", f"{it.name}_alone")
        states = w.line(_recurrent(w, alone, it), f"{it.name}_states")
        w.batch = 1
        return f"reshape({states}, {w.sizes(it.output)})"
    _batch_first(w, it)
    a, (length, _) = it.args, it.input
    before = ":, " * len(w.lead)
    steps = [f"{x}[{before}{t}]" for t in range(length)]
    for layer in range(a["num_layers"]):
        n = it.input[1] if layer == 0 else it.output[1]
        tail = f"_l{layer}" if layer else ""
        forward = _direction(w, steps, it, n, tail)
        if a["bidirectional"]:
            back = _direction(w, steps[::-1], it, n, tail + "_reverse")[::-1]
            axis = f", axis={w.axis(0)}"
            forward = [
                w.line(f"concat({f}, {b}{axis})", w.numbered("h", f"{tail}_both_{t}"))
                for t, (f, b) in enumerate(zip(forward, back, strict=True), 1)
            ]
        steps = forward
    return f"stack({', '.join(steps)}, axis={w.axis(0)})"


def _batch_first(w: Writer, it: Applied) -> None:
    """Say how a batch is read where torch's default is another order of the axes."""
    if w.batch is not None and it.args.get("batch_first") is False:
        words = (
            "The first axis of a batch counts the examples, as with batch_first = true in torch."
        )
        w.say("batch first", Text(words))


def _direction(w: Writer, steps: list[str], it: Applied, n: int, tail: str) -> list[str]:
    """The states of one cell after each step, in the order in which it reads them."""
    a, type_ = it.args, it.spec.type
    hidden, rows = a["hidden_size"], _GATES[type_] * a["hidden_size"]
    projected = a.get("proj_size", 0)
    out, start = projected or hidden, fan_in(hidden)
    weights = [
        w.weight("W_ih", (rows, n), start, tail),
        w.weight("W_hh", (rows, out), start, tail),
    ]
    if a["bias"]:
        weights += [w.weight(b, (rows,), start, tail) for b in ("b_ih", "b_hh")]
    down = w.weight("W_hr", (out, hidden), start, tail) if projected else ""
    h, c = f"zeros({w.sizes((out,))[1:-1]})", f"zeros({w.sizes((hidden,))[1:-1]})"
    more = ['nonlinearity="relu"'] if a.get("nonlinearity") == "relu" else []
    more += [f"W_hr={down}"] if projected else []
    states = []
    for t, step in enumerate(steps, 1):
        name = w.numbered("h", f"{tail}_{t}")
        operands = ", ".join([step, h, *([c] if type_ == "LSTM" else []), *weights, *more])
        call = f"{type_.lower()}_cell({operands})"
        if type_ != "LSTM":
            h = w.line(call, name)
        else:
            c = w.numbered("c", f"{tail}_{t}")
            h = w.line(call, name, c)
        states.append(h)
    return states


# --- attention -----------------------------------------------------------------------------------


def _attention(w: Writer, x: str, it: Applied) -> str:
    _batch_first(w, it)
    a = it.args
    return _attend(w, x, it, a["num_heads"], a["bias"], a["add_bias_kv"], a["add_zero_attn"])


def _attend(
    w: Writer, x: str, it: Applied, heads: int, bias: bool, extra: bool = False, zero: bool = False
) -> str:
    """Queries, keys and values of the input, cut into heads; their attention; a last matrix."""
    length, d = it.input
    projected = []
    for letter in "qkv":
        operands = [x, w.weight(f"W_{letter}", (d, d), xavier(3 * d, d))]
        if bias:
            operands.append(w.weight(f"b_{letter}", (d,), ZEROS))
        projected.append(w.line(f"linear({', '.join(operands)})", w.numbered(letter.upper())))
    q, k, v = projected
    longer = length
    if extra:
        longer += 1
        k, v = (
            _below(w, n, w.weight(f"bias_{n[0].lower()}", (d,), xavier(1, d)), d) for n in (k, v)
        )
    if zero:
        longer += 1
        k, v = (_below(w, n, f"zeros({d})", d) for n in (k, v))
    q, k, v = (_cut(w, name, n, heads, d) for name, n in ((q, length), (k, longer), (v, longer)))
    met = w.line(f"attention({q}, {k}, {v})", w.numbered("H"))
    if heads > 1:
        axes = [*range(len(w.lead)), *(w.axis(i) for i in (1, 0, 2))]
        turned = w.line(f"permute({met}, {axes})", w.numbered("H", "_turned"))
        met = w.line(f"reshape({turned}, {w.sizes((length, d))})", w.numbered("H", "_joined"))
    operands = [met, w.weight("W_o", (d, d), fan_in(d))]
    if bias:
        operands.append(w.weight("b_o", (d,), ZEROS))
    return f"linear({', '.join(operands)})"


def _below(w: Writer, name: str, row: str, d: int) -> str:
    """The matrix with one more row."""
    one = f"broadcast(reshape({row}, 1, {d}), {w.sizes((1, d))})" if w.lead else f"{row}.T"
    return w.line(f"concat({name}, {one}, axis={w.axis(0)})", f"{name}_longer_{len(w.define)}")


def _cut(w: Writer, name: str, length: int, heads: int, d: int) -> str:
    """heads × length × features of one head."""
    if heads == 1:
        return name
    cut = w.line(f"reshape({name}, {w.sizes((length, heads, d // heads))})", f"{name}_cut")
    axes = [*range(len(w.lead)), *(w.axis(i) for i in (1, 0, 2))]
    return w.line(f"permute({cut}, {axes})", f"{name}_heads")


def _encoder(w: Writer, x: str, it: Applied) -> str:
    """Attention, then two linear layers, each added to its input; a layer norm before or behind."""
    _batch_first(w, it)
    a, d = it.args, it.input[1]

    def norm(y: str, k: int) -> str:
        more = [y, f"weight={w.weight('gamma', (d,), ONES, f'_{k}')}"]
        if a["bias"]:
            more.append(f"bias={w.weight('beta', (d,), ZEROS, f'_{k}')}")
        if a["layer_norm_eps"] != 1e-5:
            more.append(f"eps={number(a['layer_norm_eps'])}")
        return f"layer_norm({', '.join(more)})"

    def dense(y: str, k: int, n: int, m: int) -> str:
        operands = [y, w.weight("W", (m, n), fan_in(n), f"_{k}")]
        if a["bias"]:
            operands.append(w.weight("b", (m,), fan_in(n), f"_{k}"))
        return f"linear({', '.join(operands)})"

    def forward(y: str) -> str:
        inner = w.line(dense(y, 1, d, a["dim_feedforward"]), w.numbered("F"))
        active = w.line(f"{a['activation']}({inner})", w.numbered("F", "_active"))
        return w.line(dense(active, 2, a["dim_feedforward"], d), w.numbered("F", "_out"))

    def attended(y: str) -> str:
        return w.line(_attend(w, y, it, a["nhead"], a["bias"]), w.numbered("A", "_out"))

    if a["norm_first"]:
        y = w.line(f"{x} + {attended(w.line(norm(x, 1), w.numbered('N', '_1')))}", w.numbered("R"))
        return f"{y} + {forward(w.line(norm(y, 2), w.numbered('N', '_2')))}"
    y = w.line(f"{x} + {attended(x)}", w.numbered("R", "_1"))
    y = w.line(norm(y, 1), w.numbered("N", "_1"))
    y = w.line(f"{y} + {forward(y)}", w.numbered("R", "_2"))
    return norm(y, 2)


TERMS = {
    **dict.fromkeys(_GATES, _recurrent),
    "MultiheadAttention": _attention,
    "TransformerEncoderLayer": _encoder,
}
