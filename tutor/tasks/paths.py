"""`style: jacobian`: a derivative as the product of Jacobians along each path, summed over paths.

One product per path, from the result down to the variable; sizes fit from factor to factor. A
gradient is the row that comes out, written in the shape of its variable. Where there are too many
paths to write down, contributions are added where paths join, which is what `Chain` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import sympy as sp

from ..calculus.reverse import identity, pullback
from ..calculus.simplify import simplify
from ..expr import Binary, Call, Expr, Name, Num, Partial
from ..graph import node as g
from ..graph.node import Node
from ..notation.build import NoMatrixForm, sum_term
from ..notation.jacobian import jacobian_term
from ..notation.text import text
from ..numeric.evaluate import NotFinite
from ..problem.lines import Line
from ..steps import Step, Text
from ..value import Value
from .chain import LONG, Adjoint, Chain, jacobian_size, size_text, tree_size
from .chain_steps import chain_steps, local_term
from .numbers import approx, equation, exact_term
from .unrolled import unrolled
from .workspace import Workspace

MOST_PATHS = 6  # that are written down one by one


@dataclass(frozen=True)
class Path:
    """Lines from the result down to the variable, and the product of the Jacobians between them."""

    lines: tuple[Line, ...]
    node: Node  # with the axes of the result (none for a gradient) and of the variable


class PathChain(Chain):
    """The same derivative as a `Chain`, found path by path."""

    paths: list[Path]
    count: int

    def walk(self) -> None:
        self.paths = []
        self.count = self._count()
        if self.of is self.wrt or self.count > MOST_PATHS:
            super().walk()
            return
        for lines in self._listed():
            front = self.of.val.node.shape if self.of.val else ()
            node = g.const(1, front) if self.gradient else identity(front)
            for user, operand in pairwise(lines):
                assert user.val is not None
                node = simplify(pullback(user.val.node, node, [operand.symbol])[0])
            self.paths.append(Path(lines, node))
        if not self.paths:
            return
        total = simplify(g.add([p.node for p in self.paths]))
        symbol = g.var(("partial", self.of.name, self.wrt.name), total.shape)
        users = list(dict.fromkeys(p.lines[-2] for p in self.paths))
        try:
            value = self.value(total)
        except NotFinite:
            value, self.missing = None, True
        self.adjoints[self.wrt.name] = Adjoint(self.wrt, total, symbol, users, value)

    def _count(self) -> int:
        ways = {self.wrt.name: 1}
        for line in self.path:
            if line is not self.wrt:
                ways[line.name] = sum(ways.get(o.name, 0) for o in line.operands)
        return ways.get(self.of.name, 0)

    def _listed(self) -> list[tuple[Line, ...]]:
        """Every path, in the order in which the operands are written."""
        names = {x.name for x in self.path}
        found: list[tuple[Line, ...]] = []
        stack: list[tuple[Line, ...]] = [(self.of,)]
        while stack:
            lines = stack.pop()
            if lines[-1] is self.wrt:
                found.append(lines)
                continue
            stack.extend((*lines, o) for o in reversed(lines[-1].operands) if o.name in names)
        return found


def path_steps(chain: PathChain, task_id: str) -> list[Step]:
    """A product per path and their sum; with many paths, sums at the variables where they join."""
    if not chain.paths:
        return _many_paths(chain, task_id)
    alone = len(chain.paths) == 1
    steps = [_path_step(chain, path, k, alone) for k, path in enumerate(chain.paths, 1)]
    return steps if alone else [*steps, _sum_step(chain)]


def _many_paths(chain: PathChain, task_id: str) -> list[Step]:
    if chain.of is chain.wrt:
        return []
    holes = {"x": Name(chain.wrt.name), "y": Name(chain.of.name), "n": chain.count}
    note = Step(
        "note.paths",
        "chain",
        "sum over paths",
        Text("{n} paths lead from {x} to {y}", holes),
        why=Text(
            "That is too many to write down one by one: instead, the products so far are added up "
            "at every variable where paths join."
        ),
    )
    whole = Chain(chain.ws, chain.of, chain.wrt)
    return [note, *chain_steps(whole, task_id)]


def _path_step(chain: PathChain, path: Path, k: int, alone: bool) -> Step:
    ws = chain.ws
    layout = ws.problem.convention.layout
    pairs = list(pairwise(path.lines))
    if layout == "denominator":
        pairs.reverse()
    symbols = [Partial(Name(a.name), Name(b.name)) for a, b in pairs]
    sizes = [jacobian_size(a, b, layout) for a, b in pairs]
    whole = jacobian_size(chain.of, chain.wrt, layout)
    scalar = [size == (1, 1) for size in sizes]
    matrices = [local_term(ws, a, b, layout)[0] for a, b in pairs]
    written = None
    if all(m is not None for m in matrices):
        shown = [(m, s) for m, s in zip(matrices, scalar, strict=True) if m is not None]
        shown = [x for x in shown if not _is_identity(x[0])] or shown[:1]
        written = _product([m for m, _ in shown], [s for _, s in shown])
        written = written if len(text(written)) <= LONG else None
    try:
        value = _value(chain, chain.value(path.node))
    except NotFinite:  # said at the end: this path has no value at the point
        value = None
    through = [x for x in path.lines[1:-1]]
    route = tuple(Name(x.name) for x in reversed(through))
    if alone:
        title = Text("Product of the Jacobians along the only path")
    elif route:
        title = Text("Path {k} through {names}", {"k": k, "names": route})
    else:
        title = Text("Path {k}, directly", {"k": k})
    return Step(
        f"chain.{chain.wrt.name}" if alone else f"path.{k}",
        "chain",
        "chain rule",
        title,
        equation(
            _product(symbols, scalar), written, product_term(chain, path.node), exact_term(value)
        ),
        approx=approx(value) if value is not None else None,
        why=Text(
            "The sizes fit: {s}." if len(sizes) > 1 else "One factor, of size {s}.",
            {"s": _sizes(sizes, whole)},
        ),
        shape=whole,
        jacobian_dims=size_text(whole),
        uses=tuple(f"local.{a.name}.{b.name}" for a, b in pairs),
    )


def _is_identity(e: Expr) -> bool:
    return e == Num("1") or (isinstance(e, Call) and e.func == "eye" and len(e.args) == 1)


def _sizes(sizes: list, whole: tuple) -> str:
    """(1×1)(1×3)(3×2) = 1×2."""
    if len(sizes) == 1:
        return size_text(whole)
    return "".join(f"({size_text(s)})" for s in sizes) + f" gives {size_text(whole)}"


def _sum_step(chain: PathChain) -> Step:
    ws = chain.ws
    final = chain.final
    assert final is not None
    whole = jacobian_size(chain.of, chain.wrt, ws.problem.convention.layout)
    value = _value(chain, final.value)
    names = {"x": Name(chain.wrt.name), "y": Name(chain.of.name), "n": len(chain.paths)}
    parts = [product_term(chain, p.node) for p in chain.paths]
    total = sum_term([(sp.S.One, t) for t in parts if t is not None]) if any(parts) else Num("0")
    fits = None not in parts and len(text(total)) <= LONG
    members = equation(total if fits else None, exact_term(value))
    return Step(
        f"chain.{chain.wrt.name}",
        "chain",
        "sum over paths",
        Text("Sum over the paths"),
        members,
        approx=approx(value) if value is not None else None,
        why=Text("{x} reaches {y} along {n} paths, and what they contribute adds up.", names),
        shape=whole,
        jacobian_dims=size_text(whole),
        uses=tuple(f"path.{k}" for k in range(1, len(chain.paths) + 1)),
    )


def product_term(chain: PathChain, node: Node) -> Expr | None:
    """The matrix, in the file's layout and vec; None where it is too long or has no matrix form."""
    if tree_size(node) > LONG:
        return None
    style = chain.ws.problem.convention
    try:
        term = jacobian_term(node, chain.lead, chain.ws.leaf_term, style.layout, style.vec)
    except NoMatrixForm:
        return None
    return term if len(text(term)) <= LONG else None


def _value(chain: PathChain, number: np.ndarray | None) -> Value | None:
    """The rows × columns matrix; a gradient's is a row."""
    if number is None:
        return None
    if not chain.gradient:
        return unrolled(chain.ws, chain, number)
    row = unrolled_row(chain.ws, number)
    return Value(row if chain.ws.problem.convention.layout == "numerator" else row.T)


def unrolled_row(ws: Workspace, number: np.ndarray) -> np.ndarray:
    """vec of a gradient, as a row."""
    from .unrolled import unrolls_by_column

    order = "F" if unrolls_by_column(ws, number.ndim) else "C"
    return np.reshape(number, (1, -1), order=order)


def _product(factors: list[Expr], scalar: list[bool]) -> Expr:
    """Matrix products, and numbers times matrices."""
    total, number = factors[0], scalar[0]
    for factor, one in zip(factors[1:], scalar[1:], strict=True):
        total = Binary("*" if number or one else "@", total, factor)
        number = number and one
    return total
