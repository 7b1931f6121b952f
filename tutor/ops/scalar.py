"""Scalar functions as SymPy expressions in T: derivative, floating value, exact value.

A `map` node holds such an expression. Functions that SymPy has (exp, sin, tanh …) are SymPy's own;
the others (relu, sigmoid …) are `Named` functions, which print under their own name, carry their
definition, and state their derivative in the form a teacher writes (σ(1 − σ), not
e^{-x}/(1 + e^{-x})²; and 0 where relu has its kink, which SymPy's Heaviside leaves open).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from ..graph.node import T


class Named(sp.Function):
    """A function with a definition and a stated derivative; the parameters follow the argument."""

    definition: Callable[..., sp.Expr]
    slope: Callable[..., sp.Expr]
    plain: Callable[..., Any]

    @classmethod
    def eval(cls, *args: sp.Expr) -> sp.Expr | None:
        if args[0].is_number:
            return cls.definition(*args)
        return None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        assert argindex == 1, "a parameter is a constant"
        return type(self).slope(*self.args)

    def _eval_is_extended_real(self) -> bool:
        return True


NAMED: dict[str, type[Named]] = {}


def named(
    name: str,
    definition: Callable[..., Any],
    slope: Callable[..., Any],
    plain: Callable[..., Any],
) -> type[Named]:
    """Make a named function: exact definition, stated derivative, NumPy value."""
    body = {
        "definition": staticmethod(definition),
        "slope": staticmethod(slope),
        "plain": staticmethod(plain),
    }
    cls = type(name, (Named,), body)
    NAMED[name] = cls
    return cls


def _where(condition: Any, yes: Any, no: Any) -> Any:
    return yes if condition else no


step = named("step", lambda x: _where(x > 0, sp.S.One, sp.S.Zero), lambda x: sp.S.Zero,
             lambda x: np.where(x > 0, 1.0, 0.0))  # fmt: skip
sigmoid = named(
    "sigmoid",
    lambda x: 1 / (1 + sp.exp(-x)),
    lambda x: sigmoid(x) * (1 - sigmoid(x)),
    lambda x: np.where(
        x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))
    ),
)
relu = named("relu", lambda x: _where(x > 0, x, sp.S.Zero), step, lambda x: np.maximum(x, 0.0))
leaky_relu = named(
    "leaky_relu",
    lambda x, a: _where(x > 0, x, a * x),
    lambda x, a: step(x) + a * (1 - step(x)),
    lambda x, a: np.where(x > 0, x, a * x),
)
elu = named(
    "elu",
    lambda x, a: _where(x > 0, x, a * (sp.exp(x) - 1)),
    lambda x, a: step(x) + (1 - step(x)) * a * sp.exp(x),
    lambda x, a: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0.0))),
)
SELU_ALPHA = sp.Rational("1.6732632423543772848170429916717")
SELU_SCALE = sp.Rational("1.0507009873554804934193349852946")
selu = named(
    "selu",
    lambda x: SELU_SCALE * elu.definition(x, SELU_ALPHA),
    lambda x: SELU_SCALE * elu.slope(x, SELU_ALPHA),
    lambda x: (
        float(SELU_SCALE) * np.where(x > 0, x, float(SELU_ALPHA) * np.expm1(np.minimum(x, 0.0)))
    ),
)
_erf = np.frompyfunc(math.erf, 1, 1)


def erf(x: Any) -> Any:
    return np.asarray(_erf(x), dtype=float)


gelu = named(
    "gelu",
    lambda x: x * (1 + sp.erf(x / sp.sqrt(2))) / 2,
    lambda x: (1 + sp.erf(x / sp.sqrt(2))) / 2 + x * sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi),
    lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
)
_GELU = sp.sqrt(2 / sp.pi)
gelu_tanh = named(
    "gelu_tanh",
    lambda x: x * (1 + sp.tanh(_GELU * (x + sp.Rational(44715, 10**6) * x**3))) / 2,
    lambda x: gelu_tanh.definition(T).diff(T).subs(T, x),
    lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
)
silu = named(
    "silu",
    lambda x: x * sigmoid(x),
    lambda x: sigmoid(x) + x * sigmoid(x) * (1 - sigmoid(x)),
    lambda x: x * sigmoid.plain(x),
)
softplus = named(
    "softplus",
    lambda x, b: sp.log(1 + sp.exp(b * x)) / b,
    lambda x, b: sigmoid(b * x),
    lambda x, b: np.logaddexp(0.0, b * x) / b,
)
mish = named(
    "mish",
    lambda x: x * sp.tanh(softplus(x, 1)),
    lambda x: sp.tanh(softplus(x, 1)) + x * (1 - sp.tanh(softplus(x, 1)) ** 2) * sigmoid(x),
    lambda x: x * np.tanh(np.logaddexp(0.0, x)),
)
softsign = named(
    "softsign",
    lambda x: x / (1 + sp.Abs(x)),
    lambda x: 1 / (1 + sp.Abs(x)) ** 2,
    lambda x: x / (1 + np.abs(x)),
)
logsigmoid = named(
    "logsigmoid",
    lambda x: sp.log(sigmoid(x)),
    lambda x: 1 - sigmoid(x),
    lambda x: -np.logaddexp(0.0, -x),
)
hardsigmoid = named(
    "hardsigmoid",
    lambda x: sp.Min(sp.Max(x / 6 + sp.S.Half, 0), 1),
    lambda x: step(3 - sp.Abs(x)) / 6,
    lambda x: np.clip(x / 6 + 0.5, 0.0, 1.0),
)
hardswish = named(
    "hardswish",
    lambda x: x * hardsigmoid.definition(x),
    lambda x: 1 - step(3 - x) + step(3 - sp.Abs(x)) * (2 * x + 3) / 6,
    lambda x: x * np.clip(x / 6 + 0.5, 0.0, 1.0),
)
clip = named(
    "clip",
    lambda x, lo, hi: sp.Min(sp.Max(x, lo), hi),
    lambda x, lo, hi: (1 - step(lo - x)) * (1 - step(x - hi)),
    lambda x, lo, hi: np.clip(x, lo, hi),
)
huber = named(  # d²/2 up to δ, a straight line beyond
    "huber",
    lambda x, d: _where(sp.Abs(x) <= d, x**2 / 2, d * (sp.Abs(x) - d / 2)),
    lambda x, d: clip(x, -d, d),
    lambda x, d: np.where(np.abs(x) <= d, x**2 / 2, d * (np.abs(x) - d / 2)),
)
xlogx = named(  # 0 log 0 is 0, its limit
    "xlogx",
    lambda x: _where(x == 0, sp.S.Zero, x * sp.log(x)),
    lambda x: sp.log(x) + 1,
    lambda x: np.where(x == 0, 0.0, x * np.log(np.where(x == 0, 1.0, x))),
)


@lru_cache(maxsize=4096)
def derivative(f: sp.Expr) -> sp.Expr:
    """df/dT; where f has a kink, the stated convention, never a DiracDelta."""
    if f.has(sp.Abs, sp.sign):  # SymPy asks whether u is real before it derives |u|, and these are
        plain = f.replace(sp.Abs, _Size).replace(sp.sign, _Sign)
        return plain.diff(T).replace(_Size, sp.Abs).replace(_Sign, sp.sign)
    slope = f.diff(T)
    if slope.has(sp.DiracDelta):
        slope = slope.replace(sp.DiracDelta, lambda *_: sp.S.Zero)
    return slope


class _Sign(sp.Function):
    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.S.Zero


class _Size(sp.Function):
    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return _Sign(self.args[0])


_PLAIN: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "erf": erf, "Abs": np.abs, "sign": np.sign,
}  # fmt: skip


@lru_cache(maxsize=4096)
def compiled(f: sp.Expr) -> Callable[[np.ndarray], np.ndarray]:
    """A NumPy function for f: a closure over its tree, no generated source."""
    if f == T:
        return lambda t: t
    if not f.has(T):
        value = float(f)
        return lambda t: np.full(np.shape(t), value)
    if f == sp.log(1 + T):
        return np.log1p
    parts = [compiled(a) if a.has(T) else None for a in f.args]
    consts = [None if a.has(T) else float(a) for a in f.args]

    def arguments(t: np.ndarray) -> list[Any]:
        return [p(t) if p else c for p, c in zip(parts, consts, strict=True)]

    if f.is_Add or f.is_Mul:
        combine = np.add if f.is_Add else np.multiply

        def fold(t: np.ndarray) -> np.ndarray:
            first, *rest = arguments(t)
            for x in rest:
                first = combine(first, x)
            return first

        return fold
    if f.is_Pow:
        exponent = f.args[1]
        if exponent == sp.S.Half:
            return lambda t: np.sqrt(parts[0](t))  # type: ignore[misc]
        if exponent == -1:
            return lambda t: 1.0 / parts[0](t)  # type: ignore[misc]
        if exponent.is_Integer:
            n = int(exponent)
            return lambda t: parts[0](t) ** n  # type: ignore[misc]
        return lambda t: np.power(*arguments(t))
    plain = f.func.plain if isinstance(f, Named) else _PLAIN.get(f.func.__name__)
    if plain is None:
        raise NotImplementedError(f"no numeric value is known for {f.func.__name__}")
    return lambda t: plain(*arguments(t))


def exact(f: sp.Expr, x: sp.Expr) -> sp.Expr:
    """f at an exact number."""
    return f.subs(T, x)
