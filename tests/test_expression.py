"""The expression grammar: what each text means, and what each mistake is told."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tutor.errors import InputError, ShapeError
from tutor.expr import Binary, Call, Const, Expr, Index, List, Name, Neg, Num, Slice, Str, Transpose
from tutor.problem.expression import extent, parse
from tutor.problem.values import evaluate, number, scalar

a, b, c, x = Name("a"), Name("b"), Name("c"), Name("x")
one, two, three = Num("1"), Num("2"), Num("3")


def op(sign: str, left: Expr, right: Expr) -> Binary:
    return Binary(sign, left, right)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("a", a),
        ("0.50", Num("0.50")),
        ("-a**2", Neg(op("**", a, two))),
        ("a**-b**2", op("**", a, Neg(op("**", b, two)))),
        ("a**b**c", op("**", a, op("**", b, c))),
        ("-a*b", op("*", Neg(a), b)),
        ("a@b*c", op("*", op("@", a, b), c)),
        ("a*b@c", op("@", op("*", a, b), c)),
        ("a - b - c", op("-", op("-", a, b), c)),
        ("a + b < c * 2", op("<", op("+", a, b), op("*", c, two))),
        ("a.T @ b", op("@", Transpose(a), b)),
        ("-a.T", Neg(Transpose(a))),
        ("a.T.T", Transpose(Transpose(a))),
        ("(a + b).T", Transpose(op("+", a, b))),
        ("+a", a),
        ("(a)", a),
        ("(a,)", List((a,))),
        ("(a, b)", List((a, b))),
        ("[[1, 2], [3, a],]", List((List((one, two)), List((three, a))))),
        ("x[0]", Index(x, (Num("0"),))),
        ("x[-1]", Index(x, (Neg(one),))),
        ("x[:, 1:3]", Index(x, (Slice(None, None, None), Slice(one, three, None)))),
        ("x[::2]", Index(x, (Slice(None, None, two),))),
        ("x[1:].T", Transpose(Index(x, (Slice(one, None, None),)))),
        ("f()", Call("f", ())),
        ("f(a, k=b, m=None,)", Call("f", (a,), (("k", b), ("m", Const(None))))),
        ("f(a, p='same')", Call("f", (a,), (("p", Str("same")),))),
        ('f("ij->i", a)', Call("f", (Str("ij->i"), a))),
        ("lambda_ * 1e-3", op("*", Name("lambda_"), Num("1e-3"))),
        ("  a\n", a),
    ],
)
def test_meaning(text: str, term: Expr) -> None:
    assert parse(text) == term


# text, span of the error, a part of the message, a part of the hint
MISTAKES = [
    ("a < b < c", (6, 7), "chained", "(a < b) * (b < c)"),
    ("W'", (1, 2), "unexpected `'`", ".T"),
    ("'a'", (0, 1), "unexpected `'`", "argument"),
    ("a^2", (1, 2), "unexpected `^`", "**"),
    ("a − b", (2, 3), "MINUS SIGN", "use `-`"),
    ("a·b", (1, 2), "MIDDLE DOT", "use `*`"),
    ("aᵀb", (1, 2), "MODIFIER LETTER", "use `.T`"),
    ("a ≤ b", (2, 3), "LESS-THAN OR EQUAL", "use `<=`"),
    ("π", (0, 1), "GREEK SMALL LETTER PI", "use `pi`"),
    ("λ", (0, 1), "GREEK SMALL", "use `lambda_`"),
    ("lambda", (0, 6), "reserved", "lambda_"),
    ("a b", (2, 3), "unexpected `b`", "`*`"),
    ("2a", (0, 2), "`2a` is not a number", "2*a"),
    ("1_000", (0, 5), "not a number", "1000"),
    ("0x1F", (0, 4), "not a number", "31"),
    ("a.sum()", (1, 5), "only attribute", "sum(x)"),
    ("a = 2", (2, 3), "unexpected `=`", "=="),
    ("a // 2", (2, 4), "unexpected `//`", "`/`"),
    ("f(a", (1, 2), "not closed", None),
    ("f(a, k=1, b)", (10, 11), "positional argument", None),
    ("f(k=1, k=2)", (7, 8), "twice", None),
    ("f('a' + 1)", (6, 7), "unexpected `+`", None),
    ("True", (0, 4), "argument", None),
    ("[]", (0, 2), "empty list", None),
    ("x[]", (2, 3), "index is expected", None),
    ("x[1:2:3:4]", (7, 8), "unexpected `:`", "index"),
    ("1/0", (1, 2), "division by zero", None),
    ("a/(1 - 1)", (1, 2), "division by zero", None),
    ("a**1025", (3, 7), "exponent above 1024", None),
    ("a**(2**11)", (4, 9), "exponent above 1024", None),
    ("7**1024*7**1024", (7, 8), "4096 bits", None),
    ("99**1024", (2, 4), "4096 bits", None),
    ("sine(a)", (0, 4), "unknown function `sine`", "`sin`"),
    ("a(b)", (0, 1), "not a function", "`a * (…)`"),
    ("sin + a", (0, 3), "needs its arguments", "sin(…)"),
    ("a + ba", (4, 6), "unknown name `ba`", None),
    ("yhta", (0, 4), "unknown name `yhta`", "yhat"),
    ("matrix(?, 4)", (0, 6), "unknown function", None),
    ("a + ?", (4, 5), "not `?`", "unknown dimension"),
]


@pytest.mark.parametrize(("text", "span", "message", "hint"), MISTAKES)
def test_mistake(text: str, span: tuple[int, int], message: str, hint: str | None) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, ("sin", "f"), ("a", "b", "c", "x", "W", "yhat"))
    assert caught.value.span == span
    assert message in caught.value.message
    if hint is not None:
        assert hint in (caught.value.hint or "")


def test_constants_and_their_limits() -> None:
    assert parse("pi + e", (), ()) == op("+", Name("pi"), Name("e"))
    assert parse("2**1024", (), ()) == op("**", two, Num("1024"))
    assert parse("matrix(?, 4)", unknown=True) == Call("matrix", (Name("?"), Num("4")))


def test_long_chains_need_no_recursion() -> None:
    flat = "+".join(["1"] * 500)
    assert scalar(parse(flat)) == 500
    assert scalar(parse("x" + ".T" * 300), {"x": evaluate(parse("3"))}) == 3


def test_spans() -> None:
    term = parse("ab + f(x, 2)[0]")
    assert isinstance(term, Binary)
    assert term.span == (3, 4)
    assert term.left.span == (0, 2)
    assert extent(term) == (0, 15)


PYTHON = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@"}


def python_term(node: Any) -> Expr:
    match node:
        case ast.Constant():
            return Num(str(node.value))
        case ast.Name():
            return Name(node.id)
        case ast.UnaryOp(op=ast.USub()):
            return Neg(python_term(node.operand))
        case ast.BinOp():
            return op(PYTHON[type(node.op)], python_term(node.left), python_term(node.right))
        case ast.Attribute():
            return Transpose(python_term(node.value))
    raise AssertionError(ast.dump(node))


pieces = st.lists(
    st.tuples(
        st.sampled_from(["", "-", "--"]),
        st.sampled_from(["a", "b", "7", "(a)", "a.T"]),
        st.sampled_from(["+", "-", "*", "/", "@", "**"]),
    ),
    min_size=1,
    max_size=9,
)


@settings(max_examples=200, deadline=None)
@given(pieces)
def test_precedence_is_that_of_python(parts: list[tuple[str, str, str]]) -> None:
    """Python's own parser is the oracle; only the tree is compared."""
    text = " ".join(sign + atom + " " + sep for sign, atom, sep in parts) + " 1"
    try:
        found = parse(text)
    except InputError as error:
        assert "exponent" in error.message or "bits" in error.message
        return
    assert found == python_term(ast.parse(text, mode="eval").body)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab1.0e*+-/@^()[],:='\"<>? \tT_π"), max_size=30))
