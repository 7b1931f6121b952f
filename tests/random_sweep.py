"""Random derivatives against an evaluator that shares nothing with tutor.

    python -m tests.random_sweep --count 5000 --seed 1 --depth 4

Every program is read twice: by tutor, and by Python's own parser with NumPy (`paper_oracle`). Then

    value     of the expression is the second reader's
    raw       derivative agrees with its central differences, in random directions
    simple    the simplified derivative equals the raw one, entry by entry
    forward   so does the derivative in forward mode
    printed   and the formula, read by the second reader
    typed     and the formula, read by tutor as an expression

Gradients, Jacobians and Hessians; floating, exact and with symbolic sizes. A program's point is
drawn again where the value is not finite or large, or differences of two widths disagree: a kink.
Exit status 1 if anything is wrong or crashes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import paper_oracle as oracle
import sympy as sp
from more_programs import SIZES, More, Symbolic
from random_programs import Maker, Program

from tutor.calculus.forward import pushforward
from tutor.calculus.reverse import identity, jacobian
from tutor.calculus.simplify import simplify, substitute
from tutor.errors import InputError
from tutor.expr import Call, walk
from tutor.graph.node import Node
from tutor.notation.build import NoMatrixForm
from tutor.notation.jacobian import jacobian_term
from tutor.notation.matrix import matrix_term
from tutor.notation.text import text
from tutor.numeric.evaluate import NotFinite, TooLong, evaluate
from tutor.problem import loads
from tutor.problem.elaborate import elaborate
from tutor.problem.expression import parse
from tutor.problem.lines import Graph
from tutor.tasks.workspace import Workspace

DIRECTIONS = 3
DRAWS = 6
LARGE = 1e4
LONGEST = 1500
CLOSE = {"gradient": 1e-6, "jacobian": 1e-6, "hessian": 2e-5}  # relative, against differences
SAME = 1e-8  # relative, between two ways to the same numbers
MODES = ("floating",) * 5 + ("symbolic",) * 3 + ("exact",) * 2


class Wrong(AssertionError):
    """A value that is not what it must be."""


@dataclass
class Question:
    """A program, what is derived by what, and a usable point."""

    seed: int
    mode: str
    kind: str
    maker: Maker
    program: Program
    wrt: str

    @property
    def sizes(self) -> dict[str, int]:
        return SIZES if self.mode == "symbolic" else {}

    def text(self, define: dict[str, str] | None = None) -> str:
        """A problem file; the givens have sizes and no values."""
        lines, used = ["title: random", "given:"], set[str]()
        for name, (shape, _) in self.program.given.items():
            kind = {"s": "scalar", "c": "vector", "m": "matrix"}[shape[0]]
            used |= set(map(str, shape[1:]))
            lines.append(
                f"  {name}: {kind}" + (f"({', '.join(map(str, shape[1:]))})" if shape[1:] else "")
            )
        lines += [f"  {n}_sized: vector({n})" for n in self.sizes if n not in used]
        lines.append("define:")
        for name, value in (define or self.program.define).items():
            quoted = '"' + value + '"' if value.startswith("[") else value
            lines.append(f"  {name}: {quoted}")
        return "\n".join([*lines, "tasks:", "  - graph", ""])

    def value(self, at: np.ndarray | None = None) -> np.ndarray:
        """The result by the second reader, with both axes."""
        env: dict[str, Any] = {**self.program.env(), **self.sizes}
        if at is not None:
            env[self.wrt] = at
        with np.errstate(all="ignore"):
            return np.asarray(oracle.run(self.program.define, env)[self.program.result], float)

    def redraw(self) -> None:
        self.program.given = {
            name: (shape, self.maker.value(shape))
            for name, (shape, _) in self.program.given.items()
        }


def question(seed: int, depth: int) -> Question:
    mode = MODES[seed % len(MODES)]
    kind = ("gradient", "hessian", "jacobian")[seed % 3]
    depth = 2 + seed % (depth - 1)
    if mode == "symbolic":
        maker: Maker = Symbolic(seed, depth)
    else:
        maker = More(seed, min(depth, 3) if mode == "exact" else depth, mode == "exact")
    scalar = kind != "jacobian"
    result = None if not scalar else ("s",)
    program = maker.make(result)
    while not scalar and program.result == "L":  # a Jacobian of something with axes
        program.define.pop("L")
        program.shapes.pop("L")
        program = maker.make()
    names = list(program.given)
    if kind == "hessian" and len(names) > 1:  # of something small, if there is
        small = [n for n in names if program.given[n][1].size <= 9]
        names = small or names
    return Question(seed, mode, kind, maker, program, maker.rng.choice(names))


# -- differences ----------------------------------------------------------------------------------


def along(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, u: np.ndarray, h: float) -> Any:
    """The derivative of f at x in direction u, by a five-point difference."""
    near, far = f(x + h * u) - f(x - h * u), f(x + 2 * h * u) - f(x - 2 * h * u)
    return (8 * near - far) / (12 * h)


def second(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, u: Any, v: Any, h: float) -> Any:
    return along(lambda z: along(f, z, v, h), x, u, h)


def bends(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, u: np.ndarray) -> bool:
    """Whether the slopes to the right and to the left differ: a tie or a kink at x itself."""
    h = 1e-5
    right, left = (f(x + h * u) - f(x)) / h, (f(x) - f(x - h * u)) / h
    scale = 1 + max(np.max(np.abs(right), initial=0), np.max(np.abs(left), initial=0))
    return bool(np.max(np.abs(right - left), initial=0) > 1e-2 * scale)


def jumps(q: Question, y: np.ndarray, rng: np.random.Generator) -> bool:
    """Whether rounding decides about the value: a condition on something that is zero."""
    env: dict[str, Any] = {**q.program.env(), **q.sizes}
    for name in q.program.given:
        env[name] = env[name] * (1 + 1e-9 * rng.uniform(-1, 1, size=env[name].shape))
    with np.errstate(all="ignore"):
        near = np.asarray(oracle.run(q.program.define, env)[q.program.result], float)
    return bool(np.max(np.abs(near - y), initial=0) > 1e-6 * (1 + np.max(np.abs(y), initial=0)))


@dataclass
class Expected:
    """A directional derivative of the result, and the directions."""

    value: np.ndarray
    u: np.ndarray
    v: np.ndarray | None = None


def expected(q: Question) -> list[Expected] | None:
    """By differences of two widths, at a point where they agree; None if no draw has one."""
    rng = np.random.default_rng(q.seed)
    for draw in range(DRAWS):
        if draw:
            q.redraw()
        try:
            y = q.value()
        except np.linalg.LinAlgError:
            continue
        if not np.isfinite(y).all() or np.max(np.abs(y), initial=0) > LARGE:
            continue
        x = q.program.env()[q.wrt]
        try:
            if jumps(q, y, rng):
                continue
            found = list(directional(q, x, rng))
        except np.linalg.LinAlgError:
            continue
        if all(e is not None for e in found):
            return [e for e in found if e is not None]
    return None


def directional(q: Question, x: np.ndarray, rng: np.random.Generator) -> Iterator[Expected | None]:
    for _ in range(DIRECTIONS if q.kind != "hessian" else 2 * DIRECTIONS):
        u = rng.choice([-1.0, 1.0], size=x.shape) * rng.uniform(0.5, 1.0, size=x.shape)
        if bends(q.value, x, u):
            yield None
        elif q.kind != "hessian":
            wide, narrow = (along(q.value, x, u, h) for h in (2e-3, 5e-4))
            yield agreed(wide, narrow, CLOSE[q.kind] / 10, u)
        else:
            v = rng.choice([-1.0, 1.0], size=x.shape) * rng.uniform(0.5, 1.0, size=x.shape)
            wide, narrow = (second(q.value, x, u, v, h) for h in (6e-3, 3e-3))
            yield agreed(wide, narrow, CLOSE[q.kind] / 10, u, v)


def agreed(wide: Any, narrow: Any, close: float, u: Any, v: Any = None) -> Expected | None:
    if not np.isfinite(wide).all() or np.max(np.abs(wide), initial=0) > LARGE:
        return None
    gap = np.max(np.abs(wide - narrow), initial=0)
    scale = max(np.max(np.abs(wide), initial=0), 1.0)
    return Expected(np.asarray(wide), u, v) if gap <= close * scale else None


# -- tutor's side ---------------------------------------------------------------------------------


def whole(graph: Graph, name: str) -> Node:
    """The definition over the givens alone."""
    full: dict[Node, Node] = {}
    for line in graph.lines.values():
        if line.val is not None:
            full[line.leaf.node] = substitute(line.val.node, full)
    return full[graph[name].leaf.node]


class Derived:
    def __init__(self, q: Question) -> None:
        self.q = q
        self.problem = loads(q.text())
        self.graph = elaborate(self.problem)
        line = self.graph[q.program.result]
        self.y = line.leaf.node if line.val is None else whole(self.graph, line.name)
        self.x = self.graph[q.wrt].leaf.node
        self.raw = jacobian(self.y, self.x)
        if q.kind == "hessian":
            self.raw = jacobian(self.raw, self.x)
        self.simple = simplify(self.raw)
        self.forward = self.y
        for _ in range(2 if q.kind == "hessian" else 1):
            self.forward = pushforward(self.forward, {self.x: identity(self.x.shape)}, self.x.shape)
        self.rows = {"gradient": 0, "hessian": self.x.order}.get(q.kind, self.y.order)

    def printed(self) -> str | None:
        leaf = Workspace(self.problem, self.graph).leaf_term
        try:
            if self.rows:
                return text(jacobian_term(self.simple, self.rows, leaf))
            return text(matrix_term(self.simple, leaf))
        except NoMatrixForm:
            return None

    def values(self, nodes: list[Node]) -> list[np.ndarray]:
        return valued(self.q, self.graph, nodes)

    def paper(self, array: np.ndarray) -> np.ndarray:
        """As the formula has it: columns n×1, Jacobians rows × columns."""
        if self.rows:
            return oracle.unrolled(array, self.rows, "numerator", "column")
        return array[:, None] if array.ndim == 1 else array


def valued(q: Question, graph: Graph, nodes: list[Node]) -> list[np.ndarray]:
    exact = q.mode == "exact"
    env = {n: x if exact else x.astype(float) for n, x in graph.constants.items()}
    for name, (_, value) in q.program.given.items():
        leaf = graph[name].leaf.node
        env[leaf] = numbers(value) if exact else value.astype(float)
    sizes = {graph.sizes[k]: n for k, n in q.sizes.items() if k in graph.sizes}
    try:
        found = evaluate(nodes, env, sizes)
    except TooLong:
        floats = {k: v.astype(float) for k, v in env.items()}
        found = evaluate(nodes, floats, sizes, exact=False)
    return [np.asarray(a, dtype=float) for a in found]


def numbers(value: np.ndarray) -> np.ndarray:
    """Fractions as SymPy's."""
    out = np.empty(value.shape, dtype=object)
    for at in np.ndindex(*value.shape):
        out[at] = sp.Rational(*value[at].as_integer_ratio())
    return out


