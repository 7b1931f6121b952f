"""What every renderer shows, in the same order: groups of steps, numbers, the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ..expr import Expr, Name
from ..notation.names import size_words
from ..steps import Check, Curve, Diagram, Solution, Step, Table, TaskResult, Text, Variable
from ..value import Value, decimal_term, is_decimal
from .sparkline import is_logarithmic

HEADINGS: Mapping[str, Text] = {
    "given": Text("Given"),
    "shape": Text("Sizes"),
    "forward": Text("Forward pass"),
    "local": Text("Local derivatives"),
    "chain": Text("Chain rule, backwards"),
    "closed": Text("Closed form"),
    "again": Text("The gradient, differentiated once more"),
    "tangent": Text("Chain rule, forwards"),
    "model": Text("The local model"),
    "equation": Text("The gradient set to zero"),
    "solution": Text("Solved"),
    "value": Text("Numbers"),
    "check": Text("Check"),
    "update": Text("Update"),
    "note": Text("Remarks"),
}

NODES: Mapping[str, Text] = {
    "input": Text("input"),
    "parameter": Text("parameter"),
    "operation": Text("operation"),
    "output": Text("output"),
}

CONVENTIONS: Mapping[tuple[str, str], Text] = {
    ("layout", "numerator"): Text("numerator layout: a Jacobian has rows(y) × columns(x)"),
    ("layout", "denominator"): Text("denominator layout: a Jacobian has rows(x) × columns(y)"),
    ("vec", "column"): Text("vec stacks columns"),
    ("vec", "row"): Text("vec stacks rows"),
    ("conv", "correlation"): Text("convolution does not flip the kernel (cross-correlation ⋆)"),
    ("conv", "convolution"): Text("convolution ∗ flips the kernel"),
    ("ties", "first"): Text("ties in a maximum go to the first entry"),
    ("ties", "split"): Text("ties in a maximum share the gradient"),
    ("style", "adjoint"): Text("reverse mode, one adjoint per variable"),
    ("style", "jacobian"): Text("products of Jacobians along each path"),
}


@dataclass(frozen=True)
class Numbered:
    """A step and its number; what is given has none, it is shown without words."""

    number: int
    step: Step
    uses: tuple[int, ...]  # numbers of the earlier steps shown that it rests on


def visible(task: TaskResult, level: int) -> list[Numbered]:
    """The task's steps at this level of detail, numbered from 1."""
    steps = [s for s in task.steps if s.level <= level]
    counted = (s.id for s in steps if s.kind != "given")
    numbers = {key: n for n, key in enumerate(counted, 1)}
    return [
        Numbered(numbers.get(s.id, 0), s, tuple(sorted(numbers[u] for u in s.uses if u in numbers)))
        for s in steps
    ]


def groups(steps: list[Numbered]) -> Iterator[tuple[Text, list[Numbered]]]:
    """Consecutive steps of one kind, with the heading they stand under."""
    run: list[Numbered] = []
    for step in steps:
        if run and run[-1].step.kind != step.step.kind:
            yield HEADINGS[run[0].step.kind], run
            run = []
        run.append(step)
    if run:
        yield HEADINGS[run[0].step.kind], run


Equation = tuple[Expr, ...]  # e0 = e1 = …; `signs` says where it is ≈


def results(task: TaskResult) -> list[Equation]:
    """What the task found, to be framed: one equation, several, or none."""
    parts = [replace(task, symbol=x.symbol, formula=x.formula, value=x.value, several=())
             for x in task.several]  # fmt: skip
    found = [result(t) for t in parts or [task]]
    return [e for e in found if e]


def result(task: TaskResult) -> Equation:
    """What the task found, or None when it lies in tables and steps."""
    members: list[Expr] = [] if task.symbol is None else [task.symbol]
    if task.value is not None:
        return (*members, *spelled(task.value))
    if task.formula is not None:
        return (*members, task.formula)
    return ()


def spelled(value: Value) -> tuple[Expr, ...]:
    """The value as it is printed in a result: exactly where that is short, and as a decimal."""
    exact, decimal = value.expr(), value.decimal()
    if not value.is_short():
        return (decimal,)
    if not value.exact or value.is_integral() or exact == decimal:
        return (exact,)
    obvious = all(is_decimal(x) and x.q <= OBVIOUS for x in value.data.ravel())
    return (exact,) if obvious else (exact, decimal)


OBVIOUS = 10  # denominators of fractions that everyone reads as decimals


def givens(solution: Solution) -> list[Variable]:
    return [v for v in solution.variables.values() if v.kind == "given"]


GIVEN_DIGITS = 9  # of a measured number: all that an author is likely to have typed


def given_equation(v: Variable) -> Equation:
    """A given name and its value: exact, or with more digits than a result has."""
    if v.value is None:
        return (Name(v.name),)
    return Name(v.name), v.value.expr() if v.value.exact else v.value.decimal(GIVEN_DIGITS)


