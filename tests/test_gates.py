"""Gates of recurrent cells: their usual names and order, what each is, and no name twice."""

from __future__ import annotations

import pytest

import tutor
from tutor.notation.text import text
from tutor.notation.unicode import unicode_text
from tutor.steps import Step
from tutor.tasks.forward import PARTS

WEIGHTS = """given:
  x: [1, -1]
  h: [1/2]
  c: [1/4]
  W: [[1, 0], [0, 1], [1, 1], [1, -1]]
  U: [[1], [0], [1], [1]]
  V: [[1, 0], [0, 1], [1, 1]]
  G: [[1], [0], [1]]
"""


def forward(definition: str, of: str) -> list[Step]:
    source = f"{WEIGHTS}define:\n  {definition}\ntasks:\n  - forward: {{of: {of}}}\n"
    (task,) = tutor.loads(source).solve().solution.tasks
    return [s for s in task.steps if s.id.startswith("forward.")]


def told(steps: list[Step], words: str) -> str:
    """The name of the line whose step begins with these words."""
    (step,) = (s for s in steps if s.why is not None and s.why.message.startswith(words))
    return text(step.equation[0])


@pytest.mark.parametrize(
    ("result", "names"),
    [
        ("h1", ["r_h1", "z_h1", "n_h1"]),
        ("h_1", ["r_h1", "z_h1", "n_h1"]),
        ("k", ["r", "z", "n"]),
        ("h_new", ["r_new", "z_new", "n_new"]),
    ],
)
def test_a_gru_step(result: str, names: list[str]) -> None:
    steps = forward(f"{result}: gru_cell(x, h, V, G)", result)
    words = ("The reset gate", "The update gate", "The candidate")
    assert [told(steps, w) for w in words] == names
    order = [text(s.equation[0]) for s in steps]
    assert sorted(names, key=order.index) == names
    printed = [unicode_text(s.equation[0]) for s in steps]
    assert len(set(printed)) == len(printed)  # z₁ is not also an intermediate


@pytest.mark.parametrize(("result", "tail"), [("h1, c1", "1"), ("h_t, c_t", "_t"), ("s, m", "")])
def test_an_lstm_step(result: str, tail: str) -> None:
    steps = forward(f'"{result}": lstm_cell(x, h, c, W, U)', f"[{result}]")
    words = ("The input gate", "The forget gate", "The candidate", "The output gate")
    names = [f"{letter}{tail}" for letter in "ifgo"]
    assert [told(steps, w) for w in words] == names
    order = [text(s.equation[0]) for s in steps]
    assert sorted(names, key=order.index) == names
    assert told(steps, "What goes into the gates i, f, g and o") == f"a{tail}"
    printed = [unicode_text(s.equation[0]) for s in steps]
    assert len(set(printed)) == len(printed)


def test_every_word_has_its_gate() -> None:
    """No part is named that no cell has."""
    lines = set()
    for definition in ('"h1, c1": lstm_cell(x, h, c, W, U)', "k: gru_cell(x, h, V, G)"):
        source = f"{WEIGHTS}define:\n  {definition}\ntasks:\n  - forward: {{of: all}}\n"
        source = source.replace("of: all", "of: h1" if "h1" in definition else "of: k")
        from tutor.problem.elaborate import elaborate

        graph = elaborate(tutor.loads(source).problem)
        lines |= {x.part for x in graph.lines.values() if x.part}
    assert set(PARTS) <= lines
