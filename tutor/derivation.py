"""The derivative of one expression: a problem made for it, solved like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .errors import InputError, did_you_mean
from .expr import Expr, Name
from .notation.latex import latex
from .notation.text import text
from .problem.infer import DECLARED, Inferred, infer
from .problem.model import Convention, Problem, Task
from .problem.schema import CONVENTIONS
from .problem.task_table import TASKS
from .render import json as reference
from .render.wording import plain, words
from .steps import Solution, TaskResult, Text, in_turn
from .tasks import solve
from .words import speaking

KINDS = ("gradient", "jacobian", "hessian")
NEEDS = {"gradient": "a gradient", "hessian": "a Hessian"}


@dataclass(frozen=True)
class Derivation:
    """A solved problem with one definition, and in words what was taken for granted."""

    problem: Problem
    of: str
    solution: Solution
    assumed: tuple[Text, ...]
    otherwise: Mapping[str, int]  # see Inferred

    @property
    def results(self) -> tuple[TaskResult, ...]:
        return self.solution.tasks

    def on_screen(self) -> Solution:
        """The solution for a terminal, where one can also say how to have it otherwise."""
        if not self.otherwise:
            return self.solution
        name, order = next(iter(self.otherwise.items()))
        said = self.solution.statement or ""
        with speaking(self.solution.language):
            option = f'`-d "{name}: {DECLARED[order]}"`'
            more = plain("Say otherwise with -d, such as {option}.", option=option)
            both = plain("{a} {b}", a=said, b=more) if said else more
        return replace(self.solution, statement=both)

    def json(self) -> str:
        """The solution's JSON with one more field, `assumed`: a list of sentences."""
        data = reference.data(self.solution)
        with speaking(self.solution.language):
            data["assumed"] = [reference.plain(t) for t in self.assumed]
        return reference.written(data)

    def code(self, library: str) -> str:
        """A module with one function per result."""
        from .codegen import source
        from .problem.elaborate import elaborate
        from .tasks.workspace import Workspace

        ws = Workspace(self.problem, elaborate(self.problem))
        return source(ws, self.results, library)


def kind_of(*, hessian: bool, jacobian: bool) -> str | None:
    if hessian and jacobian:
        raise InputError("--hessian and --jacobian exclude each other")
    return "hessian" if hessian else "jacobian" if jacobian else None


def derivation(
    expression: str,
    wrt: Sequence[str] = (),
    declarations: Sequence[str] = (),
    *,
    kind: str | None = None,
    conventions: Mapping[str, Any] | None = None,
    checking: bool = True,
    language: str = "en",
    index: bool = False,
) -> Derivation:
    """Infer, derive, check.

    wrt: names; none is needed where the expression has only one.
    declarations: lines such as "A: matrix(m, n)".
    kind: gradient, jacobian or hessian; None takes the gradient of a scalar, else the Jacobian.
    conventions: layout and vec; None for the default.
    index: show the closed form entry by entry, too.
    """
    said = {k: str(v) for k, v in (conventions or {}).items() if v is not None}
    for name, value in {**said, **({} if kind is None else {"kind": kind})}.items():
        allowed = KINDS if name == "kind" else CONVENTIONS[name]
        if value not in allowed:
            listed = ", ".join(f"`{a}`" for a in allowed)
            hint = did_you_mean(value, allowed) or f"expected {listed}"
            raise InputError(f"`{name}` cannot be `{value[:40]}`", hint=hint)
    inferred = infer(expression, declarations, Convention(**said, stated=frozenset(said)))
    names = _variables(inferred, wrt)
    line = inferred.graph[inferred.of]
    kind = kind or ("gradient" if line.has_one_entry else "jacobian")
    if kind != "jacobian" and not line.has_one_entry:
        raise InputError(
            f"the expression has size {line.dims}: {NEEDS[kind]} needs a scalar",
            hint=_scalar_hint(inferred),
        )
    given = {**TASKS[kind], "of": None, "wrt": None}
    args = {name: arg.default if arg else None for name, arg in given.items()}
    form = {"form": "index"} if index else {}
    task = Task(
        "1", kind, {**args, "of": inferred.of, "wrt": names, **form}, inferred.graph[names[0]].where
    )
    with speaking(language):
        statement = _statement(inferred)
    problem = replace(inferred.problem, tasks=(task,), statement=statement, language=language)
    solution = solve(problem, checking=checking)
    return Derivation(problem, inferred.of, solution, inferred.assumed, inferred.otherwise)


def _scalar_hint(inferred: Inferred) -> str:
    """How to get a scalar: a name that was only taken for an array may be one."""
    maybe = [n for n, order in inferred.otherwise.items() if order == 0]
    if not maybe:
        return "ask for its Jacobian, or for the derivative of a scalar such as its sum"
    name = maybe[0]
    kind = ("scalar", "column", "matrix")[inferred.graph[name].leaf.order]
    return (
        f'`{name}` was taken for a {kind}; if it is a number, say -d "{name}: scalar"; or ask '
        "for the derivative of a scalar such as the sum of the entries"
    )


def _variables(inferred: Inferred, wrt: Sequence[str]) -> tuple[str, ...]:
    """The names to differentiate by, each of them one of the expression."""
    known = list(inferred.problem.given)
    if not known:
        raise InputError("the expression has no name to differentiate by")
    if not wrt:
        if len(known) > 1:
            listed = ", ".join(f"`{n}`" for n in known)
            raise InputError(f"with respect to which name? say --wrt and one of {listed}")
        return tuple(known)
    for name in wrt:
        if name not in known:
            hint = did_you_mean(name, known)
            hint = hint or "it has " + ", ".join(f"`{n}`" for n in known)
            raise InputError(f"the expression has no name `{name[:40]}`", hint=hint)
    return tuple(dict.fromkeys(wrt))


def _statement(inferred: Inferred) -> str | None:
    """What was taken for granted, as the text above the solution."""
    if not inferred.assumed:
        return None
    return words(in_turn(*inferred.assumed), _shown, str)


def _shown(e: Expr) -> str:
    """A name as mathematics, a part of the expression as it was typed."""
    return f"${latex(e)}$" if isinstance(e, Name) else f"`{text(e)}`"
