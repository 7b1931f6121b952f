"""`tutor derive`: what is inferred from one expression, what is said about it, and the command."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tutor.arguments import guarded
from tutor.derivation import derivation
from tutor.errors import ELSEWHERE, InputError
from tutor.expr import Binary, Call, Name, Num
from tutor.notation.text import text
from tutor.notation.unicode import unicode_text
from tutor.ops import ALIASES, OPS
from tutor.problem.habits import habit
from tutor.problem.infer import infer
from tutor.render.json import plain


def shapes(expression: str, *declarations: str) -> dict[str, list[str]]:
    given = infer(expression, declarations).problem.given
    return {n: [text(d) for d in g.shape or ()] for n, g in given.items()}  # type: ignore[arg-type]


# -- inference ------------------------------------------------------------------------------------

INFERRED = [
    ("norm2(A@x - y)**2", {"A": "m n", "x": "n", "y": "m"}),
    ("x.T @ B @ x", {"x": "n", "B": "n n"}),
    ("x.T @ A @ y", {"x": "m", "A": "m n", "y": "n"}),
    ("(w.T @ x + b - y)**2", {"w": "n", "x": "n", "b": "", "y": ""}),
    ("norm2(X@w - y)**2 + lambda_*norm2(w)**2", {"X": "m n", "w": "n", "y": "m", "lambda_": ""}),
    ("logdet(S) + (x - mu).T @ inv(S) @ (x - mu)", {"S": "n n", "x": "n", "mu": "n"}),
    ("sum(log(1 + exp(-y * (X @ w))))", {"y": "m", "X": "m n", "w": "n"}),
    ("(x - A @ s).T @ W @ (x - A @ s)", {"x": "m", "A": "m n", "s": "n", "W": "m m"}),
    (
        "norm2(W2 @ tanh(W1 @ x + b1) + b2 - y)**2",
        {"W2": "m n", "W1": "n p", "x": "p", "b1": "n", "b2": "m", "y": "m"},
    ),
    ("A @ X @ B", {"A": "m n", "X": "n p", "B": "p q"}),
    ("X @ W + b", {"X": "m n", "W": "n p", "b": "m"}),
    ("norm2(X @ W + ones(m) @ b.T - Y)**2", {"X": "m n", "W": "n p", "b": "p", "Y": "m p"}),
    ("tr(A @ X.T @ B)", {"A": "m n", "X": "p n", "B": "p m"}),
    ("softmax(z)", {"z": "n"}),
    ("tau * sin(s)", {"tau": "", "s": ""}),
    ("Sigma @ x", {"Sigma": "m n", "x": "n"}),
    ("mean((x - mean(x))**2)", {"x": "n"}),
    ("(x - mean(x)) / std(x)", {"x": "n"}),
    ("-y*log(sigmoid(w.T@x)) - (1-y)*log(1-sigmoid(w.T@x))", {"y": "", "w": "n", "x": "n"}),
    ("max(0, 1 - y*(w.T@x)) + c*norm2(w)", {"y": "", "w": "n", "x": "n", "c": ""}),
    ("x*(w.T@v)", {"x": "m", "w": "n", "v": "n"}),  # a column by its letter, and scaled
    ("A@x + b*norm2(x)", {"A": "m n", "x": "n", "b": "m"}),
    ("b*norm2(x) + sum(b)", {"b": "m", "x": "n"}),
    ("y*sin(a)", {"y": "n", "a": "n"}),
    ("kl_div(log_softmax(z), p)", {"z": "n", "p": "n"}),  # a target is as large as its input
    ("binary_cross_entropy(sigmoid(w.T@x), y)", {"w": "n", "x": "n", "y": ""}),
    ("binary_cross_entropy(sigmoid(X@w), y)", {"X": "m n", "w": "n", "y": "m"}),
    ("x[0] * x[3]", None),  # an index needs a number of entries
]


@pytest.mark.parametrize(("expression", "want"), INFERRED[:-1])
def test_shapes(expression: str, want: dict[str, str]) -> None:
    assert shapes(expression) == {n: s.split() for n, s in want.items()}


def test_declared_shapes_stay_and_the_rest_follows() -> None:
    assert shapes("A @ x - y", "A: matrix(3, k)") == {"A": ["3", "k"], "x": ["k"], "y": ["3"]}
    assert shapes("A @ x", "A:matrix(?, 4)") == {"A": ["n", "4"], "x": ["4"]}
    assert shapes("x.T @ A @ x", "A: {shape: [n, n], symmetric: true}") == {
        "x": ["n"], "A": ["n", "n"],
    }  # fmt: skip
    assert shapes("sum(x) / n", "x: vector(n)") == {"x": ["n"]}


def test_letters_do_not_clash() -> None:
    assert shapes("n * norm2(M @ x - m)") == {"n": [], "M": ["p", "q"], "x": ["q"], "m": ["p"]}
    assert infer("f * L").of == "g"


def test_a_small_letter_is_a_column_and_a_greek_one_a_number() -> None:
    assert [habit(n)[0] for n in ("A", "Sigma", "W_1", "x", "w2", "y_hat", "mu")] == [
        2, 2, 2, 1, 1, 1, 1,
    ]  # fmt: skip
    assert [habit(n)[0] for n in ("alpha", "lambda_", "eps", "s", "rate")] == [0] * 5


@pytest.mark.parametrize(
    ("expression", "name", "axes"),
    [
        ("softmax(x / T)", "T", 0),
        ("-T * logsumexp(x / T)", "T", 0),
        ("exp(-sum(x**2) / T**2)", "T", 0),
        ("A @ x / (2 * T)", "T", 0),
        ("sum(1 / X)", "X", 2),
        ("sum(A / B)", "B", 2),
        ("sum(x / (A @ x))", "A", 2),
        ("sum(a * X)", "X", 2),
    ],
)
def test_a_capital_that_only_divides_is_a_number(expression: str, name: str, axes: int) -> None:
    assert len(shapes(expression)[name]) == axes


def test_without_the_rule_a_temperature_is_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: no capital is ever taken for a number."""
    monkeypatch.setattr("tutor.problem.habits._divisors", lambda graph: 0)
    assert len(shapes("softmax(x / T)")["T"]) == 2