# -- one program ----------------------------------------------------------------------------------


def same(got: Any, want: Any, close: float, what: str, shown: str = "") -> None:
    got, want = np.asarray(got, float), np.asarray(want, float)
    if got.shape != want.shape:
        raise Wrong(f"{what}: shape {got.shape} instead of {want.shape} {shown}")
    scale = max(float(np.max(np.abs(want), initial=0)), 1.0)
    gap = float(np.max(np.abs(got - want), initial=0)) / scale
    if not gap <= close:
        raise Wrong(f"{what}: off by {gap:.1e} {shown}")


def examine(q: Question) -> Counter[str]:
    """Everything that must hold of one program; raises Wrong, or whatever tutor raises."""
    count: Counter[str] = Counter()
    want = expected(q)
    if want is None:
        return Counter(unusable=1)
    d = Derived(q)
    try:
        y, raw, simple, forward = d.values([d.y, d.raw, d.simple, d.forward])
    except NotFinite:  # the derivative does not exist: a norm of zeros
        return Counter(unusable=1)
    except InputError as error:
        if "multiply-adds" in error.message or "the limit is" in error.message:
            return Counter({"beyond the limits": 1})
        raise
    same(y.ravel(), q.value().ravel(), SAME, "value")
    entries = d.x.order
    for e in want:
        got = np.tensordot(raw, e.u, entries) if e.v is None else by_both(raw, e, entries)
        same(got.ravel(), e.value.ravel(), CLOSE[q.kind], "raw")
    same(simple, raw, SAME, "simple")
    same(forward, raw, SAME, "forward")
    count[f"{q.mode} {q.kind}"] += 1
    read_back(d, simple, count)
    return count


