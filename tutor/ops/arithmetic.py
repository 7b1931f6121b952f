"""Sums, products, quotients, powers, comparisons: the operators that work entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from ..graph import dims
from ..graph import node as g
from ..graph.node import Node, T, call, constant_of, ein, map_
from . import scalar as s
from .base import SAME_SIZE, Op, Val, Word, require
from .broadcast import align, paper

NORMAL = (-2.0, 2.0)
POSITIVE = (0.3, 3.0)
PAIRS = (([(3, 5), (3, 5)], {}, NORMAL), ([(), (7,)], {}, NORMAL), ([(3,), (3, 5)], {}, NORMAL),
         ([(3, 5), (1, 5)], {}, NORMAL), ([(2, 3, 5), (3, 1)], {}, NORMAL))  # fmt: skip


def add(a: Val, b: Val) -> Val:
    at = align(a, b, "add")
    return Val(g.add(at.both(a.node, b.node)), at.row)


def sub(a: Val, b: Val) -> Val:
    at = align(a, b, "subtract")
    return Val(g.add(at.both(a.node, b.node), [1, -1]), at.row)


def mul(a: Val, b: Val) -> Val:
    at = align(a, b, "multiply")
    return Val(at.product(a.node, b.node), at.row)


def _div(a: Val, b: Val) -> Val:
    at = align(a, b, "divide")
    require(not g.is_zero(b.node), "division by zero")
    return Val(at.product(a.node, map_(1 / T, b.node)), at.row)


def _pow(a: Val, b: Val) -> Val:
    at = align(a, b, "raise")
    exponent, base = constant_of(b.node), constant_of(a.node)
    if exponent is not None and b.order == 0:
        return Val(map_(T**exponent, a.node), a.row)
    if base is not None and base.is_positive:
        return Val(at.spread(map_(base**T, b.node), at.right), at.row)
    return Val(call("power", list(at.both(a.node, b.node)), (), at.shape), at.row)


def _power_forward(arrays: list[np.ndarray], _: Any) -> np.ndarray:
    return np.asarray(np.power(*arrays))


def _power_vjp(g_: Node, lead: int, y: Node) -> tuple[Node, Node]:
    """b aᵇ⁻¹ for the base, aᵇ log(a) for the exponent."""
    a, b = y.args
    axes = tuple(range(g_.order))
    own = axes[lead:]
    less = call("power", [a, g.sub(b, g.const(1, b.shape))], (), y.shape)
    by_base = ein([(g_, axes), (b, own), (less, own)], axes)
    by_exponent = ein([(g_, axes), (y, own), (map_(sp.log(T), a), own)], axes)
    return by_base, by_exponent


def _power_holds(arrays: list[np.ndarray], _: Any) -> bool:
    """A positive base; with whole exponents any base, if none of them is negative or it is not 0."""
    a, b = np.broadcast_arrays(*paper(*arrays))
    whole = b == np.round(b)
    return bool(np.all(np.where(whole, (b >= 0) | (a != 0), a > 0)))


def _neg(a: Val) -> Val:
    return Val(g.scale(-1, a.node), a.row)


def maximum(a: Val, b: Val, _ties: Word = "first") -> Val:
    at = align(a, b, "compare")
    left, right = at.both(a.node, b.node)
    return Val(_larger(left, right, 1, _ties), at.row)


def minimum(a: Val, b: Val, _ties: Word = "first") -> Val:
    at = align(a, b, "compare")
    left, right = at.both(a.node, b.node)
    return Val(_larger(left, right, -1, _ties), at.row)


def _larger(left: Node, right: Node, way: int, ties: str) -> Node:
    """max for way 1, min for −1. Where they tie, a + relu(b − a) has the slopes of a; half the sum
    and half the distance has both their slopes, halved."""
    if ties == "split":
        apart = map_(sp.Abs(T), g.sub(right, left))
        return g.add([left, right, apart], [sp.S.Half, sp.S.Half, sp.S.Half * way])
    lead = g.sub(right, left) if way > 0 else g.sub(left, right)
    return g.add([left, map_(s.relu(T), lead)], [1, way])


def _comparison(f: sp.Expr) -> Callable[[Val, Val], Val]:
    def define(a: Val, b: Val) -> Val:
        at = align(a, b, "compare")
        return Val(map_(f, g.sub(*at.both(a.node, b.node))), at.row, boolean=True)

    return define


def _prelu(x: Val, weight: Val) -> Val:
    """w x + (1 − w) relu(x), with one slope, or one per channel (axis 1)."""
    if weight.order == 0:
        slopes = g.broadcast(weight.node, (), x.node.shape)
    else:
        require(weight.order == 1 and x.order >= 2 and dims.same(weight.node.shape[0], x.node.shape[1]),
                f"prelu takes one slope, or one per channel (axis 1 of {x.dims}), not {weight.dims}")  # fmt: skip
        slopes = g.broadcast(weight.node, (1,), x.node.shape)
    kept = map_(s.relu(T), x.node)
    rest = g.sub(x.node, kept)
    return Val(g.add([kept, g.mul(slopes, rest)]), x.row)


def _prelu_plain(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    w = weight.reshape((1, -1) + (1,) * (x.ndim - 2)) if np.ndim(weight) else weight
    return np.where(x > 0, x, w * x)


def _where(condition: Val, a: Val, b: Val) -> Val:
    at = align(a, b, "choose between")
    pair = Val(at.spread(a.node, at.left), at.row)
    full = align(condition, pair, "choose by")
    other = at.spread(b.node, at.right)
    args = [full.spread(condition.node, full.left), full.spread(pair.node, full.right),
            full.spread(other, full.right)]  # fmt: skip
    return Val(call("where", args, (), full.shape), full.row)


def _where_vjp(g_: Node, lead: int, y: Node) -> tuple[Node | None, ...]:
    mask = y.args[0]
    nonzero = map_(s.step(sp.Abs(T)), mask)
    axes = tuple(range(g_.order))
    own = axes[lead:]
    taken = ein([(g_, axes), (nonzero, own)], axes)
    return None, taken, g.sub(g_, taken)


def elementwise_plain(f: Callable[..., Any]) -> Callable[..., Any]:
    """On the paper's axes; a column that met an n×1 matrix stays a column."""

    def reference(*arrays: Any) -> Any:
        result = np.asarray(f(*paper(*arrays)))
        column = any(np.ndim(a) == 1 for a in arrays) and result.ndim == 2 and result.shape[1] == 1
        return result[:, 0] if column else result

    return reference


