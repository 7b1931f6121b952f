"""Random programs with linear algebra, norms and running sums, and programs with symbolic sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from random_programs import Maker, Program, Shape

Productions = list[Callable[[], str]]
SIZES = {"m": 2, "n": 3, "k": 5}  # of the symbolic programs


class More(Maker):
    """Adds inverses, determinants, factors, Kronecker products, norms, moments and running sums.

    Every square given is far from singular and has a positive determinant.
    """

    def value(self, shape: Shape) -> np.ndarray:
        x = super().value(shape)
        if shape[0] != "m" or x.shape[0] != x.shape[1]:
            return x
        if self.program.exact:
            return x / (10 * len(x)) + np.eye(len(x), dtype=int)
        return x / (2 * len(x)) + np.diag([self.rng.uniform(1, 1.5) for _ in x])

    def often(self, own: Productions, shape: Shape, d: int, old: Callable[..., str]) -> str:
        return self.rng.choice(own)() if self.rng.random() < 0.5 else old(shape, d)

    def square(self, n: int, d: int) -> str:
        """A square matrix with a positive determinant."""
        if self.program.exact or self.rng.random() < 0.4:
            return self.given(n)
        inner = self.term(("m", n, n), d)
        return self.rng.choice([
            f"(eye({n}) + tanh({inner}) / (2 * {n}))", f"({self.given(n)} @ {self.given(n)}.T)",
            f"({self.given(n)}.T @ {self.given(n)} + eye({n}))", f"({self.given(n)}).T",
            f"(2 * {self.given(n)})", f"({self.given(n)} @ {self.given(n)})",
        ])  # fmt: skip

    def given(self, n: int) -> str:
        """The name of a square given."""
        shape = ("m", n, n)
        known = [x for x, (s, _) in self.program.given.items() if s == shape]
        if known and self.rng.random() < 0.7:
            return self.rng.choice(known)
        name = f"W{len(self.program.given)}"
        self.program.given[name] = (shape, self.value(shape))
        self.program.shapes[name] = shape
        return name

    def scalar(self, shape: Shape, d: int) -> str:
        m, n = self.size(), self.size()
        c, a = (lambda: self.term(("c", n), d)), (lambda: self.term(("m", m, n), d))
        s = lambda: self.square(n, d)  # noqa: E731
        own: Productions = [
            lambda: f"tr({self.term(('m', n, n), d)})",
            lambda: f"tr({self.leaf(('m', m, n))}.T @ {a()})",
            lambda: f"quad_form({c()}, {self.term(('m', n, n), d)})",
            lambda: f"var({c()})", lambda: f"prod({c()})",
            lambda: f"det({self.given(n)})", lambda: f"tr(inv({self.given(n)}))",
            lambda: f"dot({self.leaf(('c', n))}, solve({self.given(n)}, {c()}))",
            lambda: f"dot({self.leaf(('c', m * n))}, kron({self.term(('c', m), d)}, {c()}))",
            lambda: f"einsum('i,ij,j->', {self.term(('c', m), d)}, {a()}, {c()})",
            lambda: f"sum({self.leaf(('m', 4, 6))} * kron({self.term(('m', 2, 3), 1)}, "
                    f"{self.term(('m', 2, 2), 1)}))",
            lambda: f"sum(matrix_power({self.given(n)}, {self.rng.choice([2, 3, -1])}))",
        ]  # fmt: skip
        if not self.program.exact:
            own += [
                lambda: f"logdet({s()})", lambda: f"det({s()})", lambda: f"frobenius({a()})",
                lambda: f"std({c()})", lambda: f"tr(inv({s()}))",
                lambda: f"({self.leaf(('c', n))}.T @ inv({s()}) @ {c()})",
                lambda: f"sum(log(diag(cholesky({self.given(n)} @ {self.given(n)}.T))))",
            ]  # fmt: skip
        if self.kinks:
            own += [lambda: f"norm1({c()})", lambda: f"norm_inf({c()})"]
        return self.often(own, shape, d, super().scalar)

    def column(self, shape: Shape, d: int) -> str:
        n, m = int(shape[1]), self.size()
        c, a = (lambda: self.term(shape, d)), (lambda: self.term(("m", n, m), d))
        own: Productions = [
            lambda: f"solve({self.square(n, 0)}, {c()})",
            lambda: f"(inv({self.given(n)}) @ {c()})",
            lambda: f"diag({self.term(('m', n, n), d)})", lambda: f"cumsum({c()})",
            lambda: f"var({a()}, axis=1)", lambda: f"prod({self.term(('m', n, 2), 1)}, axis=1)",
            lambda: f"einsum('ij,j->i', {a()}, {self.term(('c', m), d)})",
            lambda: f"(diag({c()}) @ {c()})", lambda: f"({c()} - mean({c()}))",
        ]  # fmt: skip
        if self.kinks:
            own += [lambda: f"norm1({a()}, axis=1)"]
        return self.often(own, shape, d, super().column)

    def row(self, shape: Shape, d: int) -> str:
        n, m = int(shape[1]), self.size()
        own: Productions = [
            lambda: f"var({self.term(('m', m, n), d)}, axis=0)",
            lambda: f"({self.term(shape, d)} @ inv({self.given(n)}))",
            lambda: f"prod({self.term(('m', 2, n), 1)}, axis=0)",
        ]
        return self.often(own, shape, d, super().row)

    def matrix(self, shape: Shape, d: int) -> str:
        m, n, k = int(shape[1]), int(shape[2]), self.size()
        a = lambda: self.term(shape, d)  # noqa: E731
        own: Productions = [
            lambda: f"solve({self.square(m, 0)}, {a()})",
            lambda: f"(inv({self.given(m)}) @ {a()})", lambda: f"({a()} @ inv({self.given(n)}))",
            lambda: f"cumsum({a()}, axis={self.rng.randrange(2)})",
            lambda: f"einsum('ik,jk->ij', {self.term(('m', m, k), d)}, "
                    f"{self.term(('m', n, k), d)})",
            lambda: f"(diag({self.term(('c', m), d)}) @ {a()})",
            lambda: f"({a()} - mean({a()}, axis={self.rng.randrange(2)}))",
            lambda: f"{self.rng.choice(['tril', 'triu'])}({a()})",
        ]  # fmt: skip
        if m == n:
            own += [lambda: f"inv({self.square(n, 0)})", lambda: f"diag({self.term(('c', n), d)})",
                    lambda: f"matrix_power({self.given(n)}, {self.rng.choice([2, -1])})",
                    lambda: f"({a()} + {self.given(n)}.T)"]  # fmt: skip
        return self.often(own, shape, d, super().matrix)


class Symbolic(Maker):
    """Programs in which every size is a name; only what needs no arithmetic on sizes."""

    def __init__(self, seed: int, depth: int = 4, kinks: bool = True) -> None:
        super().__init__(seed, depth, False, kinks)
        self.names = self.rng.sample(list(SIZES), 2)

    def make(self, result: Shape | None = None) -> Program:
        m, n = self.names
        kinds: list[Shape] = [("s",), ("c", m), ("r", n), ("m", m, n)]
        return super().make(result or self.rng.choice(kinds))

    def size(self) -> str:  # type: ignore[override]
        return self.rng.choice(self.names)

    def value(self, shape: Shape) -> np.ndarray:
        x = super().value((shape[0], *(str(SIZES[d]) for d in shape[1:])))
        if len(shape) == 3 and shape[1] == shape[2]:
            return x / (2 * len(x)) + np.diag([self.rng.uniform(1, 1.5) for _ in x])
        return x

    def square(self, n: str, d: int) -> str:
        return f"(eye({n}) + tanh({self.term(('m', n, n), d)}) / (2 * {n}))"

    def scalar(self, shape: Shape, d: int) -> str:
        m, n = self.size(), self.size()
        c, a = (lambda: self.term(("c", n), d)), (lambda: self.term(("m", m, n), d))
        kinds: Productions = [
            lambda: f"sum({a()})", lambda: f"mean({a()})", lambda: f"sum({c()})",
            lambda: f"mean({c()})", lambda: f"({self.term(('r', n), d)} @ {c()})",
            lambda: f"({self.leaf(('c', m))}.T @ {a()} @ {c()})", lambda: f"dot({c()}, {c()})",
            lambda: f"mse_loss({c()}, {self.leaf(('c', n))})", lambda: f"norm2({c()})",
            lambda: f"norm2({a()})**2", lambda: f"logsumexp({c()})", lambda: f"var({c()})",
            lambda: f"tr({self.term(('m', n, n), d)})",
            lambda: f"quad_form({c()}, {self.term(('m', n, n), d)})",
            lambda: f"logdet({self.square(n, d)})", lambda: f"det({self.square(n, d)})",
            lambda: f"(sum({c()}) / {n})", lambda: f"({n} * log(1 + ({self.term(('s',), d)})**2))",
        ]  # fmt: skip
        if self.kinks:
            kinds += [lambda: f"max({c()})", lambda: f"norm1({c()})"]
        return self.rng.choice(kinds)()

    def column(self, shape: Shape, d: int) -> str:
        n, m = shape[1], self.size()
        c, a = (lambda: self.term(shape, d)), (lambda: self.term(("m", n, m), d))
        kinds: Productions = [
            lambda: f"({a()} @ {self.term(('c', m), d)})",
            lambda: f"({self.leaf(('m', m, n))}.T @ {self.term(('c', m), d)})",
            lambda: f"({self.term(('r', n), d)}).T", lambda: f"sum({a()}, axis=1)",
            lambda: f"mean({a()}, axis=1)", lambda: f"softmax({c()})",
            lambda: f"log_softmax({c()})", lambda: f"logsumexp({a()}, axis=1)",
            lambda: f"norm2({a()}, axis=1)", lambda: f"solve({self.square(n, 0)}, {c()})",
            lambda: f"diag({self.term(('m', n, n), d)})", lambda: f"({c()} - mean({c()}))",
            lambda: f"({c()} * ones({n}) / {n})",
        ]  # fmt: skip
        return self.rng.choice(kinds)()

    def row(self, shape: Shape, d: int) -> str:
        n, m = shape[1], self.size()
        a = lambda: self.term(("m", m, n), d)  # noqa: E731
        kinds: Productions = [
            lambda: f"({self.term(('c', n), d)}).T", lambda: f"({self.term(('r', m), d)} @ {a()})",
            lambda: f"sum({a()}, axis=0)", lambda: f"mean({a()}, axis=0)",
            lambda: f"var({a()}, axis=0)",
        ]  # fmt: skip
        return self.rng.choice(kinds)()

    def matrix(self, shape: Shape, d: int) -> str:
        m, n, k = shape[1], shape[2], self.size()
        a = lambda: self.term(shape, d)  # noqa: E731
        kinds: Productions = [
            lambda: f"({self.term(('m', m, k), d)} @ {self.term(('m', k, n), d)})",
            lambda: f"({self.leaf(('m', k, m))}.T @ {self.term(('m', k, n), d)})",
            lambda: f"({self.term(('c', m), d)} @ {self.term(('r', n), d)})",
            lambda: f"({self.term(('m', n, m), d)}).T",
            lambda: f"softmax({a()}, axis={self.rng.randrange(2)})",
            lambda: f"(diag({self.term(('c', m), d)}) @ {a()})",
            lambda: f"(inv({self.square(m, 0)}) @ {a()})",
            lambda: f"({a()} - mean({a()}, axis={self.rng.randrange(2)}))",
            lambda: f"({a()} + ones({m}) @ {self.term(('r', n), d)})",
        ]  # fmt: skip
        if m == n:
            kinds += [lambda: f"diag({self.term(('c', n), d)})", lambda: f"({a()} + eye({n}))"]
        return self.rng.choice(kinds)()