def by_both(h: np.ndarray, e: Expected, axes: int) -> np.ndarray:
    assert e.v is not None
    return np.asarray(np.tensordot(np.tensordot(h, e.u, axes), e.v, axes))


# what the reader of paper formulas, which knows columns and matrices only, cannot read
OF_ORDER_3 = ("unsqueeze(", "squeeze(", "conv_transpose1d(")


def has_order_3(printed: str) -> bool:
    """Whether arrays of order 3 stand in the formula: reshape makes them by three sizes."""
    if any(name in printed for name in OF_ORDER_3):
        return True
    if "reshape(" not in printed:
        return False
    calls = [x for x in walk(parse(printed)) if isinstance(x, Call)]
    return any(c.func == "reshape" and len(c.args) > 3 for c in calls)


def read_back(d: Derived, value: np.ndarray, count: Counter[str]) -> None:
    q, printed = d.q, d.printed()
    if printed is None:
        count["no matrix form"] += 1
        return
    want = d.paper(value)
    reader = oracle.Reader({**q.program.env(), **q.sizes})
    if has_order_3(printed):
        count["printed with arrays of order 3"] += 1  # it is typed in again below all the same
    else:
        try:
            with np.errstate(all="ignore"):
                got = np.asarray(reader.read(printed), dtype=float)
        except oracle.Unreadable as error:
            raise Wrong(f"printed: {error} is not a known function in {printed}") from None
        if got.size == 1:  # "0" is a zero of any size
            got = np.broadcast_to(got.reshape((1,) * want.ndim), want.shape)
        same(got, want, SAME, "printed", printed)
        count["printed"] += 1
    if len(printed) > LONGEST or "winner(" in printed:  # too long, or for people only
        return
    graph = elaborate(loads(q.text({"OUT": printed})))
    line = graph["OUT"]
    assert line.val is not None or line.value is not None
    if line.value is not None:
        typed = np.asarray(line.value.floats(), dtype=float)
    else:
        assert line.val is not None
        node = whole(graph, "OUT")
        (typed,) = valued(q, graph, [node])
    if typed.size == 1:
        typed = np.broadcast_to(typed.reshape((1,) * want.ndim), want.shape)
    same(typed.ravel(), want.ravel(), SAME, "typed", printed)
    count["typed"] += 1