def _kink(arrays: list[np.ndarray], _: Any) -> float:
    a, b = paper(*arrays)
    return float(np.min(np.abs(a - b))) if np.size(a - b) else np.inf


_SUM = "A sum passes a change of {x} on as it is."
_TIE = "where both are equal, the first one counts as the winner"

OPERATORS: dict[str, Op] = {
    "+": Op("add", "a[...], b[...] -> [...]", add, _SUM, "d(a + b) = da + db", "sum rule",
            "elementary calculus", "+", elementwise_plain(np.add), sample=PAIRS,
            meaning="the sum entry by entry: aᵢ + bᵢ"),
    "-": Op("sub", "a[...], b[...] -> [...]", sub,
            "In a difference the first operand counts with +1, the second with −1.", "d(a − b) = da − db", "sum rule", "elementary calculus", "−",
            elementwise_plain(np.subtract), sample=PAIRS,
            meaning="the difference entry by entry: aᵢ − bᵢ"),
    "*": Op("mul", "a[...], b[...] -> [...]", mul,
            "{y} is a product; with the other factor held fixed it is linear in {x}.",
            "d(a ⊙ b) = da ⊙ b + a ⊙ db", "product rule", "elementary calculus", "⊙",
            elementwise_plain(np.multiply), sample=PAIRS,
            meaning="the product entry by entry: aᵢ bᵢ"),
    "/": Op("div", "a[...], b[...] -> [...]", _div, "{y} is a quotient of its operands.",
            "d(a / b) = da / b − a db / b²", "quotient rule", "elementary calculus", "÷",
            elementwise_plain(np.divide),
            condition="{b} is not zero", holds=lambda arrays, _: bool(np.all(arrays[1] != 0)),
            sample=(([(3, 5), (3, 5)], {}, POSITIVE), ([(7,), ()], {}, POSITIVE)),
            meaning="the quotient entry by entry: aᵢ / bᵢ"),
    "**": Op("pow", "a[...], b[...] -> [...]", _pow, "Bring the exponent down and lower it by one, entry by entry.",
             "d(aᵇ) = b aᵇ⁻¹ da + aᵇ log(a) db", "power rule", "elementary calculus", "(·)ᵖ",
             elementwise_plain(np.power),
             condition="{a} is positive, unless {b} is a whole number", holds=_power_holds,
             why_scalar="Bring the exponent down and lower it by one.",
             sample=(([(3, 5), (3, 5)], {}, POSITIVE), ([(7,), ()], {}, POSITIVE)),
             meaning="the power entry by entry: aᵢ raised to bᵢ"),
    "neg": Op("neg", "a[...] -> [...]", _neg, "A minus sign goes through the derivative.",
              "d(−a) = −da", "sum rule", "elementary calculus", "−", np.negative,
              sample=(([(3, 5)], {}, NORMAL),),
              meaning="−aᵢ, entry by entry"),
}  # fmt: skip

