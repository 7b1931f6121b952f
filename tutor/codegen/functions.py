"""Functions of formulas in array code: one table, name to builder.

A builder gets the arguments' code, the keywords (from which it takes those it knows) and the
translator, which knows sizes. Names of calls are canonical; see `libraries`.
"""

from __future__ import annotations

from ..expr import Binary, Call, Neg, Num
from . import entrywise, matrices, reductions
from .entrywise import Builder, mapped, plain
from .matrices import constant, matrix
from .reductions import along, of_absolute, reduction

# what acts entry by entry, or on all entries, whatever axes an array has
ANY_ORDER = frozenset((
    "exp", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
    "tanh", "sign", "abs", "sigmoid", "relu", "erf", "step", "square", "reciprocal", "silu", "mish",
    "softsign", "logsigmoid", "gelu", "leaky_relu", "elu", "softplus", "clip", "maximum", "minimum",
    "where", "sum", "mean", "max", "min",
))  # fmt: skip

FUNCTIONS: dict[str, Builder] = {
    **{
        f: plain(f)
        for f in (
            "exp", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
            "cosh", "tanh", "sign", "abs", "sigmoid", "relu", "erf", "step",
        )
    },
    "square": mapped(lambda x: Binary("**", x, Num("2"))),
    "reciprocal": mapped(lambda x: Binary("/", Num("1"), x)),
    "silu": mapped(lambda x: Binary("*", x, Call("sigmoid", (x,)))),
    "mish": mapped(lambda x: Binary("*", x, Call("tanh", (Call("softplus", (x,)),)))),
    "softsign": mapped(lambda x: Binary("/", x, Binary("+", Num("1"), Call("abs", (x,))))),
    "logsigmoid": mapped(lambda x: Neg(Call("softplus", (Neg(x),)))),
    "gelu": entrywise.gelu,
    "leaky_relu": entrywise.leaky_relu,
    "elu": entrywise.elu,
    "softplus": entrywise.softplus,
    "clip": entrywise.clip,
    "maximum": entrywise.two("maximum"),
    "minimum": entrywise.two("minimum"),
    "where": entrywise.where,
    **{f: reduction(f) for f in ("sum", "mean", "max", "min", "prod")},
    "var": reductions.variance,
    "softmax": along("softmax", False),
    "log_softmax": along("log_softmax", False),
    "logsumexp": along("logsumexp", True),
    "layer_norm": reductions.normalization("layer_norm", None),
    "batch_norm": reductions.normalization("layer_norm", 0),
    "rms_norm": reductions.normalization("rms_norm", None),
    "prod_others": reductions.others,
    "argmax_onehot": reductions.winner,
    "norm2": reductions.norm2,
    "frobenius": reductions.norm2,
    "norm1": of_absolute("sum"),
    "norm_inf": of_absolute("max"),
    "tr": matrices.trace,
    "det": matrix("linalg.det"),
    "cholesky": matrix("linalg.cholesky", False),
    "tril": matrix("tril", False),
    "triu": matrix("triu", False),
    "logdet": matrices.logdet,
    "diag": matrices.diag,
    "kron": matrices.kron,
    "vec": matrices.vec,
    "unvec": matrices.unvec,
    "eye": constant("eye"),
    "ones": constant("ones"),
    "zeros": constant("zeros"),
    "commutation": matrices.commutation,
    "elimination": matrices.triangle("elimination"),
    "duplication": matrices.triangle("duplication"),
    "concat": matrices.concat,
}  # fmt: skip