def conventions(solution: Solution) -> Text | None:
    """The conventions that matter here, as one sentence."""
    said = [CONVENTIONS[k, v] for k, v in solution.conventions.items() if k in solution.relevant]
    if not said:
        return None
    listed, *more = said
    for c in more:
        listed = Text("{these}; {this}", {"these": listed, "this": c})
    return Text("{list}.", {"list": listed})


def check_words(check: Check) -> Text:
    if check.passed is None:
        reason = {} if check.note is None else {"reason": check.note}
        return Text("Not checked. {reason}" if reason else "Not checked.", reason)
    method = Text(check.method)
    if check.at:
        method = Text("{method}, {sizes}", {"method": method, "sizes": check.at})
    if check.tally is not None and check.passed:
        return Text("check: {method}: {tally}", {"method": method, "tally": check.tally})
    args = {"method": method, "error": error_text(check.max_rel_error)}
    if check.passed:
        return Text("check: {method}, largest relative error {error}", args)
    return Text("CHECK FAILED: {method} disagrees, largest relative error {error}", args)


def verdicts(task: TaskResult) -> list[tuple[bool | None, Text, Text | None]]:
    """How the check and the author's answer came out: right, wrong or open (None); words; note."""
    found = []
    if task.check is not None:
        note = None if task.check.passed is None else task.check.note
        found.append((task.check.passed, check_words(task.check), note))
    if task.answer is not None:
        found.append((task.answer.correct, answer_words(task), task.answer.note))
    return found


def error_text(error: float) -> str:
    return "0" if error == 0 else f"{error:.2g}"


def answer_words(task: TaskResult) -> Text:
    assert task.answer is not None
    if task.answer.correct:
        return Text("agrees with the expected answer")
    if task.answer.correct is None:
        return Text("could not be compared with the expected answer")
    given = Text("{given}", {"given": _plain(task.answer.given)})
    return Text("differs from the expected answer {given}", {"given": given})


def curve_words(curve: Curve) -> Text:
    """What the row of bars below shows."""
    first, last = curve.values[0], curve.values[-1]
    holes = {"L": curve.quantity, "a": decimal_term(first), "b": decimal_term(last)}
    if is_logarithmic(curve.values):
        return Text(
            "The course of {L}, from {a} at the start to {b} at the end (logarithmic scale):", holes
        )
    return Text("The course of {L}, from {a} at the start to {b} at the end:", holes)


def _plain(x: object) -> str:
    """A JSON-ready answer in words."""
    if isinstance(x, list | tuple):
        return f"[{', '.join(map(_plain, x))}]"
    if isinstance(x, dict):
        return ", ".join(f"{k} = {_plain(v)}" for k, v in x.items())
    return str(x)


def tables(task: TaskResult, level: int) -> tuple[Table, ...]:
    """The tables to show; a graph without a picture is read from a table of its nodes."""
    if task.diagram is None:
        return own_tables(task, level)
    return (diagram_table(task.diagram), *own_tables(task, level))


def own_tables(task: TaskResult, level: int) -> tuple[Table, ...]:
    """The task's tables at this level of detail; in brief without notes."""
    shown = (t for t in task.tables if level in t.levels)
    return tuple(t if level else replace(t, note=None) for t in shown)


def diagram_table(diagram: Diagram) -> Table:
    """The computational graph, one row per node in order."""
    columns = [Text("node"), Text("computes"), Text("from"), Text("size")]
    values = any(n.value is not None for n in diagram.nodes)
    gradients = any(n.gradient is not None for n in diagram.nodes)
    if values:
        columns.append(Text("value"))
    if gradients:
        columns.append(Text("gradient"))
    names = {n.id: n.name for n in diagram.nodes}
    rows = []
    for n in diagram.nodes:
        sources = [e.source for e in diagram.edges if e.target == n.id]
        row: list[object] = [
            Name(n.name),
            n.label if n.label is not None else NODES[n.kind],
            Text("{list}", {"list": tuple(Name(names[s]) for s in sources)}) if sources else None,
            size_words(n.dims),
        ]
        row += [n.value.shown() if n.value is not None else None] if values else []
        row += [n.gradient.shown() if n.gradient is not None else None] if gradients else []
        rows.append(tuple(row))
    return Table(tuple(columns), tuple(rows))


def heading(task: TaskResult) -> Text:
    """The task's number or name, what it is about, and what it is worth."""
    about: Text = task.heading
    if task.points is not None:
        about = Text("{heading} {points}", {"heading": about, "points": points(task.points)})
    if task.id.isdigit():
        return Text("{number}. {heading}", {"number": task.id, "heading": about})
    if task.id.startswith("("):  # as the question's letter on a sheet
        return Text("{letter} {heading}", {"letter": task.id, "heading": about})
    return Text("Task {name}: {heading}", {"name": task.id, "heading": about})


def points(count: float) -> Text:
    whole = int(count) if count == int(count) else f"{count:g}"
    return Text("({n} points)", {"n": whole}, one="({n} point)")


def uses(n: Numbered) -> Text:
    """The earlier steps that a step rests on."""
    return Text("(from {steps})", {"steps": n.uses})
