"""Sums, products, quotients, powers, comparisons: the operators of the expression language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from ..graph import node as g
from ..graph.node import Node, T, call, constant_of, ein, map_
from . import scalar as s
from .base import Op, Val, as_matrix, is_column, require
from .broadcast import align, mismatch, paper

NORMAL = (-2.0, 2.0)
POSITIVE = (0.3, 3.0)
PAIRS = (([(3, 5), (3, 5)], {}, NORMAL), ([(), (7,)], {}, NORMAL), ([(3,), (3, 5)], {}, NORMAL),
         ([(3, 5), (1, 5)], {}, NORMAL), ([(2, 3, 5), (3, 1)], {}, NORMAL))  # fmt: skip


def _add(a: Val, b: Val) -> Val:
    at = align(a, b, "add")
    return Val(g.add(at.both(a.node, b.node)), at.row)


def _sub(a: Val, b: Val) -> Val:
    at = align(a, b, "subtract")
    return Val(g.add(at.both(a.node, b.node), [1, -1]), at.row)


def _mul(a: Val, b: Val) -> Val:
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


def _neg(a: Val) -> Val:
    return Val(g.scale(-1, a.node), a.row)


def _maximum(a: Val, b: Val) -> Val:
    at = align(a, b, "compare")
    left, right = at.both(a.node, b.node)  # a + relu(b − a): where they tie, a is the first
    return Val(g.add([left, map_(s.relu(T), g.sub(right, left))]), at.row)


def _minimum(a: Val, b: Val) -> Val:
    at = align(a, b, "compare")
    left, right = at.both(a.node, b.node)
    return Val(g.sub(left, map_(s.relu(T), g.sub(left, right))), at.row)


def _comparison(f: sp.Expr) -> Callable[[Val, Val], Val]:
    def define(a: Val, b: Val) -> Val:
        at = align(a, b, "compare")
        return Val(map_(f, g.sub(*at.both(a.node, b.node))), at.row)

    return define


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


# -- matrix product -------------------------------------------------------------------------------


def _matmul(a: Val, b: Val) -> Val:
    if a.order == 0 or b.order == 0:
        return _scaled_product(a, b)
    if max(a.order, b.order) >= 3:
        return _batched(a, b)
    left, right = as_matrix(a), as_matrix(b)
    if not g.dims.same(left.shape[1], right.shape[0]):
        raise _product_mismatch(a, b)
    out: tuple[str, ...] = ("r", "c")
    rows, cols = left.shape[0], right.shape[1]
    if cols == 1:
        out = ("r",)
    elif rows == 1:
        out = ("c",)
    if rows == 1 and cols == 1:
        out = ()
    # straight from the operands, so that no axis of size 1 is left behind
    la = {0: (), 1: ("k",) if a.row else ("r",), 2: ("r", "k")}[a.order]
    lb = {0: (), 1: ("c",) if b.row else ("k",), 2: ("k", "c")}[b.order]
    node = ein([(a.node, la), (b.node, lb)], out)
    return Val(node, row=rows == 1 and cols != 1, product=out == ())


def _scaled_product(a: Val, b: Val) -> Val:
    if a.product or b.product:
        return _mul(a, b)
    error = mismatch(a, b, "multiply")
    error.hint = "`@` is the matrix product; to scale by a number use `*`"
    raise error


def _batched(a: Val, b: Val) -> Val:
    """NumPy's matmul: the last two axes multiply, the axes before them are a batch."""
    require(not (a.row or b.row), "a row cannot be multiplied with a tensor of order 3 or more")
    ca = ["m", "k"] if a.order >= 2 else ["k"]
    cb = ["k", "n"] if b.order >= 2 else ["k"]
    lead = max(a.order, b.order) - 2
    la = [f"b{lead - (a.order - 2) + i}" for i in range(a.order - len(ca))] + ca
    lb = [f"b{lead - (b.order - 2) + i}" for i in range(b.order - len(cb))] + cb
    size: dict[str, Any] = {}
    for v, labels in ((a, la), (b, lb)):
        for label, d in zip(labels, v.node.shape, strict=True):
            repeats = label.startswith("b") and 1 in (d, size.get(label))
            if label not in size or (repeats and d != 1):
                size[label] = d
            elif not repeats and not g.dims.same(size[label], d):
                raise _product_mismatch(a, b)
    for side, (v, labels) in enumerate(((a, la), (b, lb))):
        for i, (label, d) in enumerate(zip(labels, v.node.shape, strict=True)):
            if d == 1 and size[label] != 1:  # a batch axis of size 1 repeats
                labels[i] = f"{label}.{side}"
    out = [f"b{i}" for i in range(lead)] + [x for x in ("m", "n") if x in la + lb]
    return Val(ein([(a.node, la), (b.node, lb)], out, 1, size))