@pytest.mark.parametrize(
    ("typed", "known"),
    [("trace(X)", "tr"), ("swish(x)", "silu"), ("norm(x)", "norm2"), ("normm2(x)", "norm2")],
)
def test_what_other_libraries_call_a_function_is_understood(typed: str, known: str) -> None:
    with pytest.raises(InputError, match="unknown function") as info:
        infer(typed)
    assert info.value.hint == f"did you mean `{known}`?"


def test_a_property_is_no_shape() -> None:
    with pytest.raises(InputError, match="`symmetric` is a property") as info:
        infer("logdet(S)", ["S: symmetric(n, n)"])
    hint = str(info.value.hint)
    assert hint == '-d "S: {shape: [n, n], symmetric: true}"'
    assert infer("logdet(S)", [hint[4:-1]]).problem.given["S"].properties == {"symmetric"}


def test_every_name_from_elsewhere_leads_to_a_function_here() -> None:
    assert not {*ELSEWHERE} & {*OPS, *ALIASES}
    assert {*ELSEWHERE.values()} <= {*OPS}


def sentences(expression: str, *declarations: str) -> list[str]:
    return [plain(t) for t in infer(expression, declarations).assumed]


def test_what_was_assumed_is_said() -> None:
    assert sentences("norm2(A@x - y)**2") == [
        "Going by the letters, A is a matrix, and x and y are column vectors.",
        "x has as many entries as A has columns, because of A @ x.",
        "y has as many entries as A has rows, because of A @ x - y.",
    ]
    assert sentences("softmax(z)") == ["Going by its letter, z is a column vector."]
    assert "S is square." in sentences("logdet(S)")
    assert sentences("A @ x", "A: matrix(m, n)", "x: vector(n)") == []


def test_what_was_forced_is_said() -> None:
    assert sentences("X[:, 0] * y") == [
        "Going by its letter, y is a column vector.",
        "For the expression to make sense, X is a matrix.",
        "y has as many entries as X has rows, because of X[:, 0] * y.",
    ]
    assert sentences("norm2(x, axis=1)") == ["For the expression to make sense, x is a matrix."]


def test_a_conflict_is_named_with_the_way_out() -> None:
    said = r"cannot multiply `tr\(A\)` \(1×1\) and `x` \(\?×1\)"
    with pytest.raises(InputError, match=said) as info:
        infer("tr(A) @ x")
    assert str(info.value.hint).endswith('such as -d "A: matrix(m, n)"')
    assert info.value.where is not None and info.value.where.column == 7
    with pytest.raises(InputError, match="needs numbers") as info:
        infer("conv1d(x, w)")
    assert '-d "x: vector(8)"' in str(info.value.hint)
    with pytest.raises(InputError, match="`A` \\(3×4\\) and `x` \\(5×1\\)") as info:
        infer("A@x", ["A: matrix(3, 4)", "x: vector(5)"])
    assert info.value.where is not None and info.value.where.column == 2


