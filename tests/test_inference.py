"""Sizes left open with `?`: what is forced comes back, what is free is named, with the reason."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

import tutor
from tests.random_programs import Maker, Program, entries
from tutor.errors import InputError, ShapeError
from tutor.graph import dims
from tutor.graph.dims import unifying
from tutor.graph.fits import examples
from tutor.graph.unifier import Unifier
from tutor.problem.elaborate import elaborate
from tutor.problem.lines import Graph
from tutor.problem.open import EQUAL
from tutor.problem.told import plain

KINDS = {0: "scalar", 1: "vector", 2: "matrix"}
PROGRAMS = 300


def declared(program: Program, sizes: dict[tuple[str, int], object]) -> str:
    """The program with shapes instead of values; `sizes` puts something else for some axes."""
    rows = ["given:"]
    for name, (shape, _) in program.given.items():
        axes = [str(sizes.get((name, k), d)) for k, d in enumerate(entries(shape))]
        kind = KINDS[len(axes)]
        rows.append(f'  {name}: "{kind}({", ".join(axes)})"' if axes else f"  {name}: scalar")
    rows.append("define:")
    rows += [f'  {name}: "{text}"' for name, text in program.define.items()]
    return "\n".join([*rows, "tasks:", "  - shapes", ""])


def graph(text: str) -> Graph:
    return elaborate(tutor.loads(text).problem)


def originals(program: Program) -> dict[tuple[str, int], int]:
    return {
        (name, k): d
        for name, (shape, _) in program.given.items()
        for k, d in enumerate(entries(shape))
    }


def verdict(seed: int, letters: int = 11) -> str:
    """forced | open | refused: what became of a program with a third of its sizes erased."""
    program = Maker(seed, 3).make()
    sizes = originals(program)
    rng = random.Random(seed)
    erased = {axis for axis in sizes if rng.random() < 0.3}
    if not erased:
        return "nothing erased"
    try:
        found = graph(declared(program, dict.fromkeys(erased, "?")))
    except InputError as error:  # indices, pools and images need numbers
        assert "needs" in error.message or "symbolic" in error.message, (seed, error.message)
        return "refused"
    letter: dict[object, int] = {}
    for name, k in erased:
        d = found[name].shape[k]
        if d in found.sizes.values():
            letter[d] = sizes[name, k]
    for axis in erased:
        d = found[axis[0]].shape[axis[1]]
        value = d if isinstance(d, int) else int(d.subs(letter))
        assert value == sizes[axis], (seed, axis, d, sizes[axis])
    if not letter:
        return "forced"
    other = {d: letters + k for k, d in enumerate(letter)}
    other |= examples(found.fits, other)  # a kernel is not larger than what it slides over
    numbers = {a: dims.dim(dims.number(found[a[0]].shape[a[1]]).subs(other)) for a in erased}
    if any(isinstance(d, int) and d < 1 for d in numbers.values()):
        return "open"  # within bounds: two parts of a concat, say
    graph(declared(program, numbers))  # free indeed: other numbers do as well
    return "open"


def test_what_is_forced_comes_back_and_what_is_open_is_free() -> None:
    seen = Counter(verdict(seed) for seed in range(PROGRAMS))
    assert seen["forced"] > PROGRAMS // 10 and seen["open"] > PROGRAMS // 10
    assert seen["refused"] < PROGRAMS // 4


def test_a_wrong_inference_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: an unknown becomes one more than it should."""
    fix = Unifier.fix

    def wrong(self, u, value, a, b):
        return fix(self, u, value + 1 if isinstance(value, int) else value, a, b)

    monkeypatch.setattr(Unifier, "fix", wrong)
    bad = 0
    for seed in range(25):
        try:
            verdict(seed)
        except (AssertionError, InputError):
            bad += 1
    assert bad > 5


# -- equations ------------------------------------------------------------------------------------


def solved(*pairs: tuple[object, object]) -> dict[str, object]:
    unifier = Unifier()
    for a, b in pairs:
        if not unifier.equate(a, b):  # type: ignore[arg-type]
            return {}
    return {str(u): unifier.resolve(u) for u in unifier.bound}  # type: ignore[arg-type]


