"""Every file under `problems/`: solved, agreeing with its answers, checked, and rendered.

The tests of the tests come with them: a changed answer has to be called wrong, and a result that is
not what it should be has to fail its cross-check.
"""

from __future__ import annotations

import json as stdlib_json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tutor
from tutor import cli
from tutor.expr import Binary, List, Num
from tutor.notation.block import width
from tutor.problem.model import Problem
from tutor.render.json import json
from tutor.render.latex import latex
from tutor.render.markdown import markdown
from tutor.render.terminal import terminal
from tutor.steps import Solution
from tutor.tasks import chain, descent, matrix_form, solve, workspace

FOLDER = Path(__file__).parent.parent / "problems"
FILES = sorted(FOLDER.rglob("*.yaml"))
SEEDS = [f for f in FILES if f.parent.name == "seeds"]
DOCUMENT = re.compile(r"00[0-4]_[0-9a-f]{16}\.txt")
UNCHECKED = {"graph"}  # tasks without numbers of their own to check
# file stem: how many warnings its solution has; 0 if not listed
# exact sigmoids of sigmoids and softmaxes are too long
WARNINGS: dict[str, int] = {
    "mazur": 1, "attention": 1, "staged_computation": 1, "binary_losses": 1, "lstm_two_steps": 1,
    "attention_values": 1,
    "residual_norm": 4,  # what a network takes for granted, too
}  # fmt: skip


def named(path: Path) -> str:
    return path.stem


every_file = pytest.mark.parametrize("path", FILES, ids=named)


@cache
def problem(path: Path) -> Problem:
    return tutor.load(path).problem


@cache
def solution(path: Path) -> Solution:
    return solve(problem(path))


# what the files are ------------------------------------------------------------------------------


def test_the_exercises_are_there() -> None:
    """The issue of each document is covered: by name, so that none can silently go missing."""
    assert {f.stem for f in SEEDS} >= {
        "sine_neuron", "conv_layers", "conv_maxpool_net", "dimensions", "rgb_conv_layer",
        "cross_correlation", "edge_detection", "diagonal_edges", "conv_as_matrix",
        "multi_channel", "one_by_one_conv", "pooling", "conv_with_bias", "learn_kernel",
        "learn_kernel_again", "derivative_kernels", "laplacian_kernel", "integral_kernel",
    }  # fmt: skip
    cited = {d for f in SEEDS for d in DOCUMENT.findall(problem(f).source or "")}
    assert len(cited) == 5, "every one of the five documents is a source of some exercise"


@pytest.mark.parametrize("path", SEEDS, ids=named)
def test_a_seed_exercise_is_complete(path: Path) -> None:
    p = problem(path)
    assert p.title and p.statement and DOCUMENT.search(p.source or "")
    assert any(t.answer is not None for t in p.tasks)
    assert all(t.text for t in p.tasks), "every task is asked in words"
    assert not any(t.id.isdigit() for t in p.tasks), "every task has a name"


# solving -----------------------------------------------------------------------------------------


@every_file
def test_every_answer_agrees(path: Path) -> None:
    wrong = {t.id: t.answer for t in solution(path).tasks if t.answer and not t.answer.correct}
    assert not wrong
    judged = {t.id for t in solution(path).tasks if t.answer is not None}
    assert judged == {t.id for t in problem(path).tasks if t.answer is not None}


@every_file
def test_every_check_passes(path: Path) -> None:
    solved = solution(path)
    assert solved.ok
    for t in solved.tasks:
        if t.task not in UNCHECKED:
            assert t.check is not None, f"{t.id} is not checked"
            assert t.check.passed and t.check.max_rel_error < 1e-6


@every_file
def test_no_surprising_warning(path: Path) -> None:
    assert len(solution(path).warnings) == WARNINGS.get(path.stem, 0)


# rendering ---------------------------------------------------------------------------------------


@every_file
def test_it_reads_in_a_terminal(path: Path) -> None:
    solved = solution(path)
    rows = terminal(solved).splitlines()
    assert max(map(width, rows)) <= 80
    assert solved.title in rows[0]
    assert sum("agrees with the expected answer" in r for r in rows) == sum(
        t.answer is not None for t in solved.tasks
    )


@every_file
def test_it_is_strict_json(path: Path) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    data = stdlib_json.loads(json(solution(path)), parse_constant=refuse)
    assert [t["id"] for t in data["tasks"]] == [t.id for t in solution(path).tasks]
    assert all(t["answer"]["correct"] for t in data["tasks"] if t.get("answer"))


@every_file
@pytest.mark.parametrize("render", [markdown, latex])
def test_it_is_typeset(path: Path, render: Callable[[Solution], str]) -> None:
    out = render(solution(path))
    assert out.count("{") == out.count("}")
    assert "None" not in out
    for t in problem(path).tasks:
        words = re.findall(r"[A-Za-z]{4,}", t.text or "")
        assert all(w in out for w in words)


