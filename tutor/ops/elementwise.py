"""Elementwise functions: one row each.

Because the function acts on every entry alone, its Jacobian is diagonal, and backwards every entry
of the upstream gradient is multiplied by the slope at that entry.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from ..graph.dims import number
from ..graph.node import T, map_
from . import scalar as s
from .base import Op, Val, require

NORMAL: tuple[float, float] = (-2.0, 2.0)
POSITIVE: tuple[float, float] = (0.2, 3.0)
INSIDE: tuple[float, float] = (-0.9, 0.9)


def elementwise(
    name: str,
    f: Callable[..., Any] | sp.Expr,
    reference: Callable[..., Any],
    slope: str,
    *,
    domain: tuple[float, float] = NORMAL,
    kinks: tuple[float, ...] | Callable[..., tuple[float, ...]] = (),
    bends: Callable[..., Any] | None = None,
    parameters: tuple[tuple[str, Any], ...] = (),
    examples: tuple[dict[str, Any], ...] = ({},),
    convention: str | None = None,
    condition: str | None = None,
    holds: Callable[[Any], Any] | None = None,
    source: str = "elementary calculus",
    symbol: str | None = None,
    meaning: str | None = None,
    form: str,
) -> Op:
    """A row: the function of T, an independent NumPy definition, and its slope twice: in words, and
    as a formula (`form`; [condition] is 1 where it holds, else 0)."""

    def define(x: Val, **given: Any) -> Val:
        values = [given.get(key, default) for key, default in parameters]
        expr = f(*values) if callable(f) and not isinstance(f, sp.Expr) else f
        return Val(map_(expr, x.node), x.row)

    operand = inspect.Parameter("x", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="Val")
    rest = [
        inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default,
                          annotation="Word" if isinstance(default, str) else "Number")
        for key, default in parameters
    ]  # fmt: skip
    define.__signature__ = inspect.Signature([operand, *rest])  # type: ignore[attr-defined]

    def everywhere(arrays: list[np.ndarray], given: dict[str, Any]) -> bool:
        assert holds is not None
        return bool(np.all(holds(arrays[0])))

    def distance(arrays: list[np.ndarray], given: dict[str, Any]) -> float:
        values = [given.get(key, default) for key, default in parameters]
        points = kinks(*values) if callable(kinks) else kinks
        gaps = [np.abs(arrays[0] - float(p)) for p in points]
        return float(np.min(gaps)) if gaps and arrays[0].size else np.inf

    return Op(
        name=name,
        signature="x[...] -> [...]",
        define=define,
        why=f"{{y}} applies {name} to each entry of {{x}}; the slope of {name} is {slope}.",
        why_scalar=f"The slope of {name} is {slope}.",
        law=f"d {name}(x) = {form} ⊙ dx" if form != "0" else f"d {name}(x) = 0",
        rule=f"derivative of {name}",
        source=source,
        symbol=symbol or name,
        reference=reference,
        sample=(
            *(([(3, 5)], example, domain) for example in examples),
            ([(7,)], examples[0], domain),
            ([()], examples[0], domain),
        ),
        kinks=distance if kinks else None,
        bends=bends,
        convention=convention,
        condition=condition,
        holds=everywhere if holds else None,
        meaning=meaning,
    )


_STRAIGHT = 20  # from this βx on softplus differs from x by less than 1e-8/β


def _softplus(beta: Any = 1, threshold: Any = _STRAIGHT) -> sp.Expr:
    """PyTorch's: x itself where βx is beyond the threshold. It says so to spare exp(βx), and at the
    threshold of 20 no digit that is printed tells the two apart: only below does the bend count."""
    b, t = number(beta), number(threshold)
    smooth = s.softplus(T, b)
    if bool(t >= _STRAIGHT):
        return smooth
    beyond = s.step(b * T - t)
    return (1 - beyond) * smooth + beyond * T


def _softplus_plain(x: Any, beta: Any = 1, threshold: Any = _STRAIGHT) -> Any:
    b, t = float(beta), float(threshold)
    smooth = np.logaddexp(0.0, b * x) / b
    return smooth if t >= _STRAIGHT else np.where(b * x > t, x, smooth)


def _gelu(approximate: str = "none") -> sp.Expr:
    require(approximate in ("none", "tanh"), '`approximate` is "none" or "tanh"')
    return s.gelu_tanh(T) if approximate == "tanh" else s.gelu(T)


def _clip(lo: Any = None, hi: Any = None) -> sp.Expr:
    require(lo is not None or hi is not None, "clip needs a lower or an upper bound")
    low = -sp.oo if lo is None else number(lo)
    high = sp.oo if hi is None else number(hi)
    return s.clip(T, low, high)


def _clip_plain(x: Any, min: Any = None, max: Any = None) -> Any:
    return np.clip(x, -np.inf if min is None else float(min), np.inf if max is None else float(max))


def _sig(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


_KINK = "at {x} = 0 the slope is taken to be 0; every number in {interval} would be a subgradient"

ELEMENTWISE: tuple[Op, ...] = (
    elementwise("exp", sp.exp(T), np.exp, "exp itself",
                form="exp(x)",
                meaning="eˣ"),
    elementwise("log", sp.log(T), np.log, "1/x", domain=POSITIVE, condition="{x} is positive", holds=lambda x: x > 0,
                form="1/x",
                meaning="the natural logarithm: the number with eʸ = x"),
    elementwise("log1p", sp.log(1 + T), lambda x: np.log(1 + x), "1/(1 + x)", domain=POSITIVE, condition="{x} is greater than −1", holds=lambda x: x > -1,
                form="1/(1 + x)"),
    elementwise("sqrt", sp.sqrt(T), lambda x: x**0.5, "1/(2√x)", domain=POSITIVE, symbol="√", condition="{x} is positive", holds=lambda x: x > 0,
                form="1/(2√x)",
                meaning="the number y ≥ 0 with y² = x"),
    elementwise("sin", sp.sin(T), np.sin, "cos",
                form="cos(x)",
                meaning="the sine of an angle in radians"),
    elementwise("cos", sp.cos(T), np.cos, "−sin",
                form="−sin(x)",
                meaning="the cosine of an angle in radians"),
    elementwise("tan", sp.tan(T), lambda x: np.sin(x) / np.cos(x), "1 + tan²", domain=(-1.2, 1.2), condition="the cosine of {x} is not zero", holds=lambda x: np.cos(x) != 0,
                form="(1 + tan²(x))",
                meaning="sin(x)/cos(x)"),
    elementwise("asin", sp.asin(T), np.arcsin, "1/√(1 − x²)", domain=INSIDE, condition="{x} lies strictly between −1 and 1", holds=lambda x: np.abs(x) < 1,
                form="1/√(1 − x²)",
                meaning="the angle from −π/2 to π/2 whose sine is x"),
    elementwise("acos", sp.acos(T), np.arccos, "−1/√(1 − x²)", domain=INSIDE, condition="{x} lies strictly between −1 and 1", holds=lambda x: np.abs(x) < 1,
                form="−1/√(1 − x²)",
                meaning="the angle from 0 to π whose cosine is x"),
    elementwise("atan", sp.atan(T), np.arctan, "1/(1 + x²)",
                form="1/(1 + x²)",
                meaning="the angle between −π/2 and π/2 whose tangent is x"),
    elementwise("sinh", sp.sinh(T), lambda x: (np.exp(x) - np.exp(-x)) / 2, "cosh",
                form="cosh(x)",
                meaning="(eˣ − e⁻ˣ)/2"),
    elementwise("cosh", sp.cosh(T), lambda x: (np.exp(x) + np.exp(-x)) / 2, "sinh",
                form="sinh(x)",
                meaning="(eˣ + e⁻ˣ)/2"),
    elementwise("tanh", sp.tanh(T), np.tanh, "1 − tanh²",
                form="(1 − tanh²(x))",
                meaning="(eˣ − e⁻ˣ)/(eˣ + e⁻ˣ)"),
    elementwise("abs", sp.Abs(T), lambda x: np.where(x < 0, -x, x), "the sign of x",
                kinks=(0.0,), convention=_KINK.replace("{interval}", "[−1, 1]"), symbol="|·|",
                meaning="x where x ≥ 0, else −x",
                form="sign(x)"),
    elementwise("sign", sp.sign(T), np.sign, "0 wherever it has one", kinks=(0.0,),
                convention="at {x} = 0 sign jumps and has no derivative; 0 is used",
                meaning="1 where x > 0, −1 where x < 0, 0 at 0",
                form="0"),
    elementwise("erf", sp.erf(T), s.erf, "2/√π · exp(−x²)", source="Abramowitz & Stegun 7.1",
                meaning="2/√π · ∫₀ˣ exp(−t²) dt",
                form="2/√π · exp(−x²)"),
    elementwise("sigmoid", s.sigmoid(T), _sig, "σ(1 − σ)", symbol="σ",
                form="σ(x) (1 − σ(x))",
                meaning="1/(1 + e⁻ˣ)"),
    elementwise("relu", s.relu(T), lambda x: np.where(x > 0, x, 0.0), "1 where x > 0, else 0",
                kinks=(0.0,), convention=_KINK.replace("{interval}", "[0, 1]"),
                source="Nair & Hinton 2010",
                meaning="x where x > 0, else 0",
                form="[x > 0]"),
    elementwise("step", s.step(T), lambda x: (x > 0) * 1.0, "0 wherever it has one", kinks=(0.0,),
                convention="at {x} = 0 the step is 0, and its derivative is taken to be 0",
                meaning="1 where x > 0, else 0",
                form="0"),
    elementwise("leaky_relu", lambda a=0.01: s.leaky_relu(T, number(a)),
                lambda x, negative_slope=0.01: np.where(x > 0, x, float(negative_slope) * x),
                "1 where x > 0, else the negative slope", kinks=(0.0,),
                parameters=(("negative_slope", sp.Rational(1, 100)),),
                examples=({}, {"negative_slope": sp.Rational(1, 5)}),
                convention="at {x} = 0 the slope of the negative side is taken",
                source="Maas et al. 2013",
                meaning="x where x > 0, else negative_slope · x",
                form="([x > 0] + a [x ≤ 0])"),
    elementwise("elu", lambda a=1: s.elu(T, number(a)),
                lambda x, alpha=1: np.where(x > 0, x, float(alpha) * (np.exp(np.minimum(x, 0)) - 1)),
                "1 where x > 0, else α eˣ", kinks=(0.0,), parameters=(("alpha", sp.Integer(1)),),
                examples=({}, {"alpha": sp.Rational(1, 2)}),
                convention="at {x} = 0 the slope of the negative side, α, is taken",
                source="Clevert et al. 2016",
                meaning="x where x > 0, else α (eˣ − 1)",
                form="([x > 0] + α eˣ [x ≤ 0])"),
    elementwise("selu", s.selu(T), lambda x: 1.0507009873554805 * np.where(
                    x > 0, x, 1.6732632423543772 * (np.exp(np.minimum(x, 0)) - 1)),
                "λ where x > 0, else λ α eˣ", kinks=(0.0,),
                convention="at {x} = 0 the slope of the negative side is taken",
                source="Klambauer et al. 2017",
                meaning="λ · elu(x) with α = 1.67326…, λ = 1.05070…",
                form="λ ([x > 0] + α eˣ [x ≤ 0])"),
    elementwise("gelu", _gelu, lambda x, approximate="none": x * (1 + s.erf(x / 2**0.5)) / 2
                if approximate == "none"
                else 0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))),
                "Φ(x) + x Φ′(x), with the normal distribution's Φ or the tanh that is close to it",
                parameters=(("approximate", "none"),), examples=({}, {"approximate": "tanh"}),
                source="Hendrycks & Gimpel 2016",
                form="(Φ(x) + x φ(x))",
                meaning='x Φ(x) = x/2 · (1 + erf(x/√2)); with "tanh" x/2 · (1 + tanh(√(2/π) (x '
                        '+ 0.044715 x³)))'),
    elementwise("silu", s.silu(T), lambda x: x * _sig(x), "σ + x σ(1 − σ)",
                source="Elfwing et al. 2018",
                form="(σ(x) + x σ(x) (1 − σ(x)))"),
    elementwise("mish", s.mish(T), lambda x: x * np.tanh(np.logaddexp(0.0, x)),
                "tanh(softplus x) + x (1 − tanh²(softplus x)) σ(x)", source="Misra 2019",
                form="(tanh s + x (1 − tanh² s) σ(x))"),
    elementwise("hardsigmoid", s.hardsigmoid(T), lambda x: np.minimum(np.maximum(x + 3, 0), 6) / 6,
                "1/6 where |x| < 3, else 0", kinks=(-3.0, 3.0), domain=(-4.0, 4.0),
                convention="at {x} = ±3 the slope is taken to be 0",
                form="[|x| < 3]/6",
                meaning="0 where x ≤ −3, 1 where x ≥ 3, (x + 3)/6 between"),
    elementwise("hardswish", s.hardswish(T),
                lambda x: x * np.minimum(np.maximum(x + 3, 0), 6) / 6,
                "0 below −3, 1 above 3, (2x + 3)/6 between", kinks=(-3.0, 3.0), domain=(-4.0, 4.0),
                convention="at {x} = −3 the slope is taken to be 0, at 3 to be 1", source="Howard et al. 2019",
                form="([x ≥ 3] + (2x + 3)/6 [|x| < 3])",
                meaning="0 where x ≤ −3, x where x ≥ 3, x (x + 3)/6 between"),
    elementwise("softplus", _softplus,
                _softplus_plain,
                "σ(βx)", parameters=(("beta", sp.Integer(1)), ("threshold", sp.Integer(_STRAIGHT))),
                examples=({}, {"beta": sp.Integer(2)},
                          {"beta": sp.Integer(3), "threshold": sp.Integer(1)}),
                kinks=lambda b, t: (float(t) / float(b),) if t < _STRAIGHT else (),
                convention="where βx is the threshold softplus jumps to x; the slope on its left is taken",
                form="σ(βx)",
                meaning="log(1 + exp(βx))/β, and x itself where βx is beyond the threshold"),
    elementwise("softsign", s.softsign(T), lambda x: x / (1 + np.abs(x)), "1/(1 + |x|)²",
                bends=lambda arrays, _: float(np.min(np.abs(arrays[0]), initial=np.inf)),
                form="1/(1 + |x|)²"),
    elementwise("logsigmoid", s.logsigmoid(T), lambda x: -np.logaddexp(0.0, -x), "1 − σ(x)",
                form="(1 − σ(x))"),
    elementwise("square", T**2, lambda x: x * x, "2x", symbol="(·)²",
                form="2x",
                meaning="x²"),
    elementwise("reciprocal", 1 / T, lambda x: x**-1.0, "−1/x²", domain=POSITIVE, symbol="1/·", condition="{x} is not zero", holds=lambda x: x != 0,
                form="−1/x²",
                meaning="1/x"),
    elementwise("clip", _clip, _clip_plain, "1 between the bounds, else 0",
                parameters=(("min", None), ("max", None)),
                kinks=lambda lo, hi: tuple(float(v) for v in (lo, hi) if v is not None),
                examples=({"min": sp.Rational(-1, 2), "max": sp.Rational(7, 10)},
                          {"max": sp.Integer(1)}),
                convention="at a bound the slope is taken to be 1, as PyTorch does",
                meaning="x, but at least min and at most max",
                form="[min ≤ x ≤ max]"),
)  # fmt: skip
