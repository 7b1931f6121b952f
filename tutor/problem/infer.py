"""A problem from one expression: its names get the orders and sizes that the expression forces.

A capital letter is tried as a matrix first, a small one as a column vector, a Greek one as a
scalar; the least surprising assignment that the shape rules accept is taken. Sizes are unknowns
that the same rules unify; what stays open gets a letter.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .. import limits
from ..errors import InputError, ShapeError
from ..expr import Call, Expr, Name, names, walk
from ..graph import dims
from ..graph.dims import Dim
from ..graph.unifier import Unifier
from ..notation.build import size_term
from ..notation.text import text
from ..ops import ALIASES, OPS
from ..steps import Text
from . import yaml
from .declarations import needed, read
from .elaborate import elaborate, open_sizes
from .expression import CONSTANTS, parse
from .habits import habit, surprise
from .lines import Graph
from .mistakes import explained
from .model import Convention, Definition, Given, Problem, Source
from .reasons import reasons
from .tree import Document

LETTERS = ("m", "n", "p", "q", "k", "r", "h")
DECLARED = ("scalar", "vector(n)", "matrix(m, n)")  # by order
NUMBERED = ("scalar", "vector(8)", "matrix(6, 8)")
RESULTS = ("f", "L", "g", "F", "J", "E", "result")
_SIZES = "declared sizes"  # the stand-in that makes size names known during the search


@dataclass(frozen=True)
class Inferred:
    """A problem without tasks that defines `of`, and in words what was taken for granted."""

    problem: Problem
    of: str
    assumed: tuple[Text, ...]
    graph: Graph
    otherwise: Mapping[str, int]  # of names that only their letter decides: another fitting order


def infer(
    expression: str,
    declarations: Sequence[str] = (),
    convention: Convention | None = None,
) -> Inferred:
    """The problem that defines the expression.

    declarations: lines of a `given` section, such as "A: matrix(m, n)".
    Raises InputError with a place in the expression, or in the declaration.
    """
    from .load import known_functions

    functions = known_functions()
    source = Source(expression, yaml.clean(Document("expression", expression)))
    try:
        expr = parse(expression, functions)
    except InputError as error:
        if "`define`" in (error.hint or ""):
            error.hint = "write a problem file, and name parts of it in its `define`"
        raise error.at(source.where(error.span or (0, len(expression)))) from None
    declared = read(declarations, functions)
    needed(declared, expr)
    sizes = _size_names(expr, declared)
    search = _Search(expr, source, declared, sizes, convention or Convention())
    chosen = search.best()
    given = search.named(chosen)
    _every_size_is_known(sizes, given, expr, source)
    problem = replace(search.problem(given), title=text(expr))
    otherwise = search.otherwise(chosen)
    orders = dict(zip(search.free, chosen.orders, strict=True))
    sentences = reasons(expr, orders, otherwise, given)
    return Inferred(problem, search.result, sentences, elaborate(problem), otherwise)


def _size_names(expr: Expr, declared: Mapping[str, Given]) -> tuple[str, ...]:
    """Names that stand for sizes: in a declaration, or where a function takes one."""
    found: dict[str, None] = {}
    for given in declared.values():
        for d in given.shape or ():
            found.update(dict.fromkeys(() if isinstance(d, str) else names(d)))
    for e in walk(expr):
        op = OPS.get(ALIASES.get(e.func, e.func)) if isinstance(e, Call) else None
        if op is None or not isinstance(e, Call):
            continue
        slots = {p.name: p for p in op.parameters}
        order = list(slots.values())
        for k, arg in enumerate(e.args):
            slot = order[min(k, len(order) - 1)]
            if str(slot.annotation) == "Dims":
                found.update(dict.fromkeys(names(arg)))
        for key, arg in e.kwargs:
            if key in slots and str(slots[key].annotation) == "Dims":
                found.update(dict.fromkeys(names(arg)))
    return tuple(n for n in found if n != "?" and n not in declared)


def _every_size_is_known(
    sizes: Sequence[str], given: Mapping[str, Given], expr: Expr, source: Source
) -> None:
    used = {n for g in given.values() for d in g.shape or () for n in names(d)}  # type: ignore[arg-type]
    for e in walk(expr):
        if isinstance(e, Name) and e.id in sizes and e.id not in used:
            raise InputError(
                f"`{e.id}` is a size here, and no array of the expression has it",
                hint=f'declare an array of that size, such as -d "x: vector({e.id})"',
                where=source.where(e.span),
            )


@dataclass(frozen=True)
class Choice:
    """Orders of the undeclared names, the elaborated graph, and its unknown sizes."""

    orders: tuple[int, ...]
    graph: Graph
    unifier: Unifier
    surprise: float


class _Search:
    def __init__(
        self,
        expr: Expr,
        source: Source,
        declared: Mapping[str, Given],
        sizes: tuple[str, ...],
        convention: Convention,
    ) -> None:
        self.expr = expr
        self.source = source
        self.declared = declared
        self.sizes = sizes
        self.convention = convention
        known = {*declared, *sizes, *CONSTANTS}
        self.free = tuple(n for n in names(expr) if n not in known)
        taken = {*names(expr), *declared, *sizes}
        self.result = next(r for r in RESULTS if r not in taken)
        self.tried = 0
        self.first: tuple[InputError, Problem, Unifier] | None = None

    # -- the search --------------------------------------------------------------------------

    def best(self) -> Choice:
        """The accepted assignment with the least surprise; the first error if there is none."""
        best: Choice | None = None
        for cost, orders in self.assignments():
            if self.tried >= limits.INFERENCE_ATTEMPTS or (best and cost >= best.surprise):
                break
            found = self.accepted(orders, cost)
            if found is not None and (best is None or found.surprise < best.surprise):
                best = found
        if best is None:
            raise self.failed()
        return best

    def assignments(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Orders of the free names, least surprising first."""
        start = (0,) * len(self.free)
        heap, seen = [(0, start)], {start}
        while heap:
            cost, ranks = heapq.heappop(heap)
            yield cost, tuple(habit(n)[r] for n, r in zip(self.free, ranks, strict=True))
            for k, r in enumerate(ranks):
                after = (*ranks[:k], r + 1, *ranks[k + 1 :])
                if r < 2 and after not in seen:
                    seen.add(after)
                    heapq.heappush(heap, (cost + 1, after))

    def accepted(self, orders: tuple[int, ...], cost: float = 0) -> Choice | None:
        self.tried += 1
        shapes = dict(zip(self.free, (("?",) * k for k in orders), strict=True))
        given = {n: self.given(n, s) for n, s in shapes.items()}
        if self.sizes:
            given[_SIZES] = self.given(_SIZES, tuple(Name(n) for n in self.sizes))
        unifier = Unifier()
        problem = self.problem({**self.declared, **given})
        try:
            graph = open_sizes(problem, unifier)
        except InputError as error:
            self.first = self.first or (error, problem, unifier)
            return None
        return Choice(orders, graph, unifier, cost + surprise(graph))

    def otherwise(self, chosen: Choice) -> dict[str, int]:
        """Names that could have another order while the others keep theirs, and which."""
        found = {}
        for k, name in enumerate(self.free):
            for order in (0, 1, 2):
                orders = (*chosen.orders[:k], order, *chosen.orders[k + 1 :])
                if order != chosen.orders[k] and self.accepted(orders):
                    found[name] = order
                    break
        return found

    def failed(self) -> InputError:
        assert self.first is not None
        error, problem, unifier = self.first
        if isinstance(error, ShapeError):
            again = lambda p: open_sizes(p, Unifier())  # noqa: E731
            error = explained(problem, error, unifier, again)
        if not self.free:
            return error
        unknown = re.compile(rf"\b({'|'.join(self.free)})\.\d+\b")  # how an open size is called
        name = self.free[0]
        kind = DECLARED[habit(name)[0]]
        if "symbolic" in error.message:
            kind = NUMBERED[habit(name)[0]]
        message = unknown.sub("?", error.message)
        hint = f'declare the shapes with -d, such as -d "{name}: {kind}"'
        if not isinstance(error, ShapeError):  # no shape would help: log(0), too deep
            return InputError(message, hint=error.hint, where=error.where)
        if error.hint and message.startswith("axis "):
            return ShapeError(message, hint=error.hint, where=error.where)
        found = ShapeError(message, hint=hint, where=error.where)
        found.notes = (*error.notes, *([error.hint] if error.hint else []))
        return found

    # -- the result --------------------------------------------------------------------------

    def given(self, name: str, shape: tuple[Expr | str, ...]) -> Given:
        at = next((e.span for e in walk(self.expr) if isinstance(e, Name) and e.id == name), (0, 1))
        return Given(name, None, shape, self.source.where(at), self.source)

    def problem(self, given: Mapping[str, Given]) -> Problem:
        whole = self.source.where((0, len(self.source.text)))
        definition = Definition((self.result,), self.expr, self.source, whole)
        return Problem("", None, None, (), self.convention, dict(given), (definition,), None, ())

    def named(self, chosen: Choice) -> dict[str, Given]:
        """Every given with its sizes; those that nothing fixes get letters."""
        axes = {n: chosen.graph[n].leaf.node.shape for n in (*self.free, *self.declared)}
        axes = {n: tuple(chosen.unifier.resolve(d) for d in s) for n, s in axes.items()}
        order = [n for n in names(self.expr) if n in axes]
        unknown = dict.fromkeys(u for n in order for d in axes[n] for u in _unknowns(d))
        taken = {*names(self.expr), *self.sizes, *self.declared, self.result}
        letters = [x for x in LETTERS if x not in taken]
        letters += [f"n_{k}" for k in range(1, len(unknown) + 1)]
        if len(unknown) == 1 and "n" in letters:
            letters.insert(0, "n")
        names_ = {u: dims.symbol(x) for u, x in zip(unknown, letters, strict=False)}

        def shape(name: str) -> tuple[Expr, ...]:
            return tuple(
                size_term(d if isinstance(d, int) else dims.dim(d.subs(names_))) for d in axes[name]
            )

        found = {}
        for name in order:
            if name in self.free:
                found[name] = self.given(name, shape(name))
            else:
                given = self.declared[name]
                open_ = any(isinstance(d, str) for d in given.shape or ())
                found[name] = replace(given, shape=shape(name)) if open_ else given
        return {**found, **{n: g for n, g in self.declared.items() if n not in found}}


def _unknowns(d: Dim) -> list[dims.Unknown]:
    return [] if isinstance(d, int) else sorted(d.atoms(dims.Unknown), key=str)
