"""How functions are written on paper: one table, keyed by name and number of arguments.

A template's `{0}` is the first argument. A function that is not in the table prints as
`name(arguments)`, under the name in `NAMES` when it has a shorter one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..expr import Binary, Call, Const, Expr, List, Name, Num, Transpose
from .precedence import Level, paper_op
from .sliding_axes import sign


@dataclass(frozen=True)
class Form:
    """`level` is how tightly the result binds; `least` how tight an argument must be to go bare."""

    unicode: str
    latex: str
    level: Level = Level.ATOM
    least: Level = Level.COMPARE


FORMS: dict[tuple[str, int], Form] = {
    ("abs", 1): Form("|{0}|", r"\lvert {0} \rvert"),
    ("norm2", 1): Form("‖{0}‖", r"\lVert {0} \rVert"),
    ("norm1", 1): Form("‖{0}‖₁", r"\lVert {0} \rVert_{1}", Level.POWER),
    ("norm_inf", 1): Form("‖{0}‖_∞", r"\lVert {0} \rVert_{\infty}", Level.POWER),
    ("frobenius", 1): Form("‖{0}‖_F", r"\lVert {0} \rVert_{F}", Level.POWER),
    ("floor", 1): Form("⌊{0}⌋", r"\left\lfloor {0} \right\rfloor"),
    ("ceil", 1): Form("⌈{0}⌉", r"\left\lceil {0} \right\rceil"),
    ("factorial", 1): Form("{0}!", "{0}!", Level.POWER, Level.ATOM),
    ("sqrt", 1): Form("√{0}", r"\sqrt{{0}}", Level.POWER, Level.ATOM),
    ("inv", 1): Form("{0}⁻¹", "{0}^{-1}", Level.POWER, Level.ATOM),
    ("kron", 2): Form("{0} ⊗ {1}", r"{0} \otimes {1}", Level.HADAMARD, Level.MUL),
    ("dot", 2): Form("⟨{0}, {1}⟩", r"\langle {0}, {1} \rangle"),
    ("homogeneous", 1): Form("[{0}; 1]", r"\begin{bmatrix} {0} \\ 1 \end{bmatrix}"),
}

# name: (unicode, latex)
NAMES: dict[str, tuple[str, str]] = {
    **{
        f: (f, rf"\{f}")
        for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "det", "max", "min")
    },
    "asin": ("arcsin", r"\arcsin"),
    "acos": ("arccos", r"\arccos"),
    "atan": ("arctan", r"\arctan"),
    "argmax": ("argmax", r"\operatorname{argmax}"),
    "argmax_onehot": ("onehot argmax", r"\operatorname{onehot}\operatorname{argmax}"),
    "cholesky": ("chol", r"\operatorname{chol}"),
    "logdet": ("log det", r"\log\det"),
    "maximum": ("max", r"\max"),
    "minimum": ("min", r"\min"),
    "relu": ("ReLU", r"\operatorname{ReLU}"),
    "sigmoid": ("σ", r"\sigma"),
    "conv": ("conv", r"\operatorname{conv}"),
    **{f"conv{d}d": ("conv", r"\operatorname{conv}") for d in "123"},
    **{f"conv_transpose{d}d": ("convᵀ", r"\operatorname{conv}^{\top}") for d in "123"},
    "max_pool": ("maxpool", r"\operatorname{maxpool}"),
    **{f"max_pool{d}d": ("maxpool", r"\operatorname{maxpool}") for d in "123"},
    **{f"maxpool{d}d": ("maxpool", r"\operatorname{maxpool}") for d in "12"},
    **{f"avg_pool{d}d": ("avgpool", r"\operatorname{avgpool}") for d in "123"},
}

# A power goes between these and their argument: sin²(x).
POWER_INSIDE = frozenset(("sin", "cos", "tan", "sinh", "cosh", "tanh"))

# Constant matrices, their sizes below: I₄, 𝟏ₘ, K₂ₓ₃.
CONSTANTS: dict[str, tuple[str, str]] = {
    "eye": ("I", r"\mathbf{I}"),
    "ones": ("𝟏", r"\mathbf{1}"),
    "zeros": ("𝟎", r"\mathbf{0}"),
    "commutation": ("K", r"\mathbf{K}"),
    "duplication": ("D", r"\mathbf{D}"),
    "elimination": ("L", r"\mathbf{L}"),
}


@dataclass(frozen=True)
class Layer:
    """A layer call: operands, a size written below the name, and annotations."""

    operands: tuple[Expr, ...]
    below: tuple[Expr, ...]
    notes: tuple[tuple[str, Expr], ...]
    star: str = ""  # of a plain call the operator between its operands: x ⋆ w


STARS = {"⋆": r"\star", "∗": r"\ast"}  # cross-correlation, and convolution

_CONV = ("bias", "stride", "padding", "dilation", "groups")
_CONV_T = ("bias", "stride", "padding", "output_padding", "groups", "dilation")
_POOL = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
_AVG = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
_DEFAULTS: Mapping[str, Expr] = {
    "bias": Const(None),
    "stride": Num("1"),
    "padding": Num("0"),
    "output_padding": Num("0"),
    "dilation": Num("1"),
    "groups": Num("1"),
    "ceil_mode": Const(False),
    "count_include_pad": Const(True),
}


def layer(e: Call) -> Layer | None:
    """The parts of a convolution or pooling call, with defaults left out; None for the rest."""
    name = e.func.replace("maxpool", "max_pool").replace("avgpool", "avg_pool")
    family = name.rstrip("123d") if name[-1:] == "d" else name
    signature = {"conv": _CONV, "conv_transpose": _CONV_T, "max_pool": _POOL, "avg_pool": _AVG}
    order = signature.get(family)
    data = 1 if "pool" in family else 2
    if order is None or not data <= len(e.args) <= data + len(order):
        return None
    given = dict(zip(order, e.args[data:], strict=False)) | dict(e.kwargs)
    operands = e.args[:data]
    if given.get("bias", Const(None)) != Const(None):
        operands = (*operands, given.pop("bias"))
    size = given.pop("kernel_size", None)
    dims = int(name[-2]) if name[-2:-1].isdigit() else 0
    below: tuple[Expr, ...] = ()
    if size is not None:
        below = size.items if isinstance(size, List) else (size,) * max(dims, 1)
    pool = data == 1
    notes = tuple(
        (k.replace("_", " "), v)
        for k, v in given.items()
        if v != (Const(None) if pool and k == "stride" else _DEFAULTS.get(k))
    )
    plain = family == "conv" and not notes and len(operands) == 2
    return Layer(operands, below, notes, sign() if plain else "")


def rewrite(e: Call) -> Expr:
    """Calls that paper writes with an operator: outer(a, b) is a bᵀ, hadamard(a, b) is a ⊙ b."""
    match e.func, e.args, e.kwargs:
        case "hadamard", (a, b), ():
            return Binary("*", a, b, elementwise=True)
        case "outer", (a, b), ():
            return Binary("@", a, Transpose(b))
        case "transpose", (a,), ():
            return Transpose(a)
        case ("matrix_power", (a, n), ()) | ("matrix_power", (a,), (("n", n),)):
            return Binary("**", a, n)
        case "solve", (a, b), ():
            return Binary("@", Call("inv", (a,)), b)
        case "quad_form", (x, p), ():
            return Binary("@", Binary("@", Transpose(x), p), x)
        case _:
            return e


def compact(e: Expr) -> bool:
    """One glyph with its decorations: may touch its neighbour in a product, as in Wx and wᵀx."""
    from .names import parts

    match e:
        case Name():
            return parts(e.id).single
        case Transpose():
            return compact(e.arg)
        case Call(func="inv", args=(arg,)):
            return compact(arg)
        case Call(func="matrix_power", args=(arg, _)):
            return compact(arg)
        case Call():
            return e.func in CONSTANTS
        case Binary(op="@"):
            return compact(e.left) and compact(e.right)
        case _:
            return False


def starts_compact(e: Expr) -> bool:
    """2π, 2z₃ and 6√5 touch; 2·sin(x), 2·3 and 2·(a + b) do not."""
    while isinstance(e, Binary) and paper_op(e) in ("*", "@", "/", "**"):
        e = e.left
    root = isinstance(e, Call) and e.func == "sqrt" and isinstance(e.args[0], Name | Num)
    return root or (isinstance(e, Name) and compact(e))


def is_plain_number(e: Expr) -> bool:
    return isinstance(e, Num) and "e" not in e.text.lower()


def gap(e: Binary, right: str) -> str:
    """Wx and wᵀx touch; words, arrays and parentheses keep a space (but Xᵀ(…) does not)."""
    last = e.left
    while isinstance(last, Binary) and paper_op(last) in ("*", "@"):
        last = last.right
    if not compact(last):
        return " "
    if right.startswith(("(", "⎛", "⎜", "⎝")):
        return "" if isinstance(last, Transpose | Call) else " "
    first = e.right
    while isinstance(first, Binary) and first.op == "@":
        first = first.left
    return "" if compact(first) else " "