U, V = dims.unknown("u.0"), dims.unknown("v.0")
N = dims.symbol("n")


def test_equations() -> None:
    assert solved((U, 5)) == {"u.0": 5}
    assert solved((U + 1, 6)) == {"u.0": 5}
    assert solved((U * 4, 12)) == {"u.0": 3}
    assert solved((U * 4, 10)) == {}  # half a row
    assert solved((U + 7, 6)) == {} and solved((U, 0)) == {}
    assert solved((U, V), (V, 4)) == {"u.0": 4, "v.0": 4}
    assert solved((U, V / 2), (V, 7)) == {}
    assert solved((U, 2 * N), (V, U + 1)) == {"u.0": 2 * N, "v.0": 2 * N + 1}
    assert solved((U * U, 9)) == {"u.0": 3}
    assert solved((U * U, 8)) == {}
    assert solved((U * V, 12)) == {}  # nothing is bound yet, and nothing is refused
    assert Unifier().equate(U * V, 12)
    assert solved((U, 3), (U, 4)) == {}


def test_an_open_size_prints_as_a_question_mark() -> None:
    unifier = Unifier()
    with unifying(unifier):
        assert dims.text((U, 3)) == "?×3"
        assert unifier.equate(U, 5)
        assert dims.text((U, 3)) == "5×3"
        assert dims.equal(U, 5) and not dims.equal(V, 5)
        assert V not in unifier.bound  # asking does not bind


# -- reasons --------------------------------------------------------------------------------------

CHAIN = """
given:
  W: matrix(4, 6)
  x: {shape: ["?"], homogeneous: true}
  b: vector(?)
  V: matrix(?, ?)
  y: vector(3)
define:
  h: tanh(W @ x + b)
  e: V @ h - y
tasks: [shapes]
"""


def told(text: str, name: str) -> str:
    return " ".join(plain(t) for t in graph(text).reasons[name])


def test_the_chain_of_reasons() -> None:
    assert told(CHAIN, "x") == (
        "In `W @ x`, `W` has 6 columns, so `x` needs 6 rows; "
        "`x` is homogeneous, so it has 5 coordinates and the final 1."
    )
    assert told(CHAIN, "b") == "In `W @ x + b`, `W @ x` has 4 entries, so `b` needs 4 entries."
    assert told(CHAIN, "V") == (
        "In `V @ h - y`, `y` has 3 entries, so `V @ h` needs 3 entries; `V` has 3 rows. "
        "In `V @ h`, `h` has 4 rows, so `V` needs 4 columns."
    )
    assert "W" not in graph(CHAIN).reasons


def test_a_square_matrix() -> None:
    text = (
        "given: {A: 'matrix(?, ?)', x: vector(3)}\ndefine: {t: tr(A), y: A @ x}\ntasks: [shapes]\n"
    )
    assert told(text, "A") == (
        "In `A @ x`, `x` has 3 rows, so `A` needs 3 columns. "
        "In `tr(A)`, `A` must be square, with as many rows as columns."
    )


FREE = "given: {q: vector(?), r: vector(?)}\ndefine: {s: q + r}\ntasks: [shapes]\n"


def test_what_nothing_fixes_gets_a_letter_and_a_reason() -> None:
    found = graph(FREE)
    assert found["s"].dims == "n×1" and str(found.sizes["n"]) == "n"
    assert told(FREE, "r") == "Nothing fixes `n`: a number for it here, or in `q`, would."
    assert told(FREE, "q").endswith("so `q` needs n entries. Nothing fixes `n`, the size of `r`.")


def test_without_a_shapes_task_it_is_an_error_that_says_what_is_free() -> None:
    text = FREE.replace("tasks: [shapes]", "tasks: [forward]")
    with pytest.raises(InputError, match="nothing fixes either") as caught:
        graph(text)
    assert "`q`" in caught.value.message and "`r`" in caught.value.message
    assert caught.value.where is not None and caught.value.where.line == 1


def test_a_letter_does_not_clash() -> None:
    text = FREE.replace("q:", "n:").replace("q + r", "n + r")
    assert graph(text)["s"].dims == "m×1"


