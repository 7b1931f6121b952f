"""`tutor new` and `tutor schema`: a start that works, and what an editor knows of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft7Validator

from tutor import load
from tutor.cli import app
from tutor.problem.json_schema import json_schema
from tutor.problem.layers import LAYERS
from tutor.problem.task import plain
from tutor.problem.task_table import TASKS
from tutor.problem.tree import Document
from tutor.problem.yaml import parse

PROBLEMS = sorted((Path(__file__).parents[1] / "problems").glob("*/*.yaml"))
SCHEMA = Draft7Validator(json_schema())


def data_of(text: str) -> Any:
    """The file as an editor sees it: YAML 1.2, scalars typed."""
    return _typed(plain(parse(Document("problem.yaml", text))))


def _typed(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _typed(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_typed(item) for item in data]
    return {"true": True, "false": False, "": None, "null": None}.get(data, data)


def test_it_is_a_schema() -> None:
    Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda p: p.stem)
def test_good_files_are_accepted(path: Path) -> None:
    SCHEMA.validate(data_of(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("gven: {x: 1}", []),
        ("convention: {layout: numerater}", ["convention", "layout"]),
        ("given: {x: {shpe: [2]}}", ["given", "x"]),
        ("tasks: [gradiant]", ["tasks", 0]),
        ("tasks: [gradient]", ["tasks", 0]),
        ("tasks: [{gradient: {of: L}}]", ["tasks", 0]),
        ("tasks: [{gradient: {of: L, wrt: w, rate: 1}}]", ["tasks", 0]),
        ("tasks: [{update: {of: L, wrt: w, optimizer: adma}}]", ["tasks", 0]),
        ("tasks: [{forward: {}, graph: {}}]", ["tasks", 0]),
        ("tasks: [{text: what?}]", ["tasks", 0]),
        ("network: {layers: [ReLU]}", ["network"]),
        ("network: {input: 3, layers: [Relu]}", ["network", "layers", 0]),
        ("network: {input: 3, layers: [Linear]}", ["network", "layers", 0]),
        ("network: {input: 3, layers: [Linear: {outfeatures: 1}]}", ["network", "layers", 0]),
        ("network: {input: 3, layers: [Repeat: {times: 2}]}", ["network", "layers", 0]),
    ],
)
def test_bad_files_are_not(text: str, where: list[str | int]) -> None:
    with pytest.raises(jsonschema.ValidationError) as caught:
        SCHEMA.validate(data_of(text))
    assert list(caught.value.absolute_path) == where


def test_every_task_and_layer_is_in_it() -> None:
    known = json_schema()["definitions"]
    assert set(TASKS) <= known["task"]["anyOf"][1]["properties"].keys()
    assert set(LAYERS) <= known["layer"]["anyOf"][1]["properties"].keys()


def test_the_command_prints_it(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["schema"])
    assert json.loads(done.stdout) == json_schema()


def test_the_starter_is_a_solved_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["new"]).exit_code == 0
    solution = load("problem.yaml").solve()
    assert not solution.solution.failed and not solution.solution.warnings
    answers = [t.answer for t in solution.solution.tasks if t.answer is not None]
    assert answers and all(a.correct for a in answers)
    assert SCHEMA.is_valid(yaml.safe_load(Path("problem.yaml").read_text()))


def test_new_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("title: mine\n")
    with pytest.raises(Exception, match="exists already"):
        CliRunner().invoke(app, ["new", str(file)], catch_exceptions=False)
    assert file.read_text() == "title: mine\n"
