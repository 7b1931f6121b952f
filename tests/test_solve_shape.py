"""`solve_shape` against brute force over a naive window count, and with planted faults."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import pytest

import tutor
from tutor.errors import InputError, ShapeError, Where
from tutor.expr import Binary, Call, Name, Neg, Num
from tutor.notation.text import text
from tutor.problem.model import (
    Convention,
    Definition,
    Given,
    Layer,
    Network,
    Problem,
    Source,
    Task,
)
from tutor.render.json import plain
from tutor.tasks import shape_ranges, shape_recheck, shape_search, solve_shape
from tutor.tasks.shape_calls import chain_to
from tutor.tasks.size_inverse import OpenWindow, solve_for, wanted_input

HERE = Where("file.yaml", 1, 1, "")


class Places:
    def where(self, start: int, stop: int) -> Where:
        return Where("file.yaml", 2, start + 1, "")


def layer(type_: str, **args: Any) -> Layer:
    return Layer(type_, args, HERE)


def network(shape: tuple[Any, ...], *layers: Layer) -> Problem:
    return problem(net=Network(shape, layers, HERE))


def problem(
    net: Network | None = None, given: dict[str, tuple[Any, ...]] | None = None, **define: Any
) -> Problem:
    declared = {
        name: Given(name, None, tuple(num(n) for n in shape), HERE)
        for name, shape in (given or {}).items()
    }
    source = Source("", Places())
    lines = tuple(Definition((name,), e, source, HERE) for name, e in define.items())
    return Problem("", None, None, (), Convention(), declared, lines, net, ())


def num(n: Any) -> Any:
    return Num(str(n)) if isinstance(n, int) else n


def task(unknown: Any, so_that: dict[str, Any], **more: Any) -> Task:
    return Task("1", "solve_shape", {"unknown": unknown, "so_that": so_that}, HERE, **more)


def solve(it: Problem, unknown: Any, so_that: dict[str, Any], **more: Any):
    return solve_shape.solve(it, task(unknown, so_that, **more))


def solutions(it: Problem, unknown: Any, so_that: dict[str, Any]) -> list[dict[str, int]]:
    result = solve(it, unknown, so_that)
    assert result.check is not None and result.check.passed
    return result.extra["solutions"]


P, S, K, N, C = (Name(x) for x in "pskNc")


# --- known answers -------------------------------------------------------------------------------


def test_the_layer_of_the_exercise():
    it = network((3, 128, 128), layer("Conv2d", out_channels=16, kernel_size=3, padding=P))
    result = solve(it, "p", {"output": (16, 128, 128)})
    assert result.extra["solutions"] == [{"p": 1}]
    assert result.value is not None and result.value.strings() == "1"
    shown = [" = ".join(text(e) for e in s.equation) for s in result.steps]
    assert "floor((128 + 2 * p - 1*(3 - 1) - 1) / 1) + 1 = 128" in shown
    assert "p = 1" in shown
    reasons = [plain(s.why) for s in result.steps if s.why]
    assert any("floor is 127 exactly when" in r for r in reasons)
    for step in result.steps:
        for words in (step.title, step.why):
            assert words is None or plain(words)


ROWS = [
    # an even kernel cannot keep the size
    (network((3, 9, 9), layer("Conv2d", out_channels=2, kernel_size=4, padding=P)), "p",
     {"output": (2, 9, 9)}, []),
    # the floor lets two kernels through
    (network((1, 20), layer("Conv1d", out_channels=1, kernel_size=K, stride=3)), "k",
     {"output": (1, 6)}, [{"k": 3}, {"k": 4}, {"k": 5}]),
    (network((1, 12), layer("MaxPool1d", kernel_size=K)), "k", {"output": (1, 4)}, [{"k": 3}]),
    (network((1, 28, 28), layer("Conv2d", out_channels=1, kernel_size=5, stride=S)), "s",
     {"output": (1, 12, 12)}, [{"s": 2}]),
    (network((1, 11), layer("Conv1d", out_channels=1, kernel_size=3, dilation=Name("d"))), "d",
     {"output": (1, 5)}, [{"d": 3}]),
    # a declared size, found through a strided layer and a pool
    (network((3, N, N), layer("Conv2d", out_channels=8, kernel_size=7, stride=2, padding=3),
             layer("ReLU"), layer("MaxPool2d", kernel_size=3, stride=2, padding=1)), "N",
     {"output": (8, 56, 56)}, [{"N": n} for n in range(221, 225)]),
    # different paddings along the axes, and an asymmetric one
    (network((1, 8, 9), layer("Conv2d", out_channels=1, kernel_size=(3, 5), padding=(P, K))),
     ("p", "k"), {"output": (1, 8, 9)}, [{"p": 1, "k": 2}]),
    (network((1, 8), layer("Conv1d", out_channels=1, kernel_size=4, padding=((1, P),))), "p",
     {"output": (1, 8)}, [{"p": 2}]),
    # channels and features
    (network((3, 8, 8), layer("Conv2d", out_channels=C, kernel_size=3, padding=P)), ("c", "p"),
     {"output": (5, 8, 8)}, [{"c": 5, "p": 1}]),
    (network((3, 8, 8), layer("Flatten"), layer("Linear", out_features=C)), "c",
     {"output": (7,)}, [{"c": 7}]),
    (network((6, 8), layer("Conv1d", out_channels=6, kernel_size=1, groups=Name("g"))), "g",
     {"output": (6, 8)}, [{"g": 1}, {"g": 2}, {"g": 3}, {"g": 6}]),
    # two conditions
    (network((1, 16), layer("Conv1d", out_channels=1, kernel_size=K, padding=P),
             layer("MaxPool1d", kernel_size=2)), ("k", "p"),
     {"conv1d_1": (1, 16), "output": (1, 8)}, [{"k": 2 * p + 1, "p": p} for p in range(8)]),
]  # fmt: skip


@pytest.mark.parametrize(("it", "unknown", "so_that", "expected"), ROWS)
def test_networks(it, unknown, so_that, expected):
    found = solutions(it, unknown, so_that)
    if unknown == ("k", "p"):
        found = found[: len(expected)]
    assert found == expected


X = {"x": (3, 32, 32), "w": (8, 3, 3, 3), "v": (2, 8, "k"), "a": (10,), "u": (3,), "M": (4, 6)}


def call(func: str, *args: Any, **kwargs: Any) -> Call:
    terms = tuple(Name(a) if isinstance(a, str) else num(a) for a in args)
    return Call(func, terms, tuple((k, num(v)) for k, v in kwargs.items()))


CALLS = [
    (dict(y=call("conv2d", "x", "w", padding=P)), "p", (8, 32, 32), [{"p": 1}]),
    (dict(y=call("conv2d", "x", "w", "b", S)), "s", (8, 15, 15), [{"s": 2}]),
    (dict(h=call("relu", call("conv2d", "x", "w", padding=P)), y=call("max_pool2d", "h", 2)),
     "p", (8, 16, 16), [{"p": 1}]),
    (dict(y=call("maxpool1d", "a", K)), "k", (5,), [{"k": 2}]),
    (dict(y=call("conv1d", "a", "u", stride=2, padding=P)), "p", (5,), [{"p": 1}]),
    (dict(y=call("avg_pool2d", "M", K, 1)), "k", (2, 4), [{"k": 3}]),
    (dict(y=call("flatten", call("conv1d", "a", "u", padding=P))), "p", (12,), [{"p": 2}]),
    (dict(h=call("conv1d", "a", "u", padding=P), y=call("linear", "h", "M")), "p", (4,), []),
]  # fmt: skip


@pytest.mark.parametrize(("define", "unknown", "target", "expected"), CALLS)
def test_definitions(define, unknown, target, expected):
    given = {k: v for k, v in X.items() if k != "v"}
    assert solutions(problem(given=given, **define), unknown, {"y": target}) == expected


def test_a_kernel_declared_with_an_unknown_size():
    given = {"x": (1, 3, 10, 10), "w": (4, 3, K, K)}
    it = problem(given=given, y=call("conv2d", "x", "w", padding=1))
    assert solutions(it, "k", {"y": (1, 4, 8, 8)}) == [{"k": 5}]


# --- brute force ---------------------------------------------------------------------------------


def windows(n: int, k: int, s: int, p: int, d: int = 1) -> int:
    """Counted one by one; 0 when none fits."""
    count, start = 0, -p
    while start + d * (k - 1) < n + p:
        count, start = count + 1, start + s
    return count


def test_every_solution_in_the_range_and_no_other():
    rng = random.Random(3)
    hits = 0
    for _ in range(60):
        n, k, s, d = rng.randint(4, 14), rng.randint(1, 4), rng.randint(1, 3), rng.randint(1, 2)
        size = rng.randint(1, n)
        unknown = rng.sample(["k", "s", "p", "d"], rng.choice([1, 1, 2]))
        fixed = {"k": k, "s": s, "p": rng.randint(0, 3), "d": d}
        args = {x: Name(x) if x in unknown else fixed[x] for x in fixed}
        names = {"kernel_size": "k", "stride": "s", "padding": "p", "dilation": "d"}
        conv = layer("Conv1d", out_channels=1, **{a: args[x] for a, x in names.items()})
        it = network((1, n), conv)
        goals = [shape_search.Goal(chain_to(it, "output", HERE), (1, size))]
        spans = shape_ranges.ranges(goals, unknown)
        expected = []
        for values in product(*spans.values()):
            trial = fixed | dict(zip(spans, values, strict=True))
            if windows(n, trial["k"], trial["s"], trial["p"], trial["d"]) == size:
                expected.append(dict(zip(spans, values, strict=True)))
        found = solutions(it, tuple(unknown), {"output": (1, size)})
        assert sorted(found, key=str) == sorted(expected, key=str)
        assert found == sorted(found, key=lambda v: (sum(v.values()), tuple(v.values())))
        hits += bool(found)
    assert hits > 20


def test_pools_that_refuse_some_paddings_are_searched_in_full():
    it = network((1, 10), layer("MaxPool1d", kernel_size=4, stride=1, padding=P))
    assert solutions(it, "p", {"output": (1, 11)}) == [{"p": 2}]
    assert solutions(it, "p", {"output": (1, 13)}) == []  # p = 3 is more than half the window


def test_the_formula_solved_for_each_letter():
    rng = random.Random(4)
    for _ in range(400):
        fixed = {"n": rng.randint(3, 20), "k": rng.randint(2, 5), "s": rng.randint(1, 4),
                 "p": rng.randint(0, 3), "d": rng.randint(1, 3)}  # fmt: skip
        letter = rng.choice(list(fixed))
        low = rng.randint(1, 9)
        wanted = (low, low + rng.randint(0, 2))
        v: dict[str, Any] = {x: Name(x) if x == letter else fixed[x] for x in fixed}
        window = OpenWindow("length", v["n"], v["k"], v["s"], v["p"], v["p"], v["d"])
        solved = solve_for(window, wanted)
        assert solved is not None
        least, most = solved.interval
        for value in range(0 if letter == "p" else 1, 60):
            trial = fixed | {letter: value}
            count = windows(trial["n"], trial["k"], trial["s"], trial["p"], trial["d"])
            inside = value >= least and (most is None or value <= most)
            assert inside == (wanted[0] <= count <= wanted[1]), (trial, wanted, solved)


def test_backwards_through_a_layer():
    rng = random.Random(6)
    for _ in range(300):
        k, s, p, d = rng.randint(1, 4), rng.randint(1, 4), rng.randint(0, 2), rng.randint(1, 2)
        wanted = (rng.randint(1, 5), rng.randint(5, 7))
        found = wanted_input(OpenWindow("length", 1, k, s, p, p, d), wanted)
        assert found is not None
        for n in range(1, 50):
            fits = wanted[0] <= windows(n, k, s, p, d) <= wanted[1]
            assert (found[0] <= n <= found[1]) == fits


# --- no solution, answers, errors ----------------------------------------------------------------


def test_no_solution_says_why():
    it = network((3, 9, 9), layer("Conv2d", out_channels=2, kernel_size=4, padding=P))
    steps = solve(it, "p", {"output": (3, 9, 9)}).steps
    said = [plain(s.why) for s in steps if s.why and s.kind == "note"]
    assert any(s.endswith("is never 3, but always 2: the unknowns do not change it.") for s in said)
    assert any("nearest that it gets is 8 or 10" in s for s in said)
    assert any(s.why and "No whole number" in plain(s.why) for s in steps)


def test_a_candidate_that_is_refused_is_no_proof_that_nothing_changes():
    """8 heads let only widths of 8, 16, … through: of those that were tried, one."""
    it = network((5, Name("d")), layer("MultiheadAttention", num_heads=8))
    said = [plain(s.why) for s in solve(it, "d", {"output": (5, 12)}).steps if s.why]
    assert not any("do not change it" in s for s in said)
    assert any("is never 12: where all layers fit, it is 8." in s for s in said)
    assert any("d = 12 does not fit" in s and "8 heads do not divide the 12" in s for s in said)


def test_dilation_does_not_let_a_pool_pad_more():
    pool = layer("MaxPool2d", kernel_size=4, stride=2, padding=P, dilation=Name("d"))
    found = solutions(network((2, 30, 30), pool), ["d", "p"], {"output": (2, 15, 15)})
    assert found and all(s["p"] <= 2 for s in found)


@pytest.mark.parametrize(
    ("answer", "correct"),
    [
        ({"k": Num("3")}, True),
        ({"k": Num("5")}, True),  # any solution is right
        ({"k": Num("6")}, False),
        ({"q": Num("3")}, False),
        (Num("4"), True),
        ((Num("3"), Num("4"), Num("5")), True),
        ((Num("3"), Num("4")), False),  # not all of them
        ((Num("3"), Num("3"), Num("4")), False),
        ((), False),
    ],
)
def test_answers(answer, correct):
    it = network((1, 20), layer("Conv1d", out_channels=1, kernel_size=K, stride=3))
    result = solve(it, "k", {"output": (1, 6)}, answer=answer, answer_json="…")
    assert result.answer is not None and result.answer.correct is correct


def test_an_empty_answer_is_right_when_there_is_no_solution():
    it = network((3, 9, 9), layer("Conv2d", out_channels=2, kernel_size=4, padding=P))
    result = solve(it, "p", {"output": (2, 9, 9)}, answer=(), answer_json=[])
    assert result.answer is not None and result.answer.correct


ONE = network((1, 20), layer("Conv1d", out_channels=1, kernel_size=K, stride=S))


@pytest.mark.parametrize(
    ("unknown", "so_that", "kind", "words"),
    [
        ("q", {"output": (1, 6)}, InputError, "`q` is not an unknown on the way to `output`"),
        ("k", {"output": (1, 6)}, InputError, "`s` has no value either"),
        (("k", "s"), {"output": (6,)}, ShapeError, "`output` has 2 axes, but"),
        (("k", "s"), {"outptu": (1, 6)}, InputError, "there is no node `outptu`"),
        (("k", "s"), {"output": (1, 0)}, InputError, "a whole number of at least 1"),
        (("k", "s"), {"output": (1, Name("m"))}, InputError, "a whole number of at least 1"),
        (("k", "s"), {}, InputError, "names no node"),
    ],
)
def test_errors(unknown, so_that, kind, words):
    with pytest.raises(kind, match=words) as error:
        solve(ONE, unknown, so_that)
    assert error.value.where is not None


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (call("det", "x"), "follows convolutions"),
        (call("conv2d", "x", "w", strid=S), "no argument `strid`"),
        (call("conv2d", "x", "q"), "`q` is not given"),
        (call("conv2d", "x", "u"), "the kernel of `conv2d` has 1 axes"),
        (call("conv2d", "a", "w"), "does not slide over"),
        (call("linear", "a", "u"), "must have 2 axes"),
        (call("conv2d", "y", "w"), "`y` is defined by itself"),
    ],
)
def test_definitions_that_cannot_be_followed(expression, words):
    given = {k: v for k, v in X.items() if k != "v"}
    with pytest.raises(InputError, match=words):
        solve(problem(given=given, y=expression), "s", {"y": (1, 1, 1)})


# --- the check can fail --------------------------------------------------------------------------


@pytest.mark.parametrize("claimed", [[], [{"p": 1}, {"p": 2}], [{"p": 0}]])
def test_the_check_finds_missing_and_wrong_solutions(claimed):
    it = network((3, 32, 32), layer("Conv2d", out_channels=2, kernel_size=3, padding=P))
    goals = [shape_search.Goal(chain_to(it, "output", HERE), (2, 32, 32))]
    spans = shape_ranges.ranges(goals, ["p"])
    assert shape_recheck.recheck(goals, spans, [{"p": 1}]).passed
    check = shape_recheck.recheck(goals, spans, claimed)
    assert not check.passed and check.max_rel_error > 0


def test_wide_channels_are_found_beside_another_unknown():
    it = network((3, 16, 16), layer("Conv2d", out_channels=C, kernel_size=3, padding=P))
    assert solutions(it, ("c", "p"), {"output": (4096, 16, 16)}) == [{"c": 4096, "p": 1}]


def test_huge_sizes_are_solved_or_refused_but_never_hang():
    n = 2**31 - 1
    it = network((1, n), layer("Conv1d", out_channels=1, kernel_size=3, padding=P))
    assert solutions(it, "p", {"output": (1, n)}) == [{"p": 1}]
    it = network((1, n), layer("MaxPool1d", kernel_size=2, stride=1, padding=P))
    with pytest.raises(InputError, match="candidates to try"):
        solve(it, "p", {"output": (1, n)})


def test_bisection_finds_what_trying_everything_finds(monkeypatch):
    rng = random.Random(8)
    for _ in range(20):
        n, size = rng.randint(12, 30), rng.randint(1, 12)
        it = network(
            (1, n),
            layer("Conv1d", out_channels=1, kernel_size=rng.randint(1, 5), padding=P, stride=S),
            layer("MaxPool1d", kernel_size=2, ceil_mode=True),
        )
        goals = [shape_search.Goal(chain_to(it, "output", HERE), (1, size))]
        spans = shape_ranges.ranges(goals, ["p", "s"])
        quick = shape_search.search(goals, spans)
        with monkeypatch.context() as patch:
            patch.setattr(shape_search, "direction", lambda goals, name: 0)
            assert shape_search.search(goals, spans) == quick


# --- sizes that a layer reads off its input ------------------------------------------------------


F = Name("f")
LENET = (
    layer("Conv2d", out_channels=6, kernel_size=5),
    layer("MaxPool2d", kernel_size=2),
    layer("Flatten"),
    layer("Linear", in_features=F, out_features=10),
)


def test_the_features_behind_a_flatten_are_counted():
    result = solve(network((3, 32, 32), *LENET), "f", {"output": (10,)})
    assert result.extra["solutions"] == [{"f": 6 * 14 * 14}]
    assert result.check is not None and result.check.passed
    shown = [text(e) for s in result.steps for e in s.equation]
    assert "6*14*14" in shown and shown[-1] == "1176"
    assert "no other" in " ".join(plain(s.why) for s in result.steps if s.why)


@pytest.mark.parametrize(
    ("layers", "start", "unknown", "so_that", "expected"),
    [
        # channels, a normalisation's axis, a sequence's features
        ((layer("Conv2d", in_channels=F, out_channels=4, kernel_size=3),), (64, 8, 8), "f",
         {"output": (4, 6, 6)}, [{"f": 64}]),
        ((layer("LayerNorm", normalized_shape=F),), (7, 300), "f", {"output": (7, 300)},
         [{"f": 300}]),
        ((layer("LSTM", input_size=F, hidden_size=5),), (9, 40), "f", {"output": (9, 5)},
         [{"f": 40}]),
        # one name where two sizes arrive: none
        ((layer("Linear", in_features=F, out_features=5),
          layer("Linear", in_features=F, out_features=2)), (8,), "f", {"output": (2,)}, []),
        # beside an unknown that is searched
        ((layer("Conv1d", out_channels=2, kernel_size=K), layer("Flatten"),
          layer("Linear", in_features=F, out_features=3)), (1, 9), ("k", "f"),
         {"conv1d_1": (2, 5), "output": (3,)}, [{"k": 5, "f": 10}]),
        # a name that is chosen in one place and read off in another
        ((layer("Conv1d", out_channels=C, kernel_size=3), layer("BatchNorm1d", num_features=C)),
         (1, 9), "c", {"output": (40, 7)}, [{"c": 40}]),
        # a size that is told fixes an earlier one
        ((layer("Conv2d", out_channels=2, kernel_size=5, stride=S), layer("Flatten"),
          layer("Linear", in_features=2 * 12 * 12, out_features=3)), (1, 28, 28), "s",
         {"output": (3,)}, [{"s": 2}]),
        ((layer("Conv2d", out_channels=512, kernel_size=32, stride=32), layer("Flatten"),
          layer("Linear", in_features=25088, out_features=10)), (3, N, N), "N",
         {"output": (10,)}, [{"N": n} for n in range(224, 256)]),
        # far outside the sizes in sight
        ((layer("Conv1d", out_channels=1, kernel_size=3, stride=4, padding=P),), (1, 8), "p",
         {"output": (1, 64)}, [{"p": 124}, {"p": 125}]),
    ],
)  # fmt: skip
def test_sizes_that_are_told_and_sizes_far_away(layers, start, unknown, so_that, expected):
    assert solutions(network(start, *layers), unknown, so_that) == expected


def test_no_solution_is_said_only_where_it_is_certain():
    def ending(it: Problem, unknown: Any, target: tuple[int, ...]) -> str:
        result = solve(it, unknown, {"output": target})
        assert result.extra["solutions"] == []
        return next(plain(s.title) for s in result.steps if s.rule == "no solution")

    even = network((3, 9, 9), layer("Conv2d", out_channels=2, kernel_size=4, padding=P))
    assert ending(even, "p", (2, 9, 9)) == "There is no solution"
    twice = (layer("Linear", in_features=F, out_features=5), layer("Linear", in_features=F,
             out_features=2))  # fmt: skip
    assert ending(network((8,), *twice), "f", (2,)) == "There is no solution"
    parts = network((6, 8), layer("GroupNorm", num_groups=Name("g")))
    assert ending(parts, "g", (6, 9)) == "There is no solution"
    several = network((1, 9), layer("Conv1d", out_channels=2, kernel_size=K, padding=P))
    assert ending(several, ("k", "p"), (1, 9)) == "No solution found"


def test_several_solutions_are_boxed_together_or_listed_in_full():
    it = network((1, 20), layer("Conv1d", out_channels=1, kernel_size=K, stride=3))
    result = solve(it, "k", {"output": (1, 6)})
    assert result.formula is None and result.value is None and not result.tables
    assert [text(x.formula) for x in result.several] == ["3", "4", "5"]
    alone = network((1, 8, 9), layer("Conv2d", out_channels=1, kernel_size=(3, 5), padding=(P, K)))
    result = solve(alone, ("p", "k"), {"output": (1, 8, 9)})
    assert [(x.symbol.id, text(x.formula)) for x in result.several] == [("p", "1"), ("k", "2")]
    wide = {"kernel_size": K, "stride": S, "padding": P, "dilation": Name("d")}
    many = network((3, 64, 64), layer("Conv2d", out_channels=8, **wide))
    result = solve(many, ("k", "s", "p", "d"), {"output": (8, 32, 32)})
    rows, said = result.tables[0].rows, [plain(s.why) for s in result.steps if s.why]
    count = len(result.extra["solutions"])
    assert len(rows) == min(count, 100)
    assert any("table lists the first 100" in s for s in said) == (count > 100)


def test_two_unknowns_are_solved_number_by_number():
    it = network((3, 128, 128), layer("Conv2d", out_channels=8, kernel_size=3, stride=S, padding=P))
    steps = solve(it, ("p", "s"), {"output": (8, 64, 64)}).steps
    (why,) = [plain(s.why) for s in steps if s.why and s.rule == "integers in an interval"]
    assert why.startswith("For s == 2: 1 <= 2 * p and 2 * p <= 2, so p = 1.")
    (gathered,) = [s.equation for s in steps if s.rule == "floor"]
    assert text(gathered[-1]) == "125 + 2 * p"


def test_the_numerator_with_its_numbers_added_up():
    rng = random.Random(12)
    for _ in range(300):
        fixed = {"n": rng.randint(1, 20), "k": rng.randint(1, 5), "s": rng.randint(1, 4),
                 "p": rng.randint(0, 3), "d": rng.randint(1, 3)}  # fmt: skip
        open_ = {x for x in fixed if rng.random() < 0.5}
        v: dict[str, Any] = {x: Name(x) if x in open_ else fixed[x] for x in fixed}
        window = OpenWindow("length", v["n"], v["k"], v["s"], v["p"], v["p"], v["d"])
        assert number(window.gathered(), fixed) == number(window.room(), fixed)


def number(e: Any, values: dict[str, int]) -> int:
    match e:
        case Name():
            return values[e.id]
        case Num():
            return int(e.text)
        case Neg():
            return -number(e.arg, values)
        case Binary():
            a, b = number(e.left, values), number(e.right, values)
            return {"+": a + b, "-": a - b, "*": a * b}[e.op]
    raise AssertionError(e)


def test_an_answer_beyond_the_range_that_fits_is_right():
    it = network((1, 9), layer("Conv1d", out_channels=1, kernel_size=3, stride=S))
    for answer, correct in (("7000", True), ("2", False)):
        result = solve(it, "s", {"output": (1, 1)}, answer=Num(answer), answer_json=answer)
        assert result.answer is not None and result.answer.correct is correct


def test_the_check_finds_a_wrong_size_that_was_read_off():
    goals = [shape_search.Goal(chain_to(network((3, 32, 32), *LENET), "output", HERE), (10,))]
    assert shape_recheck.recheck(goals, {}, [{"f": 1176}], ["f"]).passed
    assert not shape_recheck.recheck(goals, {}, [{"f": 1175}], ["f"]).passed


DECLARED = """
given:
  x: vector(n)
  k: [1, 2, 1]
  w: vector(n)
