"""NumPy, PyTorch and JAX: how each spells what generated code calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InputError, did_you_mean

# the same word in all three, after the library's prefix
_COMMON = (
    "exp", "log", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sign", "abs",
    "outer", "kron", "diag", "trace", "where", "sum", "mean", "reshape", "ravel", "einsum",
    "prod", "var", "square", "maximum", "minimum", "cumsum", "clip", "tril", "triu",
    "linalg.solve", "linalg.inv", "linalg.det", "linalg.slogdet", "linalg.norm",
    "linalg.cholesky", "linalg.matrix_power",
)  # fmt: skip


@dataclass(frozen=True)
class Library:
    """functions: canonical name -> spelled; names that are missing are helpers of our own."""

    name: str
    array: str  # the type of an array
    scalar: str  # the type of a scalar
    imports: tuple[str, ...]
    functions: Mapping[str, str]
    keywords: Mapping[str, str] = field(default_factory=dict)
    like: bool = False  # new arrays need the dtype and device of another one


def _common(prefix: str) -> dict[str, str]:
    return {f: f"{prefix}.{f}" for f in _COMMON}


def _arrays(prefix: str) -> dict[str, str]:
    own = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "concat": "concatenate"}
    plain = ("eye", "ones", "zeros", "arange", "max", "min", "array", "logaddexp", "transpose")
    return {
        **_common(prefix),
        **{k: f"{prefix}.{v}" for k, v in own.items()},
        **{k: f"{prefix}.{k}" for k in plain},
        "constant": f"{prefix}.array",
        "pi": f"{prefix}.pi",
        "e": f"{prefix}.e",
        "number.sqrt": f"{prefix}.sqrt",
        "number.log": f"{prefix}.log",
        "number.exp": f"{prefix}.exp",
    }


NUMPY = Library("numpy", "np.ndarray", "float", ("import numpy as np",), _arrays("np"))

JAX = Library(
    "jax",
    "jax.Array",
    "float",
    ("import jax", "import jax.numpy as jnp"),
    {
        **_arrays("jnp"),
        "sigmoid": "jax.nn.sigmoid",
        "softmax": "jax.nn.softmax",
        "log_softmax": "jax.nn.log_softmax",
        "logsumexp": "jax.nn.logsumexp",
        "relu": "jax.nn.relu",
        "erf": "jax.scipy.special.erf",
    },
)

_KRON = "kron"  # torch's own refuses transposed views

TORCH = Library(
    "torch",
    "torch.Tensor",
    "torch.Tensor",
    ("import torch",),
    {
        **{k: v for k, v in _common("torch").items() if k != _KRON},
        **{f: f"torch.{f}" for f in ("asin", "acos", "atan", "eye", "ones", "zeros")},
        **{f: f"torch.{f}" for f in ("sigmoid", "relu", "erf", "logsumexp", "logaddexp")},
        "positions": "torch.arange",
        "softmax": "torch.softmax",
        "log_softmax": "torch.log_softmax",
        "max": "torch.amax",
        "min": "torch.amin",
        "concat": "torch.cat",
        "array": "torch.stack",
        "constant": "torch.tensor",
        "transpose": "torch.permute",
        "pi": "math.pi",
        "e": "math.e",
        "number.sqrt": "math.sqrt",
        "number.log": "math.log",
        "number.exp": "math.exp",
    },
    {"axis": "dim", "keepdims": "keepdim", "ddof": "correction"},
    like=True,
)

LIBRARIES = {"numpy": NUMPY, "torch": TORCH, "jax": JAX}


def library(name: str) -> Library:
    if name not in LIBRARIES:
        hint = did_you_mean(name, LIBRARIES) or "there are " + ", ".join(
            f"`{x}`" for x in LIBRARIES
        )
        raise InputError(f"there is no code for `{name[:40]}`", hint=hint)
    return LIBRARIES[name]