def test_integer_conditions() -> None:
    """Halves and multiples: inferred, or refused in words."""
    half = "given: {x: vector(?), y: vector(7)}\ndefine: {z: 'concat(x, x) + y'}\ntasks: [shapes]\n"
    with pytest.raises(ShapeError, match="cannot add `concat"):
        graph(half)
    assert graph(half.replace("7", "8"))["x"].dims == "4×1"
    flat = "given: {x: vector(?)}\ndefine: {z: 'reshape(x, 3, 4)'}\ntasks: [shapes]\n"
    assert graph(flat)["x"].dims == "12×1"


def test_two_operations_that_disagree_are_both_named() -> None:
    text = (
        "given: {x: vector(?), W: 'matrix(4, 6)', V: 'matrix(3, 5)'}\n"
        "define:\n  y: W @ x\n  z: V @ x\ntasks: [shapes]\n"
    )
    with pytest.raises(ShapeError) as caught:
        graph(text)
    error = caught.value
    assert "`V` (3×5)" in error.message and "`x` (6×1)" in error.message
    assert error.where is not None and error.where.line == 4
    assert any("in `W @ x`, `W` has 6 columns, so `x` needs 6 rows" in n for n in error.notes)
    assert any(":3:6)" in n for n in error.notes)


def test_channels_of_a_convolution_are_unified() -> None:
    text = """
given:
  x: tensor(3, 32, 32)
  w: tensor(?, ?, 3, 3)
  b: vector(16)
  V: matrix(10, ?)
define:
  c: conv2d(x, w, b, stride=2, padding=1)
  y: V @ flatten(max_pool2d(relu(c), 2))
tasks: [shapes]
"""
    assert graph(text)["w"].shape == (16, 3, 3, 3)
    assert graph(text)["V"].shape == (10, 1024)
    assert "`x` has 3 input channels, so `w` needs 3 input channels" in told(text, "w")
    assert "`b` has 16 entries, so `w` needs 16 output channels" in told(text, "w")
    with pytest.raises(ShapeError, match=r"the bias .* needs one entry per output channel: 16"):
        graph(text.replace("tensor(?, ?, 3, 3)", "tensor(16, ?, 3, 3)").replace("(16)", "(8)"))
    with pytest.raises(ShapeError, match=r"has 3 channels, the kernel .* expects 4"):
        graph(text.replace("tensor(?, ?, 3, 3)", "tensor(?, 4, 3, 3)"))


def test_a_channel_count_that_equals_a_height_has_the_right_reason() -> None:
    text = """
given: {x: "tensor(8, 8, 8)", w: "tensor(4, ?, 3, 3)"}
define: {c: "conv2d(x, w)"}
tasks: [shapes]
"""
    assert "`x` has 8 input channels" in told(text, "w")


def test_a_batch_of_any_number_goes_through_convolutions() -> None:
    text = """
given: {x: "tensor(?, 1, 8, 8)", w: "tensor(2, 1, 3, 3)", t: vector(5)}
define:
  f: reshape(max_pool2d(conv2d(x, w), 2), [5, -1])
  y: sum(f, axis=1) - t
  z: avg_pool2d(x, 4)
tasks: [shapes]
"""
    found = graph(text)
    assert str(found["z"].shape[0]) == "n" and found["z"].shape[1:] == (1, 2, 2)


def test_stacked_gates_give_the_number_of_units() -> None:
    text = """
given:
  x: vector(5)
  W_ih: matrix(12, ?)
  W_hh: matrix(?, ?)
  h: vector(?)
  c: vector(?)
define:
  "h1, c1": lstm_cell(x, h, c, W_ih, W_hh)
tasks: [shapes]
"""
    found = graph(text)
    assert found["W_ih"].shape == (12, 5) and found["W_hh"].shape == (12, 3)
    assert found["h"].shape == found["c"].shape == (3,)
    assert "`W_ih` has 12 rows, 4 times 3, so `W_hh` needs 3 columns" in told(text, "W_hh")
    assert "`W_hh` has 3 columns, so `h` needs 3 entries" in told(text, "h")


