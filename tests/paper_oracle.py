"""A second reading of the expression language, for tests: Python's own parser, NumPy or torch.

Nothing here comes from the package. An expression is read by `ast`; every value of order 1 or 2 is
held with both axes, a column as n×1 and a row as 1×n, a scalar without axes; a 1×1 product becomes
a scalar. With NumPy the derivative is a central difference, with torch it is autograd.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

FAR_FROM_SINGULAR = 1e4  # condition numbers beyond this leave differences too few digits


class Unreadable(Exception):
    """The text is meant for people only: subscripts, or a derivative known by name."""


def _erf(x: np.ndarray) -> np.ndarray:
    return np.vectorize(math.erf, otypes=[float])(x)


def _softplus(x: np.ndarray, beta: float = 1) -> np.ndarray:
    return np.logaddexp(0, beta * x) / beta


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))


NUMPY: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "abs": np.abs, "sign": np.sign,
    "erf": _erf, "sigmoid": _sigmoid, "relu": lambda x: np.where(x > 0, x, 0.0 * x),
    "step": lambda x: (x > 0) * 1.0, "softplus": _softplus,
    "leaky_relu": lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
    "elu": lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x * _sigmoid(x), "mish": lambda x: x * np.tanh(_softplus(x)),
    "softsign": lambda x: x / (1 + np.abs(x)), "logsigmoid": lambda x: -_softplus(-x),
    "square": lambda x: x * x, "reciprocal": lambda x: 1 / x,
    "clip": lambda x, min=-np.inf, max=np.inf: np.minimum(np.maximum(x, min), max),
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hardswish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "selu": lambda x: 1.0507009873554805 * np.where(
        x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
}  # fmt: skip


class NumPy:
    """Arrays of float64."""

    functions = NUMPY

    def array(self, x: Any) -> Any:
        return np.asarray(x, dtype=float)

    def total(self, x: Any, axis: Any) -> Any:
        return np.sum(x, axis=axis, keepdims=axis is not None)

    def largest(self, x: Any, axis: Any) -> Any:
        return np.max(x, axis=axis, keepdims=axis is not None)

    maximum = staticmethod(np.maximum)
    kron = staticmethod(np.kron)
    log = staticmethod(np.log)
    exp = staticmethod(np.exp)

    def where(self, mask: Any, a: Any, b: Any) -> Any:
        return np.where(mask != 0, a, b)

    def concat(self, parts: list[Any], axis: int) -> Any:
        return np.concatenate(parts, axis=axis)

    def compare(self, mask: Any) -> Any:
        return mask * 1.0

    def full(self, shape: tuple[int, ...], value: float) -> Any:
        return np.full(shape, float(value))

    def conv(self, x: Any, w: Any, stride: Any, padding: Any, dilation: Any) -> Any:
        """One channel, two axes, by the definition; a number holds for both axes."""
        s, p, d = (
            v if isinstance(v, tuple) else (int(v),) * 2 for v in (stride, padding, dilation)
        )
        x = np.pad(x, [(n, n) for n in p])
        sizes = zip(x.shape, w.shape, s, d, strict=True)
        out = [(n - step * (k - 1) - 1) // move + 1 for n, k, move, step in sizes]
        y = np.zeros(out)
        for place in np.ndindex(*w.shape):
            starts = [i * step for i, step in zip(place, d, strict=True)]
            window = tuple(
                slice(at, at + (n - 1) * move + 1, move)
                for at, n, move in zip(starts, out, s, strict=True)
            )
            y = y + w[place] * x[window]
        return y

    def windows(self, x: Any, kernel: tuple[int, int], stride: tuple[int, int]) -> Any:
        out = [(n - k) // s + 1 for n, k, s in zip(x.shape, kernel, stride, strict=True)]
        parts = []
        for i, j in np.ndindex(*kernel):
            rows = slice(i, i + (out[0] - 1) * stride[0] + 1, stride[0])
            cols = slice(j, j + (out[1] - 1) * stride[1] + 1, stride[1])
            parts.append(x[rows, cols])
        return parts

    def stack(self, parts: list[Any]) -> Any:
        return np.stack(parts)

    det = staticmethod(np.linalg.det)

    def inv(self, x: Any) -> Any:
        if not np.linalg.cond(x) < FAR_FROM_SINGULAR:
            raise np.linalg.LinAlgError
        return np.linalg.inv(x)

    cholesky = staticmethod(np.linalg.cholesky)

    def einsum(self, rule: str, *operands: Any) -> Any:
        return np.einsum(rule, *operands)

    def cumulated(self, x: Any, axis: int) -> Any:
        return np.cumsum(x, axis)

    def multiplied(self, x: Any, axis: Any) -> Any:
        return np.prod(x, axis=axis, keepdims=axis is not None)


class Torch(NumPy):
    """The same on torch tensors, for autograd."""

    def __init__(self) -> None:
        import torch
        from torch.nn import functional as f

        self.torch = torch
        self.exp, self.log = torch.exp, torch.log
        names = "exp log log1p sqrt sin cos tan asin acos atan sinh cosh tanh abs sign erf square"
        table: dict[str, Any] = {n: getattr(torch, n) for n in (*names.split(), "sigmoid")}
        table |= {"relu": torch.relu, "reciprocal": torch.reciprocal}
        table |= {
            "step": lambda x: (x > 0) * 1.0,
            "softplus": lambda x, beta=1: f.softplus(x, beta),
        }
        layers = "leaky_relu elu gelu silu mish softsign logsigmoid selu"
        table |= {n: getattr(f, n) for n in layers.split()}
        # torch rounds the 1/6 of these two to single precision
        table["hardsigmoid"] = lambda x: torch.clamp(x / 6 + 0.5, 0, 1)
        table["hardswish"] = lambda x: x * torch.clamp(x / 6 + 0.5, 0, 1)
        table["clip"] = lambda x, min=None, max=None: torch.clamp(x, min, max)
        self.functions = table

    def array(self, x: Any) -> Any:
        torch = self.torch
        return x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=torch.float64)

    def total(self, x: Any, axis: Any) -> Any:
        return x.sum() if axis is None else x.sum(dim=axis, keepdim=True)

    def maximum(self, a: Any, b: Any) -> Any:  # type: ignore[override]
        return self.torch.where(a >= b, a, b)  # where they tie the first one wins

    def largest(self, x: Any, axis: Any) -> Any:
        if axis is None:
            return self.largest(x.reshape(-1, 1), 0)[0, 0]
        hit = x.detach() == x.detach().amax(dim=axis, keepdim=True)
        first = hit & (hit.cumsum(axis) == 1)  # the first one wins
        return (x * first).sum(dim=axis, keepdim=True)

    def kron(self, a: Any, b: Any) -> Any:
        return self.torch.kron(a, b)

    def where(self, mask: Any, a: Any, b: Any) -> Any:
        return self.torch.where(mask != 0, a, b)

    def concat(self, parts: list[Any], axis: int) -> Any:
        return self.torch.cat(parts, dim=axis)

    def compare(self, mask: Any) -> Any:
        return mask.to(self.torch.float64)

    def full(self, shape: tuple[int, ...], value: float) -> Any:
        return self.torch.full(shape, float(value), dtype=self.torch.float64)

    def conv(self, x: Any, w: Any, stride: int, padding: int, dilation: int) -> Any:
        f = self.torch.nn.functional
        return f.conv2d(x[None, None], w[None, None], None, stride, padding, dilation)[0, 0]

    def stack(self, parts: list[Any]) -> Any:
        return self.torch.stack(parts)

    def det(self, x: Any) -> Any:  # type: ignore[override]
        return self.torch.linalg.det(x)

    def inv(self, x: Any) -> Any:
        return self.torch.linalg.inv(x)

    def cholesky(self, x: Any) -> Any:  # type: ignore[override]
        return self.torch.linalg.cholesky(x)

    def einsum(self, rule: str, *operands: Any) -> Any:
        return self.torch.einsum(rule, *operands)

    def cumulated(self, x: Any, axis: int) -> Any:
        return self.torch.cumsum(x, axis)

    def multiplied(self, x: Any, axis: Any) -> Any:
        return x.prod() if axis is None else x.prod(dim=axis, keepdim=True)


def _moved(axes: Any) -> str:
    """The rule of a transposition: axis k of the result is axis axes[k]."""
    letters = "abcdefgh"[: len(axes)]
    return f"{letters}->{''.join(letters[int(a)] for a in axes)}"


def lifted(value: Any, lib: NumPy) -> Any:
    """A value in the user's shape with both axes: a column is n×1."""
    x = lib.array(value)
    return x[:, None] if x.ndim == 1 else x