INTERNAL: tuple[Op, ...] = (
    Op("power", "a[...], b[...] -> [...]", _pow, "Bring the exponent down and lower it by one.",
       "d(aᵇ) = b aᵇ⁻¹ da + aᵇ log(a) db", "power rule", "elementary calculus", "(·)ᵖ",
       elementwise_plain(np.power), forward=_power_forward, vjp=_power_vjp),
)  # fmt: skip

_MASK = "A comparison is constant wherever it does not jump, so no gradient passes through it."
for _symbol, _f, _plain in (
    (">", s.step(T), np.greater), ("<", s.step(-T), np.less),
    (">=", 1 - s.step(-T), np.greater_equal), ("<=", 1 - s.step(T), np.less_equal),
    ("!=", s.step(sp.Abs(T)), np.not_equal), ("==", 1 - s.step(sp.Abs(T)), np.equal),
):  # fmt: skip
    OPERATORS[_symbol] = Op(
        f"compare {_symbol}", "a[...], b[...] -> [...]", _comparison(_f), _MASK, "d(mask) = 0",
        "constant", "definition", _symbol,
        elementwise_plain(lambda a, b, f=_plain: f(a, b) * 1.0), sample=PAIRS[:2], kinks=_kink,
        convention="where both sides are equal the comparison jumps; 0 is used as its derivative",
        meaning=f"1 where aᵢ {_symbol} bᵢ, else 0",
    )  # fmt: skip

ARITHMETIC: tuple[Op, ...] = (
    Op("maximum", "a[...], b[...] -> [...]", maximum,
       "{y} takes the larger entry, so the gradient goes to whichever operand won.",
       "d max(a, b) = [a ≥ b] da + [a < b] db", "maximum", "definition", "max",
       elementwise_plain(np.maximum), sample=PAIRS, kinks=_kink, convention=_TIE,
       meaning="the larger of aᵢ and bᵢ, entry by entry"),
    Op("minimum", "a[...], b[...] -> [...]", minimum,
       "{y} takes the smaller entry, so the gradient goes to whichever operand won.",
       "d min(a, b) = [a ≤ b] da + [a > b] db", "minimum", "definition", "min",
       elementwise_plain(np.minimum), sample=PAIRS, kinks=_kink, convention=_TIE,
       meaning="the smaller of aᵢ and bᵢ, entry by entry"),
    Op("prelu", "x[n c ...], w[c] -> [n c ...]", _prelu,
       "{y} keeps what is positive and multiplies the rest by the slope.",
       "d prelu = (w + (1 − w) [x > 0]) dx + x [x ≤ 0] dw", "derivative of prelu",
       "He et al. 2015; torch.nn.functional.prelu", "prelu", _prelu_plain,
       sample=(([(3, 5), ()], {}, NORMAL), ([(3, 5), (5,)], {}, NORMAL), ([(7,), ()], {}, NORMAL),
               ([(2, 3, 5), (3,)], {}, NORMAL)),
       kinks=lambda arrays, _: float(np.min(np.abs(arrays[0]))),
       convention="at {x} = 0 the slope of the negative side is taken",
       size=SAME_SIZE,
       meaning="x where x > 0, else weight · x, with one weight for each channel or one for all"),
    Op("where", "mask[...], a[...], b[...] -> [...]", _where,
       "{y} copies one of two operands, entry by entry; the gradient goes to the one copied.",
       "d where(m, a, b) = m da + (1 − m) db", "selection", "definition", "where",
       elementwise_plain(lambda m, a, b: np.where(m != 0, a, b)),
       forward=lambda arrays, _: np.where(np.asarray(arrays[0] != 0, dtype=bool), arrays[1], arrays[2]),
       vjp=_where_vjp, sample=(([(3, 5), (3, 5), (3, 5)], {}, NORMAL),),
       meaning="a where the condition is not 0, else b"),
)  # fmt: skip