def _product_mismatch(a: Val, b: Val) -> Any:
    error = mismatch(a, b, "multiply")
    if a.order <= 2 and b.order <= 2:
        (ra, ca), (rb, cb) = as_matrix(a).shape, as_matrix(b).shape
        error.hint = f"`{{left}}` has {ca} columns, `{{right}}` has {rb} rows"
        fixes = []
        if g.dims.same(ra, rb):
            fixes.append("{left}.T @ {right}")
        if g.dims.same(ca, cb):
            fixes.append("{left} @ {right}.T")
        if g.dims.same(cb, ra):
            fixes.append("{right} @ {left}")
        if fixes:
            error.hint += "; `" + "` or `".join(fixes) + "` would fit"
    return error


def _matmul_plain(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if max(a.ndim, b.ndim) >= 3:
        return np.matmul(a, b)
    full = (a[:, None] if a.ndim == 1 else a) @ (b[:, None] if b.ndim == 1 else b)
    if full.shape[1] == 1:
        return full[0, 0] if full.shape[0] == 1 else full[:, 0]
    return full


def _transpose(x: Val) -> Val:
    if x.order == 2:
        return Val(g.permute(x.node, (1, 0)))
    require(x.order < 3, f"`.T` of a tensor of size {x.dims} is ambiguous", "use permute(x, …)")
    return Val(x.node, not x.row if x.order == 1 else False)


def _transpose_plain(x: np.ndarray) -> np.ndarray:
    if x.ndim == 1:
        return x[None, :]
    if x.ndim == 2 and x.shape[0] == 1:
        return x[0]
    return x.T


def _elementwise_plain(f: Callable[..., Any]) -> Callable[..., Any]:
    """On the paper's axes; a column that met an n×1 matrix stays a column."""

    def reference(*arrays: Any) -> Any:
        result = np.asarray(f(*paper(*arrays)))
        column = any(np.ndim(a) == 1 for a in arrays) and result.ndim == 2 and result.shape[1] == 1
        return result[:, 0] if column else result

    return reference


def _outer(a: Val, b: Val) -> Val:
    require(a.order == 1 and b.order == 1, "outer takes two vectors")
    return Val(ein([(a.node, "i"), (b.node, "j")], "ij"))


def _dot(a: Val, b: Val) -> Val:
    ok = a.order == b.order and g.dims.same_shape(a.node.shape, b.node.shape)
    if not ok:
        raise mismatch(a, b, "take the dot product of")
    axes = tuple(range(a.order))
    return Val(ein([(a.node, axes), (b.node, axes)], ()), product=True)


def _kink(arrays: list[np.ndarray], _: Any) -> float:
    a, b = paper(*arrays)
    return float(np.min(np.abs(a - b))) if np.size(a - b) else np.inf


_SUM = "A sum passes a change of {x} on as it is."
_TIE = "where both are equal, the first one counts as the winner"

OPERATORS: dict[str, Op] = {
    "+": Op("add", "a[...], b[...] -> [...]", _add, _SUM, "d(a + b) = da + db", "sum rule",
            "elementary calculus", "+", _elementwise_plain(np.add), sample=PAIRS),
    "-": Op("sub", "a[...], b[...] -> [...]", _sub,
            "In a difference the first operand counts with +1, the second with −1.", "d(a − b) = da − db", "sum rule", "elementary calculus", "−",
            _elementwise_plain(np.subtract), sample=PAIRS),
    "*": Op("mul", "a[...], b[...] -> [...]", _mul,
            "{y} is a product entry by entry; with the other factor held fixed it is linear in {x}.",
            "d(a ⊙ b) = da ⊙ b + a ⊙ db", "product rule", "elementary calculus", "⊙",
            _elementwise_plain(np.multiply), sample=PAIRS),
    "/": Op("div", "a[...], b[...] -> [...]", _div, "{y} is a quotient of its operands.",
            "d(a / b) = da / b − a db / b²", "quotient rule", "elementary calculus", "÷",
            _elementwise_plain(np.divide),
            sample=(([(3, 5), (3, 5)], {}, POSITIVE), ([(7,), ()], {}, POSITIVE))),
    "**": Op("pow", "a[...], b[...] -> [...]", _pow, "Bring the exponent down and lower it by one, entry by entry.",
             "d(aᵇ) = b aᵇ⁻¹ da + aᵇ log(a) db", "power rule", "elementary calculus", "(·)ᵖ",
             _elementwise_plain(np.power),
             why_scalar="Bring the exponent down and lower it by one.",
             sample=(([(3, 5), (3, 5)], {}, POSITIVE), ([(7,), ()], {}, POSITIVE))),
    "@": Op("matmul", "A[m k], B[k n] -> [m n]", _matmul,
            "{y} is linear in {x}.",
            "d(A B) = dA B + A dB", "linear map",
            "Magnus & Neudecker, Matrix Differential Calculus", "·",
            _matmul_plain,
            sample=(([(3, 5), (5, 7)], {}, NORMAL), ([(3, 5), (5,)], {}, NORMAL),
                    ([(1, 5), (5,)], {}, NORMAL), ([(1, 5), (5, 7)], {}, NORMAL),
                    ([(5,), (1, 7)], {}, NORMAL), ([(2, 3, 5), (2, 5, 7)], {}, NORMAL),
                    ([(2, 3, 5), (5, 7)], {}, NORMAL))),
    "neg": Op("neg", "a[...] -> [...]", _neg, "A minus sign goes through the derivative.",
              "d(−a) = −da", "sum rule", "elementary calculus", "−", np.negative,
              sample=(([(3, 5)], {}, NORMAL),)),
    ".T": Op("transpose", "A[m n] -> [n m]", _transpose,
             "{y} holds the entries of {x} in other places.", "d(Aᵀ) = (dA)ᵀ", "rearrangement",
             "elementary linear algebra", "ᵀ", _transpose_plain, moves=True,
             sample=(([(3, 5)], {}, NORMAL), ([(7,)], {}, NORMAL))),
}  # fmt: skip

INTERNAL: tuple[Op, ...] = (
    Op("power", "a[...], b[...] -> [...]", _pow, "Bring the exponent down and lower it by one.",
       "d(aᵇ) = b aᵇ⁻¹ da + aᵇ log(a) db", "power rule", "elementary calculus", "(·)ᵖ",
       _elementwise_plain(np.power), forward=_power_forward, vjp=_power_vjp),
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
        _elementwise_plain(lambda a, b, f=_plain: f(a, b) * 1.0), sample=PAIRS[:2], kinks=_kink,
        convention="where both sides are equal the comparison jumps; 0 is used as its derivative",
    )  # fmt: skip

ARITHMETIC: tuple[Op, ...] = (
    Op("maximum", "a[...], b[...] -> [...]", _maximum,
       "{y} takes the larger entry, so the gradient goes to whichever operand won.",
       "d max(a, b) = [a ≥ b] da + [a < b] db", "maximum", "definition", "max",
       _elementwise_plain(np.maximum), sample=PAIRS, kinks=_kink, convention=_TIE),
    Op("minimum", "a[...], b[...] -> [...]", _minimum,
       "{y} takes the smaller entry, so the gradient goes to whichever operand won.",
       "d min(a, b) = [a ≤ b] da + [a > b] db", "minimum", "definition", "min",
       _elementwise_plain(np.minimum), sample=PAIRS, kinks=_kink, convention=_TIE),
    Op("where", "mask[...], a[...], b[...] -> [...]", _where,
       "{y} copies one of two operands, entry by entry; the gradient goes to the one copied.",
       "d where(m, a, b) = m da + (1 − m) db", "selection", "definition", "where",
       _elementwise_plain(lambda m, a, b: np.where(m != 0, a, b)),
       forward=lambda arrays, _: np.where(np.asarray(arrays[0] != 0, dtype=bool), arrays[1], arrays[2]),
       vjp=_where_vjp, sample=(([(3, 5), (3, 5), (3, 5)], {}, NORMAL),)),
    Op("outer", "a[m], b[n] -> [m n]", _outer,
       "{y} is linear in {x}: every entry is a product a_i b_j.", "d(a bᵀ) = da bᵀ + a dbᵀ",
       "linear map", "elementary linear algebra", "⊗", np.multiply.outer,
       sample=(([(3,), (5,)], {}, NORMAL),)),
    Op("dot", "a[n], b[n] -> []", _dot, "{y} is linear in {x}: a sum of products a_i b_i.",
       "d(aᵀb) = bᵀda + aᵀdb", "linear map", "elementary linear algebra", "·",
       lambda a, b: np.sum(a * b), sample=(([(7,), (7,)], {}, NORMAL), ([(3, 5), (3, 5)], {}, NORMAL))),
    Op("hadamard", "a[...], b[...] -> [...]", _mul,
       "{y} is a product entry by entry; with the other factor held fixed it is linear in {x}.",
       "d(a ⊙ b) = da ⊙ b + a ⊙ db", "product rule", "elementary calculus", "⊙",
       _elementwise_plain(np.multiply), sample=PAIRS),
)  # fmt: skip

__all__ = ["ARITHMETIC", "OPERATORS", "is_column"]
