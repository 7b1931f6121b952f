"""The Python interface: load a problem, solve it, ask for single results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .declared import as_typed, declared, in_python, kind_of_thing, named, tasks_in
from .derivation import derivation
from .errors import InputError
from .notation.text import text
from .notation.unicode import unicode_text
from .problem import load as _load
from .problem import loads as _loads
from .problem.elaborate import elaborate
from .problem.expression import parse
from .problem.model import Problem, Task
from .problem.task_table import TASKS
from .steps import Solution, Step, TaskResult, Text
from .tasks import solve as _solve
from .tasks.extended import written
from .tasks.workspace import Workspace
from .words import speaking


def load(path: str | Path) -> LoadedProblem:
    """The problem in a YAML file. Raises tutor.errors.InputError with file, line and column."""
    return LoadedProblem(_load(path))


def loads(text: str) -> LoadedProblem:
    """The problem in a YAML text."""
    if not isinstance(text, str):
        raise TypeError(f"a problem is text in YAML, not {kind_of_thing(text)}")
    return LoadedProblem(_loads(text))


def derive(
    expression: str,
    /,
    wrt: str | Sequence[str] | None = None,
    *,
    kind: str | None = None,
    layout: str | None = None,
    vec: str | None = None,
    declare: Sequence[str] = (),
    checking: bool = True,
    language: str = "en",
    **shapes: Any,
) -> Derivative:
    """The derivative of one expression; sizes are inferred as far as the expression forces them.

    wrt: the variable; may be left out where the expression has only one name. A Hessian also takes
    two names: the mixed block, rows first.
    kind: gradient, jacobian or hessian; by default the gradient of a scalar, else the Jacobian.
    shapes: what names are, each by its own name: A="matrix(m, n)", A=(3, 2) for a shape, or a value
    as a number, a list or an array. `declare` takes whole lines ("A: matrix(m, n)"), for names that
    are words of this function.
    language: of the words around the mathematics: en, cs or zh.

    >>> derive("norm2(A @ x - y)**2", wrt="x").formula
    '2 * A.T @ (A @ x - y)'
    """
    if not isinstance(expression, str):
        raise TypeError(
            f"an expression is text, such as 'x.T @ A @ x', not {kind_of_thing(expression)}"
        )
    if isinstance(declare, str):
        raise TypeError("declare takes a list of lines, such as ['A: matrix(m, n)']")
    names = tuple(wrt) if isinstance(wrt, list | tuple) else () if wrt is None else (wrt,)
    if not all(isinstance(n, str) for n in names):
        raise TypeError(f"wrt takes a name, such as wrt='x', not {kind_of_thing(wrt)}")
    if len(names) > 1 and kind != "hessian":
        raise InputError(
            "one name at a time: derive gives one result",
            hint="call it once for each name; with kind='hessian' two names give the mixed block",
        )
    lines = [*declare, *(f"{name}: {declared(name, x)}" for name, x in shapes.items())]
    try:
        found = derivation(
            expression,
            names,
            lines,
            kind=kind,
            conventions={"layout": layout, "vec": vec},
            checking=checking,
            language=language,
        )
    except InputError as error:
        raise in_python(error) from None
    ws = Workspace(found.problem, elaborate(found.problem))
    return Derivative(found.results[0], ws, found.solution, found.assumed)


@dataclass(frozen=True, repr=False)
class LoadedProblem:
    """A problem file that was read."""

    problem: Problem

    def __repr__(self) -> str:
        return f"<Problem {self.problem.title!r}, {tasks_in(self.problem.tasks)}>"

    def solve(self, *, checking: bool = True, language: str | None = None) -> Solved:
        """The worked solution of all tasks, told in the file's own language or another."""
        problem = replace(self.problem, language=language) if language else self.problem
        return Solved(problem, _solve(problem, checking=checking))

    def _repr_html_(self) -> str:
        """The problem as a notebook shows it: statement, givens and questions."""
        from .exercises import exercise
        from .render import rich

        return rich.exercise(exercise(self.problem))


@dataclass(frozen=True, repr=False)
class Solved:
    """A solution; `solution["L"].gradient("w")` derives any further quantity of the problem."""

    problem: Problem
    solution: Solution

    def __repr__(self) -> str:
        said = "all checks passed" if self.solution.ok else "a check failed"
        return f"<Solved {self.problem.title!r}, {tasks_in(self.tasks)}, {said}>"

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


