"""How numbers are printed: as they were typed, and with ≈ where they were rounded."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import sympy as sp

import tutor
from tutor.expr import Binary, List, Name, Neg, Num, is_rounded
from tutor.notation.text import text
from tutor.render import signs
from tutor.render.html import html
from tutor.render.json import json as as_json
from tutor.render.latex import latex
from tutor.render.markdown import markdown
from tutor.render.notebook import notebook
from tutor.render.terminal import terminal
from tutor.render.typst import typst
from tutor.steps import Solution
from tutor.tasks.numbers import approx, equation
from tutor.value import Value, decimal_term, in_decimals, with_decimals


def exact(*numbers: object, decimals: bool) -> Value:
    data = np.empty(len(numbers), dtype=object)
    data[:] = [sp.sympify(x) for x in numbers]
    return Value(data, decimals=decimals)


def solved(given: str, define: str, task: str) -> Solution:
    source = f"title: T\ngiven: {{{given}}}\ndefine: {{{define}}}\ntasks:\n  - {task}\n"
    return tutor.loads(source).solve(checking=False).solution


# -- as they were typed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "fraction", "decimal"),
    [
        ("73/10", "73/10", "7.3"),
        ("-1/2", "-(1/2)", "-0.5"),
        ("3", "3", "3"),
        ("1/3", "1/3", "1/3"),
        ("1/1048576", "1/1048576", "1/1048576"),  # 9.53674e-7 to six digits only
        ("exp(-1/10)", "exp(-(1/10))", "exp(-0.1)"),
        ("pi/2", "pi/2", "pi/2"),
        ("sqrt(2)/2", "sqrt(2) / 2", "sqrt(2) / 2"),
        ("pi + 1/4", "pi + 1/4", "pi + 0.25"),
    ],
)
def test_exact_numbers(number: str, fraction: str, decimal: str) -> None:
    for decimals, wanted in ((False, fraction), (True, decimal)):
        (term,) = exact(number, decimals=decimals).expr().items  # type: ignore[union-attr]
        assert text(term) == wanted
        assert not is_rounded(term)


@pytest.mark.parametrize(
    ("given", "decimals"),
    [
        ("x: 7.3", True),
        ("x: [1, [2, 0.5]]", True),
        ("x: 1e-3", True),
        ("x: {value: [0.5, 1]}", True),
        ("x: 2*0.5", True),
        ("x: .5", True),
        ("x: [7, 3]", False),
        ("x: 1/2", False),
        ("x: [pi/2, sqrt(2)]", False),
        ("x: zeros(2, 3)", False),
        ("x: vector(n)", False),
        ("x: [1/3, 0.5]", True),
    ],
)
def test_what_counts_as_typed_in_decimals(given: str, decimals: bool) -> None:
    given = given.replace("[1, [2, 0.5]]", "[[1, 2], [2, 0.5]]")
    problem = tutor.loads(f"title: T\ngiven:\n  {given}\ndefine: {{y: 2*x}}\n").problem
    assert problem.in_decimals is decimals


def test_a_file_of_decimals_is_answered_in_decimals() -> None:
    shown = terminal(solved("x: 7.3, w: 0.0732", "y: w*x, z: y/3 + exp(-w)", "forward"))
    assert "x = 7.3   w = 0.0732" in shown
    assert "y = wx = 0.0732·7.3 = 0.53436\n" in shown
    assert "0.53436/3 = 0.17812\n" in shown
    assert "exp(−0.0732)" in shown
    assert "73/10" not in shown and "183/2500" not in shown


def test_a_file_of_fractions_is_answered_in_fractions() -> None:
    shown = terminal(solved("x: 73/10, w: 183/2500", "y: w*x", "forward"))
    assert "x = 73/10   w = 183/2500" in shown
    assert "y = wx = (183/2500)·(73/10) = 13359/25000 = 0.53436" in shown


def test_a_fraction_beside_decimals_stays_one_where_it_has_to() -> None:
    shown = terminal(solved("x: [1/3, 0.5]", "y: 2*x", "forward"))
    assert "⎡1/3⎤" in shown and "⎣0.5⎦" in shown


def test_a_long_fraction_among_decimals_is_rounded() -> None:
    value = exact("3596/1875", "1/2", decimals=True)
    assert not value.is_short()
    assert text(value.shown()) == "[1.91787, 0.5]" and is_rounded(value.shown())
    assert exact("3596/1875", "1/2", decimals=False).is_short()


def test_json_keeps_exact_strings() -> None:
    data = json.loads(as_json(solved("x: 7.3", "y: x/2", "forward")))
    assert data["variables"]["x"]["exact"] == "73/10"
    assert data["variables"]["x"]["value"] == 7.3
    assert data["tasks"][0]["values"]["y"]["exact"] == "73/20"


def test_the_style_is_kept_beyond_the_solution() -> None:
    with in_decimals(True):
        value = Value(np.array(sp.Rational(1, 2), dtype=object))
    assert text(value.expr()) == "0.5"
    assert text(Value(value.data).expr()) == "1/2"


def test_a_quotient_to_be_worked_out_is_no_decimal() -> None:
    assert with_decimals(Binary("/", Num("4"), Num("2"))) == Binary("/", Num("4"), Num("2"))
    assert with_decimals(Neg(Binary("/", Num("1"), Num("4")))) == Neg(Num("0.25"))
    half = Binary("/", Num("1"), Num("2"))
    assert equation(Name("y"), half, Num("0.5")) == (Name("y"), Num("0.5"))
    four = Binary("/", Num("4"), Num("2"))
    assert equation(Name("y"), four, Num("2")) == (Name("y"), four, Num("2"))


def test_a_decimal_is_not_repeated() -> None:
    assert approx(exact("73/10", decimals=True)) is None
    assert approx(exact("73/100", decimals=True)) is None
    assert approx(exact("1/3", decimals=True)) == List((Num("0.333333"),))
    assert approx(exact("73/100", decimals=False)) == List((Num("0.73"),))


# -- = and ≈ --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "rounded"),
    [(0.5, False), (1 / 3, True), (0.1, False), (0.1 + 0.2, True), (-2.0, False), (1e-9 / 3, True)],
)
def test_a_decimal_knows_whether_it_was_rounded(number: float, rounded: bool) -> None:
    assert is_rounded(decimal_term(number)) is rounded


@pytest.mark.parametrize(
    ("number", "rounded"), [("1/8", False), ("1/3", True), ("pi", True), ("123456789/10", True)]
)
def test_so_does_that_of_an_exact_number(number: str, rounded: bool) -> None:
    assert is_rounded(exact(number, decimals=False).decimal()) is rounded


def test_signs_between_members() -> None:
    near, whole = Num("0.333", rounded=True), Num("2")
    found = [sign for sign, _ in signs.signed((Name("y"), whole, near, near, whole))]
    assert found == ["=", "≈", "≈", "≈"]
    assert signs.chain((Name("y"), near), text) == "y ≈ 0.333"
    assert signs.chain((Name("y"), near), text, latex=True) == r"y \approx 0.333"
    assert signs.chain((), text) == ""


FORMATS = {
    "terminal": (terminal, r"y = .*≈ 0\.302741\n"),
    "markdown": (markdown, r"y = .*\\approx 0\.302741"),
    "latex": (lambda s: latex(s), r"y = .*\\approx 0\.302741"),
    "typst": (lambda s: typst(s, lambda x: x), r"y = .*\\approx 0\.302741"),
    "notebook": (notebook, r"y = .*\\approx 0\.302741"),
    "json": (as_json, r"≈ 0\.302741"),
    "html": (html, r"<mo[^>]*>≈</mo>.*<mn>0\.302741</mn>"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_rounded_float_stands_after_the_sign_for_it(name: str) -> None:
    render, wanted = FORMATS[name]
    # seven digits are a measured number: floating from the start
    solution = solved("x: 0.3075672", "y: sin(x)", "forward")
    shown = render(solution)  # type: ignore[operator]
    assert re.search(wanted, shown)
    assert not re.search(r"(=|=</mo>)[^=≈]*0\.302741", shown.replace(r"\approx", "≈"))


def test_an_exact_float_stands_after_an_equals_sign() -> None:
    shown = terminal(solved("x: 0.3075672", "y: 0*x + 2", "forward"))
    assert "y = " in shown and "= 2\n" in shown


def test_numbers_that_were_rounded_for_a_formula() -> None:
    shown = terminal(solved("x: 0.3075672, w: 2", "y: w*x", "forward"))
    assert "x = 0.3075672" in shown  # the head shows what was typed
    assert "y = wx ≈ 2·0.307567 ≈ 0.615134" in shown


# -- zeros ----------------------------------------------------------------------------------------


def test_noise_prints_as_zero() -> None:
    value = Value(np.array([0.25, 1e-17, 3e-18]), np.array([False, True, False]))
    assert text(value.expr()) == "[0.25, 0, 3e-18]"
    assert is_rounded(value.expr())
    assert value.numbers() == [0.25, 1e-17, 3e-18]


def test_an_exact_zero_that_sympy_cannot_decide() -> None:
    value = exact("sin(1)**2 + cos(1)**2 - 1", "exp(-400)", decimals=False)
    assert text(value.decimal()) == "[0, 1.91517e-174]"


# -- entries --------------------------------------------------------------------------------------


def test_an_entry_is_looked_up() -> None:
    shown = terminal(solved("x: [3, 4, 5]", 'a: "x[0]*x[-1]", b: "x[1:3]"', "forward"))
    assert "[0]" not in shown.replace("x[0]", "").replace("[0:", "")
    assert re.search(r"3·5 = 15", shown) or "= 3\n" in shown
    assert "b = x[1:3] = ⎡4⎤" in shown