@dataclass
class Report:
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)


def sweep(seeds: range, depth: int, show: Callable[[str], object] | None = None) -> Report:
    report = Report()
    for seed in seeds:
        began = time.perf_counter()
        q = None
        try:
            q = question(seed, depth)
            report.counts += examine(q)
        except Exception as error:  # a crash is a result, like a wrong value
            kind = "wrong" if isinstance(error, Wrong) else "crash"
            report.counts[kind] += 1
            what = f"{type(error).__name__}: {error}"
            report.failures.append((seed, what))
            if show is not None:
                program = "" if q is None else q.text() + f"  {q.kind} by {q.wrt}"
                show(f"\nseed {seed} ({kind}) {what}\n{program}")
        report.slowest = max(report.slowest, (time.perf_counter() - began, seed))
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description="random derivatives against differences")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--depth", type=int, default=4)
    options = parser.parse_args()
    began = time.perf_counter()
    report = sweep(range(options.seed, options.seed + options.count), options.depth, print)
    spent = time.perf_counter() - began
    print(f"\n{options.count} programs of depth up to {options.depth}, "
          f"seeds {options.seed} to {options.seed + options.count - 1}, {spent:.0f} s; "
          f"the slowest took {report.slowest[0]:.1f} s (seed {report.slowest[1]})")  # fmt: skip
    for name, n in sorted(report.counts.items()):
        print(f"  {n:6d}  {name}")
    print(f"wrong values: {report.counts['wrong']}, crashes: {report.counts['crash']}")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
