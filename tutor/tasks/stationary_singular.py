"""Linear equations with a singular matrix: a line or plane of stationary points, or none at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from ..calculus.simplify import simplify
from ..expr import Binary, Expr, Name
from ..graph import dims
from ..graph.node import Node, is_delta, is_zero, pieces
from ..notation.build import NoMatrixForm
from ..notation.kronecker import connected
from ..problem.lines import Line
from ..steps import Step, Text, in_turn
from ..value import Value
from .chain import paper_value
from .extended import free_name
from .hessian_sign import INDEFINITE, NEGATIVE, SEMI_NEGATIVE, ZERO, sign
from .second import value_at
from .stationary_affine import Affine
from .stationary_check import Point
from .stationary_terms import terms
from .workspace import Workspace

LISTED = 3  # directions that are written out
EXACT = 10  # unknown entries up to which the equations are solved exactly


@dataclass(frozen=True)
class Family:
    """point + Σ tₖ · directions[k], all in the unknown's own axes; point: None if nothing solves
    the equations. rank: of their matrix; hessian: that matrix.
    """

    point: np.ndarray | None
    directions: tuple[np.ndarray, ...]
    rank: int
    hessian: Value

    def samples(self, name: str) -> list[Point]:
        """Two of the points: the first one, and one away from it in all directions."""
        if self.point is None:
            return []
        away = self.point
        for k, direction in enumerate(self.directions, 1):
            away = np.asarray(away + k * direction, dtype=direction.dtype)
        return [{name: self.point}, {name: away}]


# -- symbols --------------------------------------------------------------------------------------


def structural_rank(linear: Node) -> int | None:
    """A bound on the rank of the matrix between the gradient's axes and the unknown's.

    A term with a sum over k = 1 … r between its two sides has at most rank r; where nothing
    connects them, as in u vᵀ, it is 1. None if the sizes do not tell.
    """
    total = 0
    for _, term in terms(linear):
        bound = _term_rank(term)
        if bound is None:
            return None
        total += bound
    return total


def _term_rank(term: Node) -> int | None:
    if is_delta(term):
        return None
    _, factors, out, sizes = pieces(term)
    half = len(out) // 2
    rows, columns = set(out[:half]), set(out[half:])
    if not _joined(factors, rows, columns, frozenset()):
        return 1
    bounds = [
        d
        for k, d in sizes.items()
        if k not in out and isinstance(d, int) and not _joined(factors, rows, columns, {k})
    ]
    return min(bounds, default=None)


def _joined(factors: Sequence, rows: set, columns: set, cut: set | frozenset) -> bool:
    groups = connected(factors, frozenset(cut))
    return any(labels & rows and labels & columns for _, labels in groups)


def never_invertible(linear: Node) -> bool:
    """Whether the matrix is singular whatever stands in it; of sizes like n, for n > 1."""
    size = dims.product(linear.shape[: linear.order // 2])
    bound = structural_rank(linear)
    if bound is None or size == 1:
        return False
    return bound < size if isinstance(size, int) else bound == 1


def symbolic_note(line: Line, part: Affine, ws: Workspace) -> Text:
    """What to say of such an equation without numbers."""
    rank = {"r": structural_rank(part.linear)}
    try:
        never = Text(
            "The matrix {a} of this linear equation can never be inverted: its rank is at most "
            "{r}.",
            {"a": ws.term(simplify(part.linear)), **rank},
        )
    except NoMatrixForm:
        never = Text(
            "The matrix of this linear equation can never be inverted: its rank is at most {r}.",
            rank,
        )
    end = "So no single {x} solves the equation: it has infinitely many solutions, or none."
    if is_zero(part.constant):
        end = "So not only {x} = 0 solves the equation, but infinitely many other {x} do."
    return in_turn(never, Text(end, {"x": Name(line.name)}))


# -- numbers --------------------------------------------------------------------------------------


def family(ws: Workspace, line: Line, part: Affine) -> Family | None:
    """All solutions of linear · x + constant = 0 at the numbers; None if there is exactly one."""
    linear, constant = value_at(ws, part.linear), value_at(ws, part.constant)
    if linear is None or constant is None:
        return None
    n = constant.size
    matrix, side = linear.reshape(n, n), -constant.reshape(n)
    exact = linear.dtype == object and constant.dtype == object and n <= EXACT
    if exact and all(v.is_Rational for v in (*matrix.ravel(), *side)):
        found = _exact(matrix, side)
    else:
        found = _floating(Value(matrix).floats(), Value(side).floats())
    if found is None:
        return None
    point, directions, rank = found
    shape = constant.shape
    return Family(
        None if point is None else point.reshape(shape),
        tuple(d.reshape(shape) for d in directions),
        rank,
        Value(matrix),
    )


def _exact(matrix: np.ndarray, side: np.ndarray):
    a = sp.Matrix(*matrix.shape, list(matrix.ravel()))
    kernel = a.nullspace()
    if not kernel:
        return None
    b = sp.Matrix(len(side), 1, list(side))
    rank = a.cols - len(kernel)
    if sp.Matrix.hstack(a, b).rank() > rank:
        return None, (), rank
    reduced, pivots = sp.Matrix.hstack(a, b).rref()
    point = [sp.S.Zero] * a.cols
    for k, column in enumerate(pivots):
        point[column] = reduced[k, a.cols]
    whole = [v * sp.ilcm(1, *(x.q for x in v)) for v in kernel]  # in integers
    return _array(point), tuple(_array(list(v)) for v in whole), rank


def _array(entries: list) -> np.ndarray:
    out = np.empty(len(entries), dtype=object)
    out[:] = entries
    return out


def _floating(matrix: np.ndarray, side: np.ndarray):
    u, values, v = np.linalg.svd(matrix)
    rank = int(np.sum(values > ZERO * max(float(values[0]), 1e-300)))
    if rank == len(side):
        return None
    coordinates = u.T @ side
    if np.linalg.norm(coordinates[rank:]) > 1e-9 * max(1.0, float(np.linalg.norm(side))):
        return None, (), rank
    point = v[:rank].T @ (coordinates[:rank] / values[:rank])
    tidy = [np.where(np.abs(d) < 1e-14, 0.0, d) for d in v[rank:]]
    return point, tuple(tidy), rank


# -- words ----------------------------------------------------------------------------------------


def no_point(found: Family) -> Text:
    n = len(found.hessian.data)
    return Text(
        "The matrix of these linear equations is singular: its rank is {r}, not {n}. "
        "The equations contradict each other, so no point solves them.",
        {"r": found.rank, "n": n},
    )


def note(line: Line, found: Family) -> Text:
    n, free = len(found.hessian.data), len(found.directions)
    names = {"x": Name(line.name)}
    if free == n:
        return Text(
            "At these numbers the equations do not contain {x}: every {x} solves them.", names
        )
    singular = Text(
        "The matrix of these linear equations is singular: its rank is {r}, not {n}. So "
        "there is no single stationary point.",
        {"r": found.rank, "n": n},
    )
    if free == 1:
        fill = Text("The solutions {x} fill a line.", names)
    elif free == 2:
        fill = Text("The solutions {x} fill a plane.", names)
    else:
        fill = Text("The solutions {x} fill a space of dimension {k}.", {**names, "k": free})
    return in_turn(singular, fill)


def family_steps(ws: Workspace, target: Line, line: Line, found: Family) -> list[Step]:
    """All stationary points, and which kind they are."""
    names = _parameters(ws, len(found.directions))
    members: tuple[Expr, ...] = ()
    why = note(line, found)
    if len(names) <= LISTED:
        members = (Name(line.name), _written(line, found, names))
        listed = {"list": tuple(Name(t) for t in names)}
        if len(names) == 1:
            free = Text("Here the number {list} can be chosen freely.", listed)
        else:
            free = Text("Here the numbers {list} can be chosen freely.", listed)
        why = in_turn(why, free)
    title = Text("All stationary points")
    steps = [
        Step(
            f"family.{line.name}",
            "solution",
            "linear equations",
            title,
            members,
            why=why,
            shape=line.leaf.shape,
            uses=(f"equation.{line.name}",),
            level=0,
        )
    ]
    seen = sign(found.hessian, "hessian")
    kind = "It is the same everywhere, so every one of these points is a minimum of {y}."
    if seen.word in (NEGATIVE, SEMI_NEGATIVE):
        kind = "It is the same everywhere, so every one of these points is a maximum of {y}."
    elif seen.word == INDEFINITE:
        kind = "It is the same everywhere, so every one of these points is a saddle of {y}."
    words = in_turn(seen.why, Text(kind, {"y": Name(target.name)}))
    if not found.rank:
        words = Text("{y} has the same value everywhere.", {"y": Name(target.name)})
    title = Text("Which kind?")
    return [*steps, Step("kind", "note", "second derivative test", title, why=words)]


def _parameters(ws: Workspace, count: int) -> list[str]:
    name = free_name(ws, "t", "s", "c", "parameter")
    return [name] if count == 1 else [f"{name}_{k}" for k in range(1, count + 1)]


def _written(line: Line, found: Family, names: Sequence[str]) -> Expr:
    assert found.point is not None
    total: Expr | None = None
    if any(v != 0 for v in found.point.ravel()):
        total = _number(line, found.point)
    for name, direction in zip(names, found.directions, strict=True):
        own = Binary("*", Name(name), _number(line, direction)) if line.symbol.order else Name(name)
        total = own if total is None else Binary("+", total, own)
    assert total is not None
    return total


def _number(line: Line, array: np.ndarray) -> Expr:
    value = paper_value(line, array)
    return value.expr() if value.exact else value.decimal()
