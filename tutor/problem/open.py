"""Sizes that the file leaves open with `?`: why each is what it is, and what nothing fixes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sympy as sp

from ..errors import InputError, ShapeError
from ..expr import Name
from ..graph import dims
from ..graph.dims import Unknown
from ..graph.unifier import Choice, Unifier
from ..notation.build import size_term
from ..steps import Text, all_of
from .fitted import choice_of, forced, left_open, listed, why
from .lines import Graph
from .model import Problem
from .told import because, might_repeat, plain

EQUAL = Text("A ? is taken to be an equal size, not a 1 that is repeated.")
LETTERS = ("n", "m", "k", "p", "q", "r", "h")


SIZES = ("shapes", "graph", "solve_shape", "parameters")  # tasks that need nothing but sizes


def only_sizes(problem: Problem) -> bool:
    """Whether a size may stay a letter under a window: no task works with entries."""
    pictures = [t for t in problem.tasks if t.kind == "graph"]
    plain = not any(t.args.get("values") or t.args.get("gradients") for t in pictures)
    return plain and bool(problem.tasks) and all(t.kind in SIZES for t in problem.tasks)


def fresh(problem: Problem) -> Unifier:
    """Without an equation yet; windows slide over `?`, and over letters where sizes will do."""
    return Unifier(slides=True, letters=only_sizes(problem))


def still_open(graph: Graph, unifier: Unifier) -> tuple[Unknown, ...]:
    """The unknowns that no equation fixes, in the order of the givens.

    Outputs of windows are not among them: they follow from the inputs' sizes.
    """
    found: dict[Unknown, None] = {}
    for line in graph.lines.values():
        for d in line.shape:
            size = unifier.resolve(d)
            if not isinstance(size, int):
                found.update(dict.fromkeys(sorted(size.atoms(Unknown), key=str)))
    return tuple(u for u in found if u not in unifier.outputs)


def lettered(
    problem: Problem, graph: Graph, unifier: Unifier, open_: Sequence[Unknown]
) -> Mapping[Unknown, sp.Symbol]:
    """A letter for each of them, where a `shapes` task is there to say so; else an error."""
    under = [] if only_sizes(problem) else [u for u in open_ if unifier.is_under_a_window(u)]
    if under or not any(t.kind == "shapes" for t in problem.tasks):
        raise _undetermined(problem, graph, unifier, (*under, *open_))
    taken = {*graph.lines, *graph.sizes}
    letters = (x for x in _letters() if x not in taken)
    return {u: dims.symbol(next(letters)) for u in open_}


def _letters() -> Iterator[str]:
    yield from LETTERS
    k = 0
    while True:
        k += 1
        yield f"n_{k}"


def _undetermined(
    problem: Problem, graph: Graph, unifier: Unifier, open_: Sequence[Unknown]
) -> InputError:
    name = _owner(problem, unifier, open_[0])
    choice = next((c for c in unifier.choices() if open_[0] in c.fit.sizes), None)
    if choice is not None and graph[name].kind == "given":
        raise _several(problem, graph, unifier, choice, open_[0])
    sharing = [
        line.name
        for line in graph.lines.values()
        if line.kind == "given"
        and line.name != name
        and any(not isinstance(d, int) and d.has(open_[0]) for d in line.shape)
    ]
    message = f"the size of `{name}` cannot be inferred from the definitions"
    if sharing:
        listed = " and ".join(f"`{n}`" for n in sharing)
        message += f": that of {listed} depends on it, and nothing fixes either"
    given = problem.given.get(name)
    return InputError(
        message,
        hint="write a number or a name in place of its `?`",
        where=given.where if given else None,
    )


def _several(
    problem: Problem, graph: Graph, unifier: Unifier, choice: Choice, u: Unknown
) -> ShapeError:
    """Some numbers fit, and the tasks need one."""
    name = _owner(problem, unifier, u)
    sizes = [unifier.resolve(d) for d in graph[name].shape]
    axis = next(k for k, d in enumerate(sizes) if u in dims.unknowns(d))
    numbers = choice.fit.values(sizes[axis])
    first, last = choice.fit.bounds[choice.fit.sizes.index(u)]
    place = f" along axis {axis}" if len(sizes) > 1 else ""
    message = f"the size of `{name}`{place} cannot be inferred from the definitions"
    hint = "write a number in place of its `?`"
    if numbers is not None:
        message += f": {plain(listed(numbers))} would fit"
        hint = "write one of these numbers in place of its `?`"
    elif sizes[axis] == u:
        hint += f": any from {first} on fits" if last is None else f", from {first} to {last}"
    error = ShapeError(message, hint=hint, where=problem.given[name].where)
    error.notes = tuple(plain(t).removesuffix(".") for t in why(unifier, choice))
    return error


def _owner(problem: Problem, unifier: Unifier, u: Unknown) -> str:
    """The given whose size this is, or the first one whose size rests on it."""
    name = str(u).rpartition(".")[0]
    if name in problem.given:
        return name
    return next(g for g in problem.given if _rests(unifier, problem, g, u))


def _rests(unifier: Unifier, problem: Problem, name: str, u: Unknown) -> bool:
    open_ = (dims.unknown(f"{name}.{k}") for k in range(len(problem.given[name].shape or ())))
    return any(u in dims.unknowns(unifier.resolve(d)) for d in open_)


# -- reasons --------------------------------------------------------------------------------------


def reasons(
    problem: Problem, graph: Graph, unifier: Unifier, open_: Sequence[Unknown]
) -> Mapping[str, Sequence[Text]]:
    """For every given with a `?`: the equations that fixed its sizes, or that nothing did."""
    found: dict[str, list[Text]] = {}
    for given in problem.given.values():
        told: list[Text] = []
        repeats = False
        for k, d in enumerate(given.shape or ()):
            if d != "?" and d != Name("?"):
                continue
            u = dims.unknown(f"{given.name}.{k}")
            if u in unifier.equations:
                told += [t for t, _ in because(unifier, u) if t not in told]
                repeats |= might_repeat(unifier, u)
            else:
                val = graph[given.name].leaf
                found_ = forced(unifier, u, Name(given.name), val, k)
                told += [t for t in found_ if t not in told]
            for v in open_:
                if v == u or (u in unifier.equations and _rests_on(unifier, u, v)):
                    ts = _left(v, given.name, unifier, problem)
                    told += [t for t in ts if t not in told]
        if repeats:
            told.append(EQUAL)
        if told:
            found[given.name] = told
    return found


def _rests_on(unifier: Unifier, u: Unknown, v: Unknown) -> bool:
    size = unifier.resolve(u)
    letter = unifier.bound.get(v)
    return not isinstance(size, int) and letter is not None and size.has(letter)


def _left(u: Unknown, name: str, unifier: Unifier, problem: Problem) -> list[Text]:
    """What is known of a size that stays open: the numbers that windows leave, or nothing."""
    choice = choice_of(unifier, u)
    letters = {v: size_term(d) for v, d in unifier.bound.items() if isinstance(d, sp.Symbol)}
    can_be = None if choice is None else left_open(choice, u, letters[u], letters)
    free = _free(u, name, unifier, problem)
    if choice is None or can_be is None:
        return [free]
    if choice.fit.solutions is None:
        return [*why(unifier, choice), free, can_be]
    return [*why(unifier, choice), can_be]


def _free(u: Unknown, name: str, unifier: Unifier, problem: Problem) -> Text:
    letter = size_term(unifier.bound[u])
    owner = str(u).rpartition(".")[0]
    if owner == name or owner not in problem.given:
        others = [n for n in problem.given if n != name and _shares(unifier, n, u, problem)]
        holes = {"n": letter, "x": Name(name)}
        if others:
            holes["others"] = all_of([Name(n) for n in others])  # type: ignore[assignment]
            return Text("Nothing fixes {n}: a number for it here, or in {others}, would.", holes)
        return Text("Nothing fixes {n}: write a number in place of the ? of {x}.", holes)
    return Text("Nothing fixes {n}, the size of {x}.", {"n": letter, "x": Name(owner)})


def _shares(unifier: Unifier, name: str, u: Unknown, problem: Problem) -> bool:
    shape = problem.given[name].shape or ()
    return any(
        _rests_on(unifier, dims.unknown(f"{name}.{k}"), u)
        for k, d in enumerate(shape)
        if d == "?" or d == Name("?")
    )