def lowered(x: Any, shape: tuple[int, ...]) -> Any:
    return x.reshape(shape)


class Reader:
    """The value of an expression; names are looked up in `env`, sizes included."""

    def __init__(self, env: Mapping[str, Any], lib: NumPy | None = None, vec: str = "column"):
        self.lib = lib or NumPy()
        self.env = {k: lifted(v, self.lib) for k, v in env.items()}
        self.vec = vec

    def read(self, text: str) -> Any:
        return self.value(ast.parse(text, mode="eval").body)

    def value(self, e: ast.expr) -> Any:
        match e:
            case ast.Constant(value=bool() | None | str()):
                return e.value
            case ast.Constant():
                return self.lib.array(float(e.value))
            case ast.Name():
                if e.id in self.env:
                    return self.env[e.id]
                if e.id in ("pi", "e"):
                    return self.lib.array({"pi": math.pi, "e": math.e}[e.id])
                raise Unreadable(e.id)
            case ast.UnaryOp(op=ast.USub()):
                return -self.value(e.operand)
            case ast.BinOp():
                return self.binary(type(e.op), self.value(e.left), self.value(e.right))
            case ast.Attribute(attr="T"):
                x = self.value(e.value)
                return x if x.ndim == 0 else x.T
            case ast.Compare():
                a, b = self.value(e.left), self.value(e.comparators[0])
                return self.lib.compare(_COMPARE[type(e.ops[0])](a, b))
            case ast.Subscript():
                return self.index(self.value(e.value), e.slice)
            case ast.List():
                parts = [self.value(x) for x in e.elts]
                rows = [p.reshape(1, -1) for p in parts]
                return self.lib.concat(rows, 0)
            case ast.Call():
                return self.call(e)
        raise Unreadable(ast.dump(e))

    def binary(self, op: type, a: Any, b: Any) -> Any:
        if op is ast.MatMult:
            if a.ndim == 0 or b.ndim == 0:
                return a * b
            y = a @ b
            return y[0, 0] if tuple(y.shape) == (1, 1) else y
        if op is ast.Pow:
            return a**b
        if a.ndim == b.ndim == 2 and a.shape != b.shape:
            fits = {tuple(a.shape), tuple(b.shape)}
            big = tuple(max(x, y) for x, y in zip(a.shape, b.shape, strict=True))
            assert big in fits, (a.shape, b.shape)
        return {ast.Add: a.__add__, ast.Sub: a.__sub__, ast.Mult: a.__mul__,
                ast.Div: a.__truediv__}[op](b)  # fmt: skip

    # -- indexing ----------------------------------------------------------------------------

    def integer(self, e: ast.expr | None) -> int | None:
        return None if e is None else int(self.value(e))

    def index(self, x: Any, at: ast.expr) -> Any:
        items = at.elts if isinstance(at, ast.Tuple) else [at]
        vector = x.ndim == 2 and x.shape[1] == 1 and len(items) == 1
        keys: list[Any] = []
        for item in items:
            if isinstance(item, ast.Slice):
                bounds = (
                    self.integer(item.lower),
                    self.integer(item.upper),
                    self.integer(item.step),
                )
                n = x.shape[len(keys)]
                keys.append(list(range(*slice(*bounds).indices(n))))
            else:
                keys.append(int(self.value(item)))
        if vector:
            (key,) = keys
            return x[key, 0] if isinstance(key, int) else x[key, :]
        if len(keys) == 1:
            keys.append(list(range(x.shape[1])))
        rows, cols = keys
        if isinstance(rows, int) and isinstance(cols, int):
            return x[rows, cols]
        if isinstance(rows, int):  # one row of a matrix is a column on paper
            return x[rows, cols][:, None]
        if isinstance(cols, int):
            return x[rows, cols][:, None]
        return x[rows][:, cols]

    # -- functions ---------------------------------------------------------------------------

    def call(self, e: ast.Call) -> Any:
        assert isinstance(e.func, ast.Name)
        name = e.func.id
        given = {k.arg: self.plain(k.value) for k in e.keywords}
        if name in ("eye", "ones", "zeros"):
            return self.constant(name, [int(self.value(a)) for a in e.args])
        args = [self.plain(a) if isinstance(a, ast.List | ast.Tuple) and name in _SIZED
                else self.value(a) for a in e.args]  # fmt: skip
        if name in self.lib.functions:
            return self.lib.functions[name](args[0], **given)
        method = getattr(self, "f_" + name, None)
        if method is None:
            raise Unreadable(name)
        return method(*args, **given)

    def plain(self, e: ast.expr) -> Any:
        if isinstance(e, ast.List | ast.Tuple):
            return tuple(self.plain(x) for x in e.elts)
        x = self.value(e)
        if isinstance(x, bool | str) or x is None:
            return x
        x = float(x)
        return int(x) if x == int(x) else x

    def constant(self, name: str, shape: list[int]) -> Any:
        if name == "eye":
            return self.lib.array(np.eye(*shape).tolist())
        return self.lib.full((*shape, 1) if len(shape) == 1 else tuple(shape), name == "ones")

    def f_sum(self, x: Any, axis: Any = None) -> Any:
        return self.lib.total(x, axis)

    def f_mean(self, x: Any, axis: Any = None) -> Any:
        count = math.prod(x.shape) if axis is None else x.shape[axis]
        return self.lib.total(x, axis) / count

    def f_max(self, x: Any, y: Any = None, axis: Any = None) -> Any:
        return self.f_maximum(x, y) if y is not None else self.lib.largest(x, axis)

    def f_min(self, x: Any, y: Any = None, axis: Any = None) -> Any:
        return -self.f_max(-x, None if y is None else -y, axis)

    def f_maximum(self, x: Any, y: Any) -> Any:
        return self.lib.maximum(x, y)

    def f_minimum(self, x: Any, y: Any) -> Any:
        return -self.lib.maximum(-x, -y)

    def f_norm2(self, x: Any, axis: Any = None) -> Any:
        return self.lib.total(x * x, axis) ** 0.5

    def f_norm1(self, x: Any, axis: Any = None) -> Any:
        return self.lib.total(abs(x), axis)

    def f_norm_inf(self, x: Any, axis: Any = None) -> Any:
        return self.lib.largest(abs(x), axis)

    def f_frobenius(self, x: Any) -> Any:
        return (x * x).sum() ** 0.5

    def f_prod(self, x: Any, axis: Any = None) -> Any:
        return self.lib.multiplied(x, axis)

    def f_prod_others(self, x: Any, axis: Any = None, count: int = 1) -> Any:
        """Products without one entry each, or, of a column, without two."""
        if count == 2:
            n = len(x)
            rows = [[math.prod(x[k, 0] for k in range(n) if k not in (i, j)) if i != j else 0.0
                     for j in range(n)] for i in range(n)]  # fmt: skip
            return self.lib.array(rows)
        assert count == 1, "products without three entries are no matrix"
        y = np.ones_like(x)
        for at in np.ndindex(*x.shape):
            for k in np.ndindex(*x.shape):
                others = [m for m in range(x.ndim) if axis is not None and m != axis]
                if at != k and all(at[m] == k[m] for m in others):
                    y[at] *= x[k]
        return y

    def f_var(self, x: Any, axis: Any = None) -> Any:
        return self.f_mean((x - self.f_mean(x, axis)) ** 2, axis)

    def f_std(self, x: Any, axis: Any = None) -> Any:
        return self.f_var(x, axis) ** 0.5

    def f_cumsum(self, x: Any, axis: Any = None) -> Any:
        assert axis is not None or x.shape[1] == 1
        return self.lib.cumulated(x, 0 if axis is None else axis)

    def f_logsumexp(self, x: Any, axis: Any = None) -> Any:
        return self.lib.log(self.lib.total(self.lib.exp(x), axis))

    def f_softmax(self, x: Any, axis: Any = None) -> Any:
        axis = (0 if x.shape[1] == 1 else 1) if axis is None else axis
        p = self.lib.exp(x)
        return p / self.lib.total(p, axis)

    def f_log_softmax(self, x: Any, axis: Any = None) -> Any:
        return self.lib.log(self.f_softmax(x, axis))

    def f_where(self, mask: Any, a: Any, b: Any) -> Any:
        return self.lib.where(mask, a, b)

    def f_dot(self, a: Any, b: Any) -> Any:
        return (a * b).sum()

    def f_outer(self, a: Any, b: Any) -> Any:
        return a.reshape(-1, 1) @ b.reshape(1, -1)

    def f_hadamard(self, a: Any, b: Any) -> Any:
        return a * b

    def f_transpose(self, a: Any) -> Any:
        return a.T

    def f_linear(self, x: Any, w: Any, b: Any = None) -> Any:
        y = w @ x if x.shape[1] == 1 else x @ w.T
        if b is None:
            return y
        return y + b if x.shape[1] == 1 else y + b.T

    def f_mse_loss(self, a: Any, b: Any, reduction: str = "mean") -> Any:
        return self.reduced((a - b) ** 2, reduction)

    def f_cross_entropy(self, z: Any, t: Any, reduction: str = "mean") -> Any:
        axis = 0 if z.shape[1] == 1 else 1
        losses = -self.lib.total(t * self.f_log_softmax(z, axis), axis)
        return self.reduced(losses[0, 0] if axis == 0 else losses, reduction)

    def reduced(self, x: Any, reduction: str) -> Any:
        return {"mean": self.f_mean, "sum": self.f_sum, "none": lambda v: v}[reduction](x)

    # -- linear algebra ----------------------------------------------------------------------

    def f_det(self, x: Any) -> Any:
        return self.lib.det(x) if x.ndim else x

    def f_logdet(self, x: Any) -> Any:
        return self.lib.log(self.f_det(x))

    def f_inv(self, x: Any) -> Any:
        return self.lib.inv(x) if x.ndim else 1 / x

    def f_solve(self, a: Any, b: Any) -> Any:
        return self.lib.inv(a) @ b

    def f_cholesky(self, x: Any) -> Any:
        return self.lib.cholesky((x + x.T) / 2)

    def f_matrix_power(self, x: Any, n: Any) -> Any:
        n = int(n)
        y, factor = self.constant("eye", [len(x)]), self.f_inv(x) if n < 0 else x
        for _ in range(abs(n)):
            y = y @ factor
        return y

    def f_quad_form(self, x: Any, p: Any) -> Any:
        return (x * (p @ x)).sum()

    def f_tril(self, x: Any, diagonal: Any = 0) -> Any:
        return x * self.lib.array(np.tril(np.ones(tuple(x.shape)), int(diagonal)).tolist())

    def f_triu(self, x: Any, diagonal: Any = 0) -> Any:
        return x * self.lib.array(np.triu(np.ones(tuple(x.shape)), int(diagonal)).tolist())

    def f_einsum(self, rule: str, *operands: Any) -> Any:
        taken, out = rule.replace(" ", "").split("->")
        xs = [x.reshape(-1) if len(ls) == 1 else x
              for ls, x in zip(taken.split(","), operands, strict=True)]  # fmt: skip
        y = self.lib.einsum(rule, *xs)
        return y.reshape(-1, 1) if len(out) == 1 else y

    # -- rearrangements ----------------------------------------------------------------------

    def f_vec(self, x: Any) -> Any:
        return (x.T if self.vec == "column" else x).reshape(-1, 1) if x.ndim else x.reshape(1, 1)

    def f_unvec(self, v: Any, *shape: Any) -> Any:
        m, n = _sizes(shape)
        return v.reshape(n, m).T if self.vec == "column" else v.reshape(m, n)

    def f_flatten(self, x: Any) -> Any:
        return x.reshape(-1, 1)

    def f_reshape(self, x: Any, *shape: Any) -> Any:
        sizes = _sizes(shape)
        return x.reshape(sizes if len(sizes) > 1 else (*sizes, 1))

    def f_concat(self, *parts: Any, axis: int = 0) -> Any:
        return self.lib.concat([p.reshape(1, 1) if p.ndim == 0 else p for p in parts], axis)

    def f_flip(self, x: Any, axis: Any = None) -> Any:
        axes = range(2) if axis is None else [axis]
        for k in axes:
            back = list(range(x.shape[k]))[::-1]
            x = x[back] if k == 0 else x[:, back]
        return x

    def f_homogeneous(self, x: Any) -> Any:
        return self.lib.concat([x, self.lib.full((1, 1), 1.0)], 0)

    # -- windows -----------------------------------------------------------------------------

    def f_conv2d(self, x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
        return self.lib.conv(x, w, stride, padding, dilation)

    def f_permute(self, x: Any, *axes: Any) -> Any:
        return self.lib.einsum(_moved(_sizes(axes)), x)

    def f_conv_transpose2d(self, x: Any, w: Any, stride: Any = 1, padding: Any = 0,
                           output_padding: Any = 0, dilation: Any = 1) -> Any:  # fmt: skip
        """Every entry of x lays a copy of w, one channel; rows and columns of the edge cut off."""
        s, d, cut = int(stride), int(dilation), int(padding)
        size = [(n - 1) * s + d * (k - 1) + 1 + int(output_padding)
                for n, k in zip(x.shape, w.shape, strict=True)]  # fmt: skip
        y = self.lib.full(tuple(size), 0.0)
        for i, j in np.ndindex(*w.shape):
            rows = slice(i * d, i * d + (x.shape[0] - 1) * s + 1, s)
            cols = slice(j * d, j * d + (x.shape[1] - 1) * s + 1, s)
            y[rows, cols] = y[rows, cols] + w[i, j] * x
        return y[cut : size[0] - cut or None, cut : size[1] - cut or None]

    def f_conv1d(self, x: Any, w: Any, stride: Any = 1, dilation: Any = 1) -> Any:
        return self.lib.conv(x.T, w.T, stride, 0, dilation).T

    def pooled(self, x: Any, kernel_size: Any, stride: Any, how: str) -> Any:
        k = kernel_size if isinstance(kernel_size, tuple) else (int(kernel_size),) * 2
        s = k if stride is None else stride if isinstance(stride, tuple) else (int(stride),) * 2
        parts = self.lib.stack(self.lib.windows(x, k, s))
        y = self.lib.largest(parts, 0) if how == "max" else self.lib.total(parts, 0) / (k[0] * k[1])
        return y[0]

    def f_max_pool2d(self, x: Any, kernel_size: Any, stride: Any = None,
                     ceil_mode: Any = False) -> Any:  # fmt: skip
        if ceil_mode:  # a last window may hang over the end
            s = int(kernel_size if stride is None else stride)
            over = [-(n - int(kernel_size)) % s for n in x.shape]
            x = np.pad(x, [(0, n) for n in over], constant_values=-np.inf)
        return self.pooled(x, kernel_size, stride, "max")

    def f_avg_pool2d(self, x: Any, kernel_size: Any, stride: Any = None) -> Any:
        return self.pooled(x, kernel_size, stride, "avg")

    def f_max_pool1d(self, x: Any, kernel_size: Any, stride: Any = None) -> Any:
        k = int(kernel_size)
        return self.pooled(x, (k, 1), (k if stride is None else int(stride), 1), "max")

    def f_winner(self, x: Any, kernel_size: Any, stride: Any = None) -> Any:
        """Windows × places in them: 1 at the first largest entry of each window of a column."""
        if x.shape[1] != 1:
            raise Unreadable("winner of a matrix")
        k = int(kernel_size)
        s = k if stride is None else int(stride)
        rows = [x[i : i + k, 0] for i in range(0, len(x) - k + 1, s)]
        return np.array([np.arange(k) == np.argmax(r) for r in rows]) * 1.0

    # -- what formulas add -------------------------------------------------------------------

    def f_tr(self, x: Any) -> Any:
        assert x.shape[0] == x.shape[1]
        return (x * self.constant("eye", [len(x)])).sum()

    def f_diag(self, x: Any) -> Any:
        if x.shape[1] == 1 or x.shape[0] == 1:
            return self.constant("eye", [x.shape[0] * x.shape[1]]) * x.reshape(1, -1)
        return self.lib.total(x * self.constant("eye", [len(x)]), 1)

    def f_kron(self, a: Any, b: Any) -> Any:
        a, b = (x.reshape(1, 1) if x.ndim == 0 else x for x in (a, b))
        return self.lib.kron(a, b)

    def f_commutation(self, m: Any, n: Any) -> Any:
        """K vec(A) = vec(Aᵀ) for an m×n matrix A, by columns."""
        m, n = int(m), int(n)
        k = np.zeros((m * n, m * n))
        for i in range(m):
            for j in range(n):
                k[j + n * i, i + m * j] = 1.0
        return self.lib.array(k.tolist())

    f_K = f_commutation  # noqa: N815

    def f_argmax_onehot(self, x: Any, axis: Any = None) -> Any:
        """1 at the first largest entry."""
        flat = x.reshape(1, -1) if axis is None else x
        side = 1 if axis is None else axis
        hit = np.asarray(flat == np.max(flat, axis=side, keepdims=True))
        return (hit & (np.cumsum(hit, axis=side) == 1)).reshape(x.shape) * 1.0


_SIZED = ("reshape", "unvec", "permute", "max_pool2d", "avg_pool2d")
_COMPARE = {
    ast.Gt: lambda a, b: a > b, ast.Lt: lambda a, b: a < b, ast.GtE: lambda a, b: a >= b,
    ast.LtE: lambda a, b: a <= b, ast.Eq: lambda a, b: a == b, ast.NotEq: lambda a, b: a != b,
}  # fmt: skip


def _sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    flat = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
    return tuple(int(d) for d in flat)


# -- programs and their derivatives ---------------------------------------------------------------


def run(define: Mapping[str, str], env: Mapping[str, Any], lib: NumPy | None = None,
        vec: str = "column") -> dict[str, Any]:  # fmt: skip
    """Values of all definitions, in order; a name already in `env` keeps that value."""
    reader = Reader(env, lib, vec)
    for name, text in define.items():
        if name not in reader.env:
            reader.env[name] = reader.read(text)
    return reader.env


def differences(
    f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, h: float = 1e-3
) -> np.ndarray:
    """All partial derivatives of f, axes of f(x) first, by a fourth-order central difference."""
    columns = []
    for at in np.ndindex(*x.shape):
        unit = np.zeros_like(x)
        unit[at] = h
        near, far = f(x + unit) - f(x - unit), f(x + 2 * unit) - f(x - 2 * unit)
        columns.append((8 * near - far) / (12 * h))
    rows = np.shape(columns[0])
    return np.stack(columns, axis=-1).reshape((*rows, *x.shape))


def autograd(define: Mapping[str, str], env: Mapping[str, Any], of: str, wrt: str,
             vec: str = "column") -> np.ndarray:  # fmt: skip
    """∂of/∂wrt by torch, both with two axes (or none)."""
    import torch

    lib = Torch()
    x = lifted(run(define, env, lib, vec)[wrt], lib).detach()

    def f(at: Any) -> Any:
        return run(define, {**env, wrt: at}, lib, vec)[of]

    return torch.autograd.functional.jacobian(f, x).numpy()


def error(got: Any, want: Any) -> float:
    """The largest deviation relative to the largest entry."""
    got, want = np.asarray(got, float), np.asarray(want, float)
    if got.shape != want.shape:
        return math.inf
    if not got.size:
        return 0.0
    scale = max(float(np.max(np.abs(want))), 1e-6)
    worst = float(np.max(np.abs(got - want))) / scale
    return math.inf if math.isnan(worst) else worst


def unrolled(j: np.ndarray, rows: int, layout: str, vec: str) -> np.ndarray:
    """A Jacobian array (axes of the result first, `rows` of them) as rows × columns, by loops."""
    top, side = j.shape[:rows], j.shape[rows:]
    out = np.zeros((math.prod(top), math.prod(side)))
    for p in np.ndindex(*top):
        for q in np.ndindex(*side):
            out[_place(p, top, vec), _place(q, side, vec)] = j[(*p, *q)]
    return out if layout == "numerator" else out.T


def _place(at: tuple[int, ...], shape: tuple[int, ...], vec: str) -> int:
    if not at:
        return 0
    if len(at) == 2 and vec == "column":
        return at[1] * shape[0] + at[0]
    place = 0
    for i, n in zip(at, shape, strict=True):
        place = place * n + i
    return place
