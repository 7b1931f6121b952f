"""The peer of a closed-form derivation: SymPy, entry by entry.

Every variable becomes a matrix of symbols at small sizes, the expression is written out, and every
entry is differentiated by `sympy.diff`. It is always right, never readable, and needs a size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from tutor.expr import Binary, Call, Expr, Name, Neg, Num, Transpose

SIZES = (2, 3)  # in turn, for the size names in order of appearance


def sizes(variables: Mapping[str, list[str]]) -> dict[str, int]:
    names = list(dict.fromkeys(d for shape in variables.values() for d in shape))
    return {name: SIZES[k % len(SIZES)] for k, name in enumerate(names)}


def symbols(variables: Mapping[str, list[str]], size: Mapping[str, int]) -> dict[str, sp.Matrix]:
    """A matrix of symbols for every variable: a vector is a column, a scalar 1×1."""
    found = {}
    for name, shape in variables.items():
        rows, columns = (*(size[d] for d in shape), 1, 1)[:2]
        found[name] = sp.Matrix(
            rows, columns, lambda i, j, name=name: sp.Symbol(f"{name}_{i}_{j}", real=True)
        )
    return found


def _each(f: Callable[[Any], Any]) -> Callable[[sp.Matrix], sp.Matrix]:
    return lambda m: m.applyfunc(f)


def _number(m: sp.Matrix | Any) -> sp.Matrix:
    return sp.Matrix([[m]])


def _sum(m: sp.Matrix, axis: sp.Matrix | None = None) -> sp.Matrix:
    if axis is None:
        return _number(sum(m))
    if axis[0] == 0:
        return sp.Matrix(1, m.cols, lambda _, j: sum(m[:, j]))
    return sp.Matrix(m.rows, 1, lambda i, _: sum(m[i, :]))


def _softmax(m: sp.Matrix, axis: sp.Matrix | None = None) -> sp.Matrix:
    e = m.applyfunc(sp.exp)
    if axis is None:  # a column
        return e / sum(e)
    return sp.Matrix(m.rows, m.cols, lambda i, j: e[i, j] / sum(e[i, :]))


def _diag(m: sp.Matrix) -> sp.Matrix:
    return sp.diag(*m) if m.cols == 1 else sp.Matrix(m.rows, 1, lambda i, _: m[i, i])


FUNCTIONS: dict[str, Callable[..., sp.Matrix]] = {
    "sin": _each(sp.sin), "cos": _each(sp.cos), "tanh": _each(sp.tanh), "exp": _each(sp.exp),
    "log": _each(sp.log), "sqrt": _each(sp.sqrt),
    "sigmoid": _each(lambda x: 1 / (1 + sp.exp(-x))),
    "relu": _each(lambda x: sp.Max(x, 0)), "step": _each(lambda x: sp.Heaviside(x, 0)),
    "abs": _each(sp.Abs), "sign": _each(sp.sign), "square": _each(lambda x: x**2),
    "reciprocal": _each(lambda x: 1 / x),
    "sum": _sum, "mean": lambda m: _number(sum(m) / len(m)),
    "max": lambda m: _number(sp.Max(*m)),
    "argmax_onehot": lambda m: m.applyfunc(lambda x: sp.Integer(x == max(m))),
    "norm2": lambda m: _number(sp.sqrt(sum(x**2 for x in m))),
    "norm1": lambda m: _number(sum(sp.Abs(x) for x in m)),
    "tr": lambda m: _number(m.trace()), "det": lambda m: _number(m.det()),
    "logdet": lambda m: _number(sp.log(m.det())), "inv": lambda m: m.inv(),
    "logsumexp": lambda m: _number(sp.log(sum(m.applyfunc(sp.exp)))),
    "softmax": _softmax, "diag": _diag,
    "eye": lambda n: sp.eye(int(n[0])), "ones": lambda n: sp.ones(int(n[0]), 1),
    "kron": lambda a, b: sp.Matrix(sp.kronecker_product(a, b)),
    "vec": lambda m: sp.Matrix(m.T.reshape(m.rows * m.cols, 1)),
}  # fmt: skip


def written_out(e: Expr, env: Mapping[str, sp.Matrix]) -> sp.Matrix:
    """The expression as a matrix of entries, by the rules of paper."""
    match e:
        case Num():
            return _number(sp.Rational(e.text))
        case Name():
            return env[e.id]
        case Neg():
            return -written_out(e.arg, env)
        case Transpose():
            return written_out(e.arg, env).T
        case Call():
            arguments = [written_out(a, env) for a in e.args]
            return FUNCTIONS[e.func](*arguments, **{k: written_out(v, env) for k, v in e.kwargs})
        case Binary():
            return _binary(e.op, written_out(e.left, env), written_out(e.right, env))
    raise ValueError(f"not for this peer: {e}")


def _binary(op: str, a: sp.Matrix, b: sp.Matrix) -> sp.Matrix:
    if op == "@":
        if a.shape == (1, 1) or b.shape == (1, 1):
            return a[0] * b if a.shape == (1, 1) else a * b[0]
        return a * b
    rows, columns = max(a.rows, b.rows), max(a.cols, b.cols)
    combine: Callable[[Any, Any], Any] = {
        "+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y,
        "/": lambda x, y: x / y, "**": lambda x, y: x**y,
    }[op]  # fmt: skip

    def at(m: sp.Matrix, i: int, j: int) -> Any:
        return m[i if m.rows > 1 else 0, j if m.cols > 1 else 0]

    return sp.Matrix(rows, columns, lambda i, j: combine(at(a, i, j), at(b, i, j)))


def derivative(value: sp.Matrix, variable: sp.Matrix, kind: str) -> sp.Matrix:
    """A gradient in the variable's shape; a Jacobian rows × columns, both unrolled by columns."""
    if kind == "hessian":
        value = sp.Matrix([sp.diff(value[0], x) for x in variable.T])
    if kind == "gradient":
        return variable.applyfunc(lambda x: sp.diff(value[0], x))
    ours, theirs = list(value.T), list(variable.T)  # row by row of the transpose
    return sp.Matrix(len(ours), len(theirs), lambda i, j: sp.diff(ours[i], theirs[j]))