def test_a_size_that_nothing_has() -> None:
    with pytest.raises(InputError, match="`m` is a size here, and no array"):
        infer("sum(x) * sum(ones(m))")


def test_the_search_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from tutor import limits

    monkeypatch.setattr(limits, "INFERENCE_ATTEMPTS", 5)
    many = " + ".join(f"w{k}[0, 0]" for k in range(9))
    with pytest.raises(InputError):
        infer(many)


# -- the derivation -------------------------------------------------------------------------------


def test_a_scalar_gets_its_gradient_and_an_array_its_jacobian() -> None:
    assert derivation("x.T @ x").results[0].task == "gradient"
    assert derivation("A @ x", ["x"]).results[0].task == "jacobian"
    assert derivation("x.T @ x", kind="hessian").results[0].task == "hessian"


def test_several_variables() -> None:
    found = derivation("norm2(A@x - y)**2", ["x", "y", "x"], checking=False)
    assert [r.subject["wrt"] for r in found.results] == ["x", "y"]
    mixed = derivation("x.T @ A @ y", ["x", "y"], kind="hessian", checking=False)
    assert text(mixed.results[0].formula) == "A"  # type: ignore[arg-type]


def test_layout_and_vec() -> None:
    formula = lambda **said: text(  # noqa: E731
        derivation("A @ X @ B", ["X"], conventions=said, checking=False).results[0].formula  # type: ignore[arg-type]
    )
    assert formula() == "kron(B.T, A)"
    assert formula(layout="denominator") == "kron(B, A.T)"
    assert formula(vec="row") == "kron(A, B.T)"


@pytest.mark.parametrize(
    ("expression", "options", "message", "hint"),
    [
        ("A @ x", {"wrt": ["z"]}, "has no name `z`", "it has `A`, `x`"),
        ("A @ x_1", {"wrt": ["x1"]}, "has no name `x1`", "did you mean `x_1`?"),
        ("A @ x", {}, "with respect to which name", None),
        ("3 + 4", {}, "no name to differentiate by", None),
        ("A @ x", {"wrt": ["x"], "kind": "hessian"}, "size m×1: a Hessian needs a scalar", None),
        (
            "y*x",
            {"wrt": ["x"], "kind": "hessian"},
            "size n×1: a Hessian needs a scalar",
            '`y` was taken for a column; if it is a number, say -d "y: scalar"; or ask for the '
            "derivative of a scalar such as the sum of the entries",
        ),
        ("softmax(z)[k]", {"wrt": ["z"]}, "an index must be a number, and `k` has none", None),
        ("A @ x", {"wrt": ["x"], "declarations": ["A"]}, "a name and a shape, not `A`", None),
        ("A @ x", {"wrt": ["x"], "declarations": ["A: 3", "A: 4"]}, "duplicate key `A`", None),
    ],
)
def test_mistakes(expression: str, options: dict[str, Any], message: str, hint: str | None) -> None:
    with pytest.raises(InputError, match=message) as info:
        derivation(expression, **options)
    if hint is not None:
        assert info.value.hint == hint


HOSTILE = [
    "(" * 300 + "x" + ")" * 300,
    "9**9**9 * x",
    "x**9**9**9",
    "+".join(["x"] * 3000),
    "x" * 5000,
    "",
    "__import__('os')",
    "x.__class__",
    "x; y",
    "x\u202ey",
    "[" * 200,
    "-" * 500 + "x",
    "\x00",
    "x @ ",
    "sum(x",
    "ones(10**9) @ ones(10**9)",
]


