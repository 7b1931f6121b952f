"""Problems as exercises: what a student's sheet asks, made from the problem alone.

Nothing here is solved, so no answer can leak into a sheet: expected answers, hints and tolerances
of the tasks are never read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .expr import Expr, Name, Num, Partial
from .problem.applied import apply_network
from .problem.arguments import UnknownSizeError
from .problem.elaborate import elaborate
from .problem.model import Block, Layer, Problem, Task
from .render.sheet import Exercise, Question, label
from .steps import Table, Text, Variable, all_of, in_turn
from .tasks.optimisers import OPTIMISERS
from .tasks.optimisers import sentence as worded
from .tasks.shapes import BLANK, blank
from .tasks.stencil_kernel import SIDE
from .tasks.workspace import Workspace


def exercise(problem: Problem) -> Exercise:
    """The sheet's data of one problem."""
    ws = _workspace(problem)
    return Exercise(
        title=problem.title,
        source=problem.source,
        statement=problem.statement,
        variables=_variables(problem, ws),
        definitions=_definitions(problem),
        input="×".join(map(_word, problem.network.input)) if problem.network else None,
        layers=tuple(_layers(problem.network.layers)) if problem.network else (),
        questions=_questions(problem, ws),
        language=problem.language,
        conventions={"conv": problem.convention.conv, "layout": problem.convention.layout},
        relevant=frozenset({"layout"} if any(map(_of_jacobians, problem.tasks)) else ()),
    )


def _of_jacobians(task: Task) -> bool:
    """Whether the answer is another one in the other layout."""
    return task.kind == "jacobian" or (task.kind == "shapes" and bool(task.args["edges"]))


def _workspace(problem: Problem) -> Workspace | None:
    if not problem.given and not problem.define:
        return None
    return Workspace(problem, elaborate(problem, problem.unknowns), checking=False)


def _variables(problem: Problem, ws: Workspace | None) -> Mapping[str, Variable]:
    """Givens with their values and declared sizes; of defined names only what fonts need."""
    if ws is None:
        return {}
    found = {}
    for name, v in ws.variables().items():
        if v.kind == "given" and v.value is None and _only_layers(problem):
            continue  # the size of a layer's weights is an answer
        value = v.value if v.kind == "given" else None
        dims = v.dims if _declared(problem, name) else "?"  # an inferred size is an answer
        found[name] = Variable(name, v.kind, v.shape, dims, value, v.label)
    return found


def _definitions(problem: Problem) -> tuple[tuple[tuple[str, ...], Expr], ...]:
    return () if _only_layers(problem) else tuple((d.names, d.expr) for d in problem.define)


def _only_layers(problem: Problem) -> bool:
    """Whether all is said by a network's layers, and nothing is asked of its lines by name."""
    return problem.only_network and {t.kind for t in problem.tasks} <= _OF_LAYERS


_OF_LAYERS = {"parameters", "graph", "solve_shape"}


def _declared(problem: Problem, name: str) -> bool:
    given = problem.given.get(name)
    return given is not None and (
        given.value is not None or "?" not in map(_size, given.shape or ())
    )


def _size(d: Expr | str) -> str:
    return d.id if isinstance(d, Name) else d if isinstance(d, str) else ""


def _layers(parts: Iterable[Layer | Block], depth: int = 0) -> Iterator[tuple[int, str]]:
    """One line per layer, with the arguments typed, and how deep in blocks it stands."""
    for part in parts:
        if isinstance(part, Layer):
            given = ", ".join(f"{k}={_word(v)}" for k, v in part.args.items() if v is not None)
            yield depth, f"{part.type}({given})" if given else part.type
        elif len(part.branches) == 1:
            times = f"(times={_word(part.times)})" if part.kind == "Repeat" else ""
            yield depth, f"{part.kind}{times}:"
            yield from _layers(part.branches[0], depth + 1)
        else:
            yield depth, f"{part.kind}:"
            names = ("body", "shortcut") if part.kind == "Residual" else None
            for k, branch in enumerate(part.branches):
                name = names[k] if names else f"branch {k + 1}"
                yield depth + 1, f"{name}:" if branch else f"{name}: Identity"
                yield from _layers(branch, depth + 2)


def _word(value: Any) -> str:
    if isinstance(value, Name):
        return value.id
    if isinstance(value, tuple):
        return f"({', '.join(map(_word, value))})"
    return repr(value)


# -- questions in words ---------------------------------------------------------------------------


def _questions(problem: Problem, ws: Workspace | None) -> tuple[Question, ...]:
    tasks = problem.tasks
    labels = {t.id: label(k) for k, t in enumerate(tasks)}
    found = []
    for task in tasks:
        words = _words(task)
        after = task.args.get("after")
        if after:
            words = Text(
                "{question} Use what part {p} found.", {"question": words, "p": labels[after]}
            )
        tables = ()
        if task.kind == "shapes" and ws is not None:
            tables = blank(ws, task.args["of"], task.args["edges"])
        height = None
        if task.kind == "graph" and ws is not None:
            height = min(GRAPH[1], GRAPH[0] * len(ws.graph.lines))
        if task.kind == "parameters":
            tables = _layer_table(problem)
        found.append(Question(labels[task.id], task.text, words, task.points, tables, height))
    return tuple(found)


GRAPH = (0.9, 18.0)  # centimetres of paper for every node of a graph to be drawn, and at most
LAYERS = 40  # of a table to be filled in; longer networks are answered on empty paper


