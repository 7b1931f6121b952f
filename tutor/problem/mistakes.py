"""A shape error with everything that helps: how the sizes came about, and what would fit.

A suggestion is made only after the whole problem, with it in place, has been elaborated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from ..errors import InputError, ShapeError
from ..expr import Expr, Name, exchanged, names, walk
from ..graph import dims
from ..graph.unifier import Unifier
from ..notation.text import text
from .fitted import left_over, no_multiple
from .lines import Graph, Line
from .model import Definition, Problem
from .origin import Origin, below, trail
from .repairs import candidates, is_form
from .resizes import letter_sizes, other_sizes, renumbered, resized, said
from .told import because, might_repeat, plain

TRIALS = 60  # of a problem of up to DEFINITIONS definitions, fewer of a longer one
DEFINITIONS = 30
SHOWN = 3
SHORT = 90  # characters of a hint that holds both what is wrong and what would fit
SCALAR = ("gradient", "hessian", "update", "train", "stationary")  # tasks on a scalar
FIT = "fit_"  # no automatic name ends like this

Elaborate = Callable[[Problem], Graph]


def explained(
    problem: Problem, error: ShapeError, unifier: Unifier, elaborate: Elaborate
) -> ShapeError:
    """The same error, with how the sizes came about and what would fit here."""
    origin = error.failed
    if not isinstance(origin, Origin):
        return error
    with dims.unifying(unifier):
        notes = [
            *_homogeneous(problem, origin),
            *no_multiple(origin),
            *_rigid(origin),
            *_inferred(origin, unifier),
            *trail(origin),
        ]
        fixes = _fixes(problem, origin, elaborate)
    fact = [error.hint] if error.hint else []
    if fixes and fact and not notes and len(fact[0]) + len(fixes) < SHORT:
        error.hint = f"{fact[0]}; {fixes}"
    elif fixes:
        error.notes, error.hint = (*fact, *notes), fixes
    else:
        error.notes, error.hint = (*fact, *notes[:-1]), notes[-1] if notes else None
        if not notes:
            error.notes, error.hint = (), fact[0] if fact else None
    return error


def _below(origin: Origin) -> list[Line]:
    """What the operands rest on."""
    return below(
        [origin.lines[n] for t, _ in origin.operands for n in names(t) if n in origin.lines]
    )


def _homogeneous(problem: Problem, origin: Origin) -> list[str]:
    """Where an entry comes from that nobody wrote into the shape."""
    found = []
    for line in _below(origin):
        given = problem.given.get(line.name)
        if given is None or "homogeneous" not in given.properties or "?" in (given.shape or ()):
            continue
        entries = dims.resolved(line.shape[0])
        if isinstance(entries, int):
            found.append(
                f"`{line.name}` is homogeneous: with the final 1 it has {entries} entries, "
                f"one more than the {entries - 1} in its shape"
            )
    return found


def _rigid(origin: Origin) -> list[str]:
    """A named size beside a number that it would have to be."""
    sizes = [[dims.resolved(d) for d in v.shape] for _, v in origin.operands]
    letters = {s for own in sizes for d in own if not isinstance(d, int) for s in d.free_symbols}
    numbers = any(isinstance(d, int) and d > 1 for own in sizes for d in own)
    known = sorted(str(s) for s in letters if not isinstance(s, dims.Unknown))
    if not known or not numbers:
        return []
    each = "each stand" if len(known) > 1 else "stands"
    listed = " and ".join(f"`{n}`" for n in known)
    return [f"{listed} {each} for any number; a size that is to be found is written `?`"]


def _inferred(origin: Origin, unifier: Unifier) -> list[str]:
    """Why the open sizes below the operands are what they are, with the places in the file."""
    found: dict[str, None] = {}
    repeats = False
    for line in _below(origin):
        for k in range(len(line.shape) if line.kind == "given" else 0):
            for told, cause in because(unifier, dims.unknown(f"{line.name}.{k}")):
                words = plain(told).removesuffix(".")
                if words.startswith("In "):
                    words = "in " + words[3:]
                where = cause.where
                if where.path != "expression":
                    words += f" ({where.path}:{where.line}:{where.column})"
                if "?" not in words:  # a size that is open itself explains nothing
                    found[words] = None
            if line.kind == "given" and might_repeat(unifier, dims.unknown(f"{line.name}.{k}")):
                repeats = True
            words = left_over(line, k, unifier)
            if words:
                found[words] = None
    if repeats:
        found["where sizes are compared, a `?` is taken to be equal, not a 1 that is repeated"] = (
            None
        )
    return list(found)


# -- what would fit -------------------------------------------------------------------------------


def _fixes(problem: Problem, origin: Origin, elaborate: Elaborate) -> str:
    """`A.T @ x` or `x.T @ A` would fit; empty if nothing is found."""
    family = _family(problem, origin.definition)
    left = max(1, TRIALS * DEFINITIONS // max(DEFINITIONS, len(family)))
    if is_form(origin):  # nothing but a square matrix can be meant
        sizes = _sizes(problem, origin, elaborate, left)
        if sizes:
            return sizes
    found: list[tuple[str, str]] = []
    best = None
    for cost, term in candidates(origin):
        if left == 0 or len(found) == SHOWN or (best is not None and cost > best):
            break
        left -= 1
        graph = _fitting(problem, family, origin, term, elaborate)
        if graph is not None:
            best = cost
            size = graph[FIT].dims if FIT in graph.lines else ""
            found.append((text(term), size))
    if found:
        return f"{_listed(found)}{_places(origin)} would fit"
    sizes = _sizes(problem, origin, elaborate, left)
    if sizes:
        return sizes
    letters = [
        f"{name} = {size}"
        for name, size in letter_sizes(origin)
        if _tried(renumbered(problem, name, size), elaborate) is not None
    ]
    return " or ".join(letters) + " would fit" if letters else ""


def _sizes(problem: Problem, origin: Origin, elaborate: Elaborate, left: int) -> str:
    """A of size 3×3 would fit; empty if no other size does."""
    sizes = []
    left = max(left, 4)
    for changes, size in other_sizes(origin):
        if left == 0 or len(sizes) == 2:
            break
        left -= 1
        other = resized(problem, changes, size)
        graph = None if other is None else _tried(other, elaborate)
        if graph is not None:
            sizes.append(said(problem, changes, graph))
    return " or ".join(sizes) + " would fit" if sizes else ""


def _places(origin: Origin) -> str:
    """Where to write it: what stands there more than once has to change everywhere."""
    count = sum(e == origin.term for e in walk(origin.definition.expr))
    if count < 2:
        return ""
    return f" in {'both' if count == 2 else f'all {count}'} places"


def _listed(found: Sequence[tuple[str, str]]) -> str:
    if len(found) == 1 or not found[0][1]:
        return " or ".join(f"`{term}`" for term, _ in found)
    parts = [f"`{term}` ({size})" for term, size in found]
    return ", ".join(parts[:-1]) + " or " + parts[-1]


def _family(problem: Problem, definition: Definition) -> list[Definition]:
    """The definition, what rests on it, and whatever these rest on, in the file's order.

    With open sizes it is every definition, since each may fix them.
    """
    if any(d == "?" or d == Name("?") for g in problem.given.values() for d in g.shape or ()):
        return list(problem.define)
    owner = {n: d for d in problem.define for n in d.names}
    below = {d.names: [owner[n] for n in names(d.expr) if n in owner] for d in problem.define}
    above: dict[tuple[str, ...], list[Definition]] = {d.names: [] for d in problem.define}
    for d in problem.define:
        for inner in below[d.names]:
            above[inner.names].append(d)
    wanted = _reached([definition], above)
    wanted = _reached(wanted.values(), below)
    return [d for d in problem.define if d.names in wanted]


def _reached(
    start: Iterable[Definition], near: Mapping[tuple[str, ...], Sequence[Definition]]
) -> dict[tuple[str, ...], Definition]:
    found = {d.names: d for d in start}
    stack = list(found.values())
    while stack:
        for d in near[stack.pop().names]:
            if d.names not in found:
                found[d.names] = d
                stack.append(d)
    return found


def _fitting(
    problem: Problem,
    family: Sequence[Definition],
    origin: Origin,
    term: Expr,
    elaborate: Elaborate,
) -> Graph | None:
    """The graph with the other term in its place, and by itself under FIT; None if it fails."""
    old = origin.definition

    def new(e: Expr) -> Expr | None:
        return term if e == origin.term else None  # a part that stands twice changes twice

    changed = [replace(d, expr=exchanged(d.expr, new)) if d is old else d for d in family]
    alone = Definition((FIT,), term, old.source, old.where)
    with_it = [*changed, alone] if len(old.names) == 1 else changed
    return _tried(replace(problem, define=tuple(with_it), network=None), elaborate)


def _tried(problem: Problem, elaborate: Elaborate) -> Graph | None:
    """The graph, if everything fits, the tasks too: what they differentiate is to be a scalar."""
    try:
        graph = elaborate(problem)
    except InputError:
        return None
    for task in problem.tasks:
        of = task.args.get("of")
        if task.kind in SCALAR and of in graph.lines and not graph[of].has_one_entry:
            return None
    return graph