# planted faults: answers -------------------------------------------------------------------------


def changed(answer: Any) -> Any:
    """The same answer with 1 added to its first number; a whole term is shifted as such."""
    if isinstance(answer, List):
        return List((changed(answer.items[0]), *answer.items[1:]))
    if isinstance(answer, tuple | list):
        return (changed(answer[0]), *answer[1:])
    return Binary("+", answer, Num("1"))


def with_answers(p: Problem, fault: Callable[[Any], Any]) -> Problem:
    tasks = [replace(t, answer=fault(t.answer)) if t.answer is not None else t for t in p.tasks]
    return replace(p, tasks=tuple(tasks))


@every_file
def test_a_changed_answer_is_wrong(path: Path) -> None:
    """Every key of every answer, one after the other."""
    answers = [t.answer for t in problem(path).tasks if t.answer is not None]
    separate = [t.answer for t in problem(path).tasks if t.kind in ("gradient", "jacobian")]
    rounds = max((len(a) for a in answers if isinstance(a, Mapping)), default=1)
    for k in range(rounds):

        def fault(answer: Any, k: int = k) -> Any:
            if not isinstance(answer, Mapping):
                return changed(answer)
            if answer in separate:  # one result per name: each has to be called wrong
                return {key: changed(one) for key, one in answer.items()}
            key = list(answer)[k % len(answer)]
            return {**answer, key: changed(answer[key])}

        solved = solve(with_answers(problem(path), fault), checking=False)
        called = [t.answer.correct for t in solved.tasks if t.answer is not None]
        assert called and not any(called)


def test_a_wrong_answer_is_reported(tmp_path: Path, monkeypatch, capsys) -> None:
    text = (FOLDER / "seeds" / "sine_neuron.yaml").read_text()
    assert "[-12, -6]" in text
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text.replace("[-12, -6]", "[-12, 6]"))
    assert status(monkeypatch, wrong) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "differs from the expected answer [-12, 6]" in out
    assert "entry 2 was expected to be 6, but is -6" in out


# planted faults: results -------------------------------------------------------------------------


def status(monkeypatch, path: Path) -> int:
    monkeypatch.setattr(sys, "argv", ["tutor", "solve", str(path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def off_by_one(function: Callable[..., Any]) -> Callable[..., Any]:
    """Every array that the function returns, larger by 1."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        out = function(*args, **kwargs)
        if isinstance(out, list):
            return [np.asarray(x + 1, dtype=x.dtype) for x in out]
        return np.asarray(out + 1, dtype=out.dtype)

    return wrong


def twice(function: Callable[..., Any]) -> Callable[..., Any]:
    """Derivatives that count every path double."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        from tutor.graph.node import scale

        return [scale(2, n) for n in function(*args, **kwargs)]

    return wrong


FAULTS = [  # what is broken, how, the exercise and its task that must notice
    (workspace, "evaluate", off_by_one, "sine_neuron", "prediction"),
    (workspace, "evaluate", off_by_one, "conv_layers", "stride-3"),
    (workspace, "evaluate", off_by_one, "pooling", "max"),
    (workspace, "evaluate", off_by_one, "one_by_one_conv", "difference"),
    (chain, "pullback", twice, "sine_neuron", "slope"),
    (chain, "pullback", twice, "sine_neuron", "update"),
    (chain, "pullback", twice, "conv_maxpool_net", "gradient"),
    (chain, "pullback", twice, "conv_with_bias", "bias"),
    (descent, "pullback", twice, "learn_kernel", "training"),
    (matrix_form, "_unrolled", off_by_one, "conv_as_matrix", "matrices"),
    (matrix_form, "_patches", off_by_one, "conv_as_matrix", "matrices"),
]


@pytest.mark.parametrize(
    ("module", "name", "fault", "stem", "task"),
    FAULTS,
    ids=[f"{m.__name__.rpartition('.')[2]}.{n}-{s}-{t}" for m, n, _, s, t in FAULTS],
)
def test_a_corrupted_result_fails_its_check(
    module: Any, name: str, fault: Callable[..., Any], stem: str, task: str, monkeypatch
) -> None:
    p = problem(FOLDER / "seeds" / f"{stem}.yaml")
    sound = solve(p, only=task)
    assert sound.ok
    monkeypatch.setattr(module, name, fault(getattr(module, name)))
    broken = solve(p, only=task)
    assert not broken.ok
    assert "FAILED" in terminal(broken).upper()


def test_a_failed_check_ends_with_status_3(monkeypatch, capsys) -> None:
    monkeypatch.setattr(chain, "pullback", twice(chain.pullback))
    assert status(monkeypatch, FOLDER / "seeds" / "conv_maxpool_net.yaml") == 3
    assert "check" in capsys.readouterr().err
