"""SymPy numbers and expressions as terms, in textbook form. Nothing is evaluated here."""

from __future__ import annotations

from typing import Any

from ..errors import InputError
from ..expr import Binary, Call, Expr, Name, Neg, Num

# SymPy class name: function of the input syntax, where the two differ
_FUNCTIONS = {
    "Abs": "abs",
    "Max": "max",
    "Min": "min",
    "ln": "log",
    "re": "real",
    "Mod": "mod",
    "ceiling": "ceil",
}
_RELATIONS = {
    "StrictLessThan": "<",
    "LessThan": "<=",
    "StrictGreaterThan": ">",
    "GreaterThan": ">=",
    "Equality": "==",
    "Unequality": "!=",
}


LONG_DENOMINATOR = 10**25


def term_of(x: Any) -> Expr:
    """A SymPy number or expression as a term: 1/2, sqrt(2)/2, 2*pi + 1, -3*x/4.

    Python numbers are accepted too. The order of the terms of a sum is SymPy's printing order, so
    it does not depend on hash values.
    """
    import sympy as sp

    if isinstance(x, bool | int):
        x = sp.Integer(int(x))
    elif isinstance(x, float):
        return _float(x)
    return _term(x, sp)


def constant_term(x: Any) -> Expr:
    """The same, with roots of numbers and of π under one root: 1/sqrt(2*pi)."""
    import sympy as sp

    square = x**2
    if x.has(sp.pi) and not x.has(sp.Symbol) and x.is_positive:
        number, rest = square.as_coeff_Mul()
        if number.is_Rational and rest in (sp.pi, 1 / sp.pi):
            above, below = sp.fraction(square)
            root = Call("sqrt", (_term(below, sp),))
            if above == 1:
                return Binary("/", Num("1"), root)
            return Call("sqrt", (_term(square, sp),))
    return _term(x, sp)


def _float(x: float) -> Expr:
    out = Num(repr(abs(x)))
    return Neg(out) if x < 0 else out


def _term(x: Any, sp: Any) -> Expr:
    if x.is_Integer or x.is_Rational:
        p, q = abs(int(x.p)), int(x.q)
        if q > LONG_DENOMINATOR:  # a constant such as SELU's: digits read better
            return _float(float(x))
        out: Expr = Num(str(p)) if q == 1 else Binary("/", Num(str(p)), Num(str(q)))
        return Neg(out) if x < 0 else out
    if x.is_Float:
        return _float(float(x))
    if x is sp.pi:
        return Name("pi")
    if x is sp.E:
        return Call("exp", (Num("1"),))
    if x.is_Symbol:
        return Name(x.name)
    if x.is_Add:
        return _sum(x, sp)
    if x.is_Mul:
        return _product(x, sp)
    if x.is_Pow:
        return _power(x.base, x.exp, sp)
    name = type(x).__name__
    if x.is_Relational:
        return Binary(_RELATIONS[name], _term(x.lhs, sp), _term(x.rhs, sp))
    if x.is_Piecewise:
        return _piecewise(x, sp)
    if x.is_Function:
        return Call(_FUNCTIONS.get(name, name), tuple(_term(a, sp) for a in _args(x, sp)))
    raise InputError(f"this number has no finite value: {x}")


def _args(x: Any, sp: Any) -> tuple[Any, ...]:
    """Max and Min keep their arguments in a set: put them in a stable order."""
    return tuple(sp.ordered(x.args)) if isinstance(x, (sp.Max, sp.Min)) else x.args


def _sum(x: Any, sp: Any) -> Expr:
    terms = sorted(x.as_ordered_terms(), key=lambda t: bool(t.is_Rational))  # pi + 3, not 3 + pi
    parts = [_term(t, sp) for t in terms]
    # a leading minus reads worse than a leading plus: 1 - x, not -x + 1
    first = next((i for i, t in enumerate(parts) if not isinstance(t, Neg)), 0)
    parts.insert(0, parts.pop(first))
    out = parts[0]
    for part in parts[1:]:
        out = Binary("-", out, part.arg) if isinstance(part, Neg) else Binary("+", out, part)
    return out


def _product(x: Any, sp: Any) -> Expr:
    coefficient, rest = x.as_coeff_Mul()
    above: list[Expr] = []
    below: list[Expr] = []
    negative = bool(coefficient < 0)
    coefficient = abs(coefficient)
    if coefficient.is_Rational:
        if coefficient.p != 1:
            above.append(Num(str(int(coefficient.p))))
        if coefficient.q != 1:
            below.append(Num(str(int(coefficient.q))))
    else:
        above.append(_term(coefficient, sp))
    for factor in rest.as_ordered_factors():
        base, exponent = factor.as_base_exp() if factor.is_Pow else (factor, sp.S.One)
        if exponent.could_extract_minus_sign() and not exponent.is_Symbol and base is not sp.E:
            below.append(_power(base, -exponent, sp))
        else:
            above.append(_term(factor, sp))
    out = _times(above) if above else Num("1")
    if below:
        out = Binary("/", out, _times(below))
    return Neg(out) if negative else out


def _times(factors: list[Expr]) -> Expr:
    out = factors[0]
    for factor in factors[1:]:
        out = Binary("*", out, factor)
    return out


def _power(base: Any, exponent: Any, sp: Any) -> Expr:
    if base is sp.E:
        return Call("exp", (_term(exponent, sp),))
    if exponent == sp.S.One:
        return _term(base, sp)
    if exponent == sp.S.Half:
        return Call("sqrt", (_term(base, sp),))
    if exponent.is_Rational and exponent < 0:
        return Binary("/", Num("1"), _power(base, -exponent, sp))
    return Binary("**", _term(base, sp), _term(exponent, sp))


def _piecewise(x: Any, sp: Any) -> Expr:
    """Nested `where`; the last branch stands for everything else."""
    *first, last = x.args
    out = _term(last.expr, sp)
    for branch in reversed(first):
        out = Call("where", (_term(branch.cond, sp), _term(branch.expr, sp), out))
    return out
