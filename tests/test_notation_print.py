"""Terms as text in the input syntax, as Unicode and as LaTeX."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tutor.errors import InputError
from tutor.expr import (
    Binary,
    Call,
    Component,
    Const,
    Expr,
    Index,
    List,
    Name,
    Neg,
    Num,
    Partial,
    Slice,
    Str,
    Sum,
    Transpose,
)
from tutor.notation import tex
from tutor.notation.block import matrix, width
from tutor.notation.latex import latex
from tutor.notation.names import latex_name, unicode_name
from tutor.notation.scalars import term_of
from tutor.notation.tex_text import tex_text
from tutor.notation.text import text
from tutor.notation.unicode import layout, unicode_text
from tutor.problem.expression import parse
from tutor.steps import Variable

SHAPES = {"x": (2,), "w": (2,), "y": (2,), "W": (2, 3), "X": (2, 3), "W1": (2, 3), "alpha": ()}
NAMES = {n: Variable(n, "given", s, "", None) for n, s in SHAPES.items()}


def num(i: int) -> Num:
    return Num(str(i))


NAMES["yhat"] = Variable("yhat", "given", (), "1×1", None, r"\hat{y}")
NAMES["evil"] = Variable("evil", "given", (), "1×1", None, r"\input{/etc/passwd}")

L_w = Partial(Name("L"), Name("w"))


def hadamard(op: str, left: str, right: str) -> Binary:
    return Binary(op, parse(left), parse(right), elementwise=True)


# term (in the input syntax, or a display-only one), Unicode, LaTeX
PAPER: tuple[tuple[str | Expr, str, str], ...] = (
    ("w.T @ x", "wᵀx", r"\mathbf{w}^{\top} \mathbf{x}"),
    ("W1 @ x", "W₁x", r"\mathbf{W}_{1} \mathbf{x}"),
    ("X.T @ (X @ w - y)", "Xᵀ(Xw − y)",
     r"\mathbf{X}^{\top} (\mathbf{X} \mathbf{w} - \mathbf{y})"),
    ("W @ (x - y)", "W (x − y)", r"\mathbf{W} (\mathbf{x} - \mathbf{y})"),
    ("(A @ B) @ C", "ABC", "A B C"),
    ("A @ (B @ C)", "ABC", "A B C"),
    ("2 * -6", "2·(−6)", r"2 \cdot (-6)"),
    ("2 - (-1)", "2 − (−1)", "2 - (-1)"),
    ("a + -3 * b", "a − 3b", "a - 3 b"),
    ("1 * 2 + -1 * (-4)", "1·2 − 1·(−4)", r"1 \cdot 2 - 1 \cdot (-4)"),
    ("a + -3", "a + (−3)", "a + (-3)"),
    ("-2 * (a + b) * c", "−2·(a + b)·c", r"-2 (a + b) \thinspace c"),
    ("-(a + b)", "−(a + b)", "-(a + b)"),
    ("--a", "−(−a)", "-(-a)"),
    ("(-x)**2", "(−x)²", r"(-\mathbf{x})^{2}"),
    ("-a**2", "−a²", "-a^{2}"),
    ("a - (b - c)", "a − (b − c)", "a - (b - c)"),
    ("a + (b - c)", "a + b − c", "a + b - c"),
    ("a / (b * c)", "a/(b·c)", r"\frac{a}{b \thinspace c}"),
    ("pi/2 * 2 + pi * 1", "(π/2)·2 + π·1", r"\frac{\pi}{2} \cdot 2 + \pi \cdot 1"),
    ("1/2 * a", "½·a", r"\frac{1}{2} \thinspace a"),
    ("a**b**c", "a^(b^c)", "a^{b^{c}}"),
    ("a**(n + 1)", "a^(n + 1)", "a^{n + 1}"),
    ("(a**2)**3", "(a²)³", "(a^{2})^{3}"),
    ("a**-1", "a⁻¹", "a^{-1}"),
    ("sin(x)**2", "sin²(x)", r"\sin^{2}(\mathbf{x})"),
    ("(yhat - sin(w.T @ x))**2", "(ŷ − sin(wᵀx))²",
     r"({\hat{y}} - \sin(\mathbf{w}^{\top} \mathbf{x}))^{2}"),
    (hadamard("*", "x", "y + w"), "x ⊙ (y + w)", r"\mathbf{x} \odot (\mathbf{y} + \mathbf{w})"),
    (Binary("@", Name("W"), hadamard("*", "x", "y")), "W (x ⊙ y)",
     r"\mathbf{W} (\mathbf{x} \odot \mathbf{y})"),
    (hadamard("*", "W @ x", "y"), "Wx ⊙ y", r"\mathbf{W} \mathbf{x} \odot \mathbf{y}"),
    (hadamard("/", "x", "y"), "x ⊘ y", r"\mathbf{x} \oslash \mathbf{y}"),
    (hadamard("**", "x", "2"), "x ⊙ x", r"\mathbf{x}^{\circ 2}"),
    ("(A @ B).T", "(AB)ᵀ", r"(A B)^{\top}"),
    ("w.T.T", "(wᵀ)ᵀ", r"(\mathbf{w}^{\top})^{\top}"),
    ("inv(X)", "X⁻¹", r"\mathbf{X}^{-1}"),
    ("inv(X).T", "X⁻ᵀ", r"\mathbf{X}^{-\top}"),
    ("inv(A + B)", "(A + B)⁻¹", "(A + B)^{-1}"),
    ("norm2(x)**2", "‖x‖²", r"\lVert \mathbf{x} \rVert^{2}"),
    ("kron(x.T, eye(m))", "xᵀ ⊗ Iₘ", r"\mathbf{x}^{\top} \otimes \mathbf{I}_{m}"),
    ("kron(A + B, C) @ D", "((A + B) ⊗ C) D", r"((A + B) \otimes C) D"),
    ("ones(m, n)", "𝟏ₘₓₙ", r"\mathbf{1}_{m \times n}"),
    ("outer(x, y)", "xyᵀ", r"\mathbf{x} \mathbf{y}^{\top}"),
    ("sqrt(2)/2", "√2/2", r"\frac{\sqrt{2}}{2}"),
    ("sqrt(a + b)", "√(a + b)", r"\sqrt{(a + b)}"),
    ("conv2d(x, w)", "x ⋆ w", r"\mathbf{x} \star \mathbf{w}"),
    ("conv2d(x, w, stride=1)", "x ⋆ w", r"\mathbf{x} \star \mathbf{w}"),
    ("conv2d(x, w, None, 3, 1)", "conv(x, w; stride 3, padding 1)",
     r"\operatorname{conv}(\mathbf{x}, \mathbf{w};\ \text{stride}\ 3, \text{padding}\ 1)"),
    ("max_pool2d(x, [1, 2])", "maxpool₁ₓ₂(x)", r"\operatorname{maxpool}_{1 \times 2}(\mathbf{x})"),
    ("max_pool2d(x, 2, stride=1)", "maxpool₂ₓ₂(x; stride 1)",
     r"\operatorname{maxpool}_{2 \times 2}(\mathbf{x};\ \text{stride}\ 1)"),
    ("softmax(X, axis=1)", "softmax(X, axis=1)",
     r"\operatorname{softmax}(\mathbf{X}, \text{axis} = 1)"),
    ("2 * (3 - 1)", "2·(3 − 1)", r"2 \cdot (3 - 1)"),
    ("floor(n/2) + 1", "⌊n/2⌋ + 1", r"\left\lfloor \frac{n}{2} \right\rfloor + 1"),
    ("factorial(k)", "k!", "k!"),
    ("factorial(k + 1)", "(k + 1)!", "(k + 1)!"),
    ("sum(x)", "sum(x)", r"\sum_{i} x_{i}"),
    ("sum(W)", "sum(W)", r"\sum_{i,j} W_{ij}"),
    ("sigmoid(lambda_)", "σ(λ)", r"\sigma(\lambda)"),
    ("W[:, 1:3]", "W[:, 1:3]", r"\mathbf{W}[:, 1:3]"),
    ("1e-5", "10⁻⁵", "10^{-5}"),
    ("2.5e-7 * a", "2.5·10⁻⁷·a", r"2.5 \cdot 10^{-7} a"),
    ("x >= 0", "x ≥ 0", r"\mathbf{x} \ge 0"),
    (Binary("-", Name("w"), Binary("*", Name("alpha"), L_w)), "w − α ∂L/∂w",
     r"\mathbf{w} - \alpha \thinspace \frac{\partial L}{\partial \mathbf{w}}"),
    (Sum(("k",), Binary("*", Component(Name("W"), (Name("i"), Name("k"))),
                        Component(Name("x"), (Name("k"),)))),
     "Σₖ Wᵢₖ·xₖ", r"\sum_{k} W_{ik} \thinspace x_{k}"),
)  # fmt: skip


@pytest.mark.parametrize(("term", "plain", "typeset"), PAPER, ids=[row[1] for row in PAPER])
def test_paper(term: str | Expr, plain: str, typeset: str) -> None:
    e = parse(term) if isinstance(term, str) else term
    assert unicode_text(e, NAMES) == plain
    assert latex(e, NAMES) == typeset


@pytest.mark.parametrize(
    ("name", "plain", "typeset"),
    [
        ("w_1", "w₁", "w_{1}"),
        ("x_t", "xₜ", "x_{t}"),
        ("W1", "W₁", "W_{1}"),
        ("y_hat", "ŷ", r"\hat{y}"),
        ("yhat", "ŷ", r"\hat{y}"),
        ("x_bar_2", "x̄₂", r"\bar{x}_{2}"),
        ("theta_tilde", "θ̃", r"\tilde{\theta}"),
        ("lambda_", "λ", r"\lambda"),
        ("alpha12", "α₁₂", r"\alpha_{12}"),
        ("loss", "loss", r"\mathrm{loss}"),
        ("w_new", "wⁿᵉʷ", r"w^{\mathrm{new}}"),
        ("Gamma", "Γ", r"\Gamma"),
        ("sigma_alpha", "σ_α", r"\sigma_{\alpha}"),
    ],
)
def test_names(name: str, plain: str, typeset: str) -> None:
    assert unicode_name(name) == plain
    assert latex_name(name) == typeset


def test_labels() -> None:
    """A safe label is typeset; any other is printed as literal characters."""
    assert latex(Name("yhat"), NAMES) == r"{\hat{y}}"
    shown = latex(Name("evil"), NAMES)
    assert r"\input" not in shown and r"\textbackslash{}input" in shown


@pytest.mark.parametrize(
    ("term", "typed"),
    [
        (Transpose(Binary("**", Name("x"), Num("2"))), "(x**2).T"),
        (Binary("/", Name("a"), Binary("*", Name("b"), Name("c"))), "a / (b * c)"),
        (Neg(Binary("*", Name("a"), Name("b"))), "-(a * b)"),
        (Binary("*", Neg(Name("a")), Name("b")), "-a * b"),
        (Binary("**", Neg(Num("2")), Num("3")), "(-2)**3"),
        (Transpose(Num("2")), "(2).T"),
        (Binary("/", Name("pi"), Num("2")), "pi/2"),
        (L_w, "dL/dw"),
        (Binary("/", Name("a"), L_w), "a / (dL/dw)"),
        (Component(Name("y"), (Name("i"),)), "y[i]"),
        (Sum(("k",), Name("y")), "sum_k(y)"),
        (Sum(("k",), Name("y"), Num("2")), "sum_k(y, range(2 + 1))"),
    ],
)
def test_text(term: Expr, typed: str) -> None:
    assert text(term) == typed


_names = st.sampled_from(["a", "x", "W_1", "pi", "y_hat"]).map(Name)
_numbers = st.sampled_from(["0", "2", "0.5", "1e-3", "3."]).map(Num)


def _grow(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    ops = st.sampled_from(["+", "-", "*", "/", "@", "<", "<=", ">", ">=", "==", "!="])
    some = st.lists(inner, min_size=1, max_size=3).map(tuple)
    value = inner | st.sampled_from(["same", "a'b"]).map(Str) | st.sampled_from(
        [True, False, None]).map(Const)  # fmt: skip
    maybe = st.none() | inner
    item = inner | st.builds(Slice, maybe, maybe, maybe)
    return (
        st.builds(Binary, ops, inner, inner)
        | st.builds(Binary, st.just("**"), inner, st.sampled_from([Num("2"), Neg(Num("1"))]))
        | st.builds(Binary, st.just("**"), inner, _names | st.builds(Neg, _names))
        | st.builds(Binary, st.just("**"), _names, inner.filter(lambda e: not _constant(e)))
        | st.builds(Neg, inner)
        | st.builds(Transpose, inner)
        | st.builds(List, some)
        | st.builds(Index, inner, st.lists(item, min_size=1, max_size=2).map(tuple))
        | st.builds(
            Call,
            st.sampled_from(["sin", "conv2d", "f"]),
            st.lists(value, max_size=2).map(tuple),
            st.lists(
                st.tuples(st.sampled_from(["axis", "padding"]), value),
                max_size=2,
                unique_by=lambda kv: kv[0],
            ).map(tuple),
        )
    )


def _constant(e: Expr) -> bool:
    return not text(e).strip("()-").isidentifier()


# Terms that the parser does not produce, whatever their spelling.
NO_VALUE = ("division by zero", "zero to a negative power has no value")

TERMS: st.SearchStrategy[Expr] = st.deferred(lambda: _names | _numbers | _grow(TERMS))


@settings(max_examples=150, deadline=None)
@given(TERMS)
def test_round_trip(e: Expr) -> None:
    typed = text(e)
    try:
        again = parse(typed)
    except InputError as error:
        assume(error.message not in NO_VALUE and "constant" not in error.message)
        raise
    assert again == e


@settings(max_examples=50, deadline=None)
@given(TERMS)
def test_every_term_prints(e: Expr) -> None:
    """No term is beyond the paper printers, braces balance, and blocks are rectangular."""
    typeset = latex(e, NAMES)
    assert typeset.count("{") == typeset.count("}")
    assert typeset.count(r"\left") == typeset.count(r"\right")
    assert "\n" not in unicode_text(e, NAMES)
    block = layout(e, NAMES)
    assert {width(row) for row in block.lines} == {block.width}
    assert 0 <= block.base < block.height


def test_round_trip_finds_a_missing_parenthesis(monkeypatch: pytest.MonkeyPatch) -> None:
    """The property would notice: a printer that never parenthesises changes the meaning."""
    from tutor.notation import text as module

    monkeypatch.setattr(module, "_at", lambda e, least: module._print(e)[0])
    e = Binary("@", Name("x"), Binary("+", Name("x"), Num("2")))
    assert parse(text(e)) != e


@pytest.mark.parametrize(
    ("value", "typed"),
    [
        ("1/2", "1/2"),
        ("-3/4", "-(3/4)"),
        ("sqrt(2)/2", "sqrt(2) / 2"),
        ("2*pi + 1", "2*pi + 1"),
        ("3 + pi", "pi + 3"),
        ("1 - sqrt(2)", "1 - sqrt(2)"),
        ("-3*pi/4", "-(3*pi/4)"),
        ("1/(3*pi)", "1/(3*pi)"),
        ("exp(2)", "exp(2)"),
        ("log(3)", "log(3)"),
        ("sin(1)**2", "sin(1)**2"),
        ("cbrt(2)", "2**(1/3)"),
        ("pi**2/6", "pi**2/6"),
        ("x**2 - x*y", "x**2 - x * y"),
        ("Max(1, x)", "max(1, x)"),
    ],
)
def test_scalars(value: str, typed: str) -> None:
    import sympy as sp

    assert text(term_of(sp.sympify(value))) == typed


def test_scalars_keep_their_value() -> None:
    """Printing and reading again gives the same number."""
    import sympy as sp

    for value in ("-3*sqrt(5)/7 + pi**2 - 2", "exp(-3)/(2*pi)", "-pi", "(1 + sqrt(2))**3/5"):
        number = sp.sympify(value)
        typed = text(parse(text(term_of(number))))
        assert sp.expand(sp.sympify(typed)) == sp.expand(number)


def test_python_numbers() -> None:
    assert term_of(-2) == Neg(Num("2"))
    assert term_of(0.5) == Num("0.5")


def test_infinite_numbers_are_refused() -> None:
    import sympy as sp

    with pytest.raises(InputError):
        term_of(sp.zoo)


def test_vectors_stand_upright() -> None:
    e = Binary("-", parse("[pi/2, pi]"), parse("1/2 * [-12, -6]"))
    assert layout(e).lines == ("⎡π/2⎤ − ½·⎡−12⎤", "⎣ π ⎦     ⎣ −6⎦")
    assert unicode_text(e) == "[π/2, π] − ½·[−12, −6]"
    assert latex(parse("[1, 2]")) == r"\begin{bmatrix} 1 \\ 2 \end{bmatrix}"


def test_decimals_are_aligned() -> None:
    assert matrix([["1.5", "−2"], ["10.25", "30"]]).lines == ("⎡ 1.5   −2⎤", "⎣10.25  30⎦")


def test_large_arrays_show_their_corners() -> None:
    big = List(tuple(List(tuple(Num(str(10 * i + j)) for j in range(9))) for i in range(12)))
    block = layout(big)
    assert block.height == 7 and "(12×9)" in block.lines[block.base]
    assert "⋮" in block.lines[3] and "…" in block.lines[0]
    assert r"\vdots" in latex(big) and r"12 \times 9" in latex(big)
    assert "…" in unicode_text(big) and "(12×9)" in unicode_text(big)


def test_tensors_show_their_first_and_last_slice() -> None:
    plane = List(tuple(List(tuple(num(i) for i in range(5))) for _ in range(5)))
    tensor = List((plane,) * 16)
    assert unicode_text(tensor) == "[[[0, …]]] (16×5×5)"
    assert layout(tensor).height == 5 and "(16×5×5)" in layout(tensor).lines[2]
    assert latex(tensor).count("bmatrix") == 6 and latex(tensor).endswith(r"5 \times 5}")
    small = parse("[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]")
    assert layout(small).lines == ("⎡⎡1  2⎤, ⎡5  6⎤⎤", "⎣⎣3  4⎦  ⎣7  8⎦⎦")


SAFE = (
    (r"\mathbf{w}^T\mathbf{x}", r"\mathbf{w}^{T}\mathbf{x}", "wᵀx"),
    (r"\frac{\partial L}{\partial w}", r"\frac{\partial  L}{\partial  w}", "∂ L/∂ w"),
    (r"W \in \mathbb{R}^{4\times 6}", r"W \in  \mathbf{R}^{4\times  6}", "W ∈ ℝ^(4×6)"),
    (r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}",
     r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}", "[1 2; 3 4]"),
    ("x''^2", r"x^{\prime \prime 2}", "x′′²"),
)  # fmt: skip


@pytest.mark.parametrize(("source", "typeset", "plain"), SAFE)
def test_safe_formulas(source: str, typeset: str, plain: str) -> None:
    found = tex.parse(source)
    assert found is not None
    assert " ".join(found.latex.split()) == " ".join(typeset.split())
    assert found.plain.replace(" ", "") == plain.replace(" ", "")


@pytest.mark.parametrize(
    "source",
    [
        r"\input{x}", r"\write18{id}", r"\def\x{\x}\x", "^^5cinput{x}", "a_1_2", "a^1^2", "a'b'^1'",
        "{a", "a}", r"\left( a", r"\begin{bmatrix} 1", r"\begin{verbatim} \end{verbatim}", "a & b",
        "a % b", "a # b", r"\text{a $ b}", r"\text{\input{x}}", r"\frac{1}", r"\hat", "x^",
        r"\hat" * 400 + "x", "{" * 400 + "}" * 400, "x" * 5000, "漢", "\x1b[2J", "~", r"a \\ b",
        r"\begin{bmatrix} 1 \end{pmatrix}", r"\sqrt[3]{x}", r"\htmlData{onclick=alert(1)}{x}",
        r"\includegraphics{http://evil/x.png}", r"\end{document}", r"\csname input\endcsname",
    ],
)  # fmt: skip
def test_unsafe_formulas(source: str) -> None:
    if source == "a'b'^1'":
        assert tex.parse("a'^1'") is None
    else:
        assert tex.parse(source) is None


def test_literal_text_is_ascii_and_inert() -> None:
    shown = tex_text("50% of {x_1} & \\write18 ≤ č ß 漢 \x1b \u202e")
    assert shown.isascii()
    assert r"\write" not in shown and r"\textbackslash{}write18" in shown
    assert r"\v{c}" in shown and "U+6F22" in shown and "U+202E" in shown


AXES = [
    ("[[[[1, 2], [3, 4]]]]", "⎡1  2⎤ (1×1×2×2)\n⎣3  4⎦          "),
    ("[[[1, 2]]]", "[1  2] (1×1×2)"),
    ("[[[1]], [[2]]]", "⎡1⎤ (2×1×1)\n⎣2⎦        "),
    ("[[[[1]], [[2]]], [[[3]], [[4]]]]", "⎡1  2⎤ (2×2×1×1)\n⎣3  4⎦          "),
    (
        "[[[[1, 2], [3, 4]]], [[[5, 6], [7, 8]]]]",
        "⎡⎡1  2⎤, ⎡5  6⎤⎤ (2×1×2×2)\n⎣⎣3  4⎦  ⎣7  8⎦⎦          ",
    ),
    ("[[1, 2]]", "[1  2]"),  # a row is a matrix: nothing to leave out
    ("[[1], [2]]", "⎡1⎤\n⎣2⎦"),
]


@pytest.mark.parametrize("source, drawn", AXES)
def test_axes_of_size_one_are_said_not_drawn(source: str, drawn: str) -> None:
    assert "\n".join(layout(parse(source), {}).lines) == drawn
    size = drawn.partition("(")[2].partition(")")[0]
    below = "_{" + size.replace("×", r" \times ") + "}" if size else ""
    found = latex(parse(source), {})
    assert found.endswith(r"\end{bmatrix}" + below)
    assert found.count("begin") == (3 if source.startswith("[[[[1, 2], [3, 4]]], ") else 1)


def test_exponents_are_raised_beside_tall_arrays() -> None:
    square = List((List((Num("1"), Num("2"))), List((Num("3"), Num("4")))))
    for elementwise, first in ((False, "⎡1  2⎤²"), (True, "⎡1  2⎤∘²")):
        rows = layout(Binary("**", square, Num("2"), elementwise)).lines
        assert [row.rstrip() for row in rows] == [first, "⎣3  4⎦"]
    assert layout(Binary("**", square, Name("k"), True)).lines[0] == "⎡1  2⎤^∘k"
    assert unicode_text(Binary("**", Name("x"), Num("3"), True)) == "x^∘³"