@dataclass(frozen=True, repr=False)
class Quantity:
    """A named quantity of a problem, and its derivatives."""

    workspace: Workspace
    name: str

    def __repr__(self) -> str:
        value = self.workspace.paper(self.workspace.line(self.name))
        size = self.workspace.line(self.name).dims
        short = value is not None and value.is_short()
        return f"<Quantity {self.name} = {text(value.expr())}>" if short and value else (
            f"<Quantity {self.name}, {size}>"
        )  # fmt: skip

    def gradient(self, wrt: str) -> Derivative:
        """Of a scalar, in the shape of the variable."""
        return self._asked("gradient", wrt=named(wrt))

    def jacobian(self, wrt: str) -> Derivative:
        """As a matrix, in the problem's layout."""
        return self._asked("jacobian", wrt=named(wrt))

    def hessian(self, wrt: str, second: str | None = None) -> Derivative:
        """The second derivative by one variable, or the block of two (rows first)."""
        names = (named(wrt),) if second is None else (named(wrt), named(second))
        return self._asked("hessian", wrt=names)

    def directional(self, wrt: str, along: Any) -> Derivative:
        """The rate of change while the variable moves along a direction.

        along: a list or an array of the variable's shape, or an expression such as "[1, -1]".
        """
        typed = parse(along if isinstance(along, str) else as_typed(along))
        return self._asked("directional", wrt=named(wrt), along=typed)

    def taylor(self, wrt: str, order: int = 2) -> Derivative:
        """The linear or quadratic model near the point."""
        return self._asked("taylor", wrt=named(wrt), order=order)

    @property
    def value(self):
        found = self.workspace.paper(self.workspace.line(self.name))
        if found is None:
            raise InputError(f"`{self.name}` has no value: some of the given quantities have none")
        return found.numbers()

    def _asked(self, kind: str, **args: Any) -> Derivative:
        """The same as a task of the problem's file."""
        problem = self.workspace.problem
        place = next(iter((*problem.define, *problem.given.values()))).where
        default = {name: arg.default if arg else None for name, arg in TASKS[kind].items()}
        sources = {k: written(x, place) for k, x in args.items() if k == "along"}
        task = Task("1", kind, {**default, "of": self.name, **args}, place, sources)
        solution = _solve(replace(problem, tasks=(task,), statement=None, notes=None))
        return Derivative(solution.tasks[0], self.workspace, solution)


@dataclass(frozen=True, repr=False)
class Derivative:
    """A result with its formula, value, steps and check, and as code."""

    result: TaskResult
    workspace: Workspace
    solution: Solution
    reasons: tuple[Text, ...] = ()  # of what `derive` took for granted

    def __repr__(self) -> str:
        symbol = self.result.symbol
        said = self.formula
        if said is None and self.result.value is not None:
            said = text(self.result.value.expr()) if self.result.value.is_short() else None
        start = "Derivative" if symbol is None else f"Derivative {unicode_text(symbol)}"
        return f"<{start} = {said}>" if said else f"<{start}, {self.result.dims}>"

    @property
    def value(self):
        return None if self.result.value is None else self.result.value.numbers()

    @property
    def exact(self):
        return None if self.result.value is None else self.result.value.strings()

    @property
    def formula(self) -> str | None:
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

        ws = self.workspace
        told = self.solution
        return rich.steps(self.result.steps, ws.variables(), told.language, told.conventions)

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

        with speaking(self.solution.language):
            return tuple(plain(t) for t in self.reasons)

    def text(self) -> str:
        """The derivation as it is printed in a terminal."""
        from .render.terminal import terminal

        return terminal(self.solution)

    def code(self, library: str = "numpy") -> str:
        """A function in NumPy, PyTorch ("torch") or JAX ("jax"), ready to paste."""
        from .codegen import source

        return source(self.workspace, [self.result], library)

    def compile(self, library: str = "numpy") -> Callable[..., Any]:
        """The same as something to call: arrays in, by position or by name, an array out."""
        from .codegen import function_of

        return function_of(self.workspace, self.result, library)

    def _repr_html_(self) -> str:
        """What a notebook shows: the formula and its value, and the steps to unfold."""
        from .render import rich

        return rich.solution(self.solution)

    def _repr_latex_(self) -> str | None:
        """The formula and its value alone."""
        from .render import rich

        return rich.formula(self.result, self.workspace.variables())

    def __str__(self) -> str:
        return self.formula or "no closed form"
