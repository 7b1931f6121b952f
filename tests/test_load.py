"""A problem file becomes a typed problem; every mistake in it is told in one message."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutor.errors import InputError, TutorError, Where
from tutor.expr import Binary, Call, List, Name, Num
from tutor.problem import load, loads
from tutor.problem.diagnostics import render_error
from tutor.problem.expression import parse

SINE = """\
title: A sine neuron
source: task 1
statement: |
  The model maps $x$ to $y$.
tags: [neuron]
convention: {layout: denominator}
given:
  x: [2, 1]
  w: [pi/2, pi]
  b: 1
  yhat: {value: 2, label: '\\hat{y}'}
define:
  L: (y - yhat)**2
  y: sin(w.T @ x) - b
tasks:
  - graph
  - forward: {of: [L]}
  - gradient: {of: L, wrt: w}
    id: slope
    text: The slope?
    points: 2
    tolerance: 1e-3
    hint: chain rule
    answer: [-12, pi + 1]
  - update: {of: L, wrt: [w, b], rate: 1/2}
    id: step
  - train: {of: L, wrt: w, rate: 0.5, steps: 40, report: every 4}
  - evaluate: {expr: L + 1, after: step}
"""


def test_sine_neuron() -> None:
    problem = loads(SINE)
    assert problem.title == "A sine neuron"
    assert problem.statement == "The model maps $x$ to $y$.\n"
    assert problem.tags == ("neuron",)
    assert problem.convention.layout == "denominator"
    assert problem.convention.vec == "column"
    assert problem.convention.stated == {"layout"}
    values = {n: g.value.strings() for n, g in problem.given.items() if g.value}
    assert values == {"x": ["2", "1"], "w": ["pi/2", "pi"], "b": "1", "yhat": "2"}
    assert problem.given["yhat"].label == "\\hat{y}"
    assert [d.names for d in problem.define] == [("y",), ("L",)]  # in order of use
    where = problem.define[1].source.where((5, 9))
    assert (where.line, where.column, where.width) == (13, 11, 4)
    assert [t.id for t in problem.tasks] == ["1", "2", "slope", "step", "5", "6"]
    graph, forward, gradient, update, train, evaluate = problem.tasks
    assert graph.args == {"values": False, "gradients": False}
    assert forward.args == {"of": ("L",), "after": None}
    assert gradient.args == {"of": "L", "wrt": ("w",), "after": None, "form": "matrix"}
    assert gradient.answer == (parse("-12"), parse("pi + 1"))
    assert gradient.answer_json == [-12, "pi + 1"]
    assert (gradient.points, gradient.tolerance, gradient.hint) == (2, 1e-3, "chain rule")
    assert gradient.text == "The slope?"
    assert (gradient.where.line, gradient.places["wrt"].column) == (18, 28)
    assert update.args["wrt"] == ("w", "b")
    assert update.args["rate"] == parse("1/2")
    assert update.args["steps"] == 1
    assert update.sources["rate"].text == "1/2"
    assert (train.args["steps"], train.args["report"]) == (40, 4)
    assert evaluate.args["after"] == "step"


# given text, exact strings (or floats), declared shape
GIVEN = [
    ("3", "3", None),
    ("-1.5", "-3/2", None),
    ("1/3", "1/3", None),
    ("010", "10", None),
    ("[1, 2]", ["1", "2"], None),
    ("[[1], [2]]", [["1"], ["2"]], None),
    ("[[1, 2], [pi/2, sqrt(2)]]", [["1", "2"], ["pi/2", "sqrt(2)"]], None),
    ("{value: [1, 2], shape: [2]}", ["1", "2"], None),
    ("{value: 'zeros(1, 2)'}", [["0", "0"]], None),
    ("reshape(arange(4), 2, 2)", [["0", "1"], ["2", "3"]], None),
    ("k + 1", "4", None),
    ("scalar", None, ()),
    ("vector(n)", None, (Name("n"),)),
    ("matrix(?, 4)", None, ("?", Num("4"))),
    ("tensor(3, 128, 2*64)", None, (Num("3"), Num("128"), Num("128"))),
    ("vector(2*k + 1)", None, (Num("7"),)),
    ("vector(2*n + k)", None, (parse("2*n + 3"),)),
    ("{shape: [4, 6]}", None, (Num("4"), Num("6"))),
    ("{shape: ['?', n]}", None, ("?", Name("n"))),
    ("{shape: 5, homogeneous: true}", None, (Num("5"),)),
    ("{value: 'matrix(m, m)', symmetric: true}", None, (Name("m"), Name("m"))),
]


@pytest.mark.parametrize(("text", "strings", "shape"), GIVEN)
def test_given(text: str, strings: Any, shape: Any) -> None:
    item = loads(f"given:\n  k: 3\n  x: {text}\n").given["x"]
    assert item.shape == shape
    assert (item.value.strings() if item.value else None) == strings


def test_given_measured_data_is_floating() -> None:
    value = loads("given:\n  x: [[0.69742876, 1], [2, pi]]\n").given["x"].value
    assert value is not None
    assert not value.exact
    assert value.shape == (2, 2)


def test_lists_and_pairs_in_define() -> None:
    problem = loads("given: {a: 1, b: vector(n)}\ndefine:\n  v: [a, sum(b)/n]\n")
    assert problem.define[0].expr == List((Name("a"), parse("sum(b)/n")))
    where = problem.define[0].source.where((4, 7))
    assert (where.line, where.column, where.text) == (3, 10, "  v: [a, sum(b)/n]")


def test_network_and_unknowns() -> None:
    problem = loads(
        "network:\n  input: [3, 128, 128]\n  layers:\n"
        "    - Conv2d: {out_channels: 16, kernel_size: [3, 3], padding: p, bias: false}\n"
        "    - LeakyReLU: {negative_slope: 0.1}\n    - Flatten\n"
        "tasks:\n  - parameters\n"
        "  - solve_shape: {unknown: p, so_that: {output: [16, 128, 128]}}\n    answer: {p: 1}\n"
    )
    network = problem.network
    assert network is not None
    assert network.input == (3, 128, 128)
    assert [layer.type for layer in network.layers] == ["Conv2d", "LeakyReLU", "Flatten"]
    assert network.layers[0].args == {
        "out_channels": 16,
        "kernel_size": (3, 3),
        "padding": Name("p"),
        "bias": False,
    }
    assert network.layers[0].places["padding"].column == 64
    task = problem.tasks[1]
    assert task.args == {"unknown": ("p",), "so_that": {"output": (16, 128, 128)}}
    assert task.answer == {"p": Num("1")}


def test_words_and_given_integers_in_a_network() -> None:
    problem = loads(
        "given: {k: 3}\nnetwork:\n  input: n\n  layers:\n"
        "    - Linear: {out_features: k}\n    - GELU: {approximate: tanh}\n"
    )
    assert problem.network is not None
    assert problem.network.input == (Name("n"),)
    assert [layer.args for layer in problem.network.layers] == [
        {"out_features": 3},
        {"approximate": "tanh"},
    ]


def test_defaults_of_tasks() -> None:
    problem = loads(
        "given: {x: 1, y: 2}\ntasks:\n  - stencil: {derivative: 2}\n  - shapes\n"
        "  - shapes: {of: [x]}\n  - shapes: {edges: [[y, x]]}\n"
        "  - train: {of: y, wrt: x, rate: 1, steps: 100}\n  - graph:\n"
    )
    stencil, every, some, edges, train, _ = problem.tasks
    assert stencil.args == {"derivative": 2, "accuracy": 2, "dims": 1, "side": "central"}
    assert every.args == {"of": (), "edges": "all"}
    assert some.args == {"of": ("x",), "edges": ()}
    assert edges.args == {"of": (), "edges": (("y", "x"),)}
    assert train.args["report"] == 10
    assert train.args["optimizer"] == "sgd"


def test_files_beside_the_problem(tmp_path: Path) -> None:
    folder = tmp_path / "problems"
    folder.mkdir()
    np.save(folder / "w.npy", np.array([[1, 2], [3, 4]]))
    np.save(folder / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(folder / "nan.npy", np.array([1.0, np.nan]))
    np.save(tmp_path / "secret.npy", np.ones(2))
    (folder / "link.npy").symlink_to(tmp_path / "secret.npy")
    (folder / "x.csv").write_text("1, 0.5\n2, 3\n")
    (folder / "column.csv").write_text("1\n2\n")
    (folder / "ragged.csv").write_text("1,2\n3\n")
    (folder / "word.csv").write_text("1,2\n3,four\n")
    (folder / "damaged.npy").write_bytes((folder / "w.npy").read_bytes()[:-8])
    (folder / "text.npy").write_bytes(b"not an array")
    (folder / "empty.csv").write_text("\n")
    path = folder / "p.yaml"

    def read(name: str) -> Any:
        path.write_text(f"given:\n  x: {{file: {name}}}\n")
        value = load(path).given["x"].value
        assert value is not None
        return value.strings()

    assert read("w.npy") == [["1", "2"], ["3", "4"]]
    assert read("x.csv") == [["1", "1/2"], ["2", "3"]]
    assert read("column.csv") == ["1", "2"]
    for name, message in (
        ("../secret.npy", "outside the problem's folder"),
        (str(tmp_path / "secret.npy"), "outside the problem's folder"),
        ("link.npy", "outside the problem's folder"),
        ("objects.npy", "it holds objects"),
        ("damaged.npy", "it is damaged"),
        ("text.npy", "it is damaged"),
        ("nan.npy", "not finite"),
        ("missing.npy", "cannot be read"),
        ("p.yaml", "not a .npy or .csv file"),
        ("ragged.csv", "ragged table"),
        ("word.csv", "`four` is not a number"),
        ("empty.csv", "holds no numbers"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            read(name)
        where = caught.value.where
        assert where is not None
        assert where.path == (name if message.startswith(("ragged", "`four")) else str(path))
    with pytest.raises(InputError, match="needs a problem file"):
        loads("given: {x: {file: w.npy}}")


# file, place, message, a part of the hint
MISTAKES = [
    ("vary: 1\n", (1, 1), "unknown key `vary` in a problem file", "`given`"),
    ("titel: 1\n", (1, 1), "unknown key `titel` in a problem file", "`title`"),
    ("title: [a]\n", (1, 8), "`title` must be text or a number, not a list", None),
    ("language: de\n", (1, 11), "`language` cannot be `de`", "`en`"),
    ("convention: {layout: numeratr}\n", (1, 22), "`layout` cannot be `numeratr`", "numerator"),
    ("given: {exp: 1}\n", (1, 9), "`exp` is the name of a function", None),
    ("given: {lambda: 1}\n", (1, 9), "`lambda` is reserved", "lambda_"),
    ("given: {pi: 1}\n", (1, 9), "`pi` has a meaning of its own", None),
    ("given: {x: [[1, 2], [3]]}\n", (1, 21), "a ragged list", None),
    ("given: {x: []}\n", (1, 12), "an empty list has no numbers", None),
    ("given: {x: [1, y]}\n", (1, 16), "unknown name `y`", None),
    ("given: {x: b, b: 2}\n", (1, 12), "`b` has no value yet", "given above"),
    ("given: {x: vektor(3)}\n", (1, 12), "unknown function `vektor`", "`vector`"),
    ("given: {x: matrix(3)}\n", (1, 12), "`matrix` takes two sizes", None),
    ("given:\n  x: matrix(2, 0)\n", (2, 16), "a size must be at least 1, not 0", None),
    ("given:\n  x: matrix(2, 1.5)\n", (2, 16), "a size must be an integer", None),
    ("given:\n  x: vector(2**31)\n", (2, 13), "a size may be at most 2147483647", None),
    ("given:\n  x: vector(max)\n", (2, 13), "`max` is the name of a function", None),
    ("given: {x: zeros(6, 4)}\n", (1, 21), "`4)` cannot be a name", "quotes"),
    ("given: {x: {value: zeros(6, 4)}}\n", (1, 29), "unknown key `4)`", "quotes"),
    ("given: {x: {value: [1, 2], shape: [3]}}\n", (1, 35), "the value has size 2×1", None),
    ("given: {x: {value: [[1, 2], [3, 1]], symmetric: true}}\n", (1, 49), "not symmetric", None),
    ("given: {x: {value: -1, positive: true}}\n", (1, 34), "the value is not positive", None),
    ("given: {x: {shape: [2, 3], diagonal: true}}\n", (1, 38), "only a square matrix", None),
    ("given: {x: {shape: [2, 3], homogeneous: true}}\n", (1, 41), "only a vector", None),
    ("given: {x: {label: a}}\n", (1, 12), "`value`, `shape` or `file` is missing", None),
    ("given: {a: 1}\ndefine: {a: 2}\n", (2, 10), "`a` is given already (on line 1)", None),
    ("define:\n  'h, c': 1\n  c: 2\n", (3, 3), "`c` is defined twice (first on line 2)", None),
    ("given: {x: vector(n)}\ndefine: {n: 1}\n", (1, 9), "`n` names a size here", None),
    ("define: {y: {a: 1}}\n", (1, 13), "`y` must be an expression, not a mapping", None),
    (
        "given:\n  yhat: 1\n  y: 2\ndefine:\n  L: (y - yhta)**2\n",
        (5, 11),
        "unknown name `yhta`",
        "did you mean `yhat`?",
    ),
    ("define:\n  y: >\n    1 +\n    q\n", (4, 5), "unknown name `q`", None),
    ("define:\n  a: b\n  b: c + 1\n  c: 2*b\n", (3, 6), "in a circle: b -> c -> b", None),
    ("define:\n  a: a + 1\n", (2, 6), "in a circle: a -> a", None),
    ("define: {y: sine(1)}\n", (1, 13), "unknown function `sine`", "did you mean `sin`?"),
    ("tasks: 3\n", (1, 8), "`tasks` must be a list", None),
    ("tasks: [gradiant]\n", (1, 9), "unknown task `gradiant`", "`gradient`"),
    ("tasks: [hesian]\n", (1, 9), "unknown task `hesian`", "`hessian`"),
    ("tasks: [xyzzy]\n", (1, 9), "unknown task `xyzzy`", "`stencil`"),
    ("given: {L: 1}\ntasks:\n - gradient: {of: L}\n", (3, 4), "gradient needs `wrt`", None),
    ("given: {L: 1}\ntasks:\n - jacobian: {of: l, wrt: L}\n", (3, 19), "unknown name `l`", "`L`"),
    ("given: {L: 1}\ntasks:\n - forward: {of: [L, L]}\n", (3, 22), "`L` stands twice", None),
    (
        "given: {L: 1}\ntasks:\n - gradient: {of: L, wrt: L, answer: 3}\n",
        (3, 30),
        "`answer` belongs beside `gradient`, not inside",
        None,
    ),
    ("tasks:\n - forward:\n   of: x\n", (3, 4), "`of` belongs inside `forward`", "indent"),
    ("tasks:\n - forward:\n   graph:\n", (3, 4), "two tasks in one entry", None),
    ("tasks:\n - forward:\n   tolerence: 1\n", (3, 4), "unknown key `tolerence`", "`tolerance`"),
    ("tasks:\n - forward:\n   tolerance: 0\n", (3, 15), "`tolerance` must be above 0", None),
    ("tasks:\n - forward: {after: u}\n", (2, 21), "no earlier update or train task", None),
    ("tasks:\n - forward:\n   id: '2'\n - graph\n", (4, 4), "a second task with the id `2`", None),
    ("tasks:\n - stencil: {derivative: -1}\n", (2, 26), "must be from 0 to 20", None),
    ("tasks:\n - stencil: {derivative: 1, side: left}\n", (2, 35), "cannot be `left`", "central"),
    ("given: {x: 1}\ntasks:\n - evaluate: {expr: x + q}\n", (3, 25), "unknown name `q`", None),
    (
        "given: {x: 1}\ntasks:\n - update: {of: x, wrt: x, rate: 1, optimizer: adaam}\n",
        (3, 48),
        "`optimizer` of update cannot be `adaam`",
        "`adam`",
    ),
    ("network: {input: 3}\n", (1, 10), "`layers` is missing", None),
    ("network:\n  input: 3\n  layers: [ReLu]\n", (3, 12), "unknown layer `ReLu`", "`ReLU`"),
    (
        "network:\n  input: 3\n  layers: [Residual]\n",
        (3, 12),
        "Residual needs its layers",
        "Residual: {body",
    ),
    ("network:\n  input: 3\n  layers: [Linear]\n", (3, 12), "Linear needs `out_features`", None),
    (
        "network:\n  input: 3\n  layers:\n    - Linear: {out_feature: 3}\n",
        (4, 16),
        "unknown key `out_feature` in Linear",
        "`out_features`",
    ),
    (
        "network:\n  input: [3, 8, 8]\n  layers:\n    - MaxPool2d: {kernel_size: k}\n",
        (4, 32),
        "unknown name `k`",
        "solve_shape",
    ),
    (
        "given: {output: 1}\nnetwork:\n  input: 3\n  layers: [ReLU]\n",
        (1, 9),
        "`output` is what",
        None,
    ),
]


@pytest.mark.parametrize(("text", "place", "message", "hint"), MISTAKES)
def test_mistake(text: str, place: tuple[int, int], message: str, hint: str | None) -> None:
    with pytest.raises(InputError) as caught:
        loads(text)
    where = caught.value.where
    assert message in caught.value.message
    assert where is not None
    assert (where.line, where.column) == place
    if hint is not None:
        assert hint in (caught.value.hint or "")


def test_error_as_it_is_printed() -> None:
    with pytest.raises(InputError) as caught:
        loads("given: {y: 1, yhat: 2}\n\ndefine:\n  L: (y - yhta)**2\n", "problem.yaml")
    assert render_error(caught.value) == (
        "problem.yaml:4:11: unknown name `yhta`\n"
        "    4 |   L: (y - yhta)**2\n"
        "      |           ^^^^\n"
        "  did you mean `yhat`?"
    )


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        (Where("p", 1, 3, "a\tb", 1), ["    1 | a    b", "      |      ^"]),
        (Where("p", 1, 3, "日本x", 1), ["    1 | 日本x", "      |     ^"]),
        (Where("p", 1, 1, "\x1b[31m", 1), ["    1 | \\x1b[31m", "      | ^^^^"]),
        (Where("p", 1, 3, "ab", 1), ["    1 | ab", "      |   ^"]),
        (
            Where("p", 1, 101, "x" * 100 + "HERE" + "y" * 100, 4),
            ["    1 | …" + "x" * 36 + "HERE" + "y" * 32 + "…", "      | " + " " * 37 + "^^^^"],
        ),
    ],
)
def test_excerpt(where: Where, shown: list[str]) -> None:
    assert render_error(InputError("m", where=where)).split("\n")[1:] == shown


def test_message_and_hint_are_escaped() -> None:
    error = TutorError("no \x1b[2J\u202e file", hint="a\nb")
    assert render_error(error) == "no \\x1b[2J\\u202e file\n  a\\x0ab"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Input:
        buffer = io.BytesIO(b"title: T\ndefine: {y: q}\n")

    monkeypatch.setattr(sys, "stdin", Input)
    with pytest.raises(InputError) as caught:
        load("-")
    assert render_error(caught.value).startswith("<stdin>:2:13: unknown name `q`")


def test_default_title_is_the_stem(tmp_path: Path) -> None:
    path = tmp_path / "my_problem.yaml"
    path.write_text("tasks:\n  - stencil: {derivative: 2}\n")
    problem = load(path)
    assert (problem.title, problem.path) == ("my_problem", path)


def test_an_image_loads_quickly() -> None:
    rows = [[f"{(31 * i + j) % 256}/255" for j in range(28)] for i in range(28)]
    text = "given:\n  X: " + str(rows).replace("'", "")
    loads(text)
    started = time.perf_counter()
    value = loads(text).given["X"].value
    assert time.perf_counter() - started < 0.25  # 0.03 s on a quiet machine
    assert value is not None
    assert value.shape == (28, 28)


def test_a_file_with_a_fault_is_refused_without_sympy() -> None:
    code = (
        "import sys\nfrom tutor.problem import loads\n"
        "try:\n    loads('a: [')\nexcept Exception:\n    pass\nprint('sympy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_every_definition_may_refer_to_later_ones() -> None:
    lines = [f"  a{i}: a{i + 1} + 1" for i in range(500)]
    problem = loads("given: {a500: 1}\ndefine:\n" + "\n".join(lines) + "\n")
    assert problem.define[0].names == ("a499",)
    assert isinstance(problem.define[0].expr, Binary)
    with pytest.raises(InputError, match="more than 512 definitions"):
        loads("define:\n" + "\n".join(f"  a{i}: {i}" for i in range(513)) + "\n")


def test_layer_arguments_are_left_to_the_layer_table() -> None:
    problem = loads(
        "given: {x: 'tensor(1, 4, 4)'}\ndefine:\n  y: relu(x)\n"
        "tasks:\n  - evaluate: {expr: 'maximum(x, 0)'}\n"
    )
    expr = problem.tasks[0].args["expr"]
    assert expr == Call("maximum", (Name("x"), Num("0")))


@settings(max_examples=150, deadline=None)
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, len(SINE)),
            st.integers(0, 6),
            st.text(st.sampled_from("ab01.:,-+*/@()[]{}'\"\n \t?&!%#|>é\x00π"), max_size=4),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_any_damage_is_read_or_told_with_a_place(edits: list[tuple[int, int, str]]) -> None:
    text = SINE
    for start, length, new in edits:
        text = text[:start] + new + text[start + length :]
    try:
        loads(text)
    except InputError as error:
        assert error.where is not None
        assert render_error(error).startswith("<text>:")