define:
  y: conv1d(x, k, stride=2)
  L: w.T @ x
tasks:
  - solve_shape: {unknown: n, so_that: {y: [10]}}
"""


def test_a_declared_size_is_free_where_a_window_slides():
    solution = tutor.loads(DECLARED).solve()
    assert solution.tasks[0].extra["solutions"] == [{"n": 21}, {"n": 22}]
    # what needs no number for it goes on with the letter
    both = DECLARED + "  - gradient: {of: L, wrt: x}\n"
    result = tutor.loads(both).solve().tasks[1]
    assert text(result.formula) == "w"
    # while what does need one is no quantity yet
    with pytest.raises(InputError, match="rests on `n`"):
        tutor.loads(DECLARED + "  - jacobian: {of: y, wrt: x}\n").solve()


def test_told_sizes_against_brute_force():
    rng = random.Random(21)
    hits = 0
    for _ in range(60):
        n, size, wanted = rng.randint(5, 16), rng.randint(1, 3), rng.randint(1, 40)
        fixed = {"k": rng.randint(1, 4), "s": rng.randint(1, 3), "p": rng.randint(0, 2)}
        letter = rng.choice(["k", "s", "p"])
        told = F if rng.random() < 0.5 else wanted
        v = {x: Name(x) if x == letter else fixed[x] for x in fixed}
        it = network(
            (1, n),
            layer("Conv1d", out_channels=size, kernel_size=v["k"], stride=v["s"], padding=v["p"]),
            layer("Flatten"),
            layer("Linear", in_features=told, out_features=2),
        )
        unknown = (letter, "f") if told == F else (letter,)
        found = solutions(it, unknown, {"output": (2,)})
        goals = [shape_search.Goal(chain_to(it, "output", HERE), (2,))]
        (span,) = shape_ranges.ranges(goals, unknown).values()
        expected = []
        for value in (*span, *range(span[-1] + 1, span[-1] + 60)):
            trial = fixed | {letter: value}
            features = size * windows(n, trial["k"], trial["s"], trial["p"])
            if features and told in (F, features):
                expected.append({letter: value} | ({"f": features} if told == F else {}))
        inside = [s for s in expected if s[letter] in span]
        assert sorted(found, key=str) == sorted(inside, key=str)
        if not found and shape_ranges.exhaustive(goals, {letter: span}):
            assert not expected
        hits += bool(found)
    assert hits > 25
