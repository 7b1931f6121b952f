"""The Python interface: load a problem, solve it, ask for single results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .derivation import Derivation, derivation
from .errors import InputError
from .problem import load as _load
from .problem import loads as _loads
from .problem.elaborate import elaborate
from .problem.model import Problem
from .steps import Solution, Step, TaskResult
from .tasks import gradient as _gradient
from .tasks import hessian as _hessian
from .tasks import solve as _solve
from .tasks.workspace import Workspace


def load(path: str | Path) -> LoadedProblem:
    """The problem in a YAML file. Raises tutor.errors.InputError with file, line and column."""
    return LoadedProblem(_load(path))


def loads(text: str) -> LoadedProblem:
    """The problem in a YAML text."""
    return LoadedProblem(_loads(text))


def derive(
    expression: str,
    /,
    wrt: str | None = None,
    *,
    kind: str | None = None,
    layout: str | None = None,
    vec: str | None = None,
    declare: Sequence[str] = (),
    checking: bool = True,
    **shapes: str,
) -> Derivative:
    """The derivative of one expression; sizes are inferred as far as the expression forces them.

    wrt: the variable; may be left out where the expression has only one name.
    kind: gradient, jacobian or hessian; by default the gradient of a scalar, else the Jacobian.
    shapes: declarations by name, such as A="matrix(m, n)"; `declare` takes whole lines
    ("A: matrix(m, n)"), for names that are words of this function.

    >>> derive("norm2(A @ x - y)**2", wrt="x").formula
    '2 * A.T @ (A @ x - y)'
    """
    lines = [*declare, *(f"{name}: {shape}" for name, shape in shapes.items())]
    found = derivation(
        expression,
        () if wrt is None else (wrt,),
        lines,
        kind=kind,
        conventions={"layout": layout, "vec": vec},
        checking=checking,
    )
    ws = Workspace(found.problem, elaborate(found.problem))
    return Derivative(found.results[0], ws, found)


@dataclass(frozen=True)
class LoadedProblem:
    problem: Problem

    def solve(self, *, checking: bool = True) -> Solved:
        """The worked solution of all tasks."""
        return Solved(self.problem, _solve(self.problem, checking=checking))

    def _repr_html_(self) -> str:
        """The problem as a notebook shows it: statement, givens and questions."""
        from .exercises import exercise
        from .render import rich

        return rich.exercise(exercise(self.problem))


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

    def _repr_html_(self) -> str:
        from .render import rich

        return rich.solution(self.solution)

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

    def hessian(self, wrt: str, second: str | None = None) -> Derivative:
        """The second derivative by one variable, or the block of two (rows first)."""
        names = (wrt,) if second is None else (wrt, second)
        place = next(iter(self.workspace.problem.define)).where
        result = _hessian.derive(self.workspace, "1", self.name, names, place)
        return Derivative(result, self.workspace)

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
    """A result with its formula, value, steps and check, and as code."""

    result: TaskResult
    workspace: Workspace
    origin: Derivation | None = None  # of `derive`

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
    def steps(self) -> tuple[Step, ...]:
        """The steps; a notebook shows one, or all of them, typeset."""
        from .render import rich

        return rich.steps(self.result.steps, self.workspace.variables())

    @property
    def shape(self):
        return self.result.shape

    @property
    def check(self):
        return self.result.check

    @property
    def assumed(self) -> tuple[str, ...]:
        """What `derive` took for granted, in sentences."""
        from .render.json import plain

        return () if self.origin is None else tuple(plain(t) for t in self.origin.assumed)

    def text(self) -> str:
        """The derivation as it is printed in a terminal."""
        from .render.terminal import terminal

        if self.origin is None:
            raise InputError("only a derivation of its own has a text; take the solution's")
        return terminal(self.origin.solution)

    def code(self, library: str = "numpy") -> str:
        """A function in NumPy, PyTorch ("torch") or JAX ("jax"), ready to paste."""
        from .codegen import source

        return source(self.workspace, [self.result], library)

    def compile(self, library: str = "numpy") -> Callable[..., Any]:
        """The same as something to call: arrays in, by position or by name, an array out."""
        from .codegen import function_of

        return function_of(self.workspace, self.result, library)

    def _repr_latex_(self) -> str | None:
        """What a notebook shows: the formula and its value."""
        from .render import rich

        return rich.formula(self.result, self.workspace.variables())

    def __str__(self) -> str:
        return self.formula or "no closed form"
