"""The loss and its gradients as nodes over the givens, evaluated at point after point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from ..calculus.reverse import identity, pullback
from ..calculus.simplify import simplify_all, substitute
from ..graph.node import Node, const, topological
from ..numeric.evaluate import evaluate
from ..numeric.program import Program
from ..problem.lines import Line
from ..value import Value
from .constrained import constrained, symmetric
from .duplication import folded, free_count, free_entries, placed, tied
from .workspace import Workspace

Point = Mapping[str, np.ndarray]


class Descent:
    """What one training needs of its loss: values and gradients, exact or fast, and curvature."""

    def __init__(self, ws: Workspace, target: Line, lines: Sequence[Line]) -> None:
        self.ws = ws
        self.target = target
        self.lines = lines
        full: dict[Node, Node] = {}
        for line in ws.graph.below([target]):
            if line.val is not None:
                full[line.symbol] = substitute(line.val.node, full)
        self.loss = full.get(target.symbol, target.symbol)
        self.leaves = [x.symbol for x in lines]
        self.slopes = simplify_all(pullback(self.loss, const(1, self.loss.shape), self.leaves))
        self.env = ws.leaves()

    # -- values and gradients ----------------------------------------------------------------

    def at(self, point: Point) -> tuple[np.ndarray, list[np.ndarray]]:
        """Loss and gradients; exact if the point is. Raises TooLong and NotFinite."""
        loss, *slopes = self.values([self.loss, *self.slopes], point)
        return loss.reshape(()), self.counted(slopes)

    def values(self, nodes: Sequence[Node], point: Point) -> list[np.ndarray]:
        env = dict(self.env)
        if not all(p.dtype == object for p in point.values()):
            env = {n: Value(v).floats() for n, v in env.items()}
        for line in self.lines:
            env[line.symbol] = point[line.name]
        return evaluate(nodes, env)

    def counted(self, slopes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Of a symmetric parameter each free entry counts once."""
        return [constrained(x, s) for x, s in zip(self.lines, slopes, strict=True)]

    @cached_property
    def program(self) -> Program:
        floats = {n: Value(v).floats() for n, v in self.env.items() if n not in self.leaves}
        return Program([self.loss, *self.slopes], self.leaves, floats)

    def fast(self, arrays: Sequence[np.ndarray]) -> tuple[float, list[np.ndarray]]:
        """The same as `at`, in float64 and without any judgement of the numbers."""
        loss, *slopes = self.program(arrays)
        return float(loss.reshape(())[()]), self.counted(slopes)

    # -- curvature ---------------------------------------------------------------------------

    @cached_property
    def curvature(self) -> list[list[Node]]:
        """Blocks of the Hessian: the gradient by each parameter, differentiated by each."""
        blocks = []
        for slope in self.slopes:
            blocks.append(simplify_all(pullback(slope, identity(slope.shape), self.leaves)))
        return blocks

    @property
    def has_symmetry(self) -> bool:
        return any(symmetric(x) for x in self.lines)

    @property
    def is_quadratic(self) -> bool:
        """The Hessian does not depend on the parameters."""
        leaves = set(self.leaves)
        nodes = [b for row in self.curvature for b in row]
        return not any(n in leaves for n in topological(nodes))

    @property
    def entries(self) -> int:
        """The free ones, of all parameters together."""
        return sum(int(free_count(x)) for x in self.lines)

    @property
    def order(self) -> str:
        """In which order NumPy unrolls a matrix as the problem's `vec` does."""
        return "F" if self.ws.problem.convention.vec == "column" else "C"

    def hessian(self, point: Point) -> np.ndarray:
        """The Hessian by the free entries of all parameters, unrolled one after another.

        Exact if the point is.
        """
        rows = []
        for line, row in zip(self.lines, self.curvature, strict=True):
            blocks = self.values(row, point)
            size = int(np.prod(line.symbol.shape))
            parts = zip(self.lines, (self._matrix(b, size) for b in blocks), strict=True)
            rows.append(np.concatenate([folded(m, line, other) for other, m in parts], axis=1))
        return np.concatenate(rows, axis=0)

    def _matrix(self, block: np.ndarray, rows: int) -> np.ndarray:
        """A block (axes of the gradient, axes of the parameter) as a matrix."""
        if self.order == "C":
            return block.reshape(rows, -1)
        return block.transpose().reshape(-1, rows).transpose()

    def unrolled(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        parts = zip(self.lines, arrays, strict=True)
        return np.concatenate([
            a.ravel(order=self.order) if tied(x) is None else free_entries(a, x)  # type: ignore[arg-type]
            for x, a in parts
        ])  # fmt: skip

    def rolled(self, vector: np.ndarray) -> list[np.ndarray]:
        """The reverse of `unrolled`."""
        found, at = [], 0
        for line in self.lines:
            shape = tuple(int(d) for d in line.symbol.shape)  # type: ignore[arg-type]
            size = int(free_count(line))
            part = vector[at : at + size]
            if tied(line) is None:
                found.append(part.reshape(shape, order=self.order))  # type: ignore[call-overload]
            else:
                found.append(placed(part, line))
            at += size
        return found


def finite(loss: float, slopes: Sequence[np.ndarray]) -> bool:
    return bool(np.isfinite(loss)) and all(np.isfinite(s).all() for s in slopes)
