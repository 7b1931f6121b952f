"""The author's expected answer against ours.

A decimal counts as rounded where it is printed: -1.32 agrees with -1.3155. Anything else is exact
and must be equal. `tolerance` overrides both: the largest relative deviation allowed. A formula
over the problem's names is compared by `formula_answers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..expr import Expr, List, Name, Neg, Num, names
from ..problem import values
from ..problem.model import Task
from ..steps import Answer, TaskResult, Text
from ..value import Value
from . import local_answers

if TYPE_CHECKING:
    from .workspace import Workspace

NO_VALUE = Text("there is no value at this point")
SLACK = 1e-9  # relative: rounding of floats against an exact answer


def judged(
    task: Task, result: TaskResult, workspace: Callable[[], Workspace] | None = None
) -> Answer | None:
    """Whether the result agrees with the task's `answer:`; None if there is none.

    workspace: the problem at the point of the task, for answers that are formulas.
    """
    if task.answer is None:
        return None
    place = task.places.get("answer", task.where)
    try:
        return _judged(task, result, workspace)
    except InputError as error:
        if error.where is None:
            error.message = f"an expected answer must be numbers or a formula: {error.message}"
        raise error.at(place) from None


def _judged(
    task: Task, result: TaskResult, workspace: Callable[[], Workspace] | None
) -> Answer | None:
    if result.undefined is not None and _is_numbers(task.answer):
        return Answer(task.answer_json, False, NO_VALUE)  # numbers, where none exist
    ours = comparable(result)
    one = _Judge(task, result, ours, workspace)
    if isinstance(task.answer, Mapping):
        name = result.subject.get("wrt")
        if one.has("") and isinstance(name, str) and len(task.args.get("wrt", ())) > 1:
            if name not in task.answer:  # one result per name: this one has no answer
                return None
            return one.answer("", task.answer[name])
        verdicts = []
        for key, wanted in task.answer.items():
            if not one.has(key):
                known = ", ".join(f"`{k}`" for k in one.known() if k)
                raise InputError(
                    f"this task has no result called `{key}`",
                    hint=f"its results: {known}",
                    where=task.places.get("answer", task.where),
                )
            found = one.answer(key, wanted)
            if found.correct is False:
                note = Text("`{key}`: {n}", {"key": key, "n": found.note or Text("")})
                return Answer(task.answer_json, False, note)
            verdicts.append(found)
        open_ = next((v for v in verdicts if v.correct is None), None)
        return open_ or Answer(task.answer_json, True)
    if not one.has(""):
        if not one.known():
            raise InputError(
                "this result has no numbers that the answer could be compared with",
                hint="give values to the quantities that it depends on",
                where=task.places.get("answer", task.where),
            )
        raise InputError(
            "the answer of this task is a mapping of names to values",
            hint="its results: " + ", ".join(f"`{k}`" for k in one.known()),
            where=task.places.get("answer", task.where),
        )
    return one.answer("", task.answer)


def _is_numbers(answer: Any) -> bool:
    """A number, or nested lists of them."""
    if isinstance(answer, tuple):
        return all(map(_is_numbers, answer))
    return isinstance(answer, Expr) and not names(answer)


@dataclass(frozen=True)
class _Judge:
    """One task's results by name, as numbers and as formulas."""

    task: Task
    result: TaskResult
    numbers: Mapping[str, Any]
    workspace: Callable[[], Workspace] | None

    def known(self) -> list[str]:
        return list(dict.fromkeys([*self.numbers, *self.formulas()]))

    def has(self, key: str) -> bool:
        return key in self.known()

    def formulas(self) -> dict[str, Expr | None]:
        """What may be compared as a formula: the result itself, and what forward names."""
        result = self.result
        if self.workspace is None:
            return {}
        if result.task == "forward":
            found: dict[str, Expr | None] = {k: Name(k) for k in result.extra["values"]}
            return found | {"": result.symbol}
        if result.task == "update" and result.formula is not None:
            return {"": result.formula, str(result.subject.get("wrt")): result.formula}
        if result.task == "stationary":
            return local_answers.formulas(result)
        if result.task in FORMULAS and result.shape is not None:
            return {"": result.formula}
        return {}

    def answer(self, key: str, wanted: Any) -> Answer:
        given = self.task.answer_json
        formulas = self.formulas()
        if self.workspace is not None:
            from .formula_answers import as_formula, is_formula, judged_formula

            ws = self.workspace()
            named = self.result.task in NAMED and is_formula(wanted, ws)
            if named or (key not in self.numbers and key in formulas):
                value = self.numbers.get(key)
                floats = None if value is None else Value(value).floats()
                verdict = judged_formula(
                    ws,
                    self.result,
                    formulas.get(key),
                    floats,
                    as_formula(wanted),
                    self.task.tolerance,
                )
                return Answer(given, verdict.correct, verdict.note)
        note = difference(wanted, self.numbers[key], self.task.tolerance)
        return Answer(given, note is None, note)


FORMULAS = ("gradient", "jacobian", "hessian", "evaluate", "directional")
# whose answers may speak of the problem's quantities
NAMED = (*FORMULAS, "forward", "update", "stationary")


