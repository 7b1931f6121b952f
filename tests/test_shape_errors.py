"""Errors about sizes: both operands, where they part, how they came about, and fixes that work."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

import tutor
from tests.random_programs import Maker
from tests.test_inference import declared, originals
from tutor.errors import InputError, ShapeError
from tutor.expr import exchanged
from tutor.notation.text import text
from tutor.problem import mistakes
from tutor.problem.elaborate import elaborate
from tutor.problem.expression import parse
from tutor.problem.load import known_functions
from tutor.problem.model import Problem


def failure(source: str) -> tuple[Problem, ShapeError]:
    problem = tutor.loads(source).problem
    with pytest.raises(InputError) as caught:
        elaborate(problem)
    assert isinstance(caught.value, ShapeError)
    return problem, caught.value


def said(error: ShapeError) -> str:
    return "\n".join([error.message, *error.notes, error.hint or ""])


def problem(given: str, define: str) -> str:
    rows = "".join(f"  {x.strip()}\n" for x in given.split(";"))
    defined = "".join(f"  {x.strip()}\n" for x in define.split(";"))
    return f"given:\n{rows}define:\n{defined}tasks: [shapes]\n"


# -- fixes are tried again here, from their text --------------------------------------------------

_SIZE = re.compile(r"`(\w+)` of size ([\d×]+)")


def fixes(error: ShapeError) -> list[str]:
    """The terms that an error says would fit."""
    hint = (error.hint or "").split("; ")[-1]
    return re.findall(r"`([^`]+)`", hint) if hint.endswith("would fit") else []


def with_fix(source: str, problem: Problem, error: ShapeError, fix: str) -> str:
    """The problem file with one suggestion followed."""
    hint = error.hint or ""
    sized = dict(_SIZE.findall(hint))
    if fix in sized:
        sizes = sized[fix].split("×")
        while len(sizes) > 1 and sizes[-1] == "1" and f"  {fix}: matrix" not in source:
            sizes.pop()
        kind = {1: "vector", 2: "matrix"}.get(len(sizes), "tensor")
        new = f'  {fix}: "{kind}({", ".join(sizes)})"'
        return re.sub(rf'  {fix}: "?(vector|matrix|tensor)\([^)]*\)"?', lambda m: new, source)
    old = error.failed.definition
    term = parse(fix, known_functions())
    whole = exchanged(old.expr, lambda e: term if e == error.failed.term else None)
    name = ", ".join(old.names)
    line = rf'(?m)^  "?{re.escape(name)}"?: .*$'
    return re.sub(line, lambda m: f"  \"{name}\": '{text(whole)}'", source)


def works(source: str, problem: Problem, error: ShapeError) -> list[str]:
    """The suggestions, each of which must make the whole problem fit."""
    found = fixes(error)
    for fix in found:
        elaborate(tutor.loads(with_fix(source, problem, error, fix)).problem)
    return found


# -- typical mistakes -----------------------------------------------------------------------------

MISTAKES = [
    ("W: matrix(4, 6); x: vector(6)", "z: x @ W", ["W @ x"]),
    ("X: matrix(100, 3); w: vector(3)", "y: w.T @ X", ["w.T @ X.T"]),
    ("X: matrix(100, 3); y: vector(100)", "c: X @ y", ["X.T @ y"]),
    ("x: vector(3); y: vector(3)", "s: x @ y", ["x.T @ y", "x @ y.T", "x * y"]),
    ("X: matrix(10, 4); W: matrix(4, 3); b: vector(3)", "Z: X @ W + b", ["X @ W + b.T"]),
    ("W: matrix(4, 6); x: vector(6); b: vector(6)", "z: W @ x + b", ["b"]),
    ("x: vector(3); y: vector(3)", "z: x + y.T", ["x.T + y.T", "x + y"]),
    ("W: matrix(4, 6); x: vector(6)", "z: W * x", ["W @ x", "W * x.T"]),
    ("r: scalar; W: matrix(4, 6)", "z: r @ W", ["r * W"]),
    ("U: matrix(4, 6); W: matrix(3, 5); x: vector(6)", "h: relu(U @ x); y: W @ h", ["W"]),
    ("A: matrix(3, 4); B: matrix(3, 2)", "C: concat(A, B)", ["concat(A, B, axis=1)"]),
    ("A: matrix(3, 4); B: matrix(4, 2)", "C: concat(A, B)", ["concat(A, B.T)"]),
    ("a: vector(3); b: vector(4)", "C: stack(a, b)", ["concat(a, b)"]),
    ("x: vector(12)", "C: reshape(x, 5, 2)", ["reshape(x, 6, 2)"]),
    ('x: "tensor(8, 8, 3)"; w: "tensor(16, 3, 3, 3)"', "C: conv2d(x, w)",
     ["conv2d(permute(x, 2, 0, 1), w)"]),
    ('x: "tensor(4, 8, 8)"; w: "tensor(16, 2, 3, 3)"', "C: conv2d(x, w)",
     ["conv2d(x, w, groups=2)"]),
    ('x: matrix(8, 8); w: "tensor(16, 1, 3, 3)"', "C: conv2d(x, w)",
     ["conv2d(unsqueeze(x, 0), w)"]),
    ('x: "tensor(3, 8, 8)"; w: "tensor(16, 3, 3, 3)"; b: vector(16)', "C: conv2d(x, w) + b",
     ["conv2d(x, w) + reshape(b, 16, 1, 1)"]),
    ("Z: matrix(10, 3); t: matrix(10, 1)", "L: cross_entropy(Z, t)",
     ["cross_entropy(Z, squeeze(t))"]),
    ("Z: matrix(3, 10); t: vector(10)", "L: cross_entropy(Z, t)", ["cross_entropy(Z.T, t)"]),
    ("A: matrix(3, 4); B: matrix(5, 4)", "C: 'einsum(\"ij,jk->ik\", A, B)'",
     ['einsum("ij,kj->ik", A, B)', 'einsum("ij,jk->ik", A, B.T)']),
    ("Q: matrix(5, 8); K: matrix(8, 7); V: matrix(7, 4)", "Y: attention(Q, K, V)",
     ["attention(Q, K.T, V)"]),
    ("x: vector(6); W: matrix(6, 4)", "y: linear(x, W)", ["linear(x, W.T)"]),
    ('X: "tensor(10, 3, 4)"; W: matrix(3, 5)', "Y: X @ W", ["transpose(X, -2, -1) @ W"]),
    ('X: "tensor(2, 3, 4)"', "Y: X.T", ["transpose(X, -2, -1)", "transpose(X, 0, 1)"]),
    ("A: matrix(3, 4); b: vector(3)", "x: solve(A, b)", ["solve(A.T @ A, A.T @ b)"]),
    ("x: vector(3); A: matrix(4, 4)", "q: x.T @ A @ x", ["x", "A"]),
    ("A: matrix(2, 5); B: matrix(3, 4)", "C: A + B", []),
    ('x: "tensor(3, 32, 32)"; w: "tensor(16, 1, 3, 3)"', "y: conv2d(x, w)", ["w"]),
    ('x: "tensor(3, 32, 32)"; w: "tensor(3, 16, 3, 3)"', "y: conv2d(x, w)",
     ["conv2d(x, transpose(w, 0, 1))"]),
    ('x: "tensor(8, 4, 4)"; w: "tensor(4, 8, 2, 2)"', "y: conv_transpose2d(x, w)",
     ["conv_transpose2d(x, transpose(w, 0, 1))"]),
    ('x: "tensor(32, 32, 3)"; w: "tensor(5, 5, 3, 8)"', "y: conv2d(x, w)", []),
    ('x: "tensor(16, 4, 4)"; W: matrix(10, 256)', "y: W @ x", ["W @ flatten(x)"]),
    ('x: "tensor(16, 4, 4)"; W: matrix(10, 256); b: vector(10)', "y: linear(x, W, b)",
     ["linear(flatten(x), W, b)"]),
    ('x: "tensor(7, 16, 4, 4)"; W: matrix(10, 256); b: vector(10)', "y: linear(x, W, b)",
     ["linear(reshape(x, 7, -1), W, b)"]),
    ("Q: matrix(5, 8); K: matrix(7, 8); V: matrix(7, 4); M: matrix(7, 5)",
     "Y: attention(Q, K, V, M)", ["attention(Q, K, V, M.T)"]),
    ("X: matrix(50, 4); mu: vector(4)", "S: (X - mu).T @ (X - mu) / 50", ["X - mu.T"]),
    ("z: vector(5)", "p: softmax(z, axis=1)", ["softmax(z, axis=0)", "softmax(z.T, axis=1)"]),
    ("E: matrix(100, 16); t: vector(7)", "y: embedding(E, t)", ["embedding(t, E)"]),
    ("x: vector(3); h: vector(4); U: matrix(5, 3); V: matrix(5, 5)", "k: rnn_cell(x, h, U, V)",
     ["h"]),
    ("W: matrix(4, 3); G: matrix(3, 4)", "V: W - 0.1*G", ["W.T - 0.1 * G", "W - (0.1 * G).T"]),
    ("A: matrix(3, 4)", "y: tr(A)", []),
    ("x: vector(4); W: matrix(5, 4); b: vector(4)", "y: linear(x, W, b)", ["W", "b"]),
    ("X: matrix(7, 4); W: matrix(5, 4); b: vector(4)", "y: linear(X, W, b)", ["W", "b"]),
    ("w: [1, 2, 3]; x: [1, 2]; b: scalar", "y: sigmoid(w.T @ x + b)", ["x @ w.T"]),
    ("X: matrix(100, 3); w: vector(3); y: vector(100)", "L: mean(w.T @ X - y)", ["X @ w"]),
    ("Q: matrix(10, 64); K: matrix(12, 64); V: matrix(10, 64)", "A: attention(Q, K, V)",
     ["K", "V"]),
    ("Q: matrix(10, 64); K: matrix(12, 32); V: matrix(12, 64)", "A: attention(Q, K, V)",
     ["Q", "K"]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "define", "wanted"), MISTAKES, ids=lambda x: str(x)[:40])
def test_typical_mistake(given: str, define: str, wanted: list[str]) -> None:
    source = problem(given, define)
    p, error = failure(source)
    assert error.status == 2 and error.where is not None
    assert works(source, p, error) == wanted
    assert not re.search(r"\bz\d\b|\{\w+\}|\w\.\d×", said(error)), said(error)


def test_an_error_inside_an_operation_names_its_operands() -> None:
    """The sum inside `linear` is of W x and b: neither x nor W."""
    _, error = failure(problem("x: vector(4); W: matrix(5, 4); b: vector(4)", "y: linear(x, W, b)"))
    assert (
        error.message
        == "linear cannot add the bias `b` (4×1): the weight `W` (5×4) gives 5 outputs"
    )
    _, error = failure(problem("c: vector(3); a: vector(4); b: vector(4)", "y: where(c > 0, a, b)"))
    assert error.message.startswith(
        "cannot choose by `c > 0` (3×1) and an intermediate result (4×1)"
    )


def test_a_weight_and_a_bias_that_are_wrong_together() -> None:
    source = problem('x: "tensor(2, 6, 8, 8)"; g: vector(8); b: vector(8)',
                     "y: batch_norm(x, weight=g, bias=b)")  # fmt: skip
    _, error = failure(source)
    assert error.message == "the weight `g` of batch_norm has size 8×1, but needs 6 entries"
    assert error.notes == ("it holds one number for each channel of `x`",)
    assert error.hint == "`g` and `b` of size 6×1 or `x` of size 2×8×8×8 would fit"
    for old, new in (("(8)", "(6)"), ("(2, 6,", "(2, 8,")):
        elaborate(tutor.loads(source.replace(old, new)).problem)
    other = source.replace("batch_norm(x, weight=g, bias=b)", "layer_norm(x, None, b, g)")
    _, error = failure(other.replace("6, 8, 8", "6, 8, 5"))
    assert error.message.startswith("the weight `b` of layer_norm")


def test_a_fix_leaves_the_tasks_possible() -> None:
    """x @ w.T fits, but makes a matrix of what is to be differentiated as a scalar."""
    source = problem("w: [1, 2, 3]; x: [1, 2]; b: scalar", "L: sigmoid(w.T @ x + b)")
    _, error = failure(source.replace("[shapes]", "[gradient: {of: L, wrt: w}]"))
    assert (error.hint or "").endswith("`w` with 2 entries or `x` with 3 entries would fit")
    for old, new in (("[1, 2, 3]", "[1, 2]"), ("x: [1, 2]", "x: [1, 2, 3]")):
        elaborate(tutor.loads(source.replace(old, new)).problem)


def test_a_homogeneous_vector_explains_its_last_entry() -> None:
    source = problem("x: {shape: [4], homogeneous: true}; W: matrix(3, 4)", "h: tanh(W @ x)")
    _, error = failure(source)
    assert "`x` is homogeneous: with the final 1 it has 5 entries" in said(error)
    assert error.hint == "`x` of shape [3] or `W` of size 3×5 would fit"
    for old, new in (("[4]", "[3]"), ("(3, 4)", "(3, 5)")):
        elaborate(tutor.loads(source.replace(old, new)).problem)


def test_the_trail_of_definitions() -> None:
    source = problem(
        "U: matrix(8, 6); W: matrix(5, 8); V: matrix(4, 6); x: vector(6); c: vector(5)",
        "h: tanh(U @ x); g: sigmoid(W @ h); y: (V @ x) * (g + c)",
    )
    _, error = failure(source)
    assert error.message.startswith("cannot multiply `V @ x` (4×1) and `g + c` (5×1)")
    assert error.notes[0] == "`V @ x` has 4 entries, `g + c` has 5"
    assert "`g = sigmoid(W @ h)` is 5×1: `W` is 5×8 and `h` is 8×1" in error.notes
    assert fixes(error) == []  # no transpose mends this


def test_a_fix_that_breaks_what_follows_is_not_suggested() -> None:
    """x.T @ y fits where it stands, but not in the sum that uses it."""
    source = problem("x: vector(3); y: vector(3); A: matrix(3, 3)", "s: x @ y; t: A + s @ s")
    p, error = failure(source)
    assert "x @ y.T" in works(source, p, error)
    alone = problem("x: vector(3); y: vector(3)", "s: x @ y; t: reshape(s, 3, 1)")
    p, error = failure(alone)
    assert works(alone, p, error) == ["x * y"]


def test_an_open_size_that_two_products_share() -> None:
    """V.T @ x fits only an x that W @ x does not."""
    source = problem("x: vector(?); W: matrix(4, 6); V: matrix(3, 5)", "y: W @ x; z: V @ x")
    p, error = failure(source)
    assert works(source, p, error) == ["V"] and "`V` of size 3×6" in said(error)


def test_a_suggestion_that_was_not_tried_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: without the trial, wrong fixes get through and the check above sees them."""
    graphs = elaborate(tutor.loads(problem("x: vector(3)", "y: 2 * x")).problem)
    monkeypatch.setattr(mistakes, "_tried", lambda p, e: graphs)
    source = problem("W: matrix(4, 6); x: vector(6)", "z: x @ W")
    p, error = failure(source)
    with pytest.raises(InputError):
        works(source, p, error)


