"""The Python interface: load a problem, solve it, ask for single results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import InputError
from .problem import load as _load
from .problem import loads as _loads
from .problem.elaborate import elaborate
from .problem.model import Problem
from .steps import Solution, TaskResult
from .tasks import gradient as _gradient
from .tasks import solve as _solve
from .tasks.workspace import Workspace


def load(path: str | Path) -> LoadedProblem:
    """The problem in a YAML file. Raises tutor.errors.InputError with file, line and column."""
    return LoadedProblem(_load(path))


def loads(text: str) -> LoadedProblem:
    """The problem in a YAML text."""
    return LoadedProblem(_loads(text))


@dataclass(frozen=True)
class LoadedProblem:
    problem: Problem

    def solve(self, *, checking: bool = True) -> Solved:
        """The worked solution of all tasks."""
        return Solved(self.problem, _solve(self.problem, checking=checking))


@dataclass(frozen=True)
class Solved:
    """A solution; `solution["L"].gradient("w")` derives any further quantity of the problem."""

    problem: Problem
    solution: Solution

    def __getitem__(self, name: str) -> Quantity:
        ws = Workspace(self.problem, elaborate(self.problem))
        ws.line(name)
        return Quantity(ws, name)

    @property
    def tasks(self) -> tuple[TaskResult, ...]:
        return self.solution.tasks

    def text(self) -> str:
        """The solution as it is printed in a terminal."""
        from .render.terminal import terminal

        return terminal(self.solution)

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True)
class Quantity:
    """A named quantity of a problem, and its derivatives."""

    workspace: Workspace
    name: str

    def gradient(self, wrt: str) -> Derivative:
        return self._derived("gradient", wrt)

    def jacobian(self, wrt: str) -> Derivative:
        return self._derived("jacobian", wrt)

    @property
    def value(self):
        found = self.workspace.paper(self.workspace.line(self.name))
        if found is None:
            raise InputError(f"`{self.name}` has no value: some of the given quantities have none")
        return found.numbers()

    def _derived(self, kind: str, wrt: str) -> Derivative:
        result = _gradient.solve(self.workspace, "1", kind, self.name, wrt)
        return Derivative(result, self.workspace)


@dataclass(frozen=True)
class Derivative:
    """A result with its formula, value, steps and check."""

    result: TaskResult
    workspace: Workspace

    @property
    def value(self):
        return None if self.result.value is None else self.result.value.numbers()

    @property
    def exact(self):
        return None if self.result.value is None else self.result.value.strings()

    @property
    def formula(self) -> str | None:
        from .notation.text import text

        return None if self.result.formula is None else text(self.result.formula)

    @property
    def latex(self) -> str | None:
        from .notation.latex import latex

        if self.result.formula is None:
            return None
        return latex(self.result.formula, self.workspace.variables())

    @property
    def steps(self):
        return self.result.steps

    @property
    def shape(self):
        return self.result.shape

    @property
    def check(self):
        return self.result.check

    def __str__(self) -> str:
        return self.formula or "no closed form"