def comparable(result: TaskResult) -> dict[str, Any]:
    """What an answer may name, "" being the result itself: arrays of exact numbers or floats."""
    found: dict[str, Any] = {}
    if result.value is not None:
        found[""] = result.value.data
    extra = result.extra
    for name, entry in dict(extra.get("values", {})).items():
        if entry["value"] is not None:
            found[name] = _array(entry)
    for name, entry in dict(extra.get("final", {})).items():
        if entry["value"] is not None:
            found[name] = _array(entry)
    for key in ("final_loss", "toeplitz", "im2col"):
        if key in extra:
            found[key] = np.asarray(extra[key], dtype=float)
    if "history" in extra:
        found["losses"] = np.asarray([h["loss"] for h in extra["history"]], dtype=float)
    if result.task in ("stationary", "taylor"):
        found |= local_answers.numbers(result)
    if result.task == "shapes":
        for name, entry in extra["of"].items():
            found[name] = _size(entry["dims"])
        for edge in extra["edges"]:
            found[f"d{edge['of']}/d{edge['wrt']}"] = _size(edge["dims"])
    return found


def _size(dims: str) -> np.ndarray:
    parts = dims.split("×")
    return np.asarray([int(p) if p.isdigit() else -1 for p in parts], dtype=float)


def _array(entry: Mapping[str, Any]) -> np.ndarray:
    from ..problem.expression import parse

    if entry["exact"] is None:
        return np.asarray(entry["value"], dtype=float)
    nested = np.asarray(entry["exact"], dtype=object)
    flat = np.empty(nested.size, dtype=object)
    flat[:] = [values.evaluate(parse(s)).data[()] for s in nested.ravel()]
    return flat.reshape(nested.shape)


def difference(wanted: Any, ours: np.ndarray, tolerance: float | None) -> Text | None:
    """None if they agree, else what differs, in words."""
    leaves, shape = _flattened(wanted)
    if _squeezed(shape) != _squeezed(ours.shape):
        sizes = {"a": _text(shape), "b": _text(ours.shape)}
        return Text("the size {a} was expected, the result has {b}", sizes)
    for at, (leaf, x) in enumerate(zip(leaves, ours.ravel(), strict=True)):
        if not _agree(leaf, x, tolerance):
            holes = {"a": _spelled(leaf), "b": _number(x), "k": at + 1}
            if len(leaves) == 1:
                return Text("was expected to be {a}, but is {b}", holes)
            return Text("entry {k} was expected to be {a}, but is {b}", holes)
    return None


def _text(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "1"


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(d for d in shape if d != 1)


def _number(x: Any) -> str:
    return f"{float(x):.6g}"


def _spelled(leaf: Expr) -> str:
    from ..notation.text import text

    return text(leaf)


def _flattened(x: Any) -> tuple[list[Expr], tuple[int, ...]]:
    """Leaves in row-major order, and the shape, of nested tuples and list terms."""
    if isinstance(x, List):
        x = x.items
    if not isinstance(x, tuple | list):
        if not isinstance(x, Num | Neg):  # a builder such as zeros(6, 5) stands for its entries
            value = values.evaluate(x)
            if value.data.ndim:
                flat = [v for v in value.data.ravel()]
                return [_term(v) for v in flat], value.shape
        return [x], ()
    parts = [_flattened(p) for p in x]
    if len({s for _, s in parts}) > 1:
        raise InputError("the rows of the expected answer have different lengths")
    inner = parts[0][1] if parts else ()
    return [leaf for leaves, _ in parts for leaf in leaves], (len(parts), *inner)


def _term(v: Any) -> Expr:
    from ..notation.scalars import term_of
    from ..value import decimal_term

    return decimal_term(v, 17) if isinstance(v, float) else term_of(v)


def _agree(leaf: Expr, x: Any, tolerance: float | None) -> bool:
    wanted = values.evaluate(leaf)
    target = wanted.data[()]
    if tolerance is not None:
        scale = max(abs(float(target)), 1e-300)
        return abs(float(x) - float(target)) <= tolerance * scale
    places = _printed_places(leaf)
    if places is not None:
        half = 0.5 * 10.0**-places
        return abs(float(x) - float(target)) <= half * (1 + 1e-9)
    if isinstance(x, float) or wanted.data.dtype != object:
        return abs(float(x) - float(target)) <= SLACK * max(1.0, abs(float(target)))
    gap = x - target
    return bool(gap == 0) or abs(gap.evalf(40)) < 1e-25


def _printed_places(leaf: Expr) -> int | None:
    """Decimal places of a plain decimal such as -1.32 (2) or 1.5e-3 (4); None if it is exact."""
    inner = leaf.arg if isinstance(leaf, Neg) else leaf
    if not isinstance(inner, Num) or any(c not in "0123456789.eE+-" for c in inner.text):
        return None
    text = inner.text.lower()
    if "." not in text and "e" not in text:
        return None
    digits, _, power = text.partition("e")
    return len(digits.partition(".")[2]) - int(power or 0)