@pytest.mark.parametrize("expression", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_input_is_one_error(expression: str) -> None:
    with pytest.raises(InputError):
        derivation(expression, ["x"])


# -- the command ----------------------------------------------------------------------------------


def tutor(*words: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-c", "from tutor.cli import main; main()", *words]
    return subprocess.run(run, capture_output=True, text=True, check=False)


def test_the_result_stands_alone_on_standard_output() -> None:
    done = tutor("derive", "norm2(A@x - y)**2", "--wrt", "x", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads(done.stdout)
    (task,) = data["tasks"]
    assert task["formula"] == "2 * A.T @ (A @ x - y)"
    assert (task["task"], task["shape"], task["value"]) == ("gradient", ["n"], None)
    assert task["check"]["passed"] is True
    assert data["assumed"] == sentences("norm2(A@x - y)**2")
    assert data["variables"]["A"]["shape"] == ["m", "n"]


def test_an_expression_that_begins_with_a_minus() -> None:
    for words in (["-x.T@x", "--wrt", "x"], ["--", "-x.T@x", "--wrt", "x"], ["--wrt=x", "-x.T@x"]):
        done = tutor("derive", *words, "--no-check", "-f", "json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["tasks"][0]["formula"] == "-2 * x"


@pytest.mark.parametrize(
    ("words", "want"),
    [
        (["derive", "-d.T@x"], ["derive", "--", "-d.T@x"]),
        (["derive", "-d", "A: matrix(m, n)", "A"], ["derive", "-d", "A: matrix(m, n)", "A"]),
        (["derive", "-dA: vector(n)", "-A"], ["derive", "-dA: vector(n)", "--", "-A"]),
        (["derive", "-o", "-", "-f", "json", "x"], ["derive", "-o", "-", "-f", "json", "x"]),
        (["derive", "x", "--hesian"], ["derive", "x", "--hesian"]),
        (["derive", "--x"], ["derive", "--x"]),
        (["derive", "-(x.T@x)", "--wrt"], ["derive", "--wrt", "--", "-(x.T@x)"]),
        (["solve", "-x", "--"], ["solve", "-x", "--"]),
        ([], []),
    ],
)
def test_words_of_the_command_line(words: list[str], want: list[str]) -> None:
    assert guarded(words) == want


def test_errors_point_into_the_expression() -> None:
    done = tutor("derive", "softmx(x)", "--wrt", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.split("\n")[:4] == [
        "expression:1:1: unknown function `softmx`",
        "    1 | softmx(x)",
        "      | ^^^^^^",
        "  did you mean `softmax`?",
    ]


def test_code_and_out(tmp_path: Any) -> None:
    path = tmp_path / "gradient.py"
    done = tutor("derive", "x.T @ A @ x", "--wrt", "x", "--code", "numpy", "-o", str(path))
    assert (done.returncode, done.stdout) == (0, "")
    assert path.read_text().endswith("    return (A + A.T) @ x\n")


@pytest.mark.parametrize("format", ["terminal", "latex", "markdown"])
def test_formats(format: str) -> None:
    done = tutor("derive", "norm2(A@x - y)**2", "--wrt", "x", "--format", format, "--no-check")
    assert done.returncode == 0, done.stderr
    assert "Going by the letters," in done.stdout
    # how to say otherwise helps at a terminal; a document is no place for it
    assert ("Say otherwise with" in done.stdout) is (format == "terminal")


def test_a_failed_check_has_its_own_status(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Planted fault: the product rule is off by one per cent."""
    from tutor import cli
    from tutor.calculus import reverse
    from tutor.graph.node import scale

    right = reverse._ein_rule
    monkeypatch.setattr(reverse, "_ein_rule", lambda *a: scale(1.01, right(*a)))
    monkeypatch.setattr(sys, "argv", ["tutor", "derive", "norm2(A@x - y)**2", "--wrt", "x"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 3
    assert "do not trust this solution" in capsys.readouterr().err


def test_a_local_derivative_says_what_is_held_fixed() -> None:
    """∂f/∂z₁ stands for two things: here beside z₂ = sum(z₁), below for all paths."""
    steps = derivation("exp(z)/sum(exp(z))", ["z"]).results[0].steps
    said = {s.id: plain(s.why) for s in steps if s.kind == "local" and s.why is not None}
    held = {k for k, words in said.items() if words.endswith(" held fixed.")}
    assert held == {"local.f.z1"} and said["local.f.z1"].endswith("This is with z2 held fixed.")


def test_the_product_of_the_others_is_explained() -> None:
    steps = derivation("prod(x)").results[0].steps
    (note,) = [s for s in steps if s.id == "note.products"]
    assert note.why is not None
    assert plain(note.why).endswith("where no entry is 0, prod_others(x) is prod(x) / x.")


def test_sizes_below_a_name_are_set_apart() -> None:
    sum_ = Binary("+", Name("n"), Num("1"))
    assert unicode_text(Call("eye", (sum_, Name("n"))), {}) == "I_((n + 1)×n)"
    assert unicode_text(Call("eye", (sum_,)), {}) == "I_(n + 1)"
    assert unicode_text(Call("eye", (Binary("**", Name("n"), Num("2")),)), {}) == "I_(n²)"