def _layer_table(problem: Problem) -> tuple[Table, ...]:
    """The layers by name, their sizes and parameters left open."""
    if problem.network is None:
        return ()
    try:
        layers = apply_network(problem.network)
    except UnknownSizeError:
        return ()
    if len(layers) > LAYERS:
        return ()
    rows: list[tuple[Any, ...]] = [(layer.name, BLANK, BLANK) for layer in layers]
    rows.append((Text("total"), None, BLANK))
    return (Table((Text("Layer"), Text("Output"), Text("Parameters")), tuple(rows)),)


def _words(task: Task) -> Text:
    """The question that a task is, for authors who did not write one."""
    args = task.args
    of = Name(args["of"]) if isinstance(args.get("of"), str) else None
    match task.kind:
        case "forward":
            if args["of"]:
                return Text("Compute {names}.", {"names": all_of([Name(n) for n in args["of"]])})
            return Text("Run the forward pass.")
        case "graph":
            return Text("Draw the computational graph.")
        case "shapes":
            return _sizes(args)
        case "gradient" | "jacobian" | "stationary":
            wrt = all_of([Name(n) for n in args["wrt"]])
            sentence = {
                "gradient": "Find the gradient of {y} with respect to {x}.",
                "jacobian": "Find the Jacobian of {y} with respect to {x}.",
                "stationary": "Where does the gradient of {y} with respect to {x} vanish?",
            }[task.kind]
            return Text(sentence, {"y": of, "x": wrt})
        case "hessian":
            names = [Name(n) for n in args["wrt"]]
            if len(names) == 1:
                return Text(
                    "Find the Hessian of {y} with respect to {x}. Is it definite?",
                    {"y": of, "x": names[0]},
                )
            return Text(
                "Find the block of the Hessian of {y} with rows for {a} and columns for {b}.",
                {"y": of, "a": names[0], "b": names[1]},
            )
        case "directional":
            return Text(
                "Find the directional derivative of {y} with respect to {x} along {v}.",
                {"y": of, "x": Name(args["wrt"]), "v": args["along"]},
            )
        case "taylor":
            sentence = "Find the Taylor polynomial of {y} in {x}, up to order {k}."
            return Text(sentence, {"y": of, "x": Name(args["wrt"]), "k": args["order"]})
        case "update" | "train":
            return _descent(task)
        case "parameters":
            return Text("Give the output size and the number of parameters of every layer.")
        case "matrix_form":
            return Text("Write {z} as a matrix product.", {"z": of})
        case "solve_shape":
            return _unknowns(args)
        case "stencil":
            return _stencil(args)
        case "evaluate":
            return Text("Evaluate {e}.", {"e": args["expr"]})
        case kind:
            raise AssertionError(kind)


def _sizes(args: Mapping[str, Any]) -> Text:
    wanted: list[Expr] = [Name(n) for n in args["of"]]
    if args["edges"] == "all":
        return Text("Give the size of every variable and of the derivative along every edge.")
    wanted += [Partial(Name(a), Name(b)) for a, b in args["edges"]]
    if not wanted:
        return Text("Give the size of every variable.")
    return Text("Give the sizes of {names}.", {"names": all_of(list(wanted))})


# methods whose titles are no names: written small inside a sentence
_METHODS = {"momentum": Text("gradient descent with momentum")}


def _descent(task: Task) -> Text:
    args = task.args
    method = args["optimizer"]
    holes: dict[str, Any] = {
        "y": Name(args["of"]),
        "x": all_of([Name(n) for n in args["wrt"]]),
        "n": args["steps"],
        "method": _METHODS.get(method) or worded(OPTIMISERS[method].title, {}),
    }
    if method == "sgd":
        return _plain_descent(task, holes)
    if task.kind == "train":
        asked = Text(
            "Train {x} with {n} steps of {method}, to make {y} smaller.",
            holes,
            one="Train {x} with one step of {method}, to make {y} smaller.",
        )
    else:
        asked = Text(
            "Make {n} steps of {method} for {x}, to make {y} smaller.",
            holes,
            one="Make one step of {method} for {x}, to make {y} smaller.",
        )
    return _with_rate(asked, args)


def _plain_descent(task: Task, holes: Mapping[str, Any]) -> Text:
    """In the middle of a sentence the method's name is written small."""
    if task.kind == "train":
        asked = Text(
            "Train {x} with {n} steps of gradient descent, to make {y} smaller.",
            holes,
            one="Train {x} with one step of gradient descent, to make {y} smaller.",
        )
    else:
        asked = Text(
            "Make {n} steps of gradient descent for {x}, to make {y} smaller.",
            holes,
            one="Make one step of gradient descent for {x}, to make {y} smaller.",
        )
    return _with_rate(asked, task.args)


def _with_rate(asked: Text, args: Mapping[str, Any]) -> Text:
    rate = args.get("rate")
    if rate is None:
        return asked
    return in_turn(asked, Text("The learning rate is {rate}.", {"rate": rate}))


def _unknowns(args: Mapping[str, Any]) -> Text:
    goals = []
    for name, sizes in args["so_that"].items():
        parts = [str(s.id if isinstance(s, Name) else s) for s in sizes]
        size = "×".join(parts) if len(parts) > 1 else f"{parts[0]}×1"
        goals.append(Text("{y} has the size {size}", {"y": Name(name), "size": size}))
    return Text(
        "Choose {unknown} so that {goals}.",
        {"unknown": all_of([Name(n) for n in args["unknown"]]), "goals": all_of(goals)},
    )


def _stencil(args: Mapping[str, Any]) -> Text:
    sentence = (
        "Derive the kernel of the {side} difference for derivative number {d}, accurate to order "
        "{a}."
    )
    if args["dims"] == 2:
        sentence = (
            "Derive the two-dimensional kernel for derivative number {d}, accurate to order {a}."
        )
    holes = {"side": SIDE[args["side"]], "d": Num(str(args["derivative"])), "a": args["accuracy"]}
    return Text(sentence, holes)