def test_a_letter_that_would_have_to_be_a_number() -> None:
    text = """
given: {A: "matrix(4, n)", x: vector(n), B: "matrix(3, 4)"}
define: {u: A @ x, v: B @ u, r: B @ x}
tasks: [shapes]
"""
    with pytest.raises(ShapeError) as caught:
        graph(text)
    assert caught.value.hint is not None and "n = 4 would fit" in caught.value.hint
    with pytest.raises(ShapeError) as caught:  # no number fits both
        graph(text.replace("r: B @ x", "r: B @ x, s: 'x + [1, 2, 3]'"))
    assert "n = " not in (caught.value.hint or "")


WAITS = """
given:
  x: tensor(3, ?, 33)
  k: tensor(?, ?, 3, 3)
  c: tensor(3, 33, 33)
  b: vector(4)
define:
  y: conv2d(x, k, b, stride=2)
  z: max_pool2d(y, 2)
  u: x + c
tasks: [shapes]
"""


@pytest.mark.parametrize(
    ("shapes", "define", "told"),
    [
        (("matrix(?, 3)", "matrix(3, 3)"), "A + B",
         "In `A + B`, `B` has 3 rows, so `A` needs 3 rows."),
        (("matrix(?, 3)", "matrix(4, 4)"), "det(A) + det(B)",
         "In `det(A)`, `A` must be square, with as many rows as columns."),
    ],
)  # fmt: skip
def test_square_is_said_of_what_must_be_square_only(shapes, define, told):
    rows = [f'  {n}: "{s}"' for n, s in zip("AB", shapes, strict=True)]
    text = "\n".join(["given:", *rows, "define:", f'  y: "{define}"', "tasks: [shapes]", ""])
    first, *rest = [plain(t) for t in graph(text).reasons["A"]]
    assert first == told
    assert rest == ([] if "det" in define else [plain(EQUAL)])


def test_a_window_waits_for_a_size_that_another_definition_fixes():
    found = graph(WAITS)
    assert found["y"].shape == (4, 16, 16) and found["z"].shape == (4, 8, 8)
    assert found["x"].shape == (3, 33, 33) and found["k"].shape == (4, 3, 3, 3)
    (told, remark) = [plain(t) for t in found.reasons["x"]]
    assert "not a 1 that is repeated" in remark
    assert "`x + c`" in told and "33" in told
    assert graph(WAITS.replace("u: x + c", "u: c"))["x"].dims == "3×n×33"  # free
    with pytest.raises(ShapeError, match="channels"):  # known by then, and wrong
        graph(WAITS.replace("k: tensor(?, ?, 3, 3)", "k: tensor(?, 2, 3, 3)"))


MISFITS = [
    # the size is known by the time of the error, and is told; else it is ?
    ({"A": "matrix(?, ?)", "B": "matrix(?, 3)", "x": "vector(4)", "u": "vector(5)"},
     {"y": "A @ B", "z": "y.T @ u", "v": "A @ x", "s": "v + concat(u, u)"}, "`v` has 5 entries"),
    ({"A": "matrix(?, 4)", "x": "vector(4)", "u": "vector(5)"},
     {"v": "A @ x", "w": "concat(v, v)", "s": "w + u"}, "5×1"),
    ({"x": "vector(3)", "h": "vector(4)", "W": "matrix(9, ?)", "U": "matrix(?, 5)",
      "b": "vector(?)"},
     {"c": "gru_cell(x, h, W, U, b, b)"}, "gates"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "define", "words"), MISFITS)
def test_no_error_shows_what_an_open_size_is_called_inside(given, define, words):
    rows = ["given:", *(f'  {n}: "{s}"' for n, s in given.items())]
    rows += ["define:", *(f'  {n}: "{s}"' for n, s in define.items()), "tasks: [shapes]", ""]
    with pytest.raises(InputError) as error:
        graph("\n".join(rows))
    said = " ".join(
        (error.value.message, error.value.hint or "", *getattr(error.value, "notes", ()))
    )
    assert words in said
    assert not re.search(r"\b[A-Za-z]\.\d", said), said