# -- random programs with one wrong size ----------------------------------------------------------


def spoiled(seed: int) -> str:
    """fits | error: a random program in which one given has a wrong size."""
    program = Maker(seed, 3).make()
    sizes = originals(program)
    if not sizes:
        return "fits"
    rng = random.Random(seed)
    axis = rng.choice(list(sizes))
    source = declared(program, {axis: sizes[axis] + rng.choice([1, 4])})
    p = tutor.loads(source).problem
    try:
        elaborate(p)
    except InputError as error:
        assert error.status == 2 and error.where is not None, seed
        assert isinstance(error, ShapeError), (seed, error.message)
        known = {*program.given, *program.define}
        mentioned = {
            n for t in re.findall(r"`([^`]*)`", said(error)) for n in re.findall(r"\w+", t)
        }
        described = re.search(r"index|axis|slice|kernel|window|scalar", error.message)
        assert mentioned & known or described, (seed, said(error))
        own = {n for n in re.findall(r"\bz\d+\b", said(error)) if n not in known}
        assert own == set(), (seed, said(error))
        return "mended" if works(source, p, error) else "error"
    return "fits"


def test_one_wrong_size() -> None:
    found = Counter(spoiled(seed) for seed in range(160))
    assert found["mended"] > 15 and found["error"] + found["mended"] > 50, found