@example("0ba")
@example("0o8")
def test_any_text_is_a_term_or_an_input_error(text: str) -> None:
    try:
        term = parse(text)
    except InputError as error:
        assert error.span is not None
        start, end = error.span
        assert 0 <= start < end <= len(text) + 1
    else:
        assert extent(term)[1] <= len(text)


@pytest.mark.parametrize(
    ("text", "shape", "entries"),
    [
        ("0.5", (), "1/2"),
        ("010", (), "10"),
        ("1e-3", (), "1/1000"),
        ("[1, pi/2]", (2,), ["1", "pi/2"]),
        ("[1, 2].T", (1, 2), [["1", "2"]]),
        ("[1, 2].T @ [3, 4]", (), "11"),
        ("[1, 2] @ [3, 4].T", (2, 2), [["3", "4"], ["6", "8"]]),
        ("[1, 2].T @ [1, 2] @ [5, 6].T", (1, 2), [["25", "30"]]),
        ("[1, 2] + [[1, 2], [3, 4]]", (2, 2), [["2", "3"], ["5", "6"]]),
        ("[1, 2].T + [[1, 2], [3, 4]]", (2, 2), [["2", "4"], ["4", "6"]]),
        ("eye(2)", (2, 2), [["1", "0"], ["0", "1"]]),
        ("eye(1, 2)", (1, 2), [["1", "0"]]),
        ("reshape(arange(4), 2, 2)", (2, 2), [["0", "1"], ["2", "3"]]),
        ("reshape(arange(4), [-1, 1])", (4, 1), [["0"], ["1"], ["2"], ["3"]]),
        ("concat([1, 2], [3], axis=0)", (3,), ["1", "2", "3"]),
        ("concat([1, 2], [3, 4], axis=1)", (2, 2), [["1", "3"], ["2", "4"]]),
        ("concat(ones(1, 2), zeros(1, 2), axis=0)", (2, 2), [["1", "1"], ["0", "0"]]),
        ("linspace(0, 1, 3)", (3,), ["0", "1/2", "1"]),
        ("diag([1, 2])", (2, 2), [["1", "0"], ["0", "2"]]),
        ("flip(arange(3))[0]", (), "2"),
        ("stack([1, 2], [3, 4])", (2, 2), [["1", "2"], ["3", "4"]]),
        ("tile([1, 2], 2)", (4,), ["1", "2", "1", "2"]),
        ("sqrt(2)*sqrt(8)", (), "4"),
        ("sin(pi/6)", (), "1/2"),
        ("(1 < 2) + (pi >= 4)", (), "1"),
    ],
)
def test_value(text: str, shape: tuple[int, ...], entries: Any) -> None:
    value = evaluate(parse(text))
    assert value.exact
    assert value.shape == shape
    assert value.strings() == entries


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("log(0)", "not finite"),
        ("sqrt(-1)", "not a real number"),
        ("asin(2)", "not a real number"),
        ("tan(pi/2)", "not finite"),
        ("exp(exp(exp(10)))", "too large"),
        ("1e300*1e300", "not finite"),
        ("exp(0.69742876e3)*exp(0.69742876e3)", "not finite"),
        ("pi ** [1, 10**9]", "not finite"),
        ("7 ** [10**9]", "not finite"),
        ("[[1, 2], [3]]", "ragged"),
        ("[1, 2] @ [3, 4]", "inner sizes"),
        ("[1, 2] + [1, 2].T", "2×1 and 1×2"),
        ("zeros(0)", "at least 1"),
        ("zeros(1000, 1001)", "at most 1000000"),
        ("zeros(10**9, 10**9)", "at most 1000000"),
        ("eye(1.5)", "must be an integer"),
        ("eye(q=1)", "does not take these"),
        ("x + 1", "has no value here"),
        ("[1, 2][2]", "outside"),
    ],
)
def test_value_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        evaluate(parse(text))
    assert caught.value.span is not None


