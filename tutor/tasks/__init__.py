"""From a problem to its solution: every task in order, each seeing what earlier ones produced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import InputError, did_you_mean
from ..expr import Name
from ..problem.model import Problem, Source, Task
from ..steps import Solution, TaskResult, Text
from ..value import in_decimals
from .no_value import NoDerivative

if TYPE_CHECKING:
    from .train import Progress
    from .workspace import Workspace


def solve(
    problem: Problem,
    *,
    only: str | None = None,
    checking: bool = True,
    progress: Progress | None = None,
) -> Solution:
    """The worked solution. `only` limits it to the task of that id (and what it needs).

    progress is called now and then during a training: steps made, steps in all, loss.
    """
    if not problem.tasks:
        raise InputError("there is nothing to do: the file has no `tasks`")
    if only is not None and all(t.id != only for t in problem.tasks):
        ids = [t.id for t in problem.tasks]
        raise InputError(
            f"there is no task `{only}`", hint=did_you_mean(only, ids) or "tasks: " + ", ".join(ids)
        )
    from ..notation.sliding_axes import convolving, sliding

    session = _Session(problem, checking, progress)
    needed = _needed(problem, only)
    results: list[TaskResult] = []
    convention, windows = problem.convention, problem.has_windows
    for task in problem.tasks:
        if needed is None or task.id in needed:
            digits = in_decimals(problem.in_decimals)
            with convolving(convention.conv), sliding(windows), digits:
                found = session.run(task)
            results += [r for r in found if only is None or r.id == only]
    return Solution(
        title=problem.title,
        source=problem.source,
        statement=problem.statement,
        conventions={k: getattr(convention, k) for k in ("layout", "vec", "conv", "ties", "style")},
        variables=session.variables(),
        tasks=tuple(results),
        warnings=tuple(session.warnings),
        diagram=session.diagram(),
        relevant=session.relevant(results),
        language=problem.language,
        notes=problem.notes,
    )


def _needed(problem: Problem, only: str | None) -> set[str] | None:
    if only is None:
        return None
    by_id = {t.id: t for t in problem.tasks}
    needed, name = set(), only
    while name and name not in needed:
        needed.add(name)
        name = by_id[name].args.get("after")
    return needed


class _Session:
    def __init__(self, problem: Problem, checking: bool, progress: Progress | None = None) -> None:
        self.problem = problem
        self.checking = checking
        self.progress = progress
        self.warnings: list[Text] = []
        self.after: dict[str, Workspace | None] = {}
        self.undefined: dict[str, Text] = {}  # task -> why it led nowhere
        self._ws: Workspace | None = None

    @property
    def ws(self) -> Workspace:
        """The surface graph at the given point; made when the first task needs it."""
        if self._ws is None:
            from ..problem.elaborate import elaborate
            from .workspace import Workspace

            graph = elaborate(self.problem, self.problem.unknowns)
            self._ws = Workspace(self.problem, graph, checking=self.checking)
            self.warnings.extend(self.problem.remarks)
            self._warn(self._ws)
        return self._ws

    def _warn(self, ws: Workspace) -> None:
        for line in ws.graph.lines.values():
            value = ws.numbers[line.name]
            exact_before = all(
                v is not None and v.dtype == object
                for v in (ws.numbers[o.name] for o in line.operands)
            )
            if line.op is not None and value is not None and value.dtype != object and exact_before:
                self.warnings.append(
                    Text(
                        "From {y} on the numbers are rounded: the exact ones would be too long.",
                        {"y": Name(line.name)},
                    )
                )
                break

    def variables(self) -> Mapping[str, Any]:
        return self.ws.variables() if self.problem.given or self.problem.define else {}

    def diagram(self) -> Any:
        from ..limits import PICTURE_NODES

        if not self.problem.define or len(self.ws.graph.lines) > PICTURE_NODES:
            return None
        from .graph import diagram

        return diagram(self.ws, values=False)

    def relevant(self, results: list[TaskResult]) -> frozenset[str]:
        """The conventions that some result here would change with."""
        found = set(self.problem.convention.stated)
        kinds = {r.task for r in results}
        if self.problem.define:
            used = [x.op.name for x in self.ws.graph.lines.values() if x.op is not None]
            if kinds & {"gradient", "jacobian", "shapes"} or _mixed(results):
                found.add("layout")
            if any(n in ("vec", "unvec") for n in used) or kinds & {"jacobian", "hessian"}:
                found.add("vec")
            if any(n.startswith("conv") for n in used):
                found.add("conv")
            if any(n.startswith("max") or n == "min" for n in used):
                found.add("ties")
        return frozenset(found)

    def run(self, task: Task) -> list[TaskResult]:
        try:
            try:
                results = self.results(task)
            except NoDerivative as error:
                results = self.without_value(task, error.why)
        except InputError as error:
            raise error.at(task.where) from None
        for why in dict.fromkeys(r.undefined for r in results if r.undefined is not None):
            self.warnings.append(Text("Task {t}: {why}", {"t": task.id, "why": why}))
        return [self.finished(task, r) for r in results]

    def without_value(self, task: Task, why: Text) -> list[TaskResult]:
        """The task without values of what is differentiated by, if that leaves anything to do."""
        from .undefined import refused, with_reason

        self.undefined[task.id] = why
        try:
            ws = self.moved(task.args["after"]) if task.args.get("after") else self.ws
            found = self.results(task, ws.without(_as_tuple(task.args["wrt"])))
        except InputError:
            found = [refused(task, why)]
        self.after[task.id] = None
        return [with_reason(r, why) for r in found]

    def finished(self, task: Task, result: TaskResult) -> TaskResult:
        def point() -> Workspace:
            return self.moved(task.args["after"]) if task.args.get("after") else self.ws

        named = point if self.problem.given and self.problem.define else None
        answer = result.answer
        if answer is None and task.answer is not None:
            from .answers import judged

            answer = judged(task, result, named)
        heading = result.heading
        if task.args.get("after"):
            heading = Text("{h}, after task {t}", {"h": heading, "t": task.args["after"]})
        return replace(
            result,
            answer=answer,
            heading=heading,
            text=task.text,
            points=task.points,
            hint=task.hint,
        )

    def moved(self, task_id: str) -> Workspace:
        """The point that an earlier update or training led to."""
        ws = self.after[task_id]
        if task_id in self.undefined:
            raise NoDerivative(Text("Task {t} led to no new point.", {"t": task_id}))
        if ws is None:
            raise InputError(
                f"task `{task_id}` has no numbers to go on from: some quantity has no value there",
                hint="give values to the quantities that it depends on",
            )
        return ws

    def results(self, task: Task, ws: Workspace | None = None) -> list[TaskResult]:
        """ws: in place of the workspace at the task's own point"""
        from importlib import import_module

        args = task.args
        module = import_module(f"{__name__}.{_MODULES.get(task.kind, task.kind)}")
        if task.kind in ("parameters", "solve_shape", "stencil"):
            return [module.solve(self.problem, task)]
        ws = ws or (self.moved(args["after"]) if args.get("after") else self.ws)
        match task.kind:
            case "forward":
                if args.get("after"):
                    ws.shown.clear()  # the values there are new
                return [module.solve(ws, task.id, args["of"])]
            case "graph":
                return [module.solve(ws, task.id, args["values"], args["gradients"])]
            case "shapes":
                return [module.solve(ws, task.id, args["of"], args["edges"])]
            case "gradient" | "jacobian":
                found = []
                for name in _as_tuple(args["wrt"]):
                    result = module.solve(ws, task.id, task.kind, args["of"], name)
                    found.append(_formed(ws, task, result))
                    if task.kind == "gradient" and not args.get("after"):
                        ws.derived.setdefault((args["of"], name), task.id)
                return found
            case "hessian":
                return [_formed(ws, task, module.solve(ws, task))]
            case "directional" | "taylor" | "stationary":
                return [module.solve(ws, task)]
            case "update" | "train":
                more = (self.progress,) if task.kind == "train" else ()
                result, self.after[task.id] = module.solve(ws, task, *more)
                return [result]
            case "matrix_form":
                return [module.solve(ws, task.id, args["of"])]
            case "evaluate":
                source: Source = task.sources["expr"]
                return [module.solve(ws, task.id, args["expr"], source)]
            case kind:
                raise InputError(f"unknown task `{kind}`")


def _formed(ws: Workspace, task: Task, result: TaskResult) -> TaskResult:
    """With subscripts too, if the task asks for that; else with names for what repeats."""
    if task.args.get("form") != "index":
        from .shortened import shortened

        return shortened(ws, result, task.where)
    from .by_index import by_index

    return by_index(ws, result)


def _mixed(results: list[TaskResult]) -> bool:
    """Whether a block of second derivatives is shown, whose rows and columns differ."""
    return any(r.task == "hessian" and not isinstance(r.subject["wrt"], str) for r in results)


_MODULES = {"jacobian": "gradient"}


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return (x,) if isinstance(x, str | Name) else tuple(x)
