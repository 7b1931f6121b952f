"""Random typed programs in the problem language, and the question asked about each."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

Shape = tuple[str, ...]  # ("s",) scalar, ("c", n) column, ("r", n) row, ("m", m, n) matrix

SMOOTH = ("sin", "cos", "tanh", "sigmoid", "exp", "atan", "softplus", "gelu", "silu", "erf", "mish",
          "softsign", "logsigmoid", "square", "sinh", "cosh")  # fmt: skip
KINKED = ("relu", "abs", "leaky_relu", "elu", "selu", "hardsigmoid", "hardswish")
ALGEBRAIC = ("square", "relu", "abs", "leaky_relu", "softsign")


@dataclass
class Program:
    """givens as nested lists of fractions or floats, definitions in order, and what to derive."""

    given: dict[str, tuple[Shape, np.ndarray]] = field(default_factory=dict)
    define: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    result: str = ""
    exact: bool = False

    def env(self) -> dict[str, np.ndarray]:
        return {k: v.astype(float) for k, (_, v) in self.given.items()}

    def yaml(self, tasks: list[str], marks: dict[str, str] | None = None, head: str = "") -> str:
        lines = ["title: random", *([head] if head else []), "given:"]
        for name, (_, value) in self.given.items():
            text = literal(value)
            mark = (marks or {}).get(name)
            lines.append(f"  {name}: " + (f"{{value: {text}, {mark}: true}}" if mark else text))
        lines.append("define:")
        for name, text in self.define.items():  # YAML would read a leading bracket itself
            lines.append(f'  {name}: "{text}"' if text.startswith("[") else f"  {name}: {text}")
        lines.append("tasks:")
        lines += [f"  - {t}" for t in tasks]
        return "\n".join(lines) + "\n"


def literal(value: np.ndarray) -> str:
    if value.ndim == 0:
        return str(value[()]) if isinstance(value[()], Fraction) else repr(float(value))
    return "[" + ", ".join(literal(np.asarray(v)) for v in value) + "]"


def entries(shape: Shape) -> tuple[int, ...]:
    return tuple(int(d) for d in shape[1:])


class Maker:
    """Builds an expression of a wanted shape, from the top down."""

    def __init__(self, seed: int, depth: int = 4, exact: bool = False, kinks: bool = True) -> None:
        self.rng = random.Random(seed)
        self.depth = depth
        self.program = Program(exact=exact)
        self.dims = self.rng.sample([2, 3, 5] if exact else [2, 3, 5, 7], 2)
        self.count = 0
        self.kinks = kinks

    def make(self, result: Shape | None = None) -> Program:
        m, n = self.dims
        if result is None:
            result = self.rng.choice([("s",), ("c", m), ("r", n), ("m", m, n)])
        text = self.term(result, self.depth)
        while not self.program.given:
            text = self.term(result, self.depth)
        name = "L" if result == ("s",) else "Y"
        self.program.define[name] = text
        self.program.shapes[name] = result
        self.program.result = name
        return self.program

    # -- leaves ------------------------------------------------------------------------------

    def value(self, shape: Shape) -> np.ndarray:
        sizes = entries(shape)
        if self.program.exact:
            tenth = [Fraction(self.rng.choice([k for k in range(-9, 10) if k]), 5)
                     for _ in range(int(np.prod(sizes)))]  # fmt: skip
            out = np.empty(len(tenth), dtype=object)
            out[:] = tenth
            return out.reshape(sizes)
        flat = [self.rng.uniform(-1.5, 1.5) for _ in range(int(np.prod(sizes)))]
        return np.array(flat).reshape(sizes)

    def leaf(self, shape: Shape) -> str:
        if shape[0] == "r":
            return self.leaf(("c", shape[1])) + ".T"
        known = [n for n, s in self.program.shapes.items() if s == shape]
        if known and self.rng.random() < 0.65:
            return self.rng.choice(known)
        if shape == ("s",) and self.rng.random() < 0.3:
            return self.rng.choice(["2", "3", "0.5", "(1/3)"])
        if shape[0] == "m" and self.rng.random() < 0.1:
            return f"ones({shape[1]}, {shape[2]})"
        if shape[0] == "m" and self.rng.random() < 0.1:
            return f"eye({shape[1]}, {shape[2]})" if shape[1] != shape[2] else f"eye({shape[1]})"
        letter = {"s": "a", "c": "x", "m": "W"}[shape[0]]
        name = f"{letter}{len(self.program.given)}"
        self.program.given[name] = (shape, self.value(shape))
        self.program.shapes[name] = shape
        return name

    def size(self) -> int:
        return self.rng.choice(self.dims)

    # -- terms -------------------------------------------------------------------------------

    def term(self, shape: Shape, depth: int) -> str:
        if depth <= 0 or self.rng.random() < 0.08:
            return self.leaf(shape)
        text = self.production(shape, depth - 1)
        if depth < self.depth and self.rng.random() < 0.3:
            self.count += 1
            name = f"q{self.count}"
            self.program.define[name] = text
            self.program.shapes[name] = shape
            return name
        return text

    def production(self, shape: Shape, d: int) -> str:
        common = [self.sum, self.sum, self.product, self.scaled, self.function, self.quotient,
                  self.power, self.negated, self.maximum, self.where]  # fmt: skip
        own = {"s": self.scalar, "c": self.column, "r": self.row, "m": self.matrix}[shape[0]]
        if self.rng.random() < 0.45:
            return self.rng.choice(common)(shape, d)
        return own(shape, d)

    def small(self, shape: Shape) -> str:
        """Something that may be spread over `shape`."""
        kinds: list[Shape] = [("s",)]
        if shape[0] == "m":
            kinds += [("c", shape[1]), ("r", shape[2])]
        return self.term(self.rng.choice(kinds), 1)

    def sum(self, shape: Shape, d: int) -> str:
        a, b = self.term(shape, d), self.term(shape, d)
        if self.rng.random() < 0.25:
            b = self.small(shape)
        if self.rng.random() < 0.2:
            a, b = b, a
        return f"({a} {self.rng.choice('+-')} {b})"

    def product(self, shape: Shape, d: int) -> str:
        a, b = self.term(shape, d), self.term(shape, d)
        if self.rng.random() < 0.25:
            b = self.small(shape)
        return f"({a} * {b})"

    def scaled(self, shape: Shape, d: int) -> str:
        number = self.rng.choice(["2", "3", "0.5", "1/3", "-2"])
        return f"({number} * {self.term(shape, d)})"

    def quotient(self, shape: Shape, d: int) -> str:
        down = self.small(shape) if self.rng.random() < 0.5 else self.term(shape, d - 1)
        return f"({self.term(shape, d)} / (1 + {down}**2))"

    def power(self, shape: Shape, d: int) -> str:
        inner = self.term(shape, d)
        return self.rng.choice([f"({inner})**2", f"({inner})**3", f"(2 + {inner}**2)**(-1)"])

    def negated(self, shape: Shape, d: int) -> str:
        return f"(-{self.term(shape, d)})"

    def maximum(self, shape: Shape, d: int) -> str:
        if not self.kinks:
            return self.sum(shape, d)
        name = self.rng.choice(["maximum", "minimum", "max"])
        return f"{name}({self.term(shape, d)}, {self.term(shape, d)})"

    def where(self, shape: Shape, d: int) -> str:
        if not self.kinks:
            return self.product(shape, d)
        a = self.term(shape, 1)
        return f"where({a} > 0, {self.term(shape, d)}, {self.term(shape, d)})"

    def function(self, shape: Shape, d: int) -> str:
        inner = self.term(shape, d)
        if self.program.exact:
            return f"{self.rng.choice(ALGEBRAIC)}({inner})"
        kind = self.rng.random()
        if kind < 0.15:
            return f"log(1 + ({inner})**2)"
        if kind < 0.3:
            return f"sqrt(2 + ({inner})**2)"
        if kind < 0.45 and self.kinks:
            return f"{self.rng.choice(KINKED)}({inner})"
        name = self.rng.choice(SMOOTH)
        return (
            f"{name}({inner})" if name not in ("exp", "sinh", "cosh") else f"{name}(tanh({inner}))"
        )

    def scalar(self, shape: Shape, d: int) -> str:
        m, n = self.size(), self.size()
        c = lambda: self.term(("c", n), d)  # noqa: E731
        kinds = [
            lambda: f"sum({self.term(('m', m, n), d)})",
            lambda: f"mean({self.term(('m', m, n), d)})",
            lambda: f"sum({c()})",
            lambda: f"mean({c()})",
            lambda: f"({self.term(('r', n), d)} @ {c()})",
            lambda: f"({self.leaf(('c', m))}.T @ {self.term(('m', m, n), d)} @ {c()})",
            lambda: f"({c()})[{self.rng.randrange(n)}]",
            lambda: f"dot({c()}, {c()})",
            lambda: (
                f"({self.term(('m', m, n), d)})[{self.rng.randrange(m)}, {self.rng.randrange(n)}]"
            ),
            lambda: f"mse_loss({c()}, {self.leaf(('c', n))})",
            lambda: f"({self.leaf(('c', m * n))}.T @ vec({self.term(('m', m, n), d)}))",
            lambda: f"dot({self.leaf(('c', m * n))}, flatten({self.term(('m', m, n), d)}))",
        ]
        if self.kinks:
            kinds += [lambda: f"max({c()})", lambda: f"min({self.term(('m', m, n), d)})"]
        if not self.program.exact:
            kinds += [
                lambda: f"norm2({c()})",
                lambda: f"norm2({self.term(('m', m, n), d)})",
                lambda: f"logsumexp({c()})",
                lambda: f"cross_entropy({c()}, softmax({self.leaf(('c', n))}))",
            ]
        return self.rng.choice(kinds)()

    def column(self, shape: Shape, d: int) -> str:
        n, m = int(shape[1]), self.size()
        pick = self.rng.randrange(m)
        kinds = [
            lambda: f"({self.term(('m', n, m), d)} @ {self.term(('c', m), d)})",
            lambda: f"({self.leaf(('m', m, n))}.T @ {self.term(('c', m), d)})",
            lambda: f"({self.term(('r', n), d)}).T",
            lambda: f"sum({self.term(('m', n, m), d)}, axis=1)",
            lambda: f"mean({self.term(('m', n, m), d)}, axis=1)",
            lambda: f"({self.term(('m', n, m), d)})[:, {pick}]",
            lambda: f"({self.term(('m', m, n), d)})[{pick}]",
            lambda: (
                f"concat({self.term(('c', 1), 0)}, {self.term(('c', n - 1), 1)})"
                if n > 2
                else f"[{self.term(('s',), d)}, {self.term(('s',), d)}]"
            ),
            lambda: f"({self.term(('c', n + m), 1)})[{m}:]",
            lambda: f"({self.term(('c', n), d)})[::-1]",
            lambda: (
                f"linear({self.term(('c', m), d)}, {self.leaf(('m', n, m))}, {self.leaf(('c', n))})"
            ),
            lambda: f"conv1d({self.term(('c', n + 2), 1)}, {self.leaf(('c', 3))})",
            lambda: f"homogeneous({self.term(('c', n - 1), 1)})" if n > 2 else self.leaf(shape),
        ]
        if self.kinks:
            kinds += [lambda: f"max({self.term(('m', n, m), d)}, axis=1)",
                      lambda: f"max_pool1d({self.term(('c', 2 * n), 1)}, 2)"]  # fmt: skip
        if not self.program.exact:
            kinds += [
                lambda: f"softmax({self.term(shape, d)})",
                lambda: f"log_softmax({self.term(shape, d)})",
                lambda: f"logsumexp({self.term(('m', n, m), d)}, axis=1)",
                lambda: f"norm2({self.term(('m', n, m), d)}, axis=1)",
            ]
        return self.rng.choice(kinds)()

    def row(self, shape: Shape, d: int) -> str:
        n, m = int(shape[1]), self.size()
        kinds = [
            lambda: f"({self.term(('c', n), d)}).T",
            lambda: f"({self.term(('r', m), d)} @ {self.term(('m', m, n), d)})",
            lambda: f"sum({self.term(('m', m, n), d)}, axis=0)",
            lambda: f"mean({self.term(('m', m, n), d)}, axis=0)",
        ]
        if self.kinks:
            kinds += [lambda: f"max({self.term(('m', m, n), d)}, axis=0)"]
        if not self.program.exact:
            kinds += [lambda: f"logsumexp({self.term(('m', m, n), d)}, axis=0)",
                      lambda: f"softmax({self.term(shape, d)})",
                      lambda: f"norm2({self.term(('m', m, n), d)}, axis=0)"]  # fmt: skip
        return self.rng.choice(kinds)()

    def matrix(self, shape: Shape, d: int) -> str:
        m, n, k = int(shape[1]), int(shape[2]), self.size()
        first, second = self.leaf(("c", m)), self.leaf(("c", n))
        kinds = [
            lambda: f"({self.term(('m', m, k), d)} @ {self.term(('m', k, n), d)})",
            lambda: f"({self.leaf(('m', k, m))}.T @ {self.term(('m', k, n), d)})",
            lambda: f"({self.term(('c', m), d)} @ {self.term(('r', n), d)})",
            lambda: f"outer({self.term(('c', m), d)}, {second})",
            lambda: f"({self.term(('m', n, m), d)}).T",
            lambda: f"reshape({self.term(('c', m * n), 1)}, {m}, {n})",
            lambda: f"unvec({self.term(('c', m * n), 1)}, {m}, {n})",
            lambda: f"reshape({self.term(('m', n, m), d)}, {m}, {n})",
            lambda: f"({self.term(('m', m + 1, n), 1)})[1:, :]",
            lambda: f"({self.term(('m', m, n + 2), 1)})[:, :{n}]",
            lambda: (
                f"concat({self.leaf(('m', 1, n))}, {self.term(('m', m - 1, n), 1)})"
                if m > 1
                else self.leaf(("m", 1, n))
            ),
            lambda: (
                f"concat({first}, {self.term(('m', m, n - 1), 1)}, axis=1)"
                if n > 2
                else f"concat({first}, {self.term(('c', m), d)}, axis=1)"
            ),
            lambda: f"conv2d({self.term(('m', m + 1, n + 2), 1)}, {self.leaf(('m', 2, 3))})",
            lambda: f"conv2d({self.term(('m', m, n), d)}, {self.leaf(('m', 3, 3))}, padding=1)",
            lambda: (
                f"conv2d({self.term(('m', 2 * m + 1, 2 * n), 1)}, "
                f"{self.leaf(('m', 3, 2))}, stride=2)"
            ),
            lambda: f"avg_pool2d({self.term(('m', 2 * m, 3 * n), 1)}, (2, 3))",
            lambda: f"avg_pool2d({self.term(('m', m + 1, n + 1), 1)}, 2, stride=1)",
            lambda: f"linear({self.term(('m', m, k), d)}, {self.leaf(('m', n, k))}, {second})",
        ]
        if self.kinks:
            kinds += [
                lambda: f"max_pool2d({self.term(('m', 2 * m, 2 * n), 1)}, 2)",
                lambda: f"max_pool2d({self.term(('m', m + 1, n + 1), 1)}, 2, stride=1)",
            ]
        if not self.program.exact:
            kinds += [
                lambda: f"softmax({self.term(shape, d)}, axis={self.rng.randrange(2)})",
                lambda: f"log_softmax({self.term(shape, d)}, axis={self.rng.randrange(2)})",
            ]
        return self.rng.choice(kinds)()