def test_ragged_row_is_pointed_at() -> None:
    with pytest.raises(ShapeError) as caught:
        evaluate(parse("[[1, 2], [3]]"))
    assert caught.value.span == (9, 12)


def test_measured_data_and_long_numbers_are_floats() -> None:
    assert evaluate(parse("0.697428")).exact
    assert not evaluate(parse("0.6974287")).exact
    assert not evaluate(parse("[1, pi, 0.6974287]")).exact
    assert evaluate(parse("2**99")).exact
    assert not evaluate(parse("2**100")).exact
    assert evaluate(parse("1234567890")).exact


def test_number_never_works_out_a_huge_power() -> None:
    assert number("1e999999999") is None
    assert number("1e-999999999") is None
    assert number("0e999999999") == 0
    assert number("abc") is None


def test_random_numbers_are_pinned() -> None:
    """These numbers are part of the problem files that use them: they may never change."""
    from tutor.problem import generator

    assert hex(int(generator.draws(0, 0, 1)[0])) == "0xe220a8397b1dcdaf"  # SplitMix64's own
    assert generator.normal(3, 0).tolist() == [
        0.9845279121083984,
        -0.17586928586197706,
        -0.7120661562402929,
    ]
    assert generator.integers(6, -3, 3, 0) == [-2, -3, -2, 1, -2, -3]
    many = generator.normal(20_000, 1)
    assert abs(many.mean()) < 0.03
    assert abs(many.std() - 1) < 0.03
    assert set(generator.integers(200, -3, 3, 5)) == {-3, -2, -1, 0, 1, 2}
    assert evaluate(parse("random(2, seed=1)")).numbers() != evaluate(parse("random(2)")).numbers()
